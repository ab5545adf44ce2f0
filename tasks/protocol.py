"""A protocol: everything besides task and model that moves a number. One TOML file each, hashed."""

import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from string import ascii_uppercase
from typing import Any, get_args, get_type_hints

from tasks import kinds, outside, protocol_file
from tasks.errors import InputError, unknown
from tasks.rules import CLEAN, PARTS, About, AnswerRules, DecodingRules, PromptRules, ScoreRules, VideoRules
from tasks.sample import Sample

FOLDER, SUFFIX = Path(__file__).parent / "protocols", ".toml"


@dataclass(frozen=True)
class Protocol:
    """A named set of rules; `sha256` identifies it (prose fields do not count)."""

    name: str
    summary: str
    kind: str
    prompt: PromptRules
    video: VideoRules
    decoding: DecodingRules
    answer: AnswerRules
    score: ScoreRules
    about: About = field(default_factory=About)

    def rules(self) -> dict[str, Any]:
        """The rules that move a number, as JSON values."""
        return {"kind": self.kind, **json.loads(json.dumps({key: asdict(getattr(self, key)) for key in PARTS}))}

    @property
    def sha256(self) -> str:
        """Hash over `rules()`. One at its default is left out, so that rules to come change no hash."""
        moved = {
            key: {f.name: value for f in fields(part) if (value := getattr(part, f.name)) != f.default}
            for key, part in ((key, getattr(self, key)) for key in PARTS)
        }
        return hashlib.sha256(json.dumps({"kind": self.kind, **moved}, sort_keys=True).encode()).hexdigest()

    def asked_in(self, mode: str) -> str:
        """The text of a mode as it stands in the protocol. Raises InputError on an unknown mode."""
        if mode not in self.prompt.modes:
            known = ", ".join(self.prompt.modes)
            raise InputError(f"a mode of protocol {self.name}: {known}", unknown(mode, self.prompt.modes), "harness ls protocols")
        return self.prompt.modes[mode]

    def question(self, sample: Sample, mode: str) -> str:
        """The text of the user turn for a sample. Raises InputError on an unknown mode.

        `{query}` is its sentence, `{queries}` all of them and `{options}` what may be chosen, a line each with number or letter;
        `{count}` is the number of sentences and `{option_list}` the options as Python writes a list.
        """
        clean = CLEAN[self.prompt.clean]
        said = {
            "{query}": clean(sample.query),
            "{queries}": "\n".join(f"{number}. {clean(query)}" for number, query in enumerate(sample.queries, 1)),
            "{option_list}": str(list(sample.options)),
            "{count}": str(len(sample.queries)),
            "{options}": "\n".join(f"({letter}) {option}" for letter, option in zip(LETTERS, sample.options, strict=False)),
        }
        # In one pass: what a sentence says in braces stays as it is.
        return _PLACE.sub(lambda place: said[place[0]], self.asked_in(mode))


LETTERS = ascii_uppercase
_PLACE = re.compile(r"\{(?:query|queries|count|options|option_list)\}")


def names() -> list[str]:
    """Names of the protocols that exist, those from outside included."""
    return sorted(_files())


def load(name: str) -> Protocol:
    """Read a protocol by name, or from a TOML file. Raises InputError, with the nearest name, if there is none."""
    if name.endswith(SUFFIX):
        outside.include([name])
        name = Path(name).stem
    if name not in (files := _files()):
        raise InputError("the name of a protocol", unknown(name, files), "harness ls protocols")
    text = files[name].read_text(encoding="utf-8")
    values = tomllib.loads(text)
    if files[name].parent != FOLDER:
        protocol_file.check(values, files[name], text)
    return from_dict({"name": name, **values})


def _files() -> dict[str, Path]:
    ours = {path.stem: path for path in FOLDER.glob(f"*{SUFFIX}")}
    return ours | {name: thing.path for name, thing in outside.added("protocols", ours).items()}


def form(name: str, wanted: Sequence[str]) -> Protocol:
    """The protocol of that name, or the form of its family, `NAME-KIND`, for the first of these kinds that it has one for.

    Raises:
        InputError: There is no protocol of that name.
    """
    known = names()
    for kind in wanted if name in known else ():
        if (member := f"{name}-{kind}") in known:
            return load(member)
        if (found := load(name)).kind == kind:
            return found
    return load(name)


def from_dict(values: dict[str, Any]) -> Protocol:
    """Build a protocol from the tables of its file or from `run.json`, also of one that was written before there were kinds.

    Raises:
        InputError: A key is missing, unknown or of the wrong shape, or a rule has a value that it does not know.
    """
    try:
        given = values if "kind" in values else _before_kinds(values)
        built = {key: _part(cls, given[key]) for key, cls in PARTS.items()}
        about = _part(About, given.get("about", {}))
        if given["kind"] not in (known := kinds.names()):
            raise ValueError(f"kind = {given['kind']!r}, not one of {', '.join(known)}")
        return Protocol(given["name"], given.get("summary", ""), given["kind"], **built, about=about)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        expected = "; ".join(f"[{key}] {', '.join(f.name for f in fields(cls))}" for key, cls in PARTS.items())
        raise InputError(f"a protocol's kind and tables {expected}", repr(error), "harness show default") from error


def _before_kinds(values: dict[str, Any]) -> dict[str, Any]:
    """The rules of a `run.json` of version 0.1 in today's words."""
    answer, score = dict(values["answer"]), dict(values["score"])
    family, _, rest = answer["parser"].partition("_")
    kind = "moment"
    if family == "highlights":
        answer["parser"] = f"highlights.{rest}"
    if score.get("saliency", "none") != "none":
        kind = "windows" if values["name"] == "qvh-official" else "highlights"
    if score.get("iou") == "merged-set":
        kind = "union"
        del score["iou"]
    return {**values, "kind": kind, "answer": answer, "score": score}


def _part(cls: Any, table: dict[str, Any]) -> Any:
    for key, hint in get_type_hints(cls).items():
        if key in table and (allowed := get_args(hint)) and isinstance(allowed[0], str | int) and table[key] not in allowed:
            raise ValueError(f"{key} = {table[key]!r}, not one of {', '.join(map(repr, allowed))}")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})
