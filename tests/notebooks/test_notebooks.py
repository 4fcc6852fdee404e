"""The sample notebooks: what is stored in them is what they do, on the newest ipykernel and on the last of series 6."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import av
import nbformat
import pytest

from vidgen_nb import providers

from .running import METADATA, NAMES, SOURCES, VOLATILE, WIDGET, copied, executed, nbval, steady

OLD_KERNEL = "ipykernel-6"
MOST_BYTES = 400_000
each = pytest.mark.parametrize("name", NAMES)


def journal(folder: Path) -> list[Any]:
    """What the simulated providers accepted."""
    lines = (folder / "vidgen" / "run" / "simulator.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shown(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_there_are_nine() -> None:
    """A tour, one notebook for each provider, and three about what is hard."""
    assert [name[:2] for name in NAMES] == [f"{number:02}" for number in range(9)]
    assert {name[3:] for name in NAMES[1:6]} == set(providers.BUILT_IN)


@each
def test_stored_outputs_are_what_the_notebook_does(name: str, tmp_path: Path) -> None:
    """nbval, strict, on the newest ipykernel; then nbclient, once more in the same home: nothing is asked for twice."""
    path = copied(name, tmp_path)
    verdict = nbval(path)
    assert verdict.returncode == 0, verdict.stdout[-4000:]
    asked = journal(tmp_path)
    again = executed(path)
    assert not [output for output in shown(again) if output.output_type == "error"]
    assert journal(tmp_path) == asked


@each
def test_runs_on_the_last_ipykernel_without_subshells(name: str, tmp_path: Path) -> None:
    """nbclient on ipykernel 6.31: no error, nothing on stderr, and every clip ends as asked, with a static player."""
    notebook = executed(copied(name, tmp_path), kernel=OLD_KERNEL)
    assert not [output for output in shown(notebook) if output.output_type == "error" or output.get("name") == "stderr"]
    home = tmp_path / "vidgen"
    recipes = [json.loads(path.read_text(encoding="utf-8")) for path in (home / "clips").glob("*.json")]
    assert len(recipes) >= 2
    for recipe in recipes:
        check_as_asked(recipe, home)
    cards = [output["data"] for output in shown(notebook) if "image/jpeg" in output.get("data", {})]
    assert cards
    for card in cards:
        assert WIDGET not in card
        assert (tmp_path / re.findall(r'<video [^>]*src="([^"]+)"', card["text/html"])[0]).is_file()


def check_as_asked(recipe: Any, home: Path) -> None:
    """PyAV finds the length, the size, the shape and the sound that were asked for."""
    (file,), asked = recipe["files"], recipe["asked"]
    with av.open(str(home / file["path"])) as container:
        video = container.streams.video[0].codec_context
        if "duration" in asked:
            assert container.duration / av.time_base == pytest.approx(asked["duration"], abs=0.1)
        if "resolution" in asked:
            assert f"{min(video.width, video.height)}p" == asked["resolution"]
        if "aspect_ratio" in asked:
            across, down = map(int, asked["aspect_ratio"].split(":"))
            assert video.width / video.height == pytest.approx(across / down, rel=0.02)
        if "generate_audio" in asked:
            assert bool(container.streams.audio) is asked["generate_audio"]


@each
def test_what_is_stored_is_fit_to_be_read(name: str) -> None:
    """On GitHub, too: small, run from top to bottom, with pictures and text; no widget, no path, no key, no times."""
    path = SOURCES / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size <= MOST_BYTES
    assert notebook.metadata == METADATA
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any(cell.metadata for cell in notebook.cells)
    bundles = [output["data"] for output in shown(notebook) if "data" in output]
    assert sum("image/jpeg" in bundle for bundle in bundles) >= 2
    assert all("text/plain" in bundle for bundle in bundles)
    assert not any(WIDGET in bundle for bundle in bundles)
    text = steady(path.read_text(encoding="utf-8"))
    elsewhere = rf"{re.escape(tempfile.gettempdir())}|/home/|/root\b|/Users/|PosixPath|[A-Z]:\\\\"
    assert not re.findall(elsewhere, text)
    assert not re.findall(r"\bsk-\w{4,}", text)


@each
def test_the_first_cell_works_without_a_key(name: str) -> None:
    """It simulates, and the words above it say that, and which line to change."""
    words, first = nbformat.read(SOURCES / f"{name}.ipynb", as_version=4).cells[:2]
    assert "without a key" in words.source
    assert "`studio = vg.setup()`" in words.source
    assert re.search(r"^studio = vg\.setup\(simulate=True\)", first.source.splitlines()[-1])


def test_what_may_differ_is_named_and_no_more() -> None:
    """The rules for nbval hide ids, moments and pictures; words, prices and statuses stay."""
    card = "sim-0123456789 succeeded, relaydance, 4 s, 1.40 CNY, vidgen/clips/2026-11-21_sim-0123456789.mp4"
    assert steady(card) == "sim-ID succeeded, relaydance, 4 s, 1.40 CNY, vidgen/clips/DATE_sim-ID.mp4"
    facts = "checked 2026-11-20; duration: 99 is not offered: it takes 4 to 15 s; take 1 · 04637939f94a74e4"
    assert steady(facts) == facts
    assert VOLATILE.read_text(encoding="utf-8").isascii()  # nbval reads it in whatever encoding the machine has
