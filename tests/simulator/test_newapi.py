"""The New API dialect against its page, what the gateway's code does, and the samples of its replies."""

import base64
import http.server
import io
import json
import os
import queue
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.task import Ask

SAMPLES = Path(__file__).parents[1] / "samples" / "newapi"
KEY = {"Authorization": "Bearer sk-any"}
GENERATIONS, VIDEOS = "/v1/video/generations", "/v1/videos"
URL = "https://e.com/x.png"
BARE = "iVBORw0KGgo="  # base64 without a head
Post = Callable[..., httpx.Response]

# The three commands of the page, as they stand there; then the two of RelayDance's, which has the same path.
PAGE = r"""
curl https://你的newapi服务器地址/v1/video/generations \
--request POST \
--header 'Authorization: ' \
--header 'Content-Type: application/json' \
--data '{
"model": "kling-v1",
"prompt": "一个穿着宇航服的宇航员在月球上行走, 高品质, 电影级",
"size": "1920x1080",
"image": "https://h2.inkwai.com/bs2/upload-ylab-stunt/se/ai_portal_queue_mmu_image_upscale_aiweb/3214b798-e1b4-4b00-b7af-72b5b0417420_raw_image_0.jpg",
"duration": 5,
"metadata": {
"seed": 20231234,
"negative_prompt": "模糊",
"image_tail": "https://h1.inkwai.com/bs2/upload-ylab-stunt/1fa0ac67d8ce6cd55b50d68b967b3a59.png"
}
}'
---
curl https://你的newapi服务器地址/v1/video/generations \
--request POST \
--header 'Authorization: ' \
--header 'Content-Type: application/json' \
--data '{
"model": "jimeng_vgfm_t2v_l20",
"prompt": "一个穿着宇航服的宇航员在月球上行走",
"image": "https://h2.inkwai.com/bs2/upload-ylab-stunt/se/ai_portal_queue_mmu_image_upscale_aiweb/3214b798-e1b4-4b00-b7af-72b5b0417420_raw_image_0.jpg",
"metadata": {
"req_key": "jimeng_vgfm_i2v_l20",
"image_urls": [
"https://h2.inkwai.com/bs2/upload-ylab-stunt/se/ai_portal_queue_mmu_image_upscale_aiweb/3214b798-e1b4-4b00-b7af-72b5b0417420_raw_image_0.jpg"
],
"aspect_ratio": "16:9"
}
}'
---
curl https://你的newapi服务器地址/v1/video/generations \
--request POST \
--header 'Authorization: ' \
--header 'Content-Type: application/json' \
--data '{
"model": "viduq1",
"prompt": "一个穿着宇航服的宇航员在月球上行走, 高品质, 电影级",
"size": "1920x1080",
"image": "https://prod-ss-images.s3.cn-northwest-1.amazonaws.com.cn/vidu-maas/template/image2video.png",
"duration": 5,
"metadata": {
"duration": 5,
"seed": 0,
"resolution": "1080p",
"movement_amplitude": "auto",
"bgm": false,
"payload": "",
"callback_url": "https://your-callback-url.com/webhook"
}
}'
"""
RELAYDANCE = r"""
curl https://relaydance.com/v1/video/generations \
-H "Authorization: Bearer $RELAYDANCE_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"model": "doubao-seedance-2-0-1080p",
"prompt": "A timelapse of storm clouds rolling over a mountain range",
"seconds": "10",
"metadata": {
"ratio": "16:9",
"resolution": "1080p",
"generate_audio": true
}
}'
---
curl https://relaydance.com/v1/video/generations \
-H "Authorization: Bearer $RELAYDANCE_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"model": "seedance-1-5-pro-with-audio",
"prompt": "@image1 rotates slowly on a marble pedestal, studio lighting",
"seconds": "5",
"metadata": {
"ratio": "1:1",
"resolution": "720p",
"content": [
{
"type": "image_url",
"image_url": { "url": "https://example.com/product.jpg" },
"role": "reference_image"
}
]
}
}'
"""


