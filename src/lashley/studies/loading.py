"""A study as a file: loaded, changed by `--set`, and checked whole before anything runs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from lashley.errors import StudyError
from lashley.studies.folder import RunFolder, no_run
from lashley.studies.method import REFUSED
from lashley.studies.registry import kinds, texts
from lashley.studies.study import Study


def builtin() -> dict[str, str]:
    """Names and titles of the studies that come with Lashley."""
    return {name: yaml.safe_load(text)["title"] for name, text in texts().items()}


def load(source: str, settings: Sequence[str] = ()) -> Study:
    """A built-in study by its name, or a study file by its path.

    Args:
        source: Such as "digits-mlp", or a path ending in .yaml.
        settings: Changes such as "network.weights=authors"; the values are YAML.

    Raises:
        StudyError: If there is no such study, or anything in it is wrong.
    """
    content = _read(source)
    for setting in settings:
        _apply(content, setting)
    model = _model(content)
    try:
        study = model.model_validate(content)
    except ValidationError as error:
        raise StudyError(_explain(source, model, error)) from error
    study.check()
    return study


def study_of(folder: RunFolder) -> Any:
    """The study that a run folder belongs to, of its own kind.

    Raises:
        RunError: If it is not a run folder.
    """
    text = folder.study_text()
    try:
        return reload(yaml.safe_load(text))
    except (ValueError, yaml.YAMLError) as error:
        raise no_run(folder, error) from error


def reload(content: Any) -> Study:
    """A study from the content of a run folder's study.yaml.

    Raises:
        ValueError: If it is not a study.
    """
    if not isinstance(content, dict):
        raise ValueError("study.yaml does not hold a study")
    try:
        return _model(content).model_validate(content)
    except StudyError as error:
        raise ValueError(str(error)) from error


def _model(content: Mapping[str, Any]) -> type[Study]:
    kind = content.get("kind", "mlp")
    if not isinstance(kind, str) or kind not in kinds():
        raise StudyError(
            f"kind: given {kind!r}; allowed are {', '.join(kinds())}{_nearest(str(kind), kinds())}"
        )
    return kinds()[kind].form


def _read(source: str) -> dict[str, Any]:
    if source in texts():
        text = texts()[source]
    elif Path(source).suffix in (".yaml", ".yml"):
        try:
            text = Path(source).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(
                f"study: {source} cannot be read ({error}). Check the path."
            ) from error
    else:
        raise StudyError(
            f"study: there is no {source!r}; the built-in ones are {', '.join(texts()) or 'none'}"
            f"{_nearest(source, texts())} Or give the path of a .yaml file."
        )
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StudyError(f"study: {source} is not valid YAML ({error}).") from error
    if not isinstance(content, dict):
        raise StudyError(f"study: {source} must map keys to values, as digits-mlp does.")
    return content


def _apply(content: dict[str, Any], setting: str) -> None:
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise StudyError(
            f"--set: given {setting!r}; allowed is key=value: network.weights=authors."
        )
    *parents, last = key.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise StudyError(
                f"--set {setting}: {parent} holds a value, not keys. Set it as a whole."
            )
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {setting}: the value is not valid YAML ({error}).") from error
    if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):  # YAML 1.1 takes 1e-3 for text
        content[last] = float(value)


def _explain(source: str, model: type[Study], error: ValidationError) -> str:
    count = error.error_count()
    lines = [f"study {source}: {count} thing{'s' * (count > 1)} to put right:"]
    for found in error.errors():
        key = ".".join(map(str, found["loc"]))
        if found["type"] == "extra_forbidden":
            near = _nearest(str(found["loc"][-1]), _keys(model, found["loc"][:-1]))
            lines.append(f"  {key}: there is no such key{near}")
        elif found["type"] == "missing":
            lines.append(f"  {key}: is missing")
        elif found["type"] == REFUSED:
            lines.append(f"  {key}: {found['msg']}")
        else:
            said = found["msg"][0].lower() + found["msg"][1:]
            lines.append(f"  {key}: given {found['input']!r}; {said}")
    return "\n".join(lines) + "\nSee the built-in studies for what is allowed: lashley list."


def _keys(model: Any, parents: Sequence[Any]) -> Mapping[str, Any]:
    for parent in parents:
        annotation = model.model_fields[str(parent)].annotation
        parts = [a for a in get_args(annotation) if hasattr(a, "model_fields")]  # of `Part | None`
        model = parts[0] if parts else annotation
    return model.model_fields


def _nearest(word: str, allowed: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0)
    return f"; did you mean {near[0]}?" if near else "."
