"""Figures of recovery: what comes back after retraining with the ablation held."""

from lashley.figures.recovery.plan import CAPTIONS, figure_names, recovery_figures
from lashley.figures.recovery.results import RecoveryResults

__all__ = ["CAPTIONS", "RecoveryResults", "figure_names", "recovery_figures"]
