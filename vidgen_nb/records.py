"""The nouns of the house: plain, frozen values which every room may hold.

Times are seconds since the epoch (UTC), durations seconds, sizes bytes, pictures pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from vidgen_nb.errors import InvalidRequest

Json = Any  # what json.loads gives: None, bool, int, float, str, list or dict


# ── the wire ──────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request as a value. `path` is appended to the provider's base URL; the key is not part of it."""

    method: Literal["GET", "POST"]
    path: str
    json: Json = field(default=None, repr=False)  # it may hold media, and addresses that are signed
    params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer as a value: status, parsed JSON (None if it is none), lower-case headers, the text as it came."""

    status: int
    body: Json = field(default=None, repr=False)  # as above
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request. `fate` is about the bytes, not about the answer:

    not_sent: proven that no byte of it left. answered: a whole answer came (`reply`).
    cut: it left, and `reply` holds what came before the answer broke off. lost: it left or may have left, no answer.
    """

    fate: Literal["not_sent", "answered", "cut", "lost"]
    reply: Reply | None = None
    detail: str = ""


# ── a generation's life ───────────────────────────────────────────────────────
class Status(StrEnum):
    """Where a generation stands. The value is the word in the ledger, in `clip.status` and in every view."""

    SUBMITTING = "submitting"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    QUEUED = "queued"
    RUNNING = "running"
    DOWNLOADING = "downloading"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STUCK = "stuck"

    @property
    def settled(self) -> bool:
        """Nothing more happens by itself: a wait for it ends."""
        return self in SETTLED

    @property
    def open(self) -> bool:
        """The provider has it, and `resume()` can bring it home."""
        return self in OPEN


