"""What `make bench` measures: each figure with its goal, and why it is missed where it is. The README's table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IDLE = 0.5  # the load of a machine that does nothing else
QUIET = 0.3  # cores which others may use without being mentioned
MEASURED = Path(__file__).parent / "measured.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number and its goal, which is the most it may be; `least`: the least; `strict`: it must be below."""

    label: str
    goal: float
    unit: str = ""
    least: bool = False
    strict: bool = False

    @property
    def sign(self) -> str:
        return "≥" if self.least else "<" if self.strict else "≤"

    def met(self, value: float) -> bool:
        if self.least:
            return value >= self.goal
        return value < self.goal if self.strict else value <= self.goal


@dataclass(frozen=True, slots=True)
class Row:
    """Figures which are measured together."""

    title: str
    figures: Mapping[str, Figure]


ROWS: Mapping[str, Row] = {
    "200": Row("200 tasks at once", {
        "aiohttp": Figure("lateness p50 against a hand-written aiohttp loop with the same mean interval", 1.2),
        "openai": Figure("lateness p50 against openai", 0.8),
    }),
    "1000": Row("1,000 tasks at once", {
        "lost": Figure("clips lost", 0),
        "openai": Figure("lateness p50 against openai", 0.2),
        "memory": Figure("peak memory growth", 36, "MB"),
    }),
    "growth": Row("from 20 tasks to 1,000", {
        "cpu": Figure("CPU per request grows by", 1.3, "times"),
        "late": Figure("lateness p95 grows by", 1.5, "times"),
    }),
    "schedule": Row("lateness × polls against a fixed interval, after 20 clips (simulated)", {
        "lognormal": Figure("durations lognormal, σ 0.4", 0.75),
        "progress": Figure("the same, with progress in steps of 10 %", 0.4),
        "memoryless": Figure("durations memoryless", 1.05),
    }),
    "polls": Row("clips of 60 s in real time", {
        "late": Figure("mean lateness", 2, "s"),
        "openai": Figure("polls per clip against openai", 1 / 5),
        "fal": Figure("polls per clip against fal", 1 / 40),
    }),
    "limit": Row("50 tasks, and a server that allows 5 polls/s", {
        "lost": Figure("clips lost", 0),
        "refused": Figure("share of polls answered 429", 2, "%"),
        "fal": Figure("lateness p50 against fal", 1, strict=True),
    }),
    "large": Row("one clip of 64 MiB", {
        "memory": Figure("memory growth", 4, "MB"),
        "stall": Figure("longest stall of the loop", 20, "ms"),
        "openai": Figure("MB/s against openai", 1.5, least=True),
    }),
    "start": Row("a notebook's first cell, against importing ipywidgets, httpx and pydantic", {
        "import": Figure("`import vidgen_nb`", 0.1),
        "card": Figure("to the first card of a simulated clip", 2),
    }),
    "tiles": Row("100 running tiles in one grid in JupyterLab", {
        "fps": Figure("frames per second", 58, least=True),
        "messages": Figure("messages per second", 30),
    }),
}  # fmt: skip

MISSED: Mapping[str, str] = {
    "large/openai": "a third of our time goes by until the disk has the file, for which openai's helper does not wait; "
    "where the disk was faster, it was 2.6. It would take a second thread that has the disk write while the rest comes",
    "start/card": "the card needs those three as well, and then our own modules, the ledger and the simulator's "
    "server, a third of it each; it would take showing the card before the request is made ready",
    "tiles/fps": "two cores without a GPU paint the page, and run JupyterLab and the kernel as well; on a machine that "
    "is twice as fast it was 59.4. The grid draws half as many tiles in a frame since this was measured: 58 in one run",
}
"""Why a figure misses its goal, and what it would take: "row/figure"."""


def table(measured: Mapping[str, Any] | None = None) -> str:
    """The table of the README, from what was measured."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8")) if measured is None else measured
    lines = ["| | measured | goal | |", "|---|---|---|---|"]
    for name, row in ROWS.items():
        lines.append(f"| **{row.title}** | | | |")
        seen = measured["rows"].get(name, {})
        lines += [_line(f"{name}/{what}", figure, seen.get(what)) for what, figure in row.figures.items()]
    return "\n".join([*lines, "", *_about(measured)]) + "\n"


def _line(place: str, figure: Figure, seen: Mapping[str, Any] | None) -> str:
    goal = f"{figure.sign} {number(figure.goal, figure.unit)}" if figure.goal else "0"
    if seen is None or seen["value"] is None:
        return f"| {figure.label} | not measured: {seen['from'] if seen else 'it was left out'} | {goal} | |"
    verdict = "met" if figure.met(seen["value"]) else f"**missed**: {MISSED.get(place, 'nobody said why yet')}"
    value = number(seen["value"], figure.unit)
    if value == number(figure.goal, figure.unit) and not figure.met(seen["value"]):
        value = f"{seen['value']:.5g} {figure.unit}".strip()  # or it would look as if it were met
    told = f"{value} ({seen['from']})"
    return f"| {figure.label} | {told} | {goal} | {verdict} |"


def number(value: float, unit: str = "") -> str:
    """Three digits of it, which is more than such a measurement knows."""
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def _about(measured: Mapping[str, Any]) -> list[str]:
    machine = measured["machine"]
    others = measured["others"]
    busy = f", of which others used {others:.1f} cores meanwhile" if others > QUIET else ""
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return [
        f"`{measured['command']}` on {measured['date']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory']} GB, {machine['system']}, Python {machine['python']}{busy}; {libraries}. "
        "Medians of three runs (of five kernels); in brackets what a ratio is made of, ours first. "
        f"{measured['method']} The simulated rows are averages over homes which learned from twenty clips each."
    ]
