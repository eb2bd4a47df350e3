"""Studies: what to do as one YAML file, and what was found as one folder."""

from lashley.studies.draw import draw_figures, write_report
from lashley.studies.folder import RunFolder
from lashley.studies.mlp import network_of, run
from lashley.studies.study import Study, builtin, load

__all__ = [
    "RunFolder",
    "Study",
    "builtin",
    "draw_figures",
    "load",
    "network_of",
    "run",
    "write_report",
]
