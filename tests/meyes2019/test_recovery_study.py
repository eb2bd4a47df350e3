"""Recovery in the layer study: which layers and images, what it leaves, how it goes on."""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

import lashley as la
from lashley import studies
from lashley.data import image_folder
from lashley.data.examples import fingerprint
from lashley.errors import DataError, RunError, StudyError
from lashley.papers.meyes2019.figures.recovery import figure_names
from lashley.papers.meyes2019.layers import run as stages
from lashley.papers.meyes2019.layers.changes import Changes
from lashley.papers.meyes2019.layers.forecast import forecast
from lashley.papers.meyes2019.layers.page import page
from lashley.papers.meyes2019.layers.reading import recovery_results
from lashley.papers.meyes2019.recovery import images, retraining
from lashley.papers.meyes2019.recovery.choosing import chosen, importance
from lashley.papers.meyes2019.recovery.claims import claims_table
from lashley.papers.meyes2019.recovery.evidence import Retrained
from lashley.papers.meyes2019.recovery.form import RecoveryPart
from lashley.papers.meyes2019.recovery.ranks import RankKey, Ranks
from lashley.papers.meyes2019.recovery.rows import NAMES
from lashley.papers.meyes2019.recovery.undone import undone
from lashley.recovery import Patience, iterated_ablations, recover_iterated, single
from lashley.recovery.freezing import frozen_by
from lashley.studies.folder import RunFolder

from browsing import browser, reading
from finished import small_pictures
from layer_study import (
    CLASSES,
    PER_CLASS,
    SIDE,
    at_the_recovery,
    finished_recovery,
    generated,
    network,
    recovery_study,
    with_recovery,
)

TABLES = (*NAMES, "claims")
QUICK = [
    "recovery.sites=[features.49]", "recovery.instances=1", "recovery.controls=[intact]",
    "recovery.epochs=1",
]  # fmt: skip
KILLED = [*QUICK, "recovery.epochs=20", "recovery.training.batch_size=2", "recovery.iterations=1"]
KILLS = 3


def silent(*_):
    """Tell nobody."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    return recovery_study(tmp_path_factory)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A complete run; tests that change it take a copy. What it told lies beside its folder."""
    return finished_recovery(tmp_path_factory)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(studies, "draw_figures", lambda *_: None)
    monkeypatch.setattr(studies, "write_report", lambda *_: None)


@pytest.fixture
def quick(study_file):
    return studies.load(str(study_file), QUICK)


@pytest.fixture
def swept(finished, quick, tmp_path):
    """The folder of a quick run that has come to the end of its sweep."""
    return at_the_recovery(finished.path, quick, tmp_path / "swept")