def picture(width: int, height: int) -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def film(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
    path.write_bytes(b"film")


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(speed=200, render=film) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """One for all tests of this file; each finds it without a log and a bill."""
    running.log.clear()
    running.bill.clear()
    return running


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    """One for all: making a client takes longer than most of these tests."""
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture
def post(simulator: Simulator, web: httpx.Client) -> Post:
    """POST a body made from the smallest right one; None leaves a field out."""

    def send(
        at: Simulator = simulator, path: str = GENERATIONS, headers: dict[str, str] = KEY, **fields: Any
    ) -> httpx.Response:
        body = {"model": "kling-v1", "prompt": "a boat", **fields}
        body = {name: value for name, value in body.items() if value is not None}
        return web.post(at.url("newapi") + path, json=body, headers=headers)

    return send


def until(web: httpx.Client, url: str, word: str) -> Any:
    """The first answer of a query which has this status word, wherever its shape has it."""
    deadline = time.monotonic() + 30
    while True:
        body = web.get(url, headers=KEY).json()
        if (body.get("data") or body).get("status") == word:
            return body
        assert time.monotonic() < deadline, body
        time.sleep(0.01)


# ── the page ──────────────────────────────────────────────────────────────────
def curl(command: str) -> tuple[int, Any]:
    """Run a command of a page, or, where there is no curl, send what it says."""
    if shutil.which("curl"):
        shell = command.strip().replace("curl", "curl --noproxy '*' -s -w '\\n%{http_code}'", 1)
        environment = {**os.environ, "RELAYDANCE_API_KEY": "sk-any"}
        done = subprocess.run(["sh", "-c", shell], env=environment, capture_output=True, check=True)
        body, _, status = done.stdout.decode().rpartition("\n")
        return int(status), json.loads(body)
    words = shlex.split(command.replace("\\\n", " ").replace("$RELAYDANCE_API_KEY", "sk-any"))
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word in ("-H", "--header"))
    data = next(words[i + 1] for i, word in enumerate(words) if word in ("-d", "--data"))
    reply = httpx.post(words[1], content=data, headers=headers)
    return reply.status_code, reply.json()


def at_the_root(simulator: Simulator) -> str:
    return simulator.url("newapi").removesuffix("/newapi")


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("mounted", [True, False])
def test_the_commands_of_the_page_work(simulator: Simulator, number: int, mounted: bool) -> None:
    """With the host replaced and a Bearer key: the page's own header is empty, which is a 401."""
    url = simulator.url("newapi") if mounted else at_the_root(simulator)
    command = PAGE.split("---")[number].replace("https://你的newapi服务器地址", url)
    assert curl(command)[0] == 401
    status, body = curl(command.replace("Authorization: ", "Authorization: Bearer sk-any"))
    task = simulator.bill[0]
    assert (status, body["task_id"], body["id"], task.dialect) == (200, task.id, task.id, "newapi")
    assert (body["object"], body["status"], body["progress"]) == ("video", "queued", 0)
    first = [[each.role for each in task.ask.references], task.ask.seconds, task.ask.size]
    expected = [
        [["first_frame", "last_frame"], 5, (1280, 720)],
        [["first_frame"], 5, (1280, 720)],
        [["first_frame"], 5, (1920, 1080)],
    ]
    assert first == expected[number]


@pytest.mark.parametrize("command", RELAYDANCE.split("---"))
def test_relaydance_is_still_reached_at_the_root(simulator: Simulator, web: httpx.Client, command: str) -> None:
    """Both own /v1/video/generations there: a model which New API does not have is offered on, and so is the query."""
    url = at_the_root(simulator)
    status, body = curl(command.replace("https://relaydance.com", url))
    assert (status, body["status"], simulator.bill[0].dialect) == (200, "submitted", "relaydance")
    query = web.get(f"{url}{GENERATIONS}/{body['task_id']}", headers=KEY)
    assert query.json()["task_id"] == body["task_id"]
    refused = curl(command.replace("https://relaydance.com", simulator.url("newapi")))
    assert (refused[0], refused[1]["error"]["code"]) == (503, "model_not_found")


