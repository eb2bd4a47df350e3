"""Examples, idx files, MNIST, and the digits binarised as the authors' code did."""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lashley as la
from lashley.data import Examples, as_examples, binarised, digits, fingerprint, mnist
from lashley.data.examples import require_classes, require_tensor
from lashley.data.inputs import inputs_to, take
from lashley.data.mnist import _SHA256, read_idx
from lashley.errors import DataError

MNIST = sys.modules["lashley.data.mnist"]  # the function has the module's name
CLOSED = "http://127.0.0.1:9/"
NAMES = tuple(str(i) for i in range(10))


def idx(array: np.ndarray, promised: tuple[int, ...] | None = None, magic=b"\0\0\x08") -> bytes:
    """An idx file of unsigned bytes, not yet compressed."""
    shape = promised or array.shape
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return magic + bytes([len(shape)]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)


@pytest.fixture
def mnist_folder(tmp_path, images):
    """A folder with small files of MNIST's names and form."""
    folder = tmp_path / "own" / "mnist"
    folder.mkdir(parents=True)
    for prefix in ("train", "t10k"):
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        labels = np.arange(20) % 10
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return folder


@pytest.fixture
def no_mnist(tmp_path, monkeypatch):
    """No LASHLEY_DATA, an empty cache (whose path this is), and mirrors that are closed."""
    monkeypatch.delenv("LASHLEY_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda _name: str(tmp_path / "cache"))
    monkeypatch.setattr(MNIST, "_MIRRORS", (CLOSED + "one/", CLOSED + "two/"))
    return tmp_path / "cache"


class TestReadIdx:
    @given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=3), seed=st.integers(0, 99))
    def test_gives_back_what_was_written(self, tmp_path_factory, shape, seed):
        array = np.random.default_rng(seed).integers(0, 256, shape)
        path = tmp_path_factory.mktemp("idx") / "a.gz"
        path.write_bytes(gzip.compress(idx(array)))
        assert read_idx(path).dtype == torch.uint8
        np.testing.assert_array_equal(read_idx(path).numpy(), array)

    @pytest.mark.parametrize("keep", [0, 1, 5, 0.5, 0.99, -1, -8])
    def test_truncated(self, tmp_path, images, keep):
        whole = gzip.compress(idx(images))
        end = int(keep * len(whole)) if isinstance(keep, float) else keep
        self.refuses(tmp_path / "a.gz", whole[:end])

    @pytest.mark.parametrize("place", [0, 200, 5000, -6, -2])
    def test_damaged_bytes(self, tmp_path, images, place):
        whole = bytearray(gzip.compress(idx(images)))
        whole[place] ^= 0xFF
        self.refuses(tmp_path / "a.gz", bytes(whole), "it does not unpack")

    @pytest.mark.parametrize("magic", [b"\0\0\x0d", b"\1\0\x08", b"PK\x03"])
    def test_wrong_magic(self, tmp_path, images, magic):
        self.refuses(tmp_path / "a.gz", gzip.compress(idx(images, magic=magic)), "does not begin")

    @pytest.mark.parametrize("content", [b"", b"\0\0\x08", b"\0\0\x08\3\0\0", b"\0\0\x08\0"])
    def test_no_header(self, tmp_path, content):
        self.refuses(tmp_path / "a.gz", gzip.compress(content), "does not begin as an idx file")

    @pytest.mark.parametrize("promised", [(21, 28, 28), (19, 28, 28)])
    def test_size_other_than_promised(self, tmp_path, images, promised):
        content = gzip.compress(idx(images, promised))
        self.refuses(tmp_path / "a.gz", content, rf"promises {promised[0] * 784} bytes .* 15680")

    def test_not_compressed(self, tmp_path, images):
        self.refuses(tmp_path / "a.gz", idx(images), "does not unpack")

    def test_no_such_file(self, tmp_path):
        with pytest.raises(DataError, match=r"b\.gz: damaged, it does not unpack"):
            read_idx(tmp_path / "b.gz")

    @staticmethod
    def refuses(path: Path, content: bytes, words: str = "") -> None:
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"damaged, .*{words}.*Delete the file and run again"):
            read_idx(path)


