"""From an accepted task to a file on disk, over networks that fail: rows P1 to P10 and D1 to D7, for each of the five.

The finer points of P4, P5 and P8 are rules without a network: tests/engine/test_rules.py.
"""

import asyncio
import hashlib
import json
import struct
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.engine import download, rules
from vidgen_nb.ledger import as_json, from_json
from vidgen_nb.records import Record, Status

from ..loopback import Answer, Cut, Drip, Loopback, Say, Seen
from ..playing import (
    AISPHERE,
    ASKED,
    CLIP,
    NEWAPI,
    PLAYS,
    QUICK,
    TASK,
    MakeStudio,
    Play,
    Provider,
    read_sample,
    sample_names,
    told,
)  # fmt: skip

IMPATIENT = replace(QUICK, not_found_grace=0, no_media_grace=0)
PROGRESS = {  # the samples of those which report progress, at 50 %
    "aioagi": "query-openai-in-progress",
    "newapi": "query-openai-in-progress",
    "relaydance": "query-openai-in-progress",
}
REPORTING = [play for play in PLAYS if play.name in PROGRESS]


def seen_by(clip: vg.Generation, wanted: Callable[[Record], Any]) -> None:
    """Wait until a record of the clip is as wanted."""
    happened = threading.Event()
    stop = clip.watch(lambda record: happened.set() if wanted(record) else None)
    assert wanted(clip.record) or happened.wait(10)
    stop()


def stuck(clip: vg.Generation, reason: str) -> vg.GenerationStuck:
    with pytest.raises(vg.GenerationStuck) as raised:
        clip.wait(20)
    assert raised.value.reason == reason
    return raised.value


