"""The AiSphere dialect against its page, and against the samples of its replies."""

import base64
import io
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
from PIL import Image

from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.task import Ask

SAMPLES = Path(__file__).parents[1] / "samples" / "aisphere"
KEY = {"Authorization": "Bearer sk-any"}
PATH = "/api/v1/video/generation"
URL = "https://e.com/x.png"
Post = Callable[..., httpx.Response]

# The one command of the page, as it stands there.
PAGE = (
    r'curl -X POST "https://api.aa.com.cn/api/v1/video/generation" \  -H "Authorization: string" \  -H "Content-Type: '
    r"""application/json" \  -d '{    "image": {      "imageUrl": "string"    },    "prompt": "string",    """
    r""""model": "string",    "_action": "string",    "headtailImages": {},    "characterImages": [      {        """
    r""""imageUrl": "string",        "type": "string",        "refName": "string"      }    ]  }'"""
)
CAMERA = re.findall(
    r"\w+",
    "horizontal_left horizontal_right vertical_up vertical_down zoom_in zoom_out crane_up quickly_zoom_in "
    "quickly_zoom_out smooth_zoom_in camera_rotation robo_arm super_dolly_out whip_pan hitchcock left_follow "
    "right_follow pan_left pan_right fix_bg",
)
V55, V5, V45, V4, V35 = MODELS = [f"aisphere-v{number}" for number in ("5.5", "5", "4.5", "4", "3.5")]


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

    def send(at: Simulator = simulator, headers: dict[str, str] = KEY, **fields: Any) -> httpx.Response:
        body = {"model": V5, "_action": "i2v", "prompt": "a boat", "image": {"imageUrl": URL}, **fields}
        body = {name: value for name, value in body.items() if value is not None}
        return web.post(at.url("aisphere") + PATH, json=body, headers=headers)

    return send


def until(web: httpx.Client, url: str, word: Any) -> Any:
    """The first answer of a query with this status word."""
    deadline = time.monotonic() + 30
    while True:
        reply = web.get(url, headers=KEY)
        if reply.json()["data"]["task_status"] == word:
            return reply.json()
        assert time.monotonic() < deadline, reply.text
        time.sleep(0.01)


# ── the page ──────────────────────────────────────────────────────────────────
def curl(command: str) -> tuple[int, Any]:
    """Run the command of the page, which its line breaks were lost from."""
    words = shlex.split(command.replace("\\  ", " "))
    if shutil.which("curl"):
        extra = ["--noproxy", "*", "-s", "-w", "\n%{http_code}"]
        done = subprocess.run([*words, *extra], capture_output=True, check=True)
        body, _, status = done.stdout.decode().rpartition("\n")
        return int(status), json.loads(body)
    headers = dict(words[i + 1].split(": ") for i, word in enumerate(words) if word == "-H")
    reply = httpx.post(words[3], content=words[words.index("-d") + 1], headers=headers)
    return reply.status_code, reply.json()


def here(simulator: Simulator, mounted: bool) -> str:
    url = simulator.url("aisphere")
    return PAGE.replace("https://api.aa.com.cn", url if mounted else url.removesuffix("/aisphere"))


@pytest.mark.parametrize("mounted", [True, False])
def test_the_command_of_the_page_is_refused_placeholder_by_placeholder(simulator: Simulator, mounted: bool) -> None:
    """As it stands it has no key; with one, the answer names each of its placeholders, and nothing is billed."""
    command = here(simulator, mounted)
    assert curl(command)[0] == 401
    status, body = curl(command.replace("Authorization: string", "Authorization: Bearer sk-any"))
    assert (status, body["code"], body["data"]) == (400, 400, None)
    left = ["image.imageUrl", "prompt", "model", "_action", "headtailImages"]
    left += [f"characterImages[0].{name}" for name in ("imageUrl", "type", "refName")]
    assert sorted(body["message"].partition("example: ")[2].split(", ")) == sorted(left)
    assert simulator.bill == []


