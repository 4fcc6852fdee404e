"""The living card in the kernel: what is sent, when, from which thread, and how it ends."""

import contextvars
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest

from vidgen_nb.display import card, live
from vidgen_nb.display.live import LiveCard, Living
from vidgen_nb.records import Failure, Status

from .stand_ins import CASES, FILE, NOW, Watched, jpeg, make

CELL = contextvars.ContextVar("CELL", default="")
WIDGET = "application/vnd.jupyter.widget-view+json"


class Comm:
    """What ipywidgets sends through; keeps every message, and gives ours to the widget."""

    def __init__(self, **opened: Any) -> None:
        self.comm_id = str(id(self))
        self.opened = opened
        self.sent: list[dict[str, Any]] = []
        self.buffers: list[Any] = []
        self.closed = False
        self.handler: Any = None

    def on_msg(self, handler: Any) -> None:
        self.handler = handler

    def on_close(self, handler: Any) -> None: ...

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:
        self.sent.append(data)
        self.buffers.append(buffers)

    def close(self, *_args: Any, **_kwargs: Any) -> None:
        self.closed = True

    def hear(self, **message: Any) -> None:
        """A custom message from the page."""
        self.handler({"content": {"data": {"method": "custom", "content": message}}, "buffers": []})

    @property
    def updates(self) -> list[dict[str, Any]]:
        return [message["state"] for message in self.sent if message["method"] == "update"]

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [message["content"] for message in self.sent if message["method"] == "custom"]


