"""The rules, pure: what an answer means, and when to ask again. No clock, no network, no disk.

A submission ends as accepted, refused (proof that nothing was accepted), or unknown (all else). A poll can only move a
generation forward: trouble on the way is trouble of the network, never a failure of the task.
"""

import json
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

from vidgen_nb.media.redact import without_secrets
from vidgen_nb.providers.contract import (
    HTTP_REFUSALS,
    Found,
    Provider,
    Reading,
    error_words,
    failure_kind,
    refusal_kind,
    status_of,
)
from vidgen_nb.records import UNKNOWN_COST, Cost, Failure, Outcome, Record, Reply, Status, Timing

CONNECT_TRIES = 3
RATE_LIMIT_TRIES = 3
LONGEST_RETRY_AFTER = 60.0  # seconds: a longer wait is the person's decision
MISSES = 3  # in a row, over MISSES_SPAN seconds, before a task counts as gone
MISSES_SPAN = 300.0
FRESH_LINKS = 3  # how often an expired media link is asked for anew
LARGE_BODIES = 3  # how often a download that is too large is begun anew
_MOST_WORDS = 100_000  # characters of a message, or of an answer that is no JSON, to find a few words in
MOST_SAID = 4000  # characters of a provider's own words which are kept; a message can be as long as a whole answer
_TASK_ID = re.compile(r"[\w:.\-]{1,128}", re.ASCII)


# ── the submission ────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt to submit came to: the values to write, and whether to wait and try once more.

    candidate: a task id out of a broken answer, which one GET has to confirm. urls: videos that are finished already.
    """

    values: Mapping[str, Any]
    retry_after: float | None = None
    candidate: str = ""
    urls: tuple[str, ...] = ()


def judge(provider: Provider, outcome: Outcome, *, attempt: int, now: float) -> Verdict:
    """What became of a submission. `attempt` counts from 1."""
    reply = outcome.reply
    if outcome.fate == "not_sent":
        failure = Failure("NotSent", f"{provider.TITLE} was not reached: {outcome.detail}. Nothing was sent.")
        return Verdict(_refused(failure, now), retry_after=0.5 * attempt if attempt < CONNECT_TRIES else None)
    if reply is None:
        return Verdict(_unknown(outcome.detail, now))
    if refusal := _refusal(provider, reply, now):
        return Verdict(_refused(refusal, now), retry_after=_worth_waiting(refusal, reply, attempt, now))
    if not reply.ok:
        return Verdict(_unknown(f"the answer was HTTP {reply.status}", now, words(reply)[1]))
    reading = provider.read_submit(reply if outcome.fate == "answered" else replace(reply, body=mend(reply.text)))
    if not _TASK_ID.fullmatch(reading.task_id):
        detail = "the answer broke off" if outcome.fate == "cut" else "the answer holds no task id"
        return Verdict(_unknown(detail, now, words(reply)[1]))
    if outcome.fate == "cut":
        return Verdict(_unknown("the answer broke off after the task id", now), candidate=reading.task_id)
    return Verdict(accepted(provider, reading, now), urls=reading.urls or reading.paths)


def not_begun(now: float) -> dict[str, Any]:
    """The values of a submission which could not be written down, and so was never sent."""
    return _refused(Failure("NotSent", "The ledger could not be written, so nothing was sent."), now)


def closed(now: float) -> Verdict:
    """What a submission came to that was called off before its turn, by a person or because its Studio was closed."""
    failure = Failure("NotSent", "It was called off before the request's turn came. Nothing was sent.")
    return Verdict(_refused(failure, now))


def unreadable(now: float) -> Verdict:
    """What a submission came to whose answer the provider file could not read."""
    return Verdict(_unknown("the answer could not be read", now))


def accepted(provider: Provider, reading: Reading, now: float) -> dict[str, Any]:
    """The values of a task which the provider took. How it ended, if it says so already, the first poll will see."""
    reading = _keepable(reading)
    running = status_of(provider, reading.word) is Status.RUNNING and bool(reading.word)
    values = {"task_id": reading.task_id, "word": quoted(reading.word), "answered": now, "error": None}
    values |= {"status": Status.RUNNING, "started": now} if running else {"status": Status.QUEUED}
    told = _told(reading)
    return values | ({"cost": told} if told != UNKNOWN_COST else {})


def _told(reading: Reading) -> Cost:
    """What a reply says of the task's cost; a count in a unit which is no money goes into `reported`."""
    return replace(reading.cost, reported=reading.usage) if reading.usage else reading.cost


