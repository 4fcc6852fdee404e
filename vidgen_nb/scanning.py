"""What should not leave this machine with a notebook: keys, signed addresses, embedded media.

Findings name the place and the kind of a thing, never the thing itself.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from vidgen_nb.answers import Shown
from vidgen_nb.errors import InvalidRequest
from vidgen_nb.media.formats import size_text
from vidgen_nb.media.redact import base64_forms, signer
from vidgen_nb.records import Json
from vidgen_nb.settings import Key

Kind = Literal["key", "signed URL", "media"]
Place = tuple[str, str]
"""Where a text stands, and the text."""

# Not in an address: what signs one is told as that.
_NAME = r"(?<![?&;\w-])[\w-]{0,40}(?:api[_-]?key|secret|token|password|authorization)[\w-]{0,40}"
_CLOSED = r"[\"'\]\s]{0,6}"  # what stands behind a name: os.environ["…"] =
_VALUE = r"(?=\S{0,60}[A-Za-z])(?=(?:[^\s\d]{0,40}\d){3})[\w+/-]{16,}={0,2}(?![\w+/(\[.…-])"  # no word, no call
# What keys look like. Each is strict enough not to be met by chance in a text, and media are taken out before.
_SHAPES: Mapping[str, str] = {
    "looks like an API key (sk-…)": r"\bsk-[A-Za-z0-9_-]{20,}",
    "looks like a secret key (sk_live_…)": r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "looks like a Google API key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "looks like an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "looks like a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{40,}\b",
    "looks like a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}\b",
    "looks like a Replicate token": r"\br8_[A-Za-z0-9]{30,}\b",
    "looks like a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    "looks like a signed token (JWT)": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "is a private key": r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----",
    "is sent as a bearer token": r"\b[Bb]earer\s{1,3}[A-Za-z0-9._~+/-]{20,}",
    "is assigned to the name of a key": rf"(?i){_NAME}{_CLOSED}[=:]\s{{0,3}}[\"'][^\"'\s…]{{16,}}[\"']"
    rf"|{_NAME}{_CLOSED}[=:,]\s{{0,3}}[\"']?{_VALUE}|%(?:set_)?env\s{{1,5}}{_NAME}\s{{1,5}}{_VALUE}",
    "is given as one of the keys": r"\bkeys\s{0,3}=\s{0,3}(?:dict\(|\{)[^)}]{0,400}?"
    rf"[:=]\s{{0,3}}[\"']{_VALUE}[\"']",
}
_SHAPES_COMPILED = {name: re.compile(pattern) for name, pattern in _SHAPES.items()}
_URL = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>\\`]{4,8000}", re.IGNORECASE)
_DATA_URI = re.compile(
    r"data:((?:image|video|audio)/[\w.+-]{1,40})[^,\"'\s<>]{0,80},([A-Za-z0-9+/_=%\\-]*)", re.IGNORECASE
)
_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{2000,}|(?:[A-Za-z0-9+/]{60,100}\s{1,2}){20,}[A-Za-z0-9+/]*)={0,2}"
)
_MEDIA_TYPE = re.compile(r"(?:image|video|audio)/")
_HINTS: Mapping[Kind, str] = {
    "key": "clear that cell's output or edit it, and revoke the key if the notebook was shared already",
    "signed URL": "whoever has it may fetch the file until it expires: clear that output",
    "media": "they travel with the notebook: clear those outputs if they are not meant to",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: what it is, and where it stands; never the thing itself."""

    kind: Kind
    what: str
    where: str


