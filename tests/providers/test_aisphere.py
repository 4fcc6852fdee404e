"""AiSphere, the request: the page's form from our names and from its own, the matrix of models, limits and advice."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vidgen_nb import asking, errors
from vidgen_nb.asking import Asked
from vidgen_nb.providers import aisphere, contract
from vidgen_nb.records import Call, Medium

# The body of the page's example, as it stands there, and the types it states for the flat fields.
PAGE_BODY = """{
    "image": {
      "imageUrl": "string"
    },
    "prompt": "string",
    "model": "string",
    "_action": "string",
    "headtailImages": {},
    "characterImages": [
      {
        "imageUrl": "string",
        "type": "string",
        "refName": "string"
      }
    ]
  }"""
PAGE_TYPES: dict[str, type] = {
    "duration": int,
    "prompt": str,
    "resolution": str,
    "model": str,
    "_action": str,
    "seed": int,
    "negativePrompt": str,
    "motionMode": str,
    "style": str,
    "soundEffectSwitch": bool,
    "soundEffectContent": str,
    "cameraMovement": str,
    "generateAudioSwitch": bool,
    "generateMultiClipSwitch": bool,
    "thinkingType": str,
}
FIRST, LAST = "https://example.com/first.png", "https://example.com/last.png"

# One body for each mode, in the page's form, with values of our own: the page has placeholders only.
IMAGE_BODY: dict[str, Any] = {
    "image": {"imageUrl": FIRST},
    "prompt": "a paper boat in the rain",
    "model": "aisphere-v5.5",
    "_action": "i2v",
    "duration": 10,
    "resolution": "720p",
    "seed": 0,
    "negativePrompt": "blur",
    "motionMode": "normal",
    "style": "normal",
    "generateAudioSwitch": False,
    "generateMultiClipSwitch": True,
    "thinkingType": "auto",
}
HEADTAIL_BODY: dict[str, Any] = {
    "headtailImages": {"head": {"imageUrl": FIRST}, "tail": {"imageUrl": LAST}},
    "prompt": "the boat turns into a bird",
    "model": "aisphere-v5",
    "_action": "i2v",
    "duration": 8,
    "resolution": "540p",
    "soundEffectSwitch": True,
    "soundEffectContent": "鸟鸣",
}
CHARACTER_BODY: dict[str, Any] = {
    "characterImages": [
        {"imageUrl": FIRST, "type": "subject", "refName": "cat"},
        {"imageUrl": LAST, "type": "background", "refName": "old town"},
    ],
    "prompt": "@cat walks through @old town",
    "model": "aisphere-v4.5",
    "_action": "i2v",
    "duration": 5,
    "motionMode": "fast",
    "style": "clay",
    "cameraMovement": "hitchcock",
    "soundEffectSwitch": False,
}
MODES = [
    (
        IMAGE_BODY,
        {
            "first_frame": FIRST,
            "prompt": "a paper boat in the rain",
            "model": "aisphere-v5.5",
            "duration": 10,
            "resolution": "720p",
            "seed": 0,
            "negative_prompt": "blur",
            "motion_mode": "normal",
            "style": "normal",
            "generate_audio": False,
            "generate_multi_clip_switch": True,
            "thinking_type": "auto",
        },
    ),
    (
        HEADTAIL_BODY,
        {
            "headtail_images": {"head": {"imageUrl": FIRST}, "tail": {"imageUrl": LAST}},
            "prompt": "the boat turns into a bird",
            "model": "aisphere-v5",
            "duration": 8,
            "resolution": "540p",
            "sound_effect_switch": True,
            "sound_effect_content": "鸟鸣",
        },
    ),
    (
        CHARACTER_BODY,
        {
            "reference_images": [FIRST, LAST],
            "reference_types": ["subject", "background"],
            "reference_names": ["cat", "old town"],
            "prompt": "@cat walks through @old town",
            "model": "aisphere-v4.5",
            "duration": 5,
            "motion_mode": "fast",
            "style": "clay",
            "camera_movement": "hitchcock",
            "sound_effect_switch": False,
        },
    ),
]
NAMES = ["image", "head and tail", "characters"]
HOME = Path("vidgen")


def asked(given: dict[str, Any], *, options: contract.Options | None = None, **control: Any) -> Asked:
    """What vg.plan makes of it; a prompt, a model and an image are there unless the test says otherwise."""
    return asking.ask(aisphere, given, origin=aisphere.BASE_URL, home=HOME, options=options or {}, **control)


def plain(**given: Any) -> dict[str, Any]:
    return {"prompt": "a boat", "model": "aisphere-v4.5", "first_frame": FIRST, **given}


def body(given: dict[str, Any], **control: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(json.dumps(asked(given, **control).call.json, allow_nan=False))
    return parsed


def problems(given: dict[str, Any], **control: Any) -> dict[str, str]:
    with pytest.raises(errors.InvalidRequest) as raised:
        asked(given, **control)
    return {problem.parameter: problem.message for problem in raised.value.problems}


def told(given: dict[str, Any]) -> list[str]:
    """What advice a request gets beyond the one about the query, which stands with every request."""
    first, *rest = asked(given).warnings
    assert first.parameter == ""
    return [warned.parameter for warned in rest]


# ── facts ─────────────────────────────────────────────────────────────────────
def test_it_is_a_provider() -> None:
    """The module says all that the contract asks for, invents no default model, no console, no search and no code."""
    provider: contract.Provider = aisphere
    assert provider.BASE_URL == "https://api.aa.com.cn"
    assert (provider.KEY, provider.BASE) == ("AISPHERE_API_KEY", "AISPHERE_BASE_URL")
    assert provider.AUTH == ("Authorization", "Bearer {key}")
    assert not [row for row in provider.MODELS if row.default]
    assert (aisphere.CONSOLE, aisphere.SEARCH, aisphere.REFUSALS) == ("", "", ())
    assert not [name for name in ("models", "search") if hasattr(aisphere, name)]
    assert all(contract.plain(word) == word for word in provider.STATES)
    assert "not document" in provider.FAILED_BILLING


def test_every_row_has_its_source() -> None:
    """The five models of the page, each with where and when it was read."""
    names = ["aisphere-v5.5", "aisphere-v5", "aisphere-v4.5", "aisphere-v4", "aisphere-v3.5"]
    assert [row.name for row in aisphere.MODELS] == names
    assert all(row.source and row.checked == "2026-11-20" for row in (*aisphere.MODELS, aisphere.API_WIDE))


def test_every_parameter_of_the_page() -> None:
    """Each name of the page is known, under our name where there is one and as snake_case otherwise."""
    names = contract.aliases(aisphere.Request)
    assert {
        page: names[page] for page in [*PAGE_TYPES, "image", "headtailImages", "characterImages"] if page in names
    } == {
        "duration": "duration",
        "prompt": "prompt",
        "resolution": "resolution",
        "model": "model",
        "seed": "seed",
        "negativePrompt": "negative_prompt",
        "motionMode": "motion_mode",
        "style": "style",
        "soundEffectSwitch": "sound_effect_switch",
        "soundEffectContent": "sound_effect_content",
        "cameraMovement": "camera_movement",
        "generateAudioSwitch": "generate_audio",
        "generateMultiClipSwitch": "generate_multi_clip_switch",
        "thinkingType": "thinking_type",
        "image": "first_frame",
        "headtailImages": "headtail_images",
        "characterImages": "reference_images",
    }
    assert all(field.description for field in aisphere.Request.model_fields.values())


# The page's words about models: "10(aisphere-v5.5模型)", "normal(aisphere-v5.5模型只支持此模式)", sound effects
# "(aisphere-v5.5模型不支持)", camera "(aisphere-v4、aisphere-v4.5模型)", characters "(aisphere-v4.5、aisphere-v5模型)",
# sound, clips and thinking "(aisphere-v5.5模型)".
ALL, OLDER = {"v5.5", "v5", "v4.5", "v4", "v3.5"}, {"v5", "v4.5", "v4", "v3.5"}
MATRIX: list[tuple[str, Any, set[str]]] = [
    ("duration", 5, ALL),
    ("duration", 8, ALL),
    ("duration", 10, {"v5.5"}),
    ("duration", 6, set()),
    *[("resolution", value, ALL) for value in ("360p", "540p", "720p", "1080p")],
    ("resolution", "480p", set()),
    ("motion_mode", "normal", ALL),
    ("motion_mode", "slow", set()),
    ("style", "normal", ALL),
    *[("style", value, OLDER) for value in ("anime", "3d_animation", "clay", "comic", "cyberpunk")],
    ("style", "noir", set()),
    ("sound_effect_switch", False, OLDER),
    ("sound_effect_content", "rain", OLDER),
    *[("camera_movement", value, {"v4", "v4.5"}) for value in aisphere.API_WIDE.takes["camera_movement"]],
    ("camera_movement", "tilt", set()),
    ("generate_audio", True, {"v5.5"}),
    ("generate_multi_clip_switch", False, {"v5.5"}),
    *[("thinking_type", value, {"v5.5"}) for value in ("enabled", "disabled", "auto")],
    ("thinking_type", "always", set()),
    ("reference_images", [FIRST], {"v4.5", "v5"}),
    ("headtail_images", {"head": FIRST}, ALL),
    ("seed", 7, ALL),
    ("negative_prompt", "blur", ALL),
]


@pytest.mark.parametrize("model", sorted(ALL))
def test_what_each_model_takes(model: str) -> None:
    """The matrix of the page, model by model: what it offers goes through, everything else is a problem by name."""
    for parameter, value, takers in MATRIX:
        base = plain(model=f"aisphere-{model}", **{parameter: value})
        if parameter in {"reference_images", "headtail_images"}:
            del base["first_frame"]
        if model in takers:
            assert body(base)["model"] == f"aisphere-{model}", parameter
        else:
            found = problems(base)
            assert set(found) == {parameter}, (parameter, value, found)
            assert f"{aisphere.PAGE}, checked 2026-11-20; check=False" in found[parameter]


def test_the_twenty_ways_of_the_camera() -> None:
    """All that the page lists, each once."""
    words = aisphere.API_WIDE.takes["camera_movement"]
    assert len(words) == len(set(words)) == 20
    assert {"horizontal_left", "robo_arm", "super_dolly_out", "fix_bg"} <= set(words)


def test_an_unlisted_model_is_held_to_the_general_limits() -> None:
    """A model newer than the table is sent, with a warning; words which no model takes are still found."""
    result = asked(plain(model="aisphere-v6", duration=10, camera_movement="zoom_in", style="clay"))
    assert result.call.json["model"] == "aisphere-v6"
    assert result.warnings[-1].parameter == "model"
    assert set(problems(plain(model="aisphere-v6", duration=15, style="noir"))) == {"duration", "style"}


def test_a_model_must_be_named() -> None:
    """There is no default: the error lists what there is."""
    given = plain()
    del given["model"]
    assert "aisphere-v5.5, aisphere-v5" in problems(given)["model"]


# ── the body ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("page", "ours"), MODES, ids=NAMES)
def test_each_mode_from_our_names_and_from_the_pages(page: dict[str, Any], ours: dict[str, Any]) -> None:
    """A body of the page's form comes out of our names, and of itself as keyword arguments, equal as JSON."""
    for arguments in (ours, page):
        result = asked(arguments)
        assert result.call == Call("POST", "/api/v1/video/generation", json=page)
        assert json.dumps(result.call.json, sort_keys=True) == json.dumps(page, sort_keys=True)  # True is not 1
    assert asked(page).identity == asked(ours).identity


