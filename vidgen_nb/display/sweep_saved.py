"""The static grid of a sweep: what a saved notebook keeps, with native players. The rules of `saved.py` hold.

Its geometry is that of `sweep.css`, so that nothing moves when the living grid becomes this one.
"""

from collections.abc import Mapping

from vidgen_nb.axes import parts
from vidgen_nb.display import words
from vidgen_nb.display.card import Player, player_for
from vidgen_nb.display.face import clip, face
from vidgen_nb.display.gallery import columns, instead
from vidgen_nb.display.html import Html, el, join, one_line, shown
from vidgen_nb.display.pictures import small_jpeg
from vidgen_nb.display.saved import APART, CUT, DONE, FILL, FONT, LINE, TRACK, code, film, first_frame, tag
from vidgen_nb.display.sweep import ORDER, TALLEST, Cell, Grid, fact_of, layout, share_of, word_of

_COLOURS = {
    "succeeded": "#3a9a4a", "running": DONE, "failed": "#d23f3f", "invalid": "#d23f3f", "unknown": "#c77700",
    "stuck": "#c77700",
}  # fmt: skip
POSTER_WIDTH = 320
_POSTER_BYTES, _ALL_POSTERS = (2_000, 6_000), 240_000  # of one poster, and of all together: a notebook stays light
_IN_TEXT = 60  # rows of the plain text
_AGAIN = "Running this cell again makes only what is missing."


def bundle(grid: Grid, *, embed_limit: int) -> dict[str, str]:
    """The grid as it stands, as `text/html` and `text/plain`. Clips which cannot be linked are put in while all of
    them together stay within `embed_limit`; the others show their poster and where the file lies."""
    return {"text/html": str(as_html(grid, _players(grid, embed_limit))), "text/plain": as_text(grid)}


