"""What a card says of each state, and what it says about money."""

import base64
import io
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vidgen_nb import errors
from vidgen_nb.display import card, words
from vidgen_nb.display.estimate import left
from vidgen_nb.display.face import Frame, face, frame
from vidgen_nb.records import SIMULATED_COST, ClipFile, Cost, Failure, Record, Status

from .stand_ins import CASES, CNY, FACTS, FILE, LOST, NOW, SEARCHABLE, TALL, Watched, jpeg, make, player

NB = "\xa0"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are those of the machine: the tests have one of their own."""
    monkeypatch.setitem(os.environ, "TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def visible(html: str) -> str:
    """The text of some HTML, with a bar between elements."""
    return re.sub(r"(\s*\|)+\s*", " | ", re.sub(r"<[^>]*>", "|", html)).strip(" |")


def living(record: Record) -> str:
    """All that a living card shows."""
    return visible(" ".join(card.parts(record, FACTS)[part] for part in ("head", "picture", "strip", "body", "foot")))


SAYS = {
    "submitting": ["Submitting", "sent 0 s ago", "request sent, waiting for the reply", "no task id yet", "Check now"],
    "queued": ["Queued", "for 0 s", "in the queue of RelayDance"],
    "running": ["Running", "38 %", "reported by RelayDance", "sent", "queued 8 s", "Copy as code"],
    "running, silent": ["Running", "(provider says: RENDER_QUEUE_7)", "this channel reports no progress"],
    "running, with a past": ["this channel reports no progress", "left"],
    "running, late": ["12 %", "left"],
    "unreachable": ["unreachable for", "last answer", "trying again", "asks again in"],
    "needs a key": ["needs a key", "paused until the key is accepted", "waiting for a key"],
    "downloading": ["Downloading", "6.2 of 14.8 MB", "41 %", "3.1 MB/s, about"],
    "succeeded": ["Succeeded", "in 1 min 34 s", "queued 8 s, ran 1 min 24 s", "clip.retake()", "free"],
    "reused": ["reused: 0 new charges", "0 new charges; 60 credits on 18 Nov", "made 18 Nov"],
    "simulated": ["simulated", "0, simulated"],
    "tall": ["5 s · 9:16 · 720 × 1280 · silent"],
    "failed": ["Failed", "after 1 min 34 s", "The filter of RelayDance blocked it", "stopped at 62 %", "Money", "Next"],
    "failed, tall": ["Asked", "no progress", "vg-3f9c2a17be"],
    "refused": ["Refused", "nothing was accepted", "invalid parameter: resolution (10002)", "Nothing was charged."],
    "unknown": ["Outcome unknown", "since ", "Window", "It broke off.", "waiting for you", "Open the console"],
    "unknown, tall": ["Search the provider", "Adopt a task id", "Not billed", "Send again", "may be charged twice"],
    "stuck": ["Stuck", "Rendered, but not downloaded", "10.5 of 14.8 MB", "Resume", "Charged once."],
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_state_has_its_words(name: str) -> None:
    """Each state says what the specification of the look gives it to say."""
    text = living(CASES[name]).replace(NB, " ")
    for expected in SAYS[name]:
        assert expected in text, f"{expected!r} not in {text}"


MONEY = re.compile(r"\d[\d.]* (CNY|credits)|0 new charges|cost unknown|0, simulated|unknown, at most")


@pytest.mark.parametrize("name", sorted(CASES))
def test_money_stands_on_every_card(name: str) -> None:
    """Living, saved or as text: an amount, `0 new charges`, `cost unknown` or `0, simulated`; never an empty place."""
    record = CASES[name]
    for view in (living(record), visible(card.as_html(record, FACTS, player(record))), card.as_text(record, FACTS)):
        text = view.replace(NB, " ")
        assert MONEY.search(text) or "Charge unknown" in text or "Charged once or not at all" in text, text


@pytest.mark.parametrize("status", list(Status))
def test_an_unknown_cost_is_never_zero(status: Status) -> None:
    """Without a known amount no card says 0, but for what was refused or was there already."""
    record = make(status, cost=Cost())
    if status is Status.REFUSED:
        assert words.cost(record) == "0 new charges"
    else:
        assert words.cost(record) == "cost unknown"
        assert "Cost | cost unknown" in living(record)


def test_money_in_words() -> None:
    """A price somebody set says nothing about a failed clip; what the provider reports does."""
    price = Cost(1.4, "CNY", "by your price")
    assert words.cost(make(Status.SUCCEEDED)) == f"1.40{NB}CNY, reported by RelayDance"
    assert words.cost(make(Status.UNKNOWN, cost=price)) == f"unknown, at most 1.40{NB}CNY"
    assert words.cost(make(Status.FAILED, cost=price)) == f"unknown, at most 1.40{NB}CNY"
    assert words.cost(make(Status.FAILED, cost=CNY)) == f"1.40{NB}CNY, reported by RelayDance"
    assert (
        words.words_for(make(Status.FAILED, cost=CNY), FACTS).money == f"Charged 1.40{NB}CNY, reported by RelayDance."
    )
    assert words.words_for(make(Status.FAILED, cost=price), FACTS).money == (
        f"{FACTS.failed_billing} At most 1.40{NB}CNY."
    )
    for status in Status:
        assert words.cost(make(status, origin="simulator", cost=SIMULATED_COST)) == "0, simulated"


KINDS = [
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.ProviderRefused)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_refusal_has_a_title_and_a_next_step(kind: str) -> None:
    """Title, money and next step for each class of error which a provider's refusal can be."""
    said = words.words_for(make(Status.REFUSED, error=Failure(kind, "No.")), FACTS)
    assert kind in words.FAILURES
    assert said.title
    assert said.money == "Nothing was charged. The request was not accepted."
    assert said.next


