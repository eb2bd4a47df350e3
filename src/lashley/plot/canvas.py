"""Where figures are drawn: the Axes that are given, or those of a new figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley.errors import PlotError
from lashley.plot import style

_AROUND = 16.0  # axes, for the numbers and the name of y, mm
_HANDLE, _CHARACTER = 10.0, 1.45  # of a legend of 7.5 points, mm

Layouts = Literal["constrained", "compressed"]


class PictureAxes(Axes):
    """The Axes of a figure of its own. A notebook shows the figure, without pyplot."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        figure, picture = self.get_figure(), BytesIO()
        assert isinstance(figure, Figure)
        with style.styled():
            figure.savefig(picture, format="png", dpi=style.PNG_DPI)
        width, height = (round(96 * inches) for inches in figure.get_size_inches())
        return picture.getvalue(), {"width": width, "height": height}


@contextmanager
def canvas(ax: Any, width: float, height: float, layout: Layouts = "constrained") -> Iterator[Axes]:
    """Axes to draw in: the given ones in their own style, or new ones in the house style.

    Args:
        ax: Matplotlib Axes, or None for a new figure.
        width: Of a new figure, mm.
        height: Of a new figure, mm.
        layout: Of a new figure; "compressed" where x and y have one scale.

    Raises:
        PlotError: If `ax` is neither.
    """
    if ax is None:
        size = (width / 25.4, height / 25.4)
        with style.styled():
            figure = Figure(figsize=size, facecolor="white", layout=layout)
            yield figure.add_subplot(axes_class=PictureAxes)
    elif isinstance(ax, Axes):
        yield ax
    else:
        raise PlotError(
            f"ax: given a {type(ax).__name__}; allowed is one matplotlib Axes, or None for a new "
            "figure. Of an array of Axes take one, such as axes[0]."
        )


def colour_bar(axes: Axes, image: Any, label: str, extend: str = "neither") -> None:
    """A colour bar beside the axes, which keep their place."""
    beside = axes.inset_axes((1.03, 0, 0.035, 1))
    beside.set_label("<colorbar>")
    bar = image.get_figure().colorbar(image, cax=beside, extend=extend, label=label)
    bar.outline.set_visible(False)


def legend_above(axes: Axes, handles: Sequence[Any]) -> None:
    """A legend between the axes and their title, where it hides nothing: one line if it fits."""
    widths = [_HANDLE + _CHARACTER * len(handle.get_label()) for handle in handles]
    width = width_of(axes)
    columns = len(handles) if sum(widths) <= width else max(1, int(width // max(widths)))
    axes.legend(
        handles=handles, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3,
        borderpad=0, columnspacing=1.5, handlelength=1.8, frameon=False,
    )  # fmt: skip


def width_of(axes: Axes) -> float:
    """In mm; of axes whose layout is not yet known, about what they will have."""
    figure = axes.get_figure()
    assert figure is not None
    if isinstance(axes, PictureAxes):
        return figure.bbox.width / figure.dpi * 25.4 - _AROUND
    return axes.get_window_extent().width / figure.dpi * 25.4
