"""From an accepted task to a file on disk, over networks that fail: rows P1 to P10 and D1 to D6."""

import hashlib
import json
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import vidgen_nb as vg
from vidgen_nb.ledger import as_json, from_json
from vidgen_nb.records import Status

from ..loopback import Answer, Cut, Loopback, Say, Seen
from ..playing import ASKED, CLIP, RUNNING, MakeStudio, Provider


def test_a_clip_comes_home_whole(studio: vg.Studio, server: Loopback) -> None:
    """The file equals what was served; poster and recipe stand beside it; nothing signed is kept; no temporaries."""
    Provider(server)
    clip = studio.generate(**ASKED).wait(20)
    assert clip.path is not None
    assert clip.path.read_bytes() == CLIP
    (file,) = clip.record.files
    assert file.sha256 == hashlib.sha256(CLIP).hexdigest()
    video = clip.video
    assert video is not None
    assert (video.width, video.height, video.fps, video.has_audio) == (64, 48, 24.0, False)
    assert video.duration == pytest.approx(1.0, abs=0.05)
    assert video.poster is not None
    assert video.poster.stat().st_size <= 12_000
    recipe = clip.path.with_suffix(".json")
    assert from_json(json.loads(recipe.read_text())).files == clip.record.files
    kept = {path.name for path in clip.home.rglob("*") if path.is_file()}
    assert not [name for name in kept if name.endswith(".part")]
    for path in clip.home.rglob("*"):
        assert not path.is_file() or b"signature=secret" not in path.read_bytes(), path
    assert as_json(clip.record)["status"] == "succeeded"


def test_the_same_cell_again_is_the_same_clip(make_studio: MakeStudio, server: Loopback) -> None:
    """In another kernel too: 0 new charges, said on the record."""
    Provider(server)
    first = make_studio().generate(**ASKED).wait(20)
    again = make_studio().generate(prompt=ASKED["prompt"], provider="relaydance", seconds="5")
    assert again == first
    assert again.record.reused
    assert again.path == first.path
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Say(500),
        Say(429),
        Say(502, body=b"<html>"),
        Say(body=b"<html>login</html>"),
        Cut(RUNNING, keep=5),
        Say(404, json={}),
    ],
    ids=["500", "429", "502 html", "200 html", "cut", "404 at first"],
)
def test_p1_p6_trouble_on_the_way_is_no_failure(trouble: Answer, studio: vg.Studio, server: Loopback) -> None:
    """P1, P6: troubled polls, then an answer: the clip comes home, and nothing was submitted again."""
    provider = Provider(server)
    provider.polls = [trouble, trouble, RUNNING, provider.done]
    assert studio.generate(**ASKED).wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_p2_a_bad_key_pauses_and_a_new_one_goes_on(make_studio: MakeStudio, server: Loopback) -> None:
    """P2: needs_key is shown, polling pauses; a Studio with a new key brings the clip home."""
    provider = Provider(server, [Say(401, json={"error": {"message": "expired"}})])
    studio = make_studio()
    clip = studio.generate(**ASKED)
    paused = threading.Event()
    clip.watch(lambda record: paused.set() if record.needs_key else None)
    assert paused.wait(10) or clip.record.needs_key
    studio.close()
    provider.polls = [provider.done]
    (again,) = make_studio(keys={"relaydance": "sk-new"}).resume()
    assert again.wait(20) == clip
    assert len(server.posts) == 1


def test_p9_resume_in_a_new_process(server: Loopback, make_studio: MakeStudio) -> None:
    """P9: a process that ended after the answer; another one finishes the clip without a POST."""
    provider = Provider(server, [RUNNING])
    studio = make_studio()
    clip = studio.generate(**ASKED)
    studio.close()
    provider.polls = [provider.done]
    code = textwrap.dedent("""
        import vidgen_nb as vg
        vg.setup(keys={{"relaydance": "sk-test"}}, base_urls={{"relaydance": {url!r}}})
        (clip,) = vg.resume()
        print(clip.id, clip.wait(30).status)
    """).format(url=server.url)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.split() == [clip.id, "succeeded"]
    assert len(server.posts) == 1


