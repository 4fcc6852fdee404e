"""Studio: wires the parts together, and is the object behind the functions of `vidgen_nb`."""

import atexit
import inspect
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from vidgen_nb import providers, settings
from vidgen_nb.answers import Catalogue, History, Plan, ProviderInfo, Providers
from vidgen_nb.asking import Asked, ask
from vidgen_nb.engine import download
from vidgen_nb.engine.runner import Runner
from vidgen_nb.engine.wire import Gateway
from vidgen_nb.errors import (
    BudgetExceeded,
    InvalidRequest,
    MissingKey,
    PaidRefused,
    SubmitUnknown,
    UnknownProvider,
    VidgenError,
)
from vidgen_nb.generation import Generation
from vidgen_nb.ledger import Ledger, alive
from vidgen_nb.providers.contract import Model, Provider, aliases, model_row
from vidgen_nb.records import (
    SIMULATED_COST,
    UNKNOWN_COST,
    Failure,
    ProviderFacts,
    Record,
    Status,
    Timing,
)
from vidgen_nb.settings import Key, find_base_url, find_key

if TYPE_CHECKING:
    from vidgen_nb.simulator.app import Simulator

SIMULATED = "simulator"
PATIENT_SIMULATION = Timing(first_poll=0.5, min_gap=0.5, max_gap=5)
"""The simulator sits on this machine and its clips take seconds: no need to wait as for a provider."""


