"""A key, a signed address and a picture go through every fault in a real kernel; nothing of them is left behind.

Each of the five plays a server that quotes all it was sent, in every reply. Afterwards every byte is searched:
the notebook and its HTML, every message of the kernel, tracebacks in each mode, frames, objects, pickles, the ledger
with its journal, logs of every library at DEBUG, recipes, exports, file names.
"""

import html
import json
import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbclient
import nbformat
import pytest
from jupyter_client.utils import ensure_async
from nbconvert import HTMLExporter

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.records import Json

from ..loopback import Answer, Cut, HangUp, Loopback, Reset, Say, Seen, serving
from ..playing import CLIP, PLAYS, Play
from . import canaries

pytestmark = pytest.mark.notebook
HERE = Path(__file__).parent

GENERATE = "vg.generate(**inside.asked({fault!r})).wait(300)"
FAULTS: dict[str, tuple[str, str]] = {  # name: the error that a cell ends with, and the cell
    "refused": ("InvalidRequest", GENERATE),
    "unauthorized": ("AuthError", GENERATE),
    "page-502": ("SubmitUnknown", GENERATE),
    "page-200": ("SubmitUnknown", GENERATE),
    "lost": ("SubmitUnknown", GENERATE),
    "reset": ("SubmitUnknown", GENERATE),
    "cut": ("SubmitUnknown", GENERATE),
    "moved": ("ProviderRefused", GENERATE),
    "moved-nowhere": ("SubmitUnknown", GENERATE),
    "redirected": ("SubmitUnknown", GENERATE),
    "limited": ("RateLimited", GENERATE),
    "failed": ("GenerationFailed", GENERATE),
    "private": ("GenerationStuck", GENERATE),
    "expired": ("GenerationStuck", GENERATE),
    "no-film": ("GenerationStuck", GENERATE),
    "no-key": ("WaitTimeout", "vg.generate(**inside.asked({fault!r})).wait(0.5)"),
    "troubled": ("WaitTimeout", "vg.generate(**inside.asked({fault!r})).wait(0.5)"),
    "fine": ("", f"{GENERATE}"),
    "elsewhere": ("", f"{GENERATE}"),
    "once more": ("SubmitUnknown", "await vg.generate(**inside.asked('lost'))"),
    "resubmitted": ("InvalidRequest", "vg.history('fault-lost')[0].resubmit(accept_double_charge=True)"),
    "retaken": ("InvalidRequest", "vg.history('fault-failed')[0].retake()"),
    "interrupted": (
        "KeyboardInterrupt",
        "inside.interrupt_when('arrived')\nvg.generate(**inside.asked({fault!r}))",
    ),
    "answered": ("", "Path('answer').touch()\nvg.resume(vg.history('interrupted')[0].id).wait(300)"),
    "awaited": ("CancelledError", "inside.interrupt_when('polled')\nawait vg.generate(**inside.asked({fault!r}))"),
    "out of time": ("TimeoutError", "await asyncio.wait_for(vg.generate(**inside.asked('awaited')), 0.1)"),
    "nobody there": ("NotSent", "away('http://127.0.0.1:1').generate(**inside.asked('away'))"),
    "no TLS": ("NotSent", "away(os.environ[BASE].replace('http:', 'https:')).generate(**inside.asked('away'))"),
    "bad key": ("InvalidRequest", "vg.Studio(keys={{inside.NAME: os.environ[KEY] + '\\nX: 1'}})"),
    "key and name swapped": (
        "InvalidRequest",
        "vg.Studio(keys={{os.environ[KEY]: inside.NAME}}).generate(**inside.asked('swapped'))",
    ),
    "no such argument": ("TypeError", "vg.setup(keys={{inside.NAME: os.environ[KEY]}}, kyes=1)"),
    "bad key in the environment": (
        "InvalidRequest",
        "os.environ[KEY] += '\\nX: 1'\nvg.generate(**inside.asked('environment'))",
    ),
    "no ledger": (
        "LedgerUnavailable",
        "os.environ[KEY] = os.environ[KEY].split()[0]\n"
        "Path('in-the-way').touch()\nvg.Studio(home='in-the-way').generate(**inside.asked('ledger'))",
    ),
    "closed": (
        "VidgenError",
        "shut = vg.Studio(home='shut')\nshut.close()\nshut.generate(**inside.asked('closed'))",
    ),
    "wrong address": (
        "InvalidRequest",
        "vg.generate(**inside.asked('x', reference_images=[inside.ADDRESS.replace('https', 'ftp')]))",
    ),
    "wrong data": (
        "InvalidRequest",
        "vg.generate(**inside.asked('x', reference_images=[inside.data() + '!']))",
    ),
    "wrong parameter": ("InvalidRequest", "vg.generate(**inside.asked('x', seeed=1))"),
    "wrong value": (
        "InvalidRequest",
        "vg.generate(**inside.asked('x', duration=inside.ADDRESS, extra={{1: inside.data().encode()}}))",
    ),
    "form, wrong": (
        "InvalidRequest",
        "vg.form(inside.NAME, **inside.filled('x'), first_frme=inside.ADDRESS, pictures=[inside.data()])",
    ),
    "form": ("", "form = vg.form(inside.NAME, **inside.filled({fault!r}))\nform"),
    "form, typed": (
        "",
        "inside.fill_in(form)\ninside.press(form, 'code')\ninside.note(form)\nform",
    ),
    "form, pressed": (
        "",
        "inside.press(form, 'generate')\nvg.history('fault-form')[0].wait(300)\ninside.note(form)\nform.generate()",
    ),
    "form, refused": (
        "InvalidRequest",
        "form = vg.form(inside.NAME, **inside.filled('refused form'))\n"
        "inside.fill_in(form)\ninside.press(form, 'generate')\nform.generate().wait(300)",
    ),
    "form, wrong data": (
        "InvalidRequest",
        "form = vg.form(inside.NAME, **inside.filled('x'))\nfor text in (inside.data() + '!', inside.BAD):\n"
        "    inside.type_into(form, inside.FIELD, text)\nform.generate()",
    ),
    "simulated": (
        "",
        "pretended = vg.Studio(home='pretended', simulate=True)\n"
        "pretended.generate(**inside.legal('a boat (simulate queued=0 seconds=0)')).wait(300)\n"
        "pretended.form(inside.NAME)",
    ),
}

