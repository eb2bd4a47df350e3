"""Figures of recovery: what comes back after retraining with the ablation held."""

from lashley.papers.meyes2019.figures.recovery.plan import CAPTIONS, figure_names, recovery_figures
from lashley.papers.meyes2019.figures.recovery.recovery_results import RecoveryResults

__all__ = ["CAPTIONS", "RecoveryResults", "figure_names", "recovery_figures"]