# ── what the gateway decodes decides the film ─────────────────────────────────
TALL = picture(90, 180)
DOUBAO, SORA, JIMENG, VIDU = "doubao-seedance-2-0-260128", "sora-2", "jimeng_vgfm_t2v_l20", "viduq2"
HD = {"width": 1920, "height": 1080, "fps": 60, "n": 4, "seed": 7, "user": "me", "response_format": "url"}
FILMS: list[tuple[str, dict[str, Any], float, tuple[int, int], bool]] = [  # seconds, size and sound of the film
    ("kling-v1", {}, 5, (720, 720), False),  # no size: a square
    ("kling-v1", {"duration": 10, "size": "1280x720"}, 10, (1280, 720), False),
    ("kling-v1", {"duration": "10", "size": "1080x1920"}, 10, (720, 1280), False),
    (
        "kling-v1",
        {"duration": 10.0, "size": "16:9"},
        5,
        (720, 720),
        False,
    ),  # neither is read
    ("kling-v1", {"seconds": "10", "size": "1024x1024"}, 5, (720, 720), False),
    ("kling-v1", {"mode": "pro", "metadata": {"duration": "10", "aspect_ratio": "9:16"}}, 10, (1080, 1920), False),
    ("kling-v1", {"metadata": '{"duration": "10"}'}, 10, (720, 720), False),  # metadata as a JSON string
    ("kling-v1", {"metadata": "{duration"}, 5, (720, 720), False),
    ("kling-v1", {"image": TALL, "size": "1280x720"}, 5, (720, 1440), False),
    ("kling-v1", {"aspect_ratio": "16:9", **HD}, 5, (720, 720), False),
    (JIMENG, {}, 5, (1280, 720), False),
    (JIMENG, {"duration": 10}, 10, (1280, 720), False),
    (JIMENG, {"duration": 7, "seconds": "10", "size": "720x1280"}, 5, (1280, 720), False),
    (JIMENG, {"metadata": {"frames": 241, "aspect_ratio": "9:16"}}, 10, (720, 1280), False),
    (JIMENG, {"image": TALL}, 5, (1280, 720), False),  # the key for text passes over it
    ("jimeng_v30_pro", {"image": TALL}, 5, (1080, 2160), False),
    (VIDU, {}, 5, (1920, 1080), False),
    (VIDU, {"duration": 8, "size": "720p"}, 8, (1280, 720), False),
    (VIDU, {"duration": 8.0, "seconds": "8", **HD}, 5, (1920, 1080), False),
    (VIDU, {"metadata": {"duration": 8.0, "bgm": True, "resolution": "540p"}}, 8, (960, 540), True),
    (VIDU, {"metadata": {"aspect_ratio": "9:16"}}, 5, (1920, 1080), False),  # not in the struct
    (DOUBAO, {}, 5, (1280, 720), True),
    (DOUBAO, {"duration": 10, **HD}, 5, (1280, 720), True),  # the top-level duration is not used
    (DOUBAO, {"seconds": "10"}, 10, (1280, 720), True),
    (DOUBAO, {"seconds": "10", "metadata": {"duration": 5, "ratio": "1:1"}}, 10, (720, 720), True),
    (DOUBAO, {"metadata": {"duration": "12", "generate_audio": "false"}}, 12, (1280, 720), False),
    (DOUBAO, {"metadata": {"duration": -1, "resolution": "480p", "ratio": "9:16"}}, 5, (480, 854), True),
    (DOUBAO, {"image": TALL}, 5, (720, 1440), True),
    ("doubao-seedance-1-0-pro-250528", {"metadata": {"generate_audio": True}}, 5, (1920, 1080), False),
    ("doubao-seedance-1-0-pro-250528", {"metadata": {"frames": 48 + 5}}, 53 / 24, (1920, 1080), False),
    (SORA, {}, 4, (720, 1280), True),
    (SORA, {"seconds": "8", "size": "1280x720"}, 8, (1280, 720), True),
    (SORA, {"duration": 8, "metadata": {"seconds": "8"}}, 4, (720, 1280), True),
    ("sora-2-pro", {"seconds": "12", "size": "1792x1024"}, 12, (1792, 1024), True),
]


@pytest.mark.parametrize(("model", "fields", "seconds", "size", "audio"), FILMS, ids=lambda value: str(value)[:60])
def test_the_film_is_what_reaches_the_vendor(
    simulator: Simulator, post: Post, model: str, fields: Any, seconds: float, size: Any, audio: bool
) -> None:
    """What the channel does not decode is ignored without a word, so a wrong mapping gets another film."""
    reply = post(model=model, **fields)
    assert reply.status_code == 200, reply.text
    ask = simulator.bill[0].ask
    assert (ask.seconds, ask.size, ask.audio) == (seconds, size, audio)
    assert ask.seed is None
    assert ask.fps == 24


@pytest.mark.parametrize(
    ("model", "metadata", "seed"),
    [("kling-v1", {"seed": 7}, None), (JIMENG, {"seed": 7}, 7), (VIDU, {"seed": 7}, 7), (DOUBAO, {"seed": "7"}, 7)],
)
def test_a_seed_counts_in_the_metadata_of_three(
    simulator: Simulator, post: Post, model: str, metadata: Any, seed: int | None
) -> None:
    """Kling's struct has none, though the page's example gives it one."""
    post(model=model, metadata=metadata, seed=1)
    assert simulator.bill[0].ask.seed == seed


def content(*kinds: str, role: str = "") -> dict[str, Any]:
    link = {"url": "https://e.com/x"}
    entries = [{"type": f"{kind}_url", f"{kind}_url": link, "role": role or f"reference_{kind}"} for kind in kinds]
    return {"metadata": {"content": entries}}


