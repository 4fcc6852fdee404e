"""vg.sweep(): a plan of many clips. Planning sends nothing; `run()` makes what is missing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidgen_nb import providers
from vidgen_nb.axes import Axis, Single, Spread, label
from vidgen_nb.errors import InvalidRequest, Problem, VidgenError, frameless
from vidgen_nb.generation import Generation
from vidgen_nb.media.redact import unsigned
from vidgen_nb.providers.contract import aliases
from vidgen_nb.purse import Leave
from vidgen_nb.records import UNKNOWN_COST, Cost
from vidgen_nb.sweep_run import SweepRun

if TYPE_CHECKING:
    from vidgen_nb.studio import Studio

_USUAL = {"check": True, "skip_invalid": False, "allow_unknown_cost": False}
PARALLEL = 4  # unfinished clips at one provider, where nothing else is said


@dataclass(frozen=True, slots=True)
class Row:
    """One clip of a sweep, as it was planned.

    new: it would be made. exists: it was asked for before and costs nothing. repeat: the same request as an earlier
    row. invalid: `reason` says why it cannot be made.
    """

    single: Single
    state: Literal["new", "exists", "repeat", "invalid"]
    reason: str = ""
    cost: Cost = UNKNOWN_COST
    existing: Generation | None = None
    warnings: tuple[str, ...] = ()


class Sweep:
    """What a sweep would make, as a table: how many clips, which exist, what the rest costs. `run()` makes it."""

    def __init__(self, studio: "Studio", asked: Spread, *, skip_invalid: bool = False, **options: Any) -> None:
        self._studio = studio
        self._asked = asked
        self._skip_invalid = skip_invalid
        self._options = options  # of plan() and begin(): check, max_cost, allow_unknown_cost
        seen: set[str] = set()
        self.rows = tuple(self._planned(single, seen) for single in asked.singles)
        self._beyond = tuple(self._together())

    @property
    def template(self) -> str:
        return self._asked.template

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What varies, in the order in which it was given."""
        return self._asked.axes

    @property
    def shared(self) -> dict[str, Any]:
        """The parameters which are the same for every clip, under our names."""
        return _ours(self._asked.fixed, self._asked.singles)

    @property
    def ratio(self) -> float:
        """Width by height of the first clip, for which the grid reserves room."""
        from vidgen_nb.display.face import ratio_of

        first = self._asked.singles[:1]
        return ratio_of(_ours(first[0].parameters, first).get("aspect_ratio"))

    @property
    def counts(self) -> Counter[str]:
        """How many rows are new, exists, repeat and invalid."""
        return Counter(row.state for row in self.rows)

    @property
    def costs(self) -> list[Cost]:
        """What the new clips cost together: one Cost for each unit, and an unknown one if any is not known."""
        return total([row.cost for row in self.rows if row.state == "new"])

    @property
    def beyond(self) -> tuple[str, ...]:
        """What the budget says to those new clips together of which it holds each; empty where it holds them all."""
        return self._beyond

    @frameless
    def run(self, parallel: int | Mapping[str, int] | None = None, *, skip_invalid: bool | None = None) -> "SweepRun":
        """Make what is missing. Comes back at once; what exists is joined and costs nothing.

        Args:
            parallel: How many unfinished clips each provider may have: a number, or numbers by provider name.
            skip_invalid: True makes the valid rows; otherwise one invalid row refuses them all.

        Raises:
            InvalidRequest: There are invalid rows. Nothing was sent.
            MissingKey, PaidRefused, LedgerUnavailable: Nothing was sent.
        """
        names = list(dict.fromkeys(row.single.provider for row in self.rows))
        caps = _caps(parallel, names)
        skip = self._skip_invalid if skip_invalid is None else skip_invalid
        bad = [(number, row) for number, row in enumerate(self.rows, 1) if row.state == "invalid"]
        if bad and (not skip or len(bad) == len(self.rows)):
            count = f"{len(bad)} of {len(self.rows)} clips cannot be made. Nothing was sent."
            hint = "Fix them, or pass skip_invalid=True." if len(bad) < len(self.rows) else "Fix them."
            problems = [Problem(f"row {number} ({self.name(row)})", row.reason) for number, row in bad[:20]]
            raise InvalidRequest(count, problems=problems, hint=hint)
        for name in dict.fromkeys(row.single.provider for row in self.rows if row.state == "new"):
            self._studio.admit(name)
        run = SweepRun(self._studio, self, caps, self._options)
        run.start()
        return run

    def name(self, row: Row) -> str:
        """What tells a row from the others: `fox, seed 1`."""
        return ", ".join(
            label if label.isidentifier() or axis.name in {"take", "duration"} else f"{axis.name} {label}"
            for axis, index in zip(self.axes, row.single.where, strict=True)
            if (label := axis.labels[index])
        )

    def code(self) -> str:
        """The call which makes this sweep, as Python. Pictures given as data are only named."""
        given = {**self._asked.fixed, **{axis.name: list(axis.values) for axis in self.axes}}
        prompt = given.pop("prompt", None)
        lines = [] if prompt is None else [f"    {_literal(prompt)},"]
        lines += [f"    {name}={_literal(value)}," for name, value in given.items()]
        flags = {**self._options, "skip_invalid": self._skip_invalid}
        lines += [f"    {name}={value!r}," for name, value in flags.items() if value != _USUAL.get(name)]
        return "\n".join(["vg.sweep(", *lines, ")"])

    def _planned(self, single: Single, seen: set[str]) -> Row:
        try:
            plan = self._studio.plan(
                provider=single.provider, take=single.take, extra=single.extra, **self._options, **single.parameters
            )
        except VidgenError as error:
            problems = getattr(error, "problems", ())
            reason = "; ".join(f"{parameter}: {message}" for parameter, message in problems) or error.message
            return Row(single, "invalid", reason)
        repeated = plan.identity in seen
        seen.add(plan.identity)
        state: Literal["new", "exists", "repeat"] = (
            "exists" if plan.existing is not None else "repeat" if repeated else "new"
        )
        return Row(single, state, "", plan.cost, plan.existing, tuple(map(str, plan.warnings)))

    def _together(self) -> Iterator[str]:
        objection = self._studio.orders.objection
        alone = Leave.given(self._options.get("max_cost"), self._options.get("allow_unknown_cost", False))
        new = [row.cost for row in self.rows if row.state == "new" and row.cost.amount is not None]
        held = {cost for cost in set(new) if objection(cost, alone) is None}  # the others are told row by row
        for cost in total([cost for cost in new if cost in held]):
            if why := objection(cost, Leave({}, unknown=True)):
                yield f"Together: {why[0]} What no longer fits is refused when its turn comes. {why[1]}"

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.sweep_plan import plan_bundle

        return plan_bundle(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


def total(costs: Sequence[Cost]) -> list[Cost]:
    """The sum for each unit, never across units; one unknown Cost if any is unknown."""
    units: dict[str, list[Cost]] = {}
    for cost in costs:
        if cost.amount is not None:
            units.setdefault(cost.unit, []).append(cost)
    sums = [
        Cost(sum(cost.amount or 0 for cost in same), unit, same[0].basis if len({c.basis for c in same}) == 1 else "")
        for unit, same in units.items()
    ]
    return [*sums, UNKNOWN_COST] if any(cost.amount is None for cost in costs) else sums


def _ours(given: Mapping[str, Any], singles: Sequence[Single]) -> dict[str, Any]:
    """Parameters under our names."""
    names: dict[str, str] = {}
    for provider in dict.fromkeys(single.provider for single in singles):
        names |= aliases(providers.find(provider).Request)
    return {names.get(name, name): value for name, value in given.items()}


def _caps(parallel: Any, names: Sequence[str]) -> dict[str, int]:
    given: Mapping[str, Any] = dict.fromkeys(names, PARALLEL if parallel is None else parallel)
    if isinstance(parallel, Mapping):
        given = parallel
    problems = [
        Problem("parallel", f"{number!r} is not a whole number from 1")
        for number in given.values()
        if isinstance(number, bool) or not isinstance(number, int) or number < 1
    ]
    problems += [
        Problem("parallel", f"{name!r} is no provider of this sweep: it has {', '.join(names)}")
        for name in given
        if name not in names
    ]
    if problems:
        hint = f'parallel=3, or parallel={{"{names[0]}": 3}}: so many unfinished clips at a provider.'
        unique = list(dict.fromkeys(problems))
        raise InvalidRequest("The sweep cannot run like that. Nothing was sent.", problems=unique, hint=hint)
    return {name: given.get(name, PARALLEL) for name in names}


def _literal(value: Any) -> str:
    """A value as Python; what has no short form is named in a comment-like string."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, Generation):
        return f'vg.resume("{value.id}")'
    if isinstance(value, Path):
        return repr(str(value))
    if isinstance(value, str):
        return repr(unsigned(value))  # it stands in the saved notebook
    plain = isinstance(value, int | float | Mapping) or value is None
    return repr(value) if plain else f"...  # {label('', value)}"
