"""A clip on disk: what it is, how it looks at a given second, and a small poster of it."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import av
from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image, ImageStat

from vidgen_nb.errors import InvalidRequest, MediaRefused, visible
from vidgen_nb.media.files import write_whole
from vidgen_nb.records import ClipFile

Source: TypeAlias = str | os.PathLike[str] | BinaryIO

_SLACK = 0.001  # seconds: a duration which was rounded somewhere is still inside the clip
_POSTER_TIMES = (0.5, 1.0, 2.0, 4.0)  # seconds: early, and past a fade from black
_TELLING = 12  # standard deviation of the grey levels; black, and what fades from it, lie below


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What probing showed. Duration in seconds, size in pixels as coded; `codec` is FFmpeg's name ("h264")."""

    duration: float
    width: int
    height: int
    fps: float
    has_audio: bool
    codec: str


def probe(source: Source) -> VideoFacts:
    """The facts of a video: a path, or an open binary file. Raises MediaRefused where it cannot be read as video."""
    with _opened(source) as container:
        return _facts(container, _picture_track(container))


def sound_seconds(source: Source) -> float:
    """How long a sound file lasts, in seconds. Raises MediaRefused where it cannot be read as sound."""
    with _opened(source) as container:
        if not container.streams.audio:
            raise MediaRefused("It has no sound track.", hint="Give another file.")
        return _duration(container)


def frame(source: Source, t: float) -> Image.Image:
    """The frame on screen `t` seconds into the clip, 0 ≤ t ≤ duration.

    Raises InvalidRequest for a `t` outside the clip, MediaRefused where it cannot be read as video.
    """
    with _opened(source) as container:
        track = _picture_track(container)
        duration = _duration(container)
        if not 0 <= t <= duration + _SLACK:
            raise InvalidRequest(f"There is no frame at {t} s.", hint=f"This clip goes from 0 to {duration:g} s.")
        return _shown_at(container, track, t)


def last_frame(source: Source) -> Image.Image:
    """The last frame of the clip. Raises MediaRefused where it cannot be read as video."""
    with _opened(source) as container:
        return _shown_at(container, _picture_track(container), _duration(container))


def poster(source: Source, out: Path, *, max_width: int = 480, max_bytes: int = 12_000) -> Path:
    """Write a JPEG of an early, telling frame to `out` (whole or not at all) and return `out`.

    At most `max_width` pixels wide and `max_bytes` bytes: quality goes down first, then size. Raises MediaRefused where
    the video cannot be read, OSError where `out` cannot be written.
    """
    with _opened(source) as container:
        picture = _telling_frame(container)
    write_whole(out, _small_jpeg(picture, max_width, max_bytes))
    return out


@dataclass(frozen=True, slots=True, repr=False)
class Video:
    """One file of a finished clip. Seconds, pixels, frames a second. Reading any of it never touches the network."""

    path: Path
    duration: float
    width: int
    height: int
    fps: float
    has_audio: bool
    poster: Path | None

    @classmethod
    def of(cls, file: ClipFile, home: Path) -> "Video":
        """The video which the ledger calls `file`, whose names are relative to `home`."""
        return cls(
            path=home / file.path,
            duration=file.duration,
            width=file.width,
            height=file.height,
            fps=file.fps,
            has_audio=file.has_audio,
            poster=home / file.poster if file.poster else None,
        )

    @property
    def last_frame(self) -> Image.Image:
        """The last frame, decoded anew each time. Raises MediaRefused where the file is gone or broken."""
        return last_frame(self.path)

    def frame(self, t: float) -> Image.Image:
        """The frame on screen `t` seconds into the clip, 0 ≤ t ≤ duration. Raises InvalidRequest outside."""
        return frame(self.path, t)

    def __fspath__(self) -> str:
        """A Video goes where a path goes: `open(clip.video, "rb")`, `reference_videos=[clip.videos[1]]`."""
        return str(self.path)

    def __repr__(self) -> str:
        sound = "sound" if self.has_audio else "no sound"
        facts = f"{self.duration:g} s, {self.width}×{self.height}, {self.fps:g} fps, {sound}"
        return visible(f"<Video {self.path}: {facts}>")


