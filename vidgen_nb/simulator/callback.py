"""Tells a webhook that its task has ended; only on this machine, whatever the URL says."""

import asyncio
import http.client
import ipaddress
import json
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from vidgen_nb.records import Json


async def deliver(url: str, body: Json) -> tuple[int, str]:
    """POST the body once. The status of the answer, or 0 and why nothing was delivered."""
    address = urlsplit(url)
    if address.scheme != "http" or not _here(address.hostname or ""):
        return 0, "not delivered: the simulator calls only http:// addresses of this machine"
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[int, str]] = loop.create_future()

    def tell(result: tuple[int, str]) -> None:
        if not outcome.done():
            outcome.set_result(result)

    def post() -> None:
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=10)
        target = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        try:
            connection.request("POST", target, json.dumps(body).encode(), {"Content-Type": "application/json"})
            result = connection.getresponse().status, ""
        except (OSError, http.client.HTTPException) as problem:
            result = 0, f"not delivered: {problem!r}"
        finally:
            connection.close()
        with suppress(RuntimeError):  # the simulator was stopped meanwhile
            loop.call_soon_threadsafe(tell, result)

    threading.Thread(target=post, name="vidgen-callback", daemon=True).start()
    return await outcome


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
