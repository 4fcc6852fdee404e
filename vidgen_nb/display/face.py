"""What a card says, before it is HTML: pure, from a record and its provider's facts.

The living and the saved card share it.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from vidgen_nb.display import words
from vidgen_nb.display.estimate import LONGER, left
from vidgen_nb.display.words import NB, Line, Tick
from vidgen_nb.records import ProviderFacts, Record, Status

TALLEST, WIDEST = 315, 560  # of a picture, in pixels; look and CSS share them
TALL = 360  # the height of clips which are higher than wide
LONG = 1800  # seconds after which a card says that this one takes long; nothing else comes of it
SMALLEST = 398  # of a wide stage beside its words: 638, where they wrap, less 240 for the words
_ADRIFT = frozenset({Status.UNKNOWN, Status.STUCK})
FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.REFUSED})
"""Nothing more can happen to the card: it becomes static. Unknown and stuck are settled, but need their buttons."""
WAITING = frozenset(Status) - FINAL - _ADRIFT


@dataclass(frozen=True, slots=True)
class Frame:
    """The box that is reserved for the clip. `ratio` is width / height, `stage` the width of its column in pixels."""

    ratio: float
    tall: bool
    beside: bool  # too narrow for words and for shrinking: a note stands in the text column
    stage: float


@dataclass(frozen=True, slots=True)
class Note:
    """What happened, what it means for money, and what to do next."""

    title: str
    sentence: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One of the four ways out of an unknown outcome. Without `act` this provider has none, and `sub` says why."""

    act: str
    title: str
    sub: str
    code: str
    ask: str = ""  # what the person has to type first
    sure: str = ""  # what a second press confirms


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """The line under the picture. `fill` is a percentage, or how the track looks without one."""

    left: Line
    fill: float | Literal["open", "dashed"]
    right: Line


@dataclass(frozen=True, slots=True)
class Face:
    """Everything a card says of one record."""

    state: Status
    word: str
    measure: Line
    tags: tuple[tuple[str, Line], ...]  # kind and words; kinds: simulated, free, warn
    frame: Frame
    big: Line  # the number on the picture while waiting, and its line
    line: Line
    note: Note | None
    ways: tuple[Way, ...]
    strip: Strip
    prompt: str
    language: str | None
    facts: tuple[Fact, ...]
    calls: tuple[str, ...]

    @property
    def ours(self) -> str:
        """Our own word in `word`, without what the provider says."""
        return words.HEADS[self.state]


def face(record: Record, facts: ProviderFacts) -> Face:
    """All that is said of `record`. No clock: what depends on the time of day is a `Tick`."""
    said = words.news(record.word) if not record.status.settled else ""
    head = words.HEADS[record.status]
    big, line = _waiting(record, facts)
    return Face(
        state=record.status,
        word=f"{head} (provider says: {said[:40]})" if said else head,
        measure=_measure(record),
        tags=_tags(record),
        frame=frame(record),
        big=big,
        line=line,
        note=_note(record, facts),
        ways=_ways(facts) if record.status is Status.UNKNOWN else (),
        strip=_strip(record),
        prompt=record.prompt,
        language=words.language(record.prompt),
        facts=_facts(record, facts),
        calls=_calls(record),
    )


def frame(record: Record) -> Frame:
    """The box of the clip: from the ratio asked for; from an adaptive one only once it is known, 16:9 till then."""
    made = record.files[0] if record.files and record.files[0].width > 0 and record.files[0].height > 0 else None
    ratio = ratio_of(record.asked.get("aspect_ratio"), made.width / made.height if made else 16 / 9)
    tall = ratio < 1
    stage = round(min(WIDEST, (TALL if tall else TALLEST) * ratio), 2)
    return Frame(ratio, tall, stage <= SMALLEST, stage)


