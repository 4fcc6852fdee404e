"""New API, the request: the page's bodies from its names and from ours, what each channel reads, limits, advice."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgen_nb import asking, errors
from vidgen_nb.asking import Asked
from vidgen_nb.media.limits import check
from vidgen_nb.providers import contract, newapi
from vidgen_nb.records import Medium

# The three bodies of the page, as they stand there.
ASTRONAUT = (
    "https://h2.inkwai.com/bs2/upload-ylab-stunt/se/ai_portal_queue_mmu_image_upscale_aiweb/"
    "3214b798-e1b4-4b00-b7af-72b5b0417420_raw_image_0.jpg"
)
TAIL = "https://h1.inkwai.com/bs2/upload-ylab-stunt/1fa0ac67d8ce6cd55b50d68b967b3a59.png"
VIDU_IMAGE = "https://prod-ss-images.s3.cn-northwest-1.amazonaws.com.cn/vidu-maas/template/image2video.png"
KLING_BODY: dict[str, Any] = {
    "model": "kling-v1",
    "prompt": "一个穿着宇航服的宇航员在月球上行走, 高品质, 电影级",
    "size": "1920x1080",
    "image": ASTRONAUT,
    "duration": 5,
    "metadata": {"seed": 20231234, "negative_prompt": "模糊", "image_tail": TAIL},
}
JIMENG_BODY: dict[str, Any] = {
    "model": "jimeng_vgfm_t2v_l20",
    "prompt": "一个穿着宇航服的宇航员在月球上行走",
    "image": ASTRONAUT,
    "metadata": {"req_key": "jimeng_vgfm_i2v_l20", "image_urls": [ASTRONAUT], "aspect_ratio": "16:9"},
}
VIDU_METADATA = {"movement_amplitude": "auto", "bgm": False, "payload": ""}
VIDU_METADATA |= {"callback_url": "https://your-callback-url.com/webhook"}
VIDU_BODY: dict[str, Any] = {
    "model": "viduq1",
    "prompt": "一个穿着宇航服的宇航员在月球上行走, 高品质, 电影级",
    "size": "1920x1080",
    "image": VIDU_IMAGE,
    "duration": 5,
    "metadata": {"duration": 5, "seed": 0, "resolution": "1080p", **VIDU_METADATA},
}
# The same three in our words.
KLING_OURS: dict[str, Any] = {
    "model": "kling-v1",
    "prompt": KLING_BODY["prompt"],
    "aspect_ratio": "16:9",
    "first_frame": ASTRONAUT,
    "last_frame": TAIL,
    "duration": 5,
    "seed": 20231234,
    "negative_prompt": "模糊",
}
JIMENG_OURS: dict[str, Any] = {
    "model": "jimeng_vgfm_t2v_l20",
    "prompt": JIMENG_BODY["prompt"],
    "first_frame": ASTRONAUT,
    "aspect_ratio": "16:9",
}
VIDU_OURS: dict[str, Any] = {
    "model": "viduq1",
    "prompt": VIDU_BODY["prompt"],
    "size": "1920x1080",
    "first_frame": VIDU_IMAGE,
    "duration": 5,
    "seed": 0,
    "resolution": "1080p",
    "metadata": VIDU_METADATA,
}
URL = "https://example.com/"
MODEL = {
    "kling": "kling-v1",
    "jimeng": "jimeng_v30",
    "vidu": "viduq2",
    "doubao": "doubao-seedance-2-0-260128",
    "sora": "sora-2",
}


def asked(prompt: str = "a boat", *, check: bool = True, **given: Any) -> Asked:
    return asking.ask(
        newapi, {"prompt": prompt, **given}, origin="https://newapi.example.com", home=Path(), options={}, check=check
    )


def body(prompt: str = "a boat", *, check: bool = True, **given: Any) -> dict[str, Any]:
    """The body as it goes out: parsed JSON, types included."""
    call = asked(prompt, check=check, **given).call
    assert (call.method, call.path, dict(call.params)) == ("POST", "/v1/video/generations", {})
    parsed: dict[str, Any] = json.loads(json.dumps(call.json, allow_nan=False))
    return parsed


def problems(prompt: str = "a boat", **given: Any) -> dict[str, str]:
    with pytest.raises(errors.InvalidRequest) as caught:
        asked(prompt, **given)
    told = [problem.parameter for problem in caught.value.problems]
    assert len(told) == len(set(told)), caught.value.problems
    return {problem.parameter: problem.message for problem in caught.value.problems}


def warnings(prompt: str = "a boat", **given: Any) -> dict[str, str]:
    return {warned.parameter: warned.message for warned in asked(prompt, **given).warnings}


def data(size: int = 3) -> Medium:
    """An image given as data."""
    return Medium("image", sha256="00", suffix=".png", mime="image/png", size=size, read=lambda: b"abc")


# ── facts ─────────────────────────────────────────────────────────────────────
def test_it_is_a_provider() -> None:
    """The module says all that the contract asks for; no address and no model are its own."""
    provider: contract.Provider = newapi
    assert (provider.BASE_URL, provider.KEY, provider.BASE) == ("", "NEWAPI_API_KEY", "NEWAPI_BASE_URL")
    assert provider.AUTH == ("Authorization", "Bearer {key}")
    assert not any(row.default for row in provider.MODELS)
    assert all(contract.plain(word) == word for word in provider.STATES)
    assert newapi.SEARCH == ""
    assert "refunds" in provider.FAILED_BILLING


def test_every_fact_has_its_source() -> None:
    """Each row, each limit and each refusal says where it is stated; refusals name classes of errors."""
    rows = (*newapi.MODELS, *newapi.CHANNELS.values())
    assert all(row.source and row.checked == "2026-11-20" for row in rows)
    assert all(limits.source for row in rows for limits in row.media.values())
    assert len({row.name for row in rows}) == len(rows)
    for refusal in newapi.REFUSALS:
        assert refusal.source
        assert issubclass(getattr(errors, refusal.kind), (errors.ProviderRefused, errors.InvalidRequest))


@pytest.mark.parametrize("row", newapi.MODELS, ids=lambda row: row.name)
def test_a_row_only_narrows_its_channel(row: contract.Model) -> None:
    """A model takes nothing that its channel does not hand on, and limits only what it takes."""
    channel = newapi.CHANNELS[newapi.channel_of(row.name)]
    assert row.lacks >= channel.lacks
    assert not row.lacks & row.takes.keys()
    for name, values in channel.takes.items():
        mine = row.takes[name]
        assert mine == values or all(value in values for value in mine), name


@pytest.mark.parametrize(
    ("model", "channel", "found"),
    [
        ("kling-v1", None, "kling"),
        ("Kling-V9", None, "kling"),
        ("jimeng_v30_1080p", None, "jimeng"),
        ("viduq3", None, "vidu"),
        ("doubao-seedance-3-0", None, "doubao"),
        ("doubao-seed-2-0", None, ""),
        ("sora-2-pro", None, "sora"),
        ("veo-3", None, ""),
        ("my-kling", None, ""),
        ("my-kling", "kling", "kling"),
        ("kling-v1", "sora", "sora"),
        (None, None, ""),
        (5, ["kling"], ""),
    ],
)
def test_channels(model: object, channel: object, found: str) -> None:
    """A channel is what was said, else what the model's name begins with, else unknown."""
    assert newapi.channel_of(model, channel) == found


