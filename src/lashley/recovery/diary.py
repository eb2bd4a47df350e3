"""What is written down about a recovery, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from lashley.errors import DivergenceError, IntegrityError, TrainingError
from lashley.recovery.measuring import NetworkOutcomes, measured, percent_right
from lashley.recovery.patience import Patience
from lashley.recovery.trainees import Trainees


@dataclass(frozen=True, eq=False)
class Seen:
    """Examples as the trained part of a network sees them.

    Attributes:
        inputs: (example, ...)
        labels: (example,) true classes.
    """

    inputs: Tensor
    labels: Int[Tensor, " example"]


@dataclass(frozen=True, eq=False)
class Diary:
    """A `Watch` that measures the trainees after every epoch; kept in the training's checkpoint.

    Attributes:
        trainees: Who is trained.
        test: What to measure them on.
        validation: What the stop rule looks at; None without one.
        stop: When to end before the last epoch.
        book: What is written down, by name: (epoch, member, ...); under "good." the trainees'
            state after the last epoch.
    """

    trainees: Trainees
    test: Seen
    validation: Seen | None
    stop: Patience | None
    book: Mapping[str, Tensor]

    def tensors(self) -> dict[str, Tensor]:
        """All that is written down, by unique names."""
        return {f"diary.{name}": values for name, values in self.book.items()}

    def look(self, epochs: int, losses: Tensor) -> None:
        """Measure every member after this many epochs, and keep its state."""
        self.trainees.settle()
        test = [self._measured(network, self.test, epochs) for network in self.trainees.trained]
        for name in ("rank", "prediction"):
            self.book[name][epochs] = torch.stack([getattr(found, name) for found in test])
        self.book["loss"][epochs] = torch.tensor([found.loss for found in test])
        if self.validation is not None and self.stop is not None:
            for member, network in enumerate(self.trainees.trained):
                seen = self._measured(network, self.validation, epochs)
                right = percent_right(seen.rank, self.stop.top)
                self.book["validation"][epochs, member] = right
        self.book["train_loss"][epochs] = losses if epochs else torch.nan
        self.book["held_norm"][epochs] = torch.tensor(self.trainees.held_norm())
        self._check_held(epochs)
        self.book["epochs"].fill_(epochs)
        for name, tensor in self.trainees.state().items():
            self.book[f"good.{name}"].copy_(tensor)
        self.trainees.resume()

    def _measured(self, network: nn.Module, seen: Seen, epochs: int) -> NetworkOutcomes:
        """What the network does, if that is finite: with NaN every rank would be 0."""
        found = measured(network, seen.inputs, seen.labels)
        if math.isfinite(found.loss):
            return found
        if not epochs:
            raise TrainingError(
                "network: its outputs are not finite before the training; allowed are finite ones. "
                "Look at its weights and at the inputs."
            )
        raise DivergenceError(
            f"training: diverged in epoch {epochs}: outputs are not finite. Lower the recipe's lr "
            "or momentum."
        )

    def _check_held(self, epochs: int) -> None:
        """The audit: what is held has not moved.

        Raises:
            IntegrityError: If it has.
        """
        norms = self.book["held_norm"][epochs].tolist()
        moved = [
            n for n, start in zip(norms, self.trainees.starts, strict=True) if start.held and n
        ]
        if moved:
            raise IntegrityError(
                f"hold: after epoch {epochs} the ablated units have moved by {max(moved):.3g}, so "
                "the ablation is no longer held. Nothing but the training may write to the "
                "network: look for a forward or a hook that does."
            )

    def enough(self, epochs: int) -> bool:
        """Whether the stop rule ends the training after this many epochs."""
        if self.stop is None:
            return False
        by_member: Sequence[list[float]] = self.book["validation"][: epochs + 1].T.tolist()
        return all(self.stop.ends(accuracy) for accuracy in by_member)

    def go_back(self) -> int:
        """Make the trainees what they were after the last epoch, and return its number."""
        good = {n.removeprefix("good."): v for n, v in self.book.items() if n.startswith("good.")}
        self.trainees.put_back(good)
        return int(self.book["epochs"])


def diary(
    trainees: Trainees, test: Seen, validation: Seen | None, stop: Patience | None, epochs: int
) -> Diary:
    """An empty diary for this many epochs."""
    cells = (epochs + 1, len(trainees.starts))
    book = {n: torch.full((*cells, len(test.labels)), -1) for n in ("rank", "prediction")}
    for name in ("loss", "train_loss", "validation", "held_norm"):
        book[name] = torch.full(cells, torch.nan, dtype=torch.float64)
    book["epochs"] = torch.tensor(0)
    book |= {f"good.{name}": tensor.clone() for name, tensor in trainees.state().items()}
    return Diary(trainees, test, validation, stop, book)
