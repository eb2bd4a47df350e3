"""Figures of a layer study, drawn from its folder alone: no network is run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from matplotlib.figure import Figure

from lashley.papers.meyes2019.figures import layers as layer
from lashley.papers.meyes2019.figures import recovery
from lashley.papers.meyes2019.figures.layers import LayerResults
from lashley.papers.meyes2019.layers.reading import recovery_results, results
from lashley.studies.drawing import Gallery
from lashley.studies.folder import RunFolder


def galleries(folder: RunFolder) -> list[Gallery]:
    """All figures of a run that has its tables."""
    found = results(folder)
    names = captions(folder, found)
    return [Gallery(folder.path / "figures", names, partial(_figures, folder, found))]


def captions(folder: RunFolder, found: LayerResults) -> dict[str, str]:
    """What each figure of a run shows, by its name."""
    retrained = recovery_results(folder)
    further = recovery.figure_names(retrained) if retrained else ()
    known = {**layer.CAPTIONS, **recovery.CAPTIONS}
    return {name: known[name] for name in (*layer.figure_names(found), *further)}


def _figures(folder: RunFolder, found: LayerResults) -> Iterator[tuple[str, Figure]]:
    yield from layer.layer_figures(found)
    retrained = recovery_results(folder)
    if retrained:
        yield from recovery.recovery_figures(retrained)
