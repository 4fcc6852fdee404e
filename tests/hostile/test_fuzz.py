"""Anything at all as a reply: no reader of any provider raises, ends a task by nonsense, or takes a foreign address."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgen_nb.providers import aisphere, contract
from vidgen_nb.providers.contract import Provider, Reading, media_fields
from vidgen_nb.records import Json, Medium, Reply, Status

from .replies import DONE, HTTP, MINE, NONSENSE, all_providers, anything, damaged, shapes, walk

ALL = pytest.mark.parametrize("spec", all_providers(), ids=lambda spec: spec.NAME)
ENDED = {Status.SUCCEEDED, Status.FAILED}
PRESENT = {"status", "task_status"}


def holds(spec: Any, reply: Reply) -> None:
    """What must be true of every reading of whatever came."""
    contract.refusal_kind(spec, reply)
    if hasattr(spec, "read_models"):
        assert all(model.name for model in spec.read_models(reply))
    if hasattr(spec, "read_search") and (listing := spec.read_search(reply)) is not None:
        for found in listing.tasks:
            assert found.task_id
            assert found.asked.keys() <= spec.Request.model_fields.keys()
    for reading in (spec.read_submit(reply), spec.read_poll(reply)):
        reads_what_came(spec, reply, reading)
        OWN_RULES.get(spec.NAME, lambda reply, reading: None)(reply, reading)


def reads_what_came(spec: Provider, reply: Reply, reading: Reading) -> None:
    status = contract.status_of(spec, reading.word)
    values = [(key, str(value).strip()) for key, value in walk(reply.body) if isinstance(value, str | int)]
    if status in ENDED and reading.word != aisphere.HAS_URLS:
        assert reply.ok
        assert reading.word in [value for key, value in values if key in PRESENT]
    if reading.task_id:
        assert reading.task_id in [value for key, value in values if key in {"task_id", "id"}]
    assert not reading.urls or status is Status.SUCCEEDED
    assert all(url.lower().startswith(("http://", "https://")) for url in reading.urls)
    assert set(reading.urls) <= {value for _, value in values}
    assert MINE not in reading.urls
    assert reading.cost.amount is None or reading.cost.amount > 0
    contract.failure_kind(reading.code, reading.said)


def in_its_envelope(reply: Reply, reading: Reading) -> None:
    """AiToEarn and AiSphere wrap every answer: without their zero nothing in it counts."""
    if reading.word or reading.task_id or reading.urls:
        assert reply.ok
        assert reply.body["code"] == 0
        assert reply.body["code"] is not False
        assert isinstance(reply.body["data"], dict)


def by_its_addresses(reply: Reply, reading: Reading) -> None:
    """AiSphere's undocumented query may end by its addresses alone, and only by those."""
    in_its_envelope(reply, reading)
    if reading.word == aisphere.HAS_URLS:
        assert reading.urls
    elif contract.status_of(aisphere, reading.word) in ENDED:
        assert contract.text(reply.body["data"]["task_status"]) == reading.word


OWN_RULES: dict[str, Callable[[Reply, Reading], None]] = {"aitoearn": in_its_envelope, "aisphere": by_its_addresses}


@ALL
@settings(max_examples=300)
@given(data=st.data())
def test_anything_can_be_read(spec: Provider, data: st.DataObject) -> None:
    """No JSON makes a reader raise, end a task without the provider's word, or take an address from elsewhere."""
    holds(spec, Reply(data.draw(HTTP), data.draw(anything(spec)), text=data.draw(st.text(max_size=20))))


@ALL
@settings(max_examples=300)
@given(data=st.data())
def test_damaged_replies_can_be_read(spec: Provider, data: st.DataObject) -> None:
    """A reply with values replaced and names lost is read without harm, and never as the user's own reference."""
    holds(spec, Reply(data.draw(HTTP), data.draw(damaged(spec))))


@ALL
@settings(max_examples=200)
@given(data=st.data())
def test_nonsense_ends_nothing(spec: Provider, data: st.DataObject) -> None:
    """Without one of the known words no reply ends a task, not even one which calls itself a success."""
    tree = data.draw(anything(spec, NONSENSE))
    for body in (tree, {"code": 0, "message": "success", "data": tree}, {"code": "success", "data": tree}):
        reading = spec.read_poll(Reply(200, body))
        if reading.word != aisphere.HAS_URLS:  # the one provider that may end by its addresses
            assert contract.status_of(spec, reading.word) is Status.RUNNING
            assert reading.urls == ()


def bodies(spec: Any) -> Iterator[Json]:
    """Requests as this provider is sent them, with an address of the user's own in each place that takes one."""
    model = next((row.name for row in spec.MODELS), None)
    for name, mark in media_fields(spec.Request).items():
        medium = Medium(kind=mark.kind, url=MINE)
        given = {"prompt": MINE, "model": model, name: (medium, medium) if mark.many else medium}
        yield spec.submit(spec.Request.model_validate(given), {}).json


def merged(below: Json, above: Json) -> Json:
    """Two objects in one, as a gateway answers that keeps what it was sent; where both speak, it is the provider's."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}


@ALL
def test_what_was_asked_is_never_the_result(spec: Provider) -> None:
    """The whole request echoed beside, below, and in each object of a documented reply: its addresses are no clip."""
    found = 0
    for body in bodies(spec):
        assert MINE in [value for _, value in walk(body)]
        for shape in shapes(spec.NAME):
            replies = [merged(body, shape), merged(shape, {"request": body, "input": body, "properties": body})]
            if isinstance(shape, dict):
                replies += [{**shape, name: merged(body, value)} for name, value in shape.items()]
                replies += [{**shape, "data": merged({**body, "data": body}, shape.get("data", {}))}]
            for reply in replies:
                for reading in (spec.read_poll(Reply(200, reply)), spec.read_submit(Reply(200, reply))):
                    assert MINE not in reading.urls
                    found += DONE in reading.urls
    assert found > 10


DEEP = '{"error":' * 100_000
ENDLESS: dict[str, Json] = {
    "aitoearn": {"code": 0, "data": {"id": "t", "status": "FAILURE", "error": {"message": DEEP}}},
    "aioagi": {"task_id": "t", "status": "failed", "error_message": DEEP},
    "newapi": {"code": "success", "data": {"task_id": "t", "status": "FAILURE", "fail_reason": DEEP}},
    "aisphere": {"code": 0, "message": DEEP, "data": {"task_id": "t", "task_status": "failed"}},
    "relaydance": {"task_id": "t", "status": "failed", "error": {"message": DEEP}},
}


@ALL
def test_nesting_without_end_is_read(spec: Provider) -> None:
    """A message that opens a hundred thousand braces is words, not a crash."""
    assert spec.read_poll(Reply(200, ENDLESS[spec.NAME])).said == DEEP


def test_the_damage_reaches_what_counts() -> None:
    """The strategies are no show: undamaged, the replies they start from do end tasks, with an address."""
    for spec in all_providers():
        readings = [spec.read_poll(Reply(200, shape)) for shape in shapes(spec.NAME)]
        assert any(DONE in reading.urls for reading in readings)
        assert {contract.status_of(spec, reading.word) for reading in readings} >= ENDED
