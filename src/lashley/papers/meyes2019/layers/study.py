"""The study of every layer of a deep network: its form, and checks across keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lashley.errors import StudyError
from lashley.papers.meyes2019.recovery.form import RecipePart, RecoveryPart
from lashley.studies.method import SweptMethod
from lashley.studies.study import AtLeastOne, EmbeddingPart, Part, Proportion, Seed, StudyForm


class LayerDataPart(Part):
    """Which examples the ablated networks are measured on.

    Attributes:
        name: "cifar10", or "image_folder" for ImageNet's layout below `root`.
        root: The folder of the images, with a folder for each class in it.
        images: How many, drawn at random in proportion to the classes; null takes all.
        seed: For that draw.
        class_names: A file with a line per class, in the order of the network's outputs.
        resize: Side of the images before the centre is cut out, in pixels.
        skip_broken: Whether images that cannot be read are left out, and named.
    """

    name: Literal["cifar10", "image_folder"]
    root: str | None = None
    images: AtLeastOne | None = None
    seed: Seed = 0
    class_names: str | None = None
    resize: AtLeastOne = 256
    skip_broken: bool = False


class LayerNetworkPart(Part):
    """VGG-19 with batch norm.

    `weights` is "train" (on CIFAR-10), "imagenet" (the official ones), or a file.
    """

    width: Annotated[float, Field(gt=0)] = 1.0
    classes: AtLeastOne
    image_size: Annotated[int, Field(ge=32)]
    weights: str = "train"
    seed: Seed = 0


class TrainingPart(RecipePart):
    """How the network itself is trained."""

    epochs: AtLeastOne


class LayerSweepPart(Part):
    """Which groups of filters are ablated in every convolution, and how.

    Attributes:
        proportions: Shares of a layer's filters; every filter is the anchor of one group.
        methods: Each group is ablated by each of them.
        random_groups: Groups drawn at random per layer and proportion, to compare with.
        seed: For that draw, and for the order of the images with `precision`.
        precision: Half width in pp at which a drop is known well enough; null measures all images.
        dtype: Of the first try; outcomes are those of float32 (settled in float64) in any case.
    """

    proportions: Annotated[list[Proportion], Field(min_length=1)]
    methods: Annotated[list[SweptMethod], Field(min_length=1)]
    random_groups: AtLeastOne = 20
    seed: Seed = 0
    precision: Annotated[float, Field(gt=0)] | None = None
    dtype: Literal["float32", "bfloat16"] = "bfloat16"


class LayerMapPart(EmbeddingPart):
    """Of the t-SNE map of what the network's last layer reads; its seed also draws the images.

    Attributes:
        images: How many it shows at most, in proportion to the classes.
    """

    images: AtLeastOne = 2000


class FiguresPart(Part):
    """What the figures single out; null chooses from the results.

    Attributes:
        classes: The classes of figure 16, five at most, by name.
        sites: The layers of figure 17, two at most, such as "features.46".
    """

    classes: Annotated[list[str], Field(min_length=1, max_length=5)] | None = None
    sites: Annotated[list[str], Field(min_length=1, max_length=2)] | None = None


class LayerStudy(StudyForm):
    """Groups of similar filters, ablated in every convolution of a network; then recovery."""

    kind: Literal["layers"]  # pyright: ignore[reportIncompatibleVariableOverride]
    data: LayerDataPart
    network: LayerNetworkPart
    training: TrainingPart | None = None
    sweep: LayerSweepPart
    recovery: RecoveryPart | None = None
    embedding: LayerMapPart = LayerMapPart()
    figures: FiguresPart = FiguresPart()

    def check(self) -> None:
        """Refuse data, networks and sweeps that do not fit together."""
        _check_data(self)
        _check_network(self)
        if self.training is not None and self.training.nesterov and not self.training.momentum:
            raise StudyError("training.nesterov: needs a momentum above 0. Set training.momentum.")
        for name in ("proportions", "methods"):
            given = getattr(self.sweep, name)
            if len(set(given)) < len(given):
                raise StudyError(f"sweep.{name}: given {given}; name each once.")
        if self.recovery is not None:
            self.recovery.check(self.data.name, self.network.classes, self.sweep.methods)


def _check_data(study: LayerStudy) -> None:
    data, network = study.data, study.network
    if data.name == "image_folder" and data.root is None:
        raise StudyError(
            "data.root: is missing; allowed is the folder of the images, with a folder of each "
            "class in it: --set data.root=FOLDER."
        )
    if data.name == "cifar10":
        if data.root is not None or data.class_names is not None:
            raise StudyError(
                "data: cifar10 takes neither root nor class_names. Leave them out, or set "
                "data.name=image_folder."
            )
        if (network.classes, network.image_size) != (10, 32):
            raise StudyError(
                f"network: given {network.classes} classes and image_size {network.image_size}; "
                "cifar10 has 10 classes and images of 32 pixels. Set both."
            )
    if data.resize < network.image_size and data.name == "image_folder":
        raise StudyError(
            f"data.resize: given {data.resize}; allowed is at least network.image_size, "
            f"{network.image_size}. Raise it."
        )
    if data.class_names is not None and not Path(data.class_names).is_file():
        raise StudyError(f"data.class_names: there is no file {data.class_names}. Check the path.")


def _check_network(study: LayerStudy) -> None:
    network = study.network
    if network.weights == "train":
        if study.data.name != "cifar10" or study.training is None:
            raise StudyError(
                "network.weights: 'train' needs cifar10 and the part training; allowed are also "
                "'imagenet' and a file: --set network.weights=FILE."
            )
    elif network.weights == "imagenet":
        if (network.width, network.classes) != (1.0, 1000) or network.image_size < 64:
            raise StudyError(
                f"network: given width {network.width:g}, {network.classes} classes and image_size "
                f"{network.image_size}; the imagenet weights are of width 1, of 1,000 classes, and "
                "need images of 64 pixels or more. Give other weights."
            )
    elif not Path(network.weights).is_file():
        raise StudyError(
            f"network.weights: there is no file {network.weights}; allowed are a file, 'train' and "
            "'imagenet'. Check the path."
        )
