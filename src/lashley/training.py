"""Training: one network, or a whole population at once."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from lashley.data import Examples, as_examples, fingerprint
from lashley.errors import TrainingError
from lashley.files import written_whole
from lashley.networks import check_finite, seeded

Progress = Callable[[int, int], None]

CHECKPOINT_SECONDS = 5.0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Recipe:
    """How to train: SGD with momentum on the cross entropy. The defaults are the paper's.

    Attributes:
        epochs: Passes over the examples.
        lr: Learning rate.
        momentum: Of the gradient, as in `torch.optim.SGD`.
        batch_size: Examples per step; the last, smaller batch of an epoch is kept.
        seed: Of the order of the batches, and of dropout's noise.

    Raises:
        TrainingError: If a value is out of its range.

    Source: Meyes et al. 2019, section 3.1.
    """

    epochs: int = 100
    lr: float = 0.001
    momentum: float = 0.9
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 1, "seed": 0}.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise TrainingError(
                    f"{name}: given {value!r}; allowed is a whole number of at least {least}. "
                    f"Leave it out for the paper's {getattr(Recipe, name)}."
                )
        if not (_is_number(self.lr) and 0 < self.lr < math.inf):
            raise TrainingError(
                f"lr: given {self.lr!r}; allowed is a finite number above 0. "
                f"Leave it out for the paper's {Recipe.lr}."
            )
        if not (_is_number(self.momentum) and 0 <= self.momentum < 1):
            raise TrainingError(
                f"momentum: given {self.momentum!r}; allowed is a number from 0 to below 1. "
                f"Leave it out for the paper's {Recipe.momentum}."
            )


def train(
    network: nn.Module,
    examples: Any,
    recipe: Recipe = Recipe(),
    *,
    progress: Progress | None = None,
) -> nn.Module:
    """A trained copy of one network: the plain loop that `train_population` has to agree with.

    Args:
        network: Trained from the weights it holds, all modules in train mode; itself left as it
            is. Parameters that do not require a gradient stay frozen.
        examples: `Examples` or a pair (inputs, labels).
        recipe: How to train.
        progress: Called with (epochs done, epochs in all) after each epoch.

    Returns:
        The trained network, in eval mode.

    Raises:
        TrainingError: If the examples do not fit the network, or the training diverges.
        NetworkError: If a weight is not finite.
    """
    examples = as_examples(examples)
    (member,) = _copies([network])
    trained = [p for p in member.parameters() if p.requires_grad]
    inputs, labels = _on_device(examples, member)
    _check_outputs(lambda x: member.eval()(x)[None], inputs, labels)
    member.train()
    optimiser = torch.optim.SGD(trained, lr=recipe.lr, momentum=recipe.momentum)
    for epoch in range(recipe.epochs):
        total = torch.zeros(1, device=inputs.device)
        with seeded(_epoch_seed(recipe, epoch)):
            for batch in _batches(len(labels), recipe, epoch):
                loss = F.cross_entropy(member(inputs[batch]), labels[batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += loss.detach()
        _check_converging(total, [p[None] for p in trained], recipe, epoch)
        if progress:
            progress(epoch + 1, recipe.epochs)
    optimiser.zero_grad()
    return member.eval()


def train_population(
    networks: Sequence[nn.Module],
    examples: Any,
    recipe: Recipe = Recipe(),
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> list[nn.Module]:
    """Trained copies of networks of one architecture, trained together on the same batches.

    Each member follows the one that `train` trains alone: to float rounding over the first
    epoch, and as far as rounding does not grow after that. Dropout draws other noise for each
    member, so there the two agree in distribution only. Batch normalisation keeps each member's
    own statistics. Any network that `torch.func.vmap` can map will do.

    Args:
        networks: Trained from the weights they hold, all modules in train mode; themselves left
            as they are. Parameters that do not require a gradient stay frozen.
        examples: `Examples` or a pair (inputs, labels).
        recipe: How to train; the order of the batches is shared by all members.
        checkpoint: A file to write to every few seconds, at the end of an epoch, and to go on
            from: the result is bit for bit that of an undisturbed training. A file of another
            training (other recipe, weights or examples), or a damaged one, is ignored and
            overwritten. The file stays when the training is done; delete it when the result is
            safe.
        progress: Called with (epochs done, epochs in all) after each epoch, and once before the
            first one when a training goes on from a checkpoint.

    Returns:
        The trained networks, in eval mode, in the order given.

    Raises:
        TrainingError: If the networks differ in architecture or cannot be vectorised, the examples
            do not fit them, a member diverges, or the checkpoint cannot be written.
        NetworkError: If a weight is not finite.
    """
    examples = as_examples(examples)
    members = _copies(networks)
    stack = _stacked(members)
    inputs, labels = _on_device(examples, members[0])
    inputs = _foldable(inputs)
    _check_outputs(lambda x: _outputs(stack, x), inputs, labels)
    stack.skeleton.train()
    identity = _identity(stack, examples, recipe) if checkpoint else ""
    done = _restore(checkpoint, identity, stack) if checkpoint else 0
    if done and progress:
        progress(done, recipe.epochs)
    written = time.monotonic()
    for epoch in range(done, recipe.epochs):
        losses = _epoch(stack, inputs, labels, recipe, epoch)
        _check_converging(losses, stack.state.values(), recipe, epoch)
        if checkpoint and time.monotonic() - written >= CHECKPOINT_SECONDS:
            _save(checkpoint, identity, stack, epoch + 1)
            written = time.monotonic()
        if progress:
            progress(epoch + 1, recipe.epochs)
    return [_unstacked(member, stack, i) for i, member in enumerate(members)]


@dataclass(frozen=True, eq=False)
class _Stack:
    """The members' tensors, stacked along their first axis; training changes them in place."""

    skeleton: nn.Module
    state: Mapping[str, Tensor]  # parameters and buffers
    momenta: Mapping[str, Tensor]  # of the parameters that are trained

    def tensors(self) -> dict[str, Tensor]:
        """All that changes in training, by unique names."""
        kept = {f"state.{n}": v.detach() for n, v in self.state.items()}
        return kept | {f"momentum.{n}": v for n, v in self.momenta.items()}


