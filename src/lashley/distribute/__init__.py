"""Distribution: the same work in this process, or on a Ray cluster."""

from __future__ import annotations

from lashley.distribute.cluster import Cluster
from lashley.distribute.local import Local
from lashley.distribute.work import Lane, Report, Running, Task, Work, Workplace

__all__ = ["Cluster", "Lane", "Local", "Report", "Running", "Task", "Work", "Workplace"]
