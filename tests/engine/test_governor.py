"""The governor in virtual time: limits are found with few refusals, pauses are kept by all, a person goes first."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from vidgen_nb.engine.governor import POLLS_AT_ONCE, Closed, Lane


class _NoWait(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Instead of waiting it lets the time of its loop go by."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(0)
        if not ready and timeout:
            self.passed += timeout
        return ready


def in_virtual_time(play: Callable[[Callable[[], float]], Coroutine[Any, Any, None]]) -> None:
    """Run a play whose clock jumps to whatever it waits for."""
    selector = _NoWait()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.passed  # type: ignore[method-assign]
    try:
        loop.run_until_complete(play(loop.time))
    finally:
        loop.close()


class Bucket:
    """A server which allows so many requests a second, and a few at once; a refusal may say how long to wait."""

    def __init__(self, now: Callable[[], float], *, rate: float, burst: int, retry_after: float | None) -> None:
        self._now, self._rate, self._burst, self.retry_after = now, rate, burst, retry_after
        self._tokens, self._at = float(burst), now()
        self.asked: list[float] = []
        self.refused = 0

    async def ask(self, lane: Lane, *, urgent: bool = False) -> bool:
        async with lane.turn(urgent=urgent):
            await asyncio.sleep(0.002)
            now = self._now()
            self.asked.append(now)
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                self.refused += 1
                lane.refused(self.retry_after)
                return False
            self._tokens -= 1
            lane.passed()
            return True


@pytest.mark.parametrize("retry_after", [1.0, None])
def test_a_limit_is_learned_once_for_all(retry_after: float | None) -> None:
    """50 tasks under 5 polls a second: of a thousand polls hardly any is refused, and what is allowed is used."""

    async def play(now: Callable[[], float]) -> None:
        lane = Lane(POLLS_AT_ONCE, now)
        server = Bucket(now, rate=5, burst=20, retry_after=retry_after)

        async def task() -> None:
            for _ in range(20):
                await server.ask(lane)
                await asyncio.sleep(1)

        await asyncio.gather(*(task() for _ in range(50)))
        assert server.refused <= 0.02 * len(server.asked)
        assert len(server.asked) / now() > 4.5

    in_virtual_time(play)


def test_a_minute_full_of_requests_is_learned_too() -> None:
    """60 in each minute, refused without a word until the next: soon they are spread over the minute."""

    async def play(now: Callable[[], float]) -> None:
        lane, refused, in_minute = Lane(POLLS_AT_ONCE, now), 0, dict[int, int]()

        async def ask() -> None:
            nonlocal refused
            async with lane.turn():
                minute = int(now() // 60)
                in_minute[minute] = in_minute.get(minute, 0) + 1
                if in_minute[minute] > 60:
                    refused += 1
                    lane.refused(None)
                else:
                    lane.passed()

        async def task() -> None:
            while now() < 1800:
                await ask()

        await asyncio.gather(*(task() for _ in range(10)))
        assert refused <= 0.05 * sum(in_minute.values())
        assert sum(in_minute.values()) > 0.7 * 1800

    in_virtual_time(play)


def test_without_a_limit_a_thousand_are_let_through() -> None:
    """Nobody is held back for long by a limit that is not there, and never are more inside than there is room for."""

    async def play(now: Callable[[], float]) -> None:
        lane, inside, most = Lane(POLLS_AT_ONCE, now), 0, 0

        async def ask() -> None:
            nonlocal inside, most
            async with lane.turn():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.002)
                inside -= 1
                lane.passed()

        await asyncio.gather(*(ask() for _ in range(1000)))
        assert now() < 2
        assert most <= POLLS_AT_ONCE

    in_virtual_time(play)


def test_a_pause_holds_for_everybody() -> None:
    """After a 429 with Retry-After nobody asks before it is over, whoever comes; later refusals do not shorten it."""

    async def play(now: Callable[[], float]) -> None:
        lane, asked = Lane(4, now), list[float]()

        async def ask() -> None:
            async with lane.turn():
                asked.append(now())

        async with lane.turn():
            lane.refused(30.0)
            lane.refused(None)
        await asyncio.gather(*(ask() for _ in range(3)))
        assert min(asked) == pytest.approx(30)

    in_virtual_time(play)


def test_refusals_without_a_time_are_waited_out_longer_each_time() -> None:
    """1, 2, 4 … seconds, at most 30; an answer begins anew."""

    async def play(now: Callable[[], float]) -> None:
        lane, waits = Lane(1, now), list[float]()
        for _ in range(7):
            before = now()
            async with lane.turn():
                waits.append(now() - before)
                lane.refused(None)
        assert waits == pytest.approx([0, 1, 2, 4, 8, 16, 30])
        async with lane.turn():
            lane.passed()
        async with lane.turn():
            lane.refused(None)
        before = now()
        async with lane.turn():
            assert now() - before == pytest.approx(1)

    in_virtual_time(play)


def test_who_waits_in_a_cell_goes_first_and_nobody_is_forgotten() -> None:
    """Of a hundred that wait, the urgent ones come first; one turn of four is for the others all the same."""

    async def play(now: Callable[[], float]) -> None:
        lane, order = Lane(1, now), list[str]()

        async def ask(name: str, *, urgent: bool) -> None:
            async with lane.turn(urgent=urgent):
                order.append(name)

        others = [asyncio.ensure_future(ask("other", urgent=False)) for _ in range(60)]
        await asyncio.sleep(0)
        urgent = [asyncio.ensure_future(ask("urgent", urgent=True)) for _ in range(30)]
        await asyncio.gather(*others, *urgent)
        assert order[:40].count("urgent") >= 28
        assert 8 <= order[:40].count("other") <= 12

    in_virtual_time(play)


def test_other_work_waits_while_requests_wait_for_room() -> None:
    """Until the last of them is inside, or its patience has ended; who is held back by a limit does not count."""

    async def play(now: Callable[[], float]) -> None:
        lane = Lane(2, now)

        async def ask() -> None:
            async with lane.turn():
                lane.passed()
                await asyncio.sleep(1)

        await lane.calm(5)
        assert now() == 0
        asking = [asyncio.ensure_future(ask()) for _ in range(6)]
        await asyncio.sleep(0.5)  # by then two are inside, and four wait
        await lane.calm(0.2)
        assert now() == pytest.approx(0.7)
        await lane.calm(5)
        assert now() == pytest.approx(2.1, abs=0.1), "the last two were let in"
        await asyncio.gather(*asking)
        async with lane.turn():
            lane.refused(30.0)
        asking, before = [asyncio.ensure_future(ask()) for _ in range(6)], now()
        await asyncio.sleep(1)
        await lane.calm(5)
        assert now() == before + 1
        await asyncio.gather(*asking)

    in_virtual_time(play)


def test_who_stops_waiting_takes_no_turn() -> None:
    """Whoever is cancelled while waiting, or just as the turn was given, leaves the lane as it was."""

    async def play(now: Callable[[], float]) -> None:
        lane = Lane(1, now)

        async def ask() -> None:
            async with lane.turn():
                pass

        async with lane.turn():
            waiting = asyncio.ensure_future(ask())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            given = asyncio.ensure_future(ask())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        given.cancel()
        await asyncio.wait([given])
        async with asyncio.timeout(10), lane.turn():
            pass

    in_virtual_time(play)


def test_a_closed_lane_lets_nobody_in() -> None:
    """Whoever waits, and whoever comes later, is told; whoever is inside goes on."""

    async def play(now: Callable[[], float]) -> None:
        lane = Lane(1, now)

        async def ask() -> None:
            async with lane.turn():
                raise AssertionError("let in")

        async with lane.turn():
            waiting = asyncio.ensure_future(ask())
            await asyncio.sleep(0)
            lane.close()
            with pytest.raises(Closed):
                await waiting
        with pytest.raises(Closed):
            await ask()

    in_virtual_time(play)
