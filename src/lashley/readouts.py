"""Readouts: what is kept of a network's output, example by example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lashley.data.targets import as_given
from lashley.errors import ReadoutError
from lashley.names import may_be_measured

IGNORED = -100  # as a target: this token does not count, as in `torch.nn.functional.cross_entropy`
_FORMS = (
    "'classification', 'loss', 'squared_error', or a function (outputs, targets) -> "
    "{name: (example,) tensor}"
)


@dataclass(frozen=True)
class Readout:
    """What is measured on every example.

    Attributes:
        name: As it stands in the outcomes.
        measure: From outputs (example, ...) and targets (example, ...) to values (example,) by
            name: real numbers, whole numbers or truth values. Targets of several parts come as
            they were given, in a tuple or by name. Each example's value depends on that example
            alone, because the engine stacks the examples of several ablations.
    """

    name: str
    measure: Callable[[Tensor, Any], Mapping[str, Tensor]]

    def of(self, outputs: Tensor, targets: Any) -> Any:
        """What it measures; targets are as `Examples` hold them.

        Raises:
            ReadoutError: If it does not take these.
        """
        try:
            return self.measure(outputs, as_given(targets))
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise ReadoutError(
                f"readout: {self.name!r} raised {type(error).__name__} ({error}) on outputs of "
                f"shape {tuple(outputs.shape)}; it is called with outputs and targets, and returns "
                "{name: (example,) tensor}. Call it with the network's outputs of a few examples."
            ) from error


def classification(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The rank of the true class and the predicted class.

    Args:
        logits: (..., example, class) outputs; any monotone function of them serves as well.
        labels: (example,) indices of the true classes.

    Returns:
        rank (..., example): how many classes have a larger logit than the true one, where the first
        of two equal logits counts as larger; prediction (..., example): the class of rank 0.
    """
    true = labels[:, None]
    at_true = logits.gather(-1, true.expand(*logits.shape[:-1], 1))
    classes = torch.arange(logits.shape[-1], device=logits.device)
    above = (logits > at_true) | ((logits == at_true) & (classes < true))
    return above.sum(-1), logits.argmax(-1)


def loss(logits: Tensor, targets: Any) -> Tensor:
    """The cross-entropy of each example, in nats.

    Args:
        logits: (example, class), or (example, token, class) of a language model.
        targets: (example,) or (example, token): the class, or the token that comes next there.
            Nothing is shifted: for a text `ids` they are `ids` from the second token on, and -100
            at the last place. Tokens of `IGNORED` (-100), such as padding, do not count.

    Returns:
        (example,) the loss; over tokens, the mean.

    Raises:
        ReadoutError: If the shapes do not match, or a target is not a class.
    """
    _check_targets(logits, targets)
    if logits.dtype != torch.float64:
        logits = logits.float()
    losses = functional.cross_entropy(
        logits.flatten(0, -2), targets.flatten().long(), reduction="none", ignore_index=IGNORED
    ).reshape(len(targets), -1)
    return losses.sum(1) / (targets != IGNORED).reshape(losses.shape).sum(1)


def squared_error(outputs: Tensor, targets: Any) -> Tensor:
    """The squared difference between outputs and targets, the mean over each example's numbers.

    Args:
        outputs: (example, ...) of a regression.
        targets: As the outputs; a last axis of length 1 may be left out of either.

    Returns:
        (example,) in the unit of the targets, squared.

    Raises:
        ReadoutError: If the shapes do not match.
    """
    shape = tuple(targets.shape) if isinstance(targets, Tensor) else None
    given = tuple(outputs.shape)
    if shape is None or (given != shape and given != (*shape, 1) and (*given, 1) != shape):
        own = f"a {type(targets).__name__} of targets" if shape is None else f"targets of {shape}"
        raise ReadoutError(
            f"squared_error: given outputs of {given} and {own}; allowed are "
            "targets of the outputs' shape. Reshape them, or write a readout of your own."
        )
    wide = torch.promote_types(outputs.dtype, torch.float32)
    difference = outputs.to(wide).reshape(shape) - targets.to(wide)
    return difference.square()[:, None].flatten(1).mean(1)


