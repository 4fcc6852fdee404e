"""vg.sweep() with simulated providers: the plan, the run, and what was paid for, by the simulator's own log."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.records import Cost, Status
from vidgen_nb.simulator.app import Simulator
from vidgen_nb.sweeps import total

from ..clips import mp4

FILM = mp4()
IMAGE = "https://example.com/a.jpg"
ONE = {"provider": "relaydance", "model": "doubao-seedance-2-0-fast-260128", "resolution": "480p", "duration": 4}
TIMING = vg.Timing(first_poll=0.02, min_gap=0.02, max_gap=0.2)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """With a stand-in for the films."""
    with Simulator(journal=tmp_path / "journal", speed=100, render=lambda ask, path, halted: _film(path)) as running:
        yield running


def _film(path: Path) -> None:
    path.write_bytes(FILM)


@pytest.fixture
def studio(simulator: Simulator) -> Iterator[vg.Studio]:
    with vg.Studio(simulate=True, timing=TIMING) as opened:
        opened.__dict__["_simulator"] = simulator
        yield opened


def posts(simulator: Simulator) -> int:
    return len([entry for entry in simulator.log if entry.method == "POST"])


def statuses(run: vg.SweepRun) -> list[str]:
    return [clip.status.value for clip in run.clips]


# ── the plan ──────────────────────────────────────────────────────────────────
def test_a_plan_sends_nothing(studio: vg.Studio, simulator: Simulator) -> None:
    """It shows each clip, and knows those that exist."""
    studio.generate("a fox", **ONE).wait(30)
    before = len(simulator.log)
    plan = studio.sweep("a {animal}", animal=["fox", "owl"], **ONE)
    assert len(plan) == 2
    assert plan.counts == {"exists": 1, "new": 1}
    assert "2 clips: 1 new, 1 exists already" in str(plan)
    assert "0 new charges" in str(plan)
    assert len(simulator.log) == before
    html = plan._repr_mimebundle_()["text/html"]
    assert "exists already" in html
    assert "owl" in html


def test_the_reason_of_each_invalid_row_is_shown(studio: vg.Studio, simulator: Simulator) -> None:
    """One invalid row refuses the whole; the error names the rows; nothing is sent."""
    plan = studio.sweep("a boat", **{**ONE, "duration": [4, 99, 5, 98]})
    assert plan.counts == {"new": 2, "invalid": 2}
    assert "99 is not offered" in str(plan)
    assert "skip_invalid=True" in str(plan)
    with pytest.raises(vg.InvalidRequest, match="2 of 4") as raised:
        plan.run()
    assert [problem.parameter for problem in raised.value.problems] == ["row 2 (99 s)", "row 4 (98 s)"]
    assert posts(simulator) == 0


def test_invalid_rows_can_be_skipped(studio: vg.Studio, simulator: Simulator) -> None:
    """The valid ones are made, the others keep their place and their reason."""
    run = studio.sweep("a boat", skip_invalid=True, **{**ONE, "duration": [4, 99]}).run().wait(30)
    assert statuses(run) == ["succeeded"]
    assert posts(simulator) == 1
    assert [cell.state for cell in run.grid().cells] == ["succeeded", "invalid"]
    assert "99 is not offered" in run.grid().cells[1].reason
    with pytest.raises(vg.InvalidRequest, match="1 of 1"):
        studio.sweep("a boat", **{**ONE, "duration": [99]}).run(skip_invalid=True)


def test_the_same_request_twice_is_one_clip(studio: vg.Studio, simulator: Simulator) -> None:
    """Two templates which end as the same prompt are paid for once."""
    plan = studio.sweep(["a {x}", "a fox"], x=["fox"], **ONE)
    assert [row.state for row in plan.rows] == ["new", "repeat"]
    run = plan.run().wait(30)
    assert run.clips[0] is run.clips[1]
    assert posts(simulator) == 1


@pytest.mark.parametrize("parallel", [0, True, 2.5, "3", {"relaydance": 0}, {"relaydanse": 2}])
def test_a_bad_parallel_is_told(studio: vg.Studio, simulator: Simulator, parallel: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(vg.InvalidRequest, match="parallel"):
        studio.sweep("a {x}", x=["fox"], **ONE).run(parallel)
    assert posts(simulator) == 0


# ── money ─────────────────────────────────────────────────────────────────────
def test_units_are_never_added_together() -> None:
    """A sum for each unit, and unknown stays unknown."""
    costs = [Cost(1, "CNY", "a"), Cost(2, "CNY", "b"), Cost(5, "credits", "c"), Cost()]
    assert total(costs) == [Cost(3, "CNY"), Cost(5, "credits", "c"), Cost()]
    assert total([]) == []


def test_an_unknown_cost_is_said(tmp_path: Path) -> None:
    """Never as 0; with a price of the person's own it is their sum."""
    with vg.Studio(keys={"relaydance": "sk-x"}, home=tmp_path / "home") as studio:
        plan = studio.sweep("a {x}", x=["fox", "owl"], **ONE)
        assert "cost unknown, for 2 new" in str(plan)
        assert plan.costs == [Cost()]
        studio.price("relaydance", "doubao-*", per_second=0.5, unit="CNY")
        priced = studio.sweep("a {x}", x=["fox", "owl"], **ONE)
        assert [(cost.amount, cost.unit) for cost in priced.costs] == [(4, "CNY")]


