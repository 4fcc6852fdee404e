"""Waiting for a clip on a hostile network: lines as Toxiproxy makes them, lies, sleep, clocks. For each of the five.

What tests/reliability/test_home.py proves for each of them is not repeated here.
"""

import ast
import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.engine import rules, runner, shelf, watch
from vidgen_nb.records import Json, Record, Status

from ..loopback import Answer, HangUp, Loopback, Reset, Say, Seen
from ..playing import (
    AISPHERE,
    CLIP,
    PLAYS,
    QUICK,
    RELAYDANCE,
    TASK,
    MakeStudio,
    Play,
    Provider,
    make_studio,
    play,
    provider,
    server,
    studio,
    told,
)  # fmt: skip
from .toxics import Endless, Toxic, until

__all__ = ["make_studio", "play", "provider", "server", "studio"]

YEAR = 365 * 86_400.0
HURRIED = replace(QUICK, connect=0.5, poll=0.4, max_gap=0.03)
BUSY = replace(QUICK, max_gap=0.03)


def taken_in(server: Loopback) -> None:
    """Wait until an answer of now on has been taken in: the question after the next one shows it."""
    wanted = len(server.gets) + 2
    until(lambda: len(server.gets) >= wanted)


# ── P1: lines ─────────────────────────────────────────────────────────────────
BAD_LINES: dict[str, Any] = {
    "latency": {"latency": 0.05},
    "jitter": {"slicer": 40, "jitter": 0.01},
    "bandwidth": {"bandwidth": 20_000},
    "slicer": {"slicer": 1, "latency": 0.0001},
    "slow_close": {"end": "slow_close"},
    "reset_peer at once": {"limit": 0, "end": "reset_peer"},
    "reset_peer in the body": {"limit": 120, "end": "reset_peer"},
    "limit_data in the head": {"limit": 20},
    "limit_data in the body": {"limit": 120},
    "timeout at once": {"limit": 0, "end": "timeout"},
    "timeout in the body": {"limit": 120, "end": "timeout"},
}


