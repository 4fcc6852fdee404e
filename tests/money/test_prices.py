"""What a clip will cost, and from where that is known."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb.providers import aitoearn
from vidgen_nb.providers.contract import Listed, LiveModel
from vidgen_nb.records import Reply
from vidgen_nb.simulator.app import Simulator

from .conftest import MakeStudio

DAY = 86_400
CATALOGUE = json.loads((Path(__file__).parent.parent / "samples/aitoearn/models.json").read_text("utf-8"))["body"]
LISTED = {"provider": "aitoearn", "model": "seedance-2-fast-beta", "duration": 6, "resolution": "480p"}
BOAT = {"provider": "relaydance", "duration": 5}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[vg.Studio]:
    """Nothing is sent in these tests: the addresses lead nowhere."""
    with vg.Studio(home=tmp_path / "vidgen", base_urls={"newapi": "http://127.0.0.1:9"}) as opened:
        yield opened


def cost(studio: vg.Studio, **asked: Any) -> vg.Cost:
    return studio.plan("a boat", **{**BOAT, **asked}).cost


def remember(studio: vg.Studio, *, days: float = 0, body: Any = CATALOGUE) -> None:
    """A live catalogue of AiToEarn, as it was read some days ago."""
    studio.prices.remember(aitoearn, "https://aitoearn.cn", aitoearn.read_models(Reply(200, body)))
    studio.ledger.write("UPDATE listings SET at = at - ?", days * DAY)


# ── own prices ────────────────────────────────────────────────────────────────
def test_a_price_makes_a_cost(studio: vg.Studio) -> None:
    """Per second times the duration, or per clip; said with where it is known from."""
    assert cost(studio) == vg.Cost()
    studio.price("relaydance", "doubao-*", per_second=1.1, unit="CNY")
    assert str(cost(studio)) == "5.50 CNY, by your price"
    assert str(cost(studio, duration=10)) == "11 CNY, by your price"
    studio.price("relaydance", "doubao-*", per_clip=1.4, unit="CNY")
    assert str(cost(studio, duration=10)) == "1.40 CNY, by your price"
    plan = studio.plan("a boat", **BOAT)
    assert "Cost: 1.40 CNY, by your price" in str(plan).replace("\N{NO-BREAK SPACE}", " ")


def test_a_price_outlives_the_kernel(studio: vg.Studio) -> None:
    """It is kept in the home, for this provider and these models only."""
    studio.price("relaydance", "doubao-*", per_second=1.1, unit="CNY")
    with vg.Studio(home=studio.home, base_urls={"newapi": "http://127.0.0.1:9"}) as another:
        assert cost(another).amount == 5.5
        assert cost(another, model="seedance-1-5-pro-no-audio") == vg.Cost()
        assert cost(another, provider="newapi", model="doubao-seedance-2-0-260128") == vg.Cost()


def test_the_nearest_price_counts(studio: vg.Studio) -> None:
    """The model's own name before any pattern, a longer pattern before a shorter one; the last word on the same."""
    studio.price("relaydance", "*", per_clip=1, unit="CNY")
    studio.price("relaydance", "doubao-*", per_clip=2, unit="CNY")
    assert cost(studio).amount == 2
    studio.price("relaydance", "doubao-seedance-2-0-1080p", per_clip=3, unit="CNY")
    studio.price("relaydance", "doubao-*-1080p*********************", per_clip=4, unit="CNY")
    assert cost(studio).amount == 3
    studio.price("relaydance", "doubao-seedance-2-0-1080p", per_clip=5, unit="CNY")
    assert cost(studio).amount == 5
    studio.price("relaydance", "doubao-seedance-2-0-1080p", forget=True)
    assert cost(studio).amount == 4
    assert cost(studio, model="seedance-1-5-pro-no-audio").amount == 1


def test_a_duration_that_nobody_knows_makes_no_price(studio: vg.Studio) -> None:
    """Not given, or left to the model: the cost is unknown and says why; never 0."""
    studio.price("relaydance", per_second=1.1, unit="CNY")
    studio.price("aioagi", per_second=2, unit="CNY")
    for unknown in (cost(studio, duration=None), cost(studio, provider="aioagi", duration=-1)):
        assert unknown.amount is None
        assert "cost unknown" in str(unknown)
        assert "the duration is the provider's choice" in str(unknown)


