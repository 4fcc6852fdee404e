"""What New API's code makes of a request (QuantumNous/new-api, August 2026), and what the vendors make of that.

A body is read as Go reads it, which silently drops what is not in the struct. A function per channel makes what is sent
to the vendor: the gateway's defaults, with `metadata` written over them. What the vendor would refuse is refused, with
its words. So a client which maps wrongly gets a film of another length or shape, as it would there.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast, get_args

from vidgen_nb.records import Json, MediaKind
from vidgen_nb.simulator.dialects import media, one_of
from vidgen_nb.simulator.task import Ask, Reference, Refusal, Role


class TaskError(Refusal):
    """A refusal with New API's own code and status."""

    def __init__(self, message: str, code: str = "invalid_request", status: int = 400) -> None:
        super().__init__("InvalidRequest", message)
        self.code, self.status = code, status


# ── as Go reads ───────────────────────────────────────────────────────────────
INTEGER = re.compile("[+-]?[0-9]{1,18}")
GO: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "int": lambda value: type(value) is int,
    "float64": lambda value: type(value) in (int, float),
    "bool": lambda value: isinstance(value, bool),
    "struct": lambda value: isinstance(value, dict),
    "[]string": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    "[]struct": lambda value: isinstance(value, list) and all(isinstance(each, dict) for each in value),
    "IntValue": lambda value: type(value) is int or (isinstance(value, str) and bool(INTEGER.fullmatch(value))),
    "BoolValue": lambda value: isinstance(value, bool) or value in ("true", "false"),
}
WORDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def _struct(*lines: str) -> Mapping[str, str]:
    """Field to type, from lines of a type and its fields."""
    return {name: line.split()[0] for line in lines for name in line.split()[1:]}


def _decode(given: Mapping[str, Json], struct: Mapping[str, str], where: str = "requestPayload") -> dict[str, Any]:
    """The fields of the struct. Another type than the struct's ends the request, with Go's own words."""
    fields = {}
    for name, kind in struct.items():
        value = given.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # metadata are written out once more before they are read, and Go writes 5.0 as 5
        if value is None:
            continue
        if not GO[kind](value):
            said = f"json: cannot unmarshal {WORDS[type(value)]} into Go struct field {where}.{name} of type {kind}"
            if where == "TaskSubmitReq":
                raise TaskError(said)
            raise TaskError(f"unmarshal metadata failed: {said}", "build_request_failed", 500)
        fields[name] = int(value) if kind == "IntValue" else value in (True, "true") if kind == "BoolValue" else value
    return fields


SUBMIT = _struct("string prompt model mode image size seconds input_reference", "[]string images")


class Asked(NamedTuple):
    """What the code decodes of a body; `images` has the single one too."""

    model: str
    prompt: str
    mode: str
    image: str
    images: list[str]
    size: str
    duration: int
    seconds: int
    metadata: dict[str, Any]


def _asked(body: dict[str, Any]) -> Asked:
    given = dict.fromkeys(SUBMIT, "") | {"images": []} | _decode(body, SUBMIT, "TaskSubmitReq")
    images = given["images"] or [given["image"]] if given["image"].strip() else given["images"]
    duration, seconds = (_integer(value) for value in (body.get("duration"), given["seconds"]))
    if not given["prompt"].strip():
        raise TaskError("prompt is required")
    if not 0 <= (duration or seconds) <= 3600:
        raise TaskError("seconds must be between 1 and 3600", "invalid_seconds")
    metadata = body.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            metadata = None
    rest = {name: given[name] for name in ("model", "prompt", "mode", "image", "size")}
    metadata = metadata if isinstance(metadata, dict) else {}
    return Asked(images=images, duration=duration, seconds=seconds, metadata=metadata, **rest)


def _integer(value: Json) -> int:
    """An integer, or a string that is one; all else, 5.0 too, counts as not given."""
    return int(value) if GO["IntValue"](value) else 0


