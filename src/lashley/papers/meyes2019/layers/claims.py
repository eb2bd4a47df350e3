"""What the paper says about VGG-19, checked on the network under study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from lashley.methods import ZERO_WEIGHTS
from lashley.papers.meyes2019.layers import measures
from lashley.papers.meyes2019.layers.changes import Changes
from lashley.papers.meyes2019.layers.evidence import Evidence
from lashley.papers.meyes2019.layers.measures import LARGE, RISING, SMALL, TOGETHER, UNMOVED
from lashley.studies.claim import Claim, Measured, table_of

YES, NO, UNDECIDED = "yes", "no", "undecided"
_SORTED = ("46", "49")  # the layers of figure 17
_UNAFFECTED = 2.0  # pp; "almost not affected at all"


def claims_table(found: Mapping[str, pd.DataFrame], changes: Changes) -> pd.DataFrame:
    """One row per claim: as printed, as measured, and whether it holds.

    "undecided" means that the interval holds both answers. The paper's method is taken if the study
    has it, else the study's first one. Claims about layers or proportions that the study lacks are
    left out.

    Args:
        found: The tables `layers`, `classes` and `constants`.
        changes: For each image.
    """
    methods = list(found["layers"].method.unique())
    method = str(ZERO_WEIGHTS) if str(ZERO_WEIGHTS) in methods else methods[0]
    layers = found["layers"].query("method == @method")
    classes = found["classes"].query("method == @method")
    evidence = Evidence(layers, classes, found["constants"], changes, method)
    return table_of(_claims(evidence), evidence, method)


def _claims(evidence: Evidence) -> Sequence[Claim[Evidence]]:
    """Those that the study can test."""
    proportions, tops = set(evidence.layers.proportion), set(evidence.layers.top)
    named = {*TOGETHER, *RISING, UNMOVED, *_SORTED} <= set(evidence.labels)
    claims = [_ZEROED]
    if len(proportions) > 1:
        claims.append(_PORTION)
    if SMALL in proportions and len(evidence.labels) > 3:
        claims += _OF_SMALL
        claims += [claim for top, claim in _STANDING if named and top in tops]
    if {SMALL, LARGE} <= proportions and len(evidence.labels) > 3:
        claims += _OF_BOTH
        claims += [claim for top, claim in _RISES if named and top in tops]
    return claims


def _above(found: Measured) -> str:
    """Whether the number is above 0, as far as its interval can tell."""
    low, high = (v if v == v else found.value for v in (found.low, found.high))
    return YES if low > 0 else NO if high <= 0 else UNDECIDED


def _below(found: Measured) -> str:
    return _above(Measured(-found.value, -found.high, -found.low))


def _within(found: Measured) -> str:
    if found.low > -_UNAFFECTED and found.high < _UNAFFECTED:
        return YES
    return NO if found.low >= _UNAFFECTED or found.high <= -_UNAFFECTED else UNDECIDED


_ZEROED = Claim(
    "3.2", "zeroing a filter's weights and bias eliminates its activation", "all filters", "%",
    measures.zeroed, lambda found: YES if found.value == 100 else NO,
)  # fmt: skip
_PORTION = Claim("5", "the larger the ablated portion, the stronger the effect", "", "pp",
                 measures.portion, _above)  # fmt: skip
_OF_SMALL = [
    Claim("4.3", "some layers are more important than others", "", "pp", measures.unlike, _above),
    Claim("4.3", "two layers stand out from all others", "33, 46", "pp",
          measures.two_ahead, _above),
    Claim("Fig. 14", "the band of one standard deviation crosses zero in some layers", "", "",
          measures.crossing, lambda found: YES if found.value else NO),
    Claim("4.3", "the ablation of some groups raises top-1", "", "pp", measures.helped, _above),
    Claim("Fig. 16", "some layers matter more, or less, for single classes than on average", "",
          "p", measures.class_specific, lambda found: YES if found.value < 0.05 else UNDECIDED),
    Claim("Fig. 17", "some classes gain", "", "pp", measures.some_gain, _above),
    Claim("Fig. 17", "more classes gain in layers that matter little", "", "",
          measures.gains_harmless, _below),
]  # fmt: skip
_STANDING = [
    (top, Claim(where, f"layers 33 and 46 drop more than all others, top-{top}, 10 %", "", "pp",
                partial(measures.stand_out, top=top), _above, of_recipe=True))
    for top, where in ((1, "Fig. 14"), (5, "Fig. 15"))
]  # fmt: skip
_OF_BOTH = [
    Claim("4.3", "a larger proportion costs some layers more than others", "", "pp",
          measures.unequal, _above),
    Claim("Fig. 17", "classes gain more often at 10 % than at 25 %", "", "pp",
          measures.gains_small, _above),
]  # fmt: skip
_RISES = [
    (1, Claim("Fig. 14", "33 and 46 stand out more at 10 % than at 25 %", "", "pp",
              measures.more_distinct, _above, of_recipe=True)),
    *((top, Claim(where, f"layers 7, 17 and 20 drop more at 25 % than at 10 %, top-{top}", "", "pp",
                  partial(measures.rise, top=top), _above, of_recipe=True))
      for top, where in ((1, "Fig. 14"), (5, "Fig. 15"))),
    *((top, Claim(where, f"layer 40 hardly changes from 10 to 25 % (within {_UNAFFECTED:g} pp), "
                  f"top-{top}", "", "pp", partial(measures.unmoved, top=top), _within,
                  of_recipe=True))
      for top, where in ((1, "Fig. 14"), (5, "Fig. 15"))),
    *((1, Claim("Fig. 17", f"most classes lose in layer {layer}", "", "%",
                partial(measures.lose, layer=layer), lambda found: YES if found.value > 50 else NO,
                of_recipe=True))
      for layer in _SORTED),
]  # fmt: skip
