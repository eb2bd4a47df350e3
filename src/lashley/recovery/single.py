"""Recovery: retraining a network with an ablation held."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lashley.ablations import Ablation
from lashley.engine import evaluation_of, network_fingerprint
from lashley.errors import DivergenceError, OnProgress, TrainingError, check_progress
from lashley.graph.intact import restored
from lashley.graph.reading import Output
from lashley.recovery.begin import Start, start_of
from lashley.recovery.diary import Diary, Seen, diary
from lashley.recovery.freezing import freeze
from lashley.recovery.measuring import measured
from lashley.recovery.patience import Patience
from lashley.recovery.prefix import after_prefix
from lashley.recovery.result import Recovery, result
from lashley.recovery.task import RecoveryTask, task_of
from lashley.recovery.trainees import Trainees, trainees
from lashley.sites import eval_mode
from lashley.training.alone import Alone
from lashley.training.checkpoint import Checkpoint, identity_of
from lashley.training.checks import TOGETHER, check_outputs
from lashley.training.loop import CHECKPOINT_SECONDS, Training, run
from lashley.training.population import Together
from lashley.training.recipe import Recipe

PAPER = Recipe(epochs=5)  # section 3.3 names only the epochs; the rest is that of the paper's MLP


def recover(
    network: nn.Module,
    ablation: Ablation,
    train: Any,
    test: Any,
    recipe: Recipe = PAPER,
    *,
    validation: Any = None,
    stop: Patience | None = None,
    freeze: str | Sequence[str] = "upstream",
    train_ablated: bool = True,
    start: str = "ablated",
    hold: bool = True,
    cache_gb: float = 4.0,
    intact: nn.Module | None = None,
    output: Output = None,
    checkpoint: Path | None = None,
    progress: OnProgress | None = None,
) -> Recovery:
    """Retrain a network after an ablation, which is held, and measure what comes back.

    Held units stay constant: their incoming weights and biases are 0, and a batch norm after them
    has the gain 0 for them and the constant as its shift; all of this is put back after every step,
    and the optimiser's state for it is 0. So `silence` trains as if the units were not there.
    Frozen modules run in eval mode and keep every bit.

    Args:
        network: Itself left as it is.
        ablation: What to take out, by a method that puts constants in place (`mean`: over `train`).
        train: What to train on, in the form that `evaluate` takes.
        test: What to measure on, before the training and after every epoch; never trained on.
        recipe: How to train. The default has the paper's 5 epochs, else its MLP's settings.
        validation: Examples for the stop rule, neither trained nor measured on.
        stop: When to end before the last epoch; None trains all of them.
        freeze: What is not trained: "upstream" (all that the ablated layer depends on: the
            paper's), "downstream" (all that depends on its units), "none", or names of modules and
            parameters.
        train_ablated: Whether the ablated layer itself, with its normalisation, is trained if
            `freeze` is "upstream" or "downstream".
        start: "ablated", or a control: "intact" (nothing is taken out, and trained as long),
            "redrawn" (the units get new initial weights, and train with the rest), "from_scratch"
            (the ablation is held, and all that is trained gets new initial weights).
        hold: False zeroes weights and biases once and lets them train, to see them grow back in
            `held_norm`; for zero_weights, and other methods that come to the same.
        cache_gb: Frozen layers at the network's beginning are run once, and their results kept
            if those of train, test and validation take no more than this each; not with an
            augmentation.
        intact: Drops are against this network; None takes the given one.
        output: Which part of what the network returns is its logits, as in `evaluate`.
        checkpoint: A file to write to and to continue from, as in `la.train`; a finished one is
            not trained again.
        progress: Called with (epochs done, epochs in all).

    Returns:
        The recovered network and a record of every epoch. If the training diverges, it ends with a
        warning; network and record are those of the last epoch before.

    Raises:
        AblationError: If it is not an ablation, takes out a whole layer, or cannot be held.
        SiteError: If the units have no weights of their own, or the network has no such site.
        NetworkError: If it is not a network, or one that cannot be inspected.
        DataError: If examples are unusable, or train lacks a class.
        TrainingError: If examples do not fit, nothing is left to train, or an argument is not one
            of those allowed.
        IntegrityError: If network or test examples change meanwhile.

    Source: Meyes et al. 2019, sections 3.3 and 4.4.
    """
    check_progress(progress, TrainingError)
    task = task_of(
        network, [ablation], train, test, recipe, validation=validation, stop=stop, freeze=freeze,
        train_ablated=train_ablated, start=start, hold=hold, cache_gb=cache_gb, intact=intact,
        output=output,
    )  # fmt: skip
    return carry_out(task, [ablation], checkpoint and Path(checkpoint), progress)[0]


def carry_out(
    task: RecoveryTask,
    ablations: Sequence[Ablation],
    checkpoint: Path | None,
    progress: OnProgress | None,
) -> list[Recovery]:
    """The recoveries of a task from these ablations; several are trained as one stack."""
    with evaluation_of(task.network, task.test), restored(task.intact), eval_mode(task.intact):
        intact = measured(task.intact, *task.on_device(task.test))
        starts = [
            start_of(task.start, task.network, ablation, task.train, task.frozen, task.hold,
                     task.recipe.seed)
            for ablation in ablations
        ]  # fmt: skip
        team, training, kept = _ready(task, starts)
        saved = checkpoint and Checkpoint(
            checkpoint, _identity(task, ablations, team), CHECKPOINT_SECONDS
        )
        epochs, ended = _trained(training, kept, saved, progress)
        team.release()
    return [
        result(task, start, ablation, kept, i, intact, epochs, ended)
        for i, (start, ablation) in enumerate(zip(starts, ablations, strict=True))
    ]


def _ready(task: RecoveryTask, starts: Sequence[Start]) -> tuple[Trainees, Training, Diary]:
    """Who is trained, on what, and who watches."""
    networks = [start.network for start in starts]
    for network in networks:
        freeze(network, task.frozen)
    seen = [e for e in (task.train, task.test, task.validation) if e is not None]
    given = [task.on_device(examples)[0] for examples in seen]
    parts, inputs = after_prefix(networks, given, task.frozen, task.recipe, task.cache)
    team = trainees(starts, parts, task.frozen, task.recipe)
    labels = [e.labels.to(inputs[0].device) for e in seen]
    train, test, *validation = map(Seen, inputs, labels)
    if team.stack is not None:
        _check_together(team, task, train)
    book = diary(team, test, validation[0] if validation else None, task.stop, task.recipe.epochs)
    return team, Training(team.learner, train.inputs, train.labels, task.recipe), book


def _check_together(team: Trainees, task: RecoveryTask, train: Seen) -> None:
    """Check that vmap can map the networks."""
    assert team.stack is not None
    team.settle()
    with torch.no_grad():
        outputs = Together(team.stack, task.recipe).outputs
        check_outputs(outputs, train.inputs, train.labels, TOGETHER)
    team.resume()


def _trained(
    training: Training, kept: Diary, checkpoint: Checkpoint | None, progress: OnProgress | None
) -> tuple[int, str]:
    """Train to the end; return after how many epochs that was, and why."""
    try:
        epochs = run(training, checkpoint, progress, kept)
    except DivergenceError as error:
        if len(kept.trainees.starts) > 1:  # the others have not
            raise
        epochs = kept.go_back()
        ended = f"diverged in epoch {epochs + 1}"
        warnings.warn(
            f"recovery: {ended}; network and record are those of epoch {epochs}. {error}",
            stacklevel=4,
        )
        return epochs, ended
    return epochs, "no gain" if epochs < training.recipe.epochs else "all epochs"


def _identity(task: RecoveryTask, ablations: Sequence[Ablation], team: Trainees) -> str:
    """What the result depends on; taken before the first step."""
    examples = {"test": task.test, "validation": task.validation}
    parts = {
        "training": identity_of(
            Together if team.stack else Alone, team.trained[0], team.learner.tensors(), task.train,
            task.recipe,
        ),
        "network": network_fingerprint(task.network),
        "intact": network_fingerprint(task.intact),
        "examples": {n: e and e.current_fingerprint() for n, e in examples.items()},
        "ablations": [(a.site.name, a.units, str(a.method)) for a in ablations],
        "frozen": [sorted(task.frozen.tensors), sorted(task.frozen.modules)],
        "stop": task.stop and asdict(task.stop),
        "start": [task.start, task.hold],
    }  # fmt: skip
    return json.dumps(parts, sort_keys=True)