_S = Status
OPEN = frozenset({_S.QUEUED, _S.RUNNING, _S.DOWNLOADING})
SETTLED = frozenset({_S.SUCCEEDED, _S.FAILED, _S.REFUSED, _S.UNKNOWN, _S.STUCK})
MOVES: Mapping[Status, frozenset[Status]] = {
    _S.SUBMITTING: frozenset({_S.REFUSED, _S.UNKNOWN, _S.QUEUED, _S.RUNNING, _S.DOWNLOADING, _S.FAILED}),
    _S.REFUSED: frozenset({_S.SUBMITTING}),  # free to try again
    _S.UNKNOWN: frozenset({_S.QUEUED, _S.REFUSED, _S.SUBMITTING}),  # adopted, resolved, or resubmitted by a person
    _S.QUEUED: frozenset({_S.RUNNING, _S.DOWNLOADING, _S.FAILED, _S.STUCK}),
    _S.RUNNING: frozenset({_S.DOWNLOADING, _S.FAILED, _S.STUCK}),
    _S.DOWNLOADING: frozenset({_S.SUCCEEDED, _S.STUCK}),
    _S.STUCK: frozenset({_S.QUEUED, _S.RUNNING, _S.DOWNLOADING, _S.FAILED}),  # resume()
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
}
"""The table of allowed steps: every change of a status is one of these, checked where the ledger is written."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a generation ended without a clip: `kind` names the class in `errors`, `said` is the provider's own text."""

    kind: str
    message: str
    said: str = ""
    code: str = ""
    hint: str = ""
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount of money in its own unit, and what we know it from. Unknown is `amount=None`, never 0.

    reported: what the provider counted in another unit than `unit` (a quota, seconds, tokens): no amount of money.
    refunded: the task failed, and the provider documents that it takes nothing for that.
    """

    amount: float | None = None
    unit: str = ""
    basis: str = ""
    reported: str = ""
    refunded: bool = False

    def __str__(self) -> str:
        known = "cost unknown" if self.amount is None else f"{self.number} {self.unit}".strip()
        return ", ".join(part for part in (known, self.basis) if part)

    @property
    def number(self) -> str:
        """The amount as people write it; a small one keeps its digits, so that it is never shown as 0."""
        return "" if self.amount is None else money(self.amount)


def money(amount: float) -> str:
    """`12`, `1.40`, `0.004`."""
    if amount == int(amount):
        return f"{int(amount)}"
    return f"{amount:.2f}" if abs(amount) >= 0.01 else f"{amount:.2g}"


UNKNOWN_COST = Cost()
SIMULATED_COST = Cost(0, "", "simulated")
IMPORTED = "imported"  # how the basis of a cost begins that was paid elsewhere

Booking = Literal["free", "reserved", "charged", "refunded", "unknown"]


def booking(status: Status, cost: Cost) -> Booking:
    """Where the money of a clip stands, by its status and its cost.

    free: nothing was accepted, or it was paid for elsewhere. reserved: in flight, or stuck. refunded: failed, where the
    provider documents that it takes nothing. unknown: nobody knows whether it was charged, or how much.
    """
    if status is Status.REFUSED or cost == SIMULATED_COST or cost.basis.startswith(IMPORTED):
        return "free"
    if status is Status.FAILED and cost.refunded:
        return "refunded"
    silent = status is Status.FAILED and not cost.basis.startswith("reported")
    if cost.amount is None or status is Status.UNKNOWN or silent:
        return "unknown"
    return "charged" if status.settled and status is not Status.STUCK else "reserved"


@dataclass(frozen=True, slots=True)
class Price:
    """What a person says that clips cost: `amount` per "second" or "clip", in `unit`, for the models of a pattern.

    amount None: the number which the provider's live catalogue lists, of which the person says what it means.
    """

    provider: str
    pattern: str
    per: Literal["second", "clip"]
    amount: float | None
    unit: str
    written: float = 0.0


@dataclass(frozen=True, slots=True)
class ClipFile:
    """One finished file. `path`, `poster` are relative to the home, with forward slashes."""

    path: str
    sha256: str
    size: int
    duration: float
    width: int
    height: int
    fps: float
    has_audio: bool
    poster: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One generation as it stands: what the ledger keeps, and all that a view is made from.

    `asked` holds the parameters given, in the common vocabulary, as JSON. A reference medium in it is a string (a URL
    as written), or a dict `{"input": "<sha256>.<ext>", "name": …}` for data, with `{"clip": id, "part": …}` added for
    an earlier Generation.
    """

    id: str
    identity: str
    provider: str
    origin: str  # scheme and host of the base URL, or "simulator"
    model: str
    asked: Mapping[str, Json] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)
    take: int = 1
    parent: str = ""

    status: Status = Status.SUBMITTING
    step: str = "intended"  # of submitting: "intended" (no byte sent yet), then "sending"
    reason: str = ""  # of stuck: why
    word: str = ""  # the provider's own status word, as it came
    progress: float | None = None  # 0..100, the highest so far
    task_id: str = ""
    error: Failure | None = None
    cost: Cost = UNKNOWN_COST
    raw: Json = None  # the provider's last reply, queries of URLs and echoed media replaced
    files: tuple[ClipFile, ...] = ()

    created: float = 0.0
    sent: float | None = None  # the POST's first byte may have left
    answered: float | None = None  # its outcome was known
    started: float | None = None  # first seen running
    finished: float | None = None  # settled
    updated: float = 0.0

    doubts: int = 0  # earlier submissions of this row that may have been charged too: see resubmit()
    rating: int | None = None  # 1..5, a person's own
    note: str = ""  # a person's own words about the clip

    owner: str = ""
    revision: int = 0

    # seen by this process only, never written to the ledger
    reused: bool = False
    unreachable_since: float | None = None
    needs_key: bool = False
    next_call: float | None = None
    expected: float | None = None  # half of the clips like it are done by then, as this home has seen them
    expected_late: float | None = None  # nine of ten are
    bytes_done: int = 0
    bytes_total: int | None = None
    bytes_per_second: float | None = None

    @property
    def simulated(self) -> bool:
        return self.origin == "simulator"

    @property
    def prompt(self) -> str:
        return str(self.asked.get("prompt", ""))


