"""The AIOAGI dialect against its page, and against the samples of its replies."""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.task import Ask

SAMPLES = Path(__file__).parents[1] / "samples" / "aioagi"
KEY = {"Authorization": "Bearer sk-any"}
Submit = Callable[..., httpx.Response]
Query = Callable[..., Any]

# The requests of the page, as they stand there: two commands and a body.
TEXT = r"""
curl "$AIO_BASE_URL/videos" \
  -H "Authorization: Bearer $AIO_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "aspect_ratio": "16:9",
    "capability": "video_generation",
    "control_mode": "none",
    "duration_seconds": 5,
    "input_mode": "text",
    "model": "doubao-seedance-2-0-260128",
    "prompt": "一段未来科技展台的产品发布短片,镜头缓慢推进,金属材质,高级商业广告质感。",
    "resolution": "720p",
    "with_audio": true
  }'
"""
FRAMES = r"""
curl "$AIO_BASE_URL/videos" \
  -H "Authorization: Bearer $AIO_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "aspect_ratio": "16:9",
    "capability": "video_generation",
    "control_mode": "end_frame",
    "duration_seconds": 5,
    "end_image": "https://example.com/last-frame.png",
    "image": "https://example.com/first-frame.png",
    "input_mode": "single_image",
    "model": "doubao-seedance-2-0-260128",
    "prompt": "让画面从产品特写自然过渡到完整展示,镜头轻微推进,光线保持柔和。",
    "resolution": "720p",
    "with_audio": true
  }'
"""
REFERENCES = r"""
{
  "aspect_ratio": "16:9",
  "capability": "video_generation",
  "control_mode": "reference",
  "duration_seconds": 5,
  "input_mode": "multi_image",
  "model": "doubao-seedance-2-0-260128",
  "prompt": "参考素材中的人物站在海边,夕阳下回眸一笑,镜头从中景缓慢推进。",
  "reference_images": [
    "asset://asset-20260519163832-example"
  ],
  "resolution": "720p",
  "with_audio": true
}
"""
QUERY = r"""
curl "$AIO_BASE_URL/videos/{task_id}" \
  -H "Authorization: Bearer $AIO_API_KEY"
"""
MODEL = "doubao-seedance-2-0-260128"
URL = "https://example.com/frame.png"


def film(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
    path.write_bytes(f"the film of {ask.caption}".encode())


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    """One client for all: each reads the certificates anew, which takes longer than a request."""
    with httpx.Client() as client:
        yield client


@pytest.fixture(scope="module")
def speakers() -> Iterator[dict[str, Simulator]]:
    """A simulator for each of the shapes; "" is the one which is used unless another is chosen."""
    made = {}
    for name in ("", "openai", "short"):
        made[name] = Simulator(speed=100, shapes={"aioagi": name} if name else {}, render=film)
        made[name].start()
    yield made
    for each in made.values():
        each.stop()


@pytest.fixture
def simulator(speakers: dict[str, Simulator]) -> Simulator:
    """One for all tests of this file; each finds it without a log and a bill."""
    speakers[""].log.clear()
    speakers[""].bill.clear()
    return speakers[""]


@pytest.fixture
def submit(simulator: Simulator, web: httpx.Client) -> Submit:
    """POST a body made from the smallest right one; None leaves a field out."""

    def post(at: Simulator = simulator, headers: dict[str, str] = KEY, **fields: Any) -> httpx.Response:
        body = {"model": MODEL, "prompt": "a boat", **fields}
        body = {name: value for name, value in body.items() if value is not None}
        return web.post(at.url("aioagi") + "/videos", json=body, headers=headers)

    return post


@pytest.fixture
def query(web: httpx.Client) -> Query:
    """The reply to one query, or, given a word, the first with that status."""

    def get(at: Simulator, task_id: str, word: str = "") -> Any:
        deadline = time.monotonic() + 30
        while True:
            reply = web.get(f"{at.url('aioagi')}/videos/{task_id}", headers=KEY).json()
            if word in ("", reply.get("status")):
                return reply
            assert time.monotonic() < deadline, reply
            time.sleep(0.002)

    return get


# ── the request ───────────────────────────────────────────────────────────────
def run(command: str, base: str) -> Any:
    """What a command of the page prints in a shell where its two variables are set."""
    if shutil.which("curl"):
        environment = {**os.environ, "AIO_API_KEY": "sk-any", "AIO_BASE_URL": base, "NO_PROXY": "*", "no_proxy": "*"}
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=True)
        return json.loads(done.stdout)
    words = shlex.split(command.replace("\\\n", " "))
    url, headers = words[1].replace("$AIO_BASE_URL", base), {**KEY, "Content-Type": "application/json"}
    if "-d" not in words:
        return httpx.get(url, headers=headers).json()
    return httpx.post(url, content=words[words.index("-d") + 1].encode(), headers=headers).json()


