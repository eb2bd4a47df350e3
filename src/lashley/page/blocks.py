"""Blocks: what a page carries, as text that no name or number in it can break out of.

JSON, Arrow tables and arrays are gzip'd and written in base64, pictures are PNG in base64;
explorer/src/page/blocks.ts reads them.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from lashley.errors import DataError

_DTYPES = ("uint8", "uint16", "uint32", "int16", "int32", "float32", "float64")
_MODES = {1: "L", 2: "LA", 3: "RGB"}


@dataclass(frozen=True)
class PageBlock:
    """A named part of a page.

    Attributes:
        name: Unique on the page.
        text: Base64.
        dtype: Of an array's numbers.
        shape: Of an array, as JSON.
    """

    name: str
    text: str
    dtype: str = ""
    shape: str = ""


def json_block(name: str, content: Mapping[str, Any]) -> PageBlock:
    """Anything that JSON can hold; what is not finite becomes null."""
    text = json.dumps(_finite(content), ensure_ascii=False, allow_nan=False)
    return PageBlock(name, _packed(text.encode()))


def table_block(name: str, table: pd.DataFrame) -> PageBlock:
    """A table as an Arrow stream; columns of repeating text as codes."""
    found = pa.Table.from_pandas(table.apply(_compact), preserve_index=False)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, found.schema.remove_metadata()) as stream:
        stream.write_table(found.replace_schema_metadata(None).combine_chunks())
    return PageBlock(name, _packed(sink.getvalue()))


def array_block(name: str, array: np.ndarray) -> PageBlock:
    """An array's numbers, little-endian and row-major.

    Raises:
        DataError: If the explorer does not read numbers of its type.
    """
    if array.dtype.name not in _DTYPES:
        raise DataError(
            f"{name}: given numbers of type {array.dtype}; allowed are {', '.join(_DTYPES)}. "
            "Convert them with astype."
        )
    numbers = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return PageBlock(name, _packed(numbers.tobytes()), array.dtype.name, json.dumps(array.shape))


def picture_block(name: str, picture: np.ndarray) -> PageBlock:
    """A picture, (height, width, channels) uint8: grey, grey with opacity, or RGB."""
    mode = _MODES[picture.shape[2]]
    sink = io.BytesIO()
    Image.fromarray(picture[..., 0] if mode == "L" else picture, mode).save(sink, "PNG")
    return PageBlock(name, base64.b64encode(sink.getvalue()).decode())


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def _compact(column: pd.Series) -> pd.Series:
    is_text = not pd.api.types.is_numeric_dtype(column)
    return column.astype("category") if is_text and column.nunique() < len(column) / 2 else column


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float | np.floating):
        return float(content) if math.isfinite(content) else None
    return content.item() if isinstance(content, np.generic) else content
