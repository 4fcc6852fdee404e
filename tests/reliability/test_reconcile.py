"""AiToEarn can be searched: reconcile() in all its branches, on the documented list."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import rescue
from vidgen_nb.records import Status

from ..loopback import Answer, HangUp, Loopback, Say
from ..playing import AITOEARN, TASK, Provider

ASKED = {**AITOEARN.request, "prompt": "a paper boat in the rain, slow dolly-in", "model": "seedance-2-fast-beta"}


def task(id: str = TASK, *, ago: float = 0, model: str = "seedance-2-fast-beta", **told: Any) -> dict[str, Any]:
    """A row of the list as it is documented: what the server repeats of the request, and when it came."""
    submitted = datetime.fromtimestamp(time.time() - ago, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"prompt": ASKED["prompt"], "duration": 6, "aspectRatio": "16:9", "resolution": "720p", **told}
    return {"id": id, "model": model, "status": "InProgress", "input": told, "submittedAt": submitted}


def listing(*rows: dict[str, Any], total: int | None = None) -> Say:
    data = {"page": 1, "pageSize": 1000, "totalPages": 1, "total": len(rows) if total is None else total}
    return Say(json={"code": 0, "message": "请求成功", "data": {**data, "list": list(rows)}})


@pytest.fixture
def provider(server: Loopback) -> Provider:
    return Provider(server, play=AITOEARN)


@pytest.fixture
def lost(provider: Provider, studio: vg.Studio) -> vg.Generation:
    provider.submits = [HangUp(), AITOEARN.accepted]
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**ASKED)
    return raised.value.generation  # type: ignore[no-any-return]


OTHERS = [
    task("other_model", model="seedance-2-beta"),
    task("other_prompt", prompt="a paper boat in the sun"),
    task("longer_prompt", prompt=ASKED["prompt"] + ", at night"),
    task("other_length", duration=8),
    task("before", ago=3600),
    task("after", ago=-3600),
]


def test_the_only_match_is_adopted(lost: vg.Generation, provider: Provider, server: Loopback) -> None:
    """Same model, prompt and parameters, submitted inside the window: that task it is, and the clip comes home."""
    provider.listed = [listing(*OTHERS, task())]
    assert lost.reconcile().wait(20).status is Status.SUCCEEDED
    assert lost.task_id == TASK
    (search,) = [seen for seen in server.gets if seen.path.startswith(f"{AITOEARN.submit}?")]
    assert "sk-test" in search.headers["x-api-key"]
    assert len(server.posts) == 1


@pytest.mark.parametrize("told", [f"  {ASKED['prompt']} ", ASKED["prompt"][:20]], ids=["trimmed", "cut off"])
def test_a_prompt_that_the_server_shortened_is_ours(told: str, lost: vg.Generation, provider: Provider) -> None:
    """A server may trim or cut the prompt it repeats."""
    provider.listed = [listing(task(prompt=told))]
    assert lost.reconcile().status.open
    assert lost.task_id == TASK


def test_a_task_of_the_ledger_is_not_taken(
    lost: vg.Generation, studio: vg.Studio, provider: Provider, server: Loopback
) -> None:
    """Another take of the very same request is in the ledger: its task is not this one's."""
    provider.submits = [AITOEARN.say("submit", task="task_2")]
    second = studio.generate(**ASKED, take=2)
    provider.listed = [listing(task("task_2"), task())]
    assert lost.reconcile().task_id == TASK
    assert second.task_id == "task_2"
    assert len(server.posts) == 2


def test_several_matches_are_shown(lost: vg.Generation, provider: Provider, server: Loopback) -> None:
    """Two tasks could be it: both ids are shown, nothing changes, and a person adopts the right one."""
    provider.listed = [listing(task("twin_1"), *OTHERS, task("twin_2"))]
    with pytest.raises(vg.SubmitUnknown, match="twin_1, twin_2") as raised:
        lost.reconcile()
    assert "adopt(task_id)" in raised.value.hint
    assert not any(row["id"] in str(raised.value) for row in OTHERS)
    assert (lost.status, lost.task_id) == (Status.UNKNOWN, "")
    assert lost.adopt("twin_2").task_id == "twin_2"
    assert len(server.posts) == 1


def test_a_task_without_a_prompt_may_be_anybodys(lost: vg.Generation, provider: Provider) -> None:
    """Beside a match, a row that repeats no prompt leaves a doubt: both are shown."""
    provider.listed = [listing(task(), task("silent", prompt=""))]
    with pytest.raises(vg.SubmitUnknown, match=f"{TASK}, silent"):
        lost.reconcile()
    assert lost.status is Status.UNKNOWN


def test_a_row_without_a_time_counts_as_inside(lost: vg.Generation, provider: Provider) -> None:
    """Where the list names no time, model, prompt and parameters decide."""
    provider.listed = [listing({**task(), "submittedAt": None})]
    assert lost.reconcile().task_id == TASK


def test_none_yet_stays_unknown(lost: vg.Generation, provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """The list may lag behind: within ten minutes an absence proves nothing, and no cell submits anew."""
    provider.listed = [listing(*OTHERS)]
    with pytest.raises(vg.SubmitUnknown, match="no such task yet") as raised:
        lost.reconcile()
    assert "ten minutes" in raised.value.hint
    assert lost.status is Status.UNKNOWN
    with pytest.raises(vg.SubmitUnknown):
        studio.generate(**ASKED)
    assert len(server.posts) == 1


def test_none_after_ten_minutes_was_never_accepted(
    lost: vg.Generation, provider: Provider, studio: vg.Studio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window closed ten minutes ago, and the whole list does not have it: free to run again."""
    assert rescue.SETTLED_AFTER == 600
    monkeypatch.setattr(rescue, "SETTLED_AFTER", 0.0)
    provider.listed = [listing(*OTHERS)]
    assert lost.reconcile().status is Status.REFUSED
    assert isinstance(lost.error, vg.NotSent)
    assert len(server.posts) == 1
    assert studio.generate(**ASKED) == lost
    assert lost.task_id == TASK
    assert len(server.posts) == 2


@pytest.mark.parametrize(
    "answer",
    [listing(*OTHERS, total=4000), AITOEARN.say("search-500"), AITOEARN.say("search-part"), Say(body=b"<html>")],
    ids=["a part of it", "search-500", "search-part", "html"],
)
def test_a_list_that_is_not_whole_proves_nothing(
    answer: Answer, lost: vg.Generation, provider: Provider, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much later: without the whole list nothing is decided."""
    monkeypatch.setattr(rescue, "SETTLED_AFTER", 0.0)
    provider.listed = [answer]
    with pytest.raises(vg.VidgenError):
        lost.reconcile()
    assert lost.status is Status.UNKNOWN
    assert len(server.posts) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(Say(401, json={}), vg.AuthError), (AITOEARN.say("query-401"), vg.AuthError), (HangUp(), vg.VidgenError)],
    ids=["401", "401 in the body", "hangs up"],
)
def test_a_search_that_fails_changes_nothing(
    answer: Answer, kind: type[Exception], lost: vg.Generation, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad key or a lost answer says nothing about the task."""
    monkeypatch.setattr(rescue, "SETTLED_AFTER", 0.0)
    provider.listed = [answer]
    with pytest.raises(kind):
        lost.reconcile()
    assert lost.status is Status.UNKNOWN
