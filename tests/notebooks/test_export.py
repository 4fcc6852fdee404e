"""What other programs make of a card: executors, converters, readers without video, and a terminal."""

import io
import os
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image

CELLS = [
    "import vidgen_nb as vg\nvg.setup(simulate=True)\nNone",
    'clip = vg.generate("a paper boat, slow dolly-in", provider="relaydance", duration=4, aspect_ratio="16:9",\n'
    '    model="doubao-seedance-2-0-fast-260128", resolution="480p")\nclip',
    "clip.wait()\nNone",
    "clip.show(embed=True)",
]
PLAIN = r"sim-\w{10} succeeded, relaydance, 4 s, 0, simulated, vidgen/clips/[\w-]+\.mp4"
EXECUTORS = {
    "nbconvert to notebook": "nbconvert --to notebook --execute --output out.ipynb in.ipynb",
    "nbconvert to html": "nbconvert --to html --execute --output out.html in.ipynb",
    "papermill": "papermill -k python3 in.ipynb out.ipynb",
}


def run(folder: Path, *command: str, **more: Any) -> str:
    """Run a program of this environment in a folder, and give what it printed."""
    program = [sys.executable, "-m", *command]
    environment = {**os.environ, "VIDGEN_SIMULATE_SPEED": "20", "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False, **more
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(folder: Path) -> None:
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "in.ipynb")


def is_a_player(html: str, folder: Path) -> None:
    """Both cards of the page play: the file beside it, and the one that was put into it."""
    sources = re.findall(r'<video[^>]* src="([^"]*)', html)
    assert len(sources) == 2
    assert (folder / sources[0]).is_file()
    assert b64decode(sources[1].removeprefix("data:video/mp4;base64,")) == (folder / sources[0]).read_bytes()
    assert html.count('poster="data:image/jpeg;base64,') == 2
    assert '<script type="application/vnd.jupyter.widget-view+json">' not in html


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_is_executed_ends_as_a_player(executor: str, tmp_path: Path) -> None:
    """The cell of the clip holds the player, a poster and a line for readers without video, and no widget."""
    write(tmp_path)
    run(tmp_path, *EXECUTORS[executor].split())
    if executor == "nbconvert to html":
        is_a_player((tmp_path / "out.html").read_text(encoding="utf-8"), tmp_path)
        return
    executed = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert len(str(executed.metadata)) < 4_000, "of the widget nothing is left"
    shown = [output for cell in executed.cells for output in cell.get("outputs", []) if "data" in output]
    assert len(shown) == 2
    for output in shown:
        data = output["data"]
        assert set(data) == {"text/html", "text/plain", "image/jpeg"}
        assert re.fullmatch(PLAIN, data["text/plain"])
        poster = b64decode(data["image/jpeg"])
        assert len(poster) <= 12_000
        assert Image.open(io.BytesIO(poster)).size == (480, 270)
        for fact in ("a paper boat", "doubao-seedance-2-0-fast-260128", "0, simulated", "854"):
            assert fact in re.sub(r"<video[^>]*>", "", data["text/html"])  # as GitHub shows it, without the video
    if executor == "nbconvert to notebook":
        run(tmp_path, "nbconvert", "--to", "html", "--output", "page.html", "out.ipynb")
        is_a_player((tmp_path / "page.html").read_text(encoding="utf-8"), tmp_path)


def test_a_terminal_shows_one_honest_line(tmp_path: Path) -> None:
    """In IPython without a notebook a clip is one line of text: first as it goes on, then with its file."""
    line = CELLS[1].replace("\n    ", " ").removesuffix("\nclip")
    cells = [
        "import vidgen_nb as vg",
        "s = vg.setup(simulate=True)",
        line,
        "clip",
        "c = clip.wait()",
        "clip",
        "print([clip])",
    ]
    said = run(
        tmp_path,
        *("IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=NoColor"),
        input="\n".join([*cells, "exit", ""]),
    )
    lines = [re.sub(r"^(In \[\d+\]:|Out\[\d+\]:|\.\.\.:|\s)*", "", line) for line in said.splitlines()]
    shown = [line for line in lines if "sim-" in line]
    assert len(shown) == 3
    assert re.fullmatch(
        r"sim-\w{10} (queued|running|downloading), relaydance, (\d+ %, )?4 s, 0, simulated, task \w+, "
        r'vg.resume\("sim-\w{10}"\) goes on',
        shown[0],
    )
    assert re.fullmatch(PLAIN, shown[1])
    assert shown[2] == f"[{shown[1]}]"
