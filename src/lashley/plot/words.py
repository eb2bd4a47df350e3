"""What ablations are called in figures, and how numbers are written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr


def percent(share: float) -> str:
    """A share of the units, as in "10 %"."""
    return f"{100 * share:g} %"


def clipped(text: str, longest: int) -> str:
    """`text` without its middle where it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def signed(text: str) -> str:
    """`text` with minus signs instead of hyphens."""
    return text.replace("-", "−")


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """A number with its interval, as in "2.35 [1.10, 3.60]"."""
    return signed(f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]")


def coordinate(measured: xr.Dataset, name: str) -> list[str]:
    """(ablation,) a coordinate as text; one of a single ablation, too."""
    return np.atleast_1d(measured[name].values).astype(str).tolist()


def short_sites(sites: Sequence[str]) -> tuple[list[str], str]:
    """Names of sites without the parts that all of them share, and what is shared.

    So "layers.0.out" and "layers.1.out" are "0" and "1" of "layers.*.out".
    """
    parts = [site.split(".") for site in dict.fromkeys(sites)]
    if len(parts) < 2:
        return list(sites), ""
    room = min(map(len, parts)) - 1  # a part of each name stays
    start = _shared(parts, room)
    end = _shared([part[::-1] for part in parts], room - start)
    texts = [".".join(part[start : len(part) - end]) for part in (s.split(".") for s in sites)]
    first = parts[0]
    pattern = ".".join([*first[:start], "*", *first[len(first) - end :]])
    return texts, pattern if start or end else ""


def _shared(parts: Sequence[Sequence[str]], most: int) -> int:
    """How many of their first parts all have in common."""
    found = 0
    while found < most and len({part[found] for part in parts}) == 1:
        found += 1
    return found


def ablation_names(measured: xr.Dataset) -> list[str]:
    """(ablation,) the units, with site and method where these differ: "3", "fc1:3 mean"."""
    methods, (sites, _) = coordinate(measured, "method"), short_sites(coordinate(measured, "site"))
    units = [units_text(text) for text in coordinate(measured, "units")]
    if len(set(sites)) > 1:
        units = [f"{site}:{text}" for site, text in zip(sites, units, strict=True)]
    if len(set(methods)) > 1:
        units = [f"{text} {method}" for text, method in zip(units, methods, strict=True)]
    return units


def units_text(units: str) -> str:
    """Units as outcomes have them, many cut short: "3", "3,15", "3,15,…(12)"."""
    each = units.split(",")
    return units if len(each) <= 3 else f"{each[0]},{each[1]},…({len(each)})"


def ablation_title(measured: xr.Dataset) -> str:
    """One ablation in full, as in "Unit 3 of fc1, silence"."""
    (units,), (site,), (method,) = (coordinate(measured, n) for n in ("units", "site", "method"))
    word = "Units" if "," in units else "Unit"
    return f"{word} {units_text(units)} of {site_text(site)}, {method}"


def site_text(site: str) -> str:
    """A site in a sentence: "fc1", but "site 3" where a number is its name."""
    return f"site {site}" if site.isdecimal() else site


def units_axis(measured: xr.Dataset) -> str:
    """What an axis of ablations is called: "unit of fc1"; "site:unit" where sites differ."""
    sites = list(dict.fromkeys(coordinate(measured, "site")))
    single = not any("," in units for units in coordinate(measured, "units"))
    what = "unit" if single else "units"
    if len(sites) == 1:
        return f"{what} of {site_text(sites[0])}"
    return f"{sites_axis(sites)}:{what}"


def sites_axis(sites: Sequence[str]) -> str:
    """What an axis of sites is called: "site", or "site (layers.*.out)" where names are short."""
    pattern = short_sites(sites)[1]
    return f"site ({pattern})" if pattern else "site"


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names for an error, many cut short: "'a', 'b', ..."."""
    return ", ".join(map(repr, names[:most])) + (", ..." if len(names) > most else "")
