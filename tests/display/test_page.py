"""The card in a browser: its geometry, its colours, and what its script does. No Jupyter, no network."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.clips import mp4
from vidgen_nb.display import card, words
from vidgen_nb.display.estimate import LONGER, SOON
from vidgen_nb.display.face import FINAL, face
from vidgen_nb.display.html import data_link
from vidgen_nb.display.saved import FONT
from vidgen_nb.records import Failure, Record, Status

from .stand_ins import CASES, FACTS, FILE, NOW, SEARCHABLE, TALL, jpeg, make, player

pytestmark = pytest.mark.browser

DISPLAY = Path(card.__file__).parent
SCRIPT = (DISPLAY / "live.js").read_text(encoding="utf-8")
QUESTIONS = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
STYLE = (DISPLAY / "card.css").read_text(encoding="utf-8")
FONTS = f"--jp-ui-font-family: {FONT}; --jp-code-font-family: monospace;"
THEMES = {  # JupyterLab 4.6's own
    "light": "--jp-layout-color0: #fff; --jp-ui-font-color0: #000; --jp-brand-color1: #1976d2;"
    "--jp-warn-color1: #f57c00; --jp-error-color1: #d32f2f; --jp-success-color1: #388e3c;",
    "dark": "--jp-layout-color0: #111; --jp-ui-font-color0: #fff; --jp-brand-color1: #2196f3;"
    "--jp-warn-color1: #ff9800; --jp-error-color1: #f44336; --jp-success-color1: #4caf50;",
}
LINKS = {"light": "#1976d2", "dark": "#64b5f6"}  # of rendered HTML
LIVE = {"card": "#live .vg-card", "picture": "#live .vg-pic", "strip": "#live .vg-strip", "text": "#live .vg-text"}
_ROOT = "#static > div"
STATIC = {
    "card": _ROOT,
    "picture": f"{_ROOT} > div > div",
    "strip": f"{_ROOT} > div > div + div",
    "text": f"{_ROOT} > div + div",
}
PLACE = "http://localhost/"  # a page of its own: only such a place has a clipboard

Boxes = dict[str, list[float]]
Mount = Callable[..., Page]


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One tab for all tests, with a clock that can be set; nothing is loaded but an empty page."""
    context = browser.new_context(viewport={"width": 1000, "height": 1400})
    context.route("**/*", lambda route: route.fulfill(body="") if route.request.url == PLACE else route.abort())
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.clock.install(time=NOW)
    yield page
    context.close()


@pytest.fixture
def mount(tab: Page) -> Iterator[Mount]:
    """Put the living and the static card of a record on a page, under each other, in a cell of `width` pixels."""
    page = tab
    errors: list[str] = []

    def note(error: Any) -> None:
        errors.append(str(error))

    page.on("pageerror", note)
    page.goto(PLACE)
    page.evaluate(QUESTIONS)

    def put(record: Record, *, width: int = 880, theme: str = "light", facts: Any = FACTS, **more: Any) -> Page:
        page.clock.resume()
        page.clock.set_system_time(NOW)
        page.set_content(
            f"<style>:root {{ {FONTS} {THEMES[theme]} }} body {{ margin: 8px; background: var(--jp-layout-color0);"
            f"color: var(--jp-ui-font-color0); }} a {{ color: {LINKS[theme]}; }} {STYLE}</style>"
            f'<div id="live" style="width:{width}px"></div>'
            f'<div id="static" style="width:{width}px">{card.as_html(record, FACTS, player(record))}</div>'
        )
        page.evaluate("tests.mount", [SCRIPT, card.parts(record, facts, player=player(record), **more)])
        page.wait_for_function("document.querySelector('#live .vg-head').textContent")
        return page

    yield put
    page.remove_listener("pageerror", note)
    page.emulate_media(reduced_motion="no-preference")
    assert errors == []


def boxes(page: Page, paths: dict[str, str]) -> Boxes:
    """x, y, width and height of card, picture, strip and text column, from the card's corner."""
    found: Boxes = page.evaluate("tests.boxes", paths)
    return found


