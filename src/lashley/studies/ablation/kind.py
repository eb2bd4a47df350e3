"""How studies of any network are carried out and shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import yaml
from torch import nn

from lashley.effects.grouping import grouped
from lashley.outcomes import is_classification, own_columns
from lashley.page import Page
from lashley.page.outcomes import page_of
from lashley.studies.ablation.draw import galleries
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.given import evaluated, network_of
from lashley.studies.ablation.rows import ALL
from lashley.studies.ablation.shown import groups_of
from lashley.studies.ablation.shown import scene as scene_of_run
from lashley.studies.ablation.stages import forecast, stages
from lashley.studies.ablation.tables import names_of, outcomes_of
from lashley.studies.drawing import Gallery, figure_notes, map_note
from lashley.studies.folder import RunFolder
from lashley.studies.kind import Kind
from lashley.studies.mapped import ABSENT

_KEYS = ("site", "units", "method")


def _network(study: AblationStudy) -> tuple[nn.Module, Any]:
    return network_of(study.network), evaluated(study)


def _brief(_: str, table: pd.DataFrame) -> pd.DataFrame:
    """All classes together."""
    return table.loc[table["class"] == ALL].drop(columns="class") if "class" in table else table


def _study(folder: RunFolder) -> AblationStudy:
    return AblationStudy.model_validate(yaml.safe_load(folder.study_text()))


def _galleries(folder: RunFolder) -> list[Gallery]:
    return galleries(folder, _study(folder))


def _page(folder: RunFolder) -> Page:
    """The page of all outcomes; what several sweeps measured is shown once."""
    study = _study(folder)
    parts = [outcomes_of(folder, name) for name in study.sweeps]
    parts = [part.drop_vars(own_columns(part)).load() for part in parts]
    whole = xr.concat(parts, "ablation", data_vars="minimal", coords="minimal", compat="override",
                      combine_attrs="override")  # fmt: skip
    if not is_classification(whole):
        whole = grouped(whole, groups_of(folder))
    keys = pd.DataFrame({name: whole[name].values for name in _KEYS})
    once = np.flatnonzero(~keys.duplicated().to_numpy())
    scene = scene_of_run(folder, whole.sizes["example"])
    page = page_of(whole.isel(ablation=once), scene, study.title or study.name)
    captions = {k: v for own in galleries(folder, study) for k, v in own.captions.items()}
    facts = {"study": study.name, "run": folder.path.name, "figures": figure_notes(captions),
             "map": page.facts["map"] | _map(folder, study),
             "provenance": page.facts["provenance"] | folder.json("provenance")}  # fmt: skip
    return replace(page, facts={**page.facts, **facts})


def _map(folder: RunFolder, study: AblationStudy) -> dict[str, str]:
    """What the page says of the map, or of its absence."""
    if study.embedding is None or not folder.has("embedding.json"):
        return {}
    found, of = folder.json("embedding"), study.embedding.of
    if ABSENT in found:
        return {"note": f"There is no t-SNE map: {found[ABSENT]}"}
    what = "the inputs" if of == "inputs" else f"the activations of {of}"
    return {"note": map_note(what, "an example's {} nearest neighbours", found)}


KIND = Kind(
    form=AblationStudy,
    stages=stages,
    plan=forecast,
    network=_network,
    galleries=_galleries,
    page=_page,
    tables=names_of,
    brief=_brief,
    holds=lambda claims: claims.holds,
)
