"""When a training ends before its last epoch: once accuracy no longer grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lashley.errors import TrainingError


@dataclass(frozen=True)
class Patience:
    """Train for at least some epochs, and as long as accuracy still grows.

    Attributes:
        least: Epochs at least.
        within: Epochs in which the accuracy has to grow.
        gain_pp: By at least this much over the best before them, in pp.
        top: 1 for top-1 accuracy, 5 for top-5.

    Raises:
        TrainingError: If a value is out of its range.

    Source: the defaults: Meyes et al. 2019, section 3.3.
    """

    least: int = 5
    within: int = 2
    gain_pp: float = 0.05
    top: int = 5

    def __post_init__(self) -> None:
        for name in ("least", "within", "top"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise TrainingError(
                    f"stop: given {name}={value!r}; allowed is a whole number of at least 1. "
                    f"Leave it out for the paper's {getattr(Patience, name)}."
                )
        if type(self.gain_pp) not in (int, float) or not 0 <= self.gain_pp <= 100:
            raise TrainingError(
                f"stop: given gain_pp={self.gain_pp!r}; allowed is a number from 0 to 100, in pp. "
                "Leave it out for the paper's 0.05."
            )

    def ends(self, accuracy: Sequence[float]) -> bool:
        """Whether to end, given the accuracy in % before the training and after each epoch."""
        epochs = len(accuracy) - 1
        if epochs < max(self.least, self.within):
            return False
        before, last = accuracy[: -self.within], accuracy[-self.within :]
        # Rounded: 99.05 - 99.0 is a little less than 0.05.
        return round(max(last) - max(before), 9) < self.gain_pp
