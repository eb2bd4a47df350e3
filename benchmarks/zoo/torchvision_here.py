"""Makes torchvision importable with a torch without CUDA.

Its wheel on PyPI is built for CUDA; without its compiled operators the import ends with
"operator torchvision::nms does not exist", although nearly all of it is Python.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_DECLARED: list[torch.library.Library] = []


def declare() -> None:
    """Declare the operators that torchvision describes when it is imported."""
    if not _DECLARED and find_spec("torchvision") is not None:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + _BOXES)
        _DECLARED.append(library)  # it is undone when the library object is deleted