def assert_same_tables(folder: Path, other: Path) -> None:
    for name in (*(f"{n}.parquet" for n in TABLES), "ranks.npz"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    left = [p.name for p in (folder / "recovery").rglob("*")]
    assert not [name for name in left if ".safetensors" in name or ".part" in name]


KEYS = ["experiment", "site", "start", "instance", "iteration"]


class TestACompleteRun:
    def test_retrains_every_start_in_two_layers(self, finished):
        table = finished.table("recovery")
        assert table["site"].nunique() == 2
        for _, of in table.groupby("site"):
            runs = of.groupby(KEYS[:1] + KEYS[2:]).size()
            assert set(runs.index) == {
                *(("instances", start, i, 0) for i in (0, 1)
                  for start in ("ablated", "redrawn", "from_scratch")),
                ("iterated", "ablated", 0, 1), ("iterated", "ablated", 0, 2),
                ("iterated", "intact", 0, 1),
            }  # fmt: skip

    def test_has_a_row_for_every_epoch_and_top(self, finished):
        for _, run in finished.table("recovery").groupby([*KEYS, "top"]):
            assert run["epoch"].tolist() == list(range(len(run)))
            if run["experiment"].iloc[0] == "instances":
                assert run["epoch"].max() == 2
        assert set(finished.table("recovery")["top"]) == {1, 5}

    def test_counts_the_epochs_of_a_chain_through(self, finished):
        for _, of in finished.table("recovery").query("top == 1").groupby("site"):
            chain = of.query("experiment == 'iterated' and start == 'ablated'")
            first, second = (run for _, run in chain.groupby("iteration"))
            assert first["total_epoch"].tolist() == first["epoch"].tolist()
            assert second["total_epoch"].iloc[0] == first["epoch"].max()
            intact = of.query("start == 'intact'")
            assert intact["epoch"].max() == max(2, second["total_epoch"].max())
            assert second["ablated"].iloc[0] > first["ablated"].iloc[0]
            assert intact["ablated"].unique().tolist() == [0]

    def test_holds_what_is_ablated(self, finished):
        table = finished.table("recovery")
        held = table["start"].isin(["ablated", "from_scratch"])
        assert (table.loc[held, "held_norm"] == 0).all()

    def test_before_the_training_drops_are_those_of_the_ablation(
        self, finished, study_file, tmp_path
    ):
        """Against the engine, on the test images of the recovery."""
        study = studies.load(str(study_file))
        model, swept = network(), stages.examples_of(study, None, silent)
        test = images.sets_of(study, swept, tmp_path, silent).test
        sites = la.find_sites(model, test)
        rows = finished.table("recovery").query("epoch == 0 and experiment == 'instances'")
        for name, of in rows.query("start == 'ablated' and top == 1").groupby("site"):
            groups = la.random_groups(sites[name], 0.25, 2, 0, "zero_weights")
            found = la.effects(la.evaluate(model, test, groups, engine="naive"))
            assert of["drop_pp"].tolist() == found["overall_drop_pp"].values.tolist()
            assert of["lost"].tolist() == found["overall_lost"].values.tolist()

    def test_iterations_are_those_of_recover_iterated(self, finished, study_file, tmp_path):
        """Other groups than those of the instances, and other batches."""
        study = studies.load(str(study_file))
        model, part = stages.given_network(study.network), study.recovery
        swept = stages.examples_of(study, None, silent)
        sets = images.sets_of(study, swept, tmp_path, silent)
        site = la.find_sites(model, sets.test)[finished.table("recovery")["site"].iloc[-1]]
        chain = recover_iterated(
            model, iterated_ablations(site, 0.25, 2, seed=1), sets.training, sets.test,
            replace(part.recipe(3), seed=part.training.seed + part.instances),
            validation=sets.validation, stop=Patience(least=1, within=1, top=1),
        )  # fmt: skip
        table = finished.table("recovery").query(
            "experiment == 'iterated' and start == 'ablated' and top == 1"
        )
        for iteration, found in enumerate(chain, 1):
            rows = table[(table["site"] == site.name) & (table["iteration"] == iteration)]
            assert rows["accuracy_percent"].tolist() == found.record["top1_percent"].tolist()
            assert rows["loss"].tolist() == found.record["loss"].tolist()
            assert set(rows["ended"]) == {found.ended}

    def test_of_classes_are_the_first_and_the_last_epoch(self, finished):
        table = finished.table("recovery").set_index([*KEYS, "epoch", "top"])
        classes = finished.table("recovery_classes")
        for key, of in classes.groupby([*KEYS, "epoch", "top"]):
            assert of["class"].tolist() == list(CLASSES)
            row = table.loc[key]
            assert (of["lost"].sum(), of["gained"].sum()) == (row["lost"], row["gained"])
            right = of["accuracy_percent"] * of["total"] / 100
            assert right.sum() / of["total"].sum() == pytest.approx(row["accuracy_percent"] / 100)
        assert all(len(set(of["epoch"])) == 2 for _, of in classes.groupby(KEYS))

    def test_modules_are_those_from_the_ablated_layer_on(self, finished):
        for (_, site, start, _, iteration), of in finished.table("recovery_layers").groupby(KEYS):
            assert of["module"].iloc[0] == site
            assert of["module"].iloc[-1] == "classifier"
            assert of["position"].tolist() == list(range(len(of)))
            assert of["module_label"].iloc[0] == site.removeprefix("features.")
            assert (of["change"] > 0).all() or start == "from_scratch"
            known = start == "intact" or (start == "ablated" and iteration in (0, 2))
            assert of["undone_pp"].notna().all() == known
            assert ((of["undone_low_pp"] <= of["undone_pp"]) | ~known).all()

    def test_says_what_it_was_made_with(self, finished):
        content = finished.json("provenance")
        assert set(content["fingerprints"]) == {"test examples", "network"}
        found = content["recovery"]
        assert found["images"] == {
            "training images": 21, "validation images": 7,
            "test images": len(CLASSES) * PER_CLASS // 2,
        }  # fmt: skip
        assert set(found["fingerprints"]) == set(found["images"])

    def test_keeps_no_network_and_no_image(self, finished):
        assert not list((finished.path / "recovery").rglob("*.safetensors"))
        assert not (finished.path / "recovery" / "images").exists()

    def test_tells_of_epochs_up_to_the_end(self, finished):
        everything = json.loads((finished.path.parent / "told.json").read_text())
        told = [(done, whole) for stage, done, whole in everything if stage == "recovery"]
        done = [n for n, _ in told]
        assert done == sorted(done)
        assert told[-1][0] == told[-1][1]
        ends = finished.table("recovery").groupby(KEYS)["epoch"].max()
        assert told[-1][1] == ends.sum()
        assert all(a >= b for a, b in pairwise(whole for _, whole in told))

    def test_has_figures_tables_and_claims_on_its_page(self, finished):
        found, shown = recovery_results(finished), page(finished)
        assert found is not None
        assert "trained on 21 images" in found.caption
        named = {note["name"] for note in shown.facts["figures"]}
        for name in figure_names(found):
            assert (finished.path / "figures" / f"{name}.svg").is_file()
            assert name in named
        assert {*NAMES} <= shown.tables.keys()
        assert shown.tables["claims"].claim.str.contains("what is ablated stays ablated").any()
        notes = {note["name"]: note for note in shown.facts["tables"]}
        assert notes["recovery_classes"]["title"] == "Recovery, classes"

    def test_shows_the_last_epochs_only(self, finished, study_file):
        study = studies.load(str(study_file))
        kind, table = studies.kind_of(study), finished.table("recovery")
        brief = kind.brief("recovery", table)
        assert len(brief) == len(table.groupby([*KEYS, "top"]))
        first = table.query("epoch == 0")["drop_pp"]
        assert sorted(brief["drop_before_pp"]) == sorted(first)
        for name in NAMES:
            assert name in kind.tables(study)
            assert name not in kind.tables(study.model_copy(update={"recovery": None}))
            assert 0 < len(kind.brief(name, finished.table(name))) < len(finished.table(name))

    def test_is_not_run_again(self, finished, study_file, tmp_path, monkeypatch):
        for name in ("examples_of", "network_of"):
            monkeypatch.setattr(stages, name, lambda *_: pytest.fail("ran"))
        folder = shutil.copytree(finished.path, tmp_path / "run")
        before = (folder / "claims.parquet").stat().st_mtime_ns
        studies.run(studies.load(str(study_file)), folder, tell=silent)
        assert (folder / "claims.parquet").stat().st_mtime_ns == before


def test_the_report_shows_it(finished):
    """In a browser: every layer, both experiments, by both tops; what it says is in the table."""
    table = finished.table("recovery")
    with browser() as chromium, reading(chromium, finished.path / "report.html") as report:
        for site, experiment in table[["site", "experiment"]].drop_duplicates().values:
            report.open(f"#view=recovery&site={site}&experiment={experiment}&top=1")
            report.find("main svg[role=img]").first.wait_for()
            label = site.removeprefix("features.")
            assert f"layer {label}" in report.find(".says").first.inner_text().lower()


class TestWithoutRecovery:
    def test_nothing_of_it_is_there(self, study_file, finished, tmp_path, no_figures):
        study = studies.load(str(study_file), ["recovery=null"])
        folder = studies.run(study, tmp_path / "run", tell=silent)
        assert not (folder.path / "recovery").exists()
        assert not any(folder.has(f"{name}.parquet") for name in NAMES)
        assert recovery_results(folder) is None
        for name in ("layers", "classes", "effects", "constants"):
            own, other = ((f / f"{name}.parquet").read_bytes()
                          for f in (folder.path, finished.path))  # fmt: skip
            assert own == other
        assert "recovery" not in folder.json("provenance")
        claims = folder.table("claims")
        both = finished.table("claims")
        assert both.iloc[: len(claims)].equals(claims)
        assert len(both) > len(claims)

    def test_a_folder_from_before_goes_on(self, study_file, tmp_path, no_figures):
        study = studies.load(str(study_file), ["recovery=null"])
        folder = studies.run(study, tmp_path / "run", tell=silent)
        content = yaml.safe_load((folder.path / "study.yaml").read_text())
        del content["recovery"]
        (folder.path / "study.yaml").write_text(yaml.safe_dump(content))
        studies.run(study, folder.path, tell=silent)


class TestGoesOn:
    @pytest.mark.slow
    def test_after_kills_at_any_moment(self, study_file, finished, tmp_path):
        command = [sys.executable, __file__, str(study_file), str(finished.path), str(tmp_path)]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        assert told["kills"] == KILLS
        assert told["in a training"] >= 1
        for folder in tmp_path.iterdir():
            assert_same_tables(folder, tmp_path / "undisturbed")

    @pytest.mark.slow
    def test_after_ctrl_c_without_doing_anything_twice(
        self, quick, swept, tmp_path, no_figures, monkeypatch
    ):
        shutil.copytree(swept, tmp_path / "undisturbed")
        ran, whole = [], retraining.recover

        def counted(*args, **options):
            ran.append((options["start"], args[1].columns.get("iteration")))
            return whole(*args, **options)

        monkeypatch.setattr(retraining, "recover", counted)

        def stop(name, done, _):
            if name == "recovery" and done >= 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            studies.run(quick, swept, tell=stop)
        assert ran == [("ablated", None), ("ablated", 1)]
        assert not (swept / "recovery.parquet").exists()
        studies.run(quick, swept, tell=silent)
        assert ran[2:] == [("ablated", 1), ("ablated", 2), ("intact", None)]
        studies.run(quick, tmp_path / "undisturbed", tell=silent)
        assert_same_tables(swept, tmp_path / "undisturbed")

    @pytest.mark.parametrize("name", ["recovery_classes", "claims"])
    def test_a_table_that_is_lost_is_made_again_without_training(
        self, study_file, finished, tmp_path, no_figures, monkeypatch, name
    ):
        monkeypatch.setattr(retraining, "recover", lambda *_, **__: pytest.fail("trained"))
        folder = shutil.copytree(finished.path, tmp_path / "run")
        (folder / f"{name}.parquet").unlink()
        studies.run(studies.load(str(study_file)), folder, tell=silent)
        assert_same_tables(folder, finished.path)

    def test_not_with_other_training_images(self, quick, swept, no_figures, study_file, tmp_path):
        root = shutil.copytree(study_file.parent / "training", tmp_path / "training")
        study = studies.load(str(study_file), [*QUICK, f"recovery.root={root}"])
        (swept / "study.yaml").write_text(study.to_yaml())

        def stop(name, *_):
            if name == "recovery":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            studies.run(study, swept, tell=stop)
        for path in root.rglob("*.png"):
            Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(path)
        with pytest.raises(RunError, match="training images, validation images of the recovery ch"):
            studies.run(study, swept, tell=silent)


class TestTheLayers:
    """Which are chosen, from changes that say another thing on each half of the images."""

    LABELS = {"features.0": "0", "features.3": "3", "features.7": "7"}  # noqa: RUF012

    def found(self, first, proportion=0.25, classes=10):
        """Costs when layers cost `first` on the first half at 25 %, the reverse on the other."""
        by_key = {}
        for i, label in enumerate("037"):
            for swept, sign in ((0.25, 1), (0.05, -1)):
                change = np.empty(20)
                change[::2], change[1::2] = sign * first[i], -5 * sign * first[i]
                by_key["all", label, "zero_weights", swept, 1] = change
                by_key["all", label, "zero_weights", swept, 5] = 10 * change[::-1]
        part = RecoveryPart(proportion=proportion)
        return importance(Changes(np.arange(20) % classes, by_key), self.LABELS, part, classes)

    def names(self, costs):
        sites = [la.Site(name, "filter", 4, -3) for name in self.LABELS]
        return [site.name for site in chosen(sites, costs)]

    def test_by_the_first_half_of_the_images_alone(self):
        costs = self.found([0.1, 0.3, 0.2])
        assert list(costs.values()) == pytest.approx([10, 30, 20])
        assert self.names(costs) == ["features.3", "features.7"]

    def test_of_equal_ones_those_nearer_the_input(self):
        assert self.names(self.found([0.2, 0.2, 0.2])) == ["features.0", "features.3"]

    def test_by_the_nearest_proportion(self):
        assert self.names(self.found([0.1, 0.3, 0.2], 0.1)) == ["features.0", "features.7"]

    def test_by_top_5_of_many_classes(self):
        costs = self.found([0.1, 0.3, 0.2], classes=20)
        assert list(costs.values()) == pytest.approx([-500, -1500, -1000])


class TestTheImages:
    N = {"train": 200, "test": 100}  # noqa: RUF012

    @pytest.fixture
    def numbered(self, monkeypatch):
        """CIFAR-10 whose images hold nothing but their number."""
        names = tuple("abcdefghij")
        made = {
            split: la.Examples(
                torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1).expand(n, 3, 32, 32),
                torch.arange(n) % 10, names,
            )
            for split, n in self.N.items()
        }  # fmt: skip
        monkeypatch.setattr(stages.data, "cifar10", made.__getitem__)
        monkeypatch.setattr(stages.data, "cifar10_classes", lambda: names)

    def sets(self, *settings):
        study = studies.load("vgg19-cifar10", [
            "recovery.images=50", "recovery.validation_images=30", "recovery.test_images=null",
            "data.images=20", *settings,
        ])  # fmt: skip
        images.check_sizes(study)
        swept = stages.examples_of(study, None, silent)
        return swept, images.sets_of(study, swept, Path(), silent)

    def numbers(self, examples):
        return set(examples.inputs[:, 0, 0, 0].int().tolist())

    def test_of_training_and_validation_are_different_ones(self, numbered):
        _, sets = self.sets()
        assert (len(sets.training), len(sets.validation)) == (50, 30)
        assert len(self.numbers(sets.training) | self.numbers(sets.validation)) == 80

    @pytest.mark.parametrize("swept", ["20", "99", "null"])
    @pytest.mark.parametrize("wanted", ["null", "1", "30"])
    def test_of_the_test_are_none_on_which_layers_were_chosen(self, numbered, swept, wanted):
        examples, sets = self.sets(f"data.images={swept}", f"recovery.test_images={wanted}")
        first = self.numbers(la.Examples(examples.inputs[::2], examples.labels[::2], ()))
        assert not first & self.numbers(sets.test)
        allowed = 100 - len(first)
        assert len(self.numbers(sets.test)) == len(sets.test)
        assert len(sets.test) == (allowed if wanted == "null" else int(wanted))
        assert (sets.test.inputs[:, 0, 0, 0] % 10 == sets.test.labels).all()

    def test_have_each_class_in_its_share(self, numbered):
        _, sets = self.sets("recovery.test_images=40")
        assert torch.bincount(sets.training.labels).tolist() == [5] * 10
        assert torch.bincount(sets.validation.labels).tolist() == [3] * 10
        assert set(torch.bincount(sets.test.labels).tolist()) <= {3, 4, 5}

    def test_are_all_where_no_number_is_given(self, numbered):
        _, sets = self.sets("recovery.images=null")
        assert len(sets.training) == 170

    def test_depend_on_the_seed(self, numbered):
        first, again, other = (self.sets(f"recovery.seed={seed}")[1] for seed in (0, 0, 1))
        assert first.training.fingerprint == again.training.fingerprint
        assert first.training.fingerprint != other.training.fingerprint

    def test_are_views_where_all_were_swept(self, numbered):
        swept, sets = self.sets("data.images=null")
        assert sets.test.inputs.data_ptr() == swept.inputs[1:].data_ptr()

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("recovery.images=171", r"recovery\.images: given 171; allowed are 1 to 170, the tr"),
            (
                "recovery.validation_images=200",
                "validation_images: given 200; allowed are 1 to 1",
            ),
            (
                "recovery.test_images=91",
                r"test_images: given 91; allowed are 1 to 90, as the ",
            ),
        ],
    )
    def test_refuse_more_than_there_are(self, numbered, setting, words):
        with pytest.raises(StudyError, match=words):
            self.sets(setting)

    def test_of_folders_are_different_ones_where_some_are_broken(self, tmp_path):
        path = with_recovery(tmp_path)
        (tmp_path / "images" / "ant" / "1.png").write_bytes(b"no image")
        study = studies.load(str(path), ["data.skip_broken=true", "data.images=14"])
        with warnings.catch_warnings(action="ignore"):
            swept = stages.examples_of(study, None, silent)
            sets = images.sets_of(study, swept, tmp_path / "store", silent)
        named = {"first": swept.inputs[::2], **{k: v.inputs for k, v in vars(sets).items()}}
        seen = {name: {fingerprint(image) for image in of} for name, of in named.items()}
        assert len(set.union(*seen.values())) == sum(map(len, named.values()))
        assert len(sets.test) == len(CLASSES) * PER_CLASS - 1 - len(named["first"])

    def test_by_their_numbers(self, tmp_path):
        generated(tmp_path)
        root = tmp_path / "images"
        whole, some = image_folder(root, crop=SIDE, resize=SIDE), [5, 2, 20]
        found = image_folder(root, which=some, crop=SIDE, resize=SIDE)
        assert torch.equal(found.inputs, whole.inputs[some])
        assert torch.equal(found.labels, whole.labels[some])

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"which": [28]}, "which: given 28; allowed are the numbers of images, each once, fro"),
            ({"which": [-1]}, "which: given -1; allowed"),
            ({"which": [1, 1]}, "which: given 1, 1; allowed"),
            ({"which": []}, "which: given none; allowed"),
            ({"which": [1], "images": 3}, "images, which: given both; allowed is one of them"),
        ],
    )
    def test_by_numbers_that_none_has(self, tmp_path, options, words):
        generated(tmp_path)
        with pytest.raises(DataError, match=words):
            image_folder(tmp_path / "images", crop=SIDE, resize=SIDE, **options)


