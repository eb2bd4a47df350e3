"""A study as a file: loaded, changed by `--set`, and checked whole before anything runs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lashley.errors import StudyError

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DataPart(_Part):
    """Which examples: the network is trained on "train" and measured on "test"."""

    name: Literal["mnist", "digits"]


class NetworkPart(_Part):
    """The multi-layer perceptron under study.

    `weights` is "train", "authors" (the paper's own, for MNIST), or a file; a file needs `initial`,
    the file of the weights before training, because the study compares the two.
    """

    widths: Annotated[list[Count], Field(min_length=3)]
    bias: bool = False
    weights: str = "train"
    initial: str | None = None
    seed: Seed = 0


class TrainingPart(_Part):
    """Plain SGD with momentum; the seed is that of the order of the batches."""

    epochs: Count
    lr: Annotated[float, Field(gt=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    batch_size: Count
    seed: Seed = 0


class PopulationPart(_Part):
    """Further networks, trained alike from the seeds behind that of the network under study."""

    networks: Annotated[int, Field(ge=2)]


class AblationPart(_Part):
    """Whose units are ablated, one by one and in pairs, and how."""

    site: str
    method: Literal["zero_weights", "silence"] = "zero_weights"


class ScoresPart(_Part):
    """Of the correlations' bootstrap intervals."""

    resamples: Annotated[int, Field(ge=100)] = 2000
    seed: Seed = 0


class EmbeddingPart(_Part):
    """Of the t-SNE map: principal components kept, perplexity, seed."""

    components: Annotated[int, Field(ge=2)] = 30
    perplexity: Annotated[float, Field(gt=1)] = 40
    seed: Seed = 0


class FiguresPart(_Part):
    """Whether the figures count units from 0, as the code does, or from 1, as the paper does."""

    first_unit: Literal[0, 1] = 0


class Study(_Part):
    """A whole study of an MLP: everything that determines its numbers."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: str
    data: DataPart
    network: NetworkPart
    training: TrainingPart
    population: PopulationPart
    ablation: AblationPart
    scores: ScoresPart = ScoresPart()
    embedding: EmbeddingPart = EmbeddingPart()
    figures: FiguresPart = FiguresPart()

    def to_yaml(self) -> str:
        """The study with every default written out."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


def builtin() -> dict[str, str]:
    """Names and titles of the studies that come with Lashley."""
    texts = {f.name: f.read_text() for f in _folder().iterdir() if f.name.endswith(".yaml")}
    return {Path(n).stem: yaml.safe_load(t)["title"] for n, t in sorted(texts.items())}


def load(source: str, settings: Sequence[str] = ()) -> Study:
    """A built-in study by its name, or a study file by its path.

    Args:
        source: Such as "digits-mlp", or a path ending in .yaml.
        settings: Changes such as "network.weights=authors"; the values are YAML.

    Raises:
        StudyError: If there is no such study, or anything in it is not as it must be.
    """
    content = _read(source)
    for setting in settings:
        _apply(content, setting)
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise StudyError(_explain(source, error)) from error
    _check(study)
    return study


def _folder() -> Any:
    return resources.files("lashley.studies")


def _read(source: str) -> dict[str, Any]:
    if source in builtin():
        text = (_folder() / f"{source}.yaml").read_text()
    elif Path(source).suffix in (".yaml", ".yml"):
        try:
            text = Path(source).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(
                f"study: {source} cannot be read ({error}). Check the path."
            ) from error
    else:
        raise StudyError(
            f"study: there is no {source!r}; the built-in ones are {', '.join(builtin())}"
            f"{_nearest(source, builtin())} Or give the path of a .yaml file."
        )
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StudyError(f"study: {source} is no valid YAML ({error}).") from error
    if not isinstance(content, dict):
        raise StudyError(f"study: {source} must be a mapping of keys to values, as digits-mlp is.")
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
                f"--set {setting}: {parent} holds a value, no keys. Set it as a whole."
            )
    try:
        content[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {setting}: the value is no valid YAML ({error}).") from error
    if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):  # YAML 1.1 takes 1e-3 for text
        content[last] = float(value)


def _explain(source: str, error: ValidationError) -> str:
    count = error.error_count()
    lines = [f"study {source}: {count} thing{'s' * (count > 1)} to put right:"]
    for found in error.errors():
        key = ".".join(map(str, found["loc"]))
        if found["type"] == "extra_forbidden":
            near = _nearest(str(found["loc"][-1]), _keys(found["loc"][:-1]))
            lines.append(f"  {key}: there is no such key{near}")
        elif found["type"] == "missing":
            lines.append(f"  {key}: is missing")
        else:
            said = found["msg"][0].lower() + found["msg"][1:]
            lines.append(f"  {key}: given {found['input']!r}; {said}")
    return "\n".join(lines) + "\nSee the built-in studies for what is allowed: lashley list."


def _keys(parents: Sequence[Any]) -> Mapping[str, Any]:
    model: Any = Study
    for parent in parents:
        model = model.model_fields[str(parent)].annotation
    return model.model_fields


def _nearest(word: str, allowed: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0)
    return f"; did you mean {near[0]}?" if near else "."


def _check(study: Study) -> None:
    network, data = study.network, study.data.name
    inputs = {"mnist": 784, "digits": 64}[data]
    if (network.widths[0], network.widths[-1]) != (inputs, 10):
        raise StudyError(
            f"network.widths: given {network.widths}; {data} needs {inputs} inputs and 10 outputs."
        )
    if study.ablation.site not in (sites := [f"fc{i}" for i in range(1, len(network.widths) - 1)]):
        raise StudyError(
            f"ablation.site: given {study.ablation.site!r}; allowed are {', '.join(sites)}."
        )
    if network.widths[sites.index(study.ablation.site) + 1] < 2:
        raise StudyError(
            f"network.widths: {study.ablation.site} has 1 unit; pairs need at least 2. Widen it or "
            "ablate another site: --set ablation.site=SITE."
        )
    if network.weights == "authors" and (
        (data, network.widths, network.bias) != ("mnist", [784, 20, 10, 10], False)
    ):
        raise StudyError(
            "network.weights: the authors' networks are 784-20-10-10, bias-free, on MNIST alone."
        )
    if network.weights not in ("train", "authors"):
        _check_files(network)


def _check_files(network: NetworkPart) -> None:
    if network.initial is None:
        raise StudyError(
            "network.initial: with weights from a file, give the file of the weights before "
            "training as well: --set network.initial=FILE. The study compares the two."
        )
    for key in ("weights", "initial"):
        if not Path(path := str(getattr(network, key))).is_file():
            raise StudyError(
                f"network.{key}: there is no file {path}; allowed are a file"
                f"{', train, authors' if key == 'weights' else ''}. Check the path."
            )
