"""How many bytes of a GPU a training needs: an estimate from shapes, made before anything is loaded.

Of the model states the formulas are those of ZeRO (Rajbhandari et al. 2020, section 3): N weights and their gradients in the
training dtype, and for Adam in mixed precision 12 bytes a weight (a float32 copy and two moments), each part divided by the
number of processes where it is sharded. Without DeepSpeed torch keeps gradients and Adam's two moments in the dtype of the
weights and no copy; where that is float32 and products are in bfloat16, autocast holds a second copy of the weights while the
model runs. Adapters are float32 on weights of any dtype. Of the activations they follow Korthikanti et al. 2023 (Reducing
Activation Recomputation), counted for Qwen-VL's layers with checkpointing: the input of every layer, and everything inside one.
What is left out: the CUDA context, fragmentation, the workspace of kernels.
"""

from dataclasses import dataclass
from typing import Any

import torch
from tabulate import tabulate

GIB = 2**30
WORLDS = (1, 4, 8)  # Numbers of processes to compare where none was launched
USABLE = 0.9  # Share of a GPU's memory that tensors can fill; the rest is context, workspace and fragments
FOUR_BITS = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes a weight in NF4: half of one, a scale of one byte for 64 weights, and for 256 of those scales four bytes."""
ADAM_FLOAT32 = 12  # Bytes a weight: float32 copy, first and second moment
BUCKET = 500_000_000  # Elements that DeepSpeed communicates at a time; it holds one bucket to send and one to receive
LIVE = 1_000_000_000  # Weights that ZeRO-3 holds whole at a time (`stage3_max_live_parameters`)
COLUMNS = ("weights", "reference", "gradients", "optimizer", "activations", "generation", "peak", "host")
STRATEGIES = ("plain", "zero2", "zero3", "zero3-offload")  # `plain` is one process, or DDP


@dataclass(frozen=True)
class Shape:
    """What of a model decides its memory."""

    weights: int  # Number of weights
    trained: int  # Number of weights that are trained
    width: int  # Of the text tower
    inner: int  # Width of its feed-forward layers, over all experts that a token is sent to
    layers: int  # Layers of the text tower
    key_value: int  # Keys' and values' width together, of one layer
    vision_width: int  # Of the vision tower
    vision_inner: int  # Width of its feed-forward layers
    vision_layers: int  # Its layers
    merged: int  # Patches in one visual token
    frozen_vision: bool = False  # Whether its activations need no gradient
    quantized: int = 0  # Number of weights that are kept in four bits


@dataclass(frozen=True)
class Load:
    """What one process computes at a time, at the longest."""

    prompts: int  # Prompts in a micro-batch
    prompt_tokens: int  # Tokens of a prompt, visual ones included
    visual_tokens: int  # Visual tokens of a prompt
    reply_tokens: int  # Tokens of a reply
    replies: int  # Replies to a prompt in the loss
    generated: int  # Replies to a prompt that are generated, 0 for none
    dtype_bytes: int  # Of activations, and of the weights that they are products of
    kept_bytes: int  # Of the weights as they are kept without DeepSpeed
    checkpointing: bool  # Whether activations are computed again in the backward pass
    reference: bool  # Whether a second model stays in memory, for the KL term
    layout: str = "mask"  # Of the rows of the loss, see `trainers.methods.packed`
    adapters: bool = False  # Whether adapters alone are trained

    @property
    def row_tokens(self) -> int:
        """Tokens of a packed row: the prompt, then each reply after the prompt's last token once more."""
        return self.prompt_tokens - 1 + self.replies * (1 + self.reply_tokens)


@dataclass(frozen=True)
class Memory:
    """Bytes in one process."""

    weights: int  # Of the model that is trained
    reference: int  # Of the reference model
    gradients: int  # Of the trained weights, with the buffers they are exchanged through
    optimizer: int  # Adam's states
    activations: int  # Of the loss pass, with its attention mask
    generation: int  # Keys and values of the replies, and weights gathered for it
    host: int = 0  # Main memory that offloading needs, of one process

    @property
    def peak(self) -> int:
        """On the GPU: the states, and the larger of the two phases, which follow one another."""
        return self.weights + self.reference + self.gradients + self.optimizer + max(self.activations, self.generation)


def shape_of(model: Any, frozen_vision: bool = False, four_bits: bool = False) -> Shape:
    """The shape of a model, which may lie on the meta device; with `four_bits`, of one whose text matrices will be kept so."""
    config = model.config
    text, vision = config.get_text_config(), config.vision_config
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    width = getattr(vision, "embed_dim", None)  # Where there is one, hidden_size is that of the text
    experts = getattr(text, "num_experts_per_tok", None)
    layers = model.model.language_model.layers.parameters()
    matrices = [weight for weight in layers if weight.ndim == 2 and not weight.requires_grad]
    return Shape(
        weights=sum(weight.numel() for weight in model.parameters()),
        trained=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        width=text.hidden_size,
        inner=experts * text.moe_intermediate_size if experts else text.intermediate_size,
        layers=text.num_hidden_layers,
        key_value=2 * text.num_key_value_heads * head,
        vision_width=width or vision.hidden_size,
        vision_inner=int(width * vision.mlp_ratio) if width else vision.intermediate_size,
        vision_layers=vision.depth,
        merged=vision.spatial_merge_size**2,
        frozen_vision=frozen_vision,
        quantized=sum(weight.numel() for weight in matrices) if four_bits else 0,
    )


