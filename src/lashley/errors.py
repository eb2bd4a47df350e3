"""Every error Lashley raises on purpose.

    LashleyError
    ├── DataError        examples, labels, data files
    ├── NetworkError     architectures, weights files, weights that are not finite
    ├── SiteError        a place in the network that is not there or cannot be ablated
    ├── AblationError    units or methods that do not exist
    ├── ReadoutError     a readout that cannot be taken from the outputs
    ├── EngineError      an evaluation that cannot be carried out
    ├── IntegrityError   data or network changed while they were measured
    ├── OutcomesError    outcomes that are incomplete or do not belong together
    ├── PlotError        a figure that cannot be drawn from what was given
    ├── TrainingError    a training that cannot start
    │   └── DivergenceError  a training whose loss or weights are no longer finite
    ├── ClusterError     a Ray cluster that cannot be used
    │   └── TaskFailed       a task that fails again and again
    ├── CodeError        code of the user's own that cannot be loaded, or raises
    ├── StudyError       a study file that cannot be run as it is written
    └── RunError         a run folder that cannot be used

Each message says what was given, what is allowed, and one way out.
"""

from collections.abc import Callable


class LashleyError(Exception):
    """The root: `except LashleyError` catches whatever Lashley raises on purpose."""


class DataError(LashleyError):
    """Examples, labels or data files are not usable."""


class NetworkError(LashleyError):
    """A network or its weights are not usable."""


class SiteError(LashleyError):
    """A site does not exist in the network, or its units cannot be ablated as asked."""


class AblationError(LashleyError):
    """An ablation names units or a method that do not exist."""


class ReadoutError(LashleyError):
    """A readout does not exist, or does not go with the outputs and targets."""


class EngineError(LashleyError):
    """An evaluation cannot be carried out."""


class IntegrityError(LashleyError):
    """Data or network changed while they were measured: the numbers would be wrong."""


class OutcomesError(LashleyError):
    """Outcomes are incomplete or do not belong together."""


class PlotError(LashleyError):
    """A figure cannot be drawn from what was given."""


class TrainingError(LashleyError):
    """A training cannot start, or cannot go on."""


class DivergenceError(TrainingError):
    """Loss or weights of a training are no longer finite."""


class ClusterError(LashleyError):
    """A Ray cluster cannot be used."""


class TaskFailed(ClusterError):
    """A task fails again and again.

    Attributes:
        task: Its name, by which it can be done alone.
    """

    def __init__(self, message: str, task: str = "") -> None:
        super().__init__(message)
        self.task = task


class CodeError(LashleyError):
    """Code of the user's own cannot be loaded, or raises.

    Attributes:
        own: Its traceback, if it raised.
    """

    def __init__(self, message: str, own: str = "") -> None:
        super().__init__(message)
        self.own = own


class StudyError(LashleyError):
    """A study cannot be run as it is written."""


class RunError(LashleyError):
    """A run folder cannot be used."""


OnProgress = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""


def check_progress(progress: object, raised: type[LashleyError]) -> None:
    """Refuse what cannot be called, before any work.

    Raises:
        LashleyError: Of the type `raised`.
    """
    if progress is not None and not callable(progress):
        raise raised(
            f"progress: given {progress!r}; allowed is None, or a function that is called with how "
            "much is done and how much there is: progress=lambda done, total: print(done, total)."
        )
