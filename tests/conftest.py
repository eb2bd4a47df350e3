"""Fixtures that several test files share."""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from lashley.training.checkpoint import Checkpoint

from real_data import data_root

settings.register_profile(  # what takes long may have waited
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")


_BEYOND_TORCH_2_9 = (  # its export cannot do these (auto takes another engine); no grouped_mm yet
    "test_experts_in_one_product", "grouped_mm", "[len]", "[len-export]", "[as EvoNorm-export]",
    "test_so_it_does_by_export", "test_a_loop_of_single_steps[lstm-export]",
)  # fmt: skip


def pytest_collection() -> None:
    """Hide what libraries hold from `gc.get_objects`, which recording a network looks through."""
    import matplotlib.figure  # noqa: F401
    import transformers.modeling_utils  # noqa: F401
    import zarr  # noqa: F401

    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Mark what the fast suite leaves out, and what the oldest torch cannot do.

    Tests of a Ray cluster come first, where no second process takes some of them over.
    """
    _thin(items)
    items.sort(key=lambda item: "ring" not in getattr(item, "fixturenames", ()))
    if torch.__version__.startswith("2.9"):
        for item in items:
            if any(part in item.nodeid for part in _BEYOND_TORCH_2_9):
                item.add_marker(pytest.mark.xfail(reason="not by torch 2.9", strict=False))


def _thin(items: list[pytest.Item]) -> None:
    """Of a test that is `thinned(n)` n cases are drawn by its name; the others are slow.

    `thinned(n, by="engine")` draws n for each value of that parameter. `by` may be a function of
    the parameters, too.
    """
    cases: dict[str, dict[Any, list[pytest.Item]]] = defaultdict(lambda: defaultdict(list))
    most: dict[str, int] = {}
    for item in items:
        for mark in item.iter_markers("thinned"):
            name = item.nodeid.partition("[")[0]
            most[name] = mark.args[0]
            cases[name][_kind(item, **mark.kwargs)].append(item)
    for name, kinds in cases.items():
        draw = Random(name)
        for own in kinds.values():
            kept = draw.sample(own, min(most[name], len(own)))
            for item in own:
                if item not in kept:
                    item.add_marker(pytest.mark.slow)


def _kind(item: Any, by: str | Callable[..., Any] | None = None) -> Any:
    """The kind of a case: of each the fast suite takes some."""
    if by is None:
        return None
    given = item.callspec.params
    return given[by] if isinstance(by, str) else by(**given)


@pytest.fixture
def mnist_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of MNIST and of the authors' networks, with LASHLEY_DATA pointing at it."""
    root = data_root()
    if root is None:
        pytest.skip("MNIST and the authors' networks are not here: set LASHLEY_DATA")
    monkeypatch.setenv("LASHLEY_DATA", str(root))
    return root


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks gain nothing from more, and the same sums give the same bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ctrl-C after so many checkpoints."""

    def stop_after(saves: int) -> None:
        def counted(self: Checkpoint, *given: Any) -> None:
            save(self, *given)
            left.pop()
            if not left:
                monkeypatch.setattr(Checkpoint, "save", save)
                raise KeyboardInterrupt

        save, left = Checkpoint.save, [None] * saves
        monkeypatch.setattr(Checkpoint, "save", counted)

    return stop_after
