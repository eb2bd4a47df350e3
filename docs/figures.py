"""Draws the pictures of docs/figures.md with the code of that page.

python docs/figures.py
"""

from __future__ import annotations

import re
from pathlib import Path

import lashley as la

HOME = Path(__file__).parent
SHOWN = ("drops", "layers", "heat")


def main() -> None:
    """Draw them all."""
    page = (HOME / "figures.md").read_text()
    for name in SHOWN:
        setattr(la.plot, name, kept(name, getattr(la.plot, name)))
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec("\n".join(code[:-1]), {})  # the last one writes a file of its own


def kept(name, draw):
    """`draw`, which also writes its figure into `images/`."""

    def drawn(*given):
        axes = draw(*given)
        (HOME / f"images/figure-{name}.png").write_bytes(axes._repr_png_()[0])
        return axes

    return drawn


if __name__ == "__main__":
    main()
