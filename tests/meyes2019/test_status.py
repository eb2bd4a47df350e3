"""What a run keeps of its progress, and what `lashley status` and `lashley task` make of it."""

import json
import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from typer.testing import CliRunner

from lashley import cli, studies
from lashley.distribute import Local
from lashley.distribute.alone import CarriedOut, OneTask
from lashley.errors import ClusterError, DataError, LashleyError, RunError, TaskFailed
from lashley.studies import RunFolder, process, progress
from lashley.studies.opening import open_folder
from lashley.studies.process import this_process
from lashley.studies.progress import Progress, StageProgress, advanced, kept

from finished import small_pictures

HERE = Local()


class Eight:
    """Workers elsewhere, as far as progress goes."""

    options = ("--ray", "HOST:1")

    def __str__(self):
        return "8 workers"


NOW = 1_700_000_000.0


def untold(*_):
    pass


def said(*arguments):
    """What a command prints, if it succeeds."""
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def status(path):
    return json.loads(said("status", path, "--format", "json"))


@pytest.fixture
def folder(tmp_path):
    """Of a run that was just begun."""
    return open_folder(tmp_path / "run", studies.load("digits-mlp"))


def change(folder, **changes):
    """Keep something else than the run did."""
    folder.write_json("progress", folder.json("progress") | changes)


class TestTimeLeft:
    @given(some.integers(0, 50), some.integers(1, 50), some.integers(1, 50), some.floats(0.01, 100))
    def test_is_that_of_a_steady_pace_whatever_was_done_before(self, before, done, rest, pace):
        stages = advanced({}, "a", before, before + done + rest, NOW)
        stages = advanced(stages, "a", before + done, before + done + rest, NOW + done * pace)
        at_once, later = (stages["a"].left(NOW + (done + x) * pace) for x in (0, rest / 2))
        assert at_once == pytest.approx(rest * pace, rel=1e-3)
        assert later == pytest.approx(rest * pace / 2, rel=1e-3)

    def test_is_unknown_until_something_was_done_and_where_it_has_passed(self):
        stage = StageProgress(before=3, done=3, total=9, began=NOW, updated=NOW + 5)
        assert stage.left(NOW + 6) is None
        stage = StageProgress(before=0, done=8, total=9, began=NOW, updated=NOW + 8)
        assert stage.left(NOW + 8.5) == pytest.approx(0.5)
        assert stage.left(NOW + 9.5) is None

    def test_of_what_is_finished_is_none(self):
        stages = advanced({}, "a", 4, 4, NOW)
        assert stages["a"].left(NOW + 100) == 0
        assert advanced({}, "empty", 0, 0, NOW)["empty"].share == 1


