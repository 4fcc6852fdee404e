"""The AiToEarn dialect against its pages, and against the samples of its replies."""

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.task import Ask

SAMPLES = Path(__file__).parents[1] / "samples" / "aitoearn"
KEY = {"X-Api-Key": "any-key"}
GENERATIONS = "/api/ai/video/generations"
Submit = Callable[..., Any]
Query = Callable[..., Any]

# The two example bodies of the page, as they stand there.
PAGE = [
    """{
      "model": "seedance-2-beta-1080p",
      "prompt": "生成一条旅行 vlog 风格视频，图片作为主体参考，视频作为运动参考，音频作为节奏参考，画面自然真实",
      "images": ["https://example.com/input/character.png"],
      "videos": ["https://example.com/input/motion-reference.mp4"],
      "audios": ["https://example.com/input/music-reference.mp3"],
      "resolution": "1080p",
      "ratio": "9:16",
      "duration": 12
    }""",
    """{
      "model": "seedance-2-fast-beta",
      "prompt": "一盏智能台灯在现代摄影棚中缓缓亮起，镜头平滑推进，画面干净高级，产品反光自然",
      "resolution": "480p",
      "ratio": "16:9",
      "duration": 6
    }""",
]
COMMAND = """curl -s --noproxy '*' --request POST --url https://aitoearn.cn/api/ai/video/generations \
--header 'X-Api-Key: any-key' --header 'Content-Type: application/json' --data """
IMAGE, VIDEO, AUDIO = ("https://example.com/input/" + name for name in ("a.png", "a.mp4", "a.mp3"))
GROUP = "66f0aaaaaa0123456789abcd"


