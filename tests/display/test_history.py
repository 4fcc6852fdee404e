"""The living history: what it sends for what a page asks, and what it never does."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest

from vidgen_nb.answers import History
from vidgen_nb.display import gallery, history_live, live
from vidgen_nb.display.history_live import Finding
from vidgen_nb.errors import InvalidRequest, VidgenError
from vidgen_nb.records import Status
from vidgen_nb.searching import Archive, Search

from .stand_ins import CASES, FILE, NOW, Watched, jpeg, make
from .test_live import Comm, Output

PATIENCE = 20  # seconds for another thread
STATIC = {"text/html": "<b>static</b>", "text/plain": "static"}


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Output]]:
    """A notebook with a person at it: everything published, in order."""
    published: list[Output] = []

    def publish(data: Any, metadata: Any = None, *, transient: Any, update: bool = False) -> None:
        published.append(Output(data=data, id=transient["display_id"], update=update, cell=""))

    monkeypatch.setattr(live, "publish_display_data", publish)
    monkeypatch.setattr(live, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(history_live, "nobody_answers", lambda: False)
    monkeypatch.setattr(ipywidgets.comm, "create_comm", Comm)
    yield published
    history_live._Shown.findings.clear()
    ipywidgets.Widget.close_all()


class Home:
    """Clips that are searched as the ledger does it; `hold` keeps a search waiting, `trouble` is raised by the next."""

    def __init__(self, folder: Path, count: int = 60) -> None:
        self.clips = [
            Watched(make(Status.SUCCEEDED, id=f"vg-{n:03}", created=NOW - n, asked={"prompt": f"a boat {n}"}), folder)
            for n in range(count)
        ]
        self.searched: list[Search] = []
        self.begun, self.hold = threading.Semaphore(0), threading.Event()
        self.hold.set()
        self.trouble: Exception | None = None
        self.archive = Archive(self.find, self.get, lambda: {"aioagi": "AIOAGI", "relaydance": "RelayDance"})

    def find(self, search: Search) -> Sequence[Watched]:
        self.searched.append(search)
        self.begun.release()
        assert self.hold.wait(PATIENCE)
        if self.trouble is not None:
            raise self.trouble
        return [
            clip
            for clip in self.clips
            if all(word in clip.record.prompt for word in search.words)
            and search.provider in {None, clip.record.provider}
            and search.status in {None, clip.record.status}
        ]

    def get(self, id: str) -> Watched | None:
        return next((clip for clip in self.clips if clip.record.id == id), None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "clips").mkdir()
    (tmp_path / FILE.path).write_bytes(b"an mp4")
    (tmp_path / FILE.poster).write_bytes(jpeg(640, 360))
    return Home(tmp_path)


class Page:
    """A page of the notebook which shows the widget: asks, and waits until it is answered."""

    def __init__(self, finding: Finding) -> None:
        self.widget = finding.widget
        self.comm: Any = finding.widget.comm
        self.turn = 0

    def say(self, text: str = "", provider: str = "", status: str = "", page: Any = 1) -> None:
        self.turn += 1
        asked = {"text": text, "provider": provider, "status": status, "page": page}
        self.comm.hear(act="look", view="v", turn=self.turn, **asked)

    def ask(self, *asked: Any, **named: Any) -> dict[str, Any]:
        """The one message which answers."""
        before = len(self.comm.sent)
        self.say(*asked, **named)
        return self.answer(before)

    def answer(self, before: int) -> dict[str, Any]:
        wait_for(lambda: self.widget.answered == f"v {self.turn}" and len(self.comm.sent) > before)
        (message,) = self.comm.sent[before:]
        assert message["method"] == "update"
        state: dict[str, Any] = message["state"]
        return state


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds, which another thread sees to."""
    ticking, until = threading.Event(), PATIENCE * 100
    while not condition() and until:
        ticking.wait(0.01)
        until -= 1
    assert condition()


def shown(home: Home, search: Search | None = None, page: int = 1) -> Page:
    history_live.show(home.archive, search or Search(), page, STATIC)
    return Page(history_live._Shown.findings[-1])


