"""Guards: an evaluation must leave network and data as they were, or fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import nn

from lashley.data import Examples, fingerprint
from lashley.errors import IntegrityError
from lashley.graph.snapshot import snapshot
from lashley.sites import eval_mode


def network_fingerprint(network: nn.Module) -> dict[str, str]:
    """A hash of every parameter and buffer, by name."""
    return {name: fingerprint(value) for name, value in network.state_dict().items()}


@contextmanager
def evaluation_of(network: nn.Module, examples: Examples) -> Iterator[None]:
    """Eval mode inside; afterwards every module's mode is back, and nothing may have changed.

    The examples are held against the fingerprint they were given when they were made, so a change
    between two evaluations is found as well as one during an evaluation.

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
