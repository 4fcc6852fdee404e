"""New API, the replies: every shape, old and new, and their mixtures."""

import json
from pathlib import Path

import pytest

from vidgen_nb.engine import rules
from vidgen_nb.providers import contract, newapi
from vidgen_nb.records import UNKNOWN_COST, Call, Cost, Json, Outcome, Reply, Status

SAMPLES = sorted((Path(__file__).parent.parent / "samples" / "newapi").glob("*.json"))
DONE = "https://cdn.example.com/clip.mp4?sig=1"
RAW = {"data": {"status": "succeeded", "content": {"video_url": DONE}}}  # as Ark says it, and the row keeps it


def read(body: Json, status: int = 200) -> contract.Reading:
    return newapi.read_poll(Reply(status, body))


def test_there_are_samples() -> None:
    """The documented replies are here: without them the next test would have nothing to do."""
    assert len(SAMPLES) > 60


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_read_as_documented(path: Path) -> None:
    """Every documented reply gives what its sample expects, and nothing that it does not expect."""
    sample = json.loads(path.read_text("utf-8"))
    expected = sample["expect"]
    assert sample["source"]
    reply = Reply(sample["status"], sample.get("body"), sample["headers"], sample.get("text", ""))
    if sample["request"] == "models":
        assert [model.name for model in newapi.read_models(reply)] == expected["models"]
        return
    reading = (newapi.read_submit if sample["request"] == "submit" else newapi.read_poll)(reply)
    assert reading.urls == ((expected["url"],) if "url" in expected else ())
    assert reading.paths == ((expected["path"],) if "path" in expected else ())
    assert reading.task_id == expected.get("task_id", "")
    if "progress" in expected:
        assert str(reading.progress).removesuffix("%") == str(expected["progress"])
    kind = contract.refusal_kind(newapi, reply)
    if "status" in expected:
        assert contract.status_of(newapi, reading.word) == expected["status"]
        assert kind is None
        kind = contract.failure_kind(reading.code, reading.said) if expected["status"] == "failed" else None
        assert bool(reading.said) == (expected["status"] == "failed")
    else:
        assert reading.word == ""
        if "task_id" not in expected and sample["request"] == "submit":
            kind = kind or "SubmitUnknown"
            assert reading.said or not reply.text + str(reply.body or "")
    assert kind == expected.get("error")


@pytest.mark.parametrize("path", [path for path in SAMPLES if "wrapper" in path.stem], ids=lambda path: path.stem)
def test_the_wrappers_price(path: Path) -> None:
    """A quota is told where it was settled, on success, in the gateway's own unit; a refunded one is no price."""
    sample = json.loads(path.read_text("utf-8"))
    paid = sample["expect"]["status"] == "succeeded"
    told = newapi.read_poll(Reply(200, sample["body"])).cost
    assert told == (Cost(50000, "quota", "reported by the gateway") if paid else UNKNOWN_COST)


@pytest.mark.parametrize("quota", [0, -5, True, "50000", 1.5, None, [], {}])
def test_no_price(quota: Json) -> None:
    """What is no amount is unknown, never 0."""
    body = {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "result_url": DONE, "quota": quota}}
    assert read(body).cost is UNKNOWN_COST


def test_polling_quotes_the_id() -> None:
    """The task id goes into the path as one part of it, whatever it holds."""
    assert newapi.poll(contract.Task("task_abc123", ""), {}) == Call("GET", "/v1/video/generations/task_abc123")
    assert newapi.poll(contract.Task("../a?b#c d", ""), {}).path == "/v1/video/generations/..%2Fa%3Fb%23c%20d"
    assert newapi.models({}) == Call("GET", "/v1/models")


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, None),
        (200, {}),
        (200, {"code": "fail_to_fetch_task", "message": "busy", "data": None}),
        (200, {"code": "fail_to_fetch_task", "task_id": "task_1", "status": "queued"}),
        (200, {"code": 1201, "message": "no", "request_id": "r", "data": {"task_id": "7", "task_status": "failed"}}),
        (200, {"id": "req_1", "error": {"message": "busy"}}),
        (200, {"code": "success", "data": {"id": 1234}}),
        (500, {"task_id": "task_1", "status": "queued"}),
    ],
)
def test_a_submission_without_proof(status: int, reply: Json) -> None:
    """Where the reply speaks of an error, or of no task, there is no id: nothing says that a task exists."""
    reading = newapi.read_submit(Reply(status, reply))
    assert (reading.task_id, reading.urls) == ("", ())


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("submit", Status.QUEUED),
        ("submit-kling-2025", Status.QUEUED),
        ("submit-task-id", Status.QUEUED),
        ("error-503-model", Status.REFUSED),
        ("error-503-quota", Status.REFUSED),
        ("error-500-build", Status.REFUSED),
        ("error-413", Status.REFUSED),
        ("error-400-vendor", Status.REFUSED),
        ("error-500-do-request", Status.UNKNOWN),
        ("error-502", Status.UNKNOWN),
    ],
)
def test_what_the_engine_makes_of_a_submission(name: str, status: Status) -> None:
    """Accepted, refused or unknown: by the engine's rules, with the code before the HTTP status."""
    sample = json.loads(next(path for path in SAMPLES if path.stem == name).read_text("utf-8"))
    reply = Reply(sample["status"], sample.get("body"), sample["headers"], sample.get("text", ""))
    verdict = rules.judge(newapi, Outcome("answered", reply), attempt=9, now=0.0)
    assert verdict.values["status"] is status


