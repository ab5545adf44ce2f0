"""What may share a ranking, what stands below, and the six formats: on rows made here."""

import csv
import html
import io
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboards import web
from leaderboards.board.cells import FACTS
from leaderboards.board.formats import FORMATS
from leaderboards.board.grid import check_columns
from leaderboards.board.published import FOLDER, Table, read
from leaderboards.board.ranking import Section, build, marks
from leaderboards.board.rows import CEILING, RUN, TRIVIAL, Identity, Number, Row, judged
from leaderboards.board.seeds import grouped

BASE = Identity(1, "a" * 64, "default", "b" * 64)


def row(
    model: str, miou: float | None, identity: Identity = BASE, kind: str = RUN, reasons: Sequence[str] = (), split: str = "test"
) -> Row:
    metrics = {"mIoU": Number(miou, (1.0, 2.0)), "R1@0.5": Number(miou)}
    told = {"main": "mIoU", "identity": identity, "protocol": identity.protocol, "source": model, "reasons": tuple(reasons)}
    return Row(kind, "charades", split, model, "direct", metrics, **told)


def no_floors(_: Row) -> list[Row]:
    return []


def floors(of: Row) -> list[Row]:
    assert of.identity is not None
    return [row("whole-video", 20.0, of.identity, TRIVIAL), row("oracle-grid", 95.0, of.identity, CEILING)]


def only(rows: Sequence[Row], published: Sequence[Table] = (), force: bool = False) -> Section:
    (section,) = build(rows, published, floors, None, force).sections
    return section


def names(rows: Sequence[Row]) -> list[str]:
    return [r.model for r in rows]


def test_best_first_then_floors_then_ceilings() -> None:
    section = only([row("b", 30.0), row("a", 60.5)])
    assert names(section.ranked) == ["a", "b"]
    assert names(section.floors) == ["whole-video", "oracle-grid"]
    assert section.below == ()


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (BASE._replace(task_version=2), "other version of the task: v2"),
        (BASE._replace(split_sha256="c" * 64), "other split hash: cccccccc"),
        (BASE._replace(protocol="timelens", protocol_sha256="d" * 64), "other protocol: timelens (dddddddd)"),
        (BASE._replace(protocol_sha256="d" * 64), "other protocol: default (dddddddd)"),
    ],
)
def test_another_identity_stands_below_with_the_reason(identity: Identity, reason: str) -> None:
    section = only([row("a", 60.0), row("b", 50.0), row("other", 99.0, identity)])
    assert names(section.ranked) == ["a", "b"]
    assert [(r.model, r.reasons) for r in section.below] == [("other", (reason,))]


def test_a_row_with_a_reason_of_its_own_is_not_ranked_even_alone() -> None:
    section = only([row("limited", 99.0, reasons=["limited to 20 samples"])])
    assert (names(section.ranked), names(section.below)) == ([], ["limited"])
    assert names(section.floors) == ["whole-video", "oracle-grid"]


def test_of_equally_many_the_protocol_of_the_task_is_ranked() -> None:
    other = BASE._replace(protocol="aaa", protocol_sha256="0" * 64)
    assert only([row("a", 1.0, other), row("b", 2.0)]).identity == BASE
    assert only([row("a", 1.0, other), row("c", 1.0, other), row("b", 2.0)]).identity == other


def test_force_ranks_them_and_says_so() -> None:
    board = build([row("a", 60.0), row("b", 50.0), row("c", 99.0, reasons=["limited to 20 samples"])], [], floors, None, True)
    (section,) = board.sections
    assert names(section.ranked) == ["c", "a", "b"] and section.forced
    for name, write in FORMATS.items():
        assert "limited to 20 samples" in write(board), name
    assert "FORCED" in FORMATS["text"](board) and "FORCED" in FORMATS["md"](board) and '"forced": true' in FORMATS["json"](board)


def test_a_trivial_run_takes_the_place_of_the_floor_and_is_never_the_best() -> None:
    section = only([row("a", 10.0), row("b", 9.0), row("whole-video", 20.0, kind=TRIVIAL), row("oracle", 100.0, kind=CEILING)])
    assert names(section.floors) == ["whole-video", "oracle", "oracle-grid"]
    assert marks(section, "mIoU") == {10.0: "best", 9.0: "second"}


