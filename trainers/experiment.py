"""An experiment: recipes x training data x seeds, and which differences it is made to show. What its file says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from harness import extras, paths, yaml_file
from harness.checked import NAMES, Kinds, Place, mapping, shown, word
from harness.models import trivial
from tasks import protocol as protocols
from tasks import task as tasks
from tasks.errors import unknown
from trainers import labels
from trainers import recipe as recipes
from trainers.labels import BASE, SEED
from trainers.located import FOLDER, at, path_of
from trainers.mix import parse

PACKAGES = ("pebble", "av", "PIL", "torch", "torchvision", "transformers", "accelerate", "safetensors", "trl", "datasets", "peft")
"""What the commands of a cell import."""


@dataclass(frozen=True)
class Variant:
    """One recipe of an experiment."""

    recipe: str  # Name or file of the recipe
    set: tuple[str, ...] = ()  # Changes of it
    train: str | None = None  # Mix that it alone is trained on, None for that of the experiment


@dataclass(frozen=True)
class Experiment:
    """What is compared with what."""

    name: str  # Name of the file
    model: str  # Checkpoint that every cell starts from
    train: Mapping[str, str]  # Mixes to train on by label, one row of cells each; "" where every recipe brings its own
    evaluate: tuple[str, ...]  # Splits every trained model is evaluated on
    recipes: Mapping[str, Variant]  # What is compared, by label
    contrasts: tuple[tuple[str, str], ...]  # Pairs of labels, each the first minus the second; the first pair is the primary one
    seeds: tuple[int, ...] = (0,)  # One training each
    modes: tuple[str, ...] = ("direct",)  # Prompt modes of the evaluation
    protocol: str | None = None  # Rules of prompts, frames and scores; None for the task's own
    # Values of one argument, tried with `grid_seeds` and chosen on `dev` by the mean main metric, for every recipe alike
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    grid_seeds: tuple[int, ...] = ()  # Seeds of the grid; the first of `seeds` unless told otherwise
    dev: str | None = None  # Split the choice is made on; never one of `evaluate`
    set: tuple[str, ...] = ()  # Changes of every recipe
    videos: tuple[str, ...] = ()  # More folders of video files
    without: tuple[str, ...] = ()  # Tasks that are left out of every mix, for users who lack them
    options: tuple[str, ...] = ()  # Further arguments of `harness train`

    @property
    def skips_missing(self) -> bool:
        """Whether samples without a video are left out, rather than refused."""
        return "--skip-missing" in self.options

    def mix(self, row: str, label: str, seed: int) -> str:
        """What the training of a row, a label and a seed is trained on."""
        return (self.recipes[label].train or self.train[row]).replace(SEED, str(seed))

    def changes(self, label: str) -> tuple[str, ...]:
        """All changes of a recipe, those of the grid apart."""
        return (*self.set, *self.recipes[label].set)


TEXTS = ("evaluate", "modes", "set", "videos", "without", "options")
KINDS: Kinds = {
    **dict.fromkeys(("model", "baseline"), (str,)),
    "train": (str, list, dict),
    **dict.fromkeys(TEXTS, (str, list)),
    **dict.fromkeys(("protocol", "dev"), (str, type(None))),
    "recipes": (dict,),
    "contrasts": (list,),
    **dict.fromkeys(("seeds", "grid_seeds"), (int, list)),
    "grid": (dict, type(None)),
}
"""What stands behind each key of a file."""

VARIANT_KINDS: Kinds = {"recipe": (str,), "set": (str, list), "train": (str,)}


def check_packages() -> None:
    """Known before the first command is started, and without importing them. Raises InputError."""
    extras.check("train", *PACKAGES)


def load(name: str, without: Sequence[str] = ()) -> Experiment:
    """Read an experiment; `without` are tasks that are left out of its mixes, besides those that the file leaves out.

    Raises:
        InputError: An unknown key, recipe or label, something that stands twice, a choice made on what is reported.
    """
    path = path_of(name)
    known = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    what = f"an experiment ({', '.join(known)}) or a YAML file: a mapping with the keys {', '.join(KINDS)}"
    values = yaml_file.read(path, what, "harness experiment FILE")
    place = Place(path)
    mapping(values, place, KINDS, ("model", "evaluate", "recipes"))
    lists: dict[str, Any] = {key: _several(key, values[key], place.of(values, key), str) for key in TEXTS if key in values}
    seeds = _several("seeds", values.get("seeds", 0), place.of(values, "seeds"), int)
    tries, at_grid = values.get("grid") or {}, place.of(values, "grid")
    grid = {key: _several("grid", tried, at_grid.of(tries, key), str, int, float, bool) for key, tried in tries.items()}
    for one in lists.get("without", ()):
        with at(path, "without"):
            tasks.find(one)
    lists["without"] = (*lists.get("without", ()), *without)
    lists["videos"] = tuple(str(paths.folder(folder, "--videos")) for folder in lists.get("videos", ()))
    if (protocol := values.get("protocol")) is not None and not protocol.endswith(protocols.SUFFIX):
        word(protocol, protocols.names(), place.of(values, "protocol"), "a protocol")
    experiment = Experiment(
        **{key: values[key] for key in ("protocol", "dev") if key in values},
        **lists,
        name=path.stem,
        model=_model(values["model"]),
        train=_rows(values.get("train"), place.of(values, "train")),
        recipes=_variants(values["recipes"], place),
        contrasts=_contrasts(values, place),
        seeds=seeds,
        grid=grid,
        grid_seeds=_several("grid_seeds", values.get("grid_seeds", list(seeds[:1]) if grid else []), place, int),
    )
    return leave_out(_check(experiment, place), place)


def _model(name: str) -> str:
    """A checkpoint that comes with the project, `trainers/…`, is found from everywhere."""
    own = FOLDER.parents[1] / name
    return str(own) if name.startswith("trainers/") and not Path(name).is_dir() and own.is_dir() else name


def _several(key: str, value: Any, place: Place, *kinds: type) -> tuple[Any, ...]:
    """Values of these kinds, each once; one may stand without a list."""
    found = tuple(value) if isinstance(value, list) else (value,)
    for one in found:
        if not isinstance(one, kinds) or (isinstance(one, bool) and bool not in kinds):
            raise place.refuse(f"{key}: {' or '.join(NAMES[kind] for kind in kinds)}", shown(one))
    if key not in ("set", "options") and (twice := [one for one in found if found.count(one) > 1]):
        raise place.refuse(f"each of {key} once", f"{twice[0]} twice")
    return found


def _rows(train: Any, place: Place) -> dict[str, str]:
    if train is None:
        return {"own": ""}
    if isinstance(train, dict):
        if wrong := [label for label, mix in train.items() if not isinstance(mix, str)]:
            raise place.refuse("a mix behind each label of train", f"{wrong[0]}: {shown(train[wrong[0]])}")
        return dict(train)
    return {labels.short(mix): mix for mix in _several("train", train, place, str)}


def _variants(entries: Mapping[str, Any], place: Place) -> dict[str, Variant]:
    variants = {}
    for label, entry in entries.items():
        one: Any = {"recipe": entry} if isinstance(entry, str) else entry
        here = place.of(entries, label).at(f"recipes: {label}")
        mapping(one, here, VARIANT_KINDS, ("recipe",))
        if not one["recipe"].endswith((".yaml", ".yml")):
            word(one["recipe"], recipes.names(), here.of(one, "recipe"), "a recipe")
        variants[label] = Variant(one["recipe"], _several("set", one.get("set", []), here.of(one, "set"), str), one.get("train"))
    return variants


def _contrasts(values: Mapping[str, Any], place: Place) -> tuple[tuple[str, str], ...]:
    """Pairs of labels; without them, every recipe against the baseline."""
    labels, baseline = values["recipes"], values.get("baseline")
    if ("contrasts" in values) == (baseline is not None):
        raise place.refuse("either a baseline or contrasts", "both" if baseline is not None else "neither")
    if baseline is not None:
        if baseline not in labels:
            raise place.of(values, "baseline").refuse(f"a baseline among {', '.join(labels)}", unknown(baseline, labels))
        return tuple((label, baseline) for label in labels if label != baseline)
    found, here = [], place.of(values, "contrasts")
    for pair in values["contrasts"]:
        two = _several("contrasts", pair, here.at("contrasts"), str)
        for label in two:
            if label not in labels:
                raise here.refuse(f"contrasts between {', '.join(labels)}", unknown(label, labels))
        if len(two) != 2:
            raise here.refuse("contrasts of two labels, as [tempsamp, grpo]", f"{', '.join(two) or 'none'}")
        found.append((two[0], two[1]))
    if twice := [f"{a}, {b}" for (a, b), other in combinations(found, 2) if {a, b} == set(other)]:
        raise place.refuse("each contrast once", f"{twice[0]} twice")
    return tuple(found)


def _check(experiment: Experiment, place: Place) -> Experiment:
    own = [label for label, variant in experiment.recipes.items() if variant.train is not None]
    if not experiment.train.get("own", "own") and len(own) < len(experiment.recipes):
        lacking = next(label for label in experiment.recipes if label not in own)
        raise place.refuse("train, of the file or of each recipe", f"none for {lacking}")
    if own and len(experiment.train) > 1:
        raise place.refuse("one entry of train where a recipe has its own", f"{len(experiment.train)}, and train of {own[0]}")
    for key in ("evaluate", "seeds", "modes", "recipes", "train"):
        if not getattr(experiment, key):
            raise place.refuse(f"at least one of {key}", "none")
    labels.check("recipes", experiment.recipes, (BASE, *trivial.NAMES), place)
    labels.check("train", experiment.train, (), place)
    for seed in (*experiment.seeds, *experiment.grid_seeds):
        if seed < 0:
            raise place.refuse("seeds of at least 0", str(seed))
    for label, variant in experiment.recipes.items():
        for mix in (variant.train,) if variant.train else experiment.train.values():
            with at(place.file, *(("recipes", label, "train") if variant.train else ("train",))):
                parse(mix)
    return _check_grid(_with_protocol(experiment, place), place)


def recipe_of(experiment: Experiment, label: str, file: Path) -> recipes.Recipe:
    """The recipe of a label with its changes. Raises InputError, with the line of the change where that is to blame."""
    variant = experiment.recipes[label]
    with at(file, "recipes", label, "recipe"):
        recipes.load(variant.recipe)
    with at(file, "set"):
        recipes.load(variant.recipe, experiment.set)
    with at(file, "recipes", label, "set"):
        return recipes.load(variant.recipe, experiment.changes(label))


def _with_protocol(experiment: Experiment, place: Place) -> Experiment:
    """The experiment with the protocol that its recipes are made for, where the file names none: all is asked under it."""
    made_for = dict.fromkeys(recipe_of(experiment, label, place.file).protocol for label in experiment.recipes)
    if experiment.protocol is not None or list(made_for) == [None]:
        return experiment
    if len(made_for) > 1:
        named = ", ".join(str(name or "the task's own") for name in made_for)
        raise place.refuse("a protocol for all recipes, as they are made for different ones", named)
    return replace(experiment, protocol=next(iter(made_for)))


def _check_grid(experiment: Experiment, place: Place) -> Experiment:
    if not experiment.grid:
        if experiment.grid_seeds:
            raise place.refuse("grid_seeds with a grid", "no grid")
        return experiment
    if len(experiment.grid) > 1:
        raise place.refuse("a grid over one argument", ", ".join(experiment.grid))
    ((key, tried),) = experiment.grid.items()
    values = [recipes.number(value) for value in tried]
    if not values or len(set(values)) < len(values) or not experiment.grid_seeds:
        raise place.refuse("a grid of values, each once, and of seeds", f"{key}: {', '.join(map(str, tried)) or 'none'}")
    if experiment.dev is None or experiment.dev in experiment.evaluate:
        found = f"dev: {experiment.dev}, evaluate: {', '.join(experiment.evaluate)}"
        raise place.refuse("a dev split that is not reported, for the choice in the grid", found)
    for label, variant in experiment.recipes.items():
        if fixed := [change for change in experiment.changes(label) if change.startswith(f"{key}=")]:
            raise place.refuse(f"{key} either in the grid or in set", f"{fixed[0]} of {label}")
        for value in values:
            recipes.load(variant.recipe, [*experiment.changes(label), f"{key}={value}"])
    return experiment


def leave_out(experiment: Experiment, place: Place) -> Experiment:
    """The experiment without the parts of its mixes that are of these tasks. Raises InputError where nothing would change."""
    if not experiment.without:
        return experiment
    wanted = {tasks.find(name).name for name in experiment.without}
    met: set[str] = set()

    def cut(mix: str | None) -> str | None:
        if not mix:
            return mix
        of = {part: tasks.find(tasks.divide(part[0])[0]).name for part in parse(mix)}
        met.update(wanted & set(of.values()))
        if not (left := [part for part, task in of.items() if task not in wanted]):
            raise place.refuse("something to train on in every mix", f"{mix} without {', '.join(sorted(wanted))}")
        return ",".join(name if weight == 1 else f"{name}:{weight:g}" for name, weight in left) if len(left) < len(of) else mix

    rows = {label: cut(mix) or "" for label, mix in experiment.train.items()}
    variants = {label: replace(variant, train=cut(variant.train)) for label, variant in experiment.recipes.items()}
    if unmet := sorted(wanted - met):
        raise place.refuse("tasks of its mixes, to leave out", ", ".join(unmet))
    return replace(experiment, train=rows, recipes=variants)
