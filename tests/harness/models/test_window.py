"""Questions of several videos in one batch: the replies of one by one, whatever the window, and memory that runs out."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

from harness.again import Asked as Typed
from harness.cli import main
from harness.frames import Frames
from harness.models import batching, cache, clock, generate, hf, spread, tiny
from harness.models.base import AnswerError, Answers, Asked, Reply, Streaming
from harness.models.hf import HfModel
from harness.models.options import Options
from harness.synthetic.make import make
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol
from tasks.question import Question

Make = Callable[..., Frames]
Load = Callable[..., HfModel]
Ask = Callable[..., list[Question]]
RULES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "penalty": {"repetition_penalty": 1.3},
    "drawn": {"temperature": 1.0, "top_p": 0.9},
    "prefill": {"prefill": "<answer>", "system": "Be brief."},
    "text first": {"order": "text-video"},
}
BOTH = pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])


@pytest.fixture
def videos(make_frames: Make) -> Callable[[str, list[Question]], list[Asked]]:
    """Six videos of different lengths, with one to six of these questions each, in different orders."""

    def videos(family: str, asked: list[Question]) -> list[Asked]:
        counts = ((4, 1), (8, 6), (12, 2), (6, 1), (8, 3), (4, 1))
        frames = (make_frames(family, frames, seed=seed) for seed, (frames, _) in enumerate(counts))
        shifted = [asked[seed % len(asked) :] + asked[: seed % len(asked)] for seed in range(len(counts))]
        return [Asked(one, some[:count]) for one, some, (_, count) in zip(frames, shifted, counts, strict=True)]

    return videos


def one_by_one(model: HfModel, videos: list[Asked]) -> dict[int, Answers]:
    return {place: model.answer(*asked) for place, asked in enumerate(videos)}


def together(model: HfModel, videos: list[Asked]) -> dict[int, Answers]:
    found = list(model.stream(iter(videos)))
    assert len(found) == len(dict(found)) == len(videos)
    return dict(found)


def texts(answers: dict[int, Answers]) -> list[str]:
    return [reply.text for some in answers.values() if isinstance(some, list) for reply in some if isinstance(reply, Reply)]


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were generated together, time by time."""
    original, seen = generate.generate, list[int]()

    def counted(model: Any, rows: Any, *rest: Any) -> Any:
        seen.append(len(rows))
        return original(model, rows, *rest)

    monkeypatch.setattr(generate, "generate", counted)
    return seen


@BOTH
@pytest.mark.parametrize("rules", list(RULES))
def test_replies_are_those_of_one_by_one(
    family: str, rules: str, load: Load, ask: Ask, videos: Callable[..., list[Asked]], sizes: list[int]
) -> None:
    asked = videos(family, ask(**RULES[rules]))
    model = load(family, batch_size=1)
    expected = one_by_one(model, asked)
    assert len(set(texts(expected))) >= 5, "replies that depend on nothing prove nothing"
    for size, most in ((2, 2), (5, 5), ("auto", 14)):
        model._limit = batching.Limit(Options(batch_size=size))
        del sizes[:]
        assert together(model, asked) == expected
        assert sum(sizes) == 14 and max(sizes) == most
        assert model.told() == {}


@BOTH
@pytest.mark.parametrize("share", [True, False])
def test_several_protocols_in_a_window(
    family: str, share: bool, load: Load, ask: Ask, videos: Callable[..., list[Asked]], sizes: list[int]
) -> None:
    lists = [ask(), ask(order="text-video", system="Be brief."), ask(repetition_penalty=1.3, max_new_tokens=5)]
    mixed = [question for some in zip(*lists, strict=True) for question in some]
    asked = videos(family, mixed)
    expected = one_by_one(load(family, share=False), asked)
    model = load(family, share=share, batch_size="auto")
    del sizes[:]
    assert together(model, asked) == expected
    assert max(sizes) == (9 if share else 1)


def test_a_tower_looks_once_at_a_video_of_several_protocols(load: Load, ask: Ask, make_frames: Make) -> None:
    model, looks = load("qwen3_vl"), list[int]()
    model.model.model.visual.register_forward_hook(lambda *_: looks.append(1))
    model.answer(make_frames("qwen3_vl"), [*ask(), *ask(system="Be brief.")])
    assert len(looks) == 1


