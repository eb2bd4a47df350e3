"""The study file that a network of one's own begins with: what fits it, and what else there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lashley.data import Examples
from lashley.data.inputs import inputs_to, take
from lashley.errors import StudyError
from lashley.graph.signature import call, logits_of
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
name: "{name}"

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
_GROUPS = """\
  # groups:  # of similar units, with random ones to compare them with
  #   sites: [{patterns}]
  #   design: similar_groups
  #   proportions: [0.05, 0.1]
"""
_FURTHER = """\
  # pairs:  # {few}
  #   sites: {pattern}
  #   design: pairs
{groups}
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
        readout: A built-in one, or code.
    """

    file: str
    name: str
    network: str
    data: str
    readout: str

    def text(self, sites: Mapping[str, Site]) -> str:
        """The study file: a sweep for each kind of site, and what else could be asked."""
        kinds = dict.fromkeys(site.kind for site in sites.values())
        head = _HEAD.format(**vars(self), said=_SAID.get(self.readout, "your own"))
        own = [[site for site in sites.values() if site.kind == kind] for kind in kinds]
        return head + "".join(map(_sweep, own)) + _further(list(sites.values()))


def readout_for(network: nn.Module, examples: Examples) -> str:
    """The built-in readout that goes with what a network returns and with its targets.

    Raises:
        StudyError: If none does.
    """
    parameter = next(network.parameters(), torch.zeros(1))
    few = inputs_to(take(examples.inputs, np.arange(min(_SAMPLE, len(examples)))),
                    parameter.device, parameter.dtype)  # fmt: skip
    with torch.no_grad():
        outputs, labels = logits_of(call(network, few)), examples.labels
    if isinstance(outputs, Tensor) and isinstance(labels, Tensor):
        shape, own = tuple(outputs.shape[1:]), tuple(labels.shape[1:])
        if labels.is_floating_point() and shape in (own, (*own, 1)):
            return "squared_error"
        if len(shape) == 1 and shape[0] > 1:
            return "classification"  # which says what is wrong with other targets
        if len(shape) == 2 and own == shape[:1] and not labels.is_floating_point():
            return "loss"
    raise StudyError(
        f"readout: outputs of {_said(outputs)} and targets of {_said(labels)} go with no built-in "
        "one. Give --readout readout.py:measure, a function of outputs and targets."
    )


def _said(given: object) -> str:
    if isinstance(given, Tensor):
        return f"shape {tuple(given.shape)} ({str(given.dtype).removeprefix('torch.')})"
    return f"a {type(given).__name__}"


def _sweep(sites: Sequence[Site]) -> str:
    kind, units = sites[0].kind, sum(site.n_units for site in sites)
    many = f"{len(sites)} site{'' if len(sites) == 1 else 's'}"
    return _SWEEP.format(name=kind, pattern=f'"kind:{kind}"', sites=f"{many}, {units:,} units")


def _further(sites: Sequence[Site]) -> str:
    least = min(sites, key=lambda site: site.n_units)
    n = least.n_units
    few = f"{n * (n - 1) // 2:,} of them" if n <= _FEW else "many: choose a small site"
    kinds = dict.fromkeys(site.kind for site in sites)
    weighted = [k for k in kinds if all(s.weights is not None for s in sites if s.kind == k)]
    patterns = ", ".join(f'"kind:{kind}"' for kind in weighted)
    groups = _GROUPS.format(patterns=patterns) if weighted else ""
    return _FURTHER.format(few=few, pattern=f'"{least.name}"', groups=groups)
