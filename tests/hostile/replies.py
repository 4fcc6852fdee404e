"""Replies as no document has them: any JSON, and documented replies with values replaced and names lost."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from vidgen_nb import providers
from vidgen_nb.providers.contract import Provider
from vidgen_nb.records import Json

SAMPLES = Path(__file__).parents[1] / "samples"
DONE = "https://cdn.example.com/clip.mp4?sig=1"
MINE = "https://mine.example.com/reference.png"  # the user's own, which providers echo
HTTP = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 429, 500, 503])
NONSENSE = st.sampled_from(["", "ok", "done!", "200", "failing", "not failed", "null", "成功", DONE])

_BESIDE = {"image": MINE, "end_image": MINE, "image_url": MINE, "cover_url": MINE, "callback_url": MINE, "prompt": MINE}
_WITHIN = {**_BESIDE, "url": MINE, "videoUrl": MINE, "images": [MINE], "videos": [MINE], "audios": [MINE]}
_COMMON = ["code", "data", "id", "task_id", "status", "url", "error", "message", "progress", "success", "type", "input"]


def _wrapped(word: str, **more: Json) -> Json:
    return {"code": "success", "data": {"task_id": "t", "status": word, **more}}


def _enveloped(word: str, **more: Json) -> Json:
    return {"code": 0, "message": "success", "data": {"task_id": "t", "task_status": word, **more}}


def _said(word: str, **more: Json) -> Json:
    return {"code": 0, "message": "请求成功", "data": {"id": "t", "status": word, **more}}


_FLAT: list[Json] = [
    {"task_id": "t", "status": "succeeded", "url": DONE, "format": "mp4", "metadata": {"ratio": "1:1"}},
    {"task_id": "t", "status": "succeeded", "result": {"primary_url": DONE, "urls": [DONE]}},
    {"id": "t", "status": "completed", "progress": 100, "metadata": {"url": DONE}},
    {"task_id": "t", "status": "failed", "error": {"code": "E", "message": "no"}, "result_url": "no"},
    {"task_id": "t", "status": "failed", "error_message": "no", "result": {}},
    {"task_id": "t", "status": "queued", "status_code": 202, "data": {}},
    _wrapped("SUCCESS", result_url=DONE),
    _wrapped("SUCCESS", data={"status": "succeeded"}),
    _wrapped("FAILURE", fail_reason="no"),
]
_SHAPES: dict[str, list[Json]] = {
    "aitoearn": [_said("SUCCESS", videoUrl=DONE), _said("FAILURE", error={"message": "no"})],
    "aisphere": [_enveloped(word, urls=[DONE]) for word in ("succeeded", "archived", "failed", "processing")],
}


def all_providers() -> list[Provider]:
    return [providers.find(name) for name in providers.BUILT_IN]


def walk(tree: Json, key: str = "") -> Iterator[tuple[str, Json]]:
    """Every value of a tree with the name it stands under."""
    yield key, tree
    branches = [(key, value) for value in tree] if isinstance(tree, list) else ()
    for name, value in tree.items() if isinstance(tree, dict) else branches:
        yield from walk(value, name)


@cache
def anything(spec: Provider, words: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Json]:
    """Any JSON, with the names and words of this provider more often than chance would have them."""
    words = _words(spec) | st.text() if words is None else words
    leaves = st.none() | st.booleans() | st.just(0) | st.integers() | st.floats() | words
    names = st.sampled_from(_names(spec.NAME)) | st.text(max_size=5)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6))


@st.composite
def damaged(draw: st.DrawFn, spec: Provider) -> Json:
    """A reply of this provider, which also echoes what the user gave, with one to three places changed."""
    tree = draw(st.sampled_from(shapes(spec.NAME)))
    for _ in range(draw(st.integers(1, 3))):
        tree = _mutate(tree, anything(spec, _words(spec)), draw)
    return tree


@cache
def shapes(name: str) -> tuple[Json, ...]:
    """Replies as documented and as known, each once as it is and once with the user's own words and addresses in it."""
    bare = [*_SHAPES.get(name, _FLAT), *_samples(name)]
    return (*bare, *map(_echoing, bare))


def _samples(name: str) -> list[Json]:
    return [json.loads(path.read_text("utf-8")).get("body") for path in sorted((SAMPLES / name).glob("*.json"))]


@cache
def _names(name: str) -> tuple[str, ...]:
    told = {key for shape in shapes(name) for key, _ in walk(shape) if key}
    return (*_COMMON, *sorted(told - set(_COMMON)))


@cache
def _words(spec: Provider) -> st.SearchStrategy[str]:
    return st.sampled_from([*spec.STATES, "SUCCEEDED", "error", "unknown", "0", "", "t", DONE, '{"error":'])


def _echoing(tree: Json) -> Json:
    """The tree with what the user gave beside and under what the provider says, as gateways echo it."""
    if isinstance(tree, list):
        return [_echoing(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    grown = {key: _echoing(value) for key, value in tree.items()}
    return {**_BESIDE, "input": _WITHIN, "request": _WITHIN, "properties": _WITHIN, **grown}


def _mutate(tree: Json, replacement: st.SearchStrategy[Json], draw: st.DrawFn) -> Json:
    """A copy of a reply with one value replaced or one name lost, somewhere."""
    if isinstance(tree, dict) and tree and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(tree)))
        if not draw(st.integers(0, 3)):
            return {key: value for key, value in tree.items() if key != name}
        return {**tree, name: _mutate(tree[name], replacement, draw)}
    return draw(replacement)
