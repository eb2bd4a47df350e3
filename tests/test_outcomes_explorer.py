"""The page of outcomes in a real browser: what it shows is what `la.effects` says."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from torch import nn

import lashley as la
from lashley import stats
from lashley.page import outcomes_page

from browsing import browser, reading

EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
CLASSES = ("cat", "dog", EVIL)
N = 90
VIEWS = ("overview", "ablations", "explore", "pairs", "data")
COUNTS = ("lost", "gained", "total")


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


class Nested(nn.Module):
    """Two sites that are called by words."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(16, 8), nn.Linear(8, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.last(torch.relu(self.second(torch.relu(self.first(x.flatten(1))))))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return Nested()


@pytest.fixture(scope="module")
def data(network):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(N, 4, 4, generator=generator)
    labels = network(inputs).argmax(1)
    labels[::4] = torch.randint(0, 3, (len(labels[::4]),), generator=generator)
    return la.Examples(inputs, labels, CLASSES)


@pytest.fixture(scope="module")
def outcomes(network, data):
    sites = la.find_sites(network, data)
    cuts = [cut for site in sites.values() for cut in (*la.singles(site), *la.pairs(site))]
    return la.evaluate(network, data, cuts)


@pytest.fixture(scope="module")
def path(outcomes, data, tmp_path_factory):
    """The page of a classification of images."""
    folder = tmp_path_factory.mktemp("classes")
    return la.report(outcomes, folder / "report.html", examples=data, title=f"Mine {EVIL}")


@pytest.fixture
def report(chromium, path):
    with reading(chromium, path) as found:
        yield found


def ids(report):
    rows = report.find("tr[data-ablation]").all()
    return [int(row.get_attribute("data-ablation")) for row in rows]


def shown(report, row):
    """The number that the list shows of an ablation, in full precision."""
    cell = report.find(f'tr[data-ablation="{row}"] .list-value')
    return float(cell.get_attribute("data-exact"))


class TestOneAblation:
    def test_its_classes_are_those_of_effects(self, report, outcomes):
        effects = la.effects(outcomes)
        report.open("#view=explore")
        for row in (0, 9, 40):
            report.go(f"#view=explore&ablation={row}")
            one, found = effects.isel(ablation=row), report.effects()
            for i, name in enumerate(CLASSES):
                assert found[name]["lost"] == one.lost.values[i]
                assert found[name]["gained"] == one.gained.values[i]
                assert found[name]["drop_pp"] == pytest.approx(one.drop_pp.values[i], abs=1e-9)
            assert found["all"]["drop_pp"] == pytest.approx(float(one.overall_drop_pp), abs=1e-9)
            text = report.find("[data-shown]").inner_text()
            assert f"{float(one.overall_drop_pp):.2f}".replace("-", "\u2212") in text

    def test_a_pair_shows_what_only_it_loses(self, report, outcomes):
        own = outcomes.isel(ablation=outcomes.site.values == "first")
        singles, pairs = (own.isel(ablation=own.design.values == d) for d in ("singles", "pairs"))
        found = la.interactions(singles, pairs)
        at = int(found.only_pair.sum("class").values.argmax())
        row = np.flatnonzero(
            (outcomes.site.values == "first") & (outcomes.units.values == found.units.values[at])
        )[0]
        report.open(f"#view=explore&ablation={row}")
        assert report.legend()["only-pair"] == int(found.only_pair[at].sum())

    def test_the_second_site_has_singles_of_its_own(self, report, outcomes):
        label, rank = outcomes.label.values, outcomes["rank"].values
        own = outcomes.site.values == "second"
        row, first, other = (
            int(np.flatnonzero(own & (outcomes.units.values == units))[0])
            for units in ("0,1", "0", "1")
        )
        one, two = rank[first], rank[other]
        only = (one == 0) & (two == 0) & (rank[row] != 0)
        report.open(f"#view=explore&ablation={row}")
        assert report.legend().get("only-pair", 0) == only.sum()
        assert sum(report.legend().values()) == len(label)

    def test_cards_show_the_examples_in_a_state(self, report, outcomes):
        row = int(la.effects(outcomes).overall_lost.values.argmax())
        report.open(f"#view=explore&ablation={row}&cards=right")
        right = (outcomes["rank"].values[row] == 0) & (outcomes.intact_rank.values == 0)
        expected = np.flatnonzero(right)
        cards = report.find("[data-card]").all()
        assert [int(c.get_attribute("data-card")) for c in cards] == expected[:24].tolist()
        report.find("#examples > button").click()
        assert report.find("[data-card]").count() == min(48, len(expected))
        assert report.find("[data-card] canvas").count() == min(48, len(expected))

    def test_previous_and_next_follow_the_list(self, report):
        report.open("#view=explore&find=first&order=units")
        first = report.find("[data-shown]").get_attribute("data-shown")
        assert report.find("button", has_text="Previous").is_disabled()
        report.find("button", has_text="Next").click()
        second = report.find("[data-shown]").get_attribute("data-shown")
        assert ids(report)[:2] == [int(first), int(second)]
        assert report.find('[aria-current="true"]').count() == 1


