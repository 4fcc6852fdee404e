"""Whether an MP4 came whole: told from the headers of its top-level boxes, nothing is decoded.

A box is a 32-bit size, a four-letter type and its contents; size 1 means that a 64-bit size follows, size 0 that the
box goes on to the end of the file (ISO/IEC 14496-12, 4.2).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

NEEDED = (b"ftyp", b"moov", b"mdat")
_MOST_BOXES = 100_000  # a fragment a second makes a few hundred; a hostile file could be all boxes


def whole_mp4(path: str | os.PathLike[str], *, length_matched: bool) -> bool:
    """True if the file is an MP4 that lacks nothing at its end; see `mp4_flaw`."""
    return mp4_flaw(path, length_matched=length_matched) is None


def mp4_flaw(path: str | os.PathLike[str], *, length_matched: bool) -> str | None:
    """Why the file is not a whole MP4, or None if it is one. Raises OSError where it cannot be read.

    Whole: top-level boxes which end exactly at the end of the file, with ftyp, moov and mdat among them.
    `length_matched` says that the transfer gave exactly the bytes it announced: only then may a box be "the rest".
    """
    seen = []
    with Path(path).open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        for kind, start, size in _boxes(file, end):
            if size == 0 and not length_matched:
                return f"its {_name(kind)} box has no length, so that nothing says where it ends"
            if size < 0:
                return f"at byte {start} there is no box"
            if start + size > end:
                return f"its {_name(kind)} box lacks {start + size - end} bytes"
            seen.append(kind)
    if missing := [_name(kind) for kind in NEEDED if kind not in seen]:
        return f"it has no {' and no '.join(missing)} box"
    if b"moof" in seen and seen[-1] != b"mfra" and not length_matched:
        # A fragmented file can be cut between two fragments and still look like this one.
        return "it is fragmented, and nothing says that the last fragment came"
    return None


def _boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, size in bytes) of each top-level box; 0: up to the end; -1: no box is there, and none follows."""
    start = count = 0
    while start < end:
        count += 1
        file.seek(start)
        header = file.read(16)
        size, kind, least = int.from_bytes(header[:4], "big"), header[4:8], 8
        if size == 0 and len(header) >= least:
            yield kind, start, 0
            return
        if size == 1:
            size, least = int.from_bytes(header[8:16], "big"), 16
        if len(header) < least or size < least or count > _MOST_BOXES:
            yield kind, start, -1
            return
        yield kind, start, size
        start += size


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace")
