"""The only module that knows httpx: it carries a Call there and a Reply back, and says what became of the bytes.

A POST is sent on a fresh connection, once, with no retries and no redirects. Whether anything of it left this machine
is judged by positive evidence alone: the trace of httpx's own HTTP/1.1 transport. No trace, no proof.
"""

import asyncio
import contextlib
import contextvars
import ipaddress
import json
import logging
import re
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any
from urllib.parse import urlsplit

import httpx

from vidgen_nb.media.redact import without_key
from vidgen_nb.providers.contract import Options, Provider
from vidgen_nb.records import Call, Json, Outcome, Reply, Timing
from vidgen_nb.settings import Key, origin_of

MAX_REPLY = 8 * 1024 * 1024  # bytes of one JSON answer, decoded
MAX_MARKS = 100_000  # values and names in one JSON answer: empty lists take thirty times their length in memory


@dataclass(frozen=True, slots=True, repr=False)
class Gateway:
    """Where a provider's calls go, and with which key."""

    provider: Provider
    base_url: str
    key: Key | None
    options: Options = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return origin_of(self.base_url)

    def __repr__(self) -> str:
        return f"Gateway({self.provider.NAME}, {self.base_url}, {self.key!r})"


Admit = Callable[[str], None]


def as_sent(url: str) -> str:
    """An address as a request to it would go out; "" if none could. Judged and fetched must be the same."""
    try:
        return str(httpx.URL(url))
    except (httpx.InvalidURL, ValueError):
        return ""


