"""The comparison: what differs, its table, and what its widget sends and keeps."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest

from vidgen_nb.display import compare, compare_live
from vidgen_nb.display.compare_live import Comparison
from vidgen_nb.display.differences import differences, marked_prompts
from vidgen_nb.errors import InvalidRequest
from vidgen_nb.generation import Generation
from vidgen_nb.records import SIMULATED_COST, Cost, Record, Status
from vidgen_nb.studio import Studio

from .stand_ins import CASES, CHINESE, FILE, Watched, jpeg, make
from .test_live import Comm, Output

PATIENCE = 20  # seconds for another thread


class Rated(Watched):
    """A clip that takes opinions; `trouble` is raised by the next one."""

    trouble: Exception | None = None

    def rate(self, rating: int | None = None, *, note: str | None = None) -> object:
        if self.trouble is not None:
            raise self.trouble
        given = {name: value for name, value in {"rating": rating, "note": note}.items() if value is not None}
        self.tell(**given)
        self.heard = threading.current_thread().name
        return self


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one clip and its poster."""
    (tmp_path / "clips").mkdir()
    (tmp_path / FILE.path).write_bytes(b"an mp4")
    (tmp_path / FILE.poster).write_bytes(jpeg(640, 360))
    return tmp_path


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Output]]:
    """A notebook with a person at it: everything published, in order."""
    published: list[Output] = []

    def publish(data: Any, metadata: Any = None, *, transient: Any, update: bool = False) -> None:
        published.append(Output(data=data, id=transient["display_id"], update=update, cell=""))

    monkeypatch.setattr(compare_live, "publish_display_data", publish)
    monkeypatch.setattr(compare_live, "in_notebook", lambda: True)
    monkeypatch.setattr(compare_live, "nobody_answers", lambda: False)
    monkeypatch.setattr(ipywidgets.comm, "create_comm", Comm)
    yield published
    compare_live._Shown.comparisons.clear()
    compare_live._Shown.winners.clear()
    ipywidgets.Widget.close_all()


def clip(number: int, **values: Any) -> Record:
    return make(Status.SUCCEEDED, id=f"vg-{number:010x}", **values)


def shown(home: Path, *records: Record) -> SimpleNamespace:
    """A comparison on the page: its clips, its widget's comm."""
    clips = [Rated(record, home) for record in records]
    comparison = Comparison(clips)
    comparison.show()
    assert comparison._widget is not None
    return SimpleNamespace(clips=clips, comparison=comparison, comm=comparison._widget.comm)


def kept(comparison: Comparison) -> None:
    """Wait until every opinion given so far is written."""
    comparison._keeping.submit(lambda: None).result(PATIENCE)


# ── what differs ──────────────────────────────────────────────────────────────
def test_rows_are_what_differs_from_the_first() -> None:
    """Each parameter that anybody was given: one row if it differs, else a name among the same."""
    records = [
        clip(1, asked={"seed": 7, "style": None}),
        clip(2, asked={"seed": 7, "duration": 8}, model="other"),
        clip(3, asked={"seed": 21, "generate_audio": True}, take=2),
    ]
    found = differences(records, {"relaydance": "RelayDance"})
    assert found.prompts is None
    assert [(row.name, row.values, row.differs) for row in found.rows] == [
        ("model", (records[0].model, "other", records[2].model), (False, True, False)),
        ("duration", ("5\u00a0s", "8\u00a0s", "5\u00a0s"), (False, True, False)),
        ("audio", ("off", "off", "on"), (False, False, True)),
        ("seed", ("7", "7", "21"), (False, False, True)),
        ("take", ("1", "1", "2"), (False, False, True)),
    ]
    same = dict(found.same)
    assert same["provider"] == "RelayDance"
    assert list(same) == ["prompt", "provider", "aspect ratio", "resolution", "style"]


def test_a_parameter_not_given_is_the_providers_default() -> None:
    """Missing is not the same as given, and the row says what it means."""
    (row,) = differences([clip(1, asked={"seed": 7}), clip(2)], {}).rows
    assert row.values == ("7", "provider's default")


