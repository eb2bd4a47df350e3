"""The command line: what it prints, and how it fails."""

import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

import lashley
from lashley import cli, studies
from lashley.distribute import Local
from lashley.studies import RunFolder

import layer_study
from finished import small_pictures

TABLES = ("effects", "interactions", "scores", "correlations", "selectivity", "claims")


def said(*arguments):
    """What a command prints, if it succeeds."""
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def failure(monkeypatch, capsys):
    """A function that runs a command that fails: its exit code and what stands on stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lashley", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        assert out == ""
        return caught.value.code, " ".join(err.split())

    return run


def test_list_names_the_built_in_studies():
    lines = said("list").splitlines()
    names = ["digits-mlp", "meyes2019-mlp", "meyes2019-vgg19", "vgg19-cifar10"]
    assert [line.split()[0] for line in lines] == names
    assert "The paper's MLP study on MNIST" in lines[1]


def test_sites_of_a_study():
    lines = [re.split(r" {2,}", line.strip()) for line in said("sites", "digits-mlp").splitlines()]
    assert lines[:3] == [
        ["site", "kind", "units", "held at", "read by"],
        ["fc1", "hidden", "20", "relu1", "fc2"],
        ["fc2", "hidden", "10", "relu2", "fc3"],
    ]
    lines = said("sites", "meyes2019-mlp", "--set", "network.widths=[784, 7, 6, 5, 10]")
    assert [line.split()[:3:2] for line in lines.splitlines()[1:4]] == [
        ["fc1", "7"], ["fc2", "6"], ["fc3", "5"],
    ]  # fmt: skip


class TestShow:
    @pytest.mark.parametrize("what", TABLES)
    def test_csv_and_json_hold_every_column_and_row_and_agree(self, finished_run, what):
        table = RunFolder(finished_run).table(what)
        from_csv = list(
            csv.DictReader(io.StringIO(said("show", finished_run, what, "--format", "csv")))
        )
        from_json = json.loads(said("show", finished_run, what, "--format", "json"))
        assert len(from_csv) == len(from_json) == len(table) > 0
        for in_csv, in_json, row in zip(from_csv, from_json, table.to_dict("records"), strict=True):
            assert list(in_csv) == list(in_json) == list(table.columns)
            for name, value in row.items():
                if value is None or value != value:
                    assert (in_csv[name], in_json[name]) == ("", None)
                elif isinstance(value, float):
                    assert float(in_csv[name]) == value
                    assert math.isclose(in_json[name], value, rel_tol=1e-9, abs_tol=1e-9)
                else:
                    assert in_json[name] == value
                    assert in_csv[name] == str(value)

    def test_units_choose_rows_in_any_order(self, finished_run):
        for units in ("3,5", "5,3", " 5, 3"):
            rows = json.loads(said("show", finished_run, "interactions", "--units", units,
                                   "--format", "json"))  # fmt: skip
            assert [row["units"] for row in rows] == ["3,5"]
        rows = json.loads(said("show", finished_run, "effects", "--units", "3", "--format", "json"))
        assert {row["units"] for row in rows} == {"3"}
        assert {row["network"] for row in rows} == {"main", "population-01", "population-02"}

    def test_the_table_of_effects_is_the_network_under_study_and_all_classes(self, finished_run):
        lines = said("show", finished_run, "effects").splitlines()
        assert len(lines) == 1 + 6 + 15
        assert all("population" not in line for line in lines)
        by_class = said("show", finished_run, "effects", "--all", "--units", "0,1")
        assert len(by_class.splitlines()) == 1 + 11

    @pytest.mark.parametrize("what", TABLES)
    def test_as_a_table_every_row_is_a_line(self, finished_run, what):
        table = RunFolder(finished_run).table(what)
        lines = said("show", finished_run, what).splitlines()
        assert len(lines) == 1 + (21 if what == "effects" else len(table))
        assert lines[0].split()[0] == table.columns[0]

    def test_the_claims_say_yes_and_no(self, finished_run):
        text = said("show", finished_run, "claims")
        for claim in RunFolder(finished_run).table("claims").claim:
            assert claim in text
        assert " yes" in text
        assert "True" not in text

    @pytest.mark.parametrize("what", ["claims", "scores"])
    def test_units_of_a_table_without_them(self, finished_run, what, failure):
        code, err = failure("show", finished_run, what, "--units", "3")
        assert code == 1
        assert f"lashley: --units: {what} has no units. Leave it out." in err

    def test_a_folder_that_is_no_run(self, tmp_path, failure):
        for path in (tmp_path, tmp_path / "none"):
            code, err = failure("show", path, "claims")
            assert code == 1
            assert "is not a run folder" in err
            assert "Give the folder that `lashley run` wrote to." in err

    def test_a_table_there_is_not(self, finished_run, failure):
        code, err = failure("show", finished_run, "clams")
        assert code == 1
        assert f"show: given 'clams'; this run has the tables {', '.join(TABLES)}." in err

    def test_a_narrow_terminal_wraps_but_loses_no_column(self, finished_run, monkeypatch, capsys):
        table = RunFolder(finished_run).table("claims")
        narrow = Console(force_terminal=True, width=80, no_color=True)
        monkeypatch.setattr(cli.printing, "out", narrow)
        cli.showing.show(finished_run, "claims")
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == list(table.columns)
        assert len(lines) > 1 + len(table)
        words = " ".join(lines).split()
        for claim in table.claim:
            assert set(claim.split()) <= set(words)


class TestCells:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(None, ""), (math.nan, ""), (0.0, "0.00"), (1.234, "1.23"), (-0.00123, "-1.2e-03"),
         (True, "yes"), (False, "no"), (3, "3"), ("[b]x", "[b]x")],
    )  # fmt: skip
    def test_few_digits_and_nothing_for_what_is_missing(self, value, text):
        assert cli.printing.cell(value) == text


class TestFailures:
    def test_an_unknown_study_names_the_nearest(self, failure):
        for command in ("run", "sites"):
            code, err = failure(command, "meyes-mlp")
            assert code == 1
            assert "lashley: study: there is no 'meyes-mlp'" in err
            assert "did you mean meyes2019-mlp?" in err

    def test_an_unknown_key(self, failure, tmp_path):
        code, err = failure(
            "run", "digits-mlp", "--set", "training.epoch=3", "--out", tmp_path / "r"
        )
        assert code == 1
        assert "did you mean epochs?" in err
        assert not (tmp_path / "r").exists()

    def test_a_folder_of_something_else(self, failure, tmp_path):
        (tmp_path / "notes.txt").write_text("...")
        code, err = failure("run", "digits-mlp", "--out", tmp_path)
        assert code == 1
        assert "exists and is not a run folder. Give a new or an empty folder." in err

    def test_figures_of_no_run(self, failure, tmp_path):
        code, err = failure("figures", tmp_path)
        assert code == 1
        assert "is not a run folder" in err

    def test_brackets_in_a_message_are_text(self, failure):
        code, err = failure("run", "[red]none[/red]")
        assert code == 1
        assert "[red]none[/red]" in err

    def test_other_errors_keep_their_traceback(self, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["lashley", "list"])
        monkeypatch.setattr(studies, "builtin", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cli.main()

    def test_the_real_command_says_it_on_stderr_without_a_traceback(self, tmp_path):
        command = [sys.executable, "-m", "lashley.cli", "show", str(tmp_path), "claims"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("lashley: run: ")
        assert "Traceback" not in done.stderr

    def test_ctrl_c_says_how_to_go_on(self, failure, monkeypatch, tmp_path):
        def stopped(*_args, **_options):
            raise KeyboardInterrupt

        monkeypatch.setattr(studies, "run", stopped)
        code, err = failure("run", "digits-mlp", "--out", tmp_path / "r")
        assert code == 130
        assert "Stopped. Run the same command to continue." in err


class TestRun:
    @pytest.fixture
    def carried_out(self, monkeypatch, finished_run):
        """The calls of `studies.run`, which does nothing and returns a finished run."""
        calls = []

        def run(study, path, *, where, tell):
            tell("a stage", 0, 2)
            tell("a stage", 2, 2)
            calls.append((study, str(path), where))
            return RunFolder(finished_run)

        monkeypatch.setattr(studies, "run", run)
        monkeypatch.setattr("lashley.distribute.local.check_device", lambda _: None)
        return calls

    def test_hands_on_study_settings_folder_and_device(self, carried_out, tmp_path):
        said("run", "digits-mlp", "--set", "training.epochs=3", "--set", "scores.seed=4",
             "--out", tmp_path / "r", "--device", "cuda")  # fmt: skip
        ((study, path, where),) = carried_out
        assert (study.training.epochs, study.scores.seed) == (3, 4)
        assert (path, where) == (str(tmp_path / "r"), Local("cuda"))

    def test_the_folder_is_named_after_the_study(self, carried_out):
        text = said("run", "digits-mlp")
        assert carried_out[0][1:] == ("runs/digits-mlp", Local("cpu"))
        assert "lashley show runs/digits-mlp claims" in text

    def test_ends_with_the_claims_and_the_report(self, carried_out, finished_run, tmp_path):
        text = said("run", "digits-mlp", "--out", tmp_path / "r")
        claims = RunFolder(finished_run).table("claims")
        assert f"{claims.clean_holds.sum()} of {len(claims)} claims hold" in text
        assert f"Report: {(tmp_path / 'r' / 'report.html').resolve()}" in text


class TestRay:
    @pytest.fixture
    def clusters(self, monkeypatch, finished_run):
        """Clusters that were asked for; the run is carried out on them and does nothing."""
        asked = []

        class Cluster:
            def __init__(self, *given):
                self.given = given

            def __enter__(self):
                asked.append([*self.given, "joined"])
                return self

            def __exit__(self, *_):
                asked[-1].append("left")

        def run(study, path, *, where, tell):
            assert (study.name, where.given) == ("digits-mlp", tuple(asked[-1][:5]))
            asked[-1].append(f"{study.training.epochs} epochs")
            return RunFolder(finished_run)

        monkeypatch.setattr(cli.workplace, "Cluster", Cluster)
        monkeypatch.setattr(studies, "run", run)
        return asked

    @pytest.mark.parametrize(
        ("words", "address"),
        [("--ray digits-mlp", None), ("digits-mlp --ray", None), ("--ray= digits-mlp", None),
         ("--ray auto digits-mlp", "auto"), ("digits-mlp --ray local", "local"),
         ("--ray 10.0.0.1:6379 digits-mlp", "10.0.0.1:6379"),
         ("digits-mlp --ray=head-node:6379", "head-node:6379"),
         ("digits-mlp --ray [::1]:6379", "[::1]:6379")],
    )  # fmt: skip
    def test_its_address_may_be_left_out(self, clusters, words, address):
        said("run", *words.split(), "--set", "training.epochs=7")
        said("run", "--set", "training.epochs=7", *words.split())
        assert clusters == 2 * [[address, "cpu", None, None, None, "joined", "7 epochs", "left"]]

    def test_in_front_of_another_option(self, clusters):
        said("run", "digits-mlp", "--ray", "--set", "training.epochs=3", "--workers", 4,
             "--cpus", 2, "--share", "s3://bucket/data")  # fmt: skip
        assert clusters[0][:5] == [None, "cpu", 4, 2, "s3://bucket/data"]
        assert "3 epochs" in clusters[0]

    def test_is_left_when_the_run_fails(self, clusters, failure, monkeypatch):
        def fails(*_args, **_options):
            raise lashley.LashleyError("run: no.")

        monkeypatch.setattr(studies, "run", fails)
        assert failure("run", "digits-mlp", "--ray")[0] == 1
        assert clusters[0][-1] == "left"

    @pytest.mark.parametrize(
        ("words", "answer"),
        [("digits-mlp --ray ray://head:10001", "Give HOST:PORT of the head node"),
         ("--ray=ray://head:10001 digits-mlp", "ray job submit"),
         ("digits-mlp --ray http://head:8265", "given 'http://head:8265'; allowed are HOST:PORT"),
         ("digits-mlp --ray=head", "--ray: given 'head'; allowed are HOST:PORT"),
         ("digits-mlp --ray head", "given 'digits-mlp' and 'head'; one study is allowed. "
          "After --ray allowed are HOST:PORT"),
         ("--ray 10.0.0.1 digits-mlp", "given '10.0.0.1' and 'digits-mlp'; one study"),
         ("--ray digit-mlp", "did you mean digits-mlp?"),
         ("digits-mlp --workers 2", "--workers: given 2 without --ray; it is allowed on a cluster"),
         ("digits-mlp --cpus 2", "Add --ray, or leave --cpus out."),
         ("digits-mlp --share /data", "--share: given /data without --ray")],
    )  # fmt: skip
    def test_refuses(self, clusters, failure, words, answer):
        code, err = failure("run", *words.split())
        assert code == 1
        assert answer in err
        assert clusters == []

    @pytest.mark.parametrize("option", ["--workers", "--cpus"])
    def test_refuses_counts_below_1(self, failure, option):
        code, err = failure("run", "digits-mlp", "--ray", option, "0")
        assert code == 1
        assert f"{option[2:]}: given 0; allowed is a whole number of at least 1" in err

    @pytest.mark.parametrize(
        ("words", "answer"),
        [("digits-mlp further", "unexpected extra argument"), ("--ray auto", "Missing argument"),
         ("digits-mlp --ray --workers two", "--workers")],
    )  # fmt: skip
    def test_refuses_as_any_command_does(self, clusters, failure, monkeypatch, words, answer):
        monkeypatch.setenv("COLUMNS", "200")
        code, err = failure("run", *words.split())
        assert code == 2
        assert answer.lower() in err.lower()
        assert clusters == []

    def test_the_help_shows_that_the_address_may_be_left_out(self):
        words = said("run", "--help")
        assert re.search(r"--ray +\[ADDRESS\] ", words)
        assert "without ADDRESS" in words


class TestBars:
    @pytest.fixture
    def shown(self, monkeypatch):
        """A function: what stands on a terminal of 80 columns after so many seconds."""
        file, now = io.StringIO(), [1e9]
        console = Console(file=file, force_terminal=True, width=80, no_color=True)
        monkeypatch.setattr(cli.bars, "err", console)
        monkeypatch.setattr(cli.bars.time, "time", lambda: now[0])

        def shown(*steps):
            with cli.bars.bars() as tell:
                for seconds, *told in steps:
                    now[0] = 1e9 + seconds
                    tell(*told)
            text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())
            return text.replace("\r", "\n").splitlines()

        return shown

    def test_of_a_large_sweep_fits_on_80_columns_with_the_time_left(self, shown):
        lines = shown((0, "ablations, 12,345 MB", 0, 1_375_999),
                      (3600, "ablations, 12,345 MB", 343_999, 1_375_999))  # fmt: skip
        (line,) = {line.rstrip() for line in lines if "343999/1375999" in line}
        assert line.startswith("ablations, 12,345 MB ")
        assert line.endswith("3:00:00 left")
        assert len(line) <= 80

    def test_the_time_left_is_of_this_command_and_of_steps_minutes_apart(self, shown):
        lines = shown((0, "recovery", 10, 20), (240, "recovery", 12, 20))
        assert any("12/20" in line and "0:16:00 left" in line for line in lines)

    def test_unknown_at_first_and_none_in_the_end(self, shown):
        assert any("0/20" in line and "-:--:-- left" in line for line in shown((0, "a", 0, 20)))
        lines = shown((0, "b", 0, 20), (9, "b", 20, 20))
        assert not any("left" in line for line in lines if "20/20" in line)


class TestReport:
    def test_is_written_anew_from_the_folder_alone(self, finished_run, tmp_path, monkeypatch):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        (folder / "report.html").unlink()
        shutil.rmtree(folder / "figures")
        monkeypatch.setattr("torch.nn.Module.__call__", lambda *_: pytest.fail("a network ran"))
        text = said("report", folder)
        assert (folder / "report.html").read_bytes() == (finished_run / "report.html").read_bytes()
        assert text == f"Report: {folder.resolve() / 'report.html'}\n"
        assert not (folder / "figures").exists()

    def test_of_an_unfinished_run(self, finished_run, tmp_path, failure):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        (folder / "claims.parquet").unlink()
        code, err = failure("report", folder)
        assert code == 1
        assert "has no claims yet. Finish it with the command that began it." in err

    def test_of_no_run(self, tmp_path, failure):
        assert "is not a run folder" in failure("report", tmp_path)[1]


class TestFigures:
    def test_are_drawn_anew_from_the_folder_alone(self, finished_run, tmp_path, monkeypatch):
        folder = shutil.copytree(finished_run, tmp_path / "run")
        before = {p.name: p.read_bytes() for p in (folder / "figures").iterdir()}
        shutil.rmtree(folder / "figures")
        (folder / "report.html").unlink()
        monkeypatch.setattr("torch.nn.Module.__call__", lambda *_: pytest.fail("a network ran"))
        with small_pictures():  # as the finished run's
            text = said("figures", folder)
        after = {p.name: p.read_bytes() for p in (folder / "figures").iterdir()}
        assert after.keys() == before.keys()
        assert [name for name in before if after[name] != before[name]] == []
        assert (folder / "report.html").read_bytes() == (finished_run / "report.html").read_bytes()
        assert str(folder / "report.html") in text

    def test_also_those_that_are_there_are_drawn_anew(self, finished_run, tmp_path, monkeypatch):
        asked = []
        monkeypatch.setattr(studies, "draw_figures", lambda *_args, again: asked.append(again))
        said("figures", shutil.copytree(finished_run, tmp_path / "run"))
        assert asked == [True]

    def test_a_full_disk(self, finished_run, monkeypatch, failure):
        def full(*_args, **_options):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(studies, "draw_figures", full)
        code, err = failure("figures", finished_run)
        assert code == 1
        assert "is full. Free some space" in err


class TestPlan:
    def test_says_what_a_study_takes(self):
        text = said("plan", "digits-mlp", "--seconds", "0.2", "--devices", "3")
        lines = {line.split()[0]: line for line in text.splitlines() if line.split()}
        assert "210, " in lines["ablations"]
        assert "597" in lines["examples"]
        assert "210 x" not in text
        assert f"{210 * 597:,}" in lines["passes"]
        assert {"time", "memory", "disk", "devices", "fc1"} <= set(lines)
        assert "20 further networks: 20 ablations each" in text

    def test_of_an_image_folder_counts_all_images_and_says_what_they_take(self, tmp_path):
        path = layer_study.generated(tmp_path)
        text = said("plan", path, "--seconds", "0.2")
        n = len(layer_study.CLASSES) * layer_study.PER_CLASS
        assert f"{n} images below {tmp_path / 'images'}" in text
        assert "more of the disk of the run folder while it runs" in text
        assert "features.49" in text
        groups = 344 * 2 * 2 + 16 * 2 * 2 * 5
        assert f"{groups:,}, " in text
        assert f"{groups * n:,}" in text
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("option", "words"),
        [(["--devices", "0"], "devices: given 0"), (["--seconds", "-1"], "seconds: given -1")],
    )
    def test_refuses(self, failure, option, words):
        code, err = failure("plan", "digits-mlp", *option)
        assert code == 1
        assert words in err

    @pytest.mark.slow
    def test_of_the_papers_whole_sweep(self, tmp_path):
        """50,000 images in 1,000 classes, all links to one small photograph."""
        picture = tmp_path / "one.jpg"
        noise = np.random.default_rng(0).integers(0, 256, (300, 260, 3), np.uint8)
        Image.fromarray(noise).save(picture)
        for c, i in product(range(1000), range(50)):
            folder = tmp_path / "images" / f"n{c:08d}"
            folder.mkdir(parents=True, exist_ok=True)
            os.link(picture, folder / f"{i}.JPEG")
        text = said("plan", "meyes2019-vgg19", "--set", f"data.root={tmp_path / 'images'}",
                    "--set", "recovery=null", "--devices", "8")  # fmt: skip
        groups = 5504 * 4 * 2 + 16 * 4 * 2 * 20
        assert f"{groups:,}, " in text
        assert f"{groups * 50_000:,}" in text
        assert "50,000 images" in text
        assert "30.1 GB more of the disk" in text
        (counted,) = (line for line in text.splitlines() if line.startswith("ablations"))
        assert (
            int(counted.split(", ")[1].split()[0].replace(",", "")) > 0.9 * groups
        )  # different ones