class Wire:
    """Connections for one Studio. Lives in the loop's thread, but for `stream`."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[str, list[httpx.AsyncClient]] = {}
        _silence_logs()

    async def close(self) -> None:
        for client in chain(*self._idle.values()):
            await client.aclose()
        self._idle.clear()

    async def submit(self, gateway: Gateway, call: Call) -> Outcome:
        """Send a POST, once. Never raises for what the network or the other side does."""
        evidence = _Evidence()
        try:
            client = self._client(gateway.base_url, fresh=True)
        except _Unusable as unusable:
            return Outcome("not_sent", None, str(unusable))
        async with client:
            try:
                request = self._request(client, gateway, call, self._timing.submit)
            except (TypeError, ValueError, httpx.InvalidURL):  # nothing was handed to a connection yet
                return Outcome("not_sent", None, "the request cannot be written as JSON for this address")
            request.extensions["trace"] = evidence.note
            return await self._exchange(client, gateway, request, evidence, self._timing.submit)

    async def ask(self, gateway: Gateway, call: Call) -> Outcome:
        """Send a GET; repeating it costs nothing, so the connection is kept and the caller may try again."""
        try:
            async with self._kept_client(gateway) as client:
                request = self._request(client, gateway, call, self._timing.poll)
                return await self._exchange(client, gateway, request, _Evidence(), self._timing.poll)
        except _Unusable as unusable:
            return Outcome("lost", None, str(unusable))

    @contextlib.contextmanager
    def stream(self, url: str, key_for: Gateway | None, admit: Admit | None, line: "Line") -> Iterator[httpx.Response]:
        """Open a media URL, without following redirects; the key goes along only where `key_for` says so.

        The next address of a redirect is in `extensions["location"]`. This blocks, and may be used from any thread.

        admit: raises for an address that may not be asked; it sees the one that the connection really has.
        line: what breaks it off from another thread.

        Raises WireBroken for whatever the network does, also while the body is read through `chunks`.
        """
        token = _quiet.set(True)
        broken = ""
        try:
            with self._blocking_client(url) as client:
                limits = httpx.Timeout(self._timing.poll, connect=self._timing.connect)
                headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
                request = client.build_request("GET", url, headers=headers, timeout=limits)
                request.extensions["trace"] = _Doorkeeper(request.url, admit, line).note
                # no auth at all, not None: httpx would send what stands before an @ in the URL
                auth = _auth(key_for) if key_for else httpx.Auth()
                response = client.send(request, auth=auth, stream=True, follow_redirects=False)
                try:
                    yield response
                finally:
                    response.close()
        except _Unusable as unusable:
            broken = str(unusable)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            broken = _words(error)
        finally:
            _quiet.reset(token)
            line.end()
        if line.broken or broken:  # where no length was announced, a line that was cut looks like the end
            raise WireBroken(line.broken or broken)

    # one exchange
    async def _exchange(
        self,
        client: httpx.AsyncClient,
        gateway: Gateway,
        request: httpx.Request,
        evidence: "_Evidence",
        patience: float,
    ) -> Outcome:
        token = _quiet.set(True)
        body, status, headers, detail = bytearray(), 0, httpx.Headers(), ""
        try:
            # httpx's own limits are per read: a drip of single bytes would pass them for ever
            async with asyncio.timeout(self._timing.connect + patience):
                response = await client.send(request, auth=_auth(gateway), stream=True, follow_redirects=False)
                status, headers = response.status_code, response.headers
                try:
                    whole = await _read(response, body)
                finally:
                    await response.aclose()
            if whole:
                return Outcome("answered", _reply(status, headers, body, gateway.key))
            detail = f"the answer is larger than {MAX_REPLY >> 20} MiB, or packed in an unknown way"
        except Exception as error:  # whatever a library raises here, it is about one request: h11 even quotes headers
            detail = _words(error)
        finally:
            _quiet.reset(token)
        if status:
            return Outcome("cut", _reply(status, headers, body, gateway.key), detail)
        return Outcome("not_sent" if evidence.proves_not_sent else "lost", None, detail)

    def _request(self, client: httpx.AsyncClient, gateway: Gateway, call: Call, patience: float) -> httpx.Request:
        content = None if call.json is None else json.dumps(call.json, ensure_ascii=False, allow_nan=False).encode()
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        limits = httpx.Timeout(patience, connect=self._timing.connect)
        url = gateway.base_url + call.path
        return client.build_request(
            call.method, url, params=dict(call.params) or None, content=content, headers=headers, timeout=limits
        )

    # clients
    @contextlib.asynccontextmanager
    async def _kept_client(self, gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
        """A client with one connection, the one used last: a third of the time that a shared pool of them takes.

        A pool looks through all of its connections at each request's start and end. How many there are is up to the
        caller, who lets only so many ask at once.
        """
        idle = self._idle.setdefault(gateway.origin, [])
        client = idle.pop() if idle else self._client(gateway.base_url, fresh=False)
        try:
            yield client
        finally:
            idle.append(client)

    def _client(self, url: str, *, fresh: bool) -> httpx.AsyncClient:
        """An HTTP/1.1 client. The environment's proxies count, but never for this machine's own loopback."""
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=0 if fresh else 1)
        with _set_up():
            return httpx.AsyncClient(verify=self._trust(), http2=False, limits=limits, trust_env=not _is_loopback(url))

    def _blocking_client(self, url: str) -> httpx.Client:
        """The same for a thread that waits for each byte, which takes half of the time; its connection is not kept."""
        with _set_up():
            client = httpx.Client(verify=self._trust(), http2=False, trust_env=not _is_loopback(url))
        client.event_hooks = {"response": [_keep_location]}
        return client

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        return self._tls


class _Unusable(Exception):
    """What the environment sets for connections cannot be used, so that none can be made. Says what it is."""


@contextlib.contextmanager
def _set_up() -> Iterator[None]:
    """Turn what stops a client from being made into words; httpx's own may quote a proxy's address."""
    wrong = ""
    try:
        yield
    except ImportError:
        wrong = "the environment sets a SOCKS proxy, which needs: pip install httpx[socks]"
    except OSError:
        wrong = "the certificates that the environment names (SSL_CERT_FILE, SSL_CERT_DIR) cannot be read"
    except (ValueError, httpx.InvalidURL):
        wrong = "the environment's proxy (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) is none that can be used"
    if wrong:
        raise _Unusable(wrong)


def _keep_location(response: httpx.Response) -> None:
    """Put the next address aside: httpx reads it though it is not to follow it, and breaks off at a strange one."""
    response.extensions["location"] = response.headers.pop("location", "")


class WireBroken(Exception):
    """The network, or the other side, broke off a stream. Says how, without an address or a key in it."""


class Line:
    """The connection of a stream, held by another thread than the one which waits for its bytes, to break it off."""

    def __init__(self) -> None:
        self.broken = ""  # why, once it is
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None

    def begin(self, connection: socket.socket) -> None:
        """Hold a connection, by a handle of our own: TLS takes the other one over. Raises WireBroken."""
        with self._guard:
            if not self.broken:
                self._socket = connection.dup()
                return
        raise WireBroken(self.broken)

    def cut(self, why: str) -> None:
        """Let no more bytes come: whoever waits for them is woken, and told why."""
        with self._guard:
            self.broken = self.broken or why
            if self._socket is not None:
                with contextlib.suppress(OSError):  # the other side was faster
                    self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        with self._guard:
            if self._socket is not None:
                self._socket.close()
                self._socket = None


class _Doorkeeper:
    """Looks at where a connection has led before a byte of the request is sent over it.

    A name may lead elsewhere by then than when it was judged (DNS rebinding). A proxy on the way is not the far end.
    """

    def __init__(self, url: httpx.URL, admit: Admit | None, line: Line) -> None:
        self._host, self._admit, self._line = url.raw_host.decode("ascii"), admit, line
        self._direct = False

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self._direct = info["host"] == self._host
        elif event == "connection.connect_tcp.complete":
            connection = info["return_value"]
            try:
                if self._admit is not None and self._direct:
                    self._admit(str(connection.get_extra_info("server_addr")[0]))
                self._line.begin(connection.get_extra_info("socket"))
            except BaseException:
                connection.close()
                raise


def chunks(response: httpx.Response) -> Iterator[bytes]:
    """The body of a stream as it came, undecoded; each piece at once, so that a drip is seen to be one."""
    return response.iter_raw()


# ── evidence ──────────────────────────────────────────────────────────────────
class _Evidence:
    """What httpcore's trace shows of a request's way out."""

    def __init__(self) -> None:
        self._never_connected = False
        self._request_left = False

    async def note(self, event: str, info: Mapping[str, Any]) -> None:
        if event in {"connection.connect_tcp.failed", "connection.start_tls.failed"}:
            self._never_connected = True
        elif event.endswith("send_request_headers.started"):
            method = getattr(info.get("request"), "method", b"")
            if method == b"CONNECT":  # to a proxy: its own request, not ours
                self._never_connected = True
            else:
                self._request_left = True

    @property
    def proves_not_sent(self) -> bool:
        return self._never_connected and not self._request_left


# ── keys ──────────────────────────────────────────────────────────────────────
class _KeyAuth(httpx.Auth):
    """Attaches the key as httpx signs the request: a plain header would stand in the locals of every traceback."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        gateway = self._gateway
        if gateway.key is not None and origin_of(str(request.url)) == gateway.origin:
            header, form = gateway.provider.AUTH
            request.headers[header] = form.format(key=gateway.key.reveal())
        yield request

    def __repr__(self) -> str:
        return "_KeyAuth(…)"


