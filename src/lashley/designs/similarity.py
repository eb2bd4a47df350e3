"""How like one another the units of a site are, by their incoming weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lashley.errors import SiteError
from lashley.sites import Site, as_site


def distances(site: Site) -> Float[Tensor, "unit unit"]:
    """Euclidean distances between the units' incoming weights, each divided by its norm.

    The bias is not among the weights. A unit whose weights are all 0 stays 0, and so has distance 1
    to all others except those that are 0 too.

    Args:
        site: From `find_sites`, which has the weights.

    Returns:
        float64 from 0 to 2, symmetric; equal weights have equal distances to the last bit.

    Raises:
        SiteError: If the site has no weights, or some are not finite.

    Source: Meyes et al. 2019, section 3.2.
    """
    weights = _weights(site).double().contiguous()
    norms = torch.linalg.vector_norm(weights, dim=1, keepdim=True)
    normalised = weights / norms.masked_fill(norms == 0, 1)
    found = weights.new_zeros(len(weights), len(weights))
    above = torch.ones_like(found, dtype=torch.bool).triu(1)
    found[above] = torch.pdist(normalised)  # direct differences: a product of matrices breaks ties
    return found + found.T


def _weights(site: Site) -> Tensor:
    weights = as_site(site).weights
    if weights is None:
        raise SiteError(
            f"site: {site.name} ({site.kind}) has no incoming weights to compare; allowed are "
            "hidden units and filters as la.find_sites(network, examples) gives them. Use "
            "la.random_groups for others, such as heads."
        )
    weights = weights.detach().cpu()
    if not torch.isfinite(weights).all():
        raise SiteError(
            f"site: the incoming weights of {site.name} hold NaN or infinity; allowed are finite "
            "ones. Take a network whose training did not diverge."
        )
    return weights