def waiting(record: Record) -> Record:
    """The same clip, as it was while it was made."""
    return replace(record, status=Status.RUNNING, files=(), error=None, finished=None, progress=38.0, reused=False)


# ── geometry ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("width", [880, 640, 639, 360])
@pytest.mark.parametrize("name", sorted(name for name, record in CASES.items() if record.status in FINAL))
def test_the_swap_moves_nothing(mount: Mount, name: str, width: int) -> None:
    """From the living waiting card to the static end, picture, strip and text column stay where they are."""
    end = CASES[name]
    before = boxes(mount(waiting(end), width=width), LIVE)
    after = boxes(mount(end, width=width), STATIC)
    if width < 880 and end.error:  # a narrow picture grows for a note, and only for that
        assert after["picture"][3] >= before["picture"][3]
        return
    for part in ("picture", "strip"):
        assert after[part] == pytest.approx(before[part], abs=0.05)
    assert after["text"][:3] == pytest.approx(before["text"][:3], abs=0.05)
    if width == 880:
        assert after == {part: pytest.approx(box, abs=0.05) for part, box in before.items()}


@pytest.mark.parametrize("width", [880, 360])
@pytest.mark.parametrize("name", ["succeeded", "reused", "tall", "failed", "failed, tall", "refused", "stuck"])
def test_the_living_end_lies_where_the_static_one_does(mount: Mount, name: str, width: int) -> None:
    """After a page reload the end is drawn by the widget: the same picture, strip and column as the saved card."""
    page = mount(CASES[name], width=width)
    living, static = boxes(page, LIVE), boxes(page, STATIC)
    for part in ("picture", "strip"):
        assert living[part] == pytest.approx(static[part], abs=0.05), part
    assert living["text"][:3] == pytest.approx(static["text"][:3], abs=0.05)


@pytest.mark.parametrize("width", [880, 360])
@pytest.mark.parametrize("name", ["succeeded", "reused", "tall", "failed", "refused"])
def test_the_same_lines_at_the_same_places(mount: Mount, name: str, width: int) -> None:
    """Head, prompt, each fact and each part of a note begin at the same place in the living and in the static card."""
    record = CASES[name]
    said = face(record, FACTS)
    lines = [said.word, record.prompt, *(text for fact in said.facts for text in (fact.label, fact.value))]
    if said.note:
        lines += [said.note.title, *(label for label, _ in said.note.rows)]
    page = mount(record, width=width)
    living = page.evaluate("tests.lines", [LIVE["card"], lines])
    static = page.evaluate("tests.lines", [STATIC["card"], lines])
    for line, here, there in zip(lines, living, static, strict=True):
        assert here == pytest.approx(there, abs=0.6), line


@pytest.mark.parametrize("name", sorted(set(CASES) - {"tall", "failed, tall", "unknown, tall"}))
def test_one_height_for_a_whole_life(mount: Mount, name: str) -> None:
    """Every card of a 16:9 clip is 352 pixels high, with the strip at the same place, living and static."""
    page = mount(CASES[name])
    for paths in (LIVE, STATIC):
        found = boxes(page, paths)
        assert found["card"][2:] == pytest.approx([880, 352.4], abs=0.1)
        assert found["strip"] == pytest.approx([1, 315.4, 559, 36], abs=0.1)


@pytest.mark.parametrize("width", [880, 828, 660, 360])
def test_a_head_keeps_its_height(mount: Mount, width: int) -> None:
    """Whatever stands in a head, of a simulated clip too: two rows at most, nothing over something else, and the prompt
    at the same place.
    """
    heads = ("#live .vg-head", "#static > div > div + div > div:first-child")
    for name, record in CASES.items():
        page = mount(replace(record, origin="simulator"), width=width)
        for head in heads:
            height = page.locator(head).evaluate("head => head.getBoundingClientRect().height")
            assert height == pytest.approx(40, abs=0.1), name
            assert page.evaluate("tests.overlaps", f"{head} *") == [], name


