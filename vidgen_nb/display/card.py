"""The card of one generation: one line of text, a static card, or the parts of a living one.

Pure, but for the bundles at the end, which read the files of the clip.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path, PurePath

from vidgen_nb.display import words
from vidgen_nb.display.face import FINAL, WAITING, Face, Note, Strip, Way, face
from vidgen_nb.display.html import Attribute, Html, Link, data_link, el, join, marked, one_line, path_link
from vidgen_nb.display.pictures import small_jpeg
from vidgen_nb.display.saved import Player, as_html, calls, length, shortened
from vidgen_nb.records import ProviderFacts, Record, Status, Viewed

__all__ = ["PARTS", "Player", "as_html", "as_text", "bundle", "parts", "player_for"]

POSTER_WIDTH, POSTER_BYTES = 480, 10_000  # it stands in a notebook three times


def as_text(record: Record, facts: ProviderFacts, file: str = "") -> str:
    """The one honest line: `vg-3f9c2a17be succeeded, relaydance, 5 s, 1.40 CNY, vidgen/clips/….mp4`."""
    said = face(record, facts)
    seconds = next(iter(_seconds(said)), "")
    money = (
        words.amount(record.cost) if not record.simulated and record.status is Status.SUCCEEDED else words.cost(record)
    )
    if record.reused and not record.simulated:
        money = "0 new charges"
    parts = [f"{record.id} {record.status}", record.provider, seconds, money]
    match record.status:
        case Status.SUCCEEDED:
            parts.append(file or (record.files[0].path if record.files else ""))
        case Status.FAILED | Status.REFUSED | Status.UNKNOWN | Status.STUCK:
            note = said.note
            parts.append(f"{note.title}. {note.sentence} {dict(note.rows).get('Next', '')}" if note else "")
            if record.status is Status.UNKNOWN:
                parts.append("ways out: " + ", ".join(way.code for way in said.ways if way.act))
        case _:
            if record.progress is not None and record.status.open:
                parts.insert(2, words.percent(record.progress))
            parts.append(f"task {record.task_id}" if record.task_id else "no task id yet")
            parts.append(f'vg.resume("{record.id}") goes on' if record.status.open else "")
    return one_line(", ".join(part.strip() for part in parts if part).replace("`", ""))


def _seconds(said: Face) -> list[str]:
    """The duration out of the fact `Clip`, where it is known."""
    return [
        part
        for fact in said.facts
        if fact.label == "Clip"
        for part in fact.value.split(" · ")
        if part.endswith(f"{words.NB}s")
    ]


# ── the living card, as the HTML of its parts ─────────────────────────────────
PARTS = ("state", "shape", "ratio", "label", "word", "given", "head", "picture", "strip", "body", "foot")
"""What a living card is made of. The first six are words, a number and an address, the rest is HTML."""

# Read after a page reload, when the output can no longer be replaced. A refused one would be sent anew by its cell.
_KEEP = "Run this cell again (free) to save it here."
_KEEP_WORDS = "`clip` in a cell saves this card here."


def parts(
    record: Record, facts: ProviderFacts, *, player: Player | None = None, given: Link | None = None
) -> dict[str, str]:
    """The living card. Elements with `data-at` hold epoch seconds, and the browser writes the time that has gone by.

    Args:
        player: For a finished clip; its bytes are asked for by the browser, so `src` is not used.
        given: A picture of the first frame that was given, shown while waiting.
    """
    said = face(record, facts)
    return {
        "state": said.state.value,
        "shape": "tall" if said.frame.tall else "square" if said.frame.beside else "wide",
        "ratio": f"{said.frame.ratio:g}",
        "label": f"{said.word}: {one_line(said.prompt, 80)}",
        "word": said.word,
        "given": (given or "")
        if said.state in WAITING
        else "",  # apart from the picture, which changes with each percent
        "head": _head(said),
        "picture": _picture(said, player, given is not None),
        "strip": _file(record, player) if said.state is Status.SUCCEEDED else _strip(said),
        "body": _body(record, said),
        "foot": _foot(record, facts, said),
    }


def ticking(line: words.Line, cls: str | None = None) -> Html | None:
    """A text in which the browser may write the time that goes by; None for an empty one."""
    if not isinstance(line, words.Tick):
        return el("span", {"class": cls}, line) if line else None
    counting: dict[str, str | float | None] = {"data-form": line.form, "data-at": line.at}
    counting |= {"data-before": line.before, "data-after": line.after, "class": cls, "title": line.title or None}
    if line.then:
        counting["data-then"] = json.dumps([_stage(moment, then) for moment, then in line.then])
    return el("span", counting, line.written(line.at))


def _stage(moment: float, line: words.Line) -> list[str | float]:
    """From when, and then as in the attributes of `ticking`; words alone have no form."""
    if isinstance(line, str):
        return [moment, "", 0, line, ""]
    return [moment, line.form, line.at, line.before, line.after]


def _code(text: str) -> Html:
    return el("code", None, text)


_RING: Mapping[str, Attribute] = {"cx": 7, "cy": 7, "r": 6}
_DISC: Mapping[str, Attribute] = {"class": "solid", "cx": 7, "cy": 7, "r": 6.75}
_GLYPHS: Mapping[Status, tuple[Mapping[str, Attribute], str, str]] = {
    Status.SUBMITTING: (_RING, "M7 10V4.4M4.7 6.6 7 4.2l2.3 2.4", ""),
    Status.QUEUED: (_RING, "", ""),
    Status.RUNNING: (_RING, "", ""),
    Status.DOWNLOADING: (_RING, "M7 4v5.6M4.7 7.4 7 9.8l2.3-2.4", ""),
    Status.SUCCEEDED: (_DISC, "m4.3 7.2 1.9 1.9 3.6-3.9", "cut"),
    Status.FAILED: (_DISC, "m4.9 4.9 4.2 4.2m0-4.2L4.9 9.1", "cut"),
    Status.REFUSED: (_RING, "m3 11 8-8", ""),
    Status.UNKNOWN: (_DISC, "M5.3 5.5a1.7 1.7 0 1 1 2.6 1.5c-.6.4-.9.6-.9 1.2", "cut"),
    Status.STUCK: (_RING, "M5.6 5v4M8.4 5v4", ""),
}


def glyph(said: Face) -> Html:
    """A shape of its own for each state, so that colour never speaks alone."""
    return shape(said.state, said.strip.fill if isinstance(said.strip.fill, float | int) else 30)


def shape(state: Status, share: float) -> Html:
    """The glyph of a state; `share` is the percentage which the pie of a running one shows."""
    circle, path, cls = _GLYPHS[state]
    return el(
        "svg",
        {"class": "vg-glyph", "viewBox": "0 0 14 14", "aria-hidden": "true", "style": f"--p:{share:.4g}"},
        el("circle", circle),
        el("circle", {"class": "pie", "cx": 7, "cy": 7, "r": 2.5, "pathLength": 100})
        if state is Status.RUNNING
        else None,
        el("path", {"class": cls or None, "d": path}) if path else None,
        el("circle", {"class": "dot", "cx": 7, "cy": 10.4, "r": 0.95}) if state is Status.UNKNOWN else None,
    )


def _head(said: Face) -> Html:
    tags = [el("span", {"class": "vg-tag", "data-kind": kind}, ticking(text)) for kind, text in said.tags]
    theirs = said.word.removeprefix(said.ours)
    word = el("span", {"class": "vg-clip1", "title": said.word if theirs else None}, said.ours, _theirs(theirs))
    return join(
        el("span", {"class": "vg-state"}, glyph(said), word),
        el(
            "span",
            {"class": "vg-more"},
            ticking(said.measure, "vg-when vg-clip1"),
            el("span", {"class": "vg-tags"}, *tags) if tags else None,
        ),
    )


def _theirs(text: str) -> Html | None:
    """What the provider says, behind our word."""
    return el("span", {"class": "vg-theirs"}, text) if text else None


def _picture(said: Face, player: Player | None, given: bool) -> Html:
    if said.state is Status.SUCCEEDED:
        poster = player.poster if player else None
        about = f"The clip: {one_line(said.prompt, 80)}"
        return el(
            "video", {"controls": True, "preload": "metadata", "poster": poster, "data-video": 0, "aria-label": about}
        )
    if said.note is not None:
        return Html("") if said.frame.beside else _note(said)
    frame = el("img", {"class": "vg-frame", "alt": "first frame you gave", "data-given": True}) if given else None
    wait = el("div", {"class": "vg-wait"}, el("b", None, ticking(said.big)), ticking(said.line))
    return join(frame, wait)


def _note(said: Face, record: Record | None = None) -> Html:
    """The note in the picture, or in the place of prompt and facts, which `record` then gives."""
    note, ways = said.note or Note("", "", ()), said.ways
    rows = [(label, marked(text, _code)) for label, text in note.rows]
    if record is not None:
        asked = el("span", {"class": "vg-asked vg-clip1", "lang": said.language, "title": said.prompt}, said.prompt)
        rows = [("Asked", asked), *rows, ("Id", _code(record.id))]
    whole = note.sentence.replace("`", "")
    return el(
        "div",
        {"class": "vg-note"},
        el("h4", None, note.title),
        el("p", {"title": whole}, marked(shortened(said), _code)) if note.sentence else None,
        el("div", {"class": "vg-rows"}, *(_row(label, el("span", None, value)) for label, value in rows)),
        el("div", {"class": "vg-ways", "role": "group", "aria-label": "Four ways out"}, *map(_way, ways))
        if ways
        else None,
    )


def _way(way: Way) -> Html:
    words_of_it = (el("b", None, way.title), el("span", None, way.sub))
    kind = "cost" if way.sure else None
    button = el(
        "button",
        {
            "class": "vg-way",
            "type": "button",
            "disabled": not way.act,
            "data-act": way.act or None,
            "data-kind": kind,
            "data-ask": way.ask or None,
            "data-sure": way.sure or None,
        },
        *words_of_it,
    )
    if not way.ask:
        return button
    field = el(
        "input",
        {"class": "vg-in", "type": "text", "aria-label": way.ask, "placeholder": way.ask, "autocomplete": "off"},
    )
    send = el("button", {"class": "vg-btn", "type": "submit"}, "Adopt")
    return el("div", {"class": "vg-asking"}, button, el("form", {"hidden": True, "data-act": way.act}, field, send))


def _strip(said: Face) -> Html:
    strip: Strip = said.strip
    track: dict[str, str | float | bool | None] = {"class": "vg-track"}
    if strip.fill == "dashed":
        track["data-dashed"] = True
    else:
        track |= {"role": "progressbar", "aria-label": "download" if said.state is Status.DOWNLOADING else "progress"}
        if strip.fill == "open":
            track["data-open"] = True
        else:
            share = f"{strip.fill:.4g}"
            track |= {"style": f"--p:{share}", "aria-valuenow": share, "aria-valuemin": "0", "aria-valuemax": "100"}
    return join(ticking(strip.left), el("div", track, el("i")), ticking(strip.right))


def _file(record: Record, player: Player | None) -> Html:
    """File and time. No link: in a widget a relative one would start from the page, not from the notebook."""
    file = player.file if player else ""
    return join(el("span", {"class": "vg-file vg-clip1", "title": file}, file), el("span", None, length(record)))


def _body(record: Record, said: Face) -> Html:
    lang = said.language
    if said.note is not None and said.frame.beside:
        return _note(said, record)
    rows = []
    for fact in said.facts:
        style = "vg-mono vg-clip1" if fact.code else "vg-clip1"
        rows.append(_row(fact.label, el("span", {"class": style, "title": fact.value}, fact.value)))
    return join(
        el("p", {"class": "vg-prompt", "lang": lang, "title": said.prompt}, said.prompt),
        el("div", {"class": "vg-facts"}, *rows),
    )


def _row(label: str, value: Html) -> Html:
    """A label and its value. No `dl`: JupyterLab's own style for it reaches into widgets."""
    return el("div", {"class": "vg-row"}, el("span", {"class": "vg-label"}, label), value)


