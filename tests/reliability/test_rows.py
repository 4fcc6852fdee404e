"""Every row of the reliability table has a named test for each provider to which it applies.

A test belongs to a row by its name (test_s4_…), and to a provider by the provider's name in its id. What is listed here
as "once" has one path through the code for all five, so that one test speaks for them.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from vidgen_nb.providers import BUILT_IN

FIVE = frozenset(BUILT_IN)
ONCE: frozenset[str] = frozenset()
ROWS: dict[str, tuple[frozenset[str], str]] = {
    "s1": (FIVE, "each has its own request model"),
    "s2": (FIVE, "each submission is written down first"),
    "s3": (FIVE, "proof that nothing left, at each base URL"),
    "s4": (FIVE, "each answer may be lost"),
    "s5": (FIVE, "429 with each one's body"),
    "s6": (FIVE, "each has its own refusals"),
    "s7": (FIVE, "each has its own words for an accepted task"),
    "s8": (FIVE, "the task id stands elsewhere in each answer"),
    "s9": (FIVE, "a base URL of each may move"),
    "s10": (FIVE, "each answer is bounded"),
    "s11": (FIVE, "each may be under way when the kernel dies"),
    "s12": (FIVE, "each may be under way when a person interrupts"),
    "s13": (FIVE, "the identity is made of each one's parameters"),
    "s14": (FIVE, "each costs money"),
    "p1": (FIVE, "each has its own words for trouble"),
    "p2": (FIVE, "each has its own way to say that a key is bad, one of them under HTTP 200"),
    "p3": (FIVE, "the status word stands elsewhere in each answer"),
    "p4": (frozenset({"aioagi", "newapi", "relaydance"}), "the two others report no progress"),
    "p5": (ONCE, "a rule about our own record"),
    "p6": (FIVE, "each says in its own way that it knows no such task; AiSphere's query is not verified"),
    "p7": (FIVE, "the address of the video stands elsewhere in each answer"),
    "p8": (ONCE, "a rule about our own clock"),
    "p9": (FIVE, "each is asked again after a restart"),
    "p10": (FIVE, "two kernels on one home, whatever is in it"),
    "d1": (ONCE, "by then it is a file like any other"),
    "d2": (FIVE, "a fresh address is asked for in each one's way"),
    "d3": (FIVE, "each has its own header for the key"),
    "d4": (ONCE, "the policy judges an address, not who gave it"),
    "d5": (ONCE, "by then it is a stream like any other"),
    "d6": (FIVE, "each clip may be half here when the kernel dies or the disk is full"),
    "d7": (FIVE, "task ids and addresses are each one's own"),
}


@pytest.fixture(scope="module")
def collected() -> dict[str, list[str]]:
    """The ids of the tests of each row, as pytest itself lists them."""
    tests = Path(__file__).parent.parent
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "reliability"],
        cwd=tests, capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    rows: dict[str, list[str]] = defaultdict(list)
    for line in ran.stdout.splitlines():
        test = line.partition("::test_")[2]
        for row in re.match(r"(?:[spd]\d+_)*", test)[0].split("_"):  # type: ignore[index]
            rows[row].append(test)
    return rows


def providers_in(tests: list[str]) -> set[str]:
    """Whose name stands in the ids: test_s7_…[aisphere-500]."""
    ids = [test.partition("[")[2].rstrip("]") for test in tests]
    return {name for name in FIVE if any(name in re.split(r"[-\s]", id) for id in ids)}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_is_proven_where_it_applies(row: str, collected: dict[str, list[str]]) -> None:
    """A test named after the row, for each provider to which it applies."""
    providers, reason = ROWS[row]
    assert collected[row], f"no test is named test_{row}_…"
    assert providers_in(collected[row]) >= providers, reason


def test_no_row_is_forgotten() -> None:
    """S1 to S14, P1 to P10, D1 to D7, each with its reason."""
    wanted = [f"s{n}" for n in range(1, 15)] + [f"p{n}" for n in range(1, 11)] + [f"d{n}" for n in range(1, 8)]
    assert sorted(ROWS) == sorted(wanted)
    assert all(reason for _, reason in ROWS.values())
