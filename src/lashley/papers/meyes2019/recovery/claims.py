"""What the paper says about recovery, checked on the retrained networks."""

from __future__ import annotations

import pandas as pd

from lashley.papers.meyes2019.layers.claims import NO, UNDECIDED, YES
from lashley.papers.meyes2019.recovery import measures
from lashley.papers.meyes2019.recovery.evidence import Retrained
from lashley.papers.meyes2019.recovery.ranks import ranks_of
from lashley.studies.claim import Claim, Measured, table_of
from lashley.studies.stages import Job

_INDEPENDENT = 0.1  # pp that remain per pp of the initial drop
_PROPORTION, _NEAR = 0.25, 0.05  # the paper's, and how far off still counts as it
_ABOUT = 0.1  # of the filters, around the paper's 80 %


def add_claims(job: Job) -> None:
    """Put the claims about recovery after those about the sweep, once."""
    folder = job.folder
    table = folder.table("claims")
    evidence = Retrained(folder.table("recovery"), ranks_of(folder.arrays("ranks")))
    sweep = table.loc[~table["claim"].isin([claim.text for claim in _ALL])]
    whole = pd.concat([sweep, claims_table(evidence)], ignore_index=True)
    if not whole.equals(table):
        folder.write_table("claims", whole)


def claims_table(evidence: Retrained) -> pd.DataFrame:
    """One row per claim, as for the sweep; claims that need what was not done are left out.

    Args:
        evidence: All retrainings.
    """
    return table_of(_claims(evidence), evidence, str(evidence.recovery["method"].iloc[0]))


def _claims(evidence: Retrained) -> list[Claim[Retrained]]:
    """Those that the study can test; the paper's top-5 means nothing with 5 classes."""
    claims = list(_OF_INSTANCES)
    in_top5 = evidence.top == 5
    proportions = evidence.recovery["proportion"]
    if in_top5 and bool((abs(proportions - _PROPORTION) < _NEAR).all()):
        claims.insert(0, _ONE_EPOCH)
    if min(len(evidence.instances(site)) for site in evidence.sites) > 2:
        claims.append(_SEVERITY)
    steps = min(len(evidence.steps(site)) for site in evidence.sites)
    if steps > 1:
        claims.append(_GROWTH)
    if (
        steps
        and in_top5
        and all(
            abs(evidence.share(measures.nearest(evidence, site)) - measures.MANY) <= _ABOUT
            for site in evidence.sites
        )
    ):
        claims.append(_FEW_LEFT)
    claims.append(_HELD)
    if all(evidence.control(site) for site in evidence.sites):
        claims.append(_BEYOND)
    return claims


def _under(limit: float, found: Measured) -> str:
    return YES if found.high < limit else NO if found.low >= limit else UNDECIDED


def _above(found: Measured) -> str:
    return YES if found.low > 0 else NO if found.high <= 0 else UNDECIDED


def _within(limit: float, found: Measured) -> str:
    if found.low > -limit and found.high < limit:
        return YES
    return NO if found.low >= limit or found.high <= -limit else UNDECIDED


_ONE_EPOCH = Claim(
    "Fig. 18", "after one epoch of retraining, less than 1 pp below the intact top-5", "< 1", "pp",
    measures.after_one_epoch, lambda found: _under(1, found), of_recipe=True,
)  # fmt: skip
_OF_INSTANCES = [
    Claim("Fig. 18", "epochs after the first improve only marginally (by less than a tenth of "
          "what the first does)", "", "pp", measures.later_epochs,
          lambda found: _under(0, found)),
    Claim("4.4", "retraining never exceeds the intact accuracy", "", "pp", measures.excess,
          lambda found: NO if found.low > 0 else YES if found.high <= 0 else UNDECIDED),
]  # fmt: skip
_SEVERITY = Claim(
    "4.4", f"the recovery does not depend on how severe the drop was (slope within "
    f"{_INDEPENDENT:g})", "", "", measures.severity, lambda found: _within(_INDEPENDENT, found),
)  # fmt: skip
_GROWTH = Claim("Fig. 19", "the gap grows with the iterations", "", "pp", measures.growth, _above)
_FEW_LEFT = Claim(
    "Fig. 19", "with about 80 % of the filters ablated, less than 4 pp below the intact top-5",
    "< 4", "pp", measures.few_left, lambda found: _under(4, found), of_recipe=True,
)  # fmt: skip
_HELD = Claim("not in it", "what is ablated stays ablated while the network retrains", "", "",
              measures.held, lambda found: YES if found.value == 0 else NO)  # fmt: skip
_BEYOND = Claim(
    "not in it", "retraining gives the ablated network more than the intact one trained as long",
    "", "pp", measures.beyond_training, _above,
)  # fmt: skip
_ALL = [_ONE_EPOCH, *_OF_INSTANCES, _SEVERITY, _GROWTH, _FEW_LEFT, _HELD, _BEYOND]
