"""The form: a request model as widgets, for one provider or for a choice of them.

It knows no provider: fields, choices, help and limits are read from the request model and the model table, and what is
legal is asked of the same check that `generate()` makes. Changes come from the main or a subshell thread of the kernel,
records from the engine's: each takes the lock for itself, and nothing is sent while it is held.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ipywidgets
from IPython.display import publish_display_data

from vidgen_nb import providers, settings
from vidgen_nb.display import form_board as board
from vidgen_nb.display import form_saved as saved
from vidgen_nb.display.form_choices import ChoiceField
from vidgen_nb.display.form_fields import label_of
from vidgen_nb.display.form_sheet import Sheet, about, named
from vidgen_nb.display.html import Html, el, join
from vidgen_nb.display.live import Living, hear_at_once, in_notebook
from vidgen_nb.errors import InvalidRequest, Problem, VidgenError, frameless
from vidgen_nb.media.redact import kept
from vidgen_nb.providers.contract import Provider, media_fields, model_row
from vidgen_nb.records import Cost, Record, Status, Viewed, Warned

log = logging.getLogger(__name__)

_STRIP = 12  # last results
_PROPOSED = 20  # earlier clips


class Planned(Protocol):
    """What a form asks of a plan."""

    @property
    def cost(self) -> Cost: ...
    @property
    def existing(self) -> Viewed | None: ...
    @property
    def warnings(self) -> tuple[Warned, ...]: ...


class Keyed(Protocol):
    """What a form asks of a row of `list_providers()`."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...


class Desk(Protocol):
    """What a form asks of whoever makes clips. A Studio is one; a test's stand-in is another."""

    home: Path
    simulate: bool

    def plan(
        self, *, provider: str | None, take: int, extra: Mapping[str, Any] | None, **parameters: Any
    ) -> Planned: ...
    def begin(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        take: int,
        extra: Mapping[str, Any] | None,
        allow_unknown_cost: bool,
    ) -> Viewed: ...
    def get(self, id: str) -> Viewed | None: ...
    def history(self, *, status: str | None, limit: int) -> Sequence[Viewed]: ...
    def list_providers(self) -> Sequence[Keyed]: ...


