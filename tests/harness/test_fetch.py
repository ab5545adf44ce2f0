"""Downloads from a server of our own: nothing reaches its place unless it is whole and has its hash."""

import fcntl
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.data import fetch as fetching
from harness.data.fetch import fetch, wanted
from tasks import task as tasks
from tasks.errors import InputError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `files` by path; `breaks` is how often it hangs up half-way, `ranges` whether it can go on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/file": CONTENT}
        self.breaks = 0
        self.ranges = True
        self.status: list[int] = []
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        ask = self.headers.get("Range")
        self.server.asked.append((self.path, ask))
        content = self.server.files.get(self.path)
        if self.server.status:
            return self.send_error(self.server.status.pop(0))
        if content is None:
            return self.send_error(404)
        start = int(ask.removeprefix("bytes=").rstrip("-")) if ask and self.server.ranges else 0
        if start >= len(content):
            return self.send_error(416)
        rest = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetching, "PAUSE_S", 0.01)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def test_a_download(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.json"
    fetch(f"{server.url}/file", target, SHA256)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.breaks, server.ranges = 2, ranges
    fetch(f"{server.url}/file", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT
    starts = [ask for _, ask in server.asked]
    half = len(CONTENT) // 2
    assert starts == [None, f"bytes={half}-", f"bytes={half + half // 2 if ranges else half}-"]


def test_a_download_that_stays_truncated_is_resumed_by_the_next_call(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "file"
    server.breaks = fetching.ATTEMPTS
    with pytest.raises(InputError, match="the connection ended") as error:
        fetch(f"{server.url}/file", target, SHA256)
    assert "type the same command again" in error.value.next_command
    assert not target.exists()
    size = part_of(target).stat().st_size
    assert 0 < size < len(CONTENT) and part_of(target).read_bytes() == CONTENT[:size]
    fetch(f"{server.url}/file", target, SHA256)
    assert server.asked[-1] == ("/file", f"bytes={size}-")
    assert target.read_bytes() == CONTENT and not part_of(target).exists()


def test_a_whole_part_needs_no_bytes(server: Server, tmp_path: Path) -> None:
    part_of(tmp_path / "file").write_bytes(CONTENT)
    fetch(f"{server.url}/file", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * (len(CONTENT) + 5)])
def test_a_part_of_another_file_is_started_over(server: Server, tmp_path: Path, part: bytes) -> None:
    part_of(tmp_path / "file").write_bytes(part)
    fetch(f"{server.url}/file", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_wrong_hash_touches_nothing(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("mine")
    server.files["/file"] = CONTENT[:-1] + b"x"
    with pytest.raises(InputError, match=f"sha256 {SHA256}") as error:
        fetch(f"{server.url}/file", target, SHA256)
    assert hashlib.sha256(server.files["/file"]).hexdigest() in error.value.found
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "mine"


def test_an_altered_file_is_kept_aside(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    fetch(f"{server.url}/file", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert (tmp_path / "file.altered").read_text() == "mine"


def test_not_found_is_told_at_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="HTTP 404 Not Found"):
        fetch(f"{server.url}/nothing", tmp_path / "file", SHA256)
    assert len(server.asked) == 1 and not list(tmp_path.iterdir())


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.status = [503, 429]
    fetch(f"{server.url}/file", tmp_path / "file", SHA256)
    server.status = [500] * fetching.ATTEMPTS
    with pytest.raises(InputError, match="0 bytes after 4 attempts, then: HTTP Error 500"):
        fetch(f"{server.url}/file", tmp_path / "other", SHA256)


def test_no_server(server: Server, tmp_path: Path) -> None:
    port = server.server_port
    server.server_close()
    with pytest.raises(InputError, match="refused"):
        fetch(f"http://127.0.0.1:{port}/file", tmp_path / "file", SHA256)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "http://[", "http://a b/"])
def test_other_addresses_are_refused(server: Server, tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError):
        fetch(url, tmp_path / "file", SHA256)


def test_a_file_without_end_is_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST_BYTES", 100_000)
    with pytest.raises(InputError, match="at most 100,000 bytes"):
        fetch(f"{server.url}/file", tmp_path / "file", SHA256)
    assert not list(tmp_path.iterdir())


def test_two_at_once(server: Server, tmp_path: Path) -> None:
    with part_of(tmp_path / "file").open("ab") as other:
        fcntl.flock(other.fileno(), fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process"):
            fetch(f"{server.url}/file", tmp_path / "file", SHA256)


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(InputError, match="can be written"):
        fetch(f"{server.url}/file", tmp_path / "folder" / "file", SHA256)


def harness(*arguments: object) -> int:
    return main(["data", "fetch", *map(str, arguments)])


def mirror_of(server: Server, root: Path, *paths: str) -> None:
    server.files |= {f"/m/{path}": (root / path).read_bytes() for path in paths}


@pytest.mark.shared_data
def test_a_task_from_a_mirror(shared_data: Path, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mirror_of(server, shared_data, "charades_cd/val.json", "charades_cd/test_iid.json", "charades_sta/test.json")
    options = ["--data-root", tmp_path, "--mirror", f"{server.url}/m/"]
    assert harness("--task", "charades-cd@val,charades@test", *options) == 0
    shown = capsys.readouterr().out
    assert "licence: Charades: non-commercial research use" in shown.splitlines()[0]
    assert len(tasks.load(tasks.find("charades-cd"), "val", tmp_path)) == 859
    assert len(tasks.load(tasks.find("charades"), "test", tmp_path)) == 3720
    asked = len(server.asked)
    assert harness("--task", "charades-cd@val", *options) == harness("--task", "charades-cd@val", *options, "--offline") == 0
    assert len(server.asked) == asked
    assert "is there" in capsys.readouterr().out
    # The other splits are not in this mirror.
    assert harness("--task", "charades-cd", *options) == 2
    assert "charades_cd/train.json" in (message := capsys.readouterr().err) and "HTTP 404" in message


def test_offline_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness("--task", "tacos@val", "--data-root", tmp_path, "--offline") == 2
    message = capsys.readouterr().err
    assert "tacos/val.json" in message and "--offline" in message and "https://" in message


def test_files_that_the_user_supplies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert harness("--task", "anet-cd", "--data-root", tmp_path) == 2
    message = capsys.readouterr().err
    assert "supplied by you" in message and "DATA_ROOT/anet_cd/SPLIT.json" in message


@pytest.mark.shared_data
def test_the_form_that_is_there_is_enough(shared_data: Path, tmp_path: Path) -> None:
    task = tasks.find("charades")
    assert [w.path for w in wanted(task, "test", tmp_path)] == ["charades_sta/test.json"]
    assert [w.path for w in wanted(task, "fewshot-50-seed0", tmp_path)] == ["charades_sta/train.json"]
    (tmp_path / "charades_sta").mkdir()
    for name in ("test.txt", "Charades_v1_test.csv"):
        (tmp_path / "charades_sta" / name).symlink_to(shared_data / "charades_sta" / name)
    assert [w.path for w in wanted(task, "test", tmp_path)] == ["charades_sta/test.txt", "charades_sta/Charades_v1_test.csv"]
    assert len(wanted(tasks.find("charades-cd"), None, tmp_path)) == 4