TRANSIENT = frozenset(
    {"reused", "unreachable_since", "needs_key", "next_call", "expected", "expected_late"}
    | {"bytes_done", "bytes_total", "bytes_per_second"}
)
"""Fields of a Record which only this process sees."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The engine's patience, in seconds.

    connect, submit, poll: limits of one request. first_poll: from the answer to the first poll.
    min_gap, max_gap: between polls. not_found_grace: how long a fresh task may be unknown to its provider.
    no_media_grace: how long a success may lack its URL. deadline: when to stop asking (stuck, resumable).
    download_stall: how long a download may give next to nothing.
    """

    connect: float = 10
    submit: float = 60
    poll: float = 30
    first_poll: float = 5
    min_gap: float = 2
    max_gap: float = 30
    not_found_grace: float = 120
    no_media_grace: float = 60
    deadline: float = 86_400
    download_stall: float = 60

    def __post_init__(self) -> None:
        for row in fields(self):
            value = getattr(self, row.name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= MOST_SECONDS:
                raise InvalidRequest(f"Timing takes seconds: {row.name} is none.", hint="Such as vg.Timing(submit=90).")


MOST_SECONDS = 10.0**9  # thirty years: beyond it the system's own timers cannot count


# ── reference media ───────────────────────────────────────────────────────────
MediaKind = Literal["image", "video", "audio"]


@dataclass(frozen=True, slots=True)
class Medium:
    """A reference medium, ready for a provider: either a `url` as written, or data with its sha256.

    `read` gives the bytes of data (they may lie in a file). Width, height, duration and fps are what probing the data
    showed, None for a URL. `clip` and `part` name the earlier Generation it came from ("last_frame", "first_frame",
    "clip"). `pixels` is the sha256 of the pixels of a picture that was encoded here: its identity, because
    compressors change.
    """

    kind: MediaKind
    url: str = field(default="", repr=False)  # it may be signed
    sha256: str = ""
    suffix: str = ""  # ".png"
    mime: str = ""
    size: int = 0
    name: str = ""
    clip: str = ""
    part: str = ""
    pixels: str = ""
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    read: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def is_data(self) -> bool:
        return not self.url


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What a provider documents about one kind of reference media; None where it is silent. Ranges are inclusive."""

    max_count: int | None = None
    formats: tuple[str, ...] = ()  # "mp4", "mov", "wav" …
    max_bytes: int | None = None
    seconds: tuple[float, float] | None = None  # each
    total_seconds: float | None = None  # together
    ratio: tuple[float, float] | None = None  # width / height
    width: tuple[int, int] | None = None
    height: tuple[int, int] | None = None
    pixels: tuple[int, int] | None = None
    fps: tuple[float, float] | None = None
    source: str = ""


# ── what a view may see ───────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What views say about a provider, in its own terms.

    failed_billing: a sentence about failed tasks and money, as documented or as undocumented.
    search: how a lost submission can be found, or "" where the provider cannot be searched.
    console: where a person looks it up.
    """

    name: str
    title: str
    failed_billing: str
    search: str = ""
    console: str = ""
    reports_progress: bool = True


class Viewed(Protocol):
    """What a view may see and do of a generation. `Generation` is one; a test's stand-in is another."""

    @property
    def record(self) -> Record: ...

    @property
    def facts(self) -> ProviderFacts: ...

    @property
    def home(self) -> Path:
        """The folder to which the record's file names are relative."""
        ...

    def watch(self, tell: Callable[[Record], None]) -> Callable[[], None]:
        """Call `tell` with each new record, from any thread; the result ends it."""
        ...

    def act(self, action: str, argument: str = "") -> None:
        """Carry out a button: check, resume, reconcile, adopt, resolve, resubmit. Returns at once, never raises."""
        ...

    def code(self) -> str:
        """The call which makes this clip, as Python that evaluates to the same request."""
        ...

    def report(self) -> str: ...


# ── catalogue ─────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know before paying, and the parameter it is about ("" for the whole)."""

    parameter: str
    message: str

    def __str__(self) -> str:
        return f"{self.parameter}: {self.message}" if self.parameter else self.message


Problems = Sequence[tuple[str, str]]
