"""One client, measured in a process of its own: python -m tests.benchmarks.client ours URL FOLDER --n 200 …

Each makes N clips at once and brings them home, as its documentation says, with its own defaults; one job goes before,
uncounted. It prints one line of JSON: when each clip was known to be done and when its file was whole, CPU, memory.
`fal` and `openai` poll as their libraries do; `aiohttp` is a loop of the kind that people write by hand.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

CONNECTIONS = 64  # of the hand-written loop
LOOPBACK = {"127.0.0.1", "::1"}
SKIPPED = 3  # the exit code of a client whose library is not installed


class Diary:
    """What one client did: times by the monotonic clock, which all processes of a machine share."""

    def __init__(self) -> None:
        self.known: dict[int, float] = {}
        self.held: dict[int, float] = {}
        self.lost: dict[int, str] = {}
        self.more: dict[str, Any] = {}

    def begin(self) -> None:
        """The measured part begins here."""
        self.rss = _memory("VmRSS")
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        self._cpu, self._at = _cpu(), time.monotonic()

    def end(self) -> dict[str, Any]:
        return {
            "known": self.known,
            "held": self.held,
            "lost": self.lost,
            "cpu": _cpu() - self._cpu,
            "wall": time.monotonic() - self._at,
            "rss": self.rss,
            "peak": _memory("VmHWM"),
            **self.more,
        }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(field: str) -> float:
    """Of this process, in MB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


async def beating(stalls: list[float], over: asyncio.Event, step: float = 0.001) -> None:
    """Measure how late this loop wakes up, again and again: that is how long it stood still."""
    while not over.is_set():
        before = time.monotonic()
        await asyncio.sleep(step)
        stalls.append(time.monotonic() - before - step)


# ── ours ──────────────────────────────────────────────────────────────────────
def ours(given: argparse.Namespace, diary: Diary) -> None:
    """vidgen_nb through its public names: begin, watch, wait. Known is when the record says that it is downloading."""
    import vidgen_nb as vg
    from vidgen_nb.records import Record, Status

    def noting(number: int) -> Callable[[Record], None]:
        def tell(record: Record) -> None:
            if record.status in {Status.DOWNLOADING, Status.SUCCEEDED}:
                diary.known.setdefault(number, time.monotonic())
            if record.status is Status.SUCCEEDED:
                diary.held.setdefault(number, time.monotonic())

        return tell

    timing = vg.Timing(**json.loads(given.timing))
    keys, urls = {"relaydance": given.key}, {"relaydance": given.url}
    with vg.Studio(home=given.folder, keys=keys, base_urls=urls, timing=timing, allow_paid=True) as studio:
        if given.warm:
            # of another length than the others: how long such clips take is learned from those alone
            studio.generate(_prompt("warm", 0, given), provider="relaydance", duration=4).wait()
        with _watching_ours(studio, given, diary):
            diary.begin()
            clips = []
            for number in range(given.n):
                clip = studio.begin("relaydance", {"prompt": _prompt(given.phase, number, given), "duration": 5})
                clip.watch(noting(number))
                clips.append(clip)
            for number, clip in enumerate(clips):
                try:
                    clip.wait(given.patience)
                except vg.VidgenError as error:
                    diary.lost[number] = f"{type(error).__name__}: {error}"
            diary.more |= {"end": diary.end()}


@contextlib.contextmanager
def _watching_ours(studio: Any, given: argparse.Namespace, diary: Diary) -> Any:
    """What is looked at in the engine's own thread: its longest stall, or where its time goes."""
    loop = studio.runner._loop
    if given.beat:
        stalls: list[float] = []
        over = asyncio.Event()
        done = loop.run(beating(stalls, over))
        yield
        loop.call(over.set)
        done.result(10)
        diary.more["stall"] = max(stalls)
    elif given.profile:
        import cProfile

        profile = cProfile.Profile()
        loop.call(profile.enable)
        yield
        loop.call(profile.disable)
        loop.run(asyncio.sleep(0)).result()
        profile.dump_stats(given.profile)
    else:
        yield


# ── theirs ────────────────────────────────────────────────────────────────────
Job = Callable[[str, int], Coroutine[Any, Any, None]]  # phase, number


async def all_at_once(job: Job, given: argparse.Namespace, diary: Diary) -> None:
    """N jobs started together; what one of them raises is a clip that is lost to its caller."""

    async def one(number: int) -> None:
        try:
            async with asyncio.timeout(given.patience):
                await job(given.phase, number)
        except Exception as error:
            diary.lost[number] = f"{type(error).__name__}: {str(error)[:100]}"

    if given.warm:
        await job("warm", 0)
        diary.known.clear()
        diary.held.clear()
    stalls: list[float] = []
    over = asyncio.Event()
    heart = asyncio.create_task(beating(stalls, over)) if given.beat else None
    diary.begin()
    await asyncio.gather(*(one(number) for number in range(given.n)))
    diary.more["end"] = diary.end()
    if heart is not None:
        over.set()
        await heart
        diary.more["stall"] = max(stalls)