def ratio_of(asked: object, otherwise: float = 16 / 9) -> float:
    """Width by height, of an aspect ratio as it was asked for (`16:9`, `1.85:1`), within what a page can show."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[:x×/]\s*(\d+(?:\.\d+)?)\s*", str(asked or ""))
    ratio = float(found[1]) / float(found[2]) if found and float(found[1]) and float(found[2]) else otherwise
    return round(min(4.0, max(0.3, ratio)), 4)


def overdue(record: Record) -> bool:
    """Whether it takes longer than most. By the time of the last answer, not by a clock: a view is of a record."""
    return record.status.open and record.sent is not None and record.updated - record.sent > LONG


def took(record: Record) -> str:
    """From sending to the end, in words; "" where one of the two is not known."""
    return words.spell(record.finished - record.sent) if record.sent and record.finished else ""


def fetched(record: Record) -> str:
    """`6.2 of 14.8 MB`."""
    if not record.bytes_total:
        return words.size(record.bytes_done) if record.bytes_done else ""
    if record.bytes_total >= 999_500:
        return f"{record.bytes_done / 1e6:.1f} of{NB}{words.size(record.bytes_total)}"
    return f"{record.bytes_done // 1000} of{NB}{words.size(record.bytes_total)}"


def fetched_percent(record: Record) -> float | None:
    return min(100.0, 100 * record.bytes_done / record.bytes_total) if record.bytes_total else None


def _measure(record: Record) -> Line:
    """The one number beside the word in the head."""
    return _measure_settled(record) if record.status.settled else _measure_open(record)


def _measure_open(record: Record) -> Line:
    match record.status:
        case Status.SUBMITTING:
            return Tick("spell", record.sent, "sent ", " ago") if record.sent else "not sent yet"
        case Status.QUEUED | Status.RUNNING:
            if record.unreachable_since is not None or record.needs_key:
                return ""  # the tag says what holds it up
            running = record.started if record.status is Status.RUNNING else None
            return _or_time(left(record), Tick("spell", running or record.answered or record.created, "for "))
        case _:
            return fetched(record)


def _or_time(end: Tick | None, so_far: Tick) -> Tick:
    """A countdown which goes on with the time so far where nothing better is known; or that time alone."""
    if end is None:
        return so_far
    return replace(end, then=tuple((moment, line or so_far) for moment, line in end.then))


def _measure_settled(record: Record) -> str:
    match record.status:
        case Status.SUCCEEDED:
            return f"in {took(record)}" if took(record) and not record.reused else ""
        case Status.FAILED:
            return f"after {took(record)}" if took(record) else ""
        case Status.REFUSED:
            quick = not (record.sent and record.finished) or record.finished - record.sent < 5
            return "at once" if quick else f"after {took(record)}"
        case _:
            return f"since {words.minute(record.finished or record.updated)}"


def _tags(record: Record) -> tuple[tuple[str, Line], ...]:
    tags: list[tuple[str, Line]] = []
    if record.unreachable_since is not None and not record.status.settled:
        tags.append(("warn", Tick("spell", record.unreachable_since, "unreachable for ")))
    if record.needs_key and not record.status.settled:
        tags.append(("warn", "needs a key"))
    if record.reused and record.status is Status.SUCCEEDED:
        tags.append(("free", "reused: 0 new charges"))
    if record.simulated:
        tags.append(("simulated", "simulated"))
    return tuple(tags)


def _waiting(record: Record, facts: ProviderFacts) -> tuple[Line, Line]:
    """The number on the picture and the line under it, while there is nothing else to see."""
    since = record.started if record.status is Status.RUNNING else record.answered
    big: Line = Tick("clock", since or record.sent or record.created)
    line: Line
    match record.status:
        case Status.SUBMITTING:
            big = Tick("clock", record.sent or record.created)
            line = "request sent, waiting for the reply" if record.sent else "about to send the request"
        case Status.QUEUED:
            line = f"in the queue of {facts.title}"
        case Status.RUNNING:
            big = words.percent(record.progress) if record.progress is not None else big
            line = f"reported by {facts.title}" if record.progress is not None else "this channel reports no progress"
            if record.asked.get("first_frame"):
                line = "rendering from this first frame"
        case Status.DOWNLOADING:
            done = fetched_percent(record)
            big, line = fetched(record) or words.size(0), "of the clip"
            if done is not None:
                big, line = words.percent(done), fetched(record)
        case _:
            return "", ""
    if overdue(record) and record.status is not Status.DOWNLOADING:
        line = f"longer than {LONG // 60}{NB}min, asking goes on"
    if record.needs_key:
        line = "paused until the key is accepted"
    elif record.unreachable_since is not None:
        line = Tick("spell", record.unreachable_since, "last answer ", " ago, trying again")
    return big, line


def _note(record: Record, facts: ProviderFacts) -> Note | None:
    if record.status not in _ADRIFT | {Status.FAILED, Status.REFUSED}:
        return None
    said = words.words_for(record, facts)
    rows: list[tuple[str, str]] = []
    if record.status is Status.UNKNOWN:
        rows.append(("Window", _window(record)))
    rows.append(("Money", said.money))
    if record.status is not Status.UNKNOWN:  # the four ways out take its place
        rows.append(("Next", said.next))
    return Note(said.title, said.sentence, tuple(row for row in rows if row[1]))


def _window(record: Record) -> str:
    start, end = record.sent or record.created, record.answered or record.finished or record.updated
    return f"{words.second(start)} – {words.second(end)}, {words.day(end)}"


def _ways(facts: ProviderFacts) -> tuple[Way, ...]:
    place = facts.console if facts.console and not facts.console.startswith("https:") else "its console"
    return (
        Way("reconcile", "Search the provider", facts.search.rstrip("."), "clip.reconcile()")
        if facts.search
        else Way("", "Search the provider", f"{facts.title} cannot be searched", ""),
        Way("adopt", "Adopt a task id", f"found in {place}", 'clip.adopt("…")', ask="Task id"),
        Way("resolve", "Not billed", "you checked: free to send again", "clip.resolve(not_billed=True)"),
        Way(
            "resubmit",
            "Send again",
            "may be charged twice",
            "clip.resubmit(accept_double_charge=True)",
            sure="Press again to send: may be charged twice",
        ),
    )


def _strip(record: Record) -> Strip:
    if record.status.settled:
        whole = words.clock(record.finished - record.sent) if record.sent and record.finished else ""
        return _strip_settled(record, whole)
    since: Line = Tick("clock", record.sent) if record.sent else "0:00"
    if record.status is Status.SUBMITTING:
        return Strip(since, "open" if record.sent else 0.0, "no task id yet")
    if record.status is Status.QUEUED:
        return Strip(since, 0.0, _next(record) or _left(record))
    if record.status is Status.RUNNING:
        right = _next(record) or _left(record)
        if record.progress is None and not record.needs_key:  # nothing moves for a card that cannot ask
            return Strip(since, "open", right)
        return Strip(since, record.progress or 0.0, right)
    done, rest = fetched_percent(record), left(record)
    speed = f"{words.size(record.bytes_per_second)}/s" if record.bytes_per_second else ""
    right = Tick("about", rest.at, f"{speed}, about ", " left", ((rest.at, speed),)) if rest else speed
    return Strip(since, "open" if done is None else done, _next(record) or right)


def _left(record: Record) -> Line:
    """As in the head, beside the time so far; but what takes longer than usual says so, whatever its progress says."""
    end = left(record)
    if end is None or record.unreachable_since is not None or record.needs_key:
        return ""
    most = record.expected_late
    return replace(end, then=((most, LONGER),)) if most is not None and most < end.at else end


def _strip_settled(record: Record, since: str) -> Strip:
    stopped = record.progress or 0.0
    match record.status:
        case Status.FAILED:
            return Strip(since, stopped, f"stopped at {words.percent(stopped)}" if stopped else "no progress")
        case Status.REFUSED:
            return Strip(since, 0.0, "nothing was accepted")
        case Status.UNKNOWN:
            return Strip(since, "dashed", "waiting for you")
        case Status.STUCK:
            done = fetched_percent(record)
            return Strip(since, stopped if done is None else done, fetched(record) or "no file yet")
        case _:
            return Strip("", 100.0, "")  # the file and its time take its place


def _next(record: Record) -> Line:
    if record.needs_key:
        return "waiting for a key"
    if record.unreachable_since is not None and record.next_call:
        return Tick("until", record.next_call, "asks again in ", then=((record.next_call, "asking again"),))
    return ""


def _facts(record: Record, facts: ProviderFacts) -> tuple[Fact, ...]:
    """Always these six, in this order, each on one line: waiting, done and failed cards of one clip have one height."""
    return (
        Fact("Provider", facts.title),
        Fact("Model", record.model or "provider's default"),
        Fact("Clip", clip(record)),
        Fact("Cost", words.cost(record)),
        Fact("Times", _times(record)),
        Fact("Id", record.id, code=True),
    )


def clip(record: Record) -> str:
    """`5 s · 16:9 · 1080p · silent`: as made, or as asked for while it is not made."""
    asked = record.asked
    ratio = str(asked.get("aspect_ratio") or "")
    if record.files:
        made = record.files[0]
        parts = [
            f"{made.duration:.1f}".removesuffix(".0") + f"{NB}s",
            ratio,
            f"{made.width}{NB}×{NB}{made.height}",
            "with audio" if made.has_audio else "silent",
            f"{len(record.files)} videos" if len(record.files) > 1 else "",
        ]
    else:
        duration, audio = asked.get("duration"), asked.get("generate_audio")
        seconds = isinstance(duration, int | float) and duration > 0
        parts = [
            f"{duration:g}{NB}s" if seconds else str(duration or ""),
            ratio,
            str(asked.get("resolution") or ""),
            "" if audio is None else "with audio" if audio else "silent",
        ]
    return " · ".join(part for part in parts if part) or "provider's defaults"


def _times(record: Record) -> str:
    if record.reused and record.status is Status.SUCCEEDED:
        made = f"made {words.day(record.created)}, {words.minute(record.created)}"
        return f"{made}, in {took(record)}" if took(record) else made
    if record.sent is None:
        return "not sent"
    queued = words.spell(record.started - record.answered) if record.started and record.answered else ""
    if record.status is Status.SUCCEEDED and record.started and record.finished:
        ran = f"ran {words.spell(record.finished - record.started)}"
        return f"queued {queued}, {ran}" if queued else ran
    sent = f"sent {words.second(record.sent)}"
    return f"{sent}, queued {queued}" if queued else sent


_CALLS = {
    Status.SUCCEEDED: ("clip.retake()", "clip.path"),
    Status.FAILED: ("clip.retake()", "clip.report()"),
    Status.STUCK: ("clip.resume()", "clip.report()"),
    Status.REFUSED: ("clip.report()",),
    Status.UNKNOWN: ("clip.report()",),
}


def _calls(record: Record) -> tuple[str, ...]:
    """What a person can type next: the foot of a card without buttons."""
    return _CALLS.get(record.status, ("clip.wait()", "clip.report()"))
