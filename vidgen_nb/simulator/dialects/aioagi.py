"""AIOAGI, from its own page (api-reference/endpoint/seedance), which shows every request and no reply.

Two families of replies are likely. The one used here unless another is chosen is moxing.pro's "media" protocol: the
page's fields, its words `running` and `succeeded`, and the `error_message` it tells to read are found there and not in
the other. `Simulator(shapes={"aioagi": "openai"})` takes that other, OpenAI's video object, as MAX API, a gateway for
the same requests, sends it; "short" is the media protocol with only what MAX API reads of it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vidgen_nb.records import Json, Reply, Status
from vidgen_nb.simulator.dialects import Route, bearer, checked, media, one_of
from vidgen_nb.simulator.task import Ask, Reference, Refusal, Role, View

NAME = "aioagi"
BASE = "/v1"
TASK_ID = "{}"
MODELS = ("doubao-seedance-2-0-260128",)  # the one that the page names
RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")
RESOLUTIONS = ("480p", "720p", "1080p")
MOST_IMAGES = 9  # Seedance's own limit; the page has none

key = bearer


# ── the request ───────────────────────────────────────────────────────────────
FIELDS: Mapping[str, type] = {
    "model": str, "capability": str, "prompt": str, "input_mode": str, "control_mode": str, "aspect_ratio": str,
    "duration_seconds": int, "resolution": str, "with_audio": bool, "image": str, "end_image": str,
    "reference_images": list,
}  # fmt: skip
# What input_mode and control_mode are, by the pictures given. The page shows all but the second: that "none" goes with
# a first frame alone is MAX API's reading.
MODES: Mapping[tuple[str, ...], tuple[str, str]] = {
    (): ("text", "none"),
    ("image",): ("single_image", "none"),
    ("image", "end_image"): ("single_image", "end_frame"),
    ("reference_images",): ("multi_image", "reference"),
}


def read(body: Json) -> Ask:
    given = checked(body, FIELDS, required=("model",))
    if given["model"] not in MODELS:
        raise Refusal("ModelNotFound", f"The model {given['model']} does not exist; GET /models lists what does")
    _check_modes(given)
    prompt = given.get("prompt", "")
    if not prompt.strip() and not given.get("image"):  # a first frame may speak for itself
        raise Refusal("InvalidRequest", "prompt is required")
    if len(prompt) > 2500:
        raise Refusal("InvalidRequest", f"prompt has {len(prompt)} characters; at most 2500 are taken")
    seconds = given.get("duration_seconds", 5)  # this and the other defaults are Seedance's
    ratio = given.get("aspect_ratio", "adaptive" if "image" in given else "16:9")
    resolution = given.get("resolution", "720p")
    one_of(given.get("capability", "video_generation"), ("video_generation",), "capability")
    one_of(seconds, (-1, *range(4, 16)), "duration_seconds")
    one_of(ratio, RATIOS, "aspect_ratio")
    one_of(resolution, RESOLUTIONS, "resolution")
    return Ask(
        model=given["model"], prompt=prompt, seconds=5 if seconds == -1 else seconds,  # -1: Seedance decides
        ratio=ratio, resolution=resolution, audio=given.get("with_audio", True), references=_references(given),
    )  # fmt: skip


def _check_modes(given: Mapping[str, Any]) -> None:
    """The page requires neither mode, so one may be left out, but not be wrong."""
    pictures = tuple(name for name in ("image", "end_image", "reference_images") if name in given)
    said = " and ".join(pictures) or "no pictures"
    if pictures not in MODES:
        raise Refusal("InvalidRequest", f"{said} do not go together")
    for name, mode in zip(("input_mode", "control_mode"), MODES[pictures], strict=True):
        if given.get(name, mode) != mode:
            raise Refusal("InvalidRequest", f"{name} {given[name]!r} does not go with {said}; there it is {mode!r}")


def _references(given: Mapping[str, Any]) -> tuple[Reference, ...]:
    frames: Sequence[tuple[str, Role]] = (("image", "first_frame"), ("end_image", "last_frame"))
    references = [Reference("image", _picture(given[name], name), role) for name, role in frames if name in given]
    urls = given.get("reference_images", [])
    if "reference_images" in given and not 1 <= len(urls) <= MOST_IMAGES:
        raise Refusal("InvalidRequest", f"reference_images has {len(urls)} entries; it takes 1 to {MOST_IMAGES}")
    for index, url in enumerate(urls):
        where = f"reference_images[{index}]"
        if not isinstance(url, str):
            raise Refusal("InvalidRequest", f"{where} must be a string, not {url!r:.60}")
        references.append(Reference("image", media(url, "image", where)))
    return tuple(references)


def _picture(given: str, where: str) -> str:
    """A URL, a data URI or bare base64, as the page has it; assets are for reference_images only."""
    if given.startswith("asset:"):
        raise Refusal("InvalidRequest", f"{where} takes no asset://, only a URL, data:image/…;base64,… or base64")
    bare = re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", given)
    return media(f"data:image/png;base64,{given}" if bare else given, "image", where)


# ── the replies ───────────────────────────────────────────────────────────────
STATUSES = (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED, Status.FAILED)
PAGE = dict(zip(STATUSES, ("queued", "running", "succeeded", "failed"), strict=True))
INNER = dict(zip(STATUSES, (202, 202, 200, 400), strict=True))  # inside the body; HTTP's own is 200
OPENAI = dict(zip(STATUSES, ("queued", "in_progress", "completed", "failed"), strict=True))


def task_submitted(view: View) -> Json:
    return {
        "object": "media.task", "task_id": view.task.id, "status": PAGE[view.status],
        "status_code": INNER[view.status], "capability": "video_generation", "model": view.task.ask.model,
        "created_at": int(view.task.created),
    }  # fmt: skip


def task(view: View) -> Json:
    """The film with a watermark, which stands beside the one without, is not there: who takes it finds out."""
    moment = view.finished or view.started or view.task.created
    reply: dict[str, Json] = {**task_submitted(view), "updated_at": int(moment), "progress": view.progress}
    if view.url:
        marked = view.url.replace(".mp4?", "-watermark.mp4?")
        result = {
            "type": "video", "primary_url": view.url, "urls": [view.url], "watermark_url": marked,
            "watermark_urls": [marked], "cover_url": view.cover,
        }  # fmt: skip
        reply |= {"result": result, "error_message": "", "usage": {}}
    if view.error[0]:
        reply["error_message"] = view.error[1]
    return reply


def short(view: View) -> Json:
    reply: dict[str, Json] = {
        "object": "media.task", "task_id": view.task.id, "status": PAGE[view.status], "progress": view.progress,
    }  # fmt: skip
    if view.url:
        reply["result"] = {"url": view.url, "duration_seconds": view.task.ask.seconds}
    if view.error[0]:
        reply["error_message"] = view.error[1]
    return reply


def openai_submitted(view: View) -> Json:
    """OpenAI's video object, as MAX API answers a submission with it."""
    return {
        "id": view.task.id, "task_id": view.task.id, "object": "video", "model": view.task.ask.model,
        "status": "queued", "progress": 0, "created_at": int(view.task.created),
    }  # fmt: skip


