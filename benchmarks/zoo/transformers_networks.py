"""The networks of transformers, as the zoo builds them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.zoo.listed.decoders import DECODERS
from benchmarks.zoo.listed.encoders import ENCODERS
from benchmarks.zoo.listed.others import SEQUENCES, SOUNDS
from benchmarks.zoo.listed.vision import VISION
from benchmarks.zoo.lively import enliven, pictures
from benchmarks.zoo.networks import Entry, Made
from benchmarks.zoo.torchvision_here import declare

declare()
import transformers  # noqa: E402

transformers.logging.set_verbosity_error()

_N, _TOKENS, _WORDS = 14, 12, 60


_LISTED = (("language", ENCODERS | DECODERS | SEQUENCES), ("vision", VISION), ("sound", SOUNDS))


def entries() -> Iterator[Entry]:
    for subject, listed in _LISTED:
        for name, (stem, head, options) in listed.items():
            build = partial(_build, subject, stem, head, options)
            yield Entry(f"hf {name}", "transformers", subject, build)


def _build(subject: str, stem: str, head: str, options: dict[str, Any]) -> Made:
    attention = options.get("attn_implementation")
    rest = {k: v for k, v in options.items() if k != "attn_implementation"}
    form = f"{stem}TextConfig" if stem == "Gemma3" else f"{stem}Config"
    config = getattr(transformers, form)(**rest)
    if attention:
        config._attn_implementation = attention
    torch.manual_seed(0)
    network = getattr(transformers, stem + head)(config).eval()
    inputs = _inputs(subject, network, config, torch.Generator().manual_seed(1))
    enliven(network, inputs)
    with torch.no_grad():
        returned = network(**{k: v.clone() for k, v in inputs.items()})
    part = next(p for p in ("logits", "prediction_outputs", "prediction_logits") if p in returned)
    return Made(
        network,
        {k: v[:12].clone() for k, v in inputs.items()},
        {k: v[12:].clone() for k, v in inputs.items()},
        None if part == "logits" else part,
        partial(_part, part),
    )


def _part(name: str, returned: Any) -> Tensor:
    return returned[name]


def _inputs(
    subject: str, network: nn.Module, config: Any, generator: torch.Generator
) -> dict[str, Tensor]:
    names = set(inspect.signature(network.forward).parameters)
    made = {"language": _words, "vision": _pixels, "sound": _sounds}[subject](
        names, network, config, generator
    )
    if "decoder_input_ids" in names and "Conditional" in type(network).__name__:
        made["decoder_input_ids"] = torch.randint(6, _WORDS, (_N, 5), generator=generator)
    return made


def _words(
    names: set[str], network: nn.Module, config: Any, generator: torch.Generator
) -> dict[str, Tensor]:
    """Words of 6 to 12 tokens, padded at the end."""
    words = torch.randint(6, _WORDS, (_N, _TOKENS), generator=generator)
    lengths = torch.randint(6, _TOKENS + 1, (_N,), generator=generator)
    lengths[-2] = _TOKENS  # a donor for all
    mask = (torch.arange(_TOKENS) < lengths[:, None]).long()
    words = words * mask
    if getattr(config, "is_encoder_decoder", False) and config.eos_token_id is not None:
        words[torch.arange(_N), lengths - 1] = config.eos_token_id
    return (
        {"input_ids": words, "attention_mask": mask}
        if "attention_mask" in names
        else {"input_ids": words}
    )


def _pixels(
    names: set[str], network: nn.Module, config: Any, generator: torch.Generator
) -> dict[str, Tensor]:
    if "input_ids" in names:  # ImageGPT reads colours as words
        return {"input_ids": torch.randint(6, _WORDS, (_N, _TOKENS), generator=generator)}
    size = getattr(getattr(config, "vision_config", config), "image_size", 64)
    size = size[0] if isinstance(size, list | tuple) else size
    if "Video" in type(network).__name__:
        return {"pixel_values": pictures(4 * _N, 3, size).unflatten(0, (_N, 4))}
    return {"pixel_values": pictures(_N, 3, size)}


def _sounds(
    names: set[str], network: nn.Module, config: Any, generator: torch.Generator
) -> dict[str, Tensor]:
    kind = type(network).__name__
    if "past_values" in names:
        return {"past_values": torch.randn(_N, 32, 3, generator=generator)}
    if "input_features" in names:
        shape = (16, 40) if kind.startswith("Whisper") else (40 if "Speech2" in kind else 20, 16)
        return {"input_features": torch.randn(_N, *shape, generator=generator)}
    shape = (24, 16) if kind.startswith("AST") else (400,)
    return {"input_values": torch.randn(_N, *shape, generator=generator)}