class TestKept:
    def test_while_it_runs_and_when_it_has_finished(self, folder):
        heard = []
        with kept(folder, HERE, lambda *told: heard.append(told)) as tell:
            tell("training", 0, 20)
            tell("ablations", np.int64(3), np.int64(10))
            found = progress.read(folder)
            assert (found.state, found.workers) == ("running", "this process")
            assert found.process.number == os.getpid()
            assert abs(found.written - time.time()) < 60
            assert [(name, s.done, s.total) for name, s in found.stages.items()] == [
                ("training", 0, 20), ("ablations", 3, 10),
            ]  # fmt: skip
        assert heard == [("training", 0, 20), ("ablations", 3, 10)]
        assert progress.read(folder).state == "finished"

    @pytest.mark.parametrize(
        ("error", "state", "words"),
        [(RunError("run: the disk is full.\nMore."), "failed", "run: the disk is full."),
         (ValueError("odd\nmore"), "failed", "ValueError: odd"),
         (ValueError(), "failed", "ValueError: "),
         (KeyboardInterrupt(), "stopped", None)],
    )  # fmt: skip
    def test_how_it_ended(self, folder, error, state, words):
        with pytest.raises(type(error)) as caught, kept(folder, HERE, untold):
            raise error
        assert caught.value is error
        assert (progress.read(folder).state, progress.read(folder).error) == (state, words)

    def test_about_once_a_second_and_at_each_turn(self, folder, monkeypatch):
        writings, now = [], [0.0]
        monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(RunFolder, "write_json", lambda _self, _, c: writings.append(c))
        with kept(folder, HERE, untold) as tell:
            for i in range(1000):  # in 5 seconds
                now[0] = i / 200
                tell("a", i, 1000)
            assert 5 <= len(writings) <= 7
            tell("a", 1000, 1000)
            assert writings[-1]["stages"]["a"]["done"] == 1000
            tell("b", 0, 7)
            assert list(writings[-1]["stages"]) == ["a", "b"]
            before = len(writings)
            tell("b", 1, 7)
            assert len(writings) == before

    def test_a_full_disk_ends_no_run_and_hides_none_of_its_errors(self, folder, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(RunFolder, "write_json", full)
        heard = []
        with kept(folder, HERE, lambda *told: heard.append(told)) as tell:
            tell("a", 1, 2)
        assert heard == [("a", 1, 2)]
        with pytest.raises(OSError, match="the run's own"), kept(folder, HERE, untold):
            raise OSError("the run's own")

    def test_a_folder_with_nothing_else_may_still_be_given_another_study(self, folder):
        with kept(folder, HERE, untold) as tell:
            tell("data", 0, 1)
        other = studies.load("digits-mlp", ["training.epochs=3"])
        assert studies.study_of(open_folder(folder.path, other)).training.epochs == 3
        folder.write_json("further", {})
        with pytest.raises(RunError, match="holds a run of another study"):
            open_folder(folder.path, studies.load("digits-mlp"))

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (DataError("data: gone."), "data: gone."),
            (OSError(28, "no"), "is full. Free some space"),
        ],
    )
    def test_by_a_run_itself(self, tmp_path, monkeypatch, error, words):
        def run(_study, folder, _where, tell, _objects):
            tell("a stage", 1, 2)
            assert progress.read(folder).state == "running"
            raise error

        monkeypatch.setattr(studies, "take_steps", run)
        with pytest.raises(LashleyError):
            studies.run(studies.load("digits-mlp"), tmp_path / "r", tell=untold)
        found = progress.read(RunFolder(tmp_path / "r"))
        assert (found.state, list(found.stages)) == ("failed", ["a stage"])
        assert words in found.error

    def test_a_unit_that_fails_comes_with_the_command_that_shows_it(self, tmp_path, monkeypatch):
        def run(*_):
            raise TaskFailed("task a/1 failed 3 times.", "a/1")

        monkeypatch.setattr(studies, "take_steps", run)
        folder = tmp_path / "a run"
        with pytest.raises(
            TaskFailed, match=r"To see it alone: lashley task '.*a run' a/1"
        ) as found:
            studies.run(studies.load("digits-mlp"), folder, tell=untold)
        assert found.value.task == "a/1"


class TestASecondProcess:
    def begun(self, folder, **other):
        who = this_process().model_copy(update=other)
        said = Progress(state="running", process=who, began=0, written=0, workers="")
        RunFolder(folder).path.mkdir()
        RunFolder(folder).write_json("progress", said.model_dump())

    def test_is_kept_out_of_a_folder_where_one_is_at_work(self, tmp_path):
        child = subprocess.Popen(["sleep", "600"])
        try:
            self.begun(tmp_path / "r", number=child.pid, birth=process._birth(child.pid))
            with pytest.raises(RunError, match=rf"run: process {child.pid} is carrying out .*/r"):
                studies.run(studies.load("digits-mlp"), tmp_path / "r", tell=untold)
        finally:
            child.kill()
            child.wait()
        assert [p.name for p in (tmp_path / "r").iterdir()] == ["progress.json"]

    @pytest.mark.parametrize("other", [{}, {"number": 0, "birth": "1"}, {"host": "elsewhere"}])
    def test_may_use_a_folder_that_was_left(self, tmp_path, other):
        self.begun(tmp_path / "r", **other)
        progress.check_alone(RunFolder(tmp_path / "r"))