@pytest.mark.parametrize(("page", "ours"), MODES, ids=NAMES)
def test_keys_and_types_are_the_pages(page: dict[str, Any], ours: dict[str, Any]) -> None:
    """Every key stands in the page's example or list of fields, with the type it has there, and nothing is left out."""
    example = json.loads(PAGE_BODY)
    sent = body(ours)
    for key, value in sent.items():
        if key in PAGE_TYPES:
            assert type(value) is PAGE_TYPES[key], key
        else:
            assert type(value) is type(example[key]), key
    assert sent.get("image", example["image"]).keys() == example["image"].keys()
    for entry in sent.get("characterImages", []):
        assert {key: type(value) for key, value in entry.items()} == dict.fromkeys(example["characterImages"][0], str)
    assert {"prompt", "model", "_action"} <= sent.keys()
    assert len({"image", "headtailImages", "characterImages"} & sent.keys()) == 1


def test_the_three_modes_send_one_field_each() -> None:
    """An image alone, two frames, or characters: only the field of the mode goes out."""
    assert body(plain()) == {
        "image": {"imageUrl": FIRST},
        "prompt": "a boat",
        "model": "aisphere-v4.5",
        "_action": "i2v",
    }
    frames = body(plain(last_frame=LAST))
    assert "image" not in frames
    assert frames["headtailImages"] == {"headImageUrl": FIRST, "tailImageUrl": LAST}
    characters = body({"prompt": "@cat", "model": "aisphere-v5", "reference_images": FIRST, "reference_names": "cat"})
    assert characters.keys() == {"prompt", "model", "_action", "characterImages"}
    assert characters["characterImages"] == [{"imageUrl": FIRST, "refName": "cat"}]


