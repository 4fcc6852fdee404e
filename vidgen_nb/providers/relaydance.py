"""RelayDance: Seedance models behind one asynchronous API, built on New API.

What is known comes from RelayDance's own pages, from public clients that call it, and from Ark, where the Seedance
models run. Where RelayDance is silent there are warnings, not limits.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import Field

from vidgen_nb.errors import Problem
from vidgen_nb.providers import contract, wrapped
from vidgen_nb.providers.contract import Audios, Flag, Image, Images, Integer, Model, Options, Reading, Refusal, Videos
from vidgen_nb.records import Call, MediaLimits, Medium, Reply, Status, Warned

NAME = "relaydance"
TITLE = "RelayDance"
BASE_URL = "https://relaydance.com"
NOT_IN_BASE = "/v1"  # the paths below begin with it
KEY = "RELAYDANCE_API_KEY"
BASE = "RELAYDANCE_BASE_URL"
AUTH = ("Authorization", "Bearer {key}")
FAILED_BILLING = "RelayDance documents that failed tasks are not billed."
FAILED_ARE_FREE = True
SEARCH = ""
CONSOLE = "https://relaydance.com/console"

# ── facts ─────────────────────────────────────────────────────────────────────
CHECKED = "2026-11-20"
PAGE = "relaydance.com/docs/api-reference/generate-video"
UPLOAD_PAGE = "relaydance.com/docs/upload"
NEW_API = "New API's source"
PUFFER = "github.com/berabuddies/puffer: resources/providers/relaydance.yaml"
GATEWAY = "github.com/zhangyufei820/ai-essay-editor: services/relaydance-video-gateway"
ARIA = "Aria Studio, a client by RelayDance's founder"
ARK = "Ark's page of video generation tasks"
_ANYWAY = f"({PAGE}, checked {CHECKED}; check=False sends it anyway)"


def _row(name: str, resolutions: str, source: str, last: int = 15, *, sound: str = "", default: bool = False) -> Model:
    """`last`: the longest duration. `sound`: what is fixed about it; generate_audio is for Seedance 2.0 only."""
    ratios = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")
    takes = {"duration": range(4, last + 1), "resolution": tuple(resolutions.split()), "aspect_ratio": ratios}
    lacks = frozenset({"generate_audio"} if sound else ())
    return Model(name, takes, lacks, source=source, checked=CHECKED, default=default, note=sound)


# The first source of a row states its limits, the others that the model is there.
MODELS: tuple[Model, ...] = (
    _row("doubao-seedance-2-0-1080p", "1080p", f"{GATEWAY}; {PAGE}; {PUFFER}", default=True),
    _row("doubao-seedance-2-0-720p", "720p", f"{GATEWAY}; {PUFFER}"),
    _row("doubao-seedance-2-0-480p", "480p", f"{ARK}; {ARIA}"),
    _row("doubao-seedance-2-0-fast-260128", "480p 720p", f"{GATEWAY}; {PUFFER}"),
    _row("doubao-seedance-2-0-mini-720p", "720p", f"{ARK}; {ARIA}"),
    _row("doubao-seedance-2-0-mini-480p", "480p", f"{ARK}; {ARIA}"),
    _row("dreamina-seedance-2-0-260128", "480p 720p 1080p", f"{ARK}; {GATEWAY}"),
    _row("dreamina-seedance-2-0-fast-260128", "480p 720p", f"{ARK}; {GATEWAY}"),
    _row("dreamina-seedance-2-0-mini-260615", "480p 720p", f"{ARK}; {GATEWAY}"),
    _row("seedance-1-5-pro-with-audio", "480p 720p 1080p", f"{PUFFER}; {PAGE}", 12, sound="always with sound"),
    _row("seedance-1-5-pro-no-audio", "480p 720p 1080p", PUFFER, 12, sound="always silent"),
)
DEFAULT_MODEL = next(row.name for row in MODELS if row.default)

# What RelayDance says of all its models: the limits of a model which MODELS does not list.
_WIDE = {"resolution": ("480p", "720p", "1080p"), "duration": range(1, 16)}
API_WIDE = Model(TITLE, _WIDE, source=f"relaydance.com/docs/faq; {PAGE}", checked=CHECKED)

REFERENCES = {"reference_images": 9, "reference_videos": 3, "reference_audios": 3}
MEDIA = {name: MediaLimits(max_count=most, source=f"{PAGE}, checked {CHECKED}") for name, most in REFERENCES.items()}
TAKES_DATA = frozenset({"image"})
UPLOAD = f"upload it ({UPLOAD_PAGE}) and give its https:// URL or an asset:// id"

# Role in metadata.content → the parameter and the entry's type, in the body's order. Images come before videos, so that
# @imageN means the same whether the server counts images or all entries.
ROLES: Mapping[str, tuple[str, str]] = {
    "first_frame": ("first_frame", "image_url"),
    "last_frame": ("last_frame", "image_url"),
    "reference_image": ("reference_images", "image_url"),
    "reference_video": ("reference_videos", "video_url"),
    "reference_audio": ("reference_audios", "audio_url"),
}

# The first four: relaydance.com/docs/api-reference/get-prediction. The rest: New API's words, seen by clients of
# RelayDance, then Ark's.
STATES: Mapping[str, Status] = {
    **dict.fromkeys(("submitted", "notstart", "queued"), Status.QUEUED),
    **dict.fromkeys(("running", "inprogress", "processing", "unknown"), Status.RUNNING),
    **dict.fromkeys(("succeeded", "success", "completed"), Status.SUCCEEDED),
    **dict.fromkeys(("failed", "failure", "error", "cancelled", "canceled", "expired"), Status.FAILED),
}

# `invalid_request` is none of them: it may stand for a moderation verdict too, and its HTTP status says enough.
REFUSALS: tuple[Refusal, ...] = (
    Refusal("authentication_error", "AuthError", "relaydance.com/docs/errors"),
    Refusal("insufficient_user_quota", "InsufficientBalance", NEW_API),
    Refusal("model_not_found", "ModelNotFound", f"{NEW_API}: no channel for the model, with HTTP 503"),
    Refusal("task_not_exist", "TaskNotFound", f"{NEW_API}: with HTTP 400"),
)


# ── the request ───────────────────────────────────────────────────────────────
class Request(contract.Request):
    """What RelayDance takes, in the common vocabulary."""

    prompt: str = Field(description="What the clip shows. @image1, @image2 … name the reference images in their order.")
    model: str | None = Field(None, min_length=1, description="Model id, as GET /v1/models lists it for the key.")
    duration: Integer | None = Field(None, validation_alias="seconds", description="Length in whole seconds.")
    aspect_ratio: str | None = Field(None, validation_alias="ratio", description='Width to height, such as "16:9".')
    resolution: str | None = Field(None, description='"480p", "720p" or "1080p"; a name with one takes that one.')
    generate_audio: Flag | None = Field(None, description="Make a soundtrack too (Seedance 2.0 models).")
    seed: Integer | None = Field(None, description="Passed on to the model; not on RelayDance's page.")
    first_frame: Image = Field(None, description="Image the clip starts with. Excludes references.")
    last_frame: Image = Field(None, description="Image the clip ends with; needs first_frame. Excludes references.")
    reference_images: Images = Field((), description="Up to 9 images, named @image1 … in the prompt.")
    reference_videos: Videos = Field((), description="Up to 3 videos, by https:// URL or asset:// id.")
    reference_audios: Audios = Field((), description="Up to 3 audio tracks, by https:// URL or asset:// id.")
    callback_url: str | None = Field(None, description="URL to which RelayDance posts the finished task.")


def unfold(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Flatten the page's own nesting, so that a body of the page works as keyword arguments exactly as it stands.

    Returns the parameters under flat names (ours or the page's) and what is wrong with the nesting. These problems are
    about the form: what they name is not in the result, so that check=False must not pass them. An unknown name in
    `metadata` comes out flat, for the general check to name.
    """
    flat = {name: value for name, value in given.items() if name not in {"metadata", "content"}}
    metadata = {} if given.get("metadata") is None else given["metadata"]
    if not isinstance(metadata, Mapping):
        return flat, [Problem("metadata", 'takes a dict, such as {"ratio": "16:9"}')]
    nested = [(f"metadata.{name}", str(name), value) for name, value in metadata.items() if name != "content"]
    problems: list[Problem] = []
    for place, content in (("content", given.get("content")), ("metadata.content", metadata.get("content"))):
        media, wrong = _unfold_content(place, content)
        nested += [(place, name, value) for name, value in media.items()]
        problems += wrong
    names = contract.aliases(Request)
    taken = {names.get(name, name): name for name, value in flat.items() if value is not None}
    for place, name, value in nested:
        ours = names.get(name, name)
        if value is not None and ours in taken:
            problems.append(Problem(ours, f"given twice, as {taken[ours]} and in {place}: keep one"))
        elif value is not None:
            flat[name], taken[ours] = value, place
    return flat, problems


