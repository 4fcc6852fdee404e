"""The server itself: its keys, its memory, its media, its callbacks, and the dialects it is given."""

import asyncio
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from vidgen_nb.errors import UnknownProvider
from vidgen_nb.records import Json, Reply
from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.dialects import Route, bearer, checked, find
from vidgen_nb.simulator.task import Ask, Refusal, View

from ..loopback import free_port

KEY = {"Authorization": "Bearer sk-any"}
ROOT = Path(__file__).parents[2]
SUBMIT = "/v1/video/generations"
Submit = Callable[..., httpx.Response]
Query = Callable[..., Any]


def a_few_bytes(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
    path.write_bytes(f"the film of {ask.caption}".encode() * 10)


# ── keys, log and bill ────────────────────────────────────────────────────────
def test_three_keys_show_the_errors_of_keys(submit: Submit) -> None:
    """sk-invalid is unknown, sk-poor has no money, sk-busy comes back too soon and is told when to."""
    assert submit(headers={"Authorization": "Bearer sk-invalid"}).status_code == 401
    assert submit(headers={"Authorization": "Bearer sk-poor"}).status_code == 403
    busy = submit(headers={"Authorization": "Bearer sk-busy"})
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")


def test_a_poor_key_can_still_ask(simulator: Simulator, submit: Submit) -> None:
    """Money is needed for submitting only: a task which was paid for can be queried."""
    task_id, poor = submit().json()["task_id"], {"Authorization": "Bearer sk-poor"}
    assert httpx.get(f"{simulator.url('relaydance')}{SUBMIT}/{task_id}", headers=poor).status_code == 200


def test_the_log_counts_every_request(simulator: Simulator, submit: Submit, query: Query) -> None:
    """A test reads from the log how many POSTs came, and from the bill how many were accepted."""
    task_id = submit().json()["task_id"]
    submit(seconds="99")
    query(task_id)
    log = [(entry.method, entry.status, entry.task_id) for entry in simulator.log]
    assert log == [("POST", 200, task_id), ("POST", 400, ""), ("GET", 200, task_id)]
    assert [(task.id, task.ask.model) for task in simulator.bill] == [(task_id, "doubao-seedance-2-0-fast-260128")]


def test_the_same_request_twice_is_two_tasks(simulator: Simulator, submit: Submit) -> None:
    """No provider documents an idempotency key, so a second POST is a second charge."""
    assert submit().json()["task_id"] != submit().json()["task_id"]
    assert len(simulator.bill) == 2


def test_a_lost_reply_is_billed(simulator: Simulator, submit: Submit) -> None:
    """The request is read and booked, and the connection ends without a byte of an answer."""
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        submit(prompt="a boat (simulate lost_reply)")
    assert [entry.note for entry in simulator.log] == ["lost_reply"]
    assert len(simulator.bill) == 1


def test_a_life_can_be_prepared(simulator: Simulator, submit: Submit, query: Query) -> None:
    """prepare() fixes the next accepted task, without a word in the prompt, and only that one."""
    simulator.prepare(fail="upstream", queued=0, seconds=0)
    first, second = submit().json()["task_id"], submit().json()["task_id"]
    assert query(first, ("failed",))["error"]["code"] == "InternalServiceError"
    assert query(second, ("succeeded",))["url"]
    simulator.prepare(refuse="quota")
    assert submit().status_code == 403


def test_unknown_addresses_are_refused(simulator: Simulator) -> None:
    """A wrong path or method is a 404 in the provider's envelope."""
    url = simulator.url("relaydance")
    for reply in (httpx.get(url + "/v1/nope"), httpx.put(url + SUBMIT), httpx.get(url + SUBMIT), httpx.get(url + "/")):
        assert reply.status_code == 404
        assert "Invalid URL" in reply.json()["error"]["message"]


# ── memory ────────────────────────────────────────────────────────────────────
def test_a_restarted_simulator_knows_its_tasks(tmp_path: Path, submit: Submit, query: Query) -> None:
    """A new process with the same journal goes on with every task at its age, and renders its film again."""
    journal = tmp_path / "run" / "tasks.jsonl"
    with Simulator(journal=journal, speed=100, render=a_few_bytes) as before:
        done = submit(at=before, prompt="done").json()["task_id"]
        waiting = submit(at=before, prompt="waiting (simulate queued=9999)").json()["task_id"]
        query(done, ("succeeded",), at=before)
    with Simulator(journal=journal, speed=100, render=a_few_bytes) as after:
        assert query(waiting, at=after)["status"] == "submitted"
        url = query(done, ("succeeded",), at=after)["url"]
        assert httpx.get(url).content == b"the film of done" * 10
        assert after.bill == []


def test_two_processes_share_a_journal(tmp_path: Path, submit: Submit, query: Query) -> None:
    """What one accepts, the other knows, though both were started before."""
    journal = tmp_path / "tasks.jsonl"
    with Simulator(journal, 100, render=a_few_bytes) as one, Simulator(journal, 100, render=a_few_bytes) as two:
        ids = [submit(at=at).json()["task_id"] for at in (one, two, one)]
        for at in (one, two):
            assert [query(task_id, ("succeeded",), at=at)["task_id"] for task_id in ids] == ids


def test_a_broken_line_does_no_harm(tmp_path: Path, submit: Submit, query: Query) -> None:
    """Half a line of a process that was killed is passed over."""
    journal = tmp_path / "tasks.jsonl"
    journal.write_bytes(b'{"id": "task_1", "dia\n\xff\n{}\n')
    with Simulator(journal, 100, render=a_few_bytes) as one:
        task_id = submit(at=one).json()["task_id"]
    with Simulator(journal, 100, render=a_few_bytes) as two:
        assert query(task_id, ("succeeded",), at=two)["task_id"] == task_id


def test_the_journal_holds_no_key_and_no_medium(tmp_path: Path, simulator: Simulator, submit: Submit) -> None:
    """It holds what was asked; of a reference only what the film shows, never its data as it came."""
    data = "data:video/mp4;base64," + "QUJD" * 400
    entry = {"type": "video_url", "video_url": {"url": data}, "role": "reference_video"}
    submit(metadata={"content": [entry]}, headers={"Authorization": "Bearer sk-very-secret"})
    text = (tmp_path / "journal.jsonl").read_text("utf-8")
    assert "doubao-seedance" in text
    assert "secret" not in text
    assert "QUJDQUJD" not in text
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o077 == 0


# ── media ─────────────────────────────────────────────────────────────────────
def test_media_need_no_key_and_come_in_ranges(submit: Submit, query: Query) -> None:
    """A signed URL gives the whole file with its length, or the range that is asked for."""
    url = query(submit().json()["task_id"], ("succeeded",))["url"]
    whole = httpx.get(url)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert int(whole.headers["content-length"]) == len(whole.content) == 180
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, start, end in (("0-9", 0, 10), ("170-", 170, 180), ("-5", 175, 180), ("100-9999", 100, 180)):
        part = httpx.get(url, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, whole.content[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/180"
    assert httpx.get(url, headers={"Range": "bytes=180-"}).status_code == 416
    assert httpx.get(url, headers={"Range": "bytes=5-", "If-Range": '"another"'}).status_code == 200
    assert httpx.head(url).headers["content-length"] == "180"


def test_a_media_url_cannot_be_changed(submit: Submit, query: Query) -> None:
    """Another time, another file, another signature: refused."""
    url = httpx.URL(query(submit().json()["task_id"], ("succeeded",))["url"])
    other = query(submit(prompt="an owl").json()["task_id"], ("succeeded",))["url"]
    changed = [
        url.copy_merge_params({"expires": "9999999999.000"}),
        url.copy_merge_params({"signature": "0" * 64}),
        url.copy_merge_params({"signature": "é"}),
        url.copy_with(path=httpx.URL(other).path),
        url.copy_with(query=None),
    ]
    assert [httpx.get(each).status_code for each in changed] == [403] * 5


def test_a_media_url_dies_and_the_query_gives_a_fresh_one(simulator: Simulator, submit: Submit, query: Query) -> None:
    """After its time a URL is answered by 403; the next query signs another."""
    task_id = submit(prompt="a boat (simulate expires=150)").json()["task_id"]  # 1.5 s of ours
    url = query(task_id, ("succeeded",))["url"]
    assert httpx.get(url).status_code == 200
    deadline = time.monotonic() + 10
    while (reply := httpx.get(url)).status_code == 200:
        assert time.monotonic() < deadline
    assert (reply.status_code, reply.headers["content-type"]) == (403, "application/xml")
    assert httpx.get(query(task_id)["url"]).status_code == 200


def test_media_lie_on_the_origin_the_client_uses(simulator: Simulator, submit: Submit, query: Query) -> None:
    """A client which calls the server localhost gets URLs on localhost: one origin, one policy."""
    task_id = submit().json()["task_id"]
    query(task_id, ("succeeded",))
    url = simulator.url("relaydance").replace("127.0.0.1", "localhost")
    reply = httpx.get(f"{url}{SUBMIT}/{task_id}", headers=KEY).json()
    assert reply["url"].startswith(url.removesuffix("/relaydance") + "/media/")


def test_success_waits_for_the_film(submit: Submit, query: Query) -> None:
    """Though its time is over, a task goes on running until its film can be fetched."""
    release = threading.Event()

    def slow(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
        release.wait(30)
        path.write_bytes(b"film")

    with Simulator(speed=10_000, render=slow) as simulator:
        task_id = submit(at=simulator).json()["task_id"]
        _, end = simulator.bill[0].moments(10_000)
        while time.time() < end:
            pass
        assert query(task_id, at=simulator)["status"] == "running"
        release.set()
        assert httpx.get(query(task_id, ("succeeded",), at=simulator)["url"]).content == b"film"


def test_a_film_which_cannot_be_rendered_fails_its_task(submit: Submit, query: Query) -> None:
    """The task says why, instead of running for ever."""

    def broken(ask: Ask, path: Path, halted: Callable[[], bool]) -> None:
        raise MemoryError("no room")

    with Simulator(speed=1000, render=broken) as simulator:
        reply = query(submit(at=simulator).json()["task_id"], ("failed",), at=simulator)
    assert "no room" in reply["error"]["message"]


# ── callbacks ─────────────────────────────────────────────────────────────────
class Webhook(http.server.BaseHTTPRequestHandler):
    received: list[tuple[str, Any]]

    def do_POST(self) -> None:
        self.received.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, the name of the class above
        """A test prints nothing."""


def wait_for_callbacks(simulator: Simulator, count: int = 1) -> list[Any]:
    deadline = time.monotonic() + 20
    while len(calls := [entry for entry in simulator.log if entry.method == "CALLBACK"]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return calls


@pytest.mark.parametrize(("asked", "word"), [("", "succeeded"), ("(simulate fail=moderation)", "failed")])
def test_a_webhook_hears_the_end_once(
    simulator: Simulator, submit: Submit, query: Query, asked: str, word: str
) -> None:
    """metadata.callback_url gets the final JSON of the task, the same that a query gives."""
    Webhook.received = []
    server = http.server.HTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/done?task=1"
        task_id = submit(prompt=f"a boat {asked}", metadata={"callback_url": address}).json()["task_id"]
        query(task_id, (word,))
        (call,) = wait_for_callbacks(simulator)
    finally:
        server.shutdown()
        server.server_close()
    assert (call.status, call.task_id) == (204, task_id)
    ((path, body),) = Webhook.received
    assert (path, body["task_id"], body["status"]) == ("/done?task=1", task_id, word)


@pytest.mark.parametrize(
    "address", ["http://example.com/", "https://127.0.0.1/", "http://10.0.0.1/", "http://[fe80::1]/"]
)
def test_no_other_machine_is_called(simulator: Simulator, submit: Submit, address: str) -> None:
    """Whatever the URL says, the simulator calls only this machine; the log says that it did not."""
    submit(metadata={"callback_url": address})
    (call,) = wait_for_callbacks(simulator)
    assert call.status == 0
    assert call.note.startswith("not delivered")


def test_a_webhook_which_does_not_answer_is_noted(simulator: Simulator, submit: Submit) -> None:
    """A closed port is no reason to fall over."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        submit(metadata={"callback_url": f"http://localhost:{closed.getsockname()[1]}/"})
        (call,) = wait_for_callbacks(simulator)
    assert (call.status, "ConnectionRefusedError" in call.note) == (0, True)


# ── dialects ──────────────────────────────────────────────────────────────────
class Echo:
    """A dialect as a notebook would write it."""

    NAME, BASE, TASK_ID = "echo", "/v9", "{:.8}"

    def __init__(self, name: str = "echo", path: str = "/v9/clips", **fields: type) -> None:
        self.NAME = name
        self.fields = fields or {"text": str}
        self.ROUTES = (
            Route("POST", path, "submit", self.describe),
            Route("GET", path + "/{task_id}", "query", self.describe, {"loud": lambda view: {"LOUD": view.task.id}}),
            Route("GET", path, "list", lambda views, params: {"page": params.get("page"), "n": len(views)}),
            Route("GET", "/v9/models", "models", lambda: ["m"], open=True),
        )

    def key(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-api-key", "") or bearer(headers)

    def read(self, body: Json) -> Ask:
        given = checked(body, self.fields, required=list(self.fields))
        return Ask(model="m", prompt=str(next(iter(given.values()))), resolution="480p", seconds=1)

    def describe(self, view: View) -> Json:
        return {"name": self.NAME, "id": view.task.id, "state": view.status, "url": view.url, "cover": view.cover}

    def refuse(self, refusal: Refusal) -> Reply:
        return Reply(200, {"code": 10002, "message": refusal.message, "who": self.NAME})


def test_a_dialect_of_ones_own(simulator: Simulator) -> None:
    """It can be added while the server runs; its header, base path, ids, list and errors are its own."""
    simulator.add(Echo())
    url, key = simulator.url("echo"), {"X-Api-Key": "k"}
    assert url.endswith("/echo/v9")
    made = httpx.post(url + "/clips", json={"text": "hi"}, headers=key).json()
    assert (len(made["id"]), made["state"]) == (8, "queued")
    assert httpx.get(f"{url}/clips/{made['id']}", headers=key).json()["id"] == made["id"]
    assert httpx.get(url + "/clips?page=3", headers=key).json() == {"page": "3", "n": 1}
    assert httpx.get(url + "/models").json() == ["m"]
    refused = httpx.post(url + "/clips", json={"txt": "hi"}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (200, 10002)
    assert "unknown field txt" in refused.json()["message"]


def test_a_broken_dialect_says_what_is_wrong(simulator: Simulator) -> None:
    """Its author sees the exception in the answer, and the server goes on."""
    broken = Echo()
    broken.describe = lambda view: view.nonsense
    broken.ROUTES = (Route("POST", "/v9/clips", "submit", broken.describe),)
    simulator.add(broken)
    reply = httpx.post(simulator.url("echo") + "/clips", json={"text": "hi"}, headers=KEY)
    assert (reply.status_code, "nonsense" in reply.text) == (500, True)


def test_two_dialects_can_own_a_path_at_the_root() -> None:
    """The first that takes the request answers, the first refusal is the answer where none does, and a refused offer
    leaves no trace; a task is found by whoever has it."""
    one, two = Echo("one", text=str), Echo("two", words=str)
    with Simulator(speed=1000, dialects=[one, two], render=a_few_bytes) as simulator:
        root = simulator.url("one").removesuffix("/one/v9") + "/v9/clips"
        made = [httpx.post(root, json=body, headers=KEY).json() for body in ({"text": "a"}, {"words": "b"})]
        assert [each["name"] for each in made] == ["one", "two"]
        assert [httpx.get(f"{root}/{each['id']}", headers=KEY).json()["name"] for each in made] == ["one", "two"]
        assert httpx.post(root, json={"nothing": 1}, headers=KEY).json()["who"] == "one"
        assert httpx.get(f"{root}/nobody", headers=KEY).json()["who"] == "one"
        assert [task.dialect for task in simulator.bill] == ["one", "two"]


def test_a_shape_is_chosen_by_name() -> None:
    """shapes= takes another of the known replies, and a name which no reply has is an error at once."""
    with Simulator(speed=1000, dialects=[Echo()], shapes={"echo": "loud"}, render=a_few_bytes) as simulator:
        task_id = httpx.post(simulator.url("echo") + "/clips", json={"text": "hi"}, headers=KEY).json()["id"]
        assert httpx.get(f"{simulator.url('echo')}/clips/{task_id}", headers=KEY).json() == {"LOUD": task_id}
    with pytest.raises(ValueError, match="silent"):
        Simulator(dialects=[Echo()], shapes={"echo": "silent"})


def test_an_unknown_provider_has_no_url(simulator: Simulator) -> None:
    """The error names those which there are; before the start no provider has one."""
    with pytest.raises(UnknownProvider, match="relaydance"):
        simulator.url("sora")
    with pytest.raises(RuntimeError, match="start"):
        Simulator().url("relaydance")


def test_the_dialects_of_the_folder_are_found() -> None:
    """By file name: adding a provider is adding a file."""
    assert "relaydance" in [dialect.NAME for dialect in find()]


# ── its own life ──────────────────────────────────────────────────────────────
def test_the_speed_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """VIDGEN_SIMULATE_SPEED where none is given; a speed of 0 would stop the world, so it is an error."""
    assert Simulator(dialects=[]).speed == 1
    monkeypatch.setenv("VIDGEN_SIMULATE_SPEED", "12.5")
    assert Simulator(dialects=[]).speed == 12.5
    monkeypatch.setenv("VIDGEN_SIMULATE_SPEED", "fast")
    with pytest.raises(ValueError, match="VIDGEN_SIMULATE_SPEED"):
        Simulator()
    with pytest.raises(ValueError, match="more than 0"):
        Simulator(speed=0)


def test_it_runs_beside_a_running_loop() -> None:
    """As in a Jupyter cell: started from within a loop, it serves from its own."""

    async def cell() -> int:
        with Simulator() as simulator:
            async with httpx.AsyncClient(headers=KEY) as client:
                return (await client.get(simulator.url("relaydance") + "/v1/models")).status_code

    assert asyncio.run(cell()) == 200


def test_stop_leaves_nothing(submit: Submit) -> None:
    """No thread, no open port, and no film left, even in the middle of rendering; a second stop does nothing."""
    before = set(threading.enumerate())
    simulator = Simulator(speed=1)
    simulator.start()
    address = httpx.URL(simulator.url("relaydance"))
    submit(at=simulator, metadata={"callback_url": "http://127.0.0.1:9/"})
    simulator.stop()
    simulator.stop()
    assert set(threading.enumerate()) == before
    with socket.socket() as probe:
        assert probe.connect_ex((address.host, address.port)) != 0


def test_a_process_ends_without_stopping_it(tmp_path: Path) -> None:
    """A kernel which ends in the middle of rendering is not held, and prints nothing."""
    code = (
        "import httpx; from vidgen_nb.simulator.app import Simulator; s = Simulator(); s.start()\n"
        "body = {'model': 'doubao-seedance-2-0-1080p', 'prompt': 'p', 'seconds': '15'}\n"
        "key, url = {'Authorization': 'Bearer k'}, s.url('relaydance') + '/v1/video/generations'\n"
        "for n in range(5): httpx.post(url, headers=key, json={**body, 'prompt': str(n)}).raise_for_status()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_serve_prints_the_base_urls_and_ends_on_ctrl_c() -> None:
    """`python -m vidgen_nb simulator --port N` shows where each provider is, one a line, and serves."""
    port = free_port()
    code = f"from vidgen_nb.simulator.app import serve; serve({port})"
    environment = {**os.environ, "VIDGEN_SIMULATE_SPEED": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        cwd=ROOT,
    )  # fmt: skip
    try:
        assert process.stdout
        line = process.stdout.readline().split()
        while line[0] != "relaydance":
            line = process.stdout.readline().split()
        assert line[1] == f"http://127.0.0.1:{port}/relaydance"
        assert httpx.get(line[1] + "/v1/models", headers=KEY).status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_said_in_a_sentence(simulator: Simulator) -> None:
    """The next step is another port, not a traceback."""
    code = f"from vidgen_nb.simulator.app import serve; serve({httpx.URL(simulator.url('relaydance')).port})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, "--port" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
