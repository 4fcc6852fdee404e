"""AIOAGI, the replies: every shape known, and their mixtures."""

import json
from pathlib import Path

import pytest

from vidgen_nb.providers import aioagi, contract
from vidgen_nb.records import Call, Json, Reply, Status

SAMPLES = sorted((Path(__file__).parent.parent / "samples" / "aioagi").glob("*.json"))
DONE = "https://cdn.example.com/clip.mp4?sig=1"
TWIN = "https://cdn.example.com/watermark.mp4"


def read(body: Json, status: int = 200) -> contract.Reading:
    return aioagi.read_poll(Reply(status, body))


def test_there_are_samples() -> None:
    """The known replies are here: without them the next test would have nothing to do."""
    assert SAMPLES


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_read_as_documented(path: Path) -> None:
    """Every known reply gives what its sample expects, and nothing that it does not expect."""
    sample = json.loads(path.read_text("utf-8"))
    expected = sample["expect"]
    reply = Reply(sample["status"], sample.get("body"), sample["headers"], sample.get("text", ""))
    if sample["request"] == "models":
        assert [model.name for model in aioagi.read_models(reply)] == expected["models"]
        return
    reading = (aioagi.read_submit if sample["request"] == "submit" else aioagi.read_poll)(reply)
    assert reading.urls == ((expected["url"],) if "url" in expected else ())
    assert reading.task_id == expected.get("task_id", "")
    if "progress" in expected:
        assert str(reading.progress) == str(expected["progress"])
    if "status" in expected:
        assert contract.status_of(aioagi, reading.word) == expected["status"]
        assert contract.refusal_kind(aioagi, reply) is None
        assert bool(reading.said) == (expected["status"] == "failed")
        kind = contract.failure_kind(reading.code, reading.said) if expected["status"] == "failed" else None
    else:
        assert reading.word == ""
        assert reading.said
        kind = contract.refusal_kind(aioagi, reply) or "SubmitUnknown"
    assert kind == expected.get("error")


def test_polling_quotes_the_id() -> None:
    """The task id goes into the path as one part of it, whatever it holds; /v1 is the base URL's."""
    assert aioagi.poll(contract.Task("task_abc123", ""), {}) == Call("GET", "/videos/task_abc123")
    assert aioagi.poll(contract.Task("../a?b#c d", ""), {}).path == "/videos/..%2Fa%3Fb%23c%20d"
    assert aioagi.models({}) == Call("GET", "/models")


@pytest.mark.parametrize(
    ("reply", "task_id"),
    [
        ({"task_id": "t"}, "t"),
        ({"id": "t"}, "t"),
        ({"task_id": "t", "id": "other", "status": "queued"}, "t"),
        ({"id": "t", "data": {"task_id": "vendor's", "status": "SUBMITTED"}, "status": "queued"}, "t"),
        ({"data": {"task_id": "t", "id": "other"}}, "t"),
        ({"data": {"id": "t", "status": "pending"}}, "t"),
        ({"code": "success", "message": "", "data": {"id": 1234, "task_id": "t", "status": "NOT_START"}}, "t"),
        ({"code": 0, "id": "req_1", "data": {"task_id": "t", "status": "created", "error": None}}, "t"),
        ({"task_id": 815, "status": "queued", "status_code": 202}, "815"),
        ({"task_id": "t", "status": "failed", "status_code": 400, "error_message": "no"}, "t"),
    ],
)
def test_the_id_of_a_submission(reply: Json, task_id: str) -> None:
    """task_id, then id, then the same in data: a task that exists is never lost, not even one that failed at once."""
    reading = aioagi.read_submit(Reply(200, reply))
    assert reading.task_id == task_id
    assert contract.status_of(aioagi, reading.word or "queued") in {Status.QUEUED, Status.FAILED}


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, None),
        (200, {}),
        (200, {"status": "queued"}),
        (200, {"code": "fail_to_fetch_task", "message": "busy", "data": None}),
        (200, {"code": "fail_to_fetch_task", "task_id": "t", "status": "submitted"}),
        (200, {"id": "req_1", "error": {"message": "busy"}}),
        (200, {"code": "success", "data": {"id": 1234}}),
        (200, {"task_id": True, "status": "queued"}),
        (200, {"task_id": "", "status": "queued"}),
        (500, {"task_id": "t", "status": "queued"}),
        (409, {"code": "billing_pending", "message": "ask for it by task_id", "data": {"task_id": "t"}}),
    ],
)
def test_a_submission_without_proof(status: int, reply: Json) -> None:
    """Where the reply speaks of an error, or of no task, there is no id: nothing says that a task exists."""
    reading = aioagi.read_submit(Reply(status, reply))
    assert (reading.task_id, reading.urls) == ("", ())


