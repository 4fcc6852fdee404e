"""What the engine learns, through a Studio: one 429 is enough for all, few submit at once, and the second kernel knows
how long such clips take."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import vidgen_nb as vg
from vidgen_nb.engine.governor import SUBMITS_AT_ONCE
from vidgen_nb.engine.pace import FEWEST
from vidgen_nb.records import Status, Timing

from ..loopback import Answer, Loopback, Say, Seen
from ..playing import CLIP, QUICK, MakeStudio, Play, Provider


def clips(studio: vg.Studio, play: Play, number: int) -> list[vg.Generation]:
    """So many clips, begun at once."""
    asked = {name: value for name, value in play.request.items() if name != "provider"}
    return [studio.begin(play.name, asked, take=take) for take in range(1, number + 1)]


def test_one_refusal_holds_back_all(server: Loopback, make_studio: MakeStudio, play: Play) -> None:
    """After one 429 with Retry-After no clip of this key is asked about before it is over; none of them fails."""
    lock, accepted, asked = threading.Lock(), 0, list[float]()

    def answer(seen: Seen) -> Answer:
        nonlocal accepted
        with lock:
            if seen.method == "POST":
                accepted += 1
                return play.say("submit", task=f"task_{accepted}")
            if seen.path == "/m.mp4":
                return Say(body=CLIP)
            asked.append(time.monotonic())
            if len(asked) == 1:
                return Say(429, headers={"Retry-After": "1"})
            return play.done(f"{server.url}/m.mp4")

    server.script = answer
    studio = make_studio(timing=Timing(first_poll=0.3, min_gap=0.02, max_gap=0.1))
    made = clips(studio, play, 6)
    for clip in made:
        clip.wait(30)
    assert [clip.status for clip in made] == [Status.SUCCEEDED] * 6
    at_once = [at for at in asked if at < asked[0] + 0.9]
    assert len(at_once) <= 2  # one may have been on its way
    assert studio.runner._governors.of(made[0]._studio.gateways.of(made[0].record)).polls.rate < 20


def test_few_submit_at_once_and_closing_sends_no_more(server: Loopback, make_studio: MakeStudio, play: Play) -> None:
    """No more POSTs are under way than there is room for; those whose turn never came were never sent."""
    go, lock, inside = threading.Event(), threading.Lock(), 0

    def answer(seen: Seen) -> Answer:
        nonlocal inside
        if seen.method == "GET":
            return play.say(play.running)
        with lock:
            inside += 1
            number = inside
        go.wait(20)
        return play.say("submit", task=f"task_{number}")

    server.script = answer
    studio = make_studio(timing=Timing(first_poll=60))
    made = clips(studio, play, SUBMITS_AT_ONCE + 4)
    deadline = time.monotonic() + 20
    while inside < SUBMITS_AT_ONCE and time.monotonic() < deadline:
        time.sleep(0.01)
    with ThreadPoolExecutor(1) as other:
        closing = other.submit(studio.close)
        deadline = time.monotonic() + 20
        while sum(clip.status is Status.REFUSED for clip in made) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        go.set()
        closing.result(30)
    assert inside == SUBMITS_AT_ONCE == len(server.posts)
    refused = [clip for clip in made if clip.status is Status.REFUSED]
    assert len(refused) == 4
    for clip in refused:
        assert isinstance(clip.error, vg.NotSent)
        assert clip.record.sent is None
    assert sum(clip.record.task_id != "" for clip in made) == SUBMITS_AT_ONCE


def test_the_second_kernel_knows_how_long_it_takes(make_studio: MakeStudio, provider: Provider, play: Play) -> None:
    """After a few clips of a kind the next one is expected at their time from the start, in another Studio too."""
    first = make_studio()
    for take in range(1, FEWEST + 1):
        provider.polls = [*[provider.running] * 12, provider.done]
        first.generate(**play.request, take=take).wait(30)
    first.close()
    second = make_studio()
    provider.polls = [provider.running]
    clip = second.generate(**play.request, take=50)
    deadline = time.monotonic() + 20
    while clip.record.expected is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert clip.record.expected is not None
    assert clip.record.expected_late is not None
    assert clip.record.answered is not None
    assert clip.record.answered < clip.record.expected_late < clip.record.answered + 20


@pytest.mark.parametrize("person", [True, False])
def test_who_waits_is_counted(make_studio: MakeStudio, provider: Provider, play: Play, person: bool) -> None:
    """A wait in a cell makes a clip urgent for as long as it lasts; a sweep's does not."""
    studio = make_studio(timing=QUICK)
    provider.polls = [provider.running]
    clip = studio.generate(**play.request)
    job = studio.runner._jobs[clip.id]
    future = studio.settled(clip.record, person=person)
    assert job.awaited == int(person)
    future.cancel()
    assert job.awaited == 0
    with pytest.raises(vg.WaitTimeout):
        clip.wait(0.05)
    assert job.awaited == 0
