"""Every way of waiting gives the same clip: wait(), await, threads, scripts, and a cell whose loop already runs."""

import asyncio
import pickle
import threading

import pytest

import vidgen_nb as vg
from vidgen_nb.records import Status

from ..loopback import Loopback
from ..playing import ASKED, Provider


def test_wait_gives_the_clip(studio: vg.Studio, server: Loopback) -> None:
    """wait() returns the very clip."""
    Provider(server)
    clip = studio.generate(**ASKED)
    assert clip.wait(20) is clip


def test_await_gives_the_clip(studio: vg.Studio, server: Loopback) -> None:
    """await in a running loop, with generate() called inside it too."""
    Provider(server)

    async def cell() -> vg.Generation:
        clip = studio.generate(**ASKED)
        assert await clip is clip
        return clip

    assert asyncio.run(cell()).status is Status.SUCCEEDED


def test_wait_works_inside_a_running_loop(studio: vg.Studio, server: Loopback) -> None:
    """A notebook cell runs inside a loop: wait() blocks it and still ends."""
    Provider(server)

    async def cell() -> vg.Generation:
        return studio.generate(**ASKED).wait(20)

    assert asyncio.run(cell()).status is Status.SUCCEEDED


def test_many_threads_wait_for_one_clip(studio: vg.Studio, server: Loopback) -> None:
    """Threads without any loop."""
    Provider(server)
    clip = studio.generate(**ASKED)
    seen: list[Status] = []
    threads = [threading.Thread(target=lambda: seen.append(clip.wait(20).status)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert seen == [Status.SUCCEEDED] * 5


def test_a_timeout_stops_the_wait_alone(studio: vg.Studio, server: Loopback) -> None:
    """WaitTimeout carries the clip, which goes on."""
    provider = Provider(server)
    provider.polls = [provider.polls[0]]
    clip = studio.generate(**ASKED)
    with pytest.raises(vg.WaitTimeout) as raised:
        clip.wait(0.2)
    assert raised.value.generation is clip
    provider.polls = [provider.done]
    assert clip.wait(20).status is Status.SUCCEEDED


def test_cancelling_an_await_cancels_nothing_else(studio: vg.Studio, server: Loopback) -> None:
    """S12: an interrupted await detaches; the clip goes on."""
    provider = Provider(server)
    provider.polls = [provider.polls[0]]
    clip = studio.generate(**ASKED)

    async def cell() -> None:
        async with asyncio.timeout(0.1):
            await clip

    with pytest.raises(TimeoutError):
        asyncio.run(cell())
    provider.polls = [provider.done]
    assert clip.wait(20).status is Status.SUCCEEDED


def test_a_listener_hears_each_state_once(studio: vg.Studio, server: Loopback) -> None:
    """watch() tells of every change until it is stopped; progress and states only go forward."""
    provider = Provider(server)
    provider.polls = [provider.polls[0]]
    clip = studio.generate(**ASKED)
    seen: list[str] = []
    stop = clip.watch(lambda record: seen.append(record.status.value))
    provider.polls = [provider.done]
    clip.wait(20)
    order = ["queued", "running", "downloading", "succeeded"]
    assert [order.index(word) for word in seen] == sorted(order.index(word) for word in seen)
    stop()
    count = len(seen)
    clip.retake(take=2)
    assert len(seen) == count


def test_close_leaves_nothing_running(studio: vg.Studio, server: Loopback) -> None:
    """After close() no thread of ours is left, and whoever still waits is told what to do."""
    provider, before = Provider(server), set(threading.enumerate())  # other tests may have left comparisons open
    provider.polls = [provider.polls[0]]
    clip = studio.generate(**ASKED)
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            clip.wait(20)
        except vg.VidgenError as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    studio.close()
    waiting.join(10)
    assert "resume" in str(errors[0])
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if thread.name.startswith("vidgen_nb")]


def test_handles_are_not_pickled(studio: vg.Studio, server: Loopback) -> None:
    """A pickle would carry keys and a running engine away: refused, with what to do instead."""
    clip = studio.generate(**ASKED)
    for thing in (clip, studio):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(thing)


def test_the_default_studio_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """vg.setup() with the same arguments gives the same Studio."""
    from vidgen_nb import studio as room

    monkeypatch.setattr(room, "_default", None)
    first = vg.setup(simulate=True)
    try:
        assert vg.setup(simulate=True) is first
        assert vg.setup() is first
        other = vg.setup(simulate=True, embed_limit=5)
        assert other is not first
        other.close()
    finally:
        first.close()
