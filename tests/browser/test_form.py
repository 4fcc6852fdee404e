"""The form in real front ends: what one sees is what is asked, whatever the kernel is doing."""

import json

from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .lab import Front, NotebookPage

SETUP = "import json, time\nimport vidgen_nb as vg\nstudio = vg.setup(simulate=True)\nNone"
FIVE = ("aitoearn", "aioagi", "newapi", "aisphere", "relaydance")
ASKED = "print(json.dumps([dict(clip.request, take=clip.take) for clip in vg.history()]))"
LONG = 60_000  # ms, on a busy machine

# Typed faster than a control may send, and pressed twice before anything has arrived.
TYPE_AND_PRESS = """(form, texts) => {
    const area = form.querySelector(".vg-f-prompt textarea"), button = form.querySelector("[data-act=generate]");
    for (const text of texts) { area.value = text; area.dispatchEvent(new Event("input", { bubbles: true })); }
    button.click();
    button.click();
}"""
# The second half of a slow double click meets the button which stands there by then.
PRESS_THE_NEXT_TOO = """button => {
    const box = button.parentElement;
    new MutationObserver((_, watch) => {
        const next = box.querySelector("[data-act=take]");
        if (!next || next.textContent === "Make take 2") return;
        watch.disconnect();
        const press = () => { box.querySelector("[data-act=take]").click(); window.pressedNext = performance.now(); };
        setTimeout(press, 100);
    }).observe(box, { childList: true });
    button.click();
}"""
NAMELESS = """form => {
    const labelled = e => [...(e.labels ?? [])].some(label => label.textContent.trim());
    const named = e => e.ariaLabel || labelled(e) || e.title || e.textContent.trim();
    const controls = form.querySelectorAll("input, textarea, select, button, [role=slider], [role=button]");
    return [...controls].filter(e => e.checkVisibility() && !named(e)).map(e => e.outerHTML);
}"""
# Whatever takes the focus without a ring around it.
RINGLESS = """form => {
    const stops = "input, textarea, select, button:enabled, [tabindex='0'], [contenteditable=true]";
    const seen = [...form.querySelectorAll(stops)].filter(e => e.checkVisibility());
    const ring = e => { e.focus(); const s = getComputedStyle(e); return `${s.outlineStyle} ${s.outlineWidth}`; };
    return seen.filter(e => ring(e) !== "solid 2px").map(e => e.outerHTML);
}"""
TOO_WIDE = """form => {
    const edge = form.getBoundingClientRect().right + 1;
    const seen = [...form.querySelectorAll("*")].filter(e => e.checkVisibility() && !e.closest(".vg-last, svg"));
    return seen.filter(e => e.getBoundingClientRect().right > edge).map(e => e.outerHTML.slice(0, 200));
}"""


def form_in(page: NotebookPage, index: int) -> Locator:
    """The form of a cell, once it stands whole."""
    form = page.output(index).locator(".vg-form")
    expect(form.locator(".vg-bar")).to_be_visible(timeout=LONG)
    expect(form).to_have_attribute("role", "form", timeout=LONG)
    return form


def button(form: Locator, act: str) -> Locator:
    return form.locator(f".vg-bar [data-act={act}]")


def posts(page: NotebookPage) -> int:
    """How many submissions the provider took, as its own log tells."""
    return len((page.file.parent / "vidgen" / "run" / "simulator.jsonl").read_text().splitlines())


