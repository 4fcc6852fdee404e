"""vg.export_clips and vg.import_clips: a shared notebook replays on another machine, and no secret travels."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vidgen_nb.errors import InvalidRequest
from vidgen_nb.orders import Order
from vidgen_nb.records import Cost, Failure, Status
from vidgen_nb.sharing import unpack
from vidgen_nb.studio import Studio

from .conftest import ASKED, MakeClip, everything, png

SIGNED = "https://cdn.example/boat.png?X-Amz-Signature=canary-signature&X-Amz-Credential=canary"


def test_the_same_cell_finds_the_clip_on_another_machine(
    here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    """No key and nothing in the home: after the import the cell's line gives the clip, with its file and opinions."""
    made = make_clip(rating=4, note="推近的节奏最好")
    shared = here.export_clips(tmp_path / "clips.zip")
    assert shared.clips == (made.id,)
    (imported,) = there.import_clips(tmp_path / "clips.zip")
    clip = there.generate(**ASKED)
    assert clip == imported == made.id
    assert clip.status is Status.SUCCEEDED
    assert clip.path is not None
    assert clip.path.read_bytes() == (here.home / made.files[0].path).read_bytes()
    assert (clip.rating, clip.note) == (4, "推近的节奏最好")
    assert clip.video is not None
    assert clip.video.poster is not None
    assert clip.video.poster.is_file()


