"""What the engine's own schedule is worth, in virtual time: lateness × polls, against a fixed interval.

Each home learns from twenty clips, one after the other, looking at them by the schedule itself; then it looks at
many more without learning on. The fixed interval is the one that asks as often as the schedule did in that home: homes
learn different gaps, and to take them all together would count that as lateness, though nobody has two homes.
"""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidgen_nb.engine import rules
from vidgen_nb.engine.pace import Past, run_of
from vidgen_nb.records import Timing

MEDIAN, SIGMA = 60.0, 0.4  # seconds
LEARNED = 20  # clips
HOMES, CLIPS = 20, 200  # of each run: so many homes, and clips of each
BENT = 0.15  # how far a provider's progress is from keeping time: the deviation of its exponent's logarithm

Durations = Callable[[random.Random], float]


def lognormal(chance: random.Random) -> float:
    return chance.lognormvariate(math.log(MEDIAN), SIGMA)


def memoryless(chance: random.Random) -> float:
    return chance.expovariate(math.log(2) / MEDIAN)


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip at the provider. `bend`: its progress after a share t of its time is t to the power of it; 0: it tells
    none."""

    seconds: float
    bend: float

    def progress(self, age: float) -> float | None:
        """In steps of ten percent."""
        return math.floor(10 * (age / self.seconds) ** self.bend) * 10.0 if self.bend else None


@dataclass(frozen=True, slots=True)
class Looks:
    """How a clip was looked at: ages, and the progress that was seen."""

    ages: list[float]
    marks: list[tuple[float, float]]


def look(past: Past, clip: Clip, timing: Timing, chance: random.Random) -> Looks:
    """Look at a clip until it is seen to be done, as the engine does."""
    ages: list[float] = []
    marks: list[tuple[float, float]] = []
    age, progress = 0.0, None
    while True:
        known = past.next_wait(age, progress, timing)
        wait = rules.next_wait(rules.Patience(polls=len(ages)), age=age, timing=timing, known=known)
        age += wait * chance.uniform(0.95, 1.05)
        ages.append(age)
        if age >= clip.seconds:
            return Looks(ages, marks)
        progress = clip.progress(age)
        if progress is not None and (not marks or progress > marks[-1][1]):
            marks.append((age, progress))


def learned(clips: Sequence[Clip], timing: Timing, chance: random.Random) -> Past:
    """What a home knows after these clips."""
    past = Past()
    for clip in clips:
        looks = look(past, clip, timing, chance)
        before = looks.ages[-2] if len(looks.ages) > 1 else None
        if run := run_of(before, looks.ages[-1], looks.marks):
            past = Past([*past.runs, run])  # as the next notebook finds it
    return past


def fixed(durations: Sequence[float], polls: float) -> tuple[float, float]:
    """Mean lateness and mean polls at the fixed interval which asks that often."""
    low, high = 0.01, 10 * max(durations)
    for _ in range(60):
        gap = (low + high) / 2
        low, high = (gap, high) if statistics.fmean(math.ceil(d / gap) for d in durations) > polls else (low, gap)
    asked = [math.ceil(d / high) for d in durations]
    return statistics.fmean(n * high - d for n, d in zip(asked, durations, strict=True)), statistics.fmean(asked)


def play(durations: Durations, *, tells: bool, seed: int, timing: Timing | None = None) -> dict[str, float]:
    """One run: many homes, and what they saw on average after they had learned. `tells`: progress is reported."""
    chance, timing = random.Random(seed), timing or Timing()
    homes = [_home(durations, tells, timing, chance) for _ in range(HOMES)]
    return {name: statistics.fmean(home[name] for home in homes) for name in homes[0]}


def _home(durations: Durations, tells: bool, timing: Timing, chance: random.Random) -> dict[str, float]:
    clips = [Clip(durations(chance), math.exp(chance.gauss(0, BENT)) if tells else 0.0) for _ in range(LEARNED + CLIPS)]
    past = learned(clips[:LEARNED], timing, chance)
    looks = [(clip.seconds, look(past, clip, timing, chance).ages) for clip in clips[LEARNED:]]
    late, polls = statistics.fmean(ages[-1] - end for end, ages in looks), statistics.fmean(len(a) for _, a in looks)
    late_fixed, polls_fixed = fixed([end for end, _ in looks], polls)
    ratio = late * polls / (late_fixed * polls_fixed)
    return {"ratio": ratio, "late": late, "polls": polls, "late_fixed": late_fixed, "polls_fixed": polls_fixed}
