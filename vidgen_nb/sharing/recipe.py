"""A recipe as it travels, and how much of a stranger's is believed: every field of its type and within its range."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from vidgen_nb.ledger import as_json, from_json
from vidgen_nb.media.redact import without_secrets
from vidgen_nb.records import IMPORTED, Cost, Json, Record, Status

FORMAT = 1
MARK = "vidgen.json"
MOST_FILES = 20  # of one clip; no provider makes as many

INPUT = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{2,5}", re.ASCII)
_ID = re.compile(r"(?:vg|sim)-[0-9a-f]{10}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WORD = re.compile(r"[a-z_][a-z0-9_]{0,63}", re.ASCII)  # what clip.code() writes as a name
_ORIGIN = re.compile(r"simulator|https?://[a-z0-9.:\[\]-]{1,260}", re.ASCII)
_RECORDS = TypeAdapter(Record)


class Refused(Exception):
    """Why a zip is not taken: what, and what is wrong with it."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(why)
        self.what, self.why = what, why


def inputs_of(value: Json) -> Iterator[str]:
    """The names of reference media given as data, anywhere in what was asked."""
    if isinstance(value, Mapping):
        if isinstance(name := value.get("input"), str) and INPUT.fullmatch(name):
            yield name
        for item in value.values():
            yield from inputs_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from inputs_of(item)


def json_of(data: bytes, name: str) -> Json:
    """The JSON of an entry. Raises Refused."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Refused(name, "is not JSON") from None


def record_of(data: bytes, name: str) -> Record:
    """The record of a recipe, as a row of this home would hold it. Raises Refused."""
    try:
        record = _RECORDS.validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:60] or "it"
        raise Refused(name, f"is no recipe: {place}: {first['msg'][:80]}") from None
    if wrong := next(_wrong(record), ""):
        raise Refused(name, f"is no recipe of a finished clip: {wrong}")
    kept = from_json(as_json(record))  # without what only a living process sees
    return replace(
        kept, owner="", revision=1, step="sending", reason="", error=None, progress=100.0, cost=_elsewhere(record),
        raw=without_secrets(record.raw),
    )  # fmt: skip


def _wrong(record: Record) -> Iterator[str]:
    """What a recipe of ours never says."""
    if record.status is not Status.SUCCEEDED or not 1 <= len(record.files) <= MOST_FILES:
        yield "status and files"
    for name, pattern in (("id", _ID), ("identity", _HASH), ("provider", _WORD), ("origin", _ORIGIN)):
        if not pattern.fullmatch(getattr(record, name)):
            yield name
    if record.parent and not _ID.fullmatch(record.parent):
        yield "parent"
    if record.simulated != record.id.startswith("sim-"):
        yield "id and origin"
    if bad := [name for name in record.asked if not _WORD.fullmatch(name)]:
        yield f"the parameter {bad[0][:40]!r}"
    if not isinstance(record.asked.get("prompt", ""), str):
        yield "prompt"
    if not 1 <= record.take <= 1_000_000 or (record.rating is not None and not 1 <= record.rating <= 5):
        yield "take or rating"
    times = (record.created, record.updated, record.sent, record.answered, record.started, record.finished)
    if any(at is not None and not 0 <= at < 4e9 for at in times) or not record.created:
        yield "times"
    if record.cost.amount is not None and not math.isfinite(record.cost.amount):
        yield "cost"
    try:
        json.dumps(as_json(record), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        yield "text or numbers that cannot be written"


def _elsewhere(record: Record) -> Cost:
    """What an imported clip costs here: nothing. What it cost there stays readable, and is no money of this home."""
    if record.simulated:
        return Cost(0, "", "simulated")
    known = record.cost.amount is not None
    paid = f"; {Cost(record.cost.amount, record.cost.unit)} where it was made" if known else ""
    return Cost(0, record.cost.unit, f"{IMPORTED}{paid}")
