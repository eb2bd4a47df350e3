"""Figures of recovery: the numbers behind them, and what is drawn at odd shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from lashley.errors import OutcomesError
from lashley.papers.meyes2019.figures.layers.layer_results import pick
from lashley.papers.meyes2019.figures.recovery import (
    CAPTIONS,
    RecoveryResults,
    figure_names,
    recovery_figures,
)
from lashley.papers.meyes2019.figures.recovery import runs as trainings
from lashley.papers.meyes2019.figures.recovery.classes import class_recovery, most_and_least
from lashley.papers.meyes2019.figures.recovery.epochs import near, recovering
from lashley.papers.meyes2019.figures.recovery.gap import against_share, gap
from lashley.papers.meyes2019.figures.recovery.grid import cells
from lashley.papers.meyes2019.figures.recovery.iterated import chained
from lashley.papers.meyes2019.figures.recovery.modules import carried, trained
from lashley.papers.meyes2019.figures.recovery.severity import by_start
from lashley.plot import style
from lashley.plot.style import save

from legibility import (
    Drawn,
    assert_neither_panels_nor_legend_overlap,
    assert_nothing_written_overlaps_or_leaves_the_page,
    words,
)

CIFAR = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CONTROLS = ("intact", "redrawn", "from_scratch")
TOTAL = 2000
INTACT = {1: 1760, 5: 1978}  # of the test images, right in the intact network


@dataclass(frozen=True)
class Shape:
    """Of a synthetic recovery study.

    Attributes:
        labels: Of the layers.
        instances: Of each layer.
        lengths: Epochs of each iteration.
        epochs: Of the instances.
        modules: That follow behind all layers.
        ended: By instance, epochs and words, where it did not run through all epochs.
    """

    labels: tuple[str, ...] = ("7", "33")
    prefix: str = "features."
    units: int = 64
    instances: int = 5
    epochs: int = 5
    lengths: tuple[int, ...] = (5, 6, 5, 7, 5)
    controls: tuple[str, ...] = CONTROLS
    tops: tuple[int, ...] = (1, 5)
    classes: tuple[str, ...] = CIFAR
    modules: int = 12
    hold: bool = True
    ended: dict[int, tuple[int, str]] = field(default_factory=dict)
    title: str = "vgg19-cifar10"


def trained_modules(shape: Shape, layer: int) -> list[str]:
    """Those of the network from a layer on: between two layers there is one of another kind."""
    found = [name for label in shape.labels for name in (label, f"{label}n")]
    return [*found, *(f"c{i}" for i in range(shape.modules))][2 * layer :]


def drops_of(rng: np.random.Generator, first: float, last: float, epochs: int) -> np.ndarray:
    """A drop that falls from `first` to about `last` pp."""
    fall = (first - last) * 0.12 ** np.arange(epochs + 1)
    later = np.r_[0, rng.normal(0, 0.15, epochs)]
    return last + fall + later


def tables(shape: Shape, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Tables as the study writes them, of drops as they are in earnest."""
    rng = np.random.default_rng(seed)
    epochs, classes, layers = [], [], []
    for layer, label in enumerate(shape.labels):
        place = {
            "site": f"{shape.prefix}{label}", "layer": layer, "label": label,
            "n_units": shape.units, "proportion": 0.25, "method": "zero_weights",
            "hold": shape.hold,
        }  # fmt: skip
        for keys, curve, total_epochs, ended in runs(shape, rng):
            keys = place | keys
            keys["ablated"] = round(keys["ablated_share"] * shape.units)
            for top in shape.tops:
                scale = 1 if top == 1 else 0.15
                for epoch, drop in enumerate(curve):
                    epochs.append(keys | counted(rng, scale * drop, TOTAL, INTACT[top]) | {
                        "epoch": epoch, "total_epoch": total_epochs[epoch], "top": top,
                        "loss": 0.5, "train_loss": np.nan if epoch == 0 else 0.3,
                        "held_norm": 0.0, "ended": ended,
                    })  # fmt: skip
                for epoch in sorted({0, len(curve) - 1}):
                    total = max(TOTAL // len(shape.classes), 50)
                    for index, name in enumerate(shape.classes):
                        taste = np.random.default_rng([seed, layer, index]).normal(1, 0.6)
                        drop = scale * curve[epoch] * taste + rng.normal(0, 0.6)
                        right = round(total * INTACT[top] / TOTAL)
                        classes.append(keys | counted(rng, drop, total, right) | {
                            "epoch": epoch, "top": top, "class": name, "class_index": index,
                            "intact_correct": right,
                        })  # fmt: skip
            for position, name in enumerate(trained_modules(shape, layer)):
                undone = 6 * rng.gamma(1) * 0.6**position
                layers.append(keys | {
                    "module": f"{shape.prefix}{name}", "module_label": name,
                    "position": position, "parameters": 1000,
                    "change": 0.08 * 0.9**position * rng.gamma(20, 0.05),
                    "undone_pp": undone, "undone_low_pp": undone - 0.7,
                    "undone_high_pp": undone + 0.7,
                })  # fmt: skip
    return {
        "recovery": pd.DataFrame(epochs),
        "classes": pd.DataFrame(classes),
        "layers": pd.DataFrame(layers),
    }


def runs(shape: Shape, rng: np.random.Generator):
    """Keys, drops by epoch, total epochs and the end of each run of one layer."""
    longest = max(shape.epochs, sum(shape.lengths))
    for instance in range(shape.instances):
        epochs, ended = shape.ended.get(instance, (shape.epochs, "all epochs"))
        severity = 4 + 30 * rng.beta(2, 3)
        curves = {"ablated": (severity, 1.2), "redrawn": (severity * 1.6, 1.4)}
        curves["from_scratch"] = (78.0, 19.0)
        for start, (first, last) in curves.items():
            if start == "ablated" or start in shape.controls:
                yield (
                    {"experiment": "instances", "start": start, "instance": instance,
                     "iteration": 0, "ablated_share": 0.25},
                    drops_of(rng, first, last, epochs), np.arange(epochs + 1), ended,
                )  # fmt: skip
    if "intact" in shape.controls:
        curve = np.r_[0, rng.normal(-0.3, 0.2, longest)]
        keys = {"experiment": "iterated", "start": "intact", "instance": 0, "iteration": 1}
        yield keys | {"ablated_share": 0.0}, curve, np.arange(longest + 1), "all epochs"
    begun, gap = 0, 0.0
    for iteration, length in enumerate(shape.lengths, 1):
        share = 1 - 0.75**iteration
        first, last = gap + 10 + 20 * rng.random(), 0.5 + 4 * share**3
        keys = {"experiment": "iterated", "start": "ablated", "instance": 0}
        curve = drops_of(rng, first, last, length)
        yield (
            keys | {"iteration": iteration, "ablated_share": share}, curve,
            begun + np.arange(length + 1), "no gain of 0.05 pp within 2 epochs",
        )  # fmt: skip
        begun, gap = begun + length, curve[-1]


def counted(rng: np.random.Generator, drop: float, total: int, right: int) -> dict[str, float]:
    """What a drop is in whole images, with intervals."""
    gained = min(round(0.01 * total * rng.random()), total - right)
    lost = int(np.clip(round(drop * total / 100) + gained, 0, right))
    drop = 100 * (lost - gained) / total
    accuracy = 100 * right / total - drop
    half = 196 * np.sqrt(max(lost + gained, 1)) / total
    return {
        "accuracy_percent": accuracy, "accuracy_low_percent": accuracy - 1.4,
        "accuracy_high_percent": accuracy + 1.4, "drop_pp": drop, "drop_low_pp": drop - half,
        "drop_high_pp": drop + half, "lost": lost, "gained": gained, "total": total,
    }  # fmt: skip


@cache
def study_of(name: str) -> RecoveryResults:
    """The study of a named shape."""
    return study(SHAPES[name])


def study(shape: Shape, seed: int = 0) -> RecoveryResults:
    note = "trained on 5,000 images" if shape.title else ""
    return RecoveryResults(**tables(shape, seed), title=shape.title, note=note)


SHAPES = {
    "paper": Shape(),
    "one of everything": Shape(
        labels=("46",), instances=1, lengths=(5, 6), tops=(5,),
        classes=tuple(f"n{i:08} class number {i}" for i in range(1000)),
    ),
    "bare": Shape(
        labels=("conv",), prefix="net.", instances=1, epochs=1, lengths=(), controls=(), tops=(1,),
        classes=("no", "yes"), modules=1, hold=False, title="",
    ),
    "iterated only": Shape(instances=0, lengths=(5, 1, 1, 20, 5, 5, 5, 5, 5), units=512),
    "eight layers, long names": Shape(
        labels=tuple(f"stages.{i}.blocks.{i}.convolution" for i in range(8)), prefix="",
        classes=tuple(f"a rather long name of class {i}" for i in range(20)), instances=3,
        lengths=(5, 5), modules=40, title="a study that has a long name", hold=False,
    ),
    "early ends": Shape(
        labels=("7", "33"), epochs=6,
        ended={
            0: (0, "diverged in epoch 1; epoch 0 is kept"),
            1: (2, "diverged in epoch 3; epoch 2 is kept"), 3: (4, "no gain"),
        },
    ),
}  # fmt: skip

ALL = list(CAPTIONS)


@pytest.fixture(scope="module")
def paper() -> RecoveryResults:
    return study_of("paper")


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """Every figure of every shape, laid out."""
    return Drawn(lambda shape: recovery_figures(study_of(shape)))


# ---- what is read from the tables


def run_rows(drops: list[float], **keys: object) -> list[dict[str, object]]:
    """One run of 200 test images, 150 of them right when intact."""
    same = {
        "experiment": "instances", "site": "features.7", "start": "ablated", "instance": 0,
        "iteration": 0, "layer": 2, "label": "7", "n_units": 64, "proportion": 0.25,
        "method": "zero_weights", "ablated": 16, "ablated_share": 0.25, "hold": True,
        "ended": "all epochs", "top": 1, "total": 200, "lost": 9, "gained": 1,
    }  # fmt: skip
    begun = int(keys.pop("begun", 0))
    return [
        same | {"epoch": epoch, "total_epoch": begun + epoch, "accuracy_percent": 75 - drop,
                "drop_pp": drop, "drop_low_pp": drop - 1, "drop_high_pp": drop + 2} | keys
        for epoch, drop in enumerate(drops)
    ]  # fmt: skip


def of_runs(*runs: list[dict[str, object]]) -> RecoveryResults:
    rows = pd.DataFrame([row for run in runs for row in run])
    return RecoveryResults(rows.sample(frac=1, random_state=0))  # in whatever order


def two_iterations() -> RecoveryResults:
    iterated = {"experiment": "iterated"}
    return of_runs(
        run_rows([20, 4, 2], **iterated, iteration=1),
        run_rows([30, 5, 3, 1], **iterated, iteration=2, begun=2, ablated_share=0.4375),
        run_rows([0, -1, -2, -3, -4], **iterated, iteration=1, start="intact", ablated_share=0.0),
    )


def test_the_intact_accuracy_is_what_is_left_and_what_was_lost():
    found = trainings.intact(of_runs(run_rows([20, 4])), "features.7", 1)
    assert found.percent == 75
    assert found.low == pytest.approx(68.56, abs=0.01)  # Wilson's, of 150 in 200
    assert found.high == pytest.approx(80.49, abs=0.01)


def test_instances_are_apart_and_in_the_order_of_their_epochs():
    results = of_runs(
        run_rows([10, 2, 1], instance=1), run_rows([20, 4], instance=0, ended="diverged in epoch 2")
    )
    first, second = trainings.instances(results, "features.7", 1)
    assert first.drop.tolist() == [20, 4]
    assert second.accuracy.tolist() == [65, 73, 74]
    assert second.low.tolist() == [9, 1, 0]
    assert (first.diverged, second.diverged) == (True, False)
    assert first.share == 25


def test_controls_are_no_longer_than_the_instances():
    results = of_runs(
        run_rows([10, 2]),
        run_rows([0, -1, -2, -3], experiment="iterated", iteration=1, start="intact",
                 ended="diverged in epoch 4"),
        run_rows([50, 30], start="from_scratch"),
    )  # fmt: skip
    found = trainings.controls(results, "features.7", 1)
    assert list(found) == ["intact", "from_scratch"]
    assert found["intact"][0].drop.tolist() == [0, -1]
    assert not found["intact"][0].diverged  # that was later


def test_controls_are_summed_up_over_the_runs_that_got_there():
    results = of_runs(
        run_rows([10, 2, 1], instance=0),
        run_rows([20, 5], instance=0, start="redrawn"),
        run_rows([30, 7, 1], instance=1, start="redrawn"),
    )
    found = recovering(results, "features.7", 1).controls["redrawn"]
    assert found.epoch.tolist() == [0, 1, 2]
    assert found.mean.tolist() == [50, 69, 74]
    assert found.least.tolist() == [45, 68, 74]
    assert found.most.tolist() == [55, 70, 74]


def test_the_zoom_holds_all_later_epochs_but_those_from_scratch():
    results = of_runs(
        run_rows([60, 9, 2]), run_rows([50, 12, 1], start="redrawn"),
        run_rows([70, 40, 30], start="from_scratch"),
        run_rows([0, -3, -2], start="intact", experiment="iterated", iteration=1),
    )  # fmt: skip
    assert near(recovering(results, "features.7", 1)) == (63, 78)


def test_the_chain_begins_intact_and_steps_down_at_each_ablation():
    found = chained(two_iterations(), "features.7", 1)
    assert found is not None
    assert found.epoch.tolist() == [0, 0, 1, 2, 2, 3, 4, 5]
    assert found.accuracy.tolist() == [75, 55, 71, 73, 45, 70, 72, 74]
    assert found.accuracy[found.ablated].tolist() == [55, 45]
    assert found.accuracy[found.recovered].tolist() == [73, 74]
    assert found.share.tolist() == [25, 43.75]
    assert chained(of_runs(run_rows([1, 0])), "features.7", 1) is None


def test_the_gap_stands_beside_the_control_of_the_same_length():
    found = gap(two_iterations(), "features.7", 1)
    assert found.share.tolist() == [25, 43.75]
    assert found.gap.tolist() == [[2, 1, 4], [1, 0, 3]]
    assert found.control[0].tolist() == [-2, -3, 0]
    assert np.isnan(found.control[1]).all()  # it was not trained for 5 epochs
    assert gap(of_runs(run_rows([1, 0])), "features.7", 1).gap.shape == (0, 3)


def test_severity_pairs_the_first_epoch_with_the_last_that_was_kept():
    results = of_runs(
        run_rows([30, 3, 2], instance=0), run_rows([10], instance=1, ended="diverged in epoch 1"),
        run_rows([0, -1, -2, -3], start="intact", experiment="iterated", iteration=1),
    )  # fmt: skip
    found = by_start(results, "features.7", 1)
    assert found["ablated"].first.tolist() == [[30, 29, 32], [10, 9, 12]]
    assert found["ablated"].last.tolist() == [[2, 1, 4], [10, 9, 12]]
    assert found["ablated"].diverged.tolist() == [False, True]
    assert found["intact"].last[:, 0].tolist() == [-2]
    assert "redrawn" not in found


def class_rows(drops: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Of each class, per instance the drop right after the ablation and after epochs 2 and 3."""
    rows = []
    for index, (name, of_instances) in enumerate(drops.items()):
        for instance, (before, after) in enumerate(of_instances):
            for epoch, drop in ((0, before), (2 + instance, after)):
                rows += run_rows(
                    [drop],
                    instance=instance,
                    total=50,
                    lost=10 - 3 * (epoch > 0),
                    gained=instance,
                    **{"class": name, "class_index": index},
                )
                rows[-1]["epoch"] = epoch
    return pd.DataFrame(rows).sample(frac=1, random_state=0)  # fmt: skip


def test_classes_are_sorted_by_what_came_back():
    classes = class_rows(
        {
            "ant": [[10, 8], [12, 8]], "bee": [[40, 2], [60, 4]], "cat": [[np.nan] * 2] * 2,
            "dog": [[0, 5], [0, 5]], "eel": [[0, 9], [4, 5]],
        }
    )  # fmt: skip
    results = replace(of_runs(run_rows([9, 1])), classes=classes)
    found = class_recovery(results, "features.7", 1)
    assert found.name.tolist() == ["bee", "ant", "dog", "eel"]  # of dog and eel less remains in dog
    assert found.before[0].tolist() == [50, 40, 60]
    assert found.after[0].tolist() == [3, 2, 4]
    assert found.lost[0].tolist() == [20, 14]
    assert found.gained[0].tolist() == [1, 1]
    assert most_and_least(found, 4).name.tolist() == ["bee", "ant", "dog", "eel"]
    assert most_and_least(found, 2).name.tolist() == ["bee", "eel"]


def module_rows(names: str, **keys: object) -> list[dict[str, object]]:
    return [
        run_rows([0])[0]
        | {"module": f"features.{name}", "module_label": name, "position": position,
           "change": 0.1 * (position + 1), "undone_pp": 1.0 + position, "undone_low_pp": 0.0,
           "undone_high_pp": 3.0}
        | keys
        for position, name in enumerate(names.split())
    ]  # fmt: skip


def test_modules_stand_in_forward_order_with_the_mean_of_the_runs():
    rows = [
        *module_rows("40 46", site="features.40"),
        *module_rows("7 33 40 46", instance=0, undone_pp=1.0),
        *module_rows("7 33 40 46", instance=1, undone_pp=5.0, undone_high_pp=9.0),
        *module_rows("7 33 40 46", experiment="iterated", iteration=1, undone_pp=70.0),
        *module_rows("7 33 40 46", start="redrawn", undone_pp=90.0),
        *module_rows("7 33 40 46", experiment="iterated", iteration=1, start="intact"),
    ]
    results = replace(of_runs(run_rows([9, 1])), layers=pd.DataFrame(rows))
    assert trained(results).tolist() == ["7", "33", "40", "46"]
    found = carried(results, "features.7")
    assert found.ablated.tolist() == [True, False, False, False]
    np.testing.assert_allclose(found.change, [[10, 20, 30, 40]] * 2)
    assert found.undone.tolist() == [[1] * 4, [5] * 4]
    assert found.high.tolist() == [6] * 4
    assert found.control_undone.tolist() == [1, 2, 3, 4]
    late = carried(results, "features.40")
    np.testing.assert_array_equal(late.undone, [[np.nan, np.nan, 1, 2]])
    assert np.isnan(late.control_change).all()


def test_more_than_two_layers_have_a_row_each_in_one_accuracy(paper: RecoveryResults):
    assert cells(paper) == (
        (("features.7", 5), ("features.33", 5)), (("features.7", 1), ("features.33", 1)),
    )  # fmt: skip
    three = study(Shape(labels=("7", "33", "46"), instances=1, lengths=()))
    assert cells(three) == ((("features.7", 1),), (("features.33", 1),), (("features.46", 1),))


def test_of_too_many_layers_those_that_dropped_most_are_drawn():
    rows = [
        run_rows([drop, 0], site=f"s{i}", layer=i) for i, drop in enumerate([3, 1, 9, 8, 2, 7, 6])
    ]
    results = of_runs(*rows)
    assert results.sites == tuple(f"s{i}" for i in range(7))
    assert results.shown == ("s0", "s2", "s3", "s4", "s5", "s6")
    assert "the 6 of 7 layers that dropped most" in results.caption


def test_the_caption_says_whether_the_ablation_was_held():
    held, free = (of_runs(run_rows([3, 0], hold=hold)) for hold in (True, False))
    assert "held" not in held.caption
    assert free.caption.endswith("weights zeroed (paper), not held")
    control = run_rows([0], start="intact", method="", proportion=0.0, hold=False)
    assert of_runs(run_rows([3, 0]), control).caption == held.caption
    both = of_runs(run_rows([3, 0]), run_rows([3, 0], instance=1, hold=False))
    assert "in some runs not held" in both.caption
    assert replace(held, title="study", note="trained on 7 images").caption.startswith(
        "study · 200 test images · trained on 7 images"
    )


# ---- bad input


@pytest.mark.parametrize(
    ("change", "words_of_it"),
    [
        (lambda t: t.iloc[:0], r"recovery: given no row; .* Run the study's recovery first"),
        (
            lambda t: t.drop(columns=["hold", "lost"]),
            r"recovery: given a table without hold, lost;",
        ),
        (lambda t: pd.concat([t, t.iloc[:1]]), r"recovery: given a row twice \(experiment "),
        (lambda t: t.assign(start="unhurt"), r"start: given unhurt; allowed are ablated, intact,"),
        (lambda t: t.assign(experiment="x"), r"experiment: given x; allowed are instances, iter"),
        (
            lambda t: pd.concat([t, t.assign(method="silence", instance=9)]),
            r"method: given silence, zero_weights; .* runs of one method\. Draw them one by one",
        ),
        (
            lambda t: pd.concat([t, t.assign(proportion=0.5, instance=9)]),
            r"proportion: given 0.25, 0.5; .* runs of one proportion",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_the_door(change, words_of_it: str):
    table = pd.DataFrame(run_rows([3, 1]))
    with pytest.raises(OutcomesError, match=words_of_it):
        RecoveryResults(change(table))


def test_the_other_tables_are_looked_at_too(paper: RecoveryResults):
    with pytest.raises(OutcomesError, match="classes: given a table without class;"):
        replace(paper, classes=paper.classes.drop(columns="class"))
    with pytest.raises(OutcomesError, match=r"layers: given a row twice .*module features.7\)"):
        replace(paper, layers=pd.concat([paper.layers, paper.layers.iloc[:1]]))


# ---- what is drawn


def test_figures_are_complete_in_order_and_have_captions(drawn: Drawn):
    assert list(drawn.of("paper")) == ALL
    assert all(caption.endswith(".") and caption.count(". ") == 0 for caption in CAPTIONS.values())


def test_what_was_not_measured_is_not_drawn(paper: RecoveryResults):
    empty = pd.DataFrame()
    once = pick(paper.recovery, experiment="instances")
    again = pick(paper.recovery, experiment="iterated")
    bare = replace(paper, classes=empty, layers=empty)
    assert figure_names(replace(bare, recovery=once)) == ("figure-18", "figure-recovery-drop")
    assert figure_names(replace(bare, recovery=again)) == ("figure-19", "figure-gap")
    only = replace(bare, recovery=pick(paper.recovery, start="intact"))
    assert list(recovery_figures(only)) == []
    assert "figure-recovery-layers" in figure_names(replace(paper, classes=empty))
    other = replace(paper, classes=pick(paper.classes, top=5))  # of ten classes top-1 is drawn
    assert "figure-recovery-classes" not in figure_names(other)


def test_layers_without_instances_or_iterations_leave_their_panels_empty(paper: RecoveryResults):
    """One layer was cut again and again, the other was not, and other parts are missing too."""
    table = paper.recovery
    for experiment in ("instances", "iterated"):
        gone = (table["experiment"] == experiment) & (table["site"] == "features.7")
        some = replace(paper, recovery=table[~gone])
        assert [name for name, _ in recovery_figures(some)] == ALL


CASES = [(shape, name) for shape in SHAPES for name in figure_names(study_of(shape))]


@pytest.mark.thinned(2, by="shape")
@pytest.mark.parametrize(("shape", "name"), CASES)
def test_nothing_written_overlaps_or_leaves_the_page(drawn, shape: str, name: str):
    assert_nothing_written_overlaps_or_leaves_the_page(drawn[shape, name])


@pytest.mark.parametrize(("shape", "name"), CASES)
def test_neither_panels_nor_legend_overlap(drawn, shape: str, name: str):
    assert_neither_panels_nor_legend_overlap(drawn[shape, name])


@pytest.mark.parametrize(("shape", "name"), CASES)
def test_figures_fit_a_page_and_can_be_read(drawn, shape: str, name: str):
    figure = drawn[shape, name]
    assert figure.get_figheight() * 25.4 <= 230.01
    assert min(text.get_fontsize() for text in figure.findobj(Text)) >= 7
    texts = [text for text, _ in words(figure)]
    assert not [text for text in texts if re.match(r"-\d", text)]  # a hyphen for a minus
    said = "\n".join(texts)
    assert f"{SHAPES[shape].title} · 2,000 test images".removeprefix(" · ") in said


def test_numbers_have_a_real_minus_sign(drawn: Drawn):
    labels = [text for figure in drawn.of("paper").values() for text, _ in words(figure)]
    assert any(text.startswith("−") for text in labels)


def ys(axes: mpl.axes.Axes) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata()) for line in axes.lines]


def test_figure_18_draws_every_instance_whole_and_enlarged(paper: RecoveryResults, drawn):
    top5_whole, _, top5_late, _, *_ = drawn["paper", "figure-18"].axes
    for run in trainings.instances(paper, "features.7", 5):
        assert any(len(y) == 6 and np.allclose(y, run.accuracy) for y in ys(top5_whole))
        assert any(len(y) == 5 and np.allclose(y, run.accuracy[1:]) for y in ys(top5_late))
    titles = [axes.get_title(loc="left") for axes in drawn["paper", "figure-18"].axes[:4]]
    assert titles == ["Layer 7", "Layer 33", "Layer 7, zoom", "Layer 33, zoom"]
    assert top5_whole.get_ylabel() == "top-5 (%)"
    low, high = top5_late.get_ylim()
    assert low < near(recovering(paper, "features.7", 5))[0]
    assert high - low < 0.2 * np.ptp(top5_whole.get_ylim())


def test_figure_19_says_how_much_is_ablated(paper: RecoveryResults, drawn):
    panel, _, _, _, strip, *_ = drawn["paper", "figure-19"].axes
    found = chained(paper, "features.7", 5)
    assert found is not None
    assert any(len(y) == len(found.accuracy) and np.allclose(y, found.accuracy) for y in ys(panel))
    assert [text.get_text() for text in strip.texts] == ["25", "44", "58", "68", "76"]


def test_layers_side_by_side_have_one_range(drawn: Drawn):
    whole, other, late, late_other, *_ = drawn["paper", "figure-18"].axes
    assert whole.get_ylim() == other.get_ylim() != late.get_ylim() == late_other.get_ylim()


def test_what_lies_above_the_drops_is_said_in_numbers(paper: RecoveryResults, drawn):
    _, controls, *_ = drawn["paper", "figure-recovery-drop"].axes
    mean = by_start(paper, "features.7", 5)["from_scratch"].last[:, 0].mean()
    assert controls.texts[0].get_text() == f"↑ {mean:.1f}"
    assert mean > controls.get_ylim()[1]
    notes = ["↑" in drawn[s, "figure-recovery-drop"].texts[1].get_text() for s in ("paper", "bare")]
    assert notes == [True, False]


def test_diverged_runs_are_marked(drawn: Drawn):
    def marks(shape: str) -> int:
        panel = drawn[shape, "figure-18"].axes[0]
        return sum(line.get_marker() == "x" for line in panel.lines)

    assert marks("early ends") == 2
    assert marks("paper") == 0


def test_runs_that_diverge_at_once_can_be_drawn():
    """They have nothing but epoch 0."""
    ended = {"ended": "diverged in epoch 1; epoch 0 is kept"}
    chain = run_rows([40], experiment="iterated", iteration=1, **ended)
    made = dict(recovery_figures(of_runs(run_rows([30], **ended), chain)))
    assert list(made) == ["figure-18", "figure-19", "figure-recovery-drop", "figure-gap"]
    for figure in made.values():
        with style.styled():
            figure.draw_without_rendering()


def test_many_classes_are_the_most_and_the_least_recovered(drawn):
    panel = drawn["one of everything", "figure-recovery-classes"].axes[0]
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert len(names) == len(set(names)) == 24
    caption = "\n".join(text for text, _ in words(panel.figure))
    assert "of 1,000 classes the 12 first and the 12 last" in caption


def test_the_papers_gaps_stand_beside_top_5_only(drawn: Drawn):
    top5, top1 = drawn["paper", "figure-gap"].axes
    levels = [[y[0] for y in ys(axes) if len(y) == 2 and y[0] == y[1]] for axes in (top5, top1)]
    assert levels == [[0, 1, 4], [0]]


def test_drawing_leaves_the_users_style_alone(paper: RecoveryResults):
    with mpl.rc_context({"font.size": 23}):
        _, figure = next(recovery_figures(paper))
        assert mpl.rcParams["font.size"] == 23
    assert max(text.get_fontsize() for text in figure.findobj(Text)) < 23


def test_the_same_study_gives_the_same_bytes(paper: RecoveryResults, tmp_path: Path):
    for folder in ("a", "b"):
        with style.styled():
            save(against_share(paper), tmp_path / folder, "figure")
    for kind in ("png", "svg"):
        one, other = (tmp_path / folder / f"figure.{kind}" for folder in ("a", "b"))
        assert one.read_bytes() == other.read_bytes()
