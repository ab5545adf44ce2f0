"""The site builds without a warning, loads nothing from elsewhere, and every link inside it leads somewhere."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

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


def test_the_reference_holds_what_the_code_has(site: Path) -> None:
    from tasks import kinds, protocol, task
    from trainers import recipe, rewards

    named = {"tasks": task.all_tasks(), "protocols": protocol.names(), "kinds": kinds.names(), "recipes": recipe.names()}
    for name, known in {**named, "rewards": rewards.names()}.items():
        titles = (site / "reference" / f"{name}.html").read_text(encoding="utf-8")
        assert [one for one in known if f">{one}<" not in titles] == []
