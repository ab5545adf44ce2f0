"""A server that answers anything at all: each odd answer is a typed failure of its question, and is asked again."""

import gzip
import http.server
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness import export, secret, store
from harness.asking import Decoder
from harness.frames import Frames
from harness.models import openai_client
from harness.models.base import Reply
from harness.models.openai_api import OpenAiModel
from harness.models.openai_reply import LARGEST, read
from harness.models.options import Options
from harness.output import write as write_page
from harness.plan import Plan, make_plan
from harness.run import run
from harness.summary import judge_plan
from leaderboards.view.data import Shown, page_data
from leaderboards.view.page import run_page
from tasks import protocol
from tasks.errors import Failure
from tasks.question import Question

GOOD = "<answer> 1 to 4 </answer>"
PROMPT = "0123"
HALF = "\ud83d said 1 to 4 \udc00"
SECRET = "sk-0123456789"


def completion(content: Any = GOOD, **changes: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage, **changes}


def choices(**changes: Any) -> dict[str, Any]:
    return completion(choices=[{**completion()["choices"][0], **changes}])


def usage(value: Any) -> dict[str, Any]:
    return completion(usage={"prompt_tokens": value, "completion_tokens": 7})


def of(answer: Any) -> bytes:
    return json.dumps(answer).encode()


REFUSED: dict[str, bytes] = {
    "null": b"null",
    "list": of([completion()]),
    "number": b"7",
    "html": b"<html><body>504 Gateway Time-out</body></html>",
    "cut": of(completion())[:80],
    "empty body": b"",
    "event stream": b'data: {"choices": [{"delta": {"content": "1 to 4"}}]}\n\ndata: [DONE]\n\n',
    "no UTF-8": of(completion("x")).replace(b'"x"', b'"\xff\xfe"'),
    "deep": b"[" * 100_000,
    "long number": b'{"choices": ' + b"1" * 10_000 + b"}",
    "error": of({"error": {"message": "no GPU left", "code": 500}}),
    "error and reply": of(completion(error="overloaded")),
    "no choices": of(completion(choices=[])),
    "choices null": of(completion(choices=None)),
    "choices object": of(completion(choices={"0": completion()["choices"][0]})),
    "choice null": of(completion(choices=[None])),
    "choice and null": of(completion(choices=[*completion()["choices"], None])),
    "two replies": of(completion(choices=completion()["choices"] + completion("5 to 9")["choices"])),
    "no message": of(completion(choices=[{"index": 0, "finish_reason": "stop"}])),
    "message text": of(choices(message=GOOD)),
    "content list": of(completion([{"type": "text", "text": GOOD}])),
    "content number": of(completion(7.5)),
    "content object": of(completion({"text": GOOD})),
    "content true": of(completion(True)),
    "finish reason list": of(choices(finish_reason=["length"])),
    "aborted": of(choices(finish_reason="abort")),
    "usage text": of(completion(usage="many")),
    "usage list": of(completion(usage=[1, 2])),
    **{f"count {value!r}": of(usage(value)) for value in (1e308, -1, True, 0.5, "12", [], float("nan"), float("inf"), 10**40)},
    "too long": of(completion("x" * LARGEST)),
}
READ: dict[str, tuple[bytes, Reply]] = {
    "as documented": (of(completion()), Reply(GOOD, PROMPT, 100, 7, False)),
    "no usage": (of({"choices": [{"message": {"content": GOOD}}]}), Reply(GOOD, PROMPT, 0, 0, False)),
    "usage null": (of(completion(usage=None)), Reply(GOOD, PROMPT, 0, 0, False)),
    "whole floats": (of(usage(12.0)), Reply(GOOD, PROMPT, 12, 7, False)),
    "the same twice": (of(completion(choices=completion()["choices"] * 2)), Reply(GOOD, PROMPT, 100, 7, False)),
    "half characters": (of(completion(HALF)), Reply(HALF, PROMPT, 100, 7, False)),
    "byte order mark": (b"\xef\xbb\xbf" + of(completion()), Reply(GOOD, PROMPT, 100, 7, False)),
    "other types beside": (of(completion(id=7, model=[], created="now", object=None)), Reply(GOOD, PROMPT, 100, 7, False)),
    "cut at the limit": (of(choices(finish_reason="length")), Reply(GOOD, PROMPT, 100, 7, True)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_completion_is_refused(name: str) -> None:
    found = read(REFUSED[name], PROMPT)
    assert isinstance(found, Failure) and found.type == "bad-response" and 0 < len(found.message) < 400


@pytest.mark.parametrize("name", READ)
def test_what_is_one_is_read(name: str) -> None:
    body, said = READ[name]
    assert read(body, PROMPT) == said


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"content": None, "reasoning": "x" * 40}, "`reasoning` held 40 characters"),
        ({"content": "", "reasoning_content": "y" * 1234}, "`reasoning_content` held 1,234 characters"),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "`tool_calls`"),
        ({"role": "assistant"}, "finish reason stop"),
    ],
)
def test_an_empty_reply_says_where_the_text_went(message: dict[str, Any], words: str) -> None:
    found = read(of(choices(message=message)), PROMPT)
    assert isinstance(found, Failure) and found.type == "empty-reply" and words in found.message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("choices", "usage", "error", "content", "message", "finish_reason", "prompt_tokens", "completion_tokens", "reasoning")


