"""The plan: what a sweep takes, as values and as plain lines."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lashley.planning.model import CostModel


@dataclass(frozen=True, eq=False)
class Plan:
    """What a sweep takes, before it runs.

    Attributes:
        n_ablations: Asked for.
        n_distinct: Different ones: equal ablations run once.
        n_examples: How many there are.
        examples_per_ablation: How many run on average: fewer than all with a precision.
        forward_equivalents: Full passes of one example that the suffixes of all outcomes amount to.
        naive_equivalents: Full passes that a loop over ablations and examples takes.
        memory: Bytes at the peak, above network and examples.
        disk: Bytes of the outcomes; a store compresses most of them.
        seconds: Expected.
        low: The fewest seconds to expect.
        high: The most.
        devices: How many there will be.
        seconds_on_devices: Expected on all of them, if the examples are dealt out in whole batches
            of `batch` and each one is like this one.
        batch: Examples that the engine takes at once.
        precision: Half width in pp of the drops' intervals, or None.
        how: Device, number format and engine, in words.
        model: Costs, from which `seconds_of` makes seconds.
        table: By site: `ablations` (different ones), `share` of a forward pass after it, `examples`
            per ablation, `seconds_per_1000` outcomes, `seconds`, and whether it was `sampled` or
            its cost taken from those before and after it.
    """

    n_ablations: int
    n_distinct: int
    n_examples: int
    examples_per_ablation: float
    forward_equivalents: float
    naive_equivalents: int
    memory: int
    disk: int
    seconds: float
    low: float
    high: float
    devices: int
    seconds_on_devices: float
    batch: int
    precision: float | None
    how: str
    model: CostModel
    table: pd.DataFrame

    def __str__(self) -> str:
        return "\n".join(f"{name + ':':<14}{words}" for name, words in self.lines().items())

    def lines(self) -> dict[str, str]:
        """What it says, in words, by name."""
        found = {
            "ablations": f"{self.n_ablations:,}, {self.n_distinct:,} of them different",
            "examples": f"{self.n_examples:,}",
            "passes": f"{self.forward_equivalents:,.0f} forward-equivalents; a loop over full "
            f"passes takes {self.naive_equivalents:,}",
            "time": f"{duration(self.seconds)} ({duration(self.low)} to {duration(self.high)}); "
            f"{self.how}",
            "memory": f"{size(self.memory)} at the peak, above network and examples",
            "disk": f"{size(self.disk)} at most; a store compresses",
        }
        if self.precision is not None:
            found["precision"] = (
                f"±{self.precision:g} pp; {self.examples_per_ablation:,.0f} examples per ablation "
                "expected, from how many outcomes changed in the calibration"
            )
        if self.devices > 1:
            found["devices"] = (
                f"{self.devices}: {duration(self.seconds_on_devices)}, if all are like this one "
                f"and share the examples in batches of {self.batch}"
            )
        return found


def duration(seconds: float) -> str:
    """Seconds in the largest unit that fits: "0.4 s", "12 min", "3.1 h", "2.5 days"."""
    for length, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def size(n_bytes: float) -> str:
    """Bytes in the largest unit that fits: "12 kB", "3.4 GB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
