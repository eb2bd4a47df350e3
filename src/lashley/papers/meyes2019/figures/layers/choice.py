"""Which classes and sites the figures show if the study does not name them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lashley.papers.meyes2019.figures.layers.layer_results import methods_of, pick, proportions_of

MANY = 20  # classes; with fewer, top-5 leaves hardly any wrong
_PAPER_PROPORTIONS = (0.1, 0.25)  # of its figures


def top_of_classes(classes: pd.DataFrame) -> int:
    """In which accuracy single classes are shown: top-5 as in the paper, with few classes top-1.

    Args:
        classes: The table of the layer study.
    """
    counted = sorted(int(top) for top in classes["top"].unique())
    return counted[-1] if len(set(classes["class_index"])) >= MANY else counted[0]


def choose_examples(classes: pd.DataFrame, count: int = 5) -> tuple[str, ...]:
    """The classes whose curve over the layers lies furthest from the mean over the classes.

    Measured as the mean square difference at the second largest proportion, as `top_of_classes`
    says, with the paper's method if it was used. Of equals the first class is taken.

    Args:
        classes: The table of the layer study.
        count: How many; all, if there are fewer classes.

    Returns:
        Class names in the order of the network's outputs.
    """
    rows = pick(
        classes,
        proportion=proportions_of(classes)[-2:][0],
        method=methods_of(classes)[0],
        top=top_of_classes(classes),
    )
    curves = rows.pivot(index="class_index", columns="site", values="drop_pp").sort_index()
    away = ((curves - curves.mean()) ** 2).mean(axis=1).dropna()
    furthest = away.sort_values(ascending=False, kind="stable").index[:count]
    names = rows.drop_duplicates("class_index").set_index("class_index")["class"]
    return tuple(str(names[i]) for i in sorted(furthest))


def choose_shown(layers: pd.DataFrame, top: int) -> tuple[str, ...]:
    """The site with the largest mean drop and the one after it in forward order.

    At 10 %, or the nearest proportion, with the paper's method if it was used. If the last site
    drops most, it comes with the one before it.

    Args:
        layers: The table of the layer study.
        top: Of which accuracy.

    Returns:
        Two sites in forward order; one, if there is only one.
    """
    proportions = np.array(proportions_of(layers))
    rows = pick(
        layers,
        proportion=proportions[np.abs(proportions - 0.1).argmin()],
        method=methods_of(layers)[0],
        top=top,
    ).sort_values("layer")
    first = min(int(rows["drop_pp"].fillna(-np.inf).argmax()), max(len(rows) - 2, 0))
    return tuple(rows["site"].iloc[first : first + 2])


def choose_proportions(proportions: tuple[float, ...]) -> tuple[float, ...]:
    """The paper's 10 and 25 %, or the two largest."""
    if set(_PAPER_PROPORTIONS) <= set(proportions):
        return _PAPER_PROPORTIONS
    return proportions[-2:]
