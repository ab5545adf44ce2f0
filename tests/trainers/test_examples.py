from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.frames import Frames
from tasks.errors import Failure, InputError
from tasks.sample import Sample, one_query
from tasks.span import Span
from trainers.curriculum import curriculum
from trainers.examples import Examples
from trainers.given_answers import given_answers, ground_truth
from trainers.mix import Share

Load = Callable[..., tuple[Any, Any, Examples]]


def test_a_curriculum_is_every_epoch_in_its_mode_and_order(samples: list[Sample], load: Load) -> None:
    examples = load("qwen3_vl")[2]
    questions = list(examples.questions.values())
    rows = curriculum([Share(questions)], ["direct", "cot"], 3)
    first, second = rows[:10], rows[10:]
    assert {row["mode"] for row in first} == {"direct"} and {row["mode"] for row in second} == {"cot"}
    ids = [[row["id"] for row in half] for half in (first, second)]
    assert sorted(ids[0]) == sorted(ids[1]) == sorted(sample.id for sample in samples)
    assert ids[0] != ids[1] != [sample.id for sample in samples]
    assert rows == curriculum([Share(questions)], ["direct", "cot"], 3) != curriculum([Share(questions)], ["direct", "cot"], 4)
    assert first[0]["prompt"][0]["content"] == examples.questions[first[0]["id"], "synthetic"].text


def test_each_video_is_read_once_while_the_cache_holds_it(samples: list[Sample], load: Load) -> None:
    examples = load("qwen3_vl")[2]
    read = Counter[str]()
    inner = examples._read
    examples._read = lambda path, *rest: read.update([path.stem]) or inner(path, *rest)
    rows = curriculum([Share(list(examples.questions.values()))], ["direct", "cot"], 0)
    for row in rows:
        examples.take(row)
    assert read == Counter("abcde")
    examples._cache_bytes = 0
    examples._cache.clear()
    for row in rows:
        examples.take(row)
    assert sum(read.values()) > 10 and len(examples._cache) == 1


def test_a_broken_video_is_replaced_by_the_same_sample_everywhere(samples: list[Sample], load: Load) -> None:
    chosen = []
    for step in (1, -1):
        examples = load("qwen3_vl")[2]
        questions, inner = list(examples.questions.values())[::step], examples._read

        def read(path: Path, *rest: Any, inner: Any = inner) -> Frames | Failure:
            return Failure("decode-error", "broken") if path.stem in "ab" else inner(path, *rest)

        examples._read = read
        rows = {row["id"]: examples.take(row)[0] for row in curriculum([Share(questions)], ["direct"], 0)}
        for identifier, row in rows.items():
            whole = examples.questions[row["id"], "synthetic"].sample
            assert row["query"] == whole.query and row["targets"] == [[float(t) for t in whole.truth.spans[0]]]
            assert (row["id"] == identifier) == (examples.questions[identifier, "synthetic"].sample.video not in "ab")
            assert whole.video not in "ab"
        assert len(examples.replaced) == 4
        chosen.append({identifier: row["id"] for identifier, row in rows.items()})
    assert chosen[0] == chosen[1]


def test_nothing_but_broken_videos_stops(samples: list[Sample], load: Load) -> None:
    examples = load("qwen3_vl")[2]
    examples._read = lambda *_: Failure("decode-error", "broken")
    with pytest.raises(InputError, match="videos that can be read"):
        examples.take(curriculum([Share(list(examples.questions.values()))], ["direct"], 0)[0])


def test_ground_truth_in_the_words_of_each_mode(load: Load) -> None:
    protocol = load("qwen3_vl")[2].protocols["synthetic"]
    sample = one_query("v", 8.0, "red circle", [Span(1.0, 4.5)])
    assert ground_truth(sample, protocol, "direct") == "1.0 to 4.5"
    assert ground_truth(sample, protocol, "cot") == "<think> 1.0 to 4.5 </think>\n1.0 to 4.5"


def test_answers_of_a_teacher(samples: list[Sample], load: Load, tmp_path: Path) -> None:
    questions = list(load("qwen3_vl")[2].questions.values())
    path = tmp_path / "teacher.jsonl"
    lines = [f'{{"video": "{s.video}", "query": "{s.query}", "text": "thought, then {i}"}}\n' for i, s in enumerate(samples)]
    path.write_text("".join(lines), encoding="utf-8")
    give = given_answers(str(path), questions, ["direct", "cot"])
    assert [give({"id": sample.id, "mode": "cot"}) for sample in samples] == [f"thought, then {i}" for i in range(len(samples))]
    path.write_text("".join(lines[:-2]), encoding="utf-8")
    with pytest.raises(InputError, match="misses 4 of 20, the first t/e/red circle"):
        given_answers(str(path), questions, ["direct", "cot"])
