"""What holds for every test: it meets no key, no network and no home of the machine it runs on."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from .browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

# folder of tests: the mark of every test in it
FOLDER_MARKS = {
    "browser": "browser",
    "notebooks": "notebook",
    **dict.fromkeys(("crash", "money", "reliability", "simulator", "studio"), "slow"),
}
FLAGS = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # offline: nothing may come from a CDN
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
LOOPBACK = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}


def pytest_configure() -> None:
    """Forget the keys and settings of whoever runs the tests, stay on this machine, and leave nothing to chance."""
    for name in [name for name in os.environ if name.startswith("VIDGEN_") or name.endswith(("_API_KEY", "_BASE_URL"))]:
        if name != "VIDGEN_CHROMIUM":
            del os.environ[name]
    sys.addaudithook(_stay_here)
    settings.register_profile("the same every time", derandomize=True, deadline=None)
    settings.load_profile("the same every time")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder they lie in, so that none can be forgotten; those with a browser come last."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in FOLDER_MARKS:
            item.add_marker(FOLDER_MARKS[folder])
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """The Chromium or Chrome of this machine; without one the test fails, it is never skipped.

    One for all: Playwright keeps an event loop running in this thread, so that there cannot be a second one.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def launch(playwright: "Playwright") -> "Browser":
    """Start that Chromium, offline."""
    executable = chromium.find() or pytest.fail(chromium.missing(), pytrace=False)
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return playwright.chromium.launch(executable_path=executable, args=flags)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder: a home is looked for from the working folder upwards, and made in it."""
    monkeypatch.chdir(tmp_path)


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook, because it sees every library: looking up or connecting to another machine fails the test."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in LOOPBACK and isinstance(host, str):
        raise AssertionError(f"a test tried to reach {host}: tests are offline")
