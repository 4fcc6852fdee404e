"""AiToEarn, the request: held against the page's schema, which stands beside this file as facts."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgen_nb import asking, errors
from vidgen_nb.asking import Asked
from vidgen_nb.media.limits import check
from vidgen_nb.providers import aitoearn, contract
from vidgen_nb.records import Call, MediaKind, Medium

PAGE = json.loads((Path(__file__).parent / "aitoearn_schema.json").read_text("utf-8"))
EXAMPLES: list[dict[str, Any]] = PAGE["examples"]
HOME = Path("vidgen")  # URLs need none
OURS = {"ratio": "aspect_ratio", "groupId": "group_id"} | {
    f"{kind}s": f"reference_{kind}s" for kind in ("image", "video", "audio")
}


def asked(given: Mapping[str, Any], **control: Any) -> Asked:
    return asking.ask(aitoearn, given, origin="https://aitoearn.cn", home=HOME, options={}, **control)


def plain(**given: Any) -> Asked:
    """A request which asks for all that a model could fill in itself."""
    whole = {"prompt": "a paper boat", "duration": 6, "aspect_ratio": "16:9", "resolution": "720p"}
    control = {"check": given.pop("check")} if "check" in given else {}
    return asked({**whole, **given}, **control)


def problems(given: Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(errors.InvalidRequest) as caught:
        asked(given)
    return {problem.parameter: problem.message for problem in caught.value.problems}


def renamed(body: Mapping[str, Any]) -> dict[str, Any]:
    return {OURS.get(name, name): value for name, value in body.items()}


def wire(body: Mapping[str, Any]) -> str:
    """As JSON text, so that 6 and 6.0 are two things."""
    return json.dumps(body, sort_keys=True, allow_nan=False)


def links(kind: str, count: int) -> list[str]:
    return [f"https://example.com/{kind}/{number}" for number in range(count)]


def data(kind: MediaKind = "image", **facts: Any) -> Medium:
    return Medium(kind, sha256="00", mime="image/png", size=3, read=lambda: b"abc", **facts)


# ── facts ─────────────────────────────────────────────────────────────────────
def test_it_is_a_provider() -> None:
    """The module says all that the contract asks for, and both sites can be chosen."""
    provider: contract.Provider = aitoearn
    assert aitoearn.SITES == {"cn": "https://aitoearn.cn", "intl": "https://aitoearn.ai"}
    assert provider.BASE_URL == "https://aitoearn.cn"
    assert provider.AUTH == ("X-Api-Key", "{key}")
    assert (provider.KEY, provider.BASE) == ("AITOEARN_API_KEY", "AITOEARN_BASE_URL")
    assert all(contract.plain(word) == word for word in provider.STATES)
    words = ("NOT_START", "SUBMITTED", "QUEUED", "InProgress", "UNKNOWN", "SUCCESS", "FAILURE")
    assert {contract.plain(word) for word in words} <= provider.STATES.keys()
    assert aitoearn.REPORTS_PROGRESS is False
    assert "not document" in provider.FAILED_BILLING


def test_the_table_is_the_pages() -> None:
    """Models, resolutions, durations and ratios stand in MODELS as on the page, one row is the default."""
    table = {
        row.name: {
            "resolution": list(row.takes["resolution"]),
            "duration": [min(row.takes["duration"]), max(row.takes["duration"])],
            "ratio": list(row.takes["aspect_ratio"]),
        }
        for row in aitoearn.MODELS
    }
    assert table == PAGE["models"]
    assert list(table) == PAGE["properties"]["model"]["enum"]
    assert [row.name for row in aitoearn.MODELS if row.default] == [next(iter(table))]
    assert list(aitoearn.API_WIDE.takes["resolution"]) == PAGE["properties"]["resolution"]["enum"]


def test_the_media_limits_are_the_pages() -> None:
    """Counts, formats, sizes, lengths and pictures of the references stand in MEDIA as on the page."""
    told = PAGE["references"]
    for name, kind in (("reference_videos", "videos"), ("reference_audios", "audios")):
        limits, facts = aitoearn.MEDIA[name], told[kind]
        assert (limits.max_count, list(limits.formats)) == (facts["most"], facts["formats"])
        assert (list(limits.seconds or ()), limits.total_seconds) == (facts["seconds"], facts["total_seconds"])
        assert limits.max_bytes == facts["megabytes"] * 2**20
        for measure in ("ratio", "width", "pixels", "fps"):
            assert list(getattr(limits, measure) or ()) == facts.get(measure, [])
    assert aitoearn.MEDIA["image"].max_count == aitoearn.MEDIA["reference_images"].max_count
    assert (told["image and images"]["most"], told["all"]["most"]) == (aitoearn.MOST_IMAGES, aitoearn.MOST_REFERENCES)


def test_the_parameters_are_the_pages() -> None:
    """Every parameter of the page is known, under our name and under the page's, and there is no other."""
    assert contract.aliases(aitoearn.Request).keys() == PAGE["properties"].keys() | OURS.values()
    assert {page: ours for page, ours in contract.aliases(aitoearn.Request).items() if page != ours} == OURS
    assert all(field.description for field in aitoearn.Request.model_fields.values())


