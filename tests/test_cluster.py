"""The same work on a Ray cluster: the same outcomes, whatever happens to the cluster."""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

import lashley as la
from lashley.distribute import Cluster, Task, Work, address, sharing
from lashley.distribute.sizes import sizes as found_sizes
from lashley.errors import ClusterError, EngineError, OutcomesError, TaskFailed

from nodes import nodes, pids, processes

ray = pytest.importorskip("ray")

CLASSES = tuple("abcd")
FIRST = "fails first"
ATTRS = {"settled_in_float64", "share_run_again"}  # of what one command did


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(),
            nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 4),
        ).eval()  # fmt: skip


def examples(n=600, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return la.Examples(torch.randn(n, 1, 8, 8, generator=draw), torch.arange(n) % 4, CLASSES)


def cuts_of(*methods, n=20):
    sites = la.find_sites(network(), examples(4)).values()
    return [c for s in sites for m in methods or ("silence",)
            for c in la.random_groups(s, 0.25, n, 0, m)]  # fmt: skip


def decided():
    """An evaluation of which some ablations change much, others little."""
    model, data = network(), examples(800)
    with torch.no_grad():
        outputs = model(data.inputs)
        model[-1].bias -= outputs.mean(0)
        labels = model(data.inputs).argmax(1)
    data = la.Examples(data.inputs, labels, CLASSES)
    sites = la.find_sites(model, data).values()
    return model, data, [c for s in sites for p in (0.13, 0.5) for c in la.random_groups(s, p, 12)]


def stopping(share):
    """Ctrl-C when so much is done."""

    def stop(done, total):
        if done > share * total:
            raise KeyboardInterrupt

    return stop


@pytest.fixture(scope="module")
def ring():
    """A cluster of two nodes."""
    with nodes(1, 1) as made:
        home = made.home
        yield made
    until = time.monotonic() + 120
    while processes(home) and time.monotonic() < until:
        time.sleep(0.2)
    assert not processes(home)


@pytest.fixture(scope="module")
def place(ring):
    """A worker on each node."""
    with Cluster(ring.address, workers=2, cpus=1) as made:
        yield made


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    """So that a short sweep has many."""
    monkeypatch.setattr("lashley.distribute.ledger.LEAST", 0.02)
    monkeypatch.setattr("lashley.distribute.pool._LOOK", 0.02)
    monkeypatch.setattr("lashley.engine.record._OUTCOMES", 1 << 14)


def same(found, expected, apart=frozenset(ATTRS)):
    xr.testing.assert_identical(found.drop_attrs(), expected.drop_attrs())
    differ = {k for k in expected.attrs if found.attrs.get(k) != expected.attrs[k]}
    assert differ <= apart
    assert set(found.attrs) == set(expected.attrs)


class TestOutcomes:
    @pytest.mark.thinned(1)
    @pytest.mark.parametrize(
        ("how", "methods"),
        [
            ({}, ["silence", "zero_weights"]),
            ({"reference": 50}, ["mean", "resample"]),
            ({"readout": "loss", "savings": la.Savings(consumers=False)}, ["silence"]),
        ],
    )
    def test_are_those_of_one_process(self, place, tmp_path, how, methods):
        if "reference" in how:
            how = {**how, "reference": examples(how["reference"], 2)}
        asked = (network(), examples(), cuts_of(*methods))
        expected = la.evaluate(*asked, **how)
        told = []
        found = place.evaluate(
            *asked, **how, store=tmp_path / "store", progress=lambda *now: told.append(now)
        )
        if how.get("readout") == "loss":  # stacked otherwise, so rounded otherwise
            xr.testing.assert_allclose(found.drop_attrs(), expected.drop_attrs(), rtol=1e-5)
        else:
            same(found, expected, {"share_run_again"})
            same(place.evaluate(*asked, **how), expected, {"share_run_again"})  # in memory
        done = [now for now, _ in told]
        assert done[-1] == told[-1][1] == len(asked[1]) * len(asked[2])

    @pytest.mark.slow
    def test_stop_each_at_its_own_time_with_a_precision(self, place, tmp_path):
        asked, how = decided(), {"precision": 5.0, "seed": 3}
        expected = la.evaluate(*asked, **how)
        assert len(np.unique(expected["n_examples"])) > 2
        same(place.evaluate(*asked, **how), expected)
        for first, second, name in (
            (la.evaluate, place.evaluate, "a"), (place.evaluate, la.evaluate, "b"),
            (place.evaluate, place.evaluate, "c"),
        ):  # fmt: skip
            told, how["store"] = [], tmp_path / name
            with pytest.raises(KeyboardInterrupt):
                first(*asked, **how, progress=stopping(0.4))
            same(second(*asked, **how, progress=lambda *now, to=told: to.append(now)), expected)
            done = [now for now, _ in told]
            assert done == sorted(done)

    def test_go_on_where_one_process_was_stopped_and_the_other_way_round(self, place, tmp_path):
        asked = (network(), examples(), cuts_of(n=40))
        expected = la.evaluate(*asked)
        for first, second, name in (
            (la.evaluate, place.evaluate, "a"), (place.evaluate, la.evaluate, "b"),
        ):  # fmt: skip
            at = [0]

            def note(done, total, at=at):
                at.append(done / total)

            with pytest.raises(KeyboardInterrupt):
                first(*asked, store=tmp_path / name, progress=stopping(0.25))
            same(second(*asked, store=tmp_path / name, progress=note), expected)
            assert at == sorted(at)
            assert second == la.evaluate or next(filter(None, at)) > 0.2  # what was kept

    def test_of_another_network_are_not_mixed_in(self, place, tmp_path):
        place.evaluate(network(), examples(), cuts_of(n=2), store=tmp_path / "store")
        with pytest.raises(OutcomesError):
            place.evaluate(network(), examples(seed=2), cuts_of(n=2), store=tmp_path / "store")

    def test_cannot_be_had_of_what_one_process_refuses(self, place):
        cuts = [la.Ablation(la.Site("nowhere", "tile", 4, (), ()), (0,))]
        with pytest.raises(EngineError, match="nowhere"):
            place.evaluate(network(), examples(), cuts)


class TestFaults:
    @pytest.mark.slow
    @pytest.mark.parametrize("what", ["worker", "node"])
    def test_what_a_lost_one_had_in_hand_is_done_again(self, ring, place, tmp_path, what):
        asked = (network(), examples(2000), cuts_of("silence", "zero_weights", n=60))
        expected = la.evaluate(*asked)
        before, lost, dones = pids(place), [], []

        def lose(done, total):
            dones.append(done)
            if done > total / 5 and not lost:
                lost.append(what)
                if what == "worker":
                    os.kill(min(before), 9)
                else:
                    ring.remove_node(sorted(ring.worker_nodes, key=id)[0], allow_graceful=False)
                    ring.add_node(num_cpus=1)

        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nobody is refused
            warnings.filterwarnings("ignore", "examples: the intact network")  # it is not trained
            found = place.evaluate(*asked, store=tmp_path / "store", progress=lose)
        assert lost
        same(found, expected)
        assert max(dones) == dones[-1] == len(asked[1]) * len(asked[2])
        assert not before <= pids(place)

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["raises", "dies"])
    def test_a_task_that_fails_three_times_ends_the_run(self, place, tmp_path, how):
        kept = []

        def lane(i):
            kept.append((yield Task(f"n{i}", (i, str(tmp_path), how))))

        work = Work("numbers", _nothing, _square)
        with pytest.raises(TaskFailed, match=r"task numbers/n3 failed 3 times") as failed:
            place.carry_out(work, [lane(i) for i in range(4)], lambda _: None)
        assert failed.value.task == "numbers/n3"
        said = "ValueError: three" if how == "raises" else "its worker was lost"
        assert said in str(failed.value)
        assert (tmp_path / "tries").read_text() == "3" * 3
        assert set(kept) == {0, 1, 4}

    @pytest.mark.slow
    def test_one_that_fails_once_is_done_again(self, place, tmp_path):
        kept = []

        def lane(i):
            first = yield Task(f"{i}.0", (i, str(tmp_path), FIRST))
            kept.append((first, (yield Task(f"{i}.1", (i + 10, str(tmp_path), FIRST)))))

        told = []
        place.carry_out(
            Work("numbers", _nothing, _square), [lane(i) for i in range(5)], told.append
        )
        assert sorted(kept) == [(i * i, (i + 10) ** 2) for i in range(5)]
        assert (tmp_path / "tries").read_text() == "3"


