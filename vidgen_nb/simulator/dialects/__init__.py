"""How a provider's API speaks: what a dialect must say, and what dialects share.

A dialect is a module, or any object, with the names of `Dialect`: facts and pure functions, never a clock, a socket or
a file. The simulator finds those which lie in this folder and those of the entry point group `vidgen_nb.dialects`; a
notebook hands its own to `Simulator.add`.
"""

import re
import warnings
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any, Literal, Protocol

from vidgen_nb.records import Json, MediaKind, Reply
from vidgen_nb.simulator.task import Ask, Refusal


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint.

    `path` is what follows the host, with `{task_id}` where the id stands. `reply` returns the JSON of a 200, and what
    it is given depends on `does`: "submit" and "query" a `task.View`, "list" the Views of all tasks (newest first) and
    the parameters of the query, "models" nothing; "content" has no reply, it sends the film. That of a submission may
    return a whole Reply, where it has a status or headers of its own. `shapes` holds the other replies known of this
    endpoint, by the name which `Simulator(shapes={provider: name})` takes. `open`: needs no key.
    """

    method: Literal["GET", "POST"]
    path: str
    does: Literal["submit", "query", "list", "models", "content"]
    reply: Callable[..., Json] = lambda *_: None
    shapes: Mapping[str, Callable[..., Json]] = field(default_factory=dict)
    open: bool = False


class Dialect(Protocol):
    """What a dialect says.

    NAME: the provider's, and the folder it is mounted under. BASE: the path of its documented base URL ("" or "/v1").
    TASK_ID: its task ids, as a format for 32 hex digits ("task_{}", or "{:.24}" for the first 24).
    Where a webhook does not get what a query gives, `callback(view)` returns what it gets.
    """

    NAME: str
    BASE: str
    TASK_ID: str
    ROUTES: Sequence[Route]

    def key(self, headers: Mapping[str, str]) -> str:
        """The key in these headers (names in lower case), "" if there is none or it is malformed."""
        ...

    def read(self, body: Json) -> Ask:
        """What the body asks for, checked as the provider documents it. Raises Refusal naming the field."""
        ...

    def refuse(self, refusal: Refusal) -> Reply:
        """The documented answer for a refusal; its kinds are classes of `errors`, and "NotFound" and "ServerError"."""
        ...


def find() -> list[Dialect]:
    """The dialects of this folder, then those of installed packages; one that cannot be loaded is warned of."""
    found: list[Any] = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    for point in entry_points(group="vidgen_nb.dialects"):
        try:
            dialect = point.load()
            missing = [name for name in _NEEDED if not hasattr(dialect, name)]
            why = f"lacks {', '.join(missing)}" if missing else ""
        except Exception as error:
            why = f"cannot be loaded ({type(error).__name__})"
        if why:
            warnings.warn(f"The simulator does not play {point.name!r}: {point.value} {why}.", stacklevel=2)
        else:
            found.append(dialect)
    return found


_NEEDED = ("NAME", "BASE", "TASK_ID", "ROUTES", "key", "read", "refuse")


# ── what dialects share ───────────────────────────────────────────────────────
def bearer(headers: Mapping[str, str]) -> str:
    """The key of `Authorization: Bearer …`."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" and re.fullmatch(r"\S+", key) else ""


_WORDS = {
    str: "a string", int: "an integer", float: "a number", bool: "true or false", dict: "an object", list: "an array",
}  # fmt: skip


def checked(value: Json, fields: Mapping[str, type], where: str = "", required: Sequence[str] = ()) -> dict[str, Any]:
    """The object, if it has only these fields, of these types, and every required one. Raises Refusal.

    `where` is the path of the object, for the messages; a bool is no number, and 5.0 no integer.
    """
    dot = f"{where}." if where else ""
    if not isinstance(value, dict):
        raise Refusal("InvalidRequest", f"{where or 'the body'} must be an object")
    for name, item in value.items():
        if name not in fields:
            raise Refusal("InvalidRequest", f"unknown field {dot}{name}; known here: {', '.join(fields)}")
        kind = fields[name]
        right = isinstance(item, (int, float) if kind is float else kind)
        if not right or (isinstance(item, bool) and kind is not bool):
            raise Refusal("InvalidRequest", f"{dot}{name} must be {_WORDS[kind]}, not {item!r:.60}")
    for name in required:
        if name not in value or value[name] == "":
            raise Refusal("InvalidRequest", f"{dot}{name} is required")
    return value


def one_of(value: str | int, allowed: Sequence[str] | Sequence[int], where: str) -> None:
    """Raise a Refusal unless the value is one of these."""
    if value not in allowed:
        raise Refusal("InvalidRequest", f"{where} {value!r} is not offered; it takes {', '.join(map(str, allowed))}")


def media(url: str, kind: MediaKind, where: str) -> str:
    """The URL, if it is http(s), asset:// or data of that kind in base64. Raises Refusal."""
    if re.fullmatch(r"(https?|asset)://\S+", url):
        return url
    head, comma, data = url.partition(",")
    try:
        if not comma or not re.fullmatch(rf"data:{kind}/[\w.+-]+;base64", head) or not b64decode(data, validate=True):
            raise ValueError
    except ValueError:
        raise Refusal(
            "InvalidRequest", f"{where} must be an http(s):// or asset:// URL, or data:{kind}/…;base64,…"
        ) from None
    return url