def test_every_fact_has_its_source() -> None:
    """Each row, each limit and each refusal says where it is stated; refusals name classes of errors."""
    assert all(row.source and row.checked == PAGE["checked"] for row in (*aitoearn.MODELS, aitoearn.API_WIDE))
    assert all(limits.source for limits in aitoearn.MEDIA.values())
    assert len({refusal.code for refusal in aitoearn.REFUSALS}) == len(aitoearn.REFUSALS)
    for refusal in aitoearn.REFUSALS:
        assert refusal.source
        assert issubclass(getattr(errors, refusal.kind), errors.ProviderRefused | errors.InvalidRequest)


# ── the page's schema, and everything it allows ───────────────────────────────
def _shortest(number: float) -> float:
    """A number of seconds as JSON has it: 4.0 is 4."""
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded


@st.composite
def references(draw: st.DrawFn) -> dict[str, Any]:
    """Up to 9 images in `image` and `images`, 3 videos and 3 audios, 12 of all."""
    told = PAGE["references"]
    videos, audios = (draw(st.integers(0, told[kind]["most"])) for kind in ("videos", "audios"))
    images = draw(st.integers(0, min(told["image and images"]["most"], told["all"]["most"] - videos - audios)))
    alone = draw(st.integers(0, images))
    image: object = links("one", alone)
    if alone == 1 and draw(st.booleans()):
        image = "https://example.com/one"
    body = {"image": image, "images": links("image", images - alone)}
    body |= {"videos": links("video", videos), "audios": links("audio", audios)}
    return {name: value for name, value in body.items() if value}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Any body which the page allows."""
    fields = PAGE["properties"]
    model = draw(st.sampled_from(fields["model"]["enum"]))
    limits, most = PAGE["models"][model], fields["prompt"]["maxLength"]
    prompt = draw(st.text(min_size=fields["prompt"]["minLength"], max_size=40))
    if draw(st.integers(0, 9)) == 0:
        prompt = (prompt * most)[:most]
    more = {
        "resolution": st.sampled_from(limits["resolution"]),
        "ratio": st.sampled_from(limits["ratio"]),
        "duration": st.integers(*limits["duration"]) | st.floats(*limits["duration"]).map(_shortest),
        "groupId": st.text(max_size=24),
        "source": st.sampled_from(fields["source"]["enum"]),
    }
    chosen = {name: draw(values) for name, values in more.items() if draw(st.booleans())}
    return {"model": model, "prompt": prompt, **chosen, **draw(references())}


@settings(max_examples=200, derandomize=True, deadline=None)
@given(bodies())
def test_what_the_page_allows_is_sent_as_it_stands(body: dict[str, Any]) -> None:
    """A valid body as keyword arguments comes out equal, types included; from our names it is the same clip."""
    result = asked(body)
    assert (result.call.method, result.call.path, result.call.params) == ("POST", "/api/ai/video/generations", {})
    assert wire(result.call.json) == wire(body)
    ours = asked(renamed(body))
    assert (ours.call, ours.identity) == (result.call, result.identity)
    again = asked(json.loads(json.dumps(result.asked)))  # as the ledger keeps it
    assert (again.call, again.identity) == (result.call, result.identity)


def _beyond(body: dict[str, Any]) -> list[tuple[str, str, object]]:
    """Ways to leave the page's limits: who is to be named, what to set, and to which value."""
    limits, most = PAGE["models"][body["model"]], PAGE["properties"]["prompt"]["maxLength"]
    first, last = limits["duration"]
    everywhere = {value for row in PAGE["models"].values() for value in row["ratio"]}
    others = [("resolution", value) for value in PAGE["properties"]["resolution"]["enum"]]
    others += [("ratio", value) for value in (*everywhere, "adaptive", "2:1", "")]
    return [
        ("prompt", "prompt", ""),
        ("prompt", "prompt", "字" * (most + 1)),
        *((OURS.get(name, name), name, value) for name, value in others if value not in limits[name]),
        *(("duration", "duration", value) for value in (0, -1, first - 1, last + 1, last + 0.5)),
        ("source", "source", "web"),
        ("image", "image", links("one", 10)),
        ("reference_images", "images", links("image", 10)),
        ("reference_videos", "videos", links("video", 4)),
        ("reference_audios", "audios", links("audio", 4)),
    ]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(bodies(), st.data())
