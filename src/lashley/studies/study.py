"""What every study file says, whatever is studied, and the form of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

AtLeastOne = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Proportion = Annotated[float, Field(gt=0, lt=1)]


class Part(BaseModel):
    """A part of a study: frozen, with known keys only and finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class EmbeddingPart(Part):
    """Of the t-SNE map: principal components kept, perplexity, seed."""

    components: Annotated[int, Field(ge=2)] = 30
    perplexity: Annotated[float, Field(gt=1)] = 40.0
    seed: Seed = 0


class StudyForm(Part):
    """What a study file says: all that determines the numbers of a run, by its kind."""

    kind: str
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: str

    def check(self) -> None:
        """Refuse what no single key shows to be wrong.

        Raises:
            StudyError: If the study cannot be run as it is.
        """

    def located(self, home: Path) -> StudyForm:
        """The same, with the paths of files made absolute that are relative to a folder."""
        return self

    def to_yaml(self) -> str:
        """The study with every default written out."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)
