"""Hooks: full passes of the network with its calls intercepted, several ablations at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.engine.batch import Batch
from lashley.engine.calls import hook_places
from lashley.engine.case import STRUCTURE, Case
from lashley.engine.checks import scale_of
from lashley.engine.hooks import Donors, HookPlace, activations, forward, replaced
from lashley.engine.margins import ENOUGH, RESERVE, chosen, errors
from lashley.engine.naive import Naive
from lashley.engine.verdict import Readings, RowNumbers, Verdict, check_empty, finite
from lashley.graph.anatomy import Organ
from lashley.graph.copies import copied
from lashley.graph.layout import Layout
from lashley.methods import Donated, Method

_AT_ONCE = 8  # ablations in one full pass
_COARSE = 1e-3  # share of the largest number that two runs of the network may differ by


@dataclass(eq=False)
class Hooking:
    """A full forward pass with hooks for each stack of ablations, in float32.

    Attributes:
        batch: Examples that it takes at once.
        network: In float32.
        naive: Settles what rounding could have flipped.
        verdict: What is kept of an output.
        places: By names of sites and methods.
        ablations: All of them; row i + 1 is that of ablation i.
        stacked: The places where one pass can run several ablations.
        at_once: How many.
        dtype: The format that the naive engine computes in.
        margins: By rows, how far apart logits have to be for their order to be sure; of the rows
            that were looked at so far.
    """

    batch: int
    network: nn.Module
    naive: Naive
    verdict: Verdict
    places: dict[tuple[str, Method], HookPlace]
    ablations: Sequence[Ablation]
    stacked: frozenset[tuple[str, Method]]
    at_once: int
    dtype: torch.dtype
    margins: dict[int, float] = field(default_factory=dict, init=False)
    name: str = field(default="hooks", init=False)

    @property
    def attrs(self) -> Mapping[str, Any]:
        """As in `Engine`."""
        return {}

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[RowNumbers, Readings]]:
        """As in `Engine.run`."""
        names = self.naive.names
        outputs = forward(self.network, batch.inputs, names)
        intact = self.verdict.of_rows(outputs, batch.labels)
        known = intact, self.verdict.slack(outputs, batch.labels)
        yield (0,), self._settled(intact, outputs[None], (0,), batch)
        wanted: dict[tuple[str, Method], list[int]] = {}
        for row, ablation in enumerate(self.ablations, start=1):
            if row in rows:
                wanted.setdefault((ablation.site.name, ablation.method), []).append(row)
        for key, found in wanted.items():
            donors = self._donors(key, batch)
            at_once = self.at_once if key in self.stacked else 1
            for start in range(0, len(found), at_once):
                part = tuple(found[start : start + at_once])
                yield part, self._stack(key, part, batch, donors, known)

    def _donors(self, key: tuple[str, Method], batch: Batch) -> Donors | None:
        place = self.places[key]
        if batch.donors is None or not isinstance(place.replacement, Donated):
            return None
        return activations(self.network, place.keys, batch.donors, self.naive.names)

    def _stack(
        self, key: tuple[str, Method], rows: RowNumbers, batch: Batch, donors: Donors | None,
        known: tuple[Readings, Readings],
    ) -> Readings:  # fmt: skip
        """One pass; in a stack the ablation of no units comes last, and has to have no effect.

        Args:
            key: Site and method.
            rows: Of the outcomes.
            batch: The examples.
            donors: Activations of others, by call, or None.
            known: The intact network's outcomes, and their slack.
        """
        alone = key not in self.stacked
        sets = [*(self.ablations[row - 1].units for row in rows), *([] if alone else [()])]
        inputs = [torch.cat([part] * len(sets)) for part in batch.inputs]
        with replaced(self.network, self.places[key], sets, donors, batch.numbers):
            outputs = forward(self.network, inputs, self.naive.names)
        outputs = outputs.unflatten(0, (len(sets), -1))
        if not alone:
            check_empty(self.verdict, self.verdict.of_rows(outputs[-1], batch.labels), *known)
            outputs = outputs[:-1]
        self._look_at(outputs, rows, batch)
        found = [self._found(own, row, batch) for own, row in zip(outputs, rows, strict=True)]
        joined = {name: torch.cat([one[name] for one in found]) for name in found[0]}
        return self._settled(joined, outputs, rows, batch)

    def _found(self, outputs: Tensor, row: int, batch: Batch) -> Readings:
        margins = torch.tensor([self.margins.get(row, 0.0)])
        return self.verdict.of_rows(outputs, batch.labels, margins=margins)

    def _look_at(self, outputs: Tensor, rows: RowNumbers, batch: Batch) -> None:
        """Measure float32's error under each ablation, once."""
        if not self.verdict.classifies or all(row in self.margins for row in rows):
            return
        _, some = chosen(1, len(batch.labels))
        few = batch.take(some).to(self.dtype)
        for own, row in zip(outputs, rows, strict=True):
            exact = self.naive.outputs(self.ablations[row - 1], few)
            error = errors(own[some.to(own.device)], exact).square().mean().sqrt()
            self.margins[row] = RESERVE * float(error)

    def _settled(
        self, found: Readings, outputs: Tensor, rows: RowNumbers, batch: Batch
    ) -> Readings:
        """The same; the naive engine decides what rounding could have flipped."""
        if not self.verdict.classifies:
            return {name: value.cpu() for name, value in found.items()}
        for i, row in enumerate(rows):
            while self._raised(found, outputs[i], i, row, batch):
                for name, value in self._found(outputs[i], row, batch).items():
                    found[name][i] = value[0]
        return {name: value.cpu() for name, value in found.items()}

    def _raised(self, found: Readings, outputs: Tensor, i: int, row: int, batch: Batch) -> bool:
        """Settle a row; whether errors there are larger than the margin allows."""
        which = (found["rank"][i] == self.verdict.unknown).nonzero()[:, 0]
        if not len(which):
            return False
        some = batch.take(which).to(self.dtype)
        ablation = None if row == 0 else self.ablations[row - 1]
        exact = finite(self.naive.outputs(ablation, some), ablation)
        largest = ENOUGH * float(errors(outputs[which], exact).max())
        for name, value in self.verdict.exactly(exact, some.labels).items():
            found[name][i, which] = value[0]
        raised = row > 0 and largest > max(self.verdict.least, self.margins.get(row, 0.0))
        if raised:
            self.margins[row] = largest
        return raised