def memory(shape: Shape, load: Load, strategy: str, world: int) -> Memory:
    """Bytes in each of `world` processes under one of `STRATEGIES`."""
    size, weights, trained = load.dtype_bytes, shape.weights, shape.trained
    reference = weights if load.reference else 0
    states = {"activations": activations(shape, load), "generation": generation(shape, load)}
    if strategy == "plain":
        kept, learnt = load.kept_bytes, 4 if load.adapters else load.kept_bytes
        plain = weights - shape.quantized
        whole = kept * (plain - trained) + learnt * trained + round(FOUR_BITS * shape.quantized)
        copy = size * plain if kept != size else 0
        buckets = trained if world > 1 else 0
        return Memory(whole + copy, kept * reference, learnt * (trained + buckets), 2 * learnt * trained, **states)
    bucket = 2 * size * min(trained, BUCKET)
    gradients, optimizer = size * trained // world + bucket, ADAM_FLOAT32 * trained // world
    if strategy == "zero2":
        return Memory(size * weights, size * reference, gradients, optimizer, **states)
    live = size * min(weights, LIVE)
    # All weights are gathered while a process generates.
    states["generation"] += size * weights if load.generated else 0
    states["activations"] += live
    if strategy == "zero3":
        return Memory(size * weights // world, size * reference // world, gradients, optimizer, **states)
    if strategy == "zero3-offload":
        host = (size * (weights + reference + trained) + ADAM_FLOAT32 * trained) // world
        return Memory(0, 0, bucket, 0, **states, host=host)
    raise ValueError(strategy)


def activations(shape: Shape, load: Load) -> int:
    """Bytes of the loss pass: layer inputs and one layer (or all, without checkpointing) of both towers, and the mask.

    A layer keeps about 8 tensors of its width (inputs of two norms, of attention and of both outputs, the residual), keys and
    values, and four of its feed-forward width. Those of its width are in the dtype that weights are kept in, also under autocast,
    whose residual stream is float32. The mask is `(prompts, tokens, tokens)`, and one row of booleans while it is made.
    Without one, each branch has the keys and values of its prefix again.
    """
    size, copies = load.dtype_bytes, load.replies if load.layout == "repeated" else 1
    apart = load.prompt_tokens + load.reply_tokens
    tokens = load.prompts * (load.replies * apart if load.layout == "repeated" else load.row_tokens)
    patches = load.prompts * copies * load.visual_tokens * shape.merged

    def tower(width: int, inside: int, layers: int) -> int:
        return layers * width + inside if load.checkpointing else layers * inside

    wide, vision_wide = load.kept_bytes * shape.width, load.kept_bytes * shape.vision_width
    text = tower(wide, 8 * wide + size * (shape.key_value + 4 * shape.inner), shape.layers)
    inside = 10 * vision_wide + size * 4 * shape.vision_inner
    vision = inside if shape.frozen_vision else tower(vision_wide, inside, shape.vision_layers)
    found = tokens * text + patches * vision
    if load.layout == "branches" and load.replies > 1:
        layers = 1 if load.checkpointing else shape.layers
        found += size * load.prompts * load.replies * apart * shape.key_value * layers
    if load.layout == "mask" and load.replies > 1:
        found += load.row_tokens**2 * (load.prompts * size + 1)
    return found


def generation(shape: Shape, load: Load) -> int:
    """Bytes of keys and values: of each prompt once, and again with each reply at its full length."""
    tokens = load.prompt_tokens + load.generated * (load.prompt_tokens + load.reply_tokens)
    return load.prompts * tokens * shape.layers * shape.key_value * load.dtype_bytes if load.generated else 0


def table(shape: Shape, load: Load, world: int) -> list[str]:
    """Memory under every strategy, in each of `world` processes or of `WORLDS`, and which of them fit the GPUs that are here."""
    rows = []
    for strategy in STRATEGIES:
        for count in (world,) if world > 1 else WORLDS:
            if strategy in _strategies(shape, count):
                found = memory(shape, load, strategy, count)
                rows.append([strategy, count, *(f"{getattr(found, column) / GIB:.2f}" for column in COLUMNS)])
    shown = str(tabulate(rows, headers=["", "GPUs", *COLUMNS], disable_numparse=True, stralign="right"))
    return [shown, *_verdict(shape, load, world)]


def _strategies(shape: Shape, world: int) -> list[str]:
    """Those that differ from `plain` in so many processes; weights of four bits are not shared."""
    return [one for one in STRATEGIES if one == "plain" or (not shape.quantized and (world > 1 or one == "zero3-offload"))]


def _verdict(shape: Shape, load: Load, world: int) -> list[str]:
    if not torch.cuda.is_available():
        return ["no GPU here: compare the peak with the memory of your GPU; tensors can use about nine tenths of this memory"]
    here = max(world, torch.cuda.device_count())
    properties = torch.cuda.get_device_properties(0)
    room = properties.total_memory
    lines = [f"{here} x {properties.name}, {room / GIB:.0f} GiB each:"]
    for strategy in _strategies(shape, here):
        peak = memory(shape, load, strategy, here).peak
        lines.append(f"  {strategy}: {'fits' if peak <= USABLE * room else f'does not fit ({peak / GIB:.0f} GiB)'}")
    return lines
