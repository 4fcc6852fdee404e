"""What the tests of the card share: cells, and what is asked of an output."""

from pathlib import Path

from playwright.sync_api import Locator, expect

from .lab import NotebookPage
from .scenes import SETUP as STAGE

__all__ = ["LONG", "QUESTIONS", "SETUP", "STAGE", "asking", "boxes", "card", "plays"]

SETUP = "import time\nimport vidgen_nb as vg\nvg.setup(simulate=True)\nNone"
QUESTIONS = (Path(__file__).parents[1] / "display" / "page.js").read_text(encoding="utf-8")
LONG = 60_000  # ms, on a busy machine
_PLAYS = "video => !video.paused && video.currentTime > 0.3 && video.videoWidth > 100"
# the boxes of a card, living or static, from the corner of its output
_BOXES = """output => {
  const living = output.querySelector(".vg-card");
  const root = living ?? output.querySelector("div[style*='max-width:880px']");
  const [stage, text] = root.children, corner = output.getBoundingClientRect();
  const named = { picture: stage.children[0], strip: stage.children[1], text, body: text.children[1], card: root };
  return Object.fromEntries(Object.entries(named).map(([name, element]) => {
    const box = element.getBoundingClientRect();
    return [name, [box.x - corner.x, box.y - corner.y, box.width, box.height]];
  }));
}"""


def asking(seconds: float) -> str:
    """The cell which makes a small clip in that many seconds, and shows it."""
    return (
        f'clip = vg.generate("a paper boat (simulate seconds={seconds})", provider="relaydance", duration=4,\n'
        '    model="doubao-seedance-2-0-fast-260128", resolution="480p", aspect_ratio="16:9")\n'
        "clip"
    )


def card(output: Locator) -> Locator:
    """The living card of an output."""
    return output.locator(".vg-card").first


def boxes(output: Locator) -> dict[str, list[float]]:
    """x, y, width and height of the parts of a card, from the corner of its output."""
    found: dict[str, list[float]] = output.evaluate(_BOXES)
    return found


def plays(page: NotebookPage, video: Locator) -> None:
    """Start the player and see its time advance."""
    expect(video).to_be_visible(timeout=LONG)
    video.evaluate("video => { video.muted = true; return video.play(); }")
    page.page.wait_for_function(_PLAYS, arg=video.element_handle(), timeout=LONG)
