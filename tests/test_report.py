"""The report: self-contained, complete, and nothing in it taken for markup."""

import base64
import json
import math
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from lashley.report import Figure, Page, Table, render
from lashley.studies import RunFolder

EVIL = "\"><script>alert(1)</script>'&amp;<img src=x onerror=alert(1)>{{ 7*7 }}"
PIXEL = b"\x89PNG\r\n\x1a\n not really"


class Seen(HTMLParser):
    """Tags with their attributes, and the text outside of style sheets."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self._in_style = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag):
        self._in_style = False

    def handle_data(self, data):
        if not self._in_style:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def page(**changes):
    rows = pd.DataFrame({"name": ["x"], "value": [1.5]})
    parts = {
        "title": "A title", "lead": "A lead.", "numbers": {"accuracy": "94.64 %"},
        "claims": Table("claims", "Claims", "A note.", rows, True),
        "figures": [Figure("figure-01", "Figure 1", "A caption.", PIXEL)],
        "tables": [Table("table-x", "X", "Another note.", rows)],
        "provenance": {"seeds": {"network": 0}},
    }  # fmt: skip
    return Page(**(parts | changes))


def assert_nothing_leads_outside(html):
    seen = Seen(html)
    for tag, attributes in seen.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}, tag
        for name, value in attributes.items():
            assert not name.startswith("on"), name
            if name in {"src", "href", "action", "data", "srcset", "poster"}:
                assert value.startswith(("#", "data:image/")), value
    styles = re.search(r"<style>(.*?)</style>", html, re.S)[1]
    assert "url(" not in styles
    assert "@import" not in styles
    (policy,) = [m["content"] for m in seen.all("meta") if "http-equiv" in m]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules


class TestWhatStandsInNames:
    """Class names, titles, captions: whatever a user's data hold shows as text."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"title": EVIL}, {"lead": EVIL}, {"numbers": {EVIL: EVIL}},
            {"figures": [Figure("f", EVIL, EVIL, PIXEL)]},
            {"claims": Table("claims", EVIL, EVIL, pd.DataFrame({EVIL: [EVIL]}))},
            {"tables": [Table("t", EVIL, EVIL, pd.DataFrame({EVIL: [EVIL, None, 3]}))]},
        ],
        ids=["title", "lead", "numbers", "figures", "claims", "tables"],
    )  # fmt: skip
    def test_shows_as_text(self, changes):
        html = render(page(**changes))
        assert_nothing_leads_outside(html)
        assert len(Seen(html).all("img")) == 1
        shown = Seen(html).words
        attributes = [v for _, found in Seen(html).tags for v in found.values()]
        assert EVIL in shown or EVIL in attributes
        assert EVIL not in html

    def test_also_in_the_provenance(self):
        html = render(page(provenance={EVIL: {"x": [EVIL, 1, None]}}))
        assert_nothing_leads_outside(html)
        text = "".join(Seen(html).text)
        start = text.index("{", text.index("Provenance", text.index("Tables")))
        found, _ = json.JSONDecoder().raw_decode(text[start:])
        assert found == {EVIL: {"x": [EVIL, 1, None]}}


class TestTables:
    def test_numbers_are_short_and_what_is_missing_is_empty(self):
        rows = pd.DataFrame({
            "f": [1.23456, math.nan, 0.0, 1e-5], "i": [1, 2, 3, 40000],
            "b": [True, False, True, True], "s": ["x", None, "", "<b>"],
        })  # fmt: skip
        html = render(page(tables=[Table("t", "T", "", rows)]))
        body = html[html.index('id="t"') :]
        cells = re.findall(r"<td(?: class=\"(\w+)\")?>(.*?)</td>", body)
        cells = [(kind if text else "", text) for kind, text in cells]
        assert cells == [
            ("number", "1.23"), ("number", "1"), ("yes", "yes"), ("", "x"),
            ("", ""), ("number", "2"), ("no", "no"), ("", ""),
            ("number", "0.00"), ("number", "3"), ("yes", "yes"), ("", ""),
            ("number", "1.0e-05"), ("number", "40000"), ("yes", "yes"), ("", "&lt;b&gt;"),
        ]  # fmt: skip

    def test_say_how_many_rows_and_are_open_where_asked(self):
        rows = pd.DataFrame({"a": range(7)})
        tables = [Table("t", "T", "", rows), Table("u", "U", "", rows[:0], True)]
        html = render(page(tables=tables))
        assert "T (7 rows)" in html
        assert "U (0 rows)" in html
        assert ["open" in d for d in Seen(html).all("details")] == [False, True]


@pytest.fixture(scope="module")
def html(finished_run):
    return (finished_run / "report.html").read_text(encoding="utf-8")


class TestOfARun:
    def test_leads_nowhere_outside(self, html):
        assert_nothing_leads_outside(html)

    def test_the_studys_title_shows_as_text(self, html):
        seen = Seen(html)
        assert '<script>alert("tiny")</script>' in seen.words
        assert not seen.all("script")

    def test_every_figure_is_embedded_with_a_caption(self, html, finished_run):
        pictures = Seen(html).all("img")
        embedded = {base64.b64decode(p["src"].split("base64,")[1]) for p in pictures}
        drawn = {p.read_bytes() for p in (finished_run / "figures").glob("*.png")}
        assert embedded == drawn
        assert len(pictures) == 18
        assert all(len(p["alt"]) > 20 for p in pictures)

    def test_every_link_has_its_target_and_no_two_targets_are_the_same(self, html):
        seen = Seen(html)
        targets = [attributes["id"] for _, attributes in seen.tags if "id" in attributes]
        assert len(set(targets)) == len(targets)
        assert {a["href"].removeprefix("#") for a in seen.all("a")} <= set(targets)

    def test_has_the_claims_the_tables_and_the_provenance(self, html, finished_run):
        words, folder = Seen(html).words, RunFolder(finished_run)
        for claim in folder.table("claims").claim:
            assert " ".join(claim.split()) in words
        for name in ("Effects (21 rows)", "Interactions (15 rows)", "Scores (18 rows)",
                     "Correlations", "Selectivity (30 rows)"):  # fmt: skip
            assert name in words
        for value in (folder.json("provenance")["versions"]["torch"], "trustworthiness"):
            assert value in words

    def test_its_first_numbers_are_those_of_the_tables(self, html, finished_run):
        effects = RunFolder(finished_run).table("effects")
        rows = effects[(effects.network == "main") & (effects["class"] == "all")]
        singles = rows[rows.design == "singles"]
        worst = singles.loc[singles.drop_pp.idxmax()]
        words = Seen(html).words
        assert f"accuracy, intact {100 * rows.intact_correct.iloc[0] / 597:.2f} %" in words
        assert f"largest single drop (unit {worst.units}) {worst.drop_pp:.2f} %p" in words
        assert "ablations 21" in words
        assert "test examples 597" in words
