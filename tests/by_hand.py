"""Right values by hand: what an ablation makes of a network whose forward is written out once more.

A written network is a function of its parts, of the inputs, and of `at`, which it passes what the
units of the site under test hold after normalisation and nonlinearity. In the network itself `at`
changes nothing, and no tracer sees it. By hand it puts in place of the units what the method says:
in float64, by a plain loop over units, and by nothing of the library.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import lashley as la
from lashley.errors import EngineError

ENGINES = ("auto", "fx", "export", "hooks", "naive")  # the last is the slow one
# "auto" takes one of the others, which test_contract.py and test_engine.py check for any network.
every_engine = pytest.mark.parametrize(
    "engine", [pytest.param("auto", marks=pytest.mark.slow), *ENGINES[1:]]
)
each_engine = pytest.mark.parametrize("engine", ENGINES[1:])
METHODS = ("silence", "zero_weights", "mean", "resample")
N, N_REFERENCE = 24, 7  # examples to be evaluated, and such that activations are taken from


class Written(nn.Module):
    """A network given by a function of it, the input and `at`, and by its parts."""

    def __init__(
        self, function: Callable[..., Tensor], **parts: nn.Module | nn.Parameter | Tensor
    ) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x, unchanged)

    def spelled(self, function: Callable[..., Tensor]) -> Written:
        """The same parts, and another function of them."""
        return Written(function, **dict(self.named_children()), **dict(self.named_parameters(
            recurse=False)), **dict(self.named_buffers(recurse=False)))  # fmt: skip


def parts_of(functions: Sequence[Callable[..., Tensor]], parts: dict[str, Any], x: Tensor) -> dict:
    """Those of the parts that one of the functions uses: a network has no others."""
    seen: set[str] = set()

    class Seen:
        def __getattr__(self, name: str) -> Any:
            seen.add(name)
            return parts[name]

    for function in functions:
        function(Seen(), x, unchanged)
    return {name: part for name, part in parts.items() if name in seen}


def unchanged(value: Tensor) -> Tensor:
    """What `at` is in the intact network."""
    return value


@dataclass(frozen=True)
class Units:
    """The units of a site, as the written network passes them to `at`.

    Attributes:
        site: The site's name.
        axis: Of the units, counted from the end.
        own: Axes of what one unit has several of: the channels of a head.
        rows: Parameters that lead into the units, a row (index of axis 0) for each; none of heads,
            for which `zero_weights` is `silence`.
    """

    site: str
    axis: int = -1
    own: tuple[int, ...] = ()
    rows: tuple[str, ...] = ()


def by_hand(
    network: Written, x: Tensor, units: Units, which: Sequence[int], method: str,
    reference: Tensor | None = None, seed: int = 0,
) -> Tensor:  # fmt: skip
    """(example, class) outputs of the ablated network, in float64."""
    twin = copy.deepcopy(network).double().eval()
    doubled = x.double() if x.is_floating_point() else x
    with torch.no_grad():
        if method == "zero_weights" and units.rows:
            for name in units.rows:
                twin.get_parameter(name)[list(which)] = 0
            return twin(doubled)
        replace = replacement(twin, units, which, method, len(x), reference, seed)
        return twin.function(twin, doubled, replace)


def replacement(
    twin: Written, units: Units, which: Sequence[int], method: str, n: int,
    reference: Tensor | None, seed: int,
) -> Callable[[Tensor], Tensor]:  # fmt: skip
    """What `at` is in the ablated network: each call of it has values of its own."""
    held: list[Tensor] = []
    if method in ("mean", "resample"):
        assert reference is not None
        twin.function(twin, reference.to(torch.float64) if reference.is_floating_point() else
                      reference, lambda value: held.append(value) or value)  # fmt: skip
        drawn = donors(len(reference), n, seed)  # where there is no example, all have the same
        news = [_mean(h, units) if method == "mean" else h[drawn] if len(h) == len(reference)
                else h for h in held]  # fmt: skip
    calls = iter(range(1 << 30))

    def replace(value: Tensor) -> Tensor:
        new = news[next(calls)] if method in ("mean", "resample") else torch.zeros_like(value)
        value, new, axis = value.clone(), new.expand_as(value), units.axis % value.ndim
        for unit in which:
            value.select(axis, unit)[...] = new.select(axis, unit)
        return value

    return replace


def donors(n_reference: int, n: int, seed: int) -> Tensor:
    """(example,) which reference example `resample` takes activations from."""
    return torch.randint(n_reference, (n,), generator=torch.Generator().manual_seed(seed))


def _mean(held: Tensor, units: Units) -> Tensor:
    """Over examples and positions, for each channel of each unit."""
    kept = {a % held.ndim for a in (units.axis, *units.own)}
    return held.mean([a for a in range(held.ndim) if a not in kept], keepdim=True)


def logits(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """A readout that keeps all of the outputs."""
    return {f"logit_{i}": column for i, column in enumerate(outputs.unbind(1))}


def measured(outcomes: Any) -> Tensor:
    """(ablation, example, class) of the outcomes of the readout `logits`."""
    names = sorted((n for n in outcomes.data_vars if n.startswith("logit_")),
                   key=lambda n: int(n.rpartition("_")[2]))  # fmt: skip
    return torch.stack([torch.from_numpy(outcomes[n].values.copy()) for n in names], -1).double()


def examples(x: Tensor, n_classes: int = 3) -> tuple[Tensor, Tensor]:
    """Inputs with labels that mean nothing."""
    return x, torch.arange(len(x)) % n_classes


def assert_as_by_hand(
    network: nn.Module, plain: Written, units: Units, x: Tensor, reference: Tensor, engine: str,
    which: Sequence[Sequence[int]] = ((0,), (1, 2)), methods: Sequence[str] = METHODS,
    **options: Any,
) -> None:  # fmt: skip
    """The library's outcomes are those of the plain network, edited by hand."""
    site = la.find_sites(network, examples(x))[units.site]
    cuts = [la.Ablation(site, tuple(w), m) for m in methods for w in which]
    with torch.no_grad():
        intact = copy.deepcopy(plain).double().eval()(x.double() if x.is_floating_point() else x)
    right = torch.stack([by_hand(plain, x, units, c.units, str(c.method), reference) for c in cuts])
    dull = [(str(c.method), c.label) for c, r in zip(cuts, right, strict=True)
            if (r - intact).abs().amax() < 1e-3]  # fmt: skip
    assert not dull, f"nothing changes by hand: {dull}"
    with may_refuse(network, engine):
        outcomes = la.evaluate(
            network, examples(x), cuts, reference=examples(reference), readout=logits,
            engine=engine, **options,
        )  # fmt: skip
        assert_logits(outcomes, right, cuts)


@contextmanager
def may_refuse(network: nn.Module, engine: str) -> Iterator[None]:
    """An engine may refuse a network that is out of its reach, in its own words."""
    try:
        yield
    except EngineError as error:
        if not (is_out_of_reach(network, engine) and f"engine: {engine!r}" in str(error)):
            raise


def is_out_of_reach(network: nn.Module, engine: str) -> bool:
    """Whether an engine may refuse a network: that of `torch.fx` what this cannot trace."""
    try:
        return engine == "fx" and fx.symbolic_trace(network) is None
    except Exception:  # whatever a forward raises that is given no numbers
        return True


def assert_logits(outcomes: Any, right: Tensor, cuts: Sequence[la.Ablation]) -> None:
    """Outcomes of the readout `logits` are these (ablation, example, class), to float32."""
    found, scale = measured(outcomes), right.abs().amax()
    wrong = {(str(c.method), c.label): float((f - r).abs().amax())
             for c, f, r in zip(cuts, found, right, strict=True)
             if not torch.allclose(f, r, rtol=0.0, atol=float(1e-4 * scale))}  # fmt: skip
    assert not wrong, f"largest difference of a logit, by method and units: {wrong}"
