"""What a file is, by its first bytes: names, extensions and content types lie."""

import os
from pathlib import Path
from typing import NamedTuple

from vidgen_nb.records import MediaKind

HEAD = 4096  # bytes that are looked at


class Format(NamedTuple):
    """A media format: `name` as providers write it ("jpeg"), the suffix and content type that go with it."""

    name: str
    kind: MediaKind
    suffix: str
    mime: str


MP4 = Format("mp4", "video", ".mp4", "video/mp4")
MOV = Format("mov", "video", ".mov", "video/quicktime")
WEBM = Format("webm", "video", ".webm", "video/webm")
MKV = Format("mkv", "video", ".mkv", "video/x-matroska")
AVI = Format("avi", "video", ".avi", "video/x-msvideo")
PNG = Format("png", "image", ".png", "image/png")
JPEG = Format("jpeg", "image", ".jpg", "image/jpeg")
WEBP = Format("webp", "image", ".webp", "image/webp")
GIF = Format("gif", "image", ".gif", "image/gif")
BMP = Format("bmp", "image", ".bmp", "image/bmp")
TIFF = Format("tiff", "image", ".tiff", "image/tiff")
HEIC = Format("heic", "image", ".heic", "image/heic")
AVIF = Format("avif", "image", ".avif", "image/avif")
WAV = Format("wav", "audio", ".wav", "audio/wav")
MP3 = Format("mp3", "audio", ".mp3", "audio/mpeg")
M4A = Format("m4a", "audio", ".m4a", "audio/mp4")
AAC = Format("aac", "audio", ".aac", "audio/aac")
FLAC = Format("flac", "audio", ".flac", "audio/flac")
OGG = Format("ogg", "audio", ".ogg", "audio/ogg")

_MAGIC = (  # where it stands, what stands there
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (0, b"II*\0", TIFF),
    (0, b"MM\0*", TIFF),
    (0, b"fLaC", FLAC),
    (0, b"OggS", OGG),
    (0, b"ID3", MP3),
    (4, b"moov", MOV),  # QuickTime before it had brands
    (4, b"mdat", MOV),
    (4, b"wide", MOV),
)
_RIFF = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": AVI}
# https://mp4ra.org/registered-types/brands; every other brand is an MP4 of some age
_BRANDS = {b"qt  ": MOV, b"M4A ": M4A, b"M4B ": M4A, b"heic": HEIC, b"heix": HEIC, b"mif1": HEIC, b"avif": AVIF}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def sniff(head: bytes) -> Format | None:
    """The media format which `head`, the first bytes of a file, begins; None for anything else."""
    for offset, magic, found in _MAGIC:
        if head.startswith(magic, offset):
            return found
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], MP4)
    if head[:4] == b"\x1a\x45\xdf\xa3":  # EBML; the document type stands in its first few fields
        return WEBM if b"webm" in head[:64] else MKV
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return BMP
    return _bare_audio(head)


def _bare_audio(head: bytes) -> Format | None:
    """MPEG audio without a container begins with a frame: set bits, then its layer (00 is AAC, 01 is layer 3)."""
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return AAC
    return MP3 if head[1] & 0xE6 == 0xE2 else None


def magic_suffix(source: bytes | str | os.PathLike[str]) -> str:
    """A suffix for what `source` (the first bytes, or a file) really is: ".mp4", ".webm", ".html", ".json" … or ".bin".

    Raises OSError where the file cannot be read.
    """
    if isinstance(source, bytes):
        head = source[:HEAD]
    else:
        with Path(source).open("rb") as file:
            head = file.read(HEAD)
    found = sniff(head)
    return found.suffix if found else _text_suffix(head.removeprefix(b"\xef\xbb\xbf").lstrip().lower())


def _text_suffix(text: bytes) -> str:
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return ".html"
    if text.startswith(b"<?xml"):
        return ".xml"
    if text.startswith(b"#extm3u"):
        return ".m3u8"
    if text[:1] in (b"{", b"["):
        return ".json"
    return ".bin"


def size_text(size: int) -> str:
    """A number of bytes as a person reads it: "812 bytes", "412 kB", "31.2 MB"."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1_000_000:.1f} MB"