REFERENCES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("kling-v1", {"image": URL}, ["first_frame"]),
    ("kling-v1", {"image": BARE, "metadata": {"image_tail": URL}}, ["first_frame", "last_frame"]),
    ("kling-v1", {"images": [URL]}, []),  # it reads the single one only
    (JIMENG, {"image": URL}, []),
    ("jimeng_vgfm_i2v_l20", {"image": URL}, ["first_frame"]),
    ("jimeng_v30", {"images": [BARE, BARE]}, ["first_frame", "last_frame"]),
    ("jimeng_v30", {}, []),
    (VIDU, {"image": URL}, ["first_frame"]),
    (VIDU, {"images": [URL, URL]}, ["first_frame", "last_frame"]),
    (VIDU, {"images": [URL, URL, URL]}, ["reference"] * 3),
    (VIDU, {"images": [URL], "metadata": {"action": "referenceGenerate"}}, ["reference"]),
    (VIDU, {"metadata": {"images": [URL, URL]}}, []),  # they are sent, to the address for text
    (VIDU, {"image": URL, "metadata": {"images": [BARE]}}, ["first_frame"]),
    (DOUBAO, {"image": URL}, ["first_frame"]),
    (DOUBAO, {"image": "asset://asset-1"}, ["first_frame"]),
    (DOUBAO, {"image": URL, **content("image", "image")}, ["reference", "reference"]),  # content replaces it
    (DOUBAO, content("image", role="first_frame"), ["first_frame"]),
    (DOUBAO, content(*["image"] * 9, *["video"] * 3, *["audio"] * 3), ["reference"] * 15),
    (DOUBAO, {"metadata": {"content": [{"type": "text", "text": "an owl"}]}}, []),
    (SORA, {"image": URL, "input_reference": URL}, []),
]


@pytest.mark.parametrize(("model", "fields", "roles"), REFERENCES, ids=lambda value: str(value)[:60])
def test_pictures_become_what_the_channel_makes_of_them(
    simulator: Simulator, post: Post, model: str, fields: Any, roles: list[str]
) -> None:
    """Frames or references by their number, their role, or the vendor's key."""
    reply = post(model=model, **fields)
    assert reply.status_code == 200, reply.text
    assert [each.role for each in simulator.bill[0].ask.references] == roles