def test_nothing_unasked_is_sent() -> None:
    """A None is not given; a False and a 0 are."""
    sent = body(plain(seed=0, sound_effect_switch=False, resolution=None))
    assert (sent["seed"], sent["soundEffectSwitch"]) == (0, False)
    assert "resolution" not in sent


def test_the_head_and_tail_object_goes_out_as_it_stands() -> None:
    """Its keys are not documented: what the caller writes is sent, nested or flat, under either name."""
    for written in ({"a": FIRST, "b": {"c": [1, None, "ü"]}}, {"firstImageUrl": FIRST, "lastImageUrl": LAST}):
        for name in ("headtail_images", "headtailImages"):
            assert body({"prompt": "x", "model": "aisphere-v5", name: written})["headtailImages"] == written


def test_the_keys_of_head_and_tail_are_an_option() -> None:
    """The option names them; it changes the wire and not what was asked, and each use of two frames is warned about."""
    given = plain(last_frame=LAST)
    other = asked(given, options={"headtail_keys": "firstImageUrl , lastImageUrl"})
    assert other.call.json["headtailImages"] == {"firstImageUrl": FIRST, "lastImageUrl": LAST}
    assert other.identity == asked(given).identity
    assert told(given) == ["last_frame"]
    assert "headtail_keys" in str(asked(given).warnings[1])


