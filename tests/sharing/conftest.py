"""A home with finished clips, as an engine would have left it, and another machine's home beside it."""

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.clips import mp4
from vidgen_nb.engine import shelf
from vidgen_nb.media import video
from vidgen_nb.records import ClipFile, Cost, Record, Status
from vidgen_nb.studio import Studio

ASKED = {"prompt": "a paper boat in the rain", "provider": "relaydance", "duration": 5}
MakeClip = Callable[..., Record]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Studio]:
    """The Studio of whoever shares. It has a key, and the documented base URL."""
    with Studio(home=tmp_path / "here" / "vidgen", keys={"relaydance": "sk-canary-0123456789abcdef"}) as studio:
        yield studio


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Studio]:
    """Another machine's: no key, nothing in its home."""
    with Studio(home=tmp_path / "there" / "vidgen") as studio:
        yield studio


@pytest.fixture
def make_clip(here: Studio) -> MakeClip:
    """Put a finished clip of a request on the shelf and into the ledger."""
    made: list[Record] = []

    def make(*, asked: dict[str, Any] | None = None, **values: Any) -> Record:
        wanted = {**ASKED, **(asked or {})}
        plan = here.plan(**wanted)
        number = len(made)
        fixed: dict[str, Any] = {
            "id": f"vg-{number:010x}",
            "identity": plan.identity,
            "provider": "relaydance",
            "origin": "https://relaydance.com",
            "model": "m",
            "asked": {name: value for name, value in wanted.items() if name != "provider"},
            "status": Status.SUCCEEDED,
            "cost": Cost(1.4, "CNY", "reported by RelayDance"),
            "created": 1_795_000_000.0 + number,
            "updated": 1_795_000_009.0,
            "finished": 1_795_000_009.0,
            "owner": here.ledger.owner.id,
            "revision": 3,
        }
        bare = Record(**{**fixed, **values})
        path = here.home / "clips" / f"{shelf.stem(bare)}.mp4"
        data = mp4(frames=6, grey=40 + 20 * number)
        path.write_bytes(data)
        facts = video.probe(path)
        video.poster(path, path.with_suffix(".jpg"))
        seen = {name: getattr(facts, name) for name in ("duration", "width", "height", "fps", "has_audio")}
        file = ClipFile(
            f"clips/{path.name}", hashlib.sha256(data).hexdigest(), len(data), **seen, poster=f"clips/{path.stem}.jpg"
        )
        record = Record(**{**fixed, **values, "files": (file,)})
        assert here.ledger.restore(record)
        made.append(record)
        return record

    return make


def png(grey: int = 90) -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (320, 320), (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


def everything(home: Path) -> dict[str, bytes]:
    """Every file of a home but the ledger and the locks."""
    parts = {"ledger.db", "ledger.db-wal", "ledger.db-shm"}
    files = [path for path in home.rglob("*") if path.is_file() and path.name not in parts and "run" not in path.parts]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}
