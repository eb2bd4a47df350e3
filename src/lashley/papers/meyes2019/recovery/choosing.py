"""Which layers are ablated for a recovery: those that matter most on one half of the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lashley.papers.meyes2019.figures.layers.choice import MANY
from lashley.papers.meyes2019.layers.changes import ChangeKey, Changes, halves
from lashley.papers.meyes2019.recovery.form import RecoveryPart
from lashley.sites import Site

_LAYERS = 2


def changes_in(arrays: Mapping[str, np.ndarray]) -> Changes:
    """For each image of the sweep, from what `Changes.arrays` returned."""
    by_key: dict[ChangeKey, np.ndarray] = {}
    for name, values in arrays.items():
        if name != "label":
            which, layer, method, proportion, top = name.split("|")
            by_key[which, layer, method, float(proportion), int(top)] = values
    return Changes(arrays["label"], by_key)


def importance(
    changes: Changes, labels: Mapping[str, str], part: RecoveryPart, classes: int
) -> dict[str, float]:
    """What each layer costs on the first half of the sweep's images, in pp.

    The mean drop of its groups at the recovery's proportion, or the nearest that was swept; top-5
    if there are 20 classes or more, else top-1.

    Args:
        changes: For each image of the sweep.
        labels: Of the layers, by site.
        part: Of the study.
        classes: How many.
    """
    swept = {key[3] for key in changes.by_key}
    nearest = min(swept, key=lambda p: (abs(p - part.proportion), p))
    top = 5 if classes >= MANY else 1
    first, _ = halves(len(changes.label))
    return {
        site: 100 * float(changes.of(label, part.method, nearest, top)[first].mean())
        for site, label in labels.items()
    }


def chosen(sites: Sequence[Site], importance: Mapping[str, float]) -> list[Site]:
    """The two that matter most, in forward order; of equals the one nearer the input."""
    ranked = sorted(sites, key=lambda site: -importance[site.name])  # stable
    return [site for site in sites if site in ranked[:_LAYERS]]
