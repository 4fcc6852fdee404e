"""Row S13: however many ask for the same, and however often, each provider gets one POST.

Two requests for each of the five: one which the server reads and hangs up on, and one whose task fails there. They are
asked for by Run All, five times, with the kernel restarted each time; and by eight processes at once. The server is the
simulator, whose log and bill are the judge.
"""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from vidgen_nb import providers
from vidgen_nb.simulator.app import Simulator

from .billing import KEYS, asked

HANGS_UP, FAILS = "(simulate lost_reply)", "(simulate fail=upstream)"
ERRORS = {HANGS_UP: "SubmitUnknown", FAILS: "GenerationFailed"}
NUMBERS = {asked(number)["provider"]: number for number in range(1, 6)}
REQUESTS = [(name, fate) for name in providers.BUILT_IN for fate in ERRORS]
TIMES, PROCESSES = 5, 8

SETUP = """
import vidgen_nb as vg
vg.setup(**{arguments!r}, timing=vg.Timing(first_poll=0.02, min_gap=0.02, max_gap=0.2))
None
"""
PROCESS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor

def ask(asked):
    try:
        return vg.generate(**asked).wait(60).id
    except vg.VidgenError as error:
        return type(error).__name__

asked = json.loads(sys.stdin.readline())
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(len(asked)) as pool:
    print(json.dumps(list(pool.map(ask, asked))))
"""


def request(provider: str, fate: str) -> dict[str, Any]:
    given = asked(NUMBERS[provider])
    return {**given, "prompt": f"{given['prompt']} {fate}"}


@contextmanager
def simulator() -> Iterator[Simulator]:
    """The providers; no film is ever wanted here."""
    with Simulator(speed=100, render=lambda ask, path, halted: None) as running:
        yield running


def setup_of(running: Simulator, home: Path) -> str:
    urls = {name: running.url(name) for name in providers.BUILT_IN}
    arguments = {"home": str(home), "base_urls": urls, "keys": dict.fromkeys(urls, KEYS[0]), "allow_paid": True}
    return SETUP.format(arguments=arguments)


def posts(running: Simulator, provider: str, fate: str) -> int:
    """How many POSTs the server got for a request. Each made a task: what it did not accept would show as a status."""
    assert {entry.status for entry in running.log if entry.method == "POST"} == {200}
    prompt = request(provider, fate)["prompt"]
    tasks = {task.id for task in running.bill if (task.dialect, task.ask.prompt) == (provider, prompt)}
    return len([entry for entry in running.log if entry.method == "POST" and entry.task_id in tasks])


def judge(running: Simulator, got: list[list[str]], subtests: pytest.Subtests) -> None:
    """Whoever asked was told the same, and one POST was sent: for each provider and each request by name."""
    for index, (provider, fate) in enumerate(REQUESTS):
        with subtests.test(provider=provider, fate=fate):
            assert [words[index] for words in got] == [ERRORS[fate]] * len(got)
            assert posts(running, provider, fate) == 1


# ── Run All, five times, in a new kernel each time ────────────────────────────
def test_run_all_five_times(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """The kernel is restarted each time."""
    with simulator() as running:
        cells = [setup_of(running, tmp_path / "vidgen")]
        cells += [f"vg.generate(**{request(*each)!r}).wait(60)" for each in REQUESTS]
        raised = [_run_all(cells, tmp_path) for _ in range(TIMES)]
    assert len(raised) == TIMES
    judge(running, raised, subtests)


def _run_all(cells: list[str], folder: Path) -> list[str]:
    """What each cell raised."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    metadata = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True, resources=metadata).execute()
    assert notebook.cells[0].outputs == []
    return [output.ename for cell in notebook.cells[1:] for output in cell.outputs if output.output_type == "error"]


# ── eight processes at once ───────────────────────────────────────────────────
def test_eight_processes_at_once(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """They start together, on a home that is not there yet; each of them learns what became of every request."""
    with simulator() as running:
        code = setup_of(running, tmp_path / "vidgen") + textwrap.dedent(PROCESS)
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes = [subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(PROCESSES)]
        try:
            for process in processes:
                tell(process, json.dumps([request(*each) for each in REQUESTS]))
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            for process in processes:
                tell(process, "go")
            got = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate()
    assert len(got) == PROCESSES
    judge(running, got, subtests)


def tell(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