# ── the output ────────────────────────────────────────────────────────────────
def test_a_widget_and_the_static_page_beside_it(outputs: list[Output], home: Home) -> None:
    """What is saved, untrusted or exported is the page as ever; the widget begins with what the call found."""
    page = shown(home, Search(text="boat", provider="relaydance"), page=2)
    (output,) = outputs
    assert STATIC.items() <= output.data.items()
    assert "application/vnd.jupyter.widget-view+json" in output.data
    widget = page.widget
    assert json.loads(widget.question) == {
        "text": "boat", "provider": "relaydance", "status": "", "page": 2, "pages": 3,
    }  # fmt: skip
    assert (widget.count, widget.place) == ("60 clips", "25–48 of 60, unknown first, then newest")
    assert widget.tiles.count('class="vg-hit"') == gallery.PAGE
    assert "vg-024" in widget.tiles
    assert "vg-023" not in widget.tiles
    assert ["relaydance", "RelayDance"] in json.loads(widget.providers)
    assert [name for name, _ in json.loads(widget.states)] == list(Status)


def test_the_end_of_the_kernel_leaves_the_static_page(outputs: list[Output], home: Home) -> None:
    """In the place of a form that nobody would answer."""
    shown(home)
    history_live.close_all()
    first, last = outputs
    assert (last.id, last.update, last.data) == (first.id, True, STATIC)


def test_what_nobody_sees_is_left_alone_at_the_end(outputs: list[Output], home: Home) -> None:
    """The forms of a cell that was run again and again send no page each; those that are seen do."""
    gone, seen = shown(home), shown(home)
    for page in (gone, seen):
        page.comm.hear(act="hello", view="v")
    gone.comm.hear(act="bye", view="v")
    history_live.close_all()
    assert [(output.id, output.update) for output in outputs[2:]] == [(outputs[1].id, True)]


