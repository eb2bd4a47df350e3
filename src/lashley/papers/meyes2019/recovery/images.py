"""The images of a recovery: to train on, to stop by, to measure on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from lashley import data
from lashley.data import Examples
from lashley.data.examples import require_tensor
from lashley.data.image_list import listed
from lashley.data.inputs import take
from lashley.data.subset import stratified
from lashley.errors import StudyError
from lashley.papers.meyes2019.layers.changes import halves
from lashley.papers.meyes2019.layers.study import LayerStudy
from lashley.papers.meyes2019.recovery.form import RecoveryPart
from lashley.studies.folder import Tell

Indices = Int[np.ndarray, " image"]


@dataclass(frozen=True, eq=False)
class Sets:
    """Sets of images; no image is in two of them.

    Attributes:
        training: Networks are retrained on these.
        validation: The stop rule looks at these.
        test: Networks are measured on these; no layer was chosen on them.
    """

    training: Examples
    validation: Examples
    test: Examples


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Images that are only read when wanted.

    Attributes:
        labels: (image,) classes of all images.
        take: Reads some, given their numbers and a name for the set.
        class_names: Of the classes.
    """

    labels: Indices
    take: Callable[[Indices, str], Examples]
    class_names: tuple[str, ...]


def sets_of(study: LayerStudy, swept: Examples, store: Path, tell: Tell) -> Sets:
    """The images of a study's recovery.

    Args:
        study: With the part recovery.
        swept: The images of the sweep; on the first half of them the layers were chosen.
        store: A folder for decoded images, if they lie in folders.
        tell: Called with the decoding's progress.

    Raises:
        DataError: If they cannot be loaded.
        StudyError: If there are not as many as wanted.
    """
    part = _recovery(study)
    training, test = sources(study, store, tell)
    learn, stop = _learnt(part, training.labels)
    return Sets(
        training.take(learn, "training"), training.take(stop, "validation"),
        _measured(study, test, swept),
    )  # fmt: skip


def check_sizes(study: LayerStudy) -> tuple[int, int]:
    """How many training and test images there will be, if there are enough, in all classes.

    Images that lie in folders are not read.

    Raises:
        DataError: If the images cannot be loaded.
        StudyError: Naming the key.
    """
    part = _recovery(study)
    training, test = sources(study, Path(), lambda *_: None)
    learnt, _ = _learnt(part, training.labels)
    _check_size("test_images", part.test_images, _allowed(study, test),
                "as the layers are chosen on the other test images")  # fmt: skip
    if training.class_names != test.class_names:
        raise StudyError(
            f"recovery.root: {part.root} has other classes than {study.data.root}; allowed are the "
            "same, by the names of the folders. Check the path, or name the classes: --set "
            "data.class_names=FILE."
        )
    absent = set(test.labels.tolist()) - set(training.labels[learnt].tolist())
    if absent:
        raise StudyError(
            f"recovery.images: given {len(learnt):,}, among which {len(absent)} classes of the "
            f"test images have none, such as {test.class_names[min(absent)]}; allowed are images "
            "of all classes. Raise it."
        )
    return len(learnt), part.test_images or _allowed(study, test)


def _allowed(study: LayerStudy, test: ImageSource) -> int:
    """The test images on which the layers are not chosen."""
    swept = study.data.images or len(test.labels)
    return len(test.labels) - len(halves(swept)[0])


def sources(study: LayerStudy, store: Path, tell: Tell) -> tuple[ImageSource, ImageSource]:
    """Where training and test images come from."""
    if study.data.name == "cifar10":
        return _in_memory(data.cifar10("train")), _in_memory(data.cifar10("test"))
    roots = (str(_recovery(study).root), str(study.data.root))
    training, test = (_in_folders(study, root, store, tell) for root in roots)
    return training, test


def _recovery(study: LayerStudy) -> RecoveryPart:
    assert study.recovery is not None
    return study.recovery


def _in_memory(examples: Examples) -> ImageSource:
    return ImageSource(
        examples.labels.numpy(), lambda which, _: _some(examples, which), examples.class_names
    )


def _some(examples: Examples, which: Indices | slice) -> Examples:
    return Examples(
        take(examples.inputs, which), examples.labels[which], examples.class_names
    )  # fmt: skip


def _in_folders(study: LayerStudy, root: str, store: Path, tell: Tell) -> ImageSource:
    part = study.data
    listing = listed(Path(root).expanduser(), part.class_names)

    def read(which: Indices, name: str) -> Examples:
        return data.image_folder(
            root, class_names=part.class_names, which=which.tolist(), resize=part.resize,
            crop=study.network.image_size, skip_broken=part.skip_broken, store=store / name,
            progress=partial(tell, f"{name} images"),
        )  # fmt: skip

    return ImageSource(np.array(listing.labels), read, listing.class_names)


def _learnt(part: RecoveryPart, labels: Indices) -> tuple[Indices, Indices]:
    """The indices of the training and of the validation images, in proportion to the classes."""
    left = len(labels) - part.validation_images
    _check_size("validation_images", part.validation_images, len(labels) - 1,
                "set aside from the training images")  # fmt: skip
    _check_size("images", part.images, left, "the training images but those for validation")
    aside = stratified(labels, part.validation_images, part.seed)
    rest = np.setdiff1d(np.arange(len(labels)), aside)
    if part.images is not None:
        rest = rest[stratified(labels[rest], part.images, part.seed)]
    return rest, aside


def _check_size(name: str, wanted: int | None, most: int, which: str) -> None:
    if wanted is not None and wanted > most:
        raise StudyError(
            f"recovery.{name}: given {wanted:,}; allowed are 1 to {most:,}, {which}. Lower it."
        )


def _measured(study: LayerStudy, test: ImageSource, swept: Examples) -> Examples:
    """The test images on which the layers were not chosen, or as many of them as wanted."""
    part, n = study.data, len(test.labels)
    taken = np.arange(n) if part.images is None else stratified(test.labels, part.images, part.seed)
    rest = np.setdiff1d(np.arange(n), taken)  # neither chosen nor confirmed on
    _, second = halves(len(swept))
    labels = np.concatenate([swept.labels[second].numpy(), test.labels[rest]])
    wanted = _recovery(study).test_images
    if wanted is None or wanted >= len(labels):  # broken images may be missing
        which = np.arange(len(labels))
    else:
        which = stratified(labels, wanted, _recovery(study).seed)
    inside = which < len(second)
    return _together(swept, second[which[inside]], test, rest[which[~inside] - len(second)])


def _together(swept: Examples, second: Indices, test: ImageSource, rest: Indices) -> Examples:
    """Images of the sweep by their numbers in it, and others, which are read now."""
    if not len(rest):
        every_other = len(second) == len(swept) // 2  # then a view of what may be mapped
        return _some(swept, slice(1, None, 2) if every_other else second)
    further = test.take(rest, "test")
    if not len(second):
        return further
    inputs = torch.cat([require_tensor(of) for of in (_some(swept, second), further)])
    labels = torch.cat([swept.labels[second], further.labels])
    return Examples(inputs, labels, swept.class_names)
