"""The zoo: networks as people bring them, and whether ablations of them are right.

python -m benchmarks.zoo [--only levit ...] [--library timm] [--jobs 2] [--again]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.zoo.networks import entries
from benchmarks.zoo.running import known, line_of, run_all, run_one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], help="parts of names or families")
    parser.add_argument("--library", nargs="+", default=[], help="such as timm")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=Path("build/zoo"), help="where rows are kept"
    )
    parser.add_argument("--again", action="store_true", help="also what is known already")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given.one, given.folder)
        return
    names = [
        e.name for e in entries().values()
        if (not given.only or any(o in e.name or o == e.family for o in given.only))
        and (not given.library or e.library in given.library)
    ]  # fmt: skip
    if given.list:
        print("\n".join(names))
        return
    left = [n for n in names if given.again or known(given.folder, n) is None]
    run_all(left, given.folder, given.jobs)
    for name in names:
        if name not in left:
            print(line_of(known(given.folder, name) or {"name": name}))


if __name__ == "__main__":
    main()
