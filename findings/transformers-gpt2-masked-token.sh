#!/bin/sh
# GPT2ForSequenceClassification classifies at the last token that is not pad_token_id, whatever
# attention_mask says. Where what is masked out is not filled with that very token, it classifies
# at a masked token, and its logits follow tokens that the mask hides.
#
# Seen with torch 2.13.0, transformers 5.23.0, CPU, Python 3.11. It prints:
#
#     masked tokens (0, 0), (7, 8), (9, 3) change the logits by 0.00 1.11 0.84
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 transformers==5.23.0
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

from transformers import GPT2Config, GPT2ForSequenceClassification

network = GPT2ForSequenceClassification(GPT2Config(
    vocab_size=20, n_positions=8, n_embd=8, n_layer=1, n_head=2, num_labels=3, pad_token_id=0,
    bos_token_id=1, eos_token_id=2, initializer_range=1.0,
)).eval()
mask = torch.tensor([[1, 1, 0, 0]])
with torch.no_grad():
    text = network(torch.tensor([[5, 6]])).logits
    filled = [network(torch.tensor([[5, 6, a, b]]), attention_mask=mask).logits
              for a, b in ((0, 0), (7, 8), (9, 3))]
apart = [(logits - text).abs().max().item() for logits in filled]
print("masked tokens (0, 0), (7, 8), (9, 3) change the logits by", *(f"{a:.2f}" for a in apart))
assert apart[0] < 1e-4 and min(apart[1:]) > 0.1
EOF
