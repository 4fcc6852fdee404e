"""RelayDance, the request: the page's bodies from our names and from the page's, each limit, each piece of advice."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vidgen_nb import asking, errors
from vidgen_nb.asking import Asked
from vidgen_nb.errors import Problem
from vidgen_nb.media.limits import check
from vidgen_nb.providers import contract, relaydance
from vidgen_nb.records import Call, MediaKind, Medium

# The two bodies of the page, as they stand there.
TEXT_BODY = """{
    "model": "doubao-seedance-2-0-1080p",
    "prompt": "A timelapse of storm clouds rolling over a mountain range",
    "seconds": "10",
    "metadata": {"ratio": "16:9", "resolution": "1080p", "generate_audio": true}
}"""
REFERENCE_BODY = """{
    "model": "seedance-1-5-pro-with-audio",
    "prompt": "@image1 rotates slowly on a marble pedestal, studio lighting",
    "seconds": "5",
    "metadata": {
        "ratio": "1:1",
        "resolution": "720p",
        "content": [
            {"type": "image_url", "image_url": {"url": "https://example.com/product.jpg"}, "role": "reference_image"}
        ]
    }
}"""


def linked(name: str, kind: MediaKind = "image") -> Medium:
    """A reference medium given as a URL."""
    return Medium(kind, url=f"https://example.com/{name}")


def data(kind: MediaKind = "image", mime: str = "image/png") -> Medium:
    """A reference medium given as data."""
    return Medium(kind, sha256="00", mime=mime, size=3, read=lambda: b"abc")


def ask(prompt: str = "a paper boat", **given: Any) -> relaydance.Request:
    return relaydance.Request.model_validate({"prompt": prompt, **given})


def body(request: relaydance.Request) -> dict[str, Any]:
    call = relaydance.submit(request, {})
    assert (call.method, call.path) == ("POST", "/v1/video/generations")
    parsed: dict[str, Any] = json.loads(json.dumps(call.json, allow_nan=False))
    return parsed


def unfolded(given: dict[str, Any]) -> relaydance.Request:
    """A request from keyword arguments of the page's form; URLs become media, as the package makes them."""
    flat, problems = relaydance.unfold(given)
    assert problems == []
    for name, mark in contract.media_fields(relaydance.Request).items():
        if mark.many:
            flat[name] = tuple(Medium(mark.kind, url=url) for url in flat.get(name, ()))
        elif name in flat:
            flat[name] = Medium(mark.kind, url=flat[name])
    return relaydance.Request.model_validate(flat)


def named(problems: list[Problem]) -> set[str]:
    return {problem.parameter for problem in problems}


# ── facts ─────────────────────────────────────────────────────────────────────
def test_it_is_a_provider() -> None:
    """The module says all that the contract asks for, with states spelled as they are looked up."""
    provider: contract.Provider = relaydance
    assert provider.BASE_URL == "https://relaydance.com"
    assert provider.AUTH == ("Authorization", "Bearer {key}")
    assert [row.name for row in provider.MODELS if row.default] == ["doubao-seedance-2-0-1080p"]
    assert all(contract.plain(word) == word for word in provider.STATES)
    assert "not billed" in provider.FAILED_BILLING


def test_every_fact_has_its_source() -> None:
    """Each row of the table, each limit and each refusal says where it is stated; refusals name classes of errors."""
    assert all(row.source and row.checked == "2026-11-20" for row in relaydance.MODELS)
    assert len({row.name for row in relaydance.MODELS}) == len(relaydance.MODELS)
    assert all(limits.source for limits in relaydance.MEDIA.values())
    for refusal in relaydance.REFUSALS:
        assert refusal.source
        assert issubclass(getattr(errors, refusal.kind), errors.ProviderRefused)


@pytest.mark.parametrize("row", relaydance.MODELS, ids=lambda row: row.name)
def test_a_resolution_in_a_name_is_the_only_one(row: contract.Model) -> None:
    """A model named with a resolution takes that one; the fast and mini ones have no 1080p."""
    if row.name.endswith("p"):
        assert row.takes["resolution"] == (row.name.rsplit("-", 1)[1],)
    if "fast" in row.name or "mini" in row.name:
        assert "1080p" not in row.takes["resolution"]
    assert min(row.takes["duration"]) == 4
    assert max(row.takes["duration"]) == (12 if "1-5" in row.name else 15)


