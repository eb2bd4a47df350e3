"""Which units the figures show: the paper's, or those that play the same roles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

Array = np.ndarray


@dataclass(frozen=True)
class Cases:
    """Units by the role they play in the paper, counted from 0.

    Attributes:
        strongest: The largest overall drop (figure 3).
        selective: One class drops far more than any other (figure 4).
        negligible: Hardly any effect (figure 5).
        subtle: A middling drop, spread over several classes (figure 6).
        gaining: The largest gain of a class (figure 7).
        runner_up: The second largest overall drop (figure A.1).
        weakest: The four with the least effect (figure A.2).
        excess: The pair that exceeds the sum of its single drops most (figure 12).
        gaining_pair: The pair whose gain of a class exceeds its singles' gains most (figure 13).
        redundant_pair: The pair that alone loses the largest share of a class (figure A.3).
    """

    strongest: int
    selective: int
    negligible: int
    subtle: int
    gaining: int
    runner_up: int
    weakest: tuple[int, ...]
    excess: tuple[int, int]
    gaining_pair: tuple[int, int]
    redundant_pair: tuple[int, int]


PAPER = Cases(
    strongest=11,
    selective=18,
    negligible=5,
    subtle=19,
    gaining=2,
    runner_up=15,
    weakest=(5, 10, 12, 17),
    excess=(3, 15),
    gaining_pair=(4, 9),
    redundant_pair=(11, 18),
)


def choose(effects: xr.Dataset, interactions: xr.Dataset) -> Cases:
    """The units of any network that play the roles the paper's examples play.

    Of equals the lowest number is taken, so the choice is the same every time.

    Args:
        effects: Of the single ablations and the pairs.
        interactions: Of the pairs.
    """
    units = effects.isel(ablation=np.flatnonzero(effects["design"].values == "singles"))
    number = units["units"].values.astype(int)
    overall, by_class = units["overall_drop_pp"].values, units["drop_pp"].values
    by_drop = np.argsort(-overall, kind="stable")
    by_size = np.argsort(np.abs(overall), kind="stable")
    selective = _selective(by_class, taken=by_drop[:1])
    gaining = int(np.argmin(by_class.min(1)))
    subtle = _subtle(overall, by_class, taken=np.array([by_drop[0], selective, gaining]))
    return Cases(
        strongest=int(number[by_drop[0]]),
        selective=int(number[selective]),
        negligible=int(number[by_size[0]]),
        subtle=int(number[subtle]),
        gaining=int(number[gaining]),
        runner_up=int(number[by_drop[min(1, len(by_drop) - 1)]]),
        weakest=tuple(sorted(int(unit) for unit in number[by_size[:4]])),
        excess=_pair(interactions, interactions["excess_pp"].values),
        gaining_pair=_pair(interactions, gain_beyond_singles(effects, interactions).max(1)),
        redundant_pair=_pair(interactions, only_pair_share(effects, interactions).max(1)),
    )


def gain_beyond_singles(effects: xr.Dataset, interactions: xr.Dataset) -> Array:
    """By how much a pair's gain of a class exceeds the gains of its two units together.

    Returns:
        (pair, class) float64 in pp; where nothing is gained the gain counts as 0.
    """
    gain = np.maximum(-effects["drop_pp"].values, 0)
    rows = {label: gain[i] for i, label in enumerate(effects["units"].values.astype(str))}
    ends = zip(interactions["unit_a"].values, interactions["unit_b"].values, strict=True)
    return np.array([rows[f"{a},{b}"] - rows[str(a)] - rows[str(b)] for a, b in ends])


def only_pair_share(effects: xr.Dataset, interactions: xr.Dataset) -> Array:
    """Examples right after either single ablation and wrong after both.

    Returns:
        (pair, class) float64 in % of the class's examples that the intact network gets right.

    Source: Meyes et al. 2019, figure A.3 ("> 50 %" of class 6).
    """
    return 100 * interactions["only_pair"].values / np.maximum(effects["intact_correct"].values, 1)


def _selective(by_class: Array, taken: Array) -> int:
    """The unit whose largest class drop lies furthest above its second largest."""
    ordered = np.sort(by_class, axis=1)
    gap = ordered[:, -1] - ordered[:, -2] if by_class.shape[1] > 1 else ordered[:, -1]
    return int(np.argmax(_without(gap, taken)))


def _subtle(overall: Array, by_class: Array, taken: Array) -> int:
    """Of the units in the middle half by drop, the one whose drops spread most evenly.

    Evenness is (sum d)^2 / sum d^2 over the classes' drops d > 0: the number of classes hit.
    """
    drops = np.maximum(by_class, 0)
    classes = drops.sum(1) ** 2 / np.maximum((drops**2).sum(1), 1e-12)
    low, high = np.percentile(overall, [25, 75])
    outside = np.flatnonzero((overall < low) | (overall > high))
    return int(np.argmax(_without(classes, np.concatenate([outside, taken]))))


def _without(values: Array, taken: Array) -> Array:
    """`values` without those taken out of the running, unless that leaves none."""
    left = np.array(values, np.float64)
    left[taken] = -np.inf
    return left if np.isfinite(left).any() else values


def _pair(interactions: xr.Dataset, values: Array) -> tuple[int, int]:
    best = int(np.argmax(values))
    return int(interactions["unit_a"].values[best]), int(interactions["unit_b"].values[best])
