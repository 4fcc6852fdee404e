"""AIOAGI, the request: the page's bodies from our names and from the page's, each limit, each piece of advice."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from vidgen_nb import asking, errors
from vidgen_nb.asking import Asked
from vidgen_nb.errors import Problem
from vidgen_nb.providers import aioagi, contract
from vidgen_nb.records import Call, Medium

# The three bodies of the page, as they stand there.
TEXT_BODY = """{
    "aspect_ratio": "16:9",
    "capability": "video_generation",
    "control_mode": "none",
    "duration_seconds": 5,
    "input_mode": "text",
    "model": "doubao-seedance-2-0-260128",
    "prompt": "一段未来科技展台的产品发布短片，镜头缓慢推进，金属材质，高级商业广告质感。",
    "resolution": "720p",
    "with_audio": true
}"""
FRAMES_BODY = """{
    "aspect_ratio": "16:9",
    "capability": "video_generation",
    "control_mode": "end_frame",
    "duration_seconds": 5,
    "end_image": "https://example.com/last-frame.png",
    "image": "https://example.com/first-frame.png",
    "input_mode": "single_image",
    "model": "doubao-seedance-2-0-260128",
    "prompt": "让画面从产品特写自然过渡到完整展示，镜头轻微推进，光线保持柔和。",
    "resolution": "720p",
    "with_audio": true
}"""
REFERENCE_BODY = """{
    "aspect_ratio": "16:9",
    "capability": "video_generation",
    "control_mode": "reference",
    "duration_seconds": 5,
    "input_mode": "multi_image",
    "model": "doubao-seedance-2-0-260128",
    "prompt": "参考素材中的人物站在海边，夕阳下回眸一笑，镜头从中景缓慢推进。",
    "reference_images": ["asset://asset-20260519163832-example"],
    "resolution": "720p",
    "with_audio": true
}"""
PAGES = [TEXT_BODY, FRAMES_BODY, REFERENCE_BODY]

FIRST, LAST = "https://example.com/1.png", "https://example.com/2.png"
ASSET = "asset://asset-20260519163832-example"


def linked(url: str) -> Medium:
    """A reference image given as a URL."""
    return Medium("image", url=url)


def data() -> Medium:
    """A reference image given as data."""
    return Medium("image", sha256="00", mime="image/png", size=3, read=lambda: b"abc")


def picture() -> bytes:
    """A PNG, so long in base64 that nobody takes it for the name of a file."""
    file = io.BytesIO()
    Image.radial_gradient("L").save(file, "PNG")
    return file.getvalue()


def ask(prompt: str = "a paper boat", **given: Any) -> aioagi.Request:
    return aioagi.Request.model_validate({"prompt": prompt, **given})


def body(request: aioagi.Request) -> dict[str, Any]:
    call = aioagi.submit(request, {})
    assert (call.method, call.path) == ("POST", "/videos")
    parsed: dict[str, Any] = json.loads(json.dumps(call.json, allow_nan=False))
    return parsed


def asked(home: Path, given: dict[str, Any], *, check: bool = True) -> Asked:
    """What `vg.plan` makes of these keyword arguments."""
    return asking.ask(aioagi, given, origin="https://api.aiearth.dev", home=home, options={}, check=check)


def refused(home: Path, given: dict[str, Any]) -> list[str]:
    """The parameters of which the general checks complain."""
    with pytest.raises(errors.InvalidRequest) as caught:
        asked(home, given)
    return sorted(problem.parameter for problem in caught.value.problems)


def named(problems: list[Problem]) -> list[str]:
    return [problem.parameter for problem in problems]


def warned(request: aioagi.Request) -> list[str]:
    return [warning.parameter for warning in aioagi.advise(request)]


# ── facts ─────────────────────────────────────────────────────────────────────
def test_it_is_a_provider() -> None:
    """The module says all that the contract asks for, with states spelled as they are looked up."""
    provider: contract.Provider = aioagi
    assert provider.BASE_URL == "https://api.aiearth.dev/v1"
    assert (provider.KEY, provider.BASE) == ("AIO_API_KEY", "AIO_BASE_URL")
    assert provider.AUTH == ("Authorization", "Bearer {key}")
    assert [row.name for row in provider.MODELS if row.default] == ["doubao-seedance-2-0-260128"]
    assert all(contract.plain(word) == word for word in provider.STATES)
    assert aioagi.SEARCH == ""


def test_every_fact_has_its_source() -> None:
    """Each row and each refusal says where it is stated; refusals name classes of errors."""
    assert all(row.source and row.checked == "2026-11-20" for row in (*aioagi.MODELS, aioagi.API_WIDE))
    for refusal in aioagi.REFUSALS:
        assert refusal.source
        assert issubclass(getattr(errors, refusal.kind), errors.ProviderRefused)


# ── the body ──────────────────────────────────────────────────────────────────
COMMON = {"model": "doubao-seedance-2-0-260128", "duration": 5, "aspect_ratio": "16:9", "resolution": "720p"}


@pytest.mark.parametrize(
    ("page", "images"),
    [
        (TEXT_BODY, {}),
        (
            FRAMES_BODY,
            {
                "first_frame": "https://example.com/first-frame.png",
                "last_frame": "https://example.com/last-frame.png",
            },
        ),
        (REFERENCE_BODY, {"reference_images": [ASSET]}),
    ],
)
def test_the_pages_bodies_from_our_names(tmp_path: Path, page: str, images: dict[str, Any]) -> None:
    """Our vocabulary gives the page's bodies, equal as parsed JSON; the modes follow from the images."""
    parsed = json.loads(page)
    result = asked(tmp_path, {"prompt": parsed["prompt"], "generate_audio": True, **COMMON, **images})
    assert result.call == Call("POST", "/videos", json=parsed)
    assert result.warnings == ()


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_bodies_as_a_person_passes_them(tmp_path: Path, page: str) -> None:
    """A body of the page, passed as keyword arguments exactly as it stands, is sent as it stands, without a warning."""
    result = asked(tmp_path, json.loads(page))
    assert result.call == Call("POST", "/videos", json=json.loads(page))
    assert json.dumps(result.call.json, sort_keys=True) == json.dumps(json.loads(page), sort_keys=True)  # 5 is not 5.0
    assert result.warnings == ()


