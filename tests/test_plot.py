"""Figures for any study: the numbers behind them, what is drawn, and what is refused."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.stats import spearmanr
from torch import nn

import lashley as la
from lashley import stats
from lashley.errors import LashleyError, OutcomesError, PlotError
from lashley.plot import style
from lashley.plot.classes import MOST_CLASSES, bars_of, most_changed
from lashley.plot.drops import ranked
from lashley.plot.excess import square
from lashley.plot.heat import by_class_and_site
from lashley.plot.layers import by_site
from lashley.plot.recovery import course
from lashley.plot.scores import scored
from lashley.plot.states import State, changed
from lashley.plot.words import short_sites

from legibility import assert_nothing_written_overlaps_or_leaves_the_page

# Ten examples of two classes; the intact network is wrong on 4, 7, 8 and 9.
LABEL = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
INTACT = [1, 1, 1, 1, 0, 1, 1, 0, 0, 0]
ROWS = [  # site, units, method, and what is right
    ("fc1", "0", "silence", [1, 0, 1, 1, 0, 1, 1, 1, 0, 1]),
    ("fc1", "1", "silence", [0, 0, 0, 0, 0, 1, 1, 0, 0, 0]),
    ("fc2", "1", "silence", [1, 1, 1, 1, 0, 0, 1, 0, 0, 0]),
    ("fc2", "0,2", "silence", [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
]


def classified(rows=ROWS, classes=2, **columns):
    """Outcomes of a classification; what is wrong is taken for the other class."""
    sites, units, methods, right = zip(*rows, strict=True)
    label, intact = np.array(LABEL, np.uint8), np.array(INTACT)
    rank, intact_rank = 1 - np.array(right, np.uint8), (1 - intact).astype(np.uint8)
    on_ablations = {"site": sites, "units": units, "method": methods, "design": ["x"] * len(rows)}
    coords = {n: ("ablation", np.array(v)) for n, v in (on_ablations | columns).items()}
    return xr.Dataset(
        {
            "rank": (("ablation", "example"), rank),
            "prediction": (("ablation", "example"), np.where(rank, 1 - label, label)),
            "intact_rank": ("example", intact_rank),
            "intact_prediction": ("example", np.where(intact_rank, 1 - label, label)),
            "label": ("example", label),
        },
        coords=coords | {"class": [f"c{i}" for i in range(classes)]},
        attrs={"readout": "classification"},
    )


def measured(rows=ROWS, names=("loss",), classes=True):
    """Outcomes of another readout: loss 1 where right, 3 where wrong."""
    outcomes = classified(rows)
    variables = {}
    for name in names:
        variables[name] = 1 + 2 * outcomes["rank"].astype(np.float32)
        variables[f"intact_{name}"] = 1 + 2 * outcomes["intact_rank"].astype(np.float32)
    if classes:
        variables["label"] = outcomes["label"]
    found = xr.Dataset(variables, attrs={"readout": "own"})
    return found.assign_coords({"class": outcomes["class"]}) if classes else found


def synthetic(n, seed=0):
    """Effects of n single units with drops that differ."""
    rng = np.random.default_rng(seed)
    drop = rng.normal(2, 3, n)
    on_ablation = {"overall_drop_pp": drop, "overall_drop_low_pp": drop - 1,
                   "overall_drop_high_pp": drop + 1}  # fmt: skip
    texts = {"site": ["fc1"] * n, "units": [str(i) for i in range(n)], "method": ["silence"] * n,
             "design": ["singles"] * n}  # fmt: skip
    return xr.Dataset(
        {name: ("ablation", values) for name, values in on_ablation.items()},
        coords={name: ("ablation", values) for name, values in texts.items()},
        attrs={"top": 1},
    )


def new_axes():
    return Figure().add_subplot()


def drawn(axes):
    """The figure of axes that a function has made, laid out."""
    figure = axes.figure
    with style.styled():
        figure.draw_without_rendering()
    return figure


class TestDrops:
    def test_ablations_are_ranked_with_their_intervals(self):
        effects = la.effects(classified())
        found = ranked(effects)
        assert found.names == ("fc1:1", "fc2:0,2", "fc2:1", "fc1:0")
        assert found.drop.tolist() == [40, 20, 10, -10]  # 1 lost, 2 gained: -10
        low = effects["overall_drop_low_pp"].values
        np.testing.assert_array_equal(found.low, low[[1, 3, 2, 0]])
        assert found.label == "drop in accuracy (pp)"
        assert found.units == "site:units"

    def test_what_the_interval_leaves_out(self):
        effects = synthetic(3)
        effects["overall_drop_low_pp"][:] = [1, -1, -3]
        effects["overall_drop_high_pp"][:] = [3, 1, -1]
        effects["overall_drop_pp"][:] = [2, 0, -2]
        assert ranked(effects).side.tolist() == [1, 0, -1]
        labels = [text.get_text() for text in la.plot.drops(effects).get_legend().get_texts()]
        assert labels == ["95 % interval above 0: 1", "around 0: 1", "below 0: 1"]

    def test_of_another_readout_the_mean_change_is_drawn(self):
        axes = la.plot.drops(la.effects(measured()))
        assert axes.get_ylabel() == "mean change in loss"
        assert ranked(la.effects(measured())).drop.tolist() == pytest.approx([0.8, 0.4, 0.2, -0.2])

    def test_of_several_things_one_is_named(self):
        effects = la.effects(measured(names=("loss", "margin")))
        assert la.plot.drops(effects, measured="margin").get_ylabel() == "mean change in margin"
        with pytest.raises(PlotError, match=r"measured: left out; .*'loss', 'margin'"):
            la.plot.drops(effects)
        with pytest.raises(PlotError, match="measured: given 'los'"):
            la.plot.drops(effects, measured="los")

    @pytest.mark.parametrize("n", [1, 10, 48, 49, 100, 2000])
    def test_any_number_stays_readable(self, n):
        axes = la.plot.drops(synthetic(n))
        figure = drawn(axes)
        assert_nothing_written_overlaps_or_leaves_the_page(figure)
        names = [text.get_text() for text in axes.get_xticklabels()]
        if n <= 48:
            assert names == list(ranked(synthetic(n)).names)
            assert axes.get_xlabel() == "unit of fc1"
        else:
            assert names[0] == "1"  # ranks
            first = ", ".join(ranked(synthetic(n)).names[:5])
            assert axes.get_xlabel() == f"rank among {n:,} ablations\nfirst, unit of fc1: {first}"
        points = np.concatenate([line.get_ydata() for line in axes.lines[:3]])
        assert len(points) == n

    def test_groups_have_short_names(self):
        rows = [("fc1", ",".join(map(str, range(k))), "mean", INTACT) for k in (1, 3, 12)]
        assert ranked(la.effects(classified(rows))).names == ("0", "0,1,2", "0,1,…(12)")

    def test_sites_are_named_by_what_differs(self):
        names = [f"encoder.layers.{i}.{what}" for i in (0, 11) for what in ("attention.o", "mlp.o")]
        short, pattern = short_sites(names)
        assert short == ["0.attention", "0.mlp", "11.attention", "11.mlp"]
        assert pattern == "encoder.layers.*.o"
        assert short_sites(["a", "a.b"]) == (["a", "a.b"], "")
        assert short_sites(["a.b", "a.b"]) == (["a.b", "a.b"], "")
        effects = la.effects(classified([(name, "3", "mean", INTACT) for name in names]))
        assert ranked(effects).names[0] == "0.attention:3"
        assert la.plot.drops(effects).get_xlabel() == "site (encoder.layers.*.o):unit"
        axes = la.plot.layers(effects)
        assert [text.get_text() for text in axes.get_xticklabels()] == short
        assert axes.get_xlabel() == "site (encoder.layers.*.o)"

    def test_methods_are_told_apart(self):
        rows = [("1", "7", method, INTACT) for method in ("mean", "silence")]
        found = ranked(la.effects(classified(rows)))
        assert found.names == ("7 mean", "7 silence")
        assert found.units == "unit of site 1"


class TestWhereItIsDrawn:
    def test_in_the_axes_that_are_given_and_nowhere_else(self):
        figure = Figure()
        one, other = figure.subplots(1, 2)
        before, place = dict(mpl.rcParams), one.get_position().bounds
        assert la.plot.drops(la.effects(classified()), one) is one
        assert la.plot.heat(la.effects(classified()), ax=one) is one
        assert not other.has_data()
        assert figure.axes == [one, other]
        assert one.get_position().bounds == place
        assert dict(mpl.rcParams) == before

    def test_in_a_figure_of_its_own(self):
        before = dict(mpl.rcParams)
        axes = la.plot.drops(la.effects(classified()))
        assert isinstance(axes, Axes)
        assert isinstance(axes.figure, Figure)
        assert axes.figure.axes == [axes]
        assert not axes.spines["top"].get_visible()  # the house style
        assert dict(mpl.rcParams) == before

    def test_a_notebook_shows_it(self):
        picture, size = la.plot.drops(la.effects(classified()))._repr_png_()
        assert picture[:4] == b"\x89PNG"
        assert size["width"] == round(175 / 25.4 * 96)

    @pytest.mark.parametrize("ax", [3, "axes", Figure(), np.array([1, 2])])
    def test_what_is_no_axes_is_refused(self, ax):
        with pytest.raises(PlotError, match=f"ax: given a {type(ax).__name__}; allowed is one"):
            la.plot.drops(la.effects(classified()), ax)

    def test_matplotlib_is_imported_when_it_is_needed_and_pyplot_never(self):
        code = (
            "import sys, lashley as la; assert 'matplotlib' not in sys.modules; "
            "assert 'plot' in dir(la) and la.plot is la.plot; "
            "assert 'matplotlib' in sys.modules; sys.exit('matplotlib.pyplot' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
        with pytest.raises(AttributeError, match="has no attribute 'plots'"):
            _ = la.plots


class TestWhatIsNoEffects:
    @pytest.mark.parametrize("draw", ["drops", "classes", "layers", "heat"])
    def test_is_refused(self, draw):
        with pytest.raises(PlotError, match=r"effects: given a list; .*la.effects"):
            getattr(la.plot, draw)([1, 2])

    @pytest.mark.parametrize("draw", ["drops", "classes", "heat"])
    def test_outcomes_are_not(self, draw):
        with pytest.raises(PlotError, match="effects: given outcomes; "):
            getattr(la.plot, draw)(classified())
        with pytest.raises(PlotError, match="effects: given another dataset; "):
            getattr(la.plot, draw)(xr.Dataset(coords={"ablation": [0]}))

    @pytest.mark.parametrize("draw", ["drops", "layers", "heat"])
    def test_without_ablations(self, draw):
        effects = la.effects(classified())
        with pytest.raises(PlotError, match="ablations: given none; allowed is an axis of one"):
            getattr(la.plot, draw)(effects.isel(ablation=[]))
        with pytest.raises(PlotError, match="ablations: given a single one, without its axis"):
            getattr(la.plot, draw)(effects.isel(ablation=0))

    def test_a_classification_measures_nothing_else(self):
        with pytest.raises(PlotError, match="measured: given 'loss', but of a classification"):
            la.plot.drops(la.effects(classified()), measured="loss")


class TestClasses:
    def test_kept_lost_and_gained(self):
        bars = bars_of(la.effects(classified()).isel(ablation=0))
        assert bars.names == ("all", "c0", "c1")
        np.testing.assert_allclose(bars.black, [70, 60, 80])
        np.testing.assert_allclose(bars.red, [0, 20, 0])
        np.testing.assert_allclose(bars.green, [-10, 0, -40])

    def test_a_class_without_examples(self):
        bars = bars_of(la.effects(classified(classes=3)).isel(ablation=0))
        assert (bars.black[3], bars.red[3], bars.green[3]) == (0, 0, 0)
        la.plot.classes(la.effects(classified(classes=3)), 0)

    def test_what_is_drawn(self):
        axes = la.plot.classes(la.effects(classified()), (0, 2))
        low, high = (
            float(la.effects(classified())[f"overall_drop_{end}_pp"][3]) for end in ("low", "high")
        )
        head = "Units 0,2 of fc2, silence\ndrop in accuracy 20.00 pp"
        assert axes.get_title(loc="left") == f"{head} [{low:.2f}, {high:.2f}]".replace("-", "−")
        assert len(axes.patches) == 4 * 3  # black, blue, red, green
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))

    def test_of_many_classes_those_that_change_most(self):
        bars = bars_of(la.effects(classified(classes=100)).isel(ablation=0))
        some = most_changed(bars, 2)
        assert some.names == ("all", "c0", "c1")  # 20 lost, 40 gained
        axes = la.plot.classes(la.effects(classified(classes=100)), 0)
        assert len(axes.get_xticks()) == MOST_CLASSES + 1
        assert axes.get_xlabel() == "the 30 of 100 classes that change most"
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))

    def test_of_another_readout_the_change_by_class(self):
        axes = la.plot.classes(la.effects(measured()), (0, 2))
        assert [bar.get_height() for bar in axes.patches] == pytest.approx([0.4, 0, 0.8])
        assert axes.get_ylabel() == "mean change in loss"

    def test_the_ablation_itself(self):
        network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        data = la.Examples(torch.randn(8, 4), torch.arange(8) % 2)
        site = la.find_sites(network, data)["0"]
        cuts = [la.Ablation(site, (u,), m) for u in (0, 1) for m in ("silence", "zero_weights")]
        effects = la.effects(la.evaluate(network, data, cuts))
        axes = la.plot.classes(effects, cuts[3])
        assert axes.get_title(loc="left").startswith("Unit 1 of site 0, zero_weights")
        several = (
            r"ablation: given units 1; 2 ablations are meant, '1 of 0 by silence'.*la.Ablation"
        )
        with pytest.raises(PlotError, match=several):
            la.plot.classes(effects, 1)

    def test_the_only_one_need_not_be_named(self):
        effects = la.effects(classified())
        for only in (effects.isel(ablation=[1]), effects.isel(ablation=1)):
            title = la.plot.classes(only).get_title(loc="left")
            assert title.startswith("Unit 1 of fc1")
        with pytest.raises(PlotError, match="ablation: left out; 4 ablations are meant"):
            la.plot.classes(effects)

    @pytest.mark.parametrize("ablation", [9, (0, 1), (2, 9)])
    def test_an_ablation_that_is_not_there(self, ablation):
        with pytest.raises(PlotError, match=r"none of the 4 ablations .* '0 of fc1', '1 of fc1'"):
            la.plot.classes(la.effects(classified()), ablation)

    @pytest.mark.parametrize("ablation", ["3", 1.5, (True,), {"units": 3}])
    def test_what_is_no_ablation(self, ablation):
        with pytest.raises(PlotError, match=r"ablation: given .*; allowed is a la.Ablation, or"):
            la.plot.classes(la.effects(classified()), ablation)

    @pytest.mark.parametrize("draw", [la.plot.classes, la.plot.heat])
    def test_without_classes(self, draw):
        with pytest.raises(PlotError, match="effects: given without classes"):
            draw(la.effects(measured(classes=False)))


class TestLayers:
    def test_of_outcomes_the_mean_over_the_ablations_with_its_interval(self):
        outcomes = classified()
        found = by_site(outcomes)
        (line,) = found.lines
        assert found.sites == ("fc1", "fc2")
        assert (line.name, line.place.tolist(), line.n.tolist()) == ("", [0, 1], [2, 2])
        assert line.mean.tolist() == pytest.approx([15, 15])  # of -10 and 40, of 10 and 20
        assert line.sd.tolist() == pytest.approx([25, 5])
        own = la.mean_effect(outcomes.isel(ablation=[2, 3]))
        assert line.low[1] == pytest.approx(float(own["overall_drop_low_pp"]))
        assert line.high[1] == pytest.approx(float(own["overall_drop_high_pp"]))

    def test_of_effects_the_interval_is_never_narrower(self):
        exact, wide = (by_site(each).lines[0] for each in (classified(), la.effects(classified())))
        np.testing.assert_allclose(wide.mean, exact.mean)
        np.testing.assert_allclose(wide.sd, exact.sd)
        assert (wide.high - wide.low >= exact.high - exact.low - 1e-9).all()

    def test_of_another_readout(self):
        found = by_site(measured())
        (line,) = found.lines
        assert found.label == "mean change in loss"
        each = np.array([[0, 2, 0, 0, 0, 0, 0, -2, 0, -2], [2, 2, 2, 2, 0, 0, 0, 0, 0, 0]])
        assert line.mean[0] == pytest.approx(each.mean())
        assert line.sd[0] == pytest.approx(each.mean(1).std())
        over = each.mean(0)  # the ablations are fixed, the examples drawn
        ends = stats.mean_interval(over.sum(), (over**2).sum(), 10)
        assert (line.low[0], line.high[0]) == pytest.approx((float(ends.low), float(ends.high)))

    def test_a_line_for_each_method_and_proportion(self):
        rows = [("fc1", "0", m, INTACT) for m in ("mean", "silence") for _ in range(2)]
        outcomes = classified(rows, proportion=[0.1, 0.25] * 2)
        names = [f"{m}, {p} % ablated" for m in ("mean", "silence") for p in (10, 25)]
        assert [line.name for line in by_site(outcomes).lines] == names
        axes = la.plot.layers(outcomes)
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert texts == [*names, "95 % interval"]  # no band over single ablations
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))

    def test_a_long_legend_takes_more_lines(self):
        rows = [("fc1", "0", f"scale({i / 10})", INTACT) for i in range(8)]
        figure = drawn(la.plot.layers(classified(rows)))
        assert_nothing_written_overlaps_or_leaves_the_page(figure)

    def test_what_is_drawn(self):
        axes = la.plot.layers(classified())
        assert [text.get_text() for text in axes.get_xticklabels()] == ["fc1", "fc2"]
        assert axes.get_ylabel() == "drop in accuracy (pp)"
        band = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == pytest.approx((-10, 40))
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert texts[-1] == "± SD over the ablations"

    def test_too_many_lines(self):
        rows = [("fc1", "0", f"scale({i / 10})", INTACT) for i in range(9)]
        with pytest.raises(PlotError, match=r"given 9 different .* allowed are 8, a line each"):
            la.plot.layers(classified(rows))


class TestHeat:
    def test_the_mean_by_class_and_site(self):
        shown = by_class_and_site(la.effects(classified()))
        assert (shown.rows, shown.columns) == (("c0", "c1"), ("fc1", "fc2"))
        # c0: 20 and 80, 0 and 0; c1: -40 and 0, 20 and 40
        np.testing.assert_allclose(shown.drop, [[50, 0], [-20, 30]])
        assert shown.limit == 50
        assert shown.label == "mean drop in accuracy (pp)"

    def test_of_one_site_each_ablation_has_a_column(self):
        shown = by_class_and_site(la.effects(classified(ROWS[:2])))
        assert (shown.columns, shown.units) == (("0", "1"), "unit of fc1")
        np.testing.assert_allclose(shown.drop, [[20, 80], [-40, 0]])

    def test_what_is_drawn(self):
        axes = la.plot.heat(la.effects(classified(classes=3)))
        (image,) = axes.images
        assert image.get_clim() == (-50, 50)
        assert np.isnan(image.get_array().filled(np.nan)[2]).all()  # c2 has no examples
        (bar,) = axes.child_axes
        assert bar.get_ylabel() == "mean drop in accuracy (pp)"
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))

    def test_a_thousand_classes_stay_readable(self):
        axes = la.plot.heat(la.effects(classified(classes=1000)))
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))

    def test_what_must_not_be_averaged(self):
        rows = [(site, "0", m, INTACT) for site in ("a", "b") for m in ("mean", "silence")]
        one = r"differ in method; allowed is one method.*effects.method == 'mean'"
        with pytest.raises(PlotError, match=one):
            la.plot.heat(la.effects(classified(rows)))
        same = classified([(s, u, "mean", r) for s, u, _, r in rows], proportion=[0.1, 0.2] * 2)
        with pytest.raises(PlotError, match=r"differ in proportion.*effects.proportion == 0.1\)"):
            la.plot.heat(la.effects(same))


def beyond(units=(2, 5, 9)):
    """Interactions of three units; the pair of the last two costs most."""
    singles = classified([("fc1", str(u), "silence", INTACT) for u in units])
    worse, worst = [0, *INTACT[1:]], [0, 0, 0, 0, *INTACT[4:]]
    a, b, c = units
    rights = {f"{a},{b}": INTACT, f"{a},{c}": worse, f"{b},{c}": worst}
    pairs = classified([("fc1", u, "silence", r) for u, r in rights.items()])
    return la.interactions(singles, pairs)


class TestExcess:
    def test_only_units_that_occur_have_a_row(self):
        found = square(beyond())
        assert (found.units, found.strongest, found.largest) == ((2, 5, 9), (5, 9), 40)
        nan = np.nan
        np.testing.assert_array_equal(found.excess_pp, [[nan, 0, 10], [0, nan, 40], [10, 40, nan]])
        assert (found.limit, found.extend) == (40, "neither")

    def test_what_is_drawn(self):
        axes = la.plot.excess(beyond())
        assert axes.images[0].get_clim() == (-40, 40)
        assert [text.get_text() for text in axes.get_xticklabels()] == ["2", "5", "9"]
        assert axes.get_xlabel() == "unit of fc1"
        assert axes.get_title(loc="left") == "Largest excess: units 5 and 9, 40.00 pp"
        assert len(axes.patches) == 2  # the ring, both ways round
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))

    def test_what_is_no_interactions(self):
        with pytest.raises(PlotError, match="interactions: given another dataset"):
            la.plot.excess(la.effects(classified()))
        with pytest.raises(PlotError, match="interactions: given a NoneType"):
            la.plot.excess(None)
        with pytest.raises(PlotError, match="interactions: given no pairs"):
            la.plot.excess(beyond().isel(ablation=[]))

    def test_of_several_sites(self):
        both = beyond()
        both["site"] = ("ablation", ["fc1", "fc1", "fc2"])
        with pytest.raises(PlotError, match=r"given 2 sites; allowed is one.*site == 'fc1'"):
            la.plot.excess(both)

    def test_too_many_units(self):
        many = beyond().isel(ablation=np.zeros(600, int))
        many["unit_a"] = ("ablation", np.arange(600))
        many["unit_b"] = ("ablation", 600 + np.arange(600))
        with pytest.raises(PlotError, match="pairs of 1,200 units; allowed are up to 1,000"):
            la.plot.excess(many)


def some_scores(site="fc1", n=6):
    return xr.Dataset(
        {"weight_l1": ("unit", np.arange(n) ** 2.0, {"long_name": "L1 norm"})},
        coords={"unit": np.arange(n)},
        attrs={"site": site},
    )


class TestScores:
    def test_units_are_matched_by_number(self):
        effects = synthetic(6).isel(ablation=[5, 3, 0, 1])
        found = scored(some_scores(), effects, "weight_l1")
        assert found.units.tolist() == [5, 3, 0, 1]
        assert found.score.tolist() == [25, 9, 0, 1]
        assert found.drop.tolist() == effects["overall_drop_pp"].values.tolist()
        right = spearmanr([25, 9, 0, 1], effects["overall_drop_pp"].values).statistic
        assert found.correlation.spearman == pytest.approx(right)

    def test_groups_and_other_sites_are_not_drawn(self):
        found = scored(some_scores("fc2"), la.effects(classified()), "weight_l1")
        assert (found.units.tolist(), found.drop.tolist()) == ([1], [10])
        assert found.correlation is None
        axes = la.plot.scores(some_scores("fc2"), la.effects(classified()), score="weight_l1")
        assert axes.get_title(loc="left") == "1 units of fc2: Spearman n/a"

    def test_a_score_that_is_not_known_is_left_out(self):
        scores = some_scores()
        scores["weight_l1"][2] = np.nan
        assert scored(scores, synthetic(6), "weight_l1").units.tolist() == [0, 1, 3, 4, 5]

    def test_what_is_drawn(self):
        axes = la.plot.scores(some_scores(), synthetic(6), score="weight_l1")
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("L1 norm", "drop in accuracy (pp)")
        assert axes.get_title(loc="left").startswith("6 units of fc1: Spearman ")
        assert len(axes.lines[0].get_xdata()) == 6
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))

    def test_what_does_not_go_together(self):
        effects = la.effects(classified())
        with pytest.raises(PlotError, match="scores: given a dict; "):
            la.plot.scores({}, effects, score="weight_l1")
        with pytest.raises(PlotError, match="scores: given another dataset; "):
            la.plot.scores(effects, effects, score="weight_l1")
        with pytest.raises(PlotError, match="score: given 'l1'; allowed is one of 'weight_l1'"):
            la.plot.scores(some_scores(), effects, score="l1")
        with pytest.raises(PlotError, match=r"no single unit of fc3, .* of 'fc1', 'fc2'"):
            la.plot.scores(some_scores("fc3"), effects, score="weight_l1")
        rows = [("fc1", str(u), m, INTACT) for u in (0, 1) for m in ("mean", "silence")]
        with pytest.raises(PlotError, match="ablated by 'mean', 'silence'; allowed is one method"):
            la.plot.scores(some_scores(), la.effects(classified(rows)), score="weight_l1")


POINTS = np.random.default_rng(0).normal(size=(10, 2))


class TestMap:
    def test_every_example_has_the_colour_of_what_became_of_it(self):
        axes = la.plot.map(classified(), POINTS, 0)
        states = changed(classified().isel(ablation=0))
        L, R, G, W = State.LOST, State.RIGHT, State.GAINED, State.WRONG
        assert states.tolist() == [R, L, R, R, W, R, R, G, W, G]
        dots = {to_hex(c.get_facecolor()[0]): len(c.get_offsets()) for c in axes.collections
                if len(c.get_offsets())}  # fmt: skip
        assert dots == {style.GREY.lower(): 2, style.BLACK: 5, style.GREEN.lower(): 2,
                        style.RED.lower(): 1}  # fmt: skip
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert texts[1] == "lost (newly wrong): 1"
        places = np.concatenate([c.get_offsets() for c in axes.collections])
        assert (places.min(), places.max()) == (0, 1)
        assert axes.get_title(loc="left") == "Unit 0 of fc1, silence"

    @pytest.mark.parametrize("shape", [(10, 5, 4), (10, 3, 5, 4)])
    def test_images_in_place_of_dots(self, shape):
        images = torch.rand(shape) * 255
        axes = la.plot.map(classified(), POINTS, (0, 2), images=images)
        (raster,) = axes.images
        assert raster.get_array().shape == (2000, 2000, 3)
        assert not axes.collections

    def test_what_la_embed_returns(self):
        found = la.embed(np.random.default_rng(0).normal(size=(30, 5)), perplexity=5)
        outcomes = classified().isel(example=np.arange(30) % 10)
        texts = [text.get_text() for text in la.plot.map(outcomes, found, 0).texts]
        assert {"t-SNE", "c0", "c1"} <= set(texts)

    def test_of_another_readout_the_colour_is_the_change(self):
        axes = la.plot.map(measured(), POINTS, (0, 2))
        (dots,) = axes.collections
        assert sorted(dots.get_array().tolist()) == [0] * 8 + [2] * 2
        low, high = dots.get_clim()
        assert low == -high
        (bar,) = axes.child_axes
        assert bar.get_ylabel() == "change in loss"

    def test_examples_that_a_precision_did_not_need_are_left_out(self):
        outcomes = classified(ROWS[:1]).assign_attrs(precision=5.0)
        outcomes["rank"][0, :3] = 255  # not needed
        texts = [text.get_text() for text in la.plot.map(outcomes, POINTS).get_legend().get_texts()]
        assert [int(text.split(": ")[1]) for text in texts] == [3, 0, 2, 2]

    @pytest.mark.parametrize("points", [POINTS[:9], POINTS[:, :1], POINTS * np.nan, ["a", "b"]])
    def test_points_that_do_not_fit(self, points):
        with pytest.raises(PlotError, match=r"points: given .* allowed are \(10, 2\) finite"):
            la.plot.map(classified(), points, 0)

    def test_images_that_do_not_fit(self):
        with pytest.raises(PlotError, match=r"images: given shape \(9, 5, 5\); allowed are 10"):
            la.plot.map(classified(), POINTS, 0, images=np.zeros((9, 5, 5)))
        with pytest.raises(PlotError, match="images: given with outcomes that are neither right"):
            la.plot.map(measured(), POINTS, (0, 2), images=np.zeros((10, 5, 5)))

    def test_ablations_have_their_axis(self):
        with pytest.raises(PlotError, match="ablations: given a single one, without its axis"):
            la.plot.map(classified().isel(ablation=0), POINTS)

    def test_effects_are_no_outcomes(self):
        with pytest.raises(OutcomesError, match=r"outcomes: .* are missing"):
            la.plot.map(la.effects(classified()), POINTS, 0)


def retrained(start="ablated"):
    """Outcomes of a recovery over two epochs: 20, 50 and 60 % right; 60 % intact."""
    rows = [[1, 1] + [0] * 8, [1] * 5 + [0] * 5, INTACT]
    outcomes = classified([("fc1", "0", "silence", right) for right in rows], epoch=[0, 1, 2])
    return outcomes.assign_attrs(start=start)


class TestRecovery:
    def test_accuracy_by_epoch(self):
        found = course(retrained())
        assert found.percent.tolist() == [20, 50, 60]
        ends = stats.share_interval([2, 5, 6], [10, 10, 10])
        np.testing.assert_allclose(found.low, 100 * ends.low)
        np.testing.assert_allclose(found.high, 100 * ends.high)
        assert found.intact == pytest.approx((60, found.low[2], found.high[2]))

    def test_what_is_drawn(self):
        axes = la.plot.recovery(retrained())
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert texts == ["intact 60.0 %", "retrained 60.0 %", "ablated 20.0 %"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "accuracy (%)")
        assert_nothing_written_overlaps_or_leaves_the_page(drawn(axes))
        texts = la.plot.recovery(retrained("redrawn"), top=2).get_legend().get_texts()
        assert texts[2].get_text() == "before training (redrawn) 100.0 %"

    def test_what_la_recover_returns(self):
        with la.networks.seeded(0):
            network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
            data = la.Examples(torch.randn(30, 6), torch.arange(30) % 3)
        cut = la.Ablation(la.find_sites(network, data)["0"], (1, 2))
        few = la.Recipe(epochs=2, batch_size=10)
        recovery = la.recover(network, cut, train=data, test=data, recipe=few)
        found = course(recovery)
        np.testing.assert_allclose(found.percent, recovery.record["top1_percent"])
        np.testing.assert_allclose(found.high, recovery.record["top1_high_percent"])
        assert found.epoch.tolist() == [0, 1, 2]

    def test_what_is_no_recovery(self):
        for given in ({}, classified()):
            with pytest.raises(PlotError, match=r"recovery: given a .*; allowed is what la"):
                la.plot.recovery(given)
        with pytest.raises(OutcomesError, match="top: given 3; allowed are"):
            la.plot.recovery(retrained(), top=3)


def test_every_error_is_lashleys():
    assert issubclass(PlotError, LashleyError)