@pytest.mark.parametrize("mounted", [True, False])
def test_the_commands_of_the_page_work(simulator: Simulator, mounted: bool) -> None:
    """With only AIO_BASE_URL replaced, by the provider's own or by the root and /v1, the page's commands work."""
    base = simulator.url("aioagi")
    assert base.endswith("/aioagi/v1")
    base = base if mounted else base.replace("/aioagi/v1", "/v1")
    for command in (TEXT, FRAMES, TEXT.partition("-d")[0] + "-d '" + REFERENCES + "'"):
        reply = run(command.strip(), base)
        assert (reply["status"], reply["status_code"], reply["model"]) == ("queued", 202, MODEL)
        assert re.fullmatch(r"[0-9a-f]{32}", reply["task_id"])
        found = run(QUERY.strip().replace("{task_id}", reply["task_id"]), base)
        assert found["task_id"] == reply["task_id"]
    text, frames, references = (task.ask for task in simulator.bill)
    assert (text.seconds, text.ratio, text.resolution, text.audio) == (5, "16:9", "720p", True)
    assert [(each.role, each.url) for each in frames.references] == [
        ("first_frame", "https://example.com/first-frame.png"),
        ("last_frame", "https://example.com/last-frame.png"),
    ]
    assert [each.role for each in references.references] == ["reference"]


