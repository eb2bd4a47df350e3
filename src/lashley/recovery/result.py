"""What a recovery comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from torch import Tensor, nn

from lashley import outcomes as schema
from lashley import stats
from lashley.ablations import Ablation
from lashley.effects import effects
from lashley.effects.drops import tops_of
from lashley.graph.reading import as_given
from lashley.recovery.begin import Start
from lashley.recovery.diary import Diary
from lashley.recovery.measuring import NetworkOutcomes, changes_of
from lashley.recovery.task import RecoveryTask


@dataclass(frozen=True, eq=False)
class Recovery:
    """A network retrained after an ablation, and how that went.

    Attributes:
        network: The trained one, in eval mode, of the class of the given one: the ablation is in
            its weights.
        before: The network with which the training began.
        ablation: What was taken out.
        outcomes: As `evaluate` returns them, against the intact network; the ablation axis has the
            epochs, with their number as the coordinate `epoch`, 0 before the training. So
            `effects(outcomes, top=1)` gives drops with intervals, overall and per class.
        record: A row per epoch: `epoch`; `train_loss` (mean over the epoch's batches, NaN before
            the first) and `loss` (of the test examples), in nats; `held_norm`, the norm of what
            should not have moved: 0 while the ablation is held; `hold`, whether it was;
            `validation_percent`, what the stop rule saw. For top 1 and, where there are more than 5
            classes, 5: `top1_percent` with its 95 % interval `top1_low_percent`,
            `top1_high_percent`, and `top1_drop_pp` against the intact network with
            `top1_drop_low_pp`, `top1_drop_high_pp`.
        layers: A row per module with parameters of its own: `module`, `parameters` (how many),
            `change` (norm of the difference over the norm before; 0 for frozen ones, NaN for those
            that were 0 before).
        start: What the training began with.
        hold: Whether the ablation was held.
        ended: Why the training ended: "all epochs", "no gain", or "diverged in epoch 3".
    """

    network: nn.Module
    before: nn.Module
    ablation: Ablation
    outcomes: xr.Dataset
    record: pd.DataFrame
    layers: pd.DataFrame
    start: str
    hold: bool
    ended: str


def result(
    task: RecoveryTask, start: Start, ablation: Ablation, diary: Diary, member: int,
    intact: NetworkOutcomes, epochs: int, ended: str,
) -> Recovery:  # fmt: skip
    """The member's recovery after this many epochs."""
    book = {
        name: _numbers(values[: epochs + 1, member])
        for name, values in diary.book.items()
        if name != "epochs" and not name.startswith("good.")
    }
    found = _outcomes(task, ablation, book, intact)
    changes = changes_of(start.before, start.network)
    rows = [(name, n, change) for name, (n, change) in changes.items()]
    return Recovery(
        as_given(start.network), as_given(start.before), ablation, found, _record(found, book),
        pd.DataFrame(rows, columns=["module", "parameters", "change"]),
        task.start, task.hold, ended,
    )  # fmt: skip


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy().copy()


def _outcomes(
    task: RecoveryTask, ablation: Ablation, book: Mapping[str, np.ndarray], intact: NetworkOutcomes
) -> xr.Dataset:
    names = task.test.class_names
    kind = schema.dtype_for(intact.outputs)
    arrays: dict[str, Any] = {n: book[n].astype(kind) for n in ("rank", "prediction")}
    arrays |= {f"intact_{n}": _numbers(getattr(intact, n)).astype(kind) for n in arrays}
    arrays["label"] = _numbers(task.test.labels).astype(kind)
    rows = [
        replace(ablation, design="recovery", columns={**ablation.columns, "epoch": epoch})
        for epoch in range(len(book["rank"]))
    ]
    attrs = {"readout": "classification", "start": task.start, "hold": int(task.hold)}
    return schema.assemble(rows, arrays, names, attrs)


def _record(outcomes: xr.Dataset, book: Mapping[str, np.ndarray]) -> pd.DataFrame:
    names = ("train_loss", "loss", "held_norm")
    found = pd.DataFrame({"epoch": outcomes["epoch"].values, **{n: book[n] for n in names}})
    found["hold"] = bool(outcomes.attrs["hold"])
    found["validation_percent"] = book["validation"]
    n = outcomes.sizes["example"]
    for top in tops_of(outcomes.sizes["class"]):
        right = (outcomes["rank"].values < top).sum(1)
        ends = stats.share_interval(right, np.full(len(right), n))
        found[f"top{top}_percent"] = 100 * right / n
        found[f"top{top}_low_percent"] = 100 * ends.low
        found[f"top{top}_high_percent"] = 100 * ends.high
        of = effects(outcomes, top)
        for name in ("drop_pp", "drop_low_pp", "drop_high_pp"):
            found[f"top{top}_{name}"] = of[f"overall_{name}"].values
    return found
