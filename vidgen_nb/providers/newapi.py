"""New API: a gateway which operators run themselves, in front of Kling, Jimeng, Vidu, Doubao (Seedance), Sora and more.

Its page has one form of request for all of them. Its code hands each field on by the *channel* which serves the model:
what a channel does not read is dropped in silence, and some drops are paid for (the wrong length, a square clip). So a
request is written here as its channel reads it; what a channel cannot be told is a problem, found before paying.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite
from numbers import Integral, Real
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BeforeValidator, Field

from vidgen_nb.errors import Problem
from vidgen_nb.providers import contract, wrapped
from vidgen_nb.providers.contract import Audios, Flag, Image, Images, Integer, Model, Options, Reading, Refusal, Videos
from vidgen_nb.records import UNKNOWN_COST, Call, Cost, Json, MediaLimits, Medium, Reply, Status, Warned

NAME = "newapi"
TITLE = "New API"
BASE_URL = ""  # every operator has an own one
NOT_IN_BASE = "/v1"  # the paths below begin with it
KEY = "NEWAPI_API_KEY"
BASE = "NEWAPI_BASE_URL"
AUTH = ("Authorization", "Bearer {key}")
FAILED_BILLING = "New API refunds failed tasks, by its source; an operator may run a changed version."
FAILED_ARE_FREE = True
SEARCH = ""

# ── facts ─────────────────────────────────────────────────────────────────────
CHECKED = "2026-11-20"
PAGE = "docs.newapi.pro: POST /v1/video/generations"
CODE = "github.com/QuantumNous/new-api"
REQUEST = f"{CODE}: relay/common/relay_info.go TaskSubmitReq"
KLING = "Kling's page of image2video, copied in github.com/QuincyMillerDev/cooliomusic"
KLING_TEXT = "Kling's text2video request, typed in github.com/Liml-info/Media_main"
VIDU = "Vidu's pages, copied in github.com/UCloudDoc-Team/modelverse"
VIDU_Q1 = "Vidu Q1's page, copied in github.com/derekhsu529/Jiekou-Knowledge-Base"
ARK = "Ark's page of video generation tasks"
ARK_MODELS = "Ark's list of models"
SEEDANCE_15 = "the page of Seedance 1.5, copied in github.com/UCloudDoc-Team/modelverse"
SORA = "learn.microsoft.com: generate video with Sora 2"

# What each channel's code hands on of the common vocabulary, and of `size`.
READS: Mapping[str, str] = {
    "kling": "duration aspect_ratio negative_prompt first_frame last_frame size",
    "jimeng": "duration aspect_ratio seed first_frame last_frame",
    "vidu": "duration resolution seed first_frame last_frame reference_images size",
    "doubao": "duration aspect_ratio resolution generate_audio seed first_frame last_frame reference_images "
    "reference_videos reference_audios",
    "sora": "duration aspect_ratio resolution size",
}
# `seed` is not among what a channel lacks: it always goes to metadata.seed, with a warning where it is dropped.
_LACKABLE = {name for names in READS.values() for name in names.split()} - {"duration", "seed"}

# How the models of a channel are named. An operator may route or rename them otherwise: that is what `channel` is for.
PREFIXES = {"kling": "kling", "jimeng": "jimeng", "vidu": "vidu", "doubao-seedance": "doubao", "sora": "sora"}

# Kling's channel knows these sizes, as ratios; any other size, or none, becomes 1:1 without a word.
KLING_SIZES = {"1920x1080": "16:9", "1280x720": "16:9", "1080x1920": "9:16", "720x1280": "9:16"}
KLING_SIZES |= {"1024x1024": "1:1", "512x512": "1:1"}
SORA_SIZES, SORA_SECONDS = {"1280x720": "16:9", "720x1280": "9:16"}, (4, 8, 12)
PROMPTS = {"kling": (2500, KLING_TEXT), "vidu": (2000, VIDU)}  # the longest, in characters


def _dated(source: str) -> str:
    return f"{source}, checked {CHECKED}"


_KLING_IMAGE = MediaLimits(formats=("jpeg", "png"), max_bytes=10 * 2**20, ratio=(0.4, 2.5), source=_dated(KLING))
_JIMENG_IMAGE = MediaLimits(max_bytes=4 * 2**20 + 700 * 2**10, source=_dated(f"{CODE}: its jimeng channel"))
_VIDU_IMAGE = MediaLimits(formats=("png", "jpeg", "webp"), max_bytes=50 * 2**20, ratio=(0.25, 4), source=_dated(VIDU))
_ARK_FORMATS, _ARK_SIDE = ("jpeg", "png", "webp", "bmp", "tiff", "gif"), (300, 6000)
_ARK_IMAGE = MediaLimits(
    None, _ARK_FORMATS, 30 * 2**20, None, None, (0.4, 2.5), _ARK_SIDE, _ARK_SIDE, source=_dated(ARK)
)
_ARK_VIDEO = MediaLimits(3, ("mp4", "mov"), 50 * 2**20, (2, 15), 15, fps=(24, 60), source=_dated(ARK))
_ARK_AUDIO = MediaLimits(3, ("wav", "mp3"), 15 * 2**20, (2, 15), 15, source=_dated(ARK))


def _images(limits: MediaLimits, references: int = 0) -> dict[str, MediaLimits]:
    several = {"reference_images": replace(limits, max_count=references)} if references else {}
    return {"first_frame": limits, "last_frame": limits, **several}


def _channel(name: str, takes: Mapping[str, Any], media: Mapping[str, MediaLimits]) -> Model:
    """What a channel takes of every model, by relay/channel/task/…/adaptor.go."""
    source = f"{CODE}: its {name} channel reads {READS[name].replace(' ', ', ')}"
    lacks = frozenset(_LACKABLE - set(READS[name].split()) - takes.keys())
    return Model(f"the {name} channel", takes, lacks, media, source, CHECKED)


_ARK_MEDIA = {**_images(_ARK_IMAGE, 9), "reference_videos": _ARK_VIDEO, "reference_audios": _ARK_AUDIO}
CHANNELS: Mapping[str, Model] = {
    "kling": _channel(
        "kling", {"aspect_ratio": ("16:9", "9:16", "1:1"), "size": tuple(KLING_SIZES)}, _images(_KLING_IMAGE)
    ),
    "jimeng": _channel("jimeng", {"duration": (5, 10)}, _images(_JIMENG_IMAGE)),
    "vidu": _channel("vidu", {"aspect_ratio": ("16:9",)}, _images(_VIDU_IMAGE, 7)),
    "doubao": _channel("doubao", {"seed": range(-1, 2**32)}, _ARK_MEDIA),
    "sora": _channel("sora", {"aspect_ratio": ("16:9", "9:16"), "resolution": ("720p",)}, {}),
}


def channel_of(model: object, channel: object = None) -> str:
    """The channel of a model: as said, else by the model's name; "" where neither says it."""
    if isinstance(channel, str) and channel in CHANNELS:
        return channel
    name = model.lower() if isinstance(model, str) else ""
    return next((known for prefix, known in PREFIXES.items() if name.startswith(prefix)), "")


