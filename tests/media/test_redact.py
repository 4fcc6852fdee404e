"""No media in views, no media and no signed URL in what is kept."""

import base64
import json
import time
from dataclasses import replace

import pytest

from vidgen_nb.media import inputs
from vidgen_nb.media.redact import kept as as_kept
from vidgen_nb.media.redact import redacted, without_secrets
from vidgen_nb.records import Json

from .samples import png

PICTURE = png(100, 80)
URI = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
BARE = base64.b64encode(bytes(range(256)) * 4).decode()


def test_redacted_names_what_it_replaces() -> None:
    """A body for views: media become type, name and size; prompts, numbers and URLs stay as they are."""
    boat = replace(inputs.take(PICTURE, "image"), name="boat.png")
    body = {
        "prompt": "a boat, data: none; base64 of the mind. " * 20,
        "seed": 3,
        "images": [URI, "https://h.example/p.png?sig=1", BARE],
        "metadata": {"content": [{"image_url": {"url": URI}}], "watermark": None, "ok": True},
    }
    before = json.dumps(body)
    shown = redacted(body, [boat])
    size = f"{len(PICTURE)} bytes"
    assert shown == {
        "prompt": body["prompt"],
        "seed": 3,
        "images": [
            f"data:image/png;base64,… (boat.png, {size})",
            "https://h.example/p.png?sig=1",
            "base64,… (1 kB)",
        ],
        "metadata": {
            "content": [{"image_url": {"url": f"data:image/png;base64,… (boat.png, {size})"}}],
            "watermark": None,
            "ok": True,
        },
    }
    assert json.dumps(body) == before, "the body itself is not touched"
    assert redacted(URI) == f"data:image/png;base64,… ({size})"
    other = replace(boat, sha256="1" * 64)
    assert redacted(URI, [other]) == redacted(URI), "the same size is not the same picture"


@pytest.mark.parametrize(
    "value",
    [
        URI,
        f"bad image {URI} given",
        {URI: [URI]},
        json.dumps({"error": {"message": URI}}).replace("/", "\\/"),
        f"'{BARE}'",
        "\n".join(BARE[i : i + 76] for i in range(0, len(BARE), 76)),
        "data:image/png;base64," + "\r\n".join(BARE[i : i + 64] for i in range(0, len(BARE), 64)),
        "data:image/svg+xml;utf8,<svg xmlns='x'> " + BARE + " </svg>",
        f"data:;charset=utf-8;base64,{BARE}",
        base64.urlsafe_b64encode(bytes(range(256)) * 4).decode(),
    ],
)
def test_no_media_survive(value: Json) -> None:
    """Neither whole, embedded, wrapped, escaped nor as a key do media survive: no 80 of their letters are left."""
    for shown in (json.dumps(redacted(value)), json.dumps(without_secrets(value))):
        assert len(shown) < 400
        for source in (URI, BARE, BARE.replace("+", "-").replace("/", "_")):
            assert not any(source[i : i + 80] in shown for i in range(30, len(source) - 80))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://h.example/p.mp4?X-Sig=SECRET&e=1#SECRET", "https://h.example/p.mp4?…"),
        ("https://h.example/p.mp4#SECRET", "https://h.example/p.mp4#…"),
        ("https://h.example/p.mp4", "https://h.example/p.mp4"),
        ("https://h.example?SECRET", "https://h.example?…"),
        ("https://user:SECRET@h.example/p", "https://h.example/p"),
        ("https://h.example/p?a=b c&sig=SECRET 'SECRET", "https://h.example/p?…"),
        ("see https://h.example/p?sig=SECRET, or wait", "see https://h.example/p?… or wait"),
        ('{"u":"https:\\/\\/h.example\\/p?s=SECRET\\u0026t=SECRET"}', '{"u":"https:\\/\\/h.example\\/p?…"}'),
        ("oss://bucket/key?SECRET", "oss://bucket/key?…"),
        ("HTTPS://H.example/P?SECRET", "HTTPS://H.example/P?…"),
        ("succeeded? yes #1", "succeeded? yes #1"),
        ("http://[::1]:80/a?SECRET", "http://[::1]:80/a?…"),
        ("https://h.example/" + "a" * 300 + "?SECRET", "https://h.example/" + "a" * 300 + "?…"),
    ],
)
def test_urls_lose_what_is_secret(value: str, kept: str) -> None:
    """User, query and fragment go, host and path stay; text that is no URL stays."""
    assert without_secrets(value) == kept
    assert without_secrets({"data": [value, 1, None]}) == {"data": [kept, 1, None]}
    assert without_secrets(kept) == kept, "twice is once"


def test_text_of_a_person_stays() -> None:
    """Prompts, ids, hashes and paths are no media."""
    texts = [
        "task_" + "a1" * 60,
        "f" * 64,
        "雨中的纸船，镜头缓慢推进 " * 50,
        "/data/" + "x/" * 60,
        "fox\nowl\n" * 100,
    ]
    assert redacted(texts) == without_secrets(texts) == texts


def test_hostile_json() -> None:
    """Deep nesting ends, and a stranger's 8 MB of nearly matching text takes seconds, not hours."""
    deep: Json = "https://h.example/?SECRET"
    for _ in range(900):
        deep = [deep]
    assert "SECRET" not in json.dumps(without_secrets(deep))
    started = time.process_time()
    for piece in ("a.", "data:a/b;a=", "data:", "a" * 150 + " ", "a" * 80 + "\n", "https:", "\\/", "ab://"):
        without_secrets(" " + piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 15


def test_a_letter_held_down_is_no_medium() -> None:
    """A prompt may be one long word: only what varies as base64 of a medium does is taken for one."""
    for prompt in ("0" * 4000, "ha" * 500, "la-la_" * 100):
        assert as_kept(prompt) == redacted(prompt) == prompt
    picture = base64.b64encode(bytes(range(256)) * 2).decode()
    assert as_kept(picture) == redacted(picture) == "base64,… (512 bytes)"
