"""Recovery: what comes back after retraining with the ablation held."""

from lashley.recovery.each import recover_each
from lashley.recovery.iterated import iterated_ablations, recover_iterated
from lashley.recovery.patience import Patience
from lashley.recovery.result import Recovery
from lashley.recovery.single import recover

__all__ = [
    "Patience", "Recovery", "iterated_ablations", "recover", "recover_each", "recover_iterated",
]  # fmt: skip
