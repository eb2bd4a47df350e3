"""Replacements: all that the engines and `recover` know about a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Inexact
from torch import Tensor

from lashley.errors import AblationError, LashleyError
from lashley.methods.numbers import seeded


@dataclass(frozen=True)
class Channels:
    """The channels of a site's units in one value, unit by unit.

    Attributes:
        n_units: Of the site.
        width: Channels of a unit: 1 for a hidden unit or filter, several for a head.
        mean: (unit x width) mean activation over the reference, in float64; None where the
            replacement does not ask for it.
    """

    n_units: int
    width: int
    mean: Inexact[Tensor, " channel"] | None = None

    @property
    def n_channels(self) -> int:
        """Of all units."""
        return self.n_units * self.width

    def each(self, by_unit: Inexact[Tensor, " unit"]) -> Inexact[Tensor, " channel"]:
        """A number for each unit, given to all of its channels."""
        return by_unit.expand(self.n_units).repeat_interleave(self.width)


@dataclass(frozen=True)
class Constants:
    """The same numbers for every example and position.

    Attributes:
        of: The numbers of a site's channels, in float64.
        needs_mean: Whether it asks for the mean activation over the reference.
    """

    of: Callable[[Channels], Inexact[Tensor, " channel"]]
    needs_mean: bool = False

    not_held = ""

    def __post_init__(self) -> None:
        _check_callable("Constants", self.of)

    def numbers(self, n_units: int, width: int, mean: Tensor | None) -> Inexact[Tensor, " channel"]:
        """The numbers, checked.

        Args:
            n_units: Of the site.
            width: Channels of a unit.
            mean: (unit x width) activation over the reference, if it asks for it.

        Raises:
            AblationError: If the function raises, or returns anything else.
        """
        channels = Channels(n_units, width, mean.clone() if mean is not None and self.needs_mean
                            else None)  # fmt: skip
        found = _called("constants", lambda: self.of(channels))
        fits = isinstance(found, Tensor) and found.shape == (channels.n_channels,)
        if not fits or (found.is_complex() and (mean is None or not mean.is_complex())):
            raise AblationError(
                f"method: its constants are {_words(found)}; allowed is a tensor of shape "
                f"({channels.n_channels},) of real numbers, one for each channel of the units. "
                "Make it with channels.each(one number, or one for each unit)."
            )
        return found


@dataclass(frozen=True)
class Donated:
    """The activation of another example, from the reference, at the same position."""

    not_held = "draws the units' values anew for each example"


@dataclass(frozen=True)
class Function:
    """A function of the activation.

    Attributes:
        of: From the activation, a whole value with all units of the site, to one of the same shape;
            only its ablated units are used. If there is a seed, it gets `normal=`: standard normal
            numbers in the activation's shape. If it needs the spread, it gets `spread=`: the
            standard deviation of each unit's channel over the reference, ready to broadcast. Its
            result for an example depends on that example alone.
        seed: Of the normal numbers; each example has its own. None: it takes none.
        needs_spread: Whether it takes the spread.
    """

    of: Callable[..., Tensor]
    seed: int | None = None
    needs_spread: bool = False

    not_held = "makes the units' values from what they are"

    def __post_init__(self) -> None:
        _check_callable("Function", self.of)
        if self.seed is not None:
            seeded("Function", self.seed)

    def __call__(
        self, activation: Tensor, spread: Tensor | None = None, normal: Tensor | None = None
    ) -> Tensor:
        """What stands in place of an activation.

        Raises:
            AblationError: If the function returns something of another shape.
        """
        given = {"spread": spread if self.needs_spread else None, "normal": normal}
        like = {name: t.to(activation.device, _real(activation.dtype))
                for name, t in given.items() if t is not None}  # fmt: skip
        copied = activation.clone()  # it may write to what it is given
        found = _called("function", lambda: self.of(copied, **like))
        fits = isinstance(found, Tensor) and found.shape == activation.shape
        if not fits or (found.is_complex() and not activation.is_complex()):
            raise AblationError(
                f"method: its function returned {_words(found)} for an activation of shape "
                f"{tuple(activation.shape)} in {activation.dtype}; allowed is a tensor of the same "
                "shape and kind of numbers. Change it number by number."
            )
        return found


Replacement = Constants | Donated | Function


def takes_moments(replacement: Replacement) -> bool:
    """Whether it asks for a mean or spread over the reference."""
    match replacement:
        case Constants():
            return replacement.needs_mean
        case Donated():
            return False
        case Function():
            return replacement.needs_spread


def is_noisy(replacement: Replacement) -> bool:
    """Whether it takes normal numbers."""
    return isinstance(replacement, Function) and replacement.seed is not None


def needs_reference(replacement: Replacement) -> bool:
    """Whether reference examples have to be given."""
    return isinstance(replacement, Donated) or takes_moments(replacement)


def _called(what: str, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except LashleyError:
        raise
    except Exception as error:  # whatever a user's function raises
        raise AblationError(
            f"method: its {what} raised {type(error).__name__} ({error}); allowed is a function of "
            "the activation, or of the units' channels. Call it by hand on a tensor."
        ) from error


def _check_callable(kind: str, given: Any) -> None:
    if not callable(given):
        raise AblationError(
            f"method: given la.methods.{kind}({given!r}); allowed is a function. For a number take "
            "la.methods.Constant."
        )


def _words(found: Any) -> str:
    if not isinstance(found, Tensor):
        return f"a {type(found).__name__}"
    return f"{tuple(found.shape)} in {found.dtype}"


def _real(kind: torch.dtype) -> torch.dtype:
    return kind.to_real() if kind.is_complex else kind


ZEROS = Constants(lambda channels: channels.each(torch.zeros(1, dtype=torch.float64)))
