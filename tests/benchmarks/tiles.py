"""A hundred running clips in one grid, in JupyterLab: `python -m tests.benchmarks.tiles` prints what was measured.

Each clip is heard of twice a second, each at another moment: four times as often as the engine would ask. In the first
grid it has gone on by one per cent then; in the second the provider reports no progress, so that nothing is new.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, WebSocket, sync_playwright

from tests.browser.lab import Jupyter, NotebookPage, write_notebook
from tests.conftest import launch
from tests.display.stand_ins import make
from tests.display.sweeps import Swept, axis
from vidgen_nb.display.sweep import Cell, Grid, time_left
from vidgen_nb.display.sweep_live import GridShown
from vidgen_nb.records import Status

ROOT = Path(__file__).parents[2]
COLUMNS = ROWS = 10
STEP = 0.5  # seconds from one per cent of a clip to the next
SECONDS = 4  # of one measurement
ROUNDS = 3
GO_ON = f"go_on({SECONDS + 4})"
CELLS = (
    f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.benchmarks.tiles import show",
    *("go_on = show()", *[GO_ON] * ROUNDS),
    *("go_on = show(silent=True)", *[GO_ON] * ROUNDS),
)
# frames of so many seconds: how many a second, and the longest; and how often a tile in view said something new
FRAMES = """async seconds => {
  const texts = () => [...document.querySelectorAll(".vg-tile .vg-wait b")].map(number => number.textContent);
  const gaps = [], first = await new Promise(requestAnimationFrame);
  let said = texts(), changes = 0, looked = first, last = first;
  while (last - first < seconds * 1000) {
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
    if (now - looked < 100) continue;
    const fresh = texts();
    changes += fresh.filter((text, index) => text !== said[index]).length;
    [said, looked] = [fresh, now];
  }
  const each = 1000 / (last - first);
  return { fps: each * gaps.length, worst: Math.max(...gaps), changes: each * changes };
}"""
IN_VIEW = """() => [...document.querySelectorAll(".vg-tile")].filter(tile => {
  const { top, bottom, left, right } = tile.getBoundingClientRect();
  return bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
}).length"""


# ── in the kernel ─────────────────────────────────────────────────────────────
class Running(Swept):
    """A sweep of which every clip is at work."""

    def __init__(self, silent: bool) -> None:
        super().__init__(Path("vidgen").absolute(), count=COLUMNS * ROWS)
        self.axes = (axis("subject", [f"subject {n}" for n in range(ROWS)]), axis("light", "abcdefghij"))
        now = time.time()
        past = {"expected": now + 60, "expected_late": now + 90}
        times = {"created": now, "sent": now, "answered": now, "started": now, "updated": now}
        progress = None if silent else 0.0
        for clip in self.clips:
            clip.record = replace(make(Status.RUNNING, progress=progress, **times, **past), id=clip.record.id)

    def grid(self) -> Grid:
        places = [divmod(number, COLUMNS) for number in range(len(self.clips))]
        made = [Cell(at, "relaydance", clip.record, clip.facts) for at, clip in zip(places, self.clips, strict=True)]
        left = time_left(made, {"relaydance": len(made)}, time.time()) or ""
        return Grid("a {subject} at {light}", self.axes, "RelayDance", 16 / 9, self.home, made, left)


def show(silent: bool = False) -> Callable[[float], None]:
    """Show the grid; the result lets every clip be heard of for so many seconds, from another thread."""
    sweep = Running(silent)
    GridShown(sweep, embed_limit=0).show()

    def go_on(seconds: float) -> None:
        began, told = time.monotonic(), 0
        while (gone := time.monotonic() - began) < seconds:
            while told < gone * len(sweep.clips) / STEP:
                number = told * 37 % len(sweep.clips)  # neighbours at different moments
                percent = sweep.clips[number].record.progress
                further = None if percent is None else (percent + 1) % 100
                sweep.change(number, progress=further, updated=time.time())
                told += 1
            time.sleep(0.01)  # the pace of what is shown

    return lambda seconds: threading.Thread(target=go_on, args=(seconds,), daemon=True).start()


# ── in the browser ────────────────────────────────────────────────────────────
def measure() -> dict[str, float]:
    """Medians of three: frames a second, against an empty page's in the same run, the longest frame in ms, how long
    the page works, messages a second from the kernel, changes a second which a person sees, and the tiles in view; once
    more without progress.
    """
    with TemporaryDirectory() as folder, Jupyter(Path(folder), {}) as jupyter, sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            page, heard = _open(jupyter, browser)
            moving = [_round(page, 1, number, heard) for number in range(ROUNDS)]
            silent = [_round(page, 2 + ROUNDS, number, heard) for number in range(ROUNDS)]
        finally:
            browser.close()
    return _medians(moving) | {f"silent_{name}": value for name, value in _medians(silent).items()}


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}


def _open(jupyter: Jupyter, browser: Browser) -> tuple[NotebookPage, list[int]]:
    """The notebook in JupyterLab, and how many messages have come from its kernel so far."""
    file = jupyter.root / "tiles.ipynb"
    write_notebook(CELLS, file)
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    context.add_init_script(path=ROOT / "tests" / "browser" / "lab.js")
    heard = [0]
    context.on("page", lambda page: page.on("websocket", partial(_listen, heard)))
    page = NotebookPage(jupyter, context, file, "lab")
    page.run(0)
    return page, heard


def _round(page: NotebookPage, cell: int, number: int, heard: list[int]) -> dict[str, float]:
    """Measure the grid which a cell shows, while the cells after it let it go on."""
    grid = page.output(cell).locator(".vg-set")
    if not grid.count():
        page.run(cell)
        grid.locator(".vg-tile").nth(COLUMNS * ROWS - 1).locator(".vg-tilebody").wait_for()
    empty = _empty(page.page.context)
    page.run(cell + 1 + number)
    grid.evaluate("grid => grid.scrollIntoView()")
    meter = page.page.context.new_cdp_session(page.page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    before, worked = heard[0], _worked(meter)
    found: dict[str, Any] = page.page.evaluate(FRAMES, SECONDS)
    busy = (_worked(meter) - worked) / SECONDS
    meter.detach()
    messages = (heard[0] - before) / SECONDS
    return {
        "fps": found["fps"],
        "empty_fps": empty,
        "ratio": found["fps"] / empty,
        "worst_frame_ms": found["worst"],
        "busy_ms_per_second": 1000 * busy,
        "messages_per_second": messages,
        "changes_per_second": found["changes"],
        "tiles_in_view": page.page.evaluate(IN_VIEW),
    }


def _worked(meter: CDPSession) -> float:
    """Seconds which the page's main thread has worked: other programs do not change them."""
    metrics = meter.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def _empty(context: BrowserContext) -> float:
    """Frames a second of a page with nothing on it: what this browser can do on this machine at this moment."""
    page: Page = context.new_page()
    try:
        return float(page.evaluate(FRAMES, SECONDS)["fps"])
    finally:
        page.close()


def _listen(heard: list[int], socket: WebSocket) -> None:
    """Count what a kernel sends."""

    def count(_: object) -> None:
        heard[0] += 1

    if "/channels" in socket.url:
        socket.on("framereceived", count)


if __name__ == "__main__":
    print(json.dumps(measure()))  # noqa: T201 (what it is for)
