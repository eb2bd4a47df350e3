"""One network: its sites, some ablations of them, and what the twin says about these."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import lashley as la
from benchmarks.zoo.compare import compare, in_words
from benchmarks.zoo.networks import Made, call
from benchmarks.zoo.numbers import numbers, numbers_of
from benchmarks.zoo.truth import METHODS, methods_of, part
from benchmarks.zoo.twin.sources import Target
from benchmarks.zoo.twin.twin import READINGS, Twin

TWIN_SECONDS = 12.0  # about how long the twin may run
SLOW = 3.0  # if a pass of the twin on a few examples takes longer, one site of a kind is enough
MOST_REFUSED = 8  # ablations are looked for one by one; more are taken together


def row_of(made: Made, row: dict[str, Any]) -> None:
    """Write into the row everything that the table says about a network, and what goes wrong."""
    row["modules"] = len(list(made.network.modules()))
    row["weights"] = sum(p.numel() for p in made.network.parameters())
    with torch.no_grad():
        started = time.process_time()
        outputs = made.pick(call(made.network, _cloned(made.inputs)))
        row["forward_seconds"] = time.process_time() - started
    labels = torch.arange(12) % (outputs.shape[-1] if outputs.ndim == 2 else 4)
    data, reference = (made.inputs, labels), (made.reference, labels[:2])
    sites = _timed(row, "find_sites", lambda: la.find_sites(made.network, data, **_output(made)))
    if sites is None:
        return
    row["sites"] = _by_kind(sites)
    row |= account_of(made.network, sites)
    chosen = _chosen(row, Twin(made.network, made.pick, call), made, sites)
    ablations = [
        la.Ablation(sites[t.site], t.units, method) for t in chosen for method in methods_of(t)
    ]
    if not ablations:
        row["no_sites"] = True
        return
    given = {"reference": reference, "seed": 0, **_output(made)}

    def evaluated(some: Sequence[la.Ablation], **more: Any) -> Any:
        return la.evaluate(made.network, data, some, **given, **more)

    measured = _timed(row, "evaluate", lambda: evaluated(ablations, readout=numbers))
    refused = {}
    if measured is None:
        refused = _refused(ablations, lambda some: evaluated(some, readout=numbers))
        ablations = [a for a in ablations if _words(a) not in refused]
        row["refused"] = refused
    if refused and ablations:
        measured = _timed(row, "evaluate", lambda: evaluated(ablations, readout=numbers))
    if measured is None:
        return
    ranks = None
    if outputs.ndim == 2:
        ranks = _timed(row, "ranks", lambda: evaluated(ablations))
    row["engine"] = measured.attrs["engine"]
    row["engine_reason"] = str(measured.attrs.get("engine_reason", ""))[:300]
    places = {_words(a): place for place, a in enumerate(ablations)}
    plain = numbers_of(outputs)
    twin = Twin(made.network, made.pick, call)
    row |= asdict(compare(twin, made, chosen, places, measured, ranks, plain, labels))
    row["not_checked"] += [f"{words}: {error}" for words, error in refused.items()]


def _refused(
    ablations: Sequence[la.Ablation], evaluate: Callable[[Sequence[la.Ablation]], Any]
) -> dict[str, str]:
    """Which ablations end in an error, and in which, if all at once did; found by halving."""
    found: dict[str, str] = {}
    waiting = [[a for a in ablations if str(a.method) == method] for method in METHODS]
    while waiting:
        some = waiting.pop()
        try:
            evaluate(some)
        except Exception as error:
            half = len(some) // 2
            if half and len(found) < MOST_REFUSED:
                waiting += [some[:half], some[half:]]
            else:
                found |= {_words(a): f"{type(error).__name__}: {error}"[:300] for a in some}
    return found


def _words(ablation: la.Ablation) -> str:
    return in_words(ablation.site.kind, ablation.site.name, str(ablation.method), ablation.units)


def _chosen(row: dict[str, Any], twin: Twin, made: Made, sites: Any) -> list[Target]:
    """Sites of every kind, and of every way from a layer to its point, as far as time allows."""
    few = part(made.inputs, slice(3))
    started = time.process_time()
    unclear: dict[str, str] = {}
    targets = {s.name: target_of(s, sites) for s in sites.values()}
    ways = {n: "in a loop" for n, t in targets.items() if t.kind == "recurrent"}
    painted = {n: t for n, t in targets.items() if n not in ways}
    runs = 1
    try:
        found = twin.ways(few, list(painted.values()))
        words: dict[str, set[str]] = {name: set() for name in painted}
        for (site, _, unit, _), way in found.items():
            words[site].add(f"{unit > 0} {way[READINGS[0]].words}")
        ways |= {name: " | ".join(sorted(w)) for name, w in words.items()}
    except Exception:
        runs += len(painted)
        for name, target in painted.items():
            try:
                found = twin.ways(few, [target])
                ways[name] = "|".join(sorted({w[READINGS[0]].words for w in found.values()}))
            except Exception as error:
                unclear[name] = f"{type(error).__name__}: {error}"[:200]
    seconds = (time.process_time() - started) / (2 * runs)
    row["unclear"] = dict(list(unclear.items())[:10])
    row["n_unclear"] = len(unclear)
    least = 1 if seconds > SLOW else 2
    most = max(least, min(5, int(TWIN_SECONDS / (8 * max(seconds, 0.01)))))
    row["ways"] = sorted({f"{targets[n].kind}: {w}" for n, w in ways.items()})
    chosen = [targets[name] for name in list(unclear)[:2]]  # they run too, if unchecked
    for kind in {t.kind for t in targets.values()}:
        names = [n for n in ways if targets[n].kind == kind]
        firsts = list({ways[n]: n for n in reversed(names)}.values())[::-1]
        spread = [names[int(i)] for i in torch.linspace(0, len(names) - 1, 3)] if names else []
        for k, name in enumerate(list(dict.fromkeys([*firsts, *spread]))[:most]):
            units = targets[name].units
            chosen.append(replace(targets[name], units=units[:1] if k % 2 else units[-2:]))
    return chosen


def target_of(site: la.Site, sites: Any) -> Target:
    """What the twin should paint of a site: its first, middle and last unit."""

    def form(one: la.Site) -> tuple[str, str, int, int]:
        return one.kind, one.name.rpartition(".")[0], one.n_units, one.axis

    sums = [s.name for s in sites.values() if form(s) == form(site)]
    place = (sums.index(site.name), len(sums)) if site.kind == "residual" else (0, 0)
    return Target(site.name, site.kind, site.axis, site.n_units, _units(site.n_units), place)


def _units(n: int) -> tuple[int, ...]:
    return tuple(sorted({0, n // 2, n - 1}))


def account_of(network: nn.Module, sites: Any) -> dict[str, Any]:
    """How much of the network is in sites, and which parameters are neither there nor left out."""
    own = dict(network.named_parameters(remove_duplicate=False))
    known = {id(own[name]) for s in sites.values() for name in s.parameters if name in own}
    listed = {id(own[p.name]) for p in sites.left_out if p.name in own}
    sizes = {id(p): p.numel() for p in own.values()}
    reasons: dict[str, int] = {}
    for p in sites.left_out:
        reason = p.reason.split(" (")[0]
        reasons[reason] = reasons.get(reason, 0) + p.weights
    return {
        "share": sum(sizes[i] for i in known) / max(1, sum(sizes.values())),
        "unaccounted": [n for n, p in own.items() if id(p) not in known | listed],
        "overlooked": sum(p.weights for p in sites.left_out if p.is_overlooked),
        "reasons": dict(sorted(reasons.items(), key=lambda item: -item[1])[:8]),
    }


def _by_kind(sites: Any) -> dict[str, int]:
    kinds = [s.kind for s in sites.values()]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def _output(made: Made) -> dict[str, Any]:
    return {} if made.output is None else {"output": made.output}


def _timed(row: dict[str, Any], name: str, work: Any) -> Any:
    _forget_peak()
    started = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return work()
        except la.LashleyError as error:
            row.setdefault("errors", {})[name] = f"{type(error).__name__}: {error}"[:600]
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            words = f"{type(error).__name__}: {error}"[:500]
            row.setdefault("bare", {})[name] = (
                f"{words} ({Path(where.filename).name}:{where.lineno})"
            )
            row["bare_trace"] = traceback.format_exc()[-2500:]
        finally:
            row[f"{name}_seconds"] = time.process_time() - started
            row["gib"] = max(row.get("gib", 0.0), _peak())
            said = {str(w.message)[:200] for w in caught if "lashley" in str(w.filename)}
            if said:
                row.setdefault("warnings", []).extend(sorted(said)[:3])
    return None


def _cloned(inputs: Any) -> Any:
    return {k: v.clone() for k, v in inputs.items()} if isinstance(inputs, dict) else inputs.clone()


_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _forget_peak() -> None:
    _FORGET.write_text("5")  # the most memory from here on


def _peak() -> float:
    """The most memory that the process has used since, in GiB."""
    (line,) = (part for part in _STATUS.read_text().splitlines() if part.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20
