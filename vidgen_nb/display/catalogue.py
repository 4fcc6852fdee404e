"""Static tables: the providers, their models, and a plan. Facts with their source, and never a part of a key."""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vidgen_nb.display import words
from vidgen_nb.display.gallery import columns
from vidgen_nb.display.html import Child, Html, el, join, one_line
from vidgen_nb.display.saved import APART, FONT, LINE, code, tag
from vidgen_nb.media.redact import redacted, unsigned
from vidgen_nb.providers.contract import Model, choices
from vidgen_nb.records import SIMULATED_COST, Cost, Json, Price, Warned, money

_CELL = "vertical-align:top;padding:6px 16px;max-width:none;line-height:18px"
_LONG = 2_000  # characters of a string in a body; a reference given as data is cut at once
_LINES = 300
_UNSEARCHABLE = "cannot be searched"


class ProviderRow(Protocol):
    """A provider as it stands in this kernel. `key` says where it was found, "" if nowhere; never a part of it."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def key_variable(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def base_url_variable(self) -> str: ...
    @property
    def search(self) -> str:
        """How a lost submission can be found; "" where it cannot."""
        ...

    @property
    def models(self) -> int: ...


class PlanView(Protocol):
    """What would be sent, and what it would mean."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def body(self) -> Json: ...
    @property
    def warnings(self) -> Sequence[Warned]: ...
    @property
    def identity(self) -> str: ...
    @property
    def take(self) -> int: ...
    @property
    def cost(self) -> Cost: ...
    @property
    def existing(self) -> Any:
        """The clip that exists already, with `id` and `status`; None where there is none."""
        ...

    @property
    def defaults(self) -> Sequence[str]:
        """The parameters which were not given and are not sent."""
        ...


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    number: bool = False
    keep: bool = False  # on one line


def providers_bundle(rows: Sequence[ProviderRow]) -> dict[str, str]:
    """The table of `vg.list_providers()`."""
    heads = [Column(title) for title in ("provider", "name", "key", "base URL", "a lost request")]
    heads.append(Column("models", number=True))
    cells: list[list[Child]] = []
    plain = []
    for row in rows:
        key = f"found in {row.key}" if row.key else f"not found: set {row.key_variable}"
        url = row.base_url or f"set {row.base_url_variable}"
        search = row.search or _UNSEARCHABLE
        cells.append(
            [
                el("b", None, row.title),
                code(row.name),
                key if row.key else tag("warn", key),
                code(url) if row.base_url else tag("warn", url),
                search,
                str(row.models),
            ]
        )
        plain.append([row.name, key, url, search, f"{row.models} model{'s' * (row.models != 1)}"])
    return {"text/html": str(table(heads, cells)), "text/plain": "\n".join(columns(plain))}


def models_bundle(provider: str, rows: Sequence[Model], note: str = "") -> dict[str, str]:
    """The table of `vg.models(provider)`. `note` says where the list comes from, if not from our own table."""
    titles = ("model", "duration", "resolution", "aspect ratio", "also", "checked")
    heads = [Column(title, keep=title in {"duration", "checked"}) for title in titles]
    cells: list[list[Child]] = []
    plain: list[list[str]] = [list(titles)]
    for row in rows:
        limits = [offered(row, name) for name in ("duration", "resolution", "aspect_ratio")] + [_also(row)]
        model = f"{row.name} (default)" if row.default else row.name
        named = join(code(row.name), " (default)" if row.default else None)
        told = [limit or "–" for limit in limits]
        cells.append([named, *told, _checked(row)])
        plain.append([model, *told, row.checked or "not checked"])
    head = f"{provider}: {note}" if note else provider
    count = f"{len(rows)} model" if len(rows) == 1 else f"{len(rows)} models"
    html = table(heads, cells, caption=f"{head}, {count}")
    return {"text/html": str(html), "text/plain": "\n".join([one_line(f"{head}, {count}"), *columns(plain)])}