class Form:
    """A request as widgets. As a cell's last line it shows itself; `value`, `generate()` and `code()` work without.

    Args:
        desk: Who checks and makes.
        provider: The provider; None lets a person choose.
        values: What stands in the form at first, under our names or the provider's own.
    """

    def __init__(self, desk: Desk, provider: str | None = None, values: Mapping[str, Any] | None = None) -> None:
        self._desk = desk
        self._lock = threading.RLock()
        self._choice: ChoiceField | None = None
        self._kept: dict[str, Any] = {}  # what other providers took, for when they are chosen again
        self._models: dict[str, Any] = {}  # the model chosen with each provider
        self._clips: list[Viewed] = []
        self._stops: dict[str, Callable[[], None]] = {}
        self._statuses: dict[str, Status] = {}  # as they were last seen
        self._current = ""
        self._living: Living | None = None
        self._failure: VidgenError | None = None
        self._plan: Planned | None = None
        self._problems: list[Problem] = []
        self._next = 0
        if provider is None:
            known = {name: spec.TITLE for name, spec in providers.every().items()}
            self._choice = _ProviderField(known)
            provider = _likely(desk, tuple(known))
            self._choice.write(provider)
            self._choice.changed = self._switched
        self._board = board.Board(self._pressed)
        self._card = ipywidgets.VBox([])
        self._card.add_class("vg-below")
        self.widget = ipywidgets.VBox([])
        for name in ("vg", "vg-form"):
            self.widget.add_class(name)
        self._sheet = self._made(providers.find(provider))
        self._lay_out()
        self.value = dict(values or {})

    # ── the values ────────────────────────────────────────────────────────────
    @property
    def provider(self) -> str:
        """The provider this form asks at the moment."""
        return self._sheet.spec.NAME

    @property
    def value(self) -> dict[str, Any]:
        """What is filled in, in the common vocabulary: what `generate()` takes. Setting it replaces everything.

        With it `provider` where that is chosen in the form, `take` from 2 on, and `extra`.
        """
        with self._lock:
            given = {"provider": self.provider} if self._choice is not None else {}
            return {**given, **self._sheet.read()}

    @value.setter
    @frameless
    def value(self, values: Mapping[str, Any]) -> None:
        with self._lock:
            given = dict(values)
            chosen = given.pop("provider", self.provider)
            if chosen != self.provider and self._choice is None:
                hint = f'vg.form("{chosen}") or vg.form(), which has a choice.'
                raise InvalidRequest(f"This is the form of {self._sheet.spec.TITLE}.", hint=hint)
            spec = providers.find(chosen)
            known, self._kept = named(spec, given, choosing=self._choice is not None)
            self._use(spec)
            self._sheet.fill(known)
            self._failure = None
            self._check()

    # ── the sheet ─────────────────────────────────────────────────────────────
    def _made(self, spec: Provider) -> Sheet:
        return Sheet(
            spec,
            home=self._desk.home,
            who=self._choice.row if self._choice is not None else None,
            find=self._desk.get,
            earlier=self._earlier() if media_fields(spec.Request) else (),
            changed=self._changed,
        )

    def _use(self, spec: Provider) -> None:
        """Another provider's fields, in the place of those that stand there."""
        if self.provider == spec.NAME:
            return
        old, self._sheet = self._sheet, self._made(spec)
        if self._choice is not None:
            self._choice.write(spec.NAME)
        self._lay_out()
        old.close(keep=[self._choice.row] if self._choice is not None else [])

    def _lay_out(self) -> None:
        self.widget.children = (*self._sheet.widgets, self._board, self._card)
        for widget in _tree(self.widget):
            hear_at_once(widget)

    def _switched(self) -> None:
        """A person chose another provider: what it takes too stays, the rest waits until the first is chosen again."""
        with self._lock:
            spec = providers.find(self._choice.value if self._choice is not None else self.provider)
            if self.provider == spec.NAME:
                return
            given = self._sheet.read()
            model = self._models[self.provider] = given.pop("model", None)
            self._kept = {name: value for name, value in self._kept.items() if name not in self._sheet.fields} | given
            model = self._models.get(spec.NAME) or (model if model_row(spec, model or "") else None)
            self._use(spec)
            self._sheet.fill({**self._kept, "model": model})
            self._failure = None
            self._check()

    def _earlier(self) -> list[Viewed]:
        """Clips to refer to. Looking for them makes no home."""
        if not (self._desk.home / settings.LEDGER).is_file():
            return []
        try:
            return list(self._desk.history(status=str(Status.SUCCEEDED), limit=_PROPOSED))
        except VidgenError:
            return []

    # ── checking ──────────────────────────────────────────────────────────────
    def _changed(self) -> None:
        try:
            with self._lock:
                self._failure = None
                self._check()
        except Exception:  # in a callback of a widget: it would land nowhere
            log.debug("the form could not check itself", exc_info=True)

    def _asked(self) -> tuple[dict[str, Any], int, Any, list[Problem]]:
        """Parameters, take, extra, and what cannot be read."""
        given, problems = self._sheet.sent()
        return given, given.pop("take", 1), given.pop("extra", None), problems

    def _check(self) -> None:
        """Ask what would be sent, and show what comes of it: nothing is."""
        given, take, extra, problems = self._asked()
        self._plan, self._next, failure = None, 0, self._failure
        warnings: Sequence[Warned] = ()
        try:
            plan = self._desk.plan(provider=self.provider, take=take, extra=extra, **given)
            if not problems:
                self._plan, warnings = plan, plan.warnings
                self._next = self._free_take(given, take, extra) if plan.existing is not None else 0
        except InvalidRequest as error:
            problems += [problem for problem in error.problems if problem.parameter not in dict(problems)]
            failure = failure if error.problems else error
        except VidgenError as error:
            failure = error
        self._problems = problems
        self._sheet.tell(given.get("model"), problems, warnings)
        self._board.line = str(self._line(failure))
        self._board.buttons = str(board.buttons(legal=self._plan is not None, take=self._next))

    def _free_take(self, given: Mapping[str, Any], take: int, extra: Any) -> int:
        """The next take which nobody made so far."""
        following = take + 1
        while self._desk.plan(provider=self.provider, take=following, extra=extra, **given).existing is not None:
            following += 1
        return following

    def _line(self, failure: VidgenError | None) -> Html:
        """The one line beside the buttons."""
        if self._problems:
            needed = [label_of(about(name)).lower() for name, _ in self._problems if self._sheet.calm(name)]
            line = board.wrong(len(self._problems) - len(needed), needed)
            nowhere = [f"{name}: {said}" for name, said in self._problems if about(name) not in self._sheet.fields]
            return join(line, " ", el("span", {"class": "vg-hint"}, "; ".join(nowhere))) if nowhere else line
        if failure is not None:
            return board.refused(failure.message, failure.hint)
        if self._plan is not None and self._plan.existing is not None:
            return board.existing(self._plan.existing.record)
        return board.ready(self._plan.cost if self._plan else Cost(), simulated=self._desk.simulate)

    # ── making clips ──────────────────────────────────────────────────────────
    @frameless
    def generate(self, *, take: int | None = None, allow_unknown_cost: bool = False) -> Viewed:
        """What the button does: ask for the clip, or give the one that exists; its card stands below the form at once.

        Args:
            take: Another take than the form's, which the form has from then on.
            allow_unknown_cost: Go on under a budget though the price is not known.

        Returns:
            The clip, while its POST goes on.

        Raises:
            InvalidRequest: Every problem of the request at once. Nothing was sent.
            MissingKey, PaidRefused, BudgetExceeded, LedgerUnavailable: Nothing was sent.
        """
        with self._lock:
            if take is not None:
                self._sheet.fields["take"].write(take)
            given, number, extra, problems = self._asked()
            name = self.provider
        if problems:
            raise InvalidRequest("The form cannot be read. Nothing was sent.", problems=problems)
        clip = self._desk.begin(name, given, take=number, extra=extra, allow_unknown_cost=allow_unknown_cost)
        self._show(clip)
        return clip

    @frameless
    def code(self) -> str:
        """The call which asks for the same clip, as Python; of a signed address without what signs it.

        Raises:
            InvalidRequest: Every problem of the request at once.
        """
        with self._lock:
            given, take, extra, problems = self._asked()
            if problems:
                raise InvalidRequest("The form cannot be read.", problems=problems)
            self._desk.plan(provider=self.provider, take=take, extra=extra, **given)  # raises what is wrong
            return self._sheet.call()

    def _pressed(self, act: str, id: str) -> str | None:
        """A button. Returns text for the page, None for none; what goes wrong is said in the line."""
        try:
            if act == "code":
                return self.code()
            self._deed(act, id)
        except VidgenError as error:
            with self._lock:
                self._failure = error
                self._check()
        return None

    def _deed(self, act: str, id: str) -> None:
        clip = next((clip for clip in self._clips if clip.record.id == id), None)
        if act == "generate":
            self.generate()
        elif act == "take" and self._next:
            self.generate(take=self._next)
        elif act == "show" and clip is not None:
            self._show(clip)
        elif act == "use" and clip is not None:
            self._use_again(clip.record)

    def _use_again(self, record: Record) -> None:
        """The settings of a clip, in this form."""
        values = {**record.asked, "take": record.take, **({"extra": dict(record.extra)} if record.extra else {})}
        self.value = {**values, **({"provider": record.provider} if self._choice is not None else {})}

    def _show(self, clip: Viewed) -> None:
        """Put a clip into the strip, and its card below."""
        with self._lock:
            self._current = clip.record.id
            if self._current not in self._stops:
                self._clips.insert(0, clip)
                self._stops[self._current] = clip.watch(self._followed)
                for gone in self._clips[_STRIP:]:
                    self._stops.pop(gone.record.id)()
                del self._clips[_STRIP:]
            if in_notebook():
                self._replace_card(clip)
            self._failure = None
            self._strip()
            self._check()

    def _replace_card(self, clip: Viewed) -> None:
        old, self._living = self._living, Living(clip, embed_limit=-1)
        # where nobody looks, the card of a finished clip is closed at once, and no box can hold it
        self._card.children = (self._living.widget,) if self._living.widget.comm is not None else ()
        if old is not None:
            old.close()
            old.widget.close()

    def _followed(self, record: Record) -> None:
        """A record from the engine's thread."""
        try:
            with self._lock:
                self._strip()
                if self._statuses.get(record.id) is not record.status:
                    self._statuses[record.id] = record.status
                    if record.status is Status.SUCCEEDED:
                        self._sheet.propose(self._earlier())
                    self._check()
        except Exception:
            log.debug("the form could not follow %s", record.id, exc_info=True)

    def _strip(self) -> None:
        self._board.tiles = str(board.strip(self._clips, self._current))

    # ── showing ───────────────────────────────────────────────────────────────
    def _ipython_display_(self) -> None:
        if not in_notebook():
            print(self)  # noqa: T201 - the one output of a script or a terminal, in the call that asked for it
            return
        data = self._repr_mimebundle_()
        if os.environ.get("VIDGEN_DISPLAY") != "static":
            made: Any = self.widget._repr_mimebundle_()
            data = {**(made[0] if isinstance(made, tuple) else made or {}), **data}
        publish_display_data(data)  # type: ignore[no-untyped-call]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """The static form, which is seen where the widget is not."""
        with self._lock:
            title = f"Form · {self._sheet.spec.TITLE}"
            call = self._sheet.call() if self._plan is not None else ""
            html = saved.as_html(title, kept(self.value), self._problems, call)
            return {"text/html": str(html), "text/plain": str(self)}

    def __repr__(self) -> str:
        return saved.as_text(self._sheet.spec.TITLE, kept(self.value), self._problems)


class _ProviderField(ChoiceField):
    """Which provider: one is always chosen."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._titles = known
        super().__init__("provider", "", known)
        self._values = list(known)
        self._relabel()

    def _label(self, value: Any) -> str:
        return self._titles.get(value, "") if value is not None else ""


def _likely(desk: Desk, known: Sequence[str]) -> str:
    """The provider which stands in a form at first: the only one with a key, else the first."""
    keyed = [row.name for row in desk.list_providers() if row.key]
    return keyed[0] if len(keyed) == 1 else known[0]


def _tree(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _tree(child)
