"""A recipe: one YAML file that says how a model is trained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness import yaml_file
from harness.checked import Kinds, Place, mapping, shown, word
from tasks import kinds, outside
from tasks import protocol as protocols
from tasks.errors import InputError, unknown
from trainers.rewards import MODES
from trainers.rewards import names as reward_names

FOLDER = Path(__file__).parent / "recipes"
METHODS = ("sft", "grpo")
MOST_REDRAWS = 31
ACCUMULATION = "gradient_accumulation_steps"
SHAPINGS = ("none", "downscale", "anchor", "nonlinear")
"""How an off-policy answer enters the advantages: see `trainers.methods.advantages.mixed`."""

REWARD_KINDS: Kinds = {
    "name": (str,),
    "weight": (int, float),
    **dict.fromkeys(("modes", "kinds"), (list, tuple)),
    "shaped": (bool,),
    "settings": (dict,),
}


@dataclass(frozen=True)
class RewardPart:
    """One term of the reward."""

    name: str  # A module of `trainers.rewards`, or `FILE.py:function`
    weight: float = 1.0  # Its weight in the sum
    modes: tuple[str, ...] = MODES  # Modes in which it counts
    kinds: tuple[str, ...] = ()  # Kinds of rows in which it counts (`tasks/kinds`), empty for all
    shaped: bool = True  # Whether it is part of what `shaping` shapes (accuracy); the rest (format) is added afterwards
    settings: dict[str, Any] = field(default_factory=dict)  # Keyword arguments of the reward

    def __post_init__(self) -> None:
        for key in ("modes", "kinds"):
            object.__setattr__(self, key, tuple(getattr(self, key)))

    def counts(self, kind: str, mode: str) -> bool:
        """Whether it counts for rows of this kind in this mode."""
        return mode in self.modes and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Everything the trainers of TRL know is in `trainer`, under TRL's own names."""

    name: str  # Name of the file
    method: str  # `sft` or `grpo`
    summary: str = ""  # One sentence
    epochs: tuple[str, ...] = ("direct",)  # The mode of each epoch
    # `ground-truth` or a JSONL: what `sft` learns; in `grpo` the off-policy answer of each group, None for none
    answers: str | None = None
    group_size: int = 4  # G of the papers: replies a prompt, the off-policy one included
    shaping: str = "none"  # How the off-policy answer enters the advantages
    rewards: tuple[RewardPart, ...] = ()  # Terms of the reward
    prompts_per_device: int = 1  # Prompts (SFT: answers) in a micro-batch of one process
    prompts_per_step: int | None = None  # Prompts in a step over all processes, from which the accumulation follows
    redraws: int = 0  # How often at most groups without variance are drawn again (DAPO's dynamic sampling)
    protocol: str | None = None  # Rules of prompts, frames and answers it is made for; None for the task's own
    freeze_vision: bool = False  # Whether the vision tower stays as it is
    lora: dict[str, Any] | None = None  # Settings of `peft.LoraConfig`, None for full training
    trainer: dict[str, Any] = field(default_factory=dict)  # Arguments of `trl.GRPOConfig` or `trl.SFTConfig`


KEYS = tuple(f.name for f in fields(Recipe) if f.name != "name")
KINDS: Kinds = {
    **dict.fromkeys(("method", "summary", "shaping"), (str,)),
    **dict.fromkeys(("epochs", "rewards"), (list, tuple)),
    **dict.fromkeys(("group_size", "prompts_per_device", "redraws"), (int,)),
    **dict.fromkeys(("answers", "protocol"), (str, type(None))),
    "prompts_per_step": (int, type(None)),
    "freeze_vision": (bool,),
    "lora": (dict, type(None)),
    "trainer": (dict, type(None)),
}
"""What stands behind each key of a file."""


def names() -> list[str]:
    """Names of the recipes that exist, those from outside included."""
    return sorted(_files())


def _files() -> dict[str, Path]:
    ours = {path.stem: path for path in FOLDER.glob("*.yaml")}
    return ours | {name: thing.path for name, thing in outside.added("recipes", ours).items()}


