"""A person interrupts a cell in a real kernel: the cell comes back, the POST goes on, and its outcome is kept."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from ..loopback import Answer, Loopback, Say, Seen, serving
from ..playing import ACCEPTED, ASKED, RUNNING

SETUP = """
import vidgen_nb as vg
vg.setup(keys={{"relaydance": "sk-test"}}, base_urls={{"relaydance": {url!r}}}, allow_paid=True)
None
"""
WAYS = {
    "during the POST": f"vg.generate(**{ASKED!r})",
    "during the wait": f"vg.generate(**{ASKED!r}).wait()",
    "during an await": f"await vg.generate(**{ASKED!r})",
}


class Slow:
    """Says `arrived` when the awaited request is in, and answers POSTs only after `answer_now`."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.arrived, self.answer_now = threading.Event(), threading.Event()

    def __call__(self, seen: Seen) -> Answer:
        if seen.method == self.wanted:
            self.arrived.set()
        if seen.method == "GET":
            return RUNNING
        if self.wanted == "POST":
            self.answer_now.wait(30)
        return ACCEPTED


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(lambda seen: Say(500)) as running:
        yield running


@pytest.fixture
def kernel() -> Iterator[tuple[Any, BlockingKernelClient]]:
    manager, client = start_new_kernel()
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("way", list(WAYS))
def test_an_interrupt_detaches(way: str, server: Loopback, kernel: tuple[Any, BlockingKernelClient]) -> None:
    """S12: within a second the exception goes on; the outcome is committed; the same request is the same clip."""
    manager, client = kernel
    slow = Slow("POST" if way == "during the POST" else "GET")
    server.script = slow
    client.execute_interactive(SETUP.format(url=server.url), timeout=60, output_hook=lambda message: None)
    message = client.execute(WAYS[way])
    assert slow.arrived.wait(60)
    began = time.monotonic()
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=30)
    took = time.monotonic() - began
    assert reply["parent_header"]["msg_id"] == message
    assert reply["content"]["ename"] in {"KeyboardInterrupt", "CancelledError"}
    assert took < 5  # a second on a quiet machine
    slow.answer_now.set()
    again = f"print(vg.generate(**{ASKED!r}).task_id)"
    said: list[str] = []

    def hear(output: dict[str, Any]) -> None:
        said.append(output["content"].get("text", ""))

    client.execute_interactive(again, timeout=60, output_hook=hear)
    assert "task_1" in "".join(said)
    assert len(server.posts) == 1