def test_media_are_named_and_addresses_lose_their_queries() -> None:
    """Two files of one name are told apart by their content; a signature is never shown."""
    image = {"input": "a" * 64 + ".png", "name": "boat.png"}
    other = {"input": "b" * 64 + ".png", "name": "boat.png"}
    (row,) = differences(
        [clip(1, asked={"reference_images": [image]}), clip(2, asked={"reference_images": [other]})], {}
    ).rows
    assert row.values == ("boat.png (aaaaaaaa)", "boat.png (bbbbbbbb)")
    signed = "https://cdn.example/a.png?sig=canary"
    (row,) = differences([clip(1, asked={"first_frame": signed}), clip(2, asked={"first_frame": image})], {}).rows
    assert row.values == ("https://cdn.example/a.png?…", "boat.png")


@pytest.mark.parametrize(
    ("prompts", "marks"),
    [
        (
            ["a boat, slow dolly-in", "a boat, static shot, warm light"],
            [["slow dolly-in"], ["static shot, warm light"]],
        ),
        (["a boat", "a boat, green water", "a boat"], [[], ["green water"], []]),
        (["a red boat", "a blue boat", "a red ship"], [["red boat"], ["blue"], ["ship"]]),
        (["雨夜的霓虹小巷", "雨夜的红伞小巷"], [["霓虹"], ["红伞"]]),
        (["a boat.", "a boat!"], [["."], ["!"]]),
        (["", "a boat"], [[], ["a boat"]]),
    ],
)
def test_words_of_prompts_are_marked(prompts: list[str], marks: list[list[str]]) -> None:
    """Of the first what some other lacks, of the others what the first lacks; nothing is lost of any."""
    pieces = marked_prompts(tuple(prompts))
    assert ["".join(text for text, _ in prompt) for prompt in pieces] == prompts
    assert [[text for text, mark in prompt if mark] for prompt in pieces] == marks


def test_endless_prompts_are_compared_in_no_time() -> None:
    """A hundred thousand words are cut and compared as far as a person may see them."""
    pieces = marked_prompts(("boat " * 100_000, "boot " * 100_000, "船" * 100_000, "a b c d e f " * 100_000))
    assert all(len("".join(text for text, _ in prompt)) <= 2_000 for prompt in pieces)


# ── the table ─────────────────────────────────────────────────────────────────
def test_the_table_says_everything_and_is_light(home: Path) -> None:
    """Posters, differing rows, money, what is the same, opinions; inline styles only; six clips below 60 kB."""
    records = [clip(n, asked={"seed": n, "prompt": CHINESE}, rating=n % 5 + 1, note=f"note {n}") for n in range(6)]
    bundle = Comparison([Rated(record, home) for record in records])._repr_mimebundle_()
    html = bundle["text/html"]
    assert html.count("<img ") == 6
    assert len(html) < 60_000
    for words in ("seed", "1.40", "same", "rating", "5\u00a0of\u00a05", "note 3", "F"):
        assert words in html
    for never in ("<style", "<svg", "var(", "position", "aspect-ratio", "class=", "<mark", "color:#"):
        assert never not in html
    lines = bundle["text/plain"].splitlines()
    assert lines[0].split() == ["A", "vg-0000000000", "B", "vg-0000000001"] + [
        part for letter, n in zip("CDEF", range(2, 6), strict=True) for part in (letter, f"vg-{n:010x}")
    ]
    assert any(line.startswith("same: ") for line in lines)


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_state_can_be_compared(home: Path, name: str) -> None:
    """Finished or not: the table names the state, the money is words, and the living box has something to show."""
    record = replace(CASES[name], id="vg-000000000a")
    comparison = Comparison([Rated(clip(1), home), Rated(record, home)])
    bundle = comparison._repr_mimebundle_()
    assert str(record.status) in bundle["text/plain"]
    assert any(word in bundle["text/html"] for word in ("cost unknown", "0 new charges", "CNY", "0, simulated"))
    picture = compare.picture("B", comparison.clips[1])
    assert ("<video" in picture) == (record.status is Status.SUCCEEDED)


def test_unknown_costs_stay_unknown(home: Path) -> None:
    """Never 0, and never tinted as a difference of the requests."""
    records = [clip(1), clip(2, cost=Cost()), clip(3, cost=SIMULATED_COST, origin="simulator")]
    said = compare.compared([Rated(record, home) for record in records])
    assert "<span>cost unknown</span>" in compare.rows(said)
    assert "1.40" in compare.rows(said)
    assert "0, simulated" in compare.rows(said)