def _stacked(members: Sequence[nn.Module]) -> _Stack:
    parameters, buffers = stack_module_state([m.eval() for m in members])
    momenta = {n: torch.zeros_like(p) for n, p in parameters.items() if p.requires_grad}
    return _Stack(members[0], {**parameters, **buffers}, momenta)


@torch.no_grad()
def _unstacked(member: nn.Module, stack: _Stack, index: int) -> nn.Module:
    for name, value in [*member.named_parameters(), *member.named_buffers()]:
        value.copy_(stack.state[name][index])
    return member.eval()


def _epoch(stack: _Stack, inputs: Tensor, labels: Tensor, recipe: Recipe, epoch: int) -> Tensor:
    """Train the stack for one epoch; (member,) sum of the batches' mean losses."""
    seen = []
    with seeded(_epoch_seed(recipe, epoch)):
        for batch in _batches(len(labels), recipe, epoch):
            losses = _losses(_outputs(stack, inputs[batch]), labels[batch])
            _descend(stack, losses, recipe)
            seen.append(losses.detach())
    return torch.stack(seen).sum(0)


def _descend(stack: _Stack, losses: Tensor, recipe: Recipe) -> None:
    """One step of SGD with momentum for every member, from the (member,) losses."""
    trained = [stack.state[name] for name in stack.momenta]
    # A member's loss depends on its own weights only, so the sum's gradient holds each one's.
    gradients = torch.autograd.grad(losses.sum(), trained, materialize_grads=True)
    with torch.no_grad():
        for p, momentum, gradient in zip(trained, stack.momenta.values(), gradients, strict=True):
            momentum.mul_(recipe.momentum).add_(gradient)
            p.sub_(momentum, alpha=recipe.lr)


def _foldable(inputs: Tensor) -> Tensor:
    """The same inputs, such that `torch.matmul` is quicker on them.

    Where the input requires its gradient, it folds the members' first layers into one large
    product, instead of one product per member over repeated inputs: a quarter of an epoch of the
    paper's MLP. That gradient is never asked for, so it is never computed.
    """
    return inputs.detach().requires_grad_() if inputs.is_floating_point() else inputs


def _outputs(stack: _Stack, batch: Tensor) -> Tensor:
    """(member, example, class) outputs of all members on the same batch."""
    of_member = vmap(
        lambda state: functional_call(stack.skeleton, state, (batch,)), randomness="different"
    )
    return of_member(dict(stack.state))


def _losses(outputs: Tensor, labels: Tensor) -> Tensor:
    """(member,) mean cross entropy over the batch, from (member, example, class) outputs."""
    # With the classes in the middle; softmax over a short last axis is four times as slow.
    each = F.cross_entropy(outputs.mT, labels.expand(len(outputs), -1), reduction="none")
    return each.mean(1)


def _epoch_seed(recipe: Recipe, epoch: int) -> int:
    return int(np.random.SeedSequence((recipe.seed, epoch)).generate_state(1, np.uint64)[0])


def _batches(n: int, recipe: Recipe, epoch: int) -> Sequence[Tensor]:
    """The examples' indices, batch by batch: a function of the seed and the epoch alone."""
    generator = torch.Generator().manual_seed(_epoch_seed(recipe, epoch))
    return torch.randperm(n, generator=generator).split(recipe.batch_size)


