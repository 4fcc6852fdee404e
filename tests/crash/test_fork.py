"""A process that is forked from a kernel, as multiprocessing does it: it has the kernel's memory, and no threads."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from .test_many import HANGS_UP, posts, request, setup_of, simulator

CHILD = """
import json, os, sys
from vidgen_nb.owners import alive

def ask(prompt):
    try:
        vg.generate(**{**asked, "prompt": prompt})
    except vg.VidgenError as error:
        return type(error).__name__, error.generation.id

asked = json.loads(sys.stdin.readline())
studio = vg.setup()
said = {"before": ask(asked["prompt"])}
clip = vg.history()[0]
if (pid := os.fork()) == 0:
    said |= {"same": ask(asked["prompt"]), "other": ask(asked["prompt"] + " again")}
    old = {"old studio": studio.history, "old clip": clip.resume, "rated": lambda: clip.rate(3)}
    for what, use in {**old, "resolved": lambda: clip.resolve(not_billed=True)}.items():
        try:
            use()
        except vg.VidgenError as error:
            said[what] = str(error)
    said["owners"] = [vg.setup().ledger.owner.id != studio._ledger.owner.id, vg.setup().home == studio.home]
    print(json.dumps(said))
    sys.exit(5)  # as a program ends: what is registered for the end runs here too
_, status = os.waitpid(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), alive(studio.home / "run", studio.ledger.owner.id)]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_a_studio_of_its_own(tmp_path: Path) -> None:
    """The same request is the same clip, another one is sent once; what belongs to the kernel says so, and lives on."""
    asked = request("relaydance", HANGS_UP)
    with simulator() as running:
        code = setup_of(running, tmp_path / "vidgen") + textwrap.dedent(CHILD)
        told = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
            input=json.dumps(asked) + "\n", capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert told.stderr == ""
    forked, kernel = map(json.loads, told.stdout.splitlines())
    assert forked["before"] == forked["same"]
    assert forked["other"][0] == "SubmitUnknown"
    assert forked["other"][1] != forked["same"][1]
    assert "forked" in forked["old studio"]
    for what in ("old clip", "rated", "resolved"):
        assert "vg.resume(id)" in forked[what]
    assert forked["owners"] == [True, True]
    assert kernel == [5, True]
    assert posts(running, "relaydance", HANGS_UP) == 1
    assert len(running.bill) == 2
