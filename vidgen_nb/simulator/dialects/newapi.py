"""New API, from its page (POST /v1/video/generations) and from its code (QuantumNous/new-api, August 2026).

The page documents fields which the code never decodes: what becomes of a request stands in `simulator/channels.py`.
The answers have changed with the releases. Instead of today's, `Simulator(shapes={"newapi": …})` takes:

    before-2026   the wrapper with the URL in fail_reason; a submission is answered by Kling's own body
    task-id       the same, but a submission is answered by nothing but its id
    gemini        the query of Gemini's and Vertex's channels
    docs          what the pages of the documentation show, for errors too
    openai        OpenAI's video object, which is otherwise at /v1/videos/{task_id} only
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit
from zlib import crc32

from vidgen_nb.records import Json, Reply, Status
from vidgen_nb.simulator import channels
from vidgen_nb.simulator.channels import CHANNELS, TaskError, channel_of
from vidgen_nb.simulator.dialects import Route, bearer
from vidgen_nb.simulator.task import Refusal, View

NAME = "newapi"
BASE = ""
TASK_ID = "task_{}"

key = bearer
read = channels.read

STATUSES = (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED, Status.FAILED)
OPENAI = dict(zip(STATUSES, ("queued", "in_progress", "completed", "failed"), strict=True))
GEMINI = dict(zip(STATUSES, ("queued", "processing", "succeeded", "failed"), strict=True))
VENDOR = {
    "kling": dict(zip(STATUSES, ("submitted", "processing", "succeed", "failed"), strict=True)),
    "jimeng": dict(zip(STATUSES, ("in_queue", "generating", "done", "done"), strict=True)),
    "vidu": dict(zip(STATUSES, ("queueing", "processing", "success", "failed"), strict=True)),
    "doubao": dict(zip(STATUSES, ("queued", "running", "succeeded", "failed"), strict=True)),
    "sora": OPENAI,
}


# ── what the vendor says ──────────────────────────────────────────────────────
def callback(view: View) -> Json:
    """The vendor's own JSON, with its own id: what metadata.callback_url gets, and the gateway shows as data.data."""
    task, ask, channel = view.task, view.task.ask, channel_of(view.task.ask.model)
    word, url, (code, said) = VENDOR[channel][view.status], view.url, view.error
    if channel == "kling":  # whose times are milliseconds
        times = {"created_at": int(task.created * 1000), "updated_at": int(_updated(view) * 1000)}
        data: dict[str, Json] = {"task_id": f"{task.number:018}", "task_status": word, "task_status_msg": said, **times}
        if url:
            data["task_result"] = {"videos": [{"id": f"{task.number}", "url": url, "duration": f"{ask.seconds:g}"}]}
        return {"code": 0, "message": "SUCCEED", "request_id": "simulated", "data": data}
    if channel == "jimeng":
        state = {"code": 50511, "message": said} if said else {"code": 10000, "message": "Success"}
        return {**state, "request_id": "simulated", "data": {"status": word, "video_url": url}}
    if channel == "vidu":
        creations = [{"id": f"{task.number}", "url": url, "cover_url": view.cover}] if url else []
        return {"id": f"{task.number}", "state": word, "err_code": code, "credits": 0, "creations": creations}
    if channel == "doubao":
        error = {"error": {"code": code, "message": said}} if code else {}
        content = {"video_url": url}
        return {"id": f"cgt-{task.number}", "model": ask.model, "status": word, "content": content, **error}
    return _sora(view, f"video_{task.number}")


def _sora(view: View, name: str) -> dict[str, Json]:
    """OpenAI's video object as OpenAI sends it: without a URL."""
    ask = view.task.ask
    video: dict[str, Json] = {
        "id": name, "object": "video", "model": ask.model, "status": OPENAI[view.status], "progress": view.progress,
        "created_at": int(view.task.created), "seconds": f"{ask.seconds:g}", "size": f"{ask.width}x{ask.height}",
    }  # fmt: skip
    if view.finished:
        video |= {"completed_at": int(view.finished), "expires_at": int(view.finished) + 3600}
    if view.error[0]:
        video["error"] = {"code": view.error[0], "message": view.error[1]}
    return video


def _updated(view: View) -> float:
    return view.finished or view.started or view.task.created


