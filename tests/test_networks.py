"""Built-in networks, importable ones, and weights files that are not to be trusted."""

import os
import pickle
import random
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import lashley as la
from lashley.errors import DataError, NetworkError
from lashley.networks import (
    authors_mlp,
    check_finite,
    load,
    mlp,
    read_weights,
    save_weights,
    seeded,
    with_weights,
)


def same(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(v, states[1][k]) for k, v in states[0].items()
    )


class TestMlp:
    def test_layers_are_fc1_fc2_with_relu_between_and_none_behind(self):
        network = mlp([784, 20, 10, 10], bias=False)
        assert [n for n, _ in network.named_children()] == [
            "flatten", "fc1", "relu1", "fc2", "relu2", "fc3",
        ]  # fmt: skip
        assert {n: tuple(p.shape) for n, p in network.named_parameters()} == {
            "fc1.weight": (20, 784), "fc2.weight": (10, 20), "fc3.weight": (10, 10),
        }  # fmt: skip
        inputs = torch.randn(3, 1, 28, 28)
        by_hand = inputs.flatten(1)
        for layer in (network.fc1, network.fc2):
            by_hand = (by_hand @ layer.weight.T).clamp(min=0)
        assert torch.allclose(network(inputs), by_hand @ network.fc3.weight.T, atol=1e-6)

    def test_weights_are_uniform_within_one_over_the_root_of_the_inputs(self):
        weight = mlp([784, 20, 10], seed=3).fc1.weight.detach()
        assert 0.0355 < weight.abs().max() <= 1 / 28
        assert float(weight.std()) == pytest.approx(1 / 28 / 3**0.5, rel=0.02)

    def test_a_seed_gives_the_same_weights_and_leaves_the_global_generator(self):
        torch.manual_seed(1)
        before = torch.get_rng_state()
        one, other, third = mlp([4, 3, 2], seed=7), mlp([4, 3, 2], seed=7), mlp([4, 3, 2], seed=8)
        assert torch.equal(torch.get_rng_state(), before)
        assert same(one, other)
        assert not same(one, third)

    def test_without_a_seed_the_global_generator_draws(self):
        torch.manual_seed(1)
        one = mlp([4, 3, 2])
        assert not same(one, mlp([4, 3, 2]))
        torch.manual_seed(1)
        assert same(one, mlp([4, 3, 2]))

    @pytest.mark.parametrize("widths", [[], [4], [4, 0], [4, -1, 2], [4, 2.0], ["4", 2], [4, True]])
    def test_widths_that_make_no_network(self, widths):
        with pytest.raises(NetworkError, match=r"widths: given .*allowed are two or more whole"):
            mlp(widths)

    def test_seeded_gives_the_generator_back_after_an_exception(self):
        before = torch.get_rng_state()
        with pytest.raises(KeyError), seeded(3):  # noqa: PT012
            torch.rand(1)
            raise KeyError
        assert torch.equal(torch.get_rng_state(), before)


