"""How much of a recovery each trained module carries: it alone goes back to what it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lashley import stats
from lashley.data import Examples
from lashley.graph.copies import copied
from lashley.recovery import Recovery
from lashley.recovery.freezing import Frozen
from lashley.recovery.measuring import measured
from lashley.recovery.prefix import cached, split
from lashley.sites import eval_mode
from lashley.training import Recipe
from lashley.training.checks import on_device
from lashley.training.forward import outputs_of

COLUMNS = ["undone_pp", "undone_low_pp", "undone_high_pp"]


def undone(
    recovery: Recovery, modules: Sequence[str], frozen: Frozen, test: Examples, recipe: Recipe,
    cache_gb: float,
) -> pd.DataFrame:  # fmt: skip
    """What it costs, in top-1, to take back the training of one module.

    Args:
        recovery: Whose network.
        modules: Their names.
        frozen: What was not trained.
        test: Examples to measure on.
        recipe: Of the training; with autocast the layers run in bfloat16 here too.
        cache_gb: Most room for what the frozen layers make of all examples.

    Returns:
        A row per module: `undone_pp`, against the recovered network, with its paired 95 %
        interval `undone_low_pp`, `undone_high_pp`.
    """
    network = copied(recovery.network)
    inputs, labels = on_device(test, network)
    run, inputs = _after_frozen(network, frozen, inputs, recipe, cache_gb)

    def right() -> np.ndarray:
        found = measured(lambda batch: outputs_of(run, batch, recipe), inputs, labels)
        return (found.rank < 1).cpu().numpy()

    with eval_mode(network), torch.no_grad():
        whole, rows = right(), []
        for name in modules:
            _fill(network.get_submodule(name), recovery.before.get_submodule(name))
            rows.append(_drop(whole, right()))
            _fill(network.get_submodule(name), recovery.network.get_submodule(name))
    return pd.DataFrame(rows, columns=COLUMNS)


def not_measured(modules: Sequence[str]) -> pd.DataFrame:
    """A row of NaN per module."""
    return pd.DataFrame(np.nan, range(len(modules)), COLUMNS)


def _after_frozen(
    network: nn.Module, frozen: Frozen, inputs: Tensor, recipe: Recipe, cache_gb: float
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """What is left to run after frozen layers, and its inputs."""
    cut = split(network, frozen, inputs[:3])
    kept = None if cut is None else cached(cut, inputs, recipe, cache_gb)
    return (network, inputs) if cut is None or kept is None else (cut.suffix, kept)


def _fill(module: nn.Module, other: nn.Module) -> None:
    """The module's own numbers become those of another."""
    for named in ("named_parameters", "named_buffers"):
        theirs = dict(getattr(other, named)(recurse=False))
        for name, tensor in getattr(module, named)(recurse=False):
            tensor.copy_(theirs[name])


def _drop(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    change = before.astype(int) - after
    ends = stats.paired_interval(change.sum(), np.abs(change).sum(), len(change))
    return 100 * float(change.mean()), 100 * float(ends.low), 100 * float(ends.high)
