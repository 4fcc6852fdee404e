"""Clips side by side: the parts of the living comparison, and the table that a saved notebook keeps.

Pure, but for the posters, which are read from the home.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vidgen_nb.display import words
from vidgen_nb.display.card import below, glyph, poster_of
from vidgen_nb.display.differences import Differences, Piece, differences
from vidgen_nb.display.face import face, fetched_percent, frame
from vidgen_nb.display.gallery import POSTER_BYTES, POSTER_WIDTH, columns
from vidgen_nb.display.html import Child, Html, data_link, el, join, one_line
from vidgen_nb.display.pictures import small_jpeg
from vidgen_nb.display.saved import FILL, FONT, LINE, TRACK, disc
from vidgen_nb.records import Record, Status, Viewed

FEWEST, MOST = 2, 6
LETTERS = "ABCDEF"
_TALLEST = 420  # pixels of a poster; the same stands in compare.css
_NAMED = 4  # parameters of the row `same` that are named, beyond those the rest is counted


@dataclass(frozen=True, slots=True)
class Compared:
    """Some clips as they stand, what differs between them, and which one wins (its number, None so far)."""

    views: tuple[Viewed, ...]
    records: tuple[Record, ...]
    differences: Differences
    winner: int | None


def compared(views: Sequence[Viewed], winner: int | None = None) -> Compared:
    """The clips as they stand now. Without a choice, the only one with the best of several ratings wins."""
    records = tuple(view.record for view in views)
    titles = {view.record.provider: view.facts.title for view in views}
    return Compared(tuple(views), records, differences(records, titles), best(records) if winner is None else winner)


def best(records: Sequence[Record]) -> int | None:
    """The number of the only clip with the highest rating, where at least two are rated."""
    ratings = [record.rating or 0 for record in records]
    if len([rating for rating in ratings if rating]) < 2 or ratings.count(max(ratings)) != 1:
        return None
    return ratings.index(max(ratings))


# ── the living comparison, as the HTML of its parts ───────────────────────────
def heads(said: Compared) -> Html:
    """The columns: letter, id, and the box of the picture, which `picture` fills."""
    cells = [el("span", {"class": "p k"})]
    for letter, record in zip(LETTERS, said.records, strict=False):
        mono = {"class": "vg-clip1 vg-mono", "title": record.id}
        title = el("h4", None, el("span", {"class": "vg-key"}, letter), el("span", mono, record.id))
        cells.append(el("div", {"class": "p"}, title, el("div", {"class": "vg-pic", "data-box": letter})))
    return join(*cells)


def ratios(said: Compared) -> list[float]:
    """Width / height of each picture's box."""
    return [frame(record).ratio for record in said.records]


def picture(letter: str, view: Viewed) -> Html:
    """The player of a finished clip, or where it stands, in words."""
    record = view.record
    said = face(record, view.facts)
    if record.status is Status.SUCCEEDED and record.files:
        poster = poster_of(record, view.home)
        shows = {"poster": data_link("image/jpeg", poster) if poster else None, "data-fps": record.files[0].fps or 24}
        about = f"Clip {letter}: {one_line(record.prompt, 80)}"
        return el("video", {"preload": "auto", "aria-label": about, "data-video": True, **shows})
    done = fetched_percent(record) if record.status is Status.DOWNLOADING else record.progress
    number = words.percent(done) if done is not None and not record.status.settled else ""
    state = el("span", {"class": "vg-state", "data-state": record.status.value}, glyph(said), said.word)
    return el("div", {"class": "vg-wait"}, el("b", None, number) if number else None, state)


def rows(said: Compared) -> Html:
    """What differs, the money, and what is the same."""
    found = said.differences
    cells: list[Html] = []
    if found.prompts is not None:
        cells += [_label("prompt"), *(_prompt(pieces, record) for pieces, record in _with(said, found.prompts))]
    for row in found.rows:
        values = zip(row.values, row.differs, strict=True)
        cells += [_label(row.name), *(el("span", {"class": "diff" if apart else None}, text) for text, apart in values)]
    cells += [_label("cost"), *(el("span", None, _money(record)) for record in said.records)]
    cells += [_label("same"), el("span", {"class": "same", "title": _same_title(found)}, same_line(found))]
    return join(*cells)


def _label(name: str) -> Html:
    return el("span", {"class": "k"}, name)


def _prompt(pieces: Sequence[Piece], record: Record) -> Html:
    marked = (el("mark", None, text) if mark else text for text, mark in pieces)
    return el("span", {"lang": words.language(record.prompt), "class": "words"}, *marked)


def _with(said: Compared, prompts: Sequence[Sequence[Piece]]) -> list[tuple[Sequence[Piece], Record]]:
    return list(zip(prompts, said.records, strict=True))


def _money(record: Record) -> str:
    known = record.cost.amount is not None and not record.simulated
    return words.amount(record.cost) if known and record.status is Status.SUCCEEDED else words.cost(record)


def same_line(found: Differences) -> str:
    """`provider, aspect ratio, resolution, audio and 4 more`."""
    names = [name for name, _ in found.same]
    if len(names) <= _NAMED + 1:
        return ", ".join(names) or "nothing"
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED}{words.NB}more"


def _same_title(found: Differences) -> str:
    return "\n".join(f"{name}: {one_line(value, 120)}" for name, value in found.same)


# ── what is saved: a table of posters and differing rows ──────────────────────
def bundle(said: Compared) -> dict[str, str]:
    """The comparison as `text/html` and `text/plain`, for a saved notebook and for exports."""
    return {"text/html": str(_table(said)), "text/plain": _text(said)}