# ── the channels, and the vendors behind them ─────────────────────────────────
KLING = _struct(
    "string prompt image image_tail negative_prompt mode duration aspect_ratio model_name static_mask callback_url",
    "string external_task_id", "float64 cfg_scale", "[]struct dynamic_masks", "struct camera_control",
)  # fmt: skip
KLING_SIZES = {
    "1280x720": "16:9", "1920x1080": "16:9", "720x1280": "9:16", "1080x1920": "9:16",
    "1024x1024": "1:1", "512x512": "1:1",
}  # fmt: skip


def kling(asked: Asked) -> Ask:
    payload: dict[str, Any] = {
        "prompt": asked.prompt, "image": asked.image, "mode": asked.mode or "std", "duration": str(asked.duration or 5),
        "aspect_ratio": KLING_SIZES.get(asked.size, "1:1"), "cfg_scale": 0.5,
    } | _decode(asked.metadata, KLING)  # fmt: skip
    one_of(payload["duration"], ("5", "10"), "duration")
    one_of(payload["mode"], ("std", "pro"), "mode")
    one_of(payload["aspect_ratio"], ("16:9", "9:16", "1:1"), "aspect_ratio")
    if not 0 <= payload["cfg_scale"] <= 1:
        raise Refusal("InvalidRequest", f"cfg_scale {payload['cfg_scale']} is out of range: 0 to 1")
    for name in ("prompt", "negative_prompt"):
        if len(payload.get(name, "")) > 2500:
            raise Refusal("InvalidRequest", f"{name} is longer than 2500 characters")
    frames = [(payload["image"], "image", "first_frame"), (payload.get("image_tail", ""), "image_tail", "last_frame")]
    references = tuple(_picture(url, name, cast(Role, role)) for url, name, role in frames if url)
    return Ask(
        model=asked.model, prompt=payload["prompt"], seconds=int(payload["duration"]),
        # A film from a picture has the picture's ratio; of one which is not fetched the ratio is not known.
        ratio="adaptive" if any(each.url.startswith("data:") for each in references) else payload["aspect_ratio"],
        resolution="1080p" if payload["mode"] == "pro" else "720p", references=references,
        callback_url=payload.get("callback_url", ""), echo={"action": "generate" if references else "textGenerate"},
    )  # fmt: skip


JIMENG = _struct("string req_key prompt aspect_ratio", "[]string binary_data_base64 image_urls", "int seed frames")
JIMENG_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")


def jimeng(asked: Asked) -> Ask:
    """A text key (…t2v…) passes over images; jimeng_v30 becomes a key for text, one or two images by their number."""
    where = "image_urls" if asked.images and asked.images[0].startswith("http") else "binary_data_base64"
    payload: dict[str, Any] = {
        "req_key": asked.model, "prompt": asked.prompt, "image_urls": [], "binary_data_base64": [],
        "frames": 241 if asked.duration == 10 else 121, "aspect_ratio": "", where: asked.images,
    } | _decode(asked.metadata, JIMENG)  # fmt: skip
    urls, data, req_key = payload["image_urls"], payload["binary_data_base64"], payload["req_key"]
    as_urls = {image.startswith("http") for image in urls + data}
    if len(as_urls) > 1 or (data and as_urls != {False}):
        raise Refusal("InvalidRequest", "image_urls and binary_data_base64 are mixed: all must be URLs, or all base64")
    if any(len(each) * 3 / 4 > 4.7 * 2**20 for each in data):
        raise Refusal("InvalidRequest", "binary_data_base64 has an image of more than 4.7 MB")
    one_of(payload["frames"], (121, 241), "frames")
    one_of(payload["aspect_ratio"] or "16:9", JIMENG_RATIOS, "aspect_ratio")
    images, v30 = urls + data, "jimeng_v30" in req_key
    if "_t2v" in req_key:
        images = []
    elif len(images) > (2 if v30 else 1) or not (images or v30):
        raise Refusal("InvalidRequest", f"req_key {req_key!r} does not take {len(images)} images")
    roles: tuple[Role, ...] = ("first_frame", "last_frame")
    pairs = zip(images, roles, strict=False)
    return Ask(
        model=asked.model, prompt=payload["prompt"], seconds=payload["frames"] // 24, seed=payload.get("seed"),
        ratio=payload["aspect_ratio"] or ("adaptive" if images else "16:9"),
        resolution="1080p" if "1080" in req_key or "pro" in req_key else "720p",
        references=tuple(_picture(image, where, role) for image, role in pairs), echo={"action": "generate"},
    )  # fmt: skip


