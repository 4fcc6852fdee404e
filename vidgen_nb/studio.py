"""Studio: wires the parts together, and is the object behind the functions of `vidgen_nb`."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from vidgen_nb import providers, settings
from vidgen_nb.answers import Catalogue, History, Later, Plan, Prices, Providers, Spend
from vidgen_nb.axes import spread
from vidgen_nb.engine import download, shelf
from vidgen_nb.engine.loop import result_of
from vidgen_nb.engine.runner import Runner
from vidgen_nb.errors import InvalidRequest, MissingKey, Problem, VidgenError, frameless
from vidgen_nb.gateways import Gateways, facts_of
from vidgen_nb.generation import Generation
from vidgen_nb.ledger import Ledger
from vidgen_nb.listing import live_catalogue
from vidgen_nb.namespace import ProviderNamespace
from vidgen_nb.orders import Order, Orders, again, worded
from vidgen_nb.owners import alive
from vidgen_nb.prices import PriceList
from vidgen_nb.prices import checked as checked_price
from vidgen_nb.providers.contract import Provider
from vidgen_nb.purse import GROUPS, Leave, Purse, checked_budget, entries, sums
from vidgen_nb.records import Record, Status, Timing
from vidgen_nb.rescue import Rescue
from vidgen_nb.searching import Archive, Search, occurring, whole
from vidgen_nb.sweep_run import SweepRun
from vidgen_nb.sweeps import Sweep

if TYPE_CHECKING:
    from vidgen_nb.display.compare_live import Comparison
    from vidgen_nb.display.form import Form
    from vidgen_nb.scanning import Scan
    from vidgen_nb.sharing.pack import Exported
    from vidgen_nb.simulator.app import Simulator

PATIENT_SIMULATION = Timing(first_poll=0.5, min_gap=0.5, max_gap=5)
"""The simulator sits on this machine and its clips take seconds: no need to wait as for a provider."""


_TOLD: Mapping[str, tuple[Any, str]] = {
    "home": ((str, os.PathLike), "a folder"),
    "simulate": (bool, "True or False"),
    "keys": (Mapping, 'a dict such as {"relaydance": "…"}'),
    "base_urls": (Mapping, 'a dict such as {"newapi": "https://…"}'),
    "allow_paid": (bool, "True or False"),
    "allow_media_hosts": (Collection, "a list of host names"),
    "options": (Mapping, 'a dict such as {"aitoearn": {"site": "intl"}}'),
    "embed_limit": (int, "a number of bytes"),
    "timing": (Timing, "a vg.Timing"),
}


class Studio:
    """Everything that belongs together: a home, keys, one engine. Also a context manager; `close()` leaves nothing
    running.

    Args:
        home: The folder of clips and ledger; None looks for it (VIDGEN_HOME, `vidgen/` from here upwards, else
            ./vidgen).
        simulate: True plays every provider on this machine, without keys and costs; None asks VIDGEN_SIMULATE, which
            overrules False too.
        keys: API keys by provider name, in place of the environment and .env.
        base_urls: Base URLs by provider name.
        budget: The most that may be spent in this home, by unit: {"CNY": 50}.
        allow_paid: Whether paid submits are allowed where nobody sits at the keyboard; None asks VIDGEN_ALLOW_PAID.
        allow_media_hosts: Hosts from which results may be fetched though their address is private.
        options: Options of single providers, by provider name: {"aitoearn": {"site": "intl"}}, and of aisphere
            "query_path" and "headtail_keys".
        embed_limit: The largest clip, in bytes, that is put into a notebook when it cannot be linked.
        timing: The engine's patience.
    """

    @frameless
    def __init__(
        self,
        home: str | os.PathLike[str] | None = None,
        simulate: bool | None = None,
        keys: Mapping[str, str] | None = None,
        base_urls: Mapping[str, str] | None = None,
        budget: Mapping[str, float] | None = None,
        allow_paid: bool | None = None,
        allow_media_hosts: Collection[str] = (),
        options: Mapping[str, Mapping[str, Any]] | None = None,
        embed_limit: int = 3_000_000,
        timing: Timing | None = None,
    ) -> None:
        given = (home, simulate, keys, base_urls, allow_paid, allow_media_hosts, options, embed_limit, timing)
        for (what, (kinds, words)), value in zip(_TOLD.items(), given, strict=True):
            settings.check_kind(what, value, kinds, words)
        self.home = settings.find_home(home)
        self.simulate = bool(simulate) or settings.switched_on("VIDGEN_SIMULATE")
        self.embed_limit = embed_limit
        self.gateways = Gateways(
            self._simulated_url if self.simulate else None, keys or {}, base_urls or {}, options or {}
        )
        self._budget = checked_budget(budget, "budget")
        self._allow_paid = allow_paid
        self._allow_media_hosts = (
            (allow_media_hosts,) if isinstance(allow_media_hosts, str) else tuple(allow_media_hosts)
        )
        self._timing = timing or (PATIENT_SIMULATION if self.simulate else Timing())
        self._dialects: list[Any] = []
        self._clips: dict[str, Generation] = {}
        self._sweeps: set[SweepRun] = set()
        self._lock = threading.RLock()
        self._closed = False
        self._process = os.getpid()
        atexit.register(self.close)

    # ── making clips ──────────────────────────────────────────────────────────
    @frameless
    def generate(
        self,
        prompt: str | None = None,
        *,
        provider: str | None = None,
        take: int = 1,
        extra: Mapping[str, Any] | None = None,
        check: bool = True,
        max_cost: Mapping[str, float] | None = None,
        allow_unknown_cost: bool = False,
        **parameters: Any,
    ) -> Generation:
        """Ask for a clip, or give the one that was asked for with the same words before: that costs nothing.

        Args:
            prompt: What the clip shows.
            provider: "relaydance", …; None takes the only one with a key.
            take: 2, 3, … buy another clip of the same request.
            extra: JSON that is merged into the wire body last.
            check: False turns the limits of the model table into warnings.
            max_cost: The most that this clip may cost, by unit: {"CNY": 5}.
            allow_unknown_cost: Go on under a budget or max_cost though the price is not known.
            **parameters: The provider's parameters, in the common vocabulary or under its own names.

        Returns:
            The Generation, once the submission's outcome is known; polling and download go on in the background.

        Raises:
            InvalidRequest: Every problem of the request at once. Nothing was sent.
            MissingKey, PaidRefused, BudgetExceeded, LedgerUnavailable: Nothing was sent.
            NotSent, ProviderRefused: Nothing was accepted, it is safe to run again.
            SubmitUnknown: The request left and no usable answer came. `error.generation` has four ways out.
            GenerationFailed: This request was made before, and failed.
        """
        asked, leave = worded(prompt, parameters), Leave.given(max_cost, allow_unknown_cost)
        name = self.gateways.pick(provider)
        return self.orders.generate(Order(name, asked, take=take, extra=extra, check=check, leave=leave))

    @frameless
    def begin(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        take: int = 1,
        extra: Mapping[str, Any] | None = None,
        check: bool = True,
        max_cost: Mapping[str, float] | None = None,
        allow_unknown_cost: bool = False,
        parent: str = "",
    ) -> Generation:
        """As `generate`, without waiting for the POST: forms and sweeps show their cards at once.

        Raises what is known before sending; what becomes of the POST shows in the clip.
        """
        leave = Leave.given(max_cost, allow_unknown_cost)
        order = Order(name, parameters, take=take, extra=extra, check=check, leave=leave, parent=parent)
        return self.orders.begin(order)[0]

    @frameless
    def form(self, provider: str | None = None, **values: Any) -> "Form":
        """A form made from a provider's own parameters; without `provider` it has a choice of them.

        Args:
            provider: "relaydance", …
            **values: What is filled in at first, as `generate` takes it: parameters, `take`, `extra`.

        Returns:
            The Form: shown as a cell's last line; `form.value`, `form.generate()` and `form.code()` work without.
        """
        from vidgen_nb.display.form import Form

        return Form(self, provider, values)

    @frameless
    def plan(
        self,
        prompt: str | None = None,
        *,
        provider: str | None = None,
        take: int = 1,
        extra: Mapping[str, Any] | None = None,
        check: bool = True,
        max_cost: Mapping[str, float] | None = None,
        allow_unknown_cost: bool = False,
        **parameters: Any,
    ) -> Plan:
        """What `generate` with the same arguments would send, without sending it. Raises InvalidRequest as it would.

        What a budget or `max_cost` would refuse is a warning here.
        """
        asked, leave = worded(prompt, parameters), Leave.given(max_cost, allow_unknown_cost)
        name = self.gateways.pick(provider)
        return self.orders.plan(Order(name, asked, take=take, extra=extra, check=check, leave=leave))

    @frameless
    def sweep(
        self,
        template: str | Sequence[str] | None = None,
        *,
        takes: int = 1,
        check: bool = True,
        skip_invalid: bool = False,
        max_cost: Mapping[str, float] | None = None,
        allow_unknown_cost: bool = False,
        **axes: Any,
    ) -> Sweep:
        """A plan of many clips, one for each combination: a list is an axis, anything else is the same for all.

        The first axis goes down the grid, the second across, in the order in which they are given here.

        Args:
            template: The prompt; its `{words}` are axes too: vg.sweep("a {animal}", animal=["fox", "owl"]).
            takes: So many takes of each combination.
            check: False turns the limits of the model table into warnings.
            skip_invalid: True lets `run()` make the valid clips; otherwise one invalid clip refuses them all.
            max_cost: The most that each clip may cost, by unit.
            allow_unknown_cost: Go on under a budget or max_cost though a price is not known.
            **axes: Words and parameters; `provider`, `take` and `extra` may be lists too. For a parameter which takes
            a list itself, such as reference_images, an axis is a list of lists.

        Returns:
            The plan, which shows as a table. Nothing is sent before its `run()`.

        Raises:
            InvalidRequest: A word without values, a name that is neither word nor parameter, an empty list …
        """
        asked = spread(template, axes, takes=takes, pick=self.gateways.pick, home=self.home)
        options = {"check": check, "max_cost": max_cost, "allow_unknown_cost": allow_unknown_cost}
        return Sweep(self, asked, skip_invalid=skip_invalid, **options)

    def admit(self, name: str) -> None:
        """Say now what would refuse every new clip of a provider: no key, or a run that may not pay."""
        gateway = self.gateways.to(name)
        self.purse.open(gateway.provider, gateway.key)

    def enrol(self, run: SweepRun) -> None:
        """Let a sweep run until this Studio closes."""
        self._sweeps.add(run)

    def dismiss(self, run: SweepRun) -> None:
        self._sweeps.discard(run)

    @frameless
    def retake(self, clip: Generation, changes: Mapping[str, Any]) -> Generation:
        """The recipe of a clip with changes; the next take where nothing changes."""
        return self.orders.generate(again(clip.record, changes))

    # ── looking back, going on ────────────────────────────────────────────────
    @frameless
    def history(
        self,
        text: str = "",
        *,
        provider: str | None = None,
        status: str | None = None,
        model: str | None = None,
        simulated: bool | None = None,
        limit: int | None = None,
        page: int = 1,
    ) -> History:
        """Everything ever asked for in this home: unknown outcomes first, then newest. In a cell a gallery, in which a
        person can search on.

        Args:
            text: Words which prompt and note must all hold, in any script.
            provider, status, model: Only these.
            simulated: True or False for only these.
            limit: The most clips to give; None gives all.
            page: The page of the gallery to show.

        Raises:
            InvalidRequest: A status or a page that there is not.
        """
        search = Search(text=text, provider=provider, status=status, model=model, simulated=simulated, limit=limit)
        if not whole(page):
            raise InvalidRequest(f"page {page!r} is not a whole number from 1.", hint="vg.history() shows the first.")
        archive = Archive(self._find, self.get, self._titles)
        return History(self._find(search), search=search, page=page, archive=archive)

    def _find(self, search: Search) -> Later:
        return Later(search.find(self.ledger), self._load)

    def _titles(self) -> Mapping[str, str]:
        return {name: facts_of(name).title for name in self.ledger.ask(occurring)}

    def _load(self, ids: Sequence[str]) -> list[Generation]:
        return [self.clip_of(row) for row in self.ledger.many(ids)]

    # ── money ─────────────────────────────────────────────────────────────────
    @frameless
    def price(
        self,
        provider: str | None = None,
        model: str = "*",
        *,
        per_second: float | str | None = None,
        per_clip: float | str | None = None,
        unit: str | None = None,
        forget: bool = False,
    ) -> Prices:
        """Say what clips cost; kept in this home, and used before what the provider lists. Gives your prices.

        Args:
            provider: "relaydance", …; without any argument nothing changes.
            model: A name, or a pattern such as "doubao-*". The name counts first, then the longest pattern.
            per_second, per_clip: The price; one of the two. "listed" says what the number of the live catalogue is for.
            unit: "CNY", …; with "listed" the unit of the list, if left out.
            forget: Take the price of this provider and model back.

        Raises:
            UnknownProvider, InvalidRequest: Nothing was kept.
        """
        if provider is not None:
            name = providers.find(provider).NAME
            if forget:
                self.prices.forget(name, model)
            else:
                self.prices.keep(checked_price(name, model, per_second, per_clip, unit))
        elif forget or (model, per_second, per_clip, unit) != ("*", None, None, None):
            raise InvalidRequest(
                "A price is of a provider. Nothing was kept.",
                hint='vg.price("relaydance", "*", per_second=1.1, unit="CNY")',
            )
        return Prices(self.prices.own())

    @frameless
    def spend(self, by: str = "provider") -> Spend:
        """What is booked in this home, by "provider", "day" or "model": reserved, charged, refunded, unknown.

        Each unit stands by itself. `unknown` counts submissions of which nobody knows whether or how much they cost.
        """
        if by not in GROUPS:
            raise InvalidRequest(f"by={by!r} is no way to add it up.", hint=f"There are: {', '.join(GROUPS)}.")
        return Spend(self.ledger.ask(lambda db: sums(entries(db), by)), by)

    def get(self, id: str) -> Generation | None:
        """The clip of that id, None if this home has none."""
        row = self.ledger.get(id)
        return self.clip_of(row) if row is not None else None

    @frameless
    def compare(self, *clips: Generation | str) -> "Comparison":
        """Two to six clips side by side: one play button, what differs between their requests, ratings and notes.

        Args:
            clips: Clips or their ids; vg.compare(*vg.history("boat")[:3]). Unfinished ones join when they are done.
        """
        from vidgen_nb.display.compare import FEWEST, MOST
        from vidgen_nb.display.compare_live import Comparison

        chosen = self._named(clips)
        if not FEWEST <= len(chosen) <= MOST:
            message = f"compare() takes {FEWEST} to {MOST} clips, not {len(chosen)}."
            raise InvalidRequest(message, hint='Such as vg.compare(a, b) or vg.compare("vg-…", "vg-…").')
        return Comparison(chosen)

    # ── sharing ───────────────────────────────────────────────────────────────
    @frameless
    def export_clips(self, path: str | os.PathLike[str], clips: Iterable[Generation | str] | None = None) -> "Exported":
        """Write finished clips to a zip, with posters, recipes and inputs: beside a notebook, it replays without a key.

        No key, signed address, account or owner is in it; prompts, ratings and notes are. Files which a cell names by
        a path of yours (`reference_images=["boat.png"]`) have to travel beside the notebook.

        Args:
            path: The zip to write; one that is there is replaced.
            clips: Clips or their ids; None takes every finished one of this home.
        """
        from vidgen_nb.scanning import Secrets
        from vidgen_nb.sharing.pack import finished, write_zip

        if clips is None:
            chosen = [(record, self.home) for record in finished(self.ledger.search(limit=-1))]
        else:
            chosen = [(clip.record, clip.home) for clip in self._named(clips)]
        return write_zip(Path(path).expanduser(), chosen, Secrets(self.gateways.secrets()))

    @frameless
    def import_clips(self, path: str | os.PathLike[str]) -> History:
        """Take the clips of a zip from `export_clips` into this home: the cells that made them then find them.

        Everything in the zip is checked first; it is taken whole or refused whole, with every problem. What is here
        already stays as it is. It costs nothing, here too: an imported clip counts nothing against a budget.

        Returns:
            The clips of the zip, as this home has them.
        """
        from vidgen_nb.sharing.unpack import read_zip

        ids = read_zip(Path(path).expanduser(), self.ledger)
        return History([clip for id in reversed(ids) if (clip := self.get(id)) is not None])

    @frameless
    def scan(self, path: str | os.PathLike[str]) -> "Scan":
        """What a notebook holds that should not be shared: keys, signed addresses, embedded media, and where.

        Keys are those of this Studio, the environment and .env, in every form they may take, and what looks like one.
        """
        from vidgen_nb.scanning import scan

        return scan(Path(path).expanduser(), self.gateways.secrets())

    def _named(self, clips: Iterable[Generation | str]) -> list[Generation]:
        """Clips by themselves or by their ids, each once. Raises InvalidRequest with everything that is none."""
        found: dict[str, Generation] = {}
        problems = []
        for number, given in enumerate(clips, 1):
            clip = self.get(given) if isinstance(given, str) else given
            if isinstance(clip, Generation):
                if clip.id in found:
                    problems.append(Problem(f"clip {number}", f"{clip.id} is given twice"))
                found[clip.id] = clip
            elif isinstance(given, str):
                problems.append(Problem(f"clip {number}", f"there is no {given[:60]!r} in {self.home}"))
            else:
                problems.append(Problem(f"clip {number}", f"takes a clip or its id, not {type(given).__name__}"))
        if problems:
            raise InvalidRequest("Not all of these are clips.", problems=problems, hint="vg.history() lists them.")
        return list(found.values())

    @frameless
    def resume(self, id: str | None = None) -> Any:
        """Go on with every unfinished generation, or with the one named, without a new POST.

        Returns:
            The clips that go on (a History), or the one Generation. One of another site or mode is left as it is.

        Raises:
            InvalidRequest: No such clip in this home, or it belongs to another base URL.
        """
        self.ledger.bury(time.time())
        if id is None:
            rows = [
                row
                for row in self.ledger.unfinished()
                if self.gateways.reach(row) and row.status is not Status.SUBMITTING
            ]
            for row in rows:
                self.go_on(row)
            return History([self.clip_of(row) for row in reversed(rows)])
        found = self.get(id)
        if found is None:
            raise InvalidRequest(f"There is no {id} in {self.home}.", hint="vg.history() lists what there is.")
        if found.status.open or found.status is Status.STUCK:
            self.go_on(found.record)
        return found

    @frameless
    def reindex(self) -> History:
        """Put every clip whose recipe lies in `clips/` back into the ledger; gives those that were missing there.

        For a ledger that was lost or damaged (move it aside first): the files are the truth.
        """
        found = [record for record in shelf.recipes(self.home) if self.ledger.restore(record)]
        return History([self.clip_of(record) for record in reversed(found)])

    def go_on(self, record: Record) -> None:
        """Bring an accepted generation home: claims its row if nobody has it, asks the provider; free."""
        record = self.runner.hold(record, self.gateways.of(record))
        stuck = record.status is Status.STUCK
        if stuck:
            going: dict[str, Any] = {"status": Status.RUNNING if record.started else Status.QUEUED}
            going |= {"reason": "", "error": None, "finished": None}
            with suppress(InvalidRequest):  # another kernel goes on with it, or has brought it home
                self.decide(record, was=Status.STUCK, **going)
        if stuck or not record.status.settled:
            self.runner.follow(record.id, anew=stuck)

    def check(self, record: Record) -> None:
        gateway = self.gateways.of(record)
        self.runner.hold(record, gateway)
        self.runner.check(record.id, gateway)

    def decide(self, record: Record, **values: Any) -> None:
        """Write a person's decision over a generation."""
        self.runner.hold(record, self.gateways.of(record))
        result_of(self.runner.move(record.id, **values))

    def answer(self, record: Record, words: str) -> None:
        """Say on a clip that waits for a person what came of a button, where that changed nothing."""
        error = record.error
        if record.status in {Status.UNKNOWN, Status.STUCK} and error is not None and error.message not in words:
            message = f"{words}{_BEFORE}{error.message.rpartition(_BEFORE)[2]}"
            self.decide(record, was=record.status, error=replace(error, message=message))

    def opine(self, record: Record, **values: Any) -> None:
        """Write down what a person thinks of a clip; it takes no gateway, which an imported clip may not have here."""
        if "_runner" in self.__dict__ and self.runner.holds(record.id):
            result_of(self.runner.move(record.id, **values))
        else:
            self.clip_of(self.ledger.amend(record, **values))

    # ── catalogue ─────────────────────────────────────────────────────────────
    @frameless
    def models(self, provider: str | None = None, *, live: bool = False) -> Catalogue:
        """What each model takes, with source and date. live=True asks the provider which ones the key may use."""
        gateway = self.gateways.to(self.gateways.pick(provider))
        spec = gateway.provider
        if not live:
            return Catalogue(spec.NAME, spec.MODELS)
        lister = getattr(spec, "models", None)
        if gateway.key is None and lister is not None and not getattr(spec, "OPEN_CATALOGUE", False):
            raise MissingKey(
                f"No key for {spec.TITLE}. Nothing was sent.", hint=f"Set {spec.KEY}; live=False needs none."
            )
        if lister is None:
            raise InvalidRequest(
                f"{spec.TITLE} documents no call that lists its models.", hint=f'vg.models("{spec.NAME}")'
            )
        listed = self.runner.ask(gateway, lister(gateway.options), spec.TITLE)
        found = spec.read_models(listed)  # type: ignore[attr-defined]  # the other half of `models`
        self.prices.remember(spec, self.gateways.origin(gateway), found)
        return live_catalogue(spec, found)

    @frameless
    def list_providers(self) -> Providers:
        """The providers, where their keys were found (never a part of one), and their base URLs."""
        return self.gateways.table()

    @frameless
    def register(self, provider: Provider, dialect: Any = None) -> None:
        """Make a provider known, and the dialect which the simulator speaks for it."""
        providers.register(provider)
        if dialect is not None:
            self._dialects.append(dialect)
            if "_simulator" in self.__dict__:
                self._simulator.add(dialect)

    def __getattr__(self, name: str) -> ProviderNamespace:
        if not name.startswith("_") and name in providers.names():
            return ProviderNamespace(self, name)
        raise AttributeError(f"Studio has no attribute {name!r}")

    # ── for Generation ────────────────────────────────────────────────────────
    def record_of(self, row: Record) -> Record:
        runner = self.__dict__.get("_runner")
        return runner.record(row.id, row) if runner is not None else row

    @property
    def inside_loop(self) -> bool:
        runner = self.__dict__.get("_runner")
        return runner is not None and runner.inside

    def settled(self, row: Record, *, person: bool = False) -> "Future[Record]":
        record = self.record_of(row)
        if record.status.settled:
            future: Future[Record] = Future()
            future.set_result(record)
            return future
        if not self.runner.follows(row.id):
            self.go_on(record)
        return self.runner.settled(row.id, person=person)

    def watch(self, row: Record, tell: Callable[[Record], None]) -> Callable[[], None]:
        record = self.record_of(row)
        if not self.runner.holds(row.id):
            if record.status.settled and record.status is not Status.STUCK and record.status is not Status.UNKNOWN:
                return lambda: None
            self.runner.hold(record, self.gateways.of(record))
        return self.runner.watch(row.id, tell)

    def show(self, clip: Generation, *, embed: bool | None = None) -> None:
        from vidgen_nb.display import live

        if os.environ.get("VIDGEN_DISPLAY") == "static" and not clip.status.settled:
            with suppress(VidgenError):
                clip.wait()
        live.show(clip, embed_limit=self.embed_limit, embed=embed)

    def bundle(self, clip: Generation) -> dict[str, Any]:
        from vidgen_nb.display.card import bundle

        return bundle(clip, embed_limit=self.embed_limit)

    def republish(self, clip: Generation) -> None:
        if "vidgen_nb.display.live" in sys.modules:  # nothing was shown otherwise
            sys.modules["vidgen_nb.display.live"].republish(clip)

    def clip_of(self, row: Record) -> Generation:
        with self._lock:
            return self._clips.setdefault(row.id, Generation(self, row)).renewed(row)

    # ── parts, made when first needed ─────────────────────────────────────────
    @property
    def ledger(self) -> Ledger:
        """The ledger of the home, opened when first needed. Raises VidgenError once the Studio is closed."""
        if self._closed:
            raise VidgenError("This Studio is closed. Nothing was sent.", hint="vg.setup() gives an open one.")
        if self._forked:
            raise VidgenError("This Studio belongs to the process that was forked. Nothing was sent.", hint=_AFTER_FORK)
        with self._lock:  # two threads must not make two of it
            return self._ledger

    @property
    def runner(self) -> Runner:
        """The engine, started when first needed. Raises as `ledger` does."""
        self.ledger  # noqa: B018 (says so in a forked process, in which the lock may be held for ever)
        with self._lock:
            ledger = self.ledger
            if "_runner" not in self.__dict__:
                self._runner = Runner(ledger, self._timing, allowed_hosts=self._allow_media_hosts)
            return self._runner

    @property
    def _forked(self) -> bool:
        """Whether this is a copy in a forked process: no thread of it came along."""
        return self._process != os.getpid()

    @cached_property
    def _ledger(self) -> Ledger:
        ledger = Ledger(self.home)
        for folder in ("clips", "inputs"):
            download.sweep(self.home / folder, lambda owner: alive(self.home / "run", owner))
        ledger.bury(time.time())
        return ledger

    @cached_property
    def orders(self) -> Orders:
        return Orders(self)

    @cached_property
    def rescue(self) -> Rescue:
        return Rescue(self)

    @cached_property
    def purse(self) -> Purse:
        return Purse(self._budget, self._allow_paid, simulate=self.simulate)

    @cached_property
    def prices(self) -> PriceList:
        return PriceList(self.ledger)

    @cached_property
    def _simulator(self) -> "Simulator":
        from vidgen_nb.simulator.app import Simulator

        self.ledger  # noqa: B018 (makes the home in which the journal lies)
        simulator = Simulator(journal=self.home / "run" / "simulator.jsonl")
        for dialect in self._dialects:
            simulator.add(dialect)
        simulator.start()
        return simulator

    def _simulated_url(self, name: str) -> str:
        self.ledger  # noqa: B018 (says so if this Studio is closed)
        with self._lock:
            return self._simulator.url(name)

    def close(self) -> None:
        """Detach: nothing of this Studio runs on. What is at the providers does; `vg.resume()` brings it home."""
        with self._lock:
            if self._closed or self._forked:  # its threads, and its lock, are another process's
                return
            self._closed = True
        atexit.unregister(self.close)
        for run in list(self._sweeps):
            run.close()
        for shown in ("vidgen_nb.display.live", "vidgen_nb.display.sweep_live"):
            if shown in sys.modules:
                sys.modules[shown].close_all()
        for name, end in (("_runner", "close"), ("_simulator", "stop"), ("_ledger", "close")):
            if name in self.__dict__:
                getattr(self.__dict__[name], end)()

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Studio({str(self.home)!r}{', simulated' if self.simulate else ''})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Studio is not pickled: it holds keys and a running engine")

    @property
    def has_ledger(self) -> bool:
        """Whether there is one to be asked: a question alone makes no home."""
        return (self.home / settings.LEDGER).is_file()


_BEFORE = " Before that: "  # a card has room for a few words, and the newest matter most
_AFTER_FORK = "In a forked process use the functions of vg, vg.resume(id) for a clip, or a Studio made there."


# ── the default Studio ────────────────────────────────────────────────────────
_default: Studio | None = None
_made_with: dict[str, Any] = {}
_choosing = threading.Lock()


@frameless
def setup(**arguments: Any) -> Studio:
    """Make the default Studio of vg.generate() and the others; takes Studio's arguments.

    The same arguments again give the same Studio. Clips of an earlier one stay with it and go on.
    """
    global _default, _made_with
    if isinstance(arguments.get("keys"), Mapping):
        arguments["keys"] = settings.Keys(arguments["keys"])
    with _choosing:
        if _default is None or _default._closed or (arguments and arguments != _made_with):
            _default, _made_with = Studio(**arguments), dict(arguments)
        return _default


def _begin_anew() -> None:
    """In a forked process: the same settings, and threads, a ledger and a lock of its own."""
    global _default, _choosing
    _default, _choosing = Studio(**_made_with) if _default is not None else None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def default() -> Studio:
    """The default Studio; the first use makes one from the environment."""
    return setup()
