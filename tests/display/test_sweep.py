"""The grid of a sweep: what it says, what is sent to the page and how often, and what is saved."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vidgen_nb.display import sweep, sweep_live, sweep_saved
from vidgen_nb.display.sweep import Cell, Grid, layout, time_left
from vidgen_nb.display.sweep_live import GridShown
from vidgen_nb.display.words import Tick
from vidgen_nb.records import Status

from .stand_ins import CASES, FACTS, NOW, make
from .sweeps import LIGHTS, MIXED, SUBJECTS, Swept, axis, cells, grid
from .test_live import CELL, WIDGET, Comm, Output, outputs

__all__ = ["outputs"]  # a fixture: a notebook, and everything published in it

HOSTILE = '<img src=x onerror=alert(1)> {x} `code` \x1b[31m \u202e "quoted"'


# ── where things stand ────────────────────────────────────────────────────────
def test_first_axis_down_second_across() -> None:
    """Each row holds the cells of its value, in the order of the second axis."""
    placed = layout(grid().axes, grid().cells)
    assert placed.columns == LIGHTS
    assert [(label, sub, numbers) for label, sub, numbers in placed.rows] == [
        (subject, "", tuple(range(row * 4, row * 4 + 4))) for row, subject in enumerate(SUBJECTS)
    ]
    assert placed.corner == ("subject ↓", "light →")


def test_further_axes_are_sub_labels() -> None:
    """A label stands once, at the first of its rows; the sub-label says which value of the third axis it is."""
    axes = (axis("a", "xy"), axis("b", "pqr"), axis("seed", "12"), axis("take", ["take 1"]))
    made = cells(["succeeded"], [2, 3, 2, 1])
    placed = layout(axes, made)
    assert [(label, sub) for label, sub, _ in placed.rows] == [
        ("x", "seed 1"), ("", "seed 2"), ("y", "seed 1"), ("", "seed 2"),
    ]  # fmt: skip
    for row, (a, seed) in zip(placed.rows, [(0, 0), (0, 1), (1, 0), (1, 1)], strict=True):
        assert [made[number].where for number in row[2]] == [(a, b, seed, 0) for b in range(3)]


def test_one_axis_flows() -> None:
    """Nothing to go across: the tiles follow each other, each with its label. One value is no axis to look at."""
    axes = (axis("weather", ["snow"]), axis("seed", "123"))
    placed = layout(axes, cells(["running"], [1, 3]))
    assert placed.columns == ()
    assert [(label, numbers) for label, _, numbers in placed.rows] == [("1", (0,)), ("2", (1,)), ("3", (2,))]
    assert layout((), cells(["running"], [])).rows == (("", "", (0,)),)


def test_counts_and_bar_keep_their_order() -> None:
    """Succeeded, running, failed, refused, unknown, queued; each with its word and its number."""
    made = grid()
    told = re.findall(r"(\d+) ([a-z ]+)</span>", sweep.counts(made))
    assert told == [("5", "succeeded"), ("2", "running"), ("1", "failed"), ("1", "refused"), ("1", "unknown"),
                    ("2", "queued")]  # fmt: skip
    assert re.findall(r'<i data-state="([a-z ]+)"', sweep.bar(made)) == [word for _, word in told]
    assert 'aria-valuenow="5"' in sweep.bar(made)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_tile_says_its_state_in_words(name: str) -> None:
    """Glyph and word in every state, and never a colour alone."""
    record = CASES[name]
    tile = sweep.tile(Cell((0,), "relaydance", record, FACTS), None)
    assert f'data-state="{record.status.value}"' in tile
    assert (">reused<" if record.reused else f">{record.status.value}<") in tile
    assert "vg-glyph" in tile


def test_a_tile_without_a_clip_says_why() -> None:
    """Not submitted yet, invalid, or refused before anything was sent: with the reason, whole in its title."""
    waiting = sweep.tile(Cell((0,), "x", waiting=True), None)
    invalid = sweep.tile(Cell((0,), "x", invalid=True, reason="duration 3 is not offered"), None)
    stopped = sweep.tile(Cell((0,), "x"), None)
    assert ">queued<" in waiting
    assert ">invalid<" in invalid
    assert "duration 3 is not offered" in invalid
    assert ">not sent<" in stopped


def test_a_reason_in_a_tile_leaves_its_source_to_the_title() -> None:
    """A tile has room for what is wrong, not for where that is known from; alive and saved alike."""
    source = "(docs.example/limits, checked 2026-11-20; check=False sends it anyway)"
    cell = Cell((0,), "x", invalid=True, reason=f"duration: 3 is not offered: it takes 4 to 15 s {source}")
    alive = str(sweep.tile(cell, None))
    assert re.search(r">duration: 3 is not offered: it takes 4 to 15.s<", alive)
    assert "docs.example/limits" in alive  # in the title
    saved = sweep_saved.bundle(replace(grid(), cells=(cell,), axes=(axis("duration", ["3 s"]),)), embed_limit=0)
    assert re.search(r">duration: 3 is not offered: it takes 4 to 15.s<", saved["text/html"])


def test_a_tile_counts_the_time_once() -> None:
    """Without progress the number on the picture is the time that goes by; no second line says it again."""
    running = make(Status.RUNNING, progress=None, sent=NOW - 20, answered=NOW - 19, started=NOW - 10)
    tile = str(sweep.tile(Cell((0,), "relaydance", running, FACTS), None))
    assert 'data-form="clock"' in tile
    assert 'data-form="spell"' not in tile


# ── time left ─────────────────────────────────────────────────────────────────
def test_time_left_is_from_this_sweep_alone() -> None:
    """Nothing is promised before a clip is done or says how far it is; then by their mean, and how many go at once."""
    waiting = [Cell((n,), "relaydance", waiting=True) for n in range(4)]
    silent = Cell((9,), "relaydance", make(Status.RUNNING), FACTS)
    assert time_left([*waiting, silent], {"relaydance": 2}, NOW) is None
    done = Cell((8,), "relaydance", make(Status.SUCCEEDED, sent=NOW - 100, finished=NOW), FACTS)
    tick = time_left([*waiting, done], {"relaydance": 2}, NOW)
    assert tick is not None
    assert tick.at - NOW == pytest.approx(200)  # four clips of 100 s, two at a time
    reused = Cell((8,), "relaydance", make(Status.SUCCEEDED, reused=True), FACTS)
    assert time_left([*waiting, reused], {"relaydance": 2}, NOW) is None
    assert time_left([done], {"relaydance": 2}, NOW) is None


def test_time_left_takes_the_slowest_provider() -> None:
    """Each provider works off its own; the last one is what a person waits for."""
    quick = Cell((0,), "aioagi", make(Status.RUNNING, progress=50.0), FACTS)
    slow = Cell((1,), "relaydance", make(Status.RUNNING, progress=10.0), FACTS)
    tick = time_left([quick, slow], {"aioagi": 1, "relaydance": 1}, NOW)
    assert tick is not None
    assert tick.at - NOW == pytest.approx(84 * 9, rel=0.01)


def test_time_left_knows_clips_like_these() -> None:
    """What is known of the past counts before a clip of this sweep is done; nothing is promised beyond that."""
    cap = {"relaydance": 2}
    past = {"sent": NOW - 10, "expected": NOW + 40, "expected_late": NOW + 90}
    going = [Cell((n,), "relaydance", make(Status.RUNNING, **past), FACTS) for n in range(2)]
    tick = time_left(going, cap, NOW)
    assert tick is not None
    for seconds, said in ((0, "about 40 s left"), (41, "any moment now"), (91, "taking longer than usual")):
        assert tick.still(NOW + seconds).replace("\xa0", " ") == said
    passed = time_left(going, cap, NOW + 60)
    assert passed is not None
    assert passed.still(NOW + 60) == "any moment now"
    assert passed.still(NOW + 91) == "taking longer than usual"
    waiting = [Cell((n + 2,), "relaydance", waiting=True) for n in range(2)]
    more = time_left([*going, *waiting], cap, NOW)
    assert more is not None
    assert more.at - NOW == pytest.approx(40 + 50)  # those that wait take as long
    assert more.still(NOW + 91) == "", "nothing is known of them"


def test_the_last_of_many_is_none_of_the_quick_half() -> None:
    """From seven clips on the end of all is nearer to the time by which nine of ten are done."""
    past = {"sent": NOW - 10, "expected": NOW + 40, "expected_late": NOW + 90}
    for count, seconds in ((6, 40), (7, 90), (100, 90)):
        going = [Cell((n,), "relaydance", make(Status.RUNNING, **past), FACTS) for n in range(count)]
        tick = time_left(going, {"relaydance": count}, NOW)
        assert tick is not None
        assert tick.at - NOW == pytest.approx(seconds)
    halfway = make(Status.RUNNING, progress=50.0, **past)
    knows = [Cell((n,), "relaydance", halfway, FACTS) for n in range(100)]
    tick = time_left(knows, {"relaydance": 100}, NOW)
    assert tick is not None
    assert tick.at - NOW == pytest.approx(40), "clips that are half done are no longer judged by the slow ones"


# ── what is saved ─────────────────────────────────────────────────────────────
def test_the_static_grid_survives_the_sanitizer(tmp_path: Path) -> None:
    """No class, no style but literal ones, no text colour, no variable, no svg, no ids: what JupyterLab leaves."""
    html = sweep_saved.bundle(grid(home=tmp_path, done=True), embed_limit=0)["text/html"]
    for never in ("class=", "var(", "<svg", "<style", "<button", "role=", "aria-", "data-", " id=", "position:"):
        assert never not in html, never
    assert not re.search(r"[;\"]color:", html)
    assert set(re.findall(r"<(\w+)", html)) <= {"div", "span", "a", "b", "img", "video"}


def test_finished_clips_are_players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a relative path where the file lies below the notebook, with a poster, and not loaded before it is played."""
    monkeypatch.chdir(tmp_path)
    swept = Swept(tmp_path / "vidgen", count=3)
    for number in range(3):
        swept.succeed(number)
    html = sweep_saved.bundle(swept.grid(), embed_limit=0)["text/html"]
    assert re.findall(r'<video controls preload="none" poster="data:image/jpeg;base64,[^"]+" src="([^"]+)"', html) == [
        f"vidgen/clips/{number}.mp4" for number in range(3)
    ]


