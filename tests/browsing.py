"""A real browser that opens reports from disk, with no network, and hears every complaint."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
LOCAL = ("file:", "data:", "blob:")
WAIT = 300_000  # ms, for what hangs: the machine may be busy


def executable() -> str | None:
    """The browser of this machine."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a screen; tests that need one are skipped where there is none."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium here: install Debian's package chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=WAIT
        ) as found,
    ):
        yield found


class Report:
    """A report as a reader has it open.

    Attributes:
        page: The browser's page.
        trouble: What no reader should meet: errors, warnings, requests that would leave.
    """

    def __init__(self, page: Page, path: Path):
        self.page, self.path, self.trouble = page, path, []
        page.set_default_timeout(WAIT)
        page.on("console", lambda said: self.trouble.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.trouble.append(f"dialog: {dialog.message}"))
        page.on("request", self._asked)

    def open(self, fragment: str = "") -> "Report":
        """Load the page anew at an address inside it."""
        self.page.goto("about:blank")
        self.page.goto(f"file://{self.path}{fragment}")
        self.page.wait_for_selector("main .panel, main section")
        return self.settled()

    def go(self, fragment: str) -> "Report":
        """Follow a link inside the page, which stays loaded."""
        self.page.evaluate(
            "hash => new Promise(done => { location.hash = hash;"
            " requestAnimationFrame(() => requestAnimationFrame(done)); })",
            fragment,
        )
        return self.settled()

    def settled(self) -> "Report":
        """Wait until all that a view shows is read; Playwright's own waiting needs eval."""
        self.page.evaluate(
            "() => new Promise(done => { const look = () => document.querySelector('.reading')"
            " ? setTimeout(look, 10) : requestAnimationFrame(() => requestAnimationFrame(done));"
            " look(); })"
        )
        return self

    def find(self, selector: str, **how) -> Locator:
        return self.page.locator(selector, **how)

    def number(self, selector: str) -> int:
        """A count as it stands on the page, such as "6,894"."""
        return int(self.find(selector).inner_text().replace(",", ""))

    def legend(self) -> dict[str, int]:
        """The counts below the map, by state."""
        self.page.wait_for_selector("b[data-state]")
        found = self.find("b[data-state]").all()
        return {b.get_attribute("data-state"): int(b.inner_text().replace(",", "")) for b in found}

    def effects(self) -> dict[str, dict[str, float]]:
        """The table of effects: by class its counts, and its drop in full precision."""
        script = """rows => Object.fromEntries(rows.map(row => [row.dataset.class, Object.fromEntries(
            [...row.querySelectorAll('[data-count]')].map(c => [c.dataset.count, c.textContent])
            .concat([...row.querySelectorAll('[data-value]')].map(c => [c.dataset.value, c.dataset.exact])))]))"""  # noqa: E501
        self.page.wait_for_selector("tr[data-class]", state="attached")
        rows = self.find("tr[data-class]").evaluate_all(script)
        return {
            name: {key: float(text.replace(",", "")) for key, text in cells.items() if text}
            for name, cells in rows.items()
        }

    def _asked(self, request) -> None:
        if not request.url.startswith((*LOCAL, "about:")):
            self.trouble.append(f"request: {request.url}")


@contextmanager
def reading(found: Browser, path: Path, **how) -> Iterator[Report]:
    """A report open in a window of its own, without a network; nothing may go wrong in it."""
    how = {"viewport": {"width": 1280, "height": 900}, "accept_downloads": True} | how
    with found.new_context(offline=True, **how) as context:
        report = Report(context.new_page(), path)
        try:
            yield report
        finally:  # what the page complained of explains more than what then failed
            assert report.trouble == []
