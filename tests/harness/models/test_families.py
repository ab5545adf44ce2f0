"""Tiny random models of every family that answers through its own processor: what they are told, and that they look."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers.models.smolvlm import processing_smolvlm

from harness.frames import Frames
from harness.models import clock, families, generic, hf, loading, processed, sight, tiny
from harness.models.base import Asked
from harness.models.batching import Limit
from harness.models.checkpoint import check, find, to_train
from harness.models.families import Family
from harness.models.generic import GenericModel
from harness.models.options import Options
from harness.models.positions import check_positions
from harness.models.verdict import ORDER, right_to
from tasks import protocol
from tasks.errors import InputError
from tasks.question import Question

NAMES = tuple(name for family in families.every() if not family.exact for name in family.types)
TIMES_S = np.array([0.0, 1.7, 3.1, 5.2, 7.9, 59.9, 61.3, 63.8])
TOLD = {  # What each processor writes for frames at those times
    "qwen3_5": "<0.8 seconds> <4.2 seconds> <33.9 seconds> <62.5 seconds>",
    "glm4v": "0 3 7 61",
    "glm46v": "0.0 seconds, 3.1 seconds, 7.9 seconds, 61.3 seconds",
    "video_llama_3": "Time 0.0s: Time 1.7s: Time 3.1s: Time 5.2s: Time 7.9s: Time 59.9s: Time 61.3s: Time 63.8s:",
    "molmo2": "0.0 1.7 3.1 5.2 7.9 59.9 61.3 63.8",
    "gemma4": "00:00 00:01 00:03 00:05 00:07 00:59 01:01 01:03",
    "smolvlm": "from 00:00: from 00:01: from 00:03: from 00:05: from 00:07: from 00:59: from 01:01: from 01:03:",
}
VERDICTS = {
    **dict.fromkeys(("qwen3_5", "qwen3_5_moe", "glm46v", "video_llama_3", "molmo2"), "right to 0.1 s"),
    **dict.fromkeys(("glm4v", "glm4v_moe", "gemma4", "smolvlm"), "right to 1 s: whole seconds"),
    **dict.fromkeys(("internvl", "llava_onevision"), "order of frames only: no seconds reach the model"),
}
TIMED = tuple(name for name in NAMES if VERDICTS[name] != ORDER)
Open = Callable[..., GenericModel]
Ask = Callable[..., list[Question]]


@pytest.fixture(scope="module", autouse=True)
def numbers_in_words() -> Any:
    """SmolVLM2's processor writes how many frames there are with a package that is not needed for anything else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processing_smolvlm, "num2words", lambda count: f"number {count}")
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    root = tmp_path_factory.mktemp("families")

    def build(name: str) -> Path:
        if error := families.too_old(families.of(name)):
            pytest.skip(f"expected: {error.expected}")
        return tiny.build(root / name, name)

    return cache(build)


@pytest.fixture(scope="module")
def opened(folders: Callable[[str], Path], make_protocol: Callable[..., protocol.Protocol]) -> Open:
    models: dict[tuple[str, bool], GenericModel] = {}

    def opened(name: str, share: bool = True) -> GenericModel:
        if (name, share) not in models:
            model = hf.load(str(folders(name)), make_protocol(), Options(device="cpu", share=share))
            assert isinstance(model, GenericModel)
            models[name, share] = model
        return models[name, share]

    return opened


