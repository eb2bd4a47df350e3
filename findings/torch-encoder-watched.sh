#!/bin/sh
# Watching an nn.TransformerEncoder changes what it says. In eval mode under no_grad an active
# TorchFunctionMode that does nothing, or a forward hook that does nothing on a module inside a
# layer, switches the fast paths off, which compute something else: under the mode padded
# positions are no longer 0, and with the hook numbers in a mask are added and no longer hide.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     an idle mode changes outputs by 1.71, an idle hook by 0.41
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

from torch.overrides import TorchFunctionMode

class Nothing(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))

layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
encoder = nn.TransformerEncoder(layer, 1).eval()
x, padding = torch.randn(2, 3, 8), torch.tensor([[0, 0, 1], [0, 1, 1]]).bool()
bias = torch.eye(3) - 1
with torch.no_grad():
    plain = encoder(x, src_key_padding_mask=padding)
    with Nothing():
        watched = encoder(x, src_key_padding_mask=padding)
    biased = layer.eval()(x, src_mask=bias)
    layer.linear1.register_forward_hook(lambda *_: None)
    hooked = layer(x, src_mask=bias)
mode, hook = (watched - plain).abs().max().item(), (hooked - biased).abs().max().item()
print(f"an idle mode changes outputs by {mode:.2f}, an idle hook by {hook:.2f}")
assert mode > 0.1 and hook > 0.1
EOF
