"""Models that were made blind, one way each, are refused when they are loaded; those that see are not."""

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from jsonschema import Draft202012Validator

from harness.cli import main
from harness.frames import Frames
from harness.models import cache as caches
from harness.models import generate, hf, prompt, sight, tiny, torchvision_fix
from harness.models.inputs import Inputs
from harness.models.options import Options
from harness.synthetic.make import make
from tasks import protocol
from tasks.errors import InputError

FAMILIES = tiny.FAMILIES
CLASSES = {
    "qwen2_vl": transformers.Qwen2VLForConditionalGeneration,
    "qwen2_5_vl": transformers.Qwen2_5_VLForConditionalGeneration,
    "qwen3_vl": transformers.Qwen3VLForConditionalGeneration,
    "qwen3_vl_moe": transformers.Qwen3VLMoeForConditionalGeneration,
}
Patch = pytest.MonkeyPatch
Blind = Callable[[Patch, str], None]


def swallowed(patch: Patch, family: str) -> None:
    """The forward of a transformers before 5.18: any keyword is taken, that of the features is not read."""
    seeing = CLASSES[family].forward

    def forward(self: Any, input_ids: Any = None, past_key_values: Any = None, **kwargs: Any) -> Any:
        kwargs.pop("mm_encoder_outputs", None)
        return seeing(self, input_ids=input_ids, **{name_of_cache: past_key_values}, **kwargs)

    name_of_cache = caches.keyword(seeing)
    patch.setattr(CLASSES[family], "forward", forward)


def reads(change: Callable[[Frames], Frames]) -> Blind:
    """The frames are changed on their way to the processor."""

    def blind(patch: Patch, family: str) -> None:
        encode = prompt.encode
        patch.setattr(
            prompt, "encode", lambda processor, family, frames, device: encode(processor, family, change(frames), device)
        )

    return blind


def pixels(change: Callable[[Any], Any]) -> Callable[[Frames], Frames]:
    return lambda frames: replace(frames, pixels=np.ascontiguousarray(change(frames.pixels)))


def features(change: Callable[[tuple[torch.Tensor, ...]], Any]) -> Blind:
    """The features of the vision tower are changed on their way to the language model."""

    def blind(patch: Patch, family: str) -> None:
        see = hf.HfModel._see

        def changed(self: Any, video: Any) -> Any:
            seen = see(self, video)
            seen.pooler_output = change(seen.pooler_output)
            return seen

        patch.setattr(hf.HfModel, "_see", changed)

    return blind


def remembered(patch: Patch, family: str) -> None:
    """Features kept under a key that does not tell videos apart."""
    see, kept = hf.HfModel._see, {}
    patch.setattr(hf.HfModel, "_see", lambda self, video: kept.setdefault(video.grid.tolist()[0][0], see(self, video)))


def remembered_by_the_first_frame(patch: Patch, family: str) -> None:
    encode, kept = prompt.encode, {}

    def cached(processor: Any, family: str, frames: Frames, device: str) -> Any:
        return kept.setdefault(frames.pixels[0].tobytes(), encode(processor, family, frames, device))

    patch.setattr(prompt, "encode", cached)


def masked(patch: Patch, family: str) -> None:
    """What continues a shared prefix does not see it."""
    forward = generate._forward

    def hidden(model: Any, ids: Any, positions: Any, mask: Any, cache: Any, extra: Any) -> Any:
        if mask is not None and mask.shape[1] > ids.shape[1]:
            mask = mask.clone()
            mask[:, : -ids.shape[1]] = 0
        return forward(model, ids, positions, mask, cache, extra)

    patch.setattr(generate, "_forward", hidden)


def second_row(patch: Patch, family: str) -> None:
    """Only the first question of a batch sees the video."""
    forward = generate._forward

    def hidden(model: Any, ids: Any, positions: Any, mask: Any, cache: Any, extra: Any) -> Any:
        if len(ids) > 1:
            mask = mask.clone()
            mask[1, : -ids.shape[1]] = 0
        return forward(model, ids, positions, mask, cache, extra)

    patch.setattr(generate, "_forward", hidden)


