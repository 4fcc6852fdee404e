"""The film is a real one: read anew, it has the length, size, sound and pictures that were asked for."""

import io
from base64 import b64encode
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from vidgen_nb.simulator import film
from vidgen_nb.simulator.app import Simulator
from vidgen_nb.simulator.film import Halted, render, shrunk
from vidgen_nb.simulator.task import Ask, Reference

MAGENTA = Image.new("RGB", (1, 1), "magenta")


def filmed(path: Path, prompt: str = "a boat", **asked: Any) -> bytes:
    """A short small film of this, as bytes."""
    asked = {"seconds": 0.5, "resolution": "240p", "fps": 12, **asked}
    render(Ask(model="m", prompt=prompt, **asked), path / "film.mp4")
    return (path / "film.mp4").read_bytes()


def pictures(mp4: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(mp4)) as file:
        return [frame.to_image() for frame in file.decode(video=0)]


def difference(one: Image.Image, two: Image.Image) -> float:
    """The mean difference of two pictures, 0 … 255 a channel."""
    return sum(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), two.convert("RGB"))).mean) / 3


def picture(colour: str, size: tuple[int, int] = (320, 240)) -> str:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return "data:image/png;base64," + b64encode(out.getvalue()).decode()


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"seconds": 2, "fps": 24, "ratio": "16:9", "resolution": "480p", "audio": True}, (854, 480)),
        ({"seconds": 1.5, "fps": 30, "ratio": "9:16", "resolution": "480p"}, (480, 854)),
        ({"seconds": 1, "fps": 24, "ratio": "21:9", "resolution": "240p", "audio": True}, (560, 240)),
        ({"seconds": 1, "fps": 16, "width": 320, "height": 320}, (320, 320)),
        ({"seconds": 0.25, "fps": 24, "ratio": "16:9", "resolution": "1080p"}, (1920, 1080)),
    ],
)
def test_a_film_is_what_was_asked(tmp_path: Path, asked: dict[str, Any], size: tuple[int, int]) -> None:
    """H.264 in yuv420p of that length, size and rate, its index first, with AAC stereo only where sound was asked."""
    mp4 = filmed(tmp_path, **asked)
    assert mp4.index(b"moov") < mp4.index(b"mdat")
    with av.open(io.BytesIO(mp4)) as file:
        video = file.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, video.average_rate) == (*size, asked["fps"])
        assert video.frames == round(asked["seconds"] * asked["fps"])
        assert (file.duration or 0) / 1e6 == pytest.approx(asked["seconds"], abs=0.05)
        sound = [(each.codec_context.name, each.codec_context.layout.name) for each in file.streams.audio]
        assert sound == ([("aac", "stereo")] if asked.get("audio") else [])
        assert len(list(file.decode(video=0))) == video.frames


def test_the_sound_is_soft_and_ends_in_silence(tmp_path: Path) -> None:
    """Heard, but never near the limit, without jumps, and silent at both ends: nothing clicks."""
    with av.open(io.BytesIO(filmed(tmp_path, seconds=3, audio=True))) as file:
        sound = [float(sample) for frame in file.decode(audio=0) for sample in frame.to_ndarray()[0]]
    jumps = max(abs(b - a) for a, b in pairwise(sound))
    assert 0.03 < max(map(abs, sound)) < 0.6
    assert jumps < 0.05
    assert max(map(abs, sound[:480])) < 0.01
    assert max(map(abs, sound[-480:])) < 0.01


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    """So that a test, a demo and a restart see one film; directives of the simulator are no part of it."""
    once = filmed(tmp_path, "a boat", seed=7, audio=True)
    assert filmed(tmp_path, "a boat (simulate seconds=9)", seed=7, audio=True) == once


def test_another_prompt_or_seed_gives_another_film(tmp_path: Path) -> None:
    """Not only other words on it: another picture."""
    films = [filmed(tmp_path, *each) for each in (("a boat",), ("an owl",), ("a cat",))]
    films += [filmed(tmp_path, "a boat", seed=seed) for seed in (1, 2)]
    below = [pictures(mp4)[0].crop((0, 100, 426, 240)) for mp4 in films]
    assert all(difference(a, b) > 2 for i, a in enumerate(below) for b in below[i + 1 :])


def test_a_prompt_chooses_its_mood(tmp_path: Path) -> None:
    """Night is dark and snow is bright, in English and in Chinese."""
    for dark, bright in (("a boat at night", "a boat in the snow"), ("夜里的船", "雪中的船")):
        light = [ImageStat.Stat(pictures(filmed(tmp_path, each))[0].convert("L")).mean[0] for each in (dark, bright)]
        assert light[0] + 60 < light[1]


def test_it_moves_calmly(tmp_path: Path) -> None:
    """Each frame differs from the one before, and none jumps."""
    frames = pictures(filmed(tmp_path, "a boat at dusk", seconds=2))
    steps = [difference(a, b) for a, b in pairwise(frames)]
    assert min(steps) > 0.05
    assert max(steps) < 4
    assert difference(frames[0], frames[-1]) > max(steps)


