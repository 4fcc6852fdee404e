"""Two kernels on one home: a living owner is joined, a dead one is taken over. For each of the five providers at once.

The first kernel is a process of its own, which can be killed; the second one is the Studio of the test.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import vidgen_nb as vg
from vidgen_nb.records import Status

from .billing import KEYS, Billing, asked, row_of
from .killing import PATIENCE, TIMING, Kernel, Nursery

FIVE = range(1, 6)  # a clip of each provider


class Gate:
    """Lets no clip pass a point at the server until it is opened."""

    def __init__(self) -> None:
        self.point = ""
        self._open = threading.Event()
        self._there: set[int] = set()
        self._change = threading.Condition()

    def __call__(self, point: str, number: int) -> None:
        if point == self.point and not self._open.is_set():
            with self._change:
                self._there.add(number)
                self._change.notify_all()
            self._open.wait(PATIENCE)

    def wait_until_all_are_there(self) -> None:
        with self._change:
            assert self._change.wait_for(lambda: self._there == set(FIVE), PATIENCE), f"only {self._there}"

    def open(self) -> None:
        self._open.set()


class Two:
    """A home with a first kernel, whose five clips stand at the gate, and a second one that asks for the same."""

    def __init__(self, home: Path, nursery: Nursery) -> None:
        self.gate = Gate()
        self.server = Billing(home, self.gate)
        self._nursery = nursery
        self._first: Kernel | None = None
        self._pool = ThreadPoolExecutor(len(FIVE))
        self.second = vg.Studio(**self.server.arguments(KEYS[1]), timing=vg.Timing(**TIMING))

    def begin(self, point: str) -> None:
        """Start the first kernel; back when all its clips have reached the point."""
        self.gate.point = point
        self._first = self._nursery.take()
        studio = self.server.arguments(KEYS[0])
        job = {"asked": {n: asked(n) for n in FIVE}, "studio": studio, "timing": TIMING, "point": "", "prompt": ""}
        self._first.do(job)
        self.gate.wait_until_all_are_there()

    def ask_too(self) -> "dict[int, Future[vg.Generation]]":
        """The second kernel asks for the five; back when it has found them in the ledger."""
        asking = {n: self._pool.submit(self.second.generate, **asked(n)) for n in FIVE}
        until(lambda: len(self.second._clips) == len(FIVE))
        return asking

    def kill(self) -> None:
        assert self._first is not None
        self._first.kill("here")

    def close(self) -> None:
        self.gate.open()
        self.second.close()
        self._pool.shutdown()
        if self._first is not None:
            self._first.close()
        self.server.stop()
        assert self.server.faults == []
        for number in FIVE:
            (post,) = self.server.posts_of(number)
            assert post.step == "sending"


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        pause.wait(0.01)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Kernels ready to be killed."""
    with closing(Nursery()) as kept:
        yield kept


@pytest.fixture
def two(tmp_path: Path, nursery: Nursery) -> Iterator[Two]:
    """In the end each clip was submitted once, whatever happened."""
    with closing(Two(tmp_path / "vidgen", nursery)) as begun:
        yield begun


def test_whoever_is_polled_by_a_living_kernel_is_joined(two: Two) -> None:
    """The second kernel gets the same clips and their files, and asks the providers nothing."""
    two.begin("first poll")
    clips = {number: future.result(PATIENCE) for number, future in two.ask_too().items()}
    for number, clip in clips.items():
        assert clip.task_id == two.server.posts_of(number)[0].task_id
        assert clip.status.open
        assert clip.record.reused
    two.gate.open()
    for clip in clips.values():
        assert clip.wait(PATIENCE).status is Status.SUCCEEDED
        assert clip.path is not None
        assert clip.path.is_file()
    assert set(two.server.keys) == {KEYS[0]}


def test_a_post_of_a_living_kernel_is_waited_for(two: Two) -> None:
    """Its answer is the second kernel's answer."""
    two.begin("before the answer")
    asking = two.ask_too()
    assert not [future for future in asking.values() if future.done()]
    two.gate.open()
    for number, future in asking.items():
        assert future.result(PATIENCE).task_id == two.server.posts_of(number)[0].task_id


def test_whoever_dies_while_polling_is_taken_over(two: Two) -> None:
    """The second kernel waits; the first is killed; the second brings the clips home with its own key."""
    two.begin("first poll")
    clips = [future.result(PATIENCE) for future in two.ask_too().values()]
    two.kill()
    for clip in clips:
        assert clip.wait(PATIENCE).status is Status.SUCCEEDED
    assert set(two.server.keys[-len(FIVE) :]) == {KEYS[1]}


def test_whoever_dies_in_the_post_leaves_an_unknown_outcome(two: Two) -> None:
    """The second kernel does not send it: it tells what it knows, and the ways out."""
    two.begin("before the answer")
    asking = two.ask_too()
    two.kill()
    for future in asking.values():
        with pytest.raises(vg.SubmitUnknown, match=r"kernel ended .*adopt\(task_id\)"):
            future.result(PATIENCE)


def test_a_rating_takes_no_clip_from_its_kernel(two: Two) -> None:
    """What the second kernel writes beside a clip that is on its way: the first one goes on, and both end well."""
    two.begin("first poll")
    rows = [row_of(two.server.home, number) for number in FIVE]
    clips = [two.second.get(row["id"]) for row in rows]
    for clip in clips:
        assert clip is not None
        assert clip.rate(4).rating == 4
    two.gate.open()
    for clip, before in zip(clips, rows, strict=True):
        assert clip is not None
        assert clip.wait(PATIENCE).status is Status.SUCCEEDED
        assert (clip.rating, clip.record.owner) == (4, before["owner"])
    assert set(two.server.keys) == {KEYS[0]}
