"""RelayDance, the replies: every documented shape, and their mixtures."""

import json
from pathlib import Path

import pytest

from vidgen_nb.providers import contract, relaydance
from vidgen_nb.records import Call, Json, Reply, Status

SAMPLES = sorted((Path(__file__).parent.parent / "samples" / "relaydance").glob("*.json"))
DONE = "https://cdn.example.com/clip.mp4?sig=1"


def read(body: Json, status: int = 200) -> contract.Reading:
    return relaydance.read_poll(Reply(status, body))


def test_there_are_samples() -> None:
    """The documented replies are here: without them the next test would have nothing to do."""
    assert SAMPLES


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_read_as_documented(path: Path) -> None:
    """Every documented reply gives what its sample expects, and nothing that it does not expect."""
    sample = json.loads(path.read_text("utf-8"))
    expected = sample["expect"]
    reply = Reply(sample["status"], sample.get("body"), sample["headers"], sample.get("text", ""))
    if sample["request"] == "models":
        assert [model.name for model in relaydance.read_models(reply)] == expected["models"]
        return
    reading = (relaydance.read_submit if sample["request"] == "submit" else relaydance.read_poll)(reply)
    assert reading.urls == ((expected["url"],) if "url" in expected else ())
    assert reading.task_id == expected.get("task_id", reading.task_id)
    if "progress" in expected:
        assert str(reading.progress).removesuffix("%") == str(expected["progress"])
    if "status" in expected:
        assert contract.status_of(relaydance, reading.word) == expected["status"]
        assert contract.refusal_kind(relaydance, reply) is None
        kind = contract.failure_kind(reading.code, reading.said) if expected["status"] == "failed" else None
    else:
        assert (reading.word, reading.task_id) == ("", "")
        assert reading.said
        kind = contract.refusal_kind(relaydance, reply) or "SubmitUnknown"
    assert kind == expected.get("error")


def test_polling_quotes_the_id() -> None:
    """The task id goes into the path as one part of it, whatever it holds."""
    assert relaydance.poll(contract.Task("task_abc123", ""), {}) == Call("GET", "/v1/video/generations/task_abc123")
    assert relaydance.poll(contract.Task("../a?b#c d", ""), {}).path == "/v1/video/generations/..%2Fa%3Fb%23c%20d"
    assert relaydance.models({}) == Call("GET", "/v1/models")


@pytest.mark.parametrize(
    "reply",
    [
        {"task_id": "task_1", "status": "submitted"},
        {"id": "task_1", "task_id": "task_1", "object": "video", "type": "video", "status": "queued", "progress": 0},
        {"code": "success", "message": "", "data": {"id": 1234, "task_id": "task_1", "status": "NOT_START"}},
        {"code": 0, "data": {"task_id": "task_1", "status": "QUEUED", "error": None}},
    ],
)
def test_an_accepted_submission(reply: Json) -> None:
    """Each shape of an accepted submission gives the id, the word for queued, and no error."""
    reading = relaydance.read_submit(Reply(200, reply))
    assert (reading.task_id, reading.said, reading.code) == ("task_1", "", "")
    assert contract.status_of(relaydance, reading.word) is Status.QUEUED


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, None),
        (200, {}),
        (200, {"code": "fail_to_fetch_task", "message": "busy", "data": None}),
        (200, {"code": "fail_to_fetch_task", "task_id": "task_1", "status": "submitted"}),
        (200, {"id": "req_1", "error": {"message": "busy"}}),
        (200, {"code": "success", "data": {"id": 1234}}),
        (500, {"task_id": "task_1", "status": "submitted"}),
    ],
)
def test_a_submission_without_proof(status: int, reply: Json) -> None:
    """Where the reply speaks of an error, or of no task, there is no id: nothing says that a task exists."""
    reading = relaydance.read_submit(Reply(status, reply))
    assert (reading.task_id, reading.urls) == ("", ())


