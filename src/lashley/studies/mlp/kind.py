"""How studies of an MLP are carried out."""

from __future__ import annotations

import pandas as pd
import torch
from torch import nn

from lashley.studies.kind import Kind
from lashley.studies.mlp.draw import draw_figures
from lashley.studies.mlp.page import write_report
from lashley.studies.mlp.run import forecast, network_of, run
from lashley.studies.mlp.study import MlpStudy


def _network(study: MlpStudy) -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    inputs = torch.zeros(1, study.network.widths[0])
    return network_of(study.network), (inputs, torch.zeros(1, dtype=torch.int64))


def _brief(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Of the effects the network under study, all classes together."""
    return table.query("`class` == 'all' and network == 'main'") if name == "effects" else table


_TABLES = ("effects", "interactions", "scores", "correlations", "selectivity", "claims")

KIND = Kind(
    run=run,
    plan=forecast,
    network=_network,
    draw_figures=draw_figures,
    write_report=write_report,
    tables=lambda _: _TABLES,
    brief=_brief,
    holds=lambda claims: claims.clean_holds,
)
