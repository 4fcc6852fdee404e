"""Pictures of every view through a real JupyterLab: `python -m tests.browser.screenshots [words of a scene's name]`.

They land in build/screenshots, one per scene, theme and width, to be looked at.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.browser.lab import Jupyter, NotebookPage, Theme, write_notebook
from tests.browser.scenes import ROOT, SCENES, SETUP, WIDTHS, picture_of
from tests.conftest import launch

OUT = ROOT / "build" / "screenshots"
THEMES: tuple[Theme, ...] = ("light", "dark")


def take(names: list[str], out: Path) -> list[str]:
    """Take the pictures of these scenes, and say which cells failed."""
    with TemporaryDirectory() as folder, Jupyter(Path(folder), {}) as jupyter, sync_playwright() as playwright:
        jupyter.set("notebook", "tracker", {"windowingMode": "none"})  # every cell stands on the page
        file = jupyter.root / "scenes.ipynb"
        write_notebook([SETUP, *(SCENES[name] for name in names)], file)
        browser = launch(playwright)
        context = browser.new_context(viewport={"width": 1400, "height": 3000})
        context.add_init_script(path=Path(__file__).with_name("lab.js"))
        page = NotebookPage(jupyter, context, file, "lab")
        failed: dict[str, str] = {}
        for index, name in enumerate(["", *names]):
            page.run(index)
            errors = [output for output in page.outputs(index) if output["output_type"] == "error"]
            if errors and not name.startswith("error"):
                failed[name] = f"{name or 'setup'}: {errors[0]['evalue']}"
        for theme in THEMES:
            page.set_theme(theme)
            for width in WIDTHS:
                page.set_width(width)
                for index, name in enumerate(names, 1):
                    if name not in failed:
                        picture(page, index, out / f"{picture_of(name)}-{theme}-{width}.png")
        browser.close()
    return list(failed.values())


def picture(page: NotebookPage, index: int, file: Path) -> None:
    """Save the first output of a cell, once its pictures are there."""
    output = page.output(index).locator(".jp-OutputArea-output").first
    output.scroll_into_view_if_needed()
    output.evaluate("""async output => {
        await Promise.all([...output.querySelectorAll("img")].map(image => image.decode().catch(() => null)));
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    }""")
    output.screenshot(path=file)


if __name__ == "__main__":
    wanted = [name for name in SCENES if all(word in name for word in sys.argv[1:])]
    OUT.mkdir(parents=True, exist_ok=True)
    sys.exit("\n".join(take(wanted, OUT)) or None)
