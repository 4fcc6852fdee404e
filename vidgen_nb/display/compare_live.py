"""The living comparison: one widget with a player for each clip, one scrubber, and a person's opinions.

It is a tool and stays alive. Beside the widget its output holds the table of `compare.py`, which is what an untrusted
notebook, an export and the end of the kernel show. Bytes of clips travel as in `live.py`.
"""

import atexit
import json
import logging
import os
import threading
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol

import anywidget
import traitlets
from IPython.display import publish_display_data

from vidgen_nb.display import compare
from vidgen_nb.display.html import shown
from vidgen_nb.display.live import hear_at_once, in_notebook, playable
from vidgen_nb.errors import VidgenError
from vidgen_nb.purse import nobody_answers
from vidgen_nb.records import Record, Viewed

log = logging.getLogger(__name__)
NOTE_LIMIT = 2_000  # characters of a note
_HERE = Path(__file__).parent


class Judged(Viewed, Protocol):
    """A generation that takes an opinion."""

    def rate(self, rating: int | None = None, *, note: str | None = None) -> object: ...


class Board(anywidget.AnyWidget):
    """The widget: parts as HTML, opinions as data. A box is a trait of its own, so that progress sends little."""

    _esm = _HERE / "compare.js"
    _css = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("card.css", "compare.css"))
    heads = traitlets.Unicode().tag(sync=True)
    rows = traitlets.Unicode().tag(sync=True)
    ratios = traitlets.List(traitlets.Float()).tag(sync=True)
    opinions = traitlets.Unicode().tag(sync=True)  # JSON: [{"rating": 4, "note": "…", "settled": true}, …]
    winner = traitlets.Int(-1).tag(sync=True)
    box0 = traitlets.Unicode().tag(sync=True)
    box1 = traitlets.Unicode().tag(sync=True)
    box2 = traitlets.Unicode().tag(sync=True)
    box3 = traitlets.Unicode().tag(sync=True)
    box4 = traitlets.Unicode().tag(sync=True)
    box5 = traitlets.Unicode().tag(sync=True)

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        hear_at_once(self)


