"""The rules: what an answer means, without a network, a clock or a disk."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgen_nb.engine import rules
from vidgen_nb.engine.rules import Patience, absorb, judge, mend, next_wait, retry_after
from vidgen_nb.providers import relaydance
from vidgen_nb.providers.contract import Found
from vidgen_nb.records import Outcome, Record, Reply, Status, Timing

NOW = 1_800_000_000.0
TIMING = Timing()


def replied(status: int, body: Any = None, text: str = "", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Outcome("answered", Reply(status, body, named, text or json.dumps(body)))


def record(status: Status = Status.QUEUED, **values: Any) -> Record:
    fixed = {"id": "vg-1", "identity": "i", "provider": "relaydance", "origin": "o", "model": "m", "task_id": "task_1"}
    return Record(**fixed, status=status, **values)


def submitted(outcome: Outcome, attempt: int = 1) -> rules.Verdict:
    return judge(relaydance, outcome, attempt=attempt, now=NOW)


# ── submitting ────────────────────────────────────────────────────────────────
def test_a_task_id_in_a_2xx_is_accepted() -> None:
    """S: the documented answer makes it queued, under the id it gave."""
    verdict = submitted(replied(200, {"task_id": "task_abc123", "status": "submitted"}))
    assert verdict.values["status"] is Status.QUEUED
    assert verdict.values["task_id"] == "task_abc123"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 415, 422])
def test_documented_refusals_prove_that_nothing_was_accepted(status: int) -> None:
    """S6: one try, refused, with the provider's words kept."""
    verdict = submitted(replied(status, {"error": {"message": "no such thing", "code": "x"}}))
    assert verdict.values["status"] is Status.REFUSED
    assert verdict.values["error"].said == "no such thing"
    assert verdict.retry_after is None


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529, 418, 201, 204])
def test_everything_else_is_unknown(status: int) -> None:
    """S7: no proof of a refusal and no task id leaves the outcome unknown, and is never tried again."""
    verdict = submitted(replied(status, {"message": "?"}))
    assert verdict.values["status"] is Status.UNKNOWN
    assert verdict.retry_after is None


@pytest.mark.parametrize("task_id", ["", "a b", "x" * 129, "../../etc", "a/b", None, {"a": 1}, "任务"])
def test_an_id_that_is_none_is_unknown(task_id: Any) -> None:
    """S7: an id which could not stand in a URL path as it is counts as no id."""
    assert submitted(replied(200, {"task_id": task_id})).values["status"] is Status.UNKNOWN


@pytest.mark.parametrize(
    ("status", "expected"), [(301, "unknown"), (302, "unknown"), (303, "unknown"), (307, "refused"), (308, "refused")]
)
def test_redirects_are_never_followed(status: int, expected: str) -> None:
    """S9: 307 and 308 prove that the request was not read; the others prove nothing."""
    verdict = submitted(replied(status, None, "moved", location="https://new.example/v1?key=1"))
    assert verdict.values["status"] == expected
    assert "key=1" not in verdict.values["error"].message


def test_proof_that_nothing_left_is_tried_three_times() -> None:
    """S3: the connect phase may be repeated, and ends as refused: nothing was sent."""
    outcome = Outcome("not_sent", None, "refused")
    assert submitted(outcome, 1).retry_after is not None
    assert submitted(outcome, 2).retry_after is not None
    last = submitted(outcome, 3)
    assert last.retry_after is None
    assert last.values["status"] is Status.REFUSED
    assert last.values["error"].kind == "NotSent"


def test_a_lost_answer_is_unknown() -> None:
    """S4: bytes may have left and nothing came back: unknown, no further POST."""
    verdict = submitted(Outcome("lost", None, "closed"))
    assert verdict.values["status"] is Status.UNKNOWN
    assert verdict.retry_after is None


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("Fri, 01 Jan 2027 00:00:00 GMT", 0.0),
        ("soon", 2.0),
        ("", 2.0),
        ("-5", 2.0),
        ("9" * 30, 2.0),
    ],
)
def test_429_waits_as_told_and_twice_at_most(header: str, wait: float) -> None:
    """S5: seconds, dates, the past, garbage and absence of Retry-After; at most two more tries."""
    outcome = replied(429, None, " ", retry_after=header)
    assert submitted(outcome, 1).retry_after == wait
    assert submitted(outcome, 3).retry_after is None
    assert submitted(outcome, 3).values["error"].kind == "RateLimited"


