"""Studies of any network: from a file and from Python, with resume, plan and clear refusals."""

import os
import re
import shutil
import signal

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from typer.testing import CliRunner

import lashley as la
from lashley import cli, studies
from lashley.distribute import Local
from lashley.errors import (
    CodeError,
    DataError,
    LashleyError,
    NetworkError,
    ReadoutError,
    RunError,
    StudyError,
)
from lashley.studies.python import Run, Study, open_run

CODE = """
import torch
import lashley as la
from torch import nn


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.one, self.two, self.out = nn.Linear(64, width), nn.Linear(width, 6), nn.Linear(6, 10)

    def forward(self, x):
        return self.out(self.two(self.one(x.flatten(1)).relu()).relu())


def make(width=8):
    return Net(width)


def examples(split):
    found = la.data.digits(split)
    return found.inputs[:120], found.labels[:120]


def margin(outputs, targets):
    return {"margin": outputs.amax(1) - outputs.mean(1), "first": outputs.argmax(1) == 0}


def halves():
    return ["first" if i < 60 else "second" for i in range(120)]


def broken():
    raise RuntimeError("no weights today")


def nothing():
    return {"weights": 1}
"""
SWEEPS = {
    "units": {"sites": "*", "methods": ["silence", "mean"]},
    "pairs": {"sites": "one", "design": "pairs"},
    "groups": {
        "sites": ["one"], "design": "similar_groups", "proportions": [0.25, 0.5],
        "random_groups": 3, "methods": ["zero_weights"],
    },
}  # fmt: skip
CONTENT = {
    "name": "own",
    "network": {"load": "net.py:make", "arguments": {"width": 7}, "seed": 3},
    "data": {"load": "net.py:examples", "arguments": {"split": "test"}, "examples": 90},
    "reference": {"load": "net.py:examples", "arguments": {"split": "train"}},
    "sweeps": SWEEPS,
    "scores": True,
    "embedding": {"of": "two", "perplexity": 10},
}
TABLES = ["effects", "sites", "interactions", "scores", "correlations"]

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.*weights are in no site"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "net.py").write_text(CODE)
    return folder


