"""A bar for each stage, with the time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from lashley.cli.printing import clock, err
from lashley.studies.folder import Tell
from lashley.studies.progress import StageProgress, advanced


class _Left(ProgressColumn):
    """The time left, as `lashley status` shows it, or the time a finished stage took.

    Rich's own shows none if a stage reports less often than every 30 seconds.
    """

    def render(self, task: Task) -> Text:
        stage: StageProgress = task.fields["stage"]
        if stage.done >= stage.total:
            return Text(clock(stage.updated - stage.began), style="progress.elapsed")
        left = stage.left(time.time())
        words = "-:--:--" if left is None else clock(left)
        return Text(f"{words} left", style="progress.remaining")


@contextmanager
def bars() -> Iterator[Tell]:
    """Shows a run's progress; on narrow terminals the bars give way."""
    columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn(), _Left())
    try:
        with Bars(*columns, console=err) as shown:
            stages, tasks = {}, {}

            def tell(name: str, done: int, total: int) -> None:
                stages.update(advanced(stages, name, done, total, time.time()))
                if name not in tasks:
                    tasks[name] = shown.add_task(name, total=total, stage=stages[name])
                shown.update(tasks[name], completed=done, total=total, stage=stages[name])

            yield tell
    except KeyboardInterrupt:  # caught here, as typer would leave without a word
        err.print("Stopped. Run the same command to continue.", highlight=False)
        raise typer.Exit(130) from None
