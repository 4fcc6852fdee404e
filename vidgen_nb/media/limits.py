"""A provider's documented limits on reference media, held against what probing showed."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from vidgen_nb.errors import Problem
from vidgen_nb.records import MediaLimits, Medium

_SPELLINGS = {"jpg": "jpeg", "tif": "tiff"}


class _Measure(NamedTuple):
    """One measured quantity: its value, the documented range, and how it is said.

    Values are compared as they are shown: a clip of 15 s whose sound lasts 15.02 s is not refused with the words
    "is 15.0 s long: 2 to 15 s are taken".
    """

    value: Callable[[Medium], float | None]
    taken: Callable[[MediaLimits], tuple[float, float] | None]
    decimals: int
    words: str
    unit: str


def _product(medium: Medium) -> int | None:
    return medium.width * medium.height if medium.width and medium.height else None


def _ratio(medium: Medium) -> float | None:
    return medium.width / medium.height if medium.width and medium.height else None


_MEASURES = (
    _Measure(lambda m: m.duration, lambda x: x.seconds, 1, "is {} s long", " s"),
    _Measure(lambda m: m.width, lambda x: x.width, 0, "is {} px wide", " px"),
    _Measure(lambda m: m.height, lambda x: x.height, 0, "is {} px high", " px"),
    _Measure(_product, lambda x: x.pixels, 0, "has {} pixels", ""),
    _Measure(_ratio, lambda x: x.ratio, 2, "has a width to height ratio of {}", ""),
    _Measure(lambda m: m.fps, lambda x: x.fps, 2, "runs at {} frames a second", ""),
)


def check(media: Medium | Sequence[Medium], limits: MediaLimits, parameter: str) -> list[Problem]:
    """Every documented limit which `media`, given as `parameter`, break: all at once, an empty list if none.

    A list's members are called `reference_images[0]` …, a lone medium by the parameter alone. Of a URL only its being
    there is known, so that it counts and breaks nothing else.
    """
    alone = isinstance(media, Medium)
    given = [media] if isinstance(media, Medium) else list(media)
    told = [] if alone else _together(given, limits, parameter)
    for index, medium in enumerate(given):
        if medium.is_data:
            told += _each(medium, limits, parameter if alone else f"{parameter}[{index}]")
    source = f" ({limits.source}; check=False sends it anyway)" if limits.source else ""
    return [Problem(parameter, message + source) for message in told]


def _together(media: Sequence[Medium], limits: MediaLimits, parameter: str) -> list[str]:
    told = []
    if limits.max_count is not None and len(media) > limits.max_count:
        told.append(f"{len(media)} were given: at most {limits.max_count} are taken")
    seconds = round(sum(medium.duration or 0 for medium in media), 1)
    if limits.total_seconds is not None and seconds > limits.total_seconds:
        told.append(f"they are {seconds:.1f} s long together: at most {limits.total_seconds:g} s are taken")
    return told


def _each(medium: Medium, limits: MediaLimits, label: str) -> list[str]:
    told = []
    if limits.formats and _spelled(medium.suffix) not in {_spelled(name) for name in limits.formats}:
        told.append(f"{label} is {_spelled(medium.suffix)}: {', '.join(limits.formats)} are taken")
    if limits.max_bytes is not None and medium.size > limits.max_bytes:
        size, most = _sizes(medium.size, limits.max_bytes)
        told.append(f"{label} is {size}: at most {most} are taken")
    for measure in _MEASURES:
        value, taken = measure.value(medium), measure.taken(limits)
        if value is None or taken is None or taken[0] <= round(value, measure.decimals) <= taken[1]:
            continue
        shown = measure.words.format(f"{value:,.{measure.decimals}f}")
        told.append(f"{label} {shown}: {_number(taken[0])} to {_number(taken[1])}{measure.unit} are taken")
    return told


def _sizes(size: int, most: int) -> tuple[str, str]:
    """Both in the unit of the limit (documents which say MB can mean either), the size rounded up: it is too big."""
    for unit, name in ((2**20, "MiB"), (1_000_000, "MB"), (1000, "kB")):
        if most % unit == 0:
            return f"{ceil(size * 100 / unit) / 100:.2f} {name}", f"{most // unit} {name}"
    return f"{size} bytes", f"{most} bytes"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _spelled(name: str) -> str:
    plain = name.lower().lstrip(".")
    return _SPELLINGS.get(plain, plain)
