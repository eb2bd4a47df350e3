"""The card of an example: its image, its text, or its numbers by name, as a page carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from lashley.page.atlas import atlas
from lashley.page.given import Exhibits

MOST_PIXELS = 11_000_000  # of all pictures together
MOST_CHARACTERS = 8_000_000  # of all texts together
MOST_NUMBERS = 4_000_000  # of all tables together
_SIDES = (96, 64, 48, 32)  # pixels that a picture's longer side may have, the best first
_INK = 0.3  # share of pixels without ink from which on images are drawings


@dataclass(frozen=True, eq=False)
class Cards:
    """What a page carries of the examples themselves.

    Attributes:
        kind: "images", "texts" or "numbers"; "none" if there is nothing to show.
        note: What was left out to keep the page small; "" if nothing was.
        layout: Of the pictures, as `atlas` describes it.
        tables: By name.
        pictures: By name.
    """

    kind: str = "none"
    note: str = ""
    layout: Any = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)


def cards_of(given: Exhibits | None, which: np.ndarray) -> Cards:
    """The cards of some examples, as many and as large as fit a page.

    Args:
        given: The examples; None: there is nothing to show.
        which: (shown,) their numbers.
    """
    if given is None:
        return Cards()
    return {"images": _images, "texts": _texts, "numbers": _numbers}[given.kind](
        given.content, which
    )


def _images(content: np.ndarray, which: np.ndarray) -> Cards:
    side = next((s for s in _SIDES if len(which) * s * s <= MOST_PIXELS), _SIDES[-1])
    side = min(side, max(content.shape[1:3]))
    scale = side / max(content.shape[1:3])
    height, width = (max(1, round(scale * length)) for length in content.shape[1:3])
    most = max(1, MOST_PIXELS // (height * width))
    pixels = _resized(_bytes(content, which[:most]), height, width)
    picture, layout = atlas(_drawn(pixels))
    few = len(which) > most
    note = f"The page has pictures of the first {most:,} examples; all others are dots."
    return Cards("images", note if few else "", layout, pictures={"atlas": picture})


def _bytes(content: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The images as uint8: floats from 0 to 1 as they are, all else from its least to its most."""
    if content.dtype == np.uint8:
        return content[which]
    low, high = float(content.min()), float(content.max())
    if content.dtype.kind == "f" and low >= 0 and high <= 1 and high > 0.5:
        low, high = 0.0, 1.0
    some = content[which].astype(np.float32)
    return np.rint((some - low) * (255 / max(high - low, 1e-30))).clip(0, 255).astype(np.uint8)


def _resized(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Smaller ones, each pixel the mean of those it stands for."""
    if images.shape[1:3] == (height, width):
        return images
    channels = torch.from_numpy(np.ascontiguousarray(images.reshape(*images.shape[:3], -1)))
    parts = (part.permute(0, 3, 1, 2).float() for part in channels.split(256))
    small = [functional.interpolate(part, (height, width), mode="area") for part in parts]
    found = torch.cat(small).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return found[..., 0] if images.ndim == 3 else found


def _drawn(images: np.ndarray) -> np.ndarray:
    """Drawings as ink, which takes any colour; photographs without colours as RGB."""
    if images.ndim == 4:
        return images
    ink = 255 - images if np.median(images) > 127 else images
    is_drawing = (ink < 16).mean() >= _INK
    return ink if is_drawing else np.repeat(images[..., None], 3, axis=3)


def _texts(content: list[str], which: np.ndarray) -> Cards:
    most = max(200, MOST_CHARACTERS // max(1, len(which)))
    texts = [content[i] for i in which]
    cut = sum(len(text) > most for text in texts)
    which_are = "text is" if cut == 1 else "texts are"
    note = f"{cut:,} {which_are} cut after {most:,} characters to keep the page small."
    shown = [text if len(text) <= most else f"{text[:most]} …" for text in texts]
    return Cards("texts", note if cut else "", tables={"cards": pd.DataFrame({"text": shown})})


def _numbers(content: pd.DataFrame, which: np.ndarray) -> Cards:
    most = max(1, MOST_NUMBERS // max(1, len(which)))
    few = content.iloc[which, :most].reset_index(drop=True)
    table = pd.DataFrame({str(name): _column(few.iloc[:, i]) for i, name in enumerate(few)})
    note = f"The page has the first {most:,} of {content.shape[1]:,} columns."
    return Cards("numbers", note if content.shape[1] > most else "", tables={"cards": table})


def _column(values: pd.Series) -> np.ndarray:
    """Numbers as they are, all else as text."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.to_numpy(np.float64, na_value=np.nan)
    return values.astype(str).to_numpy(object)
