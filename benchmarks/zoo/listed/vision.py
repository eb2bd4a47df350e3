"""Networks of transformers on images and videos."""

from __future__ import annotations

from typing import Any

# fmt: off
_PATCHES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "image_size": 32, "patch_size": 8, "num_labels": 6}
_STAGES = {"hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 1, 1], "num_labels": 6}

# architecture: (stem of the classes' names, head, options of the configuration)
VISION: dict[str, tuple[str, str, dict[str, Any]]] = {
    "vit": ("ViT", "ForImageClassification", _PATCHES),
    "deit": ("DeiT", "ForImageClassification", _PATCHES),
    "beit": ("Beit", "ForImageClassification", {**_PATCHES, "use_relative_position_bias":
        True}),
    "data2vec-vision": ("Data2VecVision", "ForImageClassification", {**_PATCHES,
        "use_shared_relative_position_bias": True}),
    "vit-msn": ("ViTMSN", "ForImageClassification", _PATCHES),
    "ijepa": ("IJepa", "ForImageClassification", _PATCHES),
    "dinov2": ("Dinov2", "ForImageClassification", _PATCHES),
    "dinov2 registers": ("Dinov2WithRegisters", "ForImageClassification", _PATCHES),
    "swin": ("Swin", "ForImageClassification", {"image_size": 32, "patch_size": 2,
        "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4, "num_labels":
        6}),
    "swinv2": ("Swinv2", "ForImageClassification", {"image_size": 32, "patch_size": 2,
        "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4, "num_labels":
        6}),
    "convnext": ("ConvNext", "ForImageClassification", _STAGES),
    "convnextv2": ("ConvNextV2", "ForImageClassification", _STAGES),
    "resnet": ("ResNet", "ForImageClassification", {**_STAGES, "embedding_size": 16,
        "layer_type": "bottleneck"}),
    "regnet": ("RegNet", "ForImageClassification", {**_STAGES, "embedding_size": 16,
        "groups_width": 8}),
    "bit": ("Bit", "ForImageClassification", {**_STAGES, "embedding_size": 16, "num_groups":
        8, "layer_type": "preactivation"}),
    "mobilenet-v1": ("MobileNetV1", "ForImageClassification", {"depth_multiplier": 0.25,
        "image_size": 32, "num_labels": 6}),
    "mobilenet-v2": ("MobileNetV2", "ForImageClassification", {"depth_multiplier": 0.25,
        "image_size": 32, "num_labels": 6}),
    "mobilevit": ("MobileViT", "ForImageClassification", {"image_size": 64, "hidden_sizes":
        [24, 32, 40], "neck_hidden_sizes": [8, 8, 16, 24, 24, 32, 48], "num_attention_heads": 4,
        "num_labels": 6}),
    "mobilevitv2": ("MobileViTV2", "ForImageClassification", {"image_size": 64,
        "width_multiplier": 0.25, "num_labels": 6}),
    "poolformer": ("PoolFormer", "ForImageClassification", _STAGES),
    "segformer": ("Segformer", "ForImageClassification", {**_STAGES, "num_attention_heads":
        [1, 2, 2, 4]}),
    "pvt": ("Pvt", "ForImageClassification", {**_STAGES, "image_size": 64,
        "num_attention_heads": [1, 2, 2, 4]}),
    "pvt-v2": ("PvtV2", "ForImageClassification", {**_STAGES, "image_size": 64,
        "num_attention_heads": [1, 2, 2, 4]}),
    "cvt": ("Cvt", "ForImageClassification", {"embed_dim": [16, 24, 32], "num_heads": [1, 2,
        4], "depth": [1, 2, 3], "num_labels": 6}),  # a stage has more blocks than its number
    "levit": ("Levit", "ForImageClassification", {"image_size": 64, "hidden_sizes": [16, 24,
        32], "num_attention_heads": [2, 2, 4], "depths": [1, 1, 1], "key_dim": [8, 8, 8],
        "num_labels": 6}),
    "focalnet": ("FocalNet", "ForImageClassification", {"image_size": 32, "patch_size": 2,
        "embed_dim": 16, "hidden_sizes": [16, 32], "depths": [1, 1], "focal_levels": [2, 2],
        "focal_windows": [3, 3], "num_labels": 6}),
    "efficientnet": ("EfficientNet", "ForImageClassification", {"image_size": 64,
        "width_coefficient": 0.25, "depth_coefficient": 0.25, "num_labels": 6, "hidden_dim":
        320}),
    "swiftformer": ("SwiftFormer", "ForImageClassification", {"image_size": 64, "embed_dims":
        [16, 24, 32, 40], "depths": [1, 1, 1, 1], "num_labels": 6}),
    "hiera": ("Hiera", "ForImageClassification", {"image_size": [64, 64], "embed_dim": 16,
        "depths": [1, 1, 1, 1], "num_heads": [1, 2, 4, 8], "masked_unit_size": [8, 8],
        "num_labels": 6}),
    "hgnet-v2": ("HGNetV2", "ForImageClassification", {"num_labels": 6, "embedding_size": 16,
        "stem_channels": [3, 8, 16], "stage_in_channels": [16, 16, 32, 48], "stage_mid_channels":
        [8, 8, 16, 16], "stage_out_channels": [16, 32, 48, 64], "stage_num_blocks": [1, 1, 1, 1],
        "hidden_sizes": [16, 32, 48, 64]}),
    "imagegpt": ("ImageGPT", "ForImageClassification", {"n_embd": 32, "n_layer": 2, "n_head": 4,
        "n_positions": 40, "n_inner": 48, "vocab_size": 60, "num_labels": 6,
        "activation_function": "gelu"}),
    "clip": ("CLIP", "ForImageClassification", {"vision_config": {**_PATCHES,
        "projection_dim": 16}, "num_labels": 6}),
    "siglip": ("Siglip", "ForImageClassification", {"vision_config": _PATCHES, "num_labels":
        6}),
    "videomae": ("VideoMAE", "ForVideoClassification", {**_PATCHES, "num_frames": 4}),
    "vivit": ("Vivit", "ForVideoClassification", {**_PATCHES, "num_frames": 4, "tubelet_size":
        [2, 8, 8]}),
    "timesformer": ("Timesformer", "ForVideoClassification", {**_PATCHES, "num_frames": 4}),
}
