"""What becomes of a submission, judged by the log of the server: rows S1 to S14."""

import sqlite3
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import vidgen_nb as vg
from vidgen_nb.records import Status

from ..loopback import Answer, Cut, HangUp, Loopback, Say, Seen, Silence
from ..playing import ACCEPTED, ASKED, RUNNING, MakeStudio


def on_post(server: Loopback, answer: Answer, on_get: Answer = RUNNING) -> None:
    def script(seen: Seen) -> Answer:
        return answer if seen.method == "POST" else on_get

    server.script = script


def test_s1_invalid_parameters_make_no_connection(studio: vg.Studio, server: Loopback) -> None:
    """S1: raised here, every problem at once, nothing sent."""
    with pytest.raises(vg.InvalidRequest) as raised:
        studio.generate("a boat", provider="relaydance", duration=99, resolution="9k", aspect_rato="16:9", seed=True)
    assert {problem.parameter for problem in raised.value.problems} == {"duration", "resolution", "aspect_rato", "seed"}
    assert "aspect_ratio" in str(raised.value)
    assert server.log == []


@pytest.mark.parametrize("trouble", ["a file in the way", "corrupt", "newer", "foreign"])
def test_s2_without_a_ledger_nothing_is_sent(
    trouble: str, make_studio: MakeStudio, server: Loopback, tmp_path: Path
) -> None:
    """S2: the error names the file and a way out, the file stays as it was, and no POST goes out."""
    home = tmp_path / "vidgen"
    ledger = home / "ledger.db"
    if trouble == "a file in the way":
        ledger = home
        home.write_text("in the way")
    else:
        home.mkdir()
        if trouble == "corrupt":
            ledger.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
        else:
            with sqlite3.connect(ledger) as db:
                db.execute("CREATE TABLE mine (x)")
                if trouble == "newer":
                    db.execute(f"PRAGMA application_id = {0x76674E42}")
                    db.execute("PRAGMA user_version = 999")
            db.close()
    before = ledger.read_bytes()
    with pytest.raises(vg.LedgerUnavailable) as raised:
        make_studio(home=home).generate(**ASKED)
    assert str(home) in str(raised.value)
    assert raised.value.hint
    assert ledger.read_bytes() == before
    assert server.log == []


def test_s3_what_never_left_is_safe_to_run_again(make_studio: MakeStudio, server: Loopback) -> None:
    """S3: a refused connection is proof; the same cell run again submits, once."""
    studio = make_studio(base_urls={"relaydance": "http://127.0.0.1:9"})
    with pytest.raises(vg.NotSent) as raised:
        studio.generate(**ASKED)
    assert "safe to run this again" in str(raised.value)
    assert raised.value.generation.status is Status.REFUSED
    assert make_studio().generate(**ASKED).status.open
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    "answer",
    [
        HangUp(),
        Silence(),
        Cut(Say(json={"status": "submitted", "task_id": "task_1"}), keep=12),
        Say(status=500, json={"message": "x"}),
        Say(status=502, body=b"<html>bad gateway</html>"),
        Say(status=409, json={}),
        Say(json={"message": "no id here"}),
        Say(body=b"<html>hello</html>"),
        Say(json={"task_id": "no spaces allowed"}),
        Say(status=302, headers={"Location": "/elsewhere"}),
        Say(json={"task_id": "task_1"}, headers={"Content-Encoding": "br"}),
    ],
    ids=[
        "hangs up",
        "silent",
        "cut before the id",
        "500",
        "502 html",
        "409",
        "no id",
        "html",
        "odd id",
        "302",
        "packed",
    ],
)
def test_s4_s7_s9_no_proof_means_unknown_and_no_second_post(
    answer: Answer, studio: vg.Studio, server: Loopback
) -> None:
    """S4, S7, S9, S10: SubmitUnknown carries the generation; asking again for the same never posts again."""
    on_post(server, answer)
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**ASKED)
    clip = raised.value.generation
    assert clip.status is Status.UNKNOWN
    for _ in range(3):
        with pytest.raises(vg.SubmitUnknown):
            studio.generate(**ASKED)
    assert len(server.posts) == 1


