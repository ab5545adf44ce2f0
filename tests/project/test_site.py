"""The site builds without a warning, loads nothing from elsewhere, and every link inside it leads somewhere."""

import argparse
import dataclasses
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from harness.arguments import parser

ROOT = Path(__file__).parents[2]
LOADS = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "video": "src"}


class Links(HTMLParser):
    """What a page loads, where it leads, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.anchors |= {name for key in ("id", "name") if (name := known.get(key))}
        if tag in LOADS and (address := known.get(LOADS[tag])):
            self.loads.append(address)
        if tag == "a" and (address := known.get("href")):
            self.leads.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="mkdocs-material, extra docs, is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    return folder


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = {path: Links(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 40
    wrong = []
    for page, links in pages.items():
        wrong += [f"{page.name} loads {one}" for one in links.loads if urlsplit(one).scheme or one.startswith("/")]
        for one in [*links.leads, *links.loads]:
            parts = urlsplit(one)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_file() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors
            ):
                wrong.append(f"{page.relative_to(site)} leads to {one}")
    for style in site.rglob("*.css"):
        found = re.findall(r"(?:url\(|@import )['\"]?((?:https?:)?//[^)'\"]+)", style.read_text(encoding="utf-8"))
        wrong += [f"{style.name} loads {one}" for one in found]
    assert wrong == []


def test_search_works_from_disk(site: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, extra dev, is not installed")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        # The sandbox of Chromium refuses to run as root, as containers of CI do.
        browser = started.chromium.launch(executable_path=chromium, args=[] if os.getuid() else ["--no-sandbox"])
        page, wrong = browser.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
        page.goto((site / "tutorials" / "train.html").as_uri())
        page.evaluate("document.querySelector('#__search').click()")
        page.locator("input[name=query]").press_sequentially("denominator")
        page.wait_for_selector(".md-search-result__link[href*='concepts.html']", timeout=20_000)
        browser.close()
    assert wrong == []


def titles(site: Path, name: str) -> set[str]:
    """What a page of the reference has as a title, or in a cell or an item as code."""
    text = (site / "reference" / f"{name}.html").read_text(encoding="utf-8")
    return {html.unescape(one) for one in re.findall(r"<h[23] id=[^>]*>(.+?)<a|<code>([^<]+)</code>", text) for one in one if one}


def test_the_reference_holds_what_the_code_has(site: Path) -> None:
    from harness import api
    from tasks import kinds, protocol, rules, task
    from trainers import experiment, recipe, rewards

    parts = [recipe.Recipe, recipe.RewardPart, experiment.Experiment, experiment.Variant, *rules.PARTS.values(), rules.About]
    schemas = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "harness" / "schemas").glob("*.json")]
    known = {
        "tasks": set(task.all_tasks()),
        "protocols": set(protocol.names()),
        "kinds": set(kinds.names()),
        "recipes": set(recipe.names()),
        "rewards": set(rewards.names()),
        "python": set(dir(api)),
        "commands": set(commands(parser())),
        "keys": {field.name for part in parts for field in dataclasses.fields(part)} - {"name"},
        "files": {key for schema in schemas for key in schema["properties"]},
    }
    assert {page: missing for page, names in known.items() if (missing := names - titles(site, page))} == {}


def commands(command: argparse.ArgumentParser) -> Iterator[str]:
    yield command.prog
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from commands(below)
