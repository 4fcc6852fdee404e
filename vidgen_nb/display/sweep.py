"""The grid of a sweep, as HTML: the parts of the living one, and the static one that stays. Pure, from a snapshot.

The two share their geometry: what is written here in inline styles stands in `sweep.css` too, and a test compares.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from vidgen_nb.axes import Axis, parts
from vidgen_nb.display import words
from vidgen_nb.display.card import shape, ticking
from vidgen_nb.display.estimate import AT_WORK, countdown, left
from vidgen_nb.display.face import FINAL, clip, face, fetched_percent, took
from vidgen_nb.display.gallery import instead
from vidgen_nb.display.html import Html, Link, el, join, one_line, shown
from vidgen_nb.display.words import Line, Tick
from vidgen_nb.records import ProviderFacts, Record, Status

ORDER = ("succeeded", "running", "failed", "refused", "unknown", "stuck", "queued", "not sent", "invalid")
"""Of the bar and the counts."""

_WORKING = frozenset({Status.SUBMITTING, Status.RUNNING, Status.DOWNLOADING})
_SHAPES = {"not sent": Status.REFUSED, "invalid": Status.FAILED}
_OPENS = {Status.UNKNOWN: "4 ways out", Status.STUCK: "resume", Status.FAILED: "why", Status.REFUSED: "why"}
# Per cent from which its own progress tells more about the end of a clip than those before it. Simulated: with progress
# that is even or not, in steps of 1 or 10 %, and times that vary by 20 or 40 %.
TELLING = 25
MANY = 7  # clips, of which the last is late: 0.9 ** 7 is about a half
TALLEST = 320  # of a tile, in pixels, where there are few columns


@dataclass(frozen=True, slots=True)
class Cell:
    """One place of the grid: a clip's record, or what stands there without one.

    waiting: it will still be submitted. reason: why nothing was sent. invalid: the plan said already that it cannot be.
    """

    where: tuple[int, ...]
    provider: str
    record: Record | None = None
    facts: ProviderFacts | None = None
    waiting: bool = False
    invalid: bool = False
    reason: str = ""

    @property
    def state(self) -> str:
        if self.record is not None:
            return self.record.status.value
        return "queued" if self.waiting else "invalid" if self.invalid else "not sent"

    @property
    def group(self) -> str:
        """Which of ORDER it counts to."""
        return "running" if self.record is not None and self.record.status in _WORKING else self.state


@dataclass(frozen=True, slots=True)
class Grid:
    """A sweep as it stands. `about` is what all clips share, `left` when it will be done, where that can be told."""

    template: str
    axes: Sequence[Axis]
    about: str
    ratio: float
    home: Path
    cells: Sequence[Cell]
    left: Line = ""
    done: bool = False

    @property
    def counts(self) -> Mapping[str, int]:
        return Counter(cell.group for cell in self.cells)

    @property
    def final(self) -> bool:
        """Whether nothing can happen any more; what is unknown or stuck still needs its buttons."""
        return self.done and all(cell.record is None or cell.record.status in FINAL for cell in self.cells)

    @property
    def simulated(self) -> bool:
        return any(cell.record is not None and cell.record.simulated for cell in self.cells)

    @property
    def missing(self) -> int:
        """How many clips running it again would make."""
        return sum(cell.state in {"queued", "not sent", "refused"} for cell in self.cells)


def about(shared: Mapping[str, Any], titles: Sequence[str], axes: Sequence[Axis], count: int) -> str:
    """What all clips share, in a line: `RelayDance · a-model · 5 s · 16:9 · 3 × 4 = 12 clips`."""
    asked = {name: value for name, value in shared.items() if isinstance(value, str | int | float)}
    like = Record(id="", identity="", provider="", origin="", model=str(asked.get("model", "")), asked=asked)
    lone = [named(axis, 0) for axis in axes if len(axis.values) == 1]
    shape = " × ".join(str(len(axis.values)) for axis in axes if len(axis.values) > 1)
    clips = f"{count} clip{'s' * (count != 1)}"
    title = titles[0] if len(titles) == 1 else f"{len(titles)} providers"
    return " · ".join(
        filter(None, [title, like.model, clip(like), *lone, f"{shape} = {clips}" if "×" in shape else clips])
    )


def time_left(cells: Sequence[Cell], caps: Mapping[str, int], now: float) -> Tick | None:
    """When all will be done, from what clips of this sweep took and say themselves, and from clips like them; None
    where that is a guess.
    """
    ends: list[float] = []
    lates: list[float | None] = []
    for name, cap in caps.items():
        mine = [cell for cell in cells if cell.provider == name]
        going = [cell.record for cell in mine if cell.record is not None and not cell.record.status.settled]
        waiting = sum(cell.waiting for cell in mine)
        if not going and not waiting:
            continue
        span = _span([cell.record for cell in mine if cell.record is not None], going)
        if span is None:
            return None
        rest = [max(0.0, _end(record, span, now) - now) for record in going]
        ends.append(max([*rest, *_last(going, now), (sum(rest) + waiting * span) / cap]))
        lates += [None] * waiting + [record.expected_late for record in going]
    if not ends:
        return None
    late = max((at for at in lates if at is not None), default=None) if None not in lates else None
    return countdown(now + max(ends), late)


def _end(record: Record, span: float, now: float) -> float:
    said = left(record)
    return said.at if said else (record.sent or now) + span


def _last(going: Sequence[Record], now: float) -> list[float]:
    """The last of many is none of the quick half: seven are all done, half of the time, when nine of ten such are."""
    told_by_past = [r for r in going if r.status in AT_WORK and (r.progress is None or r.progress < TELLING)]
    lates = [record.expected_late - now for record in told_by_past if record.expected_late is not None]
    return lates if len(lates) >= MANY else []


def _span(records: Sequence[Record], going: Sequence[Record]) -> float | None:
    """How long a clip of this sweep takes, on average."""
    done = [
        record.finished - record.sent
        for record in records
        if record.status is Status.SUCCEEDED and not record.reused and record.finished and record.sent
    ]
    expecting = [tick.at - record.sent for record in going if record.sent and (tick := left(record))]
    known = done + expecting
    return sum(known) / len(known) if known else None


# ── where things stand ────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Layout:
    """Row and column labels, and the number of the cell at each place. Without columns the tiles follow each other.

    A row is its label, the sub-label of the further axes, and its cells; a label that repeats the one above is "".
    """

    corner: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[int, ...]], ...]


def layout(axes: Sequence[Axis], cells: Sequence[Cell]) -> Layout:
    """First axis down, second across, further ones as sub-labels of the rows. One value is no axis to look at."""
    number = {cell.where: index for index, cell in enumerate(cells)}
    wide = [index for index, axis in enumerate(axes) if len(axis.values) > 1]
    if len(wide) < 2:
        ordered = sorted(number.items())
        names = [axes[wide[0]].labels[where[wide[0]]] if wide else "" for where, _ in ordered]
        return Layout(
            (axes[wide[0]].name,) if wide else (), (),
            tuple((name, "", (index,)) for name, (_, index) in zip(names, ordered, strict=True)),
        )  # fmt: skip
    down, across, *further = wide
    rows = []
    for place in product(*(range(len(axes[index].values)) for index in (down, *further))):
        chosen = dict(zip((down, *further), place, strict=True))
        tiles = []
        for column in range(len(axes[across].values)):
            at = {**chosen, across: column}
            tiles.append(number[tuple(at.get(index, 0) for index in range(len(axes)))])
        sub = " · ".join(named(axes[index], chosen[index]) for index in further)
        first = not any(place[1:])
        rows.append((axes[down].labels[place[0]] if first else "", sub, tuple(tiles)))
    corner = (f"{axes[down].name} ↓", f"{axes[across].name} →")
    return Layout(corner, axes[across].labels, tuple(rows))


def named(axis: Axis, index: int) -> str:
    """A value with the name of its axis: `seed 7`; a take and a duration say it themselves."""
    label = axis.labels[index]
    return label if axis.name in {"take", "duration"} else f"{axis.name} {label}"


# ── the living grid, as the HTML of its parts ─────────────────────────────────
def head(grid: Grid) -> Html:
    """Template, what all clips share, and the buttons."""
    waiting = any(cell.waiting and cell.record is None for cell in grid.cells)
    marks = [el("span", {"class": "vg-axis-word"}, text) if word else text for text, word in parts(grid.template)]
    stop = {"class": "vg-btn", "type": "button", "data-act": "stop"}
    return join(
        el(
            "div",
            {"class": "vg-what"},
            el("h4", {"lang": words.language(grid.template), "title": grid.template}, *marks),
            el("p", None, grid.about),
        ),
        el("span", {"class": "vg-tag", "data-kind": "simulated"}, "simulated") if grid.simulated else None,
        el("button", stop, "Stop submitting the rest") if waiting else None,
        el("button", {"class": "vg-btn", "type": "button", "data-act": "code"}, "Copy as code"),
    )


def bar(grid: Grid) -> Html:
    """One segment for each state, as wide as it has clips; the running one is filled as far as its clips are."""
    counts = grid.counts
    segments = []
    for group in ORDER:
        if counts.get(group):
            share = f";--p:{_mean_progress(grid):.0f}" if group == "running" else ""
            segments.append(el("i", {"data-state": group, "style": f"--n:{counts[group]}{share}"}))
    done = counts.get("succeeded", 0)
    label = f"{done} of {len(grid.cells)} clips succeeded"
    values = {"aria-valuenow": str(done), "aria-valuemin": "0", "aria-valuemax": str(len(grid.cells))}
    return el("div", {"class": "vg-total", "role": "progressbar", "aria-label": label, **values}, *segments)


def _mean_progress(grid: Grid) -> float:
    running = [cell.record for cell in grid.cells if cell.record is not None and cell.group == "running"]
    shares = [share_of(record) or 0.0 for record in running]
    return sum(shares) / len(shares) if shares else 0.0


def share_of(record: Record) -> float | None:
    """How far it is, in per cent; None where nobody says."""
    return fetched_percent(record) if record.status is Status.DOWNLOADING else record.progress


def counts(grid: Grid) -> Html:
    """`7 succeeded`, `2 running` …, and the time left."""
    spans = [
        el("span", {"data-state": group}, shape(_status(group), 30), f"{grid.counts[group]} {group}")
        for group in ORDER
        if grid.counts.get(group)
    ]
    return join(*spans, ticking(grid.left, "vg-left"))


def _status(group: str) -> Status:
    return _SHAPES.get(group) or Status(group)


def frame(grid: Grid) -> Html:
    """The labels and the empty places of the tiles; `data-tile` holds a cell's number."""
    placed = layout(grid.axes, grid.cells)
    slots = [
        el("div", {"class": "vg-tile", "role": "gridcell", "tabindex": "-1", "data-tile": index})
        for index in range(len(grid.cells))
    ]
    if not placed.columns:
        alone = [
            el("div", {"class": "vg-alone", "role": "row"}, _axis(label, "rowheader") if label else None, slots[index])
            for label, _, (index,) in placed.rows
        ]
        return el("div", {"class": "vg-grid", "role": "grid", "aria-label": "Sweep", "data-alone": True}, *alone)
    corner = el(
        "span", {"class": "vg-axis", "role": "columnheader"}, *(el("small", None, line) for line in placed.corner)
    )
    across = [_axis(label, "columnheader") for label in placed.columns]
    rows = [
        el("div", {"class": "vg-gridrow", "role": "row"}, _axis(label, "rowheader", sub), *(slots[i] for i in tiles))
        for label, sub, tiles in placed.rows
    ]
    style = f"--cols:{len(placed.columns)}"
    first = el("div", {"class": "vg-gridrow", "role": "row"}, corner, *across)
    return el("div", {"class": "vg-grid", "role": "grid", "aria-label": "Sweep", "style": style}, first, *rows)


