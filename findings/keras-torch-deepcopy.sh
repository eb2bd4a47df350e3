#!/bin/sh
# A Keras 3 model on the torch backend is a torch.nn.Module, but copy.deepcopy of it is no copy to
# PyTorch: the parameters come back under other names (the model's own name is gone from their
# paths), so the state_dict of a model does not load into its copy. Whoever edits a copy by the names
# of the original, as for weight averaging or an ablated twin, finds none of them.
#
# Seen with keras 3.15.1, torch 2.13.0, CPU, Python 3.11. It prints:
#
#     original  _torch_params.sequential/dense/kernel
#     copy      _torch_params.dense/kernel
#     outputs equal: True, names in common: 0, state_dict loads: False
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 keras==3.15.1 numpy==2.4.6 h5py==3.16.0 \
    optree==0.20.0 ml_dtypes==0.6.0
KERAS_BACKEND=torch "$folder/bin/python" -W ignore - << 'EOF'
import copy

import keras
import torch

keras.utils.set_random_seed(0)
layers = [keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2)]
model = keras.Sequential(layers)
assert isinstance(model, torch.nn.Module)
same = copy.deepcopy(model)
own, copied = model.state_dict(), same.state_dict()
kernels = [[n for n in names if n.startswith("_torch") and "dense/kernel" in n]
           for names in (own, copied)]
print(f"original  {kernels[0][0]}\ncopy      {kernels[1][0]}")
x = torch.randn(5, 4)
with torch.no_grad():
    equal = torch.equal(model(x), same(x))
try:
    same.load_state_dict(own)
    loads = True
except RuntimeError:
    loads = False
common = len(set(own) & set(copied))
print(f"outputs equal: {equal}, names in common: {common}, state_dict loads: {loads}")
assert equal and common == 0 and not loads
EOF
