"""AiSphere: PixVerse's models behind 典名词元's gateway. One call, three modes: an image, two frames, or characters.

What is known comes from one page, which shows how to submit and nothing else: no query, no status word, no error code.
What had to be guessed is an option or a warning, and says so:

    query_path     where a task is asked about; "{task_id}" stands for its id. Nobody has verified the default.
    headtail_keys  the names of the two frames inside headtailImages, with a comma between. Not verified either.

The page marks all three image fields as required, and says in words that each belongs to a mode: only that one is sent.
Should the gateway insist on the others, `extra={"characterImages": []}` adds them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AliasChoices, BeforeValidator, Field

from vidgen_nb.errors import InvalidRequest, Problem
from vidgen_nb.providers import contract
from vidgen_nb.providers.contract import Flag, Image, Images, Integer, Model, Options, Reading, Refusal
from vidgen_nb.records import Call, Json, MediaKind, Reply, Status, Warned

NAME = "aisphere"
TITLE = "AiSphere"
BASE_URL = "https://api.aa.com.cn"
KEY = "AISPHERE_API_KEY"
BASE = "AISPHERE_BASE_URL"
AUTH = ("Authorization", "Bearer {key}")
FAILED_BILLING = "AiSphere does not document whether failed tasks are billed."
OPTIONS = ("query_path", "headtail_keys")  # both unverified: its page documents neither
TAKES_ASSETS = False  # its page names web addresses only
SEARCH = ""
CONSOLE = ""
REPORTS_PROGRESS = False
QUERY_UNVERIFIED = "query_path"

# ── facts ─────────────────────────────────────────────────────────────────────
CHECKED = "2026-11-20"
PAGE = "api-doc.aa.com.cn, 图生视频"
SOURCE = f"{PAGE}; https://api-doc.aa.com.cn/zh/docs/api/ai-model/video/aisphere/post-api-v1-video-generation-436615817"
_ANYWAY = f"({PAGE}, checked {CHECKED}; check=False sends it anyway)"
ACTION = "i2v"
QUERY_PATH = "/api/v1/video/generation/{task_id}"
HEADTAIL_KEYS = "headImageUrl,tailImageUrl"

_WIDE: Mapping[str, tuple[Any, ...]] = {
    "duration": (5, 8, 10),
    "resolution": ("360p", "540p", "720p", "1080p"),
    "motion_mode": ("normal", "fast"),
    "style": ("normal", "anime", "3d_animation", "clay", "comic", "cyberpunk"),
    "camera_movement": (
        "horizontal_left", "horizontal_right", "vertical_up", "vertical_down", "zoom_in", "zoom_out", "crane_up",
        "quickly_zoom_in", "quickly_zoom_out", "smooth_zoom_in", "camera_rotation", "robo_arm", "super_dolly_out",
        "whip_pan", "hitchcock", "left_follow", "right_follow", "pan_left", "pan_right", "fix_bg",
    ),
    "thinking_type": ("enabled", "disabled", "auto"),
}  # fmt: skip
_EFFECTS = ("sound_effect_switch", "sound_effect_content")
_ONLY_5_5 = ("generate_audio", "generate_multi_clip_switch", "thinking_type")


def _row(name: str, *lacks: str, **narrower: tuple[Any, ...]) -> Model:
    takes = {parameter: values for parameter, values in {**_WIDE, **narrower}.items() if parameter not in lacks}
    return Model(name, takes, frozenset(lacks), source=SOURCE, checked=CHECKED)


# "5 8 10(aisphere-v5.5模型)" is read as: 10 on v5.5 only. No row is a default: the page requires a model.
MODELS: tuple[Model, ...] = (
    _row("aisphere-v5.5", *_EFFECTS, "camera_movement", "reference_images", style=("normal",)),
    _row("aisphere-v5", *_ONLY_5_5, "camera_movement", duration=(5, 8)),
    _row("aisphere-v4.5", *_ONLY_5_5, duration=(5, 8)),
    _row("aisphere-v4", *_ONLY_5_5, "reference_images", duration=(5, 8)),
    _row("aisphere-v3.5", *_ONLY_5_5, "camera_movement", "reference_images", duration=(5, 8)),
)
API_WIDE = Model(TITLE, _WIDE, source=SOURCE, checked=CHECKED)
TAKES_DATA: frozenset[MediaKind] = frozenset()  # the page shows addresses only

# The page names no word. These are the other gateways' words, a guess, and PixVerse's numbers (2 and 3: PixVerse-MCP).
HAS_URLS = "has urls"  # no word of AiSphere's: what `read_poll` says of addresses beside a word nobody knows
STATES: Mapping[str, Status] = {
    **dict.fromkeys(("notstart", "submitted", "queued", "queueing", "pending", "created"), Status.QUEUED),
    **dict.fromkeys(("running", "inprogress", "processing", "generating", "unknown", "2", "3", "5"), Status.RUNNING),
    **dict.fromkeys(("succeeded", "success", "succeed", "completed", "complete", "done", "1"), Status.SUCCEEDED),
    **dict.fromkeys(("failed", "failure", "error", "cancelled", "canceled", "expired", "6", "7", "8"), Status.FAILED),
    contract.plain(HAS_URLS): Status.SUCCEEDED,
}
_NATIVE = {"6": "Deleted", "7": "Contents moderation failed", "8": "Generation failed"}

REFUSALS: tuple[Refusal, ...] = ()  # no code is documented: the HTTP status alone proves a refusal


# ── the request ───────────────────────────────────────────────────────────────
def _texts(value: object) -> object:
    """A list of texts; a single one is a list of one."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError("takes a list of texts, one for each of reference_images")
    return tuple(texts)


