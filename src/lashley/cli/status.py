"""The command that says how far a run is."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from lashley import studies
from lashley.cli.parameters import RunPath
from lashley.cli.printing import clock, print_table, say_of
from lashley.cli.running import go_on
from lashley.studies import progress
from lashley.studies.folder import RunFolder
from lashley.studies.progress import Progress


class StatusFormat(StrEnum):
    """How it is printed."""

    text = "text"
    json = "json"


def status(
    run: RunPath,
    style: Annotated[
        StatusFormat, typer.Option("--format", help="How to print it.")
    ] = StatusFormat.text,
) -> None:
    """Say how far a run is; from any terminal, during or after the run."""
    now = time.time()
    said = _status(run, now)
    if style is StatusFormat.json:
        typer.echo(json.dumps(said, indent=2))
        return
    for name, words in _lines(said, now).items():
        say_of(name, words)
    if said["stages"]:
        typer.echo()
        print_table(_table(said["stages"]))


def _status(run: Path, now: float) -> dict[str, Any]:
    """All that is known; times are in seconds since 1970, `left` is in seconds."""
    folder = RunFolder(run)
    study = studies.study_of(folder)
    found = progress.read(folder)
    state = progress.state(folder, found, now)
    return {
        "study": study.name,
        "run": str(run),
        "state": state,
        "go_on": go_on(run) if state in ("stopped", "failed") else None,
        **_said(found, state, now),
    }


def _said(found: Progress | None, state: str, now: float) -> dict[str, Any]:
    if found is None:
        return {"stages": []}
    stages = [
        {"stage": name, **stage.model_dump(), "share": stage.share,
         "left": stage.left(now) if state == "running" else None}
        for name, stage in found.stages.items()
    ]  # fmt: skip
    return found.model_dump(exclude={"state"}) | {"stages": stages}


def _lines(said: dict[str, Any], now: float) -> dict[str, str]:
    lines = {"study": said["study"], "run": said["run"], "state": said["state"]}
    if said.get("error"):
        lines["state"] += f": {said['error']}"
    if "process" in said:
        process = said["process"]
        began = datetime.fromtimestamp(said["began"], UTC).astimezone()
        lines["began"] = (
            f"{began:%Y-%m-%d %H:%M:%S}, process {process['number']} on {process['host']}"
        )
        lines["workers"] = said["workers"]
        lines["last heard"] = f"{clock(max(0, now - said['written']))} ago"
    if said["go_on"]:
        lines["go on"] = said["go_on"]
    return lines


def _table(stages: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "stage": s["stage"],
            "done": f"{s['done']:,}",
            "total": f"{s['total']:,}",
            "share": f"{100 * s['share']:.0f} %",
            "left": "" if s["left"] is None or s["done"] >= s["total"] else clock(s["left"]),
        }
        for s in stages
    )
