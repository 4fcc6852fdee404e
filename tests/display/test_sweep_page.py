"""The grid of a sweep in a browser: geometry, colours, keys, and a hundred tiles. No Jupyter, no network."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from vidgen_nb.display import sweep, sweep_saved
from vidgen_nb.display.estimate import LONGER, SOON
from vidgen_nb.display.html import Link, data_link
from vidgen_nb.display.saved import Player
from vidgen_nb.display.sweep import Cell, Grid
from vidgen_nb.display.sweep_live import LiveGrid
from vidgen_nb.display.words import Tick
from vidgen_nb.records import Status

from .stand_ins import FACTS, NOW, jpeg, make
from .sweeps import axis, grid
from .test_page import FONTS, LINKS, PLACE, QUESTIONS, THEMES

pytestmark = pytest.mark.browser

SCRIPT, STYLE = str(LiveGrid._esm), str(LiveGrid._css)
POSTER = data_link("image/jpeg", jpeg(320, 180))
Mount = Callable[..., Page]


def player(name: str) -> Player:
    return Player(src="https://localhost/x.mp4", poster=POSTER, file=name)


def poster_of(made: Grid, number: int) -> Link | None:
    record = made.cells[number].record
    return POSTER if record is not None and record.status is Status.SUCCEEDED else None


def parts_of(made: Grid) -> dict[str, Any]:
    """The traits of the widget."""
    tiles = {f"tile{n}": str(sweep.tile(cell, poster_of(made, n))) for n, cell in enumerate(made.cells)}
    around = {"head": sweep.head(made), "bar": sweep.bar(made), "counts": sweep.counts(made)}
    return {**around, "frame": sweep.frame(made), "ratio": f"{made.ratio:g}", "tiles": len(made.cells), **tiles}


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One tab for all tests, with the browser's own clock: frames are counted."""
    context = browser.new_context(viewport={"width": 1000, "height": 1400})
    context.route("**/*", lambda route: route.fulfill(body="") if route.request.url == PLACE else route.abort())
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


@pytest.fixture
def mount(tab: Page) -> Iterator[Mount]:
    """Put the living and the static grid on a page, under each other, in a cell of `width` pixels."""
    page = tab
    errors: list[str] = []

    def note(error: Any) -> None:
        errors.append(str(error))

    page.on("pageerror", note)
    page.goto(PLACE)
    page.evaluate(QUESTIONS)

    def put(made: Grid, *, width: int = 880, theme: str = "light", static: bool = True) -> Page:
        players = {n: player(f"clips/{n}.mp4") for n in range(len(made.cells)) if poster_of(made, n)}
        saved = sweep_saved.as_html(made, players) if static else ""
        page.set_content(
            f"<style>:root {{ {FONTS} {THEMES[theme]} }} body {{ margin: 8px; background: var(--jp-layout-color0);"
            f"color: var(--jp-ui-font-color0); }} a {{ color: {LINKS[theme]}; }} {STYLE}</style>"
            f'<div id="live" style="width:{width}px"></div><div id="static" style="width:{width}px">{saved}</div>'
        )
        page.evaluate("tests.mount", [SCRIPT, parts_of(made)])
        page.wait_for_function("document.querySelector('#live .vg-tilebody')")
        return page

    yield put
    page.remove_listener("pageerror", note)
    page.set_viewport_size({"width": 1000, "height": 1400})
    assert errors == []


def boxes(page: Page, root: str, path: str) -> list[list[float]]:
    """x, y, width, height of each, from the corner of the grid."""
    found: list[list[float]] = page.evaluate(
        """([root, path]) => {
          const corner = document.querySelector(root).getBoundingClientRect();
          return [...document.querySelectorAll(path)].map(e => e.getBoundingClientRect())
            .map(b => [b.x - corner.x, b.y - corner.y, b.width, b.height]);
        }""",
        [root, path],
    )
    return found


ROOTS = ("#live .vg-set", "#static > div")
STATIC_GRID = "#static > div > div:nth-child(4) > div"


