"""Sinks: outcomes in memory and in a store come out the same, also after a kill."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import lashley as la
from lashley import outcomes as schema
from lashley.ablations import Ablation
from lashley.errors import OutcomesError
from lashley.outcomes import Frame, Memory, Store, open_store
from lashley.sites import Site

SITE = Site("fc1", "hidden", 2000, -1, ("relu1",))
RANKS = {"rank": np.dtype("uint8"), "prediction": np.dtype("uint8")}
OTHER = {"loss": np.dtype("float32"), "hits": np.dtype("int64"), "agrees": np.dtype("uint8")}
WHOLE = {"data": "d1", "network": "n1", "precision": "none"}
ATTRS = {"readout": "classification", "engine": "test", "settled_in_float64": 3}


def frame_of(n_ablations=7, n_examples=20, kinds=RANKS, order=None):
    cuts = [Ablation(SITE, (u,), design="singles") for u in range(n_ablations)]
    labels = np.arange(n_examples) % 3
    names = ("a", "b", "c") if kinds is RANKS else ()
    return Frame(cuts, n_examples, kinds, labels, names, order)


def values_of(frame, seed=0):
    random = np.random.default_rng(seed)
    shape = (frame.n_rows, frame.n_examples)
    return {n: random.integers(0, 3, shape).astype(kind) for n, kind in frame.kinds.items()}


def write(sink, values, rows, examples):
    block = {n: array[rows][:, examples] for n, array in values.items()}
    sink.write(rows, examples, block)


def in_memory(frame, values, attrs=ATTRS, columns=None):
    sink = Memory(frame)
    write(sink, values, slice(None), slice(None))
    return sink.finish(attrs, columns)


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 3 ablations by a batch of 5."""
    monkeypatch.setattr("lashley.outcomes.layout._CHUNK", 15)


class TestMemory:
    def test_holds_the_schema(self):
        frame = frame_of()
        values = values_of(frame)
        found = in_memory(frame, values, columns={"n_examples": np.arange(7)})
        assert schema.check(found) is found
        for name in RANKS:
            np.testing.assert_array_equal(found[name], values[name][1:])
            np.testing.assert_array_equal(found[f"intact_{name}"], values[name][0])
            assert found[name].dtype == np.uint8
        assert found["label"].values.tolist() == frame.labels.tolist()
        assert found.coords["n_examples"].values.tolist() == list(range(7))
        assert found.attrs == ATTRS

    def test_knows_what_was_written(self):
        sink = Memory(frame_of())
        write(sink, values_of(frame_of()), [0, 3], slice(5, 10))
        assert np.flatnonzero(sink.known(slice(5, 10))).tolist() == [0, 3]
        assert np.flatnonzero(sink.known([9, 5])).tolist() == [0, 3]
        assert not sink.known(slice(5, 11)).any()
        read = sink.read(slice(9, 11))["rank"]
        assert (read[[0, 3], 0] < 3).all()
        assert (read == 255).sum() == 8 * 2 - 2


@given(seed=st.integers(0, 10**6), batch=st.integers(1, 25), rows=st.integers(1, 9),
       mixed=st.booleans(), kinds=st.sampled_from([RANKS, OTHER]))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_store_keeps_what_memory_keeps_however_it_is_written(
    tmp_path_factory, seed, batch, rows, mixed, kinds
):
    random = np.random.default_rng(seed)
    frame = frame_of(kinds=kinds, order=random.permutation(20) if mixed else None)
    values, attrs = values_of(frame, seed), {**ATTRS, "readout": "mine"}
    path = tmp_path_factory.mktemp("store") / "s.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lashley.outcomes.layout._CHUNK", int(random.integers(1, 60)))
        patch.setattr("lashley.outcomes.store._GATHERED", int(random.integers(1, 200)))
        store = Store(path, frame, WHOLE, batch)
        order = np.arange(20) if frame.order is None else frame.order
        for start in range(0, 20, batch):
            shuffled = random.permutation(frame.n_rows)
            for at in range(0, len(shuffled), rows):
                write(store, values, shuffled[at : at + rows], order[start : start + batch])
        write(store, values, [], [])
        found = store.finish(attrs, {"n_examples": np.arange(7)})
    expected = in_memory(frame, values, attrs, {"n_examples": np.arange(7)})
    xr.testing.assert_identical(found, expected)
    assert list(found.variables) == list(expected.variables)
    for name in expected.variables:
        assert found[name].dtype == expected[name].dtype


