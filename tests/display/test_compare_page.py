"""The comparison in a browser, without Jupyter: one clock for all players, names, contrast, and nothing left behind."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clips import mp4
from vidgen_nb.display import compare
from vidgen_nb.display.compare_live import Board, Comparison
from vidgen_nb.records import Record, Status

from .stand_ins import CASES, FILE, jpeg, make
from .test_compare import Rated
from .test_page import FONTS, LINKS, PLACE, QUESTIONS, THEMES

pytestmark = pytest.mark.browser

SCRIPT = (Path(compare.__file__).parent / "compare.js").read_text(encoding="utf-8")
LENGTHS = (48, 72, 96)  # frames, 24 a second
FRAME = 1 / 24
SEEN = "[...document.querySelectorAll('#live video')].map(video => video.currentTime)"
READY = "[...document.querySelectorAll('#live video')].every(video => video.readyState >= 3 && !video.seeking)"
# gives every player its bytes, as the kernel would
DELIVER = """films => {
  for (const { act, clip, view } of sent.splice(0)) {
    if (act !== "video") continue;
    model.hear({ view, video: clip, words: "" }, [Uint8Array.from(atob(films[clip]), letter => letter.charCodeAt(0))]);
  }
}"""
Mount = Callable[..., Page]


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 1000})
    context.route("**/*", lambda route: route.fulfill(body="") if route.request.url == PLACE else route.abort())
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films of two, three and four seconds."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "clips").mkdir()
    for number, frames in enumerate(LENGTHS):
        (folder / f"clips/{number}.mp4").write_bytes(mp4(frames=frames, width=160, height=90, grey=60 * number))
        (folder / f"clips/{number}.jpg").write_bytes(jpeg(160, 90))
    return folder


def film(number: int, **values: Any) -> Record:
    file = replace(FILE, path=f"clips/{number}.mp4", poster=f"clips/{number}.jpg", duration=LENGTHS[number] / 24)
    return make(Status.SUCCEEDED, id=f"vg-{number:010x}", files=(file,), **values)


@pytest.fixture
def mount(tab: Page, home: Path) -> Iterator[Mount]:
    """Put the widget of some clips on a page, its films delivered; the static table stands below it."""
    import base64

    errors: list[str] = []

    def note(error: Any) -> None:
        errors.append(str(error))

    tab.on("pageerror", note)
    tab.goto(PLACE)
    tab.evaluate(QUESTIONS)

    def put(*records: Record, width: int = 880, theme: str = "light") -> Page:
        comparison = Comparison([Rated(record, home) for record in records])
        parts = {"heads": str(compare.heads(comparison._said())), **comparison._parts()}
        tab.set_content(
            f"<style>:root {{ {FONTS} {THEMES[theme]} }} body {{ margin: 8px; background: var(--jp-layout-color0);"
            f"color: var(--jp-ui-font-color0); }} a {{ color: {LINKS[theme]}; }} {Board._css}</style>"
            f'<div id="live" style="width:{width}px"></div>'
            f'<div id="static" style="width:{width}px">{comparison._repr_mimebundle_()["text/html"]}</div>'
        )
        tab.evaluate("tests.mount", [SCRIPT, parts])
        players = tab.locator("#live video").count()
        tab.wait_for_function("players => sent.filter(one => one.act === 'video').length === players", arg=players)
        films = [base64.b64encode((home / r.files[0].path).read_bytes()).decode() if r.files else "" for r in records]
        tab.evaluate(DELIVER, films)
        expect(tab.locator("#live video[src]")).to_have_count(players)
        tab.wait_for_function(READY)
        return tab

    yield put
    tab.remove_listener("pageerror", note)
    assert errors == []


def settled(page: Page) -> list[float]:
    """The times once every player shows what it was told to show."""
    page.wait_for_function(READY)
    times: list[float] = page.evaluate(SEEN)
    return times


def test_the_shorter_ones_wait_at_their_end(mount: Mount) -> None:
    """The scrubber is as long as the longest; the others hold their last frame, and come back with it."""
    page = mount(film(0), film(1), film(2))
    expect(page.locator(".vg-time")).to_have_text("0:00.0 / 0:04.0")
    page.locator(".vg-scrub").fill("900")
    assert settled(page) == pytest.approx([2 - FRAME / 2, 3 - FRAME / 2, 3.6], abs=0.001)
    page.locator(".vg-scrub").fill("250")
    assert settled(page) == pytest.approx([1, 1, 1], abs=0.001)


def test_the_end_stops_or_begins_anew(mount: Mount) -> None:
    """At the end it stops on the last frames; with loop it goes round, all of them together."""
    page = mount(film(0), film(1))
    page.locator(".vg-scrub").fill("950")
    page.get_by_role("button", name="Play (space)").click()
    expect(page.get_by_role("button", name="Play (space)")).to_be_visible()
    page.wait_for_function("[...document.querySelectorAll('#live video')].every(video => video.paused)")
    assert settled(page) == pytest.approx([2 - FRAME / 2, 3 - FRAME / 2], abs=0.001)
    page.keyboard.press("l")
    page.keyboard.press("Space")
    page.wait_for_function(f"Math.max(...{SEEN}) > 0.2 && Math.max(...{SEEN}) < 1.9")
    page.keyboard.press("Space")
    times = settled(page)
    assert max(times) - min(times) < FRAME / 2


def test_a_frame_is_a_frame_from_end_to_end(mount: Mount) -> None:
    """Every step shows the next frame, none is passed over or shown twice, and the ends hold."""
    page = mount(film(0), film(0, model="other"))
    page.get_by_role("button", name="Play (space)").focus()
    page.keyboard.press(",")
    seen = [settled(page)]
    for _ in range(12):
        page.keyboard.press(".")
        seen.append(settled(page))
    assert all(one == other for one, other in seen)
    assert [int(one / FRAME) for one, _ in seen] == list(range(13))
    page.locator(".vg-scrub").fill("1000")
    page.get_by_role("button", name="Play (space)").focus()
    page.keyboard.press(".")
    assert int(settled(page)[0] / FRAME) == LENGTHS[0] - 1


def test_one_clip_is_heard_at_a_time(mount: Mount) -> None:
    """Silent to begin with; the button goes through them, and says whose sound it is."""
    page = mount(film(0), film(1))
    muted = "[...document.querySelectorAll('#live video')].map(video => video.muted)"
    assert page.evaluate(muted) == [True, True]
    for name, expected in (("Sound of A", [False, True]), ("Sound of B", [True, False]), ("Sound", [True, True])):
        page.locator(".vg-icon").nth(2).click()
        assert page.evaluate(muted) == expected
        assert page.locator(".vg-icon").nth(2).get_attribute("aria-label") == name


def test_everything_has_a_name_and_the_keyboard_gets_there(mount: Mount) -> None:
    """Each control by its role and name; Tab goes through them and out again."""
    page = mount(film(0), film(1))
    for name in ("Play (space)", "Loop (l)", "Sound", "Full screen (f)"):
        expect(page.get_by_role("button", name=name)).to_be_enabled()
    expect(page.get_by_role("slider", name="Position")).to_have_attribute("aria-valuetext", "0:00.0 of 0:03.0")
    for letter in "AB":
        expect(page.get_by_role("radiogroup", name=f"Rating of {letter}")).to_be_visible()
        expect(page.get_by_role("radio", name=f"{letter} wins")).to_be_enabled()
        expect(page.get_by_role("textbox", name=f"Note on {letter}")).to_be_editable()
    page.get_by_role("button", name="Play (space)").focus()
    stops = 0
    while page.evaluate("document.activeElement?.closest('.vg-compare') !== null") and stops < 40:
        page.keyboard.press("Tab")
        stops += 1
    assert 8 <= stops < 20


def test_opinions_are_sent_once_and_follow_the_kernel(mount: Mount) -> None:
    """A rating at once, a note when it is left or typed to its end; what the kernel says never disturbs typing."""
    page = mount(film(0), film(1))
    told = "sent.map(({ act, clip, rating, note }) => [act, clip, rating ?? note ?? null])"
    page.get_by_role("radiogroup", name="Rating of B").get_by_text("3").click()
    note = page.get_by_role("textbox", name="Note on A")
    note.fill("good")
    note.press("Enter")
    note.blur()
    page.get_by_role("radio", name="A wins").check()
    assert page.evaluate(told) == [["rate", 1, 3], ["note", 0, "good"], ["winner", 0, None]]
    note.fill("half a")
    opinions = '[{"rating":5,"note":"other","settled":true},{"rating":1,"note":"b","settled":true}]'
    page.evaluate("opinions => model.set({ opinions })", opinions)
    expect(page.get_by_role("radiogroup", name="Rating of A").locator("input").nth(4)).to_be_checked()
    expect(page.get_by_role("textbox", name="Note on B")).to_have_value("b")
    expect(note).to_have_value("half a")
    page.wait_for_function("sent.at(-1).act === 'note' && sent.at(-1).note === 'half a'")  # typed to its end
    view = "sent[0].view"
    page.evaluate(f"model.hear({{ view: {view}, kept: 0, words: 'It is <b>of</b> another site.' }})")
    expect(page.locator(".vg-trouble")).to_have_text("A: It is <b>of</b> another site.")


def test_an_unfinished_clip_takes_no_opinion(mount: Mount) -> None:
    """It says where it stands; its rating and note wait for it."""
    page = mount(film(0), CASES["running"])
    expect(page.locator(".vg-wait")).to_contain_text("Running")
    expect(page.get_by_role("textbox", name="Note on B")).to_be_disabled()
    expect(page.get_by_role("radio", name="B wins")).to_be_disabled()


@pytest.mark.parametrize("width", [880, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_and_stays_in_its_cell(mount: Mount, theme: str, width: int) -> None:
    """Contrast of 4.5 to 1, living and static; two clips fit, six scroll under a strip that stays in view."""
    two = film(0, rating=4, asked={"seed": 7}), film(1, rating=2, note="推近", asked={"seed": 21, "prompt": "a ship"})
    page = mount(*two, width=width, theme=theme)
    assert page.evaluate("tests.faint()") == []
    assert page.evaluate(
        "document.querySelector('.vg-scroll').scrollWidth <= document.querySelector('.vg-scroll').clientWidth"
    )
    widths = page.evaluate("[...document.querySelectorAll('.vg-pic')].map(box => box.getBoundingClientRect().width)")
    assert widths[0] == pytest.approx(widths[1], abs=0.1)
    page = mount(*(film(n % 3, asked={"seed": n}) for n in range(6)), width=width, theme=theme)
    page.evaluate("document.querySelector('.vg-scroll').scrollLeft = 9999")
    board, strip = (page.locator(name).bounding_box() for name in (".vg-compare", ".vg-strip"))
    assert board
    assert strip
    assert board["x"] <= strip["x"]
    assert strip["x"] + strip["width"] <= board["x"] + board["width"] + 0.5
    assert board["width"] <= width


def test_nothing_is_left_behind(mount: Mount) -> None:
    """When the view goes, its listeners, its films and its timers go with it; a note half typed is sent."""
    page = mount(film(0), film(1))
    page.evaluate("() => { window.gone = []; URL.revokeObjectURL = url => gone.push(url); }")
    page.get_by_role("textbox", name="Note on A").fill("last words")
    page.evaluate("end()")
    assert page.evaluate("model.listening()") == 0
    assert page.evaluate("gone.length") == 2
    assert page.evaluate("sent.at(-1).note") == "last words"