class Output(SimpleNamespace):
    """One published output: data, display id, whether it replaces, and the cell in whose context it was published."""

    data: dict[str, Any]
    id: str
    update: bool
    cell: str


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Output]]:
    """A notebook: everything published, in order."""
    published: list[Output] = []

    def publish(data: Any, metadata: Any = None, *, transient: Any, update: bool = False) -> None:
        assert isinstance(metadata, dict)
        published.append(Output(data=data, id=transient["display_id"], update=update, cell=CELL.get()))

    monkeypatch.setattr(live, "publish_display_data", publish)
    monkeypatch.setattr(live, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(ipywidgets.comm, "create_comm", Comm)
    yield published
    live.close_all()
    ipywidgets.Widget.close_all()


class Clock:
    """A monotonic clock which stands still until it is told to go on."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Shown(SimpleNamespace):
    """A living card with all around it."""

    watched: Watched
    living: Living
    comm: Comm
    clock: Clock
    outputs: list[Output]


@pytest.fixture
def shown(outputs: list[Output], tmp_path: Path) -> Shown:
    """A running clip, shown once in a cell, with one view on the page."""
    watched, clock = Watched(make(Status.RUNNING, progress=10.0), tmp_path / "home"), Clock()
    living = Living(watched, embed_limit=1_000, now=clock)
    living.show()
    comm = living.widget.comm
    comm.hear(act="hello", view="v1")
    comm.sent.clear()
    return Shown(watched=watched, living=living, comm=comm, clock=clock, outputs=outputs)


# ── what is sent ──────────────────────────────────────────────────────────────
def test_one_message_per_state_change(shown: Shown) -> None:
    """A change of state is one message, which holds the parts that changed and nothing else."""
    shown.watched.tell(status=Status.DOWNLOADING, bytes_total=10_000_000, progress=100.0)
    (update,) = shown.comm.updates
    assert set(update) == {"state", "label", "word", "head", "picture", "strip"}
    assert update["state"] == "downloading"


def test_nothing_new_is_not_sent(shown: Shown) -> None:
    """A poll that brings no news sends nothing, whatever else the ledger wrote."""
    shown.clock.now += 60
    shown.watched.tell(updated=NOW + 60, raw={"status": "running"}, owner="other", next_call=NOW + 70)
    assert shown.comm.sent == []


def test_the_notice_of_a_long_wait_is_news(shown: Shown) -> None:
    """Half an hour after sending, the next poll brings the notice to the page; once."""
    shown.clock.now += 1
    shown.watched.tell(progress=None)
    shown.comm.sent.clear()
    shown.watched.tell(updated=NOW + 1700)
    assert shown.comm.sent == []
    shown.watched.tell(updated=NOW + 1750)
    shown.watched.tell(updated=NOW + 1760)
    (update,) = shown.comm.updates
    assert "asking goes on" in update["picture"]


def test_what_is_saved_follows_the_status(shown: Shown) -> None:
    """The static twin beside the widget is published anew with each status, and not with each percent."""
    shown.clock.now += 10
    shown.watched.tell(progress=50.0)
    assert len(shown.outputs) == 1
    shown.watched.tell(status=Status.DOWNLOADING, bytes_total=10_000_000)
    twin = shown.outputs[-1]
    assert twin.update
    assert twin.id == shown.outputs[0].id
    assert WIDGET in twin.data
    assert "Downloading" in twin.data["text/html"]
    assert "downloading" in twin.data["text/plain"]


@pytest.mark.parametrize("alone", [True, False])
def test_an_executor_saves_no_state(outputs: list[Output], tmp_path: Path, monkeypatch: Any, alone: bool) -> None:
    """Where nobody ever looks, the widget of a finished clip is emptied; a person's page may still come for it."""
    monkeypatch.setattr(live, "nobody_answers", lambda: alone)
    watched = Watched(make(Status.RUNNING), tmp_path / "home")
    living = Living(watched, embed_limit=0)
    comm: Any = living.widget.comm
    watched.succeed()
    assert ("_esm" in comm.updates[-1]) is alone
    assert (living.widget.body == "") is alone
    assert "<video" in outputs[-1].data["text/html"]


def test_progress_is_coarse(shown: Shown) -> None:
    """A hundred small steps within half a second are nothing; later a step of 1 % is one message."""
    for step in range(100):
        shown.watched.tell(progress=10 + step / 10)
    assert shown.comm.sent == []
    shown.clock.now += 0.5
    shown.watched.tell(progress=20.0)
    assert len(shown.comm.sent) == 1
    shown.clock.now += 5
    shown.watched.tell(progress=20.9)
    assert len(shown.comm.sent) == 1


def test_what_the_past_says_is_told_once(shown: Shown) -> None:
    """When it may be done is one message; again only where it moves by more than what is shown of it, never a tick."""
    shown.watched.tell(expected=NOW + 40, expected_late=NOW + 80)
    (update,) = shown.comm.updates
    assert set(update) == {"head", "strip"}
    assert "any moment now" in update["head"]
    for more in range(1, 5):
        shown.watched.tell(updated=NOW + more, expected=NOW + 40 + more, expected_late=NOW + 80 - more)
    assert len(shown.comm.updates) == 1
    shown.watched.tell(updated=NOW + 6, expected=NOW + 46)
    assert len(shown.comm.updates) == 2
    shown.watched.tell(updated=NOW + 7, expected_late=NOW + 90)
    assert len(shown.comm.updates) == 3


def test_a_countdown_that_ran_out_is_told_anew(shown: Shown) -> None:
    """At the moment of its end a card says that it is soon; the next answer which knows better brings a new one."""
    shown.clock.now += 1
    shown.watched.tell(progress=50.0, expected_late=NOW + 600)  # half in 84 s
    shown.comm.sent.clear()
    shown.watched.tell(updated=NOW + 80)
    assert shown.comm.sent == [], "it still counts"
    shown.watched.tell(updated=NOW + 85)
    (update,) = shown.comm.updates
    assert f'data-at="{NOW + 85 + 169:.3f}"' in update["head"]
    shown.watched.tell(updated=NOW + 90)
    assert len(shown.comm.updates) == 1


def test_a_state_change_is_never_held_back(shown: Shown) -> None:
    """Straight after a progress step, the next state is sent at once."""
    shown.clock.now += 1
    shown.watched.tell(progress=50.0)
    shown.watched.tell(needs_key=True)
    assert len(shown.comm.updates) == 2
    assert "needs a key" in shown.comm.updates[1]["head"]


def test_downloads_are_coarse_too(shown: Shown) -> None:
    """Bytes are told in steps of 1 %, with a total or without one."""
    shown.watched.tell(status=Status.DOWNLOADING, bytes_total=100_000_000)
    shown.clock.now += 1
    shown.watched.tell(bytes_done=999_999)
    assert len(shown.comm.updates) == 1
    shown.watched.tell(bytes_done=1_000_000)
    assert len(shown.comm.updates) == 2


def test_an_old_record_changes_nothing(shown: Shown) -> None:
    """Records may overtake each other on the way; the newest stays."""
    newest = shown.watched.record
    shown.watched.tell(progress=60.0, needs_key=True)
    shown.comm.sent.clear()
    shown.living.tell(newest)
    assert shown.comm.sent == []


def test_nothing_is_sent_where_nobody_looks(shown: Shown) -> None:
    """Without a view nothing is sent; a view that comes back gets what it missed in one message."""
    shown.comm.hear(act="bye", view="v1")
    shown.watched.tell(status=Status.DOWNLOADING, bytes_total=10)
    assert shown.comm.sent == []
    shown.comm.hear(act="hello", view="v2")
    assert len(shown.comm.updates) == 1
    assert shown.comm.updates[0]["state"] == "downloading"


def test_the_first_frame_is_sent_once(outputs: list[Output], tmp_path: Path) -> None:
    """A first frame that was given stands behind the number, and does not travel with each percent."""
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "abc.jpg").write_bytes(jpeg(1600, 900))
    watched = Watched(make(Status.RUNNING, progress=1.0, asked={"first_frame": {"input": "abc.jpg"}}), tmp_path)
    clock = Clock()
    living = Living(watched, embed_limit=0, now=clock)
    assert living.widget.given.startswith("data:image/jpeg;base64,")
    assert len(living.widget.given) < 40_000
    clock.now += 1
    watched.tell(progress=9.0)
    (update,) = living.widget.comm.updates
    assert "given" not in update
    assert "data:" not in update["picture"]


