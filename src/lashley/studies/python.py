"""Studies from Python: the form of a study file, with objects in place of names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from pyarrow.parquet import read_metadata

from lashley import outcomes as schema
from lashley import studies
from lashley.distribute import Local, Workplace
from lashley.errors import RunError, StudyError
from lashley.methods import Method
from lashley.notebook import shown
from lashley.studies.ablation.form import OBJECT, AblationStudy
from lashley.studies.ablation.rows import ALL
from lashley.studies.folder import RunFolder
from lashley.studies.loading import checked, study_of

_LOADED = ("network", "data", "reference")
_CODE = ("readout", "show", "groups")
_STORES = "*.zarr"
_VALUES = (["drop_pp", "drop_low_pp", "drop_high_pp"], ["change", "change_low", "change_high"])


@dataclass(frozen=True)
class Run:
    """A study that was carried out: one folder.

    Attributes:
        folder: Its files.
    """

    folder: RunFolder

    @property
    def path(self) -> Path:
        """The folder's path."""
        return self.folder.path

    @property
    def study(self) -> Any:
        """What was done, as its study file says it."""
        return study_of(self.folder)

    @property
    def outcomes(self) -> dict[str, xr.Dataset]:
        """The outcomes of each sweep by its name; values are read from disk where they are used."""
        stores = sorted((self.path / "outcomes").glob(_STORES))
        if stores:
            return {store.stem: schema.open_store(store) for store in stores}
        if (self.folder.outcomes / "design").is_dir():  # one store for all
            return {"sweep": schema.open_store(self.folder.outcomes)}
        groups = sorted(p.name for p in self.folder.outcomes.iterdir() if p.is_dir())
        return {name: schema.open_saved(self.folder.outcomes, name) for name in groups}

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that the run has."""
        return tuple(sorted(file.stem for file in self.path.glob("*.parquet")))

    def table(self, name: str) -> pd.DataFrame:
        """A table of the run.

        Raises:
            RunError: If the run has no such table.
        """
        if name not in self.tables:
            raise RunError(
                f"table: given {name!r}; {self.path} has {', '.join(self.tables) or 'none yet'}. "
                "Name one of these, or add what makes it to the study."
            )
        return self.folder.table(name)

    @property
    def effects(self) -> pd.DataFrame:
        """What each ablation costs."""
        return self.table("effects")

    @property
    def interactions(self) -> pd.DataFrame:
        """What each pair costs beyond the sum of its singles."""
        return self.table("interactions")

    @property
    def scores(self) -> pd.DataFrame:
        """The scores of the units."""
        return self.table("scores")

    @property
    def recovery(self) -> pd.DataFrame:
        """What came back in retraining, epoch by epoch."""
        return self.table("recovery")

    @property
    def figures(self) -> dict[str, Path]:
        """The figures (PNG) by name."""
        return {file.stem: file for file in sorted((self.path / "figures").glob("*.png"))}

    @property
    def report(self) -> Path:
        """The page that shows the run."""
        return self.path / "report.html"

    def _repr_html_(self) -> str:
        """Its tables, the ablations that change most, and where the page is."""
        rows = [(n, read_metadata(self.path / f"{n}.parquet").num_rows) for n in self.tables]
        tables = shown(pd.DataFrame(rows, columns=["table", "rows"]), f"Page: {self.report}")
        title = f"<h3>{escape(self.study.name)}</h3>"
        return (
            title + tables + (shown(_strongest(self.effects)) if "effects" in self.tables else "")
        )


def _strongest(effects: pd.DataFrame, most: int = 5) -> pd.DataFrame:
    """The ablations that change most over all examples."""
    whole = effects.loc[effects["class"] == ALL] if "class" in effects else effects
    value, *ends = next((names for names in _VALUES if names[0] in whole), [""])
    if not value:
        return whole.head(most)
    order = np.argsort(-whole[value].abs().to_numpy(), kind="stable")[:most]
    names = ["sweep", "site", "units", "method", "measured", value, *ends]
    return whole.iloc[order][[name for name in names if name in whole]]


def open_run(path: str | os.PathLike[str]) -> Run:
    """A run by the path of its folder.

    Raises:
        RunError: If it is no run folder.
    """
    run = Run(RunFolder(Path(path)))
    study_of(run.folder)
    return run


@dataclass(frozen=True, eq=False)
class Study:
    """A study of any network: the form of a study file, where objects may stand for names.

    Attributes:
        network: A module; or "file.py:make" or {"load": ..., "arguments": ..., "weights": ...}.
        data: Examples in any form that `evaluate` takes; or a name or {"load": ...}.
        sweeps: By name, such as {"units": {"sites": "*", "design": "singles"}}; methods may be
            values of `lashley.methods`.
        name: Of the study.
        reference: As data; for methods that take activations from it.
        readout: A name, or a function of outputs and targets.
        show: A function of the examples' inputs that returns what a person looks at, as for
            `report`; or its name.
        groups: (example,) whole numbers or texts in place of the classes, as for `effects`; or the
            name of a function that returns them.
        further: The other keys of a study file, such as scores=True.

    Raises:
        StudyError: If anything in it is wrong.
    """

    network: Any
    data: Any
    sweeps: Mapping[str, Any]
    name: str = "study"
    reference: Any = None
    readout: Any = "classification"
    show: Any = None
    groups: Any = None
    further: Mapping[str, Any] = field(default_factory=dict)

    def __init__(
        self, network: Any, data: Any, sweeps: Mapping[str, Any], name: str = "study",
        reference: Any = None, readout: Any = "classification", show: Any = None,
        groups: Any = None, **further: Any,
    ) -> None:  # fmt: skip
        given = {
            "network": network, "data": data, "sweeps": sweeps, "name": name,
            "reference": reference, "readout": readout, "show": show, "groups": groups,
            "further": further,
        }  # fmt: skip
        for key, value in given.items():
            object.__setattr__(self, key, value)
        _ = self.form

    @property
    def form(self) -> AblationStudy:
        """The study as a file says it."""
        parts = {name: _loaded(getattr(self, name)) for name in _LOADED}
        content = {"name": self.name, "kind": "ablation", **parts, "sweeps": _texts(self.sweeps)}
        for name in _CODE:
            given = getattr(self, name)
            content[name] = given if given is None or isinstance(given, str) else _said(given)
        study = checked({**content, **_texts(self.further)}, self.name)
        if not isinstance(study, AblationStudy):
            raise StudyError(
                f"kind: given {study.kind!r}; allowed here is 'ablation'. Leave it out."
            )
        return study

    @property
    def objects(self) -> dict[str, Any]:
        """What was given as an object, by the name of the part."""
        found = {name: _object(getattr(self, name)) for name in _LOADED}
        for name in _CODE:
            given = getattr(self, name)
            found[name] = None if isinstance(given, str) else given
        return {name: value for name, value in found.items() if value is not None}

    def run(
        self, path: str | os.PathLike[str], *, where: Workplace | str = "cpu",
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Run:  # fmt: skip
        """Carry out the study, or go on with it; what is finished is not run again.

        Args:
            path: The run folder: new, empty, or of the same study.
            where: A device such as "cpu" or "cuda", or a workplace of `lashley.distribute`.
            progress: Called with a stage, what is done of it, and the whole.

        Raises:
            RunError: If the folder cannot be used, or data or network changed since the run began.
            LashleyError: If a part of the study cannot be loaded, or does not fit the others.
        """
        workplace = Local(where) if isinstance(where, str) else where
        tell = progress or (lambda *_: None)
        folder = studies.run(self.form, Path(path), where=workplace, tell=tell,
                             objects=self.objects)  # fmt: skip
        return Run(folder)


def _loaded(given: Any) -> Any:
    """A part as a study file has it."""
    if given is None:
        return None
    if isinstance(given, str):
        return {"load": given}
    if not _is_part(given):
        return {"load": _said(given)}
    return {**given, "load": given["load"] if isinstance(given["load"], str)
            else _said(given["load"])}  # fmt: skip


def _object(given: Any) -> Any:
    """What of a part is an object, if anything is."""
    found = given["load"] if _is_part(given) else given
    return None if isinstance(found, str) else found


def _is_part(given: Any) -> bool:
    return isinstance(given, Mapping) and "load" in given


def _said(given: Any) -> str:
    named = getattr(given, "__qualname__", None)
    return f"{OBJECT}{named or type(given).__qualname__}"


def _texts(given: Any) -> Any:
    """The same with methods in their text form, tuples as lists."""
    if isinstance(given, Mapping):
        return {key: _texts(value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_texts(value) for value in given]
    return str(given) if isinstance(given, Method) else given