def test_the_table_refuses_what_a_model_does_not_take() -> None:
    """The rows give a problem with source and way out for each parameter that a model does not take."""
    row = contract.model_row(relaydance, None)
    assert row is not None
    request = ask(duration=3, resolution="720p", aspect_ratio="2:1")
    problems = list(contract.offers(row, request.given))
    assert named(problems) == {"duration", "resolution", "aspect_ratio"}
    assert all("check=False" in problem.message and "2026-11-20" in problem.message for problem in problems)
    silent = contract.model_row(relaydance, "seedance-1-5-pro-no-audio")
    assert silent is not None
    assert named(list(contract.offers(silent, ask(generate_audio=True, duration=13).given))) == {
        "generate_audio",
        "duration",
    }


# ── the body ──────────────────────────────────────────────────────────────────
def test_the_pages_bodies_from_our_names() -> None:
    """Our vocabulary gives the page's two bodies, equal as parsed JSON."""
    text = ask(
        "A timelapse of storm clouds rolling over a mountain range",
        model="doubao-seedance-2-0-1080p",
        duration=10,
        aspect_ratio="16:9",
        resolution="1080p",
        generate_audio=True,
    )
    assert body(text) == json.loads(TEXT_BODY)
    reference = ask(
        "@image1 rotates slowly on a marble pedestal, studio lighting",
        model="seedance-1-5-pro-with-audio",
        duration=5,
        aspect_ratio="1:1",
        resolution="720p",
        reference_images=(linked("product.jpg"),),
    )
    assert body(reference) == json.loads(REFERENCE_BODY)
    assert relaydance.rules(text) == relaydance.rules(reference) == []


@pytest.mark.parametrize("page", [TEXT_BODY, REFERENCE_BODY])
def test_the_pages_bodies_from_the_pages_names(page: str) -> None:
    """A body of the page, passed as keyword arguments exactly as it stands, is sent as it stands."""
    assert body(unfolded(json.loads(page))) == json.loads(page)


@pytest.mark.parametrize("value", [5, 5.0, "5", " 5 "])
@pytest.mark.parametrize("name", ["duration", "seconds"])
def test_seconds_go_out_as_a_string(name: str, value: object) -> None:
    """Under either name and in any spelling of five, `seconds` is the string "5": a number is refused by New API."""
    request = relaydance.Request.model_validate({"prompt": "a paper boat", name: value})
    assert body(request)["seconds"] == "5"


@pytest.mark.parametrize("value", [True, 5.5, "5.5", "long", float("nan"), [5]])
def test_no_duration(value: object) -> None:
    """A bool is not a number, half a second is not whole, and a word is neither."""
    with pytest.raises(ValidationError):
        ask(duration=value)


def test_aliases() -> None:
    """The page's names are known under ours, and both give the same body."""
    names = {page: ours for page, ours in contract.aliases(relaydance.Request).items() if page != ours}
    assert names == {"seconds": "duration", "ratio": "aspect_ratio"}
    assert body(ask(ratio="9:16")) == body(ask(aspect_ratio="9:16"))
    with pytest.raises(ValidationError):
        ask(negative_prompt="blur")


@pytest.mark.parametrize("value", [1, "true", "yes"])
def test_sound_is_true_or_false(value: object) -> None:
    """Anything but True and False is more likely a slip."""
    with pytest.raises(ValidationError):
        ask(generate_audio=value)


def test_nothing_unasked_is_sent() -> None:
    """Only the required model is added; a False that was given is kept, a None is not."""
    assert body(ask()) == {"model": "doubao-seedance-2-0-1080p", "prompt": "a paper boat"}
    assert body(ask(generate_audio=False, resolution=None))["metadata"] == {"generate_audio": False}


def test_everything_has_its_place() -> None:
    """The callback goes into metadata, where the page wants it, and media in an order that keeps @imageN right."""
    request = ask(
        "@image2 beside @image1",
        seed=7,
        callback_url="https://example.com/hook",
        reference_audios=(linked("a.mp3", "audio"),),
        reference_videos=(linked("v.mp4", "video"),),
        reference_images=(linked("1.png"), linked("2.png")),
    )
    sent = body(request)
    assert set(sent) == {"model", "prompt", "metadata"}
    assert sent["metadata"]["seed"] == 7
    assert sent["metadata"]["callback_url"] == "https://example.com/hook"
    assert sent["metadata"]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://example.com/1.png"}, "role": "reference_image"},
        {"type": "image_url", "image_url": {"url": "https://example.com/2.png"}, "role": "reference_image"},
        {"type": "video_url", "video_url": {"url": "https://example.com/v.mp4"}, "role": "reference_video"},
        {"type": "audio_url", "audio_url": {"url": "https://example.com/a.mp3"}, "role": "reference_audio"},
    ]
    assert relaydance.rules(request) == []


