"""AiSphere, the replies: the page's envelope, and the guessed query."""

import json
from pathlib import Path

import pytest

from vidgen_nb.engine import rules
from vidgen_nb.errors import InvalidRequest
from vidgen_nb.providers import aisphere, contract
from vidgen_nb.records import UNKNOWN_COST, Call, Json, Outcome, Record, Reply, Status, Timing

SAMPLES = sorted((Path(__file__).parent.parent / "samples" / "aisphere").glob("*.json"))
DONE = "https://cdn.example.com/clip.mp4?sig=1"
NO_ZERO: list[Json] = [1, -1, 200, "0", "success", None, False, True, 0.5, []]
RUNNING = Record(
    id="vg-1", identity="i", provider="aisphere", origin="o", model="m", task_id="t", status=Status.RUNNING
)


def envelope(word: Json, code: Json = 0, message: str = "success", **data: Json) -> dict[str, Json]:
    return {"code": code, "message": message, "data": {"task_id": "t", "task_status": word, **data}}


def read(body: Json, status: int = 200) -> contract.Reading:
    return aisphere.read_poll(Reply(status, body))


def absorb(reply: Reply) -> rules.Absorbed:
    """What the engine makes of the first answer to a poll."""
    outcome = Outcome("answered", reply)
    return rules.absorb(aisphere, RUNNING, rules.Patience(), outcome, now=1000.0, age=10.0, timing=Timing())


# ── the samples ───────────────────────────────────────────────────────────────
def test_there_are_samples() -> None:
    """The documented reply is here, and the guessed ones: without them the next test would have nothing to do."""
    names = {path.stem for path in SAMPLES}
    assert {"submit-placeholders", "submit", "query-succeeded", "query-404", "error-401"} <= names


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_read_as_expected(path: Path) -> None:
    """Every sample gives what it expects, and nothing that it does not expect; a cost is nowhere made of `usage`."""
    sample = json.loads(path.read_text("utf-8"))
    expected = sample["expect"]
    reply = Reply(sample["status"], sample.get("body"), sample["headers"], sample.get("text", ""))
    reading = (aisphere.read_submit if sample["request"] == "submit" else aisphere.read_poll)(reply)
    assert reading.urls == ((expected["url"],) if "url" in expected else ())
    assert reading.cost == UNKNOWN_COST
    assert reading.progress is None
    if expected.get("status") == "stuck":
        assert absorb(reply).values["reason"] == expected["reason"]
    elif "status" in expected:
        assert reading.task_id == expected["task_id"]
        assert contract.status_of(aisphere, reading.word) == expected["status"]
        assert contract.refusal_kind(aisphere, reply) is None
        kind = contract.failure_kind(reading.code, reading.said) if expected["status"] == "failed" else None
        assert kind == expected.get("error")
    else:
        assert (reading.word, reading.task_id) == ("", "")
        assert reading.said
        assert (contract.refusal_kind(aisphere, reply) or "SubmitUnknown") == expected["error"]


def test_the_submission_of_the_page_is_accepted() -> None:
    """The page's own reply, placeholders and all, is an accepted task for the engine; "string" is no address."""
    sample = json.loads(next(path for path in SAMPLES if path.stem == "submit-placeholders").read_text("utf-8"))
    verdict = rules.judge(aisphere, Outcome("answered", Reply(200, sample["body"])), attempt=1, now=1.0)
    assert verdict.values["task_id"] == verdict.values["word"] == "string"
    assert verdict.values["status"] is Status.RUNNING
    assert "cost" not in verdict.values


# ── asking ────────────────────────────────────────────────────────────────────
def test_polling_quotes_the_id() -> None:
    """The task id goes into the path as one part of it, whatever it holds."""
    assert aisphere.poll(contract.Task("t_1", ""), {}) == Call("GET", "/api/v1/video/generation/t_1")
    assert aisphere.poll(contract.Task("../a?b#c", ""), {}).path == "/api/v1/video/generation/..%2Fa%3Fb%23c"


