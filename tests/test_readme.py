"""What the README prints must run."""

import re
import runpy
from pathlib import Path

import pytest
import torch

import lashley as la

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


def test_the_methods_that_the_page_on_extending_shows(tmp_path):
    page = (ROOT / "docs/extending.md").read_text()
    script = tmp_path / "methods_of_ones_own.py"
    script.write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)))
    shown = runpy.run_path(str(script))
    with la.networks.seeded(0):
        network = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
        x = torch.randn(20, 6)
    data, reference = (x[:10], torch.arange(10) % 3), (x[10:], torch.arange(10) % 3)
    site = la.find_sites(network.eval(), data)["0"]
    cuts = [
        la.Ablation(site, (1,), shown["Clipped"](0.1)),
        la.Ablation(site, (1,), shown["HalfMean"]()),
    ]
    found = la.evaluate(network, data, cuts, reference=reference, readout="loss")
    with torch.no_grad():
        for i, new in enumerate(
            (lambda h: h.clamp(max=0.1), lambda h: network[:2](x[10:])[:, 1].mean() / 2)
        ):
            h = network[:2](x[:10])
            h[:, 1] = new(h[:, 1])
            right = torch.nn.functional.cross_entropy(network[2](h), data[1], reduction="none")
            assert found["loss"].values[i].tolist() == pytest.approx(right.tolist(), rel=1e-5)
