"""The three ways to carry out an evaluation: sweep, hooks, reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from lashley.ablations import Ablation
from lashley.engine.batch import Batch, Sweep
from lashley.engine.hooks import Donors, HookPlace, activations, forward, replaced
from lashley.engine.plan import Setting
from lashley.engine.reference import Reference
from lashley.engine.sweep import run_batch
from lashley.engine.verdict import Found, Verdict, check_empty, finite

Rows = tuple[int, ...]


@runtime_checkable
class Engine(Protocol):
    """Finds out what ablations do to a batch of examples."""

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[Rows, Found]]:
        """Rows of the outcomes, row 0 of the intact network, and what was found, in main memory.

        Args:
            batch: In float32.
            rows: Those wanted; 0 is found in any case.
        """
        ...


@dataclass(frozen=True, eq=False)
class Sweeping:
    """Shares the prefix and stacks the suffixes.

    Attributes:
        sweep: What to run.
        settings: All ablations.
    """

    sweep: Sweep
    settings: Sequence[Setting]

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[Rows, Found]]:
        """As `Engine.run`."""
        settings = self.settings
        if any(row not in rows for setting in settings for row in setting.rows):
            settings = [kept for s in settings if (kept := s.among(rows)) is not None]
        for setting, found in run_batch(self.sweep, settings, batch):
            yield (0,) if setting is None else setting.rows, found


@dataclass(frozen=True, eq=False)
class Hooking:
    """A full forward pass with hooks for each stack of ablations, in float32.

    Attributes:
        network: In float32.
        reference: Settles what rounding could have turned.
        verdict: What is kept of an output.
        places: By names of sites and methods.
        ablations: All of them; row i + 1 is that of ablation i.
        at_once: Ablations in one pass.
    """

    network: nn.Module
    reference: Reference
    verdict: Verdict
    places: dict[tuple[str, str], HookPlace]
    ablations: Sequence[Ablation]
    at_once: int

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[Rows, Found]]:
        """As `Engine.run`."""
        names = self.reference.names
        outputs = forward(self.network, batch.inputs, names)
        intact = self.verdict.of_rows(outputs, batch.labels)
        known = intact, self.verdict.slack(outputs, batch.labels)
        yield (0,), _settled(self, intact, (0,), batch)
        wanted: dict[tuple[str, str], list[int]] = {}
        for row, ablation in enumerate(self.ablations, start=1):
            if row in rows:
                wanted.setdefault((ablation.site.name, ablation.method), []).append(row)
        for key, found in wanted.items():
            donors = self._donors(key, batch)
            for start in range(0, len(found), self.at_once):
                part = tuple(found[start : start + self.at_once])
                yield (
                    part,
                    _settled(self, self._stack(key, part, batch, donors, known), part, batch),
                )

    def _donors(self, key: tuple[str, str], batch: Batch) -> Donors | None:
        if self.places[key].constants is not None or batch.donors is None:
            return None
        place = self.places[key]
        return activations(self.network, place.keys, batch.donors, self.reference.names)

    def _stack(
        self, key: tuple[str, str], rows: Rows, batch: Batch, donors: Donors | None,
        known: tuple[Found, Found],
    ) -> Found:  # fmt: skip
        """One pass; the ablation of no units runs along, and has to be the intact network.

        Args:
            key: Site and method.
            rows: Of the outcomes.
            batch: The examples.
            donors: Activations of others, by call, or None.
            known: What the intact network has as outcomes, and the slack of these.
        """
        sets = [(), *(self.ablations[row - 1].units for row in rows)]
        inputs = [torch.cat([part] * len(sets)) for part in batch.inputs]
        with replaced(self.network, self.places[key], sets, donors):
            outputs = forward(self.network, inputs, self.reference.names)
        found = self.verdict.of_rows(outputs, batch.labels, len(sets))
        check_empty(self.verdict, {n: v[:1] for n, v in found.items()}, *known)
        return {name: value[1:] for name, value in found.items()}


@dataclass(frozen=True, eq=False)
class Referring:
    """One ablation, one full forward pass, in float64.

    Attributes:
        reference: The network.
        verdict: What is kept of an output.
        ablations: All of them; row i + 1 is that of ablation i.
    """

    reference: Reference
    verdict: Verdict
    ablations: Sequence[Ablation]

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[Rows, Found]]:
        """As `Engine.run`."""
        exact = batch.to(torch.float64)
        for row, ablation in enumerate([None, *self.ablations]):
            if row == 0 or row in rows:
                outputs = finite(
                    self.reference.outputs(ablation, exact.inputs, exact.donors), ablation
                )
                found = self.verdict.exactly(outputs, exact.labels)
                yield (row,), {name: value.cpu() for name, value in found.items()}


def _settled(engine: Hooking, found: Found, rows: Rows, batch: Batch) -> Found:
    """The same, what rounding could have turned decided by the reference."""
    if not engine.verdict.classifies:
        return {name: value.cpu() for name, value in found.items()}
    for i, row in enumerate(rows):
        which = (found["rank"][i] == engine.verdict.unknown).nonzero()[:, 0]
        if len(which):
            some = batch.take(which).to(torch.float64)
            ablation = None if row == 0 else engine.ablations[row - 1]
            outputs = finite(engine.reference.outputs(ablation, some.inputs, some.donors), ablation)
            for name, value in engine.verdict.exactly(outputs, some.labels).items():
                found[name][i, which] = value[0]
    return {name: value.cpu() for name, value in found.items()}
