"""Which panel shows which layer in which accuracy."""

from __future__ import annotations

from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults

Cell = tuple[str, int]  # a site and a top


def cells(results: RecoveryResults) -> tuple[tuple[Cell, ...], ...]:
    """A row per accuracy and a column per layer; with more than two layers a row each, in one."""
    if len(results.shown) <= 2:
        return tuple(tuple((site, top) for site in results.shown) for top in results.tops)
    return tuple(((site, results.top),) for site in results.shown)


def accuracy_name(results: RecoveryResults) -> str:
    """For titles: "top-1 accuracy", or "accuracy" if the rows say which."""
    tops = {top for row in cells(results) for _, top in row}
    return f"top-{tops.pop()} accuracy" if len(tops) == 1 else "accuracy"
