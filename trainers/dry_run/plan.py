"""What a training would do and need, said before it starts; nothing is loaded, decoded or written."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers

from harness import environment
from harness.frames import Frames, Job
from harness.models import attention, families, prompt, tags, template
from harness.models.checkpoint import to_train
from harness.models.loading import DTYPES, check_processor, refused
from harness.models.options import Options
from harness.video.decode import undecoded
from harness.video.pool import FramePool
from tasks.errors import Failure, InputError, quoted
from tasks.protocol import Protocol
from tasks.words import counted
from trainers.check import check
from trainers.curriculum import curriculum
from trainers.dry_run.memory import Load, shape_of, table
from trainers.examples import columns
from trainers.given_answers import GROUND_TRUTH, given_answers
from trainers.methods import packed
from trainers.methods.callbacks import trackers
from trainers.methods.configs import adapters, arguments
from trainers.mix import Part, Share
from trainers.recipe import Recipe
from trainers.train import quiet
from trainers.training import Precision, Training, precision, usable

LOOKED_AT = 64  # Samples whose videos' headers are read, a seeded choice
QUANTILES = {"smallest": 0.0, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "largest": 1.0}
HELD = (
    "compared with one H200 (docs/gpu.md): the estimate is 3 to 4 % above the peak of GRPO at 3B and 7B "
    "(bfloat16, 32 tokens a reply); sharding, mixed precision, adapters, four bits and long replies were not measured on a GPU"
)
STEP = 2.0**-9
"""Relative change below which a bfloat16 number, with 8 bits of precision, always rounds back: half its finest spacing."""


class Lengths(NamedTuple):
    """Tokens of one sample's prompt."""

    visual: int  # Visual tokens
    prompt: int  # All tokens, visual ones included


class Seen(NamedTuple):
    """What was seen of the samples of one split."""

    prompts: list[Lengths]  # Of those whose video was looked at
    unread: int  # How many videos could not be read
    answers: list[int]  # Tokens of the answers of all


def forecast(training: Training) -> str:
    """The plan of a training as text; empty on every process of a launch but the first.

    Raises:
        InputError: The training could not start: a bad recipe or checkpoint, no sample with a video, none that can be read.
    """
    launch = environment.launch()
    if launch.rank:
        return ""
    quiet()
    recipe = training.recipe
    shares, dropped = usable(replace(training, skip_missing=True))
    checkpoint = to_train(training.model)
    trackers(recipe.trainer.get("report_to"))
    check(training, alone=True)
    args = arguments(training, alone=True)
    model, processor = empty_model(training)
    rows = len(curriculum(shares, recipe.epochs, training.seed))
    found = [seen_of(training, share, model.config, processor) for share in shares]
    lengths, answers = [one for seen in found for one in seen.prompts], [one for seen in found for one in seen.answers]
    load = load_of(training, args, model, lengths, max(answers))
    shape = shape_of(model, recipe.freeze_vision, training.load_in_4bit)
    counted = f"{_count(shape.weights)} weights ({_count(shape.trained)} trained)"
    lines = [
        f"{recipe.name} ({recipe.method}) of {checkpoint.family}, {counted}, {_named(precision(training))}",
        *(_share(share, part.plan.protocol) for share, part in zip(shares, training.parts, strict=True)),
        *_left_out(training, dropped),
        *_steps(training, args, rows, load, launch.world),
        *(line for share, seen in zip(shares, found, strict=True) for line in _tokens(share, seen, len(shares) > 1)),
        *(line for part, seen in zip(training.parts, found, strict=True) for line in _cut_off(part, recipe, args, seen.answers)),
        f"packed row of the loss: up to {load.row_tokens:,} tokens, layout {load.layout}",
        "",
        "memory of one process at the longest sample seen, GiB (an estimate: trainers/dry_run/memory.py has the formulas)",
        HELD,
        *table(shape, load, launch.world),
    ]
    if model.dtype == torch.bfloat16 and recipe.lora is None:
        lines.append(
            f"plain keeps no float32 copy: with steps of about {args.learning_rate:g}, a weight above "
            f"{args.learning_rate / STEP:.1g} rounds back to what it was; ZeRO, or --dtype mixed, does not"
        )
    return "\n".join(lines) + "\n"


def _share(share: Share, protocol: Protocol) -> str:
    """What one split gives to an epoch."""
    samples, videos = len(share.questions), len({question.sample.video for question in share.questions})
    drawn = "" if share.weight == 1 else f", {len(share.drawn('')):,} of them drawn in an epoch"
    size = f"{counted(samples, 'sample')}, {counted(videos, 'video')}"
    return f"{share.name}: {size}, kind {protocol.kind}, protocol {protocol.name}{drawn}"