class Scan(Shown, list[Finding]):
    """What a notebook holds that should not leave this machine. Empty and `clean` where nothing was found."""

    def __init__(self, name: str, findings: Iterable[Finding]) -> None:
        super().__init__(findings)
        self.name = name

    @property
    def clean(self) -> bool:
        """Neither key nor signed address nor embedded medium."""
        return not self

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.clean:
            return "no key, no signed URL and no embedded media found"
        counts = Counter(found.kind for found in self)
        told = [f"{counts[kind]} × {kind}" for kind in ("key", "signed URL", "media") if counts[kind]]
        return ("do not share it as it is: " if set(counts) - {"media"} else "") + ", ".join(told)

    @property
    def hints(self) -> list[str]:
        """What to do about each kind that was found."""
        return [f"{kind}: {hint}" for kind, hint in _HINTS.items() if any(found.kind == kind for found in self)]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.findings import scan_bundle

        return scan_bundle(self)


def scan(path: Path, secrets: Mapping[str, Key]) -> Scan:
    """Look through a notebook. `secrets` are what must not be in it, by the words for each.

    Raises InvalidRequest where it is no notebook that can be read.
    """
    notebook = _read(path)
    findings: dict[Finding, None] = {}
    search = Secrets(secrets)
    for where, text in _places(notebook):
        findings |= dict.fromkeys(Finding(kind, what, where) for kind, what in search.through(text))
    findings |= dict.fromkeys(_typed(notebook))
    findings |= dict.fromkeys(_media(notebook))
    order: tuple[Kind, ...] = ("key", "signed URL", "media")
    return Scan(path.name, sorted(findings, key=lambda found: order.index(found.kind)))


def _read(path: Path) -> dict[str, Any]:
    reason = "has no cells"
    try:
        notebook = json.loads(path.read_bytes())
        if isinstance(notebook, dict) and isinstance(notebook.get("cells"), list):
            return notebook
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    except (ValueError, RecursionError):
        reason = "is not JSON"
    raise InvalidRequest(f"{path} cannot be read as a notebook: {reason}.", hint='vg.scan("notebook.ipynb")')


# ── what stands where ─────────────────────────────────────────────────────────
def _places(notebook: Mapping[str, Any]) -> Iterator[Place]:
    """Every text of a notebook. Cells and outputs are counted from 1, as a person counts them."""
    for number, cell in enumerate(notebook["cells"], 1):
        if isinstance(cell, dict):
            yield from _cell(cell, f"cell {number}")
    rest = {name: value for name, value in notebook.items() if name != "cells"}
    yield "the notebook's metadata", json.dumps(rest, ensure_ascii=False)


def _cell(cell: Mapping[str, Any], where: str) -> Iterator[Place]:
    yield f"{where}, source", _text(cell.get("source"))
    for number, output in enumerate(cell.get("outputs") or [], 1):
        at = f"{where}, output {number}"
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        for mime, value in data.items() if isinstance(data, dict) else ():
            yield f"{at}, {mime}", _text(value)
        rest = {name: value for name, value in output.items() if name != "data"}
        yield f"{at}, {output.get('name') or output.get('output_type') or 'text'}", _words_of(rest)
    rest = {name: value for name, value in cell.items() if name not in {"source", "outputs", "attachments"}}
    yield f"{where}, metadata", json.dumps(rest, ensure_ascii=False)
    yield f"{where}, attachments", json.dumps(cell.get("attachments") or {}, ensure_ascii=False)


