"""How often a provider is asked: one governor for each provider and key, shared by all of its generations.

The gate stands outside of the HTTP library, which slows down steeply when more requests are inside it than it has
connections. A limit that nobody documents is found gently, and learned once for all.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from vidgen_nb.engine.wire import Gateway

POLLS_AT_ONCE = 16
SUBMITS_AT_ONCE = 8
START = 20.0  # requests a second at first
FASTER = 1.05  # times as many after each answer, until a limit is met: after a hundred answers there is none
GUESS = 4.0  # a second, once refused: a limit that was published for such an API is 5; the second refusal tells it
PROBE_A_GUESS, PROBE = 0.005, 0.0005  # so much more after each answer from then on; twice that after every hundred
SLOWEST = 1 / 30
LONGEST_PAUSE = 3600.0
TURNS = 4  # of so many turns one goes to whoever has waited longest, the others to the person who waits


class Closed(Exception):
    """The lane was closed while somebody waited in it: nothing was sent."""


class Lane:
    """The turns of one kind of request. Lives in the loop's thread."""

    def __init__(self, at_once: int, now: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._now = now
        self._inside = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._given = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._calm = asyncio.Event()  # nobody waits for room; waiting until the rate allows it is another matter
        self._calm.set()
        self._closed = False
        self.rate = START
        self._faster = FASTER
        self._limited = False
        self._next = 0.0  # when the next request may start
        self._refusals = 0  # in a row
        self._paused_until = 0.0
        # Between two refusals of a lane in which somebody always waits, what passed is what the provider allows.
        self._passed, self._since, self._busy = 0, 0.0, False

    @asynccontextmanager
    async def turn(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. `urgent`: a person waits in a cell. Raises Closed."""
        if self._closed:
            raise Closed
        mine = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(mine)
        self._give()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    async def calm(self, patience: float) -> None:
        """Let requests go first for which there is no room yet, but wait `patience` seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._calm.wait()

    def passed(self) -> None:
        """The provider answered, and did not say that it was asked too often."""
        self._passed += 1
        self._refusals = 0
        if self._limited and self._passed % 100 == 0:
            self._faster = min(FASTER, 2 * self._faster - 1)
        self.rate = min(1e6, self.rate * self._faster)

    def refused(self, wait: float | None) -> None:
        """The provider said 429; `wait`: its Retry-After. Nobody asks before it is over, and then no faster than it
        allows."""
        now = self._now()
        if now < self._paused_until:  # it was on its way when the first was refused
            self._paused_until = max(self._paused_until, min(now + (wait or 0.0), now + LONGEST_PAUSE))
            return
        self._refusals += 1
        if self._passed or not self._limited:  # else the pause was too short, and tells no more of the rate
            counted = self._passed / (now - self._since) if self._busy else self.rate / 2
            self.rate = min(self.rate, max(SLOWEST, 0.95 * counted) if self._limited else GUESS)
            self._faster = 1 + (PROBE if self._limited else PROBE_A_GUESS)
            self._passed, self._since = 0, now
        self._limited = self._busy = True
        pause = min(30.0, 2.0 ** (self._refusals - 1)) if wait is None else min(wait, LONGEST_PAUSE)
        self._next = self._paused_until = now + pause

    def close(self) -> None:
        """Send away whoever waits."""
        self._closed = True
        for mine in (*self._urgent, *self._others):
            if not mine.done():
                mine.set_exception(Closed())
        self._urgent.clear()
        self._others.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _leave(self) -> None:
        self._inside -= 1
        self._give()

    def _give(self) -> None:
        """Let in whoever may start, and take note whether it is only for lack of room that others may not."""
        self._let_in()
        if self._inside == self._at_once and (self._urgent or self._others):
            self._calm.clear()
        else:
            self._calm.set()

    def _let_in(self) -> None:
        """Let in whoever may start now, and see to it that this is asked again when the next may."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._inside < self._at_once:
            now = self._now()
            wait = max(self._next, self._paused_until) - now
            if wait > 0 and (self._urgent or self._others):
                self._alarm = asyncio.get_running_loop().call_later(wait, self._give)
                return
            mine = self._pick()
            if mine is None:
                self._busy = False  # nobody waits: from here on the count says nothing of the limit
                return
            self._inside += 1
            self._given += 1
            self._next = max(now, self._next) + 1 / self.rate
            mine.set_result(None)

    def _pick(self) -> "asyncio.Future[None] | None":
        first, second = self._urgent, self._others
        if self._given % TURNS == 0:
            first, second = second, first
        for queue in (first, second):
            while queue:
                mine = queue.popleft()
                if not mine.done():  # it was cancelled
                    return mine
        return None


@dataclass(slots=True)
class Governor:
    """The two lanes of a provider and a key. A limit on submissions is often one on tasks at once: polls go on."""

    polls: Lane = field(default_factory=lambda: Lane(POLLS_AT_ONCE))
    submits: Lane = field(default_factory=lambda: Lane(SUBMITS_AT_ONCE))


class Governors:
    """The governor of each provider and key in one engine."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, bytes], Governor] = {}
        self._closed = False

    def of(self, gateway: Gateway) -> Governor:
        key = gateway.key.fingerprint if gateway.key is not None else b""
        governor = self._all.setdefault((gateway.origin, key), Governor())
        if self._closed:
            governor.submits.close()
        return governor

    def close(self) -> None:
        """Let nobody submit any more who has not begun to."""
        self._closed = True
        for governor in self._all.values():
            governor.submits.close()
