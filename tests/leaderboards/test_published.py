"""Published rows: every number as the papers print it, and files that are wrong."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboards.board.published import FOLDER, Table, cell, papers, read
from leaderboards.board.rows import Row
from tasks import protocol, task
from tasks.errors import InputError

TABLES = {f"tempsamp-{i}": ("tempsamp-r1.md", i) for i in range(1, 7)} | {f"tempr1-{i}": ("tempr1.md", i) for i in range(1, 6)}


@pytest.fixture(scope="module")
def ours() -> dict[str, Table]:
    return {table.name: table for stem in papers() for table in read(FOLDER / f"{stem}.yaml")}


@pytest.fixture
def printed(shared_data: Path, table: str) -> list[list[str]]:
    """Rows of the paper's table, cells stripped, without its two or three lines of headings."""
    paper, number = TABLES[table]
    block: list[list[str]] = []
    for line in (shared_data.parent / "papers" / paper).read_text(encoding="utf-8").splitlines():
        if re.match(rf"(\*\*)?Table {number}(\*\*|\. )", line):
            return [row for row in block if any(re.fullmatch(CELL, c) for c in row[1:])]
        if "\t" in line:
            block = block if block and line else []
            block.append([part.strip() for part in line.split("\t")])
        elif line.startswith(("**Table", "Table ", "##")):
            block = []
    raise AssertionError(table)


CELL = r"(?:<[bu]>)?\d+\.\d(?:</[bu]>)?(?: \(\+\d+\.\d\))?"
WRAPPED = {"bold": "<b>{}</b>", "underlined": "<u>{}</u>", "": "{}"}


