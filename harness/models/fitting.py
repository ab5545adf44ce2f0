"""Which options change something for which model: others are refused, so that nobody takes them for done."""

from harness.models import own, trivial
from harness.models.options import Options
from tasks.errors import InputError

REPLAY = "replay:"
BACKENDS = ("hf", "vllm", "openai", "lmms", "lmms-simple")
FILE = ("device", "dtype", "trust_remote_code", "share", "window")
TAKEN = {
    "hf": ("attn", "batch_size", "device_map", *FILE),
    "vllm": ("tensor_parallel", "gpu_memory", "max_model_len", *FILE),
    "openai": ("base_url", "timeout_s", "batch_size", "window"),
    "lmms:NAME": ("model_args", "device", "dtype", "attn"),
}
"""By backend. The seed is also that of `--limit`, and fits all."""

PLACE = ("device", "dtype", "batch_size")
"""Fit baselines and recorded replies too: nothing is computed, and scripts run them beside checkpoints."""


def is_checkpoint(name: str) -> bool:
    """Whether `--model` names a checkpoint rather than a replay or a trivial model."""
    return not name.startswith(REPLAY) and name not in trivial.NAMES


def check(name: str | own.OwnModel, backend: str, options: Options) -> None:
    """Raises InputError for a backend that is unknown, and for a backend or an option that means nothing to a model.

    Args:
        name: What stands behind `--model`, or a model in memory.
        backend: One of `BACKENDS`; those of lmms-eval with the name of its class, `lmms:NAME`.
        options: An option at its default is taken for one that was not given.
    """
    shown = name if isinstance(name, str) else name.name
    itself = not isinstance(name, str) or not is_checkpoint(name) or own.is_own(name)
    kind, _, lmms_name = backend.partition(":")
    if itself and backend != "hf":
        raise InputError(f"{shown} without --backend", f"--backend {backend}", f"leave --backend out: {shown} answers by itself")
    if kind not in BACKENDS or bool(lmms_name) != kind.startswith("lmms"):
        step = "python -m lmms_eval models" if kind.startswith("lmms") else "harness run --help"
        raise InputError("--backend hf, vllm, openai, lmms:NAME or lmms-simple:NAME", repr(backend), step)
    taken: tuple[str, ...] = TAKEN["lmms:NAME" if lmms_name else kind]
    if itself:
        taken = () if not isinstance(name, str) or own.is_own(name) else PLACE
        taken += ("reply_key",) if shown.startswith(REPLAY) else ()
    for option, value in vars(options).items():
        if value != getattr(Options, option) and option not in (*taken, "seed"):
            flag = f"--{option.replace('_', '-')}"
            given = flag if value is True else f"{flag} {value}"
            raise InputError(
                f"{given} with {_takers(option)}", f"--model {shown}" if itself else f"--backend {backend}", f"leave {flag} out"
            )
    if kind == "openai" and options.batch_size == "auto":
        raise InputError("a number for --batch-size", f"--backend {backend} --batch-size auto", "--batch-size 8")


def _takers(option: str) -> str:
    """What an option means something to."""
    backends = [name for name, options in TAKEN.items() if option in options]
    return f"--backend {' or '.join(backends)}" if backends else f"--model {REPLAY}FILE"
