"""What the browser tests show in a kernel: views full of other people's words, saved and alive."""

from pathlib import Path

from IPython.display import publish_display_data

from vidgen_nb.display import history_live
from vidgen_nb.display.compare_live import Comparison
from vidgen_nb.display.live import Living
from vidgen_nb.display.sweep_live import GridShown
from vidgen_nb.errors import GenerationFailed
from vidgen_nb.records import Status
from vidgen_nb.searching import Archive, Search

from ..display import sweeps
from . import views
from .payloads import PAYLOADS

# one of each kind that a notebook might take for more than words, and all of the mathematics
SOME = {
    name: text
    for name, text in PAYLOADS.items()
    if name.startswith(("mathematics", "markdown", "terminal"))
    or name in {"script: script", "handler: onerror", "breakout: double quote", "address: https", "style: style"}
}
SAVED = (
    *("saved card, succeeded", "saved card, failed", "saved card, unknown"),
    *("history", "plan", "models", "scan", "sweep, planned", "sweep, saved", "compare, saved", "form, saved"),
)


def saved() -> None:
    """Every saved view, for each of some payloads."""
    for payload in SOME.values():
        publish_display_data({"text/html": "".join(views.pages(SAVED, payload, _home()))})


def living() -> None:
    """The widgets, for each of some payloads."""
    for payload in SOME.values():
        for status in (Status.RUNNING, Status.UNKNOWN):
            Living(views.clip(payload, _home(), status), embed_limit=0).show()
    text = " ".join(SOME.values())
    Comparison([views.clip(each, _home()) for each in (text, f"other {text}")]).show()  # type: ignore[list-item]
    GridShown(sweeps.Still(views.grid(text, _home())), embed_limit=0).show()
    clips = [views.clip(each, _home()) for each in SOME.values()]
    archive = Archive(lambda _: clips, lambda _: clips[0], lambda: {each: each for each in SOME.values()})
    history_live.show(archive, Search(text=text, provider=text, model=text), 1, {"text/html": "", "text/plain": ""})


def error() -> None:
    """An error that quotes a provider."""
    text = " ".join(SOME.values())
    raise GenerationFailed(text, said=f"it said {text}", hint=text)


def _home() -> Path:
    return Path("vidgen").absolute()
