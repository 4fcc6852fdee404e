"""The living history in a browser, without Jupyter: typing, input methods, keys, pages, colours."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from vidgen_nb.display import gallery
from vidgen_nb.display.history_live import Finder
from vidgen_nb.records import Status

from .stand_ins import CASES, FILE, NOW, Watched, jpeg
from .test_page import FONTS, LINKS, PLACE, QUESTIONS, STYLE, THEMES

pytestmark = pytest.mark.browser

SCRIPT = (Path(gallery.__file__).parent / "history.js").read_text(encoding="utf-8")
TOLD = (
    "sent.filter(one => one.act === 'look').map(({ text, provider, status, page }) => [text, provider, status, page])"
)
# what an input method does in the box: the letters it proposes, and those that are meant in the end
COMPOSE = """([proposed, meant]) => {
  const box = document.querySelector("#live input");
  const said = (kind, data) => box.dispatchEvent(new CompositionEvent(kind, { data }));
  const put = (value, isComposing) => {
    box.value = value;
    box.dispatchEvent(new InputEvent("input", { isComposing, bubbles: true }));
  };
  said("compositionstart", "");
  for (const value of proposed) put(value, true);
  window.finish = () => { put(meant, true); said("compositionend", meant); };
}"""
Mount = Callable[..., Page]


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab with a clock that goes on when it is told to."""
    context = browser.new_context(viewport={"width": 1000, "height": 1400})
    context.route("**/*", lambda route: route.fulfill(body="") if route.request.url == PLACE else route.abort())
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.clock.install(time=NOW)
    yield page
    context.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    (tmp_path / FILE.poster).write_bytes(jpeg(640, 360))
    return tmp_path


def views(home: Path) -> list[Watched]:
    return [Watched(replace(record, id=f"vg-{n:03}"), home) for n, record in enumerate(CASES.values())]


def answer(
    home: Path, text: str = "", *, page: int = 1, pages: int = 7, answered: str = "", **more: Any
) -> dict[str, Any]:
    """The traits of the widget, as the kernel would set them."""
    question = {"text": text, "provider": "", "status": "", "page": page, "pages": pages}
    return {
        "tiles": str(gallery.tiles(views(home), text.split())),
        "count": "148 clips",
        "place": gallery.place_of(24 * (page - 1), 24, 148),
        "trouble": "",
        "only": "",
        "question": json.dumps(question),
        "providers": json.dumps([["aioagi", "AIOAGI"], ["relaydance", "RelayDance"]]),
        "states": json.dumps([[state, state] for state in Status]),
        "answered": answered,
    } | more


@pytest.fixture
def mount(tab: Page, home: Path) -> Iterator[Mount]:
    """Put the widget on a page whose clock stands still, with a notebook around it that listens as JupyterLab does."""
    errors: list[str] = []

    def note(error: Any) -> None:
        errors.append(str(error))

    tab.on("pageerror", note)
    tab.goto(PLACE)
    tab.evaluate(QUESTIONS)

    def put(parts: dict[str, Any] | None = None, *, width: int = 880, theme: str = "light") -> Page:
        tab.clock.resume()
        tab.set_content(
            f"<style>:root {{ {FONTS} {THEMES[theme]} }} body {{ margin: 8px; background: var(--jp-layout-color0);"
            f"color: var(--jp-ui-font-color0); }} a {{ color: {LINKS[theme]}; }} {Finder._css}</style>"
            f"<style>{STYLE}</style>"  # a card shown later brings its style after ours
            f'<div id="live" style="width:{width}px"></div>'
        )
        tab.evaluate(
            "() => { window.heard = []; document.onkeydown = null; window.listening?.abort();"
            " window.listening = new AbortController(); document.addEventListener('keydown',"
            " event => heard.push(event.key), { capture: true, signal: listening.signal }); }"
        )
        tab.evaluate("tests.mount", [SCRIPT, parts or answer(home)])
        expect(tab.locator("#live .vg-hit, #live .vg-nothing").first).to_be_visible()
        tab.clock.pause_at(tab.evaluate("Date.now() / 1000 + 1"))
        return tab

    yield put
    tab.remove_listener("pageerror", note)
    tab.clock.resume()
    assert errors == []