# ── the page's bodies ─────────────────────────────────────────────────────────
@pytest.mark.parametrize("page", [KLING_BODY, JIMENG_BODY, VIDU_BODY], ids=["kling", "jimeng", "vidu"])
def test_the_pages_bodies_as_they_stand(page: dict[str, Any]) -> None:
    """A body of the page, passed as keyword arguments exactly as it stands, is sent as it stands."""
    assert body(**page) == page


@pytest.mark.parametrize(
    ("page", "ours"),
    [(KLING_BODY, KLING_OURS), (JIMENG_BODY, JIMENG_OURS), (VIDU_BODY, VIDU_OURS)],
    ids=["kling", "jimeng", "vidu"],
)
def test_the_pages_bodies_in_our_words(page: dict[str, Any], ours: dict[str, Any]) -> None:
    """Our vocabulary gives the page's bodies, equal as parsed JSON; what only the vendor knows stays in metadata."""
    assert body(**ours) == page
    floats: dict[str, Any] = {name: float(value) if type(value) is int else value for name, value in ours.items()}
    sent = body(**floats)
    assert sent == page
    assert "5.0" not in json.dumps(sent)


def test_both_ways_to_say_it_are_one_clip() -> None:
    """What metadata holds of the common vocabulary counts as said in it, so that it is the same clip."""
    ours = asked(**{**KLING_OURS, "size": "1920x1080", "aspect_ratio": None})
    assert asked(**KLING_BODY).identity == ours.identity
    assert asked(**VIDU_BODY).identity == asked(**VIDU_OURS).identity


