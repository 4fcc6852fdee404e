"""The simulated providers, as one HTTP server on this machine.

    with Simulator() as simulator:
        simulator.url("relaydance")      # "http://127.0.0.1:41233/relaydance", in place of https://relaydance.com

Each dialect is mounted under its name and at the root too, so that the curl commands of a provider's page work when
only the host is replaced. Any key is good, but for three: "sk-invalid" is not known, "sk-poor" has no money left
(submitting is refused), "sk-busy" has asked too often. What a prompt can ask of a task's life stands in `task.py`.
"""

import asyncio
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as Endpoint
from uvicorn.protocols.http.h11_impl import H11Protocol

from vidgen_nb.errors import UnknownProvider
from vidgen_nb.records import Json, Reply, Status
from vidgen_nb.simulator.callback import deliver
from vidgen_nb.simulator.dialects import Dialect, Route, find
from vidgen_nb.simulator.films import Films, Render, painted
from vidgen_nb.simulator.journal import Journal
from vidgen_nb.simulator.task import FAILURES, Refusal, Script, Task, View


class Entry(NamedTuple):
    """One line of the log: a request which came, or a callback which went ("CALLBACK"; status 0: not delivered)."""

    time: float
    method: str
    path: str
    status: int
    task_id: str = ""
    note: str = ""


