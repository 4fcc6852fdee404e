"""The one renderer: all HTML of this package is made here, and everything that goes into it is escaped.

Prompts, provider texts, ids and file names are other people's words. They come in as plain `str` and go out escaped,
with control characters made visible. Only what this module returns is `Html`, and only `Html` is nested as it is.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from html import escape
from pathlib import PurePath
from urllib.parse import quote

from vidgen_nb.errors import visible

FIELD_LIMIT = 2_000  # characters of one text or attribute; a provider may answer with a megabyte


class Html(str):
    """HTML made by this module."""

    __slots__ = ()


class Link(str):
    """An address made by this module: a relative path, or data which we encoded ourselves."""

    __slots__ = ()


Attribute = str | float | bool | None
Child = str | None

_VOID = frozenset({"br", "img", "input"})
_LINKS = frozenset({"href", "src", "poster"})
_PLAIN = frozenset(
    [
        "class",
        "style",
        "title",
        "lang",
        "alt",
        "colspan",
        "type",
        "disabled",
        "hidden",
        "placeholder",
        "target",
        "rel",
        "role",
        "controls",
        "preload",
        "tabindex",
        "spellcheck",
        "autocomplete",
        "viewBox",
        "d",
        "cx",
        "cy",
        "r",
        "pathLength",
    ]
)
_TAG = re.compile(r"[a-z][a-z0-9]*")
_STYLE = re.compile(r"(?!.*url)[\w :;.,#%()/-]*", re.ASCII | re.IGNORECASE)
_HTTPS = re.compile(r"https://[^\s/?#]+", re.ASCII)
# What MathJax and KaTeX take for mathematics, in every text of a page: $…$, \(…\), \[…\], \begin{…}, \ref{…}, and \$
_MATHS = re.compile(r"\$|\\(?=[\\$()\[\]]|begin|end|ref|eqref)")


def shown(text: str, limit: int = FIELD_LIMIT) -> str:
    """The text as a person may see it: at most `limit` characters, control and bidi characters written out.

    The result can always be encoded as UTF-8, lone surrogates included. It is not escaped yet.
    """
    text = str.__str__(text).replace("\r\n", "\n")
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return visible(cut)


def one_line(text: str, limit: int = FIELD_LIMIT) -> str:
    """`shown`, with every run of white space as one space: for plain text, where a line break could mislead."""
    return re.sub(r"\s+", " ", shown(text, limit)).strip()


def el(tag: str, attributes: Mapping[str, Attribute] | None = None, *children: Child) -> Html:
    """One element. `True` gives a bare attribute, `None` and `False` leave it out, so does an address we do not trust.

    Raises:
        ValueError: A tag, attribute or style which no view of ours may use: a mistake of ours, never of the data.
    """
    if not _TAG.fullmatch(tag) or tag in {"script", "style", "iframe", "object", "embed", "link", "meta", "base"}:
        raise ValueError(f"no view makes a <{tag}>")
    written = "".join(_attribute(name, value) for name, value in (attributes or {}).items())
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(*children)}</{tag}>")


def join(*children: Child) -> Html:
    """Children in a row: `Html` as it is, text escaped, `None` left out."""
    return Html("".join(c if isinstance(c, Html) else _text(c) for c in children if c is not None))


def _text(text: str) -> str:
    """Escaped, and in one line: what turns a notebook into Markdown would read on after an empty one.

    A mark of mathematics stands in an element of its own: a formula never goes across elements, so none begins.
    """
    told = _escaped(shown(text))
    apart = _MATHS.sub(r"<span>\g<0></span>", told)
    return told if apart == told else f"<span>{apart}</span>"


def _escaped(text: str) -> str:
    return escape(text).replace("\n", "&#10;")


def marked(text: str, code: Callable[[str], Html]) -> Html:
    """A sentence in which the parts between backticks are code, made by `code`."""
    return join(*(code(part) if index % 2 else part for index, part in enumerate(shown(text).split("`"))))


def _attribute(name: str, value: Attribute) -> str:
    if name not in _PLAIN and name not in _LINKS and not name.startswith(("data-", "aria-")):
        raise ValueError(f"no view uses the attribute {name}")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    text = value if isinstance(value, str) else f"{value:.10g}" if abs(value) < 1e6 else f"{value:.3f}"
    if name in _LINKS:
        if not isinstance(text, Link) and (not _HTTPS.match(text) or len(text) > FIELD_LIMIT or visible(text) != text):
            return ""
        return f' {name}="{escape(text)}"'
    if name == "style" and not _STYLE.fullmatch(text):
        raise ValueError(f"not a style of ours: {text[:80]}")
    return f' {name}="{_escaped(shown(text))}"'


def data_link(mime: str, data: bytes) -> Link:
    """The data itself as an address."""
    return Link(f"data:{mime};base64,{b64encode(data).decode('ascii')}")


def path_link(relative: PurePath) -> Link:
    """A file below the working folder as an address, percent-encoded, with forward slashes.

    Raises:
        ValueError: The path is absolute or climbs out of the folder.
    """
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError("only a path below the working folder can be linked")
    # a colon is encoded too, so that no name can be read as a scheme; surrogates are undecodable bytes of a file name
    return Link(quote(relative.as_posix(), safe="/", errors="surrogateescape"))
