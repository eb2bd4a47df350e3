"""How studies of any network are carried out and shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import yaml
from torch import nn

from lashley.outcomes import own_columns
from lashley.page import Page
from lashley.page.outcomes import outcomes_page
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.given import evaluated, network_of
from lashley.studies.ablation.rows import ALL
from lashley.studies.ablation.stages import forecast, stages
from lashley.studies.ablation.tables import names_of, outcomes_of
from lashley.studies.folder import RunFolder
from lashley.studies.kind import Kind

_KEYS = ("site", "units", "method")


def _network(study: AblationStudy) -> tuple[nn.Module, Any]:
    return network_of(study.network), evaluated(study)


def _brief(_: str, table: pd.DataFrame) -> pd.DataFrame:
    """All classes together."""
    return table.loc[table["class"] == ALL].drop(columns="class") if "class" in table else table


def _page(folder: RunFolder) -> Page:
    """The page of all outcomes; what several sweeps measured is shown once."""
    study = AblationStudy.model_validate(yaml.safe_load(folder.study_text()))
    parts = [outcomes_of(folder, name) for name in study.sweeps]
    parts = [part.drop_vars(own_columns(part)).load() for part in parts]
    whole = xr.concat(parts, "ablation", data_vars="minimal", coords="minimal", compat="override",
                      combine_attrs="override")  # fmt: skip
    keys = pd.DataFrame({name: whole[name].values for name in _KEYS})
    once = np.flatnonzero(~keys.duplicated().to_numpy())
    return outcomes_page(whole.isel(ablation=once), title=study.title or study.name)


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
