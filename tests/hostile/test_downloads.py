"""Bringing clips home from a hostile network: cuts everywhere, addresses in every spelling, names that turn round.

What tests/reliability/test_home.py proves for each provider is not repeated here.
"""

import gzip
import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import vidgen_nb as vg
from vidgen_nb.engine import download
from vidgen_nb.engine.wire import Gateway, as_sent
from vidgen_nb.media.mp4 import whole_mp4
from vidgen_nb.providers import relaydance
from vidgen_nb.records import Status

from ..loopback import Answer, Cut, Drip, HangUp, Loopback, Reset, Say, serving
from ..media.samples import write_clip
from ..media.test_mp4 import boundaries
from ..playing import (
    ASKED,
    CLIP,
    QUICK,
    MakeStudio,
    Provider,
    make_studio,
    play,
    provider,
    server,
    studio,
)  # fmt: skip
from .toxics import Endless, Names, Toxic

__all__ = ["make_studio", "play", "provider", "server", "studio"]

HURRIED = replace(QUICK, poll=0.5, download_stall=0.2, no_media_grace=0)
SECRET = {"authorization", "x-api-key", "cookie", "referer", "proxy-authorization"}


def stuck(clip: vg.Generation, reason: str) -> str:
    with pytest.raises(vg.GenerationStuck) as raised:
        clip.wait(120)
    assert raised.value.reason == reason
    return str(raised.value)


def left_behind(clip: vg.Generation) -> list[Path]:
    return list((clip.home / "clips").glob(".*"))


# ── D1: cuts ──────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module", params=["moov last", "moov first"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip with sound in either layout."""
    options = {"movflags": "+faststart"} if request.param == "moov first" else {}
    data = write_clip(tmp_path_factory.mktemp("whole") / "clip.mp4", sound=True, **options).read_bytes()
    assert (data.index(b"moov") < data.index(b"mdat")) == bool(options)
    return data


def cuts(data: bytes, by_chance: int) -> list[int]:
    """Every place where a box or its contents begin or end, those beside them, and others by chance."""
    structural = {cut + step for cut in boundaries(data, 0, len(data)) for step in (-1, 0, 1)}
    chance = random.Random(20_240_501).sample(range(len(data)), by_chance)
    return sorted(cut for cut in structural | set(chance) if 0 <= cut < len(data))


def received(folder: Path, data: bytes, total: int | None) -> download.Fetched:
    """What a body comes to that has arrived like this, where `total` bytes were announced."""
    path = folder / ".2026-01-01_x.owner.part"
    path.write_bytes(data)
    return download._checked(path, download._Body(len(data), hashlib.sha256(data).hexdigest()), total)


def test_d1_no_cut_is_taken_for_the_whole(whole: bytes, tmp_path: Path) -> None:
    """D1: at every boundary and at 1,000 places more, whatever length was announced, or none: tried again."""
    places = cuts(whole, 1000)
    assert len(places) > 1050
    for n, cut in enumerate(places):
        with pytest.raises(download.Trouble):
            received(tmp_path, whole[:cut], (None, len(whole), cut + 1, cut - 1)[n % 4])
    fetched = received(tmp_path, whole, len(whole))
    assert (fetched.size, fetched.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert received(tmp_path, whole, None) == fetched


def test_d1_what_came_complete_is_never_deleted(whole: bytes, tmp_path: Path) -> None:
    """D1: cut at the same places, and announced like that: kept under another name, byte for byte, not as a clip."""
    for cut in cuts(whole, 1000):
        with pytest.raises(download.NotAVideo) as raised:
            received(tmp_path, whole[:cut], cut)
        assert raised.value.path.read_bytes() == whole[:cut]
        assert raised.value.path.name.startswith("2026-01-01_x_received.")
        raised.value.path.unlink()


def test_d1_what_was_kept_is_never_replaced(tmp_path: Path) -> None:
    """D1: another body of the same kind has a place of its own; the same one again does not."""
    for body, name in (
        (b"<html>1", "_received.html"),
        (b"<html>2", "_received_2.html"),
        (b"<html>1", "_received.html"),
    ):
        with pytest.raises(download.NotAVideo) as raised:
            received(tmp_path, body, len(body))
        assert raised.value.path.name == "2026-01-01_x" + name
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"<html>1", b"<html>2"]


