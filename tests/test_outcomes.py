"""The outcomes' schema, in memory and in Zarr."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

import lashley as la
from lashley import outcomes as schema
from lashley.ablations import Ablation
from lashley.errors import AblationError, OutcomesError, ReadoutError
from lashley.readouts import check_measured
from lashley.sites import Site


@pytest.fixture(scope="module")
def made():
    network = la.networks.mlp([12, 6, 5], seed=0)
    generator = torch.Generator().manual_seed(0)
    inputs, labels = torch.randn(40, 12, generator=generator), torch.arange(40) % 5
    examples = la.Examples(inputs, labels, ("zero", "one", "zwölf", "<b>", '"'))
    site = la.find_sites(network, examples)["fc1"]
    cuts = [*la.singles(site), *la.pairs(site, "zero_weights")]
    return network, examples, cuts, la.evaluate(network, examples, cuts)


def test_the_schema(made):
    _, examples, cuts, outcomes = made
    assert dict(outcomes.sizes) == {"ablation": 21, "example": 40, "class": 5}
    assert outcomes["rank"].dims == outcomes["prediction"].dims == ("ablation", "example")
    for name in ("intact_rank", "intact_prediction", "label"):
        assert outcomes[name].dims == ("example",)
    assert {v.dtype for v in outcomes.data_vars.values()} == {np.dtype("uint8")}
    assert outcomes["label"].values.tolist() == examples.labels.tolist()
    assert outcomes["units"].values.tolist() == [a.label for a in cuts]
    assert outcomes["method"].values.tolist() == ["silence"] * 6 + ["zero_weights"] * 15
    assert outcomes["design"].values.tolist() == ["singles"] * 6 + ["pairs"] * 15
    assert set(outcomes["site"].values) == {"fc1"}
    assert outcomes["class"].values.tolist() == ["zero", "one", "zwölf", "<b>", '"']


def test_the_outcomes_are_those_of_the_plain_forward_pass(made):
    network, examples, _, outcomes = made
    with torch.no_grad():
        logits = network(examples.inputs)
    assert outcomes["intact_prediction"].values.tolist() == logits.argmax(1).tolist()
    above = (logits > logits.gather(1, examples.labels[:, None])).sum(1)
    assert outcomes["intact_rank"].values.tolist() == above.tolist()


def test_units_come_back_as_numbers(made):
    assert schema.units_of(made[3]) == [a.units for a in made[2]]


@pytest.fixture(scope="module")
def grouped(made):
    network, examples, cuts, _ = made
    site = cuts[0].site
    cuts = [
        cuts[0], *la.similar_groups(site, 0.5), *la.random_groups(site, 0.4, groups=3, seed=9),
        la.Ablation(site, (0,), columns={"depth": 2.5, "anchor": 4}),
    ]  # fmt: skip
    return cuts, la.evaluate(network, examples, cuts)


class TestColumnsOfDesigns:
    """The designs' own numbers, on the ablation axis."""

    def test_are_coordinates_with_what_is_missing(self, grouped):
        cuts, outcomes = grouped
        none = [-1] * 3
        assert outcomes["anchor"].values.tolist() == [-1, *range(6), *none, 4]
        assert outcomes["seed"].values.tolist() == [-1, *[-1] * 6, 9, 9, 9, -1]
        assert outcomes["draw"].values.tolist() == [-1, *[-1] * 6, 0, 1, 2, -1]
        nan = np.nan
        np.testing.assert_array_equal(outcomes["proportion"], [nan, *[0.5] * 6, *[0.4] * 3, nan])
        np.testing.assert_array_equal(outcomes["depth"], [nan] * 10 + [2.5])
        for name in ("anchor", "seed", "draw", "proportion", "depth"):
            assert name in outcomes.coords
            assert outcomes[name].dims == ("ablation",)
            kind = "float64" if name in ("proportion", "depth") else "int64"
            assert outcomes[name].dtype == kind
        assert outcomes["design"].values.tolist() == [c.design for c in cuts]

    def test_whole_numbers_among_real_ones_are_real(self, made):
        network, examples, cuts, _ = made
        cuts = [la.Ablation(cuts[0].site, (0,), columns={"x": value}) for value in (1, 0.5)]
        assert la.evaluate(network, examples, cuts)["x"].values.tolist() == [1.0, 0.5]

    def test_are_absent_where_no_ablation_has_them(self, made):
        assert set(made[3].coords) == {"site", "units", "method", "design", "class"}

    def test_are_each_ablations_own_although_equal_ones_run_once(self, made, grouped):
        network, examples, _, _ = made
        site = grouped[0][0].site
        cuts = [la.Ablation(site, (0, 1), columns={"draw": d}) for d in range(4)]
        outcomes = la.evaluate(network, examples, cuts)
        assert outcomes["draw"].values.tolist() == [0, 1, 2, 3]
        assert (outcomes["rank"].values == outcomes["rank"].values[0]).all()

    def test_stay_with_their_ablations_in_effects_and_selections(self, grouped):
        _, outcomes = grouped
        similar = outcomes.sel(ablation=outcomes.design == "similar_groups")
        assert similar["anchor"].values.tolist() == list(range(6))
        table = la.effects(outcomes).isel(ablation=[8, 2])[["overall_drop_pp"]].to_dataframe()
        assert table["draw"].tolist() == [1, -1]
        assert table["anchor"].tolist() == [-1, 1]

    def test_come_back_equal(self, made, grouped, tmp_path):
        network, examples, _, _ = made
        cuts, outcomes = grouped
        schema.save(outcomes, tmp_path / "o.zarr", "a")
        xr.testing.assert_identical(schema.open_saved(tmp_path / "o.zarr", "a"), outcomes)
        stored = la.evaluate(network, examples, cuts, store=tmp_path / "s.zarr")
        opened = la.open_store(tmp_path / "s.zarr")
        for found in (stored, opened):
            xr.testing.assert_identical(found.load(), outcomes)
            assert list(found.coords) == list(outcomes.coords)
            assert all(found[name].dtype == outcomes[name].dtype for name in outcomes.coords)

    def test_may_not_take_the_names_of_outcomes_and_effects(self, made):
        _, _, cuts, outcomes = made
        for dataset in (outcomes, la.effects(outcomes)):
            for name in [*dataset.variables, *dataset.dims]:
                with pytest.raises(AblationError, match="Choose another name"):
                    replace(cuts[0], columns={str(name): 1})

    def test_tell_one_store_from_another(self, made, tmp_path):
        network, examples, cuts, _ = made
        seeds = [[replace(cuts[0], columns={"seed": s})] for s in (1, 2)]
        la.evaluate(network, examples, seeds[0], store=tmp_path / "s")
        assert la.evaluate(network, examples, seeds[0], store=tmp_path / "s")["seed"] == 1
        for others in (seeds[1], [cuts[0]]):
            with pytest.raises(OutcomesError, match=r"another evaluation: ablations differ"):
                la.evaluate(network, examples, others, store=tmp_path / "s")


