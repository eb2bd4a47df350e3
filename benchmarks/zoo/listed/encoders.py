"""Encoders of transformers: one of each architecture, of two layers."""

from __future__ import annotations

from typing import Any

# fmt: off
_NAMED = {"vocab_size": 60, "num_labels": 6, "pad_token_id": 0}
_ENCODER = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 40, **_NAMED}

# architecture: (stem of the classes' names, head, options of the configuration)
ENCODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("Bert", "ForSequenceClassification", _ENCODER),
    "bert eager": ("Bert", "ForSequenceClassification", {**_ENCODER, "attn_implementation":
        "eager"}),
    "bert masked": ("Bert", "ForMaskedLM", _ENCODER),
    "albert": ("Albert", "ForSequenceClassification", {**_ENCODER, "embedding_size": 16}),
    "roberta": ("Roberta", "ForSequenceClassification", _ENCODER),
    "electra": ("Electra", "ForSequenceClassification", {**_ENCODER, "embedding_size": 16}),
    "distilbert": ("DistilBert", "ForSequenceClassification", {"dim": 32, "hidden_dim": 48,
        "n_layers": 2, "n_heads": 4, "max_position_embeddings": 40, **_NAMED}),
    "deberta": ("Deberta", "ForSequenceClassification", {**_ENCODER, "relative_attention":
        True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 20}),
    "deberta-v2": ("DebertaV2", "ForSequenceClassification", {**_ENCODER,
        "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "max_relative_positions": 20,
        "position_buckets": 8, "share_att_key": True, "norm_rel_ebd": "layer_norm"}),
    "mpnet": ("MPNet", "ForSequenceClassification", _ENCODER),
    "xlnet": ("XLNet", "ForSequenceClassification", {"d_model": 32, "n_layer": 2, "n_head": 4,
        "d_inner": 48, **_NAMED}),
    "xlm": ("XLM", "ForSequenceClassification", {"emb_dim": 32, "n_layers": 2, "n_heads": 4,
        "max_position_embeddings": 40, **_NAMED}),
    "convbert": ("ConvBert", "ForSequenceClassification", {**_ENCODER, "embedding_size": 32,
        "conv_kernel_size": 3, "head_ratio": 2}),
    "squeezebert": ("SqueezeBert", "ForSequenceClassification", {**_ENCODER, "embedding_size":
        32}),
    "mobilebert": ("MobileBert", "ForSequenceClassification", {**_ENCODER, "embedding_size":
        32, "intra_bottleneck_size": 32, "num_feedforward_networks": 2}),
    "rembert": ("RemBert", "ForSequenceClassification", {**_ENCODER, "input_embedding_size":
        16, "output_embedding_size": 16}),
    "roformer": ("RoFormer", "ForSequenceClassification", {**_ENCODER, "embedding_size": 32}),
    "fnet": ("FNet", "ForSequenceClassification", _ENCODER),
    "nystromformer": ("Nystromformer", "ForSequenceClassification", {**_ENCODER,
        "num_landmarks": 12, "segment_means_seq_len": 12}),
    "big bird": ("BigBird", "ForSequenceClassification", {**_ENCODER, "attention_type":
        "original_full"}),
    "longformer": ("Longformer", "ForSequenceClassification", {**_ENCODER, "attention_window":
        4}),
    "canine": ("Canine", "ForSequenceClassification", {**_ENCODER, "num_hash_buckets": 50,
        "local_transformer_stride": 4, "downsampling_rate": 2, "max_position_embeddings": 64}),
    "modernbert": ("ModernBert", "ForSequenceClassification", {**_ENCODER, "cls_token_id": 3,
        "sep_token_id": 4, "bos_token_id": 1, "eos_token_id": 2}),
    "ernie": ("Ernie", "ForSequenceClassification", _ENCODER),
    "esm": ("Esm", "ForSequenceClassification", {**_ENCODER, "position_embedding_type":
        "rotary", "mask_token_id": 5}),
    "layoutlm": ("LayoutLM", "ForSequenceClassification", _ENCODER),
    "funnel": ("Funnel", "ForSequenceClassification", {"d_model": 32, "d_inner": 48, "n_head":
        4, "d_head": 8, "block_sizes": [1, 1], "num_decoder_layers": 1, **_NAMED}),
}