def test_the_pages_own_parameters() -> None:
    """fps, width, height, n, user and response_format go out at top level, each with a warning that it does nothing."""
    own: dict[str, Any] = {"fps": 24, "width": 1280, "height": 720, "n": 2, "user": "u-1", "response_format": "url"}
    sent = body(model="kling-v1", size="1280x720", **own)
    assert {name: sent[name] for name in own} == own
    told = warnings(model="kling-v1", size="1280x720", **own)
    assert set(own) <= told.keys()
    assert all("ignores" in told[name] for name in own)
    assert "one clip" in told["n"]
    assert "hands it on" in warnings(model="sora-2", n=2)["n"]


# ── five seconds of 16:9 ──────────────────────────────────────────────────────
FIVE: dict[str, dict[str, Any]] = {
    "kling": {"size": "1920x1080", "duration": 5},
    "jimeng": {"duration": 5, "metadata": {"aspect_ratio": "16:9"}},
    "vidu": {"duration": 5, "metadata": {"duration": 5, "aspect_ratio": "16:9"}},
    "doubao": {"metadata": {"duration": 5, "ratio": "16:9"}},
    "sora": {"seconds": "5", "size": "1280x720"},
}


@pytest.mark.parametrize("channel", FIVE)
@pytest.mark.parametrize("five", [5, 5.0, "5"])
def test_five_seconds_of_16_to_9(channel: str, five: object) -> None:
    """The same words are the same clip on every channel, in the types that its code decodes; a float never goes out."""
    model = MODEL[channel]
    expected = {"model": model, "prompt": "a boat", **FIVE[channel]}
    for name in ("duration", "seconds"):
        given: dict[str, Any] = {name: five}
        sent = body(model=model, aspect_ratio="16:9", **given)
        assert sent == expected
        assert "5.0" not in json.dumps(sent)


def test_a_channel_may_be_said() -> None:
    """`channel` decides over the name, for any model, and is never sent."""
    for channel, expected in FIVE.items():
        sent = body(model="gateway-own-name", channel=channel, duration=5, aspect_ratio="16:9")
        assert sent == {"model": "gateway-own-name", "prompt": "a boat", **expected}
    assert body(model="kling-v1", channel="sora", duration=5)["seconds"] == "5"
    assert "channel" in problems(model="kling-v1", channel="veo")
    assert set(problems(model="kling-v1", channel="doubao", size="1280x720")) == {"size"}


def test_the_length_is_said_where_it_is_read() -> None:
    """Automatic length exists on doubao alone, in metadata; elsewhere it is refused, as are lengths nobody makes."""
    assert body(model="doubao-seedance-2-0-260128", duration=-1)["metadata"] == {"duration": -1}
    for model in ("kling-v1", "kling-v9", "jimeng_v30", "viduq2", "viduq9", "sora-2"):
        assert "duration" in problems(model=model, duration=-1)
        assert "duration" in problems(model=model, duration=3601)
    assert "5 s or 10 s" in problems(model="jimeng_v30", duration=6)["duration"]
    assert body(model="jimeng_v30", duration=10)["duration"] == 10
    assert "5 s or 10 s" in problems(model="kling-v1", duration=7)["duration"]
    assert body(model="kling-v9", duration=7)["duration"] == 7


@pytest.mark.parametrize("value", [True, 5.5, "5.5", "long", float("nan"), [5]])
def test_no_duration(value: object) -> None:
    """A bool is not a number, half a second is not whole, and a word is neither."""
    assert "duration" in problems(model="kling-v1", duration=value)


@pytest.mark.parametrize(
    ("channel", "ratio", "sent"),
    [
        ("kling", "9:16", {"size": "1080x1920"}),
        ("kling", "1:1", {"size": "1024x1024"}),
        ("jimeng", "21:9", {"metadata": {"aspect_ratio": "21:9"}}),
        ("doubao", "21:9", {"metadata": {"ratio": "21:9"}}),
        ("sora", "9:16", {"size": "720x1280"}),
        ("kling", "4:3", None),
        ("vidu", "9:16", None),
        ("doubao", "2:1", None),
        ("sora", "1:1", None),
    ],
)
def test_ratios(channel: str, ratio: str, sent: dict[str, Any] | None) -> None:
    """A ratio goes where the channel reads it; one which it cannot be told is a problem that names what it takes."""
    if sent is None:
        told = problems(model=MODEL[channel], aspect_ratio=ratio)
        assert set(told) == {"aspect_ratio"}
        assert "16:9" in told["aspect_ratio"]
        assert "check=False" in told["aspect_ratio"]
    else:
        assert body(model=MODEL[channel], aspect_ratio=ratio) == {"model": MODEL[channel], "prompt": "a boat", **sent}


