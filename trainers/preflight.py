"""What can be known of an experiment, or of a launch, before it trains: bad input stops here and not after a night."""

import contextlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness import config, extras
from harness.arguments import parser
from harness.data.notes import missing_videos
from harness.models import trivial
from harness.models.checkpoint import to_train
from harness.models.fitting import REPLAY
from harness.plan import Plan, make_plan
from tasks import task as tasks
from tasks.errors import InputError
from tasks.overlap import overlaps
from trainers import cells, recipe
from trainers.experiment import Experiment
from trainers.located import at
from trainers.mix import parse
from trainers.terms import terms

if TYPE_CHECKING:
    from trainers.training import Training

OTHERS = "name other splits under `train` or `evaluate` in the file of the experiment (harness ls tasks)"
OURS = {
    "recipe": "recipes", "model": "model", "task": "train", "tasks": "train", "split": "train", "set": "set",
    "seed": "seeds", "videos": "videos", "protocol": "protocol", "modes": "modes", "evaluate": "evaluate",
    "output": "--output", "data_root": "--data-root", "dry_run": "--dry-run",
}  # fmt: skip
"""Options of `harness train` that an experiment says in its own words."""


class Planned(NamedTuple):
    """An experiment whose splits have their full names, with what they hold."""

    experiment: Experiment
    evaluated: list[Plan]  # In the order of `evaluate`
    choosing: list[Plan]  # The dev split, if any
    trained: dict[str, list[Plan]]  # By label of the recipe

    def every_plan(self) -> list[Plan]:
        """Every split that is asked or trained on, each once."""
        of = [*self.evaluated, *self.choosing, *(plan for plans in self.trained.values() for plan in plans)]
        return list({plan.name: plan for plan in of}.values())


def planned(experiment: Experiment, root: Path, file: Path) -> Planned:
    """Load every split that a file of an experiment names; check that splits, modes, protocols, rewards and options fit.

    Raises:
        InputError: They do not, or something that is trained on is evaluated as well.
    """

    @cache
    def plan(name: str, modes: tuple[str, ...]) -> Plan:
        return make_plan(name, None, experiment.protocol, modes, root, experiment.videos)

    with at(file, "evaluate"):
        plan(experiment.evaluate[0], ())
    with at(file, "modes"):
        plan(experiment.evaluate[0], experiment.modes)
    with at(file, "evaluate"):
        evaluated = [plan(name, experiment.modes) for name in experiment.evaluate]
    with at(file, "dev"):
        choosing = [plan(name, experiment.modes) for name in (experiment.dev,) if name is not None]
    named = [_full(name, one) for name, one in zip(experiment.evaluate, evaluated, strict=True)]
    dev = _full(experiment.dev, choosing[0]) if experiment.dev is not None else None
    if twice := [name for name in named if named.count(name) > 1]:
        raise InputError("each split of evaluate once", f"{twice[0]} twice", f"edit {experiment.name}.yaml")
    if dev in named:
        raise InputError("a dev split that is not reported", f"{dev} under dev and evaluate", f"edit {experiment.name}.yaml")
    trained: dict[str, list[Plan]] = {}
    for label in experiment.recipes:
        how = recipe.load(experiment.recipes[label].recipe, experiment.changes(label))
        points = product(experiment.train, dict.fromkeys((*experiment.seeds, *experiment.grid_seeds)))
        names = dict.fromkeys(name for row, seed in points for name, _ in parse(experiment.mix(row, label, seed)))
        with at(file, *(("train",) if experiment.recipes[label].train is None else ("recipes", label, "train"))):
            trained[label] = [plan(name, tuple(dict.fromkeys(how.epochs))) for name in names]
        protocols = {one.protocol.name: one.protocol for one in trained[label]}
        terms(how.rewards, protocols, how.epochs if how.rewards else ())
    found = Planned(replace(experiment, evaluate=tuple(named), dev=dev), evaluated, choosing, trained)
    refuse_overlap([one for plans in trained.values() for one in plans], [*evaluated, *choosing])
    with at(file, "options"):
        check_options(found.experiment)
    check_arguments(found.experiment, file)
    return found