@pytest.mark.parametrize(
    "reason",
    [
        *("media_expired", "broken_off", "no_media", "not_mp4", "media_refused"),
        *("task_not_found", "query_unverified", "deadline", "disk"),
    ],
)
def test_every_reason_to_be_stuck_has_words(reason: str) -> None:
    """Each says that resuming costs nothing, and how; a reason nobody thought of says that too."""
    for named in (reason, "never heard of"):
        said = words.words_for(make(Status.STUCK, reason=named), FACTS)
        assert "Resuming costs nothing." in said.money
        assert "clip.resume()" in said.next
    assert reason in words.STUCK


def test_a_sentence_is_not_said_twice() -> None:
    """What the title or the money says already is left out of the message."""
    said = words.words_for(make(Status.UNKNOWN, error=LOST), FACTS)
    assert (said.title, said.sentence) == (
        "The request left, and no usable reply came",
        "It broke off. It is never sent again by itself.",
    )
    failed = make(
        Status.FAILED, error=Failure("GenerationFailed", "RelayDance could not make the clip.", "timeout", "7")
    )
    assert words.words_for(failed, FACTS).sentence == "RelayDance said: `timeout (7)`."


def test_a_way_that_does_not_exist_stays_and_says_why() -> None:
    """All four ways out are there for every provider; where it cannot be searched the first is disabled."""
    unsearchable = card.parts(CASES["unknown"], FACTS)["picture"]
    assert '<button class="vg-way" type="button" disabled><b>Search the provider</b>' in unsearchable
    assert "RelayDance cannot be searched" in unsearchable
    searchable = card.parts(CASES["unknown"], SEARCHABLE)["picture"]
    assert 'data-act="reconcile"' in searchable
    assert "its list of tasks" in searchable
    assert "found in Logs" in searchable
    for act in ("adopt", "resolve", "resubmit"):
        assert f'data-act="{act}"' in unsearchable
    assert unsearchable.index('data-act="resubmit"') > unsearchable.index('data-act="resolve"'), "the costly one last"