# ── geometry ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("ratio", [16 / 9, 9 / 16], ids=["wide", "tall"])
@pytest.mark.parametrize("width", [1200, 880])
def test_the_swap_moves_nothing(mount: Mount, width: int, ratio: float) -> None:
    """Every tile, picture and label stands where it stood, when the grid becomes static."""
    page = mount(grid(done=True, ratio=ratio), width=width)
    page.set_viewport_size({"width": 1300, "height": 1400})
    live = boxes(page, ROOTS[0], "#live .vg-grid .vg-pic")
    saved = boxes(page, ROOTS[1], f"{STATIC_GRID} > div:not(:first-child) > div:first-child:not(:only-child)")
    assert len(live) == len(saved) == 12
    for one, other in zip(live, saved, strict=True):
        assert other == pytest.approx(one, abs=0.6)
    bars = [boxes(page, ROOTS[0], "#live .vg-total"), boxes(page, ROOTS[1], "#static > div > div:nth-child(2)")]
    assert bars[0][0] == pytest.approx(bars[1][0], abs=0.6)


def test_one_axis_moves_nothing_either(mount: Mount) -> None:
    """Tiles which follow each other, with their labels above."""
    page = mount(grid(axes=(axis("n", "123456789"),), done=True))
    live = boxes(page, ROOTS[0], "#live .vg-alone .vg-pic")
    saved = boxes(page, ROOTS[1], f"{STATIC_GRID} > div > div + div > div:first-child")
    assert len(live) == len(saved) == 9
    for one, other in zip(live, saved, strict=True):
        assert other == pytest.approx(one, abs=0.6)


def test_a_narrow_cell_scrolls_and_its_labels_stay(mount: Mount) -> None:
    """At 360 pixels nothing is beyond the cell but what scrolls in it, and the row labels stay at the left."""
    page = mount(grid(), width=360)
    assert page.evaluate("document.querySelector('#live .vg-set').getBoundingClientRect().right") <= 368.5
    before = page.evaluate("tests.lefts('#live .vg-axis[data-row]')")
    page.evaluate("document.querySelector('#live .vg-scroll').scrollLeft = 150")
    assert page.evaluate("document.querySelector('#live .vg-scroll').scrollLeft") == 150
    after = page.evaluate("tests.lefts('#live .vg-axis[data-row]')")
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= 17  # the padding scrolls away
    assert min(after) >= 8
    assert page.evaluate("document.querySelector('#static > div').getBoundingClientRect().right") <= 368.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_word_can_be_read(mount: Mount, theme: str) -> None:
    """A contrast of 4.5 to 1 at least, living and saved."""
    assert mount(grid(), theme=theme).evaluate("tests.faint()") == []


# ── keys ──────────────────────────────────────────────────────────────────────
def at(page: Page) -> int:
    """The number of the tile which has the focus."""
    return int(page.evaluate("Number(document.activeElement.dataset?.tile ?? -1)"))


def test_arrows_move_and_enter_opens(mount: Mount) -> None:
    """One tile is reached by Tab; arrows go on from there; none of it reaches the notebook, which has its own keys."""
    page = mount(grid(["succeeded"]))
    page.evaluate("window.leaked = []; document.addEventListener('keydown', e => leaked.push(e.key), true)")
    assert page.evaluate("document.querySelectorAll('#live .vg-tile[tabindex=\"0\"]').length") == 1
    page.locator("#live .vg-tile").first.focus()
    for key, tile in (("ArrowRight", 1), ("ArrowDown", 5), ("ArrowDown", 9), ("ArrowDown", 9), ("ArrowLeft", 8),
                      ("ArrowLeft", 8), ("ArrowUp", 4)):  # fmt: skip
        page.keyboard.press(key)
        assert at(page) == tile, key
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    sent = page.evaluate("sent.filter(message => message.act !== 'hello').map(({ act, number }) => [act, number])")
    assert sent == [["open", 4], ["video", 4]]
    assert page.evaluate("leaked") == []
    page.keyboard.press("x")
    assert page.evaluate("leaked") == ["x"]


def test_buttons_say_what_was_pressed(mount: Mount) -> None:
    """Stop is pressed once; a tile's button opens its card."""
    page = mount(grid())
    page.get_by_text("Stop submitting the rest").click()
    page.get_by_text("4 ways out").click()
    page.get_by_text("Copy as code").click()
    assert page.evaluate("sent.map(({ act }) => act)") == ["hello", "stop", "open", "code"]
    assert page.get_by_text("Stop submitting the rest").is_disabled()


