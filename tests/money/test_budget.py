"""Budgets: refused before the POST, with what is in flight, for all kernels together; units are never added up."""

import contextlib
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.errors import VidgenError
from vidgen_nb.orders import Order
from vidgen_nb.purse import Leave, checked_budget
from vidgen_nb.records import Status
from vidgen_nb.simulator.app import Simulator

from ..hostile.toxics import until
from .conftest import MakeStudio

WAITING = "a boat (simulate queued=1e12)"
BOAT: dict[str, Any] = {"provider": "relaydance", "duration": 5}  # 5.50 CNY
KLING: dict[str, Any] = {"provider": "newapi", "model": "kling-v1", "duration": 5, "aspect_ratio": "16:9"}


def priced(make_studio: MakeStudio, **arguments: Any) -> vg.Studio:
    studio = make_studio(**arguments)
    studio.price("relaydance", per_second=1.1, unit="CNY")
    studio.price("newapi", per_clip=0.2, unit="USD")
    return studio


def refused(studio: vg.Studio, bill: list[Any], prompt: str = "a fox", **asked: Any) -> str:
    """The words of a refusal that sent nothing and wrote nothing."""
    before, rows = len(bill), len(studio.history())
    with pytest.raises(vg.BudgetExceeded) as raised:
        studio.generate(prompt, **{**BOAT, **asked})
    assert (len(bill), len(studio.history())) == (before, rows)
    assert "Nothing was sent" in str(raised.value)
    assert raised.value.hint
    return str(raised.value)


def test_what_is_in_flight_counts(make_studio: MakeStudio, bill: list[Any]) -> None:
    """Two clips of 5.50 fit into 11, a third does not, though none has ended yet."""
    studio = priced(make_studio, budget={"CNY": 11})
    for take in (1, 2):
        studio.generate(WAITING, **BOAT, take=take)
    said = refused(studio, bill)
    assert "5.50 CNY" in said
    assert "11 CNY are spent or in flight" in said
    assert len(bill) == 2


def test_the_last_of_a_budget_may_be_spent(make_studio: MakeStudio, bill: list[Any]) -> None:
    """Three times 1.10 is 3.30, whatever floating point says."""
    studio = make_studio(budget={"CNY": 3.3})
    studio.price("relaydance", per_clip=1.1, unit="CNY")
    for take in (1, 2, 3):
        studio.generate(WAITING, **BOAT, take=take)
    refused(studio, bill)


def test_a_sweep_is_held_against_the_budget_as_a_whole(make_studio: MakeStudio, bill: list[Any]) -> None:
    """Each of three clips fits, and all of them do not: the plan says so before; those that fit are made."""
    studio = priced(make_studio, budget={"CNY": 11, "USD": 0.1})
    sweep = studio.sweep("a {animal} (simulate queued=1e12)", animal=["fox", "owl", "hen"], **BOAT)
    assert "budget" not in str([row.warnings for row in sweep.rows])
    for text in sweep._repr_mimebundle_().values():
        assert "Together: 16.50 CNY, by your price is beyond budget" in text
        assert "0 CNY are spent or in flight" in text
    assert studio.sweep("a {animal}", animal=["fox", "owl"], **BOAT).beyond == ()
    longer = {"animal": ["fox", "owl"], **BOAT, "duration": [5, 10]}
    assert studio.sweep("a {animal}", **longer, max_cost={"CNY": 6}).beyond == (), "the long ones are refused anyway"
    assert bill == []
    run = sweep.run()
    until(lambda: run.errors and len(bill) == 2)
    run.stop()
    assert [type(error) for error in run.errors.values()] == [vg.BudgetExceeded]


def test_a_replay_needs_no_budget(make_studio: MakeStudio, bill: list[Any]) -> None:
    """The clip that exists is given, however little is left."""
    first = priced(make_studio)
    clip = first.generate("a boat", **BOAT).wait(30)
    poor = make_studio(budget={"CNY": 0})
    assert poor.generate("a boat", **BOAT) == clip
    assert "budget" not in str(poor.plan("a boat", **BOAT).warnings)
    assert "budget" in str(poor.plan("another", **BOAT).warnings)
    assert len(bill) == 1


