"""Networks with low-rank and other adapters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

Made = tuple[Any, Any]


def _peft_lora_bert() -> Made:
    import peft
    import transformers

    net = transformers.BertForSequenceClassification(
        transformers.BertConfig(
            vocab_size=60,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_labels=6,
            max_position_embeddings=40,
        )
    )
    return (
        peft.get_peft_model(
            net,
            peft.LoraConfig(r=4, target_modules=["query", "value", "dense"], task_type="SEQ_CLS"),
        ),
        {"input_ids": torch.randint(0, 60, (14, 12)), "attention_mask": torch.ones(14, 12).long()},
    )


def _peft_ia3_llama() -> Made:
    import peft
    import transformers

    net = transformers.LlamaForSequenceClassification(
        transformers.LlamaConfig(
            vocab_size=60,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            num_labels=6,
            max_position_embeddings=40,
            pad_token_id=0,
        )
    )
    return (
        peft.get_peft_model(
            net,
            peft.IA3Config(
                target_modules=["k_proj", "v_proj", "down_proj"],
                feedforward_modules=["down_proj"],
                task_type="SEQ_CLS",
            ),
        ),
        {"input_ids": torch.randint(1, 60, (14, 12)), "attention_mask": torch.ones(14, 12).long()},
    )


def _loralib() -> Made:
    import loralib as l

    return (
        nn.Sequential(
            l.Linear(10, 16, r=2), nn.ReLU(), l.Linear(16, 12, r=2), nn.ReLU(), nn.Linear(12, 6)
        ),
        torch.randn(14, 10),
    )


NETWORKS = {
    "peft lora bert": ("peft", _peft_lora_bert),
    "peft ia3 llama": ("peft", _peft_ia3_llama),
    "loralib": ("loralib", _loralib),
}
