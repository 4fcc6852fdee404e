"""The lower part of a form: the line about cost, the buttons, and the last results as a strip.

Python renders its three parts; form.js puts them in place, and tells what was pressed.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from vidgen_nb.display import words
from vidgen_nb.display.card import glyph
from vidgen_nb.display.face import clip as clip_words
from vidgen_nb.display.face import face, fetched_percent, frame
from vidgen_nb.display.html import Html, data_link, el, join, one_line
from vidgen_nb.display.pictures import small_jpeg
from vidgen_nb.records import Cost, Record, Status, Viewed

log = logging.getLogger(__name__)

_POSTER_WIDTH, _POSTER_BYTES = 264, 6_000
_HERE = Path(__file__).parent
_CSS = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("card.css", "form.css"))


class Board(anywidget.AnyWidget):
    """The widget. `pressed` is called with what was pressed and the clip it is about ("" for none)."""

    _esm = _HERE / "form.js"
    _css = _CSS
    line = traitlets.Unicode().tag(sync=True)
    buttons = traitlets.Unicode().tag(sync=True)
    tiles = traitlets.Unicode().tag(sync=True)

    def __init__(self, pressed: Callable[[str, str], str | None]) -> None:
        super().__init__()
        self._pressed = pressed
        self.on_msg(self._heard)

    def _heard(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        """Carry it out, and say that it was: nothing may be raised here, it would land nowhere."""
        act, view = str(message.get("act", "")), str(message.get("view", ""))
        text = None
        try:
            if act != "fence":
                text = self._pressed(act, str(message.get("clip", ""))[:80])
        except Exception:
            log.debug("the form could not carry out %r", act, exc_info=True)
        self.send({"view": view, "act": act, "text": text or ""})


# ── the line and the buttons ──────────────────────────────────────────────────
def ready(cost: Cost, *, simulated: bool) -> Html:
    """What the clip will cost, or that this is not known."""
    if simulated:
        return el("b", None, "0, simulated")
    return join(
        el("b", None, words.amount(Cost(cost.amount, cost.unit))), " ", _hint(cost.basis) if cost.basis else None
    )


def existing(record: Record) -> Html:
    """That the clip was asked for before, so that asking again costs nothing."""
    made = f"made {words.day(record.created)}, {words.minute(record.created)}"
    if record.status is Status.SUCCEEDED:
        return join(_tag("free", "exists already: 0 new charges"), _hint(made))
    if record.status is Status.UNKNOWN:
        return join(_tag("warn", "asked for already: outcome unknown"), _hint("Its card has the ways out."))
    return join(_tag("free", "exists already: 0 new charges"), _hint(f"{record.status}, {made}"))


def wrong(count: int, needed: Sequence[str]) -> Html:
    """How many problems there are, and what is still to be given: nobody is blamed for a field not yet touched."""
    several = "1 problem." if count == 1 else f"{count} problems."
    return join(
        join(el("span", {"class": "vg-err"}, several), " ") if count else None,
        _hint(f"Needed: {', '.join(needed)}. Nothing is sent before." if needed else "Nothing is sent until solved."),
    )


def refused(message: str, hint: str) -> Html:
    """Why nothing can be sent, or was, for a reason that no field is to blame for."""
    return join(el("span", {"class": "vg-err"}, message), " ", _hint(hint))


def buttons(*, legal: bool, take: int = 0) -> Html:
    """`take` is the next free one where the clip exists already."""
    copy = _button("Copy as code", "code", disabled=not legal)
    if take:
        return join(copy, _button(f"Make take {take}", "take"), _button("Show it", "generate", primary=True))
    return join(copy, _button("Generate", "generate", primary=True, disabled=not legal))


def _button(label: str, act: str, *, primary: bool = False, disabled: bool = False) -> Html:
    attributes = {"class": "vg-btn", "type": "button", "data-act": act, "data-kind": "primary" if primary else None}
    return el("button", {**attributes, "disabled": disabled}, label)


def _tag(kind: str, text: str) -> Html:
    return join(el("span", {"class": "vg-tag", "data-kind": kind}, text), " ")


def _hint(text: str) -> Html:
    return el("span", {"class": "vg-hint"}, text)


# ── the strip ─────────────────────────────────────────────────────────────────
def strip(clips: Sequence[Viewed], current: str) -> Html:
    """The last results, newest first; `current` is the id of the one whose card stands below."""
    return join(*(_tile(clip, clip.record, clip.record.id == current) for clip in clips))


def _tile(clip: Viewed, record: Record, current: bool) -> Html:
    about = f"take {record.take}" if record.status is Status.SUCCEEDED else str(record.status)
    name = f"{about}: {one_line(record.prompt, 60)}"
    shape = frame(record).ratio
    picture = el(
        "button",
        {
            "class": "vg-pic",
            "type": "button",
            "data-act": "show",
            "data-clip": record.id,
            "aria-label": f"Show {name}",
            "aria-current": "true" if current else None,
            "title": name,
            "style": "--ar:1.7778",
        },
        _picture(clip, record, shape),
    )
    again = el(
        "button",
        {"class": "vg-do", "type": "button", "data-act": "use", "data-clip": record.id,
         "aria-label": f"Use these settings again: {name}", "title": "use these settings again"},
        "use again",
    )  # fmt: skip
    state = el("span", {"class": "vg-state"}, glyph(face(record, clip.facts)), about)
    line = el("div", {"class": "vg-line"}, state, el("span", None, clip_words(record).split(" · ", 1)[0]))
    return el("div", {"class": "vg-tile", "role": "listitem", "data-state": str(record.status)}, picture, line, again)


def _picture(clip: Viewed, record: Record, ratio: float) -> Html:
    made = record.files[0] if record.files else None
    poster = (
        small_jpeg(clip.home / made.poster, width=_POSTER_WIDTH, limit=_POSTER_BYTES) if made and made.poster else b""
    )
    if poster:
        return el("img", {"src": data_link("image/jpeg", poster), "alt": "", "style": f"--of:{ratio:.4g}"})
    done = fetched_percent(record) if record.status is Status.DOWNLOADING else record.progress
    if record.status.settled or done is None:
        return el("span", {"class": "vg-instead"}, words.HEADS[record.status])
    track = el("span", {"class": "vg-track", "style": f"--p:{done:.4g}"}, el("i"))
    return join(el("b", None, words.percent(done)), track)
