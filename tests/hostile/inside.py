"""The kernel's side of test_secrets.py: what it asks for, and everything that could be shown, written down.

It is copied beside the notebook. The secrets come from the environment, so that no cell holds one.
"""

import base64
import json
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

NAME = os.environ["CANARY_PROVIDER"]
NOTES = Path("notes.txt")
THEIRS = ("ipykernel", "IPython", "inside.py", "nbclient", "runpy")  # frames of the cell, and of what runs it


def asked(fault: str, **more: Any) -> dict[str, Any]:
    """The arguments of generate(): the server answers by the fault's name; the references are canaries."""
    picture, address = Path("mine/boat.png"), os.environ["CANARY_REFERENCE"]
    if NAME == "aitoearn":
        references: dict[str, Any] = {"reference_images": [address, picture.read_bytes()]}
    else:
        references = {"first_frame": address, "reference_images": [picture.read_bytes()]}
    cheapest = json.loads(os.environ["CANARY_ASKED"])
    return {**cheapest, **references, "prompt": f"fault-{fault}.", "provider": NAME, "check": False, **more}


def interrupt_when(arrived: str) -> None:
    """Interrupt this kernel, as the stop button does, once that file is there."""

    def wait() -> None:
        while not Path(arrived).exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def note(*things: object) -> None:
    """Write down whatever these things show of themselves."""
    with NOTES.open("a", encoding="utf-8", errors="backslashreplace") as file:
        for thing in things:
            file.writelines(f"{text}\n" for text in _shown(thing))


def _shown(thing: object) -> Iterator[str]:
    if isinstance(thing, BaseException):
        yield from _of_error(thing)
        return
    yield f"{thing!r} {thing!s}"
    with suppress(TypeError):
        yield repr(vars(thing))
    if hasattr(thing, "_repr_mimebundle_"):
        yield json.dumps(thing._repr_mimebundle_(), default=repr)
    with suppress(Exception):  # refused, as it should be
        yield repr(pickle.dumps(thing))


def _of_error(error: BaseException) -> Iterator[str]:
    """The error, everything it hangs together with, and what stands in the frames of each."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield f"{one!r} {one!s} {one.args!r} {vars(one)!r}"
        yield from _of_frames(one.__traceback__)
        near: Iterable[object] = (one.__cause__, one.__context__, *one.args, *vars(one).values())
        todo += [other for other in near if isinstance(other, BaseException)]


def _of_frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        if not any(part in frame.f_code.co_filename for part in THEIRS):
            yield f"in {frame.f_code.co_qualname}: " + " ".join(f"{k}={v!r}" for k, v in frame.f_locals.items())


def broken() -> str:
    """The picture in base64 which cannot be decoded."""
    return base64.b64encode(Path("mine/boat.png").read_bytes()).decode() + "!"