def test_as_text() -> None:
    """One honest line per state, plain spaces only."""
    lines = {name: card.as_text(record, FACTS) for name, record in CASES.items()}
    assert all("\n" not in line and NB not in line for line in lines.values())
    assert card.as_text(CASES["succeeded"], FACTS, "vidgen/clips/x.mp4") == (
        "vg-3f9c2a17be succeeded, relaydance, 5 s, 1.40 CNY, vidgen/clips/x.mp4"
    )
    assert lines["running"] == (
        "vg-3f9c2a17be running, relaydance, 38 %, 5 s, cost unknown, task task_8842177301, "
        'vg.resume("vg-3f9c2a17be") goes on'
    )
    assert lines["reused"].startswith("vg-3f9c2a17be succeeded, relaydance, 5 s, 0 new charges, ")
    assert "clip.resubmit(accept_double_charge=True)" in lines["unknown"]
    assert "clip.reconcile()" not in lines["unknown"], "RelayDance cannot be searched"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("16:9", Frame(1.7778, False, False, 560)),
        ("21:9", Frame(2.3333, False, False, 560)),
        ("4:3", Frame(1.3333, False, False, 419.99)),
        ("1:1", Frame(1.0, False, True, 315)),
        ("9:16", Frame(0.5625, True, True, 202.5)),
        ("adaptive", Frame(1.7778, False, False, 560)),
        ("0:0", Frame(1.7778, False, False, 560)),
        ("1:100000", Frame(0.3, True, True, 108)),
        (None, Frame(1.7778, False, False, 560)),
    ],
)
def test_the_box_of_the_clip(asked: str | None, expected: Frame) -> None:
    """The width is min(560, 315 × ratio), tall clips are 360 high; nonsense is 16:9."""
    assert frame(make(Status.RUNNING, asked={"aspect_ratio": asked})) == expected


def test_an_adaptive_box_takes_the_files_ratio_once_it_is_known() -> None:
    """16:9 till the file is there; what was asked for always wins over the file."""
    tall = (replace(FILE, width=720, height=1280),)
    assert frame(make(Status.SUCCEEDED, asked={"aspect_ratio": "adaptive"}, files=tall)).ratio == 0.5625
    assert frame(make(Status.SUCCEEDED, asked={"aspect_ratio": "16:9"}, files=tall)).ratio == 1.7778


def test_parts_change_only_where_the_record_changed() -> None:
    """A percent more is a new picture, strip and glyph; text column and frame are byte for byte the same."""
    before = card.parts(make(Status.RUNNING, progress=38.0), FACTS)
    after = card.parts(make(Status.RUNNING, progress=39.0), FACTS)
    assert tuple(before) == card.PARTS
    assert {name for name in card.PARTS if before[name] != after[name]} == {"head", "picture", "strip"}
    moved = card.parts(make(Status.DOWNLOADING, bytes_done=1, bytes_total=10), FACTS)
    assert moved["body"] == before["body"]
    assert (moved["ratio"], moved["shape"]) == (before["ratio"], before["shape"])


def test_parts_do_not_depend_on_the_clock() -> None:
    """What ticks is marked with the time it counts from; the HTML does not change while nothing happens."""
    record = make(Status.QUEUED, started=None)
    parts = card.parts(record, FACTS)
    assert parts == card.parts(replace(record, updated=NOW + 50, revision=9), FACTS)
    assert f'data-form="spell" data-at="{NOW - 92:.3f}" data-before="for "' in parts["head"]
    assert f'data-form="clock" data-at="{NOW - 94:.3f}"' in parts["strip"]


def test_an_estimate_needs_progress_of_its_own() -> None:
    """38 % in 84 s make about 137 s left; without progress, or at its very start, there is no estimate."""
    estimate = face(make(Status.RUNNING, progress=38.0), FACTS).measure
    assert isinstance(estimate, words.Tick)
    assert estimate.still(NOW) == f"about 2{NB}min{NB}20{NB}s left"
    for progress in (None, 2.0, 100.0):
        measure = face(make(Status.RUNNING, progress=progress), FACTS).measure
        assert isinstance(measure, words.Tick)
        assert measure.form == "spell"