def _rank_and_prediction(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    rank, prediction = classification(logits, labels)
    return {"rank": rank, "prediction": prediction}


def _loss_by_name(logits: Tensor, targets: Any) -> dict[str, Tensor]:
    return {"loss": loss(logits, targets)}


def _squared_error_by_name(outputs: Tensor, targets: Any) -> dict[str, Tensor]:
    return {"squared_error": squared_error(outputs, targets)}


def are_probabilities(outputs: Tensor) -> bool:
    """Whether outputs look as if the network ended in a softmax."""
    if outputs.ndim < 2 or outputs.shape[-1] < 2 or not outputs.is_floating_point():
        return False
    sums = outputs.double().sum(-1)
    return bool((outputs >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3)


CLASSIFICATION = Readout("classification", _rank_and_prediction)
LOSS = Readout("loss", _loss_by_name)
SQUARED_ERROR = Readout("squared_error", _squared_error_by_name)
_BUILT_IN = {readout.name: readout for readout in (CLASSIFICATION, LOSS, SQUARED_ERROR)}


def as_readout(given: Any) -> Readout:
    """A readout from its name, or from a user's function of outputs and targets.

    Raises:
        ReadoutError: If it is not one, or takes the name of a built-in one.
    """
    if isinstance(given, str) and given in _BUILT_IN:
        return _BUILT_IN[given]
    if isinstance(given, Readout):
        readout = given
    elif callable(given) and not isinstance(given, type):
        measure: Callable[..., Any] = given
        readout = Readout(getattr(measure, "__name__", type(measure).__name__), measure)
    else:
        raise ReadoutError(f"readout: given {given!r}; allowed are {_FORMS}.")
    if readout.name in _BUILT_IN and readout != _BUILT_IN[readout.name]:
        raise ReadoutError(
            f"readout: given a function named {readout.name!r}, which is the name of a built-in "
            "readout. Rename the function, or give the name as text for the built-in one."
        )
    return readout


def check_measured(readout_name: str, measured: Any, n: int) -> dict[str, Tensor]:
    """`measured` itself, if it is what a readout may return for `n` examples.

    Raises:
        ReadoutError: If it is not a dict of finite numbers (n,), or a name is taken.
    """
    if not isinstance(measured, Mapping) or not measured:
        what = "an empty dict" if measured == {} else f"a {type(measured).__name__}"
        raise ReadoutError(
            f"readout: {readout_name} returned {what}; allowed is a dict of one (example,) tensor "
            "or more, such as {'margin': ...}."
        )
    for name, values in measured.items():
        _check_name(readout_name, name)
        _check_values(readout_name, name, values, n)
    return dict(measured)


def _check_name(readout_name: str, name: Any) -> None:
    if readout_name not in _BUILT_IN and not may_be_measured(name):
        raise ReadoutError(
            f"readout: {readout_name} returned {name!r}; allowed are names of letters, digits and "
            "underscores that the outcomes do not use themselves (such as rank, label, intact_...)."
            " Choose another name."
        )


def _check_values(readout_name: str, name: str, values: Any, n: int) -> None:
    if not isinstance(values, Tensor) or values.shape != (n,) or values.is_complex():
        given = (
            f"{values.dtype} of shape {tuple(values.shape)}" if isinstance(values, Tensor)
            else f"a {type(values).__name__}"
        )  # fmt: skip
        raise ReadoutError(
            f"readout: {readout_name} returned {given} as {name!r}; allowed is a tensor of shape "
            f"({n},), one number per example. Pick one, or take a mean over what counts."
        )
    if values.is_floating_point() and not torch.isfinite(values).all():
        bad = (~torch.isfinite(values)).nonzero()[:, 0]
        raise ReadoutError(
            f"readout: {readout_name} returned NaN or infinity as {name!r} for {len(bad)} of {n} "
            f"examples, the first is number {int(bad[0])} of its batch. Check it on your outputs."
        )


def _check_targets(logits: Tensor, targets: Any) -> None:
    if not isinstance(targets, Tensor):
        raise ReadoutError(
            f"loss: given a {type(targets).__name__} of targets; allowed is one tensor. Write a "
            "readout of your own, a function of outputs and targets."
        )
    fits = logits.ndim in (2, 3) and targets.shape == logits.shape[:-1]
    if not fits or targets.is_floating_point() or targets.is_complex():
        raise ReadoutError(
            f"loss: given outputs of shape {tuple(logits.shape)} and {targets.dtype} targets of "
            f"shape {tuple(targets.shape)}; allowed are (example, class) with (example,) whole "
            "numbers, or (example, token, class) with (example, token). Write a readout of your "
            "own for other losses."
        )
    counted = targets[targets != IGNORED]
    if len(counted) and not 0 <= int(counted.min()) <= int(counted.max()) < logits.shape[-1]:
        raise ReadoutError(
            f"loss: given targets from {int(counted.min())} to {int(counted.max())}; with "
            f"{logits.shape[-1]} outputs, 0 to {logits.shape[-1] - 1} are allowed, and {IGNORED} "
            "for tokens that do not count. Check the targets."
        )
    silent = (targets[:, None].flatten(1) == IGNORED).all(1)
    if silent.any():
        raise ReadoutError(
            f"loss: in {int(silent.sum())} of {len(targets)} examples every target is {IGNORED}, "
            f"the first is number {int(silent.nonzero()[0])} of its batch; allowed are examples "
            "with a target that counts. Leave the others out."
        )
