"""The report in a real browser: what it shows is what `lashley show` prints."""

import csv
import json
import re
import shutil
from pathlib import Path
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from lashley import cli, outcomes, studies
from lashley.page import Page, render
from lashley.papers.meyes2019.mlp.page import page as page_of
from lashley.studies import RunFolder

from browsing import browser, reading
from finished import carried_out, made_once

EVIL = "\"><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'"
VIEWS = {
    "mlp": ("overview", "explore", "pairs", "scores", "claims", "data"),
    "layers": ("overview", "layers", "claims", "data"),
}
COUNTS = ("lost", "gained", "total")
NONSENSE = pytest.mark.parametrize(
    "fragment",
    ["#view=nonsense", "#view=explore&units=999", "#view=explore&units=x,,3&class=77&zoom=a",
     "#view=explore&units=1,2,3&lasso=1,2&sort=q&evaluation=q", "#view=scores&score=q",
     "#view=pairs&units=0,0", "#view=data&table=<b>", "#%%%",
     "#view=explore&lasso=NaN,1,2,3,a,b"],
)  # fmt: skip


def shown(run, table, units=None, **wanted):
    """The rows that `lashley show` prints, as JSON."""
    further = () if units is None else ("--units", units)
    given = ["show", str(run), table, "--all", "--format", "json", *further]
    result = CliRunner().invoke(cli.app, given, catch_exceptions=False)
    rows = json.loads(result.stdout)
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def effects_shown(run, units, evaluation="clean"):
    """By class what `lashley show RUN effects` says of an ablation of the network under study."""
    rows = shown(run, "effects", units, network="main", evaluation=evaluation)
    return {row["class"]: row for row in rows}


def assert_same_effects(report, run, units, evaluation="clean"):
    page, printed = report.effects(), effects_shown(run, units, evaluation)
    assert page.keys() == printed.keys()
    for name, row in printed.items():
        assert [page[name][key] for key in COUNTS] == [row[key] for key in COUNTS], name
        assert page[name]["drop_pp"] == pytest.approx(row["drop_pp"], abs=1e-9), name
    return printed


def click_unit(report, unit):
    report.find(f'[data-unit="{unit}"]').click()


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture(scope="session")
def authors_run(tmp_path_factory):
    """`meyes2019-mlp` of the authors' network, with few further networks."""
    few = ["network.weights=authors", "population.networks=2", "training.epochs=2"]

    def make(folder):
        (folder / "study.yaml").write_text(studies.load("meyes2019-mlp", few).to_yaml())
        carried_out(folder / "study.yaml", folder / "run")

    return made_once(tmp_path_factory, "authors", make) / "run"


@pytest.fixture(
    scope="module",
    params=["digits_run", *(pytest.param(name, marks=pytest.mark.slow)
                            for name in ("whole_digits_run", "authors_run"))],
)  # fmt: skip
def run(request):
    """The folder of an MLP study."""
    return Path(request.getfixturevalue(request.param))


@pytest.fixture
def report(chromium, run):
    with reading(chromium, run / "report.html") as found:
        yield found


