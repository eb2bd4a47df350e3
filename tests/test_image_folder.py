"""Folders of images: listing, classes, transform, broken files, workers, the store, subsets."""

import errno
import json
import os
import signal
import struct
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional

from lashley import Examples
from lashley.data import decoding, image_folder, image_store, pixels, subset
from lashley.data.image_transform import IMAGENET_MEAN, IMAGENET_STD
from lashley.data.subset import stratified
from lashley.errors import DataError

SMALL = {"resize": 12, "crop": 8}
HERE = {**SMALL, "workers": 0}
RAW = {"mean": (0, 0, 0), "std": (1 / 255,) * 3}  # inputs are grey levels
EXACT = {**RAW, "workers": 0}


def photo(size=(20, 16), seed=0):
    """A smooth picture with some noise, (width, height)."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def save(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or photo()).save(path, **options)
    return path


def truncate(path):
    path.write_bytes(path.read_bytes()[:-60])


@pytest.fixture
def root(tmp_path):
    """Three classes, one nested, with 4, 2 and 3 images."""
    names = {"cat": ["a.jpg", "b.JPEG", "c.png", "d.bmp"], "ant": ["x/2.jpg", "1.jpg"],
             "dog": ["p.webp", "q.tif", "r.ppm"]}  # fmt: skip
    files = [(folder, name) for folder, names in names.items() for name in names]
    for seed, (folder, name) in enumerate(files):
        save(tmp_path / "root" / folder / name, photo(seed=seed))
    return tmp_path / "root"


def read(path, **options):
    """(y, x, 3) grey levels of one image that is the whole content of a folder."""
    side = options.pop("side", 8)
    found = image_folder(path.parents[1], resize=side, crop=side, **EXACT, **options)
    return found.inputs[0].permute(1, 2, 0).round().int().numpy()


class TestListing:
    def test_classes_are_sorted_folders_and_files_come_as_in_torchvision(self, root):
        found = image_folder(root, **HERE)
        assert found.class_names == ("ant", "cat", "dog")
        assert found.labels.tolist() == [0] * 2 + [1] * 4 + [2] * 3
        assert found.inputs.shape == (9, 3, 8, 8)
        assert found.inputs.dtype == torch.float32
        first = image_folder(root, **HERE, class_names=None, images=9)
        assert first.fingerprint == found.fingerprint
        one = save(root.parent / "one" / "ant" / "1.jpg", photo(seed=5))  # "ant" before "ant/x"
        alone = image_folder(one.parents[1], **HERE)
        assert torch.equal(alone.inputs[0], found.inputs[0])

    def test_the_root_may_be_text_with_a_tilde(self, root, monkeypatch):
        monkeypatch.setenv("HOME", str(root.parent))
        assert len(image_folder("~/root", **HERE)) == 9

    def test_other_files_are_passed_over_without_a_word(self, root):
        (root / "README.md").write_text("about")
        (root / "ant" / "notes.txt").write_text("about")
        (root / "ant" / ".DS_Store").write_text("")
        (root / ".git").mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(image_folder(root, **HERE)) == 9

    def test_what_may_have_been_an_image_is_counted_in_a_warning(self, root):
        for name in ("a.gif", "b.GIF", ".hidden.jpg", ".checkpoints/c.jpg", "plain"):
            path = root / "ant" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"GIF89a")
        with pytest.warns(UserWarning, match="not taken as images") as told:
            assert len(image_folder(root, **HERE)) == 9
        message = str(told[0].message)
        for part in ("2 hidden", "1 .gif", "1 .GIF", "1 without extension", ".jpeg", str(root)):
            assert part in message
        assert told[0].filename == __file__

    def test_linked_folders_are_followed(self, root, tmp_path):
        save(tmp_path / "elsewhere" / "z.png")
        for name in ("zebra", "ant/more"):
            (root / name).symlink_to(tmp_path / "elsewhere")
        found = image_folder(root, **HERE)
        assert found.class_names[-1] == "zebra"
        assert found.labels.tolist() == [0] * 3 + [1] * 4 + [2] * 3 + [3]


class TestRootErrors:
    def test_missing_or_a_file(self, root):
        with pytest.raises(DataError, match=r"nowhere is not there; allowed is a folder.*Check"):
            image_folder(root / "nowhere")
        with pytest.raises(DataError, match=r"d\.bmp is a file; allowed is a folder"):
            image_folder(root / "cat" / "d.bmp")

    def test_no_class_folders_says_what_is_there(self, tmp_path):
        with pytest.raises(DataError, match="holds nothing; allowed is"):
            image_folder(tmp_path)
        for i in range(7):
            (tmp_path / f"{i}.txt").write_text("")
        with pytest.raises(DataError, match=r"holds 0\.txt, 1\.txt, .* and 2 more; allowed is"):
            image_folder(tmp_path)

    def test_images_beside_the_class_folders(self, root):
        save(root / "stray.JPEG")
        with pytest.raises(DataError, match=r"1 images lie in .*stray\.JPEG.*Move each"):
            image_folder(root)

    def test_a_folder_without_images_says_what_it_holds(self, root):
        (root / "empty").mkdir()
        with pytest.raises(DataError, match=r"no image in 1 of 4 folders \(empty\), but no file"):
            image_folder(root)
        for name in ("a.gif", "b.gif", "c"):
            (root / "empty" / name).write_text("")
        words = r"but 2 of \.gif, 1 of no extension; allowed are \.jpg \.jpeg .*Convert the files"
        with pytest.raises(DataError, match=words):
            image_folder(root)

    def test_a_folder_that_cannot_be_listed(self, root, monkeypatch):
        scandir = os.scandir

        def locked(path):
            if Path(path).name == "x":
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", locked)
        with pytest.raises(DataError, match=r"ant/x: the folder cannot be listed \(Permission"):
            image_folder(root)


class TestClassNames:
    LINES = ("dog good dog", "zebra", "ant  black ant \t", "cat")

    @pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n"])
    def test_a_file_gives_order_and_names(self, root, tmp_path, end):
        path = tmp_path / "classes.txt"
        path.write_bytes(b"\xef\xbb\xbf" + ("\r\n".join(self.LINES) + end).encode())
        found = image_folder(root, **HERE, class_names=path)
        assert found.class_names == ("good dog", "zebra", "black ant", "cat")
        assert found.labels.tolist() == [2] * 2 + [3] * 4 + [0] * 3
        listed = image_folder(root, **HERE, class_names=self.LINES)
        assert (listed.class_names, listed.fingerprint) == (found.class_names, found.fingerprint)

    def test_two_classes_of_one_name_are_told_apart_by_folder(self, root):
        found = image_folder(root, **HERE, class_names=["ant pet", "cat pet", "dog"])
        assert found.class_names == ("pet (ant)", "pet (cat)", "dog")

    def test_a_folder_that_is_not_named(self, root):
        with pytest.raises(DataError, match=r"given 2 classes \(cat, dog\), but .* holds ant"):
            image_folder(root, class_names=["cat", "dog"])

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ([], "class_names: no line; allowed is one class per line"),
            (["ant", "", "cat", "dog"], "line 2 is ''; allowed.*Name every class"),
            (["ant", 3], "line 2 is 3; allowed"),
            (["ant", "cat", "ant b", "dog"], "folder 'ant' is given 2 times; allowed is once"),
        ],
    )
    def test_lines_that_are_no_classes(self, root, given, words):
        with pytest.raises(DataError, match=words):
            image_folder(root, class_names=given)

    def test_a_file_that_cannot_be_read(self, root, tmp_path):
        with pytest.raises(DataError, match=r"no\.txt cannot be read .*No such file.*in a list"):
            image_folder(root, class_names=str(tmp_path / "no.txt"))
        (tmp_path / "latin.txt").write_bytes("Löwe".encode("latin-1"))
        with pytest.raises(DataError, match=r"latin\.txt cannot be read .*codec.*UTF-8"):
            image_folder(root, class_names=tmp_path / "latin.txt")


class TestTransform:
    @pytest.mark.parametrize("size", [(20, 31), (47, 16), (9, 30), (16, 16), (301, 200)])
    def test_equals_an_independent_resize_and_crop(self, tmp_path, size):
        path = save(tmp_path / "c" / "a.png", photo(size))
        found = image_folder(tmp_path, resize=16, crop=11, **EXACT).inputs[0]
        width, height = size
        short = min(size)
        wide, high = int(16 * width / short), int(16 * height / short)
        image = torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)[None].float()
        big = functional.interpolate(image, (high, wide), mode="bilinear", antialias=True)[0]
        top, left = round((high - 11) / 2), round((wide - 11) / 2)
        expected = big[:, top : top + 11, left : left + 11]
        assert (found - expected).abs().max() < 1.6

    def test_is_exact_where_nothing_is_resized(self, tmp_path):
        draw = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
        save(tmp_path / "c" / "a.png", Image.fromarray(draw))
        found = image_folder(tmp_path, workers=0).inputs[0]
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
        middle = torch.from_numpy(draw)[16:240, 16:240].permute(2, 0, 1)
        assert torch.equal(found, (middle.float() / 255 - mean) / std)

    def test_halves_are_rounded_to_even_as_in_torchvision(self, tmp_path):
        rows = np.repeat(np.arange(16, dtype=np.uint8)[:, None], 16, 1)
        path = save(tmp_path / "c" / "a.png", Image.fromarray(rows))
        for crop, top in ((11, 2), (13, 2), (15, 0), (9, 4)):  # 2.5, 1.5, 0.5, 3.5
            found = image_folder(path.parents[1], resize=16, crop=crop, **EXACT)
            assert found.inputs[0, 0, 0, 0].round() == top

    def test_a_constant_image_stays_constant(self, tmp_path):
        path = save(tmp_path / "c" / "a.png", Image.new("RGB", (37, 91), (3, 77, 250)))
        assert (read(path) == [3, 77, 250]).all()

    def test_imagenets_bytes_per_image(self, tmp_path):
        save(tmp_path / "c" / "a.png")
        inputs = image_folder(tmp_path, workers=0).inputs
        assert inputs.nbytes == 602_112
        assert "602,112" in image_folder.__doc__


class TestForms:
    def test_grey_and_black_and_white(self, tmp_path):
        assert (read(save(tmp_path / "1" / "c" / "a.png", Image.new("L", (9, 9), 77))) == 77).all()
        assert (read(save(tmp_path / "2" / "c" / "a.png", Image.new("1", (9, 9), 1))) == 255).all()

    @pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
    def test_16_bits_are_scaled_not_cut(self, tmp_path, name):
        deep = np.array([[0, 128, 129, 257], [300, 32_768, 65_406, 65_535]] * 2, np.uint16)
        (tmp_path / "c").mkdir()
        if name == "a.pgm":
            content = b"P5 4 4 65535\n" + deep.astype(">u2").tobytes()
            (tmp_path / "c" / name).write_bytes(content)
        else:
            save(tmp_path / "c" / name, Image.fromarray(deep))
        found = read(tmp_path / "c" / name, side=4)
        expected = [[0, 0, 1, 1], [1, 128, 254, 255]] * 2
        assert (found == np.array(expected)[:, :, None]).all()

    def test_cmyk_as_photoshop_writes_it_and_plain(self, tmp_path):
        ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # red
        assert abs(read(save(tmp_path / "j" / "c" / "a.jpg", ink)) - [255, 0, 0]).max() <= 2
        assert (read(save(tmp_path / "t" / "c" / "a.tif", ink)) == [255, 0, 0]).all()
        content = (tmp_path / "j" / "c" / "a.jpg").read_bytes()
        assert b"Adobe" in content  # so its inks are stored inverted

    def test_palette_with_transparency_and_rgba_lose_their_alpha(self, tmp_path):
        palette = Image.new("P", (8, 8), 1)
        palette.putpalette([9, 9, 9, 200, 100, 50])
        path = save(tmp_path / "p" / "c" / "a.png", palette, transparency=bytes([255, 7]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert (read(path) == [200, 100, 50]).all()
        clear = Image.new("RGBA", (8, 8), (200, 100, 50, 0))
        assert (read(save(tmp_path / "r" / "c" / "a.png", clear)) == [200, 100, 50]).all()

    def test_the_cameras_orientation_is_ignored(self, tmp_path):
        upright = Image.fromarray(np.repeat(np.uint8([[10], [200]]), 2, 1)).resize((8, 8), 0)
        turned = Image.Exif()
        turned[0x0112] = 3
        path = save(tmp_path / "c" / "a.png", upright, exif=turned)
        assert read(path)[0, 0, 0] == 10


BROKEN = {
    "cut.jpg": "truncated",
    "cut.png": "truncated",
    "text.jpg": "no image that Pillow can read",
    "empty.png": "an empty file",
    "link.jpg": "no such file",
    "bomb.png": "decompression bomb",
    "float.tif": "real numbers",
    "deep.tif": "grey levels are -5 to 9, not 0 to 65535",
    "long.png": "sides are 1 and 3000000 pixels: too long",
    "pipe.jpg": "no ordinary one",
}


def png_header(width, height):
    """A PNG file that promises so many grey pixels."""
    form = b"IHDR" + struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(form))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + form + crc + b"\0\0\0\0IDAT"


@pytest.fixture
def broken(root):
    """The folder with a further class of one good image and every broken kind."""
    folder = root / "bad"
    save(folder / "good.png")
    truncate(save(folder / "cut.jpg", photo((80, 80))))
    truncate(save(folder / "cut.png", photo((80, 80))))
    (folder / "text.jpg").write_text("This is no image.")
    (folder / "empty.png").write_bytes(b"")
    (folder / "link.jpg").symlink_to(root / "nowhere.jpg")
    (folder / "bomb.png").write_bytes(png_header(20_000, 9_500))
    save(folder / "float.tif", Image.new("F", (9, 9), 0.5))
    save(folder / "deep.tif", Image.fromarray(np.array([[-5, 9]], np.int32)))
    save(folder / "long.png", Image.new("1", (1, 3_000_000)))
    os.mkfifo(folder / "pipe.jpg")
    return root


class TestBroken:
    def test_all_are_named_at_once(self, broken):
        with pytest.raises(DataError, match=r"10 of 20 images in .* cannot be read") as caught:
            image_folder(broken, **HERE)
        lines = str(caught.value).splitlines()
        for name, reason in BROKEN.items():
            (line,) = (line for line in lines if f"bad/{name}:" in line)
            assert reason in line
            assert str(broken) not in line
        assert "skip_broken" in lines[-1]

    def test_skipped_on_demand_with_a_warning_and_the_rest_in_place(self, broken):
        with pytest.warns(UserWarning, match="10 of 20 images") as told:
            found = image_folder(broken, **SMALL, workers=2, skip_broken=True)
        assert "bad/cut.jpg: image file is truncated" in str(told[0].message)
        assert told[0].filename == __file__
        assert found.labels.tolist() == [0] * 2 + [1] + [2] * 4 + [3] * 3
        for path in (broken / "bad").iterdir():
            if path.name in BROKEN:
                path.unlink()
        assert image_folder(broken, **HERE).fingerprint == found.fingerprint

    def test_more_than_ten_are_counted(self, root):
        for i in range(12):
            (root / "ant" / f"{i}.jpg").write_text("no")
        with pytest.raises(DataError, match=r"(?s)12 of 20 images.*and 2 more\n"):
            image_folder(root, **HERE)

    def test_a_class_may_not_lose_all_its_images(self, root):
        for path in (root / "ant" / "1.jpg", root / "ant" / "x" / "2.jpg"):
            path.write_text("no")
        words = "(?s)2 of 9 images.*no image would be left of 1 classes, the first is 'ant'"
        with pytest.raises(DataError, match=words):
            image_folder(root, **HERE, skip_broken=True)

    def test_lack_of_memory_is_no_fault_of_the_image(self, root, monkeypatch):
        def no_memory(*_):
            raise MemoryError

        monkeypatch.setattr(pixels, "grey_levels", no_memory)
        with pytest.raises(MemoryError):
            image_folder(root, workers=0, skip_broken=True)


def children():
    """Processes that this one has started and that have not been waited for."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


