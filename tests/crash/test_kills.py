"""SIGKILL at every point of a clip's way and at random: nobody pays twice, nobody loses a clip. Rows S11 and D6.

CRASH_KILLS says how often; the server's log is the judge, see `killing.Trial`.
"""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vidgen_nb.records import OPEN, Status

from .billing import film
from .killing import Nursery, Trial

GONE: frozenset[Status] = frozenset()
REFUSED, UNKNOWN = frozenset({Status.REFUSED}), frozenset({Status.UNKNOWN})

# point: what the next kernel may find of the clip (nothing where it has no row), and the POSTs that were billed
POINTS = {
    "before the row": (GONE, 0),
    "before sending is written": (REFUSED, 0),
    "before the POST": (UNKNOWN, 0),
    "headers in": (UNKNOWN, 1),
    "body in": (UNKNOWN, 1),
    "before the answer": (UNKNOWN, 1),
    "half an answer": (UNKNOWN, 1),
    "answer sent": (UNKNOWN | OPEN, 1),  # sent is not arrived
    "before the id is written": (UNKNOWN, 1),
    "after the answer": (OPEN, 1),
    "first poll": (OPEN, 1),
    "first media byte": (OPEN, 1),
    "middle media byte": (OPEN, 1),
    "last media byte": (OPEN, 1),
    "before the rename": (OPEN, 1),
    "before the recipe": (OPEN, 1),
    "before the final row": (OPEN, 1),
}
WITH_PARTS = {"first media byte", "middle media byte", "last media byte", "before the rename"}

KILLS = int(os.environ.get("CRASH_KILLS", "40"))
ROUNDS = max(1, KILLS // 40)
KILLS_A_HOME = 4
RANDOM = max(0, KILLS - ROUNDS * len(POINTS))
SEEDS = [(seed, min(KILLS_A_HOME, RANDOM - at)) for seed, at in enumerate(range(0, RANDOM, KILLS_A_HOME), 1)]

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Kernels ready to be killed."""
    kept = Nursery()
    yield kept
    kept.close()


@pytest.fixture
def trial(nursery: Nursery, tmp_path: Path, record_property: Record) -> Iterator[Trial]:
    """A home and its provider; where its kernels were killed is told in the end."""
    begun = Trial(tmp_path / "vidgen", nursery)
    yield begun
    begun.close()
    for point in begun.kills:
        record_property("kill", point)


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(point: str, turn: int, trial: Trial) -> None:
    """Three clips are on their way, one of them at the point: its row is honest, and all come home, paid once.

    The five providers take turns: five rounds bring each of them to each point.
    """
    target = (list(POINTS).index(point) + turn) % 10 + 1
    trial.kill_at(point, target, numbers=range(target, target + 3))
    allowed, posts = POINTS[point]
    assert len(trial.server.posts_of(target)) == posts
    if point in WITH_PARTS:
        (part,) = trial.parts(target)
        assert (part.stat().st_size == len(film(target))) == (point == "before the rename")
    found = trial.resume()
    assert found[target] in allowed if allowed else target not in found


@pytest.mark.parametrize(("seed", "kills"), SEEDS)
def test_killed_at_random(seed: int, kills: int, trial: Trial) -> None:
    """One kernel after the other resumes the home, asks for more, and is killed; in the end all clips are home."""
    dice = random.Random(seed)
    for number in range(kills):
        clips = range(1, 4 + 3 * number)
        trial.kill_after(dice.randrange(34), dice.uniform(0.0001, 0.03), numbers=clips)
    trial.resume()
