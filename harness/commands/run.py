"""`harness run`."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from harness import environment, extras, paths, secret, sessions, store
from harness.again import Asked
from harness.commands.plans import plans, video_notes
from harness.models import naming
from harness.models.base import Model
from harness.models.open import is_checkpoint, open_model
from harness.models.options import Options
from harness.models.replay import ReplayModel
from harness.plan import Plan
from harness.records import MODEL_ERROR
from harness.report import floor_rows, heading, render, rows
from harness.run import NO_VIDEO, Decoder, Summary, run
from tasks import task as tasks


def main(options: Namespace) -> int:
    """Evaluate the model on each task in turn."""
    failed, broke = 0, False
    for plan, summary in evaluate(options):
        failed += summary.failed
        broke = broke or _broke(summary)
        sys.stdout.write(conclusion(options.model, plan, summary) + usage(summary, options.price))
    return int(broke if options.max_errors is None else failed > options.max_errors)


def _broke(summary: Summary) -> bool:
    """Whether code of the model raised: unlike a missing video, nothing of the input explains that."""
    modes = summary.scores["modes"].values() if summary.scores else ()
    return any(MODEL_ERROR in entry.get("counts", {}).get("errors", {}) for entry in modes)


def evaluate(options: Namespace) -> Iterator[tuple[Plan, Summary]]:
    """Plan everything, so that bad input stops the command before anything runs; then run task by task."""
    every_plan = plans(options, options.tasks)
    if is_checkpoint(options.model) and environment.launch().rank == 0:
        sys.stderr.write("".join(map(video_notes, every_plan)) + taken_for(options.model))
    loader = _Loader(options)
    for plan in every_plan:
        folder = paths.run_folder(options.output, options.model, _run_name(plan), len(every_plan) == 1)
        secrets = secret.of(options)
        yield plan, run(plan, folder, partial(loader.load, plan), partial(_decoder, options, plan), loader.asked, secrets)


def taken_for(model: str) -> str:
    """A line where a name is that of a folder and could be that of a model of the hub; empty otherwise."""
    return (
        f"{model}: taken for the folder {naming.local(model)}, not for a model of the hub\n" if naming.is_ambiguous(model) else ""
    )


def conclusion(model: str, plan: Plan, summary: Summary) -> str:
    """The table that ends a run, with the rows of models that do not look, and where the run lies."""
    if summary.scores is None:
        return f"{plan.name}: this process is done; another of its launch scores {summary.folder}\n"
    table = [*rows(naming.local(model), summary.scores), *floor_rows(plan)]
    lines = [heading(plan), render(table)]
    for mode, entry in summary.scores["modes"].items():
        if official := entry.get("qvhighlights"):
            lines.append(f"{mode}: " + ", ".join(f"{name} {value:.2f}" for name, value in official.items() if value is not None))
        counts = entry.get("counts", {})
        notes = [f"{n} {name}" for kind in ("errors", "parse_failures") for name, n in counts.get(kind, {}).items()]
        if notes:
            lines.append(f"{mode}: scored 0: {', '.join(notes)}")
        if cut_off := counts.get("truncated"):
            limit = "their length limit" if summary.max_new_tokens is None else f"{summary.max_new_tokens:,} tokens"
            lines.append(f"{mode}: {cut_off:,} {'reply was' if cut_off == 1 else 'replies were'} cut off at {limit}")
    if summary.wrong_clocks:
        extent = f"{len(summary.wrong_clocks):,} replies, by up to {max(summary.wrong_clocks):.2f} s"
        lines.append(f"WRONG CLOCK: the model was told wrong times of the frames in {extent}")
    document = store.read_run(summary.folder)
    if document is not None and (differ := sessions.differences(document["sessions"])):
        lines.append(f"made in sessions that differ: {differ}")
    again = " (finished before; nothing was asked)" if summary.again else ""
    return "\n".join([*lines, f"run: {summary.folder}{again}", ""])


def _run_name(plan: Plan) -> str:
    limit = "" if plan.limit is None else f"-limit{plan.limit}"
    return f"{plan.name}-{plan.protocol.name}-{'+'.join(plan.modes)}{limit}"


def usage(summary: Summary, price: Sequence[float] | None) -> str:
    """Tokens of a run and, with dollars per million prompt and reply tokens, what they cost; empty if none were counted."""
    if not any(summary.tokens):
        return ""
    prompt, new = summary.tokens
    cost = "" if price is None else f", {(prompt * price[0] + new * price[1]) / 1e6:.2f} dollars"
    return f"tokens: {prompt:,} in prompts, {new:,} in replies{cost}\n"


class _Loader:
    """Opens the model for each plan; tasks under the same protocol share one loaded checkpoint."""

    def __init__(self, options: Namespace) -> None:
        names = ("device", "dtype", "attn", "batch_size", "trust_remote_code", "seed", "base_url", "model_args", "reply_key")
        self._settings = Options(**{name: getattr(options, name) for name in names})
        self._name, self._backend = options.model, options.backend
        self.asked = Asked(options.model, options.backend, self._settings) if is_checkpoint(options.model) else None
        self._loaded: tuple[str, Model] | None = None

    def load(self, plan: Plan) -> Model:
        """The model for this plan's protocol and train split."""
        if self._loaded is not None and is_checkpoint(self._name) and self._loaded[0] == plan.protocol.sha256:
            return self._loaded[1]
        self._loaded = None
        train = partial(tasks.load, plan.task, "train", plan.data_root)
        model = open_model(self._name, plan.protocol, train, self._settings, self._backend, plan.samples)
        if isinstance(model, ReplayModel) and environment.launch().rank == 0:
            sys.stderr.write("".join(f"{note}\n" for note in model.notes))
        self._loaded = plan.protocol.sha256, model
        return model


@contextmanager
def _decoder(options: Namespace, plan: Plan, model: Model) -> Iterator[Decoder]:
    if model.pixel_factor is None:
        yield NO_VIDEO
        return
    with extras.needed("video"):
        from harness.video.pool import FramePool

    with FramePool(plan.protocol.video, model.pixel_factor, workers=options.workers, deadline_s=options.deadline) as pool:
        yield Decoder(pool.frames, lambda: pool.waited_s)
