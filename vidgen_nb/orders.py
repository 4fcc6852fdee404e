"""Orders: from what a person asked for to a row in the ledger, its one POST, and the clip that comes of it."""

import secrets
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vidgen_nb import providers
from vidgen_nb.answers import Plan
from vidgen_nb.asking import Asked, ask
from vidgen_nb.engine.loop import result_of
from vidgen_nb.engine.wire import Gateway
from vidgen_nb.errors import InvalidRequest, VidgenError
from vidgen_nb.generation import Generation
from vidgen_nb.media.redact import addresses
from vidgen_nb.providers.contract import Listing, aliases
from vidgen_nb.purse import Leave
from vidgen_nb.records import SIMULATED_COST, UNKNOWN_COST, Cost, Json, Record, Status, Warned

if TYPE_CHECKING:
    from vidgen_nb.studio import Studio

_LEAVE = ("max_cost", "allow_unknown_cost")
_UNASKED = {"check", *_LEAVE}  # they change nothing of what is asked for


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a provider, and the leave that was given to pay for it."""

    provider: str
    parameters: Mapping[str, Any] = field(repr=False)  # they may hold media, and addresses that are signed
    take: int = 1
    extra: Mapping[str, Json] | None = field(default=None, repr=False)
    check: bool = True
    leave: Leave = field(default_factory=lambda: Leave.given(None, False))
    parent: str = ""


def worded(prompt: str | None, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters with the prompt among them, which a person may give first or by its name."""
    if prompt is None:
        return parameters
    if "prompt" in parameters:
        raise InvalidRequest("The prompt was given twice. Nothing was sent.", hint="Give it once.")
    return {"prompt": prompt, **parameters}


def again(record: Record, changes: Mapping[str, Any]) -> Order:
    """The order of a clip with changes; the next take where nothing changes."""
    given, ours = dict(record.asked), aliases(providers.find(record.provider).Request)
    for name, value in changes.items():
        if name not in {"take", "extra", *_UNASKED}:
            given.pop(ours.get(name, name), None)
            given[name] = value
    return Order(
        record.provider,
        given,
        take=changes.get("take", record.take if set(changes) - _UNASKED else record.take + 1),
        extra=changes.get("extra", record.extra),
        check=changes.get("check", True),
        leave=Leave.given(changes.get("max_cost"), changes.get("allow_unknown_cost", False)),
        parent=record.id,
    )