def settled(estimate: Cost, told: Cost) -> Cost:
    """What a clip costs, by what was expected and what the provider tells of it.

    In a unit of its own the provider's number stands beside the estimate: else a budget in the unit of the estimate
    would lose sight of it.
    """
    refunded = estimate.refunded or told.refunded
    if told.amount is None:
        return replace(estimate, reported=told.reported or estimate.reported, refunded=refunded)
    if estimate.amount is None or estimate.unit == told.unit:
        return replace(told, refunded=refunded)
    return replace(estimate, reported=f"{told.number} {told.unit}", refunded=refunded)


def _refusal(provider: Provider, reply: Reply, now: float) -> Failure | None:
    if reply.status in {307, 308}:  # the provider did not read the request: it named another place for it
        moved = _without_secrets(reply.headers.get("location", "another address").split("?")[0].split("#")[0])
        return Failure(
            "ProviderRefused",
            f"The base URL of {provider.TITLE} moved to {moved}.",
            hint=f"Set {provider.BASE} to the new address.",
        )
    kind = refusal_kind(provider, reply)
    if kind == "TaskNotFound":  # an answer about some task proves nothing about this one
        kind = HTTP_REFUSALS.get(reply.status)
    if kind is None:
        return None
    code, said = words(reply)
    retry_at = now + wait if kind == "RateLimited" and (wait := retry_after(reply, now)) is not None else None
    message = f"{provider.TITLE} accepted nothing (HTTP {reply.status})."
    return Failure(kind, message, quoted(said), quoted(code), retry_at=retry_at)


def words(reply: Reply) -> tuple[str, str]:
    """Code and message of an error as they may be kept and shown: a provider quotes what it was sent, and its links."""
    code, said = error_words(replace(reply, text=_without_secrets(reply.text)))
    return _without_secrets(code), _without_secrets(said)


def _keepable(reading: Reading) -> Reading:
    """A reading whose words may be kept; its addresses are for the download alone."""
    told: dict[str, Any] = {
        name: _without_secrets(getattr(reading, name)) for name in ("word", "said", "code", "usage")
    }
    return replace(reading, **told)


def _without_secrets(text: str) -> str:
    kept: str = without_secrets(text[:_MOST_WORDS])
    return kept


def _worth_waiting(refusal: Failure, reply: Reply, attempt: int, now: float) -> float | None:
    if refusal.kind != "RateLimited" or attempt >= RATE_LIMIT_TRIES:
        return None
    wait = retry_after(reply, now)
    if wait is None:
        return 2.0 * attempt
    return wait if wait <= LONGEST_RETRY_AFTER else None


def _refused(failure: Failure, now: float) -> dict[str, Any]:
    return {"status": Status.REFUSED, "error": failure, "answered": now, "finished": now}


def _unknown(detail: str, now: float, said: str = "") -> dict[str, Any]:
    message = f"The request left, and no usable answer came: {detail}. Charged once or not at all."
    return {"status": Status.UNKNOWN, "error": Failure("SubmitUnknown", message, quoted(said)), "answered": now}


def quoted(said: str) -> str:
    """A provider's own words as they are kept: the beginning will do."""
    return said if len(said) <= MOST_SAID else said[: MOST_SAID - 1] + "…"


def retry_after(reply: Reply, now: float) -> float | None:
    """Seconds to wait by the Retry-After header: a number or a date, 0 for the past, None if unreadable."""
    value = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


# A string, perhaps broken off, or a mark. Possessive: a stranger's text must not make the search quadratic or hungry.
_JSON_MARK = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],]', re.DOTALL)
_MENDED = 1 << 18  # characters: a task id stands near the beginning of its answer
_MEND_TRIES, _MEND_DEPTH = 100, 100


def mend(text: str) -> Any:
    """The JSON that a broken-off text began with, cut behind its last whole value and closed; None if there is none.

    Of a text without end only the beginning is looked at.
    """
    text, closers = text[:_MENDED], ""
    candidates: deque[tuple[int, str]] = deque(maxlen=_MEND_TRIES)
    for token in _JSON_MARK.finditer(text):
        mark = token.group()
        if mark in "{[":
            closers = ("}" if mark == "{" else "]") + closers
            if len(closers) > _MEND_DEPTH:
                break
        elif mark in "}]":
            closers = closers[1:]
        # a candidate behind every comma, string and closing: the longest that parses wins
        candidates.append((token.start() if mark == "," else token.end(), closers))
    for end, closing in reversed(candidates):
        with suppress(ValueError):
            return json.loads(text[:end] + closing)
    return None


# ── searching for a lost submission ───────────────────────────────────────────
CLOCK_SKEW = 120.0  # seconds by which the provider's clock may differ from ours
SETTLED_AFTER = 600.0  # seconds after the window closed: what is not in the provider's list by then was never accepted


_COMMANDS = re.compile(r"\s--\w.*", re.DOTALL)  # AiToEarn takes what stands there for parameters, and off the prompt