def test_s5_a_429_is_tried_again_as_told(studio: vg.Studio, server: Loopback) -> None:
    """S5: two refusals with Retry-After 0, then accepted: three POSTs, one clip."""
    answers = iter([Say(429, headers={"Retry-After": "0"}), Say(429, json={}, headers={"Retry-After": "0"}), ACCEPTED])

    def script(seen: Seen) -> Answer:
        return next(answers) if seen.method == "POST" else RUNNING

    server.script = script
    assert studio.generate(**ASKED).task_id == "task_1"
    assert len(server.posts) == 3


def test_s5_a_long_wait_is_said_at_once(studio: vg.Studio, server: Loopback) -> None:
    """S5: over a minute: RateLimited at once, with the time to come back."""
    on_post(server, Say(429, headers={"Retry-After": "600"}))
    with pytest.raises(vg.RateLimited) as raised:
        studio.generate(**ASKED)
    assert raised.value.retry_at is not None
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, vg.InvalidRequest),
        (401, vg.AuthError),
        (402, vg.InsufficientBalance),
        (403, vg.PermissionDenied),
        (404, vg.ModelNotFound),
    ],
)
def test_s6_a_refusal_is_free_to_try_again(
    status: int, kind: type[Exception], studio: vg.Studio, server: Loopback
) -> None:
    """S6: the provider's own words, and the same cell submits anew once the cause is gone."""
    on_post(server, Say(status, json={"error": {"message": "their words", "code": "c"}}))
    with pytest.raises(kind) as raised:
        studio.generate(**ASKED)
    assert "their words" in str(raised.value)
    on_post(server, ACCEPTED)
    clip = studio.generate(**ASKED)
    assert clip.status.open
    assert clip == raised.value.generation  # type: ignore[attr-defined]
    assert len(server.posts) == 2


def test_s8_an_id_out_of_a_broken_answer_is_confirmed(studio: vg.Studio, server: Loopback) -> None:
    """S8: cut after the task id: one GET confirms it, and the clip goes on."""
    on_post(server, Cut(ACCEPTED, keep=len('{"task_id": "task_1", "st')))
    clip = studio.generate(**ASKED)
    assert clip.task_id == "task_1"
    assert clip.status.open
    assert len(server.posts) == 1


def test_s8_an_unconfirmed_id_stays_a_candidate(studio: vg.Studio, server: Loopback) -> None:
    """S8: where the provider does not know it, the outcome is unknown and the id is kept."""
    on_post(
        server, Cut(ACCEPTED, keep=len('{"task_id": "task_1", "st')), Say(404, json={"error": {"message": "no task"}})
    )
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**ASKED)
    assert raised.value.generation.task_id == "task_1"


KILLED = """
    import os, sys, threading, time
    import vidgen_nb as vg
    studio = vg.Studio(keys={{"relaydance": "sk-test"}}, base_urls={{"relaydance": {url!r}}}, allow_paid=True)
    threading.Thread(target=lambda: studio.generate(**{asked!r}), daemon=True).start()
    sys.stdin.readline()
    os.kill(os.getpid(), 9)
"""


def test_s11_sigkill_between_post_and_answer_leaves_a_row(make_studio: MakeStudio, server: Loopback) -> None:
    """S11: the row was there before the POST; at the next start it is unknown, and the cell posts no second time."""
    arrived = threading.Event()

    def script(seen: Seen) -> Answer:
        arrived.set()
        return Silence()

    server.script = script
    code = textwrap.dedent(KILLED).format(url=server.url, asked=ASKED)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, text=True) as process:
        assert arrived.wait(30)
        process.communicate("now\n", timeout=30)
    studio = make_studio()
    (clip,) = studio.history()
    assert clip.status is Status.UNKNOWN
    with pytest.raises(vg.SubmitUnknown):
        studio.generate(**ASKED)
    assert len(server.posts) == 1


