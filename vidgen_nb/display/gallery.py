"""The gallery of `vg.history()`: tiles with small posters, static, and for the living one."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path

from vidgen_nb.display import words
from vidgen_nb.display.card import below, shape
from vidgen_nb.display.face import clip, fetched_percent, frame
from vidgen_nb.display.html import Html, Link, data_link, el, join, one_line, shown
from vidgen_nb.display.pictures import small_jpeg
from vidgen_nb.display.saved import APART, CUT, DONE, FILL, FONT, LINE, TRACK, code, disc
from vidgen_nb.records import Record, Status, Viewed, booking

PAGE = 24  # tiles of one page
ORDER, NOTHING = "unknown first, then newest", "nothing of this kind"
POSTER_WIDTH, POSTER_BYTES = 320, 6_000  # a page of posters stays below 300 kB
_BOX = 16 / 9
_COLUMN = "margin:0;display:flex;flex-direction:column"
_MARK = {"style": f"background:{TRACK};border-radius:2px"}


def history_bundle(
    views: Sequence[Viewed],
    total: int | None = None,
    *,
    matched: Sequence[str] = (),
    first: int = 0,
    turn: Sequence[tuple[str, str]] = (),
) -> dict[str, str]:
    """One page of `views` as `text/html` and `text/plain`.

    Args:
        views: What was found, in any order.
        total: How many there are, where `views` is a part of them.
        matched: The words that were searched for: they are marked in the prompts.
        first: How many come before these.
        turn: The other pages that can be turned to: ("next", the call which shows it).
    """
    ordered = sorted(views, key=lambda view: (view.record.status is not Status.UNKNOWN, -view.record.created))[:PAGE]
    count = _count(first, len(ordered), max(total or 0, len(views)))
    return {"text/html": str(_html(ordered, count, matched, turn)), "text/plain": _text(ordered, count, turn)}


def _count(first: int, shown_now: int, count: int) -> str:
    clips = number_of(count)
    if shown_now == count:
        return clips
    more = count - first - shown_now
    return f"{first + 1}–{first + shown_now} of {clips}" + (f", {more} more" if more else "")


def number_of(count: int) -> str:
    """`148 clips`."""
    return "no clips" if count == 0 else f"{count} clip" + "s" * (count != 1)


def place_of(first: int, shown_now: int, count: int) -> str:
    """Which clips of all these are: `1–24 of 148, unknown first, then newest`; "" of none."""
    return f"{first + 1}–{first + shown_now} of {count}, {ORDER}" if shown_now else ""


def _text(views: Sequence[Viewed], count: str, turn: Sequence[tuple[str, str]]) -> str:
    rows = [
        (
            view.record.id,
            str(view.record.status),
            view.record.provider,
            clip(view.record).split(" · ", 1)[0],
            words.cost(view.record) if view.record.reused else _money(view.record),
            f"{words.day(view.record.created)}, {words.minute(view.record.created)}",
            one_line(view.record.prompt, 60),
            one_line(_note(view.record), 60) if view.record.note else "",
        )
        for view in views
    ]
    pages = [one_line(f"{which}: {call}") for which, call in turn]
    return "\n".join([*columns(rows), f"{count}, {ORDER}" if rows else "no clips", *pages])


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of plain text with their columns under each other; no-break spaces become plain ones."""
    plain = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip_longest(*plain, fillvalue="")]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in plain]


def _html(views: Sequence[Viewed], count: str, matched: Sequence[str], turn: Sequence[tuple[str, str]]) -> Html:
    bar = "margin:0;padding:8px 16px;font-size:12px;line-height:18px"
    tiles = el(
        "div",
        {
            # two beside each other where a cell is narrower than two tiles
            "style": "margin:0;display:grid;gap:16px 12px;padding:16px;"
            "grid-template-columns:repeat(auto-fill,minmax(min(176px,calc(50% - 6px)),1fr))"
        },
        *(_tile(view, matched) for view in views),
    )
    order = ORDER if views else NOTHING
    pages = (el("span", {"style": "margin:0 16px 0 0"}, f"{which}: ", code(call)) for which, call in turn)
    return el(
        "div",
        {
            "style": f"margin:0;box-sizing:border-box;border:1px solid {LINE};border-radius:6px;overflow:hidden;"
            f"font-family:{FONT};font-size:13px;line-height:19.5px;text-align:left;overflow-wrap:break-word"
        },
        el(
            "div",
            {"style": f"{bar};border-bottom:1px solid {LINE}"},
            el("b", None, count),
            f" · {order}",
        ),
        tiles if views else None,
        el("div", {"style": f"{bar};border-top:1px solid {LINE}"}, *pages) if turn else None,
    )


