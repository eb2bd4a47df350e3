"""The reference: examples like the evaluated ones, but others; and which positions count.

Padding takes no part in `mean`, and `resample` passes none of it on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lashley.data import Examples
from lashley.data.examples import fingerprint
from lashley.errors import DataError, EngineError
from lashley.methods import Donated, Method, Replacement, needs_reference

MASK = "attention_mask"  # the input that says so by default
_ALLOWED = (
    "allowed are the name of an input (example, position) of truth values, or of 1 and 0, and a "
    "boolean tensor (reference example, position)"
)


Methods = Mapping[tuple[str, Method], Replacement]  # by names of sites


def check_reference(reference: Examples | None, examples: Examples, methods: Methods) -> None:
    """Refuse methods without the reference examples they need, and ones that are evaluated too.

    Raises:
        EngineError: If there are none, or they have another shape; lengths may differ if only means
            are taken.
        DataError: If more than one in a hundred is among the evaluated examples.
    """
    needing = sorted({str(method) for (_, method), r in methods.items() if needs_reference(r)})
    if not needing:
        return
    if reference is None:
        raise EngineError(
            f"reference: the method {needing[0]!r} needs examples to take activations from. Give "
            "some that are not evaluated, such as training examples: evaluate(..., reference=...)."
        )
    given, wanted = ({n: tuple(p.shape[1:]) for n, p in e.tensors().items()}
                     for e in (reference, examples))  # fmt: skip
    alike = {n: len(s) for n, s in given.items()} == {n: len(s) for n, s in wanted.items()}
    if given != wanted and (takes_donors(methods) or not alike):
        may = " Only methods that take a mean allow other lengths." if alike else ""
        raise EngineError(
            f"reference: its examples are of shape {given}, the evaluated ones of {wanted}; "
            f"allowed are examples of the same kind.{may} Cut them to the same length, or pad them "
            "and give the network a mask of what counts."
        )
    shared = _shared(reference, examples)
    if shared > len(reference) // 100:
        raise DataError(
            f"reference: {shared} of its {len(reference)} examples are among the evaluated ones, "
            "so the ablation would know what it is tested on. Give others, such as training "
            "examples."
        )


@dataclass(frozen=True, eq=False)
class Counted:
    """The positions that count.

    Attributes:
        name: Of the input that says so; "a tensor" if it is not an input.
        reference: Of the reference examples.
        examples: Of the evaluated ones; None: all.
    """

    name: str
    reference: Bool[Tensor, "reference position"]
    examples: Bool[Tensor, "example position"] | None

    @property
    def fingerprint(self) -> str:
        """What tells it from others; the evaluated examples have their own."""
        return f"{self.name} {fingerprint(self.reference)}"


def counted_of(
    given: Any, examples: Examples, reference: Examples | None, methods: Methods
) -> Counted | None:
    """The positions that count in `mean` and `resample`; None if all do, or no method asks.

    Args:
        given: As in `evaluate`.
        examples: Those to be evaluated.
        reference: Those that activations are taken from, or None.
        methods: From `replacements`.

    Raises:
        EngineError: If it is not a mask.
    """
    if reference is None or not any(map(needs_reference, methods.values())):
        return None
    if given is None or isinstance(given, str):
        name, mask = MASK if given is None else given, _input(given, reference)
    else:
        name, mask = "a tensor", _tensor(given, len(reference))
    if mask is not None and not mask.any():
        raise EngineError(
            f"counted: by {name} no position of any reference example counts; allowed is a mask "
            "that is true where an example has something. Was it meant the other way round? Give "
            "its negation, as a boolean tensor."
        )
    if mask is None or mask.all():
        return None
    own = _input(None if name == "a tensor" else given, examples)
    return Counted(name, mask, own if own is not None and own.shape[1] == mask.shape[1] else None)


def donors_of(
    counted: Counted | None, examples: Examples, reference: Examples | None,
    methods: Methods, seed: int,
) -> Int[Tensor, " example"] | None:  # fmt: skip
    """For each example the reference example that `resample` takes activations from.

    It is drawn from those that count wherever the example itself does.

    Args:
        counted: What counts; None: all.
        examples: Those to be evaluated.
        reference: Those that are drawn from.
        methods: From `replacements`.
        seed: Of the draw.

    Raises:
        EngineError: If there is none for an example.
    """
    if reference is None or not takes_donors(methods):
        return None
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(reference), (len(examples),), generator=generator)
    if counted is None:
        return drawn
    own = counted.examples
    if own is None:
        own = torch.ones(1, counted.reference.shape[1], dtype=torch.bool).expand(len(examples), -1)
    again = torch.rand(len(examples), generator=generator, dtype=torch.float64)
    return _redrawn(drawn, again, own, counted)


def _redrawn(drawn: Tensor, again: Tensor, own: Tensor, counted: Counted) -> Tensor:
    """The same, drawn again where the first draw does not cover the example."""
    kinds, kind_of = torch.unique(own, dim=0, return_inverse=True)
    for kind, mask in enumerate(kinds):
        which = (kind_of == kind).nonzero()[:, 0]
        covers = counted.reference[:, mask].all(1)
        if not covers.any():
            raise EngineError(
                f"reference: none of its {len(covers)} examples counts wherever example "
                f"{int(which[0])} does, in {int(mask.sum())} positions, so 'resample' would pass "
                f"on what does not count (by {counted.name}). Give a reference with examples as "
                "long as that, take 'mean', or say with counted= what counts."
            )
        able = covers.nonzero()[:, 0]
        other = able[(again[which] * len(able)).long()]
        drawn[which] = torch.where(covers[drawn[which]], drawn[which], other)
    return drawn


def _input(name: str | None, examples: Examples) -> Tensor | None:
    """The input that is the mask; None if there is none, and none is asked for by name."""
    parts = examples.inputs if isinstance(examples.inputs, Mapping) else {}
    part = parts.get(MASK if name is None else name)
    if part is None and name is not None:
        known = ", ".join(parts) or "one tensor without a name"
        raise EngineError(f"counted: given {name!r}; {_ALLOWED}. The inputs are {known}.")
    if part is None or (part.ndim != 2 and name is None):
        return None
    wanted = MASK if name is None else name
    if part.ndim != 2 or not bool(((part == 0) | (part == 1)).all() or _is_whole(part)):
        raise EngineError(
            f"counted: the input {wanted!r} is {tuple(part.shape)} of {part.dtype} with numbers "
            f"other than 1 and 0; {_ALLOWED}. Give such a tensor."
        )
    return (part != 0).cpu()


def _is_whole(part: Tensor) -> bool:
    """Whether it has whole numbers from 0 on, by which some networks tell kinds of positions."""
    return not part.is_floating_point() and not part.is_complex() and bool((part >= 0).all())


def _tensor(given: Any, n: int) -> Tensor:
    found = torch.from_numpy(given) if isinstance(given, np.ndarray) else given
    if isinstance(found, Tensor) and found.dtype == torch.bool:
        if found.ndim == 2 and len(found) == n and found.shape[1]:
            return found.cpu()
        what = f"a boolean tensor {tuple(found.shape)} with {n} reference examples"
    else:
        what = f"a tensor of {found.dtype}" if isinstance(found, Tensor) else repr(given)
    raise EngineError(f"counted: given {what}; {_ALLOWED}. Leave it out for {MASK!r}.")


def takes_donors(methods: Methods) -> bool:
    """Whether any method takes the activations of other examples."""
    return any(isinstance(replacement, Donated) for replacement in methods.values())


def _shared(reference: Examples, examples: Examples) -> int:
    """How many of the reference examples are also evaluated."""
    if reference.fingerprint == examples.fingerprint:
        return len(reference)
    known = set(_rows(examples))
    return sum(row in known for row in _rows(reference))


def _rows(examples: Examples) -> list[int]:
    inputs = examples.inputs
    parts = list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]
    found = []
    for i in range(0, len(examples), 4096):
        columns = [
            p[i : i + 4096].detach().cpu().reshape(len(p[i : i + 4096]), -1).contiguous().numpy()
            for p in parts
        ]
        found += [hash(tuple(row.tobytes() for row in rows)) for rows in zip(*columns, strict=True)]
    return found
