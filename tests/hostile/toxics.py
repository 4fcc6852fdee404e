"""What Toxiproxy's toxics do to a connection, as answers of the loopback server; and a resolver that may lie.

latency, jitter, bandwidth, slicer, limit_data, slow_close, timeout and reset_peer, one by one or together.
"""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from ..loopback import Played, Say

PATIENCE = 120.0  # seconds until a condition that does not come true fails the test


@dataclass(frozen=True)
class Toxic(Played):
    """A reply on a bad line.

    latency, jitter: seconds before each piece, the second more or less by chance. bandwidth: bytes a second.
    slicer: bytes of a piece. limit: bytes of head and body together after which it ends.
    end: closed; closed late (slow_close); broken off (reset_peer); or never (timeout).
    """

    reply: Say
    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: int = 0
    slicer: int = 0
    limit: int | None = None
    end: Literal["close", "slow_close", "reset_peer", "timeout"] = "close"

    def play(self, connection: socket.socket, over: threading.Event) -> None:
        data, chance = self.reply.bytes()[: self.limit], random.Random(7)
        size = self.slicer or self.bandwidth // 20 or len(data) or 1
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            pause = self.latency + chance.uniform(0, self.jitter)
            pause += len(piece) / self.bandwidth if self.bandwidth else 0.0
            if pause and over.wait(pause):
                return
            connection.sendall(piece)
        match self.end:
            case "slow_close":
                over.wait(0.3)
            case "reset_peer":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case "timeout":
                _until_gone(connection, over)


@dataclass(frozen=True)
class Endless(Played):
    """A head, then the same piece again and again, until nobody listens or `most` bytes are sent."""

    piece: bytes
    head: bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    begin: bytes = b""
    most: int = 1 << 40

    def play(self, connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(self.head + self.begin)
        sent = 0
        while sent < self.most and not over.is_set():
            connection.sendall(self.piece)
            sent += len(self.piece)


def _until_gone(connection: socket.socket, over: threading.Event) -> None:
    connection.settimeout(0.05)
    while not over.is_set():
        with suppress(TimeoutError):
            if connection.recv(1) == b"":
                return


def until(happened: Callable[[], Any]) -> None:
    """Wait until a condition is true."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.005)


class Names:
    """A resolver in place of the system's: each name has its answers in turn, the last one for ever.

    An answer is addresses with blanks between them, "" for none: Names(patch, cdn_example=["93.184.216.34 ::1"]).
    Numbers, and names it does not know, go to the real one, which the tests keep on this machine.
    """

    def __init__(self, patch: pytest.MonkeyPatch, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): list(addresses) for name, addresses in names.items()}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._getaddrinfo)

    def _getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in self.names:
            return self._real(host, port, *args, **kwargs)
        self.asked.append(name)
        answers = self.names[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [_entry(address, port or 0) for address in answer.split()]


def _entry(address: str, port: Any) -> Any:
    """What the system says of an address."""
    far = (address, port, 0, 0) if ":" in address else (address, port)
    return (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", far)
