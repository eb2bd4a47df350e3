"""What a study is about, loaded: network, examples, reference, readout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lashley import data, networks
from lashley.code import called, is_code, named_code
from lashley.data import Examples, as_examples
from lashley.data.array_file import arrays_in
from lashley.data.examples import require_classes
from lashley.data.inputs import take
from lashley.data.subset import drawn
from lashley.effects.grouping import as_groups
from lashley.errors import DataError, StudyError
from lashley.networks import as_network
from lashley.readouts import CLASSIFICATION, Readout, as_readout
from lashley.sites import Site, find_sites
from lashley.studies.ablation.form import BUILT_IN, OBJECT, AblationStudy, DataPart, NetworkPart

_SPLIT = {"data": "test", "reference": "train"}  # of the built-in data sets that have two


Objects = Mapping[str, Any]
"""What was given in Python in place of something a study file can name: by the name of the part."""

NO_OBJECTS: Objects = {}


@dataclass(frozen=True, eq=False)
class Subject:
    """What a study is about.

    Attributes:
        network: Intact, in eval mode.
        examples: That ablated networks are measured on.
        reference: That activations are taken from, or None.
        sites: Of the network, by name.
        how: Further arguments of `evaluate`.
        show: What a person looks at of the inputs, as for `report`, or None.
        groups: (example,) whole numbers or texts in place of the classes, or None.
    """

    network: nn.Module
    examples: Examples
    reference: Examples | None
    sites: Mapping[str, Site]
    how: Mapping[str, Any]
    show: Callable[[Any], Any] | None = None
    groups: np.ndarray | None = None


def subject_of(study: AblationStudy, objects: Objects = NO_OBJECTS) -> Subject:
    """Load what a study is about, and check that it goes together.

    Raises:
        LashleyError: If a part cannot be loaded, or does not fit the others.
    """
    network = network_of(study.network, objects)
    whole = _all_examples(study.data, "data", objects)
    which = _which(whole, study.data, "data")
    examples = _checked(_taken(whole, which), study)
    reference = None
    if study.reference is not None:
        reference = examples_of(study.reference, "reference", objects)
    how = {
        "readout": readout_of(study, objects), "output": study.output, "counted": study.counted,
        "precision": study.precision, "seed": study.seed, "dtype": getattr(torch, study.dtype),
    }  # fmt: skip
    sites = find_sites(network, examples, output=study.output)
    show = None if study.show is None else _code(study.show, "show", objects)
    groups = _groups(study, objects, len(whole), which)
    return Subject(network, examples, reference, sites, how, show, groups)


def network_of(part: NetworkPart, objects: Objects = NO_OBJECTS) -> nn.Module:
    """The network under study, in eval mode.

    Raises:
        CodeError: If the code that makes it cannot be loaded, or raises.
        NetworkError: If it makes something else, or the weights do not fit.
    """
    made = _made(part, "network", objects, part.seed)
    if isinstance(made, tuple) and len(made) == 2:  # `lashley sites` takes both
        made = made[0]
    network = as_network(made, f"network: {part.load} returned something else: it")
    if part.weights is not None:
        network = networks.with_weights(network, networks.read_weights(part.weights))
    networks.check_finite(network)
    return network.eval()


def examples_of(part: DataPart, what: str, objects: Objects = NO_OBJECTS) -> Examples:
    """The examples of a part.

    Args:
        part: Which.
        what: "data" or "reference".
        objects: Given in Python.

    Raises:
        CodeError: If the code that makes them cannot be loaded, or raises.
        DataError: If it makes something else, or the data cannot be loaded.
    """
    whole = _all_examples(part, what, objects)
    return _taken(whole, _which(whole, part, what))


def _all_examples(part: DataPart, what: str, objects: Objects) -> Examples:
    if part.load in BUILT_IN:
        return _built_in(part, what)
    if is_code(part.load) or part.load.startswith(OBJECT):
        return _as_examples(_made(part, what, objects), what)
    inputs, labels = arrays_in(Path(part.load), f"{what}.load")
    if labels is None:
        raise DataError(
            f"{what}.load: {part.load} has no labels; allowed are arrays 'inputs' and "
            "'labels'. Write both, each with an entry per example."
        )
    return as_examples((inputs, labels), name=what)


def readout_of(study: AblationStudy, objects: Objects = NO_OBJECTS) -> Readout:
    """What is kept of an output.

    Raises:
        CodeError: If the code that is named cannot be loaded.
        ReadoutError: If there is no such readout.
    """
    return as_readout(_code(study.readout, "readout", objects))


def _made(part: Any, what: str, objects: Objects, seed: int = 0) -> Any:
    if part.load.startswith(OBJECT):
        return _object(objects, what, part.load)
    found = named_code(part.load, f"{what}.load")
    if isinstance(found, nn.Module) and not part.arguments:
        return found
    with networks.seeded(seed):
        return called(found, part.load, f"{what}.load", part.arguments)


def _code(given: str, what: str, objects: Objects) -> Any:
    """What a name stands for if it is one of code or of an object; else the name."""
    if given.startswith(OBJECT):
        return _object(objects, what, given)
    return named_code(given, what) if is_code(given) else given


def _object(objects: Objects, part: str, said: str) -> Any:
    if part in objects:
        return objects[part]
    raise StudyError(
        f"{part}: the study was made in Python with an object of its own "
        f"({said.removeprefix(OBJECT)}), which no file holds. Go on from Python, with the same "
        f"one: la.Study(..., {part}=...)."
    )


def _built_in(part: DataPart, what: str) -> Examples:
    load: Callable[..., Examples] = getattr(data, part.load)
    split = {} if part.load == "image_folder" else {"split": _SPLIT[what]}
    try:
        return load(**{**split, **part.arguments})
    except TypeError as error:
        raise StudyError(
            f"{what}.arguments: given {', '.join(part.arguments) or 'none'}, which {part.load} "
            f"does not take ({error}). See lashley.data.{part.load}."
        ) from error


def _as_examples(made: Any, what: str) -> Examples:
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module):
        made = made[1]  # a callable that `lashley sites` takes returns both
    return as_examples(made, name=what)


def _which(examples: Examples, part: DataPart, what: str) -> np.ndarray | None:
    """(drawn,) the numbers of the examples that a part takes; None: all."""
    if part.examples is None:
        return None
    if part.examples > len(examples):
        raise StudyError(
            f"{what}.examples: given {part.examples:,}; allowed are 1 to {len(examples):,}, as "
            "many as there are. Lower it, or leave it out."
        )
    return drawn(examples, part.examples, part.seed)


def _taken(examples: Examples, which: np.ndarray | None) -> Examples:
    if which is None:
        return examples
    own = examples.labels[torch.from_numpy(which)]
    return Examples(take(examples.inputs, which), own, examples.class_names)


def _groups(
    study: AblationStudy, objects: Objects, n: int, which: np.ndarray | None
) -> np.ndarray | None:
    """(example,) the groups of the evaluated examples."""
    if study.groups is None:
        return None
    given = _code(study.groups, "groups", objects)
    given = called(given, study.groups, "groups") if callable(given) else given
    found = as_groups(given, n)
    return found if which is None else found[which]


def evaluated(study: AblationStudy, objects: Objects = NO_OBJECTS) -> Examples:
    """The examples that ablated networks are measured on, as the readout takes them."""
    return _checked(examples_of(study.data, "data", objects), study)


def _checked(examples: Examples, study: AblationStudy) -> Examples:
    return require_classes(examples) if study.readout == CLASSIFICATION.name else examples
