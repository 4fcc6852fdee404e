"""Reference media: what a person gives becomes a `records.Medium`, and its data are kept in the home.

PIL and PyAV are loaded when there is a picture, a clip or a sound to look at: a URL needs neither.
"""

import base64
import binascii
import hashlib
import io
import os
import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import unquote_to_bytes, urlsplit

from vidgen_nb.errors import InvalidRequest, LedgerUnavailable, MediaRefused, Problem
from vidgen_nb.media.files import write_whole
from vidgen_nb.media.formats import HEAD, Format, magic_suffix, size_text, sniff
from vidgen_nb.media.redact import unsigned, was_signed, without_secrets
from vidgen_nb.records import MediaKind, Medium

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BYTES = 256 * 2**20
"""Data beyond this are not even read: they go into the request as base64, and no provider takes a tenth of it."""

TAKEN = (
    "Taken: a path, an http(s):// or asset:// URL, a data: URI, bytes, a PIL image, an array "
    "(height × width, or × 3 or 4; uint8, or floats from 0 to 1), or an earlier clip."
)

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_KEPT = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{2,5}")
_A_KIND = {"image": "an image", "video": "a video", "audio": "a sound"}


class Footage(Protocol):
    """What is asked of an earlier Generation's video."""

    @property
    def path(self) -> Path: ...

    @property
    def last_frame(self) -> "Image": ...


@runtime_checkable
class Earlier(Protocol):
    """What is asked of an earlier Generation: its id, and its first video, None until there is one."""

    @property
    def id(self) -> str: ...

    @property
    def video(self) -> Footage | None: ...


class _Unusable(Exception):
    """Why a value cannot be taken, in words; `take` makes an InvalidRequest of it."""


def take(value: object, kind: MediaKind, *, home: Path | None = None, parameter: str = "") -> Medium:
    """The Medium which `value` stands for, its data read and probed; nothing is written, no URL is fetched.

    Args:
        value: A path (str or PathLike), a URL or data URI, bytes, a PIL image, an array, an earlier Generation (its
            last frame where an image is asked for, else the clip), or the form in which a recipe holds one of these.
        kind: What it has to be. The first bytes decide, not the name.
        home: Where the recipe's `inputs/` lie; only such a form needs it.
        parameter: What errors call it; the kind if empty.

    Raises:
        InvalidRequest: It cannot be read, or is something else.
    """
    try:
        return _taken(value, kind, home)
    except (_Unusable, MediaRefused) as problem:
        said = str(problem)
    name = parameter or kind
    raise InvalidRequest(f"{name} cannot be used. Nothing was sent.", problems=[Problem(name, said)], hint=TAKEN)


def keep(medium: Medium, home: Path) -> Medium:
    """Write the medium's data once to `home/inputs/<sha256>.<ext>`; the result reads from there. A URL stays as it is.

    Raises:
        LedgerUnavailable: The home cannot be written, so that the recipe could not run again.
    """
    if medium.read is None:
        return medium
    path = home / "inputs" / _file_name(medium)
    try:
        if not path.exists():  # the name says what is in it, and it was written whole
            write_whole(path, medium.read())
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    else:
        return replace(medium, read=lambda: _reread(path))
    raise LedgerUnavailable(
        f"{path} cannot be written: {reason}. Nothing was sent.", hint="Make room or give another folder with home=…"
    )


def asked_form(medium: Medium) -> str | dict[str, str]:
    """The medium as the ledger and the recipe hold it: a URL without what signs it, or a dict which `take` understands.

    An unsigned URL stays as written. A signature opens the file to whoever reads it, and is dead in a day.
    """
    if not medium.is_data:
        return unsigned(medium.url)
    form = {"input": _file_name(medium), "name": medium.name}
    more = {"pixels": medium.pixels, "clip": medium.clip, "part": medium.part}
    return form | {key: text for key, text in more.items() if text}


def identity_form(medium: Medium) -> str | dict[str, str]:
    """What makes the medium this one and no other: its URL as written, clip and part, or the hash of its content."""
    if not medium.is_data:
        return medium.url
    if medium.clip:
        return {"clip": medium.clip, "part": medium.part}
    return {"sha256": medium.pixels or medium.sha256}


