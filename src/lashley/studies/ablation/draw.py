"""Figures of a study of any network, drawn from its folder: each where its numbers are there."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lashley import plot
from lashley.effects import effects, interactions
from lashley.plot.excess import MOST_UNITS
from lashley.plot.layers import MOST_LINES
from lashley.plot.scores import draw_scores, scored, spearman
from lashley.plot.style import styled
from lashley.plot.words import site_text
from lashley.scores import as_dataset
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.mapping import map_of
from lashley.studies.ablation.rows import measured_in
from lashley.studies.ablation.shown import groups_of
from lashley.studies.ablation.tables import outcomes_of
from lashley.studies.drawing import Gallery
from lashley.studies.folder import RunFolder

_MOST_ALIKE = 12  # figures of one sort in a sweep: of the first sites
_KIND = ("design", "method", "proportion")
_PANEL = 62.0, 52.0  # mm

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Drawing:
    """A figure that a study has.

    Attributes:
        name: Of its files.
        caption: What it shows.
        draw: Makes it.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


def galleries(folder: RunFolder, study: AblationStudy) -> list[Gallery]:
    """The figures of all sweeps."""
    drawings: list[_Drawing] = []
    for name in study.sweeps:
        drawings += _Sweep(folder, name).drawings()
    captions = {drawing.name: drawing.caption for drawing in drawings}
    return [Gallery(folder.path / "figures", captions, partial(_figures, drawings))]


def _figures(drawings: list[_Drawing]) -> Iterator[tuple[str, Figure]]:
    for drawing in drawings:
        yield drawing.name, drawing.draw()


@dataclass(frozen=True, eq=False)
class _Rows:
    """Ablations of one sort.

    Attributes:
        end: Of the names of their figures; "" of all there are.
        words: What they are.
        rows: (ablation,) their places.
    """

    end: str
    words: str
    rows: np.ndarray

    @property
    def of(self) -> str:
        """In a sentence."""
        return f" ({self.words})" if self.words else ""


