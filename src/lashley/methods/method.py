"""The form of a method: what stands in place of ablated units, as a frozen value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import Any, ClassVar

from lashley.errors import AblationError
from lashley.methods.replacement import ZEROS, Replacement
from lashley.sites import Site


class Where(Enum):
    """Where in a layer a method acts."""

    ACTIVATION = "after the layer's normalisation and nonlinearity"
    WEIGHTS = "the incoming weights and biases, which are 0"


@dataclass(frozen=True)
class Method(ABC):
    """What stands in place of a site's ablated units.

    A method of your own is a frozen dataclass with a `replacement`; the engines know nothing else
    of it. Its text form, in outcomes and tables, is "package.module:Class(arguments)".

    Attributes:
        alias: The text form of Lashley's own methods, without arguments.
        where: Where it acts.
    """

    alias: ClassVar[str] = ""
    where: ClassVar[Where] = Where.ACTIVATION

    @abstractmethod
    def replacement(self, site: Site) -> Replacement:
        """What stands in place of the units.

        Args:
            site: Whose units.

        Raises:
            AblationError: If the site has no such units.
        """

    def at(self, site: Site) -> Replacement:
        """The same, checked.

        Raises:
            AblationError: If it is no replacement, or another than 0 for weights.
        """
        found = self.replacement(site)
        if not isinstance(found, Replacement):
            raise AblationError(
                f"method: the replacement of {self} is a {type(found).__name__}; allowed are "
                "la.methods.Constants, Donated and Function. Return one of these."
            )
        if self.where is Where.WEIGHTS and found is not ZEROS:
            raise AblationError(
                f"method: {self} acts on weights and has another replacement than la.methods.ZEROS;"
                " allowed there is 0. Let it act on the activation: where = Where.ACTIVATION."
            )
        return found

    def __str__(self) -> str:
        kind = type(self)
        name = vars(kind).get("alias") or f"{kind.__module__}:{kind.__qualname__}"
        given = [getattr(self, f.name) for f in fields(self)]
        while given and _is_default(fields(self)[len(given) - 1], given[-1]):
            given.pop()
        return f"{name}({', '.join(map(repr, given))})" if given else name


def _is_default(field: Any, value: Any) -> bool:
    return field.default is not MISSING and bool(field.default == value)
