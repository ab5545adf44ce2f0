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

`find("iou", protocol=protocol, signed=True)` binds settings with `functools.partial`. `RecipeReward` is what a trainer gets. Sums
are the trainer's business: TimeZero is `timezero` + `think_answer`, MUSEG `museg` + `museg_format`, with weight 1 each.
No module here holds a regular expression: replies are read by `tasks.parsers`.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.errors import InputError, unknown
from tasks.protocol import Protocol
from trainers.rewards import user

Reward = Callable[..., list[float | None]]
MODES = ("direct", "cot")

HELPERS = ("__init__", "common", "gauntlet", "hostile", "shape", "user")


def names() -> list[str]:
    """Names of the rewards that exist."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in HELPERS)


def find(name: str, protocol: Protocol | None = None, **settings: Any) -> Reward:
    """The reward of that name with its settings bound.

    Args:
        name: One of `names()`.
        protocol: Bound where the reward takes one.
        settings: Keyword-only parameters of the reward that have a default.

    Raises:
        InputError: There is no such reward, or it has no such setting; with the nearest name.
    """
    if name not in names():
        raise InputError(f"a reward: {', '.join(names())}", unknown(name, names()), "harness ls rewards")
    reward: Reward = getattr(importlib.import_module(f"trainers.rewards.{name}"), name)
    known = [setting for setting in settings_of(reward) if setting != "protocol"]
    for setting in settings:
        if setting not in known:
            expected = f"a setting of reward {name}: {', '.join(known) or 'it has none'}"
            raise InputError(expected, unknown(setting, known), "drop it")
    if protocol is not None and "protocol" in settings_of(reward):
        settings["protocol"] = protocol
    return functools.partial(reward, **settings) if settings else reward


class RecipeReward:
    """A reward as TRL calls it: each row by the rules of its own protocol, None in modes where it does not count.

    `name` is one of `names()` or `FILE.py:function`, `protocols` are those of the rows by name. Raises InputError where there is
    no such reward, or it has no such setting.
    """

    def __init__(
        self,
        name: str,
        protocols: Mapping[str, Protocol],
        modes: Sequence[str] = MODES,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        own = functools.partial(user.load(name), **settings or {}) if ".py" in name else None
        self._rewards = {key: own or find(name, protocol, **settings or {}) for key, protocol in protocols.items()}
        self.modes = modes
        self.__name__ = name

    def __call__(self, *, mode: Sequence[str], protocol_name: Sequence[str], **columns: Any) -> list[float | None]:
        """One value a completion."""
        values: list[float | None] = [None] * len(mode)
        columns |= {"mode": mode, "protocol_name": protocol_name}
        # One call for all rows that are scored alike; what TRL passes besides columns stays as it is.
        for reward in {id(self._rewards[name]): self._rewards[name] for name in protocol_name}.values():
            rows = [row for row, name in enumerate(protocol_name) if self._rewards[name] is reward]
            chosen = {key: [value[row] for row in rows] if isinstance(value, list) else value for key, value in columns.items()}
            for row, value in zip(rows, reward(**chosen), strict=True):
                values[row] = value if mode[row] in self.modes else None
        return values


def maximum(name: str, kind: str, **settings: Any) -> float:
    """Largest value that a reward can give a row of this kind: what its module says, 1 where it says nothing."""
    said: Any = None if ".py" in name else getattr(importlib.import_module(f"trainers.rewards.{name}"), "maximum", None)
    return 1.0 if said is None else float(said(kind, **settings))


def settings_of(reward: Reward) -> list[str]:
    """Names of its keyword-only parameters that have a default."""
    parameters = inspect.signature(reward).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty]
