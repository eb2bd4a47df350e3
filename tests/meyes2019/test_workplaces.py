"""Studies leave the same numbers wherever their networks are run."""

import json
import pickle
import shutil
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import xarray as xr

from lashley import data, networks, studies
from lashley.distribute import Lane, Local, Running, Task, Work
from lashley.distribute.local import threads
from lashley.papers.meyes2019.recovery.rows import NAMES
from lashley.studies.bar import Bar
from lashley.studies.training import Group, alone, train_groups
from lashley.training import Recipe, train

from finished import files_of
from layer_study import at_the_recovery, finished_recovery, recovery_study
from stopping import Stopped

RECIPE = Recipe(epochs=2, lr=0.02, batch_size=64)
PARTS = 3
SEEDS = 8 * PARTS  # of which each part has as few as it may have

pytestmark = pytest.mark.usefixtures("one_thread")


def travelled(given: Any) -> Any:
    return pickle.loads(pickle.dumps(given))


@dataclass(frozen=True)
class Travelling:
    """Workers that know what was pickled for them, and nothing else.

    The lanes take turns, the last one first. A run folder is seen from there, or not.
    """

    parts: int = PARTS
    device: str = "cpu"
    here: str = "cpu"
    options: tuple[str, ...] = ()
    done: list[str] = field(default_factory=list)
    fails_after: int | None = None

    def evaluate(self, network: Any, examples: Any, ablations: Any, **how: Any) -> xr.Dataset:
        return Local().evaluate(*travelled((network, examples, ablations)), **how)

    def carry_out(self, work: Work, lanes: Sequence[Lane], running: Running) -> None:
        waiting = deque((lane, task) for lane in reversed(lanes) if (task := next(lane, None)))
        while waiting:
            lane, task = waiting.popleft()
            if len(self.done) == self.fails_after:
                raise Stopped
            result = self._by_a_worker(*travelled((work, task)), running)
            self.done.append(f"{work.stage}/{task.name}")
            try:
                waiting.append((lane, lane.send(travelled(result))))
            except StopIteration:
                continue

    def _by_a_worker(self, work: Work, task: Task, running: Running) -> Any:
        def report(done: int) -> None:
            running({task.name: done})

        with threads(work.threads):
            return work.carry_out(work.prepare("cpu", **work.inputs), task.content, report)


class Here(Local):
    """This process, with as many parts: only groups of one size round alike on every CPU."""

    parts = PARTS


class Noting(Travelling):
    """Notes the threads that tasks are to compute with, and does none."""

    def carry_out(self, work: Work, lanes: Sequence[Lane], running: Running) -> None:
        self.done.append(f"{work.stage} with {work.threads}")
        raise Stopped


class Told:
    """What a run tells, stage by stage: never less than before, and all of it in the end."""

    def __init__(self) -> None:
        self.by_stage: dict[str, list[tuple[int, int]]] = {}

    def __call__(self, stage: str, done: int, whole: int) -> None:
        self.by_stage.setdefault(stage, []).append((done, whole))

    def check(self, stage: str) -> None:
        done = [n for n, _ in self.by_stage[stage]]
        assert done[0] == 0
        assert self.by_stage[stage][-1] == (done[-1], done[-1])
        assert all(n <= whole for n, whole in self.by_stage[stage])


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "draw_figures", lambda *_: None)
    monkeypatch.setattr(studies, "write_report", lambda *_: None)


@pytest.fixture
def tiny(tmp_path: Path, tiny_study: str) -> studies.StudyForm:
    """With as many networks as the parts need."""
    (tmp_path / "tiny.yaml").write_text(tiny_study)
    return studies.load(str(tmp_path / "tiny.yaml"), [f"population.networks={SEEDS - 1}"])


def silent(*_: Any) -> None:
    """Tell nobody."""


