"""Networks for medical images and segmentation."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.zoo.far.shared import images

Made = tuple[Any, Any]


def _monai_densenet3d() -> Made:
    import monai.networks.nets as n

    return (
        n.DenseNet(3, 1, 6, init_features=8, growth_rate=4, block_config=(2, 2)),
        torch.randn(14, 1, 16, 16, 16),
    )


def _monai_unet() -> Made:
    import monai.networks.nets as n

    return (
        n.UNet(2, 1, 3, channels=(8, 16, 24), strides=(2, 2), num_res_units=1),
        torch.randn(14, 1, 16, 16),
    )


def _monai_vit() -> Made:
    import monai.networks.nets as n

    return (
        n.ViT(
            1,
            (16, 16),
            (8, 8),
            hidden_size=24,
            mlp_dim=32,
            num_layers=2,
            num_heads=3,
            classification=True,
            num_classes=6,
            spatial_dims=2,
            post_activation="none",
        ),
        torch.randn(14, 1, 16, 16),
    )


def _monai_swin_unetr() -> Made:
    import monai.networks.nets as n

    return (
        n.SwinUNETR(
            1, 3, feature_size=12, spatial_dims=2, depths=(1, 1, 1, 1), num_heads=(1, 2, 2, 4)
        ),
        torch.randn(14, 1, 64, 64),
    )


def _monai_segresnet() -> Made:
    import monai.networks.nets as n

    return (n.SegResNet(2, 8, 1, 3, blocks_down=(1, 1), blocks_up=(1,)), torch.randn(14, 1, 16, 16))


def _smp_unet() -> Made:
    import segmentation_models_pytorch as smp

    return (smp.Unet("resnet18", encoder_weights=None, classes=3), images(s=32))


def _smp_segformer() -> Made:
    import segmentation_models_pytorch as smp

    return (smp.Segformer("mit_b0", encoder_weights=None, classes=3), images(s=64))


def _smp_deeplab() -> Made:
    import segmentation_models_pytorch as smp

    return (smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=3), images(s=64))


NETWORKS = {
    "monai densenet 3d": ("monai", _monai_densenet3d),
    "monai unet": ("monai", _monai_unet),
    "monai vit": ("monai", _monai_vit),
    "monai swin unetr": ("monai", _monai_swin_unetr),
    "monai segresnet": ("monai", _monai_segresnet),
    "smp unet": ("segmentation-models-pytorch", _smp_unet),
    "smp segformer": ("segmentation-models-pytorch", _smp_segformer),
    "smp deeplab": ("segmentation-models-pytorch", _smp_deeplab),
}
