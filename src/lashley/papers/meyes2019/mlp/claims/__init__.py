"""What the paper says about its MLP, each with what a run measured and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lashley.papers.meyes2019.mlp.claims.evidence import MlpEvidence
from lashley.papers.meyes2019.mlp.claims.printed import PRINTED
from lashley.papers.meyes2019.mlp.claims.sentences import SENTENCES
from lashley.papers.meyes2019.mlp.evaluations import CLEAN
from lashley.studies.claim import Claim

__all__ = ["PRINTED", "SENTENCES", "MlpEvidence", "table"]


def table(evidence: Mapping[str, MlpEvidence], *, authors: bool) -> pd.DataFrame:
    """One row per claim: as printed, as measured in each evaluation, and whether it holds.

    Args:
        evidence: Of "clean" data, and of the "published" evaluation if there is one.
        authors: Whether the network is the authors' own, so that its numbers can be compared.
    """
    paper = all(found.paper_data for found in evidence.values())
    claims = [*(PRINTED if authors else ()), *(c for c in SENTENCES if paper or not c.of_recipe)]
    return pd.DataFrame([_row(claim, evidence) for claim in claims])


def _row(claim: Claim, evidence: Mapping[str, MlpEvidence]) -> dict[str, object]:
    row: dict[str, object] = {
        "where": claim.where,
        "claim": claim.text,
        "unit": claim.unit,
        "printed": claim.printed,
    }
    note = ""
    for name, found in sorted(evidence.items(), reverse=True):  # the clean one last, its note stays
        if name != CLEAN and not claim.of_ablations:
            continue
        measured = claim.measure(found)
        note = measured.note
        row |= {
            name: measured.value,
            f"{name}_low": measured.low,
            f"{name}_high": measured.high,
            f"{name}_holds": bool(claim.holds(measured)),
        }
    return {**row, "note": note}