def test_every_request_says_that_the_query_is_a_guess() -> None:
    """A person knows before paying that nobody has verified where to ask, and which option sets it."""
    (warned,) = asked(plain()).warnings
    assert "is a guess, the option query_path sets it" in warned.message


@pytest.mark.parametrize(
    "options",
    [
        {"query_path": "https://elsewhere.example.com/{task_id}"},
        {"query_path": "//elsewhere.example.com/{task_id}"},
        {"query_path": "/api/v1/tasks"},
        {"query_path": "/api/v1/tasks/{task_id} "},
        {"query_path": ""},
        {"query_path": None},
        {"headtail_keys": "one"},
        {"headtail_keys": "same,same"},
        {"headtail_keys": "a,"},
        {"headtail_keys": "a,b,c"},
        {"headtail_keys": ["a", "b"]},
    ],
)
def test_an_unusable_option_is_found_before_anything_is_sent(options: dict[str, Any]) -> None:
    """An option which cannot work is found where it costs nothing, and the error shows a good one."""
    with pytest.raises(errors.InvalidRequest) as raised:
        asked(plain(), options=options)
    assert next(iter(options)) in str(raised.value)
    assert "Nothing was sent" in str(raised.value)
    assert raised.value.hint


# ── characters ────────────────────────────────────────────────────────────────
SAME_CHARACTERS: list[dict[str, Any]] = [
    {"reference_images": [FIRST, LAST], "reference_types": ["subject", ""], "reference_names": ["cat", "dog"]},
    {
        "characterImages": [
            {"imageUrl": FIRST, "type": "subject", "refName": "cat"},
            {"imageUrl": LAST, "refName": "dog"},
        ]
    },
    {
        "character_images": [
            {"image": FIRST, "type": "subject", "ref_name": "cat"},
            {"image": LAST, "ref_name": "dog"},
        ]
    },
    {"characterImages": [FIRST, LAST], "reference_types": ("subject", ""), "reference_names": ("cat", "dog")},
]