BEGIN = """
import asyncio, logging, os, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG, filename="debug.log", force=True)
logging.captureWarnings(True)
os.environ["PYTHONASYNCIODEBUG"] = "1"  # for our loop, not for the kernel's, which takes it badly
import inside
import vidgen_nb as vg
KEY, BASE = os.environ["CANARY_NAMES"].split()
QUICK = vg.Timing(connect=20, submit=30, poll=20, first_poll=0.02, min_gap=0.02, max_gap=0.1)
def away(url):
    return vg.Studio(home="away", base_urls={inside.NAME: url}, timing=vg.Timing(connect=1))
studio = vg.setup(timing=QUICK)
import httpx, PIL.Image
inside.listen_to_all()
httpx.get(os.environ[BASE].partition("/v")[0] + "/heard")  # a person's own request is heard
%xmode Verbose
"""
AGAIN = """
%tb Context
%tb Minimal
inside.note(getattr(sys, "last_exc", sys.last_value))
"""
END = [
    "inside.listen_to_all()",
    "vg.plan(**inside.asked('planned'))",
    "plan = vg.sweep(['fault-fine a', 'fault-fine b'], **{k: v for k, v in inside.asked('x').items() if k != 'prompt'})"
    "\nplan",
    "inside.note(inside.of_no_pickle(vg.plan(**inside.asked('planned'))))",
    "run = plan.run()\nrun.wait(300)\ninside.note(plan, run)\nrun",
    "vg.generate(**inside.asked('troubled'))",
    "from IPython.display import display\ndisplay(vg.spend(), vg.price(), vg.models(inside.NAME))",
    "vg.history()",
    "vg.compare(*vg.history(status='succeeded')[:2])",
    "vg.list_providers()",
    "print(vg.export_clips('share.zip'))",
    "for clip in vg.history():\n    print(clip.code(), clip.report(), clip.request, clip.raw)",
    "inside.note(studio, vg.history(), vg.list_providers(), vg.models(inside.NAME), vg.spend(), vg.price())\n"
    "inside.note(*vg.history(), *[clip.record for clip in vg.history()])\n"
    "inside.note(*[video for clip in vg.history() for video in clip.videos], sys.modules['vidgen_nb.studio'])",
    "import shutil\nshutil.copytree('vidgen', 'while-open', ignore=shutil.ignore_patterns('inputs', 'run'))",
    "studio.close()",
]