def picture(kind: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new("RGB", (300, 600), "red").save(out, kind)
    return b64encode(out.getvalue()).decode()


@pytest.mark.parametrize("image", [f"data:image/png;base64,{picture()}", picture(), picture("JPEG")])
def test_a_frame_can_be_data(simulator: Simulator, submit: Submit, image: str) -> None:
    """As a data URI or as bare base64, as the page says: the film takes its ratio where that is left to it."""
    submit(image=image, input_mode="single_image", control_mode="none").raise_for_status()
    assert simulator.bill[0].ask.size == (720, 1440)


def test_the_vendor_decides_what_is_left_to_it(simulator: Simulator, submit: Submit) -> None:
    """-1, as no duration at all, makes 5 seconds; without more words the film is 720p, 16:9, with sound."""
    submit(duration_seconds=-1)
    submit(with_audio=False, duration_seconds=15, resolution="480p", aspect_ratio="9:16")
    submit()
    asks = [task.ask for task in simulator.bill]
    assert [ask.seconds for ask in asks] == [5, 15, 5]
    assert [ask.audio for ask in asks] == [True, False, True]
    assert [ask.size for ask in asks] == [(1280, 720), (480, 854), (1280, 720)]


ACCEPTED: list[dict[str, Any]] = [
    {"capability": "video_generation"},
    {"input_mode": "text"},
    {"control_mode": "none"},
    {"prompt": "船" * 2500},
    {"aspect_ratio": "adaptive", "resolution": "1080p", "duration_seconds": 4},
    {"image": URL, "prompt": None},
    {"image": URL, "input_mode": "single_image", "control_mode": "none"},
    {"image": URL, "end_image": URL},
    {"image": picture(), "end_image": picture(), "control_mode": "end_frame"},
    {"reference_images": [URL, "asset://asset-1", f"data:image/png;base64,{picture()}"]},
    {"reference_images": [URL] * 9, "input_mode": "multi_image", "control_mode": "reference"},
]


@pytest.mark.parametrize("fields", ACCEPTED, ids=lambda fields: json.dumps(fields)[:60])
def test_what_is_documented_is_accepted(simulator: Simulator, submit: Submit, fields: dict[str, Any]) -> None:
    """Every field and every way to give a picture that the page names; only the model is required."""
    assert submit(**fields).json()["status"] == "queued"
    assert len(simulator.bill) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model is required"),
    ({"model": 5}, "model must be a string"),
    ({"prompt": None}, "prompt is required"),
    ({"prompt": " "}, "prompt is required"),
    ({"prompt": "", "reference_images": [URL]}, "prompt is required"),
    ({"prompt": "x" * 2501}, "prompt has 2501 characters"),
    ({"duration": 5}, "unknown field duration"),
    ({"seconds": "5"}, "unknown field seconds"),
    ({"seed": 1}, "unknown field seed"),
    ({"metadata": {}}, "unknown field metadata"),
    ({"reference_videos": [URL]}, "unknown field reference_videos"),
    ({"watermark": False}, "unknown field watermark"),
    ({"capability": "image_generation"}, "capability 'image_generation'"),
    ({"duration_seconds": "5"}, "duration_seconds must be an integer"),
    ({"duration_seconds": 5.0}, "duration_seconds must be an integer"),
    ({"duration_seconds": True}, "duration_seconds must be an integer"),
    ({"duration_seconds": 3}, "duration_seconds 3"),
    ({"duration_seconds": 16}, "duration_seconds 16"),
    ({"duration_seconds": 0}, "duration_seconds 0"),
    ({"duration_seconds": -2}, "duration_seconds -2"),
    ({"resolution": "4k"}, "resolution '4k'"),
    ({"resolution": "720P"}, "resolution '720P'"),
    ({"aspect_ratio": "2:1"}, "aspect_ratio '2:1'"),
    ({"with_audio": "true"}, "with_audio must be true or false"),
    ({"with_audio": 1}, "with_audio must be true or false"),
    ({"input_mode": "video"}, "input_mode 'video'"),
    ({"control_mode": "camera"}, "control_mode 'camera'"),
    ({"input_mode": "single_image"}, "input_mode 'single_image' does not go with no pictures"),
    ({"input_mode": "multi_image", "control_mode": "reference"}, "input_mode 'multi_image' does not go with no"),
    ({"input_mode": "text", "control_mode": "end_frame"}, "control_mode 'end_frame' does not go with no pictures"),
    ({"control_mode": "reference"}, "control_mode 'reference' does not go with no pictures"),
    ({"image": URL, "input_mode": "text"}, "input_mode 'text' does not go with image"),
    ({"image": URL, "input_mode": "multi_image"}, "input_mode 'multi_image' does not go with image"),
    ({"image": URL, "control_mode": "end_frame"}, "control_mode 'end_frame' does not go with image"),
    ({"image": URL, "control_mode": "reference"}, "control_mode 'reference' does not go with image"),
    ({"image": URL, "end_image": URL, "control_mode": "none"}, "'none' does not go with image and end_image"),
    ({"image": URL, "end_image": URL, "control_mode": "reference"}, "does not go with image and end_image"),
    ({"reference_images": [URL], "input_mode": "single_image"}, "does not go with reference_images"),
    ({"reference_images": [URL], "control_mode": "none"}, "'none' does not go with reference_images"),
    ({"end_image": URL}, "end_image do not go together"),
    ({"image": URL, "reference_images": [URL]}, "image and reference_images do not go together"),
    ({"image": URL, "end_image": URL, "reference_images": [URL]}, "reference_images do not go together"),
    ({"image": 5}, "image must be a string"),
    ({"image": [URL]}, "image must be a string"),
    ({"image": ""}, "image must be"),
    ({"image": "boat.png"}, "image must be"),
    ({"image": "file:///boat.png"}, "image must be"),
    ({"image": "asset://asset-1"}, "image takes no asset://"),
    ({"image": "data:image/png;base64,???"}, "image must be"),
    ({"image": "data:video/mp4;base64,AAAA"}, "image must be"),
    ({"image": URL, "end_image": "x y"}, "end_image must be"),
    ({"reference_images": URL}, "reference_images must be an array"),
    ({"reference_images": []}, "reference_images has 0 entries"),
    ({"reference_images": [URL] * 10}, "reference_images has 10 entries"),
    ({"reference_images": [{"url": URL}]}, "reference_images[0] must be a string"),
    ({"reference_images": [URL, "boat.png"]}, "reference_images[1] must be"),
    ({"prompt": "a boat (simulate fail=weather)"}, "(simulate fail=weather)"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED, ids=[f"{n}-{said}" for n, (_, said) in enumerate(REFUSED)])
def test_what_is_not_documented_is_refused(simulator: Simulator, submit: Submit, fields: Any, said: str) -> None:
    """400 with a message that names the field, and nothing is booked or billed."""
    reply = submit(**fields)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "invalid_request_error")
    assert said in error["message"]
    assert simulator.bill == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"duration_seconds": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_which_is_no_object_is_refused(simulator: Simulator, body: bytes, web: httpx.Client) -> None:
    """Whatever the bytes are, the answer is a 400 and not a crash."""
    headers = {**KEY, "Content-Type": "application/json"}
    reply = web.post(simulator.url("aioagi") + "/videos", content=body, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Api-Key": "k"}, *({"Authorization": v} for v in ("", "k", "Bearer", "Bearer a b", "Bearer sk-invalid"))],
)
def test_without_a_good_key_nothing_works(
    simulator: Simulator, submit: Submit, headers: dict[str, str], web: httpx.Client
) -> None:
    """401 for submitting, querying and listing models."""
    url = simulator.url("aioagi")
    replies = [submit(headers=headers), *(web.get(url + path, headers=headers) for path in ("/models", "/videos/1"))]
    for reply in replies:
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("auth", 401, "invalid_api_key"),
        ("permission", 403, ""),
        ("quota", 403, "insufficient_user_quota"),
        ("moderation", 400, "fail_to_fetch_task"),
        ("busy", 429, "fail_to_fetch_task"),
        ("internal", 500, "internal_server_error"),
    ],
)
def test_errors_are_as_the_page_lists_them(
    simulator: Simulator, submit: Submit, asked: str, status: int, code: str
) -> None:
    """Each with its status, in one of the two envelopes; only "too often" says when to come back; nothing is booked."""
    reply = submit(prompt=f"a boat (simulate refuse={asked})")
    body = reply.json()
    assert (reply.status_code, body.get("code", body.get("error", {}).get("code"))) == (status, code)
    assert set(body) in ({"error"}, {"code", "message", "data"})
    assert reply.headers.get("retry-after") == ("1" if asked == "busy" else None)
    assert simulator.bill == []