VIDU = _struct(
    "string prompt resolution movement_amplitude payload callback_url", "int duration seed", "bool bgm",
    "[]string images",
)  # fmt: skip
VIDU_ACTIONS: Mapping[str, tuple[range, tuple[Role, ...]]] = {  # how many images, and what each is
    "generate": (range(1, 2), ("first_frame",)),
    "firstTailGenerate": (range(2, 3), ("first_frame", "last_frame")),
    "referenceGenerate": (range(1, 8), ("reference",) * 7),
}


def vidu(asked: Asked) -> Ask:
    """The number of top-level images makes the action, unless `metadata.action` does; `metadata.images` does not."""
    payload: dict[str, Any] = {
        "prompt": asked.prompt, "images": asked.images, "duration": asked.duration or 5, "seed": None, "bgm": False,
        "resolution": asked.size or "1080p", "movement_amplitude": "auto",
    } | _decode(asked.metadata, VIDU)  # fmt: skip
    by_number = ("textGenerate", "generate", "firstTailGenerate", "referenceGenerate")[min(len(asked.images), 3)]
    action = asked.metadata.get("action", by_number)
    counts, roles = VIDU_ACTIONS.get(str(action), (range(0), ()))
    images = payload["images"] if roles else []
    if roles and len(images) not in counts:
        raise Refusal("InvalidRequest", f"images: {action} does not take {len(images)} of them")
    one_of(payload["duration"] or 5, range(1, 11), "duration")
    one_of(payload["resolution"], ("360p", "540p", "720p", "1080p"), "resolution")
    one_of(payload["movement_amplitude"], ("auto", "small", "medium", "large"), "movement_amplitude")
    if len(payload["prompt"]) > 2000:
        raise Refusal("InvalidRequest", "prompt is longer than 2000 characters")
    references = tuple(_picture(image, "images", role) for image, role in zip(images, roles, strict=False))
    return Ask(
        model=asked.model, prompt=payload["prompt"], seconds=payload["duration"] or 5, seed=payload["seed"],
        ratio="adaptive" if images and "reference" not in roles else "16:9", resolution=payload["resolution"],
        audio=payload["bgm"], references=references, callback_url=payload.get("callback_url", ""),
        echo={"action": str(action)},
    )  # fmt: skip


DOUBAO = _struct(
    "string callback_url service_tier safety_identifier resolution ratio", "[]struct content tools",
    "BoolValue return_last_frame generate_audio draft camera_fixed watermark",
    "IntValue execution_expires_after priority duration frames seed",
)  # fmt: skip
CONTENT = _struct("string type text role", "struct image_url video_url audio_url")
DOUBAO_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")


class Seedance(NamedTuple):
    """What Volcengine Ark offers of a model: seconds, resolutions (the default first), and whether it has sound."""

    seconds: tuple[int, ...]
    resolutions: tuple[str, ...]
    sound: bool = False


SEEDANCE = {
    "doubao-seedance-1-0-pro-250528": Seedance((*range(2, 13),), ("1080p", "720p", "480p")),
    "doubao-seedance-1-0-lite-t2v": Seedance((*range(2, 13),), ("720p", "480p", "1080p")),
    "doubao-seedance-1-0-lite-i2v": Seedance((*range(2, 13),), ("720p", "480p", "1080p")),
    "doubao-seedance-1-5-pro-251215": Seedance((-1, *range(4, 13)), ("720p", "480p", "1080p"), True),
    "doubao-seedance-2-0-260128": Seedance((-1, *range(4, 16)), ("720p", "480p", "1080p", "4k"), True),
    "doubao-seedance-2-0-fast-260128": Seedance((-1, *range(4, 16)), ("720p", "480p"), True),
}