def test_embedding_has_one_limit_for_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred clips outside of the folder must not make a notebook of 300 MB: those that fit are put in."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    swept = Swept(tmp_path / "vidgen", count=3)
    for number in range(3):
        swept.succeed(number)
    html = sweep_saved.bundle(swept.grid(), embed_limit=17)["text/html"]
    assert html.count("data:video/mp4") == 2
    assert (html.count("<video"), html.count("<img")) == (2, 3)
    assert str(tmp_path / "vidgen" / "clips" / "2.mp4") in html


def test_a_hundred_clips_stay_light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Posters share a budget: a saved sweep of a hundred clips stays below 600 kB."""
    monkeypatch.chdir(tmp_path)
    swept = Swept(tmp_path / "vidgen", count=100)
    for number in range(100):
        swept.succeed(number)
    assert len(json.dumps(sweep_saved.bundle(swept.grid(), embed_limit=0))) < 600_000


def test_strangers_words_stay_words(tmp_path: Path) -> None:
    """Template, labels and reasons are escaped in every form; control characters are shown."""
    axes = (axis("a", [HOSTILE, "b"]), axis("c", ["d", HOSTILE]))
    made = grid(["", "failed"], home=tmp_path, axes=axes, template=HOSTILE)
    stranger = Cell((0, 0), "x", reason=HOSTILE)
    forms = [
        sweep_saved.as_html(made, {}), sweep.head(made), sweep.frame(made), sweep.tile(stranger, None),
    ]  # fmt: skip
    for html in forms:
        assert "<img src=x" not in html
        assert "\x1b" not in html
    assert "\x1b" not in sweep_saved.as_text(made)


def test_what_is_not_made_is_said(tmp_path: Path) -> None:
    """Saved while it ran, or stopped: how many are missing, and what makes them."""
    running = sweep_saved.bundle(grid(["running", "", ""], home=tmp_path), embed_limit=0)
    assert "8 not submitted yet" in running["text/html"]
    assert "as it stood when this notebook was saved" in running["text/html"]
    assert "makes only what is missing" in running["text/plain"]
    done = sweep_saved.bundle(grid(["succeeded"], home=tmp_path, done=True), embed_limit=0)
    assert "missing" not in done["text/html"]


# ── the widget ────────────────────────────────────────────────────────────────
class Timers:
    """Timers which ring when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, seconds: float, what: Callable[[], None]) -> "Timers":
        assert seconds == sweep_live.GAP
        self.waiting.append(what)
        return self

    def start(self) -> None: ...

    def ring(self) -> None:
        waiting, self.waiting = self.waiting, []
        for what in waiting:
            what()


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    made = Timers()
    monkeypatch.setattr(sweep_live.threading, "Timer", made)
    return made


