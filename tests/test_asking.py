"""What was asked: names, values, identity. Identities are promises: a change of one would buy a clip a second time."""

import hashlib
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vidgen_nb as vg
from vidgen_nb.asking import Asked, ask
from vidgen_nb.providers import relaydance
from vidgen_nb.records import Medium

HOME = Path("vidgen")


def asked(prompt: str = "a boat", **given: Any) -> Asked:
    control = {name: given.pop(name) for name in ("extra", "take_number", "check") if name in given}
    return ask(
        relaydance, {"prompt": prompt, **given}, origin="https://relaydance.com", home=HOME, options={}, **control
    )


def problems(**given: Any) -> dict[str, str]:
    with pytest.raises(vg.InvalidRequest) as raised:
        asked(**given)
    return {problem.parameter: problem.message for problem in raised.value.problems}


def test_known_identities() -> None:
    """Requests of the first release keep their identity for ever."""
    known = {
        "2a1f442a674dbdc3": asked("a boat"),
        "af870cde9da52753": asked(
            "一只纸船", duration=5, aspect_ratio="16:9", resolution="1080p", generate_audio=False
        ),
        "614d33d9f95040c3": asked(
            "a boat", reference_images=["https://example.com/a.jpg", "asset://b"], take_number=2, extra={"a": [1, None]}
        ),
    }
    assert [request.identity[:16] for request in known.values()] == list(known)


@pytest.mark.parametrize(
    "same",
    [{"seconds": "5"}, {"seconds": 5}, {"duration": 5.0}, {"duration": np.int64(5)}, {"duration": 5, "seed": None}],
)
def test_the_same_request_in_other_words_is_the_same_clip(same: dict[str, Any]) -> None:
    """Aliases, 5.0, numpy's numbers and None make no difference."""
    assert asked(**same).identity == asked(duration=5).identity


@pytest.mark.parametrize(
    "other",
    [
        {"duration": 6},
        {"duration": 5, "take_number": 2},
        {"duration": 5, "extra": {"x": 1}},
        {"duration": 5, "seed": 1},
        {},
    ],
)
def test_another_request_is_another_clip(other: dict[str, Any]) -> None:
    """Whatever was asked differently, even a default said aloud, is another intent."""
    assert asked(**other).identity != asked(duration=5).identity


def test_origin_and_simulation_are_never_mixed_up() -> None:
    """The same words at another site, or simulated, are another clip."""
    at = {
        origin: ask(relaydance, {"prompt": "a"}, origin=origin, home=HOME, options={}).identity
        for origin in ("https://a", "https://b", "simulator")
    }
    assert len(set(at.values())) == 3


def test_local_media_count_by_content(tmp_path: Path) -> None:
    """A path, its bytes, and another file with the same content are one medium; a URL counts as written."""
    Image.new("RGB", (400, 400), "red").save("one.png")
    data = Path("one.png").read_bytes()
    Path("two.jpg").write_bytes(data)
    same = {asked(first_frame=value).identity for value in ("one.png", Path("two.jpg"), data)}
    assert len(same) == 1
    assert asked(first_frame="https://h/a.png?x=1").identity != asked(first_frame="https://h/a.png?x=2").identity


def test_identity_is_the_same_in_every_process() -> None:
    """No hash seed, no order of a dict, no clock."""
    code = textwrap.dedent("""
        from pathlib import Path
        from vidgen_nb.asking import ask
        from vidgen_nb.providers import relaydance
        print(ask(relaydance, {"duration": 5, "prompt": "x"}, origin="o", home=Path(), options={}).identity)
    """)
    ours = ask(relaydance, {"prompt": "x", "duration": 5}, origin="o", home=Path(), options={}).identity
    for seed in ("1", "2"):
        said = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.strip() == ours


# ── errors ────────────────────────────────────────────────────────────────────
def test_all_problems_at_once() -> None:
    """Names, types, limits and media in one error."""
    found = problems(
        duration=3.5, resolution="9k", aspect_rato="1:1", generate_audio=1, first_frame="nowhere.png", seed="x"
    )
    assert set(found) == {"duration", "resolution", "aspect_rato", "generate_audio", "first_frame", "seed"}
    assert "aspect_ratio" in found["aspect_rato"]
    assert "3.5 is not a whole number" in found["duration"]


def test_a_bool_is_no_number() -> None:
    """duration=True is a slip, not one second."""
    assert "not numbers" in problems(duration=True)["duration"]


