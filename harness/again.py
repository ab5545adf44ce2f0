"""A finished run that is typed again: whether nothing is left to ask, known without loading its model."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from harness.models import adapters, own
from harness.models.checkpoint import find, fingerprint
from harness.models.options import Options
from harness.plan import Plan
from harness.records import MISSING_VIDEO, Record, error_type
from harness.secret import hidden

FIRST = (
    *("device", "dtype", "attn", "batch_size", "share", "trust_remote_code", "seed"),
    *("base_url", "timeout_s", "model_args", "reply_key"),
)
"""Options that are in every hash; later ones only where they are not at their default, so that the hashes of old runs stay."""


class Asked(NamedTuple):
    """What was typed about a model that takes time to load: a folder, hub id, or name at a server, what runs it, and how."""

    model: str
    backend: str
    options: Options

    @property
    def sha256(self) -> str:
        """A hash of all of it but passwords and keys, which may change from one day to the next."""
        told = {key: value for key, value in asdict(self.options).items() if key in FIRST or value != getattr(Options, key)}
        typed = json.dumps([self.model, self.backend, told], sort_keys=True)
        return hashlib.sha256(hidden(typed).encode()).hexdigest()

    def fingerprint(self) -> str | None:
        """Of weights or file as they are now; None where a server has them, or a class of lmms-eval fetches them itself."""
        if own.is_own(self.model):
            return own.fingerprint(self.model)
        if self.backend == "hf":
            return adapters.identity(adapters.find(self.model, self.options.trust_remote_code))
        if self.backend == "vllm":
            return fingerprint(find(self.model, self.options.trust_remote_code).folder)
        return fingerprint(Path(self.model)) if self.backend != "openai" and Path(self.model).is_dir() else None


def is_done(plan: Plan, previous: Mapping[str, Any], records: Mapping[tuple[str, str], Record], asked: Asked) -> bool:
    """Whether a run has finished, was typed like this the last time, has the weights of then, and would ask nothing.

    `previous` is the content of `run.json`, with the spec of the plan. Raises InputError where the checkpoint cannot be read.
    """
    questions = ((sample, mode) for sample in plan.samples for mode in plan.modes)
    if previous["status"] != "finished" or any(_is_open(plan, s.video, records.get((s.id, mode))) for s, mode in questions):
        return False
    return is_same(previous, asked)


def is_same(previous: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a run was typed like this the last time, and its weights are those of then; raises as `is_done`."""
    if previous["sessions"][-1].get("asked_sha256") != asked.sha256:
        return False
    return bool(previous["spec"].get("model", {}).get("fingerprint") == asked.fingerprint())


def _is_open(plan: Plan, video: str, record: Record | None) -> bool:
    """Whether a question would be asked: it has no record, or an error that is not a video which is still missing."""
    return record is None or ((error := error_type(record)) is not None and (error != MISSING_VIDEO or video in plan.videos))
