"""What the functions answer with: plans, lists of clips, catalogues. Plain values that know how to show themselves."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, overload

from vidgen_nb.records import UNKNOWN_COST, Cost, Json, Price, Warned

if TYPE_CHECKING:
    from vidgen_nb.generation import Generation
    from vidgen_nb.providers.contract import Model
    from vidgen_nb.purse import Sum
    from vidgen_nb.searching import Archive, Search


@dataclass(frozen=True, slots=True)
class Plan:
    """What `generate` would send. Making one sends nothing.

    body: the exact JSON. existing: the clip, if it was asked for already, so that generating costs nothing. identity:
    the hash of what was asked. warnings: what to know before paying.
    """

    provider: str
    method: str
    url: str
    body: Json = field(repr=False)
    warnings: tuple[Warned, ...]
    identity: str
    take: int
    cost: Cost = UNKNOWN_COST
    existing: "Generation | None" = None
    defaults: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.catalogue import plan_bundle

        return plan_bundle(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Plan is not pickled: its body may hold media and signed addresses")


class Shown:
    """A list that shows itself: IPython's own printer for lists would have the first word otherwise."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        raise NotImplementedError

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def __str__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]


class Later(Sequence["Generation"]):
    """Clips by their ids, read from the ledger when they are looked at: ten thousand of them cost nothing."""

    def __init__(self, ids: Sequence[str], load: Callable[[Sequence[str]], list["Generation"]]) -> None:
        self._ids = ids
        self._load = load

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> "Generation": ...
    @overload
    def __getitem__(self, index: slice) -> "list[Generation]": ...
    def __getitem__(self, index: int | slice) -> "Generation | list[Generation]":
        return self._load(self._ids[index]) if isinstance(index, slice) else self._load([self._ids[index]])[0]

    def __iter__(self) -> Iterator["Generation"]:
        for start in range(0, len(self._ids), 100):
            yield from self[start : start + 100]


class History(Shown, Sequence["Generation"]):
    """Clips, unknown outcomes first, then newest: a list to read from, and a gallery in a cell, a page at a time.

    search: What was searched for, None where nothing was. archive: Where a person can search on.
    """

    def __init__(
        self,
        clips: Sequence["Generation"],
        *,
        search: "Search | None" = None,
        page: int = 1,
        archive: "Archive | None" = None,
    ) -> None:
        self._clips = clips
        self._search = search
        self.words = tuple(search.words) if search is not None else ()
        self.page = page
        self._call = search.call if search is not None else None
        self._archive = archive

    @overload
    def __getitem__(self, index: int) -> "Generation": ...
    @overload
    def __getitem__(self, index: slice) -> "list[Generation]": ...
    def __getitem__(self, index: int | slice) -> "Generation | list[Generation]":
        return list(self._clips[index]) if isinstance(index, slice) else self._clips[index]

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator["Generation"]:
        return iter(self._clips)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, History | list | tuple) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it may grow, as a list may

    def __repr__(self) -> str:
        return str(self)

    def _ipython_display_(self) -> None:
        """Where a person looks, a form to search on with. Everywhere else the page alone."""
        from vidgen_nb.display import history_live

        if self._search is None or self._archive is None or not history_live.looked_at():
            raise NotImplementedError  # how IPython is told to ask for the MIME bundle
        history_live.show(self._archive, self._search, self.page, self._repr_mimebundle_())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.gallery import PAGE, history_bundle

        pages = max(1, -(-len(self) // PAGE))
        page = min(self.page, pages)  # one beyond the last is the last
        first, others = (page - 1) * PAGE, (("previous", page - 1), ("next", page + 1))
        call = self._call
        turn = [(which, call(number)) for which, number in others if 0 < number <= pages] if call is not None else []
        return history_bundle(self[first : first + PAGE], len(self), matched=self.words, first=first, turn=turn)


class Spend(Shown, list["Sum"]):
    """What was spent, as a table in a cell: a row for each provider, day or model (`by`) and unit."""

    def __init__(self, rows: Iterable["Sum"], by: str) -> None:
        super().__init__(rows)
        self.by = by

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.catalogue import spend_bundle

        return spend_bundle(self, self.by)


class Prices(Shown, list["Price"]):
    """The prices which a person set in this home, as a table in a cell."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.catalogue import prices_bundle

        return prices_bundle(self)


class Catalogue(Shown, list["Model"]):
    """A provider's models and what each takes, with the source and the date of each fact."""

    def __init__(self, provider: str, models: Iterable["Model"], note: str = "") -> None:
        super().__init__(models)
        self.provider = provider
        self.note = note

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.catalogue import models_bundle

        return models_bundle(self.provider, self, self.note)


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider as this Studio sees it. `key` says where it was found, "" if nowhere; never a part of it."""

    name: str
    title: str
    key: str
    key_variable: str
    base_url: str
    base_url_variable: str
    search: str
    models: int


class Providers(Shown, list[ProviderInfo]):
    """All providers, as a table in a cell."""

    def __init__(self, rows: Sequence[ProviderInfo]) -> None:
        super().__init__(rows)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        from vidgen_nb.display.catalogue import providers_bundle

        return providers_bundle(self)
