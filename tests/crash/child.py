"""A kernel to be killed: a real Studio that asks for clips, and stands still at a named point until SIGKILL comes.

It reads one job, a line of JSON, and reports in lines: `at` the point, `returned` from generate with the task id that
is on disk by then, `raised`, and `home` when every clip is settled. The package is as it is; only here is it trapped.
"""

import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import vidgen_nb as vg
from vidgen_nb.engine import shelf
from vidgen_nb.engine.wire import Wire
from vidgen_nb.ledger import Ledger
from vidgen_nb.records import Status

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
        trap(Ledger, "change", lambda _, record, **values: record.prompt == prompt and changes[point](values))
    elif point == "before the row":
        trap(Ledger, "intend", lambda _, wanted: wanted.prompt == prompt)
    elif point == "before the POST":
        trap(Wire, "submit", lambda _, gateway, call: call.json["prompt"] == prompt)
    elif point == "before the rename":
        trap(shelf, "keep", lambda home, record, *_: record.prompt == prompt)
    elif point == "before the recipe":
        trap(shelf, "write_recipe", lambda home, record: record.prompt == prompt)


def bring_home(studio: vg.Studio, number: str, asked: dict[str, Any]) -> None:
    try:
        clip = studio.generate(**asked)
        say("returned", number, clip.task_id)
        clip.wait(60)
    except vg.VidgenError as error:
        say("raised", number, type(error).__name__)


def main() -> None:
    job = json.loads(sys.stdin.readline())
    set_trap(job["point"], job["prompt"])
    studio = vg.Studio(**job["studio"], timing=vg.Timing(**job["timing"]))
    studio.resume()
    threads = [threading.Thread(target=bring_home, args=(studio, *item)) for item in job["asked"].items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("home")
    threading.Event().wait()


if __name__ == "__main__":
    main()
