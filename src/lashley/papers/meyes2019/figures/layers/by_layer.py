"""Panels over the layers: a row per proportion, a column per method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from lashley.papers.meyes2019.figures.layers import look, page
from lashley.papers.meyes2019.figures.layers.layer_results import LayerResults
from lashley.plot import axis, style, words


def panels(
    results: LayerResults,
    *,
    title: str,
    note: str,
    legend: Sequence[Artist] = (),
    columns: Sequence[str] = (),
    strip: float = 0,
) -> page.Panels:
    """Empty panels with their titles.

    Args:
        results: What they show.
        title: Of the figure.
        note: At its foot, above the study's name.
        legend: Handles, above the panels.
        columns: Their names, if they are not the methods.
        strip: Of each panel, as in `page.PageLayout`.
    """
    names = columns or [look.of_method(method).name for method in results.methods]
    made = page.panels(
        len(results.proportions), len(names), layout(results, len(names), strip),
        title=title, caption=f"{note}\n{results.caption}", legend=legend,
    )  # fmt: skip
    for row, proportion in zip(made.axes, results.proportions, strict=True):
        for axes, name in zip(row, names, strict=True):
            axes.set_title(f"{words.percent(proportion)} ablated · {name}")
    return made


def cells(made: page.Panels, results: LayerResults) -> Iterator[tuple[Axes, float, str]]:
    """Each panel with its proportion and its method, if the columns are the methods."""
    for row, proportion in zip(made.axes, results.proportions, strict=True):
        for axes, method in zip(row, results.methods, strict=True):
            yield axes, proportion, method


def layout(
    results: LayerResults, columns: int, strip: float = 0, tallest: float = 44
) -> page.PageLayout:
    """For panels over the layers: few layers do not span the page, and long labels have room."""
    widest = max(70.0, 12.0 * len(results.sites))
    width = page.PageLayout(0, widest=widest).width(columns)
    foot = axis.ticks(results.labels, width).room + page.AXIS_NAME
    return page.PageLayout(foot, tallest=tallest, widest=width, strip=strip)


def finish(made: page.Panels, results: LayerResults, y_name: str) -> None:
    """Name the axes, give each row one range of y, and draw the zero line."""
    for row in made.axes:
        page.share_y(row, y_name)
        for axes in row:
            axes.axhline(0, **style.ZERO_LINE)
    name_layers(made, results)


def name_layers(made: page.Panels, results: LayerResults) -> None:
    """Write the layers' labels below the lowest row; the others have ticks only."""
    everything = [*made.axes, *made.strips]
    lowest = made.strips[-1] if made.strips.size else made.axes[-1]
    for row in everything:
        for axes in row:
            axis.along(axes, results.labels, made.width, named=axes in lowest)
    for axes in lowest:
        axes.set_xlabel(axis.name(results.sites, results.labels))
