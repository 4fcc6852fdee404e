"""A task's life follows from its request and a clock."""

import pytest

from vidgen_nb.records import Status
from vidgen_nb.simulator.task import Ask, Reference, Refusal, Script, Task


def task(prompt: str, **more: object) -> Task:
    ask = Ask(model="m", prompt=prompt)
    return Task("task_1", "relaydance", 1, 1000.0, ask, Script(**more) if more else Script.read(prompt))


def test_a_task_queues_runs_and_succeeds() -> None:
    """At speed 1 about a second in the queue, about six running, and the progress only grows, from 0 to 99."""
    states = [task("a boat").state(1000 + t / 10) for t in range(100)]
    start, end = task("a boat").moments(1)
    assert 0.7 < start - 1000 < 1.3
    assert 4.9 < end - start < 7.1
    words = [state.status for state in states]
    assert words == sorted(words, key=[Status.QUEUED, Status.RUNNING, Status.SUCCEEDED].index)
    progress = [state.progress for state in states if state.status is Status.RUNNING]
    assert progress == sorted(progress)
    assert progress[0] <= 3
    assert 95 < progress[-1] <= 99


def test_the_same_request_takes_the_same_time_and_another_takes_another() -> None:
    """A life is no dice: it comes from the request's hash."""
    assert task("a boat").moments(1) == task("a boat").moments(1)
    assert task("a boat").moments(1) != task("an owl").moments(1)


def test_speed_shortens_a_life() -> None:
    """Everything happens `speed` times as fast, from the moment of acceptance."""
    slow, fast = task("a boat").moments(1), task("a boat").moments(10)
    assert [(moment - 1000) / 10 for moment in slow] == pytest.approx([moment - 1000 for moment in fast])


def test_a_prompt_can_set_the_times() -> None:
    """(simulate queued=… seconds=…) are the seconds in the queue and of the run."""
    start, end = task("a boat (simulate queued=5 seconds=20)").moments(1)
    assert (start, end) == (1005, 1025)


@pytest.mark.parametrize("kind", ["moderation", "upstream"])
def test_a_prompt_can_make_it_fail(kind: str) -> None:
    """(simulate fail=… at=60) runs to 60 % and fails there."""
    failing = task(f"a boat (simulate queued=0 seconds=10 fail={kind} at=60)")
    assert failing.state(1005.99).status is Status.RUNNING
    assert failing.state(1005.99).progress == 59
    assert failing.state(1006.01).status is Status.FAILED


def test_a_word_which_nobody_knows_is_refused() -> None:
    """A typing error in a directive shows, instead of doing nothing."""
    for wrong in ("(simulate fial=moderation)", "(simulate fail=weather)", "(simulate queued=soon)"):
        with pytest.raises(Refusal, match="prompt: the simulator cannot do"):
            Script.read(wrong)


def test_the_caption_has_no_directive() -> None:
    """What is asked of the simulator is not part of the film."""
    assert Ask(model="m", prompt="a boat (simulate fail=upstream at=3)\n in rain").caption == "a boat in rain"


@pytest.mark.parametrize(
    ("ask", "size"),
    [
        ({"ratio": "16:9", "resolution": "720p"}, (1280, 720)),
        ({"ratio": "9:16", "resolution": "1080p"}, (1080, 1920)),
        ({"ratio": "1:1", "resolution": "480p"}, (480, 480)),
        ({"ratio": "21:9", "resolution": "480p"}, (1120, 480)),
        ({"ratio": "4:3", "resolution": "720p"}, (960, 720)),
        ({"width": 641, "height": 361}, (640, 360)),
        ({"ratio": "adaptive"}, (1280, 720)),
        ({"ratio": "adaptive", "references": (Reference("image", "data:…", "first_frame", 0.5),)}, (720, 1440)),
    ],
)
def test_the_size_of_a_film(ask: dict[str, object], size: tuple[int, int]) -> None:
    """The resolution is the short side, both sides are even, and "adaptive" takes the ratio of the picture."""
    assert Ask(model="m", prompt="p", **ask).size == size