@pytest.mark.parametrize(
    "reply",
    [
        {"code": "success", "data": {"id": "t", "status": "SUCCESS", "result_url": DONE, "fail_reason": ""}},
        {"code": "success", "data": {"id": 7, "task_id": "t", "status": "SUCCESS", "fail_reason": DONE}},
        {"code": "success", "data": {"task_id": "t", "status": "succeeded", "url": DONE}},
        {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "result_url": "", "url": DONE}},
        {"code": "success", "data": {"task_id": "t", "status": "SUCCESS", "result_url": "data:;base64,AAAA", **RAW}},
        {"code": 0, "message": "ok", "data": {"task_id": "t", "status": "Success", "result_url": DONE}},
        {"code": None, "data": {"task_id": "t", "status": "SUCCESS", "metadata": {"url": DONE}}},
        {"task_id": "t", "status": "completed", "url": DONE, "error": None},
        {"id": "t", "status": "completed", "progress": 100, "metadata": {"url": DONE}},
        {"id": "t", "task_id": "t", "status": "completed", "result_url": DONE, "metadata": {"url": "none"}},
    ],
)  # fmt: skip
def test_a_finished_task(reply: Json) -> None:
    """In each shape, and in their mixtures, a success gives the id and the one address of the clip."""
    reading = read(reply)
    assert contract.status_of(newapi, reading.word) is Status.SUCCEEDED
    assert (reading.task_id, reading.urls, reading.said) == ("t", (DONE,), "")


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        ({"fail_reason": "bad", "result_url": "bad"}, "", "bad"),
        ({"fail_reason": "", "result_url": "bad"}, "", "bad"),
        ({"fail_reason": DONE, "url": "bad"}, "", "bad"),
        ({"error": {"code": 42, "message": "bad"}, "url": DONE}, "42", "bad"),
        ({"error": None, "url": "bad"}, "", "bad"),
        ({"result_url": DONE}, "", ""),
        (
            {"fail_reason": '{"error":{"code":"OutputVideoSensitiveContentDetected","message":"blocked"}}'},
            "OutputVideoSensitiveContentDetected",
            "blocked",
        ),
    ],
)
def test_a_failed_task(data: dict[str, Json], code: str, said: str) -> None:
    """A failure gives the provider's words, which may stand where the address would, and never an address."""
    for word, flat in (("FAILURE", False), ("failed", True)):
        task = {"task_id": "t", "status": word, **data}
        reading = read(task if flat else {"code": "success", "message": "", "data": {"id": 7, **task}})
        assert contract.status_of(newapi, reading.word) is Status.FAILED
        assert (reading.task_id, reading.urls, reading.code, reading.said) == ("t", (), code, said)
        assert reading.cost is UNKNOWN_COST


@pytest.mark.parametrize(
    ("reply", "progress"),
    [
        ({"code": "success", "data": {"task_id": "t", "status": "IN_PROGRESS", "progress": "30%"}}, "30%"),
        ({"code": "success", "data": {"task_id": "t", "status": "UNKNOWN", "result_url": DONE}}, None),
        ({"code": "success", "data": {"task_id": "t", "status": "", "data": {"status": "succeeded"}}}, None),
        ({"id": "t", "status": "in_progress", "progress": 40, "metadata": {"url": ""}, "completed_at": 1}, 40),
        ({"task_id": "t", "status": "warming up", "url": DONE, "progress": None}, None),
        ({"task_id": "t", "status": 5, "progress": "NaN"}, "NaN"),
        ({"task_id": "t", "status": "running", "data": {"status": "failed"}}, None),
    ],
)
def test_a_running_task(reply: Json, progress: object) -> None:
    """A word for running, one that nobody knows, or none, ends nothing; the vendor's own status does not count."""
    reading = read(reply)
    assert contract.status_of(newapi, reading.word) is Status.RUNNING
    assert (reading.task_id, reading.urls, reading.progress, reading.said) == ("t", (), progress, "")


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (500, {"task_id": "t", "status": "failed"}),
        (403, {"status": "error", "error": {"message": "This token has no access to model x"}}),
        (200, {"status": "error", "message": "busy"}),
        (200, {"code": "get_task_failed", "status": "failed", "message": "busy", "data": {"status": "failed"}}),
        (200, {"code": "get_task_failed", "id": "req_1", "status": "failed"}),
        (200, {"code": "success", "message": "", "data": None}),
        (200, ["failed"]),
        (200, "failed"),
    ],
)
def test_an_error_of_the_call_is_no_failed_task(status: int, reply: Json) -> None:
    """A poll that fails says nothing about the task: no word, so that polling goes on."""
    reading = read(reply, status)
    assert (reading.word, reading.task_id, reading.urls) == ("", "", ())


def test_a_row_number_is_no_task_id() -> None:
    """The numeric `data.id` is a row of the gateway's database; it still shows that a failure is a task's."""
    reading = read({"code": "success", "data": {"id": 1234, "status": "FAILURE", "fail_reason": "bad"}})
    assert contract.status_of(newapi, reading.word) is Status.FAILED
    assert (reading.task_id, reading.said) == ("", "bad")


def test_the_catalogue() -> None:
    """The live list gives names with whatever else is said of them; what is no list gives none."""
    rows = [{"id": "m1", "supported_endpoint_types": ["openai-video"]}, {"id": ""}, {"id": 5}, "m2", None]
    listed = newapi.read_models(Reply(200, {"success": True, "object": "list", "data": rows}))
    assert listed == [contract.LiveModel("m1", {"supported_endpoint_types": ["openai-video"]})]
    assert newapi.read_models(Reply(200, {"success": False, "data": rows, "message": "no"})) == []
    assert newapi.read_models(Reply(500, {"data": rows})) == []
    assert newapi.read_models(Reply(200, {"data": {"id": "m1"}})) == []
