"""Where finished clips stand: `clips/<date>_<id>.mp4` with its poster and its recipe beside it.

A name holds nothing that came from outside: a date, the short id, a number, and a suffix by magic.
"""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from vidgen_nb.engine.download import TEMPORARY, Fetched, NotAVideo
from vidgen_nb.errors import VidgenError
from vidgen_nb.ledger import as_json, from_json
from vidgen_nb.media.files import write_whole
from vidgen_nb.records import ClipFile, Record, Status

POSTER_WIDTH = 480  # pixels
POSTER_BYTES = 12_000


def stem(record: Record, index: int = 0) -> str:
    """`2026-11-21_3f9c2a17be`, and `…_2` for a task's second video."""
    date = datetime.fromtimestamp(record.created).astimezone().strftime("%Y-%m-%d")
    return f"{date}_{record.id.removeprefix('vg-')}" + (f"_{index + 1}" if index else "")


def temporary(home: Path, record: Record, index: int, owner: str) -> Path:
    """The name of an unfinished download; it says whose it is, so that the dead's can be swept away."""
    return home / "clips" / f".{stem(record, index)}.{owner}{TEMPORARY}"


def keep(home: Path, record: Record, index: int, fetched: Fetched) -> ClipFile:
    """Give a whole clip its name, and look at what is in it. Raises NotAVideo for an MP4 which holds no picture."""
    from vidgen_nb.media import video  # PyAV: a notebook's first card need not wait for it

    clip = home / "clips" / f"{stem(record, index)}.mp4"
    fetched.path.replace(clip)
    _sync_folder(clip.parent)
    poster = clip.with_suffix(".jpg")
    unreadable = False
    try:
        facts = video.probe(clip)
        video.poster(clip, poster, max_width=POSTER_WIDTH, max_bytes=POSTER_BYTES)
    except VidgenError:
        unreadable = True
    if unreadable:
        raise NotAVideo(clip)
    return ClipFile(
        path=clip.relative_to(home).as_posix(),
        sha256=fetched.sha256,
        size=fetched.size,
        duration=facts.duration,
        width=facts.width,
        height=facts.height,
        fps=facts.fps,
        has_audio=facts.has_audio,
        poster=poster.relative_to(home).as_posix(),
    )


def write_recipe(home: Path, record: Record) -> Path:
    """Everything the ledger knows of a finished clip, as JSON beside it: from these files the ledger can be rebuilt."""
    path = home / "clips" / f"{stem(record)}.json"
    write_whole(
        path, (json.dumps(as_json(record), ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    )
    return path


def recipes(home: Path) -> Iterator[Record]:
    """The finished clips of a home by their recipes, oldest first; what is no recipe or lost its clip is passed by."""
    for path in sorted((home / "clips").glob("*.json")):
        try:
            record = from_json(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError, KeyError, OSError):
            continue
        if record.status is Status.SUCCEEDED and all((home / file.path).is_file() for file in record.files):
            yield record


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the system lets a folder be synced."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
