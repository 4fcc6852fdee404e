"""One person at one desk: submits, polls and decides over a ledger, without a loop, a download or a clock.

The rules, the ledger, the prices and the provider files are the product's own; only the carrying out is done here, one
step at a time, so that a thousand histories take seconds. `posts` is the desk's own account of what it asked for, to be
held against the simulator's bill.
"""

import http.client
import itertools
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vidgen_nb import providers
from vidgen_nb.asking import Asked, ask
from vidgen_nb.engine import rules
from vidgen_nb.ledger import Ledger
from vidgen_nb.prices import PriceList, checked
from vidgen_nb.providers.contract import Task
from vidgen_nb.records import Call, Cost, Outcome, Record, Reply, Status, Timing
from vidgen_nb.simulator.app import Simulator

ORIGIN = "http://127.0.0.1"
PRICED: Mapping[str, tuple[str, float, str]] = {
    "relaydance": ("per_second", 1.1, "CNY"),
    "aitoearn": ("per_second", 3, "aitoearn credits"),
    "aioagi": ("per_clip", 7.5, "CNY"),
    "newapi": ("per_clip", 0.2, "USD"),
}
"""aisphere stays without a price."""
FREE_WHEN_FAILED = {"relaydance", "newapi"}
ASKED: Mapping[str, dict[str, Any]] = {
    "relaydance": {"duration": 5, "resolution": "1080p"},
    "aitoearn": {"duration": 4, "resolution": "720p"},
    "aioagi": {"duration": 6, "generate_audio": False},
    "newapi": {"model": "kling-v1", "duration": 5, "aspect_ratio": "16:9"},
    "aisphere": {"model": "aisphere-v5", "duration": 5, "first_frame": "https://example.com/boat.png"},
}


@dataclass
class Post:
    """One POST: what it would cost, and how the provider books it, as far as it told."""

    provider: str
    price: float | None
    unit: str
    task_id: str = ""  # by the simulator's own bill
    proof: bool = False  # that nothing was accepted
    made: bool = False  # a poll said that the clip is there
    told: str = ""  # "succeeded", with the clip at home, or "failed", once a poll said so
    dropped: bool = False  # a person found that it was not billed

    @property
    def quota(self) -> bool:
        """Whether the provider told a price of its own, and there is no other."""
        return self.provider == "newapi" and self.price is None and self.made


