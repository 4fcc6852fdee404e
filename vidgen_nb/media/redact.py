"""JSON for eyes and for keeping: media leave it for views, and the secrets in URLs too for the ledger."""

import hashlib
import html
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlsplit

from vidgen_nb.media.formats import size_text
from vidgen_nb.records import Json, Medium

_KEY_LEAST = 8  # characters: what is shorter would be found in ordinary words
_KEY_BEGINS = 10
_USER_LEAST = 16  # letters of a user in front of a host which is no name, but a token
_VARIED = 12  # different letters that base64 of a medium has at least: 200 of a picture have some fifty
_LONGEST = 200_000  # characters of one text in a reply, once its media are out
_DEPTH = 64  # a reply nested deeper than this is no reply, and must not exhaust the stack

# A gateway's `message` can hold JSON as text, so that "/" may come as "\/" in all of these. Every repetition in
# front of a required letter is bounded: the text is a stranger's, and must not be able to make the search quadratic.
_TYPE = r"[\w.+-]{1,80}\\?/[\w.+*-]{1,80}"
_PARAMETER = r";[\w.+-]{1,80}(?:=[^\s;,]{0,80})?"
_DATA_HEAD = rf"data:(?:{_TYPE}(?:{_PARAMETER}){{0,8}}|(?:{_PARAMETER}){{1,8}}),"
_LETTERS = r"A-Za-z0-9+/_\\-"
_BASE64 = rf"(?<![{_LETTERS}])(?:[{_LETTERS}]{{201,}}|(?:[{_LETTERS}]{{60,100}}\r?\n){{3,}}[{_LETTERS}]*)={{0,2}}"
_URL_HEAD = r"[A-Za-z][A-Za-z0-9+.-]{0,30}:(?:\\?/){2}"

_SIGNING = re.compile(
    r"(?i)^(?:.*signature|sig|sign|.*token_*|auth_?key|.*access_?key_?id|.*-credential|key-pair-id|policy|api_?key|"
    r"p?key|.*secret|hdn(?:ea|ts|tl)|password)$"
)
_WHOLE_DATA = re.compile(rf"\s*({_DATA_HEAD})(.*)", re.DOTALL | re.IGNORECASE)
_WHOLE_URL = re.compile(rf"{_URL_HEAD}.*", re.DOTALL)
_URL = re.compile(rf"{_URL_HEAD}[^\s\"<>]*")
_CUT_DATA = re.compile(rf"(?:{_DATA_HEAD}|\bbase64,)… \([^()]{{0,300}}\)", re.IGNORECASE)  # as `_described` leaves it
_MEDIA = re.compile(
    rf"(?P<head>{_DATA_HEAD})(?P<data>[^\s\"'<>]*)|(?P<url>{_URL_HEAD}[^\s\"<>]*)|{_BASE64}", re.IGNORECASE
)


def redacted(value: Json, media: Iterable[Medium] = ()) -> Json:
    """A copy of `value` in which data URIs, and base64 of more than 200 letters, are replaced by a description.

    For views: `data:image/png;base64,… (boat.png, 412 kB)`. The name is known for data of one of `media`. URLs stay.
    """
    known = [medium for medium in media if medium.is_data and medium.name]
    return _mapped(value, lambda text: _without_media(text, known))


def without_secrets(value: Json) -> Json:
    """A copy of `value` that may be kept: no media (as in `redacted`), and URLs without user, query and fragment.

    Of a text of megabytes the beginning is kept.
    """
    return _mapped(value, lambda text: _beginning(_without_queries(_without_media(text, ()))))