def test_three_keys_show_the_errors_of_keys(submit: Submit) -> None:
    """sk-invalid is unknown, sk-poor has no money, sk-busy comes too often."""
    replies = [submit(headers={"Authorization": f"Bearer {key}"}) for key in ("sk-invalid", "sk-poor", "sk-busy")]
    assert [reply.status_code for reply in replies] == [401, 403, 429]


def test_a_proxy_in_front_answers_in_html(submit: Submit) -> None:
    """The 502 of the page is no JSON."""
    reply = submit(prompt="a boat (simulate refuse=server)")
    assert (reply.status_code, reply.headers["content-type"]) == (502, "text/html")


def test_what_there_is_not_is_not_found(simulator: Simulator, submit: Submit, web: httpx.Client) -> None:
    """404 for a model, a task and a path which there is not, each with its own code."""
    url = simulator.url("aioagi")
    model = submit(model="sora-2")
    task, path, base = (web.get(url + path, headers=KEY) for path in ("/videos/nobody", "/video", "/v1/videos/x"))
    assert [reply.status_code for reply in (model, task, path, base)] == [404] * 4
    assert model.json()["error"]["code"] == "model_not_found"
    assert task.json()["code"] == "task_not_exist"
    assert path.json()["error"]["code"] == ""


# ── a task's life ─────────────────────────────────────────────────────────────
def test_a_task_lives(simulator: Simulator, submit: Submit, query: Query, web: httpx.Client) -> None:
    """queued, running, succeeded; the progress grows; a result only at the end, and only the film without a mark."""
    task_id = submit().json()["task_id"]
    words: list[str] = []
    progress: list[int] = []
    while words[-1:] != ["succeeded"]:
        reply = query(simulator, task_id)
        assert reply["status_code"] == (200 if reply["status"] == "succeeded" else 202)
        assert ("result" in reply) == (reply["status"] == "succeeded")
        words += [reply["status"]] if reply["status"] not in words else []
        progress.append(reply["progress"])
    assert words == [word for word in ("queued", "running", "succeeded") if word in words]
    assert (progress, progress[-1]) == (sorted(progress), 100)
    result = reply["result"]
    assert result["urls"] == [result["primary_url"]]
    assert web.get(result["primary_url"]).content == b"the film of a boat"
    assert web.get(result["watermark_url"]).status_code == 403
    assert reply["updated_at"] >= reply["created_at"] == int(simulator.bill[0].created)


@pytest.mark.parametrize(("kind", "said"), [("moderation", "sensitive information"), ("upstream", "internal error")])
def test_a_failure_says_why(simulator: Simulator, submit: Submit, query: Query, kind: str, said: str) -> None:
    """failed, with the vendor's sentence as error_message and no result."""
    reply = query(simulator, submit(prompt=f"(simulate fail={kind})").json()["task_id"], "failed")
    assert (reply["status_code"], "result" in reply) == (400, False)
    assert said in reply["error_message"]


