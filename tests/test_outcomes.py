"""The outcomes' schema, in memory and in Zarr."""

import numpy as np
import pytest
import torch
import xarray as xr

import lashley as la
from lashley import outcomes as schema
from lashley.errors import OutcomesError


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
