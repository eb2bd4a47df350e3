"""What the figures of recovery are drawn from: three tables, and how to read them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from lashley.errors import OutcomesError
from lashley.papers.meyes2019.figures.layers import look
from lashley.papers.meyes2019.figures.layers.choice import MANY
from lashley.papers.meyes2019.figures.layers.layer_results import pick

EXPERIMENTS = ("instances", "iterated")
STARTS = ("ablated", "intact", "redrawn", "from_scratch")
MOST_LAYERS = 6  # that can be told apart by colour
_CAPTION_LINE = 120  # characters

_RUN = ("experiment", "site", "start", "instance", "iteration")
_KEYS = (
    *_RUN, "layer", "label", "n_units", "proportion", "method", "ablated", "ablated_share", "hold",
    "ended",
)  # fmt: skip
_DROP = ("drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained", "total")
_COLUMNS = {
    "recovery": (*_KEYS, "epoch", "total_epoch", "top", "accuracy_percent", *_DROP),
    "classes": (*_RUN, "epoch", "top", "class", "class_index", *_DROP),
    "layers": (
        *_RUN, "module", "module_label", "position", "change", "undone_pp", "undone_low_pp",
        "undone_high_pp",
    ),
}  # fmt: skip
_ONCE = {
    "recovery": (*_RUN, "epoch", "top"),
    "classes": (*_RUN, "epoch", "top", "class_index"),
    "layers": (*_RUN, "module"),
}


@dataclass(frozen=True, eq=False)
class RecoveryResults:
    """All numbers behind the figures of recovery; the tables are tidy, drops in pp.

    Attributes:
        recovery: A row per run, epoch and `top`.
        classes: The same by class, for epoch 0 and the last; may be empty.
        layers: A row per run and trained module; may be empty.
        title: Of the study, for the captions.
        note: What else each caption should say, such as "trained on 5,000 images".

    Raises:
        OutcomesError: If a table lacks a column or holds a row twice, if there is no run, or if
            the runs are of several methods or proportions.
    """

    recovery: pd.DataFrame
    classes: pd.DataFrame = field(default_factory=pd.DataFrame)
    layers: pd.DataFrame = field(default_factory=pd.DataFrame)
    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.recovery.empty:
            raise OutcomesError(
                "recovery: given no row; a row per run, epoch and top is needed. Run the study's "
                "recovery first, or leave these figures out."
            )
        for name, columns in _COLUMNS.items():
            _check_table(name, getattr(self, name), columns)
        _check_words("experiment", self.recovery["experiment"], EXPERIMENTS)
        _check_words("start", self.recovery["start"], STARTS)
        for column in ("method", "proportion"):
            _check_one(column, sorted(map(str, self._ablated[column].unique())))

    @cached_property
    def sites(self) -> tuple[str, ...]:
        """In forward order."""
        return tuple(map(str, self.recovery.sort_values("layer", kind="stable")["site"].unique()))

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """The sites that are drawn: all, or of too many those that dropped most, in order."""
        begun = pick(self._ablated, epoch=0)
        begun = begun.loc[begun["iteration"] <= 1]
        drop = begun.groupby("site").agg(mean=("drop_pp", "mean")).reindex(self.sites)
        most = drop.sort_values("mean", ascending=False, kind="stable").index[:MOST_LAYERS]
        return tuple(site for site in self.sites if site in set(most))

    @property
    def tops(self) -> tuple[int, ...]:
        """The accuracies, the paper's top-5 first."""
        return tuple(sorted(map(int, self.recovery["top"].unique()), reverse=True))

    @property
    def top(self) -> int:
        """The accuracy to look at where there is room for one: top-5, of few classes top-1."""
        many = not self.classes.empty and len(set(self.classes["class_index"])) >= MANY
        return self.tops[0] if many else self.tops[-1]

    @property
    def proportion(self) -> float:
        """Share of a site's units that one ablation takes."""
        return float(self._ablated["proportion"].iloc[0])

    def label(self, site: str) -> str:
        """A site as the figures write it, as in "33"."""
        return str(pick(self.recovery, site=site)["label"].iloc[0])

    def has(self, experiment: str) -> bool:
        """Whether there are recoveries of an experiment."""
        return not pick(self.recovery, experiment=experiment, start="ablated").empty

    @property
    def caption(self) -> str:
        """What stands at the foot of every figure."""
        images = f"{int(self.recovery['total'].iloc[0]):,} test images"
        parts = [self.title, images, self.note, self._what(), self._left_out()]
        return textwrap.fill(" · ".join(part for part in parts if part), _CAPTION_LINE)

    @cached_property
    def _ablated(self) -> pd.DataFrame:
        """The recoveries; where there are only controls, those."""
        found = pick(self.recovery, start="ablated")
        return self.recovery if found.empty else found

    def _what(self) -> str:
        method = look.of_method(str(self._ablated["method"].iloc[0])).name
        hold = set(self._ablated["hold"].astype(bool))
        if hold == {False}:
            return f"{method}, not held"
        return method if hold <= {True} else f"{method}, in some runs not held"

    def _left_out(self) -> str:
        n, of = len(self.shown), len(self.sites)
        return f"the {n} of {of} layers that dropped most" if n < of else ""


def _check_table(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing and not table.empty:
        raise OutcomesError(
            f"{name}: given a table without {', '.join(missing)}; needed are {', '.join(columns)}. "
            f"Give the study's table as it was written."
        )
    if not table.empty and table.duplicated(list(_ONCE[name])).any():
        twice = table[table.duplicated(list(_ONCE[name]))].iloc[0]
        row = ", ".join(f"{column} {twice[column]}" for column in _ONCE[name])
        raise OutcomesError(
            f"{name}: given a row twice ({row}); each may stand there once. Drop the repeated rows."
        )


def _check_words(column: str, given: Iterable[str], allowed: Sequence[str]) -> None:
    unknown = sorted(set(map(str, given)) - set(allowed))
    if unknown:
        raise OutcomesError(
            f"{column}: given {', '.join(unknown)}; allowed are {', '.join(allowed)}. "
            f"Leave these rows out."
        )


def _check_one(column: str, given: Sequence[str]) -> None:
    if len(given) > 1:
        raise OutcomesError(
            f"{column}: given {', '.join(given)}; the figures compare runs of one {column}. "
            f"Draw them one by one: recovery[recovery.{column} == ...]."
        )