def test_the_same_parameter_under_two_names() -> None:
    """The error names both."""
    assert problems(duration=5, seconds="5")["duration"] == "given twice, as duration and as seconds"


def test_limits_name_their_source_and_the_way_around() -> None:
    """Tables age: each limit error names source, date and check=False, which turns it into a warning."""
    message = problems(duration=99)["duration"]
    assert "4 to 15 s" in message
    assert "checked 20" in message
    assert "check=False" in message
    relaxed = asked(duration=99, check=False)
    assert relaxed.call.json["seconds"] == "99"
    assert relaxed.warnings[0].parameter == "duration"
    assert "duration" in problems(duration=True)


def test_check_false_does_not_pass_nonsense() -> None:
    """Only limits become warnings; unknown names and wrong types stay errors."""
    with pytest.raises(vg.InvalidRequest):
        asked(durration=5, check=False)


def test_a_missing_prompt_is_a_problem_among_others() -> None:
    """Even then the rest is checked."""
    with pytest.raises(vg.InvalidRequest) as raised:
        ask(relaydance, {"duration": 99}, origin="o", home=HOME, options={})
    assert {problem.parameter for problem in raised.value.problems} == {"prompt", "duration"}


# ── extra ─────────────────────────────────────────────────────────────────────
def test_extra_is_merged_last() -> None:
    """Objects are merged, everything else is replaced, and it is part of the identity."""
    body = asked(aspect_ratio="16:9", extra={"metadata": {"watermark": False, "ratio": "1:1"}, "n": 1}).call.json
    assert body["metadata"] == {"ratio": "1:1", "watermark": False}
    assert body["n"] == 1


@pytest.mark.parametrize("extra", [{"a": object()}, {"a": float("nan")}, ["a"]])
def test_extra_is_json(extra: Any) -> None:
    """What cannot be sent is said before anything is."""
    assert "extra" in problems(extra=extra)


# ── media ─────────────────────────────────────────────────────────────────────
def test_a_retake_in_a_fresh_kernel_sends_the_same_body() -> None:
    """A clip made from a PIL image: its data are kept in inputs/, and the recipe gives the same body again."""
    picture = Image.new("RGB", (320, 320), (10, 200, 30))
    first = asked(reference_images=[picture])
    first.kept(HOME)
    (kept,) = (HOME / "inputs").iterdir()
    assert kept.stem == hashlib.sha256(kept.read_bytes()).hexdigest()
    recipe = json.loads(json.dumps(first.asked))
    again = ask(relaydance, recipe, origin="https://relaydance.com", home=HOME, options={})
    assert again.call == first.call
    assert again.identity == first.identity


def test_an_array_is_a_picture() -> None:
    """Whatever has __array_interface__."""
    array = np.zeros((320, 320, 3), dtype=np.uint8)
    content = asked(first_frame=array).call.json["metadata"]["content"]
    assert content[0]["image_url"]["url"].startswith("data:image/png;base64,")


def test_a_single_medium_is_a_list_of_one() -> None:
    """reference_images="a.png" is what people write."""
    assert asked(reference_images="https://h/a.png").identity == asked(reference_images=["https://h/a.png"]).identity


@pytest.mark.parametrize("name", ["reference_videos", "reference_audios"])
def test_data_where_only_addresses_are_taken(name: str) -> None:
    """The error says what to do; check=False sends a data URI all the same."""
    medium = Medium(
        "video" if name == "reference_videos" else "audio", sha256="a", mime="audio/wav", read=lambda: b"sound"
    )
    assert "https:// URL" in problems(**{name: [medium]})[name]
    entry = asked(**{name: [medium]}, check=False).call.json["metadata"]["content"][0]
    assert entry[entry["type"]]["url"].startswith("data:audio/wav;base64,")


def test_an_unlisted_model_is_held_to_the_general_limits() -> None:
    """Catalogues grow faster than packages: it is sent, with a warning; what the API says of all models still holds."""
    assert asked(model="seedance-9", duration=15).warnings[-1].parameter == "model"
    assert set(problems(model="seedance-9", duration=16, resolution="8k")) == {"duration", "resolution"}


def test_too_many_references() -> None:
    """9 images, 3 videos, 3 audios."""
    many = {"reference_images": 10, "reference_videos": 4, "reference_audios": 4}
    assert set(problems(**{name: ["https://h/x"] * count for name, count in many.items()})) == set(many)
