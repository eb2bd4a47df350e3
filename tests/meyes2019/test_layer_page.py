"""What the report of a layer study carries."""

import shutil

import numpy as np
import pandas as pd
import pytest

from lashley import outcomes
from lashley.papers.meyes2019.layers import page as pages
from lashley.studies import RunFolder

KEYS = ["site", "method", "proportion", "design", "anchor", "draw", "units"]


@pytest.fixture
def folder(finished_layers):
    return RunFolder(finished_layers)


class TestGroups:
    def test_are_those_of_the_outcomes_in_their_order(self, folder):
        groups = pages.page(folder).tables["ablations-sweep"]
        saved = outcomes.open_store(folder.outcomes)
        for name in KEYS:
            assert list(groups[name]) == list(saved[name].values), name
        assert list(groups.row) == list(range(len(groups)))

    def test_say_what_the_table_of_effects_says_by_both_tops(self, folder):
        groups = pages.page(folder).tables["ablations-sweep"]
        effects = folder.table("effects")
        for top, prefix in ((1, ""), (5, "top5_")):
            rows = groups.merge(effects[effects.top == top], on=KEYS, suffixes=("", "_table"))
            assert len(rows) == len(groups)
            for name in ("drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained"):
                assert (rows[prefix + name] == rows[f"{name}_table"]).all(), (top, name)


class TestTheMap:
    def test_its_examples_are_those_of_the_pictures(self, folder):
        page = pages.page(folder)
        images, saved = folder.arrays("images"), outcomes.open_store(folder.outcomes)
        examples = page.tables["examples"]
        np.testing.assert_array_equal(examples.label, saved["label"].values[images["example"]])
        np.testing.assert_allclose(examples[["x", "y"]], folder.array("embedding"), atol=1e-7)
        intact = page.arrays["intact-sweep"]
        shown = saved["prediction"].values[:, images["example"]]
        np.testing.assert_array_equal(page.arrays["predictions-sweep"] ^ intact, shown)
        assert page.facts["map"]["atlas"]["pictures"] == len(images["images"])

    def test_a_run_without_one_says_so(self, folder, tmp_path):
        shutil.copytree(folder.path, tmp_path / "run")
        (tmp_path / "run" / "embedding.json").unlink()
        page = pages.page(RunFolder(tmp_path / "run"))
        assert "the command that made it adds one" in page.facts["map"]["absent"]
        assert page.facts["map"]["atlas"] is None
        assert not page.pictures


class TestASampleOfTheGroups:
    """Where the outcomes of all groups by example would make the page too large."""

    @pytest.fixture
    def groups(self):
        draw = np.random.default_rng(0)
        return pd.DataFrame({
            "site": np.repeat(["a", "b"], 60), "method": "silence", "proportion": 0.1,
            "design": np.tile(np.repeat(["similar_groups", "random_groups"], [40, 20]), 2),
            "drop_pp": draw.normal(size=120),
        })  # fmt: skip

    def test_takes_all_that_fit(self, groups):
        assert pages._kept(groups, pages._MOST_BYTES // 120).all()

    @pytest.mark.parametrize("most", [4, 40, 60, 119])
    def test_takes_as_many_of_each_kind_and_always_the_costliest(self, groups, most):
        kept = pages._kept(groups, pages._MOST_BYTES // most)
        assert kept.sum() <= most
        kinds = groups.assign(kept=kept).groupby(["site", "design"])
        assert (kinds.kept.sum() == min(most // 4, 20)).sum() >= 2
        assert kinds.kept.sum().min() >= 1
        for _, kind in kinds:
            assert kind.kept[kind.drop_pp.idxmax()]

    def test_spreads_them_from_the_costliest_to_the_least(self, groups):
        kept = pages._kept(groups, pages._MOST_BYTES // 40)
        part = groups.assign(kept=kept).query("site == 'a' and design == 'similar_groups'")
        places = np.flatnonzero(part.sort_values("drop_pp", ascending=False).kept)
        np.testing.assert_array_equal(places, range(0, 40, 4))

    def test_the_page_says_which_rows_are_there(self, folder, monkeypatch):
        monkeypatch.setattr(pages, "_MOST_BYTES", 28 * 200)
        page = pages.page(folder)
        groups = page.tables["ablations-sweep"]
        here = groups[groups.row >= 0]
        assert len(page.arrays["predictions-sweep"]) == len(here) <= 200 < len(groups)
        saved = outcomes.open_store(folder.outcomes)
        images = folder.arrays("images")["example"]
        for at, row in here.row.items():
            np.testing.assert_array_equal(
                page.arrays["predictions-sweep"][row] ^ page.arrays["intact-sweep"],
                saved["prediction"].values[at][images],
            )