def test_a_small_price_is_not_shown_as_nothing(studio: vg.Studio) -> None:
    """0.004 is not 0.00; what a person says is free is 0."""
    studio.price("relaydance", per_clip=0.004, unit="USD")
    assert str(cost(studio)) == "0.004 USD, by your price"
    studio.price("relaydance", per_second=1.1, unit="CNY")
    assert cost(studio, duration=9).amount == 9.9
    studio.price("relaydance", per_clip=0, unit="CNY")
    assert str(cost(studio)) == "0 CNY, by your price"


def test_own_prices_are_a_table(studio: vg.Studio) -> None:
    """In text and in HTML; without any it says so."""
    assert str(studio.price()) == "no own prices"
    table = studio.price("relaydance", "<b>*", per_second=1.1, unit="CNY")
    table = studio.price("aitoearn", per_clip="listed")
    assert [(price.provider, price.pattern, price.per) for price in table] == [
        ("aitoearn", "*", "clip"),
        ("relaydance", "<b>*", "second"),
    ]
    assert "1.10 CNY per second" in str(table)
    assert "as listed per clip" in str(table)
    html = table._repr_mimebundle_()["text/html"]
    assert "&lt;b&gt;*" in html
    assert "<b>*" not in html


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, ["per_second: give it or per_clip", "unit: None is no unit"]),
        ({"per_second": 1, "per_clip": 1, "unit": "CNY"}, ["one of the two"]),
        ({"per_second": "1.1", "unit": "CNY"}, ["per_second: '1.1'"]),
        ({"per_second": True, "unit": "CNY"}, ["per_second: True"]),
        ({"per_second": -1, "unit": "CNY"}, ["per_second: -1"]),
        ({"per_clip": float("nan"), "unit": "CNY"}, ["per_clip: nan"]),
        ({"per_clip": float("inf"), "unit": "CNY"}, ["per_clip: inf"]),
        ({"per_clip": [1], "unit": "CNY"}, ["per_clip: [1]"]),
        ({"per_clip": 1e300, "unit": "CNY"}, ["per_clip: 1e+300"]),
        ({"per_clip": 1}, ["unit: None is no unit"]),
        ({"per_clip": 1, "unit": " "}, ["unit: ' ' is no unit"]),
        ({"per_clip": 1, "unit": 5}, ["unit: 5 is no unit"]),
        ({"model": "", "per_clip": 1, "unit": "CNY"}, ["model: '' is no name"]),
        ({"model": None, "per_clip": -1, "unit": ""}, ["model: None", "per_clip: -1", "unit: ''"]),
    ],
)
def test_what_is_no_price_is_said(studio: vg.Studio, said: dict[str, Any], words: list[str]) -> None:
    """Every problem at once, with a next step, and nothing is kept."""
    with pytest.raises(vg.InvalidRequest) as raised:
        studio.price("relaydance", **said)
    for word in words:
        assert word in str(raised.value)
    assert "vg.price(" in str(raised.value)
    assert list(studio.price()) == []


def test_a_price_needs_a_provider_that_there_is(studio: vg.Studio) -> None:
    """A slip in the name is said, with what there is."""
    with pytest.raises(vg.UnknownProvider, match="relaydance"):
        studio.price("relaydence", per_clip=1, unit="CNY")
    with pytest.raises(vg.InvalidRequest, match="of a provider"):
        studio.price(per_clip=1, unit="CNY")


def test_only_a_price_that_there_is_can_be_taken_back(studio: vg.Studio) -> None:
    """A slip in the pattern must not leave a price standing that a person believes to be gone."""
    studio.price("relaydance", "doubao-*", per_clip=1, unit="CNY")
    for slip in ("doubao", "*", None, ["doubao-*"]):
        with pytest.raises(vg.InvalidRequest, match=r"There are: doubao-\*"):
            studio.price("relaydance", slip, forget=True)  # type: ignore[arg-type]
    assert list(studio.price("relaydance", "doubao-*", forget=True)) == []


def test_a_plan_makes_no_home(tmp_path: Path) -> None:
    """Asking what it costs leaves nothing behind."""
    home = tmp_path / "elsewhere"
    with vg.Studio(home=home, budget={"CNY": 1}) as studio:
        plan = studio.plan("a boat", **BOAT, max_cost={"CNY": 1})
    assert plan.cost == vg.Cost()
    assert any("max_cost" in str(warning) for warning in plan.warnings)
    assert not home.exists()


