"""The naive engine: slow and obviously right. One ablation, one full forward pass, in float64.

Every fast path is tested against this one. In float64 hardly any two logits are closer than
rounding, so outcomes do not depend on batch size, threads or machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from lashley.ablations import Ablation
from lashley.engine.batch import Batch
from lashley.engine.calls import hook_places
from lashley.engine.case import Case
from lashley.engine.checks import scale_of
from lashley.engine.hooks import HookPlace, Told, activations, forward, no_donor, no_examples
from lashley.engine.means import examples_along, moments_at_points, reference_along
from lashley.engine.numbers import Moments, normal_like
from lashley.engine.parameters import in_parameters, with_parameters, zero_weights
from lashley.engine.positions import Along
from lashley.engine.program import Program
from lashley.engine.verdict import Readings, RowNumbers, Verdict, finite
from lashley.errors import EngineError
from lashley.graph.anatomy import Organ
from lashley.graph.doubling import in_its_format
from lashley.graph.intercepting import intercepting
from lashley.graph.layout import Layout, fitted
from lashley.graph.routed import Routed, fixed
from lashley.methods import Donated, Function, Method, Replacement, Where, is_noisy

_ROUNDING = 1e-5  # share of the largest output that two ways may differ by in float64
_COARSER = 1e-3  # the same if the network's own float32 decides


@dataclass(frozen=True, eq=False)
class Naive:
    """A network in float64, and where its units are.

    Attributes:
        network: The one that decides, as in `Truth`.
        names: Of its inputs; () for a plain tensor.
        graph: As captured, in float64; None if the network cannot be captured.
        organs: By names of sites; empty without a graph.
        methods: What is put in place, by names of sites and methods.
        hooks: Where the units are in calls, by names of sites and methods; empty with a graph.
        moments: Of activations over the reference, by names of sites and numbers of their points.
        along: By points, along which axis these hold examples, if that matters.
        aside: Sites whose weights are zeroed in the graph: see `in_parameters`.
    """

    network: nn.Module
    names: tuple[str, ...]
    graph: fx.GraphModule | None
    organs: Mapping[str, Organ]
    methods: Mapping[tuple[str, Method], Replacement]
    hooks: Mapping[tuple[str, Method], HookPlace] = field(default_factory=dict)
    moments: Mapping[tuple[str, int], Moments] = field(default_factory=dict)
    along: Mapping[Any, Along] = field(default_factory=dict)
    aside: frozenset[str] = frozenset()

    def outputs(self, ablation: Ablation | None, batch: Batch) -> Tensor:
        """Outputs (example, ...) of the network under an ablation.

        Args:
            ablation: None leaves the network intact.
            batch: In float64.
        """
        if ablation is None:
            return forward(self.network, batch.inputs, self.names)
        return self.of_units(ablation.site.name, ablation.method, ablation.units, batch)

    def of_units(self, site: str, method: Method, units: tuple[int, ...], batch: Batch) -> Tensor:
        """The same for any set of units, even an empty one."""
        if self.graph is None:
            return self._with_calls(site, method, units, batch)
        organ = self.organs[site]
        if _zeroes_weights(organ, method):
            if site not in self.aside:
                zeroed = zero_weights(self.network, organ, units)
                return with_parameters(self.network, zeroed, batch.inputs, self.names)
            zeros = [(call.source.name, fixed(call.at_source), 0.0) for call in organ.calls]
            return _Replacing(self.graph, zeros, units).run(*batch.inputs)
        at = [(held.node.name, fixed(held.layout)) for held in organ.points]
        news = self._news(self.methods[site, method], site, at, batch)
        changes = [(*there, new) for there, new in zip(at, news, strict=True)]
        return _Replacing(self.graph, changes, units).run(*batch.inputs)

    def _news(
        self, replacement: Replacement, site: str, at: Sequence[tuple[Any, Layout | Routed]],
        batch: Batch,
    ) -> list[Any]:  # fmt: skip
        """What is put at each node or call: numbers, or a function of the value."""
        if isinstance(replacement, Donated):
            assert batch.donors is not None
            keys = [key for key, _ in at]
            drawn = self._drawn(self._values(keys, batch.donors), batch.drawn)
            return [partial(_donated, site, drawn.get(key)) for key in keys]
        if isinstance(replacement, Function):
            of_value = partial(self._of_value, replacement, batch.numbers)
            return [partial(of_value, (site, i, key), fixed(layout))
                    for i, (key, layout) in enumerate(at)]  # fmt: skip
        found: list[Any] = []
        for i, (_, layout) in enumerate(at):
            moments = self.moments.get((site, i))
            mean = None if moments is None else moments.mean
            found.append(layout.spread(replacement.numbers(layout.n_units, layout.width, mean)))
        return found

    def _values(self, keys: Sequence[Any], inputs: Sequence[Tensor]) -> Mapping[Any, Tensor]:
        if self.graph is not None:
            return values_of(self.graph, keys, inputs)
        return activations(self.network, keys, inputs, self.names)

    def _of_value(
        self, function: Function, numbers: Tensor, of: tuple[str, int, Any], layout: Layout,
        value: Tensor,
    ) -> Tensor:  # fmt: skip
        site, call, key = of
        normal, moments = None, self.moments.get((site, call))
        if function.seed is not None:
            along = self.along.get(key)
            if along is None and self.graph is None:
                raise no_examples(site, value)
            axis, per = along or (0, len(value))
            shape = [per if i == axis else n for i, n in enumerate(value.shape)]
            which = torch.zeros(1).long() if along is None else numbers
            normal = normal_like(shape, axis, layout, which, (function.seed, site, call))
        spread = None if moments is None else fitted(layout.spread(moments.spread), value.shape)
        return function(value, spread, normal)

    def _with_calls(
        self, site: str, method: Method, units: tuple[int, ...], batch: Batch
    ) -> Tensor:
        place, told = self.hooks[site, method], Told()
        at = list(zip(place.keys, place.layouts, strict=True))
        news = self._news(self.methods[site, method], site, at, batch)
        changes: dict[Any, list[tuple[Layout | Routed, Any]]] = {}
        for (key, layout), new in zip(at, news, strict=True):
            changes.setdefault(key, []).append((layout, new))
        changed = {key: partial(_all_changed, own, units, told) for key, own in changes.items()}
        looks = {lay.key: told.look(lay) for lay in place.layouts if isinstance(lay, Routed)}
        with (
            in_its_format(self.network),
            intercepting(self.network, changed, place.after, looks, place.known),
        ):
            return forward(self.network, batch.inputs, self.names)

    def _drawn(self, values: Mapping[Any, Tensor], drawn: Tensor | None) -> dict[Any, Tensor]:
        """The values of the drawn examples."""
        if drawn is None:
            return dict(values)
        return {k: self.along[k].take(v, drawn) if k in self.along else v
                for k, v in values.items()}  # fmt: skip


class _Replacing(fx.Interpreter):
    """Runs a graph, and puts values in place of units at some nodes."""

    def __init__(
        self, graph: fx.GraphModule, changes: Sequence[tuple[str, Layout, Any]],
        units: tuple[int, ...],
    ):  # fmt: skip
        super().__init__(graph, garbage_collect_values=True)
        self.extra_traceback = False  # nodes of the graph mean nothing to the user
        self._changes, self._units = changes, units

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        for name, layout, new in self._changes:
            if name == n.name:
                value = _changed(value, layout, new, self._units)
        return value


def _changed(value: Tensor, layout: Layout, new: Any, units: tuple[int, ...]) -> Tensor:
    new, owner = new(value) if callable(new) else new, fitted(layout.owner, value.shape)
    value, owner = value.clone(), owner.expand(value.shape).to(value.device)
    if isinstance(new, Tensor):
        new = fitted(new, value.shape).expand(value.shape).to(value)
    for unit in units:
        there = owner == unit
        value[there] = new[there] if isinstance(new, Tensor) else new
    return value


def _all_changed(
    changes: Sequence[tuple[Layout | Routed, Any]], units: tuple[int, ...], told: Told,
    value: Tensor,
) -> Tensor:  # fmt: skip
    """The units of all calls that a value holds."""
    for layout, new in changes:
        if isinstance(layout, Routed):
            value = value.clone()
            layout.put(value, units, new.to(value.device), told[layout.key])
        else:
            value = _changed(value, layout, new, units)
    return value


def _donated(site: str, donor: Tensor | None, value: Tensor) -> Tensor:
    """The donor's activation in place of a value."""
    if donor is None or donor.shape != value.shape:
        raise no_donor(site, value, donor)
    return donor


