"""Watching: every batch of the intact network is held against the network itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lashley.engine.batch import Batch
from lashley.engine.hooks import forward
from lashley.engine.verdict import Readings, Verdict, differing
from lashley.errors import EngineError
from lashley.graph.copies import copied


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
        """Refuse what an engine found of a batch, if the network says something else.

        Args:
            batch: In float32.
            intact: (1, example) by name, what the engine found of the intact network.

        Raises:
            EngineError: Saying of how many examples.
        """
        outputs = forward(self.network, batch.inputs, self.names)
        own = self.verdict.of_rows(outputs, batch.labels)
        slack = self.verdict.slack(outputs, batch.labels)
        wrong = differing(self.verdict, {n: v.cpu() for n, v in own.items()}, intact, slack)
        if wrong:
            raise EngineError(
                f"network: on {wrong} of {len(batch.inputs[0])} examples of a batch it computes "
                "something else than what was seen on the first examples: its forward depends on "
                "values or lengths that these do not have. Use engine='hooks', or evaluate "
                "examples of one kind at a time."
            )


def on_device(network: nn.Module, device: str) -> nn.Module:
    """The network itself, if it is on the device; else a copy that is."""
    own = next(network.parameters(), torch.zeros(0)).device
    same = own.type == torch.device(device).type
    return network if same else copied(network).to(device)