def test_a_long_429_is_said_at_once() -> None:
    """S5: a wait over a minute is the person's decision, and the error says when to come back."""
    verdict = submitted(replied(429, None, " ", retry_after="600"))
    assert verdict.retry_after is None
    assert verdict.values["error"].retry_at == NOW + 600


def test_a_date_in_retry_after_is_read() -> None:
    """An HTTP date is the seconds until then."""
    reply = Reply(429, None, {"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"})
    assert retry_after(reply, NOW) == pytest.approx(20)


def test_a_broken_off_answer_gives_a_candidate() -> None:
    """S8: JSON cut after the task id: unknown, with the id to be confirmed."""
    text = '{"task_id":"task_77","status":"subm'
    verdict = submitted(Outcome("cut", Reply(200, None, {}, text), "broke"))
    assert verdict.values["status"] is Status.UNKNOWN
    assert verdict.candidate == "task_77"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3),
        max_leaves=8,
    ),
    st.integers(0, 200),
)
def test_mend_never_raises_and_never_invents(value: Any, cut: int) -> None:
    """Whatever is cut wherever: the result is JSON or nothing, and a whole text comes back as it was."""
    text = json.dumps(value)
    mend(text[:cut])
    if isinstance(value, dict | list):
        assert mend(text) == value


# ── polling ───────────────────────────────────────────────────────────────────
def polled(
    outcome: Outcome, row: Record | None = None, patience: Patience | None = None, age: float = 10.0
) -> rules.Absorbed:
    return absorb(relaydance, row or record(), patience or Patience(), outcome, now=NOW, age=age, timing=TIMING)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("lost", None, "reset"),
        Outcome("not_sent", None, "dns"),
        Outcome("cut", Reply(200, None, {}, '{"sta'), "cut"),
        replied(429, None, " "),
        replied(500, {"code": "get_task_failed"}),
        replied(502, None, "<html>bad gateway</html>"),
        replied(200, None, "<html>login</html>"),
        replied(200, {"code": "success", "data": None}),
        replied(200, []),
    ],
)
def test_a_troubled_poll_is_never_a_failed_task(outcome: Outcome) -> None:
    """P1: the generation stays as it is, and says since when the provider is unreachable."""
    seen = polled(outcome)
    assert "status" not in seen.values
    assert seen.values["unreachable_since"] == NOW
    assert seen.patience.trouble == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_no_longer_good_pauses(status: int) -> None:
    """P2: 401 and 403 on a GET say something about the key, nothing about the task."""
    seen = polled(replied(status, {"error": {"message": "This token has no access to model"}}))
    assert seen.values["needs_key"] is True
    assert "status" not in seen.values


@pytest.mark.parametrize("word", ["RENDER_QUEUE_7", "¿?", "7", "Almost-Done", "<script>"])
def test_an_unknown_word_is_news_not_an_end(word: str) -> None:
    """P3: not terminal, kept as it came."""
    seen = polled(replied(200, {"task_id": "t", "status": word}))
    assert seen.values["word"] == word
    assert seen.values.get("status", Status.RUNNING) is Status.RUNNING


@pytest.mark.parametrize(
    ("value", "shown"),
    [(45, 45.0), ("45%", 45.0), (140, 100.0), (-3, None), ("NaN", None), (None, None), (True, None), ("45", 45.0)],
)
def test_progress_is_read_leniently(value: Any, shown: float | None) -> None:
    """P4: within 0..100 whatever comes; nonsense changes nothing, and nothing touches the status."""
    seen = polled(
        replied(200, {"task_id": "t", "status": "running", "progress": value}), record(Status.RUNNING, progress=0.0)
    )
    assert seen.values.get("progress") == shown
    assert "status" not in seen.values


def test_progress_never_goes_back() -> None:
    """P4: shown is the highest so far."""
    seen = polled(
        replied(200, {"task_id": "t", "status": "running", "progress": 30}), record(Status.RUNNING, progress=60.0)
    )
    assert "progress" not in seen.values


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.REFUSED])
def test_a_terminal_state_absorbs(status: Status) -> None:
    """P5: whatever comes after the end changes nothing."""
    assert polled(replied(200, {"task_id": "t", "status": "running"}), record(status)).values == {}


def test_a_success_that_becomes_a_failure_before_the_file_is_here() -> None:
    """P5: no step from downloading to failed: it is stuck, with the provider's words, and resume() may hear more."""
    failed = replied(200, {"task_id": "task_1", "status": "failed", "error": {"code": "x", "message": "taken down"}})
    seen = absorb(relaydance, record(Status.DOWNLOADING), Patience(), failed, now=NOW, age=60, timing=Timing())
    assert (seen.values["status"], seen.values["reason"]) == (Status.STUCK, "no_media")
    assert seen.values["error"].said == "taken down"
    seen = absorb(relaydance, record(Status.RUNNING), Patience(), failed, now=NOW, age=60, timing=Timing())
    assert seen.values["status"] is Status.FAILED