def poster_bytes(count: int) -> int:
    """How large one poster may be where there are so many."""
    least, most = _POSTER_BYTES
    return max(least, min(most, _ALL_POSTERS // max(1, count)))


def twice(count: int) -> bool:
    """Whether there is room for each poster a second time, for pages that show no video."""
    return 2 * count * poster_bytes(count) <= _ALL_POSTERS


def poster(cell: Cell, grid: Grid) -> bytes:
    """The poster of a finished cell, small enough for a grid; b"" where there is none."""
    files = cell.record.files if cell.record is not None else ()
    if not files or not files[0].poster:
        return b""
    return small_jpeg(grid.home / files[0].poster, width=POSTER_WIDTH, limit=poster_bytes(len(grid.cells)))


def _players(grid: Grid, embed_limit: int) -> dict[int, Player]:
    players, room = {}, embed_limit
    for index, cell in enumerate(grid.cells):
        if cell.record is None or not cell.record.files:
            continue
        player = player_for(cell.record, grid.home, poster=poster(cell, grid), embed_limit=room)
        if player.src and not player.href:
            room -= cell.record.files[0].size
        players[index] = player
    return players


def as_text(grid: Grid) -> str:
    """What it is, how it stands, and a line for each clip."""
    title = one_line(", ".join(part for part in (grid.template, grid.about) if part), 300)
    counts = ", ".join(f"{grid.counts[group]} {group}" for group in ORDER if grid.counts.get(group))
    rows = []
    for cell in grid.cells[:_IN_TEXT]:
        labels = [axis.labels[index] for axis, index in zip(grid.axes, cell.where, strict=True)]
        record = cell.record
        more = (
            [record.id, clip(record).split(" · ", 1)[0], words.cost(record)]
            if record is not None
            else [one_line(words.without_source(cell.reason), 60)]
        )
        rows.append([*(shown(label, 40) for label in labels), cell.state, *more])
    rest = [f"… {len(grid.cells) - _IN_TEXT} more"] if len(grid.cells) > _IN_TEXT else []
    return "\n".join([title, counts, *columns(rows), *rest, *([_AGAIN] if grid.missing else [])])


def as_html(grid: Grid, players: Mapping[int, Player]) -> Html:
    """The static grid. `players` by the number of the cell."""
    style = (
        f"margin:0;box-sizing:border-box;border:1px solid {LINE};border-radius:6px;overflow:hidden;font-family:{FONT};"
        "font-size:13px;line-height:19.5px;text-align:left;overflow-wrap:break-word"
    )
    return el("div", {"style": style}, _head(grid), _bar(grid), _counts(grid), _grid(grid, players), _foot(grid))


def _head(grid: Grid) -> Html:
    marked = {"style": f"background:{FILL};border-radius:2px;padding:0 1px"}
    title = [el("span", marked, text) if word else text for text, word in parts(grid.template)]
    return el(
        "div",
        {"style": "margin:0;display:flex;flex-wrap:wrap;align-items:center;gap:8px 12px;padding:12px 16px"},
        el(
            "div",
            {"style": "margin:0;flex:1 1 260px;min-width:0"},
            el("div", {"style": "margin:0;font-weight:600", "title": grid.template}, *title),
            el("div", {"style": "margin:0;font-size:12px;line-height:18px;opacity:.7"}, grid.about),
        ),
        tag("simulated", "simulated") if grid.simulated else None,
    )


def _bar(grid: Grid) -> Html:
    segments = [
        el("div", {"style": f"margin:0;flex:{count} 1 0;min-width:3px;background:{_COLOURS.get(group, TRACK)}"})
        for group in ORDER
        if (count := grid.counts.get(group))
    ]
    style = "margin:0 16px;display:flex;gap:2px;height:6px;border-radius:3px;overflow:hidden"
    return el("div", {"style": style}, *segments)


def _disc(group: str) -> Html:
    colour = _COLOURS.get(group, DONE)
    shape = "display:inline-block;flex:none;width:8px;height:8px;border-radius:4px;margin:0 2px"
    return el("span", {"style": f"{shape};background:{colour}"})


def _counts(grid: Grid) -> Html:
    one = {"style": "display:inline-flex;align-items:center;gap:5px"}
    spans = [
        el("span", one, _disc(group), el("span", {"style": "opacity:.7"}, f"{grid.counts[group]} {group}"))
        for group in ORDER
        if grid.counts.get(group)
    ]
    last = "" if grid.done else "as it stood when this notebook was saved"
    style = "margin:0;display:flex;flex-wrap:wrap;gap:2px 16px;padding:8px 16px 12px;font-size:12px;line-height:18px"
    end = el("span", {"style": "margin:0 0 0 auto;opacity:.7"}, last) if last else None
    return el("div", {"style": style}, *(part for span in spans for part in (span, APART)), end)


def _grid(grid: Grid, players: Mapping[int, Player]) -> Html:
    placed = layout(grid.axes, grid.cells)
    tiles = [_tile(cell, grid, players.get(index)) for index, cell in enumerate(grid.cells)]
    if placed.columns:
        template = f"minmax(72px,92px) repeat({len(placed.columns)},minmax(132px,{TALLEST * grid.ratio:.2f}px))"
        corner = [
            el("div", {"style": "margin:0;font-size:11px;line-height:15.4px;opacity:.7"}, line)
            for line in placed.corner
        ]
        inside = [el("div", {"style": "margin:0;align-self:end;min-width:0"}, *corner)]
        inside += [_axis(label, "align-self:end") for label in placed.columns]
        for label, sub, numbers in placed.rows:
            inside += [_axis(label, "align-self:start;padding:4px 0 0", sub), *(tiles[number] for number in numbers)]
    else:
        template = "repeat(auto-fill,minmax(160px,1fr))"
        column = "margin:0;min-width:0;display:flex;flex-direction:column;gap:4px"
        inside = [
            el("div", {"style": column}, _axis(label, "") if label else None, tiles[number])
            for label, _, (number,) in placed.rows
        ]
    style = f"margin:0;display:grid;grid-template-columns:{template};gap:8px;padding:12px 16px 16px"
    return el(
        "div",
        {"style": f"margin:0;overflow-x:auto;border-top:1px solid {LINE}"},
        el("div", {"style": style}, *inside),
    )


def _axis(label: str, place: str, sub: str = "") -> Html:
    text = el("span", {"lang": words.language(label)}, shown(label, 120)) if label else None
    small = "margin:0;font-size:11px;line-height:15.4px;font-weight:400;opacity:.7"
    style = f"margin:0;min-width:0;font-size:12px;line-height:18px;font-weight:600;{place}"
    return el("div", {"style": style, "title": label}, text, el("div", {"style": small}, sub) if sub else None)


def _tile(cell: Cell, grid: Grid, player: Player | None) -> Html:
    # a fact that does not fit wraps out of sight: half a number would be a wrong one
    row = "margin:0;display:flex;flex-wrap:wrap;column-gap:5px;height:24px;font-size:12px;line-height:24px"
    row += ";white-space:nowrap;overflow:hidden"
    fact = el("span", {"style": f"margin:0 0 0 auto;opacity:.7;{CUT}"}, fact_of(cell.record)) if cell.record else None
    word = "display:inline-flex;align-items:center;gap:5px"
    return el(
        "div",
        {"style": "margin:0;min-width:0"},
        _picture(cell, grid, player),
        el(
            "div",
            {"style": row},
            el("span", {"style": word}, _disc(cell.group), word_of(cell)),
            APART,
            fact,
        ),
    )


def _picture(cell: Cell, grid: Grid, player: Player | None) -> Html:
    """The player, fitted into the box and never cropped; or words in its place."""
    ratio = grid.ratio
    inside: Html | None = None
    title = cell.reason
    if player is not None and cell.record is not None:
        made = cell.record.files[0]
        shape = made.width / made.height if made.width and made.height else ratio
        style = f"display:block;flex:none;width:{min(100.0, 100 * shape / ratio):.4g}%;margin:-2px 0"
        title = " ".join(filter(None, (player.note, player.file)))
        if player.src:
            inside = film(player, "none", style, first_frame(player) if twice(len(grid.cells)) else None)
        else:
            inside = first_frame(player, style)
    if inside is None and (said := _said(cell)):
        inside = el("span", {"style": "font-size:11px;line-height:16.5px;padding:4px;text-align:center"}, said)
    box = (
        "margin:0;box-sizing:border-box;display:flex;align-items:center;justify-content:center;overflow:hidden;"
        f"border:1px solid {LINE};border-radius:4px;background:{FILL}"
    )
    spacer = el("div", {"style": f"margin:0;padding:{100 / ratio:.4f}% 0 0"})
    return join(el("div", {"style": box, "title": shown(title, 400) or None}, spacer, inside), _track(cell))


def _said(cell: Cell) -> str:
    """What stands where a picture would be."""
    if cell.record is None or cell.facts is None:
        return shown(words.without_source(cell.reason), 90)
    if cell.record.status.settled:
        return instead(cell.record)
    big = face(cell.record, cell.facts).big
    return big if isinstance(big, str) else ""


def _track(cell: Cell) -> Html | None:
    share = share_of(cell.record) if cell.record is not None and not cell.record.status.settled else None
    if share is None:
        return None
    done = el("div", {"style": f"margin:0;width:{share:.4g}%;height:3px;background:{DONE}"})
    return el("div", {"style": f"margin:-3px 0 0;height:3px;background:{TRACK}"}, done)


def _foot(grid: Grid) -> Html | None:
    if not grid.missing:
        return None
    style = f"margin:0;padding:8px 16px;font-size:12px;line-height:18px;border-top:1px solid {LINE};background:{FILL}"
    unsent = "not submitted yet" if not grid.done else "not made"
    text = f"{grid.missing} {unsent}. {_AGAIN} "
    return el("div", {"style": style}, text, code("vg.sweep(…).run()"))