@pytest.mark.parametrize(
    ("status", "reply", "kind"),
    [
        (401, {"error": {"message": "无效的令牌", "type": "max_api_error", "code": ""}}, "AuthError"),
        (403, None, "PermissionDenied"),
        (403, {"error": {"message": "账户余额不足"}}, "InsufficientBalance"),
        (403, {"error": {"message": "Token 组额度已用尽"}}, "InsufficientBalance"),
        (403, {"code": "insufficient_user_quota", "message": "no", "data": None}, "InsufficientBalance"),
        (403, {"error_message": "no permission for this model"}, "PermissionDenied"),
        (429, {"error": {"code": "insufficient_quota", "message": "no"}}, "InsufficientBalance"),
        (429, None, "RateLimited"),
        (404, {"error": {"message": "Invalid URL (POST /v1/v1/videos)"}}, "ModelNotFound"),
        (503, {"error": {"code": "model_not_found", "message": "no channel"}}, "ModelNotFound"),
        (200, {"code": "model_not_found", "message": "no channel", "data": None}, "ModelNotFound"),
        (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None}, "TaskNotFound"),
        (400, {"error": {"code": "invalid_request_error", "message": "prompt"}}, "InvalidRequest"),
        (400, {"error": {"code": "invalid_request_error", "message": "sensitive image"}}, "ModerationRejected"),
        (500, {"code": "do_request_failed", "message": "eof"}, None),
        (502, {"error": {"code": "upstream_unavailable", "message": "later"}}, None),
        (409, {"code": "billing_pending", "message": "accepted", "data": {"task_id": "t"}}, None),
        (200, {"status_code": 400, "task_id": "t", "status": "queued"}, None),
    ],
)
def test_refusals(status: int, reply: Json, kind: str | None) -> None:
    """What AIOAGI proves about acceptance, by its codes and by HTTP status; a 5xx alone proves nothing."""
    assert contract.refusal_kind(aioagi, Reply(status, reply)) == kind


@pytest.mark.parametrize("word", ["succeeded", "completed", "SUCCESS", "complete"])
@pytest.mark.parametrize(
    "reply",
    [
        {"result": {"type": "video", "primary_url": DONE, "urls": [DONE, TWIN], "watermark_url": TWIN}},
        {"result": {"primary_url": "", "urls": [DONE, DONE], "cover_url": TWIN}},
        {"result": {"url": DONE, "duration_seconds": 5}},
        {"result": {"video_url": DONE}},
        {"result": DONE},
        {"url": DONE},
        {"video_url": DONE},
        {"output_url": DONE},
        {"file_url": DONE},
        {"download_url": DONE},
        {"object": "video", "metadata": {"url": DONE}},
        {"result": {"primary_url": DONE}, "url": TWIN, "metadata": {"url": TWIN}},
        {"data": {"result": {"urls": [DONE]}, "url": TWIN}},
        {"url": "", "result": None, "metadata": {"url": f" {DONE} "}},
    ],
)
def test_a_finished_task(reply: dict[str, Json], word: str) -> None:
    """In each place and under each word, a success gives the one address of the clip, never its watermarked twin."""
    reading = read({"task_id": "t", "status": word, "status_code": 400, **reply})
    assert contract.status_of(aioagi, reading.word) is Status.SUCCEEDED
    assert (reading.task_id, reading.urls, reading.said) == ("t", (DONE,), "")


@pytest.mark.parametrize(
    "reply",
    [
        {"task_id": "t", "status": "succeeded", "result": {"primary_url": DONE}},
        {"task_id": "t", "status": "SUCCESS", "result_url": DONE, "id": 1234, "data": {"url": TWIN}},
        {"id": "t", "status": "completed", "metadata": {"url": DONE}},
        {"id": "t", "status": "completed", "url": DONE},
    ],
)
def test_a_finished_task_in_a_wrapper(reply: Json) -> None:
    """The same inside `data`, as New API wraps it."""
    reading = read({"code": "success", "message": "", "data": reply})
    assert (reading.task_id, reading.urls) == ("t", (DONE,))


