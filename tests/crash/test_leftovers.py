"""What the dead leave behind goes at the next start, and nothing of the living goes with it."""

import errno
import os
import uuid
from contextlib import closing
from pathlib import Path

import pytest

import vidgen_nb as vg
from vidgen_nb import owners
from vidgen_nb.engine import download
from vidgen_nb.ledger import Ledger
from vidgen_nb.media import files
from vidgen_nb.owners import Owner, alive

HOME = Path("vidgen")


def test_temporaries_and_locks_of_the_dead_go(tmp_path: Path) -> None:
    """Half downloads, half inputs, half recipes, locks: gone at the start. A living kernel's are left alone."""
    with closing(Ledger(HOME)) as living:
        mine = HOME / "clips" / f".2026-11-21_abc.{living.owner.id}.part"
        dead = uuid.uuid4().hex
        left = [HOME / "clips" / f".2026-11-21_abc.{dead}.part", HOME / "clips" / f".{dead}.part"]
        left += [HOME / "inputs" / f".{dead}.part", HOME / "run" / f"{dead}.lock"]
        kept = [mine, HOME / "clips" / "2026-11-21_abc.mp4", HOME / "inputs" / "ab.png"]
        for path in (*left, *kept):
            path.write_bytes(b"something")
        with vg.Studio(home=HOME) as studio:
            assert studio.history() == []
        assert [path for path in left if path.exists()] == []
        assert [path for path in kept if not path.exists()] == []
        assert alive(HOME / "run", living.owner.id)


def test_a_file_that_is_written_while_another_kernel_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its temporary name tells of no owner, so the start sweeps it away; it is written once more, and whole."""
    durable, swept = os.fsync, []

    def sweep(file: int) -> None:
        durable(file)
        if not swept:
            swept.extend(tmp_path.glob(".*.part"))
            download.sweep(tmp_path, lambda owner: False)

    monkeypatch.setattr(files.os, "fsync", sweep)
    files.write_whole(tmp_path / "recipe.json", b"everything")
    assert (tmp_path / "recipe.json").read_bytes() == b"everything"
    assert len(swept) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


@pytest.mark.parametrize("looks", ["before the lock", "just then"])
def test_an_owner_that_is_born_while_another_kernel_looks(
    looks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its birth and its lock a lock file looks like one of the dead. The owner that comes of it is alive."""
    lock, looked = owners._lock, []

    def look_first(file: int, *, shared: bool = False) -> None:
        if not shared and not looked:
            looked.append(True)
            (born,) = tmp_path.glob("*.lock")
            if looks == "before the lock":
                assert not alive(tmp_path, born.stem)
            else:
                lock(other := os.open(born, os.O_RDWR), shared=True)
                born.unlink()
                try:
                    lock(file)
                finally:
                    os.close(other)
        lock(file, shared=shared)

    monkeypatch.setattr(owners, "_lock", look_first)
    owner = Owner(tmp_path)
    assert looked
    assert alive(tmp_path, owner.id)
    owner.release()
    assert not alive(tmp_path, owner.id)
    assert list(tmp_path.iterdir()) == []


def test_an_owner_that_cannot_be_looked_at_counts_as_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files prove no death."""
    owner = Owner(tmp_path)

    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(owners.os, "open", none_left)
        assert alive(tmp_path, owner.id)
    owner.release()


def test_two_that_look_at_once_do_not_take_each_other_for_the_owner(tmp_path: Path) -> None:
    """While one kernel tests the lock of a dead one, it is dead for the other, too."""
    dead = uuid.uuid4().hex
    path = tmp_path / f"{dead}.lock"
    path.touch()
    with path.open("r+b") as looking:
        owners._lock(looking.fileno(), shared=True)
        assert not alive(tmp_path, dead)