def of_paper(table: str, row: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Methods of a printed row with their cells; a row of tempsamp-3 and -5 holds several."""
    label = re.sub(r" \[\d+\]|</?b>", "", row[0])
    match table:
        case "tempsamp-1":
            yield label, row[2:12]
        case "tempsamp-2":
            yield f"{label}, trained on Charades-STA", row[1:]
        case "tempsamp-3":
            for i, videos in enumerate((50, 100, 200, 500)):
                yield f"{label}, {videos} training videos", row[1 + 2 * i : 3 + 2 * i]
        case "tempsamp-5":
            yield f"GRPO, {label} solutions a query", row[1::2]
            yield f"TempSamp-R1, {label} solutions a query", row[2::2]
        case "tempsamp-6":
            asked, trained = (
                "+".join(n for n, c in zip(("think", "answer"), row[i : i + 2], strict=True) if c == "✓") for i in (4, 2)
            )
            training = f"epochs {row[1]}, trained on {trained}, " if trained else ""
            yield f"{label or '+ TempSamp-R1'}, {training}asked for {asked}", row[6:10]
        case "tempr1-1" | "tempr1-2":
            cells = row if label in ("Qwen-2.5-VL-7B",) else row[1:]
            yield re.sub(r" \[\d+\]", "", cells[0]), cells[2:14] if table == "tempr1-1" else cells[1:]
        case "tempr1-3":
            yield f"{row[1]} matching, with{'' if row[0] == '✓' else 'out'} number reward", row[2:]
        case "tempr1-5":
            yield f"TempR1, trained on {label}", row[1:]
        case _:
            yield label, row[1:]


def of_ours(table: Table) -> Iterator[tuple[str, list[str]]]:
    """The same from our rows: cells of all benchmarks in a line, a dash where there is none, marks as the text has them."""
    rows: list[tuple[str, dict[str, Row]]] = []
    for published in table.rows:
        if not rows or rows[-1][0] != published.model or published.task in rows[-1][1]:
            rows.append((published.model, {}))
        rows[-1][1][published.task] = published
    for name, results in rows:
        cells = []
        for benchmark, metrics in table.benchmarks.items():
            values = results[benchmark].metrics if benchmark in results else {}
            for metric in metrics:
                value = values.get(metric)
                cells.append("-" if value is None else WRAPPED[value.mark].format(value.printed))
        yield name, cells


@pytest.mark.shared_data
@pytest.mark.parametrize("table", TABLES)
def test_every_row_and_every_number_stand_as_printed(table: str, ours: dict[str, Table], printed: list[list[str]]) -> None:
    assert list(of_ours(ours[table])) == [entry for row in printed for entry in of_paper(table, row)]


@pytest.mark.shared_data
@pytest.mark.parametrize("table", TABLES)
def test_no_decimal_of_a_table_is_left_out(table: str, ours: dict[str, Table], printed: list[list[str]]) -> None:
    words = re.compile(r".*[A-Za-z]{2}.*")
    cells = [re.sub(r"</?[bu]>", "", c) for row in printed for c in row]
    theirs = [number for c in cells if not words.match(c) for number in re.findall(r"\d+\.\d", c)]
    values = [value.printed for row in ours[table].rows for value in row.metrics.values()]
    assert sorted(theirs) == sorted(number for text in values for number in re.findall(r"\d+\.\d", text))
    assert len(theirs) > 10


@pytest.mark.shared_data
def test_few_shot_rows_keep_the_training_time(shared_data: Path, ours: dict[str, Table]) -> None:
    text = (shared_data.parent / "papers" / "tempsamp-r1.md").read_text(encoding="utf-8")
    times = re.findall(r"\t(\d+ min)$", text, re.MULTILINE)
    notes = [note for row in ours["tempsamp-3"].rows for note in row.notes]
    assert notes == [f"training time {minutes}" for minutes in times]
    assert len(times) == 3


def test_timelens_bench_rows(ours: dict[str, Table]) -> None:
    means = {
        "Qwen2.5-VL-7B": ("39.3", "31.4", "31.6"),
        "TimeLens-7B": ("48.8", "46.2", "56.0"),
        "Qwen3-VL-8B": ("48.3", "46.8", "59.4"),
        "TimeLens-8B": ("55.2", "53.2", "65.5"),
    }
    benchmarks = ("timelens-charades", "timelens-anet", "timelens-qvhighlights")
    expected = {(m, b): value for m, values in means.items() for b, value in zip(benchmarks, values, strict=True)}
    assert {(row.model, row.task): row.metrics["mIoU"].printed for row in ours["timelens-bench"].rows} == expected


def test_every_row_says_where_it_comes_from_and_how_far_it_is_known(ours: dict[str, Table]) -> None:
    rows = [row for table in ours.values() for row in table.rows]
    assert {row.source.partition(",")[0] for row in rows} == {"TempSamp-R1", "TempR1", "TimeLens"}
    assert {row.protocol for row in rows} == {"unknown", "tempsamp-r1", "tempr1", "timelens"} <= {"unknown", *protocol.names()}
    assert {row.task for row in rows} <= {*task.all_tasks()}
    zero_shot = {(row.source, row.model) for row in rows if "(zero-shot)" in row.trained_on}
    assert ("TempR1, Table 1", "VTimeLLM") in zero_shot and ("TempR1, Table 1", "TempR1*") not in zero_shot
    assert all("train split" not in row.trained_on for row in rows if "(zero-shot)" in row.trained_on)


def test_misprints_stand_as_printed_and_are_flagged(ours: dict[str, Table]) -> None:
    def row(table: str, method: str, benchmark: str) -> Row:
        (found,) = (r for r in ours[table].rows if (r.model, r.task) == (method, benchmark))
        return found

    gspo = row("tempr1-4", "GSPO", "charades").metrics
    assert (gspo["mIoU"].printed, bool(gspo["mIoU"].flag), gspo["R1@0.5"].flag) == ("82.5", True, "")
    flagged = [any(v.flag for v in r.metrics.values()) for r in ours["tempsamp-6"].rows]
    assert flagged[1:3] == [True, True] and flagged[5:] == [False, False, False]
    ambiguous = row("tempsamp-1", "TempSamp-R1 (CoT)", "qvhighlights")
    assert any("ambiguous" in note for note in ambiguous.notes) and ambiguous.protocol == "unknown"
    assert row("tempsamp-1", "TempSamp-R1 Mixed CoT", "charades").reasons == ("chosen with the ground truth",)


GOOD = """
paper: P
source: here
tables:
- table: 1
  title: T
  benchmarks: {charades: {split: test, metrics: "mIoU R1@0.5"}}
  rows:
  - {method: M, base: B, zero_shot: no, results: {charades: {trained: yes, protocol: default, values: "**62.10** -"}}}
"""


def test_a_file_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    (table,) = read(tmp_path / "mine.yaml")
    assert table.name == "mine-1"
    assert [(v.printed, v.mark) for v in table.rows[0].metrics.values()] == [("62.10", "bold"), ("-", "")]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("R1@0.5", "R1@0.55", "nearest: R1@0.5"),
        ("charades: {split", "charade: {split", "nearest: charades"),
        ("protocol: default", "protocol: defualt", "nearest: default"),
        ("trained: yes", "trained: maybe", "yes, no, unknown"),
        ("zero_shot: no, ", "", "no zero_shot"),
        ("base: B", "base: B, bsae: C", "nearest: base"),
        ('"**62.10** -"', '"**62.10**"', "2 values"),
        ('"**62.10** -"', '"**62.10_ -"', "as printed"),
        ('values: "**62.10** -"', 'values: "- -", flags: {mIuO: x}', "nearest: mIoU"),
        ("results: {charades: {", "results: {anet: {", "one of the keys charades in table 1, row 1, M"),
        ("results: {charades", "results: &a {charades", None),
        ("source: here", "source: here\nmore: x", "'more'"),
        ("paper: P", "paper: [", "YAML"),
        ("- table: 1", "- table: [1]", "text as table"),
        (GOOD, "[]", "a list"),
        (GOOD, "\0", "YAML"),
        (GOOD, "[" * 100_000, "YAML"),
        (GOOD, GOOD.partition("tables:")[0] + "tables: &t [*t]", "YAML"),
    ],
)
def test_a_wrong_file_is_bad_input(tmp_path: Path, old: str, new: str, words: str | None) -> None:
    assert old in GOOD
    (tmp_path / "mine.yaml").write_text(GOOD.replace(old, new))
    if words is None:
        assert read(tmp_path / "mine.yaml")
        return
    with pytest.raises(InputError, match=re.escape(words)):
        read(tmp_path / "mine.yaml")


@given(st.text(alphabet="*_-+.()0123456789 x", max_size=12))
def test_a_cell_is_a_number_as_printed_or_refused(text: str) -> None:
    try:
        value = cell(text)
    except ValueError:
        return
    mark = {"bold": "**", "underlined": "_", "": ""}[value.mark]
    assert f"{mark}{value.printed.replace(' ', '')}{mark}" == text
    assert (value.value is None) == (text == "-")
