#!/bin/sh
# nn.TransformerEncoderLayer in eval mode takes every number in a float src_mask for "masked" when
# gradients are off, and adds it to the scores when they are on. So a bias by distance, as in
# ALiBi, becomes a hard mask, and one without any 0 gives NaN.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     no_grad differs by 0.354
#     from a boolean mask of the same places by 0e+00
#     with another constant in the bias, numbers: False
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
x, place = torch.randn(2, 3, 8), torch.arange(3.0)
bias = -(place[:, None] - place).abs()  # 0 on the diagonal, -1 and -2 elsewhere

added = layer(x, src_mask=bias)
with torch.no_grad():
    masked, nothing = layer(x, src_mask=bias), layer(x, src_mask=bias - 1)
hard = layer(x, src_mask=bias != 0)
print(f"no_grad differs by {(masked - added).abs().max():.3f}")
print(f"from a boolean mask of the same places by {(masked - hard).abs().max():.0e}")
print("with another constant in the bias, numbers:", bool(nothing.isfinite().any()))
assert (masked - added).abs().max() > 0.1 and (masked - hard).abs().max() < 1e-5
assert nothing.isnan().all() and layer(x, src_mask=bias - 1).isfinite().all()
EOF