def _row(
    name: str, source: str, takes: Mapping[str, Any], lacks: str = "", media: Mapping[str, MediaLimits] | None = None
) -> Model:
    """A model: what its channel takes, narrowed by what `source` says of it."""
    channel = CHANNELS[channel_of(name)]
    return replace(
        channel,
        name=name,
        takes={**channel.takes, **takes},
        lacks=channel.lacks | set(lacks.split()),
        media={**channel.media, **(media or {})},
        source=f"{channel.source}. For the model: {source}" if source else channel.source,
        note=channel.name.removeprefix("the "),
    )


_RATIOS = {"aspect_ratio": ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")}
_1080P, _720P, _360P = ("480p", "720p", "1080p"), ("480p", "720p"), ("360p", "720p", "1080p")
_SEEDANCE_1 = {"duration": range(2, 13), "resolution": _1080P}
_SEEDANCE_15 = {**_RATIOS, "duration": range(4, 13), "resolution": _1080P}
_SEEDANCE_2 = {**_RATIOS, "duration": (-1, *range(4, 16))}
_FRAMES, _REFERENCES = "first_frame last_frame", "reference_images reference_videos reference_audios"
_LITE_LACKS = "generate_audio reference_videos reference_audios"

# The names are those of each channel's code, and the page's. None is a default: what there is, the operator decides.
MODELS: tuple[Model, ...] = (
    _row("kling-v1", KLING_TEXT, {"duration": (5, 10)}),
    _row("kling-v1-6", KLING_TEXT, {"duration": (5, 10)}),
    _row("kling-v2-master", KLING_TEXT, {"duration": (5, 10)}),
    _row("jimeng_vgfm_t2v_l20", "", {}, "last_frame"),
    _row("jimeng_vgfm_i2v_l20", "", {}, "last_frame"),
    _row("jimeng_v30", "", {}),
    _row("jimeng_v30_pro", "", {}, "last_frame"),
    _row("viduq2", VIDU, {"duration": range(1, 11), "resolution": ("540p", "720p", "1080p")}),
    _row("viduq1", VIDU_Q1, {"duration": (5,), "resolution": ("1080p",)}),
    _row("vidu2.0", VIDU, {"resolution": _360P}, media=_images(_VIDU_IMAGE, 3)),
    _row("vidu1.5", VIDU, {"resolution": _360P}, media=_images(_VIDU_IMAGE, 3)),
    _row("doubao-seedance-2-0-260128", ARK, {**_SEEDANCE_2, "resolution": (*_1080P, "4k")}),
    _row("doubao-seedance-2-0-fast-260128", ARK, {**_SEEDANCE_2, "resolution": _720P}),
    _row("doubao-seedance-1-5-pro-251215", SEEDANCE_15, _SEEDANCE_15, _REFERENCES),
    _row("doubao-seedance-1-0-pro-250528", ARK_MODELS, _SEEDANCE_1, f"generate_audio {_REFERENCES}"),
    _row("doubao-seedance-1-0-lite-t2v", ARK_MODELS, _SEEDANCE_1, f"generate_audio {_FRAMES} {_REFERENCES}"),
    _row("doubao-seedance-1-0-lite-i2v", ARK_MODELS, _SEEDANCE_1, _LITE_LACKS, _images(_ARK_IMAGE, 4)),
    _row("sora-2", "", {"size": tuple(SORA_SIZES)}),
    _row("sora-2-pro", "", {"size": (*SORA_SIZES, "1792x1024", "1024x1792")}),
)

TAKES_DATA = frozenset({"image"})
UPLOAD = "upload it somewhere and give its https:// URL, or an asset:// id of Ark's"

# What else a channel reads in metadata, by type: another type makes the gateway answer HTTP 500.
METADATA: Mapping[str, Mapping[type, str]] = {
    "kling": {
        str: "mode static_mask callback_url external_task_id",
        float: "cfg_scale",
        list: "dynamic_masks",
        dict: "camera_control",
    },
    "jimeng": {str: "req_key prompt", list: "image_urls binary_data_base64", int: "frames"},
    "vidu": {str: "movement_amplitude payload callback_url action", list: "images", bool: "bgm"},
    "doubao": {
        str: "callback_url service_tier safety_identifier",
        bool: "return_last_frame draft camera_fixed watermark",
        int: "execution_expires_after priority frames",
        list: "content tools",
    },
    "sora": {},
}
_TYPES = {str: "text", float: "a number", int: "a whole number", bool: "True or False", list: "a list", dict: "a dict"}

# model/task.go, then its ToVideoStatus and mapTaskStatusToSimple, then words of vendors and forks.
STATES: Mapping[str, Status] = {
    **dict.fromkeys(("notstart", "submitted", "queued", "pending", "created", "queueing"), Status.QUEUED),
    **dict.fromkeys(("inprogress", "unknown", "processing", "running", "generating"), Status.RUNNING),
    **dict.fromkeys(("success", "completed", "succeeded", "succeed", "done"), Status.SUCCEEDED),
    **dict.fromkeys(("failure", "failed", "error", "cancelled", "canceled", "expired"), Status.FAILED),
}

# They stand under any HTTP status. The vendors' refusals come with the vendor's own status, as `fail_to_fetch_task`.
REFUSALS: tuple[Refusal, ...] = (
    Refusal("model_not_found", "ModelNotFound", f"{CODE}: middleware/distributor.go, with HTTP 503"),
    Refusal("insufficient_user_quota", "InsufficientBalance", f"{CODE}: relaykit/types/error.go"),
    Refusal("pre_consume_token_quota_failed", "InsufficientBalance", f"{CODE}: relaykit/types/error.go"),
    Refusal("task_not_exist", "TaskNotFound", f"{CODE}: relay/relay_task.go, with HTTP 400"),
    Refusal("build_request_failed", "InvalidRequest", f"{CODE}: relay/relay_task.go, before it calls the vendor"),
)


# ── the request ───────────────────────────────────────────────────────────────
def _metadata(value: object) -> object:
    """JSON values as Go reads them: a whole float becomes an int, because 5.0 is no int there."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: _metadata(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_metadata(item) for item in value]
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and isfinite(value):
        return int(float(value)) if float(value).is_integer() else float(value)
    raise ValueError("takes a dict of JSON values; images are given as first_frame, last_frame or reference_images")


Channel = Literal["kling", "jimeng", "vidu", "doubao", "sora"]
Metadata = Annotated[dict[str, Any], BeforeValidator(_metadata)]


class Request(contract.Request):
    """What New API takes, in the common vocabulary, and its page's own parameters."""

    prompt: str = Field(description="What the clip shows. Needed with images too.")
    model: str | None = Field(None, min_length=1, description="Model id, as GET /v1/models lists it. Needed.")
    channel: Channel | None = Field(None, description="What serves the model, if its name does not say it. Not sent.")
    duration: Integer | None = Field(None, validation_alias="seconds", description="Length in whole seconds.")
    aspect_ratio: str | None = Field(None, validation_alias="ratio", description='Width to height, such as "16:9".')
    resolution: str | None = Field(None, description='Such as "720p" (vidu, doubao).')
    seed: Integer | None = Field(None, description="Number that makes a result repeatable (jimeng, vidu, doubao).")
    negative_prompt: str | None = Field(None, description="What the clip must not show (kling).")
    generate_audio: Flag | None = Field(None, description="Make a soundtrack too (doubao).")
    first_frame: Image = Field(None, validation_alias="image", description="Image the clip starts with.")
    last_frame: Image = Field(
        None, validation_alias="image_tail", description="Image the clip ends with (kling, vidu, doubao, jimeng_v30)."
    )
    reference_images: Images = Field((), description="Images of who or what appears (vidu, doubao). Exclude frames.")
    reference_videos: Videos = Field((), description="Up to 3 videos, by https:// URL or asset:// id (doubao).")
    reference_audios: Audios = Field((), description="Up to 3 audio tracks, by https:// URL or asset:// id (doubao).")
    size: str | None = Field(None, description='Width x height, such as "1280x720" (kling, sora).')
    metadata: Metadata | None = Field(None, description='What else the vendor takes, such as {"mode": "pro"} of Kling.')
    fps: Integer | None = Field(None, description="Frames per second. On New API's page; its code ignores it.")
    width: Integer | None = Field(None, description="Width in pixels. On New API's page; its code ignores it.")
    height: Integer | None = Field(None, description="Height in pixels. On New API's page; its code ignores it.")
    n: Integer | None = Field(None, description="Number of videos. On New API's page; its code makes one.")
    user: str | None = Field(None, description="An identifier of your user. On New API's page; its code ignores it.")
    response_format: str | None = Field(None, description="On New API's page; its code ignores it.")


IGNORED = ("fps", "width", "height", "n", "user", "response_format")
_VALUES = ("seed", "negative_prompt", "aspect_ratio", "resolution", "generate_audio")
_UNFOLDED = (*_VALUES, "ratio", "duration", "image_tail")
_BARE_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]{200,}={0,2}\s*")