def put(answer: Any, field: str, value: Any) -> Any:
    """The answer with every field of this name replaced."""
    if isinstance(answer, dict):
        return {key: value if key == field else put(inner, field, value) for key, inner in {**answer}.items()}
    return [put(inner, field, value) for inner in answer] if isinstance(answer, list) else answer


@given(VALUES, st.sampled_from(FIELDS))
@settings(max_examples=80, deadline=None)
def test_any_value_in_any_field_is_read_or_refused(value: Any, field: str) -> None:
    found = read(of(put(completion(error=None), field, value)), PROMPT)
    if isinstance(found, Failure):
        assert found.type in ("bad-response", "empty-reply")
    else:
        assert isinstance(found.text, str) and found.text and type(found.prompt_tokens) is int and type(found.new_tokens) is int


@given(st.binary(max_size=60) | VALUES.map(of))
@settings(max_examples=60, deadline=None)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    assert isinstance(read(body, PROMPT), Failure)


# What no reader of a body sees: the connection itself.
Odd = Callable[["Handler"], None]


def answer(status: int, body: bytes, **headers: str) -> Odd:
    def send(handler: "Handler") -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(body)), "retry-after-ms": "1", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def cut(handler: "Handler") -> None:
    answer(200, of(completion())[:50], content_length="5000")(handler)
    handler.close_connection = True


def hang_up(handler: "Handler") -> None:
    handler.close_connection = True


def drip(handler: "Handler") -> None:
    """A byte each 50 ms: every part in time, the whole never."""
    answer(200, b"", content_length="5000")(handler)
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


