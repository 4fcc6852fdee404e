"""The living history: one widget with a search box, two choices and a page of tiles.

The page says what is typed and chosen, the kernel searches and sends the tiles of one page. Beside the widget stands
the static page of `gallery.py` for the call of the cell: what is saved, exported, or seen where the widget is not.
"""

import atexit
import contextvars
import json
import logging
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import anywidget
import traitlets

from vidgen_nb.display import gallery, live
from vidgen_nb.display.gallery import PAGE
from vidgen_nb.display.html import one_line, shown
from vidgen_nb.display.live import Living
from vidgen_nb.errors import VidgenError
from vidgen_nb.purse import nobody_answers
from vidgen_nb.records import Status
from vidgen_nb.searching import Archive, Search, whole

log = logging.getLogger(__name__)
_HERE = Path(__file__).parent


class Finder(anywidget.AnyWidget):
    """The widget. What was asked and what was found are traits, so that a page that is loaded anew has them."""

    _esm = _HERE / "history.js"
    _css = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("card.css", "history.css"))
    tiles = traitlets.Unicode().tag(sync=True)
    count = traitlets.Unicode().tag(sync=True)
    place = traitlets.Unicode().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)
    only = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(
        sync=True
    )  # JSON: {"text": …, "provider": …, "status": …, "page": 1, "pages": 7}
    providers = traitlets.Unicode().tag(sync=True)  # JSON: [["relaydance", "RelayDance"], …]
    states = traitlets.Unicode(json.dumps([[state, state] for state in Status])).tag(sync=True)
    answered = traitlets.Unicode().tag(sync=True)  # which view asked, and the number of its question

    def __init__(self, **parts: str) -> None:
        super().__init__(**parts)
        live.hear_at_once(self)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page asks for."""

    text: str
    provider: str
    status: str
    page: int
    turn: str

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self | None:
        """What a message says; None of one that no page of ours sends."""
        view, turn, page = (message.get(name) for name in ("view", "turn", "page"))
        text, provider, status = (message.get(name) for name in ("text", "provider", "status"))
        if not (isinstance(text, str) and isinstance(provider, str) and isinstance(status, str)):
            return None
        if not (isinstance(page, int) and whole(page) and whole(turn)):
            return None
        return cls(text, provider, status, page, f"{str(view)[:40]} {turn}")

    @property
    def question(self) -> dict[str, Any]:
        """As the page has it in its fields."""
        return {"text": self.text, "provider": self.provider, "status": self.status}

    def search(self, before: Search) -> Search:
        """The search it means; what a form cannot change stays as before."""
        # half a character can be typed, and no database takes it
        text, provider, status = (
            each.encode("utf-8", "replace").decode() for each in (self.text, self.provider, self.status)
        )
        return replace(before, text=text, provider=provider or None, status=status or None)


class Finding:
    """One living history: its widget, and the search as the page has it.

    Messages come on the main or a subshell thread. Searching has a thread of its own, which answers the last question
    alone: whoever types fast asks more than anybody wants to see.
    """

    def __init__(self, archive: Archive, search: Search, page: int, static: Mapping[str, str]) -> None:
        self._archive = archive
        self._search = search
        self._static = static
        self._display_id = f"vidgen-{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._waiting: Asked | None = None
        self._busy = False
        self._opened: dict[str, Living] = {}  # by the view which shows it
        self._views: set[str] = set()
        self._met = False  # whether any view has ever reported
        asked = Asked(search.text, search.provider or "", search.status or "", page, "")
        self.widget = Finder(only=_only(search), **self._found(asked))
        self.widget.on_msg(self._heard)

    def show(self) -> None:
        """One more output, in the cell that is running."""
        live.publish(*live.beside(self.widget, self._static), self._display_id)

    def close(self) -> None:
        """Leave the static page: the kernel ends, and nothing could be searched any more."""
        if self._met and not self._views:
            return  # its cell was run again, most likely: a page that nobody sees need not travel
        contextvars.Context().run(live.publish, self._static, None, self._display_id, update=True)

    # ── from the page ─────────────────────────────────────────────────────────
    def _heard(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        try:
            self._take(str(message.get("act", "")), message)
        except Exception:
            log.debug("a message from the history could not be answered", exc_info=True)

    def _take(self, act: str, message: Mapping[str, Any]) -> None:
        view = str(message.get("view", ""))[:40]
        if act == "look" and (asked := Asked.of(message)) is not None:
            with self._lock:
                self._waiting, begin, self._busy = asked, not self._busy, True
            if begin:
                threading.Thread(target=self._look, name="vidgen_nb-history", daemon=True).start()
        elif act == "open":
            self._open(view, str(message.get("clip", ""))[:200])
        elif act == "hello":
            self._met = True
            self._views.add(view)
        elif act == "bye":
            self._views.discard(view)
            self._shut(view)

    def _look(self) -> None:
        """Answer until there is no question left. Never raises: there is nobody to tell."""
        while True:
            with self._lock:
                asked, self._waiting = self._waiting, None
                if asked is None:
                    self._busy = False
                    return
            try:
                self._send(self._answer(asked))
            except Exception:
                log.debug("a search could not be answered", exc_info=True)

    def _answer(self, asked: Asked) -> dict[str, str]:
        try:
            return {**self._found(asked), "answered": asked.turn}
        except VidgenError as error:
            words = str(error)
        except Exception:
            log.debug("a search went wrong", exc_info=True)
            words = "This could not be searched. Try once more, or use vg.history()."
        question = json.dumps({**asked.question, "page": 1, "pages": 1})
        nothing = {"tiles": "", "count": "", "place": "", "question": question}
        return {**nothing, "trouble": shown(words), "answered": asked.turn}

    def _open(self, view: str, id: str) -> None:
        """The whole card of a clip for one view: a widget of its own, of which the page makes a view under its tile."""
        self._shut(view)
        try:
            viewed = self._archive.get(id)
            card = Living(viewed, embed_limit=0) if viewed is not None else None
        except VidgenError as error:  # unfinished, and of a site which this Studio does not ask
            self.widget.trouble = shown(str(error))
            return
        if card is not None:
            self._opened[view] = card
            self.widget.send({"view": view, "open": id, "card": card.widget.model_id})

    def _shut(self, view: str) -> None:
        card = self._opened.pop(view, None)
        if card is not None:
            card.leave()

    # ── to the page ───────────────────────────────────────────────────────────
    def _found(self, asked: Asked) -> dict[str, str]:
        """A page of what is found, as the traits of the widget; one beyond the last is the last."""
        search = asked.search(self._search)
        found = self._archive.find(search)
        pages = max(1, -(-len(found) // PAGE))
        page = min(asked.page, pages)
        first = (page - 1) * PAGE
        views = found[first : first + PAGE]
        titles = dict(self._archive.titles())
        if search.provider is not None:
            titles.setdefault(search.provider, search.provider)
        return {
            "tiles": str(gallery.tiles(views, search.words)),
            "count": gallery.number_of(len(found)),
            "place": gallery.place_of(first, len(views), len(found)),
            "trouble": "",
            "question": json.dumps({**asked.question, "page": page, "pages": pages}),
            "providers": json.dumps([[name, one_line(title, 60)] for name, title in titles.items()]),
        }

    def _send(self, parts: Mapping[str, str]) -> None:
        with self.widget.hold_sync():  # one message, with what has changed
            for name, value in parts.items():
                setattr(self.widget, name, value)


def _only(search: Search) -> str:
    """What the call looks for beside what the form can change, in words; "" for nothing."""
    kinds = {None: "", True: "simulated", False: "not simulated"}
    model = f"model {one_line(search.model, 80)}" if search.model is not None else ""
    most = f"at most {search.limit}" if search.limit is not None else ""
    said = ", ".join(filter(None, (model, kinds[search.simulated], most)))
    return f"Only: {said}" if said else ""


# ── the histories of this kernel ──────────────────────────────────────────────
class _Shown:
    """Every history that was shown alive, so that the end of the kernel can leave static pages in their places."""

    findings: ClassVar[list[Finding]] = []


def looked_at() -> bool:
    """Whether a person sits before this notebook, so that a form is of use."""
    return live.in_notebook() and not live.static_only() and not nobody_answers()


def show(archive: Archive, search: Search, page: int, static: Mapping[str, str]) -> None:
    """Show a page of a history in the running cell, with a form to search on; `static` is seen where that is not."""
    finding = Finding(archive, search, page, static)
    if not _Shown.findings:
        atexit.register(close_all)
    _Shown.findings.append(finding)
    finding.show()


def close_all() -> None:
    """Turn every living history into a static one: at the end of the kernel."""
    findings, _Shown.findings = _Shown.findings, []
    for finding in findings:
        try:
            finding.close()
        except Exception:
            log.debug("a history could not be closed", exc_info=True)
