"""The page of outcomes: what `la.report` writes, and what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import lashley as la
from lashley.errors import DataError, OutcomesError
from lashley.page import carried, outcomes_page
from lashley.page import outcomes as pages
from lashley.page.cards import cards_of
from lashley.page.given import given_examples
from lashley.page.places import places_of

N = 60
CLASSES = ("cat", "dog", "<script>")


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    return la.Examples(
        torch.randn(N, 16, generator=generator),
        torch.randint(0, 3, (N,), generator=generator),
        CLASSES,
    )


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def cuts_of(network, data):
    sites = la.find_sites(network, data)
    return [cut for site in sites.values() for cut in (*la.singles(site), *la.pairs(site))]


@pytest.fixture(scope="module")
def outcomes(network, data):
    return la.evaluate(network, data, cuts_of(network, data))


def errors_of(out, target):
    return {"error": (out[:, 0] - target) ** 2, "below": out[:, 0] < target}


@pytest.fixture(scope="module")
def regression(network, data):
    targets = data.inputs[:, 0] * 2
    cuts = [cut for site in la.find_sites(network, data).values() for cut in la.singles(site)]
    return la.evaluate(network, (data.inputs, targets), cuts, readout=errors_of)


class TestWhatItCarries:
    def test_the_effect_of_every_ablation(self, outcomes):
        table = outcomes_page(outcomes).tables["ablations-outcomes"]
        effects = la.effects(outcomes)
        assert table.site.tolist() == outcomes.site.values.tolist()
        for name in ("drop_pp", "drop_low_pp", "drop_high_pp", "lost", "gained", "p_adjusted"):
            assert np.array_equal(table[name], effects[f"overall_{name}"]), name
        assert table.row.tolist() == list(range(len(table)))

    def test_predictions_by_example(self, outcomes):
        arrays = outcomes_page(outcomes).arrays
        intact = arrays["intact-outcomes"]
        assert np.array_equal(arrays["predictions-outcomes"] ^ intact, outcomes.prediction)

    def test_the_mean_of_every_site(self, outcomes):
        table = outcomes_page(outcomes).tables["sites"].set_index("site")
        for site in ("0", "2"):
            own = la.mean_effect(outcomes.isel(ablation=outcomes.site.values == site))
            found = table.loc[site]
            assert found["mean"] == float(own.overall_drop_pp)
            assert (found.low, found.high) == (
                float(own.overall_drop_low_pp), float(own.overall_drop_high_pp),
            )  # fmt: skip

    def test_pairs_with_their_singles(self, outcomes):
        table = outcomes_page(outcomes).tables["interactions"]
        assert len(table) == 15 + 10
        own = outcomes.isel(ablation=outcomes.site.values == "0")
        singles, pairs = (own.isel(ablation=own.design.values == d) for d in ("singles", "pairs"))
        expected = la.interactions(singles, pairs)
        first = table[table.site == "0"]
        assert np.array_equal(first.excess_pp, expected.excess_pp)
        assert np.array_equal(first.only_pair, expected.only_pair.sum("class"))
        for _, row in table.iterrows():
            assert outcomes.units.values[row.ablation] == f"{row.unit_a},{row.unit_b}"
            assert outcomes.units.values[row.single_b] == str(row.unit_b)

    def test_no_pairs_where_a_single_is_missing(self, outcomes):
        pairs = outcomes.isel(ablation=outcomes.design.values == "pairs")
        assert "interactions" not in outcomes_page(pairs).tables

    def test_what_another_readout_measured_to_the_bit(self, regression):
        page = outcomes_page(regression)
        assert [m["name"] for m in page.facts["measures"]] == ["below", "error"]
        for number, name in enumerate(("below", "error")):
            intact, bits = (page.arrays[f"measured{part}-{number}"] for part in ("-intact", ""))
            values = (bits ^ intact.view(np.uint32)).view(np.float32)
            assert np.array_equal(intact, regression[f"intact_{name}"])
            assert np.array_equal(values, regression[name])

    def test_the_changes_of_another_readout(self, regression):
        page, effects = outcomes_page(regression), la.effects(regression)
        table, sites = page.tables["ablations-outcomes"], page.tables["sites"]
        for name in ("error_change", "error_change_low", "below_change_p_adjusted"):
            assert np.array_equal(table[name], effects[f"overall_{name}"]), name
        mean = sites.query("site == '0' and measure == 'error'").iloc[0]
        own = regression.site.values == "0"
        assert mean["mean"] == pytest.approx(float(effects.overall_error_change[own].mean()))
        assert mean.low < mean["mean"] < mean.high

    def test_a_whole_number_is_carried_as_it_is(self, network, data):
        cuts = la.singles(la.find_sites(network, data)["0"])
        wide = 2**40 + 1
        found = la.evaluate(network, data, cuts, readout=lambda out, _: {"n": out.argmax(1) + wide})
        arrays = outcomes_page(found).arrays
        intact = arrays["measured-intact-0"]
        values = (arrays["measured-0"] ^ intact.view(np.uint32)).view(np.float64)
        assert np.array_equal(values, found.n)

    def test_what_designs_say_of_their_ablations(self, network, data):
        site = la.find_sites(network, data)["0"]
        page = outcomes_page(la.evaluate(network, data, la.similar_groups(site, proportion=0.5)))
        assert {"anchor", "proportion"} <= set(page.facts["columns"])
        assert "anchor" in page.tables["ablations-outcomes"]

    def test_a_run_to_a_wanted_precision(self, network, data):
        cuts = la.singles(la.find_sites(network, data)["0"])
        found = la.evaluate(network, data, cuts, precision=40)
        page = outcomes_page(found)
        assert page.facts["to_precision"]
        assert page.facts["measures"][0]["p"] == ""
        assert np.array_equal(
            page.tables["ablations-outcomes"].drop_low_pp, la.effects(found).overall_drop_low_pp
        )

    def test_a_finished_store_gives_the_same_page(self, network, data, outcomes, tmp_path):
        la.evaluate(network, data, cuts_of(network, data), store=tmp_path / "store")
        one, other = outcomes_page(outcomes), outcomes_page(tmp_path / "store")
        for name, table in one.tables.items():
            pd.testing.assert_frame_equal(table, other.tables[name])
        for name, array in one.arrays.items():
            assert np.array_equal(array, other.arrays[name]), name

    def test_outcomes_by_example_up_to_a_limit_and_all_effects(self, outcomes, monkeypatch):
        monkeypatch.setattr(pages, "MOST_BYTES", 10 * N)
        page = outcomes_page(outcomes)
        table = page.tables["ablations-outcomes"]
        assert len(table) == outcomes.sizes["ablation"]
        rows = table[table.row >= 0]
        assert len(page.arrays["predictions-outcomes"]) == len(rows) <= 10
        assert table.drop_pp.idxmax() in rows.index
        predictions = page.arrays["predictions-outcomes"] ^ page.arrays["intact-outcomes"]
        assert np.array_equal(predictions, outcomes.prediction.values[rows.index])

    def test_examples_up_to_a_limit_evenly_spread(self, outcomes, data, monkeypatch):
        monkeypatch.setattr(pages, "MOST_EXAMPLES", 7)
        page = outcomes_page(outcomes, examples=data)
        which = page.tables["examples"].example.to_numpy()
        assert which[[0, -1]].tolist() == [0, N - 1]
        assert len(which) == 7
        assert np.array_equal(page.tables["cards"]["input 3"], data.inputs[which.tolist(), 3])
        assert np.array_equal(page.tables["examples"].label, data.labels[which.tolist()])
        assert page.facts["total"] == N

    def test_numbers_and_ablations_worth_a_look(self, outcomes):
        facts = outcomes_page(outcomes).facts
        assert facts["numbers"][0][0] == "accuracy, intact"
        assert dict(facts["numbers"])["ablations"] == "36"
        assert facts["cases"][0]["fragment"].startswith("#view=explore&ablation=")


class TestCarried:
    def test_all_if_they_fit(self):
        cost = pd.Series([1.0, 2, 3])
        assert carried(cost, pd.DataFrame({"site": list("aab")}), 3).all()

    def test_of_each_kind_the_costliest_and_others_evenly(self):
        cost = pd.Series(np.arange(100.0))
        kinds = pd.DataFrame({"site": ["a"] * 50 + ["b"] * 50})
        kept = carried(cost, kinds, 10)
        assert kept.sum() == 10
        assert np.flatnonzero(kept[:50]).tolist() == [9, 19, 29, 39, 49]

    def test_one_of_each_kind_in_any_case(self):
        kept = carried(pd.Series([1.0, 2, 3]), pd.DataFrame({"site": list("abc")}), 1)
        assert kept.all()


class TestCards:
    WHICH = np.arange(4)

    def cards(self, examples, show=None, n=4):
        return cards_of(given_examples(examples, show, n), np.arange(n))

    @pytest.mark.parametrize(
        ("shape", "channels"),
        [((4, 8, 6), 2), ((4, 8, 6, 3), 3), ((4, 3, 8, 6), 3), ((4, 1, 8, 6), 2)],
    )
    def test_images(self, shape, channels):
        images = np.zeros(shape, np.float32)
        images.reshape(4, -1)[:, :12] = 1
        cards = self.cards(images)
        assert cards.kind == "images"
        assert (cards.layout["height"], cards.layout["width"]) == (8, 6)
        assert cards.pictures["atlas"].shape[2] == channels

    def test_bytes_show_as_they_are_and_others_from_least_to_most(self):
        some = np.zeros((4, 5, 5), np.uint8)
        some[:, 0, 0] = 100
        assert self.cards(some).pictures["atlas"].max() == 100
        assert self.cards(some.astype(np.float64)).pictures["atlas"].max() == 255
        half = np.zeros((4, 5, 5))
        half[:, 0, 0] = 0.6
        assert self.cards(half).pictures["atlas"].max() == 153

    def test_black_on_white_is_ink_and_a_grey_photograph_is_none(self):
        drawing = np.full((4, 5, 5), 255, np.uint8)
        drawing[:, 2, 2] = 0
        ink = self.cards(drawing)
        assert ink.layout["kind"] == "ink"
        assert ink.pictures["atlas"][0, 0, 1] == 0
        photograph = np.random.default_rng(0).integers(40, 250, (4, 9, 9)).astype(np.uint8)
        assert self.cards(photograph).layout["kind"] == "colour"

    def test_large_images_are_made_smaller_and_too_many_left_out(self, monkeypatch):
        monkeypatch.setattr("lashley.page.cards.MOST_PIXELS", 3 * 32 * 32)
        images = np.zeros((4, 64, 128), np.uint8)
        images[:, :32] = 200
        cards = self.cards(images)
        assert (cards.layout["height"], cards.layout["width"]) == (16, 32)
        assert cards.layout["pictures"] == 4
        square = self.cards(np.zeros((4, 64, 64), np.uint8))
        assert square.layout["pictures"] == 3
        assert "first 3 examples" in square.note

    @pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
    def test_texts(self, kind):
        texts = ["one", "<script>alert(1)</script>", "three\nlines", ""]
        assert self.cards(kind(texts)).tables["cards"].text.tolist() == texts

    def test_long_texts_are_cut_only_where_the_page_would_burst(self, monkeypatch):
        texts = ["x" * 5000, "short", "a", "b"]
        assert self.cards(texts).tables["cards"].text.tolist() == texts
        monkeypatch.setattr("lashley.page.cards.MOST_CHARACTERS", 400)
        cards = self.cards(texts)
        assert cards.tables["cards"].text[0] == "x" * 200 + " …"
        assert cards.note.startswith("1 text is cut")

    def test_tables_of_numbers_and_of_words(self):
        frame = pd.DataFrame({"age": [1, 2, 3, 4], "sex": list("abab"), "ill": [True] * 4})
        table = self.cards(frame).tables["cards"]
        assert table.age.tolist() == [1, 2, 3, 4]
        assert table.sex.tolist() == list("abab")
        assert table.ill.tolist() == ["True"] * 4
        named = self.cards(torch.eye(4)).tables["cards"]
        assert list(named) == ["input 0", "input 1", "input 2", "input 3"]
        assert list(self.cards([1.5, 2, 3, 4]).tables["cards"]) == ["value"]

    def test_show_makes_of_inputs_what_a_person_looks_at(self, data):
        cards = self.cards(data, lambda x: x.reshape(-1, 4, 4), N)
        assert cards.layout["width"] == 4
        words = self.cards((torch.arange(4), None), lambda ids: [f"word {i}" for i in ids])
        assert words.tables["cards"].text[2] == "word 2"


class TestPlaces:
    def test_a_grid_in_the_order_of_labels(self):
        places = places_of(None, np.array([2, 0, 1, 0]), 4, "label")
        assert places.xy.tolist() == [[0.75, 0.25], [0.25, 0.75], [0.25, 0.25], [0.75, 0.75]]
        assert places.side == pytest.approx(0.47)

    def test_points_keep_their_proportions(self):
        places = places_of(np.array([[0.0, 0], [10, 5]]), None, 2, "label")
        assert places.xy.tolist() == [[0, 0.25], [1, 0.75]]
        assert places_of(np.ones((3, 2)), None, 3, "label").xy.tolist() == [[0.5, 0.5]] * 3

    def test_points_of_an_embedding(self, outcomes):
        found = la.embed(np.random.default_rng(0).normal(size=(N, 4)), perplexity=5)
        table = outcomes_page(outcomes, points=found).tables["examples"]
        assert np.ptp(table[["x", "y"]].to_numpy(), axis=0).max() == pytest.approx(1)


class TestWriting:
    def test_one_call_writes_the_file_and_returns_its_path(self, outcomes, data, tmp_path):
        path = la.report(outcomes, str(tmp_path / "new/report.html"), examples=data, title="Mine")
        assert path == tmp_path / "new/report.html"
        assert list(path.parent.iterdir()) == [path]
        text = path.read_text(encoding="utf-8")
        assert "<title>Mine</title>" in text
        assert "<script>" not in text.split("<script>", 1)[0]
        assert text.count("</script>") == text.count("<script")

    def test_the_old_page_stays_where_the_new_one_fails(self, outcomes, tmp_path):
        path = la.report(outcomes, tmp_path / "report.html", title="Old")
        with pytest.raises(DataError):
            la.report(outcomes, path, examples=["one"])
        assert "<title>Old</title>" in path.read_text(encoding="utf-8")


class TestRefusals:
    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({"examples": torch.zeros(N - 1, 4)}, f"given {N - 1}, but the outcomes are of {N}"),
            ({"examples": ["one", "two"]}, "given 2, but the outcomes"),
            ({"examples": torch.zeros(N, 2, 3, 4, 5)}, r"shape \(60, 2, 3, 4, 5\).*show="),
            ({"examples": torch.zeros(N, 2, 8, 8)}, "one channel or three"),
            ({"examples": {"ids": torch.zeros(N, 3)}}, r"by name \(ids\).*show="),
            ({"examples": 3}, "examples: given a int"),
            ({"examples": object()}, "examples: given a object"),
            ({"examples": torch.full((N, 3), torch.nan)}, "NaN or infinity"),
            ({"examples": [[1], [2, 3]]}, "examples: given a list"),
            ({"points": np.zeros((N, 3))}, r"points: given shape \(60, 3\).*\(60, 2\)"),
            ({"points": np.full((N, 2), np.inf)}, "60 points with NaN or infinity"),
            ({"points": "map"}, "a str that holds no numbers"),
            ({"title": 3}, "title: given 3"),
            ({"show": "images"}, "show: given 'images'"),
            ({"show": lambda x: 1 / 0, "examples": torch.zeros(N, 2)}, "raised ZeroDivisionError"),
            ({"show": lambda x: None, "examples": torch.zeros(N, 2)}, "show: returned a NoneType"),
        ],
    )
    def test_what_does_not_fit_the_outcomes(self, outcomes, tmp_path, how, words):
        with pytest.raises(DataError, match=words):
            la.report(outcomes, tmp_path / "report.html", **how)
        assert not list(tmp_path.iterdir())

    def test_examples_in_another_order(self, outcomes, data, tmp_path):
        turned = la.Examples(data.inputs.flip(0), data.labels.flip(0), CLASSES)
        with pytest.raises(DataError, match=r"labels of .* differ .* same order"):
            la.report(outcomes, tmp_path / "report.html", examples=turned)

    @pytest.mark.parametrize(
        ("path", "words"), [(3, "path: given 3"), (None, "path: given None"), (b"x", "path: given")]
    )
    def test_paths_that_are_none(self, outcomes, path, words):
        with pytest.raises(DataError, match=words):
            la.report(outcomes, path)

    def test_a_folder(self, outcomes, tmp_path):
        with pytest.raises(DataError, match=r"is a folder.*report\.html"):
            la.report(outcomes, tmp_path)

    def test_a_folder_that_is_a_file(self, outcomes, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match="cannot be written"):
            la.report(outcomes, tmp_path / "file/report.html")

    def test_outcomes_that_are_none(self, outcomes, tmp_path):
        for given in (None, {"rank": 3}, np.zeros(3)):
            with pytest.raises(OutcomesError, match=r"given a .*la\.evaluate returns"):
                la.report(given, tmp_path / "report.html")
        with pytest.raises(OutcomesError, match="rank, prediction"):
            la.report(la.effects(outcomes), tmp_path / "report.html")

    def test_a_store_that_is_none_or_not_finished(self, tmp_path):
        with pytest.raises(OutcomesError, match="not a store"):
            la.report(tmp_path / "nowhere", tmp_path / "report.html")

    def test_no_ablations(self, outcomes, tmp_path):
        with pytest.raises(OutcomesError, match="those of 0 ablations on 60 examples"):
            la.report(outcomes.isel(ablation=[]), tmp_path / "report.html")

    def test_missing_outcomes(self, outcomes, regression, tmp_path):
        rank = outcomes["rank"].copy()
        rank[3, 4] = np.iinfo(rank.dtype).max
        error = regression.error.copy()
        error[0, 0] = np.nan
        for given in (outcomes.assign(rank=rank), regression.assign(error=error)):
            with pytest.raises(OutcomesError, match="some were not measured"):
                la.report(given, Path(tmp_path) / "report.html")
