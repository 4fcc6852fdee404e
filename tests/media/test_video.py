"""A clip on disk: its facts, its exact frames, its poster."""

import io
import random
from pathlib import Path

import pytest
from PIL import Image

from vidgen_nb.errors import InvalidRequest, MediaRefused
from vidgen_nb.media import video
from vidgen_nb.media.video import Video
from vidgen_nb.records import ClipFile

from .samples import FPS, FRAMES, HEIGHT, WIDTH, grey_level, wav, write_clip


def number_of(picture: Image.Image) -> int:
    """Which frame of the grey clip this is."""
    level = picture.convert("L").getpixel((WIDTH // 2, HEIGHT // 2))
    assert isinstance(level, int)
    n = round((level - 20) / 9)
    assert abs(level - grey_level(n)) <= 3, "the codec is near enough to tell frames apart"
    return n


def test_probe(clip_file: Path, sounding: Path) -> None:
    """Probing a path or an open file shows length, size, rate, sound and codec."""
    facts = video.probe(clip_file)
    assert (facts.width, facts.height, facts.fps, facts.has_audio, facts.codec) == (64, 48, 24, False, "h264")
    assert facts.duration == pytest.approx(1, abs=0.001)
    assert video.probe(sounding).has_audio
    assert video.probe(io.BytesIO(clip_file.read_bytes())) == facts


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".webm", "libvpx")])
def test_every_frame_is_exact(suffix: str, codec: str, tmp_path: Path) -> None:
    """At n/24 s, and until just before (n+1)/24 s, frame n is on screen: through B-frames and rounded timestamps."""
    path = write_clip(tmp_path / f"grey{suffix}", codec=codec)
    for n in range(FRAMES):
        assert number_of(video.frame(path, n / FPS)) == n
        assert number_of(video.frame(path, (n + 0.9) / FPS)) == n
    assert number_of(video.last_frame(path)) == FRAMES - 1
    assert number_of(video.frame(path, video.probe(path).duration)) == FRAMES - 1


@pytest.mark.parametrize("t", [-0.1, 1.1, float("nan"), float("inf")])
def test_no_frame_outside(clip_file: Path, t: float) -> None:
    """A time outside the clip is refused, saying from where to where it goes."""
    with pytest.raises(InvalidRequest, match="goes from 0 to 1 s"):
        video.frame(clip_file, t)


def test_last_frame_where_sound_is_longer(tmp_path: Path) -> None:
    """The last frame is the last picture, also where the sound goes on after it."""
    path = write_clip(tmp_path / "long.mp4", sound=True)
    assert number_of(video.last_frame(path)) == FRAMES - 1


def test_stream_without_a_length(tmp_path: Path) -> None:
    """A WebM written as a stream does not know its length: its packets do, and its frames are found all the same."""
    path = write_clip(tmp_path / "live.webm", codec="libvpx", live="1")
    assert video.probe(path).duration == pytest.approx(1, abs=0.05)
    assert number_of(video.last_frame(path)) == FRAMES - 1
    assert number_of(video.frame(path, 5 / FPS)) == 5


def test_unreadable(tmp_path: Path) -> None:
    """A missing, foreign or pictureless file is MediaRefused, with its name and without FFmpeg's error behind it."""
    (tmp_path / "page.mp4").write_bytes(b"<html>" * 100)
    for path in (tmp_path / "page.mp4", tmp_path / "gone.mp4", tmp_path):
        with pytest.raises(MediaRefused, match=str(path)) as caught:
            video.probe(path)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
    with pytest.raises(MediaRefused, match="no picture track"):
        video.probe(io.BytesIO(wav()))
    with pytest.raises(MediaRefused, match="no sound track"):
        video.sound_seconds(io.BytesIO(write_clip(tmp_path / "mute.mp4").read_bytes()))


def test_name_is_never_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative name that looks like an address is a file: FFmpeg is sent to no network and no other protocol."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "data:x.mp4")
    assert video.probe("data:x.mp4").width == WIDTH


def noise(n: int) -> Image.Image:
    return Image.frombytes("RGB", (WIDTH, HEIGHT), random.Random(n).randbytes(WIDTH * HEIGHT * 3))


def test_poster_is_small_and_whole(tmp_path: Path) -> None:
    """The poster is a JPEG within the limits, however hard the picture is to compress; nothing else is left behind."""
    path = write_clip(tmp_path / "noise.mp4", paint=noise)
    out = video.poster(path, tmp_path / "clips" / "p.jpg", max_width=40, max_bytes=2000)
    assert [entry.name for entry in out.parent.iterdir()] == ["p.jpg"]
    with Image.open(out) as picture:
        picture.load()
        assert picture.format == "JPEG"
        assert picture.width <= 40
    assert out.stat().st_size <= 2000
    small = video.poster(path, tmp_path / "q.jpg", max_bytes=900)
    assert small.stat().st_size <= 900
    usual = video.poster(path, tmp_path / "r.jpg")
    with Image.open(usual) as picture:
        assert picture.size == (WIDTH, HEIGHT), "a small clip is not blown up"
    assert usual.stat().st_size <= 12_000


def test_poster_is_not_black(tmp_path: Path) -> None:
    """A clip that begins black has a poster from where there is something to see; an all-black clip has one too."""
    dark = Image.new("RGB", (WIDTH, HEIGHT))
    path = write_clip(tmp_path / "fade.mp4", frames=36, paint=lambda n: noise(1) if n >= 20 else dark)
    with Image.open(video.poster(path, tmp_path / "p.jpg")) as picture:
        assert sum(picture.convert("L").histogram()[64:]) > 500
    black = write_clip(tmp_path / "black.mp4", frames=6, paint=lambda n: dark)
    assert video.poster(black, tmp_path / "q.jpg").stat().st_size > 0


def test_video_of_a_record(clip_file: Path) -> None:
    """`clip.video` is the ledger's row with real paths; its frames come from the file, its repr from the row."""
    row = ClipFile("grey.mp4", "0" * 64, 1000, 1.0, 64, 48, 24.0, False, "grey.jpg")
    made = Video.of(row, clip_file.parent)
    assert made.path == clip_file
    assert made.poster == clip_file.parent / "grey.jpg"
    assert number_of(made.last_frame) == FRAMES - 1
    assert number_of(made.frame(7 / FPS)) == 7
    assert repr(made) == f"<Video {clip_file}: 1 s, 64×48, 24 fps, no sound>"
    with Path(made).open("rb") as file:
        assert file.read(12)[4:8] == b"ftyp"
    gone = Video.of(ClipFile("gone.mp4", "0" * 64, 1, 5.0, 64, 48, 24.0, True), clip_file.parent)
    assert gone.poster is None
    assert gone.duration == 5.0
    assert "sound" in repr(gone)
    with pytest.raises(MediaRefused, match=r"gone\.mp4"):
        gone.frame(1)