# ── from what a person gives to bytes ─────────────────────────────────────────
def _taken(value: object, kind: MediaKind, home: Path | None) -> Medium:
    if isinstance(value, str):
        return _of_text(value, kind)
    if isinstance(value, os.PathLike):
        return _of_path(os.fspath(value), kind)
    if isinstance(value, bytes | bytearray | memoryview):
        return _of_data(bytes(value), kind)
    if isinstance(value, Mapping):
        return _of_form(value, kind, home)
    return _of_object(value, kind)


def _of_object(value: object, kind: MediaKind) -> Medium:
    if isinstance(value, Earlier):
        return _of_clip(value, kind)
    pil = sys.modules.get("PIL.Image")  # who holds a PIL image has imported PIL
    if pil is not None and isinstance(value, pil.Image):
        return _of_picture(value, kind)
    if hasattr(value, "__array_interface__"):
        from vidgen_nb.media.arrays import picture_of

        try:
            picture = picture_of(value)
        except ValueError as problem:
            raise _Unusable(str(problem)) from None
        return _of_picture(picture, kind)
    raise _Unusable(f"a {type(value).__name__} is not taken")


def _of_text(text: str, kind: MediaKind) -> Medium:
    if text[:5].lower() == "data:":
        return _of_data(_decoded(text), kind)
    address = _ADDRESS.match(text)
    if address is None:
        return _of_path(text, kind)
    if address[1].lower() not in ("http", "https", "asset"):
        raise _Unusable(f"{_quoted(text)}: {address[1]}:// addresses are not taken")
    if was_signed(text):  # out of the ledger or a card, where no signature is kept
        why = f"{_quoted(text)} was a signed address, and no signature is kept"
        raise _Unusable(f"{why}: give the whole address, in clip.retake(…) or with another take")
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise _Unusable(f"{_quoted(text)} has a space or control character in it: write a space as %20")
    try:
        reachable = bool(urlsplit(text).hostname) or (address[1].lower() == "asset" and len(text) > len(address[0]))
    except ValueError:
        reachable = False
    if not reachable:
        raise _Unusable(f"{_quoted(text)} names no host")
    return Medium(kind=kind, url=text)


def _of_path(given: str | bytes, kind: MediaKind) -> Medium:
    try:
        path = Path(os.fsdecode(given)).expanduser()
        if not path.is_file():
            folder = given and path.is_dir()
            what = "a folder" if folder else f"neither a URL nor a file that exists (from {Path.cwd()})"
            raise _Unusable(f"{_quoted(os.fsdecode(given))} is {what}")
        if path.stat().st_size > MAX_BYTES:
            raise _Unusable(f"{path.name} is {size_text(path.stat().st_size)}: give a URL instead")
        return _of_data(path.read_bytes(), kind, path.name)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    except (ValueError, RuntimeError) as problem:  # a NUL in the name; ~nobody
        reason = str(problem)
    raise _Unusable(f"{_quoted(os.fsdecode(given))} cannot be read: {reason}")


def _decoded(uri: str) -> bytes:
    head, comma, payload = uri.partition(",")
    if not comma:
        raise _Unusable("the data: URI has no comma, and so no data: data:image/png;base64,… is meant")
    data = unquote_to_bytes(payload)
    if not head.lower().endswith(";base64"):
        return data
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error as problem:
        raise _Unusable(f"the base64 of the data: URI cannot be decoded: {problem}") from None


def _of_form(form: Mapping[Any, Any], kind: MediaKind, home: Path | None) -> Medium:
    """A medium as `asked_form` wrote it. The file must still hold what its name says: a recipe is a promise."""
    name = form.get("input")
    if not isinstance(name, str) or not _KEPT.fullmatch(name):
        raise _Unusable('a dict is taken only as a recipe holds it: {"input": "<sha256>.<ext>", "name": …}')
    if home is None:
        raise _Unusable(f"{name} lies in the inputs of a home, and none was named")
    try:
        data = (home / "inputs" / name).read_bytes()
    except OSError:
        raise _Unusable(f"{home / 'inputs' / name} is not there: give the file itself") from None
    if hashlib.sha256(data).hexdigest() != name[:64]:
        raise _Unusable(f"{home / 'inputs' / name} was changed: give the file itself")
    known = {key: form[key] for key in ("name", "pixels", "clip", "part") if isinstance(form.get(key), str)}
    return replace(_of_data(data, kind), **known)


