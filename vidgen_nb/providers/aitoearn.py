"""AiToEarn: Seedance models behind one asynchronous API on two sites, aitoearn.cn and aitoearn.ai.

Choose the site with the option "site" ("cn", or "intl"): a key of one site is not valid on the other
(docs.aitoearn.ai/zh/use/api-key). AiToEarn answers everything, errors too, with HTTP 200: only a `code` of 0 in the
body is a success.

What is known comes from AiToEarn's own pages and, where they are silent, from its open-source server: that one gives
codes and warnings, never limits, because the hosted service may differ.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field

from vidgen_nb.errors import Problem
from vidgen_nb.providers import contract
from vidgen_nb.providers.contract import (
    Audios,
    Found,
    Images,
    Listing,
    Model,
    Number,
    Options,
    Reading,
    Refusal,
    Videos,
)
from vidgen_nb.records import UNKNOWN_COST, Call, Cost, Json, MediaKind, MediaLimits, Medium, Reply, Status, Warned

NAME = "aitoearn"
TITLE = "AiToEarn"
SITES = {"cn": "https://aitoearn.cn", "intl": "https://aitoearn.ai"}
BASE_URL = SITES["cn"]
KEY = "AITOEARN_API_KEY"
BASE = "AITOEARN_BASE_URL"
AUTH = ("X-Api-Key", "{key}")
REPORTS_PROGRESS = False
FAILED_BILLING = "AiToEarn does not document whether failed tasks are billed."
OPEN_CATALOGUE = True  # the list of models asks for no key
SEARCH = "AiToEarn lists the video tasks of the key's account."
CONSOLE = "aitoearn.cn or aitoearn.ai, whichever the key is for"

# ── facts ─────────────────────────────────────────────────────────────────────
CHECKED = "2026-11-20"
DOCS = "docs.aitoearn.ai/api-reference"
PAGE = f"{DOCS}/post-api-ai-video-generations"
TASK_PAGE = f"{DOCS}/get-api-ai-video-generations-task-id"
MODELS_PAGE = f"{DOCS}/get-api-ai-models-video-generation"
SERVER = "github.com/yikart/AiToEarn"
_ANYWAY = f"({PAGE}, checked {CHECKED}; check=False sends it anyway)"


def _row(name: str, resolutions: str, ratios: str, first: int = 4) -> Model:
    """`first`: the shortest duration, in seconds: a number on the page, though MODELS_PAGE lists whole ones."""
    takes = {
        "duration": contract.Between(first, 15),
        "resolution": tuple(resolutions.split()),
        "aspect_ratio": tuple(ratios.split()),
    }
    return Model(name, takes, source=f"{PAGE}; {MODELS_PAGE}", checked=CHECKED, default=name == DEFAULT_MODEL)


DEFAULT_MODEL = "seedance-2-fast-beta"  # the first of the page's list
MODELS: tuple[Model, ...] = (
    _row("seedance-2-fast-beta", "480p 720p", "21:9 16:9 4:3 1:1 3:4 9:16"),
    _row("seedance-2-beta", "720p", "21:9 16:9 4:3 1:1 3:4 9:16"),
    _row("seedance-2-beta-1080p", "1080p", "16:9 9:16 1:1", first=8),
)
API_WIDE = Model(TITLE, {"resolution": ("480p", "720p", "1080p")}, source=PAGE, checked=CHECKED)

MOST_IMAGES, MOST_REFERENCES = 9, 12  # image and images together; images, videos and audios together
_SOURCE = f"{PAGE}, checked {CHECKED}"
MEDIA = {
    "image": MediaLimits(max_count=MOST_IMAGES, source=_SOURCE),
    "reference_images": MediaLimits(max_count=MOST_IMAGES, source=_SOURCE),
    "reference_videos": MediaLimits(
        max_count=3,
        formats=("mp4", "mov"),
        max_bytes=50 * 2**20,
        seconds=(2, 15),
        total_seconds=15,
        ratio=(0.4, 2.5),
        width=(300, 6000),
        pixels=(409_600, 2_086_876),
        fps=(24, 60),
        source=_SOURCE,
    ),
    "reference_audios": MediaLimits(
        max_count=3, formats=("wav", "mp3"), max_bytes=15 * 2**20, seconds=(2, 15), total_seconds=15, source=_SOURCE
    ),
}
TAKES_DATA: frozenset[MediaKind] = frozenset()  # the page knows URLs only
UPLOAD = "upload it (docs.aitoearn.ai/zh/use/asset-upload) and give its https:// URL"

# The pages only say that `status` is a string. These are the open-source server's words (task-status.enum.ts: NOT_START
# SUBMITTED QUEUED InProgress UNKNOWN SUCCESS FAILURE), then those it knows of a relay (relay-video.service.ts).
STATES: Mapping[str, Status] = {
    **dict.fromkeys(("notstart", "submitted", "queued"), Status.QUEUED),
    **dict.fromkeys(("inprogress", "unknown"), Status.RUNNING),
    **dict.fromkeys(("success", "succeeded", "succeed", "completed", "complete"), Status.SUCCEEDED),
    **dict.fromkeys(("failure", "failed", "error"), Status.FAILED),
}

# Inside HTTP 200. 12301 (the call of the model failed), 500 and 19001 (a server of theirs failed) prove nothing.
REFUSALS: tuple[Refusal, ...] = (
    Refusal("10002", "InvalidRequest", PAGE),
    Refusal("400", "InvalidRequest", f"{SERVER}: global-exception.filter.ts"),
    Refusal("401", "AuthError", PAGE),
    Refusal("12000", "AuthError", f"{SERVER}: response-code.enum.ts (UserNotFound); its web client: not logged in"),
    Refusal("12001", "InsufficientBalance", f"{SERVER}: its web client shows it as too few credits"),
    Refusal("12002", "ProviderRefused", f"{SERVER}: response-code.enum.ts (UserStorageExceeded)"),
    Refusal("12003", "PermissionDenied", f"{SERVER}: response-code.enum.ts (UserStatusError)"),
    Refusal("12300", "ModelNotFound", PAGE),
    Refusal("12310", "InvalidRequest", f"{PAGE} (an unsupported mode of generation)"),
    Refusal("12801", "InvalidRequest", f"{PAGE} (no such group_id)"),
    Refusal("19000", "AuthError", f"{SERVER}: response-code.enum.ts (ApiKeyInvalid)"),
    Refusal("12302", "TaskNotFound", TASK_PAGE),
    Refusal("12303", "TaskNotFound", f"{SERVER}: response-code.enum.ts (AiLogNotFound)"),
)


# ── the request ───────────────────────────────────────────────────────────────
def _whole(value: float) -> float:
    """5.0 is 5, and goes out as 5."""
    return int(value) if value.is_integer() else value


def _addresses(value: object) -> object:
    """The page's two forms of `image`, one address or a list, kept apart: they need not mean the same to the server."""
    if isinstance(value, list | tuple):
        return tuple(_address(item) for item in value)
    return None if value is None else _address(value)


