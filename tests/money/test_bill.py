"""Reserved, charged, refunded and unknown are together what the provider bills: after every step of any history."""

import math
import random
from collections import Counter
from pathlib import Path

import pytest

from vidgen_nb import providers
from vidgen_nb.purse import Sum, entries, sums
from vidgen_nb.records import Record, Status
from vidgen_nb.simulator.app import Simulator

from .desk import FREE_WHEN_FAILED, Desk, Post

HISTORIES, AT_ONCE = 1000, 50  # so many, of which each fifty share a home
QUOTA = 50_000  # what the simulated New API says of each of its clips
DIRECTIVES = (
    "", "", "", "(simulate fail=upstream)", "(simulate fail=moderation)", "(simulate queued=1e12)",
    "(simulate lost_reply)", "(simulate lost_reply)", "(simulate refuse=server)", "(simulate refuse=quota)",
)  # fmt: skip


def state_of(post: Post) -> str:
    """Where a POST stands by the desk's own account: what the provider told, and what it documents of failures."""
    if post.proof or post.dropped:
        return "free"
    if post.told == "failed":
        return "refunded" if post.provider in FREE_WHEN_FAILED else "unknown"
    return "charged" if post.told == "succeeded" else "open"


def hold_against_the_bill(desk: Desk) -> None:
    """What the ledger says, against the tasks on the simulator's bill and the desk's account of its POSTs."""
    booked = desk.ledger.ask(lambda db: list(entries(db)))
    billed = [post for post in desk.posts if post.task_id]
    doubted = [post for post in desk.posts if not post.task_id and state_of(post) != "free"]
    assert {post.task_id for post in billed} <= {task.id for task in desk.simulator.bill}
    assert not [post for post in billed if state_of(post) == "free"], "billed, and booked nowhere"
    assert len(booked) == len(billed) + len(doubted)
    states = Counter(entry.state for entry in booked)
    assert states["charged"] == sum(post.told == "succeeded" and bool(post.price or post.quota) for post in billed)
    assert states["refunded"] == sum(state_of(post) == "refunded" for post in billed)

    rows = desk.ledger.ask(lambda db: sums(entries(db), "provider"))
    told = sum(row.reserved + row.charged for row in rows if row.unit == "quota")
    assert told == sum(QUOTA for post in billed if post.quota)
    for unit in {post.unit for post in desk.posts} - {""}:
        bill = math.fsum(post.price or 0.0 for post in [*billed, *doubted] if post.unit == unit)
        assert math.isclose(together(rows, unit), bill, abs_tol=1e-6), unit
        for state in ("charged", "refunded"):
            known = math.fsum(post.price or 0.0 for post in billed if (post.unit, state_of(post)) == (unit, state))
            assert math.isclose(math.fsum(getattr(row, state) for row in rows if row.unit == unit), known, abs_tol=1e-6)


def together(rows: list[Sum], unit: str) -> float:
    return math.fsum(row.reserved + row.charged + row.refunded + row.at_most for row in rows if row.unit == unit)


def play(desk: Desk, dice: random.Random) -> None:
    """One history: a few clips, polls in any order, and a person's decisions; the bill holds after each step."""
    rows: dict[str, Record] = {}
    for _ in range(dice.randint(2, 5)):
        row = desk.submit(dice.choice(providers.BUILT_IN), dice.choice(DIRECTIVES))
        rows[row.id] = row
        hold_against_the_bill(desk)
        for _ in range(dice.randint(0, 2)):
            row = dice.choice(list(rows.values()))
            rows[row.id] = step(desk, dice, row)
            hold_against_the_bill(desk)


def step(desk: Desk, dice: random.Random, row: Record) -> Record:
    """Whatever can be done with a row now."""
    if row.status.open:
        return desk.poll(row)
    if row.status is Status.STUCK:
        return desk.ledger.change(row, status=Status.QUEUED, reason="")
    if row.status is Status.REFUSED:
        return desk.refused(row)
    if row.status is Status.UNKNOWN:
        billed = desk.current[row.id].task_id
        return dice.choice([desk.resubmit, desk.adopt if billed else desk.resolve])(row)
    return row


@pytest.mark.parametrize("first", range(0, HISTORIES, AT_ONCE))
def test_the_books_are_the_bill(first: int, tmp_path: Path, simulator: Simulator) -> None:
    """A thousand random histories over the five providers: failures, lost replies, refusals, kills, ways out."""
    desk = Desk(tmp_path / "vidgen", simulator, random.Random(first), priced=first % 100 < AT_ONCE)
    for number in range(first, first + AT_ONCE):
        play(desk, random.Random(number))
    seen = {row.status for row in desk.ledger.search(limit=-1)}
    desk.close()
    assert seen >= {Status.UNKNOWN, Status.SUCCEEDED, Status.FAILED, Status.REFUSED, Status.QUEUED}
    assert len({post.provider for post in desk.posts}) == len(providers.BUILT_IN)
