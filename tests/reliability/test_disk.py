"""Downloads and the disk hold nobody up: neither the polls of other clips, nor close(), nor the end of a process."""

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.engine.download import TOLD_EVERY
from vidgen_nb.engine.governor import Lane
from vidgen_nb.engine.runner import DOWNLOADS_AT_ONCE, POLLS_FIRST
from vidgen_nb.ledger import Ledger
from vidgen_nb.records import Record, Status

from ..hostile.toxics import Toxic, until
from ..loopback import Answer, Drip, Loopback, Played, Say, Seen, Silence
from ..playing import ASKED, CLIP, QUICK, MakeStudio, Provider, told
from ..playing import RELAYDANCE as PLAY

LOOP = "vidgen_nb"  # the name of the loop's thread
PATIENT = replace(QUICK, poll=60)


class Tasks:
    """The provider, with a task for each POST; one is finished once a test says so."""

    def __init__(self, server: Loopback, media: Callable[[], Answer] = lambda: Say(body=CLIP)) -> None:
        self.polls: Counter[str] = Counter()
        self.finished: set[str] = set()
        self._media, self._link = media, f"{server.url}/m.mp4"
        self._lock = threading.Lock()
        server.script = self.answer

    def answer(self, seen: Seen) -> Answer:
        if seen.path.startswith("/m.mp4"):
            return self._media()
        with self._lock:
            if seen.method == "POST":
                task = f"task_{len(self.polls) + 1}"
                self.polls[task] = 0
                return PLAY.say("submit", task=task)
            task = seen.path.rsplit("/", 1)[1]
            self.polls[task] += 1
        done = task in self.finished
        return PLAY.say(PLAY.succeeded, task=task, url=self._link) if done else PLAY.say(PLAY.running, task=task)


def goes_on(tasks: Tasks, clip: vg.Generation) -> None:
    """Wait until a clip was asked about five times more."""
    before = tasks.polls[clip.task_id]
    until(lambda: tasks.polls[clip.task_id] >= before + 5)


def two_running(studio: vg.Studio, tasks: Tasks) -> tuple[vg.Generation, vg.Generation]:
    clips = studio.generate(**ASKED), studio.generate(**ASKED, take=2)
    for clip in clips:
        until(lambda clip=clip: clip.status is Status.RUNNING)
    return clips


