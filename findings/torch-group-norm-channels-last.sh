#!/bin/sh
# Group normalisation of images that lie with their channels last rounds far more where a group is
# all but constant: float32 is then off by some percent, where the same image in the usual order is
# right to 5 digits. A silenced map is such a group, so a layout that is chosen for speed changes
# what an ablation costs.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     off from float64: channels first 3e-05, channels last 9e-02
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)
norm = nn.GroupNorm(4, 8).eval()
images = torch.randn(2, 8, 32, 32) * 1e-3 + 1.0
exact = nn.GroupNorm(4, 8).double()(images.double())
with torch.no_grad():
    usual = norm(images)
    last = norm(images.contiguous(memory_format=torch.channels_last))
off = [float((found.double() - exact).abs().max()) for found in (usual, last)]
print(f"off from float64: channels first {off[0]:.0e}, channels last {off[1]:.0e}")
assert off[1] > 20 * off[0]
EOF
