"""Studio: wires the parts together, and is the object behind the functions of `vidgen_nb`."""

import atexit
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
from typing import TYPE_CHECKING, Any, NoReturn

from vidgen_nb import providers, settings
from vidgen_nb.answers import Catalogue, History, Plan, Providers
from vidgen_nb.asking import Asked, ask
from vidgen_nb.engine import download, shelf
from vidgen_nb.engine.runner import Runner
from vidgen_nb.engine.wire import Gateway
from vidgen_nb.errors import InvalidRequest, MissingKey, VidgenError
from vidgen_nb.gateways import Gateways
from vidgen_nb.generation import Generation
from vidgen_nb.ledger import Ledger, alive
from vidgen_nb.namespace import ProviderNamespace
from vidgen_nb.providers.contract import Found, LiveModel, Model, Provider, aliases, model_row
from vidgen_nb.purse import Purse
from vidgen_nb.records import SIMULATED_COST, UNKNOWN_COST, Cost, Record, Status, Timing
from vidgen_nb.rescue import Rescue

if TYPE_CHECKING:
    from vidgen_nb.simulator.app import Simulator

PATIENT_SIMULATION = Timing(first_poll=0.5, min_gap=0.5, max_gap=5)
"""The simulator sits on this machine and its clips take seconds: no need to wait as for a provider."""