class TestTheList:
    def test_numbers_are_those_of_effects_in_the_order_asked_for(self, report, outcomes):
        drops = la.effects(outcomes).overall_drop_pp.values
        report.open("#view=ablations")
        first = ids(report)
        assert [drops[i] for i in first] == sorted(drops, reverse=True)[: len(first)]
        for row in first[:5]:
            assert shown(report, row) == pytest.approx(drops[row], abs=1e-9)
        report.find("th.list-value button").click()
        assert "order=value" in report.page.url
        assert [drops[i] for i in ids(report)] == sorted(drops)[: len(ids(report))]

    def test_a_search_finds_sites_and_units(self, report, outcomes):
        report.open("#view=ablations")
        report.find('input[data-key="find"]').fill("second 3")
        own = [
            i for i, (site, units) in enumerate(
                zip(outcomes.site.values, outcomes.units.values, strict=True)
            ) if site == "second" and "3" in units.split(",")
        ]  # fmt: skip
        assert sorted(ids(report)) == own
        assert "find=second+3" in report.page.url
        assert report.find("input[data-key]").evaluate("c => c === document.activeElement")
        report.find('input[data-key="find"]').fill("nowhere")
        assert "No ablation is found" in report.find("main").inner_text()

    def test_sites_open_and_have_their_mean(self, report, outcomes):
        report.open("#view=ablations")
        report.find("button", has_text="By site").click()
        assert ids(report) == []
        for site in ("first", "second"):
            own = outcomes.isel(ablation=outcomes.site.values == site)
            cell = report.find(f'tr[data-site="{site}"] .list-value')
            mean = float(la.mean_effect(own).overall_drop_pp)
            assert float(cell.get_attribute("data-exact")) == pytest.approx(mean, abs=1e-9)
        report.find('tr[data-site="second"] button').click()
        assert set(outcomes.site.values[ids(report)]) == {"second"}
        assert "open=1" in report.page.url
        report.find('tr[data-site="second"] button').click()
        assert ids(report) == []

    def test_keys_walk_along_it(self, report):
        report.open("#view=ablations")
        report.find('tr[data-ablation] a[tabindex="0"]').focus()
        now = "document.activeElement.closest('tr')?.dataset.ablation"
        first = report.page.evaluate(now)
        report.page.keyboard.press("ArrowDown")
        assert report.page.evaluate(now) == str(ids(report)[1]) != first
        report.page.keyboard.press("End")
        last = report.page.evaluate(now)
        report.page.keyboard.press("Enter")
        report.settled()
        assert f"ablation={last}" in report.page.url
        assert "view=explore" in report.page.url

    def test_the_csv_has_what_is_found_with_all_columns(self, report, outcomes):
        report.open("#view=ablations&find=second&order=units")
        with report.page.expect_download() as found:
            report.find("#ablations .downloads button").click()
        rows = list(csv.DictReader(Path(found.value.path()).read_text().splitlines()))
        assert len(rows) == 6 + 15
        assert {row["site"] for row in rows} == {"second"}
        effects = la.effects(outcomes)
        at = np.flatnonzero(outcomes.site.values == "second")[0]
        assert float(rows[0]["drop_low_pp"]) == float(effects.overall_drop_low_pp[at])

    def test_ten_thousand_are_made_only_where_one_looks(self, chromium, outcomes, tmp_path):
        rng = np.random.default_rng(0)
        many = outcomes.isel(ablation=rng.integers(outcomes.sizes["ablation"], size=10_000))
        sites = np.array([f"blocks.{i}.mlp" for i in range(200)])[np.arange(10_000) // 50]
        many = many.assign_coords(
            site=("ablation", sites), units=("ablation", (np.arange(10_000) % 50).astype(str))
        )
        with reading(chromium, la.report(many, tmp_path / "many.html")) as report:
            report.open("#view=ablations&order=site")
            assert report.find("tr[data-ablation]").count() < 60
            report.find('tr[data-ablation] a[tabindex="0"]').focus()
            report.page.keyboard.press("End")
            report.page.wait_for_selector('tr[data-ablation="9999"]')
            assert report.find("tr[data-ablation]").count() < 60
            report.find('input[data-key="find"]').fill("blocks.77.mlp 49")
            report.page.wait_for_selector('tr[data-ablation="3899"]')
            assert ids(report) == [77 * 50 + 49]
            report.go("#view=ablations&by=site")
            assert 0 < report.find("tr[data-site]").count() < 60
            report.go("#view=overview")
            assert report.find("#sites svg[role=img]").count() == 1


class TestPairs:
    def test_a_cell_opens_its_pair(self, report, outcomes):
        report.open("#view=pairs")
        report.find('[data-pair="1,3"]').first.click()
        report.find(".pairs-open").click()
        row = int(report.find("[data-shown]").get_attribute("data-shown"))
        assert (outcomes.site.values[row], outcomes.units.values[row]) == ("first", "1,3")

    def test_each_site_has_its_own(self, report, outcomes):
        report.open("#view=pairs&set=1")
        report.find('[data-pair="1,3"]').first.click()
        own = outcomes.isel(ablation=outcomes.site.values == "second")
        singles, pairs = (own.isel(ablation=own.design.values == d) for d in ("singles", "pairs"))
        found = la.interactions(singles, pairs)
        excess = float(found.excess_pp[list(found.units.values).index("1,3")])
        text = report.find(".pairs-summary").inner_text().replace("\u2212", "-")
        assert f"{excess:.2f}" in text


class TestEveryView:
    @pytest.mark.parametrize(
        ("width", "theme"),
        [(390, "dark"), (1440, "light"),
         *(pytest.param(*other, marks=pytest.mark.slow)
           for other in ((390, "light"), (1440, "dark")))],
    )  # fmt: skip
    def test_fits_the_window_says_what_it_shows_and_takes_no_name_for_markup(
        self, chromium, path, width, theme
    ):
        how = {"viewport": {"width": width, "height": 844}, "color_scheme": theme}
        with reading(chromium, path, **how) as report:
            report.open()
            for view in VIEWS:
                report.go(f"#view={view}&ablation=3&class=2")
                report.page.wait_for_timeout(50)
                wide = report.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, view
                for says in report.find(".says").all():
                    assert len(says.inner_text()) > 15, view
                assert report.page.title() != "owned"
                assert report.find("img[src=x]").count() == 0
                for button in report.find("button").all():
                    name = button.get_attribute("aria-label") or button.inner_text()
                    assert name.strip(), view
            assert report.find("h1").inner_text().startswith("Mine <script>")

    @pytest.mark.parametrize(
        "fragment",
        ["#view=explore&ablation=99999", "#view=explore&ablation=x&cards=q&lasso=1&measure=z",
         "#view=ablations&order=q&by=q&open=77,x&find=%25", "#view=pairs&set=9", "#view=layers"],
    )  # fmt: skip
    def test_nonsense_shows_a_page(self, report, fragment):
        report.open(fragment)
        assert len(report.find("main").inner_text()) > 40

    def test_what_the_page_does_not_have_is_said(self, report):
        report.open("#view=explore&ablation=99999")
        assert "99999" in report.find(".miss").first.inner_text()

    def test_back_goes_back(self, report):
        report.open("#view=explore&ablation=3")
        before = report.effects()
        report.find("button", has_text="Next").click()
        assert report.effects() != before or "ablation=3" not in report.page.url
        report.page.go_back()
        assert report.settled().page.url.endswith("ablation=3")
        assert report.effects() == before


class TestWhatIsNotCarried:
    def test_has_its_effect_and_the_way_to_one_that_is(
        self, chromium, outcomes, tmp_path, monkeypatch
    ):
        monkeypatch.setattr("lashley.page.outcomes.MOST_BYTES", 8 * N)
        path = la.report(outcomes, tmp_path / "few.html")
        kept = outcomes_page(outcomes).tables["ablations-outcomes"].row.to_numpy()
        row = int(np.flatnonzero(kept < 0)[0])
        with reading(chromium, path) as report:
            report.open(f"#view=explore&ablation={row}")
            assert report.find("b[data-state]").count() == 0
            drop = float(la.effects(outcomes).overall_drop_pp[row])
            assert f"{drop:.2f}".replace("-", "\u2212") in report.find("[data-shown]").inner_text()
            report.find(".outcomes-absent button").click()
            now = int(report.find("[data-shown]").get_attribute("data-shown"))
            assert kept[now] >= 0
            assert sum(report.legend().values()) == N


def errors_of(out, target):
    return {"error": (out[:, 0] - target) ** 2}


@pytest.fixture(scope="module")
def regression(network, data):
    cuts = [cut for site in la.find_sites(network, data).values() for cut in la.singles(site)]
    targets = torch.linspace(0, 3, N)
    return la.evaluate(network, (data.inputs, targets), cuts, readout=errors_of)


class TestNumbers:
    """A regression, with a table as its examples."""

    @pytest.fixture
    def numbers(self, chromium, regression, tmp_path):
        table = pd.DataFrame({EVIL: np.arange(N) // 30, "size": np.arange(N) * 1.5})
        given = (table, np.linspace(0, 3, N))
        path = la.report(regression, tmp_path / "report.html", examples=given)
        with reading(chromium, path) as report:
            yield report

    def test_the_changes_are_those_of_effects(self, numbers, regression):
        effects = la.effects(regression)
        numbers.open("#view=ablations")
        for row in (0, 5, 13):
            expected = float(effects.overall_error_change[row])
            assert shown(numbers, row) == pytest.approx(expected, rel=1e-12)

    def test_the_mean_of_a_group_is_that_of_its_examples(self, numbers, regression):
        numbers.open("#view=explore&ablation=2&groups=column-0")
        change = regression.error.values[2].astype(float) - regression.intact_error.values
        for group in range(3):
            cell = numbers.find(f'tr[data-group="{group}"] [data-exact]')
            own = change[30 * group : 30 * (group + 1)]
            assert float(cell.get_attribute("data-exact")) == pytest.approx(own.mean(), rel=1e-9)
            low = float(stats.mean_interval(own.sum(), (own**2).sum(), 30).low)
            assert float(cell.get_attribute("data-low")) == pytest.approx(low, rel=1e-9)
        assert EVIL in numbers.find("main").inner_text()

    def test_cards_have_the_largest_changes_first_and_all_numbers(self, numbers, regression):
        numbers.open("#view=explore&ablation=2")
        change = regression.error.values[2].astype(float) - regression.intact_error.values
        first = int(np.abs(change).argmax())
        card = numbers.find("[data-card]").first
        assert int(card.get_attribute("data-card")) == first
        assert "size" in card.inner_text()
        assert numbers.find("[data-card] dt", has_text="<script>").count() == 24

    def test_steps_of_the_map_hold_every_example(self, numbers):
        numbers.open("#view=explore&ablation=2")
        legend = numbers.legend()
        assert sum(legend.values()) == N
        assert len(legend) == 7

    @pytest.mark.parametrize("width", [390, 1440])
    def test_every_view_opens(self, numbers, width):
        numbers.page.set_viewport_size({"width": width, "height": 844})
        numbers.open()
        for view in ("overview", "ablations", "explore", "data"):
            numbers.go(f"#view={view}&ablation=1")
            assert len(numbers.find("main").inner_text()) > 40
            assert numbers.page.evaluate("document.documentElement.scrollWidth") <= width, view

    def test_pictures_are_whole_files(self, numbers):
        numbers.open("#view=explore&ablation=1")
        for name in ("changes", "change-groups"):
            with numbers.page.expect_download() as found:
                numbers.find(f"#{name} .downloads button", has_text="SVG").click()
            assert Path(found.value.path()).read_text().startswith("<svg")


class TestTexts:
    def test_show_whole_and_as_text(self, chromium, outcomes, tmp_path):
        texts = [f"Example {i}. {EVIL} " + "word " * 300 for i in range(N)]
        path = la.report(outcomes, tmp_path / "report.html", examples=texts)
        with reading(chromium, path) as report:
            report.open("#view=explore&cards=all")
            card = report.find("[data-card]").first
            number = int(card.get_attribute("data-card"))
            assert texts[number].strip() in card.inner_text()
            assert report.page.title() != "owned"
            assert report.find("[data-card] canvas").count() == 0


def test_outcomes_of_one_ablation_of_one_example(chromium, outcomes, tmp_path):
    """The smallest page there is."""
    one = outcomes.isel(ablation=[0], example=[0])
    assert isinstance(one, xr.Dataset)
    with reading(chromium, la.report(one, tmp_path / "report.html")) as report:
        report.open()
        for view in ("overview", "ablations", "explore", "data"):
            report.go(f"#view={view}")
            assert len(report.find("main").inner_text()) > 40
