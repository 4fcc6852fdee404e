"""A Studio whose providers are a server on this machine, which answers in their documented words.

A `Play` is what one provider says, out of tests/samples; `Provider` says it, in the order that a test wants.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vidgen_nb.records import Timing
from vidgen_nb.studio import Studio

from .clips import mp4
from .loopback import Answer, Loopback, Say, Seen, serving

QUICK = Timing(connect=10, submit=5, poll=5, first_poll=0.02, min_gap=0.02, max_gap=0.1)
SAMPLES = Path(__file__).parent / "samples"
TASK = "task_1"
CLIP = mp4()


# ── what the five say ─────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Play:
    """One provider: where it is asked, what a test asks it for, and the names of its samples."""

    name: str
    submit: str  # the path of the POST
    query: str  # the path of a task, with {} for its id
    asked: Mapping[str, Any]  # the cheapest request it takes, beside the prompt
    running: str
    succeeded: str
    failed: str
    missing: str  # "there is no such task"
    no_key: str  # what a GET with a bad key gets
    base: str = ""  # the path that its base URL has
    auth: str = "authorization"

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of generate()."""
        return {"prompt": "a paper boat in the rain", "provider": self.name, **self.asked}

    @property
    def accepted(self) -> Say:
        return self.say("submit")

    def say(self, sample: str, *, task: str = TASK, url: str = "") -> Say:
        """A documented reply, about another task and with another address of the video; "" for none at all."""
        told = read_sample(self.name, sample)
        if "body" not in told:
            return Say(told["status"], body=told["text"].encode(), headers=told["headers"])
        words = json.dumps(told["body"], ensure_ascii=False)
        for theirs, ours in ((told["expect"].get("url"), url), (told["expect"].get("task_id"), task)):
            words = words.replace(theirs, ours) if theirs else words
        return Say(told["status"], json=json.loads(words), headers=told["headers"])

    def done(self, url: str) -> Say:
        return self.say(self.succeeded, url=url)


def read_sample(provider: str, name: str) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads((SAMPLES / provider / f"{name}.json").read_text("utf-8"))
    return sample


def sample_names(provider: str, request: str) -> list[str]:
    """The samples of one kind of request: "submit" or "query"."""
    names = sorted(path.stem for path in (SAMPLES / provider).glob("*.json"))
    return [name for name in names if read_sample(provider, name)["request"] == request]


AITOEARN = Play(
    "aitoearn",
    submit="/api/ai/video/generations",
    query="/api/ai/video/generations/{}",
    asked={"duration": 6},
    running="query-in-progress",
    succeeded="query-success",
    failed="query-failure",
    missing="query-12302",
    no_key="query-401",
    auth="x-api-key",
)
AIOAGI = Play(
    "aioagi",
    base="/v1",
    submit="/v1/videos",
    query="/v1/videos/{}",
    asked={"duration": 5},
    running="query-running",
    succeeded="query-succeeded",
    failed="query-failed",
    missing="error-404-task",
    no_key="error-401",
)
NEWAPI = Play(
    "newapi",
    submit="/v1/video/generations",
    query="/v1/video/generations/{}",
    asked={"model": "kling-v1", "duration": 5},
    running="query-wrapper-in-progress",
    succeeded="query-wrapper-success-kling",
    failed="query-wrapper-failure",
    missing="error-400-no-task",
    no_key="error-401",
)
AISPHERE = Play(
    "aisphere",
    submit="/api/v1/video/generation",
    query="/api/v1/video/generation/{}",
    asked={"model": "aisphere-v5.5", "first_frame": "https://example.com/boat.jpg", "duration": 5},
    running="query-running",
    succeeded="query-succeeded",
    failed="query-failed",
    missing="query-404",
    no_key="error-401",
)
RELAYDANCE = Play(
    "relaydance",
    submit="/v1/video/generations",
    query="/v1/video/generations/{}",
    asked={"duration": 5},
    running="query-running",
    succeeded="query-succeeded",
    failed="query-failed",
    missing="error-404-task",
    no_key="error-401",
)
PLAYS = (AITOEARN, AIOAGI, NEWAPI, AISPHERE, RELAYDANCE)

# RelayDance's, for tests which are about no provider in particular.
ASKED = RELAYDANCE.request
ACCEPTED = RELAYDANCE.accepted
RUNNING = RELAYDANCE.say(RELAYDANCE.running)


class Provider:
    """Plays a provider on a server: each list is answered in turn, its last entry for ever.

    What comes to any other address than the documented ones gets HTTP 404 or 500, so that no clip comes of it.
    """

    def __init__(
        self,
        server: Loopback,
        polls: list[Answer] | None = None,
        media: list[Answer] | None = None,
        play: Play = RELAYDANCE,
    ) -> None:
        self.play = play
        self.link = f"{server.url}/m.mp4?signature=secret"
        self.running, self.done = play.say(play.running), play.done(self.link)
        self.submits: list[Answer] = [play.accepted]
        self.polls = polls if polls is not None else [self.running, self.done]
        self.media = media or [Say(body=CLIP)]
        self.listed: list[Answer] = [Say(500)]  # the list of all tasks, where there is one
        server.script = self.answer

    def answer(self, seen: Seen) -> Answer:
        answers = self._answers(seen)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _answers(self, seen: Seen) -> list[Answer]:
        path = seen.path.split("?")[0]
        if seen.method == "POST":
            return self.submits if path == self.play.submit else [Say(404)]
        if path == "/m.mp4":
            return self.media
        if path == self.play.submit:
            return self.listed
        return self.polls if path == self.play.query.format(TASK) else [Say(500)]


# ── fixtures ──────────────────────────────────────────────────────────────────
MakeStudio = Callable[..., Studio]


@pytest.fixture(params=PLAYS, ids=lambda play: play.name)
def play(request: pytest.FixtureRequest) -> Play:
    """Each of the five in turn: whatever uses it, is proven for all of them."""
    each: Play = request.param
    return each


@pytest.fixture
def provider(server: Loopback, play: Play) -> Provider:
    """The server plays this provider: accepted, running, then finished."""
    return Provider(server, play=play)


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
        settings: dict[str, Any] = {**told(server.url), "timing": QUICK, "allow_paid": True}
        studio = Studio(**{**settings, **arguments})
        made.append(studio)
        return studio

    yield make
    for studio in made:
        studio.close()


def told(url: str) -> dict[str, Any]:
    """What a Studio is told so that all five are at this address."""
    return {
        "keys": {play.name: "sk-test" for play in PLAYS},
        "base_urls": {play.name: url + play.base for play in PLAYS},
    }


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    return make_studio()
