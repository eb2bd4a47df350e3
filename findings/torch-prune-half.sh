#!/bin/sh
# torch.nn.utils.prune rounds a share of units to the nearest even number: half of 5 rows is 2,
# half of 7 is 4, half of 9 is 4. So a layer of 7 loses as much as one of 9, and the share cut
# jumps from 40 to 57 %.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     half of the rows: {5: 2, 7: 4, 9: 4, 11: 6}
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

from torch.nn.utils import prune

def pruned(n):
    layer = nn.Linear(4, n)
    prune.ln_structured(layer, "weight", amount=0.5, n=2, dim=0)
    return int((layer.weight_mask == 0).all(1).sum())

found = {n: pruned(n) for n in (5, 7, 9, 11)}
print("half of the rows:", found)
assert found == {5: 2, 7: 4, 9: 4, 11: 6}
EOF
