"""A Jupyter of the tests' own, and notebooks in it as a person would use them.

    def test_something(open_notebook, front):
        page = open_notebook(["import vidgen_nb as vg", "clip = vg.generate('a boat')\nclip"], front=front)
        page.run(0)
        page.run(1, wait=False)
        expect(page.output(1)).to_contain_text("running")

Nothing here sleeps: each wait ends when the front end says so, or fails.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import httpx
import nbformat
from playwright.sync_api import BrowserContext, Locator, Page

from ..loopback import free_port

Front = Literal["lab", "notebook"]
Theme = Literal["light", "dark"]
Kernel = Literal["python3", "ipykernel-6"]  # the newest ipykernel, and the last one without subshells

FRONTS: tuple[Front, ...] = ("lab", "notebook")
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
OUTPUT = ".jp-Notebook .jp-OutputArea-output"
PATIENCE = 180  # seconds for a server or a page to stand, on a busy machine


class Jupyter:
    """A running server with JupyterLab and Notebook 7, which reads and writes nothing outside `folder`.

    Args:
        folder: An empty folder. Notebooks go into `root`, a folder in it.
        env: Environment variables of every kernel.
    """

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.url = f"http://127.0.0.1:{free_port()}"
        self._config = folder / "config"
        self.set("apputils", "notification", {"fetchNews": "false", "checkForUpdates": False})
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), cwd=self.root, env=self._environment(folder, env), stdout=log, stderr=log
            )
        self._api = httpx.Client(base_url=f"{self.url}/api", trust_env=False, timeout=30)
        self._wait_until_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and every kernel."""
        try:
            self._api.post("/shutdown")
            self._process.wait(timeout=20)
        except (httpx.HTTPError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            self._api.close()

    def shutdown(self, path: str) -> None:
        """Shut down the kernels of all notebooks whose path begins so."""
        for session in self._api.get("/sessions").raise_for_status().json():
            if session["path"].startswith(path):
                self._api.delete(f"/sessions/{session['id']}").raise_for_status()

    def choose_theme(self, theme: Theme) -> None:
        """Let pages opened from now on begin in this theme."""
        self.set("apputils", "themes", {"theme": THEMES[theme]})

    def set(self, extension: str, name: str, values: Mapping[str, object]) -> None:
        """Write settings of one of JupyterLab's own extensions, for pages opened from now on."""
        folder = self._config / "lab" / "user-settings" / "@jupyterlab" / f"{extension}-extension"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(values))

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--log-level=WARN"),
            *(["--allow-root"] if os.geteuid() == 0 else []),
            *(f"--ServerApp.port={self.url.rpartition(':')[2]}", "--ServerApp.port_retries=0"),
            f"--ServerApp.root_dir={self.root}",
            "--IdentityProvider.token=",
            "--ServerApp.disable_check_xsrf=True",
            "--ServerApp.terminals_enabled=False",
            "--LabApp.news_url=None",
            "--LabApp.extension_manager=readonly",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]

    def _environment(self, folder: Path, env: Mapping[str, str]) -> dict[str, str]:
        # a person sits before these pages, also where continuous integration runs the tests
        inherited = {name: it for name, it in os.environ.items() if name != "CI" and not name.startswith("JUPYTER")}
        own = {
            "JUPYTER_CONFIG_DIR": str(self._config),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "IPYTHONDIR": str(folder / "ipython"),
        }
        return {**inherited, **own, **env}

    def _wait_until_up(self) -> None:
        until = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < until:
            try:
                self._api.get("/status").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.05)  # between two questions; nothing else tells that a server listens
        self._process.kill()
        self._process.wait()
        raise RuntimeError(f"Jupyter did not start:\n{self._log.read_text()[-4000:]}")