def openai(given: argparse.Namespace, diary: Diary) -> None:
    """create_and_poll, then download_content and write_to_file: the helpers of the library."""
    import warnings

    from openai import AsyncOpenAI

    warnings.simplefilter("ignore", DeprecationWarning)

    async def main() -> None:
        async with AsyncOpenAI(api_key=given.key, base_url=f"{given.url}/v1") as client:

            async def job(phase: str, number: int) -> None:
                video = await client.videos.create_and_poll(model="sora-2", prompt=_prompt(phase, number, given))
                diary.known[number] = time.monotonic()
                content = await client.videos.download_content(video.id)
                content.write_to_file(given.folder / f"{phase}{number}.mp4")
                diary.held[number] = time.monotonic()

            await all_at_once(job, given, diary)

    asyncio.run(main())


def fal(given: argparse.Namespace, diary: Diary) -> None:
    """subscribe, then the file by httpx: the library has no download of its own."""
    import httpx
    from fal_client import AsyncClient
    from fal_client import client as module

    module.QUEUE_URL_FORMAT = f"{given.url}/"

    async def main() -> None:
        client = AsyncClient(key=given.key)
        async with httpx.AsyncClient(timeout=60, headers={"Authorization": f"Key {given.key}"}) as files:

            async def job(phase: str, number: int) -> None:
                result = await client.subscribe("fal-ai/clip", {"prompt": _prompt(phase, number, given)})
                diary.known[number] = time.monotonic()
                async with files.stream("GET", result["video"]["url"]) as response:
                    with (given.folder / f"{phase}{number}.mp4").open("wb") as file:
                        async for chunk in response.aiter_bytes():
                            file.write(chunk)
                diary.held[number] = time.monotonic()

            await all_at_once(job, given, diary)

    asyncio.run(main())


def aiohttp(given: argparse.Namespace, diary: Diary) -> None:
    """A fixed interval, 64 connections, streamed to the file: a loop of forty lines."""
    from aiohttp import ClientSession, ClientTimeout, TCPConnector

    async def main() -> None:
        options: dict[str, Any] = {"timeout": ClientTimeout(total=None), "raise_for_status": True}
        headers = {"Authorization": f"Bearer {given.key}"}
        connector = TCPConnector(limit=CONNECTIONS)
        async with ClientSession(given.url, connector=connector, headers=headers, **options) as session:

            async def job(phase: str, number: int) -> None:
                body = {"model": "sora-2", "prompt": _prompt(phase, number, given)}
                async with session.post("/v1/videos", json=body) as reply:
                    video = await reply.json()
                while video["status"] != "completed":
                    await asyncio.sleep(given.interval)
                    async with session.get(f"/v1/videos/{video['id']}") as reply:
                        video = await reply.json()
                diary.known[number] = time.monotonic()
                async with session.get(f"/v1/videos/{video['id']}/content") as reply:
                    with (given.folder / f"{phase}{number}.mp4").open("wb") as file:
                        async for chunk in reply.content.iter_any():
                            file.write(chunk)
                diary.held[number] = time.monotonic()

            await all_at_once(job, given, diary)

    asyncio.run(main())


CLIENTS: dict[str, Callable[[argparse.Namespace, Diary], None]] = {
    client.__name__: client for client in (ours, openai, fal, aiohttp)
}


def _prompt(phase: str, number: int, given: argparse.Namespace) -> str:
    return f"{phase} {number} seed {given.seed} median {0.5 if phase == 'warm' else given.median:g}"


def refuse_the_world(event: str, arguments: tuple[Any, ...]) -> None:
    """Whatever a library does: no connection but to this machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in LOOPBACK:
        raise ConnectionRefusedError(f"{arguments[1]} is not this machine")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--key", default="bench")
    parser.add_argument("--n", type=int, default=1, help="clips")
    parser.add_argument("--phase", default="run", help='"large": a clip of 64 MiB')
    parser.add_argument("--seed", type=int, default=1, help="of the durations")
    parser.add_argument("--median", type=float, default=6.0, help="of the durations, in seconds")
    parser.add_argument("--interval", type=float, default=1.0, help="of the aiohttp loop, in seconds")
    parser.add_argument("--timing", default="{}", help="vg.Timing as JSON")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds until a clip counts as lost")
    parser.add_argument("--cold", dest="warm", action="store_false", help="no job before the measured ones")
    parser.add_argument("--beat", action="store_true", help="measure the stalls of the client's loop")
    parser.add_argument("--profile", help="write a profile of our loop's thread there")
    parser.add_argument("--cpu", type=int, help="the core to run on")
    return parser


def main() -> None:
    given, diary = arguments().parse_args(), Diary()
    if given.cpu is not None:
        os.sched_setaffinity(0, {given.cpu})
    sys.addaudithook(refuse_the_world)
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        CLIENTS[given.client](given, diary)
    except ModuleNotFoundError as missing:
        sys.stdout.write(f"{missing.name} is not installed\n")
        sys.exit(SKIPPED)
    sys.stdout.write(json.dumps({**diary.more.pop("end"), **diary.more}) + "\n")


if __name__ == "__main__":
    main()
