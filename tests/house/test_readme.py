"""The README says what the code does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .readme import README, written


def test_the_generated_parts_are_fresh() -> None:
    """`make readme` would change nothing."""
    readme = README.read_text(encoding="utf-8")
    assert written(readme) == readme


def test_the_two_commands_come_first() -> None:
    """Whoever opens it sees how to start before anything else."""
    first, second = README.read_text(encoding="utf-8").splitlines()[3:5]
    assert first.startswith("make demo")
    assert second.startswith("make test")


@pytest.mark.slow
def test_its_code_runs_as_it_stands(tmp_path: Path) -> None:
    """Every line of Python in it, from top to bottom in one empty folder, with simulated providers."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    code = "\n".join(blocks)
    assert code.count("vg.") > 15
    (tmp_path / "notebook.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    simulated = os.environ | {"VIDGEN_SIMULATE": "1", "VIDGEN_SIMULATE_SPEED": "20"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=simulated, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert list((tmp_path / "vidgen" / "clips").glob("*.mp4"))


def test_it_names_every_variable_that_is_read() -> None:
    """Each VIDGEN_ variable of the package is explained, and it promises no other."""
    sources = (README.parent / "vidgen_nb").rglob("*.py")
    read = {name for path in sources for name in re.findall(r"VIDGEN_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"VIDGEN_[A-Z_]+", README.read_text(encoding="utf-8"))) == read