def test_frames() -> None:
    """First and last frame go out under their roles, the first one first; data as a data URI."""
    content = body(ask(last_frame=data(), first_frame=linked("1.png")))["metadata"]["content"]
    assert [entry["role"] for entry in content] == ["first_frame", "last_frame"]
    assert content[1]["image_url"] == {"url": "data:image/png;base64,YWJj"}


# ── the page's nesting ────────────────────────────────────────────────────────
def test_an_unknown_name_in_metadata_comes_out_flat() -> None:
    """What nobody knows is neither lost nor sent: it comes out under its name, and the model refuses it there."""
    flat, problems = relaydance.unfold({"prompt": "x", "metadata": {"ratios": "1:1", "watermark": None}})
    assert (flat, problems) == ({"prompt": "x", "ratios": "1:1"}, [])
    with pytest.raises(ValidationError):
        relaydance.Request.model_validate(flat)


def test_unfolding_leaves_flat_names_alone() -> None:
    """Without nesting nothing changes, and the caller's dict is not touched."""
    asked = {"prompt": "x", "seconds": "5", "nonsense": 1, "metadata": None}
    before = dict(asked)
    assert relaydance.unfold(asked) == ({"prompt": "x", "seconds": "5", "nonsense": 1}, [])
    assert asked == before


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/1.png"}, "role": "reference_image"}
FRAME = {**IMAGE, "role": "first_frame"}


def test_every_role_is_unfolded() -> None:
    """All entries of the page and the two frames come out under our names, in their order, flat `content` included."""
    entries = [
        {"type": "audio_url", "audio_url": {"url": "https://example.com/a"}, "role": "reference_audio"},
        {"type": "video_url", "video_url": {"url": "https://example.com/v"}, "role": "reference_video"},
        IMAGE,
        {"type": "image_url", "image_url": {"url": "https://example.com/2.png"}, "role": "reference_image"},
        FRAME,
        {**IMAGE, "role": "last_frame"},
    ]
    expected = {
        "reference_audios": ["https://example.com/a"],
        "reference_videos": ["https://example.com/v"],
        "reference_images": ["https://example.com/1.png", "https://example.com/2.png"],
        "first_frame": "https://example.com/1.png",
        "last_frame": "https://example.com/1.png",
    }
    assert relaydance.unfold({"metadata": {"content": entries}}) == (expected, [])
    assert relaydance.unfold({"content": entries}) == (expected, [])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"resolution": "720p", "metadata": {"resolution": "1080p"}}, ["resolution", "metadata.resolution"]),
        ({"aspect_ratio": "1:1", "metadata": {"ratio": "1:1"}}, ["aspect_ratio", "metadata.ratio"]),
        ({"seconds": "5", "metadata": {"duration": 5}}, ["seconds", "metadata.duration"]),
        ({"metadata": {"ratio": "1:1", "aspect_ratio": "1:1"}}, ["metadata.ratio", "metadata.aspect_ratio"]),
        ({"reference_images": ["x"], "metadata": {"content": [IMAGE]}}, ["reference_images", "metadata.content"]),
        ({"content": [IMAGE], "metadata": {"content": [IMAGE]}}, ["in metadata.content", "as content"]),
    ],
)
def test_given_twice(asked: dict[str, Any], words: list[str]) -> None:
    """The same parameter flat and in metadata, under whichever names, is one problem naming both places."""
    _, problems = relaydance.unfold(asked)
    assert len(problems) == 1
    assert all(word in problems[0].message for word in words)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "https://example.com/1.png",
        {},
        {"type": "", "": {"url": "https://example.com/1.png"}, "role": ""},
        {"type": "text", "text": "a boat"},
        {**IMAGE, "type": "image"},
        {**IMAGE, "role": "reference_video"},
        {**IMAGE, "role": "reference"},
        {**IMAGE, "role": ["reference_image"]},
        {**IMAGE, "weight": 2},
        {**IMAGE, "image_url": {"url": "https://example.com/1.png", "detail": "high"}},
        {**IMAGE, "image_url": "https://example.com/1.png"},
        {**IMAGE, "image_url": {"url": ""}},
        {**IMAGE, "image_url": {"url": 5}},
        {key: value for key, value in IMAGE.items() if key != "role"},
    ],
)
def test_an_entry_of_another_form_is_a_problem(entry: object) -> None:
    """An entry which is not exactly of the page's form is named by its place, and the good ones still come out."""
    flat, problems = relaydance.unfold({"metadata": {"content": [IMAGE, entry]}})
    assert flat == {"reference_images": ["https://example.com/1.png"]}
    assert named(problems) == {"metadata.content[1]"}
    assert "reference_image" in problems[0].message


