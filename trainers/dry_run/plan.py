"""What a training would do and need, said before it starts; nothing is loaded, decoded or written."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from tabulate import tabulate

from harness import environment
from harness.frames import Frames, Job
from harness.models import prompt, template
from harness.models.checkpoint import find
from harness.models.loading import DTYPES, check_processor, refused
from harness.models.options import Options
from harness.video.decode import undecoded
from harness.video.pool import FramePool
from tasks.errors import Failure, InputError
from tasks.sample import Sample
from trainers.dry_run.memory import GIB, STRATEGIES, Load, Memory, Shape, memory
from trainers.examples import curriculum
from trainers.given_answers import GROUND_TRUTH, answers
from trainers.methods.configs import adapters, arguments
from trainers.train import quiet
from trainers.training import Precision, Training, precision, usable

LOOKED_AT = 64
"""Samples whose videos' headers are read, a seeded choice."""

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)
WORLDS = (1, 4, 8)
USABLE = 0.9
"""Share of a GPU's memory that tensors can fill; the rest is context, workspace and fragments."""


STEP = 2.0**-9
"""Relative change below which a bfloat16 number, with 8 bits of precision, always rounds back: half its finest spacing."""


class Lengths(NamedTuple):
    """Tokens of one sample's prompt.

    Attributes:
        visual: Visual tokens.
        prompt: All tokens, visual ones included.
    """

    visual: int
    prompt: int


