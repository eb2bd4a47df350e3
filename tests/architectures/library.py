"""Networks of the `transformers` library, built small from their configurations."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from architectures.case import (
    CLASSES,
    PADDING,
    TOKENS,
    VOCABULARY,
    Case,
    padded_tokens,
    pixel_values,
)

_TEXT = {"vocab_size": VOCABULARY, "num_labels": CLASSES, "pad_token_id": PADDING}
_NO_ENDS = {"bos_token_id": None, "eos_token_id": None}
_SMALL = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 5,
}


def _made(network: str, config: str, **options: Any) -> nn.Module:
    library = pytest.importorskip("transformers")
    return getattr(library, network)(getattr(library, config)(**options))


def bert() -> nn.Module:
    return _made("BertForSequenceClassification", "BertConfig", **_SMALL, **_TEXT,
                 max_position_embeddings=TOKENS)  # fmt: skip


def gpt2() -> nn.Module:
    return _made("GPT2ForSequenceClassification", "GPT2Config", **_TEXT, **_NO_ENDS,
                 n_positions=TOKENS, n_embd=8, n_layer=1, n_head=4, n_inner=5)  # fmt: skip


def llama() -> nn.Module:
    return _made("LlamaForSequenceClassification", "LlamaConfig", **_SMALL, **_TEXT, **_NO_ENDS,
                 num_key_value_heads=2, max_position_embeddings=TOKENS)  # fmt: skip


def vit() -> nn.Module:
    return _made("ViTForImageClassification", "ViTConfig", **_SMALL, image_size=8, patch_size=4,
                 num_labels=CLASSES)  # fmt: skip


def resnet() -> nn.Module:
    return _made("ResNetForImageClassification", "ResNetConfig", embedding_size=4,
                 hidden_sizes=[4, 5], depths=[1, 1], layer_type="basic",
                 num_labels=CLASSES)  # fmt: skip


def convnext() -> nn.Module:
    return _made("ConvNextForImageClassification", "ConvNextConfig", patch_size=2, num_stages=2,
                 hidden_sizes=[3, 4], depths=[1, 1], num_labels=CLASSES)  # fmt: skip


def _names(prefix: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names)


_EXPORT = ("export",)

_BERT, _GPT2 = "bert.encoder.layer.0", "transformer.h.0"
_LLAMA, _VIT = "model.layers.0", "vit.layers.0"
_STAGES, _NEXT = "resnet.encoder.stages", "convnext.encoder.stages"

CASES = (
    Case("transformers bert", bert, padded_tokens,
         (*_names(f"{_BERT}.attention", "self.query", "self.key", "self.value", "self",
                  "output.dense"),
          *_names(_BERT, "intermediate.dense", "output.dense"), "bert.pooler.dense"),
         {f"{_BERT}.attention.self": 4},
         _names(f"{_BERT}.attention", "self.query", "self.key", "self.value", "output.dense"),
         _EXPORT),
    Case("transformers gpt2", gpt2, padded_tokens,
         _names(_GPT2, "attn.c_attn", "attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
         {f"{_GPT2}.attn": 4}, _names(_GPT2, "attn.c_attn", "attn.c_proj"), _EXPORT,
         notes="its layers are the library's Conv1D (torch.addmm), with the weight transposed"),
    Case("transformers llama", llama, padded_tokens,
         (*_names(f"{_LLAMA}.self_attn", "q_proj", "k_proj", "v_proj"), f"{_LLAMA}.self_attn",
          *_names(_LLAMA, "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")),
         {f"{_LLAMA}.self_attn": 4},
         _names(f"{_LLAMA}.self_attn", "q_proj", "k_proj", "v_proj", "o_proj"), _EXPORT,
         notes="4 heads of q, 2 of k and v"),
    Case("transformers vit", vit, pixel_values,
         ("vit.embeddings.patch_embeddings.projection",
          *_names(f"{_VIT}.attention", "q_proj", "k_proj", "v_proj"), f"{_VIT}.attention",
          *_names(_VIT, "attention.o_proj", "mlp.fc1", "mlp.fc2")),
         {f"{_VIT}.attention": 4},
         _names(f"{_VIT}.attention", "q_proj", "k_proj", "v_proj", "o_proj"), _EXPORT),
    Case("transformers resnet", resnet, pixel_values,
         ("resnet.embedder.embedder.convolution",
          *_names(f"{_STAGES}.0.layers.0", "layer.0.convolution", "layer.1.convolution"),
          *_names(f"{_STAGES}.1.layers.0", "layer.0.convolution", "layer.1.convolution",
                  "shortcut.convolution")), tracers=_EXPORT),
    Case("transformers convnext", convnext, pixel_values,
         ("convnext.embeddings.patch_embeddings",
          *_names(f"{_NEXT}.0.layers.0", "dwconv", "pwconv1", "pwconv2"),
          f"{_NEXT}.1.downsampling_layer.1",
          *_names(f"{_NEXT}.1.layers.0", "dwconv", "pwconv1", "pwconv2")), tracers=_EXPORT),
)  # fmt: skip