def test_names_and_roles(mount: Mount) -> None:
    """A grid with rows, headers and cells; the bar has its numbers; pictures have words."""
    page = mount(grid(), static=False)
    assert page.get_by_role("grid").count() == 1
    assert page.get_by_role("row").count() == 4
    assert page.get_by_role("rowheader").all_inner_texts()[0] == "lighthouse"
    assert page.get_by_role("columnheader").all_inner_texts()[1:] == ["dawn", "noon", "dusk", "night"]
    assert page.get_by_role("gridcell").count() == 12
    assert page.get_by_role("progressbar", name="5 of 12 clips succeeded").count() == 1
    unnamed = "[...document.querySelectorAll('#live :is(img, video)')].filter(e => !e.alt && !e.ariaLabel).length"
    assert page.evaluate(unnamed) == 0


# ── many ──────────────────────────────────────────────────────────────────────
HUNDRED = (axis("row", [f"row {n}" for n in range(20)]), axis("column", "abcde"))
IN_VIEW = """() => { const seen = [...document.querySelectorAll('#live .vg-tile')].filter(t => {
  const b = t.getBoundingClientRect(); return b.bottom > 0 && b.top < innerHeight; });
  return seen.length && seen.every(t => t.querySelector('video'))
    && document.querySelectorAll('#live video').length === seen.length ? seen.length : 0; }"""


def test_only_tiles_in_view_have_a_video(mount: Mount) -> None:
    """The others have their poster; scrolling takes videos away again. None loads anything before it is played."""
    page = mount(grid(["succeeded"], axes=HUNDRED), static=False)
    page.wait_for_function(IN_VIEW)
    first = page.evaluate(IN_VIEW)
    assert 5 <= first < 100
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(IN_VIEW)
    assert page.evaluate("document.querySelector('#live [data-tile=\"0\"] video') === null")
    assert page.evaluate("[...document.querySelectorAll('#live video')].every(v => v.preload === 'none' && !v.src)")
    assert page.evaluate("sent.map(({ act }) => act)") == ["hello"]


def test_a_film_is_asked_for_once_and_plays_in_its_tile(mount: Mount) -> None:
    """A click asks for the bytes; what comes is played with the browser's own controls, and let go out of view."""
    page = mount(grid(["succeeded"], axes=HUNDRED), static=False)
    page.wait_for_function(IN_VIEW)
    video = page.locator("#live .vg-tile video").first
    video.click()
    video.click()
    view = page.evaluate("sent.at(-1).view")
    assert page.evaluate("sent.filter(({ act }) => act === 'video').length") == 1
    page.evaluate("view => model.hear({ view, video: 0, words: '' }, [new Uint8Array(8)])", view)
    assert video.get_attribute("src").startswith("blob:")  # type: ignore[union-attr]
    assert video.get_attribute("controls") is not None
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function("document.querySelector('#live [data-tile=\"0\"] video') === null")


CHANGE = """async step => {
  const changed = {};
  const moved = html => html.replace(/--p:[0-9.]+/g, `--p:${10 + step}`);
  for (let n = 0; n < 100; n++) changed[`tile${n}`] = moved(model.get(`tile${n}`));
  model.set(changed);
  const there = `#live [data-tile='99'] [style='--p:${10 + step}']`;
  while (!document.querySelector(there)) await new Promise(requestAnimationFrame);
}"""
ANEW = """async () => {
  const grid = document.querySelector("#live"), again = grid.cloneNode(true);
  grid.after(again);
  again.getBoundingClientRect();
  await new Promise(requestAnimationFrame);
  again.remove();
}"""


def test_a_hundred_running_tiles_leave_the_page_free(mount: Mount) -> None:
    """All of them change at once, as they do four times a second at most: that costs the page a few times what it
    takes to lay out the grid anew, each time. Told beside it, in the time of the processor: on a busy machine both
    take longer.
    """
    page = mount(grid(["running"], axes=HUNDRED), static=False)
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = tools.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    spent, anew = [], []
    for step in range(8):
        before = busy()
        page.evaluate(CHANGE, step)
        spent.append(busy() - before)
        before = busy()
        page.evaluate(ANEW)
        anew.append(busy() - before)
    assert 0 < min(spent) < 8 * min(anew), (spent, anew)