def test_d1_cuts_on_the_line(whole: bytes, make_studio: MakeStudio, server: Loopback) -> None:
    """D1: at every boundary and some places more through a real connection, then the whole: it alone is the clip."""
    places = [
        *sorted(cut for cut in set(boundaries(whole, 0, len(whole))) if cut < len(whole)),
        *cuts(whole, 100)[::16],
    ]
    assert len(places) > 25
    ways = [lambda cut: Say(body=whole[:cut], length=None), lambda cut: Cut(Say(body=whole), keep=cut)]
    media: list[Answer] = [ways[n % 2](cut) for n, cut in enumerate(places)]
    Provider(server, media=[*media, Say(body=whole)])
    clip = make_studio(timing=replace(QUICK, max_gap=0.02)).generate(**ASKED).wait(120)
    assert clip.path is not None
    assert clip.path.read_bytes() == whole
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) == len(places) + 1
    assert left_behind(clip) == []


BROKEN: list[Answer] = [
    HangUp(),
    Reset(),
    Say(204),
    Say(206, body=CLIP[100:], headers={"Content-Range": f"bytes 100-{len(CLIP) - 1}/{len(CLIP)}"}),
    Say(503, body=CLIP),
    Say(body=CLIP, length=len(CLIP) + 9),
    Say(body=CLIP[:-1], length=None),
    Say(body=b"40\r\n" + CLIP[:50], length=None, headers={"Transfer-Encoding": "chunked"}),
    Toxic(Say(body=CLIP), limit=len(CLIP) // 2, end="reset_peer"),
    Toxic(Say(body=CLIP), limit=len(CLIP) // 2, end="timeout"),
    Toxic(Say(body=CLIP), limit=30),
]


def test_d1_every_way_to_break_off(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """D1: each broken download is tried again; over a line that only slices and jitters it comes home whole."""
    provider.media = [*BROKEN, Toxic(Say(body=CLIP), slicer=700, jitter=0.005, end="slow_close")]
    clip = make_studio(timing=HURRIED).generate(**provider.play.request).wait(120)
    assert clip.path is not None
    assert clip.path.read_bytes() == CLIP
    assert clip.record.files[0].sha256 == hashlib.sha256(CLIP).hexdigest()
    assert left_behind(clip) == []
    assert len(server.posts) == 1


# ── D5 ────────────────────────────────────────────────────────────────────────
def test_d5_without_end_or_without_hurry(
    provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D5: endless, announced as endless, or a byte at a time: broken off, tried again, nothing of it is left."""
    monkeypatch.setattr(download, "MAX_BYTES", 1 << 20)
    piece = CLIP[:32] + bytes(65_504)
    announced = f"HTTP/1.1 200 OK\r\nContent-Length: {1 << 40}\r\n\r\n".encode()
    provider.media = [Endless(piece), Endless(piece, head=announced), Drip(Say(body=CLIP)), Say(body=CLIP)]
    clip = make_studio(timing=HURRIED).generate(**provider.play.request).wait(120)
    assert clip.path is not None
    assert clip.path.read_bytes() == CLIP
    assert left_behind(clip) == []
    assert len(server.posts) == 1


def test_d5_the_first_bytes_decide(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """D1, D5: a page that calls itself a video, and a packed video, are kept as they came; resume() brings the clip."""
    page, packed = b"<!doctype html><title>log in</title>", gzip.compress(CLIP, mtime=0)
    provider.media = [Say(body=page, headers={"Content-Type": "video/mp4"})]
    clip = make_studio(timing=HURRIED).generate(**provider.play.request)
    assert "_received.html" in stuck(clip, "not_mp4")
    provider.media = [Say(body=packed, headers={"Content-Type": "video/mp4", "Content-Encoding": "gzip"})]
    stuck(clip.resume(), "not_mp4")
    provider.media = [Say(body=CLIP, headers={"Content-Type": "text/html"})]
    assert clip.resume().wait(120).status is Status.SUCCEEDED
    kept = {path.read_bytes() for path in (clip.home / "clips").glob("*_received*")}
    assert kept == {page, packed}
    assert {seen.headers["accept-encoding"] for seen in server.gets if seen.path.startswith("/m.mp4")} == {"identity"}
    assert len(server.posts) == 1


# ── D4: the policy ────────────────────────────────────────────────────────────
INSIDE = """
    http://127.0.0.1 http://127.1 http://2130706433 http://0x7f000001 http://0x7F.1 http://0177.0.0.1 http://017700000001
    http://0x7f.0x0.0x0.0x1 http://00000177.1 http://127.0.0.1. http://127.000.000.001 http://0 http://0.0.0.0 http://1
    http://10.1.2.3 http://172.16.0.1 http://192.168.1.1 http://169.254.169.254 http://2852039166 http://0xA9FEA9FE
    http://100.64.0.1 http://192.0.0.192 http://192.0.2.1 http://224.0.0.1 http://240.0.0.1 http://255.255.255.255
    http://[::1] http://[::] http://[0:0:0:0:0:0:0:1] http://[::ffff:127.0.0.1] http://[::ffff:7f00:1]
    http://[::FFFF:A9FE:A9FE] http://[::127.0.0.1] http://[fe80::1] http://[fe80::1%25eth0] http://[fe80::1%eth0]
    http://[::1%25lo] http://[fc00::1] http://[fd00:ec2::254] http://[fec0::1] http://[ff02::1] http://[2001:db8::1]
    http://[64:ff9b::127.0.0.1] http://[64:ff9b::a9fe:a9fe] http://[64:ff9b:1::7f00:1] http://[2002:7f00:1::]
    http://[2002:a9fe:a9fe::1] http://[2001:0:7f00:1::] http://[100::1] http://[::ffff:0:127.0.0.1]
    http://localhost http://LocalHost http://localhost. http://inside.example http://INSIDE.example.
    http://both.example http://six.example http://mapped.example
    http://api.example@127.0.0.1 http://api.example:443@127.0.0.1 http://api.example%2f@127.0.0.1
    http://api.example\\@127.0.0.1 http://user:word@127.0.0.1 http://api.example:80#@127.0.0.1/../inside.example
    http://127.0.0.1#@api.example http://127.0.0.1?@api.example http://127.0.0.1\\.api.example http://127.0.0.1;api.example
    http://127.0.0.1%00.api.example http://127.0.0.1%2eapi.example http://%31%32%37.0.0.1 http://127%2e0%2e0%2e1
    http://127。0。0。1 http://127．0．0．1 http://１２７.0.0.1 http://①②⑦.0.0.1 http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ http://[::ffff:①27.0.0.1]
    https://127.0.0.1 https://api.example:8443@127.0.0.1 http://api.example.:80@[::1]
    HTTP://127.0.0.1 http:127.0.0.1 http:/127.0.0.1 http:///127.0.0.1 //127.0.0.1 http://127.0.0.1:99999
    http://[::1 http://[127.0.0.1] http://127.0.0.1:80:80 http://: http://@ http://api.example: https:// http://-.-/..
    file:///etc/passwd file://localhost/etc/passwd ftp://93.184.216.34/x data:video/mp4;base64,AAAA javascript:alert(1)
    blob:https://cdn.example/1 gopher://127.0.0.1 view-source:http://127.0.0.1 about:blank ws://93.184.216.34
""".split()  # noqa: SIM905 (a list of 130 quoted strings is no easier to read)
OUTSIDE = """
    https://api.example/x http://intra.example:8080/own https://cdn.example/x https://CDN.example./x http://six-cdn.example
    http://93.184.216.34 http://1572395042 https://[2606:2800:220:1:248:1893:25c8:1946] http://198.18.0.1
    http://[::ffff:93.184.216.34] http://[64:ff9b::5db8:d822] http://[2002:5db8:d822::1] http://allowed.example
    http://192.168.1.1@cdn.example https://cdn.example/127.0.0.1?u=http://127.0.0.1#@127.0.0.1 http://bücher.example
""".split()  # noqa: SIM905
NAMES = {
    "inside_example": ["10.0.0.8"],
    "both_example": ["93.184.216.34 127.0.0.1"],
    "six_example": ["fd00::8"],
    "mapped_example": ["::ffff:10.0.0.8"],
    "localhost": ["127.0.0.1"],
    "cdn_example": ["93.184.216.34"],
    "six-cdn_example": ["2606:2800:220:1:248:1893:25c8:1946"],
    "xn--bcher-kva_example": ["93.184.216.34"],
    "api_example": [""],
    "-_-": [""],
}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch, **NAMES)


def judge(url: str, base: str = "https://api.example/v1") -> None:
    gateway = Gateway(relaydance, base, None)
    download.check_address(as_sent(url), gateway, ["Allowed.example"])


@pytest.mark.parametrize("url", INSIDE)
def test_d4_no_spelling_leads_inside(url: str, names: Names) -> None:
    """D4: decimal, octal, hex, short, mapped, translated, tunnelled, with a zone, a dot, a user, in other digits."""
    with pytest.raises((download.AddressRefused, download.Trouble)) as raised:
        judge(url)
    if raised.type is download.Trouble:  # no harm: it leads nowhere
        assert names.asked[-1] in {"api.example", "-.-"}


@pytest.mark.parametrize("url", OUTSIDE)
def test_d4_the_public_internet_may_be_fetched(url: str, names: Names) -> None:
    """D4: public addresses in any spelling, the addresses of proxies' resolvers, the base URL's own origin, a host
    that a person named."""
    judge(url, "http://intra.example:8080" if "intra" in url else "https://api.example/v1")


@pytest.mark.parametrize(
    "url",
    ["http://intra.example/x", "http://intra.example:8081/x", "https://intra.example:8080/x", "http://10.0.0.8:8080"],
)
def test_d4_only_exactly_the_own_origin(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """D4: another port, scheme or spelling of a private base URL is another place."""
    Names(monkeypatch, intra_example=["10.0.0.8"])
    with pytest.raises(download.AddressRefused):
        judge(url, "http://intra.example:8080")


def test_d4_what_is_judged_is_what_is_fetched() -> None:
    """D4: the address which is judged is written as it will be sent: sending it changes nothing about it."""
    readable = [sent for url in (*INSIDE, *OUTSIDE) if (sent := as_sent(url))]
    assert len(readable) > 100
    for sent in readable:
        assert as_sent(sent) == sent
        assert str(httpx.Request("GET", sent).url) == sent


def test_d4_behind_a_proxy_numbers_are_judged(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """D4: the proxy resolves names, so only literal addresses can be judged here, in every spelling."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    judge("http://inside.example/x")
    assert names.asked == []
    for url in ("http://10.0.0.8", "http://167772168", "http://[::ffff:10.0.0.8]", "http://127.0.0.1."):
        with pytest.raises(download.AddressRefused):
            judge(url)


# ── D4 on the line ────────────────────────────────────────────────────────────
@pytest.fixture
def inside() -> Iterator[Loopback]:
    """A server in the private network, which must never hear of us: another port of this machine."""
    with serving(lambda seen: Say(body=CLIP)) as running:
        yield running


def port_of(server: Loopback) -> str:
    return server.url.rpartition(":")[2]


SPELLED = [
    "http://127.0.0.1:{}/x", "http://2130706433:{}/x", "http://0x7f.1:{}/x", "http://[::ffff:127.0.0.1]:{}/x",
    "http://localhost.:{}/x", "http://user:word@127.1:{}/x", "http://127。0。0。1:{}/x", "http://[64:ff9b::7f00:1]:{}/x",
]  # fmt: skip


def test_d4_nobody_inside_is_asked(
    provider: Provider, make_studio: MakeStudio, server: Loopback, inside: Loopback
) -> None:
    """D4: named by the provider or by a redirect: stuck(media_refused) before a connection, with the way out."""
    studio = make_studio(timing=HURRIED)
    urls = [spelling.format(port_of(inside)) for spelling in SPELLED]
    for take, url in enumerate(urls, 1):
        provider.polls = [provider.play.done(url if take % 2 else provider.link)]
        provider.media = [Say(302, headers={"Location": url.encode().decode("latin-1")})]
        clip = studio.generate(**provider.play.request, take=take, check=False)
        assert "allow_media_hosts" in stuck(clip, "media_refused")
        assert left_behind(clip) == []
    assert inside.log == []
    studio.close()
    provider.polls = [provider.play.done(urls[0])]
    (clip, *_) = make_studio(allow_media_hosts=["127.0.0.1"]).resume()
    assert clip.wait(120).status is Status.SUCCEEDED
    assert [seen.path for seen in inside.log] == ["/x"] * len(inside.log) != []
    assert not any(SECRET & seen.headers.keys() for seen in inside.log)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "javascript:alert(1)", "http://[::1", "ftp://x/y", "data:,"]
)
def test_d4_a_redirect_to_no_web_address(location: str, studio: vg.Studio, server: Loopback) -> None:
    """D4: other schemes, and what is no address at all, are never followed."""
    Provider(server, media=[Say(302, headers={"Location": location})])
    stuck(studio.generate(**ASKED), "media_refused")


def test_d4_an_address_that_is_no_web_address(provider: Provider, make_studio: MakeStudio) -> None:
    """D4: in the provider's own answer such an address counts as none."""
    for take, url in enumerate(("file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)", "data:,x"), 1):
        provider.polls = [provider.play.done(url)]
        clip = make_studio(timing=HURRIED).generate(**provider.play.request, take=take, check=False)
        stuck(clip, "no_media")


# ── D4: names that turn round ─────────────────────────────────────────────────
def test_d4_a_name_that_turns_round(
    provider: Provider, make_studio: MakeStudio, inside: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D4: public when judged, private when connected to (DNS rebinding): hung up before a byte is sent."""
    names = Names(monkeypatch, cdn_example=["93.184.216.34", "127.0.0.1"])
    provider.polls = [provider.play.done(f"http://cdn.example:{port_of(inside)}/x?signature=1")]
    said = stuck(make_studio(timing=HURRIED).generate(**provider.play.request), "media_refused")
    assert "cdn.example (127.0.0.1)" in said
    assert len(names.asked) >= 2
    assert inside.log == []


def test_d4_a_name_that_a_person_trusts(
    make_studio: MakeStudio, server: Loopback, inside: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D4: the same name is fetched where allow_media_hosts names it."""
    Names(monkeypatch, cdn_example=["127.0.0.1"])
    provider = Provider(server)
    provider.polls = [provider.play.done(f"http://cdn.example:{port_of(inside)}/x")]
    studio = make_studio(allow_media_hosts=["cdn.example"])
    assert studio.generate(**ASKED).wait(120).status is Status.SUCCEEDED


def test_d4_a_proxy_is_not_the_far_end(
    make_studio: MakeStudio, server: Loopback, inside: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D4: a configured proxy on this machine is used; it gets the whole address, and no key."""
    monkeypatch.setenv("http_proxy", inside.url)
    provider = Provider(server)
    provider.polls = [provider.play.done("http://cdn.example/x?signature=1")]
    assert make_studio().generate(**ASKED).wait(120).status is Status.SUCCEEDED
    (seen,) = inside.log
    assert seen.path == "http://cdn.example/x?signature=1"
    assert not SECRET & seen.headers.keys()


# ── D3 ────────────────────────────────────────────────────────────────────────
def test_d3_the_key_on_a_long_way_round(
    provider: Provider, make_studio: MakeStudio, server: Loopback, inside: Loopback
) -> None:
    """D3: out and back again over five redirects, with cookies and a user name on the way: the key is seen at home
    alone, nothing else anywhere; a sixth redirect is one too many."""
    there, cookie = f"http://a:b@localhost:{port_of(inside)}", {"Set-Cookie": "id=1"}
    hops = [f"{there}/1", f"{provider.link}&2", f"{there}/3", f"{provider.link}&4", f"{there}/5"]
    ways: dict[str, Any] = dict(zip(["", "1", "2", "3", "4"], hops, strict=True))

    def script(seen: Any) -> Answer:
        step = seen.path[-1] if seen.path[-1].isdigit() else ""
        if not seen.path.startswith(("/m.mp4", "/1", "/3", "/5")):
            return provider.answer(seen)
        return Say(302, headers={"Location": ways[step], **cookie}) if step in ways else Say(body=CLIP)

    server.script = inside.script = script
    provider.polls = [provider.play.done(provider.link)]
    studio = make_studio(allow_media_hosts=["localhost"], timing=HURRIED)
    assert studio.generate(**provider.play.request).wait(120).status is Status.SUCCEEDED
    assert [seen.path for seen in inside.log] == ["/1", "/3", "/5"]
    assert not any(SECRET & seen.headers.keys() for seen in inside.log)
    at_home = [seen for seen in server.gets if seen.path.startswith("/m.mp4")]
    assert [seen.path[-1] for seen in at_home] == ["t", "2", "4"]
    for seen in at_home:
        assert SECRET & seen.headers.keys() == {provider.play.auth}
        assert "sk-test" in seen.headers[provider.play.auth]


def test_d3_a_circle_ends(studio: vg.Studio, server: Loopback) -> None:
    """D3: six redirects are too many, and count as trouble of the network; the next try brings the clip."""
    provider = Provider(server)
    circle = Say(302, headers={"Location": provider.link})
    provider.media = [*[circle] * 6, Say(body=CLIP)]
    assert studio.generate(**ASKED).wait(120).status is Status.SUCCEEDED
    assert len([seen for seen in server.gets if seen.path.startswith("/m.mp4")]) == 7


def test_the_clip_of_these_tests_is_whole(tmp_path: Path) -> None:
    """What is served here as the clip is one."""
    (tmp_path / "clip.mp4").write_bytes(CLIP)
    assert whole_mp4(tmp_path / "clip.mp4", length_matched=False)
