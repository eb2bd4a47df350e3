"""Building: which engine an evaluation gets, and all that it needs."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import xxhash
from torch import Tensor, fx, nn

from lashley.ablations import Ablation
from lashley.data import Examples
from lashley.engine.batch import Batch
from lashley.engine.calls import calls_by_example
from lashley.engine.case import Case, Options, case_of
from lashley.engine.checks import (
    check_alone,
    check_bit_by_bit,
    check_classes,
    check_columns,
    check_logits,
    check_sites,
)
from lashley.engine.guards import network_fingerprint
from lashley.engine.hooking import hooking
from lashley.engine.naive import NaiveEngine, naive_engine
from lashley.engine.program import exact
from lashley.engine.sweeping import sweeping
from lashley.engine.truth import precise
from lashley.engine.verdict import Readings, RowNumbers
from lashley.errors import EngineError
from lashley.graph import Captured, capture
from lashley.graph.anatomy import Organ, anatomy
from lashley.graph.batch import NotBatched, batch_dependence
from lashley.graph.recorded import decides_by_batch, recorded
from lashley.graph.running import own_tensors
from lashley.methods import Where
from lashley.outcomes import kinds_of
from lashley.readouts import LOSS, Readout, are_probabilities, check_measured
from lashley.sites import unknown_site

_LARGE = 1 << 24  # weights


@runtime_checkable
class Engine(Protocol):
    """Finds out what ablations do to a batch of examples."""

    @property
    def name(self) -> str:
        """As outcomes name it."""
        ...

    @property
    def batch(self) -> int:
        """Examples that it takes at once."""
        ...

    @property
    def attrs(self) -> Mapping[str, Any]:
        """How it has worked so far, for the outcomes."""
        ...

    def run(self, batch: Batch, rows: set[int]) -> Iterator[tuple[RowNumbers, Readings]]:
        """Rows of the outcomes (row 0 is the intact network) and what was found, in main memory.

        Args:
            batch: In float32.
            rows: Those wanted; 0 always comes too.
        """
        ...


@dataclass(frozen=True, eq=False)
class Built:
    """An engine, and what its outcomes are about.

    Attributes:
        engine: Finds the outcomes.
        kinds: The type of what is measured, by name.
        fingerprint: Of the network.
        choice: How it was chosen, for the outcomes.
        together: Whether all examples, and all of the reference, have to be run as one batch.
    """

    engine: Engine
    kinds: Mapping[str, np.dtype[Any]]
    fingerprint: str
    choice: Mapping[str, str]
    together: bool

    @property
    def attrs(self) -> dict[str, Any]:
        """How it was chosen, and how it has worked so far, for the outcomes."""
        return {**self.choice, **self.engine.attrs}


@dataclass(frozen=True, eq=False)
class Chosen:
    """An engine, and how it was chosen.

    Attributes:
        engine: Which one.
        case: What it evaluates, with what was found out about the network on the way.
        why: Reasons, in the order in which they were found; "" stands for none.
    """

    engine: Engine
    case: Case
    why: tuple[str, ...]

    @property
    def attrs(self) -> dict[str, str]:
        """For the outcomes."""
        found = {"engine": self.engine.name, "engine_reason": "; ".join(w for w in self.why if w)}
        own = {} if self.case.truth.dtype == torch.float64 else {"decided_in": "float32"}
        return {**found, **own}


def build(
    network: nn.Module, examples: Examples, reference: Examples | None,
    ablations: Sequence[Ablation], readout: Readout, options: Options,
    counted: Tensor | None = None, precision: float | None = None,
) -> Built:  # fmt: skip
    """Choose an engine and build it.

    Args:
        network: In eval mode; not changed.
        examples: Those to be evaluated.
        reference: Those that activations are taken from, or None.
        ablations: Those to be measured.
        readout: What is kept of an output.
        options: How it is carried out.
        counted: (reference example, position) which of the reference count; None: all.
        precision: As in `evaluate`.

    Raises:
        EngineError: If the network cannot be evaluated, or an ablation does not belong to it.
        DataError: If the labels do not fit the outputs.
    """
    if sum(p.numel() for p in network.parameters()) > _LARGE:
        gc.collect()  # graphs of an earlier call refer to themselves, and hold weights
    case = case_of(network, examples, reference, ablations, readout, options, counted)
    if precision is not None:
        check_bit_by_bit(precision, case.is_independent)
    measured = _measured(case, examples)
    check_columns(ablations, measured)
    chosen = _chosen(case)
    case = chosen.case
    if precision is not None:
        check_bit_by_bit(precision, case.is_independent)
    hashes = "".join(network_fingerprint(network).values())
    kinds = kinds_of(readout.name, measured, case.outputs.shape[-1])
    fingerprint = xxhash.xxh3_128_hexdigest(hashes.encode())
    together = not case.is_independent
    return Built(chosen.engine, kinds, fingerprint, chosen.attrs, together)


def _measured(case: Case, examples: Examples) -> dict[str, Tensor]:
    labels = examples.labels[: len(case.outputs)].to(case.options.device)
    if case.classifies:
        check_logits(case.outputs)
        check_classes(examples, case.outputs.shape[1])
    found = case.readout.of(case.outputs.float(), labels)
    found = check_measured(case.readout.name, found, len(labels))
    check_alone(found, case.readout.of(case.outputs[:2].float(), labels[:2]))
    if case.readout == LOSS and are_probabilities(case.outputs):
        warnings.warn(
            "lashley: the outputs look like probabilities, but readout='loss' takes logits. Give "
            "output=lambda p: p.log().",
            stacklevel=2,
        )
    return found


def _chosen(case: Case) -> Chosen:
    wanted = case.options.engine
    captured, why = _captured(case, wanted)
    if captured is None:
        return _without_graph(case, (why,))
    organs = anatomy(captured.module)
    check_sites(case.ablations, organs)
    batch, unstacked = _batch(case, captured)
    held = own_tensors(case.truth.network)  # a copy in float64, else in another format
    program = exact(captured, batch or {}, case.options.device, held)
    exactly = replace(case, truth=precise(case.truth, case.network, program.module))
    if exactly.truth.dtype != torch.float64:
        return _without_graph(case, (why, "no float64"))
    started = _not_zero(case, organs)
    if wanted == "naive" or started or not case.is_independent:
        also = "asked for" if wanted == "naive" else unstacked or started
        return Chosen(naive_engine(exactly, program, organs), exactly, (why, also))
    if batch is None:
        return _without_graph(
            case, (why, unstacked), lambda: (naive_engine(exactly, program, organs), exactly)
        )
    return Chosen(sweeping(exactly, captured, organs, batch, program), exactly, (why,))


def _batch(case: Case, captured: Captured) -> tuple[dict[str, Any] | None, str]:
    """How the graph's values depend on the batch; or None, and why they cannot be stacked."""
    if not case.is_independent:
        return None, "an example's output depends on the others: all are run as one batch"
    try:
        found = batch_dependence(captured.module, case.structure)
    except NotBatched as error:
        return None, f"no stacking: {error}"
    return {node.name: value for node, value in found.items()}, ""


