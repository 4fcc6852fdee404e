"""AiToEarn, from its own pages: 生成视频 (submitting), 查询视频任务状态, 视频任务列表 and 视频生成模型.

Whatever AiToEarn itself answers comes with HTTP 200, and `code` says what it was; only a proxy in front uses another
status. What the pages leave open (defaults, some codes, when a field is left out) is as in its open-source server.
`Simulator(shapes={"aitoearn": "points"})` puts the price into the answer to a submission, as newer servers do.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any, NamedTuple

from vidgen_nb.records import Json, MediaKind, Reply, Status
from vidgen_nb.simulator.dialects import Route, checked, one_of
from vidgen_nb.simulator.task import Ask, Reference, Refusal, View

NAME = "aitoearn"
BASE = ""
TASK_ID = "{:.24}"
SIX = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")


class Model(NamedTuple):
    """Its title, resolutions (the default first), ratios, seconds, and the seconds where a request names none."""

    title: str
    resolutions: tuple[str, ...]
    ratios: tuple[str, ...] = SIX
    seconds: range = range(4, 16)
    default: int = 6


MODELS = {
    "seedance-2-fast-beta": Model("Seedance 2.0 Fast Beta", ("720p", "480p")),
    "seedance-2-beta": Model("Seedance 2.0 Beta", ("720p",)),
    "seedance-2-beta-1080p": Model("Seedance 2.0 Beta 1080p", ("1080p",), ("16:9", "9:16", "1:1"), range(8, 16), 8),
}
# What the page says of reference files. They lie elsewhere and nothing here fetches them, so only the counts are held.
CONSTRAINTS: Mapping[str, Json] = {
    "images": {"maxCount": 9},
    "videos": {
        "maxCount": 3, "formats": ["mp4", "mov"], "minDuration": 2, "maxDuration": 15, "maxTotalDuration": 15,
        "maxSizeMb": 50, "minAspectRatio": 0.4, "maxAspectRatio": 2.5, "minWidth": 300, "maxWidth": 6000,
        "minPixels": 409_600, "maxPixels": 2_086_876, "minFps": 24, "maxFps": 60,
    },
    "audios": {
        "maxCount": 3, "formats": ["wav", "mp3"], "minDuration": 2, "maxDuration": 15, "maxTotalDuration": 15,
        "maxSizeMb": 15,
    },
}  # fmt: skip
MOST_TOGETHER = 12


def key(headers: Mapping[str, str]) -> str:
    given = headers.get("x-api-key", "")
    return given if re.fullmatch(r"\S+", given) else ""


# ── the request ───────────────────────────────────────────────────────────────
FIELDS: Mapping[str, type] = {
    "model": str, "prompt": str, "groupId": str, "image": list, "images": list, "videos": list, "audios": list,
    "resolution": str, "ratio": str, "duration": float, "source": str,
}  # fmt: skip


def read(body: Json) -> Ask:
    alone = isinstance(body, dict) and isinstance(body.get("image"), str)  # a URL, or an array of them
    given = checked({**body, "image": [body["image"]]} if alone else body, FIELDS, required=("model", "prompt"))
    if len(given["prompt"].encode("utf-16-le", "surrogatepass")) > 2 * 4000:  # its server counts as JavaScript does
        raise Refusal("InvalidRequest", "prompt is too long: it takes 1 to 4000 characters")
    if given["model"] not in MODELS:
        raise Refusal("ModelNotFound", f"model {given['model']!r}")
    if not re.fullmatch(r"[0-9a-f]{24}", given.get("groupId", "0" * 24)):  # any which looks like one is there
        raise Refusal("GroupNotFound", f"groupId {given['groupId']!r}")
    model = MODELS[given["model"]]
    resolution, ratio = given.get("resolution", model.resolutions[0]), given.get("ratio", "16:9")
    seconds = given.get("duration", model.default)
    one_of(resolution, model.resolutions, "resolution")
    one_of(ratio, model.ratios, "ratio")
    one_of(given.get("source", "ai_video"), ("ai_video", "ai_draft_generation", "plugin"), "source")
    if not model.seconds[0] <= seconds <= model.seconds[-1]:
        raise Refusal("InvalidRequest", f"duration {seconds} is not {model.seconds[0]} to {model.seconds[-1]}")
    # No parameter for sound: Seedance makes one unless it is told not to.
    return Ask(
        model=given["model"], prompt=given["prompt"], seconds=seconds, ratio=ratio, resolution=resolution, audio=True,
        references=_references(given), echo=_echo(body),
    )  # fmt: skip


def _references(given: Mapping[str, Any]) -> tuple[Reference, ...]:
    names: Sequence[tuple[str, MediaKind]] = (
        ("image", "image"), ("images", "image"), ("videos", "video"), ("audios", "audio"),
    )  # fmt: skip
    references = [Reference(kind, _url(url, name)) for name, kind in names for url in given.get(name, [])]
    kinds = [each.kind for each in references]
    for kind in ("image", "video", "audio"):
        count, most = kinds.count(kind), CONSTRAINTS[f"{kind}s"]["maxCount"]
        if count > most:
            also = " with image" if kind == "image" else ""
            raise Refusal("InvalidRequest", f"{kind}s{also} are {count}; at most {most} are taken")
    if len(kinds) > MOST_TOGETHER:
        raise Refusal("InvalidRequest", f"references are {len(kinds)} together; at most {MOST_TOGETHER} are taken")
    if set(kinds) == {"audio"}:  # the vendor refuses them; that AiToEarn calls this an unsupported mode is a guess
        raise Refusal("UnsupportedMode", "audios without images or videos")
    return tuple(references)


def _url(url: Json, where: str) -> str:
    """The page speaks of URLs only: no data, no asset."""
    if not isinstance(url, str) or not re.fullmatch(r"https?://\S+", url):
        raise Refusal("InvalidRequest", f"{where} must hold http(s):// URLs, not {url!r:.60}")
    return url


def _echo(body: Mapping[str, Json]) -> dict[str, Json]:
    """The request as `input` gives it back. Its `videoUrl` is the caller's own video, never the clip."""
    asked = {name: value for name, value in body.items() if name not in ("model", "prompt", "ratio", "source")}
    ratio = {"aspectRatio": body["ratio"]} if "ratio" in body else {}
    return asked | ratio | ({"videoUrl": body["videos"][0]} if body.get("videos") else {})


