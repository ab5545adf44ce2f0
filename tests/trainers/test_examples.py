from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.frames import Frames
from harness.synthetic.make import make
from harness.video.decode import read_frames
from tasks import protocol
from tasks.errors import Failure, InputError
from tasks.sample import Sample, one_query
from tasks.span import Span
from trainers.curriculum import curriculum
from trainers.examples import Examples, Order, name
from trainers.given_answers import given_answers, ground_truth
from trainers.mix import Share
from trainers.reading import frame_reader

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


@pytest.mark.parametrize(("together", "world"), [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_the_next_rows_of_a_process_are_foreseen(together: int, world: int) -> None:
    """By hand: batches go round the processes; after the first row of a run, or the second of one that goes on, all is clear."""
    epochs = [Random(seed).sample(range(12), 12) for seed in range(2)]
    names = [(f"{number}", "p", "direct") for epoch in epochs for number in epoch]
    batches = [list(range(start, start + together)) for start in range(0, 24, together)]
    for rank in range(world):
        own = [place for batch in batches[rank::world] for place in batch]
        for begin in (0, len(own) // 2):
            order = Order(names, together, world)
            found = [order.after(names[place]) for place in own[begin:]]
            expected = [[names[place] for place in own[at + 1 : at + 1 + 2 * together]] for at in range(begin, len(own))]
            # Each name stands twice, so that the first row alone does not say in which epoch it is.
            assert found[0] == [] and found[1:] == expected[1:]
    once = Order(names[:12], together, world)
    assert (
        once.after(names[0]) == [names[place] for batch in batches[::world] for place in batch if 0 < place < 12][: 2 * together]
    )


def test_videos_are_asked_for_before_their_turn(samples: list[Sample], load: Load) -> None:
    examples = load("qwen3_vl")[2]
    asked: list[list[str]] = []
    examples._ahead = lambda keys: asked.append([path.stem for path, _, _ in keys])
    rows = curriculum([Share(list(examples.questions.values()))], ["direct"], 0)
    examples.follow(rows, 1, 1)
    videos = [examples.questions[row["id"], "synthetic"].sample.video for row in rows]
    seen: set[str] = set()
    for place, row in enumerate(rows):
        assert examples._order is not None and name(row) == examples._order.names[place]
        examples.take(row)
        # The row itself and two more, of those that are not kept.
        assert asked[-1] == [video for video in videos[place : place + 3] if video not in seen]
        seen.add(videos[place])


def test_the_reader_decodes_what_it_was_told(tmp_path: Path) -> None:
    """What was asked for is decoded while nothing waits, is what is read otherwise, and is dropped when it is not wanted."""
    rules = protocol.load("synthetic").video
    make(tmp_path, 0, {"train": 3, "dev": 1, "test": 1})
    paths = sorted((tmp_path / "synthetic" / "videos").glob("*.mp4"))
    with frame_reader(28, 60.0) as read:
        read.ahead([(path, None, rules) for path in [*paths[:2], paths[0]]])
        assert [key[0] for key in read._asked] == paths[:2]
        for path in paths[:3]:
            found, plain = read(path, None, rules), read_frames(path, rules, 28)
            assert isinstance(found, Frames) and (found.pixels == plain.pixels).all()
        assert read._asked == {}
        read.ahead([(paths[0], None, rules), (tmp_path / "none.mp4", None, rules)])
        read.ahead([(tmp_path / "none.mp4", None, rules)])
        assert [key[0].name for key in read._asked] == ["none.mp4"]
        assert isinstance(read(tmp_path / "none.mp4", None, rules), Failure)
