"""A machine whose own settings stop every connection, and downloads which never work: told, and never for ever."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import vidgen_nb as vg
from vidgen_nb.engine import download, rules
from vidgen_nb.records import Record, Status

from ..engine.test_rules import record
from ..loopback import Loopback, Reset, Say
from ..playing import CLIP, QUICK, MakeStudio, Play, Provider, make_studio, play, provider, server
from .toxics import Endless, Names, until

__all__ = ["make_studio", "play", "provider", "server"]

SETTINGS = {  # what a machine may say about connections, and what of it the error names
    "SOCKS without its package": ("all_proxy", "socks5://me:sk-proxy-word@127.0.0.1:1", "SOCKS"),
    "a scheme that desktops set": ("all_proxy", "socks://me:sk-proxy-word@127.0.0.1:1/", "ALL_PROXY"),
    "no address at all": ("http_proxy", "foo:bar:sk-proxy-word", "HTTP_PROXY"),
    "certificates that are not there": ("SSL_CERT_FILE", "/nowhere/sk-proxy-word", "SSL_CERT_FILE"),
}


@pytest.fixture
def away(server: Loopback, play: Play, monkeypatch: pytest.MonkeyPatch) -> str:
    """The provider's base URL by a name: no proxy of this machine's settings counts for its own loopback."""
    Names(monkeypatch, api_example=["127.0.0.1"])
    return server.url.replace("127.0.0.1", "api.example") + play.base


@pytest.mark.parametrize("what", SETTINGS)
def test_s3_settings_that_stop_every_connection(
    what: str, away: str, provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3: the setting is named and not quoted, nothing was sent, and the cell is free to run again."""
    name, value, told = SETTINGS[what]
    if what.startswith("SOCKS"):
        monkeypatch.setitem(sys.modules, "socksio", None)  # where it is installed, it is used
    studio, request = make_studio(base_urls={provider.play.name: away}), provider.play.request
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        with pytest.raises(vg.NotSent, match=told) as raised:
            studio.generate(**request)
    assert "sk-proxy-word" not in str(raised.value)
    (row,) = studio.history()
    assert row.status is Status.REFUSED
    assert server.log == []


def test_p1_settings_that_stop_the_questions(
    away: str, provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1: under such a setting a question is trouble of the network; without it the clip comes home."""
    name, value, _ = SETTINGS["a scheme that desktops set"]
    provider.polls = [provider.running]
    first = make_studio(base_urls={provider.play.name: away})
    clip = first.generate(**provider.play.request)
    first.close()
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        (again,) = make_studio(base_urls={provider.play.name: away}).resume()
        until(lambda: again.record.unreachable_since)
        assert again.status.open
    provider.polls = [provider.play.done(provider.link.replace("127.0.0.1", "api.example"))]
    assert again.wait(120) == clip
    assert len(server.posts) == 1


def test_d1_settings_that_stop_the_download(
    provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1: so is a download under it; without it the clip comes home."""
    Names(monkeypatch, cdn_example=["127.0.0.1"])
    name, value, _ = SETTINGS["no address at all"]
    provider.polls = [provider.play.done(provider.link.replace("127.0.0.1", "cdn.example"))]
    studio = make_studio(allow_media_hosts=["cdn.example"])
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        clip = studio.generate(**provider.play.request)
        until(lambda: clip.record.unreachable_since)
        assert clip.status.open
    assert clip.wait(120).status is Status.SUCCEEDED
    assert len(server.posts) == 1


# ── downloads which never work ────────────────────────────────────────────────
def test_d5_what_is_always_too_large_is_not_fetched_for_ever(
    provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D5: begun anew three times, then stuck(broken_off), with nothing left on the disk; resume() begins anew."""
    monkeypatch.setattr(download, "MAX_BYTES", 1 << 20)
    provider.polls, provider.media = [provider.done], [Endless(CLIP[:32] + bytes(65_504))]
    clip = make_studio().generate(**provider.play.request)
    with pytest.raises(vg.GenerationStuck, match="larger than") as raised:
        clip.wait(120)
    assert raised.value.reason == "broken_off"
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) == 1 + rules.LARGE_BODIES
    assert list((clip.home / "clips").iterdir()) == []
    provider.media = [Say(body=CLIP)]
    assert clip.resume().wait(120).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_d1_a_download_that_never_works_ends_as_a_clip_does(
    provider: Provider, make_studio: MakeStudio, server: Loopback
) -> None:
    """D1, P8: broken off until the deadline is over: stuck(broken_off), and never failed."""
    provider.polls, provider.media = [provider.done], [Reset()]
    clip = make_studio(timing=replace(QUICK, deadline=0.3)).generate(**provider.play.request)
    with pytest.raises(vg.GenerationStuck) as raised:
        clip.wait(120)
    assert raised.value.reason == "broken_off"
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) > 1
    assert len(server.posts) == 1


def test_d1_broken_downloads_are_tried_more_slowly() -> None:
    """D1: the questions in between go well, and still the next download waits longer, up to the longest gap."""
    row: Record = record(Status.DOWNLOADING)
    patience, waits, timing = rules.Patience(polls=1), [], vg.Timing()
    for n in range(8):
        patience = replace(patience, trouble=0)  # what a good answer leaves
        broken = rules.broken_off(row, patience, "it broke", too_large=False, now=1.0, age=60.0 + n, timing=timing)
        patience = broken.patience
        waits.append(rules.next_wait(patience, age=0.0, timing=timing))
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2 * timing.min_gap, timing.max_gap)


def test_d1_a_picture_that_cannot_be_decoded_is_kept(
    provider: Provider, make_studio: MakeStudio, server: Loopback, tmp_path: Path
) -> None:
    """D1: a whole MP4 whose picture is of a kind nobody here knows: kept, stuck(not_mp4), not fetched for ever."""
    unknown = CLIP.replace(b"avc1", b"zzz9")
    assert unknown != CLIP
    provider.polls, provider.media = [provider.done], [Say(body=unknown)]
    clip = make_studio().generate(**provider.play.request)
    with pytest.raises(vg.GenerationStuck) as raised:
        clip.wait(120)
    assert raised.value.reason == "not_mp4"
    (kept,) = (clip.home / "clips").iterdir()
    assert kept.read_bytes() == unknown
    assert len(server.posts) == 1