@pytest.mark.parametrize(
    ("path", "called"),
    [
        ("/api/v1/tasks/{task_id}", "/api/v1/tasks/a%2Fb"),
        ("/api/v1/video/generation?task_id={task_id}&x={y}", "/api/v1/video/generation?task_id=a%2Fb&x={y}"),
    ],
)
def test_the_query_path_is_an_option(path: str, called: str) -> None:
    """Whoever learns the real address sets it, with the id anywhere in it."""
    assert aisphere.poll(contract.Task("a/b", ""), {"query_path": path}) == Call("GET", called)
    with pytest.raises(InvalidRequest):
        aisphere.poll(contract.Task("a/b", ""), {"query_path": "/api/v1/tasks"})


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("reply", [None, {"code": 404, "message": "no such route"}, {"error": {"message": "no"}}])
def test_a_wrong_query_address_fails_no_task(status: int, reply: Json) -> None:
    """404 and 405 on an address which nobody verified mean the address: stuck, with the option and the task's id."""
    values = absorb(Reply(status, reply, text="404 page not found")).values
    assert (values["status"], values["reason"]) == (Status.STUCK, "query_unverified")
    assert aisphere.QUERY_UNVERIFIED in values["error"].hint
    assert "task id is t" in values["error"].message


# ── submissions ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, None),
        (200, {}),
        (200, []),
        (200, "t"),
        (200, {"task_id": "t"}),
        (200, {"data": {"task_id": "t", "task_status": "submitted"}}),
        *[(200, envelope("submitted", code=code)) for code in NO_ZERO],
        (200, {"code": 0, "data": None}),
        (200, {"code": 0, "data": [{"task_id": "t"}]}),
        (200, {"code": 0, "data": {"id": "t", "task_status": "submitted"}}),
        (200, {"ErrCode": 0, "ErrMsg": "success", "Resp": {"video_id": 5}}),
        (500, envelope("submitted")),
        (302, envelope("submitted")),
    ],
)
def test_a_submission_without_proof(status: int, reply: Json) -> None:
    """Only a 2xx with code 0 and a task id in data is an accepted task; all else proves nothing, also to the engine."""
    assert aisphere.read_submit(Reply(status, reply)).task_id == ""
    verdict = rules.judge(aisphere, Outcome("answered", Reply(status, reply)), attempt=1, now=1.0)
    assert verdict.values["status"] is Status.UNKNOWN


@pytest.mark.parametrize("given_id", ["t-1", " t-1 ", 314159])
def test_ids_are_words_or_whole_numbers(given_id: Json) -> None:
    """PixVerse's own ids are numbers: handed on, they are ids too."""
    reading = aisphere.read_submit(Reply(200, {"code": 0, "data": {"task_id": given_id, "task_status": "queued"}}))
    assert reading.task_id == str(given_id).strip()


# ── tasks ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NOT_START", Status.QUEUED),
        ("Queueing", Status.QUEUED),
        ("pending", Status.QUEUED),
        ("InProgress", Status.RUNNING),
        ("in_progress", Status.RUNNING),
        ("UNKNOWN", Status.RUNNING),
        (5, Status.RUNNING),
        ("2", Status.RUNNING),
        ("3", Status.RUNNING),
        ("SUCCESS", Status.SUCCEEDED),
        ("succeed", Status.SUCCEEDED),
        (1, Status.SUCCEEDED),
        ("Failed", Status.FAILED),
        ("canceled", Status.FAILED),
        ("6", Status.FAILED),
        (7, Status.FAILED),
        (8, Status.FAILED),
        ("warming up", Status.RUNNING),
        (4, Status.RUNNING),
        ("", Status.RUNNING),
        (None, Status.RUNNING),
        (True, Status.RUNNING),
        ({"word": "failed"}, Status.RUNNING),
    ],
)
def test_words(word: Json, status: Status) -> None:
    """Words in any spelling and PixVerse's numbers have their meaning; everything else goes on running."""
    assert contract.status_of(aisphere, read(envelope(word)).word) is status