@pytest.mark.parametrize("given", [{"input": "../../etc/passwd"}, {"input": 7}, "https://x.example/a.png", {}, None])
def test_a_first_frame_is_only_taken_from_the_home(outputs: list[Output], tmp_path: Path, given: Any) -> None:
    """Neither a path that climbs nor a URL is read: looking at a card asks nobody."""
    assert (
        Living(Watched(make(Status.RUNNING, asked={"first_frame": given}), tmp_path), embed_limit=0).widget.given == ""
    )


def test_what_is_open_to_everyone_holds_only_parts(shown: Shown) -> None:
    """The state of the widget is the parts of the card, its script and its style; no bytes, no path, no key."""
    ours = {name for name in shown.living.widget.keys if not name.startswith("_")} - {"layout", "tabbable", "tooltip"}
    assert ours == set(card.PARTS)
    assert str(shown.watched.home) not in str(shown.living.widget.get_state())


# ── how it ends ───────────────────────────────────────────────────────────────
def test_the_first_output(shown: Shown) -> None:
    """The widget, and beside it the static card as it stands for whoever has no widget."""
    (output,) = shown.outputs
    assert set(output.data) == {WIDGET, "text/html", "text/plain"}
    assert "when this notebook was saved" in output.data["text/html"]
    assert output.data["text/plain"].startswith("vg-3f9c2a17be running")
    assert not output.update


def test_the_end_replaces_every_output(shown: Shown) -> None:
    """Two outputs of one clip have one display id, and one update makes both static."""
    shown.living.show()
    shown.watched.succeed()
    first, second, end = shown.outputs
    assert first.id == second.id == end.id
    assert end.update
    assert set(end.data) == {"text/html", "text/plain", "image/jpeg"}
    assert "<video" in end.data["text/html"]


@pytest.mark.parametrize("status", [Status.FAILED, Status.REFUSED])
def test_failures_end_static_too(shown: Shown, status: Status) -> None:
    """Nothing can happen to them any more: words, money and next step are saved."""
    shown.watched.tell(status=status, finished=NOW, error=Failure("GenerationFailed", "No."))
    assert shown.outputs[-1].update
    assert WIDGET not in shown.outputs[-1].data
    assert shown.watched.listeners == []


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.STUCK])
def test_what_needs_a_decision_stays_alive(shown: Shown, status: Status) -> None:
    """The widget stays, with what is saved beside it brought up to date; and goes on when something happens."""
    shown.watched.tell(status=status, finished=NOW, error=None)
    assert set(shown.outputs[-1].data) == {WIDGET, "text/html", "text/plain"}
    assert str(status) in shown.outputs[-1].data["text/plain"]
    assert shown.comm.updates[-1]["state"] == status.value
    shown.watched.tell(status=Status.QUEUED, finished=None)
    assert shown.comm.updates[-1]["state"] == "queued"
    shown.watched.succeed()
    assert WIDGET not in shown.outputs[-1].data


def test_the_end_comes_in_a_context_of_nobody(shown: Shown) -> None:
    """From another thread, with a cell's context inherited, the update still names no cell as its parent."""
    CELL.set("cell 1")
    thread = threading.Thread(target=contextvars.copy_context().run, args=(shown.watched.succeed,))
    thread.start()
    thread.join()
    assert shown.outputs[-1].update
    assert shown.outputs[-1].cell == ""


def test_static_first_then_the_last_state(shown: Shown) -> None:
    """The swap is published before the widget's last state, so that nobody asks for bytes in between."""
    order: list[str] = []
    publish, send = live.publish_display_data, shown.comm.send

    def watch_publish(*args: Any, **kwargs: Any) -> None:
        order.append("static")
        publish(*args, **kwargs)

    def watch_send(*args: Any, **kwargs: Any) -> None:
        order.append("widget")
        send(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "publish_display_data", watch_publish)
        patch.setattr(shown.comm, "send", watch_send)
        shown.watched.succeed()
    assert order == ["static", "widget"]


