"""The engine: what every ablation does to every example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
import xxhash
from torch import Tensor, nn

from lashley import outcomes as schema
from lashley.ablations import Ablation
from lashley.data import Examples, as_examples
from lashley.engine import reference, sweep
from lashley.engine.guards import evaluation_of, network_fingerprint
from lashley.engine.plan import Sweep, plan
from lashley.engine.program import Program, straight_line
from lashley.errors import DataError, EngineError
from lashley.networks import check_finite
from lashley.readouts import classification

__all__ = ["check_device", "evaluate", "network_fingerprint"]

ENGINES = ("auto", "reference")
_BATCH = 1000  # examples in one pass of the reference
_SAMPLE = 64  # examples on which rounding is measured
_SAFETY = 16  # how many times the rounding seen on a sample still counts as rounding


def evaluate(
    network: nn.Module,
    examples: Any,
    ablations: Sequence[Ablation],
    *,
    engine: str = "auto",
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Measure what each ablation does to each example.

    Outcomes are decided as float64 decides them: whatever float32 could turn by rounding (measured
    on a sample, with a 16-fold reserve) is settled in float64. The network is evaluated in eval
    mode and comes back as it was given.

    Args:
        network: Any module from inputs (example, ...) to logits (example, class).
        examples: `Examples`, or a pair (inputs, labels) of tensors.
        ablations: From `singles`, `pairs`, or made one by one.
        engine: "auto" takes the fast engine where the network is a straight line of Linear layers
            and unit-wise activations, else the reference; "reference" runs one full forward pass
            per ablation. Which one ran, and why, stands in `attrs`.
        device: Where to compute, such as "cpu" or "cuda"; the given network stays where it is.
        progress: Called with the work done and the whole work.

    Returns:
        Outcomes in the schema of `lashley.outcomes`.

    Raises:
        DataError: If the examples are unusable, a class has none, or labels exceed the outputs.
        NetworkError: If weights are NaN or infinite.
        EngineError: If an ablation does not belong to the network, or outputs are unusable.
        IntegrityError: If data or network changed while they were measured.
    """
    examples = as_examples(examples)
    _check_arguments(network, ablations, engine, device)
    report = progress or (lambda done, total: None)
    with evaluation_of(network, examples), torch.inference_mode():
        exact = reference.in_float64(network, device)
        sample = _logits(exact, examples.inputs[:_SAMPLE], device)
        _check_classes(examples, sample.shape[1])
        program, why = _program(network, ablations) if engine == "auto" else (None, "asked for")
        if program is None:
            reference.check_empty(exact, ablations, examples.inputs[:_SAMPLE], sample, device)
            found, settled = _by_reference(exact, examples, ablations, device, report), 0
        else:
            found, settled = _by_sweep(program, sample, examples, ablations, device, report)
    kind = schema.dtype_for(sample.shape[1])
    rank, prediction = (part.numpy().astype(kind, copy=False) for part in found)
    arrays = {
        "rank": rank[1:],
        "prediction": prediction[1:],
        "intact_rank": rank[0],
        "intact_prediction": prediction[0],
        "label": examples.labels.cpu().numpy().astype(kind),
    }
    attrs = {
        "engine": "reference" if program is None else "straight line",
        "engine_reason": why,
        "settled_in_float64": settled,
        "data_fingerprint": "-".join(examples.fingerprint.values()),
        "network_fingerprint": xxhash.xxh3_128_hexdigest(
            "".join(network_fingerprint(network).values()).encode()
        ),
        "torch": torch.__version__,
    }
    return schema.assemble(ablations, arrays, examples.class_names, attrs)


def _by_reference(
    exact: nn.Module, examples: Examples, ablations: Sequence[Ablation], device: str,
    progress: Callable[[int, int], None],
) -> Tensor:  # fmt: skip
    found = []
    labels = examples.labels.to(device).split(_BATCH)
    for done, ablation in enumerate([None, *ablations]):
        progress(done, 1 + len(ablations))
        outputs = reference.outputs(exact, ablation, examples.inputs, _BATCH, device)
        parts = [classification(_checked(o, ablation), y)
                 for o, y in zip(outputs, labels, strict=True)]  # fmt: skip
        found.append([torch.cat(part) for part in zip(*parts, strict=True)])
    progress(1 + len(ablations), 1 + len(ablations))
    return torch.stack([torch.stack(pair) for pair in found], 1).cpu()


