"""Other people's words in the real front end: no formula, no script, no request, and the words as they were written."""

from html import escape

from playwright.sync_api import expect

from tests.hostile.payloads import CANARY
from tests.hostile.stage import SAVED, SOME
from vidgen_nb.display.html import shown

from .cards import LONG, STAGE
from .conftest import OpenNotebook

FORM = f"vg.form('relaydance', prompt={' '.join(SOME.values())!r}, model={SOME['mathematics: display']!r})"
# the same words, escaped by somebody who did not think of formulas
ESCAPED = [
    f"<p>{escape(SOME[f'mathematics: {name}'])}</p>" for name in ("display", "inline", "parentheses", "environment")
]
CONTROL = f"from IPython.display import HTML\nHTML({''.join(ESCAPED)!r})"
FORMULAS = "mjx-container, .MathJax, .katex"
# what no view of ours has, where a notebook would run or fetch it
FOREIGN = (
    "script, iframe, object, embed, base, meta, link, marquee, math, h1, [onerror], [onload], [onfocus], [autofocus]"
)
LOADED = f"[src*='//{CANARY}'], [poster*='//{CANARY}'], [style*='{CANARY}'], [href^='javascript'], [href^='data']"


def test_words_stay_words(open_notebook: OpenNotebook) -> None:
    """Saved views, widgets, a form and an error: MathJax, which works on the last output, finds nothing in them."""
    page = open_notebook(
        [STAGE, "from tests.hostile import stage as hostile", "hostile.saved()", "hostile.living()", FORM,
         "hostile.error()", CONTROL]
    )  # fmt: skip
    asked: list[str] = []
    said: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    page.page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    for index in range(7):
        page.run(index)
    for number in range(len(ESCAPED)):  # they are formulas there
        expect(page.output(6).locator("p").nth(number).locator(FORMULAS).first).to_be_visible(timeout=LONG)
    cards = page.output(3).locator(".vg-card")
    expect(cards).to_have_count(2 * len(SOME), timeout=LONG)
    expect(page.output(3).locator(".vg-compare .words").first).to_be_visible(timeout=LONG)
    expect(page.output(3).locator(".vg-set .vg-tilebody")).to_have_count(4, timeout=LONG)
    expect(page.output(3).locator(".vg-history .vg-hit")).to_have_count(len(SOME), timeout=LONG)
    expect(page.output(4).locator(".vg-bar")).to_be_visible(timeout=LONG)
    expect(page.output(5)).to_contain_text("it said")
    for index in range(2, 6):
        assert page.output(index).locator(FORMULAS).count() == 0, index
        assert page.output(index).locator(FOREIGN).count() == 0, index
        assert page.output(index).locator(LOADED).count() == 0, index
    prompts = page.output(3).locator(".vg-prompt").evaluate_all("found => found.map(e => e.textContent)")
    assert set(prompts) == {shown(text) for text in SOME.values()}
    whole = page.output(2).evaluate("output => output.textContent")
    assert [name for name, text in SOME.items() if whole.count(shown(text)) < len(SAVED) // 2] == []
    assert said == []
    assert [url for url in asked if CANARY in url.split("/")[2]] == []