def _address(value: object) -> Medium:
    if isinstance(value, Medium):
        return value
    if isinstance(value, str) and re.fullmatch(r"(?i)(https?|asset)://[^\s/?#]\S*", value):
        return Medium("image", url=value)
    raise ValueError(f"takes an https:// URL or a list of them: for a file, {UPLOAD}")


Seconds = Annotated[Number, Field(allow_inf_nan=False), AfterValidator(_whole)]
Addresses = Annotated[Medium | tuple[Medium, ...] | None, BeforeValidator(_addresses)]


class Request(contract.Request):
    """What AiToEarn takes, in the common vocabulary."""

    prompt: str = Field(description="What the clip shows, in 1 to 4000 characters.")
    model: str | None = Field(None, min_length=1, description="Model name, as the live catalogue lists it.")
    duration: Seconds | None = Field(None, description="Length in seconds.")
    aspect_ratio: str | None = Field(None, validation_alias="ratio", description='Width to height, such as "16:9".')
    resolution: str | None = Field(None, description='"480p", "720p" or "1080p", as the model takes it.')
    image: Addresses = Field(
        None, description="One reference image by URL, or a list of them. With reference_images at most 9."
    )
    reference_images: Images = Field(
        (), validation_alias="images", description="Up to 9 images by URL; at most 12 references of all kinds."
    )
    reference_videos: Videos = Field(
        (), validation_alias="videos", description="Up to 3 videos by URL, mp4 or mov, 2 to 15 s, 15 s together."
    )
    reference_audios: Audios = Field(
        (), validation_alias="audios", description="Up to 3 sounds by URL, wav or mp3, 2 to 15 s, 15 s together."
    )
    group_id: str | None = Field(
        None, validation_alias="groupId", description="Asset group into which AiToEarn saves the finished clip."
    )
    source: Literal["ai_video", "ai_draft_generation", "plugin"] | None = Field(
        None, description="What AiToEarn books the credits under."
    )


