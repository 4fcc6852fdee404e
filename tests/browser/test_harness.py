"""The harness itself: what the other browser tests rest on, shown without the package."""

import io
from fractions import Fraction

import av
import pytest
from playwright.sync_api import expect

from .conftest import OpenNotebook
from .lab import Front, NotebookPage

COUNTER = '''
import anywidget, traitlets

class Counter(anywidget.AnyWidget):
    _esm = """
    function render({ model, el }) {
      const button = document.createElement("button");
      button.className = "counter";
      const show = () => { button.textContent = `count ${model.get("value")}`; };
      button.onclick = () => model.send("clicked");
      model.on("change:value", show);
      show();
      el.append(button);
    }
    export default { render };
    """
    value = traitlets.Int(0).tag(sync=True)

def clicked(widget, content, buffers):
    widget.value += 1

counter = Counter()
counter.on_msg(clicked)
counter
'''

PLAYER = """
from IPython.display import HTML
HTML('<video class="clip" src="clip.mp4" controls loop muted></video><b class="mark" onclick="this.remove()">seen</b>')
"""

PLAYS = "video => !video.paused && video.currentTime > 0.2 && video.videoWidth === 64"


@pytest.fixture(scope="session")
def clip() -> bytes:
    """Two seconds of H.264, 64 x 64 pixels."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(20):
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([number * 10]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def test_widgets_are_alive(open_notebook: OpenNotebook, front: Front) -> None:
    """A click reaches the kernel, and what the kernel sets comes back to the page."""
    page = open_notebook([COUNTER, "counter.value += 10"], front=front)
    page.run(0)
    button = page.output(0).locator("button.counter")
    expect(button).to_have_text("count 0")
    button.click()
    expect(button).to_have_text("count 1")
    page.run(1)
    expect(button).to_have_text("count 11")


def test_a_clip_plays_and_survives(open_notebook: OpenNotebook, front: Front, clip: bytes) -> None:
    """An mp4 beside the notebook plays: at once, after a reload, and where the notebook is not trusted."""
    page = open_notebook([PLAYER, "known = 7", "print(known)"], front=front, files={"clip.mp4": clip})
    page.run(0)
    page.run(1)
    assert page.trusts(0)
    _play(page)

    saved = page.save()
    assert "clip.mp4" in saved.cells[0].outputs[0].data["text/html"]
    page.reload()
    assert page.trusts(0)
    _play(page)
    page.run(2)
    assert page.text(2) == "7\n", "the kernel stays"

    page = page.reopen_untrusted()
    assert not page.trusts(0)
    expect(page.output(0).locator(".mark")).to_have_text("seen")
    assert page.output(0).locator(".mark").get_attribute("onclick") is None, "sanitised"
    _play(page)


def test_busy_cells_are_seen(open_notebook: OpenNotebook, front: Front) -> None:
    """A cell is busy while it runs and idle after an interrupt; a reopened notebook has a fresh kernel."""
    page = open_notebook(["import time; known = 7; time.sleep(60)", "print('known' in globals())"], front=front)
    page.run(0, wait=False)
    page.wait_busy(0)
    assert page.is_busy(0)
    page.interrupt()
    page.wait_idle(0)
    assert not page.is_busy(0)
    assert page.outputs(0)[0]["ename"] == "KeyboardInterrupt"
    page.run(1)
    assert page.text(1) == "True\n"
    page.restart_kernel()
    page.run(1)
    assert page.text(1) == "False\n"
    page.save()
    page = page.reopen()
    assert page.text(1) == "False\n"


def test_themes(open_notebook: OpenNotebook, front: Front) -> None:
    """A page opens in the theme asked for, and can change it."""
    page = open_notebook(["1"], front=front, theme="dark")
    expect(page.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    page.set_theme("light")
    expect(page.page.locator("body")).to_have_attribute("data-jp-theme-light", "true")


def test_kernels_have_the_environment_given(open_notebook: OpenNotebook) -> None:
    """A kernel finds the variables asked for, and nothing of the settings of whoever runs the tests."""
    code = "import os; print({k: v for k, v in os.environ.items() if k.startswith('VIDGEN_')})"
    page = open_notebook([code], env={"VIDGEN_SIMULATE": "1"})
    page.run(0)
    assert page.text(0) == "{'VIDGEN_SIMULATE': '1'}\n"


def _play(page: NotebookPage) -> None:
    video = page.output(0).locator("video.clip")
    video.scroll_into_view_if_needed()
    video.evaluate("video => video.play()")
    page.page.wait_for_function(PLAYS, arg=video.element_handle())