# ── what the gateway says ─────────────────────────────────────────────────────
def submitted(view: View) -> Reply:
    task, ask = view.task, view.task.ask
    body: dict[str, Json] = {
        "id": task.id, "task_id": task.id, "object": "video", "model": ask.model, "status": "queued", "progress": 0,
        "created_at": int(task.created),
    }  # fmt: skip
    if channel_of(ask.model) == "sora":
        body |= _sora(view, task.id)
    return Reply(200, body, {"x-new-api-other-ratios": json.dumps(ask.echo.get("ratios", {}))})


def submitted_as_kling(view: View) -> Json:
    """Kling's body, from August to October 2025; by the other channels the id alone."""
    task_id, body = view.task.id, callback(view)
    if channel_of(view.task.ask.model) != "kling":
        return {"task_id": task_id}
    data = {name: body["data"][name] for name in ("task_status", "created_at", "updated_at")}
    return {**body, "task_id": task_id, "data": {"task_id": task_id, **data}}


def wrapper(view: View, before_2026: bool = False) -> Json:
    """`data.id` is a row's number. On a failure result_url holds the error's text; while it is empty it is left out;
    before 2026 there was none, and the URL was where the reason of a failure would be."""
    task, model, reason, url = view.task, view.task.ask.model, _reason(view), _result(view)
    channel, born = channel_of(model), int(task.created)
    status, progress = _step(view)
    row = {
        "id": task.number, "created_at": born, "updated_at": int(_updated(view)), "task_id": task.id,
        "platform": CHANNELS[channel].number, "user_id": 1, "group": "default", "channel_id": 1,
        "quota": 50_000, "action": task.ask.echo["action"], "status": status,
        "fail_reason": url if before_2026 and url else reason,
        "submit_time": born, "start_time": int(view.started or 0), "finish_time": int(view.finished or 0),
        "progress": f"{progress}%",
        "properties": {"input": "", "upstream_model_name": model, "origin_model_name": model},
        "data": callback(view),
    }  # fmt: skip
    if not before_2026 and (url or reason):
        row["result_url"] = url or reason
    return {"code": "success", "message": "", "data": row}


def _step(view: View) -> tuple[str, int]:
    """The gateway's word, and its percent, which is a step and no measure; only Sora says how far it is."""
    channel = channel_of(view.task.ask.model)
    if view.status is Status.QUEUED:
        return ("SUBMITTED", 10) if channel in ("kling", "vidu") else ("QUEUED", 20 if channel == "sora" else 10)
    if view.status is Status.RUNNING:
        return "IN_PROGRESS", {"doubao": 50, "sora": view.progress}.get(channel, 30)
    return "SUCCESS" if view.status is Status.SUCCEEDED else "FAILURE", 100


def _result(view: View) -> str:
    """The vendor's URL. Sora has none: there it is the gateway's own address of the film, which needs the key."""
    if not view.url or channel_of(view.task.ask.model) != "sora":
        return view.url
    origin = urlsplit(view.url)
    return f"{origin.scheme}://{origin.netloc}/{NAME}/v1/videos/{view.task.id}/content"


def _reason(view: View) -> str:
    """Why it failed; Vidu gives a code and no words."""
    return view.error[0 if channel_of(view.task.ask.model) == "vidu" else 1]


def gemini(view: View) -> Json:
    data = {"error": None, "format": "mp4", "metadata": None, "status": GEMINI[view.status], "task_id": view.task.id}
    return {"code": "success", "message": "", "data": {**data, "url": _result(view) or _reason(view)}}


def flat(view: View) -> Json:
    """The reply of the documentation, which today's code never sends."""
    ask, body = view.task.ask, {"task_id": view.task.id, "status": OPENAI[view.status]}
    if view.url:
        (width, height), seed = ask.size, ask.seed or 0
        film = {"duration": float(ask.seconds), "fps": ask.fps, "width": width, "height": height, "seed": seed}
        return {**body, "url": _result(view), "format": "mp4", "metadata": film}
    return {**body, "error": {"code": 500, "message": _reason(view)}} if view.error[0] else body


