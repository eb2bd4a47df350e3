"""Checks at the door: what cannot be evaluated is refused before any long work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.engine.plan import Savings
from lashley.errors import DataError, EngineError, ReadoutError
from lashley.graph.layout import STRUCTURE
from lashley.graph.snapshot import snapshot
from lashley.methods import Where
from lashley.names import of_readout
from lashley.networks import check_finite
from lashley.readouts import CLASSIFICATION, Readout
from lashley.sites import unknown_site

ENGINES = ("auto", "fx", "export", "hooks", "naive")
DTYPES = (torch.float32, torch.bfloat16)


def check_arguments(
    ablations: Sequence[Ablation], engine: str, device: str, dtype: Any, network: nn.Module,
    seed: Any, memory: Any, savings: Any,
) -> None:  # fmt: skip
    """Refuse what the arguments alone show to be wrong.

    Raises:
        EngineError: Naming the argument.
        NetworkError: If weights are NaN or infinite.
    """
    if engine not in ENGINES:
        raise EngineError(f"engine: given {engine!r}; allowed are {', '.join(ENGINES)}.")
    if dtype not in DTYPES:
        raise EngineError(
            f"dtype: given {dtype!r}; allowed are torch.float32 and torch.bfloat16. What rounding "
            "could flip is decided in float64 in any case."
        )
    check_device(device)
    _check_number("seed", seed, 0, 2**63)
    if memory is not None:
        _check_number("memory", memory, 1, 2**63)
    if not isinstance(savings, Savings):
        raise EngineError(f"savings: given {savings!r}; allowed is lashley.Savings(...) or None.")
    for name, value in vars(savings).items():
        if not isinstance(value, bool):
            raise EngineError(f"savings: given {name}={value!r}; allowed are True and False.")
    listed = isinstance(ablations, list | tuple)
    wrong = [a for a in ablations if not isinstance(a, Ablation)] if listed else [ablations]
    if wrong or not ablations:
        what = repr(wrong[0]) if wrong else "none"
        raise EngineError(
            f"ablations: given {what}; allowed is a list of one Ablation or more. Make one with "
            "la.singles(site) or [la.Ablation(site, units)]."
        )
    check_finite(network)


def check_precision(precision: float | None, dtype: torch.dtype, readout: Readout) -> None:
    """Refuse an invalid precision, and with other readouts what only decisions allow.

    Raises:
        EngineError: Naming the argument.
    """
    real = isinstance(precision, Real) and not isinstance(precision, bool)
    if precision is not None and not (real and 0 < float(precision) <= 100):
        raise EngineError(
            f"precision: given {precision!r}; allowed is a half width in pp above 0, such as 0.5, "
            "or None for all examples."
        )
    for name, given in (("precision", precision), ("dtype", dtype is torch.bfloat16 or None)):
        if given is not None and readout.name != CLASSIFICATION.name:
            raise EngineError(
                f"{name}: given with the readout {readout.name!r}; allowed with 'classification' "
                f"only. Leave {name} out."
            )


def check_bit_by_bit(precision: float, independent: bool) -> None:
    """Refuse a precision where all examples have to be run as one batch.

    Raises:
        EngineError: If examples depend on one another.
    """
    if not independent:
        raise EngineError(
            f"precision: given {precision!r}, which takes examples bit by bit, but the outputs of "
            "this network's examples depend on one another, so all are run as one batch; allowed "
            "is None. Leave precision out."
        )


def _check_number(name: str, given: Any, least: int, below: int) -> None:
    whole = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not whole or not least <= given < below:
        unit = " of bytes" if name == "memory" else ""
        raise EngineError(
            f"{name}: given {given!r}; allowed is a whole number{unit} from {least} on."
        )


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        EngineError: If nothing can be computed on it.
    """
    try:
        torch.empty(0, device=torch.device(device))
    except (RuntimeError, AssertionError, TypeError) as error:
        raise EngineError(
            f"device: {device!r} is not available here ({str(error).splitlines()[0]}). Use 'cpu'."
        ) from error


def check_sites(ablations: Sequence[Ablation], known: Mapping[str, Any]) -> None:
    """Refuse ablations of sites that the network does not have.

    Args:
        ablations: Those to be measured.
        known: The network's sites, by name; each has `n_units`.

    Raises:
        EngineError: Naming the site and the nearest ones.
    """
    for site in {a.site for a in ablations}:
        if site.name not in known:
            raise EngineError(f"ablations: {unknown_site(site.name, known)}")
        zeroed = [a.method for a in ablations if a.site.name == site.name
                  and a.method.where is Where.WEIGHTS]  # fmt: skip
        if site.kind == "residual" and zeroed:
            raise EngineError(
                f"method: given '{zeroed[0]}' for {site.name}, a sum that has no weights of its "
                "own; allowed are methods that act on the activation. Take 'silence', which takes "
                "the channel out of the sum."
            )
        if known[site.name].n_units != site.n_units:
            raise EngineError(
                f"ablations: {site.name} of this network has {known[site.name].n_units} units, not "
                f"{site.n_units}. Take the sites from la.find_sites(network, examples) of this "
                "very network."
            )


