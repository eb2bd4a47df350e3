"""A study as a file: loaded, changed by `--set`, and checked whole before anything runs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import ValidationError

from lashley.errors import StudyError
from lashley.studies.folder import RunFolder, no_run
from lashley.studies.method import REFUSED
from lashley.studies.registry import kinds, texts
from lashley.studies.study import StudyForm


def builtin() -> dict[str, str]:
    """Names and titles of the studies that come with Lashley."""
    return {name: yaml.safe_load(text)["title"] for name, text in texts().items()}


def load(source: str, settings: Sequence[str] = ()) -> StudyForm:
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
    return checked(content, source)


def checked(content: Mapping[str, Any], source: str) -> StudyForm:
    """A study from the content of a file, if everything in it is right.

    Args:
        content: By key.
        source: The file, or a name, for errors; the paths of files are relative to it.

    Raises:
        StudyError: If anything in it is wrong.
    """
    model = _model(content)
    try:
        study = model.model_validate(content)
    except ValidationError as error:
        raise StudyError(_explain(source, model, error)) from error
    study = study.located(Path(source).parent)
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


def reload(content: Any) -> StudyForm:
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


def _model(content: Mapping[str, Any]) -> type[StudyForm]:
    kind = content["kind"] if "kind" in content else _likeliest(content)
    if not isinstance(kind, str) or kind not in kinds():
        raise StudyError(
            f"kind: given {kind!r}; allowed are {', '.join(kinds())}{_nearest(str(kind), kinds())}"
        )
    return kinds()[kind].form


def _likeliest(content: Mapping[str, Any]) -> str:
    """The kind whose form has most of these keys."""
    return max(kinds(), key=lambda name: len(set(content) & set(kinds()[name].form.model_fields)))


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
            f"study: there is no {source!r}; {_built_in(texts())}"
            f"{_nearest(source, texts())} Or give the path of a .yaml file."
        )
    try:
        content = yaml.load(text, _Once)  # safe
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


def _explain(source: str, model: type[StudyForm], error: ValidationError) -> str:
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


def _keys(form: Any, parents: Sequence[Any]) -> Mapping[str, Any]:
    """The keys that are known below some parents."""
    for parent in parents:
        form = _below(form, parent)
    return getattr(form, "model_fields", {})


def _below(form: Any, key: Any) -> Any:
    """The form of what stands at a key."""
    if get_origin(form) is dict:
        return get_args(form)[1]
    found = form.model_fields[str(key)].annotation
    if get_origin(found) is dict:
        return found
    return next((p for p in get_args(found) if hasattr(p, "model_fields")), found)  # `Part | None`


class _Once(yaml.SafeLoader):
    """A key that stands twice is refused: YAML would take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice!r} stands twice; rename one", node.start_mark
            )
        return super().construct_mapping(node, deep)


def _built_in(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"the built-in ones are {listed}" if listed else "there are no built-in studies"


def _nearest(word: str, allowed: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0)
    return f"; did you mean {near[0]}?" if near else "."