def _button(label: str, act: str, kind: str | None = None, disabled: bool = False) -> Html:
    return el(
        "button", {"class": "vg-btn", "type": "button", "data-act": act, "data-kind": kind, "disabled": disabled}, label
    )


def _foot(record: Record, facts: ProviderFacts, said: Face) -> Html:
    code, report = _button("Copy as code", "code"), _button("Copy report", "report")
    match said.state:
        case state if state in FINAL:
            keep = _KEEP if said.state is Status.SUCCEEDED else _KEEP_WORDS
            return join(*calls(said.calls), el("span", {"class": "vg-keep"}, marked(keep, _code)))
        case Status.STUCK:
            return join(_button("Resume", "resume", "primary"), code, report)
        case Status.UNKNOWN:
            link = {"class": "vg-btn", "href": facts.console, "target": "_blank", "rel": "noopener noreferrer"}
            console = el("a", link, "Open the console") if facts.console.startswith("https:") else None
            return join(console or code, report)
        case _:
            return join(_button("Check now", "check", disabled=not record.task_id), code)


# ── mime bundles ──────────────────────────────────────────────────────────────
def bundle(viewed: Viewed, *, embed_limit: int, embed: bool | None = None) -> dict[str, str]:
    """The static card as `text/html`, `text/plain` and, of a finished clip, `image/jpeg`.

    The video is the file itself by a path relative to the working folder where it lies below it, else its bytes where
    they are at most `embed_limit` (or with `embed=True`), else its poster and the place of the file.
    """
    return bundle_of(viewed.record, viewed.facts, viewed.home, embed_limit=embed_limit, embed=embed)