class Studio:
    """Everything that belongs together: a home, keys, one engine. Also a context manager; `close()` leaves nothing
    running.

    Args:
        home: The folder of clips and ledger; None looks for it (VIDGEN_HOME, `vidgen/` from here upwards, else
        ./vidgen). simulate: True plays every provider on this machine, without keys and costs; None asks
        VIDGEN_SIMULATE. keys: API keys by provider name, in place of the environment and .env.
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
        self._gateways = Gateways(
            self._simulated_url if self.simulate else None, keys or {}, base_urls or {}, options or {}
        )
        self._budget = dict(budget or {})
        self._allow_paid = allow_paid
        self._allow_media_hosts = (
            (allow_media_hosts,) if isinstance(allow_media_hosts, str) else tuple(allow_media_hosts)
        )
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
        name = self._gateways.pick(provider)
        return self._generate(name, prompt, parameters, take, extra, check, allow_unknown_cost)

    def begin(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        take: int = 1,
        extra: Mapping[str, Any] | None = None,
        check: bool = True,
        allow_unknown_cost: bool = False,
        parent: str = "",
    ) -> Generation:
        """As `generate`, without waiting for the POST: forms and sweeps show their cards at once.

        Raises what is known before sending; what becomes of the POST shows in the clip.
        """
        clip, _ = self._begin(name, None, parameters, take, extra, check, allow_unknown_cost, parent)
        return clip

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
        gateway = self._gateways.to(self._gateways.pick(provider))
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
            defaults=tuple(
                name for name in request_type.model_fields if name not in asked.request.given and name != "model"
            ),
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
        clip, submission = self._begin(name, prompt, parameters, take, extra, check, allow_unknown_cost, parent)
        if submission is not None:
            submission.result()
        elif clip.status is Status.SUBMITTING:
            self._runner.answered(clip.id).result()
        return self._raised(clip)

    def _begin(
        self,
        name: str,
        prompt: str | None,
        parameters: Mapping[str, Any],
        take: int,
        extra: Mapping[str, Any] | None,
        check: bool,
        allow_unknown_cost: bool,
        parent: str,
    ) -> "tuple[Generation, Future[Record] | None]":
        """Claim the identity and start the POST: the clip, and the POST's future. None if it was asked for before."""
        gateway = self._gateways.to(name)
        asked = self._ask(gateway, prompt, parameters, take, extra, check)
        row = self.ledger.by_identity(asked.identity)
        if row is None or row.status is Status.REFUSED:
            self._purse.open(gateway.provider, gateway.key, self._estimate(), allow_unknown_cost=allow_unknown_cost)
            asked.kept(self.home)
        row, mine = self.ledger.intend(self._row(gateway, asked, parent))
        clip = self._clip(row)
        if not mine:
            self._join(row)
            return clip, None
        self._runner.hold(row, gateway)
        return clip, self._runner.submit(row.id, asked.call)

    def _ask(
        self, gateway: Gateway, prompt: str | None, parameters: Mapping[str, Any], take: int, extra: Any, check: bool
    ) -> Asked:
        given = dict(parameters)
        if prompt is not None:
            if "prompt" in given:
                raise InvalidRequest("The prompt was given twice. Nothing was sent.", hint="Give it once.")
            given = {"prompt": prompt, **given}
        return ask(
            gateway.provider, given, origin=self._gateways.origin(gateway), home=self.home, options=gateway.options,
            extra=extra, take_number=take, check=check,
        )  # fmt: skip

    def _row(self, gateway: Gateway, asked: Asked, parent: str) -> Record:
        now = time.time()
        return Record(
            id=f"{'sim' if self.simulate else 'vg'}-{secrets.token_hex(5)}",
            identity=asked.identity,
            provider=gateway.provider.NAME,
            origin=self._gateways.origin(gateway),
            model=asked.model,
            asked=asked.asked,
            extra=asked.extra,
            take=asked.take,
            parent=parent,
            cost=self._estimate(),
            created=now,
            updated=now,
        )

    def _join(self, row: Record) -> None:
        """Somebody asked for this before: go on with it where it can go on for free."""
        held = self._runner.hold(replace(row, reused=True), self._gateways.to(row.provider))
        if held.status.open or held.status is Status.SUBMITTING:
            self._runner.follow(row.id)
        elif held.status is Status.STUCK:
            self.go_on(held)

    def _raised(self, clip: Generation) -> Generation:
        bad = {Status.REFUSED, Status.UNKNOWN, Status.FAILED}
        if clip.status in bad and (error := clip.error) is not None:
            raise error
        return clip

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
        rows = self.ledger.search(
            text.split(), provider=provider, status=status, model=model, simulated=simulated, limit=limit
        )
        return History([self._clip(row) for row in rows], words=text.split())

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
            rows = [
                row
                for row in self.ledger.unfinished()
                if self._gateways.reach(row) and row.status is not Status.SUBMITTING
            ]
            for row in rows:
                self.go_on(row)
            return History([self._clip(row) for row in reversed(rows)])
        found = self.get(id)
        if found is None:
            raise InvalidRequest(f"There is no {id} in {self.home}.", hint="vg.history() lists what there is.")
        if found.status.open or found.status is Status.STUCK:
            self.go_on(found.record)
        return found

    def reindex(self) -> History:
        """Put every clip whose recipe lies in `clips/` back into the ledger; gives those that were missing there.

        For a ledger that was lost or damaged (move it aside first): the files are the truth.
        """
        found = [record for record in shelf.recipes(self.home) if self.ledger.restore(record)]
        return History([self._clip(record) for record in reversed(found)])

    def go_on(self, record: Record) -> None:
        """Bring an accepted generation home: claims its row if nobody has it, asks the provider; free."""
        gateway = self._gateways.of(record)
        self.ledger  # noqa: B018 (says so if this Studio is closed)
        record = self._runner.hold(record, gateway)
        if record.status is Status.STUCK:
            going = Status.RUNNING if record.started else Status.QUEUED
            self._runner.move(record.id, status=going, reason="", error=None, finished=None).result()
        if not record.status.settled or record.status is Status.STUCK:
            self._runner.follow(record.id)

    def check(self, record: Record) -> None:
        gateway = self._gateways.of(record)
        self._runner.hold(record, gateway)
        self._runner.check(record.id, gateway)

    def decide(self, record: Record, **values: Any) -> None:
        """Write a person's decision over a generation."""
        self._runner.hold(record, self._gateways.of(record))
        self._runner.move(record.id, **values).result()

    def search(self, record: Record) -> list[Found] | None:
        """The provider's tasks, to find a lost submission among them; None where its answer is no whole list."""
        gateway = self._gateways.of(record)
        spec: Any = gateway.provider  # `search` and `read_search` are optional in the contract
        asked = self._ask(gateway, None, record.asked, record.take, record.extra, check=False)
        reply = self._runner.ask(gateway, spec.search(asked.request, gateway.options), spec.TITLE)
        found: list[Found] | None = spec.read_search(reply)
        return found

    def resubmit(self, record: Record) -> None:
        """Send the POST of an unknown submission once more: only a person may ask for that."""
        gateway = self._gateways.of(record)
        asked = self._ask(gateway, None, record.asked, record.take, record.extra, check=False)
        self._purse.open(gateway.provider, gateway.key, self._estimate(), allow_unknown_cost=True)
        fresh = {"step": "intended", "error": None, "sent": None, "answered": None, "task_id": ""}
        self.decide(record, status=Status.SUBMITTING, **fresh)
        self._runner.submit(record.id, asked.call).result()
        self._raised(self._clip(record))

    # ── catalogue ─────────────────────────────────────────────────────────────
    def models(self, provider: str | None = None, *, live: bool = False) -> Catalogue:
        """What each model takes, with source and date. live=True asks the provider which ones the key may use."""
        gateway = self._gateways.to(self._gateways.pick(provider))
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
        listed = self._runner.ask(gateway, lister(gateway.options), spec.TITLE)
        found = spec.read_models(listed)  # type: ignore[attr-defined]  # the other half of `models`
        rows = [_live_row(model_row(spec, model.name), model) for model in found]
        told = any(_LIVE.keys() & model.facts.keys() for model in found)
        note = (
            f"as {spec.TITLE} lists them now" if told else f"{spec.TITLE} lists the names now; limits are our table's"
        )
        return Catalogue(spec.NAME, rows, note=note)

    def list_providers(self) -> Providers:
        """The providers, where their keys were found (never a part of one), and their base URLs."""
        return self._gateways.table()

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

    def settled(self, row: Record) -> "Future[Record]":
        record = self.record_of(row)
        if record.status.settled:
            future: Future[Record] = Future()
            future.set_result(record)
            return future
        if self._closed or not self._runner.holds(row.id):
            self.go_on(record)
        return self._runner.settled(row.id)

    def watch(self, row: Record, tell: Callable[[Record], None]) -> Callable[[], None]:
        record = self.record_of(row)
        if not self._runner.holds(row.id):
            if record.status.settled and record.status is not Status.STUCK and record.status is not Status.UNKNOWN:
                return lambda: None
            self._runner.hold(record, self._gateways.of(record))
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
    @property
    def ledger(self) -> Ledger:
        """The ledger of the home, opened when first needed. Raises VidgenError once the Studio is closed."""
        if self._closed:
            raise VidgenError("This Studio is closed. Nothing was sent.", hint="vg.setup() gives an open one.")
        return self._ledger

    @cached_property
    def _ledger(self) -> Ledger:
        ledger = Ledger(self.home)
        download.sweep(self.home / "clips", lambda owner: alive(self.home / "run", owner))
        ledger.bury(time.time())
        return ledger

    @cached_property
    def rescue(self) -> Rescue:
        return Rescue(self)

    @cached_property
    def _purse(self) -> Purse:
        return Purse(self.ledger, self._budget, self._allow_paid, simulate=self.simulate)

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

    def _simulated_url(self, name: str) -> str:
        self.ledger  # noqa: B018 (says so if this Studio is closed)
        return self._simulator.url(name)

    def close(self) -> None:
        """Detach: nothing of this Studio runs on. What is at the providers does; `vg.resume()` brings it home."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        if "vidgen_nb.display.live" in sys.modules:
            sys.modules["vidgen_nb.display.live"].close_all()
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

    def _estimate(self) -> Cost:
        return SIMULATED_COST if self.simulate else UNKNOWN_COST

    def _known(self, identity: str) -> Record | None:
        """The row of an identity, without making a home for the question."""
        return self.ledger.by_identity(identity) if (self.home / settings.LEDGER).is_file() else None


_LIVE = {"durations": "duration", "resolutions": "resolution", "aspectRatios": "aspect_ratio"}
"""What live catalogues call the limits they tell → our parameter."""


def _live_row(known: Model | None, listed: LiveModel) -> Model:
    """A row of the live catalogue: what the provider tells now, over what our table says."""
    row = known or Model(listed.name)
    told = {
        ours: tuple(listed.facts[theirs])
        for theirs, ours in _LIVE.items()
        if isinstance(listed.facts.get(theirs), list)
    }
    if not told:
        return row if known else replace(row, source="live catalogue")
    return replace(row, takes={**row.takes, **told}, source="live catalogue", checked=time.strftime("%Y-%m-%d"))


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
