"""A network in float64, and its outputs when its units are silenced, set or exchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from benchmarks.zoo.twin.copied import by_old_names, copied, kernel_of
from benchmarks.zoo.twin.edited import edited
from benchmarks.zoo.twin.paint import PLACES, as_laid
from benchmarks.zoo.twin.recurrent import looped, place_of, without_weights
from benchmarks.zoo.twin.sources import Palette, Sources, Steps, Target, Unclear
from benchmarks.zoo.twin.watch import Watch

Inputs = Any
READINGS = ("written norms", "fused norms", "layer")  # which of them count, on the way to a point


@dataclass(frozen=True)
class Way:
    """From a layer to the point of one of its units, in words, and the values passed."""

    number: int
    words: str


@dataclass(frozen=True)
class Held:
    """What a point holds of a channel, in the order of memory.

    Attributes:
        numbers: All of them.
        tokens: The token of each: from 1 up, first tokens of examples, then of none; 0 where no
            axis is as long as a mask.
        read: Which of them are read.
    """

    numbers: Tensor
    tokens: Tensor
    read: Tensor


class Twin:
    """A copy of a network in float64, or in float32 to see its rounding.

    Args:
        network: In eval mode; it is copied.
        output: From what the network returns to a tensor (example, ...).
        call: How the network is called with inputs.
        dtype: Of its numbers.
    """

    def __init__(
        self,
        network: nn.Module,
        output: Callable[[Any], Tensor],
        call: Callable[[nn.Module, Any], Any],
        dtype: torch.dtype = torch.float64,
    ):
        self._network = copied(network).eval()
        self._network._apply(lambda t: in_dtype(t, dtype))
        if dtype == torch.float32:
            self._network.to(memory_format=torch.channels_last)
        self._parameters = by_old_names(self._network, network)
        self._dtype = dtype
        self._output, self._call = output, call
        self._called: set[str] = set()
        self._steps = Steps()

    def intact(self, inputs: Inputs) -> Tensor:
        """Outputs (example, ...) of the whole network."""
        return self._run(self._network, inputs, self._watch(), [], Palette())

    def ways(
        self, inputs: Inputs, targets: Sequence[Target]
    ) -> dict[tuple[str, int, int, int], dict[str, Way]]:
        """By (site, call, unit, channel) and reading: where the number's point is."""
        watch, palette = self._watch(), Palette(self._steps)
        self._run(self._network, inputs, watch, targets, palette)
        if self._steps.learn():
            watch, palette = self._watch(), Palette(self._steps)
            self._run(self._network, inputs, watch, targets, palette)
        self._called |= palette.called
        missing = [t.site for t in targets if not palette.of(t.site)]
        if missing:
            raise Unclear(f"{missing[0]}: nothing was painted")
        found = {}
        for target in targets:
            for colour in palette.of(target.site):
                steps = watch.trail
                found[palette.named(colour)] = {
                    READINGS[0]: Way(*steps.point(colour, True)),
                    READINGS[1]: Way(*steps.point(colour, False)),
                    READINGS[2]: Way(0, ""),
                }
        return found

    def held(
        self, inputs: Inputs, target: Target, ways: Any, reading: str,
        tokens: tuple[int, int] | None = None,
    ) -> dict[tuple[int, int, int], Held]:  # fmt: skip
        """By (call, unit, channel): the numbers at the point.

        Args:
            inputs: Of the network.
            target: Which units.
            ways: From `ways`.
            reading: One of READINGS.
            tokens: How many examples and tokens there are, if a mask counts these.
        """
        palette, kept = Palette(self._steps), {}
        palette.placed = True
        points = _at(palette, target, ways, reading)

        def keep(colours: list[float], numbers: Tensor, paint: Tensor, at: Tensor) -> None:
            laid = torch.zeros(len(numbers), dtype=torch.long)
            as_laid(laid, at).copy_(by_tokens(tuple(at.shape), tokens))
            for colour in colours:
                where = paint.floor() == colour
                places = ((paint[where] - colour) * PLACES).round().long()
                kept[colour] = numbers[where].clone(), places, laid[where]

        watch = self._watch(points, keep)
        self._run(self._network, inputs, watch, [target], palette)
        nowhere = torch.zeros(PLACES, dtype=torch.bool)
        return {
            palette.named(colour)[1:]: Held(numbers, at, watch.read.get(colour, nowhere)[places])
            for colour, (numbers, places, at) in kept.items()
        }

    def recurrent(
        self, inputs: Inputs, target: Target, change: Callable[[int, Tensor], Tensor] | None
    ) -> Tensor:
        """Outputs with other hidden states of a recurrent layer.

        Args:
            inputs: Of the network.
            target: The layer's units.
            change: From step and hidden state (example, unit) to that; None: no weights lead in.
        """
        module, layer = place_of(self._network, target.site)
        if change is None:
            changed = without_weights(self._network, module, layer, target.units)
        else:
            changed = looped(
                self._network, module, lambda at, step, h: change(step, h) if at == layer else h
            )
        return self._run(changed, inputs, self._watch(), [], Palette())

    def replaced(
        self,
        inputs: Inputs,
        target: Target,
        ways: Any,
        reading: str,
        values: Mapping[Any, Tensor] | None,
    ) -> Tensor:
        """Outputs with other numbers at the points of a target's units.

        Args:
            inputs: Of the network.
            target: Which units.
            ways: From `ways`.
            reading: One of READINGS.
            values: By (call, unit, channel) one number, or as many as the point holds; None: zeros.
        """
        palette = Palette(self._steps)
        points, done = _at(palette, target, ways, reading), set()

        def put(colours: list[float], numbers: Tensor, paint: Tensor, at: Tensor) -> None:
            for colour in colours:
                key = palette.named(colour)[1:]
                new = torch.zeros(()) if values is None else values[key]
                where = paint.floor() == colour
                if new.numel() not in (1, int(where.sum())):
                    raise Unclear(f"{target.site}: {new.numel()} numbers for {int(where.sum())}")
                numbers[where] = new.to(numbers.dtype)
                done.add(colour)

        found = self._run(self._network, inputs, self._watch(points, put), [target], palette)
        if done != set(points):
            raise Unclear(
                f"{target.site}: {len(points) - len(done)} of {len(points)} points were not met"
            )
        return found

    def zeroed(self, inputs: Inputs, target: Target) -> Tensor | None:
        """Outputs of an edited copy, after `ways`; None if no module with weights is called."""
        held = self._parameters
        if target.site not in self._called and kernel_of(target.site, held) is None:
            return None  # a function uses them, perhaps with a bias of its own
        with edited(self._network, held, target) as is_so:
            return self._run(self._network, inputs, self._watch(), [], Palette()) if is_so else None

    def _watch(self, *args: Any) -> Watch:
        return Watch(*args, lifts=self._dtype == torch.float64)

    def _run(
        self,
        network: nn.Module,
        inputs: Inputs,
        watch: Watch,
        targets: Sequence[Target],
        palette: Palette,
    ) -> Tensor:
        given = tree_map_only(Tensor, torch.clone, in_dtype(inputs, self._dtype))
        watch.take_inputs([t for t in tree_leaves(given) if isinstance(t, Tensor)])
        sources = Sources(network, self._parameters, targets, palette)
        with (
            torch.no_grad(),
            _plain_attention(),
            _default(self._dtype),
            sources.watching(watch),
            watch,
        ):
            returned = self._output(self._call(network, given))
        watch.end(returned)
        return returned.double()


