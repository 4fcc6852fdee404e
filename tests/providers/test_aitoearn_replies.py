"""AiToEarn, the replies: every documented shape."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from vidgen_nb.engine.rules import judge
from vidgen_nb.providers import aitoearn, contract
from vidgen_nb.records import UNKNOWN_COST, Call, Cost, Json, Outcome, Reply, Status

SAMPLES = sorted((Path(__file__).parent.parent / "samples" / "aitoearn").glob("*.json"))
ERRORS = [path for path in SAMPLES if path.stem.startswith("error-")]
DONE = "https://assets.aitoearn.cn/clip.mp4"
MINE = "https://mine.example.com/reference.mp4"


def body(path: Path) -> Json:
    return json.loads(path.read_text("utf-8")).get("body")


def task(status: Json, **more: Json) -> Json:
    """A task as the query answers it, holding the user's own references too."""
    given = {"prompt": MINE, "image": MINE, "images": [MINE], "videos": [MINE], "audios": [MINE], "videoUrl": MINE}
    return {"code": 0, "message": "请求成功", "data": {"id": "t", "status": status, "input": given, **more}}


def read(reply: Json, status: int = 200) -> contract.Reading:
    return aitoearn.read_poll(Reply(status, reply))


# ── the samples ───────────────────────────────────────────────────────────────
def test_there_are_samples() -> None:
    """The documented replies are here: without them the next test would have nothing to do."""
    requests = {json.loads(path.read_text("utf-8"))["request"] for path in SAMPLES}
    assert requests == {"submit", "query", "search", "models"}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_sample_is_read_as_documented(path: Path) -> None:
    """Every documented reply gives what its sample expects, and nothing that it does not expect."""
    sample = json.loads(path.read_text("utf-8"))
    expected = sample["expect"]
    reply = Reply(sample["status"], sample.get("body"), sample["headers"], sample.get("text", ""))
    if sample["request"] == "models":
        assert [model.name for model in aitoearn.read_models(reply)] == expected["models"]
        return
    if sample["request"] == "search":
        found = aitoearn.read_search(reply)
        assert (None if found is None else [asdict(task) for task in found.tasks]) == expected["found"]
        return
    reading = (aitoearn.read_submit if sample["request"] == "submit" else aitoearn.read_poll)(reply)
    assert reading.urls == ((expected["url"],) if "url" in expected else ())
    assert reading.task_id == expected.get("task_id", "")
    assert reading.cost.amount == expected.get("cost")
    assert reading.progress is None
    if "status" in expected:
        assert contract.status_of(aitoearn, reading.word) == expected["status"]
        assert contract.refusal_kind(aitoearn, reply) is None
        kind = contract.failure_kind(reading.code, reading.said) if expected["status"] == "failed" else None
    else:
        assert (reading.word, reading.cost) == ("", UNKNOWN_COST)
        assert reading.said
        kind = contract.refusal_kind(aitoearn, reply) or "SubmitUnknown"
    assert kind == expected.get("error")


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_only_a_proof_makes_a_submission_free_to_repeat(path: Path) -> None:
    """Each code that proves a refusal ends as refused with their words; all the others end as unknown."""
    sample = json.loads(path.read_text("utf-8"))
    reply = Reply(sample["status"], sample.get("body"), sample["headers"], sample.get("text", ""))
    values = judge(aitoearn, Outcome("answered", reply), attempt=1, now=0.0).values
    kind = sample["expect"]["error"]
    assert values["status"] is (Status.UNKNOWN if kind == "SubmitUnknown" else Status.REFUSED)
    assert values["error"].kind == kind
    assert values["error"].said == (contract.text(contract.dig(reply.body, "message")) or reply.text.strip())


def test_the_samples_hold_every_code() -> None:
    """Each refusal of the table has its reply among the samples."""
    codes = {contract.text(contract.dig(body(path), "code")) for path in SAMPLES}
    assert {refusal.code for refusal in aitoearn.REFUSALS} | {"12301", "500", "19001"} <= codes


# ── calls ─────────────────────────────────────────────────────────────────────
def test_the_calls() -> None:
    """The id goes into the path as one part of it, whatever it holds; the list is asked for as far as it goes."""
    path = "/api/ai/video/generations"
    assert aitoearn.poll(contract.Task("66f0c0ff", ""), {}) == Call("GET", f"{path}/66f0c0ff")
    assert aitoearn.poll(contract.Task("../a?b#c d", ""), {}).path == f"{path}/..%2Fa%3Fb%23c%20d"
    request = aitoearn.Request.model_validate({"prompt": "x"})
    assert aitoearn.search(request, {}) == Call("GET", path, params={"page": 1, "pageSize": 1000})
    assert aitoearn.models({}) == Call("GET", "/api/ai/models/video/generation")


