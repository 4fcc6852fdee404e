"""Reading a zip. It is a stranger's until every byte of it was looked at.

It is taken whole or refused whole: nothing is written outside of the home, nothing that is there is overwritten, and a
recipe is believed only where it can be checked. What cannot be checked, that a clip shows what its prompt says, is the
word of whoever made the zip. (A disk that fails at the very end leaves whole clips; importing again goes on.)
"""

import json
import os
import re
import shutil
import struct
import time
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from vidgen_nb.engine.download import MAX_BYTES, TEMPORARY
from vidgen_nb.errors import InvalidRequest, MediaRefused, Problem
from vidgen_nb.ledger import Ledger, as_json
from vidgen_nb.media import video
from vidgen_nb.media.files import sha256_of, write_whole
from vidgen_nb.media.formats import HEAD, JPEG, sniff
from vidgen_nb.media.mp4 import mp4_flaw
from vidgen_nb.records import ClipFile, Record, Status
from vidgen_nb.sharing.recipe import FORMAT, INPUT, MARK, Refused, inputs_of, json_of, record_of

MOST_ENTRIES = 5_000
MOST_OF_A_RECIPE = 4 << 20  # bytes
MOST_PIECES = 500_000  # values in all recipes: empty lists take thirty times their length in memory
SWELLS, SLACK = 4, 64 << 20  # clips do not get smaller by packing: what grows by more than this is a bomb
_TOLD = 20  # problems; more say no more
_STEM = r"\d{4}-\d\d-\d\d_((?:sim-)?[0-9a-f]{10})(?:_\d{1,3})?"
_NAME = re.compile(rf"clips/{_STEM}\.(?:mp4|jpg|json)|inputs/{INPUT.pattern}|{re.escape(MARK)}", re.ASCII)
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BROKEN = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, NotImplementedError, EOFError, UnicodeError,
)  # fmt: skip

Entries = dict[str, zipfile.ZipInfo]


def read_zip(path: Path, ledger: Ledger) -> list[str]:
    """Take the clips of a zip into the ledger's home. Gives the ids, as the ledger has them, of all that are in it.

    A clip which is here already, by its id or by what was asked, stays as it is; a refused request gives way.

    Raises InvalidRequest with what is wrong with the zip; nothing of it is kept then.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked(archive, path.stat().st_size, ledger.home)
            loader = _Loader(archive, entries, ledger)
            try:
                clips = loader.load()
                return [loader.settle(clip) for clip in clips]
            finally:
                loader.sweep()
    except _Wrong as wrong:
        problems = wrong.problems
    except Refused as refused:
        problems = [Problem(refused.what, refused.why)]
    except _BROKEN as broken:
        problems = [Problem(path.name, f"is no whole zip file ({str(broken)[:80]})")]
    except OSError as broken:
        problems = [Problem(str(path), f"cannot be read or written ({broken.strerror or type(broken).__name__})")]
    hint = "Ask whoever made it for a fresh vg.export_clips()."
    raise InvalidRequest(f"{path.name} was not imported.", problems=problems[:_TOLD], hint=hint)


# ── names, kinds and sizes, before anything is unpacked ───────────────────────
def _checked(archive: zipfile.ZipFile, packed: int, home: Path) -> Entries:
    """The files of a zip by name. Raises Refused where they are not those of an export."""
    listed = archive.infolist()
    if len(listed) > MOST_ENTRIES:
        raise Refused("the zip", f"has {len(listed)} entries, and an export at most {MOST_ENTRIES}")
    entries: Entries = {}
    for entry in listed:
        if entry.orig_filename in {"clips/", "inputs/"}:
            continue
        if wrong := _wrong(entry):
            raise Refused(repr(entry.orig_filename[:80]), wrong)
        if entry.filename in entries:
            raise Refused(entry.filename, "is there twice")
        entries[entry.filename] = entry
    whole = sum(entry.file_size for entry in entries.values())
    if whole > SWELLS * packed + SLACK:
        raise Refused("the zip", f"would grow from {packed >> 10} kB to {whole >> 20} MB, as no export does")
    if whole > shutil.disk_usage(home).free:
        raise Refused("the zip", f"needs {whole >> 20} MB, and the disk has less")
    if MARK not in entries:
        raise Refused("the zip", f"is no export of clips: it has no {MARK}")
    mark = json_of(archive.read(entries[MARK]), MARK)
    number = mark.get("format") if isinstance(mark, dict) else None
    if number != FORMAT:
        newer = isinstance(number, int) and number > FORMAT
        raise Refused(
            MARK, "was written by a newer vidgen_nb: pip install -U vidgen_nb" if newer else "is none of ours"
        )
    return entries


def _wrong(entry: zipfile.ZipInfo) -> str:
    """What is wrong with an entry; "" if nothing. Python shortens and turns names: the one in the file counts."""
    if entry.orig_filename != entry.filename or not _NAME.fullmatch(entry.filename):
        return "is no name of an export"
    if entry.external_attr >> 16 & 0o170000 not in {0, 0o100000}:
        return "is a link or something else that is no file"
    if entry.flag_bits & 1 or entry.compress_type not in _PACKED:
        return "is encrypted, or packed in a way that no export is"
    most = MOST_OF_A_RECIPE if entry.filename.endswith(".json") else MAX_BYTES
    return f"is larger than {most >> 20} MB" if entry.file_size > most else ""


# ── contents ──────────────────────────────────────────────────────────────────
class _Wrong(Exception):
    """What is wrong with the contents of a zip."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class _Clip:
    """A recipe that holds, the name it had, and the entries that go with it."""

    name: str
    record: Record
    entries: tuple[str, ...]