def test_other_wrong_nesting() -> None:
    """No dict, no list, and two first frames are problems; all of them come at once."""
    assert named(relaydance.unfold({"metadata": "ratio=1:1"})[1]) == {"metadata"}
    assert named(relaydance.unfold({"metadata": {"content": IMAGE}})[1]) == {"metadata.content"}
    twice = {"ratio": "1:1", "metadata": {"ratio": "1:1", "content": [FRAME, dict(FRAME), None]}}
    _, problems = relaydance.unfold(twice)
    assert named(problems) == {"metadata.content[1]", "metadata.content[2]", "aspect_ratio"}


# ── limits ────────────────────────────────────────────────────────────────────
def many(count: int, kind: MediaKind = "image") -> tuple[Medium, ...]:
    return tuple(linked(str(number), kind) for number in range(count))


@pytest.mark.parametrize(
    ("asked", "parameters"),
    [
        ({"prompt": " \n"}, {"prompt"}),
        ({"last_frame": linked("1.png")}, {"last_frame"}),
        ({"first_frame": linked("1.png"), "reference_images": many(1)}, {"first_frame"}),
        ({"first_frame": linked("1.png"), "reference_audios": many(1, "audio")}, {"first_frame"}),
        ({"callback_url": "example.com/hook"}, {"callback_url"}),
        ({"callback_url": "ftp://example.com"}, {"callback_url"}),
        ({"callback_url": "https:///hook"}, {"callback_url"}),
        ({"callback_url": "https://example.com/a b"}, {"callback_url"}),
        ({"callback_url": ""}, {"callback_url"}),
    ],
)
def test_each_limit(asked: dict[str, Any], parameters: set[str]) -> None:
    """Each limit across parameters is found, and names the parameter it is about."""
    assert named(relaydance.rules(ask(**asked))) == parameters


@pytest.mark.parametrize(
    "asked",
    [
        {"reference_images": (data(), Medium("image", url="asset://asset_1"))},
        {"first_frame": linked("1.png"), "last_frame": linked("2.png")},
        {"callback_url": "HTTPS://example.com:8443/hook?x=1"},
        {"model": "seedance-9", "duration": 15, "resolution": "1080p", "aspect_ratio": "32:9"},
    ],
)
def test_what_is_within_the_limits(asked: dict[str, Any]) -> None:
    """What the pages allow, to its last count, is no problem."""
    assert relaydance.rules(ask(**asked)) == []


def test_all_problems_come_at_once() -> None:
    """One look shows everything that is wrong, and each limit says its source, its date and the way past it."""
    wrong = ask(
        "@image12 bows",
        model="seedance-9",
        duration=99,
        callback_url="hook",
        last_frame=linked("1.png"),
        reference_images=many(9),
    )
    problems = relaydance.rules(wrong)
    assert [problem.parameter for problem in problems] == ["prompt", "last_frame", "last_frame", "callback_url"]
    for problem in problems:
        assert "check=False" in problem.message or problem.parameter == "callback_url"


@pytest.mark.parametrize(
    ("prompt", "count", "wrong"),
    [
        ("@image1 and @image2", 2, ""),
        ("让@image1里的人走向@image2", 2, ""),
        ("让@image3里的人", 2, "@image3"),
        ("让＠ｉｍａｇｅ３里的人", 2, "@image3"),
        ("@image0", 1, "@image0"),
        ("@image1@image5", 1, "@image5"),
        ("@Image2", 1, "@image2"),
        ("@image1", 0, "@image1"),
        ("图1@image4，@image2。", 2, "@image4"),
        ("@image99999999999999999999", 9, "@image999999999"),
        ("write to bob@image7.com, or https://example.com/@image8/x", 0, ""),
        ("看https://example.com/@image8里的@image1", 1, ""),
        ("@images, @image, image3, @video2", 0, ""),
    ],
)
def test_images_named_in_the_prompt(prompt: str, count: int, wrong: str) -> None:
    """@imageN must have its image, in Chinese without spaces and in full width too; addresses are not meant."""
    problems = relaydance.rules(ask(prompt, reference_images=many(count)))
    assert named(problems) == ({"prompt"} if wrong else set())
    assert all(f"{wrong}, but" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("name", "kind", "most"), [("images", "image", 9), ("videos", "video", 3), ("audios", "audio", 3)]
)
def test_how_many_references(name: str, kind: MediaKind, most: int) -> None:
    """The page's counts hold to the last one, and a breach says where they are stated."""
    limits = relaydance.MEDIA[f"reference_{name}"]
    assert check(many(most, kind), limits, "references") == []
    (problem,) = check(many(most + 1, kind), limits, "references")
    assert relaydance.PAGE in problem.message


