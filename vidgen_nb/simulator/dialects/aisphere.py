"""AiSphere, sold as 典名词元, from its only page (AI 模型接口, 视频, AiSphere: 图生视频).

The page has one endpoint and an answer of placeholders. What it leaves open is chosen here, and some other ways it may
be are there by `Simulator(shapes={"aisphere": …})`:

* How a task is queried: GET …/{task_id}, answered like the submission. "no-query": at no address (404 and 405);
  "elsewhere": only at GET /api/v1/tasks/{task_id}.
* The status words: plain English. "native": the numbers of PixVerse, whose models these are, as strings;
  "native-numbers": as numbers.
* Errors: the HTTP status says it, in the documented envelope. "codes": only the envelope's `code` does, inside a 200.
* The keys inside headtailImages: whatever object holds exactly two image URLs is taken.

What PixVerse's own API is known to want, but the page does not say (@refName in the prompt, 1080p for 5 s only, the
length of a prompt), is not refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any
from zlib import crc32

from vidgen_nb.records import Json, Reply, Status
from vidgen_nb.simulator.dialects import Route, bearer, checked, media, one_of
from vidgen_nb.simulator.task import FAILURES, Ask, Reference, Refusal, View

NAME = "aisphere"
BASE = ""
TASK_ID = "{:.16}"

key = bearer

NEWEST, OLDER = ("aisphere-v5.5",), ("aisphere-v5", "aisphere-v4.5", "aisphere-v4", "aisphere-v3.5")
FIELDS: Mapping[str, type] = {
    "model": str, "_action": str, "prompt": str, "image": dict, "headtailImages": dict, "characterImages": list,
    "duration": int, "resolution": str, "seed": int, "negativePrompt": str, "motionMode": str, "style": str,
    "soundEffectSwitch": bool, "soundEffectContent": str, "cameraMovement": str, "generateAudioSwitch": bool,
    "generateMultiClipSwitch": bool, "thinkingType": str,
}  # fmt: skip
ONLY: Mapping[str, tuple[str, ...]] = {  # the models which have a field; any other field is of all five
    "characterImages": ("aisphere-v5", "aisphere-v4.5"),
    "cameraMovement": ("aisphere-v4.5", "aisphere-v4"),
    "soundEffectSwitch": OLDER,
    "soundEffectContent": OLDER,
    "generateAudioSwitch": NEWEST,
    "generateMultiClipSwitch": NEWEST,
    "thinkingType": NEWEST,
}
WORDS: Mapping[str, tuple[str, ...]] = {
    "_action": ("i2v",),
    "resolution": ("360p", "540p", "720p", "1080p"),
    "motionMode": ("normal", "fast"),
    "style": ("anime", "3d_animation", "clay", "normal", "comic", "cyberpunk"),
    "thinkingType": ("enabled", "disabled", "auto"),
    "cameraMovement": (
        "horizontal_left", "horizontal_right", "vertical_up", "vertical_down", "zoom_in", "zoom_out", "crane_up",
        "quickly_zoom_in", "quickly_zoom_out", "smooth_zoom_in", "camera_rotation", "robo_arm", "super_dolly_out",
        "whip_pan", "hitchcock", "left_follow", "right_follow", "pan_left", "pan_right", "fix_bg",
    ),
}  # fmt: skip
MODES = ("image", "headtailImages", "characterImages")


# ── the request ───────────────────────────────────────────────────────────────
def read(body: Json) -> Ask:
    if left := _placeholders(body):
        raise Refusal("InvalidRequest", f"still placeholders of the page's example: {', '.join(left)}")
    given = checked(body, FIELDS, required=("model", "_action", "prompt"))
    model = given["model"]
    if model not in NEWEST + OLDER:
        raise Refusal("ModelNotFound", f"model {model!r} does not exist; there are {', '.join(NEWEST + OLDER)}")
    if not given["prompt"].strip():
        raise Refusal("InvalidRequest", "prompt is required")
    mode = _mode(given)
    for name, models in ONLY.items():
        if model not in models and given.get(name, []) != []:
            raise Refusal("InvalidRequest", f"{name} is not offered by {model}, only by {', '.join(models)}")
    for name, words in WORDS.items():
        if name in given:
            one_of(given[name], words, name)
    _check_together(given, mode)
    return Ask(
        model=model, prompt=given["prompt"], seconds=given.get("duration", 5),
        resolution=given.get("resolution", "540p"),  # the page names no default: PixVerse's own tools take these two
        ratio="adaptive",  # no field for it: the picture's
        audio=given.get("generateAudioSwitch", False) or given.get("soundEffectSwitch", False),
        seed=given.get("seed"), references=MODE[mode](given[mode]),
    )  # fmt: skip


def _placeholders(body: Json) -> list[str]:
    """Where the body still has what the page's example has: the word "string", and with it {} for an object."""
    left = [path for path, value in _leaves(body) if value == "string"]
    return left and left + [path for path, value in _leaves(body) if value == {}]


