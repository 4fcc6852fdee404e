"""When to ask, learned: in virtual time, with tasks whose true durations are known."""

import math
import random
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from vidgen_nb.engine.pace import FAR, FEWEST, Past, Pasts, Run, kind_of, run_of
from vidgen_nb.ledger import Ledger
from vidgen_nb.records import Record, Timing

TIMING = Timing()


def record(number: int = 0, **asked: object) -> Record:
    return Record(
        id=f"g{number}", identity=f"i{number}", provider="relaydance", origin="https://relaydance.com",
        model="m", asked={"prompt": "a boat", "duration": 5, **asked}, created=100.0 + number, answered=101.0 + number,
    )  # fmt: skip


def watched(duration: float, past: Past, rng: random.Random, step: float = 0.0) -> tuple[float, int, Run | None]:
    """A task asked about as the engine does: its lateness, its polls, and what it teaches."""
    age, polls, before, marks, progress = 0.0, 0, None, [], None
    while True:
        known = past.next_wait(age, progress, TIMING)
        otherwise = TIMING.first_poll if not polls else min(TIMING.max_gap, max(TIMING.min_gap, age / 10))
        age += (known if known is not None else otherwise) * rng.uniform(0.95, 1.05)
        polls += 1
        if age >= duration:
            return age - duration, polls, run_of(before, age, marks)
        before = age
        if step:
            progress = math.floor(age / duration / step) * step * 100
            marks.append((age, progress))


def at_a_fixed_gap(duration: float, gap: float, rng: random.Random) -> tuple[float, int]:
    age, polls = 0.0, 0
    while age < duration:
        age += gap * rng.uniform(0.95, 1.05)
        polls += 1
    return age - duration, polls


def compared(draw: Callable[[random.Random], float], step: float = 0.0) -> float:
    """Lateness × polls after twenty tasks, against a fixed gap; the median of forty homes."""
    ratios = []
    for home in range(40):
        rng, past = random.Random(home), Past()
        while len(past.runs) < 20:
            run = watched(draw(rng), past, rng, step)[2]
            if run is not None:
                past.add(run, lambda: ())
        durations = [draw(rng) for _ in range(60)]
        ours = [watched(duration, past, rng, step)[:2] for duration in durations]
        fixed = [at_a_fixed_gap(duration, 3.5, rng) for duration in durations]
        products = [
            statistics.mean(late for late, _ in told) * statistics.mean(polls for _, polls in told)
            for told in (ours, fixed)
        ]
        ratios.append(products[0] / products[1])
    return statistics.median(ratios)


def test_fewer_polls_and_less_lateness_than_a_fixed_gap() -> None:
    """Durations that vary by 40 %: three quarters of the product; with progress far less; where nothing can be learned
    nothing is lost."""
    assert compared(lambda rng: 60 * math.exp(rng.gauss(0, 0.4))) <= 0.75
    assert compared(lambda rng: 60 * math.exp(rng.gauss(0, 0.4)), step=0.1) <= 0.4
    assert compared(lambda rng: rng.expovariate(1 / 60)) <= 1.15


def test_nothing_is_said_before_enough_is_known() -> None:
    """A few clips are no evidence, and clips without an end are none of being done."""
    past = Past([Run(60.0)] * (FEWEST - 1))
    assert past.next_wait(0, None, TIMING) is None
    assert past.outlook(0, None) is None
    past.add(Run(60.0), lambda: [70.0] * 100)
    assert past.outlook(0, None) is None  # most of a burst are still at work


def test_the_first_look_is_before_the_shortest() -> None:
    """Of a few clips the shortest is not as short as one of a hundred is."""
    few = Past([Run(seconds) for seconds in (50.0, 55, 60, 70, 80)])
    many = Past([Run(40.0 + number) for number in range(100)])
    first = few.next_wait(0, None, TIMING)
    assert first is not None
    assert 30 < first < 50
    assert many.next_wait(0, None, TIMING) == pytest.approx(41, abs=1.5)


def test_a_burst_does_not_teach_that_all_are_short() -> None:
    """The first to be done of a burst are the short ones: those at work say so."""
    hasty, fair = Past(), Past()
    for seconds in range(20, 50):
        hasty.add(Run(float(seconds)), lambda: ())
        fair.add(Run(float(seconds)), lambda seconds=seconds: [seconds + 0.5] * (70 - seconds))
    told, usual = hasty.outlook(0, None), fair.outlook(0, None)
    assert told is not None
    assert usual is not None
    assert told.likely < 36
    assert usual.likely > 42


