"""What is saved into notebooks: only what JupyterLab's sanitizer leaves, and small."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vidgen_nb.display import card
from vidgen_nb.display.catalogue import models_bundle, plan_bundle, providers_bundle
from vidgen_nb.display.gallery import history_bundle
from vidgen_nb.providers.contract import Model
from vidgen_nb.records import Status, Warned

from .stand_ins import CASES, FACTS, FILE, SEARCHABLE, Watched, jpeg, make, player
from .test_catalogue import PROVIDERS, Planned

# Of JupyterLab 4.6's list those which an untrusted notebook was seen to keep with the values used here.
TAGS = {"div", "span", "b", "a", "img", "video", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"style", "title", "lang", "href", "src", "poster", "controls", "preload", "alt"}
PROPERTIES = {
    *("margin", "margin-left", "margin-right", "padding", "box-sizing", "box-shadow", "opacity", "background"),
    *(
        "width",
        "height",
        "min-width",
        "min-height",
        "max-width",
        "max-height",
        "overflow",
        "overflow-x",
        "overflow-wrap",
    ),
    *("display", "flex", "flex-wrap", "flex-direction", "align-items", "align-content", "justify-content", "gap"),
    *("grid-template-columns", "border", "border-top", "border-bottom", "border-radius", "border-collapse"),
    *("font-family", "font-size", "font-weight", "line-height", "text-align", "text-overflow", "white-space"),
    *("background-color", "vertical-align", "table-layout"),
}
VOID = {"img", "br", "input"}


class Sanitizer(HTMLParser):
    """Complains about everything an untrusted notebook would lose."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lost: list[str] = []
        self.blocks_without_margin: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "unbalanced"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag not in TAGS:
            self.lost.append(f"<{tag}>")
        for name, value in attributes:
            if name not in ATTRIBUTES:
                self.lost.append(f"<{tag} {name}>")
            if name == "style":
                self.lost += self.declarations_lost(value or "")
        style = dict(attributes).get("style") or ""
        if tag in {"div", "table"} and not re.search(r"(^|;)margin:", style):
            self.blocks_without_margin.append(style)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "unbalanced"

    @staticmethod
    def declarations_lost(style: str) -> Iterator[str]:
        # calc() within min() is kept: tests/browser/test_history.py sees it work in an untrusted notebook
        lost = re.compile(r"var\(|(?<!px,)calc\(|currentcolor|inherit|!|url\(", re.IGNORECASE)
        for declaration in style.split(";"):
            name, _, value = declaration.partition(":")
            if name not in PROPERTIES or lost.search(value):
                yield declaration


def static_views(home: Path) -> dict[str, str]:
    """The HTML of every static view in every state."""
    views = {name: str(card.as_html(record, FACTS, player(record))) for name, record in CASES.items()}
    views["searchable"] = card.as_html(CASES["unknown"], SEARCHABLE)
    for ratio in ("21:9", "4:3", "1:1", "3:4", "adaptive"):
        for status in Status:
            record = make(status, asked={"aspect_ratio": ratio})
            views[f"{status} {ratio}"] = card.as_html(record, FACTS, player(record))
    views["no player"] = card.as_html(CASES["succeeded"], FACTS)
    views["poster only"] = card.as_html(CASES["tall"], FACTS, replace(player(CASES["tall"]) or card.Player(), src=""))
    views["history"] = history_bundle([Watched(record, home) for record in CASES.values()], 148, matched=["boat"])[
        "text/html"
    ]
    views["no history"] = history_bundle([])["text/html"]
    views["providers"] = providers_bundle(PROVIDERS)["text/html"]
    views["models"] = models_bundle(
        "relaydance", [Model("a", source="relaydance.com/docs"), Model("b", checked="2026-11-20")]
    )["text/html"]
    views["plan"] = plan_bundle(Planned(warnings=(Warned("prompt", "is long"),)))["text/html"]
    return views


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the poster of the finished records."""
    (tmp_path / "clips").mkdir()
    (tmp_path / FILE.poster).write_bytes(jpeg(640, 360))
    (tmp_path / FILE.path).write_bytes(b"mp4")
    return tmp_path


def test_an_untrusted_notebook_keeps_everything(home: Path) -> None:
    """No class, data, aria or id, no style sheet, variable or text colour: nothing the sanitizer would take away."""
    for name, html in static_views(home).items():
        assert Sanitizer(html).lost == [], name


def test_every_block_says_its_margin(home: Path) -> None:
    """Jupyter gives blocks in an output a margin, which moved a card by 6.5 px against its living twin."""
    for name, html in static_views(home).items():
        assert Sanitizer(html).blocks_without_margin == [], name


def test_src_stands_on_the_video_itself() -> None:
    """The sanitizer strips `src` off <source>; controls and poster are what an untrusted notebook plays by."""
    html = card.as_html(CASES["succeeded"], FACTS, player(CASES["succeeded"]))
    assert re.search(r'<video controls preload="metadata" poster="data:image/jpeg;base64,[^"]+" src="https://', html)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"succeeded", "reused", "simulated", "tall"}))
def test_a_card_is_small(name: str) -> None:
    """A card without a picture adds at most 10 kB to a notebook."""
    assert len(card.as_html(CASES[name], FACTS).encode()) < 10_000


def test_the_unfinished_card_says_how_to_go_on() -> None:
    """It names the state, the task, our id and the line that resumes it, and nothing in it goes on counting."""
    html = card.as_html(CASES["running"], FACTS)
    for words in (
        "Running",
        "when this notebook was saved",
        "task_8842177301",
        "vg-3f9c2a17be",
        "vg.resume(",
        "38\xa0%",
    ):
        assert words in html, words
    assert " left<" not in html, "an estimate is stale once it is saved"


def test_the_saved_unknown_card_names_the_ways_out_as_code() -> None:
    """Window, money, and the four ways; a way which this provider does not have says why."""
    html = card.as_html(CASES["unknown"], FACTS)
    for words in ("Window", "Charged once or not at all. At most 1.40\xa0CNY.", "RelayDance cannot be searched"):
        assert words in html, words
    for call in ("clip.adopt(", "clip.resolve(not_billed=True)", "clip.resubmit(accept_double_charge=True)"):
        assert call in html, call
    assert "clip.reconcile()" in card.as_html(CASES["unknown"], SEARCHABLE)


def test_ten_clips_stay_light(home: Path) -> None:
    """A notebook of ten finished clips by relative path stays below 500 kB, posters included three times."""
    bundles = [card.bundle(Watched(CASES["succeeded"], home), embed_limit=3_000_000) for _ in range(10)]
    assert sum(len(part) for bundle in bundles for part in bundle.values()) < 480_000


def test_a_page_without_video_shows_poster_and_facts(home: Path) -> None:
    """As GitHub shows a notebook, which drops videos and styles: the poster is a picture, and words stand apart."""
    html = card.bundle(Watched(CASES["succeeded"], home), embed_limit=3_000_000)["text/html"]
    left = re.sub(r"</?video[^>]*>", "", html)
    assert re.search(r'<img src="data:image/jpeg;base64,[^"]+" alt="first frame of the clip">', left)
    lines = re.sub(r"<[^>]+>", "", re.sub(r"</?div[^>]*>", "\n", left)).split("\n")
    assert "Provider RelayDance" in [line.strip() for line in lines]
    assert any(re.match(r"\S+\.mp4 \d:\d\d", line) for line in lines)
    assert any(line.startswith("Succeeded in ") for line in lines)
