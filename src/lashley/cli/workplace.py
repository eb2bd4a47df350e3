"""Where a run is carried out: what `--ray` and the options that go with it mean."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from lashley.distribute import Cluster, Local, Workplace
from lashley.distribute.address import ADDRESS, ALLOWED, checked
from lashley.errors import LashleyError

Ray = Annotated[
    str | None,
    typer.Option(
        metavar="[ADDRESS]",
        help="Run on Ray: without ADDRESS on the cluster of this machine (or of RAY_ADDRESS), else "
        "on one started here; HOST:PORT of a head node; auto: never start one; local: always.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="With --ray: how many workers (default: one per GPU with --device cuda, else as many "
        "as the CPUs can serve).",
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(help="With --ray: CPUs of each worker (default: its fair share)."),
]
ShareOption = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="With --ray: a folder or URL from which all workers read the data "
        "(default: Ray's object store).",
    ),
]


class RunCommand(TyperCommand):
    """A command with an option `--ray` whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put an empty value after a `--ray` that no address follows.

        Raises:
            LashleyError: If one of two words after it is not a study, and neither is an address.
        """
        followers = [*args[1:], ""]
        bare = [a == "--ray" and not _may_be(f) for a, f in zip(args, followers, strict=True)]
        ctx.allow_extra_args = any(bare)
        rest = super().parse_args(
            ctx, ["--ray=" if b else a for a, b in zip(args, bare, strict=True)]
        )
        if rest:
            given = " and ".join(map(repr, [ctx.params["study"], *rest]))
            raise LashleyError(f"run: given {given}; one study is allowed. After --ray {ALLOWED}")
        return rest


def workplace(
    ray: str | None, device: str, workers: int | None, cpus: int | None, share: str | None
) -> AbstractContextManager[Workplace]:
    """This process, or a cluster that is joined inside.

    Raises:
        LashleyError: If the options do not go together, or the address is not one.
        ClusterError: If such workers are not possible.
    """
    of_clusters = {"--workers": workers, "--cpus": cpus, "--share": share}
    for option, given in of_clusters.items():
        if given is not None and ray is None:
            raise LashleyError(
                f"{option}: given {given} without --ray; it is allowed on a cluster only. Add "
                f"--ray, or leave {option} out."
            )
    if ray is None:
        return nullcontext(Local(device))
    return Cluster(checked(ray), device, workers, cpus, share)


def _may_be(word: str) -> bool:
    """Whether the word after `--ray` is meant as an address, right or wrong."""
    return "://" in word or ADDRESS.fullmatch(word) is not None
