"""Small JPEGs for cards and tiles: of a bounded size, so that a saved notebook stays light."""

import io
from pathlib import Path

from PIL import Image, ImageOps


def small_jpeg(path: Path, *, width: int, limit: int) -> bytes:
    """The picture at `path` as a JPEG at most `width` pixels wide and `limit` bytes long; b"" if it cannot be read.

    A JPEG which fits already is given as it is.
    """
    try:
        with Image.open(path) as picture:
            if picture.format == "JPEG" and picture.width <= width and path.stat().st_size <= limit:
                return path.read_bytes()
            return _shrink(ImageOps.exif_transpose(picture).convert("RGB"), width, limit)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow's ways to say "not a picture"
        return b""


def _shrink(picture: Image.Image, width: int, limit: int) -> bytes:
    while True:
        small = picture.copy()
        small.thumbnail((width, width * 4))
        for quality in (78, 66, 54, 42, 30):
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= limit:
                return buffer.getvalue()
        if width <= 32:
            return b""
        width = width * 3 // 4