def _tokens(share: Share, seen: Seen, named: bool) -> list[str]:
    """Tokens of the prompts and true answers of one split."""
    of = f" of {share.name}" if named else ""
    unread = f"; {seen.unread} could not be read" if seen.unread else ""
    return [
        f"visual tokens of a sample{of}: {_quantiles([found.visual for found in seen.prompts])}",
        f"prompt tokens of a sample{of}: {_quantiles([found.prompt for found in seen.prompts])}",
        f"        from the video headers of {counted(len(seen.prompts), 'sample')}{unread}",
        f"answer tokens of a sample{of}: {_quantiles(seen.answers)}",
    ]


def _steps(training: Training, args: Any, rows: int, load: Load, world: int) -> list[str]:
    """How many prompts and steps there are, and what is generated in a step."""
    recipe, accumulated = training.recipe, args.gradient_accumulation_steps
    each = recipe.prompts_per_device
    turns = turns_of(rows, each * world, args)
    steps, prompts = args.max_steps if args.max_steps > 0 else -(-turns // accumulated), each * world * accumulated
    processes = f"{world} process{'es' if world > 1 else ''}"
    lines = [
        f"epochs: {len(recipe.epochs)} ({', '.join(recipe.epochs)}), {counted(rows, 'prompt')}",
        f"steps: {steps:,} of {counted(prompts, 'prompt')} ({each} a process x {processes} x {accumulated} accumulated)",
    ]
    if args.max_steps > 0:
        lines.append(f"        --set max_steps={args.max_steps} decides; the whole plan has {turns:,} turns")
    if replies := prompts * load.generated:
        most = replies * load.reply_tokens
        lines.append(f"generated in a step: {counted(replies, 'reply')} of at most {load.reply_tokens:,} tokens, {most:,} in all")
    return lines


def empty_model(training: Training) -> tuple[Any, Any]:
    """The model on the meta device, adapters included, and the processor."""
    checkpoint = to_train(training.model)
    models: Any = transformers.AutoModelForImageTextToText
    with refused(checkpoint, Options(attn=training.attn)):
        config = transformers.AutoConfig.from_pretrained(checkpoint.folder)
        with torch.device("meta"):
            model = models.from_config(config, dtype=DTYPES[precision(training).weights])
        processor = transformers.AutoProcessor.from_pretrained(checkpoint.folder)
        check_processor(model, processor, checkpoint)
        tags.refuse(processor.tokenizer)
        for rules in training.protocols:
            template.check(processor, rules.prompt)
    if training.recipe.freeze_vision:
        model.model.visual.requires_grad_(False)
    if (settings := adapters(training.recipe)) is not None:
        from peft import get_peft_model

        get_peft_model(model, settings)
    return model, processor


def turns_of(rows: int, prompts: int, args: Any) -> int:
    """Micro-steps of `rows` prompts, so many at a time over all processes, as TRL's sampler and transformers' loader make them.

    Where replies are generated for several micro-steps, a rest that does not fill them is left.
    """
    if (together := getattr(args, "steps_per_generation", None)) is None:
        return -(-rows // prompts)
    return int(rows // (prompts * together) * together * args.num_iterations)


def seen_of(training: Training, share: Share, config: Any, processor: Any) -> Seen:
    """Lengths of one share: of the prompts of a seeded choice of questions, in the longest of their modes, and of all answers.

    Raises:
        InputError: No video could be read.
    """
    questions, rules, vision = share.questions, share.questions[0].protocol, config.vision_config
    factor = vision.patch_size * vision.spatial_merge_size
    chosen = {q.sample.id: q for q in Random(training.seed).sample(questions, min(LOOKED_AT, len(questions)))}
    found, failures = [], []
    with FramePool(rules.video, factor, workers=2, deadline_s=training.deadline_s, prefetch=16, read=undecoded) as pool:
        jobs = (Job(key, question.video, question.sample.clip) for key, question in chosen.items() if question.video is not None)
        for job, outcome in pool.frames(jobs):
            if isinstance(outcome, Failure):
                failures.append(outcome)
                continue
            question = chosen[job.key]
            texts = [question._replace(mode=mode).text for mode in dict.fromkeys(training.recipe.epochs)]
            rendered = [prompt.render(processor, question.protocol.prompt, text) for text in texts]
            found.append(max(tokens_of(processor, config, outcome, *parts) for parts in rendered))
    if not found:
        raise InputError("videos that can be read", failures[0].message, f"harness data check {quoted(share.name)}")
    return Seen(found, len(failures), answer_lengths(training, processor, share))


def tokens_of(processor: Any, config: Any, frames: Frames, before: str, after: str) -> Lengths:
    """Tokens of a prompt by the text before and after its video; of `frames` only times and size count, pixels are not read.

    A family of blocks writes the mean time of every temporal patch before its visual block.
    """
    vision = config.vision_config
    count, height, width = frames.pixels.shape[:3]
    patches = count // vision.temporal_patch_size
    visual = patches * (height // vision.patch_size) * (width // vision.patch_size) // vision.spatial_merge_size**2
    blocks = [prompt.SLOT]
    if families.of(config.model_type).blocks:
        times_s = frames.time_s.reshape(patches, -1).mean(axis=1)
        blocks = [f"<{time:.1f} seconds>{prompt.SLOT}" for time in times_s]
    ids = processor.tokenizer(before + "".join(blocks) + after, add_special_tokens=False)["input_ids"]
    return Lengths(visual, len(ids) - len(blocks) + visual)


def answer_lengths(training: Training, processor: Any, share: Share) -> list[int]:
    """Tokens, the end included, of the given answer to each question in each mode; of the true one where none is given."""
    recipe = training.recipe
    given = given_answers(recipe.answers or GROUND_TRUTH, share.questions, recipe.epochs)
    modes = dict.fromkeys(recipe.epochs)
    texts = [given(columns(question._replace(mode=mode))) for mode in modes for question in share.questions]
    return [len(ids) + 1 for ids in processor.tokenizer(texts, add_special_tokens=False)["input_ids"]]


def load_of(training: Training, args: Any, model: Any, lengths: Sequence[Lengths], longest_answer: int) -> Load:
    """The largest micro-batch of one process, as far as the samples looked at tell."""
    recipe = training.recipe
    longest = max(lengths, key=lambda found: found.prompt)
    sft = recipe.method == "sft"
    reply, replies = (longest_answer, 1) if sft else (args.max_completion_length, recipe.group_size)
    model.config.get_text_config()._attn_implementation = training.attn
    attention.by_tower(model)
    possible, prices = packed.layouts(model.config), packed.prices(model.config)
    groups = [[longest.prompt - 1, *[reply + 1] * replies]] * recipe.prompts_per_device
    return Load(
        prompts=recipe.prompts_per_device,
        prompt_tokens=longest.prompt,
        visual_tokens=longest.visual,
        reply_tokens=reply,
        replies=replies,
        generated=0 if sft else recipe.group_size - (recipe.answers is not None),
        dtype_bytes=2 if precision(training).bf16 else model.dtype.itemsize,
        kept_bytes=model.dtype.itemsize,
        checkpointing=bool(args.gradient_checkpointing),
        reference=bool(getattr(args, "beta", 0)) and recipe.lora is None,
        layout=packed.cheapest(groups, possible, prices),
        adapters=recipe.lora is not None,
    )


def _cut_off(part: Part, recipe: Recipe, args: Any, lengths: Sequence[int]) -> list[str]:
    """Limits on the length of a reply that true answers do not fit, in training and in evaluation under the same protocol."""
    protocol = part.plan.protocol
    limits = {f"decoding.max_new_tokens of protocol {protocol.name}": protocol.decoding.max_new_tokens}
    if recipe.method != "sft":
        limits = {f"max_completion_length (--set max_completion_length={max(lengths)})": args.max_completion_length, **limits}
    return [
        f"WARNING: {part.name}: {over:,} of {len(lengths):,} true answers do not fit the {limit:,} tokens of {name}: "
        f"the longest has {max(lengths):,} with its end"
        for name, limit in limits.items()
        if (over := sum(length > limit for length in lengths))
    ]


def _count(number: int) -> str:
    return f"{number / 1e9:.2f} B" if number >= 1e9 else f"{number / 1e6:.2f} M"


def _named(found: Precision) -> str:
    return found.weights if found.weights == "bfloat16" or not found.bf16 else f"{found.weights}, computed with in bfloat16"


def _left_out(training: Training, dropped: dict[str, list[str]]) -> list[str]:
    """Why samples are not trained on; a missing video stops the training unless it is told to go on."""
    lines = [f"        left out: {len(ids):,} x {reason}, e.g. {ids[0]}" for reason, ids in dropped.items() if ids]
    if dropped["missing video"] and not training.skip_missing:
        missing = sum(len(part.plan.missing()) for part in training.parts)
        lines.append(f"        it stops for {counted(missing, 'missing video')}, unless --skip-missing is given")
    return lines


def _quantiles(values: Sequence[int]) -> str:
    found = np.quantile(values, list(QUANTILES.values()), method="higher").tolist()
    return ", ".join(f"{name} {value:,.0f}" for name, value in zip(QUANTILES, found, strict=True))
