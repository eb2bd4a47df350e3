"""Mean activations over the reference examples, for the method "mean"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from lashley.data.inputs import take, tensors
from lashley.engine.case import STRUCTURE, Case
from lashley.engine.checks import scale_of
from lashley.engine.hooks import activations, forward
from lashley.engine.program import Live, Program
from lashley.errors import EngineError
from lashley.graph.anatomy import Organ
from lashley.graph.observed import Observed


def means_at_points(
    case: Case, program: Program, organs: Mapping[str, Organ], size: int
) -> dict[str, Tensor]:
    """(unit) mean activations over the reference examples, by names of points, in float64.

    Args:
        case: With reference examples.
        program: Whose values are averaged.
        organs: The network's anatomy.
        size: Examples at once.
    """
    sites = [site for site, method in case.methods if method == "mean"]
    points = {call.point.name: organs[s].axis for s in sites for call in organs[s].calls}
    if points:
        check_lengths(case, program)
    totals: dict[str, Tensor] = {}
    counts = dict.fromkeys(points, 0)
    for inputs in reference_batches(case, size, program.dtype) if points else ():
        live = Live(program, tuple(inputs))
        for name, axis in points.items():
            columns = live[program.nodes[name]].movedim(axis, 0).flatten(1)
            totals[name] = totals.get(name, 0) + columns.double().sum(1)
            counts[name] += columns.shape[1]
    return {name: (total / counts[name]).cpu() for name, total in totals.items()}


def check_lengths(case: Case, program: Program) -> None:
    """Refuse reference examples of other lengths, where the graph holds for one length only.

    Raises:
        EngineError: If it gives something else than the network for these.
    """
    few = [part[:STRUCTURE] for part in next(reference_batches(case, STRUCTURE, torch.float64))]
    if [p.shape[1:] for p in few] == [p.shape[1:] for p in case.inputs]:
        return
    wanted = forward(case.exact, few, case.names)
    try:
        kind = program.dtype
        found = program.run(tuple(p.to(kind) if p.is_floating_point() else p for p in few))
        alike = found.shape == wanted.shape and bool(
            ((found - wanted).abs().amax() <= 1e-2 * scale_of(wanted)).item()
        )
    except RuntimeError:  # sizes of the evaluated examples are written into the graph
        alike = False
    if not alike:
        shapes = " and ".join(str(tuple(p.shape[1:])) for p in few)
        raise EngineError(
            f"reference: its examples are of shape {shapes}, and the network's graph holds for "
            f"{' and '.join(str(tuple(p.shape[1:])) for p in case.inputs)} only. Cut them "
            "alike, or pad them and give the network a mask of what counts."
        )


def mean_by_hook(case: Case, network: nn.Module, known: Observed) -> Tensor:
    """(unit) mean activation over the reference examples, in float64."""
    total, count = torch.zeros(known.n_units, dtype=torch.float64), 0
    for inputs in reference_batches(case, case.plain_batch, torch.float64):
        for value in activations(network, known.point, inputs, case.names):
            columns = value.double().movedim(known.axis, 0).flatten(1)
            total, count = total + columns.sum(1).cpu(), count + columns.shape[1]
    return total / count


def reference_batches(case: Case, size: int, kind: torch.dtype) -> Iterator[list[Tensor]]:
    """The reference examples' inputs, on the device."""
    assert case.reference is not None
    for start in range(0, len(case.reference), size):
        part = tensors(take(case.reference.inputs, slice(start, start + size)))
        yield [p.to(case.options.device, kind if p.is_floating_point() else p.dtype) for p in part]