class TestWorkers:
    def test_as_without_and_progress_in_order(self, root):
        told, before = [], children()
        with_two = image_folder(root, **SMALL, workers=2, progress=lambda *at: told.append(at))
        assert with_two.fingerprint == image_folder(root, **HERE).fingerprint
        assert told == [(i + 1, 9) for i in range(9)]
        assert children() == before

    def test_as_many_as_cores_unless_images_are_few(self, root, monkeypatch):
        started = []

        def no_process(n, *_):
            started.append(n)
            raise InterruptedError

        monkeypatch.setattr(decoding, "_started", no_process)
        monkeypatch.setattr(decoding, "_cores", lambda: 5)
        assert len(image_folder(root, **SMALL)) == 9
        monkeypatch.setattr(decoding, "_FEW", 8)
        with pytest.raises(InterruptedError):
            image_folder(root, **SMALL)
        assert started == [5]
        monkeypatch.undo()
        assert 1 <= decoding._cores() <= os.cpu_count()

    @pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
    def test_nothing_is_left_running_after_an_interruption(self, root, stop):
        def interrupt(done, _total):
            if done == 3:
                raise stop

        before = children()
        with pytest.raises(stop):
            image_folder(root, **SMALL, workers=2, progress=interrupt)
        assert children() == before

    def test_a_worker_that_dies_is_told(self, root, monkeypatch, tmp_path):
        dead = tmp_path / "dead.py"
        dead.write_text("import os; input(); os.kill(os.getpid(), 9)")
        monkeypatch.setattr(pixels, "__file__", str(dead))
        before = children()
        with pytest.raises(DataError, match=r"1\.jpg: the process that decoded it ended with -9"):
            image_folder(root, **SMALL, workers=1)
        assert children() == before

    def test_names_of_any_bytes(self, root, tmp_path):
        whole = image_folder(root, **HERE)
        (root / "ant" / "1.jpg").rename(root / "ant" / os.fsdecode(b"\xff \n.jpg"))
        for _ in range(2):
            found = image_folder(root, **SMALL, workers=1, store=tmp_path / "store")
            assert found.fingerprint == whole.fingerprint


