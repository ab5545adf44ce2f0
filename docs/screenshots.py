"""Takes the pictures of pages that the docs show, in a headless Chromium: on a screen, light or dark, and on a phone.

python docs/screenshots.py --data-root demo/data demo/experiment RUN RUN2   # after `harness demo`; writes docs/screenshots
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).resolve().parent / "screenshots"
SCREEN, PHONE, COLOURS = {"width": 1280, "height": 1170}, {"width": 390, "height": 844}, 160
SCHEMES = {"run": "light", "comparison": "dark", "runs": "light", "board": "dark"}
PHONES = ("run", "board")
"""Pages that the docs also show as a phone does."""


def build(given: argparse.Namespace, folder: Path) -> None:
    """Write every page through the command line."""
    harness, data = Path(sys.executable).with_name("harness"), ["--data-root", given.data_root]
    typed = {
        "run": ["view", given.run],
        "comparison": ["view", given.run, given.other],
        "runs": ["view", given.folder],
        "board": ["board", given.folder, "--format", "html"],
    }
    for name, command in typed.items():
        output = ["--output", folder / f"{name}.html"]
        subprocess.run([harness, *command, *data, *output], check=True, stdout=subprocess.DEVNULL)


def choose(page: Page, sample: int) -> None:
    """Show a sample whose true moment has been played up to a second and a half before its end."""
    page.locator(f'tr[data-sample="{sample}"]').click()
    page.locator("#detail button.truth").first.click()
    page.wait_for_function("() => document.querySelector('#detail video').paused === false")
    page.locator("#detail video").evaluate("v => new Promise(done => v.addEventListener('pause', done))")
    page.locator("#detail video").evaluate("v => { v.currentTime -= 1.5; }")
    page.mouse.move(0, 0)
    page.wait_for_timeout(3000)  # until the controls of the video are gone and its frames drawn


def tick(page: Page) -> None:
    """Compare the two best runs of different recipes, or the two best."""
    boxes = page.locator("td input[type=checkbox]")
    for i in (0, min(2, boxes.count() - 1)):
        boxes.nth(i).check()


def take(browser: Browser, file: Path, phone: bool, sample: int) -> bytes:
    """The upper part of a page, in a palette so that the file is small."""
    scheme = "light" if phone or SCHEMES[file.stem] == "light" else "dark"
    page = browser.new_page(viewport=PHONE if phone else SCREEN, color_scheme=scheme)
    page.goto(file.as_uri())
    page.wait_for_selector("main[aria-busy=false]")
    if not phone and file.stem in ("run", "comparison"):
        choose(page, sample)
    if not phone and file.stem == "runs":
        tick(page)
    page.evaluate("window.scrollTo(0, 0)")
    end = page.evaluate("Math.min(innerHeight, Math.ceil(document.querySelector('main').getBoundingClientRect().bottom))")
    shot = page.screenshot(clip={"x": 0, "y": 0, "width": (PHONE if phone else SCREEN)["width"], "height": end})
    content = io.BytesIO()
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    return content.getvalue()


def main() -> None:
    """Take every picture."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", help="folder of runs, for the list and the board")
    options.add_argument("run")
    options.add_argument("other", help="the run beside the first")
    options.add_argument("--data-root", required=True)
    options.add_argument("--sample", type=int, default=2, help="place of the sample that is chosen")
    given = options.parse_args()
    FOLDER.mkdir(exist_ok=True)
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        build(given, Path(folder))
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        for name in SCHEMES:
            for phone in (False, True) if name in PHONES else (False,):
                content = take(browser, Path(folder, f"{name}.html"), phone, given.sample)
                (FOLDER / f"{name}{'-phone' if phone else ''}.png").write_bytes(content)
        browser.close()


if __name__ == "__main__":
    main()
