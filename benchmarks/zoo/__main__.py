"""The zoo: networks as people use them, and whether their ablations are right.

python -m benchmarks.zoo [--only levit ...] [--library timm] [--jobs 2] [--again]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.zoo.networks import entries
from benchmarks.zoo.running import known, line_of, run_all
from benchmarks.zoo.table import page, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], help="parts of names or families")
    parser.add_argument("--library", nargs="+", default=[], help="such as timm")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=Path("build/zoo"), help="where rows are kept"
    )
    parser.add_argument("--again", action="store_true", help="also what is already known")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("--known", action="store_true", help="run none; show what is known")
    parser.add_argument("--write", type=Path, help="the page to write, such as docs/networks.md")
    given = parser.parse_args()
    names = [
        e.name for e in entries().values()
        if (not given.only or any(o in e.name or o == e.family for o in given.only))
        and (not given.library or e.library in given.library)
    ]  # fmt: skip
    if given.list:
        print("\n".join(names))
        return
    unknown = [n for n in names if given.again or known(given.folder, n) is None]
    left = [] if given.known else unknown
    run_all(left, given.folder, given.jobs)
    rows = [row for n in names if (row := known(given.folder, n)) is not None]
    for row in rows:
        if row["name"] not in left:
            print(line_of(row))
    print(summary(rows))
    if given.write:
        given.write.write_text(page(rows, len(entries())))


if __name__ == "__main__":
    main()