def test_what_the_page_does_not_allow_is_refused(body: dict[str, Any], draw: st.DataObject) -> None:
    """One value beyond the limits of the page, in any body, is refused and named; check=False sends a mere limit."""
    parameter, name, value = draw.draw(st.sampled_from(_beyond(body)))
    wrong = {**body, name: value}
    assert parameter in problems(wrong)
    if name != "source":
        relaxed = asked(wrong, check=False)
        assert wire(relaxed.call.json) == wire(wrong)
        assert parameter in {warned.parameter for warned in relaxed.warnings}


@settings(max_examples=100, derandomize=True, deadline=None)
@given(bodies(), st.data())
def test_another_type_is_refused(body: dict[str, Any], draw: st.DataObject) -> None:
    """A value of another type than the page's is no request, and no check=False makes it one."""
    kinds: dict[str, list[object]] = {"string": [7, True, ["x"], {"a": 1}], "number": [True, "long", [6], "nan"]}
    name = draw.draw(st.sampled_from([name for name, fact in PAGE["properties"].items() if fact.get("type") in kinds]))
    value = draw.draw(st.sampled_from(kinds[PAGE["properties"][name]["type"]]))
    for control in ({}, {"check": False}):
        with pytest.raises(errors.InvalidRequest) as caught:
            asked({**body, name: value}, **control)
        assert OURS.get(name, name) in {problem.parameter for problem in caught.value.problems}


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3), st.integers(0, 3))
def test_references_are_counted_together(image: int, images: int, videos: int, audios: int) -> None:
    """Nine images in `image` and `images`, twelve references of all kinds, and no one fewer."""
    told = PAGE["references"]
    body = {"image": links("one", image), "images": links("image", images)}
    body |= {"videos": links("video", videos), "audios": links("audio", audios)}
    wrong = [image + images > told["image and images"]["most"], image + images + videos + audios > told["all"]["most"]]
    if not any(wrong):
        assert len(asked({"prompt": "x", **body}).call.json) == 2 + sum(1 for urls in body.values() if urls)
        return
    with pytest.raises(errors.InvalidRequest) as caught:
        asked({"prompt": "x", **body})
    assert len(caught.value.problems) == sum(wrong)
    assert all("check=False" in problem.message for problem in caught.value.problems)


# ── the body ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("body", EXAMPLES)
@pytest.mark.parametrize("names", [dict, renamed])
def test_the_pages_examples(body: dict[str, Any], names: Callable[..., dict[str, Any]]) -> None:
    """The page's two bodies come out as they stand, from its names and from ours, without a warning."""
    result = asked(names(body))
    assert result.call == Call("POST", "/api/ai/video/generations", json=body)
    assert wire(result.call.json) == wire(body)
    assert result.warnings == ()


def test_known_identities() -> None:
    """Requests of the first release keep their identity for ever."""
    known = {
        "6fe691cea984e06b": asked(EXAMPLES[0]),
        "5d578300026fbba5": asked(EXAMPLES[1]),
        "1c034d2ae928337a": plain(image="https://example.com/a.png", group_id="g", source="plugin"),
    }
    assert [request.identity[:16] for request in known.values()] == list(known)