def box(page: Page) -> Any:
    return page.get_by_role("searchbox", name="Search prompts and notes")


def turn(page: Page) -> str:
    """What the kernel says when it has answered the last question."""
    found: str = page.evaluate("(one => `${one.view} ${one.turn}`)(sent.filter(one => one.act === 'look').at(-1))")
    return found


# ── asking ────────────────────────────────────────────────────────────────────
def test_it_is_searched_once_typing_rests(mount: Mount) -> None:
    """Not at each letter; 200 ms after the last one; Enter asks at once, and once more for the same words."""
    page = mount()
    box(page).press_sequentially("boa")
    page.clock.run_for(190)
    box(page).press_sequentially("t")
    page.clock.run_for(190)
    assert page.evaluate(TOLD) == []
    page.clock.run_for(20)
    assert page.evaluate(TOLD) == [["boat", "", "", 1]]
    box(page).press_sequentially("s")
    box(page).press("Enter")
    box(page).press("Enter")
    page.clock.run_for(1000)
    assert page.evaluate(TOLD)[1:] == [["boats", "", "", 1]] * 2


def test_what_an_input_method_proposes_is_not_searched(mount: Mount) -> None:
    """Only what is meant in the end is, however long it takes; Enter within it chooses letters and asks nothing."""
    page = mount()
    box(page).press_sequentially("a")
    page.evaluate(COMPOSE, [["az", "azh", "azhi"], "a纸船"])
    page.clock.run_for(5000)
    page.evaluate(
        "document.querySelector('#live input').dispatchEvent("
        "new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true }))"
    )
    assert page.evaluate(TOLD) == []
    page.evaluate("finish()")
    page.clock.run_for(250)
    assert page.evaluate(TOLD) == [["a纸船", "", "", 1]]


def test_choices_ask_at_once(mount: Mount) -> None:
    """With what is typed so far, from the first page on."""
    page = mount(answer(Path(), page=3))
    box(page).press_sequentially("boat")
    page.get_by_role("combobox", name="Provider").select_option(label="RelayDance")
    page.get_by_role("combobox", name="State").select_option("failed")
    page.clock.run_for(1000)
    assert page.evaluate(TOLD) == [["boat", "relaydance", "", 1], ["boat", "relaydance", "failed", 1]]


def test_pages_are_turned(mount: Mount, home: Path) -> None:
    """Next and Previous go from where the page is or was told to go, not beyond the ends; new words begin anew."""
    page = mount(answer(home, "boat", page=5))
    following, before = (page.get_by_role("button", name=name, exact=True) for name in ("Next", "Previous"))
    expect(page.get_by_text("97–120 of 148, unknown first, then newest")).to_be_visible()
    for _ in range(3):
        following.click()
    before.click()
    assert [told[3] for told in page.evaluate(TOLD)] == [6, 7, 7, 6]
    page.evaluate("said => model.set(said)", answer(home, "boat", page=6, answered=turn(page)))
    following.click()
    box(page).press("End")
    box(page).press_sequentially("s")
    following.click()
    assert page.evaluate(TOLD)[4:] == [["boat", "", "", 7], ["boats", "", "", 1]]


def test_the_ends_keep_the_focus(mount: Mount, home: Path) -> None:
    """Where a button can go no further the keyboard is at the other, not nowhere."""
    page = mount(answer(home, page=6))
    following, before = (page.get_by_role("button", name=name, exact=True) for name in ("Next", "Previous"))
    following.focus()
    page.keyboard.press("Enter")
    page.evaluate("said => model.set(said)", answer(home, page=7, answered=turn(page)))
    expect(following).to_be_disabled()
    expect(before).to_be_focused()
    page.evaluate("said => model.set(said)", answer(home, page=1))
    expect(before).to_be_disabled()
    expect(following).to_be_focused()


