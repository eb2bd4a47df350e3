"""Networks of Keras 3, whose layers run on torch."""

from __future__ import annotations

import os
from typing import Any

import torch

Made = tuple[Any, Any]

os.environ["KERAS_BACKEND"] = "torch"


def _keras_mlp() -> Made:
    import keras

    m = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(12, activation="gelu"),
            keras.layers.Dense(6),
        ]
    )
    return (m, torch.randn(14, 20))


def _keras_conv() -> Made:
    import keras

    L = keras.layers
    m = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            L.Conv2D(8, 3, padding="same"),
            L.BatchNormalization(),
            L.ReLU(),
            L.MaxPooling2D(),
            L.DepthwiseConv2D(3, padding="same", activation="relu"),
            L.SeparableConv2D(12, 3, activation="relu"),
            L.GlobalAveragePooling2D(),
            L.Dense(6),
        ]
    )
    return (m, torch.randn(14, 16, 16, 3))


def _keras_attention() -> Made:
    import keras

    L = keras.layers
    i = keras.Input((12,))
    x = L.Embedding(60, 16)(i)
    a = L.MultiHeadAttention(2, 8)(x, x)
    x = L.LayerNormalization()(x + a)
    h = L.Dense(24, activation="relu")(x)
    x = x + L.Dense(16)(h)
    o = L.Dense(6)(L.GlobalAveragePooling1D()(x))
    return (keras.Model(i, o), torch.randint(0, 60, (14, 12)))


def _keras_lstm() -> Made:
    import keras

    L = keras.layers
    i = keras.Input((10, 8))
    x = L.LSTM(12, return_sequences=True)(i)
    x = L.GRU(10)(x)
    return (keras.Model(i, L.Dense(6)(x)), torch.randn(14, 10, 8))


NETWORKS = {
    "keras dense": ("keras", _keras_mlp),
    "keras convolutions": ("keras", _keras_conv),
    "keras attention": ("keras", _keras_attention),
    "keras lstm": ("keras", _keras_lstm),
}
