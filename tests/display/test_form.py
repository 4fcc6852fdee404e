"""The form: what is filled in is what is asked, each problem stands beside its field, and no key is ever asked for."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest
from PIL import Image

from vidgen_nb import providers
from vidgen_nb.asking import ask
from vidgen_nb.display import form as form_module
from vidgen_nb.display import live
from vidgen_nb.display.form import Form
from vidgen_nb.display.form_choices import ChoiceField, SliderField
from vidgen_nb.display.form_media import PickerField
from vidgen_nb.errors import InvalidRequest, MissingKey, UnknownProvider
from vidgen_nb.providers.contract import Call, Model, Reading, Request
from vidgen_nb.records import UNKNOWN_COST, Cost, Failure, Status, Viewed

from .stand_ins import FILE, Watched, make

URL = "https://example.com/a.jpg"
FIVE = providers.BUILT_IN
FILLED: list[tuple[str, dict[str, Any]]] = [
    ("aitoearn", {"prompt": "it's a \"boat\"\n在雨中", "duration": 8, "aspect_ratio": "9:16", "resolution": "720p"}),
    ("aitoearn", {"prompt": "a", "duration": 4.5, "image": URL, "source": "plugin", "group_id": "g 1"}),
    ("aitoearn", {"prompt": "a", "image": [URL], "reference_videos": ["https://example.com/v.mp4"]}),
    ("aioagi", {"prompt": "a", "duration": -1, "generate_audio": True, "resolution": "480p"}),
    ("aioagi", {"first_frame": URL, "last_frame": URL, "take": 3}),
    ("newapi", {"prompt": "a", "model": "kling-v1-6", "negative_prompt": "b", "metadata": {"mode": "pro", "x": [1]}}),
    ("newapi", {"prompt": "a", "model": "my-own-model", "channel": "doubao", "seed": -1, "fps": 24}),
    ("newapi", {"prompt": "a", "model": "sora-2", "size": "720x1280", "duration": 4}),
    (
        "aisphere",
        {"prompt": "@cat walks", "model": "aisphere-v4.5", "reference_images": [URL], "reference_types": ["subject"],
         "reference_names": ["cat"], "camera_movement": "zoom_in"},
    ),
    ("aisphere", {"prompt": "a", "model": "aisphere-v5", "first_frame": URL, "sound_effect_switch": False}),
    ("relaydance", {"prompt": "a", "model": "doubao-seedance-2-0-fast-260128", "generate_audio": False, "seed": 7}),
    ("relaydance", {"prompt": "a", "extra": {"metadata": {"watermark": None}, "n": 1.5}, "take": 2}),
]  # fmt: skip


class Desk:
    """Checks as a Studio does, and makes clips which nobody sends."""

    simulate = False
    cost = UNKNOWN_COST

    def __init__(self, home: Path) -> None:
        self.home = home
        self.made: dict[str, Watched] = {}
        self.begun: list[dict[str, Any]] = []
        self.refuses: Exception | None = None

    def identity(self, provider: str, given: dict[str, Any], take: int = 1, extra: Any = None) -> Any:
        spec = providers.find(provider)
        return ask(spec, given, origin="simulator", home=self.home, options={}, extra=extra, take_number=take)

    def plan(self, *, provider: str | None, take: int = 1, extra: Any = None, **given: Any) -> SimpleNamespace:
        asked = self.identity(provider or "", given, take, extra)
        existing = self.made.get(asked.identity)
        return SimpleNamespace(cost=self.cost, existing=existing, warnings=asked.warnings, identity=asked.identity)

    def begin(self, name: str, parameters: Any, *, take: int, extra: Any, allow_unknown_cost: bool) -> Viewed:
        if self.refuses is not None:
            raise self.refuses
        asked = self.identity(name, dict(parameters), take, extra)
        self.begun.append(dict(asked.asked))
        record = make(
            Status.RUNNING, id=f"vg-{len(self.made):010x}", provider=name, model=asked.model, take=take,
            extra=dict(extra or {}),
        )  # fmt: skip
        clip = Watched(_asked(record, asked.asked), self.home)
        return self.made.setdefault(asked.identity, clip)

    def get(self, id: str) -> Any:
        return next((clip for clip in self.made.values() if clip.record.id == id), None)

    def history(self, *, status: str | None, limit: int) -> list[Any]:
        return [clip for clip in self.made.values() if clip.record.status == status][:limit]

    def list_providers(self) -> list[Any]:
        return [SimpleNamespace(name=name, key="env" if name == "relaydance" else "") for name in providers.names()]


def _asked(record: Any, asked: Any) -> Any:
    from dataclasses import replace

    return replace(record, asked=dict(asked))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    yield Desk(tmp_path / "home")
    ipywidgets.Widget.close_all()


def notes(form: Form, name: str) -> str:
    """What stands below a field."""
    html: str = form._sheet.fields[name]._notes.value
    return html


def can_generate(form: Form) -> bool:
    return '<button class="vg-btn" type="button" data-act="generate" data-kind="primary">' in form._board.buttons


def texts(form: Form) -> Iterator[str]:
    """Every word that the form shows, labels included."""
    for widget in form_module._tree(form.widget):
        for trait in ("description", "placeholder", "value", "line", "buttons"):
            value = getattr(widget, trait, "")
            if isinstance(value, str):
                yield value


# ── the fields ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", FIVE)
def test_every_parameter_has_a_field_with_its_own_help(desk: Desk, name: str) -> None:
    """A form is made from the request model: nothing of it is missing, and each field says what the model says."""
    form = Form(desk, name)
    fields = providers.find(name).Request.model_fields
    assert list(form._sheet.fields) == [*fields, "take", "extra"]
    shown = set(form_module._tree(form.widget))
    for parameter in fields:
        field = form._sheet.fields[parameter]
        assert field.row in shown, parameter
        assert field.control.description, parameter
        assert (fields[parameter].description or "")[:20] in _plain_text(notes(form, parameter))


def _plain_text(html: str) -> str:
    from html import unescape

    return unescape(html)


@pytest.mark.parametrize("name", FIVE)
def test_a_fresh_form_is_calm(desk: Desk, name: str) -> None:
    """Nobody is blamed for a field not yet touched; the line says what is needed, and Generate is off."""
    form = Form(desk, name)
    assert form.value == {}
    assert "vg-problem" not in "".join(texts(form))
    assert "Needed: prompt" in form._board.line
    assert not can_generate(form)


def test_what_is_still_to_be_given_is_no_blame(desk: Desk) -> None:
    """A field not yet touched says in grey what it needs, while another one's problem is red already."""
    form = Form(desk, "aisphere", {"prompt": "a", "model": "aisphere-v4"})
    assert "Needed: first frame." in form._board.line
    assert "vg-problem" not in notes(form, "first_frame")
    assert "is needed, alone or with last_frame" in notes(form, "first_frame")
    form._sheet.fields["seed"].control.value = "x"
    assert "1 problem." in form._board.line
    assert "Needed: first frame." in form._board.line


