"""A simulator which is quick: time passes a hundred times as fast, and a film is a few bytes."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.task import Ask

SUBMIT = "/v1/video/generations"
KEY = {"Authorization": "Bearer sk-any"}


def a_few_bytes(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
    """Stands in for the renderer where the film itself does not matter."""
    path.write_bytes(f"the film of {ask.caption}".encode() * 10)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with Simulator(journal=tmp_path / "journal.jsonl", speed=100, render=a_few_bytes) as simulator:
        yield simulator


@pytest.fixture
def submit(simulator: Simulator) -> Callable[..., httpx.Response]:
    """POST a body made from the smallest right one: `metadata=…`, `seconds=…`; None leaves a field out."""

    def post(at: Simulator = simulator, headers: dict[str, str] = KEY, **fields: Any) -> httpx.Response:
        body = {"model": "doubao-seedance-2-0-fast-260128", "prompt": "a boat", "seconds": "4", **fields}
        body = {name: value for name, value in body.items() if value is not None}
        return httpx.post(at.url("relaydance") + SUBMIT, json=body, headers=headers)

    return post


@pytest.fixture
def query(simulator: Simulator) -> Callable[..., Any]:
    """The JSON of one query, or, given `until`, the first that says one of these words."""

    def get(task_id: str, until: tuple[str, ...] = (), at: Simulator = simulator) -> Any:
        deadline = time.monotonic() + 30
        while True:
            reply = httpx.get(f"{at.url('relaydance')}{SUBMIT}/{task_id}", headers=KEY).json()
            if not until or reply.get("status") in until:
                return reply
            assert time.monotonic() < deadline, reply
            time.sleep(0.01)

    return get