def _axis(label: str, role: str, sub: str = "") -> Html:
    attributes = {"class": "vg-axis", "role": role, "title": ", ".join(filter(None, (label, sub)))}
    text = el("span", {"lang": words.language(label)}, shown(label, 120)) if label else None
    return el("span", {**attributes, "data-row": role == "rowheader"}, text, el("small", None, sub) if sub else None)


def tile(cell: Cell, poster: Link | None) -> Html:
    """One tile, alive: the picture or what stands in its place, and one line."""
    state = cell.state
    if cell.record is None or cell.facts is None:
        why = shown(words.without_source(cell.reason), 90)
        reason = el("div", {"class": "vg-wait"}, el("span", None, why)) if why else None
        line = el("div", {"class": "vg-line"}, el("span", {"class": "vg-word"}, shape(_status(state), 0), state))
        picture = el("div", {"class": "vg-pic", "title": shown(cell.reason, 400) or None}, reason)
        return el("div", {"class": "vg-tilebody", "data-state": state}, picture, line)
    record, said = cell.record, face(cell.record, cell.facts)
    share = share_of(record)
    inside: list[Html | None] = []
    if poster is not None:
        inside = [
            el("img", {"class": "vg-poster", "src": poster, "alt": f"first frame: {one_line(record.prompt, 80)}"})
        ]
    elif record.status.settled:
        inside = [el("div", {"class": "vg-wait"}, el("span", None, instead(record)))]
    elif record.status is not Status.QUEUED:
        twice = isinstance(said.big, Tick) and isinstance(said.measure, Tick) and said.measure.form == "spell"
        about = None if twice else ticking(said.measure)  # the number is the time that goes by, already
        inside = [el("div", {"class": "vg-wait"}, el("b", None, ticking(said.big)), about), _live_track(share)]
    fact = el("span", {"class": "vg-fact vg-clip1"}, fact_of(record)) if fact_of(record) else None
    if record.status in _OPENS:
        fact = el(
            "button", {"class": "vg-do", "type": "button", "tabindex": "-1", "data-act": "open"}, _OPENS[record.status]
        )
    word = el("span", {"class": "vg-word"}, shape(record.status, 30 if share is None else share), word_of(cell))
    warned = el("span", {"class": "vg-tag", "data-kind": "warn"}, _warned(record)) if _warned(record) else None
    return el(
        "div",
        {"class": "vg-tilebody", "data-state": state, "data-made": True},
        el("div", {"class": "vg-pic"}, *inside),
        el("div", {"class": "vg-line"}, word, warned, fact),
    )


def _live_track(share: float | None) -> Html:
    if share is None:
        return el("div", {"class": "vg-track", "data-open": True}, el("i"))
    return el("div", {"class": "vg-track", "style": f"--p:{share:.4g}"}, el("i"))


def word_of(cell: Cell) -> str:
    """The word of the line: the state, or that it was there before."""
    done = cell.record is not None and cell.record.status is Status.SUCCEEDED and cell.record.reused
    return "reused" if done else cell.state


def fact_of(record: Record) -> str:
    """The one fact of a finished tile: how long it took, or that it cost nothing new."""
    if record.status is not Status.SUCCEEDED:
        return ""
    return took(record) if not record.reused else "" if record.simulated else "0 new charges"


def _warned(record: Record) -> str:
    if record.status.settled:
        return ""
    return "needs a key" if record.needs_key else "unreachable" if record.unreachable_since is not None else ""
