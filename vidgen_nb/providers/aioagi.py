"""AIOAGI: Seedance models behind one asynchronous API, at api.aiearth.dev.

What a request takes comes from AIOAGI's own page. The page shows no reply: how replies look comes from MAX API, a New
API gateway whose makers' own client calls AIOAGI, and from moxing.pro's media protocol, which has the same fields.
Where AIOAGI is silent there are warnings, not limits.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import Field

from vidgen_nb.errors import Problem
from vidgen_nb.providers import contract, wrapped
from vidgen_nb.providers.contract import Flag, Image, Images, Integer, Model, Options, Reading, Refusal
from vidgen_nb.records import Call, Reply, Status, Warned

NAME = "aioagi"
TITLE = "AIOAGI"
BASE_URL = "https://api.aiearth.dev/v1"
KEY = "AIO_API_KEY"
BASE = "AIO_BASE_URL"
AUTH = ("Authorization", "Bearer {key}")
FAILED_BILLING = "AIOAGI does not document whether failed tasks are billed."
SEARCH = ""
CONSOLE = ""  # the page links it, and its address is not known here

# ── facts ─────────────────────────────────────────────────────────────────────
CHECKED = "2026-11-20"
PAGE = "docs.aioagi.tech/api-reference/endpoint/seedance"
MAX_API = "MAX API's source (github.com/MAX-API-Next/MAX-API)"
MOXING = "moxing.pro's page of its media protocol"
ARK = "Ark's page of video generation tasks"
_ANYWAY = f"({PAGE}, checked {CHECKED}; check=False sends it anyway)"

CAPABILITY = "video_generation"  # what the page's requests say of themselves: a constant
AUTOMATIC = -1  # as a duration: the model chooses
LONGEST_PROMPT = 2500

# What the page says of its parameters, whatever the model: also the limits of a model which it does not name.
_TAKES: Mapping[str, tuple[Any, ...]] = {
    "duration": (AUTOMATIC, *range(4, 16)),
    "aspect_ratio": ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive"),
    "resolution": ("480p", "720p", "1080p"),
    "input_mode": ("text", "single_image", "multi_image"),
    "control_mode": ("none", "end_frame", "reference"),
}
_NOTE = "AIOAGI's console has the last word on resolutions"
API_WIDE = Model(TITLE, _TAKES, source=PAGE, checked=CHECKED, note=_NOTE)
MODELS: tuple[Model, ...] = (
    Model("doubao-seedance-2-0-260128", _TAKES, source=PAGE, checked=CHECKED, default=True, note=_NOTE),
)
DEFAULT_MODEL = next(row.name for row in MODELS if row.default)

TAKES_DATA = frozenset({"image"})
FRAMES = ("first_frame", "last_frame")

# The page names queued, running, succeeded, completed and failed, "usually". The rest: MAX API's, New API's and Ark's.
STATES: Mapping[str, Status] = {
    **dict.fromkeys(("queued", "pending", "submitted", "created", "notstart"), Status.QUEUED),
    **dict.fromkeys(("running", "processing", "inprogress", "unknown"), Status.RUNNING),
    **dict.fromkeys(("succeeded", "completed", "success", "complete"), Status.SUCCEEDED),
    **dict.fromkeys(("failed", "failure", "error", "cancelled", "canceled", "expired"), Status.FAILED),
}

# `invalid_request_error` is none of them: it may stand for a moderation verdict too, and its HTTP status says enough.
# The page's HTTP 403 has three causes, balance, quota and permission: without one of these codes the words decide.
REFUSALS: tuple[Refusal, ...] = (
    Refusal("model_not_found", "ModelNotFound", f"{PAGE}; {MAX_API}: no channel for the model, with HTTP 503"),
    Refusal("invalid_api_key", "AuthError", MOXING),
    Refusal("insufficient_quota", "InsufficientBalance", MOXING),
    Refusal("insufficient_user_quota", "InsufficientBalance", MAX_API),
    Refusal("task_not_exist", "TaskNotFound", f"{MAX_API}: with HTTP 400"),
)


# ── the request ───────────────────────────────────────────────────────────────
class Request(contract.Request):
    """What AIOAGI takes, in the common vocabulary."""

    prompt: str | None = Field(
        None, description="What the clip shows: picture, action, camera, style. At most 2500 characters."
    )
    model: str | None = Field(None, min_length=1, description="Model id, as GET /models lists it for the key.")
    duration: Integer | None = Field(
        None, validation_alias="duration_seconds", description="Length in whole seconds, or -1: the model chooses."
    )
    aspect_ratio: str | None = Field(None, description='Width to height, such as "16:9", or "adaptive".')
    resolution: str | None = Field(None, description='"480p", "720p" or "1080p"; AIOAGI\'s console has the last word.')
    generate_audio: Flag | None = Field(
        None, validation_alias="with_audio", description="Make a soundtrack too, in step with the picture."
    )
    first_frame: Image = Field(
        None, validation_alias="image", description="Image the clip starts with. Excludes references."
    )
    last_frame: Image = Field(
        None, validation_alias="end_image", description="Image the clip ends with; needs first_frame."
    )
    reference_images: Images = Field((), description="Images to go by: asset:// ids of AIOAGI's asset library.")
    input_mode: str | None = Field(
        None, description='"text", "single_image" or "multi_image"; follows from the images given.'
    )
    control_mode: str | None = Field(
        None, description='"none", "end_frame" or "reference"; follows from the images given.'
    )


_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{256,}={0,2}\s*")  # longer than the name of any file


def unfold(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Make keyword arguments of a body of the page, exactly as it stands.

    `capability` is a constant, so it is checked and left out. A frame given as bare base64, which the page allows,
    becomes a data URI of the same picture: so it is probed, kept and recognised like any other data.
    """
    flat = {name: value for name, value in given.items() if name != "capability"}
    names = contract.aliases(Request)
    for name, value in flat.items():
        if names.get(name) in FRAMES and isinstance(value, str) and _BASE64.fullmatch(value):
            flat[name] = f"data:;base64,{value}"
    if given.get("capability", CAPABILITY) == CAPABILITY:
        return flat, []
    return flat, [Problem("capability", f'is always "{CAPABILITY}" here: leave it out')]


