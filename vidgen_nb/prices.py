"""What a clip will cost, and from where that is known: a person's own price, else the live catalogue's.

Own prices (`vg.price`) and the last live catalogue (`vg.models(…, live=True)`) are kept in the ledger, so that a plan
needs no network. Where neither tells it, the cost is unknown, and says why; it is never 0.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any, Literal

from vidgen_nb.errors import InvalidRequest, Problem
from vidgen_nb.ledger import Ledger
from vidgen_nb.providers.contract import Listed, LiveModel, Provider, Request
from vidgen_nb.records import UNKNOWN_COST, Cost, Price, money

MOST = 1e9  # a price beyond that is a slip
LISTED = "listed"  # in place of a number: the one of the live catalogue


# ── a person's own prices ─────────────────────────────────────────────────────
def checked(provider: str, model: object, per_second: object, per_clip: object, unit: object) -> Price:
    """The price which a person means. Raises InvalidRequest with every problem at once."""
    problems = []
    given = [(per, value) for per, value in (("second", per_second), ("clip", per_clip)) if value is not None]
    if not isinstance(model, str) or not model.strip():
        problems.append(Problem("model", f'{model!r} is no name and no pattern, such as "doubao-*"'))
    if len(given) != 1:
        problems.append(Problem("per_second", "give it or per_clip: one of the two"))
    for per, value in given:
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST
        if not number and value != LISTED:
            what = f'takes a number from 0, or "{LISTED}": the number which the live catalogue lists is per {per}'
            problems.append(Problem(f"per_{per}", f"{value!r}: {what}"))
    if unit is None and any(value == LISTED for _, value in given):
        unit = ""  # the one of the list
    elif not isinstance(unit, str) or not unit.strip() or len(unit) > 40:
        problems.append(Problem("unit", f'{unit!r} is no unit, such as "CNY" or "aitoearn credits"'))
    if problems:
        hint = f'vg.price("{provider}", "*", per_second=1.1, unit="CNY")'
        raise InvalidRequest("This is no price. Nothing was kept.", problems=problems, hint=hint)
    (per, value) = given[0]
    amount = None if value == LISTED else float(value)  # type: ignore[arg-type]  # a number, as was just checked
    which: Literal["second", "clip"] = "second" if per == "second" else "clip"
    return Price(provider, str(model).strip(), which, amount, str(unit).strip(), time.time())


class PriceList:
    """The prices which a home knows."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def own(self) -> list[Price]:
        """Every price that a person set, by provider and pattern."""
        rows = self._rows("SELECT * FROM prices ORDER BY provider, pattern")
        return [Price(**dict(row)) for row in rows]

    def keep(self, price: Price) -> None:
        """Write a price down; one for the same provider and pattern is replaced."""
        values = asdict(price)
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._ledger.write(f"INSERT OR REPLACE INTO prices ({names}) VALUES ({marks})", *values.values())

    def forget(self, provider: str, pattern: object) -> None:
        """Take a price back. Raises InvalidRequest where there is none, so that a slip does not leave one standing."""
        kept = [price.pattern for price in self.own() if price.provider == provider]
        if pattern not in kept:
            hint = f"There are: {', '.join(kept)}." if kept else "vg.price() lists what there is."
            raise InvalidRequest(f"{provider} has no price of yours for {pattern!r}.", hint=hint)
        self._ledger.write("DELETE FROM prices WHERE provider = ? AND pattern = ?", provider, pattern)

    def remember(self, provider: Provider, origin: str, models: Sequence[LiveModel]) -> None:
        """Keep what a live catalogue lists, where the provider documents that it lists prices."""
        reader = getattr(provider, "listed", None)
        if reader is not None:
            rows = json.dumps([asdict(row) for model in models for row in reader(model)], ensure_ascii=False)
            self._ledger.write(
                "INSERT OR REPLACE INTO listings (provider, origin, at, rows) VALUES (?, ?, ?, ?)",
                provider.NAME, origin, time.time(), rows,
            )  # fmt: skip

    def _rows(self, query: str, *values: str) -> list[sqlite3.Row]:
        return self._ledger.ask(lambda db: db.execute(query, values).fetchall())

    def estimate(self, provider: Provider, origin: str, model: str, request: Request) -> Cost:
        """What a clip of this request will cost: by the person's own price, else as listed, else unknown."""
        values = {**_defaults(type(request)), **request.given}
        price, listing = self._price(provider.NAME, model), self._listing(provider.NAME, origin, model, values)
        if price is None:
            return _as_listed(listing, values)
        if price.amount is not None:
            return _of(price.amount, price.per, price.unit, values, "by your price")
        if listing is None:
            return Cost(
                basis=f'no list here has a price for this: vg.models("{provider.NAME}", live=True) asks for one'
            )
        row, since = listing
        basis = f"as listed {since}, per {price.per} as you said"
        return _of(row.amount, price.per, price.unit or row.unit, values, basis)

    def _price(self, provider: str, model: str) -> Price | None:
        """The person's price for a model: its own name first, then the longest pattern."""
        fitting = [price for price in self.own() if price.provider == provider and fnmatchcase(model, price.pattern)]
        return max(fitting, key=lambda price: (price.pattern == model, len(price.pattern)), default=None)

    def _listing(self, provider: str, origin: str, model: str, values: Mapping[str, Any]) -> tuple[Listed, str] | None:
        """The listed price of a request, and since when it is known; the highest where several could be meant."""
        kept = self._rows("SELECT at, rows FROM listings WHERE provider = ? AND origin = ?", provider, origin)
        if not kept:
            return None
        rows = [Listed(**row) for row in json.loads(kept[0]["rows"])]
        fitting = [row for row in rows if row.model == model and _fits(row, values)]
        dearest = max(fitting, key=lambda row: row.amount, default=None)
        return (dearest, _since(kept[0]["at"])) if dearest is not None else None


# ── from a price to a cost ────────────────────────────────────────────────────
def _as_listed(listing: tuple[Listed, str] | None, values: Mapping[str, Any]) -> Cost:
    if listing is None:
        return UNKNOWN_COST
    row, since = listing
    if not row.per:
        unit = row.unit.rpartition(" ")[2]
        return Cost(basis=f"listed: {money(row.amount)} {unit} (unit not documented), {since}")
    return _of(row.amount, row.per, row.unit, values, f"as listed {since}")


def _of(amount: float, per: str, unit: str, values: Mapping[str, Any], basis: str) -> Cost:
    if per == "clip":
        return Cost(amount, unit, basis)
    seconds = values.get("duration")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return Cost(basis=f"{money(amount)} {unit} per second {basis}, and the duration is the provider's choice")
    return Cost(round(amount * seconds, 6), unit, basis)


def _fits(row: Listed, values: Mapping[str, Any]) -> bool:
    """Whether a listed price is for these values; what was not given may be anything, so that the dearest counts."""
    return all(name not in values or values[name] == value for name, value in row.when.items())


def _defaults(request_type: type[Request]) -> dict[str, Any]:
    """The values which a provider documents for what is not given."""
    return {name: info.examples[0] for name, info in request_type.model_fields.items() if info.examples}


def _since(at: float) -> str:
    """The age of a list: `2026-11-18, 3 days old`."""
    days = max(0, int((time.time() - at) / 86_400))
    age = "today" if days == 0 else "1 day old" if days == 1 else f"{days} days old"
    return f"{time.strftime('%Y-%m-%d', time.localtime(at))}, {age}"