class TestLoad:
    @pytest.fixture(autouse=True)
    def package(self, tmp_path, monkeypatch):
        (tmp_path / "users_package").mkdir()
        (tmp_path / "users_package" / "models.py").write_text(
            "from torch import nn\n"
            "def small(): return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))\n"
            "def needs(width): return nn.Linear(width, 2)\n"
            "def text(): return 'no network'\n"
            "number = 3\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        yield
        for name in [n for n in sys.modules if n.startswith("users_package")]:
            del sys.modules[name]

    def test_a_callable_and_its_weights(self, tmp_path):
        source = "users_package.models:small"
        network = load(source)
        assert isinstance(network, nn.Sequential)
        save_weights(network, tmp_path / "w.safetensors")
        torch.save(network.state_dict(), tmp_path / "w.pt")
        assert not same(network, load(source))
        for name in ("w.safetensors", "w.pt"):
            assert same(network, load(source, weights=tmp_path / name))
            assert same(network, load(source, weights=str(tmp_path / name)))

    @pytest.mark.parametrize(
        "source",
        ["no_such_package:f", "users_package.models:nothing", "users_package.models:number",
         "users_package.models:needs", "users_package.models", "", ":", "users_package.models:"],
    )  # fmt: skip
    def test_what_cannot_be_made(self, source):
        with pytest.raises(
            NetworkError, match=r"cannot be made .*'package\.module:callable'.*installed"
        ) as caught:
            load(source)
        assert repr(source) in str(caught.value)

    def test_what_is_no_network(self):
        with pytest.raises(NetworkError, match=r"returned a str; allowed is an nn\.Module"):
            load("users_package.models:text")

    def test_weights_of_another_network(self, tmp_path):
        save_weights(mlp([4, 3, 2]), tmp_path / "w.safetensors")
        with pytest.raises(NetworkError, match=r"0\.weight is missing"):
            load("users_package.models:small", weights=tmp_path / "w.safetensors")


class TestWithWeights:
    def test_names_the_first_three_differences_and_counts_the_rest(self):
        network = mlp([4, 3, 2], seed=0)
        state = {"fc1.weight": torch.zeros(9, 4), "other": torch.zeros(1), "more": torch.zeros(1)}
        with pytest.raises(NetworkError) as caught:
            with_weights(network, state)
        message = str(caught.value)
        assert "fc1.bias is missing; fc2.weight is missing; fc2.bias is missing" in message
        assert ", and 3 more. Give weights of the same architecture" in message
        assert same(network, mlp([4, 3, 2], seed=0))

    def test_other_shapes(self):
        state = dict(mlp([4, 5, 2]).state_dict())
        with pytest.raises(NetworkError, match=r"fc1\.weight is \(5, 4\), must be \(3, 4\)"):
            with_weights(mlp([4, 3, 2]), state)

    def test_names_that_are_not_in_the_network(self):
        with pytest.raises(NetworkError, match=r"do not fit .*fc1\.bias is not in the network"):
            with_weights(mlp([4, 3, 2], bias=False), mlp([4, 3, 2]).state_dict())


class _Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class TestReadWeights:
    def test_round_trip(self, tmp_path):
        network = mlp([4, 3, 2], seed=0)
        save_weights(network, tmp_path / "new" / "w.safetensors")
        assert same(with_weights(mlp([4, 3, 2]), read_weights(tmp_path / "new/w.safetensors")),
                    network)  # fmt: skip
        assert [p.name for p in (tmp_path / "new").iterdir()] == ["w.safetensors"]

    def test_no_such_file(self, tmp_path):
        with pytest.raises(NetworkError, match=r"there is no file .*w\.pt\. Check the path"):
            read_weights(tmp_path / "w.pt")
        with pytest.raises(NetworkError, match="there is no file"):
            read_weights(tmp_path)

    @pytest.mark.filterwarnings("ignore:Detected pickle protocol")
    @pytest.mark.parametrize("save", ["zip", "legacy", "plain"])
    def test_pickled_code_does_not_run(self, tmp_path, save):
        path, trace = tmp_path / "evil.pt", tmp_path / "was here"
        content = {"fc1.weight": _Malicious(trace)}
        if save == "plain":
            path.write_bytes(pickle.dumps(content))
        elif save == "legacy":
            torch.save(content, path, _use_new_zipfile_serialization=False)
        else:
            torch.save(content, path)
        with pytest.raises(
            NetworkError, match=r"evil\.pt cannot be read as plain tensors .*no pickled code: save"
        ):
            read_weights(path)
        assert not trace.exists()
        torch.load(path, weights_only=False) if save != "plain" else pickle.loads(path.read_bytes())
        assert trace.exists()  # the file does bite where it is let

    def test_a_whole_pickled_network_is_refused(self, tmp_path):
        torch.save(mlp([4, 3, 2]), tmp_path / "w.pt")
        with pytest.raises(NetworkError, match="cannot be read as plain tensors"):
            read_weights(tmp_path / "w.pt")

    @pytest.mark.parametrize("content", [[1, 2], {"a": 1}, torch.zeros(2), {"a": {"b": 1}}])
    def test_what_is_no_state_dict(self, tmp_path, content):
        torch.save(content, tmp_path / "w.pt")
        with pytest.raises(NetworkError, match=r"no state dict .*Save network\.state_dict\(\)"):
            read_weights(tmp_path / "w.pt")

    @pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "legacy.pt"])
    @pytest.mark.filterwarnings("ignore")
    def test_no_damage_gets_past_the_door(self, tmp_path, name):
        """Whatever is cut off or overwritten: tensors, or an error of Lashley's own."""
        path, state = tmp_path / name, mlp([4, 3, 2], seed=0).state_dict()
        if path.suffix == ".safetensors":
            save_file(state, path)
        else:
            torch.save(state, path, _use_new_zipfile_serialization=name == "w.pt")
        whole, draw, refused = path.read_bytes(), random.Random(0), 0
        for _ in range(150):
            content = bytearray(whole[: draw.choice([len(whole), draw.randrange(len(whole))])])
            for _ in range(draw.randrange(12)):
                if content:
                    content[draw.randrange(len(content))] = draw.randrange(256)
            path.write_bytes(content)
            try:
                found = read_weights(path)
            except NetworkError:
                refused += 1
            else:
                assert all(isinstance(v, torch.Tensor) for v in found.values())
        assert refused > 75

    @pytest.mark.parametrize("content", [b"", b"hello", b"\x80", b"\x93NUMPY", b"{" * 100])
    @pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
    def test_other_files(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NetworkError, match="cannot be read as plain tensors"):
            read_weights(tmp_path / name)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_weights_and_buffers_that_are_not_finite_are_named(bad):
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    check_finite(network)
    network[1].running_var[2] = float("nan")
    with pytest.raises(NetworkError, match=r"1\.running_var hold NaN .*use an earlier checkpoint"):
        check_finite(network)
    with torch.no_grad():
        network[0].weight[0, 0] = bad
    with pytest.raises(NetworkError, match=r"0\.weight, 1\.running_var hold"):
        check_finite(network)


