"""One home and what it goes through: kernels that are killed in it one after the other, then the judgement."""

import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from vidgen_nb.errors import SubmitUnknown
from vidgen_nb.generation import Generation
from vidgen_nb.records import Status, Timing
from vidgen_nb.studio import Studio

from .billing import KEYS, Billing, Gone, asked, film, row_of

PATIENCE = 60  # seconds until a kernel that gets nowhere fails the test
TIMING = {"connect": 30, "submit": PATIENCE, "poll": 30, "first_poll": 0.02, "min_gap": 0.02, "max_gap": 0.1}
Wanted = Callable[[str, int], bool]


class Nursery:
    """Where kernels come from, one at a time: a process that has imported everything, and forks them."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("child.py")
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._mother = subprocess.Popen([sys.executable, "-P", str(script)], **pipes)

    def take(self) -> "Kernel":
        assert self._mother.stdin is not None
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(PATIENCE)
            self._mother.stdin.write(f"{listener.getsockname()[1]}\n")
            self._mother.stdin.flush()
            pid = self.hear("born")
            line, _ = listener.accept()
        return Kernel(self, pid, line)

    def hear(self, word: str) -> int:
        """What the mother says next, which must be this, and the id of the kernel it is about."""
        assert self._mother.stdout is not None
        said, pid = self._mother.stdout.readline().split()
        assert said == word
        return int(pid)

    def close(self) -> None:
        self._mother.communicate(timeout=PATIENCE)


class Kernel:
    """One kernel, from its birth until it is killed; `lines` is what it says once it has its job."""

    def __init__(self, nursery: Nursery, pid: int, line: socket.socket) -> None:
        self.killed_at = ""
        self.lines = line.makefile("r", encoding="utf-8")
        self._line = line
        self._nursery = nursery
        self._pid = pid
        self._gone = False
        self._lock = threading.Lock()

    def do(self, job: dict[str, Any]) -> None:
        self._line.sendall(json.dumps(job).encode() + b"\n")

    def kill(self, where: str) -> None:
        """SIGKILL; back when the process is no more. The first one says where it was killed."""
        with self._lock:
            if not self._gone:
                self.killed_at, self._gone = where, True
                with suppress(ProcessLookupError):  # it has ended by itself, which is a fault for others to find
                    os.kill(self._pid, signal.SIGKILL)
                assert self._nursery.hear("gone") == self._pid

    def close(self) -> None:
        self.kill("")
        self.lines.close()
        self._line.close()


class Trial:
    """A home, its provider, and the clips 1, 2, 3 … that kernels in it ask for."""

    def __init__(self, home: Path, nursery: Nursery) -> None:
        self.home = home
        self.kills: list[str] = []
        self.returned: dict[int, str] = {}  # generate said so: number and task id
        self.numbers: set[int] = set()
        self.server = Billing(home, self._reached)
        self._nursery = nursery
        self._kernel: Kernel | None = None
        self._wanted: Wanted = lambda point, number: False
        self._delay = 0.0

    def close(self) -> None:
        self.server.stop()

    # ── killing ───────────────────────────────────────────────────────────────
    def kill_at(self, point: str, target: int, numbers: Iterable[int]) -> None:
        """Start a kernel that asks for clips, and kill it when the target's clip reaches the point."""
        self._run(numbers, lambda here, number: (here, number) == (point, target), point=point, target=target)
        assert self.kills[-1] == point, f"{point} was never reached, killed at: {self.kills[-1]}"

    def kill_after(self, steps: int, delay: float, numbers: Iterable[int]) -> None:
        """Start a kernel that asks for clips, and kill it `delay` seconds after so many points were reached."""
        left = threading.Semaphore(steps)  # the one which finds it empty is the one
        self._run(numbers, lambda here, number: not left.acquire(blocking=False), delay=delay)

    def _run(
        self, numbers: Iterable[int], wanted: Wanted, *, delay: float = 0.0, point: str = "", target: int = 0
    ) -> None:
        numbers = sorted(numbers)
        self.numbers |= set(numbers)
        job = {
            "asked": {number: asked(number) for number in numbers},
            "studio": self._studio_arguments(),
            "timing": TIMING,
            "point": point,
            "prompt": asked(target)["prompt"],
        }
        kernel = self._nursery.take()
        self._kernel, self._wanted, self._delay = kernel, wanted, delay
        said: list[str] = []
        late = threading.Timer(PATIENCE, kernel.kill, ["time is up"])
        late.start()
        try:
            kernel.do(job)
            for line in kernel.lines:
                said.append(line)
                self._hear(kernel, line.split(), point, target)
        finally:
            late.cancel()
            self._kernel = None
            kernel.close()
        assert kernel.killed_at, f"the kernel ended by itself: {''.join(said)}"
        assert kernel.killed_at != "time is up", f"the kernel got nowhere: {''.join(said)}"
        self.kills.append(kernel.killed_at)
        self.check()

    def _hear(self, kernel: Kernel, words: list[str], point: str, target: int) -> None:
        try:
            match words:
                case ["at"]:
                    self._reached(point, target)
                case ["returned", number, task_id]:
                    self.returned[int(number)] = task_id
                    self._reached("after the answer", int(number))
                case ["home"]:
                    kernel.kill("at rest")
        except Gone:
            pass  # what it had said before it died still counts

    def _reached(self, point: str, number: int) -> None:
        """Called by whoever sees a kernel at a point; kills it if this is the one."""
        kernel = self._kernel
        if kernel is None:
            return  # the kernel of the test itself: nobody kills that one
        if kernel.killed_at:
            raise Gone
        if not self._wanted(point, number):
            return
        if point.endswith("media byte") and not self._delay:
            self._wait_for_part(number)
        if self._delay:
            killer = threading.Timer(self._delay, kernel.kill, ["at random"])
            killer.daemon = True
            killer.start()
        else:
            kernel.kill(point)
            raise Gone

    def _wait_for_part(self, number: int) -> None:
        """The client has the reply's head and opened its file: else there would be nothing to sweep."""
        pause = threading.Event()
        for _ in range(PATIENCE * 200):
            if self.parts(number):
                return
            pause.wait(0.005)
        raise AssertionError("no temporary file was ever opened")

    def parts(self, number: int) -> list[Path]:
        """The unfinished files of a clip."""
        return list((self.home / "clips").glob(f".*{row_of(self.home, number)['id'][3:]}*.part"))

    # ── judging ───────────────────────────────────────────────────────────────
    def check(self) -> None:
        """What holds at any time, whatever was killed: seen from the server's log, and on disk past the package."""
        server = self.server
        assert server.faults == []
        assert [post for post in server.posts if post.step != "sending"] == [], "a POST without its row"
        for number in self.numbers:
            assert len(server.posts_of(number)) <= 1, f"clip {number} was submitted twice"
        with closing(sqlite3.connect(self.home / "ledger.db", timeout=15)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def resume(self) -> dict[int, Status]:
        """A new kernel on the same home: what each clip is after its start, then everything is brought home.

        No clip whose answer had arrived is unknown, and no unknown one is submitted again by itself.
        """
        with Studio(**self._studio_arguments(), timing=Timing(**TIMING)) as studio:
            studio.ledger  # noqa: B018 (opening it is the start of a kernel)
            found = {n: Status(row["status"]) for n in sorted(self.numbers) if (row := row_of(self.home, n))}
            before = len(self.server.posts)
            for clip in studio.resume():
                clip.wait(PATIENCE)
            assert len(self.server.posts) == before, "resume() sent a POST"
            unknown = {}
            for number in sorted(self.numbers):
                try:
                    clip = studio.generate(**asked(number)).wait(PATIENCE)
                except SubmitUnknown as error:
                    unknown[number] = error.generation
                else:
                    assert clip.status is Status.SUCCEEDED
            self.check()
            assert {n for n, status in found.items() if status is Status.UNKNOWN} == set(unknown)
            arrived = set(self.returned) | set(self.server.polled)
            assert not arrived & set(unknown), "the answer had arrived, and its id was lost"
            for number, clip in unknown.items():
                self._decide(number, clip)
        self._all_is_home()
        return found

    def _decide(self, number: int, clip: Generation) -> None:
        """As a person does who looks in the provider's console: the task is there, or it never was."""
        (post,) = self.server.posts_of(number) or [None]
        if post is not None and post.task_id:
            clip.adopt(post.task_id).wait(PATIENCE)
            assert len(self.server.posts_of(number)) == 1
        else:
            clip.resolve(not_billed=True)
            clip._studio.generate(**asked(number)).wait(PATIENCE)

    def _all_is_home(self) -> None:
        """Every clip on disk as it was served, named by its row, with the id that the provider gave; no leftovers."""
        assert self.server.faults == []
        kept: set[str] = set()
        for number in self.numbers:
            row = row_of(self.home, number)
            (file,) = json.loads(row["files"])
            served = film(number)
            assert row["status"] == "succeeded"
            assert row["task_id"] == self.server.posts_of(number)[-1].task_id
            assert self.returned.get(number, row["task_id"]) == row["task_id"]
            assert (self.home / file["path"]).read_bytes() == served
            assert (file["sha256"], file["size"]) == (hashlib.sha256(served).hexdigest(), len(served))
            recipe = json.loads((self.home / file["path"]).with_suffix(".json").read_text(encoding="utf-8"))
            assert (recipe["id"], recipe["task_id"]) == (row["id"], row["task_id"])
            own = {(self.home / file["path"]).with_suffix(suffix).name for suffix in (".mp4", ".jpg", ".json")}
            kept |= own
        assert {path.name for path in (self.home / "clips").iterdir()} == kept, "something was left over"
        assert list((self.home / "run").iterdir()) == [], "locks of the dead were left over"
        assert list(self.home.rglob("*.part")) == []
        with closing(sqlite3.connect(self.home / "ledger.db", timeout=15)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("SELECT count(*) FROM generations").fetchone() == (len(self.numbers),)

    def _studio_arguments(self) -> dict[str, Any]:
        return self.server.arguments(KEYS[0])
