"""The living grid of a sweep: one widget for all its clips, fed from any thread, static HTML once nothing can happen.

Each tile is a trait of its own, so that a message holds the tiles that changed and nothing else; changes are gathered,
and sent a few times a second at most. The bytes of a clip are sent when somebody plays it.
"""

import atexit
import contextvars
import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import anywidget
import traitlets

from vidgen_nb.display import live, sweep, sweep_saved
from vidgen_nb.display.estimate import NOTICED
from vidgen_nb.display.html import Link, data_link
from vidgen_nb.display.live import Living, hear_at_once, in_notebook, playable, worth_saying
from vidgen_nb.display.sweep import Grid
from vidgen_nb.display.words import Line, Tick
from vidgen_nb.records import Record, Status, Viewed

log = logging.getLogger(__name__)

GAP = 0.25  # seconds between two messages about the tiles
_SWAP_SECONDS = 10.0  # a view that goes within this time went because its output became static
_KEPT = 20  # finished grids remembered, so that wait() can publish them once more
_HERE = Path(__file__).parent


class Sweeping(Protocol):
    """What the grid sees and does of a sweep that is being made; see `sweep_run.SweepRun`."""

    @property
    def key(self) -> str: ...
    def grid(self) -> Grid: ...
    def viewed(self, number: int) -> Viewed | None: ...
    def listen(self, tell: Callable[[int | None], None]) -> None: ...
    def stop(self) -> None: ...
    def code(self) -> str: ...


def _after_the_card(card: str, own: str) -> str:
    """The card's script or style with the grid's behind it: the grid is drawn, ticks and copies as the card does."""
    both = ((_HERE / name).read_text(encoding="utf-8") for name in (card, own))
    return "\n".join(both).replace("export default { render };", "")


class LiveGrid(anywidget.AnyWidget):
    """The widget: the parts around the tiles as traits. `of(n)` adds the tiles."""

    _esm = _after_the_card("live.js", "sweep.js")
    _css = _after_the_card("card.css", "sweep.css")
    head = traitlets.Unicode().tag(sync=True)
    bar = traitlets.Unicode().tag(sync=True)
    counts = traitlets.Unicode().tag(sync=True)
    frame = traitlets.Unicode().tag(sync=True)
    ratio = traitlets.Unicode().tag(sync=True)
    tiles = traitlets.Int().tag(sync=True)

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        hear_at_once(self)

    @classmethod
    @cache
    def of(cls, count: int) -> "type[LiveGrid]":
        """The widget for so many tiles."""
        traits = {f"tile{number}": traitlets.Unicode().tag(sync=True) for number in range(count)}
        return type("LiveGrid", (cls,), traits)


