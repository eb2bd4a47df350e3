#!/bin/sh
# copy.deepcopy of a module with a compressed sparse buffer (CSR, CSC), such as the adjacency of a
# graph network, raises NotImplementedError. With a COO buffer of the same numbers it works, and so
# does clone() of the CSR tensor. Tools that work on a copy of the network fail there.
#
# Seen with torch 2.13.0, CPU, Python 3.11. It prints:
#
#     to_sparse: copied
#     to_sparse_csr: NotImplementedError: Cannot access storage of SparseCsrTensorImpl
#     to_sparse_csc: NotImplementedError: Cannot access storage of SparseCsrTensorImpl
#     clone of a CSR tensor: equal
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/bin/python" -W ignore - << 'EOF'
import copy

import torch
from torch import nn

dense = torch.eye(4) + torch.eye(4).roll(1, 0)
seen = {}
for layout in ("to_sparse", "to_sparse_csr", "to_sparse_csc"):
    module = nn.Module()
    module.register_buffer("adjacency", getattr(dense, layout)())
    try:
        copied = copy.deepcopy(module)
        seen[layout] = "copied"
    except NotImplementedError as error:
        seen[layout] = f"NotImplementedError: {str(error).splitlines()[0]}"
    print(f"{layout}: {seen[layout]}")
csr = dense.to_sparse_csr()
equal = torch.equal(csr.clone().to_dense(), dense)
print("clone of a CSR tensor:", "equal" if equal else "not equal")
assert equal and seen["to_sparse"] == "copied"
assert all("NotImplementedError" in seen[f"to_sparse_{kind}"] for kind in ("csr", "csc"))
EOF
