"""`python -m lashley.cli` is `lashley`."""

from lashley.cli import main

main()