class TestAStudyOfAnMlp:
    @pytest.mark.slow
    def test_is_the_same_byte_by_byte(self, tiny, tmp_path, no_pages):
        where, told = Travelling(), Told()
        here = studies.run(tiny, tmp_path / "here", where=Here(), tell=silent)
        there = studies.run(tiny, tmp_path / "there", where=where, tell=told)
        assert files_of(there.path) == files_of(here.path)
        assert where.done[:PARTS] == ["training/16-23", "training/8-15", "training/0-7"]
        assert where.done[PARTS] == "ablations/population-23"
        assert where.done[-1] == "ablations/clean"
        assert len(where.done) == PARTS + SEEDS
        told.check(f"training {SEEDS} networks")
        told.check("ablations")

    def test_keeps_what_a_worker_trained_before_the_run_was_stopped(self, tiny, tmp_path, no_pages):
        first = Travelling(fails_after=2)
        with pytest.raises(Stopped):
            studies.run(tiny, tmp_path / "run", where=first, tell=silent)
        home = tmp_path / "run" / "networks"
        kept = files_of(home)
        assert {n for n in kept if n.startswith("seed-")} == {
            f"seed-{seed}.safetensors" for seed in range(8, 24)
        }  # fmt: skip
        (home / "seed-10.safetensors").unlink()
        second = Travelling(fails_after=2)
        with pytest.raises(Stopped):
            studies.run(tiny, tmp_path / "run", where=second, tell=silent)
        assert second.done == ["training/8-15", "training/0-7"]  # whole, so that they round alike
        assert set(files_of(home)) == {
            f"{n}.safetensors" for n in ("initial", "population", "trained")
        }  # fmt: skip

    def test_trains_on_one_thread_so_that_parts_make_no_difference(self, tiny, tmp_path):
        where = Noting()
        with pytest.raises(Stopped):
            studies.run(tiny, tmp_path / "run", where=where, tell=silent)
        assert where.done == ["training with 1"]

    @pytest.mark.parametrize(
        ("parts", "names"),
        [(1, ["0-23"]), (2, ["12-23", "0-11"]), (100, ["16-23", "8-15", "0-7"])],
    )
    def test_has_as_many_parts_as_asked_for_of_at_least_8(self, tiny, tmp_path, parts, names):
        where = Travelling(parts, fails_after=len(names))
        with pytest.raises(Stopped):
            studies.run(tiny, tmp_path / "run", where=where, tell=silent)
        assert where.done == [f"training/{name}" for name in names]


class TestARecovery:
    @pytest.fixture
    def swept(self, tmp_path_factory, tmp_path):
        """The folder of a run that has come to the end of its sweep."""
        self.file = recovery_study(tmp_path_factory)
        self.study = studies.load(str(self.file))
        self.finished = finished_recovery(tmp_path_factory)
        return at_the_recovery(self.finished.path, self.study, tmp_path / "run")

    def test_is_the_same_byte_by_byte(self, swept, no_pages):
        """Of one of two layers."""
        site, where, told = "features.49", Travelling(), Told()
        study = studies.load(str(self.file), [f"recovery.sites=[{site}]"])
        (swept / "study.yaml").write_text(study.to_yaml())
        run = studies.run(study, swept, where=where, tell=told)
        for name in NAMES:
            rows = self.finished.table(name).query("site == @site").reset_index(drop=True)
            pd.testing.assert_frame_equal(run.table(name), rows, check_exact=True)
        there, here = (files_of(folder.path / "recovery") for folder in (run, self.finished))
        assert there == {n: content for n, content in here.items() if site in n}
        told.check("recovery")
        assert len(where.done) == len(set(where.done)) == 2 * 3 + 2 + 1
        ends = [name.split("/", 2)[2] for name in where.done]
        assert ends[0] == "iterated-ablated-0-1"  # its chain was the last lane
        assert ends.index("iterated-intact-0-1") > ends.index("iterated-ablated-0-2") > 1

    @pytest.mark.slow
    def test_computes_with_the_threads_that_the_run_began_with(self, swept):
        content = json.loads((swept / "provenance.json").read_text())
        (swept / "provenance.json").write_text(json.dumps(content | {"threads": 5}))
        where = Noting()
        with pytest.raises(Stopped):
            studies.run(self.study, swept, where=where, tell=silent)
        assert where.done == ["recovery with 5"]


class TestTraining:
    NETWORK, EXAMPLES = networks.mlp([64, 6, 10], seed=1), data.digits("train")

    def trained(self, where, checkpoint):
        found = []
        group = Group("network", [self.NETWORK], checkpoint)
        train_groups(
            where, alone, [group], self.EXAMPLES, RECIPE, 1,
            lambda _, weights: found.extend(weights), Bar(silent, "training", RECIPE.epochs),
        )  # fmt: skip
        return found

    def test_alone_is_that_of_la_train(self, tmp_path):
        expected = train(self.NETWORK, self.EXAMPLES, RECIPE).state_dict()
        for where in (Local(), Travelling()):
            (found,) = self.trained(where, tmp_path / type(where).__name__ / "checkpoint")
            assert found.keys() == expected.keys()
            assert all(torch.equal(found[name], expected[name]) for name in expected)
            assert (tmp_path / type(where).__name__ / "checkpoint").is_file()

    def test_goes_without_its_checkpoint_where_that_cannot_be_seen(self, tmp_path, monkeypatch):
        """As on a machine that does not share the run folder."""

        class Elsewhere(Travelling):
            def _by_a_worker(self, *given):
                shutil.rmtree(tmp_path / "networks")
                return super()._by_a_worker(*given)

        (found,) = self.trained(Elsewhere(), tmp_path / "networks" / "checkpoint")
        assert found
        assert not (tmp_path / "networks").exists()