PAPER = """
paper: P
source: here
tables:
- table: 1
  title: Two kinds
  benchmarks: {charades: {split: SPLIT, metrics: "mIoU R1@0.5"}}
  rows:
  - method: ours
    base: B
    zero_shot: no
    results: {charades: {trained: yes, protocol: PROTOCOL, values: "62.1 70.0", flags: {mIoU: odd}}}
  - method: gold
    base: B
    zero_shot: no
    oracle: yes
    results: {charades: {trained: yes, protocol: PROTOCOL, values: "**99.0** -"}}
"""


def paper(folder: Path, protocol: str = "default", split: str = "test") -> list[Table]:
    (folder / "p.yaml").write_text(PAPER.replace("PROTOCOL", protocol).replace("SPLIT", split))
    return read(folder / "p.yaml")


def test_a_paper_joins_the_ranking_only_under_the_same_split_and_protocol(tmp_path: Path) -> None:
    runs = [row("a", 60.0), row("b", 50.0)]
    joined = only(runs, paper(tmp_path))
    assert names(joined.ranked) == ["a", "b", "ours"]
    assert [(r.model, r.reasons) for r in joined.below] == [("gold", ("chosen with the ground truth",))]
    for protocol, split, reason in (
        ("timelens", "test", "other protocol: timelens"),
        ("unknown", "test", "protocol unknown"),
        ("default", "unknown", "split unknown"),
    ):
        apart = only(runs, paper(tmp_path, protocol, split))
        assert names(apart.ranked) == ["a", "b"]
        assert apart.below[0].reasons == (reason,)


def test_a_number_under_suspicion_is_shown_and_lifts_no_row(tmp_path: Path) -> None:
    board = build([row("a", 60.0), row("b", 50.0)], paper(tmp_path), floors, None)
    assert marks(board.sections[0], "mIoU") == {60.0: "best", 50.0: "second"}
    assert marks(board.sections[0], "R1@0.5") == {70.0: "best", 60.0: "second"}
    shown = FORMATS["text"](board)
    assert "62.1†" in shown and "P, Table 1 (ours): mIoU: odd" in shown


def test_layout_has_the_columns_of_the_paper_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    (layout,) = paper(tmp_path)
    board = build([row("a", 60.0), row("dev", 50.0, split="dev")], [layout], floors, layout)
    assert [(s.task, s.split, s.metrics) for s in board.sections] == [("charades", "test", ("mIoU", "R1@0.5"))]
    assert "rows of runs that this layout does not show: 1 on charades@dev" in board.notes


@given(st.lists(st.one_of(st.none(), st.sampled_from([0.0, 1.0, 50.0, 99.99, 100.0])), max_size=8))
def test_best_and_second_against_counting(numbers: list[float | None]) -> None:
    section = only([row(f"m{i}", number) for i, number in enumerate(numbers)]) if numbers else None
    if section is None:
        return
    found = marks(section, "mIoU")
    known = [n for n in numbers if n is not None]
    for number in known:
        better = len({n for n in known if n > number})
        assert found.get(number) == (["best", "second"][better] if better < 2 and len(known) > 1 else None)


IDENTITIES = st.builds(
    Identity,
    st.integers(1, 2),
    st.sampled_from(["a" * 64, "c" * 64]),
    st.sampled_from(["default", "timelens"]),
    st.sampled_from(["b" * 64, "d" * 64]),
)
ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([None, 1.0, 2.0]),
        IDENTITIES,
        st.sampled_from([RUN, RUN, TRIVIAL]),
        st.sampled_from([(), (), ("limited to 20 samples",)]),
        st.sampled_from(["test", "dev"]),
    ),
    max_size=8,
)


@given(ROWS, st.randoms())
def test_order_does_not_matter_and_rankings_are_of_one_identity(rows: list[Row], random: object) -> None:
    board = build(rows, [], no_floors, None)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for write in FORMATS.values():
        assert write(build(shuffled, [], no_floors, None)) == write(board)
    for section in board.sections:
        assert {r.identity for r in (*section.ranked, *section.floors)} <= {section.identity}
        assert all(r.reasons for r in section.below) and not any(r.reasons for r in (*section.ranked, *section.floors))
    shown = [r for section in board.sections for r in (*section.ranked, *section.floors, *section.below)]
    hidden = [r for r in rows if r.kind == TRIVIAL and r.metrics["mIoU"].value is None]
    assert len(rows) - len(hidden) <= len(shown) <= len(rows)


