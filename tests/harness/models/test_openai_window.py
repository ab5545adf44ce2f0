"""Questions on different videos are under way at a server at the same time."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from harness.frames import Frames
from harness.models.base import Asked, Reply
from harness.models.openai_api import OpenAiModel
from harness.models.options import Options
from tasks import protocol
from tasks.errors import InputError
from tasks.question import Question
from tasks.sample import make_samples, one_query
from tasks.span import Span

RULES = protocol.load("default")
FRAMES = Frames(np.zeros((2, 28, 28, 3), np.uint8), np.array([0.0, 1.0]), 1.0, 0.0, "pyav")
SAMPLES = make_samples("t", [one_query(f"v{i}", 2.0, f"query {i}.", (Span(0, 1),)) for i in range(12)])
VIDEOS = [Asked(FRAMES, [Question(sample, "direct", RULES)]) for sample in SAMPLES]


class Server(ThreadingHTTPServer):
    """Answers once `together` requests have come, or are all that is left; says which query it was asked."""

    def __init__(self, together: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.gate, self.now, self.most, self.refuse = threading.Barrier(together), 0, 0, ""
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with self.server.lock:
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
        self.server.gate.wait(30)
        query = next(sample.query for sample in SAMPLES[::-1] if sample.query.rstrip(".") in text)
        message = {"role": "assistant", "content": f"seen {query}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        content = json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}).encode()
        with self.server.lock:
            self.server.now -= 1
        self.send_response(404 if self.server.refuse and self.server.refuse in text else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    server = Server(4)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def model(server: Server, window: int = 32) -> OpenAiModel:
    url = f"http://127.0.0.1:{server.server_port}/v1"
    return OpenAiModel("served", RULES, Options(base_url=url, batch_size=4, window=window))


@pytest.mark.parametrize("window", [4, 32])
def test_as_many_questions_as_the_batch_size_are_under_way_over_videos(server: Server, window: int) -> None:
    """The server answers none before four have come, and no reply waits for another: ahead are four under way, and four of which
    the replies came since the last were taken.
    """
    taken = answered = ahead = 0

    def videos() -> Iterator[Asked]:
        nonlocal taken, ahead
        for one in VIDEOS:
            taken += 1
            ahead = max(ahead, taken - answered)
            yield one

    found = {}
    for place, answers in model(server, window).stream(videos()):
        answered += 1
        found[place] = [reply.text for reply in answers if isinstance(reply, Reply)]
    assert found == {place: [f"seen {sample.query}"] for place, sample in enumerate(SAMPLES)}
    assert server.most == 4 and ahead <= min(window, 8)


def test_a_model_that_is_not_served_stops_the_stream(server: Server) -> None:
    server.gate, server.refuse = threading.Barrier(1), "query 7"
    found = []
    with pytest.raises(InputError, match="serves served"):
        found += [place for place, _ in model(server).stream(iter(VIDEOS))]
