"""A ledger that a stranger wrote: what stands in a column is shown as words, or the row is said to be unreadable."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.errors import LedgerUnavailable, visible
from vidgen_nb.studio import Studio

from ..loopback import Loopback, Say, serving
from ..playing import ASKED, QUICK, MakeStudio, Provider, make_studio, server, told
from .payloads import PAYLOADS
from .test_injection import ATTRIBUTES, HIDDEN, TAGS, taken_apart

__all__ = ["make_studio", "server"]

BREAKING = PAYLOADS["breakout: double quote"]
JSON = ("asked", "extra", "error", "cost", "raw", "files")
FAILURE = {"kind": "GenerationFailed", "message": "m", "said": "", "code": "", "hint": "", "retry_at": None}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a finished clip."""
    home = tmp_path_factory.mktemp("made") / "vidgen"
    with serving(lambda seen: Say(500)) as line:
        Provider(line)
        with Studio(**told(line.url), home=home, allow_paid=True, timing=QUICK) as studio:
            studio.generate(**ASKED).wait(120)
    return home


@pytest.fixture
def row(made: Path) -> dict[str, Any]:
    """That clip's row, as it stands in the ledger of a home here."""
    shutil.copytree(made, "vidgen")
    with sqlite3.connect(Path("vidgen") / "ledger.db") as db:
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM generations").fetchone())


def written(**values: Any) -> None:
    names = ", ".join(f"{name} = ?" for name in values)
    with sqlite3.connect(Path("vidgen") / "ledger.db") as db:
        db.execute(f"UPDATE generations SET {names}", tuple(values.values()))


def damaged(row: dict[str, Any], text: str) -> Iterator[tuple[str, str]]:
    """A column and what is written there: the text, JSON of every shape, and the text in each place of the JSON."""
    for column in row:
        yield column, text
    for column in JSON:
        for shape in (text, [text], {text: text}, [{text: text}], 1, True):
            yield column, json.dumps(shape)
    (file,) = json.loads(row["files"])
    for column, value in (("files", file), ("cost", json.loads(row["cost"])), ("error", FAILURE)):
        for name in value:
            changed = {**value, name: text}
            yield column, json.dumps([changed] if column == "files" else changed)


def shown(studio: Studio) -> str:
    """Everything that is shown of the one clip; its HTML is looked through first."""
    (clip,) = studio.history()
    bundles = [studio.history()._repr_mimebundle_(), clip._repr_mimebundle_(), studio.spend()._repr_mimebundle_()]
    for bundle in bundles:
        for tag, attributes in taken_apart(str(bundle["text/html"]))[0]:
            assert tag in TAGS
            assert not [
                name for name, _ in attributes if name not in ATTRIBUTES and not name.startswith(("data-", "aria-"))
            ]
    texts = [str(bundle["text/plain"]) for bundle in bundles]
    return "\n".join([*texts, clip.code(), clip.report(), repr(clip), repr(clip.videos), str(clip.error)])


def test_injection_by_any_column(row: dict[str, Any], make_studio: MakeStudio) -> None:
    """A column at a time, of whatever shape: views stand and stay ours, or one error names the ledger and a way out."""
    readable = 0
    for column, value in damaged(row, BREAKING):
        written(**{column: value})
        with make_studio() as studio:
            try:
                said = shown(studio)
                readable += 1
            except LedgerUnavailable as error:
                said = str(error)
        assert not HIDDEN.search(said)
        written(**{column: row[column]})
    assert readable > 20


@pytest.mark.parametrize("name", PAYLOADS)
def test_injection_by_a_row_full_of_it(name: str, row: dict[str, Any], make_studio: MakeStudio) -> None:
    """Each payload in every column of words at once."""
    text = PAYLOADS[name].encode("utf-8", "replace").decode()  # SQLite holds no half characters
    words = ("identity", "origin", "model", "parent", "reason", "word", "task_id", "note", "owner")
    asked = {"prompt": text, "style": text, "first_frame": text, text[:500]: [text, {"input": text, "name": text}]}
    failed = {**dict.fromkeys(FAILURE, text), "kind": "GenerationFailed", "retry_at": None}
    nested = {"asked": asked, "extra": {text: [text]}, "raw": [text, {text: text}], "error": failed}
    cost = {**json.loads(row["cost"]), "unit": text, "basis": text, "reported": text}
    (file,) = json.loads(row["files"])
    nested |= {"cost": cost, "files": [{**file, "path": text, "poster": text, "sha256": text}]}
    written(**dict.fromkeys(words, text), **{name: json.dumps(value) for name, value in nested.items()})
    for status in ("succeeded", "failed", "unknown", "stuck"):
        written(status=status)
        with make_studio() as studio:
            said = shown(studio)
        assert not HIDDEN.search(said)
        assert visible(text[:20]) in said


def test_injection_by_a_ledger_is_no_way_to_spend(
    row: dict[str, Any], make_studio: MakeStudio, server: Loopback
) -> None:
    """With a row that cannot be read a budget cannot be kept: nothing is sent."""
    posts = len(server.posts)
    for column, value in (("cost", "[]"), ("cost", '{"amount": "0"}'), ("status", "x"), ("doubts", "many")):
        written(**{column: value})
        with make_studio(budget={"CNY": 5}) as studio:
            studio.price("relaydance", per_clip=1, unit="CNY")
            with pytest.raises(vg.LedgerUnavailable, match="cannot be read"):
                studio.generate(**{**ASKED, "prompt": "another"})
        written(**{column: row[column]})
    assert len(server.posts) == posts