def _beginning(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def without_key(value: Json, key: str) -> Json:
    """A copy of `value` without an API key, for what comes from where the key was sent: providers quote it.

    In every form it may be quoted in, and its beginning too: "invalid key sk-abcdefgh***".
    """
    if len(key) < _KEY_LEAST:
        return value
    escaped = json.dumps(key)[1:-1]
    forms = {key, quote(key, safe=""), escaped, escaped.replace("/", "\\/"), html.escape(key), *base64_forms(key)}
    longest_first = sorted(forms, key=len, reverse=True)
    beginning = rf"{re.escape(key[:_KEY_BEGINS])}[^\s\"'<>\\,;]*"
    quoted = re.compile("|".join([*map(re.escape, longest_first), beginning]))
    return _mapped(value, lambda text: quoted.sub("…", text))


def base64_forms(secret: str) -> Iterator[str]:
    """What of a secret shows in base64, for each of the three places at which it may begin, in both alphabets."""
    for before in range(3):
        data = b"\0" * before + secret.encode()
        first, last = -(-before * 8 // 6), len(data) * 8 // 6  # letters whose bits are all the secret's
        letters = b64encode(data).decode()[first:last]
        yield from dict.fromkeys((letters, letters.replace("+", "-").replace("/", "_")))


def signer(url: str) -> str:
    """What makes an address one that opens by itself: a parameter's name, or "password". "" where nothing does."""
    if not _WHOLE_URL.fullmatch(url):
        return ""
    try:
        parts = urlsplit(url)
        named = parse_qsl(parts.query) + parse_qsl(parts.fragment)
    except ValueError:
        return ""
    if parts.password or len(parts.username or "") >= _USER_LEAST:
        return "password"
    signing = [name for name, value in named if len(value) >= 8 and "…" not in value and _SIGNING.match(name)]
    return signing[0].removeprefix("amp;")[:40] if signing else ""


def unsigned(url: str) -> str:
    """An address as it may be kept: as written, or ending in ?… in place of what signs it. That one cannot be sent."""
    if not signer(url):
        return url
    bare = _bare(url)
    return bare if bare.endswith("…") else f"{bare}?…"


def was_signed(url: str) -> bool:
    """Whether an address is one that `unsigned` made."""
    return bool(_WHOLE_URL.fullmatch(url)) and url.endswith(("?…", "#…"))


def kept(value: Json) -> Json:
    """A copy of a parameter as it may be kept: no media (as in `redacted`), and addresses as `unsigned` gives them.

    What lost something on the way cannot be sent again: `was_cut` tells.
    """
    return _mapped(value, lambda text: _unsigned_within(_without_media(text, ())))


def unsigned_within(value: Json) -> Json:
    """A copy of `value` in which every address is as `unsigned` gives it; media stay."""
    return _mapped(value, _unsigned_within)


def was_cut(value: Json) -> bool:
    """Whether `kept` took something out of a parameter, when it was written down."""
    return any(_unmarked(text) != text for text in _texts(value))


def addresses(value: Json) -> Json:
    """A copy of `value` without the marks that `kept` leaves: to search by, never to send."""
    return _mapped(value, _unmarked)


def _unsigned_within(text: str) -> str:
    # as in _without_queries: what begins as an address is one to its end
    return unsigned(text) if _WHOLE_URL.fullmatch(text) else _URL.sub(lambda found: unsigned(found[0]), text)


def _unmarked(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        return found[0][:-2] if was_signed(found[0]) else found[0]

    return _CUT_DATA.sub("", _URL.sub(plain, text)) if "…" in text else text


def _texts(value: Json) -> Iterator[str]:
    """Every text of a value but the names in it."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict | list | tuple):
            todo += one.values() if isinstance(one, dict) else one


def _mapped(value: Json, change: Callable[[str], str], depth: int = 0) -> Json:
    if isinstance(value, str):
        return change(value)
    if not isinstance(value, dict | list | tuple):
        return value
    if depth == _DEPTH:
        return "…"
    if isinstance(value, dict):
        return {_mapped(key, change): _mapped(item, change, depth + 1) for key, item in value.items()}
    return [_mapped(item, change, depth + 1) for item in value]


def _without_media(text: str, known: Iterable[Medium]) -> str:
    # A string which begins as a data URI is one to its end: line breaks and the markup of an SVG belong to it.
    if whole := _WHOLE_DATA.fullmatch(text):
        return text if _CUT_DATA.fullmatch(text) else _described(whole[1], whole[2], known)

    def replacement(found: re.Match[str]) -> str:
        if found["url"] or found["data"] == "…":  # a path may be long, and is no base64; the other was replaced before
            return found[0]
        if not found["head"] and len(set(found[0])) < _VARIED:  # a letter held down, in a prompt
            return found[0]
        return _described(found["head"] or "", found["data"] or found[0], known)

    return _MEDIA.sub(replacement, text)


def _described(head: str, data: str, known: Iterable[Medium]) -> str:
    if head and not head.lower().endswith(";base64,"):
        return f"{head}… ({size_text(len(unquote_to_bytes(data)))})"
    letters = "".join(unquote(data).replace("\\", "").split()).rstrip("=")
    size = len(letters) * 3 // 4
    name = _name_of(letters, [medium for medium in known if medium.size == size])
    return f"{head or 'base64,'}… ({', '.join(part for part in (name, size_text(size)) if part)})"


def _name_of(letters: str, likely: list[Medium]) -> str:
    """The name of the known medium with exactly these bytes; only one of the same size is worth decoding for."""
    if not likely or len(letters) % 4 == 1:  # no number of bytes has that length
        return ""
    sha256 = hashlib.sha256(b64decode(letters + "==")).hexdigest()
    return next((medium.name for medium in likely if medium.sha256 == sha256), "")


def _without_queries(text: str) -> str:
    # A string which begins as a URL is one to its end: signatures must not hide behind a raw space or quote in it.
    return _bare(text) if _WHOLE_URL.fullmatch(text) else _URL.sub(lambda found: _bare(found[0]), text)


def _bare(url: str) -> str:
    address, mark, _ = re.split(r"([?#]|$)", url, maxsplit=1)
    scheme, slashes, rest = re.split(r"((?:\\?/){2})", address, maxsplit=1)
    host, slash, path = re.split(r"(\\?/|$)", rest, maxsplit=1)
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}{mark}{'…' if mark else ''}"
