"""The memory: one SQLite file in the home, written before every send.

A generation is a row, its events are rows too. A row is inserted and committed (synchronous=FULL) before the first
byte of its POST, under a UNIQUE identity, so that one intent is submitted once however many cells, kernels or
processes ask for it. Every later change is a compare-and-swap on the row's revision and one of the steps in
`records.MOVES`. The ledger holds no key, no signed URL and no media.
"""

import contextlib
import functools
import json
import os
import re
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from vidgen_nb.errors import LedgerUnavailable
from vidgen_nb.owners import Owner, alive
from vidgen_nb.records import MOVES, OPEN, TRANSIENT, ClipFile, Cost, Failure, Record, Status
from vidgen_nb.settings import LEDGER, make_home

T = TypeVar("T")
BUSY = 15  # seconds to wait while another process writes
APPLICATION_ID = 0x76674E42  # "vgNB": tells our file from any other SQLite file
_COLUMNS = tuple(f.name for f in fields(Record) if f.name not in TRANSIENT)
_VALUES = f"({', '.join(_COLUMNS)}, folded) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"
_AS_JSON = frozenset({"asked", "extra", "error", "cost", "raw", "files"})


# ── migrations: numbered, never edited after release ──────────────────────────
def m001_initial(db: sqlite3.Connection) -> None:
    db.execute("""
        CREATE TABLE generations (
            id TEXT PRIMARY KEY, identity TEXT NOT NULL UNIQUE, provider TEXT NOT NULL, origin TEXT NOT NULL,
            model TEXT NOT NULL, asked TEXT NOT NULL, extra TEXT NOT NULL, take INTEGER NOT NULL, parent TEXT NOT NULL,
            status TEXT NOT NULL, step TEXT NOT NULL, reason TEXT NOT NULL, word TEXT NOT NULL, progress REAL,
            task_id TEXT NOT NULL, error TEXT, cost TEXT NOT NULL, raw TEXT, files TEXT NOT NULL,
            created REAL NOT NULL, sent REAL, answered REAL, started REAL, finished REAL, updated REAL NOT NULL,
            owner TEXT NOT NULL, revision INTEGER NOT NULL
        )""")
    db.execute("CREATE INDEX generations_by_status ON generations (status)")
    db.execute("CREATE INDEX generations_by_created ON generations (created)")
    # not UNIQUE: a provider which answers two submissions with one task must not keep the second from being written
    # down
    db.execute("CREATE INDEX generations_by_task ON generations (provider, origin, task_id) WHERE task_id != ''")
    db.execute("""
        CREATE TABLE events (
            number INTEGER PRIMARY KEY, generation TEXT NOT NULL REFERENCES generations (id), at REAL NOT NULL,
            what TEXT NOT NULL, detail TEXT NOT NULL
        )""")
    db.execute("CREATE INDEX events_by_generation ON events (generation)")