# ── submissions ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize("code", [1, -1, 10, None, True, False, "0", "success", "", [], {}, float("nan")])
def test_only_a_code_of_zero_is_a_success(code: Json) -> None:
    """`code === 0` says the page: whatever else stands there, no task id and no word is taken from the reply."""
    reading = aitoearn.read_submit(Reply(200, {"code": code, "message": "x", "data": {"id": "t", "status": "SUCCESS"}}))
    assert (reading.task_id, reading.word, reading.urls) == ("", "", ())


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, None),
        (200, {}),
        (200, {"id": "t", "status": "SUBMITTED"}),
        (200, {"data": {"id": "t", "status": "SUBMITTED"}}),
        (200, {"code": 0, "message": "x", "data": {}}),
        (200, {"code": 0, "message": "x", "data": {"id": 17, "status": "SUBMITTED"}}),
        (200, {"code": 0, "message": "x", "data": {"id": " ", "status": "SUBMITTED"}}),
        (200, {"code": 0, "message": "x", "data": [{"id": "t"}]}),
        (500, {"code": 0, "message": "x", "data": {"id": "t", "status": "SUBMITTED"}}),
    ],
)
def test_a_submission_without_proof(status: int, reply: Json) -> None:
    """Without a success that names a task nothing says that one exists."""
    assert aitoearn.read_submit(Reply(status, reply)).task_id == ""


@pytest.mark.parametrize(
    ("points", "amount"), [(36, 36.0), (0.5, 0.5), (0, None), (-1, None), (True, None), ("36", None), (10**400, None)]
)
def test_the_price_of_a_submission(points: Json, amount: float | None) -> None:
    """Points that were charged are told in credits; what is no price leaves it unknown, never 0."""
    cost = aitoearn.read_submit(Reply(200, {"code": 0, "data": {"id": "t", "points": points}})).cost
    assert cost == (UNKNOWN_COST if amount is None else Cost(amount, "aitoearn credits", "as AiToEarn answered"))


# ── polls ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((word, Status.QUEUED) for word in ("NOT_START", "SUBMITTED", "QUEUED", "submitted")),
        *((word, Status.RUNNING) for word in ("InProgress", "IN_PROGRESS", "UNKNOWN", "string", 5, "done")),
        *((word, Status.SUCCEEDED) for word in ("SUCCESS", "succeeded", "completed", "succeed")),
        *((word, Status.FAILED) for word in ("FAILURE", "failed", "error")),
    ],
)
def test_the_words(word: Json, status: Status) -> None:
    """Each word of the server means what it says, in any spelling; one that nobody knows ends nothing."""
    reading = read(task(word, videoUrl=DONE))
    assert contract.status_of(aitoearn, reading.word) is status
    assert reading.word == str(word)
    assert reading.urls == ((DONE,) if status is Status.SUCCEEDED else ())


def test_the_clip_is_never_the_reference() -> None:
    """`data.input.videoUrl` was sent by the user; without `data.videoUrl` a success has no clip yet."""
    assert read(task("SUCCESS")).urls == ()
    assert read(task("SUCCESS", videoUrl="")).urls == ()
    assert read(task("SUCCESS", videoUrl="ai/video/clip.mp4", coverUrl=DONE)).urls == ()
    assert read(task("SUCCESS", videoUrl=DONE)).urls == (DONE,)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        ({"message": "Video task failed"}, "", "Video task failed"),
        ({"message": "bad", "code": "E1"}, "E1", "bad"),
        ("bad", "", "bad"),
        (None, "", ""),
        ([], "", ""),
    ],
)
def test_a_failed_task(error: Json, code: str, said: str) -> None:
    """A failure gives the provider's words and never an address, even where one stands."""
    reading = read(task("FAILURE", error=error, videoUrl=DONE))
    assert contract.status_of(aitoearn, reading.word) is Status.FAILED
    assert (reading.task_id, reading.urls, reading.code, reading.said) == ("t", (), code, said)


def test_an_error_beside_a_running_task_is_none() -> None:
    """Only a failed task has failed."""
    assert read(task("InProgress", error={"message": "retrying"})).said == ""


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (500, task("FAILURE")),
        (200, {**task("FAILURE"), "code": 12301}),
        (200, {"code": 12302, "message": "无效的 AI 任务 ID", "data": {}}),
        (200, {"code": 0, "message": "x", "data": {"status": "FAILURE"}}),
        (200, {"code": 0, "message": "x", "data": None}),
        (200, ["FAILURE"]),
        (200, "FAILURE"),
    ],
)
def test_an_error_of_the_call_is_no_failed_task(status: int, reply: Json) -> None:
    """A poll that fails says nothing about the task: no word, so that polling goes on."""
    reading = read(reply, status)
    assert (reading.word, reading.task_id, reading.urls) == ("", "", ())


