"""Other people's words stay words: in every view, taken apart as a browser would, and on every terminal."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import ipywidgets
import pytest
from selectolax.lexbor import LexborHTMLParser

import vidgen_nb
from vidgen_nb import errors
from vidgen_nb.display.form import Form
from vidgen_nb.engine.wire import _reply
from vidgen_nb.errors import VidgenError, visible
from vidgen_nb.generation import Generation, _error_of
from vidgen_nb.ledger import as_json, from_json
from vidgen_nb.records import Failure, Record, Status

from ..display.stand_ins import FILE, make
from ..display.test_form import Desk
from .payloads import CANARY, PAYLOADS
from .views import STATES, VIEWS, bundle, facts, record

NOWHERE = Path("no-home")
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)
BLOCKS = {"div", "span", "p", "b", "h4", "code", "mark", "small", "i", "table", "thead", "tbody", "tr", "th", "td"}
TAGS = BLOCKS | {"a", "img", "video", "svg", "circle", "path", "button", "form", "input"}
STYLED = {"class", "style", "title", "lang", "role", "alt", "colspan", "viewBox", "d", "cx", "cy", "r", "pathLength"}
ATTRIBUTES = STYLED | {"href", "src", "poster", "controls", "preload", "type", "disabled", "hidden", "target", "rel"}
ATTRIBUTES |= {"placeholder", "autocomplete", "tabindex"}
MORE = {("span",), ("code",), ("span", "style"), ("a", "class", "rel", "target")}  # mathematics, code, the console
CODE = "font-family:monospace;font-size:12px;line-height:1"  # of what stands between backticks
OURS = re.compile(r"data:(image/jpeg|video/mp4);base64,[A-Za-z0-9+/=]*|vidgen/clips/[\w%.~-]+")

Element = tuple[str, tuple[tuple[str, str], ...]]


def taken_apart(page: str) -> tuple[list[Element], str]:
    """Every element with its attributes, and the text, as the tree of a browser has them."""
    body = LexborHTMLParser(f"<!doctype html><body>{page}").body
    assert body is not None
    elements = [
        (str(node.tag), tuple((name, value or "") for name, value in node.attributes.items()))
        for node in body.traverse()
        if node.tag != "body"
    ]
    return elements, body.text()


@cache
def made(view: str, name: str) -> Mapping[str, str]:
    """The view full of that payload."""
    return bundle(view, PAYLOADS[name], NOWHERE)


@cache
def innocent(view: str) -> tuple[set[tuple[str, ...]], set[str]]:
    """What the view has for a harmless word: elements with the names of their attributes, and every style."""
    elements, _ = taken_apart(str(bundle(view, "word", NOWHERE).get("text/html", "")))
    return {shape(element) for element in elements}, {dict(attributes).get("style", "") for _, attributes in elements}


def shape(element: Element) -> tuple[str, ...]:
    """An element by its tag and attributes. `lang` depends on the script, `title` on whether there is anything."""
    tag, attributes = element
    return (tag, *sorted(name for name, _ in attributes if name not in {"lang", "title", "href", "poster"}))


def plain(text: str) -> str:
    """As people compare texts: backticks mark code in our sentences, and white space is one space."""
    return re.sub(r"\s+", " ", text.replace("`", "").replace("'", "")).strip()


@pytest.mark.parametrize("view", VIEWS)
def test_injection_makes_no_element_and_no_address(view: str) -> None:
    """Each payload in every field: no element, attribute or style beyond those of a harmless word, and no address but
    ours; an https link of the provider may be pressed, never loaded."""
    shapes, styles = innocent(view)
    for name in PAYLOADS:
        elements, _ = taken_apart(str(made(view, name).get("text/html", "")))
        for element in elements:
            tag, attributes = element
            where = f"{name}: {element}"
            assert tag in TAGS, where
            assert shape(element) in shapes | MORE, where
            for attribute, value in attributes:
                assert attribute in ATTRIBUTES or attribute.startswith(("data-", "aria-")), where
                if attribute in {"src", "poster"} or (attribute == "href" and not value.startswith("https://")):
                    assert OURS.fullmatch(value), where
                if attribute == "style":
                    assert value in styles | {CODE}, where


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "lines of cards"])
def test_injection_is_shown_as_it_is(view: str) -> None:
    """The words are on the page, with what is hidden in them written out: nobody is shown less than was said."""
    for name, payload in PAYLOADS.items():
        _, text = taken_apart(str(made(view, name)["text/html"]))
        whole = plain(visible(payload)) if len(payload) <= 150 else plain(visible(payload[:200]))[:20]
        assert whole in plain(text), name
        assert not HIDDEN.search(text), name


@pytest.mark.parametrize("view", VIEWS)
def test_injection_on_a_terminal(view: str) -> None:
    """The plain text of each view holds nothing that a terminal obeys, and can be written anywhere."""
    for name in PAYLOADS:
        text = made(view, name).get("text/plain", "")
        assert not HIDDEN.search(text), name
        text.encode()


def test_injection_into_mathematics_and_markdown() -> None:
    """MathJax finds no formula in any text of a page, and Markdown no empty line, behind which it would read on."""
    formula = re.compile(r"\$[^$]*\$|\\[()\[\]$\\]|\\(?:begin|end|ref|eqref)")
    for view in VIEWS:
        for name in PAYLOADS:
            page = str(made(view, name).get("text/html", ""))
            assert not re.search(r"\n\s*\n", page), (view, name)
            body = LexborHTMLParser(page).body
            for node in body.traverse(include_text=True) if body is not None else ():
                if node.tag == "-text":
                    assert not formula.search(node.text_content or ""), (view, name)


# ── texts ─────────────────────────────────────────────────────────────────────
def handle(row: Record) -> Any:
    """A generation of that row, without a studio."""
    clip: Any = object.__new__(Generation)
    clip._studio, clip._row = SimpleNamespace(record_of=lambda row: row), row
    return clip


@pytest.mark.parametrize("name", PAYLOADS)
def test_injection_into_an_error(name: str) -> None:
    """What a provider said is quoted in a traceback, and obeyed by no terminal."""
    payload = PAYLOADS[name]
    for kind in ("GenerationFailed", "InvalidRequest", "RateLimited", "GenerationStuck", "re", "__class__", payload):
        clip = SimpleNamespace(facts=facts(payload), status=Status.FAILED, provider=payload)
        error = _error_of(Failure(kind, payload, payload, payload, payload), clip, payload)  # type: ignore[arg-type]
        assert isinstance(error, VidgenError)
        for text in (str(error), "\n".join(error._render_traceback_())):
            assert not HIDDEN.search(text)
            assert visible(payload[:20]) in text
    problems = [errors.Problem(payload, payload)]
    wrong = errors.InvalidRequest(payload, problems=problems)
    assert not HIDDEN.search(str(wrong) + "".join(wrong._render_traceback_()))


@pytest.mark.parametrize("name", PAYLOADS)
def test_injection_into_a_report_and_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report has no line of its own from a stranger; code is one call whose arguments are the values, whatever a row
    says: it is pasted, and run."""
    payload = PAYLOADS[name]
    monkeypatch.setattr(Generation, "facts", property(lambda _: facts(payload)))
    for status in STATES:
        clip = handle(record(payload, status, provider="relaydance"))
        report = clip.report()
        assert not HIDDEN.search(report)
        assert [line.partition(": ")[0] for line in report.splitlines() if not line.startswith("    ")] == [
            part for part in REPORTED if part in report
        ]
    odd = f"x=print('{payload}'), y"
    asked = {"prompt": payload, "duration": 5, odd: payload, "style": payload}
    for provider in ("relaydance", payload):
        code = handle(make(Status.FAILED, provider=provider, asked=asked, extra={payload: [payload]})).code()
        assert not HIDDEN.search(code)
        call = ast.parse(code, mode="eval").body
        assert isinstance(call, ast.Call)
        assert all(isinstance(part, ast.Name | ast.Attribute | ast.Load) for part in ast.walk(call.func))
        values = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
        assert ast.literal_eval(call.args[0]) == payload
        assert values["style"] == payload
        assert values["extra"] == {payload: [payload]}
        assert values[None] == {odd: payload}