class TestAblations:
    """Clicks on units, pairs and classes show the counts of `lashley show`."""

    def test_the_intact_network(self, report, run):
        report.open("#view=explore")
        row = effects_shown(run, "0")["all"]
        right, total = row["intact_correct"], row["total"]
        assert report.legend() == {"right": right, "wrong": total - right}

    def test_a_unit_then_a_second_one_then_classes(self, report, run):
        strongest = max(
            shown(run, "effects", network="main", evaluation="clean", design="singles",
                  **{"class": "all"}),
            key=lambda row: row["drop_pp"],
        )["units"]  # fmt: skip
        first, second = sorted([int(strongest), 7 if strongest != "7" else 8])
        report.open("#view=explore")
        click_unit(report, first)
        printed = assert_same_effects(report, run, str(first))["all"]
        legend = report.legend()
        assert (legend["lost"], legend["gained"]) == (printed["lost"], printed["gained"])
        assert legend["right"] + legend["gained"] == (
            printed["intact_correct"] - printed["lost"] + printed["gained"]
        )
        click_unit(report, second)
        pair = f"{first},{second}"
        printed = assert_same_effects(report, run, pair)
        (only,) = shown(run, "interactions", pair, evaluation="clean")
        legend = report.legend()
        assert legend["only-pair"] == only["only_pair"]
        assert report.effects()["all"]["only_pair"] == only["only_pair"]
        assert sum(legend.values()) == printed["all"]["total"]
        assert f"units={pair}" in report.page.url
        self._each_class(report, printed)

    @staticmethod
    def _each_class(report, printed):
        for name in ("3", "8"):
            report.find(f'tr[data-class="{name}"] button').click()
            assert sum(report.legend().values()) == printed[name]["total"]
            assert "class=" in report.page.url

    def test_every_single_ablation(self, report, run):
        report.open("#view=explore&units=0")
        names = [b.get_attribute("data-unit") for b in report.find("[data-unit]").all()]
        assert sorted(map(int, names)) == list(range(len(names)))
        for unit in names:
            report.go(f"#view=explore&units={unit}")
            assert_same_effects(report, run, unit)

    def test_the_published_evaluation(self, report, run):
        if "published" not in {row["evaluation"] for row in shown(run, "interactions")}:
            pytest.skip("only the authors' network was published")
        report.open("#view=explore&units=11")
        choice = report.find('select[data-key="evaluation"]')
        choice.focus()
        choice.select_option("published")
        report.settled()
        assert choice.evaluate("c => c === document.activeElement")
        printed = assert_same_effects(report, run, "11", "published")
        assert round(printed["all"]["drop_pp"], 2) == 44.54


class TestPairs:
    def test_a_cell_opens_the_pair(self, report, run):
        (row,) = shown(run, "interactions", "3,7", evaluation="clean")
        report.open("#view=pairs")
        report.find('[data-pair="3,7"]').first.click()
        text = report.find("main").inner_text().replace("\u2212", "-")
        assert f"{row['excess_pp']:.2f}" in text
        assert f"{row['excess_low_pp']:.2f}" in text
        assert f"{row['drop_pp']:.2f}" in text
        assert "units=3,7" in report.page.url


class TestTheAddress:
    def test_holds_the_state_and_brings_it_back(self, report):
        report.open("#view=explore")
        click_unit(report, 3)
        click_unit(report, 5)
        before, address = report.effects(), report.page.url
        report.open("#" + address.split("#")[1])
        assert report.effects() == before
        assert report.find('[data-unit="3"]').get_attribute("aria-pressed") == "true"
        assert report.find('[data-unit="4"]').get_attribute("aria-pressed") == "false"

    def test_back_goes_back(self, report):
        report.open("#view=explore")
        click_unit(report, 3)
        alone = report.effects()
        click_unit(report, 5)
        assert report.effects() != alone
        report.page.go_back()
        assert report.settled().page.url.endswith("units=3")
        assert report.effects() == alone

    def test_what_the_report_does_not_have_is_said(self, report):
        report.open("#view=nonsense&evaluation=q")
        assert "nonsense" in report.find(".miss").first.inner_text()

    def test_links_to_other_views_carry_only_what_all_share(self, report):
        report.open("#view=explore&units=3&select=lost&zoom=2,0.5,0.5&sort=drop&theme=dark")
        for link in report.find("nav a").all():
            keys = set(parse_qs(link.get_attribute("href").lstrip("#")))
            assert keys <= {"view", "units", "theme"} or "explore" in link.get_attribute("href")

    @NONSENSE
    def test_nonsense_shows_a_page(self, report, fragment):
        report.open(fragment)
        assert len(report.find("main").inner_text()) > 40


