"""The three files of a run follow the published JSON Schemas, and the schemas explain every field."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from harness.cli import main
from harness.frames import Frames
from harness.models import tiny
from harness.models.base import Reply
from harness.records import make_record
from tasks import protocol
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

NAMES = ("run", "samples", "scores")
KEYWORDS_OF_FIELDS = ("properties", "patternProperties")


def schema(project: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((project / "harness" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def validators(project: Path) -> dict[str, Draft202012Validator]:
    return {name: Draft202012Validator(schema(project, name)) for name in NAMES}


@pytest.fixture
def evaluate(data_root: Path, tmp_path: Path) -> Callable[..., dict[str, list[Any]]]:
    """Run a model on the small benchmark and read the three files back."""

    def evaluate(*arguments: str) -> dict[str, list[Any]]:
        folder = tmp_path / "run"
        main(["run", "--tasks", "synthetic@test", "--data-root", str(data_root), "--output", str(folder), *arguments])
        files = {"run": "run.json", "scores": "scores.json"}
        documents = {name: [json.loads((folder / file).read_text(encoding="utf-8"))] for name, file in files.items()}
        lines = (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()
        return {**documents, "samples": [json.loads(line) for line in lines]}

    return evaluate


@pytest.fixture
def replies(tmp_path: Path) -> Path:
    """A file that answers one query, answers another with nonsense and knows nothing of the rest."""
    path = tmp_path / "replies.jsonl"
    rows = [{"video": "d", "query": "a red circle", "text": "1 to 3"}, {"video": "d", "query": "a blue square", "text": "?"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "whole-video"],
        ["--model", "whole-video", "--modes", "direct,cot"],
        ["--model", "train-prior", "--limit", "2", "--seed", "3"],
        ["--model", "replay:{replies}"],
        ["--model", "replay:{replies}", "--modes", "cot,direct"],
    ],
    ids=lambda arguments: " ".join(arguments[1:]),
)
def test_the_files_of_a_run_follow_their_schemas(
    arguments: list[str], evaluate: Callable[..., Any], replies: Path, validators: dict[str, Draft202012Validator]
) -> None:
    documents = evaluate(*(part.format(replies=replies) for part in arguments))
    for name, validator in validators.items():
        assert documents[name]
        for document in documents[name]:
            validator.validate(document)


def test_what_replays_lack_is_counted(evaluate: Callable[..., Any], replies: Path) -> None:
    documents = evaluate("--model", f"replay:{replies}")
    assert documents["run"][0]["counts"] == {"questions": 4, "failed": 2}
    assert documents["scores"][0]["modes"]["direct"]["counts"]["errors"] == {"no-row": 2}


def test_the_record_of_a_checkpoint_follows_the_schema(validators: dict[str, Draft202012Validator]) -> None:
    frames = Frames(np.zeros((2, 28, 56, 3), dtype=np.uint8), np.array([0.0, 1.0]), 1.0, 0.1, "pyav")
    question = Question(
        make_samples("t", [one_query("v", 2.0, "a dog", [Span(0.0, 1.0)])])[0], "direct", protocol.load("default")
    )
    validators["samples"].validate(make_record(question, Reply("0 to 1", "0" * 64, 20, 4, False), 0.5, frames))


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_checkpoint_without_videos_follows_the_schemas(
    family: str, evaluate: Callable[..., Any], tmp_path: Path, validators: dict[str, Draft202012Validator]
) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "d.mp4").write_bytes(b"no video")
    documents = evaluate("--model", str(tiny.build(tmp_path / family, family)), "--videos", str(tmp_path / "videos"))
    assert {record["error"]["type"] for record in documents["samples"]} == {"missing-video", "video-unreadable"}
    for name, validator in validators.items():
        for document in documents[name]:
            validator.validate(document)


def test_a_class_in_a_file_follows_the_schemas(
    evaluate: Callable[..., Any], tmp_path: Path, validators: dict[str, Draft202012Validator]
) -> None:
    answer = "    def answer(self, frames, questions):\n        return [question.text for question in questions]\n"
    described = "    def describe(self):\n        return {'weights': {'a': 1}}\n"
    (tmp_path / "mine.py").write_text(f"class Mine:\n    needs_video = False\n\n{described}\n{answer}", encoding="utf-8")
    documents = evaluate("--model", f"{tmp_path / 'mine.py'}:Mine")
    assert all(record["error"] is None for record in documents["samples"])
    for name, validator in validators.items():
        for document in documents[name]:
            validator.validate(document)


def test_an_interrupted_run_follows_the_schema(evaluate: Callable[..., Any], validators: dict[str, Draft202012Validator]) -> None:
    (run,) = evaluate("--model", "oracle")["run"]
    del run["counts"], run["sessions"][0]["timings_rank_0"]
    validators["run"].validate({**run, "status": "running"})


@pytest.mark.parametrize("name", NAMES)
def test_another_shape_is_refused(name: str, evaluate: Callable[..., Any], validators: dict[str, Draft202012Validator]) -> None:
    good = evaluate("--model", "whole-video")[name][0]
    for field in good:
        if field != "counts":
            with pytest.raises(ValidationError):
                validators[name].validate({key: value for key, value in good.items() if key != field})
        with pytest.raises(ValidationError):
            validators[name].validate({**good, field: ["something else"]})
    with pytest.raises(ValidationError):
        validators[name].validate({**good, "extra": 1})


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described_in_a_sentence(name: str, project: Path) -> None:
    document = schema(project, name)
    Draft202012Validator.check_schema(document)
    assert document["additionalProperties"] is False
    found = list(fields(document))
    assert [path for path, field in found if not field.get("description", "").endswith(".")] == []
    assert len(found) > 8


def fields(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and schema of every field that a schema names; the branches of `oneOf` name none of their own."""
    if isinstance(node, list):
        for entry in node:
            yield from fields(entry, path)
    elif isinstance(node, dict):
        for keyword, value in node.items():
            if keyword in KEYWORDS_OF_FIELDS:
                yield from ((f"{path}/{name}", field) for name, field in value.items())
                for name, field in value.items():
                    yield from fields(field, f"{path}/{name}")
            elif keyword != "oneOf":
                yield from fields(value, f"{path}/{keyword}")


@pytest.mark.parametrize("name", protocol.names())
def test_the_rules_of_every_protocol_follow_the_schema_of_a_run(project: Path, name: str) -> None:
    definitions, rules = schema(project, "run")["$defs"], protocol.load(name)
    written = {"name": name, "sha256": rules.sha256, **rules.rules()}
    Draft202012Validator({**definitions["protocol"], "$defs": definitions}).validate(written)
