"""Records in every state, and a stand-in for a generation, for the tests of what people see."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from vidgen_nb.display.face import FINAL
from vidgen_nb.display.html import data_link
from vidgen_nb.display.saved import Player
from vidgen_nb.records import SIMULATED_COST, ClipFile, Cost, Failure, ProviderFacts, Record, Status

NOW = 1_795_000_000.0
FACTS = ProviderFacts(
    "relaydance",
    "RelayDance",
    "Charge unknown: RelayDance does not say whether failed tasks are billed.",
    console="https://relaydance.com/console",
)
SEARCHABLE = replace(FACTS, title="AiToEarn", search="its list of tasks", console="Logs")
PROMPT = "a paper boat drifting in the rain on dark water, slow dolly-in, overcast soft light"
CHINESE = "雨夜的霓虹小巷，一个撑红伞的人背对镜头慢慢走远，地面积水倒映着招牌的灯光，手持镜头轻微晃动，赛博朋克，电影感"
FILE = ClipFile("clips/x.mp4", "0" * 64, 14_800_000, 5.0, 1280, 720, 24.0, False, "clips/x.jpg")
CNY = Cost(1.4, "CNY", "reported by RelayDance")


def make(status: Status, **changes: Any) -> Record:
    """A record of that status, as the engine would have written it; `asked` is added to what is asked for."""
    asked = {"prompt": PROMPT, "duration": 5, "aspect_ratio": "16:9", "resolution": "1080p", "generate_audio": False}
    values: dict[str, Any] = {
        "id": "vg-3f9c2a17be",
        "identity": "i",
        "provider": "relaydance",
        "origin": "https://relaydance.com",
        "model": "doubao-seedance-2-0-1080p",
        "status": status,
        "task_id": "task_8842177301",
        "created": NOW - 100,
        "sent": NOW - 94,
        "answered": NOW - 92,
        "started": NOW - 84,
        "finished": NOW if status.settled else None,
        "updated": NOW,
    }
    if status is Status.SUCCEEDED:
        values |= {"files": (FILE,), "cost": CNY}
    return Record(**(values | changes | {"asked": asked | changes.get("asked", {})}))


TALL = {"prompt": CHINESE, "aspect_ratio": "9:16"}
MODERATED = Failure("ModerationRejected", "RelayDance could not make the clip.", "OutputVideoSensitiveContentDetected")
REFUSED = Failure("InvalidRequest", "RelayDance accepted nothing (HTTP 400).", "invalid parameter: resolution", "10002")
LOST = Failure(
    "SubmitUnknown", "The request left, and no usable answer came: it broke off. Charged once or not at all."
)

CASES: dict[str, Record] = {
    "submitting": make(Status.SUBMITTING, task_id="", answered=None, started=None),
    "queued": make(Status.QUEUED, started=None, asked={"prompt": CHINESE}),
    "running": make(Status.RUNNING, progress=38.0),
    "running, silent": make(Status.RUNNING, word="RENDER_QUEUE_7"),
    "running, with a past": make(
        Status.RUNNING, sent=NOW - 31, answered=NOW - 30, started=NOW - 22, expected=NOW + 38, expected_late=NOW + 48
    ),
    "running, late": make(Status.RUNNING, progress=12.0, expected=NOW - 20, expected_late=NOW - 4),
    "unreachable": make(Status.RUNNING, progress=38.0, unreachable_since=NOW - 40, next_call=NOW + 12),
    "needs a key": make(Status.RUNNING, needs_key=True),
    "downloading": make(
        Status.DOWNLOADING, progress=100.0, bytes_done=6_200_000, bytes_total=14_800_000, bytes_per_second=3.1e6
    ),
    "succeeded": make(Status.SUCCEEDED),
    "reused": make(Status.SUCCEEDED, reused=True, cost=Cost(60, "credits")),
    "simulated": make(Status.SUCCEEDED, origin="simulator", cost=SIMULATED_COST, id="sim-0c7be2190d"),
    "tall": make(Status.SUCCEEDED, files=(replace(FILE, width=720, height=1280),), asked=TALL),
    "failed": make(Status.FAILED, progress=62.0, error=MODERATED),
    "failed, tall": make(Status.FAILED, error=MODERATED, asked=TALL),
    "refused": make(Status.REFUSED, error=REFUSED),
    "unknown": make(Status.UNKNOWN, task_id="", error=LOST, cost=Cost(1.4, "CNY", "by your price")),
    "unknown, tall": make(Status.UNKNOWN, task_id="", error=LOST, asked=TALL),
    "stuck": make(
        Status.STUCK,
        reason="media_expired",
        error=Failure("GenerationStuck", "The link to the video expired."),
        bytes_done=10_500_000,
        bytes_total=14_800_000,
        cost=CNY,
    ),
}


def jpeg(width: int, height: int) -> bytes:
    """A plain picture of that size."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (70, 90, 120)).save(file, "JPEG")
    return file.getvalue()


def player(record: Record) -> Player | None:
    """A player for a finished record, of which only the poster is real."""
    if not record.files:
        return None
    made = record.files[0]
    poster = data_link("image/jpeg", jpeg(480, 480 * made.height // made.width))
    return Player(src="https://localhost/x.mp4", poster=poster, file=f"vidgen/{made.path}", href="https://localhost/x")


class Watched:
    """A generation as views see it; `tell` gives it a new record, as the engine would from its own thread."""

    def __init__(self, record: Record, home: Path, facts: ProviderFacts = FACTS) -> None:
        self.record = record
        self.facts = facts
        self.home = home
        self.listeners: list[Callable[[Record], None]] = []
        self.acts: list[tuple[str, str]] = []

    def watch(self, tell: Callable[[Record], None]) -> Callable[[], None]:
        self.listeners.append(tell)
        return lambda: self.listeners.remove(tell)

    def act(self, action: str, argument: str = "") -> None:
        self.acts.append((action, argument))

    def code(self) -> str:
        return "vg.generate(…)"

    def report(self) -> str:
        return f"report of {self.record.id}"

    def tell(self, **changes: Any) -> None:
        """The next record, told to everybody who watches."""
        self.record = replace(self.record, revision=self.record.revision + 1, **changes)
        for listener in list(self.listeners):
            listener(self.record)

    def succeed(self) -> None:
        """Put a file and its poster on the shelf, and say so."""
        for name, data in (("clips/x.mp4", b"an mp4"), ("clips/x.jpg", jpeg(640, 360))):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.tell(status=Status.SUCCEEDED, files=(FILE,), finished=NOW, cost=CNY)


assert {record.status for record in CASES.values()} == set(Status), "a status without a case"
assert {record.status for record in CASES.values()} >= FINAL
