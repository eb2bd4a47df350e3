#!/bin/sh
# In eval mode nn.TransformerEncoder is another function without gradients than with them, if
# positions are padded: under no_grad it gives 0 at them, with gradients it gives what its layers
# compute there. A mean over tokens differs. It does so only if all examples of the batch are
# padded at the end: an example's output depends on which others come with it. (The warning about
# nested tensors at construction speaks of speed.)
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     with gradients, alone 2.828
#     no_grad, alone 0.000, with another example 2.828
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1).eval()
x = torch.randn(2, 3, 8)
padding = torch.tensor([[0, 0, 1], [1, 0, 0]]).bool()  # one at the end, one at the front

def padded(n):  # the first example's padded position, beside n - 1 others
    return encoder(x[:n], src_key_padding_mask=padding[:n])[0, 2].norm().item()

print(f"with gradients, alone {padded(1):.3f}")
with torch.no_grad():
    print(f"no_grad, alone {padded(1):.3f}, with another example {padded(2):.3f}")
    alone, together = padded(1), padded(2)
assert alone == 0 and together > 1 and abs(padded(1) - together) < 1e-4
EOF
