"""The one loop: it submits, polls and brings home every generation of a Studio, in a thread of its own.

The rules say what an answer means; this module carries it out and writes it down. Each row is owned by one living
process; a row of another one is only watched, and taken over when its owner dies.
"""

import asyncio
import heapq
import itertools
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from vidgen_nb import errors
from vidgen_nb.engine import download, rules, shelf
from vidgen_nb.engine.governor import Closed, Governors, Lane
from vidgen_nb.engine.loop import BackgroundLoop, SerialThread, result_of
from vidgen_nb.engine.pace import Kind, Past, Pasts, Run, kind_of
from vidgen_nb.engine.watch import AT_WORK, Watch
from vidgen_nb.engine.wire import Gateway, Wire
from vidgen_nb.errors import InvalidRequest, LedgerUnavailable, VidgenError
from vidgen_nb.ledger import Allow, Conflict, Ledger, unknown_still
from vidgen_nb.media.redact import without_secrets
from vidgen_nb.providers.contract import Provider, Task, refusal_kind
from vidgen_nb.records import TRANSIENT, Call, Outcome, Record, Reply, Status, Timing

DOWNLOADS_AT_ONCE = 6
POLLS_FIRST = 5.0  # seconds for which a download lets polls go first that there is no room for: each is over sooner
INSISTING = 8  # tries to write an outcome down, in about a minute, before whoever waits is told that it cannot be
FOREIGN_GAP = 1.0  # seconds between looks at a row which another process takes care of
_WEIGHTY = frozenset({"status", "step", "task_id", "error", "reason", "cost", "files"})
_NAMES = frozenset(f.name for f in fields(Record))
_log = logging.getLogger(__name__)
T = TypeVar("T")
Tell = Callable[[Record], None]


@dataclass
class _Job:
    """One generation in this process: `saved` as the ledger has it, `record` as everybody sees it."""

    saved: Record
    record: Record
    gateway: Gateway
    patience: rules.Patience = field(default_factory=rules.Patience)
    watch: Watch = field(default_factory=Watch)
    handed: tuple[str, ...] = ()  # videos which the answer to the POST named
    due: float | None = None
    busy: bool = False
    followed: bool = False  # this process looks after it, or at whoever does
    awaited: int = 0  # so many cells wait for it: it goes first where not everybody can
    called_off: bool = False  # its POST is not to be sent, if it is not under way
    waits: asyncio.Timeout | None = None  # for its turn
    listeners: list[Tell] = field(default_factory=list)
    waiters: list[tuple[Callable[[Record], bool], "Future[Record]"]] = field(default_factory=list)