REPORTED = ("provider", "model", "task id", "our id", "status", "sent", "finished", "their words", "our words",
            "request", "last reply")  # fmt: skip


def test_injection_into_a_path() -> None:
    """A row or a recipe names no file outside the home: what is shown is put into notebooks."""
    paths = ["/etc/passwd", "../../x.mp4", "clips/../../x", "..\\x.mp4", "C:\\x.mp4", "C:/x.mp4", "\\\\host\\x", "a\0b"]
    for path in paths:
        row = as_json(make(Status.SUCCEEDED)) | {
            "files": [{**as_json(make(Status.SUCCEEDED))["files"][0], "path": path, "poster": path}]
        }
        (file,) = from_json(row).files
        assert (file.path, file.poster) == ("", ""), path
    assert from_json(as_json(make(Status.SUCCEEDED))).files == (FILE,)


@pytest.mark.parametrize("name", PAYLOADS)
def test_injection_into_a_reply(name: str) -> None:
    """Whatever a reply says comes as it was said, but for half characters, which no ledger and no file can hold."""
    payload = PAYLOADS[name]
    body = json.dumps({"status": payload, "said": [payload]}).encode()  # with \\ud800, as JSON can say it
    said = _reply(status=200, headers=httpx.Headers(), body=body).body
    json.dumps(said, ensure_ascii=False).encode()
    if not re.search("[\ud800-\udfff]", payload):
        assert said == {"status": payload, "said": [payload]}