def _nothing(device):
    return device


def _square(prepared, content, report):
    number, home, how = content
    tries = Path(home) / "tries"
    if number == 3 and not (how == FIRST and tries.exists()):
        with tries.open("a") as file:
            file.write("3")
        if how == "dies":
            os._exit(1)
        raise ValueError("three")
    return number * number


class TestData:
    @pytest.mark.slow
    def test_travel_by_a_folder(self, place, tmp_path, monkeypatch):
        asked, size = (network(), examples(), cuts_of()), place.parts
        monkeypatch.setattr(place, "share", str(tmp_path / "share"))
        same(place.evaluate(*asked), la.evaluate(*asked))
        (file,) = (tmp_path / "share").iterdir()
        file.write_bytes(file.read_bytes()[:-4] + b"\0\0\x80\x3f")
        try:
            with (
                pytest.warns(UserWarning, match="examples differ"),
                pytest.raises(sharing.NotShared, match="examples differ from those of the process"),
            ):
                place.evaluate(*asked)
        finally:
            place._pool.size = size

    @pytest.mark.slow
    def test_of_a_single_worker_that_differ_leave_the_work_to_the_others(
        self, place, tmp_path, monkeypatch
    ):
        asked, size = (network(), examples(), cuts_of()), place.parts
        shared = place._shared

        def tampered(name, value):
            found = shared(name, value)
            if name != "examples":
                return found
            return sharing.Shared(name, _Tampered(found.get, tmp_path), found.fingerprint)

        monkeypatch.setattr(place, "_shared", tampered)
        try:
            with pytest.warns(UserWarning, match="worker: its examples differ"):
                same(place.evaluate(*asked), la.evaluate(*asked))
            assert place.parts == size - 1
        finally:
            place._pool.size = size

    @pytest.mark.parametrize("form", ["tuple", "dict", "one"])
    def test_targets_of_any_form_arrive_as_they_were(self, form, tmp_path):
        box, kind = torch.randn(4, 2), torch.arange(4)
        labels = {"tuple": (box, kind), "dict": {"kind": kind, "box": box}, "one": box}[form]
        given = la.Examples(torch.zeros(4, 3), labels)
        for found in (
            sharing.unpacked(sharing.packed(given)),
            sharing.read_from(sharing.write_to(str(tmp_path / "share"), given)),
        ):
            assert found.fingerprint == given.fingerprint
            assert list(found.fingerprint) == list(given.fingerprint)
            assert type(found.labels) is type(given.labels)
            if form != "one":
                assert type(found.labels.parts) is type(labels)

    @pytest.mark.parametrize(
        "inputs",
        [
            X := torch.arange(12.0).reshape(4, 3),
            {"x": X, "mask": X > 3, "labels": X.long()},
            {"one": X, "same": X},
            X.bfloat16(),
        ],
    )
    def test_of_any_form_arrive_as_they_were(self, inputs, tmp_path):
        given = la.Examples(inputs, torch.tensor([0, 1, 1, 0]), ("no", "yes"))
        for found in (
            sharing.unpacked(sharing.packed(given)),
            sharing.read_from(sharing.write_to(str(tmp_path / "share"), given)),
            sharing.read_from(sharing.write_to("memory://share", given)),
        ):
            assert found.fingerprint == given.fingerprint
            assert found.class_names == given.class_names

    def test_that_differ_in_labels_or_names_have_files_of_their_own(self, tmp_path):
        inputs, labels = {"x": torch.zeros(4, 3), "y": torch.ones(4, 3)}, torch.tensor([0, 1, 1, 0])
        several = [(labels, ("no", "yes")), (labels, ("0", "1")), (1 - labels, ("no", "yes"))]
        given = [la.Examples(inputs, *other) for other in several]
        found = [sharing.read_from(sharing.write_to(str(tmp_path), one)) for one in given]
        for one, other in zip(found, given, strict=True):
            assert (one.fingerprint, one.class_names) == (other.fingerprint, other.class_names)

    def test_of_a_broken_file_are_refused(self, tmp_path):
        address = sharing.write_to(str(tmp_path), examples(4))
        (file,) = tmp_path.iterdir()
        file.write_bytes(file.read_bytes()[:100])
        with pytest.raises(sharing.NotShared, match="it cannot read"):
            sharing.read_from(address)

    def test_cannot_be_shared_where_nobody_can_write(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ClusterError, match=r"--share: .*file.* cannot be written to"):
            sharing.write_to(str(tmp_path / "file"), examples(4))
        with pytest.raises(ClusterError, match="nothing://x cannot be written to"):
            sharing.write_to("nothing://x", examples(4))
        with pytest.raises(sharing.NotShared, match="it cannot read"):
            sharing.read_from(str(tmp_path / "none.safetensors"))


