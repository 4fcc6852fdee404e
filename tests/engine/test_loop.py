"""The threads beside the engine's loop: work that queues up is done together, and no thread holds up an end."""

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from vidgen_nb.engine import loop as loops
from vidgen_nb.engine.loop import BackgroundLoop, SerialThread
from vidgen_nb.errors import LedgerUnavailable


class Disk:
    """What a SerialThread works on: groups of work, each with an end that waits until it is let go, and may fail."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.at_end = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.error: Exception | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        self.groups.append([])
        yield
        self.at_end.release()
        assert self.go.acquire(timeout=20)
        if self.error is not None:
            raise self.error

    def write(self, number: int) -> int:
        self.groups[-1].append(number)
        if number < 0:
            raise ValueError(str(number))
        return number

    def let_go(self) -> None:
        self.go.release(1000)


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.let_go()


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    running = BackgroundLoop()
    yield running
    running.stop()


@pytest.fixture
def serial(disk: Disk) -> Iterator[SerialThread]:
    thread = SerialThread("vidgen_nb-test", disk.together)
    yield thread
    disk.let_go()
    thread.stop()


Put = Callable[[int], "Future[int]"]


@pytest.fixture
def put(loop: BackgroundLoop, serial: SerialThread, disk: Disk) -> Put:
    return lambda number: loop.run(serial.run(disk.write, number))


def turned(loop: BackgroundLoop) -> None:
    """Everything that was asked of the loop before has been done."""
    for _ in range(3):
        loop.run(asyncio.sleep(0)).result(10)


def test_what_queues_up_is_done_together(put: Put, disk: Disk, loop: BackgroundLoop) -> None:
    """While one group waits for the disk, others come: they are the next group, in their order, however many."""
    futures = [put(0)]
    assert disk.at_end.acquire(timeout=10)
    futures += [put(number) for number in range(1, 101)]
    turned(loop)
    disk.let_go()
    assert [future.result(10) for future in futures] == list(range(101))
    most = loops.MOST_TOGETHER
    assert disk.groups == [[0], list(range(1, most + 1)), list(range(most + 1, 101))]


def test_no_result_before_the_end(put: Put, disk: Disk, loop: BackgroundLoop) -> None:
    """Nobody hears that something is written, or that it failed, before the group is on the disk."""
    futures = [put(1), put(-1)]
    assert disk.at_end.acquire(timeout=10)
    turned(loop)
    assert not any(future.done() for future in futures)
    disk.let_go()
    assert futures[0].result(10) == 1
    with pytest.raises(ValueError, match="-1"):
        futures[1].result(10)


def test_where_the_end_fails_all_of_it_has_failed(put: Put, disk: Disk, loop: BackgroundLoop) -> None:
    """Each gets the error of the end, one of its own, also who would have got another one; then work goes on."""
    first = put(0)
    assert disk.at_end.acquire(timeout=10)
    futures = [put(1), put(-1), put(2)]
    turned(loop)
    disk.go.release()
    assert first.result(10) == 0
    assert disk.at_end.acquire(timeout=10)
    disk.error = LedgerUnavailable("The disk is full.", hint="Free some space.")
    disk.go.release()
    errors = [future.exception(10) for future in futures]
    assert [str(error) for error in errors] == ["The disk is full. Free some space."] * 3
    assert {type(error) for error in errors} == {LedgerUnavailable}
    assert len({id(error) for error in errors}) == 3
    disk.error = None
    disk.let_go()
    assert put(3).result(10) == 3


def test_the_end_comes_after_all_that_was_put_in(loop: BackgroundLoop, disk: Disk) -> None:
    """stop() lets the work that queued up before it be done, and begins no group for nothing."""
    thread = SerialThread("vidgen_nb-test", disk.together)
    disk.let_go()
    futures = [loop.run(thread.run(disk.write, number)) for number in range(10)]
    turned(loop)
    thread.stop()
    assert [future.result(10) for future in futures] == list(range(10))
    assert [] not in disk.groups


# ── calls elsewhere ───────────────────────────────────────────────────────────
def test_a_call_elsewhere_gives_its_result_or_its_error(loop: BackgroundLoop) -> None:
    """As asyncio.to_thread does anywhere: in a thread of ours which nobody waits for."""

    def look(number: int) -> Any:
        if number < 0:
            raise LookupError(number)
        return threading.current_thread()

    thread = loop.run(asyncio.to_thread(look, 1)).result(10)
    assert thread.daemon
    assert thread.name.startswith("vidgen_nb")
    with pytest.raises(LookupError):
        loop.run(asyncio.to_thread(look, -1)).result(10)


def test_a_loop_that_stops_waits_a_moment_for_calls(loop: BackgroundLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends soon has ended when stop() is back; what does not end is left to itself."""
    over, begun, kept = threading.Event(), threading.Semaphore(0), []

    def work(soon: bool) -> None:
        begun.release()
        over.wait(0.2 if soon else 60)
        kept.append(soon)

    monkeypatch.setattr(loops, "PARTING", 5.0)
    loop.run(asyncio.to_thread(work, True))
    assert begun.acquire(timeout=10)
    loop.stop()
    assert kept == [True]
    stubborn = BackgroundLoop()
    monkeypatch.setattr(loops, "PARTING", 0.1)
    stubborn.run(asyncio.to_thread(work, False))
    assert begun.acquire(timeout=10)
    began = time.monotonic()
    stubborn.stop()
    assert time.monotonic() - began < 10  # where stop() itself would give up
    assert not stubborn._thread.is_alive()
    assert kept == [True]
    over.set()


STUBBORN = """
    import asyncio, socket, threading
    from vidgen_nb.engine.loop import BackgroundLoop

    asked = threading.Semaphore(0)

    def never(*args, **kwargs):
        asked.release()
        threading.Event().wait()

    socket.getaddrinfo = never
    loop = BackgroundLoop()
    async def look_up():
        await asyncio.get_running_loop().getaddrinfo("cdn.example", 443)
    loop.run(look_up())
    loop.run(asyncio.to_thread(never))
    assert asked.acquire(timeout=30)
    assert asked.acquire(timeout=30)
    print("ending", flush=True)
"""


def test_the_interpreter_ends_whatever_a_call_does() -> None:
    """A name server which never answers, and a call that never comes back: the process ends, in silence."""
    code = [sys.executable, "-c", textwrap.dedent(STUBBORN)]
    ended = subprocess.run(code, capture_output=True, text=True, timeout=60, check=True)
    assert (ended.stdout, ended.stderr) == ("ending\n", "")