@pytest.mark.parametrize("name", FIVE)
def test_no_form_asks_for_a_key(desk: Desk, name: str) -> None:
    """No field is a password or a file of the browser's, and none is about a key."""
    form = Form(desk, name)
    for widget in form_module._tree(form.widget):
        assert not isinstance(widget, ipywidgets.Password | ipywidgets.FileUpload)
    assert not [name for name in form._sheet.fields if "key" in name or "token" in name or "secret" in name]


# ── the values ────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("name", "given"), FILLED)
def test_what_is_put_in_comes_out(desk: Desk, name: str, given: dict[str, Any]) -> None:
    """`form.value` reads what it was set to, whatever kind of field holds it, and asks the very same request."""
    form = Form(desk, name, given)
    assert form.value == given
    form.value = {}
    assert form.value == {}
    form.value = given
    assert form.value == given
    assert can_generate(form)


@pytest.mark.parametrize(("name", "given"), FILLED)
def test_copied_code_asks_for_the_same_request(desk: Desk, name: str, given: dict[str, Any]) -> None:
    """The code evaluates to the identity of what the form asks: the same clip, never a second one."""
    form = Form(desk, name, given)
    asked: list[Any] = []

    def generate(prompt: str | None = None, *, take: int = 1, extra: Any = None, **more: Any) -> None:
        prompted = {} if prompt is None else {"prompt": prompt}
        asked.append(desk.identity(name, {**prompted, **more}, take, extra))

    eval(form.code(), {"vg": SimpleNamespace(**{name: SimpleNamespace(generate=generate)})})
    plain = {key: value for key, value in given.items() if key not in {"take", "extra"}}
    assert asked[0].identity == desk.identity(name, plain, given.get("take", 1), given.get("extra")).identity
    form.generate()
    assert list(desk.made) == [asked[0].identity]