class Comparison:
    """Two to six clips side by side. In a cell: players on one scrubber, what differs, ratings and notes.

    Ratings and notes go into the ledger at once. The winner is the one chosen, as long as the kernel lives, else the
    only one with the best rating.
    """

    def __init__(self, clips: Sequence[Judged]) -> None:
        self.clips = tuple(clips)
        self._lock = threading.RLock()
        self._widget: Board | None = None
        self._display_id = f"vidgen-{uuid.uuid4().hex}"
        self._unwatch: list[Callable[[], None]] = []
        # one thread: what was typed later is written later, and neither the kernel nor the engine waits for the disk
        self._keeping = ThreadPoolExecutor(1, thread_name_prefix="vidgen_nb-opinions")

    @property
    def winner(self) -> Judged | None:
        """The clip that won, None so far."""
        number = self._said().winner
        return None if number is None else self.clips[number]

    @property
    def _ids(self) -> list[str]:
        return [clip.record.id for clip in self.clips]

    def _said(self) -> compare.Compared:
        chosen = _Shown.winners.get(frozenset(self._ids))
        return compare.compared(self.clips, None if chosen is None else self._ids.index(chosen))

    # ── to the page ───────────────────────────────────────────────────────────
    def show(self) -> None:
        """Show the comparison here: alive where a person looks, as a table where nobody does."""
        if not in_notebook():
            print(self)  # noqa: T201 - the one output of a script or a terminal, in the call that asked for it
            return
        data: dict[str, Any] = compare.bundle(self._said())
        metadata: dict[str, Any] = {}
        if os.environ.get("VIDGEN_DISPLAY") != "static" and not nobody_answers():
            made: Any = self._board()._repr_mimebundle_()
            widget, metadata = made if isinstance(made, tuple) else (made or {}, {})
            data = {**widget, **data}
            _Shown.remember(self)
        self._publish(data, metadata)

    def _publish(self, data: Mapping[str, Any], metadata: Mapping[str, Any], *, update: bool = False) -> None:
        publish_display_data(  # type: ignore[no-untyped-call]
            dict(data), dict(metadata), transient={"display_id": self._display_id}, update=update
        )

    def _board(self) -> Board:
        with self._lock:
            if self._widget is None:
                self._widget = Board(heads=compare.heads(self._said()), **self._parts())
                self._widget.on_msg(self._heard)
                for clip in self.clips:
                    with suppress(VidgenError):  # of another site: it stands as it stands
                        self._unwatch.append(clip.watch(self._tell))
                self._refresh()  # one may have moved on before it was watched
            return self._widget

    def _parts(self) -> dict[str, Any]:
        said = self._said()
        opinions = [
            {"rating": record.rating, "note": shown(record.note, NOTE_LIMIT), "settled": record.status.settled}
            for record in said.records
        ]
        boxes = {
            f"box{number}": compare.picture(letter, clip)
            for number, (letter, clip) in enumerate(zip(compare.LETTERS, self.clips, strict=False))
        }
        return {
            "rows": compare.rows(said),
            "ratios": compare.ratios(said),
            "opinions": json.dumps(opinions, ensure_ascii=False),
            "winner": -1 if said.winner is None else said.winner,
            **boxes,
        }

    def _refresh(self) -> None:
        """Send what has changed, as one message."""
        with self._lock:
            widget = self._widget
            if widget is not None:
                with widget.hold_sync():
                    for name, value in self._parts().items():
                        setattr(widget, name, value)

    def _tell(self, record: Record) -> None:
        try:
            self._refresh()
        except Exception:
            log.debug("the comparison could not follow %s", record.id, exc_info=True)

    def close(self) -> None:
        """Leave the table as it stands: the kernel ends, and no opinion could be kept any more."""
        for unwatch in self._unwatch:
            unwatch()
        self._keeping.shutdown(wait=False)
        self._publish(compare.bundle(self._said()), {}, update=True)

    # ── from the page ─────────────────────────────────────────────────────────
    def _heard(self, widget: Board, message: Mapping[str, Any], _buffers: object) -> None:
        try:
            number = int(message.get("clip", -1))
            if 0 <= number < len(self.clips):
                self._answer(widget, number, message)
        except Exception:
            log.debug("a message from the comparison could not be answered", exc_info=True)

    def _answer(self, widget: Board, number: int, message: Mapping[str, Any]) -> None:
        clip = self.clips[number]
        match message.get("act"):
            case "video":
                words, data = playable(clip.record, clip.home, 0)
                answer = {"view": message.get("view"), "video": number, "words": words}
                widget.send(answer, [data] if data is not None else None)
            case "rate":
                self._keeping.submit(self._keep, number, rating=int(message["rating"]))
            case "note":
                # half a character can be typed, and no database takes it
                note = str(message["note"])[:NOTE_LIMIT].encode("utf-8", "replace").decode()
                self._keeping.submit(self._keep, number, note=note)
            case "winner":
                _Shown.winners[frozenset(self._ids)] = clip.record.id
                self._refresh()

    def _keep(self, number: int, **opinion: Any) -> None:
        """Write an opinion down, and say so on the page. Runs in the thread of opinions."""
        words = ""
        try:
            self.clips[number].rate(opinion.get("rating"), note=opinion.get("note"))
        except VidgenError as error:
            words = str(error)
        except Exception:
            log.debug("an opinion could not be kept", exc_info=True)
            words = "It could not be kept. Try once more, or use clip.rate()."
        if self._widget is not None:
            self._widget.send({"kept": number, "words": words})
        self._tell(self.clips[number].record)

    # ── elsewhere ─────────────────────────────────────────────────────────────
    def _ipython_display_(self) -> None:
        self.show()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return compare.bundle(self._said())

    def __str__(self) -> str:
        return compare.bundle(self._said())["text/plain"]

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self._ids)}>"


class _Shown:
    """The comparisons of this kernel, so that its end can leave tables in their places; and who won among which."""

    comparisons: ClassVar["weakref.WeakSet[Comparison]"] = weakref.WeakSet()
    winners: ClassVar[dict[frozenset[str], str]] = {}

    @classmethod
    def remember(cls, comparison: Comparison) -> None:
        if not cls.comparisons:
            atexit.register(cls.close_all)
        cls.comparisons.add(comparison)

    @classmethod
    def close_all(cls) -> None:
        for comparison in list(cls.comparisons):
            try:
                comparison.close()
            except Exception:
                log.debug("a comparison could not be closed", exc_info=True)
        cls.comparisons.clear()
