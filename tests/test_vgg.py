"""VGG-19 with batch norm: torchvision's names and weights, any width, the file at half width."""

import hashlib
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import DataError, NetworkError
from lashley.networks import (
    published,
    read_weights,
    vgg19_bn,
    vgg19_bn_imagenet,
    with_weights,
)

from real_data import data_root

FILE = "networks/vgg19_bn_half_cifar10.safetensors"
CONVOLUTIONS = (0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49)
FILTERS = (64, 64, 128, 128, *[256] * 4, *[512] * 8)


def official_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of torchvision's vgg19_bn, written out anew."""
    shapes, inputs = {}, 3
    for index, filters in zip(CONVOLUTIONS, FILTERS, strict=True):
        conv, norm = f"features.{index}.", f"features.{index + 1}."
        shapes |= {conv + "weight": (filters, inputs, 3, 3), conv + "bias": (filters,)}
        shapes |= {norm + n: (filters,) for n in ("weight", "bias", "running_mean", "running_var")}
        inputs = filters
    for index, (outputs, inputs) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        shapes |= {f"classifier.{index}.weight": (outputs, inputs),
                   f"classifier.{index}.bias": (outputs,)}  # fmt: skip
    return shapes


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    state = network.state_dict()
    return {n: tuple(v.shape) for n, v in state.items() if not n.endswith("num_batches_tracked")}


def state_of(shapes, seed=0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {n: torch.rand(s, generator=draw).mul_(0.01) for n, s in shapes.items()}


class TestArchitecture:
    def test_full_size_has_the_official_names_and_shapes(self):
        with torch.device("meta"):
            network = vgg19_bn()
        assert shapes_of(network) == official_shapes()
        assert sum(p.numel() for p in network.parameters()) == 143_678_248
        kinds = [type(m).__name__ for m in network.features]
        assert [i for i, kind in enumerate(kinds) if kind == "MaxPool2d"] == [6, 13, 26, 39, 52]
        for i in CONVOLUTIONS:
            assert kinds[i : i + 3] == ["Conv2d", "BatchNorm2d", "ReLU"]
        assert [type(m).__name__ for m in network.classifier] == [
            "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear",
        ]  # fmt: skip
        assert network.avgpool.output_size == (7, 7)
        assert all(m.inplace for m in network.modules() if isinstance(m, nn.ReLU))

    def test_forward_is_features_pool_flatten_classifier(self):
        network = vgg19_bn(7, 1 / 16, 64, seed=0).eval()
        inputs = torch.randn(2, 3, 64, 64)
        pooled = nn.functional.adaptive_avg_pool2d(network.features(inputs), (7, 7))
        assert torch.equal(network(inputs), network.classifier(torch.flatten(pooled, 1)))
        assert network(inputs).shape == (2, 7)

    @pytest.mark.parametrize(("size", "kind"), [(32, nn.Linear), (63, nn.Linear), (64, nn.Sequential), (224, nn.Sequential)])  # fmt: skip  # noqa: E501
    def test_small_images_get_one_linear(self, size, kind):
        with torch.device("meta"):
            assert type(vgg19_bn(10, 0.5, size).classifier) is kind

    @pytest.mark.parametrize("classifier", ["official", "linear"])
    @pytest.mark.parametrize("size", [32, 48, 96])
    def test_either_classifier_runs_on_any_size(self, classifier, size):
        network = vgg19_bn(5, 1 / 16, 32, classifier=classifier, seed=0).eval()
        assert network(torch.randn(2, 3, size, size)).shape == (2, 5)

    def test_the_linear_classifier_averages_over_positions(self):
        network = vgg19_bn(5, 1 / 16, classifier="linear", seed=0).eval()
        inputs = torch.randn(2, 3, 96, 96)
        by_hand = network.classifier(network.features(inputs).mean((2, 3)))
        assert torch.allclose(network(inputs), by_hand, atol=1e-6)

    @pytest.mark.parametrize(
        ("width", "filters", "hidden"),
        [(0.5, (32, 64, 128, 256), 2048), (2, (128, 256, 512, 1024), 8192),
         (0.1, (6, 13, 26, 51), 410), (1e-9, (1, 1, 1, 1), 1)],
    )  # fmt: skip
    def test_width_scales_every_layer_and_rounds_half_up(self, width, filters, hidden):
        with torch.device("meta"):
            network = vgg19_bn(3, width)
        found = tuple(network.features[i].out_channels for i in (0, 7, 14, 49))
        assert found == filters
        assert network.classifier[0].in_features == filters[-1] * 49
        assert network.classifier[3].out_features == hidden

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"classes": 0}, r"classes: given 0; allowed is a whole number of at least 1"),
            ({"classes": 10.0}, r"classes: given 10\.0"),
            ({"classes": True}, r"classes: given True"),
            ({"width": 0}, r"width: given 0; allowed is a number above 0, such as 0\.5"),
            ({"width": -1.0}, r"width: given -1"),
            ({"width": float("nan")}, r"width: given nan"),
            ({"width": float("inf")}, r"width: given inf"),
            ({"width": "half"}, r"width: given 'half'"),
            ({"image_size": 31}, r"image_size: given 31; .* at least 32: five poolings .*Enlarge"),
            ({"image_size": (32, 32)}, r"image_size: given \(32, 32\)"),
            ({"classifier": "mlp"}, r"classifier: given 'mlp'; allowed are official, linear, or"),
        ],
    )
    def test_what_makes_no_network(self, arguments, words):
        with pytest.raises(NetworkError, match=words):
            vgg19_bn(**arguments)


