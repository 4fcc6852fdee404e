"""Runs clients against one server, and puts together what both sides saw."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from .client import SKIPPED

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv" / "peers" / "bin" / "python"  # where `make peers` installs the other libraries
LEARNED = 20  # clips which our homes have seen before
MEDIAN = 6.0  # seconds: a tenth of a clip's minute, so that a run takes no longer than a minute
TIMING = {"first_poll": 1, "min_gap": 1, "max_gap": 30}  # of ours at that scale: openai's own second
LONGEST = 600.0  # seconds for one client


class NotInstalled(Exception):
    """The library of a peer is not here."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One client's run: lateness in seconds (sorted), and what the server counted."""

    known: Sequence[float]
    held: Sequence[float]
    lost: Mapping[str, str]
    counts: Mapping[str, int]
    polls: Sequence[Sequence[float]]  # of each task, the times of its polls
    lasted: float  # seconds, all tasks together
    cpu: float
    rss: float
    peak: float
    bring: float  # seconds from knowing to holding, of the last clip
    stall: float | None

    @property
    def requests(self) -> int:
        return sum(number for what, number in self.counts.items() if what != "refused")

    @property
    def interval(self) -> float:
        """Mean seconds between two polls of a task."""
        return fmean(b - a for times in self.polls for a, b in itertools.pairwise(times))

    @property
    def polls_a_minute(self) -> float:
        """Polls per sixty seconds of a task's life: so tasks of other lengths can be compared."""
        return 60 * self.counts["polls"] / self.lasted

    def late(self, share: float) -> float:
        """A quantile of the lateness of knowing."""
        if not self.known:
            return float("inf")
        return self.known[min(len(self.known) - 1, int(share * len(self.known)))]


class Running:
    """A client at work in a process of its own."""

    def __init__(self, bench: "Bench", kind: str, key: str, folder: Path, options: Mapping[str, Any]) -> None:
        self.folder = folder
        self._bench, self._kind, self._key, self._phase = bench, kind, key, options["phase"]
        python = str(PEERS) if kind != "ours" and PEERS.exists() else sys.executable
        command = [python, "-m", "tests.benchmarks.client", kind, bench.url, str(folder), f"--key={key}"]
        command += [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen(
            [*command, *bench.core(1)], cwd=ROOT, env=_environment(folder), stdout=subprocess.PIPE, text=True
        )

    def seen(self, *, keep: bool = False) -> Seen:
        """Wait for its end. `keep`: leave its folder where it is."""
        try:
            said, _ = self._process.communicate(timeout=LONGEST)
        finally:
            self.stop()
            if not keep:
                shutil.rmtree(self.folder, ignore_errors=True)
        if self._process.returncode == SKIPPED:
            raise NotInstalled(said.strip())
        if self._process.returncode:
            raise RuntimeError(f"{self._kind} ended with {self._process.returncode}")
        return _together(json.loads(said), self._bench.report(self._key)[self._phase])

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def _together(told: Mapping[str, Any], counted: Mapping[str, Any]) -> Seen:
    tasks, known, held = counted["tasks"], told["known"], told["held"]
    return Seen(
        known=sorted(at - tasks[number]["done"] for number, at in known.items()),
        held=sorted(at - tasks[number]["done"] for number, at in held.items()),
        lost=told["lost"],
        counts=counted["counts"],
        polls=[task["polls"] for task in tasks.values()],
        lasted=sum(task["done"] - task["made"] for task in tasks.values()),
        bring=max((at - known[number] for number, at in held.items()), default=0.0),
        stall=told.get("stall"),
        **{name: told[name] for name in ("cpu", "rss", "peak")},
    )


class Bench:
    """One server, and a folder for what the clients write."""

    def __init__(self, url: str, folder: Path, cores: Sequence[int]) -> None:
        self.url, self._folder, self._cores = url, folder, cores
        self._count = itertools.count()
        self._homes: dict[float, Running | Path] = {}

    def core(self, number: int) -> list[str]:
        """The server has a core of its own where there are two."""
        return [f"--cpu={self._cores[number]}"] if len(self._cores) > 1 else []

    def start(self, kind: str, n: int, *, seed: int, limit: str = "", **options: Any) -> Running:
        """Start a client with N tasks at once, in a fresh process. Ours has seen such clips before."""
        number = next(self._count)
        folder = self._folder / f"{number}-{kind}"
        options = {"n": n, "seed": seed, "median": MEDIAN, "phase": "run"} | options
        if kind == "ours":
            options = {"timing": json.dumps(TIMING)} | options
            if options.pop("taught", True):
                shutil.copytree(self._taught(options["median"], options["timing"]), folder)
        return Running(self, kind, f"{kind}-{number}{limit}", folder, options)

    def run(self, kind: str, n: int, *, seed: int, **options: Any) -> Seen:
        """The same, and wait for its end."""
        return self.start(kind, n, seed=seed, **options).seen()

    def teach(self, median: float, timing: str) -> None:
        """Start what makes a home with twenty such clips in it."""
        if median not in self._homes:
            self._homes[median] = self.start(
                "ours", LEARNED, seed=4, median=median, timing=timing, phase="learn", taught=False
            )

    def _taught(self, median: float, timing: str) -> Path:
        self.teach(median, timing)
        home = self._homes[median]
        if isinstance(home, Running):
            home.seen(keep=True)
            home = self._homes[median] = home.folder
        return home

    def report(self, key: str) -> dict[str, Any]:
        """What the server saw of a client."""
        request = urllib.request.Request(f"{self.url}/bench", headers={"Authorization": f"Bearer {key}"})
        with _direct.open(request) as reply:
            told: dict[str, Any] = json.load(reply)
        return told

    def stop(self) -> None:
        """End what was started and never waited for."""
        for home in self._homes.values():
            if isinstance(home, Running):
                home.stop()


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def benching(*, large: bool = False) -> Iterator[tuple[Bench, Path]]:
    """A server for the length of a `with` block, and the folder below which everybody writes."""
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tests.benchmarks.server", *(["--large"] if large else [])]
    command += [f"--cpu={cores[0]}"] if len(cores) > 1 else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, env=_environment(folder), **pipes) as server:
            bench = Bench(f"http://127.0.0.1:{server.stdout.readline().strip()}", folder, cores)
            try:
                yield bench, folder
            finally:
                bench.stop()
                if server.poll() is not None:
                    sys.stderr.write(f"the server ended by itself, with {server.returncode}\n")
                server.stdin.close()


def _environment(folder: Path) -> dict[str, str]:
    """No key, proxy or setting of whoever runs it."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TMPDIR"}}
    return {**kept, "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
