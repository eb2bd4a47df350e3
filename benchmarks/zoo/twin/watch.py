"""Watches a network run: follows paint, notes the trail of units, keeps or overwrites them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from benchmarks.zoo.twin.flow import Flow
from benchmarks.zoo.twin.paint import (
    BLIND,
    ELEMENTWISE,
    MOVING,
    NONE,
    NORMALISING,
    PLACES,
    REDUCING,
    agreed,
    as_laid,
    blank,
    colours_of,
    flat,
    moved,
    refitted,
    storage_of,
    uneven,
    without,
)  # fmt: skip
from benchmarks.zoo.twin.trail import Step, Trail

_INDEXING = frozenset({"index", "gather", "index_select", "_unsafe_index"})
_LOW = (torch.float32, torch.float16, torch.bfloat16)


@dataclass
class Held:
    """Painted memory: the paint of its numbers, and its version; without paint, a statistic."""

    version: int
    paint: Tensor | None
    keep: Tensor  # so that its address is not given to another


class Watch(TorchDispatchMode):
    """Runs everything in float64, and follows paint.

    Args:
        at: For each colour, at which of its values something should happen: (number) -> see `do`.
        do: Called with colours, all numbers of the memory, their paint and the tensor written,
            after the values that `at` names; may overwrite the numbers.
        lifts: Whether operations that ask for float32 get float64.
    """

    def __init__(
        self,
        at: Mapping[float, int] | None = None,
        do: Callable[[list[float], Tensor, Tensor, Tensor], None] | None = None,
        lifts: bool = True,
    ) -> None:
        super().__init__()
        self._lifts = lifts
        self.trail = Trail()
        self.listeners: list[Callable[[str, Any, Any, Any], None]] = []
        self._held: dict[int, Held] = {}
        self._variable: dict[int, bool] = {}
        self._versions = 0
        self._at, self._do = dict(at or {}), do
        self._seen: dict[float, int] = {}
        self._flow = Flow()
        self._places_read: list[tuple[int | None, float, Tensor]] = []  # by (operation, colour)
        self.read: dict[float, Tensor] = {}  # which places of a colour are read after its point

    def paint(self, tensor: Tensor, colours: Tensor) -> None:
        """Paint a tensor just computed; colours are broadcast to it, NONE for no colour."""
        held = self._hold(tensor)
        as_laid(held.paint, tensor).copy_(colours.expand(tensor.shape))
        new = colours_of(colours)
        self.trail.steps.append(Step("layer", [], held.version, new))
        self._happen(new, tensor)

    def paint_of(self, tensor: Tensor) -> Tensor | None:
        """Its paint, if any of it is painted."""
        address = storage_of(tensor)
        held = None if address is None else self._held.get(address)
        if held is None or held.paint is None:
            return None
        paint = refitted(held.paint, held.keep, tensor)
        seen = None if paint is None else as_laid(paint, tensor)
        return seen if seen is not None and (seen != NONE).any() else None

    def take_inputs(self, inputs: list[Tensor]) -> None:
        """Inputs of the network: what depends on them is not a constant."""
        for tensor in inputs:
            self._variable[storage_of(tensor)] = True

    def end(self, output: Any) -> None:
        """What the network returned, with all paint on it; what leads nowhere is not a reader."""
        returned = [t for t in tree_leaves(output) if isinstance(t, Tensor)]
        for tensor in returned:
            reads = self._reads([tensor])
            if reads:
                self._note_places([self.paint_of(tensor)], None)
                self.trail.steps.append(Step("output", reads))
        used = self._flow.used_for(returned)
        for step in self.trail.steps:
            step.used = step.operation is None or step.operation in used
        for operation, colour, places in self._places_read:
            if operation is None or operation in used:
                at = self.read.setdefault(colour, torch.zeros(PLACES, dtype=torch.bool))
                at[places] = True

    def _hold(self, tensor: Tensor) -> Held:
        address = storage_of(tensor)
        self._versions += 1
        old = self._held.get(address)
        painted = None
        if old is not None and old.paint is not None:
            painted = refitted(old.paint, old.keep, tensor)
        self._held[address] = Held(
            self._versions, blank(tensor) if painted is None else painted, tensor
        )
        return self._held[address]

    def _write(self, tensor: Tensor, paint: Tensor | None) -> Held:
        """Paint what was written into; complex numbers stay so, even if their parts are written."""
        old = self._held.get(storage_of(tensor))
        held = self._hold(tensor)
        new = torch.full(tensor.shape, NONE, dtype=torch.float64) if paint is None else paint
        as_laid(held.paint, tensor).copy_(new)
        if old is not None and old.paint is not None and old.keep.is_complex():
            whole = refitted(held.paint, tensor, old.keep)
            if whole is not None:
                held.paint, held.keep = whole, old.keep
        return held

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if self._lifts and kwargs.get("dtype") in _LOW:
            kwargs["dtype"] = torch.float64
        if self._lifts and kwargs.get("dtype") is torch.complex64:
            kwargs["dtype"] = torch.complex128
        name = func.overloadpacket.__name__
        narrow = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        if self._lifts and not func._schema.is_mutable:
            args = tree_map_only(Tensor, self._lifted, args)
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        addresses = {storage_of(t) for t in given}
        mutates = func._schema.is_mutable
        paints = {id(t): self.paint_of(t) for t in given} if self._held else {}
        painted = any(p is not None for p in paints.values())
        reads = self._reads(given) if self._held and name not in BLIND else []
        before = (
            {i: p.clone() for i, p in paints.items() if p is not None}
            if mutates and painted
            else paints
        )
        returned = _grouped(*args, **kwargs) if name == "_grouped_mm" else func(*args, **kwargs)
        given_back = [t for t in tree_leaves(returned) if isinstance(t, Tensor)]
        operation = self._flow.note(func, args, kwargs, [*narrow, *given], given_back)
        self._note_variable(name, given, given_back, addresses)
        is_view = given_back and not mutates and storage_of(given_back[0]) in addresses
        if reads and not is_view and not self._copies(name, args, given, paints):
            self._note_places(paints.values(), operation)
        if reads:
            done = len(self.trail.steps)
            self._follow(
                func, name, args, kwargs, given, before, reads, returned, addresses, mutates
            )
            for step in self.trail.steps[done:]:
                step.operation = operation
        for listen in self.listeners:
            listen(name, args, kwargs, returned)
        return returned

    def _copies(self, name: str, args: Any, given: list[Tensor], paints: Any) -> bool:
        """Whether an operation copies numbers, and the paint on them with these."""
        painted = [t for t in given if paints.get(id(t)) is not None]
        moves = name.rstrip("_") in MOVING or name in MOVING
        return moves and (name not in _INDEXING or self._by_constants(args, painted))

    def _lifted(self, tensor: Tensor) -> Tensor:
        """A constant that is not a buffer, such as a tensor in a list, is still in float32."""
        wide = {torch.float32: torch.float64, torch.complex64: torch.complex128}.get(tensor.dtype)
        return tensor if wide is None else tensor.to(wide)

    def _note_variable(
        self, name: str, given: list[Tensor], back: list[Tensor], addresses: set[Any]
    ) -> None:
        varies = name not in BLIND and any(self._variable.get(a, False) for a in addresses)
        varies |= name == "embedding"  # what is looked up is not a parameter, whoever asks for it
        for tensor in back:
            address = storage_of(tensor)
            if address in addresses:
                self._variable[address] = varies or self._variable.get(address, False)
            else:  # new memory, perhaps at the address of freed memory
                self._variable[address] = varies
                self._held.pop(address, None)

    def _note_places(self, paints: Iterable[Tensor | None], operation: int | None) -> None:
        """Where numbers at or after their point are read."""
        due = [c for c, number in self._at.items() if self._seen.get(c, -1) >= number]
        for paint in paints:
            for colour in due if paint is not None else ():
                at = paint[paint.floor() == colour]
                places = ((at - colour) * PLACES).round().long().unique()
                self._places_read.append((operation, colour, places))

    def _reads(self, given: list[Tensor]) -> list[tuple[int, frozenset[float]]]:
        found: dict[int, frozenset[float]] = {}
        for tensor in given:
            held = self._held.get(storage_of(tensor))
            if held is None:
                continue
            if held.paint is None:
                found.setdefault(held.version, frozenset())
            elif (paint := refitted(held.paint, held.keep, tensor)) is not None:
                seen = colours_of(as_laid(paint, tensor))
                if seen:
                    found[held.version] = found.get(held.version, frozenset()) | seen
            else:  # seen as another type: all of it
                found[held.version] = colours_of(held.paint)
        return list(found.items())

    def _follow(
        self, func, name, args, kwargs, given, paints, reads, returned, addresses, mutates
    ) -> None:
        outputs = [t for t in tree_leaves(returned) if isinstance(t, Tensor)]
        output = outputs[0] if outputs else None
        if output is None:
            return
        base = name.rstrip("_") if not name.startswith("_") or mutates else name
        if not mutates and storage_of(output) in addresses:
            return  # a view, whose numbers are those it views
        paint, statistic = self._paint_after(func, base, args, kwargs, given, paints, output)
        step = Step(name, reads, joins=base in ELEMENTWISE, moves=base in MOVING)
        self.trail.steps.append(step)
        if mutates and not statistic and (paint is not None or storage_of(output) in self._held):
            held = self._write(output, paint)
            step.gives, step.carries = held.version, colours_of(held.paint)
            self._happen(step.carries, held.keep)
        elif paint is not None and (paint != NONE).any():
            held = self._hold(output)
            as_laid(held.paint, output).copy_(paint)
            step.gives, step.carries = held.version, colours_of(paint)
            self._happen(step.carries, output)
        elif statistic:
            for tensor in outputs:
                self._versions += 1
                self._held[storage_of(tensor)] = Held(self._versions, None, tensor)
                step.gives, step.statistic = self._versions, True
                if tensor is not outputs[-1]:
                    step = Step(name, reads)
                    self.trail.steps.append(step)

    def _paint_after(
        self, func, name, args, kwargs, given, paints, output
    ) -> tuple[Tensor | None, bool]:
        """The paint of what an operation returns; whether it is a statistic of painted numbers."""
        painted = [t for t in given if paints.get(id(t)) is not None]
        if name in MOVING:
            if not painted and any(map(self._is_statistic, given)):
                return None, True
            if name in _INDEXING and not self._by_constants(args, painted):
                return None, False
            if name == "copy":  # into the first, from the second
                source = paints.get(id(args[1]))
                return (None if source is None else source.expand(output.shape)), False
            back = moved(func, args, kwargs, lambda t: paints.get(id(t)))
            return (back[0] if isinstance(back, tuple | list) else back), False
        if name in NORMALISING and painted and args[0] is painted[0]:
            return paints[id(args[0])].expand(output.shape), False
        statistics = [t for t in given if self._is_statistic(t)]
        if name in REDUCING:
            return None, bool(painted or statistics)
        if name not in ELEMENTWISE:
            return None, False
        if not painted:
            return None, all(self._is_statistic(t) or not self._varies(t) for t in given)
        return self._elementwise(name, given, paints, painted, output), False

    def _elementwise(
        self, name: str, given: list[Tensor], paints: Any, painted: list[Tensor], output: Tensor
    ) -> Tensor:
        paint, met = agreed([paints[id(t)] for t in painted], output.shape)
        paint = without(paint, met)
        for tensor in given:
            if paints.get(id(tensor)) is not None or self._is_statistic(tensor):
                continue
            laid_out = tensor.ndim == output.ndim and 1 < tensor.shape[0] == output.shape[0]
            if self._varies(tensor) or (name in ("add", "sub") and laid_out):  # a token, not a bias
                return torch.full(output.shape, NONE, dtype=torch.float64)
            if tensor.numel() > 1:
                paint = without(paint, uneven(paint, tensor))
        return paint

    def _by_constants(self, args: Any, painted: list[Tensor]) -> bool:
        """Whether painted numbers are indexed, by what depends on no input."""
        index = [t for t in tree_leaves(args[1:]) if isinstance(t, Tensor)]
        return any(t is args[0] for t in painted) and not any(map(self._varies, index))

    def _is_statistic(self, tensor: Tensor) -> bool:
        held = self._held.get(storage_of(tensor))
        return held is not None and held.paint is None

    def _varies(self, tensor: Tensor) -> bool:
        return self._variable.get(storage_of(tensor), False)

    def constant(self, tensor: Tensor) -> bool:
        """Whether a tensor depends on no input."""
        return not self._varies(tensor)

    def _happen(self, colours: frozenset[float], tensor: Tensor) -> None:
        due = []
        for colour in colours:
            number = self._seen.get(colour, -1) + 1
            self._seen[colour] = number
            if self._at.get(colour) == number:
                due.append(colour)
        if due and self._do is not None:
            self._do(sorted(due), flat(tensor), self._held[storage_of(tensor)].paint, tensor)


def _grouped(
    rows: Tensor, weights: Tensor, offs: Tensor | None = None, *rest: Any, **more: Any
) -> Tensor:
    """The product of rows with the weights of their group, which PyTorch has only up to float32."""
    if offs is None or rows.ndim != 2 or weights.ndim != 3:
        raise NotImplementedError("_grouped_mm of other shapes than (row, in), (group, in, out)")
    ends = offs.tolist()
    starts = [0, *ends[:-1]]
    parts = [rows[a:b] @ weights[g] for g, (a, b) in enumerate(zip(starts, ends, strict=True))]
    rest_of = rows.new_zeros(len(rows) - ends[-1], weights.shape[-1])
    return torch.cat([*parts, rest_of])
