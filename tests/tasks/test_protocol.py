"""Protocols: word for word, hashed by what moves a number, reconstructible from `run.json`."""

import dataclasses

import pytest

from tasks import protocol
from tasks.errors import InputError
from tasks.parsers import parser

DIRECT = (
    'To accurately pinpoint the event "person eat a snack." in the video, determine the precise time period of the event. '
    'Provide the start and end times (in seconds, precise to two decimal places) in the format "start time to end time" '
    'within the <answer> </answer> tags. For example: "12.54 to 17.83".'
)


def test_default_prompts_are_the_papers() -> None:
    rules = protocol.load("default")
    assert rules.question("person eat a snack.", "direct") == DIRECT
    cot = rules.question("person eat a snack.", "cot")
    assert (
        "Output your thought process within the <think> </think> tags, including analysis with either specific timestamps" in cot
    )
    assert cot.endswith(DIRECT[DIRECT.index("the start and end times") :])


@pytest.mark.shared_data
def test_default_prompts_stand_in_the_paper(shared_data) -> None:
    paper = (shared_data.parent / "papers" / "tempsamp-r1.md").read_text()
    for mode in ("direct", "cot"):
        # The paper closes each template with one more quotation mark of its own.
        assert protocol.load("default").question("query", mode).removesuffix(".") in paper


def test_default_rules_are_those_documented() -> None:
    rules = protocol.load("default")
    assert (rules.video.fps, rules.video.total_pixels, rules.decoding.max_new_tokens) == (2.0, 3584 * 28 * 28, 2048)
    assert (rules.decoding.temperature, rules.score.thresholds) == (0.0, (0.3, 0.5, 0.7))


@pytest.mark.parametrize("name", protocol.names())
def test_round_trip_keeps_the_hash(name: str) -> None:
    rules = protocol.load(name)
    assert protocol.from_dict({"name": name, **rules.rules()}).sha256 == rules.sha256


def test_hash_ignores_prose_and_sees_rules() -> None:
    rules = protocol.load("default")
    assert dataclasses.replace(rules, summary="other").sha256 == rules.sha256
    assert dataclasses.replace(rules, video=dataclasses.replace(rules.video, fps=1.0)).sha256 != rules.sha256


@pytest.mark.parametrize("name", protocol.names())
def test_a_protocol_reads_its_own_template(name: str) -> None:
    answer = protocol.load(name).answer
    (span,) = parser(answer)(answer.template.format(start="1.25", end="70")).spans
    assert tuple(map(float, span)) == (1.25, 70.0)


def test_query_is_not_a_format_string() -> None:
    assert "{0} {query} {x}" in protocol.load("default").question("{0} {query} {x}", "direct")


def test_unknown_protocol_and_mode() -> None:
    with pytest.raises(InputError, match="nearest: default"):
        protocol.load("defualt")
    with pytest.raises(InputError, match="direct, cot"):
        protocol.load("default").question("q", "thinking")
    with pytest.raises(InputError, match="protocol tables"):
        protocol.from_dict({"name": "x", "prompt": {"oops": 1}})
