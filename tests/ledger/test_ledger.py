"""The ledger: one row per intent, every change a step of the table, nothing lost between processes."""

import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidgen_nb.ledger import APPLICATION_ID, Conflict, Ledger, alive, as_json, from_json, m001_initial
from vidgen_nb.records import MOVES, ClipFile, Cost, Failure, Record, Status


def row(number: int = 1, **values: Any) -> Record:
    fixed: dict[str, Any] = {"id": f"vg-{number:010x}", "identity": f"identity {number}", "provider": "relaydance"}
    fixed |= {"origin": "https://relaydance.com", "model": "m", "created": 1000.0 + number, "updated": 1000.0 + number}
    return Record(**{**fixed, "asked": {"prompt": f"boat {number}"}, **values})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "vidgen")
    yield opened
    opened.close()


def test_what_goes_in_comes_out(ledger: Ledger) -> None:
    """Every field of a record survives the row and the recipe."""
    kept, mine = ledger.intend(
        row(asked={"prompt": "纸船", "reference_images": [{"input": "ab.png", "name": "a"}]}, extra={"x": [1]})
    )
    assert mine
    file = ClipFile("clips/a.mp4", "ab", 10, 5.0, 1280, 720, 24.0, True, "clips/a.jpg")
    kept = ledger.change(kept, step="sending", sent=1.0)
    kept = ledger.change(
        kept, status=Status.QUEUED, task_id="task_1", raw={"a": None}, cost=Cost(1.4, "CNY", "reported")
    )
    kept = ledger.change(kept, status=Status.DOWNLOADING, progress=99.5)
    kept = ledger.change(kept, status=Status.SUCCEEDED, files=(file,), finished=2.0)
    assert ledger.get(kept.id) == kept
    assert from_json(as_json(kept)) == kept
    assert [event["what"] for event in ledger.events(kept.id)] == [
        "intended",
        "sending",
        "queued",
        "downloading",
        "succeeded",
    ]


def test_one_identity_is_claimed_once(ledger: Ledger) -> None:
    """Whoever comes second gets the row of the first."""
    first, mine = ledger.intend(row(1))
    second, also_mine = ledger.intend(replace(row(2), identity="identity 1"))
    assert (mine, also_mine) == (True, False)
    assert second == first


def test_a_refused_row_is_free_again(ledger: Ledger) -> None:
    """Nothing was accepted for it, so the same row is submitted anew, without its old error."""
    kept, _ = ledger.intend(row())
    ledger.change(kept, status=Status.REFUSED, error=Failure("NotSent", "x"))
    again, mine = ledger.intend(row(2, identity="identity 1"))
    assert mine
    assert (again.id, again.status, again.step, again.error) == (kept.id, Status.SUBMITTING, "intended", None)


@pytest.mark.parametrize("before", list(Status))
@pytest.mark.parametrize("after", list(Status))
def test_only_the_steps_of_the_table(ledger: Ledger, before: Status, after: Status) -> None:
    """A step which MOVES does not name is refused, whoever asks."""
    kept, _ = ledger.intend(row())
    with sqlite3.connect(ledger.path) as db:
        db.execute("UPDATE generations SET status = ?", (before.value,))
    db.close()
    kept = replace(kept, status=before)
    if after is before or after in MOVES[before]:
        assert ledger.change(kept, status=after).status is after
    else:
        with pytest.raises(ValueError, match=f"from {before} to {after}"):
            ledger.change(kept, status=after)


def test_a_change_over_an_old_row_is_refused(ledger: Ledger) -> None:
    """Compare-and-swap: the loser gets the row as it stands, and nothing of its own is written."""
    kept, _ = ledger.intend(row())
    newer = ledger.change(kept, step="sending")
    with pytest.raises(Conflict) as raised:
        ledger.change(kept, progress=5.0)
    assert raised.value.now == newer


