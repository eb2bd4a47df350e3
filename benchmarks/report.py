"""How large and how fast a report is: its first view, a recolouring, panning and zooming.

    python -m benchmarks.report [RUN] [--rounds 40]

In Chromium without a screen (and so without a graphics card), from disk, with no network. Without
RUN the paper's study of the authors' network is carried out first, with two more networks: 210
ablations and the intact network on 10,000 digits.

The first view is timed from the navigation to the first painted frame that shows it, and the map
also to its last picture. A recolouring is timed by the browser itself (Event Timing): from the
press of the button to the next painted frame, in steps of 8 ms; next to it is the part that the
page's script takes. Panning and zooming: the time between frames while the wheel turns.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from lashley import studies

from measuring import machine

LIMITS = {"size": 12, "first view": 2000, "recolouring": 50}
_SETTINGS = ["network.weights=authors", "population.networks=2", "training.epochs=2"]
_LISTEN = """() => {
  window.taken = [];
  new PerformanceObserver(list => list.getEntries().forEach(entry => {
    if (entry.name === 'click') window.taken.push([entry.duration,
      entry.processingEnd - entry.startTime]);
  })).observe({type: 'event', durationThreshold: 16, buffered: false});
}"""
_PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_SHOWN = """() => new Promise(done => {
  const look = () => {
    const [mark] = performance.getEntriesByName('lashley-shown');
    if (mark) done(mark.startTime); else setTimeout(look, 5);
  };
  look();
})"""
_FRAMES = """() => {
  window.frames_ = []; let last = performance.now(); window.going = true;
  const step = now => { window.frames_.push(now - last); last = now;
                        if (window.going) requestAnimationFrame(step); };
  requestAnimationFrame(step);
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    print(machine())
    if given.run is not None:
        _measure(given.run, given.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        found = studies.load("meyes2019-mlp", _SETTINGS)
        studies.run(found, Path(folder) / "run", tell=lambda *_: None)
        _measure(Path(folder) / "run", given.rounds)


def _measure(run: Path, rounds: int) -> None:
    report = (run / "report.html").resolve()
    print(f"{report.parent.name}: {report.stat().st_size / 1e6:.2f} MB (at most {LIMITS['size']})")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_context(
            offline=True, viewport={"width": 1280, "height": 900}
        ).new_page()
        _first_views(page, report)
        _recolourings(page, report, rounds)
        _moves(page, report)
        chromium.close()


def _first_views(page: Page, report: Path) -> None:
    for view in ("overview", "explore"):
        times = []
        for _ in range(5):
            page.goto("about:blank")
            page.goto(f"file://{report}#view={view}")
            times.append(page.evaluate(_SHOWN))
        _say(f"first view, {view}", times, LIMITS["first view"])


def _recolourings(page: Page, report: Path, rounds: int) -> None:
    page.goto("about:blank")
    page.goto(f"file://{report}#view=explore")
    page.wait_for_selector("[data-unit]")
    page.wait_for_timeout(1500)  # until all pictures are there
    page.evaluate(_LISTEN)
    units = page.locator("[data-unit]")
    for i in range(rounds):
        units.nth((7 * i) % units.count()).click()
        page.evaluate(_PAINTED)
    page.wait_for_timeout(200)
    taken = page.evaluate("window.taken")
    if not taken:
        raise SystemExit("recolouring: this browser reports no times of events (Event Timing)")
    quick = rounds - len(taken)  # under 16 ms, which the browser does not report
    _say("recolouring", [t[0] for t in taken] + [16.0] * quick, LIMITS["recolouring"])
    _say("  of it in the page's script", [t[1] for t in taken] or [0.0])


def _moves(page: Page, report: Path) -> None:
    page.goto("about:blank")
    page.goto(f"file://{report}#view=explore&units=11")
    page.wait_for_timeout(1500)
    box = page.locator("#map canvas").first.bounding_box()
    if box is None:
        return
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 3
    page.mouse.move(x, y)
    _frames(page, "zooming", lambda i: page.mouse.wheel(0, -60 if i < 20 else 60))
    page.mouse.down()
    _frames(page, "panning", lambda i: page.mouse.move(x + 5 * (i % 20), y + 3 * (i % 20)))
    page.mouse.up()


def _frames(page: Page, name: str, move: Callable[[int], None]) -> None:
    """Moves the mouse 40 times, 16 ms apart, and prints how far apart the frames are."""
    page.evaluate(_FRAMES)
    for i in range(40):
        move(i)
        page.wait_for_timeout(16)
    page.evaluate("window.going = false")
    _say(f"{name}, between frames", page.evaluate("window.frames_"))


def _say(what: str, times: Sequence[float], limit: float | None = None) -> None:
    ordered = sorted(times)
    worst = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    goal = f"  (at most {limit:g})" if limit else ""
    print(f"{what:<32}median {statistics.median(ordered):6.0f} ms   95 % {worst:6.0f} ms{goal}")


if __name__ == "__main__":
    main()
