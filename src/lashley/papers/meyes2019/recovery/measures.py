"""What a run says to each claim of the paper about recovery."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import numpy as np
from scipy import stats as sps

from lashley.papers.meyes2019.layers.changes import contrast, halves, least
from lashley.papers.meyes2019.recovery.evidence import Retrained, mean_over, most
from lashley.papers.meyes2019.recovery.ranks import RankKey
from lashley.studies.claim import Measured

MARGINAL = 0.1  # of what the first epoch gains
MANY = 0.8  # of the filters; the paper's last iteration
_CHAIN = "(one chain each; intervals are over images)"
_LAST = -1


def after_one_epoch(evidence: Retrained) -> Measured:
    """The gap to the intact network after the first epoch, in the layer where it is larger."""
    return _largest(evidence, lambda site, top: _gap(evidence, evidence.instances(site), 1, top))


def later_epochs(evidence: Retrained) -> Measured:
    """What later epochs gain beyond a tenth of what the first one does."""
    parts = [_gains(evidence, site, evidence.top) for site in evidence.sites]
    words = [
        f"layer {evidence.label(site)}: {_pp(first)} in the first epoch, {_pp(later)} after it "
        f"(top-1: {', '.join(map(_pp, _gains(evidence, site, 1)))})"
        for site, (first, later) in zip(evidence.sites, parts, strict=True)
    ]
    found = [mean_over(later - MARGINAL * first, bound=1 + MARGINAL) for first, later in parts]
    return most(found, f"{'; '.join(words)}; measured: later gain - first gain / 10")


def excess(evidence: Retrained) -> Measured:
    """The largest excess over the intact accuracy, chosen on one half of the images."""
    top = evidence.top
    found = _excess(evidence, top)
    words = [f"top-1: {_excess(evidence, 1).value:+.2f} pp"] if top > 1 else []
    controls = [_excess_over_control(evidence, site, top) for site in evidence.sites]
    known = [c for c in controls if c is not None]
    if known:
        words.append(
            f"over the intact network trained as long {max(known):+.2f} pp, the largest of all "
            "epochs, not confirmed"
        )
    return Measured(found.value, found.low, found.high, "; ".join([found.note, *words]))


def severity(evidence: Retrained) -> Measured:
    """The slope of the remaining on the initial drop over instances, within layers."""
    found = _slope(evidence, evidence.top)
    first = _slope(evidence, 1)
    drops = [100 * evidence.change(evidence.instances(s), 0, evidence.top).mean(1)
             for s in evidence.sites]  # fmt: skip
    words = [f"layer {evidence.label(site)}: initial drops of {d.min():.1f} to {d.max():.1f} pp"
             for site, d in zip(evidence.sites, drops, strict=True)]  # fmt: skip
    words.append("pp that remain per pp of the initial drop, least squares over the instances")
    words.append(f"top-1: {first.value:.3f} [{first.low:.3f}, {first.high:.3f}]")
    return Measured(found.value, found.low, found.high, "; ".join(words))


def growth(evidence: Retrained) -> Measured:
    """The gap after the last iteration against that after the first, in every layer."""
    words = []
    for site in evidence.sites:
        gaps = [_gap(evidence, [key], _LAST, evidence.top).value for key in evidence.steps(site)]
        path = ", ".join(f"{gap:.2f}" for gap in gaps)
        words.append(f"layer {evidence.label(site)}: {path} pp")
    top1 = _growth(evidence, 1)
    words.append(f"top-1: {top1.value:+.2f} pp [{top1.low:.2f}, {top1.high:.2f}] {_CHAIN}")
    found = _growth(evidence, evidence.top)
    return Measured(found.value, found.low, found.high, "; ".join(words))


def few_left(evidence: Retrained) -> Measured:
    """The gap where about 80 % are ablated, in the layer where it is larger."""
    found = _largest(
        evidence, lambda site, top: _gap(evidence, [nearest(evidence, site)], _LAST, top)
    )
    shares = [f"{evidence.share(nearest(evidence, site)):.0%} of layer {evidence.label(site)}"
              for site in evidence.sites]  # fmt: skip
    note = f"{' and '.join(shares)} ablated; {found.note} {_CHAIN}"
    return Measured(found.value, found.low, found.high, note)


def nearest(evidence: Retrained, site: str) -> RankKey:
    """The iteration after which the share ablated is nearest to the paper's 80 %."""
    return min(
        evidence.steps(site), key=lambda key: (abs(evidence.share(key) - MANY), -key.iteration)
    )


def held(evidence: Retrained) -> Measured:
    """The largest norm of what should be 0."""
    rows = evidence.recovery[evidence.recovery["start"].isin(["ablated", "from_scratch"])]
    runs = len(rows.groupby(["site", "experiment", "start", "instance", "iteration"]))
    note = f"largest norm of held weights' deviation in {runs} runs, after every epoch"
    return Measured(float(np.nanmax(np.asarray(rows["held_norm"]))), note=note)


def beyond_training(evidence: Retrained) -> Measured:
    """What the ablated network gains by training above what the intact one gains."""
    return _smallest(evidence, lambda site, top: _beyond(evidence, site, top))