# ── forms ─────────────────────────────────────────────────────────────────────
@pytest.fixture
def form(tmp_path: Path) -> Iterator[Form]:
    """A form on a desk with nobody behind it."""
    yield Form(Desk(tmp_path / "home"), "relaydance")  # type: ignore[arg-type]
    ipywidgets.Widget.close_all()


def test_injection_into_a_form(form: Form) -> None:
    """What is filled in, and what is said about it, is escaped in every widget that shows HTML."""
    for name, payload in PAYLOADS.items():
        form.value = {
            "prompt": payload, "model": payload, "aspect_ratio": payload, "resolution": payload,
            "first_frame": payload, "extra": {payload: payload},
        }  # fmt: skip
        pages = [widget.value for widget in every(form.widget) if isinstance(widget, ipywidgets.HTML)]
        pages += [form._board.line, form._board.buttons, form._board.tiles]
        assert len(pages) > 10
        for page in pages:
            for tag, attributes in taken_apart(page)[0]:
                assert tag in TAGS, name
                assert not [a for a, _ in attributes if a not in ATTRIBUTES and not a.startswith(("data-", "aria-"))]
                assert not [value for a, value in attributes if a in {"src", "href"} and not OURS.fullmatch(value)]
            assert not HIDDEN.search(page), name
        for widget in every(form.widget):
            assert not getattr(widget, "description_allow_html", False)