@pytest.mark.parametrize("ratio", ["16:9", "4:3", "1:1", "9:16"])
def test_however_much_is_to_be_said(mount: Mount, ratio: str) -> None:
    """Long words of a provider's and a long prompt make no card higher, and leave the strip where it was."""
    asked = {"aspect_ratio": ratio, "prompt": "a paper boat drifts through a flooded alley at dusk, " * 8}
    said = "the upstream service answered at length that resolution 1080p is not available on channel 7 " * 8
    lost = "The request left, and no usable answer came: HTTP 500. Charged once or not at all."
    before = boxes(mount(make(Status.RUNNING, asked=asked)), LIVE)
    for status, error in (
        (Status.FAILED, Failure("GenerationFailed", "RelayDance could not make the clip.", said, "E1024")),
        (Status.REFUSED, Failure("InvalidRequest", "RelayDance accepted nothing (HTTP 400).", said, "10002")),
        (Status.UNKNOWN, Failure("SubmitUnknown", lost, said)),
    ):
        after = boxes(mount(make(status, asked=asked, error=error)), STATIC)
        for part in ("card", "strip"):
            assert after[part] == pytest.approx(before[part], abs=0.5 if part == "strip" else 3), (status, part)


@pytest.mark.parametrize("ratio", ["16:9", "21:9", "4:3", "1:1", "3:4", "9:16"])
def test_the_picture_has_the_ratio_asked_for(mount: Mount, ratio: str) -> None:
    """The box is of the clip's ratio from the first second, at every width; tall ones are 360 high."""
    across, down = map(int, ratio.split(":"))
    record = make(Status.QUEUED, asked={"aspect_ratio": ratio})
    for width in (880, 360):
        page = mount(record, width=width)
        for paths in (LIVE, STATIC) if width == 880 else (LIVE,):
            _, _, w, h = boxes(page, paths)["picture"]
            if across < down:
                assert h == pytest.approx(360, abs=0.1)
            else:
                assert w / h == pytest.approx(across / down, abs=0.01)


@pytest.mark.parametrize("name", sorted(CASES))
def test_nothing_runs_over_at_360_pixels(mount: Mount, name: str) -> None:
    """No element sticks out of a narrow card, and no text column is wider than its cell."""
    page = mount(CASES[name], width=360)
    assert page.evaluate("tests.beyond", 8 + 360) == []


def test_edges_line_up(mount: Mount) -> None:
    """Prompt, labels and buttons share a left edge, values of facts a second one; in both cards the same two."""
    page = mount(CASES["running"])
    first = page.evaluate("tests.lefts", "#live :is(.vg-prompt, .vg-label, .vg-foot button:first-child, .vg-glyph)")
    second = page.evaluate("tests.lefts", "#live .vg-facts .vg-label + span")
    saved = page.evaluate("tests.lefts", "#static span + span[title]")
    assert len(first) == 9
    assert first == pytest.approx([first[0]] * 9, abs=0.05)
    assert len(second) == len(saved) == 6
    assert second + saved == pytest.approx([second[0]] * 12, abs=0.05)


def test_a_video_of_another_ratio_is_fitted(mount: Mount) -> None:
    """A clip that came in another ratio than asked for lies within its box, whole and undistorted."""
    for made in (
        replace(FILE, width=720, height=720),
        replace(FILE, width=1680, height=720),
        replace(FILE, width=864, height=496),
    ):
        page = mount(make(Status.SUCCEEDED, files=(made,)))
        page.wait_for_function(
            "document.querySelector('#static video').clientHeight > 60"
        )  # the poster's ratio is known
        assert boxes(page, STATIC)["picture"] == pytest.approx(boxes(page, LIVE)["picture"], abs=0.05)
        w, h = page.evaluate(
            "() => { const v = document.querySelector('#static video'); return [v.clientWidth, v.clientHeight]; }"
        )
        assert w / h == pytest.approx(made.width / made.height, rel=0.01)


