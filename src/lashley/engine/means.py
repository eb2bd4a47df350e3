"""Mean activations over the reference examples, for the method "mean"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from lashley.data.inputs import take, tensors
from lashley.engine.case import Case
from lashley.engine.hooks import activations
from lashley.engine.program import Live, Program
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
    totals: dict[tuple[str, str], Any] = dict.fromkeys(points, 0)
    for inputs in reference_batches(case, size, program.dtype) if points else ():
        live = Live(program, tuple(inputs))
        for key, layout in points.items():
            totals[key] = totals[key] + torch.stack(layout.sums(live[program.nodes[key[1]]]))
    return {key: (total / count).nan_to_num().cpu() for key, (total, count) in totals.items()}


def means_at_calls(case: Case, wanted: Mapping[Any, Layout]) -> dict[Any, Tensor]:
    """(slot) mean activations over the reference examples, by keys of calls, in float64."""
    totals: dict[Any, Any] = dict.fromkeys(wanted, 0)
    for inputs in reference_batches(case, case.plain_batch, torch.float64):
        found = activations(case.exact, tuple(wanted), inputs, case.names)
        for key, value in found.items():
            totals[key] = totals[key] + torch.stack(wanted[key].sums(value))
    return {key: (total / count).nan_to_num().cpu() for key, (total, count) in totals.items()}


def reference_batches(case: Case, size: int, kind: torch.dtype) -> Iterator[list[Tensor]]:
    """The reference examples' inputs, on the device."""
    assert case.reference is not None
    for start in range(0, len(case.reference), size):
        part = tensors(take(case.reference.inputs, slice(start, start + size)))
        yield [p.to(case.options.device, kind if p.is_floating_point() else p.dtype) for p in part]
