"""The layer study: what a run leaves, whether its numbers are true, how it goes on."""

import copy
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

import lashley as la
from lashley import networks, studies
from lashley.distribute import Local
from lashley.errors import AblationError, DataError, NetworkError, RunError, StudyError
from lashley.papers.meyes2019.figures.layers import CAPTIONS
from lashley.papers.meyes2019.layers import measures
from lashley.papers.meyes2019.layers import run as stages
from lashley.papers.meyes2019.layers.tables import NAMES
from lashley.studies import RunFolder

from finished import files_of
from layer_study import CLASSES, PER_CLASS, PROPORTIONS, SIDE, generated, network

KILLS = 20
SAMPLE = 40
CONVOLUTIONS = (0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49)


def silent(*_):
    """Tell nobody."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def study_file(layer_study_file):
    return layer_study_file


@pytest.fixture(scope="module")
def finished(finished_layers):
    """A complete run; tests that change it take a copy."""
    return RunFolder(finished_layers)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(studies, "draw_figures", lambda *_: None)
    monkeypatch.setattr(studies, "write_report", lambda *_: None)


def assert_same_tables(folder: Path, finished: Path) -> None:
    for name in (*(f"{n}.parquet" for n in NAMES), "networks/trained.safetensors"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes(), name
    assert not [name for name in files_of(folder) if ".part" in name]


FEW = ["sweep.methods=[silence]", "sweep.proportions=[0.25]"]


def assert_same_effects(folder: RunFolder, finished: RunFolder) -> None:
    """Of a run of few settings: they are those of the complete run."""
    for name in ("effects", "layers", "classes"):
        found, rows = folder.table(name), finished.table(name)
        rows = rows.query("method == 'silence' and proportion == 0.25").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, rows)
    assert not [name for name in files_of(folder.path) if ".part" in name]


class TestACompleteRun:
    def test_has_all_products_and_no_image_is_left(self, finished):
        found = files_of(finished.path)
        expected = {
            "study.yaml", "provenance.json", "report.html", "distances.npz", "changes.npz",
            "images.npz", "embedding.npy", "embedding.json",
            *(f"{name}.parquet" for name in NAMES), "networks/trained.safetensors",
            *(f"figures/{name}.{kind}" for name in CAPTIONS for kind in ("png", "svg")),
        }  # fmt: skip
        assert {name for name in found if not name.startswith("outcomes.zarr")} == expected

    def test_every_filter_is_the_anchor_of_a_group(self, finished):
        effects = finished.table("effects").query("design == 'similar_groups' and top == 1")
        sizes = effects.groupby("site", sort=False).n_units.first()
        assert list(sizes.index) == [f"features.{i}" for i in CONVOLUTIONS]
        groups = effects.groupby(["site", "proportion", "method"]).anchor.apply(list)
        assert len(groups) == 16 * len(PROPORTIONS) * 2
        for (site, _, _), anchors in groups.items():
            assert anchors == list(range(sizes[site]))

    def test_says_what_it_was_made_with(self, finished):
        content = finished.json("provenance")
        assert set(content["fingerprints"]) == {"test examples", "network"}
        assert content["seeds"]["groups"] == 0

    def test_is_not_run_again(self, finished, study_file, tmp_path, monkeypatch):
        for home, name in ((Local, "evaluate"), (stages, "examples_of"), (stages, "given_network")):
            monkeypatch.setattr(home, name, lambda *_, **__: pytest.fail("ran"))
        folder = shutil.copytree(finished.path, tmp_path / "run")
        studies.run(studies.load(str(study_file)), folder, tell=silent)
        assert files_of(folder) == files_of(finished.path)

    def test_titles_and_names_of_classes_are_no_markup(self, finished):
        page = (finished.path / "report.html").read_text()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
        assert "bee <b>" not in page


def true_rank(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """How many classes come before the true one: larger logits, and equal ones of lower index."""
    true = logits.gather(1, labels[:, None])
    before = torch.arange(logits.shape[1]) < labels[:, None]
    return ((logits > true) | ((logits == true) & before)).sum(1)


def ablated(model: torch.nn.Module, site: str, units: list[int], method: str) -> torch.nn.Module:
    """The naive way: a copy with zeroed filters, or with a hook behind the ReLU."""
    model = copy.deepcopy(model).double().eval()
    index = int(site.split(".")[1])
    if method == "zero_weights":
        with torch.no_grad():
            model.features[index].weight[units] = 0
            model.features[index].bias[units] = 0
    else:

        def silence(_module, _inputs, output):
            output = output.clone()
            output[:, units] = 0
            return output

        model.features[index + 2].inplace = False
        model.features[index + 2].register_forward_hook(silence)
    return model


def assert_naive(effects: pd.DataFrame, model: torch.nn.Module, test: la.Examples) -> None:
    """Drops of a random sample of groups, against full passes of a copy of the network."""
    inputs, labels = test.inputs.double(), test.labels
    with torch.no_grad():
        intact = true_rank(copy.deepcopy(model).double().eval()(inputs), labels)
        similar = effects.query("design == 'similar_groups'")
        for row in similar.sample(SAMPLE, random_state=0).itertuples():
            units = [int(unit) for unit in row.units.split(",")]
            rank = true_rank(ablated(model, row.site, units, row.method)(inputs), labels)
            lost = int(((intact < row.top) & (rank >= row.top)).sum())
            gained = int(((intact >= row.top) & (rank < row.top)).sum())
            assert (row.lost, row.gained, row.total) == (lost, gained, len(labels)), row
            assert row.drop_pp == pytest.approx(100 * (lost - gained) / len(labels), abs=1e-9)


class TestNumbers:
    def test_equal_a_naive_loop(self, finished, study_file):
        study = studies.load(str(study_file))
        effects = finished.table("effects")
        assert effects.query("top == 1").drop_pp.abs().max() > 10  # ablations do something
        assert_naive(effects, network(), stages.examples_of(study, None, silent))

    @pytest.mark.slow
    def test_of_the_real_network_equal_a_naive_loop(self, mnist_data, tmp_path):
        path = mnist_data / "networks" / "vgg19_bn_half_cifar10.safetensors"
        if not path.is_file():
            pytest.skip("the network is not here")
        study = studies.load("vgg19-cifar10", [
            f"network.weights={path}", "data.images=10", "sweep.random_groups=1",
            "sweep.proportions=[0.05, 0.25]",
        ])  # fmt: skip
        model, test = stages.given_network(study.network), stages.examples_of(study, None, silent)
        cuts = stages.ablations_of(stages.filters_of(study, model), study.sweep)
        rng = np.random.default_rng(0)
        cuts = [cuts[i] for i in sorted(rng.choice(len(cuts), 100, replace=False))]
        outcomes = la.evaluate(model, test, cuts, dtype=torch.bfloat16)
        found = la.effects(outcomes)
        table = pd.DataFrame({
            "site": found["site"], "units": found["units"], "method": found["method"],
            "design": "similar_groups", "top": 1, "drop_pp": found["overall_drop_pp"],
            "lost": found["overall_lost"], "gained": found["overall_gained"], "total": 10,
        })  # fmt: skip
        assert_naive(table, model, test)

    def test_of_a_layer_are_those_of_its_groups(self, finished):
        effects = finished.table("effects")
        keys = ["site", "proportion", "method", "top"]
        each = {key: rows.drop_pp for key, rows in
                effects.query("design == 'similar_groups'").groupby(keys)}  # fmt: skip
        random = {key: rows.drop_pp for key, rows in
                  effects.query("design == 'random_groups'").groupby(keys)}  # fmt: skip
        layers = finished.table("layers")
        assert len(layers) == 16 * 2 * 2 * 2
        for row in layers.itertuples():
            drops, null = (part[tuple(getattr(row, k) for k in keys)] for part in (each, random))
            assert row.drop_pp == pytest.approx(drops.mean(), abs=1e-9)
            assert row.sd_pp == pytest.approx(drops.std(ddof=0), abs=1e-9)
            assert (row.min_pp, row.max_pp, row.median_pp) == (
                drops.min(), drops.max(), drops.median())  # fmt: skip
            assert row.helped == (drops < 0).mean()
            assert (row.groups, row.random_groups) == (row.n_units, 5) == (len(drops), len(null))
            assert row.random_drop_pp == pytest.approx(null.mean(), abs=1e-9)
            assert row.drop_low_pp <= row.drop_pp <= row.drop_high_pp

    def test_of_classes_add_up_to_those_of_layers(self, finished):
        keys = ["site", "proportion", "method", "top"]
        layers = finished.table("layers").set_index(keys).drop_pp
        table = finished.table("classes")
        assert (table.groupby(keys).total.sum() == len(CLASSES) * PER_CLASS).all()
        whole = table.assign(weighted=table.drop_pp * table.total).groupby(keys)
        mean = whole.weighted.sum() / whole.total.sum()
        assert np.allclose(mean, layers[mean.index], atol=1e-9)

    def test_the_changes_of_the_images_average_to_the_drops(self, finished):
        changes = finished.arrays("changes")
        label = changes["label"]
        assert np.bincount(label).tolist() == [PER_CLASS] * len(CLASSES)
        classes = finished.table("classes")
        for row in finished.table("layers").sample(30, random_state=0).itertuples():
            key = f"{row.label}|{row.method}|{row.proportion}|{row.top}"
            found = changes[f"all|{key}"]
            assert 100 * found.mean() == pytest.approx(row.drop_pp, abs=1e-4)
            rows = classes[
                (classes.site == row.site)
                & (classes.method == row.method)
                & (classes.proportion == row.proportion)
                & (classes.top == row.top)
            ]
            means = [100 * found[label == c].mean() for c in range(len(CLASSES))]
            assert np.allclose(means, rows.sort_values("class_index").drop_pp, atol=1e-4)

    def test_the_share_of_random_groups_that_cost_as_much(self, finished):
        keys = ["site", "proportion", "method", "top"]
        effects = finished.table("effects")
        null = {k: r.drop_pp.tolist() for k, r in
                effects.query("design == 'random_groups'").groupby(keys)}  # fmt: skip
        assert effects.query("design == 'random_groups'").random_share.isna().all()
        for row in (
            effects.query("design == 'similar_groups'").sample(200, random_state=1).itertuples()
        ):
            random = null[tuple(getattr(row, k) for k in keys)]
            assert row.random_share == sum(d >= row.drop_pp - 1e-9 for d in random) / len(random)
            assert row.random_share_low <= row.random_share <= row.random_share_high

    def test_the_constants_are_those_of_batch_norm(self, finished):
        constants, model = finished.table("constants"), network()
        for i in CONVOLUTIONS:
            norm = model.features[i + 1]
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            expected = torch.relu(norm.bias - scale * norm.running_mean).detach()
            found = constants.query("site == @site", local_dict={"site": f"features.{i}"})
            assert np.allclose(found.constant, expected, atol=1e-6)
        assert 0.2 < (constants.constant > 0).mean() < 0.8
        assert (constants.at_most >= constants.mean_activation).all()

    def test_zeroed_and_silenced_are_the_same_where_nothing_is_left(self, finished):
        """Groups whose filters leave no constant: the two methods are one."""
        constants = finished.table("constants").set_index(["site", "unit"]).constant
        table = finished.table("effects").query("top == 1 and design == 'similar_groups'")
        keys = ["site", "proportion", "anchor"]
        pairs = table.pivot_table("drop_pp", [*keys, "units"], "method")
        same = [all(constants[site, int(u)] == 0 for u in units.split(","))
                for site, _, _, units in pairs.index]  # fmt: skip
        assert sum(same) > 50
        assert (pairs[same].zero_weights == pairs[same].silence).all()
        assert (pairs.zero_weights != pairs.silence).any()

    def test_the_claims_are_said_of_the_papers_method(self, finished):
        claims = finished.table("claims").set_index("claim")
        assert set(claims.method) == {"zero_weights"}
        zeroed = claims.loc["zeroing a filter's weights and bias eliminates its activation"]
        constants = finished.table("constants").constant
        assert zeroed.measured == pytest.approx(100 * (constants == 0).mean())
        assert zeroed.holds == "no"
        band = claims.loc["the band of one standard deviation crosses zero in some layers"]
        rows = finished.table("layers").query(
            "method == 'zero_weights' and top == 1 and proportion == 0.1"
        )
        assert band.measured == (rows.drop_pp < rows.sd_pp).sum()


class TestGoesOn:
    @pytest.mark.slow
    def test_after_kills_at_any_moment(self, study_file, tmp_path):
        """Forked children of one process that has imported everything are killed by SIGKILL."""
        command = [sys.executable, __file__, str(study_file), str(tmp_path)]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        assert told["kills"] == KILLS
        assert told["in the sweep"] >= 3  # not only before or behind it
        for folder in tmp_path.iterdir():
            assert_same_tables(folder, tmp_path / "undisturbed")

    def test_from_before_there_was_a_map(
        self, study_file, finished, tmp_path, no_figures, monkeypatch
    ):
        monkeypatch.setattr(Local, "evaluate", lambda *_, **__: pytest.fail("ran"))
        folder = Path(shutil.copytree(finished.path, tmp_path / "run"))
        content = yaml.safe_load((folder / "study.yaml").read_text())
        assert content.pop("embedding")["images"] == 2000
        (folder / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        for name in ("images.npz", "embedding.npy", "embedding.json"):
            (folder / name).unlink()
        study = studies.load(str(study_file))
        assert studies.study_of(studies.run(study, folder, tell=silent)) == study
        assert files_of(folder) == files_of(finished.path)

    def test_not_with_another_map(self, study_file, finished):
        study = studies.load(str(study_file), ["embedding.images=20"])
        with pytest.raises(RunError, match=r"embedding\.images differ \(embedding\.images is 2000"):
            studies.run(study, finished.path, tell=silent)

    def test_not_with_a_map_of_other_images(
        self, study_file, finished, tmp_path, no_figures, monkeypatch
    ):
        folder = Path(shutil.copytree(finished.path, tmp_path / "run"))
        (folder / "images.npz").unlink()
        before = stages.examples_of

        def others(*given):
            found = before(*given)
            return la.Examples(-found.inputs, found.labels, found.class_names)

        monkeypatch.setattr(stages, "examples_of", others)
        with pytest.raises(RunError, match="test examples changed since this run began"):
            studies.run(studies.load(str(study_file)), folder, tell=silent)

    def test_after_ctrl_c_in_the_sweep(self, study_file, finished, tmp_path, no_figures):
        def stop(stage, done, total):
            if stage.startswith("ablations") and done > total / 3:
                raise KeyboardInterrupt

        study, folder = studies.load(str(study_file), FEW), tmp_path / "run"
        with pytest.raises(KeyboardInterrupt):
            studies.run(study, folder, tell=stop)
        assert not (folder / "effects.parquet").exists()
        assert_same_effects(studies.run(study, folder, tell=silent), finished)

    @pytest.mark.slow
    def test_after_a_full_disk_in_the_sweep(
        self, study_file, finished, tmp_path, no_figures, monkeypatch
    ):
        """Outcomes take their place by being renamed; after some, the disk is full."""
        monkeypatch.setattr("lashley.outcomes.layout._CHUNK", 1 << 9)  # many chunks
        study, folder, room = studies.load(str(study_file)), tmp_path / "run", 0
        for method in ("replace", "rename"):
            whole = getattr(Path, method)

            def limited(self, target, whole=whole):
                nonlocal room
                if ".part" not in str(target):
                    if room == 0:
                        raise OSError(errno.ENOSPC, "No space left on device", str(target))
                    room -= 1
                return whole(self, target)

            monkeypatch.setattr(Path, method, limited)
        stops, kept = 0, set()
        for room in [0, 3, *[60] * 12]:  # noqa: B007
            try:
                studies.run(study, folder, tell=silent)
                break
            except RunError as error:
                stops, said = stops + 1, str(error)
            assert f"the disk of {folder} is full. Free some space and give the same" in said
            found = files_of(folder) if folder.exists() else {}
            chunks = {name for name in found if "/c/" in name}
            assert kept <= chunks
            kept = chunks
        assert 3 < stops < 12
        assert_same_tables(folder, finished.path)

    @pytest.mark.thinned(1)
    @pytest.mark.parametrize("name", ["classes", "claims"])
    def test_a_table_that_is_lost_is_made_again(
        self, study_file, finished, tmp_path, no_figures, name
    ):
        folder = shutil.copytree(finished.path, tmp_path / "run")
        (folder / f"{name}.parquet").unlink()
        studies.run(studies.load(str(study_file)), folder, tell=silent)
        assert_same_tables(folder, finished.path)

    def test_not_with_other_images(self, tmp_path, no_figures):
        path, folder = generated(tmp_path), tmp_path / "run"

        def stop(stage, *_):
            if stage.startswith("ablations"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            studies.run(studies.load(str(path)), folder, tell=stop)
        image = Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8))
        image.save(tmp_path / "images" / "ant" / "0.png")
        with pytest.raises(RunError, match="test examples changed since this run began"):
            studies.run(studies.load(str(path)), folder, tell=silent)


class TestADiskWithLittleRoom:
    def test_is_told_of_and_used(self, study_file, finished, tmp_path, no_figures, monkeypatch):
        usage = shutil.disk_usage("/")._replace(free=10)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.warns(UserWarning, match=r"may take up to .* GB .* If it fills up, nothing is"):
            run = studies.run(studies.load(str(study_file), FEW), tmp_path / "run", tell=silent)
        assert_same_effects(run, finished)


class TestBrokenImages:
    def test_left_out_are_written_down(self, tmp_path, no_figures):
        path = generated(tmp_path)
        (tmp_path / "images" / "ant" / "1.png").write_bytes(b"no image")
        with pytest.raises(DataError, match=r"ant/1\.png"):
            studies.run(studies.load(str(path), FEW), tmp_path / "run", tell=silent)
        study = studies.load(str(path), [*FEW, "data.skip_broken=true"])
        with pytest.warns(UserWarning, match=r"ant/1\.png"):
            folder = studies.run(study, tmp_path / "other", tell=silent)
        (said,) = folder.json("provenance")["images left out"]
        assert "ant/1.png" in said
        assert folder.table("effects").total.max() == len(CLASSES) * PER_CLASS - 1


class TestTraining:
    @pytest.fixture
    def small_cifar10(self, monkeypatch):
        """Noise in ten classes, in place of the photographs."""
        draw = torch.Generator().manual_seed(0)
        names = tuple("abcdefghij")
        made = {}
        for split, n in (("train", 60), ("test", 40)):
            inputs = torch.randn(n, 3, 32, 32, generator=draw)
            made[split] = la.Examples(inputs, torch.arange(n) % 10, names)
        monkeypatch.setattr(stages.data, "cifar10", made.__getitem__)
        monkeypatch.setattr(stages.data, "cifar10_classes", lambda: names)

    @pytest.mark.slow
    def test_a_stopped_one_goes_on_to_the_same_network(
        self, tmp_path, no_figures, small_cifar10, monkeypatch
    ):
        study = studies.load("vgg19-cifar10", [
            "network.width=0.0625", "training.epochs=3", "training.batch_size=20",
            "training.lr=0.01", "training.autocast=false", "data.images=20",
            "sweep.proportions=[0.25]", "sweep.methods=[silence]", "sweep.random_groups=1",
            "recovery=null",
        ])  # fmt: skip
        monkeypatch.setattr("lashley.training.alone.CHECKPOINT_SECONDS", 0.0)

        def stop(stage, done, _):
            if stage == "training" and done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            studies.run(study, tmp_path / "stopped", tell=stop)
        assert not (tmp_path / "stopped" / "networks" / "trained.safetensors").exists()
        for name in ("stopped", "undisturbed"):
            studies.run(study, tmp_path / name, tell=silent)
        assert_same_tables(tmp_path / "stopped", tmp_path / "undisturbed")
        home = tmp_path / "stopped" / "networks"
        assert [path.name for path in home.iterdir()] == ["trained.safetensors"]
        trained = networks.read_weights(home / "trained.safetensors")
        initial = stages.network_of(study.network).state_dict()
        assert not torch.equal(trained["features.0.weight"], initial["features.0.weight"])
        few = json.loads((tmp_path / "stopped" / "embedding.json").read_text())
        assert few["absent"].startswith("inputs: given 20 examples for 10 neighbours")


class TestToAPrecision:
    def test_has_all_tables_and_intervals_no_wider(self, study_file, tmp_path, no_figures):
        study = studies.load(str(study_file), ["sweep.precision=30", *FEW])
        folder = studies.run(study, tmp_path / "run", tell=silent)
        effects = folder.table("effects").query("top == 1")
        assert (effects.drop_high_pp - effects.drop_low_pp).max() <= 60 + 1e-9 or (
            effects.total == len(CLASSES) * PER_CLASS
        ).any()
        assert folder.table("layers").drop_pp.notna().all()


class TestRefuses:
    @pytest.fixture
    def refused(self, study_file, tmp_path):
        """A function that runs the study, changed, which fails and leaves no tables."""

        folder = tmp_path / "run"

        def run(error, words, *settings):
            with pytest.raises(error, match=words):
                studies.run(studies.load(str(study_file), settings), folder, tell=silent)
            assert not list(folder.glob("*.parquet"))
            shutil.rmtree(folder, ignore_errors=True)

        return run

    def test_a_folder_without_images(self, refused, tmp_path):
        (tmp_path / "none" / "ant").mkdir(parents=True)
        refused(DataError, "none", f"data.root={tmp_path / 'none'}")

    def test_classes_that_are_not_the_outputs(self, refused, tmp_path):
        path = tmp_path / "w.safetensors"
        networks.save_weights(networks.vgg19_bn(9, 1 / 16, SIDE), path)
        refused(StudyError, "has 7 classes; the network has 9 outputs. Name all of them in a file",
                "network.classes=9", f"network.weights={path}")  # fmt: skip

    def test_a_proportion_that_leaves_nothing(self, refused):
        refused(AblationError, r"0\.9", "sweep.proportions=[0.9]")

    def test_weights_of_another_width(self, refused):
        refused(NetworkError, r"they do not fit the network: features\.0\.weight is \(4,",
                "network.width=0.125")  # fmt: skip

    def test_and_takes_the_command_put_right(self, study_file, tmp_path, no_figures):
        wrong = studies.load(str(study_file), ["network.width=0.125"])
        with pytest.raises(NetworkError, match="do not fit"):
            studies.run(wrong, tmp_path / "run", tell=silent)
        right = studies.load(str(study_file), FEW)
        assert studies.run(right, tmp_path / "run", tell=silent).table("claims").size
        with pytest.raises(RunError, match="holds a run of another study"):
            studies.run(wrong, tmp_path / "run", tell=silent)

    def test_figures_of_what_there_is_not(self, refused):
        refused(StudyError, r"figures\.sites: given features\.1; allowed are features\.0, ",
                "figures.sites=[features.1]")  # fmt: skip
        refused(StudyError, r"figures\.classes: given cow; allowed are names of classes, such as "
                "ant", "figures.classes=[cow]")  # fmt: skip

    def test_before_any_image_is_decoded(self, refused, tmp_path, monkeypatch):
        monkeypatch.setattr(stages, "examples_of", lambda *_: pytest.fail("decoded"))
        refused(AblationError, r"0\.9", "sweep.proportions=[0.9]")
        refused(NetworkError, "they do not fit", "network.width=0.125")
        refused(StudyError, r"figures\.classes", "figures.classes=[cow]")
        path = tmp_path / "w.safetensors"
        networks.save_weights(networks.vgg19_bn(9, 1 / 16, SIDE), path)
        refused(StudyError, "has 7 classes", "network.classes=9", f"network.weights={path}")

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("sweep.proportions=[0.0]", r"sweep\.proportions\.0: given 0\.0; input should be gre"),
            ("sweep.proportions=[1.5]", r"sweep\.proportions\.0: given 1\.5; input should be less"),
            ("sweep.proportions=[1.0]", r"sweep\.proportions\.0: given 1\.0; input should be less"),
            ("sweep.proportions=[]", "at least 1 item"),
            ("sweep.proportions=[0.1, 0.1]", r"proportions: given \[0\.1, 0\.1\]; name each once"),
            ("sweep.methods=[mean]", r"sweep\.methods\.0: given 'mean'"),
            ("sweep.random_groups=0", r"sweep\.random_groups: given 0"),
            ("sweep.precison=1", r"sweep\.precison: there is no such key; did you mean precision"),
            ("data.root=null", r"data\.root: is missing; allowed is the folder of the images"),
            ("data.name=cifar10", r"cifar10 takes neither root nor class_names"),
            ("data.resize=16", r"data\.resize: given 16; allowed is at least network\.image_size"),
            ("data.class_names=none.txt", r"data\.class_names: there is no file none\.txt"),
            ("network.weights=none.pt", r"there is no file none\.pt; allowed are a file, 'train'"),
            ("network.weights=train", "'train' needs cifar10 and the part training"),
            (
                "network.weights=imagenet",
                "given width 0.0625, 7 classes and image_size 32; the im",
            ),
            ("kind=[layers]", r"kind: given \['layers'\]; allowed are ablation, mlp, layers"),
            ("training.epoch=3", r"training\.epoch: there is no such key; did you mean epochs"),
            ("embedding.images=0", r"embedding\.images: given 0"),
            ("embedding.image=9", r"embedding\.image: there is no such key; did you mean images"),
            (
                "kind=layer",
                "kind: given 'layer'; allowed are ablation, mlp, layers; did you mean layers",
            ),
        ],
    )
    def test_at_the_door(self, study_file, setting, words):
        with pytest.raises(StudyError, match=words):
            studies.load(str(study_file), [setting])

    def test_images_that_are_not_cifars(self):
        with pytest.raises(StudyError, match="given 10 classes and image_size 64; cifar10 has 10"):
            studies.load("vgg19-cifar10", ["network.image_size=64"])

    def test_the_papers_study_without_a_folder(self):
        with pytest.raises(StudyError, match=r"data\.root: is missing.*--set data\.root=FOLDER"):
            studies.load("meyes2019-vgg19")


def killed_again_and_again(study_file: str, home: Path) -> dict[str, int]:
    """Runs that are killed at random moments, a new one begun where one is finished.

    Children are forked from a process that has imported everything.
    """
    torch.set_num_threads(1)
    studies.draw_figures = studies.write_report = lambda *_: None
    measures._DRAWS = 20
    study = studies.load(study_file, ["sweep.methods=[silence]"])
    rng, number = np.random.default_rng(0), 0
    start = time.monotonic()
    os.waitpid(forked(study, home / "undisturbed"), 0)
    whole = time.monotonic() - start
    told = {"kills": 0, "in the sweep": 0}
    while told["kills"] < KILLS:
        folder = home / str(number)
        child = forked(study, folder)
        time.sleep(whole * rng.uniform(0.05, 0.7))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            told["kills"] += 1
            ran = (folder / "outcomes.zarr").exists()
            told["in the sweep"] += ran and not (folder / "effects.parquet").exists()
        else:
            number += 1
    os.waitpid(forked(study, home / str(number)), 0)
    return told


def forked(study: studies.StudyForm, folder: Path) -> int:
    child = os.fork()
    if child == 0:
        studies.run(study, folder, tell=silent)
        os._exit(0)
    return child


if __name__ == "__main__":
    print(json.dumps(killed_again_and_again(sys.argv[1], Path(sys.argv[2]))))
