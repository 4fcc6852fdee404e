"""The kernel's side of test_secrets.py: what it asks for, and everything that could be shown, written down.

It is copied beside the notebook. The secrets come from the environment, so that no cell holds one.
"""

import base64
import json
import logging
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

NAME = os.environ["CANARY_PROVIDER"]
ADDRESS = os.environ["CANARY_REFERENCE"]
BAD = ADDRESS.replace("https", "ftp")
FIELD = "reference_images" if NAME == "aitoearn" else "first_frame"  # that a form and the simulator take it in
NOTES = Path("notes.txt")
THEIRS = ("ipykernel", "IPython", "inside.py", "nbclient", "runpy")  # frames of the cell, and of what runs it


def asked(fault: str, **more: Any) -> dict[str, Any]:
    """The arguments of generate(): the server answers by the fault's name; the references are canaries."""
    picture = Path("mine/boat.png").read_bytes()
    if NAME == "aitoearn":
        references: dict[str, Any] = {"reference_images": [ADDRESS, picture]}
    else:
        references = {"first_frame": ADDRESS, "reference_images": [picture]}
    cheapest = json.loads(os.environ["CANARY_ASKED"])
    extra = {"vg_address": ADDRESS, "vg_picture": data()}
    asked = {**cheapest, **references, "prompt": f"fault-{fault}.", "extra": extra}
    return {**asked, "provider": NAME, "check": False, **more}


def legal(prompt: str) -> dict[str, Any]:
    """The arguments of a request within every limit, with the address as its one reference."""
    reference = [ADDRESS] if FIELD.endswith("s") else ADDRESS
    return {**json.loads(os.environ["CANARY_ASKED"]), "prompt": prompt, FIELD: reference, "provider": NAME}


def filled(fault: str) -> dict[str, Any]:
    """What stands in a form at first."""
    return {**json.loads(os.environ["CANARY_ASKED"]), "prompt": f"fault-{fault}.", "extra": {"vg_address": ADDRESS}}


def fill_in(form: Any) -> None:
    """Type the references in, as a person does; the address last, where there is room for one."""
    for text in [ADDRESS] if NAME == "aitoearn" else [data(), ADDRESS]:
        type_into(form, FIELD, text)


def type_into(form: Any, name: str, text: str) -> None:
    """What the front end sends when a person has typed that."""
    form._sheet.fields[name].control.set_state({"value": text})


def press(form: Any, act: str) -> None:
    """What the front end sends when a button is pressed."""
    form._board._handle_custom_msg({"act": act, "view": "v"}, [])


def listen_to_all() -> None:
    """Let every logger there is say everything, to the one file."""
    for name in ["httpx", "httpcore", *logging.root.manager.loggerDict]:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.propagate, logger.disabled = True, False


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
    yield from _pickled(thing)


def _of_error(error: BaseException) -> Iterator[str]:
    """The error, everything it hangs together with, and what stands in the frames of each."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield f"{one!r} {one!s} {one.args!r} {vars(one)!r} {getattr(one, '__notes__', '')}"
        yield from _pickled(one)
        yield from _of_frames(one.__traceback__)
        near: list[object] = [one.__cause__, one.__context__, *one.args, *vars(one).values()]
        for name in ("request", "response", "generation", "doc", "object"):  # as libraries' errors carry them
            with suppress(Exception):
                near.append(getattr(one, name))
        for other in near:
            if isinstance(other, BaseException):
                todo.append(other)
            else:
                yield f"{other!r} {[getattr(other, name, '') for name in ('headers', 'url', 'content', 'text')]!r}"


def of_no_pickle(plan: Any) -> str:
    """That it refuses: it holds the whole body, by its purpose."""
    with suppress(TypeError):
        return repr(pickle.dumps(plan))
    return "refused"


def _pickled(thing: object) -> Iterator[str]:
    with suppress(Exception):  # refused, as it should be
        yield repr(pickle.dumps(thing))


def _of_frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        if not any(part in frame.f_code.co_filename for part in THEIRS):
            yield f"in {frame.f_code.co_qualname}: " + " ".join(f"{k}={v!r}" for k, v in frame.f_locals.items())


def data() -> str:
    """The picture as a data URI."""
    return "data:image/png;base64," + base64.b64encode(Path("mine/boat.png").read_bytes()).decode()