def test_the_openai_family_has_its_traps(speakers: dict[str, Simulator], submit: Submit, query: Query) -> None:
    """completed_at before there is a clip, an empty metadata.url until then, and on a failure its text there."""
    openai = speakers["openai"]
    waiting = submit(at=openai, prompt="(simulate queued=9999)").json()["task_id"]
    reply = query(openai, waiting)
    assert (reply["metadata"], reply["completed_at"]) == ({"url": ""}, reply["created_at"])
    failed = query(openai, submit(at=openai, prompt="(simulate fail=upstream)").json()["task_id"], "failed")
    assert failed["metadata"]["url"] == failed["error"]["message"] != ""


# ── the samples ───────────────────────────────────────────────────────────────
def shape(value: Any) -> Any:
    """The keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


WAYS = {  # of a sample: the shape, what the prompt asks for, and the word of the query to wait for
    "submit": ("", "", ""),
    "submit-openai": ("openai", "", ""),
    "query-queued": ("", "queued=9999", "queued"),
    "query-running": ("", "seconds=9999", "running"),
    "query-succeeded": ("", "", "succeeded"),
    "query-succeeded-short": ("short", "", "succeeded"),
    "query-failed": ("", "fail=upstream", "failed"),
    "query-failed-moderation": ("", "fail=moderation", "failed"),
    "query-openai-queued": ("openai", "queued=9999", "queued"),
    "query-openai-in-progress": ("openai", "seconds=9999", "in_progress"),
    "query-openai-completed": ("openai", "", "completed"),
    "query-openai-failed": ("openai", "fail=upstream", "failed"),
    "error-400-moderation": ("", "refuse=moderation", ""),
    "error-401": ("", "refuse=auth", ""),
    "error-403-balance": ("", "refuse=quota", ""),
    "error-403-permission": ("", "refuse=permission", ""),
    "error-429": ("", "refuse=busy", ""),
    "error-500": ("", "refuse=internal", ""),
    "error-502": ("", "refuse=server", ""),
}


@pytest.mark.parametrize("name", WAYS)
def test_replies_have_the_shape_of_the_samples(
    speakers: dict[str, Simulator], submit: Submit, query: Query, name: str
) -> None:
    """Status, headers, keys, types and status word of each reply are those of the sample."""
    speaker, asked, word = WAYS[name]
    known, at = sample(name), speakers[speaker]
    reply = submit(at=at, prompt=f"a boat (simulate {asked})" if asked else "a boat")
    assert reply.status_code == known["status"]
    for header in known["headers"]:
        assert reply.headers[header].startswith(known["headers"][header])
    if "text" in known:
        assert reply.text == known["text"]
        return
    body = query(at, reply.json()["task_id"], word) if word else reply.json()
    assert shape(body) == shape(known["body"])
    if name == "error-400-moderation":
        assert shape(json.loads(body["message"])) == shape(json.loads(known["body"]["message"]))


@pytest.mark.parametrize(
    ("name", "fields"),
    [("error-404-model", {"model": "sora-2"}), ("error-400", {"duration_seconds": 99})],
)
def test_refusals_have_the_shape_of_the_samples(submit: Submit, name: str, fields: dict[str, Any]) -> None:
    """An unknown model is a 404, a wrong value a 400, each with its code."""
    reply, known = submit(**fields), sample(name)
    assert (reply.status_code, shape(reply.json())) == (known["status"], shape(known["body"]))
    assert reply.json()["error"]["code"] == known["body"]["error"]["code"]


@pytest.mark.parametrize(("name", "path"), [("error-404-task", "/videos/nobody"), ("models", "/models")])
def test_other_replies_have_the_shape_of_the_samples(
    simulator: Simulator, web: httpx.Client, name: str, path: str
) -> None:
    """So has what is answered without a task, at the root too."""
    known = sample(name)
    for url in (simulator.url("aioagi"), simulator.url("aioagi").replace("/aioagi", "")):
        reply = web.get(url + path, headers=KEY)
        assert (reply.status_code, shape(reply.json())) == (known["status"], shape(known["body"]))


def test_the_model_of_the_page_is_listed(simulator: Simulator, web: httpx.Client) -> None:
    """GET /models names it."""
    reply = web.get(simulator.url("aioagi") + "/models", headers=KEY).json()
    assert [row["id"] for row in reply["data"]] == [MODEL]
