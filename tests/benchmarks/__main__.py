"""Measures vidgen_nb beside other libraries: python -m tests.benchmarks [ROW …]

All rows together are written to `measured.json`, from which the README's table is made; single rows are only shown.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import metadata, util
from pathlib import Path
from statistics import fmean, median
from typing import Any

from . import notebook, schedule
from .bench import PEERS, TIMING, Bench, NotInstalled, Running, Seen, benching
from .rows import IDLE, MEASURED, ROWS, number

SEEDS = (1, 3, 7)  # each run has durations of its own, the same for every client; no straggler to wait for
EQUAL = 0.7  # seconds: with this min_gap ours needs no more polls than openai on an idle machine, to compare lateness
LIFELIKE = "{}"  # vg.Timing() as it is, for clips of a minute
METHOD = (
    "A server on the same machine plays RelayDance's API, /v1/videos and fal's queue over the same tasks, without "
    "progress; lateness is from their end to the moment the client knows. But for the row in real time, durations are "
    "lognormal with a median of 6 s (σ 0.4), while everybody polls at its own pace: openai every second, fal every "
    "0.1 s, ours with `vg.Timing(first_poll=1, min_gap=1)` (0.7 for 200 tasks) in a home that "
    "has seen 20 such clips. The seeds of the durations were chosen for having no straggler, so that it "
    "all takes a quarter of an hour. Each clip is an MP4 of 1 MiB. One job goes before, uncounted."
)

Told = tuple[float | None, str]  # a figure's value, and what it is made of
Measured = dict[str, Told]


def ratios(pairs: list[tuple[float, float]]) -> float:
    """The median of the runs' ratios."""
    return median(a / b for a, b in pairs)


def against(ours: list[Seen], theirs: list[Seen] | str, of: Callable[[Seen], float], unit: str) -> Told:
    """Our figure divided by theirs, in each run; `theirs` may say that they are not installed."""
    if isinstance(theirs, str):
        return None, theirs
    pairs = [(of(a), of(b)) for a, b in zip(ours, theirs, strict=True)]
    both = " and ".join(number(median(values), unit) for values in zip(*pairs, strict=True))
    return ratios(pairs), both


