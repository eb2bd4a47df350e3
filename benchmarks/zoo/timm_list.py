"""Which networks of timm: a small member of each family, and members that do something else.

Options make them shallow where that is possible: blocks of a kind that stand twice say no more than one.
"""

from __future__ import annotations

from typing import Any

_VIT = {"depth": 2, "embed_dim": 96, "num_heads": 3}

# family: {member: options}; `size` is of the images in pixels, 96 if it is not named.
FAMILIES: dict[str, dict[str, dict[str, Any]]] = {
    "beit": {"beit_base_patch16_224": {"img_size": 64, "size": 64, **_VIT}},
    "byoanet": {
        "halonet_h1": {"size": 256},
        "eca_botnext26ts_256": {"size": 64, "img_size": 64},
        "eca_halonext26ts": {"size": 256},
        "lambda_resnet26rpt_256": {"size": 64, "img_size": 64},
        "lambda_resnet26t": {"size": 64},
    },
    "byobnet": {
        "mobileone_s1": {"size": 64},
        "gcresnext26ts": {"size": 64},
        "bat_resnext26ts": {"size": 256},
        "regnetz_b16_evos": {"size": 64},
        "repvgg_a0": {"size": 64},
    },
    "cait": {"cait_xxs24_224": {"img_size": 64, "size": 64, "depth": 2}},
    "coat": {"coat_tiny": {"img_size": 64, "size": 64}},
    "convit": {"convit_tiny": {"img_size": 64, "size": 64, "depth": 4, "local_up_to_layer": 2}},
    "convmixer": {"convmixer_768_32": {"size": 64}},
    "convnext": {"test_convnext": {"size": 64}, "convnextv2_atto": {"size": 64}},
    "cpubone": {"cpubone_nano": {"size": 64}},
    "crossvit": {"crossvit_9_240": {"size": 240}},
    "csatv2": {"csatv2": {"size": 128}},
    "cspnet": {"cs3darknet_focus_s": {"size": 64}},
    "cspnext": {"cspnext_tiny": {"size": 64}},
    "davit": {
        "davit_tiny": {
            "size": 64,
            "depths": (1, 1, 1, 1),
            "embed_dims": (24, 48, 96, 192),
            "num_heads": (1, 2, 4, 8),
        }
    },
    "deepseek_vit": {
        "deepseek_vit_412m": {"size": 126, "depth": 2, "embed_dim": 96, "num_heads": 4}
    },
    "deit": {"deit_tiny_distilled_patch16_224": {"img_size": 64, "size": 64, "depth": 2}},
    "densenet": {"densenet121": {"size": 64, "block_config": (2, 2, 2, 2)}},
    "dla": {"dla46x_c": {"size": 64}},
    "dpn": {"dpn48b": {"size": 64}},
    "edgenext": {"edgenext_xx_small": {"size": 64}},
    "efficientformer": {"efficientformer_l1": {"size": 224}},
    "efficientformer_v2": {"efficientformerv2_s0": {"size": 224}},
    "efficientnet": {
        "efficientnet_lite0": {"size": 64},
        "efficientnet_cc_b0_4e": {"size": 128},
        "efficientnet_b0_g16_evos": {"size": 64},
    },
    "efficientvim": {"efficientvim_m1": {"size": 128}},
    "efficientvit_mit": {"efficientvit_b0": {"size": 64}},
    "efficientvit_msra": {"efficientvit_m0": {"size": 224}},
    "eva": {
        "eva02_tiny_patch14_224": {"size": 56, "img_size": 56, "depth": 2},
        "vit_small_patch16_rope_mixed_224": {"size": 64, "img_size": 64, "depth": 2},
    },
    "fasternet": {"fasternet_t0": {"size": 64}},
    "fastvit": {"fastvit_t8": {"size": 64}, "fastvit_sa12": {"size": 64}},
    "focalnet": {"focalnet_tiny_srf": {"size": 64}},
    "gcvit": {"gcvit_xxtiny": {"size": 224}},
    "gemma4_vit": {"gemma4_vit_167m": {"size": 96, "depth": 2}},
    "ghostnet": {"ghostnet_050": {"size": 64}, "ghostnetv3_050": {"size": 64}},
    "hardcorenas": {"hardcorenas_a": {"size": 64}},
    "hgnet": {"hgnetv2_b0": {"size": 64}},
    "hiera": {"hiera_tiny_224": {"size": 224, "stages": (1, 1, 1, 1), "embed_dim": 32}},
    "hieradet_sam2": {
        "sam2_hiera_tiny": {
            "size": 224,
            "stages": (1, 1, 2, 1),
            "embed_dim": 32,
            "global_att_blocks": (3,),
        }
    },
    "hrnet": {"hrnet_w18_small": {"size": 64}},
    "iformer": {"iformer_t": {"size": 64}},
    "inception_next": {"inception_next_atto": {"size": 64}},
    "inception_resnet_v2": {"inception_resnet_v2": {"size": 96}},
    "inception_v3": {"inception_v3": {"size": 96}},
    "inception_v4": {"inception_v4": {"size": 96}},
    "lcnetv2": {"lcnetv2_small": {"size": 64}},
    "levit": {"levit_128s": {"size": 224}, "levit_conv_128s": {"size": 224}},
    "lowformer": {"lowformer_b0": {"size": 64}},
    "mambaout": {"test_mambaout": {"size": 64}},
    "maxxvit": {
        "maxvit_pico_rw_256": {"size": 64, "img_size": 64},
        "coatnet_pico_rw_224": {"size": 64, "img_size": 64},
        "coatnet_rmlp_nano_rw_224": {"size": 64, "img_size": 64},
    },
    "metaformer": {"poolformerv2_s12": {"size": 64}, "caformer_s18": {"size": 64}},
    "mlp_mixer": {
        "gmlp_ti16_224": {"size": 64, "img_size": 64},
        "resmlp_12_224": {"size": 64, "img_size": 64},
        "mixer_s16_224": {"size": 64, "img_size": 64},
    },
    "mobilenetv3": {
        "mobilenetv3_small_050": {"size": 64},
        "mobilenetv4_hybrid_medium": {"size": 64},
    },
    "mobilenetv5": {"mobilenetv5_base": {"size": 64}},
    "mobilevit": {"mobilevit_xxs": {"size": 64}, "mobilevitv2_050": {"size": 64}},
    "mvitv2": {"mvitv2_tiny": {"size": 64, "img_size": 64}},
    "naflexvit": {"naflexvit_base_patch16_gap": {"size": 64, **_VIT}},
    "nasnet": {"nasnetalarge": {"size": 96}},
    "nest": {"nest_tiny": {"size": 224}},
    "nextvit": {"nextvit_small": {"size": 64}},
    "nfnet": {
        "test_nfnet": {"size": 64},
        "nf_regnet_b0": {"size": 64},
        "eca_nfnet_l0": {"size": 64},
        "nf_ecaresnet26": {"size": 64},
    },
    "pit": {"pit_ti_224": {"size": 224}},
    "pnasnet": {"pnasnet5large": {"size": 96}},
    "pvt_v2": {"pvt_v2_b0": {"size": 64}, "pvt_v2_b2_li": {"size": 64, "depths": (1, 1, 1, 1)}},
    "qwen3_vit": {"qwen3_vit_88m": {"size": 64, "depth": 2, "embed_dim": 96, "num_heads": 3}},
    "rdnet": {"rdnet_tiny": {"size": 64}},
    "regnet": {"regnetx_002": {"size": 64}, "regnety_002": {"size": 64}},
    "repghost": {"repghostnet_050": {"size": 64}},
    "repvit": {"repvit_m1": {"size": 64}},
    "res2net": {"res2next50": {"size": 64}},
    "resnest": {"resnest14d": {"size": 64}},
    "resnet": {
        "resnet10t": {"size": 64},
        "ecaresnet26t": {"size": 64},
        "resnetblur50": {"size": 64},
    },
    "resnetv2": {
        "resnetv2_18": {"size": 64},
        "resnetv2_50x1_bit": {"size": 64},
        "resnetv2_50d_evos": {"size": 64},
        "resnetv2_50d_frn": {"size": 64},
    },
    "rexnet": {"rexnet_100": {"size": 64}},
    "selecsls": {"selecsls42": {"size": 64}},
    "senet": {"legacy_seresnet18": {"size": 64}},
    "sequencer": {"sequencer2d_s": {"size": 64, "img_size": 64, "layers": (1, 1, 1, 1)}},
    "shvit": {"shvit_s1": {"size": 128}},
    "sknet": {"skresnet18": {"size": 64}},
    "starnet": {"starnet_s050": {"size": 64}},
    "swiftformer": {"swiftformer_xs": {"size": 224}},
    "swin_transformer": {
        "swin_tiny_patch4_window7_224": {
            "size": 64,
            "img_size": 64,
            "window_size": 4,
            "depths": (2, 2),
            "embed_dim": 32,
            "num_heads": (2, 4),
        }
    },
    "swin_transformer_v2": {
        "swinv2_tiny_window8_256": {
            "size": 64,
            "img_size": 64,
            "window_size": 4,
            "depths": (2, 2),
            "embed_dim": 32,
            "num_heads": (2, 4),
        }
    },
    "swin_transformer_v2_cr": {
        "swinv2_cr_tiny_ns_224": {
            "size": 64,
            "img_size": 64,
            "window_size": 4,
            "depths": (2, 2),
            "embed_dim": 32,
            "num_heads": (2, 4),
        }
    },
    "tiny_vit": {"tiny_vit_5m_224": {"size": 64}},
    "tnt": {"tnt_s_patch16_224": {"size": 64, "img_size": 64, "depth": 2}},
    "tresnet": {"tresnet_m": {"size": 64}},
    "twins": {
        "twins_svt_small": {"size": 224, "depths": (1, 2, 2, 1)},
        "twins_pcpvt_small": {"size": 64, "img_size": 64, "depths": (1, 1, 1, 1)},
    },
    "vgg": {"vgg11_bn": {"size": 64}, "vgg11": {"size": 64}},
    "visformer": {"visformer_tiny": {"size": 64, "img_size": 64}},
    "vision_transformer": {
        "test_vit": {"size": 64, "img_size": 64},
        "test_vit4": {"size": 64, "img_size": 64},
        "vit_small_patch16_36x1_224": {"size": 64, "img_size": 64, "depth": 2},
    },
    "vision_transformer_hybrid": {
        "vit_tiny_r_s16_p8_224": {"size": 64, "img_size": 64, "depth": 2}
    },
    "vision_transformer_relpos": {"test_vit_relpos": {"size": 64, "img_size": 64}},
    "vision_transformer_sam": {
        "samvit_base_patch16_224": {
            "size": 224,
            "depth": 3,
            "embed_dim": 96,
            "num_heads": 3,
            "global_attn_indexes": (1,),
        }
    },
    "vitamin": {"vitamin_small_224": {"size": 64, "img_size": 64}},
    "volo": {"volo_d1_224": {"size": 64, "img_size": 64}},
    "vovnet": {"ese_vovnet19b_slim_dw": {"size": 64}},
    "xception": {"legacy_xception": {"size": 96}},
    "xception_aligned": {"xception41p": {"size": 96}},
    "xcit": {"xcit_nano_12_p16_224": {"size": 64, "depth": 2}},
}