def doubao(asked: Asked) -> Ask:
    """The top-level `duration` is not used; `seconds` is, and wins over `metadata.duration`."""
    content: list[Json] = [{"type": "image_url", "image_url": {"url": image}} for image in asked.images]
    payload = {"content": content, **_decode(asked.metadata, DOUBAO)}
    payload |= {"duration": asked.seconds} if asked.seconds > 0 else {}
    model, references = SEEDANCE[asked.model], _content(payload["content"])
    framed = any(each.role != "reference" for each in references)
    seconds, resolution = payload.get("duration", 5), payload.get("resolution") or model.resolutions[0]
    ratio = payload.get("ratio") or ("adaptive" if framed else "16:9")
    one_of(seconds, model.seconds, "duration")
    if "frames" in payload and "-1-0-" in asked.model:
        one_of(payload["frames"], range(29, 290, 4), "frames")
        seconds = payload["frames"] / 24
    one_of(resolution, model.resolutions, "resolution")
    one_of(ratio, DOUBAO_RATIOS, "ratio")
    if not -1 <= payload.get("seed", -1) < 2**32:
        raise Refusal("InvalidRequest", f"seed {payload['seed']} is out of range: -1 to {2**32 - 1}")
    for name in ("frames", "camera_fixed"):
        if name in payload and "-2-0-" in asked.model:
            raise Refusal("InvalidRequest", f"{name} is not offered by {asked.model}")
    if ("t2v" in asked.model and references) or ("i2v" in asked.model and not references):
        raise Refusal("InvalidRequest", f"content: {asked.model} does not take {len(references)} images")
    return Ask(
        model=asked.model, prompt=asked.prompt, seed=payload.get("seed"), ratio=ratio, references=references,
        seconds=5 if seconds == -1 else seconds,  # -1: the model chooses
        resolution="2160p" if resolution == "4k" else resolution,
        audio=model.sound and payload.get("generate_audio", True),
        callback_url=payload.get("callback_url", ""), echo={"action": "generate"},
    )  # fmt: skip


def _content(entries: Sequence[dict[str, Any]]) -> tuple[Reference, ...]:
    references = []
    entries = [each for each in entries if each.get("type") != "text"]  # the gateway drops these, and adds the prompt
    for index, each in enumerate(entries):
        entry = _decode(each, CONTENT)
        one_of(entry.get("type", ""), [f"{kind}_url" for kind in get_args(MediaKind)], f"content[{index}].type")
        kind: MediaKind = entry["type"].removesuffix("_url")
        frames = ("first_frame", "last_frame") if kind == "image" else ()
        alone = kind == "image" and len(entries) == 1
        role = entry.get("role") or ("first_frame" if alone else "")
        one_of(role, (*frames, f"reference_{kind}"), f"content[{index}].role")
        url = media(str(entry.get(f"{kind}_url", {}).get("url")), kind, f"content[{index}].{kind}_url.url")
        references.append(Reference(kind, url, cast(Role, role if role in frames else "reference")))
    roles, kinds = [each.role for each in references], [each.kind for each in references]
    if ("reference" in roles and len(set(roles)) > 1) or roles.count("last_frame") > roles.count("first_frame"):
        raise Refusal("InvalidRequest", "content takes first_frame, first_frame with last_frame, or references")
    if roles.count("first_frame") > 1 or set(kinds) == {"audio"}:
        raise Refusal("InvalidRequest", "content has more than one first_frame, or only audio")
    for kind, most in (("image", 9), ("video", 3), ("audio", 3)):
        if kinds.count(kind) > most:
            raise Refusal("InvalidRequest", f"content has more than {most} {kind}s")
    return tuple(references)