# ── refusals ──────────────────────────────────────────────────────────────────
REFUSED: list[tuple[dict[str, Any], int, str, str]] = [  # status, code, and what the message says
    ({"model": None}, 400, "missing_model", "model field is required"),
    ({"model": 5}, 400, "invalid_request", "model must be a string"),
    ({"prompt": None}, 400, "invalid_request", "prompt is required"),
    ({"prompt": " ", "image": URL}, 400, "invalid_request", "prompt is required"),
    ({"prompt": 5}, 400, "invalid_request", "cannot unmarshal number into Go struct field TaskSubmitReq.prompt"),
    ({"seconds": 5}, 400, "invalid_request", "TaskSubmitReq.seconds of type string"),
    ({"image": [URL]}, 400, "invalid_request", "array into Go struct field TaskSubmitReq.image"),
    ({"images": URL}, 400, "invalid_request", "TaskSubmitReq.images of type []string"),
    ({"size": {"w": 1}}, 400, "invalid_request", "TaskSubmitReq.size"),
    ({"duration": -1}, 400, "invalid_seconds", "between 1 and 3600"),
    ({"duration": 3601}, 400, "invalid_seconds", "between 1 and 3600"),
    ({"model": DOUBAO, "seconds": "-1"}, 400, "invalid_seconds", "between 1 and 3600"),
    ({"metadata": {"duration": 5}}, 500, "build_request_failed", "requestPayload.duration of type string"),
    ({"metadata": {"cfg_scale": "0.5"}}, 500, "build_request_failed", "requestPayload.cfg_scale of type float64"),
    ({"metadata": {"camera_control": []}}, 500, "build_request_failed", "requestPayload.camera_control"),
    ({"model": VIDU, "metadata": {"duration": "5"}}, 500, "build_request_failed", "Payload.duration of type int"),
    ({"model": VIDU, "metadata": {"duration": 5.5}}, 500, "build_request_failed", "Payload.duration of type int"),
    ({"model": VIDU, "metadata": {"bgm": "true"}}, 500, "build_request_failed", "requestPayload.bgm of type bool"),
    ({"model": JIMENG, "metadata": {"image_urls": URL}}, 500, "build_request_failed", "requestPayload.image_urls"),
    ({"model": DOUBAO, "metadata": {"duration": "x"}}, 500, "build_request_failed", "requestPayload.duration"),
    ({"model": DOUBAO, "metadata": {"generate_audio": 1}}, 500, "build_request_failed", "Payload.generate_audio"),
    ({"model": DOUBAO, "metadata": {"content": {}}}, 500, "build_request_failed", "requestPayload.content"),
    ({"model": SORA, "size": "1920x1080"}, 400, "invalid_size", "sora-2 size is invalid"),
    ({"model": SORA, "size": "1792x1024"}, 400, "invalid_size", "sora-2 size is invalid"),
    ({"prompt": "a boat (simulate fail=weather)"}, 400, "invalid_request", "(simulate fail=weather)"),
]
VENDORS: list[tuple[str, dict[str, Any], str]] = [
    ("kling-v1", {"duration": 8}, "duration '8' is not offered"),
    ("kling-v1", {"mode": "fast"}, "mode 'fast'"),
    ("kling-v1", {"metadata": {"aspect_ratio": "4:3"}}, "aspect_ratio '4:3'"),
    ("kling-v1", {"metadata": {"cfg_scale": 1.5}}, "cfg_scale 1.5 is out of range"),
    ("kling-v1", {"prompt": "x" * 2501}, "prompt is longer"),
    ("kling-v1", {"image": "boat.png"}, "image must be"),
    ("kling-v1", {"metadata": {"image_tail": "file:///x"}}, "image_tail must be"),
    (VIDU, {"size": "1920x1080"}, "resolution '1920x1080'"),  # a size is sent as the resolution
    (VIDU, {"duration": 11}, "duration 11"),
    (VIDU, {"metadata": {"movement_amplitude": "huge"}}, "movement_amplitude 'huge'"),
    (VIDU, {"image": URL, "metadata": {"action": "firstTailGenerate"}}, "images: firstTailGenerate"),
    (VIDU, {"images": [URL] * 8}, "images: referenceGenerate does not take 8"),
    (DOUBAO, {"seconds": "3"}, "duration 3"),
    (DOUBAO, {"seconds": "16"}, "duration 16"),
    (DOUBAO, {"metadata": {"ratio": "2:1"}}, "ratio '2:1'"),
    (DOUBAO, {"metadata": {"seed": 2**32}}, "seed 4294967296"),
    (DOUBAO, {"metadata": {"frames": 29}}, "frames is not offered"),
    (DOUBAO, {"images": [URL, URL]}, "content[0].role ''"),  # the gateway gives them no role
    (DOUBAO, content("video", role="first_frame"), "content[0].role 'first_frame'"),
    (DOUBAO, content("audio"), "only audio"),
    (DOUBAO, content(*["image"] * 10), "more than 9 images"),
    (DOUBAO, {"metadata": {"content": [{"type": "image_url", "role": "first_frame"}]}}, "content[0].image_url.url"),
    ("doubao-seedance-2-0-fast-260128", {"metadata": {"resolution": "1080p"}}, "resolution '1080p'"),
    ("doubao-seedance-1-5-pro-251215", {"seconds": "13"}, "duration 13"),
    ("doubao-seedance-1-0-lite-t2v", {"image": URL}, "does not take 1 images"),
    ("doubao-seedance-1-0-lite-i2v", {}, "does not take 0 images"),
    (SORA, {"seconds": "5"}, "seconds 5 is not offered"),
]
JIMENGS: list[tuple[str, dict[str, Any], str]] = [
    (JIMENG, {"metadata": {"frames": 100}}, "frames 100"),
    (JIMENG, {"metadata": {"aspect_ratio": "2:1"}}, "aspect_ratio '2:1'"),
    ("jimeng_vgfm_i2v_l20", {}, "does not take 0 images"),
    ("jimeng_vgfm_i2v_l20", {"images": [URL, URL]}, "does not take 2 images"),
    ("jimeng_v30", {"images": [URL, BARE]}, "are mixed"),
    ("jimeng_v30", {"images": [BARE, URL]}, "are mixed"),
    ("jimeng_v30", {"image": "A" * 6_600_000}, "more than 4.7 MB"),
]


@pytest.mark.parametrize(("fields", "status", "code", "said"), REFUSED, ids=lambda value: str(value)[:50])
def test_the_gateway_refuses_with_a_code(
    simulator: Simulator, post: Post, fields: Any, status: int, code: str, said: str
) -> None:
    """What its code cannot decode or will not pass on: {code, message, data}, the field named, nothing billed."""
    reply = post(**fields)
    assert reply.status_code == status
    assert reply.json() == {"code": code, "message": reply.json()["message"], "data": None}
    assert said in reply.json()["message"]
    assert simulator.bill == []


@pytest.mark.parametrize(("model", "fields", "said"), VENDORS, ids=lambda value: str(value)[:50])
def test_the_vendor_refuses_in_its_own_json(
    simulator: Simulator, post: Post, model: str, fields: Any, said: str
) -> None:
    """Its body is handed on as a string of JSON in the message; nothing is billed."""
    reply = post(**{"model": model, **fields})
    assert (reply.status_code, reply.json()["code"], reply.json()["data"]) == (400, "fail_to_fetch_task", None)
    vendor = json.loads(reply.json()["message"])
    assert said in vendor.get("error", vendor)["message"]
    assert simulator.bill == []


