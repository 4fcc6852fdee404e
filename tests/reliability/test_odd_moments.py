"""Nobody pays twice at odd moments either: a person who loses patience, two who decide at once, a home that moves."""

import _thread
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.engine import runner
from vidgen_nb.ledger import Ledger
from vidgen_nb.orders import Order
from vidgen_nb.records import Record, Status

from ..loopback import Answer, HangUp, Loopback, Say
from ..playing import ASKED, QUICK, RELAYDANCE, TASK, MakeStudio, Provider, told


def lost(studio: vg.Studio, asked: dict[str, Any]) -> vg.Generation:
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**asked)
    return raised.value.generation  # type: ignore[no-any-return]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


# ── a resubmission of which nothing came ──────────────────────────────────────
@pytest.mark.parametrize("refusal", [Say(400, json={}), Say(429, headers={"Retry-After": "600"})], ids=["400", "429"])
def test_a_refused_resubmission_leaves_the_first_one_unknown(
    refusal: Answer, provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """That nothing came of the second POST says nothing of the first: no cell sends a third one, without the words."""
    provider.submits = [HangUp(), refusal, provider.play.accepted]
    clip = lost(studio, provider.play.request)
    with pytest.raises(vg.SubmitUnknown, match=r"accepted nothing .* as unknown as it was.*resubmit\("):
        clip.resubmit(accept_double_charge=True)
    assert (clip.status, clip.record.doubts) == (Status.UNKNOWN, 0)
    assert lost(studio, provider.play.request) == clip
    assert len(server.posts) == 2
    clip.resubmit(accept_double_charge=True)
    assert (clip.task_id, clip.record.doubts) == (TASK, 1)
    assert len(server.posts) == 3


def test_a_resubmission_that_never_left(make_studio: MakeStudio, server: Loopback) -> None:
    """A ledger that cannot be written just before its POST: 0 POST, and the first one is as unknown as it was."""
    provider = Provider(server)
    studio = make_studio()
    provider.submits = [HangUp()]
    clip = lost(studio, ASKED)
    change, full = studio.ledger.change, [True]

    def no_room(record: Record, *args: Any, **values: Any) -> Record:
        if full[0] and values.get("step") == "sending":
            raise vg.LedgerUnavailable("The ledger cannot be used.", hint="Free disk space.")
        return change(record, *args, **values)

    studio.ledger.change = no_room  # type: ignore[method-assign]
    with pytest.raises(vg.LedgerUnavailable):
        clip.resubmit(accept_double_charge=True)
    full[0] = False
    until(lambda: clip.status is Status.UNKNOWN)
    assert lost(make_studio(), ASKED) == clip
    assert len(server.posts) == 1


def test_a_kernel_killed_before_its_resubmission(make_studio: MakeStudio, server: Loopback) -> None:
    """SIGKILL between the decision and the POST: the next kernel finds it unknown, with the candidate it had."""
    provider = Provider(server)
    provider.submits = [HangUp()]
    with make_studio() as studio:
        clip = lost(studio, ASKED)
        row = studio.ledger.change(clip.record, task_id="task_perhaps", owner="")
        studio.ledger.change(row, status=Status.SUBMITTING, step="intended", error=None, doubts=1, owner="dead")
    assert lost(make_studio(), ASKED).record.task_id == "task_perhaps"
    assert len(server.posts) == 1


# ── interrupts ────────────────────────────────────────────────────────────────
IMPATIENT = """
    import os, signal, sqlite3, threading
    import vidgen_nb as vg

    studio = vg.Studio(**{told!r}, allow_paid=True)
    studio.history()
    deeds = (
        lambda: studio.generate(**{asked!r}),
        lambda: studio.price("aitoearn", per_clip=1, unit="CNY"),
        studio.resume,
    )
    for deed in deeds:
        busy = sqlite3.connect(studio.home / "ledger.db", isolation_level=None, check_same_thread=False)
        busy.execute("BEGIN IMMEDIATE")
        interrupt = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT])
        timers = (interrupt, threading.Timer(1.5, busy.execute, ["ROLLBACK"]))
        for timer in timers:
            timer.start()
        try:
            deed()
        except KeyboardInterrupt:
            print("interrupted")
        for timer in timers:
            timer.join()
        busy.execute("BEGIN IMMEDIATE")  # nobody else has it
        busy.execute("ROLLBACK")
        busy.close()
    print(studio.generate(**{asked!r}).task_id)
"""


def test_an_interrupt_while_the_ledger_is_busy(server: Loopback) -> None:
    """S12: another process writes, and whoever waits loses patience: the ledger stays free, and one POST goes."""
    Provider(server)
    code = textwrap.dedent(IMPATIENT).format(told=told(server.url), asked=ASKED)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.stdout.split(), ran.stderr) == (["interrupted"] * 3 + [TASK], "")
    assert len(server.posts) == 1


