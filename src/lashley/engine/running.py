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
_LOOK = 100  # examples between two looks at the precision, at least


def batch_size(built: Built, n_ablations: int, n_examples: int, precision: float | None) -> int:
    """Examples that an evaluation takes at once: outcomes of a batch, too, must fit in memory."""
    row = sum(kind.itemsize for kind in built.kinds.values())
    size = min(built.batch, max(1, _OUTCOMES // (row * (1 + n_ablations))))
    return size if precision is None else min(size, max(_LOOK, n_examples // 50))


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
            report: Called with the outcomes done and all outcomes.
        """
        sink, counts = self._sink(store), Counts(1 + len(self.ablations), self.precision)
        if isinstance(sink, schema.Store) and sink.is_finished:
            return schema.open_store(sink.folder)
        reference = None if self._donors is None else self.reference
        loader = Loader(self.examples, reference, self._donors, torch.device(self.device))
        n_rows, done = 1 + len(self.ablations), 0
        total = n_rows * len(self.examples)
        for which, following in self._batches(sink.batch if store else self._batch_size):
            places = which if isinstance(which, slice) else which.numpy()
            known = sink.known(places) if store else np.zeros(n_rows, bool)
            rows = set(np.flatnonzero(counts.active & ~known).tolist())
            size = len(self.examples.labels[which])
            done += (n_rows - len(rows)) * size
            try:
                for found_rows, found in self._found(loader, which, following, rows):
                    values = {name: value.numpy() for name, value in found.items()}
                    sink.write(found_rows, places, values)
                    done += len(next(iter(values.values()))) * size
                    report(min(done, total), total)
            except KeyboardInterrupt:
                sink.flush()  # what is finished is kept
                raise
            if self.precision is not None:
                counts.add(sink.read(places)["rank"], counts.active.copy())
            if not counts.active[1:].any():
                break
        report(total, total)
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
        return batch_size(self.built, len(self.ablations), len(self.examples), self.precision)

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