class _Tampered:
    """The first worker that asks gets other examples."""

    def __init__(self, get, home):
        self.get, self.home = get, home

    def __call__(self):
        found = self.get()
        try:
            (self.home / "first").mkdir()
        except FileExistsError:
            return found
        return la.Examples(found.inputs + 1, found.labels, found.class_names)


class TestVersions:
    def test_of_a_worker_must_be_the_drivers(self, monkeypatch):
        from lashley.distribute.worker import Worker, versions

        mine = versions() | {"torch": "1.0"}
        with pytest.raises(sharing.NotShared, match=r"has torch .*, not 1\.0"):
            Worker("cpu", 1, str).prepare(Work("numbers", _nothing, _square), {}, mine)


def sizes(has, workers=None, cpus=None, device="cpu", may_grow=False):
    """Of nodes that have (CPUs, GPUs); another one has gone."""
    gone = {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}
    nodes = [{"Alive": True, "Resources": {"CPU": float(c), "GPU": float(g)} if c else {}}
             for c, g in has]  # fmt: skip
    return found_sizes([*nodes, gone], workers, cpus, device, may_grow=may_grow)


class TestSizes:
    @pytest.mark.parametrize(
        ("asked", "cpus", "found"),
        [
            ({}, [8, 8], (4, 4)),
            ({}, [2], (1, 2)),
            ({}, [0, 6, 4], (2, 4)),
            ({"workers": 2}, [8, 8], (2, 8)),
            ({"workers": 3}, [8, 8], (3, 4)),
            ({"workers": 2}, [2], (2, 1)),
            ({"cpus": 1}, [2, 3], (5, 1)),
            ({"workers": 1, "cpus": 2}, [4], (1, 2)),
        ],
    )
    def test_come_from_the_nodes(self, asked, cpus, found):
        assert sizes([(n, 0) for n in cpus], **asked) == found

    def test_are_one_per_gpu(self):
        has = [(64, 0), (16, 4), (8, 2)]
        assert sizes(has, device="cuda") == (6, 4)
        assert sizes(has, 2, device="cuda") == (2, 4)
        assert sizes(has, cpus=8, device="cuda") == (3, 8)
        with pytest.raises(
            ClusterError, match=r"7 workers of 1 CPU and a GPU .* 0, 4, 2 GPUs, room"
        ):
            sizes(has, 7, device="cuda")
        with pytest.raises(ClusterError, match=r"1 worker of 1 CPU and a GPU .* 4 CPUs and 0 GPUs"):
            sizes([(4, 0)], device="cuda")

    @pytest.mark.parametrize("asked", [(5, None), (None, 3), (2, 2)])
    def test_that_there_is_no_room_for_are_refused(self, asked):
        with pytest.raises(ClusterError, match=r"workers: .* have 2, 1 CPUs, room for"):
            sizes([(2, 0), (1, 0)], *asked)

    def test_may_wait_for_nodes_that_come_later(self):
        with pytest.warns(UserWarning, match=r"5 workers of 1 CPU were .* room for 2\. The others"):
            assert sizes([(2, 0)], 5, 1, may_grow=True) == (5, 1)
        with pytest.raises(ClusterError, match=r"5 workers of 1 .* have no CPUs, room for 0"):
            sizes([], 5, may_grow=True)

    @pytest.mark.parametrize("asked", [{"workers": 0}, {"cpus": 1.5}, {"workers": True}])
    def test_that_are_no_counts_are_refused(self, asked):
        with pytest.raises(ClusterError, match="allowed is a whole number of at least 1"):
            Cluster(**asked)

    def test_device(self):
        with pytest.raises(ClusterError, match=r"device: given 'cuda:1'.*--device cuda"):
            Cluster(device="cuda:1")