# ── listed prices ─────────────────────────────────────────────────────────────
def test_a_listed_number_without_a_meaning_is_unknown(studio: vg.Studio) -> None:
    """AiToEarn lists credits and not for what: shown with its age, never counted."""
    remember(studio, days=3.5)
    listed = cost(studio, **LISTED)
    assert listed.amount is None
    assert "listed: 36 credits (unit not documented)" in str(listed)
    assert "3 days old" in str(listed)
    assert "36 credits (unit not documented)" in str(studio.plan("a boat", **LISTED))


def test_a_person_says_what_a_listed_number_means(studio: vg.Studio) -> None:
    """Per clip or per second, in the unit of the list or in another one; its age stays beside it."""
    remember(studio, days=1)
    studio.price("aitoearn", per_clip="listed")
    told = cost(studio, **LISTED)
    assert (told.amount, told.unit) == (36, "aitoearn credits")
    assert "1 day old" in told.basis
    studio.price("aitoearn", per_second="listed", unit="points")
    assert (cost(studio, **LISTED).amount, cost(studio, **LISTED).unit) == (216, "points")
    studio.price("aitoearn", per_second=0.5, unit="CNY")
    assert str(cost(studio, **LISTED)) == "3 CNY, by your price"


def test_a_list_has_a_price_for_some_values_only(studio: vg.Studio) -> None:
    """Another duration, model or site has none; then it says how to ask for the list."""
    studio.price("aitoearn", per_clip="listed")
    assert 'vg.models("aitoearn", live=True)' in str(cost(studio, **LISTED))
    remember(studio)
    assert cost(studio, **LISTED).amount == 36
    assert cost(studio, **{**LISTED, "duration": 7}).amount is None
    assert cost(studio, **{**LISTED, "resolution": "720p"}).amount is None
    assert cost(studio, **{**LISTED, "model": "seedance-2-beta", "resolution": "720p"}).amount is None
    with vg.Studio(home=studio.home, options={"aitoearn": {"site": "intl"}}) as abroad:
        assert cost(abroad, **LISTED).amount is None


def test_the_dearest_of_several_counts() -> None:
    """Where a value is not given, or a mode cannot be told, the price is not underestimated."""
    rows = [{"price": 10, "mode": "text2video"}, {"price": 30, "mode": "image2video"}, {"price": "x"}, "junk", {}]
    model = LiveModel("m", {"pricing": [*rows, {"price": 0}, {"price": True}, {"price": 1e400}]})
    assert [row.amount for row in aitoearn.listed(model)] == [10, 30]
    for nothing in ({}, {"pricing": None}, {"pricing": {"price": 5}}, {"pricing": "free"}):
        assert aitoearn.listed(LiveModel("m", nothing)) == []


def test_the_dearest_listed_price_is_the_cost(studio: vg.Studio) -> None:
    """480p at 36, 720p at 60, no resolution given: 60 at most."""
    pricing = [{"resolution": "480p", "price": 36}, {"resolution": "720p", "price": 60}, {"price": 20, "duration": 9}]
    remember(studio, body={"code": 0, "data": [{"name": "seedance-2-fast-beta", "pricing": pricing}]})
    studio.price("aitoearn", per_clip="listed")
    assert cost(studio, **{**LISTED, "resolution": None}).amount == 60
    assert cost(studio, **LISTED).amount == 36


def test_a_list_which_says_what_its_numbers_are_for_needs_no_person(
    studio: vg.Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that documents it gives a known cost, with its age."""
    rows = [Listed("seedance-2-fast-beta", 0.5, "CNY", "second")]
    monkeypatch.setattr(aitoearn, "listed", lambda model: rows)
    remember(studio, days=2)
    assert cost(studio, **LISTED).amount == 3
    assert "2 days old" in cost(studio, **LISTED).basis


def test_the_live_catalogue_is_remembered(make_studio: MakeStudio, simulator: Simulator) -> None:
    """vg.models(live=True) keeps what is listed, and a plan of another kernel reads it without a network."""
    studio = make_studio()
    listed = studio.models("aitoearn", live=True)
    kept = studio.ledger.ask(lambda db: db.execute("SELECT provider, origin FROM listings").fetchall())
    assert [row["provider"] for row in kept] == ["aitoearn"]
    assert len(listed) > 0
    studio.models("relaydance", live=True)
    assert len(studio.ledger.ask(lambda db: db.execute("SELECT * FROM listings").fetchall())) == 1
