"""A provider on this machine, for clients that are measured: python -m tests.benchmarks.server [--cpu N]

It plays RelayDance's API for vidgen_nb, /v1/videos for openai and the aiohttp loop, and fal's queue, over one and the
same set of tasks. A prompt says which task is meant: "run 17 seed 3 median 6" lasts as long for every client. A key
names its client, and "@5" at its end limits it to 5 polls a second. It prints its port; it ends with its parent.
"""

import argparse
import asyncio
import json
import math
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from ..clips import mp4

SIGMA = 0.4
BURST = 20  # polls which a limited key may send at once
SMALL, LARGE = 1 << 20, 64 << 20  # bytes of a clip
_ASKED = re.compile(rb"(\w+) (\d+) seed (\d+) median ([\d.]+)")
_KEY = re.compile(rb"\r\nauthorization: (?:bearer|key) ([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Task:
    """One generation: when it was made, when it is done, and when it was asked about."""

    id: str
    phase: str
    number: int
    made: float
    done: float
    polls: list[float] = field(default_factory=list)

    @property
    def percent(self) -> int:
        """Its progress in steps of ten."""
        return min(90, int(10 * (time.monotonic() - self.made) / (self.done - self.made)) * 10)


class Account:
    """One key: its tasks, its allowance, and what was asked with it."""

    def __init__(self, key: str) -> None:
        name, _, rate = key.partition("@")
        self.reports = name.endswith("progress")
        self.rate = float(rate) if rate else math.inf
        self._tokens, self._filled = float(BURST), time.monotonic()
        self.tasks: list[Task] = []
        self.counts: dict[str, dict[str, int]] = {}

    def count(self, phase: str, what: str) -> None:
        kinds = self.counts.setdefault(phase, {})
        kinds[what] = kinds.get(what, 0) + 1

    def admits(self) -> bool:
        """Whether one more poll is within the limit (a token bucket)."""
        if self.rate == math.inf:
            return True
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def report(self) -> dict[str, Any]:
        """What was seen of each phase: requests by kind, and each task's end and polls."""
        told: dict[str, Any] = {phase: {"counts": counts, "tasks": {}} for phase, counts in self.counts.items()}
        for task in self.tasks:
            told[task.phase]["tasks"][task.number] = {"made": task.made, "done": task.done, "polls": task.polls}
        return told


def duration(number: int, seed: int, median: float) -> float:
    """How long a task takes, in seconds."""
    return random.Random(f"{seed}/{number}").lognormvariate(math.log(median), SIGMA)


Answer = bytes | tuple[IO[bytes], int]  # a whole reply, or a file with its size


class Provider:
    """Answers requests. Routes are tried in order; each is a pattern of "METHOD path" and what answers it."""

    def __init__(self, films: dict[str, tuple[IO[bytes], int]]) -> None:
        self.films = films
        self.accounts: dict[str, Account] = {}
        self.tasks: dict[str, Task] = {}
        self.url = ""
        self._routes: list[tuple[re.Pattern[str], Callable[..., Answer]]] = [
            (re.compile(pattern), answer)
            for pattern, answer in (
                (r"GET /v1/video/generations/(\w+)$", self._relaydance),
                (r"GET /v1/videos/(\w+)$", self._openai),
                (r"GET /fal-ai/clip/requests/(\w+)/status(?:\?.*)?$", self._fal),
                (r"GET /fal-ai/clip/requests/(\w+)$", self._fal_result),
                (r"GET /clips/(\w+)\.mp4$", self._film),
                (r"GET /v1/videos/(\w+)/content(?:\?.*)?$", self._film),
                (r"POST /v1/video/generations$", lambda account, body: self._make(account, body, self._relaydance)),
                (r"POST /v1/videos$", lambda account, body: self._make(account, body, self._openai)),
                (r"POST /fal-ai/clip$", lambda account, body: self._make(account, body, self._fal_made)),
                (r"GET /bench$", lambda account, body: _json(account.report())),
            )
        ]

    def answer(self, head: bytes, body: bytes) -> Answer:
        method, path, _ = head[: head.index(b"\r\n")].decode("latin-1").split(" ")
        found = _KEY.search(head)
        key = found[1].decode() if found else ""
        account = self.accounts.get(key) or self.accounts.setdefault(key, Account(key))
        for pattern, answer in self._routes:
            if match := pattern.match(f"{method} {path}"):
                return answer(account, *(match.groups() or (body,)))
        return _json({"error": {"message": f"no such address: {method} {path}"}}, 404)

    def _make(self, account: Account, body: bytes, told: Callable[..., Answer]) -> Answer:
        asked = _ASKED.search(body)
        if asked is None:
            return _json({"error": {"message": "the prompt names no task"}}, 400)
        phase, number, seed = asked[1].decode(), int(asked[2]), int(asked[3])
        now = time.monotonic()
        task = Task(f"task{len(self.tasks)}", phase, number, now, now + duration(number, seed, float(asked[4])))
        self.tasks[task.id] = task
        account.tasks.append(task)
        account.count(phase, "posts")
        return told(account, task.id, new=True)

    def _polled(self, account: Account, id: str, new: bool) -> tuple[Task, bytes | None]:
        """The task, and a refusal if this poll is one too many."""
        task = self.tasks[id]
        if new:
            return task, None
        account.count(task.phase, "polls")
        if not account.admits():
            account.count(task.phase, "refused")
            return task, _json({"error": {"message": "Too many requests", "type": "rate_limit_error"}}, 429, _WAIT)
        task.polls.append(time.monotonic())
        return task, None

    def _relaydance(self, account: Account, id: str, new: bool = False) -> Answer:
        task, refused = self._polled(account, id, new)
        if refused:
            return refused
        if time.monotonic() >= task.done:
            url = f"{self.url}/clips/{id}.mp4"
            return _json({"task_id": id, "status": "succeeded", "url": url, "format": "mp4"})
        told = {"progress": task.percent} if account.reports else {}
        return _json({"task_id": id, "status": "submitted" if new else "running", **told})

    def _openai(self, account: Account, id: str, new: bool = False) -> Answer:
        task, refused = self._polled(account, id, new)
        if refused:
            return refused
        over = time.monotonic() >= task.done
        return _json({
            "id": id, "object": "video", "model": "sora-2", "created_at": 1766000000, "seconds": "4",
            "size": "720x1280", "status": "completed" if over else "in_progress",
            "progress": 100 if over else task.percent, "completed_at": None, "error": None, "expires_at": None,
            "remixed_from_video_id": None,
        })  # fmt: skip

    def _fal(self, account: Account, id: str) -> Answer:
        task, refused = self._polled(account, id, False)
        if refused:
            return refused
        if time.monotonic() >= task.done:
            return _json({"status": "COMPLETED", "logs": None, "metrics": {}, **self._fal_places(id)})
        return _json({"status": "IN_PROGRESS", "logs": None, **self._fal_places(id)})

    def _fal_made(self, account: Account, id: str, new: bool) -> Answer:
        return _json({"status": "IN_QUEUE", "queue_position": 0, **self._fal_places(id)})

    def _fal_places(self, id: str) -> dict[str, str]:
        here = f"{self.url}/fal-ai/clip/requests/{id}"
        return {"request_id": id, "response_url": here, "status_url": f"{here}/status", "cancel_url": f"{here}/cancel"}

    def _fal_result(self, account: Account, id: str) -> Answer:
        account.count(self.tasks[id].phase, "results")
        return _json({"video": {"url": f"{self.url}/clips/{id}.mp4"}})

    def _film(self, account: Account, id: str) -> Answer:
        phase = self.tasks[id].phase
        account.count(phase, "downloads")
        return self.films["large" if phase == "large" else "small"]


_WAIT = b"Retry-After: 1\r\n"
_REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 429: b"Too Many Requests"}