def _tile(view: Viewed, matched: Sequence[str]) -> Html:
    record = view.record
    small = "font-size:11px;line-height:16.5px;opacity:.7;margin:0"
    return el(
        "div",
        {"style": f"{_COLUMN};min-width:0"},
        _picture(view),
        _line(record),
        el(
            "div",
            {
                "style": "margin:0;font-size:12px;line-height:17.5px;height:35px;overflow:hidden",
                "lang": words.language(record.prompt),
                "title": shown(record.prompt, 300),
            },
            _highlit(shown(record.prompt, 160), matched),
        ),
        el("div", {"style": f"{small};{CUT}", "title": shown(record.note, 300)}, _highlit(_note(record), matched))
        if record.note
        else None,
        el("div", {"style": f"{small};{CUT}", "title": words.cost(record)}, _meta(view)),
        el(
            "div",
            {"style": f"{small};display:flex;gap:8px;justify-content:space-between;white-space:nowrap"},
            el("span", {"style": f"font-family:monospace;{CUT}"}, record.id),
            APART,
            el("span", None, words.day(record.created)),
        ),
    )


def _meta(view: Viewed) -> str:
    return f"{view.facts.title} · {_money(view.record)}"


def _note(record: Record) -> str:
    return f"note: {one_line(record.note, 100)}"


def _money(record: Record) -> str:
    """The money of a tile, without where it is known from: that stands in the title."""
    booked = booking(record.status, record.cost)
    alone = booked in {"reserved", "charged"} or (booked == "unknown" and record.cost.amount is None)
    return words.amount(record.cost) if alone and not record.simulated else words.cost(record)


def _picture(view: Viewed) -> Html:
    """The poster, fitted and never cropped, or words in its place."""
    record = view.record
    made, poster = record.files[0] if record.files else None, _poster(view)
    inside: Html = el("span", {"style": "font-size:12px;opacity:.7;padding:4px"}, instead(record))
    if made and poster:
        ratio = made.width / made.height if made.width and made.height else frame(record).ratio
        style = f"display:block;width:{min(100.0, 100 * ratio / _BOX):.4g}%;margin:-2px 0"
        image = el("img", {"src": poster, "alt": "first frame of the clip", "style": style})
        link, label = below(view.home / made.path)
        opened = {
            "href": link,
            "title": label,
            "style": "flex:1 1 0;display:flex;justify-content:center;align-items:center",
        }
        inside = el("a", opened, image) if link else image
    box = (
        "margin:0;display:flex;align-items:center;justify-content:center;overflow:hidden;border-radius:4px;"
        f"background:{FILL}"
    )
    spacer = el("div", {"style": f"margin:0;padding:{100 / _BOX:.4g}% 0 0"})
    return join(el("div", {"style": box}, spacer, inside), _track(record))


def _poster(view: Viewed) -> Link | None:
    files = view.record.files
    if not files or not files[0].poster:
        return None
    path = view.home / files[0].poster
    try:
        written = path.stat()
    except (OSError, ValueError):
        return None
    return _encoded(path, written.st_mtime_ns, written.st_size)


@lru_cache(8 * PAGE)  # who searches sees the same tiles again and again; about 2 MB
def _encoded(path: Path, _changed: int, _size: int) -> Link | None:
    picture = small_jpeg(path, width=POSTER_WIDTH, limit=POSTER_BYTES)
    return data_link("image/jpeg", picture) if picture else None


def instead(record: Record) -> str:
    """What stands where a picture would be."""
    match record.status:
        case Status.UNKNOWN:
            return "needs a decision"
        case Status.STUCK:
            return "can be resumed"
        case Status.REFUSED:
            return "nothing was accepted"
        case Status.FAILED:
            blocked = record.error is not None and record.error.kind == "ModerationRejected"
            return "blocked by the filter" if blocked else "no clip was made"
        case Status.SUCCEEDED:
            return "no preview"
        case _:
            done = _progress(record)
            return words.percent(done) if done is not None else str(record.status)


