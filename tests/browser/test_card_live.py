"""The living card in real front ends: it moves and listens whatever the kernel does, and ends without a jump."""

import json
import re

import pytest
from playwright.sync_api import expect

from .cards import LONG, QUESTIONS, SETUP, STAGE, asking, boxes, card, plays
from .conftest import OpenNotebook
from .lab import Front, Kernel, NotebookPage

BLOCK = "import time\ntime.sleep(120)"
BUTTONS = "stage.answering('running')\nstage.answering('unknown, tall')\nstage.answering('stuck')"
AGAIN = re.compile("^Send again|^Press again")
SHAPES = ("16:9", "9:16", "1:1")
# Only a press of the button asks the provider.
NEVER = SETUP.replace("simulate=True", "simulate=True, timing=vg.Timing(first_poll=600, min_gap=600, max_gap=600)")


def test_a_busy_kernel_changes_nothing(open_notebook: OpenNotebook, front: Front) -> None:
    """While another cell blocks: two cards of one clip go from queued to the player. No widget is saved."""
    page = open_notebook([SETUP, asking(3), "clip", BLOCK], front=front)
    page.run(0)
    page.run(1)
    page.run(2)
    page.run(3, wait=False)
    page.wait_busy(3)
    for index in (1, 2):
        expect(card(page.output(index))).to_have_attribute("data-state", "running", timeout=LONG)
    for index in (1, 2):
        plays(page, page.output(index).locator("video[src*='clips/']"))
    assert page.is_busy(3)
    page.interrupt()
    saved = page.save()
    for index in (1, 2):
        (output,) = saved.cells[index].outputs
        assert set(output["data"]) == {"text/html", "text/plain", "image/jpeg"}


def test_check_now_asks_the_provider_while_a_cell_blocks(open_notebook: OpenNotebook) -> None:
    """A clip that is never asked for by itself goes on when the button is pressed, and only then."""
    page = open_notebook([NEVER, asking(0), BLOCK])
    page.run(0)
    page.run(1)
    page.run(2, wait=False)
    page.wait_busy(2)
    expect(card(page.output(1))).to_have_attribute("data-state", "queued")
    while not page.output(1).locator("video[src*='clips/']").count():  # it is asked once per press
        page.output(1).get_by_role("button", name="Check now").click(timeout=LONG)
        page.page.wait_for_function(
            "() => !document.querySelector('.vg [data-act=check]:disabled')", timeout=LONG
        )  # as long as it shows that it was pressed
    assert page.is_busy(2)
    page.interrupt()


@pytest.mark.parametrize("kernel", ["python3", "ipykernel-6"])
def test_every_button_is_heard(open_notebook: OpenNotebook, front: Front, kernel: Kernel) -> None:
    """While a cell blocks each button reacts at once; on an old kernel it shows that it was pressed, and acts later."""
    page = open_notebook(
        [STAGE, "import ipykernel; print(ipykernel.__version__)", BUTTONS, BLOCK], front=front, kernel=kernel
    )
    page.run(0)
    page.run(1)
    assert page.text(1).startswith("6.31.") == (kernel == "ipykernel-6")
    page.run(2)
    page.run(3, wait=False)
    page.wait_busy(3)
    if kernel == "python3":
        _press_all(page)
        assert page.is_busy(3)
        page.interrupt()
        return
    button = page.output(2).get_by_role("button", name="Check now")
    button.click()
    expect(button).to_be_disabled()
    expect(page.output(2)).not_to_contain_text("heard check")
    assert page.is_busy(3)
    page.interrupt()
    expect(page.output(2)).to_contain_text("heard check", timeout=LONG)
    _press_all(page)


