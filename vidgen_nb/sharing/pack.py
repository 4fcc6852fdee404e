"""Writing the zip: what a stranger may have of a finished clip."""

import json
import re
import time
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vidgen_nb.engine import shelf
from vidgen_nb.engine.download import TEMPORARY
from vidgen_nb.errors import InvalidRequest, Problem
from vidgen_nb.ledger import as_json
from vidgen_nb.media.files import sha256_of
from vidgen_nb.media.formats import size_text
from vidgen_nb.media.redact import without_secrets
from vidgen_nb.records import Json, Record, Status
from vidgen_nb.scanning import Secrets
from vidgen_nb.sharing.recipe import FORMAT, MARK, inputs_of

# Names in a provider's reply under which an account, or a way into it, may stand.
_WHOSE = re.compile(
    r"(?i)user|owner|account|member|team|e?mail|phone|token(?!s)|secret|password|authorization|api_?key|balance"
)


@dataclass(frozen=True, slots=True)
class Exported:
    """A zip that was made: where it lies, whose clips are in it, and which were left out and why."""

    path: Path
    size: int
    clips: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        many = f"{len(self.clips)} clip{'s' * (len(self.clips) != 1)}"
        told = [f"{self.path}: {many}, {size_text(self.size)}"]
        told += [f"  left out: {id}, {why}" for id, why in self.left_out]
        return "\n".join(
            [*told, f'  There: vg.import_clips("{self.path.name}"), then run the notebook; no key is needed.']
        )

    def __repr__(self) -> str:
        return str(self)


def write_zip(path: Path, clips: Iterable[tuple[Record, Path]], search: Secrets) -> Exported:
    """Write finished clips, each with its home, to a zip that is there whole or not at all; an old one is replaced.

    Raises InvalidRequest where there is nothing to write, or the file cannot be written.
    """
    packed: list[str] = []
    left_out: list[tuple[str, str]] = []
    part = path.with_name(f".{path.name}.{time.time_ns():x}{TEMPORARY}")
    reason = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            _add(archive, MARK, json.dumps({"format": FORMAT}).encode())
            for record, home in clips:
                if why := _missing(record, home):
                    left_out.append((record.id, why))
                else:
                    _pack(archive, record, home, search)
                    packed.append(record.id)
        if packed:
            part.replace(path)
    except OSError as problem:
        reason = f"{path} cannot be written: {problem.strerror or type(problem).__name__}."
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    if not packed and not reason:
        reason = "There is no finished clip to export."
    if reason:
        problems = [Problem(id, why) for id, why in left_out]
        raise InvalidRequest(f"{reason} Nothing was written.", problems=problems, hint="vg.history() lists the clips.")
    return Exported(path, path.stat().st_size, tuple(packed), tuple(left_out))


def _missing(record: Record, home: Path) -> str:
    """Why a clip cannot be packed; "" if it can."""
    if record.status is not Status.SUCCEEDED or not record.files:
        return f"it is {record.status}"
    for file in record.files:
        if not (home / file.path).is_file():
            return f"{file.path} is no longer there"
        if sha256_of(home / file.path) != file.sha256:
            return f"{file.path} was changed"
    return ""


def _pack(archive: zipfile.ZipFile, record: Record, home: Path, search: Secrets) -> None:
    there = set(archive.namelist())
    for file in record.files:
        archive.write(home / file.path, file.path)
        if file.poster and (home / file.poster).is_file():
            archive.write(home / file.poster, file.poster)
    for name in inputs_of(record.asked):
        if f"inputs/{name}" not in there and (home / "inputs" / name).is_file():
            archive.write(home / "inputs" / name, f"inputs/{name}")
    recipe = json.dumps(_shareable(record, search), ensure_ascii=False, indent=1)
    _add(archive, f"clips/{shelf.stem(record)}.json", recipe.encode("utf-8", "replace"))


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, time.localtime()[:6]), data)


def _shareable(record: Record, search: Secrets) -> dict[str, Any]:
    """A record as a stranger may read it: no owner, no account, no key, no query of a URL."""
    bare = replace(record, owner="", revision=0, raw=_without_account(record.raw))
    return {name: _cleaned(value, search) for name, value in as_json(bare).items()}


def _without_account(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: "…" if _WHOSE.search(str(key)) else _without_account(item) for key, item in value.items()}
    return [_without_account(item) for item in value] if isinstance(value, list | tuple) else value


def _cleaned(value: Json, search: Secrets) -> Json:
    if isinstance(value, str):
        return search.hidden(str(without_secrets(value)))
    if isinstance(value, Mapping):
        return {search.hidden(str(key)): _cleaned(item, search) for key, item in value.items()}
    return [_cleaned(item, search) for item in value] if isinstance(value, list | tuple) else value


def finished(records: Iterable[Record]) -> list[Record]:
    """The finished ones, oldest first: what is exported where nothing is named."""
    return sorted(
        (record for record in records if record.status is Status.SUCCEEDED), key=lambda record: record.created
    )