def test_a_dead_owner_leaves_an_honest_status(tmp_path: Path) -> None:
    """intended: nothing was sent, free; sending: unknown; queued: can be claimed."""
    dead = Ledger(tmp_path / "vidgen")
    intended, _ = dead.intend(row(1))
    sending = dead.change(dead.intend(row(2))[0], step="sending")
    queued = dead.change(dead.change(dead.intend(row(3))[0], step="sending"), status=Status.QUEUED, task_id="t")
    living = Ledger(tmp_path / "vidgen")
    assert living.owner_lives(intended)
    assert living.claim(queued, 5.0).owner == dead.owner.id
    dead.close()
    living.bury(6.0)
    assert living.get(intended.id).status is Status.REFUSED  # type: ignore[union-attr]
    assert living.get(sending.id).status is Status.UNKNOWN  # type: ignore[union-attr]
    assert living.claim(queued, 7.0).owner == living.owner.id
    assert living.intend(row(1))[1]
    assert not living.intend(row(2))[1]
    living.close()


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    """SIGKILL frees the lock; the file left behind is swept by whoever looks."""
    home = tmp_path / "vidgen"
    code = textwrap.dedent("""
        import pathlib, sys
        from vidgen_nb.ledger import Ledger
        ledger = Ledger(pathlib.Path(sys.argv[1]))
        print(ledger.owner.id, flush=True)
        sys.stdin.readline()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        assert alive(home / "run", owner)
        process.kill()
        process.wait(10)
    assert not alive(home / "run", owner)
    assert not (home / "run" / f"{owner}.lock").exists()


def test_the_files_are_for_their_owner_alone(ledger: Ledger) -> None:
    """0600 for the ledger and its journal."""
    ledger.intend(row())
    for path in ledger.home.glob("ledger.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert (ledger.home / ".gitignore").read_text().split() == ["ledger.db*", "run/"]


def test_search_finds_words_in_every_script(ledger: Ledger) -> None:
    """All words must occur, in any case; unknown outcomes first, then the newest."""
    prompts = ["A Paper BOAT in rain", "纸船在雨中", "boat and RAIN, Größe", "a fox"]
    for number, prompt in enumerate(prompts):
        ledger.intend(row(number, asked={"prompt": prompt}))
    sending = ledger.change(ledger.get("vg-0000000000"), step="sending")  # type: ignore[arg-type]
    ledger.change(sending, status=Status.UNKNOWN)
    assert [found.prompt for found in ledger.search(["boat", "rain"])] == [prompts[0], prompts[2]]
    assert [found.prompt for found in ledger.search(["雨"])] == [prompts[1]]
    assert [found.prompt for found in ledger.search(["GRÖSSE"])] == [prompts[2]]
    assert len(ledger.search(status="unknown")) == 1
    assert ledger.search(provider="another") == []


WRITER = """
    import pathlib, random, sys
    from dataclasses import replace
    from vidgen_nb.ledger import Conflict, Ledger
    from vidgen_nb.records import Record
    ledger, seed = Ledger(pathlib.Path(sys.argv[1])), int(sys.argv[2])
    dice, won = random.Random(seed), 0
    for number in range(400):
        key = dice.randrange(40)
        fixed = {"provider": "p", "origin": "o", "model": "m", "created": 1.0, "updated": 1.0}
        wanted = Record(id=f"{seed}-{number}", identity=str(key), **fixed)
        known, _ = ledger.intend(wanted)
        while True:
            try:
                ledger.change(known, progress=(known.progress or 0) + 1)
                break
            except Conflict as conflict:
                known = conflict.now
        won += 1
    print(won)
    ledger.close()
"""


def test_two_processes_lose_no_write(tmp_path: Path, ledger: Ledger) -> None:
    """Mixed inserts and increments from two processes: every one of them is there in the end."""
    arguments = [sys.executable, "-c", textwrap.dedent(WRITER), str(ledger.home)]
    writers = [subprocess.Popen([*arguments, str(seed)], stdout=subprocess.PIPE, text=True) for seed in (1, 2)]
    said = [int(writer.communicate(timeout=120)[0]) for writer in writers]
    rows = ledger.search(limit=-1)
    assert said == [400, 400]
    assert sum(kept.progress or 0 for kept in rows) == 800
    assert len({kept.identity for kept in rows}) == len(rows)
    with sqlite3.connect(ledger.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    db.close()


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    """Calls from any thread are one transaction each."""
    kept, _ = ledger.intend(row())

    def add() -> None:
        for _ in range(25):
            known = ledger.get(kept.id)
            while known is not None:
                try:
                    ledger.change(known, progress=(known.progress or 0) + 1)
                    break
                except Conflict as conflict:
                    known = conflict.now

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ledger.get(kept.id).progress == 100  # type: ignore[union-attr]


def test_the_schema_of_the_first_release_stands() -> None:
    """Migrations are never edited: the tables of m001, literally."""
    db = sqlite3.connect(":memory:")
    m001_initial(db)
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(generations)")]
    events = [name for _, name, *_ in db.execute("PRAGMA table_info(events)")]
    db.close()
    assert " ".join(columns) == (
        "id identity provider origin model asked extra take parent status step reason word progress task_id error cost "
        "raw files created sent answered started finished updated owner revision"
    )
    assert events == ["number", "generation", "at", "what", "detail"]


def test_a_ledger_of_the_first_release_is_carried_over(tmp_path: Path) -> None:
    """A home made by an older release opens, and its rows take what newer ones know."""
    (tmp_path / "run").mkdir()
    old = sqlite3.connect(tmp_path / "ledger.db")
    m001_initial(old)
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 1")
    old.commit()
    old.close()
    ledger = Ledger(tmp_path)
    kept, _ = ledger.intend(row())
    assert ledger.change(kept, rating=4, note="the best one").rating == 4
    ledger.close()
