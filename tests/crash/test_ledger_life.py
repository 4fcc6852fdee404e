"""Whatever kernels, providers, clocks and persons do in whatever order: the ledger stays honest (a state machine).

Kernels are Ledger objects on one home. Killing one closes its files and leaves its rows and its lock file as they are,
which is what SIGKILL leaves. What the rows are is read past the package, after every step.
"""

import contextlib
import itertools
import os
import shutil
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vidgen_nb.engine import rules
from vidgen_nb.ledger import Conflict, Ledger
from vidgen_nb.owners import _locked
from vidgen_nb.providers import relaydance
from vidgen_nb.records import MOVES, OPEN, TRANSIENT, ClipFile, Outcome, Record, Reply, Status, Timing


def _told(status: str, **more: Any) -> Outcome:
    return Outcome("answered", Reply(200, {"task_id": "task", "status": status, **more}))


TROUBLE = {
    "no answer": Outcome("lost", None, "no answer within the time limit"),
    "half an answer": Outcome("cut", Reply(200, text='{"task_id": "ta'), "the connection was closed"),
    "HTTP 500": Outcome("answered", Reply(500)),
    "a page": Outcome("answered", Reply(200, text="<html>")),
    "too many": Outcome("answered", Reply(429, headers={"retry-after": "7"})),
    "bad key": Outcome("answered", Reply(401, {"error": {"message": "invalid"}})),
    "no such task": Outcome("answered", Reply(404, {"code": "task_not_exist"})),
}
POLLS = TROUBLE | {
    "queued": _told("submitted"),
    "running": _told("running", progress=40),
    "a new word": _told("pondering", progress="250%"),
    "succeeded without a file": _told("succeeded"),
    "succeeded": _told("succeeded", url="https://example.com/clip.mp4"),
    "failed": _told("failed", error={"code": "upstream", "message": "no"}),
}
CLIP = ClipFile("clips/a.mp4", "ab", 10, 5.0, 64, 48, 24.0, False)
FINAL = frozenset({Status.SUCCEEDED, Status.FAILED})
DAY = 86_400.0

SLOTS = 3  # kernels that can live at the same time
slots = st.integers(0, SLOTS - 1)
picks = st.integers(0, 5)  # which of the rows in question
INTENTS = ("boat", "fox", "owl", "snow")
_GOING = ("sending", Status.QUEUED, Status.RUNNING)
LIVES: list[tuple[Status | str, ...]] = [  # how far a generation may be when the dice begin to roll
    (), (), ("sending",), ("sending", Status.UNKNOWN), _GOING, (*_GOING, Status.STUCK), (*_GOING, Status.DOWNLOADING),
]  # fmt: skip
Row = dict[str, Any]
T = TypeVar("T")