@pytest.mark.parametrize(
    ("classes", "kind"),
    [(2, "uint8"), (10, "uint8"), (255, "uint8"), (256, "uint16"), (1000, "uint16"),
     (65_535, "uint16"), (65_536, "uint32")],
)  # fmt: skip
def test_the_smallest_type_holds_every_rank_and_one_value_more(classes, kind):
    assert schema.dtype_for(classes) == kind
    assert np.iinfo(schema.dtype_for(classes)).max > classes - 1


class TestSaved:
    def test_comes_back_equal(self, made, tmp_path):
        folder = tmp_path / "run" / "outcomes.zarr"
        assert not schema.is_saved(folder, "clean")
        schema.save(made[3], folder, "clean")
        assert schema.is_saved(folder, "clean")
        found = schema.open_saved(folder, "clean")
        xr.testing.assert_identical(found, made[3])
        for name in made[3].data_vars:
            assert found[name].dtype == made[3][name].dtype
        assert schema.units_of(found) == schema.units_of(made[3])
        assert found["class"].dtype.kind == "U"

    def test_comes_back_in_the_schemas_order(self, made, tmp_path, monkeypatch):
        """A folder lists its parts in any order; tables must not take their columns from that."""
        schema.save(made[3], tmp_path / "o.zarr", "a")
        stored = xr.open_zarr(tmp_path / "o.zarr" / "a", consolidated=False)
        coords = {name: stored.coords[name] for name in reversed(list(made[3].coords))}
        shuffled = xr.Dataset(
            {name: stored[name].variable for name in reversed(list(made[3].data_vars))},
            coords={name: c.variable for name, c in coords.items()}, attrs=stored.attrs,
        )  # fmt: skip
        assert list(shuffled.variables) != list(made[3].variables)
        monkeypatch.setattr(xr, "open_zarr", lambda *_args, **_options: shuffled)
        found = schema.open_saved(tmp_path / "o.zarr", "a")
        assert list(found.data_vars) == list(made[3].data_vars)
        assert list(found.coords) == list(made[3].coords)
        xr.testing.assert_identical(found, made[3])

    def test_ranks_of_zero_and_missing_ones_survive(self, made, tmp_path):
        outcomes = made[3].copy(deep=True)
        outcomes["rank"][:, :5], outcomes["rank"][:, 5:] = 0, 255
        schema.save(outcomes, tmp_path / "o.zarr", "a")
        xr.testing.assert_identical(schema.open_saved(tmp_path / "o.zarr", "a"), outcomes)

    def test_groups_lie_side_by_side_and_are_replaced_whole(self, made, tmp_path):
        folder, half = tmp_path / "o.zarr", made[3].isel(ablation=slice(6))
        schema.save(made[3], folder, "a")
        schema.save(half, folder, "b")
        schema.save(half, folder, "a")
        assert schema.open_saved(folder, "a").sizes["ablation"] == 6
        assert schema.open_saved(folder, "b").sizes["ablation"] == 6
        assert sorted(p.name for p in tmp_path.rglob("*") if p.parent == tmp_path) == ["o.zarr"]

    def test_a_kill_leaves_no_half_group(self, made, tmp_path, monkeypatch):
        folder = tmp_path / "o.zarr"
        whole = xr.Dataset.to_zarr

        def killed(self, store, **options):
            whole(self[["rank"]], store, **options)
            raise KeyboardInterrupt

        monkeypatch.setattr(xr.Dataset, "to_zarr", killed)
        with pytest.raises(KeyboardInterrupt):
            schema.save(made[3], folder, "a")
        assert not schema.is_saved(folder, "a")
        monkeypatch.undo()
        schema.save(made[3], folder, "a")
        xr.testing.assert_identical(schema.open_saved(folder, "a"), made[3])

    def test_no_such_group(self, made, tmp_path):
        schema.save(made[3], tmp_path / "o.zarr", "a")
        with pytest.raises(OutcomesError, match=r"o\.zarr holds no 'b'. Run the study to its end"):
            schema.open_saved(tmp_path / "o.zarr", "b")


