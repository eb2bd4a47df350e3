"""CIFAR-10 from its binary files, from the archive, and from damaged ones."""

import hashlib
import io
import sys
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from lashley.data import cifar10
from lashley.errors import DataError

from real_data import data_root

CIFAR10 = sys.modules["lashley.data.cifar10"]  # the function has the module's name
FOLDER = "cifar-10-batches-bin"
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BINS = ("data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
        "data_batch_5.bin", "test_batch.bin")  # fmt: skip


@pytest.fixture
def content(monkeypatch):
    """Files of the official names and form, of 20 images each: bytes by name."""
    monkeypatch.setattr(CIFAR10, "_IMAGES", 20)
    draw = np.random.default_rng(0)
    records = {n: draw.integers(0, 256, (20, 3073), dtype=np.uint8) for n in BINS}
    for batch in records.values():
        batch[:, 0] = np.arange(20) % 10
    files = {n: batch.tobytes() for n, batch in records.items()}
    return files | {"batches.meta.txt": ("\n".join(NAMES) + "\n\n").encode()}


@pytest.fixture
def folder(tmp_path, monkeypatch, content):
    """`LASHLEY_DATA/cifar-10-batches-bin`, with the files in it."""
    monkeypatch.setenv("LASHLEY_DATA", str(tmp_path / "own"))
    monkeypatch.setattr("pooch.os_cache", lambda _name: str(tmp_path / "cache"))
    return unpacked(tmp_path / "own" / FOLDER, content)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No LASHLEY_DATA, an empty cache (whose path this is), and a closed address."""
    monkeypatch.delenv("LASHLEY_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda _name: str(tmp_path / "cache"))
    closed = replace(CIFAR10._ARCHIVE, urls=("http://127.0.0.1:9/cifar-10-binary.tar.gz",))
    monkeypatch.setattr(CIFAR10, "_ARCHIVE", closed)
    return tmp_path / "cache"


def unpacked(folder, content):
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


def packed(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def archive(content, monkeypatch):
    """A function that packs the files into a folder; the archive counts as the official one."""

    def pack(folder):
        path = packed(folder / "cifar-10-binary.tar.gz", content)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setattr(CIFAR10, "_ARCHIVE", replace(CIFAR10._ARCHIVE, sha256=sha256))
        return path

    return pack


class TestContent:
    def test_planes_labels_order_and_normalisation(self, folder, content):
        for split, files in (("train", BINS[:5]), ("test", BINS[5:])):
            found = cifar10(split)
            assert found.class_names == NAMES
            assert (found.inputs.dtype, found.labels.dtype) == (torch.float32, torch.int64)
            assert found.inputs.shape == (20 * len(files), 3, 32, 32)
            assert found.labels.tolist() == [i % 10 for i in range(20)] * len(files)
            whole = b"".join(content[n] for n in files)
            for image, colour, y, x in ((0, 0, 0, 0), (7, 1, 3, 30), (len(found) - 1, 2, 31, 31)):
                byte = whole[image * 3073 + 1 + colour * 1024 + y * 32 + x]
                expected = (byte / 255 - MEAN[colour]) / STD[colour]
                assert float(found.inputs[image, colour, y, x]) == pytest.approx(expected, abs=1e-5)

    def test_no_such_split(self):
        with pytest.raises(DataError, match="split: given 'valid'; allowed are 'train' and 'test'"):
            cifar10("valid")


class TestPlace:
    def test_unpacked_in_the_cache(self, nowhere, content):
        unpacked(nowhere / FOLDER, content)
        assert len(cifar10("test")) == 20

    @pytest.mark.parametrize("split", ["train", "test"])
    def test_the_archive_serves_as_it_is(self, folder, archive, split):
        expected = cifar10(split)
        for path in folder.iterdir():
            path.unlink()
        archive(folder)
        found = cifar10(split)
        assert found.fingerprint == expected.fingerprint
        assert [p.name for p in folder.iterdir()] == ["cifar-10-binary.tar.gz"]

    def test_downloaded_once_into_the_cache(self, nowhere, archive, tmp_path, monkeypatch):
        source, asked = archive(tmp_path), []

        def retrieve(url, known_hash, fname, path, progressbar):
            asked.append(url)
            assert known_hash == "sha256:" + hashlib.sha256(source.read_bytes()).hexdigest()
            path.mkdir(parents=True, exist_ok=True)
            return source.rename(path / fname)

        monkeypatch.setattr("pooch.retrieve", retrieve)
        assert (len(cifar10("test")), len(cifar10("train"))) == (20, 100)
        assert len(asked) == 1
        assert (nowhere / FOLDER / "cifar-10-binary.tar.gz").is_file()

    def test_nowhere(self, nowhere):
        with pytest.raises(DataError) as caught:
            cifar10("test")
        for word in (FOLDER, "cifar-10-binary.tar.gz", "c4a38c50a1bc", "http://127.0.0.1:9/",
                     str(nowhere / FOLDER), "LASHLEY_DATA"):  # fmt: skip
            assert word in str(caught.value)


class TestDamage:
    @pytest.mark.parametrize("keep", [0, 1, 3073, 10 * 3073, -1, -3073])
    def test_truncated(self, folder, keep):
        path = folder / "data_batch_3.bin"
        path.write_bytes(path.read_bytes()[:keep])
        has = f"{path.stat().st_size:,}"
        with pytest.raises(
            DataError, match=rf"{path}: damaged, it has {has} bytes, must have 61,460\. Delete the"
        ):
            cifar10("train")
        assert len(cifar10("test")) == 20

    def test_too_long(self, folder):
        path = folder / "test_batch.bin"
        path.write_bytes(path.read_bytes() + b"\0" * 3073)
        with pytest.raises(DataError, match=r"test_batch\.bin: damaged, it has 64,533 bytes"):
            cifar10("test")

    def test_a_label_of_no_class(self, folder):
        path = folder / "test_batch.bin"
        content = bytearray(path.read_bytes())
        content[3 * 3073] = 10
        path.write_bytes(content)
        with pytest.raises(
            DataError, match=rf"{path}: damaged, the label of image 3 is 10, must be 0 to 9"
        ):
            cifar10("test")

    @pytest.mark.parametrize(
        "names", [b"", b"cat\ndog\n", b"\xff" * 60, "\n".join([*NAMES, "eleventh"]).encode(),
                  b"cat\n" * 10],
    )  # fmt: skip
    def test_names_of_other_classes(self, folder, names):
        (folder / "batches.meta.txt").write_bytes(names)
        with pytest.raises(
            DataError, match=r"batches\.meta\.txt: damaged, it does not hold the names of ten"
        ):
            cifar10("test")

    @pytest.mark.parametrize("damage", ["empty", "cut off", "one bit"])
    def test_an_archive_of_other_bytes(self, nowhere, content, archive, damage):
        path = archive(nowhere / FOLDER)
        whole = bytearray(path.read_bytes())
        whole[50_000] ^= 1
        kept = {"empty": 0, "cut off": len(whole) // 2, "one bit": len(whole)}[damage]
        path.write_bytes(whole[:kept])
        with pytest.raises(DataError, match=rf"{path}: damaged, its SHA-256 is not .*Delete the"):
            cifar10("test")


@pytest.fixture
def cifar10_data(monkeypatch):
    """The folder of the real files, with LASHLEY_DATA pointing at it."""
    root = data_root()
    if root is None or not (root / FOLDER).exists():
        pytest.skip("CIFAR-10 is not here: set LASHLEY_DATA")
    monkeypatch.setenv("LASHLEY_DATA", str(root))
    return root


def test_the_real_test_images(cifar10_data):
    found = cifar10("test")
    assert found.class_names == NAMES
    assert found.labels.bincount().tolist() == [1000] * 10
    assert found.inputs.mean((0, 2, 3)).abs().max() < 0.05
    assert (found.inputs.std((0, 2, 3)) - 1).abs().max() < 0.05