Shown = tuple[Swept, GridShown, Comm, Timers]


@pytest.fixture
def shown(outputs: list[Output], timers: Timers, tmp_path: Path) -> Shown:
    """A sweep of twelve running clips, shown once, with one view on the page."""
    swept = Swept(tmp_path / "vidgen")
    made = GridShown(swept, embed_limit=1_000)
    made.show()
    comm = made.widget.comm
    comm.hear(act="hello", view="v1")
    timers.ring()
    comm.sent.clear()
    return swept, made, comm, timers


def test_a_message_holds_what_changed_and_nothing_else(shown: Shown) -> None:
    """One tile and the sums around it, of twelve."""
    swept, _, comm, timers = shown
    swept.change(3, progress=70.0)
    timers.ring()
    (update,) = comm.updates
    assert set(update) == {"tile3", "bar"}


def test_changes_are_gathered(shown: Shown) -> None:
    """A thousand changes within a quarter of a second are one message: never more than four each second."""
    swept, _, comm, timers = shown
    for step in range(1_000):
        swept.change(step % 12, progress=38 + step / 50)
    assert comm.sent == []
    assert len(timers.waiting) == 1
    timers.ring()
    (update,) = comm.updates
    assert {f"tile{number}" for number in range(12)} <= set(update)
    assert not timers.waiting
    swept.change(0, progress=90.0)
    assert len(timers.waiting) == 1


