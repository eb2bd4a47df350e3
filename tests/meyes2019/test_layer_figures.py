"""Figures of the layer study: the numbers behind them, and what is drawn at odd shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from lashley.errors import OutcomesError
from lashley.papers.meyes2019.figures.layers import (
    CAPTIONS,
    LayerResults,
    choice,
    choose_examples,
    choose_shown,
    figure_names,
    layer_figures,
    top_of_classes,
)
from lashley.papers.meyes2019.figures.layers.choice import choose_proportions
from lashley.papers.meyes2019.figures.layers.classes import class_curves
from lashley.papers.meyes2019.figures.layers.constants import constants, left_after_zeros
from lashley.papers.meyes2019.figures.layers.curves import curve
from lashley.papers.meyes2019.figures.layers.distances import by_likeness, reach, square
from lashley.papers.meyes2019.figures.layers.distribution import boxes, whole
from lashley.papers.meyes2019.figures.layers.layer_results import pick
from lashley.papers.meyes2019.figures.layers.methods import differences
from lashley.papers.meyes2019.figures.layers.null import against, by_chance
from lashley.papers.meyes2019.figures.layers.ranked import gain_text, ranked
from lashley.papers.meyes2019.figures.layers.shares import growth, spread
from lashley.plot import axis, style
from lashley.plot.style import save

from legibility import (
    Drawn,
    assert_neither_panels_nor_legend_overlap,
    assert_nothing_written_overlaps_or_leaves_the_page,
    words,
)

VGG = (0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49)
VGG_UNITS = (32, 32, 64, 64, *[128] * 4, *[256] * 8)
CIFAR = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """Of a synthetic study."""

    labels: tuple[str, ...] = tuple(map(str, VGG))
    units: tuple[int, ...] = VGG_UNITS
    proportions: tuple[float, ...] = (0.01, 0.05, 0.1, 0.25)
    methods: tuple[str, ...] = ("zero_weights", "silence")
    tops: tuple[int, ...] = (1, 5)
    classes: tuple[str, ...] = CIFAR
    prefix: str = "features."
    random_groups: int = 30


def tables(shape: Shape, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Tables as the study writes them, with drops that grow with the share and differ by layer."""
    rng = np.random.default_rng(seed)
    strength = rng.gamma(1.2, 14, len(shape.units))
    taste = rng.normal(0, 0.5, (len(shape.units), len(shape.classes)))
    layer_rows, class_rows, effect_rows = [], [], []
    cases = product(range(len(shape.units)), shape.proportions, shape.methods, shape.tops)
    for layer, proportion, method, top in cases:
        n = shape.units[layer]
        size = max(1, int(proportion * n + 0.5))
        keys = {
            "site": f"{shape.prefix}{shape.labels[layer]}", "layer": layer,
            "label": shape.labels[layer], "n_units": n, "proportion": proportion, "size": size,
            "method": method, "top": top,
        }  # fmt: skip
        level = strength[layer] * proportion**0.8 * (1.4 if method == "zero_weights" else 1)
        level *= 1 if top == 1 else 0.4
        draw = np.random.default_rng([seed, layer, size, top])
        drops = level * (draw.gamma(2, 0.5, n)) - 0.1
        random = level * (draw.gamma(3, 0.3, shape.random_groups)) - 0.1
        half = 0.3 + 0.08 * level
        mean = drops.mean()
        quantiles = np.quantile(drops, [0.05, 0.25, 0.5, 0.75, 0.95])
        names = ("q05_pp", "q25_pp", "median_pp", "q75_pp", "q95_pp")
        random_mean = random.mean() if len(random) else np.nan
        layer_rows.append(
            keys
            | {"groups": n, "drop_pp": mean, "drop_low_pp": mean - half}
            | {"drop_high_pp": mean + half, "sd_pp": drops.std(), "helped": (drops < 0).mean()}
            | dict(zip(names, quantiles, strict=True))
            | {"min_pp": drops.min(), "max_pp": drops.max(), "random_groups": len(random)}
            | {"random_drop_pp": random_mean, "random_drop_low_pp": random_mean - half}
            | {"random_drop_high_pp": random_mean + half, "random_sd_pp": level * 0.3}
        )
        by_class = mean * (1 + taste[layer]) + draw.normal(0, 0.3, len(shape.classes))
        class_rows.append(
            pd.DataFrame(
                keys
                | {"class": shape.classes, "class_index": np.arange(len(shape.classes))}
                | {"drop_pp": by_class, "drop_low_pp": by_class - 2 * half}
                | {"drop_high_pp": by_class + 2 * half, "sd_pp": level, "total": 50}
                | {"intact_correct": 45}
            )
        )
        for design, found in (("similar_groups", drops), ("random_groups", random)):
            share = (random[None] >= found[:, None]).mean(1) if len(random) else np.nan
            similar, number = design == "similar_groups", np.arange(len(found))
            effect_rows.append(
                pd.DataFrame(
                    keys
                    | {"design": design, "anchor": number if similar else -1, "seed": 0}
                    | {"draw": -1 if similar else number, "units": "0", "drop_pp": found}
                    | {"drop_low_pp": found - half, "drop_high_pp": found + half, "lost": 5}
                    | {"gained": 2, "total": 500, "random_share": share if similar else np.nan}
                )
            )
    held = [
        pd.DataFrame(
            {"site": f"{shape.prefix}{label}", "layer": i, "label": label, "unit": np.arange(n)}
            | {"constant": np.maximum(rng.normal(0.1, 0.15, n), 0)}
            | {"mean_activation": rng.gamma(20, 0.006, n), "at_most": 2.0}
        )
        for i, (label, n) in enumerate(zip(shape.labels, shape.units, strict=True))
    ]
    return {
        "layers": pd.DataFrame(layer_rows),
        "classes": pd.concat(class_rows, ignore_index=True),
        "effects": pd.concat(effect_rows, ignore_index=True),
        "constants": pd.concat(held, ignore_index=True),
    }