class GridShown:
    """One sweep in this kernel: its widget, its outputs (one display id for all), and what the page knows of it.

    Changes come from any thread, clicks from the main or a subshell thread; neither may wait for the other or raise.
    """

    def __init__(self, sweeping: Sweeping, *, embed_limit: int) -> None:
        self.sweeping = sweeping
        self.final = False
        self._embed_limit = embed_limit
        self._display_id = f"vidgen-{uuid.uuid4().hex}"
        self._lock = threading.RLock()
        self._posters: dict[int, Link] = {}
        self._dirty: set[int] = set()
        self._said: dict[int, Record] = {}  # of each tile, as the page knows it
        self._timer: threading.Timer | None = None
        self._views: set[str] = set()
        self._met = False  # whether any view has ever reported
        self._settled_at = 0.0
        self._rested = False  # whether it was said beside the widget that only a person can go on
        self._opened: dict[str, Living] = {}
        grid = sweeping.grid()
        self._left = grid.left
        self._sent = self._parts(grid, range(len(grid.cells)))
        fixed = {"frame": str(sweep.frame(grid)), "ratio": f"{grid.ratio:g}", "tiles": len(grid.cells)}
        self.widget = LiveGrid.of(len(grid.cells))(**fixed, **self._sent)
        self.widget.on_msg(self._heard)
        sweeping.listen(self.tell)
        self.tell(None)  # it may have moved on before we listened

    # ── to the page ───────────────────────────────────────────────────────────
    def show(self) -> None:
        """One more output of this sweep, in the cell that is running."""
        with self._lock:
            data, metadata = self._living_bundle()
            live.publish(data, metadata, self._display_id)

    def tell(self, number: int | None) -> None:
        """A tile has changed, or everything may have: it is sent with what else changes within GAP."""
        with self._lock:
            if self.final:
                return
            self._dirty |= set(range(self.widget.tiles)) if number is None else {number}
            if self._timer is None:
                self._timer = threading.Timer(GAP, self._flush)
                self._timer.daemon = True
                self._timer.start()

    def _flush(self) -> None:
        """Send what has changed since, from the timer's thread. Never raises: there is nobody to tell."""
        try:
            with self._lock:
                self._timer = None
                if not self.final:
                    self._send()
        except Exception:
            log.debug("the grid of a sweep could not follow", exc_info=True)

    def _send(self) -> None:
        grid = self.sweeping.grid()
        if grid.final:
            self._settle(grid)
            return
        if grid.done and not self._rested:
            self._rested = True  # unknown or stuck: the widget stays, what is saved beside it must not say "running"
            data, metadata = self._living_bundle()
            contextvars.Context().run(live.publish, data, metadata, self._display_id, update=True)
        self._push(grid)

    def _push(self, grid: Grid, *, force: bool = False) -> None:
        if self._met and not self._views:
            return  # nobody looks; a view that comes back asks
        grid = replace(grid, left=_steady(self._left, grid.left))
        parts = self._parts(grid, [number for number in sorted(self._dirty) if force or self._news(grid, number)])
        self._left = grid.left
        self._dirty.clear()
        changed = {name: value for name, value in parts.items() if self._sent.get(name) != value}
        self._sent |= changed
        if changed:
            with self.widget.hold_sync():  # one message
                for name, value in changed.items():
                    setattr(self.widget, name, value)

    def _news(self, grid: Grid, number: int) -> bool:
        """Whether a tile has something to say. How often it may is GAP's."""
        said, record = self._said.get(number), grid.cells[number].record
        return said is None or record is None or worth_saying(said, record, math.inf)

    def _parts(self, grid: Grid, numbers: Iterable[int]) -> dict[str, str]:
        tiles = {}
        for number in numbers:
            cell = grid.cells[number]
            tiles[f"tile{number}"] = str(sweep.tile(cell, self._poster(grid, number)))
            if cell.record is not None:
                self._said[number] = cell.record
        return {"head": str(sweep.head(grid)), "bar": str(sweep.bar(grid)), "counts": str(sweep.counts(grid)), **tiles}

    def _poster(self, grid: Grid, number: int) -> Link | None:
        record = grid.cells[number].record
        if record is None or record.status is not Status.SUCCEEDED:
            return None
        if number not in self._posters:
            picture = sweep_saved.poster(grid.cells[number], grid)
            if not picture:
                return None
            self._posters[number] = data_link("image/jpeg", picture)
        return self._posters[number]

    def _settle(self, grid: Grid) -> None:
        """Static first: where that arrives, the widget's view is gone before its last state is drawn."""
        self.final, self._settled_at = True, time.monotonic()
        static = sweep_saved.bundle(grid, embed_limit=self._embed_limit)
        try:
            contextvars.Context().run(live.publish, static, None, self._display_id, update=True)
        finally:
            if self._met and not self._views:
                self._close()
            else:
                self._push(grid, force=True)

    def publish_again(self) -> None:
        """The end once more, from the cell that waited: executors keep only what the running cell publishes."""
        with self._lock:
            if not self.final:
                self._send()
            if self.final:
                static = sweep_saved.bundle(self.sweeping.grid(), embed_limit=self._embed_limit)
                live.publish(static, None, self._display_id, update=True)
            else:
                data, metadata = self._living_bundle()
                live.publish(data, metadata, self._display_id, update=True)

    def close(self) -> None:
        """Leave the static grid as it stands: the kernel ends."""
        with self._lock:
            if not self.final:
                self.final = True
                static = sweep_saved.bundle(self.sweeping.grid(), embed_limit=self._embed_limit)
                contextvars.Context().run(live.publish, static, None, self._display_id, update=True)

    def _living_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        static = sweep_saved.bundle(self.sweeping.grid(), embed_limit=self._embed_limit)
        return live.beside(self.widget, static)

    def _close(self) -> None:
        for card in self._opened.values():
            card.leave()
        self.widget.close()

    # ── from the page ─────────────────────────────────────────────────────────
    def _heard(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        try:
            self._answer(str(message.get("act", "")), str(message.get("view", "")), message)
        except Exception:
            log.debug("a message from the grid could not be answered", exc_info=True)

    def _answer(self, act: str, view: str, message: Mapping[str, Any]) -> None:
        number = int(message.get("number", -1))
        if act == "stop":
            self.sweeping.stop()
        elif act == "code":
            self.widget.send({"view": view, "act": act, "text": self.sweeping.code()})
        elif act == "video":
            self._send_video(view, number)
        elif act == "open":
            self._open(view, number)
        elif act == "hello":
            self.widget.send({"view": view, "now": time.time()})
            with self._lock:
                self._met = True
                self._views.add(view)
                self._dirty |= set(range(self.widget.tiles))
                self._push(self.sweeping.grid(), force=True)
        elif act == "bye":
            with self._lock:
                self._views.discard(view)
                if view in self._opened:
                    self._opened.pop(view).leave()
                if self.final and not self._views and time.monotonic() - self._settled_at < _SWAP_SECONDS:
                    self._close()

    def _send_video(self, view: str, number: int) -> None:
        """The bytes as a buffer of a message of their own: a synced trait would be saved, and sent to every view."""
        viewed = self.sweeping.viewed(number)
        if viewed is not None:
            words, data = playable(viewed.record, viewed.home, 0)
            self.widget.send({"view": view, "video": number, "words": words}, [data] if data is not None else None)

    def _open(self, view: str, number: int) -> None:
        """The whole card of a clip under the grid of one view: a widget of its own, of which the page makes a view."""
        viewed = self.sweeping.viewed(number)
        with self._lock:
            if view in self._opened:
                self._opened.pop(view).leave()
            if viewed is not None:
                card = self._opened[view] = Living(viewed, embed_limit=0)
                self.widget.send({"view": view, "open": number, "card": card.widget.model_id})


def _steady(said: Line, now: Line) -> Line:
    """The time left as the page has it, unless a person would notice the change: each poll moves it a little."""
    if not isinstance(said, Tick) or not isinstance(now, Tick) or len(said.then) != len(now.then):
        return now
    steps = zip(said.then, now.then, strict=True)
    return now if any(abs(one[0] - other[0]) >= NOTICED for one, other in steps) else said


# ── the grids of this kernel ──────────────────────────────────────────────────
class _Grids:
    """Every sweep that was shown alive, so that a second output joins the first, and wait() finds them."""

    lock: ClassVar[threading.Lock] = threading.Lock()
    shown: ClassVar[dict[str, GridShown]] = {}


def show(sweeping: Sweeping, *, embed_limit: int) -> None:
    """Show a sweep in the running cell: alive while something can happen to it, static once nothing can."""
    if not in_notebook():
        print(sweep_saved.as_text(sweeping.grid()))  # noqa: T201 (the one output, in the call that asked for it)
        return
    grid = sweeping.grid()
    if grid.final or live.static_only():
        static = sweep_saved.bundle(grid, embed_limit=embed_limit)
        live.publish(static, None, f"vidgen-{uuid.uuid4().hex}")
        return
    with _Grids.lock:
        shown = _Grids.shown.get(sweeping.key)
        if shown is None or shown.final:
            if not _Grids.shown:
                atexit.register(close_all)
            shown = _Grids.shown[sweeping.key] = GridShown(sweeping, embed_limit=embed_limit)
            for key in [key for key, old in _Grids.shown.items() if old.final][:-_KEPT]:
                del _Grids.shown[key]
    shown.show()


def republish(sweeping: Sweeping) -> None:
    """Publish a sweep once more, from the cell that waited for it; nothing if it was never shown alive."""
    with _Grids.lock:
        shown = _Grids.shown.get(sweeping.key)
    if shown is not None:
        shown.publish_again()


def close_all() -> None:
    """Turn every living grid into a static one, as it stands: at the end of the kernel."""
    with _Grids.lock:
        grids, _Grids.shown = list(_Grids.shown.values()), {}
    for grid in grids:
        try:
            grid.close()
        except Exception:
            log.debug("a grid could not be closed", exc_info=True)