def test_questions_that_cannot_be_asked_and_videos_without_any(
    load: Load, ask: Ask, videos: Callable[..., list[Asked]], verbatim: Callable[..., Question]
) -> None:
    asked = videos("qwen2_5_vl", ask())
    hostile = verbatim(asked[0].questions[0].sample, asked[0].questions[0].protocol, "<|vision_end|>")
    expected = one_by_one(load("qwen2_5_vl"), asked)
    asked[0] = Asked(asked[0].frames, [hostile])
    asked[1] = Asked(asked[1].frames, [hostile, *asked[1].questions, hostile])
    asked[2] = Asked(asked[2].frames, [])
    found = together(load("qwen2_5_vl", batch_size="auto"), asked)
    (first,) = found[0]  # type: ignore[misc]
    assert isinstance(first, Failure) and first.type == "special-token"
    assert found[1] == [first, *expected[1], first] and found[2] == []  # type: ignore[misc]
    assert all(found[place] == expected[place] for place in (3, 4, 5))


@pytest.mark.parametrize("size", [2, "auto"])
def test_no_more_videos_are_taken_than_the_window(size: Any, load: Load, ask: Ask, videos: Callable[..., list[Asked]]) -> None:
    model = load("qwen2_5_vl", batch_size=size, window=3)
    assert isinstance(model, Streaming)
    asked, answered, most = videos("qwen2_5_vl", ask(max_new_tokens=1)) * 3, set[int](), 0

    def taken() -> Iterator[Asked]:
        nonlocal most
        for number, one in enumerate(asked):
            most = max(most, number + 1 - len(answered))
            yield one

    for place, _ in model.stream(taken()):
        answered.add(place)
    assert len(answered) == 18 and 2 <= most <= 3


