"""`lashley sites` of a network of the user's own: what it prints, and how it fails."""

import sys

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from typer.testing import CliRunner

from lashley import cli

CODE = """
import torch
from dataclasses import dataclass
from torch import nn

@dataclass
class Sizes:
    hidden: "int" = 7

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(9, 5), nn.GRU(5, 4, batch_first=True)
        self.hidden, self.out = nn.Linear(4, Sizes().hidden), nn.Linear(7, 3)
        self.bilinear = nn.Parameter(torch.randn(4, 4))

    def forward(self, x):
        h = self.rnn(self.embed(x))[0].mean(1)
        scale = torch.einsum("ni,nj,ij->n", h, h, self.bilinear)
        return self.out(self.hidden(h * scale[:, None]).relu())

def make():
    return Net()

def with_examples():
    return Net(), (torch.randint(9, (6, 3)), torch.arange(6) % 3)

def scales(a, b):
    return a

def broken():
    return 1 / 0

def other():
    return {"a": torch.zeros(1)}

network = Net()
number = 3
"""


def said(*arguments):
    """What the command prints, if it succeeds."""
    result = CliRunner().invoke(cli.app, ["sites", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def failure(monkeypatch, capsys):
    """What stands on stderr after the command has failed, in one line."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lashley", "sites", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        assert (caught.value.code, out) == (1, "")
        return " ".join(err.split())

    return run


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "own_model.py"
    path.write_text(CODE)
    return path


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, inputs=np.arange(18).reshape(6, 3) % 9, labels=np.arange(6) % 3)
    return path


def rows(text):
    """The words of each line."""
    return [line.split() for line in text.splitlines()]


def test_sites_by_kind_and_what_is_left_out(code, data):
    lines = rows(said(f"{code}:make", "--data", data))
    assert lines[0] == ["site", "kind", "units", "held", "at", "read", "by"]
    assert [line[:3] for line in lines[1:4]] == [
        ["embed", "embedding", "5"], ["rnn", "recurrent", "4"], ["hidden", "hidden", "7"],
    ]  # fmt: skip
    assert lines[5][:2] == ["3", "sites,"]
    table = {line[0]: " ".join(line[1:]) for line in lines[7:]}
    assert table["out.weight"] == "3 x 7 21 of an output layer: its units are outputs"
    assert table["bilinear"].startswith("4 x 4 16 read by einsum")
    assert set(table) == {"in", "out.weight", "out.bias", "bilinear"}


def test_sites_of_a_kind_stand_together(tmp_path):
    (tmp_path / "mixed.py").write_text("""
import torch
from torch import nn

class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.rnn = nn.Linear(2, 4), nn.GRU(4, 4, batch_first=True)
        self.two, self.out = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.two(self.rnn(self.one(x).relu())[0][:, -1]).relu())

def make():
    return Mixed(), (torch.randn(6, 3, 2), torch.arange(6) % 3)
""")
    lines = rows(said(f"{tmp_path / 'mixed.py'}:make"))
    assert [line[0] for line in lines[1:4]] == ["one", "two", "rnn"]


def test_the_share_is_that_of_the_weights_that_lead_into_sites(code, data):
    weights = {"embed": 45, "rnn": 12 * (5 + 4 + 2), "hidden": 35, "out": 24, "bilinear": 16}
    share = sum(weights[n] for n in ("embed", "rnn", "hidden")) / sum(weights.values())
    wanted = f"3 sites, into which {share:.0%} of {sum(weights.values()):,} weights lead"
    assert wanted in said(f"{code}:make", "--data", data)


@pytest.mark.parametrize("name", ["with_examples", "Net", "network"])
def test_a_callable_a_class_or_a_network_with_or_without_examples(code, data, name):
    given = [] if name == "with_examples" else ["--data", data]
    assert rows(said(f"{code}:{name}", *given))[2][:3] == ["rnn", "recurrent", "4"]


def test_a_module_of_the_folder_at_hand(code, data, monkeypatch):
    monkeypatch.chdir(code.parent)
    before = list(sys.path)
    assert "recurrent" in said("own_model:make", "--data", data)
    assert sys.path == before


def test_a_file_imports_its_neighbours(code, data):
    (code.parent / "beside.py").write_text("from own_model import Net\ndef make(): return Net()")
    assert "recurrent" in said(f"{code.parent / 'beside.py'}:make", "--data", data)


def test_safetensors_and_inputs_by_name_without_labels(code, tmp_path):
    save_file({"x": torch.arange(18).reshape(6, 3) % 9}, tmp_path / "data.safetensors")
    assert "recurrent" in said(f"{code}:make", "--data", tmp_path / "data.safetensors")


class TestFailures:
    def test_no_file(self, failure, tmp_path):
        assert "network: there is no file" in failure(f"{tmp_path / 'none.py'}:make")

    def test_no_module(self, failure):
        said = failure("nowhere.at_all:make")
        assert "there is no module 'nowhere.at_all'" in said
        assert "Run the command in the folder that holds it" in said

    @pytest.mark.parametrize("given", ["model.py", "model.py:", ":make"])
    def test_half_a_name(self, failure, given):
        assert f"given {given!r}; allowed is package.module:callable" in failure(given)

    def test_no_such_callable(self, failure, code):
        said = failure(f"{code}:maker")
        assert "has no 'maker'" in said
        assert "it has Sizes, Net, make, with_examples" in said

    def test_what_cannot_be_called(self, failure, code):
        assert "number is a int and cannot be called" in failure(f"{code}:number")

    @pytest.mark.parametrize(("name", "error"), [("broken", "ZeroDivisionError"),
                                                 ("scales", "TypeError")])  # fmt: skip
    def test_what_raises_has_its_own_traceback(self, failure, code, name, error):
        said = failure(f"{code}:{name}")
        assert ("Traceback (most recent call last): File" in said) == (name == "broken")
        assert f"network: {code}:{name} raised {error}" in said
        assert "lashley/code.py" not in said

    def test_what_raises_when_it_is_imported(self, failure, tmp_path):
        (tmp_path / "bad.py").write_text("import torch\nimport not_there_at_all")
        said = failure(f"{tmp_path / 'bad.py'}:make")
        assert "ModuleNotFoundError: No module named 'not_there_at_all'" in said
        assert "lashley/code.py" not in said
        assert "bad.py" in said

    def test_what_returns_something_else(self, failure, code):
        said = failure(f"{code}:other")
        assert "own_model.py:other returned something else" in said
        assert "a state dict; allowed is a torch.nn.Module" in said

    def test_no_examples(self, failure, code):
        assert "Give --data FILE, or return (network, (inputs, labels))" in failure(f"{code}:make")

    def test_no_data(self, failure, code, tmp_path):
        assert "--data: there is no file" in failure(f"{code}:make", "--data", tmp_path / "a.npz")

    def test_data_of_another_kind(self, failure, code):
        said = failure(f"{code}:make", "--data", code)
        assert "allowed are .npz and .safetensors" in said

    def test_arrays_of_objects_are_not_unpickled(self, failure, code, tmp_path):
        class Trap:
            def __reduce__(self):
                return (open, (str(tmp_path / "sprung"), "w"))

        np.savez(tmp_path / "data.npz", inputs=np.array([Trap()] * 3, dtype=object))
        said = failure(f"{code}:make", "--data", tmp_path / "data.npz")
        assert "allowed are arrays of numbers, not of objects" in said
        assert not (tmp_path / "sprung").exists()

    @pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
    def test_a_file_of_something_else(self, failure, code, tmp_path, suffix):
        (tmp_path / f"data{suffix}").write_text("not what it says")
        assert f"--data: data{suffix}" in failure(
            f"{code}:make", "--data", tmp_path / f"data{suffix}"
        )

    def test_data_without_inputs(self, failure, code, tmp_path):
        np.savez(tmp_path / "data.npz", labels=np.arange(6))
        assert "has no inputs" in failure(f"{code}:make", "--data", tmp_path / "data.npz")

    def test_options_of_the_other_kind(self, failure, code, data):
        assert "--set: given for a network" in failure(f"{code}:make", "--set", "a=1")
        content = {"name": "own", "network": {"load": f"{code}:make"}, "data": {"load": "digits"},
                   "sweeps": {"units": {}}}  # fmt: skip
        study = data.with_name("study.yaml")
        study.write_text(yaml.safe_dump(content))
        assert "--data: given for a study" in failure(study, "--data", data)
