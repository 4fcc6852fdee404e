"""The Binder: repo2docker takes it, and what its image would do ends with the tour executed."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from .running import ROOT, environment

PARTS = ("binder", "notebooks", "vidgen_nb", "pyproject.toml", "README.md", "LICENSE")
TOUR = "notebooks/00_tour.ipynb"


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    """What Binder would clone, in a folder that is gone afterwards."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    yield folder
    shutil.rmtree(folder)


def dockerfile(repository: Path) -> str:
    """What repo2docker makes of it, without building it."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(repository)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert made.returncode == 0, made.stderr[-2000:]
    return made.stdout


def test_repo2docker_accepts_it(repository: Path) -> None:
    """The Dockerfile installs the fonts, takes a Python that the package takes, and runs postBuild and start."""
    text = dockerfile(repository)
    fonts = (ROOT / "binder" / "apt.txt").read_text(encoding="utf-8").split()
    assert re.search(rf"apt-get install .*{' '.join(fonts)}", text)
    assert "binder/environment.yml" in text
    assert re.search(r"^RUN \./binder/postBuild$", text, re.MULTILINE)
    assert re.search(r'^ENV R2D_ENTRYPOINT="\$\{REPO_DIR\}/binder/start"$', text, re.MULTILINE)
    python = re.search(
        r"- python=(\d+)\.(\d+)$", (ROOT / "binder/environment.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert python
    assert (int(python[1]), int(python[2])) >= (3, 11)
    assert all(os.access(repository / "binder" / name, os.X_OK) for name in ("postBuild", "start"))


@pytest.mark.slow
def test_its_steps_end_with_the_tour_executed(repository: Path, tmp_path: Path) -> None:
    """In a fresh virtual environment: postBuild, then start with an executor in Jupyter's place. A key is of no use.

    It installs packages: without a registry it fails.
    """
    steps = re.findall(r"^RUN \./(binder/\w+)$", dockerfile(repository), re.MULTILINE)
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False)
    fresh = tmp_path / "environment"
    venv.create(fresh, with_pip=True)
    try:
        pip = {"PIP_CACHE_DIR": cache.stdout.strip(), "PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        image = environment(PATH=f"{fresh / 'bin'}{os.pathsep}{os.defpath}", HOME=str(tmp_path), **pip)
        image = {name: value for name, value in image.items() if not name.startswith(("VIDGEN_", "PYTHON", "JUPYTER"))}
        for step in steps:
            run([f"./{step}"], repository, image)
        visit = ["./binder/start", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", TOUR]
        run(visit, repository, image | {"RELAYDANCE_API_KEY": "sk-" + "0" * 20})
    finally:
        shutil.rmtree(fresh)
    recipes = [
        json.loads(path.read_text(encoding="utf-8")) for path in repository.glob("notebooks/vidgen/clips/*.json")
    ]
    assert len({recipe["provider"] for recipe in recipes}) == 5
    assert {recipe["origin"] for recipe in recipes} == {"simulator"}
    assert (tmp_path / ".local/share/jupyter/nbsignatures.db").is_file()  # trusted
    tour = nbformat.read(repository / TOUR, as_version=4)
    assert not [output for cell in tour.cells for output in cell.get("outputs", []) if output.output_type == "error"]


def run(command: list[str], folder: Path, image: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=image, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_a_key_is_of_no_use_there(tmp_path: Path) -> None:
    """Started as Binder starts Jupyter, a Studio simulates though it is told not to, and given a key."""
    asks = (
        "import vidgen_nb as vg\n"
        'studio = vg.Studio(simulate=False, keys={"relaydance": "sk-not-a-key"}, allow_paid=True)\n'
        'print(studio.plan("a boat", provider="relaydance", duration=5).url)'
    )
    start = [str(ROOT / "binder" / "start"), sys.executable, "-c", asks]
    kept = {name: value for name, value in environment().items() if not name.startswith("VIDGEN_")}
    said = subprocess.run(start, cwd=tmp_path, env=kept, capture_output=True, text=True, check=True).stdout
    assert said.startswith("http://127.0.0.1:")


def test_the_badge_opens_the_tour_in_jupyterlab() -> None:
    """The README's badge leads to Binder, to JupyterLab with the tour, and leaves a place for the repository."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"\]\(https://mybinder\.org/v2/gh/OWNER/REPOSITORY/HEAD\?urlpath=lab/tree/{TOUR}\)", readme)
