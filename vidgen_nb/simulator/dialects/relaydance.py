"""RelayDance, from its own page (api-reference/generate-video, /get-prediction, /errors) and what is known behind it.

The page shows a flat query reply. Two more were seen there, because it is a derivative of New API: choose them by
`Simulator(shapes={"relaydance": "wrapper"})` or `"openai"`. The limits of the models are those of Volcengine Ark and of
public clients; the page says only that they depend on the model.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from vidgen_nb.records import Json, MediaKind, Reply, Status
from vidgen_nb.simulator.dialects import Route, bearer, checked, media, one_of
from vidgen_nb.simulator.task import Ask, Reference, Refusal, Role, View

NAME = "relaydance"
BASE = ""
TASK_ID = "task_{}"
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive")
MOST: Mapping[MediaKind, int] = {"image": 9, "video": 3, "audio": 3}

key = bearer


class Model(NamedTuple):
    """Its resolutions (the default first), its seconds, and its sound: None where the request chooses."""

    resolutions: tuple[str, ...]
    seconds: range
    sound: bool | None = None


MODELS = {
    "doubao-seedance-2-0-720p": Model(("720p",), range(4, 16)),
    "doubao-seedance-2-0-1080p": Model(("1080p",), range(4, 16)),
    "doubao-seedance-2-0-480p": Model(("480p",), range(4, 16)),
    "doubao-seedance-2-0-mini-720p": Model(("720p",), range(4, 16)),
    "doubao-seedance-2-0-mini-480p": Model(("480p",), range(4, 16)),
    "doubao-seedance-2-0-fast-260128": Model(("720p", "480p"), range(4, 16)),
    "dreamina-seedance-2-0-260128": Model(("720p", "480p", "1080p"), range(4, 16)),
    "dreamina-seedance-2-0-fast-260128": Model(("720p", "480p"), range(4, 16)),
    "dreamina-seedance-2-0-mini-260615": Model(("720p", "480p"), range(4, 16)),
    "seedance-1-5-pro-with-audio": Model(("720p", "480p", "1080p"), range(4, 13), True),
    "seedance-1-5-pro-no-audio": Model(("720p", "480p", "1080p"), range(4, 13), False),
}


# ── the request ───────────────────────────────────────────────────────────────
def read(body: Json) -> Ask:
    if isinstance(body, dict) and "callback_url" in body:
        raise Refusal("InvalidRequest", "callback_url must be inside metadata, not at the top level")
    fields = {"model": str, "prompt": str, "seconds": str, "metadata": dict}
    given = checked(body, fields, required=("model", "prompt"))
    if given["model"] not in MODELS:
        raise Refusal("ModelNotFound", f"model {given['model']!r} does not exist; GET /v1/models lists what does")
    model, seconds = MODELS[given["model"]], given.get("seconds", "5")
    if not given["prompt"].strip():
        raise Refusal("InvalidRequest", "prompt is required")
    if not re.fullmatch(r"[1-9][0-9]?", seconds) or int(seconds) not in model.seconds:
        raise Refusal("InvalidRequest", f"seconds {seconds!r} is not offered; it takes '4' to '{model.seconds[-1]}'")
    extras = _metadata(given.get("metadata", {}), model)
    references = extras.pop("references")
    _check_mentions(given["prompt"], references)
    return Ask(model=given["model"], prompt=given["prompt"], seconds=int(seconds), references=references, **extras)


def _metadata(given: Json, model: Model) -> dict[str, Any]:
    fields = {
        "ratio": str, "resolution": str, "generate_audio": bool, "callback_url": str, "content": list,
        "seed": int,  # not on the page: New API's channel for these models hands it on
    }  # fmt: skip
    checked(given, fields, "metadata")
    references = _references(given.get("content", []))
    framed = any(each.role != "reference" for each in references)
    ratio = given.get("ratio", "adaptive" if framed else "16:9")
    resolution = given.get("resolution", model.resolutions[0])
    one_of(ratio, RATIOS, "metadata.ratio")
    one_of(resolution, model.resolutions, "metadata.resolution")
    sound = given.get("generate_audio", True if model.sound is None else model.sound)  # Ark's default is true
    if model.sound not in (None, sound):
        raise Refusal("InvalidRequest", f"metadata.generate_audio {sound} contradicts the name of the model")
    if not -1 <= given.get("seed", 0) < 2**32:
        raise Refusal("InvalidRequest", f"metadata.seed {given['seed']} is out of range: -1 to {2**32 - 1}")
    callback = given.get("callback_url", "")
    if callback and not re.fullmatch(r"https?://[^\s/]+\S*", callback):
        raise Refusal("InvalidRequest", "metadata.callback_url must be an http(s):// URL")
    return {
        "ratio": ratio, "resolution": resolution, "audio": sound, "seed": given.get("seed"),
        "callback_url": callback, "references": references,
    }  # fmt: skip


def _references(content: list[Json]) -> tuple[Reference, ...]:
    references = []
    for index, entry in enumerate(content):
        where = f"metadata.content[{index}]"
        kinds = [kind for kind in get_args(MediaKind) if isinstance(entry, dict) and entry.get("type") == f"{kind}_url"]
        if not kinds:
            raise Refusal("InvalidRequest", f"{where}.type must be one of image_url, video_url, audio_url")
        kind: MediaKind = kinds[0]
        checked(entry, {"type": str, f"{kind}_url": dict, "role": str}, where, ("type", f"{kind}_url", "role"))
        holder = checked(entry[f"{kind}_url"], {"url": str}, f"{where}.{kind}_url", ("url",))
        frames = ("first_frame", "last_frame") if kind == "image" else ()
        one_of(entry["role"], (f"reference_{kind}", *frames), f"{where}.role")
        role: Role = entry["role"] if entry["role"] in frames else "reference"
        references.append(Reference(kind, media(holder["url"], kind, f"{where}.{kind}_url.url"), role))
    _check_together(references)
    return tuple(references)


def _check_together(references: list[Reference]) -> None:
    roles = [each.role for each in references]
    for kind, most in MOST.items():
        count = sum(each.kind == kind and each.role == "reference" for each in references)
        if count > most:
            raise Refusal("InvalidRequest", f"metadata.content has {count} {kind} references; at most {most} are taken")
    if "reference" in roles and len(set(roles)) > 1:
        raise Refusal("InvalidRequest", "metadata.content mixes references with first_frame or last_frame")
    if roles.count("first_frame") > 1 or roles.count("last_frame") > roles.count("first_frame"):
        raise Refusal("InvalidRequest", "metadata.content takes one first_frame, and one last_frame only with it")
    if references and all(each.kind == "audio" for each in references):
        raise Refusal("InvalidRequest", "metadata.content has only audio: give an image or a video with it")


def _check_mentions(prompt: str, references: tuple[Reference, ...]) -> None:
    """@image1 … count the reference images in the order of content[]."""
    images = sum(each.kind == "image" and each.role == "reference" for each in references)
    for number in re.findall(r"@image([0-9]+)", prompt):
        if not 1 <= int(number) <= images:
            raise Refusal("InvalidRequest", f"prompt names @image{number}, but metadata.content has {images} of them")


# ── the replies ───────────────────────────────────────────────────────────────
STATUSES = (Status.QUEUED, Status.RUNNING, Status.SUCCEEDED, Status.FAILED)
PAGE = dict(zip(STATUSES, ("submitted", "running", "succeeded", "failed"), strict=True))
GATEWAY = dict(zip(STATUSES, ("SUBMITTED", "IN_PROGRESS", "SUCCESS", "FAILURE"), strict=True))
OPENAI = dict(zip(STATUSES, ("queued", "in_progress", "completed", "failed"), strict=True))


def flat(view: View) -> Json:
    """The documented reply of a query, and, with only its first two fields, of a submission."""
    reply: dict[str, Json] = {"task_id": view.task.id, "status": PAGE[view.status]}
    if view.url:
        metadata = {"ratio": view.task.ask.ratio, "resolution": view.task.ask.resolution}
        reply |= {"url": view.url, "format": "mp4", "metadata": metadata}
    if view.error[0]:
        reply["error"] = {"code": view.error[0], "message": view.error[1]}
    return reply


def wrapper(view: View) -> Json:
    """New API's own: the id is a row's number, and on a failure `result_url` holds the error's text."""
    task, model, failed = view.task, view.task.ask.model, " ".join(view.error).strip()
    born, started, finished = (int(moment or 0) for moment in (task.created, view.started, view.finished))
    return {"code": "success", "message": "", "data": {
        "id": task.number, "created_at": born, "updated_at": finished or started or born, "task_id": task.id,
        "platform": "54", "user_id": 1, "group": "default", "channel_id": 1, "quota": 50_000, "action": "generate",
        "status": GATEWAY[view.status], "fail_reason": failed, "result_url": failed or view.url,
        "submit_time": born, "start_time": started, "finish_time": finished, "progress": f"{view.progress}%",
        "properties": {"input": task.ask.prompt, "upstream_model_name": model, "origin_model_name": model},
        "data": {"id": f"cgt-{task.number:05}", "model": model, "content": {"video_url": view.url}},
    }}  # fmt: skip