REFERENCES = ("image", "reference_images", "reference_videos", "reference_audios")


def rules(request: Request) -> list[Problem]:
    """Every limit which neither the model's row nor `MEDIA` can show."""
    return [Problem(parameter, f"{message} {_ANYWAY}") for parameter, message in _breaches(request)]


def advise(request: Request) -> list[Warned]:
    """What a person should know before paying, because the page is silent about it."""
    seconds = request.duration
    if seconds is not None and seconds != int(seconds):
        whole = f"{seconds:g} s: the page takes a number, but lists of models hold whole seconds only ({MODELS_PAGE})"
        return [Warned("duration", whole), *(Warned(parameter, message) for parameter, message in _advice(request))]
    return [Warned(parameter, message) for parameter, message in _advice(request)]


def _media(request: Request, name: str) -> tuple[Medium, ...]:
    value = getattr(request, name)
    return value if isinstance(value, tuple) else (value,) if value else ()


def _breaches(request: Request) -> Iterator[tuple[str, str]]:
    length = len(request.prompt)
    if not 1 <= length <= 4000:
        yield "prompt", f"has {length} characters: 1 to 4000 are taken"
    counts = {name: len(_media(request, name)) for name in REFERENCES}
    images, total = counts["image"] + counts["reference_images"], sum(counts.values())
    if images > MOST_IMAGES and counts["image"] and counts["reference_images"]:
        yield "image", f"and reference_images are {images} images together: at most {MOST_IMAGES} are taken"
    if total > MOST_REFERENCES:
        given = [name for name, count in counts.items() if count]
        yield given[0], f"{' and '.join(given)} are {total} references together: at most {MOST_REFERENCES} are taken"


def _advice(request: Request) -> Iterator[tuple[str, str]]:
    prompt, server = request.prompt, "AiToEarn's open-source server"
    if command := re.search(r"\s(--[A-Za-z0-9_]+)", prompt):
        left = [name for name in ("duration", "aspect_ratio", "resolution") if name not in request.given]
        missing = ", ".join([*left, "a seed", "a watermark"])
        yield "prompt", f"{server} cuts it off at {command[1]} and takes what was not given from the rest: {missing}"
    if not prompt.strip():
        yield "prompt", f"{server} refuses a blank one"
    if len(prompt) <= 4000 < len(prompt.encode("utf-16-le", "surrogatepass")) // 2:
        yield "prompt", "a server in JavaScript counts an emoji as two characters, and so more than 4000"
    if isinstance(request.image, Medium) and not any(_media(request, name) for name in REFERENCES[1:]):
        yield "image", f"{server} starts the clip with a lone image; the page only calls it a reference"
    if request.reference_audios and not any(_media(request, name) for name in REFERENCES[:-1]):
        yield "reference_audios", f"{server} refuses audio without a reference image or video"


# ── the wire ──────────────────────────────────────────────────────────────────
def submit(request: Request, options: Options) -> Call:
    """POST /api/ai/video/generations. The model is always in the body: the page requires it."""
    image = [contract.data_uri(medium) for medium in _media(request, "image")]
    body = {
        "model": request.model or DEFAULT_MODEL,
        "prompt": request.prompt,
        "groupId": request.group_id,
        "image": image[0] if isinstance(request.image, Medium) else image,
        "images": [contract.data_uri(medium) for medium in request.reference_images],
        "videos": [contract.data_uri(medium) for medium in request.reference_videos],
        "audios": [contract.data_uri(medium) for medium in request.reference_audios],
        "resolution": request.resolution,
        "ratio": request.aspect_ratio,
        "duration": request.duration,
        "source": request.source,
    }
    return Call("POST", "/api/ai/video/generations", json=contract.without_none(body))


def read_submit(reply: Reply) -> Reading:
    """The answer to `submit`. No task id without `code` 0: nothing then proves that a task exists."""
    return read_poll(reply)


def poll(task: contract.Task, options: Options) -> Call:
    """GET /api/ai/video/generations/{task_id}."""
    return Call("GET", f"/api/ai/video/generations/{quote(task.id, safe='')}")


def read_poll(reply: Reply) -> Reading:
    """The answer to `poll`. The clip is `data.videoUrl`; `data.input.videoUrl` is a reference that was sent."""
    data = _data(reply)
    task_id = _name(data, "id")
    if not task_id:
        code, said = contract.error_words(reply)
        return Reading() if data is not None else Reading(code=code, said=said)
    word = contract.first(data, "status")
    status = STATES.get(contract.plain(word))
    failed = status is Status.FAILED
    return Reading(
        task_id,
        word,
        urls=contract.urls(data, "videoUrl") if status is Status.SUCCEEDED else (),
        said=contract.first(data, "error.message", "error") if failed else "",
        code=contract.first(data, "error.code") if failed else "",
        cost=_cost(data),
    )


