"""Small media: a clip whose frame n has a known grey level, a sound, a picture."""

import io
import math
import struct
import wave
from pathlib import Path
from typing import Any

import av
from PIL import Image

FPS = 24
FRAMES = 24
WIDTH, HEIGHT = 64, 48


def grey_level(n: int) -> int:
    """The grey of frame n: far enough from its neighbours to survive the codec."""
    return 20 + 9 * n


def write_clip(
    path: Path, *, codec: str = "libx264", sound: bool = False, frames: int = FRAMES, paint: Any = None, **options: str
) -> Path:
    """Write a clip of `frames` frames at 24 fps; `paint(n)` gives frame n, else it is all of grey_level(n)."""
    with av.open(str(path), "w", options=options) as container:
        picture = container.add_stream(codec, rate=FPS)
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if codec == "libx264":
            picture.options = {"crf": "10", "g": "10", "bf": "2"}
        tone = container.add_stream("aac", rate=16_000) if sound else None
        for n in range(frames):
            image = paint(n) if paint else Image.new("RGB", (WIDTH, HEIGHT), (grey_level(n),) * 3)
            container.mux(picture.encode(av.VideoFrame.from_image(image)))
        container.mux(picture.encode())
        if tone is not None:
            for start in range(0, 16_000 * frames // FPS - 1024, 1024):
                block = av.AudioFrame(format="fltp", layout="mono", samples=1024)
                wave_form = [0.2 * math.sin(2 * math.pi * 440 * (start + i) / 16_000) for i in range(1024)]
                block.planes[0].update(struct.pack("<1024f", *wave_form))
                block.sample_rate, block.pts = 16_000, start
                container.mux(tone.encode(block))
            container.mux(tone.encode())
    return path


def png(width: int = 64, height: int = 48, colour: tuple[int, ...] = (200, 30, 60)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def wav(seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * int(8000 * seconds))
    return file.getvalue()


def encoded(container: str, codec: str = "") -> bytes:
    """One second of silence as `container` with `codec`; a picture where there is none."""
    file = io.BytesIO()
    if not codec:
        Image.new("RGB", (64, 48), (10, 90, 200)).save(file, container)
        return file.getvalue()
    with av.open(file, "w", format=container) as output:
        rate = 48_000 if codec == "libopus" else 16_000
        stream = output.add_stream(codec, rate=rate)
        audio = stream.codec_context
        audio.open()
        size, kind = audio.frame_size or 1024, audio.format.name
        for start in range(0, rate, size):
            block = av.AudioFrame(format=kind, layout=audio.layout.name, samples=size)
            for plane in block.planes:
                plane.update(bytes(plane.buffer_size))
            block.sample_rate, block.pts = rate, start
            output.mux(stream.encode(block))
        output.mux(stream.encode())
    return file.getvalue()
