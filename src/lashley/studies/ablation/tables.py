"""The tables of a study of any network: one row a number and its interval."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from lashley import outcomes as schema
from lashley.effects import effects, interactions, mean_effect
from lashley.stats import benjamini_hochberg
from lashley.studies.ablation import scoring
from lashley.studies.ablation.form import AblationStudy
from lashley.studies.ablation.given import Subject
from lashley.studies.ablation.rows import ALL, filled, first, measured_in, rows_of
from lashley.studies.folder import RunFolder
from lashley.studies.stages import Job

Groups = np.ndarray | None

_ABLATION = ["site", "units", "method"]
_GROUPED = ["site", "method", "design"]


def names_of(study: AblationStudy) -> list[str]:
    """The tables that a study has."""
    found = ["effects", "sites"]
    pairs = any(sweep.design == "pairs" for sweep in study.sweeps.values())
    if pairs:
        found.append("interactions")
    return [*found, "scores", "correlations"] if study.scores else found


def write(job: Job, about: Subject) -> None:
    """Write the tables that the run folder does not have yet."""
    makers: dict[str, Callable[[], pd.DataFrame]] = {
        "effects": lambda: _adjusted(_of_all_sweeps(job, _effects, about.groups)),
        "sites": partial(_of_all_sweeps, job, _sites, about.groups),
        "interactions": partial(_of_all_sweeps, job, _interactions, about.groups),
        "scores": partial(scoring.scores_table, job, about),
        "correlations": partial(scoring.correlations_table, job),
    }
    names = names_of(job.study)
    for done, name in enumerate(names):
        job.tell("tables", done, len(names))
        if not job.folder.has(f"{name}.parquet"):
            job.folder.write_table(name, makers[name]())
    job.tell("tables", len(names), len(names))


def outcomes_of(folder: RunFolder, sweep: str) -> xr.Dataset:
    """The outcomes of a sweep; values are read from disk where they are used."""
    return schema.open_store(folder.path / "outcomes" / f"{sweep}.zarr")


def _of_all_sweeps(
    job: Job, make: Callable[[xr.Dataset, Groups], pd.DataFrame | None], groups: Groups
) -> pd.DataFrame:
    made = {name: make(outcomes_of(job.folder, name), groups) for name in job.study.sweeps}
    parts = [part.assign(sweep=name) for name, part in made.items() if part is not None]
    return first(filled(parts), "sweep")


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """P adjusted for all ablations of the study; one that several sweeps list counts once."""
    if "p" not in table:
        return table
    whole = table.loc[table["class"] == ALL]
    family = ["measured"] if "measured" in table else []
    once = whole.drop_duplicates([*_ABLATION, *family])
    by = once.groupby(family, sort=False) if family else [((), once)]
    known = pd.concat([part.assign(p_adjusted=benjamini_hochberg(part["p"])) for _, part in by])
    names = [*_ABLATION, *family]
    keys = table[names].merge(known[[*names, "p_adjusted"]], how="left", on=names)
    is_whole = (table["class"] == ALL).to_numpy()
    return table.assign(p_adjusted=np.where(is_whole, keys["p_adjusted"], np.nan))


def _effects(outcomes: xr.Dataset, groups: Groups) -> pd.DataFrame:
    """A row per ablation, one for all examples together and one per class."""
    found = effects(outcomes, groups=groups)
    of_designs = [name for name in schema.own_columns(found) if name != "n_examples"]
    names = [*schema.COORDINATES, *of_designs]
    keys = pd.DataFrame({name: found[name].values for name in names})
    keys = keys.astype(dict.fromkeys(schema.COORDINATES, str)).reset_index(names="ablation")
    table = keys.merge(rows_of(found, measured_in(outcomes), "ablation"), on="ablation")
    return first(table.drop(columns="ablation"), *names, "measured", "class")


def _sites(outcomes: xr.Dataset, groups: Groups) -> pd.DataFrame:
    """A row per site, method, design and proportion: the mean over the ablations."""
    keys = pd.DataFrame({name: outcomes[name].values.astype(str) for name in _GROUPED})
    if "proportion" in outcomes.coords:
        keys["proportion"] = outcomes["proportion"].values
    places = {name: i for i, name in enumerate(dict.fromkeys(keys["site"]))}
    parts = []
    for rows in keys.groupby(list(keys), sort=False, dropna=False).indices.values():
        part, own = outcomes.isel(ablation=rows), keys.iloc[rows[0]].to_dict()
        size = len(schema.units_of(part)[0])
        own |= {"place": places[own["site"]], "size": size, "ablations": len(rows)}
        parts.append(rows_of(mean_effect(part, groups=groups), measured_in(outcomes)).assign(**own))
    names = ("site", "place", "method", "design", "proportion", "size", "ablations")
    return first(pd.concat(parts, ignore_index=True), *names, "measured", "class")


def _interactions(outcomes: xr.Dataset, groups: Groups) -> pd.DataFrame | None:
    """A row per pair: what it costs beyond the sum of its singles."""
    design = outcomes["design"].values
    if "pairs" not in design:
        return None
    whole = outcomes.load()
    singles, pairs = (whole.isel(ablation=design == name) for name in ("singles", "pairs"))
    found = interactions(singles, pairs, groups=groups)
    names = [n for n in found.data_vars if "class" not in found[n].dims]
    table = found[names].to_dataframe().drop(columns="design").reset_index(drop=True)
    return first(table, "site", "units", "method", "unit_a", "unit_b")
