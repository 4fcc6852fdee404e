"""A sweep in real front ends: the plan, one living grid, its button and keys, and what is saved of it."""

import json

import pytest
from playwright.sync_api import Locator, expect

from .cards import LONG, plays
from .conftest import OpenNotebook
from .lab import Front, Theme

SETUP = "import time\nimport vidgen_nb as vg\nvg.setup(simulate=True)\nNone"
FIXED = """provider="relaydance", model="doubao-seedance-2-0-fast-260128", resolution="480p", aspect_ratio="16:9",
                 duration=4"""


def sweep(subjects: str, how: str, run: str = ".run()") -> str:
    return f'sweep = vg.sweep("a {{subject}}, {{how}}", subject={subjects}, how={how},\n{" " * 17}{FIXED})\nsweep{run}'


def tile(output: Locator, number: int) -> Locator:
    """A tile of the living grid."""
    return output.locator(f".vg-tile[data-tile='{number}']")


def state(output: Locator, number: int) -> Locator:
    return tile(output, number).locator(".vg-tilebody")


def test_from_plan_to_players(open_notebook: OpenNotebook, front: Front) -> None:
    """The plan is a table; the run is one widget that moves while a cell blocks; its end is a grid of native players,
    which plays untrusted. Running the cells again in a fresh kernel is free.
    """
    quick = '["calm (simulate seconds=2)", "storm (simulate seconds=1 fail=moderation)"]'
    cells = [
        SETUP,
        sweep('["fox", "owl"]', quick, ""),
        "run = sweep.run(parallel=2)\nrun",
        "time.sleep(60)",
        "run.wait()\nprint(len(run.clips), sorted(run.errors))",
        "print(sweep.counts)",
    ]
    page = open_notebook(cells, front=front)
    page.run(0)
    page.run(1)
    expect(page.output(1)).to_contain_text("4 clips: 4 new")
    page.run(2)
    page.run(3, wait=False)
    page.wait_busy(3)
    expect(page.output(2).locator(".vg-set")).to_have_count(1)
    expect(page.output(2).locator(".vg-tile")).to_have_count(4)
    expect(state(page.output(2), 0)).to_have_attribute("data-state", "running", timeout=LONG)
    players = page.output(2).locator("video[src*='clips/']")
    expect(players).to_have_count(2, timeout=LONG)
    assert page.is_busy(3)
    page.interrupt()
    page.wait_idle(3)
    expect(page.output(2)).to_contain_text("blocked by the filter")
    assert players.first.get_attribute("preload") == "none"
    plays(page, players.first)
    page.run(4)
    assert page.text(4) == "4 [2, 4]\n"
    saved = page.save()
    (grid,) = saved.cells[2].outputs
    assert set(grid["data"]) == {"text/html", "text/plain"}
    assert len(json.dumps(grid)) < 60_000

    received = page.reopen_untrusted()
    assert not received.trusts(2)
    plays(received, received.output(2).locator("video").nth(1))
    columns = (
        received.output(2)
        .locator("video")
        .first.evaluate("v => [...new Set([...v.closest('div[style*=grid]').children].map(e => e.offsetLeft))].length")
    )
    assert columns == 3, "a label and two tiles in each row"
    for number in (0, 1):
        received.run(number)
    expect(received.output(1)).to_contain_text("4 exist already")
    received.run(2)
    expect(received.output(2).locator("video[src*='clips/']")).to_have_count(2, timeout=LONG)
    expect(received.output(2)).to_contain_text("reused")


def test_the_button_stops_the_rest(open_notebook: OpenNotebook, front: Front) -> None:
    """Pressed while a cell blocks, it is heard at once: what runs goes on, the rest is not sent, as the end says."""
    cells = [SETUP, sweep('["fox"]', '["a (simulate seconds=3)", "b", "c"]', ".run(parallel=1)"), "time.sleep(60)"]
    page = open_notebook(cells, front=front)
    page.run(0)
    page.run(1)
    page.run(2, wait=False)
    page.wait_busy(2)
    output = page.output(1)
    expect(state(output, 0)).to_have_attribute("data-state", "running", timeout=LONG)
    output.get_by_text("Stop submitting the rest").click()
    expect(output).to_contain_text("2 not sent", timeout=LONG)
    expect(output.locator("video[src*='clips/']")).to_have_count(1, timeout=LONG)
    expect(output).to_contain_text("makes only what is missing")
    assert page.is_busy(2)
    page.interrupt()


def test_keys_open_the_card_of_a_clip(open_notebook: OpenNotebook, front: Front) -> None:
    """Arrows move from tile to tile, Enter opens the clip's living card under the grid, with its buttons; a reload
    finds everything again; an unknown outcome keeps the grid alive until it is resolved.
    """
    page = open_notebook([SETUP, sweep('["fox", "owl"]', '["a (simulate lost_reply)", "b (simulate seconds=2)"]')],
                         front=front)  # fmt: skip
    page.run(0)
    page.run(1)
    output = page.output(1)
    expect(state(output, 2)).to_have_attribute("data-state", "unknown", timeout=LONG)
    expect(state(output, 3)).to_have_attribute("data-state", "succeeded", timeout=LONG)
    expect(output).to_contain_text("2 unknown")
    page.save()
    page.reload()
    output = page.output(1)
    expect(state(output, 1)).to_have_attribute("data-state", "succeeded", timeout=LONG)
    tile(output, 0).press("ArrowRight")
    expect(tile(output, 1)).to_be_focused()
    page.page.keyboard.press(" ")
    plays(page, tile(output, 1).locator("video[src]"))
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowLeft")
    expect(tile(output, 2)).to_be_focused()
    page.page.keyboard.press("Enter")
    card = output.locator(".vg-opened .vg-card")
    expect(card).to_have_attribute("data-state", "unknown", timeout=LONG)
    card.get_by_text("Not billed").click()
    card.get_by_text("Press again").or_(card.get_by_text("Not billed")).first.click()
    expect(state(output, 2)).to_have_attribute("data-state", "refused", timeout=LONG)
    tile(output, 0).locator(".vg-do").click()
    expect(card).to_have_attribute("data-state", "unknown", timeout=LONG)
    card.get_by_text("Not billed").click()
    expect(state(output, 0)).to_have_attribute("data-state", "refused", timeout=LONG)
    page.run(1)
    expect(page.output(1)).to_contain_text("reused", timeout=LONG)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_saved_while_it_runs(open_notebook: OpenNotebook, theme: Theme) -> None:
    """Beside the widget stands the grid as it stood: who opens it untrusted sees no error, and how to go on."""
    cells = [SETUP, sweep('["fox"]', '["a (simulate seconds=60)", "b"]', ".run(parallel=1)")]
    page = open_notebook(cells, theme=theme)
    page.run(0)
    page.run(1)
    expect(state(page.output(1), 0)).to_have_attribute("data-state", "running", timeout=LONG)
    page.save()
    received = page.reopen_untrusted()
    expect(received.output(1)).to_contain_text("makes only what is missing")
    expect(received.output(1)).not_to_contain_text("Error displaying widget")
