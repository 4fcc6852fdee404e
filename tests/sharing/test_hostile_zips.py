"""A zip from a stranger: whatever is tried, it is refused in words, and the home stays as it was."""

import json
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clips import mp4
from vidgen_nb.errors import InvalidRequest
from vidgen_nb.sharing import unpack
from vidgen_nb.sharing.recipe import MARK
from vidgen_nb.studio import Studio

from .conftest import MakeClip, everything, png

Zip = dict[str, bytes]
SCRIPT = "<img src=x onerror=alert(1)>\x1b[31m\u202e"


@pytest.fixture
def good(here: Studio, make_clip: MakeClip, tmp_path: Path) -> Zip:
    """The entries of a good export, by name."""
    make_clip()
    here.export_clips(tmp_path / "good.zip")
    with zipfile.ZipFile(tmp_path / "good.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def one(entries: Zip, ending: str) -> str:
    """The name of the clip's file of that kind."""
    return next(name for name in entries if name.startswith("clips/") and name.endswith(ending))


def packed(path: Path, entries: Zip | list[tuple[str | zipfile.ZipInfo, bytes]], method: int = 0) -> Path:
    """A zip with these entries, whatever their names."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items() if isinstance(entries, dict) else entries:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo("x")
            if not isinstance(name, zipfile.ZipInfo):
                info.filename = name  # as it is: the constructor would mend it
            info.compress_type = method
            archive.writestr(info, data)
    return path


def refused(studio: Studio, path: Path, words: str) -> str:
    """Import it; it must be refused with these words, and leave no byte behind, inside the home or outside."""
    studio.ledger  # noqa: B018 (makes the home)
    before, around = everything(studio.home), sorted(studio.home.parent.parent.rglob("*"))
    with pytest.raises(InvalidRequest, match=words) as raised:
        studio.import_clips(path)
    assert everything(studio.home) == before
    assert sorted(studio.home.parent.parent.rglob("*")) == around
    assert studio.ledger.search() == []
    told = str(raised.value)
    assert not set(told) & {"\x1b", "\u202e", "\x00"}
    assert raised.value.hint
    return told


def test_the_good_one_is_taken(there: Studio, good: Zip, tmp_path: Path) -> None:
    """What the other tests break is whole to begin with; packed smaller by somebody's own program it is still taken."""
    assert len(there.import_clips(packed(tmp_path / "a.zip", good, zipfile.ZIP_DEFLATED))) == 1
    assert len(there.import_clips(packed(tmp_path / "b.zip", [("clips/", b""), *good.items()]))) == 1


NAMES = [
    "../evil.mp4",
    "clips/../../evil.mp4",
    "/tmp/evil.mp4",
    "//host/share/evil.mp4",
    "C:\\evil.mp4",
    "clips\\..\\..\\evil.mp4",
    "clips/evil.mp4",
    "clips/.hidden.mp4",
    "clips/2026-11-21_00000000ff.mp4\x00.txt",
    "clips/2026-11-21_00000000ff.html",
    "clips/2026-11-21_00000000ff.mp4/",
    "clips/sub/2026-11-21_00000000ff.mp4",
    "ledger.db",
    "run/x.lock",
    ".gitignore",
    "inputs/evil.png",
    "inputs/" + "0" * 64 + ".html/x",
    "CON",
    "clips/２026-11-21_00000000ff.mp4",
    "\u202e4pm.live",
    "a" * 3000,
    "",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name)[:40])
def test_no_name_leads_anywhere_else(there: Studio, good: Zip, tmp_path: Path, name: str) -> None:
    """Every way to name a place outside, a hidden file, or one of the home's own."""
    refused(
        there, packed(tmp_path / "evil.zip", [*good.items(), (name, b"x")]), "is no name of an export|is there twice"
    )


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_devices_are_refused(there: Studio, good: Zip, tmp_path: Path, kind: int) -> None:
    """A link would be followed by whoever reads it later."""
    link = zipfile.ZipInfo(one(good, ".mp4").replace("0.mp4", "1.mp4"))
    link.create_system, link.external_attr = 3, (kind | 0o777) << 16
    refused(there, packed(tmp_path / "evil.zip", [*good.items(), (link, b"/etc/passwd")]), "a link or something else")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_entries_are_refused(there: Studio, good: Zip, tmp_path: Path) -> None:
    """Two files of one name: which one was checked?"""
    again = [*good.items(), (one(good, ".mp4"), b"another")]
    refused(there, packed(tmp_path / "evil.zip", again), "is there twice")


def test_bombs_are_refused_before_they_grow(
    there: Studio, good: Zip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what they say they hold, by the number of entries, and by the size of one."""
    monkeypatch.setattr(unpack, "SLACK", 1 << 20)
    zeros = {**good, "inputs/" + "0" * 64 + ".png": bytes(8 << 20)}
    refused(there, packed(tmp_path / "zeros.zip", zeros, zipfile.ZIP_DEFLATED), "would grow")
    large = {**good, one(good, ".json"): b" " * (5 << 20)}
    refused(there, packed(tmp_path / "large.zip", large, zipfile.ZIP_DEFLATED), "is larger than 4 MB")
    monkeypatch.setattr(unpack, "MOST_ENTRIES", 3)
    refused(there, packed(tmp_path / "many.zip", good), "has 4 entries")


def test_a_recipe_of_a_million_pieces_is_not_read(there: Studio, good: Zip, tmp_path: Path) -> None:
    """Small enough as text, and thirty times that in memory once it is read: refused before."""
    name = one(good, ".json")
    told = good[name].rstrip().removesuffix(b"}") + b', "more": [' + b"[]," * 400_000 + b"0]}"
    path = packed(tmp_path / "pieces.zip", {**good, name: told}, zipfile.ZIP_DEFLATED)
    refused(there, path, "says more than all recipes")


def test_an_entry_that_lies_about_its_size_is_refused(there: Studio, good: Zip, tmp_path: Path) -> None:
    """The list says ten bytes, the data are more: no more than was announced is ever written."""
    path = packed(tmp_path / "evil.zip", good)
    data = bytearray(path.read_bytes())
    name = one(good, ".mp4").encode()
    at = data.rindex(name) - 46  # the entry in the list at the end of the file
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    refused(there, path, "is no whole zip file|is not the file|is no whole MP4")


def test_locked_and_overlapping_entries_are_refused(there: Studio, good: Zip, tmp_path: Path) -> None:
    """An entry behind a password, one packed in an unknown way, and two that share their bytes, as bombs do."""
    whole = packed(tmp_path / "evil.zip", good).read_bytes()
    at = whole.rindex(one(good, ".mp4").encode()) - 46  # the entry in the list at the end of the file
    other = whole.rindex(one(good, ".jpg").encode()) - 46
    shared = whole[other + 42 : other + 46]  # where the bytes of the other one begin
    for place, value in ((8, b"\x01"), (10, b"\x63"), (42, shared)):
        data = bytearray(whole)
        data[at + place : at + place + len(value)] = value
        (tmp_path / "evil.zip").write_bytes(bytes(data))
        refused(there, tmp_path / "evil.zip", "is no whole zip file|is locked|packed|sha256|no name of an export")


def test_no_zip_at_all(there: Studio, good: Zip, tmp_path: Path) -> None:
    """A text, half a zip, one with a flipped byte, none there, a folder, and somebody else's zip."""
    (tmp_path / "text.zip").write_text("hello")
    whole = packed(tmp_path / "whole.zip", good).read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(bytes(flipped))
    (tmp_path / "folder.zip").mkdir()
    for name, words in {"text": "no whole zip", "half": "no whole zip", "flipped": "whole zip|sha256|JSON"}.items():
        refused(there, tmp_path / f"{name}.zip", words)
    for name in ("none", "folder"):
        refused(there, tmp_path / f"{name}.zip", "cannot be read")
    refused(there, packed(tmp_path / "other.zip", {one(good, ".mp4"): b"x"}), f"it has no {MARK}")
    refused(there, packed(tmp_path / "empty.zip", {MARK: b'{"format": 1}'}), "holds no clip")
    refused(there, packed(tmp_path / "newer.zip", {**good, MARK: b'{"format": 2}'}), "by a newer vidgen_nb")
    refused(there, packed(tmp_path / "odd.zip", {**good, MARK: b"[" * 100_000}), "is not JSON")


def test_files_are_what_they_say(there: Studio, good: Zip, tmp_path: Path) -> None:
    """HTML called an MP4, half an MP4, one without a picture, a script called a poster: each named."""
    film, poster, recipe = one(good, ".mp4"), one(good, ".jpg"), one(good, ".json")

    def with_film(data: bytes) -> Path:
        from hashlib import sha256

        told = json.loads(good[recipe])
        told["files"][0]["sha256"] = sha256(data).hexdigest()
        return packed(tmp_path / "evil.zip", {**good, film: data, recipe: json.dumps(told).encode()})

    boxes = b"".join((8).to_bytes(4, "big") + kind for kind in (b"ftyp", b"moov", b"mdat"))
    refused(there, with_film(b"<html><script>alert(1)</script>"), "is no whole MP4")
    refused(there, with_film(good[film][:-5]), "is no whole MP4")
    refused(there, with_film(boxes), "is no MP4 that plays")
    refused(there, packed(tmp_path / "evil.zip", {**good, poster: b"<svg onload=alert(1)>"}), "is no JPEG")
    refused(there, packed(tmp_path / "evil.zip", {**good, poster: png()}), "is no JPEG")
    refused(there, packed(tmp_path / "evil.zip", {**good, film: mp4(frames=3)}), "the sha256 differs")
    less = {name: data for name, data in good.items() if name != film}
    refused(there, packed(tmp_path / "evil.zip", less), "is no file of this clip in the zip")
    more = {**good, film.replace("0.mp4", "1.mp4"): good[film]}
    refused(there, packed(tmp_path / "evil.zip", more), "belongs to no clip")


def test_inputs_are_what_they_say(there: Studio, good: Zip, tmp_path: Path) -> None:
    """An input has the hash of its name, and is a medium of its ending."""
    from hashlib import sha256

    recipe = one(good, ".json")

    def with_input(name: str, data: bytes) -> Path:
        told = json.loads(good[recipe])
        told["asked"]["reference_images"] = [{"input": name, "name": SCRIPT}]
        return packed(tmp_path / "evil.zip", {**good, f"inputs/{name}": data, recipe: json.dumps(told).encode()})

    page = b"<html><script>alert(1)</script>"
    refused(there, with_input(f"{'0' * 64}.png", png()), "the sha256 differs")
    refused(there, with_input(f"{sha256(page).hexdigest()}.png", page), "is no image")
    refused(there, with_input(f"{sha256(page).hexdigest()}.html", page), "is no image")
    refused(there, with_input(f"{sha256(png()).hexdigest()}.mp4", png()), "is no image")
    refused(there, packed(tmp_path / "evil.zip", {**good, f"inputs/{'0' * 64}.png": png()}), "belongs to no clip")


CLAIMS: list[tuple[str, Callable[[dict[str, Any]], None]]] = [
    ("another hash", lambda r: r["files"][0].update(sha256="0" * 64)),
    ("a file elsewhere", lambda r: r["files"][0].update(path="../../../etc/passwd")),
    ("a poster elsewhere", lambda r: r["files"][0].update(poster="/etc/passwd")),
    ("a script as an id", lambda r: r.update(id=SCRIPT)),
    ("a path as an id", lambda r: r.update(id="../x")),
    ("another's id", lambda r: r.update(id="vg-ffffffffff")),
    ("no identity", lambda r: r.update(identity="anything")),
    ("a script as a provider", lambda r: r.update(provider="x(); __import__('os').system('true')#")),
    ("a script as a parameter", lambda r: r["asked"].update({"x); evil(": 1})),
    ("a script as an origin", lambda r: r.update(origin="javascript:alert(1)")),
    ("an origin with a user", lambda r: r.update(origin="https://user:pw@relaydance.com")),
    ("an unfinished clip", lambda r: r.update(status="running")),
    ("an unknown status", lambda r: r.update(status=SCRIPT)),
    ("no files", lambda r: r.update(files=[])),
    ("a prompt that is no text", lambda r: r["asked"].update(prompt=["x"])),
    ("a rating of 9", lambda r: r.update(rating=9)),
    ("a note that is no text", lambda r: r.update(note={"x": 1})),
    ("a take of 0", lambda r: r.update(take=0)),
    ("a time that is none", lambda r: r.update(created=float("nan"))),
    ("a time far away", lambda r: r.update(finished=1e18)),
    ("money without end", lambda r: r["cost"].update(amount=float("inf"))),
    ("half a character", lambda r: r.update(word="\ud800")),
    ("a simulated one that is none", lambda r: r.update(origin="simulator")),
    ("a parent that is a path", lambda r: r.update(parent="../../x")),
    ("a list", lambda r: r.clear()),
]


@pytest.mark.parametrize(("what", "claim"), CLAIMS, ids=[what for what, _ in CLAIMS])
def test_a_recipe_is_believed_only_where_it_can_be_checked(
    there: Studio, good: Zip, tmp_path: Path, what: str, claim: Callable[[dict[str, Any]], None]
) -> None:
    """Each claim that could lead somewhere, or break a row, refuses the zip."""
    recipe = one(good, ".json")
    told = json.loads(good[recipe])
    claim(told)
    path = packed(tmp_path / "evil.zip", {**good, recipe: json.dumps(told).encode("utf-8", "surrogatepass")})
    assert re.search(r"clips/|files|sha256", refused(there, path, "was not imported"))


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 5_000])
def test_a_recipe_that_is_none_is_refused(there: Studio, good: Zip, tmp_path: Path, data: bytes) -> None:
    """Nothing, another kind, no text, and nesting without end."""
    refused(there, packed(tmp_path / "evil.zip", {**good, one(good, ".json"): data}), "is no recipe")


def test_words_of_a_stranger_are_shown_not_obeyed(there: Studio, good: Zip, tmp_path: Path) -> None:
    """HTML and ANSI in every field of free text: imported, and harmless in each view that shows it."""
    from html.parser import HTMLParser

    recipe = one(good, ".json")
    told = json.loads(good[recipe])
    for field in ("word", "task_id", "model", "note", "reason"):
        told[field] = SCRIPT
    told["asked"] |= {
        "prompt": SCRIPT,
        "style": SCRIPT,
        "reference_images": [SCRIPT, {"input": SCRIPT, "name": SCRIPT}],
    }
    told |= {"extra": {SCRIPT: SCRIPT}, "raw": {SCRIPT: SCRIPT}, "cost": {"amount": 1, "unit": SCRIPT, "basis": SCRIPT}}
    told["error"] = {"kind": "__class__", "message": SCRIPT, "said": SCRIPT, "code": SCRIPT, "hint": SCRIPT}
    found = there.import_clips(packed(tmp_path / "words.zip", {**good, recipe: json.dumps(told).encode()}))
    (clip,) = found
    other = clip.record
    views = [clip._repr_mimebundle_(), found._repr_mimebundle_(), there.compare(clip, _second(there, good, tmp_path))]
    pages = [view if isinstance(view, dict) else view._repr_mimebundle_() for view in views]
    for page in pages:
        assert "\x1b" not in page["text/plain"]
        assert "\u202e" not in page["text/html"]
        handlers: list[str] = []

        class Look(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                handlers.extend(name for name, _ in attrs if name.startswith("on"))  # noqa: B023 (used at once)

        Look().feed(page["text/html"])
        assert handlers == []
    assert "\x1b" not in repr(clip)
    assert clip.error is None
    assert clip.cost.amount == 0
    compile(clip.code(), "copied", "eval")
    assert other.files[0].path.startswith("clips/")


def _second(studio: Studio, good: Zip, folder: Path) -> str:
    """Another clip of the same film, imported."""
    recipe = one(good, ".json")
    told = json.loads(good[recipe])
    told |= {"id": "vg-00000000aa", "identity": "a" * 64}
    for file in told["files"]:
        file |= {name: file[name].replace("0000000000.", "00000000aa.") for name in ("path", "poster")}
    entries = {name.replace("0000000000.", "00000000aa."): data for name, data in good.items()}
    entries[recipe.replace("0000000000.", "00000000aa.")] = json.dumps(told).encode()
    (clip,) = studio.import_clips(packed(folder / "second.zip", entries))
    return clip.id


def test_nothing_of_the_home_is_overwritten(there: Studio, good: Zip, tmp_path: Path) -> None:
    """A file or a link at the name of the clip: the zip is refused, and both are what they were."""
    there.ledger  # noqa: B018 (makes the home)
    film = there.home / one(good, ".mp4")
    film.write_bytes(b"mine")
    refused(there, packed(tmp_path / "a.zip", good), "would overwrite another file")
    assert film.read_bytes() == b"mine"
    film.unlink()
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(good[one(good, ".mp4")])
    film.symlink_to(outside)
    refused(there, packed(tmp_path / "a.zip", good), "would overwrite another file")
    assert film.is_symlink()


def test_one_bad_clip_refuses_the_whole(here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path) -> None:
    """Nothing of it is taken, and every bad entry is named."""
    bad = [make_clip(asked={"duration": seconds}) for seconds in (5, 8, 10)][1:]
    here.export_clips(tmp_path / "clips.zip")
    with zipfile.ZipFile(tmp_path / "clips.zip") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for record in bad:
        entries[record.files[0].path] = b"broken"
    told = refused(there, packed(tmp_path / "clips.zip", entries), "sha256 differs")
    assert all(record.files[0].path in told for record in bad)