def test_values_may_have_the_providers_own_names(desk: Desk) -> None:
    """What works in generate() works here; it is read under our names."""
    form = Form(desk, "relaydance", {"prompt": "a", "seconds": "5", "metadata": {"ratio": "9:16"}})
    assert form.value == {"prompt": "a", "duration": 5, "aspect_ratio": "9:16"}


@pytest.mark.parametrize("wrong", [{"secnds": 5}, {"seconds": 5, "duration": 5}, {"api_key": "sk-x"}])
def test_a_slip_in_a_name_is_told_at_once(desk: Desk, wrong: dict[str, Any]) -> None:
    """A value which no field takes is an error that names it, never left out in silence."""
    with pytest.raises(InvalidRequest) as caught:
        Form(desk, "relaydance", {"prompt": "a", **wrong})
    assert caught.value.problems[0].parameter in {"secnds", "duration", "api_key"}


def test_an_unknown_provider_is_told_at_once(desk: Desk) -> None:
    """As everywhere."""
    with pytest.raises(UnknownProvider):
        Form(desk, "relaydanse")
    with pytest.raises(InvalidRequest, match="the form of RelayDance"):
        Form(desk, "relaydance").value = {"provider": "aisphere"}


# ── legal or not ──────────────────────────────────────────────────────────────
def test_choices_follow_the_model_and_keep_what_is_chosen(desk: Desk) -> None:
    """Another model strikes through what it does not take; a chosen value which became illegal stays, in red."""
    form = Form(desk, "relaydance", {"prompt": "a", "model": "dreamina-seedance-2-0-260128", "resolution": "480p"})
    field = form._sheet.fields["resolution"]
    assert isinstance(field, ChoiceField)
    assert can_generate(form)
    form._sheet.fields["model"].control.index = 1  # doubao-seedance-2-0-1080p
    assert form.value["resolution"] == "480p"
    struck = {name for name in field.control._dom_classes if name.startswith("vg-no-")}
    assert struck == {"vg-no-1", "vg-no-2"}  # 480p and 720p
    assert list(field.control.options) == ["default", "480p", "720p", "1080p"]
    assert "vg-wrong" in field.row._dom_classes
    assert "480p is not offered" in notes(form, "resolution")
    assert ">480p is not offered by doubao-seedance-2-0-1080p: it takes 1080p<" in notes(form, "resolution")
    assert "check=False" not in notes(form, "resolution")
    assert not can_generate(form)
    assert "1 problem." in form._board.line
    field.control.index = 3
    assert "vg-wrong" not in field.row._dom_classes
    assert can_generate(form)


def test_a_slider_follows_the_model_too(desk: Desk) -> None:
    """Its places are the numbers the model takes; a number it does not take stays where it is, and is told."""
    form = Form(desk, "aitoearn", {"prompt": "a", "duration": 5})
    field = form._sheet.fields["duration"]
    assert isinstance(field, SliderField)
    form.value = {"prompt": "a", "duration": 5, "model": "seedance-2-beta-1080p"}
    assert list(field.control.options) == ["default", "5 s", *(f"{n} s" for n in range(8, 16))]
    assert form.value["duration"] == 5
    assert "5 is not offered" in notes(form, "duration")
    field.control.index = 2
    assert list(field.control.options)[1] == "8 s"
    assert form.value["duration"] == 8
    assert can_generate(form)


def test_a_slider_offers_everything_where_the_model_is_silent(desk: Desk) -> None:
    """A model whose table says nothing about it takes what any other does."""
    form = Form(desk, "newapi", {"prompt": "a", "model": "kling-v1"})
    options = form._sheet.fields["duration"].control.options
    assert list(options) == ["default", "5 s", "10 s"]
    form.value = {"prompt": "a", "model": "vidu2.0"}
    assert len(form._sheet.fields["duration"].control.options) > 10


