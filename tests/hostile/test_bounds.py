"""Bounds: whatever is too much (bodies, bombs, heads, pieces, messages, prompts) costs little memory, and a clear word.

A kernel of its own does the asking, so that its memory is that of the package alone; the server is out here.
"""

import gzip
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.engine.rules import MOST_SAID, mend
from vidgen_nb.records import Reply

from ..loopback import Answer, Loopback, Say, serving
from ..playing import (
    CLIP,
    NEWAPI,
    PLAYS,
    RELAYDANCE,
    MakeStudio,
    Play,
    Provider,
    make_studio,
    play,
    provider,
    server,
    told,
)  # fmt: skip
from .toxics import Endless

__all__ = ["make_studio", "play", "provider", "server"]

MOST = 64 << 20  # bytes by which a kernel may grow
MIB = 1 << 20
MOST_SHOWN = 200_000  # characters of any view

# The peak is that of the memory which is in use: Linux can start counting it anew, elsewhere it is that of the process.
KERNEL = """
    import json, sys
    from pathlib import Path
    import vidgen_nb as vg

    def now(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

    def everywhere(studio, clip, request):
        # the length of each thing that is shown of it
        provider = request["provider"]
        asked = {k: v for k, v in request.items() if k not in ("provider", "take", "check")}
        form = studio.form(provider, **asked)
        again = {k: v for k, v in asked.items() if k != "prompt"}
        sweep = studio.sweep([request["prompt"], "a " + request["prompt"]], provider=provider, check=False, **again)
        things = {
            "card": clip, "history": studio.history(), "found": studio.history(request["prompt"][:50]), "form": form,
            "plan": studio.plan(**request), "sweep": sweep, "grid": sweep.run(skip_invalid=True),
            "compare": studio.compare(clip, studio.history()[-1]), "spend": studio.spend(),
        }
        things["grid"].wait(120)
        shown = {name: len(str(thing._repr_mimebundle_())) for name, thing in things.items()}
        return shown | {"line": len(repr(clip)), "form's line": len(repr(form))}

    for line in sys.stdin:
        arguments, request, all_views = json.loads(line)
        Path("/proc/self/clear_refs").write_text("5")
        before = now("VmRSS")
        with vg.Studio(**arguments, allow_paid=True, timing=vg.Timing(
            connect=2, submit=8, poll=8, first_poll=0.02, min_gap=0.02, max_gap=0.05,
        )) as studio:
            try:
                clip = studio.generate(**request).wait(120)
                said = clip.status
                shown = {"card": len(str(clip._repr_mimebundle_()))}
                if all_views:
                    shown = everywhere(studio, clip, request)
            except vg.VidgenError as error:
                said = f"{type(error).__name__}: {error}"
                shown = {"error": len("".join(error._render_traceback_()))}
        print(json.dumps({"grown": now("VmHWM") - before, "said": said, "shown": shown}), flush=True)
"""


