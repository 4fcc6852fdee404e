"""What becomes of a submission at each of the five, judged by the log of the server: rows S1 to S5 and S8 to S13.

The refusals of S6 and the replies of S7 are in test_refusals.py, S14 in test_unattended.py.
"""

import contextlib
import gzip
import json
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.records import Record, Status

from ..loopback import Answer, Cut, Drip, HangUp, Loopback, Reset, Say, Seen, Silence
from ..playing import ASKED, RELAYDANCE, TASK, MakeStudio, Play, Provider, told


# ── nothing leaves ────────────────────────────────────────────────────────────
def test_s1_invalid_parameters_make_no_connection(play: Play, studio: vg.Studio, server: Loopback) -> None:
    """S1: raised here, every problem at once, nothing sent."""
    wrong = {**play.request, "prompt": "", "duration": 99, "resolutoin": "720p"}
    with pytest.raises(vg.InvalidRequest, match="Nothing was sent") as raised:
        studio.generate(**wrong)
    assert {problem.parameter for problem in raised.value.problems} == {"prompt", "duration", "resolutoin"}
    assert server.log == []


@pytest.mark.parametrize("trouble", ["a file in the way", "a folder in the way", "corrupt", "newer", "foreign"])
def test_s2_without_a_ledger_nothing_is_sent(
    trouble: str, play: Play, make_studio: MakeStudio, server: Loopback, tmp_path: Path
) -> None:
    """S2: the error names the file and a way out, the file stays as it was, and no POST goes out."""
    home = tmp_path / "vidgen"
    ledger = home if trouble == "a file in the way" else home / "ledger.db"
    spoil(ledger, trouble)
    before = ledger.read_bytes() if ledger.is_file() else b""
    with pytest.raises(vg.LedgerUnavailable) as raised:
        make_studio(home=home).generate(**play.request)
    assert str(home) in str(raised.value)
    assert raised.value.hint
    assert (ledger.read_bytes() if ledger.is_file() else b"") == before
    assert server.log == []


def spoil(ledger: Path, trouble: str) -> None:
    """Put something in the place of the ledger that is none."""
    ledger.parent.mkdir(exist_ok=True)
    if trouble == "a file in the way":
        ledger.write_text("in the way")
    elif trouble == "a folder in the way":
        ledger.mkdir()
    elif trouble == "corrupt":
        ledger.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    else:
        with contextlib.closing(sqlite3.connect(ledger)) as db:
            db.execute("CREATE TABLE mine (x)")
            if trouble == "newer":
                db.execute(f"PRAGMA application_id = {0x76674E42}")
                db.execute("PRAGMA user_version = 999")


def test_s2_a_full_disk_sends_nothing(play: Play, make_studio: MakeStudio, server: Loopback) -> None:
    """S2: the ledger was fine until the disk filled up; the same cell submits once there is room."""
    resource = pytest.importorskip("resource", reason="Windows has no limit to stand in for a full disk")
    studio = make_studio()
    Provider(server, play=play)
    assert studio.history() == []  # the ledger is open
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(vg.LedgerUnavailable, match=r"ledger\.db"):
            studio.generate(**play.request)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert server.log == []
    assert studio.generate(**play.request).task_id == TASK
    assert len(server.posts) == 1


