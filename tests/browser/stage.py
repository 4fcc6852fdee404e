"""What cells of the browser tests and screenshots show without waiting for a provider: tests/display's records, alive.

Imported in a kernel. The records are moved to now, the films are real.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

from IPython.display import publish_display_data

from tests.display import sweeps
from tests.display.stand_ins import CASES, CHINESE, FACTS, NOW, SEARCHABLE, Watched, make
from vidgen_nb.display import history_live, sweep_saved
from vidgen_nb.display.card import bundle
from vidgen_nb.display.compare_live import Comparison
from vidgen_nb.display.gallery import history_bundle
from vidgen_nb.display.live import Living
from vidgen_nb.display.sweep_live import GridShown
from vidgen_nb.display.words import Tick
from vidgen_nb.media import video
from vidgen_nb.records import ClipFile, Failure, Record, Status
from vidgen_nb.searching import Archive, Search
from vidgen_nb.simulator.film import render
from vidgen_nb.simulator.task import Ask


class Answering(Watched):
    """Says on its card which button it heard."""

    def act(self, action: str, argument: str = "") -> None:
        heard = f"heard {action} {argument}".strip()
        self.tell(word=heard, error=Failure("SubmitUnknown", heard))


class Judging(Watched):
    """Takes opinions."""

    def rate(self, rating: int | None = None, *, note: str | None = None) -> object:
        given = {"rating": rating, "note": note}
        self.tell(**{name: value for name, value in given.items() if value is not None})
        return self


def living(name: str) -> None:
    """The widget of a record, as it stays where a page was loaded anew."""
    Living(_seen(_moved(CASES[name])), embed_limit=0).show()


def answering(name: str) -> None:
    """The widget of a record, whose buttons are heard."""
    Living(_seen(_moved(CASES[name]), Answering), embed_limit=0).show()


def saved(name: str) -> None:
    """The static card of a record, as a saved notebook holds it."""
    publish_display_data(bundle(_seen(_moved(CASES[name])), embed_limit=0))


def finishing(ratio: str) -> Callable[[], None]:
    """Show a running clip; the result ends it."""
    record = _moved(make(Status.RUNNING, asked={"aspect_ratio": ratio}))
    watched = _seen(record)
    Living(watched, embed_limit=0).show()
    return lambda: watched.tell(status=Status.SUCCEEDED, files=(_film(ratio),), finished=time.time())


def expecting() -> tuple[Callable[[float, float], None], Callable[[], None]]:
    """Show a running clip without progress. The results: one lets it be expected in so many seconds, and most in so
    many; the other ends it.
    """
    watched = _seen(_moved(make(Status.RUNNING, asked={"aspect_ratio": "16:9"})))
    Living(watched, embed_limit=0).show()

    def expect(likely: float, late: float) -> None:
        now = time.time()
        watched.tell(expected=now + likely, expected_late=now + late)

    return expect, lambda: watched.tell(status=Status.SUCCEEDED, files=(_film("16:9"),), finished=time.time())


def crowd(count: int) -> Callable[[float], None]:
    """Show many running clips; the result ends all in so many seconds, ten steps in each, from another thread."""
    seen = [_seen(_moved(make(Status.RUNNING, id=f"vg-{number:010}", progress=0.0))) for number in range(count)]
    for each in seen:
        Living(each, embed_limit=0).show()

    def go_on(seconds: float) -> None:
        steps = round(seconds * 10)
        for step in range(steps):
            time.sleep(0.1)  # the pace of what is shown
            for each in seen:
                each.tell(progress=100.0 * (step + 1) / steps)
        for each in seen:
            each.tell(status=Status.DOWNLOADING)

    return lambda seconds: threading.Thread(target=go_on, args=(seconds,), daemon=True).start()


def history(*, living: bool = False) -> None:
    """A page of history, with a search; saved, or the widget."""
    found = [replace(CASES[name], created=NOW - 3000 * age) for age, name in enumerate(CASES) if name != "submitting"]
    found.append(make(Status.SUCCEEDED, asked={"prompt": "a boat hull half buried in dunes", "aspect_ratio": "21:9"}))
    views = [_seen(replace(_moved(record), id=f"vg-{n:010x}")) for n, record in enumerate(found)]
    if living:
        views.sort(key=lambda view: (view.record.status is not Status.UNKNOWN, -view.record.created))
        found = [views[n % len(views)] for n in range(148)]
        titles = {"relaydance": "RelayDance", "aitoearn": "AiToEarn"}
        archive = Archive(
            lambda _: found, lambda id: next(view for view in found if view.record.id == id), lambda: titles
        )
        history_live.show(archive, Search(text="boat 雨夜"), 1, {"text/html": "", "text/plain": ""})
    else:
        publish_display_data(history_bundle(views, total=148, matched=["boat", "纸船"]))


def compare(count: int) -> None:
    """Clips side by side which differ in words and seed; beyond three one that is still made."""
    opinions = (
        {"rating": 4, "note": "ripples right, boat too still"},
        {"rating": 2},
        {"rating": 5, "note": "推近的节奏最好"},
    )
    prompts = ("a paper boat, slow dolly-in", "a paper boat, static shot, warm light", "a paper boat, green water")
    made = [
        make(
            Status.SUCCEEDED, id=f"vg-{n:010x}", **opinions[n % 3], asked={"prompt": prompts[n % 3], "seed": 7 + n // 2}
        )
        for n in range(count)
    ]
    if count > 3:
        made[-1] = replace(CASES["running"], id="vg-3f9c2a17be")
    Comparison([_seen(_moved(record), Judging) for record in made]).show()


def sweep(*, done: bool = False) -> None:
    """A sweep with a clip in every state, as the widget; or its end."""
    made = sweeps.grid(home=_home(), done=done, left=Tick("about", time.time() + 55, "about ", " left"))
    cells = [replace(cell, record=_moved(cell.record)) if cell.record else cell for cell in made.cells]
    made = replace(made, cells=tuple(cells))
    if done:
        publish_display_data(sweep_saved.bundle(made, embed_limit=0))
    else:
        GridShown(sweeps.Still(made), embed_limit=0).show()


def _seen(record: Record, kind: type[Watched] = Watched) -> Watched:
    searchable = record.asked["prompt"] == CHINESE
    return kind(record, _home(), SEARCHABLE if searchable else FACTS)


def _moved(record: Record) -> Record:
    """The record with its times moved from the tests' day to now, and its file to one that plays."""
    by = round(time.time() - NOW)
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    times = {name: at + by for name, at in values.items() if isinstance(at, float) and at > NOW / 2}
    files = (_film(record.asked["aspect_ratio"]),) if record.files else ()
    return replace(record, **times, files=files)


@cache
def _home() -> Path:
    return Path("vidgen").absolute()


@cache
def _film(ratio: str) -> ClipFile:
    """A film of the simulator's, and its poster."""
    name = f"clips/2026-11-21_{ratio.replace(':', 'x')}"
    file = _home() / f"{name}.mp4"
    file.parent.mkdir(parents=True, exist_ok=True)
    ask = Ask(model="seedance", prompt=CASES["running"].prompt, seconds=5, ratio=ratio, resolution="480p", fps=12)
    render(ask, file)
    video.poster(file, file.with_suffix(".jpg"))
    facts = video.probe(file)
    size = file.stat().st_size
    shape = (facts.duration, facts.width, facts.height, facts.fps, False)
    return ClipFile(f"{name}.mp4", "0" * 64, size, *shape, f"{name}.jpg")