def seeded(seed: int | None, miou: float, group: str = "recipe", **changes: Any) -> Row:
    """A run of one seed of a recipe, in a folder of its own."""
    numbers = {"parsed": Number(0.9), "gap": Number(2.0 * miou)}
    made = replace(row(f"cells/sft/seed-{seed}", miou), group=group, seed=seed, counts=numbers, source=f"seed-{seed}")
    return replace(made, **changes)


def test_a_mean_over_draws_does_not_pass_for_the_first_draw() -> None:
    rows = [replace(seeded(seed, 40.0), trained_on=f"t@fewshot-50-seed{seed} (7), sft") for seed in range(3)]
    assert [row.trained_on for row in grouped(rows)] == ["t@fewshot-50-seed0 (7), sft, and 2 others"]
    assert [row.trained_on for row in grouped(rows[:2])] == ["t@fewshot-50-seed0 (7), sft, and 1 other"]
    assert grouped([seeded(seed, 40.0) for seed in range(3)])[0].trained_on == seeded(0, 40.0).trained_on


def test_seeds_of_a_recipe_are_one_row_with_mean_deviation_and_number() -> None:
    (found,) = grouped([seeded(1, 50.0), seeded(0, 40.0), seeded(2, 60.0)])
    assert (found.model, found.seeds, found.source) == ("cells/sft/seed-*", 3, "seed-0, seed-1, seed-2")
    assert found.metrics["mIoU"] == Number(50.0, sd=10.0)
    assert found.counts["gap"] == Number(100.0, sd=20.0)
    board = build([found, row("a", 45.0)], [], no_floors, None)
    assert names(board.sections[0].ranked) == ["cells/sft/seed-*", "a"]
    shown = FORMATS["md"](board)
    assert "**50.00 ± 10.00**" in shown and "| 100.0 ± 20.0 |" in shown and "| 3 |" in shown
    (first, _) = json.loads(FORMATS["json"](board))["sections"][0]["rows"]
    assert (first["seeds"], first["metrics"]["mIoU"]["sd"]) == ("3", 10.0) and "interval_95" not in first["metrics"]["mIoU"]


@pytest.mark.parametrize(
    "other",
    [
        seeded(1, 50.0, mode="cot"),
        seeded(1, 50.0, split="dev"),
        seeded(1, 50.0, identity=BASE._replace(protocol_sha256="d" * 64)),
        seeded(1, 50.0, reasons=("limited to 20 samples",)),
        seeded(1, 50.0, group="another recipe"),
        seeded(1, 50.0, group=""),
        seeded(0, 50.0, source="the same seed once more"),
    ],
)
def test_what_differs_in_more_than_the_seed_stays_apart(other: Row) -> None:
    assert grouped([seeded(0, 40.0), other]) == [seeded(0, 40.0), other]


def test_a_number_that_a_seed_lacks_is_none() -> None:
    lacking = replace(seeded(1, 50.0), metrics={"mIoU": Number(None), "R1@0.5": Number(1.0)}, counts={})
    (found,) = grouped([seeded(0, 40.0), lacking])
    assert found.metrics["mIoU"].value is None and found.metrics["R1@0.5"].value == 20.5 and found.counts == {}


def test_full_numbers_rank_and_the_main_metric_of_the_protocol() -> None:
    close = [row("a", 50.001), row("b", 50.004), row("c", 50.003)]
    assert names(only(close).ranked) == ["b", "c", "a"]
    judged_by = [
        replace(r, main="HL-mAP", metrics={**r.metrics, "HL-mAP": Number(n)}) for r, n in zip(close, (3.0, 1.0, 2.0), strict=True)
    ]
    section = only(judged_by)
    assert (section.main, section.metrics, names(section.ranked)) == ("HL-mAP", ("mIoU", "R1@0.5", "HL-mAP"), ["a", "c", "b"])