@pytest.fixture
def calls(monkeypatch):
    """How often images were decoded."""
    seen = []
    decode = decoding.decode

    def counted(paths, *rest):
        seen.append(len(paths))
        decode(paths, *rest)

    monkeypatch.setattr(sys.modules["lashley.data.image_folder"], "decode", counted)
    return seen


UNGUARDED = """\
import subprocess, sys, time
from pathlib import Path
import lashley as la

start = subprocess.Popen

def told(*args, **options):
    process = start(*args, **options)
    print(process.pid, flush=True)
    return process

def wait(done, _):
    if done == 4:
        Path(sys.argv[3]).touch()
        time.sleep(600)

subprocess.Popen = told
la.data.image_folder(
    sys.argv[1], resize=12, crop=8, workers=1, store=sys.argv[2], progress=wait
)
"""


class TestStore:
    def test_the_same_call_finds_it_again(self, root, tmp_path, calls):
        store = tmp_path / "new" / "store"
        first = image_folder(root, **HERE, store=store)
        again = image_folder(root, **HERE, store=str(store))
        plain = image_folder(root, **HERE)
        assert first.fingerprint == again.fingerprint == plain.fingerprint
        assert calls == [9, 9]
        assert sorted(p.name for p in store.iterdir()) == ["index.json", "inputs.f32"]
        assert (store / "inputs.f32").stat().st_size == 9 * 12 * 8**2

    def test_the_index_says_what_of(self, root, tmp_path):
        size = {"resize": np.int64(12), "crop": np.int64(8), "workers": 0}
        image_folder(root, **size, store=tmp_path / "store", images=np.int64(8))
        index = json.loads((tmp_path / "store" / "index.json").read_text())
        assert index["class_names"] == ["ant", "cat", "dog"]
        assert index["transform"]["crop"] == 8
        state = (root / index["files"][0][0]).stat()
        assert index["files"][0][1:] == [state.st_size, state.st_mtime_ns]

    def test_it_is_decoded_anew_if_anything_differs(self, root, tmp_path, calls):
        def check(n, **options):
            calls.clear()
            options = {**HERE, **options}
            found = image_folder(root, **options, store=tmp_path / "store")
            assert found.fingerprint == image_folder(root, **options).fingerprint
            assert calls == [n, n]
            assert image_folder(root, **options, store=tmp_path / "store").labels.equal(
                found.labels
            )
            assert calls == [n, n]

        check(9)
        check(9, resize=13)
        check(9, crop=7)
        check(9, mean=(0, 0, 0))
        check(9, std=np.ones(3))
        check(4, images=4)
        check(9, class_names=["dog", "cat", "ant"])
        check(9)
        save(root / "ant" / "1.jpg", photo(seed=99))
        check(9)
        os.utime(root / "ant" / "1.jpg", (1, 1))
        check(9)
        (root / "ant" / "1.jpg").rename(root / "ant" / "0.jpg")
        check(9)
        (root / "ant" / "0.jpg").unlink()
        check(8)
        with (tmp_path / "store" / "inputs.f32").open("ab") as file:
            file.write(b"1234")
        check(8)
        (tmp_path / "store" / "inputs.f32").unlink()
        check(8)

    def test_writing_to_the_inputs_does_not_reach_the_file(self, root, tmp_path, calls):
        first = image_folder(root, **HERE, store=tmp_path / "store")
        first.inputs.fill_(7)
        again = image_folder(root, **HERE, store=tmp_path / "store")
        assert again.fingerprint == first.fingerprint
        assert calls == [9]

    def test_broken_images_are_remembered(self, root, tmp_path, calls):
        (root / "cat" / "a.jpg").write_text("no")
        options = {**HERE, "store": tmp_path / "store"}
        for _ in range(2):
            with pytest.raises(DataError, match=r"(?s)1 of 9.*cat/a\.jpg: no image"):
                image_folder(root, **options)
        with pytest.warns(UserWarning, match="1 of 9"):
            found = image_folder(root, **options, skip_broken=True)
        assert calls == [9]
        assert found.labels.tolist() == [0] * 2 + [1] * 3 + [2] * 3
        save(root / "cat" / "a.jpg")
        assert len(image_folder(root, **options)) == 9

    def test_none_but_broken_images(self, tmp_path):
        for i in range(2):
            save(tmp_path / "root" / "ant" / f"{i}.jpg").write_text("no")
        for _ in range(2):
            with pytest.raises(DataError, match="2 of 2 images"):
                image_folder(tmp_path / "root", **HERE, store=tmp_path / "store")

    def test_a_place_that_is_no_store(self, root, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match=r"store: .*file is a file; allowed is a folder"):
            image_folder(root, **HERE, store=tmp_path / "file")
        for content in ("{}", "[1]", "not JSON"):
            (tmp_path / "index.json").write_text(content)
            with pytest.raises(DataError, match=r"index\.json is not an index of images, and"):
                image_folder(root, **HERE, store=tmp_path)
            assert (tmp_path / "index.json").read_text() == content

    def test_a_full_disk_is_told_before_anything_is_decoded(
        self, root, tmp_path, calls, monkeypatch
    ):
        asked = []

        def full(_file, start, size):
            asked.append((start, size))
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space left"):
            image_folder(root, **HERE, store=tmp_path / "store")
        assert asked == [(0, 9 * 12 * 8**2)]
        assert not calls
        assert not list((tmp_path / "store").iterdir())

    def test_an_interruption_leaves_nothing_that_counts(self, root, tmp_path):
        def interrupt(done, _total):
            if done == 5:
                raise KeyboardInterrupt

        options = {**HERE, "store": tmp_path / "store"}
        image_folder(root, **options)
        with pytest.raises(KeyboardInterrupt):
            image_folder(root, **{**options, "crop": 7}, progress=interrupt)
        assert not list((tmp_path / "store").iterdir())

    def test_a_script_that_is_killed_leaves_nothing_that_counts_and_no_worker(self, root, tmp_path):
        store, mark = tmp_path / "store", tmp_path / "at 4"
        image_folder(root, **{**HERE, "crop": 7}, store=store)  # older, of another form
        (tmp_path / "script.py").write_text(UNGUARDED)
        command = [sys.executable, "script.py", root, store, mark]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path)
        while not mark.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        worker = int(process.communicate()[0])
        left = [path.name for path in store.iterdir()]
        assert len(left) == 1  # the draft
        assert left[0].endswith(".part.f32")
        found = image_folder(root, **HERE, store=store)
        assert found.fingerprint == image_folder(root, **HERE).fingerprint
        assert sorted(p.name for p in store.iterdir()) == ["index.json", "inputs.f32"]
        until = time.monotonic() + 120
        while Path(f"/proc/{worker}").exists() and "Z" not in state(worker):
            assert time.monotonic() < until
            time.sleep(0.02)

    def test_killed_between_numbers_and_index(self, root, tmp_path, calls, monkeypatch):
        written = image_store.written_whole

        def kill(path):
            if path.name == "index.json":
                raise SystemExit
            return written(path)

        monkeypatch.setattr(image_store, "written_whole", kill)
        with pytest.raises(SystemExit):
            image_folder(root, **HERE, store=tmp_path / "store")
        assert [p.name for p in (tmp_path / "store").iterdir()] == ["inputs.f32"]
        monkeypatch.setattr(image_store, "written_whole", written)
        image_folder(root, **HERE, store=tmp_path / "store")
        assert calls == [9, 9]

    def test_kept_inputs_are_the_file_itself_and_not_a_copy_in_memory(self, root, tmp_path):
        save(root / "ant" / "0.png")
        image_folder(root, **HERE, store=tmp_path / "store")
        found = image_folder(root, **HERE, store=tmp_path / "store")
        assert Path(backing(found.inputs.data_ptr())).name == "inputs.f32"