CLEAR: dict[str, Any] = {"resolution": "1080p", "generate_audio": False}  # asks for all that has no documented default


@pytest.mark.parametrize(
    ("asked", "parameters"),
    [
        (CLEAR, []),
        ({}, ["resolution", "generate_audio"]),
        ({"model": "seedance-1-5-pro-no-audio"}, []),
        ({"model": "seedance-9"}, []),
        ({**CLEAR, "seed": 0}, ["seed"]),
        ({**CLEAR, "first_frame": linked("1"), "last_frame": linked("2")}, ["last_frame"]),
        ({**CLEAR, "first_frame": data()}, ["first_frame"]),
        ({**CLEAR, "reference_images": (linked("1"), data())}, ["reference_images"]),
        ({**CLEAR, "reference_audios": many(1, "audio")}, ["reference_audios"]),
        ({**CLEAR, "prompt": "x" * 2000}, []),
        ({**CLEAR, "prompt": "x" * 2001}, ["prompt"]),
        ({**CLEAR, "prompt": "让＠image1里的人", "reference_images": many(1)}, ["prompt"]),
    ],
)
def test_advice(asked: dict[str, Any], parameters: list[str]) -> None:
    """Where RelayDance is silent a person is told, about that parameter and no other."""
    assert [warned.parameter for warned in relaydance.advise(ask(**asked))] == parameters


# ── all of it together ────────────────────────────────────────────────────────
def asked(home: Path, given: dict[str, Any], *, check: bool = True) -> Asked:
    return asking.ask(relaydance, given, origin="https://relaydance.com", home=home, options={}, check=check)


@pytest.mark.parametrize("page", [TEXT_BODY, REFERENCE_BODY])
def test_the_pages_bodies_as_a_person_passes_them(tmp_path: Path, page: str) -> None:
    """The general checks let the page's bodies through as they stand, without a warning, and send them so."""
    result = asked(tmp_path, json.loads(page))
    assert result.call == Call("POST", "/v1/video/generations", json=json.loads(page))
    assert result.warnings == ()


def test_a_person_sees_every_problem_once(tmp_path: Path) -> None:
    """Nesting, unknown names, the model's row, counts and rules are told together, each once."""
    wrong = {
        "prompt": "@image3",
        "duration": 3,
        "style": "noir",
        "callback_url": "hook",
        "reference_videos": ["https://example.com/v.mp4"] * 4,
        "metadata": {"duration": 4, "ratios": "1:1", "content": [{"type": "text", "text": "x"}]},
    }
    with pytest.raises(errors.InvalidRequest) as caught:
        asked(tmp_path, wrong)
    told = [problem.parameter for problem in caught.value.problems]
    assert sorted(told) == sorted(
        ["metadata.content[0]", "duration", "style", "ratios", "prompt", "callback_url", "reference_videos"]
    )


def test_limits_become_warnings(tmp_path: Path) -> None:
    """check=False sends what the limits forbid, and still says so; a wrong form is never sent."""
    beyond = {"prompt": "@image2", "duration": 30, "resolution": "720p", "last_frame": "https://example.com/1.png"}
    result = asked(tmp_path, beyond, check=False)
    assert result.call.json["seconds"] == "30"
    assert {"prompt", "duration", "resolution", "last_frame"} <= {warned.parameter for warned in result.warnings}
    with pytest.raises(errors.InvalidRequest):
        asked(tmp_path, {"prompt": "x", "metadata": {"content": [None]}}, check=False)


# ── anything at all ───────────────────────────────────────────────────────────
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["image_url", "reference_image", "1:1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "role", "url", "image_url", "content", "ratio"]) | st.text(), inner)
    ),
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(["metadata", "content", "ratio", "seconds"]), ANY_JSON))
def test_any_nesting_can_be_unfolded(asked: dict[str, Any]) -> None:
    """Whatever a person passes as metadata gives parameters and problems, never a crash."""
    flat, problems = relaydance.unfold(asked)
    assert all(isinstance(name, str) for name in flat)
    assert all(problem.parameter and problem.message for problem in problems)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(), st.integers(0, 10))
def test_any_prompt_can_be_checked(prompt: str, count: int) -> None:
    """No prompt makes the rules raise."""
    request = ask(prompt, reference_images=many(count))
    relaydance.rules(request)
    relaydance.advise(request)