def film(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
    path.write_bytes(f"the film of {ask.caption}".encode())


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    """One client for all: each reads the certificates anew, which takes longer than a request."""
    with httpx.Client() as client:
        yield client


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(speed=100, render=film) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """One for all tests of this file; each finds it without a log and a bill."""
    running.log.clear()
    running.bill.clear()
    return running


@pytest.fixture
def submit(simulator: Simulator, web: httpx.Client) -> Submit:
    """POST a body made from the smallest right one; None leaves a field out."""

    def post(at: Simulator = simulator, headers: dict[str, str] = KEY, **fields: Any) -> httpx.Response:
        body = {"model": "seedance-2-fast-beta", "prompt": "a boat", **fields}
        body = {name: value for name, value in body.items() if value is not None}
        return web.post(at.url("aitoearn") + GENERATIONS, json=body, headers=headers)

    return post


@pytest.fixture
def query(web: httpx.Client) -> Query:
    """The reply to one query, or, given a word, the first with that status."""

    def get(at: Simulator, task_id: str, word: str = "") -> Any:
        deadline = time.monotonic() + 30
        while True:
            reply = web.get(f"{at.url('aitoearn')}{GENERATIONS}/{task_id}", headers=KEY).json()
            if word in ("", reply["data"].get("status")):
                return reply
            assert time.monotonic() < deadline, reply
            time.sleep(0.002)

    return get


# ── the request ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize("body", PAGE, ids=["references", "text"])
@pytest.mark.parametrize("mounted", [True, False])
def test_the_bodies_of_the_page_work(simulator: Simulator, body: str, mounted: bool, web: httpx.Client) -> None:
    """With only the host replaced, under the provider's name or at the root, the page's own requests are accepted."""
    url = simulator.url("aitoearn") if mounted else simulator.url("aitoearn").removesuffix("/aitoearn")
    if shutil.which("curl"):
        command = COMMAND.replace("https://aitoearn.cn", url) + shlex.quote(body)
        reply = json.loads(subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout)
    else:
        headers = {"Content-Type": "application/json", **KEY}
        reply = web.post(url + GENERATIONS, content=body.encode(), headers=headers).json()
    task_id = reply["data"]["id"]
    assert reply == {"code": 0, "message": "请求成功", "data": {"id": task_id, "status": "SUBMITTED"}}
    assert re.fullmatch(r"[0-9a-f]{24}", task_id)
    asked, ask = json.loads(body), simulator.bill[0].ask
    assert (ask.seconds, ask.ratio, ask.resolution) == (asked["duration"], asked["ratio"], asked["resolution"])
    assert [each.kind for each in ask.references] == (["image", "video", "audio"] if "images" in asked else [])
    assert ask.audio


def test_what_is_left_out_is_the_default(simulator: Simulator, submit: Submit) -> None:
    """Without a resolution, ratio and duration the film is what the model's own defaults say."""
    for model in ("seedance-2-fast-beta", "seedance-2-beta", "seedance-2-beta-1080p"):
        submit(model=model)
    sizes = [(task.ask.size, task.ask.seconds) for task in simulator.bill]
    assert sizes == [((1280, 720), 6), ((1280, 720), 6), ((1920, 1080), 8)]


ACCEPTED: list[dict[str, Any]] = [
    {"prompt": "x" * 4000},
    {"image": IMAGE},
    {"image": [IMAGE, IMAGE]},
    {"image": IMAGE, "images": [IMAGE] * 8},
    {"image": [IMAGE] * 4, "images": [IMAGE] * 5},
    {"images": [IMAGE] * 9, "videos": [VIDEO] * 3},
    {"images": [IMAGE] * 6, "videos": [VIDEO] * 3, "audios": [AUDIO] * 3},
    {"images": [], "videos": [], "audios": []},
    {"groupId": GROUP, "source": "plugin"},
    {"ratio": "21:9", "resolution": "480p", "duration": 15},
    {"duration": 4.0},
    {"duration": 4.5},  # "number", the page says
    {"model": "seedance-2-beta", "ratio": "3:4", "resolution": "720p", "duration": 4},
    {"model": "seedance-2-beta-1080p", "ratio": "1:1", "resolution": "1080p", "duration": 8},
]


@pytest.mark.parametrize("fields", ACCEPTED, ids=lambda fields: json.dumps(fields)[:60])
def test_what_is_documented_is_accepted(simulator: Simulator, submit: Submit, fields: dict[str, Any]) -> None:
    """Every field that the page names is taken, up to its limit; `image` is a string or an array."""
    assert submit(**fields).json()["code"] == 0
    assert len(simulator.bill) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model is required"),
    ({"model": ""}, "model is required"),
    ({"model": 2}, "model must be a string"),
    ({"prompt": None}, "prompt is required"),
    ({"prompt": ""}, "prompt is required"),
    ({"prompt": ["a boat"]}, "prompt must be a string"),
    ({"prompt": "x" * 4001}, "prompt is too long"),
    ({"prompt": "🦊" * 2001}, "prompt is too long"),  # two units each, as JavaScript counts
    ({"seconds": 6}, "unknown field seconds"),
    ({"aspectRatio": "16:9"}, "unknown field aspectRatio"),
    ({"seed": 1}, "unknown field seed"),
    ({"generate_audio": True}, "unknown field generate_audio"),
    ({"image_tail": IMAGE}, "unknown field image_tail"),
    ({"metadata": {}}, "unknown field metadata"),
    ({"duration": "6"}, "duration must be a number"),
    ({"duration": True}, "duration must be a number"),
    ({"duration": 3}, "duration 3 is not 4 to 15"),
    ({"duration": 15.5}, "duration 15.5 is not 4 to 15"),
    ({"duration": -1}, "duration -1 is not 4 to 15"),
    ({"model": "seedance-2-beta", "duration": 16}, "duration 16 is not 4 to 15"),
    ({"model": "seedance-2-beta-1080p", "duration": 7}, "duration 7 is not 8 to 15"),
    ({"resolution": "1080p"}, "resolution '1080p'"),
    ({"resolution": "720P"}, "resolution '720P'"),
    ({"resolution": 720}, "resolution must be a string"),
    ({"model": "seedance-2-beta", "resolution": "480p"}, "resolution '480p'"),
    ({"model": "seedance-2-beta", "resolution": "1080p"}, "resolution '1080p'"),
    ({"model": "seedance-2-beta-1080p", "resolution": "720p"}, "resolution '720p'"),
    ({"ratio": "adaptive"}, "ratio 'adaptive'"),
    ({"ratio": "16x9"}, "ratio '16x9'"),
    ({"model": "seedance-2-beta-1080p", "ratio": "21:9"}, "ratio '21:9'"),
    ({"model": "seedance-2-beta-1080p", "ratio": "4:3"}, "ratio '4:3'"),
    ({"model": "seedance-2-beta-1080p", "ratio": "3:4"}, "ratio '3:4'"),
    ({"source": "notebook"}, "source 'notebook'"),
    ({"groupId": 5}, "groupId must be a string"),
    ({"image": 5}, "image must be an array"),
    ({"image": ""}, "image must hold http"),
    ({"image": [5]}, "image must hold http"),
    ({"images": IMAGE}, "images must be an array"),
    ({"images": ["boat.png"]}, "images must hold http"),
    ({"images": ["asset://a"]}, "images must hold http"),
    ({"images": ["data:image/png;base64,iVBORw0KGgo="]}, "images must hold http"),
    ({"videos": VIDEO}, "videos must be an array"),
    ({"videos": [None]}, "videos must hold http"),
    ({"audios": {}}, "audios must be an array"),
    ({"audios": ["file:///a.mp3"]}, "audios must hold http"),
    ({"images": [IMAGE] * 10}, "images with image are 10"),
    ({"image": [IMAGE] * 10}, "images with image are 10"),
    ({"image": IMAGE, "images": [IMAGE] * 9}, "images with image are 10"),
    ({"videos": [VIDEO] * 4}, "videos are 4"),
    ({"images": [IMAGE], "audios": [AUDIO] * 4}, "audios are 4"),
    ({"images": [IMAGE] * 7, "videos": [VIDEO] * 3, "audios": [AUDIO] * 3}, "are 13 together"),
    ({"prompt": "a boat (simulate fail=weather)"}, "(simulate fail=weather)"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED, ids=[f"{n}-{said}" for n, (_, said) in enumerate(REFUSED)])
def test_what_is_not_documented_is_refused(simulator: Simulator, submit: Submit, fields: Any, said: str) -> None:
    """10002 in the page's envelope with HTTP 200, with a message that names the field, and nothing is booked."""
    reply = submit(**fields)
    body = reply.json()
    assert (reply.status_code, body["code"], body["data"]) == (200, 10002, {})
    assert body["message"].startswith("参数验证失败")
    assert said in body["message"]
    assert simulator.bill == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"duration": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_which_is_no_object_is_refused(simulator: Simulator, body: bytes, web: httpx.Client) -> None:
    """Whatever the bytes are, the answer is a 10002 and not a crash."""
    url = simulator.url("aitoearn") + GENERATIONS
    reply = web.post(url, content=body, headers={**KEY, "Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (200, 10002)


# The errors of the page, as they stand there, and what brings them about.
ERRORS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"headers": {}}, {"code": 401, "message": "Unauthorized", "data": {}, "timestamp": 1772099056662}),
    ({"audios": [AUDIO]}, {"code": 12310, "message": "不支持的视频生成模式", "data": {}, "timestamp": 1772099056662}),
    ({"model": "sora-2"}, {"code": 12300, "message": "无效的 AI 模型", "data": {}, "timestamp": 1772099056662}),
    ({"groupId": "holidays"}, {"code": 12801, "message": "素材分组未找到", "data": {}, "timestamp": 1772099056662}),
    # of the other pages and the open-source server
    ({"headers": {"X-Api-Key": "sk-poor"}}, {"code": 12001, "message": "积分不足", "data": {}, "timestamp": 0}),
    ({"prompt": "(simulate refuse=quota)"}, {"code": 12001, "message": "积分不足", "data": {}, "timestamp": 0}),
    ({"prompt": "(simulate refuse=auth)"}, {"code": 401, "message": "Unauthorized", "data": {}, "timestamp": 0}),
    (
        {"prompt": "(simulate refuse=permission)"},
        {"code": 12003, "message": "用户状态错误", "data": {}, "timestamp": 0},
    ),
    (
        {"prompt": "(simulate refuse=internal)"},
        {"code": 500, "message": "Internal server error", "data": {}, "timestamp": 0},
    ),
]