class TestCheck:
    def test_passes_what_evaluate_returns(self, made):
        assert schema.check(made[3]) is made[3]

    @pytest.mark.parametrize("given_", [None, [], {"rank": 1}, np.zeros(3)])
    def test_refuses_what_is_no_dataset(self, given_):
        with pytest.raises(OutcomesError, match=r"given a \w+; allowed is .*la\.evaluate returns"):
            schema.check(given_)

    @pytest.mark.parametrize(
        "name", ["rank", "prediction", "intact_rank", "label", "site", "units", "design", "class"]
    )
    def test_names_what_is_missing(self, made, name):
        with pytest.raises(OutcomesError, match=rf"outcomes: {name} are missing\. Give .* whole"):
            schema.check(made[3].drop_vars(name))

    def test_refuses_an_outcome_that_was_not_measured(self, made):
        outcomes = made[3].copy(deep=True)
        outcomes["rank"][3, 7] = 255
        with pytest.raises(OutcomesError, match=r"some were not measured\. Evaluate .* on all"):
            schema.check(outcomes)
        for read in (la.effects, lambda o: la.interactions(o[{"ablation": slice(6)}], o)):
            with pytest.raises(OutcomesError):
                read(outcomes)


def other(classes=True, n=6):
    """Outcomes of a user's readout of two numbers."""
    site = Site("fc1", "hidden", 4, -1, ("relu1",))
    random = np.random.default_rng(0)
    arrays = {
        "margin": random.normal(size=(3, n)).astype("f4"),
        "hits": np.arange(3 * n).reshape(3, n),
    }
    arrays |= {f"intact_{name}": values[0] for name, values in arrays.items()}
    if classes:
        arrays["label"] = (np.arange(n) % 2).astype("u1")
    cuts = [Ablation(site, (u,)) for u in range(3)]
    return schema.assemble(cuts, arrays, ("a", "b") if classes else (), {"readout": "mine"})


