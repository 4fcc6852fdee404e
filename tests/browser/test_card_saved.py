"""What stays of a card in the saved notebook: a player for everybody, and a way to go on."""

import json
import subprocess
import sys

from playwright.sync_api import expect

from .cards import LONG, QUESTIONS, STAGE, asking, card, plays
from .conftest import OpenNotebook
from .lab import Front

TEN = "for _ in range(10):\n    stage.saved('succeeded')"
UNFINISHED = "clip = vg.generate('a boat (simulate seconds=600)', provider='relaydance')\nclip"
ENDS = "for name in ('failed', 'unknown', 'stuck', 'refused', 'tall'):\n    stage.saved(name)"


def test_a_saved_notebook(open_notebook: OpenNotebook, front: Front) -> None:
    """Saved with the kernel gone, opened by somebody else: player, poster, and how to go on; readable in both themes.

    By its owner: the clip that finished on the open page plays without a kernel, and no widget is missed.
    """
    page = open_notebook([STAGE, asking(1), "clip.wait()\nNone", UNFINISHED, ENDS, "print(clip.id)"], front=front)
    for index in range(6):
        page.run(index)
    id = page.text(5).strip()
    expect(card(page.output(3))).to_have_attribute("data-state", "running", timeout=LONG)
    plays(page, page.output(1).locator("video[src*='clips/']"))
    saved = page.save()
    (made,) = saved.cells[1].outputs
    assert set(made["data"]) == {"text/html", "text/plain", "image/jpeg"}
    assert "widgets" not in saved.metadata

    received = page.reopen_untrusted()
    assert not received.trusts(1)
    video = received.output(1).locator("video")
    assert video.get_attribute("poster")
    plays(received, video)
    expect(received.output(1)).to_contain_text("Succeeded")
    for text in ("Running", "when this notebook was saved", id, f'vg.resume("{id}")'):
        expect(received.output(3)).to_contain_text(text)
    for text in ("Failed", "Outcome unknown", "clip.adopt(", "Stuck", "Refused"):
        expect(received.output(4)).to_contain_text(text)
    expect(received.page.locator(".jp-Notebook")).not_to_contain_text("Error displaying widget")
    received.page.evaluate(QUESTIONS)
    for theme in ("light", "dark"):
        received.set_theme(theme)
        assert received.page.evaluate("tests.faint('.jp-OutputArea-output *')") == [], theme
    received.jupyter.shutdown(received.file.parent.name)

    own = type(page)(page.jupyter, received.page.context, page.file, front)
    assert own.trusts(1)
    plays(own, own.output(1).locator("video"))
    expect(own.output(1)).not_to_contain_text("Error displaying widget")


def test_ten_clips_and_a_page_of_them(open_notebook: OpenNotebook) -> None:
    """A notebook with ten players is below 500 kB; one that was embedded on demand is as large as its clip.

    As an HTML page they play from the disk, without a server.
    """
    page = open_notebook([STAGE, TEN, asking(0), "clip.wait().show(embed=True)"])
    page.run(0)
    page.run(1)
    page.save()
    expect(page.output(1).locator("video")).to_have_count(10)
    assert page.file.stat().st_size < 500_000
    page.run(2)
    page.run(3)
    saved = page.save()
    (film,) = (page.file.parent / "vidgen" / "clips").glob("*_sim-*.mp4")
    assert len(json.dumps(saved.cells[3].outputs)) > film.stat().st_size * 4 / 3
    plays(page, page.output(3).locator("video[src^='data:']"))

    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", page.file], check=True, capture_output=True)
    page.page.goto(page.file.with_suffix(".html").as_uri())
    for video in ("video[src^='vidgen/']", "video[src^='data:']"):
        plays(page, page.page.locator(video).last)
