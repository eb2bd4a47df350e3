"""How studies of any network are carried out and shown."""

from __future__ import annotations

from typing import Any

import pandas as pd
import yaml
from torch import nn

from lashley.page import Page
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.given import evaluated, network_of
from lashley.studies.ablation.rows import ALL
from lashley.studies.ablation.stages import forecast, stages
from lashley.studies.ablation.tables import names_of
from lashley.studies.folder import RunFolder
from lashley.studies.kind import Kind


def _network(study: AblationStudy) -> tuple[nn.Module, Any]:
    return network_of(study.network), evaluated(study)


def _brief(_: str, table: pd.DataFrame) -> pd.DataFrame:
    """All classes together."""
    return table.loc[table["class"] == ALL].drop(columns="class") if "class" in table else table


def _page(folder: RunFolder) -> Page:
    """The tables of the run."""
    study = AblationStudy.model_validate(yaml.safe_load(folder.study_text()))
    facts = {"kind": "tables", "study": study.name}
    tables = {name: folder.table(name) for name in names_of(study)}
    return Page(study.title or study.name, f"Run of the study {study.name}.", facts, tables)


KIND = Kind(
    form=AblationStudy,
    stages=stages,
    plan=forecast,
    network=_network,
    galleries=lambda folder: [],
    page=_page,
    tables=names_of,
    brief=_brief,
    holds=lambda claims: claims.holds,
)
