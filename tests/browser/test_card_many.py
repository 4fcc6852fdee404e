"""Many cards at once: all move, the page stays smooth, and nothing gets out of its cell."""

from playwright.sync_api import CDPSession, expect

from .cards import LONG, STAGE
from .conftest import OpenNotebook
from .lab import Front

COUNT = 20
# frames until every card is done, and how many different percentages each of them showed
MOVING = """async count => {
  const seen = Array.from({ length: count }, () => new Set()), began = performance.now();
  const cards = () => [...document.querySelectorAll(".vg-card")];
  const done = () => cards().filter(card => card.dataset.state === "downloading").length === count;
  let frames = 0;
  for (; !done() && performance.now() - began < 60000; frames++) {
    await new Promise(requestAnimationFrame);
    cards().forEach((card, index) => seen[index].add(card.querySelector(".vg-wait b").textContent));
  }
  return { frames, done: done(), steps: seen.map(texts => texts.size) };
}"""
# what of ours stands outside of an output, or is drawn beyond it
OUTSIDE = """() => {
  const ours = [...document.querySelectorAll("[class^='vg'], [class*=' vg']")];
  const strays = ours.filter(e => !e.closest(".jp-OutputArea-output"));
  const out = [...document.querySelectorAll(".vg *")].filter(e => {
    const box = e.getBoundingClientRect(), cell = e.closest(".jp-OutputArea-output").getBoundingClientRect();
    if (!box.width || e.closest("svg, .vg-track, .vg-sr")) return false;
    const inside = box.left > cell.left - 1 && box.right < cell.right + 1;
    return !(inside && box.top > cell.top - 1 && box.bottom < cell.bottom + 1);
  });
  return [...strays, ...out].map(e => e.outerHTML.slice(0, 100));
}"""


def test_twenty_cards(open_notebook: OpenNotebook, front: Front) -> None:
    """Twenty clips go on ten times a second: each moves, 60 frames a second are possible, nothing leaves its cell."""
    page = open_notebook([STAGE, f"go_on = stage.crowd({COUNT})", "go_on(6)"], front=front)
    page.run(0)
    page.run(1)
    expect(page.output(1).locator(".vg-card")).to_have_count(COUNT, timeout=LONG)
    meter = page.page.context.new_cdp_session(page.page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})  # of this thread alone: other tests take CPU too
    before = _worked(meter)
    page.run(2, wait=False)
    seen = page.page.evaluate(MOVING, COUNT)
    assert seen["done"]
    assert min(seen["steps"]) >= 4
    assert seen["frames"] >= 30, "frames keep coming"
    assert (_worked(meter) - before) / seen["frames"] <= 1 / 60, "seconds of work for a frame"
    for width in (900, 360):
        page.set_width(width)
        assert page.page.evaluate(OUTSIDE) == []


def _worked(meter: CDPSession) -> float:
    """How many seconds the page's main thread has worked."""
    metrics = meter.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))
