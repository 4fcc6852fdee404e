"""What a provider file must say, and the few readers which all of them share.

A provider is a module (or any object) with the names of `Provider`: facts as data, then pure functions in pairs. It
never sends, sleeps, catches or formats: what it returns are values, so that a test compares values and nobody mocks
HTTP.
"""

import base64
import json
import math
import operator
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict

from vidgen_nb.errors import Problem
from vidgen_nb.records import UNKNOWN_COST, Call, Cost, Json, MediaKind, MediaLimits, Medium, Reply, Status, Warned

Options = Mapping[str, Any]


# ── facts ─────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Between(Collection[float]):
    """Every number from `low` to `high`, both included: what a page means that says number, not integer."""

    low: int
    high: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.high))

    def __len__(self) -> int:
        return 2


@dataclass(frozen=True, slots=True)
class Model:
    """One row of a provider's table: what a model takes, where that is stated, and when it was checked.

    `takes` maps a parameter to the values offered (a range, a tuple, a set); a parameter it does not name is not
    limited here. `lacks` names the parameters which this model does not take at all. `media` overrides the provider's
    `MEDIA`.
    """

    name: str
    takes: Mapping[str, Collection[Any]] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    media: Mapping[str, MediaLimits] = field(default_factory=dict)
    source: str = ""
    checked: str = ""  # ISO date; "" means never
    default: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Proof that nothing was accepted: the provider's `code`, the class in `errors` it means, and its source."""

    code: str
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reply says about a task, in the provider's own words. `urls` are its finished videos, each once.

    `paths` stand in for them where the provider serves a video at its own base URL, behind the key ("/v1/videos/…").
    `usage` is what it counted that is no money: "5 s, 900 tokens".
    """

    task_id: str = ""
    word: str = ""
    progress: object = None
    urls: tuple[str, ...] = ()
    said: str = ""
    code: str = ""
    cost: Cost = UNKNOWN_COST
    paths: tuple[str, ...] = ()
    usage: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A task found by searching: enough to compare it with what was asked. `submitted` is in epoch seconds."""

    task_id: str
    submitted: float | None
    asked: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Listing:
    """The tasks which a search found: all there are that were submitted after `since` (epoch seconds)."""

    tasks: tuple[Found, ...]
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A model as the provider's live catalogue lists it; `facts` holds what it says beyond the name."""

    name: str
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """A price in a live catalogue, of a model and for the values in `when` (our parameters).

    per: what the number is for; "" where the provider does not say it, so that nobody can tell what a clip costs.
    """

    model: str
    amount: float
    unit: str
    per: Literal["", "second", "clip"] = ""
    when: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """What is known of an accepted task when it is asked about."""

    id: str
    model: str
    asked: Mapping[str, Json] = field(default_factory=dict)


class Provider(Protocol):
    """What a provider file must say; what a service does not have is left out.

    Optional facts: `SITES` (name → base URL, chosen by the option "site"), `OPTIONS` (names of its other options),
    `NOT_IN_BASE` (what people append to a base URL though the paths begin with it), `API_WIDE` (a Model: the limits of
    models which the table does not list), `MEDIA` (parameter → MediaLimits), `TAKES_ASSETS` (False where asset:// ids
    mean nothing), `TAKES_DATA` (kinds of media that may be sent as data) and `UPLOAD` (what to do with the others),
    `SEARCH` (how a lost submission can be found) and `CONSOLE` (where a person looks), `OPEN_CATALOGUE` (True where the
    live catalogue needs no key), `REPORTS_PROGRESS` (False where it never does), `QUERY_UNVERIFIED` (the option which
    sets a query path nobody verified), `FAILED_ARE_FREE` (True where it documents that failed tasks cost nothing).
    Optional functions: `unfold(given)` (the page's own nesting → flat names, and what is wrong with it),
    `rules(request)` (limits across parameters), `advise(request)` (warnings), `search(request, options)` and
    `read_search(reply)` (a Listing, None where the reply is no whole list), `models(options)` and
    `read_models(reply)`, `listed(model)` (the prices which a LiveModel names, as a list of Listed).
    """

    NAME: str  # "relaydance": as in vg.generate(provider=…)
    TITLE: str  # "RelayDance"
    BASE_URL: str  # "" where every user has an own one
    KEY: str  # the environment variable of the key
    BASE: str  # the environment variable of the base URL
    AUTH: tuple[str, str]  # header and its form: ("Authorization", "Bearer {key}")
    MODELS: tuple[Model, ...]
    STATES: Mapping[str, Status]  # the provider's words, spelled as `plain` spells them
    REFUSALS: tuple[Refusal, ...]
    FAILED_BILLING: str  # what is documented about failed tasks and money, as a sentence

    @property
    def Request(self) -> type["Request"]: ...  # noqa: N802 (a class, as a provider module names it)

    def submit(self, request: Any, options: Options) -> Call: ...
    def read_submit(self, reply: Reply) -> Reading: ...
    def poll(self, task: Task, options: Options) -> Call: ...
    def read_poll(self, reply: Reply) -> Reading: ...


