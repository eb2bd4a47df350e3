"""The part of a layer study on recovery: its form, and checks across keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from lashley.errors import StudyError, TrainingError
from lashley.methods import ZERO_WEIGHTS
from lashley.recovery.patience import Patience
from lashley.studies.method import HeldMethod
from lashley.studies.study import AtLeastOne, Part, Seed
from lashley.training import Recipe

Share = Annotated[float, Field(ge=0)]
Whole = Annotated[int, Field(ge=0)]
Control = Literal["intact", "redrawn", "from_scratch"]

_FROZEN = ("upstream", "downstream", "none")


class RecipePart(Part):
    """As in `la.Recipe`; the seed is for the order of the batches, the crops and the flips."""

    lr: Annotated[float, Field(gt=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Share = 0.0
    nesterov: bool = False
    batch_size: AtLeastOne
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    augmentation: Literal["none", "crops_and_flips"] = "crops_and_flips"
    autocast: bool = False
    seed: Seed = 0


class RetrainingPart(RecipePart):
    """How a network is retrained; the epochs are those of the experiment.

    The seed is also for new initial weights; each instance and iteration has its own, counted up
    from it.
    """

    lr: Annotated[float, Field(gt=0)] = 0.001
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    batch_size: AtLeastOne = 128
    schedule: Literal["constant", "one_cycle"] = "constant"
    augmentation: Literal["none", "crops_and_flips"] = "none"
    optimiser: Literal["sgd", "adamw"] = "sgd"


class StopPart(Part):
    """As in `la.Patience`: when an iteration ends, by the accuracy on the validation images."""

    least: AtLeastOne = 5
    within: AtLeastOne = 2
    gain_pp: Annotated[float, Field(ge=0, le=100)] = 0.05
    top: AtLeastOne = 5


class RecoveryPart(Part):
    """What is ablated, retrained and measured, after the sweep.

    Attributes:
        sites: The layers, such as "features.33"; null takes the two that matter most in the sweep
            on the first half of its images.
        proportion: Of a layer's filters that are ablated, in every iteration anew.
        method: Of the ablation.
        instances: Random groups per layer, one retraining each.
        iterations: Of ablation and retraining, one after another; 0 for none.
        epochs: Of every instance.
        most_epochs: Of an iteration, if the stop rule does not end it before.
        stop: The stop rule of the iterations.
        training: How to retrain.
        freeze: "upstream" (nearer the input, as in the paper), "downstream", "none", or names of
            modules and parameters.
        train_ablated: Whether what is left of the ablated layer trains too.
        controls: What a retraining begins with, besides the ablated network: "intact", "redrawn"
            (the filters with new initial weights), "from_scratch" (all that trains has these).
        images: Training images; null takes all that are not set aside.
        validation_images: Set aside from the training images: the stop rule looks at these alone.
            (The intact network may have been trained on them before.)
        test_images: Null takes all test images except those on which the layers were chosen.
        root: The folder of the training images, with a folder for each class in it.
        seed: For the groups, and for the choice of images.
        cache_gb: Most room for what frozen layers make of all images.
    """

    sites: Annotated[list[str], Field(min_length=1)] | None = None
    proportion: Annotated[float, Field(gt=0, lt=1)] = 0.25
    method: HeldMethod = str(ZERO_WEIGHTS)
    instances: AtLeastOne = 5
    iterations: Whole = 5
    epochs: AtLeastOne = 5
    most_epochs: AtLeastOne = 20
    stop: StopPart = StopPart()
    training: RetrainingPart = RetrainingPart()
    freeze: str | list[str] = "upstream"
    train_ablated: bool = True
    controls: list[Control] = Field(default=["intact", "redrawn", "from_scratch"])
    images: AtLeastOne | None = None
    validation_images: AtLeastOne = 1000
    test_images: AtLeastOne | None = None
    root: str | None = None
    seed: Seed = 0
    cache_gb: Share = 4.0

    @property
    def n_layers(self) -> int:
        """How many layers are ablated."""
        return len(self.sites or (1, 2))

    @property
    def patience(self) -> Patience:
        """The stop rule."""
        return Patience(**self.stop.model_dump())

    def recipe(self, epochs: int) -> Recipe:
        """How to retrain for this many epochs."""
        return Recipe(epochs=epochs, **self.training.model_dump())

    def check(self, images: str, classes: int, methods: Sequence[str]) -> None:
        """Refuse what does not fit together.

        Args:
            images: Which the study is on, "cifar10" or "image_folder".
            classes: Of the network.
            methods: Of the sweep.

        Raises:
            StudyError: Naming the key.
        """
        self._check_root(images)
        if self.sites is None and self.method not in methods:
            raise StudyError(
                f"recovery.method: given {self.method!r}, which the sweep lacks (it has "
                f"{', '.join(methods)}), so it cannot choose the layers. Name them: --set "
                "recovery.sites=[features.33], take a method of the sweep, or leave recovery out: "
                "--set recovery=null."
            )
        for name in ("sites", "controls"):
            _once(name, getattr(self, name) or ())
        if isinstance(self.freeze, str) and self.freeze not in _FROZEN:
            raise StudyError(
                f"recovery.freeze: given {self.freeze!r}; allowed are {', '.join(_FROZEN)}, or a "
                "list of names of modules: --set recovery.freeze=[features.0]."
            )
        self._check_stop(classes)
        self._check_schedule()
        try:
            self.recipe(self.epochs)
        except TrainingError as error:
            raise StudyError(f"recovery.training: {error}") from error

    def _check_root(self, images: str) -> None:
        if images == "image_folder" and self.root is None:
            raise StudyError(
                "recovery.root: is missing; allowed is the folder of the training images, with a "
                "folder of each class in it: --set recovery.root=FOLDER. Or leave recovery out: "
                "--set recovery=null."
            )
        if images == "cifar10" and self.root is not None:
            raise StudyError(
                "recovery.root: cifar10 brings its own training images. Leave it out, or set "
                "data.name=image_folder."
            )

    def _check_schedule(self) -> None:
        if self.training.schedule != "constant" and ("intact" in self.controls or self.iterations):
            raise StudyError(
                f"recovery.training.schedule: given {self.training.schedule!r}; allowed is "
                "'constant' with iterations or the control intact: these end at other epochs than "
                "the instances, so equal epochs would have unequal rates. Set "
                "recovery.iterations=0 and leave out that control, or take 'constant'."
            )

    def _check_stop(self, classes: int) -> None:
        if self.iterations and self.stop.top >= classes:
            raise StudyError(
                f"recovery.stop.top: given {self.stop.top}, at which all predictions of {classes} "
                f"classes are right; allowed is 1 to {classes - 1}. Set recovery.stop.top=1."
            )
        least = max(self.stop.least, self.stop.within)
        if self.iterations and self.most_epochs < least:
            raise StudyError(
                f"recovery.most_epochs: given {self.most_epochs}; the stop rule needs at least "
                f"{least} (recovery.stop.least and within). Raise it, or lower these."
            )


def _once(name: str, given: Sequence[Any]) -> None:
    if len(set(given)) < len(given):
        raise StudyError(f"recovery.{name}: given {list(given)}; name each once.")
