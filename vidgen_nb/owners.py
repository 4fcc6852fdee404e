"""Who takes care of a row: a living process, told by an OS lock that dies with it, however it dies."""

import contextlib
import os
import uuid
from pathlib import Path


class Owner:
    """This process's claim on rows: an OS lock on `run/<uuid>.lock`, which dies with the process, however it dies."""

    def __init__(self, run: Path) -> None:
        while True:
            self.id = uuid.uuid4().hex
            self._path = run / f"{self.id}.lock"
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            with contextlib.suppress(BlockingIOError):
                _lock(self._file)
                if self._path.exists():
                    _locked.add(self._file)
                    return
            os.close(self._file)  # between its birth and its lock somebody took the file for that of a dead process

    def release(self) -> None:
        _locked.discard(self._file)
        os.close(self._file)
        self._path.unlink(missing_ok=True)


_locked: set[int] = set()  # files that this process holds a lock on


def _let_go() -> None:
    """In a forked process: a copy would hold the lock on for the dead."""
    for file in _locked:
        os.close(file)
    _locked.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def alive(run: Path, owner: str) -> bool:
    """Whether the process that owns a row still lives: its lock is held. A lock left by the dead is removed."""
    path = run / f"{owner}.lock"
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # it cannot be looked at, as when too many files are open: nothing is taken over on a guess
    try:
        _lock(file, shared=True)  # whoever else is looking just now must not look like a living owner
    except OSError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(file)


def _lock(file: int, *, shared: bool = False) -> None:
    """Take a lock or raise OSError at once."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
