"""The form of a method: what stands in place of ablated units, as a frozen value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from typing import Any, ClassVar

import numpy as np

from lashley.errors import AblationError, LashleyError
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
    about it. Its text form, in outcomes and tables, is "package.module:Class(arguments)".

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
            site: The units' site.

        Raises:
            AblationError: If the site has no such units.
        """

    def at(self, site: Site) -> Replacement:
        """The same, checked.

        Raises:
            AblationError: If it is not a replacement, or not 0 where it acts on weights.
        """
        try:
            found = self.replacement(site)
        except LashleyError:
            raise
        except Exception as error:  # whatever a user's method raises
            raise AblationError(
                f"method: the replacement of {self} raised {type(error).__name__} ({error}); "
                "allowed are la.methods.Constants, Donated and Function. Return one of these."
            ) from error
        if not isinstance(found, Replacement):
            raise AblationError(
                f"method: the replacement of {self} is a {type(found).__name__}; allowed are "
                "la.methods.Constants, Donated and Function. Return one of these."
            )
        if not isinstance(self.where, Where):
            raise AblationError(
                f"method: {self} has where = {self.where!r}; allowed are Where.ACTIVATION and "
                "Where.WEIGHTS of la.methods. Take one of these."
            )
        if self.where is Where.WEIGHTS and found is not ZEROS:
            raise AblationError(
                f"method: {self} acts on weights, but its replacement is not la.methods.ZEROS; "
                "allowed there is 0. Let it act on the activation: where = Where.ACTIVATION."
            )
        return found

    def __str__(self) -> str:
        kind, given = type(self), list(fields(self))
        alias = vars(kind).get("alias")
        while alias and given and _is_default(given[-1], getattr(self, given[-1].name)):
            given.pop()  # a default of a user's class may change
        name = alias or f"{kind.__module__}:{kind.__qualname__}"
        texts = [f"{f.name}=" * bool(f.kw_only) + repr(_plain(getattr(self, f.name)))
                 for f in given]  # fmt: skip
        return f"{name}({', '.join(texts)})" if texts else name


def _is_default(field: Any, value: Any) -> bool:
    return field.default is not MISSING and bool(field.default == value)


def _plain(value: Any) -> Any:
    """The same as a plain number or a tuple of them, which text can give back."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value