@pytest.mark.parametrize("given", SAME_CHARACTERS)
def test_characters_in_every_spelling_are_one_request(given: dict[str, Any]) -> None:
    """Three lists, the page's objects and ours give one body and one identity; what was not given is not sent."""
    result = asked({"prompt": "@cat and @dog", "model": "aisphere-v5", **given})
    assert result.call.json["characterImages"] == [
        {"imageUrl": FIRST, "type": "subject", "refName": "cat"},
        {"imageUrl": LAST, "refName": "dog"},
    ]
    assert result.asked["reference_images"] == [FIRST, LAST]
    assert result.asked["reference_names"] == ["cat", "dog"]
    assert result.identity == asked({"prompt": "@cat and @dog", "model": "aisphere-v5", **SAME_CHARACTERS[0]}).identity


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"type": "subject", "refName": "cat"},
        {"imageUrl": FIRST, "weight": 2},
        {"imageUrl": FIRST, "image": FIRST},
        {"imageUrl": FIRST, "refName": "cat", "ref_name": "cat"},
        {"imageUrl": FIRST, "type": 1},
        {"imageUrl": FIRST, "refName": ["cat"]},
        {"imageUrl": None},
    ],
)
def test_a_character_of_another_form_is_a_problem(entry: dict[str, Any]) -> None:
    """An entry which is not of the page's form is named by its place, also under check=False: it is never left out."""
    given = {"prompt": "x", "model": "aisphere-v5", "characterImages": [{"imageUrl": FIRST}, entry]}
    for check in (True, False):
        assert problems(given, check=check)["reference_images"].startswith("characterImages[1] must be ")


def test_characters_given_twice() -> None:
    """The same thing in two spellings is an error which names both."""
    objects = [{"imageUrl": FIRST, "type": "subject", "refName": "cat"}]
    base = {"prompt": "@cat", "model": "aisphere-v5", "characterImages": objects}
    assert "reference_names and in characterImages" in problems({**base, "reference_names": ["cat"]})["reference_names"]
    found = problems({**base, "reference_images": [FIRST]})
    assert found == {"reference_images": "given twice, as characterImages and as reference_images"}


@pytest.mark.parametrize("names", [[], ["cat"], ["cat", "dog", "owl"]])
def test_one_name_for_each_image(names: list[str]) -> None:
    """Names and types are as many as images, or none; under check=False nothing that was given is lost."""
    given = {"prompt": "x", "model": "aisphere-v5", "reference_images": [FIRST, LAST], "reference_names": names}
    if not names:
        assert "refName" not in body(given)["characterImages"][0]
        return
    assert "2 for" in problems(given)["reference_images"]
    sent = [entry["refName"] for entry in body(given, check=False)["characterImages"] if "refName" in entry]
    assert sent == names


@pytest.mark.parametrize("value", [1, ["cat", 2], {"cat": 1}, [["cat"]]])
def test_names_are_texts(value: object) -> None:
    """Anything else is a problem in words."""
    given = {"prompt": "x", "model": "aisphere-v5", "reference_images": [FIRST], "reference_names": value}
    assert "list of texts" in problems(given)["reference_names"]


@pytest.mark.parametrize(
    "given", [*[page for page, _ in MODES], *SAME_CHARACTERS, {"first_frame": FIRST, "last_frame": LAST}]
)
def test_a_recipe_gives_the_same_request_again(given: dict[str, Any]) -> None:
    """What the ledger keeps of a request, through JSON, is the same request."""
    first = asked({"prompt": "@cat and @dog", "model": "aisphere-v5", **given})
    again = asked(json.loads(json.dumps(first.asked)))
    assert again.call == first.call
    assert again.identity == first.identity