PLACES = """async path => {
  const seen = new Set(), piece = document.querySelector(path), began = performance.now();
  while (seen.size < 4 && performance.now() - began < 8000) {
    seen.add(getComputedStyle(piece).transform);
    await new Promise(requestAnimationFrame);
  }
  return seen.size;
}"""
OPEN = "#live .vg-track[data-open] > i"


def test_tiles_which_work_without_saying_how_far_move_by_steps(mount: Mount) -> None:
    """Each open track goes on a few times a second, and no animation has the whole grid composed anew in each frame;
    what is out of view stands, and so does everything for who wants it still.
    """
    page = mount(grid(["running, silent"], axes=HUNDRED), static=False)
    assert page.evaluate(PLACES, OPEN) == 4
    assert page.evaluate("document.getAnimations().length") == 0
    last = f"#live [data-tile='99'] {OPEN.removeprefix('#live')}"
    assert page.evaluate("path => document.querySelector(path).style.transform", last) == ""
    page.emulate_media(reduced_motion="reduce")
    still = page.evaluate("path => getComputedStyle(document.querySelector(path)).transform", OPEN)
    page.emulate_media(reduced_motion="no-preference")
    assert still == "none"


def test_a_step_of_a_tile_lays_nothing_out_anew(mount: Mount) -> None:
    """A track jumps to its next per cent: a transition of a hundred would cost a layout in every frame."""
    page = mount(grid(["running"], axes=HUNDRED), static=False)
    moved = "n => model.get(`tile${n}`).replace(/--p:[0-9.]+/g, '--p:77')"
    page.evaluate(f"model.set({{ tile0: ({moved})(0) }})")
    page.wait_for_function("document.querySelector('#live [data-tile=\"0\"] .vg-track').style.cssText.includes('77')")
    assert page.evaluate("document.getAnimations().length") == 0


def test_an_estimate_in_a_tile_runs_out_by_itself(mount: Mount) -> None:
    """The tile and the whole say it on their line as time goes by; the sums stay on theirs."""
    record = make(Status.RUNNING, expected=NOW + 100, expected_late=NOW + 200)
    cells = [Cell((0,), "relaydance", record, FACTS)]
    made = replace(grid(axes=(axis("n", "1"),)), cells=cells, left=sweep.time_left(cells, {"relaydance": 1}, NOW) or "")
    page = mount(made, static=False, width=360)
    view = page.evaluate("sent[0].view")
    heights = set()
    for seconds, said in ((0, "about 1\xa0min\xa040\xa0s left"), (101, SOON), (201, LONGER)):
        page.evaluate("m => model.hear(m)", {"view": view, "now": NOW + seconds})  # what time it is by the kernel
        for path in (".vg-wait > span", ".vg-left"):
            expect(page.locator(f"#live {path}")).to_have_text(said)
        assert page.evaluate("tests.beyond", 368) == []
        heights.add(page.evaluate("document.querySelector('#live .vg-set').clientHeight"))
    assert len(heights) == 1


def test_a_kernel_that_is_gone_promises_nothing(mount: Mount) -> None:
    """Once its kernel is gone the grid stands still, takes no press, and says how to go on, within its cell."""
    soon = Tick("about", NOW + 60, "about ", " left")
    made = grid(["running, silent", "running, with a past"], axes=HUNDRED)
    page = mount(replace(made, left=soon), static=False, width=360)
    assert page.evaluate(PLACES, OPEN) == 4
    page.evaluate("model.end()")
    counts = page.locator("#live .vg-counts")
    expect(counts).to_contain_text("Its kernel is gone. Running this cell again makes only what is missing.")
    assert "left" not in page.locator("#live").text_content()
    assert page.locator("#live .vg-set button:enabled").count() == 0
    assert page.evaluate(PLACES.replace("8000", "700"), OPEN) == 1
    assert page.evaluate("tests.beyond(368, '#live .vg-set > :not(.vg-scroll) *')") == []


def test_nothing_is_left_behind(mount: Mount) -> None:
    """A view that goes takes its listeners, its timers and its keys with it."""
    page = mount(grid())
    page.evaluate("end()")
    assert page.evaluate("model.listening()") == 0
    assert page.evaluate("sent.at(-1).act") == "bye"
