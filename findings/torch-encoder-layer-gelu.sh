#!/bin/sh
# nn.TransformerEncoderLayer(activation=nn.GELU("tanh")) computes the exact GELU in eval mode
# under no_grad, and the tanh form with gradients. So what was trained is not what is evaluated.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     no_grad: from tanh 2e-04, from exact 9e-16
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

made = [nn.TransformerEncoderLayer(8, 2, 64, batch_first=True, activation=nn.GELU(form)).eval()
        for form in ("tanh", "none")]
made[1].load_state_dict(made[0].state_dict())
x = 10 * torch.randn(50, 3, 8)
tanh, exact = (layer.double()(x.double()) for layer in made)
with torch.no_grad():
    found = made[0](x.double())
print(f"no_grad: from tanh {(found - tanh).abs().max():.0e}, from exact {(found - exact).abs().max():.0e}")
assert (found - tanh).abs().max() > 1e-5 and (found - exact).abs().max() < 1e-12
EOF