@pytest.mark.parametrize(("fields", "error"), ERRORS, ids=[json.dumps(fields)[:40] for fields, _ in ERRORS])
def test_errors_are_as_documented(simulator: Simulator, submit: Submit, fields: Any, error: dict[str, Any]) -> None:
    """HTTP 200 and the page's body, but for the moment (Unix milliseconds); nothing is booked."""
    before = time.time() * 1000 - 1
    reply = submit(**fields)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert before <= reply.json()["timestamp"] <= time.time() * 1000
    assert reply.json() | {"timestamp": error["timestamp"]} == error
    assert simulator.bill == []


def test_a_refused_prompt_is_a_failed_call(submit: Submit) -> None:
    """What the vendor refuses at once comes as 12301, with the vendor's code in its text."""
    reply = submit(prompt="(simulate refuse=moderation)").json()
    assert reply["code"] == 12301
    assert reply["message"].startswith("AI 调用失败：InputTextSensitiveContentDetected")


def test_a_proxy_in_front_has_its_own_errors(submit: Submit) -> None:
    """Only a proxy answers with another status than 200, in HTML; one that is asked too often says when to come."""
    broken, busy = submit(prompt="(simulate refuse=server)"), submit(headers={"X-Api-Key": "sk-busy"})
    assert (broken.status_code, broken.headers["content-type"]) == (502, "text/html")
    assert (busy.status_code, busy.headers["content-type"], busy.headers["retry-after"]) == (429, "text/html", "1")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer any-key"}, *({"X-Api-Key": value} for value in ("", "a b", "sk-invalid"))],
)
def test_without_a_good_key_nothing_works_but_the_models(
    simulator: Simulator, submit: Submit, headers: dict[str, str], web: httpx.Client
) -> None:
    """401 inside HTTP 200 for submitting, querying and listing; the models need no key."""
    url = simulator.url("aitoearn")
    gets = [web.get(url + GENERATIONS + rest, headers=headers) for rest in ("", "/" + "0" * 24)]
    for reply in (submit(headers=headers), *gets):
        assert (reply.status_code, reply.json()["code"], reply.json()["message"]) == (200, 401, "Unauthorized")
    assert web.get(url + "/api/ai/models/video/generation", headers=headers).json()["code"] == 0


