"""AiToEarn can be searched: reconcile() in all its branches, on the documented list."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import rescue
from vidgen_nb.records import Status

from ..loopback import Answer, HangUp, Loopback, Say
from ..playing import AITOEARN, TASK, Provider
from .test_submit import cut_after_the_id

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


def test_a_prompt_that_the_server_trimmed_is_ours(lost: vg.Generation, provider: Provider) -> None:
    """White space around it makes no other prompt."""
    provider.listed = [listing(task(prompt=f"  {ASKED['prompt']} "))]
    assert lost.reconcile().task_id == TASK


def test_the_beginning_of_a_prompt_may_be_anybodys(lost: vg.Generation, provider: Provider) -> None:
    """It is shown, and not taken: it may be another clip, whose prompt was shorter."""
    provider.listed = [listing(task(prompt=ASKED["prompt"][:20]))]
    with pytest.raises(vg.SubmitUnknown, match=TASK):
        lost.reconcile()
    assert lost.status is Status.UNKNOWN


def test_a_task_that_two_lost_clips_could_have(lost: vg.Generation, provider: Provider, studio: vg.Studio) -> None:
    """Where a length was left to the server, its task looks like that of a clip which asked for it: nobody just takes
    it, else the other one would be paid for twice. Of two takes of one request either may have it.
    """
    provider.submits = [HangUp()]
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**{name: value for name, value in ASKED.items() if name != "duration"})
    provider.listed = [listing(task())]
    for clip in (lost, raised.value.generation):
        with pytest.raises(vg.SubmitUnknown, match=TASK):
            clip.reconcile()
    raised.value.generation.resolve(not_billed=True)
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**ASKED, take=2)
    assert raised.value.generation.reconcile().task_id == TASK
    assert lost.status is Status.UNKNOWN


def test_an_id_out_of_a_broken_answer_is_found(
    provider: Provider, studio: vg.Studio, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row's own candidate is no other clip's task: it is adopted, and never taken for one that is not there."""
    monkeypatch.setattr(rescue, "SETTLED_AFTER", 0.0)
    provider.submits = [cut_after_the_id(AITOEARN)]
    provider.polls = [Say(500)]
    with pytest.raises(vg.SubmitUnknown) as raised:
        studio.generate(**ASKED)
    clip = raised.value.generation
    assert clip.task_id == TASK
    provider.listed = [listing(task())]
    provider.polls = [provider.done]
    assert clip.reconcile().wait(20).task_id == TASK
    assert len(server.posts) == 1


def test_a_list_that_does_not_go_back_so_far_proves_nothing(
    lost: vg.Generation, provider: Provider, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest thousand of an account in which more was made since: it stays unknown."""
    monkeypatch.setattr(rescue, "SETTLED_AFTER", 0.0)
    provider.listed = [
        listing(*[task(f"new{n}", ago=-3600 - n, prompt="a fox") for n in range(999, -1, -1)], total=2000)
    ]
    with pytest.raises(vg.SubmitUnknown, match="no longer lists"):
        lost.reconcile()
    assert lost.status is Status.UNKNOWN
    assert len(server.posts) == 1


def test_what_a_search_found_stands_on_the_card(lost: vg.Generation, provider: Provider, studio: vg.Studio) -> None:
    """A button raises nothing: where it changed nothing, the card says why, and the newest first."""
    for answer, words in ((listing(task("twin_1"), task("twin_2")), "twin_1, twin_2"), (listing(), "no such task yet")):
        provider.listed = [answer]
        told = threading.Event()
        stop = lost.watch(lambda record, told=told, words=words: told.set() if words in record.error.message else None)
        lost.act("reconcile")
        assert told.wait(20)
        stop()
        assert words in studio.bundle(lost)["text/html"]
        assert str(lost.error).startswith("AiToEarn")
    assert "twin_1" not in str(lost.error)
    assert "connection was closed" in str(lost.error)


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
