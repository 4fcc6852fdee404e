"""The history in real front ends: pages that are turned by a call, marks, and all of it kept in a saved notebook."""

from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .lab import Front

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
NEXT = 'vg.history("boat", provider="relaydance", page=2)'
MARKS = "span[style*='background:rgba(128,128,128,.25)'], span[style*='background: rgba(128, 128, 128, 0.25)']"
OVERFLOW = "root => root.scrollWidth - root.clientWidth"


def tiles(output: Locator) -> Locator:
    return output.get_by_text("nothing was accepted")


def test_pages_are_turned_and_kept(open_notebook: OpenNotebook, front: Front) -> None:
    """24 clips and the call that shows the rest; it shows them; a saved, untrusted notebook says the same."""
    page = open_notebook(
        [SETUP, 'vg.history("boat", provider="relaydance")', NEXT, 'vg.history("BEST 纸船")'], front=front
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