def _leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """The innermost values and where they are, as in "characterImages[0].imageUrl"."""
    if not value or not isinstance(value, dict | list):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else name)
    else:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")


def _mode(given: Mapping[str, Any]) -> str:
    """The one image field that is filled in. The page stars all three, so the others may be there, empty."""
    filled = [name for name in MODES if given.get(name)]
    if len(filled) != 1:
        found = f"{' and '.join(filled)} are mixed" if filled else "none is filled in"
        raise Refusal("InvalidRequest", f"{found}: give one of {', '.join(MODES)}")
    return filled[0]


def _check_together(given: Mapping[str, Any], mode: str) -> None:
    newest, seconds = given["model"] in NEWEST, given.get("duration", 5)
    one_of(seconds, (5, 8, 10) if newest else (5, 8), "duration")
    if given.get("motionMode") == "fast" and (seconds != 5 or given.get("resolution") == "1080p"):
        raise Refusal("InvalidRequest", "motionMode 'fast' is offered for duration 5 and below 1080p only")
    if "style" in given and mode == "headtailImages":
        raise Refusal("InvalidRequest", "style is not offered together with headtailImages")
    if newest and given.get("style", "normal") != "normal":
        raise Refusal("InvalidRequest", f"style {given['style']!r} is not offered by {given['model']}, only 'normal'")


def _image(value: dict[str, Any]) -> tuple[Reference, ...]:
    checked(value, {"imageUrl": str}, "image", ("imageUrl",))
    return (Reference("image", _picture(value["imageUrl"], "image.imageUrl"), "first_frame"),)


def _head_and_tail(value: dict[str, Any]) -> tuple[Reference, ...]:
    """The first is the head, unless its own key says that it is the tail."""
    found = list(_leaves(value))
    if len(found) != 2 or not all(isinstance(url, str) for _, url in found):
        raise Refusal("InvalidRequest", "headtailImages must hold exactly two image URLs, the head's and the tail's")
    (_, head), (_, tail) = sorted(found, key=lambda each: bool(re.search("tail|last|end", each[0], re.IGNORECASE)))
    for path, url in found:
        _picture(url, f"headtailImages.{path}")
    return Reference("image", head, "first_frame"), Reference("image", tail, "last_frame")


def _characters(value: list[Json]) -> tuple[Reference, ...]:
    names = ("imageUrl", "type", "refName")
    for index, each in enumerate(value):
        checked(each, dict.fromkeys(names, str), f"characterImages[{index}]", names)
        _picture(each["imageUrl"], f"characterImages[{index}].imageUrl")
    return tuple(Reference("image", each["imageUrl"]) for each in value)


def _picture(url: str, where: str) -> str:
    """The page says only "imageUrl". Data as a URL is taken too, which nobody has proven for the real one."""
    if url.startswith("asset:"):
        raise Refusal("InvalidRequest", f"{where} must be an http(s):// URL: there is no asset library")
    return media(url, "image", where)


