"""Where a site's units come from: its module, a function of its weights, a sum, or attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from benchmarks.zoo.twin.copied import kernel_of
from benchmarks.zoo.twin.paint import ELEMENTWISE, MOVING, NONE, NORMALISING, PLACES, storage_of
from benchmarks.zoo.twin.watch import Watch

_PRODUCTS = frozenset(
    {
        "mm",
        "addmm",
        "bmm",
        "baddbmm",
        "matmul",
        "convolution",
        "_convolution",
        "linear",
        "mv",
        "addmv",
    }
)
_ATTENTION = ("_scaled_dot_product", "_flash_attention", "_efficient_attention")
COLOURS_PER_UNIT = 4096  # of a call; more channels than a head has


LAYERS = ("hidden", "filter", "router", "embedding")


class Unclear(Exception):
    """A site that the twin cannot follow."""


@dataclass(frozen=True)
class Target:
    """Units of a site to paint.

    Attributes:
        site: Its name.
        kind: Its kind.
        axis: The units' axis, counted from the end.
        n_units: How many units the site has.
        units: Which are painted.
        place: For a sum, its number among the sums of its module with as many units along the same
            axis, and how many sites these are.
    """

    site: str
    kind: str
    axis: int
    n_units: int
    units: tuple[int, ...]
    place: tuple[int, int] = (0, 0)


class Steps:
    """Products with weights that give units even while they depend on no input, as in first steps.

    A weight times something that depends on no input may be part of how another weight is computed.
    It is a layer at work if the same product is taken elsewhere with something that depends on
    inputs: a state of zeros is multiplied in the first step of a loop, other states in later ones.
    """

    def __init__(self) -> None:
        self.known: set[tuple[str, str, int]] = set()  # (site, operation, number of axes)
        self._of_inputs: set[tuple[str, str, int]] = set()
        self._of_none: set[tuple[str, str, int]] = set()

    def counts(self, form: tuple[str, str, int], constant: bool) -> bool:
        """Whether a product is a layer at work."""
        (self._of_none if constant else self._of_inputs).add(form)
        return not constant or form in self.known

    def learn(self) -> bool:
        """Whether first steps were skipped that are known from now on."""
        new = (self._of_none & self._of_inputs) - self.known
        self.known |= new
        return bool(new)


class Palette:
    """Colours: one for each channel of each unit in each call of each site."""

    def __init__(self, steps: Steps | None = None) -> None:
        self._known: dict[tuple[str, int, int, int], float] = {}
        self.calls: dict[str, int] = {}
        self.called: set[str] = set()  # sites whose module was called
        self.placed = False  # whether colours say where a number is
        self.steps = Steps() if steps is None else steps

    def colour(self, site: str, call: int, unit: int, channel: int) -> float:
        """The colour of a channel."""
        return self._known.setdefault((site, call, unit, channel), float(len(self._known)))

    def of(self, site: str, units: Sequence[int] | None = None) -> list[float]:
        """All colours of some units."""
        return [
            c
            for (s, _, u, _), c in self._known.items()
            if s == site and (units is None or u in units)
        ]

    def named(self, colour: float) -> tuple[str, int, int, int]:
        """What it belongs to: (site, call, unit, channel)."""
        return next(k for k, c in self._known.items() if c == colour)


class Sources:
    """Paints the targets as the network computes them.

    Args:
        network: The network that runs.
        held: Its parameters and buffers by the names that targets go by.
        targets: What to paint.
        palette: Gives the colours.
    """

    def __init__(
        self,
        network: nn.Module,
        held: Mapping[str, Tensor],
        targets: Sequence[Target],
        palette: Palette,
    ):
        self._network, self._palette = network, palette
        self._modules = dict(network.named_modules())
        self._names = {id(m): n for n, m in self._modules.items()}
        self._inside: list[str] = []
        self._heads = [t for t in targets if t.kind == "head"]
        self._sums = [t for t in targets if t.kind == "residual"]
        self._n_sums: dict[tuple[str, int, int], int] = {}
        layers = [t for t in targets if t.kind in LAYERS]
        other = [t for t in targets if t.kind not in (*LAYERS, "head", "residual")]
        if other:
            raise Unclear(f"a site of kind {other[0].kind}")
        tables = [t for t in layers if t.kind == "embedding"]
        layers = [t for t in layers if t.kind != "embedding"]
        self._by_module = {t.site: t for t in layers if _is_layer(self._modules.get(t.site))}
        self._by_weight = {}
        for t in layers:
            names = (f"{t.site}.weight", t.site, kernel_of(t.site, held))
            name = next((n for n in names if n in held), None)
            if name is not None:
                self._by_weight[storage_of(held[name])] = t
            elif t.site not in self._by_module:
                self._by_module[t.site] = t
        self._tables = {
            storage_of(held[name]): t
            for t in tables for name in (f"{t.site}.weight", t.site, kernel_of(t.site, held))
            if name in held
        }  # fmt: skip
        self._made_of: dict[int, int] = {}  # memory computed from a weight alone, by the weight
        self._soft: dict[int, Tensor] = {}

    @contextmanager
    def watching(self, watch: Watch) -> Any:
        """The network's runs under `watch` are painted inside."""
        self._watch = watch
        with ExitStack() as stack:
            for name, module in self._modules.items():
                before = module.register_forward_pre_hook(
                    lambda *_, name=name: self._inside.append(name)
                )
                after = module.register_forward_hook(
                    lambda m, i, o, name=name: self._returned(name, o), always_call=False
                )
                stack.callback(before.remove)
                stack.callback(after.remove)
            watch.listeners.append(self._dispatched)
            yield
        for target in self._sums:
            found = self._n_sums.get(_sums_of(target), 0)
            if found != target.place[1]:
                raise Unclear(f"{target.site}: {found} sums for {target.place[1]} sites")

    def _returned(self, name: str, output: Any) -> None:
        self._inside.pop()
        target = self._by_module.get(name)
        if target is None:
            return
        if isinstance(output, tuple | list):
            output = output[0]
        if not isinstance(output, Tensor):
            raise Unclear(f"{name} returns a {type(output).__name__}")
        self._palette.called.add(name)
        with _disable_current_modes():  # hooks are watched too
            self._paint_layer(target, output)

    def _paint_layer(self, target: Target, output: Tensor, axis: int | None = None) -> None:
        axis = (target.axis if axis is None else axis) % output.ndim
        if output.shape[axis] != target.n_units:
            raise Unclear(
                f"{target.site}: {target.n_units} units, but its output is {tuple(output.shape)}"
            )
        colours = torch.full((target.n_units,), NONE, dtype=torch.float64)
        call = self._next_call(target.site)
        for unit in target.units:
            colours[unit] = self._palette.colour(target.site, call, unit, 0)
        laid = colours.view([-1 if d == axis else 1 for d in range(output.ndim)])
        others = tuple(n for d, n in enumerate(output.shape) if d != axis)
        self._watch.paint(output, laid + (laid != NONE) * self._places(others).unsqueeze(axis))

    def _places(self, shape: tuple[int, ...]) -> Tensor:
        """Where numbers of a shape without units are, as the fraction of a colour."""
        size = torch.Size(shape).numel()
        if not self._palette.placed or size > PLACES:
            return torch.zeros(shape, dtype=torch.float64)
        return torch.arange(size, dtype=torch.float64).view(shape) / PLACES

    def _next_call(self, site: str) -> int:
        call = self._palette.calls.get(site, 0)
        self._palette.calls[site] = call + 1
        return call

    def _dispatched(self, name: str, args: Any, kwargs: Any, returned: Any) -> None:
        first = returned[0] if isinstance(returned, tuple | list) and returned else returned
        if not isinstance(first, Tensor):
            return
        tensors = [t for t in (*args, *kwargs.values()) if isinstance(t, Tensor)]
        if name not in _PRODUCTS:
            self._note_weights(tensors, first)
        if self._heads:
            self._note_softmax(name, tensors, first)
            if name.startswith(_ATTENTION):
                self._paint_heads(first)
        if name in _PRODUCTS:
            self._note_product(name, tensors, first)
        if name == "embedding" and storage_of(args[0]) in self._tables:
            self._paint_layer(self._tables[storage_of(args[0])], first)
        if self._sums and name in ("add", "add_"):
            self._note_sum(tensors, first)

    def _note_sum(self, tensors: list[Tensor], output: Tensor) -> None:
        owner = self._inside[-1] if self._inside else ""
        parts = [t for t in tensors if t.shape == output.shape and not self._watch.constant(t)]
        if len(parts) != 2 or not output.is_floating_point():
            return
        forms = {
            _sums_of(t) for t in self._sums
            if _owner(t.site) == owner
            and output.ndim >= -t.axis and output.shape[t.axis] == t.n_units
        }  # fmt: skip
        for form in forms:
            number = self._n_sums.get(form, 0)
            self._n_sums[form] = number + 1
            for target in self._sums:
                if _sums_of(target) == form and target.place[0] == number:
                    self._paint_layer(target, output)

    def _note_weights(self, tensors: list[Tensor], output: Tensor) -> None:
        address = storage_of(output)
        if address in {storage_of(t) for t in tensors}:
            return
        self._made_of.pop(address, None)
        for tensor in tensors:
            origin = self._made_of.get(storage_of(tensor), storage_of(tensor))
            if origin in self._by_weight and self._watch.constant(output):
                self._made_of[address] = origin

    def _note_product(self, name: str, tensors: list[Tensor], output: Tensor) -> None:
        for tensor in tensors:
            origin = self._made_of.get(storage_of(tensor), storage_of(tensor))
            target = self._by_weight.get(origin)
            if target is None:
                continue
            form = (target.site, name, output.ndim)
            if not self._palette.steps.counts(form, self._watch.constant(output)):
                continue
            if target.site in self._by_module and target.site in self._inside:
                return  # its module is running, and will return it
            axis = 1 if "convolution" in name else target.axis  # wherever a site says it is later
            self._paint_layer(target, output, axis)
            return

    def _note_softmax(self, name: str, tensors: list[Tensor], output: Tensor) -> None:
        address = storage_of(output)
        if "softmax" in name:
            self._soft[address] = output
            return
        soft = [t for t in tensors if storage_of(t) in self._soft]
        if address in {storage_of(t) for t in tensors}:
            return
        self._soft.pop(address, None)
        if not soft:
            return
        base = name.rstrip("_")
        if name in _PRODUCTS:
            others = [t for t in tensors if storage_of(t) not in self._soft]
            if others and all(self._watch.constant(t) for t in others):
                self._soft[address] = output  # heads mixed by weights: talking heads
            elif name in ("bmm", "baddbmm"):
                self._paint_heads(output, self._soft[storage_of(soft[0])].shape[:-2])
        elif base in ELEMENTWISE | MOVING:
            self._soft[address] = output
        elif base in NORMALISING:  # over heads, which then are on other axes
            self._soft[address] = self._soft[storage_of(soft[0])]

    def _paint_heads(self, output: Tensor, apart: Sequence[int] = ()) -> None:
        """Paint what attention gives; `apart` are the axes along which its softmax is taken."""
        owner = self._inside[-1] if self._inside else ""
        target = next((t for t in self._heads if t.site == owner), None)
        target = target or next(
            (t for t in self._heads if t.site not in self._modules and _owner(t.site) == owner),
            None,
        )
        target = target or next((t for t in self._heads if owner.startswith(f"{t.site}.")), None)
        if target is None:
            return
        heads = target.n_units
        found = _by_heads(output, heads, apart)
        if found is None:
            raise Unclear(
                f"{target.site}: {heads} heads, but attention gives {tuple(output.shape)}"
            )
        laid, at = found
        channels = self._channels(owner, heads, laid)
        axis = laid.ndim + channels
        colours = torch.full((heads, laid.shape[channels]), NONE, dtype=torch.float64)
        call = self._next_call(target.site)
        for unit in target.units:
            for channel in range(laid.shape[channels]):
                colours[unit, channel] = self._palette.colour(target.site, call, unit, channel)
        shape = [1] * laid.ndim
        shape[at], shape[axis] = heads, laid.shape[axis]
        painted = colours.reshape(shape)
        others = tuple(n for d, n in enumerate(laid.shape) if d not in (at, axis))
        places = self._places(others).unsqueeze(at).unsqueeze(axis)
        self._watch.paint(laid, painted + (painted != NONE) * places)

    def _channels(self, owner: str, heads: int, laid: Tensor) -> int:
        """Which axis holds the channels: the last, unless only the other fits the projection."""
        sizes = {m.in_features for m in self._modules[owner].modules() if isinstance(m, nn.Linear)}
        sizes |= {m.in_channels for m in self._modules[owner].modules() if isinstance(m, nn.Conv2d)}
        if laid.shape[-1] * heads not in sizes and laid.shape[-2] * heads in sizes:
            return -2
        return -1


def _by_heads(output: Tensor, heads: int, apart: Sequence[int]) -> tuple[Tensor, int] | None:
    """What attention gives with an axis of heads, and that axis: one this long, or part of one."""
    if output.ndim == 3 and apart and len(output) == torch.Size(apart).numel():
        output = output.unflatten(0, apart)
    axes = [*range(1, output.ndim - 2), 0][: output.ndim - 2]
    for axis in axes:  # the examples' axis comes last: it may be as long as that of heads
        if output.shape[axis] == heads:
            return output, axis
    for axis in sorted(axes):
        if output.shape[axis] % heads == 0:
            return output.unflatten(axis, (-1, heads)), axis + 1
    return None


def _owner(site: str) -> str:
    """The module that makes a sum: what is before the last point of its name."""
    return site.rpartition(".")[0]


def _sums_of(target: Target) -> tuple[str, int, int]:
    """Sums of one module that differ only in their order."""
    return _owner(target.site), target.n_units, target.axis


def _is_layer(module: nn.Module | None) -> bool:
    named = type(module).__name__ in ("Conv1D", "NonDynamicallyQuantizableLinear")
    return named or isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