# ── the page's nesting ────────────────────────────────────────────────────────
def test_empty_objects_of_the_example_are_not_given() -> None:
    """The page's example fills the fields of other modes with nothing: they are neither sent nor a problem."""
    given = {**IMAGE_BODY, "headtailImages": {}, "characterImages": []}
    assert body(given) == IMAGE_BODY
    assert body({**HEADTAIL_BODY, "image": {}, "characterImages": []}) == HEADTAIL_BODY


@pytest.mark.parametrize("value", ["t2v", 1, {"a": 1}])
def test_the_action_is_constant(value: object) -> None:
    """The page fixes it: anything else is a slip, and its own value is taken."""
    assert "i2v" in problems(plain(_action=value))["_action"]
    assert body(plain(_action="i2v"))["_action"] == "i2v"


@pytest.mark.parametrize("image", [{"url": FIRST}, {"imageUrl": FIRST, "type": "x"}, {"imageUrl": None}])
def test_an_image_of_another_form_is_a_problem(image: dict[str, Any]) -> None:
    """It is named once, in the page's form, and not called missing as well."""
    assert problems({"prompt": "x", "model": "aisphere-v5", "image": image}) == {
        "first_frame": 'image must be {"imageUrl": "https://…"}'
    }


def test_the_image_given_twice() -> None:
    """Under our name and the page's, or frames and their object: one error names both."""
    assert "first_frame and as image" in problems(plain(image={"imageUrl": FIRST}))["first_frame"]
    found = problems(plain(last_frame=LAST, headtailImages={"a": FIRST}), check=False)
    assert "as headtailImages and as last_frame" in found["headtail_images"]


@pytest.mark.parametrize("value", ["string", 5, [FIRST], {"a": float("nan")}, {"a": object()}])
def test_the_head_and_tail_object_is_json(value: object) -> None:
    """What cannot be sent is said before anything is."""
    assert (
        "dict of JSON" in problems({"prompt": "x", "model": "aisphere-v5", "headtail_images": value})["headtail_images"]
    )


# ── limits across parameters ──────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ({"prompt": " \n"}, {"prompt"}),
        ({"first_frame": None}, {"first_frame"}),
        ({"first_frame": None, "last_frame": LAST}, {"last_frame"}),
        ({"reference_images": [LAST]}, {"first_frame"}),
        ({"last_frame": LAST, "reference_images": [LAST]}, {"last_frame"}),
        ({"headtail_images": {"a": LAST}}, {"first_frame"}),
        ({"first_frame": None, "headtail_images": {"a": LAST}, "reference_images": [LAST]}, {"headtail_images"}),
        ({"last_frame": LAST, "style": "anime"}, {"style"}),
        ({"last_frame": LAST, "style": "normal"}, {"style"}),
        ({"first_frame": None, "headtail_images": {"a": LAST}, "style": "anime"}, {"style"}),
        ({"motion_mode": "fast", "duration": 8}, {"motion_mode"}),
        ({"motion_mode": "fast", "duration": 5, "resolution": "1080p"}, {"motion_mode"}),
        ({"reference_names": ["cat"]}, {"reference_images"}),
    ],
)
def test_each_limit(given: dict[str, Any], parameters: set[str]) -> None:
    """Each limit across parameters is found, names its source and date, and becomes a warning under check=False."""
    found = problems(plain(**given))
    assert set(found) == parameters
    assert all(aisphere.PAGE in message and "check=False" in message for message in found.values())
    assert parameters <= {warned.parameter for warned in asked(plain(**given), check=False).warnings}


@pytest.mark.parametrize(
    "given",
    [
        {"motion_mode": "fast", "duration": 5, "resolution": "720p"},
        {"motion_mode": "normal", "duration": 8, "resolution": "1080p"},
        {"last_frame": LAST, "camera_movement": "zoom_in"},
        {"style": "comic"},
        {"seed": -1},
        {"prompt": "x" * 5000},
    ],
)
def test_what_the_page_allows(given: dict[str, Any]) -> None:
    """What only PixVerse itself forbids is sent: the page is silent about it."""
    assert asked(plain(**given)).call.json["model"] == "aisphere-v4.5"