def test_sizes() -> None:
    """`size` is a shape for kling and sora, a resolution for vidu, and nothing for the others."""
    assert body(model="kling-v1", size="512x512")["size"] == "512x512"
    assert "1920x1080" in problems(model="kling-v1", size="1600x900")["size"]
    assert "9:16" in problems(model="kling-v1", size="1280x720", aspect_ratio="9:16")["size"]
    both = body(model="kling-v1", size="1280x720", aspect_ratio="16:9")
    assert (both["size"], both["metadata"]) == ("1280x720", {"aspect_ratio": "16:9"})
    assert body(model="sora-2-pro", size="1792x1024")["size"] == "1792x1024"
    assert "720x1280" in problems(model="sora-2", size="1792x1024")["size"]
    sora = body(model="sora-2", size="1280x720", aspect_ratio="16:9", resolution="720p")
    assert (sora["size"], sora.get("metadata")) == ("1280x720", None)  # both its sizes are 720p
    assert "size" in problems(model="sora-2", size="1280x720", aspect_ratio="9:16")
    assert "resolution" in problems(model="viduq2", size="1920x1080")["size"]
    assert body(model="viduq2", size="1080p")["size"] == "1080p"
    for model in ("jimeng_v30", "doubao-seedance-2-0-260128"):
        assert "does not take it" in problems(model=model, size="1280x720")["size"]