class Simulator:
    """A server on 127.0.0.1 which plays the providers. A context manager; `start` and `stop` do the same.

    Args:
        journal: The file which remembers accepted tasks over restarts; two processes may share one. None: memory only.
        speed: How many times as fast as ours its time passes; None reads VIDGEN_SIMULATE_SPEED, else 1.
        port: 0 takes a free one.
        dialects: Instead of all which are found.
        shapes: By provider, which of the known shapes of its replies to use instead of the documented one.
        render: What makes the films, for whoever has no time for ours.

    `log` holds an Entry for every request, `bill` the tasks which were accepted here: what a provider would charge for.
    """

    def __init__(
        self,
        journal: Path | None = None,
        speed: float | None = None,
        port: int = 0,
        *,
        dialects: Iterable[Dialect] | None = None,
        shapes: Mapping[str, str] | None = None,
        render: Render = painted,
    ) -> None:
        given = speed if speed is not None else os.environ.get("VIDGEN_SIMULATE_SPEED") or 1
        try:
            self.speed = float(given)
        except ValueError:
            self.speed = 0.0
        if not self.speed > 0:
            raise ValueError(f"speed {given!r} (VIDGEN_SIMULATE_SPEED, or speed=) must be a number more than 0")
        self.log: list[Entry] = []
        self.bill: list[Task] = []
        self._port = port
        self._shapes = dict(shapes or {})
        self._dialects: dict[str, Dialect] = {}
        for dialect in find() if dialects is None else dialects:
            self.add(dialect)
        self._journal = Journal(journal)
        self._scripts: deque[Script] = deque()
        self._secret = secrets.token_bytes(16)
        self._films = Films(render)
        self._callbacks: set[asyncio.Task[None]] = set()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._origin = ""

    # ── what its owner does ───────────────────────────────────────────────────
    def add(self, dialect: Dialect) -> None:
        """Speak this one too, from now on; one of the same name is replaced."""
        shape = self._shapes.get(dialect.NAME)
        if shape and not any(shape in route.shapes for route in dialect.ROUTES):
            raise ValueError(f"no reply of {dialect.NAME} is known in the shape {shape!r}")
        self._dialects[dialect.NAME] = dialect

    def url(self, provider: str) -> str:
        """What a client takes as base URL of this provider."""
        if not self._origin:
            raise RuntimeError("the simulator has no address yet: start() it first")
        if provider not in self._dialects:
            spoken = ", ".join(sorted(self._dialects))
            hint = "`vg.register(provider, dialect=…)` gives it one."
            raise UnknownProvider(f"The simulator has no dialect for {provider!r}, only for {spoken}.", hint=hint)
        return f"{self._origin}/{provider}{self._dialects[provider].BASE}"

    @property
    def providers(self) -> list[str]:
        return list(self._dialects)

    def prepare(self, **script: Any) -> None:
        """Fix the life of the next request which a dialect can read: the fields of `task.Script`, as in a prompt."""
        self._scripts.append(Script(**script))

    def start(self) -> None:
        """Serve from a daemon thread with a loop of its own; returns when connections are accepted."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except OSError:
            listener.close()
            raise
        listener.listen(128)
        self._origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ready = threading.Event()

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            ready.set()
            yield

        media = Endpoint("/media/{name}", self._send_media)
        rest = Endpoint("/{path:path}", self._answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        app = Starlette(routes=[media, rest], lifespan=lifespan)
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        config = uvicorn.Config(app, http=_Protocol, ws="none", lifespan="on", timeout_graceful_shutdown=1, **quiet)
        self._server = uvicorn.Server(config)
        work = (self._server, listener)
        self._thread = threading.Thread(target=self._run, args=work, name="vidgen-simulator", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the simulator did not start within 10 s")

    def stop(self) -> None:
        """End the server and the rendering; nothing is left running."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(10)
        self._films.close()

    def wait(self) -> None:
        """Until the server ends."""
        if self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, server: uvicorn.Server, listener: socket.socket) -> None:
        async def life() -> None:
            await server.serve(sockets=[listener])
            for callback in self._callbacks:
                callback.cancel()
            await asyncio.gather(*self._callbacks, return_exceptions=True)

        loop = asyncio.new_event_loop()  # not asyncio.run: nest-asyncio may have replaced it
        loop.run_until_complete(life())
        listener.close()
        loop.close()

    # ── requests ──────────────────────────────────────────────────────────────
    async def _answer(self, request: Request) -> Response:
        """Offer the request to each dialect which has its path; the first that does not refuse it answers."""
        visit = _Visit(request, await request.body())
        refused: list[tuple[Dialect, Refusal]] = []
        answer: Response | None = None
        for dialect, route, task_id in self._offers(visit):
            try:
                answer = self._serve(visit, dialect, route, task_id)
                break
            except Refusal as refusal:
                refusal.does, refusal.shape = route.does, self._shapes.get(dialect.NAME, "")
                refused.append((dialect, refusal))
            except Exception as problem:  # a dialect at work: its author is to see what is wrong with it
                visit.note = f"the dialect {dialect.NAME} failed: {problem!r}"
                answer = Response(visit.note, 500, media_type="text/plain")
                break
        if answer is None:
            answer = self._refused(visit, refused)
        self.log.append(Entry(time.time(), visit.method, visit.path, answer.status_code, visit.task_id, visit.note))
        if visit.note == "lost_reply":
            request.state.hang_up()
            while (await request.receive())["type"] != "http.disconnect":
                pass
        return answer

    def _offers(self, visit: "_Visit") -> Iterator[tuple[Dialect, Route, str]]:
        for dialect in self._speakers(visit.path):
            path = visit.path.removeprefix(f"/{dialect.NAME}")
            for route in dialect.ROUTES:
                found = re.fullmatch(re.escape(route.path).replace(r"\{task_id\}", "([^/]+)"), path)
                if found and route.method == visit.method:
                    yield dialect, route, next(iter(found.groups()), "")

    def _speakers(self, path: str) -> list[Dialect]:
        """The dialect under whose name the path lies, else all of them."""
        named = self._dialects.get(path.split("/")[1])
        return [named] if named else list(self._dialects.values())

    def _refused(self, visit: "_Visit", refused: list[tuple[Dialect, Refusal]]) -> Response:
        speakers = self._speakers(visit.path)
        if not refused and not speakers:
            return Response(status_code=404)
        invalid_url = Refusal("NotFound", f"Invalid URL ({visit.method} {visit.path})")
        dialect, refusal = refused[0] if refused else (speakers[0], invalid_url)
        return _response(dialect.refuse(refusal))

    def _serve(self, visit: "_Visit", dialect: Dialect, route: Route, task_id: str) -> Response:
        """The answer of one dialect. Raises Refusal, and then has changed nothing."""
        key = "" if route.open else dialect.key(visit.headers)
        if not route.open and key in ("", "sk-invalid"):
            said = "Invalid token" if key else "No key, or not in the form the documentation shows (Authorization)"
            raise Refusal("AuthError", "; ".join([said, *_also_wrong(visit, dialect, route)]))
        if key == "sk-busy":
            raise Refusal("RateLimited", "Too many requests, come back later", retry_after=1)
        if key == "sk-poor" and route.does == "submit":
            raise Refusal("InsufficientBalance", "The balance of this account is not sufficient")
        reply = route.shapes.get(self._shapes.get(dialect.NAME, ""), route.reply)
        if route.does == "submit":
            task = self._accept(visit, dialect)
            answer = reply(View(task, Status.QUEUED, 0, None, None))
            return _response(answer if isinstance(answer, Reply) else Reply(200, answer))
        if route.does == "models":
            return JSONResponse(reply())
        if route.does == "list":
            views = [self._view(task, visit.origin) for task in reversed(self._journal.all(dialect.NAME))]
            return JSONResponse(reply(views, visit.params))
        task = self._task(dialect, task_id)
        visit.task_id = task.id
        view = self._view(task, visit.origin)
        if route.does == "query":
            return JSONResponse(reply(view))
        if view.status is not Status.SUCCEEDED:
            raise Refusal("InvalidRequest", f"Task is not completed yet, current status: {view.status}")
        return _send(self._films.of(task.ask).result(), visit.headers)

    def _accept(self, visit: "_Visit", dialect: Dialect) -> Task:
        if not visit.headers.get("content-type", "").startswith("application/json"):
            raise Refusal("InvalidRequest", "Content-Type must be application/json")
        try:
            body = json.loads(visit.body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise Refusal("InvalidRequest", "the body is not JSON") from None
        ask = dialect.read(body)
        script = self._scripts.popleft() if self._scripts else Script.read(ask.prompt)
        script.check()
        if ask.references:
            from vidgen_nb.simulator.film import shrunk

            ask = replace(ask, references=tuple(map(shrunk, ask.references)))
        task = self._journal.book(dialect.TASK_ID.format(secrets.token_hex(16)), dialect.NAME, time.time(), ask, script)
        self.bill.append(task)
        visit.task_id, visit.note = task.id, "lost_reply" if script.lost_reply else ""
        loop = asyncio.get_running_loop()
        if not script.fail:  # while it queues, whoever asked has the machine to itself: the first card is being drawn
            loop.call_later(task.moments(self.speed)[0] - time.time(), self._films.of, task.ask)
        if task.ask.callback_url:
            callback = loop.create_task(self._call_back(task, dialect))
            self._callbacks.add(callback)
            callback.add_done_callback(self._callbacks.discard)
        return task

    def _task(self, dialect: Dialect, task_id: str) -> Task:
        task = self._journal.find(task_id)
        if task is None or task.dialect != dialect.NAME:
            raise Refusal("TaskNotFound", f"task {task_id} does not exist")
        return task

    def _view(self, task: Task, origin: str) -> View:
        """The task as it stands now. It has succeeded only once its film is there to be fetched."""
        state = task.state(time.time(), self.speed)
        if state.status is Status.FAILED:
            return View(task, *state, error=FAILURES[task.script.fail])
        if state.status is not Status.SUCCEEDED:
            return View(task, *state)
        clip = self._films.of(task.ask)
        if not clip.done():
            return View(task, Status.RUNNING, 99, state.started, None)
        if problem := clip.exception():
            failed = state._replace(status=Status.FAILED)
            return View(task, *failed, error=("SimulatorError", f"the film could not be rendered: {problem!r}"))
        url, picture = (self._signed(task, origin, suffix) for suffix in (".mp4", ".jpg"))
        return View(task, *state, url=url, cover=picture)

    async def _call_back(self, task: Task, dialect: Dialect) -> None:
        await asyncio.sleep(task.moments(self.speed)[1] - time.time() + 0.01)
        if not task.script.fail:
            with suppress(Exception):  # what went wrong is in the view
                await asyncio.wrap_future(self._films.of(task.ask))
        view = self._view(task, self._origin)
        query = next(route for route in dialect.ROUTES if route.does == "query")
        describe = query.shapes.get(self._shapes.get(dialect.NAME, ""), query.reply)
        body = getattr(dialect, "callback", describe)(view)
        status, note = await deliver(task.ask.callback_url, body)
        self.log.append(Entry(time.time(), "CALLBACK", task.ask.callback_url, status, task.id, note))

    # ── media ─────────────────────────────────────────────────────────────────
    def _signed(self, task: Task, origin: str, suffix: str) -> str:
        """A URL which needs no key and dies after 30 simulated minutes, but never in less than a minute by itself."""
        life = max(1800 / self.speed, 60) if task.script.expires is None else task.script.expires / self.speed
        name, expires = task.id + suffix, f"{time.time() + life:.3f}"
        return f"{origin}/media/{name}?expires={expires}&signature={self._signature(name, expires)}"

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._secret, f"{name} {expires}".encode(), hashlib.sha256).hexdigest()

    async def _send_media(self, request: Request) -> Response:
        name, expires = request.path_params["name"], request.query_params.get("expires", "")
        answer = Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        signature = request.query_params.get("signature", "")
        right = hmac.compare_digest(self._signature(name, expires).encode(), signature.encode())
        task = self._journal.find(name.rpartition(".")[0])
        if right and task and time.time() < float(expires):
            path = self._films.of(task.ask).result()  # a signed URL exists only once the film does
            from vidgen_nb.simulator.film import cover

            poster = name.endswith(".jpg")
            answer = Response(cover(path), media_type="image/jpeg") if poster else _send(path, request.headers)
        task_id = task.id if task else ""
        self.log.append(Entry(time.time(), request.method, request.url.path, answer.status_code, task_id))
        return answer