def _unfold_content(place: str, content: object) -> tuple[dict[str, Any], list[Problem]]:
    """The entries of `metadata.content` as our parameters; an entry of any other form is a problem, never left out."""
    media: dict[str, Any] = {}
    problems: list[Problem] = []
    if content is not None and not isinstance(content, list | tuple):
        return media, [Problem(place, "takes a list of reference media")]
    for number, entry in enumerate(content or ()):
        role = contract.first(entry, "role")
        name, kind = ROLES.get(role, ("", ""))
        url = contract.dig(entry, f"{kind}.url")
        form = {"type": kind, kind: {"url": url}, "role": role}
        if not (name and url and isinstance(url, str)) or entry != form:
            pairs = ", ".join(f"{kind} with {role}" for role, (_, kind) in ROLES.items())
            problems.append(
                Problem(f"{place}[{number}]", f'must be {{"type": T, T: {{"url": "…"}}, "role": R}}; T with R: {pairs}')
            )
        elif name in REFERENCES:
            media.setdefault(name, []).append(url)
        elif name in media:
            problems.append(Problem(f"{place}[{number}]", f"is a second {role}"))
        else:
            media[name] = url
    return media, problems


def rules(request: Request) -> list[Problem]:
    """Every limit which neither the model's row nor `MEDIA` can show."""
    problems = [*_prompt_rules(request), *_media_rules(request)]
    if request.callback_url is not None and not re.fullmatch(r"(?i)https?://[^\s/?#]+\S*", request.callback_url):
        problems.append(Problem("callback_url", "must be an http:// or https:// URL"))
    return problems