def test_what_a_model_lacks_is_said(desk: Desk) -> None:
    """A parameter which the model does not take at all says so, and is a problem only with a value."""
    form = Form(desk, "relaydance", {"prompt": "a", "model": "seedance-1-5-pro-no-audio"})
    assert "does not take it" in notes(form, "generate_audio")
    assert can_generate(form)
    form._sheet.fields["generate_audio"].control.index = 1
    assert not can_generate(form)
    assert "vg-problem" in notes(form, "generate_audio")


def test_problems_appear_as_one_types_and_go(desk: Desk) -> None:
    """Each keystroke is checked where it stands, and nothing is sent for it."""
    form = Form(desk, "relaydance", {"prompt": "a boat as in "})
    prompt = form._sheet.fields["prompt"].control
    prompt.value = "a boat as in @image1"
    assert "names @image1" in notes(form, "prompt")
    assert not can_generate(form)
    form._sheet.fields["seed"].control.value = "seven"
    assert "&#x27;seven&#x27; is not a whole number" in notes(form, "seed")
    assert "2 problems." in form._board.line
    form._sheet.fields["seed"].control.value = ""
    prompt.value = "a boat"
    assert can_generate(form)
    prompt.value = ""
    assert "is needed" in notes(form, "prompt")
    assert desk.begun == []


def test_json_that_is_none_is_a_problem_of_its_field(desk: Desk) -> None:
    """What cannot be read is told beside the field, and stops Generate and the code."""
    form = Form(desk, "newapi", {"prompt": "a", "model": "kling-v1"})
    form._sheet.fields["metadata"].control.value = '{"mode": '
    assert "this is no JSON" in notes(form, "metadata")
    assert not can_generate(form)
    for what in (form.generate, form.code):
        with pytest.raises(InvalidRequest):
            what()
    form._sheet.fields["metadata"].control.value = '{"mode": "pro"}'
    assert form.value["metadata"] == {"mode": "pro"}
    assert can_generate(form)


def test_a_problem_opens_what_is_folded(desk: Desk) -> None:
    """A problem of the folded part is seen; its title says what is set there."""
    form = Form(desk, "relaydance", {"prompt": "a", "seed": 7})
    assert form._sheet.advanced.selected_index is None
    assert form._sheet.advanced.titles == ("Advanced   seed 7 · take 1",)
    form.value = {"prompt": "a", "seed": "x"}
    assert form._sheet.advanced.selected_index == 0


def test_another_model_by_its_name(desk: Desk) -> None:
    """Catalogues grow faster than tables: any name can be given, and an empty one is a problem."""
    form = Form(desk, "newapi", {"prompt": "a"})
    model = form._sheet.fields["model"]
    model.control.index = len(model.control.options) - 1
    assert "give the model&#x27;s name" in notes(form, "model")
    assert not can_generate(form)
    model._other.value = "veo-9"  # type: ignore[attr-defined]
    assert form.value["model"] == "veo-9"


def test_the_dice_gives_a_seed(desk: Desk) -> None:
    """Another one each time, of a size that every provider takes."""
    form = Form(desk, "relaydance", {"prompt": "a"})
    dice = form._sheet.fields["seed"].row.children[0].children[1]
    thrown = set()
    for _ in range(5):
        dice.click()
        thrown.add(form.value["seed"])
    assert len(thrown) > 1
    assert all(0 < seed < 2**31 for seed in thrown)


# ── money ─────────────────────────────────────────────────────────────────────
def test_money_is_always_a_word(desk: Desk) -> None:
    """Unknown is said and never 0; a known cost says where it is known from; simulated is 0 and says so."""
    asked = {"prompt": "a"}
    assert "cost unknown" in Form(desk, "relaydance", asked)._board.line
    desk.cost = Cost(1.4, "CNY", "by your price")
    line = Form(desk, "relaydance", asked)._board.line
    assert "1.40\N{NO-BREAK SPACE}CNY" in line
    assert "by your price" in line
    desk.simulate = True
    assert "0, simulated" in Form(desk, "relaydance", asked)._board.line


