"""Torchvision's own networks."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from benchmarks.zoo.far.shared import images

Made = tuple[Any, Any]


def _classifier(name: str, size: int = 64, **options: Any) -> Made:
    import torchvision

    network = getattr(torchvision.models, name)(weights=None, num_classes=6, **options)
    return network, images(s=size)


def _tv_segmentation() -> Made:
    import torchvision

    return (
        torchvision.models.segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=3
        ),
        images(s=64),
    )


def _tv_video() -> Made:
    import torchvision

    return (
        torchvision.models.video.r3d_18(weights=None, num_classes=6),
        torch.randn(14, 3, 4, 32, 32),
    )


NETWORKS = {
    "torchvision resnet18": ("torchvision", partial(_classifier, "resnet18")),
    "torchvision googlenet": (
        "torchvision",
        partial(_classifier, "googlenet", aux_logits=False, init_weights=False),
    ),
    "torchvision squeezenet1_0": ("torchvision", partial(_classifier, "squeezenet1_0")),
    "torchvision shufflenet_v2_x0_5": ("torchvision", partial(_classifier, "shufflenet_v2_x0_5")),
    "torchvision mnasnet0_5": ("torchvision", partial(_classifier, "mnasnet0_5")),
    "torchvision swin_t": ("torchvision", partial(_classifier, "swin_t")),
    "torchvision swin_v2_t": ("torchvision", partial(_classifier, "swin_v2_t")),
    "torchvision vit_b_16": ("torchvision", partial(_classifier, "vit_b_16", image_size=64)),
    "torchvision lraspp": ("torchvision", _tv_segmentation),
    "torchvision r3d": ("torchvision", _tv_video),
}
