"""Figures of a layer study, drawn from its folder alone: no network is run."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from lashley.figures import layers as layer
from lashley.figures import recovery
from lashley.figures.layers import LayerResults
from lashley.studies.drawing import drawn, save_all
from lashley.studies.folder import RunFolder, Tell
from lashley.studies.layers.results import recovery_results, results


def draw_figures(folder: RunFolder, tell: Tell, again: bool = False) -> None:
    """Draw all figures into `figures/`.

    Args:
        folder: A run that has its tables.
        tell: Told of the progress.
        again: Draw those as well that are there.
    """
    home, found = folder.path / "figures", results(folder)
    names = captions(folder, found)
    if again or not drawn(home, names):
        save_all(_figures(folder, found), home, len(names), tell)
    tell("figures", len(names), len(names))


def captions(folder: RunFolder, found: LayerResults) -> dict[str, str]:
    """What each figure of a run shows, by its name."""
    retrained = recovery_results(folder)
    further = recovery.figure_names(retrained) if retrained else ()
    known = {**layer.CAPTIONS, **recovery.CAPTIONS}
    return {name: known[name] for name in (*layer.figure_names(found), *further)}


def _figures(folder: RunFolder, found: LayerResults) -> Iterator[tuple[str, Figure]]:
    yield from layer.layer_figures(found)
    retrained = recovery_results(folder)
    if retrained:
        yield from recovery.recovery_figures(retrained)
