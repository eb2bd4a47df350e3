"""Gathering: a `Dataset` or `DataLoader` of pairs, run through once and put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from lashley.data.arrays import as_tensor
from lashley.errors import DataError

_AT_ONCE = 250  # elements of a dataset that are put together at a time
_RANDOM = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
_FORM = "allowed are pairs (inputs, labels), inputs a tensor or tensors by name"


def is_gathered(given: Any) -> bool:
    """Whether this can be gathered."""
    return isinstance(given, Dataset | DataLoader)


def gathered(given: Any, at_most: int | None = None) -> tuple[Any, Any]:
    """Inputs and labels of all pairs, in order, each in one tensor or several.

    The state of PyTorch's own random numbers is kept.

    Args:
        given: A Dataset of pairs, or a DataLoader of batches of pairs.
        at_most: Stop at this many examples; None: take all.

    Raises:
        DataError: If it gives no pairs, another order each time, or examples of different shapes.
    """
    loader = given
    if not isinstance(given, DataLoader):
        loader = DataLoader(given, min(_AT_ONCE, at_most or _AT_ONCE))
    with _random_state_kept(loader):
        _check_order(loader)
        batches = [_pair(batch) for batch in _enough(loader, at_most)]
    if not batches:
        raise DataError(f"examples: the {type(given).__name__} is empty; at least one is needed.")
    inputs, labels = zip(*batches, strict=True)
    return _joined("inputs", inputs), _joined("labels", labels)


def _enough(loader: Iterable[Any], at_most: int | None) -> Iterator[Any]:
    """Its batches, only as many as hold `at_most` examples."""
    batches = iter(loader)
    try:
        size = getattr(loader, "batch_size", None) or 1
        yield from islice(batches, at_most and ceil(at_most / size))
    except DataError:
        raise
    except Exception as error:  # whatever the user's dataset or its collation raises
        raise DataError(
            f"examples: the loader cannot put them together ({_first_line(error)}); {_FORM}, all "
            "of one shape. Let the dataset give tensors, padded to one length."
        ) from error


def _pair(batch: Any) -> tuple[Any, Any]:
    if not (isinstance(batch, tuple | list) and len(batch) == 2):
        names = f" of {', '.join(map(str, batch))}" if isinstance(batch, Mapping) else ""
        length = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
        raise DataError(
            f"examples: the loader gives a {type(batch).__name__}{names}{length}; {_FORM}. Give "
            "la.Examples(inputs, labels), or a dataset of pairs."
        )
    inputs, labels = batch
    if isinstance(inputs, tuple | list):
        raise DataError(
            f"examples: the loader gives {len(inputs)} inputs without names; {_FORM}. Give several "
            "by the names of the network's arguments, in a dict."
        )
    return inputs, tuple(labels) if isinstance(labels, list) else labels


def _joined(name: str, parts: tuple[Any, ...]) -> Any:
    """One value of all batches, whatever its structure."""
    first = parts[0]
    if isinstance(first, Mapping):
        return {key: _joined(f"{name}.{key}", tuple(p[key] for p in parts)) for key in first}
    if isinstance(first, tuple):
        rows = zip(*parts, strict=True)
        return tuple(_joined(f"{name}.{i}", row) for i, row in enumerate(rows))
    tensors = [as_tensor(name, part) for part in parts]
    shapes = {tuple(t.shape[1:]) for t in tensors}
    if len(shapes) > 1 or not all(t.ndim for t in tensors):
        found = " and ".join(map(str, sorted(shapes)[:2]))
        raise DataError(
            f"{name}: the loader gives examples of shapes {found}; allowed is one shape. Pad all "
            "to one length, and give the network a mask."
        )
    return torch.cat(tensors)


def _check_order(loader: DataLoader) -> None:
    """Refuse a loader that gives another order each time: example 7 has to stay example 7."""
    if isinstance(loader.dataset, IterableDataset):
        return
    sampler: Any = loader.batch_sampler or loader.sampler
    shuffles = isinstance(loader.sampler, _RANDOM)
    if shuffles or [_plain(i) for i in sampler] != [_plain(i) for i in sampler]:
        raise DataError(
            "examples: given a DataLoader that shuffles; allowed is one that gives the same order "
            "each time, because outcomes go by the number of the example. Give "
            "DataLoader(loader.dataset, batch_size=..., shuffle=False)."
        )


def _plain(index: Any) -> Any:
    if isinstance(index, Tensor):
        return index.tolist()
    return list(map(_plain, index)) if isinstance(index, list | tuple) else index


@contextmanager
def _random_state_kept(loader: DataLoader) -> Iterator[None]:
    own = [loader.generator, getattr(loader.sampler, "generator", None)]
    states = [(g, g.get_state()) for g in own if isinstance(g, torch.Generator)]
    with torch.random.fork_rng(devices=[]):
        yield
    for generator, state in states:
        generator.set_state(state)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
