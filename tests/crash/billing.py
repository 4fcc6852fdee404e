"""The provider of the crash tests: it plays RelayDance step by step, says when it is where, and its log is the judge.

A task is billed where its POST's headers came in, which is the least favourable reading. Prompts differ in length, so
that the headers alone, by their Content-Length, tell which clip a POST is about.
"""

import json
import random
import socket
import sqlite3
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidgen_nb.studio import Studio

from ..clips import mp4

_MP4 = mp4()
Reached = Callable[[str, int], None]  # a point, and the number of the clip


class Gone(Exception):
    """The client was killed here: this connection is over."""


def asked(number: int) -> dict[str, Any]:
    """The arguments of generate for one clip of a home."""
    return {"prompt": "a boat, h" + number * "o", "provider": "relaydance", "duration": 5}


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
    task_id: str = ""  # once the task was made


class Billing:
    """The server: `url`; `posts` and `polled` are its log; `reached` is called at every point, in its threads."""

    def __init__(self, home: Path, reached: Reached) -> None:
        self.home = home
        self.reached = reached
        self.posts: list[Post] = []
        self.polled: Counter[int] = Counter()
        self.faults: list[str] = []  # requests that make no sense: a test's own mistake, or the package's
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        with Studio(home / "unused", keys={"relaydance": "sk-test"}) as studio:
            self._least = len(_wire_form(studio.plan(**asked(0)).body))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

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
            method, path, _ = head.decode("latin-1").split("\r\n")[0].split(" ")
            if method == "POST":
                self._accept_task(connection, head)
            elif path.startswith("/media/"):
                self._serve_film(connection, int(path.split("/")[2]))
            else:
                self._tell(connection, path.rpartition("/")[2])

    def _accept_task(self, connection: socket.socket, head: bytes) -> None:
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        number = length - self._least
        post = Post(number, row_of(self.home, number).get("step", ""))
        with self._lock:
            self.posts.append(post)
        self.reached("headers in", number)
        body = b""
        while len(body) < length and (more := connection.recv(65536)):
            body += more
        if len(body) < length:
            return
        if json.loads(body)["prompt"] != asked(number)["prompt"]:
            self.faults.append(f"a POST of {length} bytes is not about clip {number}")
        self.reached("body in", number)
        post.task_id = f"task_{number}_{len(self.posts_of(number))}"
        self.reached("before the answer", number)
        answer = _reply({"task_id": post.task_id, "status": "submitted"})
        connection.sendall(answer[:-20])
        self.reached("half an answer", number)
        connection.sendall(answer[-20:])
        self.reached("answer sent", number)

    def _tell(self, connection: socket.socket, task_id: str) -> None:
        post = next((post for post in self.posts if post.task_id == task_id), None)
        if post is None:
            self.faults.append(f"asked about {task_id!r}, which nobody has")
            return
        with self._lock:
            self.polled[post.number] += 1
            first = self.polled[post.number] == 1
        self.reached("first poll" if first else "a later poll", post.number)
        told = {"task_id": task_id, "status": "running"}
        if not first:
            told = {**told, "status": "succeeded", "url": f"{self.url}/media/{post.number}/clip.mp4"}
        connection.sendall(_reply(told))

    def _serve_film(self, connection: socket.socket, number: int) -> None:
        body = film(number)
        connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        begin = 0
        for end, point in ((1, "first"), (len(body) // 2, "middle"), (len(body) - 1, "last")):
            connection.sendall(body[begin:end])
            self.reached(f"{point} media byte", number)
            begin = end
        connection.sendall(body[begin:])


def _reply(value: dict[str, str]) -> bytes:
    body = json.dumps(value).encode()
    return f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _wire_form(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
