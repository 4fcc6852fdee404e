"""Generation: the handle a person holds. It remembers nothing itself: the ledger and the runner do."""

import asyncio
import json
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from vidgen_nb import errors
from vidgen_nb.engine.loop import result_of
from vidgen_nb.errors import InvalidRequest, SubmitUnknown, VidgenError, WaitTimeout, frameless, visible
from vidgen_nb.gateways import facts_of
from vidgen_nb.records import Cost, Failure, Json, ProviderFacts, Record, Status

if TYPE_CHECKING:
    from vidgen_nb.media.video import Video
    from vidgen_nb.studio import Studio


class Generation:
    """One clip, from the moment it was asked for. As a cell's last line it shows the live card, later the player.

    Reading an attribute never touches the network. `wait()` and `await` give the same clip and raise its error.
    """

    def __init__(self, studio: "Studio", record: Record) -> None:
        self._studio = studio
        self._row = record

    def renewed(self, row: Record) -> "Generation":
        """This handle with the row as it stands now: another kernel may have written to it."""
        if row.revision > self._row.revision:
            self._row = row
        return self

    # ── what it is ────────────────────────────────────────────────────────────
    @property
    def record(self) -> Record:
        """Everything known about it, as one frozen value."""
        return self._studio.record_of(self._row)

    @property
    def id(self) -> str:
        """Our id, "vg-…", or "sim-…" of a simulated clip."""
        return self._row.id

    @property
    def task_id(self) -> str:
        """The provider's id of the task; "" until it accepted one."""
        return self.record.task_id

    @property
    def status(self) -> Status:
        """submitting, queued, running, downloading, succeeded, failed, refused, unknown or stuck: a str."""
        return self.record.status

    @property
    def progress(self) -> float | None:
        """0..100 as the provider reports it, never going back; None where it reports none."""
        return self.record.progress

    @property
    def provider(self) -> str:
        return self._row.provider

    @property
    def model(self) -> str:
        return self.record.model

    @property
    def request(self) -> dict[str, Json]:
        """The parameters which were given, in the common vocabulary."""
        return dict(self.record.asked)

    @property
    def take(self) -> int:
        return self._row.take

    @property
    def prompt(self) -> str:
        return self._row.prompt

    @property
    def raw(self) -> Json:
        """The provider's last reply, with queries of URLs and echoed media replaced."""
        return self.record.raw

    @property
    def cost(self) -> Cost:
        """What it costs; `amount` is None while that is unknown, which is never the same as 0."""
        return self.record.cost

    @property
    def rating(self) -> int | None:
        """1..5 as you rated it, None until then."""
        return self.record.rating

    @property
    def note(self) -> str:
        """Your own words about it."""
        return self.record.note

    @property
    def parent(self) -> "Generation | None":
        """The clip this one is a retake of."""
        return self._studio.get(self._row.parent) if self._row.parent else None

    @property
    def error(self) -> VidgenError | None:
        """Why there is no clip, as the error which `wait()` raises; None while there is hope."""
        record = self.record
        return _error_of(record.error, self, record.reason) if record.error is not None else None

    # ── its files ─────────────────────────────────────────────────────────────
    @property
    def videos(self) -> "list[Video]":
        """The finished files; empty until succeeded. Most tasks make one."""
        from vidgen_nb.media.video import Video

        return [Video.of(file, self.home) for file in self.record.files]

    @property
    def video(self) -> "Video | None":
        """The first finished file, None until succeeded."""
        videos = self.videos
        return videos[0] if videos else None

    @property
    def path(self) -> Path | None:
        """Where the first MP4 is; None until succeeded."""
        files = self.record.files
        return self.home / files[0].path if files else None

    # ── waiting ───────────────────────────────────────────────────────────────
    def wait(self, timeout: float | None = None) -> "Generation":
        """Wait until nothing more happens by itself, and give this clip.

        Args:
            timeout: Seconds; None waits as long as it takes.

        Raises:
            WaitTimeout: The time is up. The generation goes on.
            GenerationFailed, ModerationRejected, GenerationStuck, SubmitUnknown, ProviderRefused: it ended without a
            clip.
        """
        timeout = _seconds(timeout)
        if self._studio.inside_loop:
            raise VidgenError("wait() would wait for ever in vidgen_nb's own thread.", hint="Use `await clip` there.")
        settling = self._settling()
        try:
            result_of(settling, timeout)
        except FutureTimeout:
            late = True
        else:
            late = False
        finally:
            settling.cancel()
        if late:
            raise WaitTimeout(f"{self.id} is still {self.status} after {timeout:g} s. It goes on.", generation=self)
        return self._outcome()

    def __await__(self) -> "Generator[Any, None, Generation]":
        yield from self._awaited().__await__()
        return self._outcome()

    async def _awaited(self) -> None:
        """Wait in the caller's loop, waking it twice a second: a kernel's loop that sleeps misses an interrupt."""
        settling = asyncio.wrap_future(self._settling())
        try:
            while not settling.done():
                await asyncio.wait([settling], timeout=0.5)
        finally:
            settling.cancel()
        settling.result()

    def _settling(self) -> "Future[Record]":
        return self._studio.settled(self._row, person=True)

    def _outcome(self) -> "Generation":
        self._studio.republish(self)
        error = self.error if self.status is not Status.SUCCEEDED else None
        if error is not None:
            raise error
        return self

    # ── going on ──────────────────────────────────────────────────────────────
    @frameless
    def resume(self) -> "Generation":
        """Go on after a restart or when stuck: asks the provider again, never submits again, costs nothing."""
        gone = [file.path for file in self.record.files if not (self.home / file.path).is_file()]
        if gone:
            hint = "Put it back there. A bare clip.retake() makes another clip, and is paid for."
            raise InvalidRequest(
                f"{self.id} was finished, and its file is no longer at {self.home / gone[0]}.", hint=hint
            )
        self._studio.go_on(self.record)
        return self

    @frameless
    def check(self) -> "Generation":
        """Ask the provider now instead of at the next planned time."""
        self._studio.check(self.record)
        return self

    @frameless
    def retake(self, **changes: Any) -> "Generation":
        """The same recipe with changes. Without any it is the next take: run the same line twice and it is one clip."""
        return self._studio.retake(self, changes)

    @frameless
    def rate(self, rating: int | None = None, *, note: str | None = None) -> "Generation":
        """Keep a rating (1..5) or a note in the ledger; what is not given stays. `vg.history` searches notes too."""
        if rating is not None and (isinstance(rating, bool) or rating not in range(1, 6)):
            raise InvalidRequest(f"{rating!r} is no rating.", hint="clip.rate(4): a whole number from 1 to 5.")
        if not isinstance(note, str | None):
            raise InvalidRequest("A note is text.", hint='clip.rate(note="best so far")')
        given = {"rating": rating, "note": note}
        self._studio.opine(self.record, **{name: value for name, value in given.items() if value is not None})
        return self

    # ── the four ways out of an unknown outcome ───────────────────────────────
    @frameless
    def reconcile(self) -> "Generation":
        """Search the provider for the task of an unknown submission. Raises SubmitUnknown where that finds none."""
        self._only_unknown("reconcile")
        self._studio.rescue.reconcile(self.record)
        return self

    @frameless
    def adopt(self, task_id: str) -> "Generation":
        """Tie an unknown submission to the task which you found in the provider's console; goes on from there, free."""
        self._only_unknown("adopt")
        self._studio.rescue.adopt(self.record, task_id)
        return self

    @frameless
    def resolve(self, *, not_billed: bool = False) -> "Generation":
        """Say that you looked and the provider never booked it: running the cell again then submits anew."""
        self._only_unknown("resolve")
        if not_billed is not True:
            raise InvalidRequest(
                "resolve() takes not_billed=True alone.",
                hint="clip.resolve(not_billed=True) if you looked; if it was billed: clip.adopt(task_id).",
            )
        self._studio.rescue.resolve(self.record)
        return self

    @frameless
    def resubmit(self, *, accept_double_charge: bool = False) -> "Generation":
        """Send an unknown submission once more, though the first may have been charged."""
        self._only_unknown("resubmit")
        if accept_double_charge is not True:
            raise InvalidRequest(
                "resubmit() may pay a second time. Nothing was sent.",
                hint="clip.resubmit(accept_double_charge=True) if you accept that.",
            )
        self._studio.rescue.resubmit(self.record)
        return self

    def _only_unknown(self, what: str) -> None:
        if self.status is not Status.UNKNOWN:
            hint = "A bare clip.retake() makes another one." if self.status.settled else "Wait for it: clip.wait()."
            raise InvalidRequest(f"{what}() is for an unknown outcome; {self.id} is {self.status}.", hint=hint)

    # ── for views (records.Viewed) ────────────────────────────────────────────
    @property
    def facts(self) -> ProviderFacts:
        return facts_of(self._row.provider)

    @property
    def home(self) -> Path:
        return self._studio.home

    def watch(self, tell: Callable[[Record], None]) -> Callable[[], None]:
        """Call `tell` with each new record, from the loop's thread; the result ends it."""
        return self._studio.watch(self._row, tell)

    def act(self, action: str, argument: str = "") -> None:
        """A button of the card. Returns at once and never raises: what comes of it shows on the card."""
        deeds: dict[str, Callable[[], object]] = {
            "check": self.check,
            "resume": self.resume,
            "reconcile": self.reconcile,
            "adopt": lambda: self.adopt(argument),
            "resolve": lambda: self.resolve(not_billed=True),
            "resubmit": lambda: self.resubmit(accept_double_charge=True),
        }

        def do() -> None:
            try:
                deeds[action]()
            except VidgenError as error:
                said = error
            else:
                return
            with suppress(VidgenError):
                self._studio.answer(self.record, f"{said.message} {said.hint}")

        if action in deeds:  # in a thread of its own: a busy kernel must not keep a button waiting
            threading.Thread(target=do, name=f"vidgen_nb-{action}", daemon=True).start()

    def code(self) -> str:
        """The call that makes this clip, as Python."""
        record = self.record
        given = {name: value for name, value in record.asked.items() if name != "prompt"}
        if record.extra:
            given["extra"] = dict(record.extra)
        if record.take != 1:
            given["take"] = record.take
        # code is pasted and run, and a row may be a stranger's: only what is a name stands where names do
        plain = record.provider.isidentifier()
        if not plain:
            given["provider"] = record.provider
        lines = [json.dumps(record.prompt, ensure_ascii=False)] if "prompt" in record.asked else []
        lines += [f"{name}={_as_code(value)}" for name, value in given.items() if name.isidentifier()]
        odd = {name: value for name, value in given.items() if not name.isidentifier()}
        lines += [f"**{odd!r}"] if odd else []
        function = f"vg.{record.provider}.generate" if plain else "vg.generate"
        return visible("\n".join([f"{function}(", *(f"    {line}," for line in lines), ")"]))

    def report(self) -> str:
        """Text to paste to the provider's support: request, model, task id, UTC window, their words; no secret."""
        from vidgen_nb.media.redact import without_secrets

        record = self.record
        error = record.error
        lines = {
            "provider": f"{self.facts.title} ({record.origin})",
            "model": record.model,
            "task id": record.task_id or "none received",
            "our id": record.id,
            "status": f"{record.status}" + (f" ({record.word})" if record.word else ""),
            "sent": f"{_utc(record.sent)} to {_utc(record.answered)}",
            "finished": _utc(record.finished),
            "their words": " ".join(part for part in (error.code, error.said) if part) if error else "",
            "our words": error.message if error else "",
            "request": json.dumps(without_secrets(dict(record.asked)), ensure_ascii=False),
            "last reply": json.dumps(record.raw, ensure_ascii=False) if record.raw is not None else "",
        }
        # what they say over several lines is indented, so that none of it looks like a line of ours
        told = [f"{name}: {text}".replace("\r\n", "\n").replace("\n", "\n    ") for name, text in lines.items() if text]
        return visible("\n".join(told))

    # ── showing ───────────────────────────────────────────────────────────────
    def show(self, *, embed: bool | None = None) -> None:
        """Show the card here. embed=True puts the whole clip into the notebook, embed=False never does."""
        self._studio.show(self, embed=embed)

    def _ipython_display_(self) -> None:
        self.show()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self._studio.bundle(self)

    def __repr__(self) -> str:
        from vidgen_nb.display.card import line

        return line(self)

    def __eq__(self, other: object) -> bool:
        # one clip may have several handles; and an id is what a person has after a restart
        return other.id == self.id if isinstance(other, Generation) else other == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a Generation is not pickled: keep its id and use vg.resume({self.id!r})")