@pytest.mark.parametrize(("model", "fields", "said"), JIMENGS, ids=lambda value: str(value)[:50])
def test_jimeng_refuses_with_a_number(simulator: Simulator, post: Post, model: str, fields: Any, said: str) -> None:
    """Its code comes as a string, in a 500."""
    reply = post(model=model, **fields)
    assert (reply.status_code, reply.json()["code"]) == (500, "50215")
    assert said in reply.json()["message"]
    assert simulator.bill == []


def test_the_doors_refuse_in_their_envelope(simulator: Simulator, web: httpx.Client, post: Post) -> None:
    """A wrong key 401, an unknown model 503 and no permission 403 are {error: {message, type, code}}; no money is a
    task's 403, too many requests a 429 without a body, an unknown task a 400, an unknown address a 404."""
    doors = [post(headers={}), post(model="veo-3"), post(prompt="a boat (simulate refuse=permission)")]
    assert [reply.status_code for reply in doors] == [401, 503, 403]
    assert [reply.json()["error"]["code"] for reply in doors] == ["", "model_not_found", "access_denied"]
    assert all(reply.json()["error"]["type"] == "new_api_error" for reply in doors)
    poor = post(headers={"Authorization": "Bearer sk-poor"})
    assert (poor.status_code, poor.json()["code"]) == (403, "insufficient_user_quota")
    busy = post(headers={"Authorization": "Bearer sk-busy"})
    assert (busy.status_code, busy.content, busy.headers["retry-after"]) == (429, b"", "1")
    url = simulator.url("newapi")
    for path in (GENERATIONS, VIDEOS):
        unknown = web.get(f"{url}{path}/task_no", headers=KEY)
        expected = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
        assert (unknown.status_code, unknown.json()) == (400, expected)
    assert web.get(f"{url}/v1/nothing", headers=KEY).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": NaN}', b"\xff", b'{"model": ["kling-v1"]}'])
def test_a_body_which_is_no_request_is_refused(simulator: Simulator, web: httpx.Client, body: bytes) -> None:
    """Whatever the bytes are, the answer is a 400 and not a crash."""
    url, headers = simulator.url("newapi") + GENERATIONS, {**KEY, "Content-Type": "application/json"}
    assert web.post(url, content=body, headers=headers).status_code == 400


# ── the life of a task ────────────────────────────────────────────────────────
STEPS = {  # of a channel: the words and percents of its queue and its run
    "kling-v1": ("SUBMITTED", "10%", "IN_PROGRESS", "30%"),
    JIMENG: ("QUEUED", "10%", "IN_PROGRESS", "30%"),
    VIDU: ("SUBMITTED", "10%", "IN_PROGRESS", "30%"),
    DOUBAO: ("QUEUED", "10%", "IN_PROGRESS", "50%"),
    SORA: ("QUEUED", "20%", "IN_PROGRESS", "0%"),
}


@pytest.mark.parametrize("model", STEPS)
def test_the_wrapper_describes_a_life(simulator: Simulator, web: httpx.Client, post: Post, model: str) -> None:
    """The row's number is no task id, percents are steps, and result_url is left out until there is something in it."""
    url = simulator.url("newapi")
    queued, low, running, high = STEPS[model]
    for asked, word, percent in (("queued=9999", queued, low), ("queued=0 seconds=99999", running, high)):
        task_id = post(model=model, prompt=f"a boat (simulate {asked})").json()["task_id"]
        row = until(web, f"{url}{GENERATIONS}/{task_id}", word)["data"]
        assert (row["id"], row["task_id"], row["progress"]) == (simulator.bill[-1].number, task_id, percent)
        assert "result_url" not in row
    task_id = post(model=model).json()["task_id"]
    body = until(web, f"{url}{GENERATIONS}/{task_id}", "SUCCESS")
    assert (body["code"], body["data"]["progress"], body["data"]["fail_reason"]) == ("success", "100%", "")
    link = body["data"]["result_url"]
    if model == SORA:  # the gateway's own address, which needs the key
        assert link == f"{url}{VIDEOS}/{task_id}/content"
        assert web.get(link).status_code == 401
    else:
        assert link.split("?")[0] in json.dumps(body["data"]["data"])
    assert web.get(link, headers=KEY).content == b"film"
    assert web.get(f"{url}{VIDEOS}/{task_id}/content", headers=KEY).content == b"film"


@pytest.mark.parametrize("model", STEPS)
def test_a_failure_is_in_the_place_of_the_url(simulator: Simulator, web: httpx.Client, post: Post, model: str) -> None:
    """result_url falls back to the text of the error, which is no address."""
    task_id = post(model=model, prompt="a boat (simulate fail=moderation)").json()["task_id"]
    row = until(web, f"{simulator.url('newapi')}{GENERATIONS}/{task_id}", "FAILURE")["data"]
    assert row["result_url"] == row["fail_reason"] != ""
    assert "sensitive" in row["result_url"].lower()


