"""`--backend vllm` against the hf backend, on tiny models in float32. Runs where vLLM is installed: `make vllm`."""

import dataclasses
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonschema import Draft202012Validator
from safetensors.torch import load_file, save_file

from harness import store
from harness.cli import main
from harness.models import clock, hf, tiny, vllm_engine, vllm_inputs
from harness.models.base import Asked, Reply
from harness.models.options import Options
from harness.synthetic.make import make
from tasks.errors import Failure, InputError

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed: it brings a torch of its own"),
]
FAMILIES = ("qwen2_5_vl", "qwen3_vl")
# Heads of 32 values, the smallest that vLLM computes on a CPU.
WIDE = tiny.Size(hidden=128, layers=2, heads=4, kv_heads=2, inner=128, vision_hidden=64, vision_layers=2, std=0.08)
LOUD = 6.0


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A tiny model that would say visual placeholders if it were let: one of two large opposite rows of its last layer wins."""

    def checkpoint(family: str) -> Path:
        folder = tiny.build(tmp_path_factory.mktemp("wide") / family, family, size=WIDE)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
        head = weights["lm_head.weight"]
        head[config["video_token_id"]] *= LOUD
        head[config["image_token_id"]] = -head[config["video_token_id"]]
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        return folder

    return checkpoint


@pytest.fixture(scope="module", params=FAMILIES)
def both(
    request: pytest.FixtureRequest, checkpoint: Any, make_protocol: Any
) -> Iterator[tuple[vllm_engine.VllmModel, hf.HfModel]]:
    """A checkpoint in both backends."""
    from harness.models import vllm_start

    folder, options = str(checkpoint(request.param)), Options(device="cpu", dtype="float32")
    engine = vllm_start.load(folder, make_protocol(), dataclasses.replace(options, max_model_len=2048))
    yield engine, hf.load(folder, make_protocol(), options)
    engine.close()


Both = tuple[vllm_engine.VllmModel, hf.HfModel]
RULES: tuple[dict[str, Any], ...] = (
    {},
    {"repetition_penalty": 1.3},
    {"prefill": "<answer>", "max_new_tokens": 5},
    {"system": "Answer in seconds.", "order": "text-video"},
)


@pytest.fixture(scope="module")
def videos(make_frames: Any, ask: Any, both: Both) -> list[Asked]:
    """Six videos at irregular times, the questions on each under several protocols."""
    family = both[1].checkpoint.family
    shapes = [(8, 0.5), (12, 0.35), (6, 0.7), (8, 0.95), (4, 1.3), (16, 0.1)]
    asked = [question for changes in RULES for question in ask(**changes)]
    return [Asked(make_frames(family, count, interval, seed=seed), asked) for seed, (count, interval) in enumerate(shapes)]


def streamed(model: Any, videos: list[Asked]) -> list[list[Reply | Failure]]:
    found = dict(model.stream(iter(videos)))
    assert sorted(found) == list(range(len(videos)))
    return [list(found[place]) for place in sorted(found)]


def test_replies_are_those_of_the_hf_backend(both: Both, videos: list[Asked]) -> None:
    """Token for token: a reply counts its tokens, and random tokens are told apart by their text."""
    engine, other = both
    together = streamed(engine, videos)
    assert together == streamed(other, videos)
    assert together == [list(engine.answer(*video)) for video in videos]
    texts = [reply.text for replies in together for reply in replies if isinstance(reply, Reply)]
    assert len(set(texts)) > len(texts) / 4
    assert not any("<|" in text for text in texts)


def test_what_is_suppressed_is_what_the_model_would_say(both: Both, videos: list[Asked]) -> None:
    """Without the rule the same model does say placeholders, so that the equality above proves the rule."""
    _, other = both
    logits = other.look(videos[0].questions[0].protocol, videos[0].frames)
    suppressed = other.rules(videos[0].questions[0].protocol.decoding).suppress
    assert {*logits.argmax(-1).tolist()} & {*suppressed}


def test_a_reply_ends_where_the_checkpoint_says_and_not_where_its_tokenizer_does(
    both: Both, make_frames: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM would add the tokenizer's end of text to those of the generation configuration."""
    engine, other = both
    frames, asked = make_frames(engine.checkpoint.family), ask()
    rules = asked[0].protocol
    rows, video = other.inputs.build(frames, rules.prompt, [asked[0].text], "cpu")
    (output,) = other._generate(rows, other._see(video), other.rules(rules.decoding))
    assert len(output.ids) > 2
    monkeypatch.setattr(engine.engine.input_processor.renderer, "get_eos_token_id", lambda: output.ids[1])
    assert engine.answer(frames, asked) == other.answer(frames, asked)


def test_the_questions_of_a_video_share_its_prefix(both: Both, make_frames: Any, ask: Any) -> None:
    engine, _ = both
    frames = make_frames(engine.checkpoint.family, 128, seed=77)
    before = engine.told()["prefix_cache"]
    engine.answer(frames, ask())
    after = engine.told()["prefix_cache"]
    prompts, cached = (after[key] - before[key] for key in ("prompt_tokens", "cached_tokens"))
    assert cached > prompts / 2
    assert after["hit_rate"] == round(after["cached_tokens"] / after["prompt_tokens"], 4)