def test_p10_two_kernels_resume_one_ledger(make_studio: MakeStudio, server: Loopback) -> None:
    """P10: the second kernel watches what the first one owns; one download, both see the clip."""
    provider = Provider(server, [RUNNING])
    first, second = make_studio(), make_studio()
    clip = first.generate(**ASKED)
    (other,) = second.resume()
    provider.polls = [provider.done]
    assert other.wait(20) == clip.wait(20)
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) == 1


def test_a_dead_owner_is_taken_over(make_studio: MakeStudio, server: Loopback) -> None:
    """Owners: the kernel that owned the row is gone; whoever asks for the same clip goes on with it."""
    provider = Provider(server, [RUNNING])
    first = make_studio()
    clip = first.generate(**ASKED)
    first.close()
    provider.polls = [provider.done]
    assert make_studio().generate(**ASKED).wait(20) == clip
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    "broken",
    [
        Cut(Say(body=CLIP), keep=len(CLIP) // 2),
        Say(body=CLIP[:-9], length=None),
        Say(500),
        Say(body=CLIP[: len(CLIP) // 3], length=None),
    ],
    ids=["cut", "close-delimited cut", "500", "third"],
)
def test_d1_a_broken_download_is_tried_again(broken: Answer, studio: vg.Studio, server: Loopback) -> None:
    """D1: nothing that is not whole is taken for the clip; the next try brings it."""
    Provider(server, media=[broken, Say(body=CLIP)])
    clip = studio.generate(**ASKED).wait(20)
    assert clip.path is not None
    assert clip.path.read_bytes() == CLIP


def test_d1_a_whole_body_that_is_no_mp4_is_kept(studio: vg.Studio, server: Loopback) -> None:
    """D1, D5: complete by its length and no MP4, whatever its header says: kept, named by its magic, stuck(not_mp4)."""
    page = b"<!doctype html><html>please log in</html>"
    Provider(server, media=[Say(body=page, headers={"Content-Type": "video/mp4"})])
    clip = studio.generate(**ASKED)
    with pytest.raises(vg.GenerationStuck) as raised:
        clip.wait(20)
    assert raised.value.reason == "not_mp4"
    (kept,) = (clip.home / "clips").glob("*_received.html")
    assert kept.read_bytes() == page
    assert str(kept) in str(raised.value)


def test_d2_an_expired_link_is_asked_for_anew(studio: vg.Studio, server: Loopback) -> None:
    """D2: the task is read again for a fresh URL."""
    Provider(server, media=[Say(403), Say(410), Say(body=CLIP)])
    assert studio.generate(**ASKED).wait(20).status is Status.SUCCEEDED


def test_d2_a_link_that_stays_dead_is_stuck_and_resumes(studio: vg.Studio, server: Loopback) -> None:
    """D2: after three fresh links it is stuck(media_expired); resume() brings it home once the link works."""
    provider = Provider(server, media=[Say(404)])
    clip = studio.generate(**ASKED)
    with pytest.raises(vg.GenerationStuck) as raised:
        clip.wait(20)
    assert raised.value.reason == "media_expired"
    provider.media = [Say(body=CLIP)]
    assert clip.resume().wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/x",
        "http://2130706434/x",
        "http://0x7f000002/x",
        "http://0177.0.0.2/x",
        "http://[::ffff:7f00:2]/x",
        "http://169.254.169.254/x",
        "http://10.1.2.3/x",
    ],
)
def test_d4_private_addresses_are_never_fetched(url: str, studio: vg.Studio, server: Loopback) -> None:
    """D4: in any spelling: stuck(media_refused) before connecting, naming the host and the way out."""
    Provider(server, [Say(json={"task_id": "task_1", "status": "succeeded", "url": url})])
    clip = studio.generate(**ASKED)
    with pytest.raises(vg.GenerationStuck, match="allow_media_hosts") as raised:
        clip.wait(20)
    assert raised.value.reason == "media_refused"


