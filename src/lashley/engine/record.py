"""The record of an evaluation: where its outcomes go, in which order, under which name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr

from lashley import outcomes as schema
from lashley.ablations import Ablation
from lashley.engine.batch import Loader, Which
from lashley.engine.building import Built
from lashley.engine.evaluation import Evaluation
from lashley.engine.notes import n_empty, noted
from lashley.engine.precision import Counts
from lashley.errors import AblationError
from lashley.graph.reading import name_of, told_by

_OUTCOMES = 1 << 24  # bytes of outcomes of a batch, at most
_LOOK = 100  # examples between two looks at the precision, at least


@dataclass(frozen=True)
class About:
    """What an engine says about itself; it travels where the engine cannot.

    Attributes:
        kinds: The type of what is measured, by name.
        batch: Examples that it takes at once.
        fingerprint: Of the network.
        attrs: How it works, for the outcomes.
        together: Whether all examples have to be run as one batch.
    """

    kinds: Mapping[str, np.dtype[Any]]
    batch: int
    fingerprint: str
    attrs: Mapping[str, Any]
    together: bool = False

    @classmethod
    def of(cls, built: Built) -> About:
        """What a built engine says."""
        batch, attrs = built.engine.batch, built.attrs
        return cls(built.kinds, batch, built.fingerprint, attrs, built.together)


def batch_size(about: About, n_ablations: int, n_examples: int, precision: float | None) -> int:
    """Examples that an evaluation takes at once: a batch's outcomes must fit in memory, too."""
    if about.together:
        return n_examples
    row = sum(kind.itemsize for kind in about.kinds.values())
    size = min(about.batch, max(1, _OUTCOMES // (row * (1 + n_ablations))))
    return size if precision is None else min(size, max(_LOOK, n_examples // 50))


@dataclass(eq=False)
class Record:
    """What an evaluation keeps, whoever finds it; it is written as it comes.

    Attributes:
        evaluation: The one they belong to.
        about: Its engine.
        store: A folder for the outcomes, or None: they stay in memory.
    """

    evaluation: Evaluation
    about: About
    store: str | os.PathLike[str] | None

    @property
    def n_rows(self) -> int:
        """Of the outcomes; row 0 is the intact network."""
        return 1 + len(self.evaluation.ablations)

    @cached_property
    def sink(self) -> schema.Sink:
        """Where outcomes go.

        Raises:
            OutcomesError: If the store holds something else.
        """
        examples = self.evaluation.examples
        frame = schema.Frame(
            ablations=self.evaluation.ablations,
            n_examples=len(examples),
            kinds=self.about.kinds,
            labels=examples.labels.cpu().numpy() if examples.class_names else None,
            class_names=examples.class_names,
            order=self.evaluation.order,
        )
        if self.store is None:
            return schema.Memory(frame)
        _check_nameable(self.evaluation.ablations)
        return schema.Store(self.store, frame, self._identity(), self._batch)

    @property
    def finished(self) -> xr.Dataset | None:
        """The outcomes, if a store has them all."""
        done = isinstance(self.sink, schema.Store) and self.sink.is_finished
        return schema.open_store(self.sink.folder) if done else None  # pyright: ignore

    @property
    def batches(self) -> list[slice]:
        """Places, in the order of the evaluation, of the examples that are taken at once."""
        n = len(self.evaluation.examples)
        size = self.sink.batch if isinstance(self.sink, schema.Store) else self._batch
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]

    def known(self, which: Which) -> np.ndarray:
        """(row,) whether all outcomes of these examples were kept by an earlier call."""
        if self.store is None:
            return np.zeros(self.n_rows, bool)
        return self.sink.known(places(which))

    def finish(self, attrs: Mapping[str, Any], counts: Counts) -> xr.Dataset:
        """The outcomes; `attrs` say how they were found."""
        columns = None if self.evaluation.precision is None else {"n_examples": counts.seen[1:]}
        return noted(self.sink.finish(self._attrs(attrs), columns), stacklevel=4)

    @property
    def _batch(self) -> int:
        evaluation = self.evaluation
        return batch_size(
            self.about, len(evaluation.ablations), len(evaluation.examples), evaluation.precision
        )

    def _identity(self) -> dict[str, str]:
        evaluation, reference = self.evaluation, self.evaluation.reference
        same = ("data_fingerprint", "network_fingerprint", "readout")
        return {k: str(v) for k, v in self._attrs({}).items() if k in same} | {
            "precision": str(evaluation.precision), "seed": str(evaluation.seed),
            "reference": "" if reference is None else "-".join(reference.fingerprint.values()),
            **({} if evaluation.output is None else {"output": told_by(evaluation.output)}),
            **({} if evaluation.counted is None else {"counted": evaluation.counted.fingerprint}),
        }  # fmt: skip

    def _attrs(self, found: Mapping[str, Any]) -> dict[str, Any]:
        evaluation = self.evaluation
        examples = evaluation.examples
        n = len(examples.class_names)
        empty = n_empty(examples.labels.cpu().numpy(), n) if n else 0
        attrs = {
            "readout": evaluation.readout.name,
            **({"classes_without_examples": empty} if empty else {}),
            **({} if evaluation.output is None else {"output": name_of(evaluation.output)}),
            **({} if evaluation.counted is None else {"counted": evaluation.counted.name}),
            **found,
            "data_fingerprint": "-".join(evaluation.examples.fingerprint.values()),
            "network_fingerprint": self.about.fingerprint,
            "torch": torch.__version__,
        }
        return (
            attrs if evaluation.precision is None else {**attrs, "precision": evaluation.precision}
        )


def places(which: Which) -> Any:
    """The same for NumPy."""
    return which if isinstance(which, slice) else which.numpy()


def loader_of(evaluation: Evaluation, together: bool) -> Loader:
    """Loads the examples, with those that `resample` takes activations from.

    Args:
        evaluation: The one they belong to.
        together: Whether its engine takes all of the reference as one batch.
    """
    reference = None if evaluation.donors is None else evaluation.reference
    device = torch.device(evaluation.options.device)
    return Loader(evaluation.examples, reference, evaluation.donors, device, together)


def _check_nameable(ablations: Sequence[Ablation]) -> None:
    """Refuse methods that a store would confuse with others: it knows them by their names."""
    for text in map(str, {ablation.method for ablation in ablations}):
        if "<locals>" in text:
            raise AblationError(
                f"method: given {text}, a class inside a function, which a store cannot tell from "
                "another of that name; allowed with store= are classes of a module. Move it there."
            )
