"""Fixtures of the browser tests: `open_notebook` is all that most need, and `front` to run in both front ends."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext

from .lab import FRONTS, Front, Jupyter, Kernel, NotebookPage, Theme, write_notebook

SCREENSHOTS = Path(__file__).parents[2] / "build" / "browser"  # of tests that failed

StartJupyter = Callable[..., Jupyter]


class OpenNotebook(Protocol):
    """Write a notebook into a folder of its own and open it."""

    def __call__(
        self,
        cells: Sequence[str] | nbformat.NotebookNode,
        *,
        front: Front = "lab",
        theme: Theme = "light",
        files: dict[str, bytes] | None = None,
        kernel: Kernel = "python3",
        env: dict[str, str] | None = None,
    ) -> NotebookPage:
        """`files` lie beside the notebook; `env` is what its kernel finds in its environment."""
        ...


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest) -> Front:
    """Each front end in turn."""
    chosen: Front = request.param
    return chosen


@pytest.fixture(scope="session")
def start_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartJupyter]:
    """Start a Jupyter whose kernels have these environment variables, or give the one that runs already."""
    running: dict[frozenset[tuple[str, str]], Jupyter] = {}
    with ExitStack() as stack:

        def start(env: dict[str, str]) -> Jupyter:
            key = frozenset(env.items())
            if key not in running:
                running[key] = stack.enter_context(Jupyter(tmp_path_factory.mktemp("jupyter"), env))
            return running[key]

        yield start


@pytest.fixture
def open_notebook(
    browser: Browser, start_jupyter: StartJupyter, request: pytest.FixtureRequest
) -> Iterator[OpenNotebook]:
    """Open notebooks; their pages and kernels end with the test. Where it failed, build/browser has pictures."""
    name = _name(request.node)
    with ExitStack() as stack:

        def open_it(
            cells: Sequence[str] | nbformat.NotebookNode,
            *,
            front: Front = "lab",
            theme: Theme = "light",
            files: dict[str, bytes] | None = None,
            kernel: Kernel = "python3",
            env: dict[str, str] | None = None,
        ) -> NotebookPage:
            jupyter = start_jupyter(env or {})
            folder = jupyter.root / f"{name}-{len(list(jupyter.root.iterdir()))}"
            folder.mkdir()
            for file, content in (files or {}).items():
                (folder / file).write_bytes(content)
            write_notebook(cells, folder / "notebook.ipynb", kernel)
            stack.callback(jupyter.shutdown, f"{folder.name}/")
            context = stack.enter_context(browser.new_context(viewport={"width": 1280, "height": 900}))
            context.add_init_script(path=Path(__file__).with_name("lab.js"))
            stack.callback(partial(_keep_pictures, context, request.node))
            jupyter.choose_theme(theme)
            return NotebookPage(jupyter, context, folder / "notebook.ipynb", front)

        yield open_it


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Tell the fixtures whether their test failed."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey[bool]()


def _keep_pictures(context: BrowserContext, item: pytest.Item) -> None:
    if item.stash.get(FAILED, True):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(context.pages):
            page.screenshot(path=SCREENSHOTS / f"{_name(item)}-{number}.png")


def _name(item: pytest.Item) -> str:
    return re.sub(r"\W+", "-", item.name).strip("-")
