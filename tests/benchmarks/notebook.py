"""What a notebook's first cell costs: imports, and the first card, each in a fresh kernel."""

import os
import queue
import statistics
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RUNS = 5  # kernels of each kind, after one that warms the disk's cache
PATIENCE = 60.0  # seconds

IMPORTING = "import time; _began = time.perf_counter(); {}; print(time.perf_counter() - _began)"
THEIRS = IMPORTING.format("import ipywidgets, httpx, pydantic")
OURS = IMPORTING.format("import vidgen_nb")
CARD = 'import vidgen_nb as vg\nvg.setup(simulate=True)\nvg.generate("a paper boat", provider="relaydance", duration=5)'


def measure(folder: Path, runs: int = RUNS) -> dict[str, float]:
    """Seconds, medians: the three imports, our import, and from the request to the first card that arrives."""
    seen: dict[str, list[float]] = {"theirs": [], "ours": [], "card": []}
    for number in range(runs + 1):
        at_home = folder / f"kernel{number}"
        at_home.mkdir(parents=True)
        once = {
            "theirs": float(_in_kernel(THEIRS, at_home)[1]),
            "ours": float(_in_kernel(OURS, at_home)[1]),
            "card": _in_kernel(CARD, at_home)[0],
        }
        for name, seconds in once.items():
            if number:
                seen[name].append(seconds)
    return {name: statistics.median(values) for name, values in seen.items()}


def _in_kernel(code: str, folder: Path) -> tuple[float, str]:
    """Run a cell in a kernel of its own. Seconds until its first output arrived, and that output's text."""
    from jupyter_client.manager import start_new_kernel

    settings = {name: value for name, value in os.environ.items() if not name.startswith(("VIDGEN_", "PYTHON"))}
    settings["PYTHONPYCACHEPREFIX"] = str(folder.parent / "compiled")  # by the first round, as an installer does it
    manager, client = start_new_kernel(
        startup_timeout=PATIENCE, cwd=str(folder), env=settings, stderr=subprocess.DEVNULL
    )
    try:
        client.execute_interactive("pass", timeout=PATIENCE)  # the kernel is ready, and has run a cell before
        began = time.monotonic()
        client.execute(code)
        while True:
            try:
                message: Mapping[str, Any] = client.get_iopub_msg(timeout=PATIENCE)
            except queue.Empty:
                raise RuntimeError(f"no output within {PATIENCE:.0f} s of: {code}") from None
            content = message["content"]
            if message["msg_type"] == "error":
                raise RuntimeError(f"{content['ename']}: {content['evalue']}")
            if message["msg_type"] in {"display_data", "stream"}:
                return time.monotonic() - began, content.get("text", "")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