def distances(n: int, seed: int = 0) -> np.ndarray:
    """Between random unit vectors that form some clusters."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, 40)) + 0.6 * rng.normal(size=(5, 40))[rng.integers(0, 5, n)]
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    return np.sqrt(np.maximum(((w[:, None] - w[None]) ** 2).sum(-1), 0))


def study(shape: Shape, seed: int = 0) -> LayerResults:
    made = tables(shape, seed)
    sites = [f"{shape.prefix}{label}" for label in shape.labels]
    return LayerResults(
        **made,
        distances={s: distances(n) for s, n in zip(sites, shape.units, strict=True)},
        intact={top: (90.1 + top, 88.7 + top, 91.4 + top) for top in shape.tops},
        title="vgg19-cifar10",
        examples=choose_examples(made["classes"]),
        shown=choose_shown(made["layers"], top_of_classes(made["classes"])),
        n_images=500,
        class_names=shape.classes,
    )


def one_row(**columns: object) -> dict[str, object]:
    keys = {"site": "fc1", "layer": 0, "label": "fc1", "n_units": 10, "size": 1, "top": 1}
    return keys | {"proportion": 0.1, "method": "silence"} | columns


@pytest.fixture(scope="module")
def vgg() -> LayerResults:
    return study(Shape())


@pytest.fixture(scope="module")
def small() -> LayerResults:
    """Three sites, everything measured."""
    return study(Shape(labels=("0", "3", "7"), units=(8, 8, 12), proportions=(0.1, 0.25)))


SHAPES = {
    "vgg": Shape(),
    "one of everything": Shape(
        labels=("conv",), units=(6,), proportions=(0.2,), methods=("silence",), tops=(1,),
        classes=("no", "yes"), prefix="net.",
    ),
    "1,000 classes": Shape(
        labels=("46", "49"), units=(8, 8), proportions=(0.1, 0.25),
        classes=tuple(f"n{i:08} class number {i}" for i in range(1000)),
    ),
    "sixty sites": Shape(
        labels=tuple(f"layer{i // 20}.{i % 20}.conv1" for i in range(60)), units=(8,) * 60,
        proportions=(0.25,), tops=(1,), prefix="",
    ),
    "six proportions": Shape(
        labels=("0", "3", "7"), units=(40,) * 3, proportions=(0.025, 0.05, 0.1, 0.25, 0.5, 0.7),
    ),
    "long names, no null": Shape(
        labels=("fc1", "fc2"), units=(10, 7), proportions=(0.1, 0.3), methods=("zero_weights",),
        classes=tuple(f"a rather long name of class {i}" for i in range(20)), prefix="",
        random_groups=0,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Every figure of every shape, laid out."""
    return Drawn(lambda shape: layer_figures(study(SHAPES[shape])))


