"""Methods in a study file: their text form, refused before anything runs if it cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from lashley.errors import AblationError
from lashley.methods import Constants, Replacement, as_method, needs_reference
from lashley.sites import Site

REFUSED = "method_refused"  # the type of a validation error whose message says all


def _checked(refusal: Callable[[Replacement], str], given: str) -> str:
    """The text form of a method, if nothing speaks against it."""
    try:
        method = as_method(given)
    except AblationError as error:
        said = str(error).removeprefix("method: ")
        raise PydanticCustomError(REFUSED, "{said}", {"said": said}) from error
    try:
        replacement = method.at(Site("site", "hidden", 1, -1))
    except AblationError:  # it depends on the site
        return str(method)
    if refusal(replacement):
        said = f"given {given!r}, which {refusal(replacement)}"
        raise PydanticCustomError(REFUSED, "{said}", {"said": said})
    return str(method)


def _not_swept(replacement: Replacement) -> str:
    if not needs_reference(replacement):
        return ""
    return (
        "needs reference examples, and a sweep has none; allowed are silence, zero_weights, "
        "constant(0.5), scale(0.5), and package.module:Class of your own"
    )


def _not_held(replacement: Replacement) -> str:
    if isinstance(replacement, Constants):
        return ""
    return (
        f"{replacement.not_held}, so no weights can hold them; allowed are methods that put "
        "constants in place, such as zero_weights, silence and mean"
    )


AnyMethod = Annotated[str, AfterValidator(partial(_checked, lambda _: ""))]
"""Of a sweep that may have a reference."""

SweptMethod = Annotated[str, AfterValidator(partial(_checked, _not_swept))]
"""Of a sweep without a reference."""

HeldMethod = Annotated[str, AfterValidator(partial(_checked, _not_held))]
"""Of a recovery."""
