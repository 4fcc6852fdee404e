"""The gallery of the history."""

from pathlib import Path

import pytest

from vidgen_nb.display.gallery import PAGE, history_bundle
from vidgen_nb.records import Cost, Status

from .stand_ins import CASES, CHINESE, FILE, NOW, Watched, jpeg, make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one clip and its poster, noisy enough to be large."""
    (tmp_path / "clips").mkdir()
    (tmp_path / FILE.path).write_bytes(b"mp4")
    (tmp_path / FILE.poster).write_bytes(jpeg(1280, 720))
    return tmp_path


def test_unknown_first_then_newest(home: Path) -> None:
    """What needs a decision leads; the rest is by age, whatever order it came in."""
    records = [
        make(Status.SUCCEEDED, id="vg-old", created=NOW - 300),
        make(Status.UNKNOWN, id="vg-lost", created=NOW - 900),
        make(Status.FAILED, id="vg-new", created=NOW - 10),
    ]
    for view in history_bundle([Watched(record, home) for record in records]).values():
        assert view.index("vg-lost") < view.index("vg-new") < view.index("vg-old")


def test_a_page_says_how_many_more(home: Path) -> None:
    """One page of 24 tiles; the count says what is left out."""
    views = [Watched(make(Status.SUCCEEDED, id=f"vg-{n:03}", created=NOW - n), home) for n in range(30)]
    bundle = history_bundle(views, 148)
    assert bundle["text/html"].count("<img ") == PAGE
    assert "1–24 of 148 clips, 124 more" in bundle["text/html"]
    lines = bundle["text/plain"].splitlines()
    assert len(lines) == PAGE + 1
    assert lines[-1] == "1–24 of 148 clips, 124 more, unknown first, then newest"


def test_a_note_and_a_rating_are_shown(home: Path) -> None:
    """What a person wrote stands on the tile, marked where it was searched for; it is text like any other."""
    view = Watched(make(Status.SUCCEEDED, rating=4, note="too dark <b>\nbut the Boat sinks well"), home)
    bundle = history_bundle([view], matched=["sinks"])
    assert "4 of 5" in bundle["text/html"]
    assert "note: too dark &lt;b&gt; but the Boat <span" in bundle["text/html"]
    assert ">sinks</span>" in bundle["text/html"]
    assert "note: too dark <b> but the Boat sinks well" in bundle["text/plain"]


def test_the_money_of_a_tile_is_short(home: Path) -> None:
    """The amount alone; where it is known from stands in the title."""
    listed = "listed: 36 credits (unit not documented), 2026-11-18, 3 days old"
    costs = [
        (Status.RUNNING, Cost(1.4, "CNY", "by your price"), "1.40 CNY"),
        (Status.RUNNING, Cost(basis=listed), "cost unknown"),
        (Status.FAILED, Cost(1.4, "CNY", "by your price"), "unknown, at most 1.40 CNY"),
        (Status.FAILED, Cost(1.4, "CNY", "by your price", refunded=True), "0 charged"),
        (Status.REFUSED, Cost(1.4, "CNY", "by your price"), "0 new charges"),
    ]
    for status, cost, said in costs:
        bundle = history_bundle([Watched(make(status, cost=cost), home)])
        assert f"RelayDance · {said}</div>" in bundle["text/html"].replace("\N{NO-BREAK SPACE}", " ")
        assert f"  {said}  " in bundle["text/plain"]
    assert listed in history_bundle([Watched(make(Status.RUNNING, cost=costs[1][1]), home)])["text/html"]


def test_a_page_names_its_neighbours(home: Path) -> None:
    """In HTML and in text: which clips these are, how many follow, and the calls that show the other pages."""
    views = [Watched(make(Status.SUCCEEDED, id=f"vg-{n:03}", created=NOW - n), home) for n in range(24)]
    turn = [("previous", 'vg.history("<b>", page=1)'), ("next", 'vg.history("<b>", page=3)')]
    bundle = history_bundle(views, 60, first=24, turn=turn)
    for view in bundle.values():
        assert "25–48 of 60 clips, 12 more" in view
    assert "vg.history(&quot;&lt;b&gt;&quot;, page=3)" in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[-2:] == [
        'previous: vg.history("<b>", page=1)',
        'next: vg.history("<b>", page=3)',
    ]


def test_the_last_page(home: Path) -> None:
    """Nothing follows, so nothing is said to."""
    bundle = history_bundle([Watched(make(Status.SUCCEEDED), home)], 25, first=24)
    assert "25–25 of 25 clips" in bundle["text/html"]
    assert "more" not in bundle["text/plain"]


def test_a_page_is_light(home: Path) -> None:
    """24 tiles with noisy posters and the longest prompts stay below 300 kB."""
    import os

    from PIL import Image

    Image.frombytes("RGB", (1280, 720), os.urandom(1280 * 720 * 3)).save(home / FILE.poster, quality=95)
    views = [Watched(make(Status.SUCCEEDED, asked={"prompt": CHINESE * 60}), home) for _ in range(PAGE)]
    bundle = history_bundle(views, 10_000)
    assert bundle["text/html"].count("data:image/jpeg") == PAGE
    assert sum(len(view.encode()) for view in bundle.values()) < 300_000


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_state_has_a_tile(name: str, home: Path) -> None:
    """Each says its word, its money and its id, in HTML and in text."""
    record = CASES[name]
    bundle = history_bundle([Watched(record, home)])
    for view in bundle.values():
        assert str(record.status) in view
        assert record.id in view
    text = bundle["text/plain"]
    assert any(money in text for money in ("cost unknown", "0 new charges", "1.40 CNY", "0, simulated", "at most"))


def test_matches_are_marked(home: Path) -> None:
    """The words searched for stand on grey, whatever their case; a word that looks like a pattern is a word."""
    view = Watched(make(Status.SUCCEEDED, asked={"prompt": "A Boat in the (rain) <b>"}), home)
    html = history_bundle([view], matched=["boat", "(rain)", ""])["text/html"]
    assert ">Boat</span> in the <" in html
    assert ">(rain)</span> &lt;b&gt;" in html


def test_an_empty_history() -> None:
    """That there is nothing is said, not shown as an empty frame."""
    bundle = history_bundle([])
    assert "nothing of this kind" in bundle["text/html"]
    assert bundle["text/plain"] == "no clips"


def test_a_table_in_plain_text_is_aligned(home: Path) -> None:
    """One line each, columns under each other, no hidden character and no line break from a prompt."""
    records = [make(Status.SUCCEEDED), make(Status.DOWNLOADING, id="vg-1", asked={"prompt": "two\nlines \x1b[31m"})]
    lines = history_bundle([Watched(record, home) for record in records])["text/plain"].splitlines()
    assert len(lines) == 3
    assert len({line.index("relaydance") for line in lines[:2]}) == 1
    assert any("two lines \\x1b[31m" in line for line in lines)
