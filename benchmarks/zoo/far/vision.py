"""Networks on images, of small libraries."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.zoo.far.shared import Forward, images

Made = tuple[Any, Any]


def _x_vit() -> Made:
    import x_transformers as x

    return (
        x.ViTransformerWrapper(
            image_size=32,
            patch_size=8,
            num_classes=6,
            attn_layers=x.Encoder(dim=32, depth=2, heads=4, attn_dim_head=8),
        ),
        torch.randn(14, 3, 32, 32),
    )


def _vitp_simple() -> Made:
    from vit_pytorch import SimpleViT

    return (
        SimpleViT(
            image_size=32,
            patch_size=8,
            num_classes=6,
            dim=32,
            depth=2,
            heads=4,
            mlp_dim=48,
            dim_head=8,
        ),
        images(),
    )


def _vitp_cct() -> Made:
    from vit_pytorch.cct import CCT

    return (
        CCT(
            img_size=32,
            embedding_dim=32,
            n_conv_layers=1,
            num_layers=2,
            num_heads=4,
            mlp_ratio=2.0,
            num_classes=6,
            positional_embedding="learnable",
            kernel_size=7,
            stride=2,
            padding=3,
            pooling_kernel_size=3,
            pooling_stride=2,
            pooling_padding=1,
        ),
        images(),
    )


def _vitp_cross_former() -> Made:
    from vit_pytorch.crossformer import CrossFormer

    return (
        CrossFormer(
            dim=(32, 64, 64, 64),
            depth=(1, 1, 1, 1),
            global_window_size=(8, 4, 2, 1),
            local_window_size=2,
            num_classes=6,
        ),
        images(s=64),
    )


def _vitp_nest() -> Made:
    from vit_pytorch.nest import NesT

    return (
        NesT(
            image_size=32,
            patch_size=4,
            dim=24,
            heads=2,
            num_hierarchies=2,
            block_repeats=(1, 1),
            num_classes=6,
        ),
        images(),
    )


def _vitp_xcit() -> Made:
    from vit_pytorch.xcit import XCiT

    return (
        XCiT(
            image_size=32,
            patch_size=8,
            num_classes=6,
            dim=32,
            depth=1,
            cls_depth=1,
            heads=4,
            mlp_dim=48,
            dim_head=8,
        ),
        images(),
    )


def _vitp_na_deep() -> Made:
    from vit_pytorch.deepvit import DeepViT

    return (
        DeepViT(
            image_size=32,
            patch_size=8,
            num_classes=6,
            dim=32,
            depth=2,
            heads=4,
            mlp_dim=48,
            dim_head=8,
        ),
        images(),
    )


def _vitp_maxvit() -> Made:
    from vit_pytorch.max_vit import MaxViT

    return (
        MaxViT(num_classes=6, dim_conv_stem=16, dim=16, dim_head=8, depth=(1, 1), window_size=4),
        images(s=64),
    )


def _open_clip_vision() -> Made:
    from open_clip.transformer import VisionTransformer

    return (
        VisionTransformer(
            image_size=32, patch_size=8, width=32, layers=2, heads=4, mlp_ratio=2.0, output_dim=6
        ),
        images(),
    )


def _pytorchcv_nets() -> Made:
    from pytorchcv.model_provider import get_model

    return (get_model("resnet20_cifar10", pretrained=False), images())


def _pytorchcv_shake() -> Made:
    from pytorchcv.model_provider import get_model

    return (
        get_model("igcv3_wd4", pretrained=False, num_classes=6, in_size=(224, 224)),
        images(s=224),
    )


def _lambda_layer() -> Made:
    from lambda_networks import LambdaLayer

    return (
        Forward(
            lambda s, x: s.o(s.l(s.c(x)).relu().mean((2, 3))),
            c=nn.Conv2d(3, 16, 3, padding=1),
            l=LambdaLayer(dim=16, dim_out=16, r=3, dim_k=4, heads=4, dim_u=1),
            o=nn.Linear(16, 6),
        ),
        images(s=8),
    )


def _gmlp() -> Made:
    from g_mlp_pytorch import gMLPVision

    return (gMLPVision(image_size=32, patch_size=8, num_classes=6, dim=32, depth=2), images())


def _mixer() -> Made:
    from mlp_mixer_pytorch import MLPMixer

    return (
        MLPMixer(image_size=32, channels=3, patch_size=8, dim=32, depth=2, num_classes=6),
        images(),
    )


def _perceiver() -> Made:
    from perceiver_pytorch import Perceiver

    return (
        Perceiver(
            num_freq_bands=2,
            depth=2,
            max_freq=4.0,
            input_channels=3,
            num_latents=8,
            latent_dim=24,
            cross_heads=1,
            latent_heads=3,
            cross_dim_head=8,
            latent_dim_head=8,
            num_classes=6,
        ),
        torch.randn(14, 8, 8, 3),
    )


def _diffusers_unet() -> Made:
    import diffusers

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.u = diffusers.UNet2DModel(
                sample_size=16,
                in_channels=3,
                out_channels=3,
                block_out_channels=(16, 32),
                down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                up_block_types=("AttnUpBlock2D", "UpBlock2D"),
                layers_per_block=1,
                norm_num_groups=4,
                attention_head_dim=8,
            )

        def forward(s, x):
            return s.u(x, 10).sample

    return (Net(), images(s=16))


def _diffusers_dit() -> Made:
    import diffusers

    class Net(nn.Module):
        def __init__(s):
            super().__init__()
            s.u = diffusers.Transformer2DModel(
                num_attention_heads=2,
                attention_head_dim=8,
                in_channels=4,
                num_layers=2,
                sample_size=8,
                patch_size=2,
                norm_type="ada_norm_zero",
                num_embeds_ada_norm=6,
                norm_num_groups=4,
                activation_fn="gelu-approximate",
            )

        def forward(s, x):
            return s.u(
                x, timestep=torch.full((len(x),), 3), class_labels=torch.zeros(len(x)).long()
            ).sample

    return (Net(), images(c=4, s=8))


def _efficientnet_pytorch() -> Made:
    from efficientnet_pytorch import EfficientNet

    return (EfficientNet.from_name("efficientnet-b0", num_classes=6, image_size=64), images(s=64))


def _kornia_vit() -> Made:
    from kornia.models import vit as v

    return (
        Forward(
            lambda s, x: s.o(s.v(x)[:, 0]),
            v=v.VisionTransformer(image_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=4),
            o=nn.Linear(32, 6),
        ),
        images(),
    )


NETWORKS = {
    "x-transformers vit": ("x-transformers", _x_vit),
    "vit-pytorch simple": ("vit-pytorch", _vitp_simple),
    "vit-pytorch cct": ("vit-pytorch", _vitp_cct),
    "vit-pytorch crossformer": ("vit-pytorch", _vitp_cross_former),
    "vit-pytorch nest": ("vit-pytorch", _vitp_nest),
    "vit-pytorch xcit": ("vit-pytorch", _vitp_xcit),
    "vit-pytorch deepvit": ("vit-pytorch", _vitp_na_deep),
    "vit-pytorch maxvit": ("vit-pytorch", _vitp_maxvit),
    "open clip vision": ("open-clip-torch", _open_clip_vision),
    "pytorchcv resnet20": ("pytorchcv", _pytorchcv_nets),
    "pytorchcv igcv3": ("pytorchcv", _pytorchcv_shake),
    "lambda networks": ("lambda-networks", _lambda_layer),
    "g-mlp": ("g-mlp-pytorch", _gmlp),
    "mlp-mixer": ("mlp-mixer-pytorch", _mixer),
    "perceiver": ("perceiver-pytorch", _perceiver),
    "diffusers unet": ("diffusers", _diffusers_unet),
    "diffusers dit": ("diffusers", _diffusers_dit),
    "efficientnet-pytorch": ("efficientnet-pytorch", _efficientnet_pytorch),
    "kornia vit": ("kornia", _kornia_vit),
}