@pytest.mark.parametrize(
    ("prompt", "fits"),
    [
        ("a boat", False),
        ("a boat (simulate fail=upstream)", True),  # RelayDance documents that it takes nothing
        ("a boat (simulate refuse=quota)", True),
        ("a boat (simulate lost_reply)", False),
        ("a boat (simulate refuse=server)", False),
    ],
)
def test_what_may_have_been_charged_counts(
    make_studio: MakeStudio, bill: list[Any], prompt: str, *, fits: bool
) -> None:
    """Succeeded and unknown outcomes count at what they cost at most, refused and refunded ones do not."""
    studio = priced(make_studio, budget={"CNY": 10})
    with contextlib.suppress(VidgenError):
        studio.generate(prompt, **BOAT).wait(30)
    if fits:
        assert studio.generate("a fox", **BOAT).wait(30).path
    else:
        refused(studio, bill)


def test_a_failure_counts_where_the_provider_is_silent(make_studio: MakeStudio, bill: list[Any]) -> None:
    """AIOAGI does not say whether it bills failed tasks: counted, and shown as unknown."""
    studio = make_studio(budget={"CNY": 10})
    studio.price("aioagi", per_clip=6, unit="CNY")
    with pytest.raises(vg.GenerationFailed):
        studio.generate("a boat (simulate fail=upstream)", provider="aioagi", duration=5).wait(30)
    (row,) = studio.spend()
    assert (row.charged, row.unknown, row.at_most) == (0, 1, 6)
    refused(studio, bill, provider="aioagi", duration=5)


def test_units_are_never_added_up(make_studio: MakeStudio, bill: list[Any]) -> None:
    """5.50 CNY leave the dollars alone."""
    studio = priced(make_studio, budget={"CNY": 6, "USD": 0.2})
    studio.generate(WAITING, **BOAT)
    studio.generate(WAITING, **KLING)
    refused(studio, bill)
    refused(studio, bill, **KLING)
    assert len(bill) == 2


def test_a_unit_which_the_budget_does_not_name_is_unknown(make_studio: MakeStudio, bill: list[Any]) -> None:
    """And unknown is refused, unless a person says that it is meant."""
    studio = priced(make_studio, budget={"CNY": 100})
    assert "is in a unit which budget does not name (CNY)" in refused(studio, bill, **KLING)
    assert studio.generate("a fox", **KLING, allow_unknown_cost=True).wait(30).path


def test_an_unknown_cost_is_refused(make_studio: MakeStudio, bill: list[Any]) -> None:
    """No price, no number: the budget cannot hold it; the plan says so before."""
    studio = make_studio(budget={"CNY": 100})
    said = refused(studio, bill)
    assert "not known" in said
    assert "vg.price(" in said
    assert "allow_unknown_cost=True" in said
    assert "not known" in str(studio.plan("a fox", **BOAT).warnings)
    assert "not known" not in str(studio.plan("a fox", **BOAT, allow_unknown_cost=True).warnings)
    assert studio.generate("a fox", **BOAT, allow_unknown_cost=True).wait(30).path
    assert len(bill) == 1


def test_allowing_the_unknown_does_not_lift_the_budget(make_studio: MakeStudio, bill: list[Any]) -> None:
    """A known cost beyond it stays refused."""
    studio = priced(make_studio, budget={"CNY": 5})
    refused(studio, bill, allow_unknown_cost=True)


def test_max_cost_is_for_one_call(make_studio: MakeStudio, bill: list[Any]) -> None:
    """It holds the clip's own cost, it is no part of the request, and a known clip is given all the same."""
    studio = priced(make_studio)
    assert "max_cost" in refused(studio, bill, max_cost={"CNY": 5})
    assert "is in a unit which max_cost does not name" in refused(studio, bill, max_cost={"USD": 100})
    clip = studio.generate("a fox", **BOAT, max_cost={"CNY": 5.5}).wait(30)
    assert studio.generate("a fox", **BOAT) == clip
    assert studio.generate("a fox", **BOAT, max_cost={"CNY": 1}) == clip
    assert "max_cost" not in clip.request
    plan = studio.plan("another", **BOAT, max_cost={"CNY": 1})
    assert plan.identity == studio.plan("another", **BOAT).identity
    assert any("max_cost={'CNY': 1}" in str(warning) for warning in plan.warnings)
    with pytest.raises(vg.BudgetExceeded):
        clip.retake(max_cost={"CNY": 1})
    assert clip.retake(max_cost={"CNY": 10}).take == 2
    with pytest.raises(vg.BudgetExceeded):
        studio.begin("relaydance", {"prompt": "a third", "duration": 5}, max_cost={"CNY": 1})
    with pytest.raises(vg.BudgetExceeded):
        studio.relaydance.generate("a fourth", seconds="5", max_cost={"CNY": 1})
    assert len(bill) == 2