class TestGoesOn:
    def test_behind_the_batches_that_are_whole(self, tmp_path, small_chunks):
        frame = frame_of()
        values = values_of(frame)
        store = Store(tmp_path / "s", frame, WHOLE, 5)
        write(store, values, slice(None), slice(0, 5))
        write(store, values, slice(0, 5), slice(5, 10))  # a full chunk, and one row of the next
        again = Store(tmp_path / "s", frame, WHOLE, 99)
        assert again.batch == 5
        assert again.known(slice(0, 5)).all()
        assert np.flatnonzero(again.known(slice(5, 10))).tolist() == [0, 1, 2, 3]
        assert not again.known(slice(10, 15)).any()
        np.testing.assert_array_equal(again.read(slice(0, 5))["rank"], values["rank"][:, :5])
        write(again, values, slice(4, None), slice(5, 10))
        write(again, values, slice(None), slice(10, 20))
        xr.testing.assert_identical(again.finish(ATTRS), in_memory(frame, values))

    def test_what_a_kill_left_is_cleared(self, tmp_path):
        Store(tmp_path / "s", frame_of(), WHOLE, 5)
        left = tmp_path / "s" / "rank" / "c" / "0" / "1.0123.partial"
        left.parent.mkdir(parents=True)
        left.write_text("half")
        Store(tmp_path / "s", frame_of(), WHOLE, 5)
        assert not left.exists()

    def test_a_value_that_is_lacking_in_one_variable_is_not_known(self, tmp_path, small_chunks):
        """As if killed between the two files of a chunk."""
        frame = frame_of()
        store = Store(tmp_path / "s", frame, WHOLE, 5)
        write(store, values_of(frame), slice(None), slice(0, 5))
        (tmp_path / "s" / "prediction" / "c" / "1" / "0").unlink()
        known = Store(tmp_path / "s", frame, WHOLE, 5).known(slice(0, 5))
        assert np.flatnonzero(~known).tolist() == [4, 5, 6]

    def test_part_of_a_chunk_keeps_the_other_part(self, tmp_path, small_chunks):
        """In a run to a precision each batch needs other ablations."""
        frame = frame_of(order=np.random.default_rng(1).permutation(20))
        values, seen = values_of(frame), np.zeros((8, 20), bool)
        for rows, batch in (([0, 2, 5], 0), ([1, 3], 0), ([0, 5], 1), ([2], 0)):
            store = Store(tmp_path / "s", frame, WHOLE, 5)
            examples = frame.order[batch * 5 : batch * 5 + 5]
            write(store, values, rows, examples)
            store.read(examples)  # keeps what is gathered
            seen[np.ix_(rows, examples)] = True
        found = store.finish({**ATTRS, "precision": 0.5})
        np.testing.assert_array_equal(found["rank"], np.where(seen, values["rank"], 255)[1:])

    def test_a_finished_store_is_only_opened(self, tmp_path):
        frame = frame_of()
        store = Store(tmp_path / "s", frame, WHOLE, 5)
        assert not store.is_finished
        write(store, values_of(frame), slice(None), slice(None))
        found = store.finish(ATTRS)
        assert Store(tmp_path / "s", frame, WHOLE, 5).is_finished
        xr.testing.assert_identical(open_store(tmp_path / "s"), found)

    def test_after_kill_9(self, tmp_path, small_chunks):
        code = (
            "import sys; sys.path.insert(0, sys.argv[2]); import test_store as t\n"
            "import lashley.outcomes.layout as layout; layout._CHUNK = 15\n"
            "frame = t.frame_of(n_examples=20_000)\n"
            "store, values = t.Store(sys.argv[1], frame, t.WHOLE, 5), t.values_of(frame)\n"
            "for start in range(0, 20_000, 5):\n"
            "    t.write(store, values, slice(None), slice(start, start + 5))\n"
            "    print(start, flush=True)\n"
        )
        here = str(Path(__file__).parent)
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "s"), here],
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in child.stdout:
            if int(line) >= 50:
                break
        child.send_signal(signal.SIGKILL)
        last = max([50, *(int(line) for line in child.stdout if line.endswith("\n"))])
        assert child.wait() == -signal.SIGKILL
        frame = frame_of(n_examples=20_000)
        store, values = Store(tmp_path / "s", frame, WHOLE, 5), values_of(frame)
        assert store.known(slice(0, last + 5)).all()
        assert not store.known(slice(last + 10, last + 15)).any()
        assert not list(tmp_path.rglob("*.partial"))
        write(store, values, np.flatnonzero(~store.known(slice(0, last + 15))), slice(0, last + 15))
        for name, kept in store.read(slice(0, last + 15)).items():
            np.testing.assert_array_equal(kept, values[name][:, : last + 15])


