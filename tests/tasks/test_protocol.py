"""Protocols: word for word, hashed by what moves a number, reconstructible from `run.json`, told in words."""

import dataclasses
import tomllib

import pytest

from tasks import kinds, protocol
from tasks.describe import describe
from tasks.errors import InputError
from tasks.sample import Sample, one_query

NAMES = protocol.names()
PEERS = [name for name in NAMES if not name.startswith(("default", "synthetic"))]
ASKED_FOR = (
    "default timezero time-r1 time-r1-nothink videochat-r1 videochat-r1.5-set museg timelens timelens-answers-unrounded "
    "tempsamp-timelens timechat trace vtimellm-percent etbench lmms-charades lmms-timelens temporal-r1 lighthouse-clamped "
    "tempsamp-r1 tempr1 qvh-official qvh-hl-timechat qvh-hl-trace qvh-hl-vtgllm qvh-hl-timesuite-span qvh-hl-aligned"
)
DIRECT = (
    'To accurately pinpoint the event "person eat a snack." in the video, determine the precise time period of the event. '
    'Provide the start and end times (in seconds, precise to two decimal places) in the format "start time to end time" '
    'within the <answer> </answer> tags. For example: "12.54 to 17.83".'
)
CLEANED = {
    "none": "  Person  puts it on.. ",
    "strip": "Person  puts it on..",
    "strip-stop": "Person puts it on.",
    "lower-stop": "person  puts it on.",
    "stops": "  Person  puts it on.. ",
    "stops-strip": "Person  puts it on..",
    "collapse-stops": "Person puts it on",
}


def asked(query: str) -> Sample:
    return one_query("v", 30.0, query, ())


def test_several_queries_and_options_are_numbered_and_lettered() -> None:
    rules = protocol.load("default")
    prompt = dataclasses.replace(rules.prompt, modes={"direct": "{queries}|{options}|{query}"})
    sample = dataclasses.replace(asked("{options}"), queries=("a", "{query}"), options=("red", "blue"))
    text = dataclasses.replace(rules, prompt=prompt).question(sample, "direct")
    assert text == "1. a\n2. {query}|(A) red\n(B) blue|a\n{query}"


def test_default_prompts_are_the_papers() -> None:
    rules = protocol.load("default")
    assert rules.question(asked("person eat a snack."), "direct") == DIRECT
    cot = rules.question(asked("person eat a snack."), "cot")
    assert (
        "Output your thought process within the <think> </think> tags, including analysis with either specific timestamps" in cot
    )
    assert cot.endswith(DIRECT[DIRECT.index("the start and end times") :])


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["default", "tempsamp-r1"])
def test_the_papers_prompts_stand_in_the_paper(shared_data, name: str) -> None:
    paper = (shared_data.parent / "papers" / "tempsamp-r1.md").read_text()
    for mode in ("direct", "cot"):
        # The paper closes each template with one more quotation mark of its own.
        assert protocol.load(name).question(asked("query"), mode).removesuffix(".") in paper


def test_default_rules_are_those_documented() -> None:
    rules = protocol.load("default")
    assert (rules.video.fps, rules.video.total_pixels, rules.decoding.max_new_tokens) == (2.0, 3584 * 28 * 28, 2048)
    assert (rules.decoding.temperature, rules.score.thresholds) == (0.0, (0.3, 0.5, 0.7))


def test_every_protocol_asked_for_exists() -> None:
    assert set(ASKED_FOR.split()) <= set(NAMES)


