"""The tidy tables of a run: what was measured, a row for each number and its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from torch import nn

from lashley import stats
from lashley.data import Examples
from lashley.papers.meyes2019.mlp import claims
from lashley.papers.meyes2019.mlp.evaluations import (
    CLEAN,
    MlpEvaluation,
    evaluations,
    halves,
    member,
    of_design,
    population_effects,
    results,
)
from lashley.papers.meyes2019.mlp.study import MlpStudy
from lashley.scores import scores, selectivity
from lashley.sites import find_sites
from lashley.studies.folder import RunFolder
from lashley.studies.stages import Job

NAMES = ("scores", "effects", "interactions", "correlations", "selectivity", "claims")
SCORES = (
    "mann_whitney_p", "ks_distance", "l2_change", "weight_l1", "weight_l2",
    "mean_activation", "firing_share",
)  # fmt: skip
ALL = "all"  # stands in the column `class` for all classes together

Pair = tuple[nn.Module, nn.Module]


def write(job: Job, test: Examples, main: Pair, population: Sequence[Pair]) -> None:
    """Write the tables that the run folder does not have yet."""
    study, folder = job.study, job.folder
    found, further = evaluations(folder), population_effects(folder)
    networks = {"main": main, **_named(population)}
    drops = [found[CLEAN].effects, *further]
    makers = {
        "scores": partial(_scores, study, test, networks, drops),
        "effects": partial(_effects, found, further),
        "interactions": partial(_interactions, found),
        "correlations": partial(_correlations, study, folder, found),
        "selectivity": partial(_selectivity, further),
        "claims": partial(_claims, study, folder, found, further),
    }
    for done, name in enumerate(NAMES):
        job.tell("tables", done, len(NAMES))
        if not folder.has(f"{name}.parquet"):
            folder.write_table(name, makers[name]())
    job.tell("tables", len(NAMES), len(NAMES))


def tidy_effects(effects: xr.Dataset, **columns: str) -> pd.DataFrame:
    """One row per ablation and class, and one per ablation for all classes together.

    Args:
        effects: As `la.effects` returns them.
        columns: Further columns, with the same value in every row.
    """
    keys = ["site", "units", "method", "design"]
    values = ["drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained", "total", "intact_correct"]
    overall = effects[[f"overall_{v}" for v in values] + ["overall_p", "overall_p_adjusted"]]
    named = {str(n): str(n).removeprefix("overall_") for n in overall.data_vars}
    whole = overall.rename(named).to_dataframe().reset_index()
    by_class = effects[values].to_dataframe().reset_index()
    table = pd.concat([whole.assign(**{"class": ALL}), by_class], ignore_index=True)
    table = table.sort_values(["ablation", "class"], key=_all_first, kind="stable")
    order = [*columns, *keys, "class", *values, "p", "p_adjusted"]
    return table.assign(**columns).reindex(columns=order).reset_index(drop=True)


def _all_first(column: pd.Series) -> pd.Series:
    return column if column.name != "class" else column != ALL


def _named(population: Sequence[Pair]) -> Mapping[str, Pair]:
    return {member(i): pair for i, pair in enumerate(population, start=1)}


def _scores(
    study: MlpStudy, test: Examples, networks: Mapping[str, Pair], drops: Sequence[xr.Dataset]
) -> pd.DataFrame:
    parts = []
    for (name, (trained, initial)), effects in zip(networks.items(), drops, strict=True):
        site = find_sites(trained, test)[study.ablation.site]
        table = scores(trained, site, test, initial).to_dataframe().reset_index()
        single = of_design(effects, "singles")
        table.insert(0, "network", name)
        table.insert(1, "site", site.name)
        parts.append(table.assign(drop_pp=single["overall_drop_pp"].values))
    return pd.concat(parts, ignore_index=True)


def _effects(found: Mapping[str, MlpEvaluation], further: Sequence[xr.Dataset]) -> pd.DataFrame:
    parts = [
        tidy_effects(part.effects, network="main", evaluation=name) for name, part in found.items()
    ]
    for i, effects in enumerate(further, start=1):
        parts.append(tidy_effects(effects, network=member(i), evaluation=CLEAN))
    return pd.concat(parts, ignore_index=True)


def _interactions(found: Mapping[str, MlpEvaluation]) -> pd.DataFrame:
    parts = []
    for name, part in found.items():
        pairs = part.interactions
        table = pairs[[v for v in pairs.data_vars if "class" not in pairs[v].dims]].to_dataframe()
        only = pairs["only_pair"].values
        worst = only.argmax(1)
        table["only_pair"] = only.sum(1)
        table["only_pair_class"] = pairs["class"].values[worst]
        with np.errstate(invalid="ignore"):  # NaN where the intact network gets none of it right
            share = only[np.arange(len(only)), worst] / pairs["intact_correct"].values[worst]
        table["only_pair_class_percent"] = 100 * share
        table.insert(0, "evaluation", name)
        parts.append(table.drop(columns="design").reset_index(drop=True))
    return pd.concat(parts, ignore_index=True)


def _correlations(
    study: MlpStudy, folder: RunFolder, found: Mapping[str, MlpEvaluation]
) -> pd.DataFrame:
    """Of every score with the drop: in the network under study, and over the population's units."""
    table, rows = folder.table("scores"), []
    main, further = table.query("network == 'main'"), table.query("network != 'main'")
    for name, part in found.items():
        singles = of_design(part.effects, "singles")
        rows += _rows(
            study, f"main, {name}", main.assign(drop_pp=singles["overall_drop_pp"].values)
        )
    rows += _rows(study, "population, pooled", further, groups=further.network.to_numpy())
    for name in further.network.unique():
        rows += _rows(study, str(name), further.query("network == @name"))
    return pd.DataFrame(rows)


