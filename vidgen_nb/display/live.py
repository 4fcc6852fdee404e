"""The living card: one widget per clip, fed from any thread, replaced by static HTML at the end.

Measured: an output can only be replaced as long as the page lives on which it was shown. So the swap is for the saved
notebook; after a page reload the widget, which attaches anew, goes on and shows the player itself.
"""

import atexit
import contextvars
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets
from IPython import get_ipython
from IPython.display import publish_display_data

from vidgen_nb.display import card
from vidgen_nb.display.estimate import told_anew
from vidgen_nb.display.face import FINAL, overdue
from vidgen_nb.display.html import Link, data_link
from vidgen_nb.display.pictures import small_jpeg
from vidgen_nb.purse import nobody_answers
from vidgen_nb.records import Record, Status, Viewed

log = logging.getLogger(__name__)

ACTIONS = frozenset({"check", "resume", "reconcile", "adopt", "resolve", "resubmit"})
STEP_SECONDS, STEP_PERCENT, STEP_BYTES = 0.5, 1.0, 250_000  # how coarse progress may be on its way to the browser
PLAYABLE_BYTES = 200_000_000  # more would not pass through a notebook's websocket in reasonable time
_SWAP_SECONDS = 10.0  # a view that goes within this time went because its output became static
_KEPT = 200  # finished cards remembered, so that wait() can publish them once more
# what may change many times between two things worth saying
_MINOR = (
    *("progress", "expected", "expected_late", "bytes_done", "bytes_per_second"),
    *("next_call", "updated", "revision", "raw", "owner"),
)


class LiveCard(anywidget.AnyWidget):
    """The widget: the parts of a card as traits, of which only those that changed are sent."""

    _esm = Path(__file__).with_name("live.js")
    _css = Path(__file__).with_name("card.css")
    state = traitlets.Unicode().tag(sync=True)
    shape = traitlets.Unicode().tag(sync=True)
    ratio = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    word = traitlets.Unicode().tag(sync=True)
    given = traitlets.Unicode().tag(sync=True)
    head = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    strip = traitlets.Unicode().tag(sync=True)
    body = traitlets.Unicode().tag(sync=True)
    foot = traitlets.Unicode().tag(sync=True)

    def __init__(self, **parts: str) -> None:
        super().__init__(**parts)
        hear_at_once(self)

    def blank(self) -> None:
        """Leave next to nothing for an executor, which saves the state of every widget with the notebook."""
        with self.hold_sync():
            for name in (*card.PARTS, "_esm", "_css"):
                setattr(self, name, "")
        self.close()


