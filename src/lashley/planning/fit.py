"""The fit: from laps to what a site costs, including the sites that no lap was run on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import mean, median

import numpy as np
import scipy

from lashley.planning.calibration import Laps
from lashley.planning.laps import INTACT, Lap
from lashley.planning.model import SiteCost

_LEAST = 0.4  # outcomes take at least this part of the seconds of a large lap


@dataclass(frozen=True)
class Fitted:
    """Costs by site.

    Attributes:
        sites: Those of all sites.
        sampled: Names of the sites that laps were run on.
        per_example: Seconds for the intact outcome of an example.
        noise: The costs from the slowest pair of laps, as a multiple of those from the quickest.
    """

    sites: Mapping[str, SiteCost]
    sampled: frozenset[str]
    per_example: float
    noise: float


def fit(laps: Laps, shares: Mapping[str, float], quickest: float) -> Fitted:
    """Costs of all sites.

    Seconds of a lap at a site = per_example x examples + per_outcome x examples x ablations. A site
    without laps costs a value between those before and after it, by its part of a forward pass.
    What runs after a late site is part of what runs after an early one, so costs are smoothed to
    fall from site to site.

    Args:
        laps: What was timed.
        shares: The part of a forward pass after each site, for all sites.
        quickest: Seconds per example of a whole pass in the format of the suffixes: what a site at
            the very beginning would cost.
    """
    by_site = _smoothed({site: _sampled(laps, site) for site in laps.first.counts}, laps, shares)
    others = _between(by_site, shares, quickest)
    many = [many for _, many in laps.pairs]
    totals = [sum(m.seconds.values()) for m in many]
    intact = mean(lap.seconds[INTACT] / lap.n_examples for pair in laps.pairs for lap in pair)
    noise = max(totals) / min(totals) if min(totals) > 0 else 1.0
    sites = {site: by_site.get(site) or others[site] for site in shares}
    return Fitted(sites, frozenset(by_site), intact, noise)


def _sampled(laps: Laps, site: str) -> SiteCost:
    costs = [_pair(few, many, site) for few, many in laps.pairs]
    per_example, per_outcome = (mean(part) for part in zip(*costs, strict=True))
    again = mean(few.seconds[site] for few, _ in laps.pairs)
    return SiteCost(max(0.0, laps.first.seconds[site] - again), per_example, per_outcome)


def _smoothed(
    costs: Mapping[str, SiteCost], laps: Laps, shares: Mapping[str, float]
) -> dict[str, SiteCost]:
    """The same, but outcomes cost no less where more comes after: anything else is noise."""
    order = sorted(costs, key=shares.__getitem__)
    weights = [sum(many.counts[site] for _, many in laps.pairs) for site in order]
    rising = scipy.optimize.isotonic_regression(
        [costs[s].per_outcome for s in order], weights=weights
    ).x
    return {site: replace(costs[site], per_outcome=float(x))
            for site, x in zip(order, rising, strict=True)}  # fmt: skip


def _pair(few: Lap, many: Lap, site: str) -> tuple[float, float]:
    """Seconds per example and per outcome; together they are those of the large lap exactly."""
    n, more = many.counts[site], many.counts[site] - few.counts[site]
    each = many.seconds[site] / many.n_examples
    slope = (each - few.seconds[site] / few.n_examples) / more if more else each / n
    per_outcome = float(np.clip(slope, _LEAST * each / n, each / n))
    return each - n * per_outcome, per_outcome


def _between(
    known: Mapping[str, SiteCost], shares: Mapping[str, float], quickest: float
) -> dict[str, SiteCost]:
    """Costs by the part of a pass after a site; the prefix is in those of the sampled ones."""
    points = sorted((shares[site], cost.per_outcome) for site, cost in known.items())
    points += [(1.0, quickest)] if points[-1][0] < 1 else []
    once = median(c.setup / c.per_outcome if c.per_outcome else 0.0 for c in known.values())
    places, rates = zip(*points, strict=True)
    between = {site: float(np.interp(share, places, rates)) for site, share in shares.items()}
    return {site: SiteCost(once * rate, 0.0, rate) for site, rate in between.items()}
