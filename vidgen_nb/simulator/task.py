"""A task's life, as a function of the accepted request and a clock.

What a person may ask of it stands in the prompt, in words which never reach the film's caption:

    (simulate queued=5)             wait 5 s in the queue (about 1 s otherwise)
    (simulate seconds=20)           run for 20 s (about 6 s otherwise)
    (simulate fail=moderation)      fail at 50 % of the run; fail=upstream is the other kind
    (simulate fail=upstream at=60)  fail at 60 %
    (simulate refuse=moderation)    be refused: moderation, auth, permission, quota, busy, server (an HTML 502), or
                                    internal (the provider's own 500, where it has one)
    (simulate lost_reply)           be accepted, and have the connection closed without an answer
    (simulate expires=2)            media URLs which die after 2 s (30 minutes otherwise)

All seconds are simulated: a Simulator of speed 10 makes 5 of them pass in half a second.
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from vidgen_nb.records import Json, MediaKind, Status

Role = Literal["reference", "first_frame", "last_frame"]


class Refusal(Exception):
    """The request is not accepted. `kind` is the name of a class in `errors`, `message` names the field.

    `moment` is when, in epoch seconds. Before a dialect words it, `does` and `shape` say what kind of Route refused,
    and which of the known shapes was chosen.
    """

    def __init__(self, kind: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after
        self.moment = time.time()
        self.does = self.shape = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference medium: http(s)://, asset:// or data: URL. `ratio` is width / height, where the data showed it."""

    kind: MediaKind
    url: str
    role: Role = "reference"
    ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What an accepted request asks for, in one vocabulary for all dialects.

    The size comes from `width` and `height` (pixels), else from `ratio` ("16:9", "adaptive") and `resolution` ("720p",
    the short side). `echo` is whatever the dialect wants back when it describes the task.
    """

    model: str
    prompt: str
    seconds: float = 5
    ratio: str = "16:9"
    resolution: str = "720p"
    width: int | None = None
    height: int | None = None
    fps: int = 24
    audio: bool = False
    seed: int | None = None
    references: tuple[Reference, ...] = ()
    callback_url: str = ""
    echo: Mapping[str, Json] = field(default_factory=dict)

    @property
    def caption(self) -> str:
        """The prompt without directives, on one line."""
        return " ".join(_DIRECTIVE.sub(" ", self.prompt).split())

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, even as H.264 wants them."""
        if self.width and self.height:
            return self.width // 2 * 2, self.height // 2 * 2
        short = int(self.resolution.rstrip("pP"))
        ratio = self._ratio()
        long = round(short * max(ratio, 1 / ratio) / 2) * 2
        return (long, short) if ratio >= 1 else (short, long)

    def _ratio(self) -> float:
        if self.ratio == "adaptive":
            seen = [each.ratio for each in self.references if each.ratio]
            return min(max(seen[0], 9 / 21), 21 / 9) if seen else 16 / 9
        across, down = self.ratio.split(":")
        return int(across) / int(down)


# ── what was asked of the task's life ─────────────────────────────────────────
_DIRECTIVE = re.compile(r"\(simulate\b([^)]*)\)", re.IGNORECASE)
_REFUSALS = {
    "auth": "AuthError",
    "busy": "RateLimited",
    "internal": "ServerError",
    "moderation": "ModerationRejected",
    "permission": "PermissionDenied",
    "quota": "InsufficientBalance",
    "server": "ServerError",
}
FAILURES = {
    "moderation": (
        "OutputVideoSensitiveContentDetected",
        "The request failed because the output video may contain sensitive information.",
    ),
    "upstream": ("InternalServiceError", "The service encountered an unexpected internal error."),
}
"""How a task can fail: the code and words of Volcengine Ark, which stands behind most of the providers."""


def _one_of(names: Mapping[str, Any]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in names:
            raise ValueError(value)
        return value

    return read


_READ: Mapping[str, Callable[[str], Any]] = {
    "queued": float,
    "seconds": float,
    "fail": _one_of(FAILURES),
    "at": float,
    "refuse": _one_of(_REFUSALS),
    "lost_reply": lambda value: value != "false",
    "expires": float,
}


@dataclass(frozen=True, slots=True)
class Script:
    """How a task shall behave where that is not left to chance. Seconds are simulated, `at` is percent of the run."""

    queued: float | None = None
    seconds: float | None = None
    fail: str = ""
    at: float = 50
    refuse: str = ""
    lost_reply: bool = False
    expires: float | None = None

    @classmethod
    def read(cls, prompt: str) -> "Script":
        """The directives of a prompt. Raises Refusal for a word which nobody knows, so that a typing error shows."""
        said: dict[str, Any] = {}
        for word in " ".join(_DIRECTIVE.findall(prompt)).split():
            name, _, value = word.partition("=")
            try:
                said[name] = _READ[name](value)
            except (KeyError, ValueError):
                raise Refusal("InvalidRequest", f"prompt: the simulator cannot do (simulate {word})") from None
        return cls(**said)

    def check(self) -> None:
        """Raise the Refusal which was asked for."""
        if self.refuse:
            retry_after = 1 if self.refuse == "busy" else None
            raise Refusal(_REFUSALS[self.refuse], f"refused as it was asked: {self.refuse}", retry_after=retry_after)


# ── the task ──────────────────────────────────────────────────────────────────
class State(NamedTuple):
    """Where a task stands at one moment: status, percent, and the moments (epoch seconds) it started and ended."""

    status: Status
    progress: int
    started: float | None
    finished: float | None


@dataclass(frozen=True, slots=True)
class Task:
    """An accepted request. `number` counts the tasks of a journal from 1; `created` is epoch seconds."""

    id: str
    dialect: str
    number: int
    created: float
    ask: Ask
    script: Script = Script()

    def moments(self, speed: float) -> tuple[float, float]:
        """When it starts to run, and when it ends. The same request takes the same time."""
        chance = hashlib.sha256(f"{self.ask.model} {self.ask.prompt} {self.ask.seed}".encode()).digest()
        queued = 0.75 + chance[0] / 512 if self.script.queued is None else self.script.queued
        running = 5 + chance[1] / 128 if self.script.seconds is None else self.script.seconds
        if self.script.fail:
            running *= self.script.at / 100
        return self.created + queued / speed, self.created + (queued + running) / speed

    def state(self, now: float, speed: float = 1.0) -> State:
        """Where it stands at `now` (epoch seconds), in a world `speed` times as fast as ours."""
        start, end = self.moments(speed)
        if now < start:
            return State(Status.QUEUED, 0, None, None)
        if now < end:
            top = self.script.at if self.script.fail else 100
            return State(Status.RUNNING, min(int(top * (now - start) / (end - start)), 99), start, None)
        if self.script.fail:
            return State(Status.FAILED, 100, start, end)
        return State(Status.SUCCEEDED, 100, start, end)


@dataclass(frozen=True, slots=True)
class View:
    """A task as a dialect describes it. `url` and `cover` are freshly signed and set only once it has succeeded;
    `error` is a code and a sentence, set only once it has failed."""

    task: Task
    status: Status
    progress: int
    started: float | None
    finished: float | None
    url: str = ""
    cover: str = ""
    error: tuple[str, str] = ("", "")
