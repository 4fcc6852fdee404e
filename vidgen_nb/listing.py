"""What a provider lists as its models now, over what our own table says of them."""

import time
from collections.abc import Sequence
from dataclasses import replace

from vidgen_nb.answers import Catalogue
from vidgen_nb.providers.contract import LiveModel, Model, Provider, model_row

_TOLD = {"durations": "duration", "resolutions": "resolution", "aspectRatios": "aspect_ratio"}
"""What live catalogues call the limits they tell → our parameter."""


def live_catalogue(spec: Provider, listed: Sequence[LiveModel]) -> Catalogue:
    """The live list as a table, with a note on how much of it the provider told."""
    told = any(_TOLD.keys() & model.facts.keys() for model in listed)
    note = f"as {spec.TITLE} lists them now" if told else f"{spec.TITLE} lists the names now; limits are our table's"
    return Catalogue(spec.NAME, [_row(model_row(spec, model.name), model) for model in listed], note=note)


def _row(known: Model | None, listed: LiveModel) -> Model:
    """A row of the live catalogue: what the provider tells now, over what our table says."""
    row = known or Model(listed.name)
    told = {
        ours: tuple(listed.facts[theirs])
        for theirs, ours in _TOLD.items()
        if isinstance(listed.facts.get(theirs), list)
    }
    if not told:
        return row if known else replace(row, source="live catalogue")
    return replace(row, takes={**row.takes, **told}, source="live catalogue", checked=time.strftime("%Y-%m-%d"))