# ── answers ───────────────────────────────────────────────────────────────────
def test_typing_goes_on_while_answers_come(mount: Mount, home: Path) -> None:
    """The box, its cursor and its words are the person's own: an answer draws tiles and count alone."""
    page = mount()
    box(page).press_sequentially("boat")
    page.clock.run_for(250)
    box(page).press("ArrowLeft")
    box(page).press_sequentially("s")
    page.evaluate("said => model.set(said)", answer(home, "boat", answered=turn(page), count="3 clips"))
    expect(page.get_by_role("status")).to_have_text("3 clips")
    expect(page.locator("mark").first).to_have_text("boat")
    box(page).press_sequentially("x")
    expect(box(page)).to_have_value("boasxt")
    expect(box(page)).to_be_focused()
    page.clock.run_for(250)
    assert page.evaluate(TOLD)[-1] == ["boasxt", "", "", 1]


def test_a_slow_answer_is_said(mount: Mount, home: Path) -> None:
    """After a second without one; an answer takes the words away."""
    page = mount()
    box(page).press_sequentially("boat")
    box(page).press("Enter")
    page.clock.run_for(900)
    expect(page.get_by_role("status")).to_have_text("148 clips")
    page.clock.run_for(200)
    expect(page.get_by_role("status")).to_have_text("searching")
    page.evaluate("said => model.set(said)", answer(home, "boat", answered=turn(page), count="1 clip"))
    expect(page.get_by_role("status")).to_have_text("1 clip")
    page.clock.run_for(5000)
    expect(page.get_by_role("status")).to_have_text("1 clip")


def test_another_view_follows(mount: Mount, home: Path) -> None:
    """What was searched for in a second view of the same output stands in this one's fields."""
    page = mount()
    page.evaluate("said => model.set(said)", answer(home, "from elsewhere", answered="other 3"))
    expect(box(page)).to_have_value("from elsewhere")


def test_words_from_the_kernel_are_text(mount: Mount, home: Path) -> None:
    """Titles, trouble and what was searched for make no element."""
    bad = "<img src=x onerror=alert(1)>"
    page = mount(answer(home, bad, trouble=f"{bad}\n  text: {bad}", only=bad, providers=json.dumps([[bad, bad]])))
    expect(page.get_by_role("alert")).to_contain_text(bad)
    expect(page.locator(".vg-only")).to_have_text(bad)
    expect(box(page)).to_have_value(bad)
    assert page.locator("#live option").all_text_contents()[:2] == ["all providers", bad]
    assert page.locator("#live [onerror]").count() == 0


def test_tiles_that_stay_are_not_drawn_anew(mount: Mount, home: Path) -> None:
    """Their pictures would flash at each letter."""
    page = mount()
    page.evaluate("() => { window.before = [...document.querySelectorAll('.vg-hit')]; }")
    some = "".join(str(gallery.tiles([view], [])) for view in views(home)[3:9])
    page.evaluate("said => model.set(said)", answer(home, tiles=some))
    expect(page.locator(".vg-hit")).to_have_count(6)
    assert page.evaluate("[...document.querySelectorAll('.vg-hit')].every((tile, n) => tile === before[n + 3])")


# ── keys ──────────────────────────────────────────────────────────────────────
def test_keys_are_the_forms(mount: Mount) -> None:
    """The notebook hears nothing of what is typed, chosen or pressed; its own commands with Ctrl go through."""
    page = mount()
    box(page).focus()
    for key in ("a", "b", "d", "Enter", "Shift+Enter", "Control+Enter", "Alt+Enter", "ArrowUp", "Escape", "Control+z"):
        page.keyboard.press(key)
    assert [key for key in page.evaluate("heard") if key not in {"Shift", "Control", "Alt"}] == []
    page.keyboard.press("Control+s")
    assert page.evaluate("heard").pop() == "s"
    page.evaluate("heard.length = 0")
    page.get_by_role("combobox", name="State").focus()
    for key in ("f", "ArrowDown", "Enter", "Shift+Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Next", exact=True).focus()
    for key in ("Enter", "Space", "Shift+Enter"):
        page.keyboard.press(key)
    assert [key for key in page.evaluate("heard") if key != "Shift"] == []


def test_the_keyboard_gets_everywhere(mount: Mount) -> None:
    """Each control by its role and name, in the order in which they stand; Tab goes through them and out again."""
    page = mount()
    box(page).focus()
    stops = []
    while page.evaluate("document.activeElement?.closest('.vg-history') !== null") and len(stops) < 60:
        stops.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
        page.keyboard.press("Tab")
    tiles = [f"Open vg-{n:03}" for n in range(len(CASES))]
    assert stops == ["Search prompts and notes", "Provider", "State", *tiles, "Next"]