# ── the list ──────────────────────────────────────────────────────────────────
def row(number: int, at: str = "2026-06-01T08:00:00.000Z", **given: Json) -> Json:
    """A listed task."""
    asked = {"prompt": "p", **given}
    return {"id": f"t{number}", "model": "m", "status": "InProgress", "input": asked, "submittedAt": at}


def listed(rows: Json, total: Json = None) -> Reply:
    more = {"total": len(rows) if total is None else total, "page": 1, "pageSize": 1000, "totalPages": 1}
    return Reply(200, {"code": 0, "message": "x", "data": {"list": rows, **more}})


def test_a_task_that_was_found_speaks_our_vocabulary() -> None:
    """What was asked comes under our names, so that it can be compared; references, which the server moves, do not."""
    asked = {"duration": 6, "aspectRatio": "16:9", "resolution": "480p", "groupId": "g"}
    mine = {"image": MINE, "images": [MINE], "videos": [MINE], "audios": [MINE], "videoUrl": MINE}
    found = aitoearn.read_search(listed([row(1, "2026-06-01T10:00:00.250+02:00", **asked, **mine)]))
    ours = {"model": "m", "prompt": "p", "duration": 6, "aspect_ratio": "16:9", "resolution": "480p", "group_id": "g"}
    assert found == contract.Listing((contract.Found("t1", 1780300800.25, ours),))
    assert ours.keys() <= aitoearn.Request.model_fields.keys()


@pytest.mark.parametrize(
    "at", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-06-01T08:00:00", None, 1780300800000, {}]
)
def test_a_time_that_is_none(at: Json) -> None:
    """Of a task without a readable time it is not known when it was submitted: it is not left out for that."""
    found = aitoearn.read_search(listed([{**row(1), "submittedAt": at}]))
    assert found is not None
    assert [task.submitted for task in found.tasks] == [None]


def test_the_first_year_of_all() -> None:
    """The earliest time that can be written is no crash."""
    found = aitoearn.read_search(listed([row(1, "0001-01-01T00:00:00+14:00")]))
    assert found is not None
    assert [task.submitted for task in found.tasks] == [-62135647200.0]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, None, text="<html>"),
        Reply(502, {"code": 0, "data": {"list": [], "total": 0}}),
        Reply(200, {"code": 500, "message": "Internal server error", "data": {}}),
        Reply(200, {"code": 12301, "data": {"list": [], "total": 0}}),
        Reply(200, {"code": 0, "data": {"list": []}}),
        Reply(200, {"code": 0, "data": {"list": None, "total": 0}}),
        listed([row(1)], total=2),
        listed([row(1)], total=True),
        listed([row(1)], total="1"),
        listed([row(1), {"model": "m"}]),
        listed([row(1), None]),
        listed([row(number) for number in range(999)], total=1000),
        listed([row(number, f"2026-06-01T08:{number % 60:02}:00Z") for number in range(1000)], total=1001),
        listed([row(number, "") for number in range(1000)], total=1001),
    ],
)
def test_a_list_to_which_nobody_can_point(reply: Reply) -> None:
    """An error, or a part of the list in no known order, is no proof that a task was never accepted."""
    assert aitoearn.read_search(reply) is None


def test_the_newest_thousand() -> None:
    """A full page of a longer list is whole as far back as it goes, where it shows itself to be newest first."""
    rows = [row(number, f"2026-06-01T{23 - number // 60:02}:{59 - number % 60:02}:00Z") for number in range(1000)]
    found = aitoearn.read_search(listed(rows, total=5000))
    assert found is not None
    assert len(found.tasks) == 1000
    assert found.since == found.tasks[-1].submitted


# ── the catalogue ─────────────────────────────────────────────────────────────
def test_the_catalogue() -> None:
    """The live list gives names with whatever else is said of them, prices as they come; what is no list gives none."""
    rows = [{"name": "m1", "durations": [4], "pricing": [{"price": 36}]}, {"name": ""}, {"name": 5}, "m2", None]
    listed = aitoearn.read_models(Reply(200, {"code": 0, "data": rows}))
    assert listed == [contract.LiveModel("m1", {"durations": [4], "pricing": [{"price": 36}]})]
    assert aitoearn.read_models(Reply(200, {"code": 401, "data": rows})) == []
    assert aitoearn.read_models(Reply(500, {"code": 0, "data": rows})) == []
    assert aitoearn.read_models(Reply(200, {"code": 0, "data": {"name": "m1"}})) == []
