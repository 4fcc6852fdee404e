"""The four ways out of an unknown outcome. Each is a person's decision; none of them pays twice by accident."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vidgen_nb import providers
from vidgen_nb.engine.rules import SETTLED_AFTER, earliest, matches
from vidgen_nb.errors import InvalidRequest, SubmitUnknown
from vidgen_nb.providers.contract import Found
from vidgen_nb.records import Failure, Record, Status

if TYPE_CHECKING:
    from vidgen_nb.studio import Studio


class Rescue:
    """What `clip.reconcile()`, `adopt()`, `resolve()` and `resubmit()` do."""

    def __init__(self, studio: "Studio") -> None:
        self._studio = studio

    def reconcile(self, record: Record) -> None:
        """Search the provider for the task: the only match is adopted.

        Raises SubmitUnknown where it cannot be searched, or where a person has to decide; the error says what was
        found.
        """
        spec, clip = providers.find(record.provider), self._studio.get(record.id)
        if not hasattr(spec, "search"):
            console = getattr(spec, "CONSOLE", "") or f"the console of {spec.TITLE}"
            raise SubmitUnknown(
                f"{spec.TITLE} cannot be searched: its documents name no such call. Nothing has changed.",
                hint=f"Look in {console} for a task between the times in clip.report(), then clip.adopt(task_id), "
                "or clip.resolve(not_billed=True).",
                generation=clip,
            )
        listed = self._studio.orders.search(record)
        if listed is None:
            message = f"{spec.TITLE} gave no list that can be read, so nothing can be told. Nothing has changed."
            raise SubmitUnknown(message, hint="clip.reconcile() asks again.", generation=clip)
        same, perhaps = matches(record, [task for task in listed.tasks if self._taken(record, task.task_id) is None])
        if len(same) == 1 and not perhaps and not self._may_be_of_another(record, same):
            self.adopt(record, same[0].task_id)
            return
        if same or perhaps:
            ids = ", ".join(task.task_id for task in [*same, *perhaps])
            message = f"{spec.TITLE} has tasks that could be it: {ids}. Nothing has changed."
            raise SubmitUnknown(message, hint="clip.adopt(task_id) takes the one which you recognise.", generation=clip)
        if earliest(record) < listed.since:
            message = f"{spec.TITLE} no longer lists what was submitted then. Nothing has changed."
            raise SubmitUnknown(message, hint="Look in its console, then clip.adopt(task_id).", generation=clip)
        if time.time() - (record.answered or record.created) < SETTLED_AFTER:
            message = f"{spec.TITLE} lists no such task yet. Nothing has changed."
            hint = "Search again ten minutes after it was sent: if it is not there by then, it was never accepted."
            raise SubmitUnknown(message, hint=hint, generation=clip)
        failure = Failure(
            "NotSent", f"{spec.TITLE} lists no such task: it was never accepted.", hint="It is safe to run again."
        )
        self._studio.decide(record, was=Status.UNKNOWN, status=Status.REFUSED, error=failure, finished=time.time())

    def _may_be_of_another(self, record: Record, found: Sequence[Found]) -> bool:
        """Whether a task may as well be that of another clip without one, which asked for something else, or whose
        answer is just under way. Of two takes of the same request either may have it.
        """
        ledger = self._studio.ledger
        waiting = [row for row in ledger.unfinished() if row.status is Status.SUBMITTING]
        lost = [row for row in ledger.search(status=Status.UNKNOWN, limit=-1) if row.asked != record.asked]
        others = [row for row in (*waiting, *lost) if (row.provider, row.origin) == (record.provider, record.origin)]
        # what is under way may be taken in until now
        return any(any(matches(replace(row, answered=row.answered or time.time()), found)) for row in others)

    def _taken(self, record: Record, task_id: str) -> Record | None:
        """The other clip which has that task. Its own row may hold the id already, out of a broken answer."""
        return self._studio.ledger.by_task(record.provider, record.origin, task_id, besides=record.id)

    def adopt(self, record: Record, task_id: str) -> None:
        """Tie the submission to a task which a person found, and go on from there."""
        task_id = str(task_id).strip()
        if not re.fullmatch(r"[\w:.\-]{1,128}", task_id, re.ASCII):
            raise InvalidRequest("Cannot adopt: this is no task id.", hint="Copy it from the provider's console.")

        def free(_: object) -> None:  # asked as it is written: two clips must not both get it
            if (taken := self._taken(record, task_id)) is not None:
                message = f"Cannot adopt: {task_id} is the task of {taken.id} already."
                raise InvalidRequest(message, hint="Look once more in the provider's console.")

        adopted = {"status": Status.QUEUED, "task_id": task_id, "error": None, "answered": time.time()}
        self._studio.decide(record, allow=free, was=Status.UNKNOWN, **adopted)
        self._studio.go_on(record)

    def resolve(self, record: Record) -> None:
        """Write down that it was not billed: the same request may then be submitted anew."""
        failure = Failure("NotSent", "You found that it was not billed.", hint="It is safe to run this again.")
        self._studio.decide(record, was=Status.UNKNOWN, status=Status.REFUSED, error=failure, finished=time.time())

    def resubmit(self, record: Record) -> None:
        """Send it once more. Raises what a submission raises."""
        self._studio.orders.resubmit(record)