MODE: Mapping[str, Callable[[Any], tuple[Reference, ...]]] = dict(
    zip(MODES, (_image, _head_and_tail, _characters), strict=True)
)


# ── the replies ───────────────────────────────────────────────────────────────
STATUSES = (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED, Status.FAILED)
PLAIN = dict(zip(STATUSES, ("queued", "processing", "succeeded", "failed"), strict=True))
PIXVERSE = dict(zip(STATUSES, (5, 5, 1, 8), strict=True))  # and 7, blocked by its filter
BEIJING = timezone(timedelta(hours=8))


def envelope(view: View) -> Json:
    """The page's answer. `message` is the only room in it for why a task failed."""
    return _envelope(view, PLAIN[view.status], view.error[1] or "success")


def native(view: View, write: Callable[[int], Json] = str) -> Json:
    """The same with PixVerse's number, which says by itself why a task failed."""
    blocked = view.error == FAILURES["moderation"]
    return _envelope(view, write(7 if blocked else PIXVERSE[view.status]), "success")


def _envelope(view: View, word: Json, said: str) -> Json:
    seconds = int(view.task.ask.seconds) if view.url else 0
    dies = re.search(r"expires=([\d.]+)", view.url)
    expired = datetime.fromtimestamp(float(dies[1]), BEIJING).isoformat(timespec="seconds") if dies else ""
    usage = {"images": 0, "seconds": seconds, "input_tokens": 0, "total_tokens": 0, "output_tokens": 0}
    data = {
        "urls": [view.url] if view.url else [], "usage": usage, "expired": expired,
        "task_id": view.task.id, "task_status": word,
    }  # fmt: skip
    return {"code": 0, "data": data, "message": said, "request_id": f"req-{view.task.id}"}


def no_such_address(*_: object) -> Json:
    raise Refusal("NotFound", "404 page not found")


def no_such_method(*_: object) -> Json:
    raise Refusal("MethodNotAllowed", "Method Not Allowed")


def refuse(refusal: Refusal) -> Reply:
    """The documented envelope. That HTTP statuses are used, and which, is a guess, and so are the codes."""
    kind, said = refusal.kind, refusal.message
    if kind == "NotFound":
        return Reply(404, None, {"content-type": "text/plain"}, "404 page not found")
    if kind == "ServerError" and not said.endswith("internal"):  # that word asks for its own 500, not a proxy's 502
        return Reply(502, None, {"content-type": "text/html"}, BAD_GATEWAY)
    status, words = ERRORS[kind]
    body = {"code": status, "data": None, "message": words.format(said), "request_id": f"req-{crc32(said.encode()):x}"}
    headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    return Reply(200 if refusal.shape == "codes" else status, body, headers)


ERRORS = {
    "InvalidRequest": (400, "{}"),
    "ModerationRejected": (400, "The request may contain sensitive content: {}"),
    "AuthError": (401, "Invalid API key: {}"),
    "InsufficientBalance": (403, "余额不足: {}"),
    "PermissionDenied": (403, "No access: {}"),
    "ModelNotFound": (404, "{}"),
    "TaskNotFound": (404, "{}"),
    "MethodNotAllowed": (405, "{}"),
    "RateLimited": (429, "{}"),
    "ServerError": (500, "{}"),
}
BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
GENERATION = "/api/v1/video/generation"
NATIVE: Mapping[str, Callable[..., Json]] = {"native": native, "native-numbers": partial(native, write=int)}
NOWHERE = {"no-query": no_such_address, "elsewhere": no_such_address}
ROUTES = (
    Route("POST", GENERATION, "submit", envelope, {**NATIVE, "codes": envelope}),
    Route("GET", GENERATION + "/{task_id}", "query", envelope, {**NATIVE, **NOWHERE}),
    Route("GET", GENERATION, "list", no_such_method),  # as a query with ?task_id= would find
    Route("GET", "/api/v1/tasks/{task_id}", "query", no_such_address, {"elsewhere": envelope}),
)
