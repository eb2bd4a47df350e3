"""Stores that an earlier version wrote, before the anchor of a similar group had that name.

They were made by commit 5a4c555, where the column was called `reference`: of this network, these
examples and ablations, in batches of 10 examples; one finished, one stopped halfway.
"""

import zipfile
from pathlib import Path

import pandas as pd
import pytest
import torch
import xarray as xr
from torch import nn

import lashley as la
from lashley import outcomes

STORES = Path(__file__).parent / "earlier" / "stores.zip"


@pytest.fixture
def stores(tmp_path):
    zipfile.ZipFile(STORES).extractall(tmp_path)
    return tmp_path


def network():
    with la.networks.seeded(0):
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).eval()


def measured(**how):
    inputs = torch.randn(120, 6, generator=torch.Generator().manual_seed(1))
    data = la.Examples(inputs, torch.arange(120) % 3, ("a", "b", "c"))
    site = la.find_sites(network(), data)["0"]
    groups = la.random_groups(site, 0.2, 3, method="silence")
    cuts = [*la.similar_groups(site, 0.2, "zero_weights"), *groups]
    return la.evaluate(network(), data, cuts, memory=16 * 16 * 10, **how)


def same(found, expected):
    """Attributes say which versions made them."""
    xr.testing.assert_identical(found.load().drop_attrs(), expected.drop_attrs())


def test_a_finished_one_opens_under_the_names_of_today(stores):
    found = outcomes.open_store(stores / "finished")
    assert found["anchor"].values.tolist() == [*range(16), -1, -1, -1]
    assert "reference" not in found.variables
    same(found, measured())


@pytest.mark.parametrize("name", ["finished", "unfinished"])
def test_an_evaluation_goes_on_with_it(stores, name):
    steps = []
    found = measured(store=stores / name, progress=lambda done, _: steps.append(done))
    if name == "unfinished":
        assert 0 < steps[0] < steps[-1]  # what was there is not measured again
    else:
        assert not steps
    same(found, measured())


def test_a_table_too_and_only_one_of_similar_groups():
    table = pd.DataFrame({"design": ["similar_groups", "random_groups"], "reference": [3, -1]})
    assert list(outcomes.renamed(table)) == ["design", "anchor"]
    own = table.assign(design="of my own")
    assert outcomes.renamed(own) is own


def test_a_column_of_ones_own_keeps_its_name(tmp_path):
    data = la.Examples(torch.randn(12, 6), torch.arange(12) % 3)
    site = la.find_sites(network(), data)["0"]
    cuts = [la.Ablation(site, (0,), design="mine", columns={"reference": 4})]
    found = la.evaluate(network(), data, cuts, store=tmp_path / "store")
    assert found["reference"].values.tolist() == [4]