def state(pid):
    """The state of a process; "Z" once it has ended and its parent has not looked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0]
    except FileNotFoundError:
        return "Z"


def backing(address):
    """The file that the memory of this process at an address is mapped from; "" without one."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, *_, file = line.split(maxsplit=5) if line.count("/") else (line.split()[0], "")
        low, high = (int(end, 16) for end in span.split("-"))
        if low <= address < high:
            return file
    return ""


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"resize": 0}, "resize: given 0; allowed is a whole number of at least 1"),
            ({"resize": 2.5}, "resize: given 2.5"),
            ({"crop": 0}, "crop: given 0; allowed is a whole number from 1 to 256"),
            ({"crop": 257}, "crop: given 257; allowed is .* from 1 to 256. Make resize larger"),
            ({"crop": True}, "crop: given True"),
            ({"mean": (0.5, 0.5)}, r"mean: given \(0.5, 0.5\); allowed are three finite numbers"),
            ({"mean": 0.5}, r"mean: given \(0.5,\)"),
            ({"mean": (0, 0, np.nan)}, "mean: given .*nan"),
            ({"mean": "abc"}, "mean: given"),
            ({"std": (1, 0, 1)}, "std: given .* finite numbers above 0.*Leave it out"),
            ({"workers": -1}, "workers: given -1; allowed is a whole number of at least 0"),
            ({"workers": "two"}, "workers: given 'two'"),
            ({"images": 0}, "images: given 0; allowed is a whole number from 1 to 9"),
            ({"images": 10}, "images: given 10; allowed is .* from 1 to 9. Leave it out"),
            ({"images": 3, "seed": -1}, "seed: given -1; allowed is .* of at least 0"),
        ],
    )
    def test_out_of_range(self, root, options, words):
        with pytest.raises(DataError, match=words):
            image_folder(root, **options)


SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=8)


class TestSubset:
    @given(SIZES, st.floats(0, 1), st.integers(0, 99))
    def test_each_class_has_its_share_and_the_order_stays(self, sizes, share, seed):
        labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
        n = max(1, round(share * len(labels)))
        chosen = stratified(labels, n, seed)
        assert len(set(chosen)) == n
        assert (np.diff(chosen) > 0).all()
        expected = n * np.array(sizes) / len(labels)
        counts = np.bincount(labels[chosen], minlength=len(sizes))
        assert (counts >= np.floor(expected)).all()
        assert (counts <= np.ceil(expected)).all()

    def test_the_seed_decides_and_each_example_is_as_likely(self):
        labels = np.array([0, 0, 0, 0, 1, 1, 2])
        drawn = [stratified(labels, 3, seed) for seed in range(3000)]
        assert all(np.array_equal(d, stratified(labels, 3, s)) for s, d in enumerate(drawn[:50]))
        times = np.bincount(np.concatenate(drawn), minlength=7) / 3000
        assert np.abs(times - 3 / 7).max() < 4 * np.sqrt(3 / 7 * 4 / 7 / 3000)
        assert len({tuple(d) for d in drawn}) > 10

    def test_of_a_folder_in_the_order_of_the_files(self, root):
        whole = image_folder(root, **HERE)
        part = image_folder(root, **HERE, images=5, seed=3)
        chosen = stratified(whole.labels.numpy(), 5, 3)
        assert torch.equal(part.inputs, whole.inputs[chosen])
        assert torch.equal(part.labels, whole.labels[chosen])
        assert part.class_names == whole.class_names
        assert subset(whole, 5, 3).fingerprint == part.fingerprint

    def test_of_inputs_by_name_and_fewer_than_classes(self):
        labels = torch.arange(6)
        inputs = {"a": torch.arange(6.0), "b": torch.arange(12.0).reshape(6, 2)}
        whole = Examples(inputs, labels, tuple("uvwxyz"))
        part = subset(whole, 2, seed=1)
        assert part.class_names == whole.class_names
        assert torch.equal(part.inputs["a"].long(), part.labels)
        assert torch.equal(part.inputs["b"][:, 0].long(), 2 * part.labels)
        assert subset(whole, 6).fingerprint == whole.fingerprint

    def test_is_a_copy(self):
        whole = Examples(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), ("a", "b"))
        subset(whole, 4).inputs.fill_(1)
        assert not whole.inputs.any()

    @pytest.mark.parametrize("n", [0, 5, 2.0, True])
    def test_impossible_numbers(self, n):
        whole = Examples(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), ("a", "b"))
        with pytest.raises(DataError, match=f"n: given {n}; allowed is a whole number from 1 to 4"):
            subset(whole, n)
        with pytest.raises(DataError, match="seed: given None"):
            subset(whole, 2, seed=None)
        with pytest.raises(DataError, match=r"labels: given torch\.float32"):
            subset(Examples(torch.zeros(4, 2), torch.zeros(4), ()), 2)
