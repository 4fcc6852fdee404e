"""vg.scan against the same canaries: what a person is told before a notebook is shared, and what they are not shown."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.scanning import Scan

from . import canaries

WHOLE = {form: spelling for form, spelling in canaries.FORMS["key"].items() if not form.startswith(("begin", "plain"))}
ADDRESSES = {
    "as written": canaries.REFERENCE,
    "in HTML": canaries.REFERENCE.replace("&", "&amp;"),
    "in JSON": canaries.REFERENCE.replace("/", "\\/"),
    "in Python": repr({"url": canaries.REFERENCE}),
    "with a password": "https://user:cnMEDIA5hFJ2k@pictures.example.com/boat.png",
}


def output(text: str) -> dict[str, Any]:
    return {"outputs": [{"output_type": "stream", "name": "stdout", "text": text}]}


def failure(text: str) -> dict[str, Any]:
    lines = [f"\x1b[31m{text}\x1b[0m"]
    return {"outputs": [{"output_type": "error", "ename": "E", "evalue": "", "traceback": lines}]}


def bundle(text: str) -> dict[str, Any]:
    return {"outputs": [{"output_type": "display_data", "data": {"text/html": text}, "metadata": {}}]}


def json_data(text: str) -> dict[str, Any]:
    return {"outputs": [{"output_type": "execute_result", "data": {"application/json": {"x": [text]}}, "metadata": {}}]}


def described(text: str) -> dict[str, Any]:
    return {"outputs": [{"output_type": "display_data", "data": {}, "metadata": {"image/png": {"alt": text}}}]}


CELLS: dict[str, Callable[[str], dict[str, Any]]] = {
    "source": lambda text: {"source": text},
    "lines of source": lambda text: {"source": ["x = 1\n", text]},
    "stream": output,
    "traceback": failure,
    "HTML": bundle,
    "JSON": json_data,
    "metadata of an output": described,
    "metadata of a cell": lambda text: {"metadata": {"papermill": {"parameters": {"key": text}}}},
}


def scanned(folder: Path, cell: dict[str, Any], **more: Any) -> Scan:
    """What is told of a notebook with that cell. No view of it shows a part of a secret."""
    whole = {"cell_type": "code", "source": "", "outputs": [], "metadata": {}, **cell}
    notebook = {"cells": [whole], "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}
    (folder / "shared.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with vg.Studio(home=folder / "vidgen", keys={"relaydance": canaries.KEY}) as studio:
        found = studio.scan(folder / "shared.ipynb")
    shown = f"{found!r} {found!s} {list(found)} {found.hints} {json.dumps(found._repr_mimebundle_())}"
    assert canaries.held(shown.encode()) == []
    return found


@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("place", ["source", "HTML"])
def test_every_spelling_of_a_key_is_told(place: str, form: str, tmp_path: Path) -> None:
    """However it was escaped on its way into the notebook."""
    found = scanned(tmp_path, CELLS[place](f"before {WHOLE[form].decode()} after"))
    assert ("key", "the key given for relaydance") in [(one.kind, one.what) for one in found]


@pytest.mark.parametrize("place", CELLS)
def test_a_key_is_told_wherever_it_stands(place: str, tmp_path: Path) -> None:
    """In each place of a notebook that is saved, whoever wrote it there."""
    found = scanned(tmp_path, CELLS[place](f"x {canaries.KEY} y"))
    assert ("key", "the key given for relaydance") in [(one.kind, one.what) for one in found]
    assert "do not share" in found.verdict


@pytest.mark.parametrize("place", CELLS)
@pytest.mark.parametrize("form", ADDRESSES)
def test_an_address_that_opens_by_itself_is_told(form: str, place: str, tmp_path: Path) -> None:
    """With its host and what signs it."""
    found = scanned(tmp_path, CELLS[place](ADDRESSES[form]))
    assert "signed URL" in {one.kind for one in found}
    assert all("pictures.example.com" in one.what for one in found if one.kind == "signed URL")


UNKNOWN = "f3Kq81Zr0vTn5Wb7Yd2Lm9Xc4"  # a key which this process has never heard of, in no known shape
WAYS = {  # how people give keys in notebooks
    "magic": f"%env RELAYDANCE_API_KEY={UNKNOWN}",
    "magic without =": f"%set_env RELAYDANCE_API_KEY {UNKNOWN}",
    "what the magic prints": f"env: RELAYDANCE_API_KEY={UNKNOWN}",
    "shell": f"!export AIO_API_KEY={UNKNOWN}; run",
    "written file": f"%%writefile .env\nNEWAPI_API_KEY={UNKNOWN}\nA=1",
    "assigned": f"os.environ['AISPHERE_API_KEY'] = '{UNKNOWN}'",
    "a default": f'os.environ.setdefault("AISPHERE_API_KEY", "{UNKNOWN}")',
    "in colours": f"os.environ[\x1b[33m'AISPHERE_API_KEY'\x1b[39m] = \x1b[33m'{UNKNOWN}'\x1b[39m",
    "to the Studio": f'vg.Studio(keys={{"aioagi": other, "relaydance": "{UNKNOWN}"}})',
    "to setup": f"vg.setup(keys=dict(relaydance='{UNKNOWN}'))",
    "a header": f'{{"x-api-key": "{UNKNOWN}"}}',
    "curl": f'!curl -H "X-API-Key: {UNKNOWN}" https://example.com',
}
NO_KEYS = [
    "Set RELAYDANCE_API_KEY, or simulate=True. AIO_API_KEY found in .env",
    "%env AITOEARN_BASE_URL=https://example.com/a1b2c3d4e5f6a1b2c3d4",
    "export RELAYDANCE_API_KEY=your-key-goes-here-please",
    "api_key = get_the_key_from_place_123456(); key = os.environ['A_API_KEY']; secret = settings.v1.v2.v3.secret",
    "password = getpass.getpass('password 1 for the site 2 of 3')",
    '{"max_tokens", "presence_penalty", "completion_tokens": 12345678}',
    "keys = {'a': 'another_column_of_a_table'}; vg.setup(keys={'relaydance': my_key_number_1234})",
    "clip.adopt(task_id='task_4f3a2b1c9d8e7f6a5b4c3d2e1f'), token count: 1234567890123456789",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_told_by_the_way_it_is_given(way: str, tmp_path: Path) -> None:
    """A key of another machine or another day is known to nobody here: the words around it tell."""
    for place in ("source", "stream", "traceback"):
        assert "key" in {one.kind for one in scanned(tmp_path, CELLS[place](WAYS[way]))}


@pytest.mark.parametrize("text", NO_KEYS)
def test_talk_of_keys_is_no_key(text: str, tmp_path: Path) -> None:
    """Names without values, placeholders, calls, counts and ids raise no alarm."""
    assert scanned(tmp_path, {"source": text, **output(text)}).clean


@pytest.mark.parametrize(
    "query",
    ["?x-kcdn-pid=1&ksSecret={}", "?pkey={}", "?txSecret={}&txTime=5", "?hdnts=exp=1~hmac={}", "#access_token={}"],
)
def test_an_address_is_signed_by_many_names(query: str, tmp_path: Path) -> None:
    """Those of the providers' own media hosts among them; and a token in place of a user."""
    for url in (f"https://cdn.example.com/a.mp4{query.format(UNKNOWN)}", f"https://{UNKNOWN}@cdn.example.com/a.mp4"):
        found = scanned(tmp_path, {"source": f"video = '{url}'"})
        assert "signed URL" in {one.kind for one in found}