def _press_all(page: NotebookPage) -> None:
    """Press every button of a running, an unknown and a stuck card, and see that the kernel heard it."""
    output = page.output(2)
    running, unknown, stuck = (output.get_by_role("article").nth(number) for number in range(3))
    running.get_by_role("button", name="Check now").click()
    expect(running).to_contain_text("heard check")
    running.get_by_role("button", name="Copy as code").click()
    expect(running.get_by_role("button", name="Copied")).to_be_visible()
    unknown.get_by_role("button", name="Search the provider").click()
    expect(unknown).to_contain_text("heard reconcile", ignore_case=True)
    unknown.get_by_role("button", name="Adopt a task id").click()
    unknown.get_by_role("textbox", name="Task id").press_sequentially("dd-x")  # "dd" deletes a cell where it gets there
    unknown.get_by_role("textbox", name="Task id").press("Enter")
    expect(unknown).to_contain_text("heard adopt dd-x", ignore_case=True)
    unknown.get_by_role("button", name="Not billed").click()
    expect(unknown).to_contain_text("heard resolve", ignore_case=True)
    unknown.get_by_role("button", name=AGAIN).click()
    page.page.wait_for_function("performance.now() > document.querySelector('[data-armed]').dataset.armed")
    unknown.get_by_role("button", name=AGAIN).click()
    expect(unknown).to_contain_text("heard resubmit", ignore_case=True)
    unknown.get_by_role("button", name="Copy report").click()
    expect(unknown.get_by_role("button", name="Copied")).to_be_visible()
    stuck.get_by_role("button", name="Resume").click()
    expect(stuck).to_contain_text("heard resume", ignore_case=True)
    expect(page.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(4)


def test_nothing_moves_when_it_ends(open_notebook: OpenNotebook, front: Front) -> None:
    """Picture, strip and text column stay to the pixel when a card becomes static, wide and narrow, in every shape."""
    cells = [f"end = stage.finishing({shape!r})\nends.append(end)" for shape in SHAPES]
    page = open_notebook([f"{STAGE}\nends = []", *cells, "for end in ends: end()"], front=front)
    for index in range(len(SHAPES) + 1):
        page.run(index)
    before = {}
    shown = range(1, len(SHAPES) + 1)
    for width in (900, 360):
        page.set_width(width)
        for index in shown:
            expect(card(page.output(index))).to_have_attribute("data-state", "running")
            before[width, index] = boxes(page.output(index))
    page.run(len(SHAPES) + 1)
    for index in shown:
        plays(page, page.output(index).locator("video[src*='clips/']"))
    for width in (900, 360):
        page.set_width(width)
        for index in shown:
            after = boxes(page.output(index))
            for name, box in before[width, index].items():
                if (name, width) not in {("card", 360), ("text", 360)}:  # there the words decide their own height
                    assert after[name] == pytest.approx(box, abs=0.6), (width, SHAPES[index - 1], name)


# what a head says, one after the other
HEARD = """output => {
  const head = output.querySelector(".vg-when");
  window.heard = [head.textContent];
  const watcher = new MutationObserver(() => heard.push(head.textContent));
  watcher.observe(head, { childList: true, subtree: true, characterData: true });
}"""


def test_the_time_left_runs_out_by_itself(open_notebook: OpenNotebook, front: Front) -> None:
    """With a known past a card counts down, says that it is soon, then that it is late, while the kernel is busy with
    something else and sends nothing; it ends as ever, and nothing moves in between.
    """
    cells = [STAGE, "expect, end = stage.expecting()", "expect(5, 9)", "import time\ntime.sleep(60)", "end()"]
    page = open_notebook(cells, front=front)
    page.run(0)
    page.run(1)
    output = page.output(1)
    expect(card(output)).to_contain_text("for ")
    before = boxes(output)
    output.evaluate(HEARD)
    page.run(2)
    page.run(3, wait=False)
    expect(output.locator(".vg-when")).to_have_text("taking longer than usual", timeout=LONG)
    heard = page.page.evaluate("heard.map(text => text.replaceAll('\\u00a0', ' '))")
    first = heard.index("about 5 s left")
    assert heard[first:] == ["about 5 s left", "any moment now", "taking longer than usual"]
    assert boxes(output) == before
    page.wait_busy(3)
    page.interrupt()
    page.wait_idle(3)
    page.run(4)
    plays(page, output.locator("video[src*='clips/']"))
    for name, box in boxes(output).items():
        assert box == pytest.approx(before[name], abs=0.6), name


def test_it_goes_on_after_a_reload(open_notebook: OpenNotebook, front: Front) -> None:
    """The page is loaded anew while it runs: the card reconnects, goes on, and ends with the player in its place."""
    page = open_notebook([SETUP, asking(12)], front=front)
    page.run(0)
    page.run(1)
    expect(card(page.output(1))).to_have_attribute("data-state", "running", timeout=LONG)
    page.save()
    page.reload()
    expect(card(page.output(1))).to_have_attribute("data-state", "running", timeout=LONG)
    before = boxes(page.output(1))
    expect(card(page.output(1))).to_have_attribute("data-state", "succeeded", timeout=LONG)
    expect(page.output(1)).to_contain_text("Run this cell again (free)")
    after = boxes(page.output(1))
    for name in ("picture", "strip", "text", "card"):
        assert after[name] == pytest.approx(before[name], abs=0.6), name
    plays(page, page.output(1).locator("video"))
    page.run(1)
    expect(page.output(1).locator("video[src*='clips/']")).to_be_visible(timeout=LONG)
    assert "<video" in json.dumps(page.save().cells[1].outputs)


def test_a_kernel_that_ends(open_notebook: OpenNotebook, front: Front) -> None:
    """Restarted, the front end hears no last words: the card says so and stands still. Shut down, it becomes static."""
    page = open_notebook([SETUP, asking(90), "clip"], front=front)
    for index in range(3):
        page.run(index)
    expect(card(page.output(1))).to_have_attribute("data-state", "running", timeout=LONG)
    page.restart_kernel()
    expect(page.output(1)).to_contain_text("Its kernel is gone", timeout=LONG)
    expect(page.output(1).get_by_role("button", name="Check now")).to_be_disabled()
    assert page.output(1).locator(".vg-track i").evaluate("track => getComputedStyle(track).animationName") == "none"
    page.run(0)
    page.run(1)  # the same clip, which goes on in the next kernel
    expect(card(page.output(1))).to_have_attribute("data-state", "running", timeout=LONG)
    expect(page.output(1)).not_to_contain_text("Its kernel is gone")
    page.shut_down_kernel()
    expect(page.output(1)).to_contain_text("when this notebook was saved", timeout=LONG)
    expect(page.output(1)).to_contain_text("vg.resume(")


def test_everybody_can_use_it(open_notebook: OpenNotebook, front: Front) -> None:
    """Roles, names, the keyboard, a focus ring, stillness on demand, and contrast: in a notebook, light and dark."""
    page = open_notebook(
        [STAGE, "for name in stage.CASES:\n    stage.living(name)\n    stage.saved(name)"], front=front
    )
    page.run(0)
    page.run(1)
    output = page.output(1)
    expect(output.get_by_role("article", name="Running: a paper boat drifting").first).to_be_visible()
    expect(output.get_by_role("progressbar", name="progress").first).to_be_visible()
    expect(output.get_by_role("status").filter(has_text="Outcome unknown").first).to_be_attached()
    button = output.get_by_role("article", name="Running").first.get_by_role("button", name="Check now")
    button.focus()
    page.page.keyboard.press("Tab")
    following = output.get_by_role("article", name="Running").first.get_by_role("button", name="Copy as code")
    expect(following).to_be_focused()
    ring = following.evaluate(
        "button => (({ outlineStyle, outlineWidth }) => [outlineStyle, outlineWidth])(getComputedStyle(button))"
    )
    assert ring == ["solid", "2px"]
    page.page.keyboard.press("Enter")
    expect(output.get_by_role("button", name="Copied")).to_be_visible()
    moving = "tracks => new Set(tracks.map(track => getComputedStyle(track).animationName)).size"
    tracks = output.locator(".vg-track i")
    assert tracks.evaluate_all(moving) == 2, "some move, some do not"
    page.page.emulate_media(reduced_motion="reduce")
    assert tracks.evaluate_all(moving) == 1
    page.page.evaluate(QUESTIONS)
    for theme in ("light", "dark"):
        page.set_theme(theme)
        assert page.page.evaluate("tests.faint('.jp-OutputArea-output *')") == [], theme
