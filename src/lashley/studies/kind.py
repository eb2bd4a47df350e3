"""A kind of study: what is needed to check one, carry it out and show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import nn

from lashley.page import Page
from lashley.planning import Plan
from lashley.studies.drawing import Gallery
from lashley.studies.folder import RunFolder
from lashley.studies.stages import Stage
from lashley.studies.study import StudyForm


@dataclass(frozen=True)
class Forecast:
    """What a study will take, before it runs.

    Attributes:
        plan: Of its ablations.
        notes: In words, what else it takes, and what the plan leaves out.
    """

    plan: Plan
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """How studies of a kind are checked, carried out and shown.

    Attributes:
        form: Of its study files.
        stages: (study) its steps, in order.
        plan: (study, device, devices, seconds) says what its ablations will take.
        network: (study) its network, untrained, and an example for it.
        galleries: (run folder) its figures.
        page: (run folder) what its report carries.
        tables: (study) names of the tables of its runs.
        brief: (table's name, table) the part of a table that fits on a screen.
        holds: (table of claims) which of them hold.
    """

    form: type[StudyForm]
    stages: Callable[[Any], Sequence[Stage]]
    plan: Callable[..., Forecast]
    network: Callable[[Any], tuple[nn.Module, Any]]
    galleries: Callable[[RunFolder], Sequence[Gallery]]
    page: Callable[[RunFolder], Page]
    tables: Callable[[Any], Sequence[str]]
    brief: Callable[[str, pd.DataFrame], pd.DataFrame]
    holds: Callable[[pd.DataFrame], pd.Series]
