"""The benchmarks work, at a size that proves nothing about speed; and the table says what they measured."""

import json
import math
import random

import pytest

from . import schedule, server
from .bench import NotInstalled, benching
from .rows import MEASURED, MISSED, ROWS, number, table

KEPT = json.loads(MEASURED.read_text(encoding="utf-8"))
FIGURES = [(name, what) for name, row in ROWS.items() for what in row.figures]
QUICK = json.dumps({"first_poll": 0.1, "min_gap": 0.1})


@pytest.mark.slow
def test_a_client_is_measured_from_both_sides() -> None:
    """Each clip's lateness comes from the server's end and the client's word; requests are what the server saw."""
    with benching() as (bench, _):
        options = {"median": 0.3, "timing": QUICK, "cold": True, "taught": False}
        ours = bench.run("ours", 3, seed=1, **options)
    assert ours.lost == {}
    assert len(ours.known) == len(ours.held) == 3
    assert 0 <= ours.known[0] <= ours.late(0.5) <= ours.late(0.95)
    assert ours.counts["posts"] == ours.counts["downloads"] == 3
    assert ours.counts["polls"] == sum(map(len, ours.polls)) >= 3
    assert ours.requests == 6 + ours.counts["polls"]
    assert ours.cpu > 0
    assert ours.peak >= ours.rss > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["openai", "fal", "aiohttp"])
def test_another_client_brings_its_clips_home(kind: str) -> None:
    """Theirs are driven as their libraries say; one that is not installed says so in place of a number."""
    with benching() as (bench, _):
        try:
            seen = bench.run(kind, 2, seed=1, median=0.3, cold=True)
        except NotInstalled as missing:
            pytest.skip(str(missing))
    assert (seen.lost, len(seen.held), seen.counts["posts"]) == ({}, 2, 2)


def test_every_client_gets_the_same_durations() -> None:
    """A task's length hangs on its number and the seed alone, around the median that was asked for."""
    lengths = sorted(server.duration(number, 1, 6.0) for number in range(1001))
    assert server.duration(17, 3, 6.0) == server.duration(17, 3, 6.0) != server.duration(17, 4, 6.0)
    assert lengths[500] == pytest.approx(6.0, rel=0.1)


def test_a_limited_key_has_a_burst_and_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty polls at once, then five a second."""
    now = [100.0]
    monkeypatch.setattr(server.time, "monotonic", lambda: now[0])
    account = server.Account("ours@5")
    assert [account.admits() for _ in range(21)] == [True] * 20 + [False]
    now[0] += 1.01
    assert [account.admits() for _ in range(6)] == [True] * 5 + [False]


def test_the_fixed_interval_asks_as_often() -> None:
    """The interval that the schedule is compared with costs the same polls, and is half a gap late on average."""
    durations = [random.Random(number).uniform(30, 90) for number in range(2000)]
    late, polls = schedule.fixed(durations, 12)
    assert polls == pytest.approx(12, rel=0.02)
    assert late == pytest.approx(60 / 12 / 2, rel=0.15)


def test_the_simulated_schedule_sees_every_clip_end() -> None:
    """Looks go forward until one is past the end, and a provider's progress is seen in steps of ten."""
    chance = random.Random(1)
    looks = schedule.look(schedule.Past(), schedule.Clip(60.0, 1.0), schedule.Timing(), chance)
    assert looks.ages == sorted(looks.ages)
    assert looks.ages[-2] < 60.0 <= looks.ages[-1]
    assert {percent % 10 for _, percent in looks.marks} == {0.0}


def test_all_was_measured() -> None:
    """What is kept has a value, or the reason why not, for each figure of the table."""
    assert [(name, what) for name, row in KEPT["rows"].items() for what in row] == FIGURES
    assert all(seen["value"] is None or math.isfinite(seen["value"]) for _, seen in _kept())


def test_what_missed_its_goal_says_why() -> None:
    """A person wrote the reason, and what it would take, for each figure that misses its goal."""
    missed = {place for place, seen in _kept() if seen["value"] is not None and not _figure(place).met(seen["value"])}
    assert missed <= set(MISSED)
    assert set(MISSED) <= {f"{name}/{what}" for name, what in FIGURES}


def test_the_table_says_met_and_missed() -> None:
    """A figure within its goal is met, one beyond it is missed, one without a number says so."""
    near = {"aiohttp": {"value": 1.19, "from": "a"}, "openai": {"value": 0.81, "from": "b"}}
    absent = {"openai": {"value": None, "from": "openai is not installed"}}
    lines = table({**KEPT, "rows": {"200": near, "1000": absent}}).splitlines()
    assert lines[3].endswith("| 1.19 (a) | ≤ 1.2 | met |")
    assert "| 0.81 (b) | ≤ 0.8 | **missed**: " in lines[4]
    assert "| not measured: it was left out |" in lines[6]
    assert "| not measured: openai is not installed |" in lines[7]


def test_numbers_are_short() -> None:
    """Three digits, and the unit where there is one."""
    assert [number(0.0214), number(1234.5), number(36, "MB"), number(0)] == ["0.0214", "1234", "36 MB", "0"]


def _kept() -> list[tuple[str, dict[str, float]]]:
    return [(f"{name}/{what}", seen) for name, row in KEPT["rows"].items() for what, seen in row.items()]


def _figure(place: str) -> object:
    name, what = place.split("/")
    return ROWS[name].figures[what]