class Orders:
    """Takes the orders of one Studio."""

    def __init__(self, studio: "Studio") -> None:
        self._studio = studio

    def generate(self, order: Order) -> Generation:
        """The clip, once its submission's outcome is known. Raises what `Studio.generate` says."""
        clip, submission = self.begin(order)
        if submission is not None:
            result_of(submission)
        if clip.status is Status.SUBMITTING:
            result_of(self._studio.runner.answered(clip.id))
        return _raised(clip)

    def begin(self, order: Order) -> "tuple[Generation, Future[Record] | None]":
        """Claim the identity and start the POST: the clip, and the POST's future. None if it was asked for before."""
        studio = self._studio
        gateway = studio.gateways.to(order.provider)
        asked = self.asked(gateway, order)
        row = studio.ledger.by_identity(asked.identity)
        shut: VidgenError | None = None
        try:
            studio.purse.open(gateway.provider, gateway.key)
        except VidgenError as error:
            shut = error  # said where it would be ours to send: a replay needs no leave
        # whoever submits it just now may die, and then it is ours too
        if shut is None and (row is None or row.status in {Status.REFUSED, Status.SUBMITTING}):
            asked.kept(studio.home)
        wanted = self.row(gateway, asked, order.parent)
        guard = studio.purse.guard(wanted.cost, order.leave)

        def allow(db: sqlite3.Connection) -> None:
            if shut is not None:
                raise shut
            guard(db)

        row, submission = studio.runner.submit(wanted, gateway, asked.call, allow)
        if submission is None:
            self._join(row)
        return studio.clip_of(row), submission

    def plan(self, order: Order) -> Plan:
        """What `generate` would send; what a budget would refuse is a warning."""
        studio = self._studio
        gateway = studio.gateways.to(order.provider)
        asked = self.asked(gateway, order)
        row = studio.ledger.by_identity(asked.identity) if studio.has_ledger else None
        new, cost = row is None or row.status is Status.REFUSED, self._estimate(gateway, asked)
        silent = [name for name in type(asked.request).model_fields if name not in asked.request.given]
        return Plan(
            provider=gateway.provider.NAME,
            method=asked.call.method,
            url=gateway.base_url + asked.call.path,
            body=asked.call.json,
            warnings=(*asked.warnings, *(self._objections(cost, order.leave) if new else ())),
            identity=asked.identity,
            take=order.take,
            cost=cost,
            existing=studio.clip_of(row) if row is not None and not new else None,
            defaults=tuple(name for name in silent if name != "model"),
        )

    # ── for those who rescue an unknown outcome ───────────────────────────────
    def search(self, record: Record) -> Listing | None:
        """The provider's tasks, to find a lost submission among them; None where its answer is no whole list."""
        gateway = self._studio.gateways.of(record)
        spec: Any = gateway.provider  # `search` and `read_search` are optional in the contract
        order = _as_written(record)
        plain = {"parameters": addresses(dict(order.parameters)), "extra": addresses(order.extra)}
        asked = self.asked(gateway, replace(order, **plain))
        reply = self._studio.runner.ask(gateway, spec.search(asked.request, gateway.options), spec.TITLE)
        found: Listing | None = spec.read_search(reply)
        return found

    def resubmit(self, record: Record) -> None:
        """Send the POST of an unknown submission once more: only a person may ask for that."""
        studio = self._studio
        gateway = studio.gateways.of(record)
        studio.runner.hold(record, gateway)
        asked = self.asked(gateway, _as_written(record))
        studio.purse.open(gateway.provider, gateway.key)
        cost = self._estimate(gateway, asked)
        allow = studio.purse.guard(cost, Leave({}, unknown=True))
        # the first submission may have been charged for all that
        result_of(studio.runner.submit_again(record.id, asked.call, allow, cost=cost, doubts=record.doubts + 1))
        _raised(studio.clip_of(record))

    # ── the parts of an order ─────────────────────────────────────────────────
    def asked(self, gateway: Gateway, order: Order) -> Asked:
        """The checked request of an order. Raises InvalidRequest with every problem at once."""
        return ask(
            gateway.provider, order.parameters, origin=self._studio.gateways.origin(gateway), home=self._studio.home,
            options=gateway.options, extra=order.extra, take_number=order.take, check=order.check,
        )  # fmt: skip

    def row(self, gateway: Gateway, asked: Asked, parent: str = "") -> Record:
        """The row to be written before anything is sent."""
        now = time.time()
        return Record(
            id=f"{'sim' if self._studio.simulate else 'vg'}-{secrets.token_hex(5)}",
            identity=asked.identity,
            provider=gateway.provider.NAME,
            origin=self._studio.gateways.origin(gateway),
            model=asked.model,
            asked=asked.asked,
            extra=asked.extra,
            take=asked.take,
            parent=parent,
            cost=self._estimate(gateway, asked),
            created=now,
            updated=now,
        )

    def _join(self, row: Record) -> None:
        """Somebody asked for this before: go on with it where it can go on for free."""
        runner = self._studio.runner
        held = runner.hold(replace(row, reused=True), self._studio.gateways.to(row.provider))
        if held.status.open or held.status is Status.SUBMITTING:
            runner.follow(row.id)
        elif held.status is Status.STUCK:
            self._studio.go_on(held)

    def _estimate(self, gateway: Gateway, asked: Asked) -> Cost:
        """What a new clip of this request would cost."""
        studio = self._studio
        if studio.simulate or not studio.has_ledger:
            return SIMULATED_COST if studio.simulate else UNKNOWN_COST
        origin = studio.gateways.origin(gateway)
        return studio.prices.estimate(gateway.provider, origin, asked.model, asked.request)

    def _objections(self, cost: Cost, leave: Leave) -> list[Warned]:
        """What the budget would say to a clip of this cost."""
        why = self.objection(cost, leave)
        return [Warned("", f"{why[0]} generate() refuses that. {why[1]}")] if why else []

    def objection(self, cost: Cost, leave: Leave) -> tuple[str, str] | None:
        """Why the budget does not hold this cost now, and what to do; None if it does."""
        studio = self._studio
        put = studio.ledger.ask if studio.has_ledger else (lambda question: question(None))
        return put(lambda db: studio.purse.objection(cost, leave, db))


def _as_written(record: Record) -> Order:
    """The order of a row: its limits were checked when it was made."""
    return Order(record.provider, record.asked, take=record.take, extra=record.extra, check=False)


def _raised(clip: Generation) -> Generation:
    bad = {Status.REFUSED, Status.UNKNOWN, Status.FAILED}
    if clip.status in bad and (error := clip.error) is not None:
        raise error
    return clip
