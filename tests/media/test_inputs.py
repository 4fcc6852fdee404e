"""Whatever stands for a reference medium becomes the same Medium in every process, or an error saying what is taken."""

import base64
import ctypes
import errno
import hashlib
import io
import json
import subprocess
import sys
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vidgen_nb.errors import InvalidRequest, LedgerUnavailable
from vidgen_nb.media import inputs
from vidgen_nb.media.video import Video
from vidgen_nb.providers.contract import base64_of, data_uri
from vidgen_nb.records import MediaKind, Medium

from .samples import encoded, png, wav, write_clip

ROOT = Path(inputs.__file__).parents[2]


def refused(value: object, kind: MediaKind = "image", **more: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        inputs.take(value, kind, **more)
    error = caught.value
    assert error.problems
    assert error.hint == inputs.TAKEN
    assert error.__cause__ is None
    assert error.__context__ is None
    return error.problems[0].message


def video_of(path: Path) -> Video:
    return Video(path=path, duration=1.0, width=64, height=48, fps=24, has_audio=False, poster=None)


# ── URLs ──────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "url",
    ["https://h.example/p.png?sig=1#x", "http://10.0.0.1:8000/a", "HTTPS://h.example/图.png", "asset://asset-2024-x"],
)
def test_url_is_as_written(url: str) -> None:
    """A URL is not fetched, not probed and not changed, and is its own identity."""
    medium = inputs.take(url, "video")
    assert medium == Medium(kind="video", url=url)
    assert inputs.asked_form(medium) == inputs.identity_form(medium) == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://h.example/a.png?sig=SECRET", "'ftp://h.example/a.png?…': ftp:// addresses are not taken"),
        ("file:///tmp/a.png", "'file:///tmp/a.png': file:// addresses are not taken"),
        ("https://h.example/a b.png", "space or control character"),
        ("https://h.example/a.png\n", "space or control character"),
        ("https://", "names no host"),
        ("https://[::1/x", "names no host"),
        ("asset://", "names no host"),
        ("", "neither a URL nor a file"),
        ("boat.pgn", "'boat.pgn' is neither a URL nor a file that exists"),
        ("~nobody-of-that-name/boat.png", "cannot be read"),
        ("boat\0.png", "neither a URL nor a file"),
        ("x" * 5000, "cannot be read: File name too long"),
        ("data:image/png;base64", "has no comma"),
        ("data:image/png;base64,AAA!", "cannot be decoded"),
        ("data:image/png;base64,", "is empty"),
    ],
)
def test_text_that_is_nothing(text: str, said: str) -> None:
    """A string which is neither an address nor a file is refused in words, short and without the secrets in it."""
    message = refused(text)
    assert said in message
    assert len(message) < 400
    assert "SECRET" not in message


