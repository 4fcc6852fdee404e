"""What the functions answer with: plans, lists of clips, catalogues. Plain values that know how to show themselves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidgen_nb.records import UNKNOWN_COST, Cost, Json, Warned

if TYPE_CHECKING:
    from vidgen_nb.generation import Generation
    from vidgen_nb.providers.contract import Model


@dataclass(frozen=True, slots=True)
class Plan:
    """What `generate` would send. Making one sends nothing.

    body: the exact JSON. existing: the clip, if it was asked for already, so that generating costs nothing. identity:
    the hash of what was asked. warnings: what to know before paying.
    """

    provider: str
    method: str
    url: str
    body: Json
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


class _Shown:
    """A list that shows itself: IPython's own printer for lists would have the first word otherwise."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        raise NotImplementedError

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def __str__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]


class History(_Shown, list["Generation"]):
    """Clips, newest first; a gallery in a cell. `total` counts what matched, `words` are what was searched for."""

    def __init__(self, clips: Iterable["Generation"], total: int | None = None, words: Sequence[str] = ()) -> None:
        super().__init__(clips)
        self.total = len(self) if total is None else total
        self.words = tuple(words)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from vidgen_nb.display.gallery import history_bundle

        return history_bundle(self, self.total, matched=self.words)


class Catalogue(_Shown, list["Model"]):
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


class Providers(_Shown, list[ProviderInfo]):
    """All providers, as a table in a cell."""

    def __init__(self, rows: Sequence[ProviderInfo]) -> None:
        super().__init__(rows)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        from vidgen_nb.display.catalogue import providers_bundle

        return providers_bundle(self)