# ── the loop never waits for the disk ─────────────────────────────────────────
def test_polls_go_on_while_a_file_is_synced(
    make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes for ever to take a clip: other clips are asked about meanwhile."""
    syncing, go, sync = threading.Event(), threading.Event(), os.fsync

    def slow(file: int) -> None:
        syncing.set()
        assert go.wait(60)
        sync(file)

    tasks = Tasks(server)
    first, second = two_running(make_studio(), tasks)
    monkeypatch.setattr(os, "fsync", slow)
    tasks.finished.add(first.task_id)
    assert syncing.wait(20)
    goes_on(tasks, second)
    assert first.status is Status.DOWNLOADING
    go.set()
    assert first.wait(20).status is Status.SUCCEEDED


def test_polls_go_on_while_the_ledger_is_locked(make_studio: MakeStudio, server: Loopback) -> None:
    """Another process writes to the ledger for a long time: other clips are asked about meanwhile."""
    tasks = Tasks(server)
    studio = make_studio()
    first, second = two_running(studio, tasks)
    with closing(sqlite3.connect(studio.home / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        tasks.finished.add(first.task_id)
        goes_on(tasks, second)
        assert first.status is Status.RUNNING, "it must be written down before it is told"
        other.execute("ROLLBACK")
    assert first.wait(20).status is Status.SUCCEEDED


_logs: list[list[tuple[str, str]]] = []  # of whoever wants to know now: thread and path


def _note_opening(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"open", "os.rename", "os.remove", "os.listdir", "sqlite3.connect"}:
        for log in _logs:
            log.append((threading.current_thread().name, str(arguments[0])))


sys.addaudithook(_note_opening)


def test_the_loop_touches_neither_file_nor_ledger(
    make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the POST to the file, and when a clip is gone on with: all of it is done in other threads."""
    opened: list[tuple[str, str]] = []
    used: list[str] = []
    for name in ("_reading", "_writing"):
        original = getattr(Ledger, name)

        def noted(self: Ledger, original: Callable[..., Any] = original) -> Any:
            used.append(threading.current_thread().name)
            return original(self)

        monkeypatch.setattr(Ledger, name, noted)
    Provider(server)
    make_studio().generate(**ASKED, take=9).wait(20)  # whatever is imported late, has been
    _logs.append(opened)
    try:
        clip = make_studio().generate(**ASKED, take=8).wait(20)
        clip.rate(3)
        tasks = Tasks(server)
        left = make_studio()
        waiting, _ = two_running(left, tasks)
        left.close()
        tasks.finished.add(waiting.task_id)
        make_studio().resume(waiting.id).wait(20)
    finally:
        _logs.clear()
    assert clip.path is not None
    assert any(clip.path.stem in path for _, path in opened)
    assert [entry for entry in opened if entry[0] == LOOP] == []
    assert used
    assert LOOP not in used


# ── downloads ─────────────────────────────────────────────────────────────────
def test_so_many_downloads_at_once_and_no_more(make_studio: MakeStudio, server: Loopback) -> None:
    """More clips are done together than are fetched at once: the others come when their turn does."""
    count, most, go, lock = 0, 0, threading.Event(), threading.Lock()

    class Held(Played):
        def play(self, connection: socket.socket, over: threading.Event) -> None:
            nonlocal count, most
            with lock:
                count += 1
                most = max(most, count)
            go.wait(60)
            with lock:
                count -= 1
            connection.sendall(Say(body=CLIP).bytes())

    tasks = Tasks(server, Held)
    studio = make_studio(timing=PATIENT)
    clips = [studio.generate(**ASKED, take=take) for take in range(1, 2 * DOWNLOADS_AT_ONCE)]
    tasks.finished |= {clip.task_id for clip in clips}
    until(lambda: count == DOWNLOADS_AT_ONCE and all(clip.status is Status.DOWNLOADING for clip in clips))
    go.set()
    for clip in clips:
        assert clip.wait(20).status is Status.SUCCEEDED
    assert most == DOWNLOADS_AT_ONCE


def test_polls_go_before_a_download_but_not_before_a_person(
    make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While polls wait for room, a download begins if somebody waits for its clip in a cell; else it waits as well."""
    crowded = asyncio.Event()

    async def calm(_: Lane, patience: float) -> None:
        assert patience == POLLS_FIRST
        await crowded.wait()

    monkeypatch.setattr(Lane, "calm", calm)
    tasks = Tasks(server)
    studio = make_studio()
    awaited, other = two_running(studio, tasks)
    with ThreadPoolExecutor() as person:
        waiting = person.submit(awaited.wait, 20)
        until(lambda: studio.runner._jobs[awaited.id].awaited)
        tasks.finished |= {awaited.task_id, other.task_id}
        assert waiting.result().status is Status.SUCCEEDED
    until(lambda: other.status is Status.DOWNLOADING)
    assert len([seen for seen in server.gets if seen.path == "/m.mp4"]) == 1
    studio.runner._loop.call(crowded.set)
    assert other.wait(20).status is Status.SUCCEEDED


def test_bytes_and_speed_are_told(make_studio: MakeStudio, server: Loopback) -> None:
    """While a large clip comes, its record says how much of it is there, of how much, and how fast it comes."""
    body = CLIP + (8 + 500_000).to_bytes(4, "big") + b"free" + bytes(500_000)
    Provider(server, media=[Toxic(Say(body=body), bandwidth=250_000)])
    studio = make_studio(timing=PATIENT)
    clip = studio.generate(**ASKED)
    seen: list[Record] = []
    clip.watch(seen.append)
    assert clip.wait(60).status is Status.SUCCEEDED
    told = [record for record in seen if record.bytes_per_second is not None]
    assert told
    assert {record.bytes_total for record in told} == {len(body)}
    assert [record.bytes_done for record in told] == sorted(record.bytes_done for record in told)
    assert 0 < told[-1].bytes_done <= len(body)
    assert len({record.updated for record in told}) == len(told), "what is left counts from when it was told"
    fastest = len(body) / TOLD_EVERY  # 250_000, but for what was waiting when a busy machine came round to it
    assert all(0 < record.bytes_per_second <= fastest for record in told if record.bytes_per_second is not None)
    assert clip.record.bytes_per_second is None


@dataclass(frozen=True)
class DripHead(Played):
    """Not even the head comes to an end: a byte of it, now and then."""

    def play(self, connection: socket.socket, over: threading.Event) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 60_000:
            connection.sendall(bytes([byte]))
            if over.wait(0.02):
                return


def test_d5_a_head_that_never_ends(make_studio: MakeStudio, server: Loopback) -> None:
    """D5: a head of single bytes is waited for no longer than an answer is; the next try brings the clip."""
    Provider(server, media=[DripHead(), Say(body=CLIP)])
    studio = make_studio(timing=replace(QUICK, connect=0.5, poll=0.5))
    assert studio.generate(**ASKED).wait(30).status is Status.SUCCEEDED
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) >= 2


SLOW: dict[str, Answer] = {
    "a byte now and then": Drip(Say(body=CLIP), pause=0.5),
    "all of it, and then no end": Toxic(Say(body=CLIP, length=None), end="timeout"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_d5_a_body_that_hardly_comes(slow: str, make_studio: MakeStudio, server: Loopback) -> None:
    """D5: broken off for its speed, long before a read would be given up; what was cut is not taken for the whole."""
    Provider(server, media=[SLOW[slow], Say(body=CLIP)])
    studio = make_studio(timing=replace(QUICK, poll=60, download_stall=0.3))
    assert studio.generate(**ASKED).wait(30).status is Status.SUCCEEDED
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) >= 2


# ── the end ───────────────────────────────────────────────────────────────────
STALLS: dict[str, Answer] = {
    "no answer": Silence(),
    "a head without end": DripHead(),
    "half a body": Toxic(Say(body=CLIP), limit=len(CLIP) // 2, end="timeout"),
    "half a body of no length": Toxic(Say(body=CLIP, length=None), limit=len(CLIP) // 2, end="timeout"),
    "a drip": Drip(Say(body=CLIP)),
}


@pytest.mark.parametrize("stall", STALLS)
def test_close_ends_a_download_that_stalls(stall: str, make_studio: MakeStudio, server: Loopback) -> None:
    """D6: no thread, no connection and no temporary file is left at once; resume() brings the clip."""
    gone, asked = threading.Event(), threading.Event()

    @dataclass(frozen=True)
    class Watched(Played):
        """The stall, and then whether the other side has hung up."""

        def play(self, connection: socket.socket, over: threading.Event) -> None:
            asked.set()
            answer, hung_up = STALLS[stall], threading.Event()

            def wait_for_the_end() -> None:
                try:
                    while connection.recv(100):
                        pass
                except OSError:
                    pass
                hung_up.set()
                gone.set()

            threading.Thread(target=wait_for_the_end, daemon=True).start()
            if isinstance(answer, Played):
                answer.play(connection, hung_up)
            elif isinstance(answer, Drip):
                connection.sendall(answer.reply.bytes()[:200])
                for byte in answer.reply.bytes()[200:]:
                    connection.sendall(bytes([byte]))
                    if hung_up.wait(0.02):
                        return
            hung_up.wait(60)

    before = set(threading.enumerate())
    provider = Provider(server, media=[Watched()])
    studio = make_studio(timing=replace(PATIENT, download_stall=60))
    clip = studio.generate(**ASKED)
    assert asked.wait(20)
    if stall not in {"no answer", "a head without end"}:
        until(lambda: list((clip.home / "clips").glob(".*.part")))
    studio.close()
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert [name for name in left if name.startswith("vidgen_nb")] == []
    assert gone.wait(10)
    assert list((clip.home / "clips").iterdir()) == []
    provider.media = [Say(body=CLIP)]
    (again,) = make_studio().resume()
    assert again.wait(20).path.read_bytes() == CLIP
    assert len(server.posts) == 1


SCRIPT = """
    import json, socket, sys, threading
    import vidgen_nb as vg

    arguments, asked, how = json.loads(sys.argv[1])
    real, looking = socket.getaddrinfo, threading.Event()

    def resolve(host, *args, **kwargs):
        if "cdn.example" not in str(host):
            return real(host, *args, **kwargs)
        looking.set()
        threading.Event().wait()

    socket.getaddrinfo = resolve
    studio = vg.Studio(**arguments, timing=vg.Timing(first_poll=0.02, min_gap=0.02, max_gap=0.1))
    clip = studio.generate(**asked)
    if how == "name":
        assert looking.wait(30)
    else:
        reached = threading.Event()
        stop = clip.watch(lambda record: reached.set() if record.bytes_done else None)
        assert reached.wait(30)
    print(clip.status)
"""


@pytest.mark.parametrize("how", ["name", "body"])
def test_a_process_ends_whatever_a_download_does(how: str, server: Loopback, tmp_path: Path) -> None:
    """A script that ends in the middle of a download, or of looking up its host: it ends, in silence, with no error."""
    provider = Provider(server, media=[Toxic(Say(body=CLIP), limit=len(CLIP) // 2, end="timeout")])
    if how == "name":
        provider.polls = [PLAY.done("http://cdn.example/x")]
    arguments = {**told(server.url), "home": str(tmp_path / "vidgen"), "allow_paid": True}
    code = [sys.executable, "-c", textwrap.dedent(SCRIPT), json.dumps([arguments, ASKED, how])]
    ended = subprocess.run(code, capture_output=True, text=True, timeout=90, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "downloading\n", "")
    assert list((tmp_path / "vidgen" / "clips").iterdir()) == []
