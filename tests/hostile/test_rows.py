"""Every row of the table of faults has tests, for each provider to which it applies."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from .rows import FIVE, ROWS, Row

TESTS = Path(__file__).parents[1]
FOLDERS = ("reliability", "crash", "hostile", "sharing")


@pytest.fixture(scope="module")
def collected() -> dict[str, list[str]]:
    """The ids of the tests of each row, as pytest itself lists them: the test is named after it, or its file is."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *FOLDERS],
        cwd=TESTS, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-4000:]
    rows: dict[str, list[str]] = defaultdict(list)
    names = "|".join(row.prefix for row in ROWS)
    for line in ran.stdout.splitlines():
        file, _, test = line.partition("::test_")
        for name in (test, f"{Path(file).stem.removeprefix('test_')}_"):
            for row in filter(None, re.match(f"(?:(?:{names})_)*", name)[0].split("_")):  # type: ignore[index]
                rows[row].append(test)
    return rows


def providers_in(tests: list[str]) -> set[str]:
    """Whose name stands in the ids: test_s7_…[aisphere-500]."""
    ids = [test.partition("[")[2].rstrip("]") for test in tests]
    return {name for name in FIVE if any(name in re.split(r"[-\s]", id) for id in ids)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_row_is_proven_where_it_applies(row: Row, collected: dict[str, list[str]]) -> None:
    """A test named after the row, for each provider to which it applies."""
    assert collected[row.prefix], f"no test is named test_{row.prefix}_…"
    assert providers_in(collected[row.prefix]) >= row.providers


def test_no_row_is_forgotten() -> None:
    """S1 to S14, P1 to P10, D1 to D7 and the four that hold always; each in words, on one line."""
    wanted = [*(f"S{n}" for n in range(1, 15)), *(f"P{n}" for n in range(1, 11)), *(f"D{n}" for n in range(1, 8))]
    assert [row.id for row in ROWS] == [*wanted, "Secrets", "Injection", "Bounds", "Fuzz"]
    for row in ROWS:
        assert row.fault
        assert row.then
        assert not set("|\n") & set(row.fault + row.then)
