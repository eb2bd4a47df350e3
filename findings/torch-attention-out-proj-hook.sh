#!/bin/sh
# Forward hooks on the out_proj of nn.MultiheadAttention never run, though it is a Linear among
# the modules: the attention reads its weight and does not call it. A hook that ablates all its
# outputs changes nothing, and nothing says so.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     a Linear: True hook ran 0 times, outputs equal: True
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

attention, calls = nn.MultiheadAttention(8, 2, batch_first=True).eval(), []
x = torch.randn(2, 3, 8)
before = attention(x, x, x)[0]

def ablate(module, inputs, output):
    calls.append(module)
    return output * 0

attention.out_proj.register_forward_hook(ablate)
after = attention(x, x, x)[0]
print("a Linear:", isinstance(attention.out_proj, nn.Linear), "hook ran", len(calls), "times, outputs equal:", torch.equal(before, after))
assert not calls and torch.equal(before, after)
EOF
