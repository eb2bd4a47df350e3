"""The run folder: what a run leaves, how it goes on after a stop, and what it refuses."""

import errno
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors import SafetensorError

from lashley import cli, data, networks, studies
from lashley import outcomes as schema
from lashley.distribute import Local
from lashley.errors import EngineError, NetworkError, OutcomesError, RunError, TrainingError
from lashley.papers.meyes2019.mlp import run as mlp
from lashley.studies import RunFolder
from lashley.studies.opening import disk_errors

from finished import files_of

TABLES = ("scores", "effects", "interactions", "correlations", "selectivity", "claims")
REWRITTEN = {"study.yaml", "report.html"}  # each time, with the same content


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def tiny(tmp_path, tiny_study):
    """A function that loads the tiny study, with settings."""
    (tmp_path / "tiny.yaml").write_text(tiny_study)
    return lambda *settings: studies.load(str(tmp_path / "tiny.yaml"), settings)


@pytest.fixture
def no_figures(monkeypatch):
    """Runs end with the tables: figures take most of the time, and have tests of their own."""
    monkeypatch.setattr(studies, "draw_figures", lambda *_: None)
    monkeypatch.setattr(studies, "write_report", lambda *_: None)


def silent(*_):
    """Tell nobody."""


def assert_same_results(folder: Path, finished: Path) -> None:
    """Every table, array, network and outcome, byte by byte; and nothing half written."""
    found, expected = files_of(folder), files_of(finished)
    for name, content in expected.items():
        if not name.startswith(("figures/", "report", "provenance")):
            assert found[name] == content, name
    assert not [name for name in found if name not in expected]


class TestACompleteRun:
    def test_has_all_products(self, finished_run):
        names = [f"figure-{n}" for n in ("01", "02", "03", "04", "05", "06", "07", "08", "09",
                 "10", "11", "12", "13", "a1", "a2", "a3", "a4", "excess")]  # fmt: skip
        expected = {
            "study.yaml", "provenance.json", "embedding.npy", "embedding.json", "images.npz",
            "report.html", *(f"{t}.parquet" for t in TABLES),
            *(f"networks/{n}.safetensors" for n in ("initial", "population", "trained")),
            *(f"figures/{n}.{kind}" for n in names for kind in ("png", "svg")),
        }  # fmt: skip
        found = {n for n in files_of(finished_run) if not n.startswith("outcomes.zarr/")}
        assert found == expected
        groups = {p.name for p in (finished_run / "outcomes.zarr").iterdir()}
        assert groups == {"clean", "population-01", "population-02"}
        assert {p.name for p in finished_run.iterdir() if p.is_dir()} == {
            "networks", "outcomes.zarr", "figures",
        }  # fmt: skip

    def test_figures_are_pictures(self, finished_run):
        for path in (finished_run / "figures").iterdir():
            start = path.read_bytes()[:200]
            assert start.startswith(b"\x89PNG") if path.suffix == ".png" else b"<svg" in (
                path.read_bytes()
            )  # fmt: skip
            assert path.stat().st_size > 2000

    def test_the_study_stands_in_it_resolved(self, finished_run, tiny):
        assert studies.study_of(RunFolder(finished_run)) == tiny()
        assert yaml.safe_load((finished_run / "study.yaml").read_text())["embedding"] == {
            "components": 30, "perplexity": 40, "seed": 0,
        }  # fmt: skip

    def test_provenance_says_with_what_it_was_made(self, finished_run):
        found = json.loads((finished_run / "provenance.json").read_text())
        assert found["versions"]["torch"] == version("torch")
        assert {"lashley", "numpy", "python", "openTSNE", "zarr"} <= found["versions"].keys()
        assert found["seeds"]["population"] == [1, 2]
        assert (found["device"], found["study"]) == ("cpu", "tiny")
        test = data.digits("test")
        assert found["fingerprints"]["test examples"] == test.fingerprint
        trained = networks.read_weights(finished_run / "networks" / "trained.safetensors")
        prints = {name: data.fingerprint(value) for name, value in trained.items()}
        assert found["fingerprints"]["network"] == prints
        assert found["fingerprints"]["initial network"] != prints

    def test_the_numbers_are_those_of_the_networks_in_it(self, finished_run):
        """The intact accuracy and one drop, measured by hand from the saved weights."""
        state = networks.read_weights(finished_run / "networks" / "trained.safetensors")
        network = networks.with_weights(networks.mlp([64, 6, 5, 10], bias=False), state)
        test = data.digits("test")

        def right():
            with torch.no_grad():
                return int((network(test.inputs).argmax(1) == test.labels).sum())

        effects = RunFolder(finished_run).table("effects")
        rows = effects[(effects.network == "main") & (effects["class"] == "all")]
        assert set(rows.intact_correct) == {intact := right()}
        with torch.no_grad():
            network.fc1.weight[3] = 0
            network.fc1.weight[5] = 0
        (drop,) = rows[rows.units == "3,5"].drop_pp
        assert drop == pytest.approx(100 * (intact - right()) / 597)
        assert len(rows) == 6 + 15

    def test_the_population_is_of_the_seeds_that_follow(self, finished_run):
        initial = networks.read_weights(finished_run / "networks" / "initial.safetensors")
        expected = networks.mlp([64, 6, 5, 10], bias=False, seed=0).state_dict()
        assert all(torch.equal(initial[name], expected[name]) for name in expected)
        scores = RunFolder(finished_run).table("scores")
        assert scores.network.unique().tolist() == ["main", "population-01", "population-02"]
        drops = scores.groupby("network").drop_pp.apply(tuple)
        assert len(set(drops)) == 3

    def test_running_it_again_writes_nothing_anew(self, finished_run, tiny, tmp_path):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        before = files_of(folder)
        times = {name: (folder / name).stat().st_mtime_ns for name in before}
        told = []
        studies.run(tiny(), folder, tell=lambda stage, *_: told.append(stage))
        after = files_of(folder)
        assert after == before
        moved = {n for n in before if (folder / n).stat().st_mtime_ns != times[n]}
        assert moved <= REWRITTEN
        assert not any("training" in stage or stage == "t-SNE" for stage in told)


