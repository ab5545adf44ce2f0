"""Any server that speaks OpenAI's chat completions: frames go as images, each behind its time in seconds as text."""

import base64
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urlencode

import openai
from PIL import Image

from harness import secret
from harness.frames import Frames
from harness.models.base import Asked, Reply
from harness.models.chat import refuse
from harness.models.openai_client import KEY, REPEATED, RETRIES, connect, reason
from harness.models.openai_reply import read
from harness.models.options import Options
from tasks.errors import Failure, InputError
from tasks.protocol import Protocol
from tasks.question import Question
from tasks.rules import PromptRules

JPEG_QUALITY = 90


class OpenAiModel:
    """Asks a server. Raises InputError without a key (which is never written anywhere), and for rules that it cannot be told."""

    needs_video = True
    pixel_factor = 28

    def __init__(self, name: str, protocol: Protocol, options: Options) -> None:
        check_protocol(protocol)
        self.name = name
        self._options = options
        self._client = connect(options)
        self._secrets = secret.known(os.environ, [options.base_url or ""])

    def describe(self) -> dict[str, Any]:
        """Model and server; nothing secret."""
        query = urlencode(self._client.default_query)
        return {
            "name": self.name,
            "backend": "openai",
            "server": secret.hidden(str(self._client.base_url) + (f"?{query}" if query else "")),
            "seed": self._options.seed,
            "clock": "text before each frame: its time in seconds, two decimals",
            "sight": "not probed: a server shows no logits",
        }

    def answer(self, frames: Frames | None, questions: Sequence[Question], /) -> list[Reply | Failure]:
        """One reply or failure per question, asked `batch_size` at a time.

        Failures: `api-refused` (the server rejects the request; it is not repeated), `api-error` (the server or the
        connection still fails after the retries), and those of `harness.models.openai_reply.read`. Raises InputError where the
        key or the model is not accepted, so that every question would fail in the same way, or as the class does.
        """
        ((_, answers),) = self.stream(iter([Asked(frames, questions)]))
        return answers

    def stream(self, videos: Iterator[Asked], /) -> Iterator[tuple[int, list[Reply | Failure]]]:
        """As `harness.models.base.Streaming`: `batch_size` questions are asked at a time, whichever video they are about."""
        size = self._options.window if self._options.batch_size == "auto" else self._options.batch_size
        pool = ThreadPoolExecutor(size)
        asked: dict[int, list[Future[Reply | Failure]]] = {}
        try:
            for place, (frames, questions) in enumerate(videos):
                asked[place] = self._submit(pool, frames, questions)
                yield from _finished(asked, self._options.window, size)
            yield from _finished(asked, 1, 1)
        finally:
            pool.shutdown(cancel_futures=True)

    def _submit(
        self, pool: ThreadPoolExecutor, frames: Frames | None, questions: Sequence[Question]
    ) -> list[Future[Reply | Failure]]:
        if frames is None:
            raise ValueError("this model answers about frames")
        for question in questions:
            check_protocol(question.protocol)
        shown = frame_parts(frames)
        return [pool.submit(self._ask, shown, question, frames) for question in questions]

    def _ask(self, shown: list[dict[str, Any]], question: Question, frames: Frames) -> Reply | Failure:
        messages = chat(question.protocol.prompt, shown, question.text)
        decoding = question.protocol.decoding
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model=self.name,
                messages=messages,  # type: ignore[arg-type]
                max_tokens=decoding.max_new_tokens,
                temperature=decoding.temperature,
                top_p=decoding.top_p,
                seed=self._options.seed,
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            found = secret.redact(f"{error.status_code}: {reason(error)}", self._secrets)
            raise InputError(f"a server that serves {self.name}", found, f"check --model, --base-url and {KEY}") from error
        except (openai.APIStatusError, openai.APIConnectionError) as error:
            if isinstance(error, openai.APIStatusError) and error.status_code < 500 and error.status_code not in REPEATED:
                return Failure("api-refused", f"{error.status_code}: {reason(error)}")
            return Failure("api-error", f"after {RETRIES} retries: {reason(error)}")
        except UnicodeEncodeError as error:
            return Failure("api-refused", f"the question cannot be sent: {error.reason}")
        return read(answer.content, hashlib.sha256(f"{question.text}\n{frames.fingerprint()}".encode()).hexdigest())


def _finished(
    asked: dict[int, list[Future[Reply | Failure]]], window: int, size: int
) -> Iterator[tuple[int, list[Reply | Failure]]]:
    """Take out and give the videos that have all of their replies, until fewer than `window` videos and `size` questions wait."""
    while True:
        # What ends after this line is still waited for below, so no video lies here finished while others are waited for.
        waiting = [one for some in asked.values() for one in some if not one.done()]
        for place, some in list(asked.items()):
            if all(one.done() for one in some):
                del asked[place]
                yield place, [one.result() for one in some]
        if len(asked) < window and len(waiting) < size:
            return
        wait(waiting, return_when=FIRST_COMPLETED)


def check_protocol(protocol: Protocol) -> None:
    """Refuse rules that a server cannot be told. Raises InputError."""
    beyond = {"repetition_penalty": protocol.decoding.repetition_penalty != 1.0, "prefill": bool(protocol.prompt.prefill)}
    refuse(beyond, protocol, "a protocol that the chat completions API can express")


def frame_parts(frames: Frames) -> list[dict[str, Any]]:
    """Message parts of a video: for each frame its time, then its picture as JPEG."""
    parts: list[dict[str, Any]] = []
    for time_s, pixels in zip(frames.time_s.tolist(), frames.pixels, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
        parts.append({"type": "text", "text": f"<{time_s:.2f} seconds>"})
        url = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def chat(prompt: PromptRules, shown: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The messages of one question, in the order the protocol asks for."""
    asked = [{"type": "text", "text": text}]
    user = {"role": "user", "content": shown + asked if prompt.order == "video-text" else asked + shown}
    return [user] if prompt.system is None else [{"role": "system", "content": prompt.system}, user]