def advise(request: Request) -> list[Warned]:
    """What a person should know before paying, because RelayDance is silent about it."""
    return [Warned(parameter, message) for parameter, message in _advice(request)]


def _listed(request: Request) -> Model | None:
    return next((row for row in MODELS if row.name == (request.model or DEFAULT_MODEL)), None)


def _media(request: Request, name: str) -> tuple[Medium, ...]:
    value = getattr(request, name)
    return value if isinstance(value, tuple) else (value,) if value else ()


def _cited(prompt: str, *, half_width: bool = True) -> set[int]:
    """The N of every @imageN. Chinese puts no spaces around it; URLs and e-mail addresses are left out."""
    prompt = unicodedata.normalize("NFKC", prompt) if half_width else prompt
    prompt = re.sub(r"(?ia)https?://[!-~]+|(?<![\w.+-])[\w.+-]+@[\w-]+\.[a-z]{2,}", " ", prompt)
    return {int(number) for number in re.findall(r"(?i)@image([0-9]{1,9})", prompt)}


def _prompt_rules(request: Request) -> Iterator[Problem]:
    if not request.prompt.strip():
        yield Problem("prompt", "must not be blank")
    count = len(request.reference_images)
    if wrong := sorted(number for number in _cited(request.prompt) if not 1 <= number <= count):
        names = ", ".join(f"@image{number}" for number in wrong)
        there = f"reference_images are @image1 to @image{count}" if count else "there are no reference_images"
        yield Problem("prompt", f"names {names}, but {there} {_ANYWAY}")


