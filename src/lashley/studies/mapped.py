"""The map of a run's examples, or the reason why there is none."""

from __future__ import annotations

from functools import partial

import numpy as np

from lashley.embedding import Embedding, embed
from lashley.errors import DataError
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.study import EmbeddingPart

ABSENT = "absent"  # the key in embedding.json that says why there is no map


def mapped(
    values: np.ndarray, part: EmbeddingPart, folder: RunFolder, tell: Tell
) -> Embedding | None:
    """A t-SNE map; where the examples are too few or too alike, `embedding.json` says so instead.

    Args:
        values: (example, feature) what is mapped.
        part: How.
        folder: Of the run.
        tell: Called with the progress.
    """
    try:
        return embed(
            values, components=part.components, perplexity=part.perplexity, seed=part.seed,
            progress=partial(tell, "t-SNE"),
        )  # fmt: skip
    except DataError as error:  # the rest of the study needs no map
        folder.write_json("embedding", {ABSENT: str(error)})
        return None
