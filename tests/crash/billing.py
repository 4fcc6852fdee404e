"""The providers of the crash tests: one server plays all five step by step, says when it is where, and its log judges.

What it understands and answers is what the simulator's dialects say, which know nothing of our side of the contract.
A task is billed where its POST's headers came in, which is the least favourable reading. Prompts differ in length, so
that the headers alone, by their address and Content-Length, tell which clip a POST is about.
"""

import json
import random
import re
import secrets
import socket
import sqlite3
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vidgen_nb import providers
from vidgen_nb.records import Reply, Status
from vidgen_nb.simulator import dialects
from vidgen_nb.simulator.dialects import Dialect, Route
from vidgen_nb.simulator.task import Task, View
from vidgen_nb.studio import Studio

from ..clips import mp4

KEYS = ("sk-first", "sk-second")  # a kernel each may have its own: the log tells them apart
CLIPS = range(1, 21)  # the numbers which a clip of a home can have
_NAMES = tuple(providers.BUILT_IN)
_WITH: Mapping[str, dict[str, Any]] = {
    "aitoearn": {"duration": 5},
    "aisphere": {"model": "aisphere-v5.5", "first_frame": "https://example.com/a.jpg"},
    "relaydance": {"duration": 5},
}
_CHANNELS = ("kling-v1", "sora-2")  # of New API: the second one's films lie behind the key
_MP4 = mp4()
Reached = Callable[[str, int], None]  # a point, and the number of the clip


class Gone(Exception):
    """The client was killed here: this connection is over."""


def asked(number: int) -> dict[str, Any]:
    """The arguments of generate for one clip of a home: the five providers take turns."""
    name = _NAMES[number % len(_NAMES)]
    given = {"model": _CHANNELS[number % 2]} if name == "newapi" else _WITH.get(name, {})
    return {"prompt": "a boat, h" + number * "o", "provider": name, **given}


@cache
def film(number: int) -> bytes:
    """What is served for a clip: an MP4 of several reads which no other clip has."""
    padding = random.Random(number).randbytes(600_000)
    return _MP4 + struct.pack(">I4s", 8 + len(padding), b"free") + padding


def row_of(home: Path, number: int) -> dict[str, Any]:
    """A clip's row as it lies on disk, read past the package; empty if there is none."""
    with closing(sqlite3.connect(home / "ledger.db", timeout=15)) as db:
        db.row_factory = sqlite3.Row
        wanted = "SELECT * FROM generations WHERE json_extract(asked, '$.prompt') = ?"
        rows = db.execute(wanted, (asked(number)["prompt"],)).fetchall()
    assert len(rows) <= 1, "two rows for one intent"
    return dict(rows[0]) if rows else {}


@dataclass
class Post:
    """One POST, from the moment its headers were in."""

    number: int
    step: str  # of its row on disk at that moment; "" without a row
    task: Task | None = None  # once it was made

    @property
    def task_id(self) -> str:
        return self.task.id if self.task else ""


@dataclass(frozen=True)
class _Visit:
    """One request, as far as its headers tell, and the dialect which it is put in."""

    method: str
    path: str  # without the dialect's folder
    headers: Mapping[str, str]
    dialect: Dialect

    def route(self) -> tuple[Route, str]:
        """What is wanted, and the task id in the address. Raises LookupError where the dialect has no such address."""
        for route in self.dialect.ROUTES:
            found = re.fullmatch(re.escape(route.path).replace(r"\{task_id\}", "([^/]+)"), self.path)
            if found and route.method == self.method:
                return route, next(iter(found.groups()), "")
        raise LookupError(f"{self.method} {self.path}")


