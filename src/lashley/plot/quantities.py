"""What effects say of the thing that was measured, whatever the readout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from lashley.errors import PlotError
from lashley.plot.words import listed, signed

Array = np.ndarray

_DROP = ("drop_pp", "drop_low_pp", "drop_high_pp")


@dataclass(frozen=True)
class Quantity:
    """A quantity of which effects hold the mean and its 95 % interval.

    Attributes:
        name: As in "drop in accuracy", "mean change in loss".
        unit: "pp", or "" where it is not known.
        variables: The mean, both ends of its interval, by class; `overall_` comes before them.
    """

    name: str
    unit: str
    variables: tuple[str, str, str]

    @property
    def label(self) -> str:
        """Of its axis: "drop in accuracy (pp)"."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def said(self, effect: xr.Dataset) -> str:
        """That of one ablation, as in "drop in accuracy 8.54 pp [5.92, 11.10]"."""
        mean, low, high = (float(effect[f"overall_{name}"]) for name in self.variables)
        unit = f" {self.unit}" if self.unit else ""
        return signed(f"{self.name} {mean:.2f}{unit} [{low:.2f}, {high:.2f}]")

    def overall(self, effects: xr.Dataset) -> Array:
        """(3, ablation) the mean over all examples, lower and upper end."""
        return np.array([effects[f"overall_{name}"].values for name in self.variables], float)

    def by_class(self, effects: xr.Dataset) -> Array:
        """(3, ablation, class) the same class by class."""
        return np.array([effects[name].values for name in self.variables], float)


def quantity(effects: Any, measured: str | None) -> Quantity:
    """What the effects are of.

    Args:
        effects: As `la.effects` returns them.
        measured: Which of several things that a readout measures; None where there is one.

    Raises:
        PlotError: If they are no effects, or `measured` is not among what was measured.
    """
    if not isinstance(effects, xr.Dataset):
        raise _not_effects(f"a {type(effects).__name__}")
    if "overall_drop_pp" in effects:
        return drop(measured, effects.attrs.get("top", 1))
    return change(chosen(_names(effects), measured))


def drop(measured: str | None, top: int = 1) -> Quantity:
    """The drop in accuracy; nothing else is measured by a classification."""
    if measured is not None:
        raise PlotError(
            f"measured: given {measured!r}, but of a classification only drops are drawn. Leave it "
            "out."
        )
    return Quantity(f"drop in {accuracy(top)}", "pp", _DROP)


def change(name: str) -> Quantity:
    """The change of something that a readout measures."""
    variables = (f"{name}_change", f"{name}_change_low", f"{name}_change_high")
    return Quantity(f"mean change in {name}", "", variables)


def accuracy(top: int) -> str:
    """As in "accuracy", "top-5 accuracy"."""
    return "accuracy" if top == 1 else f"top-{top} accuracy"


def check_ablations(measured: Any) -> None:
    """Refuse a dataset without an axis of ablations, or with an empty one.

    Raises:
        PlotError: If it is one.
    """
    if isinstance(measured, xr.Dataset) and not measured.sizes.get("ablation"):
        given = "none" if "ablation" in measured.sizes else "a single one, without its axis"
        raise PlotError(
            f"ablations: given {given}; allowed is an axis of one or more. Select with a list, "
            "such as effects.isel(ablation=[0, 1])."
        )


def check_classes(effects: xr.Dataset) -> None:
    """Refuse effects without classes.

    Raises:
        PlotError: If they have none.
    """
    if not effects.sizes.get("class"):
        raise PlotError(
            "effects: given without classes; allowed are those of examples with classes. Evaluate "
            "la.Examples(inputs, labels, class_names), or draw la.plot.drops(effects)."
        )


def _names(effects: xr.Dataset) -> list[str]:
    start, end = "overall_", "_change"
    names = [str(n) for n in effects.data_vars]
    found = [n[len(start) : -len(end)] for n in names if n.startswith(start) and n.endswith(end)]
    if not found:
        raise _not_effects("outcomes" if "example" in effects.sizes else "another dataset")
    return found


def chosen(names: Sequence[str], measured: str | None) -> str:
    """What is meant of several things that a readout measures.

    Raises:
        PlotError: If it is not among them, or is left out where there are several.
    """
    if measured is None and len(names) == 1:
        return names[0]
    if measured is None or measured not in names:
        given = f"given {measured!r}" if measured is not None else "left out"
        raise PlotError(
            f"measured: {given}; allowed is one of what the readout measured, {listed(names)}. "
            f"Choose one, such as measured={names[0]!r}."
        )
    return measured


def _not_effects(given: str) -> PlotError:
    return PlotError(
        f"effects: given {given}; allowed is the dataset that la.effects returns. Give "
        "la.effects(outcomes)."
    )