class Kernel:
    """A kernel which asks for clips, one after the other, and says by how much it has grown for it."""

    def __init__(self, url: str, home: Path) -> None:
        self._told = {**told(url), "home": str(home)}
        self._takes = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KERNEL)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, play: Play, *, all_views: bool = False, **more: Any) -> tuple[str, str]:
        """The error's name, or how the clip is, and what is said of it; never after having grown too much."""
        answer = self._make(play, all_views=all_views, **more)
        assert answer["grown"] < MOST, f"{answer['grown'] / MIB:.0f} MiB"
        assert {name: size for name, size in answer["shown"].items() if size > MOST_SHOWN} == {}
        kind, _, said = answer["said"].partition(": ")
        return kind, said

    def warm_up(self) -> None:
        """A clip for which everything is loaded that a clip needs."""
        assert self._make(RELAYDANCE)["said"] == "succeeded"

    def _make(self, play: Play, *, all_views: bool = False, **more: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._takes += 1
        request = {**play.request, "take": self._takes, "check": False, **more}
        self._process.stdin.write(json.dumps([self._told, request, all_views]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def line() -> Iterator[Loopback]:
    with serving(lambda seen: Say(500)) as running:
        yield running


@pytest.fixture(scope="module")
def kernel(line: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that has made a clip already."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux says how much memory was in use")
    kernel = Kernel(line.url, tmp_path_factory.mktemp("bounds") / "vidgen")
    try:
        Provider(line)
        kernel.warm_up()
        yield kernel
    finally:
        kernel.close()


def message(size: int) -> bytes:
    """A JSON error with a message of so many bytes."""
    return json.dumps({"error": {"message": "no! " * (size // 4), "code": "E" * 1000}}).encode()


WITHOUT_END: dict[str, Answer] = {
    "text": Endless(b"x" * 65_536, begin=b'{"task_id": "'),
    "quotes": Endless(b'\\"' * 30_000, begin=b'{"task_id": "'),
    "empty lists": Endless(b"[]," * 20_000, begin=b'{"a": ['),
    "objects": Endless(b'{"a":1},' * 8_000, begin=b'{"a": ['),
    "depth": Endless(b"[" * 60_000),
    "head": Endless(b"X-A: b\r\n" * 8_000, head=b"HTTP/1.1 200 OK\r\n"),
    "bomb": Say(body=gzip.compress(b"[]," * (64 * MIB // 3)), headers={"Content-Encoding": "gzip"}),
    "bomb in chunks": Say(
        body=b"".join(b"1\r\n%c\r\n" % byte for byte in gzip.compress(b" " * (64 * MIB))[:2000]),
        headers={"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}, length=None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WITHOUT_END)
def test_s10_a_post_is_answered_without_end(what: str, kernel: Kernel, line: Loopback) -> None:
    """S10: up to 8 MiB of it are read, and the outcome is unknown."""
    Provider(line).submits = [WITHOUT_END[what]]
    kind, said = kernel.ask(RELAYDANCE)
    assert kind == "SubmitUnknown"
    assert "Charged once or not at all" in said


@pytest.mark.parametrize("what", WITHOUT_END)
def test_p1_a_question_is_answered_without_end(what: str, kernel: Kernel, line: Loopback) -> None:
    """P1: it is trouble on the way; the next answer brings the clip home."""
    provider = Provider(line, play=NEWAPI)
    provider.polls = [WITHOUT_END[what], provider.done]
    assert kernel.ask(NEWAPI) == ("succeeded", "")


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_s10_p1_each_of_them_is_answered_without_end(play: Play, kernel: Kernel, line: Loopback) -> None:
    """S10, P1: every kind of it in answer to the questions, one after the other, and a bomb in answer to the POST."""
    provider = Provider(line, play=play)
    provider.polls = [*WITHOUT_END.values(), provider.done]
    assert kernel.ask(play) == ("succeeded", "")
    for what in ("bomb", "quotes"):
        provider.submits = [WITHOUT_END[what]]
        assert kernel.ask(play)[0] == "SubmitUnknown"


@pytest.mark.parametrize(
    ("status", "size", "kind"),
    [
        (400, 10, "InvalidRequest"),
        (400, 7, "InvalidRequest"),
        (402, 7, "InsufficientBalance"),
        (500, 10, "SubmitUnknown"),
        (500, 7, "SubmitUnknown"),
        (200, 7, "SubmitUnknown"),
    ],
)
def test_s6_s7_an_error_of_megabytes(status: int, size: int, kind: str, kernel: Kernel, line: Loopback) -> None:
    """S6, S7: the status counts as ever; of the message so much is kept and shown as a person reads."""
    Provider(line).submits = [Say(status, body=message(size * MIB))]
    name, said = kernel.ask(RELAYDANCE)
    assert name == kind
    assert len(said) < 2 * MOST_SAID


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_a_task_that_failed_with_megabytes(play: Play, kernel: Kernel, line: Loopback) -> None:
    """A documented failure whose words go on for 7 MiB: failed, with their beginning."""
    provider = Provider(line, play=play)
    failed = play.say(play.failed)
    words = json.dumps(failed.json, ensure_ascii=False)
    said = providers.find(play.name).read_poll(Reply(200, failed.json)).said
    longer = said + " so it is" * (7 * MIB // 9 // words.count(said))  # some say it twice
    provider.polls = [Say(failed.status, body=words.replace(said, longer).encode())]
    kind, told = kernel.ask(play)
    assert kind in {"GenerationFailed", "ModerationRejected"}
    assert said in told
    assert len(told) < 2 * MOST_SAID


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'{"a":1},', b"[[]],", b'"",', b"0,"], ids=bytes.decode)
def test_p1_an_answer_of_a_million_pieces(piece: bytes, kernel: Kernel, line: Loopback) -> None:
    """P1: whole, valid, and under the 8 MiB, but many times that in memory: read as no answer."""
    provider = Provider(line)
    provider.polls = [
        Say(body=b'{"task_id": "task_1", "a": [' + piece * (7 * MIB // len(piece)) + b"0]}"),
        provider.done,
    ]
    assert kernel.ask(RELAYDANCE) == ("succeeded", "")


def test_d5_a_film_of_many_megabytes(kernel: Kernel, line: Loopback) -> None:
    """D5: 96 MiB without an end, then 96 MiB announced and packed, then the clip: written as they come, never held."""
    piece = CLIP[:32] + bytes(MIB - 32)
    provider = Provider(line)
    provider.media = [Endless(piece, most=96 * MIB), Say(body=CLIP)]
    assert kernel.ask(RELAYDANCE) == ("succeeded", "")
    provider.polls = [provider.done]
    provider.media = [Say(body=gzip.compress(bytes(96 * MIB)), headers={"Content-Encoding": "gzip"})]
    kind, said = kernel.ask(RELAYDANCE)
    assert kind == "GenerationStuck"
    assert "no MP4" in said


# ── what a person gives ───────────────────────────────────────────────────────
@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_a_prompt_of_100_000_words(play: Play, kernel: Kernel, line: Loopback) -> None:
    """Whoever insists may send it whole; recipe and ledger can bear it, and every view that there is."""
    prompt = "a paper boat, slowly " * 25_000
    Provider(line, play=play)
    line.log.clear()
    assert kernel.ask(play, prompt=prompt, all_views=True) == ("succeeded", "")
    sent = line.posts[0]
    assert json.dumps(prompt)[1:-1].encode() in sent.body


def test_a_prompt_that_is_too_long_is_told_in_short(
    provider: Provider, make_studio: MakeStudio, server: Loopback
) -> None:
    """Where a provider documents a limit, the error names it, without the prompt; what is shown of a clip is short."""
    studio, said = make_studio(), ""
    request = {**provider.play.request, "prompt": "a paper boat, slowly " * 25_000}
    try:
        said = repr(studio.generate(**request))
    except vg.InvalidRequest as error:
        said = str(error)
    assert len(said) < 1000
    assert len(server.posts) == (0 if "character" in said else 1)


# ── what is mended ────────────────────────────────────────────────────────────
@pytest.mark.parametrize("piece", ["0,", "[", "{", '"', '\\"', '"a":[', '"\\', "]", "\\", '{"a":"', '["a",'])
def test_s8_a_broken_answer_is_mended_in_no_time(piece: str) -> None:
    """S8: whatever 8 MiB are made of, it takes no time; a task id before them is found."""
    begun = '{"task_id": "t", "a": '
    for text in (piece * (8 * MIB // len(piece)), begun + piece * (8 * MIB // len(piece))):
        mended = mend(text)
        assert mended is None or isinstance(mended, dict | list | str | int)
    assert mend(begun + "[" + "0," * 4_000_000)["task_id"] == "t"
    assert mend(begun + '"' + "x" * 8_000_000)["task_id"] == "t"