class Runner:
    """Carries generations through their life. Every public method may be called from any thread."""

    def __init__(self, ledger: Ledger, timing: Timing, *, allowed_hosts: Collection[str] = ()) -> None:
        self.ledger = ledger
        self.timing = timing
        self.allowed_hosts = tuple(allowed_hosts)
        self._jobs: dict[str, _Job] = {}
        self._guard = threading.RLock()
        self._disk = SerialThread("vidgen_nb-ledger", ledger.together)
        self._views = SerialThread("vidgen_nb-views")
        self._agenda: list[tuple[float, int, str]] = []
        self._count = itertools.count()
        self._submitting: set[Future[Record]] = set()
        self._pasts = Pasts(ledger)
        self._known: dict[Kind, Past] = {}
        self._loop = BackgroundLoop()
        self._loop.run(self._start()).result()

    # ── for everybody ─────────────────────────────────────────────────────────
    def hold(self, record: Record, gateway: Gateway) -> Record:
        """Take a row into view. Gives the record as it stands here, which may be newer."""
        with self._guard:
            job = self._jobs.get(record.id)
            if job is None:
                self._jobs[record.id] = job = _Job(record, record, gateway)
            elif record.revision > job.saved.revision and not job.busy:
                job.saved, job.record = record, record
            job.gateway = gateway  # its key may be a new one
            if record.reused:
                job.record = replace(job.record, reused=True)
            return job.record

    def holds(self, id: str) -> bool:
        return id in self._jobs

    def follows(self, id: str) -> bool:
        """Whether a wait for it ends: it is being submitted, polled or watched, not merely in view."""
        job = self._jobs.get(id)
        return job is not None and job.followed

    def record(self, id: str, otherwise: Record) -> Record:
        """The record as it stands here; `otherwise` for one that is not in view."""
        job = self._jobs.get(id)
        return job.record if job is not None else otherwise

    def submit(
        self, wanted: Record, gateway: Gateway, call: Call, allow: Allow
    ) -> "tuple[Record, Future[Record] | None]":
        """Claim the identity of a new row, and send its POST: the row, and a future that gives the record once its fate
        is known. None where it was claimed before. Whoever stops waiting stops neither: no row is left that is about to
        be sent, and nobody sends it.
        """
        return result_of(self._loop.run(self._claim(wanted, gateway, call, allow)))

    def submit_again(self, id: str, call: Call, allow: Allow, **values: Any) -> "Future[Record]":
        """Send the POST of an unknown submission once more, with new values of the row."""
        return self._sending(self._submit_again(self._jobs[id], call, allow, values))

    def _sending(self, submission: Coroutine[Any, Any, Record]) -> "Future[Record]":
        """Start a submission which `close` shall wait for."""
        future = self._loop.run(submission)
        self._submitting.add(future)
        future.add_done_callback(self._submitting.discard)
        return future

    def call_off(self, id: str) -> None:
        """Send nothing of a submission whose turn has not come. One that is under way goes on."""
        self._loop.call(self._call_off, self._jobs[id])

    def follow(self, id: str, *, anew: bool = False) -> None:
        """Poll an accepted generation until it is home, claiming its row if its owner has died; free.

        anew: it was stuck, and a person goes on: its deadline begins again.
        """
        self._jobs[id].followed = True
        self._loop.run(self._follow(self._jobs[id], anew))

    def check(self, id: str, gateway: Gateway | None = None) -> None:
        """Ask the provider now."""
        job = self._jobs[id]
        if gateway is not None:
            job.gateway = gateway
        self._loop.call(self._schedule, job, 0.0)

    def ask(self, gateway: Gateway, call: Call, title: str) -> Reply:
        """Put a question that belongs to no generation, such as the live catalogue. Raises what it is refused with."""
        outcome = result_of(self._loop.run(self._ask(gateway, call, urgent=True)))
        reply = outcome.reply if outcome.fate == "answered" else None
        if reply is not None and reply.ok and refusal_kind(gateway.provider, reply) is None:
            return reply
        code, said = rules.words(reply) if reply is not None else ("", "")
        kind = (refusal_kind(gateway.provider, reply) if reply is not None else None) or "VidgenError"
        detail = f"HTTP {reply.status}" if reply is not None else outcome.detail
        error: VidgenError = getattr(errors, kind)(f"{title} gave no answer to use: {detail}.", said=said, code=code)
        raise error

    def move(
        self, id: str, allow: Allow | None = None, *, was: Status | None = None, **values: Any
    ) -> "Future[Record]":
        """Write a person's decision over a row: adopted, resolved, resumed; `allow` may forbid it as it is written.

        was: the status which it decides about; a row that has another one by now was decided by somebody else.
        """
        return self._loop.run(self._decide(self._jobs[id], allow, was, values))

    def watch(self, id: str, tell: Tell) -> Callable[[], None]:
        """Call `tell` with every new record, from a thread which may take its time; the result ends it."""
        job = self._jobs[id]
        with self._guard:
            job.listeners.append(tell)

        def stop() -> None:
            with self._guard, suppress(ValueError):
                job.listeners.remove(tell)

        return stop

    def settled(self, id: str, *, person: bool = False) -> "Future[Record]":
        """A future of the record once nothing more happens by itself. Cancelling it cancels the wait alone.

        person: somebody waits for it in a cell, and does not want to stand behind a thousand others.
        """
        future = self._reached(id, lambda record: record.status.settled)
        if person:
            self._count_in(self._jobs[id], future)
        return future

    def _count_in(self, job: _Job, future: "Future[Record]") -> None:
        def count(by: int) -> None:
            with self._guard:
                job.awaited += by

        count(1)
        future.add_done_callback(lambda _: count(-1))

    def answered(self, id: str) -> "Future[Record]":
        """A future of the record once the outcome of its submission is known."""
        return self._reached(id, lambda record: record.status is not Status.SUBMITTING)

    def _reached(self, id: str, wanted: Callable[[Record], bool]) -> "Future[Record]":
        job, future = self._jobs[id], Future[Record]()
        with self._guard:
            if wanted(job.record):
                future.set_result(job.record)
            else:
                job.waiters.append((wanted, future))
        return future

    @property
    def inside(self) -> bool:
        """Whether the caller runs in the loop's thread, which may not wait for itself."""
        return self._loop.inside

    def close(self) -> None:
        """Let POSTs under way end (their outcome is worth money), then stop. What is at the providers goes on there."""
        self._loop.call(self._governors.close)
        for future in list(self._submitting):
            with suppress(Exception):
                future.result(timeout=self.timing.connect + self.timing.submit)
        with suppress(Exception):
            self._loop.run(self._end()).result(timeout=10)
        self._loop.stop()
        self._disk.stop()
        self._views.stop()
        for job in self._jobs.values():
            for _, waiter in job.waiters:
                if waiter.set_running_or_notify_cancel():
                    waiter.set_exception(VidgenError("The Studio was closed.", hint="vg.resume() goes on, free."))

    # ── the loop ──────────────────────────────────────────────────────────────
    async def _start(self) -> None:
        self._wire = Wire(self.timing)
        self._governors = Governors()
        self._wake = asyncio.Event()
        self._downloads = asyncio.Semaphore(DOWNLOADS_AT_ONCE)
        self._turns: set[asyncio.Task[None]] = set()
        self._main = asyncio.create_task(self._poll_forever())

    async def _end(self) -> None:
        tasks = [self._main, *self._turns]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._wire.close()

    async def _poll_forever(self) -> None:
        while True:
            self._wake.clear()
            while self._agenda and self._agenda[0][0] <= time.monotonic():
                due, _, id = heapq.heappop(self._agenda)
                job = self._jobs[id]
                if job.due == due and not job.busy:  # otherwise it was put at another time since
                    job.due, job.busy = None, True
                    self._background(self._turn(job))
            pause = self._agenda[0][0] - time.monotonic() if self._agenda else None
            with suppress(TimeoutError):  # not wait_for: on 3.11 it can swallow the cancel that ends this loop
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    def _schedule(self, job: _Job, wait: float) -> None:
        job.due = time.monotonic() + wait
        heapq.heappush(self._agenda, (job.due, next(self._count), job.record.id))
        self._wake.set()

    async def _turn(self, job: _Job) -> None:
        """One look at one generation. Whatever goes wrong here ends this look, never the loop."""
        wait: float | None = self.timing.max_gap
        try:
            mine = job.saved.owner == self.ledger.owner.id
            # as everybody sees it: where the disk did not take the id of the task, this look writes it down
            wait = await (self._poll(job) if mine and job.record.status.open else self._look(job))
        except Conflict as conflict:
            self._publish(job, conflict.now, saved=conflict.now)
            wait = 0.0
        except Exception:  # a provider file of somebody else's, a full disk: the clip must not be lost for it
            _log.debug("a look at %s went wrong", job.record.id, exc_info=True)
        finally:
            job.busy = False
            due_already = job.due is not None  # somebody pressed "check now" meanwhile
            if due_already:
                self._schedule(job, 0.0)
            elif wait is not None:
                self._schedule(job, wait)

    async def _look(self, job: _Job) -> float | None:
        """See how a row of another process is doing; take it over once its owner has died."""
        row = await self._on_disk(self.ledger.claim, job.saved, time.time())
        self._publish(job, row, saved=row)
        if row.status.settled:
            return None
        return 0.0 if row.owner == self.ledger.owner.id and row.status.open else FOREIGN_GAP

    # ── submitting ────────────────────────────────────────────────────────────
    async def _claim(
        self, wanted: Record, gateway: Gateway, call: Call, allow: Allow
    ) -> "tuple[Record, Future[Record] | None]":
        row, mine = await self._on_disk(self.ledger.intend, wanted, allow)
        if not mine:
            return row, None
        self.hold(row, gateway)
        job = self._jobs[row.id]
        job.called_off = False
        return row, self._sending(self._submit(job, call))

    async def _submit_again(self, job: _Job, call: Call, allow: Allow, values: dict[str, Any]) -> Record:
        fresh = {"status": Status.SUBMITTING, "step": "intended", "error": None, "answered": None}
        await self._decide(job, allow, Status.UNKNOWN, fresh | values)
        job.called_off = False
        return await self._submit(job, call)

    async def _submit(self, job: _Job, call: Call) -> Record:
        """Send the POST of a row that this process has claimed, and see to what comes of it."""
        job.followed, before = True, job.record
        lane = self._governors.of(job.gateway).submits
        outcome, verdict = Outcome("not_sent"), rules.closed(time.time())
        for attempt in itertools.count(1):
            try:
                async with self._submit_turn(job, lane, verdict.retry_after or 0.0):
                    if attempt == 1 and not await self._begin(job):
                        await self._follow(job, anew=False)
                        return job.record
                    outcome, verdict = await self._attempt(job, call, lane, attempt)
            except Closed:
                break
            if verdict.retry_after is None:
                break
        values = dict(verdict.values)
        if verdict.candidate:
            values = await self._confirm(job, verdict.candidate) or values | {"task_id": verdict.candidate}
        try:
            await self._insist(job, values | unknown_still(before, values) | self._raw(outcome))
        finally:  # also where the disk does not take it: it is written down as soon as it does
            if job.record.status.open:
                job.watch.begin()
                job.handed, job.watch.past = verdict.urls, await self._past_of(job.record)
                self._schedule(job, 0.0 if job.handed else self._next_wait(job))
                self._publish(job, replace(job.record, **job.watch.outlook(job.record)))
        return job.record

    @asynccontextmanager
    async def _submit_turn(self, job: _Job, lane: Lane, wait: float) -> AsyncIterator[None]:
        """A turn to send the POST, after a wait in seconds. Raises Closed: it was called off, or the Studio closes."""
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(0 if job.called_off else None) as job.waits:
                    await asyncio.sleep(wait)
                    await turn.enter_async_context(lane.turn(urgent=job.awaited > 0))
            except TimeoutError:
                raise Closed from None
            finally:
                job.waits = None
            yield

    def _call_off(self, job: _Job) -> None:
        job.called_off = True
        if job.waits is not None:
            job.waits.reschedule(0)

    async def _begin(self, job: _Job) -> bool:
        """Write down that from now on the request may have left. False: the row is no longer ours to send."""
        before = job.record
        while (job.saved.status, job.saved.step, job.saved.owner) == (
            Status.SUBMITTING, "intended", self.ledger.owner.id
        ):  # fmt: skip
            try:
                await self._write(job, step="sending", sent=time.time())
            except Conflict as conflict:  # somebody wrote beside it, such as a rating, or took it over
                self._publish(job, conflict.now, saved=conflict.now)
            except Exception:  # nothing was sent: the row must not look for ever as if it were about to be
                values = rules.not_begun(time.time())
                self._background(self._insist(job, values | unknown_still(before, values), for_ever=True))
                raise
            else:
                return True
        return False

    async def _attempt(self, job: _Job, call: Call, lane: Lane, attempt: int) -> tuple[Outcome, rules.Verdict]:
        provider, outcome = job.gateway.provider, Outcome("lost")
        try:
            outcome = await self._wire.submit(job.gateway, call)
            _tell(lane, provider, outcome, most=rules.LONGEST_RETRY_AFTER)
            return outcome, rules.judge(provider, outcome, attempt=attempt, now=time.time())
        except Exception:  # a provider file of somebody else's: its trouble must not lose what was sent
            _log.debug("%s could not read an answer", provider.NAME, exc_info=True)
            return outcome, rules.unreadable(time.time())

    async def _confirm(self, job: _Job, candidate: str) -> dict[str, Any] | None:
        """Ask once whether the provider knows a task id that was read out of a broken answer."""
        provider, gateway = job.gateway.provider, job.gateway
        try:
            call = provider.poll(Task(candidate, job.record.model, job.record.asked), gateway.options)
            outcome = await self._ask(gateway, call)
            if outcome.fate != "answered" or outcome.reply is None or not outcome.reply.ok:
                return None
            reading = provider.read_poll(outcome.reply)
        except Exception:  # a provider file of somebody else's, as above
            _log.debug("%s could not confirm a task", provider.NAME, exc_info=True)
            return None
        return rules.accepted(provider, replace(reading, task_id=candidate), time.time()) if reading.word else None

    # ── polling ───────────────────────────────────────────────────────────────
    async def _ask(self, gateway: Gateway, call: Call, *, urgent: bool = False) -> Outcome:
        """Send a GET when its provider's governor lets it go."""
        lane = self._governors.of(gateway).polls
        async with lane.turn(urgent=urgent):
            outcome = await self._wire.ask(gateway, call)
            _tell(lane, gateway.provider, outcome)
        return outcome

    async def _past_of(self, record: Record) -> Past:
        kind = kind_of(record)
        if kind not in self._known:
            try:
                found = await self._on_disk(self._pasts.of, kind)
            except LedgerUnavailable:  # it is only about when to ask
                found = Past()
            self._known.setdefault(kind, found)
        return self._known[kind]

    def _next_wait(self, job: _Job) -> float:
        return job.watch.next_wait(job.record, job.patience, self.timing)

    async def _follow(self, job: _Job, anew: bool) -> None:
        row = await self._on_disk(self.ledger.claim, job.saved, time.time())
        if row.revision == job.saved.revision and row.status is not job.record.status:
            row = job.record  # what is known of it is still on its way to the disk, and the row is older
        else:
            self._publish(job, row, saved=row)
        if row.status.open:
            job.watch.past = await self._past_of(row)
            job.patience = rules.Patience(since=job.watch.age(row) if anew else job.patience.since)
            self._schedule(job, 0.0)
        elif row.status is Status.SUBMITTING:
            self._schedule(job, FOREIGN_GAP)

    async def _poll(self, job: _Job) -> float | None:
        """Ask the provider once. Gives the seconds until the next time, None for never."""
        gateway, record = job.gateway, job.record
        if job.handed:  # the answer to the POST named the video already
            urls, job.handed = job.handed, ()
            await self._write(job, status=Status.DOWNLOADING, started=record.started or time.time())
            wait = await self._bring_home(job, urls)
            return wait if job.record.status.open else None
        task = Task(record.task_id, record.model, record.asked)
        call = gateway.provider.poll(task, gateway.options)
        outcome = await self._ask(gateway, call, urgent=job.awaited > 0)
        record, age = job.record, job.watch.age(record)  # while its turn had to be waited for it may have moved on
        seen = rules.absorb(
            gateway.provider, record, job.patience, outcome, now=time.time(), age=age, timing=self.timing
        )  # fmt: skip
        job.patience = seen.patience
        self._learn(job, seen)
        wait = self._next_wait(job)
        await self._write(
            job, **seen.values, **self._raw(outcome), **job.watch.outlook(job.record), next_call=time.time() + wait
        )
        if seen.urls:
            wait = await self._bring_home(job, seen.urls)
        if job.record.needs_key:  # whoever has a good key may take the row over
            job.saved = await self._on_disk(lambda: self.ledger.change(job.saved, owner="", updated=time.time()))
        return None if job.record.needs_key or not job.record.status.open else wait

    def _learn(self, job: _Job, seen: rules.Absorbed) -> None:
        """Take in what a look tells of the time that such clips take. Before the record says that it is done."""
        run, past = job.watch.learn(job.record, seen), job.watch.past
        if run is not None:
            past.add(run, lambda: self._ages(past))
            self._background(self._remember(job.record, run))

    def _ages(self, past: Past) -> list[float]:
        """Of clips of a kind which are at work."""
        jobs = [job for job in self._jobs.values() if job.watch.past is past and job.record.status in AT_WORK]
        return [job.watch.age(job.record) for job in jobs]

    async def _remember(self, record: Record, run: Run) -> None:
        with suppress(LedgerUnavailable):
            await self._on_disk(self._pasts.keep, record, run)

    async def _bring_home(self, job: _Job, urls: tuple[str, ...]) -> float:
        """Download a finished task's videos. Gives the seconds until the task is asked again, should that be needed."""
        values: dict[str, Any] = {}
        urls = tuple(job.gateway.base_url + url if url.startswith("/") else url for url in urls)
        try:
            if not job.awaited:  # before it takes a place that another one could have
                await self._governors.of(job.gateway).polls.calm(POLLS_FIRST)
            async with self._downloads:
                await self._fetch_all(job, urls)
        except download.LinkExpired:
            job.patience = replace(job.patience, links=job.patience.links + 1)
            if job.patience.links > rules.FRESH_LINKS:
                values = rules.stuck(
                    "media_expired", "the link to the video expired before the file was whole", time.time()
                )
        except download.Trouble as error:
            _log.debug("download of %s: %s", job.record.id, error)
            large, age = isinstance(error, download.TooLarge), job.watch.age(job.record)
            broken = rules.broken_off(
                job.record, job.patience, str(error), too_large=large, now=time.time(), age=age, timing=self.timing
            )
            values, job.patience = broken.values, broken.patience
        except download.AddressRefused as error:
            hint = "If you trust that host: Studio(allow_media_hosts=[…]), then clip.resume()."
            values = rules.stuck("media_refused", f"the video was not fetched: {error}", time.time(), hint)
        except download.NotAVideo as error:
            values = rules.stuck(
                "not_mp4", f"the provider sent a file that is no MP4; it is kept as {error.path}", time.time()
            )
        except (OSError, download.DiskTrouble) as error:
            message = f"the disk did not take the file ({error.strerror or type(error).__name__})"
            values = rules.stuck("disk", message, time.time(), "Free some space, then clip.resume(): it costs nothing.")
        wait = rules.next_wait(job.patience, age=0.0, timing=self.timing)
        await self._write(job, **values, bytes_done=0, bytes_total=None, bytes_per_second=None)
        return wait

    async def _fetch_all(self, job: _Job, urls: tuple[str, ...]) -> None:
        """Every video of a task: fetched whole, then put on the shelf; the row says so last."""

        def tell(done: int, total: int | None, rate: float | None) -> None:
            now = time.time()
            seen = replace(job.record, bytes_done=done, bytes_total=total, bytes_per_second=rate, updated=now)
            self._publish(job, seen)

        home, owner = self.ledger.home, self.ledger.owner.id
        files = []
        for index, url in enumerate(urls):
            fetched = await download.fetch(
                self._wire, job.gateway, url, shelf.temporary(home, job.record, index, owner),
                timing=self.timing, allowed=self.allowed_hosts, tell=tell,
            )  # fmt: skip
            files.append(await asyncio.to_thread(shelf.keep, home, job.record, index, fetched))
        done: dict[str, Any] = {
            "status": Status.SUCCEEDED,
            "files": tuple(files),
            "progress": 100.0,
            "finished": time.time(),
        }
        done |= {"error": None, "reason": ""}
        await asyncio.to_thread(shelf.write_recipe, home, replace(job.record, **done))
        await self._insist(job, done)

    # ── writing down, telling ─────────────────────────────────────────────────
    async def _write(self, job: _Job, **values: Any) -> None:
        """Show new values, and commit them if they weigh anything: a poll that only moved the progress does not."""
        if job.saved.simulated:
            values.pop("cost", None)  # what a simulated gateway says it took was never money
        elif "cost" in values:
            values["cost"] = rules.settled(job.record.cost, values["cost"])
        new = replace(job.record, **values, updated=time.time())
        if any(getattr(new, name) != getattr(job.saved, name) for name in _WEIGHTY):
            kept = {name: getattr(new, name) for name in _NAMES - TRANSIENT - {"id", "identity", "owner", "revision"}}
            changed = {name: value for name, value in kept.items() if value != getattr(job.saved, name)}
            job.saved = await self._on_disk(lambda: self.ledger.change(job.saved, **changed))
            new = replace(new, revision=job.saved.revision, owner=job.saved.owner)
        self._publish(job, new)

    async def _insist(self, job: _Job, values: dict[str, Any], *, for_ever: bool = False) -> None:
        """Write down what must not be lost (a task id, a finished file), however long the disk takes to come round.

        for_ever: else whoever waits for it is told in the end that the disk does not take it.
        """
        for attempt in itertools.count():
            try:
                await self._write(job, **values)
                return
            except Conflict as conflict:
                job.saved = conflict.now
                job.record = replace(conflict.now, reused=job.record.reused)
            except LedgerUnavailable:
                self._publish(job, replace(job.record, **values))  # at least the person sees it
                if attempt >= INSISTING and not for_ever:
                    raise
                await asyncio.sleep(min(32.0, 0.25 * 2**attempt))

    async def _decide(self, job: _Job, allow: Allow | None, was: Status | None, values: dict[str, Any]) -> Record:
        owned: dict[str, Any] = {"updated": time.time()}
        if "status" in values:  # but who rates a clip does not take it from the one that brings it home
            owned["owner"] = self.ledger.owner.id
        decided = False
        while not decided:
            row = await self._on_disk(self.ledger.claim, job.saved, time.time())
            if was is not None and row.status is not was:  # a double click, or another kernel: it counts once
                self._publish(job, row, saved=row)
                hint = "clip.report() says how it stands."
                raise InvalidRequest(f"{row.id} is {row.status} by now: this was decided already.", hint=hint)
            job.saved, job.record = row, replace(row, reused=job.record.reused)
            with suppress(Conflict):
                job.saved = await self._on_disk(lambda row=row: self.ledger.change(row, allow, **values, **owned))
                decided = True
        self._publish(job, replace(job.saved, reused=job.record.reused))
        return job.record

    def _publish(self, job: _Job, record: Record, saved: Record | None = None) -> None:
        with self._guard:
            if job.record.reused and not record.reused:
                record = replace(record, reused=True)
            job.record = record
            if saved is not None:
                job.saved = saved
            listeners = list(job.listeners)
            served = [(wanted, waiter) for wanted, waiter in job.waiters if wanted(job.record)]
            job.waiters = [pair for pair in job.waiters if pair not in served]
        for _, waiter in served:
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(job.record)
        for tell in listeners:
            self._views.put(self._call, job, tell, job.record)

    def _call(self, job: _Job, tell: Tell, record: Record) -> None:
        with self._guard:
            if tell not in job.listeners:  # it has stopped listening meanwhile
                return
        try:
            tell(record)
        except Exception:  # a view's trouble is not the engine's
            _log.debug("a listener of %s failed", record.id, exc_info=True)

    async def _on_disk(self, function: Callable[..., T], *args: Any) -> T:
        return await self._disk.run(function, *args)

    @staticmethod
    def _raw(outcome: Outcome) -> dict[str, Any]:
        body = outcome.reply.body if outcome.reply is not None else None
        return {} if body is None else {"raw": without_secrets(body)}


def _tell(lane: Lane, provider: Provider, outcome: Outcome, most: float | None = None) -> None:
    """Let a lane know what an answer means for it. A wait of more than `most` seconds is this request's own matter."""
    reply = outcome.reply
    if outcome.fate != "answered" or reply is None:
        return
    if reply.ok or refusal_kind(provider, reply) != "RateLimited":
        lane.passed()
        return
    wait = rules.retry_after(reply, time.time())
    if wait is None or most is None or wait <= most:
        lane.refused(wait)
