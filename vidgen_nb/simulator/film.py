"""Renders the simulated clip: what happens when in it, what is written on it, and the MP4 around it.

The same request gives the same bytes. `paint.py` knows how the scene looks.
"""

import hashlib
import io
import math
import random
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps, ImageStat

from vidgen_nb.simulator.paint import Scene
from vidgen_nb.simulator.task import Ask, Reference

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
MARK = "S I M U L A T E D"
# Two threads always: x264 gives other bytes for another number. The rest is what costs a calm picture nothing.
X264 = {"preset": "veryfast", "crf": "21", "threads": "2", "x264-params": "ref=1:subme=1:trellis=0:me=dia"}


class Halted(Exception):
    """The rendering was stopped before its end."""


def render(ask: Ask, path: Path, halted: Callable[[], bool] = lambda: False) -> None:
    """Write the MP4 (H.264, yuv420p, index first, AAC stereo where audio is asked), as long and as large as asked.

    Raises:
        Halted: as soon as `halted()` is true.
    """
    size, count = ask.size, max(1, round(ask.seconds * ask.fps))
    shot = _Shot(ask, count / ask.fps)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as mp4:
        video = mp4.add_stream("libx264", rate=ask.fps, options=X264)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        codec = video.codec_context
        codec.colorspace = codec.color_primaries = codec.color_trc = 1  # BT.709, or players would guess
        audio = mp4.add_stream("aac", rate=48_000, options={"b": "96k"}, layout="stereo") if ask.audio else None
        for index in range(count):
            if halted():
                raise Halted
            picture: VideoFrame = VideoFrame.from_image(shot.frame(index / ask.fps))  # type: ignore[no-untyped-call]
            frame = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
            frame.pts, frame.time_base = index, Fraction(1, ask.fps)
            mp4.mux(video.encode(frame))
        mp4.mux(video.encode())
        if audio:
            source = _chord(ask, count / ask.fps)
            while True:
                try:
                    mp4.mux(audio.encode(cast(AudioFrame, source.pull())))
                except (EOFError, av.BlockingIOError):
                    break
            mp4.mux(audio.encode())


def cover(mp4: Path) -> bytes:
    """The first picture of a clip, as JPEG."""
    with av.open(str(mp4)) as file:
        picture: Image.Image = next(file.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def shrunk(reference: Reference) -> Reference:
    """The reference with no more of its data than the film shows: a picture small, anything else only its hash."""
    if not reference.url.startswith("data:"):
        return reference
    head, _, data = reference.url.partition(",")
    raw = b64decode(data)
    try:
        if reference.kind != "image":
            raise ValueError("only pictures are shown")
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(raw))).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return replace(reference, url=f"{head.partition(';')[0]};sha256,{hashlib.sha256(raw).hexdigest()}")
    ratio = picture.width / picture.height
    picture.thumbnail((360, 360) if reference.role == "reference" else (1280, 1280))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return replace(reference, url="data:image/jpeg;base64," + b64encode(out.getvalue()).decode(), ratio=ratio)


def _picture(reference: Reference, size: tuple[int, int]) -> Image.Image:
    """What stands for a reference: the picture itself, or, for what is not here, a scene of its own."""
    if reference.url.startswith("data:image/jpeg;base64,"):
        return ImageOps.fit(Image.open(io.BytesIO(b64decode(reference.url.partition(",")[2]))), size)
    return Scene(reference.url, None, size, 1).frame(0)


# ── what happens when ─────────────────────────────────────────────────────────
class _Shot:
    """The whole film, as a function of its time."""

    def __init__(self, ask: Ask, seconds: float) -> None:
        self.size, self.seconds = ask.size, seconds
        self.scene = Scene(ask.caption, ask.seed, ask.size, seconds)
        frames = {each.role: _picture(each, ask.size) for each in ask.references if each.role != "reference"}
        self.first, self.last = frames.get("first_frame"), frames.get("last_frame")
        titles = _titles(ask)
        self.corner = titles.getbbox() or (0, 0, 1, 1)
        self.titles = titles.crop(self.corner)

    def frame(self, t: float) -> Image.Image:
        """The opening picture gives way to the scene, the scene to the closing one; the titles stay."""
        part = t / self.seconds
        opening = 1 - _ease((part - 0.2) / 0.3) if self.first else 0.0
        closing = _ease((part - 0.55) / 0.3) if self.last else 0.0
        if self.first and opening == 1:
            frame = self._zoomed(self.first, 0.06 * part)
        elif self.last and closing == 1:
            frame = self._zoomed(self.last, 0.06 * (1 - part))
        else:
            frame = self.scene.frame(t)
            if self.first and opening:
                frame = Image.blend(frame, self._zoomed(self.first, 0.06 * part), opening)
            if self.last and closing:
                frame = Image.blend(frame, self._zoomed(self.last, 0.06 * (1 - part)), closing)
        frame.paste(self.titles, self.corner, self.titles)
        return frame

    def _zoomed(self, picture: Image.Image, by: float) -> Image.Image:
        width, height = self.size
        box = (width * by / 2, height * by / 2, width * (1 - by / 2), height * (1 - by / 2))
        return picture.resize(self.size, Image.Resampling.BILINEAR, box=box)