def _text(value: Json) -> str:
    """A notebook's text: a string, a list of lines, or JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _words_of(output: Mapping[str, Any]) -> str:
    """The texts of an output as a person reads them, then what is left of it as JSON."""
    rest = {name: value for name, value in output.items() if name not in {"text", "traceback"}}
    return "\n".join([_text(output.get("text")), _text(output.get("traceback")), json.dumps(rest, ensure_ascii=False)])


# ── what is looked for ────────────────────────────────────────────────────────
class Secrets:
    """Looks for secrets in every form in which they may stand: as they are, percent-encoded, escaped, in base64."""

    def __init__(self, secrets: Mapping[str, Key]) -> None:
        self._secrets = {place: key.reveal() for place, key in secrets.items()}
        self._coded = {place: tuple(base64_forms(secret)) for place, secret in self._secrets.items()}

    def __repr__(self) -> str:
        return f"Secrets({len(self._secrets)} secrets)"

    def through(self, text: str) -> Iterator[tuple[Kind, str]]:
        """Kind and description of every key and signed URL in a text."""
        spelled = _spellings(text)
        yield from (("key", place) for place in self._held(text, spelled))
        lean = [_BASE64.sub(" ", _DATA_URI.sub(" ", one)) for one in spelled]
        for name, shape in _SHAPES_COMPILED.items():
            if any(shape.search(one) for one in lean):
                yield "key", name
        for one in lean:
            for url in _URL.findall(one):
                if signed := _signed(url):
                    yield "signed URL", signed

    def hidden(self, text: str) -> str:
        """The text without the secrets and without what looks like one; for what is about to be shared."""
        for place, secret in self._secrets.items():
            for form in (secret, *self._coded[place]):
                text = text.replace(form, "…")
        for shape in _SHAPES_COMPILED.values():
            text = shape.sub("…", text)
        return text

    def _held(self, text: str, spelled: Iterable[str]) -> Iterator[str]:
        compact = re.sub(r"\s+|\\n", "", text)  # base64 comes in lines
        for place, secret in self._secrets.items():
            if any(secret in one for one in spelled) or any(form in compact for form in self._coded[place]):
                yield place


def _spellings(text: str) -> list[str]:
    """The text as it stands, and with each way of escaping undone, one after the other."""
    found = [text]
    for undo in (_unescaped, _colourless, unquote, html.unescape):
        found += [plain for one in found if (plain := undo(one)) != one]
    return list(dict.fromkeys(found))


def _unescaped(text: str) -> str:
    """JSON's escapes undone, however often it was put into JSON."""
    if "\\" not in text:
        return text
    text = re.sub(r"\\+u00([0-7][0-9a-fA-F])", lambda found: chr(int(found[1], 16)), text)
    return re.sub(r"\\+([/\"\\])", r"\1", text)


def _colourless(text: str) -> str:
    """Without the colours of a terminal, which a traceback puts between a name and what is assigned to it."""
    return re.sub(r"\x1b\[[\d;]{0,20}m", "", text)


def _signed(url: str) -> str:
    """The host and the parameter which make an address one that opens by itself; "" where nothing does."""
    by = signer(url)
    if not by:
        return ""
    host = urlsplit(url).hostname or ""
    return (
        f"an address at {host} with a password in it" if by == "password" else f"an address at {host}, signed by {by}"
    )


def _typed(value: Json) -> Iterator[Finding]:
    """What was typed into a password field, which a notebook saves with its widgets."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _typed(inner)
    if isinstance(value, dict) and value.get("model_name") == "PasswordModel":
        state = value.get("state")
        if isinstance(state, dict) and state.get("value"):
            yield Finding("key", "stands in a password field", "the notebook's metadata")


# ── media ─────────────────────────────────────────────────────────────────────
def _media(notebook: Mapping[str, Any]) -> Iterator[Finding]:
    """Embedded media, summed up by cell, output and type."""
    for where, text in _places(notebook):
        sizes: dict[str, list[int]] = {}
        mime = where.rpartition(", ")[2]
        if _MEDIA_TYPE.match(mime):
            sizes[mime] = [len(text) * 3 // 4 if mime != "image/svg+xml" else len(text)]
        else:
            for kind, data in _DATA_URI.findall(_unescaped(text)):
                sizes.setdefault(kind.lower(), []).append(len(data) * 3 // 4)
            for data in _BASE64.findall(_DATA_URI.sub(" ", _unescaped(text))):
                sizes.setdefault("base64", []).append(len(data) * 3 // 4)
        for kind, many in sizes.items():
            count = f"{len(many)} × " if len(many) > 1 else ""
            yield Finding("media", f"{count}{kind}, {size_text(sum(many))}", where)
