"""A simulator that bills in an instant, and Studios which take it for the real providers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.simulator.app import Simulator

from ..clips import mp4

FILM = mp4(frames=6)
QUICK = vg.Timing(connect=5, submit=5, poll=5, first_poll=0.02, min_gap=0.02, max_gap=0.2)
MakeStudio = Callable[..., vg.Studio]


def render(ask: object, path: Path, halted: object) -> None:
    path.write_bytes(FILM)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Its tasks take no time, unless a prompt says so; its films are all the same."""
    with Simulator(speed=1e6, render=render) as running:
        yield running


@pytest.fixture
def bill(simulator: Simulator) -> list[Any]:
    """The simulator's bill of this test alone."""
    simulator.bill.clear()
    return simulator.bill


@pytest.fixture
def make_studio(simulator: Simulator) -> Iterator[MakeStudio]:
    """Studios in the working folder's home, which pay at the simulator; closed at the end."""
    made: list[vg.Studio] = []

    def make(**arguments: Any) -> vg.Studio:
        settings: dict[str, Any] = {
            "keys": dict.fromkeys(providers.BUILT_IN, "sk-test"),
            "base_urls": {name: simulator.url(name) for name in providers.BUILT_IN},
        }
        studio = vg.Studio(**{**settings, "timing": QUICK, "allow_paid": True, **arguments})
        made.append(studio)
        return studio

    yield make
    for studio in made:
        studio.close()


@pytest.fixture
def studio(make_studio: MakeStudio) -> vg.Studio:
    return make_studio()