def _json_object(value: object) -> object:
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict):
        raise ValueError("takes a dict of JSON values, which goes out as it stands")
    return plain


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
Object = Annotated[dict[str, Any], BeforeValidator(_json_object)]


def _page(name: str, description: str, *default: Any) -> Any:
    """A parameter under its name on the page and on the wire, with the default where the page states one."""
    return Field(None, validation_alias=name, description=description, examples=list(default) or None)


class Request(contract.Request):
    """What AiSphere takes, in the common vocabulary."""

    prompt: str = Field(description="What the clip shows. PixVerse wants each character in it, as @name.")
    model: str | None = Field(None, min_length=1, description='Model name, such as "aisphere-v5.5". Always needed.')
    duration: Integer | None = Field(None, description="Length in seconds: 5 or 8, with aisphere-v5.5 also 10.")
    resolution: str | None = Field(None, description='"360p", "540p", "720p" or "1080p".')
    seed: Integer | None = Field(None, description="Random seed.")
    negative_prompt: str | None = _page("negativePrompt", "What the clip must not show.")
    first_frame: Image = _page("image", "Image the clip starts with, by https:// URL. Excludes references.")
    last_frame: Image = Field(None, description="Image the clip ends with; needs first_frame. Excludes references.")
    headtail_images: Object | None = _page("headtailImages", "In place of two frames: the page's object, as it stands.")
    reference_images: Images = Field(
        (),
        validation_alias=AliasChoices("characterImages", "character_images"),
        description="Characters (v4.5 and v5), with a type and a name for each; or all of it as character_images="
        '[{"image": "https://…", "type": "subject", "ref_name": "cat"}]. Excludes frames.',
    )
    reference_types: Texts = Field((), description='One for each reference image, such as "subject" or "background".')
    reference_names: Texts = Field((), description="One for each reference image: PixVerse wants it in the prompt.")
    motion_mode: str | None = _page("motionMode", '"normal", or "fast": for 5 s, not for 1080p.', "normal")
    style: str | None = Field(None, description='Such as "anime"; v5.5 takes "normal" only. Not with a last frame.')
    camera_movement: str | None = _page("cameraMovement", 'Such as "zoom_in" (v4 and v4.5).')
    sound_effect_switch: Flag | None = _page("soundEffectSwitch", "Add background sound (not v5.5).", False)
    sound_effect_content: str | None = _page("soundEffectContent", "That sound in words; matched if not given.")
    generate_audio: Flag | None = _page("generateAudioSwitch", "Make a soundtrack too (v5.5).")
    generate_multi_clip_switch: Flag | None = _page("generateMultiClipSwitch", "Several shots, or one (v5.5).")
    thinking_type: str | None = _page("thinkingType", 'Prompt rewriting: "enabled", "disabled", "auto" (v5.5).', "auto")