def test_an_unknown_task_is_given_time() -> None:
    """P6: transient in the first two minutes, later three in a row over five minutes make it stuck."""
    gone = replied(404, {"error": {"message": "task not found"}})
    assert polled(gone, age=60).values == {}
    patience = Patience()
    for age in (130.0, 200.0, 300.0, 420.0):
        seen = polled(gone, patience=patience, age=age)
        assert "status" not in seen.values
        patience = seen.patience
    seen = polled(gone, patience=patience, age=431.0)
    assert seen.values["status"] is Status.STUCK
    assert seen.values["reason"] == "task_not_found"


def test_an_answer_in_between_clears_the_misses() -> None:
    """P6: only an unbroken row of misses counts."""
    patience = Patience(misses=2, missed_since=130.0)
    seen = polled(replied(200, {"task_id": "t", "status": "running"}), patience=patience, age=500)
    assert seen.patience.misses == 0


def test_success_without_a_file_is_given_a_minute() -> None:
    """P7: then it is stuck, and can be resumed."""
    bare = replied(200, {"task_id": "t", "status": "succeeded", "url": ""})
    first = polled(bare, age=100)
    assert "status" not in first.values
    late = polled(bare, patience=first.patience, age=161)
    assert late.values["reason"] == "no_media"


def test_an_error_text_in_the_place_of_the_url_is_no_url() -> None:
    """P7: on failure the "URL" holds the error text."""
    body = {
        "code": "success",
        "data": {
            "task_id": "task_1",
            "status": "FAILURE",
            "result_url": "https://evil.example/x",
            "fail_reason": "upstream timeout",
        },
    }
    seen = polled(replied(200, body))
    assert seen.urls == ()
    assert seen.values["status"] is Status.FAILED


def test_the_deadline_needs_a_fresh_answer() -> None:
    """P8: after a day a network error says nothing; a fresh "running" makes it stuck, resumable."""
    assert "status" not in polled(Outcome("lost"), age=100_000).values
    seen = polled(replied(200, {"task_id": "t", "status": "running"}), age=100_000)
    assert seen.values["reason"] == "deadline"


def test_waits_begin_short_and_grow() -> None:
    """The first poll after first_poll, then min_gap, then a tenth of the age, never over max_gap without trouble."""
    asked = Patience(polls=1)
    assert next_wait(Patience(), age=0, timing=TIMING) == TIMING.first_poll
    assert next_wait(asked, age=5, timing=TIMING) == TIMING.min_gap
    assert next_wait(asked, age=100, timing=TIMING) == 10
    assert next_wait(asked, age=10_000, timing=TIMING) == TIMING.max_gap


def test_trouble_backs_off_and_heeds_retry_after() -> None:
    """P1: the gap doubles with each troubled poll up to max_gap, and Retry-After is the least."""
    gaps = [next_wait(Patience(polls=1, trouble=n), age=5, timing=TIMING) for n in range(6)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == TIMING.max_gap
    assert next_wait(Patience(polls=1, trouble=1, retry_after=90), age=5, timing=TIMING) == 90


# ── searching for a lost submission ───────────────────────────────────────────
def test_which_listed_task_is_the_lost_one() -> None:
    """The same model, prompt and parameters inside the window; a trimmed prompt is ours, a missing one is nobody's."""
    asked = {"prompt": "a boat --dur 5", "duration": 5}
    lost = record(Status.UNKNOWN, asked=asked, sent=NOW, answered=NOW + 60)
    same = {"model": "m", "prompt": "a boat", "duration": 5}
    listed = {
        "it": Found("it", NOW + 1, same),
        "long ago": Found("long ago", NOW - 4000, same),
        "another prompt": Found("another prompt", NOW + 1, {**same, "prompt": "a fox"}),
        "another length": Found("another length", NOW + 1, {**same, "duration": 8}),
        "another model": Found("another model", NOW + 1, {**same, "model": "n"}),
        "says nothing": Found("says nothing", NOW + 1, {"model": "m"}),
    }
    certain, perhaps = rules.matches(lost, list(listed.values()))
    assert [task.task_id for task in certain] == ["it"]
    assert [task.task_id for task in perhaps] == ["says nothing"]
