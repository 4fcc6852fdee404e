"""A clip on its way home: streamed to a temporary file, checked to be whole, renamed. Nothing paid for is deleted."""

import asyncio
import filecmp
import hashlib
import ipaddress
import os
import re
import socket
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from vidgen_nb.engine.wire import Admit, Gateway, Line, Wire, WireBroken, as_sent, chunks
from vidgen_nb.media.formats import magic_suffix
from vidgen_nb.media.mp4 import whole_mp4
from vidgen_nb.records import Timing
from vidgen_nb.settings import origin_of

MAX_BYTES = 2 << 30
SLOWEST = 1024  # bytes per second, over `download_stall` seconds
REDIRECTS = 5
TEMPORARY = ".part"
TOLD_EVERY = 0.5  # seconds

Tell = Callable[[int, int | None, float | None], None]  # bytes so far, of how many, bytes per second


class Trouble(Exception):
    """The network broke off, or gave something that is not the whole clip: worth another try."""


class TooLarge(Trouble):
    """More than MAX_BYTES came, or were announced."""


class LinkExpired(Exception):
    """403, 404 or 410: the link has died, and the task can be asked for a fresh one."""


class AddressRefused(Exception):
    """The URL policy does not let this address be fetched. Says which and why."""


class DiskTrouble(Exception):
    """The disk did not take what came. Inside a stream an OSError would count as the network's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.strerror = error.strerror


class NotAVideo(Exception):
    """The whole body came, and it is no MP4. It is kept at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.path = path


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole MP4 under its temporary name."""

    path: Path
    sha256: str
    size: int


class _Haul:
    """One download, as its thread and whoever watches it see it."""

    def __init__(self) -> None:
        self.line = Line()
        self.asked: float | None = None  # since when an answer is waited for; None once it has come
        self.began: float | None = None  # since when the body comes; None before and after that
        self.done = 0
        self.total: int | None = None


async def fetch(
    wire: Wire, gateway: Gateway, url: str, temporary: Path, *, timing: Timing, allowed: Collection[str], tell: Tell
) -> Fetched:
    """Fetch one clip to `temporary` and make sure that it is a whole MP4. All the work is done in another thread.

    Raises Trouble, LinkExpired, AddressRefused, NotAVideo; DiskTrouble or OSError where the disk does not take it.
    """
    haul = _Haul()
    moving = asyncio.create_task(asyncio.to_thread(_move, wire, gateway, url, temporary, allowed, haul))
    try:
        await _watch(moving, haul, timing, tell)
        return moving.result()
    finally:
        if not moving.done():  # we are closed: the thread shall not be left waiting for bytes
            haul.line.cut("the Studio was closed")
            moving.cancel()


async def _watch(moving: "asyncio.Task[Fetched]", haul: _Haul, timing: Timing, tell: Tell) -> None:
    """Say how it goes, and break it off where it takes too long: a drip of single bytes ends no wait by itself."""
    window, before = 0.0, 0
    while not moving.done():
        await asyncio.wait([moving], timeout=max(0.05, min(TOLD_EVERY, timing.download_stall)))
        asked, began, now = haul.asked, haul.began, time.monotonic()
        if asked is not None and now - asked > timing.connect + timing.poll:
            haul.line.cut("no answer within the time limit")
        if began is None or moving.done():
            continue
        done = haul.done
        if window < began:
            window, before = began, 0
        if now - window >= timing.download_stall:
            if done - before < SLOWEST * timing.download_stall:
                haul.line.cut(f"less than {SLOWEST} bytes a second for {timing.download_stall:g} s")
            window, before = now, done
        if now - began >= TOLD_EVERY:
            tell(done, haul.total, done / (now - began))


def _move(wire: Wire, gateway: Gateway, url: str, temporary: Path, allowed: Collection[str], haul: _Haul) -> Fetched:
    """What `fetch` does, here and now: waiting for the network and the disk holds up nobody but this thread."""
    try:
        return _checked(temporary, _receive(wire, gateway, url, temporary, allowed, haul), haul.total)
    except (Trouble, DiskTrouble):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _receive(wire: Wire, gateway: Gateway, url: str, temporary: Path, allowed: Collection[str], haul: _Haul) -> "_Body":
    """Follow a URL to its end, and write down what is there."""
    try:
        for _ in range(REDIRECTS + 1):
            url, haul.asked = as_sent(url), time.monotonic()
            admit = check_address(url, gateway, allowed)
            # the key goes only to the base URL's own origin: New API serves its media there, behind the key
            key_for = gateway if origin_of(url) == gateway.origin else None
            with wire.stream(url, key_for, admit, haul.line) as response:
                if response.status_code in {301, 302, 303, 307, 308}:
                    url = _redirected(url, response.extensions["location"])
                    continue
                if response.status_code in {403, 404, 410}:
                    raise LinkExpired(f"HTTP {response.status_code}")
                if response.status_code != 200:
                    raise Trouble(f"the media server answered HTTP {response.status_code}")
                length = response.headers.get("content-length", "")
                haul.total = int(length) if length.isdigit() else None
                if (haul.total or 0) > MAX_BYTES:
                    raise TooLarge(f"the file is larger than {MAX_BYTES >> 30} GiB")
                with _disk():
                    file = temporary.open("wb")
                try:
                    return _save(chunks(response), file, haul)
                finally:
                    with suppress(OSError):  # a full disk says so once more
                        file.close()
    except WireBroken as broken:
        reason = str(broken)
    else:
        reason = f"more than {REDIRECTS} redirects"
    raise Trouble(reason)


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # brackets which hold no address
        return ""


def _save(body: Iterator[bytes], file: BinaryIO, haul: _Haul) -> "_Body":
    digest = hashlib.sha256()
    haul.began, haul.asked = time.monotonic(), None
    for chunk in body:
        with _disk():
            file.write(chunk)
        digest.update(chunk)
        haul.done += len(chunk)
        if haul.done > MAX_BYTES:
            raise TooLarge(f"the file is larger than {MAX_BYTES >> 30} GiB")
    haul.began = None
    with _disk():
        file.flush()
        os.fsync(file.fileno())
    return _Body(haul.done, digest.hexdigest())


@contextmanager
def _disk() -> Iterator[None]:
    trouble: OSError | None = None
    try:
        yield
    except OSError as error:
        trouble = error
    if trouble is not None:
        raise DiskTrouble(trouble)


@dataclass(frozen=True, slots=True)
class _Body:
    size: int
    sha256: str


def _checked(path: Path, body: _Body, total: int | None) -> Fetched:
    """The clip, if it is whole. What came complete and is no MP4 was still paid for: it is kept, named by its magic."""
    matched = total is not None and total == body.size
    if whole_mp4(path, length_matched=matched):
        return Fetched(path, body.sha256, body.size)
    if not matched:
        raise Trouble(f"{body.size} bytes came, and they are no whole MP4")
    raise NotAVideo(_put_aside(path))


def _put_aside(path: Path) -> Path:
    """Keep a body that is no MP4 beside the clips, never in place of another one that came before."""
    name, suffix, number = path.name.removeprefix(".").split(".")[0] + "_received", magic_suffix(path), 1
    kept = path.with_name(name + suffix)
    while kept.exists() and not filecmp.cmp(path, kept, shallow=False):
        number += 1
        kept = path.with_name(f"{name}_{number}{suffix}")
    path.replace(kept)
    return kept


def sweep(clips: Path, lives: Callable[[str], bool]) -> None:
    """Remove the temporary files of processes which are no more. The owner's id is in the name."""
    for left in clips.glob(f".*{TEMPORARY}"):
        owner = left.name.removesuffix(TEMPORARY).rpartition(".")[2]
        if not lives(owner):
            with suppress(OSError):
                left.unlink()


