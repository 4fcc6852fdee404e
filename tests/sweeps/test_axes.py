"""What a list means: which values are axes, what the requests are, and what is said at once about a slip."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vidgen_nb as vg
from vidgen_nb import axes
from vidgen_nb.axes import Spread, filled, parts, spread

URL = "https://example.com/a.png?signature=secret"


def asked(template: object = None, takes: object = 1, **given: Any) -> Spread:
    return spread(template, {"provider": "relaydance", **given}, takes=takes, pick=lambda name: "x", home=Path("home"))


def problems(template: object = None, **given: Any) -> dict[str, str]:
    with pytest.raises(vg.InvalidRequest) as raised:
        asked(template, **given)
    return {problem.parameter: problem.message for problem in raised.value.problems}


def test_words_parameters_and_takes_are_axes() -> None:
    """Every combination once, the last axis fastest, in the order in which they were given."""
    made = asked("a {animal} in {weather}", animal=["fox", "owl"], weather=["snow"], seed=[1, 2], takes=2)
    assert [(axis.name, axis.labels) for axis in made.axes] == [
        ("animal", ("fox", "owl")),
        ("weather", ("snow",)),
        ("seed", ("1", "2")),
        ("take", ("take 1", "take 2")),
    ]
    assert len(made.singles) == 8
    assert made.singles[0].parameters == {"prompt": "a fox in snow", "seed": 1}
    assert [single.take for single in made.singles] == [1, 2] * 4
    assert made.singles[-1].parameters == {"prompt": "a owl in snow", "seed": 2}
    assert made.singles[-1].where == (1, 0, 1, 1)


def test_what_is_no_list_is_the_same_for_all() -> None:
    """A word may have one value, a tuple and a range are lists too, None in a list is not given."""
    made = asked("a {animal}", animal="fox", duration=range(4, 6), seed=(None, 7))
    assert [single.parameters for single in made.singles] == [
        {"prompt": "a fox", "duration": duration, "seed": seed} for duration in (4, 5) for seed in (None, 7)
    ]
    assert made.axes[0].labels == ("4 s", "5 s")
    assert made.axes[1].labels == ("default", "7")


def test_a_parameter_that_takes_a_list_needs_a_list_of_lists() -> None:
    """Two references are two references of each clip; a list of lists is an axis. The field's type decides."""
    fixed = asked("x", reference_images=[URL, URL], seed=[1, 2])
    assert [axis.name for axis in fixed.axes] == ["seed"]
    assert [medium.url for medium in fixed.singles[0].parameters["reference_images"]] == [URL, URL]
    varied = asked("x", reference_images=[[URL], None, [URL, URL]])
    assert [axis.name for axis in varied.axes] == ["reference_images"]
    assert [single.parameters["reference_images"] and len(single.parameters["reference_images"])
            for single in varied.singles] == [1, None, 2]  # fmt: skip
    first = asked("x", first_frame=[URL, None])
    assert [axis.name for axis in first.axes] == ["first_frame"]


def test_the_pages_own_nesting_takes_lists_too() -> None:
    """`content` of RelayDance's page is a list by itself, so it is no axis; `metadata` is none, so a list of it is."""
    assert asked("x", content=[{"type": "text"}], seed=[1]).axes[0].name == "seed"
    for provider in ("relaydance", "newapi"):
        made = asked("x", metadata=[{"ratio": "16:9"}, {"ratio": "1:1"}], provider=provider)
        assert [(axis.name, axis.labels) for axis in made.axes] == [("metadata", ("ratio 16:9", "ratio 1:1"))]


def test_labels_never_hold_the_query_of_an_address() -> None:
    """It may be signed, and a grid is saved with the notebook."""
    labels = asked("x", first_frame=[URL, Path("pictures/boat.png")], extra=[{"a": 1}, None]).axes
    assert labels[0].labels == ("a.png", "boat.png")
    assert labels[1].labels == ("a 1", "default")


def test_templates_may_be_a_list() -> None:
    """The prompt is a parameter like the others; each template is filled in."""
    made = asked(["a {animal}", "the {animal}, from above"], animal=["fox"])
    assert [single.parameters["prompt"] for single in made.singles] == ["a fox", "the fox, from above"]
    assert made.template == "2 prompts"


def test_braces_which_are_no_words_stay() -> None:
    """Only {word} is filled in; {{word}} is written {word}; everything else is the person's own text."""
    assert filled('{{fox}} {"a": 1} {} {a b} }} {动物}', {"动物": "狐"}) == '{fox} {"a": 1} {} {a b} }} 狐'
    assert list(parts("a {x}.")) == [("a ", False), ("{x}", True), (".", False)]


def test_every_slip_is_told_at_once() -> None:
    """Words without values, names that are nothing, empty lists, double values, bad takes: one error."""
    found = problems(
        "a {animal} in {weathr}", animal=["fox", "fox"], weather=["snow"], sed=[1], duration=[], takes=True
    )
    assert set(found) == {"animal", "weathr", "weather", "sed", "duration", "takes"}
    assert "weathr=[…]" in found["weathr"]
    assert "did you mean seed?" in found["sed"]
    assert "fox is there twice" in found["animal"]


def test_a_word_that_is_a_parameter_too_is_ambiguous() -> None:
    """Filling it in and leaving the parameter out could be paid for: the person says which."""
    assert "a parameter of RelayDance" in problems("{seed} boats", seed=[1, 2])["seed"]
    assert "a parameter of sweep()" in problems("{take}", take=[1])["take"]


def test_a_word_takes_texts_and_numbers() -> None:
    """Anything else would be written into the prompt as Python shows it."""
    assert "cannot be filled" in problems("a {x}", x=[None])["x"]
    assert "cannot be filled" in problems("a {x}", x=[True])["x"]


@pytest.mark.parametrize("huge", [range(10**12), [0.5] * 5_000])
def test_a_sweep_has_a_limit(huge: Any) -> None:
    """A million clips are a slip, and are told at once: the list is not even walked through."""
    assert "more than 1,000" in problems("x {n}", n=huge)["axes"]
    assert "more than 1,000" in problems("x {n}", n=range(40), seed=range(40))["axes"]


def test_a_template_is_a_text() -> None:
    """And it is given once."""
    assert "list of texts" in problems(7)["prompt"]
    assert "given twice" in problems("a", prompt="b")["prompt"]
    assert "keep one" in problems("a", take=[1, 2], takes=3)["takes"]


def test_an_unknown_provider_is_told() -> None:
    """With the names there are."""
    with pytest.raises(vg.UnknownProvider, match="relaydance"):
        spread("x", {"provider": ["relaydanse"]}, takes=1, pick=lambda name: "x", home=Path())


def test_a_picture_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each of the clips, which would encode it anew each time."""
    taken = []
    real = axes.take_medium
    monkeypatch.setattr(axes, "take_medium", lambda *args, **kwargs: taken.append(args) or real(*args, **kwargs))
    made = asked("x", first_frame=Image.new("RGB", (640, 360)), seed=range(50))
    assert len(taken) == 1
    assert len({single.parameters["first_frame"].sha256 for single in made.singles}) == 1


def test_what_cannot_be_read_is_said_by_its_rows() -> None:
    """One bad path of several leaves the others in the plan."""
    made = asked("x", first_frame=[URL, "nowhere.png"])
    assert made.singles[1].parameters["first_frame"] == "nowhere.png"