ENTRY = {"aggregate": {"n": 3, "mIoU": 40.0, "R1@0.5": 50.0}, "interval_95": {}}
OFFICIAL = {"MR-full-mAP": 20.0, "MR-full-mIoU": 39.0, "HL-min-VeryGood-mAP": 60.0, "HL-min-VeryGood-Hit1": None}


def test_scores_of_version_1_have_a_main_metric_and_headings() -> None:
    plain = judged({"modes": {"direct": ENTRY}}, {})
    assert (plain.main, plain.headings) == ("mIoU", {"mIoU": "mIoU", "R1@0.5": "R1@0.5"})
    merged = judged({"modes": {"direct": ENTRY}}, {"iou": "merged-set"})
    assert (merged.main, merged.headings) == ("mIoU", {"mIoU": "set-mIoU", "R1@0.5": "set-R1@0.5"})
    scores = {"modes": {"direct": {**ENTRY, "qvhighlights": OFFICIAL}}}
    official = judged(scores, {"saliency": "none"})
    assert official.main == "mIoU" and list(official.headings.values())[2:] == ["MR-mAP", "HL-mAP", "HIT@1"]
    assert official.modes["direct"]["aggregate"] == {**ENTRY["aggregate"], **OFFICIAL}
    assert judged(scores, {"saliency": "listed"}).main == "HL-min-VeryGood-mAP"


def test_scores_of_version_2_tell_both() -> None:
    scores = {"main": "mF1", "headings": {"mF1": "mF1"}, "modes": {"direct": ENTRY}}
    assert judged(scores, {"saliency": "listed"}) == ("mF1", {"mF1": "mF1"}, {"direct": ENTRY})


HOSTILE = '<script>alert(1)</script>"onerror=|x|\n\\end{tabular}&%_$\x1b[31m`*'


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def written() -> dict[str, str]:
    board = build([row(HOSTILE, 60.0), row("b", 50.0), row("c", 40.0, reasons=[HOSTILE])], [], floors, None)
    return {name: write(board) for name, write in FORMATS.items()}


def test_a_hostile_name_is_text_in_html(written: dict[str, str]) -> None:
    page = Text()
    own = web.files("leaderboards.view", ("dom.js", "table.js")) + web.files("leaderboards.board", ("board.js",))
    shown = written["html"].replace(f"<script>{own}</script>", "")
    page.feed(shown)
    assert "script" not in page.tags and html.unescape("&lt;script&gt;")[1:7] in page.text
    assert not re.search(r"https?:|url\(|@import|src=", shown)


