"""The page in a real browser, headless: what it draws, how it is used, and that nothing in it acts."""

import io
import json
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import api
from harness.commands import view
from harness.synthetic.make import make
from tasks.answer import Answer
from tasks.kinds import NAMES
from tasks.question import Question
from tasks.sample import Sample
from tasks.span import Span

HOSTILE_REPLY = '<script>window.ran = 1</script><img src=x onerror="window.ran = 2"></script><b>bold</b> 1 to 4'
HOSTILE_VIDEO = 'x" onerror="window.ran = 3" y="'
HOSTILE_QUERY = "</script><svg onload='window.ran = 4'> {{data}} \u202eabc"


@pytest.fixture
def paged(said_run: Callable[..., Path]) -> Callable[..., Path]:
    """Make runs of functions of the question, and their page."""

    def build(data_root: Path, *says: Callable[[Question], str | None], **options: Any) -> Path:
        runs = [said_run(data_root, say, f"run{i}", **options) for i, say in enumerate(says)]
        output = runs[0] / "view.html"
        given = {"protocol": None, "videos": [], "force": False, "data_root": str(data_root), "output": str(output)}
        assert view.main(Namespace(**given, runs=[str(run) for run in runs])) == 0
        return output

    return build


def test_a_cell_of_a_notebook_shows_the_page(
    said_run: Callable[..., Path], benchmark_root: Path, browser: Any, tmp_path: Path
) -> None:
    run = said_run(benchmark_root, middle, "run")
    cell = tmp_path / "notebook.html"
    cell.write_text(f"<!doctype html>{api.view(run, data_root=benchmark_root)._repr_html_()}", encoding="utf-8")
    page, wrong = browser.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(cell.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator("main[aria-busy=false]").wait_for()
    inside.locator("tr.chosen").wait_for()
    page.wait_for_timeout(500)  # addresses are set after SETTLED_MS
    page.close()
    assert wrong == []


def middle(question: Question) -> str:
    return f"{question.sample.duration_s / 4} to {question.sample.duration_s / 2}"


def early(question: Question) -> str | None:
    return {"red circle": "1 to 4", "blue square": "1 to 4", "white cross": None}[question.sample.query]


def many(videos: int) -> dict[str, Any]:
    return {
        f"v{i:04d}": {"duration": 20, "timestamps": [[i % 10, i % 10 + 5], [12, 19]], "sentences": [f"thing {i}", f"other {i}"]}
        for i in range(videos)
    }


def chosen(page: Any) -> str:
    return str(page.locator("tr.chosen td.c-query").inner_text())


def test_rows_are_drawn_where_one_looks(
    write_annotations: Callable[..., Path], paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    page = opened(paged(write_annotations(many(1000)), middle))
    rows, grid = page.locator("tr[data-sample]"), page.locator("table.samples")
    assert 10 < rows.count() < 60
    assert grid.get_attribute("aria-rowcount") == "2001"
    assert page.locator("#found").inner_text() == "2,000 of 2,000 samples"
    page.locator(".rows").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    page.wait_for_selector('tr[data-sample="1999"]')
    assert rows.count() < 60
    assert rows.last.get_attribute("aria-rowindex") == "2001"
    last, box = rows.last.bounding_box(), page.locator(".rows").bounding_box()
    assert box["y"] < last["y"] + last["height"] <= box["y"] + box["height"] + 2


def test_search_sort_and_filter(
    write_annotations: Callable[..., Path], paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    page = opened(paged(write_annotations(many(100)), lambda q: "3 to 8" if "1" in q.sample.query else None))
    data = page.evaluate("unpack()")
    page.get_by_label("search", exact=True).fill("OTHER 7")
    assert page.locator("#found").inner_text() == "11 of 200 samples"
    page.get_by_label("search", exact=True).fill("no such thing")
    assert page.locator("tr[data-sample]").count() == 0
    page.get_by_label("search", exact=True).fill("")
    order = sorted(range(200), key=lambda i: (-data["answers"][0]["direct"]["value"][i], i))
    page.get_by_role("button", name="IoU", exact=True).click()
    assert page.locator("th.c-value").get_attribute("aria-sort") == "descending"
    shown = [int(row.get_attribute("data-sample")) for row in page.locator("tr[data-sample]").all()]
    assert shown == order[: len(shown)]
    page.get_by_role("button", name="IoU", exact=True).click()
    assert page.locator("th.c-value").get_attribute("aria-sort") == "ascending"
    page.get_by_label("answer is", exact=True).select_option("model-error")
    assert page.locator("#found").inner_text() == f"{sum('1' not in q for q in data['samples']['query'])} of 200 samples"
    assert set(page.locator("td.c-type").all_inner_texts()) == {"model-error"}


def test_the_keyboard_is_enough(benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]) -> None:
    page = opened(paged(benchmark_root, early))
    focused = "document.activeElement.id || document.activeElement.getAttribute('data-sample')"
    page.keyboard.press("/")
    assert page.evaluate(focused) == "search"
    page.locator("tr.chosen").focus()
    for key, sample in (
        ("ArrowDown", "1"),
        ("ArrowDown", "2"),
        ("ArrowUp", "1"),
        ("End", "35"),
        ("Home", "0"),
        ("PageDown", "12"),
    ):
        page.keyboard.press(key)
        if key != "PageDown":
            assert page.evaluate(focused) == sample
        # In one call, because scrolling draws the rows anew.
        places = "['tr.chosen', '.rows'].map((found) => document.querySelector(found).getBoundingClientRect().toJSON())"
        row, box = page.evaluate(places)
        assert box["top"] <= row["top"] and row["bottom"] <= box["bottom"] + 1
    assert page.locator("#detail h3").inner_text() == chosen(page)
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "detail"
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == page.locator("tr.chosen").get_attribute("data-sample")
    page.locator("#search").focus()
    stops = []
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.closest('form, table, aside, details, section')?.className || ''"))
    assert stops.index("controls") < stops.index("samples")


def test_the_structure_is_told_to_a_screen_reader(
    benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    page = opened(paged(benchmark_root, early, modes=("direct", "cot")))
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["Scores", "Samples", "Mode direct", "Mode cot"]
    assert page.get_by_role("heading", level=1).count() == page.get_by_role("main").count() == 1
    assert page.get_by_role("complementary").get_attribute("aria-label") == "Details of the chosen sample"
    assert page.get_by_role("search").count() == page.get_by_role("status").count() == 1
    columns = page.locator("table.samples").get_by_role("columnheader").all_inner_texts()
    assert columns == ["#", "query", "video", "seconds", "timeline", "IoU direct", "IoU cot", "answer is"]
    first = page.locator('tr[data-sample="0"]').get_by_role("img")
    assert first.get_attribute("aria-label") == "truth: 1 to 4; direct: 1 to 4; cot: 1 to 4; of 16 s"
    nameless = page.evaluate(
        "[...document.querySelectorAll('input, select, button, svg[role=img], [role=region], video')]"
        ".filter(e => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label'))).map(e => e.outerHTML)"
    )
    assert nameless == []
    charts = page.locator("figure")
    assert charts.count() == 4
    for chart in charts.all():
        assert chart.locator("svg").get_attribute("aria-label").startswith(chart.locator("figcaption").inner_text())
        chart.get_by_text("as a table").click()
        chart.get_by_role("table").wait_for()
        assert chart.locator("tbody tr").count() in (19, 21)


def test_nothing_hostile_acts(
    write_annotations: Callable[..., Path], paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    content = {HOSTILE_VIDEO: {"duration": 20, "timestamps": [[1, 4]], "sentences": [HOSTILE_QUERY]}}
    page = opened(paged(write_annotations(content), lambda _: HOSTILE_REPLY))
    assert page.evaluate("window.ran") is None
    assert page.locator("#detail .answer pre").first.inner_text() == HOSTILE_REPLY
    assert page.locator("#detail h3").inner_text() == HOSTILE_QUERY
    assert page.locator("td.c-video").inner_text() == HOSTILE_VIDEO
    page.get_by_label("search", exact=True).fill("<script>")
    assert page.locator("#found").inner_text() == "1 of 1 samples"
    assert page.evaluate("document.querySelectorAll('img, b, script:not([id]), [onerror], [onload]').length") == 1


def test_a_reply_of_a_megabyte_is_shortened(benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]) -> None:
    output = paged(benchmark_root, lambda _: "<think>" + "long " * 200_000 + "</think>1 to 4")
    assert output.stat().st_size < 1_000_000
    page = opened(output)
    assert "980,021 characters are left out" in page.locator("#detail .note").inner_text()
    assert page.locator("#detail .answer pre").first.inner_text().endswith("1 to 4")


def test_what_a_run_could_not_answer_says_why(
    benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    page = opened(paged(benchmark_root, early))
    page.locator('tr[data-sample="2"]').click()
    assert page.locator("#detail .answer .warning").inner_text().startswith("no <b>words</b> for synthetic/")
    assert "model-error" in page.locator("#detail .answer").inner_text()
    page.get_by_text("prompt", exact=True).click()
    assert page.locator("#detail dd pre").inner_text() == "When is the white cross visible?"
    page.wait_for_function("() => location.hash.length > 2")
    page.evaluate("location.hash = '#%'")
    page.reload()
    page.wait_for_selector("main[aria-busy=false]")
    assert chosen(page) == "red circle"
    page.locator('tr[data-sample="2"]').click()
    page.wait_for_function(
        "id => location.hash.includes(encodeURIComponent(id))", arg=page.evaluate("unpack()")["samples"]["id"][2]
    )
    page.reload()
    page.wait_for_selector("main[aria-busy=false]")
    assert chosen(page) == "white cross"


def colour(page: Any, name: str) -> tuple[int, ...]:
    text = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('{name}').trim()")
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))


def contrast(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Source: WCAG 2.2, contrast ratio and relative luminance."""

    def luminance(rgb: tuple[int, ...]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (x / 255 for x in rgb)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_can_be_read(
    scheme: str, benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    page = opened(paged(benchmark_root, early), color_scheme=scheme)
    back = colour(page, "--back")
    assert (sum(back) > 384) == (scheme == "light")
    for ground in (back, colour(page, "--panel")):
        for name in ("--text", "--soft", "--accent"):
            assert contrast(colour(page, name), ground) >= 4.5, name
        for name in ("--truth", "--s0", "--s1", "--s2", "--s3"):
            assert contrast(colour(page, name), ground) >= 3, name
    assert contrast(colour(page, "--warn"), colour(page, "--warn-back")) >= 4.5


def test_spans_stand_on_the_screen_where_the_data_say(
    benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    """The screenshot of a timeline by its structure: which lane is coloured at which time."""
    image = pytest.importorskip("PIL.Image")
    page = opened(paged(benchmark_root, middle, early))
    data = page.evaluate("unpack()")
    for sample in (0, 4, 8):
        page.locator(f'tr[data-sample="{sample}"]').click()
        page.mouse.move(0, 0)
        pixels = np.asarray(image.open(io.BytesIO(page.locator("#detail .big .timeline").screenshot())).convert("RGB")).astype(
            int
        )
        height, width, _ = pixels.shape
        duration = data["samples"]["duration_s"][sample]
        spans = [data["samples"]["targets"][sample], *(run["direct"]["spans"][sample] for run in data["answers"])]
        for lane, (name, flat) in enumerate(zip(("--truth", "--s0", "--s1"), spans, strict=True)):
            row = pixels[int((lane + 0.5) * height / 3) - 2]
            seen = np.abs(row - np.array(colour(page, name))).sum(axis=1) < 30
            times = (np.arange(width) + 0.5) / width * duration
            if not flat:
                assert not seen.any()
                continue
            inside = (times > flat[0]) & (times < flat[1])
            edge = np.abs(times[:, None] - np.array(flat)).min(axis=1) < 2 * duration / width
            assert np.array_equal(seen[~edge], inside[~edge]), (sample, name)


def test_two_runs_stand_side_by_side(benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]) -> None:
    page = opened(paged(benchmark_root, middle, early))
    columns = page.locator("table.samples").get_by_role("columnheader").all_inner_texts()
    assert columns[5:] == ["IoU A", "IoU B", "B − A", "answer is"]
    assert page.locator('tr[data-sample="0"] td.c-line .span').count() == 3
    assert page.locator("#detail .answer").count() == 2
    table = page.get_by_role("table", name="B − A, paired by sample, in points")
    assert table.get_by_role("row").count() == 5
    page.get_by_label("answers of", exact=True).select_option("B")
    assert "model-error" in page.locator("td.c-type").all_inner_texts()
    assert page.locator(".legend li").all_inner_texts()[0].startswith("A ")


def test_training_is_drawn(benchmark_root: Path, said_run: Callable[..., Path], opened: Callable[..., Any]) -> None:
    folder = said_run(benchmark_root, middle, "model/runs/synthetic@test")
    entries = [{"step": i, "reward": i / 9, "advantage_skewness": -i, "top1_iou/q50": 0.5, "zeta": i * i} for i in range(10)]
    (folder.parent.parent / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    view.main(Namespace(runs=[str(folder)], protocol=None, videos=[], force=False, data_root=str(benchmark_root), output=None))
    page = opened(folder / "view.html")
    figures = page.get_by_role("region", name="Training", exact=True).locator("figure")
    assert figures.locator("figcaption").all_inner_texts() == ["reward", "advantage_skewness", "top1_iou/q50", "zeta"]
    points = [tuple(map(float, p.split(","))) for p in figures.first.locator("polyline").get_attribute("points").split()]
    assert len(points) == 10
    steps = np.diff(points, axis=0)
    assert np.allclose(steps[:, 0], steps[0, 0], atol=0.11)
    assert np.allclose(steps[:, 1], steps[0, 1], atol=0.11)
    assert steps[0, 1] < 0 < steps[0, 0]


def test_a_curve_of_one_run_of_two_names_it(
    benchmark_root: Path, said_run: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    runs = [said_run(benchmark_root, middle, f"{name}/runs/synthetic@test") for name in ("grpo", "sft")]
    for run, entry in zip(runs, ({"reward": 0.5, "loss": 0.0}, {"loss": 2.0}), strict=True):
        (run.parent.parent / "log.jsonl").write_text("".join(json.dumps({"step": i, **entry}) + "\n" for i in range(3)))
    output = runs[0] / "view.html"
    given = {"protocol": None, "videos": [], "force": False, "data_root": str(benchmark_root), "output": str(output)}
    view.main(Namespace(runs=list(map(str, runs)), **given))
    figures = opened(output).get_by_role("region", name="Training", exact=True).locator("figure")
    assert figures.locator("figcaption").all_inner_texts() == ["reward (A sayer (grpo))", "loss"]
    assert figures.nth(1).locator(".legend li").all_inner_texts() == ["A sayer (grpo)", "B sayer (sft)"]


def test_on_paper_every_figure_and_no_control(
    benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    page = opened(paged(benchmark_root, early))
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("tr[data-sample]").count() == 36
    assert not page.locator(".controls").is_visible()
    assert page.locator("figure svg").first.is_visible()
    assert page.pdf().startswith(b"%PDF")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("tr[data-sample]").count() <= 36


def test_a_video_plays_its_moment(tmp_path: Path, said_run: Callable[..., Path], opened: Callable[..., Any]) -> None:
    pytest.importorskip("av", reason="av, extra video, is not installed")
    make(tmp_path / "real", sizes={"train": 1, "dev": 1, "test": 2})
    folder = said_run(tmp_path / "real", lambda _: "2 to 3")
    view.main(Namespace(runs=[str(folder)], protocol=None, videos=[], force=False, data_root=str(tmp_path / "real"), output=None))
    page = opened(folder / "view.html")
    film = page.locator("#detail video")
    page.get_by_role("button", name="answer 2–3 s").click()
    playing = "v => new Promise(done => v.addEventListener('pause', () => done(v.currentTime)))"
    assert 3 <= film.evaluate(playing) < 4
    page.locator("tr.chosen").focus()
    for key in ("ArrowDown", "ArrowUp") * 50:
        page.keyboard.press(key)
    page.locator("#detail .moments").get_by_role("button", name="truth").click()
    assert film.evaluate(playing) > 0
    duration = page.evaluate("unpack()")["samples"]["duration_s"][0]
    # A line on the timeline stands where the player stands, and a click on the timeline moves both.
    line = page.locator("#detail svg .playhead").first
    film.evaluate(
        "v => { v.pause(); v.currentTime = 3.5; return new Promise(done => v.addEventListener('seeked', done, {once: true})); }"
    )
    page.wait_for_function("() => document.querySelector('#detail svg .playhead').getAttribute('x1') === '3.5'")
    timeline = page.locator("#detail svg.seekable").first
    box = timeline.bounding_box()
    timeline.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    page.wait_for_function("() => document.querySelector('#detail svg .playhead').getAttribute('x1') > 4")
    assert film.evaluate("v => v.currentTime") == pytest.approx(duration / 2, abs=0.3)
    assert float(line.get_attribute("x1")) == pytest.approx(duration / 2, abs=0.3)
    assert film.evaluate("v => v.duration") == pytest.approx(duration, abs=0.6)
    assert film.evaluate("v => [v.videoWidth, v.videoHeight]") == [64, 64]


DRAWN = """() => {
window.drawn = [];
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...given) { draw.apply(this, given); drawn.push(this.canvas); };
}"""
"""Remembers each canvas that is drawn into."""


@pytest.fixture
def filmed(tmp_path: Path, said_run: Callable[..., Path], opened: Callable[..., Any]) -> Callable[..., Any]:
    """Open the page of a run on real videos, whose files a function may change before; it watches what is drawn."""
    pytest.importorskip("av", reason="av, extra video, is not installed")

    def build(change: Callable[[Path], Any] = lambda _: None) -> Any:
        root = tmp_path / "real"
        make(root, sizes={"train": 1, "dev": 1, "test": 3})
        for file in (root / "synthetic" / "videos").glob("test-*.mp4"):
            change(file)
        folder = said_run(root, lambda _: "2 to 6")
        view.main(Namespace(runs=[str(folder)], protocol=None, videos=[], force=False, data_root=str(root), output=None))
        page = opened(folder / "view.html")
        page.evaluate(DRAWN)
        return page

    return build


def test_the_strip_shows_the_frames_of_their_times(filmed: Callable[..., Any], tmp_path: Path) -> None:
    """Each thumbnail on the screen against the frame that PyAV decodes at the time it is labelled with."""
    av, image = pytest.importorskip("av"), pytest.importorskip("PIL.Image")
    page = filmed()
    data = page.evaluate("unpack()")
    for sample in (8, 0):
        page.evaluate("() => { drawn.length = 0; }")
        page.locator(f'tr[data-sample="{sample}"]').click()
        page.wait_for_function("() => drawn.filter((canvas) => canvas.isConnected).length === 10")
        name = data["videos"]["name"][data["samples"]["video"][sample]]
        with av.open(str(tmp_path / "real" / "synthetic" / "videos" / f"{name}.mp4")) as file:
            frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
        buttons = page.locator("#detail .frames button").all()
        times = [float(button.inner_text().split(" s")[0]) for button in buttons]
        assert times == pytest.approx((np.arange(10) + 0.5) / 10 * data["samples"]["duration_s"][sample])
        shown = []
        for time, button in zip(times, buttons, strict=True):
            seen = image.open(io.BytesIO(button.locator("canvas").screenshot())).convert("RGB")
            near = [next(each for start, each in reversed(frames) if start <= time + lag) for lag in (-0.01, 0.01)]
            shown.append(np.asarray(seen, dtype=int))
            far = [
                np.abs(shown[-1] - np.asarray(image.fromarray(each).resize(seen.size), dtype=int)).mean() for _, each in frames
            ]
            own = min(distance for distance, (_, each) in zip(far, frames, strict=True) if any(each is one for one in near))
            # The videos have noise, which a thumbnail of another size than 64 pixels smooths.
            assert own < 16 and own <= min(far) + 0.5, time
            inside = {"truth": data["samples"]["targets"][sample], "answer": [2, 6]}
            marks = [name for name, (start, end) in inside.items() if start <= time <= end]
            assert button.locator(".moment").all_inner_texts() == marks
        side = min(min(one.shape[:2]) for one in shown)
        assert np.std(np.stack([one[:side, :side] for one in shown]), axis=0).mean() > 10


def test_a_frame_leads_the_player_to_its_time(filmed: Callable[..., Any]) -> None:
    page = filmed()
    frames, film = page.locator("#detail .frames").get_by_role("button"), page.locator("#detail video")
    duration = page.evaluate("unpack()")["samples"]["duration_s"][0]
    frames.nth(6).click()
    assert film.evaluate("v => [v.currentTime, v.paused]") == [pytest.approx(0.65 * duration, abs=0.01), True]
    frames.nth(3).focus()
    page.keyboard.press("Enter")
    assert film.evaluate("v => v.currentTime") == pytest.approx(0.35 * duration, abs=0.01)


def test_frames_of_a_sample_that_was_left_are_not_drawn(filmed: Callable[..., Any]) -> None:
    page = filmed()
    page.locator("tr.chosen").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => drawn.some((canvas) => canvas.isConnected)")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    before = page.evaluate("drawn.length")
    page.wait_for_function("() => drawn.filter((canvas) => canvas.isConnected).length === 10")
    assert page.evaluate("drawn.length") - before <= 11


def test_a_file_that_cannot_be_played_has_no_frames(filmed: Callable[..., Any]) -> None:
    page = filmed(lambda file: file.write_bytes(b"no video"))
    page.get_by_text("This browser cannot play the file").wait_for()
    assert page.locator("#detail .frames, #detail video, #detail .moments button").count() == 0
    assert page.evaluate("drawn.length") == 0


def test_a_page_that_is_passed_on_says_that_its_videos_are_not_there(
    filmed: Callable[..., Any], opened: Callable[..., Any], tmp_path: Path
) -> None:
    """The page alone in another folder, as somebody else gets it: no player that plays nothing, and no path of this machine."""
    first = filmed()
    first.wait_for_function("() => document.querySelector('#detail video').readyState > 0")
    (tmp_path / "other" / "machine").mkdir(parents=True)
    moved = shutil.copy(tmp_path / "run" / "view.html", tmp_path / "other" / "machine" / "page.html")
    page = opened(moved)
    for sample in (0, 4):
        page.locator(f'tr[data-sample="{sample}"]').click()
        page.get_by_text("the file is not where the page was written").wait_for()
        assert page.locator("#detail video, #detail .frames, #detail .moments button").count() == 0
        assert page.locator("#detail .moments .moment").count() == 2
    assert not any(part in json.dumps(page.evaluate("unpack()")) for part in (str(tmp_path), str(Path.home())))


def test_frames_of_a_long_video_surround_the_moments(
    benchmark_root: Path, paged: Callable[..., Path], opened: Callable[..., Any]
) -> None:
    page = opened(paged(benchmark_root, early))
    for duration, spans, window in (
        (60, [[50, 52]], [0, 60]),
        (600, [[100, 140], [180, 160]], [80, 200]),
        (600, [[300, 302]], [295, 307]),
        (600, [[2, 4], [590, 9000]], [0, 600]),
        (600, [[None, 5], [None, None]], [0, 10]),
        (600, [], [0, 600]),
    ):
        assert page.evaluate("([d, spans]) => frameWindow(d, [{ spans }])", [duration, spans]) == window


def test_the_list_of_runs_leads_to_their_pages(
    benchmark_root: Path, said_run: Callable[..., Path], tmp_path: Path, opened: Callable[..., Any]
) -> None:
    said_run(benchmark_root, middle, 'runs/"a" <b>#1')
    said_run(benchmark_root, early, "runs/b")
    options = {"protocol": None, "videos": [], "force": False, "data_root": str(benchmark_root), "output": None}
    view.main(Namespace(runs=[str(tmp_path / "runs")], **options))
    page = opened(tmp_path / "runs" / "index.html")
    assert page.get_by_role("link").all_inner_texts() == ["sayer", "sayer"]
    assert page.locator("th .path").all_inner_texts() == ["b", '"a" <b>#1']
    addresses = [link.evaluate("a => a.href") for link in page.get_by_role("link").all()]
    assert addresses == [(tmp_path / "runs" / name / "view.html").as_uri() for name in ("b", '"a" <b>#1')]
    opened(tmp_path / "runs" / '"a" <b>#1' / "view.html")


def moved(sample: Sample) -> Answer:
    """Every second span elsewhere, the second option, and scores of two clips."""
    spans = tuple(Span(s + 5 * (k % 2), e + 5 * (k % 2)) for k, (s, e) in enumerate(sample.truth.spans))
    return Answer(spans, marks=((5.0, 3.0), (35.0, 1.0)), option="B" if sample.options else None)


@pytest.fixture
def page_of_kind(kind_run: Callable[..., Path], opened: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Open the page of runs of own data of a kind."""

    def build(kind: str, *answers: Callable[[Sample], Answer], rows: list[dict[str, Any]] | None = None) -> Any:
        folders = [kind_run(kind, answer, f"run{len(answers)}{i}", rows) for i, answer in enumerate(answers)]
        output = folders[0] / "view.html"
        given = {"protocol": None, "videos": [], "force": False, "data_root": str(tmp_path), "output": str(output)}
        assert view.main(Namespace(runs=list(map(str, folders)), **given)) == 0
        return opened(output)

    return build


@pytest.mark.parametrize("kind", NAMES)
def test_every_kind_is_drawn(kind: str, page_of_kind: Callable[..., Any], asked_kind: Callable[..., Any]) -> None:
    samples, rules = asked_kind(kind)
    asked = [rules.question(sample, "direct") for sample in samples]
    told = "data => data.samples.id.map((_, i) => promptText(data, data.questions[0], 'direct', i))"
    for answers in ((moved,), (moved, lambda sample: Answer(sample.truth.spans[:1], option="A" if sample.options else None))):
        page = page_of_kind(kind, *answers)
        data = page.evaluate("unpack()")
        assert page.get_by_role("alert").count() == 0
        texts = page.locator("main").inner_text()
        assert f"{data['main']} by part of the split" in texts
        assert "undefined" not in texts
        assert "NaN" not in texts
        for i in range(len(samples)):
            page.locator(f'tr[data-sample="{i}"]').click()
            assert page.locator("#detail .answer").count() == len(answers)
        assert page.evaluate(told, data) == asked


def test_each_sentence_has_its_own_lines(page_of_kind: Callable[..., Any]) -> None:
    page = page_of_kind("pairs", moved)
    page.locator('tr[data-sample="2"]').click()
    assert page.locator("#detail h3").inner_text() == "3 sentences"
    events = page.locator("#detail .events > li")
    assert events.locator("bdi").all_inner_texts() == ["event 2.0", "event 2.1", "event 2.2"]
    said = [events.nth(k).get_by_role("img").get_attribute("aria-label") for k in range(3)]
    assert said == [f"truth: {true}; answer: {answer}; of 48 s" for true, answer in SENTENCES]
    assert page.locator("#detail .answer .moments .moment").count() == 0
    page.locator('tr[data-sample="0"]').click()
    assert page.locator("#detail .events").count() == 0
    assert page.locator("#detail h3").inner_text() == "event 0.0"


SENTENCES = [("4 to 10", "4 to 10"), ("14 to 20", "19 to 25"), ("30 to 37", "30 to 37")]


def test_options_say_which_is_right_and_which_was_said(page_of_kind: Callable[..., Any]) -> None:
    page = page_of_kind("choice", moved)
    options = page.get_by_role("list", name="Options").get_by_role("listitem")
    assert [text.split() for text in options.all_inner_texts()] == [
        ["(A)", "a", "hand", "right"],
        ["(B)", "wind", "said"],
        ["(C)", "cat", "0"],
    ]
    page.locator('tr[data-sample="1"]').click()
    assert options.nth(1).inner_text() == "(B) wind right said"


def test_spans_without_a_partner_are_hollow(page_of_kind: Callable[..., Any]) -> None:
    page = page_of_kind("instances", moved)
    lines = page.locator("#detail .timeline")
    assert [lines.locator(f".{css}.lone").count() for css in ("truth", "s0")] == [1, 1]
    assert lines.locator(".span").count() == 6
    assert page.locator("#detail .moment").all_inner_texts() == [
        *("truth 2–8 s found", "truth 14–20 s missed", "truth 30–36 s found"),
        *("answer 2–8 s matched", "answer 19–25 s unmatched", "answer 30–36 s matched"),
    ]
    assert lines.locator(".later").count() == 0
    paint = [lines.locator(f".s0{css}").first.evaluate("e => getComputedStyle(e).fillOpacity") for css in (".lone", ".many")]
    assert float(paint[0]) < 0.2 < float(paint[1])


def test_clips_stand_at_their_own_bounds(page_of_kind: Callable[..., Any]) -> None:
    page = page_of_kind("clips", moved)
    page.locator('tr[data-sample="1"]').click()
    strips = page.locator("#detail .strip")
    assert strips.count() == 2
    for strip in strips.all():
        assert strip.get_attribute("viewBox") == "0 0 44 1"
        places = [(float(cell.get_attribute("x")), float(cell.get_attribute("width"))) for cell in strip.locator(".clip").all()]
        assert places == [(0, 3), (3, 8), (11, 19), (30, 8)]
    assert strips.nth(1).get_attribute("aria-label") == "clip scores read from the reply: 4 clips, highest 3 at 3 s"
    assert [cell.get_attribute("fill-opacity") for cell in strips.nth(1).locator(".clip").all()] == [
        "0.00",
        "1.00",
        "0.00",
        "0.33",
    ]
    assert page.locator('tr[data-sample="1"] .strip').count() == 2


def test_nothing_hostile_acts_in_sentences_and_options(page_of_kind: Callable[..., Any]) -> None:
    spans = {"duration": 40, "video": "v", "spans": [[2, 8], [14, 20]]}
    for kind, row in (
        ("pairs", {"queries": [HOSTILE_QUERY, "{count} {query}"], **spans}),
        ("choice", {"query": "{options}", "options": [HOSTILE_QUERY, "$& $1"], "answer": "A", **spans}),
    ):
        page = page_of_kind(kind, moved, rows=[row])
        assert page.evaluate("window.ran") is None
        assert HOSTILE_QUERY in page.locator("#detail bdi").all_inner_texts()
        page.get_by_text("prompt", exact=True).click()
        prompt = page.locator("#detail dd pre").inner_text()
        assert HOSTILE_QUERY in prompt
        assert ("2. {count} {query}" if kind == "pairs" else "Question: {options}\nOptions:\n(A) ") in prompt
        assert kind == "pairs" or "(B) $& $1" in prompt
        assert page.evaluate("document.querySelectorAll('img, b, script:not([id]), [onerror], [onload]').length") == 1