@pytest.mark.parametrize(
    ("status", "reply", "kind"),
    [
        (401, {"error": {"message": "invalid key", "type": "authentication_error"}}, "AuthError"),
        (403, {"error": {"message": "insufficient balance"}}, "InsufficientBalance"),
        (403, {"code": "insufficient_user_quota", "message": "用户额度不足", "data": None}, "InsufficientBalance"),
        (403, {"error": {"message": "This token has no access to model x"}}, "PermissionDenied"),
        (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None}, "TaskNotFound"),
        (400, {"code": "invalid_request", "message": "prompt is required"}, "InvalidRequest"),
        (503, {"error": {"code": "model_not_found", "message": "no channel"}}, "ModelNotFound"),
        (429, None, "RateLimited"),
        (500, {"code": "do_request_failed", "message": "eof"}, None),
        (
            400,
            {
                "code": "invalid_request",
                "message": '{"error":{"code":"InputImageSensitiveContentDetected","message":"a face"}}',
            },
            "ModerationRejected",
        ),
    ],
)
def test_refusals(status: int, reply: Json, kind: str | None) -> None:
    """What the provider proves about acceptance, in its own codes and by status; a 5xx proves nothing."""
    assert contract.refusal_kind(relaydance, Reply(status, reply)) == kind


@pytest.mark.parametrize(
    "reply",
    [
        {"task_id": "t", "status": "succeeded", "url": DONE, "format": "mp4", "metadata": {"ratio": "16:9"}},
        {"code": "success", "data": {"id": "t", "status": "SUCCESS", "result_url": DONE, "fail_reason": ""}},
        {"code": "success", "data": {"id": 7, "task_id": "t", "status": "SUCCESS", "url": DONE, "progress": "100%"}},
        {"id": "t", "status": "completed", "progress": 100, "metadata": {"url": DONE}},
        {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "metadata": {"url": DONE}}},
        {"id": "t", "status": "completed", "metadata": {"url": ""}, "result_url": DONE},
        {"id": "t", "status": "completed", "metadata": {"url": DONE}, "url": "https://old.example.com/x.mp4"},
        {"task_id": "t", "status": "SUCCESS", "result_url": DONE, "data": {"status": "running", "url": "no address"}},
        {"code": "success", "task_id": "t", "status": "success", "data": {"result_url": DONE}},
        {"status": "success", "code": "success", "data": {"task_id": "t", "status": "SUCCESS", "url": DONE}},
    ],
)
def test_a_finished_task(reply: Json) -> None:
    """In each shape, and in their mixtures, a success gives the id and the one address of the clip."""
    reading = read(reply)
    assert contract.status_of(relaydance, reading.word) is Status.SUCCEEDED
    assert (reading.task_id, reading.urls, reading.said) == ("t", (DONE,), "")


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        ({"task_id": "t", "status": "failed", "url": DONE, "error": {"code": "E1", "message": "bad"}}, "E1", "bad"),
        ({"task_id": "t", "status": "failed", "error": "bad"}, "", "bad"),
        ({"task_id": "t", "status": "failed", "message": "bad"}, "", "bad"),
        ({"task_id": "t", "status": "expired"}, "", ""),
        ({"code": "task_failed", "message": "bad", "task_id": "t", "status": "failed"}, "", "bad"),
        ({"code": "success", "data": {"id": 7, "status": "FAILURE", "task_id": "t", "fail_reason": "bad"}}, "", "bad"),
        ({"id": "t", "status": "failed", "metadata": {"url": DONE}, "error": {"message": "bad"}}, "", "bad"),
        (
            {
                "code": "success",
                "message": "ok",
                "data": {"task_id": "t", "status": "FAILURE", "fail_reason": "bad", "result_url": "bad"},
            },
            "",
            "bad",
        ),
        (
            {
                "code": "success",
                "data": {
                    "task_id": "t",
                    "status": "FAILURE",
                    "result_url": DONE,
                    "fail_reason": '{"error":{"code":"OutputVideoSensitiveContentDetected","message":"blocked"}}',
                },
            },
            "OutputVideoSensitiveContentDetected",
            "blocked",
        ),
    ],
)
def test_a_failed_task(reply: Json, code: str, said: str) -> None:
    """A failure gives the provider's code and words, opened where they are JSON, and never an address."""
    reading = read(reply)
    assert contract.status_of(relaydance, reading.word) is Status.FAILED
    assert (reading.task_id, reading.urls, reading.code, reading.said) == ("t", (), code, said)