class SumView(Protocol):
    """The money of one group in one unit: see `purse.Sum`."""

    @property
    def group(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def clips(self) -> int: ...
    @property
    def reserved(self) -> float: ...
    @property
    def charged(self) -> float: ...
    @property
    def refunded(self) -> float: ...
    @property
    def unknown(self) -> int: ...
    @property
    def at_most(self) -> float: ...


_STATES = ("reserved", "charged", "refunded")


def spend_bundle(rows: Sequence[SumView], by: str) -> dict[str, str]:
    """The table of `vg.spend()`, a block for each unit: no two units are ever added up."""
    heads = [Column(title, number=title not in {"unit", by}) for title in ("unit", by, "clips", *_STATES, "unknown")]
    cells: list[list[str]] = []
    for unit in sorted({row.unit for row in rows}, key=lambda unit: (not unit, unit)):
        block = [row for row in rows if row.unit == unit]
        told = [
            [row.group, str(row.clips), *(_booked(row, state) for state in _STATES), _unknown([row])] for row in block
        ]
        if len(block) > 1:
            totals = [_total(block, state) for state in _STATES] if unit else ["–"] * len(_STATES)
            told.append(["all", str(sum(row.clips for row in block)), *totals, _unknown(block)])
        cells += [[(unit or "not known") if number == 0 else "", *line] for number, line in enumerate(told)]
    if not cells:
        return {"text/html": str(_box(_padded("nothing was spent"))), "text/plain": "nothing was spent"}
    plain = columns([[head.title for head in heads], *cells])
    return {"text/html": str(table(heads, cells)), "text/plain": "\n".join(plain)}


def _booked(row: SumView, state: str) -> str:
    return money(getattr(row, state)) if row.unit else "–"


def _total(rows: Sequence[SumView], state: str) -> str:
    return money(round(sum(getattr(row, state) for row in rows), 6))


def _unknown(rows: Sequence[SumView]) -> str:
    """How many are unknown, and what they come to at most where they have a price: `2, at most 2.80`."""
    count, most = sum(row.unknown for row in rows), round(sum(row.at_most for row in rows), 6)
    return f"{count}, at most {money(most)}" if count and most else str(count) if count else "none"


def prices_bundle(rows: Sequence[Price]) -> dict[str, str]:
    """The table of `vg.price()`."""
    heads = [Column("provider"), Column("models"), Column("price"), Column("since", keep=True)]
    cells = [[row.provider, row.pattern, _priced(row), words.moment(row.written)] for row in rows]
    if not cells:
        return {"text/html": str(_box(_padded("no own prices"))), "text/plain": "no own prices"}
    return {"text/html": str(table(heads, cells)), "text/plain": "\n".join(columns(cells))}


def _priced(row: Price) -> str:
    return f"{'as listed' if row.amount is None else money(row.amount)} {row.unit}".strip() + f" per {row.per}"


def _padded(text: str) -> Html:
    return el("div", {"style": "margin:0;padding:8px 16px;font-size:12px;line-height:18px"}, text)


def offered(row: Model, parameter: str) -> str:
    """The values of a parameter which a model takes: `4–15 s`, `480p 720p`; "" where nothing is stated."""
    if parameter in row.lacks:
        return "not taken"
    values: Collection[Any] = row.takes.get(parameter, ())
    unit = f"{words.NB}s" if parameter == "duration" else ""
    if isinstance(values, range) and len(values) > 2 and values.step == 1:
        return f"{values[0]}–{values[-1]}{unit}"
    if parameter == "duration" and values:
        return choices(values, parameter).replace(" to ", "–").replace(" s", unit)
    return " ".join(map(str, values)) if values else ""


def _also(row: Model) -> str:
    """What else is stated: further limits, what the model does not take, and the note of the row."""
    shown = {"duration", "resolution", "aspect_ratio"}
    further = [f"{name} {offered(row, name)}" for name in row.takes if name not in shown | row.lacks]
    lacking = [f"no {name}" for name in sorted(row.lacks - shown)]
    return ", ".join([part for part in (row.note,) if part] + further + lacking)


def _checked(row: Model) -> Html:
    """When the row was checked, linked to its first source."""
    if not row.checked:
        return tag("warn", "not checked")
    place = re.match(r"(?:https://)?([\w-]+(?:\.[\w-]+)+(?:/[^\s:;,]*)?)", row.source)
    return el("a", {"href": f"https://{place[1]}" if place else None, "title": row.source}, row.checked)


def plan_bundle(plan: PlanView) -> dict[str, str]:
    """A plan: method and URL, the exact body, then Cost, Existing, Warning, Not sent, Identity."""
    lines = json.dumps(_abridged(plan.body), indent=2, ensure_ascii=False).split("\n") if plan.body is not None else []
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], "…"]
    facts = _plan_facts(plan)
    html = _box(
        el(
            "div",
            {"style": "margin:0;padding:12px 16px"},
            el("div", {"style": "margin:0;font-weight:600"}, "Nothing is sent by a plan"),
            el(
                "div",
                {"style": "margin:0;font-family:monospace;font-size:12px;opacity:.7"},
                f"{plan.method} {plan.url}",
            ),
        ),
        el(
            "div",
            {"style": f"margin:0;display:flex;flex-wrap:wrap;border-top:1px solid {LINE}"},
            el("div", {"style": f"{_HALF};flex:1.35 1 300px;{_JSON}"}, *(join(line, "\n") for line in lines)),
            el(
                "div",
                {"style": f"{_HALF};flex:1 1 240px;box-shadow:-1px 0 0 {LINE};font-size:12px;line-height:18px"},
                *(_fact(label, text) for label, text in facts),
            ),
        ),
    )
    plain = [one_line(f"{plan.method} {plan.url}"), *map(_indented, lines)]
    plain += [f"{label}: {one_line(text)}" for label, text in facts]
    return {"text/html": str(html), "text/plain": "\n".join(plain)}