def test_a_batch_that_memory_does_not_hold_is_halved_and_told_once(
    load: Load, ask: Ask, videos: Callable[..., list[Asked]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, asked = load("qwen3_vl", batch_size="auto"), videos("qwen3_vl", ask())
    expected, original, sizes = one_by_one(model, asked), generate.generate, list[int]()

    def small(model: Any, rows: Any, *rest: Any) -> Any:
        sizes.append(len(rows))
        if len(rows) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.\nmore")
        return original(model, rows, *rest)

    monkeypatch.setattr(generate, "generate", small)
    assert together(model, asked) == expected
    assert sizes[:2] == [14, 7] and sum(size > 4 for size in sizes) == 2 and max(sizes[2:]) == 3
    assert model.told() == {"batch_size": {"asked": "auto", "held_by_memory": 3}}
    del sizes[:]
    assert together(model, asked) == expected and max(sizes) == 3  # what was learned stays


def test_a_memory_error_in_one_video_costs_that_video(
    load: Load, ask: Ask, videos: Callable[..., list[Asked]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, asked = load("qwen2_5_vl"), videos("qwen2_5_vl", ask())
    expected, original = one_by_one(model, asked), generate.prefill

    def small(model: Any, rows: Any, *rest: Any) -> Any:
        if (rows[0].ids.count(model.config.video_token_id)) == 36:  # the video of twelve frames
            raise torch.OutOfMemoryError("CUDA out of memory.\nmore")
        return original(model, rows, *rest)

    monkeypatch.setattr(generate, "prefill", small)
    found = together(model, asked)
    lost = found.pop(2)
    assert isinstance(lost, AnswerError) and lost.failure.type == "out-of-memory" and "batch-size" in lost.failure.message
    assert found == {place: answers for place, answers in expected.items() if place != 2}
    assert model.told() == {}


def test_what_waits_makes_room_for_a_video(
    load: Load, ask: Ask, videos: Callable[..., list[Asked]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory holds the prefixes of two videos."""
    model, asked, original = load("qwen2_5_vl", batch_size="auto"), videos("qwen2_5_vl", ask()), generate.prefill
    expected, held = one_by_one(model, asked), 0
    answer = model._replies

    def prefill(*arguments: Any) -> Any:
        nonlocal held
        if held == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        held += 1
        return original(*arguments)

    def replies(batch: Any) -> Any:
        nonlocal held
        held = 0
        return answer(batch)

    monkeypatch.setattr(generate, "prefill", prefill)
    monkeypatch.setattr(model, "_replies", replies)
    assert together(model, asked) == expected
    assert model.told()["batch_size"]["held_by_memory"] >= 1


def test_a_wrong_clock_stops_the_stream(load: Load, ask: Ask, videos: Callable[..., list[Asked]], make_frames: Make) -> None:
    asked = videos("qwen2_5_vl", ask())
    late = make_frames("qwen2_5_vl", offset_s=9.0)
    with pytest.raises(clock.ClockError):
        list(load("qwen2_5_vl").stream(iter([*asked, Asked(Frames(late.pixels, late.time_s, 0.5, 0.0, "made"), ask())])))


@BOTH
def test_room_follows_the_bytes_of_the_cache(
    family: str, load: Load, make_frames: Make, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(family)
    rows, video = model.inputs.build(make_frames(family), questions[0].protocol.prompt, ["When?"], "cpu")
    prefix = generate.prefill(model.model, rows, [len(rows[0].ids) - 1], model._see(video))
    text = model.model.config.get_text_config()
    size = 2 * 4 * text.num_hidden_layers * text.num_key_value_heads * (text.hidden_size // text.num_attention_heads)
    assert cache.token_bytes(prefix.cache) == {torch.device("cpu"): size}
    assert batching.held(prefix.cache, 1_000) == batching.TOKENS // 1_000
    # As if the layers lay on two GPUs, of which the second is nearly full.
    gpus = {torch.device("cuda", 0): 1_000.0, torch.device("cuda", 1): 2_000.0}
    free = {0: 10**9, 1: 10**8}
    monkeypatch.setattr(cache, "token_bytes", lambda _: gpus)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[device.index], 0))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 2 * 10**7)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 10**7)
    assert batching.held(prefix.cache, 500) == int(0.5 * 1.1e8 / (2_000 * 500))


def test_rows_of_caches_of_different_lengths_are_joined(load: Load, make_frames: Make, questions: list[Question]) -> None:
    model, parts = load("qwen2_5_vl"), []
    for count in (4, 8):
        rows, video = model.inputs.build(make_frames("qwen2_5_vl", count), questions[0].protocol.prompt, ["When?"], "cpu")
        parts.append(generate.prefill(model.model, rows, [len(rows[0].ids) - 1], model._see(video)))
    short, long = (part.lengths[0] for part in parts)
    joint = generate._continued(parts, [1, 0, 1])
    assert joint.lengths == (long, short, long)
    assert joint.mask.sum(1).tolist() == [long, short, long] and joint.mask[1, : long - short].sum() == 0
    for layer, a, b in zip(joint.cache.layers, parts[0].cache.layers, parts[1].cache.layers, strict=True):
        for name in ("keys", "values"):
            states = getattr(layer, name)
            assert torch.equal(states[1, :, long - short :], getattr(a, name)[0])
            assert torch.equal(states[0], getattr(b, name)[0]) and torch.equal(states[2], states[0])
            assert not states[1, :, : long - short].any()


def test_what_a_run_is_known_by_is_as_before(load: Load, checkpoints: dict[str, Path]) -> None:
    """A run that an earlier version began under the defaults goes on."""
    assert load("qwen2_5_vl").describe()["batch_size"] == Options().batch_size == 8
    old: dict[str, Any] = {
        "device": "auto",
        "dtype": "auto",
        "attn": "sdpa",
        "batch_size": 8,
        "share": True,
        "trust_remote_code": False,
        "seed": 0,
        "base_url": None,
        "timeout_s": 600.0,
        "model_args": "",
        "reply_key": None,
    }
    assert old.items() <= asdict(Options()).items()
    digest = hashlib.sha256(json.dumps(["m", "hf", old], sort_keys=True).encode()).hexdigest()
    assert Typed("m", "hf", Options()).sha256 == digest
    others = [Options(batch_size="auto"), Options(device_map="auto"), Options(batch_size=4)]
    assert len({digest, *(Typed("m", "hf", options).sha256 for options in others)}) == 4


def test_device_map_reaches_the_loader_and_changes_no_reply(
    checkpoints: dict[str, Path],
    make_protocol: Callable[..., Protocol],
    ask: Ask,
    videos: Callable[..., list[Asked]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind: Any = transformers.AutoModelForImageTextToText
    original, told = kind.from_pretrained, list[Any]()
    monkeypatch.setattr(kind, "from_pretrained", lambda *a, **k: told.append(k.get("device_map")) or original(*a, **k))
    asked, found = videos("qwen2_5_vl", ask()), []
    for options in (Options(device="cpu"), Options(device_map="auto")):
        model = hf.load(str(checkpoints["qwen2_5_vl"]), make_protocol(), options)
        found.append(together(model, asked) if str(model.model.device) == "cpu" else None)
    assert told == [None, "auto"]
    assert found[1] in (None, found[0])


def test_device_map_is_for_one_process_without_a_device(
    checkpoints: dict[str, Path], make_protocol: Callable[..., Protocol], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(checkpoints["qwen2_5_vl"])
    with pytest.raises(InputError, match="not both"):
        hf.load(name, make_protocol(), Options(device="cpu", device_map="auto"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(InputError, match="one process"):
        hf.load(name, make_protocol(), Options(device_map="auto"))


@pytest.mark.parametrize(
    ("places", "fits"), [({"": 0}, True), ({"a": 0, "b": 1}, True), ({"a": 0, "b": "cpu"}, False), ({"a": "disk"}, False)]
)
def test_layers_beside_the_gpus_are_refused(places: dict[str, Any], fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model, options = SimpleNamespace(hf_device_map=places), Options(device_map="auto")
    if fits:
        assert spread.settle(model, torch.device("cuda"), options) is model
    else:
        with pytest.raises(InputError, match="room for the whole model"):
            spread.settle(model, torch.device("cuda"), options)


@pytest.mark.parametrize(("device_map", "gpus"), [(None, [1]), ("auto", [0, 1])])
def test_a_gpu_that_is_too_small_is_refused_before_anything_loads(
    device_map: Any, gpus: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    free, options = {0: 10 * 2**30, 1: 6 * 2**30}, Options(device_map=device_map)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda gpu: (free[gpu], 0))
    room = sum(free[gpu] for gpu in gpus)
    device = torch.device("cuda", 1)
    spread.check_room([(room // 4, 2)], torch.bfloat16, device, options)
    spread.check_room([(2**60,)], torch.bfloat16, torch.device("cpu"), options)
    with pytest.raises(InputError) as refused:
        spread.check_room([(room // 4, 2)], torch.float32, device, options)
    expected, found, step = str(refused.value).splitlines()
    assert f"{2 * room / 2**30:.1f} GiB" in expected and f"{room / 2**30:.1f} GiB free on {len(gpus)} GPU" in found
    assert ("--device-map auto" in step) == (device_map is None)


def test_a_run_in_batches_scores_as_one_by_one_and_passes_over_a_broken_video(tmp_path: Path) -> None:
    """From video files to scores, through the command line."""
    tiny.build(tmp_path / "model", "qwen3_vl")
    make(tmp_path / "data", 0, {"train": 1, "dev": 1, "test": 5})
    (tmp_path / "data" / "synthetic" / "videos" / "test-0002.mp4").write_bytes(b"no video")
    common = ["run", "--model", tmp_path / "model", "--tasks", "synthetic", "--data-root", tmp_path / "data", "--device", "cpu"]
    records = {}
    for size in ("1", "auto"):
        folder = tmp_path / size
        main([str(part) for part in [*common, "--batch-size", size, "--output", folder]])
        lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
        records[size] = {line["id"]: {**line, "seconds": 0} for line in lines}
        assert json.loads((folder / "run.json").read_text())["spec"]["model"]["batch_size"] == (1 if size == "1" else "auto")
    assert records["1"] == records["auto"]
    assert {"video-unreadable"} == {line["error"]["type"] for line in records["auto"].values() if line["error"]}
    assert (tmp_path / "1" / "scores.json").read_bytes() == (tmp_path / "auto" / "scores.json").read_bytes()


def test_a_server_wants_a_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "data", 0, {"train": 1, "dev": 1, "test": 1})
    common = ["run", "--model", "m", "--tasks", "synthetic", "--data-root", str(tmp_path / "data"), "--backend", "openai"]
    assert main([*common, "--batch-size", "auto", "--output", str(tmp_path / "run")]) == 2
    assert "a number for --batch-size" in capsys.readouterr().err