class Rows:
    """One method for each row; runs which two rows need are made once."""

    def __init__(self, bench: Bench, folder: Path, names: list[str]) -> None:
        self._bench, self._folder, self._names = bench, folder, names
        self.many = cache(self._many)
        self.limited = cache(self._limited)

    def _many(self, kind: str, n: int, seed: int) -> Seen:
        return self._bench.run(kind, n, seed=seed)

    def two_hundred(self) -> Measured:
        run = self._bench.run
        ours = [run("ours", 200, seed=seed, timing=json.dumps(TIMING | {"min_gap": EQUAL})) for seed in SEEDS]
        pairs = list(zip(SEEDS, ours, strict=True))
        loop = _if_here(lambda: [run("aiohttp", 200, seed=seed, interval=us.interval) for seed, us in pairs])
        openai = _if_here(lambda: [run("openai", 200, seed=seed) for seed in SEEDS])
        return {
            "aiohttp": _with_polls(against(ours, loop, _p50, "s"), ours, loop),
            "openai": _with_polls(against(ours, openai, _p50, "s"), ours, openai),
        }

    def thousand(self) -> Measured:
        ours = [self.many("ours", 1000, seed) for seed in SEEDS]
        openai = _if_here(lambda: [self.many("openai", 1000, seed) for seed in SEEDS])
        growth = median(seen.peak - seen.rss for seen in ours)
        of_theirs = "" if isinstance(openai, str) else f"; openai {number(median(o.peak - o.rss for o in openai))}"
        return {
            "lost": _lost(ours),
            "openai": against(ours, openai, _p50, "s"),
            "memory": (growth, f"from {number(median(seen.rss for seen in ours))}{of_theirs}"),
        }

    def growth(self) -> Measured:
        few = [running.seen() for running in [self._bench.start("ours", 20, seed=seed) for seed in SEEDS]]
        many = [self.many("ours", 1000, seed) for seed in SEEDS]
        return {
            "cpu": against(many, few, lambda seen: 1000 * seen.cpu / seen.requests, "ms"),
            "late": against(many, few, lambda seen: seen.late(0.95), "s"),
        }

    def schedule(self) -> Measured:
        kinds = {
            "lognormal": (schedule.lognormal, False),
            "progress": (schedule.lognormal, True),
            "memoryless": (schedule.memoryless, False),
        }
        seen: Measured = {}
        for name, (durations, tells) in kinds.items():
            runs = [schedule.play(durations, tells=tells, seed=seed) for seed in SEEDS]
            mid = sorted(runs, key=lambda run: run["ratio"])[len(runs) // 2]
            told = "{late:.2f} s × {polls:.1f} and {late_fixed:.2f} s × {polls_fixed:.1f}".format(**mid)
            seen[name] = mid["ratio"], told
        return seen

    def polls(self) -> Measured:
        """In real time, so all nine side by side."""
        self._bench.teach(schedule.MEDIAN, LIFELIKE)
        options = {"median": schedule.MEDIAN}
        numbers = {"ours": 20, "openai": 20, "fal": 5}
        running = {
            kind: [
                self._bench.start(kind, n, seed=s, **options, **({"timing": LIFELIKE} if kind == "ours" else {}))
                for s in SEEDS
            ]
            for kind, n in numbers.items()
        }
        if "limit" in self._names:  # those wait most of the time, and disturb nobody who waits
            self.limited()
        seen = {kind: _if_here(lambda runs=runs: [run.seen() for run in runs]) for kind, runs in running.items()}
        ours = seen["ours"]
        late = median(fmean(run.known) for run in ours)
        return {
            "late": (late, f"with {number(median(run.polls_a_minute for run in ours))} polls a clip"),
            **{name: against(ours, seen[name], lambda run: run.polls_a_minute, "") for name in ("openai", "fal")},
        }

    def limit(self) -> Measured:
        """Each has an allowance of its own, so all six side by side."""
        running = self.limited()
        seen = {kind: _if_here(lambda runs=runs: [run.seen() for run in runs]) for kind, runs in running.items()}
        ours = seen["ours"]
        shares = [100 * run.counts.get("refused", 0) / run.counts["polls"] for run in ours]
        polls = median(run.counts["polls"] for run in ours)
        return {
            "lost": _lost(ours),
            "refused": (median(shares), f"of {polls:.0f} polls"),
            "fal": against(ours, seen["fal"], _p50, "s"),
        }

    def _limited(self) -> dict[str, list[Running]]:
        return {kind: [self._bench.start(kind, 50, seed=s, limit="@5") for s in SEEDS] for kind in ("ours", "fal")}

    def large(self) -> Measured:
        options = {"phase": "large", "median": 1, "beat": True}
        ours = [self._bench.run("ours", 1, seed=seed, taught=False, **options) for seed in SEEDS]
        openai = _if_here(lambda: [self._bench.run("openai", 1, seed=seed, **options) for seed in SEEDS])
        theirs = [] if isinstance(openai, str) else openai
        rate = against(ours, openai, lambda seen: 64 * 1.048576 / seen.bring, "MB/s")
        return {
            "memory": (median(s.peak - s.rss for s in ours), _openai(theirs, lambda s: s.peak - s.rss, "MB")),
            "stall": (median(1000 * s.stall for s in ours), _openai(theirs, lambda s: 1000 * s.stall, "ms")),
            "openai": rate,
        }

    def start(self) -> Measured:
        seen = notebook.measure(self._folder)
        return {
            name: (seen[ours] / seen["theirs"], f"{number(1000 * seen[ours])} and {number(1000 * seen['theirs'])} ms")
            for name, ours in (("import", "ours"), ("card", "card"))
        }

    def tiles(self) -> Measured:
        if util.find_spec("tests.benchmarks.tiles") is None:
            return dict.fromkeys(ROWS["tiles"].figures, (None, "tests/benchmarks/tiles.py is not here"))
        from . import tiles

        seen = tiles.measure()
        empty = f"an empty page {number(seen['empty_fps'])}"
        return {
            "fps": (seen["fps"], f"{empty}; {number(seen['tiles_in_view'])} tiles in view"),
            "messages": (
                seen["messages_per_second"],
                f"{number(seen['changes_per_second'])} changes of tiles a second",
            ),
        }


def _p50(seen: Seen) -> float:
    return seen.late(0.5)


def _with_polls(told: Told, *clients: list[Seen] | str) -> Told:
    """A figure, with the polls per clip that it cost each of them."""
    value, made_of = told
    if value is None:
        return told
    polls = (number(median(run.counts["polls"] / run.counts["posts"] for run in runs)) for runs in clients)
    return value, f"{made_of}, for {' and '.join(polls)} polls a clip"


def _lost(runs: list[Seen]) -> Told:
    return sum(len(run.lost) for run in runs), f"of {sum(run.counts['posts'] for run in runs)}"


def _openai(runs: list[Seen], of: Callable[[Seen], float], unit: str) -> str:
    return f"openai {number(median(map(of, runs)), unit)}" if runs else "openai is not installed"


def _if_here(measure: Callable[[], list[Seen]]) -> Any:
    """What was measured, or the words that a library is not installed."""
    try:
        return measure()
    except NotInstalled as missing:
        return str(missing)


# ── all of it ─────────────────────────────────────────────────────────────────
# in this order: the clips of a minute, from which ours learns, are made while the first rows are measured
RUNS: dict[str, Callable[[Rows], Measured]] = {
    "schedule": Rows.schedule,
    "large": Rows.large,
    "polls": Rows.polls,
    "limit": Rows.limit,
    "200": Rows.two_hundred,
    "1000": Rows.thousand,
    "growth": Rows.growth,
    "start": Rows.start,
    "tiles": Rows.tiles,
}


def measure(names: list[str]) -> Iterator[tuple[str, Measured]]:
    """The rows of these names, each as soon as it is measured."""
    with benching(large="large" in names) as (bench, folder):
        if "polls" in names:
            bench.teach(schedule.MEDIAN, LIFELIKE)
        rows = Rows(bench, folder, names)
        for name, run in RUNS.items():
            if name in names:
                try:
                    yield name, run(rows)
                except Exception as error:  # the other rows are a quarter of an hour's work
                    reason = f"{type(error).__name__}: {error}"
                    yield name, dict.fromkeys(ROWS[name].figures, (None, reason))


def at_work() -> tuple[float, float]:
    """Seconds of CPU that this machine has worked, and that this process and what it started have."""
    numbers = [int(number) for number in _lines("/proc/stat")[0].split()[1:]] if _lines("/proc/stat") else []
    idle = sum(numbers[3:5])  # idle, and waiting for the disk
    guests = sum(numbers[8:])  # counted as user time already
    return (sum(numbers) - idle - guests) / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def machine() -> dict[str, Any]:
    """What it was measured on: nothing that names the machine or a place on it."""
    cpu = next((x.partition(":")[2] for x in _lines("/proc/cpuinfo") if x.startswith("model name")), "")
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    ours = {name: metadata.version(name) for name in ("vidgen-nb", "httpx", "ipywidgets", "pydantic", "jupyterlab")}
    return {
        "cpu": cpu.strip() or platform.processor(),
        "cores": os.cpu_count(),
        "memory": round(memory / 2**20),
        "system": platform.system(),
        "python": platform.python_version(),
        "libraries": {**ours, **_peers()},
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def _peers() -> dict[str, str]:
    if not PEERS.exists():
        return {}
    code = "from importlib.metadata import version; print(*map(version, {}))"
    names = ["openai", "fal-client", "aiohttp"]
    done = subprocess.run([PEERS, "-c", code.format(names)], capture_output=True, text=True, check=False)
    return dict(zip(names, done.stdout.split(), strict=True)) if done.returncode == 0 else {}


def main() -> None:
    names = sys.argv[1:] or list(ROWS)
    if unknown := set(names) - set(ROWS):
        sys.exit(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    began, before, busy = time.monotonic(), at_work(), os.getloadavg()[0]
    if busy > IDLE:
        sys.stdout.write(f"this machine is busy (load {busy:.1f}): what follows says less than it could\n")
    kept: dict[str, Any] = {}
    for name, seen in measure(names):
        sys.stdout.write(f"{ROWS[name].title}, after {time.monotonic() - began:.0f} s\n")
        for what, (value, told) in seen.items():
            figure = ROWS[name].figures[what]
            shown = "not measured" if value is None else number(value, figure.unit)
            verdict = "" if value is None else "met" if figure.met(value) else "MISSED"
            sys.stdout.write(
                f"  {verdict:6} {figure.label}: {shown} ({told}); goal {figure.sign} {number(figure.goal)}\n"
            )
        sys.stdout.flush()
        kept[name] = {what: {"value": value, "from": told} for what, (value, told) in seen.items()}
    if not sys.argv[1:]:
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        all_of_it, ours = (after - earlier for after, earlier in zip(at_work(), before, strict=True))
        others = round(max(0.0, all_of_it - ours) / (time.monotonic() - began), 2)
        sys.stdout.write(f"meanwhile others used {others} of {os.cpu_count()} cores\n")
        whole = {"command": "make bench", "date": date, "machine": machine(), "others": others, "method": METHOD}
        whole["rows"] = {name: kept[name] for name in ROWS}
        MEASURED.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
