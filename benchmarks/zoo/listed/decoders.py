"""Decoders of transformers, and what else goes from left to right."""

from __future__ import annotations

from typing import Any

# fmt: off
_NAMED = {"vocab_size": 60, "num_labels": 6, "pad_token_id": 0}
_ENCODER = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 40, **_NAMED}
_DECODER = {**_ENCODER, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2}
_GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40, "n_inner": 48, **_NAMED,
    "bos_token_id": 1, "eos_token_id": 2}
_EXPERTS = {"moe_intermediate_size": 24, "num_experts_per_tok": 2}

# architecture: (stem of the classes' names, head, options of the configuration)
DECODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2", "ForSequenceClassification", _GPT),
    "gpt2 language": ("GPT2", "LMHeadModel", _GPT),
    "openai gpt": ("OpenAIGPT", "ForSequenceClassification", {k: v for k, v in _GPT.items() if
        k != "n_inner"}),
    "ctrl": ("CTRL", "ForSequenceClassification", {**_GPT, "dff": 48}),
    "gpt-neo": ("GPTNeo", "ForSequenceClassification", {"hidden_size": 32, "num_layers": 2,
        "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 4,
        "max_position_embeddings": 40, **_NAMED}),
    "gpt-neox": ("GPTNeoX", "ForSequenceClassification", _ENCODER),
    "gpt-j": ("GPTJ", "ForSequenceClassification", {**_GPT, "rotary_dim": 4}),
    "codegen": ("CodeGen", "ForCausalLM", {**_GPT, "rotary_dim": 4}),
    "opt": ("OPT", "ForSequenceClassification", {**_ENCODER, "ffn_dim": 48,
        "word_embed_proj_dim": 32}),
    "bloom": ("Bloom", "ForSequenceClassification", {"hidden_size": 32, "n_layer": 2,
        "n_head": 4, **_NAMED}),
    "mpt": ("Mpt", "ForSequenceClassification", {"d_model": 32, "n_heads": 4, "n_layers": 2,
        "max_seq_len": 40, **_NAMED}),
    "falcon": ("Falcon", "ForSequenceClassification", {"hidden_size": 32, "num_hidden_layers":
        2, "num_attention_heads": 4, **_NAMED}),
    "llama": ("Llama", "ForSequenceClassification", _DECODER),
    "llama language": ("Llama", "ForCausalLM", _DECODER),
    "mistral": ("Mistral", "ForSequenceClassification", _DECODER),
    "qwen2": ("Qwen2", "ForSequenceClassification", _DECODER),
    "qwen3": ("Qwen3", "ForSequenceClassification", {**_DECODER, "head_dim": 8}),
    "gemma": ("Gemma", "ForSequenceClassification", {**_DECODER, "head_dim": 8}),
    "gemma2": ("Gemma2", "ForSequenceClassification", {**_DECODER, "head_dim": 8,
        "sliding_window": 4}),
    "gemma3": ("Gemma3", "ForCausalLM", {**_DECODER, "head_dim": 8, "sliding_window": 4}),
    "phi": ("Phi", "ForSequenceClassification", _DECODER),
    "phi3": ("Phi3", "ForSequenceClassification", _DECODER),
    "starcoder2": ("Starcoder2", "ForSequenceClassification", _DECODER),
    "stablelm": ("StableLm", "ForSequenceClassification", _DECODER),
    "olmo2": ("Olmo2", "ForCausalLM", _DECODER),
    "cohere": ("Cohere", "ForCausalLM", _DECODER),
    "granite": ("Granite", "ForCausalLM", _DECODER),
    "nemotron": ("Nemotron", "ForSequenceClassification", _DECODER),
    "persimmon": ("Persimmon", "ForSequenceClassification", _DECODER),
    "diffllama": ("DiffLlama", "ForSequenceClassification", _DECODER),
    "mixtral": ("Mixtral", "ForSequenceClassification", {**_DECODER, "num_local_experts": 4,
        "num_experts_per_tok": 2}),
    "qwen2-moe": ("Qwen2Moe", "ForSequenceClassification", {**_DECODER, **_EXPERTS,
        "num_experts": 4, "shared_expert_intermediate_size": 24}),
    "qwen3-moe": ("Qwen3Moe", "ForSequenceClassification", {**_DECODER, **_EXPERTS,
        "num_experts": 4, "head_dim": 8}),
    "olmoe": ("Olmoe", "ForCausalLM", {**_DECODER, "num_experts": 4, "num_experts_per_tok":
        2}),
    "granite-moe": ("GraniteMoe", "ForCausalLM", {**_DECODER, "num_local_experts": 4,
        "num_experts_per_tok": 2}),
    "deepseek-v3": ("DeepseekV3", "ForSequenceClassification", {**_DECODER, **_EXPERTS,
        "num_key_value_heads": 4, "n_routed_experts": 4, "n_group": 2, "topk_group": 1,
        "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4,
        "v_head_dim": 8, "first_k_dense_replace": 1}),
    "jamba": ("Jamba", "ForSequenceClassification", {**_DECODER, "num_experts": 4,
        "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2,
        "expert_layer_offset": 1, "mamba_d_state": 4, "mamba_dt_rank": 4, "use_mamba_kernels":
        False}),
    "mamba": ("Mamba", "ForCausalLM", {"hidden_size": 32, "state_size": 4,
        "num_hidden_layers": 2, "time_step_rank": 4, **_NAMED}),
    "mamba2": ("Mamba2", "ForCausalLM", {"hidden_size": 32, "state_size": 8,
        "num_hidden_layers": 2, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 4,
        **_NAMED}),
    "recurrent-gemma": ("RecurrentGemma", "ForCausalLM", {**_DECODER, "num_hidden_layers": 3,
        "lru_width": 32, "attention_window_size": 8}),
    "rwkv": ("Rwkv", "ForCausalLM", {"hidden_size": 32, "attention_hidden_size": 32,
        "num_hidden_layers": 2, "intermediate_size": 48, "context_length": 40, **_NAMED}),
}
