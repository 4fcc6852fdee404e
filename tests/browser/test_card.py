"""The card in real front ends: it moves whatever the kernel does, and what is saved plays everywhere."""

import json

import pytest
from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .lab import Front, NotebookPage, Theme

SETUP = "import time\nimport vidgen_nb as vg\nvg.setup(simulate=True)\nNone"
MAKE = """
clip = vg.generate("a paper boat (simulate seconds={seconds})", provider="relaydance",
                   model="doubao-seedance-2-0-fast-260128", resolution="480p", aspect_ratio="16:9", duration=4)
clip
"""
PLAYS = "video => !video.paused && video.currentTime > 0.3 && video.videoWidth > 100"
LONG = 60_000  # ms, on a busy machine


def make(seconds: float) -> str:
    return MAKE.format(seconds=seconds).strip()


def state(output: Locator) -> Locator:
    return output.locator(".vg-card").first


def plays(page: NotebookPage, video: Locator) -> None:
    """Start the player and see its time advance."""
    expect(video).to_be_visible(timeout=LONG)
    video.evaluate("video => { video.muted = true; return video.play(); }")
    page.page.wait_for_function(PLAYS, arg=video.element_handle(), timeout=LONG)


def test_the_card_moves_while_another_cell_blocks(open_notebook: OpenNotebook, front: Front) -> None:
    """From queued to the player, all while the kernel's main thread sleeps in another cell."""
    page = open_notebook([SETUP, make(3), "time.sleep(25)"], front=front)
    page.run(0)
    page.run(1)
    page.run(2, wait=False)
    page.wait_busy(2)
    card = state(page.output(1))
    expect(card).to_have_attribute("data-state", "running", timeout=LONG)
    expect(page.output(1).locator("video[src*='clips/']")).to_be_visible(timeout=LONG)
    assert page.is_busy(2)
    plays(page, page.output(1).locator("video"))
    page.interrupt()


def test_the_card_goes_on_after_a_reload(open_notebook: OpenNotebook, front: Front) -> None:
    """The page is loaded anew while it runs: the card reconnects, goes on, and ends with the player."""
    page = open_notebook([SETUP, make(12)], front=front)
    page.run(0)
    page.run(1)
    card = state(page.output(1))
    expect(card).to_have_attribute("data-state", "running", timeout=LONG)
    page.save()
    page.reload()
    expect(state(page.output(1))).to_be_visible(timeout=LONG)
    expect(state(page.output(1))).to_have_attribute("data-state", "succeeded", timeout=LONG)
    expect(page.output(1)).to_contain_text("Run this cell again (free)")
    plays(page, page.output(1).locator("video"))
    page.run(1)
    expect(page.output(1).locator("video[src*='clips/']")).to_be_visible(timeout=LONG)
    assert "<video" in json.dumps(page.save().cells[1].outputs)


def test_a_second_output_shows_the_same(open_notebook: OpenNotebook) -> None:
    """The same clip in another cell: both move, both end as players."""
    page = open_notebook([SETUP, make(5), "clip"])
    page.run(0)
    page.run(1)
    page.run(2)
    for index in (1, 2):
        expect(state(page.output(index))).to_have_attribute("data-state", "running", timeout=LONG)
    for index in (1, 2):
        plays(page, page.output(index).locator("video[src*='clips/']"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_saved_notebook_plays_untrusted(open_notebook: OpenNotebook, front: Front, theme: Theme) -> None:
    """Saved, the kernel gone, opened by somebody else: player and poster, no script, nothing broken."""
    page = open_notebook([SETUP, make(1), "clip.wait()\nNone"], front=front, theme=theme)
    page.run(0)
    page.run(1)
    page.run(2)
    plays(page, page.output(1).locator("video[src*='clips/']"))
    saved = page.save()
    (card,) = saved.cells[1].outputs
    assert set(card["data"]) == {"text/html", "text/plain", "image/jpeg"}
    assert len(json.dumps(card)) < 50_000
    assert "widgets" not in saved.metadata
    received = page.reopen_untrusted()
    assert not received.trusts(1)
    video = received.output(1).locator("video")
    assert video.get_attribute("poster")
    plays(received, video)
    expect(received.output(1)).to_contain_text("Succeeded")
    expect(received.output(1)).not_to_contain_text("Error displaying widget")


def test_an_unfinished_card_says_how_to_go_on(open_notebook: OpenNotebook) -> None:
    """Saved while it ran, opened untrusted: its last status, its id, and the line that resumes it."""
    page = open_notebook([SETUP, make(60), "print(clip.id)"])
    page.run(0)
    page.run(1)
    page.run(2)
    expect(state(page.output(1))).to_have_attribute("data-state", "running", timeout=LONG)
    page.save()
    id = page.text(2).strip()
    received = page.reopen_untrusted()
    expect(received.output(1)).to_contain_text(f'vg.resume("{id}")')
    expect(received.output(1)).to_contain_text("when this notebook was saved")


def test_nothing_moves_when_it_ends(open_notebook: OpenNotebook) -> None:
    """Picture box and text column stay where they were, to the pixel, when the card becomes static."""
    page = open_notebook([SETUP, make(4)])
    page.run(0)
    page.run(1)
    output = page.output(1)
    expect(state(output)).to_have_attribute("data-state", "running", timeout=LONG)
    picture = output.locator(".vg-pic").bounding_box()
    prompt = output.locator(".vg-prompt").bounding_box()
    video = output.locator("video[src*='clips/']")
    expect(video).to_be_visible(timeout=LONG)
    text = output.get_by_text("a paper boat").first.bounding_box()
    after = video.bounding_box()
    assert picture
    assert prompt
    assert text
    assert after
    for side in ("x", "y", "width", "height"):
        assert after[side] == pytest.approx(picture[side], abs=0.6), side  # type: ignore[literal-required]
    assert (text["x"], text["y"]) == pytest.approx((prompt["x"], prompt["y"]), abs=0.6)
