"""Before money is spent: is there a key, is a person watching, does the budget hold it. Simulation needs none.

Budgets count what is booked in the ledger, in flight too, by all kernels: the question is asked inside the transaction
that writes the row, so that two kernels cannot both spend the last of it. Units are never added up.
"""

import json
import math
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from vidgen_nb.errors import BudgetExceeded, InvalidRequest, LedgerUnavailable, MissingKey, PaidRefused, Problem
from vidgen_nb.ledger import Allow, sound
from vidgen_nb.providers.contract import Provider
from vidgen_nb.records import Booking, Cost, Status, booking, money
from vidgen_nb.settings import Key, switched_on

Budget = Mapping[str, float]
GROUPS = ("provider", "day", "model")
_DUST = 1e-9  # three times 1.10 is 3.3000000000000003, and fits into 3.30


# ── what is booked ────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Entry:
    """The money of one submission. An `unknown` one costs at most `amount`; None where that is not known either."""

    provider: str
    model: str
    created: float
    state: Booking
    amount: float | None
    unit: str


_BOOKED = """SELECT provider, model, created, status, cost, doubts FROM generations
             WHERE origin != 'simulator' AND (status != 'refused' OR doubts > 0)"""


def entries(db: sqlite3.Connection) -> Iterator[Entry]:
    """Every submission that may cost money. One that was sent again by a person stands here twice: see `doubts`."""
    for row in db.execute(_BOOKED):
        try:
            found = _booked(*row)
        except (ValueError, TypeError):
            found = None
        if found is None:
            hint = "Choose another home (Studio(home=…)), or move ledger.db aside: vg.reindex() rebuilds it."
            raise LedgerUnavailable("The ledger holds a row that cannot be read. Nothing was sent.", hint=hint)
        yield from found


def _booked(provider: str, model: str, created: float, status: str, text: str, doubts: int) -> list[Entry]:
    """The submissions of a row."""
    cost = _cost(text)
    state = booking(Status(status), cost)
    found = [] if state == "free" else [Entry(provider, model, created, state, cost.amount, cost.unit)]
    return found + [Entry(provider, model, created, "unknown", cost.amount, cost.unit)] * int(doubts)


@lru_cache(1024)  # thousands of clips have a few costs
def _cost(text: str) -> Cost:
    return sound(Cost(**json.loads(text)))


@dataclass(frozen=True, slots=True)
class Sum:
    """The money of one group in one unit ("" for what nobody knows): amounts by state, and `clips` submissions.

    unknown counts those of which nobody knows whether or how much they cost: all together at most `at_most`, besides
    those without any amount.
    """

    group: str
    unit: str
    clips: int = 0
    reserved: float = 0.0
    charged: float = 0.0
    refunded: float = 0.0
    unknown: int = 0
    at_most: float = 0.0


def sums(found: Iterator[Entry], by: str) -> list[Sum]:
    """Entries added up by provider, day or model, each unit by itself."""
    piles: dict[tuple[str, str], list[Entry]] = {}
    for entry in found:
        group = time.strftime("%Y-%m-%d", time.localtime(entry.created)) if by == "day" else str(getattr(entry, by))
        piles.setdefault((group, entry.unit), []).append(entry)
    return [_sum(group, unit, pile) for (group, unit), pile in sorted(piles.items(), key=lambda item: item[0][::-1])]


def _sum(group: str, unit: str, pile: list[Entry]) -> Sum:
    def of(state: Booking) -> float:
        return round(math.fsum(entry.amount or 0.0 for entry in pile if entry.state == state), 6)

    unknown = sum(entry.state == "unknown" for entry in pile)
    return Sum(group, unit, len(pile), of("reserved"), of("charged"), of("refunded"), unknown, of("unknown"))


# ── what may be spent ─────────────────────────────────────────────────────────
def checked_budget(given: object, name: str) -> dict[str, float]:
    """A budget as {unit: amount}; None is none. Raises InvalidRequest."""
    if given is None:
        return {}
    hint = f'Such as {name}={{"CNY": 50, "aitoearn credits": 300}}.'
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"{name} takes a dict of amounts by unit, not {given!r}. Nothing was sent.", hint=hint)
    problems = [
        Problem(name, f"takes units with numbers from 0, and there is {unit!r}: {amount!r}")
        for unit, amount in given.items()
        if not (isinstance(unit, str) and unit.strip() and _is_amount(amount))
    ]
    if problems:
        raise InvalidRequest(f"{name} cannot be read. Nothing was sent.", problems=problems, hint=hint)
    return {unit.strip(): float(amount) for unit, amount in given.items()}


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