@pytest.mark.parametrize("prompt", ["a boat", "一只纸船", "مركب ورقي", "🦊", "x" * 3000, "é" * 200, "\x00\x1b[31m"])
@pytest.mark.parametrize("ratio", ["21:9", "9:16"])
def test_any_prompt_can_be_written_on_it(prompt: str, ratio: str) -> None:
    """Whatever the prompt is, the mark SIMULATED stands at the top left, and no word leaves the picture."""
    ask = Ask(model="m", prompt=prompt, ratio=ratio, resolution="480p")
    titles = film._titles(ask)
    blank = film._titles(Ask(model="m", prompt="", ratio=ratio, resolution="480p"))
    mark = blank.getbbox()
    assert mark[2] - mark[0] > 0.2 * ask.size[0]
    assert titles.crop((0, 0, mark[2], mark[3] // 2)) == blank.crop((0, 0, mark[2], mark[3] // 2))
    left, _, right, bottom = titles.getbbox()
    assert 0 < left < right < ask.size[0]
    assert bottom < 0.4 * ask.size[1]


def test_a_prompt_without_a_font_leaves_no_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no font of the system shows Chinese, the caption is left out and the mark stays."""
    monkeypatch.setattr(film, "_system_fonts", list)
    asked = {"model": "m", "resolution": "480p"}
    assert film._titles(Ask(prompt="一只纸船", **asked)) == film._titles(Ask(prompt="", **asked))


def test_frames_open_and_close_the_film(tmp_path: Path) -> None:
    """The first frame is the opening picture, the last frame the closing one, and the scene lies between them."""
    first = shrunk(Reference("image", picture("red"), "first_frame"))
    last = shrunk(Reference("image", picture("blue"), "last_frame"))
    frames = pictures(filmed(tmp_path, seconds=2, references=(first, last)))
    below = (0, 120, 426, 240)
    red, blue = (Image.new("RGB", (426, 120), colour) for colour in ("red", "blue"))
    assert difference(frames[0].crop(below), red) < 6
    assert difference(frames[-1].crop(below), blue) < 6
    middle = frames[len(frames) // 2].crop(below)
    assert min(difference(middle, red), difference(middle, blue)) > 30


def test_references_are_seen_in_it(tmp_path: Path) -> None:
    """A reference hangs as a small framed picture at the top right; nine pictures, videos and sounds find room."""
    magenta = shrunk(Reference("image", picture("magenta")))
    frame = pictures(filmed(tmp_path, "a boat at night", resolution="480p", references=(magenta,)))[0]
    places = [(x, y) for x in range(0, 854, 4) for y in range(0, 240, 4)]
    found = [(x, y) for x, y in places if difference(frame.crop((x, y, x + 1, y + 1)), MAGENTA) < 30]
    assert len(found) > 60
    assert min(x for x, _ in found) > 854 / 2
    many = [Reference("image", f"https://e.com/{n}.png") for n in range(9)]
    many += [Reference(kind, f"asset://{kind}-{n}") for kind in ("video", "audio") for n in range(3)]
    for ratio in ("21:9", "1:1", "9:16"):
        ask = Ask(model="m", prompt="many", ratio=ratio, resolution="480p", references=tuple(many))
        box = film._titles(ask).getbbox()
        assert box
        assert 0 < box[0] < box[2] < ask.size[0]
        assert box[3] < 0.75 * ask.size[1]


def test_a_reference_is_made_small() -> None:
    """Of a picture only what the film shows is kept, and its ratio; of other data, and of no picture, only the hash."""
    big = shrunk(Reference("image", picture("red", (2000, 1000))))
    assert big.ratio == 2
    assert len(big.url) < 4000
    broken = shrunk(Reference("image", "data:image/png;base64,AAAA"))
    assert broken.url.startswith("data:image/png;sha256,")
    web = Reference("image", "https://e.com/x.png")
    assert shrunk(web) is web


def test_rendering_can_be_stopped(tmp_path: Path) -> None:
    """At once, not at the end of the film."""
    asked: list[bool] = []

    def halted() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(Halted):
        render(Ask(model="m", prompt="a boat", seconds=600, resolution="240p"), tmp_path / "film.mp4", halted)
    assert len(asked) == 3


def test_a_whole_film_comes_over_http() -> None:
    """Asked for as a client asks, it arrives as an MP4 of that length and size, and with a cover."""
    key = {"Authorization": "Bearer sk-any"}
    body = {
        "model": "doubao-seedance-2-0-fast-260128", "prompt": "a lighthouse at dusk", "seconds": "4",
        "metadata": {"resolution": "480p", "ratio": "16:9", "generate_audio": True},
    }  # fmt: skip
    with Simulator(speed=100) as simulator:
        url = simulator.url("relaydance") + "/v1/video/generations"
        task_id = httpx.post(url, json=body, headers=key).json()["task_id"]
        while (reply := httpx.get(f"{url}/{task_id}", headers=key).json())["status"] != "succeeded":
            assert reply["status"] in ("submitted", "running")
        mp4 = httpx.get(reply["url"]).content
        view = simulator._view(simulator.bill[0], simulator.url("relaydance").removesuffix("/relaydance"))
        cover = httpx.get(view.cover)
    with av.open(io.BytesIO(mp4)) as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == (854, 480)
        assert (file.duration or 0) / 1e6 == pytest.approx(4, abs=0.05)
        assert len(file.streams.audio) == 1
    assert cover.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(cover.content)).size == (854, 480)
