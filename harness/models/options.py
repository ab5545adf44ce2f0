"""How a model is run; kept apart so that the command line needs no torch to know it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Options:
    """How a model is run; device, dtype, attn, share and trust_remote_code are for checkpoints.

    Attributes:
        device: `auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1` …
        dtype: `auto` (bfloat16 on a GPU, float32 on a CPU), or a key of `DTYPES`.
        attn: Attention implementation of transformers: `sdpa`, `eager`, `flash_attention_2`.
        batch_size: Questions answered at a time, also of several videos; `auto` for as many as memory holds.
        share: Whether the questions of a video share its encoding and prefix; off, each is asked on its own.
        trust_remote_code: Whether code inside the checkpoint may run.
        seed: For decoding with a temperature.
        base_url: Where an OpenAI-compatible server is; None for the client's own default.
        timeout_s: Seconds a server may take for one reply.
        model_args: Arguments of a model class of lmms-eval, as it takes them: `max_num_frames=64,fps=2`.
        reply_key: For a replay, the key of the reply in its rows; None for what the file shows.
        device_map: `auto` spreads a model over the GPUs of a machine; None for one device.
        window: Videos that a model takes ahead at most, of which none has an answer yet: what a kill can lose.
        tensor_parallel: For vLLM, GPUs that a model is spread over; None for one.
        gpu_memory: For vLLM, the share of a GPU's memory that it may take; None for its own choice.
        max_model_len: For vLLM, tokens of the longest prompt and its reply; None for what the protocol can need.
    """

    device: str = "auto"
    dtype: str = "auto"
    attn: str = "sdpa"
    batch_size: int | Literal["auto"] = 8
    share: bool = True
    trust_remote_code: bool = False
    seed: int = 0
    base_url: str | None = None
    timeout_s: float = 600.0
    model_args: str = ""
    reply_key: str | None = None
    device_map: Literal["auto"] | None = None
    window: int = 32
    tensor_parallel: int | None = None
    gpu_memory: float | None = None
    max_model_len: int | None = None
