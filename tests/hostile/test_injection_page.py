"""Other people's words in Chromium: one page with every payload in every view. Nothing runs, nothing is fetched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from vidgen_nb.display import card
from vidgen_nb.display.html import el, shown
from vidgen_nb.records import Status

from .payloads import CANARY, PAYLOADS
from .test_injection import ATTRIBUTES, OURS, TAGS
from .views import VIEWS, facts, pages, player, record

pytestmark = pytest.mark.browser

DISPLAY = Path(card.__file__).parent
SCRIPT = (DISPLAY / "live.js").read_text(encoding="utf-8")
QUESTIONS = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
PLACE = "http://localhost/"


class Tab:
    """A page which remembers what it asked for, and what it said aloud."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.html = ""
        self.requests: list[str] = []
        self.aloud: list[str] = []
        page.context.route("**/*", self._asked)
        page.on("dialog", self._spoke)
        page.on("popup", lambda popup: self.aloud.append(f"opened {popup.url}"))
        page.on("pageerror", lambda error: self.aloud.append(str(error)))
        page.on("framenavigated", lambda frame: self.aloud.append(frame.url) if frame.url != PLACE else None)

    def open(self, html: str) -> None:
        """Open a page with this body, as an answer of a server: so every parser rule of a page holds."""
        self.html = f"<!doctype html><meta charset=utf-8><title>x</title><body>{html}"
        self.page.goto(PLACE)
        self.page.evaluate(QUESTIONS)

    def _asked(self, route: Any) -> None:
        if route.request.url == PLACE:
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8")
        else:
            self.requests.append(route.request.url)
            route.abort()

    def _spoke(self, dialog: Any) -> None:
        self.aloud.append(dialog.message)
        dialog.dismiss()

    def quiet(self) -> None:
        """Nothing was said, and nothing was fetched but the films of our own folder."""
        assert self.aloud == []
        assert [url for url in self.requests if not url.startswith(f"{PLACE}vidgen/clips/")] == []
        assert not [url for url in self.requests if CANARY in url.split("/")[2]]


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A tab of its own, in a browser that reaches nothing."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield Tab(page)
    context.close()


def test_injection_would_be_seen(tab: Tab) -> None:
    """Written into a page as they are, the payloads open dialogs and fetch from elsewhere: what follows can fail."""
    raw = [
        text for name, text in PAYLOADS.items() if name.startswith(("handler", "address: without", "breakout: double"))
    ]
    tab.open("".join(f"<div>{text}</div>" for text in raw) + f'<img src="https://{CANARY}/x.jpg">')
    tab.page.wait_for_timeout(200)
    assert "1" in tab.aloud
    assert any(CANARY in url for url in tab.requests)


def test_injection_into_every_view(tab: Tab, tmp_path: Path) -> None:
    """Every payload in every view, on one page: no dialog, no request, no element or attribute but ours."""
    bodies = [html for payload in PAYLOADS.values() for html in pages(list(VIEWS), payload, tmp_path)]
    tab.open("".join(f"<section>{html}</section>" for html in bodies) + "<p id=end>end</p>")
    found = tab.page.evaluate("hostile.found(document.body)")
    assert tab.page.evaluate("document.querySelectorAll('body > section').length") == len(bodies)  # none broke out
    assert tab.page.evaluate("document.body.lastElementChild.id") == "end"
    assert set(found["tags"]) <= TAGS | {"section"}
    odd = {name for name in found["attributes"] if name not in ATTRIBUTES and not name.startswith(("data-", "aria-"))}
    assert odd == {"id"}  # of the end
    assert [address for address in found["addresses"] if not OURS.fullmatch(address)] == []
    assert [link for link in found["links"] if not OURS.fullmatch(link) and not link.startswith("https://")] == []
    tab.page.evaluate("for (const e of document.querySelectorAll('section *')) e.dispatchEvent(new Event('mouseover'))")
    tab.quiet()


def test_injection_is_shown_to_the_letter(tab: Tab) -> None:
    """The text of an element is the payload, with what is hidden in it written out."""
    tab.open("".join(el("p", None, payload) for payload in PAYLOADS.values()))
    texts = tab.page.evaluate("[...document.querySelectorAll('body > p')].map(e => e.textContent)")
    assert texts == [shown(payload) for payload in PAYLOADS.values()]
    prompts = [card.parts(record(payload, Status.RUNNING), facts("word"))["body"] for payload in PAYLOADS.values()]
    tab.open("".join(prompts))
    texts = tab.page.evaluate("[...document.querySelectorAll('.vg-prompt')].map(e => [e.textContent, e.title])")
    assert texts == [[shown(payload)] * 2 for payload in PAYLOADS.values()]
    tab.quiet()


def test_injection_into_the_living_card(tab: Tab) -> None:
    """The card's own script, with every payload in its parts and its messages, and every button pressed."""
    tab.open("<main></main>")
    for payload in PAYLOADS.values():
        for status in (Status.RUNNING, Status.UNKNOWN, Status.SUCCEEDED):
            film = player(payload) if status is Status.SUCCEEDED else None
            parts = card.parts(record(payload, status), facts(payload), player=film)
            tab.page.evaluate(
                "async ([script, parts]) => { const root = document.createElement('div');"
                "document.querySelector('main').replaceChildren(root); (await hostile.press(script, parts, root))(); }",
                [SCRIPT, json.loads(json.dumps(parts))],
            )
            found = tab.page.evaluate("hostile.found(document.querySelector('main'))")
            own = {"article", "header", "footer", "textarea"}
            assert set(found["tags"]) <= TAGS | own
            assert not [name for name in found["attributes"] if name.startswith("on")]
    tab.quiet()
