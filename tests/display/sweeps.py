"""A sweep as the grid sees it, in every state, for the tests of what people see."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from vidgen_nb.axes import Axis
from vidgen_nb.display.face import FINAL
from vidgen_nb.display.sweep import Cell, Grid
from vidgen_nb.display.words import Line
from vidgen_nb.records import SIMULATED_COST, ClipFile, Status

from .stand_ins import CASES, FACTS, NOW, Watched, jpeg

SUBJECTS = ("lighthouse", "sailboat", "灯塔与渔船，远处有归航的船队")
LIGHTS = ("dawn", "noon", "dusk", "night")
MIXED = (
    "reused", "succeeded", "simulated", "tall",
    "succeeded", "failed", "refused", "unknown",
    "running", "downloading", "queued", "",
)  # fmt: skip
"""What the cells hold in turn; "" is not submitted yet."""


def axis(name: str, labels: Sequence[str]) -> Axis:
    return Axis(name, tuple(labels), tuple(labels))


def cells(names: Sequence[str], shape: Sequence[int]) -> list[Cell]:
    """A cell for each place, with the records of these cases in turn."""
    made = []
    for number, where in enumerate(product(*(range(count) for count in shape))):
        name = names[number % len(names)]
        record = replace(CASES[name], id=f"vg-{number:010}") if name else None
        made.append(Cell(where, "relaydance", record, FACTS if record else None, waiting=not name))
    return made


def grid(names: Sequence[str] = MIXED, *, home: Path = Path("home"), axes: Sequence[Axis] = (), **more: Any) -> Grid:
    """A grid of `axes`, by default three subjects down and four lights across."""
    axes = axes or (axis("subject", SUBJECTS), axis("light", LIGHTS))
    made = cells(names, [len(one.values) for one in axes])
    about = "RelayDance · doubao-seedance-2-0-720p · 5 s · 16:9 · 3 × 4 = 12 clips"
    template = more.pop("template", "a {subject} at {light}, slow push-in")
    return Grid(template, axes, about, more.pop("ratio", 16 / 9), home, made, **more)


class Swept:
    """A sweep that is being made, as the widget sees it. `change` gives a clip its next record."""

    def __init__(self, home: Path, *, count: int = 12, status: str = "running") -> None:
        self.key = str(id(self))
        self.home = home
        self.done = False
        self.stops = 0
        self.left: Line = ""
        self.axes = (axis("n", [str(number) for number in range(count)]),)
        self.clips = [Watched(replace(CASES[status], id=f"vg-{n:010}"), home) for n in range(count)]
        self.listeners: list[Callable[[int | None], None]] = []

    def grid(self) -> Grid:
        made = [Cell((n,), "relaydance", clip.record, clip.facts) for n, clip in enumerate(self.clips)]
        return Grid("a boat {n}", self.axes, "RelayDance", 16 / 9, self.home, made, self.left, self.done)

    def viewed(self, number: int) -> Watched | None:
        return self.clips[number] if 0 <= number < len(self.clips) else None

    def listen(self, tell: Callable[[int | None], None]) -> None:
        self.listeners.append(tell)

    def stop(self) -> None:
        self.stops += 1

    def code(self) -> str:
        return "vg.sweep(…).run()"

    def change(self, number: int, **values: Any) -> None:
        """The next record of a clip, told to everybody who listens."""
        self.clips[number].tell(**values)
        self.done = self.done or all(clip.record.status in FINAL for clip in self.clips)
        for tell in list(self.listeners):
            tell(number)

    def succeed(self, number: int) -> None:
        """Put a file and its poster on the shelf, and say so."""
        made = ClipFile(f"clips/{number}.mp4", "0" * 64, 8, 5.0, 1280, 720, 24.0, False, f"clips/{number}.jpg")
        for name, data in ((made.path, b"an mp4"), (made.poster, jpeg(640, 360))):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.change(number, status=Status.SUCCEEDED, files=(made,), finished=NOW, cost=SIMULATED_COST)


class Still(Swept):
    """A sweep which stands as it is: for looking at it."""

    def __init__(self, made: Grid) -> None:
        super().__init__(made.home, count=0)
        self._made = made

    def grid(self) -> Grid:
        return self._made

    def viewed(self, number: int) -> Watched | None:
        record = self._made.cells[number].record
        return Watched(record, self.home) if record is not None else None
