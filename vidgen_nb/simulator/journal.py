"""What is remembered of accepted tasks: what was asked, and when. Everything else follows from it."""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from vidgen_nb.media.redact import unsigned_within
from vidgen_nb.records import Json
from vidgen_nb.simulator.task import Ask, Reference, Script, Task


class Journal:
    """The accepted tasks of one file, shared by all simulators which were given that file. None: only in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read = 0  # bytes
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def book(self, task_id: str, dialect: str, created: float, ask: Ask, script: Script) -> Task:
        """Write a task down; it is on disk when this returns."""
        with self._lock:
            self._refresh()
            task = Task(task_id, dialect, len(self._tasks) + 1, created, ask, script)
            if self._path is None:
                self._tasks[task.id] = task
                return task
            line = json.dumps(unsigned_within(asdict(task)), ensure_ascii=False).encode() + b"\n"
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # One write to a file opened for appending: two processes never mix their lines.
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line)
            finally:
                os.close(file)
            self._tasks[task.id] = task
            return task

    def find(self, task_id: str) -> Task | None:
        """The task of that id; the file is read again if it is not known yet."""
        with self._lock:
            if task_id not in self._tasks:
                self._refresh()
            return self._tasks.get(task_id)

    def all(self, dialect: str) -> Sequence[Task]:
        """Every task of a dialect, oldest first."""
        with self._lock:
            self._refresh()
            tasks = [task for task in self._tasks.values() if task.dialect == dialect]
            return sorted(tasks, key=lambda task: task.created)

    def _refresh(self) -> None:
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            news = file.read()
        whole = news[: news.rfind(b"\n") + 1]  # another process may be writing the last line just now
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                task = _read_task(json.loads(line))
            except (ValueError, TypeError, KeyError):
                continue  # half a line, left by a process which was killed
            self._tasks.setdefault(task.id, task)


def _read_task(row: Json) -> Task:
    ask = row.pop("ask")
    references = tuple(Reference(**each) for each in ask.pop("references"))
    return Task(**{**row, "ask": Ask(**ask, references=references), "script": Script(**row.pop("script"))})
