"""The plan of a sweep as a table: what is new, what exists, what cannot be made and why, and what it costs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vidgen_nb.axes import Axis
from vidgen_nb.display import words
from vidgen_nb.display.gallery import columns
from vidgen_nb.display.html import Child, Html, el, join, marked, one_line, shown
from vidgen_nb.display.saved import FILL, FONT, LINE, code
from vidgen_nb.records import Cost

_ROWS = 200  # of the table; an invalid row is always shown
_CELL = "vertical-align:top;padding:6px 12px;max-width:none;line-height:18px"
_WORDS = {"new": "new", "exists": "exists already", "repeat": "as an earlier row", "invalid": "invalid"}


class SweepView(Protocol):
    """A planned sweep; see `sweeps.Sweep`. A row has `single.where`, `state`, `reason`, `cost`, `existing`."""

    @property
    def axes(self) -> Sequence[Axis]: ...
    @property
    def template(self) -> str: ...
    @property
    def rows(self) -> Sequence[Any]: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def costs(self) -> Sequence[Cost]: ...
    @property
    def beyond(self) -> Sequence[str]: ...


def plan_bundle(view: SweepView) -> dict[str, str]:
    """The table as `text/html` and `text/plain`."""
    return {"text/html": str(_html(view)), "text/plain": _text(view)}


def title(view: SweepView) -> str:
    """`6 clips: 3 new, 1 exists already, 2 invalid`."""
    count = len(view.rows)
    told = [f"{many} {word}" for state, word in _WORDS.items() if (many := view.counts.get(state))]
    told = [text.replace("exists", "exist") if not text.startswith("1 ") else text for text in told]
    return f"{count} clip{'s' * (count != 1)}: {', '.join(told)}"


def price(view: SweepView) -> str:
    """What the new ones cost together, each unit by itself. Unknown is said, never counted as 0."""
    new = view.counts.get("new", 0)
    if not new:
        return "0 new charges"
    sums = [words.amount(cost) + (f", {cost.basis}" if cost.basis else "") for cost in view.costs]
    return f"{' + '.join(sums)}, for {new} new"


def _state(row: Any) -> str:
    if row.state == "exists" and row.existing is not None:
        status = str(row.existing.status)
        return _WORDS["exists"] if status == "succeeded" else f"{_WORDS['exists']}: {status}"
    return row.reason if row.state == "invalid" else _WORDS[row.state]


def _cost(row: Any) -> str:
    if row.state == "new":
        return f"0, {row.cost.basis}" if row.cost.basis == "simulated" else words.amount(row.cost)
    return "–" if row.state == "invalid" else "0 new charges"


def _next(view: SweepView) -> str:
    if view.counts.get("invalid"):
        return "One invalid row stops the whole sweep. Fix it, or pass `skip_invalid=True`. Nothing was sent."
    return "Nothing is sent by a plan. `sweep.run()` makes what is new; what exists costs nothing."


def _warnings(view: SweepView) -> list[str]:
    """Each warning once, with the number of clips that it is about; then what is about all of them."""
    told = Counter(warning for row in view.rows if row.state == "new" for warning in row.warnings)
    return [*(f"{warning} ({count} of {len(view.rows)} clips)" for warning, count in told.items()), *view.beyond]


def _text(view: SweepView) -> str:
    heads = ["#", *(axis.name for axis in view.axes), "state", "cost"]
    rows = [
        [str(number), *_labels(view, row), one_line(words.without_source(_state(row)), 120), _cost(row)]
        for number, row in _listed(view)
    ]
    more = len(view.rows) - len(rows)
    lines = [title(view), one_line(price(view)), *columns([heads, *rows]), *([f"… {more} more"] if more else [])]
    return "\n".join([*lines, *map(one_line, _warnings(view)), _next(view).replace("`", "")])


def _listed(view: SweepView) -> list[tuple[int, Any]]:
    return [(number, row) for number, row in enumerate(view.rows, 1) if number <= _ROWS or row.state == "invalid"]


def _labels(view: SweepView, row: Any) -> list[str]:
    return [shown(axis.labels[index], 80) for axis, index in zip(view.axes, row.single.where, strict=True)]


def _html(view: SweepView) -> Html:
    small = "margin:0;font-size:12px;line-height:18px"
    heads = ["#", *(axis.name for axis in view.axes), "state", "cost"]
    head = el("tr", {"style": _ground(False)}, *(_cell("th", name, right=name in {"#", "cost"}) for name in heads))
    rows = [_row(view, number, row) for number, row in _listed(view)]
    more = len(view.rows) - len(rows)
    table = "margin:0;border:0;border-collapse:collapse;width:100%;font-size:12px;line-height:18px;table-layout:auto"
    foot = f"{small};padding:12px 16px;border-top:1px solid {LINE};background:{FILL}"
    box = (
        f"margin:0;box-sizing:border-box;border:1px solid {LINE};border-radius:6px;overflow:hidden;font-family:{FONT};"
        "font-size:13px;line-height:19.5px;text-align:left;overflow-wrap:break-word"
    )
    return el(
        "div",
        {"style": box},
        el(
            "div",
            {"style": "margin:0;padding:12px 16px"},
            el("div", {"style": "margin:0;font-weight:600"}, title(view)),
            el("div", {"style": f"{small};opacity:.7"}, price(view)),
        ),
        el(
            "div",
            {"style": "margin:0;overflow-x:auto"},
            el("table", {"style": table}, el("thead", None, head), el("tbody", None, *rows)),
        ),
        el("div", {"style": f"{small};padding:6px 16px"}, f"… {more} more") if more else None,
        *(el("div", {"style": f"{small};padding:6px 16px;border-top:1px solid {LINE}"}, w) for w in _warnings(view)),
        el("div", {"style": foot}, marked(_next(view), code)),
    )


def _ground(invalid: bool) -> str:
    return f"border:0;background-color:{'rgba(210,63,63,.1)' if invalid else 'rgba(0,0,0,0)'}"


def _row(view: SweepView, number: int, row: Any) -> Html:
    labels = [
        _cell("td", el("span", {"lang": words.language(label), "title": label}, label)) for label in _labels(view, row)
    ]
    said = el("span", {"title": _state(row)}, words.without_source(_state(row)))
    room = {"style": "margin:0;min-width:160px"}  # a reason in a narrow cell is read in few lines: the table scrolls
    state = el("div", room, join(_disc(), said)) if row.state == "invalid" else said
    cells = [_cell("td", str(number), right=True), *labels, _cell("td", state), _cell("td", _cost(row), right=True)]
    return el("tr", {"style": _ground(row.state == "invalid")}, *cells)


def _disc() -> Html:
    return el(
        "span",
        {"style": "display:inline-block;width:8px;height:8px;border-radius:4px;margin:0 6px 0 0;background:#d23f3f"},
    )


def _cell(kind: str, content: Child, *, right: bool = False) -> Html:
    line = "border:0;font-weight:400;opacity:.7" if kind == "th" else f"border:0;border-top:1px solid {LINE}"
    wrap = "nowrap" if right or kind == "th" else "normal"
    return el(kind, {"style": f"{line};text-align:{'right' if right else 'left'};white-space:{wrap};{_CELL}"}, content)
