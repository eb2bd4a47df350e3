"""What a retraining found, as rows of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lashley.effects import effects
from lashley.effects.drops import tops_of
from lashley.papers.meyes2019.layers.tables import label_of
from lashley.papers.meyes2019.recovery.runs import RecoveryRun
from lashley.recovery import Recovery

NAMES = ("recovery", "recovery_classes", "recovery_layers")
_RECORDED = ("loss", "train_loss", "held_norm", "validation_percent")
_DROP = ("drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained")


def keys_of(run: RecoveryRun, layer: int, proportion: float) -> dict[str, Any]:
    """What names a run in the tables, and what it ablates."""
    site = run.ablation.site
    ablated = 0 if run.start == "intact" else len(run.ablation.units)
    return {
        **run.key._asdict(), "layer": layer, "label": label_of(site.name), "n_units": site.n_units,
        "proportion": proportion, "method": str(run.ablation.method), "ablated": ablated,
        "ablated_share": ablated / site.n_units,
    }  # fmt: skip


def by_epoch(keys: Mapping[str, Any], recovery: Recovery, begun: int) -> pd.DataFrame:
    """A row per epoch and top.

    Args:
        keys: Of the run.
        recovery: Its result.
        begun: Epochs that were trained before, since the chain of runs began.
    """
    return pd.concat(
        [_epochs(keys, recovery, begun, top) for top in tops_of(recovery.outcomes.sizes["class"])],
        ignore_index=True,
    )


def _epochs(keys: Mapping[str, Any], recovery: Recovery, begun: int, top: int) -> pd.DataFrame:
    found, record = effects(recovery.outcomes, top), recovery.record
    columns: dict[str, Any] = {name: found[f"overall_{name}"].values for name in _DROP}
    accuracy = {
        f"accuracy_{name}": record[f"top{top}_{name}"].to_numpy()
        for name in ("percent", "low_percent", "high_percent")
    }
    epoch = record["epoch"].to_numpy()
    return pd.DataFrame({
        **keys, "epoch": epoch, "total_epoch": begun + epoch, "top": top,
        **accuracy, **columns, "total": int(found["overall_total"]),
        **{name: record[name].to_numpy() for name in _RECORDED},
        "hold": recovery.hold, "ended": recovery.ended,
    })  # fmt: skip


def by_class(keys: Mapping[str, Any], recovery: Recovery) -> pd.DataFrame:
    """A row per class and top, before the training and after it."""
    last = len(recovery.record) - 1
    return pd.concat(
        [
            _classes({**keys, "epoch": epoch, "top": top}, effects(recovery.outcomes, top), epoch)
            for top in tops_of(recovery.outcomes.sizes["class"])
            for epoch in dict.fromkeys((0, last))
        ],
        ignore_index=True,
    )


def _classes(keys: Mapping[str, Any], found: xr.Dataset, epoch: int) -> pd.DataFrame:
    names, at = found["class"].values.astype(str), found.isel(ablation=epoch)
    total, intact = (found[name].values for name in ("total", "intact_correct"))
    drops = {name: at[name].values for name in _DROP}
    right = intact - drops["lost"] + drops["gained"]
    accuracy = np.divide(100 * right, total, out=np.full(len(total), np.nan), where=total > 0)
    return pd.DataFrame({
        **keys, "class": names, "class_index": range(len(names)), "accuracy_percent": accuracy,
        **drops, "total": total, "intact_correct": intact,
    })  # fmt: skip


def by_module(
    keys: Mapping[str, Any], recovery: Recovery, modules: Sequence[str], undone: pd.DataFrame
) -> pd.DataFrame:
    """A row per trained module, in forward order.

    Args:
        keys: Of the run.
        recovery: Its result.
        modules: Names of those that were trained.
        undone: A row for each of them.
    """
    of = recovery.layers.set_index("module").loc[list(modules)]
    columns = {
        "module": list(modules), "module_label": [label_of(name) for name in modules],
        "position": range(len(modules)),
        "parameters": of["parameters"].to_numpy(), "change": of["change"].to_numpy(),
    }  # fmt: skip
    return pd.DataFrame({**keys, **columns, **undone})
