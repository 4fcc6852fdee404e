"""The words of all views, as data, and how numbers, times and money are written.

Card, history and terminal read the same tables, so that they say the same. A part between backticks is code.
A no-break space stands between a number and its unit.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vidgen_nb import errors
from vidgen_nb.records import Cost, ProviderFacts, Record, Status, booking

NB = "\N{NO-BREAK SPACE}"

HEADS: Mapping[Status, str] = {
    status: status.value.capitalize() for status in Status if status is not Status.UNKNOWN
} | {Status.UNKNOWN: "Outcome unknown"}
"""The word in the head of a card; tiles, counts and sentences use `status.value`."""

# Status words which say no more than ours. Anything else a provider says is news and is shown behind our word.
_PLAIN_WORDS = frozenset(
    [
        "notstart",
        "submitted",
        "queued",
        "queueing",
        "pending",
        "created",
        "waiting",
        "inqueue",
        "running",
        "processing",
        "inprogress",
        "generating",
        "downloading",
        "success",
        "succeeded",
        "succeed",
        "completed",
        "complete",
        "done",
        "failure",
        "failed",
        "error",
        "cancelled",
        "canceled",
        "expired",
    ]
)


def news(word: str) -> str:
    """The provider's own status word where it says something else than ours, else ""."""
    return "" if re.sub(r"[\W_]", "", word).lower() in _PLAIN_WORDS else word


# ── failures: what happened, and what to do next, by the class in `errors` ────
@dataclass(frozen=True, slots=True)
class Words:
    """What a note says: `{provider}` and `{model}` are filled in. An empty `next` is the hint of the error's class."""

    title: str
    sentence: str = ""
    money: str = ""
    next: str = ""


_FREE = "Nothing was charged. The request was not accepted."

FAILURES: Mapping[str, Words] = {
    "AuthError": Words("{provider} does not accept this key", money=_FREE),
    "PermissionDenied": Words("This key may not do that", money=_FREE),
    "InsufficientBalance": Words("Not enough balance at {provider}", money=_FREE),
    "ModelNotFound": Words("{provider} has no model {model} for this key", money=_FREE),
    "TaskNotFound": Words("{provider} knows no such task for this key", money=_FREE),
    "RateLimited": Words("{provider} takes no more requests for now", money=_FREE),
    "ProviderRefused": Words("{provider} did not accept the request", money=_FREE),
    "InvalidRequest": Words("{provider} does not take this request", money=_FREE),
    "NotSent": Words("Nothing was accepted", money="0 new charges."),
    "MediaRefused": Words("A medium may not be sent or fetched", money="Nothing was sent. 0 new charges."),
    "SubmitUnknown": Words(
        "The request left, and no usable reply came",
        "It is never sent again by itself.",
        "Charged once or not at all.",
    ),
    "ModerationRejected": Words("The filter of {provider} blocked it"),
    "GenerationFailed": Words("{provider} could not make the clip"),
}

_ONCE = "Charged once. Resuming costs nothing."
_AT_MOST_ONCE = "Charged once at most. Resuming costs nothing."

STUCK: Mapping[str, Words] = {
    "media_expired": Words(
        "Rendered, but not downloaded",
        "The link to the video expired before the file was whole.",
        _ONCE,
        "`clip.resume()` asks {provider} for a fresh link.",
    ),
    "broken_off": Words(
        "Rendered, but not downloaded", "", _ONCE, "`clip.resume()` asks {provider} again and begins anew."
    ),
    "no_media": Words(
        "Finished, but without a video",
        "{provider} reports success and names no video.",
        _ONCE,
        "`clip.resume()` asks {provider} again.",
    ),
    "not_mp4": Words(
        "Downloaded, but not an MP4",
        "What came is kept beside the clips.",
        _ONCE,
        "Look at the file that was kept, then `clip.resume()` downloads again.",
    ),
    "media_refused": Words(
        "The address of the video is not allowed",
        "It was not fetched.",
        _ONCE,
        "`Studio(allow_media_hosts=[…])` allows a host by name, then `clip.resume()` goes on.",
    ),
    "task_not_found": Words(
        "{provider} knows this task no longer",
        "",
        _AT_MOST_ONCE,
        "Look the task up in its console; `clip.resume()` asks again.",
    ),
    "query_unverified": Words(
        "Where to ask {provider} is not settled",
        "It documents no address for the state of a task.",
        _AT_MOST_ONCE,
        "Set the query path of this provider, then `clip.resume()`.",
    ),
    "disk": Words("Rendered, but not written to disk", "", _ONCE, "Free some space, then `clip.resume()`."),
    "deadline": Words(
        "No end after the longest wait",
        "{provider} still reports it as unfinished.",
        _AT_MOST_ONCE,
        "`clip.resume()` goes on asking.",
    ),
}
_STUCK = Words("Stopped before there was a file", "", _AT_MOST_ONCE, "`clip.resume()` goes on without a new charge.")
_FAILED = Words("It ended without a clip")