def test_a_password_that_was_typed_is_told(tmp_path: Path) -> None:
    """Whatever it is: a notebook saves what stands in a widget."""
    state = {"a": {"model_name": "PasswordModel", "state": {"value": "correct horse"}}}
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": state, "version_major": 2, "version_minor": 0}}
    (found,) = scanned(tmp_path, {}, metadata={"widgets": widgets})
    assert (found.kind, found.what) == ("key", "stands in a password field")
    state["a"]["state"] = {"value": ""}
    assert scanned(tmp_path, {}, metadata={"widgets": widgets}).clean


def test_what_widgets_save_is_looked_at(tmp_path: Path) -> None:
    """A password field and an upload are saved with the notebook's metadata, values and buffers."""
    data = base64.b64encode(canaries.picture()).decode()
    state = {
        "a": {"model_name": "PasswordModel", "state": {"value": canaries.KEY}},
        "b": {"model_name": "ImageModel", "state": {}, "buffers": [{"encoding": "base64", "data": data}]},
    }
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": state, "version_major": 2, "version_minor": 0}}
    found = scanned(tmp_path, {}, metadata={"widgets": widgets})
    assert {(one.kind, one.where) for one in found} == {
        ("key", "the notebook's metadata"),
        ("media", "the notebook's metadata"),
    }


def test_an_embedded_picture_is_told(tmp_path: Path) -> None:
    """Its kind, size and place; a picture alone does not speak against sharing."""
    data = base64.b64encode(canaries.picture()).decode()
    found = scanned(tmp_path, bundle(f'<img src="data:image/png;base64,{data}">'))
    assert [one.kind for one in found] == ["media"]
    assert "image/png" in found[0].what
    assert "do not share" not in found.verdict


@pytest.mark.parametrize(
    "text", ["\ud800", "\x00\x1b]0;x\x07", "[" * 500, "\\u00", "%", "https://[", "data:image/png,"]
)
def test_strange_texts_are_no_secrets(text: str, tmp_path: Path) -> None:
    """Broken escapes, half characters and control characters end no search and raise no alarm."""
    found = scanned(tmp_path, {"source": text, **output(text)})
    assert {one.kind for one in found} <= {"media"}