# ── the other side ────────────────────────────────────────────────────────────
class Loud:
    """A provider that quotes whatever it was sent, wherever there is room, and does what a prompt's fault says."""

    def __init__(self, server: Loopback, play: Play, folder: Path) -> None:
        self.server, self.play, self.folder = server, play, folder
        self.told: set[str] = set()  # what was sent here, as proof that the canaries were under way
        server.script = self.answer

    def answer(self, seen: Seen) -> Answer:
        self.told |= {name for name, secret in canaries.SECRETS.items() if _carries(seen, name, secret)}
        fault = self._fault(seen)
        if seen.path.startswith("/film-"):
            return self._media(fault, seen)
        if seen.method == "POST":
            return self._submit(fault, seen)
        return self._poll(fault, seen)

    def _fault(self, seen: Seen) -> str:
        in_body = re.search(rb"fault-([a-z0-9-]+)", seen.body)
        in_path = re.search(r"(?:task_|/film-)([a-z0-9-]+)", seen.path)
        return in_body[1].decode() if in_body else in_path[1] if in_path else ""

    def _link(self, fault: str) -> str:
        return f"{self.server.url}/film-{fault}.mp4?Expires=4102444800&X-Signature={canaries.SIGNATURE}"

    def _echo(self, fault: str, seen: Seen) -> str:
        headers = "\r\n".join(f"{name}: {value}" for name, value in seen.headers.items())
        words = f"{canaries.echoes(canaries.KEY)} could not read {self._link(fault)}"
        return f"{words} {headers} {json.dumps(seen.headers)} {seen.body.decode()}"

    def _submit(self, fault: str, seen: Seen) -> Answer:
        echo = self._echo(fault, seen)
        error = {"error": {"message": echo, "code": canaries.KEY}, "message": echo, "headers": seen.headers}
        page = f"<html><body><h1>Bad</h1><pre>{html.escape(echo)}</pre>{echo}</body></html>".encode()
        accepted = _louder(self.play.say("submit", task=f"task_{fault}"), "", echo)
        coded = quote(canaries.KEY, safe="")
        away = f"https://user:{coded}@elsewhere.example.com/v9?key={coded}#{coded}"
        if fault == "interrupted":
            (self.folder / "arrived").touch()
            _wait_for(self.folder / "answer")
        answers: dict[str, Answer] = {
            "refused": Say(400, json=error),
            "unauthorized": Say(401, json=error),
            "page-502": Say(502, body=page),
            "page-200": Say(200, body=page),
            "lost": HangUp(),
            "reset": Reset(),
            "cut": Cut(Say(200, json={"message": echo, "more": "x" * 100}), keep=len(json.dumps(echo)) + 40),
            "moved": Say(307, headers={"Location": away}),
            "moved-nowhere": Say(307, headers={"Location": f"https://user:{canaries.KEY}@elsewhere.example.com"}),
            "redirected": Say(302, headers={"Location": away}, body=page),
            "limited": Say(429, json=error, headers={"Retry-After": "600", "Set-Cookie": f"key={canaries.KEY}"}),
        }
        return answers.get(fault, accepted)

    def _poll(self, fault: str, seen: Seen) -> Answer:
        play, task, echo = self.play, f"task_{fault}", self._echo(fault, seen)
        link = self._link(fault).replace("127.0.0.1", "10.0.0.1") if fault == "private" else self._link(fault)
        if fault == "awaited":
            (self.folder / "polled").touch()
            return _louder(play.say(play.running, task=task), echo, echo)
        if fault == "failed":
            return _louder(play.say(play.failed, task=task), echo, echo)
        if fault == "no-key":
            return _louder(play.say(play.no_key), echo, echo)
        if fault == "troubled":
            return Say(500, body=f"<html>{echo}</html>".encode())
        return _louder(play.say(play.succeeded, task=task, url=link), "", echo)

    def _media(self, fault: str, seen: Seen) -> Answer:
        if fault == "expired":
            return Say(403, body=self._echo(fault, seen).encode())
        if fault == "no-film":
            return Say(200, body=b"<html>not here</html>", headers={"Content-Type": "video/mp4"})
        if fault == "elsewhere":
            return Say(302, headers={"Location": self._link("fine")}, body=self._echo(fault, seen).encode())
        return Say(200, body=CLIP)


def _carries(seen: Seen, name: str, secret: str) -> bool:
    if name == "picture":
        return any(what.startswith("picture") for what in canaries.held(seen.body))
    return secret in f"{seen.headers} {seen.path} {seen.body.decode()}" or secret in seen.headers.values()


def _louder(say: Say, words: str, more: str) -> Say:
    """The documented reply with `words` in each of its messages, and `more` where no document has anything."""

    def louder(value: Json, name: str = "") -> Json:
        if isinstance(value, dict):
            return {key: louder(item, key) for key, item in value.items()}
        told = isinstance(value, str) and re.search("(?i)message|reason|error$|msg", name)
        return f"{value} {words}".strip() if told else value

    body = louder(say.json)
    return replace(say, json=body | {"debug": more, "trace": [{more: more}]} if isinstance(body, dict) else body)


def _wait_for(path: Path) -> None:
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.05)