def test_resubmitting_is_paid_out_of_the_budget(make_studio: MakeStudio, bill: list[Any]) -> None:
    """The first may have been charged: both count, and what does not fit is not sent."""
    studio = priced(make_studio, budget={"CNY": 10})
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate("a boat (simulate lost_reply)", **BOAT)
    lost = raised.value.generation
    with pytest.raises(vg.BudgetExceeded):
        lost.resubmit(accept_double_charge=True)
    assert (lost.status, len(bill)) == (Status.UNKNOWN, 1)
    rich = make_studio(budget={"CNY": 11})
    again = rich.get(lost.id)
    assert again is not None
    with pytest.raises(vg.SubmitUnknown):
        again.resubmit(accept_double_charge=True)
    assert len(bill) == 2
    (row,) = rich.spend()
    assert (row.clips, row.unknown, row.at_most) == (2, 2, 11)
    again.adopt(bill[-1].id)
    again.wait(30)
    (row,) = rich.spend()
    assert (row.charged, row.unknown, row.at_most) == (5.5, 1, 5.5)


@pytest.mark.parametrize(
    "given",
    [50, "CNY", ["CNY", 50], {"CNY": "50"}, {"CNY": -1}, {"CNY": True}, {"CNY": float("nan")}, {"": 5}, {5: 5}],
)
def test_what_is_no_budget_is_said(given: Any) -> None:
    """For the Studio and for a call, with a next step; nothing is sent."""
    with pytest.raises(vg.InvalidRequest, match=r"(?s)budget.*Such as budget={"):
        vg.Studio(budget=given)
    with vg.Studio(simulate=True) as studio:
        for call in (studio.generate, studio.plan):
            with pytest.raises(vg.InvalidRequest, match=r"(?s)max_cost.*Such as max_cost={"):
                call("a boat", **BOAT, max_cost=given)
            with pytest.raises(vg.InvalidRequest, match="allow_unknown_cost takes True or False"):
                call("a boat", **BOAT, allow_unknown_cost="yes")
        assert studio.history() == []


def test_a_budget_of_several_units() -> None:
    """As people write it; none is none."""
    assert checked_budget({" CNY ": 50, "aitoearn credits": 300}, "budget") == {"CNY": 50.0, "aitoearn credits": 300.0}
    assert checked_budget(None, "budget") == {}


def test_simulated_clips_need_no_budget() -> None:
    """They cost nothing, and what they would cost is not booked."""
    with vg.Studio(simulate=True, budget={"CNY": 0}, timing=vg.Timing(first_poll=0.02, min_gap=0.02)) as studio:
        clip = studio.generate(WAITING, **BOAT)
        assert str(clip.cost) == "0, simulated"
        assert studio.plan("a fox", **BOAT, max_cost={"CNY": 0}).cost.amount == 0
        assert list(studio.spend()) == []