def _progress(record: Record) -> float | None:
    return fetched_percent(record) if record.status is Status.DOWNLOADING else record.progress


def _track(record: Record) -> Html | None:
    done = None if record.status.settled else _progress(record)
    if done is None:
        return None
    inner = el("div", {"style": f"margin:0;width:{done:.4g}%;height:3px;background:{DONE}"})
    return el("div", {"style": f"margin:-3px 0 0;height:3px;background:{TRACK}"}, inner)


def _fact(record: Record) -> str:
    """What stands at the end of the line."""
    if record.simulated:
        return "simulated"
    fact = f"{record.rating} of 5" if record.rating else clip(record).split(" · ", 1)[0]
    return {Status.UNKNOWN: "4 ways out", Status.STUCK: "resume"}.get(record.status, fact)


def _line(record: Record) -> Html:
    row = "margin:0;display:flex;align-items:center;gap:2px;min-height:24px;font-size:12px;white-space:nowrap"
    return el(
        "div",
        {"style": row},
        disc(record),
        el("span", None, str(record.status)),
        APART,
        el("span", {"style": f"margin:0 0 0 auto;opacity:.7;{CUT}"}, _fact(record)),
    )


def _highlit(text: str, matched: Sequence[str], *, living: bool = False) -> Html:
    """The text with the words that were searched for on another ground."""
    wanted = [re.escape(word) for word in matched if word.strip()]
    if not wanted:
        return join(text)
    parts = re.split(f"({'|'.join(wanted)})", text, flags=re.IGNORECASE)
    tag, looks = ("mark", None) if living else ("span", _MARK)
    return join(*(el(tag, looks, part) if index % 2 else part for index, part in enumerate(parts)))


# ── the living one ────────────────────────────────────────────────────────────
def tiles(views: Sequence[Viewed], matched: Sequence[str]) -> Html:
    """The tiles of a page for `history.css`, in the order in which they come."""
    if not views:
        return el("p", {"class": "vg-nothing"}, NOTHING)
    return join(*(_living_tile(view, matched) for view in views))


def _living_tile(view: Viewed, matched: Sequence[str]) -> Html:
    """As `_tile`. The picture is a button: a link to the file would not hold within a widget."""
    record = view.record
    progress = _progress(record)
    note = None
    if record.note:
        looks = {"class": "vg-small vg-clip1", "title": shown(record.note, 300)}
        note = el("div", looks, _highlit(_note(record), matched, living=True))
    return el(
        "div",
        {"class": "vg-hit", "role": "listitem", "data-state": record.status.value},
        _living_picture(view),
        el(
            "div",
            {"class": "vg-says"},
            shape(record.status, 30 if progress is None else progress),
            el("span", None, str(record.status)),
            el("span", {"class": "vg-small vg-clip1"}, _fact(record)),
        ),
        el(
            "div",
            {"class": "vg-asked", "lang": words.language(record.prompt), "title": shown(record.prompt, 300)},
            _highlit(shown(record.prompt, 160), matched, living=True),
        ),
        note,
        el("div", {"class": "vg-small vg-clip1", "title": words.cost(record)}, _meta(view)),
        el(
            "div",
            {"class": "vg-small vg-named"},
            el("span", {"class": "vg-mono vg-clip1"}, record.id),
            el("span", None, words.day(record.created)),
        ),
    )


def _living_picture(view: Viewed) -> Html:
    record, poster = view.record, _poster(view)
    done = None if record.status.settled else _progress(record)
    if poster is not None:
        inside = el("img", {"class": "vg-shot", "src": poster, "alt": ""})
    else:
        inside = el("span", {"class": "vg-wait"}, el("b" if done is not None else "span", None, instead(record)))
    track = el("span", {"class": "vg-track", "style": f"--p:{done:.4g}"}, el("i")) if done is not None else None
    opened = {"type": "button", "data-act": "open", "data-clip": record.id, "aria-label": f"Open {record.id}"}
    return el("button", {"class": "vg-pic", **opened}, inside, track)