def _error_of(failure: Failure, clip: Generation, reason: str) -> VidgenError:
    named = getattr(errors, failure.kind, None)
    kind = named if isinstance(named, type) and issubclass(named, VidgenError) else VidgenError
    facts = clip.facts
    message = failure.message
    if issubclass(kind, errors.GenerationFailed) and clip.status is Status.FAILED:
        message = f"{message} {facts.failed_billing}"
    words: dict[str, Any] = {"hint": failure.hint, "said": failure.said, "code": failure.code, "generation": clip}
    if issubclass(kind, errors.ProviderRefused):
        words["retry_at"] = failure.retry_at
    if issubclass(kind, errors.GenerationStuck):
        words["reason"] = reason
    if issubclass(kind, SubmitUnknown):  # it was raised in place of being returned: no name holds the clip yet
        ways = SubmitUnknown.hint if facts.search else SubmitUnknown.hint.replace(" clip.reconcile(),", "")
        words["hint"] = f'clip = vg.resume("{clip.id}") gives it. {ways}'
    if failure.kind in {"InvalidRequest", "ModelNotFound"} and not failure.hint:
        words["hint"] = kind.hint.replace("…", f'"{clip.provider}"')
    error: VidgenError = kind(message, **words)
    return error


def _seconds(timeout: object) -> float | None:
    """How long to wait, as the system's timers can count it."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout != timeout:  # noqa: PLR0124 (nan)
        raise InvalidRequest("wait() takes seconds.", hint="clip.wait(timeout=900), or clip.wait() without a limit.")
    return min(timeout, threading.TIMEOUT_MAX)


def _as_code(value: Json) -> str:
    """A parameter as Python; what was given as data is named by the file that keeps it."""
    if isinstance(value, Mapping):
        return repr(dict(value))
    if isinstance(value, list):
        return f"[{', '.join(_as_code(item) for item in value)}]"
    return repr(value)


def _utc(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds is not None else "–"
