"""Both sides of the contract against each other: what a provider file sends is what its dialect understands.

Each side was written from the documents on its own, so that a misreading shows here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.records import Status
from vidgen_nb.simulator.app import Simulator

from ..clips import mp4

IMAGE, VIDEO, SOUND = "https://example.com/a.jpg", "https://example.com/a.mp4", "https://example.com/a.mp3"
FILM = mp4()

WIDE_5 = {"seconds": 5, "wide": True}
TALL_8 = {"seconds": 8, "wide": False}
V55 = {"model": "aisphere-v5.5", "first_frame": IMAGE}
V4 = {"model": "aisphere-v4", "first_frame": IMAGE}
ALL = {"reference_images": [IMAGE] * 9, "reference_videos": [VIDEO] * 3, "reference_audios": [SOUND]}
FRAMES = {"first_frame": IMAGE, "last_frame": IMAGE}
REQUESTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("aitoearn", {"duration": 5, "aspect_ratio": "16:9", "resolution": "720p"}, WIDE_5),
    ("aitoearn", {"model": "seedance-2-beta-1080p", "duration": 8, "aspect_ratio": "9:16"}, TALL_8),
    ("aitoearn", {"duration": 5, "reference_images": [IMAGE] * 2, "reference_videos": [VIDEO]}, {"references": 3}),
    ("aioagi", {"duration": 5, "aspect_ratio": "16:9", "generate_audio": True}, {**WIDE_5, "audio": True}),
    ("aioagi", {"duration": -1, "aspect_ratio": "9:16"}, {"wide": False}),
    ("aioagi", {"first_frame": IMAGE}, {"references": 1}),
    ("aioagi", {"first_frame": IMAGE, "last_frame": IMAGE}, {"references": 2}),
    ("aioagi", {"reference_images": ["asset://a", IMAGE]}, {"references": 2}),
    ("aisphere", {**V55, "duration": 10, "generate_audio": True}, {"seconds": 10}),
    ("aisphere", {**V4, "camera_movement": "zoom_in", "style": "clay"}, {"references": 1}),
    ("aisphere", {"model": "aisphere-v5", "first_frame": IMAGE, "last_frame": IMAGE, "duration": 5}, {"references": 2}),
    (
        "aisphere",
        {
            "model": "aisphere-v4.5",
            "prompt": "@cat walks",
            "character_images": [{"imageUrl": IMAGE, "type": "subject", "refName": "cat"}],
        },
        {"references": 1},
    ),
    ("newapi", {"model": "kling-v1", "duration": 5, "aspect_ratio": "16:9"}, WIDE_5),
    ("newapi", {"model": "kling-v1-6", "duration": 10, "aspect_ratio": "9:16", "first_frame": IMAGE}, {"seconds": 10}),
    ("newapi", {"model": "jimeng_vgfm_t2v_l20", "duration": 5, "aspect_ratio": "16:9"}, WIDE_5),
    ("newapi", {"model": "viduq2", "duration": 5, "aspect_ratio": "16:9", "resolution": "720p"}, WIDE_5),
    ("newapi", {"model": "doubao-seedance-1-0-pro-250528", "duration": 5, "aspect_ratio": "16:9"}, WIDE_5),
    ("newapi", {"model": "doubao-seedance-1-0-pro-250528", "duration": 10, "first_frame": IMAGE}, {"seconds": 10}),
    ("newapi", {"model": "sora-2", "duration": 4, "aspect_ratio": "16:9"}, {"seconds": 4, "wide": True}),
    ("relaydance", {"duration": 5, "aspect_ratio": "16:9", "resolution": "1080p"}, WIDE_5),
    ("relaydance", ALL, {"references": 13}),
    ("relaydance", {**FRAMES, "seed": 7, "generate_audio": False}, {"references": 2, "audio": False}),
]  # fmt: skip


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """With a stand-in for the films: here it counts what was understood."""
    with Simulator(journal=tmp_path / "journal", speed=100, render=lambda ask, path, halted: _film(path)) as running:
        yield running


def _film(path: Path) -> None:
    path.write_bytes(FILM)


@pytest.fixture
def studio(simulator: Simulator) -> Iterator[vg.Studio]:
    with vg.Studio(simulate=True, timing=vg.Timing(first_poll=0.02, min_gap=0.02, max_gap=0.2)) as opened:
        opened.__dict__["_simulator"] = simulator
        yield opened


@pytest.mark.parametrize(("provider", "asked", "understood"), REQUESTS, ids=lambda value: str(value)[:40])
def test_what_is_sent_is_understood(
    studio: vg.Studio, simulator: Simulator, provider: str, asked: dict[str, Any], understood: dict[str, Any]
) -> None:
    """Accepted, understood as asked, polled and brought home: one POST."""
    clip = studio.generate(**{"prompt": "a boat", **asked}, provider=provider).wait(30)
    assert clip.status is Status.SUCCEEDED
    (task,) = simulator.bill
    ask = task.ask
    assert clip.task_id == task.id
    seen = {
        "seconds": ask.seconds,
        "wide": ask.size[0] > ask.size[1],
        "references": len(ask.references),
        "audio": ask.audio,
    }
    assert {name: seen[name] for name in understood} == understood


@pytest.mark.parametrize("provider", providers.BUILT_IN)
@pytest.mark.parametrize(
    ("directive", "kind"), [("fail=moderation", vg.GenerationFailed), ("refuse=quota", vg.VidgenError)]
)
def test_a_failure_is_understood_too(studio: vg.Studio, provider: str, directive: str, kind: type[Exception]) -> None:
    """A task that fails, and a submission that is refused for want of money: ours says what theirs means."""
    asked = next(asked for name, asked, _ in REQUESTS if name == provider)
    with pytest.raises(kind) as raised:
        studio.generate(f"a boat (simulate {directive})", provider=provider, **asked).wait(30)
    error: Any = raised.value
    assert error.said
    expected = {Status.FAILED} if directive.startswith("fail") else {Status.REFUSED, Status.UNKNOWN}
    assert error.generation.status in expected


@pytest.mark.parametrize("provider", providers.BUILT_IN)
def test_a_lost_reply_is_unknown_for_each(studio: vg.Studio, simulator: Simulator, provider: str) -> None:
    """S4, for every provider: the server reads the request and hangs up; one POST, however often it is asked for."""
    asked = next(asked for name, asked, _ in REQUESTS if name == provider)
    for _ in range(3):
        with pytest.raises(vg.SubmitUnknown):
            studio.generate("a boat (simulate lost_reply)", provider=provider, **asked)
    assert len(simulator.bill) == 1
    assert len([entry for entry in simulator.log if entry.method == "POST"]) == 1


def test_a_lost_submission_is_found_again(studio: vg.Studio, simulator: Simulator) -> None:
    """AiToEarn can be searched: reconcile() finds the one task that it is, and the clip comes home."""
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate("a boat (simulate lost_reply)", provider="aitoearn", duration=5)
    clip = raised.value.generation
    clip.reconcile()
    assert clip.wait(30).task_id == simulator.bill[0].id
    assert len(simulator.bill) == 1


@pytest.mark.parametrize("provider", [name for name in providers.BUILT_IN if name != "aitoearn"])
def test_the_others_say_that_they_cannot_be_searched(studio: vg.Studio, provider: str) -> None:
    """The error says so, and the outcome stays unknown."""
    asked = next(asked for name, asked, _ in REQUESTS if name == provider)
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate("a boat (simulate lost_reply)", provider=provider, **asked)
    with pytest.raises(vg.SubmitUnknown, match="cannot be searched"):
        raised.value.generation.reconcile()
    assert raised.value.generation.status is Status.UNKNOWN


def test_a_query_address_that_nobody_verified(tmp_path: Path) -> None:
    """AiSphere's page documents no query: a 404 is stuck at once and names the option; with it the clip comes home."""
    timing = vg.Timing(first_poll=0.02, min_gap=0.02, max_gap=0.2)
    asked = {"provider": "aisphere", "model": "aisphere-v5.5", "first_frame": IMAGE}
    with Simulator(
        speed=100, shapes={"aisphere": "elsewhere"}, render=lambda ask, path, halted: _film(path)
    ) as simulator:
        with vg.Studio(simulate=True, timing=timing) as studio:
            studio.__dict__["_simulator"] = simulator
            with pytest.raises(vg.GenerationStuck, match="query_path") as raised:
                studio.generate("a boat", **asked).wait(30)
            assert raised.value.reason == "query_unverified"
            del studio.__dict__["_simulator"]  # the next Studio goes on with it
        options = {"aisphere": {"query_path": "/api/v1/tasks/{task_id}"}}
        with vg.Studio(simulate=True, timing=timing, options=options) as studio:
            studio.__dict__["_simulator"] = simulator
            assert studio.generate("a boat", **asked).wait(30).status is Status.SUCCEEDED
        assert len(simulator.bill) == 1


def test_local_pictures_reach_those_who_take_data(studio: vg.Studio, simulator: Simulator) -> None:
    """A PIL image goes out as data where that is taken; elsewhere the error says what to do, and nothing is sent."""
    picture = Image.new("RGB", (640, 360), "teal")
    for provider, model in (("aioagi", None), ("relaydance", None), ("newapi", "kling-v1")):
        studio.generate("a boat", provider=provider, model=model, first_frame=picture).wait(30)
    assert [task.ask.references[0].ratio for task in simulator.bill] == pytest.approx([16 / 9] * 3, rel=0.01)
    for provider, given in (
        ("aisphere", {"first_frame": picture, "model": "aisphere-v5.5"}),
        ("aitoearn", {"reference_images": [picture]}),
    ):
        with pytest.raises(vg.InvalidRequest, match="URL"):
            studio.generate("a boat", provider=provider, **given)
    assert len(simulator.bill) == 3
