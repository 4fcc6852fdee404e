"""A file is there whole, or it is not there; and what is in it."""

import os
from hashlib import sha256
from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary name in the same folder, which is made if need be. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for tries_left in reversed(range(5)):
        part = path.with_name(f".{uuid4().hex}.part")
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # before the rename: else a power cut can leave the name without the bytes
            part.replace(path)
            return
        except FileNotFoundError:  # a kernel that starts sweeps such names away: they may be those of a dead one
            if not tries_left:
                raise
        finally:
            part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The hash of a file's content, read in pieces. Raises OSError."""
    digest = sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
