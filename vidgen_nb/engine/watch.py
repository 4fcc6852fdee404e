"""One clip while it is asked about: how old its task is, what the looks saw, when to look next, when it may be done."""

import random
import time
from dataclasses import dataclass, field
from typing import Any

from vidgen_nb.engine import rules
from vidgen_nb.engine.pace import MARKS, Past, Run, run_of
from vidgen_nb.records import Record, Status, Timing

AT_WORK = frozenset({Status.QUEUED, Status.RUNNING})
ABOUT = 0.15  # what was said of the end stays while it is right within so much of the time left, or within …
NEAR = 3.0  # … so many seconds


@dataclass
class Watch:
    """What the looks at one task have shown, by a clock that only goes forward."""

    past: Past = field(default_factory=Past)  # what clips like it took
    _born: float | None = None
    _here: bool = False  # accepted in this process, so that all looks at it were ours
    _at_work: float | None = None  # its age when it was last seen at work
    _marks: list[tuple[float, float]] = field(default_factory=list)  # age and percent, as progress was reported

    def begin(self) -> None:
        """The task was accepted just now."""
        self._born, self._here = time.monotonic(), True

    def age(self, record: Record) -> float:
        """Seconds since it was accepted. The row's own times are looked at once: a clock on the wall can be set."""
        if self._born is None:
            self._born = time.monotonic() - max(0.0, time.time() - (record.answered or record.created))
        return time.monotonic() - self._born

    def next_wait(self, record: Record, patience: rules.Patience, timing: Timing) -> float:
        """Seconds until the next look, a little different each time: clips of a sweep must not come all at once."""
        age = self.age(record)
        known = self.past.next_wait(age, record.progress, timing)
        return rules.next_wait(patience, age=age, timing=timing, known=known) * random.uniform(0.95, 1.05)

    def learn(self, record: Record, seen: rules.Absorbed) -> Run | None:
        """Take in a look at a task that was `record` before. Once it is done: what it took, if that can be told."""
        status = seen.values.get("status", record.status)
        if record.status is Status.DOWNLOADING or seen.patience.trouble:
            return None  # it was done before, or nothing was seen
        if status in AT_WORK:
            self._at_work = self.age(record)
            if (progress := seen.values.get("progress")) is not None and len(self._marks) < MARKS:
                self._marks.append((self._at_work, progress))
        elif status is Status.DOWNLOADING and (self._here or self._at_work is not None):
            return run_of(self._at_work, self.age(record), self._marks)
        return None

    def outlook(self, record: Record) -> dict[str, Any]:
        """When it may be done, as the record says it: times of the day."""
        age, now, said = self.age(record), time.time(), record.expected
        outlook = self.past.outlook(age, record.progress)
        if outlook is None:
            return {"expected": None}
        expected = now + outlook.likely - age
        if said is not None and said > now and abs(said - expected) < max(NEAR, ABOUT * (expected - now)):
            expected = said
        late = now + self.past.late - age if self.past.late is not None else None
        return {"expected": expected, "expected_late": record.expected_late or late}
