"""Running: an evaluation batch by batch, from where it was stopped, to the wanted precision."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lashley import outcomes as schema
from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.engine.building import Built
from lashley.engine.loading import Loader, Which
from lashley.engine.precision import Counts
from lashley.stats import stratified_order

_OUTCOMES = 1 << 24  # bytes of outcomes of a batch, at most
_CHECKED = 100  # examples between two looks at the precision, at least


@dataclass(eq=False)
class Run:
    """An evaluation whose engine has been built; its attributes are arguments of `evaluate`."""

    built: Built
    examples: Examples
    reference: Examples | None
    ablations: Sequence[Ablation]
    device: str
    precision: float | None
    seed: int

    def to_the_end(
        self, store: str | os.PathLike[str] | None, report: Callable[[int, int], None]
    ) -> xr.Dataset:
        """Batch by batch, what is not known yet.

        Args:
            store: A folder for the outcomes, or None.
            report: Called with the examples done and all examples.
        """
        sink, counts = self._sink(store), Counts(1 + len(self.ablations), self.precision)
        if isinstance(sink, schema.Store) and sink.is_finished:
            return schema.open_store(sink.folder)
        reference = None if self._donors is None else self.reference
        loader = Loader(self.examples, reference, self._donors, torch.device(self.device))
        done = 0
        for which, following in self._batches(sink.batch if store else self._batch_size):
            places = which if isinstance(which, slice) else which.numpy()
            known = sink.known(places) if store else np.zeros(1 + len(self.ablations), bool)
            rows = set(np.flatnonzero(counts.active & ~known).tolist())
            for found_rows, found in self._found(loader, which, following, rows):
                sink.write(found_rows, places, {n: v.numpy() for n, v in found.items()})
            if self.precision is not None:
                counts.add(sink.read(places)["rank"], counts.active.copy())
            done += len(self.examples.labels[which])
            report(done, len(self.examples))
            if not counts.active[1:].any():
                break
        return sink.finish(self._attrs(), self._columns(counts))

    def _found(
        self, loader: Loader, which: Which, following: Which | None, rows: set[int]
    ) -> Iterator[tuple[Any, dict[str, Tensor]]]:
        if rows:
            for found, values in self.built.engine.run(loader.load(which, following), rows):
                yield _plain(found), values

    def _batches(self, size: int) -> Iterator[tuple[Which, Which | None]]:
        """Which examples, and which ones after them."""
        n = len(self.examples)
        parts: list[Any] = [slice(start, min(start + size, n)) for start in range(0, n, size)]
        if self._order is not None:
            parts = [torch.from_numpy(self._order[part]) for part in parts]
        yield from zip(parts, [*parts[1:], None], strict=True)

    @property
    def _batch_size(self) -> int:
        size = sum(kind.itemsize for kind in self.built.kinds.values())
        most = max(1, _OUTCOMES // (size * (1 + len(self.ablations))))
        if self.precision is not None:
            most = min(most, max(_CHECKED, len(self.examples) // 50))
        return min(self.built.batch, most)

    @cached_property
    def _order(self) -> np.ndarray | None:
        if self.precision is None:
            return None
        return stratified_order(self.examples.labels.cpu().numpy(), self.seed)

    @cached_property
    def _donors(self) -> Tensor | None:
        """For each example the reference example that `resample` takes activations from."""
        if self.reference is None or all(a.method != "resample" for a in self.ablations):
            return None
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randint(len(self.reference), (len(self.examples),), generator=generator)

    def _sink(self, store: str | os.PathLike[str] | None) -> Any:
        examples = self.examples
        frame = schema.Frame(
            ablations=self.ablations,
            n_examples=len(examples),
            kinds=self.built.kinds,
            labels=examples.labels.cpu().numpy() if examples.class_names else None,
            class_names=examples.class_names,
            order=self._order,
        )
        if store is None:
            return schema.Memory(frame)
        return schema.Store(store, frame, self._identity(), self._batch_size)

    def _identity(self) -> dict[str, str]:
        same = ("data_fingerprint", "network_fingerprint", "readout")
        identity = {k: str(v) for k, v in self._attrs().items() if k in same}
        reference = "" if self.reference is None else "-".join(self.reference.fingerprint.values())
        return identity | {
            "precision": str(self.precision), "seed": str(self.seed), "reference": reference,
        }  # fmt: skip

    def _columns(self, counts: Counts) -> dict[str, np.ndarray] | None:
        return None if self.precision is None else {"n_examples": counts.seen[1:]}

    def _attrs(self) -> dict[str, Any]:
        attrs = {
            "readout": self.built.readout.name,
            **self.built.attrs(),
            "data_fingerprint": "-".join(self.examples.fingerprint.values()),
            "network_fingerprint": self.built.fingerprint,
            "torch": torch.__version__,
        }
        return attrs if self.precision is None else {**attrs, "precision": self.precision}


def _plain(rows: tuple[int, ...]) -> Any:
    """Consecutive rows as a slice: that copies nothing."""
    first = rows[0]
    whole = slice(first, first + len(rows))
    return whole if rows == tuple(range(whole.start, whole.stop)) else rows