class TestInitialWeights:
    def test_are_torchvisions(self):
        network = vgg19_bn(10, 0.25, 64, seed=0)
        for i in CONVOLUTIONS:
            convolution, norm = network.features[i], network.features[i + 1]
            fan_out = 9 * convolution.out_channels
            root = (2 / fan_out) ** 0.5
            assert float(convolution.weight.detach().std()) == pytest.approx(root, rel=0.15)
            assert not convolution.bias.any()
            assert (norm.weight == 1).all()
            assert not norm.bias.any()
        for i in (0, 3, 6):
            assert float(network.classifier[i].weight.detach().std()) == pytest.approx(
                0.01, rel=0.05
            )
            assert not network.classifier[i].bias.any()

    def test_a_seed_repeats_them_and_leaves_the_global_generator(self):
        before = torch.get_rng_state()
        one, same, other = (vgg19_bn(10, 1 / 16, 32, seed=s).state_dict() for s in (3, 3, 4))
        assert torch.equal(torch.get_rng_state(), before)
        assert all(torch.equal(one[n], same[n]) for n in one)
        assert not torch.equal(one["features.0.weight"], other["features.0.weight"])
        assert not torch.equal(one["classifier.weight"], other["classifier.weight"])

    def test_without_a_seed_the_global_generator_draws(self):
        torch.manual_seed(1)
        one = vgg19_bn(10, 1 / 16, 32).classifier.weight
        two = vgg19_bn(10, 1 / 16, 32).classifier.weight
        torch.manual_seed(1)
        assert not torch.equal(one, two)
        assert torch.equal(one, vgg19_bn(10, 1 / 16, 32).classifier.weight)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