def forecast(training: Training) -> str:
    """The plan of a training as text; empty on every process of a launch but the first.

    Raises:
        InputError: The training could not start: a bad recipe or checkpoint, no sample with a video, none that can be read.
    """
    launch = environment.launch()
    if launch.rank:
        return ""
    quiet()
    recipe, plan = training.recipe, training.plan
    chosen = usable(replace(training, skip_missing=True))
    checkpoint = find(training.model)
    model, processor = empty_model(training)
    args = arguments(training)
    lengths, unread = prompt_lengths(training, chosen.samples, model.config, processor)
    rows = len(chosen.samples) * len(recipe.epochs)
    turns = turns_of(rows, recipe.prompts_per_device * launch.world, args)
    steps = args.max_steps if args.max_steps > 0 else -(-turns // args.gradient_accumulation_steps)
    load = load_of(training, args, model, processor, lengths, chosen.samples)
    prompts = recipe.prompts_per_device * launch.world * args.gradient_accumulation_steps
    lines = [
        f"{recipe.name} ({recipe.method}) of {checkpoint.family}, {_count(model)} weights ({_count(model, True)} trained), "
        + _named(precision(training)),
        f"{plan.name}: {len(chosen.samples):,} samples, {len({s.video for s in chosen.samples}):,} videos",
        *_left_out(training, chosen.dropped),
        f"epochs: {len(recipe.epochs)} ({', '.join(recipe.epochs)}), {rows:,} prompts",
        f"steps: {steps:,} of {prompts:,} prompts ({recipe.prompts_per_device} a process x {launch.world} "
        f"process{'es' if launch.world > 1 else ''} x {args.gradient_accumulation_steps} accumulated)",
        *(
            [f"        --set max_steps={args.max_steps} decides; the whole plan has {turns:,} turns"]
            if args.max_steps > 0
            else []
        ),
        f"visual tokens of a sample: {_quantiles([found.visual for found in lengths])}",
        f"prompt tokens of a sample: {_quantiles([found.prompt for found in lengths])}",
        f"        from the video headers of {len(lengths):,} samples{f'; {unread} could not be read' if unread else ''}",
    ]
    if load.generated:
        most = prompts * load.generated * load.reply_tokens
        lines.append(
            f"generated in a step: {prompts * load.generated:,} replies of at most {load.reply_tokens:,} tokens, {most:,} in all"
        )
    lines += _cut_off(training, args, processor, chosen.samples)
    lines.append(f"packed row of the loss: up to {load.row_tokens:,} tokens")
    worlds = (launch.world,) if launch.world > 1 else WORLDS
    shape = shape_of(model, recipe.freeze_vision)
    lines += ["", "memory of one process at the longest sample seen, GiB (an estimate: trainers/memory.py has the formulas)"]
    lines += [_table(shape, load, worlds), *_verdict(shape, load, launch.world)]
    if model.dtype == torch.bfloat16 and recipe.lora is None:
        lines.append(
            f"plain keeps no float32 copy: with steps of about {args.learning_rate:g}, a weight above "
            f"{args.learning_rate / STEP:.1g} rounds back to what it was; ZeRO, or --dtype mixed, does not"
        )
    return "\n".join(lines) + "\n"


def empty_model(training: Training) -> tuple[Any, Any]:
    """The model on the meta device, adapters included, and the processor."""
    checkpoint = find(training.model)
    models: Any = transformers.AutoModelForImageTextToText
    with refused(checkpoint, Options(attn=training.attn)):
        config = transformers.AutoConfig.from_pretrained(checkpoint.folder)
        with torch.device("meta"):
            model = models.from_config(config, dtype=DTYPES[precision(training).weights])
        processor = transformers.AutoProcessor.from_pretrained(checkpoint.folder)
        check_processor(model, processor, checkpoint)
        template.check(processor, training.plan.protocol.prompt)
    if training.recipe.freeze_vision:
        model.model.visual.requires_grad_(False)
    if (settings := adapters(training.recipe)) is not None:
        from peft import get_peft_model

        get_peft_model(model, settings)
    return model, processor


def turns_of(rows: int, prompts: int, args: Any) -> int:
    """Micro-steps of the whole plan, as TRL's sampler and transformers' loader make them.

    Args:
        rows: Prompts of all epochs.
        prompts: Prompts of one micro-step over all processes.
        args: TRL's configuration. Where replies are generated for several micro-steps, a rest that does not fill them is left.
    """
    if (together := getattr(args, "steps_per_generation", None)) is None:
        return -(-rows // prompts)
    return int(rows // (prompts * together) * together * args.num_iterations)


def prompt_lengths(training: Training, samples: Sequence[Sample], config: Any, processor: Any) -> tuple[list[Lengths], int]:
    """Prompt lengths, in the longest of their modes, of a seeded choice of samples, and of how many the video cannot be read.

    Raises:
        InputError: None could be read.
    """
    plan, vision = training.plan, config.vision_config
    factor = vision.patch_size * vision.spatial_merge_size
    chosen = {sample.id: sample for sample in Random(training.seed).sample(samples, min(LOOKED_AT, len(samples)))}
    with FramePool(plan.protocol.video, factor, workers=2, deadline_s=training.deadline_s, prefetch=16, read=undecoded) as pool:
        jobs = (Job(sample.id, plan.videos[sample.video], sample.clip) for sample in chosen.values())
        outcomes = [(chosen[str(job.key)], outcome) for job, outcome in pool.frames(jobs)]
    modes = list(dict.fromkeys(training.recipe.epochs))
    found = []
    for sample, outcome in outcomes:
        if isinstance(outcome, Frames):
            texts = [plan.protocol.question(sample, mode) for mode in modes]
            rendered = [prompt.render(processor, plan.protocol.prompt, text) for text in texts]
            found.append(max(tokens_of(processor, config, outcome, *parts) for parts in rendered))
    failures = [outcome for _, outcome in outcomes if isinstance(outcome, Failure)]
    if not found:
        raise InputError("videos that can be read", failures[0].message, f"harness data check {plan.name}")
    return found, len(failures)


def tokens_of(processor: Any, config: Any, frames: Frames, before: str, after: str) -> Lengths:
    """Tokens of a prompt, without the pixels.

    Args:
        processor: Of the checkpoint.
        config: Of the checkpoint; Qwen3-VL writes the mean time of every temporal patch before its visual block.
        frames: Times and size, pixels of any depth.
        before: Text of the prompt before the video.
        after: Text of the prompt after it.
    """
    vision = config.vision_config
    count, height, width = frames.pixels.shape[:3]
    patches = count // vision.temporal_patch_size
    visual = patches * (height // vision.patch_size) * (width // vision.patch_size) // vision.spatial_merge_size**2
    blocks = [prompt.SLOT]
    if config.model_type.startswith("qwen3_vl"):
        times_s = frames.time_s.reshape(patches, -1).mean(axis=1)
        blocks = [f"<{time:.1f} seconds>{prompt.SLOT}" for time in times_s]
    ids = processor.tokenizer(before + "".join(blocks) + after, add_special_tokens=False)["input_ids"]
    return Lengths(visual, len(ids) - len(blocks) + visual)


def load_of(
    training: Training, args: Any, model: Any, processor: Any, lengths: Sequence[Lengths], samples: Sequence[Sample]
) -> Load:
    """The largest micro-batch of one process, as far as the samples looked at tell."""
    recipe, protocol = training.recipe, training.plan.protocol
    longest = max(lengths, key=lambda found: found.prompt)
    if recipe.method == "sft":
        assert recipe.answers is not None
        given = answers(recipe.answers, protocol, list(samples), recipe.epochs)
        texts = [given(row) for row in curriculum(samples[:LOOKED_AT], recipe.epochs, protocol, training.seed)]
        reply, replies, generated = max(len(processor.tokenizer(text)["input_ids"]) for text in texts) + 1, 1, 0
    else:
        reply, replies = args.max_completion_length, recipe.group_size
        generated = recipe.group_size - (recipe.answers is not None)
    return Load(
        prompts=recipe.prompts_per_device,
        prompt_tokens=longest.prompt,
        visual_tokens=longest.visual,
        reply_tokens=reply,
        replies=replies,
        generated=generated,
        dtype_bytes=2 if precision(training).bf16 else model.dtype.itemsize,
        kept_bytes=model.dtype.itemsize,
        checkpointing=bool(args.gradient_checkpointing),
        reference=bool(getattr(args, "beta", 0)) and recipe.lora is None,
    )


def shape_of(model: Any, frozen_vision: bool = False) -> Shape:
    """The shape of a model, which may lie on the meta device."""
    config = model.config
    text, vision = config.get_text_config(), config.vision_config
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    third = config.model_type != "qwen2_vl"
    experts = getattr(text, "num_experts_per_tok", None)
    return Shape(
        weights=_weights(model),
        trained=_weights(model, trained=True),
        width=text.hidden_size,
        inner=experts * text.moe_intermediate_size if experts else text.intermediate_size,
        layers=text.num_hidden_layers,
        key_value=2 * text.num_key_value_heads * head,
        vision_width=vision.hidden_size if third else vision.embed_dim,
        vision_inner=vision.intermediate_size if third else int(vision.embed_dim * vision.mlp_ratio),
        vision_layers=vision.depth,
        merged=vision.spatial_merge_size**2,
        frozen_vision=frozen_vision,
    )


def _cut_off(training: Training, args: Any, processor: Any, samples: list[Sample]) -> list[str]:
    """Limits on the length of a reply that true answers do not fit, in training and in evaluation under the same protocol."""
    recipe, protocol = training.recipe, training.plan.protocol
    given = answers(recipe.answers or GROUND_TRUTH, protocol, samples, recipe.epochs)
    texts = [given(row) for row in curriculum(samples, tuple(dict.fromkeys(recipe.epochs)), protocol, training.seed)]
    lengths = [len(ids) + 1 for ids in processor.tokenizer(texts, add_special_tokens=False)["input_ids"]]  # 1: its end
    limits = {f"decoding.max_new_tokens of protocol {protocol.name}": protocol.decoding.max_new_tokens}
    if recipe.method != "sft":
        limits = {f"max_completion_length (--set max_completion_length={max(lengths)})": args.max_completion_length, **limits}
    return [
        f"WARNING: {over:,} of {len(lengths):,} true answers do not fit the {limit:,} tokens of {name}: "
        f"the longest has {max(lengths):,} with its end"
        for name, limit in limits.items()
        if (over := sum(length > limit for length in lengths))
    ]


def _weights(model: Any, trained: bool = False) -> int:
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad or not trained)


def _count(model: Any, trained: bool = False) -> str:
    number = _weights(model, trained)
    return f"{number / 1e9:.2f} B" if number >= 1e9 else f"{number / 1e6:.2f} M"


def _named(found: Precision) -> str:
    return found.weights if found.weights == "bfloat16" or not found.bf16 else f"{found.weights}, computed with in bfloat16"


def _left_out(training: Training, dropped: dict[str, list[str]]) -> list[str]:
    """Why samples are not trained on; a missing video stops the training unless it is told to go on."""
    lines = [f"        left out: {len(ids):,} x {reason}, e.g. {ids[0]}" for reason, ids in dropped.items() if ids]
    if dropped["missing video"] and not training.skip_missing:
        lines.append(f"        it stops for {len(training.plan.missing()):,} missing videos, unless --skip-missing is given")
    return lines


def _quantiles(values: Sequence[int]) -> str:
    names = ("smallest", "25 %", "median", "75 %", "95 %", "largest")
    found = np.quantile(values, QUANTILES, method="higher").tolist()
    return ", ".join(f"{name} {value:,.0f}" for name, value in zip(names, found, strict=True))


def _table(shape: Shape, load: Load, worlds: Sequence[int]) -> str:
    columns = ("weights", "reference", "gradients", "optimizer", "activations", "generation", "peak", "host")
    table = []
    for strategy in STRATEGIES:
        for world in worlds:
            if world == 1 and strategy in ("zero2", "zero3"):
                continue
            found = memory(shape, load, strategy, world)
            table.append([strategy, world, *(f"{getattr(found, column) / GIB:.2f}" for column in columns)])
    return str(tabulate(table, headers=["", "GPUs", *columns], disable_numparse=True, stralign="right"))


def _verdict(shape: Shape, load: Load, world: int) -> list[str]:
    """Which strategies fit the GPUs that are here."""
    if not torch.cuda.is_available():
        return ["no GPU here: compare the peak with the memory of yours, about a tenth of which tensors cannot use"]
    here = max(world, torch.cuda.device_count())
    properties = torch.cuda.get_device_properties(0)
    room = properties.total_memory
    kinds = [strategy for strategy in STRATEGIES if here > 1 or strategy in ("plain", "zero3-offload")]
    fits = {strategy: memory(shape, load, strategy, here) for strategy in kinds}
    lines = [f"{here} x {properties.name}, {room / GIB:.0f} GiB each:"]
    lines += [f"  {strategy}: {_fit(found, room)}" for strategy, found in fits.items()]
    return lines


def _fit(found: Memory, room: int) -> str:
    return "fits" if found.peak <= USABLE * room else f"does not fit ({found.peak / GIB:.0f} GiB)"
