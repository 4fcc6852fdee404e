"""A person interrupts a cell in a real kernel: the cell comes back, the POST goes on, and its outcome is kept (S12)."""

import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from ..loopback import Answer, HangUp, Loopback, Say, Seen, serving
from ..playing import ACCEPTED, ASKED, RUNNING, TASK, told

SETUP = """
import asyncio
import vidgen_nb as vg
vg.setup(**{told!r}, allow_paid=True, timing=vg.Timing(first_poll=0.1))
None
"""
CELLS = {
    "sync": "vg.generate(**{asked!r}).wait()",
    "awaited": "await vg.generate(**{asked!r})",
    "sync wait in an awaited cell": "await asyncio.sleep(0)\nvg.generate(**{asked!r}).wait()",
}


class Slow:
    """Says `arrived` when the awaited request is in, and answers POSTs only after `answer_now`."""

    def __init__(self, wanted: str, answer: Answer = ACCEPTED) -> None:
        self.wanted, self.answer = wanted, answer
        self.arrived, self.answer_now = threading.Event(), threading.Event()

    def __call__(self, seen: Seen) -> Answer:
        if seen.method == self.wanted:
            self.arrived.set()
        if seen.method == "GET":
            return RUNNING
        if self.wanted == "POST":
            self.answer_now.wait(60)
        return self.answer


class Kernel(NamedTuple):
    manager: Any
    client: BlockingKernelClient

    def run(self, code: str) -> str:
        """Run a cell to its end; gives what it printed, and the name of its error."""
        said: list[str] = []

        def hear(output: dict[str, Any]) -> None:
            said.append(output["content"].get("text", "") + output["content"].get("ename", ""))

        self.client.execute_interactive(code, timeout=60, output_hook=hear)
        return "".join(said)

    def value(self, expression: str) -> str:
        """Evaluate an expression: its value comes with the reply, while prints may trail behind it."""
        reply = self.client.execute_interactive("", timeout=60, user_expressions={"it": expression})
        return str(reply["content"]["user_expressions"]["it"])

    def interrupted(self, code: str, running: threading.Event) -> tuple[str, float]:
        """Start a cell, interrupt it once `running`; gives its error and the seconds it took to come back."""
        message = self.client.execute(code, stop_on_error=False)  # a kernel drops what comes right after an error
        assert running.wait(60)
        began = time.monotonic()
        self.manager.interrupt_kernel()
        while (reply := self.client.get_shell_msg(timeout=50))["parent_header"]["msg_id"] != message:
            pass
        return reply["content"].get("ename", ""), time.monotonic() - began


@pytest.fixture(scope="module")
def started() -> Iterator[Kernel]:
    """One kernel for all: every test sets up a home of its own in it."""
    manager, client = start_new_kernel()
    yield Kernel(manager, client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(lambda seen: Say(500)) as running:
        yield running


@pytest.fixture
def kernel(started: Kernel, server: Loopback, tmp_path: Any) -> Kernel:
    here = {**told(server.url), "home": str(tmp_path / "vidgen")}
    started.run(SETUP.format(told=here))
    return started


@pytest.mark.parametrize("during", ["POST", "GET"])
@pytest.mark.parametrize("cell", CELLS)
def test_s12_an_interrupt_detaches(cell: str, during: str, server: Loopback, kernel: Kernel) -> None:
    """S12: within a second the exception goes on; the outcome is committed; the same request is the same clip."""
    slow = Slow(during)
    server.script = slow
    error, took = kernel.interrupted(CELLS[cell].format(asked=ASKED), slow.arrived)
    assert error in {"KeyboardInterrupt", "CancelledError"}
    assert took < 10  # a second on a quiet machine; the POST above would take a minute
    slow.answer_now.set()
    assert TASK in kernel.value(f"vg.generate(**{ASKED!r}).task_id")
    assert len(server.posts) == 1


def test_s12_a_submission_that_is_lost_after_the_interrupt(server: Loopback, kernel: Kernel) -> None:
    """S12: nobody waits any more, and the unknown outcome is committed all the same: no second POST."""
    slow = Slow("POST", HangUp())
    server.script = slow
    error, _ = kernel.interrupted(CELLS["sync"].format(asked=ASKED), slow.arrived)
    assert error == "KeyboardInterrupt"
    slow.answer_now.set()
    assert "SubmitUnknown" in kernel.run(f"vg.generate(**{ASKED!r})")
    assert "unknown" in kernel.run("print(vg.history()[0].status)")
    assert len(server.posts) == 1


def test_the_kernels_own_interrupt_is_put_back(server: Loopback, kernel: Kernel) -> None:
    """After a wait in an awaited cell the kernel handles interrupts as before."""
    server.script = Slow("GET")
    before = kernel.run("import signal\nawait asyncio.sleep(0)\nprint(signal.getsignal(signal.SIGINT).__name__)")
    cell = (
        f"await asyncio.sleep(0)\nclip = vg.generate(**{ASKED!r})\n"
        "import contextlib\nwith contextlib.suppress(vg.WaitTimeout):\n    clip.wait(0.1)\n"
        "print(signal.getsignal(signal.SIGINT).__name__)"
    )
    assert before.strip()
    assert kernel.run(cell).strip() == before.strip()