def test_a_study_by_a_method_of_ones_own(finished_run, tiny, tmp_path, no_figures):
    method = "test_methods:Clipped(0.5)"
    studies.run(tiny(f"ablation.method={method}"), tmp_path / "run", tell=silent)
    own, other = (pd.read_parquet(run / "effects.parquet")
                  for run in (tmp_path / "run", finished_run))  # fmt: skip
    assert set(own["method"]) == {method}
    assert list(own["units"]) == list(other["units"])
    assert (own["drop_pp"] != other["drop_pp"]).any()
    assert studies.study_of(RunFolder(tmp_path / "run")).ablation.method == method


class TestGoingOn:
    """Whatever stops a run: the same command finishes it with the same results."""

    def test_stopped_at_every_stage_in_turn(self, finished_run, tiny, tmp_path, no_figures):
        moments = [("training 3 networks", 1), ("training 3 networks", 2), ("ablations", 0),
                   ("ablations", 1), ("ablations", 2), ("ablations", 3), ("t-SNE", 50),
                   ("t-SNE", 700), *(("tables", i) for i in range(7))]  # fmt: skip
        folder, reached, began = tmp_path / "run", [], {}
        for moment in moments:

            def stop(stage, done, total, moment=moment):
                if (stage, done) == moment:
                    reached.append(moment)
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                studies.run(tiny(), folder, tell=stop)
            now = files_of(folder)
            kept = {n for n in began if not n.startswith("study") and "checkpoint" not in n}
            assert all(now[name] == began[name] for name in kept)  # what is finished is kept
            began = now
        assert reached == moments
        studies.run(tiny(), folder, tell=silent)
        assert_same_results(folder, finished_run)

    @pytest.mark.slow
    def test_a_disk_that_takes_a_few_more_files_each_time(
        self, finished_run, tiny, tmp_path, no_figures, monkeypatch
    ):
        """Files and outcomes take their place by being renamed; after some, the disk is full."""
        folder, room, kept = tmp_path / "run", 0, {}
        for method in ("replace", "rename"):
            whole = getattr(Path, method)

            def limited(self, target, whole=whole):
                nonlocal room
                if ".part" not in str(target) and target.name != "progress.json":  # zarr's own
                    if room == 0:
                        raise OSError(errno.ENOSPC, "No space left on device", str(target))
                    room -= 1
                return whole(self, target)

            monkeypatch.setattr(Path, method, limited)
        stops = 0
        for room in [0, 1, 2, 3, *[4] * 40]:  # noqa: B007 (study.yaml, and up to three files more)
            try:
                studies.run(tiny(), folder, tell=silent)
                break
            except RunError as error:
                stops, said = stops + 1, str(error)
            assert_full(said, folder)
            now = files_of(folder) if folder.exists() else {}
            assert all(now[name] == kept[name] for name in kept)
            kept = {n: c for n, c in now.items() if not re.search(r"\.part|checkpoint|seed-", n)}
        assert 7 < stops < 20
        assert_same_results(folder, finished_run)

    @pytest.mark.slow
    def test_killed_at_any_moment(self, finished_run, tiny, tmp_path, no_figures):
        """Ctrl-C once, then kill -9; the last time it may finish."""
        tiny()  # writes the study file
        folder = tmp_path / "run"
        command = [sys.executable, __file__, str(tmp_path / "tiny.yaml"), str(folder)]
        done = subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
            check=True, timeout=900,
            # a job in the background ignores Ctrl-C, and so would its children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        assert json.loads(done.stdout.splitlines()[-1]) == [130, -signal.SIGKILL, -signal.SIGKILL]
        assert "Stopped. Run the same command to continue." in done.stderr
        assert "Traceback" not in done.stderr
        studies.run(tiny(), folder, tell=silent)
        assert_same_results(folder, finished_run)

    def test_killed_before_the_study_was_written(self, tiny, tmp_path, no_figures):
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / ".study.yaml.0123abcd.part.yaml").write_text("name: ti")
        stop_at_once(tiny(), folder)
        assert (folder / "study.yaml").is_file()
        assert not list(folder.rglob("*.part*"))

    def test_half_written_files_are_cleared_away(self, finished_run, tiny, tmp_path, no_figures):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        (folder / ".scores.parquet.0123abcd.part.parquet").write_text("half")
        (folder / "networks" / ".trained.safetensors.0123abcd.part.safetensors").write_text("half")
        (folder / "networks" / "checkpoint.safetensors").write_text("no longer needed")
        (folder / ".outcomes.zarr.part" / "clean").mkdir(parents=True)
        (folder / ".outcomes.zarr.part" / "clean" / "zarr.json").write_text("{}")
        (folder / ".users-own").write_text("stays")
        studies.run(tiny(), folder, tell=silent)
        assert files_of(folder).keys() - files_of(finished_run).keys() == {".users-own"}
        assert not (folder / ".outcomes.zarr.part").exists()

    @pytest.mark.parametrize("name", [*TABLES, "outcomes.zarr/population-01", "embedding.npy"])
    def test_what_is_lost_is_made_again(self, finished_run, tiny, tmp_path, no_figures, name):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        path = folder / (f"{name}.parquet" if name in TABLES else name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        studies.run(tiny(), folder, tell=silent)
        assert_same_results(folder, finished_run)


def assert_full(said, folder):
    assert f"the disk of {folder} is full. Free some space and give the same command" in said
    assert "what is finished is kept" in said


def stop_at_once(study, folder):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.run(study, folder, tell=stop)


class TestRefused:
    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("training.epochs=3", r"training\.epochs differ \(training\.epochs is 2 there, 3 here"),
            ("network.widths=[64, 7, 5, 10]", r"network\.widths differ"),
            ("ablation.method=silence", r"'zero_weights' there, 'silence' here\)\. Give another f"),
        ],
    )
    def test_the_folder_of_another_study(self, finished_run, tiny, setting, words):
        before = files_of(finished_run)
        with pytest.raises(RunError, match=f"holds a run of another study: .*{words}"):
            studies.run(tiny(setting), finished_run, tell=silent)
        assert files_of(finished_run) == before

    def test_a_folder_of_something_else(self, tiny, tmp_path):
        folder = tmp_path / "thesis"
        folder.mkdir()
        (folder / "chapter-1.tex").write_text("...")
        with pytest.raises(RunError, match=r"--out: .*thesis exists and is not a run folder"):
            studies.run(tiny(), folder, tell=silent)
        assert [p.name for p in folder.iterdir()] == ["chapter-1.tex"]

    def test_a_file(self, tiny, tmp_path):
        (tmp_path / "file").write_text("...")
        with pytest.raises(RunError, match="file exists and is not a run folder"):
            studies.run(tiny(), tmp_path / "file", tell=silent)

    def test_a_study_file_that_is_none(self, tiny, tmp_path):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "study.yaml").write_text("name: [")
        with pytest.raises(RunError, match=r"run is not a run folder (.|\n)*Give the folder"):
            studies.run(tiny(), tmp_path / "run", tell=silent)

    def test_an_empty_folder_is_taken(self, tiny, tmp_path):
        (tmp_path / "run").mkdir()
        stop_at_once(tiny(), tmp_path / "run")
        assert (tmp_path / "run" / "study.yaml").is_file()

    def test_a_folder_that_cannot_be_made(self, tiny, tmp_path):
        (tmp_path / "file").write_text("...")
        with pytest.raises(
            RunError, match=r"--out: .*x cannot be written to \(Not a directory\)\. Give another"
        ):
            studies.run(tiny(), tmp_path / "file" / "x", tell=silent)
        with pytest.raises(RunError, match=r"cannot be written to \(File name too long\)"):
            studies.run(tiny(), tmp_path / ("x" * 300), tell=silent)

    @pytest.mark.parametrize("function", ["mkdir", "iterdir"])
    def test_a_folder_without_the_right_to_it(self, tiny, tmp_path, monkeypatch, function):
        def denied(self, *_args, **_options):
            raise PermissionError(errno.EACCES, "Permission denied", str(self))

        (tmp_path / "run").mkdir()
        study = tiny()
        monkeypatch.setattr(Path, function, denied)
        with pytest.raises(RunError, match=r"run cannot be written to \(Permission denied\)\. Gi"):
            studies.run(study, tmp_path / "run", tell=silent)

    def test_data_that_changed_since_it_began(
        self, finished_run, tiny, tmp_path, monkeypatch, no_figures
    ):
        folder = shutil.copytree(finished_run, tmp_path / "run")

        def changed(split):
            examples = data.digits(split)
            inputs = examples.inputs.clone()
            inputs[17, 0, 3, 3] += 0.125
            return replace(examples, inputs=inputs)

        monkeypatch.setitem(mlp._LOADERS, "digits", changed)
        with pytest.raises(RunError, match=r"test examples changed since this run .*a new folder"):
            studies.run(tiny(), folder, tell=silent)
        assert files_of(folder) == files_of(finished_run)

    @pytest.mark.parametrize("which", ["trained", "initial"])
    def test_a_network_that_changed_since_it_began(
        self, finished_run, tiny, tmp_path, which, no_figures
    ):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        other = networks.mlp([64, 6, 5, 10], bias=False, seed=9)
        networks.save_weights(other, folder / "networks" / f"{which}.safetensors")
        name = {"trained": "network", "initial": "initial network"}[which]
        with pytest.raises(RunError, match=f"run: {name} changed since this run began"):
            studies.run(tiny(), folder, tell=silent)

    @pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
    def test_a_device_that_is_not_there(self, device):
        with pytest.raises(EngineError, match=rf"device: '{device}' is not available .*Use 'cpu'"):
            Local(device)


