"""Mean activations over the reference examples, for the method "mean"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from lashley.data.inputs import take, tensors
from lashley.engine.case import STRUCTURE, Case
from lashley.engine.checks import scale_of
from lashley.engine.hooks import activations, forward
from lashley.engine.program import Live, Program
from lashley.errors import EngineError
from lashley.graph.anatomy import Organ
from lashley.graph.layout import Layout


def means_at_points(
    case: Case, program: Program, organs: Mapping[str, Organ], size: int
) -> dict[tuple[str, str], Tensor]:
    """(slot) mean activations over the reference examples, by sites and points, in float64.

    Args:
        case: With reference examples.
        program: Whose values are averaged.
        organs: The network's anatomy.
        size: Examples at once.
    """
    sites = [site for site, method in case.methods if method == "mean"]
    points = {(s, held.node.name): held.layout
              for s in sites for call in organs[s].calls for held in call.points}  # fmt: skip
    if points:
        check_lengths(case, program)
    totals: dict[tuple[str, str], Any] = dict.fromkeys(points, 0)
    for inputs in reference_batches(case, size, program.dtype) if points else ():
        live = Live(program, tuple(inputs))
        for key, layout in points.items():
            totals[key] = totals[key] + torch.stack(layout.sums(live[program.nodes[key[1]]]))
    return {key: (total / count).nan_to_num().cpu() for key, (total, count) in totals.items()}


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


def means_at_calls(
    case: Case, wanted: Mapping[tuple[str, Any], Layout]
) -> dict[tuple[str, Any], Tensor]:
    """(slot) mean activations over the reference, by sites and keys of calls, in float64."""
    totals: dict[Any, Any] = dict.fromkeys(wanted, 0)
    keys = tuple({key for _, key in wanted})
    for inputs in reference_batches(case, case.plain_batch, torch.float64):
        found = activations(case.exact, keys, inputs, case.names)
        for (site, key), layout in wanted.items():
            if key in found:
                sums = torch.stack(layout.sums(found[key]))
                totals[site, key] = totals[site, key] + sums
    return {key: (total / count).nan_to_num().cpu() for key, (total, count) in totals.items()}


def reference_batches(case: Case, size: int, kind: torch.dtype) -> Iterator[list[Tensor]]:
    """The reference examples' inputs, on the device."""
    assert case.reference is not None
    for start in range(0, len(case.reference), size):
        part = tensors(take(case.reference.inputs, slice(start, start + size)))
        yield [p.to(case.options.device, kind if p.is_floating_point() else p.dtype) for p in part]