def test_aliases() -> None:
    """The page's names are known under ours, and nothing else is taken."""
    names = {page: ours for page, ours in contract.aliases(aioagi.Request).items() if page != ours}
    assert names == {
        "duration_seconds": "duration",
        "with_audio": "generate_audio",
        "image": "first_frame",
        "end_image": "last_frame",
    }
    for other in ("seed", "negative_prompt", "watermark", "reference_videos"):
        with pytest.raises(ValidationError):
            ask(**{other: 1})


@pytest.mark.parametrize("value", [5, 5.0, "5"])
@pytest.mark.parametrize("name", ["duration", "duration_seconds"])
def test_seconds_go_out_as_an_integer(name: str, value: object) -> None:
    """Under either name and in any spelling of five, `duration_seconds` is the number 5."""
    assert json.dumps(body(ask(**{name: value}))["duration_seconds"]) == "5"


@pytest.mark.parametrize("value", [True, 5.5, "long", float("nan"), [5]])
def test_no_duration(value: object) -> None:
    """A bool is not a number, half a second is not whole, and a word is neither."""
    with pytest.raises(ValidationError):
        ask(duration=value)


@pytest.mark.parametrize("value", [1, "true"])
def test_sound_is_true_or_false(value: object) -> None:
    """Anything but True and False is more likely a slip."""
    with pytest.raises(ValidationError):
        ask(generate_audio=value)


def test_nothing_unasked_is_sent() -> None:
    """Only the model, the constant and the two modes are added; a False that was given is kept, a None is not."""
    least = {
        "model": "doubao-seedance-2-0-260128",
        "capability": "video_generation",
        "input_mode": "text",
        "control_mode": "none",
        "prompt": "a paper boat",
    }
    assert body(ask()) == least
    assert body(ask(generate_audio=False, resolution=None)) == {**least, "with_audio": False}


