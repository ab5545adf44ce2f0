"""A protocol's file from outside: what cannot stand in it is refused with its line, and its parser reads what it says."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tasks import outside, protocol, say
from tasks.errors import InputError
from tasks.sample import Sample, one_query
from tasks.span import Span

OURS = (protocol.FOLDER / "default.toml").read_text(encoding="utf-8")
SAMPLE = one_query("v", 7.3, "a dog", [Span(1.0, 2.5)], clips=[[0, 1, 2]] * 3)


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(outside.VARIABLE, "")


def written(folder: Path, rule: str, value: str) -> Path:
    """The default protocol with another line for this rule."""
    text, count = re.subn(rf"(?m)^{re.escape(rule)}.*$", lambda _: value, OURS, count=1)
    assert count == 1
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return folder / "mine.toml"


@pytest.mark.parametrize(
    ("rule", "value", "expected", "found"),
    [
        ("fps", 'fps = "two"', "a number as fps", "'two'"),
        ("fps", "fps = true", "a number as fps", "True"),
        ("fps", "fps = -1", "above 0", "-1"),
        ("fps", "fps = nan", "above 0", "nan"),
        ("fps", "fpss = 1.0", "a rule of [video]", "'fpss' (nearest: fps)"),
        ("max_frames", "max_frames = 2.5", "an integer as max_frames", "2.5"),
        ("max_frames", "max_frames = 1", "max_frames of at least min_frames", "1"),
        ("decoder", 'decoder = "pyavv"', "one of pyav, decord, torchcodec as decoder", "'pyavv' (nearest: pyav)"),
        ("max_new_tokens", 'max_new_tokens = "64"', "an integer", "'64'"),
        ("max_new_tokens", "max_new_tokens = 64\ntop_p = 1.5", "top_p from", "1.5"),
        ("kind", 'kind = "momet"', "kind, one of", "'momet' (nearest: moment)"),
        ("comparison", 'comparison = "exakt"', "one of exact", "'exakt' (nearest: exact)"),
        ("thresholds", "thresholds = 0.5", "a list, each of it a number", "0.5"),
        ("thresholds", 'thresholds = [0.5, "a"]', "a list, each of it a number", "'a'"),
        ("thresholds", "thresholds = [50]", "at most 1", "[50]"),
        ("template", 'template = "{begin} to {end}"', "template with one or more of {start}", "{begin}"),
        ("template", 'template = "{start to {end}"', "template with", "a brace as such"),
        ("template", 'template = "now"', "template with", "'now'"),
        ("[score]", "[scores]", "a table or key of a protocol", "'scores' (nearest: score)"),
        ("where", "where = 'whole'", "a list, each of it text", "'whole'"),
    ],
)
def test_a_value_that_cannot_stand_is_refused_with_its_line(
    tmp_path: Path, rule: str, value: str, expected: str, found: str
) -> None:
    path = written(tmp_path, rule, value)
    line = path.read_text().splitlines().index(value.splitlines()[-1]) + 1
    with pytest.raises(InputError) as refused:
        protocol.load(str(path))
    assert expected in refused.value.expected
    assert refused.value.found.startswith(f"{path} line {line}: ") and found in refused.value.found


def test_a_missing_rule_a_missing_table_and_a_prompt_that_asks_nothing_are_refused(tmp_path: Path) -> None:
    for rule, value, expected in [
        ("thresholds", "", "a rule thresholds in [score]"),
        ("kind", "", "kind, one of"),
        ("direct", "direct = 'When does {sentence} happen?'", "a prompt with what a sample asks: {query}"),
    ]:
        with pytest.raises(InputError) as refused:
            protocol.load(str(written(tmp_path, rule, value)))
        assert expected in refused.value.expected
    (tmp_path / "mine.toml").write_text(OURS[: OURS.index("[score]")], encoding="utf-8")
    with pytest.raises(InputError, match=r"no \[score\]"):
        protocol.load(str(tmp_path / "mine.toml"))


def asked(kind: str) -> Sample:
    if kind == "pairs":
        return replace(SAMPLE, queries=("one", "two"))
    return replace(SAMPLE, options=("red", "blue")) if kind == "choice" else SAMPLE


@pytest.mark.parametrize("name", protocol.names())
def test_every_protocol_reads_what_baselines_say(name: str) -> None:
    rules = protocol.load(name)
    say.check_read(asked(rules.kind), rules)


@pytest.mark.parametrize(
    ("template", "parser", "reads"),
    [
        ("{start} | {end}", r'findall(r"(\d+\.?\d{0,2}) \| (\d+\.?\d*)", text)', "42857142857143.00 to 3.84"),
        ("{start} - {end}", r'findall(r"(\d{1,6}(?:\.\d{1,6})?) ?- ?(\d+\.?\d*)", text)', "857143.00 to 3.84"),
        ("{start} to {end}", r'findall(r"(\d+)\.\d+ to (\d+)\.\d+", text) * 0', "no-span"),
        ("{end} to {start}", r'findall(r"(\d+\.\d+) to (\d+\.\d+)", text)', "3.84 to 1.04"),
    ],
)
def test_a_parser_that_reads_something_else_is_refused(tmp_path: Path, template: str, parser: str, reads: str) -> None:
    path = written(tmp_path, "template", f'template = "{template}"')
    path.write_text(path.read_text().replace('parser = "careful"', 'parser = "dash"'), encoding="utf-8")
    code = f"import re\nfrom tasks.parsers.common import read\ndef parse(text, where):\n    return read(re.{parser})\n"
    (tmp_path / "dash.py").write_text(code, encoding="utf-8")
    outside.include([str(tmp_path / "dash.py")])
    with pytest.raises(InputError, match=re.escape(reads)):
        say.check_read(SAMPLE, protocol.load(str(path)))


def test_a_place_that_no_parser_knows_is_refused(tmp_path: Path) -> None:
    for parser, place in (("careful", "answr"), ("timechat", "answer")):
        path = written(tmp_path, "where", f'where = ["{place}"]')
        path.write_text(path.read_text().replace('parser = "careful"', f'parser = "{parser}"'), encoding="utf-8")
        with pytest.raises(InputError, match=f"'{place}'"):
            say.check_read(SAMPLE, protocol.load(str(path)))