class Billing:
    """The server: `urls`; `posts`, `polled`, `keys` are its log; `reached` is called at every point, in its threads."""

    def __init__(self, home: Path, reached: Reached) -> None:
        self.home = home
        self.reached = reached
        self.posts: list[Post] = []
        self.polled: Counter[int] = Counter()
        self.keys: list[str] = []  # of each request, in turn
        self.faults: list[str] = []  # requests that make no sense: a test's own mistake, or the package's
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._dialects = {dialect.NAME: dialect for dialect in dialects.find()}
        self.urls = {name: f"{self._origin}/{name}{self._dialects[name].BASE}" for name in _NAMES}
        self._numbers = _numbers()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def arguments(self, key: str) -> dict[str, Any]:
        """What a Studio on this server is made with."""
        keys = dict.fromkeys(self.urls, key)
        return {"home": str(self.home), "keys": keys, "base_urls": self.urls, "allow_paid": True}

    def posts_of(self, number: int) -> list[Post]:
        return [post for post in self.posts if post.number == number]

    def stop(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, Gone):
            head = b""
            while not head.endswith(b"\r\n\r\n"):  # byte by byte: the body stays where it is
                byte = connection.recv(1)
                if not byte:
                    return
                head += byte
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            method, path, _ = first.split(" ")
            if path.startswith("/media/"):
                self._serve_film(connection, int(path.split("/")[2]))
                return
            name = path.split("/")[1]
            visit = _Visit(method, path.removeprefix(f"/{name}"), headers, self._dialects[name])
            try:
                self._answer(connection, visit)
            except (LookupError, ValueError) as problem:
                self.faults.append(f"{method} {path}: {problem!r}")

    def _answer(self, connection: socket.socket, visit: _Visit) -> None:
        route, task_id = visit.route()
        key = visit.dialect.key(visit.headers)
        if key not in KEYS:
            raise ValueError("not the key")
        self.keys.append(key)
        if route.does == "submit":
            self._accept_task(connection, visit, route)
            return
        post = next((post for post in self.posts if post.task_id == task_id), None)
        if post is None or post.task is None:
            raise LookupError("a task which nobody has")
        if route.does == "content":
            self._serve_film(connection, post.number)
        else:
            self._tell(connection, route, post.number, post.task)

    def _accept_task(self, connection: socket.socket, visit: _Visit, route: Route) -> None:
        length = int(visit.headers["content-length"])
        number = self._numbers[visit.dialect.NAME, length]
        post = Post(number, row_of(self.home, number).get("step", ""))
        with self._lock:
            self.posts.append(post)
        self.reached("headers in", number)
        body = b""
        while len(body) < length and (more := connection.recv(65536)):
            body += more
        if len(body) < length:
            return
        ask = visit.dialect.read(json.loads(body))
        if ask.prompt != asked(number)["prompt"]:
            raise ValueError(f"a POST of {length} bytes is not about clip {number}")
        self.reached("body in", number)
        task_id = visit.dialect.TASK_ID.format(secrets.token_hex(16))
        post.task = Task(task_id, visit.dialect.NAME, number, time.time(), ask)
        self.reached("before the answer", number)
        answer = _written(route.reply(View(post.task, Status.QUEUED, 0, None, None)))
        connection.sendall(answer[:-20])
        self.reached("half an answer", number)
        connection.sendall(answer[-20:])
        self.reached("answer sent", number)

    def _tell(self, connection: socket.socket, route: Route, number: int, task: Task) -> None:
        with self._lock:
            self.polled[number] += 1
            first = self.polled[number] == 1
        self.reached("first poll" if first else "a later poll", number)
        if first:
            view = View(task, Status.RUNNING, 40, task.created, None)
        else:
            url = f"{self._origin}/media/{number}/clip.mp4"
            view = View(task, Status.SUCCEEDED, 100, task.created, time.time(), url=url)
        connection.sendall(_written(route.reply(view)))

    def _serve_film(self, connection: socket.socket, number: int) -> None:
        body = film(number)
        connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        begin = 0
        for end, point in ((1, "first"), (len(body) // 2, "middle"), (len(body) - 1, "last")):
            connection.sendall(body[begin:end])
            self.reached(f"{point} media byte", number)
            begin = end
        connection.sendall(body[begin:])


@cache
def _numbers() -> dict[tuple[str, int], int]:
    """The clip which a POST to a provider is about, by the length of its body."""
    with Studio("unused", base_urls={"newapi": "http://127.0.0.1:1"}) as studio:
        bodies = {number: studio.plan(**asked(number)).body for number in CLIPS}
    lengths = {(asked(n)["provider"], len(_wire_form(body))): n for n, body in bodies.items()}
    assert len(lengths) == len(CLIPS), "two clips whose POSTs have the same length"
    return lengths


def _written(answer: Any) -> bytes:
    """A dialect's answer as it goes over the wire."""
    reply = answer if isinstance(answer, Reply) else Reply(200, answer)
    body = json.dumps(reply.body).encode()
    lines = [f"HTTP/1.1 {reply.status} X", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _wire_form(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