# ── the request model ─────────────────────────────────────────────────────────
LARGEST = 2**63


def _number(value: object) -> object:
    """bool is not a number, 5.0 is 5, and numpy's numbers are numbers: they bring `__index__` or `__float__`."""
    if isinstance(value, bool):
        raise ValueError("True and False are not numbers")
    try:
        if hasattr(value, "__index__"):
            whole = operator.index(value)
            if abs(whole) >= LARGEST:  # Python could not even print some of these
                raise ValueError("is larger than any number that a provider takes")
            return whole
        if hasattr(value, "__float__"):
            value = float(value)
    except TypeError:  # an array of several numbers has these methods too
        raise ValueError("not a single number") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _flag(value: object) -> object:
    """Only True and False: 1 and "yes" are more likely a slip of the parameter."""
    if isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}:
        return bool(value)
    raise ValueError("takes True or False")


Integer = Annotated[int, BeforeValidator(_number)]
Number = Annotated[float, BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_flag)]


@dataclass(frozen=True, slots=True)
class MediaField:
    """Marks a field of a Request as reference media of one kind; `many` for a list."""

    kind: MediaKind
    many: bool = False


Image = Annotated[Medium | None, MediaField("image")]
Images = Annotated[tuple[Medium, ...], MediaField("image", many=True)]
Videos = Annotated[tuple[Medium, ...], MediaField("video", many=True)]
Audios = Annotated[tuple[Medium, ...], MediaField("audio", many=True)]


class Request(BaseModel):
    """A request in the common vocabulary: fields under our names, the page's names as `validation_alias`.

    Each field's description is what `generate()`, the form and the catalogue say about it; its `examples[0]`, where
    given, is the provider's documented default.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True, arbitrary_types_allowed=True)

    @property
    def given(self) -> dict[str, Any]:
        """The parameters which the caller gave, under our names, in the order of the model."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {name: value for name, value in values.items() if value is not None and value != ()}


def media_fields(request_type: type[Request]) -> dict[str, MediaField]:
    """The reference-media fields of a request model, by our name."""
    marks = {
        name: [m for m in info.metadata if isinstance(m, MediaField)]
        for name, info in request_type.model_fields.items()
    }
    return {name: found[0] for name, found in marks.items() if found}


def aliases(request_type: type[Request]) -> dict[str, str]:
    """Every name under which a parameter may be given → our name."""
    names: dict[str, str] = {}
    for name, info in request_type.model_fields.items():
        names[name] = name
        alias = info.validation_alias
        choices = getattr(alias, "choices", [alias] if isinstance(alias, str) else [])
        names.update({str(choice): name for choice in choices})
    return names


def model_row(provider: Provider, name: str | None) -> Model | None:
    """The row of a model, or the default row for None; None where the table does not list it."""
    for row in provider.MODELS:
        if row.name == name or (name is None and row.default):
            return row
    return None


def offers(row: Model, values: Mapping[str, Any]) -> Iterable[Problem]:
    """Every given value which the row of a model does not offer."""
    source = row.source.partition(";")[0]  # the first is enough for an error; the catalogue names them all
    tail = f"({source}, checked {row.checked or 'never'}; check=False sends it anyway)"
    for parameter, value in values.items():
        if parameter in row.lacks:
            yield Problem(parameter, f"{row.name} does not take it {tail}")
        elif parameter in row.takes and value not in row.takes[parameter]:
            yield Problem(
                parameter,
                f"{value} is not offered by {row.name}: it takes {choices(row.takes[parameter], parameter)} {tail}",
            )


def choices(values: Collection[Any], parameter: str = "") -> str:
    """A set of values in words: `4 to 15 s`, `480p or 720p`."""
    unit = " s" if parameter == "duration" else ""
    if isinstance(values, Between):
        return f"{values.low} to {values.high}{unit}"
    if isinstance(values, range):  # it may be that of a seed, too long to be listed
        return f"{values[0]} to {values[-1]}{unit}" if len(values) > 2 else " or ".join(f"{v}{unit}" for v in values)
    whole = sorted(value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= 0)
    others = [str(value) for value in values if value not in whole]
    if len(whole) > 2 and whole == list(range(whole[0], whole[-1] + 1)):
        words = [f"{whole[0]} to {whole[-1]}{unit}", *others]  # -1 has no unit: it means "as the provider likes"
    else:
        words = [*(f"{value}{unit}" for value in whole), *others]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