def openai(view: View) -> Json:
    """`completed_at` is the last change, long before there is a clip; on a failure `metadata.url` is its text."""
    reply = openai_submitted(view) | {
        "status": OPENAI[view.status], "progress": view.progress, "metadata": {"url": view.url or view.error[1]},
        "completed_at": int(view.finished or view.started or view.task.created),
    }  # fmt: skip
    if view.error[0]:
        reply["error"] = {"message": view.error[1], "code": "upstream_error"}
    return reply


def models() -> Json:
    common = {"object": "model", "created": 1_626_777_600, "owned_by": "doubao"}
    rows = [{"id": name, **common, "supported_endpoint_types": ["openai-video"]} for name in MODELS]
    return {"object": "list", "data": rows}


def refuse(refusal: Refusal) -> Reply:
    """The status by the page's list. It shows no body: here are the two which MAX API has, a task's and OpenAI's."""
    kind, said = refusal.kind, refusal.message
    headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    if kind == "ServerError" and not said.endswith("internal"):  # that word asks for its own 500, not a proxy's 502
        return Reply(502, None, {"content-type": "text/html"}, BAD_GATEWAY)
    if kind == "ModerationRejected":  # the vendor's own error, as JSON inside the message
        inner = {"code": "InputImageSensitiveContentDetected.PrivacyInformation", "message": said, "type": "BadRequest"}
        said = json.dumps({"error": inner})
    if kind in TASK_ERRORS:
        status, code = TASK_ERRORS[kind]
        return Reply(status, {"code": code, "message": said, "data": None}, headers)
    status, code = ERRORS[kind]
    return Reply(status, {"error": {"message": said, "type": "max_api_error", "code": code}}, headers)


TASK_ERRORS = {
    "InsufficientBalance": (403, "insufficient_user_quota"),
    "ModerationRejected": (400, "fail_to_fetch_task"),
    "RateLimited": (429, "fail_to_fetch_task"),
    "TaskNotFound": (404, "task_not_exist"),
}
ERRORS = {
    "InvalidRequest": (400, "invalid_request_error"),
    "AuthError": (401, "invalid_api_key"),
    "PermissionDenied": (403, ""),
    "ModelNotFound": (404, "model_not_found"),
    "NotFound": (404, ""),
    "ServerError": (500, "internal_server_error"),
}
BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
ROUTES = (
    Route("POST", "/v1/videos", "submit", task_submitted, {"openai": openai_submitted}),
    Route("GET", "/v1/videos/{task_id}", "query", task, {"openai": openai, "short": short}),
    Route("GET", "/v1/models", "models", models),
)
