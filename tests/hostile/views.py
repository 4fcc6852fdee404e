"""Every view there is, with one text in each field that a provider, a ledger row or a zip can fill."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

from vidgen_nb.display import card, compare, form_board, form_saved, gallery, sweep, sweep_plan, sweep_saved
from vidgen_nb.display.catalogue import models_bundle, plan_bundle, prices_bundle, providers_bundle, spend_bundle
from vidgen_nb.display.findings import scan_bundle
from vidgen_nb.display.gallery import history_bundle
from vidgen_nb.display.html import Link, data_link, path_link
from vidgen_nb.display.saved import Player
from vidgen_nb.display.sweep import Cell, Grid
from vidgen_nb.providers.contract import Model
from vidgen_nb.records import Cost, Failure, Price, ProviderFacts, Record, Status, Warned

from ..display.stand_ins import FILE, Watched, jpeg, make
from ..display.sweeps import axis

POSTER = data_link("image/jpeg", jpeg(16, 9))
HTML_PARTS = ("head", "picture", "strip", "body", "foot")
FEW = (Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN)
STATES = (Status.RUNNING, Status.SUCCEEDED, Status.FAILED, Status.REFUSED, Status.UNKNOWN, Status.STUCK)


def record(text: str, status: Status = Status.FAILED, **changes: Any) -> Record:
    """A record with the text wherever words stand."""
    asked = {"prompt": text, "aspect_ratio": text, "resolution": text, "duration": text, "style": text}
    asked |= {"reference_images": [text, {"input": text, "name": text}], "first_frame": text}
    said = Failure(text, text, said=text, code=text, hint=text)
    values: dict[str, Any] = {
        "id": text, "identity": text, "provider": text, "origin": text, "model": text, "parent": text, "reason": text,
        "word": text, "task_id": text, "note": text, "extra": {text: text}, "raw": {text: [text]}, "asked": asked,
        "error": said if status in {Status.FAILED, Status.REFUSED, Status.UNKNOWN, Status.STUCK} else None,
        "cost": Cost(1.5, text, text, reported=text),
    }  # fmt: skip
    return make(status, **(values | changes))


def facts(text: str) -> ProviderFacts:
    """What a registered provider says of itself."""
    return ProviderFacts(text, text, text, search=text, console=text)


def clip(text: str, home: Path, status: Status = Status.FAILED, **changes: Any) -> Watched:
    return Watched(record(text, status, **changes), home, facts(text))


def player(text: str) -> Player:
    """A finished clip whose file has the text in its name."""
    name = f"vidgen/clips/{text[:100].replace('/', '_')}.mp4"
    try:
        link = path_link(PurePosixPath(name))
    except ValueError:  # half a character: no file has such a name
        link = Link("vidgen/clips/x.mp4")
    return Player(src=link, poster=POSTER, file=name, href=link, note=text)


def _card(status: Status, *, living: bool) -> Callable[[str, Path], str]:
    def made(text: str, home: Path) -> str:
        shown = player(text) if status is Status.SUCCEEDED else None
        if not living:
            return card.as_html(record(text, status), facts(text), shown)
        parts = card.parts(record(text, status), facts(text), player=shown)
        return "".join(parts[name] for name in HTML_PARTS)

    return made


def grid(text: str, home: Path) -> Grid:
    """A sweep with the text in its template, its axes and its clips."""
    axes = [axis(text, [text, "other"]), axis("light", ["dawn", text])]
    cells = [
        Cell((0, 0), text, record(text), facts(text)),
        Cell((0, 1), text, record(text, Status.SUCCEEDED), facts(text)),
        Cell((1, 0), text, invalid=True, reason=text),
        Cell((1, 1), text, record(text, Status.RUNNING), facts(text)),
    ]
    return Grid(f"a {text} {{light}}", axes, text, 16 / 9, home, cells, left=text)


def _living_sweep(text: str, home: Path) -> str:
    made = grid(text, home)
    tiles = "".join(sweep.tile(cell, POSTER if n == 1 else None) for n, cell in enumerate(made.cells))
    return sweep.head(made) + sweep.bar(made) + sweep.counts(made) + sweep.frame(made) + tiles


def _planned_sweep(text: str, home: Path) -> Mapping[str, str]:
    def row(state: str, where: tuple[int, ...]) -> SimpleNamespace:
        existing = SimpleNamespace(status=text) if state == "exists" else None
        single = SimpleNamespace(where=where)
        warnings = [Warned(text, text)]
        return SimpleNamespace(
            single=single, state=state, reason=text, cost=Cost(1, text, text), existing=existing, warnings=warnings
        )

    rows = [row("new", (0,)), row("exists", (1,)), row("invalid", (0,))]
    counts = {"new": 1, "exists": 1, "invalid": 1}
    view: Any = SimpleNamespace(
        axes=[axis(text, [text, "b"])], template=text, rows=rows, counts=counts, costs=[Cost(1, text, text)],
        beyond=[text],
    )  # fmt: skip
    return sweep_plan.plan_bundle(view)


def _compared(text: str, home: Path) -> compare.Compared:
    other = clip(text, home, Status.RUNNING, asked={"prompt": f"other {text}", "style": f"{text}!"}, take=2)
    return compare.compared([clip(text, home), other])


def _living_compare(text: str, home: Path) -> str:
    said = _compared(text, home)
    return compare.heads(said) + compare.rows(said) + "".join(compare.picture("A", view) for view in said.views)


def _plan(text: str, home: Path) -> Mapping[str, str]:
    existing = SimpleNamespace(id=text, status=text)
    body = {"prompt": text, text: [text, {"url": text}]}
    return plan_bundle(
        SimpleNamespace(
            method="POST",
            url=text,
            body=body,
            warnings=[Warned(text, text)],
            identity=text,
            take=1,
            cost=Cost(1, text, text),
            existing=existing,
            defaults=[text],
        )
    )


def _providers(text: str, home: Path) -> Mapping[str, str]:
    row = SimpleNamespace(
        name=text, title=text, key=text, key_variable=text, base_url=text, base_url_variable=text, search=text, models=1
    )
    return providers_bundle([row])


def _models(text: str, home: Path) -> Mapping[str, str]:
    takes = {"aspect_ratio": (text,), text: (text,)}
    rows = [Model(text, takes, lacks=frozenset({text}), source=text, checked=text, note=text)]
    return models_bundle(text, [*rows, *(replace(row, checked="") for row in rows)], note=text)


class _Findings(list[Any]):
    def __init__(self, text: str) -> None:
        super().__init__([SimpleNamespace(kind=kind, what=text, where=text) for kind in ("key", "media")])
        self.name = self.verdict = text
        self.hints = [text]


def _spend(text: str, home: Path) -> Mapping[str, str]:
    row = SimpleNamespace(group=text, unit=text, clips=1, reserved=1, charged=2, refunded=0, unknown=1, at_most=3)
    return spend_bundle([row, row], text)


def _history(text: str, home: Path) -> Mapping[str, str]:
    views = [clip(text, home, status) for status in FEW]
    return history_bundle(views, 30, matched=[text], turn=[("next", text)])


def _saved_form(text: str, home: Path) -> Mapping[str, str]:
    values = {"prompt": text, "reference_images": [text, {"name": text}], "extra": {text: text}}
    html = form_saved.as_html(text, values, [("duration", text)], text)
    return {"text/html": html, "text/plain": form_saved.as_text(text, values, [("duration", text)])}


def _board(text: str, home: Path) -> str:
    lines = [form_board.refused(text, text), form_board.ready(Cost(1, text, text), simulated=False)]
    lines += [form_board.wrong(1, [text]), form_board.existing(record(text, Status.RUNNING))]
    return "".join(lines) + form_board.strip([clip(text, home, status) for status in FEW], text)


def _saved_sweep(text: str, home: Path) -> Mapping[str, str]:
    made = grid(text, home)
    html = sweep_saved.as_html(made, {1: player(text)})
    return {"text/html": html, "text/plain": sweep_saved.as_text(made)}


def _text_of_cards(text: str, home: Path) -> Mapping[str, str]:
    return {
        "text/plain": "\n".join(
            card.as_text(record(text, status, files=(replace(FILE, path=text),)), facts(text), text)
            for status in STATES
        )
    }


View = Callable[[str, Path], Mapping[str, str] | str]
VIEWS: dict[str, View] = {
    **{f"saved card, {status}": _card(status, living=False) for status in STATES},
    **{f"living card, {status}": _card(status, living=True) for status in STATES},
    "lines of cards": _text_of_cards,
    "history": _history,
    "history, living": lambda text, home: str(gallery.tiles([clip(text, home, state) for state in STATES], [text])),
    "providers": _providers,
    "models": _models,
    "spend": _spend,
    "prices": lambda text, _: prices_bundle([Price(text, text, "second", 1, text, 0)]),
    "plan": _plan,
    "scan": lambda text, _: scan_bundle(_Findings(text)),
    "sweep, planned": _planned_sweep,
    "sweep, living": _living_sweep,
    "sweep, saved": _saved_sweep,
    "compare, living": _living_compare,
    "compare, saved": lambda text, home: compare.bundle(_compared(text, home)),
    "form, saved": _saved_form,
    "form, its board": _board,
}


def bundle(name: str, text: str, home: Path) -> Mapping[str, str]:
    """The view as a mime bundle; a living one is HTML alone."""
    made = VIEWS[name](text, home)
    return {"text/html": made} if isinstance(made, str) else made


def pages(names: Sequence[str], text: str, home: Path) -> list[str]:
    """The HTML of these views."""
    return [html for name in names if (html := str(bundle(name, text, home).get("text/html", "")))]