def hooking(case: Case, organs: Mapping[str, Organ]) -> Hooking:
    """Full passes; several ablations at once if values have one row per example."""
    network = copied(case.network).to(case.options.device)
    hooks, moments = hook_places(case, organs)
    along = {key: one for place in hooks.values() for key, one in place.along.items()}
    naive = Naive(case.exact, case.names, None, organs, case.methods, hooks, moments, along)
    verdict = case.verdict(forward(network, case.in_float32, case.names))
    alone = case.is_one_by_one or len(case.inputs[0]) < STRUCTURE
    stacked = frozenset() if alone else _stacked(case, hooks)
    rows, batch = case.fitting(torch.float32), min(case.plain_batch, case.n_examples)
    at_once = max(1, min(_AT_ONCE, rows // batch - 1))  # the ablation of no units comes too
    return Hooking(
        batch, network, naive, verdict, hooks, case.ablations, stacked, at_once, case.truth.dtype
    )


def _stacked(
    case: Case, hooks: Mapping[tuple[str, Method], HookPlace]
) -> frozenset[tuple[str, Method]]:
    """The places whose values have their examples along axis 0, slice by slice."""
    plain = {name: place for name, place in hooks.items()
             if all(isinstance(layout, Layout) for layout in place.layouts)}  # fmt: skip
    keys = tuple({key for place in plain.values() for key in place.keys})
    few, more = (activations(case.exact, keys, [i[:n] for i in case.inputs], case.names)
                 for n in (2, 3))  # fmt: skip
    rows = {key for key in few.keys() & more.keys() if _is_first_of(few[key], more[key])}
    return frozenset(name for name, place in plain.items() if rows >= set(place.keys))


def _is_first_of(few: Tensor, more: Tensor) -> bool:
    """Whether a value of two examples is the first two thirds of that of three."""
    if not few.ndim or few.shape[1:] != more.shape[1:] or len(few) * 3 != len(more) * 2:
        return False
    near = _COARSE * scale_of(few)
    return torch.allclose(more[: len(few)].double(), few.double(), rtol=0, atol=near)