def test_the_film_s_address_before_there_is_a_film(simulator: Simulator, web: httpx.Client, post: Post) -> None:
    """404 for no task, 400 with the gateway's word for one that is not done, both as {error: {message, type}}."""
    url = simulator.url("newapi") + VIDEOS
    task_id = post(prompt="a boat (simulate queued=9999)").json()["task_id"]
    for name, status, said in (("task_no", 404, "Task not found"), (task_id, 400, "not completed yet, current status")):
        reply = web.get(f"{url}/{name}/content", headers=KEY)
        assert (reply.status_code, reply.json()["error"]["type"]) == (status, "invalid_request_error")
        assert said in reply.json()["error"]["message"]


@pytest.mark.parametrize("model", STEPS)
def test_openai_s_object_differs_by_channel(simulator: Simulator, web: httpx.Client, post: Post, model: str) -> None:
    """At /v1/videos, where one can submit too: an empty URL before the end with two of them, none ever with Sora, and
    a completed_at that is no sign of completion."""
    url = simulator.url("newapi") + VIDEOS
    made = post(path=VIDEOS, model=model, prompt="a boat (simulate queued=0 seconds=99999)").json()
    body = until(web, f"{url}/{made['id']}", "in_progress")
    assert body.get("metadata") == ({"url": ""} if model in (DOUBAO, JIMENG) else None)
    assert ("completed_at" in body) == (model != SORA)
    body = until(web, f"{url}/{post(path=VIDEOS, model=model).json()['id']}", "completed")
    assert (body["object"], body["progress"]) == ("video", 100)
    assert body["model"] == (model if model in (DOUBAO, SORA) else "")
    assert ("metadata" in body) == (model != SORA)
    failed = post(path=VIDEOS, model=model, prompt="a boat (simulate fail=upstream)").json()["id"]
    assert until(web, f"{url}/{failed}", "failed")["error"]["message"]


def test_the_models_are_listed(simulator: Simulator, web: httpx.Client) -> None:
    """GET /v1/models names those of every channel, beside a `success`."""
    body = web.get(simulator.url("newapi") + "/v1/models", headers=KEY).json()
    assert (body["success"], body["object"]) == (True, "list")
    assert {*STEPS, "viduq1", "kling-v2-master"} <= {row["id"] for row in body["data"]}


class Webhook(http.server.BaseHTTPRequestHandler):
    received: queue.SimpleQueue[Any]

    def do_POST(self) -> None:
        self.received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the name of the class above
        """A test prints nothing."""


def test_a_webhook_hears_the_vendor(simulator: Simulator, post: Post) -> None:
    """metadata.callback_url goes to the vendor, so what comes has the vendor's id and not the gateway's."""
    Webhook.received = queue.SimpleQueue()
    server = http.server.HTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        task_id = post(model=DOUBAO, metadata={"callback_url": address}).json()["task_id"]
        body = Webhook.received.get(timeout=20)
    finally:
        server.shutdown()
        server.server_close()
    assert body["status"] == "succeeded"
    assert body["id"].startswith("cgt-")
    assert task_id not in body.values()


# ── the samples ───────────────────────────────────────────────────────────────
SHAPES = ("", "before-2026", "task-id", "gemini", "docs", "openai")


@pytest.fixture(scope="module")
def speakers(running: Simulator) -> Iterator[dict[str, Simulator]]:
    """A simulator for each of the shapes."""
    made = {"": running}
    for name in SHAPES[1:]:
        made[name] = Simulator(speed=200, shapes={"newapi": name}, render=film)
        made[name].start()
    yield made
    for name in SHAPES[1:]:
        made[name].stop()


def shape(value: Any) -> Any:
    """The keys and types of a JSON value; the vendor's own JSON is only that."""
    if isinstance(value, dict):
        return {key: "vendor's" if key == "data" and "fail_reason" in value else shape(value[key]) for key in value}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


class Way:
    """How a reply like a sample is had: the shape, the request, and the word of the query to wait for."""

    def __init__(self, shape: str = "", asked: str = "", word: str = "", **fields: Any) -> None:
        self.shape, self.word, self.fields = shape, word, fields
        self.prompt = f"a boat (simulate {asked})" if asked else "a boat"