def test_a_clip_that_exists_is_shown_and_not_made(desk: Desk) -> None:
    """Generate becomes Show it, with the next free take beside; that take is the form's from then on."""
    form = Form(desk, "relaydance", {"prompt": "a"})
    form._pressed("generate", "")
    assert "exists already: 0 new charges" in form._board.line
    assert ">Show it<" in form._board.buttons
    form._pressed("generate", "")
    assert len(desk.made) == 1
    form._pressed("take", "")
    assert len(desk.made) == 2
    assert form.value["take"] == 2
    form.value = {"prompt": "a"}
    assert ">Make take 3<" in form._board.buttons
    assert form._board.tiles.count("vg-tile") == 2


def test_an_unknown_outcome_is_not_called_free(desk: Desk) -> None:
    """The line says that it is unknown; the card below has the ways out."""
    form = Form(desk, "relaydance", {"prompt": "a"})
    clip = form.generate()
    assert isinstance(clip, Watched)
    clip.tell(status=Status.UNKNOWN, error=Failure("SubmitUnknown", "The request left."))
    assert "outcome unknown" in form._board.line
    assert "0 new charges" not in form._board.line


def test_what_stops_a_clip_is_said_in_the_form(desk: Desk) -> None:
    """An error of the button's stands in the line until something is changed: it is raised to nobody."""
    form = Form(desk, "relaydance", {"prompt": "a"})
    desk.refuses = MissingKey("No key for RelayDance. Nothing was sent.", hint="Set RELAYDANCE_API_KEY.")
    assert form._pressed("generate", "") is None
    assert "No key for RelayDance" in form._board.line
    assert "Set RELAYDANCE_API_KEY." in form._board.line
    form._sheet.fields["prompt"].control.value = "b"
    assert "cost unknown" in form._board.line
    with pytest.raises(MissingKey):
        form.generate()


# ── the strip ─────────────────────────────────────────────────────────────────
def test_last_results_stand_newest_first_and_can_be_used_again(desk: Desk) -> None:
    """Each clip made is a tile; its settings come back whole, take and extra with them."""
    form = Form(desk, "relaydance", {"prompt": "first", "duration": 5, "extra": {"a": 1}})
    first = form.generate()
    form.value = {"prompt": "second", "resolution": "1080p", "take": 2}
    second = form.generate()
    tiles = form._board.tiles
    assert tiles.index("second") < tiles.index("first")
    assert tiles.count('aria-current="true"') == 1
    form._pressed("use", first.record.id)
    assert form.value == {"prompt": "first", "duration": 5, "extra": {"a": 1}}
    form._pressed("show", first.record.id)
    assert tiles.index(second.record.id) < tiles.index(first.record.id)
    assert form._current == first.record.id


def test_a_tile_follows_its_clip(desk: Desk) -> None:
    """From running to the poster, told by the engine's thread; then the pickers propose it."""
    desk.home.mkdir()
    (desk.home / "ledger.db").touch()
    form = Form(desk, "relaydance", {"prompt": "a"})
    clip = form.generate()
    assert isinstance(clip, Watched)
    clip.tell(progress=38.0)
    assert "38\N{NO-BREAK SPACE}%" in form._board.tiles
    clip.succeed()
    assert "data:image/jpeg;base64," in form._board.tiles
    assert 'data-state="succeeded"' in form._board.tiles
    assert f"{clip.record.id}  a" in form._sheet.fields["first_frame"].control.options