# ── colours and motion ────────────────────────────────────────────────────────
@pytest.mark.parametrize("theme", sorted(THEMES))
@pytest.mark.parametrize("name", sorted(CASES))
def test_text_can_be_read_in_both_themes(mount: Mount, name: str, theme: str) -> None:
    """Every text of the living and the static card has a contrast of at least 4.5 to 1."""
    assert mount(CASES[name], theme=theme).evaluate("tests.faint()") == []


@pytest.mark.parametrize("name", sorted(CASES))
def test_at_most_one_filled_button(mount: Mount, name: str) -> None:
    """The one to press is filled, and none is while waiting; there are at most three, each at least 24 pixels high."""
    page = mount(CASES[name])
    filled = page.locator(".vg-btn[data-kind=primary]").count()
    assert filled == (1 if name == "stuck" else 0)
    assert page.locator(".vg-foot .vg-btn").count() <= 3
    heights = page.evaluate("() => [...document.querySelectorAll('.vg-foot .vg-btn')].map(b => b.clientHeight)")
    assert all(height >= 24 for height in heights)


def test_only_what_works_moves(mount: Mount) -> None:
    """The open track moves while the provider works; queued is still, and so is everything with reduced motion."""
    moving = "() => document.getAnimations().length"
    assert mount(CASES["running, silent"]).evaluate(moving) == 1
    assert mount(CASES["queued"]).evaluate(moving) == 0
    page = mount(CASES["running, silent"])
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0


# ── the script ────────────────────────────────────────────────────────────────
def test_browser_and_python_write_durations_alike(mount: Mount) -> None:
    """A card that becomes static does not change its words."""
    page = mount(CASES["running"])
    seconds = [-3, 0, 0.9, 5, 44.2, 59.9, 60, 61, 119, 595, 600, 601, 3599, 3600, 3725, 86_400]
    for name, write in (("clock", words.clock), ("spell", words.spell), ("about", words.about)):
        assert page.evaluate(f"s => s.map(card.{name})", seconds) == [write(second) for second in seconds]


def test_time_ticks_in_the_browser(mount: Mount) -> None:
    """Elapsed time goes on without a message from the kernel, and stands still while nobody sees it."""
    page = mount(CASES["queued"])
    in_view(page)
    page.clock.pause_at(NOW + 100)
    head, strip = page.locator("#live .vg-when"), page.locator("#live .vg-strip > span").first
    page.clock.run_for(8_000)
    assert (head.text_content(), strip.text_content()) == ("for 3\xa0min\xa020\xa0s", "3:22")
    page.clock.run_for(10_000)
    assert (head.text_content(), strip.text_content()) == ("for 3\xa0min\xa030\xa0s", "3:32")
    page.evaluate("document.getElementById('live').style.display = 'none'")
    in_view(page, seen=False)
    page.clock.run_for(10_000)
    assert head.text_content() == "for 3\xa0min\xa030\xa0s"


def test_an_estimate_runs_out_by_itself(mount: Mount) -> None:
    """The browser holds the clock: about so long, any moment, longer than usual; on one line, without a jump."""
    past = {"expected": NOW + 138, "expected_late": NOW + 178}
    record = make(Status.RUNNING, progress=None, origin="simulator", **past)
    for width in (880, 360):
        page = mount(record, width=width)
        in_view(page)
        page.clock.pause_at(NOW + 100)
        head, strip = page.locator("#live .vg-when"), page.locator("#live .vg-strip > span").last
        before = boxes(page, LIVE)
        assert head.get_attribute("title") == "9 of 10 clips like this are done within 4\xa0min\xa030\xa0s"
        for seconds, expected in ((1, "about 40\xa0s left"), (36, "about 5\xa0s left"), (3, SOON),
                                  (37, SOON), (2, LONGER), (60, LONGER)):  # fmt: skip
            page.clock.run_for(1000 * seconds)
            assert (head.text_content(), strip.text_content()) == (expected, expected)
            assert boxes(page, LIVE) == before
            assert page.evaluate("tests.beyond", 8 + width) == []
        assert page.evaluate("sent.length") == 1, "nobody asked the kernel"