def test_a_poll_without_news_is_not_sent(shown: Shown) -> None:
    """Each poll moves an estimate a little: neither a tile nor the time left is sent for that."""
    swept, _, comm, timers = shown
    swept.left = Tick("about", NOW + 100, "about ", " left", ((NOW + 100, ""),))
    swept.change(0, progress=60.0)
    timers.ring()
    assert "counts" in comm.updates[0]
    comm.sent.clear()
    for more in range(1, 5):
        swept.left = Tick("about", NOW + 100 + more, "about ", " left", ((NOW + 100 + more, ""),))
        swept.change(0, updated=NOW + more, progress=60.0 + more / 5)
        timers.ring()
    assert comm.sent == []
    swept.left = Tick("about", NOW + 106, "about ", " left", ((NOW + 106, ""),))
    swept.change(0, progress=75.0)
    timers.ring()
    (update,) = comm.updates
    assert set(update) == {"tile0", "bar", "counts"}


def test_nothing_is_sent_for_nobody(shown: Shown) -> None:
    """No view, no message; a view that comes back gets everything at once."""
    swept, _, comm, timers = shown
    comm.hear(act="bye", view="v1")
    swept.change(0, progress=80.0)
    swept.change(1, status=Status.FAILED)
    timers.ring()
    assert comm.updates == []
    comm.hear(act="hello", view="v2")
    (update,) = comm.updates
    assert {"tile0", "tile1"} <= set(update)


def test_the_end_is_static(shown: Shown, outputs: list[Output]) -> None:
    """Once every clip is final the output is replaced, in no cell's context, and the widget goes with its view."""
    swept, made, comm, timers = shown
    token = CELL.set("a cell")
    for number in range(12):
        swept.succeed(number)
    timers.ring()
    CELL.reset(token)
    last = outputs[-1]
    assert last.update
    assert last.cell == ""
    assert set(last.data) == {"text/html", "text/plain"}
    assert last.data["text/html"].count("<video") == 12
    assert last.data["text/html"].count("<img") == 12  # for a page that drops videos
    assert made.final
    comm.hear(act="bye", view="v1")
    assert comm.closed


