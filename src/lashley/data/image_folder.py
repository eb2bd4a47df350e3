"""Images in folders, one per class, as ImageNet's are distributed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lashley.data.decoding import decode
from lashley.data.examples import Examples
from lashley.data.image_classes import ClassNames, some
from lashley.data.image_list import Listing, listed
from lashley.data.image_store import Broken, Put, stored
from lashley.data.image_transform import IMAGENET_MEAN, IMAGENET_STD, Transform
from lashley.data.subset import check_whole, stratified
from lashley.errors import DataError, OnProgress

_SHOWN = 10  # broken images that are named


def image_folder(
    root: str | os.PathLike[str],
    *,
    class_names: ClassNames = None,
    images: int | None = None,
    which: Sequence[int] | None = None,
    seed: int = 0,
    resize: int = 256,
    crop: int = 224,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    skip_broken: bool = False,
    workers: int | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: OnProgress | None = None,
) -> Examples:
    """Images as `root/CLASS/.../image.jpg`, transformed as torchvision does for evaluation.

    Each is converted to RGB, resized, cropped at its centre and normalised. 16-bit grey levels are
    scaled to 8 bits. The orientation that a camera notes in EXIF is ignored, as in torchvision.
    An image takes 12 crop^2 bytes, 602,112 at 224 pixels: 30 GB for ImageNet's 50,000, so give a
    `store` for many.

    Args:
        root: A folder with one folder per class; what is deeper inside belongs to the class.
            Hidden files and folders are left out; a warning tells if these may have been images.
        class_names: None: the folders' names, sorted. Else the classes in the order of the
            network's outputs, a text file's path or its lines: "FOLDER" or "FOLDER name of the
            class", such as "n01440764 tench". Folders of some classes may be missing.
        images: A random subset of this many, with the share of each class kept, in the order of the
            files. None: all.
        which: In place of a random subset, the numbers of the images to take, from 0 in the order
            of the files: the folders sorted by name, the files sorted within each.
        seed: Of the subset.
        resize: Pixels of the shorter side, by bilinear interpolation with antialiasing.
        crop: Pixels of the square, at most `resize`.
        mean: Of red, green, blue between 0 and 1. ImageNet's by default.
        std: Of red, green, blue. ImageNet's by default.
        skip_broken: Go on without images that cannot be read, with a warning that names them.
        workers: Processes that decode. None: one per core; 0: this one only.
        store: A folder to keep the decoded images in. They are mapped from there, not held in
            memory; the same call finds them again. It decodes anew if anything differs: the files,
            their sizes and times, the transform, the class names. None: in memory.
        progress: Called with the images done and all images.

    Returns:
        Inputs (example, 3, crop, crop) float32, labels, and class names; classes that share a
        name have their folder after it.

    Raises:
        DataError: If the arguments, the folders or the images are not as above. Broken images
            are named, all at once.
        OSError: If there is no room for the store on the disk.
    """
    transform = Transform(resize, crop, *(tuple(np.ravel(v).tolist()) for v in (mean, std)))
    if workers is not None:
        check_whole("workers", workers, "Leave it out for one per core.", 0)
    listing = _chosen(listed(Path(root).expanduser(), class_names), images, which, seed)
    inputs, broken = _decoded(listing, transform, workers, store, progress or (lambda *_: None))
    _refuse_broken(listing, broken, skip_broken)
    labels = [k for f, k in zip(listing.files, listing.labels, strict=True) if f not in broken]
    return Examples(inputs, torch.tensor(labels), listing.class_names)


def _chosen(
    listing: Listing, images: int | None, which: Sequence[int] | None, seed: int
) -> Listing:
    """The listing of the images to take."""
    if images is not None and which is not None:
        raise DataError("images, which: given both; allowed is one of them. Leave the other out.")
    if images is not None:
        which = stratified(np.array(listing.labels), images, seed, "images").tolist()
    if which is None:
        return listing
    _check_numbers(which, len(listing.files))
    files = tuple(listing.files[i] for i in which)
    labels = tuple(listing.labels[i] for i in which)
    return Listing(listing.root, files, labels, listing.class_names)


def _check_numbers(which: Sequence[int], n: int) -> None:
    """Refuse numbers that no image has, or that are given twice."""
    if not len(which) or min(which) < 0 or max(which) >= n or len(set(which)) < len(which):
        raise DataError(
            f"which: given {some([str(i) for i in which]) or 'none'}; allowed are the numbers of "
            f"images, each once, from 0 to {n - 1:,}. Leave it out to take all."
        )


def _decoded(
    listing: Listing,
    transform: Transform,
    workers: int | None,
    store: str | os.PathLike[str] | None,
    progress: OnProgress,
) -> tuple[Tensor, Broken]:
    """The images that are not broken, and what is wrong with the others."""
    files = listing.files

    def fill(put: Put) -> Broken:
        broken = {}

        def keep(place: int, found: np.ndarray | str) -> None:
            if isinstance(found, str):
                broken[files[place]] = found
            else:
                put(transform.normalised(found))
            progress(place + 1, len(files))

        paths = [str(listing.root / file) for file in files]
        decode(paths, transform.resize, transform.crop, keep, workers)
        return broken

    shape = (len(files), 3, transform.crop, transform.crop)
    if store is not None:
        about = {
            "class_names": listing.class_names,
            "transform": asdict(transform),
            "files": [[file, *_state(listing.root / file)] for file in files],
        }
        return stored(Path(store).expanduser(), about, shape, fill)
    inputs = torch.empty(shape)
    rows = iter(inputs)
    broken = fill(lambda numbers: next(rows).copy_(numbers))
    return inputs[: len(files) - len(broken)], broken


def _state(path: Path) -> tuple[int, int]:
    """Size in bytes and time of change in nanoseconds; zeros for a link that leads nowhere."""
    try:
        state = path.stat()
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _refuse_broken(listing: Listing, broken: Mapping[str, str], skip: bool) -> None:
    if not broken:
        return
    lines = [f"  {file}: {wrong}" for file, wrong in list(broken.items())[:_SHOWN]]
    if len(broken) > _SHOWN:
        lines.append(f"  and {len(broken) - _SHOWN} more")
    told = f"{len(broken)} of {len(listing.files)} images in {listing.root} cannot be read"
    told = "\n".join([told + ":", *lines])
    if not skip:
        raise DataError(
            f"{told}\nReplace or delete them, or set skip_broken to true to go on without them."
        )
    whole = {k for f, k in zip(listing.files, listing.labels, strict=True) if f not in broken}
    lost = [listing.class_names[k] for k in sorted(set(listing.labels) - whole)]
    if lost:
        raise DataError(
            f"{told}\nskip_broken: no image would be left of {len(lost)} classes, the first is "
            f"{lost[0]!r}. Replace the images or remove the folders."
        )
    warnings.warn(f"lashley: {told}\nThey are left out.", stacklevel=3)


def look_into(
    root: str | os.PathLike[str], *, class_names: ClassNames = None
) -> tuple[int, tuple[str, ...]]:
    """How many images `image_folder` finds, broken ones included, and its classes; none is read.

    Args:
        root: As for `image_folder`.
        class_names: As for `image_folder`.

    Raises:
        DataError: If the folders are not as `image_folder` needs them.
    """
    found = listed(Path(root).expanduser(), class_names)
    return len(found.files), found.class_names