class Desk:
    def __init__(self, home: Path, simulator: Simulator, dice: random.Random, *, priced: bool = True) -> None:
        self.home, self.simulator, self.dice = home, simulator, dice
        self._open()
        self.posts: list[Post] = []
        self.asked: dict[str, Asked] = {}
        self.current: dict[str, Post] = {}
        self._takes = itertools.count(1)
        self._lines: dict[str, http.client.HTTPConnection] = {}
        for name, (per, amount, unit) in PRICED.items() if priced else ():
            self.prices.keep(checked(name, "*", unit=unit, **{"per_second": None, "per_clip": None, per: amount}))

    # ── submitting ────────────────────────────────────────────────────────────
    def submit(self, provider: str, directive: str) -> Record:
        """Ask for a new clip; gives its row, whatever became of it."""
        spec = providers.find(provider)
        given = {"prompt": f"a boat {directive}", **ASKED[provider]}
        asked = ask(spec, given, origin=ORIGIN, home=self.home, options={}, take_number=next(self._takes))
        cost = self.prices.estimate(spec, ORIGIN, asked.model, asked.request)
        row = Record(
            id=f"vg-{asked.identity[:12]}", identity=asked.identity, provider=provider, origin=ORIGIN,
            model=asked.model, asked=asked.asked, take=asked.take, cost=cost, created=1.0, updated=1.0,
        )  # fmt: skip
        self.asked[row.id] = asked
        return self.again(row)

    def again(self, row: Record) -> Record:
        """Claim a row, a new or a refused one, and send its POST."""
        row, mine = self.ledger.intend(row)
        assert mine
        return self._send(row)

    def resubmit(self, row: Record) -> Record:
        """Once more after an unknown outcome, as Studio.resubmit does it."""
        fresh = {"step": "intended", "error": None, "task_id": "", "doubts": row.doubts + 1}
        fresh["cost"] = self._estimate(row)
        return self._send(self.ledger.change(row, status=Status.SUBMITTING, **fresh))

    def _estimate(self, row: Record) -> Cost:
        asked = self.asked[row.id]
        return self.prices.estimate(providers.find(row.provider), ORIGIN, asked.model, asked.request)

    def _send(self, row: Record) -> Record:
        estimate = self._estimate(row)
        post = Post(row.provider, estimate.amount, estimate.unit)
        self.posts.append(post)
        self.current[row.id] = post
        row = self.ledger.change(row, step="sending")
        before = len(self.simulator.bill)
        outcome = self._http(row.provider, self.asked[row.id].call)
        accepted = self.simulator.bill[before:]
        assert len(accepted) <= 1
        post.task_id = accepted[0].id if accepted else ""
        if self.dice.random() < 0.1:  # SIGKILL before the answer was written down: the next process buries the row
            self._restart()
            (row,) = self.ledger.many([row.id])
            assert row.status is Status.UNKNOWN
            return row
        verdict = rules.judge(providers.find(row.provider), outcome, attempt=9, now=2.0)
        values = dict(verdict.values)
        if "cost" in values:
            values["cost"] = rules.settled(row.cost, values["cost"])
        post.proof = values["status"] is Status.REFUSED
        return self.ledger.change(row, **values)

    def _restart(self) -> None:
        self.ledger.close()
        self._open()
        self.ledger.bury(3.0)

    def _open(self) -> None:
        self.ledger = Ledger(self.home)
        self.ledger.ask(lambda db: db.execute("PRAGMA synchronous = OFF"))  # no machine dies here
        self.prices = PriceList(self.ledger)

    # ── polling, deciding ─────────────────────────────────────────────────────
    def poll(self, row: Record) -> Record:
        """Ask once, and bring the clip home if it is there, or get stuck on the way."""
        spec = providers.find(row.provider)
        outcome = self._http(row.provider, spec.poll(Task(row.task_id, row.model, row.asked), {}))
        seen = rules.absorb(spec, row, rules.Patience(), outcome, now=4.0, age=1.0, timing=Timing())
        values = {name: value for name, value in seen.values.items() if name in {"status", "error", "word", "cost"}}
        if "cost" in values:
            values["cost"] = rules.settled(row.cost, values["cost"])
        row = self.ledger.change(row, **values) if values else row
        if row.status is Status.FAILED:
            self.current[row.id].told = "failed"
        if row.status is not Status.DOWNLOADING:
            return row
        self.current[row.id].made = True
        if self.dice.random() < 0.2:
            return self.ledger.change(row, status=Status.STUCK, reason="media_expired")
        self.current[row.id].told = "succeeded"
        return self.ledger.change(row, status=Status.SUCCEEDED)

    def adopt(self, row: Record) -> Record:
        """A person found the task in the console."""
        return self.ledger.change(row, status=Status.QUEUED, task_id=self.current[row.id].task_id, error=None)

    def resolve(self, row: Record) -> Record:
        """A person found that it was not billed, and looked well."""
        assert not self.current[row.id].task_id
        self.current[row.id].dropped = True
        return self.ledger.change(row, status=Status.REFUSED)

    def refused(self, row: Record) -> Record:
        """The same cell run again after a refusal, with the prompt that is refused no more."""
        asked = self.asked[row.id]
        body = json.loads(json.dumps(asked.call.json).replace("(simulate refuse=quota)", ""))
        self.asked[row.id] = replace(asked, call=replace(asked.call, json=body))
        return self.again(replace(row, cost=self._estimate(row)))

    # ── the wire ──────────────────────────────────────────────────────────────
    def _http(self, provider: str, call: Call) -> Outcome:
        base = urlsplit(self.simulator.url(provider))
        line = self._lines.setdefault(provider, http.client.HTTPConnection(base.netloc, timeout=30))
        name, form = providers.find(provider).AUTH
        headers = {name: form.format(key="sk-test"), "content-type": "application/json"}
        body = None if call.json is None else json.dumps(call.json)
        try:
            line.request(call.method, base.path + call.path, body, headers)
            answer = line.getresponse()
            data = answer.read()
        except (http.client.HTTPException, OSError):
            line.close()
            return Outcome("lost", detail="the connection was closed")
        kind = answer.headers.get("content-type", "")
        text = data.decode()
        return Outcome("answered", Reply(answer.status, json.loads(text) if "json" in kind else None, {}, text))

    def close(self) -> None:
        for line in self._lines.values():
            line.close()
        self.ledger.close()
