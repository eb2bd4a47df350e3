"""Methods: what stands in place of ablated units. Each is a frozen value in a file of its own."""

from __future__ import annotations

from lashley.methods.aliases import as_method
from lashley.methods.constant import Constant
from lashley.methods.mean import Mean
from lashley.methods.method import Method, Where
from lashley.methods.noise import Noise, normal
from lashley.methods.replacement import (
    ZEROS,
    Channels,
    Constants,
    Donated,
    Function,
    Replacement,
    is_noisy,
    needs_reference,
    takes_moments,
)
from lashley.methods.resample import Resample
from lashley.methods.scale import Scale
from lashley.methods.silence import SILENCE, Silence
from lashley.methods.zero_weights import ZERO_WEIGHTS, ZeroWeights

__all__ = [
    "SILENCE", "ZEROS", "ZERO_WEIGHTS", "Channels", "Constant", "Constants", "Donated", "Function",
    "Mean", "Method", "Noise", "Replacement", "Resample", "Scale", "Silence", "Where",
    "ZeroWeights", "as_method", "is_noisy", "needs_reference", "normal", "takes_moments",
]  # fmt: skip