# ── queries ───────────────────────────────────────────────────────────────────
def test_an_unknown_task_and_no_task_id_at_all(simulator: Simulator, web: httpx.Client) -> None:
    """12302 for an id which nobody has, 10002 for what is no id, 404 as `code` for what is no path."""
    url = simulator.url("aitoearn")
    paths = (f"{GENERATIONS}/{'0' * 24}", f"{GENERATIONS}/task_1", "/api/ai/nothing")
    replies = [web.get(url + path, headers=KEY) for path in paths]
    assert [reply.status_code for reply in replies] == [200] * 3
    assert [reply.json()["code"] for reply in replies] == [12302, 10002, 404]


def test_a_task_lives_and_its_input_is_not_its_film(
    simulator: Simulator, submit: Submit, web: httpx.Client, query: Query
) -> None:
    """QUEUED, InProgress, SUCCESS, no progress; `input.videoUrl` is the caller's, and only a success has its own."""
    fields = {"image": IMAGE, "videos": [VIDEO], "groupId": GROUP, "ratio": "1:1", "source": "plugin"}
    task_id = submit(**fields).json()["data"]["id"]
    echo = {"prompt": "a boat", "image": IMAGE, "videos": [VIDEO], "groupId": GROUP, "aspectRatio": "1:1"}
    words: list[str] = []
    while words[-1:] != ["SUCCESS"]:
        data = query(simulator, task_id)["data"]
        assert data["input"] == {**echo, "videoUrl": VIDEO}
        assert "progress" not in data
        assert ("videoUrl" in data) == ("finishedAt" in data) == (data["status"] == "SUCCESS")
        words += [data["status"]] if data["status"] not in words else []
    assert words == [word for word in ("QUEUED", "InProgress", "SUCCESS") if word in words]
    assert web.get(data["videoUrl"]).content == b"the film of a boat"
    assert (data["groupId"], len(data["mediaId"])) == (GROUP, 24)
    times = [datetime.fromisoformat(data[name]).timestamp() for name in ("submittedAt", "startedAt", "finishedAt")]
    assert times[0] == times[1] < times[2]
    assert times[0] == pytest.approx(simulator.bill[0].created, abs=0.001)


