"""Before money is spent: is there a key, is a person watching, does the budget hold it. Simulation needs none."""

import sys
from collections.abc import Mapping
from contextlib import suppress

from vidgen_nb.errors import BudgetExceeded, MissingKey, PaidRefused
from vidgen_nb.ledger import Ledger
from vidgen_nb.providers.contract import Provider
from vidgen_nb.records import Cost, Status
from vidgen_nb.settings import Key, switched_on


class Purse:
    """Lets a paid submit pass, or says why not. Replays never come here: they cost nothing."""

    def __init__(self, ledger: Ledger, budget: Mapping[str, float], allow_paid: bool | None, *, simulate: bool) -> None:
        self._ledger = ledger
        self._budget = budget
        self._allow_paid = allow_paid
        self._simulate = simulate

    def open(self, provider: Provider, key: Key | None, cost: Cost, *, allow_unknown_cost: bool) -> None:
        """Raises MissingKey, PaidRefused or BudgetExceeded; nothing was sent then."""
        if self._simulate:
            return
        if key is None:
            hint = (
                f"Set {provider.KEY} in the environment or in .env, or try it without a key: vg.setup(simulate=True)."
            )
            raise MissingKey(f"No key for {provider.TITLE}. Nothing was sent.", hint=hint)
        allowed = self._allow_paid or (self._allow_paid is None and switched_on("VIDGEN_ALLOW_PAID"))
        if self._allow_paid is False:
            raise PaidRefused("This Studio may not pay (allow_paid=False). Nothing was sent.")
        if not allowed and nobody_answers():
            raise PaidRefused("This would be a paid submit in a run that nobody watches. Nothing was sent.")
        if self._budget:
            self._within_budget(cost, allow_unknown_cost)

    def _within_budget(self, cost: Cost, allow_unknown_cost: bool) -> None:
        if cost.amount is None or cost.unit not in self._budget:
            if allow_unknown_cost:
                return
            raise BudgetExceeded(
                "What this clip costs is not known, so no budget can hold it. Nothing was sent.",
                hint="allow_unknown_cost=True spends it all the same.",
            )
        rows = self._ledger.search(simulated=False, limit=-1)
        counted = [
            row.cost.amount or 0 for row in rows if row.cost.unit == cost.unit and row.status is not Status.REFUSED
        ]
        if sum(counted) + cost.amount > self._budget[cost.unit]:
            raise BudgetExceeded(
                f"{cost} would go beyond the budget: {sum(counted):g} of {self._budget[cost.unit]:g} {cost.unit} are "
                "spent. Nothing was sent.",
                hint="Studio(budget=…) sets another budget.",
            )


def nobody_answers() -> bool:
    """Whether this run has no human: CI, or a kernel that was told that nobody answers (nbconvert, papermill).

    A plain script is a person's own act.
    """
    if switched_on("CI"):
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    with suppress(Exception):  # what the front end said with the cell that runs now
        return not kernel.get_parent("shell")["content"].get("allow_stdin", True)
    return False