PAST = {"expected": NOW + 38, "expected_late": NOW + 78}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_clips_like_it_give_an_estimate(status: Status) -> None:
    """Half of them are done by then: it counts down to that, then says that it is soon, then that it is late."""
    said = face(make(status, progress=None, answered=NOW - 2, **PAST), FACTS)
    for seconds, expected in (
        (0, f"about 40{NB}s left"),
        (37.9, f"about 5{NB}s left"),
        (38, "any moment now"),
        (77.9, "any moment now"),
        (78, "taking longer than usual"),
        (5_000, "taking longer than usual"),
    ):
        assert words.still(said.measure, NOW + seconds) == words.still(said.strip.right, NOW + seconds) == expected
    assert isinstance(said.measure, words.Tick)
    assert said.measure.title == f"9 of 10 clips like this are done within 1{NB}min{NB}20{NB}s"


def test_an_estimate_that_ran_out_becomes_the_time_so_far() -> None:
    """Where nobody knows how long the slow ones take, nothing stands still at 5 s: the head goes on with the time."""
    said = face(make(Status.RUNNING, progress=38.0), FACTS)
    assert words.still(said.measure, NOW + 136) == f"about 5{NB}s left"
    assert words.still(said.measure, NOW + 138) == f"for 3{NB}min{NB}42{NB}s"
    assert words.still(said.strip.right, NOW + 138) == "", "the strip says the time so far already"
    assert isinstance(said.measure, words.Tick)
    assert said.measure.title == ""


@pytest.mark.parametrize(
    ("progress", "expected", "by"),
    [
        (None, NOW + 38, "past"),
        (4.0, NOW + 38, "past"),
        (24.0, NOW + 38, "past"),
        (99.0, NOW + 38, "past"),
        (100.0, NOW + 38, "past"),
        (24.0, NOW - 1, "progress"),
        (4.0, NOW - 1, "past"),
        (24.0, None, "progress"),
    ],
)
def test_which_estimate_wins(progress: float | None, expected: float | None, by: str) -> None:
    """What is expected wins, for it knows how far progress can be believed; once it has gone by, progress counts."""
    end = left(make(Status.RUNNING, progress=progress, expected=expected, expected_late=NOW + 78))
    assert end is not None
    own = NOW + 84 * (100 - (progress or 1)) / (progress or 1)
    assert end.at == pytest.approx(own if by == "progress" else expected, abs=0.1)


def test_what_is_late_says_so_beside_its_own_estimate() -> None:
    """Its own progress counts down in the head; the strip says that nine of ten took less."""
    said = face(make(Status.RUNNING, progress=60.0, expected=NOW - 40, expected_late=NOW - 1), FACTS)
    assert words.still(said.measure, NOW) == f"about 1{NB}min left"
    assert words.still(said.strip.right, NOW) == "taking longer than usual"


def test_what_took_longer_than_anything_before_is_late() -> None:
    """Where nothing is expected any more, nine of ten have been done for long."""
    said = face(make(Status.RUNNING, expected=None, expected_late=NOW - 30), FACTS)
    assert words.still(said.measure, NOW) == words.still(said.strip.right, NOW) == "taking longer than usual"


@pytest.mark.parametrize("held_up", [{"needs_key": True}, {"unreachable_since": NOW - 9, "next_call": NOW + 9}])
@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING])
def test_nothing_is_promised_while_it_is_held_up(status: Status, held_up: dict[str, Any]) -> None:
    """Who cannot ask the provider does not know when it will be done."""
    said = face(make(status, progress=60.0, **PAST, **held_up), FACTS)
    assert said.measure == ""
    assert "left" not in words.still(said.strip.right, NOW)


def test_only_work_at_the_provider_is_estimated_by_the_past() -> None:
    """The past says nothing about sending, downloading or what has ended."""
    for status in set(Status) - {Status.QUEUED, Status.RUNNING}:
        assert left(make(status, **PAST)) is None
        assert "longer than usual" not in card.as_html(make(status, expected=NOW - 9, expected_late=NOW - 5), FACTS)


