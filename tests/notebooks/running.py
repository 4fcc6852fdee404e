"""Runs the sample notebooks with simulated providers: for their tests, and for `make notebooks`, which keeps outputs.

A notebook is always run as a copy in an empty folder, so that it meets no home, and no path of ours gets into it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "notebooks"
NAMES = sorted(path.stem for path in SOURCES.glob("*.ipynb"))
VOLATILE = Path(__file__).with_name("volatile.cfg")

WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def environment(**changes: str) -> dict[str, str]:
    """This process's, without keys and settings of whoever runs it, and with simulated providers."""
    ours = re.compile(r"VIDGEN_|.*_(API_KEY|BASE_URL)$")
    kept = {name: value for name, value in os.environ.items() if not ours.match(name)}
    return {**kept, "VIDGEN_SIMULATE": "1", "VIDGEN_SIMULATE_SPEED": "20", **changes}


def copied(name: str, folder: Path) -> Path:
    """The notebook of that name, alone in a folder."""
    return Path(shutil.copy(SOURCES / f"{name}.ipynb", folder))


def executed(path: Path, *, kernel: str = "python3", **changes: str) -> nbformat.NotebookNode:
    """The notebook after all its cells were run, in its own folder. Raises at the first cell that fails."""
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name=kernel,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env=environment(**changes))
    return notebook


def nbval(path: Path) -> subprocess.CompletedProcess[str]:
    """nbval's verdict on the stored outputs: strict, but for what VOLATILE names."""
    options = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={VOLATILE}", "--nbval-cell-timeout=120"]
    alone = ["-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={path.parent}", "--color=no", "-q"]
    command = [sys.executable, "-m", "pytest", *alone, *options, path.name]
    return subprocess.run(
        command, cwd=path.parent, env=environment(VIDGEN_DISPLAY="static"), capture_output=True, text=True, check=False
    )


# ── what is kept ──────────────────────────────────────────────────────────────
def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without what a run leaves in it beyond outputs: times of cells, models of widgets, versions."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
    return notebook


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """What a reader sees of each cell, without what differs each time."""
    cells = []
    for cell in notebook.cells:
        shown = [
            {kind: text for kind, text in output.get("data", output).items() if kind != "image/jpeg"}
            for output in cell.get("outputs", [])
        ]
        cells.append(steady(f"{cell.source}\n{json.dumps(shown, ensure_ascii=False, sort_keys=True)}"))
    return cells


def steady(text: str) -> str:
    """The text as nbval compares it."""
    pairs = re.findall(r"^regex: (.*)\nreplace: (.*)$", VOLATILE.read_text(encoding="utf-8"), re.MULTILINE)
    for pattern, replacement in pairs:
        text = re.sub(pattern, replacement, text)
    return text


def refresh(name: str) -> bool:
    """Run a notebook and keep its outputs. False where only ids and times would change: then it is left alone."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = cleaned(executed(copied(name, Path(folder)), VIDGEN_DISPLAY="static", VIDGEN_SIMULATE_SPEED="2"))
    path = SOURCES / f"{name}.ipynb"
    if said(notebook) == said(nbformat.read(path, as_version=4)):
        return False
    nbformat.write(notebook, path)
    return True


if __name__ == "__main__":
    for wanted in sys.argv[1:] or NAMES:
        sys.stdout.write(f"{wanted}: {'written' if refresh(wanted) else 'as it was'}\n")
