#!/bin/sh
# A row of `weight` set to 0 in a layer with torch.nn.utils.weight_norm is back in the next
# forward pass, which computes it anew from weight_g and weight_v: `weight` is a plain attribute
# that takes the edit without an error. The layer's own `weight` is stale too after an edit of
# weight_g, until it has run.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     outputs after row 0 was zeroed are equal: True
#     row 0 after its weight_g was zeroed: 0.79, after a pass 0.00
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

layer = nn.utils.weight_norm(nn.Linear(3, 2))
x = torch.ones(1, 3)
before = layer(x)
with torch.no_grad():
    layer.weight[0] = 0
after = layer(x)
print("outputs after row 0 was zeroed are equal:", torch.equal(before, after))
with torch.no_grad():
    layer.weight_g[0] = 0
stale = layer.weight[0].abs().sum().item()
layer(x)
print(f"row 0 after its weight_g was zeroed: {stale:.2f}, after a pass {layer.weight[0].abs().sum():.2f}")
assert torch.equal(before, after) and stale > 0 and not layer.weight[0].any()
EOF