def in_view(page: Page, *, seen: bool = True) -> None:
    """Wait until the browser has told observers that the card is in view, or is not."""
    page.evaluate("tests.inView", seen)


def test_a_kernel_with_another_clock(mount: Mount) -> None:
    """The browser asks for the kernel's time and counts by it."""
    page = mount(CASES["queued"])
    (hello,) = page.evaluate("sent")
    assert hello["act"] == "hello"
    page.evaluate("m => model.hear(m)", {"view": hello["view"], "now": NOW + 3_600})
    assert page.locator("#live .vg-when").text_content() == "for 1\xa0h\xa01\xa0min"


def test_only_what_changed_is_replaced(mount: Mount) -> None:
    """Focus, typed text and elements survive an update around them."""
    page = mount(CASES["unknown"])
    page.click("#live [data-act=adopt]")
    page.fill("#live form input", "task_77")
    page.evaluate("window.kept = [document.querySelector('#live .vg-prompt'), document.activeElement]")
    page.evaluate(
        "p => model.set(p)", card.parts(replace(CASES["unknown"], cost=replace(CASES["unknown"].cost, amount=2)), FACTS)
    )
    page.wait_for_function("document.querySelector('#live .vg-pic').textContent.includes('2\xa0CNY')")
    assert page.evaluate("kept[0].isConnected && kept[1] === document.activeElement && kept[1].value") == "task_77"
    assert page.locator("#live form input").is_visible()


def test_progress_moves_the_same_track(mount: Mount) -> None:
    """The track is the same element from one percent to the next, so that its width can glide."""
    page = mount(CASES["running"])
    page.evaluate("window.kept = document.querySelector('#live .vg-track > i')")
    page.evaluate("p => model.set(p)", card.parts(replace(CASES["running"], progress=57.0), FACTS))
    page.wait_for_function("document.querySelector('#live .vg-track').style.getPropertyValue('--p') === '57'")
    assert page.evaluate("kept.isConnected")
    assert page.locator("#live [role=progressbar]").get_attribute("aria-valuenow") == "57"


def test_a_button_never_becomes_another_under_the_finger(mount: Mount) -> None:
    """When the foot changes, a button of another action is another element."""
    page = mount(CASES["running"])
    page.evaluate("window.kept = document.querySelector('#live [data-act=check]')")
    page.evaluate("p => model.set(p)", card.parts(CASES["stuck"], FACTS))
    page.wait_for_selector("#live [data-act=resume]")
    assert not page.evaluate("kept.isConnected")


def test_the_state_is_announced_and_percentages_are_not(mount: Mount) -> None:
    """One live region holds the word of the state; the card is labelled with it and the prompt."""
    page = mount(CASES["running"])
    assert page.locator("#live [role=status]").text_content() == "Running"
    assert page.locator("#live .vg-card").get_attribute("aria-label").startswith("Running: a paper boat")
    assert page.locator("#live [aria-live]").count() == 0


def test_buttons_send(mount: Mount) -> None:
    """A press is one message, and shows at once that it was heard."""
    page = mount(CASES["running"])
    page.click("#live [data-act=check]")
    assert [m["act"] for m in page.evaluate("sent")] == ["hello", "check"]
    assert page.locator("#live [data-act=check]").is_disabled()
    page.clock.run_for(3_000)
    assert page.locator("#live [data-act=check]").is_enabled()


def test_adopting_asks_for_the_task_id(mount: Mount) -> None:
    """The way becomes a field; Enter sends what was typed, Escape goes back, an empty field sends nothing."""
    page = mount(CASES["unknown"])
    page.click("#live [data-act=adopt]")
    page.keyboard.press("Escape")
    assert page.locator("#live form").is_hidden()
    page.click("#live .vg-way[data-act=adopt]")
    page.keyboard.press("Enter")
    page.click("#live .vg-way[data-act=adopt]")
    page.keyboard.type(" task_77 ")
    page.keyboard.press("Enter")
    assert page.evaluate("sent.slice(1).map(m => [m.act, m.argument])") == [["adopt", "task_77"]]