def test_a_restart_keeps_the_input(tmp_path: Path, submit: Submit, query: Query) -> None:
    """A new process with the same journal describes the task as the one before did."""
    journal = tmp_path / "tasks.jsonl"
    with Simulator(journal, speed=1, render=film) as before:
        task_id = submit(at=before, images=[IMAGE], duration=5, prompt="(simulate queued=999)").json()["data"]["id"]
        reply = query(before, task_id)
    with Simulator(journal, speed=1, render=film) as after:
        assert query(after, task_id) == reply
    assert reply["data"]["input"]["images"] == [IMAGE]


def test_the_list_has_pages(submit: Submit, web: httpx.Client, query: Query) -> None:
    """Newest first, ten unless told otherwise, a thousand at most, empty past the end; only this provider's tasks."""
    with Simulator(speed=100, render=film) as simulator:
        url = simulator.url("aitoearn") + GENERATIONS

        def page(**params: Any) -> Any:
            return web.get(url, params=params, headers=KEY).json()["data"]

        assert page() == {"page": 1, "pageSize": 10, "totalPages": 0, "total": 0, "list": []}
        ids = [submit(at=simulator, prompt=str(number)).json()["data"]["id"] for number in range(12)]
        other = {"model": "doubao-seedance-2-0-1080p", "prompt": "p"}
        bearer = {"Authorization": "Bearer k"}
        relaydance = simulator.url("relaydance") + "/v1/video/generations"
        assert web.post(relaydance, json=other, headers=bearer).status_code == 200
        newest = ids[::-1]
        assert [row["id"] for row in page()["list"]] == newest[:10]
        second = page(page=2, pageSize=5)
        assert [row["id"] for row in second.pop("list")] == newest[5:10]
        assert second == {"page": 2, "pageSize": 5, "totalPages": 3, "total": 12}
        assert [row["id"] for row in page(page=1, pageSize=1000)["list"]] == newest
        assert page(page=4, pageSize=5)["list"] == []
        query(simulator, ids[0], "SUCCESS")
        (oldest,) = page(page=12, pageSize=1)["list"]
        assert (oldest["input"]["prompt"], oldest["status"]) == ("0", "SUCCESS")
        assert web.get(oldest["videoUrl"]).content == b"the film of 0"


@pytest.mark.parametrize(
    "params",
    ["page=0", "page=-1", "page=x", "page=", "pageSize=0", "pageSize=1001", "pageSize=1.5", "page_size=5", "limit=5"],
)
def test_a_wrong_page_is_refused(simulator: Simulator, params: str, web: httpx.Client) -> None:
    """10002, naming the parameter."""
    reply = web.get(f"{simulator.url('aitoearn')}{GENERATIONS}?{params}", headers=KEY).json()
    assert reply["code"] == 10002
    assert params.partition("=")[0] in reply["message"]


def test_the_models_are_those_of_the_page(simulator: Simulator, web: httpx.Client) -> None:
    """Open to everybody, at the root too, with the page's limits for each."""
    root = simulator.url("aitoearn").removesuffix("/aitoearn")
    reply = web.get(root + "/api/ai/models/video/generation").json()
    rows = {row["name"]: row for row in reply["data"]}
    assert list(rows) == ["seedance-2-fast-beta", "seedance-2-beta", "seedance-2-beta-1080p"]
    assert [row["resolutions"] for row in rows.values()] == [["480p", "720p"], ["720p"], ["1080p"]]
    assert [(row["durations"][0], row["durations"][-1]) for row in rows.values()] == [(4, 15), (4, 15), (8, 15)]
    assert [len(row["aspectRatios"]) for row in rows.values()] == [6, 6, 3]
    for row in rows.values():
        assert row["defaults"]["duration"] in row["durations"]
        assert row["inputConstraints"]["videos"]["maxPixels"] == 2086876


