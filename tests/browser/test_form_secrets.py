"""What a person types into a form in a real front end, and the notebook then keeps: no signed address."""

import json

from playwright.sync_api import expect

from .conftest import OpenNotebook
from .test_form import LONG, SETUP, button, form_in

SIGNED = "https://pictures.example.com/boat.png?X-Amz-Signature="
SHOWN = "https://pictures.example.com/boat.png?…"
STATES = """
from ipywidgets import Widget
states = json.dumps(Widget.get_manager_state())
print(*(word in states for word in ("vg-f-first_frame", "picker0", "extra00")))
"""


def test_what_is_signed_is_asked_for_and_not_saved(open_notebook: OpenNotebook) -> None:
    """Typed into a picker and into JSON, twice: the fields show what may be kept, the kernel has the last of it whole,
    and neither the saved notebook nor the state of any widget, which may be saved with it, has it."""
    page = open_notebook(
        [SETUP, 'form = vg.form("relaydance", prompt="a boat", duration=5)\nform', "print(form.value)", STATES]
    )
    page.run(0)
    page.run(1)
    form = form_in(page, 1)
    form.locator(".jupyter-widget-Collapse-header").click()
    picker, extra = form.locator(".vg-f-first_frame input").first, form.locator(".vg-f-extra textarea")
    for number in (1, 2):
        picker.fill(f"{SIGNED}picker0{number}")
        picker.press("Enter")
        expect(form.locator(".vg-f-first_frame .vg-clip1")).to_contain_text("boat.png", timeout=LONG)
        expect(picker).to_have_value("", timeout=LONG)
        extra.fill(json.dumps({"a": f"{SIGNED}extra00{number}", "n": number}))
        extra.blur()
        expect(extra).to_have_value(json.dumps({"a": SHOWN, "n": number}, ensure_ascii=False), timeout=LONG)
    page.run(2)
    assert all(word in page.text(2) for word in ("picker02", "extra002"))
    button(form, "generate").click()
    expect(form.locator(".vg-card")).to_be_visible(timeout=LONG)
    page.run(3)
    assert page.text(3).split() == ["True", "False", "False"]
    saved = json.dumps(page.save().cells[:2])
    assert not any(word in saved for word in ("picker0", "extra00"))
