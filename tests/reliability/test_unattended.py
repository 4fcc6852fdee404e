"""Row S14: no human, no accident. Executors and CI replay at no cost and refuse a new paid submit in words."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

import vidgen_nb as vg
from vidgen_nb.records import Status

from ..loopback import HangUp, Loopback
from ..playing import PLAYS, MakeStudio, Play, Provider, told


def test_s14_ci_refuses_a_paid_submit(
    provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S14: in CI a new paid submit is refused in words, however often; with leave it goes out, and replays are free."""
    asked = provider.play.request
    monkeypatch.setenv("CI", "true")
    careful = make_studio(allow_paid=None)
    for _ in range(2):
        with pytest.raises(vg.PaidRefused, match=r"VIDGEN_ALLOW_PAID=1.*allow_paid=True"):
            careful.generate(**asked)
    assert server.log == []
    assert careful.history() == []
    monkeypatch.setenv("VIDGEN_ALLOW_PAID", "1")
    clip = careful.generate(**asked)
    monkeypatch.delenv("VIDGEN_ALLOW_PAID")
    assert careful.generate(**asked).wait(20) == clip
    with pytest.raises(vg.PaidRefused):
        clip.retake()
    assert len(server.posts) == 1


def test_s14_a_studio_that_may_not_pay(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """S14: allow_paid=False counts with a person watching too."""
    with pytest.raises(vg.PaidRefused, match="may not pay"):
        make_studio(allow_paid=False).generate(**provider.play.request)
    assert server.log == []


def test_s14_a_lost_submission_is_not_sent_again_by_ci(
    provider: Provider, make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S14: resubmit() pays too, so it needs the same leave."""
    provider.submits = [HangUp()]
    with pytest.raises(vg.SubmitUnknown) as raised:
        make_studio().generate(**provider.play.request)
    monkeypatch.setenv("CI", "1")
    clip = make_studio(allow_paid=None).resume(raised.value.generation.id)
    with pytest.raises(vg.PaidRefused):
        clip.resubmit(accept_double_charge=True)
    assert clip.status is Status.UNKNOWN
    assert len(server.posts) == 1


# ── real executors ────────────────────────────────────────────────────────────
CELLS = [
    """
    import vidgen_nb as vg
    vg.setup(**{told!r})
    None
    """,
    """
    for asked in {asked!r}:
        clip = vg.generate(**asked).wait(30)
        print(clip.provider, clip.status)
    """,
    """
    for asked in {asked!r}:
        try:
            vg.generate(**{{**asked, "prompt": "another boat"}})
        except vg.PaidRefused as refused:
            print(asked["provider"], "refused:", refused)
    """,
]


def by_nbconvert(notebook: Path) -> list[str]:
    return ["-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(notebook)]


def by_papermill(notebook: Path) -> list[str]:
    return ["-m", "papermill", "--no-progress-bar", str(notebook), str(notebook)]


def by_script_in_ci(notebook: Path) -> list[str]:
    cells = nbformat.read(notebook, 4).cells  # type: ignore[no-untyped-call]
    return ["-c", "\n".join(cell.source for cell in cells)]


@pytest.fixture
def paid(server: Loopback, make_studio: MakeStudio) -> int:
    """One finished clip of each provider, bought by a person; the number of POSTs it took."""
    studio = make_studio()
    for play in PLAYS:
        Provider(server, play=play)
        assert studio.generate(**play.request).wait(20).status is Status.SUCCEEDED
    studio.close()
    return len(server.posts)


@pytest.mark.parametrize("way", [by_nbconvert, by_papermill, by_script_in_ci], ids=lambda way: way.__name__)
def test_s14_executors_replay_and_never_pay(
    way: Callable[[Path], list[str]], paid: int, server: Loopback, tmp_path: Path
) -> None:
    """S14: real runs with a key: every bought clip comes back, a new one is refused in words, and 0 POSTs arrive."""
    requests = [play.request for play in PLAYS]
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    for cell in CELLS:
        source = textwrap.dedent(cell).strip().format(told=told(server.url), asked=requests)
        notebook.cells.append(nbformat.v4.new_code_cell(source))  # type: ignore[no-untyped-call]
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "unattended.ipynb"
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"CI": "true"} if way is by_script_in_ci else {}
    ran = subprocess.run(
        [sys.executable, *way(path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    said = ran.stdout if way is by_script_in_ci else printed(path)
    for play in PLAYS:
        assert f"{play.name} succeeded" in said
        assert f"{play.name} refused: This would be a paid submit in a run that nobody watches" in said
    assert "VIDGEN_ALLOW_PAID=1" in said
    assert len(server.posts) == paid


def printed(notebook: Path) -> str:
    cells: list[dict[str, Any]] = json.loads(notebook.read_text("utf-8"))["cells"]
    texts = [output.get("text", "") for cell in cells for output in cell.get("outputs", [])]
    return "".join("".join(text) for text in texts)


def test_s14_simulation_needs_no_leave(play: Play, monkeypatch: pytest.MonkeyPatch, server: Loopback) -> None:
    """S14: a simulated Studio makes clips in CI: it costs nothing, and no provider hears of it."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("VIDGEN_SIMULATE_SPEED", "40")
    with vg.Studio(simulate=True, **told(server.url)) as studio:
        assert studio.generate(**play.request).status is not Status.REFUSED
    assert server.log == []