def _of_clip(clip: Earlier, kind: MediaKind) -> Medium:
    video = clip.video
    if video is None:
        raise _Unusable(f"clip {clip.id} has no video yet: clip.wait() for it first")
    if kind == "image":
        medium, part = _of_picture(video.last_frame, kind), "last_frame"
    elif kind == "video":
        medium, part = _of_path(os.fspath(video.path), kind), "clip"
    else:
        raise _Unusable(f"clip {clip.id} is a video, and {_A_KIND[kind]} is needed")
    return replace(medium, clip=clip.id, part=part, name=f"{clip.id}_{part}{medium.suffix}")


def _of_picture(picture: "Image", kind: MediaKind) -> Medium:
    """A picture without a file, as PNG. Its pixels identify it: Pillow's compressor changes with releases."""
    if kind != "image":
        raise _Unusable(f"a picture was given, and {_A_KIND[kind]} is needed")
    if picture.mode in ("F", "I") or picture.mode.startswith("I;"):
        raise _Unusable(f"a PIL image of mode {picture.mode} has no agreed white: convert it to L or RGB first")
    mode = picture.mode if picture.mode in ("L", "RGB", "RGBA") else "RGBA" if picture.has_transparency_data else "RGB"
    try:
        plain = picture.convert(mode).copy()
        plain.info.clear()  # an embedded profile, a date: they are not pixels
        file = io.BytesIO()
        plain.save(file, "PNG")
        pixels = hashlib.sha256(f"{mode} {plain.width} {plain.height} ".encode() + plain.tobytes()).hexdigest()
    except Exception as problem:  # a PIL image can be a file which was not read so far, and decoders raise anything
        raise _Unusable(f"the PIL image cannot be read: {_words(problem)}") from None
    return replace(_of_data(file.getvalue(), kind), pixels=pixels)


# ── from bytes to a Medium ────────────────────────────────────────────────────
def _of_data(data: bytes, kind: MediaKind, name: str = "") -> Medium:
    called = name or "it"
    if not data:
        raise _Unusable(f"{called} is empty")
    if len(data) > MAX_BYTES:
        raise _Unusable(f"{called} is {size_text(len(data))}: give a URL instead")
    found = sniff(data[:HEAD])
    if found is None:
        suffix = magic_suffix(data)
        looks = "its first bytes are of no known format" if suffix == ".bin" else f"it looks like {suffix}"
        raise _Unusable(f"{called} is not {_A_KIND[kind]}: {looks}")
    if found.kind != kind:
        raise _Unusable(f"{called} is {_A_KIND[found.kind]} ({found.name}), and {_A_KIND[kind]} is needed")
    medium = Medium(
        kind=kind,
        sha256=hashlib.sha256(data).hexdigest(),
        suffix=found.suffix,
        mime=found.mime,
        size=len(data),
        name=name or f"{kind}{found.suffix}",
        read=lambda: data,
    )
    return replace(medium, **_probed(data, found, called))


def _probed(data: bytes, found: Format, called: str) -> dict[str, Any]:
    try:
        if found.kind == "image":
            return _picture_facts(data)
        from vidgen_nb.media import video

        if found.kind == "audio":
            return {"duration": video.sound_seconds(io.BytesIO(data))}
        facts = video.probe(io.BytesIO(data))
    except Exception as problem:  # decoders raise anything for damaged data
        raise _Unusable(f"{called} cannot be read as {found.name}: {_words(problem)}") from None
    return {"width": facts.width, "height": facts.height, "duration": facts.duration, "fps": facts.fps or None}


def _picture_facts(data: bytes) -> dict[str, Any]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()  # a picture that was cut off opens well: found here it costs nothing
            return {"width": picture.width, "height": picture.height}


def _reread(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    raise InvalidRequest(f"{path} cannot be read: {reason}. Nothing was sent.", hint="Give the file itself once more.")


def _file_name(medium: Medium) -> str:
    return f"{medium.sha256}{medium.suffix}"


def _words(problem: Exception) -> str:
    return problem.message if isinstance(problem, MediaRefused) else str(problem) or type(problem).__name__


def _quoted(text: str) -> str:
    """What was given, as an error may show it: neither secrets nor a screenful."""
    safe = str(without_secrets(text))
    return repr(safe if len(safe) <= 120 else f"{safe[:120]}…")