class _Loader:
    """One import: every file is unpacked under a temporary name and checked; names are given when all are right."""

    def __init__(self, archive: zipfile.ZipFile, entries: Entries, ledger: Ledger) -> None:
        self._archive = archive
        self._entries = entries
        self._ledger = ledger
        self._home = ledger.home
        self._staged: dict[str, tuple[Path, str]] = {}  # by entry: the temporary file and its sha256
        self._named = {MARK}
        self._pieces = 0

    def load(self) -> list[_Clip]:
        """Every clip of the zip, unpacked and checked. Raises _Wrong with all problems."""
        problems: list[Problem] = []
        clips: list[_Clip] = []
        for name in self._entries:
            if name.startswith("clips/") and name.endswith(".json"):
                self._named.add(name)
                try:
                    clips.append(self._clip(name))
                except Refused as refused:
                    problems.append(Problem(refused.what, refused.why))
        if not problems:
            problems = [Problem(name, "belongs to no clip") for name in self._entries if name not in self._named]
            problems += _twice([clip.record.id for clip in clips], "id")
            problems += _twice([clip.record.identity for clip in clips], "request")
        if problems or not clips:
            raise _Wrong(problems or [Problem("the zip", "holds no clip")])
        return clips

    def settle(self, clip: _Clip) -> str:
        """Give the files of a clip their names, then the recipe, then the row. The id of the clip that is here."""
        known = self._known(clip.record)
        if known is not None:
            return known.id
        for name in clip.entries:
            staged, final = self._staged[name][0], self._home / name
            if staged.exists() and not final.exists():
                staged.replace(final)
        if not (self._home / clip.name).exists():
            recipe = json.dumps(as_json(clip.record), ensure_ascii=False, indent=1) + "\n"
            write_whole(self._home / clip.name, recipe.encode())
        if self._ledger.restore(clip.record, unless_refused=True):
            return clip.record.id
        known = self._known(clip.record)  # another kernel was faster
        return known.id if known is not None else clip.record.id

    def sweep(self) -> None:
        """Remove what was unpacked and got no name."""
        for staged, _ in self._staged.values():
            with suppress(OSError):
                staged.unlink(missing_ok=True)

    def _known(self, record: Record) -> Record | None:
        """The row which an import leaves as it is. A refused request bought nothing: the clip takes its place."""
        known = self._ledger.by_identity(record.identity)
        if known is not None and known.status is Status.REFUSED:
            known = None
        return self._ledger.get(record.id) or known

    def _clip(self, name: str) -> _Clip:
        recipe = self._archive.read(self._entries[name])
        self._pieces += sum(map(recipe.count, (b",", b"[", b"{")))
        if self._pieces > MOST_PIECES:
            raise Refused(name, "says more than all recipes of an export may: fewer clips in one zip would do")
        record = record_of(recipe, name)
        media = [file.path for file in record.files] + [file.poster for file in record.files if file.poster]
        for one in [name, *media]:
            found = _NAME.fullmatch(one)
            if one not in self._entries or found is None or found[1] != record.id.removeprefix("vg-"):
                raise Refused(name, f"names {one[:80]!r}, which is no file of this clip in the zip")
        inputs = [f"inputs/{one}" for one in dict.fromkeys(inputs_of(record.asked))]
        inputs = [one for one in inputs if one in self._entries]
        files = tuple(self._film(file) for file in record.files)
        for one in inputs:
            self._input(one)
        entries = (*media, *inputs)
        if self._known(record) is None:
            for one in entries:
                self._check_place(one)
        self._named |= {*entries}
        return _Clip(name, replace(record, files=files), entries)

    def _film(self, file: ClipFile) -> ClipFile:
        """The file with the facts that were found, not those which were claimed."""
        staged, digest = self._unpacked(file.path, ".mp4")
        if digest != file.sha256:
            raise Refused(file.path, "is not the file which its recipe names: the sha256 differs")
        if flaw := mp4_flaw(staged, length_matched=True):
            raise Refused(file.path, f"is no whole MP4: {flaw}")
        try:
            facts = video.probe(staged)
        except MediaRefused:
            raise Refused(file.path, "is no MP4 that plays") from None
        if file.poster and _suffix(self._unpacked(file.poster, ".jpg")[0]) != JPEG.suffix:
            raise Refused(file.poster, "is no JPEG")
        seen = {name: getattr(facts, name) for name in ("duration", "width", "height", "fps", "has_audio")}
        return replace(file, size=staged.stat().st_size, **seen)

    def _input(self, name: str) -> None:
        staged, digest = self._unpacked(name, Path(name).suffix)
        if digest != Path(name).stem:
            raise Refused(name, "does not hold what its name says: the sha256 differs")
        if _suffix(staged) != Path(name).suffix:
            raise Refused(name, "is no image, video or sound of that kind")

    def _unpacked(self, name: str, ending: str) -> tuple[Path, str]:
        """An entry under a temporary name, which says whose it is so that the dead's are swept away, and its sha256."""
        if not name.endswith(ending):
            raise Refused(name, f"is not named {ending}")
        if name not in self._staged:
            place = f".{time.time_ns():x}-{len(self._staged)}.{self._ledger.owner.id}{TEMPORARY}"
            staged, digest = self._home / "clips" / place, sha256()
            self._staged[name] = staged, ""
            with self._archive.open(self._entries[name]) as source, staged.open("xb") as file:
                while data := source.read(1 << 20):
                    digest.update(data)
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._staged[name] = staged, digest.hexdigest()
        return self._staged[name]

    def _check_place(self, name: str) -> None:
        """What stands at a name already may only be the very same file."""
        final = self._home / name
        if final.is_symlink() or (final.exists() and sha256_of(final) != self._staged[name][1]):
            raise Refused(name, "would overwrite another file of this home")


def _twice(values: list[str], what: str) -> list[Problem]:
    return [
        Problem(one, f"two clips of the zip have this {what}") for one in dict.fromkeys(values) if values.count(one) > 1
    ]


def _suffix(path: Path) -> str:
    """The suffix which the first bytes of a file stand for; "" for what is no medium."""
    with path.open("rb") as file:
        found = sniff(file.read(HEAD))
    return found.suffix if found is not None else ""