def openai_submit(view: View) -> Json:
    """OpenAI's video object, as New API answers a submission with it."""
    return {
        "id": view.task.id, "task_id": view.task.id, "object": "video", "model": view.task.ask.model,
        "status": "queued", "progress": 0, "created_at": int(view.task.created),
    }  # fmt: skip


def openai(view: View) -> Json:
    """OpenAI's video object; `metadata.url` is "" and `completed_at` set before there is a clip, as New API has it."""
    reply = openai_submit(view) | {
        "status": OPENAI[view.status], "progress": view.progress, "metadata": {"url": view.url},
        "completed_at": int(view.finished or view.started or view.task.created),
    }  # fmt: skip
    if view.error[0]:
        reply["error"] = {"message": view.error[1], "code": view.error[0]}
    return reply


def models() -> Json:
    rows = [{"id": name, "object": "model", "created": 1_626_777_600, "owned_by": "doubao"} for name in MODELS]
    return {"object": "list", "data": rows}


def refuse(refusal: Refusal) -> Reply:
    """Status and envelope by the page's table of errors; where it gives no body, New API's."""
    kind, said = refusal.kind, refusal.message
    headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    if kind == "ServerError":
        return Reply(502, None, {"content-type": "text/html"}, BAD_GATEWAY)
    if kind in ERRORS:
        status, name = ERRORS[kind]
        return Reply(status, {"error": {"message": said, "type": name}}, headers)
    status, code = CODES.get(kind, (400, "invalid_request"))
    if kind == "ModerationRejected":  # the vendor's own error, as JSON inside the message
        inner = {"code": "InputImageSensitiveContentDetected.PrivacyInformation", "message": said, "type": "BadRequest"}
        said = json.dumps({"error": inner})
    return Reply(status, {"code": code, "message": said, "data": None})


ERRORS = {
    "AuthError": (401, "authentication_error"),
    "PermissionDenied": (403, "permission_error"),
    "ModelNotFound": (404, "model_not_found"),
    "NotFound": (404, "invalid_request_error"),
    "RateLimited": (429, "rate_limit_error"),
}
CODES = {"InsufficientBalance": (403, "insufficient_user_quota"), "TaskNotFound": (404, "task_not_exist")}
BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>502 Bad Gateway</body>\r\n</html>\r\n"
GENERATIONS, VIDEOS = "/v1/video/generations", "/v1/videos"
ROUTES = (
    Route("POST", GENERATIONS, "submit", flat, {"wrapper": openai_submit, "openai": openai_submit}),
    Route("GET", GENERATIONS + "/{task_id}", "query", flat, {"wrapper": wrapper, "openai": openai}),
    Route("GET", VIDEOS + "/{task_id}", "query", openai),
    Route("GET", VIDEOS + "/{task_id}/content", "content"),
    Route("GET", "/v1/models", "models", models),
)
