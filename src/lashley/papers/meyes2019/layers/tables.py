"""The tidy tables of a layer study: what was measured, one row a number and its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from scipy import stats as sps
from torch import nn

from lashley import outcomes as schema
from lashley import stats
from lashley.data import Examples
from lashley.data.examples import require_tensor
from lashley.designs import distances
from lashley.effects import effects, mean_effect
from lashley.effects.drops import tops_of
from lashley.papers.meyes2019.layers.changes import ChangeKey, Changes, halves
from lashley.papers.meyes2019.layers.claims import claims_table
from lashley.sites import Site
from lashley.studies.folder import Tell
from lashley.studies.stages import Job
from lashley.units import Units, constants_after_zeroing, units_of_each

NAMES = ("layers", "classes", "effects", "constants", "claims")
SIMILAR, RANDOM = "similar_groups", "random_groups"
_MEAN = ("drop_pp", "drop_low_pp", "drop_high_pp", "sd_pp")
_QUANTILES = {
    "min_pp": 0, "q05_pp": 5, "q25_pp": 25, "median_pp": 50, "q75_pp": 75, "q95_pp": 95,
    "max_pp": 100,
}  # fmt: skip
_GROUPED = ("site", "method", "proportion")
_SAME = 1e-9  # pp; drops of other rounding are as large
_SAMPLE = 500  # images on which the filters' activations are looked at
_NUMBERS = 1 << 18  # pixels of images that are looked at together


@dataclass(frozen=True)
class TableBlock:
    """The groups of a layer of one size, ablated by one method, and what they cost.

    Attributes:
        keys: What all of them have in common, as columns.
        similar: Effects of the groups of similar filters.
        random: Of the random groups.
        mean: Of the groups of similar filters.
        random_mean: Of the random groups.
        gaining: (group,) which gain on the first half of the examples.
    """

    keys: Mapping[str, Any]
    similar: xr.Dataset
    random: xr.Dataset
    mean: xr.Dataset
    random_mean: xr.Dataset
    gaining: np.ndarray


def write(job: Job, network: nn.Module, test: Examples, sites: Sequence[Site]) -> None:
    """Write the tables of a run whose outcomes are complete."""
    folder = job.folder
    outcomes = schema.open_store(folder.outcomes)
    found, changes = _measured(outcomes, sites, job.tell)
    found["constants"] = _constants(network, sites, test)
    by_image = Changes(outcomes["label"].values.astype(np.int64), changes)
    apart = {site.name: distances(site).float().numpy() for site in sites}
    folder.write_arrays("distances", apart)
    folder.write_arrays("changes", by_image.arrays())
    for name, table in found.items():
        folder.write_table(name, table)
    folder.write_table("claims", claims_table(found, by_image))


def _measured(
    outcomes: xr.Dataset, sites: Sequence[Site], tell: Tell
) -> tuple[dict[str, pd.DataFrame], dict[ChangeKey, np.ndarray]]:
    made = {"layers": _layer, "classes": _classes, "effects": _effects}
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in made}
    changes: dict[ChangeKey, np.ndarray] = {}
    layers = {site.name: (i, site.n_units) for i, site in enumerate(sites)}
    index = pd.DataFrame({name: outcomes[name].values for name in _GROUPED})
    together = list(index.groupby(list(_GROUPED), sort=False).indices.values())
    for done, rows in enumerate(together):
        tell("tables", done, len(together))
        part = outcomes.isel(ablation=slice(rows[0], rows[-1] + 1)).load().drop_encoding()
        for top in tops_of(part.sizes["class"]):
            block = _block(part, top, layers)
            for name, make in made.items():
                parts[name].append(make(block))
            changes |= _changes(block, part)
    tell("tables", len(together), len(together))
    return {name: pd.concat(rows, ignore_index=True) for name, rows in parts.items()}, changes


def label_of(site: str) -> str:
    """How a layer is called on axes: "33" for "features.33", as in the paper."""
    return site.removeprefix("features.")


def _block(part: xr.Dataset, top: int, layers: Mapping[str, tuple[int, int]]) -> TableBlock:
    """What the outcomes of groups of one site, method and proportion add up to."""
    site, method = str(part["site"].values[0]), str(part["method"].values[0])
    layer, n_units = layers[site]
    keys = {
        "site": site, "layer": layer, "label": label_of(site), "n_units": n_units,
        "proportion": float(part["proportion"][0]),
        "size": str(part["units"].values[0]).count(",") + 1, "method": method, "top": top,
    }  # fmt: skip
    design = part["design"].values
    similar, random = (part.isel(ablation=design == name) for name in (SIMILAR, RANDOM))
    first = effects(similar.isel(example=halves(similar.sizes["example"])[0]), top)
    return TableBlock(
        keys, effects(similar, top), effects(random, top), mean_effect(similar, top),
        mean_effect(random, top), first["overall_drop_pp"].values < 0,
    )  # fmt: skip


def _layer(block: TableBlock) -> pd.DataFrame:
    """One row: the mean over the groups, how they vary, and the same of the random groups."""
    each = block.similar["overall_drop_pp"].values
    row = {**block.keys, "groups": len(each), **_overall(block.mean)}
    row |= dict(zip(_QUANTILES, np.percentile(each, list(_QUANTILES.values())), strict=True))
    row |= {"helped": (each < 0).mean(), "helped_first": int(block.gaining.sum())}
    row["random_groups"] = block.random.sizes["ablation"]
    return pd.DataFrame([row | _random(block)])


def _random(block: TableBlock) -> dict[str, float]:
    """The mean of the random groups; its interval is over the images and over the groups drawn."""
    found, n = _overall(block.random_mean, "random_"), block.random.sizes["ablation"]
    if n > 1:
        drawn = sps.t.ppf(0.975, n - 1) * found["random_sd_pp"] / np.sqrt(n - 1)
        middle = found["random_drop_pp"]
        low, high = (middle - found[f"random_drop_{end}_pp"] for end in ("low", "high"))
        found["random_drop_low_pp"] = float(middle - np.hypot(low, drawn))
        found["random_drop_high_pp"] = float(middle + np.hypot(high, drawn))
    return found


def _overall(found: xr.Dataset, prefix: str = "") -> dict[str, float]:
    return {prefix + name: float(found[f"overall_{name}"]) for name in _MEAN}


def _classes(block: TableBlock) -> pd.DataFrame:
    """A row per class: the mean over the groups of similar filters."""
    names = block.mean["class"].values.astype(str)
    columns = {"class": names, "class_index": range(len(names))}
    columns |= {name: block.mean[name].values for name in (*_MEAN, "total", "intact_correct")}
    return pd.DataFrame({**block.keys, **columns})


def _changes(block: TableBlock, part: xr.Dataset) -> dict[ChangeKey, np.ndarray]:
    """(example,) mean change over the groups of similar filters; and over those that gain.

    The groups that gain are chosen on the first half of the examples, to be confirmed on the other.
    """
    label, method = block.keys["label"], block.keys["method"]
    proportion, top = block.keys["proportion"], block.keys["top"]
    found = {("all", label, method, proportion, top): block.mean["change"].values}
    if top == 1:
        similar = part.isel(ablation=part["design"].values == SIMILAR)
        gaining = similar.isel(ablation=block.gaining)
        n = gaining.sizes["ablation"]
        total = mean_effect(gaining)["change"].values * n if n else np.zeros(part.sizes["example"])
        found["gaining", label, method, proportion, top] = total
    return {key: values.astype(np.float32) for key, values in found.items()}


def _effects(block: TableBlock) -> pd.DataFrame:
    """A row per group, similar ones first, each with the share of random groups as costly."""
    costs = [found["overall_drop_pp"].values for found in (block.similar, block.random)]
    part, whole = (costs[1] >= costs[0][:, None] - _SAME).sum(1), len(costs[1])
    ends = stats.share_interval(part, whole)
    shares = {
        "random_share": part / whole, "random_share_low": ends.low, "random_share_high": ends.high
    }  # fmt: skip
    parts = [_each(block, block.similar, shares), _each(block, block.random, {})]
    return pd.concat(parts, ignore_index=True)


def _each(block: TableBlock, found: xr.Dataset, further: Mapping[str, np.ndarray]) -> pd.DataFrame:
    n, seen = found.sizes["ablation"], found.get("overall_seen", found["overall_total"])
    columns = {name: found[name].values for name in ("anchor", "seed", "draw")}
    columns |= {name: found[name].values.astype(str) for name in ("design", "units")}
    columns |= {
        name: found[f"overall_{name}"].values
        for name in ("drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained")
    }
    total = np.broadcast_to(seen.values, n)
    return pd.DataFrame({**block.keys, **columns, "total": total, **further})


def _constants(network: nn.Module, sites: Sequence[Site], test: Examples) -> pd.DataFrame:
    """What zeroed filters hold, and what the intact ones hold."""
    constants, parts = constants_after_zeroing(network, sites, test), []
    for layer, units in enumerate(units_of_each(network, sites, test)):
        mean, largest = _activations(units, test)
        parts.append(pd.DataFrame({
            "site": units.site.name, "layer": layer, "label": label_of(units.site.name),
            "unit": range(units.site.n_units),
            "constant": constants[units.site.name].numpy(),
            "mean_activation": mean, "at_most": largest,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@torch.no_grad()
def _activations(units: Units, test: Examples) -> tuple[np.ndarray, np.ndarray]:
    """(unit,) mean and largest activation over a sample of the examples."""
    inputs = require_tensor(test)
    which = torch.linspace(0, len(inputs) - 1, min(_SAMPLE, len(inputs))).long()
    total, largest = [], []
    for part in which.split(max(1, _NUMBERS // inputs[:1].numel())):
        held = units.activation(inputs[part])
        total.append(held.mean(2, dtype=torch.float64).sum(0))
        largest.append(held.amax((0, 2)))
    return (torch.stack(total).sum(0) / len(which)).numpy(), torch.stack(largest).amax(0).numpy()