# ── the kernel ────────────────────────────────────────────────────────────────
class Listening(nbclient.NotebookClient):
    """Runs a notebook, and keeps every message which the kernel publishes."""

    async def async_start_new_kernel_client(self) -> Any:
        self.heard: list[bytes] = []
        client = await super().async_start_new_kernel_client()
        channel = client.iopub_channel
        get = channel.get_msg

        async def heard(*args: Any, **kwargs: Any) -> Any:
            message = await ensure_async(get(*args, **kwargs))
            self.heard += [json.dumps(message, default=str).encode(), *map(bytes, message.get("buffers", []))]
            return message

        channel.get_msg = heard
        return client


def executed(folder: Path, play: Play, url: str) -> list[str]:
    """Every fault in one kernel, in `folder`, where all of it is left. Gives the errors with which the cells ended."""
    shutil.copy(HERE / "inside.py", folder)
    (folder / "mine").mkdir()
    (folder / "mine" / "boat.png").write_bytes(canaries.picture())
    cells = [BEGIN]
    for fault, (error, code) in FAULTS.items():
        cells.append(code.format(fault=fault))
        cells += [AGAIN] if error else []
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in [*cells, *END]])
    spec = providers.find(play.name)
    variables = {
        spec.KEY: canaries.KEY,
        spec.BASE: url + play.base,
        "CANARY_PROVIDER": play.name,
        "CANARY_NAMES": f"{spec.KEY} {spec.BASE}",
        "CANARY_ASKED": json.dumps({name: value for name, value in play.asked.items() if name != "first_frame"}),
        "CANARY_REFERENCE": canaries.REFERENCE,
        "VIDGEN_ALLOW_PAID": "1",
        "IPYTHONDIR": str(folder / "ipython"),
    }
    client = Listening(
        notebook, timeout=400, allow_errors=True, store_widget_state=True, resources={"metadata": {"path": str(folder)}}
    )
    with (folder / "kernel.txt").open("wb") as output:
        client.execute(env={**os.environ, **variables}, stdout=output, stderr=output)
    (folder / "messages").write_bytes(b"\n".join(client.heard))
    nbformat.write(notebook, folder / "notebook.ipynb")
    (folder / "page.html").write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    ends = [[out.ename for out in cell.outputs if out.output_type == "error"] for cell in notebook.cells]
    return ["".join(names) for names, cell in zip(ends, notebook.cells, strict=True) if cell.source != AGAIN]


def loggers_in(log: Path) -> set[str]:
    """Who said something there: DEBUG:asyncio:Using selector …"""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return {line.split(":")[1] for line in lines if re.match(r"[A-Z]+:[\w.]+:", line)}


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_nothing_of_a_secret_is_left_behind(play: Play, tmp_path: Path) -> None:
    """Zero places, though every secret was on the wire, every fault happened, and every reply quoted them."""
    with serving(lambda seen: Say(500)) as server:
        loud = Loud(server, play, tmp_path)
        ends = executed(tmp_path, play, server.url)
    assert loud.told == set(canaries.SECRETS)
    assert ends == ["", *[error for error, _ in FAULTS.values()], *[""] * len(END)]
    assert {"asyncio", "httpcore.http11", "httpx"} <= loggers_in(tmp_path / "debug.log")
    assert {path.suffix for path in (tmp_path / "vidgen" / "clips").iterdir()} >= {".mp4", ".json", ".jpg"}
    assert (tmp_path / "while-open" / "ledger.db-wal").is_file()
    assert (tmp_path / "share.zip").is_file()
    # the reference itself is kept in inputs/, once, and travels with an export: a recipe can run again
    assert canaries.leaks(tmp_path, {"inputs": "picture", "mine": "picture"}) == []
    with vg.Studio(keys={play.name: canaries.KEY}) as studio:
        assert {found.kind for found in studio.scan(tmp_path / "notebook.ipynb")} <= {"media"}


# ── the search itself ─────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", canaries.SECRETS)
def test_the_search_finds_what_it_looks_for(name: str, tmp_path: Path) -> None:
    """In every spelling, in a file's bytes and in a file's name; and in nothing else."""
    for form, spelling in canaries.FORMS[name].items():
        (tmp_path / "some.bin").write_bytes(b"\0before" + spelling + b"after")
        assert any(found.startswith(f"some.bin: {name}, ") for found in canaries.leaks(tmp_path, {})), form
    (tmp_path / "some.bin").write_bytes(b"nothing of it")
    assert canaries.leaks(tmp_path, {}) == []
    (tmp_path / f"x{canaries.SECRETS[name][:9].replace('/', '_')}0").touch()
    assert canaries.leaks(tmp_path, {}) == []