def _json(value: Any, status: int = 200, more: bytes = b"") -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
        status, _REASONS[status], more, len(body), body,
    )  # fmt: skip


class Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length and kept connections: all that these clients speak, and little enough to be fast."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._waiting = bytearray()
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._sending is not None:
            self._sending.cancel()

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while self._sending is None and (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._waiting[: end + 2])
            length = int(found[1]) if (found := _LENGTH.search(head)) else 0
            if len(self._waiting) < end + 4 + length:
                return
            body = bytes(self._waiting[end + 4 : end + 4 + length])
            del self._waiting[: end + 4 + length]
            answer = self._provider.answer(head, body)
            if isinstance(answer, bytes):
                self._transport.write(answer)
            else:
                self._sending = asyncio.create_task(self._send(*answer))

    async def _send(self, film: IO[bytes], size: int) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % size)
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sendfile(self._transport, film, 0, size)
        self._sending = None
        self.data_received(b"")


def film(size: int) -> bytes:
    """A real MP4 of exactly that many bytes: most of them are noise in a box which players skip."""
    clip = mp4()
    filling = random.Random(size).randbytes(size - len(clip) - 8)
    return clip + (len(filling) + 8).to_bytes(4, "big") + b"free" + filling


async def serve(large: bool) -> None:
    """Serve until standard input ends, as it does with the parent."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryFile() as small_file, tempfile.TemporaryFile() as large_file:
        films = {"small": (small_file, SMALL), **({"large": (large_file, LARGE)} if large else {})}
        for file, size in films.values():
            file.write(film(size))
            file.flush()
        provider = Provider(films)
        server = await loop.create_server(lambda: Connection(provider), "127.0.0.1", 0, backlog=4096)
        port = server.sockets[0].getsockname()[1]
        provider.url = f"http://127.0.0.1:{port}"
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        over = asyncio.Event()
        loop.add_reader(sys.stdin, over.set)
        await over.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--large", action="store_true", help="have the large clip, too")
    given = parser.parse_args()
    if given.cpu is not None:
        os.sched_setaffinity(0, {given.cpu})
    asyncio.run(serve(given.large))


if __name__ == "__main__":
    main()
