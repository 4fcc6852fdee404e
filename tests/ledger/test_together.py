"""Writes that wait for the disk as one: each stands or falls alone, and none counts before all are on the disk."""

import json
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vidgen_nb.errors import LedgerUnavailable
from vidgen_nb.ledger import Conflict, Ledger
from vidgen_nb.records import Record, Status

from .test_ledger import row


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "vidgen")
    yield opened
    opened.close()


def on_disk(ledger: Ledger) -> dict[str, float | None]:
    """The progress of each row, as somebody else sees it."""
    with closing(sqlite3.connect(ledger.path)) as other:
        return dict(other.execute("SELECT id, progress FROM generations"))


def rows(ledger: Ledger, count: int) -> list[Record]:
    return [ledger.intend(row(number))[0] for number in range(1, count + 1)]


def test_one_wait_for_the_disk(ledger: Ledger) -> None:
    """Changes, claims and new rows made together are one transaction, in their order."""
    first, second, third = rows(ledger, 3)
    said: list[str] = []
    ledger._db.set_trace_callback(said.append)
    with ledger.together():
        ledger.change(first, step="sending")
        newer = ledger.change(second, progress=5.0)
        ledger.change(newer, progress=6.0)
        ledger.claim(third, 5.0)
        ledger.intend(row(4))
        ledger.write("INSERT INTO listings VALUES ('a', 'b', 1, '[]')")
        assert on_disk(ledger)[second.id] is None
    assert [words for words in said if words.startswith(("BEGIN", "COMMIT", "ROLLBACK"))] == [
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]
    assert list(on_disk(ledger).values()) == [None, 6.0, None, None]
    assert [event["what"] for event in ledger.events(first.id)] == ["intended", "sending"]
    ledger.change(newer := ledger.get(second.id), progress=7.0)  # type: ignore[arg-type]
    assert on_disk(ledger)[second.id] == 7.0, "afterwards each is one of its own again"


def test_what_fails_is_undone_alone(ledger: Ledger) -> None:
    """A lost race, a step that there is not, and a refusal after something was written: the others are kept."""
    first, second, third = rows(ledger, 3)

    def forbid(db: sqlite3.Connection) -> None:
        db.execute("UPDATE generations SET progress = 99")
        raise PermissionError("no")

    with ledger.together():
        newer = ledger.change(first, progress=1.0)
        with pytest.raises(Conflict) as raised:
            ledger.change(first, progress=2.0)
        with pytest.raises(ValueError, match="may not go"):
            ledger.change(second, status=Status.SUCCEEDED)
        with pytest.raises(LedgerUnavailable, match="no"):
            ledger.change(second, allow=forbid)
        ledger.change(third, progress=3.0)
    assert raised.value.now == newer
    assert list(on_disk(ledger).values()) == [1.0, None, 3.0]


def test_where_the_end_fails_nothing_was_written(ledger: Ledger) -> None:
    """A commit that fails takes all of it back, and says so; the ledger can be used again."""
    first, second = rows(ledger, 2)
    ledger._db.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(LedgerUnavailable, match="FOREIGN KEY"), ledger.together():  # noqa: PT012
        ledger.change(first, progress=1.0)
        ledger._db.execute("PRAGMA defer_foreign_keys = ON")  # looked at by the COMMIT alone
        ledger.write("INSERT INTO events (generation, at, what, detail) VALUES ('nobody', 1, 'x', '{}')")
        ledger.change(second, progress=2.0)
    assert list(on_disk(ledger).values()) == [None, None]
    assert ledger.change(first, progress=4.0).progress == 4.0


def test_an_error_of_the_block_takes_all_of_it_back(ledger: Ledger) -> None:
    """Also one that has nothing to do with the ledger."""
    (first,) = rows(ledger, 1)
    with pytest.raises(ZeroDivisionError), ledger.together():  # noqa: PT012
        ledger.change(first, progress=1.0)
        1 / 0  # noqa: B018
    assert on_disk(ledger)[first.id] is None


