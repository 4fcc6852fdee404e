"""Row S2: a ledger that cannot be used is refused and left as it is, the error names the way out, and nothing is sent.

Read-only is tried in a process of its own that gave its privileges away: for root no file is read-only.
"""

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.ledger import MIGRATIONS, Ledger
from vidgen_nb.records import Record, Status

from ..loopback import Loopback
from ..playing import ASKED, CLIP, MakeStudio, Provider

HOME = Path("vidgen")
LEDGER = HOME / "ledger.db"
PAGE = 4096


# ── what a home may hold in place of a good ledger ────────────────────────────
def used() -> None:
    """A good ledger with some hundred finished clips in it."""
    with closing(Ledger(HOME)) as ledger:
        for number in range(300):
            given: dict[str, Any] = {"id": f"vg-{number}", "identity": f"{number:064}", "asked": {"prompt": "a boat"}}
            ledger.restore(Record(**given, provider="relaydance", origin="o", model="m", status=Status.SUCCEEDED))


def execute(*statements: str) -> None:
    with closing(sqlite3.connect(LEDGER)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def killed(*statements: str) -> None:
    """Execute them as somebody who is killed then: what was committed stands in the -wal alone."""
    code = "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    code += "for each in sys.argv[2:]: db.execute(each)\nos.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(LEDGER), "PRAGMA journal_mode = WAL", *statements], check=False)
    assert LEDGER.with_name("ledger.db-wal").stat().st_size


def no_database() -> None:
    LEDGER.write_text("Dear diary, " * 1000)


