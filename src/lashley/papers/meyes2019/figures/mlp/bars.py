"""Bars: accuracy overall and per class, split into what was kept, lost and gained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lashley.outcomes import at
from lashley.papers.meyes2019.figures.mlp.cases import only_pair_share
from lashley.papers.meyes2019.figures.mlp.mlp_results import Results
from lashley.plot import style
from lashley.plot.classes import Bars, Row, bars_of, group_names, with_all


def intact_bars(results: Results) -> Bars:
    """Figure 2: black is right, red is wrong; together 100 %."""
    right, total = (with_all(results.effects, name) for name in ("intact_correct", "total"))
    black = 100 * right / np.maximum(total, 1)
    none, unknown = np.zeros_like(black), np.full_like(black, np.nan)
    rows = (
        Row("right, %", style.BLACK, black, 1),
        Row("wrong", style.RED, total - right),
    )
    names = group_names(results.effects)
    return Bars(names, black, none, 100 - black, none, unknown, unknown, unknown, rows)


def single_bars(results: Results, unit: int) -> Bars:
    """Figures 3 to 7: black + red is the intact accuracy, green a class's net gain."""
    return bars_of(at(results.effects, unit))


def pair_bars(results: Results, pair: tuple[int, int]) -> Bars:
    """Figures 12, 13, A.3: as for one unit, with what only the pair loses in blue.

    Blue comes first: red is what is left of the net drop, and never below 0. So black + blue + red
    is the intact accuracy, except where the examples lost only by the pair outnumber the net drop
    because others were gained; there the bar is higher than the intact accuracy by the difference.
    """
    only = at(results.interactions, *pair)["only_pair"].values.astype(float)
    bars = bars_of(at(results.effects, *pair), np.concatenate([[only.sum()], only]))
    share = only_pair_share(results.effects, results.interactions)
    where = np.flatnonzero(results.interactions["units"].values == f"{min(pair)},{max(pair)}")[0]
    intact = float(results.effects["overall_intact_correct"])
    shares = np.concatenate([[100 * only.sum() / max(intact, 1)], share[where]])
    return replace(bars, rows=(*bars.rows, Row("only pair, %", style.BLUE, shares, 1)))
