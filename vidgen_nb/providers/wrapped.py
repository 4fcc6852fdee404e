"""Replies of New API, and of the services that were built on it: a task, flat or in one of several wrappers."""

from collections.abc import Callable, Mapping, Sequence

from vidgen_nb.providers import contract
from vidgen_nb.providers.contract import Reading
from vidgen_nb.records import Json, Reply, Status

Places = list[Mapping[str, Json]]


def read_task(reply: Reply, states: Mapping[str, Status], urls: Sequence[str], why: Callable[[Places], str]) -> Reading:
    """What an answer says of a task. urls: where a success has its address, best first. why: the words of a failure,
    found where the task's fields stand; they may be a vendor's error as JSON, which is opened."""
    told = places(reply.body) if reply.ok else []
    task_id = next((id for place in told for key in ("task_id", "id") if (id := name(place, key))), "")
    word = next((word for place in told if (word := contract.first(place, "status"))), "")
    status = states.get(contract.plain(word))
    about_a_task = any(contract.first(place, "task_id", "id") for place in told)
    if not about_a_task and (status is Status.FAILED or not word):  # an error of the call must not end a task
        code, said = contract.error_words(reply)
        return Reading(code="" if success({"code": code}) else code, said=said)
    code = said = ""
    if status is Status.FAILED:
        outer = next(filter(None, (contract.first(place, "error.code") for place in told)), "")
        inner, said = contract.error_words(Reply(200, {"message": why(told)}))
        code = inner or outer
    progress = next((value for place in told if isinstance(value := place.get("progress"), str | int | float)), None)
    # Only a success has an address: on a failure there may be an error's text in its place.
    found = contract.urls(reply.body, *urls) if status is Status.SUCCEEDED else ()
    return Reading(task_id, word, progress, found, said, code)


def read_accepted(reply: Reply, task: Reading) -> Reading:
    """The answer to a submission, which was read as a task: one that speaks of an error proves no task."""
    if not success(reply.body) or (not task.word and contract.dig(reply.body, "error")):
        code, said = contract.error_words(reply)
        return Reading(code=code, said=said)
    return task


def words(told: Places, *paths: str) -> str:
    """The first words at one of these paths, else the message of the best place."""
    return next(filter(None, (contract.first(place, *paths) for place in told)), contract.first(told[0], "message"))


def places(body: Json) -> Places:
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