def test_sending_again_takes_two_presses(mount: Mount) -> None:
    """What may be charged twice is confirmed: not by a double click, and looking away takes the first press back."""
    page = mount(CASES["unknown"], facts=SEARCHABLE)
    page.click("#live [data-act=resubmit]")
    assert "Press again" in page.inner_text("#live [data-act=resubmit]")
    page.click("#live [data-act=reconcile]")
    assert "may be charged twice" in page.inner_text("#live [data-act=resubmit]")
    page.click("#live [data-act=resubmit]")
    page.dblclick("#live [data-act=resubmit]", delay=20)
    assert page.evaluate("sent.slice(1).map(m => m.act)") == ["reconcile"]
    page.clock.fast_forward(1000)
    page.click("#live [data-act=resubmit]")
    assert page.evaluate("sent.slice(1).map(m => m.act)") == ["reconcile", "resubmit"]


@pytest.mark.parametrize("allowed", [True, False])
def test_copying(mount: Mount, allowed: bool) -> None:
    """The text comes from the kernel and goes to the clipboard, by the old way where the new one is not allowed."""
    page = mount(CASES["running"])
    if not allowed:
        page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error('no')))")
        page.evaluate(
            "void (document.execCommand = () => { window.copied = document.activeElement.value; return true; })"
        )
    page.click("#live [data-act=code]")
    view = page.evaluate("sent.at(-1).view")
    page.evaluate("m => model.hear(m)", {"view": "another", "act": "code", "text": "no"})
    page.evaluate("m => model.hear(m)", {"view": view, "act": "code", "text": "vg.generate(…)"})
    page.wait_for_function("document.querySelector('#live [data-act=code]').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()") if allowed else page.evaluate("copied")
    assert copied == "vg.generate(…)"
    assert page.locator("#live textarea").count() == 0


def finish(page: Page) -> None:
    """Answer the player's question for the bytes."""
    in_view(page)
    page.clock.run_for(1_000)
    asked = page.evaluate("sent.at(-1)")
    assert (asked["act"], asked["number"]) == ("video", 0)
    page.evaluate(
        "([view, bytes]) => model.hear({ view, video: 0, words: '' }, [new DataView(Uint8Array.from(bytes).buffer)])",
        [asked["view"], list(mp4())],
    )
    page.wait_for_function("document.querySelector('#live video').readyState >= 1")


def test_the_clip_plays_from_a_blob(mount: Mount) -> None:
    """The bytes are asked for once, when the player is in view and the swap had its chance; they play from a Blob."""
    page = mount(CASES["running"])
    in_view(page)
    page.clock.pause_at(NOW + 100)
    page.evaluate("p => model.set(p)", card.parts(CASES["succeeded"], FACTS, player=player(CASES["succeeded"])))
    page.wait_for_selector("#live video")
    page.clock.run_for(200)
    assert [m["act"] for m in page.evaluate("sent")] == ["hello"], "not before the static card could take its place"
    finish(page)
    assert page.evaluate("document.querySelector('#live video').src").startswith("blob:")
    page.evaluate("p => model.set(p)", {"foot": "<b>later</b>"})
    page.wait_for_selector("#live .vg-foot b")
    assert page.evaluate("document.querySelector('#live video').readyState") >= 1, "an update leaves the player alone"
    assert page.evaluate("sent.filter(m => m.act === 'video').length") == 1


def test_a_clip_that_cannot_come_says_so(mount: Mount) -> None:
    """Without bytes the player's place says where the file is, as text."""
    page = mount(CASES["succeeded"])
    in_view(page)
    page.clock.run_for(1_000)
    view = page.evaluate("sent.at(-1).view")
    page.evaluate("m => model.hear(m)", {"view": view, "video": 0, "words": "Too large: <b>/x.mp4</b>"})
    assert page.inner_text("#live .vg-pic") == "Too large: <b>/x.mp4</b>"