def test_a_saved_card_counts_nothing_down() -> None:
    """It says that it took long, if it did when it was last heard of; what was left then is no news later."""
    for seconds in (0, 50):
        saved = card.as_html(make(Status.RUNNING, **PAST, updated=NOW + seconds), FACTS)
        assert "left" not in visible(saved)
        assert "moment" not in visible(saved)
        assert "longer than usual" not in saved
    saved = card.as_html(make(Status.RUNNING, **PAST, updated=NOW + 78), FACTS)
    assert "taking longer than usual" in visible(saved)
    assert "3:52" not in saved
    assert "2:52" in saved, "beside the time so far"


def test_a_download_tells_bytes_speed_and_the_rest() -> None:
    """Of bytes without a total, of nothing yet, and when the rest should be there: then the speed alone."""
    said = face(CASES["downloading"], FACTS)
    assert words.still(said.strip.right, NOW) == f"3.1{NB}MB/s, about 5{NB}s left"
    assert words.still(said.strip.right, NOW + 3) == f"3.1{NB}MB/s"
    endless = face(make(Status.DOWNLOADING, bytes_done=2_500_000, bytes_per_second=4.2e5), FACTS)
    assert (endless.big, endless.line, endless.strip.right) == (f"2.5{NB}MB", "of the clip", f"420{NB}kB/s")
    assert endless.strip.fill == "open"
    first = face(make(Status.DOWNLOADING), FACTS)
    assert (first.big, first.line, first.strip.right) == (f"0{NB}kB", "of the clip", "")


def test_a_clip_that_takes_long_says_so() -> None:
    """After half an hour without an end, by the provider's last answer, the card says that it goes on asking."""
    late = {"sent": NOW - 1801, "answered": NOW - 1800}
    for status in (Status.QUEUED, Status.RUNNING):
        assert face(make(status, **late), FACTS).line == f"longer than 30{NB}min, asking goes on"
        assert "asking goes on" not in str(face(make(status), FACTS).line)
    assert "asking goes on" not in str(face(make(Status.RUNNING, needs_key=True, **late), FACTS).line)
    assert "asking goes on" not in card.parts(make(Status.SUCCEEDED, **late), FACTS)["picture"]


@pytest.mark.parametrize(
    ("seconds", "clock", "spelled", "about"),
    [
        (-5, "0:00", "0 s", "5 s"),
        (8.9, "0:08", "8 s", "10 s"),
        (61, "1:01", "1 min 1 s", "1 min 10 s"),
        (599, "9:59", "9 min 59 s", "10 min"),
        (601, "10:01", "10 min 1 s", "11 min"),
        (3723, "1:02:03", "1 h 2 min", "1 h 3 min"),
    ],
)
def test_durations(seconds: float, clock: str, spelled: str, about: str) -> None:
    """Strips count, words spell, estimates are rounded up; a number and its unit never part."""
    assert words.clock(seconds) == clock
    assert words.spell(seconds) == spelled.replace(" ", NB)
    assert words.about(seconds) == about.replace(" ", NB)


def test_times_that_cannot_be() -> None:
    """A clock that jumped a million years shows some time and stops nothing."""
    record = make(Status.UNKNOWN, sent=1e18, answered=-1e18, finished=1e300, updated=float(2**63))
    assert card.as_text(record, FACTS)
    assert card.as_html(record, FACTS)


def test_chinese_prompts_are_marked() -> None:
    """Language decides font and line height; kana and hangul are not Chinese."""
    assert words.language("一只纸船") == "zh"
    assert words.language("紙の舟") == "ja"
    assert words.language("종이배") == "ko"
    assert words.language("a paper boat") is None
    assert 'class="vg-prompt" lang="zh"' in card.parts(make(Status.QUEUED, asked={"prompt": "纸船"}), FACTS)["body"]
    assert ' lang="zh"' in card.as_html(make(Status.FAILED, asked=TALL), FACTS)