@pytest.mark.parametrize("word", ["succeeded", "SUCCESS", "1", 1, "archived", 4, "", None])
def test_a_finished_task(word: Json) -> None:
    """A word for success, or addresses beside a word nobody knows: the clip is there, each address once."""
    reading = read(envelope(word, urls=[DONE, DONE, "no address", None], expired="tomorrow"))
    assert contract.status_of(aisphere, reading.word) is Status.SUCCEEDED
    assert (reading.task_id, reading.urls, reading.said) == ("t", (DONE,), "")
    seen = absorb(Reply(200, envelope(word, urls=[DONE])))
    assert (seen.values["status"], seen.urls) == (Status.DOWNLOADING, (DONE,))


@pytest.mark.parametrize("expired", ["2020-01-01T00:00:00Z", "1", "-5", "expired", "", None, 0, {"a": 1}])
def test_expired_decides_nothing(expired: Json) -> None:
    """Its form is not documented, so a finished clip is fetched whatever stands there."""
    assert read(envelope("succeeded", urls=[DONE], expired=expired)).urls == (DONE,)


@pytest.mark.parametrize("usage", [{"seconds": 5, "total_tokens": 900}, {"amount": 3}, 5, None])
def test_usage_is_no_price(usage: Json) -> None:
    """Seconds and tokens are not money: the cost stays unknown."""
    assert read(envelope("succeeded", urls=[DONE], usage=usage)).cost == UNKNOWN_COST


@pytest.mark.parametrize("word", ["queued", "running", "UNKNOWN", "5", "failed", 7, "expired"])
def test_addresses_of_unfinished_tasks_are_left_alone(word: Json) -> None:
    """Where a known word says that there is no clip, an address is no clip."""
    assert read(envelope(word, urls=[DONE])).urls == ()


@pytest.mark.parametrize(
    ("word", "message", "said"),
    [
        ("failed", "internal error", "internal error"),
        ("failed", "success", ""),
        ("failed", "OK", ""),
        ("failed", "", ""),
        ("7", "success", "status 7, at PixVerse: Contents moderation failed"),
        (8, "", "status 8, at PixVerse: Generation failed"),
        (8, "no credits at the vendor", "no credits at the vendor"),
    ],
)
def test_why_a_task_failed(word: Json, message: str, said: str) -> None:
    """The provider's own words, but not the praise of the call, or what PixVerse documents of its number."""
    reading = read(envelope(word, message=message))
    assert (reading.said, reading.code, reading.urls) == (said, "", ())


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (500, envelope("failed")),
        (200, envelope("failed", code=1)),
        (200, envelope("succeeded", code="0", urls=[DONE])),
        (200, envelope("succeeded", code=None, urls=[DONE])),
        (200, {"code": 0, "message": "success", "data": None}),
        (200, {"code": 0, "task_status": "failed"}),
        (200, {"code": 0, "data": {"urls": [DONE]}}),
        (200, ["failed"]),
        (200, None),
    ],
)
def test_an_error_of_the_call_is_no_end_of_a_task(status: int, reply: Json) -> None:
    """A poll that fails says nothing about the task: no word, so that polling goes on."""
    reading = read(reply, status)
    assert (reading.word, reading.urls) == ("", ())
    assert "status" not in absorb(Reply(status, reply)).values


def test_the_words_of_an_error_are_kept() -> None:
    """What the provider said of a call that failed can be shown; the 0 of a success is no error code."""
    reading = read(envelope("x", code=10001, message="busy"))
    assert (reading.code, reading.said) == ("10001", "busy")
    assert read({"code": 0, "message": "success"}).code == ""
    assert aisphere.read_poll(Reply(502, None, text="<html>Bad gateway</html>")).said == "<html>Bad gateway</html>"
