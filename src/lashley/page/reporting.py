"""The report of outcomes: one call after an evaluation."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from lashley.errors import DataError
from lashley.files import written_whole
from lashley.page.outcomes import outcomes_page
from lashley.page.rendering import render


def report(
    outcomes: xr.Dataset | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    examples: Any = None,
    title: str = "",
    points: Any = None,
    show: Callable[[Any], Any] | None = None,
) -> Path:
    """Write the interactive page of outcomes: one HTML file that needs no server and no network.

    It has every ablation with its effect, to search, sort and group by site; and for each ablation
    what became of every example: a map, the classes, and the examples themselves.

    The page carries the effects of all ablations. It carries at most 48 MB of outcomes by example,
    unpacked: those of all ablations if that is enough, else of equally many of each site, method
    and design, spread evenly from the costliest to the cheapest; and of at most 50,000 examples.

        la.report(la.evaluate(network, data, la.singles(site)), "report.html", examples=data)

    Args:
        outcomes: As `evaluate` returns them, of any readout; or the path of a finished store.
        path: The file to write.
        examples: What the examples look like, in the order of the outcomes: `Examples`, a pair
            (inputs, labels), images (example, height, width), (example, height, width, 3) or
            (example, 3, height, width), a list of texts, or a table (example, number), such as a
            data frame. Images of uint8 and those from 0 to 1 show as they are; others are scaled
            from their least to their largest number. None: the page shows outcomes alone.
        title: Of the page.
        points: (example, 2) places on the map, in any unit, or what `embed` returns. None: a grid
            in the order of the labels.
        show: A function that turns the inputs of `examples` into what a person looks at, such as
            `tokenizer.batch_decode`, or `lambda x: x.reshape(-1, 28, 28)`.

    Returns:
        The path of the file.

    Raises:
        OutcomesError: If the outcomes are not those of `evaluate`, or some are missing.
        DataError: If examples, points, title or show do not fit them, or the file cannot be
            written.
    """
    target = _target(path)
    text = render(outcomes_page(outcomes, examples=examples, title=title, points=points, show=show))
    try:
        with written_whole(target) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"path: {target} cannot be written ({error}). Give a file in a folder that can be "
            "written."
        ) from error
    return target


def _target(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise DataError(
            f"path: given {path!r:.60}; allowed is the path of a file, such as 'report.html'."
        )
    target = Path(path)
    if target.is_dir() or not target.name:
        raise DataError(
            f"path: {str(path)!r} is a folder; allowed is a file. Give one inside it, such as "
            f"{str(target / 'report.html')!r}."
        )
    return target