_HALF = "margin:0;padding:12px 16px;min-width:0;box-sizing:border-box"
_JSON = "font-family:monospace;font-size:12px;line-height:19px;white-space:pre-wrap"


def _indented(line: str) -> str:
    """A line of JSON with its indentation."""
    return line[: len(line) - len(line.lstrip())] + one_line(line)


def _plan_facts(plan: PlanView) -> list[tuple[str, str]]:
    basis = f", {plan.cost.basis}" if plan.cost.basis else ""
    simulated = plan.cost == SIMULATED_COST
    existing = "none: this would be a new clip, simulated" if simulated else "none: this would be a new charge"
    if plan.existing is not None:
        existing = f"{plan.existing.id} {plan.existing.status}: 0 new charges"
    return [
        ("Cost", words.amount(plan.cost) + basis),
        ("Existing", existing),
        *(("Warning", str(warning)) for warning in plan.warnings),
        *([("Not sent", f"{', '.join(plan.defaults)}: provider's default")] if plan.defaults else []),
        ("Identity", f"take {plan.take} · {plan.identity[:16]}"),
    ]


def _fact(label: str, text: str) -> Html:
    return el(
        "div",
        {"style": "margin:0 0 6px;display:flex;gap:8px"},
        el("span", {"style": "flex:0 0 72px;opacity:.7"}, label),
        APART,
        el("span", {"style": "flex:1 1 0;min-width:0"}, text),
    )


def _abridged(value: Json) -> Json:
    """The body as it will be sent, with long texts cut. Media given as data are private, a signed address is a key."""
    if isinstance(value, str):
        head, comma, _ = value.partition(",")
        if value.startswith("data:") and comma:
            return f"{head[:60]},… ({len(value):,} characters)"
        value = unsigned(str(redacted(value)))
        return value if len(value) <= _LONG else f"{value[:200]}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return {key: _abridged(item) for key, item in value.items()}
    return [_abridged(item) for item in value] if isinstance(value, list | tuple) else value


def _box(*children: Child) -> Html:
    style = (
        f"margin:0;box-sizing:border-box;border:1px solid {LINE};border-radius:6px;overflow:hidden;font-family:{FONT};"
        "font-size:13px;line-height:19.5px;text-align:left;overflow-wrap:break-word"
    )
    return el("div", {"style": style}, *children)


def table(heads: Sequence[Column], rows: Sequence[Sequence[Child]], caption: str = "") -> Html:
    """Hairlines, numbers right. Jupyter styles table, row and cell, so every cell says everything again."""
    plain_row = {"style": "background-color:rgba(0,0,0,0);border:0"}
    first = el("tr", plain_row, *(_cell("th", head, head.title, top=False) for head in heads))
    more = [el("tr", plain_row, *(_cell("td", h, c) for h, c in zip(heads, row, strict=True))) for row in rows]
    looks = "margin:0;border:0;border-collapse:collapse;width:100%;font-size:12px;line-height:18px;table-layout:auto"
    above = el("div", {"style": f"margin:0;padding:8px 16px;border-bottom:1px solid {LINE}"}, el("b", None, caption))
    return _box(
        above if caption else None,
        el(
            "div",
            {"style": "margin:0;overflow-x:auto"},
            el("table", {"style": looks}, el("thead", None, first), el("tbody", None, *more)),
        ),
    )


def _cell(kind: str, column: Column, content: Child, *, top: bool = True) -> Html:
    line = f"border:0;border-top:1px solid {LINE}" if top else "border:0;font-weight:400;opacity:.7"
    wrap = "nowrap" if column.keep or column.number or not top else "normal"
    align = "right" if column.number else "left"
    style = f"{line};text-align:{align};white-space:{wrap};{_CELL}"
    return el(kind, {"style": style}, content)
