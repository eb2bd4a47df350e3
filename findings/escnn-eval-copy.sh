#!/bin/sh
# After .eval() a convolution of escnn can no longer be copied: eval mode keeps the expanded filter and
# bias as buffers that are part of an autograd graph, and copy.deepcopy refuses tensors that are no
# leaves. The same network copies in training mode, and if .eval() was called under no_grad. In eval
# mode forward reads these buffers alone: none of the module's parameters.
#
# Seen with escnn 1.0.11, torch 2.13.0, CPU, Python 3.11. It prints:
#
#     training mode: copied
#     eval mode: refused; buffers with a history: expanded_bias, filter
#     eval mode, set under no_grad: copied
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 scipy==1.17.1 joblib==1.6.0 \
    pymanopt==2.2.1 autograd==1.9.1
"$folder/bin/pip" install --quiet --no-deps escnn==1.0.11
"$folder/bin/python" -W ignore - << 'EOF'
import copy
import sys
from types import ModuleType

for name in ("lie_learn", "lie_learn.representations", "lie_learn.representations.SO3"):
    sys.modules[name] = ModuleType(name)  # needed in space only, and does not build everywhere
last = sys.modules["lie_learn.representations.SO3.wigner_d"] = ModuleType("wigner_d")
last.wigner_D_matrix = None

import torch
from escnn import gspaces
from escnn import nn as enn

space = gspaces.rot2dOnR2(4)
grey, field = enn.FieldType(space, [space.trivial_repr]), enn.FieldType(space, [space.regular_repr])

def copies(layer):
    try:
        copy.deepcopy(layer)
    except RuntimeError:
        return "refused"
    return "copied"

layer, other = enn.R2Conv(grey, field, 3), enn.R2Conv(grey, field, 3)
training = copies(layer)
print(f"training mode: {training}")
found = copies(layer.eval())
kept = [name for name, buffer in layer.named_buffers() if not buffer.is_leaf]
print(f"eval mode: {found}; buffers with a history: {', '.join(kept)}")
with torch.no_grad():
    other.eval()
without = copies(other)
print(f"eval mode, set under no_grad: {without}")
assert (training, found, without) == ("copied", "refused", "copied")
assert kept == ["expanded_bias", "filter"]
EOF