def _rows(
    study: MlpStudy, over: str, units: pd.DataFrame, groups: Any = None
) -> list[dict[str, Any]]:
    part, rows = study.scores, []
    for name in SCORES:
        found = stats.correlation(
            units[name].to_numpy(), units.drop_pp.to_numpy(), groups=groups,
            resamples=part.resamples, seed=part.seed,
        )  # fmt: skip
        rows.append({"over": over, "score": name, **vars(found)})
    return rows


def _selectivity(further: Sequence[xr.Dataset]) -> pd.DataFrame:
    """Standard deviation over the units of each class's drop, by network (figure 11)."""
    names = [str(c) for c in further[0]["class"].values]
    found = selectivity(np.array([e["drop_pp"].values for e in further]))
    rows = [
        {"network": member(i), "class": c, "deviation_pp": value}
        for i, values in enumerate(found.per_network, start=1)
        for c, value in zip(names, values, strict=True)
    ]
    mean = [
        {"network": "mean", "class": c, "deviation_pp": value}
        for c, value in zip(names, found.mean, strict=True)
    ]
    return pd.DataFrame(mean + rows)


def _claims(
    study: MlpStudy,
    folder: RunFolder,
    found: Mapping[str, MlpEvaluation],
    further: Sequence[xr.Dataset],
) -> pd.DataFrame:
    evidence = {name: _evidence(study, folder, part, further) for name, part in found.items()}
    return claims.table(evidence, authors=study.network.weights == "authors")


def _evidence(
    study: MlpStudy, folder: RunFolder, found: MlpEvaluation, further: Sequence[xr.Dataset]
) -> claims.MlpEvidence:
    """The data that the claims are checked against, for one evaluation."""
    first, second = halves(found)
    return claims.MlpEvidence(
        name=found.name,
        results=results(folder, found),
        chosen=first,
        confirming=second,
        population_effects=further,
        correlations=folder.table("correlations"),
        selectivity=folder.table("selectivity"),
        paper_data=study.data.name == "mnist",
    )