CONNECTION: dict[str, tuple[Odd, str]] = {
    "no content": (answer(204, b""), "bad-response"),
    "redirected": (answer(307, b"", location=f"http://me:{SECRET}@elsewhere/v1"), "api-refused"),
    "redirected to itself": (answer(302, b"", location="/v1/chat/completions"), "api-refused"),
    "not modified": (answer(304, b""), "api-refused"),
    "garbage as gzip": (answer(200, b"no gzip", content_encoding="gzip"), "api-error"),
    "cut": (cut, "api-error"),
    "hung up": (hang_up, "api-error"),
    "slow": (drip, "api-error"),
    "busy": (answer(429, b"busy", retry_after="soon"), "api-error"),
    "down": (answer(503, b"<html>", retry_after="-1", retry_after_ms="nan"), "api-error"),
    "deep error": (answer(400, b"[" * 100_000, content_type="text/html; charset=hex"), "api-refused"),
    "teapot": (answer(418, of({"error": [SECRET]})), "api-refused"),
    "status 999": (answer(999, b""), "api-error"),
}
FINE: dict[str, Odd] = {
    "another type": answer(200, of(completion()), content_type="text/html; charset=utf-16"),
    "gzip": answer(200, gzip.compress(of(completion())), content_encoding="gzip"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    server: "Server"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = asked["messages"][-1]["content"][-1]["text"]
        self.server.asked.append(text)
        self.server.answer(text)(self)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.answer: Callable[[str], Odd] = lambda _: answer(200, of(completion()))

    def handle_error(self, *_: object) -> None:
        """Clients hang up here."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setattr(openai_client, "RETRIES", 1)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def model(server: Server, address: str = "http://127.0.0.1:{}/v1", timeout_s: float = 1.0) -> OpenAiModel:
    options = Options(base_url=address.format(server.server_port), batch_size=16, timeout_s=timeout_s)
    return OpenAiModel("served", protocol.load("synthetic"), options)


FRAMES = Frames(np.zeros((2, 28, 28, 3), np.uint8), np.array([0.0, 1.0]), 1.0, 0.0, "pyav")


@contextmanager
def decoder(_: object) -> Iterator[Decoder]:
    yield Decoder(lambda jobs: ((job, FRAMES) for job in jobs), lambda: 0.0)


@pytest.fixture
def plan(benchmark_root: Path) -> Plan:
    """The 120 questions of the train split, with files that nobody decodes."""
    videos = benchmark_root / "synthetic" / "videos"
    videos.mkdir()
    for i in range(40):
        (videos / f"train_{i:04d}.mp4").touch()
    return make_plan("synthetic@train", None, None, (), benchmark_root)


def test_odd_connections_are_typed_failures(server: Server, plan: Plan, verbatim: Callable[..., Question]) -> None:
    names = [*CONNECTION, *FINE]
    every = {**{name: odd for name, (odd, _) in CONNECTION.items()}, **FINE}
    server.answer = lambda text: every[text]
    questions = [verbatim(plan.samples[0], plan.protocol, name) for name in names]
    found = dict(zip(names, model(server).answer(FRAMES, questions), strict=True))
    for name, (_, kind) in CONNECTION.items():
        outcome = found[name]
        assert isinstance(outcome, Failure) and outcome.type == kind, (name, outcome)
    assert all(isinstance(found[name], Reply) for name in FINE)
    assert "elsewhere" in found["redirected"].message and SECRET not in found["redirected"].message  # type: ignore[union-attr]


def random_body(draw: random.Random) -> bytes:
    """A completion in which one or two fields hold something else, or no completion."""
    value = draw.choice([None, True, -1, 1e308, "", "x", HALF, [], {}, [[]], {"a": [None]}, float("nan"), 0])
    body = put(put(completion(error=None), draw.choice(FIELDS), value), draw.choice(FIELDS), draw.choice([value, GOOD, None]))
    text = of(body)
    return text[: draw.randrange(len(text))] if draw.random() < 0.2 else text


def test_a_run_with_a_hostile_server_ends_and_its_failures_alone_are_asked_again(
    server: Server, plan: Plan, tmp_path: Path, project_schemas: Path
) -> None:
    draw = random.Random(11)
    bodies = [*REFUSED.values()]
    bodies += [random_body(draw) for _ in range(len(plan.samples) - len(bodies))]
    turns = iter(bodies)
    lock = threading.Lock()

    def odd(_: str) -> Odd:
        with lock:
            return answer(200, next(turns))

    server.answer = odd
    folder = tmp_path / "run"
    first = run(plan, folder, lambda: model(server, timeout_s=30), decoder)
    assert first.scores is not None and first.scores["modes"]["direct"]["aggregate"]["n"] == 120
    expected = sum(isinstance(read(body, PROMPT), Failure) for body in bodies)
    assert first.failed == expected >= len(REFUSED)
    kinds = first.scores["modes"]["direct"]["counts"]["errors"]
    assert set(kinds) <= {"bad-response", "empty-reply"} and sum(kinds.values()) == expected
    validator = Draft202012Validator(json.loads((project_schemas / "samples.schema.json").read_text()))
    for record in store.read_records(folder).values():
        validator.validate(record)
    server.answer, before = lambda _: answer(200, of(completion())), len(server.asked)
    second = run(plan, folder, lambda: model(server), decoder)
    assert len(server.asked) - before == expected
    assert second.failed == 0 and second.scores is not None
    assert second.scores["modes"]["direct"]["coverage"] == 1.0


@pytest.fixture
def project_schemas() -> Path:
    return Path(store.__file__).parent / "schemas"


def test_half_characters_come_back_from_the_disk_and_can_be_shown(server: Server, plan: Plan, tmp_path: Path) -> None:
    server.answer = lambda _: answer(200, of(completion(HALF)))
    folder = tmp_path / "run"
    run(plan, folder, lambda: model(server), decoder)
    records = store.read_records(folder)
    assert {record["text"] for record in records.values()} == {HALF}
    (folder / store.SAMPLES).read_text(encoding="utf-8")
    table = export.rows(records, judge_plan(plan, records))
    for form in export.FORMATS:
        assert export.encode(table, form)
    shown = Shown("run", plan, plan.protocol, records, [])
    write_page(tmp_path / "view.html", run_page(page_data(plan.samples, [shown], ["direct"], {})).encode())


def test_an_echoed_key_and_a_password_are_written_nowhere(server: Server, plan: Plan, tmp_path: Path) -> None:
    password, parameter, part = "hunter2-pass", "q-0987654321", "sk-part-of-path"
    told = [password, parameter, part, SECRET]
    draw = random.Random(3)

    def echo(_: str) -> Odd:
        if draw.random() < 0.5:
            return answer(400, of({"error": {"message": " ".join(told)}}))
        return answer(200, of(completion(f"1 to 4 {' '.join(told)}")))

    server.answer = echo
    address = f"http://me:{password}@127.0.0.1:{{}}/{part}/v1?api_key={parameter}"
    secrets = secret.known({"OPENAI_API_KEY": SECRET}, [address])
    folder = tmp_path / "run"
    served = model(server, address)
    summary = run(plan, folder, lambda: served, decoder, secrets=secrets)
    assert 0 < summary.failed < 120
    written = "".join(path.read_text() for path in folder.iterdir())
    assert not [word for word in told if word in written]
    assert "1 to 4 *** *** *** ***" in written
    assert served.describe()["server"].startswith("http://***@127.0.0.1:")