def test_no_two_protocols_are_the_same() -> None:
    assert len({protocol.load(name).sha256 for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_keeps_the_hash(name: str) -> None:
    rules = protocol.load(name)
    assert protocol.from_dict({"name": name, **rules.rules()}).sha256 == rules.sha256


def test_hash_ignores_prose_and_sees_rules() -> None:
    rules = protocol.load("default")
    assert dataclasses.replace(rules, summary="other", about=protocol.About("elsewhere")).sha256 == rules.sha256
    assert dataclasses.replace(rules, video=dataclasses.replace(rules.video, fps=1.0)).sha256 != rules.sha256
    for late in ({"iou": "hull"}, {"clamp_targets": True}, {"failure": "drop"}, {"round_iou": 0}):
        assert dataclasses.replace(rules, score=dataclasses.replace(rules.score, **late)).sha256 != rules.sha256


def test_every_rule_and_choice_is_used() -> None:
    """No option without a protocol that needs it."""
    tables = [tomllib.loads((protocol.FOLDER / f"{name}.toml").read_text()) for name in NAMES]
    used = {(key, value) for table in tables for part in ("prompt", "answer", "score") for key, value in flat(table[part])}
    given = {key for key, _ in used} | {key for table in tables for key in table["decoding"]}
    optional = {f.name for part in protocol.PARTS.values() for f in dataclasses.fields(part) if f.default != dataclasses.MISSING}
    assert given >= optional
    assert {table["kind"] for table in tables} == set(kinds.NAMES)
    for key, values in {
        "clean": set(protocol.CLEAN),
        "comparison": {"exact", ">=", ">"},
        "iou": {"hull", "union"},
        "failure": {"drop", "out-of-video"},
        "order": {"video-text", "text-video"},
        "saliency": {"flat", "centre", "t/2", "(t-1)/2", "t/2-1"},
    }.items():
        assert values <= {value for name, value in used if name == key}, key


def flat(table):
    return [(key, value) for key, value in table.items() if isinstance(value, str | int | float)]


@pytest.mark.parametrize("name", PEERS)
def test_peers_name_their_source_and_what_was_checked(name: str) -> None:
    about = protocol.load(name).about
    assert about.source and about.verified
    assert about.prompt_verified or about.unverified
    assert about.quirks or "description only" in about.verified or "This project" in about.source


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_told_in_words(name: str) -> None:
    rules = protocol.load(name)
    text = "\n".join(describe(rules))
    assert text.startswith(f"{name}, sha256 {rules.sha256}")
    for mode in rules.prompt.modes:
        assert f"prompt, mode {mode}:" in text
    for note in (*rules.about.quirks, *rules.about.unverified):
        assert note in text


def test_words_follow_the_rules() -> None:
    told = [line for line in describe(protocol.load("vtimellm-percent")) if ":" in line]
    assert "unit of times: hundredths of the video" in told
    assert "IoU rounded: to 2 decimals, before all else" in told
    assert "decoding: sampled at temperature 0.05, top_p 1.0, at most 1,024 new tokens, repetition penalty 1.0" in told
    assert "the model's turn begins with: '<think>\\n</think>\\n'" in describe(protocol.load("time-r1-nothink"))


@pytest.mark.parametrize("rule", CLEANED)
def test_cleaning(rule: str) -> None:
    assert protocol.CLEAN[rule]("  Person  puts it on.. ") == CLEANED[rule]


def test_stops_at_both_ends() -> None:
    assert protocol.CLEAN["stops"]("..a b. ..") == "a b. "
    assert protocol.CLEAN["stops-strip"](".a b .") == "a b"


def test_query_is_not_a_format_string() -> None:
    assert "{0} {query} {x}" in protocol.load("default").question(asked("{0} {query} {x}"), "direct")


def test_unknown_protocol_and_mode() -> None:
    with pytest.raises(InputError, match="nearest: default"):
        protocol.load("defualt")
    with pytest.raises(InputError, match="direct, cot"):
        protocol.load("default").question(asked("q"), "thinking")
    with pytest.raises(InputError, match="kind and tables"):
        protocol.from_dict({"name": "x", "prompt": {"oops": 1}})


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [("score", "comparison", "=>"), ("score", "iou", "giou"), ("score", "float_bits", 16), ("prompt", "clean", "lower")],
)
def test_a_value_no_rule_knows_is_refused(part: str, key: str, value: object) -> None:
    rules = protocol.load("default").rules()
    rules[part][key] = value
    with pytest.raises(InputError, match=f"{key} = "):
        protocol.from_dict({"name": "x", **rules})