class TestOtherReadouts:
    @pytest.mark.parametrize("classes", [True, False])
    def test_the_schema(self, classes):
        outcomes = other(classes)
        assert schema.check(outcomes) is outcomes
        assert schema.measured_names(outcomes) == ["hits", "margin"]
        assert not schema.is_classification(outcomes)
        assert outcomes["margin"].dims == ("ablation", "example")
        assert outcomes["intact_margin"].dims == ("example",)
        assert ("label" in outcomes, "class" in outcomes.coords) == (classes, classes)

    def test_comes_back_equal(self, tmp_path):
        schema.save(other(), tmp_path / "o.zarr", "a")
        found = schema.open_saved(tmp_path / "o.zarr", "a")
        xr.testing.assert_identical(found, other())
        assert list(found.variables) == list(other().variables)

    @pytest.mark.parametrize(
        ("drop", "words"),
        [
            (["intact_margin"], "intact_margin are missing"),
            (["label"], "label are missing"),
            (["class"], "class are missing"),
            (["site"], "site are missing"),
            (["margin", "hits"], "mine, intact_mine are missing"),
        ],
    )
    def test_names_what_is_missing(self, drop, words):
        with pytest.raises(OutcomesError, match=f"outcomes: {words}\\. Give .* whole"):
            schema.check(other().drop_vars(drop))

    @pytest.mark.parametrize(("name", "value"), [("margin", np.nan), ("hits", 2**63 - 1)])
    def test_refuses_an_outcome_that_was_not_measured(self, name, value):
        for attrs in ({}, {"precision": 0.5}):  # only classes are measured to a precision
            outcomes = other().assign_attrs(attrs)
            outcomes[name][2, 5] = value
            with pytest.raises(OutcomesError, match="some were not measured"):
                schema.check(outcomes)


def test_a_run_to_a_precision_may_lack_outcomes(made):
    outcomes = made[3].assign_attrs(precision=0.5)
    outcomes["rank"] = outcomes["rank"].where(outcomes["rank"] > 0, 255).astype("u1")
    assert schema.check(outcomes) is outcomes
    with pytest.raises(OutcomesError, match="some were not measured"):
        schema.check_complete(outcomes)


def test_the_types_in_which_outcomes_are_kept():
    ranks = {"rank": torch.arange(3), "prediction": torch.arange(3)}
    assert schema.kinds_of("classification", ranks, 300) == dict.fromkeys(ranks, "uint16")
    types = {"a": torch.half, "b": torch.double, "c": torch.bool, "d": torch.uint8}
    measured = {name: torch.zeros(1, dtype=kind) for name, kind in types.items()}
    kinds = schema.kinds_of("mine", measured, 300)
    assert kinds == {"a": "float32", "b": "float32", "c": "uint8", "d": "int64"}


def test_readouts_may_not_take_the_schemas_names(made):
    for name in [*made[3].variables, *made[3].dims, "n_examples", "position"]:
        with pytest.raises(ReadoutError, match="Choose another name"):
            check_measured("mine", {str(name): torch.zeros(1)}, 1)


@pytest.mark.parametrize("chunks", [None, (3, 7), (1, 1), (100, 100)])
def test_tiles_cover_every_outcome_once(made, chunks, monkeypatch):
    monkeypatch.setattr("lashley.outcomes.schema._TILE", (4, 9))
    monkeypatch.setattr("lashley.outcomes.schema._CELLS", 50)
    outcomes = made[3].copy()
    outcomes["rank"].encoding["chunks"] = chunks
    seen = np.zeros(outcomes["rank"].shape, int)
    for rows, columns in schema.tiles(outcomes):
        seen[rows, columns] += 1
        assert seen[rows, columns].size <= max(50, np.prod(chunks or 0))
    assert (seen == 1).all()