# ── which addresses may be fetched ────────────────────────────────────────────
def check_address(url: str, gateway: Gateway, allowed: Collection[str]) -> Admit | None:
    """Let a media URL pass, or raise AddressRefused naming host and address, before anything connects.

    url: as `as_sent` gives it. The result judges the address of the connection in the same way; None: it is trusted.
    """
    if not url:
        raise AddressRefused("its address cannot be read")
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in {"http", "https"} or not host:
        raise AddressRefused(f"its address begins with {parts.scheme[:20] or 'nothing'}:, not with https:")
    try:
        origin = origin_of(url)
    except ValueError:
        raise AddressRefused("its port is none") from None
    if origin == gateway.origin or host in {name.lower() for name in allowed}:
        return None
    literal = _literal(host)
    if literal is None and not _NAME.fullmatch(host):
        raise AddressRefused(f"{host[:80]} is the name of no host")

    def admit(address: str) -> None:
        if not _public(_ip(address)):
            where = f"{host} ({address})" if address != host else host
            raise AddressRefused(f"its host {where} is not on the public internet")

    if literal is not None:
        admit(str(literal))
    elif not _behind_proxy(parts.scheme, host):  # a proxy resolves the name, so its address cannot be judged here
        for address in _resolve(host):
            admit(address)
    return admit


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host spells, in any spelling the resolver takes: 2130706433, 0177.1, 0x7f.1, ::ffff:7f00:1."""
    with suppress(ValueError):
        return _ip(host)
    with suppress(OSError):
        return ipaddress.ip_address(socket.inet_aton(host))
    return None


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(address.partition("%")[0])  # without the zone


def _resolve(host: str) -> list[str]:
    found: list[Any] = []
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    if not found:
        raise Trouble(f"the media host {host} was not found")
    return [str(entry[4][0]) for entry in found]


_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")  # as it goes to the resolver: names in other alphabets are xn--…
_FAKE = ipaddress.ip_network("198.18.0.0/15")  # proxies answer with these in place of the real address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # one cloud has its metadata there; older Pythons call it global
_UNICAST = ipaddress.ip_network("2000::/3")  # all of IPv6 that is given out; the rest has uses of its own


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _public(inner)
        if address not in _UNICAST:
            return False
    return (address.is_global and not address.is_multicast and address not in _PROTOCOLS) or address in _FAKE


def _behind_proxy(scheme: str, host: str) -> bool:
    return not {scheme, "all"}.isdisjoint(urllib.request.getproxies()) and not urllib.request.proxy_bypass(host)
