"""Rewards: plain functions with TRL's signature, one a module, found by the name of the module.

    reward(completions, *, COLUMNS, SETTINGS, **_) -> list[float | None]

- TRL passes everything by keyword. `completions` are strings, or conversations `[{"role": "assistant", "content": text}]`.
- COLUMNS have no default. They are columns of the dataset, one value a completion: `targets` (`[[start_s, end_s], …]`),
  `duration_s`, `saliency` (per clip one score an annotator, or None), `grid` (bounds in seconds of these clips, empty where they
  are of 2 s), `mode` (`direct` or `cot`), `kind` (of the protocol), `queries` (sentences), `options` (what may be chosen) and
  `option` (letter of the right one, or None). What TRL passes besides (`prompts`, `completion_ids` …) is not read.
- SETTINGS have a default. A reward that reads replies by the rules of a protocol takes it as `protocol` (a
  `tasks.protocol.Protocol`), so that training and evaluation share parser and IoU; the peers' rewards bring their own rules.
- A value of None says that the row has nothing to score, as TRL understands it. Nothing else raises or depends on other rows.
- `maximum(kind, **settings)` of a module is the largest value it can give a row of this kind; without it, 1.
- `KINDS` of a module names the kinds of questions (`tasks/kinds`) that its reward can score; without it, all. The same holds for
  a user's own file. A reward under a protocol that it cannot score is refused before anything is loaded.

`find("iou", protocol=protocol, signed=True)` binds settings with `functools.partial`. `terms` makes of a recipe's rewards what a
trainer gets. Sums are the trainer's business: TimeZero is `timezero` + `think_answer`, MUSEG `museg` + `museg_format`, each of
weight 1. No module here holds a regular expression: replies are read by `tasks.parsers`.
"""

import functools
import importlib
import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasks import outside
from tasks.errors import InputError, unknown
from tasks.protocol import Protocol
from trainers.rewards import user
from trainers.rewards.fit import Reward, kinds_of, largest, listed, misfit

MODES = ("direct", "cot")
NEXT = "--protocol NAME, or another reward (harness ls rewards)"
HELPERS = ("__init__", "common", "fit", "gauntlet", "hostile", "rows", "shape", "user")
OURS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS))


def names() -> list[str]:
    """Names of the rewards that exist, those from outside included."""
    return sorted((*OURS, *outside.added("rewards", OURS)))


def find(name: str, protocol: Protocol | None = None, **settings: Any) -> Reward:
    """The reward of that name with its settings bound.

    Args:
        name: One of `names()`.
        protocol: Bound where the reward takes one.
        settings: Keyword-only parameters of the reward that have a default.

    Raises:
        InputError: There is no such reward, it has no such setting, with the nearest name, or it cannot score the protocol, with
            those that can.
    """
    reward = _bound(name, protocol, settings)
    if protocol is not None and (reason := misfit(reward, protocol)):
        raise InputError(f"a reward for protocol {protocol.name}: {', '.join(fitting(protocol))}", f"{name} {reason}", NEXT)
    return reward


def fitting(protocol: Protocol) -> list[str]:
    """Names of the rewards that can score a protocol."""
    found = []
    for name in names():
        with suppress(InputError):
            found += [name] if misfit(_bound(name, protocol, {}), protocol) is None else []
    return found


def _bound(name: str, protocol: Protocol | None, settings: dict[str, Any]) -> Reward:
    if name not in names():
        raise InputError(f"a reward: {', '.join(names())}", unknown(name, names()), "harness ls rewards")
    thing = outside.added("rewards", OURS).get(name)
    reward: Reward = getattr(thing.load() if thing else importlib.import_module(f"trainers.rewards.{name}"), name)
    known = [setting for setting in settings_of(reward) if setting != "protocol"]
    for setting in settings:
        if setting not in known:
            expected = f"a setting of reward {name}: {', '.join(known) or 'none'}"
            raise InputError(expected, unknown(setting, known), f"remove {setting} from the recipe")
    if protocol is not None and "protocol" in settings_of(reward):
        settings = {**settings, "protocol": protocol}
    return functools.partial(reward, **settings) if settings else reward


class RecipeReward:
    """A reward as TRL calls it: each row by the rules of its own protocol, None in modes and kinds where it does not count.

    Args:
        name: One of `names()` or `FILE.py:function`.
        protocols: Those of the rows by name.
        modes: Modes in which it counts.
        settings: Of the reward.
        kinds: Kinds of rows in which it counts; empty for all.

    Raises:
        InputError: There is no such reward, it has no such setting, or it cannot score one of the protocols for which it counts.
    """

    def __init__(
        self,
        name: str,
        protocols: Mapping[str, Protocol],
        modes: Sequence[str] = MODES,
        settings: Mapping[str, Any] | None = None,
        kinds: Sequence[str] = (),
    ) -> None:
        own = functools.partial(user.load(name), **settings or {}) if ".py" in name else None
        counted = {key: protocol for key, protocol in protocols.items() if not kinds or protocol.kind in kinds}
        for protocol in counted.values():
            if own and protocol.kind not in kinds_of(own):
                expected = f"a reward for protocol {protocol.name} ({protocol.kind})"
                raise InputError(expected, f"{name} scores {listed(kinds_of(own))}", "KINDS in that file, or another reward")
        self._rewards = {key: own or find(name, protocol, **settings or {}) for key, protocol in counted.items()}
        self.modes = modes
        self.__name__ = name

    def __call__(self, *, mode: Sequence[str], protocol_name: Sequence[str], **columns: Any) -> list[float | None]:
        """One value a completion."""
        values: list[float | None] = [None] * len(mode)
        columns |= {"mode": mode, "protocol_name": protocol_name}
        # One call for all rows that are scored alike; what TRL passes besides columns stays as it is.
        for reward in {id(found): found for name in protocol_name if (found := self._rewards.get(name))}.values():
            rows = [row for row, name in enumerate(protocol_name) if self._rewards.get(name) is reward]
            chosen = {key: [value[row] for row in rows] if isinstance(value, list) else value for key, value in columns.items()}
            for row, value in zip(rows, reward(**chosen), strict=True):
                values[row] = value if mode[row] in self.modes else None
        return values


def maximum(name: str, kind: str, **settings: Any) -> float:
    """Largest value that a reward can give a row of this kind: what its module says, 1 where it says nothing."""
    return 1.0 if ".py" in name else largest(_bound(name, None, settings), kind)


def settings_of(reward: Reward) -> list[str]:
    """Names of its keyword-only parameters that have a default."""
    parameters = inspect.signature(reward).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty]
