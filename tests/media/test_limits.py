"""Documented limits: every one that is broken is named, all at once, and nothing is said of what is not known."""

from dataclasses import replace
from typing import Any

import pytest

from vidgen_nb.media.limits import check
from vidgen_nb.records import MediaLimits, Medium

VIDEO = MediaLimits(
    max_count=3,
    formats=("mp4", "mov"),
    max_bytes=50 * 2**20,
    seconds=(2, 15),
    total_seconds=15,
    ratio=(0.4, 2.5),
    width=(300, 6000),
    pixels=(409_600, 2_086_876),
    fps=(24, 60),
)


def film(**facts: Any) -> Medium:
    usual = Medium("video", sha256="0" * 64, suffix=".mp4", size=1000, width=1280, height=720, duration=5.0, fps=24.0)
    return replace(usual, **facts)


def test_within() -> None:
    """A medium inside every range, its edges included, has no problem."""
    assert check([film(duration=2.0), film(duration=12.98, size=50 * 2**20, fps=60.0)], VIDEO, "reference_videos") == []
    assert check([], VIDEO, "reference_videos") == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"duration": 15.16}, "x is 15.2 s long: 2 to 15 s are taken"),
        ({"duration": 1.94}, "x is 1.9 s long: 2 to 15 s are taken"),
        ({"suffix": ".webm"}, "x is webm: mp4, mov are taken"),
        ({"size": 50 * 2**20 + 1}, "x is 50.01 MiB: at most 50 MiB are taken"),
        ({"width": 299, "height": 700}, "x is 299 px wide: 300 to 6,000 px are taken"),
        ({"width": 1920, "height": 1088}, "x has 2,088,960 pixels: 409,600 to 2,086,876 are taken"),
        ({"width": 2000, "height": 500}, "x has a width to height ratio of 4.00: 0.4 to 2.5 are taken"),
        ({"fps": 12.0}, "x runs at 12.00 frames a second: 24 to 60 are taken"),
    ],
)
def test_each_limit(facts: dict[str, Any], said: str) -> None:
    """Each limit is checked against what was probed, and says what is taken."""
    assert said in [problem.message for problem in check(film(**facts), VIDEO, "x")]


def test_value_is_compared_as_shown() -> None:
    """15 s of picture with a sound track of 15.02 s is not refused as "15.0 s long: 2 to 15 s"."""
    assert check(film(duration=15.02), VIDEO, "x") == []


def test_all_at_once_with_index_and_source() -> None:
    """Every problem comes at once, names which medium it is, and where the limit stands."""
    limits = MediaLimits(max_count=1, seconds=(2, 15), total_seconds=15, height=(300, 6000), source="docs, 2026-06-26")
    told = check([film(), film(duration=18.2, height=48)], limits, "reference_videos")
    assert [problem.message for problem in told] == [
        "2 were given: at most 1 are taken (docs, 2026-06-26; check=False sends it anyway)",
        "they are 23.2 s long together: at most 15 s are taken (docs, 2026-06-26; check=False sends it anyway)",
        "reference_videos[1] is 18.2 s long: 2 to 15 s are taken (docs, 2026-06-26; check=False sends it anyway)",
        "reference_videos[1] is 48 px high: 300 to 6,000 px are taken (docs, 2026-06-26; check=False sends it anyway)",
    ]
    assert {problem.parameter for problem in told} == {"reference_videos"}


def test_url_counts_and_breaks_nothing_else() -> None:
    """Nothing is known of a URL; it still counts."""
    urls = [Medium(kind="video", url=f"https://h.example/{n}") for n in range(4)]
    assert [problem.message for problem in check(urls, VIDEO, "x")] == ["4 were given: at most 3 are taken"]


@pytest.mark.parametrize("name", ["jpg", "jpeg", "JPEG", ".jpg"])
def test_spellings_of_a_format(name: str) -> None:
    """jpg is jpeg, however the document writes it."""
    picture = Medium(kind="image", sha256="0" * 64, suffix=".jpg", size=4_800_000)
    assert check(picture, MediaLimits(formats=(name,)), "first_frame") == []
    told = check(picture, MediaLimits(max_bytes=4_700_000), "first_frame")
    assert told[0].message == "first_frame is 4800.00 kB: at most 4700 kB are taken"