def test_the_budget_is_asked_in_the_transaction_that_books(make_studio: MakeStudio) -> None:
    """While one kernel is between its question and its row, another one is not even asked; then it sees the row."""
    studio = priced(make_studio, budget={"CNY": 6})
    other = make_studio(budget={"CNY": 6})
    leave = Leave({}, unknown=False)
    gateway = studio.gateways.to("relaydance")
    orders = [Order("relaydance", {"prompt": name, "duration": 5}) for name in ("a fox", "an owl")]
    wanted = [studio.orders.row(gateway, studio.orders.asked(gateway, order)) for order in orders]
    inside, go_on, asked = threading.Event(), threading.Event(), threading.Event()
    said: list[str] = []

    def first(db: sqlite3.Connection) -> None:
        studio.purse.guard(wanted[0].cost, leave)(db)
        inside.set()
        assert go_on.wait(30)

    def second(db: sqlite3.Connection) -> None:
        asked.set()
        other.purse.guard(wanted[1].cost, leave)(db)

    def buy() -> None:
        try:
            other.ledger.intend(wanted[1], second)
        except vg.BudgetExceeded as error:
            said.append(str(error))

    threads = [threading.Thread(target=studio.ledger.intend, args=(wanted[0], first)), threading.Thread(target=buy)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    assert not asked.wait(0.3)
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert len(said) == 1
    assert "5.50 CNY are spent or in flight" in said[0]
    assert [row.id for row in studio.ledger.search()] == [wanted[0].id]


BUYER = """
    import sys
    import vidgen_nb as vg
    url, home, name = sys.argv[1:]
    studio = vg.Studio(home=home, keys={"relaydance": "sk"}, base_urls={"relaydance": url}, allow_paid=True,
                       budget={"CNY": 33.0})
    print("ready", flush=True)
    sys.stdin.readline()
    bought = 0
    for take in range(10):
        try:
            studio.generate(f"{name} (simulate queued=1e12)", provider="relaydance", duration=5, take=take + 1)
        except vg.BudgetExceeded:
            break
        bought += 1
    print(bought, flush=True)
    studio.close()
"""


def test_two_kernels_cannot_spend_the_last_of_it_twice(make_studio: MakeStudio, bill: list[Any]) -> None:
    """Three processes buy at once out of one budget of six clips: six POSTs arrive, not one more."""
    studio = priced(make_studio)
    url = studio.gateways.to("relaydance").base_url
    command = [sys.executable, "-c", textwrap.dedent(BUYER), url, str(studio.home)]
    buyers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("fox", "owl", "cat")
    ]
    for buyer in buyers:
        assert buyer.stdout is not None
        assert buyer.stdout.readline() == "ready\n"
    answers = [buyer.communicate("go\n", timeout=120)[0] for buyer in reversed(buyers)]
    assert all(buyer.returncode == 0 for buyer in buyers)
    assert sum(int(answer) for answer in answers) == len(bill) == 6
    (row,) = studio.spend()
    assert (row.reserved, row.clips) == (33, 6)


# ── what the providers tell ───────────────────────────────────────────────────
def test_a_quota_is_the_price_where_there_is_no_other(studio: vg.Studio) -> None:
    """New API tells what it took when the clip is done; until then the cost is unknown."""
    clip = studio.generate("a boat", **KLING)
    clip.wait(30)
    assert clip.cost == vg.Cost(50_000, "quota", "reported by the gateway")
    (row,) = studio.spend()
    assert (row.unit, row.charged) == ("quota", 50_000)


def test_a_quota_stands_beside_an_own_price(make_studio: MakeStudio) -> None:
    """A budget in dollars must not lose sight of the clip because the gateway counts in quota."""
    studio = priced(make_studio, budget={"USD": 0.3})
    clip = studio.generate("a boat", **KLING).wait(30)
    assert (clip.cost.amount, clip.cost.unit, clip.cost.reported) == (0.2, "USD", "50000 quota")
    with pytest.raises(vg.BudgetExceeded):
        studio.generate("a fox", **KLING)


def test_usage_is_attached_and_is_no_price(studio: vg.Studio) -> None:
    """AiSphere counts seconds: told with the cost, which stays unknown."""
    asked = {"provider": "aisphere", "model": "aisphere-v5", "duration": 5}
    clip = studio.generate("a boat", **asked, first_frame="https://example.com/boat.png").wait(30)
    assert clip.cost.amount is None
    assert clip.cost.reported == "5 s"
    assert "5 s reported" in clip._repr_mimebundle_()["text/html"].replace("\N{NO-BREAK SPACE}", " ")


def test_points_are_the_price_of_a_submission(tmp_path: Path) -> None:
    """AiToEarn may tell points with the task: they take the place of what was listed, in credits."""
    from vidgen_nb.engine.rules import settled
    from vidgen_nb.records import UNKNOWN_COST, Cost

    points = Cost(36, "aitoearn credits", "as AiToEarn answered")
    assert settled(UNKNOWN_COST, points) == points
    assert settled(Cost(40, "aitoearn credits", "as listed"), points) == points
    assert settled(Cost(3, "CNY", "by your price"), points) == Cost(3, "CNY", "by your price", "36 aitoearn credits")
    assert settled(settled(Cost(3, "CNY"), points), points) == settled(Cost(3, "CNY"), points)