def test_mixed_modes_can_be_forced() -> None:
    """check=False sends every field that was given, should the gateway want more than that of the mode."""
    sent = body(plain(reference_images=[LAST]), check=False)
    assert (sent["image"], sent["characterImages"]) == ({"imageUrl": FIRST}, [{"imageUrl": LAST}])
    assert body(plain(), extra={"headtailImages": {}, "characterImages": []}).keys() >= {
        "headtailImages",
        "characterImages",
    }


def test_all_problems_come_at_once() -> None:
    """Nesting, names, types, the model's row and rules are told together."""
    found = problems(
        {
            "prompt": "x",
            "model": "aisphere-v5.5",
            "_action": "t2v",
            "first_frame": FIRST,
            "characterImages": [{"imageUrl": FIRST}, {}],
            "motionMode": "fast",
            "duration": 8,
            "cameraMovement": "zoom_in",
            "style": "clay",
            "seed": True,
            "aspect_ratio": "16:9",
            "camera_movment": "zoom_in",
        }
    )
    expected = {"_action", "first_frame", "reference_images", "motion_mode", "camera_movement", "style", "seed"}
    assert set(found) == expected | {"aspect_ratio", "camera_movment"}
    assert found["aspect_ratio"] == "AiSphere has no such parameter"


# ── data ──────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["first_frame", "reference_images", "characterImages"])
def test_only_addresses_are_taken(name: str) -> None:
    """The page shows URLs only: data are a problem with its way out, and a data URI under check=False."""
    medium = Medium("image", sha256="00", mime="image/png", size=3, read=lambda: b"abc")
    given: dict[str, Any] = {"prompt": "x", "model": "aisphere-v5", name: medium}
    if name == "characterImages":
        given[name] = [{"imageUrl": medium, "type": "subject", "refName": "cat"}]
    ours = "first_frame" if name == "first_frame" else "reference_images"
    assert "https:// URL" in problems(given)[ours]
    assert "data:image/png;base64,YWJj" in json.dumps(asked(given, check=False).call.json)


def test_a_character_from_this_machine_is_a_medium(tmp_path: Path) -> None:
    """A file inside the page's nesting is read, counted by its content, and kept with the recipe as any other."""
    Image.new("RGB", (32, 32), "red").save(tmp_path / "cat.png")
    given = {"prompt": "@cat", "model": "aisphere-v5"}
    nested = {**given, "character_images": [{"image": tmp_path / "cat.png", "ref_name": "cat"}]}
    flat = {**given, "reference_images": [(tmp_path / "cat.png").read_bytes()], "reference_names": ["cat"]}
    first = asked(nested, check=False)
    assert first.identity == asked(flat, check=False).identity
    first.kept(tmp_path / "home")
    again = asking.ask(
        aisphere,
        json.loads(json.dumps(first.asked)),
        origin=aisphere.BASE_URL,
        home=tmp_path / "home",
        options={},
        check=False,
    )
    assert (again.call, again.identity) == (first.call, first.identity)
    assert "nowhere.png" in problems({**given, "character_images": [{"image": "nowhere.png"}]})["reference_images"]


