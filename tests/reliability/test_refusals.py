"""What proves a refusal, and what proves nothing: rows S6 and S7, in each provider's own words.

The tables are the documented samples and the codes of each provider file; the specification's own list of codes stands
here once more, so that none can be dropped from a file unseen.
"""

from collections.abc import Iterator
from typing import Any

import pytest

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.records import Status

from ..loopback import Loopback, Say
from ..playing import PLAYS, Play, Provider, read_sample, sample_names

BY_NAME = {play.name: play for play in PLAYS}
REFUSED_BY_BODY = {  # what has to be there, whatever the provider files say
    "aitoearn": {"10002", "400", "401", "12000", "12001", "12002", "12003", "12300", "12310", "12801", "19000"},
    "newapi": {"model_not_found", "insufficient_user_quota", "pre_consume_token_quota_failed"},
    "aioagi": {"model_not_found", "invalid_api_key", "insufficient_quota", "insufficient_user_quota"},
    "relaydance": {"authentication_error", "model_not_found", "insufficient_user_quota"},
    "aisphere": set(),  # no code is documented: its HTTP status alone proves a refusal
}


def errors_of(play: Play) -> Iterator[tuple[str, str]]:
    """The samples of refused or failed submissions, with the error which each stands for."""
    for name in sample_names(play.name, "submit"):
        if "error" in (expected := read_sample(play.name, name)["expect"]):
            yield name, expected["error"]


SAMPLED = [(play, name, kind) for play in PLAYS for name, kind in errors_of(play)]
REFUSALS = [
    pytest.param(play, name, kind, id=f"{name}-{play.name}") for play, name, kind in SAMPLED if kind != "SubmitUnknown"
]
NO_PROOF = [
    pytest.param(play, name, id=f"{name}-{play.name}") for play, name, kind in SAMPLED if kind == "SubmitUnknown"
]
CODES = [
    pytest.param(BY_NAME[name], row.code, row.kind, id=f"{row.code}-{name}")
    for name in BY_NAME
    for row in providers.find(name).REFUSALS
    if row.kind != "TaskNotFound"
]


def refused(studio: vg.Studio, server: Loopback, provider: Provider, kind: str, tries: int = 1) -> Any:
    """The submission ends as refused with this error; then the cause is gone, and the same cell submits anew."""
    asked = provider.play.request
    with pytest.raises(vg.VidgenError) as raised:
        studio.generate(**asked)
    error: Any = raised.value
    assert type(error).__name__ == kind
    assert error.generation.status is Status.REFUSED
    assert error.hint
    assert len(server.posts) == tries
    provider.submits = [provider.play.accepted]
    provider.polls = [provider.running]
    assert studio.generate(**asked) == error.generation
    assert error.generation.status.open
    assert len(server.posts) == tries + 1
    return error


def unknown(studio: vg.Studio, server: Loopback, provider: Provider) -> Any:
    """The outcome is unknown: though the server would accept it now, nothing is sent again."""
    for _ in range(2):
        with pytest.raises(vg.SubmitUnknown) as raised:
            studio.generate(**provider.play.request)
        provider.submits = [provider.play.accepted]
    assert raised.value.generation.status is Status.UNKNOWN
    assert len(server.posts) == 1
    return raised.value


# ── S6 ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("play", "sample", "kind"), REFUSALS)
def test_s6_a_documented_refusal(play: Play, sample: str, kind: str, studio: vg.Studio, server: Loopback) -> None:
    """S6: each refusal of its page: our error for it, its own words in it, and free to try again."""
    provider, reply = Provider(server, play=play), play.say(sample)
    limited = kind == "RateLimited"
    provider.submits = [Say(reply.status, reply.json, reply.body, {**reply.headers, "retry-after": "0"})]
    error = refused(studio, server, provider, kind, tries=3 if limited else 1)
    if reply.json:
        assert error.said
        assert error.said in str(error)


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize(("play", "code", "kind"), CODES)
def test_s6_a_code_counts_under_any_status(
    play: Play, code: str, kind: str, status: int, studio: vg.Studio, server: Loopback
) -> None:
    """S6: the body's code is looked at before the HTTP status, which gateways set as they like."""
    provider = Provider(server, play=play)
    number = {"code": int(code), "message": "their words", "data": {}} if code.isdigit() else None
    text = {"error": {"code": code, "message": "their words", "type": "some_error"}}
    provider.submits = [Say(status, json=number or text)]
    assert refused(studio, server, provider, kind).said == "their words"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "InvalidRequest"),
        (401, "AuthError"),
        (402, "InsufficientBalance"),
        (403, "PermissionDenied"),
        (404, "ModelNotFound"),
        (413, "InvalidRequest"),
        (415, "InvalidRequest"),
        (422, "InvalidRequest"),
    ],
)
def test_s6_a_status_proves_it_alone(
    status: int, kind: str, provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """S6: these statuses are refusals though the body is a proxy's page."""
    provider.submits = [Say(status, body=b"<html>not here</html>")]
    refused(studio, server, provider, kind)


@pytest.mark.parametrize("play", [pytest.param(play, id=play.name) for play in PLAYS])
def test_s6_no_code_was_dropped(play: Play) -> None:
    """S6: the codes which the specification names are in the provider's own table."""
    codes = {row.code for row in providers.find(play.name).REFUSALS}
    assert codes >= REFUSED_BY_BODY[play.name]


# ── S7 ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("play", "sample"), NO_PROOF)
def test_s7_a_documented_error_that_proves_nothing(
    play: Play, sample: str, studio: vg.Studio, server: Loopback
) -> None:
    """S7: each documented error after which the task may exist: unknown, with their words."""
    provider = Provider(server, play=play)
    provider.submits = [play.say(sample)]
    unknown(studio, server, provider)


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 520])
def test_s7_other_statuses_prove_nothing(status: int, provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S7: timeouts, conflicts and servers in trouble: the task may exist."""
    provider.submits = [Say(status, body=b"<html>sorry</html>")]
    unknown(studio, server, provider)


ANSWERS: dict[str, Any] = {
    "html": Say(body=b"<!doctype html><html>welcome</html>"),
    "empty": Say(),
    "null": Say(body=b"null"),
    "a list": Say(json=[1, 2]),
    "no id": Say(json={"code": 0, "message": "ok", "data": {}}),
    "another code": Say(json={"code": 77777, "message": "whatever", "data": {}}),
    "an error in words": Say(json={"error": {"message": "whatever", "type": "server_error"}}),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_s7_an_answer_without_an_id_proves_nothing(
    answer: str, provider: Provider, studio: vg.Studio, server: Loopback
) -> None:
    """S7: HTTP 200 and no task id: unknown."""
    provider.submits = [ANSWERS[answer]]
    unknown(studio, server, provider)


@pytest.mark.parametrize("id", ["../../etc", "two words", "x" * 129, "ta\u202esk"])
def test_s7_an_odd_id_is_no_id(id: str, provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S7: what is no id of letters, digits and _:.- never becomes part of an address."""
    provider.submits = [provider.play.say("submit", task=id)]
    unknown(studio, server, provider)
    assert server.gets == []


@pytest.mark.parametrize("sample", ["accepted", "with an error's code"])
def test_s7_a_success_with_a_stray_code(sample: str, provider: Provider, studio: vg.Studio, server: Loopback) -> None:
    """S7: an accepted reply under HTTP 500 proves nothing, nor does one whose code is no success."""
    accepted = provider.play.accepted
    stray = {**accepted.json, "code": "some_failure"}
    provider.submits = [Say(500, json=accepted.json) if sample == "accepted" else Say(json=stray)]
    unknown(studio, server, provider)