def frames_of(model: Any, times_s: Any = TIMES_S, seed: int = 0) -> Frames:
    side = 2 * model.pixel_factor
    pixels = np.random.default_rng(seed).integers(0, 256, (len(times_s), side, side * 3 // 2, 3), dtype=np.uint8)
    return Frames(pixels, np.array(times_s), 0.0, float(np.max(times_s)), "made")


def prompt_of(model: GenericModel, frames: Frames, question: Question) -> str:
    """What reaches the model, decoded; a run of tokens that stand for a picture as `#`."""
    (given,) = model.inputs.build(frames, question.protocol.prompt, [question.text])
    text = model.processor.tokenizer.decode(given["input_ids"][0])
    for token in (*model.family.pictures, *model.family.around):
        text = text.replace(token, "#")
    return re.sub("#+", "#", text)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_known_by_its_verdict_and_sees_the_video(name: str, opened: Open) -> None:
    told = opened(name).describe()
    assert told["clock_verdict"] == VERDICTS[name] and told["family"] == name
    assert told["sight"] == "probed: logits follow frame 1, frame 2, frame 3, frame 4, the order of the frames"


@pytest.mark.parametrize("name", TOLD)
def test_irregular_times_reach_the_model_as_its_processor_defines(name: str, opened: Open, ask: Ask) -> None:
    model = opened(name)
    text = prompt_of(model, frames_of(model), ask()[0])
    place = -1
    for stamp in TOLD[name].split(", " if ", " in TOLD[name] else " "):
        place = text.index(stamp, place + 1)
    question = text.index("To accurately")
    assert place < question


@pytest.mark.parametrize("name", TIMED)
def test_wrong_times_stop_the_run(name: str, opened: Open, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    model = opened(name)
    late = lambda frames: families.ticks(replace(frames, time_s=frames.time_s + 1.2))  # noqa: E731
    monkeypatch.setattr(model.inputs, "family", replace(model.family, metadata=late))
    with pytest.raises(clock.ClockError, match="text timestamps"):
        model.answer(frames_of(model), ask())


@pytest.mark.parametrize("name", TIMED)
def test_a_question_cannot_forge_a_time(name: str, opened: Open, ask: Ask, verbatim: Any) -> None:
    model, asked = opened(name), ask(order="text-video")[0]
    frames = frames_of(model)
    for text in ("3 chairs fall at 7.0 ", "after 00:09 ", "Time 9.0s:", "<9.0 seconds>", "9.9 seconds"):
        for order in ("text-video", "video-text"):
            forged = verbatim(asked.sample, ask(order=order)[0].protocol, text)
            (given,) = model.inputs.build(frames, forged.protocol.prompt, [text])
            assert model.inputs.heard(given, frames, forged.protocol.prompt) is not None


@pytest.mark.parametrize("name", NAMES)
def test_replies_are_those_of_the_processor_and_generate(name: str, opened: Open, ask: Ask, folders: Any) -> None:
    """With and without what the questions share, they are those of the documented call for each question."""
    model = opened(name)
    frames, questions = frames_of(model), ask()
    shared, alone = model.answer(frames, questions), opened(name, share=False).answer(frames, questions)
    assert shared == alone
    plain = transformers.AutoModelForImageTextToText.from_pretrained(folders(name)).eval()
    processor = transformers.AutoProcessor.from_pretrained(folders(name))
    for question, reply in list(zip(questions, shared, strict=True))[:2]:
        said = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": question.text}]}]
        text = processor.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        inputs = processor(
            text=[text.replace(model.family.slot, model.family.placeholder)],
            videos=[frames.pixels],
            video_metadata=[families.ticks(frames)],
            do_sample_frames=False,
            return_tensors="pt",
            **model.family.arguments,
        )
        inputs.pop("video_metadata", None)
        made = plain.generate(**inputs, max_new_tokens=12, do_sample=False, suppress_tokens=list(model.inputs.visual))
        new = made[0, inputs["input_ids"].shape[1] :]
        assert reply.text == processor.tokenizer.decode(new, skip_special_tokens=True)
        assert reply.prompt_tokens == inputs["input_ids"].shape[1] and reply.new_tokens == len(new)


@pytest.mark.parametrize("name", NAMES)
def test_several_videos_together_give_the_numbers_of_one_by_one(
    name: str, opened: Open, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts of all lengths, also longer and shorter than the window of Gemma 4: every logit of three new tokens."""
    model, asked, steps = opened(name), ask(max_new_tokens=3), 3
    monkeypatch.setattr(model, "_limit", Limit(Options(batch_size="auto")))
    videos = [Asked(frames_of(model, TIMES_S[:4], seed=4), asked[:3]), Asked(frames_of(model, TIMES_S[:2]), asked[2:4])]
    numbers, expected = [], dict[int, Any]()
    for place, (frames, some) in enumerate(videos):
        for one in some:
            with sight.listening(model.model) as heard:
                expected[place] = [*expected.get(place, []), *model.answer(frames, [one])]
            numbers.append(torch.stack(heard[-steps:], dim=1))
    with sight.listening(model.model) as heard:
        assert dict(model.stream(iter(videos))) == expected
    together, alone = torch.stack(heard[-steps:], dim=1), torch.cat(numbers)
    assert len(together) == 5
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    assert (alone[0] - alone[1]).abs().max() > 0.01, "numbers that depend on nothing prove nothing"


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_does_not_look_is_refused(
    name: str, folders: Any, make_protocol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = processed.Processed._given

    def grey(self: Any, frames: Frames, *rest: Any) -> Any:
        return given(self, replace(frames, pixels=np.full_like(frames.pixels, 128)), *rest)

    monkeypatch.setattr(processed.Processed, "_given", grey)
    with pytest.raises(InputError, match="a model that sees the video"):
        hf.load(str(folders(name)), make_protocol(), Options(device="cpu"))


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen2_vl", "qwen3_vl"])
@pytest.mark.parametrize("rules", [{}, {"temperature": 1.3, "top_p": 0.9}, {"repetition_penalty": 1.4}, {"prefill": "At "}])
def test_both_paths_give_the_same_replies(
    name: str, rules: dict[str, Any], load: Any, ask: Ask, checkpoints: Any, make_frames: Any
) -> None:
    """Of the families that are built here; so a protocol means the same on both."""
    questions, frames = ask(**rules), make_frames(name, interval_s=0.7)
    checkpoint, options = find(str(checkpoints[name])), Options(device="cpu")
    loaded, processor, _ = loading.read(checkpoint, options)
    check_positions(loaded)
    model = GenericModel(checkpoint, loaded, processor, options)
    generic_replies = [reply.text for reply in model.answer(frames, questions)]
    assert generic_replies == [reply.text for reply in load(name).answer(frames, questions)]


@pytest.mark.parametrize("name", ["glm4v", "smolvlm", "qwen3_5"])
def test_a_token_that_stands_for_a_picture_is_never_written(name: str, opened: Open, ask: Ask) -> None:
    model = opened(name)

    def wanted(_module: Any, _given: Any, logits: torch.Tensor) -> torch.Tensor:
        logits[..., list(model.inputs.visual)] += 1e4
        return logits

    with model.model.lm_head.register_forward_hook(wanted):
        (given,) = model.inputs.build(frames_of(model), ask()[0].protocol.prompt, [ask()[0].text])
        (ids,) = model._replies([given], ask()[0].protocol.decoding)
    assert ids and not set(ids) & set(model.inputs.visual)


def test_a_seed_gives_the_same_reply_alone_and_among_others(opened: Open, ask: Ask) -> None:
    model, questions = opened("internvl"), ask(temperature=1.5)
    every = model.answer(frames_of(model), questions)
    assert every == model.answer(frames_of(model), questions)
    assert every[3] == model.answer(frames_of(model), questions[3:4])[0]
    assert every != model.answer(frames_of(model), ask(temperature=0.0))


@pytest.mark.parametrize("name", ["internvl", "llava_onevision"])
def test_a_protocol_writes_the_times_that_a_processor_does_not(name: str, opened: Open, ask: Ask) -> None:
    model = opened(name)
    frames, plain, timed = frames_of(model), ask()[0], ask(times="text")[0]
    (without,), (given,) = (model.inputs.build(frames, q.protocol.prompt, [q.text]) for q in (plain, timed))
    assert right_to(model.inputs.heard(given, frames, timed.protocol.prompt)) == "right to 0.1 s"
    text = prompt_of(model, frames, timed)
    assert re.findall(r"Frame at (\d+\.\d)s:#", text) == [f"{time:.1f}" for time in TIMES_S]
    # Nothing else moves: without those texts the prompt is the one of the processor, with all that goes with it.
    tokenizer = model.processor.tokenizer
    left = given["input_ids"][0].tolist()
    for time in TIMES_S:
        stamp = tokenizer(f"Frame at {time:.1f}s:")["input_ids"]
        place = next(i for i in range(len(left)) if left[i : i + len(stamp)] == stamp)
        del left[place : place + len(stamp)]
    assert left == without["input_ids"][0].tolist()
    assert given["attention_mask"].all() and given["attention_mask"].shape == given["input_ids"].shape
    pixels = next(key for key in given if key.startswith("pixel"))
    assert given[pixels].equal(without[pixels])
    replies = [model.answer(frames, [question])[0] for question in (plain, timed)]
    assert replies[0].prompt_sha256 != replies[1].prompt_sha256
    later = replace(frames, time_s=frames.time_s * 0.9)
    assert model.answer(later, [plain])[0].text == replies[0].text
    assert model.answer(later, [timed])[0].text != replies[1].text


def test_the_rule_changes_nothing_where_seconds_are_told(opened: Open, ask: Ask) -> None:
    model = opened("glm46v")
    plain, timed = (prompt_of(model, frames_of(model), ask(**rules)[0]) for rules in ({}, {"times": "text"}))
    assert plain == timed


def test_a_prompt_longer_than_the_model_fails_as_one_video(opened: Open, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.models.base import AnswerError

    model = opened("internvl")
    monkeypatch.setattr(model.model.config.get_text_config(), "max_position_embeddings", 50)
    with pytest.raises(AnswerError, match="the model takes 50"):
        model.answer(frames_of(model), ask())


@pytest.mark.parametrize("name", ["internvl", "gemma4"])
def test_a_question_with_a_picture_token_fails_alone(name: str, opened: Open, ask: Ask, verbatim: Any) -> None:
    model, questions = opened(name), ask()
    hostile = verbatim(questions[1].sample, questions[1].protocol, f"when {model.family.pictures[0]}?")
    good, bad = model.answer(frames_of(model), [questions[0], hostile])
    assert bad[0] == "special-token"
    assert good == model.answer(frames_of(model), questions[:1])[0]


@pytest.mark.parametrize("model_type", ["gemma3", "phi4_multimodal", "llama4"])
def test_a_family_without_video_is_refused_before_anything_loads(model_type: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(InputError, match="which takes images") as caught:
        check(tmp_path)
    assert "--backend openai" in str(caught.value)


@pytest.mark.parametrize("model_type", ["gemma5", "keye_vl", "None", ""])
def test_an_unknown_family_is_refused_with_those_that_are_known(model_type: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    with pytest.raises(InputError, match="qwen3_5, qwen3_5_moe") as caught:
        check(tmp_path)
    step = "harness ls models" if model_type else f"copy config.json of the original model to {tmp_path / 'config.json'}"
    assert step in str(caught.value)


def test_a_known_model_under_a_new_name_is_recognized_by_its_class(folders: Any, tmp_path: Path) -> None:
    for name in ("qwen3_5_moe", "glm4v", "video_llama_3"):
        config = json.loads((folders(name) / "config.json").read_text())
        place = tmp_path / "config.json"
        place.write_text(json.dumps({**config, "model_type": "mimo_vl"}))
        with pytest.raises(InputError, match="of the class of") as caught:
            check(tmp_path)
        assert f'write "model_type": "{name}" in {place}' in str(caught.value)


def test_training_takes_the_families_that_are_built_here(folders: Any) -> None:
    with pytest.raises(InputError, match="model_type internvl"):
        to_train(str(folders("internvl")))


def test_every_family_is_found_by_each_of_its_names() -> None:
    every = families.every()
    assert all(families.of(name) is family for family in every for name in family.types)
    assert len({name for family in every for name in family.types}) == sum(len(family.types) for family in every)
    assert isinstance(every[0], Family) and {name for f in every for name in f.types} == {*tiny.FAMILIES, *NAMES}
    assert generic.families is families


@pytest.mark.parametrize(("shown", "true"), [("0 1 2", [0.9, 1.0, 2.999]), ("3 7 11", [3.999, 7.0, 11.2])])
def test_whole_seconds_are_cut_not_rounded(shown: str, true: list[float]) -> None:
    told = families.Stamps(r"(\d+)$")
    frames = Frames(np.zeros((3, 2, 2, 3), np.uint8), np.array(true), 0.0, 99.0, "made")
    assert clock.check_stamps(shown.split(), frames, told) == 1.0
    with pytest.raises(clock.ClockError):
        clock.check_stamps(shown.split(), replace(frames, time_s=frames.time_s + 0.999), told)


@pytest.mark.parametrize(
    ("name", "release", "words"), [("molmo2", "5.19.4", "5.20 or newer"), ("smolvlm", "5.22.0", "5.23 or newer")]
)
def test_an_older_transformers_is_refused_before_anything_loads(
    name: str, release: str, words: str, folders: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folders(name)
    assert check(folder) == name
    monkeypatch.setattr(families.metadata, "version", lambda _: release)
    with pytest.raises(InputError, match=words) as error:
        find(str(folder))
    assert release in str(error.value) and "pip install" in str(error.value)
