"""The study of an MLP: its form, and checks across keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lashley.errors import StudyError
from lashley.methods import ZERO_WEIGHTS
from lashley.studies.method import SweptMethod
from lashley.studies.study import AtLeastOne, EmbeddingPart, Part, Seed, StudyForm


class MlpDataPart(Part):
    """Which examples: the network is trained on "train" and measured on "test"."""

    name: Literal["mnist", "digits"]


class MlpNetworkPart(Part):
    """The multi-layer perceptron under study.

    `weights` is "train", "authors" (the paper's own, for MNIST), or a file; a file needs `initial`,
    the file of the weights before training, because the study compares the two.
    """

    widths: Annotated[list[AtLeastOne], Field(min_length=3)]
    bias: bool = False
    weights: str = "train"
    initial: str | None = None
    seed: Seed = 0


class MlpTrainingPart(Part):
    """Plain SGD with momentum; the seed is for the order of the batches."""

    epochs: AtLeastOne
    lr: Annotated[float, Field(gt=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    batch_size: AtLeastOne
    seed: Seed = 0


class PopulationPart(Part):
    """Further networks, trained alike, with the seeds after that of the network under study."""

    networks: Annotated[int, Field(ge=2)]


class AblationPart(Part):
    """Whose units are ablated, one by one and in pairs, and how."""

    site: str
    method: SweptMethod = str(ZERO_WEIGHTS)


class ScoresPart(Part):
    """For the correlations' bootstrap intervals."""

    resamples: Annotated[int, Field(ge=100)] = 2000
    seed: Seed = 0


class MlpFiguresPart(Part):
    """Whether the figures count units from 0, as the code does, or from 1, as the paper does."""

    first_unit: Literal[0, 1] = 0


class MlpStudy(StudyForm):
    """Single units and pairs of a multi-layer perceptron, and a population of further networks."""

    kind: Literal["mlp"] = "mlp"  # pyright: ignore[reportIncompatibleVariableOverride]
    data: MlpDataPart
    network: MlpNetworkPart
    training: MlpTrainingPart
    population: PopulationPart
    ablation: AblationPart
    scores: ScoresPart = ScoresPart()
    embedding: EmbeddingPart = EmbeddingPart()
    figures: MlpFiguresPart = MlpFiguresPart()

    def check(self) -> None:
        """Refuse widths, sites and weights that do not go together."""
        _check(self)


def _check(study: MlpStudy) -> None:
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
            "network.weights: the authors' networks are 784-20-10-10, bias-free, for MNIST only."
        )
    if network.weights not in ("train", "authors"):
        _check_files(network)


def _check_files(network: MlpNetworkPart) -> None:
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