def every(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


# ── who makes HTML ────────────────────────────────────────────────────────────
ROOT = Path(vidgen_nb.__file__).parent
MARKUP = re.compile(
    r"(?<!\?P)</?(?:a|b|body|br|button|code|div|em|form|h\d|head|html|i|iframe|img|input|label|li|link|mark|meta|ol|option|p|pre|"
    r"script|select|small|span|strong|style|svg|t[dhr]|table|tbody|textarea|thead|title|u|ul|video)\b|<!--|<!\w|"
    r"</?$|&(?:#\w+|lt|gt|amp|quot);"
)
RENDERER = "display/html.py"
SOURCES = {
    path.relative_to(ROOT).as_posix(): path
    for path in sorted(ROOT.rglob("*.py"))
    if path.parent.parts[len(ROOT.parts) :][:1] != ("simulator",)  # what it answers is read by the engine, never shown
}


def strings(tree: ast.Module) -> Iterator[str]:
    """Every string of a module which is no docstring."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    docs |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # of a field or a constant
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


@pytest.mark.parametrize("name", SOURCES)
def test_injection_needs_html_and_only_one_module_makes_it(name: str) -> None:
    """No other module holds markup, escapes, calls a text HTML, or gives a widget what the renderer did not make."""
    tree = ast.parse(SOURCES[name].read_text(encoding="utf-8"))
    if name == RENDERER:
        assert [text for text in strings(tree) if MARKUP.search(text)]  # so this test would see it elsewhere
        return
    assert [text for text in strings(tree) if MARKUP.search(text)] == []
    imported = {
        a.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "html"
        for a in node.names
    }
    assert imported == set()
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = ast.unparse(call.func).rpartition(".")[2]
        if called in {"Html", "Link"}:
            assert [ast.unparse(value) for value in call.args] == ["''"], ast.unparse(call)
        if called in {"HTML", "HTMLMath"}:
            assert all(rendered(value, tree) for value in call.args), ast.unparse(call)
            assert not call.keywords
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any("_notes.value" in ast.unparse(target) for target in node.targets):
            assert rendered(node.value, tree), ast.unparse(node)


def rendered(value: ast.expr, tree: ast.Module) -> bool:
    """Whether it is `str(el(…))`, `str(join(…))`, or `str` of a name that is only ever such a thing."""
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "str" and len(value.args) == 1):
        return False
    inside = value.args[0]
    if isinstance(inside, ast.Name):
        found = [
            node.value for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [inside.id]
        ]  # fmt: skip
        return bool(found) and all(made_by_us(one) for one in found)
    return made_by_us(inside)


def made_by_us(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in {"el", "join", "marked"}


INTO_PAGES = re.compile(
    r"innerHTML|outerHTML\s*\+?=(?!=)|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|"
    r"createContextualFragment|setHTMLUnsafe|\.href\s*=|setAttribute\(\"on"
)
FRAME = "markup of our own, without a value in it"
PART = "a part which Python rendered, escaped there"
IN_SCRIPTS = {
    ("display/live.js", "root.innerHTML"): FRAME,
    ("display/live.js", "t.innerHTML = value"): PART,
    ("display/form.js", "root.innerHTML"): FRAME,
    ("display/form.js", "box.innerHTML = value"): PART,
    ("display/history.js", "template.innerHTML = drawn.tiles"): PART,
    ("display/sweep.js", "root.innerHTML"): FRAME,
    ("display/sweep.js", "t.innerHTML = html"): PART,
    ("display/compare.js", "template.innerHTML = value"): PART,
}


def test_injection_through_our_scripts() -> None:
    """Each place where a script of ours writes HTML is listed with its reason, and a frame has no value in it."""
    found = set()
    for path in sorted(ROOT.rglob("*.js")):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        for hit in INTO_PAGES.finditer(text):
            line = text[text.rindex("\n", 0, hit.start()) + 1 :]
            place = next((key for key in IN_SCRIPTS if key[0] == name and key[1] in line.partition("\n")[0]), None)
            assert place is not None, f"{name}: {line[:100]}"
            found.add(place)
            if IN_SCRIPTS[place] is FRAME:
                template = re.match(r"\s*root\.innerHTML = `([^`]*)`;", line)
                assert template
                assert "${" not in template[1]
    assert found == set(IN_SCRIPTS)


def test_injection_into_every_word_of_a_record() -> None:
    """What the views are made from holds the payload wherever a record, its cost, its error and its provider speak."""
    full = record("word")
    for thing in (full, full.error, full.cost, facts("word")):
        words = {field.name: getattr(thing, field.name) for field in fields(thing) if field.type in {"str", str}}  # type: ignore[arg-type]
        assert words
        assert {name for name, value in words.items() if value != "word"} <= {"step", "owner"}  # in no view


def test_injection_has_forty_payloads() -> None:
    """At least forty, all different, some of which would call out."""
    assert len(set(PAYLOADS.values())) == len(PAYLOADS) >= 40
    assert sum(CANARY in payload for payload in PAYLOADS.values()) > 8