class Studio:
    """Everything that belongs together: a home, keys, one engine. Also a context manager; `close()` leaves nothing running.

    Args:
        home: The folder of clips and ledger; None looks for it (VIDGEN_HOME, `vidgen/` from here upwards, else ./vidgen).
        simulate: True plays every provider on this machine, without keys and costs; None asks VIDGEN_SIMULATE.
        keys: API keys by provider name, in place of the environment and .env.
        base_urls: Base URLs by provider name.
        budget: The most that may be spent in this home, by unit: {"CNY": 50}.
        allow_paid: Whether paid submits are allowed where nobody sits at the keyboard; None asks VIDGEN_ALLOW_PAID.
        allow_media_hosts: Hosts from which results may be fetched though their address is private.
        options: Options of single providers, by provider name.
        embed_limit: The largest clip, in bytes, that is put into a notebook when it cannot be linked.
        timing: The engine's patience.
    """

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
        self.home = settings.find_home(home)
        self.simulate = bool(simulate) or settings.switched_on("VIDGEN_SIMULATE")
        self.embed_limit = embed_limit
        self._keys = {name: settings.checked_key(key, f"given for {name}") for name, key in (keys or {}).items()}
        self._base_urls = dict(base_urls or {})
        self._budget = dict(budget or {})
        self._allow_paid = allow_paid
        self._allow_media_hosts = tuple(allow_media_hosts)
        self._options = {name: dict(values) for name, values in (options or {}).items()}
        self._timing = timing or (PATIENT_SIMULATION if self.simulate else Timing())
        self._dialects: list[Any] = []
        self._clips: dict[str, Generation] = {}
        self._lock = threading.RLock()
        self._closed = False
        atexit.register(self.close)

    # ── making clips ──────────────────────────────────────────────────────────
    def generate(
        self,
        prompt: str | None = None,
        *,
        provider: str | None = None,
        take: int = 1,
        extra: Mapping[str, Any] | None = None,
        check: bool = True,
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
            allow_unknown_cost: Go on under a budget though the price is not known.
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
        return self._generate(self._pick(provider), prompt, parameters, take, extra, check, allow_unknown_cost)

    def plan(
        self,
        prompt: str | None = None,
        *,
        provider: str | None = None,
        take: int = 1,
        extra: Mapping[str, Any] | None = None,
        check: bool = True,
        **parameters: Any,
    ) -> Plan:
        """What `generate` with the same arguments would send, without sending it. Raises InvalidRequest as it would."""
        gateway = self._gateway(self._pick(provider))
        asked = self._ask(gateway, prompt, parameters, take, extra, check)
        row = self._known(asked.identity)
        request_type = type(asked.request)
        return Plan(
            provider=gateway.provider.NAME,
            method=asked.call.method,
            url=gateway.base_url + asked.call.path,
            body=asked.call.json,
            warnings=asked.warnings,
            identity=asked.identity,
            take=take,
            cost=self._estimate(),
            existing=self._clip(row) if row is not None and row.status is not Status.REFUSED else None,
            defaults=tuple(name for name in request_type.model_fields if name not in asked.request.given),
        )

    def retake(self, clip: Generation, changes: Mapping[str, Any]) -> Generation:
        """The recipe of a clip with changes; the next take where nothing changes."""
        record = clip.record
        given = dict(record.asked)
        ours = aliases(providers.find(record.provider).Request)
        control = {"take", "extra", "check", "allow_unknown_cost"}
        for name, value in changes.items():
            if name not in control:
                given.pop(ours.get(name, name), None)
                given[name] = value
        take = changes.get("take", record.take if set(changes) - {"check", "allow_unknown_cost"} else record.take + 1)
        prompt = given.pop("prompt", None)
        extra, check = changes.get("extra", record.extra), changes.get("check", True)
        unknown_cost = bool(changes.get("allow_unknown_cost", False))
        return self._generate(record.provider, prompt, given, take, extra, check, unknown_cost, parent=record.id)

    def _generate(
        self,
        name: str,
        prompt: str | None,
        parameters: Mapping[str, Any],
        take: int,
        extra: Mapping[str, Any] | None,
        check: bool,
        allow_unknown_cost: bool,
        parent: str = "",
    ) -> Generation:
        gateway = self._gateway(name)
        asked = self._ask(gateway, prompt, parameters, take, extra, check)
        row = self.ledger.by_identity(asked.identity)
        if row is None or row.status is Status.REFUSED:
            self._allowed(gateway, allow_unknown_cost)
            asked.kept(self.home)
        wanted = self._row(gateway, asked, parent)
        row, mine = self.ledger.intend(wanted)
        clip = self._clip(row)
        if not mine:
            return self._join(clip, row)
        self._runner.hold(row, gateway)
        self._runner.submit(row.id, asked.call).result()
        return self._raised(clip)

    def _ask(
        self, gateway: Gateway, prompt: str | None, parameters: Mapping[str, Any], take: int, extra: Any, check: bool
    ) -> Asked:
        given = dict(parameters)
        if prompt is not None:
            if "prompt" in given:
                raise InvalidRequest("The prompt was given twice. Nothing was sent.", hint="Give it once.")
            given = {"prompt": prompt, **given}
        return ask(
            gateway.provider, given, origin=self._origin(gateway), home=self.home, options=gateway.options,
            extra=extra, take_number=take, check=check,
        )  # fmt: skip

    def _row(self, gateway: Gateway, asked: Asked, parent: str) -> Record:
        now = time.time()
        return Record(
            id=f"{'sim' if self.simulate else 'vg'}-{secrets.token_hex(5)}",
            identity=asked.identity,
            provider=gateway.provider.NAME,
            origin=self._origin(gateway),
            model=asked.model,
            asked=asked.asked,
            extra=asked.extra,
            take=asked.take,
            parent=parent,
            cost=self._estimate(),
            created=now,
            updated=now,
        )

    def _join(self, clip: Generation, row: Record) -> Generation:
        """Somebody asked for this before: give what became of it, and go on with it where it can go on for free."""
        held = self._runner.hold(replace(row, reused=True), self._gateway(row.provider))
        if held.status.open or held.status is Status.SUBMITTING:
            self._runner.follow(row.id)
        elif held.status is Status.STUCK:
            self.go_on(held)
        if held.status is Status.SUBMITTING:
            self._runner.answered(row.id).result()
        return self._raised(clip)

    def _raised(self, clip: Generation) -> Generation:
        bad = {Status.REFUSED, Status.UNKNOWN, Status.FAILED}
        if clip.status in bad and (error := clip.error) is not None:
            raise error
        return clip

    # ── before money is spent ─────────────────────────────────────────────────
    def _allowed(self, gateway: Gateway, allow_unknown_cost: bool) -> None:
        """Key, a human or a permission, and the budget. Simulation needs none of them."""
        if self.simulate:
            return
        provider = gateway.provider
        if gateway.key is None:
            hint = f"Set {provider.KEY} in the environment or in .env, or try it without a key: vg.setup(simulate=True)."
            raise MissingKey(f"No key for {provider.TITLE}. Nothing was sent.", hint=hint)
        allowed = self._allow_paid or (self._allow_paid is None and settings.switched_on("VIDGEN_ALLOW_PAID"))
        if not allowed and (self._allow_paid is False or _nobody_answers()):
            raise PaidRefused("This would be a paid submit in a run that nobody watches. Nothing was sent.")
        if self._budget:
            self._within_budget(self._estimate(), allow_unknown_cost)

    def _within_budget(self, cost: Any, allow_unknown_cost: bool) -> None:
        if cost.amount is None or cost.unit not in self._budget:
            if allow_unknown_cost:
                return
            raise BudgetExceeded(
                "What this clip costs is not known, so no budget can hold it. Nothing was sent.",
                hint="allow_unknown_cost=True spends it all the same.",
            )
        rows = self.ledger.search(simulated=False, limit=-1)
        spent = sum(row.cost.amount or 0 for row in rows if row.cost.unit == cost.unit and row.status is not Status.REFUSED)
        if spent + cost.amount > self._budget[cost.unit]:
            raise BudgetExceeded(
                f"{cost} would go beyond the budget: {spent:g} of {self._budget[cost.unit]:g} {cost.unit} are spent. "
                "Nothing was sent.",
                hint="Studio(budget=…) sets another budget.",
            )

    def _estimate(self) -> Any:
        return SIMULATED_COST if self.simulate else UNKNOWN_COST

    # ── looking back, going on ────────────────────────────────────────────────
    def history(
        self,
        text: str = "",
        *,
        provider: str | None = None,
        status: str | None = None,
        model: str | None = None,
        simulated: bool | None = None,
        limit: int = 1000,
    ) -> History:
        """Everything ever asked for in this home: unknown outcomes first, then newest. A gallery in a cell.

        Args:
            text: Words which the prompt must all hold, in any script.
            provider, status, model: Only these.
            simulated: True or False for only these.
            limit: The most rows to give.
        """
        rows = self.ledger.search(text.split(), provider=provider, status=status, model=model, simulated=simulated, limit=limit)
        return History([self._clip(row) for row in rows])

    def get(self, id: str) -> Generation | None:
        """The clip of that id, None if this home has none."""
        row = self.ledger.get(id)
        return self._clip(row) if row is not None else None

    def resume(self, id: str | None = None) -> Any:
        """Go on with every unfinished generation, or with the one named, without a new POST.

        Returns:
            The clips that go on (a History), or the one Generation. One of another site or mode is left as it is.

        Raises:
            InvalidRequest: No such clip in this home, or it belongs to another base URL.
        """
        self.ledger.bury(time.time())
        if id is None:
            rows = [row for row in self.ledger.unfinished() if self._ours(row) and row.status is not Status.SUBMITTING]
            for row in rows:
                self.go_on(row)
            return History([self._clip(row) for row in reversed(rows)])
        found = self.get(id)
        if found is None:
            raise InvalidRequest(f"There is no {id} in {self.home}.", hint="vg.history() lists what there is.")
        if found.status.open or found.status is Status.STUCK:
            self.go_on(found.record)
        return found

    def go_on(self, record: Record) -> None:
        """Bring an accepted generation home: claims its row if nobody has it, asks the provider; free."""
        gateway = self._gateway_of(record)
        record = self._runner.hold(record, gateway)
        if record.status is Status.STUCK:
            going = Status.RUNNING if record.started else Status.QUEUED
            self._runner.move(record.id, status=going, reason="", error=None, finished=None).result()
        if not record.status.settled or record.status is Status.STUCK:
            self._runner.follow(record.id)

    def check(self, record: Record) -> None:
        gateway = self._gateway_of(record)
        self._runner.hold(record, gateway)
        self._runner.check(record.id, gateway)

    # ── ways out of an unknown outcome ────────────────────────────────────────
    def reconcile(self, record: Record) -> None:
        provider = providers.find(record.provider)
        if not hasattr(provider, "search"):
            console = getattr(provider, "CONSOLE", "") or f"the console of {provider.TITLE}"
            raise SubmitUnknown(
                f"{provider.TITLE} cannot be searched: its documents name no such call. Nothing has changed.",
                hint=f"Look in {console} for a task between the times in clip.report(), then clip.adopt(task_id), "
                "or clip.resolve(not_billed=True).",
                generation=self._clip(record),
            )
        raise NotImplementedError

    def adopt(self, record: Record, task_id: str) -> None:
        task_id = task_id.strip()
        taken = self.ledger.by_task(record.provider, record.origin, task_id)
        if not task_id or taken is not None:
            whose = f"{task_id} is the task of {taken.id} already" if taken is not None else "an empty task id"
            raise InvalidRequest(f"Cannot adopt: {whose}.", hint="Look once more in the provider's console.")
        self._runner.hold(record, self._gateway_of(record))
        self._runner.move(record.id, status=Status.QUEUED, task_id=task_id, error=None, answered=time.time()).result()
        self._runner.follow(record.id)

    def resolve(self, record: Record) -> None:
        failure = Failure("NotSent", "You found that it was not billed.", hint="It is safe to run this again.")
        self._runner.hold(record, self._gateway_of(record))
        self._runner.move(record.id, status=Status.REFUSED, error=failure, finished=time.time()).result()

    def resubmit(self, record: Record) -> None:
        gateway = self._gateway_of(record)
        given = dict(record.asked)
        asked = self._ask(gateway, None, given, record.take, record.extra, check=False)
        self._allowed(gateway, allow_unknown_cost=True)
        self._runner.hold(record, gateway)
        fresh = {"status": Status.SUBMITTING, "step": "intended", "error": None, "sent": None, "answered": None, "task_id": ""}
        self._runner.move(record.id, **fresh).result()
        self._runner.submit(record.id, asked.call).result()
        self._raised(self._clip(record))

    def act(self, clip: Generation, action: str, argument: str = "") -> None:
        """Carry out a button of a card, in a thread of its own: a kernel that is busy must not keep it waiting."""
        deeds: dict[str, Callable[[], object]] = {
            "check": clip.check,
            "resume": clip.resume,
            "reconcile": clip.reconcile,
            "adopt": lambda: clip.adopt(argument),
            "resolve": lambda: clip.resolve(not_billed=True),
            "resubmit": lambda: clip.resubmit(accept_double_charge=True),
            "retake": clip.retake,
        }

        def do() -> None:
            with suppress(VidgenError):
                deeds[action]()

        if action in deeds:
            threading.Thread(target=do, name=f"vidgen_nb-{action}", daemon=True).start()

    # ── catalogue ─────────────────────────────────────────────────────────────
    def models(self, provider: str | None = None, *, live: bool = False) -> Catalogue:
        """What each model takes, with source and date. live=True asks the provider which ones the key may use."""
        gateway = self._gateway(self._pick(provider))
        spec = gateway.provider
        if not live:
            return Catalogue(spec.NAME, spec.MODELS)
        lister = getattr(spec, "models", None)
        if lister is None:
            raise InvalidRequest(f"{spec.TITLE} documents no call that lists its models.", hint=f'vg.models("{spec.NAME}")')
        listed = self._runner.ask(gateway, lister(gateway.options), spec.TITLE)
        found = spec.read_models(listed)  # type: ignore[attr-defined]  # the other half of `models`
        rows = [model_row(spec, model.name) or Model(model.name, source="live catalogue") for model in found]
        return Catalogue(spec.NAME, rows, note=f"as {spec.TITLE} lists them for this key now")

    def list_providers(self) -> Providers:
        """The providers, where their keys were found (never a part of one), and their base URLs."""
        rows = []
        for name in providers.names():
            spec = providers.find(name)
            key = find_key(spec.KEY, name, self._keys)
            base = find_base_url(spec.BASE, name, self._documented_url(spec), self._base_urls)
            rows.append(
                ProviderInfo(name, spec.TITLE, key.found_in if key else "", spec.KEY, base, spec.BASE, getattr(spec, "SEARCH", ""), len(spec.MODELS))
            )
        return Providers(rows)

    def register(self, provider: Provider, dialect: Any = None) -> None:
        """Make a provider known, and the dialect which the simulator speaks for it."""
        providers.register(provider)
        if dialect is not None:
            self._dialects.append(dialect)
            if "_simulator" in self.__dict__:
                self._simulator.add(dialect)

    def __getattr__(self, name: str) -> "ProviderNamespace":
        if not name.startswith("_") and name in providers.names():
            return ProviderNamespace(self, name)
        raise AttributeError(f"Studio has no attribute {name!r}")

    def facts(self, name: str) -> ProviderFacts:
        """What views say about a provider; a plain set for one that is not known in this process."""
        try:
            spec = providers.find(name)
        except UnknownProvider:
            return ProviderFacts(name, name, f"Whether {name} bills failed tasks is not known here.")
        return ProviderFacts(
            name,
            spec.TITLE,
            spec.FAILED_BILLING,
            getattr(spec, "SEARCH", ""),
            getattr(spec, "CONSOLE", ""),
            getattr(spec, "REPORTS_PROGRESS", True),
        )

    # ── for Generation ────────────────────────────────────────────────────────
    def record_of(self, row: Record) -> Record:
        runner = self.__dict__.get("_runner")
        return runner.record(row.id, row) if runner is not None else row

    @property
    def inside_loop(self) -> bool:
        runner = self.__dict__.get("_runner")
        return runner is not None and runner.inside

    def settled(self, row: Record) -> "Future[Record]":
        record = self.record_of(row)
        if record.status.settled:
            future: Future[Record] = Future()
            future.set_result(record)
            return future
        if not self._runner.holds(row.id):
            self.go_on(record)
        return self._runner.settled(row.id)

    def watch(self, row: Record, tell: Callable[[Record], None]) -> Callable[[], None]:
        record = self.record_of(row)
        if not self._runner.holds(row.id):
            if record.status.settled and record.status is not Status.STUCK and record.status is not Status.UNKNOWN:
                return lambda: None
            self._runner.hold(record, self._gateway_of(record))
        return self._runner.watch(row.id, tell)

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

    def _clip(self, row: Record) -> Generation:
        with self._lock:
            return self._clips.setdefault(row.id, Generation(self, row))

    # ── parts, made when first needed ─────────────────────────────────────────
    @cached_property
    def ledger(self) -> Ledger:
        ledger = Ledger(self.home)
        download.sweep(self.home / "clips", lambda owner: alive(self.home / "run", owner))
        ledger.bury(time.time())
        return ledger

    @cached_property
    def _runner(self) -> Runner:
        return Runner(self.ledger, self._timing, allowed_hosts=self._allow_media_hosts)

    @cached_property
    def _simulator(self) -> "Simulator":
        from vidgen_nb.simulator.app import Simulator

        self.ledger  # noqa: B018 (makes the home in which the journal lies)
        simulator = Simulator(journal=self.home / "run" / "simulator.jsonl")
        for dialect in self._dialects:
            simulator.add(dialect)
        simulator.start()
        return simulator

    def close(self) -> None:
        """Detach: nothing of this Studio runs on. What is at the providers goes on there; `vg.resume()` brings it home."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        if "vidgen_nb.display.live" in sys.modules:
            sys.modules["vidgen_nb.display.live"].close_all()
        for name, end in (("_runner", "close"), ("_simulator", "stop"), ("ledger", "close")):
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

    # ── where calls go ────────────────────────────────────────────────────────
    def _pick(self, name: str | None) -> str:
        if name is not None:
            return name
        with_key = [name for name in providers.names() if find_key(providers.find(name).KEY, name, self._keys)]
        if len(with_key) == 1:
            return with_key[0]
        why = "None has a key" if not with_key else f"{len(with_key)} have a key"
        raise UnknownProvider(
            f"Which provider? {why}. Nothing was sent.", hint=f"Say provider=…: {', '.join(providers.names())}."
        )

    def _gateway(self, name: str) -> Gateway:
        spec = providers.find(name)
        options = self._options.get(name, {})
        if self.simulate:
            return Gateway(spec, self._simulator.url(name), Key("sk-simulated", "the simulator"), options)
        base = find_base_url(spec.BASE, name, self._documented_url(spec), self._base_urls)
        if not base:
            raise InvalidRequest(f"{spec.TITLE} has no address yet. Nothing was sent.", hint=f"Set {spec.BASE} to your gateway's base URL.")
        return Gateway(spec, base, find_key(spec.KEY, name, self._keys), options)

    def _documented_url(self, spec: Provider) -> str:
        sites: Mapping[str, str] = getattr(spec, "SITES", {})
        site = self._options.get(spec.NAME, {}).get("site")
        if site is not None and site not in sites:
            raise InvalidRequest(f"{spec.TITLE} has no site {site!r}.", hint=f"There are: {', '.join(sites) or 'none'}.")
        return sites[site] if site is not None else spec.BASE_URL

    def _origin(self, gateway: Gateway) -> str:
        return SIMULATED if self.simulate else gateway.origin

    def _ours(self, row: Record) -> bool:
        """Whether this Studio can ask about a row: same mode, same site, and a provider that is known here."""
        try:
            return self._origin(self._gateway(row.provider)) == row.origin
        except VidgenError:
            return False

    def _gateway_of(self, record: Record) -> Gateway:
        if record.simulated != self.simulate:
            way = "vg.setup(simulate=True)" if record.simulated else "a Studio without simulate=True"
            raise InvalidRequest(f"{record.id} is {'' if record.simulated else 'not '}simulated.", hint=f"Use {way} for it.")
        gateway = self._gateway(record.provider)
        if self._origin(gateway) != record.origin:
            hint = f"Set {gateway.provider.BASE} to an address of {record.origin} for it."
            raise InvalidRequest(f"{record.id} was made at {record.origin}, and the base URL is another one.", hint=hint)
        return gateway

    def _known(self, identity: str) -> Record | None:
        """The row of an identity, without making a home for the question."""
        return self.ledger.by_identity(identity) if (self.home / settings.LEDGER).is_file() else None


class ProviderNamespace:
    """`vg.relaydance`: generate, plan and models of one provider, with its own parameters as signature and documentation."""

    def __init__(self, studio: Studio, name: str) -> None:
        self._studio = studio
        self._spec = providers.find(name)
        self.__doc__ = self._spec.__doc__

    @property
    def generate(self) -> Callable[..., Generation]:
        return self._bound(self._studio.generate)

    @property
    def plan(self) -> Callable[..., Plan]:
        return self._bound(self._studio.plan)

    def models(self, *, live: bool = False) -> Catalogue:
        """What each model takes, with source and date. live=True asks the provider which ones the key may use."""
        return self._studio.models(self._spec.NAME, live=live)

    def _bound(self, function: Callable[..., Any]) -> Callable[..., Any]:
        spec = self._spec

        def call(prompt: str | None = None, **parameters: Any) -> Any:
            return function(prompt, provider=spec.NAME, **parameters)

        shared = inspect.signature(function).parameters
        own = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=field.annotation)
            for name, field in spec.Request.model_fields.items()
            if name != "prompt"
        ]
        common = [shared[name] for name in ("take", "extra", "check") if name in shared]
        call.__name__ = call.__qualname__ = function.__name__
        call.__signature__ = inspect.Signature([shared["prompt"], *own, *common])  # type: ignore[attr-defined]
        call.__doc__ = _documentation(spec, function.__name__)
        return call

    def __repr__(self) -> str:
        return f"<vidgen_nb provider {self._spec.TITLE}>"


def _documentation(spec: Provider, what: str) -> str:
    """The docstring of a provider's own generate() or plan(): its parameters, from its request model."""
    other_names: dict[str, list[str]] = {}
    for alias, name in aliases(spec.Request).items():
        if alias != name:
            other_names.setdefault(name, []).append(alias)
    head = f"{what}() of {spec.TITLE}. Parameters that are not given are not sent.\n\nArgs:\n"
    lines = [
        f"    {name}: {field.description or ''}" + (f" (also: {', '.join(other_names[name])})" if name in other_names else "")
        for name, field in spec.Request.model_fields.items()
    ]
    common = ["    take: 2, 3, … make another clip of the same request.", "    extra: JSON merged into the body last.",
              "    check: False turns limits into warnings."]  # fmt: skip
    return head + "\n".join([*lines, *common])


def _nobody_answers() -> bool:
    """Whether this run has no human: CI, or a kernel that was told that nobody answers (nbconvert, papermill).

    A plain script is a person's own act.
    """
    if settings.switched_on("CI"):
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    with suppress(Exception):  # what the front end said with the cell that runs now
        return not kernel.get_parent("shell")["content"].get("allow_stdin", True)
    return False


# ── the default Studio ────────────────────────────────────────────────────────
_default: Studio | None = None
_made_with: dict[str, Any] = {}
_choosing = threading.Lock()


def setup(**arguments: Any) -> Studio:
    """Make the default Studio of vg.generate() and the others; takes Studio's arguments.

    The same arguments again give the same Studio. Clips of an earlier one stay with it and go on.
    """
    global _default, _made_with
    with _choosing:
        if _default is None or _default._closed or (arguments and arguments != _made_with):
            _default, _made_with = Studio(**arguments), dict(arguments)
        return _default


def default() -> Studio:
    """The default Studio; the first use makes one from the environment."""
    return setup()
