"""Names that outcomes, stores and effects use themselves, so that no readout or column may."""

from __future__ import annotations

from typing import Any

OF_OUTCOMES = frozenset({
    "ablation", "example", "class", "rank", "prediction", "label", "site", "units", "method",
    "design", "n_examples", "position", "number",
})  # fmt: skip
OF_EFFECTS = frozenset({
    "loss", "drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained", "seen", "total",
    "false_positives", "change", "sd_pp", "unit_a", "unit_b", "excess", "excess_pp",
    "excess_low_pp", "excess_high_pp", "sum_pp", "super_additive", "p", "p_adjusted",
    "class_excess_pp", "class_excess_low_pp", "class_excess_high_pp", "only_pair",
    "only_pair_lost",
})  # fmt: skip
_PREFIXES = ("intact_", "overall_")


def may_be_measured(name: Any) -> bool:
    """Whether a readout may give this name to what it measures."""
    return _is_name(name) and name not in OF_OUTCOMES


def may_be_column(name: Any) -> bool:
    """Whether a design may give this name to a column of its own, which effects keep."""
    return may_be_measured(name) and name not in OF_EFFECTS


def of_readout(name: str) -> tuple[str, ...]:
    """What outcomes and effects call a readout's measure, and what they derive from it."""
    return (name, *(f"{name}_change{end}" for end in ("", "_low", "_high")))


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name.isidentifier() and not name.startswith(_PREFIXES)
