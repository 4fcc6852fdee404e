"""The comparison in real front ends: clips in step, keys at home, opinions that stay, a table when saved."""

import json

from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .lab import Front, NotebookPage

SETUP = "import vidgen_nb as vg\nvg.setup(simulate=True)\nNone"
MAKE = """
kind = dict(provider="relaydance", model="doubao-seedance-2-0-fast-260128", resolution="480p", aspect_ratio="16:9")
a = vg.generate("a paper boat, slow dolly-in (simulate seconds=1)", duration=4, **kind)
b = vg.generate("a paper boat, static shot (simulate seconds=1)", duration=5, seed=21, **kind)
a.wait(); b.wait()
None
""".strip()
LATE = 'c = vg.generate("a paper boat at last (simulate seconds=6)", duration=4, **kind)\nNone'
OPINIONS = "print(a.rating, a.note, b.rating, cmp.winner == b)"
LONG = 60_000  # ms, on a busy machine
FRAME = 1 / 24
TIMES = "root => [...root.querySelectorAll('video')].map(video => video.currentTime)"
PAUSED = "root => [...root.querySelectorAll('video')].map(video => video.paused)"
READY = "root => [...root.querySelectorAll('video')].every(video => video.readyState >= 3 && !video.seeking)"
# twenty frames of the screen in a row on which all players run, and none is more than a frame of the film ahead
IN_STEP = """root => new Promise(done => {
  let good = 0;
  const look = () => {
    const videos = [...root.querySelectorAll("video")], times = videos.map(video => video.currentTime);
    const apart = Math.max(...times) - Math.min(...times);
    good = videos.every(video => !video.paused) && apart <= 1 / 24 ? good + 1 : 0;
    if (good < 20) requestAnimationFrame(look); else done(apart);
  };
  look();
})"""


def board(page: NotebookPage, index: int, players: int) -> Locator:
    """The comparison in a cell's output, once that many players can play."""
    found = page.output(index).locator(".vg-compare")
    expect(found).to_be_visible(timeout=LONG)
    expect(found.locator("video[src]")).to_have_count(players, timeout=LONG)
    page.page.wait_for_function(READY, arg=found.element_handle(), timeout=LONG)
    return found


def times(found: Locator) -> list[float]:
    values: list[float] = found.evaluate(TIMES)
    return values


def settled(page: NotebookPage, found: Locator) -> list[float]:
    """The times once every player shows what it was told to show."""
    page.page.wait_for_function(READY, arg=found.element_handle(), timeout=LONG)
    return times(found)


def test_clips_run_in_step(open_notebook: OpenNotebook, front: Front) -> None:
    """After play, pause, seek and steps no two clips are a frame apart; one that is still made joins when done."""
    page = open_notebook([SETUP, MAKE, LATE, "vg.compare(a, b, c)"], front=front)
    for index in range(4):
        page.run(index)
    found = page.output(3).locator(".vg-compare")
    expect(found.locator(".vg-state")).to_contain_text("Running", timeout=LONG)
    found = board(page, 3, 2)
    play = found.get_by_role("button", name="Play (space)")
    play.click()
    assert found.evaluate(IN_STEP) <= FRAME
    page.page.keyboard.press("l")  # it goes round until the third one is there
    expect(found.get_by_role("button", name="Loop (l)")).to_have_attribute("aria-pressed", "true")
    found = board(page, 3, 3)
    assert found.evaluate(IN_STEP) <= FRAME
    page.page.keyboard.press("Space")
    assert found.evaluate(PAUSED) == [True] * 3
    stopped = settled(page, found)
    assert max(stopped) - min(stopped) < FRAME / 2

    found.locator(".vg-scrub").fill("300")
    at = settled(page, found)
    assert max(at) - min(at) < 0.001
    assert abs(at[0] - 1.5) < FRAME
    play.focus()
    for key, frames in ((".", 1), (".", 1), (",", -1)):
        before = settled(page, found)[0]
        page.page.keyboard.press(key)
        after = settled(page, found)
        assert max(after) - min(after) < 0.001
        assert abs(after[0] - before - frames * FRAME) < FRAME / 2 + 0.001
    page.page.keyboard.press("ArrowRight")
    assert abs(settled(page, found)[1] - after[1] - 1) < 0.001
    expect(found.locator(".vg-time")).to_contain_text("/ 0:05.0")
    assert page.errors == [] or front == "notebook"


def test_opinions_stay_and_keys_keep_to_themselves(open_notebook: OpenNotebook, front: Front) -> None:
    """Rating, note and winner reach the ledger and outlive the kernel; typing is never taken for a command, nor keys
    pressed elsewhere; the notebook as somebody else gets it shows a table."""
    page = open_notebook([SETUP, MAKE, "cmp = vg.compare(a, b)\ncmp", OPINIONS], front=front)
    for index in range(3):
        page.run(index)
    found = board(page, 2, 2)
    kept = page.output(2).locator("[role=status]")
    expect(found.locator("mark")).to_have_text(["slow dolly-in", "static shot"])
    expect(found.locator(".diff")).to_have_text(["5\u00a0s", "21"])

    found.get_by_label("Rating of A").get_by_text("4").click()
    expect(kept).to_have_text("Kept: A", timeout=LONG)
    page.page.keyboard.press("2")  # the focus is in the rating of A: a digit rates
    expect(found.get_by_label("Rating of A").locator("input").nth(1)).to_be_checked()
    page.page.keyboard.press("4")
    note = found.get_by_label("Note on A")
    note.click()
    before = settled(page, found)
    page.page.keyboard.type("l . , 推近 f 3")
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Enter")
    found.get_by_label("B wins").check()
    assert times(found) == before
    assert found.evaluate(PAUSED) == [True, True]
    expect(found.get_by_role("button", name="Loop (l)")).to_have_attribute("aria-pressed", "false")
    expect(note).to_have_value("l . , 推近 f 3")
    expect(found).to_contain_text("Run this cell again (free)")

    page.cell(0).locator(".cm-content").click()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.type("  #. ,")
    assert times(found) == before
    page.page.wait_for_function(
        "index => harness.cell(index).model.sharedModel.getSource().includes('#. ,')", arg=0, timeout=LONG
    )
    page.run(3)
    assert page.text(3) == "4 l . , 推近 f 3 None True\n"

    page.restart_kernel()
    for index in range(3):
        page.run(index)
    found = board(page, 2, 2)
    expect(found.get_by_label("Rating of A").locator("input").nth(3)).to_be_checked()
    expect(found.get_by_label("Note on A")).to_have_value("l . , 推近 f 3")

    saved = page.save()
    assert "widgets" not in saved.metadata
    assert len(json.dumps(saved.cells[2].outputs)) < 60_000
    received = page.reopen_untrusted()
    assert not received.trusts(2)
    table = received.output(2).locator("table")
    expect(table).to_be_visible(timeout=LONG)
    expect(table.locator("img")).to_have_count(2)
    for words in ("a paper boat, slow dolly-in", "duration", "21", "0, simulated", "4\u00a0of\u00a05", "推近"):
        expect(table).to_contain_text(words)
    assert received.page.evaluate("table => table.querySelector('[colspan]').colSpan", table.element_handle()) == 2
    expect(received.output(2)).not_to_contain_text("Error displaying widget")