def test_s12_an_interrupt_leaves_the_post_alone(studio: vg.Studio, server: Loopback) -> None:
    """S12: whoever waited is gone; the POST runs to its end and its outcome is committed."""
    asked, answer_now = threading.Event(), threading.Event()

    def script(seen: Seen) -> Answer:
        asked.set()
        answer_now.wait(10)
        return ACCEPTED if seen.method == "POST" else RUNNING

    server.script = script
    waiting = threading.Thread(target=lambda: studio.generate(**ASKED), daemon=True)
    waiting.start()
    assert asked.wait(10)
    (clip,) = studio.history()
    assert clip.status is Status.SUBMITTING
    answer_now.set()
    waiting.join(10)
    assert studio.ledger.get(clip.id).task_id == "task_1"  # type: ignore[union-attr]


def test_s13_eight_threads_and_a_second_kernel_make_one_post(make_studio: MakeStudio, server: Loopback) -> None:
    """S13: one identity, one POST; everybody gets that clip."""
    first, second = make_studio(), make_studio()
    with ThreadPoolExecutor(8) as pool:
        clips = list(pool.map(lambda n: (first, second)[n % 2].generate(**ASKED), range(8)))
    assert len({clip.id for clip in clips}) == 1
    assert {clip.task_id for clip in clips} == {"task_1"}
    assert len(server.posts) == 1


def test_s13_eight_processes_make_one_post(server: Loopback, make_studio: MakeStudio) -> None:
    """S13: eight processes at once, none of which knows of the others."""
    code = textwrap.dedent("""
        import vidgen_nb as vg
        told = {{"keys": {{"relaydance": "sk-test"}}, "base_urls": {{"relaydance": {url!r}}}, "allow_paid": True}}
        with vg.Studio(**told) as studio:
            print(studio.generate(**{asked!r}).task_id)
    """).format(url=server.url, asked=ASKED)
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(8)]
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert said == ["task_1"] * 8
    assert len(server.posts) == 1


def test_s13_a_failed_task_is_not_asked_for_again(studio: vg.Studio, server: Loopback) -> None:
    """S13: the same cell raises its error again; only a retake asks anew."""
    failed = Say(json={"task_id": "task_1", "status": "failed", "error": {"message": "out of luck", "code": "x"}})
    on_post(server, ACCEPTED, failed)
    clip = studio.generate(**ASKED)
    with pytest.raises(vg.GenerationFailed):
        clip.wait(10)
    with pytest.raises(vg.GenerationFailed, match="out of luck"):
        studio.generate(**ASKED)
    assert len(server.posts) == 1
    on_post(server, Say(json={"task_id": "task_2", "status": "submitted"}))
    again = clip.retake()
    assert (again.take, again.parent, again.task_id) == (2, clip, "task_2")
    assert clip.retake() == again
    assert len(server.posts) == 2


def test_s14_no_human_no_accident(make_studio: MakeStudio, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """S14: in CI a new paid submit is refused in words; a replay and a simulation are free."""
    monkeypatch.setenv("CI", "true")
    careful = make_studio(allow_paid=None)
    with pytest.raises(vg.PaidRefused, match="VIDGEN_ALLOW_PAID"):
        careful.generate(**ASKED)
    assert server.log == []
    monkeypatch.setenv("VIDGEN_ALLOW_PAID", "1")
    clip = careful.generate(**ASKED)
    monkeypatch.delenv("VIDGEN_ALLOW_PAID")
    assert careful.generate(**ASKED) == clip
    assert len(server.posts) == 1


def test_without_a_key_nothing_is_sent(make_studio: MakeStudio, server: Loopback) -> None:
    """The error ends with both next steps; and a replay needs no key."""
    clip = make_studio().generate(**ASKED)
    keyless = make_studio(keys={})
    assert keyless.generate(**ASKED) == clip
    with pytest.raises(vg.MissingKey, match=r"RELAYDANCE_API_KEY.*simulate=True"):
        keyless.generate("another", provider="relaydance")
    assert len(server.posts) == 1