# ── the replies ───────────────────────────────────────────────────────────────
WORDS = {
    Status.QUEUED: "QUEUED", Status.RUNNING: "InProgress", Status.SUCCEEDED: "SUCCESS", Status.FAILED: "FAILURE",
}  # fmt: skip


def _success(data: Json) -> Json:
    return {"code": 0, "message": "请求成功", "data": data}


def submitted(view: View) -> Json:
    return _success({"id": view.task.id, "status": "SUBMITTED"})


def submitted_with_points(view: View) -> Json:
    """Nothing is paid here."""
    return _success({"id": view.task.id, "status": "SUBMITTED", "points": 0})


def query(view: View) -> Json:
    return _success(_task(view))


def _task(view: View) -> dict[str, Json]:
    task, ask = view.task, view.task.ask
    row: dict[str, Json] = {
        "id": task.id, "model": ask.model, "status": WORDS[view.status], "input": {"prompt": ask.prompt, **ask.echo},
        "submittedAt": _time(task.created), "startedAt": _time(task.created),  # the same in its server
    }  # fmt: skip
    if view.url:
        row |= {"videoUrl": view.url, "coverUrl": view.cover}
    if view.url and "groupId" in ask.echo:  # saved there
        row |= {"mediaId": task.id[::-1], "groupId": ask.echo["groupId"]}
    if view.error[0]:
        row["error"] = {"message": view.error[1]}
    if view.finished:
        row["finishedAt"] = _time(view.finished)
    return row


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def listing(views: Sequence[View], parameters: Mapping[str, str]) -> Json:
    """One page of the list, newest first; pages count from 1, and one past the end is empty."""
    for name in parameters:
        one_of(name, ("page", "pageSize"), "parameter")
    page, size = _number(parameters, "page", 1, 2**53 - 1), _number(parameters, "pageSize", 10, 1000)
    rows = [_task(view) for view in views[(page - 1) * size : page * size]]
    pages = ceil(len(views) / size)
    return _success({"page": page, "pageSize": size, "totalPages": pages, "total": len(views), "list": rows})