def check_arguments(experiment: Experiment, file: Path) -> None:
    """Refuse arguments that TRL does not have, where it is installed: the rehearsal checks them elsewhere. Raises InputError."""
    try:
        extras.check("train", "trl")
    except InputError:
        return
    with extras.needed("train"):
        from trainers.methods.configs import check_keys
    for label, variant in experiment.recipes.items():
        for keys, changes in (((), ()), (("set",), experiment.set), (("recipes", label, "set"), experiment.changes(label))):
            with at(file, *(keys or ("recipes", label, "recipe"))):
                check_keys(recipe.load(variant.recipe, changes))
    for key, values in experiment.grid.items():
        change, refused = f"{key}={values[0]}", list[InputError]()
        for label, variant in experiment.recipes.items():
            try:
                check_keys(recipe.load(variant.recipe, [*experiment.changes(label), change]))
            except InputError as error:
                refused.append(error)
        # What one of the recipes takes is no slip of the pen; the rehearsal says where it has no effect.
        if len(refused) == len(experiment.recipes):
            with at(file, "grid", key):
                raise refused[0]


def _full(name: str, plan: Plan) -> str:
    """`task@split`; a user's own data keeps the path that was typed."""
    return f"{tasks.divide(name)[0]}@{plan.split}" if plan.task.own_path else plan.name


def refuse_overlap(trained: Sequence[Plan], evaluated: Sequence[Plan]) -> None:
    """Stop before anything is trained on a video that is evaluated. Raises InputError with the overlap."""
    splits = {plan.name: plan.samples for plan in (*trained, *evaluated)}
    names = {plan.name for plan in trained}
    if same := names & {plan.name for plan in evaluated}:
        raise InputError("evaluation on other splits than are trained on", ", ".join(sorted(same)), OTHERS)
    if found := overlaps(splits, names):
        shown = "; ".join(f"{overlap}: {', '.join(overlap.videos[:5])}" for overlap in found)
        raise InputError("evaluation on videos that are not trained on", shown, OTHERS)


def check_options(experiment: Experiment) -> None:
    """Refuse options that `harness train` does not know, and those that the file says under a key. Raises InputError."""
    plain = cells.train_command(replace(experiment, options=()), cells.planned_cells(experiment, Path("OUTPUT"))[0], [])
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            before, after = (vars(config.parse(parser, typed, typed)) for typed in (plain, [*plain, *experiment.options]))
        except SystemExit as stop:
            found = f"{' '.join(experiment.options)}: {(said.getvalue().strip().splitlines() or [''])[-1]}"
            raise InputError("options of harness train", found, "harness train --help") from stop
        except InputError as error:
            raise InputError("options of harness train", error.found, "harness train --help") from error
    if changed := [name for name in OURS if name in after and after[name] != before[name]]:
        found = f"{changed[0]} in options: {' '.join(experiment.options)}"
        raise InputError(f"{OURS[changed[0]]} in its own place", found, f"edit {experiment.name}.yaml")


def check_here(found: Planned) -> None:
    """Whether the model and the videos are on this machine. Raises InputError."""
    check_model(found.experiment.model)
    for plan in found.every_plan():
        plan.check_clear()
        if (lines := missing_videos(plan)) and not (found.experiment.skips_missing and plan.videos):
            step = f"harness data check {plan.typed}; or `videos: [DIR]`, or `options: [--skip-missing]` in the file"
            raise InputError(f"the videos of {plan.name}", "\n          ".join(lines), step)


def check_model(name: str) -> None:
    """A folder is checked; what can be the id of a model of the hub is fetched when it is asked. Raises InputError."""
    if name in trivial.NAMES or name.startswith(REPLAY):
        raise InputError("a checkpoint to train", name, "harness ls models")
    if Path(name).expanduser().is_dir():
        to_train(name)
    elif name.count("/") != 1 or name.startswith((".", "~", "/")):
        raise InputError("a checkpoint folder or a hub id (owner/name)", f"no folder {name}", "edit `model` in the file")