def test_d3_redirects_go_through_the_policy_without_the_key(make_studio: MakeStudio, server: Loopback) -> None:
    """D3: another host on the way needs leave, gets no key, and is followed where it has it."""
    provider = Provider(server)
    with_other = Loopback(lambda seen: Say(body=CLIP))
    try:
        there = with_other.url.replace("127.0.0.1", "localhost")
        provider.media = [Say(302, headers={"Location": f"{there}/file.mp4"})]
        studio = make_studio()
        with pytest.raises(vg.GenerationStuck, match="localhost"):
            studio.generate(**ASKED).wait(20)
        assert with_other.log == []
        studio.close()
        (clip,) = make_studio(allow_media_hosts=["localhost"]).resume()
        assert clip.wait(20).status is Status.SUCCEEDED
        (fetched,) = with_other.log
        assert "authorization" not in fetched.headers
        assert "cookie" not in fetched.headers
    finally:
        with_other.stop()


KILLED = """
    import os, sys, threading
    import vidgen_nb as vg
    studio = vg.Studio(keys={{"relaydance": "sk-test"}}, base_urls={{"relaydance": {url!r}}}, allow_paid=True,
                       timing=vg.Timing(first_poll=0.02, min_gap=0.02))
    studio.generate(**{asked!r})
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def test_d6_sigkill_during_the_download(server: Loopback, make_studio: MakeStudio) -> None:
    """D6: the next start sweeps the half file away, and resume() finishes."""
    half, go = threading.Event(), threading.Event()
    provider = Provider(server)

    def script(seen: Seen) -> Answer:
        if seen.path.startswith("/m.mp4") and not go.is_set():
            half.set()
            go.wait(30)
        return provider.answer(seen)

    server.script = script
    code = textwrap.dedent(KILLED).format(url=server.url, asked=ASKED)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True) as process:
        assert half.wait(30)
        process.communicate("now\n", timeout=30)
    go.set()
    (Path("vidgen") / "clips" / f".2026-01-01_x.{'0' * 32}.part").write_bytes(b"half")
    provider.polls = [provider.done]
    (clip,) = make_studio().resume()
    assert clip.wait(20).status is Status.SUCCEEDED
    assert not list((clip.home / "clips").glob("*.part")) + list((clip.home / "clips").glob(".*.part"))
    assert len(server.posts) == 1


def test_a_lost_ledger_is_rebuilt_from_the_recipes(make_studio: MakeStudio, server: Loopback) -> None:
    """vg.reindex(): the files are the truth; afterwards the same cell is the same clip again, at no charge."""
    Provider(server)
    first = make_studio()
    clip = first.generate(**ASKED).wait(20)
    first.close()
    for path in clip.home.glob("ledger.db*"):
        path.unlink()
    (clip.home / "clips" / "nonsense.json").write_text("{")
    studio = make_studio()
    assert studio.history() == []
    assert studio.reindex() == [clip]
    assert studio.reindex() == []
    assert studio.generate(**ASKED) == clip
    assert len(server.posts) == 1


def test_p2_a_new_key_goes_on_beside_the_old_studio(make_studio: MakeStudio, server: Loopback) -> None:
    """P2: the Studio with the bad key still lives; whoever has a good one takes the paused row over, free."""
    provider = Provider(server, [Say(401, json={"error": {"message": "expired"}})])
    clip = make_studio(keys={"relaydance": "sk-old"}).generate(**ASKED)
    paused = threading.Event()
    clip.watch(lambda record: paused.set() if record.needs_key else None)
    assert paused.wait(10) or clip.record.needs_key
    provider.polls = [provider.done]
    assert make_studio(keys={"relaydance": "sk-new"}).generate(**ASKED).wait(20).status is Status.SUCCEEDED
    assert server.gets[-1].headers["authorization"] == "Bearer sk-new"
    assert len(server.posts) == 1
