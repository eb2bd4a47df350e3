#!/bin/sh
# The spatial attention of timm's CSATv2 compares examples of the batch, not positions: of 3 images
# of 49 positions its scores are 3 by 3. It goes unnoticed since layer normalisation over the one
# channel before it leaves nothing but its bias. Whatever changes one position there (an ablation, a
# patch) makes an image's output depend on its neighbours in the batch.
#
# Seen with torch 2.13.0, timm 1.0.31, CPU, Python 3.11. It prints:
#
#     3 images of 49 positions: scores of shape (3, 3), spread of what is compared 0.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 pillow==13.0.0 \
    PyYAML==6.0.3 safetensors==0.8.0 huggingface_hub==2.4.0
"$folder/bin/pip" install --quiet --no-deps timm==1.0.31 torchvision==0.28.0
"$folder/bin/python" -W ignore - << 'EOF'
import torch

boxes = torch.library.Library("torchvision", "DEF")  # built for CUDA, it lacks them; none is run
for name in ("nms", "qnms"):
    boxes.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from timm.models.csatv2 import SpatialTransformerBlock
from torch.overrides import TorchFunctionMode

torch.manual_seed(0)

class Watch(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") == "softmax":
            scores.append(tuple(args[0].shape))
        return func(*args, **(kwargs or {}))

scores, block = [], SpatialTransformerBlock().eval()
images = torch.randn(3, 1, 7, 7)
with torch.no_grad(), Watch():
    block(images)
    compared = block.norm1(images.flatten(2).transpose(1, 2))
print(f"3 images of 49 positions: scores of shape {scores[0]}, "
      f"spread of what is compared {float(compared.std()):.1f}")
assert scores == [(3, 3)] and float(compared.std()) < 1e-3
EOF
