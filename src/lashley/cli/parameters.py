"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change the study: key=value, as often as needed.")
]
StudyName = Annotated[str, typer.Argument(help="A built-in study, or the path of a .yaml file.")]
RunPath = Annotated[Path, typer.Argument(help="The folder of a run.")]
Device = Annotated[str, typer.Option(help="Where to evaluate networks: cpu, cuda.")]
