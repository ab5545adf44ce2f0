"""One model asked the questions of several plans, a run folder each: what `harness run` does, and `harness train --evaluate`."""

import os
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness import environment, extras, paths, secret, store, trackers
from harness.again import Asked
from harness.asking import NO_VIDEO, Decoder, Part
from harness.data.notes import video_notes
from harness.models import fitting, naming
from harness.models.base import Model, Streaming
from harness.models.checkpoint import taught
from harness.models.fitting import is_checkpoint
from harness.models.open import open_model
from harness.models.options import Options
from harness.models.own import OwnModel
from harness.models.replay import ReplayModel
from harness.paths import AnyPath
from harness.plan import Plan, listed
from harness.run import run_together
from harness.summary import Summary
from tasks import task as tasks


def notes_before(model: str, plans: Sequence[Plan]) -> list[str]:
    """What is to be told before a model that looks at videos is asked: the first process of a launch tells it."""
    if not is_checkpoint(model) or environment.launch().rank:
        return []
    return [*(note for plan in plans for note in video_notes(plan)), *taken_for(model), *told_otherwise(model, plans)]


def told_otherwise(model: str, plans: Sequence[Plan]) -> list[str]:
    """A line for each plan whose prompts are others than those the checkpoint was trained with, where this project trained it."""
    known = taught(Path(model))
    named = ", ".join(dict.fromkeys(f"{name} ({'+'.join(modes)})" for name, _, modes in known))
    notes = []
    for plan in plans:
        modes = [modes for _, digest, modes in known if digest == plan.protocol.sha256]
        if known and (not modes or not any(set(plan.modes) <= set(trained) for trained in modes)):
            asked = f"{plan.protocol.name} ({'+'.join(plan.modes)})"
            notes.append(f"{model}: trained under protocol {named}, asked on {plan.name} under {asked}")
    return notes


def taken_for(model: str) -> list[str]:
    """A line where a name is that of a folder and could be that of a model of the hub."""
    if not naming.is_ambiguous(model):
        return []
    return [f"{model}: taken for the folder {naming.local(model)}, not for a model of the hub"]


def evaluate(
    plans: Sequence[Plan],
    model: str | OwnModel,
    settings: Options,
    backend: str = "hf",
    output: AnyPath | None = None,
    workers: int = 1,
    deadline: float = 120.0,
    report_to: str | Sequence[str] | None = None,
) -> Iterator[tuple[Plan, Summary]]:
    """Run all plans; each continues where it stopped. Plans under the same video rules are asked together, video by video.

    Options are those of `harness run`. Raises InputError where an option means nothing to the
    model, a model or tracker cannot be used, or a folder holds another run.
    """
    fitting.check(model, backend, settings)
    senders = trackers.chosen(listed(report_to))
    if not isinstance(model, str) or is_checkpoint(model):
        for plan in plans:
            plan.check_clear()
    loader = _Loader(model, backend, settings)
    name = model if isinstance(model, str) else model.name
    secrets = secret.known(os.environ, (name, settings.model_args, settings.base_url or ""))
    groups: dict[Hashable, list[Part]] = {}
    for plan in plans:
        folder = paths.run_folder(output, name, _run_name(plan), len(plans) == 1)
        groups.setdefault(loader.alike(plan), []).append(Part(_continued(plan, folder), folder))
    for parts in groups.values():
        plan = parts[0].plan
        load, decoder = partial(loader.load, plan), partial(_decoder, plan, workers, deadline, settings.window)
        for part, summary in zip(parts, run_together(parts, load, decoder, loader.asked, secrets), strict=True):
            if summary.scores is not None and (document := store.read_run(part.folder)) is not None:
                trackers.send(senders, name, part.folder, document, summary.scores)
            yield part.plan, replace(summary, notes=(*loader.notes, *summary.notes))


def _continued(plan: Plan, folder: Path) -> Plan:
    """The plan with the samples that a run in this folder chose by its videos, before more of them came."""
    document = store.read_run(folder)
    return plan if document is None else plan.with_choice_of(document["spec"])


def _run_name(plan: Plan) -> str:
    limit = "" if plan.limit is None else f"-limit{plan.limit}"
    return f"{plan.name}-{plan.protocol.name}-{'+'.join(plan.modes)}{limit}"


class _Loader:
    """Opens the model for each plan; plans whose protocols tell it the same about frames and turns share a loaded checkpoint."""

    def __init__(self, model: str | OwnModel, backend: str, settings: Options) -> None:
        self._model, self._backend, self._settings = model, backend, settings
        self.asked = Asked(model, backend, settings) if isinstance(model, str) and is_checkpoint(model) else None
        self.notes: tuple[str, ...] = ()
        self._loaded: tuple[Hashable, Model] | None = None

    def alike(self, plan: Plan) -> Hashable:
        """Equal for plans whose questions one opened model can be asked together."""
        if self.asked is None:
            return plan.name, plan.protocol.sha256
        prompt = plan.protocol.prompt
        return plan.protocol.video, prompt.order, prompt.system, prompt.prefill, prompt.times

    def load(self, plan: Plan) -> Model:
        """The model for this plan's protocol and train split."""
        if not isinstance(self._model, str):
            return self._model
        alike = self.alike(plan)
        if self._loaded is not None and self._loaded[0] == alike:
            return self._loaded[1]
        self._loaded = None
        train = partial(tasks.load, plan.task, "train", plan.data_root)
        model = open_model(self._model, plan.protocol, train, self._settings, self._backend, plan.samples, plan.check_videos)
        self.notes = tuple(model.notes) if isinstance(model, ReplayModel) and environment.launch().rank == 0 else ()
        self._loaded = alike, model
        return model


@contextmanager
def _decoder(plan: Plan, workers: int, deadline_s: float, window: int, model: Model) -> Iterator[Decoder]:
    if model.pixel_factor is None:
        yield NO_VIDEO
        return
    with extras.needed("video"):
        from harness.video.pool import FramePool, ahead

    rules, factor = plan.protocol.video, model.pixel_factor
    prefetch = ahead(rules, workers, window) if isinstance(model, Streaming) else None
    with FramePool(rules, factor, workers=workers, deadline_s=deadline_s, prefetch=prefetch) as pool:
        yield Decoder(pool.frames, lambda: pool.waited_s)