# ── spend ─────────────────────────────────────────────────────────────────────
def test_spend_is_a_table_for_each_unit(make_studio: MakeStudio, simulator: Simulator) -> None:
    """By provider, day and model: reserved, charged, refunded, unknown; what is unknown is never 0."""
    studio = priced(make_studio)
    assert str(studio.spend()) == "nothing was spent"
    studio.generate("a boat", **BOAT).wait(30)
    studio.generate(WAITING, **BOAT)
    studio.generate(WAITING, **KLING)
    with pytest.raises(vg.GenerationFailed):
        studio.generate("a boat (simulate fail=upstream)", **BOAT).wait(30)
    with pytest.raises(vg.SubmitUnknown):
        studio.generate("a boat (simulate lost_reply)", **BOAT)
    studio.generate(WAITING, provider="aioagi", duration=5)
    rows = {(row.unit, row.group): row for row in studio.spend()}
    assert set(rows) == {("CNY", "relaydance"), ("USD", "newapi"), ("", "aioagi")}
    cny = rows["CNY", "relaydance"]
    assert (cny.clips, cny.reserved, cny.charged, cny.refunded, cny.unknown, cny.at_most) == (4, 5.5, 5.5, 5.5, 1, 5.5)
    assert (rows["", "aioagi"].unknown, rows["", "aioagi"].charged) == (1, 0)

    text = str(studio.spend())
    lines = {line.split()[0]: line.split() for line in text.splitlines()}
    assert lines["CNY"] == ["CNY", "relaydance", "4", "5.50", "5.50", "5.50", "1,", "at", "most", "5.50"]
    assert lines["not"] == ["not", "known", "aioagi", "1", "–", "–", "–", "1"]
    html = studio.spend("model")._repr_mimebundle_()["text/html"]
    assert "doubao-seedance-2-0-1080p" in html
    assert len(studio.spend(by="day")) == 3


def test_totals_are_within_a_unit(studio: vg.Studio) -> None:
    """Two providers in CNY have one line for all of it; another unit has none of it."""
    studio.price("relaydance", per_clip=1.1, unit="CNY")
    studio.price("aioagi", per_clip=2.2, unit="CNY")
    studio.price("newapi", per_clip=5, unit="USD")
    for name in ("relaydance", "aioagi"):
        studio.generate(WAITING, provider=name, duration=5)
    studio.generate(WAITING, **KLING)
    lines = [line.split() for line in str(studio.spend()).splitlines()]
    assert ["all", "2", "3.30", "0", "0", "none"] in lines
    assert sum(line[0] == "all" for line in lines) == 1


@pytest.mark.parametrize("by", ["week", None, 5, ["day"]])
def test_an_unknown_grouping_is_said(by: Any) -> None:
    """With the three that there are."""
    with vg.Studio() as studio, pytest.raises(vg.InvalidRequest, match="provider, day, model"):
        studio.spend(by)


def test_the_bill_of_real_clips(make_studio: MakeStudio, bill: list[Any]) -> None:
    """Through the whole engine, all five at once: what is booked is what the simulator bills, clip by clip."""
    studio = priced(make_studio)
    asked = {
        "relaydance": {"duration": 5},
        "newapi": {name: KLING[name] for name in ("model", "duration", "aspect_ratio")},
        "aitoearn": {"duration": 4},
        "aioagi": {"duration": 4},
        "aisphere": {"model": "aisphere-v5", "duration": 5, "first_frame": "https://example.com/boat.png"},
    }
    for name in providers.BUILT_IN:
        for directive in ("", "(simulate fail=moderation)", "(simulate lost_reply)", "(simulate refuse=quota)"):
            try:
                studio.generate(f"a boat {directive}", provider=name, **asked[name]).wait(30)
            except VidgenError:
                continue
    rows = {(row.group, row.unit): row for row in studio.spend()}
    assert sum(row.clips for row in rows.values()) == len(bill) == 15
    cny, usd = rows["relaydance", "CNY"], rows["newapi", "USD"]
    assert (cny.charged, cny.refunded, cny.unknown, cny.at_most) == (5.5, 5.5, 1, 5.5)
    assert (usd.charged, usd.refunded, usd.unknown, usd.at_most) == (0.2, 0.2, 1, 0.2)
    for name in ("aitoearn", "aioagi", "aisphere"):
        assert rows[name, ""].unknown == 3