def unfold(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Take the common vocabulary out of `metadata`, so that it is checked, and written where the channel reads it.

    The same value in both places, as in the page's body for Vidu, counts once. For an unknown channel all stays there.
    """
    flat = {name: value for name, value in given.items() if name != "metadata"}
    metadata = {} if given.get("metadata") is None else given["metadata"]
    if not isinstance(metadata, Mapping):
        return flat, [Problem("metadata", 'takes a dict, such as {"negative_prompt": "blur"}')]
    problems: list[Problem] = []
    kept, names = dict(metadata), contract.aliases(Request)
    taken = {names[name]: (name, value) for name, value in flat.items() if name in names and value is not None}
    for name in _UNFOLDED if channel_of(given.get("model"), given.get("channel")) else ():
        value, ours = kept.pop(name, None), names[name]
        if value is not None and ours not in taken:
            flat[name], taken[ours] = value, (f"metadata.{name}", value)
        elif value is not None and str(value) != str(taken[ours][1]):
            problems.append(Problem(ours, f"given twice, as {taken[ours][0]} and as metadata.{name}: keep one"))
    for name in ("image", "first_frame", "image_tail", "last_frame"):  # bare base64, as the page has it
        if isinstance(flat.get(name), str) and _BARE_BASE64.fullmatch(flat[name]):
            flat[name] = f"data:;base64,{flat[name]}"
    return flat | ({"metadata": kept} if kept else {}), problems


def rules(request: Request) -> list[Problem]:
    """Every limit which the model's row cannot show, and those of the channel for a model which has no row."""
    channel = channel_of(request.model, request.channel)
    found = [*_gateway_rules(request, channel)]
    problems: list[Problem] = []
    if channel:
        if _listed(request) is None or channel != channel_of(request.model):
            problems += contract.offers(CHANNELS[channel], request.given)
            found += _count_rules(request, channel)
        found += [*_media_rules(request, channel), *_size_rules(request, channel), *_metadata_rules(request, channel)]
    elif request.model:
        why = f"is needed: the name {request.model} does not say which channel serves it, and each reads other fields"
        what = f"It takes {contract.choices(tuple(CHANNELS))}; for another one check=False sends the page's fields"
        found.append(("channel", f"{why}. {what}", REQUEST))
    tail = f"checked {CHECKED}; check=False sends it anyway"
    return problems + [Problem(name, f"{message} ({source}, {tail})") for name, message, source in found]


def advise(request: Request) -> list[Warned]:
    """What a person should know before paying, because the gateway says nothing about it."""
    channel = channel_of(request.model, request.channel)
    return [Warned(parameter, message) for parameter, message in _advice(request, channel)]


_Found = Iterator[tuple[str, str, str]]  # parameter, what is wrong, where that is stated
_MEDIA = ("first_frame", "last_frame", "reference_images", "reference_videos", "reference_audios")


def _listed(request: Request) -> Model | None:
    return next((row for row in MODELS if row.name == request.model), None)


def _media(request: Request, name: str) -> tuple[Medium, ...]:
    value = getattr(request, name)
    return value if isinstance(value, tuple) else (value,) if value else ()


def _gateway_rules(request: Request, channel: str) -> _Found:
    """What the gateway itself refuses, and the longest prompts of the vendors."""
    checks = f"{CODE}: relay/common/relay_utils.go"
    if not request.prompt.strip():
        yield "prompt", "must not be blank, with images neither", checks
    length, row = request.duration, _listed(request) or CHANNELS.get(channel, Model(""))
    automatic = length == -1 and channel == "doubao"
    if length is not None and "duration" not in row.takes and not (automatic or 1 <= length <= 3600):
        yield "duration", f"{length} s is not possible: 1 to 3600 s are taken", checks
    most, source = PROMPTS.get(channel, (None, ""))
    for name in ("prompt", "negative_prompt"):
        letters = len(getattr(request, name) or "")
        if most is not None and letters > most:
            yield name, f"has {letters} characters: at most {most} are taken", source


def _count_rules(request: Request, channel: str) -> _Found:
    for name, limits in CHANNELS[channel].media.items():
        media = _media(request, name)
        if limits.max_count is not None and len(media) > limits.max_count:
            yield name, f"has {len(media)}: at most {limits.max_count} are taken", limits.source
        if any(limits.max_bytes and medium.size > limits.max_bytes for medium in media):
            yield name, f"is larger than {limits.max_bytes} bytes", limits.source


def _media_rules(request: Request, channel: str) -> _Found:
    frames = [name for name in _MEDIA[:2] if _media(request, name)]
    references = [name for name in _MEDIA[2:] if _media(request, name)]
    source = CHANNELS[channel].source
    if channel in {"vidu", "doubao"} and frames and references:
        yield frames[0], f"excludes {' and '.join(references)}", VIDU if channel == "vidu" else ARK
    if channel in {"jimeng", "vidu", "doubao"} and frames == ["last_frame"]:
        yield "last_frame", "needs first_frame", source
    if channel == "jimeng" and request.last_frame and not (_listed(request) or "jimeng_v30" in str(request.model)):
        yield "last_frame", "is taken by the models of jimeng_v30 only", source
    if channel == "jimeng" and len({_media(request, name)[0].is_data for name in frames}) > 1:
        yield "last_frame", "must come as first_frame does: both by URL, or both as data", source
    for name in _MEDIA if channel != "doubao" else ():
        if any(medium.url.lower().startswith("asset:") for medium in _media(request, name)):
            yield name, "is an asset:// id, which only doubao knows: give an https:// URL or the file", source


def _size_rules(request: Request, channel: str) -> _Found:
    size, ratio = request.size, request.aspect_ratio
    shape = {"kling": KLING_SIZES, "sora": SORA_SIZES}.get(channel, {}).get(size or "", "")
    if size and ratio and shape and shape != ratio:
        yield "size", f"{size} is {shape}, and aspect_ratio is {ratio}: keep one", CHANNELS[channel].source
    if channel == "vidu" and size and not request.resolution and not re.fullmatch(r"\d+p", size):
        yield "size", f'would be sent to Vidu as resolution "{size}": give resolution="1080p"', CHANNELS[channel].source


def _metadata_rules(request: Request, channel: str) -> _Found:
    metadata, source = request.metadata or {}, CHANNELS[channel].source
    kinds = {name: kind for kind, names in METADATA[channel].items() for name in names.split()}
    for name, value in metadata.items():
        kind = kinds.get(name, object)
        fits = isinstance(value, (int, float) if kind is float else kind) and (
            kind in {bool, object} or not isinstance(value, bool)
        )
        as_text = channel == "doubao" and kind in {int, bool} and isinstance(value, str)
        if value is not None and not fits and not as_text:
            yield "metadata", f"{name} takes {_TYPES[kind]}", source
    written = _written(request, channel)["metadata"] if metadata else {}
    for name in written:
        if name in metadata and metadata[name] != written[name]:
            yield "metadata", f"{name} is given twice, here and by a parameter of its own: keep one", PAGE
    if "frames" in metadata and request.duration is not None:
        yield "metadata", "frames and duration say the same thing: keep one", source


def _advice(request: Request, channel: str) -> Iterator[tuple[str, str]]:
    given, row = request.given, _listed(request) or CHANNELS.get(channel, Model(""))
    if channel and not _listed(request) and not request.channel:
        yield "channel", f"taken to be {channel}, by the model's name: say channel= if its operator serves it otherwise"
    for name in IGNORED:
        if name in given:
            fate = "hands it on to the vendor as it is" if channel == "sora" else "ignores it"
            more = ": one clip is made and billed" if name == "n" and channel != "sora" else ""
            yield name, f"sent as New API's page has it, and New API's code {fate}{more}"
    if "seed" in given and channel in {"kling", "sora"}:
        yield "seed", f"sent as metadata.seed, which the {channel} channel does not use: the result is not repeatable"
    if channel == "kling" and not {"aspect_ratio", "size", "first_frame", "last_frame"} & given.keys():
        yield "aspect_ratio", "not given; New API asks Kling for 1:1 then"
    if channel == "vidu" and "aspect_ratio" in given:
        shape = "the clip has the shape of first_frame" if request.first_frame else f"its own default is 16:9 ({VIDU})"
        yield "aspect_ratio", f"New API passes no ratio on to Vidu: {shape}"
    if channel == "vidu" and not {"resolution", "size"} & given.keys():
        yield "resolution", "not given; New API asks Vidu for 1080p then"
    if channel == "doubao" and "generate_audio" not in row.lacks | given.keys():
        yield "generate_audio", f"not given; Ark, which runs Seedance, makes sound then ({ARK})"
    if channel == "doubao" and request.reference_audios and not request.reference_images + request.reference_videos:
        yield "reference_audios", f"audio alone, without a reference image or video, is refused by Ark ({ARK})"
    if channel == "sora" and request.duration is not None and request.duration not in SORA_SECONDS:
        yield "duration", f"Sora 2 makes {contract.choices(SORA_SECONDS, 'duration')} ({SORA})"
    known = " ".join(METADATA.get(channel, {}).values()).split()
    dropped = ", ".join(name for name in request.metadata or {} if name not in known)
    if dropped and channel not in {"", "sora"}:
        yield "metadata", f"the {channel} channel is not known to read {dropped}: it may be dropped"
    if "callback_url" in (request.metadata or {}):
        yield "metadata", "callback_url is called by the vendor, with the vendor's own task id"


# ── the wire ──────────────────────────────────────────────────────────────────
_ROLES = {
    "first_frame": ("first_frame", "image_url"),
    "last_frame": ("last_frame", "image_url"),
    "reference_images": ("reference_image", "image_url"),
    "reference_videos": ("reference_video", "video_url"),
    "reference_audios": ("reference_audio", "audio_url"),
}
_BARE = frozenset({"kling", "jimeng"})  # they want base64 without the head of a data URI (KLING; jimeng/adaptor.go)
_Fields = dict[str, Any]
_Links = Mapping[str, list[str]]


def submit(request: Request, options: Options) -> Call:
    """POST /v1/video/generations, each parameter where the model's channel reads it."""
    body = _written(request, channel_of(request.model, request.channel))
    body["metadata"] |= request.metadata or {}
    return Call("POST", "/v1/video/generations", json=contract.without_none(body))


def _written(request: Request, channel: str) -> dict[str, Any]:
    """The body, without the caller's own metadata.

    First as the page has it, with what the page does not name in metadata; then the channel moves it to where it reads.
    """
    links = {name: [_link(medium, channel) for medium in _media(request, name)] for name in _MEDIA}
    body: _Fields = {name: getattr(request, name) for name in ("model", "prompt", "duration", "size", *IGNORED)}
    metadata: _Fields = {name: getattr(request, name) for name in _VALUES}
    body["image"] = next(iter(links["first_frame"]), None)
    body["images"] = links["reference_images"]
    metadata["image_tail"] = next(iter(links["last_frame"]), None)
    metadata["content"] = _content(links, "reference_videos", "reference_audios")
    if channel:
        _WRITERS[channel](request, body, metadata, links)
    return body | {"metadata": contract.without_none(metadata)}


def _link(medium: Medium, channel: str) -> str:
    return contract.base64_of(medium) if medium.is_data and channel in _BARE else contract.data_uri(medium)


def _content(links: _Links, *names: str) -> list[Json]:
    roles = [(*_ROLES[name], url) for name in names for url in links[name]]
    return [{"type": kind, kind: {"url": url}, "role": role} for role, kind, url in roles]


def _to_kling(request: Request, body: _Fields, metadata: _Fields, links: _Links) -> None:
    """Kling's channel makes the ratio of `size`; a ratio in metadata wins over it."""
    size = next((size for size, ratio in KLING_SIZES.items() if ratio == request.aspect_ratio), None)
    if size and not request.size:
        body["size"], metadata["aspect_ratio"] = size, None


def _to_jimeng(request: Request, body: _Fields, metadata: _Fields, links: _Links) -> None:
    """Two images are the first and the last frame. S2.0's model of text becomes that of images, as on the page."""
    if links["last_frame"]:
        body["image"], body["images"], metadata["image_tail"] = None, links["first_frame"] + links["last_frame"], None
    elif request.first_frame and "_t2v_l20" in str(request.model) and "req_key" not in (request.metadata or {}):
        metadata["req_key"] = str(request.model).replace("_t2v_", "_i2v_")
        metadata["image_urls"] = [] if request.first_frame.is_data else links["first_frame"]


def _to_vidu(request: Request, body: _Fields, metadata: _Fields, links: _Links) -> None:
    """The length goes where the page has it, twice. The channel counts images: 1 starts, 2 start and end, more are
    references; `action` says it for fewer. It reads no ratio: 16:9 is sent for those gateways which do."""
    metadata["duration"] = request.duration
    if links["last_frame"]:
        body["image"], body["images"], metadata["image_tail"] = None, links["first_frame"] + links["last_frame"], None
    elif links["reference_images"]:
        metadata["action"] = "referenceGenerate"


def _to_doubao(request: Request, body: _Fields, metadata: _Fields, links: _Links) -> None:
    """Everything stands in metadata, as Ark names it: `duration` at top level is not read, and has no −1."""
    metadata["duration"], body["duration"] = request.duration, None
    metadata["ratio"], metadata["aspect_ratio"] = request.aspect_ratio, None
    metadata["content"] = _content(links, *_MEDIA)
    body["image"], body["images"], metadata["image_tail"] = None, None, None


def _to_sora(request: Request, body: _Fields, metadata: _Fields, links: _Links) -> None:
    """The body goes on to OpenAI as it is: `seconds` as text, the shape as `size`. Both shapes are 720p."""
    body["seconds"] = None if request.duration is None else str(request.duration)
    body["duration"] = None
    size = next((size for size, ratio in SORA_SIZES.items() if ratio == request.aspect_ratio), None)
    if size:
        body["size"], metadata["aspect_ratio"] = request.size or size, None
    if request.resolution == "720p":
        metadata["resolution"] = None


_WRITERS = {"kling": _to_kling, "jimeng": _to_jimeng, "vidu": _to_vidu, "doubao": _to_doubao, "sora": _to_sora}


def read_submit(reply: Reply) -> Reading:
    """The answer to `submit`: today's, the bare task id of 2025, or Kling's own reply, which was handed on then.

    No task id where the reply speaks of an error.
    """
    task = read_poll(reply)
    reading = wrapped.read_accepted(reply, task)
    if reading is not task:
        return reading
    return replace(reading, word=reading.word or contract.first(reply.body, "data.task_status"), cost=UNKNOWN_COST)


def poll(task: contract.Task, options: Options) -> Call:
    """GET /v1/video/generations/{task_id}."""
    return Call("GET", f"/v1/video/generations/{quote(task.id, safe='')}")


# Until February 2026 a success had its URL in fail_reason. The last: the vendors' own replies, which the row keeps.
URLS: tuple[str, ...]
URLS = ("data.result_url", "data.url", "data.fail_reason", "url", "result_url", "metadata.url", "data.metadata.url")
URLS += ("data.data.data.task_result.videos.0.url", "data.data.data.video_url")  # kling, jimeng
URLS += ("data.data.creations.0.url", "data.data.content.video_url")  # vidu, doubao


def read_poll(reply: Reply) -> Reading:
    """The answer to `poll`: the gateway's wrapper, that of its Gemini channels, a flat task, or OpenAI's video."""
    task = wrapped.read_task(reply, STATES, URLS, _why)
    if STATES.get(contract.plain(task.word)) is not Status.SUCCEEDED:
        return task
    urls, paths = _videos(reply.body, task)
    return replace(task, urls=urls, paths=paths, cost=_cost(reply.body))


def _videos(body: Json, task: Reading) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Addresses of the videos, and paths at the base URL: sora's channel has no address, only the gateway's own proxy.

    The gateway writes that one with the ServerAddress of its settings, which need not be where it was reached.
    """
    proxy = f"/v1/videos/{quote(task.task_id, safe='')}/content"
    proxied = any(urlsplit(url).path == proxy for url in task.urls) or (not task.urls and _is_openai(body))
    return ((), (proxy,)) if task.task_id and proxied else (task.urls, ())


def _is_openai(body: Json) -> bool:
    return contract.first(body, "object") == "video"


def _why(told: wrapped.Places) -> str:
    """Without words of their own they stand where the URL would."""
    paths = ("fail_reason", "error.message", "error", "message", "result_url", "url")
    words = (word for place in told for path in paths if (word := contract.first(place, path)))
    return next((word for word in words if not contract.urls({"url": word}, "url")), "")


def _cost(body: Json) -> Cost:
    """What the gateway took, in its own unit: settled on success, given back on failure."""
    quota = contract.dig(body, "data.quota")
    known = isinstance(quota, int) and not isinstance(quota, bool) and quota > 0
    return Cost(quota, "quota", "reported by the gateway") if known else UNKNOWN_COST


def models(options: Options) -> Call:
    """GET /v1/models: what this key may use, with which kinds of endpoint."""
    return Call("GET", "/v1/models")


def read_models(reply: Reply) -> list[contract.LiveModel]:
    """The models which the key may use; none where the reply is no catalogue."""
    return wrapped.models(reply)
