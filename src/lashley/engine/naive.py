"""The naive engine: slow and obviously right. One ablation, one full forward pass, in float64.

Every fast path is tested against this one. In float64 hardly any two logits are closer than
rounding, so outcomes depend neither on the size of a batch nor on threads or machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from lashley.ablations import Ablation
from lashley.engine.batch import Batch
from lashley.engine.drawing import normal_like
from lashley.engine.hooks import HookPlace, activations, forward, replaced
from lashley.engine.moments import Moments
from lashley.engine.plan import acts_on_weights
from lashley.engine.positions import Along
from lashley.graph.anatomy import Organ
from lashley.graph.doubling import in_its_format
from lashley.graph.incoming import into_units
from lashley.graph.layout import Layout, fitted
from lashley.graph.nodes import is_fixed
from lashley.graph.recurrent_units import into_recurrent_units
from lashley.graph.routed import fixed
from lashley.graph.signature import arguments, logits_of
from lashley.graph.ways import reached
from lashley.methods import Donated, Function, Method, Replacement


@dataclass(frozen=True, eq=False)
class Naive:
    """A network in float64, and where its units are.

    Attributes:
        network: Which decides, as in `Truth`.
        names: Of its inputs; () of a plain tensor.
        graph: As captured, in float64; None where the network cannot be captured.
        organs: By names of sites; empty without a graph.
        methods: What is put in place, by names of sites and methods.
        hooks: By names of sites and methods; empty with a graph.
        moments: By names of sites and which of their points, of activations over the reference.
        along: By points, along which axis these hold examples; where that matters.
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
        """The same, of any set of units, be it empty."""
        if self.graph is None:
            return self._with_hook(self.hooks[site, method], units, batch)
        organ = self.organs[site]
        if acts_on_weights(organ, method):
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
        self, replacement: Replacement, site: str, at: Sequence[tuple[str, Layout]], batch: Batch
    ) -> list[Any]:
        """What is put at each node: numbers, or a function of the value."""
        if isinstance(replacement, Donated):
            assert batch.donors is not None
            assert self.graph is not None
            names = [name for name, _ in at]
            drawn = self._drawn(values_of(self.graph, names, batch.donors), batch.drawn)
            return [drawn[name] for name in names]
        if isinstance(replacement, Function):
            return [partial(self._of_value, replacement, (site, i, name), layout, batch.numbers)
                    for i, (name, layout) in enumerate(at)]  # fmt: skip
        found: list[Any] = []
        for i, (_, layout) in enumerate(at):
            moments = self.moments.get((site, i))
            mean = None if moments is None else moments.mean
            found.append(layout.spread(replacement.numbers(layout.n_units, layout.width, mean)))
        return found

    def _of_value(
        self, function: Function, key: tuple[str, int, str], layout: Layout, numbers: Tensor,
        value: Tensor,
    ) -> Tensor:  # fmt: skip
        site, call, name = key
        normal, moments = None, self.moments.get((site, call))
        if function.seed is not None:
            along = self.along.get(name)
            axis, per = along or (0, len(value))
            shape = [per if i == axis else n for i, n in enumerate(value.shape)]
            which = torch.zeros(1).long() if along is None else numbers
            normal = normal_like(shape, axis, layout, which, (function.seed, site, call))
        spread = None if moments is None else fitted(layout.spread(moments.spread), value.shape)
        return function(value, spread, normal)

    def _with_hook(self, place: HookPlace, units: tuple[int, ...], batch: Batch) -> Tensor:
        given = None
        if isinstance(place.replacement, Donated):
            assert batch.donors is not None
            given = activations(self.network, place.keys, batch.donors, self.names)
            given = self._drawn(given, batch.drawn)
        with replaced(self.network, place, [units], given, batch.numbers):
            return forward(self.network, batch.inputs, self.names)

    def _drawn(self, values: Mapping[Any, Tensor], drawn: Tensor | None) -> dict[Any, Tensor]:
        """The values of the drawn examples."""
        if drawn is None:
            return dict(values)
        return {k: self.along[k].take(v, drawn) if k in self.along else v
                for k, v in values.items()}  # fmt: skip


def in_parameters(
    network: nn.Module, site: str, graph: fx.GraphModule, organs: Mapping[str, Organ],
    inputs: Sequence[Tensor], names: tuple[str, ...],
) -> bool:  # fmt: skip
    """Whether parameters set to 0 take away what leads into a site's units, and nothing else.

    Args:
        network: Which holds them.
        site: Its name.
        graph: As captured.
        organs: Of the graph.
        inputs: A few, for the network.
        names: Of these.
    """
    organ = organs[site]
    alone = not (_is_shared(organ, organs, network) or _is_read_elsewhere(organ, graph))
    return is_plain(network, organ) and alone and is_read_by_name(network, organ, inputs, names)


