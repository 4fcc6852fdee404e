"""Small real MP4s for tests that need one."""

import io

import av
from PIL import Image


def mp4(*, frames: int = 24, width: int = 64, height: int = 48, fps: int = 24, grey: int = 90) -> bytes:
    """A silent H.264 MP4, moov last; `grey` makes one differ from another."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = Image.new("RGB", (width, height), (number * 9 % 255, grey, 90))
            for packet in stream.encode(av.VideoFrame.from_image(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return file.getvalue()
