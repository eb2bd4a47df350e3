"""A kind of study: what the command line needs to carry one out and to show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from lashley.distribute import Workplace
from lashley.planning import Plan
from lashley.studies.folder import RunFolder, Tell


@dataclass(frozen=True)
class Forecast:
    """What a study will take, before it runs.

    Attributes:
        plan: Of its ablations.
        notes: What else it takes, and what the plan leaves out, in words.
    """

    plan: Plan
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """How studies of a kind are carried out.

    Attributes:
        run: (study, run folder, where, tell) carries one out.
        plan: (study, device, devices, seconds) says what its ablations will take.
        network: The network of a study, untrained, and an example for it.
        draw_figures: (run folder, tell, again) draws the figures, all of them or the missing ones.
        write_report: Writes `report.html` from what lies in the folder.
        tables: (study) names of the tables of its runs.
        brief: (table's name, table) what of a table is shown on a screen.
        holds: Of the table of claims: which hold.
    """

    run: Callable[[Any, RunFolder, Workplace, Tell], None]
    plan: Callable[..., Forecast]
    network: Callable[[Any], tuple[nn.Module, Any]]
    draw_figures: Callable[[RunFolder, Tell, bool], None]
    write_report: Callable[[RunFolder], Path]
    tables: Callable[[Any], Sequence[str]]
    brief: Callable[[str, pd.DataFrame], pd.DataFrame]
    holds: Callable[[pd.DataFrame], pd.Series]