def test_keys_play_and_stay_with_us(mount: Mount) -> None:
    """With the focus inside, our keys act on the player and do not reach the notebook; other keys do."""
    page = mount(CASES["succeeded"])
    finish(page)
    page.evaluate("window.heard = []; document.addEventListener('keydown', e => heard.push(e.key), true)")
    page.focus("#live video")
    at = "document.querySelector('#live video').currentTime"
    page.keyboard.press(".")
    frame = page.evaluate(at)
    assert frame == pytest.approx(1 / 24, abs=0.001)
    page.keyboard.press(",")
    assert page.evaluate(at) == pytest.approx(0, abs=0.001)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(at) == pytest.approx(page.evaluate("document.querySelector('#live video').duration"), abs=0.01)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("l")
    assert page.evaluate("document.querySelector('#live video').loop")
    page.keyboard.press(" ")
    assert not page.evaluate("document.querySelector('#live video').paused")
    page.keyboard.press("Control+s")
    page.keyboard.press("j")
    assert page.evaluate("heard") == ["Control", "s", "j"]


def test_keys_outside_or_in_a_text_field_are_not_ours(mount: Mount) -> None:
    """A text field keeps its keys from the notebook and from the player; elsewhere the notebook has them."""
    page = mount(CASES["unknown"])
    page.evaluate("window.heard = []; document.addEventListener('keydown', e => heard.push(e.key), true)")
    page.click("#live [data-act=adopt]")
    page.keyboard.type("dd l")
    assert page.input_value("#live form input") == "dd l"
    assert page.evaluate("heard") == []
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("d")
    assert page.evaluate("heard") == ["d"]


def test_a_view_that_goes_leaves_nothing_behind(mount: Mount) -> None:
    """No listener, no timer, and the kernel is told."""
    page = mount(CASES["queued"])
    page.evaluate("end()")
    assert page.evaluate("model.listening()") == 0
    assert page.evaluate("sent.at(-1).act") == "bye"
    page.evaluate("model.set({ head: 'x' })")
    page.clock.run_for(5_000)
    assert "Queued" in page.inner_text("#live .vg-head")


def test_a_kernel_that_is_gone_promises_nothing(mount: Mount) -> None:
    """Without its kernel a card tells no end any more, and stands still."""
    page = mount(CASES["running, with a past"])
    assert "left" in page.inner_text("#live .vg-head")
    page.evaluate("model.end()")
    assert "left" not in page.inner_text("#live")
    assert "Its kernel is gone" in page.inner_text("#live .vg-foot")
    assert page.locator("#live button:enabled").count() == 0


def test_a_given_first_frame_is_shown_dimmed(mount: Mount) -> None:
    """Behind the number stands the picture that was given, from the part that is sent only once."""
    page = mount(CASES["running"], given=data_link("image/jpeg", jpeg(320, 180)))
    page.wait_for_function("document.querySelector('#live .vg-frame').naturalWidth === 320")
    assert page.evaluate("getComputedStyle(document.querySelector('#live .vg-frame')).opacity") == "0.5"


def test_a_long_chinese_prompt_is_cut_between_lines(mount: Mount) -> None:
    """Four lines at 1.6, in both cards, whole in the title."""
    prompt = TALL["prompt"] * 8
    page = mount(make(Status.SUCCEEDED, asked={"prompt": prompt}))
    for path in ("#live .vg-prompt", "#static div[lang=zh]"):
        height, title = page.evaluate(
            "p => { const e = document.querySelector(p); return [e.clientHeight, e.title]; }", path
        )
        assert height == pytest.approx(83.2, abs=1)
        assert title == prompt
    page.click("#live .vg-prompt")
    assert page.evaluate("document.querySelector('#live .vg-prompt').clientHeight") > 100, "whole on a click"
