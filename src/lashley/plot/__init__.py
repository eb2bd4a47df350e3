"""Figures of effects and outcomes, each drawn in matplotlib Axes or in a figure of its own.

import lashley as la

axes = la.plot.drops(la.effects(outcomes))
axes.figure.savefig("drops.png")
"""

from lashley.plot.classes import classes
from lashley.plot.drops import drops
from lashley.plot.excess import excess
from lashley.plot.heat import heat
from lashley.plot.layers import layers
from lashley.plot.maps import map
from lashley.plot.recovery import recovery
from lashley.plot.scores import scores

__all__ = ["classes", "drops", "excess", "heat", "layers", "map", "recovery", "scores"]
