"""Verdicts: what is kept of outputs, and what of it rounding could have flipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lashley.ablations import Ablation
from lashley.data.targets import each
from lashley.engine.shortcuts import decide
from lashley.errors import EngineError
from lashley.readouts import CLASSIFICATION, Readout, check_measured

_OWN = torch.contiguous_format  # a copy, to be used up
_SHARE = 1e-3  # of the largest value; an ablation of no units may change that much
Readings = dict[str, Tensor]  # (ablation, example) by name of what is measured
RowNumbers = tuple[int, ...]  # of the outcomes; row 0 is the intact network


@dataclass(frozen=True)
class Verdict:
    """What is kept of outputs.

    Attributes:
        readout: What measures it.
        share: Logits no further apart than this share of the largest logit may be in another order
            in exact arithmetic.
        least: The same, as a difference of logits: at least this counts as too close.
        kind: Type of ranks and predictions.
    """

    readout: Readout
    share: float
    least: float
    kind: torch.dtype

    @property
    def classifies(self) -> bool:
        """Whether ranks and predictions are kept, which have to be decided."""
        return self.readout.name == CLASSIFICATION.name

    @property
    def unknown(self) -> int:
        """Stands for a rank that is not known yet: above any rank, and exact in float32 too."""
        return min(torch.iinfo(self.kind).max, 2**24 - 1)

    def of_columns(
        self, logits: Float[Tensor, "ablation class example"], labels: Any,
        least: float | None = None, margins: Tensor | None = None,
    ) -> Readings:  # fmt: skip
        """Of stacked logits, which are used up.

        Args:
            logits: Of the stacked ablations.
            labels: Of the examples.
            least: The margin of another format than float32.
            margins: (ablation) or (cell) what each asks for beyond the intact network's.
        """
        if not self.classifies:
            rows = logits.transpose(1, 2).flatten(0, 1)
            return self.of_rows(rows, labels, len(logits))
        top = logits.amax(1, keepdim=True)
        margin: float | Tensor = least if least is not None else max(
            self.least, self.share * float(top.max()))  # fmt: skip
        if margins is not None:
            by_ablation = len(margins) == len(logits)
            each = margins.to(logits).view((-1, 1, 1) if by_ablation else (1, 1, -1))
            margin = each.clamp(min=margin)
        rank, prediction = decide(logits, labels, margin, float(self.unknown), top)
        return {"rank": rank.to(self.kind), "prediction": prediction.to(self.kind)}

    def of_rows(
        self, outputs: Tensor, labels: Any, times: int = 1, least: float | None = None,
        margins: Tensor | None = None,
    ) -> Readings:  # fmt: skip
        """Of outputs (ablation x example, ...) of so many ablations; labels are (example, ...)."""
        if self.classifies:
            logits = outputs.view(times, -1, outputs.shape[-1]).transpose(1, 2)
            logits = logits.float().clone(memory_format=_OWN)
            return self.of_columns(logits, labels, least, margins)
        targets = each(labels, lambda part: part.repeat(times, *[1] * (part.ndim - 1)))
        found = check_measured(self.readout.name, self.readout.of(outputs, targets), len(outputs))
        return {name: value.view(times, -1) for name, value in found.items()}

    def slack(self, outputs: Tensor, labels: Any) -> Readings:
        """(1, example) how far rounding of the outputs (example, ...) may move what is measured.

        The readout itself is asked again, with all outputs a little larger, smaller, and
        alternately both. What could flip ranks and predictions is known otherwise.
        """
        if self.classifies:
            return {}
        turns = torch.ones_like(outputs).flatten()
        turns[1::2] = -1
        nudges = (1.0, -1.0, turns.view_as(outputs))
        values = self.readout.of(outputs, labels)
        moved = [self.readout.of(outputs + self.least * nudge, labels) for nudge in nudges]
        return {
            name: torch.stack([(m[name].double() - value.double()).abs() for m in moved])
            .nan_to_num(torch.inf)
            .amax(0, keepdim=True)
            for name, value in values.items()
        }

    def exactly(self, outputs: Tensor, labels: Any) -> Readings:
        """Of outputs (example, ...) in an exact enough format: nothing remains unknown."""
        found = check_measured(self.readout.name, self.readout.of(outputs, labels), len(labels))
        if self.classifies:
            found = {name: value.to(self.kind) for name, value in found.items()}
        return {name: value[None] for name, value in found.items()}


def check_empty(verdict: Verdict, empty: Readings, intact: Readings, slack: Readings) -> None:
    """Refuse a network on which the ablation of no units, on the first examples, has an effect.

    Args:
        verdict: What is kept.
        empty: (1, example) what was found for no units, on the first examples or on all.
        intact: The same for the intact network, on all.
        slack: From `Verdict.slack`, on all.

    Raises:
        EngineError: If it has one.
    """
    if differing(verdict, empty, intact, slack):
        raise EngineError(
            "engine: an ablation of no units has an effect, so the network does not compute what "
            "its graph says, gives another output each time, or mixes the examples of a batch "
            "where units are replaced. Use engine='naive', and please report the network."
        )


def differing(verdict: Verdict, found: Readings, intact: Readings, slack: Readings) -> int:
    """On how many examples two ways to the intact network differ by more than rounding.

    Args:
        verdict: What is kept.
        found: (1, example) by one way, on the first examples or on all.
        intact: The same by another, on all.
        slack: From `Verdict.slack`, on all.
    """
    n = next(iter(found.values())).shape[1]
    first = {name: value[:, :n] for name, value in intact.items()}
    if verdict.classifies:
        sure = (found["rank"] != verdict.unknown) & (first["rank"] != verdict.unknown)
        apart = [(found[name] != first[name].to(found[name])) & sure for name in found]
    else:
        apart = [_apart(found[name], first[name], slack[name][:, :n]) for name in found]
    return int(torch.stack(apart).any(0).sum())


def _apart(found: Tensor, intact: Tensor, slack: Tensor) -> Tensor:
    """Where what was measured differs by more than rounding and a small share of its scale."""
    scale = intact.double().abs().amax()
    near = slack.to(found.device) + _SHARE * scale.to(found.device)
    return ~((found.double() - intact.to(found).double()).abs() <= near)


def finite(outputs: Tensor, ablation: Ablation | None) -> Tensor:
    """`outputs` themselves, if all are finite.

    Raises:
        EngineError: Saying how many are not, and under which ablation.
    """
    bad = ~torch.isfinite(outputs).reshape(len(outputs), -1).all(1)
    if bad.any():
        under = "the intact network" if ablation is None else f"the ablation of {ablation.label}"
        raise EngineError(
            f"outputs: {int(bad.sum())} of {len(outputs)} examples give NaN or infinity under "
            f"{under}. Check the network's outputs on your examples."
        )
    return outputs
