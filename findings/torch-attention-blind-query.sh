#!/bin/sh
# nn.MultiheadAttention gives a query that may see no key (left padding with a causal mask) NaN or
# a number, by what has nothing to do with it: in eval mode under no_grad NaN, with gradients NaN
# if need_weights=True, and else the output bias. So an example is lost in evaluation that trained
# well.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     gradients True  need_weights True  NaN True
#     gradients True  need_weights False NaN False
#     gradients False need_weights True  NaN True
#     gradients False need_weights False NaN True
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
x = torch.randn(1, 3, 8)
causal = torch.ones(3, 3).bool().triu(1)
padding = torch.tensor([[1, 0, 0]]).bool()  # the first token is padding and sees only itself

def is_nan(gradients, weights):
    with torch.set_grad_enabled(gradients):
        y, _ = attention(x, x, x, attn_mask=causal, key_padding_mask=padding, need_weights=weights)
    return bool(y[0, 0].isnan().any())

found = {(g, w): is_nan(g, w) for g in (True, False) for w in (True, False)}
for (gradients, weights), nan in found.items():
    print(f"gradients {gradients!s:5} need_weights {weights!s:5} NaN {nan}")
assert found == {(True, True): True, (True, False): False, (False, True): True, (False, False): True}
EOF