class LedgerLife(RuleBasedStateMachine):
    """Each rule is one thing that somebody does; what must hold afterwards is written in it or in the invariants."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp()) / "vidgen"
        self.kernels: dict[int, Ledger] = {0: _opened(self.home)}
        self.patience: dict[tuple[str, str], rules.Patience] = {}  # (kernel, row): what its polls have been through
        self.known: dict[tuple[str, str], Record] = {}  # (kernel, row): the row as this kernel saw it last
        self.rows: dict[str, Row] = {}  # as they lay on disk after the last step
        self.living: set[str] = set()  # owners at that time
        self.sent: set[str] = set()  # rows with a POST that was neither refused nor written off by a person
        self.allowed: set[str] = set()  # those of them to which a person allows one POST more
        self.actor = ""
        self.decided = ""  # the row over which a person decides in this step
        self.now = 1_000_000.0
        self.made = 0
        self.disk = sqlite3.connect(self.home / "ledger.db")
        self.disk.row_factory = sqlite3.Row

    @initialize(lives=st.tuples(*[st.sampled_from(LIVES)] * len(INTENTS)), slots=st.tuples(*[slots] * len(INTENTS)))
    def begin(self, lives: tuple[tuple[Status | str, ...], ...], slots: tuple[int, ...]) -> None:
        """Some generations are on their way already: the steps here are those of the rules below, without dice."""
        for identity, life, slot in zip(INTENTS, lives, slots, strict=True):
            if not life:
                continue
            ledger = self.kernel(slot)
            record, _ = ledger.intend(self.wanted(identity))
            for step in life:
                values = {"step": step, "sent": self.now} if step == "sending" else {"status": step}
                record = ledger.change(record, **values)
                if step == "sending":
                    self.sent.add(record.id)
            self.see(ledger, record)
        self.rows = self.read()

    def wanted(self, identity: str) -> Record:
        self.made += 1
        times = {"created": self.now, "updated": self.now}
        return Record(id=f"vg-{self.made}", identity=identity, provider="p", origin="o", model="m", **times)

    def teardown(self) -> None:
        """At last: a recipe never replaces what the ledger knows."""
        before, ledger = self.read(), self.kernel(0)
        for row in before.values():
            record = replace(_stale(row), status=Status.SUCCEEDED)
            assert not ledger.restore(replace(record, id="vg-other"))
            assert not ledger.restore(replace(record, identity="another"))
        assert self.read() == before
        self.disk.close()
        for ledger in self.kernels.values():
            ledger.close()
        shutil.rmtree(self.home.parent)

    # ── what kernels have in common ───────────────────────────────────────────
    def kernel(self, slot: int) -> Ledger:
        """The living kernel of a slot, started if need be; the step is its doing."""
        if slot not in self.kernels:
            self.kernels[slot] = _opened(self.home)
        self.actor = self.kernels[slot].owner.id
        return self.kernels[slot]

    def alive(self, row: Row) -> bool:
        return row["owner"] in {ledger.owner.id for ledger in self.kernels.values()}

    def see(self, ledger: Ledger, record: Record) -> Record:
        self.known[ledger.owner.id, record.id] = record
        return record

    def found(self, *statuses: Status, step: str = "") -> list[Row]:
        """The rows with such a status."""
        return [row for row in self.rows.values() if row["status"] in statuses and step in ("", row["step"])]

    def cared_for(self, *statuses: Status, step: str = "") -> list[tuple[Ledger, Row]]:
        """Those of them whose owner lives, with it."""
        owners = {ledger.owner.id: ledger for ledger in self.kernels.values()}
        found = self.found(*statuses, step=step)
        return [(owners[row["owner"]], row) for row in found if row["owner"] in owners]

    def act(self, number: int, *statuses: Status, step: str = "") -> tuple[Ledger, str]:
        """One of these owners, to do something in this step, and the id of its row."""
        cared_for = self.cared_for(*statuses, step=step)
        ledger, row = cared_for[number % len(cared_for)]
        self.actor = ledger.owner.id
        return ledger, row["id"]

    def write(self, ledger: Ledger, id: str, **values: Any) -> Record | None:
        """A change over the row as the kernel knows it: it goes through if nobody was faster, else nothing happens."""
        record, now = self.known.get((ledger.owner.id, id)) or ledger.get(id), self.rows[id]
        assert record is not None
        status = values.get("status", record.status)
        if status is not record.status and status not in MOVES[record.status]:
            with contextlib.suppress(ValueError):
                ledger.change(record, **values)
                raise AssertionError(f"{record.status} became {status}")
            return None
        try:
            kept = ledger.change(record, **values, updated=self.now)
        except Conflict as conflict:
            newer: Record | None = conflict.now
        else:
            newer = None
        if newer is not None:
            assert newer.revision == now["revision"] != record.revision
            self.see(ledger, newer)
            return None
        assert record.revision == now["revision"] == kept.revision - 1
        return self.see(ledger, kept)

    def after_death(self, row: Row) -> str:
        """The status which whoever looks must give to a row, its owner being dead or alive."""
        if row["status"] != Status.SUBMITTING or self.alive(row):
            return str(row["status"])
        return Status.REFUSED if row["sent"] is None else Status.UNKNOWN

    # ── a generation's life, as its owner leads it ────────────────────────────
    @rule(slot=slots, identity=st.sampled_from(INTENTS))
    def submit(self, slot: int, identity: str) -> None:
        """The right to send is given once, and again only where nothing was ever accepted."""
        ledger = self.kernel(slot)
        before = next((row for row in self.rows.values() if row["identity"] == identity), None)
        wanted = self.wanted(identity)
        record, mine = ledger.intend(wanted)
        assert mine == (before is None or self.after_death(before) == Status.REFUSED)
        assert record.id == (before["id"] if before else wanted.id)
        if mine:
            assert record.id not in self.sent, "a second POST, and nobody allowed it"
            assert (record.status, record.step, record.owner) == (Status.SUBMITTING, "intended", ledger.owner.id)
            assert (record.error, record.sent, record.answered, record.task_id) == (None, None, None, "")
        elif before is not None:
            assert record.status == self.after_death(before)
        self.see(ledger, record)

    @precondition(lambda self: self.cared_for(Status.SUBMITTING, step="intended"))
    @rule(pick=picks)
    def send(self, pick: int) -> None:
        ledger, id = self.act(pick, Status.SUBMITTING, step="intended")
        if self.write(ledger, id, step="sending", sent=self.now):
            assert id not in self.sent or id in self.allowed, "a second POST, and nobody allowed it"
            self.allowed.discard(id)
            self.sent.add(id)

    @precondition(lambda self: self.cared_for(Status.SUBMITTING, step="sending"))
    @rule(pick=picks, outcome=st.sampled_from([*sorted(OPEN), Status.REFUSED, Status.UNKNOWN]))
    def answer(self, pick: int, outcome: Status) -> None:
        ledger, id = self.act(pick, Status.SUBMITTING, step="sending")
        task_id = "task" if outcome in OPEN else "perhaps" if outcome is Status.UNKNOWN else ""
        first = any(row["doubts"] == 0 for row in self.rows.values() if row["id"] == id)
        if outcome is Status.REFUSED and not first:  # as the engine does it: that proves nothing of the one before
            outcome, task_id = Status.UNKNOWN, self.rows[id]["task_id"]
        kept = self.write(ledger, id, status=outcome, task_id=task_id, answered=self.now)
        if kept and outcome is Status.REFUSED:
            self.sent.discard(id)

    @precondition(lambda self: self.cared_for(*OPEN))
    @rule(pick=picks, came=st.sampled_from(sorted(POLLS)), age=st.sampled_from([0.0, 130.0, 500.0, 2 * DAY]))
    def poll(self, pick: int, came: str, age: float) -> None:
        """The engine's own rules take in what came. They want no step that the table forbids, and trouble ends nothing.

        `age` is the task's by a clock that never jumps.
        """
        ledger, id = self.act(pick, *OPEN)
        known = self.known.get((ledger.owner.id, id)) or ledger.get(id)
        assert known is not None
        if not known.status.open:  # as far as this kernel knows, so that it does not ask
            return
        key = (ledger.owner.id, id)
        patience = self.patience.get(key, rules.Patience())
        seen = rules.absorb(relaydance, known, patience, POLLS[came], now=self.now, age=age, timing=Timing())
        self.patience[key] = seen.patience
        status = seen.values.get("status", known.status)
        assert status is known.status or status in MOVES[known.status], f"{came!r} makes {known.status} {status}"
        if came in TROUBLE:
            assert status in {known.status, Status.STUCK}, "a failed poll is no failed task"
        self.write(ledger, id, **{name: value for name, value in seen.values.items() if name not in TRANSIENT})

    @precondition(lambda self: self.cared_for(Status.DOWNLOADING))
    @rule(pick=picks, came=st.sampled_from(["the clip", "nothing", "an expired link"]))
    def download(self, pick: int, came: str) -> None:
        ledger, id = self.act(pick, Status.DOWNLOADING)
        if came == "the clip":
            self.write(ledger, id, status=Status.SUCCEEDED, files=(CLIP,), finished=self.now)
        elif came == "an expired link":
            self.write(ledger, id, **rules.stuck("media_expired", "the link expired", self.now))

    @precondition(lambda self: self.cared_for(*OPEN, *FINAL, Status.STUCK))
    @rule(pick=picks, status=st.sampled_from(list(Status)))
    def go(self, pick: int, status: Status) -> None:
        """Any step of the engine: those of the table are taken, the others leave the row alone."""
        ledger, id = self.act(pick, *OPEN, *FINAL, Status.STUCK)
        self.write(ledger, id, status=status, **({"files": (CLIP,)} if status is Status.SUCCEEDED else {}))

    # ── others ────────────────────────────────────────────────────────────────
    @precondition(lambda self: self.rows)
    @rule(slot=slots, pick=picks)
    def claim(self, slot: int, pick: int) -> None:
        """A row is taken over from the dead alone; whoever died while submitting leaves an honest status."""
        ledger = self.kernel(slot)
        row = _nth(pick, self.found(*Status))
        kept = self.see(ledger, ledger.claim(self.known.get((ledger.owner.id, row["id"]), _stale(row)), self.now))
        assert kept.status == self.after_death(row)
        assert kept.owner == (row["owner"] if self.alive(row) else ledger.owner.id)

    def missed(self) -> list[tuple[Ledger, str]]:
        """The living kernels whose knowledge of a row is old, and its id."""
        known = [(ledger, self.known.get((ledger.owner.id, id)), id)
                 for ledger in self.kernels.values() for id in self.rows]  # fmt: skip
        return [(ledger, id) for ledger, record, id in known if record and record.revision < self.rows[id]["revision"]]

    @precondition(lambda self: self.missed())
    @rule(pick=picks)
    def write_late(self, pick: int) -> None:
        """A kernel which missed something changes nothing, and learns what it missed."""
        ledger, id = _nth(pick, self.missed())
        assert self.write(ledger, id, progress=1.0) is None

    # ── a person decides ──────────────────────────────────────────────────────
    @precondition(lambda self: self.found(Status.UNKNOWN))
    @rule(slot=slots, pick=picks, way=st.sampled_from(["adopt", "resolve", "resubmit"]))
    def decide(self, slot: int, pick: int, way: str) -> None:
        """The ways out of unknown: the only ones to a second POST."""
        row = _nth(pick, self.found(Status.UNKNOWN))
        if way == "adopt":
            self.decision(slot, row, status=Status.QUEUED, task_id="found")
            return
        if way == "resolve":
            self.sent.discard(row["id"])
            self.decision(slot, row, status=Status.REFUSED)
        else:
            self.allowed.add(row["id"])
            self.decision(slot, row, status=Status.SUBMITTING, step="intended", doubts=row["doubts"] + 1)

    @precondition(lambda self: self.found(Status.STUCK))
    @rule(slot=slots, pick=picks, status=st.sampled_from([Status.QUEUED, Status.RUNNING]))
    def resume(self, slot: int, pick: int, status: Status) -> None:
        """Somebody takes up what was stuck, in this kernel or another."""
        self.decision(slot, _nth(pick, self.found(Status.STUCK)), status=status)

    def decision(self, slot: int, row: Row, **values: Any) -> None:
        ledger = self.kernel(slot)
        self.decided = row["id"]
        claimed = ledger.claim(_stale(row), self.now)
        kept = ledger.change(claimed, **values, owner=ledger.owner.id, error=None, updated=self.now)
        self.see(ledger, kept)

    # ── the world ─────────────────────────────────────────────────────────────
    @precondition(lambda self: len(self.kernels) < SLOTS)
    @rule()
    def start(self) -> None:
        """A kernel starts, as a Studio does it: no row is left in the hands of the dead while submitting."""
        before = dict(self.rows)
        slot = next(slot for slot in range(SLOTS) if slot not in self.kernels)
        self.kernel(slot).bury(self.now)
        after = self.read()
        assert {id: row["status"] for id, row in after.items()} == {
            id: self.after_death(row) for id, row in before.items()
        }

    @precondition(lambda self: self.kernels)
    @rule(slot=slots, killed=st.booleans())
    def end(self, slot: int, killed: bool) -> None:
        """SIGKILL says no goodbye and leaves a lock file that nobody holds."""
        ledger = self.kernels.pop(_nth(slot, sorted(self.kernels)))
        if killed:
            _locked.discard(ledger.owner._file)
            os.close(ledger.owner._file)
            ledger._db.close()
        else:
            ledger.close()

    @rule(jump=st.sampled_from([1.0, 3600.0, -3600.0, 400 * DAY, -400 * DAY]))
    def turn_the_clock(self, jump: float) -> None:
        self.now += jump

    # ── what must always hold ─────────────────────────────────────────────────
    def read(self) -> dict[str, Row]:
        """Every row as it lies on disk."""
        return {row["id"]: dict(row) for row in self.disk.execute("SELECT * FROM generations")}

    @invariant()
    def honest(self) -> None:
        """What must hold after every step; in this order, because the first one takes in what is on disk now."""
        self.every_change_was_allowed()
        self.every_life_is_a_way_through_the_table()
        self.each_post_was_written_down_first()

    def every_change_was_allowed(self) -> None:
        """One row per identity, for ever; revisions only grow; the living are left alone; the end is the end."""
        rows = self.read()
        assert len({row["identity"] for row in rows.values()}) == len(rows)
        for id, old in self.rows.items():
            new = rows[id]
            assert new["identity"] == old["identity"]
            assert new == old or new["revision"] > old["revision"]
            free = old["status"] == Status.REFUSED or id == self.decided  # nothing is under way there, or by a person
            if old["owner"] in self.living - {self.actor} and not free:
                assert new == old, "a row was changed behind its living owner's back"
            if old["task_id"] and not free:
                assert new["task_id"] == old["task_id"], "an id was lost"
            if old["status"] in FINAL:
                assert (new["status"], new["files"], new["task_id"]) == (old["status"], old["files"], old["task_id"])
        self.rows, self.actor, self.decided = rows, "", ""
        self.living = {ledger.owner.id for ledger in self.kernels.values()}

    def every_life_is_a_way_through_the_table(self) -> None:
        """The events of each row are steps of MOVES, and it says itself that it is where the last one ended."""
        for id, row in self.rows.items():
            way = [_place(what) for (what,) in self.events(id)]
            assert way[0] == (Status.SUBMITTING, "intended")
            assert way[-1][0] == row["status"]
            for (before, step), (after, then) in itertools.pairwise(way):
                assert after in MOVES[before] or (before, step, then) == (after, "intended", "sending")

    def each_post_was_written_down_first(self) -> None:
        """A row whose POST went out says so: it is neither free to be sent again nor without a trace."""
        for id in self.sent:
            row = self.rows[id]
            assert (row["status"], row["step"]) != (Status.SUBMITTING, "intended") or id in self.allowed
            assert row["status"] != Status.REFUSED
            assert ("sending",) in self.events(id)

    def events(self, id: str) -> list[tuple[str]]:
        found = self.disk.execute("SELECT what FROM events WHERE generation = ? ORDER BY number", (id,)).fetchall()
        return [(row["what"],) for row in found]


def _opened(home: Path) -> Ledger:
    """A kernel's ledger. Nothing here cuts the power, so the disk need not be waited for."""
    ledger = Ledger(home)
    ledger._db.execute("PRAGMA synchronous = OFF")
    return ledger


def _nth(number: int, of: list[T]) -> T:
    return of[number % len(of)]


def _place(what: str) -> tuple[Status, str]:
    """An event as status and, while submitting, the step."""
    return (Status.SUBMITTING, what) if what in {"intended", "sending"} else (Status(what), "")


def _stale(row: Row) -> Record:
    """A record as somebody may hold it who knows little more than the row's id."""
    return Record(id=row["id"], identity=row["identity"], provider="p", origin="o", model="m",
                  status=Status(row["status"]), step=row["step"], owner=row["owner"],
                  revision=row["revision"])  # fmt: skip


TestLedgerLife = LedgerLife.TestCase
TestLedgerLife.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    phases=[Phase.generate, Phase.shrink],  # what to explain is in the assertions: a failure must come within minutes
    report_multiple_bugs=False,
)
