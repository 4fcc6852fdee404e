"""A cut MP4 is never taken for a whole one; what is no MP4 is named by its first bytes."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidgen_nb.media.formats import magic_suffix
from vidgen_nb.media.mp4 import mp4_flaw, whole_mp4

from .samples import png, wav

CONTAINERS = set(b"moov trak mdia minf stbl dinf edts udta moof traf mvex mfra".split())


def box(kind: bytes, contents: bytes = b"", *, large: bool = False, size: int | None = None) -> bytes:
    length = len(contents) + (16 if large else 8) if size is None else size
    if large:
        return b"\0\0\0\1" + kind + length.to_bytes(8, "big") + contents
    return length.to_bytes(4, "big") + kind + contents


def boundaries(data: bytes, start: int, end: int) -> Iterator[int]:
    """Where a box or its contents begin or end, at every depth."""
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        yield from (start, start + 8, start + size)
        if data[start + 4 : start + 8] in CONTAINERS:
            yield from boundaries(data, start + 8, start + size)
        start += size


def accepted(path: Path, data: bytes, *, length_matched: bool = False) -> bool:
    path.write_bytes(data)
    return whole_mp4(path, length_matched=length_matched)


@pytest.mark.parametrize("layout", ["clip_file", "sounding", "fragmented"])
def test_no_truncation_is_accepted(layout: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Whole it is accepted; cut at any structural boundary, beside one, or at 300 random places it is not."""
    whole: bytes = request.getfixturevalue(layout).read_bytes()
    assert (whole.index(b"moov") > whole.index(b"mdat")) == (layout == "clip_file"), "both layouts are seen"
    assert accepted(tmp_path / "x", whole)
    assert accepted(tmp_path / "x", whole, length_matched=True)
    at = sorted(set(boundaries(whole, 0, len(whole))))
    assert len(at) > 40
    chance = random.Random(20_240_501)
    cuts = {cut + step for cut in at for step in (-1, 0, 1)} | {chance.randrange(len(whole)) for _ in range(300)}
    taken = [cut for cut in cuts if 0 <= cut < len(whole) and accepted(tmp_path / "x", whole[:cut])]
    assert taken == []
    assert not accepted(tmp_path / "x", whole + b"\0" * 5), "something beyond the last box"


HEAD = box(b"ftyp", b"isom\0\0\2\0") + box(b"moov", b"\0" * 20)


@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (HEAD + box(b"mdat", b"x" * 50, large=True), True),
        (HEAD + box(b"mdat", b"x" * 50, large=True)[:-1], False),
        (HEAD + box(b"mdat", b"x" * 50, large=True, size=2**63), False),
        (HEAD + box(b"mdat", b"x" * 50, large=True, size=15), False),
        (HEAD + box(b"mdat", b"x" * 50, large=True, size=8), False),
        (HEAD + box(b"mdat", b"x" * 50, large=True, size=0), False),
        (HEAD + box(b"mdat", b"x" * 50, large=True)[:12], False),
        (HEAD + box(b"mdat", b"x" * 50, size=7), False),
        (HEAD + box(b"mdat", b"x" * 50) + box(b"free"), True),
        (HEAD + box(b"mdat", b"x" * 50) + b"\0\0\0", False),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x"), False),
        (HEAD, False),
        (box(b"moov") + box(b"mdat"), False),
        (b"", False),
        (b"<!doctype html><html><body>no</body></html>", False),
        (HEAD + box(b"mdat") + box(b"free") * 100_001, False),
    ],
)
def test_boxes(data: bytes, whole: bool, matched: bool, tmp_path: Path) -> None:
    """64-bit sizes count; sizes that cannot be, a missing box, or an endless row of boxes do not pass."""
    assert accepted(tmp_path / "x", data, length_matched=matched) is whole


def test_what_only_the_length_can_prove(tmp_path: Path) -> None:
    """A last box "up to the end", or fragments without an index, pass only if the transfer gave all it announced."""
    for data in (HEAD + box(b"mdat", b"x" * 50, size=0), HEAD + box(b"moof") + box(b"mdat", b"x")):
        assert accepted(tmp_path / "x", data, length_matched=True)
        assert not accepted(tmp_path / "x", data, length_matched=False)
    assert accepted(tmp_path / "x", HEAD + box(b"moof") + box(b"mdat", b"x") + box(b"mfra"))


def test_flaw_says_what_is_wrong(tmp_path: Path) -> None:
    """The reason is there for the log and for stuck(not_mp4)."""
    path = tmp_path / "x"
    path.write_bytes(HEAD + box(b"mdat", b"x" * 50)[:-9])
    assert mp4_flaw(path, length_matched=False) == "its mdat box lacks 9 bytes"
    path.write_bytes(HEAD)
    assert mp4_flaw(path, length_matched=True) == "it has no mdat box"


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (HEAD, ".mp4"),
        (box(b"ftyp", b"qt  "), ".mov"),
        (box(b"wide") + box(b"mdat"), ".mov"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", ".webm"),
        (b"\xef\xbb\xbf  <!DOCTYPE HTML>", ".html"),
        (b"<html>", ".html"),
        (b'<?xml version="1.0"?><Error>', ".xml"),
        (b'\n{"code": 403}', ".json"),
        (b"#EXTM3U\n", ".m3u8"),
        (png(), ".png"),
        (wav(), ".wav"),
        (b"\xff\xfe<\0h\0t\0m\0", ".bin"),
        (b"BM, said the cat, and left.", ".bin"),
        (b"hello", ".bin"),
        (b"", ".bin"),
    ],
)
def test_magic_suffix(data: bytes, suffix: str, tmp_path: Path) -> None:
    """What is kept is named by its first bytes, read from a file or from memory."""
    (tmp_path / "clip.mp4").write_bytes(data)
    assert magic_suffix(data) == magic_suffix(tmp_path / "clip.mp4") == suffix
