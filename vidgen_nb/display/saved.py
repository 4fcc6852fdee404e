"""The static card: what a saved notebook keeps, whether it is trusted or not.

JupyterLab's sanitizer leaves inline styles with literal values and little else, so there is no class, no text colour
and no variable here: text takes the theme's colour, lines and fills are half-transparent greys. The geometry is that of
`card.css`, so that nothing moves when a living card becomes this one. Every block says `margin:0`, for Jupyter gives
blocks a margin. Where a page drops styles too, as GitHub does, a space (`APART`) keeps words apart that stand side by
side; it takes no room in a flex box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vidgen_nb.display import words
from vidgen_nb.display.estimate import LONGER, late
from vidgen_nb.display.face import FINAL, SMALLEST, Face, Fact, Frame, Note, Strip, Way, face, fetched_percent
from vidgen_nb.display.html import Attribute, Html, Link, el, join, marked
from vidgen_nb.records import ProviderFacts, Record, Status

LINE = "rgba(128,128,128,.4)"
FILL = "rgba(128,128,128,.12)"
TRACK = "rgba(128,128,128,.25)"
DONE = "rgba(128,128,128,.8)"
FONT = "system-ui,-apple-system,blinkmacsystemfont,Segoe UI,helvetica,arial,sans-serif"
CUT = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
_MONO = "font-family:monospace"
_COLUMN = "margin:0;display:flex;flex-direction:column"
_DISCS = {Status.SUCCEEDED: "#3a9a4a", Status.FAILED: "#d23f3f", Status.REFUSED: "rgba(128,128,128,.8)"}
_WAITING = "#c77700"
APART = " "


@dataclass(frozen=True, slots=True)
class Player:
    """How a finished clip is played and found. Without `src` it cannot be played here, and `note` says what to do."""

    src: str | Link = ""
    poster: Link | None = None
    file: str = ""
    href: str | Link = ""
    note: str = ""


def as_html(record: Record, facts: ProviderFacts, player: Player | None = None) -> Html:
    """The static card of a record as it stands."""
    said = face(record, facts)
    at_left, at_right = _columns(said.frame)
    stage = el(
        "div",
        {"style": f"{_COLUMN};{at_left};min-width:0;box-sizing:border-box;padding:0 1px 0 0"},
        _picture(record, said, player),
        _strip(record, said, player),
    )
    text = el(
        "div",
        {"style": f"{_COLUMN};{at_right};min-width:0;box-sizing:border-box;box-shadow:-1px 0 0 {LINE}"},
        _head(record, said),
        _body(record, said),
        _foot(said, player),
    )
    style = (
        f"margin:0;box-sizing:border-box;max-width:880px;display:flex;flex-wrap:wrap;border:1px solid {LINE};"
        f"border-radius:6px;overflow:hidden;font-family:{FONT};font-size:13px;line-height:19.5px;text-align:left;"
        "overflow-wrap:break-word"
    )
    return el("div", {"style": style}, stage, text)


def _columns(frame: Frame) -> tuple[str, str]:
    """How stage and text column share the width, so that they wrap below 640 pixels without a query.

    Their bases add up to 638. A wide stage grows first, up to its width, and leaves the words 240 pixels at least; a
    narrow one keeps its width, unless it stands alone on its line.
    """
    if frame.beside:
        return f"flex:1 1 {frame.stage:g}px", f"flex:9999 1 {638 - frame.stage:g}px"
    grows = f"flex:9999 1 {SMALLEST}px;max-width:{frame.stage:g}px"
    return f"{grows};margin-left:auto;margin-right:auto", f"flex:1 1 {638 - SMALLEST}px"


def code(text: str) -> Html:
    """Code within a sentence. `line-height:1`: another font must not make the line higher."""
    return el("span", {"style": f"{_MONO};font-size:12px;line-height:1"}, text)


def tag(kind: str, text: str) -> Html:
    """A small label at the end of a head: dashed for `simulated`, amber for `warn`, green for `free`."""
    looks = {
        "simulated": f"border:1px dashed {LINE};line-height:16px",
        "warn": "background:rgba(199,119,0,.22);line-height:18px",
        "free": "background:rgba(58,154,74,.22);line-height:18px",
    }[kind]
    return el("span", {"style": f"{looks};font-size:11px;padding:0 6px;border-radius:4px;white-space:nowrap"}, text)


def disc(record: Record) -> Html:
    """The 8 px disc in the hue of the state; its word stands beside it."""
    colour = _DISCS.get(record.status, _WAITING)
    return el(
        "span",
        {
            "style": "display:inline-block;flex:none;width:8px;height:8px;border-radius:4px;margin:0 3px;"
            f"background:{colour}"
        },
    )


def _head(record: Record, said: Face) -> Html:
    saved = not record.status.settled
    now = record.updated
    state = "display:inline-flex;align-items:center;gap:6px;font-weight:600;min-width:0"
    theirs = said.word.removeprefix(said.ours)
    if theirs:
        word = el(
            "span",
            {"style": f"min-width:0;{CUT}", "title": said.word},
            said.ours,
            el("span", {"style": "font-weight:400;font-size:12px;line-height:1;opacity:.7"}, theirs),
        )
    else:
        word = el("span", None, said.word)
    # what held it up when it was saved says nothing later
    tags = [tag(kind, text) for kind, text in said.tags if isinstance(text, str) and kind != "warn"]
    measure = "when this notebook was saved" if saved else words.still(said.measure, now)
    small = f"flex:0 1000 auto;font-size:12px;line-height:18px;opacity:.7;min-width:0;{CUT}"
    more: list[Html | str] = [el("span", {"style": small, "title": measure}, measure)] if measure else []
    if tags:
        more += [APART, el("span", {"style": "display:flex;gap:4px;margin:0 0 0 auto"}, *tags)]
    return el(
        "div",
        {
            "style": "margin:0;display:flex;flex-wrap:wrap;align-items:center;align-content:flex-start;gap:0 8px;"
            "min-height:40px;padding:10px 16px 0;box-sizing:border-box"
        },
        el("span", {"style": state}, disc(record), word),
        APART,
        el(
            "span",
            {"style": "display:flex;flex:1 1 auto;align-items:center;gap:8px;min-width:0;max-width:100%;margin:-4px 0"},
            *more,
        ),
    )


def _picture(record: Record, said: Face, player: Player | None) -> Html:
    frame = said.frame
    box = f"margin:0;display:flex;align-items:center;justify-content:center;overflow:hidden;background:{FILL}"
    note = None if frame.beside else _note(record, said)
    inside: Html | None = None
    if record.status is Status.SUCCEEDED:
        inside = _player(record, said, player or Player())
    elif note is not None:
        inside = el("div", {"style": "margin:0;flex:1 1 0;min-width:0;padding:16px;box-sizing:border-box"}, note)
    if frame.tall:
        return el("div", {"style": f"{box};height:360px"}, inside)
    # The spacer keeps the ratio: padding in per cent is of the width. What is higher than it makes the box grow.
    return el("div", {"style": box}, el("div", {"style": f"margin:0;padding:{100 / frame.ratio:.4f}% 0 0"}), inside)


def _player(record: Record, said: Face, player: Player) -> Html:
    """The video, fitted into the box: without `object-fit`, so by its own ratio.

    The margin lets the box swallow the pixel by which a poster's rounded size may differ from the video's.
    """
    made = record.files[0] if record.files and record.files[0].width and record.files[0].height else None
    ratio = made.width / made.height if made else said.frame.ratio
    share = min(100.0, 100 * ratio / said.frame.ratio)
    fit = "height:360px;max-width:100%" if said.frame.tall else f"width:{share:.4g}%;margin:-2px 0"
    style = f"display:block;flex:none;{fit}"
    if player.src:
        return film(player, "metadata", style, first_frame(player))
    return first_frame(player, style) or el("span", {"style": "font-size:12px;opacity:.7"}, "no preview")


def film(player: Player, preload: str, style: str, *instead: Html | None) -> Html:
    """The video; `instead` is what stays where a page shows no video, as GitHub does."""
    shows: dict[str, Attribute] = {"controls": True, "preload": preload, "poster": player.poster, "src": player.src}
    return el("video", {**shows, "style": style}, *instead)


def first_frame(player: Player, style: str | None = None) -> Html | None:
    if not player.poster:
        return None
    return el("img", {"src": player.poster, "alt": "first frame of the clip", "style": style})


def _strip(record: Record, said: Face, player: Player | None) -> Html:
    style = (
        "margin:0;display:flex;align-items:center;gap:8px;height:36px;box-sizing:border-box;padding:0 12px;"
        f"font-size:12px;line-height:18px;white-space:nowrap;border-top:1px solid {LINE}"
    )
    if record.status is Status.SUCCEEDED:
        return el("div", {"style": style}, *_file_line(record, player or Player()))
    strip: Strip = said.strip
    now = record.updated
    small = {"style": "flex:none;opacity:.7"}
    # nothing counts down in a notebook that was saved
    longer = LONGER if late(record) else ""
    left, right = words.still(strip.left, now), strip.right if isinstance(strip.right, str) else longer
    return el(
        "div",
        {"style": style},
        el("span", small, left) if left else None,
        APART,
        _track(strip),
        el("span", small, right) if right else None,
    )


def _file_line(record: Record, player: Player) -> tuple[Html, str, Html]:
    """The file and its time."""
    label = {"style": f"flex:1 1 0;min-width:0;{CUT}", "title": player.file}
    name = el("a", label | {"href": player.href}, player.file) if player.href else el("span", label, player.file)
    return name, APART, el("span", {"style": "flex:none;opacity:.7"}, length(record))


def length(record: Record) -> str:
    """How long the first file plays, for the strip: `0:05`."""
    return words.clock(record.files[0].duration + 0.5) if record.files else ""


def _track(strip: Strip) -> Html:
    if strip.fill == "dashed":
        return el("div", {"style": f"margin:0;flex:1 1 0;border-top:2px dashed {DONE}"})
    width = strip.fill if isinstance(strip.fill, float | int) else 0.0
    done = el("div", {"style": f"margin:0;width:{width:.4g}%;height:4px;background:{DONE}"})
    return el(
        "div", {"style": f"margin:0;flex:1 1 0;height:4px;border-radius:2px;overflow:hidden;background:{TRACK}"}, done
    )


def _body(record: Record, said: Face) -> Html:
    beside = _note(record, said, asked=True) if said.frame.beside else None
    inside = [beside] if beside is not None else [_prompt(said), _facts(said.facts)]
    return el(
        "div",
        {"style": f"{_COLUMN};flex:1 1 auto;gap:12px;padding:8px 16px;box-sizing:border-box;min-width:0"},
        *inside,
    )


def _prompt(said: Face) -> Html:
    """Four lines at most. Cut between lines, for the sanitizer knows no `line-clamp`; the whole stands in the title."""
    height = 20.8 if said.language else 19.5
    style = f"margin:0;max-height:{4 * height:g}px;line-height:{height:g}px;overflow:hidden"
    return el("div", {"style": style, "lang": said.language, "title": said.prompt}, said.prompt)


def _facts(facts: Sequence[Fact]) -> Html:
    return el("div", {"style": f"{_COLUMN};gap:2px;font-size:12px;line-height:18px"}, *(_fact(fact) for fact in facts))


def _fact(fact: Fact) -> Html:
    style = f"flex:1 1 0;min-width:0;{CUT}" + (f";{_MONO}" if fact.code else "")
    return el(
        "div",
        {"style": "margin:0;display:flex;gap:8px"},
        el("span", {"style": "flex:0 0 60px;opacity:.7"}, fact.label),
        APART,
        el("span", {"style": style, "title": fact.value}, fact.value),
    )


def _note(record: Record, said: Face, *, asked: bool = False) -> Html | None:
    """What happened, money, next; of an unfinished clip where it stood and how to go on; None for a finished one."""
    if record.status is Status.SUCCEEDED:
        return None
    note = said.note or _unfinished(record)
    rows = [(label, marked(text, code)) for label, text in note.rows]
    if asked:  # it stands in the place of prompt and facts, which hold these two
        style = f"display:block;{CUT}" + (";line-height:20px" if said.language else "")
        prompt = el("span", {"lang": said.language, "title": said.prompt, "style": style}, said.prompt)
        rows = [("Asked", prompt), *rows, ("Id", code(record.id))]
    rows += [_way(way) for way in said.ways]
    return el(
        "div",
        {"style": f"{_COLUMN};gap:8px;font-size:12.5px;line-height:18.75px;min-width:0"},
        el("div", {"style": "margin:0;font-size:14px;font-weight:600;line-height:20px"}, note.title),
        el("div", {"style": "margin:0", "title": note.sentence}, marked(shortened(said), code))
        if note.sentence
        else None,
        el("div", {"style": f"{_COLUMN};gap:2px"}, *(_row(label, value) for label, value in rows)),
    )


def shortened(said: Face) -> str:
    """The sentence of a note: room for money, next step and ways out must remain. The whole stands in the title."""
    text, limit = said.note.sentence if said.note else "", 130 if said.ways else 260
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _row(label: str, value: Html) -> Html:
    return el(
        "div",
        {"style": "margin:0;display:flex;gap:8px"},
        el("span", {"style": "flex:0 0 72px;opacity:.7"}, label),
        APART,
        el("span", {"style": "flex:1 1 0;min-width:0"}, value),
    )


def _way(way: Way) -> tuple[str, Html]:
    label = {"reconcile": "Search", "adopt": "Adopt", "resolve": "Not billed", "resubmit": "Send again"}.get(
        way.act, "Search"
    )
    return label, join(code(way.code), f", {way.sub}") if way.act else join(way.sub)


def _unfinished(record: Record) -> Note:
    progress = fetched_percent(record) if record.status is Status.DOWNLOADING else record.progress
    stood = f"{words.percent(progress)} at " if progress is not None else "As it stood at "
    goes_on = f'`vg.resume("{record.id}")` goes on, without a new charge.'
    rows = (
        ("Task", f"`{record.task_id}`" if record.task_id else "no task id yet"),
        ("Next", goes_on if record.task_id else "`vg.resume()` says what became of it."),
    )
    return Note(stood + words.moment(record.updated), "", rows)


def _foot(said: Face, player: Player | None) -> Html:
    return el(
        "div",
        {
            "style": "margin:0;display:flex;flex-wrap:wrap;align-items:center;align-content:center;gap:6px;"
            "min-height:48px;"
            "box-sizing:border-box;padding:8px 16px 12px"
        },
        *(part for call in calls(said.calls) for part in (call, APART)),
        el("span", {"style": "flex:1 1 100%;font-size:11px;line-height:16px;opacity:.7"}, player.note)
        if player and player.note and said.state in FINAL
        else None,
    )


def calls(names: Sequence[str]) -> list[Html]:
    """The calls a foot names once there are no buttons."""
    style = f"{_MONO};font-size:12px;line-height:22px;padding:0 8px;border-radius:4px;background:{FILL}"
    return [el("span", {"style": style}, name) for name in names]