class TestEveryView:
    @pytest.mark.parametrize(
        ("width", "theme"),
        [(390, "dark"), (1280, "light"),
         *(pytest.param(*other, marks=pytest.mark.slow)
           for other in ((390, "light"), (1280, "dark")))],
    )  # fmt: skip
    def test_fits_the_window_and_says_what_it_shows(self, chromium, run, width, theme):
        how = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
        with reading(chromium, run / "report.html", **how) as report:
            report.open()
            for view in VIEWS["mlp"]:
                report.go(f"#view={view}&units=3,7")
                report.page.wait_for_timeout(50)
                wide = report.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, view
                for says in report.find(".says").all():
                    assert len(says.inner_text()) > 15, view
                paper = report.page.evaluate("getComputedStyle(document.body).backgroundColor")
                assert (paper == "rgb(255, 255, 255)") == (theme == "light")

    def test_one_part_of_a_view_speaks_when_it_changes(self, report):
        report.open()
        for view in VIEWS["mlp"][1:]:
            report.go(f"#view={view}&units=3,7")
            assert report.find(".says[role=status]").count() == 1, view

    def test_charts_have_words_and_buttons_have_names(self, report):
        report.open()
        for view, charts in {**dict.fromkeys(VIEWS["mlp"], 0), "explore": 2, "scores": 4}.items():
            report.go(f"#view={view}&units=3,7")
            if charts:
                report.find("main svg[role=img]").nth(charts - 1).wait_for()
            for chart in report.find("main svg[role=img]").all():
                assert len(chart.get_attribute("aria-label")) > 15, view
            for canvas in report.find("main canvas").all():  # what is around it says it in words
                words = "c => c.closest('[aria-hidden], [aria-label], figure')?.outerHTML ?? ''"
                assert re.search("aria-hidden|aria-label|figcaption", canvas.evaluate(words)), view
            for button in report.find("button").all():
                name = button.get_attribute("aria-label") or button.inner_text()
                assert name.strip(), view


class TestKeyboard:
    def test_one_tab_leaves_the_square_of_pairs(self, report):
        report.open("#view=pairs")
        cell = report.find('.pairs-cell[tabindex="0"]')
        assert cell.count() == 1
        first = cell.get_attribute("data-pair")
        cell.focus()
        report.page.keyboard.press("ArrowDown")
        now = "document.activeElement.dataset.pair"
        assert report.page.evaluate(now) != first
        report.page.keyboard.press("Tab")
        assert report.page.evaluate(now) is None

    def test_units_are_chosen_without_a_mouse(self, report, run):
        report.open("#view=explore")
        report.find('[data-unit][tabindex="0"]').focus()
        report.page.keyboard.press("Home")
        report.page.keyboard.press("ArrowRight")
        report.page.keyboard.press("Enter")
        unit = report.find('[data-unit][aria-pressed="true"]').get_attribute("data-unit")
        assert_same_effects(report, run, unit)

    def test_the_place_is_kept_after_what_was_chosen_is_cleared(self, report):
        report.open("#view=explore&units=3&select=lost")
        for name in ("Clear selection", "Clear"):
            report.find("main").get_by_role("button", name=name, exact=True).click()
            assert report.page.evaluate("document.activeElement !== document.body"), name
        assert report.legend().keys() == {"right", "wrong"}


class TestDownloads:
    def test_the_numbers_of_the_map_are_those_of_the_run(self, report, run):
        report.open("#view=explore&units=3")
        with report.page.expect_download() as found:
            report.find("#map .downloads button", has_text="CSV").click()
        assert found.value.suggested_filename == "run-map-clean-3.csv"
        rows = list(csv.DictReader(Path(found.value.path()).read_text().splitlines()))
        saved = outcomes.open_saved(RunFolder(run).outcomes, "clean")
        at = list(saved["units"].values).index("3")
        names = list(saved["class"].values)
        predictions = [names[i] for i in saved["prediction"].values[at]]
        assert [row["prediction"] for row in rows] == predictions

    @pytest.mark.parametrize("view", ["explore", "pairs", "scores"])
    def test_pictures_are_whole_files(self, report, view):
        report.open(f"#view={view}&units=3,7&select=lost")
        buttons = report.find(".downloads button", has_text="SVG").all()
        assert buttons
        for button in buttons:
            with report.page.expect_download() as found:
                button.click()
            text = Path(found.value.path()).read_text()
            assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
            assert "var(--" not in text  # colours of the page, which the file does not have


