"""The history in real front ends: searched in its form, turned by calls, and kept in a saved notebook."""

import json

from playwright.sync_api import Locator, expect

from .cards import LONG
from .conftest import OpenNotebook
from .lab import Front, NotebookPage

SETUP = """
import vidgen_nb as vg
from vidgen_nb.records import SIMULATED_COST, Record, Status
studio = vg.setup(simulate=True)
for n in range(30):
    prompt = f"雨中的纸船 boat {n}" if n % 3 else f"a paper Boat drifting in the rain on dark water, slow dolly-in {n}"
    row = Record(id=f"sim-{n:010x}", identity=str(n), provider="relaydance", origin="simulator", model="m",
                 asked={"prompt": prompt}, cost=SIMULATED_COST, created=1.79e9 + n, updated=1.79e9)
    row, _ = studio.ledger.intend(row)
    studio.ledger.change(row, status=Status.REFUSED, note="the best <b>one</b>" if n == 29 else "")
None
""".strip()
LOST = """
row, _ = studio.ledger.intend(Record(id="sim-lost", identity="lost", provider="aioagi", origin="simulator", model="m",
                                     asked={"prompt": "a lost boat"}, created=1.7e9, updated=1.7e9))
studio.ledger.change(row, status=Status.UNKNOWN)
None
""".strip()
BLOCK = "import time\ntime.sleep(600)"
NEXT = 'vg.history("boat", provider="relaydance", page=2)'
MARKS = "span[style*='background:rgba(128,128,128,.25)'], span[style*='background: rgba(128, 128, 128, 0.25)']"
OVERFLOW = "root => root.scrollWidth - root.clientWidth"


def tiles(output: Locator) -> Locator:
    return output.get_by_text("nothing was accepted")


def form(page: NotebookPage, index: int) -> Locator:
    """The living history in a cell's output."""
    found = page.output(index).locator(".vg-history")
    expect(found).to_be_visible(timeout=LONG)
    return found


def test_pages_are_turned_by_calls(open_notebook: OpenNotebook, front: Front) -> None:
    """Where nothing may change: 24 clips and the call that shows the rest; it shows them; a saved, untrusted notebook
    says the same.
    """
    page = open_notebook(
        [SETUP, 'vg.history("boat", provider="relaydance")', NEXT, 'vg.history("BEST 纸船")'],
        front=front,
        env={"VIDGEN_DISPLAY": "static"},
    )
    for index in range(4):
        page.run(index)
    first, second, found = (page.output(index) for index in (1, 2, 3))
    expect(tiles(first)).to_have_count(24)
    expect(first.get_by_text("1–24 of 30 clips, 6 more")).to_be_visible()
    expect(first.get_by_text(f"next: {NEXT}")).to_be_visible()
    expect(first.locator(MARKS)).to_have_count(24)
    expect(tiles(second)).to_have_count(6)
    expect(second.get_by_text('previous: vg.history("boat", provider="relaydance", page=1)')).to_be_visible()
    expect(tiles(found)).to_have_count(1)
    expect(found.get_by_text("note: the best <b>one</b>")).to_be_visible()
    page.set_width(360)
    for output in (first, second, found):
        assert output.evaluate(OVERFLOW) <= 0
    page.save()
    again = page.reopen_untrusted()
    expect(tiles(again.output(1))).to_have_count(24)
    expect(again.output(1).get_by_text(f"next: {NEXT}")).to_be_visible()
    again.set_width(360)
    left, right = (tiles(again.output(1)).nth(n).bounding_box() for n in range(2))
    assert left
    assert right
    assert (left["y"], left["x"] < right["x"]) == (right["y"], True)  # two beside each other