SORA_SIZES = ("720x1280", "1280x720", "1792x1024", "1024x1792")


def sora(asked: Asked) -> Ask:
    """The body goes on as it is: OpenAI reads `seconds` and no `duration`, by which the gateway would charge all the
    same. A picture would have to be a file."""
    size = asked.size or "720x1280"
    if size not in (SORA_SIZES if asked.model == "sora-2-pro" else SORA_SIZES[:2]):
        raise TaskError("sora-2 size is invalid", "invalid_size")
    one_of(asked.seconds or 4, (4, 8, 12), "seconds")
    width, _, height = size.partition("x")
    ratios = {"seconds": asked.seconds or asked.duration or 4, "size": 1.666667 if "1792" in size else 1}
    return Ask(
        model=asked.model, prompt=asked.prompt, seconds=asked.seconds or 4, width=int(width), height=int(height),
        audio=True, echo={"action": "textGenerate", "ratios": ratios},
    )  # fmt: skip


def _picture(image: str, where: str, role: Role) -> Reference:
    """A URL, data as a URL, or bare base64."""
    url = image if re.match("https?:|data:", image) else f"data:image/png;base64,{image}"
    return Reference("image", media(url, "image", where), role)


class Channel(NamedTuple):
    """Its number, its models, what makes a film of a request, and the vendor's way to refuse one."""

    number: str
    models: Sequence[str]
    film: Callable[[Asked], Ask]
    refusal: Callable[[str], TaskError]


def _handed_on(wrap: Callable[[str], Json]) -> Callable[[str], TaskError]:
    """What a vendor says with a status of its own is handed on as JSON within the message."""
    return lambda said: TaskError(json.dumps(wrap(said), ensure_ascii=False), "fail_to_fetch_task")


CHANNELS = {
    "kling": Channel(
        "50", ("kling-v1", "kling-v1-6", "kling-v2-master"), kling,
        _handed_on(lambda said: {"code": 1201, "message": said, "request_id": "simulated"}),
    ),
    "jimeng": Channel(  # its list has the first; operators add the others, which the code knows too
        "51", ("jimeng_vgfm_t2v_l20", "jimeng_vgfm_i2v_l20", "jimeng_v30", "jimeng_v30_1080p", "jimeng_v30_pro"),
        jimeng, lambda said: TaskError(said, "50215", 500),
    ),
    "vidu": Channel(
        "52", ("viduq2", "viduq1", "vidu2.0", "vidu1.5"), vidu,
        _handed_on(lambda said: {"code": 400, "reason": "FieldInvalid", "message": said, "metadata": {}}),
    ),
    "doubao": Channel(
        "54", tuple(SEEDANCE), doubao,
        _handed_on(lambda said: {"error": {"code": "InvalidParameter", "message": said, "type": "BadRequest"}}),
    ),
    "sora": Channel(
        "55", ("sora-2", "sora-2-pro"), sora,
        _handed_on(lambda said: {"error": {"message": said, "type": "invalid_request_error", "code": None}}),
    ),
}  # fmt: skip


def channel_of(model: str) -> str:
    """The name of the channel which has the model, "" if none has."""
    return next((name for name, channel in CHANNELS.items() if model in channel.models), "")


def read(body: Json) -> Ask:
    """The film that comes of a body. Raises Refusal: New API's own, or in its words what the vendor would say."""
    if not isinstance(body, dict) or not body.get("model"):
        raise TaskError("model field is required", "missing_model")
    if not isinstance(body["model"], str):
        raise TaskError("field model must be a string")
    channel = CHANNELS.get(channel_of(body["model"]))
    if channel is None:
        raise Refusal("ModelNotFound", f"分组 default 下模型 {body['model']} 无可用渠道（distributor）")
    try:
        return channel.film(_asked(body))
    except TaskError:
        raise
    except Refusal as refusal:
        raise channel.refusal(refusal.message) from None