def test_a_words_we_know_is_no_news() -> None:
    """The provider's own status word is shown only where it says something else than ours."""
    for word in ("IN_PROGRESS", "InProgress", "running", "queued", "NOT_START"):
        assert words.news(word) == ""
    assert words.news("RENDER_QUEUE_7") == "RENDER_QUEUE_7"


# ── mime bundles ──────────────────────────────────────────────────────────────
@pytest.fixture
def finished(tmp_path: Path) -> Watched:
    """A finished generation whose home lies below the working folder."""
    watched = Watched(make(Status.RUNNING), tmp_path / "vidgen home")
    watched.succeed()
    return watched


def test_a_clip_below_the_working_folder_is_linked(finished: Watched) -> None:
    """src and href are the relative path, percent-encoded; text names it as it is."""
    bundle = card.bundle(finished, embed_limit=3_000_000)
    assert set(bundle) == {"text/html", "text/plain", "image/jpeg"}
    assert 'src="vidgen%20home/clips/x.mp4"' in bundle["text/html"]
    assert 'href="vidgen%20home/clips/x.mp4"' in bundle["text/html"]
    assert bundle["text/plain"].endswith(", vidgen home/clips/x.mp4")


def test_a_clip_elsewhere_is_embedded_up_to_a_limit(
    finished: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside of the working folder the bytes go into the notebook, or poster and place where they are too many."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    data = base64.b64encode(b"an mp4").decode()
    assert f'src="data:video/mp4;base64,{data}"' in card.bundle(finished, embed_limit=6)["text/html"]
    for bundle in (card.bundle(finished, embed_limit=5), card.bundle(finished, embed_limit=99, embed=False)):
        html = bundle["text/html"]
        assert "<video" not in html
        assert "<img src=" in html
        assert "1\xa0kB, outside of this folder" in html
        assert str(tmp_path / "vidgen home/clips/x.mp4") in html
    assert data in card.bundle(finished, embed_limit=0, embed=True)["text/html"]


def test_embedding_on_demand(finished: Watched) -> None:
    """embed=True puts the bytes into the notebook even where a path would do."""
    assert "data:video/mp4;base64," in card.bundle(finished, embed_limit=0, embed=True)["text/html"]


def test_a_clip_that_is_gone_says_so(finished: Watched) -> None:
    """Somebody deleted the file: the poster and the words remain, and nothing pretends to play."""
    (finished.home / FILE.path).unlink()
    html = card.bundle(finished, embed_limit=3_000_000)["text/html"]
    assert "The file is no longer there." in html
    assert "<video" not in html


def test_the_poster_is_small(finished: Watched) -> None:
    """At most 480 pixels wide and 12 kB, however noisy and large the poster on disk is."""
    noise = Image.frombytes("RGB", (1920, 1080), os.urandom(1920 * 1080 * 3))
    noise.save(finished.home / FILE.poster, quality=95)
    data = base64.b64decode(card.bundle(finished, embed_limit=0)["image/jpeg"])
    assert len(data) <= 12_000
    with Image.open(io.BytesIO(data)) as small:
        assert small.format == "JPEG"
        assert small.width <= 480


@pytest.mark.parametrize("content", [b"", b"no picture", jpeg(8, 8)[:40]])
def test_a_broken_poster_breaks_nothing(finished: Watched, content: bytes) -> None:
    """Without a readable poster the card is a card without one."""
    (finished.home / FILE.poster).write_bytes(content)
    bundle = card.bundle(finished, embed_limit=0)
    assert set(bundle) == {"text/html", "text/plain"}
    assert " poster=" not in bundle["text/html"]


def test_an_unfinished_bundle_has_no_picture(tmp_path: Path) -> None:
    """Nothing to see yet: the card and the line, no image."""
    assert set(card.bundle(Watched(CASES["running"], tmp_path), embed_limit=0)) == {"text/html", "text/plain"}


def test_several_videos_of_one_task() -> None:
    """The card plays the first and says how many there are."""
    second = ClipFile("clips/y.mp4", "1" * 64, 1, 5.0, 1280, 720, 24.0, False)
    assert "2 videos" in living(make(Status.SUCCEEDED, files=(FILE, second)))
