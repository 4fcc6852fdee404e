"""The films of a simulator: rendered in the background, each once, and kept in a temporary folder."""

import hashlib
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from vidgen_nb.simulator.task import Ask

Render = Callable[[Ask, Path, Callable[[], bool]], None]


def painted(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
    """Render a film. What draws and encodes is loaded here: a notebook's first card need not wait for it."""
    from vidgen_nb.simulator.film import render

    render(ask, path, halted)


class Films:
    """Two threads which render: daemons, unlike an executor's, so that no kernel waits for them at its end."""

    def __init__(self, render: Render = painted) -> None:
        self._render = render
        self._folder = Path(tempfile.mkdtemp(prefix="vidgen-films-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._queue: SimpleQueue[tuple[Ask, Path, Future[Path]] | None] = SimpleQueue()
        self._films: dict[str, Future[Path]] = {}
        self._lock = threading.Lock()
        self._halted = threading.Event()
        self._threads: list[threading.Thread] = []

    def of(self, ask: Ask) -> Future[Path]:
        """The film of a request; rendering starts with the first question. Requests that look the same share one."""
        look = replace(ask, model="", prompt=ask.caption, callback_url="", echo={})
        name = hashlib.sha256(repr(look).encode()).hexdigest()[:32]
        with self._lock:
            if name not in self._films:
                self._films[name] = Future()
                self._queue.put((ask, self._folder / f"{name}.mp4", self._films[name]))
                if len(self._threads) < 2:
                    self._threads.append(threading.Thread(target=self._work, name="vidgen-film", daemon=True))
                    self._threads[-1].start()
            return self._films[name]

    def close(self) -> None:
        """Stop rendering and remove every film."""
        self._halted.set()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(10)
        self._remove()

    def _work(self) -> None:
        while (job := self._queue.get()) and not self._halted.is_set():
            ask, path, film = job
            if not film.set_running_or_notify_cancel():
                continue
            try:
                self._render(ask, path, self._halted.is_set)
                film.set_result(path)
            except Exception as problem:  # whatever it was, the task is to say so
                film.set_exception(problem)
