"""What can go wrong, as a tree.

    VidgenError
    ├── InvalidRequest        the request is wrong: every problem at once, found here or by the provider
    ├── UnknownProvider       no provider of that name
    ├── MissingKey            no key for the provider
    ├── PaidRefused           a paid submit where nobody sits at the keyboard
    ├── BudgetExceeded        the clip would cost more than the budget leaves
    ├── LedgerUnavailable     the ledger cannot be written, so nothing may be sent
    ├── NotSent               proven: no byte of the request left this machine
    ├── SubmitUnknown         the request left and no usable answer came: charged once or not at all
    ├── ProviderRefused       the provider proved that it accepted nothing
    │   ├── AuthError             the key is not valid
    │   ├── PermissionDenied      the key may not do this
    │   ├── InsufficientBalance   no money left
    │   ├── ModelNotFound         no such model for this key
    │   ├── TaskNotFound          no such task for this key
    │   └── RateLimited           too many requests; `retry_at` says when
    ├── GenerationFailed      the provider accepted the task and could not make the clip
    │   └── ModerationRejected    its filter blocked the request or the result
    ├── GenerationStuck       no file yet, and `resume()` can try again
    ├── MediaRefused          a media URL or file which may not be fetched or sent
    └── WaitTimeout           the wait ended, the generation goes on

Every error has a `hint`: the next step. Errors about a generation carry it as `generation`;
errors which quote the provider carry its own words as `said` and its code as `code`.
"""

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Problem(NamedTuple):
    """One thing wrong with a request: the parameter, and what is wrong with it in words."""

    parameter: str
    message: str


# C0 and C1 controls but tab and newline, marks which reorder or hide text, line separators, lone surrogates
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """A stranger's text for a screen: control characters, ANSI and bidi marks are shown, not obeyed.

    The result can always be encoded as UTF-8, lone surrogates included.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class VidgenError(Exception):
    """Whatever this package raises on purpose.

    Args:
        message: What happened, and what it means for money.
        hint: The next step; the class has a general one.
        said: The provider's own words, if it spoke.
        code: The provider's own code, if it gave one.
        generation: The Generation concerned, if there is one.
    """

    hint: str = ""

    def __init__(self, message: str, *, hint: str = "", said: str = "", code: str = "", generation: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or type(self).hint
        self.said = said
        self.code = code
        self.generation = generation

    def __str__(self) -> str:
        quoted = f" It said: {self.said}" if self.said and self.said not in self.message else ""
        return visible(" ".join(part for part in (self.message + quoted, self.hint) if part))

    def _render_traceback_(self) -> list[str]:
        """What IPython prints: the error alone. Our own frames tell a person nothing, and frames hold locals."""
        return [visible(line) for line in (f"{type(self).__name__}: {self.message}", *self._details())]

    def _details(self) -> list[str]:
        said = [f"  It said: {self.said}"] if self.said and self.said not in self.message else []
        return [*said, f"  Next: {self.hint}"] if self.hint else said


def frameless(function: Callable[P, T]) -> Callable[P, T]:
    """For what a person calls: errors of ours, and interrupts, leave it without the frames below it.

    Frames hold arguments, such as keys, signed addresses and media, and `%xmode Verbose` prints them into the notebook.
    What is no error of ours is a bug, and keeps its traceback; the arguments are gone from this frame all the same.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            raised = error
        del args, kwargs
        if isinstance(raised, VidgenError | KeyboardInterrupt):
            raised.__cause__ = raised.__context__ = raised.__traceback__ = None
        try:
            raise raised
        finally:
            del raised  # else the error and this frame hold each other

    return call


class InvalidRequest(VidgenError, ValueError):
    """The request is wrong. `problems` lists everything at once; found here, nothing was sent."""

    hint = "vg.models(…) lists what each model takes."

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = "".join(f"\n  {problem.parameter}: {problem.message}" for problem in self.problems)
        return visible(f"{self.message}{lines}\n{self.hint}") if lines else super().__str__()

    def _details(self) -> list[str]:
        return [*(f"  {problem.parameter}: {problem.message}" for problem in self.problems), *super()._details()]


class UnknownProvider(VidgenError, LookupError):
    """No provider of that name, or none was named and more than one could be meant."""


class MissingKey(VidgenError):
    """No key for the provider: nothing was sent."""


class PaidRefused(VidgenError):
    """A paid submit in a run that nobody watches (nbconvert, papermill, CI)."""

    hint = "Set VIDGEN_ALLOW_PAID=1 or use Studio(allow_paid=True) if this run may spend money; replays are free."


class BudgetExceeded(VidgenError):
    """The clip would cost more than the budget leaves, or its cost is unknown."""


class LedgerUnavailable(VidgenError):
    """The ledger cannot be read or written. Without it nothing is sent, because nothing could be remembered."""


class NotSent(VidgenError):
    """Proven: no byte of the request left this machine. Safe to run again."""

    hint = "It is safe to run this again."


class SubmitUnknown(VidgenError):
    """The request left and no usable answer came. It is never sent again by itself."""

    hint = (
        "Ways out: clip.reconcile(), clip.adopt(task_id), clip.resolve(not_billed=True) "
        "or clip.resubmit(accept_double_charge=True)."
    )


class ProviderRefused(VidgenError):
    """The provider's own proof that it accepted nothing. `retry_at` (epoch seconds) where it named a time."""

    hint = "Nothing was charged: change what it names, then run the cell again."

    def __init__(self, message: str, *, retry_at: float | None = None, **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.retry_at = retry_at


class AuthError(ProviderRefused):
    """The provider does not accept the key."""

    hint = "Check the key: vg.list_providers() says where it was found."


class PermissionDenied(ProviderRefused):
    """The key is known and may not do this."""

    hint = "Check in the provider's console what this key is allowed to use."


class InsufficientBalance(ProviderRefused):
    """The account has not enough money left."""

    hint = "Top up in the provider's console, then run the cell again."


class ModelNotFound(ProviderRefused):
    """The provider has no such model for this key."""

    hint = "vg.models(…, live=True) asks which models this key may use."


class TaskNotFound(ProviderRefused):
    """The provider knows no such task for this key."""

    hint = "Check the task id and the base URL; a task of one site is unknown on another."


class RateLimited(ProviderRefused):
    """Too many requests. `retry_at` (epoch seconds) says when to come back, where the provider said so."""

    hint = "Wait, then run the cell again."


class GenerationFailed(VidgenError):
    """The provider accepted the task and could not make the clip."""

    hint = "clip.retake() asks anew; the same cell run again does not."


class ModerationRejected(GenerationFailed):
    """The provider's filter blocked the request or the finished clip."""

    hint = (
        "Change the wording or the reference, then generate again: the same request will most likely be blocked again."
    )


class GenerationStuck(VidgenError):
    """No file yet, and `resume()` can try again at no cost. `reason` says why it stopped."""

    hint = "clip.resume() goes on without a new charge."

    def __init__(self, message: str, *, reason: str = "", **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.reason = reason


class MediaRefused(VidgenError):
    """A media URL which may not be fetched, or a file which the provider cannot take."""

    hint = "Studio(allow_media_hosts=[…]) allows a host by name."


class WaitTimeout(VidgenError, TimeoutError):
    """The wait ended before the generation did. The generation goes on."""

    hint = "clip.wait() waits on; nothing was cancelled."