def test_url_needs_no_decoder() -> None:
    """A URL is taken without loading PIL, PyAV or numpy."""
    code = (
        "import sys; from vidgen_nb.media import inputs; inputs.take('https://h/x', 'image'); "
        "assert not {'PIL', 'av', 'numpy'} & set(sys.modules), set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# ── data ──────────────────────────────────────────────────────────────────────
def test_local_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path as str, Path or under ~ gives the file's own bytes, name and facts; a picture is not encoded again."""
    file = io.BytesIO()
    Image.new("RGB", (70, 50)).save(file, "JPEG")
    (tmp_path / "boat.png").write_bytes(file.getvalue())  # the name lies
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    given = ["boat.png", str(tmp_path / "boat.png"), tmp_path / "boat.png", "~/boat.png"]
    first, *others = [inputs.take(value, "image") for value in given]
    assert all(other == first for other in others)
    assert (first.suffix, first.mime, first.name) == (".jpg", "image/jpeg", "boat.png")
    assert (first.width, first.height, first.size) == (70, 50, len(file.getvalue()))
    assert first.read is not None
    assert first.read() == file.getvalue()
    assert first.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    assert inputs.identity_form(first) == {"sha256": first.sha256}


def test_same_bytes_same_medium(tmp_path: Path) -> None:
    """bytes, bytearray, memoryview, a data URI in either encoding: one content, one identity."""
    data = png()
    letters = base64.b64encode(data).decode()
    wrapped = "\n".join(letters[i : i + 76] for i in range(0, len(letters), 76))
    percent = "".join(f"%{byte:02x}" for byte in data)
    given = [
        data,
        bytearray(data),
        memoryview(data),
        memoryview(bytes(byte for pair in data for byte in (pair, 0)))[::2],
        f"data:image/png;base64,{letters}",
        f"DATA:image/jpeg;charset=x;base64,{wrapped}",
        f"data:,{percent}",
    ]
    media = [inputs.take(value, "image") for value in given]
    assert {medium.sha256 for medium in media} == {hashlib.sha256(data).hexdigest()}
    assert {medium.mime for medium in media} == {"image/png"}
    assert data_uri(media[0]) == given[4]
    assert base64_of(media[0]) == letters


@pytest.mark.parametrize(
    ("container", "codec", "kind", "suffix"),
    [
        ("PNG", "", "image", ".png"),
        ("JPEG", "", "image", ".jpg"),
        ("WEBP", "", "image", ".webp"),
        ("GIF", "", "image", ".gif"),
        ("BMP", "", "image", ".bmp"),
        ("TIFF", "", "image", ".tiff"),
        ("AVIF", "", "image", ".avif"),
        ("wav", "pcm_s16le", "audio", ".wav"),
        ("mp3", "libmp3lame", "audio", ".mp3"),
        ("flac", "flac", "audio", ".flac"),
        ("ipod", "aac", "audio", ".m4a"),
        ("adts", "aac", "audio", ".aac"),
        ("ogg", "libopus", "audio", ".ogg"),
    ],
)
def test_type_by_magic(container: str, codec: str, kind: MediaKind, suffix: str) -> None:
    """The first bytes decide the type; a picture has its size, a sound its length; another kind is refused."""
    data = encoded(container, codec)
    medium = inputs.take(data, kind)
    assert medium.suffix == suffix
    if kind == "image":
        assert (medium.width, medium.height, medium.duration) == (64, 48, None)
        assert f"it is an image ({medium.mime.partition('/')[2]}), and a sound is needed" in refused(data, "audio")
    else:
        assert medium.duration == pytest.approx(1, abs=0.15)
        assert medium.width is None
        assert "it is a sound" in refused(data, "image")
        assert "and a video is needed" in refused(data, "video")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".mkv", ".avi"])
def test_video_facts(suffix: str, tmp_path: Path) -> None:
    """A video has its size, length and frame rate, whatever its container."""
    path = write_clip(tmp_path / f"clip{suffix}", codec="libvpx" if suffix in (".webm", ".mkv") else "mpeg4")
    medium = inputs.take(path, "video")
    assert (medium.suffix, medium.width, medium.height) == (suffix, 64, 48)
    assert medium.duration == pytest.approx(1, abs=0.05)
    assert medium.fps == pytest.approx(24, abs=0.01)


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (b"", "image", "it is empty"),
        (b"<!DOCTYPE html><html>", "image", "it is not an image: it looks like .html"),
        (b'{"error": "no"}', "video", "it is not a video: it looks like .json"),
        (b"\0\1\2\3" * 100, "audio", "it is not a sound: its first bytes are of no known format"),
        (png()[:-30], "image", "it cannot be read as png"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image", "it cannot be read as png"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 100, "video", "it cannot be read as mp4"),
        (b"OggS" + b"\0" * 100, "audio", "it cannot be read as ogg"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 100, "image", "it cannot be read as heic"),
    ],
)
def test_unreadable_data(data: bytes, kind: MediaKind, said: str) -> None:
    """Empty, foreign, cut off or damaged data are refused in words, never with a decoder's own error."""
    assert said in refused(data, kind)


@pytest.mark.parametrize("side", [10_000, 20_000])  # PIL warns of the first, and refuses the second itself
def test_huge_picture_is_refused_without_a_warning(side: int, recwarn: pytest.WarningsRecorder) -> None:
    """A picture whose pixels would fill the memory is refused, and PIL's warning is not printed."""
    head = bytearray(png())
    head[16:24] = side.to_bytes(4, "big") * 2
    head[29:33] = zlib.crc32(head[12:29]).to_bytes(4, "big")
    assert "cannot be read as png" in refused(bytes(head))
    assert not recwarn.list