def _auth(gateway: Gateway) -> httpx.Auth:
    return _KeyAuth(gateway)


# ── answers ───────────────────────────────────────────────────────────────────
async def _read(response: httpx.Response, into: bytearray) -> bool:
    """Read a body, decoded and bounded while it streams. False: too large, or in an encoding we cannot bound."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "deflate"}:
        return False
    unpack = zlib.decompressobj(47) if encoding in {"gzip", "deflate"} else None  # 47: gzip or zlib, by its header
    async for raw in response.aiter_raw():
        into += unpack.decompress(raw, MAX_REPLY + 1 - len(into)) if unpack else raw
        if len(into) > MAX_REPLY or (unpack and unpack.unconsumed_tail):
            del into[MAX_REPLY:]
            return False
    return True


# JSON can name half of a character (a lone surrogate), which no file and no ledger can hold. A whole pair is group 1.
_HALF = re.compile(r"(\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})|\\u[dD][89a-fA-F][\da-fA-F]{2}")


def _reply(status: int, headers: httpx.Headers, body: bytes | bytearray, key: Key | None = None) -> Reply:
    """The answer as a value. The key is taken out of it here, so that no reader, row or card can pass on its echo."""
    text = _HALF.sub(lambda found: found[1] or r"\ufffd", body.decode("utf-8", errors="replace"))
    try:
        parsed = None if _intricate(text) else json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    kept: Json = [parsed, {name.lower(): value for name, value in headers.items()}, text]
    return Reply(status, *(without_key(kept, key.reveal()) if key is not None else kept))


_MARK = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{,]', re.DOTALL)  # possessive: a string may be as long as the answer


def _intricate(text: str) -> bool:
    """Whether an answer is made of more pieces than any provider's: a few MiB of them would fill the memory."""
    return next(islice(_MARK.finditer(text), MAX_MARKS, None), None) is not None


def _words(error: BaseException) -> str:
    """What went wrong, in words of our own: a library's message may quote an address or a header."""
    kinds = {
        httpx.ConnectTimeout: "no connection within the time limit",
        httpx.ConnectError: "no connection (name not found, refused, or no valid certificate)",
        httpx.ReadTimeout: "no answer within the time limit",
        TimeoutError: "no whole answer within the time limit",
        httpx.WriteTimeout: "the request could not be sent within the time limit",
        httpx.RemoteProtocolError: "the connection was closed before the answer was whole",
        httpx.ReadError: "the connection broke while the answer was read",
        httpx.WriteError: "the connection broke while the request was sent",
        httpx.ProxyError: "the proxy did not let it through",
    }
    for kind, words in kinds.items():
        if isinstance(error, kind):
            return words
    return f"the exchange broke off ({type(error).__name__})"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# ── logs ──────────────────────────────────────────────────────────────────────
_quiet: contextvars.ContextVar[bool] = contextvars.ContextVar("vidgen_nb_quiet", default=False)


def _hush(record: logging.LogRecord) -> bool:
    return not _quiet.get()


def _silence_logs() -> None:
    """httpx logs whole URLs at INFO and httpcore headers at DEBUG: not for our requests, whose URLs may be signed."""
    for name in (
        "httpx",
        "httpcore.connection",
        "httpcore.http11",
        "httpcore.http2",
        "httpcore.proxy",
        "httpcore.socks",
    ):
        logger = logging.getLogger(name)
        if _hush not in logger.filters:
            logger.addFilter(_hush)