def words_for(record: Record, facts: ProviderFacts) -> Words:
    """Title, sentence, money and next step for a record which ended without a clip."""
    kind = record.error.kind if record.error else ""
    if record.status is Status.STUCK:
        words = STUCK.get(record.reason, _STUCK)
    elif record.status is Status.UNKNOWN:
        words = FAILURES["SubmitUnknown"]
    elif record.status is Status.REFUSED:
        words = FAILURES.get(kind, FAILURES["ProviderRefused"])
    else:
        words = FAILURES.get(kind, _FAILED)
    named = {"provider": facts.title, "model": record.model or "of that name"}
    error = record.error
    hint = (
        (error.hint if error else "") or words.next.format(**named) or getattr(getattr(errors, kind, None), "hint", "")
    )
    title = words.title.format(**named)
    sentence = _sentence(record, facts, title, words.sentence.format(**named))
    return Words(title, sentence, _money(record, facts, words), coded(hint))


_FALLEN = re.compile(r"^The request left, and no usable (?:answer|reply) came: |\s*Charged once or not at all\.$")


def _sentence(record: Record, facts: ProviderFacts, title: str, fallback: str) -> str:
    error = record.error
    if error is None:
        return fallback
    message = _FALLEN.sub("", error.message)  # title and money say these two already
    if message != error.message:
        message = f"{message[:1].upper()}{message[1:]} {fallback}".strip()
    said = error.said if not error.code or error.code in error.said else f"{error.said} ({error.code})".strip()
    quoted = f"{facts.title} said: {quote(said.rstrip('.'))}." if said and said not in error.message else ""
    message = "" if message.rstrip(".") == title else message or fallback
    return " ".join(part for part in (message, quoted) if part)


def coded(text: str) -> str:
    """Calls of ours named in a sentence, between backticks; what has backticks already stays as it is."""
    return text if "`" in text else re.sub(r"\b(?:clip|vg|Studio)[.\w]*\([^()]*\)", r"`\g<0>`", text)


def quote(said: str, limit: int = 200) -> str:
    """Somebody else's words as code, of a length that leaves room for the rest of a note."""
    said = said.replace("`", "'").strip()
    return f"`{said if len(said) <= limit else said[: limit - 1] + '…'}`"


# ── money ─────────────────────────────────────────────────────────────────────
def amount(cost: Cost) -> str:
    """The amount alone: `1.40 CNY`, or `cost unknown`."""
    known = str(Cost(cost.amount, cost.unit))
    return known if cost.amount is None else known.replace(" ", NB, 1)


def cost(record: Record) -> str:
    """The one line about money which every view shows. Unknown is never 0."""
    known = record.cost.amount is not None
    if record.simulated:
        return "0, simulated"
    if record.status is Status.REFUSED:
        return "0 new charges"
    if record.reused:
        return f"0 new charges; {amount(record.cost)} on {day(record.created)}" if known else "0 new charges"
    booked = booking(record.status, record.cost)
    if booked == "refunded":
        return "0 charged"
    if known and booked == "unknown":
        return f"unknown, at most {amount(record.cost)}"
    told = f"{record.cost.reported} reported" if record.cost.reported else ""
    return ", ".join(part for part in (amount(record.cost), record.cost.basis, told) if part)


def _money(record: Record, facts: ProviderFacts, words: Words) -> str:
    known = record.cost.amount is not None
    if record.simulated:
        return "0, simulated."
    if record.status is Status.FAILED:
        booked = booking(record.status, record.cost)
        if booked == "charged":
            return f"Charged {cost(record)}."
        if booked == "refunded":
            return facts.failed_billing
        most = f" At most {amount(record.cost)}." if known else ""
        return (facts.failed_billing or "Charge unknown.") + most
    if record.status is Status.UNKNOWN and known:
        return f"{words.money} At most {amount(record.cost)}."
    return words.money


