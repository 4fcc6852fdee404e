"""The run of a sweep: it submits in the background, a few at a time, and a clip that fails stops no other."""

import asyncio
import contextvars
import os
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from vidgen_nb.engine.loop import result_of
from vidgen_nb.errors import VidgenError, WaitTimeout
from vidgen_nb.gateways import facts_of
from vidgen_nb.generation import Generation
from vidgen_nb.records import Status

if TYPE_CHECKING:
    from vidgen_nb.display.sweep import Cell, Grid
    from vidgen_nb.studio import Studio
    from vidgen_nb.sweeps import Row, Sweep


@dataclass(eq=False)
class _Place:
    """One row while it runs. `busy`: it counts among the unfinished ones of its provider."""

    number: int
    row: "Row"
    waiting: bool
    busy: bool = False
    clip: Generation | None = None
    error: Exception | None = None

    @property
    def unsent(self) -> bool:
        """Whether its POST may still have to wait for its turn. One that somebody else asked for too is theirs."""
        clip = self.clip
        return self.busy if clip is None else clip.status is Status.SUBMITTING and not clip.record.reused


class SweepRun:
    """A sweep that is being made. As a cell's last line it shows the grid; `wait()` and `await` give it back once
    nothing more happens by itself. A clip that fails does not stop the others: it stands in `errors`.
    """

    def __init__(self, studio: "Studio", sweep: "Sweep", caps: Mapping[str, int], options: Mapping[str, Any]) -> None:
        self.key = uuid.uuid4().hex
        self.sweep = sweep
        self.caps = dict(caps)
        self._studio = studio
        self._options = dict(options)
        self._places = [_Place(number, row, row.state != "invalid") for number, row in enumerate(sweep.rows)]
        self._changed = threading.Condition()
        self._stopped = self._closing = False
        self._listeners: list[Callable[[int | None], None]] = []
        self._finished: Future[None] = Future()
        self._thread: threading.Thread | None = None

    # ── what it holds ─────────────────────────────────────────────────────────
    @property
    def clips(self) -> list[Generation]:
        """Every clip so far, in the order of the plan."""
        return [place.clip for place in self._places if place.clip is not None]

    @property
    def errors(self) -> dict[int, Exception]:
        """What went wrong, by the number of the row in the plan, counted from 1."""
        found: dict[int, Exception] = {}
        for place in self._places:
            error = place.error or (place.clip.error if place.clip is not None else None)
            if error is not None:
                found[place.number + 1] = error
        return found

    @property
    def done(self) -> bool:
        """Whether nothing more happens by itself."""
        return self._finished.done()

    @property
    def stopped(self) -> bool:
        """Whether the rest was called off."""
        return self._stopped

    # ── what a person does ────────────────────────────────────────────────────
    def stop(self) -> None:
        """Submit no more. What is at the providers goes on; running the sweep again makes the rest."""
        self._halt()
        for place in self._places:
            self._call_off(place)
        self._tell(None)

    def _halt(self) -> None:
        with self._changed:
            self._stopped = self._stopped or any(place.waiting or place.unsent for place in self._places)
            for place in self._places:
                place.waiting = False
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> "SweepRun":
        """Wait until every clip is settled. Failed clips raise nothing here: they stand in `errors`.

        Args:
            timeout: Seconds; None waits as long as it takes.

        Raises:
            WaitTimeout: The time is up. The sweep goes on.
        """
        if self._studio.inside_loop:
            raise VidgenError("wait() would wait for ever in vidgen_nb's own thread.", hint="Use `await run` there.")
        try:
            result_of(self._finished, timeout)
        except FutureTimeout:
            late = True
        else:
            late = False
        if late:
            message = f"The sweep is not done after {timeout:g} s. It goes on."
            raise WaitTimeout(message, hint="run.wait() waits on; nothing was cancelled.")
        self._republish()
        return self

    def __await__(self) -> "Generator[Any, None, SweepRun]":
        yield from self._awaited().__await__()
        self._finished.result()
        self._republish()
        return self

    async def _awaited(self) -> None:
        while not self._finished.done():  # noqa: ASYNC110 (a kernel's loop that sleeps misses an interrupt)
            await asyncio.sleep(0.2)

    # ── submitting, in a thread of its own ────────────────────────────────────
    def start(self) -> None:
        """Join what exists, then submit the rest in the background."""
        self._studio.enrol(self)
        for place in self._places:
            if place.row.state == "exists":
                self._begin(place)
        # in the context of this cell: whether somebody watches is asked of the cell that started it, not of a later one
        target = contextvars.copy_context().run
        self._thread = threading.Thread(target=target, args=(self._work,), name="vidgen_nb-sweep", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread: the Studio closes. What is at the providers goes on there."""
        with self._changed:
            self._closing = True
        self._halt()  # whose turn has not come, is sent away by the engine as it closes
        self._tell(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def _work(self) -> None:
        while (place := self._next()) is not None:
            self._begin(place)
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not any(place.busy for place in self._places))
            left = any(place.busy for place in self._places)
        if left:
            self._finished.set_exception(VidgenError("The Studio was closed.", hint="Run the sweep again, free."))
        else:
            self._finished.set_result(None)
        self._studio.dismiss(self)
        self._tell(None)

    def _next(self) -> _Place | None:
        """The next row to submit, once its provider has room; None when there is none left."""
        with self._changed:
            while any(place.waiting for place in self._places):
                busy = Counter(place.row.single.provider for place in self._places if place.busy)
                for place in self._places:
                    name = place.row.single.provider
                    if place.waiting and busy[name] < self.caps[name]:
                        return place
                self._changed.wait()
        return None

    def _begin(self, place: _Place) -> None:
        with self._changed:
            if not place.waiting:  # stopped in between
                return
            place.waiting, place.busy = False, True
        single = place.row.single
        try:
            place.clip = clip = self._studio.begin(
                single.provider, single.parameters, take=single.take, extra=single.extra, **self._options
            )
            if self._stopped:  # meanwhile
                self._call_off(place)
            clip.watch(lambda _: self._tell(place.number))
            self._studio.settled(clip.record).add_done_callback(lambda _: self._settled(place))
        except Exception as error:  # nothing was sent; or a provider file of somebody else's
            place.error = error
            self._settled(place)
        self._tell(place.number)

    def _call_off(self, place: _Place) -> None:
        if place.clip is not None and place.unsent:
            self._studio.runner.call_off(place.clip.id)

    def _settled(self, place: _Place) -> None:
        with self._changed:
            place.busy = False
            self._changed.notify_all()
        self._tell(place.number)

    # ── for the grid ──────────────────────────────────────────────────────────
    def grid(self) -> "Grid":
        """How it stands at this moment."""
        from vidgen_nb.display.sweep import Grid, about, time_left

        done = self.done  # asked first: what was done then is in the cells
        cells = tuple(map(_cell, self._places))
        names = list(dict.fromkeys(place.row.single.provider for place in self._places))
        return Grid(
            self.sweep.template,
            self.sweep.axes,
            about(self.sweep.shared, [facts_of(name).title for name in names], self.sweep.axes, len(cells)),
            self.sweep.ratio,
            self._studio.home,
            cells,
            time_left(cells, self.caps, time.time()) or "",
            done,
        )

    def viewed(self, number: int) -> Generation | None:
        """The clip of a row, counted from 0; None while there is none."""
        return self._places[number].clip if 0 <= number < len(self._places) else None

    def listen(self, tell: Callable[[int | None], None]) -> None:
        """Call `tell` with the number of each row that changes, from any thread; None: everything may have changed."""
        self._listeners.append(tell)

    def _tell(self, number: int | None) -> None:
        for tell in list(self._listeners):
            tell(number)

    def code(self) -> str:
        """The call which makes this sweep, as Python."""
        caps = set(self.caps.values())
        parallel = next(iter(caps)) if len(caps) == 1 else self.caps
        return f"{self.sweep.code()}.run(parallel={parallel!r})"

    def _republish(self) -> None:
        if "vidgen_nb.display.sweep_live" in sys.modules:  # nothing was shown otherwise
            sys.modules["vidgen_nb.display.sweep_live"].republish(self)

    def _ipython_display_(self) -> None:
        from vidgen_nb.display import sweep_live

        if os.environ.get("VIDGEN_DISPLAY") == "static":
            self.wait()
        sweep_live.show(self, embed_limit=self._studio.embed_limit)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.sweep_saved import bundle

        return bundle(self.grid(), embed_limit=self._studio.embed_limit)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        from vidgen_nb.display.sweep_saved import as_text

        return as_text(self.grid())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SweepRun is not pickled: run the sweep again, what exists costs nothing")


def _cell(place: _Place) -> "Cell":
    from vidgen_nb.display.sweep import Cell

    clip, row = place.clip, place.row
    return Cell(
        row.single.where,
        row.single.provider,
        clip.record if clip is not None else None,
        clip.facts if clip is not None else None,
        waiting=clip is None and (place.waiting or place.busy),
        invalid=row.state == "invalid",
        reason=row.reason or (str(place.error) if place.error is not None else ""),
    )