def test_what_was_typed_last_is_asked_for_once(open_notebook: OpenNotebook, front: Front) -> None:
    """Typed, and pressed twice at once: one submission, with every letter, and its card below at once."""
    prompt = "a paper boat in the rain, slow dolly-in"
    page = open_notebook([SETUP, 'form = vg.form("relaydance", duration=4)\nform', ASKED], front=front)
    page.run(0)
    page.run(1)
    form = form_in(page, 1)
    expect(button(form, "generate")).to_be_disabled(timeout=LONG)
    expect(form.locator(".vg-cost")).to_contain_text("Needed: prompt.", timeout=LONG)
    area = form.get_by_label("Prompt", exact=True)
    area.press_sequentially(f"{prompt[:-1]}")
    expect(button(form, "generate")).to_be_enabled(timeout=LONG)
    form.evaluate(TYPE_AND_PRESS, [prompt[:-1] + letter for letter in "xyz" + prompt[-1]])
    card = form.locator(".vg-card")
    expect(card).to_be_visible(timeout=LONG)
    expect(form.locator(".vg-cost")).to_contain_text("exists already: 0 new charges", timeout=LONG)
    expect(button(form, "generate")).to_have_text("Show it", timeout=LONG)
    expect(card).to_have_attribute("data-state", "succeeded", timeout=LONG)
    expect(form.locator(".vg-tile[data-state=succeeded] img")).to_be_visible(timeout=LONG)
    page.run(2)
    (asked,) = json.loads(page.text(2))
    assert asked == {"prompt": prompt, "duration": 4, "take": 1}
    assert posts(page) == 1
    button(form, "take").evaluate(PRESS_THE_NEXT_TOO)
    expect(button(form, "take")).to_have_text("Make take 3", timeout=LONG)
    expect(form.locator(".vg-tile")).to_have_count(2, timeout=LONG)
    expect(form.locator(".vg-tile").first.locator("[aria-current=true]")).to_be_visible(timeout=LONG)
    page.page.wait_for_function("window.pressedNext")
    page.run(2)
    assert [clip["take"] for clip in json.loads(page.text(2).splitlines()[-1])] == [2, 1]
    page.page.wait_for_function("performance.now() > window.pressedNext + 800")
    button(form, "take").click()  # by now it is meant
    expect(form.locator(".vg-tile")).to_have_count(3, timeout=LONG)


def test_it_works_while_a_cell_blocks(open_notebook: OpenNotebook, front: Front) -> None:
    """Typing, problems, Generate, the card: all of it while the main thread sleeps in another cell."""
    page = open_notebook([SETUP, 'vg.form("relaydance")', "time.sleep(120)"], front=front)
    page.run(0)
    page.run(1)
    form = form_in(page, 1)
    page.run(2, wait=False)
    page.wait_busy(2)
    form.get_by_label("Prompt", exact=True).fill("a boat as in @image1 (simulate seconds=2)")
    expect(form.locator(".vg-f-prompt .vg-problem")).to_contain_text("names @image1", timeout=LONG)
    form.get_by_label("Prompt", exact=True).fill("a boat (simulate seconds=2)")
    expect(form.locator(".vg-problem")).to_have_count(0, timeout=LONG)
    button(form, "generate").click()
    expect(form.locator(".vg-card")).to_have_attribute("data-state", "running", timeout=LONG)
    assert page.is_busy(2)
    page.interrupt()


def test_choices_follow_the_model(open_notebook: OpenNotebook, front: Front) -> None:
    """Illegal choices are struck through, a chosen one stays in red with its reason, and Generate waits."""
    code = 'vg.form("relaydance", prompt="a", model="dreamina-seedance-2-0-260128", resolution="480p", duration=5)'
    page = open_notebook([SETUP, code], front=front)
    page.run(0)
    page.run(1)
    form = form_in(page, 1)
    resolution = form.locator(".vg-f-resolution")
    expect(button(form, "generate")).to_be_enabled(timeout=LONG)
    form.get_by_label("Model", exact=True).select_option("doubao-seedance-2-0-1080p")
    expect(resolution.locator(".vg-problem")).to_contain_text("it takes 1080p", timeout=LONG)
    chosen = resolution.get_by_role("button", name="480p", exact=True)
    expect(chosen).to_have_attribute("aria-pressed", "true", timeout=LONG)
    expect(resolution.get_by_role("button", name="720p", exact=True)).to_have_css(
        "text-decoration-line", "line-through", timeout=LONG
    )
    expect(resolution.get_by_role("button", name="1080p", exact=True)).to_have_css(
        "text-decoration-line", "none", timeout=LONG
    )
    red = chosen.evaluate("e => getComputedStyle(e).color")
    assert red == resolution.locator(".vg-problem").evaluate("e => getComputedStyle(e).color")
    expect(button(form, "generate")).to_be_disabled(timeout=LONG)
    expect(form.locator(".vg-cost")).to_contain_text("1 problem.", timeout=LONG)
    resolution.get_by_role("button", name="1080p", exact=True).click()
    expect(button(form, "generate")).to_be_enabled(timeout=LONG)
    slider = form.locator(".vg-f-duration").get_by_role("slider")
    slider.press("ArrowRight")
    expect(form.locator(".vg-f-duration .widget-readout")).to_have_text("6 s", timeout=LONG)
    expect(slider).to_have_attribute("aria-valuetext", "6 s", timeout=LONG)
    form.locator(".jupyter-widget-Collapse-header").press("Enter")
    form.get_by_role("button", name="Dice").click()
    expect(form.locator(".jupyter-widget-Collapse-header")).to_contain_text("seed", timeout=LONG)