@dataclass(frozen=True, slots=True)
class Leave:
    """What a person allows a single call to spend."""

    max_cost: Budget
    unknown: bool

    @classmethod
    def given(cls, max_cost: object, allow_unknown_cost: object) -> "Leave":
        """Raises InvalidRequest for what cannot be read."""
        if not isinstance(allow_unknown_cost, bool):
            message = f"allow_unknown_cost takes True or False, not {allow_unknown_cost!r}. Nothing was sent."
            raise InvalidRequest(message, hint="Leave it out, or say allow_unknown_cost=True.")
        return cls(checked_budget(max_cost, "max_cost"), allow_unknown_cost)


class Purse:
    """Lets a paid submit pass, or says why not. Replays never come here: they cost nothing."""

    def __init__(self, budget: Budget, allow_paid: bool | None, *, simulate: bool) -> None:
        self._budget = budget
        self._allow_paid = allow_paid
        self._simulate = simulate

    def open(self, provider: Provider, key: Key | None) -> None:
        """Raises MissingKey or PaidRefused; nothing was sent then."""
        if self._simulate:
            return
        if key is None:
            hint = (
                f"Set {provider.KEY} in the environment or in .env, or try it without a key: vg.setup(simulate=True)."
            )
            raise MissingKey(f"No key for {provider.TITLE}. Nothing was sent.", hint=hint)
        allowed = self._allow_paid or (self._allow_paid is None and switched_on("VIDGEN_ALLOW_PAID"))
        if self._allow_paid is False:
            raise PaidRefused("This Studio may not pay (allow_paid=False). Nothing was sent.")
        if not allowed and nobody_answers():
            raise PaidRefused("This would be a paid submit in a run that nobody watches. Nothing was sent.")

    def guard(self, cost: Cost, leave: Leave) -> Allow:
        """What the ledger asks before it books `cost`."""

        def allow(db: sqlite3.Connection) -> None:
            why = self.objection(cost, leave, db)
            if why is not None:
                raise BudgetExceeded(f"{why[0]} Nothing was sent.", hint=why[1])

        return allow

    def objection(self, cost: Cost, leave: Leave, db: sqlite3.Connection | None) -> tuple[str, str] | None:
        """Why a clip of this cost may not be made, and what to do; None if it may. Without `db` nothing was spent."""
        if self._simulate:
            return None
        for name, limits, spent in (("max_cost", leave.max_cost, None), ("budget", self._budget, db)):
            if not limits:
                continue
            if cost.amount is not None and cost.unit in limits:
                if why := _over(name, cost, limits[cost.unit], spent):
                    return why
            elif not leave.unknown:
                return _unknown(name, cost, limits), _WAYS
        return None


def _over(name: str, cost: Cost, limit: float, db: sqlite3.Connection | None) -> tuple[str, str] | None:
    """Why a cost does not fit into a limit, beside what is booked already; None if it does."""
    if cost.amount is None:
        return None
    booked = [entry for entry in entries(db) if entry.state != "refunded"] if db is not None else []
    spent = math.fsum(entry.amount or 0.0 for entry in booked if entry.unit == cost.unit)
    if spent + cost.amount <= limit + _DUST * max(1.0, limit):
        return None
    message = f"{cost} is beyond {name}={{{cost.unit!r}: {money(limit)}}}"
    if name == "max_cost":
        return f"{message}.", "A shorter or smaller clip costs less; a higher max_cost allows this one."
    message += f": {money(round(spent, 6))} {cost.unit} are spent or in flight."
    return message, "vg.spend() shows what is booked; Studio(budget=…) sets another budget."


_WAYS = "vg.price(…) says what it costs; allow_unknown_cost=True spends it all the same."


def _unknown(name: str, cost: Cost, limits: Budget) -> str:
    if cost.amount is None:
        why = f" ({cost.basis})" if cost.basis else ""
        return f"What this clip costs is not known{why}, so no {name} can hold it."
    return f"{cost} is in a unit which {name} does not name ({', '.join(limits)}), so it cannot hold it."


def nobody_answers() -> bool:
    """Whether this run has no human: CI, or a kernel that was told that nobody answers (nbconvert, papermill).

    A plain script is a person's own act.
    """
    if switched_on("CI"):
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    with suppress(Exception):  # what the front end said with the cell that runs now
        return not kernel.get_parent("shell")["content"].get("allow_stdin", True)
    return False
