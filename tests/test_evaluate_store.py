"""The store, end to end: outcomes of `evaluate` on disk, killed, resumed, refused, opened again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import lashley as la
from lashley.errors import OutcomesError
from lashley.outcomes import layout, open_store

from stopping import Stopped, stop_at

METHODS = ("silence", "zero_weights", "mean", "resample")
MEMORY = 16 * 16 * 50  # bytes: batches of 50 examples
KILLS = 8


def network(seed=0):
    with la.networks.seeded(seed):
        return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).eval()


def examples(n=600, seed=1):
    random = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 6, generator=random)
    return la.Examples(inputs, torch.arange(n) % 3, ("a", "b", "c"))


def cuts_of(methods=METHODS):
    site = la.find_sites(network(), examples(3))["0"]
    return [cut for m in methods for cut in [*la.singles(site, m), *la.pairs(site, m)[::3]]]


def measured(data=None, cuts=None, model=None, **how):
    how = {"reference": examples(80, 2), "memory": MEMORY} | how
    return la.evaluate(model or network(), data or examples(), cuts or cuts_of(), **how)


def many():
    return examples(600), cuts_of()[::2]


class TestEqualsMemory:
    @pytest.mark.thinned(2)
    @pytest.mark.parametrize("engine", ["fx", "export", "hooks", "naive"])
    def test_by_all_methods_on_every_path(self, tmp_path, engine):
        data, cuts = examples(1100), cuts_of()[::20]  # more than one batch of every engine
        expected = measured(data, cuts, engine=engine)
        found = measured(data, cuts, engine=engine, store=tmp_path / "store")
        xr.testing.assert_identical(found.load(), expected)
        assert set(found["method"].values) == set(METHODS)
        xr.testing.assert_identical(la.effects(found), la.effects(expected))

    @pytest.mark.parametrize("readout", ["loss", lambda o, t: {"best": o.amax(1), "hit": t == 0}])
    def test_by_other_readouts(self, tmp_path, readout):
        how = {"readout": readout, "savings": la.Savings(consumers=False)}  # else timing decides
        expected = measured(**how)
        found = measured(**how, store=tmp_path / "store")
        xr.testing.assert_identical(found.load(), expected)

    def test_the_examples_come_in_many_batches(self, tmp_path):
        steps = []
        measured(store=tmp_path / "store", progress=lambda *step: steps.append(step))
        total = 600 * (1 + len(cuts_of()))
        assert steps == sorted(steps)
        assert {whole for _, whole in steps} == {total}
        assert steps[-1] == (total, total)
        assert len({done for done, _ in steps}) > 12  # a step for each batch, at least

    def test_inputs_by_name_and_targets_without_classes(self, tmp_path):
        inputs, targets = examples().inputs, torch.randn(600)
        data = la.Examples({"input": inputs}, targets, ())
        how = {"readout": lambda o, t: {"error": (o[:, 0] - t) ** 2}, "reference": None}
        cuts = cuts_of(["silence"])
        found = measured(data, cuts, store=tmp_path / "store", **how)
        xr.testing.assert_identical(found.load(), measured(data, cuts, **how))
        assert "label" not in found


class TestGoesOn:
    def test_behind_the_batches_that_are_done(self, tmp_path):
        with pytest.raises(Stopped):
            measured(store=tmp_path / "store", progress=stop_at(0.5))
        with pytest.raises(OutcomesError, match="is not finished"):
            open_store(tmp_path / "store")
        found = measured(store=tmp_path / "store").load()
        xr.testing.assert_equal(found, measured())

    def test_with_other_batches_than_it_began_with(self, tmp_path):
        with pytest.raises(Stopped):
            measured(store=tmp_path / "store", progress=stop_at(0.5))
        found = measured(store=tmp_path / "store", memory=None)
        xr.testing.assert_equal(found.load(), measured())

    def test_a_finished_one_is_only_opened(self, tmp_path):
        first, calls = measured(store=tmp_path / "store"), []
        files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
        again = measured(store=tmp_path / "store", progress=lambda *done: calls.append(done))
        assert not calls
        assert files == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
        xr.testing.assert_identical(again, first)

    @pytest.mark.slow
    def test_after_kills_at_any_moment(self, tmp_path):
        """Forked children of one process that has imported everything are killed by SIGKILL."""
        command = [sys.executable, __file__, str(tmp_path)]
        kept = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        total = chunks(tmp_path / "undisturbed")
        assert sum(0 < n < total for n in kept) > KILLS // 3  # not only before or behind the work
        expected = measured(*many())
        for folder in sorted(tmp_path.iterdir()):
            found = measured(*many(), store=folder).load()
            assert list(found.variables) == list(expected.variables)
            for name, values in expected.variables.items():
                assert found[name].dtype == values.dtype
                assert found[name].values.tobytes() == values.values.tobytes(), name


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored") / "store"
    measured(store=folder)
    return folder


class TestRefusesAnotherEvaluation:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"model": network(1)}, "network_fingerprint differ"),
            ({"data": examples(600, 3)}, "data_fingerprint differ"),
            ({"data": examples(300)}, "number of examples"),
            ({"seed": 1}, r"seed differ \(seed: 0 there, 1 here\)"),
            ({"cuts": cuts_of([*METHODS[:3], "silence"])}, "ablations differ"),
            ({"cuts": cuts_of()[1:]}, "ablations differ"),
            ({"readout": "loss"}, "readout"),
            ({"precision": 2.0}, "precision"),
            ({"reference": examples(80, 4)}, "reference differ"),
        ],
    )
    def test_that_differs_in(self, stored, change, words):
        with pytest.raises(OutcomesError, match=f"holds outcomes of another evaluation: .*{words}"):
            measured(store=stored, **change)

    def test_and_leaves_it_whole(self, stored):
        with pytest.raises(OutcomesError, match="another evaluation"):
            measured(store=stored, seed=5)
        xr.testing.assert_identical(measured(store=stored).load(), measured())


class TestRefusesAPlace:
    @pytest.mark.parametrize("path", [3, True, ["a"]])
    def test_that_is_no_path(self, path):
        with pytest.raises(OutcomesError, match=r"store: given .* allowed is the path of a folder"):
            measured(store=path)

    def test_that_holds_something_else(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("mine")
        with pytest.raises(OutcomesError, match="is not a store of outcomes"):
            measured(store=tmp_path)
        assert (tmp_path / "thesis.tex").read_text() == "mine"

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutcomesError, match="store: "):
            measured(store=tmp_path / "file" / "store")


def killed_again_and_again(folder):
    """How many chunks lay in a store after each kill; where one is finished, a new one is begun.

    Children are forked from a process that has imported everything and touched no store.
    """
    torch.set_num_threads(1)
    layout._CHUNK = 1 << 11  # several in a batch
    random, finished, kept = np.random.default_rng(0), 0, []
    start = time.monotonic()
    os.waitpid(forked(folder / "undisturbed"), 0)
    whole = time.monotonic() - start
    while len(kept) < KILLS:
        child = forked(folder / str(finished))
        time.sleep(whole * random.uniform(0.1, 0.6))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            kept.append(chunks(folder / str(finished)))
        else:
            finished += 1
    return kept


def forked(folder):
    child = os.fork()
    if child == 0:
        measured(*many(), store=folder)
        os._exit(0)
    return child


def chunks(folder):
    return len([file for file in folder.glob("rank/c/*/*") if file.suffix != ".partial"])


if __name__ == "__main__":
    print(json.dumps(killed_again_and_again(Path(sys.argv[1]))))