def test_folder_and_oversize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is named as one; a file beyond the ceiling is not read at all."""
    assert "is a folder" in refused(tmp_path)
    monkeypatch.setattr(inputs, "MAX_BYTES", 10)
    (tmp_path / "big.png").write_bytes(png())
    assert "give a URL instead" in refused(tmp_path / "big.png")
    assert "give a URL instead" in refused(png())


@pytest.mark.parametrize("value", [None, 3, 2.5, ["a.png"], object(), {"clip": "c1"}, {"input": "../x.png"}])
def test_other_things_are_not_taken(value: object) -> None:
    """Anything else is refused, naming its type or the form that is meant."""
    assert "taken" in refused(value)


def test_error_names_the_parameter() -> None:
    """The error is about the parameter, says that nothing was sent, and ends with what is taken."""
    with pytest.raises(InvalidRequest) as caught:
        inputs.take("boat.pgn", "image", parameter="reference_images[2]")
    text = str(caught.value)
    assert text.startswith("reference_images[2] cannot be used. Nothing was sent.")
    assert caught.value.problems[0].parameter == "reference_images[2]"
    assert text.endswith("or an earlier clip.")


# ── PIL images and arrays ─────────────────────────────────────────────────────
def gradient() -> "np.ndarray[Any, Any]":
    return np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)


def test_picture_and_array_are_the_same_png() -> None:
    """A PIL image and arrays of the same pixels, in any layout, give the same PNG, which holds exactly these pixels."""
    pixels = gradient()
    described = Image.fromarray(pixels)
    described.info.update(dpi=(300, 300), icc_profile=b"profile", comment="yesterday")
    given = [
        Image.fromarray(pixels),
        described,
        pixels,
        np.asfortranarray(pixels),
        np.repeat(pixels, 2, axis=1)[:, ::2],
        (pixels / 255).astype("<f8"),
        (pixels / 255).astype(">f4"),
    ]
    media = [inputs.take(value, "image") for value in given]
    assert len({(medium.sha256, medium.pixels) for medium in media}) == 1
    medium = media[0]
    assert (medium.suffix, medium.width, medium.height, medium.name) == (".png", 64, 48, "image.png")
    assert medium.read is not None
    assert medium.sha256 == hashlib.sha256(medium.read()).hexdigest()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(medium.read()))), pixels)


def test_identity_of_a_picture_is_its_pixels(home: Path) -> None:
    """Another compressor's PNG of the same pixels is the same request, also after the recipe was read back."""
    medium = inputs.take(gradient(), "image")
    assert inputs.identity_form(medium) == {"sha256": medium.pixels} != {"sha256": medium.sha256}
    recompressed = replace(medium, sha256="0" * 64)
    assert inputs.identity_form(recompressed) == inputs.identity_form(medium)
    inputs.keep(medium, home)
    again = inputs.take(inputs.asked_form(medium), "image", home=home)
    assert inputs.identity_form(again) == inputs.identity_form(medium)
    assert inputs.take(gradient()[::-1].copy(), "image").pixels != medium.pixels
    turned = inputs.take(gradient().reshape(64, 48, 3), "image")
    assert turned.pixels != medium.pixels, "the same bytes in another shape are another picture"