def _by_sweep(
    program: Program, sample: Tensor, examples: Examples, ablations: Sequence[Ablation],
    device: str, progress: Callable[[int, int], None],
) -> tuple[Tensor, int]:  # fmt: skip
    fast, exact = (program.to(device, dtype) for dtype in (torch.float32, torch.float64))
    sites = {ablation.site for ablation in ablations}
    cuts = {site.name: cut for site in sites if (cut := program.cut(site)) is not None}
    work = Sweep(
        program=fast,
        exact=exact,
        settings=plan(exact, cuts, ablations),
        margin=_margin(fast, examples.inputs[: len(sample)].to(device), sample),
        largest=float(sample.abs().max()),
        n_rows=1 + len(ablations),
        kind=torch.uint8 if sample.shape[1] <= 255 else torch.int32,
    )
    return sweep.run(work, examples.inputs, examples.labels, device, progress)


def _margin(program: Program, inputs: Tensor, exact: Tensor) -> float:
    """The rounding of float32, as a share of the largest logit: measured, with a reserve."""
    value = inputs.float()
    for step in program.steps:
        value = step.rows(value)
    value = _checked(value, None)
    largest = float(exact.abs().max())
    seen = float((value - exact).abs().max()) / largest if largest else 0.0
    if seen > 1e-2:
        raise EngineError(
            f"engine: on a sample float32 differs from float64 by {seen:.1%} of the largest "
            "logit, so the network does not compute what its graph says, or is ill-conditioned. "
            "Use engine='reference'."
        )
    return max(_SAFETY * seen, 64 * torch.finfo(torch.float32).eps)


def _program(network: nn.Module, ablations: Sequence[Ablation]) -> tuple[Program | None, str]:
    program, why = straight_line(network)
    if program is None:
        return None, why
    for site in {a.site for a in ablations}:
        if program.cut(site) is None:
            return None, f"{site.name} does not feed one Linear through unit-wise steps alone"
    return program, "a straight line of Linear layers and unit-wise steps"


def _logits(exact: nn.Module, inputs: Tensor, device: str) -> Tensor:
    try:
        output = exact(reference.as_float64(inputs, device))
    except Exception as error:
        raise EngineError(
            f"examples: inputs of shape {tuple(inputs.shape)} do not run through the network "
            f"({error}). Give inputs shaped and normalised as in training."
        ) from error
    return _checked(output, None)


def _checked(output: Any, ablation: Ablation | None) -> Tensor:
    if not isinstance(output, Tensor) or output.ndim != 2:
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise EngineError(
            f"outputs: the network returned {shape}; allowed are logits (example, class). Wrap the "
            "network in a module that returns them."
        )
    finite = torch.isfinite(output).all(1)
    if not finite.all():
        under = "the intact network" if ablation is None else f"the ablation of {ablation.label}"
        raise EngineError(
            f"outputs: {int((~finite).sum())} of {len(output)} examples give NaN or infinity under "
            f"{under}. Check the network's outputs on your examples."
        )
    return output


def _check_arguments(
    network: nn.Module, ablations: Sequence[Ablation], engine: str, device: str
) -> None:
    if engine not in ENGINES:
        raise EngineError(f"engine: given {engine!r}; allowed are {', '.join(ENGINES)}.")
    check_device(device)
    listed = isinstance(ablations, list | tuple)
    wrong = [a for a in ablations if not isinstance(a, Ablation)] if listed else [ablations]
    if wrong or not ablations:
        what = repr(wrong[0]) if wrong else "none"
        raise EngineError(
            f"ablations: given {what}; allowed is a list of one Ablation or more. Make one with "
            "la.singles(site) or [la.Ablation(site, units)]."
        )
    modules = dict(network.named_modules())
    for site in {a.site for a in ablations}:
        weight = getattr(modules.get(site.name), "weight", None)
        if weight is None or len(weight) != site.n_units:
            raise EngineError(
                f"ablations: the network has no site {site.name!r} of {site.n_units} units. Take "
                "the sites from la.find_sites(network, examples) of this very network."
            )
    check_finite(network)


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        EngineError: If nothing can be computed on it.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EngineError(
            f"device: {device!r} is not to be had here ({str(error).splitlines()[0]}). Use 'cpu'."
        ) from error


def _check_classes(examples: Examples, n_outputs: int) -> None:
    names = examples.class_names
    if len(names) > n_outputs:
        raise DataError(
            f"labels: there are {len(names)} classes, but the network has {n_outputs} outputs. "
            "Give the examples that the network was trained for."
        )
    counts = np.bincount(examples.labels.cpu().numpy(), minlength=len(names))
    if empty := [names[i] for i in np.flatnonzero(counts == 0)]:
        raise DataError(
            f"examples: no example of class {', '.join(empty[:5])}, so its effect is undefined. "
            "Add examples of it, or leave the class out and renumber the labels."
        )