def hear_at_once(widget: anywidget.AnyWidget) -> None:
    """Let a widget's clicks be heard while a cell runs, where the kernel can do that.

    ipykernel 7.4 gives a click to the thread that was busy last: hand the choice back to the front end. Private.
    """
    comm = widget.comm
    if comm is not None and hasattr(type(comm), "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


def worth_saying(said: Record, record: Record, waited: float) -> bool:
    """Whether a page that knows `said`, told so many seconds ago, should hear of a newer record."""
    if replace(said, **{name: getattr(record, name) for name in _MINOR}) != record:
        return True
    if (overdue(record) and not overdue(said)) or told_anew(said, record):
        return True
    if waited < STEP_SECONDS:
        return False
    if record.unreachable_since is not None and record.next_call != said.next_call:
        return True
    if (record.progress is None) != (said.progress is None):
        return True
    step = STEP_BYTES if not record.bytes_total else record.bytes_total * STEP_PERCENT / 100
    return (
        abs((record.progress or 0) - (said.progress or 0)) >= STEP_PERCENT
        or record.bytes_done - said.bytes_done >= step
    )


def playable(record: Record, home: Path, number: int) -> tuple[str, bytes | None]:
    """The bytes of a finished file for a player on the page; or why there are none, in words."""
    path = home / record.files[number].path if 0 <= number < len(record.files) else None
    if path is None or not path.is_file():
        return "The file is no longer there.", None
    if path.stat().st_size > PLAYABLE_BYTES:
        return f"Too large to play in a notebook: {path}", None
    return "", path.read_bytes()


def beside(widget: anywidget.AnyWidget, static: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and metadata of an output: the widget, and beside it what an untrusted or widgetless reader sees."""
    made: Any = widget._repr_mimebundle_()
    # anywidget gives a tuple, ipywidgets a dict
    data, metadata = made if isinstance(made, tuple) else (made or {}, {})
    return {**data, **static}, dict(metadata)


class Living:
    """One clip in this kernel: its widget, its outputs (one display id for all), and what was sent of it so far.

    Records come from any thread, clicks from the main or a subshell thread; neither may wait for the other or raise.
    """

    def __init__(
        self,
        viewed: Viewed,
        *,
        embed_limit: int,
        embed: bool | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.viewed = viewed
        self.final = False
        self._embedding: dict[str, Any] = {"embed_limit": embed_limit, "embed": embed}
        self._now = now
        self._lock = threading.RLock()
        self._display_id = f"vidgen-{uuid.uuid4().hex}"
        self._given = _first_frame(viewed)
        self._record = viewed.record
        self._said, self._said_at = self._record, now()  # as the browser knows it
        self._parts = card.parts(self._record, viewed.facts, given=self._given)
        self._views: set[str] = set()
        self._met = False  # whether any view has ever reported
        self._settled_at = 0.0
        self._again = True  # whether wait() may still publish the end once more
        self.widget = LiveCard(**self._parts)
        self.widget.on_msg(self._heard)
        self._unwatch = viewed.watch(self.tell)
        self.tell(viewed.record)  # it may have moved on before we watched

    # ── to the page ───────────────────────────────────────────────────────────
    def show(self) -> None:
        """One more output of this clip, in the cell that is running."""
        with self._lock:
            data, metadata = self._living_bundle()
            publish(data, metadata, self._display_id)

    def tell(self, record: Record) -> None:
        """Take in a record, from any thread. Never raises: the engine must not care who watches."""
        try:
            with self._lock:
                self._tell(record)
        except Exception:
            log.debug("the card of %s could not follow", record.id, exc_info=True)

    def _tell(self, record: Record) -> None:
        if self.final or record.revision < self._record.revision:
            return
        before, self._record = self._record, record
        if record.status in FINAL:
            self._settle(record)
            return
        if record.status is not before.status:
            # the widget stays, what is saved beside it must not go on saying "queued"
            data, metadata = self._living_bundle()
            contextvars.Context().run(publish, data, metadata, self._display_id, update=True)
        self._push(record)

    def _settle(self, record: Record) -> None:
        """Static first: where that arrives, the widget's view is gone before its last state is drawn."""
        self.final, self._settled_at = True, self._now()
        self._unwatch()
        try:
            contextvars.Context().run(publish, self._static_bundle(), None, self._display_id, update=True)
        finally:
            if self._met and not self._views:
                self.widget.close()
            elif not self._met and nobody_answers():
                self.widget.blank()
            else:
                self._push(record, force=True)

    def _push(self, record: Record, *, force: bool = False) -> None:
        if self._met and not self._views:
            return  # nobody looks; a view that comes back asks
        if not force and not worth_saying(self._said, record, self._now() - self._said_at):
            return
        poster = card.poster_of(record, self.viewed.home) if record.status is Status.SUCCEEDED else b""
        player = card.player_for(record, self.viewed.home, poster=poster, embed_limit=-1) if record.files else None
        parts = card.parts(record, self.viewed.facts, player=player, given=self._given)
        self._said, self._said_at = record, self._now()
        changed = {name: value for name, value in parts.items() if value != self._parts[name]}
        self._parts = parts
        if changed:
            with self.widget.hold_sync():  # one message
                for name, value in changed.items():
                    setattr(self.widget, name, value)

    def publish_again(self) -> None:
        """The end once more, from the cell that waited: executors keep only what the running cell publishes."""
        with self._lock:
            if self.final and self._again:
                self._again = False
                publish(self._static_bundle(), None, self._display_id, update=True)
            elif self._record.status.settled and not self.final:
                data, metadata = self._living_bundle()
                publish(data, metadata, self._display_id, update=True)

    def close(self) -> None:
        """Leave the static card as it stands: the kernel ends."""
        with self._lock:
            if not self.final:
                self.final = True
                self._unwatch()
                contextvars.Context().run(publish, self._static_bundle(), None, self._display_id, update=True)

    def _static_bundle(self) -> dict[str, str]:
        return card.bundle_of(self._record, self.viewed.facts, self.viewed.home, **self._embedding)

    def _living_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget, and beside it what an untrusted or widgetless reader sees."""
        return beside(self.widget, self._static_bundle())

    def leave(self) -> None:
        """Take the card away, from a set in which it stood opened. Nothing happens to the clip."""
        with self._lock:
            self._unwatch()
            self.widget.close()

    # ── from the page ─────────────────────────────────────────────────────────
    def _heard(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        try:
            self._answer(str(message.get("act", "")), str(message.get("view", "")), message)
        except Exception:
            log.debug("a message from the card could not be answered", exc_info=True)

    def _answer(self, act: str, view: str, message: Mapping[str, Any]) -> None:
        if act in ACTIONS:
            self.viewed.act(act, str(message.get("argument", ""))[:200])
        elif act in {"code", "report"}:
            text = self.viewed.code() if act == "code" else self.viewed.report()
            self.widget.send({"view": view, "act": act, "text": text})
        elif act == "video":
            self._send_video(view, int(message.get("number", 0)))
        elif act == "hello":
            self.widget.send({"view": view, "now": time.time()})
            with self._lock:
                self._met = True
                self._views.add(view)
                self._push(self._record, force=True)
        elif act == "bye":
            with self._lock:
                self._views.discard(view)
                if self.final and not self._views and self._now() - self._settled_at < _SWAP_SECONDS:
                    self.widget.close()

    def _send_video(self, view: str, number: int) -> None:
        """The bytes as a buffer of a message of their own: a synced trait would be saved, and sent to every view."""
        words, data = playable(self._record, self.viewed.home, number)
        self.widget.send({"view": view, "video": number, "words": words}, [data] if data is not None else None)


# ── the cards of this kernel ──────────────────────────────────────────────────
class _Cards:
    """Every clip that was shown alive, so that a second output joins the first, and wait() finds them."""

    lock: ClassVar[threading.Lock] = threading.Lock()
    living: ClassVar[dict[tuple[str, str], Living]] = {}


def show(viewed: Viewed, *, embed_limit: int, embed: bool | None = None) -> None:
    """Show a generation in the running cell: alive while something can happen to it, static once nothing can.

    With `VIDGEN_DISPLAY=static` there is exactly one static output (the caller waits first), outside of a notebook one
    line of text.
    """
    if not in_notebook():
        print(card.line(viewed))  # noqa: T201 - the one output of a script or a terminal, in the call that asked for it
        return
    if static_only() or viewed.record.status in FINAL:
        publish(card.bundle(viewed, embed_limit=embed_limit, embed=embed), None, f"vidgen-{uuid.uuid4().hex}")
        return
    _living(viewed, embed_limit, embed).show()


def republish(viewed: Viewed) -> None:
    """Publish the end of a clip once more, from the cell that waited for it; nothing if it was never shown alive."""
    with _Cards.lock:
        living = _Cards.living.get(_key(viewed))
    if living is not None:
        living.tell(viewed.record)
        living.publish_again()


def close_all() -> None:
    """Turn every living card into a static one, as it stands: at the end of the kernel."""
    with _Cards.lock:
        cards, _Cards.living = list(_Cards.living.values()), {}
    for living in cards:
        try:
            living.close()
        except Exception:
            log.debug("a card could not be closed", exc_info=True)


def static_only() -> bool:
    """Whether each output is to be one that does not change: for notebooks whose outputs are compared."""
    return os.environ.get("VIDGEN_DISPLAY") == "static"


def in_notebook() -> bool:
    """Whether a kernel shows our outputs: neither a plain script nor IPython in a terminal."""
    return getattr(get_ipython(), "kernel", None) is not None


def _living(viewed: Viewed, embed_limit: int, embed: bool | None) -> Living:
    with _Cards.lock:
        living = _Cards.living.get(_key(viewed))
        if living is None or living.final:
            if not _Cards.living:
                atexit.register(close_all)
            living = _Cards.living[_key(viewed)] = Living(viewed, embed_limit=embed_limit, embed=embed)
            for key in [key for key, old in _Cards.living.items() if old.final][:-_KEPT]:
                del _Cards.living[key]
        return living


def _key(viewed: Viewed) -> tuple[str, str]:
    return str(viewed.home), viewed.record.id


def publish(data: Mapping[str, Any], metadata: Mapping[str, Any] | None, display_id: str, update: bool = False) -> None:
    """One output, or its replacement wherever it stands.

    From another thread this runs in an empty context: one inherited from a cell names that cell as the parent, and
    executors drop what does not belong to the running one.
    """
    publish_display_data(  # type: ignore[no-untyped-call]
        dict(data), dict(metadata or {}), transient={"display_id": display_id}, update=update
    )


def _first_frame(viewed: Viewed) -> Link | None:
    """A small picture of the first frame that was given as data. A URL is not loaded: looking at a card asks nobody."""
    given = viewed.record.asked.get("first_frame")
    name = given.get("input") if isinstance(given, dict) else None
    if not isinstance(name, str) or Path(name).name != name:
        return None
    picture = small_jpeg(viewed.home / "inputs" / name, width=560, limit=24_000)
    return data_link("image/jpeg", picture) if picture else None