def test_what_an_imported_clip_cost_is_no_money_of_this_home(
    here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    """It was paid for elsewhere: here it costs nothing, and what it cost there can still be read."""
    make_clip()
    here.export_clips(tmp_path / "clips.zip")
    (clip,) = there.import_clips(tmp_path / "clips.zip")
    assert clip.cost.amount == 0
    assert "1.40 CNY" in clip.cost.basis
    assert "imported" in clip.cost.basis
    assert there.spend() == []


@pytest.mark.parametrize("cost", [Cost(), Cost(1.4, "CNY", "by your price")])
def test_an_import_takes_the_place_of_a_refused_request(
    here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path, cost: Cost
) -> None:
    """Who tried the notebook with a bad key before the zip came replays it all the same: a refusal bought nothing."""
    made = make_clip(cost=cost)
    here.export_clips(tmp_path / "clips.zip")
    refused = Failure("AuthError", "RelayDance accepted nothing (HTTP 401).")
    tried = replace(made, id="vg-00000000aa", status=Status.SUBMITTING, files=(), revision=1)
    row, mine = there.ledger.intend(tried)
    assert mine
    there.ledger.change(row, status=Status.REFUSED, error=refused)
    assert list(there.import_clips(tmp_path / "clips.zip")) == [made.id]
    assert there.generate(**ASKED) == made.id
    assert [clip.status for clip in there.history()] == [Status.SUCCEEDED, Status.REFUSED]
    assert list(there.import_clips(tmp_path / "clips.zip")) == [made.id]
    assert there.spend() == []


def test_an_imported_clip_can_be_rated_without_its_gateway(
    here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    """An opinion is the person's own: it needs neither a key nor the address the clip was made at."""
    made = make_clip()
    here.export_clips(tmp_path / "clips.zip")
    clip = there.import_clips(tmp_path / "clips.zip")[0]
    there.gateways._base_urls["relaydance"] = "http://127.0.0.1:9"  # another address by now
    assert clip.id == made.id
    assert clip.rate(5, note="推近").rating == 5
    assert there.history("推近")[0].id == clip.id


def test_a_clip_of_a_gateway_without_an_address_here_names_its_own(here: Studio, make_clip: MakeClip) -> None:
    """New API stands at an address that everybody chooses: what to do with such a clip needs the one it was made at."""
    made = make_clip(provider="newapi", origin="https://gateway.example")
    with pytest.raises(InvalidRequest, match=r"made at https://gateway.example") as refused:
        here.gateways.of(made)
    assert refused.value.hint == "Set NEWAPI_BASE_URL to your gateway's base URL at https://gateway.example."


def test_inputs_travel_so_that_a_recipe_runs_again(
    here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    """Reference media given as data are in the zip once, and planning the retake there finds them."""
    (tmp_path / "boat.png").write_bytes(png())
    asked = {"first_frame": str(tmp_path / "boat.png")}
    plan = here.plan(**ASKED, **asked)
    medium = here.orders.asked(here.gateways.to("relaydance"), Order("relaydance", {"prompt": "x", **asked}))
    medium.kept(here.home)
    form = medium.asked["first_frame"]
    records = [make_clip(asked={"first_frame": form}), make_clip(asked={"first_frame": form, "duration": 8})]
    assert records[0].identity == plan.identity
    here.export_clips(tmp_path / "clips.zip")
    with zipfile.ZipFile(tmp_path / "clips.zip") as archive:
        assert [name for name in archive.namelist() if name.startswith("inputs/")] == [f"inputs/{form['input']}"]
    clips = there.import_clips(tmp_path / "clips.zip")
    assert {clip.id for clip in clips} == {record.id for record in records}
    assert (there.home / "inputs" / form["input"]).read_bytes() == png()
    again = there.plan(**ASKED, first_frame=form)
    assert again.existing == records[0].id


def test_no_secret_is_in_the_zip(
    here: Studio, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, signatures, accounts, owners and this machine's folders are in no byte of it."""
    monkeypatch.setenv("SOME_API_TOKEN", "canary-token-abcdef123456")
    raw: dict[str, Any] = {"url": SIGNED, "user_id": "canary-user", "data": {"Email": "canary@mail.example"}}
    raw |= {
        "echo": "Bearer sk-canary-0123456789abcdef",
        "message": f"see {SIGNED} soon",
        "list": [{"token": "canary!"}],
    }
    make_clip(
        asked={"first_frame": SIGNED, "prompt": "a boat canary-token-abcdef123456"},
        raw=raw,
        extra={"metadata": {"note": "sk-canary-0123456789abcdef"}},
        note="my key is sk-canary-0123456789abcdef",
    )
    here.export_clips(tmp_path / "clips.zip")
    with zipfile.ZipFile(tmp_path / "clips.zip") as archive:
        whole = b"\n".join(archive.read(name) for name in archive.namelist()) + repr(archive.namelist()).encode()
        recipe = json.loads(
            next(archive.read(name) for name in archive.namelist() if name[-5:] == ".json" and "/" in name)
        )
    assert b"canary" not in whole
    assert here.ledger.owner.id.encode() not in whole
    assert str(tmp_path).encode() not in whole
    assert recipe["asked"]["first_frame"] == "https://cdn.example/boat.png?…"
    assert recipe["owner"] == ""


def test_a_signed_address_still_replays(here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path) -> None:
    """The address in the recipe lost its query, the cell that holds it finds the clip all the same."""
    made = make_clip(asked={"first_frame": SIGNED})
    here.export_clips(tmp_path / "clips.zip")
    there.import_clips(tmp_path / "clips.zip")
    assert there.generate(**ASKED, first_frame=SIGNED) == made.id


def test_only_what_was_asked_for_and_what_is_there(here: Studio, make_clip: MakeClip, tmp_path: Path) -> None:
    """Named clips alone; one whose file is gone is left out, and that is said."""
    first, second = make_clip(), make_clip(asked={"duration": 8})
    gone = make_clip(asked={"duration": 10})
    (here.home / gone.files[0].path).unlink()
    cut = make_clip(asked={"duration": 12})
    (here.home / cut.files[0].path).write_bytes(b"cut by hand")
    assert here.export_clips(tmp_path / "one.zip", [second.id]).clips == (second.id,)
    shared = here.export_clips(tmp_path / "all.zip")
    assert shared.clips == (first.id, second.id)
    assert dict(shared.left_out) == {
        gone.id: f"{gone.files[0].path} is no longer there",
        cut.id: f"{cut.files[0].path} was changed",
    }
    assert gone.id in str(shared)


def test_nothing_to_export_is_said(here: Studio, make_clip: MakeClip, tmp_path: Path) -> None:
    """An empty home, an unknown id and a folder that cannot be: words, and no file left behind."""
    with pytest.raises(InvalidRequest, match="no finished clip"):
        here.export_clips(tmp_path / "clips.zip")
    with pytest.raises(InvalidRequest, match="there is no 'vg-nothing'"):
        here.export_clips(tmp_path / "clips.zip", ["vg-nothing", "vg-nothing"])
    make_clip()
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="cannot be written"):
        here.export_clips(tmp_path / "file" / "clips.zip")
    assert not list(tmp_path.glob("*clips.zip*"))


def test_importing_again_changes_nothing(here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path) -> None:
    """What is here stays as it is, opinions included, and no temporary file is left."""
    make_clip(rating=5)
    here.export_clips(tmp_path / "clips.zip")
    (clip,) = there.import_clips(tmp_path / "clips.zip")
    there.ledger.change(clip.record, rating=1)
    before = everything(there.home)
    (again,) = there.import_clips(tmp_path / "clips.zip")
    assert everything(there.home) == before
    assert again == clip
    row = there.ledger.get(clip.id)
    assert row is not None
    assert row.rating == 1
    assert sorted(before) == [
        ".gitignore",
        *sorted([clip.record.files[0].path, clip.record.files[0].poster, clip.record.files[0].path[:-3] + "json"]),
    ]


def test_a_home_that_lost_its_ledger_takes_its_own_export(here: Studio, make_clip: MakeClip, tmp_path: Path) -> None:
    """The files are there and the same: they are taken as they are."""
    make_clip()
    here.export_clips(tmp_path / "clips.zip")
    home = here.home
    here.close()
    for path in home.glob("ledger.db*"):
        path.unlink()
    with Studio(home=home) as studio:
        before = everything(home)
        (clip,) = studio.import_clips(tmp_path / "clips.zip")
        assert studio.generate(**ASKED) == clip
        assert {name: data for name, data in everything(home).items() if name in before} == before


def test_an_imported_clip_survives_a_lost_ledger(
    here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path
) -> None:
    """Its recipe is written beside it, so that reindex() finds it."""
    made = make_clip()
    here.export_clips(tmp_path / "clips.zip")
    there.import_clips(tmp_path / "clips.zip")
    home = there.home
    there.close()
    for path in home.glob("ledger.db*"):
        path.unlink()
    with Studio(home=home) as studio:
        assert list(studio.reindex()) == [made.id]
        assert studio.generate(**ASKED) == made.id


def test_an_import_that_is_cut_off_leaves_nothing_half_done(
    here: Studio, there: Studio, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt takes its temporary files away; those of a process that died go at the next start; then it works."""
    make_clip()
    here.export_clips(tmp_path / "clips.zip")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(unpack._Loader, "settle", interrupted)
        with pytest.raises(KeyboardInterrupt):
            there.import_clips(tmp_path / "clips.zip")
        assert sorted(everything(there.home)) == [".gitignore"]
        patched.setattr(unpack._Loader, "sweep", lambda loader: None)  # killed: nobody tidies up
        with pytest.raises(KeyboardInterrupt):
            there.import_clips(tmp_path / "clips.zip")
    assert len(list((there.home / "clips").iterdir())) == 2
    there.close()
    with Studio(home=there.home) as studio:
        studio.history()
        assert sorted(everything(studio.home)) == [".gitignore"]
        assert len(studio.import_clips(tmp_path / "clips.zip")) == 1
        assert studio.generate(**ASKED).status is Status.SUCCEEDED
