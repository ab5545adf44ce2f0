"""Takes the pictures of pages that the docs show, in a headless Chromium: a run, two runs, their list, a board, and phones.

python docs/screenshots.py --data-root demo/data RUN RUN2   # runs in one folder; writes docs/screenshots/*.png
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).resolve().parent / "screenshots"
WIDTH, HEIGHT, COLOURS = 1280, 1170, 160


PHONE = {"width": 390, "height": 844}


def typed(*words: str | Path) -> None:
    """Write a page through the command line."""
    subprocess.run([sys.executable, "-m", "harness", *words], check=True, stdout=subprocess.DEVNULL)


def opened(browser: Browser, page_file: Path, scheme: Literal["light", "dark"], size: dict[str, int]) -> Page:
    """A page once it is drawn."""
    page = browser.new_page(viewport={"width": size["width"], "height": size["height"]}, color_scheme=scheme)
    page.goto(page_file.as_uri())
    page.wait_for_selector("main[aria-busy=false]")
    return page


def choose(page: Page, sample: int) -> None:
    """Choose a sample and play its moment."""
    page.locator(f'tr[data-sample="{sample}"]').click()
    page.locator("#detail button.truth").first.click()
    page.wait_for_function("() => document.querySelector('#detail video').paused === false")
    page.locator("#detail video").evaluate("v => new Promise(done => v.addEventListener('pause', done))")
    page.locator("#detail video").evaluate("v => { v.currentTime -= 1.5; }")
    page.mouse.move(0, 0)
    page.wait_for_timeout(3000)  # until the controls of the video are gone and its frames drawn
    page.evaluate("window.scrollTo(0, 0)")


def picture_of(page: Page) -> bytes:
    """What is on the screen, in a palette so that the file is small."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def main() -> None:
    """Take all pictures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("runs", nargs=2, metavar="RUN", type=Path)
    options.add_argument("--data-root", required=True)
    options.add_argument("--sample", type=int, default=2, help="place of the sample that is chosen")
    given = options.parse_args()
    FOLDER.mkdir(exist_ok=True)
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as started:
        folder, data = Path(place), ("--data-root", given.data_root)
        runs = [Path(shutil.copytree(run, folder / "runs" / run.name)) for run in given.runs]
        typed("view", runs[0], *data, "--output", folder / "run.html")
        typed("view", *runs, *data, "--output", folder / "comparison.html")
        typed("board", folder / "runs", *data, "--format", "html", "--output", folder / "board.html")
        typed("view", folder / "runs", *data)
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        desk, low = {"width": WIDTH, "height": HEIGHT}, {"width": WIDTH, "height": 560}
        for name, file, scheme, size in (
            ("run", "run.html", "light", desk),
            ("comparison", "comparison.html", "dark", desk),
            ("list", "runs/index.html", "light", low),
            ("board", "board.html", "dark", low),
            ("run-phone", "run.html", "light", PHONE),
            ("board-phone", "board.html", "dark", PHONE),
        ):
            page = opened(browser, folder / file, scheme, size)
            if size == desk:
                choose(page, given.sample)
            (FOLDER / f"{name}.png").write_bytes(picture_of(page))
        browser.close()


if __name__ == "__main__":
    main()
