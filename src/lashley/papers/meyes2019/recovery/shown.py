"""What is shown of the tables of recovery, on a screen or a page."""

from __future__ import annotations

import pandas as pd

_RUN = ["label", "experiment", "start", "instance", "iteration"]
_RUNS = [
    *_RUN, "ablated_share", "epochs", "top", "drop_before_pp", "accuracy_percent", "drop_pp",
    "drop_low_pp", "drop_high_pp", "held_norm", "ended",
]  # fmt: skip
_CLASSES = [
    "label", "instance", "class", "drop_before_pp", "accuracy_percent", "drop_pp", "drop_low_pp",
    "drop_high_pp", "lost", "gained", "total",
]  # fmt: skip
_MODULES = [
    *_RUN, "module", "parameters", "change", "undone_pp", "undone_low_pp", "undone_high_pp",
]  # fmt: skip
_INSTANCES = "experiment == 'instances' and start == 'ablated'"


def brief(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The result of every run, beside the drop before it; other tables as they are.

    Of the classes, the ablated instances in top-1; of the modules, these and the last iterations.
    """
    if name == "recovery":
        return _last(table, ["site", *_RUN, "top"]).filter(_RUNS)
    if name == "recovery_classes":
        rows = table.query(f"{_INSTANCES} and top == 1")
        return _last(rows, ["site", *_RUN, "class_index"]).filter(_CLASSES)
    if name == "recovery_layers":
        last = table.groupby("site")["iteration"].transform("max")
        rows = table.assign(last=table["iteration"] == last)
        return rows.query(f"({_INSTANCES}) or (last and start == 'ablated')").filter(_MODULES)
    return table


def _last(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The last epoch, with the drop before the first."""
    ordered = table.sort_values("epoch", kind="stable").groupby(keys, sort=False)
    first = ordered.head(1).set_index(keys)["drop_pp"].to_frame("drop_before_pp")
    last = ordered.tail(1).sort_index()
    return last.join(first, on=keys).assign(epochs=last["epoch"])