def test_gaps_keep_to_the_timing() -> None:
    """Between min_gap and max_gap from the first look on; a clip that takes far longer is no longer one of them."""
    quick, slow = Past([Run(1.0 + n / 10) for n in range(10)]), Past([Run(4000.0 * (1 + n)) for n in range(10)])
    assert quick.next_wait(1.5, None, TIMING) == TIMING.min_gap
    assert slow.next_wait(5000, None, TIMING) == TIMING.max_gap
    assert quick.late is not None
    assert quick.next_wait(FAR * quick.late + 0.1, None, TIMING) is None


def test_progress_is_believed_once_it_was_right() -> None:
    """Progress that lagged by 5 % says when the clip will be done; without a history it says nothing."""
    assert Past([Run(60.0 + n) for n in range(10)]).outlook(20, 45.0) == Past(
        [Run(60.0 + n) for n in range(10)]
    ).outlook(20, None)
    past = Past([Run(60.0 + 10 * n, 0.05, 0.1) for n in range(10)])
    told = past.outlook(50, 45.0)
    assert told is not None
    assert told.likely == pytest.approx(100)
    assert told.early == pytest.approx(50 / 0.55)
    wait = past.next_wait(50, 45.0, TIMING)
    assert wait == pytest.approx(50 / 0.55 - 50)


def test_the_outlook_of_one_that_is_late_already() -> None:
    """Past the time of half of them, the half of those that took longer is meant; past all of them nothing is said."""
    past = Past([Run(50.0 + n) for n in range(40)])
    first, later = past.outlook(0, None), past.outlook(75, None)
    assert first is not None
    assert later is not None
    assert first.likely < 71
    assert 79 < later.likely < 85
    assert first.late == later.late == past.late
    assert past.outlook(1000, None) is None


@pytest.mark.parametrize(
    ("before", "done", "seconds"),
    [
        (58.0, 62.0, 60.0),  # between two looks
        (None, 20.0, 17.0),  # at first sight: it was done some time before
        (30.0, 3600.0, None),  # the laptop slept
        (0.5, 0.9, None),  # far apart for so short a clip
    ],
)
def test_what_a_clip_teaches(before: float | None, done: float, seconds: float | None) -> None:
    """The middle of two looks that are close together; nothing where they are not."""
    run = run_of(before, done, [])
    assert (run.seconds if run else None) == seconds


def test_marks_become_lags() -> None:
    """By how much progress lagged, on average and at most; 0 and 100 are no marks."""
    run = run_of(99, 101, [(10.0, 0.0), (30.0, 20.0), (60.0, 55.0), (99.0, 100.0)])
    assert run is not None
    assert (run.lag, run.most_lag) == (pytest.approx(0.075), pytest.approx(0.1))


def test_a_home_remembers_by_kind(tmp_path: Path) -> None:
    """What was learned is there for the next kernel: for the same model, resolution and duration at the same place."""
    ledger = Ledger(tmp_path)
    pasts = Pasts(ledger)
    for number in range(120):
        pasts.keep(record(number), Run(10.0 + number, 0.1, 0.2))
    pasts.keep(record(500, duration=10), Run(500.0))
    pasts.keep(record(119), Run(130.0))  # once for each clip
    ledger.close()
    ledger = Ledger(tmp_path)
    found = Pasts(ledger).of(kind_of(record(7, prompt="another"))).runs
    assert [run.seconds for run in found] == [*range(30, 129), 130]
    assert found[0] == Run(30.0, 0.1, 0.2)
    assert [run.seconds for run in Pasts(ledger).of(kind_of(record(duration=10))).runs] == [500]
    assert Pasts(ledger).of(kind_of(record(resolution="720p"))).runs == []
    ledger.close()


def test_a_strangers_numbers_are_left_out(tmp_path: Path) -> None:
    """Rows that hold texts, nothing, endless or absurd numbers teach nothing, and break nothing."""
    ledger = Ledger(tmp_path)
    pasts = Pasts(ledger)
    for number, seconds in enumerate(["long", -5.0, 0.0, float("inf"), 1e300, 60.0]):
        pasts.keep(record(number), Run(seconds))  # type: ignore[arg-type]
    for number, lag in enumerate(["much", float("inf"), 1e9], 100):
        pasts.keep(record(number), Run(60.0, lag, 0.1))  # type: ignore[arg-type]
    assert pasts.of(kind_of(record())).runs == [Run(60.0)]
    ledger.close()
