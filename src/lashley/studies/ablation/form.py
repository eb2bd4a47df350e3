"""The study of any network: its form, and checks across keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lashley.code import is_code
from lashley.data.array_file import SUFFIXES
from lashley.errors import StudyError
from lashley.methods import as_method, needs_reference
from lashley.sites import Site
from lashley.studies.method import AnyMethod
from lashley.studies.study import AtLeastOne, EmbeddingPart, Part, Proportion, Seed, StudyForm

SweepName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Design = Literal["singles", "pairs", "similar_groups", "random_groups"]

BUILT_IN = ("digits", "mnist", "cifar10", "image_folder")  # functions of lashley.data
OBJECT = "an object: "  # before the class of one that was given in Python


class LoadPart(Part):
    """What is loaded, and how.

    Attributes:
        load: package.module:callable or file.py:callable, called with the arguments. A file's path
            is relative to the study.
        arguments: Of the callable, by name.
    """

    load: str
    arguments: dict[str, Any] = Field(default={})

    def located(self, home: Path) -> Self:
        """The same, with the paths of files made absolute that are relative to a folder."""
        return self.model_copy(update={"load": located(self.load, home)})


class NetworkPart(LoadPart):
    """The network under study.

    Attributes:
        weights: A file that its weights are read from (.safetensors, or .pt with nothing but
            tensors); null takes the network as it is loaded.
        seed: Of PyTorch's random numbers while it is made.
    """

    weights: str | None = None
    seed: Seed = 0

    def located(self, home: Path) -> Self:
        """The same, with the paths of files made absolute that are relative to a folder."""
        found = super().located(home)
        if self.weights is None:
            return found
        return found.model_copy(update={"weights": str((home / self.weights).resolve())})


class DataPart(LoadPart):
    """Examples: code that returns them, a file of arrays, or a built-in data set.

    Attributes:
        load: Code, a .npz or .safetensors file, or digits, mnist, cifar10, image_folder.
        examples: How many of them, drawn at random; null takes all.
        seed: Of that draw.
    """

    examples: AtLeastOne | None = None
    seed: Seed = 0

    @field_validator("load")
    @classmethod
    def _known(cls, load: str) -> str:
        if load in BUILT_IN or is_code(load) or load.endswith(SUFFIXES) or load.startswith(OBJECT):
            return load
        raise ValueError(
            f"allowed are {', '.join(BUILT_IN)}, a file ending in .npz or .safetensors, "
            "package.module:callable and file.py:callable"
        )


class SweepPart(Part):
    """Which ablations are measured.

    Attributes:
        sites: Patterns such as "layer3.*", "*", or "kind:head"; one, or a list of them.
        design: singles, pairs (with their singles), similar_groups (with random ones of the same
            size to compare them with) or random_groups.
        methods: Each ablation is made by each of them.
        proportions: Of a site's units that a group has.
        random_groups: Random groups of each site and proportion.
        seed: Of their draw.
    """

    sites: str | list[str] = "*"
    design: Design = "singles"
    methods: Annotated[list[AnyMethod], Field(min_length=1)] = Field(default=["silence"])
    proportions: Annotated[list[Proportion], Field(min_length=1)] | None = None
    random_groups: AtLeastOne = 20
    seed: Seed = 0

    @property
    def patterns(self) -> list[str]:
        """The patterns of the sites."""
        return [self.sites] if isinstance(self.sites, str) else list(self.sites)

    @model_validator(mode="after")
    def _proportions(self) -> SweepPart:
        groups = self.design.endswith("groups")
        if groups and self.proportions is None:
            raise ValueError(f"{self.design} need proportions, such as proportions: [0.1]")
        if not groups and self.proportions is not None:
            raise ValueError(f"{self.design} take no proportions; leave them out")
        return self


class MapPart(EmbeddingPart):
    """Of the t-SNE map of the examples.

    Attributes:
        of: "inputs", or the site whose activations are mapped.
        examples: How many are shown at most, drawn at random.
    """

    of: str = "inputs"
    examples: AtLeastOne = 2000


class AblationStudy(StudyForm):
    """Sweeps over the sites of any network.

    Attributes:
        show: Code that turns the examples' inputs into what a person looks at, as for `report`.
        groups: Code that returns a whole number or a text for each example of the data: groups of
            examples, which take the place of the classes in all tables.
    """

    kind: Literal["ablation"] = "ablation"  # pyright: ignore[reportIncompatibleVariableOverride]
    title: str = ""
    network: NetworkPart
    data: DataPart
    reference: DataPart | None = None
    readout: str = "classification"
    show: str | None = None
    groups: str | None = None
    output: str | int | None = None
    counted: str | None = None
    sweeps: Annotated[dict[SweepName, SweepPart], Field(min_length=1)]
    scores: bool = False
    embedding: MapPart | None = None
    precision: Annotated[float, Field(gt=0)] | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    seed: Seed = 0

    def check(self) -> None:
        """Refuse sweeps whose methods need a reference that the study lacks."""
        for name, sweep in self.sweeps.items():
            if len(set(sweep.methods)) < len(sweep.methods):
                raise StudyError(f"sweeps.{name}.methods: given {sweep.methods}; name each once.")
            lacking = [m for m in sweep.methods if self.reference is None and _needs(m)]
            if lacking:
                raise StudyError(
                    f"sweeps.{name}.methods: given {', '.join(lacking)}, which takes activations "
                    "from reference examples; allowed with the part reference. Add it: "
                    "reference: {load: mydata.py:train, examples: 500}."
                )
        if self.readout != "classification" and self.precision is not None:
            raise StudyError(
                "precision: given for another readout than classification; allowed is null. Leave "
                "it out."
            )

    def located(self, home: Path) -> AblationStudy:
        """The same, with the paths of files made absolute that are relative to a folder."""
        parts = {name: getattr(self, name) for name in ("network", "data", "reference")}
        found = {name: part.located(home) for name, part in parts.items() if part is not None}
        codes = {key: getattr(self, key) for key in ("readout", "show", "groups")}
        named = {key: located(load, home) for key, load in codes.items() if load is not None}
        return self.model_copy(update={**found, **named})


def located(load: str, home: Path) -> str:
    """The name of code or data, with the path of a file made absolute."""
    file, colon, name = load.rpartition(":") if is_code(load) else (load, "", "")
    if not file.endswith((".py", *SUFFIXES)):
        return load
    return f"{(home / file).resolve()}{colon}{name}"


def _needs(method: str) -> bool:
    """Whether a method needs a reference at a site of any kind."""
    return needs_reference(as_method(method).at(Site("site", "hidden", 1, -1)))
