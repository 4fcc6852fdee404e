"""A server on this machine that answers as a test tells it to, and remembers what it was asked.

An answer is a value: `Say` a reply, `HangUp` or `Reset` after reading the request, `Cut` a reply short, `Drip` it,
`Silence` until the end.
The log is the judge: it holds every request that arrived whole.
"""

import json
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Say:
    """A whole reply. `json` or `body`; `length` overrides Content-Length, None leaves the header out."""

    status: int = 200
    json: Any = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = -1

    def bytes(self) -> bytes:
        body = json.dumps(self.json).encode() if self.json is not None else self.body
        lines = [f"HTTP/1.1 {self.status} X", "Connection: close", *(f"{k}: {v}" for k, v in self.headers.items())]
        if self.length is not None:
            lines.append(f"Content-Length: {len(body) if self.length == -1 else self.length}")
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True)
class Cut:
    """The reply's first bytes, then the end of the connection."""

    reply: Say
    keep: int  # bytes of the body


@dataclass(frozen=True)
class Drip:
    """The reply's head at once, then its body byte by byte, until the client gives up."""

    reply: Say
    pause: float = 0.02  # seconds between bytes


class HangUp:
    """Read the request, then close without a word."""


class Reset:
    """Read the request, then break the connection off with a TCP reset."""


class Silence:
    """Read the request, then say nothing until the client gives up."""


class Played:
    """An answer of another kind, which plays itself: tests/hostile/toxics.py."""

    def play(self, connection: socket.socket, over: threading.Event) -> None:
        """Send what it has to send; return, or break off, when it is done or `over`. Then the connection is closed."""
        raise NotImplementedError


Answer = Say | Cut | Drip | HangUp | Reset | Silence | Played
Script = Callable[[Seen], Answer]


class Loopback:
    """The server: `url`, `log`, and `script`, which may be changed at any time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.log: list[Seen] = []
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def posts(self) -> list[Seen]:
        return [seen for seen in self.log if seen.method == "POST"]

    @property
    def gets(self) -> list[Seen]:
        return [seen for seen in self.log if seen.method == "GET"]

    def stop(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            seen = _read(connection)
            if seen is None:
                return
            self.log.append(seen)
            answer = self.script(seen)
            if isinstance(answer, Say):
                connection.sendall(answer.bytes())
            elif isinstance(answer, Cut):
                whole = answer.reply.bytes()
                head = whole.index(b"\r\n\r\n") + 4
                connection.sendall(whole[: head + answer.keep])
            elif isinstance(answer, Drip):
                whole = answer.reply.bytes()
                head = whole.index(b"\r\n\r\n") + 4
                connection.sendall(whole[:head])
                for byte in whole[head:]:
                    connection.sendall(bytes([byte]))
                    if self._over.wait(answer.pause):
                        return
            elif isinstance(answer, Played):
                answer.play(connection, self._over)
            elif isinstance(answer, Reset):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif isinstance(answer, Silence):
                connection.settimeout(0.05)
                while not self._over.is_set():
                    with suppress(TimeoutError):
                        if connection.recv(1) == b"":
                            return


def _read(connection: socket.socket) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        chunk = connection.recv(65536)
        if not chunk:
            return None
        body += chunk
    return Seen(method, path, headers, body)


@contextmanager
def serving(script: Script) -> Iterator[Loopback]:
    """A server for the length of a `with` block."""
    server = Loopback(script)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port for a server that has to be told one: below those which the system hands out by itself, so that no
    other test's server or connection takes it before that server is up."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a hundred ports tried, and none of them is free")
