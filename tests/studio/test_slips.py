"""Arguments of the wrong kind: an error of ours with a next step, never one out of the inside, and nothing is sent."""

from collections.abc import Iterator
from typing import Any

import pytest

import vidgen_nb as vg

HUGE = 10**5000  # Python refuses to print it


@pytest.mark.parametrize(
    "told",
    [
        {"timing": 5},
        {"budget": 5},
        {"budget": {"CNY": "many"}},
        {"keys": 5},
        {"keys": "sk-secret-1234"},
        {"keys": {"relaydance": 5}},
        {"base_urls": 5},
        {"base_urls": {"relaydance": 5}},
        {"base_urls": {"relaydance": "http://127.0.0.1:99999"}},
        {"options": 5},
        {"home": 5},
        {"allow_media_hosts": 5},
        {"embed_limit": "large"},
        {"embed_limit": True},
        {"allow_paid": "no"},
        {"simulate": "no"},
    ],
    ids=lambda told: str(told)[:40],
)
def test_what_a_studio_is_told(told: dict[str, Any]) -> None:
    """Said when it is made, or before the first request; what may be a key is not repeated."""
    with pytest.raises(vg.InvalidRequest) as raised, vg.Studio(**told) as studio:
        studio.plan("a boat", provider="relaydance")
    assert raised.value.hint
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "seconds", ["x", None, -1, float("nan"), float("inf"), True, HUGE], ids=lambda value: type(value).__name__
)
def test_patience_is_in_seconds(seconds: Any) -> None:
    """vg.Timing names the field that is none."""
    with pytest.raises(vg.InvalidRequest, match="poll"):
        vg.Timing(poll=seconds)


@pytest.fixture
def studio() -> Iterator[vg.Studio]:
    with vg.Studio(keys={"relaydance": "sk-test"}, base_urls={"relaydance": "http://127.0.0.1:9"}) as opened:
        yield opened


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": HUGE},
        {"seed": HUGE},
        {"seed": 2**63},
        {"seed": -HUGE},
        {"take": HUGE},
        {"take": 0},
        {"extra": {"a": HUGE}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_numbers_beyond_counting(wrong: dict[str, Any], studio: vg.Studio) -> None:
    """A problem of that parameter, found before anything is sent."""
    for ask in (studio.plan, studio.generate):
        with pytest.raises(vg.InvalidRequest, match="Nothing was sent") as raised:
            ask("a boat", provider="relaydance", **wrong)
        assert {problem.parameter for problem in raised.value.problems} == set(wrong)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"text": 5}, "text"),
        ({"status": "succeded"}, "did you mean succeeded"),
        ({"status": 5}, "status"),
        ({"limit": 2**80}, "limit"),
        ({"limit": 0}, "limit"),
        ({"provider": "relaydanse"}, "There is no provider 'relaydanse'"),
    ],
    ids=["text", "a slip", "no text", "huge", "none", "no provider"],
)
def test_what_the_history_is_asked(asked: dict[str, Any], said: str, studio: vg.Studio) -> None:
    """A status that there is not would find nothing, and look as if nothing were there."""
    with pytest.raises(vg.InvalidRequest, match=said):
        studio.history(**asked)


@pytest.mark.parametrize("base", ["/v1", "/v1/", "//v1//", "", "/"])
@pytest.mark.parametrize("name", ["newapi", "relaydance"])
def test_a_base_url_that_ends_in_v1(name: str, base: str) -> None:
    """Their paths begin with /v1, and people paste it: never /v1/v1."""
    with vg.Studio(base_urls={name: f" http://127.0.0.1:9{base} "}) as studio:
        plan = studio.plan("a boat", provider=name, model="kling-v1" if name == "newapi" else None)
    assert plan.url == "http://127.0.0.1:9/v1/video/generations"


def test_a_wait_is_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TypeError or OverflowError out of the inside; a wait longer than the system can count is a long wait."""
    monkeypatch.setenv("VIDGEN_SIMULATE_SPEED", "40")
    with vg.Studio(simulate=True) as studio:
        clip = studio.generate("a boat", provider="relaydance", duration=5)
        for seconds in ("x", float("nan"), True):
            with pytest.raises(vg.InvalidRequest, match="seconds"):
                clip.wait(seconds)  # type: ignore[arg-type]
        assert clip.wait(10**30) is clip
        with pytest.raises(vg.InvalidRequest, match="text"):
            clip.rate(note=5)  # type: ignore[arg-type]