def test_identity_across_processes() -> None:
    """A fresh interpreter, with another hash seed, gives a picture and bytes the same forms."""
    code = (
        "import json, base64; from PIL import Image; from vidgen_nb.media import inputs\n"
        "image = Image.linear_gradient('L').resize((64, 48)).convert('RGB')\n"
        f"media = [inputs.take(v, 'image') for v in (image, base64.b64decode({base64.b64encode(png())!r}))]\n"
        "print(json.dumps([[inputs.asked_form(m), inputs.identity_form(m)] for m in media]))"
    )
    run = partial(subprocess.run, [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    seen = {run(env={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")}
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    media = [inputs.take(value, "image") for value in (image, png())]
    assert [json.loads(text) for text in seen] == [
        [[inputs.asked_form(medium), inputs.identity_form(medium)] for medium in media]
    ]


@pytest.mark.parametrize(
    ("shape", "mode"), [((48, 64), "L"), ((48, 64, 1), "L"), ((48, 64, 3), "RGB"), ((48, 64, 4), "RGBA")]
)
def test_array_shapes(shape: tuple[int, ...], mode: str) -> None:
    """Grey, colour and transparency are told by the shape."""
    medium = inputs.take(np.zeros(shape, np.uint8), "image")
    assert medium.read is not None
    assert Image.open(io.BytesIO(medium.read())).mode == mode


def test_floats_are_rounded() -> None:
    """Between two levels the nearer one is taken, and what resizing adds to black and white is clipped."""
    medium = inputs.take(np.array([[-0.0005, 0.5, 0.999, 1.0005]]), "image")
    assert medium.read is not None
    assert Image.open(io.BytesIO(medium.read())).tobytes() == bytes([0, 128, 255, 255])


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 48, 64), np.uint8), "channels come last, array.transpose(1, 2, 0)"),
        (np.zeros((5, 48, 64, 3), np.uint8), "an array of shape (5, 48, 64, 3) is no picture"),
        (np.zeros((0, 64), np.uint8), "is no picture"),
        (np.uint8(3), "an array of shape () is no picture"),
        (np.zeros((48, 64), np.int64), "an array of type <i8 is not taken"),
        (np.zeros((48, 64), np.float16), "an array of type <f2 is not taken"),
        (np.full((48, 64), 200.0), "floats are taken from 0 to 1"),
        (np.full((48, 64), np.nan), "NaN"),
        (np.full((48, 64), -0.5), "floats are taken from 0 to 1"),
    ],
)
def test_array_that_is_no_picture(array: Any, said: str) -> None:
    """An array of the wrong shape, type or range is refused, saying which is taken."""
    assert said in refused(array)
    assert "a picture was given, and a video is needed" in refused(np.zeros((4, 4), np.uint8), "video")


def test_array_interface_without_numpy() -> None:
    """Only `__array_interface__` is asked for: a bare pointer, without strides or tobytes, is enough."""
    pixels = gradient()
    memory = ctypes.create_string_buffer(pixels.tobytes(), pixels.nbytes)
    interface = {"shape": (48, 64, 3), "typestr": "|u1", "data": (ctypes.addressof(memory), True), "version": 3}
    medium = inputs.take(SimpleNamespace(__array_interface__=interface), "image")
    assert medium.sha256 == inputs.take(pixels, "image").sha256
    short = SimpleNamespace(__array_interface__=interface, tobytes=lambda: b"\0")
    assert "has 1 bytes where its shape needs 9216" in refused(short)
    scattered = SimpleNamespace(__array_interface__=interface | {"strides": (1, 2, 3)})
    assert "numpy.asarray()" in refused(scattered)


@pytest.mark.parametrize(
    ("mode", "kept"), [("1", "RGB"), ("P", "RGB"), ("LA", "RGBA"), ("CMYK", "RGB"), ("RGBA", "RGBA")]
)
def test_picture_modes(mode: str, kept: str) -> None:
    """Every mode with an agreed white and black becomes L, RGB or RGBA."""
    medium = inputs.take(Image.new(mode, (8, 8)), "image")
    assert medium.read is not None
    assert Image.open(io.BytesIO(medium.read())).mode == kept


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_picture_modes_without_a_white(mode: str) -> None:
    """Where white is not agreed a guess could buy a white clip: refused."""
    assert "convert it to L or RGB first" in refused(Image.new(mode, (8, 8)))


def test_picture_of_a_broken_file(tmp_path: Path) -> None:
    """A PIL image that was opened and not read so far can turn out to be cut off."""
    (tmp_path / "cut.png").write_bytes(png(300, 300)[:200])
    with Image.open(tmp_path / "cut.png") as picture:
        assert "the PIL image cannot be read" in refused(picture)


