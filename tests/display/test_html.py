"""The one renderer: whatever other people wrote stays text."""

from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgen_nb.display import card
from vidgen_nb.display.html import FIELD_LIMIT, Html, Link, data_link, el, join, marked, one_line, path_link, shown
from vidgen_nb.records import Failure, Status

from .stand_ins import FACTS, make

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "` onmouseover=`alert(1)",
    " onfocus=alert(1) autofocus ",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "file:///etc/passwd",
    "//evil.example/x",
    "http://evil.example/x",
    "https://",
    "https:evil.example",
    "</div></article><h1>x",
    "--><script>alert(1)</script>",
    "<!--<script>alert(1)//-->",
    "<style>*{display:none}</style>",
    "</style><script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><input name=x>",
    "<a href=javascript:alert(1)>x</a>",
    "<math><mi xlink:href=javascript:alert(1)>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x6a;avascript:alert(1)",
    "expression(alert(1))",
    "red;background:url(https://evil.example/x)",
    "`clip`<b>`x`</b>",
    "\ud800<b>\udfff",
    "\x1b[31mred\x1b[0m",
    "abc\u202egnp.exe",
    "x\x00y",
]


PARTS_OF_HTML = ("head", "picture", "strip", "body", "foot")


class Outline(HTMLParser):
    """The elements, attributes and text of some HTML, as a browser would take them apart."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def record_of(payload: str) -> Any:
    """A failed record with the payload wherever other people's words stand."""
    error = Failure("GenerationFailed", payload, said=payload, code=payload, hint=payload)
    asked = {"prompt": payload, "aspect_ratio": payload, "resolution": payload, "duration": payload}
    return make(Status.FAILED, id=payload, model=payload, word=payload, task_id=payload, error=error, asked=asked)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_makes_no_element_and_no_attribute(payload: str) -> None:
    """A card full of a payload has the same elements and attributes as a card full of an innocent word."""
    innocent, hostile = record_of("word"), record_of(payload)
    for render in (lambda r: card.as_html(r, FACTS), lambda r: "".join(card.parts(r, FACTS)[p] for p in PARTS_OF_HTML)):
        expected, got = Outline(render(innocent)), Outline(render(hostile))
        # a bare span stands around marks of mathematics, and a styled one around code, which is between backticks
        outline = [(tag, sorted(attributes)) for tag, attributes in expected.elements if tag != "span" or attributes]
        plain = [(tag, sorted(attributes)) for tag, attributes in got.elements if tag != "span" or attributes]
        if "`" not in payload:
            assert plain == outline
        for tag, attributes in got.elements:
            assert tag in {t for t, _ in expected.elements} | {"span", "code"}
            assert not any(name.startswith("on") for name in attributes)
            assert not {"href", "src", "srcdoc", "action", "formaction"} & set(attributes)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("name", ["href", "src", "poster"])
def test_only_https_and_our_own_addresses_are_linked(payload: str, name: str) -> None:
    """An address that is neither https nor made by the package leaves no attribute behind."""
    ((_, attributes),) = Outline(el("a", {name: payload})).elements
    assert attributes == {}


def test_good_addresses_are_linked() -> None:
    """https, data of ours and paths of ours are kept, quotes in them escaped."""
    for address in (
        "https://relaydance.com/x?a=1&b=2",
        data_link("image/jpeg", b"x"),
        path_link(PurePosixPath("a/b.mp4")),
    ):
        ((_, attributes),) = Outline(el("a", {"href": address})).elements
        assert attributes == {"href": str(address)}


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_any_text_comes_back_as_it_is_shown(text: str) -> None:
    """Text and attributes parse back to exactly what `shown` says, whatever the characters; UTF-8 can write it."""
    html = el("p", {"title": text}, text)
    html.encode()
    parsed = Outline(html)
    if "\r" not in text:  # a parser may turn it into a newline; shown() writes it out
        assert parsed.text == shown(text)
    assert parsed.elements[0] == ("p", {"title": shown(text)})
    assert all(element == ("span", {}) for element in parsed.elements[1:])  # around marks of mathematics


def test_hidden_characters_are_written_out() -> None:
    """Control characters, ANSI, bidi marks and lone surrogates are seen instead of obeyed; tabs and newlines stay."""
    assert (
        shown("\x1b[31m\u202e\u2066\ud800\x00\x9b\ufeff\t\n") == "\\x1b[31m\\u202e\\u2066\\ud800\\x00\\x9b\\ufeff\t\n"
    )
    assert one_line("a\r\nb\n\tc") == "a b c"
    assert shown("纸船 👩‍🚀") == "纸船 👩‍🚀"


def test_a_field_has_an_end() -> None:
    """A megabyte of somebody's text is two thousand characters on a card."""
    assert len(shown("x" * 1_000_000)) == FIELD_LIMIT
    record = make(
        Status.FAILED,
        error=Failure("GenerationFailed", "m" * 1_000_000, "s" * 1_000_000),
        asked={"prompt": "p" * 1_000_000},
    )
    assert len(card.as_html(record, FACTS)) < 20_000
    assert sum(map(len, card.parts(record, FACTS).values())) < 20_000
    assert len(card.as_text(record, FACTS)) <= FIELD_LIMIT


def test_mistakes_of_ours_are_errors() -> None:
    """Elements, attributes and styles no view of ours may use are refused where they are written."""
    with pytest.raises(ValueError, match="script"):
        el("script")
    with pytest.raises(ValueError, match="onclick"):
        el("p", {"onclick": "x"})
    with pytest.raises(ValueError, match="style"):
        el("p", {"style": 'x"y'})
    for style in ("background:url(//x)", "background:URL(//x)", "color:red;\nbackground:url(//x)"):
        with pytest.raises(ValueError, match="style"):
            el("p", {"style": style})
    for path in (PurePosixPath("/etc/passwd"), PurePosixPath("../x")):
        with pytest.raises(ValueError, match="below"):
            path_link(path)


def test_only_html_is_nested_as_it_is() -> None:
    """A child that is a plain str is escaped, one that is Html is not, None is nothing."""
    assert join("<b>", el("b", None, "x"), None) == "&lt;b&gt;<b>x</b>"
    assert isinstance(join("x"), Html)
    assert marked("run `a<b` now", lambda code: el("code", None, code)) == "run <code>a&lt;b</code> now"
    assert el("video", {"controls": True, "hidden": False}) == "<video controls></video>"


def test_a_file_name_cannot_be_a_scheme() -> None:
    """Names with colons, spaces, quotes and undecodable bytes become plain relative addresses."""
    assert path_link(PurePosixPath("javascript:alert(1)/a b\"'.mp4")) == "javascript%3Aalert%281%29/a%20b%22%27.mp4"
    assert path_link(PurePosixPath("a/\udcff.mp4")) == "a/%FF.mp4"
    assert isinstance(path_link(PurePosixPath("x")), Link)