def _copies(networks: Sequence[nn.Module]) -> list[nn.Module]:
    """Copies of networks that can be trained together."""
    if isinstance(networks, nn.Module) or len(networks) == 0:
        given = "one network" if isinstance(networks, nn.Module) else "none"
        raise TrainingError(
            f"networks: given {given}; allowed is a list of at least one. Give [network]."
        )
    for i, network in enumerate(networks):
        check_finite(network)
        if _architecture(network) != _architecture(networks[0]):
            raise TrainingError(
                f"networks: member {i} ({_brief(network)}) is of another architecture than member "
                f"0 ({_brief(networks[0])}); allowed are networks that differ in the values of "
                "their weights only. Train each architecture by a call of its own."
            )
    if not any(p.requires_grad for p in networks[0].parameters()):
        raise TrainingError(
            "networks: no parameter requires a gradient; at least one must. Call "
            "network.requires_grad_() first."
        )
    return [copy.deepcopy(network) for network in networks]


def _architecture(network: nn.Module) -> tuple[Any, ...]:
    tensors = [*network.named_parameters(), *network.named_buffers()]
    held = [(n, tuple(v.shape), v.dtype, v.device, v.requires_grad) for n, v in tensors]
    return type(network), repr(network), held


def _brief(network: nn.Module) -> str:
    shapes = ", ".join(f"{n} {tuple(p.shape)}" for n, p in network.named_parameters())
    return f"{type(network).__name__}: {shapes}"


def _on_device(examples: Examples, network: nn.Module) -> tuple[Tensor, Tensor]:
    device = next(network.parameters()).device
    return examples.inputs.to(device), examples.labels.to(device)


def _check_outputs(outputs_of: Callable[[Tensor], Tensor], inputs: Tensor, labels: Tensor) -> None:
    try:
        outputs = outputs_of(inputs[:1].clone())
    except Exception as error:  # whatever the user's forward raises
        raise TrainingError(
            f"networks: an example of shape {tuple(inputs[:1].shape)} does not run through them "
            f"({error}). Give inputs shaped as the network takes them; if `train` runs with these, "
            "the network cannot be vectorised: train each member alone."
        ) from error
    if not isinstance(outputs, Tensor) or outputs.ndim != 3:
        is_tensor = isinstance(outputs, Tensor)
        given = f"shape {tuple(outputs.shape[1:])}" if is_tensor else type(outputs).__name__
        raise TrainingError(
            f"networks: the output for one example is of {given}; allowed is one tensor of shape "
            "(example, class). Give networks that classify."
        )
    classes = outputs.shape[-1]
    if int(labels.max()) >= classes:
        raise TrainingError(
            f"labels: given values up to {int(labels.max())}; the network has {classes} outputs, "
            f"so 0 to {classes - 1} are allowed. Give it more outputs, or renumber the labels."
        )


def _check_converging(
    losses: Tensor, weights: Iterable[Tensor], recipe: Recipe, epoch: int
) -> None:
    """Refuse to go on when a member's loss (member,) or weights (member, ...) are not finite."""
    finite = losses.isfinite()
    for w in weights:
        finite &= w.isfinite().reshape(len(w), -1).all(1)
    lost = (~finite).nonzero()[:, 0].tolist()
    if lost:
        names = ", ".join(map(str, lost[:5])) + (", ..." if len(lost) > 5 else "")
        raise TrainingError(
            f"training: diverged in epoch {epoch + 1} of {recipe.epochs}: loss or weights are not "
            f"finite in {len(lost)} of {len(losses)} networks (number {names}, from 0). Lower lr "
            f"(it is {recipe.lr}) or momentum ({recipe.momentum})."
        )


def _identity(stack: _Stack, examples: Examples, recipe: Recipe) -> str:
    """What a training's result depends on; to be taken before its first step."""
    parts = {
        "recipe": asdict(recipe),
        "network": repr(stack.skeleton),
        "weights": {n: [fingerprint(v), v.requires_grad] for n, v in stack.state.items()},
        "examples": examples.current_fingerprint(),
    }
    return json.dumps(parts, sort_keys=True)


def _save(path: Path, identity: str, stack: _Stack, done: int) -> None:
    metadata = {"training": identity, "epoch": str(done)}
    try:
        with written_whole(path) as draft:
            save_file({n: v.contiguous() for n, v in stack.tensors().items()}, draft, metadata)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"checkpoint: {path} cannot be written ({error}). Give a path in a folder with free "
            "space that you may write to, or none."
        ) from error


def _restore(path: Path, identity: str, stack: _Stack) -> int:
    """Fill the stack from a checkpoint of the same training; the number of epochs done."""
    if not path.is_file():
        return 0
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("training") != identity:
                return 0
            saved = {name: file.get_tensor(name) for name in stack.tensors()}
    except (OSError, SafetensorError):
        return 0
    for name, tensor in stack.tensors().items():
        tensor.copy_(saved[name])
    return int(metadata["epoch"])
