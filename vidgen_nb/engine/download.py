"""A clip on its way home: streamed to a temporary file, checked to be whole, renamed. Nothing paid for is deleted."""

import asyncio
import hashlib
import ipaddress
import os
import socket
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from vidgen_nb.engine.wire import Gateway, Wire, WireBroken, chunks
from vidgen_nb.media.formats import magic_suffix
from vidgen_nb.media.mp4 import whole_mp4
from vidgen_nb.records import Timing
from vidgen_nb.settings import origin_of

MAX_BYTES = 2 << 30
SLOWEST = 1024  # bytes per second, over `download_stall` seconds
REDIRECTS = 5
TEMPORARY = ".part"

Tell = Callable[[int, int | None, float | None], None]  # bytes so far, of how many, bytes per second


class Trouble(Exception):
    """The network broke off, or gave something that is not the whole clip: worth another try."""


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


async def fetch(
    wire: Wire, gateway: Gateway, url: str, temporary: Path, *, timing: Timing, allowed: Collection[str], tell: Tell
) -> Fetched:
    """Fetch one clip to `temporary` and make sure that it is a whole MP4.

    Raises Trouble, LinkExpired, AddressRefused, NotAVideo; DiskTrouble or OSError where the disk does not take it.
    """
    try:
        for _ in range(REDIRECTS + 1):
            await check_address(url, gateway, allowed)
            # the key goes only to the base URL's own origin: New API serves its media there, behind the key
            key_for = gateway if origin_of(url) == gateway.origin else None
            async with wire.stream(url, key_for) as response:
                if response.status_code in {301, 302, 303, 307, 308}:
                    url = urljoin(url, response.headers.get("location", ""))
                    continue
                if response.status_code in {403, 404, 410}:
                    raise LinkExpired(f"HTTP {response.status_code}")
                if response.status_code != 200:
                    raise Trouble(f"the media server answered HTTP {response.status_code}")
                length = response.headers.get("content-length", "")
                total = int(length) if length.isdigit() else None
                if total is not None and total > MAX_BYTES:
                    raise Trouble(f"the file is larger than {MAX_BYTES >> 30} GiB")
                with _disk():
                    file = temporary.open("wb")
                try:
                    body = await _save(chunks(response), file, total, timing, tell)
                finally:
                    with suppress(OSError):  # a full disk says so once more
                        file.close()
            return await asyncio.to_thread(_checked, temporary, body, total)
    except WireBroken as broken:
        reason = str(broken)
    else:
        reason = f"more than {REDIRECTS} redirects"
    raise Trouble(reason)


async def _save(body: AsyncIterator[bytes], file: BinaryIO, total: int | None, timing: Timing, tell: Tell) -> "_Body":
    done, digest = 0, hashlib.sha256()
    began = told = window = time.monotonic()
    in_window = 0
    async for chunk in body:
        with _disk():
            await asyncio.to_thread(file.write, chunk)
        digest.update(chunk)
        done += len(chunk)
        in_window += len(chunk)
        now = time.monotonic()
        if done > MAX_BYTES:
            raise Trouble(f"the file is larger than {MAX_BYTES >> 30} GiB")
        if now - window >= timing.download_stall:
            if in_window < SLOWEST * timing.download_stall:
                raise Trouble(f"less than {SLOWEST} bytes a second for {timing.download_stall:.0f} s")
            window, in_window = now, 0
        if now - told >= 0.5:
            told = now
            tell(done, total, done / (now - began))
    with _disk():
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return _Body(done, digest.hexdigest())


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
    kept = path.with_name(path.name.removeprefix(".").split(".")[0] + "_received" + magic_suffix(path))
    path.replace(kept)
    raise NotAVideo(kept)


def sweep(clips: Path, lives: Callable[[str], bool]) -> None:
    """Remove the temporary files of processes which are no more. The owner's id is in the name."""
    for left in clips.glob(f".*{TEMPORARY}"):
        owner = left.name.removesuffix(TEMPORARY).rpartition(".")[2]
        if not lives(owner):
            with suppress(OSError):
                left.unlink()


# ── which addresses may be fetched ────────────────────────────────────────────
async def check_address(url: str, gateway: Gateway, allowed: Collection[str]) -> None:
    """Let a media URL pass, or raise AddressRefused naming host and address, before anything connects."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme not in {"http", "https"} or not host:
        raise AddressRefused(f"its address begins with {parts.scheme[:20] or 'nothing'}:, not with https:")
    if origin_of(url) == gateway.origin or host in {name.lower() for name in allowed}:
        return
    literal = _literal(host)
    if literal is None and _behind_proxy(parts.scheme, host):
        return  # the proxy resolves the name, so its address cannot be judged here
    addresses = [literal] if literal else await _resolve(host)
    for address in addresses:
        if not _public(address):
            where = f"{host} ({address})" if str(address) != host else host
            raise AddressRefused(f"its host {where} is not on the public internet")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host spells, in any spelling the resolver takes: 2130706433, 0177.1, 0x7f.1, ::ffff:7f00:1."""
    with suppress(ValueError):
        return ipaddress.ip_address(host.partition("%")[0])
    with suppress(OSError):
        return ipaddress.ip_address(socket.inet_aton(host))
    return None


async def _resolve(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise Trouble(f"the media host {host} was not found")
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


_FAKE = ipaddress.ip_network("198.18.0.0/15")  # proxies answer with these in place of the real address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return _public(inner)
    return (address.is_global and not address.is_multicast) or address in _FAKE


def _behind_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
