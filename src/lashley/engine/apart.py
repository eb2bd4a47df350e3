"""Reference examples: of the kind of the evaluated ones, and none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.errors import DataError, EngineError
from lashley.methods import Donated, needs_reference


def check_reference(
    reference: Examples | None, examples: Examples, ablations: Sequence[Ablation]
) -> None:
    """Refuse methods without the reference examples they need, and ones that are evaluated too.

    Raises:
        EngineError: If there are none, or of another shape; the lengths may differ where only means
            are taken of them.
        DataError: If more than one in a hundred is among the evaluated examples.
    """
    needing = sorted({str(a.method) for a in ablations if needs_reference(a.replacement)})
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
    if given != wanted and (takes_donors(ablations) or not alike):
        may = " Only methods that take a mean allow other lengths." if alike else ""
        raise EngineError(
            f"reference: its examples are of shape {given}, the evaluated ones of {wanted}; "
            f"allowed are examples of the same kind.{may} Cut them alike, or pad them and give the "
            "network a mask of what counts."
        )
    shared = _shared(reference, examples)
    if shared > len(reference) // 100:
        raise DataError(
            f"reference: {shared} of its {len(reference)} examples are among the evaluated ones, "
            "so the ablation would know what it is tested on. Give others, such as training "
            "examples."
        )


def takes_donors(ablations: Sequence[Ablation]) -> bool:
    """Whether any takes the activations of other examples."""
    return any(isinstance(a.replacement, Donated) for a in ablations)


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
