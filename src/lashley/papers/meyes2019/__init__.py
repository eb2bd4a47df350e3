"""The studies and claims of Meyes et al. 2019.

Source: R. Meyes, M. Lu, C. Waubert de Puiseau, T. Meisen: Ablation Studies in Artificial Neural
Networks. arXiv:1901.08644.
"""

from lashley.papers.meyes2019.layers.kind import KIND as LAYERS
from lashley.papers.meyes2019.mlp.kind import KIND as MLP

KINDS = {"mlp": MLP, "layers": LAYERS}
