"""Effects: outcomes summed up against the intact network, and what pairs add to their parts."""

from __future__ import annotations

from typing import Any

import xarray as xr

from lashley import outcomes as schema
from lashley.effects.changes import changes, no_ranks
from lashley.effects.drops import check_top, drops
from lashley.effects.grouping import grouped
from lashley.effects.means import mean_effect
from lashley.effects.pairs import interactions

__all__ = ["effects", "interactions", "mean_effect"]


def effects(outcomes: xr.Dataset, top: int = 1, *, groups: Any = None) -> xr.Dataset:
    """What each ablation costs: overall and class by class, lost and gained apart.

    An example is right if its true class is among the `top` largest logits. Lost: right when
    intact, wrong when ablated; gained: the reverse; drop_pp = 100 (lost - gained) / total.

    Outcomes of a store are read part by part, so they may be larger than the memory.

    Args:
        outcomes: As `evaluate` returns them.
        top: 1 for top-1 accuracy, 5 for top-5.
        groups: (example,) whole numbers or texts: groups of examples, which take the place of the
            classes on the axis `class`; there are no false positives then.

    Returns:
        (ablation, class): drop_pp with its paired 95 % interval drop_low_pp, drop_high_pp; lost,
        gained. (class): total, intact_correct. The same over all examples with the prefix
        `overall_`, and overall_p, McNemar's exact p, with overall_p_adjusted for all ablations of
        the dataset (Benjamini and Hochberg). A negative drop: the ablation helped. The drop of a
        class without examples is NaN; its interval is everything possible.

        (ablation, class): false_positives, how many examples of other classes are taken for this
        one, as the first choice whatever `top` is. (class): intact_false_positives.

        For a run to a wanted precision, everything is counted over the examples that each ablation
        needed; (ablation, class) seen, and overall_seen, say how many they were, and drop_pp is a
        share of them. The overall interval is a confidence sequence, which holds at the stopping
        time; the intervals of the classes are descriptive only, and there are no p-values.

        For another readout, for every NAME it measured: (ablation, class) NAME_change, the mean of
        ablated - intact, with its paired 95 % interval (Student's t) NAME_change_low and
        NAME_change_high; (class) total. The same over all examples with the prefix `overall_`, and
        overall_NAME_change_p (normal approximation), ..._p_adjusted. Without classes only these.

    Raises:
        OutcomesError: If outcomes are missing, there are no `top` classes, or groups do not fit.

    Source: Meyes et al. 2019, section 4.1; intervals: Bonett and Price 2012.
    """
    outcomes = schema.check(outcomes)
    found = schema.in_turn(grouped(outcomes, groups)).drop_vars("position", errors="ignore")
    if schema.is_classification(outcomes):
        check_top(outcomes, top)
        return drops(found, top, by_class=groups is None)
    if top != 1:
        raise no_ranks(top, outcomes)
    return changes(found)