# ── images ────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("images", "modes"),
    [
        ({}, ("text", "none")),
        ({"first_frame": linked(FIRST)}, ("single_image", "none")),
        ({"first_frame": linked(FIRST), "last_frame": linked(LAST)}, ("single_image", "end_frame")),
        ({"reference_images": (linked(ASSET),)}, ("multi_image", "reference")),
    ],
)
def test_the_modes_follow_from_the_images(images: dict[str, Any], modes: tuple[str, str]) -> None:
    """Each kind of request has its pair of modes; saying the same aloud is fine, saying anything else is not."""
    sent = body(ask(**images))
    assert (sent["input_mode"], sent["control_mode"]) == modes
    assert aioagi.rules(ask(**images, input_mode=modes[0], control_mode=modes[1])) == []
    for name, said in zip(("input_mode", "control_mode"), modes, strict=True):
        for other in aioagi.MODELS[0].takes[name]:
            assert named(aioagi.rules(ask(**images, **{name: other}))) == ([] if other == said else [name])


def test_a_contradiction_names_both_sides() -> None:
    """The error says what is given and what that makes of the mode."""
    (problem,) = aioagi.rules(ask(input_mode="text", first_frame=linked(FIRST), last_frame=linked(LAST)))
    assert "text contradicts" in problem.message
    assert "first_frame and last_frame it is single_image" in problem.message
    assert "check=False" in problem.message


def test_an_explicit_mode_is_sent(tmp_path: Path) -> None:
    """Past the checks a mode goes out as a person gave it, because AIOAGI may know more than its page."""
    given = {"prompt": "x", "first_frame": FIRST, "control_mode": "orbit", "input_mode": "text"}
    assert refused(tmp_path, given) == ["control_mode", "input_mode"]
    sent = asked(tmp_path, given, check=False).call.json
    assert (sent["control_mode"], sent["input_mode"]) == ("orbit", "text")


def test_data_goes_out_as_a_data_uri() -> None:
    """Local pictures are data URIs in all three places."""
    uri = "data:image/png;base64,YWJj"
    sent = body(ask(first_frame=data(), last_frame=data()))
    assert (sent["image"], sent["end_image"]) == (uri, uri)
    assert body(ask(reference_images=(linked(ASSET), data())))["reference_images"] == [ASSET, uri]


@pytest.mark.parametrize("name", ["image", "first_frame", "end_image", "last_frame"])
def test_bare_base64(tmp_path: Path, name: str) -> None:
    """The page's bare base64 is the same picture, the same clip and the same data URI as its bytes."""
    ours = contract.aliases(aioagi.Request)[name]
    others = {"first_frame": FIRST} if ours == "last_frame" else {}
    bare = base64.b64encode(picture()).decode()
    wrapped = base64.encodebytes(picture()).decode()
    results = [asked(tmp_path, {"prompt": "x", name: value, **others}) for value in (bare, wrapped, picture())]
    assert {result.identity for result in results} == {results[0].identity}
    field = "end_image" if ours == "last_frame" else "image"
    assert [result.call.json[field] for result in results] == [f"data:image/png;base64,{bare}"] * 3


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": "A" * 300},
        {"image": FIRST},
        {"image": f"data:image/png;base64,{'A' * 300}"},
        {"image": "pictures/boat"},
        {"image": "A" * 255},
        {"end_image": b"A" * 300},
        {"reference_images": ["A" * 300]},
    ],
)
def test_nothing_else_is_taken_for_base64(given: dict[str, Any]) -> None:
    """Prompts, paths, URLs and data URIs stay as they are."""
    assert aioagi.unfold({**given, "capability": "video_generation"}) == (given, [])


def test_base64_of_something_else_is_named(tmp_path: Path) -> None:
    """Base64 which is no picture is refused as such."""
    assert refused(tmp_path, {"prompt": "x", "image": base64.b64encode(b"no picture" * 40).decode()}) == ["first_frame"]