class TestDiskErrors:
    """What a full disk looks like depends on who was writing."""

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            OSError(errno.EDQUOT, "Disk quota exceeded"),
            OSError("10000 requested and 234 written"),  # numpy
            SafetensorError("I/O error: No space left on device (os error 28)"),
            TrainingError("checkpoint: x cannot be written (No space left on device)"),
            SafetensorError("I/O error: Disk quota exceeded (os error 122)"),
        ],
    )
    def test_a_full_disk(self, error, tmp_path):
        with pytest.raises(RunError, match=r"is full\. Free some space") as caught:  # noqa: SIM117
            with disk_errors(tmp_path):
                raise error
        assert caught.value.__cause__ is error

    @pytest.mark.parametrize(
        "error", [OSError(errno.EIO, "I/O error"), TrainingError("diverged"), SafetensorError("no")]
    )
    def test_other_errors_are_left_alone(self, error, tmp_path):
        with pytest.raises(type(error)) as caught, disk_errors(tmp_path):
            raise error
        assert caught.value is error


class TestNetworksFromFiles:
    @pytest.fixture
    def given_(self, tmp_path):
        """Settings that name two files, and the network in the first."""
        paths = tmp_path / "w.safetensors", tmp_path / "i.pt"
        network = networks.mlp([64, 6, 5, 10], bias=False, seed=5)
        networks.save_weights(network, paths[0])
        torch.save(networks.mlp([64, 6, 5, 10], bias=False, seed=6).state_dict(), paths[1])
        return [f"network.weights={paths[0]}", f"network.initial={paths[1]}"], network

    def test_are_studied_in_place_of_a_trained_one(self, tiny, tmp_path, given_, no_figures):
        settings, network = given_
        told = set()
        folder = studies.run(tiny(*settings), tmp_path / "run",
                             tell=lambda stage, *_: told.add(stage))  # fmt: skip
        assert "training 2 networks" in told
        outcomes = schema.open_saved(folder.outcomes, "clean")
        test = data.digits("test")
        predicted = network(test.inputs).argmax(1).tolist()
        assert outcomes["intact_prediction"].values.tolist() == predicted

    def test_of_another_shape_are_refused_before_any_training(self, tiny, tmp_path, given_):
        settings = [*given_[0], "network.widths=[64, 7, 5, 10]"]
        with pytest.raises(NetworkError, match=r"fc1\.weight is \(6, 64\), must be \(7, 64\)"):
            studies.run(tiny(*settings), tmp_path / "run", tell=lambda *_: pytest.fail("ran"))

    def test_that_are_not_finite_are_refused_before_any_training(self, tiny, tmp_path, given_):
        settings, network = given_
        with torch.no_grad():
            network.fc2.weight[0, 0] = float("nan")
        networks.save_weights(network, tmp_path / "w.safetensors")
        with pytest.raises(NetworkError, match=r"fc2\.weight hold NaN"):
            studies.run(tiny(*settings), tmp_path / "run", tell=lambda *_: pytest.fail("ran"))