# ── reading ───────────────────────────────────────────────────────────────────
@contextmanager
def _opened(source: Source) -> Iterator[InputContainer]:
    """The one place where FFmpeg's errors become ours; raised outside `except`, so that no chain holds their frames."""
    try:
        # An absolute path: FFmpeg takes a name like "http:…" or "concat:…" for an address.
        file = Path(source).resolve() if isinstance(source, str | os.PathLike) else source
        with av.open(file, mode="r") as container:
            yield container
        return
    except (av.FFmpegError, OSError, ValueError) as problem:
        if isinstance(problem, InvalidRequest):
            raise
        reason = getattr(problem, "strerror", "") or type(problem).__name__
    named = f"{os.fspath(source)} " if isinstance(source, str | os.PathLike) else "It "
    raise MediaRefused(f"{named}cannot be read: {reason}.", hint="Check that the file is there and plays.")


def _picture_track(container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise MediaRefused("It has no picture track.", hint="Give another file.")
    track = container.streams.video[0]
    if track.codec_context is None:  # damaged, or made with a codec which this FFmpeg does not have
        raise MediaRefused("Its picture track cannot be decoded here.", hint="Give another file.")
    track.thread_type = "AUTO"
    return track


def _facts(container: InputContainer, track: VideoStream) -> VideoFacts:
    return VideoFacts(
        duration=_duration(container),
        width=track.codec_context.width,
        height=track.codec_context.height,
        fps=float(track.average_rate or track.guessed_rate or 0),
        has_audio=bool(container.streams.audio),
        codec=track.codec_context.name,
    )


def _duration(container: InputContainer) -> float:
    if container.duration is not None:
        return container.duration / av.time_base
    # A file written as a stream (a browser's WebM) does not know its length: its packets do.
    ends = (
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in container.demux()
        if packet.pts is not None
    )
    return max(ends, default=0.0)  # whoever wants a frame afterwards seeks it


def _shown_at(container: InputContainer, track: VideoStream, t: float) -> Image.Image:
    """The last frame whose time has come at `t` seconds. Counted in ticks, to which the frames' times are rounded."""
    start = track.start_time or 0
    due = start + int(t / (track.time_base or 1) + 0.5)
    for target in (due, start):  # where an index is wrong the seek lands too late: then all is read from the start
        container.seek(target, stream=track)
        shown = None
        for decoded in container.decode(track):
            if decoded.pts is None or decoded.pts > due:
                break
            shown = decoded
        if shown is not None:
            picture: Image.Image = shown.to_image()  # type: ignore[no-untyped-call]
            return picture
    raise MediaRefused("It has no frame that can be decoded.", hint="Check that the file plays.")


# ── poster ────────────────────────────────────────────────────────────────────
def _telling_frame(container: InputContainer) -> Image.Image:
    """The first frame of _POSTER_TIMES with some contrast, else the one with the most."""
    track = _picture_track(container)
    duration = _duration(container)
    best, most = None, -1.0
    for t in [t for t in _POSTER_TIMES if t < duration] or [0.0]:
        picture = _shown_at(container, track, t)
        contrast = ImageStat.Stat(picture.convert("L").resize((64, 36))).stddev[0]
        if contrast > most:
            best, most = picture, contrast
        if contrast >= _TELLING:
            break
    assert best is not None  # the list is never empty, and a contrast never negative
    return best


def _small_jpeg(picture: Image.Image, max_width: int, max_bytes: int) -> bytes:
    width = min(max_width, picture.width)
    while True:
        height = max(1, round(picture.height * width / picture.width))
        small = picture.resize((width, height), Image.Resampling.LANCZOS)
        for quality in (82, 74, 66, 58, 50, 40, 30):
            file = io.BytesIO()
            small.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= max_bytes:
                return file.getvalue()
        if width <= 16:  # noise could not be smaller; a limit below a JPEG's own tables cannot be met
            return file.getvalue()
        width = width * 3 // 4