def _at(palette: Palette, target: Target, ways: Any, reading: str) -> dict[float, int]:
    keys = [k for k in ways if k[0] == target.site and k[2] in target.units]
    return {palette.colour(*key): ways[key][reading].number for key in keys}


@contextmanager
def _plain_attention() -> Any:
    """Without the fused path of nn.TransformerEncoder, which is one operation."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _default(dtype: torch.dtype) -> Any:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def by_tokens(shape: tuple[int, ...], tokens: tuple[int, int] | None) -> Tensor:
    """The token of each number of a shape, as in `Held`."""
    if tokens is None:
        return torch.zeros(shape, dtype=torch.long)
    examples, length = tokens
    if shape[0] == examples * length:  # tokens of all examples in a row
        at = torch.arange(shape[0]).view(-1, *[1] * (len(shape) - 1))
        return (at + 1).expand(shape)
    last = next((d for d, n in enumerate(shape) if n == length and (d or n != examples)), None)
    if last is None:
        return torch.zeros(shape, dtype=torch.long)
    first = next((d for d, n in enumerate(shape) if n == examples and d != last), None)

    def along(axis: int, n: int) -> Tensor:
        return torch.arange(n).view([-1 if d == axis else 1 for d in range(len(shape))])

    at_example = examples if first is None else along(first, examples)
    return (at_example * length + along(last, length) + 1).expand(shape)


def in_dtype(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    """Real and complex numbers in another format; float32 images in the engine's memory format."""

    def changed(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(torch.complex128 if dtype == torch.float64 else torch.complex64)
        if not tensor.is_floating_point():
            return tensor
        if tensor.ndim == 4 and dtype == torch.float32:
            return tensor.to(dtype, memory_format=torch.channels_last)
        return tensor.to(dtype)

    return tree_map_only(Tensor, changed, inputs)
