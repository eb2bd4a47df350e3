"""What a recovery begins with: the ablated network, or a control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from lashley.ablations import Ablation
from lashley.errors import TrainingError
from lashley.graph.copies import copied as copy_of
from lashley.recovery.ablated import Hold, ablated, naively
from lashley.recovery.freezing import Frozen, trained_modules
from lashley.recovery.starts import anew, redrawn

STARTS = ("ablated", "intact", "redrawn", "from_scratch")


@dataclass(frozen=True, eq=False)
class Start:
    """A network that is to be trained, and what is held in it.

    Attributes:
        network: A copy, changed in place by the training.
        before: Another copy, which stays as it is.
        held: Numbers that the training must not change, by names of parameters.
        watched: Numbers whose norm the audit takes.
    """

    network: nn.Module
    before: nn.Module = field(init=False)
    held: Mapping[str, Hold]
    watched: Mapping[str, Hold]

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", copy_of(self.network))


def start_of(
    kind: str, network: nn.Module, ablation: Ablation, examples: Any, frozen: Frozen, hold: bool,
    seed: int,
) -> Start:  # fmt: skip
    """A start of this kind, one of `STARTS`.

    Args:
        kind: "ablated"; "intact": the network as it is; "redrawn": the ablated units get new
            initial weights and train with the rest; "from_scratch": the ablation is held, and all
            that is trained gets new initial weights.
        network: Itself left as it is.
        ablation: What to take out.
        examples: That the network takes; for a mean the reference.
        frozen: What is not trained.
        hold: Whether the ablation is held.
        seed: Of new weights.

    Raises:
        AblationError: If the ablation cannot be held.
        TrainingError: If a module has no initial weights to draw, or new ones would not be trained.
    """
    if kind == "intact":
        return Start(copy_of(network).eval(), {}, {})
    if kind == "redrawn":
        if f"{ablation.site.name}.weight" in frozen.tensors:
            raise TrainingError(
                f"start: given 'redrawn' with {ablation.site.name} frozen, so its new weights "
                "would never be trained; allowed is a layer that trains. Leave out "
                "train_ablated=False, or its name in freeze."
            )
        return Start(redrawn(network, ablation, examples, seed), {}, {})
    if not hold:
        copied, watched = naively(network, ablation, examples)
        return Start(copied, {}, watched)
    copied, held = ablated(network, ablation, examples)
    if kind == "from_scratch":
        copied = anew(copied, trained_modules(copied, frozen), held, seed, frozen.tensors)
    return Start(copied, held, held)