def openai(view: View) -> Json:
    """OpenAI's video object, as each channel fills it: only Doubao gives a model and the task_id, Doubao and Jimeng an
    empty URL before there is one, Kling its milliseconds; and `completed_at` is set long before completion."""
    task, channel, vendor = view.task, channel_of(view.task.ask.model), callback(view)
    if channel == "sora":
        return _sora(view, task.id)
    body: dict[str, Json] = {
        "id": task.id, "object": "video", "model": "", "status": OPENAI[view.status], "progress": _step(view)[1],
        "created_at": int(task.created), "completed_at": int(_updated(view)),
    }  # fmt: skip
    if channel == "doubao":
        body |= {"model": task.ask.model, "task_id": task.id}
    if channel == "kling":
        body |= {"created_at": vendor["data"]["created_at"], "completed_at": vendor["data"]["updated_at"]}
        body |= {"seconds": vendor["data"]["task_result"]["videos"][0]["duration"]} if view.url else {}
    if view.url or channel in ("doubao", "jimeng"):
        body["metadata"] = {"url": view.url}
    if view.error[0]:
        codes = {"kling": "", "jimeng": str(vendor.get("code"))}
        body["error"] = {"message": _reason(view), "code": codes.get(channel, view.error[0])}
    return body


def models() -> Json:
    rows = [
        {"id": model, "object": "model", "created": 1_626_777_600, "owned_by": name,
         "supported_endpoint_types": ["openai-video"]}
        for name, channel in CHANNELS.items() for model in channel.models
    ]  # fmt: skip
    return {"success": True, "data": rows, "object": "list"}


# ── refusals ──────────────────────────────────────────────────────────────────
def refuse(refusal: Refusal) -> Reply:
    """Three envelopes: of the doors (key, model), of a task, and of the film's address; the page has a fourth."""
    kind, said = refusal.kind, refusal.message
    if kind == "RateLimited":
        headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after is not None else {}
        return Reply(429, None, headers)
    if kind == "ServerError" and not said.endswith("internal"):  # that word asks for its own 500, not a proxy's 502
        return Reply(502, None, {"content-type": "text/html"}, BAD_GATEWAY)
    if kind == "NotFound":
        return Reply(404, {"error": {"message": said, "type": "invalid_request_error", "param": "", "code": ""}})
    status, code = (refusal.code, refusal.status)[::-1] if isinstance(refusal, TaskError) else ERRORS[kind]
    if refusal.shape == "docs" and status in (400, 401, 403, 500):
        name = "server_error" if status == 500 else "invalid_request_error"
        return Reply(status, {"code": None, "message": said, "param": "", "type": name})
    if kind in DOORS:
        said = f"{said} (request id: {crc32(said.encode()):x})"
        return Reply(status, {"error": {"message": said, "type": "new_api_error", "code": code}})
    if refusal.does == "content":
        if kind == "TaskNotFound":
            return Reply(404, {"error": {"message": "Task not found", "type": "invalid_request_error"}})
        return Reply(400, {"error": {"message": said, "type": "invalid_request_error"}})
    if kind == "ModerationRejected":  # the vendor's own error, as JSON inside the message
        inner = {"code": "InputImageSensitiveContentDetected.PrivacyInformation", "message": said, "type": "BadRequest"}
        said = json.dumps({"error": inner})
    return Reply(status, {"code": code, "message": code if kind == "TaskNotFound" else said, "data": None})


DOORS = ("AuthError", "PermissionDenied", "ModelNotFound")
ERRORS = {
    "AuthError": (401, ""),
    "PermissionDenied": (403, "access_denied"),
    "ModelNotFound": (503, "model_not_found"),  # no channel has it: it is not to be tried again
    "InvalidRequest": (400, "invalid_request"),
    "InsufficientBalance": (403, "insufficient_user_quota"),
    "TaskNotFound": (400, "task_not_exist"),
    "ModerationRejected": (400, "fail_to_fetch_task"),
    "ServerError": (500, "do_request_failed"),
}
BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
GENERATIONS, VIDEOS = "/v1/video/generations", "/v1/videos"
SUBMISSIONS: Mapping[str, Callable[..., Json]] = {
    "before-2026": submitted_as_kling,
    "task-id": lambda view: {"task_id": view.task.id},
    "docs": lambda view: Reply(201, {"task_id": view.task.id, "status": "queued"}),
}
QUERIES: Mapping[str, Callable[..., Json]] = {
    "before-2026": partial(wrapper, before_2026=True), "task-id": partial(wrapper, before_2026=True),
    "gemini": gemini, "docs": flat, "openai": openai,
}  # fmt: skip
ROUTES = (
    Route("POST", GENERATIONS, "submit", submitted, SUBMISSIONS),
    Route("GET", GENERATIONS + "/{task_id}", "query", wrapper, QUERIES),
    Route("POST", VIDEOS, "submit", submitted, SUBMISSIONS),
    Route("GET", VIDEOS + "/{task_id}", "query", openai),
    Route("GET", VIDEOS + "/{task_id}/content", "content"),
    Route("GET", "/v1/models", "models", models),
)