def test_a_failed_task_with_a_row_number() -> None:
    """New API's row number is no task id, and still shows that the failure is a task's."""
    reading = read({"code": "success", "data": {"id": 1234, "status": "FAILURE", "fail_reason": "bad"}})
    assert contract.status_of(relaydance, reading.word) is Status.FAILED
    assert (reading.task_id, reading.said) == ("", "bad")


@pytest.mark.parametrize(
    ("reply", "progress"),
    [
        ({"code": "success", "data": {"task_id": "t", "status": "IN_PROGRESS", "progress": "30%"}}, "30%"),
        ({"id": "t", "status": "in_progress", "progress": 40}, 40),
        ({"task_id": "t", "status": "running", "url": DONE}, None),
        ({"task_id": "t", "status": "warming up", "url": DONE, "progress": None}, None),
        ({"task_id": "t", "status": 5, "progress": "NaN"}, "NaN"),
        ({"task_id": "t", "status": None, "progress": {}}, None),
        ({"status": "success", "data": {"task_id": "t", "status": "UNKNOWN"}}, None),
        ({"task_id": "t", "status": "running", "data": {"status": "failed"}}, None),
        ({"code": "success", "id": "req_1", "status": "success", "data": {"task_id": "t", "status": "QUEUED?"}}, None),
    ],
)
def test_a_running_task(reply: Json, progress: object) -> None:
    """A word for running, one that nobody knows, or none, ends nothing; progress is passed on as it came."""
    reading = read(reply)
    assert contract.status_of(relaydance, reading.word) is Status.RUNNING
    assert (reading.task_id, reading.urls, reading.progress, reading.said) == ("t", (), progress, "")


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (500, {"task_id": "t", "status": "failed"}),
        (403, {"status": "error", "error": {"message": "This token has no access to model x"}}),
        (200, {"status": "error", "message": "busy"}),
        (200, {"code": "get_task_failed", "status": "failed", "message": "busy", "data": {"status": "failed"}}),
        (200, {"code": "get_task_failed", "id": "req_1", "status": "failed"}),
        (200, {"code": "success", "data": None}),
        (200, ["failed"]),
        (200, "failed"),
    ],
)
def test_an_error_of_the_call_is_no_failed_task(status: int, reply: Json) -> None:
    """A poll that fails says nothing about the task: no word, so that polling goes on."""
    reading = read(reply, status)
    assert (reading.word, reading.task_id, reading.urls) == ("", "", ())


def test_the_words_of_an_error_are_kept() -> None:
    """What the provider said of a call that failed can be shown."""
    reading = read({"code": "get_task_failed", "message": "busy", "data": None})
    assert (reading.code, reading.said) == ("get_task_failed", "busy")
    assert relaydance.read_poll(Reply(502, None, text="<html>Bad gateway</html>")).said == "<html>Bad gateway</html>"


def test_the_catalogue() -> None:
    """The live list gives names with whatever else is said of them; what is no list gives none."""
    rows = [{"id": "m1", "object": "model", "owned_by": "x"}, {"id": ""}, {"id": 5}, "m2", None]
    listed = relaydance.read_models(Reply(200, {"success": True, "object": "list", "data": rows}))
    assert listed == [contract.LiveModel("m1", {"object": "model", "owned_by": "x"})]
    assert relaydance.read_models(Reply(200, {"success": False, "data": rows, "message": "no"})) == []
    assert relaydance.read_models(Reply(500, {"data": rows})) == []
    assert relaydance.read_models(Reply(200, {"data": {"id": "m1"}})) == []