def test_s2_a_disk_that_fills_up_just_before_the_post(
    provider: Provider, studio: vg.Studio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S2: the row was written, the step before the first byte was not: 0 POST, and the same cell is free to run."""
    asked = provider.play.request
    change, full = studio.ledger.change, threading.Event()

    def no_room(record: Record, *args: Any, **values: Any) -> Record:
        if not full.is_set():
            raise vg.LedgerUnavailable("The ledger cannot be used.", hint="Free disk space.")
        return change(record, *args, **values)

    monkeypatch.setattr(studio.ledger, "change", no_room)
    with pytest.raises(vg.LedgerUnavailable):
        studio.generate(**asked)
    with pytest.raises(vg.NotSent):  # not yet written down, and said all the same
        studio.generate(**asked)
    assert server.log == []
    full.set()
    deadline = time.monotonic() + 20
    while (row := studio.ledger.search()[0]).status is not Status.REFUSED:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert studio.generate(**asked).id == row.id
    assert len(server.posts) == 1


@contextlib.contextmanager
def nobody(kind: str) -> Iterator[str]:
    """An address at which no request can be handed over."""
    scheme = "https" if kind == "no TLS" else "http"
    with socket.socket() as there, contextlib.ExitStack() as opened:
        # held to the end: a server of another test would answer at a port that is given back
        there.bind(("127.0.0.1", 0))
        address = there.getsockname()
        if kind == "no TLS":
            there.listen()
            threading.Thread(target=hang_up, args=(there,), daemon=True).start()
        elif kind != "refused":  # the queue is full: a connection is neither taken nor refused
            there.listen(0)
            for _ in range(3):
                filler = opened.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(address)
        yield f"{scheme}://127.0.0.1:{address[1]}"


def hang_up(there: socket.socket) -> None:
    """Close every connection before a word is said."""
    with contextlib.suppress(OSError):
        while True:
            there.accept()[0].close()


def not_sent(play: Play, url: str, make_studio: MakeStudio) -> vg.Generation:
    """Proven not sent, after three tries of the connect phase."""
    impatient = vg.Timing(connect=0.3, submit=1.5, poll=1.5)
    studio = make_studio(base_urls={play.name: url + play.base}, timing=impatient)
    began = time.monotonic()
    with pytest.raises(vg.NotSent, match="safe to run this again") as raised:
        studio.generate(**play.request)
    assert time.monotonic() - began >= 1.5  # the pauses before the second and the third try
    clip: vg.Generation = raised.value.generation
    assert clip.status is Status.REFUSED
    return clip


def test_s3_what_never_left_is_safe_to_run_again(play: Play, make_studio: MakeStudio, server: Loopback) -> None:
    """S3: a refused connection is proof; the same cell run again submits, once."""
    with nobody("refused") as url:
        not_sent(play, url, make_studio)
    Provider(server, play=play)
    assert make_studio().generate(**play.request).status.open
    assert len(server.posts) == 1


@pytest.mark.parametrize("kind", ["no TLS", "no answer to the connect"])
def test_s3_other_ways_not_to_leave(kind: str, make_studio: MakeStudio) -> None:
    """S3: a TLS handshake that fails, and a connection that is neither taken nor refused."""
    with nobody(kind) as url:
        not_sent(RELAYDANCE, url, make_studio)


# ── it left, and no usable answer came ────────────────────────────────────────
def lost_for_good(studio: vg.Studio, server: Loopback, play: Play) -> vg.Generation:
    """The outcome is unknown, and however often it is asked for, the server sees one POST."""
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**play.request)
    clip: vg.Generation = raised.value.generation
    assert clip.status is Status.UNKNOWN
    for _ in range(2):
        with pytest.raises(vg.SubmitUnknown):
            studio.generate(**play.request)
    assert len(server.posts) == 1
    return clip


BROKEN = {
    "hangs up": lambda accepted: HangUp(),
    "reset": lambda accepted: Reset(),
    "silent": lambda accepted: Silence(),
    "cut at the head": lambda accepted: Cut(accepted, keep=0),
    "cut before the id": lambda accepted: Cut(accepted, keep=json.dumps(accepted.json).index(TASK)),
}


@pytest.mark.parametrize("how", BROKEN)
def test_s4_a_lost_answer_is_unknown_and_never_sent_again(
    how: str, provider: Provider, studio: vg.Studio, server: Loopback, make_studio: MakeStudio
) -> None:
    """S4: SubmitUnknown carries the generation; neither this kernel nor a second one ever posts it again."""
    provider.submits = [BROKEN[how](provider.play.accepted), provider.play.accepted]
    clip = lost_for_good(studio, server, provider.play)
    with pytest.raises(vg.SubmitUnknown):
        make_studio().generate(**provider.play.request)
    assert clip.error is not None
    assert "Charged once or not at all" in str(clip.error)
    assert len(server.posts) == 1


# ── too many requests ─────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "told_to",
    [{"Retry-After": "0"}, {"Retry-After": formatdate(0, usegmt=True)}, {"Retry-After": "0.2"}],
    ids=["0", "a date in the past", "0.2"],
)
def test_s5_a_429_is_tried_again_as_told(
    told_to: dict[str, str], provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """S5: refused twice, with a body and without one, then accepted: three POSTs, one clip."""
    limits = [Say(429, headers=told_to), Say(429, json={"message": "slow down"}, headers=told_to)]
    provider.submits = [*limits, provider.play.accepted]
    assert studio.generate(**provider.play.request).task_id == TASK
    assert len(server.posts) == 3


def test_s5_three_tries_and_no_more(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S5: RateLimited after the third refusal; the same cell may try again later."""
    provider.submits = [Say(429, headers={"Retry-After": "0"})]
    with pytest.raises(vg.RateLimited) as raised:
        studio.generate(**provider.play.request)
    assert len(server.posts) == 3
    provider.submits = [provider.play.accepted]
    assert studio.generate(**provider.play.request) == raised.value.generation
    assert len(server.posts) == 4


@pytest.mark.parametrize("form", ["seconds", "a date"])
def test_s5_a_long_wait_is_said_at_once(form: str, provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S5: over a minute: RateLimited at once, with the time to come back."""
    later = time.time() + 600
    provider.submits = [
        Say(429, headers={"Retry-After": "600" if form == "seconds" else formatdate(later, usegmt=True)})
    ]
    with pytest.raises(vg.RateLimited) as raised:
        studio.generate(**provider.play.request)
    assert raised.value.retry_at == pytest.approx(later, abs=60)
    assert len(server.posts) == 1


@pytest.mark.parametrize("told_to", [{}, {"Retry-After": "soon"}], ids=["absent", "garbage"])
def test_s5_without_a_time_the_pause_is_ours(told_to: dict[str, str], studio: vg.Studio, server: Loopback) -> None:
    """S5: 429 which does not say for how long: tried again after a pause of seconds, not at once."""
    provider = Provider(server)
    provider.submits = [Say(429, headers=told_to), provider.play.accepted]
    began = time.monotonic()
    assert studio.generate(**ASKED).task_id == TASK
    assert time.monotonic() - began >= 2
    assert len(server.posts) == 2


# ── broken answers ────────────────────────────────────────────────────────────
def cut_after_the_id(play: Play) -> Cut:
    """The answer breaks off just behind the task id."""
    return Cut(play.accepted, keep=json.dumps(play.accepted.json).rindex(TASK) + len(TASK) + 3)


def test_s8_an_id_out_of_a_broken_answer_is_confirmed(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S8: cut after the task id: one GET confirms it, and the clip comes home."""
    provider.submits = [cut_after_the_id(provider.play)]
    clip = studio.generate(**provider.play.request)
    assert clip.task_id == TASK
    assert server.gets[0].path == provider.play.query.format(TASK)
    assert clip.wait(20).status is Status.SUCCEEDED
    assert len(server.posts) == 1


def test_s8_an_unconfirmed_id_stays_a_candidate(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S8: where the provider does not know it, the outcome is unknown, and the id is kept for a person."""
    provider.submits = [cut_after_the_id(provider.play)]
    provider.polls = [provider.play.say(provider.play.missing)]
    clip = lost_for_good(studio, server, provider.play)
    assert clip.task_id == TASK
    assert len(server.gets) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_s9_a_redirect_is_never_followed(status: int, provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S9: unknown, because whoever redirects may have read the request."""
    provider.submits = [Say(status, headers={"Location": provider.play.submit})]
    lost_for_good(studio, server, provider.play)
    assert server.gets == []


@pytest.mark.parametrize("status", [307, 308])
def test_s9_an_address_that_moved_is_a_refusal(
    status: int, provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """S9: 307 and 308 name another place for the request: refused, and the error names the variable to set."""
    provider.submits = [Say(status, headers={"Location": "https://elsewhere.example.com/v9?key=1"})]
    with pytest.raises(vg.ProviderRefused, match=r"moved to https://elsewhere\.example\.com/v9\..*_BASE_URL"):
        studio.generate(**provider.play.request)
    assert len(server.posts) == 1


ENDLESS = {
    "too large": Say(body=b'{"task_id": "' + b"x" * (9 << 20)),
    "bomb": Say(body=gzip.compress(b" " * (64 << 20)), headers={"Content-Encoding": "gzip"}),
    "packed in another way": Say(json={"task_id": TASK}, headers={"Content-Encoding": "br"}),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_s10_an_answer_without_end_is_unknown(
    what: str, provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """S10: read up to 8 MiB of it, unpacked, then the outcome is unknown."""
    provider.submits = [ENDLESS[what]]
    lost_for_good(studio, server, provider.play)


def test_s10_a_slow_answer_is_unknown(studio: vg.Studio, server: Loopback) -> None:
    """S10: a byte now and then never ends a read; the limit is for the whole answer."""
    Provider(server).submits = [Drip(Say(body=b" " * 5000))]
    lost_for_good(studio, server, RELAYDANCE)


def test_s10_a_bomb_does_not_fill_the_memory(studio: vg.Studio, server: Loopback) -> None:
    """S10: while 64 MiB are packed into an answer, less than that is ever held."""
    Provider(server).submits = [ENDLESS["bomb"]]
    tracemalloc.start()
    try:
        with pytest.raises(vg.SubmitUnknown):
            studio.generate(**ASKED)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


# ── kernels that end, people who interrupt ────────────────────────────────────
KILLED = """
    import os, sys, threading, time
    import vidgen_nb as vg
    studio = vg.Studio(**{told!r}, allow_paid=True)
    threading.Thread(target=lambda: studio.generate(**{asked!r}), daemon=True).start()
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def test_s11_sigkill_between_post_and_answer_leaves_a_row(
    play: Play, make_studio: MakeStudio, server: Loopback
) -> None:
    """S11: the row was there before the POST; at the next start it is unknown, and the cell posts no second time."""
    arrived = threading.Event()

    def script(seen: Seen) -> Answer:
        arrived.set()
        return Silence()

    server.script = script
    code = textwrap.dedent(KILLED).format(told=told(server.url), asked=play.request)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True) as process:
        assert arrived.wait(60)
        process.communicate("now\n", timeout=30)
    studio = make_studio()
    (clip,) = studio.history()
    assert clip.status is Status.UNKNOWN
    assert clip.provider == play.name
    with pytest.raises(vg.SubmitUnknown):
        studio.generate(**play.request)
    assert len(server.posts) == 1


@pytest.mark.parametrize("answer", ["accepted", "refused", "lost"])
def test_s12_an_interrupt_leaves_the_post_alone(
    answer: str, provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """S12: whoever waited is gone; the POST runs to its end and its outcome is committed, whatever it is."""
    arrived, answer_now = threading.Event(), threading.Event()
    provider.submits = [{"accepted": provider.play.accepted, "refused": Say(400, json={}), "lost": HangUp()}[answer]]
    provider.polls = [provider.running]

    def script(seen: Seen) -> Answer:
        arrived.set()
        answer_now.wait(20)
        return provider.answer(seen)

    server.script = script
    clip = studio.begin(provider.play.name, {k: v for k, v in provider.play.request.items() if k != "provider"})
    assert arrived.wait(20)
    row = studio.ledger.get(clip.id)
    assert row is not None
    assert (row.status, row.step) == (Status.SUBMITTING, "sending")  # committed before the first byte
    answer_now.set()
    studio.close()  # as a kernel that ends in good order does: it lets the POST end
    assert len(server.posts) == 1
    with contextlib.closing(sqlite3.connect(clip.home / "ledger.db")) as db:
        ((status, task_id),) = db.execute("SELECT status, task_id FROM generations").fetchall()
    kept = {"accepted": ({"queued", "running"}, TASK), "refused": ({"refused"}, ""), "lost": ({"unknown"}, "")}[answer]
    assert status in kept[0]
    assert task_id == kept[1]


# ── one intent, one POST ──────────────────────────────────────────────────────
def test_s13_eight_threads_and_a_second_kernel_make_one_post(
    provider: Provider, make_studio: MakeStudio, server: Loopback
) -> None:
    """S13: one identity, one POST; everybody gets that clip."""
    first, second = make_studio(), make_studio()
    provider.polls = [provider.running]
    with ThreadPoolExecutor(8) as pool:
        clips = list(pool.map(lambda n: (first, second)[n % 2].generate(**provider.play.request), range(8)))
    assert len({clip.id for clip in clips}) == 1
    assert {clip.task_id for clip in clips} == {TASK}
    assert len(server.posts) == 1


def test_s13_eight_processes_make_one_post(server: Loopback) -> None:
    """S13: eight processes at once, none of which knows of the others."""
    code = textwrap.dedent("""
        import vidgen_nb as vg
        with vg.Studio(**{told!r}, allow_paid=True) as studio:
            print(studio.generate(**{asked!r}).task_id)
    """).format(told=told(server.url), asked=ASKED)
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(8)]
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert said == [TASK] * 8
    assert len(server.posts) == 1


def test_s13_a_failed_task_is_not_asked_for_again(
    provider: Provider, studio: vg.Studio, make_studio: MakeStudio, server: Loopback
) -> None:
    """S13: the same cell raises its error again, in a second kernel too; only a retake asks anew, once."""
    play = provider.play
    provider.polls = [play.say(play.failed)]
    clip = studio.generate(**play.request)
    with pytest.raises(vg.GenerationFailed) as failed:
        clip.wait(20)
    for kernel in (studio, make_studio()):
        with pytest.raises(vg.GenerationFailed) as again:
            kernel.generate(**play.request)
        assert again.value.said == failed.value.said
    assert failed.value.said
    assert len(server.posts) == 1
    provider.submits = [play.say("submit", task="task_2")]
    retake = clip.retake()
    assert (retake.take, retake.parent, retake.task_id) == (2, clip, "task_2")
    assert clip.retake() == retake
    assert len(server.posts) == 2


def test_without_a_key_nothing_is_sent(provider: Provider, make_studio: MakeStudio, server: Loopback) -> None:
    """The error ends with both next steps; and a replay needs no key."""
    play = provider.play
    clip = make_studio().generate(**play.request)
    keyless = make_studio(keys={})
    assert keyless.generate(**play.request) == clip
    with pytest.raises(vg.MissingKey, match=r"_API_KEY.*simulate=True"):
        keyless.generate(**{**play.request, "prompt": "another"})
    assert len(server.posts) == 1


def test_the_key_goes_in_the_documented_header(provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """And nowhere else: not in the address, not in the body."""
    studio.generate(**provider.play.request).wait(20)
    for seen in [*server.posts, *(get for get in server.gets if get.path == provider.play.query.format(TASK))]:
        others: dict[str, Any] = {name: value for name, value in seen.headers.items() if name != provider.play.auth}
        assert "sk-test" in seen.headers[provider.play.auth]
        assert "sk-test" not in f"{others} {seen.path} {seen.body!r}"
