"""What is looked for in the history: from a person's arguments to the ids that match."""

import difflib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vidgen_nb import providers
from vidgen_nb.errors import InvalidRequest, Problem
from vidgen_nb.ledger import Ledger
from vidgen_nb.records import Status, Viewed

MOST_WORDS = 200  # SQLite nests a condition for each


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The arguments of `vg.history()`. `find` gives what matches, `call` the same call for another page."""

    text: str = ""
    provider: str | None = None
    status: str | None = None
    model: str | None = None
    simulated: bool | None = None
    limit: int | None = None

    @property
    def words(self) -> list[str]:
        return self.text.split()

    def find(self, ledger: Ledger) -> list[str]:
        """The ids, unknown outcomes first, then newest. Raises InvalidRequest for what cannot be looked for."""
        problems = self._problems()
        if problems:
            raise InvalidRequest(
                "This cannot be looked for.",
                problems=problems,
                hint='vg.history("boat", provider="relaydance", status="succeeded")',
            )
        found = ledger.find(
            self.words,
            provider=self.provider,
            status=self.status,
            model=self.model,
            simulated=self.simulated,
            limit=-1 if self.limit is None else self.limit,
        )
        if not found and self.provider is not None and self.provider not in providers.names():
            known = ", ".join(providers.names())
            raise InvalidRequest(
                f"There is no provider {self.provider!r}, and no clip of one.", hint=f"Known: {known}."
            )
        return found

    def call(self, page: int) -> str:
        """The call that shows this page, as a person would type it."""
        names = ("provider", "status", "model", "simulated", "limit")
        given = [(name, value) for name in names if (value := getattr(self, name)) is not None]
        text = [_typed(self.text)] if self.text else []
        words = [f"{name}={_typed(value)}" for name, value in given]
        return f"vg.history({', '.join([*text, *words, f'page={page}'])})"

    def _problems(self) -> list[Problem]:
        problems = [
            Problem(name, f"takes text, not {value!r}")
            for name in ("text", "provider", "status", "model")
            if not isinstance(value := getattr(self, name), str | None) or (name == "text" and value is None)
        ]
        if not problems and len(self.words) > MOST_WORDS:
            problems.append(Problem("text", f"has {len(self.words)} words: at most {MOST_WORDS} are looked for"))
        if isinstance(self.status, str) and self.status not in list(Status):
            near = difflib.get_close_matches(self.status, list(Status), n=1)
            there = f"did you mean {near[0]}?" if near else f"there are {', '.join(Status)}"
            problems.append(Problem("status", f"{self.status!r} is none: {there}"))
        simulated: object = self.simulated
        if not isinstance(simulated, bool | None):
            problems.append(Problem("simulated", f"takes True or False, not {simulated!r}"))
        if self.limit is not None and not whole(self.limit):
            problems.append(Problem("limit", f"{self.limit!r} is not a whole number from 1"))
        return problems


@dataclass(frozen=True, slots=True)
class Archive:
    """A home as a history that is searched on sees it; any of these may raise a VidgenError.

    find: the clips that match, each read when it is looked at. get: the clip of an id. titles: of the providers that
    occur, by their names.
    """

    find: Callable[[Search], Sequence[Viewed]]
    get: Callable[[str], Viewed | None]
    titles: Callable[[], Mapping[str, str]]


def occurring(db: sqlite3.Connection) -> list[str]:
    """The providers of which there are clips, for `Ledger.ask`."""
    return [row[0] for row in db.execute("SELECT DISTINCT provider FROM generations ORDER BY provider")]


def whole(number: object) -> bool:
    """Whether it is a whole number from 1, and one that SQLite can count to."""
    return isinstance(number, int) and not isinstance(number, bool) and 1 <= number < 2**63


def _typed(value: object) -> str:
    """A value as people type it: texts in double quotes."""
    return json.dumps(str(value), ensure_ascii=False) if isinstance(value, str) else repr(value)
