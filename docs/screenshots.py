"""Takes the pictures of the report that README and docs/report.md show.

    python docs/screenshots.py MLP_RUN LAYER_RUN OUTCOMES

MLP_RUN is a run of `meyes2019-mlp --set network.weights=authors`, LAYER_RUN one of `vgg19-cifar10`;
OUTCOMES is a folder with the `report.html` that `la.report` writes of singles and pairs of an MLP
on digits. Needs Chromium and the package playwright.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HOME = Path(__file__).parent / "images"
WIDE, PHONE = (1280, 860), (390, 844)
MLP = {
    "report": ("#view=explore&units=3,15", (1280, 1080), "light"),
    "report-overview": ("#view=overview", WIDE, "light"),
    "report-dark": ("#view=explore&units=18&zoom=3.2,0.12,0.62", WIDE, "dark"),
    "report-phone": ("#view=explore&units=11", PHONE, "light"),
    "report-phone-dark": ("#view=pairs&units=3,15", PHONE, "dark"),
    "report-pairs": ("#view=pairs&units=3,15", WIDE, "light"),
    "report-scores": ("#view=scores&units=11&score=ks_distance", WIDE, "light"),
    "report-claims": ("#view=claims", WIDE, "dark"),
}
LAYERS = {
    "report-layers": ("#view=layers&site=features.7&proportion=0.25", WIDE, "light"),
    "report-recovery": ("#view=recovery", WIDE, "light"),
}
OUTCOMES = {
    "report-outcomes": ("#view=explore", (1440, 900), "light"),
    "report-ablations": ("#view=ablations&by=site&open=1", (1440, 620), "dark"),
}


def main(mlp: str, layers: str, outcomes: str) -> None:
    """Take them all."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for run, views in ((mlp, MLP), (layers, LAYERS), (outcomes, OUTCOMES)):
            address = f"file://{(Path(run) / 'report.html').resolve()}"
            for name, (fragment, (width, height), theme) in views.items():
                window = {"width": width, "height": height}
                context = chromium.new_context(
                    viewport=window, color_scheme=theme, offline=True, device_scale_factor=1.5
                )
                page = context.new_page()
                page.goto(address + fragment)
                page.wait_for_timeout(2500)
                _keep(page.screenshot(), HOME / f"{name}.png")
                context.close()
        chromium.close()


def _keep(picture: bytes, path: Path) -> None:
    """In 256 colours: a third of the size, and no one sees it."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