def test_strangers_words_are_shown_not_obeyed(home: Path) -> None:
    """Markup, control characters and bidi marks in every field: escaped in each part of the board and in the table."""
    script = "</span><img src=x onerror=alert(1)>\x1b[31m\u202e"
    asked = {"prompt": script, "style": script, "reference_images": [{"input": script, "name": script}, script]}
    words = {"model": script, "note": script, "word": script, "extra": {script: script}, "rating": 3}
    views = [Rated(clip(1), home), Rated(clip(2, asked=asked, cost=Cost(1, script, script), **words), home)]
    said = compare.compared(views)
    parts = [compare.heads(said), compare.rows(said), *(compare.picture("A", view) for view in views)]
    for html in (*parts, compare.bundle(said)["text/html"]):
        assert "<img src=x" not in html
        assert "\x1b" not in html
        assert "\u202e" not in html
    assert "&lt;img src=x" in compare.rows(said)
    assert "\x1b" not in compare.bundle(said)["text/plain"]


# ── the winner ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("ratings", "winner"),
    [([None, None], None), ([5, None], None), ([4, 5], 1), ([5, 5], None), ([1, 5, 4], 1), ([3, None, 2], 0)],
)
def test_the_best_rated_wins_until_one_is_chosen(
    home: Path, outputs: list[Output], ratings: list[int | None], winner: int | None
) -> None:
    """The only one with the best of several ratings; a person's own choice goes before."""
    page = shown(home, *(clip(n, rating=rating) for n, rating in enumerate(ratings)))
    assert page.comparison.winner is (None if winner is None else page.clips[winner])
    page.comm.hear(act="winner", clip=0, view="v")
    assert page.comparison.winner is page.clips[0]
    assert "wins" in page.comparison._repr_mimebundle_()["text/html"]
    again = Comparison(page.clips[::-1])
    assert again.winner is page.clips[0], "the cell run again has forgotten"


# ── the widget ────────────────────────────────────────────────────────────────
def test_the_output_holds_widget_and_table(home: Path, outputs: list[Output]) -> None:
    """Whoever cannot show the widget shows the table; no bytes of a clip are in either."""
    page = shown(home, clip(1), clip(2))
    (output,) = outputs
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} == set(output.data)
    assert "<table" in output.data["text/html"]
    assert "an mp4" not in json.dumps(page.comm.opened, default=str)