def test_nothing_unasked_is_sent() -> None:
    """Only the required model is added; an empty list asks for nothing."""
    least = {"model": "seedance-2-fast-beta", "prompt": "x"}
    assert asked({"prompt": "x"}).call.json == least
    assert asked({"prompt": "x", "images": [], "image": [], "ratio": None}).call.json == least


@pytest.mark.parametrize("value", [6, 6.0, "6", " 6 "])
def test_seconds_are_a_number(value: object) -> None:
    """Six seconds in any spelling are the number 6."""
    result = asked({"prompt": "x", "duration": value})
    assert wire(result.call.json) == wire({"model": "seedance-2-fast-beta", "prompt": "x", "duration": 6})


def test_half_a_second() -> None:
    """The page takes a number, the live catalogue lists whole seconds: half a one is for a person to insist on."""
    assert "4 to 15 s" in problems({"prompt": "x", "duration": 15.5})["duration"]
    between = asked({"prompt": "x", "duration": 5.5})
    assert between.call.json["duration"] == 5.5
    assert between.warnings[0].parameter == "duration"


def test_both_forms_of_image_stay_as_they_are() -> None:
    """A server may read one address and a list of one differently, so that neither becomes the other."""
    one, listed = plain(image="https://example.com/a.png"), plain(image=["https://example.com/a.png"])
    assert one.call.json["image"] == "https://example.com/a.png"
    assert listed.call.json["image"] == ["https://example.com/a.png"]
    assert one.identity != listed.identity
    assert plain(image="asset://abc", reference_images="https://example.com/b.png").call.json["images"] == [
        "https://example.com/b.png"
    ]


@pytest.mark.parametrize(
    "value", ["boat.png", "", "ftp://h/a.png", "https://", "https:///a", "https://h/a b", 7, b"x", [7]]
)
def test_image_takes_addresses(value: object) -> None:
    """The page knows addresses only; what is none is named with the way to one."""
    assert "asset-upload" in problems({"prompt": "x", "image": value})["image"]


def test_addresses_are_not_shown() -> None:
    """They may be signed: no repr of a request shows one."""
    request = plain(image="https://h/a?sig=1", reference_images=["https://h/b?sig=2"]).request
    assert "sig=" not in repr(request)


def test_data_is_not_taken() -> None:
    """A local file is a problem which says where to upload it; check=False sends a data URI all the same."""
    kinds: tuple[MediaKind, ...] = ("image", "video", "audio")
    references = {f"reference_{kind}s": [data(kind)] for kind in kinds}
    told = problems({"prompt": "x", **references, "image": data()})
    assert set(told) == {"image", *references}
    assert all("asset-upload" in message for message in told.values())
    assert asked({"prompt": "x", "image": data()}, check=False).call.json["image"] == "data:image/png;base64,YWJj"


@pytest.mark.parametrize("name", ["first_frame", "last_frame", "seed", "negative_prompt", "generate_audio"])
def test_what_the_page_does_not_have(name: str) -> None:
    """The vocabulary's other parameters are no parameters of AiToEarn, and its error says so."""
    assert "no such parameter" in problems({"prompt": "x", name: 1})[name]


def test_an_unlisted_model_is_sent() -> None:
    """The catalogue grows: an unlisted model goes out with a warning, held to what the page says of all."""
    result = asked({"prompt": "x", "model": "seedance-3", "duration": 30, "ratio": "adaptive"})
    assert [warned.parameter for warned in result.warnings] == ["model"]
    assert problems({"prompt": "x", "model": "seedance-3", "resolution": "4k"}).keys() == {"resolution"}


def test_all_problems_come_at_once() -> None:
    """One look shows everything that is wrong, with its source and the way past it."""
    wrong = {"prompt": "", "duration": 7, "resolution": "720p", "ratio": "4:3", "model": "seedance-2-beta-1080p"}
    told = problems({**wrong, "videos": links("video", 4), "images": links("image", 9), "colour": "red"})
    limits = {"prompt", "duration", "resolution", "aspect_ratio", "reference_videos", "reference_images"}
    assert told.keys() == limits | {"colour"}
    assert all("docs.aitoearn.ai" in told[name] and PAGE["checked"] in told[name] for name in limits)


