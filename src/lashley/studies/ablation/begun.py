"""The study file that a network of one's own begins with: what fits it, and what else there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn, no_grad

from lashley.data import Examples
from lashley.data.classes import are_indices, may_be_classes
from lashley.data.inputs import take, tensors
from lashley.graph.signature import arguments, logits_of
from lashley.sites import Site

_FEW = 64  # units of a site whose pairs are soon done
_SAMPLE = 2  # examples that show what the outputs look like

_HEAD = """\
# An ablation study of {network}.
#
#   lashley plan {file}    says what it will take
#   lashley run {file}     carries it out, or goes on after a stop
#
# Paths of files are relative to this file. Code that is named here is run.
name: {name}

network:
  load: {network}
  # arguments: {{width: 64}}            # of the callable
  # weights: weights.safetensors      # read into the network

data:  # what ablated networks are measured on
  load: {data}
  # examples: 1000                    # so many of them, drawn at random

# reference:                          # for methods that take activations from other examples
#   load: mydata.py:train
#   examples: 500

readout: {readout}  # {said}

sweeps:
"""
_SAID = {
    "classification": "the rank of the true class; or a function: readout.py:measure",
    "squared_error": "of each example; or a function: readout.py:measure",
    "loss": "the cross-entropy of each example; or a function: readout.py:measure",
}
_SWEEP = """\
  {name}:  # {sites}
    sites: {pattern}
    design: singles
    methods: [silence]                # or zero_weights, mean, resample, scale(0.5), noise(1.0)
"""
_FURTHER = """\
  # pairs:  # {few}
  #   sites: {pattern}
  #   design: pairs
  # groups:  # of similar units, with random ones to compare them with
  #   sites: "*"
  #   design: similar_groups
  #   proportions: [0.05, 0.1]

scores: true                          # of each unit, and how they go with what ablating it costs
# embedding: {{of: inputs}}             # a t-SNE map of the examples; or of a site's activations
"""


@dataclass(frozen=True)
class Beginning:
    """What a study file is written from.

    Attributes:
        file: Its name.
        name: Of the study.
        network: As `network.load` has it.
        data: As `data.load` has it.
        readout: A built-in one.
    """

    file: str
    name: str
    network: str
    data: str
    readout: str

    def text(self, sites: Mapping[str, Site]) -> str:
        """The study file: a sweep for each kind of site, and what else could be asked."""
        kinds = dict.fromkeys(site.kind for site in sites.values())
        head = _HEAD.format(**vars(self), said=_SAID[self.readout])
        own = [[site for site in sites.values() if site.kind == kind] for kind in kinds]
        return head + "".join(map(_sweep, own)) + _further(list(sites.values()))


def readout_for(network: nn.Module, examples: Examples) -> str:
    """The built-in readout that fits what a network returns and its targets."""
    few = take(examples.inputs, np.arange(min(_SAMPLE, len(examples))))
    with no_grad():
        names = tuple(few) if isinstance(few, Mapping) else ()
        args, kwargs = arguments(network, list(tensors(few)), names)
        outputs = logits_of(network(*args, **kwargs))
    labels = examples.labels
    if not isinstance(outputs, Tensor) or not isinstance(labels, Tensor):
        return "classification"  # which says what does not fit
    if outputs.ndim == 2 and may_be_classes(labels) and int(labels.max()) < outputs.shape[1]:
        return "classification"
    return "squared_error" if labels.is_floating_point() or are_indices(labels) else "loss"


def _sweep(sites: Sequence[Site]) -> str:
    kind, units = sites[0].kind, sum(site.n_units for site in sites)
    many = f"{len(sites)} site{'' if len(sites) == 1 else 's'}"
    return _SWEEP.format(name=kind, pattern=f'"kind:{kind}"', sites=f"{many}, {units:,} units")


def _further(sites: Sequence[Site]) -> str:
    least = min(sites, key=lambda site: site.n_units)
    n = least.n_units
    few = f"{n * (n - 1) // 2:,} of them" if n <= _FEW else "many: choose a small site"
    return _FURTHER.format(few=few, pattern=f'"{least.name}"')