def test_tables_keep_their_shape_whatever_a_name_holds(written: dict[str, str]) -> None:
    lines = [line for line in written["md"].splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    rows = [line for line in written["latex"].splitlines() if line.endswith(r"\\") and not line.startswith(r"\multicolumn")]
    assert len({len(re.findall(r"(?<!\\)&", line)) for line in rows}) == 1
    assert written["latex"].count(r"\end{tabular}") == written["latex"].count(r"\begin{tabular}") == 1
    for name in ("text", "md", "latex", "html"):
        assert "\x1b" not in written[name]


def test_latex_marks_the_best_bold_and_the_second_underlined(written: dict[str, str]) -> None:
    assert r"\textbf{60.00}" in written["latex"] and r"\underline{50.00}" in written["latex"]
    assert all(rule in written["latex"] for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"\textbf{95.00}" not in written["latex"]


def test_csv_and_json_say_the_same(written: dict[str, str]) -> None:
    lines = list(csv.DictReader(io.StringIO(written["csv"])))
    objects = [r for section in json.loads(written["json"])["sections"] for r in section["rows"]]
    assert [line["model"] for line in lines] == [r["model"] for r in objects]
    assert HOSTILE in [line["model"] for line in lines]
    for line, found in zip(lines, objects, strict=True):
        assert line["block"] == found["block"]
        assert line["mIoU"] == found["metrics"]["mIoU"]["printed"]
        assert float(line["mIoU"]) == found["metrics"]["mIoU"]["value"]
        assert line["not comparable"] == "; ".join(found["not_comparable"])
        assert all(line[fact] == found[fact] for fact in FACTS)


def test_people_read_the_words_of_the_field_and_programs_the_keys() -> None:
    board = build([seeded(0, 50.0), row("a", 45.0)], [], no_floors, None)
    for form in ("text", "md", "html"):
        assert all(word in FORMATS[form](board) for word in ("parse rate", "query gap")), form
    assert {"parsed", "gap"} <= set(FORMATS["csv"](board).splitlines()[0].split(","))
    for chosen in (("query gap", "parse rate"), ("gap", "parsed")):
        check_columns(board._replace(columns=chosen))
        assert FORMATS["md"](board._replace(columns=chosen)).count("| model | query gap | parse rate |") == 1


def test_no_cell_of_the_csv_is_a_formula() -> None:
    models = ("=1+1", "+x", "-x", "@SUM(A1)", "\t=1", "'=1")
    sheet = FORMATS["csv"](build([row(name, 30.0) for name in models], [], no_floors, None))
    (model,) = {line.index("model") for line in csv.reader(io.StringIO(sheet, newline="")) if "model" in line}
    cells = [line[model] for line in csv.reader(io.StringIO(sheet, newline=""))][1:]
    assert sorted(cells) == sorted(f"'{name}" for name in models)


def latex_is_here() -> bool:
    """Whether a document with these packages can be compiled."""
    packages = ("booktabs.sty", "geometry.sty")
    return all(map(shutil.which, ("pdflatex", "kpsewhich"))) and all(
        subprocess.run(["kpsewhich", name], capture_output=True, check=False).returncode == 0 for name in packages
    )


needs_latex = pytest.mark.skipif(not latex_is_here(), reason="pdflatex with booktabs and geometry is not installed")
HOSTILE_TO_LATEX = (r"\input{x}", "100 % of $x_1$ & #2", "~^{}", "été … † <b>", "[ours] of two", "*starred", '(a|b) "c" `d\'')


def compiled(document: str, folder: Path) -> None:
    """Compile a board as it stands in a document of its own; each character must have a shape in the font."""
    packages = ("[paperwidth=2000mm,paperheight=2000mm]{geometry}", "[T1]{fontenc}", "{booktabs}")
    head = r"\documentclass{article}" + "".join(rf"\usepackage{package}" for package in packages)
    (folder / "board.tex").write_text(f"{head}\n\\begin{{document}}\n{document}\\end{{document}}\n", encoding="utf-8")
    typed = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "board.tex"]
    done = subprocess.run(typed, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (folder / "board.log").read_text(errors="replace")
    assert (folder / "board.pdf").stat().st_size > 10_000


@needs_latex
@pytest.mark.parametrize("paper", ["tempsamp", "tempr1", "timelens"])
def test_latex_compiles(paper: str, tmp_path: Path) -> None:
    """Every printed row of a paper, and names that mean something to LaTeX."""
    hostile = [row(name, 30.0 + index) for index, name in enumerate(HOSTILE_TO_LATEX)]
    assert r"{*}starred" in FORMATS["latex"](build(hostile, [], floors, None))
    compiled(FORMATS["latex"](build(hostile, read(Path(FOLDER) / f"{paper}.yaml"), floors, None)), tmp_path)


@needs_latex
@pytest.mark.parametrize("force", [False, True])
def test_latex_of_a_whole_board_compiles(force: bool, tmp_path: Path) -> None:
    """Seeds, places, modes and reasons: as a paper prints them, and with every column that somebody chooses."""
    seeds = grouped([seeded(seed, 40.0 + seed) for seed in range(3)])
    rows = [*seeds, row("a", 30.0), replace(row("a", 35.0), mode="cot"), row(r"50%_\of", 9.0, reasons=["limited to 5 & 6"])]
    board = build(rows, [], floors, None, force)
    (section,) = board.sections
    told = section._replace(places=tuple("1–2" for _ in section.ranked), verdict="a is better by 1 % (95 %: 0–2).")
    every = ("rank", "mode", "mIoU", "95 %", *FACTS, "not comparable")
    check_columns(board._replace(columns=every))
    printed, chosen = (FORMATS["latex"](board._replace(sections=(told,), columns=columns)) for columns in ((), every))
    for document in (printed, chosen):
        assert r"\textbf{41.00 ± 1.00}" in document and r"limited to 5 \& 6" in document
    assert "1–2" in chosen.split(r"\toprule")[1] and "1–2" not in printed.split(r"\toprule")[1]
    compiled(f"{printed}\n\n{chosen}", tmp_path)
