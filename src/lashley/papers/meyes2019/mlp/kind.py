"""How studies of an MLP are carried out."""

from __future__ import annotations

import pandas as pd
import torch
from torch import nn

from lashley.papers.meyes2019.mlp.draw import galleries
from lashley.papers.meyes2019.mlp.page import page
from lashley.papers.meyes2019.mlp.run import forecast, network_of, stages
from lashley.papers.meyes2019.mlp.study import MlpStudy
from lashley.studies.kind import Kind


def _network(study: MlpStudy) -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    inputs = torch.zeros(1, study.network.widths[0])
    return network_of(study.network), (inputs, torch.zeros(1, dtype=torch.int64))


def _brief(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Of the effects, the network under study with all classes together."""
    return table.query("`class` == 'all' and network == 'main'") if name == "effects" else table


_TABLES = ("effects", "interactions", "scores", "correlations", "selectivity", "claims")

KIND = Kind(
    form=MlpStudy,
    stages=stages,
    plan=forecast,
    network=_network,
    galleries=galleries,
    page=page,
    tables=lambda _: _TABLES,
    brief=_brief,
    holds=lambda claims: claims.clean_holds,
)
