"""What is kept of a form in a saved notebook, and seen where widgets are not: its settings, as words and as code."""

from collections.abc import Mapping, Sequence
from typing import Any

from vidgen_nb.display.form_fields import label_of
from vidgen_nb.display.html import Html, el, join, one_line
from vidgen_nb.display.saved import FONT, LINE, code


def as_html(title: str, values: Mapping[str, Any], problems: Sequence[tuple[str, str]], call: str) -> Html:
    """The static form. Only what survives in an untrusted notebook: inline styles, no text colour."""
    rows = [_row(label_of(name), el("span", None, one_line(_text(value), 400))) for name, value in values.items()]
    rows += [_row(label_of(name), el("b", None, said)) for name, said in problems]
    block = "margin:0;padding:12px 16px"
    style = (
        f"margin:0;box-sizing:border-box;max-width:880px;border:1px solid {LINE};border-radius:6px;overflow:hidden;"
        f"font-family:{FONT};font-size:13px;line-height:19.5px;text-align:left;overflow-wrap:break-word"
    )
    listed = join(*rows) if rows else "Nothing is filled in."
    again = join("Run this cell to use the form. ", *_calls(call))
    return el(
        "div",
        {"style": style},
        el("div", {"style": block}, el("b", None, title)),
        el("div", {"style": f"{block};border-top:1px solid {LINE}"}, listed),
        el("div", {"style": f"{block};border-top:1px solid {LINE};font-size:12px"}, again),
    )


def as_text(name: str, values: Mapping[str, Any], problems: Sequence[tuple[str, str]]) -> str:
    """One honest line."""
    given = ", ".join(f"{key}={one_line(_text(value), 60)!r}" for key, value in values.items())
    said = "; ".join(f"{key} {text}" for key, text in problems)
    return one_line(f"form of {name}: {given or 'nothing is filled in'}{f' ({said})' if said else ''}")


def _calls(call: str) -> list[Html | str]:
    return (
        ["The same without it: ", el("div", {"style": "margin:4px 0 0;white-space:pre-wrap"}, code(call))]
        if call
        else []
    )


def _row(label: str, value: Html) -> Html:
    """No table: JupyterLab paints the rows of one."""
    return el(
        "div",
        {"style": "margin:0;display:flex;gap:16px;padding:2px 0"},
        el("span", {"style": "flex:0 0 112px;opacity:.7"}, label),
        el("span", {"style": "flex:1 1 0;min-width:0"}, value),
    )


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, str | int | float | bool):
        return str(value)
    if isinstance(value, Mapping):
        return str(value.get("name") or dict(value))
    return str(getattr(value, "id", None) or f"({type(value).__name__})")
