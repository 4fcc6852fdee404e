"""The comparison with other libraries: ours is measured here anew, theirs by `make peers`, and the README tells it."""

import json

import pytest

from ..house.readme import MEASURED
from .clients import CALLS
from .measure import TASK, installed, measure

KEPT = json.loads(MEASURED.read_text(encoding="utf-8"))["rows"]


def test_ours_sends_one_post_and_knows_its_task_after_a_sigkill() -> None:
    """The claim of the README about this package is measured, as theirs is."""
    row = measure("vidgen_nb")
    assert row.posts == 1
    assert any("ledger.db" in name for name in row.kept)
    assert row.after == f"{TASK} succeeded"
    assert row.posts_after == 0


@pytest.mark.parametrize("name", [name for name in CALLS if name != "vidgen_nb"])
def test_a_peer_that_is_installed_does_what_the_table_says(name: str) -> None:
    """The table holds for the libraries that are here; without them it stands as `make peers` measured it."""
    if installed(name) != next(row["version"] for row in KEPT if row["name"] == name):
        pytest.skip(f"{name} is not installed in the version that was measured: make peers")
    row, kept = measure(name), next(row for row in KEPT if row["name"] == name)
    assert (row.posts, list(row.kept)) == (kept["posts"], kept["kept"])


def test_all_were_measured() -> None:
    """Every library of the table was measured, this one too; the README is compared with it elsewhere."""
    assert [row["name"] for row in KEPT] == list(CALLS)
