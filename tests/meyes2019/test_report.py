"""The report: self-contained, complete, and nothing in it taken for markup."""

import base64
import gzip
import hashlib
import io
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

import lashley
from lashley import outcomes
from lashley.errors import DataError
from lashley.page import Page, atlas, render
from lashley.studies import RunFolder

EVIL = "\"><script>alert(1)</script>'&amp;<img src=x onerror=alert(1)>{{ 7*7 }}</style>"


class Seen(HTMLParser):
    """Tags with their attributes, the text between them, and what scripts hold."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.scripts, self._inside = [], [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == "script":
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        elif self._inside != "style":
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


class Carried:
    """The blocks of a page, read by other means than the explorer's."""

    def __init__(self, html):
        self.blocks = {
            attributes["id"].removeprefix("block-"): (attributes, text)
            for attributes, text in Seen(html).scripts
            if attributes.get("class") == "block"
        }

    def content(self, name):
        return gzip.decompress(base64.b64decode(self.blocks[name][1], validate=True))

    def json(self, name="report"):
        return json.loads(self.content(name))

    def table(self, name):
        return pa.ipc.open_stream(self.content(name)).read_all().to_pandas()

    def array(self, name):
        attributes = self.blocks[name][0]
        shape = json.loads(attributes["data-shape"])
        return np.frombuffer(self.content(name), attributes["data-dtype"]).reshape(shape)

    def picture(self, name):
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(self.blocks[name][1]))))


def page(**changes):
    parts = {"title": "A title", "lead": "A lead.", "facts": {"kind": "mlp"}}
    return Page(**(parts | changes))


def assert_nothing_leads_outside(html):
    seen = Seen(html)
    for tag, attributes in seen.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "img"}, tag
        for name in attributes:
            assert not name.startswith("on"), name
            assert name not in {"src", "href", "action", "data", "srcset", "poster"}, name
    styles = re.search(r"<style>(.*?)</style>", html, re.S)[1]
    assert "url(" not in styles
    assert "@import" not in styles


def rules_of(html):
    (policy,) = [m["content"] for m in Seen(html).all("meta") if "http-equiv" in m]
    return dict(rule.strip().split(" ", 1) for rule in policy.split(";"))


class TestThePolicy:
    def test_forbids_all_but_the_pages_own_script_styles_and_pictures(self):
        html = render(page())
        assert rules_of(html) == {
            "default-src": "'none'", "script-src": rules_of(html)["script-src"],
            "style-src": "'unsafe-inline'", "img-src": "data: blob:", "base-uri": "'none'",
            "form-action": "'none'",
        }  # fmt: skip
        assert_nothing_leads_outside(html)

    def test_knows_the_script_by_its_hash(self):
        html = render(page(facts={"name": EVIL}))
        (script,) = [text for attributes, text in Seen(html).scripts if not attributes]
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert rules_of(html)["script-src"] == f"'sha256-{digest}'"
        assert len(script) > 10_000

    def test_no_script_in_names_ends_up_in_the_page(self):
        html = render(
            page(
                title=EVIL, lead=EVIL, facts={EVIL: [EVIL]},
                tables={"t": pd.DataFrame({EVIL: [EVIL, None, "x"]})},
            )
        )  # fmt: skip
        assert_nothing_leads_outside(html)
        assert EVIL not in html
        assert EVIL in Seen(html).words
        assert Carried(html).json() == {"title": EVIL, "lead": EVIL, EVIL: [EVIL]}
        assert Carried(html).table("t")[EVIL][0] == EVIL
        assert len(Seen(html).all("script")) == 4
        assert Seen(html).words.count("49") == 0


class TestBlocks:
    def test_tables_come_back_as_they_were(self):
        table = pd.DataFrame({
            "f": [1.25, math.nan, 1e-300, math.inf], "i": [1, -2, 2**40, 0],
            "b": [True, False, True, True], "s": ["a", None, "a", "<b>"], "one": list("wxyz"),
        })  # fmt: skip
        back = Carried(render(page(tables={"t": table}))).table("t")
        assert list(back.columns) == list(table.columns)
        back = back.astype({"s": object, "one": object})
        pd.testing.assert_frame_equal(back, table.astype({"s": object, "one": object}))

    def test_an_empty_table(self):
        table = pd.DataFrame({"a": np.array([], np.float64)})
        assert Carried(render(page(tables={"t": table}))).table("t").shape == (0, 1)

    @pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", ">f4"])
    def test_arrays_come_back_as_they_were(self, dtype):
        array = np.arange(24).reshape(2, 3, 4).astype(dtype).transpose(2, 0, 1)
        back = Carried(render(page(arrays={"a": array}))).array("a")
        assert back.dtype == np.dtype(dtype).newbyteorder("<")
        np.testing.assert_array_equal(back, array)

    @pytest.mark.parametrize("dtype", ["int64", "bool", "float16", "complex64"])
    def test_arrays_of_other_types_are_refused(self, dtype):
        with pytest.raises(DataError, match=f"spots: given numbers of type {dtype}; allowed are"):
            render(page(arrays={"spots": np.zeros(3, dtype)}))

    def test_what_is_not_finite_is_null_in_json(self):
        facts = {"a": [math.nan, {"b": math.inf}], "c": np.float32(0.5), "d": np.int64(3), 4: (1,)}
        found = Carried(render(page(facts=facts))).json()
        assert {k: found[k] for k in "acd4"} == {
            "a": [None, {"b": None}],
            "c": 0.5,
            "d": 3,
            "4": [1],
        }

    @pytest.mark.parametrize("name", ["t", "report", "licences"])
    def test_a_name_is_used_once(self, name):
        with pytest.raises(DataError, match=f"page: {name} names several blocks; allowed is each"):
            render(page(arrays={name: np.zeros(1)}, tables={"t": pd.DataFrame()}))

    def test_carries_the_licences_of_the_libraries_in_it(self):
        text = Carried(render(page())).json("licences")["text"]
        for library in ("@observablehq/plot", "preact", "@uwdata/flechette", "d3-zoom"):
            assert f"## {library} - " in text

    def test_the_same_page_gives_the_same_bytes(self):
        given = page(tables={"t": pd.DataFrame({"a": ["x", "x", "y"]})})
        assert render(given) == render(given)