def load(name: str, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name: One of `names()`, or a path of a YAML file.
        changes: `KEY=VALUE`; a key of the recipe or of TRL's configuration. The size of a step replaces the recipe's own, in
            whichever of its two words.

    Raises:
        InputError: There is no such recipe, a key is unknown (the nearest is named), or values contradict each other.
    """
    values = dict(_read(name))  # without the lines of the file, which say nothing of --set
    recipe = from_mapping(Path(name).stem, values)
    keys = [change.partition("=")[0] for change in changes]
    if ACCUMULATION in keys and "prompts_per_step" in keys:
        raise InputError(f"prompts_per_step or {ACCUMULATION}", "both", "--set prompts_per_step=8")
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key:
            raise InputError("KEY=VALUE", repr(change), "--set learning_rate=1e-6")
        try:
            parsed = number(yaml_file.value(value))
        except ValueError as error:
            raise InputError(f"a value of YAML behind {key}=", f"{value[:80]!r}: {error}", "--set learning_rate=1e-6") from error
        trainer = {name: one for name, one in recipe.trainer.items() if (key, name) != ("prompts_per_step", ACCUMULATION)}
        values |= {"trainer": trainer, key: parsed} if key in KEYS else {"trainer": {**trainer, key: parsed}}
        if key == ACCUMULATION:
            values["prompts_per_step"] = None
        try:
            recipe = from_mapping(recipe.name, values, f"--set {change}")
        except InputError as error:
            lone = list in KINDS.get(key, ()) and isinstance(parsed, str)
            step = f"--set '{key}=[{value}]'" if lone else f"correct --set {key}=…"
            raise InputError(error.expected, error.found, step) from error
    return check(recipe)


def from_mapping(name: str, values: Mapping[str, Any], source: str = "") -> Recipe:
    """Build a recipe from the mapping of `source`, a file or an option. Raises InputError on an unknown key or a wrong value."""
    _check_keys(values, Place(Path(source or f"{name}.yaml"), ("a recipe",)))
    parts = [RewardPart(**({"name": part} if isinstance(part, str) else part)) for part in values.get("rewards", ())]
    epochs = values.get("epochs", ("direct",))
    try:
        given = values.get("trainer") or {}
        trainer = yaml_file.Lined({key: number(value) for key, value in given.items()})
        trainer.lines = getattr(given, "lines", trainer.lines)
    except ValueError as error:
        raise InputError("finite numbers for the trainer", f"{name}: {error}", f"edit {name}.yaml") from error
    return Recipe(**{**values, "name": name, "rewards": tuple(parts), "epochs": tuple(epochs), "trainer": trainer})


def _check_keys(values: Mapping[str, Any], place: Place) -> None:
    mapping(values, place, KINDS)
    rewards = place.of(values, "rewards").at("a reward")
    for part in values.get("rewards", ()):
        mapping(part := {"name": part} if isinstance(part, str) else part, rewards, REWARD_KINDS, ("name",))
        if ".py" not in part["name"]:
            word(part["name"], reward_names(), rewards.of(part, "name"), "a reward")
        for key, known in (("modes", MODES), ("kinds", kinds.names())):
            for one in part.get(key, ()):
                word(str(one), known, rewards.of(part, key), key)
    if (protocol := values.get("protocol")) is not None and not protocol.endswith(protocols.SUFFIX):
        word(protocol, protocols.names(), place.of(values, "protocol"), "a protocol")
    for key, known in (("method", METHODS), ("shaping", SHAPINGS)):
        if key in values:
            word(values[key], known, place.of(values, key), key)
    if strange := [str(mode) for mode in values.get("epochs", ()) if mode not in MODES]:
        expected = f"epochs: the mode of each, {' or '.join(MODES)},"
        raise place.of(values, "epochs").refuse(expected, unknown(strange[0][:80], MODES))


def check(recipe: Recipe) -> Recipe:
    """The recipe itself, if its values fit each other. Raises InputError."""

    def refuse(expected: str, found: str, step: str) -> InputError:
        return InputError(f"recipe {recipe.name}: {expected}", found, step)

    if not recipe.epochs:
        raise refuse(f"epochs: the mode of each, {' or '.join(MODES)}", "none", "--set epochs=[direct,cot]")
    if recipe.prompts_per_device < 1:
        raise refuse("prompts_per_device of at least 1", str(recipe.prompts_per_device), "--set prompts_per_device=1")
    if recipe.prompts_per_step is not None and "gradient_accumulation_steps" in recipe.trainer:
        found = f"prompts_per_step={recipe.prompts_per_step} and gradient_accumulation_steps"
        raise refuse("prompts_per_step or gradient_accumulation_steps, not both", found, "--set prompts_per_step=null")
    if recipe.method == "sft":
        if recipe.answers is None:
            raise refuse("answers to learn", "none", "--set answers=ground-truth")
        return recipe
    if recipe.group_size < 2:
        found = f"group_size={recipe.group_size}: its only reply would always have the advantage 0"
        raise refuse("at least 2 replies a group", found, "--set group_size=4")
    if not recipe.rewards:
        raise refuse("rewards", "none", "harness ls rewards")
    if not 0 <= recipe.redraws <= MOST_REDRAWS:
        raise refuse(f"redraws from 0 to {MOST_REDRAWS}", str(recipe.redraws), "--set redraws=3")
    if recipe.answers is None and recipe.shaping != "none":
        found = f"shaping={recipe.shaping} without an off-policy answer"
        raise refuse("shaping: none where every reply is the policy's own", found, "--set answers=ground-truth")
    if recipe.answers is not None and recipe.shaping == "anchor" and recipe.group_size < 3:
        raise refuse("two replies of the policy beside the anchored one", "group_size=2", "--set group_size=4")
    return recipe


def number(value: Any) -> Any:
    """A number that YAML 1.1 reads as a string (`1e-6` has no point). Raises ValueError on NaN and infinity."""
    try:
        found = float(value) if isinstance(value, str) else value
    except ValueError:
        return value
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError(f"{value} is no number")
    return found


def _read(name: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The mapping of a recipe's file over that of its `base`; `above` are the files that name it as their base."""
    if name in above:
        raise InputError("a recipe that is not its own base", " -> ".join([*above, name]), "harness ls recipes")
    own = name.endswith((".yaml", ".yml"))
    if not own and name not in (files := _files()):
        raise InputError(f"a recipe: {', '.join(sorted(files))}, or a YAML file", unknown(name, files), "harness ls recipes")
    path = Path(name) if own else files[name]
    values = yaml_file.read(path, f"a YAML file with a recipe: a mapping with the keys {', '.join(KEYS)}", "harness ls recipes")
    place = Place(path, ("a recipe",))
    base = values.pop("base", None)
    _check_keys(values, place)
    if base is None:
        return values
    if not isinstance(base, str):
        raise place.of(values, "base").refuse("the name of a recipe or of a file as base", shown(base))
    if not base.endswith((".yaml", ".yml")):
        word(base, names(), place.of(values, "base"), "a recipe")
    below = _read(base, (*above, name))
    trainer = (values.get("trainer") or yaml_file.Lined()).over(below.get("trainer") or {})
    return {**below, **values, "trainer": trainer}