@pytest.mark.parametrize("value", ["image_generation", "", 1, ["video_generation"]])
def test_capability_is_a_constant(tmp_path: Path, value: object) -> None:
    """`capability` is taken with its one value and refused with any other, whatever check says; it is no parameter."""
    assert refused(tmp_path, {"prompt": "x", "capability": value}) == ["capability"]
    with pytest.raises(errors.InvalidRequest):
        asked(tmp_path, {"prompt": "x", "capability": value}, check=False)
    assert "capability" not in aioagi.Request.model_fields
    said = asked(tmp_path, {"prompt": "x", "capability": "video_generation"})
    assert said.identity == asked(tmp_path, {"prompt": "x"}).identity


# ── limits ────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ({"duration": 3}, ["duration"]),
        ({"duration": 16}, ["duration"]),
        ({"duration": 0}, ["duration"]),
        ({"duration": -2}, ["duration"]),
        ({"aspect_ratio": "2:1"}, ["aspect_ratio"]),
        ({"aspect_ratio": "auto"}, ["aspect_ratio"]),
        ({"resolution": "4k"}, ["resolution"]),
        ({"resolution": "720P"}, ["resolution"]),
        ({"input_mode": "image"}, ["input_mode"]),
        ({"control_mode": "start_frame"}, ["control_mode"]),
        ({"prompt": " \n"}, ["prompt"]),
        ({"prompt": "字" * 2501}, ["prompt"]),
        ({"last_frame": LAST}, ["last_frame"]),
        ({"first_frame": FIRST, "reference_images": [ASSET]}, ["first_frame"]),
        ({"last_frame": LAST, "reference_images": [ASSET]}, ["last_frame", "last_frame"]),
        ({"first_frame": ASSET}, ["first_frame"]),
        ({"first_frame": "ASSET://x"}, ["first_frame"]),
        ({"seed": 1}, ["seed"]),
        ({"reference_audios": ["https://example.com/a.mp3"]}, ["reference_audios"]),
    ],
)
@pytest.mark.parametrize("model", [None, "doubao-seedance-3-0"])
def test_each_limit(tmp_path: Path, given: dict[str, Any], parameters: list[str], model: str | None) -> None:
    """Each limit is found, for the page's model and for one it does not name, and names its parameter."""
    assert refused(tmp_path, {"prompt": "x", "model": model, **given}) == parameters


@pytest.mark.parametrize(
    "given",
    [
        {"duration": -1},
        {"duration": 4},
        {"duration": 15},
        {"aspect_ratio": "adaptive"},
        {"aspect_ratio": "21:9"},
        {"resolution": "480p"},
        {"resolution": "1080p"},
        {"prompt": "字" * 2500},
        {"first_frame": FIRST, "last_frame": ASSET},
        {"reference_images": [ASSET] * 12},
        {"reference_images": ["https://example.com/1.png"]},
    ],
)
def test_what_is_within_the_limits(tmp_path: Path, given: dict[str, Any]) -> None:
    """What the page allows, to its last value, is sent; where it is silent nothing is forbidden."""
    assert asked(tmp_path, {"prompt": "x", **given}).call.json["model"] == "doubao-seedance-2-0-260128"


def test_the_automatic_length_is_sent() -> None:
    """-1 is a value like others: the model chooses."""
    assert body(ask(duration=-1))["duration_seconds"] == -1


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """One look shows everything that is wrong; each limit says its source, its date and the way past it."""
    wrong = {
        "prompt": "x" * 2501,
        "duration_seconds": 3,
        "resolution": "8k",
        "end_image": LAST,
        "reference_images": [ASSET],
        "input_mode": "text",
        "capability": "audio",
        "style": "noir",
    }
    with pytest.raises(errors.InvalidRequest) as caught:
        asked(tmp_path, wrong)
    told = [problem.parameter for problem in caught.value.problems]
    assert told == ["capability", "style", "duration", "resolution", "prompt", "last_frame", "last_frame", "input_mode"]
    for problem in caught.value.problems[2:]:
        assert aioagi.PAGE in problem.message
        assert "2026-11-20" in problem.message
        assert "check=False" in problem.message