def rules(request: Request) -> list[Problem]:
    """Every limit which the model's row cannot show."""
    return [*_prompt_rules(request), *_media_rules(request), *_mode_rules(request)]


def advise(request: Request) -> list[Warned]:
    """What a person should know before paying, because AIOAGI is silent about it."""
    return [Warned(parameter, message) for parameter, message in _advice(request)]


def _modes(request: Request) -> tuple[str, str]:
    """`input_mode` and `control_mode` as the images given make them.

    The page shows three pairs: text with none, single_image with end_frame, multi_image with reference. That a first
    frame alone goes with none is moxing.pro's word and MAX API's default: a person is warned of it.
    """
    if request.reference_images:
        return "multi_image", "reference"
    if request.last_frame:
        return "single_image", "end_frame"
    return "single_image" if request.first_frame else "text", "none"


def _prompt_rules(request: Request) -> Iterator[Problem]:
    prompt = request.prompt or ""
    if not prompt.strip() and request.first_frame is None:
        yield Problem("prompt", "is needed where no first_frame speaks for itself")
    if (length := len(prompt)) > LONGEST_PROMPT:
        yield Problem("prompt", f"has {length} characters: at most {LONGEST_PROMPT} are taken {_ANYWAY}")


def _media_rules(request: Request) -> Iterator[Problem]:
    frames = [name for name in FRAMES if getattr(request, name)]
    if frames and request.reference_images:
        yield Problem(frames[0], f"excludes reference_images: input_mode is single_image or multi_image {_ANYWAY}")
    if frames == ["last_frame"]:
        yield Problem("last_frame", f"needs first_frame {_ANYWAY}")
    if request.first_frame and _is_asset(request.first_frame.url):
        yield Problem("first_frame", f"takes data or an http(s):// URL: asset:// is for reference_images {_ANYWAY}")


def _mode_rules(request: Request) -> Iterator[Problem]:
    """A mode which says something else than the images: one of the two is a slip, and the page does not say which."""
    images = [name for name in (*FRAMES, "reference_images") if getattr(request, name)]
    for name, made in zip(("input_mode", "control_mode"), _modes(request), strict=True):
        said = getattr(request, name)
        if said in _TAKES[name] and said != made:
            given = " and ".join(images) or "no image"
            yield Problem(name, f"{said} contradicts what is given: with {given} it is {made} {_ANYWAY}")


