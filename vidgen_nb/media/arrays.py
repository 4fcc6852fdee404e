"""An array becomes a picture, through `__array_interface__` alone: numpy is not needed.

https://numpy.org/doc/stable/reference/arrays.interface.html
"""

import ctypes
import math
from typing import Any

from PIL import Image

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FLOATS = {"<f4": "F;32F", ">f4": "F;32BF", "<f8": "F;64F", ">f8": "F;64BF"}  # typestr → PIL's raw mode
_OVERSHOOT = 0.001  # what resizing adds to white; it is clipped


def picture_of(array: Any) -> Image.Image:
    """The picture in an array of shape (height, width) or (height, width, 1, 3 or 4); uint8, or float 0..1.

    Raises ValueError, saying what was given and what is taken.
    """
    interface = array.__array_interface__
    shape, kind = tuple(interface["shape"]), interface["typestr"]
    height, width, channels = shape if len(shape) == 3 else (*shape, 1) if len(shape) == 2 else (0, 0, 0)
    if channels not in _MODES or not height or not width:
        turn = ": channels come last, array.transpose(1, 2, 0)" if len(shape) == 3 and shape[0] in _MODES else ""
        raise ValueError(f"an array of shape {shape} is no picture{turn}")
    if kind not in ("|u1", *_FLOATS):
        raise ValueError(f"an array of type {kind} is not taken: uint8, or float32 or float64 from 0 to 1")
    data = _contiguous(array, interface, height * width * channels * int(kind[2:]))
    if kind != "|u1":
        data = _levels(Image.frombytes("F", (width * channels, height), data, "raw", _FLOATS[kind]))
    return Image.frombytes(_MODES[channels], (width, height), data)


def _contiguous(array: Any, interface: dict[str, Any], size: int) -> bytes:
    """The elements row by row, in a copy."""
    if hasattr(array, "tobytes"):
        data = bytes(array.tobytes())
    elif interface.get("strides") is None and isinstance(interface.get("data"), tuple):
        data = ctypes.string_at(interface["data"][0], size)
    else:
        raise ValueError(f"the elements of this {type(array).__name__} cannot be read: give numpy.asarray() of it")
    if len(data) != size:
        raise ValueError(f"this {type(array).__name__} has {len(data)} bytes where its shape needs {size}")
    return data


def _levels(values: Image.Image) -> bytes:
    """0..1 as 0..255, rounded, in PIL's own loops: the same for every array library."""
    low, high = values.getextrema()
    mean = values.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert isinstance(mean, float)
    if not math.isfinite(mean):  # getextrema() passes over NaN, a mean does not
        raise ValueError("the array holds NaN or infinity")
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise ValueError(f"floats are taken from 0 to 1, and these go from {low:g} to {high:g}: array.astype('uint8')?")
    return values.point(lambda level: level * 255 + 0.5).convert("L").tobytes()
