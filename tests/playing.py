"""A Studio whose provider is a server on this machine that answers as each test wants it to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from vidgen_nb.records import Timing
from vidgen_nb.studio import Studio

from .clips import mp4
from .loopback import Answer, Loopback, Say, Seen, serving

QUICK = Timing(connect=2, submit=1.5, poll=1.5, first_poll=0.02, min_gap=0.02, max_gap=0.1)
ASKED = {"prompt": "a paper boat in the rain", "provider": "relaydance", "duration": 5}
ACCEPTED = Say(json={"task_id": "task_1", "status": "submitted"})
RUNNING = Say(json={"task_id": "task_1", "status": "running"})

CLIP = mp4()


class Provider:
    """Plays RelayDance: `polls` are answered in turn (the last one for ever), the media URL with `media` likewise."""

    def __init__(self, server: Loopback, polls: list[Answer] | None = None, media: list[Answer] | None = None) -> None:
        self.done = Say(
            json={"task_id": "task_1", "status": "succeeded", "url": f"{server.url}/m.mp4?signature=secret"}
        )
        self.polls = polls if polls is not None else [RUNNING, self.done]
        self.media = media or [Say(body=CLIP)]
        server.script = self.answer

    def answer(self, seen: Seen) -> Answer:
        if seen.method == "POST":
            return ACCEPTED
        answers = self.media if seen.path.startswith("/m.mp4") else self.polls
        return answers.pop(0) if len(answers) > 1 else answers[0]


MakeStudio = Callable[..., Studio]


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Accepts every POST; every GET says running."""

    def script(seen: Seen) -> Answer:
        return ACCEPTED if seen.method == "POST" else RUNNING

    with serving(script) as running:
        yield running


@pytest.fixture
def make_studio(server: Loopback) -> Iterator[MakeStudio]:
    """Studios in the working folder's home, on the server; closed at the end."""
    made: list[Studio] = []

    def make(**arguments: Any) -> Studio:
        settings: dict[str, Any] = {"keys": {"relaydance": "sk-test"}, "base_urls": {"relaydance": server.url}}
        studio = Studio(**{**settings, "timing": QUICK, "allow_paid": True, **arguments})
        made.append(studio)
        return studio

    yield make
    for studio in made:
        studio.close()


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    return make_studio()
