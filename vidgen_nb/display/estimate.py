"""When a clip will be done, as far as that can honestly be said: from its own progress, or from clips like it.

Pure: a countdown is a `Tick`, which the browser writes and which knows what to say once it has run out.
"""

from vidgen_nb.display import words
from vidgen_nb.display.words import Line, Tick
from vidgen_nb.records import Record, Status

AT_WORK = frozenset({Status.QUEUED, Status.RUNNING})
"""What the past of clips like it is about: neither sending nor downloading."""

SOON, LONGER = "any moment now", "taking longer than usual"
NOTICED = 5  # seconds: what is told is rounded to that


def countdown(at: float, late: float | None, title: str = "") -> Tick:
    """`about 40 s left`, until `at`; then words which do not count, until nearly all like it are done; then that it is
    late. Without `late` nothing is known beyond `at`, and nothing is said.
    """
    at = round(at, 1)
    then: tuple[tuple[float, Line], ...] = ((at, ""),)
    if late is not None:
        then = ((at, SOON), (max(at, round(late, 1)), LONGER))
    return Tick("about", at, "about ", " left", then, title)


def left(record: Record) -> Tick | None:
    """The countdown to the end of this step; None where that would be a guess."""
    if record.status is Status.DOWNLOADING:
        if not record.bytes_per_second or not record.bytes_total:
            return None
        rest = (record.bytes_total - record.bytes_done) / record.bytes_per_second
        return countdown(record.updated + max(0.0, rest), None)
    at = _end(record)
    return None if at is None else countdown(at, record.expected_late, _usual(record))


def _end(record: Record) -> float | None:
    """The moment at which a clip may be done. What is expected weighs the past and how far progress has proved right,
    so its own progress, taken as even, counts only where nothing is expected or where that has gone by.
    """
    if record.status not in AT_WORK:
        return None
    expected, most = record.expected, record.expected_late
    if most is not None and (late(record) or (expected is not None and most < expected)):
        expected = most
    if expected is not None and expected > record.updated:
        return expected
    since, progress = record.started or record.answered, record.progress
    if since is None or progress is None or not 5 <= progress < 100 or record.updated - since < 5:
        return expected
    return record.updated + (record.updated - since) * (100 - progress) / progress


def _usual(record: Record) -> str:
    """What stands behind a countdown: how long nearly all took."""
    since = record.answered or record.sent
    if record.expected_late is None or since is None:
        return ""
    return f"9 of 10 clips like this are done within {words.about(record.expected_late - since)}"


def late(record: Record) -> bool:
    """Whether it took longer than nine of ten, when it was last heard of."""
    return record.status in AT_WORK and record.expected_late is not None and record.updated >= record.expected_late


def told_anew(before: Record, now: Record) -> bool:
    """Whether a card that says when `before` will be done should say it anew: the past has learned something that a
    person would notice, or the countdown has run out and there is another one. Never because time goes by.
    """
    for one, other in ((before.expected, now.expected), (before.expected_late, now.expected_late)):
        if (one is None) != (other is None) or abs((one or 0) - (other or 0)) >= NOTICED:
            return True
    was, end = left(before), left(now)
    return was is not None and end is not None and was.at <= now.updated and end.at - was.at >= NOTICED