def values_of(
    graph: fx.GraphModule, names: Sequence[str], inputs: Sequence[Tensor]
) -> dict[str, Tensor]:
    """The values of some nodes of a graph, by name."""
    return _Values(graph, names).of(inputs)


class _Values(fx.Interpreter):
    """Runs a graph, and keeps the values of some nodes."""

    def __init__(self, graph: fx.GraphModule, names: Sequence[str]):
        super().__init__(graph)
        self._names, self._kept = set(names), {}

    def of(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """The values, by names of nodes."""
        self.run(*inputs)
        return self._kept

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.name in self._names:
            self._kept[n.name] = value.clone()
        return value


@dataclass(frozen=True, eq=False)
class NaiveEngine:
    """One ablation, one full forward pass, in float64.

    Attributes:
        batch: Examples that it takes at once.
        naive: The network.
        verdict: What is kept of an output.
        ablations: All of them; row i + 1 is that of ablation i.
        dtype: The format that the network computes in.
    """

    batch: int
    naive: Naive
    verdict: Verdict
    ablations: Sequence[Ablation]
    dtype: torch.dtype
    name: str = field(default="naive", init=False)

    @property
    def attrs(self) -> Mapping[str, Any]:
        """As in `Engine`."""
        return {"settled_in_float64": 0}

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[RowNumbers, Readings]]:
        """As in `Engine.run`."""
        exact = batch.to(self.dtype)
        for row, ablation in enumerate([None, *self.ablations]):
            if row == 0 or row in rows:
                outputs = finite(self.naive.outputs(ablation, exact), ablation)
                found = self.verdict.exactly(outputs, exact.labels)
                yield (row,), {name: value.cpu() for name, value in found.items()}


