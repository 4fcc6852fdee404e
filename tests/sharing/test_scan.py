"""vg.scan: a person hears of keys, signed addresses and media before the notebook is shared, and sees none of them."""

import base64
import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidgen_nb.errors import InvalidRequest
from vidgen_nb.scanning import Scan
from vidgen_nb.studio import Studio

from .conftest import png

KEY = 'canary/0123"456+789\\abcdef'
GIVEN = "sk-canary-0123456789abcdef"
SIGNED = "https://cdn.example/x.mp4?Expires=1&X-Tos-Signature=canary-signature"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One in the environment, one in .env."""
    monkeypatch.setenv("AIO_API_KEY", KEY)
    (tmp_path / ".env").write_text("NEWAPI_API_KEY='canary-in-dotenv-000'\nPLAIN=canary-plain-0000000\n")


def notebook(*cells: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def code(source: str = "", *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": {}}


def html(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/html": text, "text/plain": "x"}, "metadata": {}}


def scanned(here: Studio, tmp_path: Path, made: dict[str, Any]) -> Scan:
    """Scan it; whatever is found, no view shows a part of a secret."""
    (tmp_path / "nb.ipynb").write_text(json.dumps(made), encoding="utf-8")
    found = here.scan(tmp_path / "nb.ipynb")
    shown = json.dumps(found._repr_mimebundle_()) + str(found) + repr(list(found))
    assert "canary" not in shown
    return found


FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda key: f"x{key}y",
    "percent-encoded": lambda key: f"a={urllib.parse.quote(key, safe='')}&b",
    "JSON": json.dumps,
    "JSON in JSON": lambda key: json.dumps(json.dumps({"k": key})),
    "JSON with \\/": lambda key: json.dumps(key).replace("/", "\\/"),
    "JSON with \\u": lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
    "HTML": lambda key: key.replace('"', "&quot;"),
    **{
        f"base64 after {n}": lambda key, n=n: base64.b64encode(b"x" * n + key.encode() + b"tail").decode()  # type: ignore[misc]
        for n in range(3)
    },
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(f"{key}??>>".encode()).decode(),
    "base64 in lines": lambda key: "\n".join(_lines(base64.b64encode((key * 3).encode()).decode())),
}


def _lines(text: str) -> list[str]:
    return [text[at : at + 20] for at in range(0, len(text), 20)]


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_found_in_every_form(here: Studio, tmp_path: Path, form: str) -> None:
    """And its place: cell, output and type, counted as a person counts."""
    found = scanned(here, tmp_path, notebook(code("1"), code("2", html("fine"), html(FORMS[form](KEY)))))
    (finding,) = [one for one in found if one.kind == "key"]
    assert finding.what == "the value of AIO_API_KEY"
    assert finding.where == "cell 2, output 2, text/html"
    assert not found.clean
    assert "do not share it as it is" in found.verdict


def test_every_place_of_a_notebook_is_looked_at(here: Studio, tmp_path: Path) -> None:
    """Source, streams, errors, metadata, attachments, lists of lines, and the notebook's own metadata."""
    stream = {"output_type": "stream", "name": "stdout", "text": ["a\n", f"{GIVEN}\n"]}
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": [f"\x1b[31m{GIVEN}\x1b[0m"]}
    meta = {"output_type": "display_data", "data": {}, "metadata": {"x": GIVEN}}
    cells = [
        code(f'key = "{GIVEN}"', stream, error, meta),
        {"cell_type": "markdown", "source": ["text ", GIVEN], "metadata": {"tags": [GIVEN]}},
        {"cell_type": "markdown", "source": "", "attachments": {GIVEN: {}}, "metadata": {}},
        {"cell_type": "raw", "source": "canary-in-dotenv-000", "metadata": {}},
    ]
    found = scanned(here, tmp_path, notebook(*cells, metadata={"widgets": {"state": {"value": GIVEN}}}))
    where = [one.where for one in found if one.what == "the key given for relaydance"]
    assert where == [
        "cell 1, source",
        "cell 1, output 1, stdout",
        "cell 1, output 2, error",
        "cell 1, output 3, display_data",
        "cell 2, source",
        "cell 2, metadata",
        "cell 3, attachments",
        "the notebook's metadata",
    ]
    assert ("the value of NEWAPI_API_KEY in .env", "cell 4, source") in [(one.what, one.where) for one in found]


SHAPES = [
    "sk-proj-abcdefghijklmnopqrstuvwx0123",
    "sk_live_" + "c3" * 12,
    "AIza" + "b" * 35,
    "AKIA" + "ABCDEFGH12345678",
    "ghp_" + "a1" * 18,
    "hf_" + "Ab" * 17,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijk",
    "Authorization: Bearer abcdefghij0123456789xyz",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    'os.environ["SOME_API_KEY"] = "0123456789abcdef0123"',
]


@pytest.mark.parametrize("text", SHAPES, ids=lambda text: text[:12])
def test_what_looks_like_a_key_is_told(here: Studio, tmp_path: Path, text: str) -> None:
    """A key this machine does not know, by its shape; the finding does not repeat it."""
    found = scanned(here, tmp_path, notebook(code(f"x = '''{text}'''")))
    assert [one.kind for one in found][:1] == ["key"]
    assert text[-12:] not in str(found) + str(found._repr_mimebundle_())


@pytest.mark.parametrize(
    "url",
    [
        SIGNED,
        SIGNED.replace("&", "&amp;"),
        SIGNED.replace("/", "\\/"),
        "https://s3.example/a?X-Amz-Signature=0123456789",
        "https://x.blob.example/a?sv=1&sig=abcdefghij%3D",
        "https://api.example/v1?key=canary-0123456789",
        "https://user:canary-password@host.example/a",
    ],
)
def test_a_signed_address_is_told(here: Studio, tmp_path: Path, url: str) -> None:
    """With its host and what signs it, without the address."""
    found = scanned(here, tmp_path, notebook(code("", html(f'<a href="{url}">x</a>'))))
    (finding,) = found
    assert finding.kind == "signed URL"
    assert "example" in finding.what


def test_embedded_media_are_summed_up(here: Studio, tmp_path: Path) -> None:
    """Data addresses, media types and attachments: how many, how large, where."""
    data = base64.b64encode(png() * 40).decode()
    image, film = f'<img src="data:image/png;base64,{data}">', f'<video src="data:video/mp4;base64,{data}"></video>'
    picture = {"output_type": "display_data", "data": {"image/jpeg": data, "text/plain": "x"}, "metadata": {}}
    attached = {"cell_type": "markdown", "source": "", "attachments": {"a.png": {"image/png": data}}, "metadata": {}}
    found = scanned(here, tmp_path, notebook(code("", html(image + film + image), picture), attached))
    assert {one.kind for one in found} == {"media"}
    told = [(one.what.partition(",")[0], one.where) for one in found]
    assert told == [
        ("2 × image/png", "cell 1, output 1, text/html"),
        ("video/mp4", "cell 1, output 1, text/html"),
        ("image/jpeg", "cell 1, output 2, image/jpeg"),
        ("base64", "cell 2, attachments"),
    ]
    assert "do not share" not in found.verdict


def test_a_clean_notebook_is_said_to_be_clean(here: Studio, tmp_path: Path) -> None:
    """Ordinary code, addresses without secrets, redacted ones, ids and hashes raise no alarm."""
    text = f"""import vidgen_nb as vg
clip = vg.generate("a boat, task-risk-sk-ill", provider="relaydance", seed=7)
https://docs.example/page?lang=en&page=2 https://cdn.example/x.mp4?… {"0" * 64} vg-3f9c2a17be
key = os.environ["AIO_API_KEY"]
canary-plain"""
    (tmp_path / "nb.ipynb").write_text(json.dumps(notebook(code(text, html("<b>3f9c2a17be</b>")))), encoding="utf-8")
    found = here.scan(tmp_path / "nb.ipynb")
    assert list(found) == []
    assert found.clean
    assert str(found) == "nb.ipynb: no key, no signed URL and no embedded media found"
    assert "no key" in found._repr_mimebundle_()["text/html"]


def test_a_long_notebook_is_looked_through_quickly(here: Studio, tmp_path: Path) -> None:
    """Megabytes of media and of letters that begin like many things: no search gets lost in them."""
    import time

    data = base64.b64encode(bytes(range(256)) * 12_000).decode()
    letters = ("A" * 1999 + " ") * 500 + "token" * 20_000 + "\\u00" * 20_000 + "https://" * 20_000
    begun = time.process_time()
    scanned(here, tmp_path, notebook(*[code("", html(f"<img src='data:image/png;base64,{data}'>{letters}"))] * 2))
    assert time.process_time() - begun < 40


@pytest.mark.parametrize(("name", "data"), [("none.ipynb", None), ("text.ipynb", b"hello"), ("list.ipynb", b"[]")])
def test_what_is_no_notebook_is_said(here: Studio, tmp_path: Path, name: str, data: bytes | None) -> None:
    """A file that is not there, no JSON, no cells."""
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidRequest, match="cannot be read as a notebook"):
        here.scan(tmp_path / name)
