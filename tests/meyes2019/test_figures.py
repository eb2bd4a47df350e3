"""Figures: the numbers behind them, the raster of the maps, and the files that are written."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from lashley.effects import effects, interactions
from lashley.errors import OutcomesError
from lashley.outcomes import at
from lashley.papers.meyes2019.figures.mlp import PAPER, Population, Results, choose, mlp_figures
from lashley.papers.meyes2019.figures.mlp.bars import intact_bars, pair_bars, single_bars
from lashley.papers.meyes2019.figures.mlp.cases import gain_beyond_singles, only_pair_share
from lashley.papers.meyes2019.figures.mlp.change import (
    coefficients,
    correlation_text,
    of_network,
    of_population,
    scatter,
)
from lashley.papers.meyes2019.figures.mlp.weights import mosaic, p_text
from lashley.plot import style
from lashley.plot.classes import interval_on_bars
from lashley.plot.excess import square
from lashley.plot.labels import beside
from lashley.plot.maps import class_places, legend
from lashley.plot.raster import compose, corners, drawn, side
from lashley.plot.states import (
    State,
    counts,
    intact_states,
    pair_states,
    single_states,
)
from lashley.plot.style import save

from finished import small_pictures

NAMES = [
    *(f"figure-{n:02}" for n in range(1, 14)),
    *(f"figure-a{n}" for n in range(1, 5)),
    "figure-excess",
]  # fmt: skip
POPULATION_ONLY = {"figure-10", "figure-11"}


def outcomes_of(right: dict[str, list[int]], intact: list[int], label: list[int]) -> xr.Dataset:
    """Outcomes in which 1 stands for right."""
    units = list(right)
    rank = 1 - np.array([right[u] for u in units], np.uint8)
    designs = ["pairs" if "," in u else "singles" for u in units]
    on_ablations = {"units": units, "design": designs}
    on_ablations |= {"site": ["fc1"] * len(units), "method": ["silence"] * len(units)}
    names = [str(c) for c in range(max(label) + 1)]
    intact_rank, labels = 1 - np.array(intact, np.uint8), np.array(label, np.uint8)
    return xr.Dataset(
        {
            "rank": (("ablation", "example"), rank),
            "prediction": (("ablation", "example"), rank),
            "intact_rank": ("example", intact_rank),
            "intact_prediction": ("example", intact_rank),
            "label": ("example", labels),
        },
        coords={n: ("ablation", v) for n, v in on_ablations.items()} | {"class": names},
    )


def results_of(outcomes: xr.Dataset, population: Population | None = None) -> Results:
    rng = np.random.default_rng(0)
    singles = outcomes.isel(ablation=outcomes.design.values == "singles")
    pairs = outcomes.isel(ablation=outcomes.design.values == "pairs")
    measured, beyond = effects(outcomes), interactions(singles, pairs)
    n_units, n = singles.sizes["ablation"], outcomes.sizes["example"]
    return Results(
        outcomes=outcomes,
        effects=measured,
        interactions=beyond,
        scores=xr.Dataset({"mann_whitney_p": ("unit", rng.uniform(size=n_units))}),
        weights=rng.normal(size=(n_units, 8, 8)),
        initial_weights=rng.normal(size=(n_units, 8, 8)),
        images=rng.uniform(size=(n, 8, 8)),
        embedding=rng.uniform(size=(n, 2)),
        population=population,
        cases=choose(measured, beyond),
        title="a study",
    )


@pytest.fixture(scope="module")
def tiny() -> Results:
    """Two units, ten examples of two classes, every case among them.

    Example 9 is wrong when intact, right after either single ablation, wrong after both.
    """
    label = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    intact = [1, 1, 1, 1, 0, 1, 1, 0, 0, 0]
    right = {
        "0":   [1, 0, 1, 1, 0, 1, 1, 1, 0, 1],
        "1":   [1, 1, 1, 0, 0, 1, 1, 0, 0, 1],
        "0,1": [1, 0, 0, 0, 0, 1, 1, 1, 1, 0],
    }  # fmt: skip
    return results_of(outcomes_of(right, intact, label))


@pytest.fixture(scope="module")
def full() -> Results:
    """Six units and a population: enough for every figure."""
    rng = np.random.default_rng(1)
    label = np.repeat(np.arange(3), 20).tolist()
    intact = (rng.uniform(size=60) < 0.9).astype(int).tolist()
    units = [*map(str, range(6)), *(f"{a},{b}" for a, b in combinations(range(6), 2))]
    right = {u: (rng.uniform(size=60) < rng.uniform(0.3, 0.9)).astype(int).tolist() for u in units}
    population = Population(
        p=rng.uniform(size=(5, 6)),
        drop_pp=rng.normal(10, 5, (5, 6)),
        class_drop_pp=rng.normal(10, 5, (5, 6, 3)),
    )
    return results_of(outcomes_of(right, intact, label), population)


def test_states_of_the_intact_network_and_of_one_unit(tiny: Results):
    W, R, G, L = State.WRONG, State.RIGHT, State.GAINED, State.LOST
    assert intact_states(tiny.outcomes).tolist() == [R, R, R, R, L, R, R, L, L, L]
    assert single_states(tiny.outcomes, 0).tolist() == [R, L, R, R, W, R, R, G, W, G]


def test_states_of_a_pair_ask_the_single_ablations(tiny: Results):
    W, R, G, L, B = State.WRONG, State.RIGHT, State.GAINED, State.LOST, State.ONLY_PAIR
    states = pair_states(tiny.outcomes, (0, 1))
    assert states.tolist() == [R, L, B, L, W, R, R, G, G, B]
    only = at(tiny.interactions, 0, 1)["only_pair"].values
    assert counts(states)[B] == only.sum() == 2
    assert pair_states(tiny.outcomes, (1, 0)).tolist() == states.tolist()


def test_units_that_were_not_ablated_are_an_error(tiny: Results):
    with pytest.raises(OutcomesError, match="given 0,7; none of the 3 ablations is of them"):
        at(tiny.outcomes, 7, 0)


def test_intact_bars_add_up_to_all(tiny: Results):
    bars = intact_bars(tiny)
    assert bars.names == ("all", "0", "1")
    np.testing.assert_allclose(bars.black, [60, 80, 40])
    np.testing.assert_allclose(bars.black + bars.red, 100)
    assert np.isnan(bars.drop).all()


def test_single_bars_show_the_net_change_and_the_counts(tiny: Results):
    bars = single_bars(tiny, 0)
    np.testing.assert_allclose(bars.black, [70, 60, 80])
    np.testing.assert_allclose(bars.red, [0, 20, 0])
    np.testing.assert_allclose(bars.green, [-10, 0, -40])
    np.testing.assert_allclose(bars.blue, 0)
    assert [row.head for row in bars.rows] == ["lost", "gained"]
    assert [row.values.tolist() for row in bars.rows] == [[1, 1, 0], [2, 0, 2]]


def test_interval_lies_on_black_or_on_green_and_on_the_scale(tiny: Results):
    bars = single_bars(tiny, 0)
    low, high = interval_on_bars(bars)
    assert low[1] <= bars.black[1] <= high[1]
    assert low[2] <= bars.green[2] <= high[2]
    assert high.max() <= 100
    assert low[1] >= 0


def test_pair_bars_put_what_only_the_pair_loses_first(tiny: Results):
    bars = pair_bars(tiny, (0, 1))
    np.testing.assert_allclose(bars.black, [50, 20, 80])
    np.testing.assert_allclose(bars.blue, [20, 20, 20])
    np.testing.assert_allclose(bars.red, [0, 40, 0])  # 60 net, 20 of them blue
    np.testing.assert_allclose(bars.green, [0, 0, -40])
    np.testing.assert_allclose((bars.black + bars.blue + bars.red)[1], 80)  # intact
    share = bars.rows[-1]
    assert share.head == "only pair, %"
    np.testing.assert_allclose(share.values, [100 * 2 / 6, 100 / 4, 100 / 2])


def test_only_pair_share_is_of_what_the_intact_network_gets_right(tiny: Results):
    np.testing.assert_allclose(only_pair_share(tiny.effects, tiny.interactions), [[25, 50]])


def test_gain_beyond_singles_counts_no_loss_as_gain(tiny: Results):
    # class 1: gains of 40 (unit 0), 20 (unit 1), 40 (both); class 0 gains nothing
    np.testing.assert_allclose(gain_beyond_singles(tiny.effects, tiny.interactions), [[0, -20]])


def planted() -> tuple[xr.Dataset, xr.Dataset]:
    """Eight units that each play one role, and pairs of which three play one."""
    n, pairs = 8, list(combinations(range(8), 2))
    by_class = np.zeros((n + len(pairs), 4))
    by_class[0] = [60, 50, 60, 50]  # strongest
    by_class[1] = [40, 35, 40, 35]  # runner-up
    by_class[2] = [0, 40, 0, 0]  # selective
    by_class[3] = [11, 11, 11, 11]  # subtle
    by_class[4] = [-9, 30, 30, 0]  # gaining
    by_class[5:8] = [[1, 1, 2, 2], [0, 0, 0, 1], [2, 2, 2, 2]]  # 6 is negligible
    by_class[n + pairs.index((4, 6))] = [-20, 9, 9, 9]
    labels = [*map(str, range(n)), *(f"{a},{b}" for a, b in pairs)]
    coords = {
        "units": ("ablation", labels),
        "design": ("ablation", ["singles"] * n + ["pairs"] * len(pairs)),
    }
    measured = xr.Dataset(
        {
            "drop_pp": (("ablation", "class"), by_class),
            "overall_drop_pp": ("ablation", by_class.mean(1)),
            "intact_correct": ("class", [100, 100, 100, 10]),
        },
        coords=coords,
    )
    only = np.zeros((len(pairs), 4), int)
    only[pairs.index((0, 3))] = [50, 0, 0, 0]
    only[pairs.index((2, 5))] = [0, 0, 0, 8]  # fewer, but a larger share
    found = np.full(len(pairs), -1.0)
    found[pairs.index((1, 7))] = 5
    ends = np.array(pairs)
    beyond = xr.Dataset(
        {
            "excess_pp": ("ablation", found),
            "only_pair": (("ablation", "class"), only),
            "p_adjusted": ("ablation", np.where(found > 0, 0.01, 0.5)),
        },
        coords={
            "units": ("ablation", labels[n:]),
            "unit_a": ("ablation", ends[:, 0]),
            "unit_b": ("ablation", ends[:, 1]),
        },
    )
    return measured, beyond


def test_choose_finds_the_planted_roles():
    cases = choose(*planted())
    assert (cases.strongest, cases.runner_up, cases.selective) == (0, 1, 2)
    assert (cases.subtle, cases.gaining, cases.negligible) == (3, 4, 6)
    assert cases.weakest == (2, 5, 6, 7)
    assert cases.excess == (1, 7)
    assert cases.gaining_pair == (4, 6)
    assert cases.redundant_pair == (2, 5)


def test_the_papers_cases_are_its_units_counted_from_0():
    assert (PAPER.strongest, PAPER.selective, PAPER.negligible, PAPER.subtle) == (11, 18, 5, 19)
    assert (PAPER.gaining, PAPER.runner_up, PAPER.weakest) == (2, 15, (5, 10, 12, 17))
    assert (PAPER.excess, PAPER.gaining_pair) == ((3, 15), (4, 9))
    assert PAPER.redundant_pair == (11, 18)


def test_compose_puts_ink_where_the_points_are():
    images = np.ones((2, 4, 4))
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    raster = compose(images, points, np.array([State.LOST, State.RIGHT]), size=240)
    assert raster.shape == (240, 240, 3)
    assert raster.dtype == np.uint8
    red = np.round(255 * np.array(to_rgb(style.RED)))
    np.testing.assert_allclose(raster[-1, 0], red, atol=1)  # y runs upwards
    assert raster[0, -1].tolist() == [0, 0, 0]
    assert raster[0, 0].tolist() == raster[120, 120].tolist() == [255, 255, 255]


@pytest.mark.parametrize("turned", [False, True])
def test_compose_draws_the_more_important_state_on_top(turned: bool):
    states = np.array(list(State))[:: -1 if turned else 1]
    for below, above in combinations(sorted(State), 2):
        chosen = states[(states == below) | (states == above)]
        raster = compose(np.ones((2, 4, 4)), np.full((2, 2), 0.5), chosen, size=60)
        alone = compose(np.ones((1, 4, 4)), np.full((1, 2), 0.5), np.array([above]), size=60)
        np.testing.assert_array_equal(raster[30, 30], alone[30, 30])


def test_grey_ink_is_mixed_with_what_lies_below():
    images = np.stack([np.ones((4, 4)), np.full((4, 4), 0.5)])
    states = np.array([State.WRONG, State.RIGHT])
    raster = compose(images, np.full((2, 2), 0.5), states, size=60)
    np.testing.assert_allclose(raster[30, 30], 0.5 * 0xC4, atol=1)


def test_images_are_cropped_and_resized_evenly():
    images = np.zeros((3, 10, 10))
    images[:, 3:7, 2:8] = 1
    inks = drawn(images, 12)
    assert inks.shape == (3, 8, 12)
    np.testing.assert_allclose(inks, 1, rtol=1e-5)
    assert drawn(np.zeros((2, 4, 4)), 8).shape == (2, 8, 8)


def test_side_follows_the_crowd_within_bounds():
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 31)] * 2), -1).reshape(-1, 2)
    assert side(grid, 3000) == pytest.approx(150)
    assert side(grid / 100, 3000) == 25
    assert side(grid[:1], 3000) == side(grid[:2] * 9, 3000) == 250


def test_corners_keep_every_image_on_the_map():
    rows, columns = corners(np.array([[0, 0], [1, 1], [1.2, -0.3]]), (10, 20), 100)
    assert rows.tolist() == [90, 0, 90]
    assert columns.tolist() == [0, 80, 80]


def test_compose_is_quick_at_the_size_of_mnist():
    rng = np.random.default_rng(0)
    images, points = rng.uniform(size=(10_000, 28, 28)), rng.uniform(size=(10_000, 2))
    start = time.process_time()
    compose(images, points, rng.integers(0, 5, 10_000))
    assert time.process_time() - start < 8  # about 0.4 s


def test_class_names_go_to_an_example_of_the_class():
    points = np.array([[0, 0], [0.1, 0], [0.2, 0], [0.9, 0.9], [1, 1]])
    places = class_places(points, np.array([0, 0, 0, 2, 2]), 3)
    assert places == {0: (0.1, 0), 2: (0.9, 0.9)}


def test_legend_counts_the_examples():
    entries = legend(np.array([1, 1, 3], np.int8), {State.RIGHT: "right", State.GAINED: "gained"})
    assert [entry.get_label() for entry in entries] == ["right: 2", "gained: 0"]


def test_mosaic_holds_every_weight_image():
    weights = np.arange(7 * 9.0).reshape(7, 3, 3) - 30
    grid = mosaic(weights, 5)
    assert grid.shape == (2, 5)
    assert np.isfinite(grid.image).sum() == weights.size
    np.testing.assert_allclose(np.nansum(grid.image), weights.sum())
    x, y = grid.centres[6]
    assert grid.image[int(y + 0.5), int(x)] == weights[6, 0, 1]
    assert grid.limit == pytest.approx(32, abs=0.5)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.5, "p = 0.50"), (0.0123, "p = 0.012"), (1e-9, "p < 0.001"), (np.nan, "p n/a")],
)
def test_p_text(p: float, text: str):
    assert p_text(p) == text


def test_scatter_has_a_point_per_unit(full: Results):
    own = of_network(full)
    np.testing.assert_array_equal(own.drop_pp, full.effects["overall_drop_pp"].values[:6])
    assert own.correlation is not None
    assert own.correlation.n == 6
    assert full.population is not None
    pooled = of_population(full.population)
    assert pooled.correlation is not None
    assert pooled.correlation.n == len(pooled.p) == 30


def test_correlation_of_too_few_units_is_not_made_up(tiny: Results):
    assert of_network(tiny).correlation is None
    assert correlation_text(None) == "Pearson n/a\nSpearman n/a"


def test_coefficients_leave_out_networks_without_any():
    p = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    drop = np.array([[3.0, 2, 1], [0, 0, 0], [1, 8, 9]])
    found = coefficients(Population(p, drop, np.zeros((3, 3, 1))))
    np.testing.assert_allclose(found.spearman, [-1, 1])
    np.testing.assert_allclose(found.pearson, [-1, np.corrcoef([1, 2, 3], [1, 8, 9])[0, 1]])


def test_excess_square_is_symmetric_and_names_the_strongest():
    _, beyond = planted()
    found = square(beyond)
    assert found.strongest == (1, 7)
    np.testing.assert_array_equal(found.excess_pp, found.excess_pp.T)
    assert np.isnan(np.diag(found.excess_pp)).all()
    assert np.argwhere(found.significant).tolist() == [[1, 7], [7, 1]]
    assert found.limit == 5


def test_labels_hide_neither_points_nor_each_other():
    rng = np.random.default_rng(0)
    places, half = rng.uniform(2, 58, (20, 2)), np.array([1.6, 1.1])
    spots = beside(places, ["12"] * 20)
    assert spots[:, 0].min() > half[0]
    apart = np.abs(spots[:, None] - places[None]).max(2)
    assert apart.min() > 0.6
    between = (np.abs(spots[:, None] - spots[None]) / (2 * half)).max(2)
    assert between[~np.eye(20, dtype=bool)].min() >= 1


@pytest.fixture(scope="module")
def figures(full: Results) -> dict[str, Figure]:
    """All figures of `full`, as a study that counts units from 1 has them."""
    with small_pictures():
        return dict(mlp_figures(replace(full, first_unit=1)))


def test_figures_are_complete_and_in_order(figures: dict[str, Figure]):
    assert list(figures) == NAMES


def test_figures_are_drawn_one_by_one_when_asked_for(tiny: Results):
    made = mlp_figures(replace(tiny, weights=np.zeros((0, 8, 8)), scores=xr.Dataset()))
    assert next(made)[0] == "figure-01"  # though figure-08 cannot be drawn from this


def test_without_a_population_only_its_own_figures_are_left_out(tiny: Results):
    """Of a network of two units, which has no correlation either."""
    assert tiny.population is None
    with small_pictures():
        names = [name for name, _ in mlp_figures(tiny)]
    assert names == [name for name in NAMES if name not in POPULATION_ONLY]


def test_figures_leave_the_users_style_alone(tiny: Results):
    with mpl.rc_context({"font.size": 23}):
        made = mlp_figures(tiny)
        _, figure = next(made)
        assert mpl.rcParams["font.size"] == 23
    assert max(text.get_fontsize() for text in figure.findobj(Text)) < 23


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_says_how_units_are_counted(figures: dict[str, Figure], name: str):
    assert "a study · units counted from 1" in texts(figures[name])


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_too_small_to_read(figures: dict[str, Figure], name: str):
    assert min(text.get_fontsize() for text in figures[name].findobj(Text)) >= 7


def test_units_are_numbered_as_asked(full: Results, figures: dict[str, Figure]):
    assert f"Unit {full.cases.strongest + 1}: drop" in texts(figures["figure-03"])
    a, b = full.cases.excess
    assert f"Units {a + 1} and {b + 1}: drop" in texts(figures["figure-12"])


def test_files_are_written_whole_and_can_be_read(figures: dict[str, Figure], tmp_path: Path):
    for name in ("figure-03", "figure-excess"):
        png, svg = save(figures[name], tmp_path / "new", name)
        assert (png.name, svg.name) == (f"{name}.png", f"{name}.svg")
        with Image.open(png) as image:
            assert image.size[0] == pytest.approx(180 / 25.4 * 200, abs=1)
            assert len(set(image.convert("L").tobytes())) > 10
        assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert len(list((tmp_path / "new").iterdir())) == 4


def test_the_same_figure_gives_the_same_bytes(full: Results, tmp_path: Path):
    for folder in ("a", "b"):
        with style.styled():
            save(scatter(full), tmp_path / folder, "figure-09")
    for kind in ("png", "svg"):
        one, other = (tmp_path / folder / f"figure-09.{kind}" for folder in ("a", "b"))
        assert one.read_bytes() == other.read_bytes()