def test_limits_become_warnings(tmp_path: Path) -> None:
    """check=False sends what the limits forbid, and still says so."""
    beyond = {"prompt": "x", "duration": 30, "resolution": "4k", "last_frame": LAST}
    result = asked(tmp_path, beyond, check=False)
    assert result.call.json["duration_seconds"] == 30
    assert result.call.json["end_image"] == LAST
    assert {"duration", "resolution", "last_frame"} <= {warning.parameter for warning in result.warnings}


def test_a_model_which_the_page_does_not_name(tmp_path: Path) -> None:
    """It is sent under the page's general limits, with a warning."""
    result = asked(tmp_path, {"prompt": "x", "model": "doubao-seedance-3-0", "duration": 15, "generate_audio": True})
    assert result.call.json["model"] == "doubao-seedance-3-0"
    assert [warning.parameter for warning in result.warnings] == ["model"]


# ── advice ────────────────────────────────────────────────────────────────────
CLEAR: dict[str, Any] = {"generate_audio": False}  # asks for all that has no documented default


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        (CLEAR, []),
        ({}, ["generate_audio"]),
        ({**CLEAR, "first_frame": linked(FIRST)}, ["control_mode"]),
        ({**CLEAR, "first_frame": linked(FIRST), "control_mode": "none"}, []),
        ({**CLEAR, "first_frame": data(), "last_frame": data()}, []),
        ({**CLEAR, "first_frame": linked(FIRST), "last_frame": linked(ASSET)}, ["last_frame"]),
        ({**CLEAR, "resolution": "720p"}, []),
        ({**CLEAR, "resolution": "480p"}, ["resolution"]),
        ({**CLEAR, "resolution": "1080p"}, ["resolution"]),
        ({**CLEAR, "reference_images": (linked(ASSET), linked("Asset://b"))}, []),
        ({**CLEAR, "reference_images": (linked(ASSET), linked(FIRST))}, ["reference_images"]),
        ({**CLEAR, "reference_images": (data(),)}, ["reference_images"]),
        ({**CLEAR, "reference_images": (linked(ASSET),) * 9}, []),
        ({**CLEAR, "reference_images": (linked(ASSET),) * 10}, ["reference_images"]),
        ({**CLEAR, "prompt": "x" * 2500}, []),
        ({**CLEAR, "prompt": "x" * 2498 + "🦊"}, []),
        ({**CLEAR, "prompt": "x" * 2499 + "🦊"}, ["prompt"]),
        ({**CLEAR, "prompt": "x" * 2501}, []),
    ],
)
def test_advice(given: dict[str, Any], parameters: list[str]) -> None:
    """Where AIOAGI is silent a person is told, about that parameter and no other."""
    assert warned(ask(**given)) == parameters


# ── anything at all ───────────────────────────────────────────────────────────
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just("A" * 300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(["capability", "image", "end_image", "last_frame", "prompt", "x"]), VALUES))
def test_anything_can_be_unfolded(given: dict[str, Any]) -> None:
    """Whatever a person passes gives the same parameters without the constant, and problems, never a crash."""
    flat, problems = aioagi.unfold(given)
    assert set(flat) == set(given) - {"capability"}
    assert all(problem.parameter and problem.message for problem in problems)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(), st.integers(0, 12), st.booleans(), st.booleans(), st.sampled_from([None, "text", "none", "?"]))
def test_any_request_can_be_checked(prompt: str, count: int, first: bool, last: bool, mode: str | None) -> None:
    """No prompt and no mixture of images makes the rules, the advice or the body raise."""
    images: dict[str, Any] = {"reference_images": (linked(ASSET),) * count}
    images |= ({"first_frame": linked(FIRST)} if first else {}) | ({"last_frame": data()} if last else {})
    request = ask(prompt, **images, input_mode=mode, control_mode=mode)
    aioagi.rules(request)
    aioagi.advise(request)
    assert body(request)["capability"] == "video_generation"