class TestAuthorsMlp:
    def test_gets_the_published_accuracy_on_clean_digits(self, mnist_data):
        trained, untrained = authors_mlp()
        test = la.data.mnist("test")
        with torch.no_grad():
            right = [int((n(test.inputs).argmax(1) == test.labels).sum()) for n in
                     (trained, untrained)]  # fmt: skip
        assert right[0] == 9464
        assert right[1] < 2000
        assert float(untrained.fc1.weight.detach().abs().max()) <= 1 / 28

    def test_cannot_be_had(self, tmp_path, monkeypatch):
        monkeypatch.delenv("LASHLEY_DATA", raising=False)
        monkeypatch.setattr("pooch.os_cache", lambda _name: str(tmp_path))
        monkeypatch.setattr(
            "lashley.networks.published._AUTHORS_URL", "http://127.0.0.1:9/{state}.pt"
        )
        with pytest.raises(DataError, match=r"meyes2019: 2 files(.|\n)*9/untrained\.pt"):
            authors_mlp()

    def test_published_weights_that_were_exchanged_do_not_fit(self, tmp_path, monkeypatch):
        monkeypatch.setenv("LASHLEY_DATA", str(tmp_path))
        (tmp_path / "meyes2019").mkdir()
        for state in ("trained", "untrained"):
            path = tmp_path / "meyes2019" / f"mlp_{state}.pt"
            torch.save(mlp([784, 30, 10, 10], bias=False).state_dict(), path)
        with pytest.raises(NetworkError, match=r"fc1\.weight is \(30, 784\), must be \(20, 784\)"):
            authors_mlp()


class TestPublicFace:
    def test_all_is_sorted_and_every_name_is_there(self):
        assert la.__all__ == sorted(la.__all__)
        assert len(set(la.__all__)) == len(la.__all__)
        for name in la.__all__:
            assert getattr(la, name) is not None

    def test_all_is_complete(self):
        modules = {"ablations", "designs", "engine", "errors", "files", "outcomes", "readouts",
                   "sites", "stats", "recovery", "training", "embedding", "studies", "page", "code",
                   "cli", "graph", "names", "notebook", "papers", "planning", "units", "version",
                   "TYPE_CHECKING", "import_module"}  # fmt: skip
        public = {n for n in dir(la) if not n.startswith("_")}
        assert public - modules == set(la.__all__)

    def test_every_error_of_its_own_is_a_lashley_error(self):
        from lashley import errors

        for name, kind in vars(errors).items():
            if getattr(kind, "__module__", "") == errors.__name__ and isinstance(kind, type):
                assert issubclass(kind, la.LashleyError)
                assert name in errors.__doc__

    def test_importing_it_draws_nothing_and_imports_no_pyplot(self):
        code = (
            "import torch; before = torch.get_rng_state(); import lashley, sys; "
            "assert torch.equal(before, torch.get_rng_state()); "
            "sys.exit('matplotlib.pyplot' in sys.modules or 'torchvision' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