LONG = "queued=0 seconds=99999"
WAYS = {
    "submit": Way(),
    "submit-sora": Way(model=SORA),
    "submit-kling-2025": Way("before-2026"),
    "submit-task-id": Way("task-id"),
    "submit-docs": Way("docs"),
    "query-wrapper-submitted": Way("", "queued=9999", "SUBMITTED"),
    "query-wrapper-queued": Way("", "queued=9999", "QUEUED", model=JIMENG),
    "query-wrapper-in-progress": Way("", LONG, "IN_PROGRESS"),
    "query-wrapper-doubao-running": Way("", LONG, "IN_PROGRESS", model=DOUBAO),
    "query-wrapper-success-kling": Way("", "", "SUCCESS"),
    "query-wrapper-success-vidu": Way("", "", "SUCCESS", model=VIDU),
    "query-wrapper-success-doubao": Way("", "", "SUCCESS", model=DOUBAO),
    "query-wrapper-success-sora": Way("", "", "SUCCESS", model=SORA),
    "query-wrapper-success-2025": Way("before-2026", "", "SUCCESS"),
    "query-wrapper-failure": Way("", "fail=upstream", "FAILURE"),
    "query-wrapper-failure-moderation": Way("", "fail=moderation", "FAILURE", model=DOUBAO),
    "query-gemini-queued": Way("gemini", "queued=9999", "queued"),
    "query-gemini-processing": Way("gemini", LONG, "processing"),
    "query-gemini-succeeded": Way("gemini", "", "succeeded"),
    "query-gemini-failed": Way("gemini", "fail=upstream", "failed"),
    "query-flat-queued": Way("docs", "queued=9999", "queued"),
    "query-flat-in-progress": Way("docs", LONG, "in_progress"),
    "query-flat-completed": Way("docs", "", "completed"),
    "query-flat-failed": Way("docs", "fail=upstream", "failed"),
    "query-openai-in-progress": Way("openai", LONG, "in_progress", model=DOUBAO),
    "query-openai-completed": Way("openai", "", "completed"),
    "query-openai-completed-sora": Way("openai", "", "completed", model=SORA),
    "error-400-prompt": Way(prompt=" "),
    "error-400-seconds": Way(duration=-1),
    "error-400-size": Way(model=SORA, size="1x1"),
    "error-400-vendor": Way("", "refuse=moderation"),
    "error-401": Way("", "refuse=auth"),
    "error-403-access": Way("", "refuse=permission"),
    "error-403-quota": Way("", "refuse=quota"),
    "error-429-empty": Way("", "refuse=busy"),
    "error-500-build": Way(metadata={"duration": 5}),
    "error-500-do-request": Way("", "refuse=internal"),
    "error-502": Way("", "refuse=server"),
    "error-503-model": Way(model="kling-v9"),
    "error-400": Way("docs", prompt=" "),
    "error-401-page": Way("docs", "refuse=auth"),
    "error-403-page": Way("docs", "refuse=permission"),
    "error-500": Way("docs", "refuse=internal"),
}


@pytest.mark.parametrize("name", sorted(WAYS.keys() & {path.stem for path in SAMPLES.glob("*.json")}))
def test_replies_have_the_shape_of_the_samples(
    speakers: dict[str, Simulator], web: httpx.Client, post: Post, name: str
) -> None:
    """Status, headers, keys, types and status word of each reply are those of the sample."""
    sample, way = json.loads((SAMPLES / f"{name}.json").read_text("utf-8")), WAYS[name]
    reply = post(at=speakers[way.shape], **{"prompt": way.prompt, **way.fields})
    if way.word:
        url = speakers[way.shape].url("newapi")
        body = until(web, f"{url}{GENERATIONS}/{reply.json()['task_id']}", way.word)
        assert shape(body) == shape(sample["body"])
        return
    assert reply.status_code == sample["status"]
    assert {*sample["headers"]} <= {*reply.headers}
    if "text" in sample:
        assert reply.text == sample["text"]
    else:
        assert shape(reply.json()) == shape(sample["body"])


@pytest.mark.parametrize(("name", "path"), [("error-400-no-task", f"{GENERATIONS}/task_no"), ("models", "/v1/models")])
def test_other_replies_have_the_shape_of_the_samples(
    simulator: Simulator, web: httpx.Client, name: str, path: str
) -> None:
    """So has what is answered without a task."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    reply = web.get(simulator.url("newapi") + path, headers=KEY)
    assert (reply.status_code, shape(reply.json())) == (sample["status"], shape(sample["body"]))


def test_a_docs_query_is_refused_as_the_page_has_it(speakers: dict[str, Simulator], web: httpx.Client) -> None:
    """The page's envelope is used for every refusal of a status which it lists."""
    reply = web.get(f"{speakers['docs'].url('newapi')}{GENERATIONS}/task_no", headers=KEY)
    assert (reply.status_code, sorted(reply.json())) == (400, ["code", "message", "param", "type"])
    assert reply.json()["code"] is None
