"""What the README prints must run."""

import re
import runpy
from pathlib import Path

import pytest
import torch
from torch import nn

import lashley as la
from lashley.graph import anatomy
from lashley.plot import style

ROOT = Path(__file__).resolve().parents[1]


def test_the_examples_run_one_after_another(tmp_path, capsys):
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text("\n".join(blocks))
    found = runpy.run_path(str(script))
    assert found["excess"].sizes["ablation"] == 32 * 31 // 2
    assert len(found["sites"]) == 16
    assert "of 496\nfx" in capsys.readouterr().out


def test_every_command_it_names_exists():
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make (\w+)", readme)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", readme):
        assert (ROOT / path).exists(), path


def test_the_page_on_figures(tmp_path, monkeypatch):
    page = (ROOT / "docs/figures.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "figures.py"
    script.write_text("\n".join(blocks))
    runpy.run_path(str(script))
    assert (tmp_path / "fc1.png").stat().st_size > 5000
    drawn = set(re.findall(r"la\.plot\.(\w+)\(", "\n".join(blocks)))
    assert drawn == set(la.plot.__all__) == set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", page):
        assert (ROOT / "docs" / path).exists(), path


@pytest.fixture(scope="module")
def extensions(tmp_path_factory):
    """All that the page on extending defines."""
    page = (ROOT / "docs/extending.md").read_text()
    script = tmp_path_factory.mktemp("extending") / "extensions.py"
    script.write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)))
    return runpy.run_path(str(script))


class TestThePageOnExtending:
    def test_methods(self, extensions):
        with la.networks.seeded(0):
            network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
            x = torch.randn(20, 6)
        data, reference = (x[:10], torch.arange(10) % 3), (x[10:], torch.arange(10) % 3)
        site = la.find_sites(network, data)["0"]
        cuts = [
            la.Ablation(site, (1,), extensions["Clipped"](0.1)),
            la.Ablation(site, (1,), extensions["HalfMean"]()),
        ]
        found = la.evaluate(network, data, cuts, reference=reference, readout="loss")
        with torch.no_grad():
            for i, new in enumerate(
                (lambda h: h.clamp(max=0.1), lambda h: network[:2](x[10:])[:, 1].mean() / 2)
            ):
                h = network[:2](x[:10])
                h[:, 1] = new(h[:, 1])
                right = nn.functional.cross_entropy(network[2](h), data[1], reduction="none")
                assert found["loss"].values[i].tolist() == pytest.approx(right.tolist(), rel=1e-5)

    @pytest.mark.parametrize("method", ["silence", "zero_weights", "mean"])
    def test_a_site_kind(self, extensions, monkeypatch, method):
        with la.networks.seeded(0):
            network, x, other = Gated().eval(), torch.randn(12, 6), torch.randn(20, 6)
        data, reference = (x, torch.arange(12) % 3), (other, torch.arange(20) % 3)
        before = la.find_sites(network, data)
        assert "gate" not in before
        assert "gate" in {part.name for part in before.left_out}
        monkeypatch.setattr(anatomy, "FINDERS", (*anatomy.FINDERS, extensions["gate_source"]))
        sites = la.find_sites(network, data)
        site = sites["gate"]
        assert (site.kind, site.n_units) == ("gate", 5)
        assert "gate" not in {part.name for part in sites.left_out}
        cuts = la.singles(site, method)
        found = la.evaluate(network, data, cuts, readout="loss", reference=reference)
        with torch.no_grad():
            mean = (network.one(other) * network.gate).relu().mean(0)
            for unit in range(5):
                held = (network.one(x) * network.gate).relu()
                held[:, unit] = mean[unit] if method == "mean" else 0
                right = nn.functional.cross_entropy(network.two(held), data[1], reduction="none")
                assert found["loss"].values[unit].tolist() == pytest.approx(
                    right.tolist(), rel=1e-5
                )

    def test_a_readout(self, extensions, outcomes_of):
        network, data, found = outcomes_of(readout=extensions["confidence"])
        p = network(data[0]).softmax(1)
        at_true = p[range(10), data[1]]
        assert found["intact_confidence"].values == pytest.approx(
            at_true.detach().numpy(), rel=1e-5
        )
        assert found["intact_right"].values.tolist() == (at_true == p.amax(1)).tolist()
        assert {"confidence_change", "overall_right_change_low"} <= set(la.effects(found))

    def test_a_figure(self, extensions, outcomes_of, tmp_path):
        effects = la.effects(outcomes_of()[2])
        counts, edges = extensions["binned"](effects, bins=3)
        drop = effects["overall_drop_pp"].values
        assert counts.sum() == 5
        assert (edges[0], edges[-1]) == (drop.min(), drop.max())
        axes = extensions["histogram"](effects)
        assert axes.get_xlabel() == "drop in accuracy (pp)"
        for file in style.save(axes.figure, tmp_path, "histogram"):
            assert file.stat().st_size > 5000


@pytest.fixture
def outcomes_of():
    """A function that ablates each unit of a small network: network, data, outcomes."""

    def evaluate(**how):
        with la.networks.seeded(0):
            network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
            data = (torch.randn(10, 6), torch.arange(10) % 3)
        cuts = la.singles(la.find_sites(network, data)["0"])
        return network, data, la.evaluate(network, data, cuts, **how)

    return evaluate


class Gated(nn.Module):
    """Channels that are scaled by a learned number each."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(6, 5), nn.Linear(5, 3)
        self.gate = nn.Parameter(torch.rand(5) + 0.5)

    def forward(self, x):
        return self.two((self.one(x) * self.gate).relu())
