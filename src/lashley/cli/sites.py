"""The command that lists the sites of a network."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from torch import nn

from lashley import studies
from lashley.cli.network import Given, examples_of, network_of, with_examples
from lashley.cli.parameters import Settings
from lashley.cli.printing import print_table, say
from lashley.code import is_code
from lashley.errors import LashleyError
from lashley.sites import Sites, find_sites


def sites(
    given: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="package.module:callable or file.py:callable, which returns the network, or it "
            "with examples; or a study.",
        ),
    ],
    settings: Settings = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Examples: .npz or .safetensors with `inputs` and `labels`."),
    ] = None,
) -> None:
    """List the sites of a network: the places whose units can be ablated; and what no site has."""
    network, examples = _own(given, settings, data) if is_code(given) else _of_study(
        given, settings, data)  # fmt: skip
    print_sites(network, examples)


def print_sites(network: nn.Module, examples: Any) -> Sites:
    """Print the sites by kind, and what is in none; returns them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weights are in no site")  # they are listed below
        found = find_sites(network, examples)
    print_table(found.table)
    n_weights = sum(p.numel() for p in network.parameters())
    typer.echo()
    say(f"{len(found)} sites, into which {found.share:.0%} of {n_weights:,} weights lead")
    if found.left_out:
        typer.echo()
        print_table(pd.DataFrame(
            {
                "in no site": p.name,
                "shape": " x ".join(map(str, p.shape)),
                "weights": f"{p.weights:,}",
                "reason": p.reason,
            }
            for p in found.left_out
        ))  # fmt: skip
    return found


def _own(given: str, settings: list[str] | None, data: Path | None) -> Given:
    if settings:
        raise LashleyError(
            "--set: given for a network of your own; allowed for studies only. Leave it out."
        )
    if data is None:
        return with_examples(given)
    return Given(network_of(given).network, examples_of(data))


def _of_study(given: str, settings: list[str] | None, data: Path | None) -> Given:
    checked = studies.load(given, settings or [])
    if data is not None:
        raise LashleyError("--data: given for a study, which has data of its own. Leave it out.")
    return Given(*studies.kind_of(checked).network(checked))