def naive_engine(case: Case, program: Program | None, organs: Mapping[str, Organ]) -> NaiveEngine:
    """The naive engine, on the graph if there is one, else by interception.

    Args:
        case: What is evaluated.
        program: The graph in float64, or None.
        organs: Its anatomy, or that of the network's record.

    Raises:
        EngineError: If an ablation of no units has an effect.
    """
    graph, hooks = None, {}
    if program is None:
        hooks, moments = hook_places(case, organs)
    else:
        graph, moments = program.module, moments_at_points(case, program, organs, case.plain_batch)
    along = _along(case, graph, organs, hooks)
    aside = frozenset() if graph is None else _aside(case, graph, organs)
    naive = Naive(case.exact, case.names, graph, organs, case.methods, hooks, moments, along, aside)
    verdict = case.verdict(None)
    some = slice(1) if case.is_one_by_one else slice(None)
    inputs = tuple(part[some] for part in case.inputs)
    batch = Batch(inputs, None, inputs, None, torch.arange(len(inputs[0])))
    for site, method in case.methods:
        found = naive.of_units(site, method, (), batch)
        _check_nothing(found, case.outputs[some], site, method)
    return NaiveEngine(case.plain_batch, naive, verdict, case.ablations, case.truth.dtype)


def _zeroes_weights(organ: Organ, method: Method) -> bool:
    """As the fast engines decide it, said apart from them: a slip there must show here."""
    return method.where is Where.WEIGHTS and organ.kind not in ("head", "residual")


def _aside(case: Case, graph: fx.GraphModule, organs: Mapping[str, Organ]) -> frozenset[str]:
    """The sites whose weights cannot be zeroed as parameters alone."""
    zeroed = {site for site, method in case.methods if _zeroes_weights(organs[site], method)}
    return frozenset(
        site
        for site in zeroed
        if not in_parameters(case.exact, site, graph, organs, case.few, case.names)
    )


def _along(
    case: Case, graph: fx.GraphModule | None, organs: Mapping[str, Organ],
    hooks: Mapping[tuple[str, Method], HookPlace],
) -> Mapping[Any, Along]:  # fmt: skip
    """Along which axis values hold examples: of donors drawn from all, or values that get noise."""
    drawn = [key for key, replacement in case.methods.items()
             if isinstance(replacement, Donated) and not case.is_independent]  # fmt: skip
    noisy = [key for key, replacement in case.methods.items() if is_noisy(replacement)]
    if graph is None:
        of_donors, of_noise = ([key for place in some for key in hooks[place].keys]
                               for some in (drawn, noisy))  # fmt: skip
        values = partial(activations, case.exact, names=case.names)
    else:
        of_donors, of_noise = ([held.node.name for site, _ in some for held in organs[site].points]
                               for some in (drawn, noisy))  # fmt: skip
        values = partial(values_of, graph)
    found = dict(reference_along(case, of_donors, partial(values, of_donors), case.truth.dtype))
    return {**found, **examples_along(case, of_noise, partial(values, of_noise))}


def _check_nothing(found: Tensor, intact: Tensor, site: str, method: Method) -> None:
    """Refuse a graph, or a record, that does not compute what the network does.

    Raises:
        EngineError: If an ablation of no units differs from the intact network.
    """
    share = _ROUNDING if intact.dtype == torch.float64 else _COARSER
    if not torch.allclose(found, intact, rtol=0, atol=share * scale_of(intact)):
        raise EngineError(
            f"engine: an ablation of no units of {site} by {method} has an effect, so the network "
            "does not compute what its graph says. Look for a hook on it, or for forward code "
            "that asks how it is called."
        )