def m002_opinions(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE generations ADD COLUMN rating INTEGER")
    db.execute("ALTER TABLE generations ADD COLUMN note TEXT NOT NULL DEFAULT ''")


def m003_words_and_money(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE generations ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0")
    # prompt and note as they are searched, and an index that answers a search alone: the rows themselves are long
    db.execute("ALTER TABLE generations ADD COLUMN folded TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE generations SET folded = vg_fold(json_extract(asked, '$.prompt'), note)")
    db.execute(
        "CREATE INDEX generations_by_words ON generations (created, id, status, provider, model, origin, folded)"
    )
    db.execute("""
        CREATE TABLE prices (
            provider TEXT NOT NULL, pattern TEXT NOT NULL, per TEXT NOT NULL, amount REAL, unit TEXT NOT NULL,
            written REAL NOT NULL, PRIMARY KEY (provider, pattern)
        )""")
    db.execute("""
        CREATE TABLE listings (
            provider TEXT NOT NULL, origin TEXT NOT NULL, at REAL NOT NULL, rows TEXT NOT NULL,
            PRIMARY KEY (provider, origin)
        )""")


def m004_runs(db: sqlite3.Connection) -> None:
    db.execute("""
        CREATE TABLE runs (
            generation TEXT PRIMARY KEY, provider TEXT NOT NULL, origin TEXT NOT NULL, model TEXT NOT NULL,
            shape TEXT NOT NULL, seconds REAL NOT NULL, lag REAL, most_lag REAL, at REAL NOT NULL
        )""")
    db.execute("CREATE INDEX runs_by_kind ON runs (provider, origin, model, shape, at)")


MIGRATIONS: Sequence[Callable[[sqlite3.Connection], None]] = (
    m001_initial, m002_opinions, m003_words_and_money, m004_runs,
)  # fmt: skip
Allow = Callable[[sqlite3.Connection], None]
"""Looks at the ledger inside the transaction that is about to allow a POST, and raises to forbid it."""


class Conflict(Exception):
    """The row has moved on: somebody else changed it first. Carries the row as it stands now."""

    def __init__(self, now: Record) -> None:
        super().__init__(f"{now.id} is at revision {now.revision}")
        self.now = now


# ── the ledger ────────────────────────────────────────────────────────────────
class Ledger:
    """The rows of one home. Safe to call from any thread; each method is one transaction.

    Raises LedgerUnavailable from any method when the file cannot be used; nothing is ever overwritten to get around it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / LEDGER
        self._mutex = threading.RLock()
        self._grouped = False  # whether whoever holds the mutex is in `together`
        self._undone = ""  # why SQLite has undone all of it by itself, as it does where the disk is full
        with self._explained():
            make_home(home)
            if not self.path.exists():  # created with its final mode: the journal files inherit it
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            _inspect(self.path)
            with contextlib.ExitStack() as undo:
                self._db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
                undo.callback(self._db.close)
                self._db.row_factory = sqlite3.Row
                self._place = _place_of(self.path)
                self._prepare()
                self.owner = Owner(home / "run")
                undo.pop_all()

    def close(self) -> None:
        with self._mutex:
            self.owner.release()
            self._db.close()

    # reading
    def get(self, id: str) -> Record | None:
        return self._one("SELECT * FROM generations WHERE id = ?", id)

    def by_identity(self, identity: str) -> Record | None:
        return self._one("SELECT * FROM generations WHERE identity = ?", identity)

    def by_task(self, provider: str, origin: str, task_id: str, *, besides: str = "") -> Record | None:
        """The row which has that task, or holds its id for a candidate; `besides` is one that is not meant."""
        wanted = "provider = ? AND origin = ? AND task_id = ? AND id != ?"
        return self._one(f"SELECT * FROM generations WHERE {wanted}", provider, origin, task_id, besides)

    def unfinished(self) -> list[Record]:
        """Rows that `resume()` is about, oldest first: submitting, queued, running, downloading, stuck."""
        wanted = [Status.SUBMITTING, *sorted(OPEN), Status.STUCK]
        marks = ", ".join("?" * len(wanted))
        return self._many(f"SELECT * FROM generations WHERE status IN ({marks}) ORDER BY created", *wanted)

    def search(
        self,
        words: Sequence[str] = (),
        *,
        provider: str | None = None,
        status: str | None = None,
        model: str | None = None,
        simulated: bool | None = None,
        limit: int = 1000,
    ) -> list[Record]:
        """Rows whose prompt and note hold all the words: unknown outcomes first, then newest."""
        return self.many(
            self.find(words, provider=provider, status=status, model=model, simulated=simulated, limit=limit)
        )

    def find(
        self,
        words: Sequence[str] = (),
        *,
        provider: str | None = None,
        status: str | None = None,
        model: str | None = None,
        simulated: bool | None = None,
        limit: int = -1,
    ) -> list[str]:
        """The ids of what `search` gives: 10,000 rows are looked through without reading one of them."""
        clauses = ["instr(folded, ?) > 0" for _ in words]
        values: list[Any] = [_fold(word) for word in words]
        for column, value in (("provider", provider), ("status", status), ("model", model)):
            if value is not None:
                clauses.append(f"{column} = ?")
                values.append(str(value))
        if simulated is not None:
            clauses.append("origin = 'simulator'" if simulated else "origin != 'simulator'")
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        order = "ORDER BY status = 'unknown' DESC, created DESC, id LIMIT ?"
        with self._reading() as db:
            return [row[0] for row in db.execute(f"SELECT id FROM generations {where} {order}", (*values, limit))]

    def many(self, ids: Sequence[str]) -> list[Record]:
        """The rows of those ids, in their order; one that is not there is left out."""
        found: dict[str, Record] = {}
        for start in range(0, len(ids), 500):  # SQLite takes a limited number of values
            part = ids[start : start + 500]
            rows = self._many(f"SELECT * FROM generations WHERE id IN ({', '.join('?' * len(part))})", *part)
            found |= {row.id: row for row in rows}
        return [found[id] for id in ids if id in found]

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What a question finds: for the rooms which keep tables of their own here."""
        with self._reading() as db:
            return question(db)

    def events(self, id: str) -> list[dict[str, Any]]:
        """What happened to a generation, in order: {"at": seconds, "what": status or step, "detail": {...}}."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, what, detail FROM events WHERE generation = ? ORDER BY number", (id,)
            ).fetchall()
        return [{"at": row["at"], "what": row["what"], "detail": json.loads(row["detail"])} for row in rows]

    def owner_lives(self, record: Record) -> bool:
        """Whether a living process, this one included, takes care of the row."""
        return bool(record.owner) and (record.owner == self.owner.id or alive(self.home / "run", record.owner))

    # writing
    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Make one transaction, and one wait for the disk, of all that this thread writes inside.

        A method that raises is undone alone. What the others did counts only once the block has ended without an
        error: where it raises, none of it was written. Other threads wait meanwhile, so that nobody decides by what
        is not written yet.
        """
        with self._mutex, self._explained(), self._transaction():
            self._grouped, self._undone = True, ""
            try:
                yield
            finally:
                self._grouped = False
            self._check_standing()

    def write(self, query: str, *values: Any) -> None:
        """Carry out a statement: for the rooms which keep tables of their own here."""
        with self._writing() as db:
            db.execute(query, values)

    def intend(self, wanted: Record, allow: Allow | None = None) -> tuple[Record, bool]:
        """Claim an identity before anything is sent. Gives (row, mine): mine means that this call may send the POST.

        `allow` has the last word where it would be mine.

        An existing row is mine again only if nothing was ever accepted for it: refused, or `intended` by a dead
        process. One that died while `sending` becomes unknown: the request may have left.
        """
        with self._writing() as db:
            row = db.execute("SELECT * FROM generations WHERE identity = ?", (wanted.identity,)).fetchone()
            if row is None:
                if allow is not None:
                    allow(db)
                self._check_place()
                fresh = replace(wanted, owner=self.owner.id, revision=1)
                db.execute(f"INSERT INTO generations {_VALUES}", _row_of(fresh))
                self._event(db, fresh, "intended")
                return fresh, True
            known = self._buried(db, _record_of(row), wanted.created)
            if known.status is Status.REFUSED:
                if allow is not None:
                    allow(db)
                again: dict[str, Any] = {
                    "status": Status.SUBMITTING,
                    "step": "intended",
                    "error": None,
                    "sent": None,
                    "answered": None,
                }
                again |= {
                    "finished": None,
                    "raw": None,
                    "word": "",
                    "task_id": "",
                    "cost": wanted.cost,
                    "model": wanted.model,
                }
                return self._swap(db, known, {**again, "owner": self.owner.id, "updated": wanted.created}), True
            return known, False

    def restore(self, record: Record, *, unless_refused: bool = False) -> bool:
        """Put a finished row back, out of its recipe. False if the ledger knows the clip, or its request, already.

        unless_refused: a refused row of the same request bought nothing. It steps aside, and stays to be read.
        """
        with self._writing() as db:
            if unless_refused:
                db.execute(
                    "UPDATE generations SET identity = identity || ' ' || id, revision = revision + 1 "
                    "WHERE identity = ? AND status = 'refused' AND id != ?",
                    (record.identity, record.id),
                )
            if db.execute(f"INSERT OR IGNORE INTO generations {_VALUES}", _row_of(record)).rowcount != 1:
                return False
            self._event(db, record, "restored")
            return True

    def change(self, record: Record, allow: Allow | None = None, **values: Any) -> Record:
        """Write new values over the row as `record` knows it, if `allow` lets it, and give the new row.

        Raises Conflict with the row as it stands if somebody changed it since; ValueError for a step not in MOVES.
        """
        with self._writing() as db:
            if allow is not None:
                allow(db)
            return self._swap(db, record, values)

    def amend(self, record: Record, **values: Any) -> Record:
        """Write new values over the row, however it stands by now: for what changes nothing of its life."""
        while True:
            try:
                return self.change(record, **values)
            except Conflict as conflict:
                record = conflict.now

    def claim(self, record: Record, now: float) -> Record:
        """Make an unfinished row this process's own, unless a living one owns it. Gives the row as it then stands."""
        with self._writing() as db:
            row = db.execute("SELECT * FROM generations WHERE id = ?", (record.id,)).fetchone()
            known = self._buried(db, _record_of(row), now)
            if known.owner == self.owner.id or self.owner_lives(known) or known.status is Status.SUBMITTING:
                return known
            return self._swap(db, known, {"owner": self.owner.id, "updated": now})

    def _buried(self, db: sqlite3.Connection, record: Record, now: float) -> Record:
        """The row, after what its owner's death means for it: whoever died while sending leaves an unknown outcome."""
        if record.status is not Status.SUBMITTING or self.owner_lives(record):
            return record
        values: dict[str, Any] = {"answered": now, "updated": now}
        if record.step == "sending":
            failure = Failure(
                "SubmitUnknown", "The kernel ended while the request was under way. Charged once or not at all."
            )
            values |= {"status": Status.UNKNOWN, "error": failure}
        else:
            failure = Failure("NotSent", "The kernel ended before anything was sent.")
            values |= {"status": Status.REFUSED, "error": failure, "finished": now}
        return self._swap(db, record, values | unknown_still(record, values))

    def bury(self, now: float) -> None:
        """Give every row whose process died while submitting its honest status: unknown, or refused if never sent.

        The locks of the dead go, too.
        """
        for record in self._many("SELECT * FROM generations WHERE status = 'submitting'"):
            with self._writing() as db, contextlib.suppress(Conflict):
                self._buried(db, record, now)
        for lock in (self.home / "run").glob("*.lock"):
            alive(lock.parent, lock.stem)  # removes that of a dead one

    def _swap(self, db: sqlite3.Connection, record: Record, values: Mapping[str, Any]) -> Record:
        new = replace(record, **values, revision=record.revision + 1)
        if new.status is not record.status and new.status not in MOVES[record.status]:
            raise ValueError(f"{record.id} may not go from {record.status} to {new.status}")
        if new.status is Status.SUBMITTING:
            self._check_place()
        names = [name for name in values if name in _COLUMNS]
        sets = ", ".join(f"{name} = ?" for name in [*names, "folded", "revision"])
        cells = [*(_cell(name, getattr(new, name)) for name in names), _folded(new), new.revision]
        done = db.execute(
            f"UPDATE generations SET {sets} WHERE id = ? AND revision = ?", (*cells, record.id, record.revision)
        )
        if done.rowcount != 1:
            raise Conflict(_record_of(db.execute("SELECT * FROM generations WHERE id = ?", (record.id,)).fetchone()))
        if new.status is not record.status or new.step != record.step:
            self._event(db, new, new.step if new.status is Status.SUBMITTING else new.status.value)
        return new

    def _event(self, db: sqlite3.Connection, record: Record, what: str) -> None:
        detail = {"owner": record.owner, "word": record.word, "task_id": record.task_id, "reason": record.reason}
        if record.error and record.status not in {Status.QUEUED, Status.RUNNING}:
            detail |= {"error": record.error.kind, "message": record.error.message}
        kept = json.dumps({key: value for key, value in detail.items() if value}, ensure_ascii=False)
        db.execute(
            "INSERT INTO events (generation, at, what, detail) VALUES (?, ?, ?, ?)",
            (record.id, record.updated, what, kept),
        )

    # the file
    def _check_place(self) -> None:
        """Whether a row that is about to allow a POST will be found again: a home can be moved or deleted meanwhile."""
        if _place_of(self.path) != self._place:
            hint = "Put it back, or restart the kernel to use another home: what was asked for is in the old one."
            raise _Unusable("was moved or deleted while it was in use", hint)

    def _prepare(self) -> None:
        db = self._db
        version = _fit(db)
        _use_wal(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.create_function("vg_fold", 2, _fold, deterministic=True)
        if version < len(MIGRATIONS):
            self._migrate()
        else:  # a ledger which cannot be written must be known before anything is sent, not after
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")

    def _migrate(self) -> None:
        with self._transaction() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]  # another process may have been faster
            for number, migrate in enumerate(MIGRATIONS[version:], version + 1):
                migrate(db)
                db.execute(f"PRAGMA user_version = {number}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            # in here: whoever loses patience while it waits interrupts it, and would leave the ledger locked
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _part(self) -> Iterator[sqlite3.Connection]:
        """A part of the transaction of `together`, which can be undone alone."""
        self._check_standing()
        db = self._db
        db.execute("SAVEPOINT part")
        try:
            yield db
        except BaseException as error:
            if db.in_transaction:
                db.execute("ROLLBACK TO part")
                db.execute("RELEASE part")
            else:
                self._undone = str(error)
            raise
        db.execute("RELEASE part")

    def _check_standing(self) -> None:
        """Whether the transaction of `together` still stands: without it each part would be one of its own."""
        if not self._db.in_transaction:
            raise sqlite3.OperationalError(self._undone or "its transaction was undone")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._explained(), self._part() if self._grouped else self._transaction() as db:
            yield db

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, self._explained():
            yield self._db

    def _one(self, query: str, *values: Any) -> Record | None:
        found = self._many(query, *values)
        return found[0] if found else None

    def _many(self, query: str, *values: Any) -> list[Record]:
        with self._reading() as db:
            rows = db.execute(query, values).fetchall()
            try:
                return [_record_of(row) for row in rows]
            except (ValueError, TypeError, KeyError):
                damaged = _Unusable("holds a row that cannot be read", _WAY_OUT)
            raise damaged

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite and the file system say into one error which names the file and the way out."""
        trouble: tuple[str, str] | None = None
        try:
            yield
        except _Unusable as error:
            trouble = error.what, error.hint
        except (sqlite3.Error, OSError) as error:
            trouble = f"cannot be used ({error})", _WAY_OUT
        if trouble:
            what, hint = trouble
            raise LedgerUnavailable(f"The ledger {self.path} {what}. {_UNTOUCHED}", hint=hint)


_UNTOUCHED = "The file was left as it is, and without it no new request is sent."
_WAY_OUT = (
    "Free disk space, make the folder writable, or choose another home (VIDGEN_HOME or Studio(home=…)); "
    "a damaged ledger can be moved aside, and vg.reindex() rebuilds it from the recipes in clips/."
)


class _Unusable(Exception):
    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what, self.hint = what, hint


def unknown_still(record: Record, ended: Mapping[str, Any]) -> dict[str, Any]:
    """The values by which a submission that ended proves less than it seems to: nothing, in the most cases.

    Where `record` is one that a person allowed beside an unknown one (its POST is not the first: it was `sent` before),
    the proof that nothing came of it leaves that one as it was.
    """
    if record.sent is None or ended["status"] is not Status.REFUSED:
        return {}
    proof = ended["error"]
    message = f"{proof.message} What became of the request that was sent before is as unknown as it was."
    error = replace(proof, kind="SubmitUnknown", message=message, hint="", retry_at=None)
    return {
        "status": Status.UNKNOWN,
        "error": error,
        "finished": None,
        "sent": record.sent,
        "doubts": record.doubts - 1,
    }


def _place_of(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of its name; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _inspect(path: Path) -> None:
    """Refuse a file that is not ours, or damaged, over a connection that cannot write.

    SQLite tidies up when the last connection that can write is closed: even looking would change a stranger's file.
    """
    if not path.stat().st_size:
        return  # new
    with contextlib.closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY, isolation_level=None)
    ) as db:
        try:
            _fit(db)
            damage = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY:
                return  # a write was cut short here, and the next connection mends that
            raise
    if damage != "ok":
        raise _Unusable("is damaged", _WAY_OUT)


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL; where that is refused (network homes) the rollback journal gives the same guarantees, only slower.

    SQLite does not wait by itself while another process does the same: kernels that start at once on a new home would
    fail.
    """
    patient_until = time.monotonic() + BUSY
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patient_until:
                raise
        time.sleep(0.01)


def _fit(db: sqlite3.Connection) -> int:
    """The schema's number, 0 for a new file. Raises _Unusable for a file of another program or of a newer release."""
    db.execute("BEGIN")  # one moment for all three: another process may be making the tables just now
    try:
        app, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        db.execute("ROLLBACK")
    if app != APPLICATION_ID and (app or tables):
        raise _Unusable("is a database of some other program", "Choose another home: VIDGEN_HOME or Studio(home=…).")
    if version > len(MIGRATIONS):
        raise _Unusable("was written by a newer vidgen_nb", "Upgrade: pip install -U vidgen_nb.")
    return int(version)


# ── rows and records ──────────────────────────────────────────────────────────
def as_json(record: Record) -> dict[str, Any]:
    """A record as JSON: what a recipe beside a clip holds."""
    return {name: value for name, value in asdict(record).items() if name in _COLUMNS}


def from_json(values: Mapping[str, Any]) -> Record:
    """The record which `as_json` wrote. Raises TypeError where a value is of another kind: it may be a stranger's."""
    known = {name: value for name, value in values.items() if name in _COLUMNS}
    known["status"] = Status(known["status"])
    known["error"] = sound(Failure(**known["error"])) if known.get("error") else None
    known["cost"] = sound(Cost(**known.get("cost", {})))
    files = [sound(ClipFile(**file)) for file in known.get("files", ())]
    known["files"] = tuple(replace(file, path=_below(file.path), poster=_below(file.poster)) for file in files)
    return sound(Record(**known))


def sound(value: T) -> T:
    """The value; raises TypeError unless each field is of its kind: JSON and SQLite take any, and a view cannot."""
    kind: Any = type(value)
    for name, kinds in _kinds(kind):
        if not isinstance(getattr(value, name), kinds):
            raise TypeError(f"{name} is of another kind")
    return value


@functools.cache
def _kinds(record: type) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """The fields of a record with the types which their annotations name; a float may be a whole number."""
    kinds = []
    for name, hint in get_type_hints(record).items():
        named = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        if Any not in named:
            types = tuple(get_origin(one) or one for one in named)
            kinds.append((name, (*types, int) if float in types else types))
    return tuple(kinds)


def _below(path: str) -> str:
    """The path, "" where it leads out of the home: a row may be a stranger's, and what is shown lands in notebooks.

    Nor is it longer than systems take: asking for such a file is an error.
    """
    parts = re.split(r"[/\\]", path)
    outside = path.startswith(("/", "\\")) or ".." in parts or "\0" in path or ":" in parts[0]
    long = len(path) > 1000 or any(len(part.encode("utf-8", "replace")) > 255 for part in parts)
    return "" if outside or long else path


def _cell(name: str, value: Any) -> Any:
    if name not in _AS_JSON or value is None:
        return str(value) if isinstance(value, Status) else value
    if name == "files":
        return json.dumps([asdict(file) for file in value], ensure_ascii=False)
    if name in {"error", "cost"}:
        return json.dumps(asdict(value), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _row_of(record: Record) -> tuple[Any, ...]:
    return (*(_cell(name, getattr(record, name)) for name in _COLUMNS), _folded(record))


def _folded(record: Record) -> str:
    return _fold(record.prompt, record.note)


def _fold(*texts: str | None) -> str:
    """Texts as they are searched: letter case, width and the ways to write an accent make no difference."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", "\n".join(filter(None, texts))).casefold())


def _record_of(row: sqlite3.Row) -> Record:
    return from_json(
        {name: json.loads(row[name]) if name in _AS_JSON and row[name] else row[name] for name in _COLUMNS}
    )