# ── media ─────────────────────────────────────────────────────────────────────
CLIP: dict[str, Any] = {"suffix": ".mp4", "width": 1280, "height": 720, "duration": 5.0, "fps": 24.0}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"suffix": ".mov", "width": 640, "height": 640, "fps": 60.0, "duration": 15.0}, ""),
        ({"suffix": ".webm"}, "mp4, mov"),
        ({"size": 50 * 2**20}, ""),
        ({"size": 50 * 2**20 + 1}, "50 MiB"),
        ({"duration": 1.9}, "2 to 15 s"),
        ({"duration": 15.1}, "2 to 15 s"),
        ({"width": 640, "height": 639}, "409,600"),
        ({"width": 1920, "height": 1088}, "2,086,876"),
        ({"width": 299, "height": 1400}, "300 to 6,000 px"),
        ({"width": 300, "height": 1400}, "0.4"),
        ({"width": 2000, "height": 700}, "2.5"),
        ({"fps": 23.9}, "24 to 60"),
        ({"fps": 61.0}, "24 to 60"),
    ],
)
def test_a_reference_video_of_ones_own(facts: dict[str, Any], words: str) -> None:
    """What probing shows of a clip is held against the page's limits, to their last value."""
    medium = Medium("video", sha256="00", **{"size": 1000, **CLIP, **facts})
    told = check((medium,), aitoearn.MEDIA["reference_videos"], "reference_videos")
    assert words in " ".join(problem.message for problem in told)
    assert bool(told) is bool(words)


def test_references_are_as_long_together_as_one_may_be() -> None:
    """Fifteen seconds hold for the sum too, of clips and of sounds."""
    for name, kind in (("reference_videos", "video"), ("reference_audios", "audio")):
        facts = {**CLIP, "suffix": ".mp3"} if kind == "audio" else CLIP
        one = Medium(kind, sha256="00", **{**facts, "duration": 7.5})  # type: ignore[arg-type]
        assert check((one, one), aitoearn.MEDIA[name], name) == []
        assert ["15 s" in problem.message for problem in check((one,) * 3, aitoearn.MEDIA[name], name)] == [True]


# ── advice ────────────────────────────────────────────────────────────────────
IMAGE = "https://example.com/a.png"


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ({}, []),
        ({"prompt": "a boat -- slowly, state-of-the-art --"}, []),
        ({"prompt": "--dur 5"}, []),
        ({"prompt": "a boat --dur 10"}, ["prompt"]),
        ({"prompt": "纸船\u3000--rt 1:1"}, ["prompt"]),
        ({"prompt": " "}, ["prompt"]),
        ({"prompt": "字" * 4000}, []),
        ({"prompt": "\U0001f6a2" * 2000}, []),
        ({"prompt": "\U0001f6a2" * 2001}, ["prompt"]),
        ({"image": IMAGE}, ["image"]),
        ({"image": [IMAGE]}, []),
        ({"image": IMAGE, "reference_images": [IMAGE]}, []),
        ({"reference_images": [IMAGE]}, []),
        ({"reference_audios": ["https://example.com/a.mp3"]}, ["reference_audios"]),
        ({"reference_audios": ["https://example.com/a.mp3"], "image": [IMAGE]}, []),
        ({"reference_audios": ["https://example.com/a.mp3"], "reference_videos": ["https://h/v.mp4"]}, []),
    ],
)
def test_advice(given: dict[str, Any], parameters: list[str]) -> None:
    """Where the page is silent and the open-source server is not, a person is told, once and about that parameter."""
    assert [warned.parameter for warned in plain(**given).warnings] == parameters


def test_a_command_in_the_prompt_names_what_was_left_to_it() -> None:
    """What was given is safe from a command; what was not could be set by it, and is named."""
    (open_,) = asked({"prompt": "a boat --dur 10", "resolution": "720p"}).warnings
    assert "--dur" in open_.message
    assert "duration, aspect_ratio, a seed" in open_.message
    assert "resolution" not in open_.message
    (closed,) = plain(prompt="a boat --dur 10").warnings
    assert "duration" not in closed.message


# ── anything at all ───────────────────────────────────────────────────────────
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from([*PAGE["properties"], *OURS.values()]), ANY_VALUE))
def test_anything_that_is_given_is_sent_or_refused(given: dict[str, Any]) -> None:
    """Whatever a person passes makes a body of JSON or a list of problems, never a crash."""
    with suppress(errors.InvalidRequest):
        wire(asked({"prompt": "x", **given}, check=False).call.json)