class TestMnist:
    def test_in_lashley_data(self, mnist_folder, no_mnist, monkeypatch, images):
        monkeypatch.setenv("LASHLEY_DATA", str(mnist_folder.parent))
        for split in ("train", "test"):
            examples = mnist(split)
            expected = (images[:, None] / 255 - 0.5) / 0.5
            np.testing.assert_allclose(examples.inputs.numpy(), expected, atol=1e-6)
            assert examples.labels.tolist() == [i % 10 for i in range(20)]
            assert examples.class_names == NAMES

    def test_in_the_cache(self, mnist_folder, no_mnist):
        no_mnist.mkdir()
        mnist_folder.rename(no_mnist / "mnist")
        assert len(mnist("test")) == 20

    def test_downloaded_from_the_second_mirror(self, mnist_folder, no_mnist, monkeypatch):
        asked = []

        def retrieve(url, known_hash, fname, path, progressbar):
            asked.append(url)
            content = (mnist_folder / fname).read_bytes()
            if "one" in url:
                raise ConnectionError(url)
            assert known_hash == "sha256:" + hashlib.sha256(content).hexdigest()
            (path / fname).parent.mkdir(parents=True, exist_ok=True)
            (path / fname).write_bytes(content)
            return path / fname

        sums = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in mnist_folder.iterdir()}
        monkeypatch.setattr(MNIST, "_SHA256", sums)
        monkeypatch.setattr("pooch.retrieve", retrieve)
        assert len(mnist("test")) == 20
        assert ["one" in url for url in asked] == [True, False, True, False]
        assert len(mnist("test")) == 20  # now from the cache
        assert len(asked) == 4

    def test_nowhere(self, no_mnist):
        with pytest.raises(DataError) as caught:
            mnist("train")
        for word in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                     CLOSED + "one/train-images-idx3-ubyte.gz", CLOSED + "two/",
                     str(no_mnist / "mnist"), "LASHLEY_DATA"):  # fmt: skip
            assert word in str(caught.value)
        assert "t10k" not in str(caught.value)

    def test_damaged(self, mnist_folder, no_mnist, monkeypatch):
        monkeypatch.setenv("LASHLEY_DATA", str(mnist_folder.parent))
        path = mnist_folder / "t10k-labels-idx1-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-3])
        with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: damaged"):
            mnist("test")

    def test_files_mixed_up(self, mnist_folder, no_mnist, monkeypatch):
        monkeypatch.setenv("LASHLEY_DATA", str(mnist_folder.parent))
        path = mnist_folder / "t10k-images-idx3-ubyte.gz"
        path.write_bytes((mnist_folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
        with pytest.raises(DataError, match="holds no images"):
            mnist("test")

    def test_fewer_labels_than_images(self, mnist_folder, no_mnist, monkeypatch):
        monkeypatch.setenv("LASHLEY_DATA", str(mnist_folder.parent))
        (mnist_folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(19))))
        with pytest.raises(DataError, match="given 20 inputs and 19 labels"):
            mnist("test")

    @pytest.mark.parametrize("load", [mnist, digits])
    def test_no_such_split(self, load):
        with pytest.raises(DataError, match="split: given 'valid'; allowed are 'train' and 'test'"):
            load("valid")

    def test_the_real_files_are_the_published_ones(self, mnist_data):
        for name, sha256 in _SHA256.items():
            content = (mnist_data / "mnist" / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == sha256
        assert len(mnist("test")) == 10_000
        assert mnist("test").inputs.aminmax() == (-1.0, 1.0)


def test_the_small_digits_are_split_by_their_writers():
    train, test = digits("train"), digits("test")
    assert (len(train), len(test)) == (1200, 597)
    assert train.inputs.shape[1:] == (1, 8, 8)
    assert train.inputs.dtype == torch.float32
    assert (float(train.inputs.min()), float(train.inputs.max())) == (-1, 1)
    assert set(test.labels.tolist()) == set(range(10))


class TestBinarised:
    def test_real_digits_against_the_raw_bytes(self, mnist_data):
        given_, raw = mnist("test"), read_idx(mnist_data / "mnist" / "t10k-images-idx3-ubyte.gz")
        before = given_.inputs.clone()
        found = binarised(given_)
        assert torch.equal(found.inputs[:, 0] == 1, raw > 10)
        assert torch.equal(found.inputs[:, 0] == -1, raw <= 10)
        assert ((raw == 10).any(), (raw == 11).any()) == (True, True)  # the edge does occur
        assert torch.equal(given_.inputs, before)
        assert given_.current_fingerprint() == given_.fingerprint
        assert found.fingerprint["inputs"] != given_.fingerprint["inputs"]
        assert found.fingerprint["labels"] == given_.fingerprint["labels"]

    def test_every_grey_level_is_on_above_every_threshold_only(self):
        grey = torch.arange(256)
        inputs = grey.float().div(255).sub(0.5).div(0.5).reshape(1, 1, 16, 16)
        examples = Examples(inputs, torch.tensor([0]), ("a",))
        for threshold in range(255):
            on = binarised(examples, threshold).inputs.flatten() == 1
            assert torch.equal(on, grey > threshold)


class TestExamples:
    def test_a_pair_of_tensors_serves(self):
        inputs, labels = torch.randn(4, 3), torch.tensor([0, 2, 1, 2], dtype=torch.int32)
        for pair in ((inputs, labels), [inputs.numpy(), labels.numpy()], (inputs, [0, 2, 1, 2])):
            found = as_examples(pair)
            assert found.class_names == ("0", "1", "2")
            assert found.labels.dtype == torch.int64
            assert torch.equal(found.inputs, inputs)
        assert as_examples(found) is found
        assert len(found) == 4

    @pytest.mark.parametrize("place", [(0, 0), (3, 1), (2, 2)])
    def test_the_fingerprint_notices_one_pixel(self, place):
        examples = Examples(torch.zeros(4, 3), torch.tensor([0, 1, 0, 1]), ("a", "b"))
        assert examples.current_fingerprint() == examples.fingerprint
        examples.inputs[place] = 1e-30
        changed = examples.current_fingerprint()
        assert changed["inputs"] != examples.fingerprint["inputs"]
        assert changed["labels"] == examples.fingerprint["labels"]
        examples.inputs[place] = 0
        assert examples.current_fingerprint() == examples.fingerprint
        examples.labels[0] = 1
        assert examples.current_fingerprint()["labels"] != examples.fingerprint["labels"]

    def test_the_fingerprint_knows_shape_and_type_but_not_the_layout_in_memory(self):
        values = torch.arange(6.0)
        prints = [fingerprint(v) for v in (values, values.reshape(2, 3), values.double(), -values)]
        assert len(set(prints)) == 4
        turned = values.reshape(2, 3).T
        assert fingerprint(turned) == fingerprint(turned.contiguous())
        assert fingerprint(torch.zeros(0)) == fingerprint(torch.zeros(0))
        assert fingerprint(values.requires_grad_()) == prints[0]

    @pytest.mark.parametrize(
        ("inputs", "labels", "names", "words"),
        [
            (torch.zeros(3, 2), torch.zeros(3), "ab", r"labels: .*float32.*labels\.long\(\)"),
            (torch.zeros(3, 2), torch.eye(3, dtype=torch.int64), "abc", r"\(3, 3\).*argmax\(1\)"),
            (torch.zeros(3, 2), torch.tensor(1), "ab", r"labels: given torch.int64 of shape \(\)"),
            (torch.zeros(3, 2), torch.tensor([0, 1]), "ab", "given 3 inputs and 2 labels"),
            (torch.zeros(0, 2), torch.zeros(0).long(), "ab", "0 inputs and 0 labels; .*at least 1"),
            (torch.zeros(2, 2), torch.tensor([0, 2]), "ab", "from 0 to 2; with 2 .* 0 to 1 are"),
            (
                torch.zeros(2, 2),
                torch.tensor([-1, 0]),
                "ab",
                "from -1 to 0.*Leave out the exam",
            ),
            (torch.zeros(2, 2), torch.tensor([1, 2]), "ab", "from 1 to 2.*give labels - 1; else"),
            (torch.zeros(2, 2), torch.tensor([0, 5]), "ab", "Name every class, in the order of"),
            (torch.tensor(1.0), torch.tensor([0]), "a", r"given a number \(1\.0\).*allowed is"),
            (np.zeros((2, 2)), np.array(["a", "b"]), "a", r"labels: a ndarray .* return_inverse"),
            ([torch.zeros(2), torch.zeros(3)], [0, 0], "a", r"inputs: a list makes no tensor \(st"),
            (object(), [0, 0], "a", r"inputs: a object makes no tensor .*Give numbers"),
        ],
    )
    def test_what_does_not_go_together(self, inputs, labels, names, words):
        words = words.replace("at least 1", "at least one")
        with pytest.raises(DataError, match=words):
            la.Examples(inputs, labels, tuple(names))

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize("shape", [(5,), (5, 2), (5, 1, 3, 3)])
    def test_inputs_that_are_not_finite(self, bad, shape):
        inputs = torch.zeros(shape)
        inputs[3] = bad
        with pytest.raises(DataError, match=r"1 of 5 examples hold NaN .* number 3\. Remove or"):
            Examples(inputs, torch.zeros(5).long(), ("a",))

    @pytest.mark.parametrize("given_", [None, torch.zeros(2), "ab", [1, 2, 3], {"inputs": 1}])
    def test_what_is_no_examples(self, given_):
        with pytest.raises(
            DataError, match=r"allowed are lashley\.Examples, a pair .*or a Dataset"
        ):
            as_examples(given_)

    def test_what_makes_no_tensor(self):
        with pytest.raises(DataError, match=r"inputs: a list makes no tensor .*all entries of one"):
            as_examples(([[1], [1, 2]], [0, 1]))

    @pytest.mark.parametrize("kind", ["bool", "uint8", "int8", "int32", "uint16", "uint32", ">i4"])
    def test_labels_of_any_whole_numbers_are_classes(self, kind):
        numbers = np.array([0, 1, 1, 0])
        for found in (as_examples((np.eye(4), numbers.astype(kind))),
                      require_classes(la.Examples(np.eye(4), numbers.astype(kind)))):  # fmt: skip
            assert found.class_names == ("0", "1")
            assert found.labels.dtype == torch.int64
            assert found.labels.tolist() == [0, 1, 1, 0]
            assert found.fingerprint == found.current_fingerprint()

    @pytest.mark.parametrize(
        "make",
        [
            np.asarray, np.ndarray.tolist, torch.from_numpy, pd.DataFrame, np.asfortranarray,
            lambda a: np.broadcast_to(a, a.shape), lambda a: a[:, ::-1][:, ::-1],
            lambda a: list(a), lambda a: [torch.from_numpy(row) for row in a],
        ],
    )  # fmt: skip
    def test_inputs_from_arrays_lists_and_frames(self, make):
        numbers = np.arange(12.0).reshape(4, 3)
        found = la.Examples(make(numbers), [0, 1, 0, 1])
        assert torch.equal(found.inputs.double(), torch.from_numpy(numbers))

    def test_an_array_is_shared_so_that_a_change_is_noticed(self):
        numbers = np.zeros((4, 3))
        found = la.Examples(numbers, [0, 1, 0, 1])
        numbers[2, 1] = 1
        assert found.current_fingerprint()["inputs"] != found.fingerprint["inputs"]


class TestTargets:
    """Labels that are no classes, for other readouts."""

    @pytest.mark.parametrize(
        ("labels", "words"),
        [
            (
                torch.eye(2),
                r"float32 of shape \(2, 2\).*They are one-hot: give labels\.argmax\(1\)",
            ),
            (torch.tensor([0.5, 1.5]), "float32.*one whole number per example.*go with readout="),
            (torch.tensor([0.0, 1.0]), r"are indices, give labels\.long\(\); numbers .*readout="),
            (torch.tensor([[0], [1]]), r"\(2, 1\).*are indices in a column, give labels\[:, 0\];"),
            (torch.tensor([[0.0], [1.0]]), r"give labels\[:, 0\]\.long\(\); else readout="),
            (torch.tensor([[0.1], [1.0]]), r"Numbers to predict go with readout='squared_error'"),
            (torch.tensor([[0, 1], [1, 1]]), r"several classes per example \(multi-label\)"),
            (torch.tensor([[0.0, 0.0], [1.0, 0.0]]), r"\(multi-label\) and the like go with read"),
            (torch.zeros(2, 3).long(), r"of shape \(2, 3\).*next tokens with readout='loss'"),
            (torch.zeros(2).cfloat(), "complex64.*Numbers to predict"),
        ],
    )
    def test_are_kept_as_they_are_and_refused_where_classes_are_needed(self, labels, words):
        for found in (as_examples((torch.zeros(2, 2), labels)),
                      Examples(torch.zeros(2, 2), labels)):  # fmt: skip
            assert found.class_names == ()
            assert found.labels is labels
            assert set(found.fingerprint) == {"inputs", "labels"}
            with pytest.raises(DataError, match=f"labels: given .*{words}"):
                require_classes(found)

    def test_the_advice_for_a_column_is_never_argmax(self):
        column = torch.tensor([[0], [2], [1]])
        with pytest.raises(DataError) as found:
            require_classes(la.Examples(torch.zeros(3, 2), column))
        assert "argmax" not in str(found.value)
        assert column[:, 0].tolist() == [0, 2, 1]  # as is advised

    @pytest.mark.parametrize("numbers", [[-3, 2], [0, 1 << 30]])
    def test_whole_numbers_that_are_no_indices_stay_targets(self, numbers):
        found = as_examples((torch.zeros(2, 2), numbers))
        assert found.class_names == ()
        with pytest.raises(DataError, match=f"from {numbers[0]} to {numbers[1]}; .*without a clas"):
            require_classes(found)

    def test_whole_numbers_without_names_get_them_where_classes_are_needed(self):
        given_ = Examples(torch.zeros(2, 2), torch.tensor([0, 7], dtype=torch.int32))
        assert (given_.class_names, given_.labels.dtype) == ((), torch.int32)
        found = require_classes(given_)
        assert found.class_names == tuple("01234567")
        assert found.inputs is given_.inputs
        assert found.labels.tolist() == [0, 7]
        assert found.fingerprint["inputs"] == given_.fingerprint["inputs"]
        assert found.fingerprint == found.current_fingerprint()

    @pytest.mark.parametrize("what", ["inputs", "labels"])
    def test_a_change_before_the_classes_were_named_is_noticed(self, what):
        found = Examples(torch.zeros(2, 2), torch.tensor([0, 7], dtype=torch.int32))
        getattr(found, what)[0] = 1
        named = require_classes(found)
        assert named.current_fingerprint()[what] != named.fingerprint[what]

    def test_classes_are_let_through(self):
        found = as_examples((torch.zeros(2, 2), torch.tensor([0, 1])))
        assert require_classes(found) is found

    def test_of_several_tensors_have_a_fingerprint_each(self):
        boxes, kinds = torch.zeros(3, 4), np.array([0, 1, 1])
        of_tuple = as_examples((torch.zeros(3, 2), (boxes, kinds)))
        by_name = la.Examples(torch.zeros(3, 2), {"box": boxes, "kind": kinds})
        assert set(of_tuple.fingerprint) == {"inputs", "labels.0", "labels.1"}
        assert set(by_name.fingerprint) == {"inputs", "labels.box", "labels.kind"}
        assert (len(of_tuple), len(by_name)) == (3, 3)
        assert of_tuple.labels.parts[0] is boxes
        assert by_name.labels[1:].parts["kind"].tolist() == [1, 1]
        with pytest.raises(DataError, match=r"given several tensors; .*that holds the classes alo"):
            require_classes(by_name)
        with pytest.raises(DataError, match=r"given 3 inputs and 2 labels\.0 and 3 labels\.1"):
            la.Examples(torch.zeros(3, 2), (torch.zeros(2, 1), torch.zeros(3, 1)))

    def test_must_be_as_many_as_the_inputs(self):
        with pytest.raises(DataError, match="given 3 inputs and 2 labels"):
            Examples(torch.zeros(3, 2), torch.zeros(2, 5), ())
        with pytest.raises(DataError, match=r"given a number \(1\.0\) as labels; allowed is an"):
            Examples(torch.zeros(3, 2), torch.tensor(1.0), ())


def text(n=4):
    ids = torch.arange(3 * n).reshape(n, 3)
    return {"input_ids": ids, "attention_mask": torch.ones(n, 3), "extra": torch.zeros(n).double()}


class TestInputsByName:
    def test_have_a_fingerprint_each(self):
        inputs, labels = text(), torch.tensor([0, 1, 0, 1])
        found = as_examples((inputs, labels))
        assert (len(found), found.class_names) == (4, ("0", "1"))
        names = {"inputs.input_ids", "inputs.attention_mask", "inputs.extra", "labels"}
        assert set(found.fingerprint) == names
        inputs["input_ids"][2, 1] = 99
        after = found.current_fingerprint()
        assert [n for n in names if after[n] != found.fingerprint[n]] == ["inputs.input_ids"]
        inputs["more"] = torch.zeros(4)
        assert found.current_fingerprint() == after

    def test_arrays_serve_in_a_pair(self):
        arrays = {name: tensor.numpy() for name, tensor in text().items()}
        found = as_examples((arrays, [0, 1, 0, 1]))
        assert torch.equal(found.inputs["input_ids"], text()["input_ids"])

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"extra": torch.zeros(3)}, r"3 inputs\.extra and 4 labels; there must be equally"),
            ({"extra": ["a", "b", "c", "d"]}, r"inputs\.extra: a list makes no tensor"),
            ({"extra": torch.tensor(1.0)}, r"given a number \(1\.0\) as inputs\.extra"),
            (
                {"extra": torch.tensor([0, 1, float("nan"), 0])},
                r"inputs\.extra: 1 of 4 .* number 2",
            ),
            ({3: torch.zeros(4)}, r"inputs: given a dict of \['input_ids', .*, 3\]; allowed are"),
        ],
    )
    def test_what_does_not_go_together(self, change, words):
        with pytest.raises(DataError, match=words):
            Examples({**text(), **change}, torch.tensor([0, 1, 0, 1]), ("a", "b"))

    def test_no_tensor_at_all(self):
        with pytest.raises(DataError, match=r"inputs: given a dict of \[\]; allowed are"):
            Examples({}, torch.tensor([0]), ("a",))

    def test_are_refused_where_one_tensor_is_needed(self):
        with pytest.raises(DataError, match=r"by name \(input_ids, .*Wrap the network"):
            require_tensor(as_examples((text(), [0, 1, 0, 1])))
        found = as_examples((torch.zeros(2, 2), [0, 1]))
        assert require_tensor(found) is found.inputs


