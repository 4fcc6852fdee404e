"""What a client does when a paid reply is lost, and what it knows after a SIGKILL: python -m tests.peers.measure

The judge is the server's log. Libraries which are not installed are skipped, and said so. `make peers` installs them
into an environment of their own and measures them into `measured.json`; the README's table is made from that.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path

from ..clips import mp4
from ..house.readme import MEASURED
from ..loopback import Answer, HangUp, Loopback, Say, Seen, serving
from .clients import AFTER, CALLS, PROMPT

ROOT = Path(__file__).parents[2]
TASK = "6f2f9b0e-1c5d-4a57-9a55-1d1f7c0b7e11"
PATIENCE = 120.0  # seconds for one client; the slowest waits between its ten tries
DISTRIBUTIONS = {"fal_client": "fal-client", "vidgen_nb": "vidgen-nb"}


@dataclass(frozen=True)
class Row:
    """What was measured of one library. `kept`: the files it left behind that name the task."""

    name: str
    version: str
    posts: int
    kept: tuple[str, ...]
    after: str
    posts_after: int


class Provider:
    """Plays all five protocols at once: a reply to any POST which each of the clients can read, then never done."""

    def __init__(self, server: Loopback) -> None:
        self.server, self.polled, self.done = server, threading.Event(), False
        server.script = self.answer

    def answer(self, seen: Seen) -> Answer:
        if "/clip.mp4" in seen.path:
            return Say(body=mp4())
        if seen.method == "GET":
            self.polled.set()
        return Say(json=self._task(seen))

    def _task(self, seen: Seen) -> dict[str, object]:
        here = f"{self.server.url}/fal-ai/a-model/requests/{TASK}"
        task: dict[str, object] = {
            "id": TASK, "task_id": TASK, "request_id": TASK, "object": "video", "model": "sora-2", "progress": 0,
            "created_at": "2026-01-01T00:00:00Z", "createdAt": "2026-01-01T00:00:00Z", "version": "1", "input": {},
            "urls": {"get": f"{self.server.url}/predictions/{TASK}"}, "state": "dreaming", "queue_position": 0,
            "response_url": here, "status_url": f"{here}/status", "cancel_url": f"{here}/cancel", "logs": None,
        }  # fmt: skip
        task["status"] = _word(seen.path)
        if self.done:
            task |= {"status": "succeeded", "url": f"{self.server.url}/clip.mp4"}
        return task


def _word(path: str) -> str:
    """What each protocol calls a task that is under way."""
    words = {"/fal-ai/": "IN_PROGRESS", "/predictions": "starting", "/tasks/": "RUNNING"}
    return next(
        (word for part, word in words.items() if part in path), "in_progress" if "/videos/" in path else "queued"
    )


def installed(name: str) -> str:
    """The version of a library, "" if it is not here."""
    if util.find_spec(name) is None:
        return ""
    return metadata.version(DISTRIBUTIONS.get(name, name))


def measure(name: str) -> Row:
    """Lose one reply; then, with another server, kill the client while it waits and look at what is left."""
    posts = _lost_reply(name)
    kept, after, posts_after = _killed(name)
    return Row(name, installed(name), posts, kept, after, posts_after)


def _lost_reply(name: str) -> int:
    def script(seen: Seen) -> Answer:
        return HangUp()

    with serving(script) as server, _client(name, server.url) as (process, _):
        process.wait(PATIENCE)
        return len(server.posts)


def _killed(name: str) -> tuple[tuple[str, ...], str, int]:
    with serving(lambda seen: HangUp()) as server:
        provider = Provider(server)
        with _client(name, server.url) as (process, folder):
            if not provider.polled.wait(PATIENCE):
                process.kill()
                raise RuntimeError(f"{name} never asked for its task: {_said(folder)}")
            process.kill()
            process.wait(PATIENCE)
            sent = len(server.posts)
            kept = tuple(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if _names_the_task(path))
            provider.done = True
            after = _after(name, server.url, folder) if name == "vidgen_nb" else ""
            return kept, after, len(server.posts) - sent


def _names_the_task(path: Path) -> bool:
    return path.is_file() and path.parent.name != "output" and TASK.encode() in path.read_bytes()


def _after(name: str, url: str, folder: Path) -> str:
    command = [sys.executable, "-m", "tests.peers.clients", name, url, AFTER]
    settings = {"cwd": folder, "env": _environment(folder), "timeout": PATIENCE}
    done = subprocess.run(command, capture_output=True, text=True, check=True, **settings)
    return done.stdout.strip()


@contextmanager
def _client(name: str, url: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "output").mkdir()
        with (folder / "output" / "said.txt").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.peers.clients", name, url, "call"],
                cwd=folder, env=_environment(folder), stdout=said, stderr=said,
            )  # fmt: skip
            try:
                yield process, folder
            finally:
                process.kill()
                process.wait(PATIENCE)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL"}}
    return {**kept, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def _said(folder: Path) -> str:
    return (folder / "output" / "said.txt").read_text(errors="replace")[-500:]


def main() -> None:
    rows = []
    for name in CALLS:
        if not installed(name):
            sys.stdout.write(f"{name}: not installed, skipped\n")
            continue
        began = time.monotonic()
        row = measure(name)
        rows.append(asdict(row))
        sys.stdout.write(f"{row} in {time.monotonic() - began:.0f} s\n")
    result = {"python": platform.python_version(), "prompt": PROMPT, "rows": rows}
    MEASURED.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
