"""The OpenAI-compatible backend against a local server: what is sent, what is repeated, what is never written."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.cli import main
from harness.frames import Frames
from harness.models.base import Reply
from harness.models.openai_api import OpenAiModel
from harness.models.options import Options
from harness.synthetic.make import make
from tasks import protocol
from tasks.errors import Failure, InputError
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

SECRET = "sk-very-secret"


class Server(ThreadingHTTPServer):
    """Answers each request with the next status of `script`, 200 when it is used up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[int] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.reply: str | None = "1 to 4"
        self.echo = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(({key.lower(): value for key, value in self.headers.items()}, body))
        status = self.server.script.pop(0) if self.server.script else 200
        message = {"role": "assistant", "content": self.server.reply}
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107},
        }
        content = json.dumps(
            answer if status == 200 else {"error": {"message": self.server.echo or f"scripted {status}"}}
        ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


FRAMES = Frames(np.full((4, 28, 56, 3), 200, np.uint8), np.array([0.0, 0.5, 1.04, 1.5]), 0.5, 0.05, "pyav")
SAMPLES = make_samples("t", [one_query("v", 2.0, f"query {i}", (Span(0, 1),)) for i in range(3)])


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/v1"


def ask(server: Server, name: str = "default") -> list[Reply | Failure]:
    rules = protocol.load(name)
    model = OpenAiModel("served", rules, Options(base_url=url(server), batch_size=2))
    return model.answer(FRAMES, [Question(sample, "direct", rules) for sample in SAMPLES])


def test_frames_go_with_their_times_in_the_order_of_the_protocol(server: Server) -> None:
    replies = ask(server)
    assert [r.text for r in replies if isinstance(r, Reply)] == ["1 to 4"] * 3
    assert all(isinstance(r, Reply) and (r.prompt_tokens, r.new_tokens, r.truncated) == (100, 7, False) for r in replies)
    _, body = server.requests[0]
    parts = body["messages"][-1]["content"]
    assert [p["text"] for p in parts[0:8:2]] == ["<0.00 seconds>", "<0.50 seconds>", "<1.04 seconds>", "<1.50 seconds>"]
    picture = Image.open(io.BytesIO(base64.b64decode(parts[1]["image_url"]["url"].partition("base64,")[2])))
    assert picture.size == (56, 28)
    assert abs(int(np.asarray(picture).mean()) - 200) < 3
    assert 'the event "query ' in parts[-1]["text"]
    assert (body["temperature"], body["max_tokens"], body["model"]) == (0.0, 2048, "served")


def test_only_fields_that_both_documented_servers_know_are_sent(server: Server) -> None:
    """`ChatCompletionRequest` of SGLang 0.5.23 and vLLM 0.32.0: others are dropped there without a word, or refused."""
    known = {"model", "messages", "max_tokens", "temperature", "top_p", "seed"}
    parts = {"text": {"type", "text"}, "image_url": {"type", "image_url"}}
    ask(server)
    _, body = server.requests[0]
    assert set(body) == known
    for message in body["messages"]:
        assert set(message) == {"role", "content"}
        assert all(set(part) == parts[part["type"]] for part in message["content"])
    assert {"url"} == {key for part in body["messages"][0]["content"] for key in part.get("image_url", ())}


def test_a_busy_server_is_asked_again(server: Server) -> None:
    server.script = [429, 500, 503]
    assert all(isinstance(reply, Reply) for reply in ask(server))
    assert len(server.requests) == 6


def test_a_refused_request_costs_its_question_only(server: Server) -> None:
    server.script = [400]
    replies = ask(server)
    failures = [reply for reply in replies if isinstance(reply, Failure)]
    assert [failure.type for failure in failures] == ["api-refused"]
    assert "scripted 400" in failures[0].message
    assert len(server.requests) == 3


def test_a_server_that_stays_down_is_a_typed_failure(server: Server) -> None:
    server.script = [500] * 100
    assert {reply.type for reply in ask(server) if isinstance(reply, Failure)} == {"api-error"}


def test_an_empty_reply_is_a_failure(server: Server) -> None:
    server.reply = None
    assert {reply.type for reply in ask(server) if isinstance(reply, Failure)} == {"empty-reply"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_stops_the_run(server: Server, status: int) -> None:
    server.script = [status] * 10
    with pytest.raises(InputError, match=f"{status}: .*scripted"):
        ask(server)


def test_no_key_and_a_protocol_out_of_reach(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        ask(server)


def test_end_to_end_with_cost_line_and_without_the_key_on_disk(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "data", 0, {"train": 1, "dev": 1, "test": 2})
    options = ["--tasks", "synthetic", "--data-root", str(tmp_path / "data"), "--output", str(tmp_path / "run")]
    command = ["run", "--model", "served", "--backend", "openai", "--base-url", url(server), "--price", "1", "2", *options]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "tokens: 600 in prompts, 42 in replies, 0.00 dollars" in shown.out
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())["modes"]["direct"]
    assert (scores["coverage"], scores["parse_rate"]) == (1.0, 1.0)
    written = "".join(path.read_text() for path in (tmp_path / "run").iterdir())
    assert SECRET not in written + shown.out + shown.err
    assert server.requests[0][0]["authorization"] == f"Bearer {SECRET}"


def test_no_key_and_no_password_is_shown_or_written_whatever_the_server_echoes(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "data", 0, {"train": 1, "dev": 1, "test": 1})
    password, parameter = "hunter2-pass", "p-0123456789"
    address = url(server).replace("http://", f"http://me:{password}@") + f"?api_key={parameter}"
    options = ["--tasks", "synthetic", "--data-root", str(tmp_path / "data"), "--output", str(tmp_path / "run")]
    command = ["run", "--model", "served", "--backend", "openai", "--base-url", address, *options]
    monkeypatch.setattr("sys.argv", ["harness", *command])
    echoed = f"Basic {base64.b64encode(f'me:{password}'.encode()).decode()}"
    server.echo, server.script = f"no access with {SECRET} {password} {parameter} {echoed}", [401]
    assert main(command) == 2
    server.script = [400]
    assert main(command) == 0
    server.reply = f"1 to 4 for {SECRET} {password} {parameter}"
    assert main(command) == 0
    shown = capsys.readouterr()
    written = "".join(path.read_text() for path in (tmp_path / "run").iterdir()) + shown.out + shown.err
    assert not [word for word in (SECRET, password, parameter, echoed) if word in written]
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    assert document["spec"]["model"]["server"] == url(server).replace("http://", "http://***@") + "/?api_key=***"
    assert "http://***@127.0.0.1" in document["sessions"][0]["command"][7]
    other = [part.replace(f":{server.server_port}/", ":9/") for part in command]
    assert main(other) == 2
    assert "model.server was 'http://***@127.0.0.1" in capsys.readouterr().err
