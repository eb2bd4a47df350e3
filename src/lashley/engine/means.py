"""Moments of activations over the reference examples, for methods that take them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lashley.data.inputs import take, tensors
from lashley.engine.case import STRUCTURE, Case
from lashley.engine.checks import scale_of
from lashley.engine.hooks import Told, activations, forward
from lashley.engine.numbers import Moments
from lashley.engine.positions import Along, Positions, along
from lashley.engine.program import Program
from lashley.errors import EngineError
from lashley.graph.anatomy import Organ
from lashley.graph.doubling import in_its_format
from lashley.graph.formats import in_format
from lashley.graph.intercepting import Change, intercepting
from lashley.graph.layout import Layout
from lashley.graph.routed import Routed, fixed
from lashley.methods import takes_moments


def moments_at_points(
    case: Case, program: Program, organs: Mapping[str, Organ], size: int
) -> dict[tuple[str, int], Moments]:
    """Of activations over the reference examples, by sites and numbers of their points.

    Args:
        case: With reference examples.
        program: Whose values are averaged.
        organs: The network's anatomy.
        size: Examples at once.
    """
    sites = sites_with_moments(case)
    points = {(s, i): (held.node.name, fixed(held.layout))
              for s in sites for i, held in enumerate(organs[s].points)}  # fmt: skip
    if points:
        check_lengths(case, program)
    stepping = sorted({s for s in sites if organs[s].kind == "recurrent"})
    if stepping and case.counted is not None:
        warnings.warn(
            f"lashley: {', '.join(stepping)} is recurrent: its mean is taken over all steps of all "
            "reference examples, even those that do not count. Give a reference of one length.",
            stacklevel=2,
        )

    def values(inputs: list[Tensor]) -> dict[str, Tensor]:
        return program.values({name for name, _ in points.values()}, inputs)

    return _moments(case, points, values, case.reference_batch(size), program.dtype, stepping)


def sites_with_moments(case: Case) -> list[str]:
    """Names of the sites that a method takes moments of."""
    return sorted({site for (site, _), replacement in case.methods.items()
                   if takes_moments(replacement)})  # fmt: skip


def check_lengths(case: Case, program: Program) -> None:
    """Refuse reference examples of other lengths if the graph holds for one length only.

    Raises:
        EngineError: If for these it does not give what the network gives.
    """
    few = [part[:STRUCTURE] for part in next(reference_batches(case, STRUCTURE, torch.float64))]
    if [p.shape[1:] for p in few] == [p.shape[1:] for p in case.inputs]:
        return
    wanted = forward(case.exact, few, case.names)
    try:
        kind = program.dtype
        found = program.run(tuple(in_format(p, kind) for p in few))
        alike = found.shape == wanted.shape and bool(
            ((found - wanted).abs().amax() <= 1e-2 * scale_of(wanted)).item()
        )
    except RuntimeError:  # sizes of the evaluated examples are written into the graph
        alike = False
    if not alike:
        shapes = " and ".join(str(tuple(p.shape[1:])) for p in few)
        raise EngineError(
            f"reference: its examples are of shape {shapes}, but the network's graph holds for "
            f"{' and '.join(str(tuple(p.shape[1:])) for p in case.inputs)} only. Cut them to the "
            "same length, or pad them and give the network a mask of what counts."
        )


def moments_at_calls(
    case: Case, wanted: Mapping[tuple[str, int], tuple[Any, Layout | Routed]]
) -> dict[tuple[str, int], Moments]:
    """Of activations over the reference, by sites and numbers of their points.

    Args:
        case: With reference examples.
        wanted: For each, the key of the call and where the units are.
    """
    rows = {p: (key, lay) for p, (key, lay) in wanted.items() if isinstance(lay, Routed)}
    plain = {p: (key, lay) for p, (key, lay) in wanted.items() if isinstance(lay, Layout)}
    keys = tuple({key for key, _ in plain.values()})

    def values(inputs: list[Tensor]) -> Mapping[Any, Tensor]:
        return activations(case.exact, keys, inputs, case.names)

    size = case.reference_batch(case.plain_batch)
    found = _moments(case, plain, values, size, torch.float64)
    return {**found, **_moments_of_rows(case, rows, size)}


def _moments_of_rows(
    case: Case, wanted: Mapping[tuple[str, int], tuple[Any, Routed]], size: int
) -> dict[tuple[str, int], Moments]:
    """Over the rows that come to an expert."""
    told = Told()
    totals = dict.fromkeys(wanted, torch.zeros((), dtype=torch.float64))

    def adding(key: Any) -> Change:
        def change(value: Tensor) -> Tensor:
            for point, (own, layout) in wanted.items():
                if own == key:
                    sums = layout.sums(value, told[layout.key])
                    totals[point] = totals[point] + sums.cpu()
            return value

        return change

    looks = {layout.key: told.look(layout) for _, layout in wanted.values()}
    changes = {key: adding(key) for key, _ in wanted.values()}
    with in_its_format(case.exact), intercepting(case.exact, changes, looks=looks):
        for inputs in reference_batches(case, size, torch.float64) if wanted else ():
            forward(case.exact, inputs, case.names)
    _tell_of_rows(case, wanted, totals)
    return {key: Moments.of(total if total.ndim else _nothing(wanted[key][1]))
            for key, total in totals.items()}  # fmt: skip


def _nothing(layout: Routed) -> Tensor:
    """The sums where no row came to any expert."""
    return torch.zeros(3, layout.n_units * layout.width, dtype=torch.float64)


def _tell_of_rows(
    case: Case, wanted: Iterable[tuple[str, int]], totals: Mapping[tuple[str, int], Tensor]
) -> None:
    """Warn of experts that no row comes to, and of rows that count though they should not."""
    sites = sorted({site for site, _ in wanted})
    empty = sorted({site for (site, key), total in totals.items()
                    if total.ndim < 2 or not bool(total[2].all())})  # fmt: skip
    if empty:
        warnings.warn(
            f"lashley: no position of the reference comes to some of the experts of "
            f"{', '.join(empty)}, so 0 is taken as their mean. Give more reference examples.",
            stacklevel=2,
        )
    if sites and case.counted is not None:
        warnings.warn(
            f"lashley: the rows of {', '.join(sites)} come from all positions, even those that do "
            "not count; their mean is taken over all. Give a reference without padding.",
            stacklevel=2,
        )


def _moments(
    case: Case, wanted: Mapping[tuple[str, int], tuple[Any, Layout]],
    values: Callable[[list[Tensor]], Mapping[Any, Tensor]], size: int, kind: torch.dtype,
    stepping: Sequence[str] = (),
) -> dict[tuple[str, int], Moments]:  # fmt: skip
    """Of values over those positions of the reference that count.

    For `stepping` sites, the recurrent ones, they are over all steps.
    """
    totals: dict[Any, Any] = dict.fromkeys(wanted, 0)
    positions = None
    if wanted and case.counted is not None:
        keys = [key for key, _ in wanted.values()]
        positions = Positions(case.counted, reference_along(case, keys, values, kind))
    for i, inputs in enumerate(reference_batches(case, size, kind) if wanted else ()):
        found, which = values(inputs), slice(i * size, (i + 1) * size)
        for point, (key, layout) in wanted.items():
            if key not in found:
                continue
            weight = positions and positions.weight(point[0], key, found[key], layout, which)
            totals[point] = totals[point] + layout.sums(found[key], weight)
    if positions is not None:
        positions.tell()
    _check_met(totals)
    for site in stepping:
        own = [key for key in totals if key[0] == site]
        totals |= dict.fromkeys(own, sum(totals[key] for key in own))
    return {key: Moments.of(sums) for key, sums in totals.items()}


def _check_met(totals: Mapping[tuple[str, Any], Any]) -> None:
    missing = sorted({site for (site, _), total in totals.items() if not isinstance(total, Tensor)})
    if missing:
        raise EngineError(
            f"reference: none of its examples reaches all calls of {', '.join(missing)}, which "
            "depend on the data, so these have no mean. Give more reference examples."
        )


def reference_along(
    case: Case, keys: Sequence[Any], values: Callable[[list[Tensor]], Mapping[Any, Tensor]],
    kind: torch.dtype,
) -> Mapping[Any, Along]:  # fmt: skip
    """Along which axis values hold the reference's examples.

    Args:
        case: With reference examples, if there are keys.
        keys: Of the values.
        values: The values for some inputs.
        kind: Of the inputs' real numbers.
    """
    if case.is_whole or not keys:
        return {key: Along(0, 1) for key in keys}
    return along(values, next(reference_batches(case, STRUCTURE, kind)))


def examples_along(
    case: Case, keys: Sequence[Any], values: Callable[[list[Tensor]], Mapping[Any, Tensor]]
) -> Mapping[Any, Along]:
    """The same for the evaluated examples, in the format that decides."""
    if case.is_whole or not keys:
        return {key: Along(0, 1) for key in keys}
    return along(values, case.few)


def reference_batches(case: Case, size: int, kind: torch.dtype) -> Iterator[list[Tensor]]:
    """The reference examples' inputs, on the device."""
    assert case.reference is not None
    for start in range(0, len(case.reference), size):
        part = tensors(take(case.reference.inputs, slice(start, start + size)))
        yield [in_format(p.to(case.options.device), kind) for p in part]