class TestJoining:
    def test_without_ray_the_error_says_how_to_install_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", None)
        with pytest.raises(ClusterError, match=r"pip install 'lashley\[ray\]'"):
            Cluster().__enter__()

    @pytest.mark.parametrize("variable", [None, "RAY_ADDRESS"])
    def test_where_there_is_no_cluster(self, monkeypatch, variable):
        fake = SimpleNamespace(init=lambda *_, **__: pytest.fail("asked"))
        if variable:
            monkeypatch.setenv(variable, "127.0.0.1:1")
        with pytest.raises(ClusterError, match=r"no cluster to join at '127.0.0.1:1' .*refused"):
            address.join(fake, None if variable else "127.0.0.1:1")

    def test_a_cluster_that_does_not_let_in(self, ring):
        def init(*_, **__):
            raise RuntimeError("Version mismatch")

        fake = SimpleNamespace(init=init, exceptions=ray.exceptions)
        with pytest.raises(ClusterError, match=r"joined \(Version mismatch.*RAY_AUTH_MODE=token"):
            address.join(fake, ring.address)

    def test_none_is_started_where_one_must_be_there(self):
        def init(*_, **__):
            raise ConnectionError("none")

        fake = SimpleNamespace(init=init, exceptions=ray.exceptions)
        with pytest.raises(ClusterError, match=r"no cluster to join at 'auto' \(none\)"):
            address.join(fake, "auto")

    @pytest.mark.parametrize("given", ["ray://a:1", "http://a:1", "a", "a:b"])
    def test_an_address_that_is_none(self, monkeypatch, given):
        with pytest.raises(ClusterError, match=r"--ray: given '"):
            Cluster(given)
        monkeypatch.setenv("RAY_ADDRESS", given)
        with pytest.raises(ClusterError, match=r"RAY_ADDRESS: given '"):
            address.join(None, None)

    def test_a_folder_that_cannot_be_shared_is_refused_before(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(ClusterError, match=r"--share: .*file cannot be written to"):
            Cluster("127.0.0.1:1", share=str(tmp_path / "file")).__enter__()

    def test_the_place_says_where_it_is_and_how_to_come_again(self, ring, place):
        said = f"2 workers of 1 CPU on Ray at {ring.address}"
        assert str(place) in (said, f"{said}, 1 not ready yet", f"{said}, 2 not ready yet")
        assert place.options == (
            "--ray", ring.address, "--device", "cpu", "--workers", "2", "--cpus", "1"
        )  # fmt: skip

    def test_it_is_to_be_open(self):
        with pytest.raises(ClusterError, match="it is not open"):
            Cluster().evaluate(network(), examples(), cuts_of(n=1))


@pytest.mark.slow
def test_a_driver_leaves_a_cluster_that_it_joined_as_it_was(ring, place):
    """And its workers end with it, even if it is killed."""
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from nodes import pids
from lashley.distribute import Cluster
with Cluster({ring.address!r}, workers=1, cpus=1) as place:
    print(*pids(place, 1), flush=True)
    os.kill(os.getpid(), 9)
"""
    place._pool.end()  # makes room
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    until = time.monotonic() + 120
    while Path(f"/proc/{int(done.stdout)}").exists() and time.monotonic() < until:
        time.sleep(0.2)
    assert not Path(f"/proc/{int(done.stdout)}").exists()
    assert len(pids(place)) == 2
