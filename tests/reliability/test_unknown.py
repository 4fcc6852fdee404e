"""An unknown outcome has four ways out at each of the five, and none of them pays twice by accident."""

import threading

import pytest

import vidgen_nb as vg
from vidgen_nb.records import Status

from ..loopback import HangUp, Loopback
from ..playing import AITOEARN, PLAYS, TASK, MakeStudio, Play, Provider


@pytest.fixture
def lost(provider: Provider, studio: vg.Studio) -> vg.Generation:
    """A clip whose submission got no answer; from then on the server answers."""
    provider.submits = [HangUp(), provider.play.accepted]
    provider.polls = [provider.running]
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**provider.play.request)
    return raised.value.generation  # type: ignore[no-any-return]


# ── what a person sees ────────────────────────────────────────────────────────
def test_an_unknown_outcome_comes_first_in_history(lost: vg.Generation, studio: vg.Studio, provider: Provider) -> None:
    """What waits for a decision stands before what is newer."""
    provider.submits = [provider.play.say("submit", task="task_9")]
    newer = studio.generate(**{**provider.play.request, "prompt": "a newer boat"})
    assert list(studio.history()) == [lost, newer]


def test_the_card_has_the_four_ways_out(lost: vg.Generation, studio: vg.Studio) -> None:
    """Each way stands on the card with what it means; where nothing can be searched, it says so."""
    html, text = (studio.bundle(lost)[kind] for kind in ("text/html", "text/plain"))
    for way in ("Adopt", "Not billed", "Send again"):
        assert way in html
    assert "charged twice" in html
    assert ("cannot be searched" in html) is (lost.provider != "aitoearn")
    assert "unknown" in text
    error = lost.error
    assert isinstance(error, vg.SubmitUnknown)
    assert f'clip = vg.resume("{lost.id}")' in error.hint  # where it was raised, no name holds the clip
    for call in ("adopt(", "resolve(not_billed=True)", "resubmit(accept_double_charge=True)"):
        assert call in error.hint
    assert ("reconcile()" in error.hint) is (lost.provider == "aitoearn")


# ── reconcile: four cannot be searched (AiToEarn: test_reconcile.py) ───────────
@pytest.mark.parametrize("play", [play for play in PLAYS if play is not AITOEARN], ids=lambda play: play.name)
def test_reconcile_says_that_it_cannot_search(lost: vg.Generation, server: Loopback, play: Play) -> None:
    """Four of the five document no list: the error says so, and where to look; nothing is sent, nothing changes."""
    with pytest.raises(vg.SubmitUnknown, match="cannot be searched") as raised:
        lost.reconcile()
    assert "console" in raised.value.hint
    assert "clip.adopt(task_id)" in raised.value.hint
    assert lost.status is Status.UNKNOWN
    assert len(server.log) == 1


# ── adopt ─────────────────────────────────────────────────────────────────────
def test_adopt_brings_the_clip_home(lost: vg.Generation, server: Loopback, provider: Provider) -> None:
    """adopt(task_id): no POST; the task found in the console becomes this clip."""
    provider.polls = [provider.running, provider.done]
    lost.adopt(f"  {TASK}\n")
    assert lost.wait(20).status is Status.SUCCEEDED
    assert (lost.task_id, lost.error) == (TASK, None)
    assert len(server.posts) == 1


def test_adopt_in_another_kernel(
    lost: vg.Generation, server: Loopback, provider: Provider, make_studio: MakeStudio
) -> None:
    """The ways out belong to the clip, not to the kernel that lost it."""
    provider.polls = [provider.done]
    there = make_studio().resume(lost.id)
    assert there.status is Status.UNKNOWN
    assert there.adopt(TASK).wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


@pytest.mark.parametrize("id", ["", "../x", "two words", "x" * 200, "a/b?c"])
def test_adopt_takes_ids_alone(id: str, lost: vg.Generation, server: Loopback) -> None:
    """What is no id is refused before it becomes an address."""
    with pytest.raises(vg.InvalidRequest, match="no task id"):
        lost.adopt(id)
    assert lost.status is Status.UNKNOWN
    assert len(server.log) == 1


def test_one_task_is_adopted_once(lost: vg.Generation, studio: vg.Studio, play: Play) -> None:
    """A task id that belongs to another clip already is refused, naming that clip."""
    other = studio.generate(**{**play.request, "prompt": "another boat"})
    with pytest.raises(vg.InvalidRequest, match=other.id):
        lost.adopt(TASK)
    assert lost.status is Status.UNKNOWN


# ── resolve, resubmit ─────────────────────────────────────────────────────────
def test_resolve_frees_the_request(lost: vg.Generation, studio: vg.Studio, server: Loopback, play: Play) -> None:
    """resolve(not_billed=True) sends nothing; then the same cell submits anew, under the same id."""
    with pytest.raises(vg.InvalidRequest, match="not_billed=True"):
        lost.resolve(not_billed=False)
    lost.resolve(not_billed=True)
    assert lost.status is Status.REFUSED
    assert len(server.posts) == 1
    assert studio.generate(**play.request) == lost
    assert lost.task_id == TASK
    assert len(server.posts) == 2


def test_resubmit_needs_the_words(lost: vg.Generation, server: Loopback) -> None:
    """resubmit() pays a second time only where a person says that it may."""
    for word in (False, None, 1, "yes"):
        with pytest.raises(vg.InvalidRequest, match="accept_double_charge=True"):
            lost.resubmit(accept_double_charge=word)  # type: ignore[arg-type]
    with pytest.raises(vg.InvalidRequest, match="accept_double_charge=True"):
        lost.resubmit()
    with pytest.raises(vg.InvalidRequest, match="not_billed=True"):
        lost.resolve()
    assert len(server.posts) == 1
    lost.resubmit(accept_double_charge=True)
    assert lost.status.open
    assert server.posts[0].body == server.posts[1].body
    assert len(server.posts) == 2


def test_a_resubmission_may_be_lost_too(lost: vg.Generation, server: Loopback, provider: Provider) -> None:
    """Then it is unknown once more, with the same ways out."""
    provider.submits = [HangUp()]
    with pytest.raises(vg.SubmitUnknown):
        lost.resubmit(accept_double_charge=True)
    assert lost.status is Status.UNKNOWN
    provider.polls = [provider.done]
    assert lost.adopt(TASK).wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 2


def test_a_double_click_resubmits_once(
    lost: vg.Generation, server: Loopback, provider: Provider, make_studio: MakeStudio
) -> None:
    """Eight presses at once, in two kernels: one of them sends, the others say that it was decided already."""
    handles = [lost, make_studio().resume(lost.id)] * 4
    start, refused = threading.Barrier(8), []

    def press(clip: vg.Generation) -> None:
        start.wait(20)
        try:
            clip.resubmit(accept_double_charge=True)
        except vg.InvalidRequest as error:
            refused.append(error)

    threads = [threading.Thread(target=press, args=(clip,)) for clip in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 7
    assert len(server.posts) == 2


def test_the_ways_out_are_for_unknown_outcomes_alone(studio: vg.Studio, provider: Provider, server: Loopback) -> None:
    """A clip that is on its way cannot be adopted, resolved or sent again."""
    provider.polls = [provider.running]
    clip = studio.generate(**provider.play.request)
    for way in (
        clip.reconcile,
        lambda: clip.adopt("x"),
        lambda: clip.resolve(not_billed=True),
        lambda: clip.resubmit(accept_double_charge=True),
    ):
        with pytest.raises(vg.InvalidRequest, match="unknown outcome"):
            way()
    assert len(server.posts) == 1