def _is_shared(organ: Organ, organs: Mapping[str, Organ], network: nn.Module) -> bool:
    """Whether another site has parameters of this one: then only its own reader is zeroed."""
    ids = {name: id(p) for name, p in network.named_parameters(remove_duplicate=False)}

    def held(one: Organ) -> set[Any]:
        return {ids.get(name, name) for name in one.parameters}

    return any(held(organ) & held(other) for other in organs.values() if other is not organ)


def _is_read_elsewhere(organ: Organ, graph: fx.GraphModule) -> bool:
    """Whether forward takes parameters of this site for anything else: they stay there."""
    sources = {call.source.name for call in organ.calls}
    own = {n for n in graph.graph.nodes
           if n.op == "get_attr" and str(n.target) in organ.parameters}  # fmt: skip
    made = own | reached(own, lambda n: [u for u in n.users if is_fixed(u)])
    readers = {user for node in made for user in node.users if not is_fixed(user)}
    return any(user.name not in sources for user in readers)


def is_plain(network: nn.Module, organ: Organ) -> bool:
    """Whether the weights and biases into a site's units are parameters as they stand."""
    held = dict(network.named_parameters(remove_duplicate=False))
    if organ.kind == "recurrent":
        return bool(organ.parameters) and held.keys() >= set(organ.parameters)
    layers = [call.layer for call in organ.calls]
    return all(
        one is not None and one.is_plain and one.weight in held and (one.bias or one.weight) in held
        for one in layers
    )


def zero_weights(network: nn.Module, organ: Organ, units: tuple[int, ...]) -> dict[str, Tensor]:
    """The parameters of a site's layers, the units' weights and biases set to 0.

    Args:
        network: Which holds them.
        organ: One that `is_plain`.
        units: Which.
    """
    held = dict(network.named_parameters(remove_duplicate=False))
    zeroed: dict[str, Tensor] = {}
    for call in organ.calls:
        if call.recurrent is not None:
            for name in call.recurrent.parameters:
                rows = into_recurrent_units(held[name], units, call.recurrent.gates)
                zeroed[name] = held[name].detach().masked_fill(rows, 0)
            continue
        layer = call.layer
        assert layer is not None
        weight = held[layer.weight].detach().clone()
        weight.masked_fill_(into_units(weight, units, layer.unit_axis, layer.groups), 0)
        zeroed[layer.weight] = weight
        if layer.bias:
            bias = held[layer.bias].detach().clone()
            bias[list(units)] = 0
            zeroed[layer.bias] = bias
    return zeroed


def with_parameters(
    network: nn.Module, given: dict[str, Tensor], inputs: Sequence[Tensor], names: tuple[str, ...]
) -> Tensor:
    """What a network says with other parameters, by one of their names."""
    own = dict(network.named_parameters(remove_duplicate=False))
    new = {id(own[name]): value for name, value in given.items()}
    given = {  # wherever a module holds them, once each
        f"{path}.{name}".lstrip("."): new[id(parameter)]
        for path, module in network.named_modules()
        for name, parameter in module._parameters.items() if id(parameter) in new
    }  # fmt: skip
    args, kwargs = arguments(network, [part.clone() for part in inputs], names)
    with in_its_format(network):
        return logits_of(
            torch.func.functional_call(network, given, args, kwargs, tie_weights=False)
        )


def is_read_by_name(
    network: nn.Module, organ: Organ, inputs: Sequence[Tensor], names: tuple[str, ...]
) -> bool:
    """Whether forward reads a site's weights from its modules, and holds them nowhere else.

    Args:
        network: Which holds them.
        organ: One that `is_plain`.
        inputs: A few, for the network.
        names: Of these.
    """
    others = {n: torch.full_like(p, torch.nan) for n, p in zero_weights(network, organ, ()).items()}
    found = with_parameters(network, others, inputs, names)
    return not torch.equal(found, forward(network, inputs, names))


class _Replacing(fx.Interpreter):
    """Runs a graph, and puts values in place of units at some nodes."""

    def __init__(
        self, graph: fx.GraphModule, changes: Sequence[tuple[str, Layout, Any]],
        units: tuple[int, ...],
    ):  # fmt: skip
        super().__init__(graph, garbage_collect_values=True)
        self.extra_traceback = False  # nodes of the graph are nothing to the user
        self._changes, self._units = changes, units

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        for name, layout, new in self._changes:
            if name == n.name:
                value = self._changed(value, layout, new)
        return value

    def _changed(self, value: Tensor, layout: Layout, new: Any) -> Tensor:
        new, owner = new(value) if callable(new) else new, fitted(layout.owner, value.shape)
        value, owner = value.clone(), owner.expand(value.shape).to(value.device)
        if isinstance(new, Tensor):
            new = fitted(new, value.shape).expand(value.shape).to(value)
        for unit in self._units:
            there = owner == unit
            value[there] = new[there] if isinstance(new, Tensor) else new
        return value


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