_CELL = (
    f"border:0;border-top:1px solid {LINE};text-align:left;vertical-align:top;padding:6px 8px;max-width:none;"
    "line-height:18px;white-space:normal"
)
_ROW = {"style": "background-color:rgba(0,0,0,0);border:0"}


def _table(said: Compared) -> Html:
    found = said.differences
    lines: list[Html] = []
    if any(record.status is not Status.SUCCEEDED for record in said.records):
        states = [join(disc(view.record), " ", face(view.record, view.facts).word) for view in said.views]
        lines.append(_line("state", states))
    if found.prompts is not None:
        lines.append(_line("prompt", [_static_prompt(pieces, record) for pieces, record in _with(said, found.prompts)]))
    lines += [_line(row.name, row.values, row.differs) for row in found.rows]
    lines.append(_line("cost", [_money(record) for record in said.records]))
    lines.append(_same(said))
    lines += [_line(name, texts) for name, texts in _opinions(said)]
    table = (
        "margin:0;border:0;border-collapse:collapse;width:100%;font-size:12px;line-height:18px;table-layout:fixed;"
        f"min-width:{76 + 110 * len(said.views)}px"
    )
    box = (
        f"margin:0;box-sizing:border-box;border:1px solid {LINE};border-radius:6px;overflow-x:auto;font-family:{FONT};"
        "font-size:13px;line-height:19.5px;text-align:left;overflow-wrap:break-word"
    )
    return el("div", {"style": box}, el("table", {"style": table}, el("tbody", None, _heads(said), *lines)))


def _heads(said: Compared) -> Html:
    cell = "border:0;text-align:left;vertical-align:bottom;padding:12px 8px 8px;max-width:none;line-height:18px"
    first = el("td", {"style": f"{cell};width:76px"})
    cells = []
    for letter, view in zip(LETTERS, said.views, strict=False):
        key = f"font-weight:600;font-size:11px;padding:0 5px;margin:0 6px 0 0;border-radius:3px;background:{FILL}"
        name = el("span", {"style": "font-family:monospace;overflow-wrap:break-word"}, view.record.id)
        title = el("div", {"style": "margin:0 0 6px"}, el("span", {"style": key}, letter), name)
        cells.append(el("td", {"style": cell}, title, _poster(view)))
    return el("tr", _ROW, first, *cells)


def _poster(view: Viewed) -> Html:
    """The poster, which opens the file where it lies below the working folder; or that there is none."""
    made = view.record.files[0] if view.record.files else None
    path = view.home / made.poster if made and made.poster else None
    data = small_jpeg(path, width=POSTER_WIDTH, limit=POSTER_BYTES) if path else b""
    if made is None or not data:
        style = f"margin:0;padding:24px 8px;text-align:center;border-radius:4px;opacity:.7;background:{FILL}"
        return el("div", {"style": style}, "no preview")
    style = f"display:block;width:100%;max-width:{_TALLEST * frame(view.record).ratio:.0f}px;border-radius:4px;margin:0"
    image = el("img", {"src": data_link("image/jpeg", data), "alt": "first frame of the clip", "style": style})
    link, label = below(view.home / made.path)
    return el("a", {"href": link, "title": label}, image) if link else image


def _line(name: str, values: Sequence[Child], differs: Sequence[bool] = ()) -> Html:
    apart = [*differs, *([False] * (len(values) - len(differs)))]
    tint = f";background:{FILL};font-weight:600"
    cells = [el("td", {"style": _CELL + (tint if far else "")}, v) for v, far in zip(values, apart, strict=True)]
    return el("tr", _ROW, el("td", {"style": f"{_CELL};padding:6px 8px 6px 16px;opacity:.7"}, name), *cells)


def _same(said: Compared) -> Html:
    label = el("td", {"style": f"{_CELL};padding:6px 8px 6px 16px;opacity:.7"}, "same")
    text = el("span", {"title": _same_title(said.differences), "style": "opacity:.7"}, same_line(said.differences))
    return el("tr", _ROW, label, el("td", {"style": _CELL, "colspan": len(said.views)}, text))


def _static_prompt(pieces: Sequence[Piece], record: Record) -> Html:
    style = {"style": f"background:{TRACK};border-radius:2px"}
    marked = (el("span", style, text) if mark else text for text, mark in pieces)
    return el("span", {"lang": words.language(record.prompt)}, *marked)


def _opinions(said: Compared) -> list[tuple[str, list[str]]]:
    """Rating, winner and note, where there is any."""
    ratings = [f"{record.rating}{words.NB}of{words.NB}5" if record.rating else "–" for record in said.records]
    wins = ["wins" if number == said.winner else "–" for number in range(len(said.records))]
    notes = [record.note or "–" for record in said.records]
    told = [("rating", ratings), ("winner", wins), ("note", notes)]
    return [(name, texts) for name, texts in told if set(texts) != {"–"}]


def _text(said: Compared) -> str:
    """The same in aligned lines, for a terminal."""
    found = said.differences
    table = [["", *(f"{letter} {record.id}" for letter, record in zip(LETTERS, said.records, strict=False))]]
    table.append(["state", *(str(record.status) for record in said.records)])
    if found.prompts is not None:
        table.append(["prompt", *(one_line(record.prompt, 60) for record in said.records)])
    table += [[row.name, *(one_line(value, 60) for value in row.values)] for row in found.rows]
    table.append(["cost", *(_money(record) for record in said.records)])
    table += [[name, *(one_line(text, 60) for text in texts)] for name, texts in _opinions(said)]
    return "\n".join([*columns(table), f"same: {same_line(found)}"])
