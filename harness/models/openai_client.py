"""The connection to an OpenAI-compatible server: key and address checked, answers bounded in time and size."""

import os
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import openai

from harness import secret
from harness.models.openai_reply import LARGEST
from harness.models.options import Options
from tasks.errors import InputError

KEY = "OPENAI_API_KEY"
RETRIES = 5
TIMED_OUT = 408
REPEATED = (TIMED_OUT, 409, 429)
"""Statuses below 500 that the client asks again for."""

USED = ("location", "retry-after", "retry-after-ms", "x-should-retry")
"""Headers of an answer that anything here reads."""


class _Client(openai.DefaultHttpxClient):
    """Reads bodies whole, within one deadline and up to `LARGEST`: the library's own limit is for each part, and a slow server
    sends one part a second. Redirections are not followed, as another server would answer than the run names.
    """

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s, follow_redirects=False)
        self._timeout_s = timeout_s

    def send(self, request: Any, **options: Any) -> Any:
        deadline = time.monotonic() + self._timeout_s
        response = super().send(request, **{**options, "stream": True})
        status, body = response.status_code, bytearray()
        try:
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > deadline:
                    status, body = TIMED_OUT, bytearray(b'{"error": {"message": "the deadline passed while the reply came"}}')
                if status == TIMED_OUT or len(body) > LARGEST:
                    break
        finally:
            response.close()
        headers = {name: response.headers[name] for name in USED if name in response.headers}
        return type(response)(status, headers=headers, content=bytes(body), request=request)


def connect(options: Options) -> openai.OpenAI:
    """A client for the server of these options. Raises InputError for no key or one that no header can hold, and no address."""
    key = os.environ.get(KEY)
    if not key:
        raise InputError(f"a key in the environment variable {KEY}", "none", f"export {KEY}=… (any word for a local server)")
    if not (key.isascii() and key.isprintable()) or key != key.strip():
        found = f"{len(key)} characters, some of them blanks at an end, line ends or beyond ASCII"
        raise InputError(f"a key of plain characters in {KEY}", found, f"export {KEY}=…")
    address = options.base_url or os.environ.get("OPENAI_BASE_URL")
    try:
        return openai.OpenAI(
            api_key=key,
            base_url=address.partition("?")[0] if address else None,
            default_query=_query(address) if address else {},
            max_retries=RETRIES,
            http_client=_Client(options.timeout_s),
            timeout=options.timeout_s,
        )
    except Exception as error:
        # httpx's InvalidURL is no ValueError, and two packages bear that name.
        if type(error).__name__ != "InvalidURL":
            raise
        raise _no_address(address or "", str(error)) from error


def reason(error: openai.APIError) -> str:
    """What a server or the connection said, in one line."""
    if isinstance(error, openai.APIStatusError) and (target := error.response.headers.get("location")):
        return f"the server names another address, for --base-url: {secret.hidden(target)}"[:300]
    cause = f" {type(error.__cause__).__name__}: {error.__cause__}" if error.__cause__ is not None else ""
    return f"{(str(error).splitlines() or [''])[0]}{cause}"[:300]


def _query(address: str) -> dict[str, str]:
    """The parameters of an address, which the client wants on their own. Raises InputError if it is no address of a server."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise _no_address(address, str(error)) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not address.isprintable():
        raise _no_address(address, "no http://HOST or https://HOST at its start")
    return dict(parse_qsl(parts.query, keep_blank_values=True))


def _no_address(address: str, why: str) -> InputError:
    shown = secret.hidden(address) if "://" in address else f"{len(address)} characters"
    return InputError("the address of a server", f"{shown}: {why}", "--base-url http://HOST:PORT/v1")