# ── times and sizes ───────────────────────────────────────────────────────────
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _local(at: float) -> datetime:
    try:
        return datetime.fromtimestamp(at).astimezone()
    except (OverflowError, OSError, ValueError):  # a clock that jumped, a row somebody edited
        return datetime.fromtimestamp(0).astimezone()


def day(at: float) -> str:
    """`21 Nov`, in the zone of this machine."""
    return f"{_local(at).day}{NB}{_MONTHS[_local(at).month - 1]}"


def minute(at: float) -> str:
    return f"{_local(at):%H:%M}"


def second(at: float) -> str:
    return f"{_local(at):%H:%M:%S}"


def moment(at: float) -> str:
    """`14:03, 21 Nov 2026`: for what is read long afterwards."""
    return f"{minute(at)}, {day(at)}{NB}{_local(at).year}"


def clock(seconds: float) -> str:
    """`0:49`, `1:12`, `1:02:03`: a duration on a strip. `live.js` writes the same."""
    whole = max(0, math.floor(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def spell(seconds: float) -> str:
    """`8 s`, `1 min 34 s`, `2 h 5 min`: a duration in words. `live.js` writes the same."""
    whole = max(0, math.floor(seconds))
    if whole < 60:
        return f"{whole}{NB}s"
    if whole < 3600:
        return f"{whole // 60}{NB}min{NB}{whole % 60}{NB}s"
    return f"{whole // 3600}{NB}h{NB}{whole % 3600 // 60}{NB}min"


def about(seconds: float) -> str:
    """A duration to come, rounded up to 5 s, beyond 1 min to 10 s, beyond 10 min to minutes. As `live.js` writes it."""
    step = 5 if seconds <= 60 else 10 if seconds <= 600 else 60
    rounded = max(5, math.ceil(seconds / step) * step)
    if rounded < 60:
        return f"{rounded}{NB}s"
    rest = f"{NB}{rounded % 60}{NB}s" if rounded % 60 else ""
    return f"{rounded // 60}{NB}min{rest}" if rounded < 3600 else spell(rounded)


def size(count: float) -> str:
    """`412 kB`, `14.8 MB`."""
    return f"{count / 1e6:.1f}{NB}MB" if count >= 999_500 else f"{math.ceil(count / 1000)}{NB}kB"


def percent(value: float) -> str:
    return f"{math.floor(value)}{NB}%"


@dataclass(frozen=True, slots=True)
class Tick:
    """A text with a duration in it which grows or shrinks: the browser writes it, a saved notebook holds it still.

    `at` is in epoch seconds. Forms: `clock`, `spell` (since `at`), `until` (to `at`), `about` (to `at`, rounded).
    then: what it says instead from these moments on, the earliest first. title: what stands behind it, for a tooltip.
    """

    form: Literal["clock", "spell", "until", "about"]
    at: float
    before: str = ""
    after: str = ""
    then: tuple[tuple[float, "Line"], ...] = ()
    title: str = ""

    def still(self, now: float) -> str:
        for moment, line in reversed(self.then):
            if now >= moment:
                return still(line, now)
        return self.written(now)

    def written(self, now: float) -> str:
        """Its own words, whatever comes then."""
        write = {"clock": clock, "spell": spell, "until": spell, "about": about}[self.form]
        return f"{self.before}{write(now - self.at if self.form in {'clock', 'spell'} else self.at - now)}{self.after}"


Line = str | Tick


def without_source(reason: str) -> str:
    """Why a request cannot be made, without the source of the limit: where room is short, that stands in a title."""
    return re.sub(r"\s\([^()]*check=False[^()]*\)", "", reason)


def still(line: Line, now: float) -> str:
    """The line as it stood at `now`."""
    return line if isinstance(line, str) else line.still(now)


def language(text: str) -> str | None:
    """`zh`, `ja` or `ko` for a text in those scripts: fonts and line height depend on it."""
    if re.search("[\u3040-\u30ff]", text):
        return "ja"
    if re.search("[\uac00-\ud7af]", text):
        return "ko"
    return "zh" if re.search("[\u3400-\u9fff\U00020000-\U0003ffff]", text) else None
