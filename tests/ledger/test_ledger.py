"""The ledger: one row per intent, every change a step of the table, nothing lost between processes."""

import json
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

from vidgen_nb.ledger import APPLICATION_ID, Conflict, Ledger, as_json, from_json, m001_initial
from vidgen_nb.owners import alive
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
    """Nothing was accepted for it, so the same row is submitted anew, without its old error or an id that it never had.

    (Half an answer can leave one on an unknown outcome, which a person then finds to be not billed.)
    """
    kept, _ = ledger.intend(row())
    ledger.change(kept, status=Status.REFUSED, error=Failure("NotSent", "x"), task_id="perhaps")
    again, mine = ledger.intend(row(2, identity="identity 1"))
    assert mine
    assert (again.id, again.status, again.step) == (kept.id, Status.SUBMITTING, "intended")
    assert (again.error, again.task_id) == (None, "")


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


WRITES = 5000  # of each process
WRITER = """
    import json, pathlib, random, sys
    from collections import Counter
    from vidgen_nb.ledger import Conflict, Ledger
    from vidgen_nb.records import MOVES, Record, Status

    ledger, mark = Ledger(pathlib.Path(sys.argv[1])), sys.argv[2]
    dice, done = random.Random(mark), Counter()
    steps = {status: [step for step in moves if step not in ("succeeded", "failed")] for status, moves in MOVES.items()}

    def over_the_newest(known, kind):  # whoever loses the race tries again over the row of the one that won
        while True:
            values = {"progress": (known.progress or 0) + 1}
            if kind == "note":
                values = {"note": known.note + mark}
            elif kind == "move":
                values = {"status": dice.choice(sorted(steps[known.status]))}
            try:
                return ledger.change(known, **values)
            except Conflict as conflict:
                known = conflict.now
                done["lost races"] += 1

    fixed = {"provider": "p", "origin": "o", "model": "m", "created": 1.0, "updated": 1.0}
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        kind = dice.choice(["insert", "progress", "note", "move"])
        if kind == "insert":
            row, mine = ledger.intend(Record(id=f"{mark}-{number}", identity=f"{mark}-{number}", **fixed))
            assert mine
        else:
            shared = Record(id=f"shared-{dice.randrange(20)}", identity="", revision=0, **fixed)
            over_the_newest(ledger.get(shared.id), kind)
        done[kind] += 1
    print(json.dumps(done))
    ledger.close()
"""


def test_two_processes_lose_no_write(tmp_path: Path, ledger: Ledger) -> None:
    """10,000 mixed writes: inserts, increments, words added, steps taken, often over the same rows. All are there."""
    for number in range(20):
        ledger.intend(row(number, id=f"shared-{number}"))
    code = [sys.executable, "-c", textwrap.dedent(WRITER), str(ledger.home)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([*code, mark, str(WRITES)], **pipes) for mark in "ab"]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [json.loads(writer.communicate(timeout=200)[0]) for writer in writers]
    rows = ledger.search(limit=-1)
    shared = [kept for kept in rows if kept.id.startswith("shared")]

    def all_did(*kinds: str) -> int:
        return sum(done.get(kind, 0) for done in said for kind in kinds)

    assert all_did("insert", "progress", "note", "move") == 2 * WRITES
    assert sum(kept.revision for kept in rows) == 2 * WRITES + len(shared)
    assert len(rows) == all_did("insert") + len(shared)
    assert sum(kept.progress or 0 for kept in shared) == all_did("progress")
    for mark, done in zip("ab", said, strict=True):
        assert sum(kept.note.count(mark) for kept in shared) == done["note"]
    assert sum(len(ledger.events(kept.id)) for kept in shared) == all_did("move") + len(shared)
    assert all_did("lost races") > 0, "they never met"
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