@pytest.fixture
def written(home):
    """A function that writes the study, changed at "part.key", and gives its path."""

    def write(changes=None, name="study", **parts):
        content = {**yaml.safe_load(yaml.safe_dump(CONTENT, sort_keys=False)), **parts}
        for key, value in (changes or {}).items():
            *parents, last = key.split(".")
            place = content
            for parent in parents:
                place = place[parent]
            place[last] = value
        content = {key: value for key, value in content.items() if value is not None}
        (home / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        return str(home / f"{name}.yaml")

    return write


@pytest.fixture(scope="module")
def finished(home, tmp_path_factory):
    (home / "finished.yaml").write_text(yaml.safe_dump(CONTENT, sort_keys=False))
    study = studies.load(str(home / "finished.yaml"))
    folder = tmp_path_factory.mktemp("run") / "run"
    return Run(studies.run(study, folder, tell=silent))


def silent(*_):
    """Tell nobody."""


def own_net(home):
    scope = {}
    exec(compile(CODE, "net", "exec"), scope)
    with la.networks.seeded(3):
        network = scope["Net"](7).eval()
    return network, scope


class TestFromAFile:
    def test_outcomes_are_those_of_evaluate(self, home, finished):
        network, scope = own_net(home)
        data = la.data.subset(la.Examples(*scope["examples"]("test"), tuple("0123456789")), 90)
        cuts = [cut for site in la.find_sites(network, data).values() for m in ("silence", "mean")
                for cut in la.singles(site, m)]  # fmt: skip
        expected = la.evaluate(network, data, cuts, reference=scope["examples"]("train"))
        found = finished.outcomes["units"]
        assert (found["rank"].values == expected["rank"].values).all()
        effects, rows = la.effects(expected), finished.effects.query("sweep == 'units'")
        overall = rows.loc[rows["class"] == "all"]
        assert overall["drop_pp"].tolist() == effects["overall_drop_pp"].values.tolist()
        by_class = rows.loc[rows["class"] == "3", "drop_pp"]
        assert by_class.tolist() == effects["drop_pp"].values[:, 3].tolist()

    def test_p_is_adjusted_for_all_ablations_of_the_study(self, finished):
        table = finished.effects.loc[finished.effects["class"] == "all"]
        once = table.drop_duplicates(["site", "units", "method"])
        adjusted = la.stats.benjamini_hochberg(once["p"].to_numpy())
        assert once["p_adjusted"].tolist() == adjusted.tolist()
        assert len(once) < len(table)
        same = table.groupby(["site", "units", "method"])["p_adjusted"].nunique()
        assert (same == 1).all()
        page = studies.kind_of(finished.study).page(finished.folder)
        shown = page.tables["ablations-outcomes"]
        assert sorted(shown["p_adjusted"]) == pytest.approx(sorted(adjusted))

    def test_means_over_the_ablations_of_a_site(self, finished):
        table = finished.table("sites").query("sweep == 'groups' and `class` == 'all'")
        assert table["design"].value_counts().to_dict() == {"similar_groups": 2, "random_groups": 2}
        outcomes = finished.outcomes["groups"]
        for row in table.itertuples():
            own = (outcomes["design"] == row.design) & (outcomes["proportion"] == row.proportion)
            mean = la.mean_effect(outcomes.isel(ablation=np.flatnonzero(own.values)))
            assert row.drop_pp == float(mean["overall_drop_pp"])
            assert row.drop_low_pp == float(mean["overall_drop_low_pp"])

    def test_pairs_hold_their_singles_and_interactions(self, finished):
        outcomes = finished.outcomes["pairs"]
        assert outcomes["design"].values.tolist() == ["singles"] * 7 + ["pairs"] * 21
        found = finished.interactions
        assert len(found) == 21
        singles, pairs = (outcomes.load().isel(ablation=outcomes["design"].values == d)
                          for d in ("singles", "pairs"))  # fmt: skip
        expected = la.interactions(singles, pairs)["excess_pp"].values
        assert found["excess_pp"].tolist() == expected.tolist()

    def test_scores_and_their_correlation_with_the_drop(self, finished):
        scores, correlations = finished.scores, finished.table("correlations")
        assert set(scores["site"]) == {"one", "two"}
        row = correlations.query("site == 'one' and score == 'weight_l2' and method == 'silence'")
        own = finished.effects.query(
            "sweep == 'units' and site == 'one' and method == 'silence' and `class` == 'all'"
        )
        weights = scores.query("site == 'one' and method == 'silence' and sweep == 'units'")
        expected = np.corrcoef(weights["weight_l2"], own["drop_pp"])[0, 1]
        assert row.query("sweep == 'units'")["pearson"].item() == pytest.approx(expected)

    def test_the_map_is_of_what_a_site_holds(self, finished):
        found = finished.folder.arrays("embedding")
        assert found["points"].shape == (90, 2)
        assert found["example"].tolist() == list(range(90))

    def test_has_all_tables_and_a_page(self, finished):
        assert list(finished.tables) == sorted(TABLES)
        assert "units" in finished.report.read_text()
        assert finished.study.sweeps.keys() == SWEEPS.keys()

    def test_a_run_is_not_run_again(self, finished, home, tmp_path, monkeypatch):
        folder = shutil.copytree(finished.path, tmp_path / "run")
        monkeypatch.setattr(Local, "evaluate", lambda *_, **__: pytest.fail("ran"))
        studies.run(studies.load(str(home / "finished.yaml")), folder, tell=silent)


class TestFromPython:
    def test_objects_give_the_same_tables(self, home, finished, tmp_path):
        network, scope = own_net(home)
        data, reference = (la.Examples(*scope["examples"](split)) for split in ("test", "train"))
        sweeps = {**SWEEPS, "units": {"sites": "*", "methods": [la.methods.Silence(), "mean"]}}
        study = Study(
            network, {"load": data, "examples": 90}, sweeps, "own", reference=reference,
            scores=True, embedding={"of": "two", "perplexity": 10.0},
        )  # fmt: skip
        run = study.run(tmp_path / "run")
        for name in TABLES:
            pd.testing.assert_frame_equal(run.table(name), finished.table(name))
            files = [folder.path / f"{name}.parquet" for folder in (run, finished)]
            assert files[0].read_bytes() == files[1].read_bytes()

    def test_going_on_needs_the_same_objects(self, home, tmp_path):
        network, scope = own_net(home)
        given = {"data": scope["examples"]("test"), "sweeps": {"units": {"sites": "one"}}}
        run = Study(network, **given).run(tmp_path / "run")
        (run.path / "effects.parquet").unlink()
        with pytest.raises(StudyError, match=r"network: the study was made in Python .*\(Net\)"):
            studies.run(run.study, run.path, tell=silent)
        Study(network, **given).run(run.path)
        (run.path / "effects.parquet").unlink()
        with torch.no_grad():
            network.one.bias += 1
        with pytest.raises(RunError, match="network changed since this run began"):
            Study(network, **given).run(run.path)

    def test_any_readout(self, home, tmp_path):
        network, scope = own_net(home)
        sweeps = {"units": {"sites": "*"}, "pairs": {"sites": "two", "design": "pairs"}}
        x, y = scope["examples"]("test")
        run = Study(network, (x, y.float()), sweeps, readout=scope["margin"], scores=True).run(
            tmp_path / "run")  # fmt: skip
        outcomes = run.outcomes["units"]
        effects = la.effects(outcomes)
        rows = run.effects.query("sweep == 'units'")
        for name in ("margin", "first"):
            own = rows.loc[rows["measured"] == name]
            expected = effects[f"overall_{name}_change"].values
            assert own["change"].tolist() == expected.tolist()
            assert own["change_low"].tolist() == effects[
                f"overall_{name}_change_low"].values.tolist()  # fmt: skip
        site = run.table("sites").query("sweep == 'units' and site == 'one'")
        margin = site.loc[site["measured"] == "margin"].iloc[0]
        change = (outcomes["margin"] - outcomes["intact_margin"]).values[:7]
        by_example = change.mean(0, dtype=float)
        ends = la.stats.mean_interval(by_example.sum(), (by_example**2).sum(), len(by_example))
        assert margin["change"] == pytest.approx(by_example.mean())
        assert margin["change_low"] == pytest.approx(float(ends.low))
        pairs = run.outcomes["pairs"].load()
        design = pairs["design"].values
        parts = (pairs.isel(ablation=design == name) for name in ("singles", "pairs"))
        expected = la.interactions(*parts)["margin_excess"].values
        assert run.interactions["margin_excess"].tolist() == expected.tolist()
        assert "pairs-excess-margin-two-silence" in run.figures
        assert "units-heat-margin" not in run.figures  # there are no classes

    def test_groups_in_place_of_classes(self, home, written, tmp_path):
        path = written(groups="net.py:halves", readout="net.py:margin", sweeps={
            "units": {"sites": "two"}, "pairs": {"sites": "two", "design": "pairs"}})  # fmt: skip
        run = Run(studies.run(studies.load(path), tmp_path / "run", tell=silent))
        outcomes, table = run.outcomes["units"], run.effects.query("sweep == 'units'")
        network, scope = own_net(home)
        inputs = scope["examples"]("test")[0]
        with torch.no_grad():  # which of all examples were drawn, by what the network gives
            whole = scope["margin"](network(inputs), None)["margin"]
        found = outcomes["intact_margin"].values
        which = [int((whole - value).abs().argmin()) for value in found]
        low = np.array(which) < 60
        change = (outcomes["margin"] - outcomes["intact_margin"]).values.astype(float)
        for name, own in (("first", change[:, low]), ("second", change[:, ~low])):
            rows = table.loc[(table["class"] == name) & (table["measured"] == "margin")]
            assert rows["change"].to_numpy() == pytest.approx(own.mean(1))
        assert {"units-heat-margin", "units-classes-margin"} <= set(run.figures)
        assert studies.kind_of(run.study).page(run.folder).facts["classes"] == ["first", "second"]
        (run.path / "effects.parquet").unlink()
        (home / "net.py").write_text(CODE.replace('"first" if', '"other" if'))
        with pytest.raises(RunError, match="groups: they are not those that the run began with"):
            studies.run(studies.load(path), run.path, tell=silent)
        (home / "net.py").write_text(CODE)

    def test_in_a_notebook_it_shows_the_strongest_ablations(self, finished):
        page, effects = finished._repr_html_(), finished.effects
        whole = effects.loc[effects["class"] == "all", "drop_pp"]
        assert f"{whole[whole.abs().idxmax()]:.3g}" in page
        assert "own" in page
        assert str(finished.report) in page

    def test_a_run_is_opened_by_its_path(self, finished):
        run = open_run(finished.path)
        pd.testing.assert_frame_equal(run.effects, finished.effects)
        with pytest.raises(RunError, match=r"table: given 'recovery'; .* has correlations, effec"):
            _ = run.recovery
        with pytest.raises(RunError, match="is not a run folder"):
            open_run(finished.path.parent)


class TestGoesOn:
    def test_after_kill_9(self, written, finished, tmp_path):
        study, folder = studies.load(written()), tmp_path / "run"
        child = os.fork()
        if child == 0:

            def tell(stage, done, total):
                if stage == "ablations: pairs":
                    os.kill(os.getpid(), signal.SIGKILL)

            studies.run(study, folder, tell=tell)
            os._exit(0)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        before = (folder / "outcomes" / "units.zarr" / "zarr.json").stat().st_mtime_ns
        studies.run(study, folder, tell=silent)
        assert (folder / "outcomes" / "units.zarr" / "zarr.json").stat().st_mtime_ns == before
        for name in TABLES:
            pd.testing.assert_frame_equal(Run(finished.folder).table(name),
                                          open_run(folder).table(name))  # fmt: skip


def test_a_plan_before_anything_runs(written):
    found = studies.plan(studies.load(written()), seconds=0.5)
    assert found.plan.n_ablations == 2 * 13 + 7 + 21 + 2 * 7 + 2 * 3


class TestRefuses:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"network.load": "net.py"}, r"network\.load: given .*net\.py'; allowed is pack"),
            ({"network.load": "none.py:make"}, r"network\.load: there is no file"),
            ({"network.load": "net.py:maker"}, r"has no 'maker'.*it has Net, make, examples"),
            ({"network.load": "net.py:CODE2"}, "has no 'CODE2'"),
            ({"network.load": "net.py:broken", "network.arguments": {}},
             r"raised RuntimeError \(no weights today\)"),
            ({"network.arguments": {"wide": 3}}, "raised TypeError .*wide"),
            ({"network.arguments": {}, "network.load": "net.py:nothing"},
             "returned something else: .*a dict"),
            ({"network.weights": "none.safetensors"}, "none.safetensors"),
            ({"data.load": "net.py:broken", "data.arguments": {}},
             "data.load: .* raised RuntimeError"),
            ({"data.load": "net.py:nothing", "data.arguments": {}}, "data: given a dict"),
            ({"data.examples": 900}, r"data\.examples: given 900; allowed are 1 to 120"),
            ({"reference": {"load": "net.py:examples", "arguments": {"split": "test"}}},
             "examples are among the evaluated ones"),
            ({"sweeps.units.sites": "three.*"}, r"sweeps\.units\.sites: given 'three\.\*', which "
             r"names no site; the network has one, two; of the kinds hidden"),
            ({"sweeps.units.sites": "kind:filter"}, "names no site"),
            ({"readout": "net.py:margins"}, "readout: .* has no 'margins'"),
            ({"readout": "losses"}, "readout: given 'losses'"),
            ({"embedding.of": "three"}, r"embedding\.of: given 'three'; allowed are 'inputs' and"),
        ],
    )  # fmt: skip
    def test_what_does_not_load_or_fit(self, written, tmp_path, changes, words):
        study = studies.load(written(changes))
        kinds = (CodeError, DataError, NetworkError, ReadoutError, StudyError)
        with pytest.raises(kinds, match=words):
            studies.run(study, tmp_path / "run", tell=silent)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"sweeps": {}}, "sweeps: given {}; "),
            ({"sweeps.units.design": "single"}, "sweeps.units.design: given 'single'"),
            ({"sweeps.units.proportions": [0.1]}, "singles take no proportions"),
            ({"sweeps.groups.proportions": None}, "similar_groups need proportions"),
            ({"sweeps.units.methods": ["silenced"]}, "methods.0: given 'silenced'; allowed are"),
            ({"sweeps.units.method": "mean"}, "there is no such key; did you mean methods"),
            ({"sweeps.units.methods": ["mean", "mean"]}, "name each once"),
            ({"reference": None}, r"sweeps\.units\.methods: given mean, which takes activations"),
            ({"data.load": "digit"}, "data.load: given 'digit'; .*allowed are digits, mnist"),
            ({"readouts": "loss"}, "readouts: there is no such key; did you mean readout"),
            ({"network": None}, "network: is missing"),
            ({"name": "a/b"}, "name: given 'a/b'"),
            ({"precision": 1.0, "readout": "loss"}, "precision: given for another readout"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_in_the_file_before_anything_runs(self, written, changes, words):
        with pytest.raises(StudyError, match=words):
            studies.load(written(changes))

    def test_the_users_own_traceback_is_kept(self, written, tmp_path):
        study = studies.load(written({"network.load": "net.py:broken", "network.arguments": {}}))
        with pytest.raises(CodeError) as caught:
            studies.run(study, tmp_path / "run", tell=silent)
        assert 'raise RuntimeError("no weights today")' in caught.value.own
        assert "lashley/code.py" not in caught.value.own

    def test_arrays_of_objects_are_not_unpickled(self, written, home, tmp_path):
        class Trap:
            def __reduce__(self):
                return (open, (str(tmp_path / "sprung"), "w"))

        np.savez(home / "trap.npz", inputs=np.array([Trap()] * 3, dtype=object), labels=range(3))
        study = studies.load(written({"data": {"load": "trap.npz"}}))
        with pytest.raises(DataError, match="without running code"):
            studies.run(study, tmp_path / "run", tell=silent)
        assert not (tmp_path / "sprung").exists()

    def test_a_network_that_changed_since_the_run_began(self, home, written, finished, tmp_path):
        folder = shutil.copytree(finished.path, tmp_path / "run")
        (folder / "effects.parquet").unlink()
        study = studies.load(str(home / "finished.yaml"))
        (home / "net.py").write_text(
            CODE.replace("nn.Linear(6, 10)", "nn.Linear(6, 10, bias=False)")
        )
        try:
            with pytest.raises(RunError, match="network changed since this run began"):
                studies.run(study, folder, tell=silent)
        finally:
            (home / "net.py").write_text(CODE)

    def test_of_a_finished_run_too(self, home, tmp_path):
        network, scope = own_net(home)
        data = scope["examples"]("test")
        how = {"sweeps": {"units": {"sites": "two"}}}
        Study(network, data, **how).run(tmp_path / "run")
        before = open_run(tmp_path / "run").effects
        other = scope["Net"](7)
        for given in ((other, data), (network, tuple(t[:50] for t in data))):
            with pytest.raises(RunError, match="changed since this run began"):
                Study(*given, **how).run(tmp_path / "run")
        pd.testing.assert_frame_equal(open_run(tmp_path / "run").effects, before)

    def test_a_folder_of_another_study(self, written, finished):
        study = studies.load(written({"sweeps.groups.seed": 5}))
        with pytest.raises(RunError, match=r"another study: sweeps\.groups\.seed differ"):
            studies.run(study, finished.path, tell=silent)


def test_examples_in_a_file_of_arrays(home, written, tmp_path):
    found = la.data.digits("test")
    np.savez(home / "digits.npz", inputs=found.inputs[:50].numpy(), labels=found.labels[:50])
    study = studies.load(written({"data": {"load": "digits.npz"}}, sweeps={"u": {"sites": "one"}},
                                 reference=None, scores=False, embedding=None))  # fmt: skip
    run = Run(studies.run(study, tmp_path / "run", tell=silent))
    assert run.outcomes["u"].sizes == {"ablation": 7, "example": 50, "class": 10}


def test_weights_from_a_file(home, written, tmp_path):
    network, _ = own_net(home)
    with torch.no_grad():
        network.out.bias += torch.arange(10.0)
    la.networks.save_weights(network, home / "weights.safetensors")
    study = studies.load(written({"network.weights": "weights.safetensors"}, scores=False,
                                 sweeps={"u": {"sites": "one"}}, embedding=None))  # fmt: skip
    run = Run(studies.run(study, tmp_path / "run", tell=silent))
    assert (run.outcomes["u"]["intact_prediction"].values == 9).mean() > 0.5


def test_from_the_command_line(written, tmp_path):
    run = str(tmp_path / "run")
    done = CliRunner().invoke(cli.app, ["run", written(), "--out", run], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Tables: effects, sites, interactions, scores, correlations" in done.stdout
    shown = CliRunner().invoke(cli.app, ["show", run, "sites"])
    assert shown.stdout.split()[:4] == ["sweep", "site", "place", "method"]
    assert CliRunner().invoke(cli.app, ["report", run]).exit_code == 0


def test_two_sweeps_of_one_name(home, tmp_path):
    (home / "twice.yaml").write_text(
        "name: a\nnetwork: {load: net.py:make}\ndata: {load: digits}\n"
        "sweeps:\n  u: {sites: one}\n  u: {sites: two}\n"
    )
    with pytest.raises(StudyError, match="the key 'u' stands twice; rename one"):
        studies.load(str(home / "twice.yaml"))


class TestFigures:
    def test_each_where_its_numbers_are_there(self, finished):
        of_any = {"drops", "classes", "map"}
        expected = {f"units-{n}" for n in (*of_any, "layers", "heat-singles-silence",
                    "heat-singles-mean")}  # fmt: skip
        expected |= {f"units-scores-{site}-{m}" for site in ("one", "two")
                     for m in ("silence", "mean")}  # fmt: skip
        expected |= {f"pairs-{n}" for n in (*of_any, "heat-singles-silence", "heat-pairs-silence",
                     "scores-one-silence", "excess-one-silence")}  # fmt: skip
        kinds = [f"{d}-zero_weights-{p}" for p in ("0.25", "0.5") for d in ("similar", "random")]
        expected |= {f"groups-{n}" for n in (*of_any, *(f"heat-{k}" for k in kinds))}
        found = {name.replace("_groups", "") for name in finished.figures}
        assert found == expected
        for picture in finished.figures.values():
            assert picture.with_suffix(".svg").stat().st_size > 1000

    def test_the_page_lists_them_and_shows_the_examples(self, finished):
        page = studies.kind_of(finished.study).page(finished.folder)
        assert {note["name"] for note in page.facts["figures"]} == set(finished.figures)
        assert page.facts["cards"]["kind"] == "images"
        assert page.facts["map"]["note"].startswith("t-SNE of the activations of two")
        table, points = page.tables["examples"], finished.folder.arrays("embedding")["points"]
        assert np.allclose(np.corrcoef(table["x"], points[:, 0])[0, 1], 1)
        assert page.facts["provenance"]["fingerprints"]

    def test_of_the_folder_alone(self, home, finished, tmp_path, monkeypatch):
        folder = shutil.copytree(finished.path, tmp_path / "run")
        shutil.rmtree(folder / "figures")
        before = (folder / "report.html").read_bytes()
        for name in ("network_of", "examples_of"):
            monkeypatch.setattr(f"lashley.studies.ablation.given.{name}", None)
        run = open_run(folder)
        studies.draw_figures(run.folder, silent)
        studies.write_report(run.folder)
        assert set(run.figures) == set(finished.figures)
        assert (folder / "report.html").read_bytes() == before

    def test_a_function_shows_the_examples(self, home, tmp_path):
        network, scope = own_net(home)
        words = [f"digit {i}" for i in range(20)]
        study = Study(network, tuple(t[:20] for t in scope["examples"]("test")),
                      {"units": {"sites": "two"}}, show=lambda inputs: words)  # fmt: skip
        run = study.run(tmp_path / "run")
        assert pd.read_parquet(run.path / "cards.parquet")["text"].tolist() == words
        page = studies.kind_of(run.study).page(run.folder)
        assert page.tables["cards"]["text"].tolist() == words

    def test_a_function_that_shows_nothing_is_refused_before_the_sweep(self, home, tmp_path):
        network, scope = own_net(home)
        study = Study(network, scope["examples"]("test"), {"units": {}}, show=lambda inputs: 1 / 0)
        with pytest.raises(DataError, match="show: it raised ZeroDivisionError"):
            study.run(tmp_path / "run")
        assert not (tmp_path / "run" / "outcomes").exists()


class TestNew:
    def new(self, *words):
        return CliRunner().invoke(cli.app, ["new", *map(str, words), "--seconds", "0.5"],
                                  catch_exceptions=False)  # fmt: skip

    def test_writes_a_study_that_runs(self, home, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.py").write_text(CODE)
        (tmp_path / "studies").mkdir()
        said = self.new("mine.py:make", "--data", "digits", "--out", "studies/mine.yaml").output
        assert "two" in said
        assert "ablations" in said
        assert "lashley run studies/mine.yaml" in said
        study = studies.load("studies/mine.yaml", ["data.examples=60"])
        assert study.readout == "classification"
        assert list(study.sweeps) == ["hidden"]
        run = Run(studies.run(study, tmp_path / "run", tell=silent))
        assert len(run.outcomes["hidden"]["ablation"]) == 8 + 6

    def test_what_is_commented_is_a_study_too(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.py").write_text(CODE)
        self.new("mine.py:make", "--data", "digits")
        text = (tmp_path / "mine.yaml").read_text()
        lines = [re.sub(r"^( *)# ", r"\1", line) for line in text.splitlines()[7:]]
        (tmp_path / "all.yaml").write_text("name: all\n" + "\n".join(lines))
        study = studies.load("all.yaml")
        assert list(study.sweeps) == ["hidden", "pairs", "groups"]
        assert study.reference.examples == 500

    def test_nothing_is_written_of_what_does_not_go_together(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.py").write_text(CODE)
        for labels, words in ((np.arange(30), "labels"), (np.full((30, 1), 2), r"labels\[:, 0\]")):
            np.savez("data.npz", inputs=np.ones((30, 64), np.float64), labels=labels)
            with pytest.raises(LashleyError, match=words):
                self.new("mine.py:make", "--data", "data.npz")
            assert not (tmp_path / "mine.yaml").exists()

    @pytest.mark.parametrize(("labels", "readout"), [
        (np.arange(30) % 3, "classification"),
        (np.linspace(0, 1, 300).reshape(30, 10), "squared_error"),
    ])  # fmt: skip
    def test_the_readout_fits_the_targets(self, tmp_path, monkeypatch, labels, readout):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.py").write_text(CODE)
        np.savez("data.npz", inputs=np.ones((30, 64), np.float32), labels=labels)
        self.new("mine.py:make", "--data", "data.npz")
        assert studies.load("mine.yaml").readout == readout

    @pytest.mark.parametrize(("words", "message"), [
        (["mine.py:make", "--data", "digits", "--out", "there.yaml"], "--out: there.yaml exists"),
        (["mine.py:make", "--data", "digits", "--out", "a.txt"], "ending in .yaml"),
        (["mine.py:make", "--data", "digits", "--out", "no/a.yaml"], "there is no folder no"),
        (["mine.py:make"], "--data: mine.py:make returned only a network"),
        (["mine.py:nothing", "--data", "digits"], "returned something else"),
    ])  # fmt: skip
    def test_refuses(self, tmp_path, monkeypatch, words, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.py").write_text(CODE)
        (tmp_path / "there.yaml").write_text("mine: true")
        with pytest.raises(LashleyError, match=message):
            self.new(*words)
        assert (tmp_path / "there.yaml").read_text() == "mine: true"
        assert not (tmp_path / "mine.yaml").exists()
