"""Recurrent layers step by step, as loops that show each hidden state and allow changes to it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmarks.zoo.twin.sources import Unclear

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
Change = Callable[[str, int, Tensor], Tensor]  # (layer, step, hidden state (example, unit)) -> it


class Loop(nn.Module):
    """What an LSTM, GRU or RNN computes, from its weights."""

    def __init__(self, module: nn.RNNBase, change: Change) -> None:
        super().__init__()
        if module.proj_size or type(module).__name__ not in _GATES:
            raise Unclear(f"a recurrent layer of another kind, {module}")
        self.module, self._change = module, change

    def forward(self, x: Tensor, state: object = None) -> tuple[Tensor, object]:
        """What the module returns."""
        if not isinstance(x, Tensor) or x.ndim != 3 or state is not None:
            raise Unclear("a recurrent layer on packed sequences, or from a state of the user's")
        x = x.transpose(0, 1) if self.module.batch_first else x
        lasts = []
        for layer in range(self.module.num_layers):
            ways = [""] + (["_reverse"] if self.module.bidirectional else [])
            found = [self._run(x, f"l{layer}{way}") for way in ways]
            x = torch.cat([steps for steps, _ in found], -1)
            lasts += [last for _, last in found]
        hidden = torch.stack([h for h, _ in lasts])
        state = (hidden, torch.stack([c for _, c in lasts])) if self._is("LSTM") else hidden
        return (x.transpose(0, 1) if self.module.batch_first else x), state

    def _is(self, name: str) -> bool:
        return type(self.module).__name__ == name

    def _run(self, x: Tensor, layer: str) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h = c = x.new_zeros(x.shape[1], self.module.hidden_size)
        steps: list[Tensor] = []
        order = range(len(x))
        for step in reversed(order) if layer.endswith("_reverse") else order:
            h, c = self._step(x[step], h, c, layer)
            h = self._change(layer, step, h)
            steps.append(h)
        if layer.endswith("_reverse"):
            steps.reverse()
        return torch.stack(steps), (h, c)

    def _step(self, x: Tensor, h: Tensor, c: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        def weight(name: str) -> Tensor | None:
            return (
                getattr(self.module, f"{name}_{layer}")
                if self.module.bias or "weight" in name
                else None
            )

        given = nn.functional.linear(x, weight("weight_ih"), weight("bias_ih"))
        kept = nn.functional.linear(h, weight("weight_hh"), weight("bias_hh"))
        if self._is("LSTM"):
            i, f, g, o = (given + kept).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c
        if self._is("GRU"):
            (r, z, n), (hr, hz, hn) = given.chunk(3, 1), kept.chunk(3, 1)
            new = (n + (r + hr).sigmoid() * hn).tanh()
            z = (z + hz).sigmoid()
            return (1 - z) * new + z * h, c
        act = torch.tanh if self.module.nonlinearity == "tanh" else torch.relu
        return act(given + kept), c


def looped(network: nn.Module, name: str, change: Change) -> nn.Module:
    """A copy of a network in which a recurrent module is a loop.

    Args:
        network: Any.
        name: Of the module.
        change: Called with each new hidden state; returns what it should be.
    """
    twin = copy.deepcopy(network)
    owner, _, last = name.rpartition(".")
    setattr(twin.get_submodule(owner), last, Loop(twin.get_submodule(name), change))
    return twin


def without_weights(network: nn.Module, name: str, layer: str, units: Sequence[int]) -> nn.Module:
    """A copy in which units of a recurrent layer have no weights and no biases into any gate."""
    twin = copy.deepcopy(network)
    module = twin.get_submodule(name)
    rows = [g * module.hidden_size + u for g in range(_GATES[type(module).__name__]) for u in units]
    with torch.no_grad():
        for parameter, value in module.named_parameters():
            if parameter.endswith(f"_{layer}"):
                value[rows] = 0
    return twin


def place_of(network: nn.Module, site: str) -> tuple[str, str]:
    """(module, layer) of a recurrent site, such as ("encoder", "l1_reverse")."""
    modules = dict(network.named_modules())
    if isinstance(modules.get(site), nn.RNNBase):
        return site, "l0"
    owner, _, layer = site.rpartition(".")
    if isinstance(modules.get(owner), nn.RNNBase):
        return owner, layer
    raise Unclear(f"{site}: no module of torch.nn that is recurrent")