def sharing(trainer: Mapping[str, Any]) -> str | None:
    """What processes share by the launcher, or by `fsdp` and `deepspeed` of a recipe: `FSDP2`, `ZeRO-2` …; None for nothing.

    Read as accelerate reads it, but without it: so it is the same in a dry run, which belongs to no launch. Raises InputError
    where a configuration of DeepSpeed cannot be read.
    """
    if trainer.get("fsdp"):
        settings = trainer.get("fsdp_config")
        return f"FSDP{settings.get('version', settings.get('fsdp_version', 2)) if isinstance(settings, Mapping) else 2}"
    if _is_on("ACCELERATE_USE_FSDP"):
        return f"FSDP{os.environ.get('FSDP_VERSION', '1')}"
    asked = trainer.get("deepspeed")
    if not asked and not _is_on("ACCELERATE_USE_DEEPSPEED"):
        return None
    config = asked or os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
    stage = "auto" if config == "none" else _zero_stage(config)
    return f"ZeRO-{os.environ.get('ACCELERATE_DEEPSPEED_ZERO_STAGE', '2') if stage == 'auto' else stage}"


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("1", "true", "t", "yes", "y", "on")


def _zero_stage(config: Any) -> Any:
    """The stage in a configuration of DeepSpeed: a table, the path of a JSON file, or JSON."""
    try:
        if not isinstance(config, Mapping):
            text = str(config)
            config = json.loads(text if text.lstrip().startswith("{") else Path(text).expanduser().read_text(encoding="utf-8"))
        return config["zero_optimization"].get("stage", "auto")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        step = "accelerate launch --config_file trainers/launch/zero3.yaml"
        raise InputError("a configuration of DeepSpeed with zero_optimization", f"{config}: {error!r}", step) from error


def check_launch(training: "Training") -> None:
    """Refuse what was never run, would wait for ever, or save a part, under what shares a model. Raises InputError."""
    recipe, kind = training.recipe, sharing(training.recipe.trainer)
    by_vllm = bool(recipe.method == "grpo" and recipe.trainer.get("use_vllm"))
    step = "accelerate launch --config_file trainers/launch/zero3.yaml, zero2.yaml or ddp.yaml"
    if kind == "FSDP1":
        step = "accelerate launch --config_file trainers/launch/fsdp2.yaml"
        raise InputError("FSDP of version 2", "version 1, which was never run", step)
    if kind == "FSDP2" and recipe.method == "grpo" and _is_on("FSDP_CPU_RAM_EFFICIENT_LOADING"):
        found = "fsdp_cpu_ram_efficient_loading: transformers before 5.23 makes up a reference model's weights then"
        raise InputError("every process with the weights of the reference model", found, "fsdp_cpu_ram_efficient_loading: false")
    if kind in ("ZeRO-3", "FSDP2") and training.dev_every:
        found = f"--dev-every {training.dev_every} on a sharded one ({kind})"
        raise InputError("an evaluation of a model that each process holds whole", found, "--dev-every 0")
    if kind == "FSDP2" and recipe.lora is not None:
        raise InputError("DeepSpeed or DDP for adapters", "FSDP2, under which merging adapters was never run", step)
    if training.load_in_4bit:
        _check_four_bits(training, kind, by_vllm)
    if kind is not None and kind.startswith("ZeRO"):
        extras.check("deepspeed", "deepspeed")
    if by_vllm:
        _check_vllm(recipe.trainer)


def _check_four_bits(training: "Training", kind: str | None, by_vllm: bool) -> None:
    """Refuse four bits without adapters, or where weights are shared or handed to another engine."""
    if training.recipe.lora is None:
        raise InputError("adapters, as weights of four bits are not trained", "--load-in-4bit alone", "--lora 16 --load-in-4bit")
    if kind is not None:
        found = f"{kind}: DeepSpeed or FSDP, where four bits were never run"
        step = "accelerate launch --config_file trainers/launch/ddp.yaml"
        raise InputError("one process or DDP for weights of four bits", found, step)
    if by_vllm:
        raise InputError("weights that vLLM can take over", "weights of four bits", "--set use_vllm=false")
    extras.check("qlora", "bitsandbytes")


def _check_vllm(trainer: Mapping[str, Any]) -> None:
    """Refuse rollouts by one engine over several processes, at a temperature it changes, or by no vLLM or one too old."""
    from harness.models import vllm_checks

    size = trainer.get("vllm_tensor_parallel_size", 1)
    if trainer.get("vllm_mode", "colocate") != "server" and size != 1:
        raise InputError("an engine in each process", f"an engine over {size} GPUs", "--set vllm_mode=server")
    vllm_checks.check_temperature(float(trainer.get("temperature", 1.0)))
    vllm_checks.check_version("the replies of a training")