# ── advice ────────────────────────────────────────────────────────────────────
CAST: dict[str, Any] = {
    "prompt": "@cat on the moon",
    "model": "aisphere-v5",
    "reference_images": [FIRST],
    "reference_types": ["subject"],
    "reference_names": ["cat"],
}


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        (plain(), []),
        (plain(motion_mode="fast"), ["duration"]),
        (plain(motion_mode="fast", duration=5), []),
        (plain(motion_mode="fast", duration=5, model="aisphere-v5"), ["motion_mode"]),
        (plain(sound_effect_content="rain"), ["sound_effect_content"]),
        (plain(sound_effect_content="rain", sound_effect_switch=False), ["sound_effect_content"]),
        (plain(sound_effect_content="rain", sound_effect_switch=True), []),
        (plain(resolution="1080p", duration=5), []),
        (plain(resolution="1080p", duration=8), ["resolution"]),
        (plain(resolution="1080p", duration=8, model="aisphere-v5.5"), []),
        (plain(resolution="1080p", duration=10, model="aisphere-v5.5"), ["resolution"]),
        (plain(resolution="1080p"), []),
        (plain(last_frame=LAST, camera_movement="zoom_in"), ["last_frame", "camera_movement"]),
        (plain(last_frame=LAST, model="aisphere-v5.5", generate_multi_clip_switch=False), ["last_frame"]),
        (
            plain(last_frame=LAST, model="aisphere-v5.5", generate_multi_clip_switch=True),
            ["last_frame", "generate_multi_clip_switch"],
        ),
        ({"prompt": "x", "model": "aisphere-v5", "headtail_images": {"a": FIRST}}, []),
        (plain(prompt="x" * 2048), []),
        (plain(prompt="x" * 2049, negative_prompt="x" * 2049), ["prompt", "negative_prompt"]),
        (plain(seed=0), []),
        (plain(seed=2147483647), []),
        (plain(seed=2147483648), ["seed"]),
        (plain(seed=-1), ["seed"]),
        (CAST, []),
        ({**CAST, "prompt": "a cat on the moon"}, ["prompt"]),
        ({**CAST, "reference_types": ["person"]}, ["reference_types"]),
        ({**CAST, "reference_types": []}, ["reference_types"]),
        ({**CAST, "reference_names": []}, ["reference_names"]),
        ({**CAST, "reference_names": ["猫"], "prompt": "@猫"}, ["reference_names"]),
        ({**CAST, "reference_names": ["c" * 31], "prompt": "@" + "c" * 31}, ["reference_names"]),
        (
            {
                **CAST,
                "reference_images": [FIRST, LAST],
                "reference_types": ["subject"] * 2,
                "reference_names": ["cat"] * 2,
            },
            ["reference_names"],
        ),
        (
            {
                **CAST,
                "prompt": "@a @b @c @d",
                "reference_images": [FIRST] * 4,
                "reference_types": ["subject"] * 4,
                "reference_names": list("abcd"),
            },
            ["reference_images"],
        ),
    ],
)
def test_advice(given: dict[str, Any], parameters: list[str]) -> None:
    """Where the page is silent, and where PixVerse itself draws the line, a person is told, about nothing else."""
    assert told(given) == parameters


# ── anything at all ───────────────────────────────────────────────────────────
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([FIRST, "i2v", "subject", "@cat"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["imageUrl", "image", "type", "refName", "ref_name"]) | st.text(), inner, max_size=4
        )
    ),
)
PLACES = [
    "image",
    "first_frame",
    "last_frame",
    "headtailImages",
    "headtail_images",
    "characterImages",
    "character_images",
]
PLACES += ["reference_images", "reference_types", "reference_names", "_action"]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), ANY_JSON))
def test_any_nesting_can_be_unfolded(given: dict[str, Any]) -> None:
    """Whatever a person passes gives parameters under known names and problems in words, never a crash."""
    before = json.dumps(given)
    flat, found = aisphere.unfold(given)
    assert json.dumps(given) == before
    assert flat.keys() <= contract.aliases(aisphere.Request).keys()
    assert all(problem.parameter and problem.message for problem in found)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), ANY_JSON), st.text(max_size=20))
def test_anything_asked_is_a_request_or_an_error_of_ours(given: dict[str, Any], prompt: str) -> None:
    """From keyword arguments to the body: InvalidRequest with problems, or JSON that can be sent."""
    try:
        result = asked({"prompt": prompt, "model": "aisphere-v5", **given}, check=False)
    except errors.InvalidRequest as error:
        said = [problem.message for problem in error.problems]
    else:
        said = [warned.message for warned in result.warnings]
        json.dumps(result.call.json, allow_nan=False)
    assert said
    assert all(said)
