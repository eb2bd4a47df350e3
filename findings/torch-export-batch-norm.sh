#!/bin/sh
# ExportedProgram.run_decompositions({}), with an empty table, which asks for no decomposition,
# still replaces batch_norm by _native_batch_norm_legit_no_training, whose first of three results
# is read by getitem. Who looks for batch normalisation in a graph by its name finds none, while
# conv2d and relu stay as they are.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     conv2d, batch_norm, relu
#     conv2d, _native_batch_norm_legit_no_training, getitem, relu
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU()).eval()
program = torch.export.export(network, (torch.randn(2, 1, 3, 3),))

def names(program):
    return [n.target.__name__.split(".")[0] for n in program.graph.nodes if n.op == "call_function"]

before, after = names(program), names(program.run_decompositions({}))
print(*before, sep=", ")
print(*after, sep=", ")
assert before == ["conv2d", "batch_norm", "relu"]
assert after == ["conv2d", "_native_batch_norm_legit_no_training", "getitem", "relu"]
EOF
