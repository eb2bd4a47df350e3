#!/bin/sh
# DeBERTa-v2 calls its query and key projections twice in a pass where they are shared with the
# relative positions (share_att_key=True, as in the released models): the second call's first axis
# is 1 and its second positions, so a hook that takes rows for examples meets the table of
# positions. Ablating a unit in all calls changes positions too; the value projection is called
# once.
#
# Seen with torch 2.13.0, transformers 5.23.0, CPU, Python 3.11. It prints:
#
#     query_proj (5, 6, 8) (1, 8, 8)
#     key_proj (5, 6, 8) (1, 8, 8)
#     value_proj (5, 6, 8)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 transformers==5.23.0
"$folder/bin/python" -W ignore - << 'EOF'
import torch
from torch import nn

torch.manual_seed(0)

from collections import defaultdict

from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

network = DebertaV2ForSequenceClassification(DebertaV2Config(
    vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=16, num_labels=3, relative_attention=True, position_buckets=4,
    pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm",
)).eval()
shapes = defaultdict(list)
attention = network.deberta.encoder.layer[0].attention.self
for name in ("query_proj", "key_proj", "value_proj"):
    getattr(attention, name).register_forward_hook(
        lambda module, inputs, output, name=name: shapes[name].append(tuple(output.shape)))
with torch.no_grad():
    network(torch.randint(1, 20, (5, 6)))  # 5 examples of 6 tokens
for name, found in shapes.items():
    print(name, *found)
assert shapes["query_proj"] == shapes["key_proj"] == [(5, 6, 8), (1, 8, 8)]
assert shapes["value_proj"] == [(5, 6, 8)]
EOF
