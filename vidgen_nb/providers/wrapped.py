"""Replies of New API, and of the services that were built on it: a task, flat or in one of several wrappers."""

from collections.abc import Mapping

from vidgen_nb.providers import contract
from vidgen_nb.records import Json, Reply


def places(body: Json) -> list[Mapping[str, Json]]:
    """Where a task's own fields stand, best first: flat, or wrapped as {"code": "success", "data": {…}}.

    In a flat task `data` is the vendor's raw reply, so the outer fields count first. A code that is no success speaks
    of the call, unless a task_id stands beside it.
    """
    if not isinstance(body, Mapping):
        return []
    inner = body.get("data")
    wrapped = "code" in body or not (name(body, "task_id") or name(body, "id"))
    both = (inner, body) if wrapped else (body, inner)
    return [place for place in both if isinstance(place, Mapping) and (success(body) or name(place, "task_id"))]


def success(body: Json) -> bool:
    return contract.first(body, "code").lower() in {"", "0", "200", "success"}


def name(place: Json, key: str) -> str:
    """An id; a number only as task_id: the numeric `id` is a row of the gateway's database, not the task."""
    value = contract.dig(place, key)
    number = key == "task_id" and isinstance(value, int) and not isinstance(value, bool)
    return value.strip() if isinstance(value, str) else str(value) if number else ""


def models(reply: Reply) -> list[contract.LiveModel]:
    """The models of a catalogue; none where the reply is no catalogue (`success: false` comes with HTTP 200)."""
    rows = contract.dig(reply.body, "data")
    if not reply.ok or contract.dig(reply.body, "success") is False or not isinstance(rows, list):
        return []
    named = [(name(row, "id"), row) for row in rows]
    return [contract.LiveModel(id, {key: row[key] for key in row if key != "id"}) for id, row in named if id]