def _captured(case: Case, wanted: str) -> tuple[Captured | None, str]:
    """The network's graph, or None; and why."""
    if wanted == "hooks":
        return None, "asked for"
    tracer = wanted if wanted in ("fx", "export") else "auto"
    captured, why = capture(case.network, case.example, tracer)
    if captured is None and wanted in ("fx", "export"):
        raise EngineError(
            f"engine: {wanted!r} cannot capture this network ({why}). Use engine='auto'."
        )
    return captured, why if captured is None else captured.reason


def _not_zero(case: Case, organs: Mapping[str, Organ]) -> str:
    """A recurrent site whose units are not simply 0 once their weights are; "" if there is none."""
    for site, method in case.methods:
        steps = [call.recurrent for call in organs[site].calls if call.recurrent is not None]
        if method.where is Where.WEIGHTS and not all(step.only_zero for step in steps):
            return site
    return ""


def _without_graph(
    case: Case, why: tuple[str, ...],
    by_graph: Callable[[], tuple[NaiveEngine, Case]] | None = None,
) -> Chosen:  # fmt: skip
    """Full passes; by the naive engine if examples depend on one another, or it is asked for.

    Args:
        case: What is asked.
        why: The reasons so far.
        by_graph: The engine to take if the calls of a run do not reach a site, and its case.
    """
    case = replace(case, truth=precise(case.truth, case.network, None))
    record = recorded(case.network, case.example)
    seen = anatomy(record)
    if case.is_independent and _decides(case, record):
        case = replace(case, decides=True)
    beyond = sorted({a.site.name for a in case.ablations} - seen.keys())
    if beyond and by_graph is not None:
        return Chosen(*by_graph(), why)
    if beyond and case.options.engine == "hooks":
        raise EngineError(
            f"ablations: {unknown_site(beyond[0], seen)} Those are what engine='hooks' reaches; "
            "engine='auto' may reach more."
        )
    check_sites(case.ablations, seen)
    if not case.is_independent:
        others = "an example's output depends on the others"
        also = "forward decides by a number of the whole batch" if case.decides else others
        why = (*why, f"{also}: all are run as one batch")
        return Chosen(naive_engine(case, None, seen), case, why)
    if calls_by_example(case, seen):
        why = (*why, "a layer is called once for each example: these are run one by one")
        case = replace(case, is_one_by_one=True)
        seen = anatomy(recorded(case.network, case.example))
    if case.options.engine == "naive":
        return Chosen(naive_engine(case, None, seen), case, (*why, "asked for"))
    return Chosen(hooking(case, seen), case, why)


def _decides(case: Case, record: fx.GraphModule) -> bool:
    """Whether a number of the whole batch decides, so that all examples must be one batch."""
    if len(case.few[0]) < 2 or not decides_by_batch(case.network, case.example, record):
        return False
    if case.options.engine != "hooks":
        return True
    warnings.warn(
        "lashley: forward decides by one number of a whole batch. With engine='hooks' a batch "
        "holds several ablations, so one may decide for the others. engine='auto' runs each "
        "alone, on all examples.",
        stacklevel=2,
    )
    return False