def test_after_a_page_reload_the_widget_shows_the_player(shown: Shown) -> None:
    """The swap reaches no reloaded page: the view that is still there gets player, calls and how to save it."""
    shown.watched.succeed()
    update = shown.comm.updates[-1]
    assert "data-video" in update["picture"]
    assert "src=" not in update["picture"], "the bytes are asked for, never a synced trait"
    assert "Run this cell again (free)" in update["foot"]
    shown.clock.now += 60
    shown.comm.hear(act="bye", view="v1")
    assert not shown.comm.closed, "it may be looked at again"


def test_the_widget_closes_after_the_swap(shown: Shown) -> None:
    """Where the swap arrived the view goes at once, and with it the widget."""
    shown.watched.succeed()
    shown.clock.now += 1
    shown.comm.hear(act="bye", view="v1")
    assert shown.comm.closed


def test_republishing_from_the_waiting_cell(outputs: list[Output], tmp_path: Path) -> None:
    """wait() publishes the end once more, as its own cell; a second wait() does not restart the player."""
    watched = Watched(make(Status.RUNNING), tmp_path)
    live.show(watched, embed_limit=0)
    watched.succeed()
    CELL.set("cell 2")
    live.republish(watched)
    assert outputs[-1].update
    assert outputs[-1].cell == "cell 2"
    count = len(outputs)
    live.republish(watched)
    assert len(outputs) == count


def test_republishing_what_was_never_shown(outputs: list[Output], tmp_path: Path) -> None:
    """A clip nobody displayed is not displayed by waiting for it."""
    watched = Watched(make(Status.RUNNING), tmp_path)
    watched.succeed()
    live.republish(watched)
    assert outputs == []


def test_close_all_leaves_static_cards(outputs: list[Output], tmp_path: Path) -> None:
    """At the end of the kernel every living card becomes static as it stands, and hears nothing more."""
    running, lost = Watched(make(Status.RUNNING), tmp_path), Watched(make(Status.UNKNOWN, id="vg-2"), tmp_path)
    for watched in (running, lost):
        live.show(watched, embed_limit=0)
    live.close_all()
    assert [WIDGET in output.data for output in outputs] == [True, True, False, False]
    assert all(output.update for output in outputs[2:])
    running.tell(status=Status.DOWNLOADING)
    assert len(outputs) == 4


# ── where it is shown ─────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["succeeded", "failed", "refused"])
def test_a_settled_clip_is_static_at_once(name: str, outputs: list[Output], tmp_path: Path) -> None:
    """No widget for what cannot change."""
    live.show(Watched(CASES[name], tmp_path), embed_limit=0)
    (output,) = outputs
    assert WIDGET not in output.data
    assert output.id


