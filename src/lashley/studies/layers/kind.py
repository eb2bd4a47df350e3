"""How studies of every layer of a network are carried out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from torch import nn

from lashley.studies.kind import Kind
from lashley.studies.layers.draw import draw_figures
from lashley.studies.layers.forecast import forecast
from lashley.studies.layers.page import write_report
from lashley.studies.layers.recovering import shown
from lashley.studies.layers.recovering.rows import NAMES as RECOVERY
from lashley.studies.layers.run import example_of, network_of, run
from lashley.studies.layers.study import LayerStudy
from lashley.studies.layers.tables import NAMES

_MOST = 30  # groups that are shown on a screen
_MEANS = [
    "label", "n_units", "proportion", "size", "method", "top", "drop_pp", "drop_low_pp",
    "drop_high_pp", "sd_pp", "helped", "random_drop_pp",
]  # fmt: skip


def _network(study: LayerStudy) -> tuple[nn.Module, Any]:
    return network_of(study.network), example_of(study.network)


def _brief(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Of the layers a few columns; of the groups those that cost most; of runs their end."""
    if name == "layers":
        return table.filter(_MEANS)
    if name == "effects":
        similar = table.query("design == 'similar_groups' and top == 1")
        most = similar.sort_values("drop_pp", ascending=False, kind="stable").head(_MOST)
        return most.drop(columns=["design", "seed", "draw", "n_units"])
    return shown.brief(name, table)


KIND = Kind(
    run=run,
    plan=forecast,
    network=_network,
    draw_figures=draw_figures,
    write_report=write_report,
    tables=lambda study: NAMES if study.recovery is None else (*NAMES, *RECOVERY),
    brief=_brief,
    holds=lambda claims: claims.holds == "yes",
)
