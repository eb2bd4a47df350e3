"""The map of a layer study: which examples it shows, their pictures, what of them is mapped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.neighbors import NearestNeighbors
from torch import nn

from lashley import data, studies
from lashley.data.image_transform import IMAGENET_MEAN, IMAGENET_STD, Transform
from lashley.distribute import Local
from lashley.papers.meyes2019.layers import mapping
from lashley.papers.meyes2019.layers import run as stages
from lashley.papers.meyes2019.layers.mapping import carry_out, is_done, last_hidden, pictures
from lashley.studies import RunFolder
from lashley.studies.stages import Job

from layer_study import CLASSES, PER_CLASS, generated, network

FILES = ("images.npz", "embedding.npy", "embedding.json")


def silent(*_):
    """Tell nobody."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    return generated(tmp_path_factory.mktemp("layers"))


@pytest.fixture
def mapped(study_file, tmp_path):
    """A function that makes the map of the study, changed by settings, in a folder of its own."""

    def make(*settings, name="run"):
        study, folder = studies.load(str(study_file), settings), RunFolder(tmp_path / name)
        test = stages.examples_of(study, None, silent)
        carry_out(job(study, folder), network(), test)
        return folder

    return make


def job(study, folder):
    return Job(study, folder, Local(), silent)


class Backwards(nn.Module):
    """Its layers are defined in another order than they are called in."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(5)
        self.first = nn.Linear(6, 5)
        self.dropout = nn.Dropout(0.5)
        self.middle = nn.Linear(5, 4)

    def hidden(self, inputs):
        return self.middle(self.dropout(self.norm(self.first(inputs)))).relu()

    def forward(self, inputs):
        return self.last(self.hidden(inputs))


class TestPictures:
    def levels(self, side):
        return np.random.default_rng(0).integers(0, 256, (3, side, side, 3), np.uint8)

    def shown(self, levels):
        transform = Transform(levels.shape[1], levels.shape[1], IMAGENET_MEAN, IMAGENET_STD)
        inputs = torch.stack([transform.normalised(image) for image in levels])
        return pictures(inputs, transform.mean, transform.std)

    @pytest.mark.parametrize("side", [7, 32])
    def test_of_small_images_are_these(self, side):
        assert (self.shown(self.levels(side)) == self.levels(side)).all()

    def test_of_large_images_average_areas(self):
        blocks = self.levels(224).reshape(3, 32, 7, 32, 7, 3).mean((2, 4))
        found = self.shown(self.levels(224))
        assert (found.shape, found.dtype) == ((3, 32, 32, 3), np.uint8)
        assert np.abs(found - blocks).max() < 0.51

    def test_of_a_side_that_32_does_not_divide(self):
        flat = np.full((3, 45, 45, 3), 77, np.uint8)
        assert (self.shown(flat) == np.full((3, 32, 32, 3), 77)).all()

    def test_of_cifar10_are_its_photographs(self, mnist_data):
        bytes_ = (mnist_data / "cifar-10-batches-bin" / "test_batch.bin").read_bytes()
        records = np.frombuffer(bytes_, np.uint8).reshape(-1, 3073)[:100, 1:]
        inputs = data.cifar10("test").inputs[:100]
        found = pictures(inputs, *mapping._COLOURS["cifar10"])
        assert (found == records.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)).all()


class TestLastHidden:
    def test_is_what_the_layer_that_is_called_last_reads(self):
        model, inputs = Backwards(), torch.randn(10, 6)
        model(inputs)  # batch norm has seen something
        found = last_hidden(model, inputs.split(4))
        assert np.allclose(found, model.eval().hidden(inputs).detach(), atol=1e-6)

    def test_of_vgg_is_behind_all_convolutions(self):
        model, inputs = network(), torch.randn(5, 3, 32, 32)
        expected = model.flatten(model.avgpool(model.features(inputs))).detach()
        assert np.allclose(last_hidden(model, [inputs]), expected, atol=1e-6)

    def test_leaves_the_network_as_it_was(self):
        model = Backwards().train()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        last_hidden(model, [torch.randn(10, 6)])
        assert model.training
        assert not any(module._forward_pre_hooks for module in model.modules())
        assert all(torch.equal(before[name], v) for name, v in model.state_dict().items())


class TestTheStage:
    def test_leaves_a_picture_and_a_place_of_every_example(self, mapped, study_file):
        folder = mapped()
        assert {path.name for path in folder.path.iterdir()} == set(FILES)
        found, points = folder.arrays("images"), folder.array("embedding")
        assert found["example"].dtype == np.int64
        assert found["example"].tolist() == list(range(len(CLASSES) * PER_CLASS))
        for i, image in enumerate(found["images"]):
            name = f"{CLASSES[i // PER_CLASS]}/{i % PER_CLASS}.png"
            assert (image == np.asarray(Image.open(study_file.parent / "images" / name))).all()
        assert points.shape == (len(found["images"]), 2)
        assert (points.min(), points.max()) == (0, 1)
        assert set(folder.json("embedding")) == {
            "kl_divergence", "knn_preservation", "trustworthiness", "neighbours", "perplexity",
        }  # fmt: skip

    def test_shows_as_many_as_asked_for_each_class_in_its_share(self, mapped):
        every = mapped().arrays("images")["images"]
        few = mapped("embedding.images=21", name="few")
        found = few.arrays("images")
        assert np.bincount(found["example"] // PER_CLASS).tolist() == [3] * len(CLASSES)
        assert (found["images"] == every[found["example"]]).all()
        assert len(few.array("embedding")) == 21
        other = mapped("embedding.images=21", "embedding.seed=1", name="other").arrays("images")
        assert other["example"].tolist() != found["example"].tolist()

    def test_of_too_few_says_why_there_is_no_map(self, mapped):
        folder = mapped("embedding.images=20")
        assert {path.name for path in folder.path.iterdir()} == {"images.npz", "embedding.json"}
        assert list(folder.json("embedding")) == ["absent"]
        assert "given 20 examples for 10 neighbours" in folder.json("embedding")["absent"]
        assert is_done(folder)

    def test_is_done_once_all_is_there(self, mapped):
        folder = mapped()
        assert is_done(folder)
        for name in FILES:
            content = (folder.path / name).read_bytes()
            (folder.path / name).unlink()
            assert not is_done(folder)
            (folder.path / name).write_bytes(content)

    @pytest.mark.parametrize("room", range(len(FILES)))
    def test_goes_on_after_a_stop_between_its_files(self, mapped, monkeypatch, room):
        whole = mapped(name="undisturbed")
        replace, left = Path.replace, [None] * room

        def limited(self, target):
            if not left:
                raise KeyboardInterrupt
            left.pop()
            return replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", limited)
            with pytest.raises(KeyboardInterrupt):
                mapped()
        stopped = RunFolder(whole.path.parent / "run")
        before = {path.name: path.stat().st_mtime_ns for path in stopped.path.iterdir()}
        assert len(before) == room
        assert not is_done(stopped)
        mapped()
        assert [(stopped.path / n).read_bytes() for n in FILES] == [
            (whole.path / n).read_bytes() for n in FILES
        ]
        if "images.npz" in before:  # is not made again
            assert (stopped.path / "images.npz").stat().st_mtime_ns == before["images.npz"]

    def test_of_the_real_network_puts_classes_together(self, mnist_data, tmp_path):
        path = mnist_data / "networks" / "vgg19_bn_half_cifar10.safetensors"
        if not path.is_file():
            pytest.skip("the network is not here")
        study = studies.load("vgg19-cifar10", [f"network.weights={path}", "embedding.images=150"])
        test, folder = stages.examples_of(study, None, silent), RunFolder(tmp_path)
        carry_out(job(study, folder), stages.given_network(study.network), test)
        label = test.labels.numpy()[folder.arrays("images")["example"]]
        near = (
            NearestNeighbors(n_neighbors=5)
            .fit(folder.array("embedding"))
            .kneighbors(return_distance=False)
        )
        assert (label[near] == label[:, None]).mean() > 0.7  # 0.1 by chance
