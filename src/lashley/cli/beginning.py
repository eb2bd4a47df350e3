"""The command that writes a study file for a network of one's own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer
import yaml

from lashley import studies
from lashley.cli.network import with_examples
from lashley.cli.parameters import Device
from lashley.cli.printing import err, say
from lashley.cli.showing import print_forecast
from lashley.cli.sites import print_sites
from lashley.code import is_code
from lashley.errors import LashleyError, StudyError
from lashley.files import written_whole
from lashley.studies.ablation.begun import Beginning, readout_for
from lashley.studies.ablation.form import DataPart, NetworkPart, located
from lashley.studies.ablation.given import examples_of, network_of
from lashley.studies.loading import checked


def new(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="package.module:callable or file.py:callable, which returns the network, or it "
            "with examples.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Examples: a .npz or .safetensors file, code, or a built-in data set."),
    ] = None,
    readout: Annotated[
        str | None,
        typer.Option(help="What is measured: classification, loss, squared_error, or code."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The study file (default: the name of the code, .yaml).")
    ] = None,
    seconds: Annotated[float, typer.Option(help="For the calibration of the plan, about.")] = 5,
    device: Device = "cpu",
) -> None:
    """Write a study of your network: its sites by kind, sweeps of them, and what they will take."""
    if data is None:
        with_examples(network)
    path = out or Path(f"{_name_of(network)}.yaml")
    _check_free(path)
    text = _text(network, data or network, readout, path)
    study = checked(yaml.safe_load(text), str(path))
    with err.status("calibrating"):
        found = studies.plan(study, device=device, seconds=seconds)
    print_forecast(found)
    with written_whole(path) as draft:
        draft.write_text(text, encoding="utf-8")
    say(f"Written: {path}. To carry it out: lashley run {path}")


def _text(network: str, data: str, readout: str | None, path: Path) -> str:
    part = NetworkPart(load=located(network, Path.cwd()))
    found = network_of(part)
    examples = examples_of(DataPart(load=located(data, Path.cwd())), "data")
    sites = print_sites(found, examples)
    if not sites:
        raise StudyError(
            f"network: {network} has no site, so there is nothing to ablate. The reasons are "
            "above; take another network."
        )
    home = path.parent
    measured = _from(home, readout) if readout else readout_for(found, examples)
    begun = Beginning(path.name, path.stem, _from(home, network), _from(home, data), measured)
    return begun.text(sites)


def _name_of(network: str) -> str:
    """A file's name out of the code's: model.py:make is model."""
    code = network.rpartition(":")[0] or network
    stem = Path(code).stem if code.endswith(".py") else code.rpartition(".")[2]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem) or "study"


def _check_free(path: Path) -> None:
    if path.suffix != ".yaml":
        raise LashleyError(f"--out: given {path}; allowed is a file ending in .yaml. Rename it.")
    if path.exists():
        raise LashleyError(f"--out: {path} exists. Give another name, or remove it first.")
    if not path.parent.is_dir():
        raise LashleyError(f"--out: there is no folder {path.parent}. Make it first.")


def _from(home: Path, load: str) -> str:
    """The name of code or data as a file in a folder says it."""
    file, colon, name = load.rpartition(":") if is_code(load) else (load, "", "")
    if not file.endswith((".py", ".npz", ".safetensors")) or Path(file).is_absolute():
        return load
    return f"{os.path.relpath(file, home)}{colon}{name}"