class TestRefuses:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"identity": {**WHOLE, "data": "d2"}}, r"data differ \(data: d1 there, d2 here\)"),
            ({"identity": {**WHOLE, "network": "n2"}}, "network differ"),
            ({"identity": {"data": "d1", "network": "n1"}}, "precision differ .*None here"),
            ({"frame": frame_of(8)}, "ablations differ"),
            ({"frame": frame_of(n_examples=21)}, "number of examples, .* differ"),
            ({"frame": frame_of(kinds={"rank": np.dtype("uint16")})}, "measured variables differ"),
            ({"frame": frame_of(order=np.arange(20)[::-1])}, "order of the examples differ"),
        ],
    )
    def test_a_store_of_something_else(self, tmp_path, change, words):
        given_ = {"frame": frame_of(), "identity": WHOLE, "batch": 5}
        Store(tmp_path / "s", **given_)
        if "variables" in words:
            change = {"frame": Frame(frame_of().ablations, 20, {"rank": np.dtype("uint16")},
                                     frame_of().labels, ("a", "b", "c"))}  # fmt: skip
        with pytest.raises(OutcomesError, match=rf"of another evaluation: .*{words}.*delete this"):
            Store(tmp_path / "s", **{**given_, **change})

    @pytest.mark.parametrize("path", [None, 5, b"s", ["s"]])
    def test_what_is_no_path(self, path):
        with pytest.raises(OutcomesError, match=r"store: given .*allowed is the path of a folder"):
            Store(path, frame_of(), WHOLE, 5)

    @pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"attributes": {}}'])
    def test_a_folder_or_file_of_something_else(self, tmp_path, content):
        path = tmp_path / "s"
        if content is None:
            path.write_text("mine")
        else:
            path.mkdir()
            (path / "zarr.json").write_text(content)
        for open_ in (lambda: Store(path, frame_of(), WHOLE, 5), lambda: open_store(path)):
            with pytest.raises(
                OutcomesError, match=r"is not a store of outcomes\. Give a new folder"
            ):
                open_()

    def test_a_place_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutcomesError, match=r"cannot be written .*Give a folder that can"):
            Store(tmp_path / "file" / "s", frame_of(), WHOLE, 5)

    def test_to_open_an_unfinished_one(self, tmp_path):
        Store(tmp_path / "s", frame_of(), WHOLE, 5)
        with pytest.raises(OutcomesError, match=r"is not finished\. Call la\.evaluate as before"):
            open_store(tmp_path / "s")

    def test_nothing_but_takes_an_empty_folder(self, tmp_path):
        assert Store(tmp_path, frame_of(), WHOLE, 5).batch == 5


def test_values_are_read_where_they_are_used(tmp_path, small_chunks):
    frame = frame_of()
    store = Store(tmp_path / "s", frame, WHOLE, 5)
    write(store, values_of(frame), slice(None), slice(None))
    outcomes = store.finish(ATTRS)
    la.effects(outcomes)
    assert not outcomes["rank"].variable._in_memory
    tiles = list(schema.tiles(outcomes))
    assert {rows.stop - rows.start for rows, _ in tiles} == {3}


@pytest.mark.parametrize("order", [None, np.random.default_rng(0).permutation(20)])
def test_every_chunk_is_read_once(tmp_path, small_chunks, monkeypatch, order):
    monkeypatch.setattr("lashley.outcomes.schema._CELLS", 1)
    frame = frame_of(order=order)
    store = Store(tmp_path / "s", frame, WHOLE, 5)
    write(store, values_of(frame), slice(None), slice(None))
    outcomes = store.finish({**ATTRS, "precision": 0.5})
    keys, get = [], zarr.storage.LocalStore.get
    monkeypatch.setattr(
        zarr.storage.LocalStore, "get",
        lambda self, key, *more, **options: (keys.append(key), get(self, key, *more, **options))[1],
    )  # fmt: skip
    schema.check_complete(outcomes)
    read = [key for key in keys if key.startswith("rank/c/")]
    assert len(read) == len(set(read)) == 3 * 4


def test_what_is_gathered_is_bounded(tmp_path, small_chunks, monkeypatch):
    """Where an engine takes the rows of all chunks in turn."""
    monkeypatch.setattr("lashley.outcomes.store._GATHERED", 50)
    frame = frame_of()
    store, values = Store(tmp_path / "s", frame, WHOLE, 5), values_of(frame)
    write(store, values, [1], slice(0, 5))
    assert not list((tmp_path / "s" / "rank").glob("c/*/*"))
    write(store, values, [4], slice(0, 5))
    assert len(list((tmp_path / "s" / "rank").glob("c/*/*"))) == 2


@pytest.mark.parametrize("kinds", [RANKS, OTHER])
def test_the_size_is_known_before(kinds):
    frame = frame_of(kinds=kinds)
    found = in_memory(frame, values_of(frame), {**ATTRS, "readout": "mine"})
    measured = [n for name in kinds for n in (name, f"intact_{name}")]
    assert schema.size_of(7, 20, kinds) == sum(found[n].nbytes for n in measured)


LARGE = """
import json, resource, sys
import numpy as np
sys.path.insert(0, sys.argv[2])
import test_store as t
frame = t.frame_of(500, 100_000, order=np.random.default_rng(0).permutation(100_000))
block = {name: np.ones((250, 1000), np.uint8) for name in t.RANKS}
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
store = t.Store(sys.argv[1], frame, t.WHOLE, 1000)
for batch in frame.order.reshape(-1, 1000):
    for start in range(0, frame.n_rows, 250):
        rows = np.arange(start, min(start + 250, frame.n_rows))
        store.write(rows, batch, {n: values[: len(rows)] for n, values in block.items()})
outcomes = store.finish(t.ATTRS)
drops = t.la.effects(outcomes, top=1)
print(json.dumps([peak() - before, int(drops["overall_total"]), int(drops["overall_lost"].sum())]))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_outcomes(tmp_path):
    """100 MB of outcomes are written and summed up."""
    command = [sys.executable, "-c", LARGE, str(tmp_path / "s"), str(Path(__file__).parent)]
    grown, total, lost = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    )
    assert (total, lost) == (100_000, 0)
    assert grown < 70  # MB