class TestImagenet:
    @pytest.fixture
    def small(self, monkeypatch):
        """The official network at a 16th of its width, for speed: its state is 2 MB."""
        monkeypatch.setattr(published, "vgg19_bn", lambda: vgg19_bn(width=1 / 16, seed=0))
        return state_of(shapes_of(vgg19_bn(width=1 / 16)))

    @pytest.fixture
    def cache(self, tmp_path, monkeypatch):
        monkeypatch.delenv("LASHLEY_DATA", raising=False)
        monkeypatch.setattr("pooch.os_cache", lambda _name: str(tmp_path / "cache"))
        return tmp_path / "cache"

    @pytest.fixture
    def served(self, tmp_path, monkeypatch, small):
        """A file that a server on this machine serves at the published address's place."""
        folder = tmp_path / "mirror"
        folder.mkdir()
        torch.save(small, folder / "w.pth")
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        urls = (f"http://127.0.0.1:{server.server_port}/w.pth",)
        start = hashlib.sha256((folder / "w.pth").read_bytes()).hexdigest()[:8]
        monkeypatch.setattr(published, "_IMAGENET", replace(published._IMAGENET, urls=urls, sha256=start))  # fmt: skip  # noqa: E501
        yield folder / "w.pth"
        server.shutdown()
        server.server_close()
        thread.join()

    def test_the_address_and_the_beginning_of_the_hash_are_the_published_ones(self):
        remote = published._IMAGENET
        assert remote.urls == ("https://download.pytorch.org/models/vgg19_bn-c79401a0.pth",)
        assert remote.name == f"vgg19_bn-{remote.sha256}.pth"

    @pytest.mark.parametrize("counters", [True, False])  # files before PyTorch 0.4.1 have none
    @pytest.mark.parametrize("zipped", [True, False])
    def test_from_lashley_data(self, small, cache, tmp_path, monkeypatch, counters, zipped):
        if counters:
            small |= {n.replace("running_var", "num_batches_tracked"): torch.tensor(5)
                      for n in small if n.endswith("running_var")}  # fmt: skip
        monkeypatch.setenv("LASHLEY_DATA", str(tmp_path / "own"))
        path = tmp_path / "own" / "networks" / "vgg19_bn-c79401a0.pth"
        path.parent.mkdir(parents=True)
        torch.save(small, path, _use_new_zipfile_serialization=zipped)
        state = vgg19_bn_imagenet().state_dict()
        assert all(torch.equal(state[n], small[n]) for n in small)
        assert int(state["features.1.num_batches_tracked"]) == (5 if counters else 0)

    def test_downloaded_once_if_the_hash_begins_right(self, small, cache, served):
        state = vgg19_bn_imagenet().state_dict()
        assert all(torch.equal(state[n], small[n]) for n in small)
        served.unlink()
        vgg19_bn_imagenet()
        assert [p.name for p in (cache / "networks").iterdir()] == ["vgg19_bn-c79401a0.pth"]

    def test_other_bytes_are_refused_and_not_kept(self, cache, served):
        torch.save({"other": torch.zeros(3)}, served)
        with pytest.raises(DataError, match=r"vgg19_bn-c79401a0\.pth .*could not be|1 files are m"):
            vgg19_bn_imagenet()
        assert not [*(cache / "networks").glob("*")]

    def test_a_state_of_all_official_names_and_shapes_loads(self):
        """At full size, without its half gigabyte: the tensors have shapes only."""
        with torch.device("meta"):
            network, state = vgg19_bn(), {n: torch.empty(s) for n, s in official_shapes().items()}
            with_weights(network, state)
            del state["features.49.bias"]
            with pytest.raises(NetworkError, match=r"fit the network: features\.49\.bias is missi"):
                with_weights(network, state)

    @pytest.mark.slow
    def test_the_official_network_computes_with_its_weights(self):
        state = state_of(official_shapes())
        network = with_weights(vgg19_bn(), state).eval()
        assert all(torch.equal(network.state_dict()[n], v) for n, v in state.items())
        assert network(torch.randn(1, 3, 224, 224)).shape == (1, 1000)


@pytest.fixture
def cifar10_data(monkeypatch):
    """The folder of the real files, with LASHLEY_DATA pointing at it."""
    root = data_root()
    if root is None or not (root / FILE).exists():
        pytest.skip("CIFAR-10 and the network are not here: set LASHLEY_DATA")
    monkeypatch.setenv("LASHLEY_DATA", str(root))
    return root


def half_width(root) -> nn.Module:
    path = root / FILE
    return with_weights(vgg19_bn(10, 0.5, 32), read_weights(path)).eval()


def right(network, examples, first) -> int:
    with torch.inference_mode():
        logits = torch.cat([network(x) for x in examples.inputs[:first].split(250)])
        return int((logits.argmax(1) == examples.labels[:first]).sum())


class TestHalfWidth:
    def test_the_file_at_half_precision_fits(self, cifar10_data):
        network = half_width(cifar10_data)
        assert network.classifier.weight.shape == (10, 256)
        assert {p.dtype for p in network.parameters()} == {torch.float32}
        assert right(network, la.data.cifar10("test"), 500) > 425  # 85 %

    @pytest.mark.slow
    def test_gets_its_accuracy_on_all_test_images(self, cifar10_data):
        assert right(half_width(cifar10_data), la.data.cifar10("test"), 10_000) == 8868