# ── the samples ───────────────────────────────────────────────────────────────
def shape(value: Any) -> Any:
    """The keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def sample(name: str) -> Any:
    """The page calls `requestId` optional, and its own examples have none."""
    read = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    if "body" in read:
        read["body"].pop("requestId", None)
    return read


ASKED = {"duration": 6, "ratio": "16:9", "resolution": "480p"}
MANY = {**ASKED, "image": IMAGE, "images": [IMAGE], "videos": [VIDEO], "audios": [AUDIO], "groupId": GROUP}
WAYS: dict[str, tuple[dict[str, Any], str, str]] = {  # of a sample: what is asked, of the task's life, and the word
    "submit": ({}, "", ""),
    "query-queued": (ASKED, "queued=9999", "QUEUED"),
    "query-in-progress": (ASKED, "seconds=9999", "InProgress"),
    "query-in-progress-references": (MANY, "seconds=9999", "InProgress"),
    "query-success-references": (MANY, "", "SUCCESS"),
    "query-failure": (ASKED, "fail=upstream", "FAILURE"),
    "query-failure-moderation": (ASKED, "fail=moderation", "FAILURE"),
    "error-10002": ({"duration": 99}, "", ""),
    "error-401": ({}, "refuse=auth", ""),
    "error-500": ({}, "refuse=internal", ""),
    "error-502": ({}, "refuse=server", ""),
    "error-12001": ({}, "refuse=quota", ""),
    "error-12003": ({}, "refuse=permission", ""),
    "error-12300": ({"model": "sora-2"}, "", ""),
    "error-12301": ({}, "refuse=moderation", ""),
    "error-12310": ({"audios": [AUDIO]}, "", ""),
    "error-12801": ({"groupId": "holidays"}, "", ""),
}


@pytest.mark.parametrize("name", WAYS)
def test_replies_have_the_shape_of_the_samples(simulator: Simulator, submit: Submit, name: str, query: Query) -> None:
    """Status, type of content, code, keys, types and status word of each reply are those of the sample."""
    fields, asked, word = WAYS[name]
    known, prompt = sample(name), f"a boat (simulate {asked})" if asked else "a boat"
    reply = submit(prompt=prompt, **fields)
    assert reply.status_code == known["status"]
    assert known["headers"]["content-type"].startswith(reply.headers["content-type"])
    if "text" in known:
        assert reply.text == known["text"]
        return
    body = query(simulator, reply.json()["data"]["id"], word) if word else reply.json()
    assert (body["code"], shape(body)) == (known["body"]["code"], shape(known["body"]))


def test_a_success_without_a_group_has_the_shape_of_the_sample(
    simulator: Simulator, submit: Submit, query: Query
) -> None:
    """Here it has a cover too, which the page lists and the sample leaves out."""
    body = query(simulator, submit(**ASKED).json()["data"]["id"], "SUCCESS")
    assert body["data"].pop("coverUrl").startswith("http")
    assert shape(body) == shape(sample("query-success")["body"])


def test_the_list_and_the_models_have_the_shape_of_the_samples(
    simulator: Simulator, submit: Submit, web: httpx.Client, query: Query
) -> None:
    """A row of the list is what a query gives; of a model every field the page requires is there."""
    task_id = submit(**MANY, prompt="a boat (simulate seconds=9999)").json()["data"]["id"]
    query(simulator, task_id, "InProgress")
    listed = web.get(f"{simulator.url('aitoearn')}{GENERATIONS}?pageSize=1", headers=KEY).json()
    assert shape(listed) == shape(sample("search")["body"])
    ours = web.get(simulator.url("aitoearn") + "/api/ai/models/video/generation").json()
    row, known = ours["data"][0], sample("models")["body"]["data"][0]
    assert set(row) == set(known) - {"label", "summary", "mainTag", "logo"}  # these the page does not require
    for name in set(row) - {"tags", "pricing"}:
        assert shape(row[name]) == shape(known[name])
    assert shape(row["pricing"]) == [{"resolution": "str", "price": "int"}]


@pytest.mark.parametrize(("name", "task_id"), [("query-12302", "0" * 24), ("query-10002", "task_1")])
def test_refused_queries_have_the_shape_of_the_samples(
    simulator: Simulator, name: str, task_id: str, query: Query
) -> None:
    """So have the answers about a task which there is not."""
    body, known = query(simulator, task_id), sample(name)["body"]
    assert (body["code"], shape(body)) == (known["code"], shape(known))


def test_the_price_can_be_told(submit: Submit) -> None:
    """The shape "points" adds to a submission what it costs, and here nothing costs anything."""
    with Simulator(speed=100, shapes={"aitoearn": "points"}, render=film) as simulator:
        body = submit(at=simulator).json()
    assert shape(body) == shape(sample("submit-points")["body"])
    assert body["data"]["points"] == 0
