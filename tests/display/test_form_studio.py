"""The form with a Studio behind it: what it sends is what generate() sends, and each request once."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import ipywidgets
import pytest

import vidgen_nb as vg
from vidgen_nb.errors import MissingKey
from vidgen_nb.records import Status

from ..loopback import Loopback, Reset, Say, Seen
from ..playing import MakeStudio, make_studio, server

__all__ = ["make_studio", "server"]

ACCEPTED = Say(json={"task_id": "task_1", "status": "submitted"})
RUNNING = Say(json={"task_id": "task_1", "status": "running"})
ASKED = {"prompt": "a paper boat", "duration": 5, "aspect_ratio": "16:9"}


@pytest.fixture(autouse=True)
def _widgets_end() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()


def posts(server: Loopback) -> list[Seen]:
    return [seen for seen in server.log if seen.method == "POST"]


def test_the_form_sends_what_generate_sends(make_studio: MakeStudio, server: Loopback) -> None:
    """The clip of a form is the clip of the same words in a cell: running those afterwards costs nothing."""
    studio = make_studio()
    clip = studio.relaydance.form(**ASKED).generate()
    assert studio.relaydance.generate(**ASKED).id == clip.record.id
    assert len(posts(server)) == 1
    assert posts(server)[0].json["prompt"] == "a paper boat"


def test_its_code_is_the_same_clip(make_studio: MakeStudio, server: Loopback) -> None:
    """Pasted into a cell, the copied code gives the clip that the form made."""
    studio = make_studio()
    form = studio.form("relaydance", **ASKED, extra={"n": 1}, take=2)
    clip = form.generate()
    again = eval(form.code(), {"vg": SimpleNamespace(relaydance=studio.relaydance)})
    assert again.id == clip.record.id
    assert len(posts(server)) == 1


def test_a_click_never_waits_for_the_post(make_studio: MakeStudio, server: Loopback) -> None:
    """The clip and its tile are there while the provider has not answered yet."""
    held = threading.Event()

    def script(seen: Seen) -> Say:
        if seen.method == "POST":
            held.wait(20)
            return ACCEPTED
        return RUNNING

    server.script = script
    form = make_studio().form("relaydance", **ASKED)
    form._pressed("generate", "")
    try:
        assert 'data-state="submitting"' in form._board.tiles
        assert "exists already" in form._board.line
    finally:
        held.set()


def test_pressed_twice_is_one_submission(make_studio: MakeStudio, server: Loopback) -> None:
    """Two clicks in two threads at the same moment, as a kernel with subshells may run them: one POST."""
    form = make_studio().form("relaydance", **ASKED)
    together = threading.Barrier(4)

    def press() -> None:
        together.wait()
        form._pressed("generate", "")

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clip = form.generate()
    assert form._board.tiles.count("vg-tile") == 1
    assert isinstance(clip, vg.Generation)
    _answered(clip)
    assert len(posts(server)) == 1


def _answered(clip: vg.Generation) -> None:
    """Wait until the outcome of the submission is known."""
    known = threading.Event()
    stop = clip.watch(lambda record: known.set() if record.status is not Status.SUBMITTING else None)
    assert clip.status is not Status.SUBMITTING or known.wait(20)
    stop()


def test_a_refusal_may_be_tried_again_and_an_unknown_outcome_not(make_studio: MakeStudio, server: Loopback) -> None:
    """An answer that never came leaves Show it, whose card has the ways out; nothing is sent a second time."""
    server.script = lambda seen: Reset() if seen.method == "POST" else RUNNING
    form = make_studio().form("relaydance", **ASKED)
    clip = form.generate()
    assert isinstance(clip, vg.Generation)
    _answered(clip)
    assert clip.status is Status.UNKNOWN
    form._changed()
    assert "outcome unknown" in form._board.line
    form._pressed("generate", "")
    assert len(posts(server)) == 1


def test_without_a_key_the_form_works_and_says_so(make_studio: MakeStudio, server: Loopback) -> None:
    """Filling in needs no key; Generate says which one is missing, and nothing is sent."""
    form = make_studio(keys={}).form("relaydance", **ASKED)
    form._pressed("generate", "")
    assert "No key for RelayDance" in form._board.line
    assert "RELAYDANCE_API_KEY" in form._board.line
    with pytest.raises(MissingKey):
        form.generate()
    assert server.log == []


def test_looking_at_a_form_makes_no_home(make_studio: MakeStudio, server: Loopback) -> None:
    """No folder, no ledger, no call: not before something is asked for."""
    studio = make_studio()
    studio.form("relaydance", **ASKED)
    studio.form()
    assert not studio.home.exists()
    assert server.log == []


def test_a_provider_without_an_address_says_what_to_set(make_studio: MakeStudio) -> None:
    """New API is everybody's own gateway: its form stands, and names the variable."""
    form = make_studio(base_urls={}).form("newapi", prompt="a", model="kling-v1")
    assert "NEWAPI_BASE_URL" in form._board.line
    assert form.value == {"prompt": "a", "model": "kling-v1"}