def test_p1_every_bad_line_is_only_a_bad_line(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """P1: slow, sliced, cut, reset or silent, one after the other: never failed, one POST, and the clip comes home."""
    lines = [Toxic(provider.running, **line) for line in BAD_LINES.values()]
    junk: list[Answer] = [Endless(b"x" * 60_000), Endless(b"X-A: b\r\n" * 500, head=b"HTTP/1.1 200 OK\r\n")]
    provider.polls = [*lines, *junk, provider.running, Toxic(provider.done, slicer=9, jitter=0.001)]
    clip = make_studio(timing=HURRIED).generate(**provider.play.request)
    seen: list[Record] = []
    clip.watch(seen.append)
    assert clip.wait(120).status is Status.SUCCEEDED
    assert {record.status for record in seen} <= {Status.QUEUED, Status.RUNNING, Status.DOWNLOADING, Status.SUCCEEDED}
    assert any(record.unreachable_since for record in seen)
    assert clip.record.unreachable_since is None
    assert len(server.posts) == 1


def test_p1_p7_the_truth_of_another_task(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """P1: redirects, an empty object, a list, and a login page are no news of the task, whatever their status."""
    lies = [Say(json=lie) for lie in ({}, [], None, 0, "succeeded", {"status": None}, {"data": []})]
    lies += [Say(302, headers={"Location": "/login"}), Say(204), Say(304), Say(201, body=b"<html>"), Say(418)]
    provider.polls = [*lies, provider.done]
    clip = studio.generate(**provider.play.request)
    seen: list[Status] = []
    clip.watch(lambda record: seen.append(record.status))
    assert clip.wait(120).status is Status.SUCCEEDED
    assert Status.FAILED not in seen
    assert "/login" not in [request.path for request in server.log]
    assert len(server.posts) == 1


# ── P4 ────────────────────────────────────────────────────────────────────────
PROGRESS = [
    30, 10, "20%", "NaN", float("nan"), float("inf"), None, -5, True, [50], {"a": 1}, "9" * 5000, 10**400, 55, 140, 3,
]  # fmt: skip


def with_progress(tree: Json, value: Json) -> Json:
    """The reply with this progress in each of its objects, so that it stands where the provider has it, if it has."""
    if isinstance(tree, list):
        return [with_progress(item, value) for item in tree]
    if not isinstance(tree, dict):
        return tree
    return {**{name: with_progress(item, value) for name, item in tree.items()}, "progress": value}


def test_p4_progress_is_only_shown(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """P4: whatever stands there, shown is nothing or a number in 0..100 which never goes back; it decides nothing."""
    running = provider.running
    provider.polls = [running]
    clip = make_studio(timing=BUSY).generate(**provider.play.request)
    seen: list[float | None] = []
    clip.watch(lambda record: seen.append(record.progress))
    for value in PROGRESS:
        provider.polls = [Say(json=with_progress(running.json, value))]
        taken_in(server)
        assert clip.status.open
    provider.polls = [provider.done]
    assert clip.wait(120).progress == 100
    shown = [value for value in seen if value is not None]
    assert shown == sorted(shown)
    assert all(0 <= value <= 100 for value in shown)


# ── P5 ────────────────────────────────────────────────────────────────────────
def test_p5_a_failure_is_final(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """P5: a failed task that runs again, or succeeds, stays failed: here, asked again, and in another kernel."""
    provider.polls = [provider.play.say(provider.play.failed)]
    first = make_studio()
    clip = first.generate(**provider.play.request)
    with pytest.raises(vg.GenerationFailed):
        clip.wait(120)
    for answer in (provider.running, provider.done):
        still_the_same(clip, provider, answer)
    first.close()
    with pytest.raises(vg.GenerationFailed):
        make_studio().generate(**provider.play.request)
    assert len(server.posts) == 1


def test_p5_a_success_is_final(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """P5: a clip that is here stays here, though the provider should say that the task runs, failed or is unknown."""
    first = make_studio()
    clip = first.generate(**provider.play.request).wait(120)
    for name in (provider.play.running, provider.play.failed, provider.play.missing):
        still_the_same(clip, provider, provider.play.say(name))
    first.close()
    again = make_studio().generate(**provider.play.request)
    assert (again, again.status, again.path) == (clip, Status.SUCCEEDED, clip.path)
    assert again.path is not None
    assert again.path.is_file()
    assert len(server.posts) == 1


def still_the_same(clip: vg.Generation, provider: Provider, answer: Answer) -> None:
    """Whatever the provider says now, and however it is asked: the end stays as it is."""
    before = clip.record
    provider.polls = [answer]
    assert clip.check().resume() == clip
    after = clip.record
    assert (after.status, after.files, after.error) == (before.status, before.files, before.error)
    assert (after.progress, after.finished) == (before.progress, before.finished)


# ── P8: clocks ────────────────────────────────────────────────────────────────
class Clock:
    """The engine's two clocks, which a test may set: the one on the wall, and the one that only goes forward."""

    def __init__(self) -> None:
        self.wall = self.steady = 0.0  # seconds ahead

    def time(self) -> float:
        return time.time() + self.wall

    def monotonic(self) -> float:
        return time.monotonic() + self.steady


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for room in (runner, watch):
        monkeypatch.setattr(room, "time", clock)
    return clock


@pytest.mark.parametrize("years", [1, -1])
def test_p8_a_clock_that_is_set(
    years: int, provider: Provider, studio: vg.Studio, server: Loopback, clock: Clock
) -> None:
    """P8: a year forwards or back while a clip is made: nothing ends by it, asked anew or not."""
    provider.polls = [provider.running]
    clip = studio.generate(**provider.play.request)
    taken_in(server)
    clock.wall = years * YEAR
    taken_in(server)
    assert clip.resume().status.open
    taken_in(server)
    assert clip.status.open
    provider.polls = [provider.done]
    assert clip.wait(120).status is Status.SUCCEEDED
    assert len(server.posts) == 1


@pytest.mark.parametrize("years", [1, -1])
def test_p8_a_clock_that_was_set_between_two_kernels(
    years: int, provider: Provider, make_studio: MakeStudio, server: Loopback, clock: Clock
) -> None:
    """P8: the next kernel finds a row from next year, or from long ago: no verdict before the provider has spoken."""
    provider.polls = [provider.running]
    first = make_studio()
    clip = first.generate(**provider.play.request)
    first.close()
    clock.wall = years * YEAR
    provider.polls = [Say(503)]
    (again,) = make_studio().resume()
    taken_in(server)
    assert again.status.open
    provider.polls = [provider.done]
    assert again.wait(120) == clip
    assert len(server.posts) == 1


def test_p8_a_day_is_enough_but_not_the_end(
    provider: Provider, studio: vg.Studio, server: Loopback, clock: Clock
) -> None:
    """P8: after a day of silence it is open still; after a fresh "running" it is stuck; resume() gives it a new day."""
    provider.polls = [Say(503)]
    clip = studio.generate(**provider.play.request)
    clock.steady = 86_401
    taken_in(server)
    assert clip.status.open
    assert clip.record.unreachable_since
    provider.polls = [provider.running]
    with pytest.raises(vg.GenerationStuck) as raised:
        clip.wait(120)
    assert raised.value.reason == "deadline"
    clip.resume()
    taken_in(server)
    assert clip.status.open
    provider.polls = [provider.done]
    assert clip.wait(120).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_p8_the_age_of_a_task_is_not_the_age_of_the_machine(
    make_studio: MakeStudio, server: Loopback, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P8: a kernel that joined while the request was under way takes the fresh task over, on a machine up for years."""
    monkeypatch.setattr(runner, "FOREIGN_GAP", 0.02)
    clock.steady = 9 * YEAR
    provider = Provider(server)
    provider.polls = [provider.running]
    sent, go = threading.Event(), threading.Event()

    def script(seen: Seen) -> Answer:
        if seen.method == "POST":
            sent.set()
            go.wait(120)
        return provider.answer(seen)

    server.script = script
    first, second = make_studio(), make_studio()
    with ThreadPoolExecutor() as pool:
        one = pool.submit(first.generate, **provider.play.request)
        assert sent.wait(120)
        two = pool.submit(second.generate, **provider.play.request)
        (row,) = second.history()
        until(lambda: second.runner.follows(row.id))
        go.set()
        clip = two.result()
        assert one.result() == clip
    first.close()
    taken_in(server)
    taken_in(server)
    assert clip.status.open
    provider.polls = [provider.done]
    assert clip.wait(120).status is Status.SUCCEEDED
    assert len(server.posts) == 1


# ── P8: sleep ─────────────────────────────────────────────────────────────────
KERNEL = """
    import vidgen_nb as vg
    timing = vg.Timing(first_poll=0.02, min_gap=0.02, max_gap=0.1, deadline=1)
    studio = vg.Studio(**{told!r}, allow_paid=True, timing=timing)
    print(studio.generate(**{asked!r}).wait(120).status)
"""


@pytest.fixture
def asleep(play: Play, provider: Provider, server: Loopback) -> Iterator["subprocess.Popen[str]"]:
    """A kernel that has asked how its task is, and was stopped before the answer until after its deadline."""
    asked, over = threading.Event(), threading.Event()

    def script(seen: Seen) -> Answer:
        if seen.path == play.query.format(TASK) and not over.is_set():
            asked.set()
            over.wait(120)
            return HangUp()
        return provider.answer(seen)

    server.script = script
    code = textwrap.dedent(KERNEL).format(told=told(server.url), asked=play.request)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as kernel:
        try:
            assert asked.wait(120)
            os.kill(kernel.pid, signal.SIGSTOP)
            threading.Event().wait(1.1)  # this is the sleep itself: the deadline is a second
            over.set()
            yield kernel
        finally:
            kernel.kill()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows cannot stop a process")
def test_p8_a_laptop_that_slept(asleep: "subprocess.Popen[str]", provider: Provider, server: Loopback) -> None:
    """P8: stopped in the middle of a question, over its deadline, its connection gone: the first answer counts."""
    provider.polls = [Say(503), provider.done]
    os.kill(asleep.pid, signal.SIGCONT)
    said, _ = asleep.communicate(timeout=90)
    assert said.split() == ["succeeded"]
    assert len(server.posts) == 1


# ── stuck is never the end ────────────────────────────────────────────────────
STUCK: dict[str, Callable[[Provider], None]] = {
    "task_not_found": lambda provider: say(provider, provider.play.say(provider.play.missing)),
    "query_unverified": lambda provider: say(provider, provider.play.say(provider.play.missing)),
    "no_media": lambda provider: say(provider, provider.play.done("")),
    "deadline": lambda provider: say(provider, provider.running),
    "media_expired": lambda provider: serve(provider, Say(403)),
    "broken_off": lambda provider: serve(provider, Reset()),
    "media_refused": lambda provider: say(provider, provider.play.done("http://10.0.0.1/m.mp4")),
    "not_mp4": lambda provider: serve(provider, Say(body=b"<html>log in")),
    "disk": lambda provider: say(provider, provider.done),
}
"""Every reason, and how a provider brings it about."""


def say(provider: Provider, answer: Answer) -> None:
    provider.polls = [answer]


def serve(provider: Provider, answer: Answer) -> None:
    provider.polls, provider.media = [provider.done], [answer]


@pytest.mark.parametrize("reason", STUCK)
def test_p6_p7_p8_each_reason_to_be_stuck_resumes(
    reason: str, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a clip is stuck for, resume() brings it home: here, and in the kernel after this one, for free."""
    provider = Provider(server, play=AISPHERE if reason == "query_unverified" else RELAYDANCE)
    STUCK[reason](provider)
    impatient = replace(QUICK, deadline=0.0, not_found_grace=0.0, no_media_grace=0.0)
    first = make_studio(timing=impatient)
    with monkeypatch.context() as patch:
        patch.setattr(rules, "MISSES_SPAN", 0.0)
        if reason == "disk":
            patch.setattr(shelf, "keep", full)
        here, later = (first.generate(**provider.play.request, take=take) for take in (1, 2))
        for clip in (here, later):
            with pytest.raises(vg.GenerationStuck) as raised:
                clip.wait(120)
            assert raised.value.reason == reason
    provider.polls, provider.media = [provider.done], [Say(body=CLIP)]
    assert here.resume().wait(120).status is Status.SUCCEEDED
    first.close()
    (again,) = make_studio().resume()
    assert again == later
    assert again.wait(120).status is Status.SUCCEEDED
    assert (again.error, again.record.reason) == (None, "")
    assert len(server.posts) == 2


def full(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_there_is_no_other_reason() -> None:
    """The reasons above are those which the engine has, by its own source."""
    found = set()
    for path in Path(rules.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"stuck", "rules.stuck"}:
                found.add(ast.literal_eval(node.args[0]))
    assert found == set(STUCK)


def test_every_provider_is_asked() -> None:
    """The five of these tests are the five there are."""
    assert {play.name for play in PLAYS} == {row.name for row in vg.list_providers()}
