"""The kinds of studies, and the studies that come with Lashley: packages of papers bring more.

Such a package has `KINDS`, a dictionary of kinds by name, and study files (.yaml) next to its
`__init__.py`. It is found by its place: `lashley.papers.NAME`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from lashley.studies.ablation.kind import KIND
from lashley.studies.kind import Kind

_PAPERS = "lashley.papers"


@cache
def kinds() -> dict[str, Kind]:
    """All kinds of studies by name."""
    own = {"ablation": KIND}
    return own | {name: kind for paper in _papers() for name, kind in paper.KINDS.items()}


@cache
def texts() -> dict[str, str]:
    """The study files that come with Lashley, by name."""
    files = [file for paper in _papers() for file in resources.files(paper).iterdir()]
    found = {file.name: file.read_text() for file in files if file.name.endswith(".yaml")}
    return {name.removesuffix(".yaml"): text for name, text in sorted(found.items())}


def _papers() -> Iterator[ModuleType]:
    home: Any = find_spec(_PAPERS)
    if home is None:
        return
    for found in pkgutil.iter_modules(home.submodule_search_locations, f"{_PAPERS}."):
        yield importlib.import_module(found.name)