FILLED: list[dict[str, Any]] = [
    {"image": {"imageUrl": URL}, "headtailImages": {}, "characterImages": []},
    {"image": {"imageUrl": URL}},
    {"headtailImages": {"headImageUrl": URL, "tailImageUrl": URL}},
    {"image": {}, "headtailImages": {"head": {"imageUrl": URL}, "tail": {"imageUrl": URL}}, "characterImages": []},
    {"characterImages": [{"imageUrl": URL, "type": "subject", "refName": "boat"}]},
    {"characterImages": [{"imageUrl": URL, "type": "subject", "refName": f"r{n}"} for n in range(3)]},
]


@pytest.mark.parametrize("mode", FILLED, ids=lambda mode: json.dumps(mode)[:50])
@pytest.mark.parametrize("mounted", [True, False])
def test_each_mode_filled_in_is_accepted(simulator: Simulator, mode: dict[str, Any], mounted: bool) -> None:
    """The page's command with real values in the fields of one mode, the others left out or empty."""
    words = {"model": V45, "_action": "i2v", "prompt": "@boat in the rain"}
    command = here(simulator, mounted).replace("Authorization: string", "Authorization: Bearer sk-any")
    status, body = curl(command[: command.index("{")] + json.dumps(words | mode) + "'")
    usage = dict.fromkeys(("images", "seconds", "input_tokens", "total_tokens", "output_tokens"), 0)
    data = {"urls": [], "usage": usage, "expired": "", "task_id": simulator.bill[0].id, "task_status": "queued"}
    assert status == 200
    assert body == {"code": 0, "message": "success", "data": data, "request_id": body["request_id"]}


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ({"first": URL + "?1", "last": URL + "?2"}, ["1", "2"]),
        ({"tail": {"imageUrl": URL + "?2"}, "head": {"imageUrl": URL + "?1"}}, ["1", "2"]),
        ({"images": [URL + "?1", URL + "?2"]}, ["1", "2"]),
    ],
)
def test_any_object_of_two_pictures_is_head_and_tail(simulator: Simulator, post: Post, value: Any, urls: Any) -> None:
    """Its inner keys are not documented: the first is the head, unless its own key says that it is the tail."""
    post(image=None, headtailImages=value)
    (task,) = simulator.bill
    assert [each.url[-1] for each in task.ask.references] == urls
    assert [each.role for each in task.ask.references] == ["first_frame", "last_frame"]


# ── the matrix ────────────────────────────────────────────────────────────────
CHARACTERS = [{"imageUrl": URL, "type": "subject", "refName": "boat"}]
OFFERED: list[tuple[dict[str, Any], list[str]]] = [  # what is asked, and the models which offer it
    ({"duration": 5}, MODELS),
    ({"duration": 8}, MODELS),
    ({"duration": 10}, [V55]),
    *(({"resolution": word}, MODELS) for word in ("360p", "540p", "720p", "1080p")),
    ({"seed": 0}, MODELS),
    ({"negativePrompt": "fog"}, MODELS),
    ({"motionMode": "normal", "duration": 8}, MODELS),
    ({"motionMode": "fast"}, MODELS),
    ({"motionMode": "fast", "duration": 5, "resolution": "720p"}, MODELS),
    ({"motionMode": "fast", "duration": 8}, []),
    ({"motionMode": "fast", "resolution": "1080p"}, []),
    ({"style": "normal"}, MODELS),
    *(({"style": word}, [V5, V45, V4, V35]) for word in ("anime", "3d_animation", "clay", "comic", "cyberpunk")),
    *(({"cameraMovement": word}, [V45, V4]) for word in CAMERA),
    ({"image": None, "characterImages": CHARACTERS}, [V5, V45]),
    ({"image": None, "headtailImages": {"a": URL, "b": URL}}, MODELS),
    ({"soundEffectSwitch": False}, [V5, V45, V4, V35]),
    ({"soundEffectSwitch": True, "soundEffectContent": "鸟鸣"}, [V5, V45, V4, V35]),
    ({"generateAudioSwitch": True}, [V55]),
    ({"generateMultiClipSwitch": False}, [V55]),
    *(({"thinkingType": word}, [V55]) for word in ("enabled", "disabled", "auto")),
]