def test_random_replies_follow_from_the_seed_alone(both: Both, make_frames: Any, ask: Any) -> None:
    engine, _ = both
    frames, asked = make_frames(engine.checkpoint.family), ask(temperature=1.0, top_p=0.9)
    first = engine.answer(frames, asked)
    others = [Asked(make_frames(engine.checkpoint.family, seed=seed), asked) for seed in (1, 2)]
    assert streamed(engine, [*others, Asked(frames, asked[::-1])])[2][::-1] == list(first)
    assert first != engine.answer(frames, ask())
    options = engine.options
    engine.options = dataclasses.replace(options, seed=1)
    assert engine.answer(frames, asked) != first
    engine.options = options


def test_a_question_that_does_not_fit_is_a_failure_and_the_others_are_answered(both: Both, make_frames: Any, ask: Any) -> None:
    engine, other = both
    frames = make_frames(engine.checkpoint.family)
    long, short = ask(max_new_tokens=2000)[0], ask()[0]
    found = engine.answer(frames, [long, short])
    assert isinstance(found[0], Failure) and found[0].type == "too-long"
    needed = int(found[0].message.split("--max-model-len ")[-1].rstrip(")"))
    assert needed == found[1].prompt_tokens + 2000 > 2048
    assert found[1:] == other.answer(frames, [short])


def test_a_special_token_in_a_question_is_a_failure(both: Both, make_frames: Any, ask: Any, verbatim: Any) -> None:
    engine, _ = both
    question = ask()[0]
    odd = verbatim(question.sample, question.protocol, "when <|video_pad|>?")
    (failure,) = engine.answer(make_frames(engine.checkpoint.family), [odd])
    assert isinstance(failure, Failure) and failure.type == "special-token"


def test_wrong_positions_stop_the_run(both: Both, make_frames: Any, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = both
    rule = vllm_inputs.positions
    monkeypatch.setattr(vllm_inputs, "positions", lambda *given: rule(*given) + 1)
    with pytest.raises(clock.ClockError, match="from vLLM for token 0"):
        engine.answer(make_frames(engine.checkpoint.family), ask())


def test_an_engine_that_does_not_look_is_refused(both: Both, make_protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.models import vllm_start

    engine, _ = both
    plain = vllm_inputs.visual

    def blind(video: Any, *rest: Any) -> vllm_inputs.Visual:
        return plain(dataclasses.replace(video, pixels=torch.zeros_like(video.pixels)), *rest)

    assert vllm_start.look_at(engine, make_protocol()).startswith("probed: log-probabilities of vLLM follow frame 1, ")
    monkeypatch.setattr(vllm_inputs, "visual", blind)
    with pytest.raises(InputError, match="a model that sees the video"):
        vllm_start.look_at(engine, make_protocol())


def test_what_is_left_when_a_run_stops_does_not_stay_in_the_engine(both: Both, videos: list[Asked]) -> None:
    engine, _ = both
    stream = engine.stream(iter(videos))
    next(stream)
    stream.close()
    assert not engine.engine.has_unfinished_requests()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make(root := tmp_path_factory.mktemp("data"), 0, {"train": 1, "test": 4})
    return root


def test_a_run_writes_what_the_hf_backend_writes(
    both: Both, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command on a data set, with the engine that is already there."""
    from harness.models import vllm_start

    engine, _ = both
    monkeypatch.setattr(vllm_start, "load", lambda *_: engine)
    typed = ["run", "--model", str(engine.checkpoint.folder), "--tasks", "synthetic@test", "--data-root", str(data)]
    typed += ["--device", "cpu", "--dtype", "float32"]
    folders = {backend: tmp_path / backend for backend in ("hf", "vllm")}
    for backend, folder in folders.items():
        assert main([*typed, "--backend", backend, "--output", str(folder)]) == 0

    def replies(folder: Path) -> dict[Any, Any]:
        lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
        return {(line["id"], line["mode"]): (line["text"], line["tokens"], line["prompt_sha256"]) for line in lines}

    assert replies(folders["vllm"]) == replies(folders["hf"]) != {}
    document = json.loads((folders["vllm"] / "run.json").read_text(encoding="utf-8"))
    schema = Path(store.__file__).parent / "schemas" / "run.schema.json"
    Draft202012Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(document)
    assert document["spec"]["model"]["sight"].startswith("probed: log-probabilities of vLLM follow frame 1, ")
    assert 0 < document["sessions"][0]["model_rank_0"]["prefix_cache"]["hit_rate"] < 1
    capsys.readouterr()
    assert main([*typed, "--backend", "vllm", "--output", str(folders["vllm"])]) == 0
    assert "finished before; nothing was asked" in capsys.readouterr().out