def test_an_interrupt_just_after_the_claim(
    studio: vg.Studio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S12: the row is written down, and whoever asked for it is gone: it is sent all the same, and once."""
    Provider(server)
    intend = Ledger.intend

    def interrupted(*args: Any) -> Any:
        claimed = intend(*args)
        _thread.interrupt_main()
        return claimed

    def ask() -> None:
        studio.generate(**ASKED)
        threading.Event().wait(20)  # it may have come to its end before it could be interrupted

    monkeypatch.setattr(Ledger, "intend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask()
    monkeypatch.undo()
    assert studio.generate(**ASKED).task_id == TASK
    assert len(server.posts) == 1


# ── two who do it at once ─────────────────────────────────────────────────────
def test_one_task_is_adopted_by_one_of_two(make_studio: MakeStudio, server: Loopback) -> None:
    """Two lost clips, two kernels, one task: one of them gets it, the other is told whose it is."""
    provider = Provider(server)
    provider.submits, provider.polls = [HangUp()], [provider.running]
    one, two = make_studio(), make_studio()
    clips = [lost(studio, {**ASKED, "take": take}) for take, studio in enumerate((one, two), 1)]
    start = threading.Barrier(2)

    def adopt(clip: vg.Generation) -> str:
        start.wait(20)
        try:
            return clip.adopt(TASK).id
        except vg.InvalidRequest as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        got = list(pool.map(adopt, clips))
    (owner,) = [clip for clip, words in zip(clips, got, strict=True) if words == clip.id]
    assert [f"the task of {owner.id}" in words for words in got].count(True) == 1
    assert sorted(clip.status.open for clip in clips) == [False, True]


@pytest.mark.parametrize("by_then", ["running", "succeeded"])
def test_a_stuck_clip_that_another_kernel_went_on_with(by_then: str, make_studio: MakeStudio, server: Loopback) -> None:
    """What this kernel shows is old: resume() joins the other one, or finds the clip at home."""
    provider = Provider(server)
    provider.polls = [RELAYDANCE.done("")]
    here, there = (make_studio(timing=replace(QUICK, no_media_grace=0)) for _ in range(2))
    clip = here.generate(**ASKED)
    with pytest.raises(vg.GenerationStuck):
        clip.wait(20)
    provider.polls = [provider.done if by_then == "succeeded" else provider.running]
    other = there.resume(clip.id)
    until(lambda: other.status == by_then)
    assert clip.status is Status.STUCK
    clip.resume()
    provider.polls = [provider.done]
    assert clip.wait(20).path == other.wait(20).path
    assert len(server.posts) == 1


def test_a_note_on_a_clip_that_waits_for_its_turn(
    make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kernel writes beside a row whose POST has not begun: it is sent once all the same, and the note stays."""
    Provider(server)
    here, there = make_studio(), make_studio()
    begin = here.runner._begin

    async def noted(job: Any) -> bool:
        (waiting,) = there.history()
        assert (waiting.status, waiting.record.step) == (Status.SUBMITTING, "intended")
        waiting.rate(5, note="in the queue")
        return await begin(job)

    monkeypatch.setattr(here.runner, "_begin", noted)
    clip = here.generate(**ASKED)
    assert (clip.task_id, clip.rating, clip.note) == (TASK, 5, "in the queue")
    assert len(server.posts) == 1


def test_whoever_submits_dies_where_nobody_may_pay(
    make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S14: a row that another process was about to send becomes free just as CI asks for it: CI does not send it."""
    careful = make_studio(allow_paid=None)
    monkeypatch.setenv("CI", "true")
    gateway = careful.gateways.to("relaydance")
    order = Order("relaydance", {name: value for name, value in ASKED.items() if name != "provider"})
    row = careful.orders.row(gateway, careful.orders.asked(gateway, order))
    with closing(Ledger(careful.ledger.home)) as other:
        other.intend(row)
    with pytest.raises(vg.PaidRefused):
        careful.generate(**ASKED)
    assert server.log == []


# ── what is gone ──────────────────────────────────────────────────────────────
@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_home_that_is_gone(how: str, make_studio: MakeStudio, server: Loopback, tmp_path: Path) -> None:
    """S2: a row in a file that nobody will find again remembers nothing: 0 POST, and the way out."""
    home, studio = tmp_path / "home", make_studio(home=tmp_path / "home")
    Provider(server)
    assert studio.history() == []
    if how == "deleted":
        shutil.rmtree(home)
    else:
        home.rename(tmp_path / "elsewhere")
    if how == "replaced":
        shutil.copytree(tmp_path / "elsewhere", home)
    with pytest.raises(vg.LedgerUnavailable, match=r"moved or deleted .* restart the kernel"):
        studio.generate(**ASKED)
    assert server.log == []
    if how == "moved":
        (tmp_path / "elsewhere").rename(home)
        assert studio.generate(**ASKED).task_id == TASK


def test_a_closed_studio_decides_nothing(make_studio: MakeStudio, server: Loopback) -> None:
    """Each way on ends in words with a next step, and sends nothing."""
    provider = Provider(server)
    provider.submits = [HangUp()]
    studio = make_studio()
    clip = lost(studio, ASKED)
    studio.close()
    ways: list[Callable[[], object]] = [
        clip.reconcile, lambda: clip.adopt("x"), lambda: clip.resolve(not_billed=True), clip.retake, clip.check,
        lambda: clip.resubmit(accept_double_charge=True), lambda: clip.rate(3), clip.resume,
    ]  # fmt: skip
    for way in ways:
        with pytest.raises(vg.VidgenError) as raised:
            way()
        assert raised.value.hint
    assert len(server.posts) == 1


def test_a_proxy_that_nobody_can_use(monkeypatch: pytest.MonkeyPatch, make_studio: MakeStudio) -> None:
    """S3: the environment names a kind of proxy which the library does not know: nothing was sent, and it says why."""
    monkeypatch.setenv("ALL_PROXY", "socks9://127.0.0.1:1")
    studio = make_studio(base_urls={"relaydance": "http://relay.example"})
    for _ in range(2):
        with pytest.raises(vg.NotSent, match=r"proxy .* none that can be used.*safe to run this again"):
            studio.generate(**ASKED)


# ── a ledger that takes long ──────────────────────────────────────────────────
def test_an_id_which_the_disk_did_not_take_at_once(
    studio: vg.Studio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer has come, and the disk is full for longer than a cell waits: the id is written as soon as there is
    room, and the clip comes home.
    """
    provider = Provider(server)
    change, full = studio.ledger.change, threading.Event()

    def no_room(record: Record, *args: Any, **values: Any) -> Record:
        if values.get("task_id") and not full.is_set():
            raise vg.LedgerUnavailable("The ledger cannot be used.", hint="Free disk space.")
        return change(record, *args, **values)

    monkeypatch.setattr(studio.ledger, "change", no_room)
    monkeypatch.setattr(runner, "INSISTING", 1)
    provider.polls = [provider.running]
    with pytest.raises(vg.LedgerUnavailable):
        studio.generate(**ASKED)
    (clip,) = studio.history()
    assert clip.task_id == TASK
    full.set()
    provider.polls = [provider.done]
    assert studio.generate(**ASKED).wait(20).status is Status.SUCCEEDED
    row = studio.ledger.get(clip.id)
    assert row is not None
    assert row.task_id == TASK
    assert len(server.posts) == 1
