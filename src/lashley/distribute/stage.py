"""A stage's work as it travels: its inputs are shared once, for all workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lashley.distribute.sharing import Shared
from lashley.distribute.work import Work


@dataclass(frozen=True, eq=False)
class PooledWork:
    """What workers are told about a stage.

    Attributes:
        work: Without its inputs.
        inputs: By name.
    """

    work: Work
    inputs: Mapping[str, Shared]

    @classmethod
    def of(cls, work: Work, share: Callable[[str, Any], Shared]) -> PooledWork:
        """Share a stage's inputs."""
        inputs = {name: share(name, value) for name, value in work.inputs.items()}
        return cls(replace(work, inputs={}), inputs)