# ---- what is read from the tables


def test_sites_follow_the_layers_whatever_the_order_of_the_rows(small: LayerResults):
    mixed = replace(small, layers=small.layers.sample(frac=1, random_state=0))
    assert mixed.sites == ("features.0", "features.3", "features.7")
    assert mixed.labels == ("0", "3", "7")
    assert mixed.methods == ("zero_weights", "silence")
    assert (mixed.proportions, mixed.tops) == ((0.1, 0.25), (1, 5))


def test_unknown_classes_and_sites_are_named_at_the_door(small: LayerResults):
    with pytest.raises(OutcomesError, match=r"examples: given unicorn; no such class .* airplane,"):
        replace(small, examples=("cat", "unicorn"))
    with pytest.raises(OutcomesError, match=r"shown: given features.1; no such site .* features.0"):
        replace(small, shown=("features.1",))


def planted_classes() -> pd.DataFrame:
    """Six classes in two layers; class 3 and then class 1 differ most, at 10 % of 1, 10, 25."""
    curves = {0: (1, 1), 1: (4, 1), 2: (1, 1), 3: (1, -8), 4: (1, 1.5), 5: (1, 1)}
    rows = [
        one_row(**{"site": f"s{layer}", "layer": layer, "class": f"c{c}", "class_index": c},
                proportion=proportion, top=top, method=method,
                drop_pp=curve[layer] if (proportion, top, method) == (0.1, 5, "zero_weights")
                else 100 * (c == 0))
        for c, curve in curves.items()
        for layer, proportion, top, method in product(
            (0, 1), (0.01, 0.1, 0.25), (1, 5), ("silence", "zero_weights")
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_examples_are_the_classes_furthest_from_the_mean_in_class_order(monkeypatch):
    monkeypatch.setattr(choice, "MANY", 6)
    classes = planted_classes()
    assert choose_examples(classes, 2) == ("c1", "c3")
    assert choose_examples(classes, 1) == ("c3",)
    assert choose_examples(classes) == ("c0", "c1", "c2", "c3", "c4")  # c5 is as c0 and c2
    assert choose_examples(classes, 9) == tuple(f"c{c}" for c in range(6))


def test_classes_are_looked_at_in_top_5_where_it_was_counted_and_they_are_many(monkeypatch):
    classes = planted_classes()
    assert top_of_classes(classes) == 1  # of six classes five are hardly ever wrong
    monkeypatch.setattr(choice, "MANY", 6)
    assert top_of_classes(classes) == 5
    assert top_of_classes(pick(classes, top=1)) == 1


def test_classes_without_images_are_no_examples(monkeypatch):
    monkeypatch.setattr(choice, "MANY", 6)
    classes = planted_classes()
    classes.loc[classes["class"] == "c3", "drop_pp"] = np.nan
    assert choose_examples(classes, 1) == ("c1",)


def drops_by_layer(drops: list[float], proportions: tuple[float, ...] = (0.1,)) -> pd.DataFrame:
    return pd.DataFrame(
        one_row(site=f"s{i}", layer=i, proportion=p, drop_pp=drop)
        for p in proportions
        for i, drop in enumerate(drops if p == proportions[0] else drops[::-1])
    )


def test_shown_are_the_site_that_drops_most_and_the_one_behind_it():
    assert choose_shown(drops_by_layer([1, 9, 3, 2]), 1) == ("s1", "s2")
    assert choose_shown(drops_by_layer([1, 2, 9]), 1) == ("s1", "s2")  # none is behind the last
    assert choose_shown(drops_by_layer([1]), 1) == ("s0",)
    assert choose_shown(drops_by_layer([np.nan, 1, 0, 0]), 1) == ("s1", "s2")
    assert choose_shown(drops_by_layer([1, 9, 3, 2], (0.12, 0.5)), 1) == ("s1", "s2")


def test_figure_17_has_the_papers_proportions_or_the_largest():
    assert choose_proportions((0.01, 0.1, 0.25, 0.5)) == (0.1, 0.25)
    assert choose_proportions((0.01, 0.1, 0.5)) == (0.1, 0.5)
    assert choose_proportions((0.3,)) == (0.3,)


# ---- the numbers behind the figures


def test_curve_is_mean_interval_and_band(small: LayerResults):
    found = curve(small, 0.25, "silence", 5)
    rows = pick(small.layers, proportion=0.25, method="silence", top=5)
    np.testing.assert_array_equal(found.mean, rows["drop_pp"])
    np.testing.assert_array_equal(found.high, rows["drop_high_pp"])
    np.testing.assert_allclose(found.upper - found.mean, rows["sd_pp"])
    np.testing.assert_allclose(found.mean - found.lower, rows["sd_pp"])
    np.testing.assert_array_equal(found.random, rows["random_drop_pp"])


def test_what_was_not_measured_is_missing_and_nothing_moves_into_its_place(small: LayerResults):
    gone = (small.layers["site"] == "features.3") & (small.layers["proportion"] == 0.1)
    found = curve(replace(small, layers=small.layers[~gone]), 0.1, "silence", 1)
    assert np.isnan(found.mean).tolist() == [False, True, False]


def test_class_curves_are_those_of_the_examples(small: LayerResults):
    found = class_curves(replace(small, examples=("truck", "cat")), 0.1, "silence", 5)
    keys = {"proportion": 0.1, "method": "silence", "top": 5}
    for name, line in zip(("truck", "cat"), found.drop_pp, strict=True):
        np.testing.assert_array_equal(line, pick(small.classes, **keys, **{"class": name}).drop_pp)
    np.testing.assert_array_equal(found.mean, pick(small.layers, **keys)["drop_pp"])
    assert (found.low < found.drop_pp).all()
    assert (found.drop_pp < found.high).all()


def two_methods(zeroed: list[float], silenced: list[float]) -> LayerResults:
    names = tuple("abcd"[: len(zeroed)])
    rows = [
        one_row(**{"class": names[i]}, class_index=i, method=method, drop_pp=drop,
                drop_low_pp=drop - 1, drop_high_pp=drop + 1)
        for method, drops in (("silence", silenced), ("zero_weights", zeroed))
        for i, drop in enumerate(drops)
    ]  # fmt: skip
    layer = pd.DataFrame(one_row(method=m, drop_pp=1.0) for m in ("silence", "zero_weights"))
    empty = pd.DataFrame()
    return LayerResults(
        layer, pd.DataFrame(rows), empty, empty, {}, {}, "", (), ("fc1",), 10, names
    )


def test_classes_are_sorted_by_the_papers_method_and_the_other_follows():
    found = ranked(two_methods([1, 5, -2, np.nan], [0, -1, -3, 7]), "fc1", 0.1, 1)
    assert found.names == ("b", "a", "c")  # d has no images
    np.testing.assert_array_equal(found.drop_pp, [5, 1, -2])
    np.testing.assert_array_equal(found.low, [4, 0, -3])
    np.testing.assert_array_equal(found.others["silence"], [-1, 0, -3])
    assert found.gain == {"zero_weights": 1, "silence": 2}
    assert gain_text(found) == "1 of 3 classes gain; silenced: 2"


def test_boxes_are_the_tables_quantiles(small: LayerResults):
    found = boxes(small, 0.1, "silence")
    rows = pick(small.layers, proportion=0.1, method="silence", top=1)
    order = ["min_pp", "whislo", "q1", "med", "q3", "whishi", "max_pp"]
    assert (np.diff(found[order].to_numpy(float), axis=1) >= 0).all()
    np.testing.assert_array_equal(found["med"], rows["median_pp"])
    np.testing.assert_array_equal(found["helped"], rows["helped"])


def test_shares_above_0_are_not_written_as_0():
    assert [whole(share) for share in (0, 0.001, 0.006, 0.5, 1)] == ["0", "<1", "1", "50", "100"]


def test_similar_groups_are_held_against_random_ones():
    layer = one_row(drop_pp=5.0, drop_low_pp=4.0, drop_high_pp=6.5, random_drop_pp=2.0)
    layer |= {"random_drop_low_pp": 1.0, "random_drop_high_pp": 2.5, "random_groups": 40}
    shares = [0, 0.05, 0.051, 1, np.nan]
    rows = [one_row(design="similar_groups", random_share=s) for s in shares]
    effects = pd.DataFrame([*rows, one_row(design="random_groups", random_share=0)])
    results = replace(two_methods([1], [1]), layers=pd.DataFrame([layer]), effects=effects)
    found = against(results, 0.1, "silence")
    assert (found.difference[0], found.low[0], found.high[0]) == (3, 1.5, 5.5)
    assert found.beyond[0] == 0.5  # of the four that have a share
    assert found.chance[0] == pytest.approx(3 / 41)


def test_by_chance_is_how_often_a_random_group_is_beyond_the_others():
    rng = np.random.default_rng(0)
    for n in (1, 19, 20, 30, 99):
        draws = rng.normal(size=(20_000, n + 1))
        beyond = ((draws[:, 1:] >= draws[:, :1]).mean(1) <= 0.05).mean()
        assert by_chance(np.array([n]))[0] == pytest.approx(beyond, abs=0.012)
    assert np.isnan(by_chance(np.array([0.0, np.nan]))).all()


def test_growth_is_against_the_share_truly_ablated():
    layers = pd.DataFrame(
        one_row(proportion=p, size=size, drop_pp=drop, drop_low_pp=0, drop_high_pp=9,
                random_drop_pp=np.nan)
        for p, size, drop in ((0.25, 3, 7.0), (0.01, 1, 2.0))
    )  # fmt: skip
    found = growth(replace(two_methods([1], [1]), layers=layers), "fc1", "silence")
    np.testing.assert_array_equal(found.share, [10, 30])
    np.testing.assert_array_equal(found.drop_pp, [2, 7])


def test_ticks_of_the_shares_do_not_touch():
    assert spread(np.array([1, 5, 10, 25]), 26, 36) == (1, 5, 10, 25)
    assert spread(np.array([1, 2, 5, 10, 25, 50]), 52, 36) == (
        5,
        10,
        25,
        50,
    )  # mm: 2.1 from 2 to 5, 3.5 from 5 to 10
    assert spread(np.array([0.5]), 1, 10) == (0.5,)


def test_what_is_left_behind(small: LayerResults):
    held = pd.DataFrame(
        {"site": "fc1", "constant": [0, 0.2, 0.3, 0.5], "mean_activation": [0.2, 0.2, 0.2, 0.6]}
    )
    found = left_after_zeros(replace(two_methods([1], [1]), constants=held), "fc1")
    assert (found.above_zero, found.above_mean) == (0.75, 0.25)
    nothing = left_after_zeros(small, "fc9")
    assert len(nothing.constant) == 0
    assert np.isnan(nothing.above_zero)


def test_methods_are_compared_group_by_group():
    """Whatever the order of the rows; random groups do not count."""
    drops = {("zero_weights", 0): 3.0, ("silence", 0): 1.0, ("silence", 1): 5.0,
             ("zero_weights", 1): 4.0}  # fmt: skip
    rows = [
        one_row(design="similar_groups", anchor=anchor, method=method, drop_pp=drop)
        for (method, anchor), drop in drops.items()
    ]
    rows += [one_row(design="random_groups", anchor=-1, drop_pp=99.0) for _ in range(2)]
    results = replace(two_methods([1], [1]), effects=pd.DataFrame(rows))
    found = differences(results, 0.1, 1)
    assert found.loc["fc1", "mean"] == 0.5
    assert found.loc["fc1", "median"] == 0.5
    assert found.loc["fc1", "q25"] == pytest.approx(-0.25)  # of -1 and 2


def test_like_units_stand_side_by_side():
    places = np.array([0, 10, 0.1, 10.1, 0.2, 10.2])
    far = np.abs(places[:, None] - places)
    order = by_likeness(far)
    assert sorted(order) == list(range(6))
    assert {frozenset(order[:3]), frozenset(order[3:])} == {
        frozenset({0, 2, 4}),
        frozenset({1, 3, 5}),
    }
    assert by_likeness(np.zeros((1, 1))).tolist() == [0]


def test_square_holds_all_distances_but_the_diagonal():
    d = distances(9)
    found = square(d)
    assert np.isnan(np.diag(found)).all()
    np.testing.assert_allclose(np.nansum(found), d.sum())


def test_square_of_many_units_is_made_of_means():
    d = distances(300)
    found = square(d)
    assert found.shape == (100, 100)
    order = by_likeness(d)
    block = d[np.ix_(order[3:6], order[:3])]
    assert found[1, 0] == pytest.approx(block.mean())
    inside = d[np.ix_(order[:3], order[:3])]
    assert found[0, 0] == pytest.approx(inside.sum() / 6)  # without the diagonal
    assert np.isfinite(square(distances(130))).all()  # 65 blocks of 2


def test_colours_reach_as_far_as_most_distances():
    near, far = distances(40), distances(30, seed=1)
    both = reach({"a": near, "b": far})
    assert both == pytest.approx((reach({"a": near}) + reach({"b": far})) / 2)
    outside = np.abs(near[np.triu_indices(40, 1)] - np.sqrt(2)) > reach({"a": near})
    assert 0 < outside.mean() <= 0.011
    assert reach({"a": np.zeros((1, 1))}) == 1


@pytest.mark.parametrize(
    ("labels", "width", "at", "rotation"),
    [
        (["0", "3", "49"], 30, [0, 1, 2], 0),
        (["10"] * 6, 18, [0, 2, 4], 0),
        (["layer1.0"] * 3, 18, [0, 1, 2], 90),
        (["layer1.0"] * 6, 12, [0, 2, 4], 90),
    ],
)
def test_labels_are_turned_or_thinned_to_fit(labels, width, at, rotation):
    found = axis.ticks(labels, width)
    assert list(found.at) == at
    assert found.rotation == rotation


def test_the_axis_says_what_the_labels_count():
    assert axis.name(("features.0", "features.33"), ("0", "33")) == "layer (index in features)"
    assert axis.name(("fc1", "fc2"), ("fc1", "fc2")) == "layer"
    assert axis.name(("net.conv",), ("conv",)) == "layer"


# ---- what is drawn


ALL = [
    "figure-14", "figure-15", "figure-16", "figure-17", "figure-layers", "figure-null",
    "figure-share", "figure-constants", "figure-methods", "figure-distances",
]  # fmt: skip


def test_figures_are_complete_in_order_and_have_captions(drawn: Drawn):
    assert list(drawn.of("vgg")) == ALL == list(CAPTIONS)
    assert all(caption.endswith(".") and caption.count(". ") == 0 for caption in CAPTIONS.values())


def test_what_was_not_measured_is_not_drawn(small: LayerResults):
    silent = pick(small.layers, method="silence", top=1).assign(random_drop_pp=np.nan)
    bare = replace(
        small, layers=silent, classes=pick(small.classes, method="silence", top=1),
        constants=small.constants[:0], distances={},
    )  # fmt: skip
    names = [name for name, _ in layer_figures(bare)]
    assert names == ["figure-14", "figure-16", "figure-17", "figure-layers", "figure-share"]
    assert figure_names(bare) == tuple(names)


def test_figures_are_drawn_one_by_one_when_asked_for(small: LayerResults):
    made = layer_figures(replace(small, effects=pd.DataFrame(), constants=pd.DataFrame()))
    assert next(made)[0] == "figure-14"  # though figure-null cannot be drawn from this


CASES = [
    (shape, name)
    for shape, name in product(SHAPES, ALL)
    if not (name == "figure-15" and 5 not in SHAPES[shape].tops)
    and not (name == "figure-methods" and len(SHAPES[shape].methods) < 2)
    and not (name == "figure-null" and not SHAPES[shape].random_groups)
]


LONG = ("sixty sites", "six proportions")  # to draw
CASES_OF_ALL = [
    pytest.param(shape, name, marks=[pytest.mark.slow] if shape in LONG else [])
    for shape, name in CASES
]


@pytest.mark.parametrize(
    "shape", [pytest.param(s, marks=[pytest.mark.slow] if s in LONG else []) for s in SHAPES]
)
def test_every_shape_draws_all_that_it_can(drawn: Drawn, shape: str):
    assert [(shape, name) for name in drawn.of(shape)] == [c for c in CASES if c[0] == shape]


@pytest.mark.parametrize(("shape", "name"), CASES_OF_ALL)
def test_nothing_written_overlaps_or_leaves_the_page(drawn, shape: str, name: str):
    assert_nothing_written_overlaps_or_leaves_the_page(drawn[shape, name])


@pytest.mark.parametrize(("shape", "name"), CASES_OF_ALL)
def test_neither_panels_nor_legend_overlap(drawn, shape: str, name: str):
    assert_neither_panels_nor_legend_overlap(drawn[shape, name])


@pytest.mark.parametrize(("shape", "name"), CASES_OF_ALL)
def test_figures_fit_a_page_and_can_be_read(drawn, shape: str, name: str):
    figure = drawn[shape, name]
    assert figure.get_figheight() * 25.4 <= 230.01
    assert min(text.get_fontsize() for text in figure.findobj(Text)) >= 7
    said = [text for text, _ in words(figure)]
    assert "vgg19-cifar10 · 500 images" in "\n".join(said)
    assert not [text for text in said if re.match(r"-\d", text)]  # a hyphen for a minus


def test_numbers_have_a_real_minus_sign(drawn: Drawn):
    labels = [text for figure in drawn.of("vgg").values() for text, _ in words(figure)]
    assert any(text.startswith("−") for text in labels)


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def test_panels_say_what_they_show(drawn: Drawn):
    shown = titles(drawn["vgg", "figure-14"])
    assert shown[:3] == [
        "1 % ablated · weights zeroed (paper)", "1 % ablated · silenced",
        "5 % ablated · weights zeroed (paper)",
    ]  # fmt: skip
    lowest = drawn["vgg", "figure-14"].axes[-1]
    assert [label.get_text() for label in lowest.get_xticklabels()] == [str(n) for n in VGG]
    assert lowest.get_xlabel() == "layer (index in features)"
    assert drawn["vgg", "figure-14"].axes[0].get_ylabel() == "drop (pp)"
    assert "intact 91.1 % [89.7, 92.4]" in drawn["vgg", "figure-14"].texts[0].get_text()
    assert "top-5" in drawn["vgg", "figure-15"].texts[0].get_text()


def test_panels_side_by_side_have_one_range(drawn: Drawn):
    for name in ("figure-14", "figure-16", "figure-layers", "figure-methods"):
        panels = drawn["vgg", name].axes
        for left, right in zip(panels[::2], panels[1::2], strict=True):
            assert left.get_ylim() == right.get_ylim()


def test_figure_14_draws_the_curve(vgg: LayerResults, drawn: Drawn):
    found = curve(vgg, 0.25, "silence", 1)
    panel = drawn["vgg", "figure-14"].axes[-1]
    lines = [line.get_ydata() for line in panel.lines]
    for values in (found.mean, found.lower, found.upper, found.random, found.low, found.high):
        assert any(len(y) == 16 and np.allclose(y, values) for y in lines)
    low, high = panel.get_ylim()
    assert low <= min(found.lower.min(), found.low.min(), 0)
    assert high >= max(found.upper.max(), found.high.max())


def test_classes_have_names_or_ranks(drawn: Drawn):
    named = drawn["vgg", "figure-17"].axes[0]
    assert {label.get_text() for label in named.get_yticklabels()} == set(CIFAR)
    many = drawn["1,000 classes", "figure-17"]
    assert many.axes[-1].get_xlabel() == "rank of the class"
    assert re.search(r"\d+ of 1,000 classes gain; silenced: \d+", titles(many)[0])


def test_drawing_leaves_the_users_style_alone(small: LayerResults):
    with mpl.rc_context({"font.size": 23}):
        _, figure = next(layer_figures(small))
        assert mpl.rcParams["font.size"] == 23
    assert max(text.get_fontsize() for text in figure.findobj(Text)) < 23


def test_the_same_study_gives_the_same_bytes(small: LayerResults, tmp_path: Path):
    """Also where dots are strewn at random."""
    for folder in ("a", "b"):
        with style.styled():
            save(constants(small), tmp_path / folder, "figure")
    for kind in ("png", "svg"):
        one, other = (tmp_path / folder / f"figure.{kind}" for folder in ("a", "b"))
        assert one.read_bytes() == other.read_bytes()