@pytest.mark.parametrize(
    "reply",
    [
        {"result": {"watermark_url": TWIN, "cover_url": TWIN, "watermark_urls": [TWIN]}},
        {"image": TWIN, "end_image": TWIN, "reference_images": [TWIN], "request": {"url": TWIN}},
        {"metadata": {"url": ""}},
        {"result": {"url": "asset://x"}, "url": "file:///etc/passwd", "video_url": "data:video/mp4;base64,AAAA"},
        {},
    ],
)
def test_a_finished_task_without_an_address(reply: dict[str, Json]) -> None:
    """Where no known place has a web address there is none: neither the person's own images nor a watermarked twin."""
    reading = read({"task_id": "t", "status": "succeeded", **reply})
    assert (reading.task_id, reading.word, reading.urls) == ("t", "succeeded", ())


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        ({"error_message": "bad", "result": {"url": DONE}}, "", "bad"),
        ({"error_message": "bad", "error": {"code": "E1", "message": "worse"}}, "E1", "bad"),
        ({"error_message": "", "error": {"code": "upstream_error", "message": "bad"}}, "upstream_error", "bad"),
        ({"error": "bad"}, "", "bad"),
        ({"fail_reason": "bad", "metadata": {"url": "bad"}}, "", "bad"),
        ({"message": "bad", "url": DONE}, "", "bad"),
        ({}, "", ""),
        (
            {"error_message": '{"error":{"code":"OutputVideoSensitiveContentDetected","message":"blocked"}}'},
            "OutputVideoSensitiveContentDetected",
            "blocked",
        ),
    ],
)
@pytest.mark.parametrize("word", ["failed", "FAILURE", "error"])
def test_a_failed_task(reply: dict[str, Json], code: str, said: str, word: str) -> None:
    """A failure gives the page's error_message first, opened where it is JSON, and never an address."""
    reading = read({"task_id": "t", "status": word, "status_code": 200, **reply})
    assert contract.status_of(aioagi, reading.word) is Status.FAILED
    assert (reading.task_id, reading.urls, reading.code, reading.said) == ("t", (), code, said)


@pytest.mark.parametrize("code", [200, 202, 400, "400", None])
@pytest.mark.parametrize("word", ["queued", "running"])
def test_status_code_means_nothing(word: str, code: Json) -> None:
    """The number inside the body changes neither status nor words."""
    reading = read({"task_id": "t", "status": word, "status_code": code, "progress": 3})
    assert reading == read({"task_id": "t", "status": word, "progress": 3})
    assert contract.status_of(aioagi, reading.word) in {Status.QUEUED, Status.RUNNING}


@pytest.mark.parametrize(
    ("reply", "progress"),
    [
        ({"task_id": "t", "status": "running", "progress": "45"}, "45"),
        ({"task_id": "t", "status": "in_progress", "progress": 40}, 40),
        ({"code": "success", "data": {"task_id": "t", "status": "IN_PROGRESS", "progress": "30%"}}, "30%"),
        ({"task_id": "t", "status": "processing", "result": {"primary_url": DONE}}, None),
        ({"task_id": "t", "status": "unknown", "url": DONE}, None),
        ({"task_id": "t", "status": "warming up", "progress": {}}, None),
        ({"task_id": "t", "status": 5, "progress": "NaN"}, "NaN"),
        ({"task_id": "t", "status": None, "error_message": "failed"}, None),
        ({"task_id": "t", "status": "running", "data": {"status": "failed"}}, None),
        ({"status": "success", "data": {"task_id": "t", "status": "UNKNOWN"}}, None),
    ],
)
def test_a_running_task(reply: Json, progress: object) -> None:
    """A word for running, one that nobody knows, or none, ends nothing; progress is passed on as it came."""
    reading = read(reply)
    assert contract.status_of(aioagi, reading.word) is Status.RUNNING
    assert (reading.task_id, reading.urls, reading.progress, reading.said) == ("t", (), progress, "")


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (500, {"task_id": "t", "status": "failed"}),
        (403, {"status": "error", "error": {"message": "This token has no access to model x"}}),
        (200, {"status": "error", "message": "busy"}),
        (200, {"status": "failed", "error_message": "busy", "status_code": 400}),
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
    """What AIOAGI said of a call that failed can be shown."""
    reading = read({"code": "get_task_failed", "message": "busy", "data": None})
    assert (reading.code, reading.said) == ("get_task_failed", "busy")
    assert aioagi.read_poll(Reply(502, None, text="<html>Bad gateway</html>")).said == "<html>Bad gateway</html>"


def test_the_catalogue() -> None:
    """The live list gives names with whatever else is said of them; what is no list gives none."""
    rows = [{"id": "m1", "supported_endpoint_types": ["openai"]}, {"id": ""}, {"id": 5}, "m2", None]
    listed = aioagi.read_models(Reply(200, {"success": True, "object": "list", "data": rows}))
    assert listed == [contract.LiveModel("m1", {"supported_endpoint_types": ["openai"]})]
    assert aioagi.read_models(Reply(200, {"success": False, "data": rows, "message": "no"})) == []
    assert aioagi.read_models(Reply(500, {"data": rows})) == []
    assert aioagi.read_models(Reply(200, {"data": {"id": "m1"}})) == []
