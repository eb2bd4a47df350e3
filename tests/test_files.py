"""Files that are found, downloaded once, or written whole."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lashley.errors import DataError
from lashley.files import Remote, is_draft, locate, written_whole

CONTENT = b"the right bytes"
CLOSED = "http://127.0.0.1:9/"  # the discard port: nothing listens there


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A folder, and the address of a server on this machine that serves it."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; LASHLEY_DATA is not set."""
    monkeypatch.setattr("pooch.os_cache", lambda _name: str(tmp_path / "cache"))
    monkeypatch.delenv("LASHLEY_DATA", raising=False)
    return tmp_path / "cache"


def remote(*urls, name="a.bin", content=CONTENT):
    return Remote(name, hashlib.sha256(content).hexdigest(), urls)


def put(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class TestLocate:
    def test_takes_lashley_data_first_then_the_cache(self, cache, tmp_path, monkeypatch):
        cached = put(cache / "set" / "a.bin")
        assert locate("set", [remote()]) == {"a.bin": cached}
        monkeypatch.setenv("LASHLEY_DATA", str(tmp_path / "own"))
        assert locate("set", [remote()]) == {"a.bin": cached}
        own = put(tmp_path / "own" / "set" / "a.bin")
        assert locate("set", [remote()]) == {"a.bin": own}

    def test_downloads_once_from_the_second_mirror_when_the_first_is_closed(self, cache, mirror):
        folder, url = mirror
        put(folder / "a.bin")
        wanted = [remote(CLOSED + "a.bin", url + "a.bin")]
        found = locate("set", wanted)["a.bin"]
        assert found == cache / "set" / "a.bin"
        assert found.read_bytes() == CONTENT
        (folder / "a.bin").unlink()
        assert locate("set", wanted)["a.bin"].read_bytes() == CONTENT

    def test_a_mirror_without_the_file_is_passed_over(self, cache, mirror):
        folder, url = mirror
        put(folder / "b.bin")
        assert locate("set", [remote(url + "missing", url + "b.bin")])["a.bin"].is_file()

    def test_other_bytes_are_refused_and_not_kept(self, cache, mirror):
        folder, url = mirror
        put(folder / "a.bin", b"a login page")
        with pytest.raises(DataError, match="could not be downloaded"):
            locate("set", [remote(url + "a.bin")])
        assert not list(cache.rglob("*.bin"))
        put(folder / "right.bin")
        found = locate("set", [remote(url + "a.bin", url + "right.bin")])["a.bin"]
        assert found.read_bytes() == CONTENT

    def test_where_all_fail_it_says_which_files_whence_and_whereto(self, cache):
        files = [remote(CLOSED + "x/a.bin", CLOSED + "y/a.bin"), remote(CLOSED + "b", name="b.bin")]
        with pytest.raises(DataError) as caught:
            locate("set", files)
        message = str(caught.value)
        for word in ("2 files", "a.bin", "b.bin", CLOSED + "x/a.bin", CLOSED + "y/a.bin",
                     CLOSED + "b", files[0].sha256[:12], str(cache / "set"), "LASHLEY_DATA",
                     "by hand", "run again"):  # fmt: skip
            assert word in message

    def test_with_lashley_data_set_its_folder_is_the_one_to_fill(
        self, cache, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("LASHLEY_DATA", str(tmp_path / "own"))
        with pytest.raises(DataError, match=f"by hand into {tmp_path / 'own' / 'set'} and run"):
            locate("set", [remote(CLOSED)])

    def test_what_is_there_is_not_asked_for_again(self, cache):
        put(cache / "set" / "a.bin")
        with pytest.raises(DataError, match="1 files are missing") as caught:
            locate("set", [remote(CLOSED), remote(CLOSED, name="b.bin")])
        assert "a.bin" not in str(caught.value)

    def test_a_cache_that_cannot_be_written_to_is_told_like_a_failed_download(self, cache, mirror):
        folder, url = mirror
        put(folder / "a.bin")
        cache.write_text("a file where the folder should be")
        with pytest.raises(DataError, match="could not be downloaded"):
            locate("set", [remote(url + "a.bin")])


class TestWrittenWhole:
    def test_makes_the_folders_and_leaves_no_draft(self, tmp_path):
        with written_whole(tmp_path / "a" / "b" / "c.txt") as draft:
            assert not (tmp_path / "a" / "b" / "c.txt").exists()
            assert draft.suffix == ".txt"
            draft.write_text("new")
        assert (tmp_path / "a" / "b" / "c.txt").read_text() == "new"
        assert len(list((tmp_path / "a" / "b").iterdir())) == 1

    @pytest.mark.parametrize("stop", [OSError, KeyboardInterrupt])
    def test_an_exception_keeps_the_old_file_and_no_draft(self, tmp_path, stop):
        path = put(tmp_path / "c.txt", b"old")
        with pytest.raises(stop), written_whole(path) as draft:  # noqa: PT012
            draft.write_text("ha")
            raise stop
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]

    def test_what_a_kill_leaves_is_known_as_a_draft_and_nothing_else_is(self, tmp_path):
        with written_whole(tmp_path / "c.txt") as draft:
            draft.write_text("")
            assert is_draft(draft)
        for name in ("c.txt", ".hidden", "part", ".c.part", "c.0123abcd.part.txt", ".git"):
            assert not is_draft(Path(name))
        assert is_draft(Path(".outcomes.zarr.part"))