class TestProcesses:
    def test_this_one_runs_however_silent(self):
        assert this_process().runs(1e9)

    def test_a_killed_one_does_not_even_where_its_parent_has_not_looked(self):
        child = subprocess.Popen(["sleep", "600"])
        try:
            found = this_process().model_copy(
                update={"number": child.pid, "birth": process._birth(child.pid)}
            )
            assert found.runs(0)
        finally:
            child.kill()
        deadline = time.monotonic() + 120
        while found.runs(0) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not found.runs(0)
        child.wait()
        assert not found.runs(0)

    @pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="Linux tells it")  # noqa: PTH110
    def test_another_one_with_its_number_is_not_it(self):
        assert not this_process().model_copy(update={"birth": "1"}).runs(0)

    def test_where_no_births_are_told_the_number_counts(self):
        unborn = this_process().model_copy(update={"birth": None})
        assert unborn.runs(0)
        child = subprocess.Popen(["true"])
        child.wait()
        assert not unborn.model_copy(update={"number": child.pid}).runs(0)
        assert not unborn.model_copy(update={"number": 10**30}).runs(0)

    def test_one_of_another_machine_counts_as_gone_after_ten_minutes(self):
        far = this_process().model_copy(update={"host": "elsewhere"})
        assert far.runs(599)
        assert not far.runs(601)


def carry_on(path, told):
    """A run that never ends."""
    with kept(RunFolder(path), Eight(), untold) as tell:
        tell("training", 5, 5)
        tell("ablations", 100, 2000)
        time.sleep(1.1)
        tell("ablations", 700, 2000)
        told.set()
        time.sleep(600)


class TestStatus:
    def test_of_a_run_in_another_process_then_killed(self, folder):
        fork = multiprocessing.get_context("fork")
        told = fork.Event()
        child = fork.Process(target=carry_on, args=(folder.path, told))
        child.start()
        try:
            assert told.wait(300)
            found, text = status(folder.path), said("status", folder.path)
        finally:
            child.kill()
        child.join()
        assert (found["state"], found["workers"], found["go_on"]) == ("running", "8 workers", None)
        assert found["process"]["number"] == child.pid
        training, ablations = found["stages"]
        assert (training["done"], training["share"], training["left"]) == (5, 1, 0)
        assert (ablations["done"], ablations["total"], ablations["share"]) == (700, 2000, 0.35)
        assert 1 < ablations["left"] < 1.1 * 1300 / 600 + 1  # s, of this command's pace
        assert "running" in text
        assert "go on" not in text
        (line,) = (line for line in text.splitlines() if line.startswith("ablations"))
        assert line.split()[:5] == ["ablations", "700", "2,000", "35", "%"]
        assert line.split()[5] in ("0:00:00", "0:00:01", "0:00:02")

        found, text = status(folder.path), said("status", folder.path)
        assert (found["state"], found["stages"][1]["left"]) == ("stopped", None)
        same = f"lashley run {folder.path}/study.yaml --out {folder.path} --ray HOST:1"
        assert found["go_on"] == same
        assert found["go_on"] in text

    def test_of_one_that_failed(self, folder):
        with pytest.raises(RunError), kept(folder, HERE, untold):
            raise RunError("run: [red]no[/red] room.\nMore.")
        text = said("status", folder.path)
        assert "failed: run: [red]no[/red] room." in text
        assert "More." not in text
        assert "lashley run" in text

    def test_of_one_that_finished(self, folder):
        with kept(folder, HERE, untold) as tell:
            tell("figures", 3, 3)
        found = status(folder.path)
        assert (found["state"], found["go_on"], found["error"]) == ("finished", None, None)

    def test_of_one_on_another_machine(self, folder):
        with kept(folder, HERE, untold):
            change(folder, process={"number": 1, "birth": "1", "host": "elsewhere"})
            assert status(folder.path)["state"] == "running"
            assert "process 1 on elsewhere" in said("status", folder.path)
            change(folder, written=time.time() - 700)
            assert status(folder.path)["state"] == "stopped"
            assert "0:11:4" in said("status", folder.path)

    @pytest.mark.parametrize("kept_there", [None, b"", b'{"state": "runn', b"[]", b'{"state": 3}',
                                            b"\xff\xfe", b'{"stages": null}'])  # fmt: skip
    def test_of_one_that_kept_nothing_or_what_cannot_be_read(self, folder, kept_there):
        if kept_there is not None:
            (folder.path / "progress.json").write_bytes(kept_there)
        assert status(folder.path)["state"] == "stopped"
        assert f"--out {folder.path}" in said("status", folder.path)
        (folder.path / "report.html").touch()
        assert status(folder.path)["state"] == "finished"
        assert "lashley run" not in said("status", folder.path)

    def test_of_no_run(self, tmp_path):
        with pytest.raises(RunError, match="is not a run folder"):
            said("status", tmp_path)

    def test_the_command_that_it_gives_finishes_the_run(self, finished_run, tmp_path):
        folder = RunFolder(shutil.copytree(finished_run, tmp_path / "my run"))
        (folder.path / "claims.parquet").unlink()
        (folder.path / "report.html").unlink()
        (folder.path / "progress.json").unlink(missing_ok=True)
        program, *command = shlex.split(status(folder.path)["go_on"])
        assert program == "lashley"
        with small_pictures():
            said(*command)
        assert status(folder.path)["state"] == "finished"
        assert studies.study_of(folder) == studies.study_of(RunFolder(finished_run))
        for name in ("claims.parquet", "effects.parquet", "provenance.json"):
            assert (folder.path / name).read_bytes() == (finished_run / name).read_bytes()