ALL = "frame 1, frame 2, frame 3, frame 4, the order of the frames"
BLIND: dict[str, tuple[Blind, str]] = {
    "swallowed": (swallowed, f"whatever {ALL}, the vision tower"),
    "black": (reads(pixels(np.zeros_like)), f"whatever {ALL} shows"),
    "only the first frame": (reads(pixels(lambda p: p[:1].repeat(len(p), 0))), "whatever frame 2, frame 3, frame 4 shows"),
    "all but the last frame": (reads(pixels(lambda p: p[[*range(len(p) - 1), -2]])), "whatever frame 4 shows"),
    "every second frame": (reads(pixels(lambda p: p[::2].repeat(2, 0))), "whatever frame 2, frame 4 shows"),
    "sorted frames": (reads(pixels(lambda p: p[np.argsort(p[:, 0, 0, 0])])), "whatever the order of the frames shows"),
    "features of zeros": (features(lambda f: tuple(map(torch.zeros_like, f))), f"whatever {ALL}, the vision tower shows"),
    "one constant feature": (features(lambda f: tuple(map(torch.ones_like, f))), f"whatever {ALL}, the vision tower shows"),
    "features of another video": (remembered, f"whatever {ALL}, the vision tower"),
    "features by the first frame": (remembered_by_the_first_frame, "whatever frame 2, frame 3, frame 4 shows"),
    "a mask over the prefix": (masked, f"whatever {ALL}, the vision tower"),
    "a mask over one row": (second_row, f"whatever {ALL}, the vision tower"),
}  # fmt: skip


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl"])
@pytest.mark.parametrize("kind", BLIND)
def test_a_blind_model_is_refused(kind: str, family: str, load: Callable[..., hf.HfModel], monkeypatch: Patch) -> None:
    blind, words = BLIND[kind]
    blind(monkeypatch, family)
    with pytest.raises(InputError) as refused:
        load(family)
    assert words in refused.value.found and transformers.__version__ in refused.value.found
    assert torchvision_fix.TRANSFORMERS in refused.value.next_command


@pytest.mark.parametrize("family", ["qwen3_vl", "qwen3_vl_moe"])
@pytest.mark.parametrize(
    "kind", ["swallowed", "black", "all but the last frame", "features of another video", "a mask over one row"]
)
def test_a_blind_model_with_deepstack_is_refused(
    kind: str, family: str, load: Callable[..., hf.HfModel], monkeypatch: Patch
) -> None:
    blind, words = BLIND[kind]
    blind(monkeypatch, family)
    with pytest.raises(InputError) as refused:
        load(family)
    assert words in refused.value.found
    assert ("its deepstack features 1" in refused.value.found) == (kind not in ("black", "all but the last frame"))


@pytest.mark.parametrize("family", ["qwen3_vl", "qwen3_vl_moe"])
def test_dropped_deepstack_features_are_refused(family: str, load: Callable[..., hf.HfModel], monkeypatch: Patch) -> None:
    see = hf.HfModel._see

    def dropped(self: Any, video: Any) -> Any:
        seen = see(self, video)
        seen.deepstack_features = [tuple(map(torch.zeros_like, level)) for level in seen.deepstack_features]
        return seen

    monkeypatch.setattr(hf.HfModel, "_see", dropped)
    with pytest.raises(InputError, match="whatever its deepstack features 1 shows"):
        load(family)


def test_numbers_that_are_none_are_refused(load: Callable[..., hf.HfModel], monkeypatch: Patch) -> None:
    features(lambda f: tuple(part * torch.inf for part in f))(monkeypatch, "qwen2_5_vl")
    with pytest.raises(InputError, match="finite numbers"):
        load("qwen2_5_vl")