def _data(reply: Reply) -> Json:
    """`data` of a success, None for everything else."""
    code = contract.dig(reply.body, "code")
    success = reply.ok and isinstance(code, int | float) and not isinstance(code, bool) and code == 0
    return contract.dig(reply.body, "data") if success else None


def _name(place: Json, key: str) -> str:
    value = contract.dig(place, key)
    return value.strip() if isinstance(value, str) else ""


def _cost(data: Json) -> Cost:
    """The price of a submission, `data.points` by docs.aitoearn.ai/zh/use/video-generation.

    PAGE does not list it, so that 0 is not trusted to mean free.
    """
    points = contract.dig(data, "points")
    if isinstance(points, bool) or not isinstance(points, int | float) or not 0 < points < 1e9:
        return UNKNOWN_COST
    return Cost(float(points), CREDITS, "as AiToEarn answered")


CREDITS = "aitoearn credits"  # other services have credits too, and no two are ever added up


def listed(model: contract.LiveModel) -> list[contract.Listed]:
    """The prices of a live model. MODELS_PAGE says "credits", and not whether for a clip or for a second of it."""
    names = {"resolution": "resolution", "aspectRatio": "aspect_ratio", "duration": "duration"}
    rows = contract.dig(model.facts, "pricing")
    found = []
    for row in rows if isinstance(rows, list) else []:
        price = contract.dig(row, "price")
        if isinstance(price, int | float) and not isinstance(price, bool) and 0 < price < 1e9:
            when = {ours: row[name] for name, ours in names.items() if row.get(name)}
            found.append(contract.Listed(model.name, float(price), CREDITS, when=when))
    return found


PAGE_SIZE = 1000  # the most that docs.aitoearn.ai/api-reference/get-api-ai-video-generations allows
# Ours → where a listed task repeats it. References are left out: the server moves them between `image` and `images` and
# may sign their URLs anew, so that the very task which is looked for would seem to be another one.
ECHOES = {
    "model": "model",
    "prompt": "input.prompt",
    "duration": "input.duration",
    "aspect_ratio": "input.aspectRatio",
    "resolution": "input.resolution",
    "group_id": "input.groupId",
}


def search(request: Request, options: Options) -> Call:
    """GET /api/ai/video/generations: the tasks of the key's account. Nothing documents a filter."""
    return Call("GET", "/api/ai/video/generations", params={"page": 1, "pageSize": PAGE_SIZE})


def read_search(reply: Reply) -> Listing | None:
    """The listed tasks. None where a task's absence would prove nothing: an error, or a list that is not whole.

    A full page of a longer list is whole as far back as it goes, if it is newest first: no page names an order.
    """
    rows, total = contract.dig(_data(reply), "list"), contract.dig(_data(reply), "total")
    if not isinstance(rows, list) or type(total) is not int or not all(_name(row, "id") for row in rows):
        return None
    found = tuple(Found(_name(row, "id"), _epoch(contract.dig(row, "submittedAt")), _asked(row)) for row in rows)
    if total <= len(rows):
        return Listing(found)
    times = [task.submitted for task in found if task.submitted is not None]
    newest_first = len(times) == PAGE_SIZE and times == sorted(times, reverse=True)
    return Listing(found, since=times[-1]) if newest_first else None


def _asked(row: Json) -> dict[str, Json]:
    return {name: value for name, path in ECHOES.items() if (value := contract.dig(row, path)) is not None}


def _epoch(value: Json) -> float | None:
    """A time such as 2026-06-01T08:00:00.000Z in epoch seconds; None for what is none, or names no zone."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def models(options: Options) -> Call:
    """GET /api/ai/models/video/generation: what the site offers now, with limits and prices in credits."""
    return Call("GET", "/api/ai/models/video/generation")


def read_models(reply: Reply) -> list[contract.LiveModel]:
    """The models of a catalogue, with what is said of them; none where the reply is no catalogue."""
    rows = _data(reply)
    named = [(_name(row, "name"), row) for row in rows] if isinstance(rows, list) else []
    return [contract.LiveModel(name, {key: row[key] for key in row if key != "name"}) for name, row in named if name]
