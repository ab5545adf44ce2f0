"""The page of a board and the list of runs in a real browser: sorting, filters, columns, links, keyboard, phones, contrast."""

import json
import statistics
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands import view
from leaderboards.board.formats import FORMATS
from leaderboards.board.ranking import build
from leaderboards.board.rows import PUBLISHED, RUN, TRIVIAL, Identity, Number, Row
from leaderboards.view.index import Listed, index_data
from leaderboards.view.page import index_page
from tasks.question import Question

BASE = Identity(1, "a" * 64, "default", "b" * 64)


def row(model: str, miou: float, kind: str = RUN, **more: Any) -> Row:
    metrics = {"mIoU": Number(miou, (miou - 1, miou + 1)), "R1@0.5": Number(100 - miou)}
    return Row(kind, "charades", "test", model, "direct", metrics, main="mIoU", identity=BASE, protocol="default", **more)


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    long = "a/very/long/name/of/a/model/that/no/phone/can/show/in/one/line"
    paper = row("paper", 65, PUBLISHED, source="arXiv 1, Table 1", url="https://arxiv.org/abs/2509.18056")
    rows = [row("small", 40), row("large", 60, folders=(tmp_path / "large",)), row(long, 50), replace(paper, identity=None)]
    left_out = row("limited", 70, reasons=("limited to 20 samples",))
    board = build([*rows, left_out], [], lambda _: [row("whole-video", 20, TRIVIAL)], None)
    (section,) = board.sections
    told = section._replace(places=tuple("1–2" for _ in section.ranked), verdict="large is better than small.")
    file = tmp_path / "board.html"
    file.write_text(FORMATS["html"](board._replace(sections=(told,), pages={tmp_path / "large": "large/view.html"})))
    return file


def shown(page: Any) -> list[str]:
    return [text.split("/")[0] for text in page.locator("tbody th[scope=row]:visible").all_inner_texts()]


def test_rows_are_sorted_within_their_group(page_file: Path, opened: Callable[..., Any]) -> None:
    page = opened(page_file)
    assert page.locator(".verdict").inner_text() == "large is better than small."
    head = page.get_by_role("columnheader", name="mIoU")
    assert head.get_attribute("aria-sort") == "descending"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    found = shown(page)
    assert found[:4] == ["whole-video", "small", "a", "large"] and "limited" in found[4:]
    page.get_by_role("button", name="model").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert shown(page)[:4] == ["a", "large", "paper", "small"]


def test_rows_and_columns_are_chosen_and_explained(page_file: Path, opened: Callable[..., Any]) -> None:
    page = opened(page_file)
    page.get_by_label("search").fill("LARGE")
    assert shown(page) == ["large"] and page.get_by_role("status").inner_text() == "1 of 6 rows"
    page.get_by_label("search").fill("")
    page.get_by_label("show").select_option("blind")
    assert shown(page) == ["whole-video"]
    page.get_by_label("show").select_option("")
    page.get_by_text("columns", exact=True).click()
    page.get_by_label("R1@0.5").uncheck()
    assert page.get_by_role("columnheader", name="R1@0.5").count() == 0
    page.get_by_role("button", name="rank").focus()
    assert page.locator(".explain").inner_text().startswith("rank: Between which places")


def kept(page: Any, *words: str) -> None:
    """Load a page again once its address holds these words."""
    page.wait_for_function("words => words.every((word) => location.hash.includes(word))", arg=list(words))
    page.reload()
    page.wait_for_selector("main[aria-busy=false]")


def test_the_address_of_a_board_keeps_order_filters_and_columns(page_file: Path, opened: Callable[..., Any]) -> None:
    page = opened(page_file)
    page.get_by_role("button", name="model").click()
    page.get_by_label("search").fill("a")
    page.get_by_label("show").select_option("run")
    page.get_by_text("columns", exact=True).click()
    page.get_by_label("R1@0.5").uncheck()
    before = shown(page)
    assert before[:3] == ["a", "large", "small"]
    kept(page, "sort0=model", "up0=1", "search0=a", "show0=run", "hide0=R1")
    assert shown(page) == before
    assert page.get_by_role("columnheader", name="R1@0.5").count() == 0
    assert page.get_by_role("columnheader", name="model").get_attribute("aria-sort") == "ascending"
    page.get_by_text("columns", exact=True).click()
    page.get_by_label("R1@0.5").check()
    assert page.get_by_role("columnheader", name="R1@0.5").count() == 1