class _Sweep:
    """The figures of one sweep."""

    def __init__(self, folder: RunFolder, name: str) -> None:
        self._folder, self._name = folder, name
        self._outcomes = outcomes_of(folder, name)
        self._keys, self._groups = _keys(self._outcomes), groups_of(folder)

    def drawings(self) -> Iterator[_Drawing]:
        """In the order of the report."""
        names = measured_in(self._outcomes)
        for name in names:
            measured, own = (None, "") if name == "drop" else (name, f" of {name}")
            end = f"-{_slug(name)}" if len(names) > 1 else ""
            said = f"mean change{own}" if measured else "drop"
            yield from self._of(measured, end, said)

    def _drawing(self, name: str, caption: str, draw: Callable[[], Figure]) -> _Drawing:
        return _Drawing(f"{self._name}-{name}", f"Sweep {self._name}: {caption}", draw)

    def _of(self, measured: str | None, end: str, said: str) -> Iterator[_Drawing]:
        """The figures of one quantity."""
        yield self._drawing(
            f"drops{end}", f"the {said} of each ablation with its 95 % interval, largest first.",
            lambda: _figure(plot.drops(self._effects, measured=measured)),
        )  # fmt: skip
        if len(set(self._keys["site"])) > 1:
            yield from self._by_site(measured, end, said)
        if self._groups is not None or "class" in self._outcomes.sizes:
            yield from self._by_class(measured, end, said)
        yield from self._squares(measured, end, said)
        if self._folder.has("embedding.npz"):
            yield self._drawing(
                f"map{end}", "the ablation that changes most, on the t-SNE map of the examples.",
                lambda: self._map(measured),
            )  # fmt: skip
        if self._folder.has("scores.parquet"):
            yield from self._against_scores(measured, end, said)

    def _by_site(self, measured: str | None, end: str, said: str) -> Iterator[_Drawing]:
        for kind, note in _few(self._lines()):
            yield self._drawing(
                f"layers{end}{kind.end}", f"the {said} by site{kind.of}: the mean over the site's "
                f"ablations with its 95 % interval; the band is their standard deviation{note}.",
                partial(self._layers, kind, measured),
            )  # fmt: skip

    def _layers(self, kind: _Rows, measured: str | None) -> Figure:
        own = self._outcomes.isel(ablation=kind.rows).load()
        return _titled(plot.layers(own, measured=measured), kind)

    def _by_class(self, measured: str | None, end: str, said: str) -> Iterator[_Drawing]:
        groups = "group by group" if self._groups is not None else "class by class"
        yield self._drawing(
            f"classes{end}", f"{groups}, the ablation that changes most.",
            lambda: _figure(plot.classes(
                self._effects.isel(ablation=[self._strongest(measured)]), measured=measured)),
        )  # fmt: skip
        for kind, note in _few(self._kinds()):
            yield self._drawing(
                f"heat{end}{kind.end}", f"the {said}, {groups}, of each site{kind.of}{note}.",
                partial(self._heat, kind, measured),
            )  # fmt: skip

    def _heat(self, kind: _Rows, measured: str | None) -> Figure:
        own = self._effects.isel(ablation=kind.rows)
        return _titled(plot.heat(own, measured=measured), kind)

    def _map(self, measured: str | None) -> Figure:
        points, on_map = map_of(self._folder)
        shown = self._outcomes.isel(ablation=[self._strongest(measured)], example=on_map)
        return _figure(plot.map(shown.load(), points, measured=measured))

    def _against_scores(self, measured: str | None, end: str, said: str) -> Iterator[_Drawing]:
        table = self._folder.table("scores")
        own = table.loc[table["sweep"] == self._name]
        groups = own.groupby(["site", "method"], sort=False).indices
        for ((site, method), rows), note in _few(list(groups.items())):
            yield self._drawing(
                f"scores{end}-{_slug(site)}-{_slug(method)}",
                f"the {said} of each unit of {site} by {method} against its scores{note}.",
                partial(self._scatter, own.iloc[rows], measured),
            )  # fmt: skip

    def _scatter(self, table: pd.DataFrame, measured: str | None) -> Figure:
        site, method = table.iloc[0][["site", "method"]]
        columns = {str(name): table[name].to_numpy() for name in table.columns[4:]}
        scores = as_dataset(columns, site)
        fits = (self._keys["site"] == site) & (self._keys["method"] == method)
        fits &= self._keys["design"] == "singles"
        own = self._effects.isel(ablation=np.flatnonzero(fits))
        wide = min(3, len(columns))
        high = math.ceil(len(columns) / wide)
        with styled():
            size = (wide * _PANEL[0] / 25.4, high * _PANEL[1] / 25.4)
            figure = Figure(size, facecolor="white", layout="constrained")
            for place, name in enumerate(columns):
                shown = scored(scores, own, name, measured)
                axes = figure.add_subplot(high, wide, place + 1)
                draw_scores(axes, shown)
                axes.set_title(spearman(shown))
            figure.suptitle(f"{len(table):,} units of {site_text(site)}, {method}", size=9)
        return figure

    def _squares(self, measured: str | None, end: str, said: str) -> Iterator[_Drawing]:
        pairs = self._keys.loc[self._keys["design"] == "pairs"]
        groups = pairs.groupby(["site", "method"], sort=False).indices
        for (site, method), note in _few(list(groups)):
            fits = (self._keys["site"] == site) & (self._keys["method"] == method)
            if (fits & (self._keys["design"] == "singles")).sum() <= MOST_UNITS:
                yield self._drawing(
                    f"excess{end}-{_slug(site)}-{_slug(method)}",
                    f"the {said} of each pair of units of {site} by {method}, beyond the sum of "
                    f"the two alone{note}.", partial(self._square, fits.to_numpy(), measured),
                )  # fmt: skip

    def _square(self, fits: np.ndarray, measured: str | None) -> Figure:
        own = self._outcomes.isel(ablation=np.flatnonzero(fits)).load()
        design = own["design"].values
        singles, pairs = (own.isel(ablation=design == name) for name in ("singles", "pairs"))
        return _figure(plot.excess(interactions(singles, pairs), measured=measured))

    @cached_property
    def _effects(self) -> xr.Dataset:
        return effects(self._outcomes, groups=self._groups)

    def _strongest(self, measured: str | None) -> int:
        """The ablation that changes most over all examples."""
        name = "overall_drop_pp" if measured is None else f"overall_{measured}_change"
        return int(np.nanargmax(np.abs(self._effects[name].values)))

    def _lines(self) -> list[_Rows]:
        """What is drawn in one figure by site: all, or as much as has not too many lines."""
        if len(self._kinds()) <= MOST_LINES:
            return [_Rows("", "", np.arange(len(self._keys)))]
        by_method = self._kinds(("method",))
        lines = [len(self._keys.iloc[part.rows].groupby(list(_KIND)).indices) for part in by_method]
        return by_method if max(lines) <= MOST_LINES else self._kinds(("method", "proportion"))

    def _kinds(self, by: Sequence[str] = _KIND) -> list[_Rows]:
        """Rows that belong together."""
        groups = self._keys.groupby(list(by), sort=False).indices
        if len(groups) == 1:
            return [_Rows("", "", np.arange(len(self._keys)))]
        found = []
        for rows in groups.values():
            first = [str(self._keys[name].iloc[rows[0]]) for name in by]
            named = [name for name in first if name]
            end = "".join(f"-{_slug(name)}" for name in named)
            found.append(_Rows(end, ", ".join(named).replace("_", " "), rows))
        return found


def _keys(outcomes: xr.Dataset) -> pd.DataFrame:
    names = ("site", "design", "method")
    keys = pd.DataFrame({name: outcomes[name].values.astype(str) for name in names})
    there = "proportion" in outcomes.coords
    shares = outcomes["proportion"].values if there else np.full(len(keys), np.nan)
    return keys.assign(proportion=["" if np.isnan(s) else f"{s:g}" for s in shares])


def _few(things: list[_T]) -> Iterator[tuple[_T, str]]:
    """As many as there may be figures of one sort, with what to say where there are more."""
    many = f" (the first {_MOST_ALIKE} of {len(things)} such figures)"
    for thing in things[:_MOST_ALIKE]:
        yield thing, many if len(things) > _MOST_ALIKE else ""


def _titled(axes: Axes, kind: _Rows) -> Figure:
    if kind.words:
        axes.set_title(kind.words)
    return _figure(axes)


def _figure(axes: object) -> Figure:
    figure = getattr(axes, "figure", None)
    assert isinstance(figure, Figure)
    return figure


def _slug(text: object) -> str:
    """As a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", str(text)).strip("_")