def _beyond(evidence: Retrained, site: str, top: int) -> Measured:
    keys, control = evidence.instances(site), evidence.control(site)
    assert control is not None
    last = max(len(evidence.ranks.by_run[key]) for key in keys) - 1
    own = evidence.change(keys, 0, top) - evidence.change(keys, _LAST, top)
    alone = evidence.change([control], 0, top) - evidence.change([control], last, top)
    gap = mean_over(evidence.change(keys, _LAST, top) - evidence.change([control], last, top))
    note = f"{_pp(alone)} by training alone, {gap.value:.2f} pp [{gap.low:.2f}, {gap.high:.2f}] " \
           "below the intact network trained as long, once"  # fmt: skip
    return mean_over(own - alone, note, bound=2)


def _gap(evidence: Retrained, keys: list[RankKey], epoch: int, top: int) -> Measured:
    return mean_over(evidence.change(keys, epoch, top))


def _gains(evidence: Retrained, site: str, top: int) -> tuple[np.ndarray, np.ndarray]:
    """(instance, image) gains in the first epoch, and after it."""
    keys = evidence.instances(site)
    begin, first, last = (evidence.change(keys, epoch, top) for epoch in (0, 1, _LAST))
    return begin - first, first - last


def _excess(evidence: Retrained, top: int) -> Measured:
    choose, confirm = halves(len(evidence.ranks.intact))
    ablated = [key for site in evidence.sites
               for key in (*evidence.instances(site), *evidence.steps(site))]  # fmt: skip
    cells = [(key, epoch) for key in ablated
             for epoch in range(1, len(evidence.ranks.by_run[key]))]  # fmt: skip
    over = [-evidence.ranks.change(key, epoch, top) for key, epoch in cells]
    largest = int(np.argmax([o[choose].mean() for o in over]))
    (site, experiment, _, instance, iteration), epoch = cells[largest]
    which = f"instance {instance}" if experiment == "instances" else f"iteration {iteration}"
    note = f"layer {evidence.label(site)}, {which}, epoch {epoch}, of {len(cells)} epochs; " \
           "chosen on one half of the test images, measured on the other"  # fmt: skip
    return contrast(over[largest][confirm], note, bound=1)


def _excess_over_control(evidence: Retrained, site: str, top: int) -> float | None:
    """In pp, the largest of all instances and epochs, on all images."""
    control = evidence.control(site)
    if control is None:
        return None
    found = []
    for key in evidence.instances(site):
        for epoch in range(1, len(evidence.ranks.by_run[key])):
            trained = evidence.ranks.change(control, epoch, top)
            found.append((trained - evidence.ranks.change(key, epoch, top)).mean())
    return 100 * float(max(found)) if found else None


def _slope(evidence: Retrained, top: int) -> Measured:
    """Least squares with an intercept for each layer, and Student's interval."""
    x, y = [], []
    for site in evidence.sites:
        keys = evidence.instances(site)
        for drops, epoch in ((x, 0), (y, _LAST)):
            drop = 100 * evidence.change(keys, epoch, top).mean(1)
            drops.append(drop - drop.mean())
    initial, remaining = np.concatenate(x), np.concatenate(y)
    free = len(initial) - len(evidence.sites) - 1
    spread = (initial**2).sum()
    if free < 1 or spread == 0:
        return Measured(nan)
    slope = (initial * remaining).sum() / spread
    error = np.sqrt(((remaining - slope * initial) ** 2).sum() / free / spread)
    half = float(sps.t.ppf(0.975, free) * error)
    return Measured(float(slope), float(slope) - half, float(slope) + half)


def _growth(evidence: Retrained, top: int) -> Measured:
    ends = [evidence.change([steps[i] for steps in map(evidence.steps, evidence.sites)], _LAST, top)
            for i in (0, _LAST)]  # fmt: skip
    return least([contrast(grown, bound=1) for grown in ends[1] - ends[0]])


def _largest(evidence: Retrained, measure: Callable[[str, int], Measured]) -> Measured:
    found = [measure(site, evidence.top) for site in evidence.sites]
    return most(found, _each(evidence, measure, found))


def _smallest(evidence: Retrained, measure: Callable[[str, int], Measured]) -> Measured:
    found = [measure(site, evidence.top) for site in evidence.sites]
    return least(found, _each(evidence, measure, found))


def _each(
    evidence: Retrained, measure: Callable[[str, int], Measured], found: list[Measured]
) -> str:
    """Every layer's number with its interval, and top-1 beside it."""
    words = []
    for site, m in zip(evidence.sites, found, strict=True):
        text = f"layer {evidence.label(site)}: {m.value:.2f} pp [{m.low:.2f}, {m.high:.2f}]"
        if evidence.top > 1:
            text += f" (top-1: {measure(site, 1).value:.2f})"
        words.append(f"{text}, {m.note}" if m.note else text)
    return "; ".join(words)


def _pp(change: np.ndarray) -> str:
    return f"{100 * change.mean():+.2f} pp"