@pytest.mark.parametrize("case", ["static", "nobody", "terminal", "a list of clips"])
def test_elsewhere_it_is_the_page_alone(
    outputs: list[Output], home: Home, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Where nobody looks, and where nothing was searched for, IPython is sent on to the static bundle."""
    monkeypatch.setattr(history_live, "nobody_answers", lambda: case == "nobody")
    if case == "static":
        monkeypatch.setenv("VIDGEN_DISPLAY", "static")
    if case == "terminal":
        monkeypatch.setattr(live, "get_ipython", SimpleNamespace)
    clips: Any = home.clips
    found = History(clips) if case == "a list of clips" else History(clips, search=Search(), archive=home.archive)
    with pytest.raises(NotImplementedError):
        found._ipython_display_()
    assert outputs == []
    assert set(found._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_a_history_shows_itself_alive(outputs: list[Output], home: Home) -> None:
    """With the bundle of the history beside the widget."""
    clips: Any = home.clips
    found = History(clips, search=Search(text="boat"), archive=home.archive)
    found._ipython_display_()
    (output,) = outputs
    assert found._repr_mimebundle_().items() <= output.data.items()


# ── asking ────────────────────────────────────────────────────────────────────
def test_a_search_is_one_message_with_a_page(outputs: list[Output], home: Home) -> None:
    """Tiles, count and place of what is found; what has not changed is not sent."""
    page = shown(home)
    said = page.ask("boat 59")
    assert (said["count"], said["place"]) == ("1 clip", "1–1 of 1, unknown first, then newest")
    assert "<mark>boat</mark> <mark>59</mark>" in said["tiles"]
    assert said["tiles"].count('class="vg-hit"') == 1
    assert not {"providers", "states", "trouble", "_esm", "_css"} & set(said)
    assert set(page.ask("boat 59")) == {"answered"}
    said = page.ask("nowhere")
    assert (said["count"], said["place"]) == ("no clips", "")
    assert "nothing of this kind" in said["tiles"]


def test_pages_and_choices(outputs: list[Output], home: Home) -> None:
    """A page beyond the last is the last; choices narrow what is found."""
    page = shown(home)
    assert page.ask(page=10**9)["place"] == "49–60 of 60, unknown first, then newest"
    assert json.loads(page.widget.question)["page"] == 3
    assert page.ask(provider="aioagi")["count"] == "no clips"
    assert page.ask(provider="relaydance", status="succeeded")["count"] == "60 clips"
    assert page.ask(status="failed")["count"] == "no clips"


def test_what_the_form_cannot_change_stays(outputs: list[Output], home: Home) -> None:
    """Model, simulated and limit of the call hold for every search in its form, and are said."""
    page = shown(home, Search(text="boat", model="m <b>", simulated=False, limit=30))
    assert page.widget.only == "Only: model m <b>, not simulated, at most 30"
    page.ask("other", "relaydance")
    assert home.searched[-1] == Search(text="other", provider="relaydance", model="m <b>", simulated=False, limit=30)
    assert shown(home).widget.only == ""


def test_only_the_last_question_is_answered(outputs: list[Output], home: Home) -> None:
    """Who types while a search goes on gets the first answer, and then that to the last word."""
    page = shown(home)
    assert home.begun.acquire(timeout=PATIENCE)  # the one of the call
    home.hold.clear()
    before = len(page.comm.sent)
    page.say("b")
    assert home.begun.acquire(timeout=PATIENCE)
    for text in ("bo", "boa", "boat 7"):
        page.say(text)
    home.hold.set()
    wait_for(lambda: page.widget.answered == "v 4" and len(page.comm.sent) == before + 2)
    assert [search.text for search in home.searched] == ["", "b", "boat 7"]
    assert page.ask("boat 59")["count"] == "1 clip"


def test_a_handler_does_not_wait_for_the_search(outputs: list[Output], home: Home) -> None:
    """The kernel goes on while the ledger is busy."""
    page = shown(home)
    home.hold.clear()
    page.say("boat")  # returns
    assert page.widget.answered == ""
    home.hold.set()
    wait_for(lambda: page.widget.answered == "v 1")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (InvalidRequest("This cannot be looked for.", hint="vg.history()"), "This cannot be looked for. vg.history()"),
        (VidgenError("It said \x1b[31m <b>.", hint="Next."), "It said \\x1b[31m <b>. Next."),
        (RuntimeError("inside"), "This could not be searched. Try once more, or use vg.history()."),
    ],
)
def test_trouble_is_told_in_words(outputs: list[Output], home: Home, trouble: Exception, words: str) -> None:
    """On the page, without the tiles of another search; the next search may go well."""
    page = shown(home)
    home.trouble = trouble
    said = page.ask("boat")
    assert (said["trouble"], said["tiles"], said["count"], said["place"]) == (words, "", "", "")
    assert json.loads(page.widget.question)["text"] == "boat"
    home.trouble = None
    assert page.ask("boat")["trouble"] == ""


STRANGE: list[dict[str, Any]] = [
    {},
    {"act": "look"},
    {"act": "look", "text": 5, "provider": "", "status": "", "page": 1, "turn": 1},
    {"act": "look", "text": "boat", "provider": None, "status": "", "page": 1, "turn": 1},
    {"act": "look", "text": "boat", "provider": "", "status": [], "page": 1, "turn": 1},
    *(
        {"act": "look", "text": "boat", "provider": "", "status": "", "page": page, "turn": 1}
        for page in (0, -1, 1.5, "1", True, None, 10**400)
    ),
    {"act": "look", "text": "boat", "provider": "", "status": "", "page": 1, "turn": "x" * 10**6},
    {"act": "open", "clip": "../../etc/passwd"},
    {"act": ["open"], "clip": {}},
    {"act": "bye", "view": 7},
    {"act": "hello", "view": ["v"]},
    {"act": "__init__"},
]


@pytest.mark.parametrize("message", STRANGE, ids=range(len(STRANGE)))
def test_a_strange_message_is_ignored(outputs: list[Output], home: Home, message: dict[str, Any]) -> None:
    """Nothing is searched, sent or raised; the next question is answered."""
    page = shown(home)
    before = len(page.comm.sent)
    page.comm.hear(**message)
    assert len(home.searched) == 1
    assert len(page.comm.sent) == before
    assert page.ask("boat 59")["count"] == "1 clip"


def test_half_a_character_is_searched_for(outputs: list[Output], home: Home) -> None:
    """A lone surrogate reaches no database, and the page has its text back as it typed it."""
    page = shown(home)
    page.ask("boat \ud83d")
    assert home.searched[-1].text == "boat ?"
    assert json.loads(page.widget.question)["text"] == "boat \ud83d"
    page.widget.question.encode()


# ── tiles ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_living_tile_says_what_the_static_one_says(home: Home, name: str) -> None:
    """State, money, id, day and the words in the place of a picture, in every state."""
    view = Watched(CASES[name], home.clips[0].home)
    static, alive = _texts(gallery.history_bundle([view])["text/html"]), _texts(str(gallery.tiles([view], [])))
    assert alive == static[-len(alive) :]


def test_tiles_hold_no_address(home: Home) -> None:
    """Pictures are data; a relative link would lead nowhere within a widget."""
    html = str(gallery.tiles(home.clips[:2], ["boat"]))
    assert html.count("data:image/jpeg") == 2
    assert "href" not in html


def test_other_peoples_words_stay_words(home: Home) -> None:
    """In prompt, note, id and title, and as what was searched for."""
    bad = "<img src=x onerror=alert(1)>\"'</div>"
    record = make(Status.FAILED, id=bad, note=bad, asked={"prompt": bad}, provider=bad)
    html = str(gallery.tiles([Watched(record, home.clips[0].home)], [bad, "src"]))
    assert "<img" not in html
    assert "alert(1)" in html
    assert html.count("</div>") == html.count("<div")


def test_a_poster_is_made_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who searches sees the same tiles again and again; a picture that has changed is made anew."""
    made: list[Path] = []
    small = gallery.small_jpeg
    monkeypatch.setattr(gallery, "small_jpeg", lambda path, **how: made.append(path) or small(path, **how))  # type: ignore[func-returns-value]
    first = str(gallery.tiles(home.clips[:3], []))
    assert str(gallery.tiles(home.clips[:3], [])) == first
    assert len(made) == 1
    (home.clips[0].home / FILE.poster).write_bytes(jpeg(64, 36))
    assert str(gallery.tiles(home.clips[:3], [])) != first
    assert len(made) == 2


# ── the card of one clip ──────────────────────────────────────────────────────
def test_a_tile_opens_the_card_of_its_clip(outputs: list[Output], home: Home) -> None:
    """A widget of its own, of which the page is told; another one takes its place, and it goes with its view."""
    for clip in home.clips:
        clip.tell(status=Status.RUNNING, files=())
    page = shown(home)
    page.comm.hear(act="open", view="v", clip="vg-003")
    said = page.comm.sent[-1]["content"]
    assert (said["view"], said["open"]) == ("v", "vg-003")
    finding = history_live._Shown.findings[-1]
    first = finding._opened["v"].widget
    assert said["card"] == first.model_id
    page.comm.hear(act="open", view="v", clip="vg-004")
    second = finding._opened["v"].widget
    assert page.comm.sent[-1]["content"]["card"] == second.model_id
    assert first.comm is None
    assert second.comm is not None
    page.comm.hear(act="bye", view="v")
    assert second.comm is None


def test_a_card_that_cannot_be_opened(outputs: list[Output], home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unfinished clip of another site: why stands on the page, whose tiles stay, until the next search."""
    page = shown(home)

    def watch(self: Watched, tell: object) -> Any:
        raise VidgenError("It is of <b>another</b> site.", hint="vg.setup()")

    monkeypatch.setattr(Watched, "watch", watch)
    before = page.widget.tiles
    page.comm.hear(act="open", view="v", clip="vg-003")
    assert page.comm.sent[-1]["state"] == {"trouble": "It is of <b>another</b> site. vg.setup()"}
    assert page.widget.tiles == before
    assert page.ask("boat")["trouble"] == ""


def _texts(html: str) -> list[str]:
    """What a reader reads, piece by piece."""
    from selectolax.lexbor import LexborHTMLParser

    body = LexborHTMLParser(html).body
    assert body is not None
    return [text for text in body.text(separator="\n").split("\n") if text.strip()]