def test_static_mode(outputs: list[Output], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VIDGEN_DISPLAY=static: exactly one output, whatever the state, and no update ever."""
    monkeypatch.setenv("VIDGEN_DISPLAY", "static")
    watched = Watched(make(Status.RUNNING), tmp_path)
    live.show(watched, embed_limit=0)
    watched.succeed()
    live.republish(watched)
    (output,) = outputs
    assert set(output.data) == {"text/html", "text/plain"}


@pytest.mark.parametrize("shell", [None, SimpleNamespace()])
def test_outside_of_a_notebook(
    shell: object,
    outputs: list[Output],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A script and IPython in a terminal get one line of text."""
    monkeypatch.setattr(live, "get_ipython", lambda: shell)
    live.show(Watched(make(Status.RUNNING), tmp_path), embed_limit=0)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith("vg-3f9c2a17be running, relaydance, ")
    assert outputs == []


def test_a_second_output_joins_the_first(outputs: list[Output], tmp_path: Path) -> None:
    """Another handle of the same clip in the same home shares widget and display id."""
    record = make(Status.RUNNING)
    live.show(Watched(record, tmp_path), embed_limit=0)
    live.show(Watched(record, tmp_path), embed_limit=0)
    first, second = outputs
    assert first.id == second.id
    assert first.data[WIDGET]["model_id"] == second.data[WIDGET]["model_id"]


def test_a_clip_asked_anew_gets_a_card_of_its_own(outputs: list[Output], tmp_path: Path) -> None:
    """After a refusal the same clip may be submitted again: its old card stays as it ended."""
    watched = Watched(make(Status.SUBMITTING), tmp_path)
    live.show(watched, embed_limit=0)
    watched.tell(status=Status.REFUSED, finished=NOW)
    watched.tell(status=Status.SUBMITTING, finished=None)
    live.show(watched, embed_limit=0)
    assert outputs[0].id == outputs[1].id != outputs[2].id


# ── from the page ─────────────────────────────────────────────────────────────
def test_buttons_act(shown: Shown) -> None:
    """Each action goes to the generation, with its argument cut to a sane length."""
    for action in sorted(live.ACTIONS):
        shown.comm.hear(act=action, view="v1", argument="x" * 999 if action == "adopt" else "")
    expected = [(action, "x" * 200 if action == "adopt" else "") for action in sorted(live.ACTIONS)]
    assert shown.watched.acts == expected


@pytest.mark.parametrize(
    "message", [{}, {"act": "delete"}, {"act": None}, {"act": ["check"]}, {"act": "video", "number": "x"}]
)
def test_a_message_nobody_knows_is_ignored(shown: Shown, message: dict[str, Any]) -> None:
    """The page may send anything: no action, no answer, no exception."""
    shown.comm.hear(**message)
    assert shown.watched.acts == []
    assert shown.comm.sent == []


def test_copying(shown: Shown) -> None:
    """Code and report are answered with their text, to the view that asked."""
    shown.comm.hear(act="code", view="v1")
    shown.comm.hear(act="report", view="v1")
    assert shown.comm.answers == [
        {"view": "v1", "act": "code", "text": "vg.generate(…)"},
        {"view": "v1", "act": "report", "text": "report of vg-3f9c2a17be"},
    ]


def test_the_clip_comes_as_a_buffer(shown: Shown) -> None:
    """The bytes are a buffer of a custom message, for the view that asked; a number out of range gets words."""
    shown.watched.succeed()
    shown.comm.sent.clear()
    shown.comm.buffers.clear()
    shown.comm.hear(act="video", view="v1", number=0)
    assert shown.comm.answers == [{"view": "v1", "video": 0, "words": ""}]
    assert shown.comm.buffers == [[b"an mp4"]]
    for number in (1, -1):
        shown.comm.hear(act="video", view="v1", number=number)
        assert shown.comm.answers[-1]["words"] == "The file is no longer there."
        assert shown.comm.buffers[-1] is None


def test_a_clip_too_large_for_a_message(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the bytes would choke the notebook's connection, the card says where the file is."""
    shown.watched.succeed()
    monkeypatch.setattr(live, "PLAYABLE_BYTES", 3)
    shown.comm.hear(act="video", view="v1", number=0)
    assert str(shown.watched.home / FILE.path) in shown.comm.answers[-1]["words"]


def test_the_page_learns_the_kernels_clock(shown: Shown) -> None:
    """A kernel far away may have another clock: a view that says hello is told the time."""
    shown.comm.hear(act="hello", view="v9")
    (answer,) = shown.comm.answers
    assert answer["view"] == "v9"
    assert answer["now"] > NOW - 1e9


def test_a_clicks_thread_is_chosen_by_the_page(outputs: list[Output], monkeypatch: pytest.MonkeyPatch) -> None:
    """ipykernel's private detour for clicks is switched off where it exists, and missed by nobody where it does not."""

    class Detouring(Comm):
        def _reply_subshell_for(self, data: object, default: object) -> object:
            return "elsewhere"

    monkeypatch.setattr(ipywidgets.comm, "create_comm", Detouring)
    assert LiveCard().comm._reply_subshell_for(None, "here") == "here"
    monkeypatch.setattr(ipywidgets.comm, "create_comm", Comm)
    assert not hasattr(LiveCard().comm, "_reply_subshell_for")


# ── nothing reaches the engine ────────────────────────────────────────────────
def test_trouble_stays_here(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A card that breaks breaks alone: no exception in the thread that told it, nothing printed, a note at DEBUG."""
    monkeypatch.setattr(card, "parts", lambda *args, **kwargs: 1 / 0)
    caplog.set_level(logging.DEBUG, "vidgen_nb.display")
    shown.watched.tell(status=Status.DOWNLOADING)
    monkeypatch.setattr(shown.watched, "code", lambda: 1 / 0)
    shown.comm.hear(act="code", view="v1")
    assert [record.levelno for record in caplog.records] == [logging.DEBUG] * 2
    assert capsys.readouterr() == ("", "")


def test_records_from_many_threads(shown: Shown) -> None:
    """Whatever thread a record comes from, the end is published once and nothing is sent after it."""
    threads = [
        threading.Thread(target=shown.watched.tell, kwargs={"status": Status.FAILED, "finished": NOW}) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([output for output in shown.outputs if output.update]) == 1
    assert len(shown.comm.updates) == 1