# ── looks ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("width", [880, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_stays_in_its_cell(mount: Mount, home: Path, theme: str, width: int) -> None:
    """Contrast of 4.5 to 1, nothing beyond the cell; two tiles beside each other in a narrow one."""
    noted = Watched(replace(CASES["succeeded"], id="vg-x", note="a long note of a boat " * 9, rating=4), home)
    tiles = str(gallery.tiles([noted, *views(home)], ["boat", "雨夜"]))
    page = mount(
        answer(home, tiles=tiles, only="Only: model m", trouble="It is of another site."), theme=theme, width=width
    )
    assert page.evaluate("tests.faint()") == []
    # a mark in a note may lie behind its ellipsis
    assert page.evaluate("right => tests.beyond(right, '#live :not(mark)')", 8 + width) == []
    first, second = (page.locator(".vg-hit").nth(n).bounding_box() for n in range(2))
    assert first
    assert second
    assert (first["y"], first["x"] < second["x"]) == (second["y"], True)
    assert first["width"] >= 150
    edges = "[...document.querySelectorAll('.vg-find, .vg-only, .vg-amiss')].map(e => getComputedStyle(e).paddingLeft)"
    assert len(set(page.evaluate(edges))) == 1


def test_a_card_opens_under_the_row_of_its_tile(mount: Mount, home: Path) -> None:
    """The tiles of the row stay beside each other; pressed again or with Escape it closes, and on another page it is
    gone.
    """
    page = mount()
    page.evaluate("""() => {
      const view = id => Object.assign(document.createElement("p"), { textContent: `card ${id}` });
      const create_view = async id => ({ el: view(id), remove() { window.removed = id; } });
      model.widget_manager = { get_model: async id => id, create_view };
    }""")
    pressed = page.get_by_role("button", name="Open vg-001")
    opened = page.get_by_text("card 7")
    hear = "model.hear({ view: sent.at(-1).view, open: 'vg-001', card: 7 })"
    before = [page.locator(".vg-hit").nth(n).bounding_box() for n in range(4)]
    pressed.click()
    assert page.evaluate("[sent.at(-1).act, sent.at(-1).clip]") == ["open", "vg-001"]
    page.evaluate(hear)
    expect(opened).to_be_visible()
    expect(pressed).to_have_attribute("aria-expanded", "true")
    assert [page.locator(".vg-hit").nth(n).bounding_box() for n in range(4)] == before
    below, box_of_card = page.locator(".vg-hit").nth(4).bounding_box(), opened.bounding_box()
    assert before[0]
    assert below
    assert box_of_card
    assert before[0]["y"] < box_of_card["y"] < below["y"]
    pressed.press("Escape")
    expect(opened).to_have_count(0)
    assert page.evaluate("window.removed") == 7
    pressed.click()
    page.evaluate(hear)
    expect(opened).to_be_visible()
    page.evaluate("said => model.set(said)", answer(home, "rain"))
    expect(page.locator("mark").first).to_have_text("rain")
    expect(opened).to_be_visible()
    page.evaluate("said => model.set(said)", answer(home, tiles=str(gallery.tiles(views(home)[5:], []))))
    expect(opened).to_have_count(0)


def test_nothing_is_left_behind(mount: Mount) -> None:
    """When the view goes its listeners and timers go too, and what was typed last is still searched for."""
    page = mount()
    box(page).press_sequentially("last words")
    page.evaluate("end()")
    page.clock.run_for(5000)
    assert page.evaluate(TOLD) == [["last words", "", "", 1]]
    assert page.evaluate("sent.at(-1).act") == "bye"
    assert page.evaluate("model.listening()") == 0
    box(page).press("x")
    assert page.evaluate("heard.at(-1)") == "x"


def test_a_kernel_that_goes_leaves_no_form_that_looks_alive(mount: Mount) -> None:
    """Fields and buttons are off, and the next step is said."""
    page = mount()
    page.evaluate("model.leave()")
    expect(page.get_by_role("alert")).to_have_text("Its kernel is gone. Run this cell again (free) to search.")
    expect(box(page)).to_be_disabled()
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Open vg-003")).to_be_disabled()
