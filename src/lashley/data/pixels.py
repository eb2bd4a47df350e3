"""From one image file to grey levels: read, convert to RGB, resize, crop.

Run as a script it is a worker, which does so for each path it is sent. It imports nothing from
Lashley or PyTorch, so a worker starts in a quarter of a second and takes little memory.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

_DEEP = 65535  # the white of 16-bit images
_LARGEST = 1 << 28  # pixels of a resized image


def grey_levels(path: str, resize: int, crop: int) -> np.ndarray:
    """The centre of an image, as torchvision's presets for evaluation cut it out.

    Args:
        path: Of the file. Its orientation in EXIF is ignored, as torchvision does.
        resize: Pixels of the shorter side before cropping.
        crop: Pixels of the square that is cut out, at most `resize`.

    Returns:
        (crop, crop, 3) uint8, red green blue.

    Raises:
        Exception: Whatever Pillow raises for what it cannot read.
        ValueError: If the image's form has no clear grey levels, or it is too long.
    """
    if not Path(path).is_file():
        raise FileNotFoundError("no such file, or no ordinary one")
    with warnings.catch_warnings(), Path(path).open("rb") as file:
        warnings.simplefilter("ignore")  # of metadata, which are not used
        with Image.open(file) as image:
            size = _resized_size(image.size, resize)
            rgb = _rgb(image).resize(size, Image.Resampling.BILINEAR)
    left, top = (round((length - crop) / 2) for length in size)  # halves to even
    return np.asarray(rgb.crop((left, top, left + crop, top + crop)))


def attempt(path: str, resize: int, crop: int) -> np.ndarray | str:
    """As `grey_levels`, or what is wrong with the file in words."""
    try:
        return grey_levels(path, resize, crop)
    except MemoryError:  # no fault of the file
        raise
    except UnidentifiedImageError:
        return "no image that Pillow can read" if Path(path).stat().st_size else "an empty file"
    except Exception as error:  # Pillow's plugins raise all kinds of exceptions
        return str(error) or type(error).__name__


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are real numbers: which of them is white is not known")
    if not image.mode.startswith("I"):
        return image.convert("RGB")
    deep = np.asarray(image).astype(np.int64)  # Pillow's convert would clip all above 255
    if deep.min() < 0 or deep.max() > _DEEP:
        raise ValueError(f"its grey levels are {deep.min()} to {deep.max()}, not 0 to {_DEEP}")
    return Image.fromarray(((deep + 128) // 257).astype(np.uint8)).convert("RGB")


def _resized_size(size: tuple[int, int], resize: int) -> tuple[int, int]:
    """(width, height) with the shorter side at `resize`, the longer one rounded down."""
    short, long = min(size), int(resize * max(size) / min(size))
    if resize * long > _LARGEST:
        raise ValueError(f"its sides are {size[0]} and {size[1]} pixels: too long to be resized")
    return (resize, long) if size[0] == short else (long, resize)


def _serve(resize: int, crop: int) -> None:
    """Answer each path (a line of JSON) with "" and the pixels, or with what is wrong."""
    for line in sys.stdin.buffer:
        found = attempt(json.loads(line), resize, crop)
        wrong, pixels = (found, b"") if isinstance(found, str) else ("", found.tobytes())
        try:
            sys.stdout.buffer.write(json.dumps(wrong).encode() + b"\n" + pixels)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # whoever asked is gone
            os._exit(1)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
