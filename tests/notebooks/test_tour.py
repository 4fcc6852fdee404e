"""The tour, executed as a reader would run it from top to bottom."""

import json
import os
import shutil
from pathlib import Path

import av
import nbclient
import nbformat
import pytest

from vidgen_nb import providers

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[nbformat.NotebookNode, Path]:
    """The tour and the folder it ran in."""
    folder = tmp_path_factory.mktemp("tour")
    shutil.copy(NOTEBOOKS / "00_tour.ipynb", folder)
    notebook = nbformat.read(folder / "00_tour.ipynb", as_version=4)
    environment = {**os.environ, "VIDGEN_SIMULATE": "1", "VIDGEN_SIMULATE_SPEED": "10"}
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return notebook, folder


def outputs(notebook: nbformat.NotebookNode, source: str) -> list[nbformat.NotebookNode]:
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]
    return list(cell.outputs)


def test_the_tour_runs_without_an_error(executed: tuple[nbformat.NotebookNode, Path]) -> None:
    """No cell raises, and no cell writes to stderr."""
    notebook, _ = executed
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]


def test_every_clip_is_as_asked(executed: tuple[nbformat.NotebookNode, Path]) -> None:
    """PyAV finds the length, the size and the sound that each cell asked for, from all five providers."""
    _, folder = executed
    recipes = [json.loads(path.read_text()) for path in (folder / "vidgen" / "clips").glob("*.json")]
    assert {recipe["provider"] for recipe in recipes} == set(providers.BUILT_IN)
    for recipe in recipes:
        (file,), asked = recipe["files"], recipe["asked"]
        with av.open(str(folder / "vidgen" / file["path"])) as container:
            video = container.streams.video[0].codec_context
            assert container.duration / av.time_base == pytest.approx(asked["duration"], abs=0.1)
            assert video.width / video.height == pytest.approx(16 / 9, rel=0.02)
            if "resolution" in asked:
                assert f"{min(video.width, video.height)}p" == asked["resolution"]
            if "generate_audio" in asked:
                assert bool(container.streams.audio) is asked["generate_audio"]


def test_the_saved_tour_holds_players(executed: tuple[nbformat.NotebookNode, Path]) -> None:
    """The card of the cell ends as static HTML with the clip beside the notebook, a poster, and one honest line."""
    notebook, folder = executed
    (card,) = outputs(notebook, "generate_audio=True,\n)\nclip")
    html = card["data"]["text/html"]
    assert "<video" in html
    assert 'src="vidgen/clips/' in html
    assert "application/vnd.jupyter.widget-view+json" not in card["data"]
    assert "succeeded" in card["data"]["text/plain"]
    assert card["data"]["image/jpeg"]
    assert (folder / html.split('src="')[1].split('"')[0]).is_file()


def test_running_it_again_costs_nothing(executed: tuple[nbformat.NotebookNode, Path]) -> None:
    """The cell that asks for the same clip got the same clip."""
    notebook, _ = executed
    (result,) = outputs(notebook, "again = vg.generate(")
    assert "True" in result["data"]["text/plain"]