def test_what_needs_a_person_keeps_its_widget(shown: Shown, outputs: list[Output]) -> None:
    """With an unknown clip the grid stays alive; what is saved beside it says how it stands."""
    swept, made, _, timers = shown
    for number in range(11):
        swept.succeed(number)
    swept.change(11, status=Status.UNKNOWN, task_id="")
    swept.done = True
    timers.ring()
    swept.change(11, note="looked")
    timers.ring()
    assert not made.final
    updates = [output for output in outputs if output.update]
    assert len(updates) == 1
    assert WIDGET in updates[0].data
    assert "1 unknown" in updates[0].data["text/html"]
    swept.change(11, status=Status.REFUSED)
    timers.ring()
    assert made.final
    assert WIDGET not in outputs[-1].data


def test_a_static_state_stands_beside_the_widget(shown: Shown, outputs: list[Output]) -> None:
    """Who reads the saved notebook without trust or widgets sees the grid as it stood."""
    assert WIDGET in outputs[0].data
    assert "12 running" in outputs[0].data["text/html"]
    assert "12 running" in outputs[0].data["text/plain"]


def test_wait_publishes_once_more(shown: Shown, outputs: list[Output]) -> None:
    """From the cell that waited: executors keep only what the running cell publishes."""
    swept, made, _, timers = shown
    for number in range(12):
        swept.succeed(number)
    token = CELL.set("waiting")
    made.publish_again()
    CELL.reset(token)
    assert outputs[-1].cell == "waiting"
    assert WIDGET not in outputs[-1].data
    timers.ring()


def test_buttons_reach_the_sweep(shown: Shown) -> None:
    """Stop and code."""
    swept, _, comm, _ = shown
    comm.hear(act="stop", view="v1")
    comm.hear(act="code", view="v1")
    comm.hear(act="nonsense", view="v1", number="x")
    assert swept.stops == 1
    assert {"view": "v1", "act": "code", "text": "vg.sweep(…).run()"} in comm.answers


def test_bytes_are_sent_when_they_are_asked_for(shown: Shown) -> None:
    """As a buffer of a message of their own, to one view; words where there is no file."""
    swept, _, comm, _ = shown
    swept.succeed(2)
    comm.hear(act="video", view="v1", number=2)
    comm.hear(act="video", view="v1", number=99)
    assert comm.answers[-1] == {"view": "v1", "video": 2, "words": ""}
    assert comm.buffers[-1] == [b"an mp4"]
    comm.hear(act="video", view="v1", number=3)
    assert comm.answers[-1]["words"]


def test_a_card_opens_under_the_grid(shown: Shown) -> None:
    """A card of its own for the view that asked; the next one takes its place, and it goes with the view."""
    _, made, comm, _ = shown
    comm.hear(act="open", view="v1", number=4)
    first = made._opened["v1"]
    assert comm.answers[-1] == {"view": "v1", "open": 4, "card": first.widget.model_id}
    comm.hear(act="open", view="v1", number=5)
    second = made._opened["v1"]
    assert first.widget.comm is None
    comm.hear(act="bye", view="v1")
    assert second.widget.comm is None


def test_tiles_may_change_from_every_thread(shown: Shown) -> None:
    """Engine threads tell, clicks come in between; nothing is lost and nothing raises."""
    swept, _, comm, timers = shown
    threads = [
        threading.Thread(target=lambda n=n: [swept.change(n, progress=50.0 + step) for step in range(30)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for _ in range(30):
        comm.hear(act="hello", view="v1")
        timers.ring()
    for thread in threads:
        thread.join()
    timers.ring()
    last: dict[str, str] = {}
    for update in comm.updates:
        last |= update
    for number in range(8):
        assert "79" in last[f"tile{number}"]


def test_a_kernel_that_ends_leaves_it_static(shown: Shown, outputs: list[Output]) -> None:
    """What is saved says how it stood; a widget would be an error after a restart."""
    _, made, _, _ = shown
    made.close()
    assert WIDGET not in outputs[-1].data
    assert "12 running" in outputs[-1].data["text/html"]


def test_every_word_of_the_grid_has_its_place() -> None:
    """A state which the bar does not know would vanish from it."""
    assert {Cell((0,), "x", record, FACTS).group for record in CASES.values()} <= set(sweep.ORDER)
    assert {name for name in MIXED if name} <= set(CASES)
    assert isinstance(grid(), Grid)