@pytest.mark.parametrize(
    ("channel", "lacking"),
    [
        ("kling", {"resolution", "generate_audio", "reference_images", "reference_videos", "reference_audios"}),
        ("jimeng", {"resolution", "negative_prompt", "generate_audio", "reference_images"}),
        ("vidu", {"negative_prompt", "generate_audio", "reference_videos", "reference_audios"}),
        ("doubao", {"negative_prompt"}),
        ("sora", {"negative_prompt", "generate_audio", "first_frame", "reference_images"}),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_what_a_channel_cannot_be_told(channel: str, lacking: set[str], listed: bool) -> None:
    """What a channel drops in silence is a problem, each named, with what it takes; so for a model nobody listed."""
    everything: dict[str, Any] = {
        "resolution": "720p",
        "negative_prompt": "blur",
        "generate_audio": True,
        "reference_images": [URL + "1.png"],
        "reference_videos": [URL + "1.mp4"],
        "reference_audios": [URL + "1.mp3"],
        "first_frame": URL + "0.png",
    }
    asked = {"model": MODEL[channel]} if listed else {"model": "its-name", "channel": channel}
    asked |= {name: everything[name] for name in lacking}
    told = problems(**asked)
    assert set(told) == lacking
    assert all("does not take it" in message and "reads duration, " in message for message in told.values())
    sent = json.dumps(body(**asked, check=False))
    assert all(json.dumps(everything[name]).strip("[]") in sent for name in lacking)  # check=False sends it anyway


def test_the_rest_of_the_vocabulary() -> None:
    """Seed, resolution, sound and the negative prompt stand in metadata, typed as they are decoded."""
    assert body(model="doubao-seedance-2-0-260128", resolution="4k", generate_audio=False, seed="7")["metadata"] == {
        "resolution": "4k",
        "generate_audio": False,
        "seed": 7,
    }
    assert body(model="viduq2", resolution="540p", seed=0)["metadata"] == {"resolution": "540p", "seed": 0}
    assert body(model="kling-v1", negative_prompt="blur")["metadata"] == {"negative_prompt": "blur"}
    assert body(model="jimeng_v30", seed=-1)["metadata"] == {"seed": -1}
    assert "seed" in problems(model="doubao-seedance-2-0-260128", seed=2**32)
    assert "resolution" in problems(model="doubao-seedance-2-0-fast-260128", resolution="1080p")
    assert "generate_audio" in problems(model="doubao-seedance-1-0-pro-250528", generate_audio=True)


@pytest.mark.parametrize("channel", MODEL)
def test_a_seed_goes_into_metadata(channel: str) -> None:
    """Top-level seed is ignored by New API, so it stands in metadata; where that is dropped too, a person is told."""
    sent = body(model=MODEL[channel], seed=7)
    assert sent["metadata"]["seed"] == 7
    assert "seed" not in sent
    assert ("seed" in warnings(model=MODEL[channel], seed=7)) == (channel in {"kling", "sora"})


# ── media ─────────────────────────────────────────────────────────────────────
FIRST, LAST = URL + "first.png", URL + "last.png"


def entry(role: str, url: str, kind: str = "image_url") -> dict[str, Any]:
    return {"type": kind, kind: {"url": url}, "role": role}


def test_frames() -> None:
    """First and last frame go out as each channel takes them."""
    both: dict[str, Any] = {"first_frame": FIRST, "last_frame": LAST}
    kling = body(model="kling-v1", **both)
    assert (kling["image"], kling["metadata"]) == (FIRST, {"image_tail": LAST})
    for model in ("jimeng_v30", "viduq2"):
        assert body(model=model, **both) == {"model": model, "prompt": "a boat", "images": [FIRST, LAST]}
    content = [entry("first_frame", FIRST), entry("last_frame", LAST)]
    assert body(model="doubao-seedance-2-0-260128", **both)["metadata"] == {"content": content}
    assert body(model="viduq2", first_frame=FIRST)["image"] == FIRST
    assert body(model="doubao-seedance-1-0-pro-250528", image=FIRST)["metadata"] == {"content": content[:1]}


def test_references() -> None:
    """Vidu is told that images are references, whatever their number; doubao takes all kinds, with their roles."""
    one, two = URL + "1.png", URL + "2.png"
    for images in ([one], [one, two], [one, two, FIRST]):
        sent = body(model="viduq2", reference_images=images)
        assert (sent["images"], sent["metadata"]) == (images, {"action": "referenceGenerate"})
        assert "image" not in sent
    sent = body(
        model="doubao-seedance-2-0-260128",
        reference_audios=[URL + "1.mp3"],
        reference_videos=["asset://v"],
        reference_images=[one, two],
    )
    assert set(sent) == {"model", "prompt", "metadata"}
    assert sent["metadata"]["content"] == [
        entry("reference_image", one),
        entry("reference_image", two),
        entry("reference_video", "asset://v", "video_url"),
        entry("reference_audio", URL + "1.mp3", "audio_url"),
    ]


def test_data_in_each_channels_form() -> None:
    """Kling and Jimeng want bare base64, Vidu and Ark a data URI; nothing else than images is taken as data."""
    assert body(model="kling-v1", first_frame=data(), last_frame=data()) == {
        "model": "kling-v1",
        "prompt": "a boat",
        "image": "YWJj",
        "metadata": {"image_tail": "YWJj"},
    }
    assert body(model="jimeng_v30", first_frame=data(), last_frame=data())["images"] == ["YWJj", "YWJj"]
    text_model = body(model="jimeng_vgfm_t2v_l20", first_frame=data())
    assert (text_model["image"], text_model["metadata"]) == ("YWJj", {"req_key": "jimeng_vgfm_i2v_l20"})
    uri = "data:image/png;base64,YWJj"
    assert body(model="viduq2", first_frame=data())["image"] == uri
    content = body(model="doubao-seedance-2-0-260128", reference_images=[data()])["metadata"]["content"]
    assert content == [entry("reference_image", uri)]
    sound = Medium("audio", sha256="00", suffix=".mp3", mime="audio/mpeg", size=3, read=lambda: b"abc")
    assert "reference_audios" in problems(
        model="doubao-seedance-2-0-260128", reference_images=[FIRST], reference_audios=[sound]
    )


def test_bare_base64_as_on_the_page() -> None:
    """The page takes Base64 for `image`: such a string is the picture, not the name of a file."""
    import base64
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.effect_noise((320, 320), 50).save(file, "PNG")
    bare = base64.b64encode(file.getvalue()).decode()
    assert body(model="kling-v1", image=bare, metadata={"image_tail": bare}) == {
        "model": "kling-v1",
        "prompt": "a boat",
        "image": bare,
        "metadata": {"image_tail": bare},
    }
    assert body(model="viduq2", image=bare)["image"] == f"data:image/png;base64,{bare}"


@pytest.mark.parametrize(
    ("asked", "parameters"),
    [
        ({"model": "viduq2", "last_frame": LAST}, {"last_frame"}),
        ({"model": "jimeng_v30", "last_frame": LAST}, {"last_frame"}),
        ({"model": "doubao-seedance-2-0-260128", "last_frame": LAST}, {"last_frame"}),
        ({"model": "kling-v1", "last_frame": LAST}, set()),
        ({"model": "jimeng_vgfm_i2v_l20", "first_frame": FIRST, "last_frame": LAST}, {"last_frame"}),
        ({"model": "jimeng_s20", "first_frame": FIRST, "last_frame": LAST}, {"last_frame"}),
        ({"model": "jimeng_v30_1080p", "first_frame": FIRST, "last_frame": LAST}, set()),
        ({"model": "jimeng_v30", "first_frame": FIRST, "last_frame": data()}, {"last_frame"}),
        ({"model": "jimeng_v30", "first_frame": data(4_911_104)}, set()),
        ({"model": "jimeng_v30", "first_frame": data(4_911_105)}, {"first_frame"}),
        ({"model": "jimeng_v31", "first_frame": data(4_911_104)}, set()),
        ({"model": "jimeng_v31", "first_frame": data(4_911_105)}, {"first_frame"}),
        ({"model": "kling-v1", "first_frame": "asset://a"}, {"first_frame"}),
        ({"model": "jimeng_v30", "first_frame": "asset://a"}, {"first_frame"}),
        ({"model": "doubao-seedance-2-0-260128", "first_frame": "asset://a"}, set()),
        ({"model": "viduq2", "first_frame": FIRST, "reference_images": [LAST]}, {"first_frame"}),
        ({"model": "doubao-seedance-2-0-260128", "first_frame": FIRST, "reference_images": [LAST]}, {"first_frame"}),
        ({"model": "viduq2", "reference_images": [FIRST] * 7}, set()),
        ({"model": "viduq2", "reference_images": [FIRST] * 8}, {"reference_images"}),
        ({"model": "viduq9", "reference_images": [FIRST] * 8}, {"reference_images"}),
        ({"model": "vidu2.0", "reference_images": [FIRST] * 4}, {"reference_images"}),
        ({"model": "doubao-seedance-2-0-260128", "reference_images": [FIRST] * 10}, {"reference_images"}),
        ({"model": "doubao-seedance-1-0-lite-i2v", "reference_images": [FIRST] * 5}, {"reference_images"}),
        ({"model": "doubao-seedance-1-5-pro-251215", "reference_images": [FIRST]}, {"reference_images"}),
        ({"model": "doubao-seedance-1-0-lite-t2v", "first_frame": FIRST}, {"first_frame"}),
        ({"prompt": " \n", "model": "kling-v1", "first_frame": FIRST}, {"prompt"}),
        ({"prompt": "x" * 2500, "model": "kling-v1"}, set()),
        ({"prompt": "x" * 2501, "model": "kling-v1"}, {"prompt"}),
        ({"model": "kling-v1", "negative_prompt": "x" * 2501}, {"negative_prompt"}),
        ({"prompt": "x" * 2001, "model": "viduq2"}, {"prompt"}),
        ({"prompt": "x" * 9999, "model": "sora-2"}, set()),
    ],
)
def test_each_limit(asked: dict[str, Any], parameters: set[str]) -> None:
    """Each limit holds to the last value within it, and names its parameter."""
    if parameters:
        assert set(problems(**asked)) == parameters
    else:
        body(**asked)


def test_limits_on_media_are_data() -> None:
    """Kling's and Vidu's limits on pictures stand in the rows, so that the general checks hold them."""
    row = contract.model_row(newapi, "kling-v1")
    assert row is not None
    wrong = Medium("image", sha256="0", suffix=".webp", mime="image/webp", size=11 * 2**20, width=900, height=300)
    assert len(check(wrong, row.media["first_frame"], "first_frame")) == 3


# ── metadata ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("model", "metadata", "expected"),
    [
        ("kling-v1", {"duration": "10", "mode": "pro"}, {"duration": 10, "metadata": {"mode": "pro"}}),
        ("kling-v1", {"aspect_ratio": "9:16", "cfg_scale": 1}, {"size": "1080x1920", "metadata": {"cfg_scale": 1}}),
        ("jimeng_v30", {"frames": 241, "seed": 3}, {"metadata": {"frames": 241, "seed": 3}}),
        ("viduq2", {"duration": 8.0}, {"duration": 8, "metadata": {"duration": 8}}),
        ("kling-v1", {"cfg_scale": np.float32(0.5)}, {"metadata": {"cfg_scale": 0.5}}),
        ("jimeng_v30", {"frames": np.int64(241)}, {"metadata": {"frames": 241}}),
        ("doubao-seedance-2-0-260128", {"aspect_ratio": "1:1"}, {"metadata": {"ratio": "1:1"}}),
        ("doubao-seedance-2-0-260128", {"watermark": "true"}, {"metadata": {"watermark": "true"}}),
        ("doubao-seedance-2-0-260128", {"tools": [{"type": "web_search"}], "seed": None}, {}),
        ("sora-2", {"anything": {"at": [1.5, None]}}, {"metadata": {"anything": {"at": [1.5, None]}}}),
    ],
)
def test_metadata_is_the_vendors(model: str, metadata: dict[str, Any], expected: dict[str, Any]) -> None:
    """What metadata holds of our vocabulary goes where the channel reads it, in its type; the rest stays as it came."""
    expected = expected or {"metadata": {"tools": [{"type": "web_search"}]}}
    assert body(model=model, metadata=metadata) == {"model": model, "prompt": "a boat", **expected}


@pytest.mark.parametrize(
    ("asked", "parameter", "words"),
    [
        (
            {"duration": 5, "metadata": {"duration": 10}},
            "duration",
            "given twice, as duration and as metadata.duration",
        ),
        ({"seconds": "5", "metadata": {"duration": 10}}, "duration", "given twice, as seconds"),
        ({"image_tail": LAST, "metadata": {"image_tail": FIRST}}, "last_frame", "given twice"),
        ({"metadata": {"ratio": "1:1", "aspect_ratio": "9:16"}}, "aspect_ratio", "given twice"),
        ({"metadata": "seed=1"}, "metadata", "takes a dict"),
        ({"metadata": [1]}, "metadata", "takes a dict"),
        ({"metadata": {"mode": float("nan")}}, "metadata", "JSON values"),
        ({"metadata": {"mode": Path("boat.png")}}, "metadata", "JSON values"),
        ({"metadata": {"dynamic_masks": np.zeros((2, 2))}}, "metadata", "JSON values"),
        ({"metadata": {1: 2}}, "metadata", "JSON values"),
        ({"metadata": {"mode": True}}, "metadata", "mode takes text"),
        ({"metadata": {"cfg_scale": "0.5"}}, "metadata", "cfg_scale takes a number"),
        ({"metadata": {"cfg_scale": True}}, "metadata", "cfg_scale takes a number"),
        ({"metadata": {"dynamic_masks": {}}}, "metadata", "dynamic_masks takes a list"),
        ({"metadata": {"camera_control": "zoom"}}, "metadata", "camera_control takes a dict"),
        ({"model": "viduq2", "metadata": {"bgm": 1}}, "metadata", "bgm takes True or False"),
        ({"model": "jimeng_v30", "metadata": {"frames": "241"}}, "metadata", "frames takes a whole number"),
        ({"model": "jimeng_v30", "duration": 5, "metadata": {"frames": 241}}, "metadata", "keep one"),
        (
            {"model": "viduq2", "reference_images": [FIRST], "metadata": {"action": "generate"}},
            "metadata",
            "action is given twice",
        ),
        (
            {"model": MODEL["doubao"], "first_frame": FIRST, "metadata": {"content": []}},
            "metadata",
            "content is given twice",
        ),
    ],
)
def test_metadata_that_would_be_lost(asked: dict[str, Any], parameter: str, words: str) -> None:
    """A value said twice, no JSON, or of a type at which the gateway gives up is a problem, found here."""
    told = problems(**{"model": "kling-v1", **asked})
    assert set(told) == {parameter}
    assert words in told[parameter]


def test_a_callers_req_key_stands() -> None:
    """Who names Jimeng's own model is not overruled."""
    sent = body(model="jimeng_vgfm_t2v_l20", first_frame=FIRST, metadata={"req_key": "jimeng_vgfm_i2v_l21"})
    assert sent["metadata"] == {"req_key": "jimeng_vgfm_i2v_l21"}


# ── a model nobody knows ──────────────────────────────────────────────────────
def test_an_unknown_model_needs_a_channel() -> None:
    """Without a channel nobody knows where a field is read: a problem names the five."""
    told = problems(model="veo-3", duration=5)
    assert set(told) == {"channel"}
    assert "kling, jimeng, vidu, doubao or sora" in told["channel"]
    assert set(problems(duration=5)) == {"model"}


def test_an_unknown_model_as_documented() -> None:
    """check=False sends the page's fields as they are, the rest in metadata, and says what is not known."""
    given: dict[str, Any] = {
        "model": "veo-3",
        "duration": 5.0,
        "size": "1280x720",
        "image": FIRST,
        "fps": 24,
        "n": 1,
        "seed": 7,
        "metadata": {"negative_prompt": "blur", "duration": 5.0},
    }
    assert body(**given, check=False) == {
        **{name: given[name] for name in ("model", "size", "image", "fps", "n")},
        "prompt": "a boat",
        "duration": 5,
        "metadata": {"seed": 7, "negative_prompt": "blur", "duration": 5},
    }
    told = {warned.parameter for warned in asked(**given, check=False).warnings}
    assert told == {"channel", "model", "fps", "n"}
    media = body(model="veo-3", last_frame=data(), reference_images=[FIRST], reference_videos=[URL], check=False)
    assert (media["images"], media["metadata"]["image_tail"]) == ([FIRST], "data:image/png;base64,YWJj")
    assert media["metadata"]["content"] == [entry("reference_video", URL, "video_url")]


def test_limits_become_warnings() -> None:
    """check=False sends what the limits forbid, as well as it can be said, and still tells."""
    beyond = asked(model="kling-v1", aspect_ratio="4:3", duration=7, resolution="720p", check=False)
    assert beyond.call.json["metadata"] == {"aspect_ratio": "4:3", "resolution": "720p"}
    assert beyond.call.json["duration"] == 7
    assert {"aspect_ratio", "duration", "resolution"} <= {warned.parameter for warned in beyond.warnings}
    assert body(model="sora-2", aspect_ratio="1:1", check=False)["metadata"] == {"aspect_ratio": "1:1"}


def test_all_problems_at_once() -> None:
    """Names, types, the row and the rules are told together, each once, each with source, date and way out."""
    told = problems(
        " ", model="viduq2", duration=11, aspect_ratio="4:3", negative_prompt="x", styl="noir", last_frame=LAST, n=1.5
    )
    assert set(told) == {"prompt", "duration", "aspect_ratio", "negative_prompt", "styl", "last_frame", "n"}
    for name in ("prompt", "duration", "aspect_ratio", "negative_prompt", "last_frame"):
        assert "checked 2026-11-20; check=False" in told[name]


# ── advice ────────────────────────────────────────────────────────────────────
CLEAR = {"model": "doubao-seedance-2-0-260128", "generate_audio": False}


@pytest.mark.parametrize(
    ("asked", "parameters"),
    [
        (KLING_BODY, ["seed"]),
        (JIMENG_BODY, []),
        (VIDU_BODY, ["metadata"]),
        ({"model": "kling-v1"}, ["aspect_ratio"]),
        ({"model": "kling-v1", "size": "512x512"}, []),
        ({"model": "kling-v1", "image": FIRST}, []),
        ({"model": "kling-v9", "aspect_ratio": "1:1"}, ["channel", "model"]),
        ({"model": "my-kling", "channel": "kling", "aspect_ratio": "1:1"}, ["model"]),
        ({"model": "viduq2"}, ["resolution"]),
        ({"model": "viduq2", "resolution": "720p", "aspect_ratio": "16:9"}, ["aspect_ratio"]),
        (CLEAR, []),
        ({"model": "doubao-seedance-2-0-260128"}, ["generate_audio"]),
        ({"model": "doubao-seedance-1-0-pro-250528"}, []),
        ({**CLEAR, "reference_audios": [URL]}, ["reference_audios"]),
        ({**CLEAR, "reference_audios": [URL], "reference_images": [URL]}, []),
        ({"model": "sora-2", "duration": 8}, []),
        ({"model": "sora-2", "duration": 5}, ["duration"]),
        ({"model": "sora-2", "metadata": {"style": "noir"}}, []),
        ({"model": "jimeng_v30", "metadata": {"style": "noir"}}, ["metadata"]),
    ],
)
def test_advice(asked: dict[str, Any], parameters: list[str]) -> None:
    """What the gateway does in silence is said before paying, about that parameter and no other."""
    assert list(warnings(**asked)) == parameters


def test_advice_says_what_happens() -> None:
    """The words say what comes of it: a square clip, Vidu's default, a name that is dropped."""
    assert "1:1" in warnings(model="kling-v1")["aspect_ratio"]
    assert "default is 16:9" in warnings(model="viduq2", aspect_ratio="16:9")["aspect_ratio"]
    assert "first_frame" in warnings(model="viduq2", aspect_ratio="16:9", image=FIRST)["aspect_ratio"]
    assert "style" in warnings(model="jimeng_v30", metadata={"style": "noir"})["metadata"]


# ── anything at all ───────────────────────────────────────────────────────────
NAMES = st.sampled_from([*contract.aliases(newapi.Request), "style", "req_key", "mode", "frames", "bgm", "content"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["16:9", "5", FIRST, "720p"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
MODELS = st.none() | st.sampled_from([*MODEL.values(), "kling-v9", "veo-3"])


@settings(max_examples=300, derandomize=True, deadline=None)
@given(MODELS, st.dictionaries(NAMES, VALUES, max_size=5), VALUES, st.booleans())
def test_anything_is_a_request_or_a_list_of_problems(
    model: str | None, given: dict[str, Any], metadata: Any, check: bool
) -> None:
    """Whatever a person passes gives a body of JSON without a float duration, or problems: never a crash."""
    with contextlib.suppress(errors.InvalidRequest):
        call = asked(**{"prompt": "a boat", **given, "model": model, "metadata": metadata, "check": check}).call
        sent = json.loads(json.dumps(call.json, allow_nan=False))
        assert "channel" not in sent
        assert type(sent.get("duration", 0)) is int
        assert isinstance(sent.get("seconds", ""), str)