def _ease(x: float) -> float:
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


# ── what is written on it ─────────────────────────────────────────────────────
def _titles(ask: Ask) -> Image.Image:
    """The mark SIMULATED, the prompt and the reference media, on a transparent picture."""
    (width, height), tall = ask.size, ask.size[1] > ask.size[0]
    cards = [each for each in ask.references if each.role == "reference"]
    size = round(0.018 * (width + min(width, height)))
    margin = round(0.9 * size)
    text = Image.new("RGBA", ask.size, (255, 255, 255, 0))
    draw = ImageDraw.Draw(text)
    mark = _font("SIMULATED", size)
    right, bottom = draw.textbbox((0, 0), MARK, mark)[2:]
    pill = (margin, margin, round(margin + right + size), round(margin + bottom + 0.55 * size))
    draw.text(((pill[0] + pill[2]) / 2, (pill[1] + pill[3]) / 2), MARK, (255, 255, 255, 245), mark, anchor="mm")
    columns = min(len(cards), 5)
    side = round(min(0.4 * width / max(columns, 1), 0.16 * width, 0.45 * height / max(math.ceil(len(cards) / 5), 1)))
    caption = ask.caption[:400]  # no more has room in three lines
    font = _font(caption, round(0.78 * size))
    room = width - 2 * margin - (0 if tall else round(1.1 * side * columns))
    words, start = _lines(caption, font, room, 3 if tall else 2), (margin, pill[3] + 0.45 * size)
    draw.multiline_text(start, words, (255, 255, 255, 240), font, spacing=0.25 * size)
    # White on a white sky can be read only through its shadow.
    shadow = text.getchannel("A").filter(ImageFilter.GaussianBlur(0.3 * size))
    titles = Image.new("RGBA", ask.size, (8, 12, 20, 0))
    titles.putalpha(shadow.point([min(255, v * 3 // 2) for v in range(256)]))
    under = round(draw.multiline_textbbox(start, words, font, spacing=0.25 * size)[3]) + margin // 2
    ImageDraw.Draw(titles).rounded_rectangle(pill, radius=(pill[3] - pill[1]) / 2, fill=(8, 12, 20, 130))
    titles.alpha_composite(text)
    for index, card in enumerate(_cards(cards, side)):
        row, column = divmod(index, 5)
        left = width - margin - round((columns - column) * 1.09 * side)
        titles.alpha_composite(card, (left, (under if tall else margin // 2) + row * side))
    first = next((each for each in ask.references if each.role == "first_frame"), None)
    if first is None or cards or not _busy_above(_picture(first, ask.size), under):
        return titles
    below = Image.new("RGBA", ask.size, (8, 12, 20, 0))
    below.paste(titles.crop((0, 0, width, under)), (0, height - under))
    return below


def _busy_above(picture: Image.Image, rows: int) -> bool:
    """Whether a picture holds more detail at its top left than at its bottom left: it may be a film with titles."""
    edges = picture.convert("L").filter(ImageFilter.FIND_EDGES)
    half, height = edges.width // 2, edges.height
    above, below = (
        ImageStat.Stat(edges.crop((8, top, half, top + rows - 16))).mean[0] for top in (8, height - rows + 8)
    )
    return above > below


def _cards(references: list[Reference], side: int) -> Iterator[Image.Image]:
    """Each reference as a small framed picture, named as the prompt names it, and hung a little askew."""
    names = {"image": 0, "video": 0, "audio": 0}
    for index, each in enumerate(references):
        names[each.kind] += 1
        picture = _picture(each, (round(0.9 * side), round(0.62 * side)))
        draw = ImageDraw.Draw(picture)
        x, y, r = picture.width / 2, picture.height / 2, picture.width / 5
        if each.kind == "video":
            draw.polygon([(x - 0.8 * r, y - r), (x - 0.8 * r, y + r), (x + r, y)], fill="white")
        for bar, tall in enumerate((0.4, 1.1, 0.7, 1.5, 0.6, 1.0, 0.3) if each.kind == "audio" else ()):
            at = x + (bar - 3.1) * 0.5 * r
            draw.rectangle((at, y - tall * r, at + 0.17 * r, y + tall * r), fill="white")
        card = Image.new("RGBA", (side, round(0.9 * side)), (250, 248, 243, 255))
        card.paste(picture, (round(0.05 * side), round(0.05 * side)))
        name = f"@{each.kind}{names[each.kind]}"
        font = _font(name, round(0.13 * side))
        ImageDraw.Draw(card).text((side / 2, 0.785 * side), name, (70, 66, 60, 255), font, anchor="mm")
        card = card.rotate((2.2, -1.6, 1.2)[index % 3], Image.Resampling.BICUBIC, expand=True)
        hung = Image.new("RGBA", (card.width + 4, card.height + 4), (0, 0, 0, 0))
        hung.paste((0, 0, 0, 70), (3, 4), card.getchannel("A"))
        hung.alpha_composite(card)
        yield hung


SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "NotoSansSC-Regular.otf", "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc", "wqy-zenhei.ttc", "msyh.ttc", "simhei.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc",
    "STHeiti Medium.ttc", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf",
)  # fmt: skip


@cache
def _system_fonts() -> list[ImageFont.FreeTypeFont]:
    found = []
    for name in SYSTEM_FONTS:
        with suppress(OSError):
            found.append(ImageFont.truetype(name, 20))
    return found


def _shown(font: Font, text: str) -> str:
    """The text without the signs which the font would show as empty boxes."""
    box = bytes(font.getmask("\U0010fffe"))
    return "".join(c for c in text if c == " " or bytes(font.getmask(c)) != box)


def _font(text: str, size: int) -> Font:
    """The built-in font where it is enough, else the first of the system's fonts that shows the most of the text."""
    if not text.isascii() and _system_fonts():
        return max(_system_fonts(), key=lambda font: len(_shown(font, text))).font_variant(size=size)
    return ImageFont.load_default(size)


def _lines(text: str, font: Font, room: int, most: int) -> str:
    """The text in at most so many lines of so many pixels; where it does not fit, it ends in dots."""
    lines: list[str] = []
    rest = _shown(font, text).strip()
    while rest and len(lines) < most:
        fits = len(rest)
        while font.getlength(rest[:fits]) > room and fits > 1:
            fits -= 1
        space = rest.rfind(" ", 0, fits + 1)
        cut = fits if fits == len(rest) or space < fits // 2 else space
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        while lines[-1] and font.getlength(lines[-1] + "...") > room:
            lines[-1] = lines[-1][:-1]
        lines[-1] = lines[-1].rstrip(" ,.;") + "..."
    return "\n".join(lines)


# ── what is heard ─────────────────────────────────────────────────────────────
def _chord(ask: Ask, seconds: float) -> Graph:
    """A soft chord and a few plucked notes, which swell from silence and return to it. FFmpeg computes it."""
    rng = random.Random(f"{ask.caption}\n{ask.seed}\nchord")
    root, beat = 110 * 2 ** (rng.randrange(12) / 12), rng.uniform(1.1, 1.5)
    steps = rng.choice(((0, 7, 12, 16), (0, 7, 12, 15), (0, 5, 12, 17), (0, 7, 14, 16)))
    notes = [math.tau * root * 2 ** (step / 12) for step in steps]
    channels = []
    for detune in (0.9994, 1.0006):
        pad, pluck = "0", "0"
        for i, w in enumerate(notes):
            pad += f"+sin({w * detune:.4f}*t)*(1+0.3*sin({0.7 + 0.2 * i}*t+{i}))/{i + 1}"
            # ld(0) is the time since the note was last plucked; both ends of it are silent, so that nothing clicks.
            pluck += f"+st(0,mod(t+{i * beat / 4:.4f},{beat:.4f}))*0"
            pluck += f"+sin({2 * w:.4f}*t)*exp(-3*ld(0))*min(1,30*min(ld(0),{beat:.4f}-ld(0)))"
        channels.append(f"min(1,t/1.2)*min(1,({seconds}-t)/1.2)*(0.075*({pad})+0.03*({pluck}))".replace(",", r"\,"))
    graph = Graph()
    source = graph.add("aevalsrc", f"{'|'.join(channels)}:s=48000:d={seconds}:c=stereo")
    shape = graph.add("aformat", "sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo")
    sink = graph.add("abuffersink")
    source.link_to(shape)
    shape.link_to(sink)
    graph.configure()
    return graph
