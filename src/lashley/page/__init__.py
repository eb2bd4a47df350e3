"""The report: one self-contained HTML page to explore; it needs no server and no network."""

from lashley.page.atlas import atlas
from lashley.page.carried import carried
from lashley.page.notes import table_notes
from lashley.page.outcomes import outcomes_page
from lashley.page.rendering import Page, render
from lashley.page.reporting import report
from lashley.page.sweep import sweep_arrays

__all__ = [
    "Page",
    "atlas",
    "carried",
    "outcomes_page",
    "render",
    "report",
    "sweep_arrays",
    "table_notes",
]