# ── an earlier Generation ─────────────────────────────────────────────────────
def test_earlier_clip(clip_file: Path, home: Path) -> None:
    """An earlier Generation gives its last frame as a picture, else its clip, and is known by its id and part."""
    clip = SimpleNamespace(id="k3f9", video=video_of(clip_file))
    picture, film = inputs.take(clip, "image"), inputs.take(clip, "video")
    assert inputs.identity_form(picture) == {"clip": "k3f9", "part": "last_frame"}
    assert inputs.identity_form(film) == {"clip": "k3f9", "part": "clip"}
    assert (picture.width, picture.suffix, picture.name) == (64, ".png", "k3f9_last_frame.png")
    assert film.read is not None
    assert film.read() == clip_file.read_bytes()
    assert "is a video, and a sound is needed" in refused(clip, "audio")
    for medium in (picture, film):
        inputs.keep(medium, home)
        again = inputs.take(inputs.asked_form(medium), medium.kind, home=home)
        assert again == medium


def test_unfinished_or_lost_clip(tmp_path: Path) -> None:
    """A Generation without a clip, or whose file is gone, says what to do."""
    assert "clip k3f9 has no video yet: clip.wait()" in refused(SimpleNamespace(id="k3f9", video=None))
    lost = SimpleNamespace(id="k3f9", video=video_of(tmp_path / "gone.mp4"))
    assert "gone.mp4" in refused(lost, "image")
    assert "gone.mp4" in refused(lost, "video")


def test_video_goes_where_a_path_goes(clip_file: Path) -> None:
    """One of several videos of a clip is taken like its file."""
    assert inputs.take(video_of(clip_file), "video") == inputs.take(clip_file, "video")


# ── the home ──────────────────────────────────────────────────────────────────
def test_kept_once_and_read_back(home: Path) -> None:
    """Data go once to inputs/<sha256>.<ext>, whole; the recipe's form gives the same Medium in another kernel."""
    medium = replace(inputs.take(png(), "image"), name="boat.png")
    kept = inputs.keep(medium, home)
    path = home / "inputs" / f"{medium.sha256}.png"
    assert kept == medium
    assert kept.read is not None
    assert kept.read() == path.read_bytes() == png()
    assert inputs.asked_form(kept) == {"input": path.name, "name": "boat.png"}
    stamp = path.stat().st_mtime_ns, path.stat().st_ino
    inputs.keep(medium, home)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == stamp, "a file with that name is left alone"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "no temporary name is left"
    form = json.loads(json.dumps(inputs.asked_form(kept)))
    assert inputs.take(form, "image", home=home) == medium
    url = inputs.take("https://h.example/x", "image")
    assert inputs.keep(url, home) is url


def test_recipe_whose_input_is_gone_or_changed(home: Path) -> None:
    """A recipe never runs with other data than it names."""
    medium = inputs.take(png(), "image")
    form = inputs.asked_form(medium)
    assert "none was named" in refused(form)
    assert "is not there: give the file itself" in refused(form, home=home)
    kept = inputs.keep(medium, home)
    path = next((home / "inputs").iterdir())
    path.write_bytes(png(colour=(1, 2, 3)))
    assert "was changed" in refused(form, home=home)
    path.unlink()
    assert kept.read is not None
    with pytest.raises(InvalidRequest, match="cannot be read"):
        kept.read()


def test_home_that_cannot_be_written(tmp_path: Path) -> None:
    """Where the home cannot be written nothing may be sent: the error names the file and the way out."""
    (tmp_path / "vidgen").write_text("in the way")
    with pytest.raises(LedgerUnavailable, match="Nothing was sent") as caught:
        inputs.keep(inputs.take(png(), "image"), tmp_path / "vidgen")
    assert caught.value.__context__ is None
    assert "home=" in caught.value.hint


def test_disk_that_is_full(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails half-way leaves neither the name nor a temporary one behind."""

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LedgerUnavailable, match="No space left on device"):
        inputs.keep(inputs.take(png(), "image"), home)
    assert list((home / "inputs").iterdir()) == []


def test_a_url_goes_out_as_written() -> None:
    """A URL is sent as it was given, and its repr does not show it: it may be signed."""
    medium = inputs.take("https://h.example/a.wav?sig=SECRET", "audio")
    assert data_uri(medium) == "https://h.example/a.wav?sig=SECRET"
    assert "SECRET" not in repr(medium)


def test_medium_shows_no_data() -> None:
    """The repr of a Medium holds facts, never the data."""
    medium = inputs.take(wav(), "audio")
    assert "read" not in repr(medium)
    assert len(repr(medium)) < 500
