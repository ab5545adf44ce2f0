"""Recorded runs as pages: which may be shown together, and where a page finds their videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness import store
from harness.models import naming
from harness.paths import AnyPath, listed
from harness.recorded import Recorded, as_written, open_run
from leaderboards.compare.runs import together
from leaderboards.view.data import Shown, facts, page_data
from leaderboards.view.training import LOG, curves, read_log
from leaderboards.web import address, is_apart
from tasks.errors import InputError
from tasks.sample import Sample

USAGE = "harness view RUN"


class Chosen(NamedTuple):
    """Runs that are shown together, the samples and modes that all of them were asked, and what differs all the same.

    `folders` of videos are those that the user named for the page.
    """

    shown: list[Shown]
    samples: list[Sample]
    modes: list[str]
    forced: list[str]
    folders: Sequence[Path] = ()


def choose(
    paths: Sequence[Path],
    *,
    protocol: str | None = None,
    videos: AnyPath | Sequence[AnyPath] = (),
    data_root: AnyPath | None = None,
    force: bool = False,
) -> Chosen:
    """Finished runs, each once; what was not asked in all of them is left out. Options are those of `harness view`.

    Raises InputError where one is no finished run, or they differ in task, split or protocol, unless forced.
    """
    if len(set(paths)) < len(paths):
        raise InputError("each run once", " ".join(map(str, paths)), USAGE)
    for path in paths:
        if not (path / store.RUN).is_file():
            raise store.no_run(path, "a run folder", USAGE)
    runs = [open_run(path, protocol=protocol, videos=videos, data_root=data_root, whole=True) for path in paths]
    samples, modes, different = together(runs, force)
    return Chosen([_shown(run) for run in runs], samples, modes, different, listed(videos))


def data_of(chosen: Chosen, output: Path) -> dict[str, Any]:
    """The data of the page of one or two runs, which is going to stand at `output`.

    A video that lies apart from the page has no address in it, unless the user named its folder.
    """
    asked = {sample.video for sample in chosen.samples}
    videos = {key: file for one in reversed(chosen.shown) for key, file in one.plan.videos.items() if key in asked}
    named = [folder.resolve() for folder in chosen.folders]

    def may_be_linked(file: Path) -> bool:
        return not is_apart(file, output) or any(map(file.resolve().is_relative_to, named))

    urls = {key: address(file, output) for key, file in videos.items() if may_be_linked(file)}
    return page_data(chosen.samples, chosen.shown, chosen.modes, urls, chosen.forced)


def _shown(run: Recorded) -> Shown:
    with as_written(run.path):
        recorded = run.document or {}
        known, model = facts(recorded, run.plan, run.asked), recorded["spec"]["model"]
        curves_ = curves(_log(run.path, Path(model["name"])))
        return Shown(str(run.path), run.plan, run.asked, run.records, known, curves_, naming.title(model))


def _log(run: Path, model: Path) -> list[dict[str, Any]]:
    """The training log of a model that this project trained: in its folder, or in the folder that holds its runs."""
    folders = (model, run.resolve().parent.parent)
    return next((read_log(folder) for folder in folders if (folder / LOG).is_file()), [])
