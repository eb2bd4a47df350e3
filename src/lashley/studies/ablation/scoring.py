"""Scores of a study's units, and how they go with what ablating each costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lashley import stats
from lashley.errors import SiteError
from lashley.scores import scores
from lashley.studies.ablation.given import Subject
from lashley.studies.ablation.rows import ALL, first
from lashley.studies.stages import Job

_KEYS = ["sweep", "site", "method"]


def scores_table(job: Job, about: Subject) -> pd.DataFrame:
    """A row per unit of the sites whose units were ablated one by one; none of heads."""
    parts = []
    for keys in _swept_by_unit(job):
        site = about.sites[str(keys["site"])]
        try:
            found = scores(about.network, site, about.examples, output=job.study.output)
        except SiteError:  # such as heads, which have no scores
            continue
        parts.append(found.to_dataframe().reset_index().assign(**keys))
    if not parts:
        return pd.DataFrame({name: [] for name in (*_KEYS, "unit")})
    return first(pd.concat(parts, ignore_index=True), *_KEYS, "unit")


def correlations_table(job: Job) -> pd.DataFrame:
    """Of each score with the effect, over the units of a site."""
    found, effects = job.folder.table("scores"), job.folder.table("effects")
    value = "drop_pp" if "drop_pp" in effects else "change"
    effects = effects.loc[(effects["class"] == ALL) & (effects["design"] == "singles")]
    effects = effects.assign(unit=effects["units"].astype(int))
    if "measured" not in effects:
        effects = effects.assign(measured="drop")
    both = found.merge(effects[[*_KEYS, "unit", "measured", value]], on=[*_KEYS, "unit"])
    names = [name for name in found if name not in (*_KEYS, "unit")]
    keys = [*_KEYS, "measured"]
    rows = []
    for own in (both.iloc[index] for index in both.groupby(keys, sort=False).indices.values()):
        rows += _correlated(own[keys].iloc[0].to_dict(), own, names, value)
    return pd.DataFrame(rows)


def _swept_by_unit(job: Job) -> Iterator[dict[str, Any]]:
    """Sweep, site and method wherever units were ablated one by one."""
    table = job.folder.table("effects")
    yield from table.loc[table["design"] == "singles", _KEYS].drop_duplicates().to_dict("records")


def _correlated(
    keys: Mapping[str, Any], own: pd.DataFrame, names: list[Any], value: str
) -> Iterator[dict[str, Any]]:
    effect = own[value].to_numpy(float)
    for name in names:
        score = own[name].to_numpy(float)
        if len(score) >= 3 and np.isfinite(score).all():
            yield {**keys, "score": name, **vars(stats.correlation(score, effect))}