@torch.no_grad()
def right_of(model, examples):
    """(example,) 1 where the network is right."""
    return (model.eval()(examples.inputs).argmax(1) == examples.labels).double()


class TestBeforeItIsDone:
    def test_figures_and_page_are_those_of_the_sweep(self, finished, tmp_path):
        folder = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
        shutil.rmtree(folder.path / "figures")
        for name in NAMES:
            (folder.path / f"{name}.parquet").unlink()
        content = folder.json("provenance")
        del content["recovery"]
        folder.write_json("provenance", content)
        with small_pictures():
            studies.draw_figures(folder, silent, again=True)
        assert not {*NAMES} & page(folder).tables.keys()
        names = {file.stem for file in (folder.path / "figures").iterdir()}
        assert "figure-14" in names
        assert "figure-18" not in names

    def test_another_network_is_found(self, finished, study_file, tmp_path):
        folder = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
        (folder.path / "ranks.npz").unlink()
        content = folder.json("provenance")
        content["fingerprints"]["network"]["classifier.bias"] = "0" * 32
        folder.write_json("provenance", content)
        with pytest.raises(RunError, match="network changed since this run began"):
            studies.run(studies.load(str(study_file)), folder.path, tell=silent)

    def test_retrainings_of_another_network_are_found(self, finished, study_file, tmp_path):
        folder = RunFolder(shutil.copytree(finished.path, tmp_path / "run"))
        (folder.path / "ranks.npz").unlink()
        file = next(folder.path.glob("recovery/*/*/ranks.npz"))
        with np.load(file) as found:
            rank, other = found["rank"], found["intact"] + 1
        np.savez_compressed(file, rank=rank, intact=other)
        with pytest.raises(RunError, match="of different intact networks"):
            studies.run(studies.load(str(study_file)), folder.path, tell=silent)


