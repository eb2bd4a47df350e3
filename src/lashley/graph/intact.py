"""Whatever is done to a network inside leaves no trace on it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from lashley.graph.snapshot import Snapshot, snapshot


@contextmanager
def intact(network: nn.Module) -> Iterator[Snapshot]:
    """Attributes, buffers, modes and random states, with all they hold, are restored afterwards.

    No gradients are taken inside. The numbers of parameters are not restored.

    Yields:
        How the network was; ask it for changes.
    """
    before = snapshot(network)
    cuda = {t.device for t in network.parameters() if t.device.type == "cuda"}
    others = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(cuda), torch.inference_mode(False), torch.no_grad():
            yield before
    finally:
        random.setstate(others[0])
        np.random.set_state(others[1])  # noqa: NPY002
        before.restore()


@contextmanager
def restored(network: nn.Module) -> Iterator[None]:
    """What a network holds besides its parameters is restored afterwards; gradients are taken."""
    before = snapshot(network)
    try:
        yield
    finally:
        before.restore()
