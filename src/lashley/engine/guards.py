"""Guards: an evaluation leaves network and data as they were, and agrees with the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from lashley.data import Examples, fingerprint
from lashley.engine.batch import Batch
from lashley.engine.hooks import forward
from lashley.engine.verdict import Readings, Verdict, differing
from lashley.errors import EngineError, IntegrityError
from lashley.graph.copies import copied
from lashley.graph.snapshot import snapshot
from lashley.sites import eval_mode


def network_fingerprint(network: nn.Module) -> dict[str, str]:
    """A hash of every parameter and buffer, by name."""
    return {name: fingerprint(value) for name, value in network.state_dict().items()}


@contextmanager
def evaluation_of(network: nn.Module, examples: Examples) -> Iterator[None]:
    """Eval mode inside; afterwards every module's mode is back, and nothing may have changed.

    The examples are compared with the fingerprint taken when they were made, so a change between
    two evaluations is found as well as one during an evaluation.

    Raises:
        IntegrityError: If inputs, labels, parameters or buffers are not what they were.
    """
    before, state = network_fingerprint(network), snapshot(network)
    try:
        with eval_mode(network):
            yield
    finally:
        state.restore()  # what its forward counts or keeps
    made = examples.fingerprint
    _compare("examples", "they were made", made, examples.current_fingerprint())
    _compare("network", "the evaluation began", before, network_fingerprint(network))


def _compare(what: str, since: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    changed = [n for n in before if after.get(n) != before[n]] + [n for n in after - before.keys()]
    if changed:
        raise IntegrityError(
            f"{what}: {', '.join(changed[:5])} changed since {since}, so effects would not be "
            "those of the ablations. Nothing may write to them: look for in-place operations (a "
            "view of the data, `x *= ...`, a hook), or give a clone."
        )


@dataclass(frozen=True, eq=False)
class Watch:
    """The network as the user runs it, in eval mode.

    Attributes:
        network: In float32, where the engine computes.
        names: Of its inputs.
        verdict: What is kept of an output.
    """

    network: nn.Module
    names: tuple[str, ...]
    verdict: Verdict

    def check(self, batch: Batch, intact: Readings) -> None:
        """Refuse what an engine found for a batch if the network itself disagrees.

        Args:
            batch: In float32.
            intact: (1, example) by name, what the engine found for the intact network.

        Raises:
            EngineError: Saying on how many examples.
        """
        outputs = forward(self.network, batch.inputs, self.names)
        own = self.verdict.of_rows(outputs, batch.labels)
        slack = self.verdict.slack(outputs, batch.labels)
        wrong = differing(self.verdict, {n: v.cpu() for n, v in own.items()}, intact, slack)
        if wrong:
            raise EngineError(
                f"network: on {wrong} of {len(batch.inputs[0])} examples of a batch it does not "
                "compute what it did on the first examples: its forward depends on values or "
                "lengths that those do not have. Use engine='hooks', or evaluate examples of one "
                "kind at a time."
            )


def on_device(network: nn.Module, device: str) -> nn.Module:
    """The network itself, if it is on the device; else a copy that is."""
    own = next(network.parameters(), torch.zeros(0)).device
    same = own.type == torch.device(device).type
    return network if same else copied(network).to(device)
