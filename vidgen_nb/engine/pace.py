"""When a clip will be done, learned from those before it: pure, but for the table in which a home remembers them.

Measured: most of what can be gained is gained by not asking before the time at which the first of a hundred was
done, and from then on at equal gaps. A provider's own progress tells more, once it has proved reliable.
"""

import json
import math
import statistics
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidgen_nb.ledger import Ledger
from vidgen_nb.records import Record, Timing

FEWEST = 5  # clips of a kind from which something is learned
NEWEST = 100  # of those before this process count: providers change
MOST = 1000  # of this process's own; fewer would be the last of a burst to be done, which are the long ones
EARLY = 0.01  # the share of clips that may be done before the first look
AT_FIRST_SIGHT = 0.85  # of its age took a clip that was done at the first look: so the next first look is earlier
BALANCE = 155  # polls cost as much as lateness: at 60 s ± 40 % it is two seconds late after twelve polls
FAR = 3  # times as long as nine of ten take: such a clip is none of them
SHARP = 0.35  # two looks further apart than that, by the later one's time, do not say when a clip was done
LONGEST = 1e6  # seconds that a clip may take
MARKS = 50  # of the progress of one clip


@dataclass(frozen=True, slots=True)
class Kind:
    """Clips that take about the same time."""

    provider: str
    origin: str
    model: str
    shape: str


def kind_of(record: Record) -> Kind:
    """The kind of a clip: the same model, resolution and duration at the same place."""
    shape = json.dumps([record.asked.get(name) for name in ("resolution", "duration")])
    return Kind(record.provider, record.origin, record.model, shape)


@dataclass(frozen=True, slots=True)
class Run:
    """How long a clip took at the provider, and by how much its progress lagged behind the time: on average, at most.

    A lag of 0.05: after 45 % of the time the provider said 40.
    """

    seconds: float
    lag: float | None = None
    most_lag: float | None = None