def test_links_lead_to_pages_of_runs_and_to_papers(page_file: Path, opened: Callable[..., Any]) -> None:
    page = opened(page_file)
    assert page.get_by_role("link", name="large").first.evaluate("a => a.getAttribute('href')") == "large/view.html"
    assert page.get_by_role("link", name="arXiv 1, Table 1").get_attribute("href") == "https://arxiv.org/abs/2509.18056"


def test_a_phone_shows_the_score_beside_the_name_which_stays(page_file: Path, opened: Callable[..., Any]) -> None:
    page = opened(page_file, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    name, score = (page.locator("tbody tr").first.locator(cell).bounding_box() for cell in ("th", "td >> nth=0"))
    assert name["x"] + name["width"] <= score["x"] + 1 and score["x"] + score["width"] <= 390
    page.locator(".wide").evaluate("box => { box.scrollLeft = 200; }")
    assert page.locator("tbody tr").first.locator("th").bounding_box()["x"] == pytest.approx(name["x"], abs=1)


CONTRAST = """
const light = text => text.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = node => {
  const colour = getComputedStyle(node).backgroundColor;
  return /, 0\\)$/.test(colour) && node.parentElement ? ground(node.parentElement) : colour;
};
const ratio = e => {
  const [high, low] = [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};
const texts = [...document.querySelectorAll('h1, h2, p, td, th, a, b, button, li, summary, label')]
  .filter(e => e.innerText.trim());
return texts.filter(e => ratio(e) < 4.5).map(e => e.outerHTML.slice(0, 80));
"""
"""Texts below 4.5 to 1. Source: WCAG 2.2, contrast ratio and relative luminance."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme: str, page_file: Path, opened: Callable[..., Any]) -> None:
    assert opened(page_file, color_scheme=scheme).evaluate(f"() => {{{CONTRAST}}}") == []


@pytest.fixture
def listed(benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path) -> Path:
    def middle(question: Question) -> str:
        return f"{question.sample.duration_s / 4} to {question.sample.duration_s / 2}"

    for name, say in (("a", middle), ("b", lambda _: "1 to 4")):
        said_run(benchmark_root, say, f"runs/{name}")
    options = {"protocol": None, "videos": [], "force": False, "data_root": str(benchmark_root), "output": None}
    assert view.main(Namespace(runs=[str(tmp_path / "runs")], **options)) == 0
    return tmp_path / "runs" / "index.html"


def test_two_ticked_runs_are_compared_in_the_list(listed: Path, opened: Callable[..., Any]) -> None:
    page = opened(listed)
    assert page.locator("th .path").all_inner_texts() == ["b", "a"]
    heads = page.get_by_role("columnheader").all()
    assert [head.inner_text() for head in heads if not head.get_attribute("title")] == ["compare"]
    for box in page.get_by_role("checkbox").all():
        box.check()
    assert "these two checkpoints" in page.locator(".verdict").inner_text()
    assert "harness view a b" in page.locator("code").inner_text()
    page.get_by_label("search").fill("no such run")
    assert page.get_by_text("0 of 2 rows").count() == 1


def test_the_address_of_the_list_keeps_order_and_ticked_runs(listed: Path, opened: Callable[..., Any]) -> None:
    page = opened(listed)
    page.get_by_role("button", name="mIoU", exact=True).click()
    for box in page.get_by_role("checkbox").all():
        box.check()
    said, order = page.locator(".verdict").inner_text(), page.locator("th .path").all_inner_texts()
    assert order == ["a", "b"]
    kept(page, "sort0=mIoU", "up0=1", "ticked0=")
    assert (page.locator(".verdict").inner_text(), page.locator("th .path").all_inner_texts()) == (said, order)
    page.get_by_role("checkbox").first.uncheck()
    assert page.locator(".verdict").count() == 0


def test_keys_alone_sort_the_list_tick_two_runs_and_reach_their_pages(listed: Path, opened: Callable[..., Any]) -> None:
    page = opened(listed)
    here = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if name in page.evaluate(here):
                return
        pytest.fail(f"no stop at {name}")

    before = page.locator("th .path").all_inner_texts()
    tab_to("mIoU")
    page.keyboard.press("Enter")
    assert page.get_by_role("columnheader", name="mIoU").get_attribute("aria-sort") == "ascending"
    assert page.locator("th .path").all_inner_texts() == before[::-1]
    for name in before[::-1]:
        tab_to(f", {name}")
        page.keyboard.press("Space")
    assert "these two checkpoints" in page.locator(".verdict").inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == f"{before[0]}/view.html"


def test_seeds_are_one_row_of_the_list_where_that_is_ticked(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path, opened: Callable[..., Any]
) -> None:
    for seed, said in enumerate(("1 to 4", "1 to 5", "2 to 5")):
        file = said_run(benchmark_root, lambda _, said=said: said, f"runs/seed-{seed}") / "run.json"
        content = json.loads(file.read_text())
        learned = {"split": "synthetic@fit", "split_sha256": "3" * 64, "used_sha256": "3" * 64, "samples": 108, "recipe": "grpo"}
        learned |= {"seed": seed, "seconds": 10.0, "training_sha256": "5" * 64}
        content["spec"]["model"] |= {"backend": "hf", "name": f"models/seed-{seed}", "trained_on": learned}
        file.write_text(json.dumps(content))
    options = {"protocol": None, "videos": [], "force": False, "data_root": str(benchmark_root), "output": None}
    assert view.main(Namespace(runs=[str(tmp_path / "runs")], **options)) == 0
    page = opened(tmp_path / "runs" / "index.html")
    lines = page.locator("table.runs tbody tr")
    values = [float(one.split()[0]) for one in page.locator("table.runs tbody tr td:nth-child(3)").all_inner_texts()]
    assert lines.count() == 3 and len(set(values)) > 1
    page.get_by_label("seeds as one row").check()
    assert lines.count() == 1
    mean, sd = (float(x) for x in lines.locator("td:nth-child(3)").inner_text().split("±"))
    assert mean == pytest.approx(statistics.fmean(values), abs=0.01) and sd == pytest.approx(statistics.stdev(values), abs=0.01)
    page.get_by_label("seeds as one row").uncheck()
    assert lines.count() == 3


def test_the_address_keeps_what_was_chosen(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path, opened: Callable[..., Any]
) -> None:
    runs = [said_run(benchmark_root, say, name) for name, say in (("a", lambda _: "1 to 4"), ("b", lambda _: "13 to 15"))]
    given = {"protocol": None, "videos": [], "force": False, "data_root": str(benchmark_root)}
    view.main(Namespace(**given, output=str(tmp_path / "two.html"), runs=list(map(str, runs))))
    page = opened(tmp_path / "two.html")
    assert "95 %" in page.locator(".verdict").inner_text()
    page.get_by_label("right", exact=True).select_option("A right, B wrong")
    page.get_by_role("button", name="IoU A").click()
    found = page.locator("#found").inner_text()
    assert page.locator("#detail h3").inner_text() == "red circle" and not found.startswith("36 ")
    page.wait_for_function("() => location.hash.includes('right=') && location.hash.includes('sort=')")
    page.reload()
    page.wait_for_selector("main[aria-busy=false]")
    assert page.locator("#found").inner_text() == found
    assert page.locator("th.c-value").first.get_attribute("aria-sort") == "descending"
    page.locator(".siblings button").nth(1).click()
    assert page.locator("#detail h3").inner_text() == "blue square"
    assert str(tmp_path) not in page.content()


LONG = ("OpenGVLab/VideoChat-R1_5-7B-with-a-long-suffix-for-charades-and-activitynet@01234567", "x" * 120)


@pytest.mark.parametrize(("width", "last"), [(1280, "R1@0.5"), (390, "mIoU")])
@pytest.mark.parametrize("kind", ["list", "board"])
def test_long_names_leave_the_metrics_in_sight(
    kind: str, width: int, last: str, tmp_path: Path, opened: Callable[..., Any]
) -> None:
    rows = [row(name, 60 - i) for i, name in enumerate(LONG)] + [row("mixed", 90, reasons=("chosen with the ground truth",))]
    listed = [Listed(f"{'folder-with-a-name/' * 9}{i}", "view.html", [one]) for i, one in enumerate(rows)]
    board = FORMATS["html"](build(rows, [], lambda _: [], None))
    (file := tmp_path / "page.html").write_text(board if kind == "board" else index_page(index_data("Runs", listed, [])))
    page = opened(file, viewport={"width": width, "height": 844})
    box = page.get_by_role("columnheader", name=last).bounding_box()
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The best number of all is not comparable, so it stands last.
    assert page.locator("tbody th").last.inner_text().startswith("mixed")
    assert "with these" in page.locator(".group").inner_text()
    for name in LONG:
        assert page.locator(f'[title="{name}"]').count() == 1
