"""Benchmarks: each runs as `python benchmarks/NAME.py` and as `python -m benchmarks.NAME`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # they import `measuring`, which is next to them