def _advice(request: Request) -> Iterator[tuple[str, str]]:
    if request.control_mode is None and _modes(request) == ("single_image", "none"):
        yield "control_mode", f'"none" is sent with a first frame alone: {MOXING} says so, AIOAGI\'s does not'
    if request.generate_audio is None:
        yield "generate_audio", "not given; AIOAGI names no default, and Ark, which runs Seedance, makes sound then"
    if request.resolution in _TAKES["resolution"] and request.resolution != "720p":
        console = "but AIOAGI's console has the last word, and its page's own requests use 720p"
        yield "resolution", f"{request.resolution} is listed, {console}"
    if request.last_frame and _is_asset(request.last_frame.url):
        yield "last_frame", "AIOAGI's page shows asset:// ids for reference_images only"
    if not all(_is_asset(medium.url) for medium in request.reference_images):
        yield "reference_images", "AIOAGI's page shows asset:// ids only: a URL or data may be refused"
    if len(request.reference_images) > 9:
        yield "reference_images", f"{len(request.reference_images)}; AIOAGI names no limit, and Ark takes 9 ({ARK})"
    prompt = request.prompt or ""
    if len(prompt) <= LONGEST_PROMPT < _utf16(prompt):
        yield "prompt", f"{_utf16(prompt)} characters where an emoji counts as two: {LONGEST_PROMPT} are taken"


def _is_asset(url: str) -> bool:
    return url[:8].lower() == "asset://"


def _utf16(text: str) -> int:
    """The length as JavaScript and Java count it: the page does not say what a character is."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# ── the wire ──────────────────────────────────────────────────────────────────
def submit(request: Request, options: Options) -> Call:
    """POST /videos. Model, capability and the two modes are always in the body, as in each of the page's."""
    input_mode, control_mode = _modes(request)
    body = {
        "model": request.model or DEFAULT_MODEL,
        "capability": CAPABILITY,
        "input_mode": request.input_mode or input_mode,
        "control_mode": request.control_mode or control_mode,
        "prompt": request.prompt,
        "image": contract.data_uri(request.first_frame) if request.first_frame else None,
        "end_image": contract.data_uri(request.last_frame) if request.last_frame else None,
        "reference_images": [contract.data_uri(medium) for medium in request.reference_images],
        "aspect_ratio": request.aspect_ratio,
        "duration_seconds": request.duration,
        "resolution": request.resolution,
        "with_audio": request.generate_audio,
    }
    return Call("POST", "/videos", json=contract.without_none(body))


def read_submit(reply: Reply) -> Reading:
    """The answer to `submit`. No task id where the reply speaks of an error."""
    return wrapped.read_accepted(reply, read_poll(reply))


def poll(task: contract.Task, options: Options) -> Call:
    """GET /videos/{task_id}."""
    return Call("GET", f"/videos/{quote(task.id, safe='')}")


# Best first, in MAX API's order (relay/channel/task/taskcommon/protocol_config.go), then where its own answers have it.
# moxing.pro's result also holds watermark_url, watermark_urls and cover_url: none of them is the clip.
_IN_RESULT = ("primary_url", "urls", "url", "video_url", "output_url")
URLS = (
    *(f"{place}.{name}" for place in ("result", "data.result") for name in _IN_RESULT),
    *("url", "video_url", "output_url", "file_url", "download_url", "result"),
    *("metadata.url", "data.metadata.url", "data.url", "data.result_url"),
)


def read_poll(reply: Reply) -> Reading:
    """The answer to `poll`: moxing.pro's media.task, OpenAI's video as MAX API sends it, or one of them inside `data`.

    moxing.pro's `status_code` (202, 200 or 400 within one body) repeats the status word and is not read.
    """
    return wrapped.read_task(reply, STATES, URLS, _why)


def _why(told: wrapped.Places) -> str:
    """The page's error_message first."""
    return wrapped.words(told, "error_message", "error.message", "fail_reason", "error")


def models(options: Options) -> Call:
    """GET /models: what this key may use, whatever it makes."""
    return Call("GET", "/models")


def read_models(reply: Reply) -> list[contract.LiveModel]:
    """The models which the key may use; none where the reply is no catalogue."""
    return wrapped.models(reply)