def _number(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    given = parameters.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,16}", given) or not 1 <= int(given) <= most:
        raise Refusal("InvalidRequest", f"{name} {given!r:.60} is not 1 to {most}")
    return int(given)


def models() -> Json:
    return _success([
        {
            "name": name, "description": model.title, "tags": [], "creditsScope": "general",
            "modes": ["text2video", "image2video", "multi-image2video", "multi-ref"],
            "resolutions": sorted(model.resolutions), "durations": list(model.seconds), "maxInputImages": 9,
            "aspectRatios": list(model.ratios), "inputConstraints": CONSTRAINTS,
            "defaults": {"resolution": model.resolutions[0], "aspectRatio": "16:9", "duration": model.default},
            "pricing": [{"resolution": each, "price": 0} for each in sorted(model.resolutions)],  # nothing is paid here
        }
        for name, model in MODELS.items()
    ])  # fmt: skip


def refuse(refusal: Refusal) -> Reply:
    """The page's envelope, code and words. `GroupNotFound` and `UnsupportedMode` are kinds of this file's own."""
    kind, said = refusal.kind, refusal.message
    if kind == "RateLimited":  # no code is known for it, so it is a proxy's
        headers = {"content-type": "text/html", "retry-after": str(refusal.retry_after or 1)}
        return Reply(429, None, headers, PROXY.format("429 Too Many Requests"))
    if kind == "ServerError" and not said.endswith("internal"):  # that word asks for its own 500, not a proxy's 502
        return Reply(502, None, {"content-type": "text/html"}, PROXY.format("502 Bad Gateway"))
    if kind == "TaskNotFound" and not re.search(r"\b[0-9a-f]{24}\b", said):  # no id of its kind at all
        kind = "InvalidRequest"
    code, words = ERRORS[kind]
    body = {"code": code, "message": words.format(said), "data": {}, "timestamp": int(refusal.moment * 1000)}
    return Reply(200, body)


ERRORS = {
    "InvalidRequest": (10002, "参数验证失败：{}"),  # the page's words, and what is wrong
    "AuthError": (401, "Unauthorized"),
    "UnsupportedMode": (12310, "不支持的视频生成模式"),
    "ModelNotFound": (12300, "无效的 AI 模型"),
    "GroupNotFound": (12801, "素材分组未找到"),
    "TaskNotFound": (12302, "无效的 AI 任务 ID"),  # of the page 查询视频任务状态; the rest is the server's
    "InsufficientBalance": (12001, "积分不足"),
    "PermissionDenied": (12003, "用户状态错误"),
    "ModerationRejected": (12301, "AI 调用失败：InputTextSensitiveContentDetected {}"),
    "NotFound": (404, "{}"),
    "ServerError": (500, "Internal server error"),
}
PROXY = "<html>\r\n<head><title>{0}</title></head>\r\n<body>{0}</body>\r\n</html>\r\n"
GENERATIONS = "/api/ai/video/generations"
ROUTES = (
    Route("POST", GENERATIONS, "submit", submitted, {"points": submitted_with_points}),
    Route("GET", GENERATIONS + "/{task_id}", "query", query),
    Route("GET", GENERATIONS, "list", listing),
    Route("GET", "/api/ai/models/video/generation", "models", models, open=True),
)