def test_a_disk_that_fills_up_in_between(ledger: Ledger) -> None:
    """What was told as written is on the disk, and what was told as not written is not, wherever the disk is full."""
    known = rows(ledger, 12)
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages + 8}")
    told: dict[str, float | None] = {}
    try:
        with ledger.together():
            for number, record in enumerate(known):
                told[record.id] = None
                try:
                    told[record.id] = ledger.change(record, progress=1.0, note="x" * 3000 * (number % 4)).progress
                except LedgerUnavailable:
                    continue
    except LedgerUnavailable:
        told = dict.fromkeys(told)
    assert None in told.values(), "the disk was never full"
    assert on_disk(ledger) == told
    ledger._db.execute("PRAGMA max_page_count = 100000")
    assert ledger.change(known[-1], progress=2.0).progress == 2.0


def test_a_transaction_that_sqlite_has_undone(ledger: Ledger) -> None:
    """Once SQLite has given up all of it, what follows is refused for the same reason and does not stand alone."""
    first, second, third = rows(ledger, 3)

    def undo(db: sqlite3.Connection) -> None:
        db.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(LedgerUnavailable, match="disk is full"), ledger.together():  # noqa: PT012
        ledger.change(first, progress=1.0)
        with pytest.raises(LedgerUnavailable, match="disk is full"):
            ledger.change(second, allow=undo)
        with pytest.raises(LedgerUnavailable, match="disk is full"):
            ledger.change(third, progress=3.0)
    assert list(on_disk(ledger).values()) == [None] * 3


@pytest.mark.parametrize("ends_well", [True, False])
def test_nobody_reads_what_is_not_written_yet(ledger: Ledger, ends_well: bool) -> None:
    """Another thread waits for the end, and sees what has come of it."""
    (first,) = rows(ledger, 1)
    seen: list[float | None] = []
    asking = threading.Event()

    def read() -> None:
        asking.set()
        seen.append(ledger.get(first.id).progress)  # type: ignore[union-attr]

    reader = threading.Thread(target=read)
    try:
        with ledger.together():
            ledger.change(first, progress=1.0)
            reader.start()
            assert asking.wait(10)
            reader.join(0.05)  # the time to read too early
            assert seen == []
            if not ends_well:
                raise InterruptedError
    except LedgerUnavailable:
        assert not ends_well
    reader.join(10)
    assert seen == [1.0 if ends_well else None]


GROUPS = """
    import json, random, sys
    from pathlib import Path
    from vidgen_nb.ledger import Conflict, Ledger

    ledger, mark = Ledger(Path(sys.argv[1])), sys.argv[2]
    dice, done = random.Random(mark), {"added": 0, "lost": 0}
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(150):
        known = [ledger.get(f"vg-{dice.randrange(1, 21):010x}") for _ in range(dice.randrange(1, 9))]
        kept = 0
        with ledger.together():
            for record in known:
                try:
                    ledger.change(record, progress=(record.progress or 0) + 1)
                    kept += 1
                except Conflict:
                    done["lost"] += 1
        done["added"] += kept
    print(json.dumps(done))
    ledger.close()
"""


def test_two_processes_that_group_their_writes(tmp_path: Path, ledger: Ledger) -> None:
    """Groups over the same rows in another order each time: neither waits for ever, and no write of either is lost."""
    known = rows(ledger, 20)
    code = [sys.executable, "-c", textwrap.dedent(GROUPS), str(ledger.home)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([*code, mark], **pipes) for mark in "ab"]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [json.loads(writer.communicate(timeout=120)[0]) for writer in writers]
    now = [ledger.get(record.id) for record in known]
    added = sum(done["added"] for done in said)
    assert sum(record.progress or 0 for record in now if record) == added
    assert sum(record.revision for record in now if record) == added + len(known)
    assert sum(done["lost"] for done in said) > 0, "they never met"
