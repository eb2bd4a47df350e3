#!/bin/sh
# Captum's LayerFeatureAblation of a layer that a network calls twice ablates its last call only,
# as if its units were there in the first. Ablating the module by a hook in both calls gives other
# effects; nothing says which is meant.
#
# Seen with torch 2.13.0, captum 0.9.0, CPU, Python 3.11. It prints:
#
#     calls (1,): off by 0.287
#     calls (2,): off by 0.000
#     calls (1, 2): off by 0.123
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 captum==0.9.0
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

from captum.attr import LayerFeatureAblation

class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.layer(self.layer(x).relu()).relu())

network, x = Twice().eval(), torch.randn(8, 4)

def without(unit, calls):
    seen = []

    def hook(module, inputs, output):
        seen.append(output)
        keep = torch.ones(4)
        keep[unit] = 0
        return output * keep if len(seen) in calls else output

    handle = network.layer.register_forward_hook(hook)
    try:
        return network(x)[:, 0]
    finally:
        handle.remove()

def by_hand(*calls):
    return torch.stack([network(x)[:, 0] - without(unit, calls) for unit in range(4)], 1)

with torch.no_grad():
    found = LayerFeatureAblation(network, network.layer).attribute(x, target=0)
    for calls in ((1,), (2,), (1, 2)):
        print(f"calls {calls}: off by {(found - by_hand(*calls)).abs().max():.3f}")
    assert (found - by_hand(2)).abs().max() < 1e-6 and (found - by_hand(1, 2)).abs().max() > 1e-3
EOF
