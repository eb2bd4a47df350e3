"""What a notebook shows of sites, ablations and runs."""

import pandas as pd
import torch
from torch import nn

import lashley as la
from lashley.notebook import shown


def network():
    return nn.Sequential(nn.Linear(5, 1200), nn.ReLU(), nn.Linear(1200, 3))


def test_sites_and_ablations_show_as_tables():
    sites = la.find_sites(network(), (torch.randn(4, 5), torch.arange(4) % 3))
    page = sites._repr_html_()
    assert "1,200" in page
    assert "hidden" in page
    assert "1 sites, into which 67% of the weights lead. 2 parameters are in no site" in page
    assert "1,200" in sites["0"]._repr_html_()
    cut = la.Ablation(sites["0"], (3, 7), "scale(0.5)", columns={"proportion": 0.25})
    for words in ("3,7", "scale(0.5)", "0.25"):
        assert words in cut._repr_html_()


def test_names_are_no_markup():
    page = shown(pd.DataFrame({"<b>": ["<script>alert(1)</script>"]}), "<i>")
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_numbers_are_short_and_no_row_is_left_out():
    page = shown(pd.DataFrame({"n": range(10_000, 10_500), "x": [1 / 3] * 500}))
    assert page.count("0.333") == 500
    assert "10,499" in page