class TestParts:
    @pytest.mark.parametrize("which", [slice(1, 3), [1, 2], np.array([1, 2]), torch.tensor([1, 2])])
    def test_of_one_tensor_and_of_several(self, which):
        inputs = text()
        for name, part in take(inputs, which).items():
            assert torch.equal(part, inputs[name][1:3])
        assert torch.equal(take(inputs["extra"], which), inputs["extra"][1:3])

    def test_no_example_at_all(self):
        assert take(torch.zeros(4, 3), []).shape == (0, 3)

    def test_a_slice_copies_nothing(self):
        inputs = torch.zeros(4, 3)
        assert take(inputs, slice(1, 3)).data_ptr() == inputs[1:].data_ptr()

    def test_only_real_numbers_change_their_format(self):
        moved = inputs_to(text(), "cpu", torch.bfloat16)
        kinds = {name: part.dtype for name, part in moved.items()}
        assert kinds == {"input_ids": torch.int64, "attention_mask": torch.bfloat16,
                         "extra": torch.bfloat16}  # fmt: skip
        assert inputs_to(text(), "cpu")["extra"].dtype == torch.float64
        assert inputs_to(torch.zeros(2), "meta").device.type == "meta"


def test_large_inputs_are_checked_and_hashed_in_small_parts(monkeypatch):
    """They may be files mapped into memory: no copy of the whole may be made."""
    sizes = []
    inputs = torch.randn(1000, 7, 3).transpose(1, 2)
    whole, isfinite = fingerprint(inputs), torch.isfinite
    monkeypatch.setattr("lashley.data.examples._CHUNK", 21 * 50)
    monkeypatch.setattr(torch, "isfinite", lambda t: (sizes.append(len(t)), isfinite(t))[1])
    assert Examples(inputs, torch.zeros(1000).long(), ("a",)).fingerprint["inputs"] == whole
    assert sizes == [50] * 20
    inputs[777, 1, 1] = float("inf")
    inputs[60] = float("nan")
    with pytest.raises(DataError, match=r"2 of 1000 examples hold NaN or infinity, .* number 60"):
        Examples(inputs, torch.zeros(1000).long(), ("a",))


def test_class_names_must_be_a_list_of_different_names():
    inputs, labels = torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])
    for wrong in ("ab", 5, {"a", "b"}):
        with pytest.raises(DataError, match=r"class_names: given .*one name per class"):
            la.Examples(inputs, labels, wrong)
    assert la.Examples(inputs, labels, None).class_names == ()
    with pytest.raises(DataError, match="class_names: 'a' is given twice"):
        la.Examples(inputs, labels, ("a", "a"))
