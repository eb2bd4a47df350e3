"""How layers and controls look: a colour and a marker each, told apart by colour-blind readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D

from lashley.papers.meyes2019.figures.layers import look
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults
from lashley.plot import style, words

_LAYERS = (
    (style.BLUE, "o"), (style.RED, "s"), (style.GREEN, "^"), (style.PINK, "D"), (style.ORANGE, "v"),
    (style.SKY, "P"),
)  # fmt: skip


@dataclass(frozen=True)
class StartLook:
    """What a control is called, and how it is drawn."""

    name: str
    colour: str
    dashes: tuple[float, ...]
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """For `plot`."""
        return {"color": self.colour, "linestyle": (0, self.dashes), "linewidth": 1.0}


CONTROLS = {
    "intact": StartLook("intact, trained as long", "0.15", (4, 1.6), "D"),
    "redrawn": StartLook("ablated units redrawn", "0.45", (1, 1), "^"),
    "from_scratch": StartLook("from scratch", "0.6", (5, 1.5, 1, 1.5), "x"),
}
INTACT: dict[str, Any] = {"color": style.BLACK, "linewidth": 0.8}
BAND: dict[str, Any] = {"color": style.BLACK, "alpha": 0.08, "linewidth": 0}
DIVERGED: dict[str, Any] = {"marker": "x", "markersize": 6, "markeredgewidth": 1.4, "linestyle": ""}


def of_layer(results: RecoveryResults, site: str) -> tuple[str, str]:
    """Colour and marker of a site."""
    return _LAYERS[results.shown.index(site)]


def named(results: RecoveryResults, site: str, width: float, more: str = "") -> str:
    """The heading of a panel `width` mm wide, as in "Layer 33"; `more` where it fits too."""
    label = results.label(site)
    full = f"Layer {label}"
    return look.fitting(int(width / 1.55), f"{full}{more}", full, label)


def layer_entries(results: RecoveryResults, more: str = "") -> list[Line2D]:
    """A legend entry for each layer, as in "layer 33, each instance"."""
    entries = []
    for site in results.shown:
        colour, marker = of_layer(results, site)
        label = words.clipped(results.label(site), 24)
        entries.append(
            style.line(f"layer {label}{more}", color=colour, marker=marker, markersize=3)
        )
    return entries


def control_entries(found: Sequence[str]) -> list[Line2D]:
    """A legend entry for each control that is there."""
    return [style.line(how.name, **how.line) for start, how in CONTROLS.items() if start in found]