def test_a_model_that_cannot_compute_is_refused(load: Callable[..., hf.HfModel], monkeypatch: Patch) -> None:
    features(lambda f: tuple(part[:-1] for part in f))(monkeypatch, "qwen2_5_vl")
    with pytest.raises(InputError, match="computes logits about a probe clip"):
        load("qwen2_5_vl")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "options",
    [
        Options(device="cpu", dtype="float32"),
        Options(device="cpu", dtype="bfloat16", attn="eager", share=False),
        Options(device="cpu", dtype="float16", batch_size=1),
    ],
    ids=lambda options: options.dtype,
)
def test_a_model_that_sees_passes(family: str, options: Options, checkpoints: dict[str, Path]) -> None:
    model = hf.load(str(checkpoints[family]), protocol.load("default"), options)
    deep = "" if family.startswith("qwen2") else ", its deepstack features 1"
    assert model.describe()["sight"] == f"probed: logits follow {ALL}, the vision tower{deep}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_sees_a_video_behind_the_text(
    family: str, checkpoints: dict[str, Path], make_protocol: Callable[..., protocol.Protocol]
) -> None:
    rules = make_protocol(order="text-video", system="Be brief.", prefill="<answer>")
    assert hf.load(str(checkpoints[family]), rules, Options(device="cpu")).sight.startswith("probed")


@pytest.mark.parametrize("scale", [1e-3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_noise_of_kernels_is_not_taken_for_sight(scale: float, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    logits, moved = torch.randn(2, 500, generator=random), torch.randn(2, 500, generator=random)

    def noisy(change: float = 0.0) -> torch.Tensor:
        return logits + change * moved + scale * 1e-2 * torch.randn(2, 500, generator=random)

    with pytest.raises(InputError, match="whatever the clip shows"):
        sight.check("logits", noisy, {"the clip": noisy})
    assert sight.check("logits", noisy, {"the clip": lambda: noisy(scale)}).startswith("probed")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_cache_has_the_name_that_the_class_gives_it(family: str) -> None:
    assert caches.keyword(CLASSES[family].forward) in inspect.signature(CLASSES[family].forward).parameters

    class Newer:
        def forward(self, cache: Any = None) -> None: ...

    class Older:
        def forward(self, past_key_values: Any = None, **kwargs: Any) -> None: ...

    assert [caches.keyword(kind.forward) for kind in (Newer, Older)] == ["cache", "past_key_values"]


@pytest.mark.filterwarnings("error::FutureWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_deprecated_is_called(family: str, load: Callable[..., hf.HfModel], make_frames: Any, questions: Any) -> None:
    assert len(load(family).answer(make_frames(family), questions)) == len(questions)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make(root := tmp_path_factory.mktemp("data"), 0, {"train": 1, "test": 1})
    return root


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_a_run_stops_before_the_first_question(
    family: str, checkpoints: dict[str, Path], data: Path, tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["run", "--model", str(checkpoints[family]), "--tasks", "synthetic", "--data-root", str(data), "--device", "cpu"]
    with monkeypatch.context() as patch:
        swallowed(patch, family)
        assert main([*typed, "--output", str(tmp_path / "blind")]) == 2
    shown = capsys.readouterr().err
    assert "expected: a model that sees the video" in shown and "next:     pip install 'transformers>=" in shown
    assert not any((tmp_path / "blind").glob("*.json*"))
    assert main([*typed, "--output", str(tmp_path / "seeing")]) == 0
    document = json.loads((tmp_path / "seeing" / "run.json").read_text(encoding="utf-8"))
    assert document["spec"]["model"]["sight"].startswith(f"probed: logits follow {ALL}")
    schema = Path(torchvision_fix.__file__).parents[1] / "schemas" / "run.schema.json"
    Draft202012Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(document)


def test_the_clip_is_one_that_every_family_takes(load: Callable[..., hf.HfModel]) -> None:
    for family in FAMILIES:
        model = load(family)
        inputs: Inputs = model.inputs
        clip, rules = sight.clip(inputs.pixel_factor, inputs.patch), protocol.load("default").prompt
        rows, video = inputs.build(clip, rules, sight.TEXTS, "cpu")
        assert video.grid.tolist()[0][0] == sight.PATCHES and len(rows[0].ids) != len(rows[1].ids)