class TestAtlas:
    @pytest.mark.parametrize("n", [1, 5, 9, 10])
    def test_ink_is_opacity_and_each_picture_lies_in_its_place(self, n):
        images = np.random.default_rng(n).integers(1, 256, (n, 3, 4)).astype(np.uint8)
        picture, told = atlas(images)
        assert (picture[..., 0] == 0).all()
        assert told | {"columns": 0} == {
            "pictures": n, "columns": 0, "width": 4, "height": 3, "kind": "ink",
        }  # fmt: skip
        for i, image in enumerate(images):
            top, left = 3 * (i // told["columns"]), 4 * (i % told["columns"])
            np.testing.assert_array_equal(picture[top : top + 3, left : left + 4, 1], image)
        assert (picture[..., 1] > 0).sum() == n * 12

    def test_colours_stay(self):
        images = np.random.default_rng(0).integers(0, 256, (7, 2, 2, 3)).astype(np.uint8)
        picture, told = atlas(images)
        assert told["kind"] == "colour"
        np.testing.assert_array_equal(picture[2:4, 2:4], images[4])

    def test_survives_the_page(self):
        picture, _ = atlas(np.arange(48, dtype=np.uint8).reshape(3, 4, 4))
        back = Carried(render(page(pictures={"atlas": picture}))).picture("atlas")
        np.testing.assert_array_equal(back, picture)


@pytest.fixture(scope="module")
def html(finished_run):
    return (finished_run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def carried(html):
    return Carried(html)


class TestOfARun:
    def test_leads_nowhere_outside(self, html):
        assert_nothing_leads_outside(html)

    def test_the_studys_title_shows_as_text(self, html):
        assert '<script>alert("tiny")</script>' in Seen(html).words

    def test_carries_every_table_whole(self, carried, finished_run):
        for note in carried.json()["tables"]:
            table = RunFolder(finished_run).table(note["name"])
            back = carried.table(note["name"]).astype(table.dtypes)
            pd.testing.assert_frame_equal(back, table)
            assert note["rows"] == len(table)
            assert len(note["note"]) > 20

    def test_carries_what_each_ablation_did_to_each_example(self, carried, finished_run):
        saved = outcomes.open_saved(RunFolder(finished_run).outcomes, "clean")
        intact, packed = carried.array("intact-clean"), carried.array("predictions-clean")
        np.testing.assert_array_equal(intact, saved["intact_prediction"].values)
        np.testing.assert_array_equal(packed ^ intact, saved["prediction"].values)
        rows = carried.table("ablations-clean")
        assert list(rows.units) == list(saved["units"].values)
        examples = carried.table("examples")
        np.testing.assert_array_equal(examples.label, saved["label"].values)
        places = np.load(finished_run / "embedding.npy")
        np.testing.assert_allclose(examples[["x", "y"]], places, atol=1e-7)

    def test_its_pictures_are_those_of_the_examples(self, carried, finished_run):
        images = RunFolder(finished_run).arrays("images")["images"]
        layout = carried.json()["map"]["atlas"]
        assert layout["pictures"] == len(images)
        row, column = divmod(100, layout["columns"])
        np.testing.assert_array_equal(
            carried.picture("atlas")[8 * row : 8 * row + 8, 8 * column : 8 * column + 8, 1],
            images[100],
        )

    def test_its_first_numbers_are_those_of_the_tables(self, carried, finished_run):
        effects = RunFolder(finished_run).table("effects")
        rows = effects[(effects.network == "main") & (effects["class"] == "all")]
        singles = rows[rows.design == "singles"]
        worst = singles.loc[singles.drop_pp.idxmax()]
        numbers = dict(carried.json()["numbers"])
        assert numbers["accuracy, intact"] == f"{100 * rows.intact_correct.iloc[0] / 597:.2f} %"
        drop = numbers[f"largest single drop, unit {worst.units}"]
        assert drop.startswith(f"{worst.drop_pp:.2f} pp [{worst.drop_low_pp:.2f}, ")
        assert numbers["ablations"] == "21"
        assert numbers["test examples"] == "597"

    def test_its_cases_are_ablations_of_the_run(self, carried):
        units = set(carried.table("ablations-clean").units)
        cases = carried.json()["cases"]
        assert len(cases) == 9
        for case in cases:
            assert re.fullmatch(r"#view=explore&units=([\d,]+)", case["fragment"])[1] in units

    def test_says_where_it_comes_from(self, carried):
        provenance = carried.json()["provenance"]
        assert provenance["versions"]["lashley"] == lashley.__version__
        assert 0 < provenance["t-SNE"]["trustworthiness"] <= 1
