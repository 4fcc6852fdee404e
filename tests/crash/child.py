"""A kernel to be killed: a real Studio that asks for clips, and stands still at a named point until SIGKILL comes.

It reads one job, a line of JSON, and reports in lines: `at` the point, `returned` from generate with the task id that
is on disk by then, `raised`, and `home` when every clip is settled. The package is as it is; only here is it trapped.

Run as a script this is the mother of kernels: it has imported everything, and forks one for each port that it reads,
where the kernel gets its job. It says their ids, and when they are gone.
"""

import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.engine import shelf
from vidgen_nb.engine.wire import Wire
from vidgen_nb.ledger import Ledger
from vidgen_nb.records import Status
from vidgen_nb.studio import Studio

_saying = threading.Lock()


def say(*words: object) -> None:
    with _saying:
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()


def trap(place: Any, name: str, mine: Callable[..., bool]) -> None:
    """Stand still for ever in front of the first call of `place.name` that is `mine`."""
    original = getattr(place, name)

    def trapped(*args: Any, **kwargs: Any) -> Any:
        if mine(*args, **kwargs):
            say("at")
            threading.Event().wait()
        return original(*args, **kwargs)

    setattr(place, name, trapped)


def set_trap(point: str, prompt: str) -> None:
    changes: dict[str, Callable[[dict[str, Any]], bool]] = {
        "before sending is written": lambda values: values.get("step") == "sending",
        "before the id is written": lambda values: bool(values.get("task_id")),
        "before the final row": lambda values: values.get("status") is Status.SUCCEEDED,
    }
    if point in changes:
        trap(Ledger, "change", lambda _, record, *__, **values: record.prompt == prompt and changes[point](values))
    elif point == "before the row":
        trap(Ledger, "intend", lambda _, wanted, *__: wanted.prompt == prompt)
    elif point == "before the POST":
        quoted = json.dumps(prompt)
        trap(Wire, "submit", lambda _, gateway, call: quoted in json.dumps(call.json))
    elif point == "before the rename":
        trap(shelf, "keep", lambda home, record, *_: record.prompt == prompt)
    elif point == "before the recipe":
        trap(shelf, "write_recipe", lambda home, record: record.prompt == prompt)


def bring_home(studio: Studio, number: str, asked: dict[str, Any]) -> None:
    try:
        clip = studio.generate(**asked)
        say("returned", number, clip.task_id)
        clip.wait(60)
    except vg.VidgenError as error:
        say("raised", number, type(error).__name__)


def live(job: dict[str, Any]) -> None:
    set_trap(job["point"], job["prompt"])
    studio = Studio(**job["studio"], timing=vg.Timing(**job["timing"]))
    studio.resume()
    threads = [threading.Thread(target=bring_home, args=(studio, *item)) for item in job["asked"].items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("home")
    threading.Event().wait()


def bear(port: int) -> int:
    """Fork a kernel which speaks with a port of this machine."""
    pid = os.fork()
    if pid:
        return pid
    try:
        with socket.create_connection(("127.0.0.1", port)) as line:
            for stream in (1, 2):
                os.dup2(line.fileno(), stream)
            job = line.makefile().readline()
        live(json.loads(job))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    for name in providers.names():
        providers.find(name)
    for line in sys.stdin:
        pid = bear(int(line))
        say("born", pid)
        os.waitpid(pid, 0)
        say("gone", pid)


if __name__ == "__main__":
    main()
