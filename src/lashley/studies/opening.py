"""Opening the run folder of a study: a new one, or that of a run that stopped."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from lashley.errors import OutcomesError, RunError, TrainingError
from lashley.files import is_draft, written_whole
from lashley.studies.folder import STUDY, RunFolder
from lashley.studies.loading import study_of
from lashley.studies.study import StudyForm

_NO_RESULTS = (STUDY, "progress.json")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS, errno.ENAMETOOLONG)


def open_folder(path: Path, study: StudyForm) -> RunFolder:
    """The folder for a run of the study: a new one, or the one of a run that stopped.

    Raises:
        RunError: If it cannot be written to, or belongs to something else.
    """
    folder = RunFolder(path)
    with disk_errors(path):
        if (path / STUDY).is_file():
            before = study_of(folder)  # refuses what is not a study
            if not _is_bare(path):
                _check_same(path, before, study)
        elif path.exists() and not (path.is_dir() and all(map(is_draft, path.iterdir()))):
            raise RunError(
                f"--out: {path} exists and is not a run folder. Give a new or an empty folder."
            )
        _clear_drafts(path)
        with written_whole(path / STUDY) as draft:
            draft.write_text(study.to_yaml())
    return folder


def _is_bare(path: Path) -> bool:
    """Whether a run has left nothing but its study, because that could not be carried out."""
    return all(p.name in _NO_RESULTS or is_draft(p) for p in path.iterdir())


def _clear_drafts(path: Path) -> None:
    """Remove what a kill left half written."""
    for draft in [p for p in path.rglob(".*") if is_draft(p)]:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say what to do if the disk is full or the folder cannot be written to.

    Raises:
        RunError: In place of the operating system's error.
    """
    try:
        yield
    except (OSError, SafetensorError, TrainingError, OutcomesError) as error:
        if _is_full(error):
            raise RunError(
                f"run: the disk of {path} is full. Free some space and give the same command "
                "again; what is finished is kept."
            ) from error
        if isinstance(error, OSError) and error.errno in _DENIED:
            raise RunError(
                f"--out: {path} cannot be written to ({error.strerror}). Give another folder."
            ) from error
        raise


def _is_full(error: Exception) -> bool:
    words = [os.strerror(number) for number in _FULL]
    words.append("requested and")  # numpy's "1000 requested and 512 written"
    return getattr(error, "errno", None) in _FULL or any(word in str(error) for word in words)


def _check_same(path: Path, before: StudyForm, study: StudyForm) -> None:
    old, new = _flat(before.model_dump()), _flat(study.model_dump())
    differ = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if differ:
        key = differ[0]
        raise RunError(
            f"--out: {path} holds a run of another study: {', '.join(differ[:5])} differ "
            f"({key} is {old.get(key)!r} there, {new.get(key)!r} here). Give another folder."
        )


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat
