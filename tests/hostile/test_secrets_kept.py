"""Where secrets could settle: in the ledger's journals and freed pages, in what is asked for, in a form's widgets.

The kernel of test_secrets.py goes through every fault; here each place is looked at by itself, while it is written.
"""

import json
import pickle
import sqlite3
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comm
import ipywidgets
import pytest
from comm.base_comm import BaseComm

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.display.form_fields import Field
from vidgen_nb.media.redact import addresses, kept, was_cut
from vidgen_nb.records import Status

from ..loopback import Loopback
from ..playing import PLAYS, QUICK, MakeStudio, Play, Provider, make_studio, play, provider, server, told
from . import canaries
from .test_secrets import Loud

__all__ = ["make_studio", "play", "provider", "server"]

ADDRESS = canaries.REFERENCE
OPENED = ADDRESS.replace("https://", f"https://me:{canaries.MINE}@")
DATA = f"data:image/png;base64,{b64encode(canaries.picture()).decode()}"
WITHIN: dict[str, dict[str, Any]] = {  # where a request takes addresses and media that are no reference media of ours
    "aitoearn": {"image": ADDRESS},
    "aioagi": {"prompt": f"as in {ADDRESS} and {OPENED}"},
    "newapi": {"metadata": {"vg_image": DATA, "more": [{"url": ADDRESS}], "bare": DATA.partition(",")[2]}},
    "aisphere": {"headtail_images": {"head": ADDRESS}},
    "relaydance": {"callback_url": ADDRESS},
}


# ── the ledger ────────────────────────────────────────────────────────────────
class Watching(sqlite3.Connection):
    """A connection that looks at all the ledger's files whenever something is about to be committed, and after."""

    seen: dict[str, list[bytes]]
    home: Path

    def execute(self, query: str, *values: Any) -> sqlite3.Cursor:
        if query == "COMMIT":
            self.look()
        done = super().execute(query, *values)
        if query == "COMMIT":
            self.look()
        return done

    def look(self) -> None:
        for path in self.home.glob("ledger.db*"):
            if path.is_file():  # a lock may be a folder
                self.seen.setdefault(path.name, []).append(path.read_bytes())


@pytest.fixture(params=["-wal", "-journal"])
def journal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Watching]:
    """Every connection watches; for -journal the files lie where WAL is refused, as on network homes."""
    watching = type("Ours", (Watching,), {"seen": {}, "home": tmp_path / "vidgen"})
    real = sqlite3.connect

    def connect(database: Any, **options: Any) -> sqlite3.Connection:
        if request.param == "-journal" and not options.get("uri"):
            database, options = f"{Path(database).absolute().as_uri()}?vfs=unix-dotfile", {**options, "uri": True}
        return real(database, factory=watching, **options)

    monkeypatch.setattr(sqlite3, "connect", connect)
    return watching


def test_no_secret_passes_through_a_journal(
    play: Play, journal: type[Watching], tmp_path: Path, make_studio: MakeStudio, server: Loopback
) -> None:
    """While every row is written, and whether WAL is refused or not: none in the ledger, its journal, its index."""
    Loud(server, play, tmp_path)
    base = {play.name: server.url + play.base}
    extra = {"vg_address": ADDRESS, "vg_picture": DATA}
    with make_studio(keys={play.name: canaries.KEY}, base_urls=base, timing=QUICK) as studio:
        for fault in ("refused", "lost", "failed", "no-film", "fine"):
            clip = studio.begin(
                play.name, {**play.request, "prompt": f"fault-{fault}."} | {"provider": None}, extra=extra
            )
            studio.settled(clip.record).result(30)
        assert [clip.status for clip in studio.history()][-1] is Status.REFUSED
        clip.rate(4, note="kept")
    names = set(journal.seen)
    wanted = (
        {"ledger.db", "ledger.db-wal", "ledger.db-shm"}
        if "ledger.db-wal" in names
        else {"ledger.db", "ledger.db-journal"}
    )
    assert names == wanted
    for name, moments in journal.seen.items():
        assert {what for data in set(moments) for what in canaries.held(data)} == set(), name
    written = b"".join(data for name, moments in journal.seen.items() if name != "ledger.db-shm" for data in moments)
    assert written.count(b"fault-failed") > 5  # so that a secret beside it would have been seen


def test_what_is_taken_back_leaves_the_file(make_studio: MakeStudio, provider: Provider, tmp_path: Path) -> None:
    """A long note with a key in it, replaced: its freed pages are overwritten, in the file and in the journal."""
    studio = make_studio()
    clip = studio.generate(**provider.play.request).wait(120)
    clip.rate(note=f"{canaries.KEY} " * 2000)
    clip.rate(note="gone")
    studio.close()
    assert canaries.leaks(tmp_path / "vidgen", {}) == []


# ── what is asked for ─────────────────────────────────────────────────────────
def test_what_is_asked_for_is_kept_without_secrets(
    play: Play, make_studio: MakeStudio, server: Loopback, tmp_path: Path
) -> None:
    """An address or a medium in a parameter, or in extra: sent whole, kept without; nothing half is ever sent."""
    Provider(server, play=play)
    asked = {**play.request, **WITHIN[play.name], "extra": {"vg_address": ADDRESS, "vg_more": {"data": [DATA]}}}
    with make_studio() as studio:
        clip = studio.generate(**asked, check=False).wait(120)
        (sent,) = server.posts
        assert set(canaries.held(sent.body)) >= {"own signed URL, raw"}
        assert sent.json["vg_more"]["data"] == [DATA]
        shown = [clip.code(), clip.report(), repr(clip.request), repr(clip.record)]
        shown += [str(studio.history()), json.dumps(clip._repr_mimebundle_()), str(studio.export_clips("share.zip"))]
        assert canaries.held("".join(shown).encode()) == []
        assert studio.generate(**asked, check=False) == clip  # the same cell again is the same clip
        with pytest.raises(vg.InvalidRequest, match="was signed"):
            clip.retake()
        again = clip.retake(**{**WITHIN[play.name], "extra": asked["extra"]}, take=2, check=False).wait(120)
        assert again.parent == clip
    assert [seen.json["vg_address"] for seen in server.posts] == [ADDRESS, ADDRESS]
    assert canaries.leaks(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (ADDRESS, "https://pictures.example.com/boat.png?…"),
        (OPENED, "https://pictures.example.com/boat.png?…"),
        ({"a": [f"see {ADDRESS} there"]}, {"a": ["see https://pictures.example.com/boat.png?… there"]}),
        (DATA, "data:image/png;base64,… (7 kB)"),
        ([f"x {DATA} y"], ["x data:image/png;base64,… (7 kB) y"]),
        (DATA.partition(",")[2], "base64,… (7 kB)"),
        ("https://example.com/a?page=2#top", None),
        ("a boat … (in the rain), https://example.com/?q=…&x=1", None),
        ({"seed": [1, None, True], "": 1.5}, None),
    ],
)
def test_what_was_cut_is_known(value: Any, left: Any) -> None:
    """Twice is once; what lost something is told from what did not, so that it is never sent."""
    once = kept(value)
    assert once == (value if left is None else left)
    assert kept(once) == once
    assert was_cut(once) == (left is not None)
    assert not was_cut(value)
    assert "…" not in json.dumps(addresses(once), ensure_ascii=False) or left is None


# ── forms ─────────────────────────────────────────────────────────────────────
class Overheard(BaseComm):
    """A comm whose every message is written down."""

    said: list[str] = []  # noqa: RUF012 (of the class on purpose: each test has a class of its own)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        self.said.append(json.dumps([data, metadata, repr(buffers)], default=repr))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every message that a widget sends."""
    listening = type("Listening", (Overheard,), {"said": []})
    monkeypatch.setattr(comm, "create_comm", listening)
    yield listening.said
    ipywidgets.Widget.close_all()


def fields_for_addresses(form: Any) -> Iterator[tuple[Field, str]]:
    """Every field in which an address or a medium may stand, and what a person would type there."""
    for name, field in form._sheet.fields.items():
        kind = type(field).__name__
        if kind == "PickerField" or name.endswith("url"):
            yield field, ADDRESS
        elif kind == "LinesField":
            yield field, f"{ADDRESS}\n{OPENED}\nhttps://example.com/plain.png"
        elif kind == "JsonField":
            yield field, json.dumps({"a": ADDRESS, "b": [DATA]})


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "given"])
def test_a_form_keeps_what_is_signed_to_itself(
    typed: bool, play: Play, make_studio: MakeStudio, heard: list[str], tmp_path: Path
) -> None:
    """No widget's state, which a notebook saves, no message, no output and no code holds it; what is asked for does."""
    form = make_studio().form(
        play.name, prompt="a boat", **{key: play.asked[key] for key in play.asked if key == "model"}
    )
    found = list(fields_for_addresses(form))
    assert len(found) > 3
    for field, text in found:
        if typed:
            field.control.set_state({"value": text})
        else:
            field.write(field.parsed(text))
        assert was_cut(form._sheet.fields[field.name].control.value) == (type(field).__name__ != "PickerField")
    for field, text in found:
        assert ("plain.png" in str(field.value)) == ("plain.png" in text)
        assert canaries.MINE in json.dumps(field.value)
    states = [widget.get_state() for widget in everything(form.widget)]
    code = form._sheet.call()
    shown = [json.dumps(states, default=repr), *heard, json.dumps(form._repr_mimebundle_()), repr(form), code]
    assert len(heard) > 50
    assert {what for text in shown for what in canaries.held(text.encode())} == set()
    assert canaries.leaks(tmp_path, {}) == []


def test_what_a_form_hides_is_asked_for_whole(make_studio: MakeStudio, server: Loopback, heard: list[str]) -> None:
    """The clip of the form is the clip of the same words; a hidden text that is edited is told, and not sent."""
    Provider(server)
    form = make_studio().form("relaydance", prompt="a boat", duration=5)
    form._sheet.fields["callback_url"].control.set_state({"value": ADDRESS})
    form._sheet.fields["extra"].control.set_state({"value": json.dumps({"a": ADDRESS})})
    clip = form.generate()
    assert make_studio().generate(**form.value, provider="relaydance").id == clip.record.id
    (sent,) = server.posts
    assert sent.json["a"] == ADDRESS
    assert sent.body.count(ADDRESS.encode()) == 2
    cut = form._sheet.fields["extra"].control.value
    assert "…" in cut
    form._sheet.fields["extra"].control.set_state({"value": cut.replace('"a"', '"b"')})
    with pytest.raises(vg.InvalidRequest, match="was signed"):
        form.generate()
    assert len(server.posts) == 1


def everything(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


# ── pickles ───────────────────────────────────────────────────────────────────
def test_what_holds_secrets_is_not_pickled(make_studio: MakeStudio, server: Loopback, heard: list[str]) -> None:
    """Neither what holds a key nor what holds a request whole: a pickle is a file like any other."""
    Provider(server)
    studio = make_studio(keys={"relaydance": canaries.KEY})
    asked = {"provider": "relaydance", "duration": 5, "extra": {"a": ADDRESS}}
    plan, sweep = studio.plan("a boat", **asked), studio.sweep(["a boat", "a fox"], **asked)
    clip = studio.generate("a boat", **asked).wait(120)
    things: list[Any] = [studio, studio.gateways, studio.gateways.to("relaydance"), studio.form("relaydance")]
    for thing in (*things, plan, sweep, clip, studio.history(), studio.runner):
        with pytest.raises((TypeError, AttributeError)):
            pickle.dumps(thing)


# ── the search ────────────────────────────────────────────────────────────────
def test_the_search_looks_into_zips(tmp_path: Path) -> None:
    """What is packed is found as well, by its place in the zip."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clips/a.json", f"{'x' * 1000}{canaries.KEY}")
        archive.writestr("inputs/b.png", canaries.PIXELS)
    found = canaries.leaks(tmp_path, {"inputs": "picture"})
    assert any(place.startswith("x.zip/clips/a.json: key") for place in found)
    assert not any("inputs" in place for place in found)


def test_every_provider_has_a_place_for_them() -> None:
    """The places of WITHIN are parameters of the five there are."""
    assert set(WITHIN) == {play.name for play in PLAYS} == set(told("http://127.0.0.1")["keys"])
    for name, asked in WITHIN.items():
        assert asked.keys() <= providers.find(name).Request.model_fields.keys()