class TestUndone:
    def test_is_what_a_plain_copy_with_one_module_taken_back_drops(self):
        model, draw = network(), torch.Generator().manual_seed(3)
        inputs = torch.randn(70, 3, SIDE, SIDE, generator=draw)
        examples = la.Examples(inputs, model(inputs).argmax(1), CLASSES)
        site = la.find_sites(model, examples)["features.40"]
        recipe = la.Recipe(epochs=2, lr=0.002, batch_size=14)
        (group,) = la.random_groups(site, 0.25, 1)
        found = la.recover(model, group, examples, examples, recipe)
        frozen = frozen_by(model, site, "upstream", True, examples)
        modules = ["features.40", "features.44", "classifier"]
        table = undone(found, modules, frozen, examples, recipe, 1)
        whole = found.network.state_dict()
        right = right_of(found.network, examples)
        for name, row in zip(modules, table.itertuples(), strict=True):
            back = {k: v for k, v in found.before.state_dict().items() if k.startswith(f"{name}.")}
            plain = network()
            plain.load_state_dict(whole | back)
            drop = 100 * float((right - right_of(plain, examples)).mean())
            assert row.undone_pp == pytest.approx(drop)
            assert row.undone_low_pp <= drop <= row.undone_high_pp
        assert table["undone_pp"].abs().max() > 0
        assert all(torch.equal(v, whole[k]) for k, v in found.network.state_dict().items())