def test_the_card_stands_below_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook, the living card of the clip asked for last; one at a time."""
    published: list[Any] = []
    monkeypatch.setattr(live, "publish_display_data", lambda *args, **more: published.append(args))
    monkeypatch.setattr(form_module, "in_notebook", lambda: True)
    form = Form(desk, "relaydance", {"prompt": "a"})
    form._pressed("generate", "")
    (card,) = form._card.children
    assert card.state == "running"
    form._pressed("take", "")
    (other,) = form._card.children
    assert other is not card
    assert card.comm is None  # closed


# ── providers ─────────────────────────────────────────────────────────────────
def test_another_provider_keeps_what_carries_over(desk: Desk) -> None:
    """What the new provider takes too stays; the rest is there again when the first one is."""
    form = Form(desk, None, {"prompt": "a", "duration": 8, "resolution": "1080p", "seed": 7})
    assert form.value == {"provider": "relaydance", "prompt": "a", "duration": 8, "resolution": "1080p", "seed": 7}
    assert form._choice is not None
    form._sheet.fields["model"].control.index = 2
    choose = form._choice.control
    choose.index = list(choose.options).index("AiToEarn")
    assert form.value == {"provider": "aitoearn", "prompt": "a", "duration": 8, "resolution": "1080p"}
    form._sheet.fields["prompt"].control.value = "b"
    form._sheet.fields["resolution"].control.index = 0
    choose.index = list(choose.options).index("RelayDance")
    assert form.value == {
        "provider": "relaydance", "model": "doubao-seedance-2-0-720p", "prompt": "b", "duration": 8, "seed": 7,
    }  # fmt: skip


def test_the_provider_is_a_value_where_it_can_be_chosen(desk: Desk) -> None:
    """Set and read like the others; the only one with a key stands there at first."""
    form = Form(desk)
    assert form.value == {"provider": "relaydance"}
    form.value = {"provider": "aisphere", "model": "aisphere-v4", "style": "clay"}
    assert form.provider == "aisphere"
    assert form.value == {"provider": "aisphere", "model": "aisphere-v4", "style": "clay"}


def test_controls_of_the_last_provider_do_not_stay_behind(desk: Desk) -> None:
    """Switching to and fro leaves as many widgets as before."""
    form = Form(desk)
    assert form._choice is not None
    choose = form._choice.control
    counts = []
    for _ in range(3):
        for index in range(len(choose.options)):
            choose.index = index
        counts.append(len(ipywidgets.widgets.widget._instances))
    assert counts[0] == counts[1] == counts[2]


class Tiny(Request):
    """What a provider of somebody's own takes."""

    prompt: str
    mood: str | None = None
    strength: float | None = None
    api_key: str | None = None


TINY = SimpleNamespace(
    NAME="tiny", TITLE="Tiny", BASE_URL="https://tiny.example", KEY="TINY_KEY", BASE="TINY_BASE_URL",
    AUTH=("Authorization", "Bearer {key}"), MODELS=(Model("tiny-1", {"mood": ("calm", "wild")}, default=True),),
    STATES={}, REFUSALS=(), FAILED_BILLING="Not documented.", Request=Tiny,
    submit=lambda request, options: Call("POST", "/v", json=request.given), read_submit=lambda reply: Reading(),
    poll=lambda task, options: Call("GET", "/v"), read_poll=lambda reply: Reading(),
)  # fmt: skip


