"""An unknown outcome has four ways out, and none of them pays twice by accident."""

import pytest

import vidgen_nb as vg
from vidgen_nb.records import Status

from ..loopback import Answer, HangUp, Loopback, Say, Seen
from ..playing import ACCEPTED, ASKED, RUNNING


@pytest.fixture
def lost(studio: vg.Studio, server: Loopback) -> vg.Generation:
    """A clip whose submission got no answer; from then on the server answers."""
    server.script = lambda seen: HangUp()
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**ASKED)

    def script(seen: Seen) -> Answer:
        return ACCEPTED if seen.method == "POST" else RUNNING

    server.script = script
    return raised.value.generation  # type: ignore[no-any-return]


def test_reconcile_says_that_it_cannot_search(lost: vg.Generation) -> None:
    """RelayDance documents no list: the error says so, and where to look."""
    with pytest.raises(vg.SubmitUnknown, match="cannot be searched"):
        lost.reconcile()
    assert lost.status is Status.UNKNOWN


def test_adopt_goes_on_with_the_task_found(lost: vg.Generation, server: Loopback) -> None:
    """adopt(task_id): no POST, and the clip is polled."""
    lost.adopt("task_1")
    assert lost.status.open
    assert lost.task_id == "task_1"
    assert len(server.posts) == 1


def test_one_task_is_adopted_once(lost: vg.Generation, studio: vg.Studio) -> None:
    """A task id that belongs to another clip already is refused."""
    other = studio.generate("another boat", provider="relaydance")
    with pytest.raises(vg.InvalidRequest, match=other.id):
        lost.adopt("task_1")
    assert lost.status is Status.UNKNOWN


def test_resolve_frees_the_request(lost: vg.Generation, studio: vg.Studio, server: Loopback) -> None:
    """resolve(not_billed=True): the same cell submits anew, under the same id."""
    lost.resolve(not_billed=True)
    assert lost.status is Status.REFUSED
    assert studio.generate(**ASKED) == lost
    assert len(server.posts) == 2


def test_resubmit_needs_the_words(lost: vg.Generation, server: Loopback) -> None:
    """resubmit() pays a second time only where a person says that it may."""
    with pytest.raises(vg.InvalidRequest, match="accept_double_charge=True"):
        lost.resubmit(accept_double_charge=False)
    assert len(server.posts) == 1
    lost.resubmit(accept_double_charge=True)
    assert lost.status.open
    assert len(server.posts) == 2


def test_an_unknown_outcome_comes_first_in_history(lost: vg.Generation, studio: vg.Studio, server: Loopback) -> None:
    """What waits for a decision stands before what is newer."""
    server.script = lambda seen: Say(json={"task_id": "task_9"}) if seen.method == "POST" else RUNNING
    newer = studio.generate("a newer boat", provider="relaydance")
    assert list(studio.history()) == [lost, newer]


def test_the_ways_out_are_for_unknown_outcomes_alone(studio: vg.Studio) -> None:
    """A clip that is on its way cannot be adopted, resolved or sent again."""
    clip = studio.generate(**ASKED)
    for way in (
        lambda: clip.adopt("x"),
        lambda: clip.resolve(not_billed=True),
        lambda: clip.resubmit(accept_double_charge=True),
    ):
        with pytest.raises(vg.InvalidRequest, match="unknown outcome"):
            way()