@pytest.mark.parametrize(("fields", "models"), OFFERED, ids=lambda value: json.dumps(value)[:50])
def test_each_model_offers_what_the_page_says(post: Post, fields: dict[str, Any], models: list[str]) -> None:
    """Accepted by the models which the page names, refused by the others, with the field in the message."""
    for model in MODELS:
        reply = post(model=model, **fields)
        assert (reply.status_code == 200) == (model in models), (model, reply.text)
        if model not in models:
            assert reply.json()["code"] == 400
            assert any(name in reply.json()["message"] for name in fields)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model is required"),
    ({"_action": None}, "_action is required"),
    ({"_action": "t2v"}, "_action 't2v'"),
    ({"prompt": None}, "prompt is required"),
    ({"prompt": "  "}, "prompt is required"),
    ({"prompt": 5}, "prompt must be a string"),
    ({"prompt": "string"}, "example: prompt"),
    ({"duration": "5"}, "duration must be an integer"),
    ({"duration": 5.0}, "duration must be an integer"),
    ({"duration": True}, "duration must be an integer"),
    ({"duration": 6}, "duration 6"),
    ({"resolution": "480p"}, "resolution '480p'"),
    ({"seed": "1"}, "seed must be an integer"),
    ({"motionMode": "slow"}, "motionMode 'slow'"),
    ({"style": "noir"}, "style 'noir'"),
    ({"model": V45, "cameraMovement": "roll"}, "cameraMovement 'roll'"),
    ({"model": V55, "thinkingType": "on"}, "thinkingType 'on'"),
    ({"soundEffectSwitch": "true"}, "soundEffectSwitch must be true or false"),
    ({"aspectRatio": "16:9"}, "unknown field aspectRatio"),
    ({"negative_prompt": "fog"}, "unknown field negative_prompt"),
    ({"image": None}, "none is filled in"),
    ({"image": {}, "headtailImages": {}, "characterImages": []}, "none is filled in"),
    ({"image": URL}, "image must be an object"),
    ({"image": {"url": URL}}, "unknown field image.url"),
    ({"image": {"imageUrl": "boat.png"}}, "image.imageUrl must be"),
    ({"image": {"imageUrl": "asset://a"}}, "image.imageUrl must be"),
    ({"headtailImages": {"a": URL, "b": URL}}, "image and headtailImages are mixed"),
    ({"characterImages": CHARACTERS}, "image and characterImages are mixed"),
    ({"image": None, "headtailImages": {"a": URL}}, "headtailImages must hold exactly two"),
    ({"image": None, "headtailImages": {"a": URL, "b": URL, "c": URL}}, "headtailImages must hold exactly two"),
    ({"image": None, "headtailImages": {"a": URL, "b": 1}}, "headtailImages must hold exactly two"),
    ({"image": None, "headtailImages": {"a": URL, "b": "x"}}, "headtailImages.b must be"),
    ({"image": None, "headtailImages": {"a": URL, "b": URL}, "style": "anime"}, "style is not offered together"),
    ({"image": None, "characterImages": [{"imageUrl": URL, "type": "subject"}]}, "characterImages[0].refName is"),
    ({"image": None, "characterImages": [{**CHARACTERS[0], "ref": "x"}]}, "unknown field characterImages[0].ref"),
    ({"image": None, "characterImages": [{**CHARACTERS[0], "imageUrl": "x"}]}, "characterImages[0].imageUrl must"),
    ({"image": None, "characterImages": ["x"]}, "characterImages[0] must be an object"),
    ({"prompt": "a boat (simulate fail=weather)"}, "(simulate fail=weather)"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_is_not_documented_is_refused(simulator: Simulator, post: Post, fields: Any, said: str) -> None:
    """400 in the page's envelope, with a message that names the field, and nothing is booked or billed."""
    reply = post(**fields)
    body = reply.json()
    assert reply.status_code == 400
    assert body == {"code": 400, "data": None, "message": body["message"], "request_id": body["request_id"]}
    assert said in body["message"]
    assert simulator.bill == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"string"', b'{"model": NaN}', b"\xff"])
def test_a_body_which_is_no_object_is_refused(simulator: Simulator, web: httpx.Client, body: bytes) -> None:
    """Whatever the bytes are, the answer is a 400 and not a crash."""
    headers = {**KEY, "Content-Type": "application/json"}
    assert web.post(simulator.url("aisphere") + PATH, content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("fields", "seconds", "size", "audio"),
    [
        ({}, 5, (960, 540), False),
        ({"duration": 8, "resolution": "720p"}, 8, (1280, 720), False),
        ({"model": V55, "duration": 10, "resolution": "1080p", "generateAudioSwitch": True}, 10, (1920, 1080), True),
        ({"soundEffectSwitch": True, "resolution": "360p"}, 5, (640, 360), True),
        ({"image": {"imageUrl": picture(90, 180)}, "resolution": "360p"}, 5, (360, 720), False),
    ],
)
def test_the_film_is_as_it_was_asked(
    simulator: Simulator, post: Post, fields: Any, seconds: int, size: Any, audio: bool
) -> None:
    """Length, resolution and sound come from the request; the ratio from the picture, 16:9 where it is not fetched."""
    assert post(**fields).status_code == 200
    ask = simulator.bill[0].ask
    assert (ask.seconds, ask.size, ask.audio, ask.references[0].role) == (seconds, size, audio, "first_frame")


# ── keys, and what is not there ───────────────────────────────────────────────
def test_keys_and_models(simulator: Simulator, web: httpx.Client, post: Post) -> None:
    """A wrong key is a 401, a poor one a 403, a busy one a 429, an unknown model a 404; there is no list of models."""
    for word, status in (("invalid", 401), ("poor", 403), ("busy", 429)):
        reply = post(headers={"Authorization": f"Bearer sk-{word}"})
        assert (reply.status_code, reply.json()["code"]) == (status, status)
    assert reply.headers["retry-after"] == "1"
    unknown = post(model="pixverse-v6")
    assert (unknown.status_code, "pixverse-v6" in unknown.json()["message"]) == (404, True)
    assert web.get(simulator.url("aisphere") + "/api/v1/models", headers=KEY).status_code == 404
    assert web.get(f"{simulator.url('aisphere')}{PATH}/nobody", headers=KEY).json()["code"] == 404


# ── the life of a task ────────────────────────────────────────────────────────
def test_a_query_is_answered_like_the_submission(simulator: Simulator, web: httpx.Client, post: Post) -> None:
    """In the end with one URL, the moment it dies, and the seconds used."""
    made = post(prompt="a boat (simulate expires=7200)").json()
    reply = until(web, f"{simulator.url('aisphere')}{PATH}/{made['data']['task_id']}", "succeeded")
    data = reply["data"]
    assert (reply["code"], data["usage"]["seconds"], len(data["urls"])) == (0, 5, 1)
    left = datetime.fromisoformat(data["expired"]).timestamp() - time.time()
    assert 30 < left <= 7200 / 200
    assert web.get(data["urls"][0]).content == b"film"


@pytest.mark.parametrize(("kind", "said"), [("moderation", "sensitive"), ("upstream", "internal error")])
def test_a_failure_says_why(simulator: Simulator, web: httpx.Client, post: Post, kind: str, said: str) -> None:
    """The envelope has one room for words, its message."""
    task_id = post(prompt=f"a boat (simulate fail={kind})").json()["data"]["task_id"]
    reply = until(web, f"{simulator.url('aisphere')}{PATH}/{task_id}", "failed")
    assert (reply["code"], reply["data"]["urls"]) == (0, [])
    assert said in reply["message"]


@pytest.mark.parametrize(("shape", "write"), [("native", str), ("native-numbers", int)])
def test_pixverse_numbers_are_a_shape(web: httpx.Client, post: Post, shape: str, write: Callable[[int], Any]) -> None:
    """5 while it runs, 1 for a clip, 7 where the filter blocked it, 8 for any other failure."""
    with Simulator(speed=200, shapes={"aisphere": shape}, render=film) as simulator:
        for asked, number in (("seconds=9999", 5), ("seconds=1", 1), ("fail=moderation", 7), ("fail=upstream", 8)):
            made = post(at=simulator, prompt=f"a boat (simulate {asked})").json()["data"]
            assert made["task_status"] == write(5)
            until(web, f"{simulator.url('aisphere')}{PATH}/{made['task_id']}", write(number))


def test_without_a_query_every_address_says_so(web: httpx.Client, post: Post) -> None:
    """404 and 405, as a gateway says it of an address or a method it does not have; submitting works."""
    with Simulator(speed=200, shapes={"aisphere": "no-query"}, render=film) as simulator:
        url, task_id = simulator.url("aisphere"), post(at=simulator).json()["data"]["task_id"]
        paths = [f"{PATH}/{task_id}", f"/api/v1/tasks/{task_id}", f"{PATH}s/{task_id}", f"{PATH}?task_id={task_id}"]
        replies = [web.get(url + path, headers=KEY) for path in paths]
        assert [reply.status_code for reply in replies] == [404, 404, 404, 405]
        assert replies[0].text == "404 page not found"
        assert replies[3].json()["code"] == 405


def test_the_query_can_be_elsewhere(web: httpx.Client, post: Post) -> None:
    """Then a client which is told the path gets the same envelope, and one which is not gets a 404."""
    with Simulator(speed=200, shapes={"aisphere": "elsewhere"}, render=film) as simulator:
        url, task_id = simulator.url("aisphere"), post(at=simulator).json()["data"]["task_id"]
        assert web.get(f"{url}{PATH}/{task_id}", headers=KEY).status_code == 404
        assert until(web, f"{url}/api/v1/tasks/{task_id}", "succeeded")["data"]["task_id"] == task_id


def test_errors_can_hide_in_a_200(post: Post) -> None:
    """With the shape "codes" only the envelope's code tells a refusal from an answer."""
    with Simulator(shapes={"aisphere": "codes"}, render=film) as simulator:
        for reply, code in ((post(at=simulator, prompt=" "), 400), (post(at=simulator, headers={}), 401)):
            assert (reply.status_code, reply.json()["code"], reply.json()["data"]) == (200, code, None)


# ── the samples ───────────────────────────────────────────────────────────────
def shape(value: Any) -> Any:
    """The keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


WAYS = {  # of a sample: what the prompt asks for, and the word of the query to wait for
    "submit": ("queued=9999", ""),
    "query-queued": ("queued=9999", "queued"),
    "query-running": ("seconds=9999", "processing"),
    "query-succeeded": ("", "succeeded"),
    "query-failed": ("fail=upstream", "failed"),
    "query-failed-moderation": ("fail=moderation", "failed"),
    "error-400-moderation": ("refuse=moderation", ""),
    "error-401": ("refuse=auth", ""),
    "error-403": ("refuse=permission", ""),
    "error-403-balance": ("refuse=quota", ""),
    "error-429": ("refuse=busy", ""),
    "error-500": ("refuse=internal", ""),
    "error-502": ("refuse=server", ""),
}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_replies_have_the_shape_of_the_samples(simulator: Simulator, web: httpx.Client, post: Post, path: Path) -> None:
    """Status, keys and types of each reply are those of the sample; one that is not made here has the same envelope."""
    sample = json.loads(path.read_text("utf-8"))
    asked, word = WAYS.get(path.stem, ("", ""))
    reply = post(prompt=f"a boat (simulate {asked})" if asked else "a boat")
    if path.stem in WAYS and not word:
        assert reply.status_code == sample["status"]
        assert all(reply.headers[name].startswith(value) for name, value in sample["headers"].items())
    if "text" in sample:
        assert path.stem not in WAYS or reply.text == sample["text"]
        return
    body = reply.json()
    if word:
        body = until(web, f"{simulator.url('aisphere')}{PATH}/{body['data']['task_id']}", word)
    if path.stem in WAYS:
        assert shape(body) == shape(sample["body"])
    else:
        assert sorted(body) == sorted(sample["body"])
        assert sample["body"]["data"] is None or sorted(body["data"]) == sorted(sample["body"]["data"])
