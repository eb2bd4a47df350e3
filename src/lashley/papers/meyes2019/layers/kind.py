"""How studies of every layer of a network are carried out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from torch import nn

from lashley.papers.meyes2019.layers.draw import galleries
from lashley.papers.meyes2019.layers.forecast import forecast
from lashley.papers.meyes2019.layers.page import page
from lashley.papers.meyes2019.layers.run import example_of, network_of, stages
from lashley.papers.meyes2019.layers.study import LayerStudy
from lashley.papers.meyes2019.layers.tables import NAMES
from lashley.papers.meyes2019.recovery import shown
from lashley.papers.meyes2019.recovery.rows import NAMES as RECOVERY
from lashley.studies.kind import Kind

_MOST = 30  # groups shown on a screen
_MEANS = [
    "label", "n_units", "proportion", "size", "method", "top", "drop_pp", "drop_low_pp",
    "drop_high_pp", "sd_pp", "helped", "random_drop_pp",
]  # fmt: skip


def _network(study: LayerStudy) -> tuple[nn.Module, Any]:
    return network_of(study.network), example_of(study.network)


def _brief(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Of the layers a few columns, of the groups those that cost most, of runs their end."""
    if name == "layers":
        return table.filter(_MEANS)
    if name == "effects":
        similar = table.query("design == 'similar_groups' and top == 1")
        most = similar.sort_values("drop_pp", ascending=False, kind="stable").head(_MOST)
        return most.drop(columns=["design", "seed", "draw", "n_units"])
    return shown.brief(name, table)


KIND = Kind(
    form=LayerStudy,
    stages=stages,
    plan=forecast,
    network=_network,
    galleries=galleries,
    page=page,
    tables=lambda study: NAMES if study.recovery is None else (*NAMES, *RECOVERY),
    brief=_brief,
    holds=lambda claims: claims.holds == "yes",
)