# These have a place of their own in the body; the others go out flat, under the page's name.
_PLACED = {*contract.media_fields(Request), "headtail_images", "reference_types", "reference_names"}
_FLAT = {ours: str(row.validation_alias or ours) for ours, row in Request.model_fields.items() if ours not in _PLACED}


# ── the page's nesting ────────────────────────────────────────────────────────
def unfold(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Flatten the page's own nesting, so that a body of its form works as keyword arguments exactly as it stands.

    Empty objects and lists, as in the page's example, are not given. Returns the parameters under flat names (ours or
    the page's) and what is wrong with the form, which check=False must not pass.
    """
    flat = {name: value for name, value in given.items() if not isinstance(value, Mapping | list | tuple) or value}
    problems: list[Problem] = []
    if flat.pop("_action", ACTION) != ACTION:
        problems.append(Problem("_action", f'is always "{ACTION}"'))
    if isinstance(image := flat.get("image"), Mapping):
        flat["image"] = image.get("imageUrl")
        if set(image) != {"imageUrl"} or flat["image"] is None:
            del flat["image"]
            problems.append(Problem("first_frame", 'image must be {"imageUrl": "https://…"}'))
    for name in ("characterImages", "character_images"):
        if isinstance(flat.get(name), Mapping | list | tuple):
            problems += _unfold_characters(name, flat)
    objects = [name for name in ("headtail_images", "headtailImages") if name in flat]
    if objects and "last_frame" in flat:
        problems.append(Problem("headtail_images", f"given twice, as {objects[0]} and as last_frame: keep one"))
    return flat, problems


def _unfold_characters(place: str, flat: dict[str, Any]) -> list[Problem]:
    """Make three lists of one of {imageUrl, type, refName}; an entry of any other form is a problem, never left out."""
    entries = flat[place] if isinstance(flat[place], list | tuple) else [flat[place]]
    found = [_character(entry) for entry in entries]
    form = 'must be {"imageUrl": "https://…", "type": "…", "refName": "…"}'
    problems = [Problem("reference_images", f"{place}[{n}] {form}") for n, parts in enumerate(found) if parts is None]
    flat[place] = [parts[0] for parts in found if parts]
    for column, ours in ((1, "reference_types"), (2, "reference_names")):
        texts = [parts[column] for parts in found if parts]
        if any(texts) and ours in flat:
            problems.append(Problem(ours, f"given twice, as {ours} and in {place}: keep one"))
        elif any(texts):
            flat[ours] = texts
    return problems


def _character(entry: object) -> tuple[Any, str, str] | None:
    """Image, type and name of a character, in the page's spelling or in ours; None if it is none."""
    if not isinstance(entry, Mapping):
        return entry, "", ""
    parts = {{"imageUrl": "image", "refName": "ref_name"}.get(key, key): value for key, value in entry.items()}
    kind, name = parts.get("type", ""), parts.get("ref_name", "")
    strange = len(parts) < len(entry) or parts.keys() - {"image", "type", "ref_name"} or parts.get("image") is None
    return None if strange or not isinstance(kind, str) or not isinstance(name, str) else (parts["image"], kind, name)


# ── limits ────────────────────────────────────────────────────────────────────
def rules(request: Request) -> list[Problem]:
    """Every limit of the page which the model's row cannot show."""
    return [Problem(parameter, f"{message} {_ANYWAY}") for parameter, message in _rules(request)]


def _rules(request: Request) -> Iterator[tuple[str, str]]:
    given, fast = request.given, request.motion_mode == "fast"
    if not request.prompt.strip():
        yield "prompt", "must not be blank"
    frame = "last_frame" if request.last_frame else "first_frame"
    modes = [name for name in (frame, "headtail_images", "reference_images") if name in given]
    if not modes:
        yield "first_frame", "is needed, alone or with last_frame, or else reference_images: clips are made from images"
    if len(modes) > 1:
        yield modes[0], f"excludes {' and '.join(modes[1:])}: a request has one mode"
    if request.last_frame and not request.first_frame:
        yield "last_frame", "needs first_frame"
    for name in ("reference_types", "reference_names"):
        if name in given and len(given[name]) != len(request.reference_images):
            yield "reference_images", f"there are {len(request.reference_images)} for {len(given[name])} {name}"
    if request.style is not None and _is_headtail(request):
        yield "style", "is not taken with a head and a tail frame"
    if fast and request.duration not in (None, 5):
        yield "motion_mode", f"fast is for 5 s, not for {request.duration} s"
    if fast and request.resolution == "1080p":
        yield "motion_mode", "fast is not for 1080p"


def _is_headtail(request: Request) -> bool:
    return bool(request.last_frame or request.headtail_images)


def advise(request: Request) -> list[Warned]:
    """What a person should know before paying: what the page leaves open, and the limits which PixVerse itself has."""
    return [Warned(about, words) for holds, about, words in (*_open_questions(request), *_pixverse(request)) if holds]


def _open_questions(request: Request) -> Iterator[tuple[bool, str, str]]:
    query = f"how to ask about a task is not documented: {QUERY_PATH} is a guess, the option {QUERY_UNVERIFIED} sets it"
    yield True, "", query
    keys = f"keys of headtailImages are not documented: {HEADTAIL_KEYS} is a guess, the option headtail_keys sets them"
    yield request.last_frame is not None, "last_frame", f"the {keys}; headtail_images={{…}} goes out as it stands"
    loose = request.motion_mode == "fast" and request.duration is None
    yield loose, "duration", "not given; fast is for 5 s, and AiSphere names no default: pass duration=5"
    silent = request.sound_effect_content is not None and not request.sound_effect_switch
    yield silent, "sound_effect_content", "is for sound_effect_switch=True, which is off by default"


def _pixverse(request: Request) -> Iterator[tuple[bool, str, str]]:
    """PixVerse's own limits (docs.platform.pixverse.ai, PixVerse-MCP): AiSphere runs its models and is silent here."""
    longest = 8 if request.model == "aisphere-v5.5" else 5
    slow = any(row.name == request.model for row in MODELS) and request.resolution == "1080p"
    yield slow and (request.duration or 0) > longest, "resolution", f"PixVerse makes 1080p up to {longest} s here"
    yield (request.motion_mode, request.model) == ("fast", "aisphere-v5"), "motion_mode", "PixVerse has no fast for v5"
    for name in ("camera_movement", "generate_multi_clip_switch"):
        yield bool(getattr(request, name)) and _is_headtail(request), name, "PixVerse takes none between two frames"
    for name in ("prompt", "negative_prompt", "sound_effect_content"):
        yield len(getattr(request, name) or "") > 2048, name, "PixVerse takes up to 2048 characters"
    yield not 0 <= (request.seed or 0) < 2**31, "seed", "PixVerse takes 0 to 2147483647"
    if request.reference_images:
        yield from _pixverse_characters(request)


def _pixverse_characters(request: Request) -> Iterator[tuple[bool, str, str]]:
    count, kinds, names = len(request.reference_images), request.reference_types, request.reference_names
    yield count > 3, "reference_images", f"there are {count}: PixVerse takes 1 to 3"
    typed = len(kinds) == count and set(kinds) <= {"subject", "background"}
    yield not typed, "reference_types", 'PixVerse wants "subject" or "background" for each image'
    named = len(set(names)) == count and all(re.fullmatch(r"[A-Za-z0-9_ ]{1,30}", name) for name in names)
    yield not named, "reference_names", "PixVerse wants another one for each image, up to 30 of A-Z a-z 0-9 _ and space"
    missing = [f"@{name}" for name in dict.fromkeys(names) if name and f"@{name}" not in request.prompt]
    yield bool(missing), "prompt", f"does not name {', '.join(missing)}: PixVerse wants every character in it"


# ── the wire ──────────────────────────────────────────────────────────────────
def submit(request: Request, options: Options) -> Call:
    """POST /api/v1/video/generation. Raises InvalidRequest where an option is unusable: found here it costs nothing."""
    _query_path(options)
    start = None if request.last_frame else request.first_frame
    rows = zip_longest(
        map(contract.data_uri, request.reference_images), request.reference_types, request.reference_names
    )
    keys = ("imageUrl", "type", "refName")
    body = {
        "image": {"imageUrl": contract.data_uri(start)} if start else None,
        "_action": ACTION,
        "headtailImages": request.headtail_images or _headtail(request, options),
        "characterImages": [{key: value for key, value in zip(keys, row, strict=True) if value} for row in rows],
        **{page: getattr(request, name) for name, page in _FLAT.items()},
    }
    return Call("POST", "/api/v1/video/generation", json=contract.without_none(body))


def _headtail(request: Request, options: Options) -> dict[str, str]:
    """The head and tail object, under the keys of the option "headtail_keys"; empty in the other modes."""
    keys = options.get("headtail_keys", HEADTAIL_KEYS)
    names = [key.strip() for key in keys.split(",")] if isinstance(keys, str) else []
    if len(set(names)) != 2 or len(names) != 2 or not all(names):
        hint = f'Two names with a comma between, such as "{HEADTAIL_KEYS}".'
        raise InvalidRequest(f"The option headtail_keys of {TITLE} is {keys!r}. Nothing was sent.", hint=hint)
    frames = zip(names, (request.first_frame, request.last_frame), strict=True) if request.last_frame else ()
    return {name: contract.data_uri(medium) for name, medium in frames if medium}


def _query_path(options: Options) -> str:
    path = options.get(QUERY_UNVERIFIED, QUERY_PATH)
    if not isinstance(path, str) or not re.fullmatch(r"/[^/\s]\S*", path) or "{task_id}" not in path:
        hint = f'A path with {{task_id}} in it, such as "{QUERY_PATH}".'
        raise InvalidRequest(f"The option {QUERY_UNVERIFIED} of {TITLE} is {path!r}. Nothing was sent.", hint=hint)
    return path


def poll(task: contract.Task, options: Options) -> Call:
    """GET the path of the option "query_path": by default a guess, because the page documents no query."""
    return Call("GET", _query_path(options).replace("{task_id}", quote(task.id, safe="")))


def read_submit(reply: Reply) -> Reading:
    """The answer to `submit`. `expired` has no documented form and is not read."""
    return read_poll(reply)


def read_poll(reply: Reply) -> Reading:
    """The answer to `poll`. That it has the form of `submit`'s is a guess; only `code` 0 makes it one about a task."""
    code, data = contract.dig(reply.body, "code"), contract.dig(reply.body, "data")
    success = isinstance(code, int) and not isinstance(code, bool) and code == 0
    error, message = contract.error_words(reply)
    if not (reply.ok and success and isinstance(data, Mapping)):
        return Reading(code="" if success else error, said=message)
    task_id, word = contract.first(data, "task_id"), contract.first(data, "task_status")
    status, urls = STATES.get(contract.plain(word)), contract.urls(data, "urls")
    usage = _usage(data)
    if status is None and urls and (task_id or word):
        return Reading(task_id, HAS_URLS, urls=urls, usage=usage)
    said = _reason(word, message) if status is Status.FAILED else ""
    return Reading(task_id, word, urls=urls if status is Status.SUCCEEDED else (), said=said, usage=usage)


def _usage(data: Json) -> str:
    """What `usage` counts, which is no price; its zeros are the page's placeholders."""
    counts = {"seconds": "{} s", "images": "{} images", "total_tokens": "{} tokens"}
    told = [(words, contract.dig(data, f"usage.{name}")) for name, words in counts.items()]
    return ", ".join(
        words.format(contract.text(count)) for words, count in told if type(count) in {int, float} and count
    )


def _reason(word: str, message: str) -> str:
    """Why a task failed: the message, unless it speaks of the call, else what PixVerse documents of its number."""
    if message.lower() not in {"", "ok", "success", "succeed", "成功"}:
        return message
    return f"status {word}, at PixVerse: {_NATIVE[word]}" if word in _NATIVE else ""