def test_without_a_key_nothing_begins(tmp_path: Path) -> None:
    """Said by run() itself, not tile by tile; nor does a run begin that may not pay."""
    with vg.Studio(home=tmp_path / "home") as studio, pytest.raises(vg.MissingKey):
        studio.sweep("a {x}", x=["fox", "owl"], **ONE).run()
    with vg.Studio(keys={"relaydance": "sk-x"}, allow_paid=False, home=tmp_path / "home") as studio:
        with pytest.raises(vg.PaidRefused):
            studio.sweep("a {x}", x=["fox"], **ONE).run()
        assert studio.history() == []


# ── the run ───────────────────────────────────────────────────────────────────
def test_five_providers_in_one_sweep(studio: vg.Studio, simulator: Simulator) -> None:
    """The provider is an axis: what each takes is checked for each, and what is valid is made, once."""
    plan = studio.sweep(
        "a {x}", x=["boat"], provider=list(providers.BUILT_IN), first_frame=[None, IMAGE],
        model=[None, "kling-v1", "aisphere-v5.5"], skip_invalid=True,
    )  # fmt: skip
    assert plan.counts["new"] + plan.counts["invalid"] == len(plan) == 30
    run = plan.run(parallel={"newapi": 1}).wait(60)
    assert posts(simulator) == plan.counts["new"] == len(run.clips)
    made = {clip.provider for clip in run.clips if clip.status is Status.SUCCEEDED}
    assert made == set(providers.BUILT_IN)
    invalid = {row.single.provider for row in plan.rows if row.state == "invalid"}
    assert {"newapi", "aisphere", "aitoearn"} <= invalid  # no model; no first frame; takes none
    again = plan.run().wait(30)
    refused = sum(clip.status is Status.REFUSED for clip in again.clips)
    assert posts(simulator) == plan.counts["new"] + refused


def test_one_failing_clip_stops_no_other(studio: vg.Studio, simulator: Simulator) -> None:
    """Failed, refused and unknown ones stand in errors; the rest is made."""
    endings = ["", "(simulate fail=moderation)", "(simulate refuse=quota)", "(simulate lost_reply)", "again"]
    run = studio.sweep("a boat {how}", how=endings, **ONE).run(parallel=2).wait(30)
    assert statuses(run) == ["succeeded", "failed", "refused", "unknown", "succeeded"]
    assert {number: type(error) for number, error in run.errors.items()} == {
        2: vg.ModerationRejected,
        3: vg.InsufficientBalance,
        4: vg.SubmitUnknown,
    }
    assert posts(simulator) == 5


def test_running_again_makes_only_what_is_missing(studio: vg.Studio, simulator: Simulator) -> None:
    """What exists, failed or unknown is never sent again by itself; a new value of an axis is one new clip."""
    endings = ["", "(simulate fail=moderation)", "(simulate lost_reply)"]
    studio.sweep("a boat {how}", how=endings, **ONE).run().wait(30)
    assert posts(simulator) == 3
    again = studio.sweep("a boat {how}", how=endings, **ONE).run().wait(30)
    assert statuses(again) == ["succeeded", "failed", "unknown"]
    assert posts(simulator) == 3
    more = studio.sweep("a boat {how}", how=[*endings, "by night"], **ONE)
    assert more.counts == {"exists": 3, "new": 1}
    more.run().wait(30)
    assert posts(simulator) == 4


def test_takes_are_those_of_generate(studio: vg.Studio, simulator: Simulator) -> None:
    """takes=3 buys three; a single generate() of take 2 is one of them."""
    run = studio.sweep("a {x}", x=["fox"], takes=3, **ONE).run().wait(30)
    assert len({clip.id for clip in run.clips}) == 3
    assert studio.generate("a fox", take=2, **ONE) == run.clips[1]
    assert posts(simulator) == 3


def test_a_provider_never_has_more_than_its_share(studio: vg.Studio) -> None:
    """With parallel=2 there are at no time more than two unfinished clips, and all are made."""
    plan = studio.sweep("a boat {n} (simulate seconds=8)", n=list(range(7)), **ONE)
    most, seen = [0], threading.Lock()

    def count(_number: int | None) -> None:
        with seen:
            most[0] = max(most[0], sum(not clip.status.settled for clip in run.clips))

    run = plan.run(parallel=2)
    run.listen(count)
    run.wait(60)
    assert statuses(run) == ["succeeded"] * 7
    assert 1 <= most[0] <= 2