class TestUnit:
    @pytest.fixture
    def ends(self, monkeypatch, folder):
        """A function that lets a run in which one unit is carried out alone end in this way."""

        def alone(ending):
            def run(study, place, where, tell):
                assert (study, place) == (studies.study_of(folder), folder)
                assert where == OneTask("cpu", "ablations/0/1")
                tell("ablations", 0, 1)
                if ending is not None:
                    raise CarriedOut(ending) if isinstance(ending, str) else ending

            monkeypatch.setattr(studies, "take_steps", run)

        return alone

    def carried_out(self, folder, capfd, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["lashley", "task", str(folder.path), "ablations/0/1"])
        try:
            cli.main()
        except SystemExit as left:
            return left.code, *capfd.readouterr()
        raise AssertionError

    def test_says_what_came_of_it(self, folder, ends, capfd, monkeypatch):
        ends("12 ablations of 50 examples in 3 s")
        code, out, _ = self.carried_out(folder, capfd, monkeypatch)
        assert (code, out) == (0, "12 ablations of 50 examples in 3 s\n")

    def test_shows_an_error_with_its_traceback(self, folder, ends, capfd, monkeypatch):
        ends(DataError("data: broken."))
        code, out, err = self.carried_out(folder, capfd, monkeypatch)
        assert (code, out) == (1, "")
        assert "Traceback" in err
        assert "DataError: data: broken." in err
        ends(ZeroDivisionError("0"))
        with pytest.raises(ZeroDivisionError):
            self.carried_out(folder, capfd, monkeypatch)

    def test_of_another_name_is_refused_without_a_traceback(self, folder, ends, capfd, monkeypatch):
        ends(ClusterError("task: given ablations/0/1; the run is at the stage training."))
        code, _, err = self.carried_out(folder, capfd, monkeypatch)
        assert code == 1
        assert "lashley: task: given ablations/0/1; the run is at" in " ".join(err.split())
        assert "Traceback" not in err

    def test_that_there_is_not(self, folder, ends, capfd, monkeypatch):
        ends(None)
        code, _, err = self.carried_out(folder, capfd, monkeypatch)
        assert code == 1
        words = " ".join(err.split())
        assert f"{folder.path}: there is no task 'ablations/0/1' left to do" in words
        assert f"continue the run: lashley run {folder.path}/study.yaml" in words

    def test_of_a_real_run(self, finished_run, tmp_path, one_thread):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        shutil.rmtree(folder / "outcomes.zarr" / "clean")
        text = said("task", folder, "ablations/clean")
        assert text.startswith("ablations/clean was carried out without an error")
        assert not (folder / "outcomes.zarr" / "clean").exists()

    def test_leaves_the_folder_of_a_run_that_goes_on_as_it_is(
        self, folder, ends, capfd, monkeypatch
    ):
        ends("done")
        draft = folder.path / ".effects.parquet.0123abcd.part.parquet"
        draft.write_text("being written")
        with kept(folder, HERE, untold):
            before = {p.name: p.read_bytes() for p in folder.path.iterdir()}
            self.carried_out(folder, capfd, monkeypatch)
            assert {p.name: p.read_bytes() for p in folder.path.iterdir()} == before