def test_it_is_searched_in_its_form(open_notebook: OpenNotebook, front: Front) -> None:
    """Typed, turned and chosen, also while a cell runs; its keys are not the notebook's; nothing is asked of the
    network, and nothing pops up.
    """
    page = open_notebook([f"{SETUP}\n{LOST}", 'vg.history("boat")', BLOCK], front=front)
    page.run(0)
    page.run(1)
    found = form(page, 1)
    asked: list[str] = []
    said: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    page.page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    count, hits = found.get_by_role("status"), found.get_by_role("listitem")
    text, following = found.get_by_role("searchbox"), found.get_by_role("button", name="Next", exact=True)
    expect(text).to_have_value("boat")
    expect(count).to_have_text("31 clips")
    expect(hits).to_have_count(24)
    expect(hits.first).to_contain_text("unknown")
    following.click()
    expect(found.get_by_text("25–31 of 31, unknown first, then newest")).to_be_visible(timeout=LONG)
    expect(following).to_be_disabled()

    text.fill("")
    text.press_sequentially("BEST 纸船 d")
    text.press("Backspace")
    text.press("d")  # of the notebook, d d would delete the cell
    text.press("Backspace")
    text.press("Backspace")
    expect(count).to_have_text("1 clip", timeout=LONG)
    expect(found.locator("mark")).to_have_text(["纸船", "best"])
    expect(found.get_by_text("note: the best <b>one</b>")).to_be_visible()
    for keys in ("Shift+Enter", "Control+Enter", "Alt+Enter"):
        text.press(keys)
    expect(text).to_be_focused()
    expect(page.page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)

    page.run(2, wait=False)
    page.wait_busy(2)
    expect(text).to_have_value("BEST 纸船")  # the cell did not run again: that would have been before this one
    text.fill("")
    found.get_by_role("combobox", name="State").select_option("unknown")
    expect(count).to_have_text("1 clip", timeout=LONG)
    found.get_by_role("combobox", name="Provider").select_option(label="RelayDance")
    expect(found.get_by_text("nothing of this kind")).to_be_visible(timeout=LONG)
    assert page.is_busy(2)
    page.interrupt()
    assert said == []
    assert [url for url in asked if not url.startswith((page.jupyter.url, "data:", "blob:"))] == []


def test_what_stays_of_it(open_notebook: OpenNotebook, front: Front) -> None:
    """A card opens under it, mistakes are told in it; saved, received by others or without its kernel it is the page of
    the call.
    """
    page = open_notebook([f"{SETUP}\n{LOST}", 'vg.history("boat")'], front=front)
    page.run(0)
    page.run(1)
    found = form(page, 1)
    found.get_by_role("button", name="Open sim-lost").click()
    card = found.locator(".vg-card")
    expect(card).to_contain_text("Outcome unknown", timeout=LONG)
    expect(card.get_by_role("button", name="Not billed")).to_be_enabled()
    found.get_by_role("searchbox").fill("boat " * 201)
    expect(found.get_by_role("alert")).to_contain_text("has 201 words: at most 200 are looked for", timeout=LONG)
    page.set_width(360)
    assert page.output(1).evaluate(OVERFLOW) <= 0

    saved = page.save()
    assert "widgets" not in saved.metadata
    assert "1–24 of 31 clips, 7 more" in saved.cells[1].outputs[0].data["text/html"]
    assert "201 words" not in json.dumps(saved.cells[1].outputs)

    page.restart_kernel()  # the front end hears no last words
    expect(found).to_contain_text("Its kernel is gone. Run this cell again (free) to search.", timeout=LONG)
    expect(found.get_by_role("searchbox")).to_be_disabled()
    page.run(0)
    page.run(1)
    expect(form(page, 1).get_by_role("searchbox")).to_be_enabled()
    page.shut_down_kernel()
    expect(page.output(1).get_by_text("1–24 of 31 clips, 7 more")).to_be_visible(timeout=LONG)

    received = page.reopen_untrusted()
    expect(received.output(1).get_by_text("1–24 of 31 clips, 7 more")).to_be_visible(timeout=LONG)
    expect(tiles(received.output(1))).to_have_count(23)
    expect(received.output(1)).not_to_contain_text("Error displaying widget")


def test_a_page_that_is_loaded_anew_goes_on(open_notebook: OpenNotebook) -> None:
    """With what was searched for last, not with what the call said."""
    page = open_notebook([SETUP, 'vg.history("boat")'])
    page.run(0)
    page.run(1)
    found = form(page, 1)
    found.get_by_role("searchbox").fill("paper")
    expect(found.get_by_role("status")).to_have_text("10 clips", timeout=LONG)
    page.save()
    page.reload()
    found = form(page, 1)
    expect(found.get_by_role("searchbox")).to_have_value("paper")
    expect(found.get_by_role("status")).to_have_text("10 clips")
    found.get_by_role("searchbox").fill("paper 27")
    expect(found.get_by_role("status")).to_have_text("1 clip", timeout=LONG)


def test_money_is_a_table(open_notebook: OpenNotebook, front: Front) -> None:
    """Prices and spending show themselves, and stay within a narrow cell or scroll in it."""
    page = open_notebook(
        [SETUP, 'vg.price("relaydance", "doubao-*", per_second=1.1, unit="CNY")', "vg.spend()"], front=front
    )
    for index in range(3):
        page.run(index)
    expect(page.output(1).locator("td", has_text="1.10 CNY per second")).to_be_visible()
    expect(page.output(2).get_by_text("nothing was spent")).to_be_visible()
    page.set_width(360)
    assert page.output(1).evaluate(OVERFLOW) <= 0