def test_stop_submits_no_more(studio: vg.Studio, simulator: Simulator) -> None:
    """What is at the provider goes on; running it again makes the rest."""
    plan = studio.sweep("a boat {n} (simulate seconds=30)", n=[1, 2, 3], **ONE)
    run = plan.run(parallel=1)
    begun = threading.Event()
    run.listen(lambda number: begun.set() if simulator.bill else None)
    assert begun.wait(30)
    run.stop()
    run.wait(30)
    assert run.stopped
    assert posts(simulator) == 1
    assert [cell.state for cell in run.grid().cells] == ["succeeded", "not sent", "not sent"]
    assert "not sent" in repr(run)
    plan.run().wait(30)
    assert posts(simulator) == 3


def test_stop_calls_off_what_waits_for_its_turn(studio: vg.Studio, simulator: Simulator) -> None:
    """A provider that was asked too often has clips wait for an hour: once stopped none of them is sent, or waited for.
    What somebody asked for besides the sweep is theirs, and stays.
    """
    lane = studio.runner._governors.of(studio.gateways.to("relaydance")).submits
    studio.runner._loop.call(lane.refused, 3600.0)
    plan = studio.sweep("a boat {n}", n=[1, 2, 3, 4], **ONE)
    run = plan.run(parallel=3)
    waiting = threading.Event()
    run.listen(lambda number: waiting.set() if len(run.clips) == 3 else None)
    assert len(run.clips) == 3 or waiting.wait(30)
    theirs = studio.begin("relaydance", {"prompt": "a boat 2", **{k: v for k, v in ONE.items() if k != "provider"}})
    run.stop()
    for clip in (run.clips[0], run.clips[2]):
        with pytest.raises(vg.NotSent, match="called off"):
            clip.wait(30)
    assert theirs == run.clips[1]
    assert statuses(run) == ["refused", "submitting", "refused"]
    assert run.stopped
    assert posts(simulator) == 0

    def the_hour_is_over() -> None:
        lane._next = lane._paused_until = 0.0
        lane._give()

    studio.runner._loop.call(the_hour_is_over)
    assert statuses(plan.run().wait(60)) == ["succeeded"] * 4
    assert posts(simulator) == 4


def test_two_runs_at_once_pay_once(studio: vg.Studio, simulator: Simulator) -> None:
    """Each clip has one identity, whoever asks."""
    plan = studio.sweep("a boat {n}", n=[1, 2, 3], **ONE)
    runs = [plan.run(), plan.run()]
    assert [statuses(run.wait(30)) for run in runs] == [["succeeded"] * 3] * 2
    assert posts(simulator) == 3


def test_run_comes_back_at_once_and_a_wait_can_end(studio: vg.Studio) -> None:
    """A wait that is over leaves everything going; await gives the run as well."""
    run = studio.sweep("a boat {n} (simulate seconds=30)", n=[1, 2], **ONE).run(parallel=1)
    assert not run.done
    with pytest.raises(vg.WaitTimeout, match="goes on"):
        run.wait(0.01)

    async def waited() -> vg.SweepRun:
        return await run

    assert asyncio.run(waited()) is run
    assert statuses(run) == ["succeeded"] * 2


def test_a_closed_studio_leaves_no_thread(studio: vg.Studio) -> None:
    """Whoever waits is told; what is at the provider can be resumed."""
    run = studio.sweep("a boat {n} (simulate seconds=200)", n=[1, 2, 3], **ONE).run(parallel=1)
    begun = threading.Event()
    run.listen(lambda number: begun.set() if run.clips else None)
    assert run.clips or begun.wait(30)
    studio.close()
    with pytest.raises(vg.VidgenError, match="closed"):
        run.wait(10)
    assert not [thread for thread in threading.enumerate() if thread.name == "vidgen_nb-sweep"]


def test_the_code_makes_the_same_sweep(studio: vg.Studio, simulator: Simulator) -> None:
    """Copy as code: evaluated, it is the same clips."""
    run = studio.sweep('a {x} "quoted"', x=["fox", "雪"], seed=[1, None], takes=2, **ONE).run(parallel=3).wait(30)
    again = eval(run.code(), {"vg": studio})
    assert again.wait(30).clips == run.clips
    assert posts(simulator) == 8


def test_a_provider_has_its_own_sweep(studio: vg.Studio) -> None:
    """vg.relaydance.sweep() takes the template first, and the provider is fixed."""
    plan = studio.relaydance.sweep("a {x}", x=["fox"], ratio=["1:1", "9:16"])
    assert [row.single.provider for row in plan.rows] == ["relaydance"] * 2
    assert plan.ratio == 1


def test_a_sweep_without_a_person_is_not_paid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In CI a new paid clip is refused by run() itself."""
    monkeypatch.setenv("CI", "true")
    with vg.Studio(keys={"relaydance": "sk-x"}, home=tmp_path / "home") as studio, pytest.raises(vg.PaidRefused):
        studio.sweep("a {x}", x=["fox"], **ONE).run()