class NotebookPage:
    """A notebook, open in the browser. Cells are counted from 0.

    Attributes:
        page: Playwright's page.
        file: The notebook on disk.
        errors: What went wrong in the page's JavaScript, the front end's own mishaps among it.
    """

    def __init__(self, jupyter: Jupyter, context: BrowserContext, file: Path, front: Front) -> None:
        self.jupyter = jupyter
        self.file = file
        self.front = front
        self.errors: list[str] = []
        self._context = context
        self._path = file.relative_to(jupyter.root).as_posix()
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(self._url())
        self._settle()

    def run(self, index: int, *, wait: bool = True) -> None:
        """Run a cell; with `wait`, until it has ended (an error in it is no error here)."""
        self.page.evaluate("index => harness.run(index)", index)
        if wait:
            self.wait_idle(index)

    def wait_idle(self, index: int) -> None:
        """Wait until the cell has ended."""
        self._wait_for("index => harness.idle(index)", index)

    def wait_busy(self, index: int) -> None:
        """Wait until the kernel runs the cell. After a reload a page no longer knows which cell runs."""
        self._wait_for("index => harness.busy(index)", index)

    def is_busy(self, index: int) -> bool:
        """Whether the kernel runs the cell at this moment."""
        return bool(self.page.evaluate("index => harness.busy(index)", index))

    def cell(self, index: int) -> Locator:
        """The whole cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """All that a cell shows below its code."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """A cell's outputs as the front end holds them, in notebook format."""
        return list(self.page.evaluate("index => harness.outputs(index)", index))

    def text(self, index: int) -> str:
        """What a cell printed."""
        return "".join(output.get("text", "") for output in self.outputs(index))

    def trusts(self, index: int) -> bool:
        """Whether a cell's output shows unsanitised."""
        return bool(self.page.evaluate("index => harness.trusted(index)", index))

    def set_theme(self, theme: Theme) -> None:
        """Switch the theme of this page while it is open."""
        self.page.evaluate("theme => harness.setTheme(theme)", THEMES[theme])
        self._wait_for("dark => (document.body.dataset.jpThemeLight === 'false') === dark", theme == "dark")

    def set_width(self, pixels: int) -> None:
        """Let every output be that wide."""
        width = f"flex: none !important; box-sizing: border-box !important; width: {pixels}px !important"
        style = f"{OUTPUT} {{ {width} }}"
        self.page.evaluate("style => harness.style(style)", style)

    def save(self) -> nbformat.NotebookNode:
        """Save the notebook, and give what is on disk then."""
        self.page.evaluate("() => harness.save()")
        return self.on_disk()

    def on_disk(self) -> nbformat.NotebookNode:
        """The notebook as its file stands."""
        return nbformat.read(self.file, as_version=4)

    def reload(self) -> None:
        """Load the page again, as with F5: what was not saved is lost, the kernel stays."""
        self.page.reload()
        self._settle()

    def interrupt(self) -> None:
        """Interrupt the kernel."""
        self.page.evaluate("() => harness.interrupt()")

    def restart_kernel(self) -> None:
        """Restart the kernel, as from its menu; the page stays open."""
        self.page.evaluate("() => harness.restart()")

    def shut_down_kernel(self) -> None:
        """Shut the kernel down, as from its menu; the page stays open."""
        self.page.evaluate("() => harness.shutDown()")

    def reopen(self) -> Self:
        """Open the saved notebook another day: its kernel was shut down, a fresh one is there."""
        self.page.close()
        self.jupyter.shutdown(self._path)
        return type(self)(self.jupyter, self._context, self.file, self.front)

    def reopen_untrusted(self) -> Self:
        """Open the saved notebook as somebody else gets it: another file without this machine's signature.

        It lies beside the first, so that relative paths hold, and has a kernel of its own.
        """
        notebook = self.on_disk()
        notebook.metadata["received"] = True  # the signature is over the content
        file = self.file.with_stem(f"{self.file.stem}-received")
        nbformat.write(notebook, file)
        self.page.close()
        return type(self)(self.jupyter, self._context, file, self.front)

    def screenshot(self, path: Path, index: int | None = None) -> None:
        """Save a PNG of the page, or of one cell."""
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.page if index is None else self.cell(index)).screenshot(path=path)

    def _url(self) -> str:
        if self.front == "notebook":
            return f"{self.jupyter.url}/notebooks/{self._path}"
        workspace = self._path.replace("/", "-").removesuffix(".ipynb")  # its own: Lab reopens what a workspace had
        return f"{self.jupyter.url}/lab/workspaces/{workspace}/tree/{self._path}"

    def _settle(self) -> None:
        self._wait_for("() => window.harness.ready()")
        self.page.evaluate("() => harness.listen()")

    def _wait_for(self, condition: str, argument: object = None) -> None:
        self.page.wait_for_function(condition, arg=argument, timeout=PATIENCE * 1000)


def write_notebook(cells: Sequence[str] | nbformat.NotebookNode, file: Path, kernel: Kernel = "python3") -> None:
    """Write a notebook with these code cells, or the notebook given."""
    if not isinstance(cells, nbformat.NotebookNode):
        v4 = nbformat.v4
        spec = {"name": kernel, "display_name": kernel, "language": "python"}
        cells = v4.new_notebook(cells=[v4.new_code_cell(code) for code in cells], metadata={"kernelspec": spec})
    nbformat.write(cells, file)
