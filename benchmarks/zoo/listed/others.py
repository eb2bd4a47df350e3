"""Networks of transformers on speech and time series, and from sequence to sequence."""

from __future__ import annotations

from typing import Any

# fmt: off
_NAMED = {"vocab_size": 60, "num_labels": 6, "pad_token_id": 0}
_SEQ2SEQ = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48, "max_position_embeddings": 40, **_NAMED, "bos_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 2}
_WAVES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "conv_dim": [16, 16, 16], "conv_kernel": [10, 3, 3], "conv_stride":
    [5, 2, 2], "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 16, "num_labels": 6}
_FRAMES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "classifier_proj_size": 16, "num_labels": 6,
    "feature_projection_input_dim": 16}

# architecture: (stem of the classes' names, head, options of the configuration)
SEQUENCES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "t5": ("T5", "ForSequenceClassification", {"d_model": 32, "d_kv": 8, "d_ff": 48,
        "num_layers": 2, "num_heads": 4, **_NAMED, "eos_token_id": 1, "decoder_start_token_id":
        0}),
    "mt5": ("MT5", "ForSequenceClassification", {"d_model": 32, "d_kv": 8, "d_ff": 48,
        "num_layers": 2, "num_heads": 4, **_NAMED, "eos_token_id": 1, "decoder_start_token_id":
        0}),
    "switch transformers": ("SwitchTransformers", "ForConditionalGeneration", {"d_model": 32,
        "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
        "num_experts": 4, "expert_capacity": 64, "num_sparse_encoder_layers": 1,
        "num_sparse_decoder_layers": 1, **_NAMED, "eos_token_id": 1, "decoder_start_token_id":
        0}),
    "bart": ("Bart", "ForSequenceClassification", _SEQ2SEQ),
    "mbart": ("MBart", "ForSequenceClassification", _SEQ2SEQ),
    "pegasus": ("Pegasus", "ForConditionalGeneration", _SEQ2SEQ),
    "led": ("LED", "ForConditionalGeneration", {**{k: v for k, v in _SEQ2SEQ.items() if k !=
        "max_position_embeddings"}, "attention_window": 4, "max_encoder_position_embeddings": 40,
        "max_decoder_position_embeddings": 40}),
    "prophetnet": ("ProphetNet", "ForConditionalGeneration", {"hidden_size": 32,
        "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "num_encoder_layers": 2,
        "num_decoder_layers": 2, "num_encoder_attention_heads": 4, "num_decoder_attention_heads":
        4, "max_position_embeddings": 40, "ngram": 2, **_NAMED, "decoder_start_token_id": 1}),
}

SOUNDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "wav2vec2": ("Wav2Vec2", "ForSequenceClassification", _WAVES),
    "wav2vec2 stable": ("Wav2Vec2", "ForSequenceClassification", {**_WAVES,
        "do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}),
    "hubert": ("Hubert", "ForSequenceClassification", _WAVES),
    "wavlm": ("WavLM", "ForSequenceClassification", {**_WAVES, "num_buckets": 16,
        "max_bucket_distance": 20}),
    "unispeech": ("UniSpeech", "ForSequenceClassification", _WAVES),
    "sew": ("SEW", "ForSequenceClassification", {**_WAVES, "squeeze_factor": 2}),
    "sew-d": ("SEWD", "ForSequenceClassification", {**_WAVES, "squeeze_factor": 2,
        "max_position_embeddings": 40, "position_buckets": 8}),
    "data2vec-audio": ("Data2VecAudio", "ForSequenceClassification", {**_WAVES,
        "num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 3}),
    "wav2vec2-conformer": ("Wav2Vec2Conformer", "ForSequenceClassification", {**_WAVES,
        "position_embeddings_type": "relative", "conv_depthwise_kernel_size": 3}),
    "wav2vec2-bert": ("Wav2Vec2Bert", "ForSequenceClassification", {**_FRAMES,
        "conv_depthwise_kernel_size": 3}),
    "ast": ("AST", "ForAudioClassification", {"hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_length": 24, "num_mel_bins": 16,
        "patch_size": 8, "frequency_stride": 8, "time_stride": 8, "num_labels": 6}),
    "whisper": ("Whisper", "ForAudioClassification", {**_SEQ2SEQ, "num_mel_bins": 16,
        "max_source_positions": 20, "max_target_positions": 20, "classifier_proj_size": 16}),
    "whisper speech": ("Whisper", "ForConditionalGeneration", {**_SEQ2SEQ, "num_mel_bins": 16,
        "max_source_positions": 20, "max_target_positions": 20}),
    "speech-to-text": ("Speech2Text", "ForConditionalGeneration", {**_SEQ2SEQ,
        "input_feat_per_channel": 16, "max_source_positions": 40, "max_target_positions": 20,
        "conv_channels": 32}),
    "patchtst": ("PatchTST", "ForClassification", {"num_input_channels": 3, "context_length":
        32, "patch_length": 8, "patch_stride": 8, "d_model": 16, "num_attention_heads": 4,
        "num_hidden_layers": 2, "ffn_dim": 32, "num_targets": 6}),
    "patchtsmixer": ("PatchTSMixer", "ForTimeSeriesClassification", {"num_input_channels": 3,
        "context_length": 32, "patch_length": 8, "patch_stride": 8, "d_model": 16, "num_layers":
        2, "num_targets": 6}),
}