class TestWhatNoOneShouldTrust:
    def test_names_show_as_text(self, chromium, finished_run, tmp_path):
        """Class names, title and run that would be markup, in every view."""
        folder = tmp_path / "<script>alert(1)</script>'\"&"
        shutil.copytree(finished_run, folder)
        page = page_of(RunFolder(folder))
        names = [f"{EVIL}{i}" for i in range(10)]
        tables = {k: t.copy() for k, t in page.tables.items()}
        for table in tables.values():
            if "class" in table:
                old = dict(zip(map(str, range(10)), names, strict=True))
                table["class"] = table["class"].map(lambda c, old=old: old.get(c, c))
        changed = Page(page.title, page.lead, page.facts | {"classes": names}, tables, page.arrays,
                       page.pictures)  # fmt: skip
        (tmp_path / "report.html").write_text(render(changed), encoding="utf-8")
        with reading(chromium, tmp_path / "report.html") as report:
            report.open()
            for view in VIEWS["mlp"]:
                report.go(f"#view={view}&units=1,2&class=3")
                report.page.wait_for_timeout(100)
                assert "owned" not in report.page.title()
                assert report.find("h1").inner_text().startswith("A <script>")
                assert report.find("img[src=x]").count() == 0
            report.open("#view=explore&units=1")
            assert report.effects().keys() == {"all", *names}
            assert f"{EVIL}4" in report.find("main").inner_text()

    def test_the_policy_stops_any_other_script_and_any_request(self, chromium, run, tmp_path):
        text = (run / "report.html").read_text(encoding="utf-8")
        bad = "<script>window.bad = 1</script><img src='https://example.org/x.png'></body>"
        (tmp_path / "report.html").write_text(text.replace("</body>", bad), encoding="utf-8")
        with chromium.new_context() as context:
            page, asked = context.new_page(), []

            def answer(route):
                asked.append(route.request.url)
                route.fulfill(body="")

            context.route("https://**", answer)
            page.goto(f"file://{tmp_path}/report.html")
            page.wait_for_selector("main")
            assert page.evaluate("typeof window.bad") == "undefined"
            assert asked == []


class TestLayers:
    @pytest.fixture
    def layers(self, chromium, finished_layers):
        with reading(chromium, Path(finished_layers) / "report.html") as found:
            yield found

    @pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
    def test_every_view_opens(self, chromium, finished_layers, width, theme):
        how = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
        with reading(chromium, finished_layers / "report.html", **how) as report:
            report.open()
            for view in VIEWS["layers"]:
                report.go(f"#view={view}&site=features.7")
                assert len(report.find("main").inner_text()) > 40
                assert report.page.evaluate("document.documentElement.scrollWidth") <= width, view

    def test_a_group_shows_what_the_tables_say(self, layers, finished_layers):
        rows = shown(finished_layers, "effects", site="features.7", method="silence", top=1,
                     proportion=0.25, design="similar_groups")  # fmt: skip
        for row in rows[:3]:
            layers.open("#view=layers&site=features.7&method=silence&proportion=0.25"
                        f"&group={row['anchor']}")  # fmt: skip
            found = layers.effects()["all"]
            assert [found[key] for key in COUNTS] == [row[key] for key in COUNTS]
            assert found["drop_pp"] == pytest.approx(row["drop_pp"], abs=1e-9)

    def test_class_names_show_as_text(self, layers):
        layers.open("#view=layers&site=features.7&group=0")
        assert "bee <b>" in layers.effects()