N = 20_000  # synthetic images


def retrained(drops, *, held=0.0, ablated_share=0.25, proportion=0.25,
              sites=("features.33", "features.46")):  # fmt: skip
    """Evidence of runs with these drops in pp by epoch, by (experiment, start, instance, iteration)

    In each layer alike; every image is right in the intact network.
    """
    by_run, rows = {}, []
    for layer, site in enumerate(sites):
        for (experiment, start, instance, iteration), of in drops.items():
            key = RankKey(site, experiment, start, instance, iteration)
            by_run[key] = np.array([ranks(drop, seed=len(by_run)) for drop in of], np.int16)
            for epoch in range(len(of)):
                rows += [{
                    **key._asdict(), "layer": layer, "label": site.removeprefix("features."),
                    "method": "zero_weights", "ablated_share": ablated_share, "epoch": epoch,
                    "proportion": proportion,
                    "top": top, "held_norm": held,
                } for top in (1, 5)]  # fmt: skip
    intact = np.zeros(N, np.int16)
    intact[: N // 10] = 9  # wrong, so that something can be gained
    return Retrained(pd.DataFrame(rows), Ranks(intact, by_run))


def ranks(drop, seed):
    """(image,) as the intact network's, but for some more images wrong, or right."""
    found = np.zeros(N, int)
    found[: N // 10] = 9
    changed, draw = round(abs(drop) * N / 100), np.random.default_rng(seed)
    if drop >= 0:
        found[N // 10 + draw.permutation(N - N // 10)[:changed]] = 9
    else:
        found[draw.permutation(N // 10)[:changed]] = 0
    return found


def instances(*drops):
    return {("instances", "ablated", i, 0): of for i, of in enumerate(drops)}


def chain(*drops):
    return {("iterated", "ablated", 0, i): of for i, of in enumerate(drops, 1)}


def intact(of):
    return {("iterated", "intact", 0, 1): of}


def claim(evidence, words):
    table = claims_table(evidence)
    (row,) = table[table["claim"].str.contains(words)].itertuples()
    return row


class TestClaims:
    @pytest.mark.parametrize(
        ("drop", "holds"), [(0.3, "yes"), (1.0, "undecided"), (3.0, "no")]
    )  # fmt: skip
    def test_within_a_point_after_one_epoch(self, drop, holds):
        found = claim(retrained(instances([20, drop, 0], [20, drop, 0])), "after one epoch")
        assert found.measured == pytest.approx(drop)
        assert found.holds == holds
        assert f"layer 33: {drop:.2f} pp" in found.note
        assert "layer 46" in found.note
        assert f"(top-1: {drop:.2f})" in found.note

    def test_within_a_point_only_if_both_layers_are(self):
        good = retrained(instances([20, 0.1]), sites=("features.33",))
        bad = retrained(instances([20, 5.0]), sites=("features.46",))
        both = Retrained(
            pd.concat([good.recovery, bad.recovery.assign(layer=1)]),
            Ranks(good.ranks.intact, {**good.ranks.by_run, **bad.ranks.by_run}),
        )
        assert claim(both, "after one epoch").holds == "no"

    def test_its_interval_is_over_the_instances_too(self):
        alike = claim(retrained(instances([20, 2], [20, 2], [20, 2])), "after one epoch")
        apart = claim(retrained(instances([20, 1], [20, 2], [20, 3])), "after one epoch")
        assert apart.measured == pytest.approx(alike.measured)
        assert apart.high - apart.low > 4 * (alike.high - alike.low)
        assert apart.holds == "undecided"
        assert alike.holds == "no"

    @pytest.mark.parametrize(("last", "holds"), [(1.8, "yes"), (0.0, "undecided"), (-5, "no")])
    def test_later_epochs_are_marginal(self, last, holds):
        found = claim(retrained(instances([22, 2, last])), "only marginally")
        assert found.measured == pytest.approx(2 - last - 2)
        assert found.holds == holds
        assert "+20.00 pp in the first epoch" in found.note

    @pytest.mark.parametrize(("best", "holds"), [(2, "yes"), (0, "undecided"), (-2, "no")])
    def test_the_intact_is_never_exceeded(self, best, holds):
        drops = instances([20, best, 3]) | intact([0, 0, -1])
        found = claim(retrained(drops), "never exceeds")
        assert found.holds == holds
        assert "instance 0, epoch 1, of 4 epochs; chosen on one half of the test" in found.note
        assert f"trained as long {-best:+.2f} pp, the largest of all epochs" in found.note

    @pytest.mark.parametrize(("slope", "holds"), [(0.0, "yes"), (0.5, "no")])
    def test_recovery_is_independent_of_severity(self, slope, holds):
        drops = [[first, 1, 1 + slope * first] for first in (4, 10, 16, 22, 28)]
        found = claim(retrained(instances(*drops)), "how severe")
        assert found.measured == pytest.approx(slope, abs=0.01)
        assert found.holds == holds
        assert "initial drops of 4.0 to 28.0 pp" in found.note

    def test_severity_that_does_not_differ_says_nothing(self):
        found = claim(retrained(instances([9, 1], [9, 1], [9, 2])), "how severe")
        assert found.holds == "undecided"
        assert np.isnan(found.measured)

    def test_severity_is_compared_within_layers(self):
        """One layer drops more and keeps more; in neither does one depend on the other."""
        low = retrained(instances([2, 1], [4, 1], [6, 1]), sites=("features.33",))
        high = retrained(instances([52, 9], [54, 9], [56, 9]), sites=("features.46",))
        both = Retrained(
            pd.concat([low.recovery, high.recovery.assign(layer=1)]),
            Ranks(low.ranks.intact, {**low.ranks.by_run, **high.ranks.by_run}),
        )
        assert claim(both, "how severe").measured == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize(("last", "holds"), [(3, "yes"), (1, "undecided"), (0.2, "no")])
    def test_the_gap_grows(self, last, holds):
        drops = instances([9, 1]) | chain([9, 1], [12, 2], [20, last])
        found = claim(retrained(drops), "gap grows")
        assert found.measured == pytest.approx(last - 1)
        assert found.holds == holds
        assert f"layer 33: 1.00, 2.00, {last:.2f} pp" in found.note

    @pytest.mark.parametrize(("last", "holds"), [(3, "yes"), (4, "undecided"), (6, "no")])
    def test_few_filters_are_enough(self, last, holds):
        drops = instances([9, 1]) | chain([9, 1], [20, last])
        found = claim(retrained(drops, ablated_share=0.76), "about 80 %")
        assert found.measured == pytest.approx(last)
        assert found.holds == holds
        assert "76% of layer 33 and 76% of layer 46 ablated" in found.note

    @pytest.mark.parametrize(("share", "there"), [(0.25, False), (0.69, False), (0.71, True)])
    def test_few_filters_are_about_a_fifth(self, share, there):
        drops = instances([9, 1]) | chain([9, 1], [20, 3])
        found = claims_table(retrained(drops, ablated_share=share))["claim"]
        assert found.str.contains("80 %").any() == there

    def test_one_epoch_is_of_a_quarter_of_the_filters(self):
        found = claims_table(retrained(instances([9, 1]), proportion=0.5))["claim"]
        assert not found.str.contains("after one epoch").any()

    def test_the_gap_has_to_grow_in_every_layer(self):
        grows = retrained(instances([9, 1]) | chain([9, 1], [9, 8]), sites=("features.33",))
        shrinks = retrained(instances([9, 1]) | chain([9, 3], [9, 1]), sites=("features.46",))
        both = Retrained(
            pd.concat([grows.recovery, shrinks.recovery.assign(layer=1)]),
            Ranks(grows.ranks.intact, {**grows.ranks.by_run, **shrinks.ranks.by_run}),
        )
        assert claim(both, "gap grows").holds == "no"

    @pytest.mark.parametrize(("norm", "holds"), [(0.0, "yes"), (0.01, "no")])
    def test_what_is_ablated_stays_so(self, norm, holds):
        found = claim(retrained(instances([9, 1]), held=norm), "stays ablated")
        assert (found.measured, found.holds) == (norm, holds)

    @pytest.mark.parametrize(("alone", "holds"), [(1, "yes"), (8, "undecided"), (15, "no")])
    def test_recovery_is_more_than_training(self, alone, holds):
        drops = instances([9, 5, 1]) | intact([0, 0, -alone / 2, -9])  # longer than the instances
        if alone > 2:  # more than the intact network has to gain: it begins worse
            drops = instances([9, 5, 1]) | intact([alone, 0, 0, -9])
        found = claim(retrained(drops), "more than the intact one")
        assert found.measured == pytest.approx(8 - (alone if alone > 2 else alone / 2))
        assert found.holds == holds

    def test_are_left_out_where_nothing_was_done_for_them(self):
        few = claims_table(retrained(instances([9, 1])))["claim"]
        assert not few.str.contains("how severe|gap grows|80 %|trained as long").any()
        assert len(few) == 4

    def test_of_a_run_that_ended_at_once(self):
        found = claims_table(retrained(instances([9], [9, 1])))
        assert len(found) == 4


class TestRefuses:
    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("recovery.root=null", r"recovery\.root: is missing; allowed is the folder of the trai"
             r"ning images.*--set recovery\.root=FOLDER\. Or leave recovery out: --set recovery=n"),
            ("recovery.method=silence", r"recovery\.method: given 'silence', which the sweep lacks "
             r"\(it has zero_weights\), so it cannot choose the layers.*--set recovery=null"),
            ("recovery.method=scale(0.5)", r"recovery\.method: given 'scale\(0\.5\)', which make"
             r"s the units' values from what they are, so no weights can hold them"),
            ("recovery.method=average", r"recovery\.method: given 'average'; allowed are silence"),
            ("recovery.sites=[features.0, features.0]", r"recovery\.sites: given \['features\.0', "
             r"'features\.0'\]; name each once"),
            ("recovery.sites=[]", r"recovery\.sites: given \[\].*at least 1 item"),
            ("recovery.controls=[intact, intact]", r"recovery\.controls: given .*; name each once"),
            ("recovery.controls=[none]", r"recovery\.controls\.0: given 'none'"),
            ("recovery.freeze=upsteam", r"recovery\.freeze: given 'upsteam'; allowed are upstream, "
             "downstream, none, or a list of names of modules"),
            ("recovery.stop.top=7", r"recovery\.stop\.top: given 7, at which all predictions of"),
            ("recovery.stop.least=4", r"most_epochs: given 3; the stop rule needs at least 4"),
            ("recovery.stop.leest=4", r"recovery\.stop\.leest: there is no such key; did you mean"),
            ("recovery.iteration=4", r"there is no such key; did you mean iterations"),
            ("recovery.proportion=1.0", r"recovery\.proportion: given 1\.0; input should be less"),
            ("recovery.instances=0", r"recovery\.instances: given 0"),
            ("recovery.training.schedule=one_cycle", r"recovery\.training\.schedule: given 'one_cyc"
             r"le'; allowed is 'constant' .*Set recovery\.iterations=0"),
            ("recovery.training={momentum: 0.0, nesterov: true}",
             r"recovery\.training: nesterov: given True; allowed is False where momentum is 0"),
        ],
    )  # fmt: skip
    def test_at_the_door(self, study_file, setting, words):
        with pytest.raises(StudyError, match=words):
            studies.load(str(study_file), [setting])

    def test_training_images_beside_cifars(self):
        with pytest.raises(StudyError, match=r"recovery\.root: cifar10 brings its own training im"):
            studies.load("vgg19-cifar10", ["recovery.root=images"])

    def test_the_papers_study_without_training_images(self):
        with pytest.raises(StudyError, match=r"--set recovery\.root=FOLDER.*--set recovery=null"):
            studies.load("meyes2019-vgg19", ["data.root=images"])
        assert studies.load("meyes2019-vgg19", ["data.root=images", "recovery=null"]).name

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("recovery.sites=[features.1]", r"recovery\.sites: given features\.1; allowed are fe"),
            ("recovery.freeze=[features.1x]", r"recovery\.freeze: given 'features\.1x'"),
            ("recovery.freeze=[features, classifier]", r"recovery\.freeze: .*nothing"),
            ("recovery.images=3", r"recovery\.images: given 3, among which [4-6] classes of the te"
             r"st images have none, such as .*Raise it"),
            ("recovery.images=100", r"recovery\.images: given 100; allowed are 1 to 28"),
            ("recovery.root={other}", r"recovery\.root: .* has other classes than .*; allowed are "
             "the same, by the names of the folders"),
        ],
    )  # fmt: skip
    def test_before_any_image_is_decoded(self, study_file, tmp_path, monkeypatch, setting, words):
        monkeypatch.setattr(stages, "examples_of", lambda *_: pytest.fail("decoded"))
        other = tmp_path / "other"
        shutil.copytree(study_file.parent / "training", other)
        (other / "ant").rename(other / "aardvark")
        study = studies.load(str(study_file), [setting.format(other=other)])
        with pytest.raises(StudyError, match=words):
            studies.run(study, tmp_path / "run", tell=silent)


class TestPlan:
    def test_says_that_recovery_comes_on_top(self, study_file):
        found = forecast(studies.load(str(study_file)), "cpu", 1, 0.5)
        per_layer = 2 * 2 * 3 + 2 * 3 + 2 * 3
        (note,) = [note for note in found.notes if "the recovery is not in the time" in note]
        assert f"{2 * per_layer} epochs at most on 21 images, each followed by 14 test" in note
        without = forecast(studies.load(str(study_file), ["recovery=null"]), "cpu", 1, 0.5)
        assert not any("the recovery is" in note for note in without.notes)


def killed_again_and_again(study_file: str, finished: Path, home: Path) -> dict[str, int]:
    """Runs that are killed at random moments of their recovery, and one that is not.

    Children are forked from a process that has imported everything.
    """
    torch.set_num_threads(1)
    importlib.import_module("torch._dynamo")  # as the first optimiser does: seconds of each child
    studies.draw_figures = studies.write_report = lambda *_: None
    study = studies.load(study_file, KILLED)
    draw = np.random.default_rng(0)
    undisturbed = at_the_recovery(finished, study, home / "undisturbed")
    start = time.monotonic()
    os.waitpid(forked(study, undisturbed), 0)
    whole = time.monotonic() - start
    folder, told = at_the_recovery(finished, study, home / "killed"), {"kills": 0}
    told["in a training"] = 0
    while told["kills"] < KILLS:
        child = forked(study, folder)
        time.sleep(whole * draw.uniform(0.2, 0.6))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):  # it was done
            shutil.rmtree(folder)
            at_the_recovery(finished, study, folder)
            continue
        told["kills"] += 1
        told["in a training"] += any(folder.glob("recovery/*/*-*-*.safetensors"))
    os.waitpid(forked(study, folder), 0)
    return told


def forked(study: studies.StudyForm, folder: Path) -> int:
    child = os.fork()
    if child == 0:
        single.CHECKPOINT_SECONDS = 0.0
        studies.run(study, folder, tell=silent)
        os._exit(0)
    return child


if __name__ == "__main__":
    study_path, run, here = sys.argv[1:]
    print(json.dumps(killed_again_and_again(study_path, Path(run), Path(here))))
