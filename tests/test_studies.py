"""What any study needs, without a paper: stages, the registry, and a paper of one's own."""

import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lashley
from lashley.distribute import Local
from lashley.errors import RunError, StudyError
from lashley.studies import RunFolder, builtin, load
from lashley.studies.registry import kinds
from lashley.studies.stages import Job, Stage, carry_out

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/extending.md").read_text()
PAPER = re.findall(r"```python\n(.*?)```", PAGE.partition("## A study")[2], re.DOTALL)[0]


def job(path):
    return Job(None, RunFolder(path), Local(), lambda *_: None)


class TestStages:
    @pytest.fixture
    def stage(self):
        """A function that makes a stage which writes text files, and notes that it was run."""

        def make(makes, needs=()):
            def do(job):
                done.append(makes)
                for name in makes:
                    (job.folder.path / name).write_text("")

            return Stage(makes, needs, do)

        done = []
        make.done = done
        return make

    def test_are_carried_out_in_order_and_not_again(self, tmp_path, stage):
        stages = [stage(["a"]), stage(["b", "c"], ["a"])]
        carry_out(stages, job(tmp_path))
        assert stage.done == [["a"], ["b", "c"]]
        carry_out(stages, job(tmp_path))
        assert len(stage.done) == 2

    def test_one_that_lacks_a_file_is_run_again_alone(self, tmp_path, stage):
        stages = [stage(["a"]), stage(["b", "c"]), stage(["d"])]
        carry_out(stages, job(tmp_path))
        (tmp_path / "c").unlink()
        carry_out(stages, job(tmp_path))
        assert stage.done[3:] == [["b", "c"]]

    def test_one_that_makes_nothing_is_always_run(self, tmp_path, stage):
        for _ in range(2):
            carry_out([stage([])], job(tmp_path))
        assert stage.done == [[], []]

    def test_one_whose_files_nobody_made_is_refused_before_it_runs(self, tmp_path, stage):
        with pytest.raises(RunError, match=r"lacks x, which the next stage needs\. Put the stage"):
            carry_out([stage(["a"]), stage(["b"], ["a", "x"])], job(tmp_path))
        assert stage.done == [["a"]]


@pytest.mark.parametrize("name", builtin())
def test_every_built_in_study_makes_what_it_needs_before_it_needs_it(name):
    study = load(name, ["data.root=x", "recovery.root=y"] if name == "meyes2019-vgg19" else [])
    made = set()
    for stage in kinds()[study.kind].stages(study):
        assert set(stage.needs) <= made
        made |= set(stage.makes)
    assert {f"{table}.parquet" for table in kinds()[study.kind].tables(study)} <= made


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A copy of the sources and of their tests without any paper."""
    home = tmp_path_factory.mktemp("bare")
    left_out = shutil.ignore_patterns("papers", "__pycache__")
    shutil.copytree(ROOT / "src", home / "src", ignore=left_out)
    left_out = shutil.ignore_patterns("meyes2019", "__pycache__")
    shutil.copytree(ROOT / "tests", home / "tests", ignore=left_out)
    files = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml")
    for name in ("benchmarks", "docs", "constraints.txt", *files):
        (home / name).symlink_to(ROOT / name)
    return home


def python(home, *arguments):
    """Python with the sources in `home`."""
    environment = {**os.environ, "PYTHONPATH": str(home / "src"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        [sys.executable, *arguments], cwd=home, env=environment, capture_output=True, text=True
    )


def said(home, *commands):
    """Exit code and output of commands that one process carries out, with the sources in `home`."""
    script = f"""
import json, shlex, sys
from unittest.mock import patch
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from lashley import cli

found = []
for command in {list(commands)!r}:
    out, code = StringIO(), 0
    with patch("sys.argv", ["lashley", *shlex.split(command)]), redirect_stdout(out), \\
            redirect_stderr(out):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
    found.append((code or 0, " ".join(out.getvalue().split())))
print(json.dumps(found))
"""
    done = python(home, "-c", script)
    assert done.returncode == 0, done.stderr
    return [tuple(pair) for pair in json.loads(done.stdout)]


class TestWithoutPapers:
    def test_everything_else_imports_and_there_are_no_studies(self, bare):
        names = [
            module.name
            for module in pkgutil.walk_packages(lashley.__path__, "lashley.")
            if not module.name.startswith("lashley.papers") and not module.name.endswith("__main__")
        ]
        assert len(names) > 200
        imports = "\n".join(f"import {name}" for name in names)
        check = f"assert lashley.__file__.startswith({str(bare)!r})"
        with_none = "from lashley import studies\nassert studies.builtin() == {}"
        words = "there are no built-in studies"
        refused = (
            f"try: studies.load('x')\nexcept lashley.LashleyError as e: assert {words!r} in str(e)"
        )
        done = python(bare, "-c", "\n".join([imports, check, with_none, refused]))
        assert done.returncode == 0, done.stderr

    @pytest.mark.slow
    def test_some_other_tests_pass(self, bare):
        done = python(bare, "-m", "pytest", "-q", "-x", "tests/test_outcomes.py")
        assert done.returncode == 0, done.stdout[-3000:]

    @pytest.mark.slow
    def test_all_other_tests_pass(self, bare):
        done = python(bare, "-m", "pytest", "-q", "-x", "-m", "not slow", "tests")
        assert done.returncode == 0, done.stdout[-3000:]


def test_a_paper_of_ones_own_is_a_folder_and_nothing_more(bare):
    paper = bare / "src/lashley/papers/sums"
    paper.mkdir(parents=True)
    (paper / "__init__.py").write_text(PAPER)
    (paper / "small-sum.yaml").write_text("kind: sum\nname: small-sum\ntitle: A sum\nlast: 4\n")
    listed, run, shown, key, kind = said(
        bare, "list", "run small-sum --out run --set last=5", "show run claims --format csv",
        "run small-sum --set lost=5", "run small-sum --set kind=summ",
    )  # fmt: skip
    shutil.rmtree(paper.parent)
    assert listed == (0, "small-sum A sum")
    assert run[0] == 0
    assert "1 of 1 claims hold" in run[1]
    assert (bare / "run/report.html").is_file()
    assert shown == (0, "total,holds 15,True")
    assert key[0] == kind[0] == 1
    assert "lost: there is no such key; did you mean last?" in key[1]
    assert "kind: given 'summ'; allowed are ablation, sum; did you mean sum?" in kind[1]


def test_a_kind_that_nobody_brings(tmp_path):
    (tmp_path / "study.yaml").write_text("kind: nonsense\nname: n\ntitle: t\n")
    with pytest.raises(StudyError, match=r"kind: given 'nonsense'; allowed are .*ablation"):
        load(str(tmp_path / "study.yaml"))