class TestRunFolder:
    def test_tables_arrays_and_mappings_come_back_as_they_were_written(self, tmp_path):
        folder = RunFolder(tmp_path / "new")
        table = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [True, False], "d": [0.5, None]})
        folder.write_table("t", table)
        pd.testing.assert_frame_equal(folder.table("t"), table)
        folder.write_array("x", np.arange(6).reshape(2, 3))
        assert folder.array("x").tolist() == [[0, 1, 2], [3, 4, 5]]
        folder.write_json("j", {"a": [1, "ü"]})
        assert folder.json("j") == {"a": [1, "ü"]}
        assert folder.has("t.parquet", "x.npy", "j.json")
        assert not folder.has("t.parquet", "other")
        assert len(list(folder.path.iterdir())) == 3

    def test_a_table_that_is_not_there_yet(self, tiny, tmp_path):
        stop_at_once(tiny(), tmp_path / "run")
        with pytest.raises(RunError, match=r"has no claims yet\. Finish it with the command that"):
            RunFolder(tmp_path / "run").table("claims")

    def test_a_folder_that_is_no_run(self, tmp_path):
        with pytest.raises(RunError, match="is not a run folder"):
            RunFolder(tmp_path).table("claims")
        with pytest.raises(OutcomesError, match="holds no 'clean'"):
            schema.open_saved(RunFolder(tmp_path).outcomes, "clean")


def stopped_again_and_again(study: str, folder: Path) -> list[int]:
    """How the command ends each time, forked from a process that has imported everything."""
    sys.argv = ["lashley", "run", study, "--out", str(folder)]
    draw, ends = random.Random(3), []
    for end in (signal.SIGINT, signal.SIGKILL, signal.SIGKILL):
        before = written(folder / "study.yaml")
        child = multiprocessing.get_context("fork").Process(target=cli.main)
        child.start()
        while child.is_alive() and written(folder / "study.yaml") == before:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.1 if end == signal.SIGINT else 1.2))
        os.kill(child.pid, end)
        child.join()
        ends.append(child.exitcode)
    return ends


def written(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


if __name__ == "__main__":
    print(json.dumps(stopped_again_and_again(sys.argv[1], Path(sys.argv[2]))))
