"""Takes the pictures of `harness view` that the docs show, in a headless Chromium.

python docs/screenshots.py --data-root demo/data RUN RUN2   # writes docs/screenshots/run.png and comparison.png
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).resolve().parent / "screenshots"
WIDTH, HEIGHT, COLOURS = 1280, 1170, 160


def build(runs: Sequence[str], data_root: str, output: Path) -> None:
    """Write a page through the command line."""
    harness = Path(sys.executable).with_name("harness")
    subprocess.run([harness, "view", *runs, "--data-root", data_root, "--output", output], check=True, stdout=subprocess.DEVNULL)


def take(browser: Browser, page_file: Path, scheme: str, sample: int) -> bytes:
    """The upper part of a page with one sample chosen, in a palette so that the file is small."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if scheme == "dark" else "light")
    page.goto(page_file.as_uri())
    page.locator(f'tr[data-sample="{sample}"]').click()
    page.locator("#detail button.truth").first.click()
    page.wait_for_function("() => document.querySelector('#detail video').paused === false")
    page.locator("#detail video").evaluate("v => new Promise(done => v.addEventListener('pause', done))")
    page.locator("#detail video").evaluate("v => { v.currentTime -= 1.5; }")
    page.mouse.move(0, 0)
    page.wait_for_timeout(3000)  # until the controls of the video are gone and its frames drawn
    page.evaluate("window.scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def main() -> None:
    """Take both pictures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("runs", nargs=2, metavar="RUN")
    options.add_argument("--data-root", required=True)
    options.add_argument("--sample", type=int, default=2, help="place of the sample that is chosen")
    given = options.parse_args()
    FOLDER.mkdir(exist_ok=True)
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        for name, runs, scheme in (("run", given.runs[:1], "light"), ("comparison", given.runs, "dark")):
            page_file = Path(folder) / f"{name}.html"
            build(runs, given.data_root, page_file)
            (FOLDER / f"{name}.png").write_bytes(take(browser, page_file, scheme, given.sample))
        browser.close()


if __name__ == "__main__":
    main()
