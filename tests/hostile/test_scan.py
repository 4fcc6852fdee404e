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