# ── writing ───────────────────────────────────────────────────────────────────
def data_uri(medium: Medium) -> str:
    """The medium as the wire takes it: its URL as written, or its data as a data URI."""
    return f"data:{medium.mime};base64,{base64_of(medium)}" if medium.is_data else medium.url


def base64_of(medium: Medium) -> str:
    """The medium's data as bare base64; "" for a URL."""
    return base64.b64encode(medium.read()).decode("ascii") if medium.read is not None else ""


def without_none(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without what was not given: nothing the caller did not give is sent."""
    return {key: value for key, value in body.items() if value is not None and value not in ({}, [], ())}


# ── reading ───────────────────────────────────────────────────────────────────
def dig(body: Json, path: str) -> Json:
    """`dig(body, "data.urls.0")`: what stands at a dotted path, None where anything on the way is missing."""
    for step in path.split("."):
        if isinstance(body, Mapping):
            body = body.get(step)
        elif isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    return body


def text(value: Json) -> str:
    """A word from a reply: strings as they are, numbers as digits, everything else is no word."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def first(body: Json, *paths: str) -> str:
    """The first non-empty word at the given paths."""
    return next((word for path in paths if (word := text(dig(body, path)))), "")


def urls(body: Json, *paths: str) -> tuple[str, ...]:
    """The web addresses at the first of the paths which holds any, each once: the other places repeat the same videos.

    Anything else there (an error text, "") is no address.
    """
    for path in paths:
        value = dig(body, path)
        items = [item.strip() for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
        found = dict.fromkeys(item for item in items if re.match(r"https?://\S+$", item, re.IGNORECASE))
        if found:
            return tuple(found)
    return ()


def plain(word: str) -> str:
    """A status word without its spelling: lower case, no separators (`IN_PROGRESS`, `InProgress` → `inprogress`)."""
    return re.sub(r"[\s_\-]+", "", word).lower()


def status_of(provider: Provider, word: str) -> Status:
    """The status a provider's word stands for. A word nobody knows is *running*: news, not an end."""
    return provider.STATES.get(plain(word), Status.RUNNING)


def error_words(reply: Reply) -> tuple[str, str]:
    """Code and message of an error body, in any of the five's shapes; a JSON string inside `message` is opened too."""
    body = reply.body
    code = first(body, "error.code", "code", "error.type", "type", "error")
    message = first(body, "error.message", "message", "error_message", "detail", "error")
    if message.startswith("{"):
        inner = _parsed(message)
        code = first(inner, "error.code", "code") or code
        message = first(inner, "error.message", "message") or message
    return code, message or ("" if reply.body is not None else reply.text[:200].strip())


def _parsed(message: str) -> Json:
    try:
        return json.loads(message)
    except (ValueError, RecursionError):  # nested without end is no JSON either
        return None


HTTP_REFUSALS: Mapping[int, str] = {
    400: "InvalidRequest",
    401: "AuthError",
    402: "InsufficientBalance",
    403: "PermissionDenied",
    404: "ModelNotFound",
    413: "InvalidRequest",
    415: "InvalidRequest",
    422: "InvalidRequest",
    429: "RateLimited",
}
"""Statuses by which each of the five proves that it accepted nothing. 307 and 308 are read by the engine."""

_MODERATION = re.compile(
    r"sensitive|moderat|risk.?control|content.?(filter|policy)|privacyinformation|violat|敏感|审核|违规", re.IGNORECASE
)
_BALANCE = re.compile(r"quota|balance|credit|insufficient|余额|额度|积分", re.IGNORECASE)


def refusal_kind(provider: Provider, reply: Reply) -> str | None:
    """The class in `errors` which a reply proves, or None where it proves nothing about acceptance.

    The provider's own codes come first: they may stand under any HTTP status (even 200 and 503).
    """
    code, message = error_words(reply)
    for row in provider.REFUSALS:
        if row.code == code:
            return row.kind
    kind = HTTP_REFUSALS.get(reply.status)
    if kind in {"InvalidRequest", "PermissionDenied"} and _MODERATION.search(f"{code} {message}"):
        return "ModerationRejected"
    if kind == "PermissionDenied" and _BALANCE.search(f"{code} {message}"):
        return "InsufficientBalance"
    return kind


def failure_kind(code: str, message: str) -> str:
    """The class in `errors` for a task which the provider reports as failed."""
    return "ModerationRejected" if _MODERATION.search(f"{code} {message}") else "GenerationFailed"


Warnings = Sequence[Warned]