def cut_short() -> None:
    used()
    os.truncate(LEDGER, LEDGER.stat().st_size // 2)


def wiped_inside() -> None:
    used()
    with LEDGER.open("r+b") as file:
        file.seek(5 * PAGE)
        file.write(os.urandom(8 * PAGE))


def wiped_where_nobody_looks() -> None:
    used()
    pages = LEDGER.read_bytes()
    at = pages.index(b'{"prompt": "a boat"}', len(pages) // 3) // PAGE * PAGE
    LEDGER.write_bytes(pages[:at] + bytes(PAGE) + pages[at + PAGE :])


def nonsense_in_a_row() -> None:
    used()
    execute("UPDATE generations SET cost = 'gone' WHERE id = 'vg-7'")


def of_another_program() -> None:
    execute("CREATE TABLE shopping (what TEXT)")


def of_another_program_that_was_killed() -> None:
    killed("CREATE TABLE shopping (what TEXT)")


def of_another_program_and_empty() -> None:
    execute("PRAGMA application_id = 12345")


def newer() -> None:
    used()
    execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def newer_and_killed() -> None:
    used()
    killed(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def a_folder() -> None:
    LEDGER.mkdir()
    (LEDGER / "a file").write_text("in it")


DAMAGED = r"moved aside, and vg\.reindex\(\)"
REFUSED: list[tuple[Callable[[], None], str]] = [
    (no_database, DAMAGED),
    (cut_short, DAMAGED),
    (wiped_inside, DAMAGED),
    (wiped_where_nobody_looks, DAMAGED),
    (of_another_program, "of some other program.* another home"),
    (of_another_program_that_was_killed, "of some other program.* another home"),
    (of_another_program_and_empty, "of some other program.* another home"),
    (newer, r"newer vidgen_nb.* pip install -U vidgen_nb"),
    (newer_and_killed, r"newer vidgen_nb.* pip install -U vidgen_nb"),
    (a_folder, "another home"),
]


def contents() -> dict[str, bytes]:
    """Every byte of the ledger. The -shm is SQLite's index of the -wal: whoever reads makes it, and an empty -wal."""
    files = [path for path in HOME.rglob("*") if path.is_file() and "ledger.db" in str(path)]
    return {str(path): path.read_bytes() for path in files if path.stat().st_size and not path.name.endswith("-shm")}


@pytest.mark.parametrize(("spoil", "way_out"), REFUSED, ids=[spoil.__name__ for spoil, _ in REFUSED])
def test_a_ledger_that_is_not_ours_to_use(
    spoil: Callable[[], None], way_out: str, make_studio: MakeStudio, server: Loopback
) -> None:
    """Corrupt, foreign or newer: bytes equal afterwards, the file and the way out are named, nothing was sent."""
    HOME.mkdir()
    spoil()
    before = contents()
    for ask in (lambda: make_studio().generate(**ASKED), lambda: make_studio().history()):
        with pytest.raises(vg.LedgerUnavailable, match=way_out) as raised:
            ask()
        assert str(LEDGER.absolute()) in str(raised.value)
    assert contents() == before
    assert server.log == []


def test_a_row_that_cannot_be_read(make_studio: MakeStudio, server: Loopback) -> None:
    """Damage that the file itself does not show: whatever reads the row is told, and nothing is overwritten."""
    nonsense_in_a_row()
    before = contents()
    with pytest.raises(vg.LedgerUnavailable, match=f"cannot be read.* {DAMAGED}"):
        list(make_studio().history())
    assert contents() == before
    assert server.log == []


def test_a_file_in_place_of_the_home(make_studio: MakeStudio, server: Loopback) -> None:
    """It stays a file."""
    HOME.write_text("mine")
    with pytest.raises(vg.LedgerUnavailable, match="another home"):
        make_studio().generate(**ASKED)
    assert HOME.read_text() == "mine"
    assert server.log == []


# ── where nothing can be written ──────────────────────────────────────────────
CHILD = """
import ctypes, json, os, resource, sys
import vidgen_nb as vg
from vidgen_nb.media import inputs, video

how, arguments, asked = json.loads(sys.stdin.readline())
if how == "read-only":  # as any other user, whom the modes of files bind
    header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, nothing) == 0
else:  # the disk takes nothing more
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    vg.Studio(**arguments, allow_paid=True).generate(**asked)
except vg.LedgerUnavailable as error:
    sys.stderr.write(str(error))
    os._exit(7)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes its privileges from itself as Linux has it")
@pytest.mark.parametrize("how", ["read-only", "full"])
@pytest.mark.parametrize("new", [True, False], ids=["new", "used"])
def test_where_nothing_can_be_written(how: str, new: bool, server: Loopback) -> None:
    """A read-only home and a full disk, before the first row and after many: refused, untouched, nothing sent."""
    HOME.mkdir()
    if not new:
        used()
    before = contents()
    for path in (*HOME.rglob("*"), HOME):
        path.chmod(0o500 if path.is_dir() else 0o400)
    arguments = {"home": str(HOME.absolute()), "keys": {"relaydance": "sk-test"}}
    job = json.dumps([how, {**arguments, "base_urls": {"relaydance": server.url}}, ASKED])
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD)],
        input=job + "\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 7, told.stderr
    assert str(LEDGER.absolute()) in told.stderr
    assert "make the folder writable" in told.stderr
    HOME.chmod(0o700)
    assert contents() == before
    assert server.log == []


# ── the way out ───────────────────────────────────────────────────────────────
def test_a_damaged_ledger_moved_aside_is_rebuilt(make_studio: MakeStudio, server: Loopback) -> None:
    """As the error says: every finished clip is back, with its words and its file, and asking again costs nothing."""
    Provider(server)
    studio = make_studio()
    clip = studio.generate(**ASKED).wait(20)
    studio.close()
    with LEDGER.open("r+b") as file:
        file.write(os.urandom(PAGE))
    with pytest.raises(vg.LedgerUnavailable, match=DAMAGED):
        make_studio().history()
    LEDGER.rename(HOME / "damaged.db")
    again = make_studio()
    assert again.reindex() == [clip]
    (back,) = again.history()
    assert (back.record.asked, back.task_id, back.record.files) == (clip.record.asked, clip.task_id, clip.record.files)
    assert back.path is not None
    assert back.path.read_bytes() == CLIP
    assert again.generate(**ASKED) == clip
    assert len(server.posts) == 1


def test_what_is_left_of_a_killed_ledger_does_not_come_back(make_studio: MakeStudio, server: Loopback) -> None:
    """Moved aside without its -wal, as people do: the new ledger is not mixed with the old one's last writes."""
    used()
    killed("UPDATE generations SET note = 'old'")
    LEDGER.rename(HOME / "damaged.db")
    with closing(make_studio()) as studio:
        assert studio.history() == []
    with closing(sqlite3.connect(LEDGER)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