def test_a_registered_provider_gets_its_form(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no further code; and even it cannot make the form ask for a key."""
    monkeypatch.setattr(providers, "_registered", {})
    providers.register(TINY)  # type: ignore[arg-type]
    form = Form(desk, "tiny", {"prompt": "a", "mood": "wild", "strength": 0.5})
    assert list(form._sheet.fields) == ["prompt", "mood", "strength", "take", "extra"]
    assert list(form._sheet.fields["mood"].control.options) == ["default", "calm", "wild"]
    assert can_generate(form)
    assert form.code() == "vg.tiny.generate(\n    'a',\n    mood='wild',\n    strength=0.5,\n)"
    form.generate()
    assert desk.begun == [{"prompt": "a", "mood": "wild", "strength": 0.5}]
    assert "Tiny" in list(Form(desk)._choice.control.options)  # type: ignore[union-attr]


# ── reference media ───────────────────────────────────────────────────────────
def picker(form: Form, name: str) -> PickerField:
    field = form._sheet.fields[name]
    assert isinstance(field, PickerField)
    return field


def test_media_by_path_and_url_with_a_small_picture(desk: Desk, tmp_path: Path) -> None:
    """A path shows its picture, a URL is not loaded; both can be removed; the code names them as given."""
    Image.new("RGB", (320, 180), (200, 40, 40)).save("boat.png")
    form = Form(desk, "relaydance", {"prompt": "@image1 and @image2"})
    field = picker(form, "reference_images")
    field.control.value = "boat.png"
    assert field.control.value == ""
    field.control.value = f" {URL}?sig=secret "
    assert form.value["reference_images"] == ["boat.png", f"{URL}?sig=secret"]
    path, url = (tile.children[0].value for tile in field._box.children)
    assert "data:image/jpeg;base64," in path
    assert "boat.png" in path
    assert "<img" not in url
    assert "secret" not in url
    assert can_generate(form)
    assert "reference_images=['boat.png', 'https://example.com/a.jpg?sig=secret']" in form.code()
    field._box.children[0].children[1].click()
    assert form.value["reference_images"] == [f"{URL}?sig=secret"]


def test_a_medium_that_cannot_be_used_says_why(desk: Desk) -> None:
    """A wrong path stays, with its problem beside the field; a single medium is replaced by the next."""
    form = Form(desk, "relaydance", {"prompt": "a"})
    field = picker(form, "first_frame")
    field.control.value = "nowhere.png"
    assert "neither a URL nor a file that exists" in notes(form, "first_frame")
    assert "cannot be used" in field._box.children[0].children[0].value
    assert not can_generate(form)
    field.control.value = URL
    assert form.value["first_frame"] == URL
    assert can_generate(form)


class Made(Watched):
    """A finished clip with a last frame."""

    id = "vg-0123456789"
    video = SimpleNamespace(path="x.mp4", last_frame=Image.new("RGB", (64, 36)))


def test_an_earlier_clip_is_proposed_and_taken_by_its_id(desk: Desk) -> None:
    """The list names finished clips; choosing one takes its last frame, and the code names it by its id."""
    clip = Made(make(Status.SUCCEEDED, id=Made.id, files=(FILE,)), desk.home)
    desk.made["x"] = clip
    desk.home.mkdir()
    (desk.home / "ledger.db").touch()
    form = Form(desk, "relaydance", {"prompt": "a"})
    field = picker(form, "first_frame")
    (proposed,) = field.control.options
    assert proposed.startswith(f"{Made.id}  ")
    field.control.value = proposed
    assert form.value["first_frame"] is clip
    assert can_generate(form)
    assert f"first_frame=vg.resume('{Made.id}')" in form.code()


def test_a_picture_without_a_file_is_kept_for_the_code(desk: Desk) -> None:
    """An image from memory has no name: the code names the copy in the home, which is the same request."""
    image = Image.new("RGB", (64, 36), (1, 2, 3))
    form = Form(desk, "relaydance", {"prompt": "a", "first_frame": image})
    assert form.value["first_frame"] is image
    code = form.code()
    given: dict[str, Any] = {}
    names = {"vg": SimpleNamespace(relaydance=SimpleNamespace(generate=lambda prompt, **more: given.update(more)))}
    eval(code, names)
    same = desk.identity("relaydance", {"prompt": "a", **given})
    assert same.identity == desk.identity("relaydance", {"prompt": "a", "first_frame": image}).identity


# ── showing ───────────────────────────────────────────────────────────────────
def test_the_static_form_says_the_same_and_can_hurt_nobody(desk: Desk) -> None:
    """What is saved beside the widget: settings and code, everything escaped, nothing that a sanitizer takes away."""
    form = Form(desk, "relaydance", {"prompt": "<script>alert(1)</script>", "duration": 5})
    data = form._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    assert "<script" not in data["text/html"]
    assert "&lt;script&gt;" in data["text/html"]
    assert "vg.relaydance.generate(" in data["text/html"]
    assert "class=" not in data["text/html"]
    assert "var(" not in data["text/html"]
    assert data["text/plain"].startswith("form of RelayDance: prompt=")
    broken = Form(desk, "relaydance")._repr_mimebundle_()
    assert "is needed" in broken["text/html"]


def test_nothing_of_a_form_is_unescaped(desk: Desk) -> None:
    """Prompts, names of files and of models are other people's words in every part of the page."""
    nasty = "<img src=x onerror=alert(1)>"
    form = Form(desk, "newapi", {"prompt": nasty, "model": nasty, "first_frame": nasty, "size": nasty})
    desk_form = Form(desk, "relaydance", {"prompt": nasty})
    desk_form.generate()
    html = [widget.value for each in (form, desk_form) for widget in form_module._tree(each.widget)
            if isinstance(widget, ipywidgets.HTML)]  # fmt: skip
    assert not [text for text in [*html, desk_form._board.tiles, desk_form._board.line] if "<img src=x" in text]


def test_in_a_script_it_prints_one_line(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a notebook there is nothing to click, and nothing breaks."""
    Form(desk, "relaydance", {"prompt": "a"})._ipython_display_()
    assert capsys.readouterr().out == "form of RelayDance: prompt='a'\n"