@pytest.mark.parametrize("reason", ["VIDGEN_DISPLAY", "nobody"])
def test_where_nobody_looks_it_is_a_table(
    home: Path, outputs: list[Output], monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """Executors and `VIDGEN_DISPLAY=static` get no widget."""
    if reason == "nobody":
        monkeypatch.setattr(compare_live, "nobody_answers", lambda: True)
    else:
        monkeypatch.setenv("VIDGEN_DISPLAY", "static")
    Comparison([Rated(clip(1), home), Rated(clip(2), home)]).show()
    (output,) = outputs
    assert set(output.data) == {"text/html", "text/plain"}


def test_bytes_travel_as_a_buffer_to_the_view_that_asked(home: Path, outputs: list[Output]) -> None:
    """A file that is gone, or a number that is none, gives words or nothing."""
    page = shown(home, clip(1), clip(2, files=(replace(FILE, path="clips/gone.mp4"),)))
    for number in (0, 1, 7, -1):
        page.comm.hear(act="video", clip=number, view="v")
    page.comm.hear(act="video", clip="x", view="v")
    assert [(answer["view"], answer["video"], bool(answer["words"])) for answer in page.comm.answers] == [
        ("v", 0, False),
        ("v", 1, True),
    ]
    assert [buffers for buffers in page.comm.buffers if buffers] == [[b"an mp4"]]


def test_opinions_are_kept_in_order_from_a_thread_of_their_own(home: Path, outputs: list[Output]) -> None:
    """The thread that heard the click does not wait for the disk; the page hears that it was kept."""
    page = shown(home, clip(1), clip(2))
    for rating in (1, 2, 3):
        page.comm.hear(act="rate", clip=1, rating=rating, view="v")
    page.comm.hear(act="note", clip=1, note="half \ud83d and 推近", view="v")
    kept(page.comparison)
    assert page.clips[1].record.rating == 3
    assert page.clips[1].record.note == "half ? and 推近"
    assert page.clips[1].heard != threading.current_thread().name
    assert [answer for answer in page.comm.answers if "kept" in answer][-1] == {"kept": 1, "words": ""}
    opinions = json.loads(page.comm.updates[-1]["opinions"])
    assert opinions[1] == {"rating": 3, "note": "half ? and 推近", "settled": True}


@pytest.mark.parametrize("trouble", [InvalidRequest("It is of another site.", hint="Set it."), OSError("disk")])
def test_an_opinion_that_cannot_be_kept_is_told(home: Path, outputs: list[Output], trouble: Exception) -> None:
    """In words, on the page; and the next one is heard all the same."""
    page = shown(home, clip(1), clip(2))
    page.clips[0].trouble = trouble
    page.comm.hear(act="rate", clip=0, rating=4, view="v")
    kept(page.comparison)
    told = [answer for answer in page.comm.answers if "kept" in answer][-1]
    assert told["words"]
    page.clips[0].trouble = None
    page.comm.hear(act="rate", clip=0, rating=5, view="v")
    kept(page.comparison)
    assert page.clips[0].record.rating == 5


def test_a_clip_joins_when_it_is_done(home: Path, outputs: list[Output]) -> None:
    """Its box says where it stands, then holds a player; each step sends that box and no other."""
    running = make(Status.RUNNING, id="vg-00000000bb", progress=38.0)
    page = shown(home, clip(1), running)
    assert "38" in page.comparison._widget.box1
    page.clips[1].tell(progress=40.0)
    assert set(page.comm.updates[-1]) == {"box1"}
    page.clips[1].succeed()
    assert "<video" in page.comm.updates[-1]["box1"]
    assert "box0" not in page.comm.updates[-1]
    assert json.loads(page.comm.updates[-1]["opinions"])[1]["settled"]


def test_the_end_of_the_kernel_leaves_a_table(home: Path, outputs: list[Output]) -> None:
    """In the place of the widget, with the opinions of last; trouble with one does not keep the others."""
    page = shown(home, clip(1), clip(2))
    page.comm.hear(act="rate", clip=0, rating=4, view="v")
    kept(page.comparison)
    compare_live._Shown.close_all()
    assert outputs[-1].update
    assert outputs[-1].id == outputs[0].id
    assert set(outputs[-1].data) == {"text/html", "text/plain"}
    assert "4\u00a0of\u00a05" in outputs[-1].data["text/html"]


# ── vg.compare ────────────────────────────────────────────────────────────────
@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(home=tmp_path / "vidgen") as opened:
        for number in range(7):
            assert opened.ledger.restore(clip(number, identity=f"{number}"))
        yield opened


def test_clips_and_ids_are_taken(studio: Studio) -> None:
    """In the order in which they are named."""
    first = studio.get("vg-0000000001")
    assert isinstance(first, Generation)
    assert studio.compare("vg-0000000000", first).clips == ("vg-0000000000", "vg-0000000001")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["vg-0000000000"], "2 to 6 clips, not 1"),
        ([], "2 to 6 clips, not 0"),
        ([f"vg-{number:010x}" for number in range(7)], "2 to 6 clips, not 7"),
        (["vg-0000000000", "vg-none", "vg-nothing"], "clip 2: there is no 'vg-none'.*\n.*clip 3: there is no"),
        (["vg-0000000000", "vg-0000000000"], "clip 2: vg-0000000000 is given twice"),
        (["vg-0000000000", 7], "clip 2: takes a clip or its id, not int"),
        ([["vg-0000000000", "vg-0000000001"]], "takes a clip or its id, not list"),
    ],
)
def test_what_cannot_be_compared_is_said(studio: Studio, given: list[Any], words: str) -> None:
    """Every problem at once, with the next step."""
    with pytest.raises(InvalidRequest, match=words) as raised:
        studio.compare(*given)
    assert raised.value.hint