def _media_rules(request: Request) -> Iterator[Problem]:
    frames = [name for name in ("first_frame", "last_frame") if _media(request, name)]
    references = [name for name in REFERENCES if _media(request, name)]
    if frames and references:
        yield Problem(frames[0], f"excludes {' and '.join(references)} {_ANYWAY}")
    if frames == ["last_frame"]:
        yield Problem("last_frame", f"needs first_frame ({ARK}, checked {CHECKED}; check=False sends it anyway)")


def _advice(request: Request) -> Iterator[tuple[str, str]]:
    row, given = _listed(request), request.given
    if row is not None and len(row.takes["resolution"]) == 1 and "resolution" not in given:
        yield "resolution", f"not given; RelayDance does not say what {row.name} makes then: pass the one in its name"
    if row is not None and "generate_audio" not in row.lacks | given.keys():
        yield "generate_audio", "not given; RelayDance names no default, and Ark, which runs Seedance, makes sound then"
    if "seed" in given:
        yield "seed", "not on RelayDance's page: passed on in metadata, and may be ignored"
    if request.last_frame:
        yield "last_frame", "RelayDance's page does not name this role: last_frame is Ark's word"
    for name in ("first_frame", "last_frame", "reference_images"):
        if any(medium.is_data for medium in _media(request, name)):
            yield name, f"data goes out as a data URI, which Ark takes; RelayDance shows URLs only ({UPLOAD_PAGE})"
    if request.reference_audios and not request.reference_images + request.reference_videos:
        yield "reference_audios", f"audio alone, without a reference image or video, is refused by Ark ({ARK})"
    if len(request.prompt) > 2000:
        yield "prompt", f"{len(request.prompt)} characters; one client of RelayDance stops at 2000 ({GATEWAY})"
    if _cited(request.prompt) - _cited(request.prompt, half_width=False):
        yield "prompt", "write @image1 in half-width characters, as RelayDance's page does"


# ── the wire ──────────────────────────────────────────────────────────────────
def submit(request: Request, options: Options) -> Call:
    """POST /v1/video/generations. The model is always in the body: the page requires it."""
    metadata = {
        "ratio": request.aspect_ratio,
        "resolution": request.resolution,
        "generate_audio": request.generate_audio,
        "seed": request.seed,
        "callback_url": request.callback_url,
        "content": [
            {"type": kind, kind: {"url": contract.data_uri(medium)}, "role": role}
            for role, (name, kind) in ROLES.items()
            for medium in _media(request, name)
        ],
    }
    body = {
        "model": request.model or DEFAULT_MODEL,
        "prompt": request.prompt,
        "seconds": None if request.duration is None else str(request.duration),
        "metadata": contract.without_none(metadata),
    }
    return Call("POST", "/v1/video/generations", json=contract.without_none(body))


def read_submit(reply: Reply) -> Reading:
    """The answer to `submit`. No task id where the reply speaks of an error."""
    return wrapped.read_accepted(reply, read_poll(reply))


def poll(task: contract.Task, options: Options) -> Call:
    """GET /v1/video/generations/{task_id}."""
    return Call("GET", f"/v1/video/generations/{quote(task.id, safe='')}")


# Best first: where both stand, clients take metadata.url, the freshly signed one.
URLS = ("metadata.url", "data.metadata.url", "data.result_url", "result_url", "url", "data.url")


def read_poll(reply: Reply) -> Reading:
    """The answer to `poll`, in the shape of RelayDance's page, of New API, of OpenAI, or a mixture of them."""
    return wrapped.read_task(reply, STATES, URLS, _why)


def _why(told: wrapped.Places) -> str:
    return wrapped.words(told, "fail_reason", "error.message", "error")


def models(options: Options) -> Call:
    """GET /v1/models: what this key may use."""
    return Call("GET", "/v1/models")


def read_models(reply: Reply) -> list[contract.LiveModel]:
    """The models which the key may use; none where the reply is no catalogue."""
    return wrapped.models(reply)