class _Visit:
    """One request while it is answered, and what is learned of it for the log."""

    def __init__(self, request: Request, body: bytes) -> None:
        self.method, self.path, self.body = request.method, request.url.path, body
        self.headers, self.params = request.headers, request.query_params
        self.origin = f"http://{request.headers.get('host', '')}"  # the client's own name for this server
        self.task_id = self.note = ""


class _Protocol(H11Protocol):
    """Gives a request the means to close its connection without an answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self.app_state = {**self.app_state, "hang_up": transport.close}


def _also_wrong(visit: "_Visit", dialect: Dialect, route: Route) -> Iterator[str]:
    """What is wrong with the body of a submission without a key: whoever pastes a page's example sees all of it."""
    if route.does == "submit":
        try:
            dialect.read(json.loads(visit.body))
        except Refusal as refusal:
            yield refusal.message
        except (ValueError, RecursionError):
            return


def _response(reply: Reply) -> Response:
    if reply.body is None:
        return Response(reply.text, reply.status, dict(reply.headers))
    return JSONResponse(reply.body, reply.status, dict(reply.headers))


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _send(path: Path, headers: Mapping[str, str]) -> Response:
    """The file, or the range that was asked for. (Starlette's own way leaves a thread which a kernel waits for.)"""
    data = path.read_bytes()
    common = {"accept-ranges": "bytes", "etag": f'"{path.stem}"'}
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", ""))
    if not found or not any(found.groups()) or headers.get("if-range", common["etag"]) != common["etag"]:
        return Response(data, media_type="video/mp4", headers=common)
    first, last = found.groups()
    start = int(first) if first else max(len(data) - int(last), 0)
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        return Response(status_code=416, headers=common | {"content-range": f"bytes */{len(data)}"})
    headers = common | {"content-range": f"bytes {start}-{end}/{len(data)}"}
    return Response(data[start : end + 1], 206, media_type="video/mp4", headers=headers)


def serve(port: int = 8765) -> None:
    """Serve in the foreground until Ctrl-C, after writing each provider's base URL on a line."""
    try:
        simulator = Simulator(port=port)
        simulator.start()
    except OSError as problem:
        raise SystemExit(f"Port {port} cannot be used ({problem.strerror}). Choose another: --port N.") from None
    try:
        for name in simulator.providers:
            sys.stdout.write(f"{name:12}{simulator.url(name)}\n")
        sys.stdout.flush()
        simulator.wait()
    except KeyboardInterrupt:
        pass
    finally:
        simulator.stop()