def test_all_five_stand_wide_and_narrow(open_notebook: OpenNotebook, front: Front) -> None:
    """Every control has a name and a focus ring, and nothing is beyond the form at 880 and at 360 pixels."""
    page = open_notebook([SETUP, *(f'vg.form("{name}")' for name in FIVE), "vg.form()"], front=front)
    page.run(0)
    for index in range(1, len(FIVE) + 2):
        page.run(index)
        form = form_in(page, index)
        form.scroll_into_view_if_needed()
        form.locator(".jupyter-widget-Collapse-header").click()
        form.get_by_label("Model", exact=True).first.select_option("another, by its name")
        expect(form.locator(".vg-f-model input")).to_be_visible(timeout=LONG)
        expect(form.get_by_label("Take", exact=True)).to_be_visible(timeout=LONG)
        assert form.evaluate(NAMELESS) == []
        form.get_by_label("Take", exact=True).press("Tab")  # from now on the focus is the keyboard's
        assert form.evaluate(RINGLESS) == []
        for width in (880, 360):
            form.evaluate("(form, width) => { form.style.width = `${width}px` }", width)
            assert form.evaluate(TOO_WIDE) == [], f"{index} at {width}"


def test_what_carries_over_and_what_is_copied(open_notebook: OpenNotebook, front: Front) -> None:
    """Another provider keeps the prompt; the code is copied as text. After a reload of the page all goes on."""
    page = open_notebook([SETUP, 'form = vg.form(provider=None, prompt="a boat")\nform', "form.value"], front=front)
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.run(0)
    page.run(1)
    form = form_in(page, 1)
    form.get_by_role("button", name="RelayDance", exact=True).click()
    expect(form.locator(".vg-f-callback_url")).to_have_count(1, timeout=LONG)
    expect(form.get_by_label("Prompt", exact=True)).to_have_value("a boat", timeout=LONG)
    button(form, "code").click()
    expect(button(form, "code")).to_have_text("Copied", timeout=LONG)
    assert page.page.evaluate("navigator.clipboard.readText()") == "vg.relaydance.generate(\n    'a boat',\n)"
    page.save()
    page.reload()
    form = form_in(page, 1)
    expect(form.get_by_label("Prompt", exact=True)).to_have_value("a boat", timeout=LONG)
    form.get_by_role("button", name="AIOAGI", exact=True).click()
    expect(form.locator(".vg-f-control_mode")).to_have_count(1, timeout=LONG)
    page.run(2)
    assert "'provider': 'aioagi'" in page.outputs(2)[0]["data"]["text/plain"]


def test_a_saved_form_is_read_without_widgets(open_notebook: OpenNotebook, front: Front) -> None:
    """Opened by somebody else, the settings stand there as words and as code."""
    page = open_notebook([SETUP, 'vg.form("relaydance", prompt="a <b>boat</b>", duration=5)'], front=front)
    page.run(0)
    page.run(1)
    form_in(page, 1)
    saved = page.save()
    assert set(saved.cells[1].outputs[0]["data"]) >= {"text/html", "text/plain"}
    received = page.reopen_untrusted()
    expect(received.output(1)).to_contain_text("Form · RelayDance")
    expect(received.output(1)).to_contain_text("a <b>boat</b>")
    expect(received.output(1)).to_contain_text("vg.relaydance.generate(")
    expect(received.output(1)).not_to_contain_text("Error displaying widget")