def run_of(before: float | None, done: float, marks: Sequence[tuple[float, float]]) -> Run | None:
    """What a finished clip teaches. None where its looks were too far apart to say when it was done.

    before, done: its age when it was last seen at work (None: never), and when it was seen done. marks: age and
    percent of its progress.
    """
    if before is None:
        seconds = AT_FIRST_SIGHT * done
    elif done - before <= SHARP * done:
        seconds = (before + done) / 2
    else:
        return None
    lags = [age / seconds - percent / 100 for age, percent in marks if 0 < percent < 100]
    return Run(seconds, statistics.mean(lags), max(lags)) if lags and seconds > 0 else Run(seconds)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Ages at which a clip may be done: hardly before `early`, half by `likely`, nine of ten by `late`."""

    early: float
    likely: float
    late: float

    @property
    def gap(self) -> float:
        """Seconds between two looks which cost as much in requests as in lateness."""
        span = max(self.likely - self.early, 0.05 * self.likely)
        return math.sqrt(self.likely * span / BALANCE)


class Past:
    """What clips of one kind took."""

    def __init__(self, runs: Sequence[Run] = ()) -> None:
        self.runs = list(runs)
        self._curve: list[tuple[float, float]] = []  # (seconds, share that takes longer)
        self._usual: Outlook | None = None
        self._lags: tuple[float, float] | None = None  # usual and most
        self._news = 0
        self._learn(())

    def add(self, run: Run, at_work: Callable[[], Sequence[float]]) -> None:
        """Take in one more. at_work: gives the ages of those still at work, which took longer than that."""
        self.runs = [*self.runs, run][-MOST:]
        self._news += 1
        if self._news * 10 >= len(self.runs):  # a thousand at once are not sorted a thousand times
            self._learn(at_work())

    def _learn(self, at_work: Sequence[float]) -> None:
        self._news = 0
        if len(self.runs) < FEWEST:
            return
        self._curve = _survival([run.seconds for run in self.runs], at_work)
        likely, late = _quantile(self._curve, 0.5), _quantile(self._curve, 0.1)
        if likely is not None:  # else most are still at work
            early = _earliest(self._curve, likely, len(self.runs) + len(at_work))
            self._usual = Outlook(early, likely, late or self._curve[-1][0])
        lags = [(run.lag, run.most_lag) for run in self.runs if run.lag is not None and run.most_lag is not None]
        if len(lags) >= FEWEST:
            self._lags = statistics.median(lag for lag, _ in lags), max(most for _, most in lags)

    def next_wait(self, age: float, progress: float | None, timing: Timing) -> float | None:
        """Seconds until the next look at a clip of this age; None where nothing is known, or it takes far longer than
        others."""
        usual, told = self._usual, self._by_progress(age, progress)
        if usual is None or age > FAR * usual.late:
            return None
        if told is not None and told.gap < usual.gap:  # it is the more certain of the two
            usual = told
        return max(usual.early - age, timing.min_gap, min(timing.max_gap, usual.gap))

    @property
    def late(self) -> float | None:
        """The age within which nine of ten were done."""
        return self._usual.late if self._usual is not None else None

    def outlook(self, age: float, progress: float | None) -> Outlook | None:
        """When a clip of this age may be done, for people; None where that would be a guess."""
        told = self._by_progress(age, progress)
        if told is not None or self._usual is None or age < self._usual.likely:
            return told or self._usual
        passed = bisect_right(self._curve, age, key=lambda point: point[0])
        rest = self._curve[passed - 1][1] if passed else 1.0  # the share that takes longer than this one so far
        likely = _quantile(self._curve, rest / 2)
        return Outlook(age, likely, self._usual.late) if likely is not None and rest else None

    def _by_progress(self, age: float, progress: float | None) -> Outlook | None:
        if self._lags is None or progress is None or not 0 < progress < 100:
            return None
        usual, most = (progress / 100 + lag for lag in self._lags)
        if usual < 0.01:
            return None
        likely = max(age, age / usual)
        early = max(age, age / most)
        return Outlook(early, likely, likely + 2 * (likely - early))


def _survival(done: Sequence[float], at_work: Sequence[float]) -> list[tuple[float, float]]:
    """The share of clips that take longer than so many seconds (Kaplan and Meier): of a burst, the short ones are done
    first, and those still at work say that not all are short."""
    ends = sorted([(seconds, 0) for seconds in done] + [(age, 1) for age in at_work])
    curve, share = [], 1.0
    for number, (seconds, working) in enumerate(ends):
        if not working:
            share *= 1 - 1 / (len(ends) - number)
            curve.append((seconds, share))
    return curve


def _quantile(curve: Sequence[tuple[float, float]], share: float) -> float | None:
    """The time beyond which no more than this share takes."""
    return next((seconds for seconds, longer in curve if longer <= share + 1e-9), None)


def _earliest(curve: Sequence[tuple[float, float]], likely: float, clips: int) -> float:
    """The time before which one of a hundred is done. Of a few clips the shortest is not that short: as far beyond it
    as in a lognormal distribution, which is what such times look like."""
    seconds, longer = next(point for point in curve if point[1] <= 1 - EARLY)
    rank = (1 - longer) * clips
    deviations = -_NORMAL.inv_cdf(min(0.45, (rank - 0.375) / (clips + 0.25)))  # as Blom puts it
    return likely * math.pow(seconds / likely, -_NORMAL.inv_cdf(EARLY) / deviations)


_NORMAL = statistics.NormalDist()


def _sound(seconds: object, lag: object, most_lag: object) -> bool:
    """Whether a row can be reckoned with: a ledger may be a stranger's."""
    lags = all(it is None or (isinstance(it, float) and abs(it) <= 1) for it in (lag, most_lag))
    return isinstance(seconds, float) and 0.001 < seconds < LONGEST and lags


class Pasts:
    """What this home has learned, by kind. Lives where the ledger is written."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of(self, kind: Kind) -> Past:
        query = (
            "SELECT seconds, lag, most_lag FROM runs WHERE provider = ? AND origin = ? AND model = ? AND shape = ? "
            "ORDER BY at DESC LIMIT ?"
        )
        values = (kind.provider, kind.origin, kind.model, kind.shape, NEWEST)
        rows = self._ledger.ask(lambda db: db.execute(query, values).fetchall())
        return Past([Run(*row) for row in reversed(rows) if _sound(*row)])

    def keep(self, record: Record, run: Run) -> None:
        """Remember what a clip took; by when it began, for of a burst those that end last are the long ones."""
        kind = kind_of(record)
        self._ledger.write(
            "INSERT OR REPLACE INTO runs (generation, provider, origin, model, shape, seconds, lag, most_lag, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            record.id, kind.provider, kind.origin, kind.model, kind.shape, run.seconds, run.lag, run.most_lag,
            record.answered or record.created,
        )  # fmt: skip
