"""What a recovery is made of, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from lashley.ablations import Ablation
from lashley.data import Examples, as_examples
from lashley.data.examples import require_classes, require_tensor
from lashley.engine import check_classes, check_steady
from lashley.errors import AblationError, DataError, TrainingError
from lashley.graph.intact import intact as unchanged
from lashley.graph.layout import STRUCTURE
from lashley.graph.reading import Output, reading
from lashley.graph.signature import logits_of
from lashley.networks import as_network, check_finite
from lashley.recovery.begin import STARTS
from lashley.recovery.freezing import Frozen, frozen_by
from lashley.recovery.patience import Patience
from lashley.recovery.prefix import PrefixCache
from lashley.sites import eval_mode
from lashley.training.augmentation import check_images
from lashley.training.checks import as_taken, check_outputs, on_device
from lashley.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class RecoveryTask:
    """A network, what it is trained and measured on, and how; see `recover` for its parts."""

    network: nn.Module
    intact: nn.Module
    train: Examples
    test: Examples
    validation: Examples | None
    recipe: Recipe
    stop: Patience | None
    start: str
    hold: bool
    frozen: Frozen
    cache: PrefixCache

    def on_device(self, examples: Examples) -> tuple[Tensor, Tensor]:
        """Inputs and classes, where the network is."""
        return on_device(examples, self.network)


class RecoveryOptions(TypedDict, total=False):
    """Further arguments of `recover`, which explains them."""

    validation: Any
    stop: Patience | None
    freeze: str | Sequence[str]
    train_ablated: bool
    start: str
    hold: bool
    cache_gb: float
    intact: nn.Module | None
    output: Output


def task_of(
    network: nn.Module, ablations: Sequence[Ablation], train: Any, test: Any, recipe: Recipe, *,
    validation: Any = None, stop: Patience | None = None,
    freeze: str | Sequence[str] = "upstream", train_ablated: bool = True, start: str = "ablated",
    hold: bool = True, cache_gb: float = 4.0, intact: nn.Module | None = None,
    output: Output = None,
) -> RecoveryTask:  # fmt: skip
    """The task, if it can be carried out; arguments and errors are those of `recover`."""
    _check_ablations(ablations)
    as_network(network)
    intact = network if intact is None else as_network(intact, "intact")
    _check_kinds(recipe, stop, hold, train_ablated)
    _check_start(start, hold)
    train, test = (require_classes(as_examples(given)) for given in (train, test))
    validation = None if validation is None else require_classes(as_examples(validation))
    check_finite(network)
    with unchanged(network), unchanged(intact):
        network, intact = (_read(n, output, train) for n in (network, intact))
        _check_examples(network, intact, train, test, validation, recipe)
    _check_stop(stop, validation, len(test.class_names))
    if validation is not None:
        _check_apart(validation, test)
    if isinstance(cache_gb, bool) or not isinstance(cache_gb, int | float) or not cache_gb >= 0:
        raise TrainingError(
            f"cache_gb: given {cache_gb!r}; allowed is a number of at least 0. Leave it out for 4."
        )
    with unchanged(network):
        frozen = frozen_by(network, ablations[0].site, freeze, train_ablated, train)
    return RecoveryTask(
        network, intact, train, test, validation, recipe, stop, start, hold, frozen,
        PrefixCache(cache_gb),
    )  # fmt: skip


def _check_ablations(ablations: Sequence[Ablation]) -> None:
    if not ablations:
        raise AblationError("ablations: given none; allowed is at least one. Give [ablation].")
    for given in ablations:
        if not isinstance(given, Ablation):
            raise AblationError(
                f"ablation: given a {type(given).__name__}; allowed is a lashley.Ablation. Make "
                "one with la.Ablation(site, units), or take one of a design."
            )
    sites = {a.site.name for a in ablations}
    if len(sites) > 1:
        raise AblationError(
            f"ablations: given those of {', '.join(sorted(sites))}; allowed are instances of one "
            "site. Give those of each site separately."
        )


def _read(network: nn.Module, output: Output, examples: Examples) -> nn.Module:
    """The network with the output that was asked for; else its logits, as in `evaluate`."""
    if output is not None:
        return reading(network, output)
    first = as_taken(require_tensor(examples)[:1], network)
    with eval_mode(network), torch.no_grad(), suppress(Exception):  # it is reported later
        if not isinstance(network(first.clone()), Tensor):
            return reading(network, logits_of)
    return network


def _check_kinds(recipe: Any, stop: Any, hold: Any, train_ablated: Any) -> None:
    wanted = {
        "recipe": (recipe, Recipe), "stop": (stop, Patience | None), "hold": (hold, bool),
        "train_ablated": (train_ablated, bool),
    }  # fmt: skip
    for name, (given, kind) in wanted.items():
        if not isinstance(given, kind):
            allowed = str(getattr(kind, "__name__", kind))
            raise TrainingError(
                f"{name}: given a {type(given).__name__}; allowed is {allowed}. See la.recover."
            )


def _check_start(start: Any, hold: bool) -> None:
    if start not in STARTS:
        raise TrainingError(
            f"start: given {start!r}; allowed are {', '.join(STARTS)}. Leave it out for 'ablated'."
        )
    if not hold and start != "ablated":
        raise TrainingError(
            f"hold: given False with the start {start!r}; allowed is True there. Leave it out, or "
            "start with 'ablated'."
        )


def _check_examples(
    network: nn.Module, intact: nn.Module, train: Examples, test: Examples,
    validation: Examples | None, recipe: Recipe,
) -> None:  # fmt: skip
    check_images(require_tensor(train), recipe)
    seen = {"train": train, "test": test, "validation": validation}
    pairs = [(network, e) for e in seen.values() if e is not None] + [(intact, test)]
    for runs, examples in pairs:
        first = as_taken(require_tensor(examples)[:1], runs)
        with eval_mode(runs), torch.no_grad():
            check_outputs(lambda x: runs(x)[None], first, examples.labels)  # noqa: B023
            few = as_taken(require_tensor(examples)[:STRUCTURE], runs)
            check_steady(runs, lambda n: runs(few[:n].clone()), len(few))  # noqa: B023
    with eval_mode(network), torch.no_grad():
        check_classes(test, network(as_taken(require_tensor(test)[:1], network)).shape[-1])
    absent = sorted(set(test.labels.tolist()) - set(train.labels.tolist()))
    if absent:
        names = ", ".join(test.class_names[c] for c in absent[:5])
        raise DataError(
            f"train: has no example of {len(absent)} classes that test has, such as {names}; what "
            "it recovers would be lost again for these. Give examples of all classes."
        )


def _check_apart(validation: Examples, test: Examples) -> None:
    if validation.fingerprint == test.fingerprint:
        raise TrainingError(
            "validation: given the test examples; what the training is stopped by must not be what "
            "it is measured on. Set some training examples aside."
        )


def _check_stop(stop: Patience | None, validation: Examples | None, classes: int) -> None:
    if (stop is None) != (validation is None):
        given, lacks = ("stop", "validation") if stop else ("validation", "stop")
        raise TrainingError(
            f"{lacks}: is missing; the stop rule looks at validation examples, which are neither "
            f"trained on nor measured on. Give both, or leave out {given}."
        )
    if stop and not stop.top < classes:
        raise TrainingError(
            f"stop: given top={stop.top} with {classes} classes, where every rank is below it; "
            f"allowed is 1 to {classes - 1}. Give Patience(top=1)."
        )
