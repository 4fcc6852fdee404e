"""Secrets made to be found again, and the search for them in whatever a run left behind."""

import base64
import hashlib
import html
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from PIL import Image
from PIL.PngImagePlugin import PngInfo

KEY = 'sk-cnKEY/7q"9Zx+Lm3Vb8Nw2Rt6Yp'
SIGNATURE = "cnMEDIA5h%2FJ2kL8sD4fG7dS%3D"  # of the address of the finished video
MINE = "cnREFER3u%2BY7tR1eW9qA5zX%3D"  # of an address of a reference that is the person's own
PIXELS = "cnPIXEL6oI4pA8sQ2wE0rT3y"  # inside a reference picture given as data

REFERENCE = f"https://pictures.example.com/boat.png?Expires=4102444800&X-Amz-Signature={MINE}"
SECRETS: Mapping[str, str] = {"key": KEY, "signed URL": SIGNATURE, "own signed URL": MINE, "picture": PIXELS}
BEGINS = 10  # characters: as many as "sk-cnKEY/7***" shows


def picture() -> bytes:
    """A PNG which holds the canary as it is, twice, and is large enough to be no icon."""
    words = PngInfo()
    words.add_text("Comment", f"{PIXELS} {PIXELS}")
    file = io.BytesIO()
    noise = hashlib.shake_256(b"noise").digest(48 * 48 * 3)
    Image.frombytes("RGB", (48, 48), noise).save(file, "PNG", pnginfo=words)
    return file.getvalue()


def echoes(key: str) -> str:
    """A key as a server might quote it: in its own words, in a header, in JSON, in an address, masked, in base64."""
    coded = [base64.b64encode(b"x" * before + key.encode() + b"tail").decode() for before in range(3)]
    masked = f"{key[:BEGINS]}********"
    return " ".join(["Invalid token", key, f"Bearer {key}", json.dumps(key), quote(key, safe=""), masked, *coded])


# ── the search ────────────────────────────────────────────────────────────────
def forms(secret: str) -> dict[str, bytes]:
    """The spellings of a secret by which it is found, by their names; the first ten characters count as all of it."""
    found: dict[str, bytes] = {}
    for name, text in (("", secret), ("plain ", unquote(secret)), ("begin of ", secret[:BEGINS])):
        escaped = json.dumps(text)[1:-1]
        spelled = {
            "raw": text,
            "percent": quote(text, safe=""),
            "JSON": escaped,
            "JSON twice": json.dumps(escaped)[1:-1],
            "JSON with \\/": escaped.replace("/", "\\/"),
            "HTML": html.escape(text),
            "repr": repr(text)[1:-1],
        }
        found |= {name + form: spelling.encode() for form, spelling in spelled.items()}
        found |= {f"{name}base64, {number}": letters for number, letters in enumerate(_base64(text))}
    return found


def _base64(text: str) -> Iterator[bytes]:
    """The letters which are the secret's alone, for each place at which it may begin, in both alphabets."""
    for before in range(3):
        data = b"\0" * before + text.encode()
        letters = base64.b64encode(data)[-(-before * 8 // 6) : len(data) * 8 // 6]
        yield letters
        yield letters.replace(b"+", b"-").replace(b"/", b"_")


FORMS = {name: forms(secret) for name, secret in SECRETS.items()}


def held(data: bytes) -> list[str]:
    """Which of the secrets stand in these bytes, and how: "key, percent"."""
    compact = re.sub(rb"\s+|\\n", b"", data)  # base64 comes in lines
    return [
        f"{name}, {form}"
        for name, spelled in FORMS.items()
        for form, spelling in spelled.items()
        if spelling in (compact if "base64" in form else data)
    ]


def leaks(folder: Path, allowed: Mapping[str, str]) -> list[str]:
    """Every place below a folder at which a secret stands: in a file's bytes, or in its name; zips are unpacked.

    allowed: what may stand in the folder of a name: {"inputs": "picture"}.
    """
    found = []
    for name, data in _files(folder):
        known = next((what for part, what in allowed.items() if part in name.split("/")), None)
        found += [f"{name}: {what}" for what in (*held(data), *held(name.encode())) if what.split(",")[0] != known]
    return found


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if not zipfile.is_zipfile(path):
            yield name, path.read_bytes()
            continue
        yield name, b""
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield f"{name}/{entry.filename}", archive.read(entry) + entry.comment + entry.extra