def bundle_of(
    record: Record, facts: ProviderFacts, home: Path, *, embed_limit: int, embed: bool | None = None
) -> dict[str, str]:
    """`bundle` of a record as it was told, which may be older than what the handle says by now."""
    if record.status is not Status.SUCCEEDED or not record.files:
        return {"text/html": as_html(record, facts), "text/plain": as_text(record, facts)}
    poster = poster_of(record, home)
    player = player_for(record, home, poster=poster, embed_limit=embed_limit, embed=embed)
    made = {"text/html": str(as_html(record, facts, player)), "text/plain": as_text(record, facts, player.file)}
    if poster:
        made["image/jpeg"] = b64encode(poster).decode("ascii")
    return made


def line(viewed: Viewed) -> str:
    """`as_text` with the file as it is found from the working folder."""
    record = viewed.record
    return as_text(record, viewed.facts, player_for(record, viewed.home).file if record.files else "")


def poster_of(record: Record, home: Path) -> bytes:
    """The poster of the first file, small enough for a notebook; b"" without one."""
    if not record.files or not record.files[0].poster:
        return b""
    return small_jpeg(home / record.files[0].poster, width=POSTER_WIDTH, limit=POSTER_BYTES)


def player_for(
    record: Record, home: Path, *, poster: bytes = b"", embed_limit: int = 0, embed: bool | None = None
) -> Player:
    """How the first file of a finished record is played from a notebook in the current working folder."""
    file = home / record.files[0].path
    link, label = below(file)
    picture = data_link("image/jpeg", poster) if poster else None
    if not file.is_file():
        return Player(poster=picture, file=label, note="The file is no longer there.")
    if link is not None and not embed:
        return Player(src=link, poster=picture, file=label, href=link)
    if embed or (embed is None and file.stat().st_size <= embed_limit):
        return Player(src=data_link("video/mp4", file.read_bytes()), poster=picture, file=label, href=link or "")
    note = f"{words.size(file.stat().st_size)}, outside of this folder: open the file to play it."
    return Player(poster=picture, file=label, note=note)


def below(file: Path) -> tuple[Link | None, str]:
    """The file as a link and a label from the working folder; None and the whole path where it is not below it."""
    for place in (file.absolute(), file.resolve()):  # as it is named first: Jupyter follows links inside its folder
        try:
            relative = PurePath(place.relative_to(Path.cwd()))
            return path_link(relative), relative.as_posix()
        except ValueError:
            continue
    return None, str(file)