def check_classes(examples: Examples, n_outputs: int) -> None:
    """Refuse classes that the network has no output for; more outputs are allowed.

    Raises:
        DataError: Saying which labels there are.
        EngineError: If the network has a single output.
    """
    if n_outputs == 1:
        raise _single("(example, 1)", "torch.cat([torch.zeros_like(z), z], 1)",
                      "torch.cat([1 - z, z], 1)")  # fmt: skip
    low, high = int(examples.labels.min()), int(examples.labels.max())
    n_classes = len(examples.class_names) or high + 1
    if n_classes > n_outputs:
        way_out = "Number the classes as the network's outputs do, in the same order."
        if (low, high) == (1, n_outputs):
            way_out = "If the labels count from 1, give labels - 1."
        raise DataError(
            f"labels: there are {n_classes} classes, but the network has {n_outputs} outputs, so "
            f"labels from 0 to {n_outputs - 1} are allowed. {way_out}"
        )


def check_logits(outputs: Any) -> Tensor:
    """`outputs` themselves, if they are logits (example, class).

    Raises:
        EngineError: If they are not.
    """
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        if isinstance(outputs, Tensor) and outputs.ndim == 1:
            raise _single("(example,)", "torch.stack([torch.zeros_like(z), z], 1)",
                          "torch.stack([1 - z, z], 1)")  # fmt: skip
        raise EngineError(
            f"outputs: the network returned {shape}; allowed are logits (example, class). Give "
            "your own readout, a function of outputs and labels (for next tokens readout='loss'), "
            "or output=, a function that returns an example's logits."
        )
    if outputs.is_complex():
        raise EngineError(
            "outputs: the network returns complex numbers, which have no order; allowed are real "
            "logits (example, class). Say which are meant: output=lambda z: z.abs(), or z.real."
        )
    return outputs


def _single(shape: str, of_logit: str, of_probability: str) -> EngineError:
    return EngineError(
        f"outputs: the network gives one number per example, {shape}; a classification needs an "
        f"output for each class. If above 0 means class 1, evaluate(..., output=lambda z: "
        f"{of_logit}); if it is the probability of class 1, output=lambda z: {of_probability}; "
        "for other numbers give readout=, a function of outputs and labels."
    )


def check_columns(ablations: Sequence[Ablation], measured: Mapping[str, Tensor]) -> None:
    """Refuse a readout that takes a name of the ablations' columns, also in effects.

    Raises:
        ReadoutError: If one does.
    """
    columns = {name for a in ablations for name in a.columns}
    taken = [name for name in measured if columns & set(of_readout(name))]
    if taken:
        raise ReadoutError(
            f"readout: returned {taken[0]!r}, which is a column of the ablations' design, or whose "
            "effects would be; allowed are other names. Choose another name for what is measured."
        )


def check_alone(measured: Mapping[str, Tensor], few: Mapping[str, Tensor]) -> None:
    """Refuse a readout that measures an example by the others in its batch.

    Args:
        measured: Values (example,) of some examples, by name.
        few: The same for the first of them, without the rest.

    Raises:
        ReadoutError: Naming what differs.
    """
    for name, value in few.items():
        whole = measured[name].double()
        if not _agree(whole[: len(value)], value.double(), 1e-3 * scale_of(whole)):
            raise ReadoutError(
                f"readout: {name!r} of an example depends on the other examples of its batch. "
                "Measure each example alone: take means over its own numbers only."
            )


def check_steady(network: nn.Module, run: Callable[[int], Tensor], n: int) -> None:
    """Refuse a network whose outputs depend on what it was run on before, or on chance.

    Args:
        network: To be checked.
        run: Its outputs for so many examples, always the same ones.
        n: How many; with `STRUCTURE` it is checked that it takes fewer, too.

    Raises:
        EngineError: If two runs differ, or its state fits only one number of examples.
    """
    before = snapshot(network)
    first, again = run(n), run(n)
    changed = before.changes()
    check_same(first, again, changed)
    if changed and n == STRUCTURE:
        try:
            run(2)
        except Exception as error:  # its state fits as many examples as there were
            raise carrying(changed) from error


def check_same(outputs: Tensor, again: Tensor, changed: Sequence[str]) -> None:
    """Refuse a network that gives another output each time.

    Args:
        outputs: Of some examples.
        again: Of the same ones.
        changed: The state that the network has changed since, by name.

    Raises:
        EngineError: If the two differ by more than rounding.
    """
    alike = _agree(outputs, again, 1e-6 * scale_of(outputs))
    if not alike and changed:
        raise carrying(changed)
    if not alike:
        raise EngineError(
            "network: two runs on the same examples differ, so no effect could be told from "
            "chance. It draws random numbers in eval mode (dropout that is always on?): make it "
            "deterministic, with a seed of its own or without the noise."
        )


def carrying(changed: Sequence[str]) -> EngineError:
    """The error that a network carries state from call to call; it names the state."""
    return EngineError(
        "network: two runs on the same examples differ, because it carries state from call to "
        f"call ({', '.join(changed[:5])}), so no effect could be told from what came before. "
        "Let forward reset that state at its start, on its own modules, as a copy of it is run "
        "(snntorch: by each layer's reset_mem(); utils.reset, which goes by a list of all layers "
        "ever made, does not reach copies)."
    )


def scale_of(values: Tensor) -> float:
    """The largest size of some numbers, which their rounding is a share of."""
    return float(values.double().abs().nan_to_num(0.0, 0.0).amax()) if values.numel() else 0.0


def _agree(values: Tensor, others: Tensor, error: float) -> bool:
    return torch.allclose(values, others, rtol=0.0, atol=error, equal_nan=True)