def matches(record: Record, found: Sequence[Found]) -> tuple[list[Found], list[Found]]:
    """The tasks submitted inside the window of a lost submission: those that are it, and those that may be.

    A server may repeat a part of the prompt, or nothing of it: that may be ours, and that of another clip too.
    """
    begin, end = earliest(record), (record.answered or record.created) + CLOCK_SKEW
    wanted = {"model": record.model, **{name: value for name, value in record.asked.items() if name != "prompt"}}
    same: list[Found] = []
    perhaps: list[Found] = []
    for task in found:
        told = {name: value for name, value in task.asked.items() if value not in (None, "", [])}
        inside = task.submitted is None or begin <= task.submitted <= end
        if not inside or any(told[name] != value for name, value in wanted.items() if name in told):
            continue
        prompt = str(told.get("prompt", "")).strip()
        if prompt and prompt in {record.prompt.strip(), _COMMANDS.sub("", record.prompt).strip()}:
            same.append(task)
        elif record.prompt.strip().startswith(prompt):
            perhaps.append(task)
    return same, perhaps


def earliest(record: Record) -> float:
    """When the provider may have taken in a submission at the earliest, by a clock that differs from ours."""
    return (record.sent or record.created) - CLOCK_SKEW


# ── polling ───────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Patience:
    """What the polls of one task have been through, in this process."""

    since: float = 0.0  # age of the task from which its deadline counts: a person who resumes it gives it a new one
    polls: int = 0
    trouble: int = 0  # troubled polls in a row
    misses: int = 0  # "no such task" in a row
    missed_since: float | None = None  # age of the task at the first of them
    lacking_since: float | None = None  # age at the first success without a URL
    links: int = 0  # media links that had expired
    hauls: int = 0  # downloads that broke off
    hauled_since: float | None = None  # age at the first of them
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a poll changes. `urls` is what there is to download; one that begins with / is a path at the base URL."""

    values: dict[str, Any] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    urls: tuple[str, ...] = ()


def absorb(
    provider: Provider, record: Record, patience: Patience, outcome: Outcome, *, now: float, age: float, timing: Timing
) -> Absorbed:
    """Take in the answer to a poll. `age`: seconds since the task was accepted, by a clock that only goes forward."""
    reply = outcome.reply if outcome.fate == "answered" else None
    asked = replace(patience, polls=patience.polls + 1, retry_after=None)
    if record.status.settled and record.status is not Status.STUCK:
        return Absorbed({}, asked)  # a terminal state absorbs
    reading = _keepable(provider.read_poll(reply)) if reply is not None and reply.ok else Reading()
    if reply is None or not reading.word:
        return _trouble(provider, record, asked, reply, now=now, age=age, timing=timing)

    calm = replace(asked, trouble=0, misses=0, missed_since=None)
    values: dict[str, Any] = {"unreachable_since": None, "needs_key": False, "word": quoted(reading.word)}
    told, status = _told(reading), status_of(provider, reading.word)
    if status is Status.FAILED and told.amount is None and getattr(provider, "FAILED_ARE_FREE", False):
        told = replace(told, refunded=True)
    if told != UNKNOWN_COST:
        values["cost"] = told
    percent = _percent(reading.progress)
    if percent is not None and percent > (record.progress if record.progress is not None else -1):
        values["progress"] = percent
    if status is Status.FAILED:
        return Absorbed(values | _failed(provider, record, reading, now), calm)
    videos = reading.urls or reading.paths
    if status is Status.SUCCEEDED and videos:
        started = {} if record.started else {"started": record.answered or now}
        return Absorbed(values | {"status": Status.DOWNLOADING} | started, calm, videos)
    if status is Status.SUCCEEDED:
        since = calm.lacking_since if calm.lacking_since is not None else age
        if age - since >= timing.no_media_grace:
            return Absorbed(values | stuck("no_media", "it says succeeded and names no file", now), calm)
        return Absorbed(values, replace(calm, lacking_since=since))
    if age - patience.since >= timing.deadline:
        return Absorbed(values | stuck("deadline", f"no result after {timing.deadline / 3600:.0f} hours", now), calm)
    if status is Status.RUNNING and record.status in {Status.QUEUED, Status.STUCK}:
        values |= {"status": Status.RUNNING, "started": record.started or now, "error": None, "reason": ""}
    return Absorbed(values, calm)


def _failed(provider: Provider, record: Record, reading: Reading, now: float) -> dict[str, Any]:
    if record.status is Status.DOWNLOADING:  # it was a success before: that is taken back only if a person asks again
        ended = stuck("no_media", "it said succeeded before the file was here, and now it says failed", now)
        return ended | {"error": replace(ended["error"], said=quoted(reading.said), code=quoted(reading.code))}
    kind = failure_kind(reading.code, reading.said)
    message = f"{provider.TITLE} could not make the clip."
    failure = Failure(kind, message, quoted(reading.said), quoted(reading.code))
    return {"status": Status.FAILED, "error": failure, "finished": now}


def stuck(reason: str, message: str, now: float, hint: str = "") -> dict[str, Any]:
    """The values of a generation which has no file yet and can be resumed."""
    sentence = f"{message[:1].upper()}{message[1:]}."
    return {
        "status": Status.STUCK,
        "reason": reason,
        "error": Failure("GenerationStuck", sentence, hint=hint),
        "finished": now,
    }


def _trouble(
    provider: Provider,
    record: Record,
    patience: Patience,
    reply: Reply | None,
    *,
    now: float,
    age: float,
    timing: Timing,
) -> Absorbed:
    """A poll without news of the task: nobody answered, or not about it."""
    troubled = replace(patience, trouble=patience.trouble + 1)
    unverified = getattr(provider, "QUERY_UNVERIFIED", "")
    if unverified and reply is not None and reply.status in {404, 405}:
        message = (
            f"{provider.TITLE} has no such query address, and its page documents none; the task id is {record.task_id}"
        )
        hint = (
            f"Look the task up in its console, then set the option {unverified!r} of {provider.NAME} and clip.resume()."
        )
        return Absorbed(stuck("query_unverified", message, now, hint), troubled)
    kind = refusal_kind(provider, reply) if reply is not None else None
    if kind == "TaskNotFound" or (reply is not None and reply.status == 404):
        return _missing(provider, record, troubled, now=now, age=age, timing=timing)
    # whatever words a 403 has (a quota, a policy), asking again with the same key gives the same answer
    if kind in {"AuthError", "PermissionDenied"} or (reply is not None and reply.status in {401, 403}):
        return Absorbed({"needs_key": True, "unreachable_since": None}, troubled)
    wait = retry_after(reply, now) if reply is not None else None
    since = record.unreachable_since or now
    return Absorbed(
        {"unreachable_since": since, "needs_key": False},
        replace(troubled, retry_after=wait, misses=0, missed_since=None),
    )


def _missing(
    provider: Provider, record: Record, patience: Patience, *, now: float, age: float, timing: Timing
) -> Absorbed:
    if age < timing.not_found_grace:  # a gateway may answer before it has written its own row
        return Absorbed({}, patience)
    since = patience.missed_since if patience.missed_since is not None else age
    missed = replace(patience, misses=patience.misses + 1, missed_since=since)
    if missed.misses >= MISSES and age - since >= MISSES_SPAN:
        message = f"{provider.TITLE} says that it knows no task {record.task_id}"
        hint = "Check its console, the key and the base URL, then clip.resume(): it costs nothing."
        return Absorbed(stuck("task_not_found", message, now, hint), missed)
    return Absorbed({}, missed)


def broken_off(
    record: Record, patience: Patience, why: str, *, too_large: bool, now: float, age: float, timing: Timing
) -> Absorbed:
    """Take in a download that broke off: tried again, more and more slowly, but neither for ever nor 2 GiB at a time.

    The polls in between go well, so that only the downloads themselves can be counted.
    """
    since = patience.hauled_since if patience.hauled_since is not None else age
    hauls = patience.hauls + 1
    tried = replace(patience, hauls=hauls, hauled_since=since, trouble=hauls)
    if age - since >= timing.deadline or (too_large and hauls > LARGE_BODIES):
        return Absorbed(stuck("broken_off", f"the download broke off, {hauls} times by now: {why}", now), tried)
    return Absorbed({"unreachable_since": record.unreachable_since or now}, tried)


def _percent(value: object) -> float | None:
    """Progress as 0..100, out of whatever a provider sends: 45, 45.0, "45", "45%"; None for the rest."""
    if isinstance(value, str):
        value = value.strip().removesuffix("%").strip()
        if not re.fullmatch(r"\d{1,3}(\.\d+)?", value):
            return None
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return min(100.0, max(0.0, float(value)))


def next_wait(patience: Patience, *, age: float, timing: Timing, known: float | None = None) -> float:
    """Seconds until the next poll, longer while there is trouble. Where nothing is `known` of such clips: short at
    first, then a tenth of the task's age."""
    if patience.polls == 0 and not patience.trouble:
        return timing.first_poll if known is None else known
    gap = min(timing.max_gap, max(timing.min_gap, age / 10)) if known is None else known
    if patience.trouble:
        gap = min(max(timing.max_gap, gap), gap * 2.0 ** min(patience.trouble, 6))
    return max(gap, min(patience.retry_after or 0.0, 3600.0))