def test_a_clip_comes_home_whole(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """The file equals what was served; poster and recipe stand beside it; nothing signed is kept; no temporaries."""
    clip = studio.generate(**provider.play.request).wait(20)
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


# ── polls ─────────────────────────────────────────────────────────────────────
TROUBLE: dict[str, Callable[[Provider], Answer]] = {
    "500": lambda provider: Say(500),
    "429": lambda provider: Say(429, headers={"Retry-After": "0"}),
    "502 html": lambda provider: Say(502, body=b"<html>"),
    "200 html": lambda provider: Say(body=b"<html>login</html>"),
    "cut": lambda provider: Cut(provider.running, keep=5),
    "a code of trouble": lambda provider: Say(json={"code": 500, "message": "Internal server error", "data": {}}),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_p1_trouble_on_the_way_is_no_failure(
    trouble: str, provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """P1: troubled polls, shown as unreachable, then an answer: the clip comes home, nothing is submitted again."""
    provider.polls = [TROUBLE[trouble](provider)]
    clip = studio.generate(**provider.play.request)
    seen_by(clip, lambda record: record.unreachable_since)
    assert clip.status.open
    provider.polls = [provider.running, provider.done]
    assert clip.wait(20).status is Status.SUCCEEDED
    assert clip.record.unreachable_since is None
    assert len(server.posts) == 1


def test_p1_a_network_that_is_gone(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """P1: nobody listens any more: the generation stays open, and resumes where it can be reached again."""
    provider.polls = [provider.running]
    studio = make_studio()
    clip = studio.generate(**provider.play.request)
    server.stop()
    seen_by(clip, lambda record: record.unreachable_since)
    assert clip.status.open


def test_p2_a_bad_key_pauses_and_a_new_one_goes_on(
    provider: Provider, make_studio: MakeStudio, server: Loopback
) -> None:
    """P2: needs_key is shown, polling pauses; whoever has a good key brings the clip home, the old one still open."""
    provider.polls = [provider.play.say(provider.play.no_key)]
    clip = make_studio().generate(**provider.play.request)
    seen_by(clip, lambda record: record.needs_key)
    provider.polls = [provider.done]
    again = make_studio(keys={provider.play.name: "sk-new"}).generate(**provider.play.request)
    assert again.wait(20) == clip
    assert "sk-new" in server.gets[-1].headers[provider.play.auth]
    assert len(server.posts) == 1


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("words", ["no access to this model", "quota exceeded"])
def test_p2_whatever_it_says(
    status: int, words: str, provider: Provider, make_studio: MakeStudio, server: Loopback
) -> None:
    """P2: 401 and 403 to a question pause it, in whatever words: the task itself has not failed."""
    provider.polls = [Say(status, json={"error": {"message": words, "type": "some_error"}})]
    studio = make_studio()
    clip = studio.generate(**provider.play.request)
    seen_by(clip, lambda record: record.needs_key)
    studio.close()
    provider.polls = [provider.done]
    (again,) = make_studio().resume()
    assert again.wait(20) == clip


@pytest.mark.parametrize("word", ["archived", "WEIRD_word", "<b>bold</b>", "\x1b[31m"])
def test_p3_a_word_nobody_knows_is_no_end(word: str, provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """P3: shown as it came, polled on; what follows counts."""
    running = json.dumps(provider.running.json)
    known = next(w for w in ("InProgress", "IN_PROGRESS", "running", "processing") if f'"{w}"' in running)
    strange = Say(json=json.loads(running.replace(f'"{known}"', json.dumps(word))))
    provider.polls = [strange]
    clip = studio.generate(**provider.play.request)
    seen_by(clip, lambda record: record.word == word.strip())
    assert clip.status.open
    provider.polls = [provider.done]
    assert clip.wait(20).status is Status.SUCCEEDED


@pytest.mark.parametrize("play", REPORTING, ids=lambda play: play.name)
def test_p4_progress_never_goes_back(play: Play, studio: vg.Studio, server: Loopback) -> None:
    """P4: the highest so far is shown, whatever comes later; it has no effect on the status."""
    provider = Provider(server, play=play)
    half = play.say(PROGRESS[play.name])
    provider.polls = [half]
    clip = studio.generate(**play.request)
    seen_by(clip, lambda record: record.progress == 50)
    for less in (30, "20%", "NaN", None):
        provider.polls = [Say(json={**half.json, "progress": less})]
        polls = len(server.gets)
        seen_by(clip, lambda record, polls=polls: len(server.gets) > polls + 1)
        assert clip.progress == 50
        assert clip.status.open
    provider.polls = [provider.done]
    assert clip.wait(20).progress == 100


def test_p5_an_end_is_an_end(studio: vg.Studio, server: Loopback) -> None:
    """P5: what failed stays failed, though the provider should say something else later."""
    provider = Provider(server)
    provider.polls = [provider.play.say(provider.play.failed)]
    clip = studio.generate(**ASKED)
    with pytest.raises(vg.GenerationFailed):
        clip.wait(20)
    provider.polls = [provider.running]
    clip.check()
    assert clip.resume().status is Status.FAILED
    studio.close()
    row = vg.Studio().get(clip.id)
    assert row is not None
    assert row.status is Status.FAILED


def test_p6_a_fresh_task_may_be_unknown_for_a_while(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """P6: in the first two minutes "no such task" is only early. (AiSphere's address is not verified: see below.)"""
    if provider.play is AISPHERE:
        provider.polls = [Say(400, json={"code": 400, "message": "not yet"}), provider.done]
    else:
        missing = provider.play.say(provider.play.missing)
        provider.polls = [missing, missing, provider.running, provider.done]
    assert studio.generate(**provider.play.request).wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_p6_a_task_that_stays_unknown_is_stuck_and_resumes(
    provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P6: later, and several times in a row: stuck, naming what to check; resume() is free.

    At AiSphere at once, naming the option and the task id, because nobody has verified its query address.
    """
    monkeypatch.setattr(rules, "MISSES_SPAN", 0.1)
    play = provider.play
    provider.polls = [play.say(play.missing)]
    clip = make_studio(timing=IMPATIENT).generate(**play.request)
    error = stuck(clip, "query_unverified" if play is AISPHERE else "task_not_found")
    assert TASK in str(error)
    assert ("query_path" if play is AISPHERE else "base URL") in str(error)
    assert len(server.gets) >= (1 if play is AISPHERE else 3)
    provider.polls = [provider.done]
    assert clip.resume().wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_p6_the_option_of_the_query_address(make_studio: MakeStudio, server: Loopback) -> None:
    """P6: with AiSphere's query address set by a person, the stuck clip comes home without a POST."""
    provider = Provider(server, play=AISPHERE)
    provider.polls = [AISPHERE.say("query-405")]
    first = make_studio()
    stuck(first.generate(**AISPHERE.request), "query_unverified")
    first.close()

    def script(seen: Seen) -> Answer:
        return provider.done if seen.path == f"/api/v1/tasks/{TASK}" else provider.answer(seen)

    server.script = script
    options = {"aisphere": {"query_path": "/api/v1/tasks/{task_id}"}}
    (clip,) = make_studio(options=options).resume()
    assert clip.wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


SUCCESSES = [
    pytest.param(play, name, id=f"{name}-{play.name}")
    for play in PLAYS
    for name in sample_names(play.name, "query")
    if {"url", "path"} & read_sample(play.name, name)["expect"].keys()
]


@pytest.mark.parametrize(("play", "sample"), SUCCESSES)
def test_p7_the_video_in_each_of_its_places(play: Play, sample: str, studio: vg.Studio, server: Loopback) -> None:
    """P7: every documented success leads to the clip; New API's own proxy is reached at the base URL, with the key."""
    provider = Provider(server, play=play)
    provider.polls = [play.say(sample, url=provider.link)]
    path = read_sample(play.name, sample)["expect"].get("path", "")
    theirs = read_sample(play.name, sample)["expect"].get("task_id", TASK)

    def script(seen: Seen) -> Answer:
        return Say(body=CLIP) if path and seen.path == path.replace(theirs, TASK) else provider.answer(seen)

    server.script = script
    clip = studio.generate(**play.request).wait(20)
    assert clip.path is not None
    assert clip.path.read_bytes() == CLIP
    (fetched,) = [seen for seen in server.gets if seen.path != play.query.format(TASK)]
    assert "sk-test" in fetched.headers[play.auth]  # here the media lie at the base URL's own origin


def test_p7_a_success_without_a_video_is_stuck_and_resumes(
    provider: Provider, make_studio: MakeStudio, server: Loopback
) -> None:
    """P7: a grace of a minute, then stuck(no_media); once the address is there, resume() brings the clip home."""
    provider.polls = [provider.play.done("")]
    clip = make_studio(timing=IMPATIENT).generate(**provider.play.request)
    stuck(clip, "no_media")
    provider.polls = [provider.done]
    assert clip.resume().wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_p7_a_video_in_the_answer_to_the_post(make_studio: MakeStudio, server: Loopback) -> None:
    """P7: AiSphere's answer has a place for addresses: what stands there is fetched, though nobody knows how to ask."""
    provider = Provider(server, play=AISPHERE)
    provider.submits = [provider.done]
    provider.polls = [AISPHERE.say("query-404")]
    assert make_studio().generate(**AISPHERE.request).wait(20).status is Status.SUCCEEDED
    assert [seen.path for seen in server.gets] == ["/m.mp4?signature=secret"]


def test_p7_a_dead_link_in_the_answer_to_the_post(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """P7, D2: if that address does not work, the task is asked about as usual."""
    provider.submits = [provider.done]
    provider.media = [Say(403), Say(body=CLIP)]
    assert studio.generate(**provider.play.request).wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_p7_a_late_address_is_waited_for(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """P7: inside the grace it is asked again."""
    provider.polls = [provider.play.done(""), provider.play.done("not an address"), provider.done]
    assert studio.generate(**provider.play.request).wait(20).status is Status.SUCCEEDED


def test_p8_a_task_that_runs_for_ever(make_studio: MakeStudio, server: Loopback) -> None:
    """P8: at the deadline it is stuck, which is no failure: resume() asks again, at no cost."""
    provider = Provider(server)
    provider.polls = [provider.running]
    first = make_studio(timing=replace(QUICK, deadline=0.3))
    clip = first.generate(**ASKED)
    stuck(clip, "deadline")
    first.close()
    provider.polls = [provider.done]
    assert make_studio().generate(**ASKED).wait(20) == clip
    assert len(server.posts) == 1


# ── restarts, and several at once ─────────────────────────────────────────────
def test_p9_resume_in_a_new_process(provider: Provider, server: Loopback, make_studio: MakeStudio) -> None:
    """P9: a process that ended after the answer; another one finishes the clip without a POST, keys from its .env."""
    provider.polls = [provider.running]
    studio = make_studio()
    clip = studio.generate(**provider.play.request)
    studio.close()
    provider.polls = [provider.done]
    code = textwrap.dedent("""
        import vidgen_nb as vg
        vg.setup(**{told!r})
        (clip,) = vg.resume()
        print(clip.id, clip.wait(30).status)
    """).format(told=told(server.url))
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.split() == [clip.id, "succeeded"]
    assert len(server.posts) == 1


def test_p9_every_way_of_waiting_gives_the_same(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """P9: wait(), await in a new loop, a thread without any, the id after a restart: one clip."""
    provider.polls = [provider.running]
    clip = studio.generate(**provider.play.request)
    found: list[vg.Generation] = []
    thread = threading.Thread(target=lambda: found.append(clip.wait(20)))
    thread.start()
    provider.polls = [provider.done]

    async def cell() -> vg.Generation:
        return await clip

    found += [
        asyncio.run(cell()),
        asyncio.run(cell()),
        studio.resume(clip.id).wait(20),
        studio.generate(**provider.play.request),
    ]
    thread.join(20)
    assert found == [clip] * 5
    assert len(server.posts) == 1


def test_p10_two_kernels_resume_one_ledger(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """P10: the second kernel watches what the first one owns; one download, both see the clip."""
    provider.polls = [provider.running]
    first, second = make_studio(), make_studio()
    clip = first.generate(**provider.play.request)
    (other,) = second.resume()
    provider.polls = [provider.done]
    assert other.wait(20) == clip.wait(20)
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) == 1


def test_p10_a_dead_owner_is_taken_over(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """P10: the kernel that owned the row is gone; whoever asks for the same clip goes on with it."""
    provider.polls = [provider.running]
    first = make_studio()
    clip = first.generate(**provider.play.request)
    first.close()
    provider.polls = [provider.done]
    assert make_studio().generate(**provider.play.request).wait(20) == clip
    assert len(server.posts) == 1


# ── downloads ─────────────────────────────────────────────────────────────────
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
    error = stuck(clip, "not_mp4")
    (kept,) = (clip.home / "clips").glob("*_received.html")
    assert kept.read_bytes() == page
    assert str(kept) in str(error)


def test_d5_a_body_without_end(studio: vg.Studio, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """D5: beyond the cap it is broken off; nothing of it is taken for the clip."""
    provider = Provider(server, media=[Say(body=CLIP, length=None)])
    with monkeypatch.context() as patched:
        patched.setattr(download, "MAX_BYTES", len(CLIP) - 1)
        clip = studio.generate(**ASKED)
        seen_by(clip, lambda record: record.unreachable_since)
        assert clip.path is None
    provider.media = [Say(body=CLIP)]
    assert clip.wait(20).status is Status.SUCCEEDED


def test_d5_a_drip_is_tried_again(make_studio: MakeStudio, server: Loopback) -> None:
    """D5: less than 1 KiB a second over the time of patience is as good as nothing."""
    Provider(server, media=[Drip(Say(body=CLIP)), Say(body=CLIP)])
    studio = make_studio(timing=replace(QUICK, download_stall=0.2))
    assert studio.generate(**ASKED).wait(20).status is Status.SUCCEEDED
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) == 2


def test_d2_an_expired_link_is_asked_for_anew(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """D2: the task is read again for a fresh URL."""
    provider.media = [Say(403), Say(410), Say(body=CLIP)]
    assert studio.generate(**provider.play.request).wait(20).status is Status.SUCCEEDED


def test_d2_a_link_that_stays_dead_is_stuck_and_resumes(
    provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """D2: after three fresh links it is stuck(media_expired); resume() brings it home once the link works."""
    provider.media = [Say(404)]
    clip = studio.generate(**provider.play.request)
    stuck(clip, "media_expired")
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) == 4
    provider.media = [Say(body=CLIP)]
    assert clip.resume().wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_d3_the_key_stays_at_the_base_url(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """D3: a video elsewhere, and one to which the base URL redirects: fetched without key, cookie or referer."""
    elsewhere = Loopback(lambda seen: Say(body=CLIP))
    try:
        there = elsewhere.url.replace("127.0.0.1", "localhost")
        provider.polls = [provider.play.done(f"{there}/direct.mp4")]
        studio = make_studio(allow_media_hosts=["localhost"])
        studio.generate(**provider.play.request).wait(20)
        provider.polls = [provider.done]
        provider.media = [Say(302, headers={"Location": f"{there}/moved.mp4", "Set-Cookie": "a=b"})]
        studio.generate(**provider.play.request, take=2, check=False).wait(20)
        assert [seen.path for seen in elsewhere.log] == ["/direct.mp4", "/moved.mp4"]
        for seen in elsewhere.log:
            assert not {"authorization", "x-api-key", "cookie", "referer"} & seen.headers.keys()
    finally:
        elsewhere.stop()


def test_d3_redirects_go_through_the_policy(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """D3, D4: another host on the way needs leave; with it, resume() brings the clip home."""
    elsewhere = Loopback(lambda seen: Say(body=CLIP))
    try:
        there = elsewhere.url.replace("127.0.0.1", "localhost")
        provider.media = [Say(302, headers={"Location": f"{there}/file.mp4"})]
        studio = make_studio()
        error = stuck(studio.generate(**provider.play.request), "media_refused")
        assert "localhost" in str(error)
        assert "allow_media_hosts" in str(error)
        assert elsewhere.log == []
        studio.close()
        (clip,) = make_studio(allow_media_hosts=["localhost"]).resume()
        assert clip.wait(20).status is Status.SUCCEEDED
    finally:
        elsewhere.stop()


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
    provider = Provider(server)
    provider.polls = [provider.play.done(url)]
    assert "allow_media_hosts" in str(stuck(studio.generate(**ASKED), "media_refused"))


def test_d4_a_gateway_serves_its_own_media(studio: vg.Studio, server: Loopback) -> None:
    """D4: exactly the base URL's own origin is allowed though it is private: a New API on this machine."""
    provider = Provider(server, play=NEWAPI)
    assert studio.generate(**NEWAPI.request).wait(20).status is Status.SUCCEEDED
    assert provider.link.startswith("http://127.0.0.1:")


def test_d7_a_file_name_holds_nothing_remote(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """D7: task id and address name no file: date, our id and a suffix do."""
    odd = "CON.:..-x"
    provider.submits = [provider.play.say("submit", task=odd)]

    def script(seen: Seen) -> Answer:
        if seen.method == "GET" and not seen.path.startswith("/m.mp4"):
            return provider.play.say(provider.play.succeeded, task=odd, url=f"{provider.link}&name=../../x%00.exe")
        return provider.answer(seen)

    server.script = script
    clip = studio.generate(**provider.play.request).wait(20)
    assert clip.task_id == odd
    assert clip.path is not None
    short = clip.id.removeprefix("vg-")
    assert {path.name.partition("_")[2] for path in clip.path.parent.iterdir()} == {
        f"{short}.mp4", f"{short}.jpg", f"{short}.json",
    }  # fmt: skip


# ── kernels that die while a clip comes home ──────────────────────────────────
KILLED = """
    import os, sys, threading
    import vidgen_nb as vg
    studio = vg.Studio(**{told!r}, allow_paid=True, timing=vg.Timing(first_poll=0.02, min_gap=0.02))
    studio.generate(**{asked!r})
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def test_d6_sigkill_during_the_download(provider: Provider, server: Loopback, make_studio: MakeStudio) -> None:
    """D6: the next start sweeps the half file away, and resume() finishes."""
    half, go = threading.Event(), threading.Event()

    def script(seen: Seen) -> Answer:
        if seen.path.startswith("/m.mp4") and not go.is_set():
            half.set()
            go.wait(30)
        return provider.answer(seen)

    server.script = script
    code = textwrap.dedent(KILLED).format(told=told(server.url), asked=provider.play.request)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True) as process:
        assert half.wait(60)
        process.communicate("now\n", timeout=30)
    go.set()
    (Path("vidgen") / "clips" / f".2026-01-01_x.{'0' * 32}.part").write_bytes(b"half")
    provider.polls = [provider.done]
    (clip,) = make_studio().resume()
    assert clip.wait(20).status is Status.SUCCEEDED
    assert not list((clip.home / "clips").glob("*.part")) + list((clip.home / "clips").glob(".*.part"))
    assert len(server.posts) == 1


def test_d6_a_disk_that_fills_up(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """D6: stuck(disk) says so, nothing half is taken for the clip, and resume() finishes once there is room."""
    resource = pytest.importorskip("resource", reason="Windows has no limit to stand in for a full disk")
    large = CLIP + struct.pack(">I4s", 3 << 20, b"free") + bytes((3 << 20) - 8)
    provider.media = [Say(body=large)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        clip = studio.generate(**provider.play.request)
        assert "the disk did not take the file" in str(stuck(clip, "disk")).lower()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert clip.path is None
    assert clip.resume().wait(20).path.read_bytes() == large  # type: ignore[union-attr]
    assert not list((clip.home / "clips").glob(".*.part"))
    assert len(server.posts) == 1


def test_a_clip_whose_file_was_deleted(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """The card and resume() say that the file is gone, and where it was; nothing is asked, nothing is bought again."""
    clip = studio.generate(**provider.play.request).wait(20)
    assert clip.path is not None
    clip.path.unlink()
    asked = len(server.log)
    assert "The file is no longer there" in studio.bundle(clip)["text/html"]
    with pytest.raises(vg.InvalidRequest, match=clip.path.name) as raised:
        studio.generate(**provider.play.request).resume()
    assert "retake()" in raised.value.hint
    assert len(server.log) == asked


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
