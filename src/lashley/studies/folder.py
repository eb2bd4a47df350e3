"""The run folder: the files of one study carried out, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lashley import outcomes
from lashley.errors import RunError
from lashley.files import written_whole

Tell = Callable[[str, int, int], None]
"""Called with each stage: its name, how much of it is done, and the whole."""

STUDY = "study.yaml"


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps what it has found; every file in it is whole.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def outcomes(self) -> Path:
        """The Zarr folder of all outcomes."""
        return self.path / "outcomes.zarr"

    @property
    def scratch(self) -> Path:
        """For what only an active run needs: decoded images. Removed once all is measured."""
        return self.path / "images"

    def study_text(self) -> str:
        """The study that the folder belongs to, as YAML.

        Raises:
            RunError: If it is not a run folder.
        """
        try:
            return (self.path / STUDY).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise no_run(self, error) from error

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a tidy table as Parquet."""
        with written_whole(self.path / f"{name}.parquet") as draft:
            table.to_parquet(draft, index=False)

    def table(self, name: str) -> pd.DataFrame:
        """A tidy table of the run.

        Raises:
            RunError: If the run has not made it yet.
        """
        file = self.path / f"{name}.parquet"
        if not file.is_file():
            self.study_text()
            raise RunError(
                f"run: {self.path} has no {name} yet. Finish it with the command that began it."
            )
        return outcomes.renamed(pd.read_parquet(file))

    def write_array(self, name: str, array: np.ndarray) -> None:
        """Write an array as .npy."""
        with written_whole(self.path / f"{name}.npy") as draft:
            np.save(draft, array)

    def array(self, name: str) -> np.ndarray:
        """An array of the run."""
        return np.load(self.path / f"{name}.npy", allow_pickle=False)

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays by name as .npz."""
        with written_whole(self.path / f"{name}.npz") as draft:
            np.savez_compressed(draft, **arrays)  # pyright: ignore[reportArgumentType]

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Arrays of the run by name."""
        with np.load(self.path / f"{name}.npz", allow_pickle=False) as found:
            return dict(found)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a mapping as JSON."""
        with written_whole(self.path / f"{name}.json") as draft:
            draft.write_text(json.dumps(content, indent=2) + "\n")

    def json(self, name: str) -> dict[str, Any]:
        """A mapping of the run."""
        return json.loads((self.path / f"{name}.json").read_text())

    def has(self, *names: str) -> bool:
        """Whether these files are there; what is there is whole."""
        return all((self.path / name).is_file() for name in names)


def no_run(folder: RunFolder, error: Exception) -> RunError:
    """The error of a folder that holds no study."""
    return RunError(
        f"run: {folder.path} is not a run folder ({error}). Give the folder that `lashley run` "
        "wrote to."
    )
