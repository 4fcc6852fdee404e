"""The fields of a form with choices: beside each other, in a list, or on a slider."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import ipywidgets

from vidgen_nb.display.form_fields import DEFAULT, Field, Unreadable, label_of, mark
from vidgen_nb.providers.contract import Between, Model, choices

_FLAGS = {"generate_audio": {True: "with audio", False: "silent"}}
_SEGMENTS, _SEGMENT_LETTERS = 9, 72  # more choices than these make a list instead of buttons beside each other
_COUNTABLE = 200  # more values than these are typed in


class ChoiceField(Field):
    """Choices beside each other, or a list where they are many. What the model does not take is struck through."""

    def __init__(self, name: str, help_text: str, offered: Iterable[Any], default: str = "") -> None:
        self.name = name  # its labels need it already
        self._values = [None, *offered]
        self._default = f"{DEFAULT}: {default}" if default else DEFAULT
        labels = [self._label(value) for value in self._values]
        beside = len(labels) <= _SEGMENTS and sum(map(len, labels)) <= _SEGMENT_LETTERS
        kind = ipywidgets.ToggleButtons if beside else ipywidgets.Dropdown
        super().__init__(name, help_text, kind(options=labels, index=0, description=label_of(name)), trait="index")
        self._beside = beside
        self._legal: Collection[Any] | None = None

    @property
    def value(self) -> Any:
        return self._values[self.control.index or 0]

    def write(self, value: Any) -> None:
        index = _position(self._values, value)
        if index is None:  # not offered by any model of the table: it is kept and shown, like all that is given
            self._values.append(value)
            index = len(self._values) - 1
            self._relabel()
        self._set(index=index)

    def follow(self, row: Model | None) -> None:
        super().follow(row)
        taken = row.takes.get(self.name) if row is not None else None
        self._legal = () if self._lacked else taken
        self._relabel()

    def tell(self, problems: Sequence[str], warnings: Sequence[str], row: Model | None) -> None:
        super().tell(problems, warnings, row)
        mark(self.row, "vg-unset", self.value is None)

    def limits(self, row: Model | None) -> str:
        taken = row.takes.get(self.name) if row is not None else None
        if taken is not None and len(taken) == 1 and len(self._values) > 2:
            return f"Fixed by the model: {choices(taken, self.name)}."
        return ""

    def _struck(self, value: Any) -> bool:
        return value is not None and self._legal is not None and value not in self._legal

    def _label(self, value: Any) -> str:
        return self._default if value is None else _word(self.name, value)

    def _relabel(self) -> None:
        """Strike through what the model does not take: by a class for each place, in a list by a word."""
        struck = [self._struck(value) for value in self._values]
        labels = [self._label(value) for value in self._values]
        if not self._beside:
            labels = [f"{label} – not taken" if no else label for label, no in zip(labels, struck, strict=True)]
        index = self.control.index
        if tuple(labels) != tuple(self.control.options):
            self._set(options=tuple(labels))
            self._set(index=index)
        if self._beside:
            self._set(tooltips=tuple("the model does not take this" if no else "" for no in struck))
            for place, no in enumerate(struck):
                mark(self.control, f"vg-no-{place}", no)


class SliderField(Field):
    """A number of a range, on a slider whose first place is "not given"."""

    def __init__(self, name: str, help_text: str, offered: Iterable[Any], default: str = "") -> None:
        self.name = name  # its labels need it already
        self._all = list(offered)
        self._values = [None, *self._all]
        self._default = f"{DEFAULT}: {default}" if default else DEFAULT
        control = ipywidgets.SelectionSlider(
            options=self._labels(), index=0, description=label_of(name), continuous_update=False
        )
        super().__init__(name, help_text, control, trait="index")

    @property
    def value(self) -> Any:
        return self._values[self.control.index]

    def write(self, value: Any) -> None:
        self._offer(self._values[1:], value)

    def follow(self, row: Model | None) -> None:
        super().follow(row)
        taken = row.takes.get(self.name) if row is not None else None
        self._offer(listed(taken or ()) or self._all, self.value)

    def limits(self, row: Model | None) -> str:
        taken = row.takes.get(self.name) if row is not None else None
        return f"{choices(taken, self.name)}." if taken else ""

    def _offer(self, values: Iterable[Any], chosen: Any) -> None:
        """These values, and what is chosen among them, in order."""
        offered = list(values)
        if chosen is not None and _position(offered, chosen) is None:
            offered.append(chosen)
        numbers = sorted((value for value in offered if isinstance(value, int | float)), key=float)
        new = [None, *numbers, *(value for value in offered if not isinstance(value, int | float))]
        if new != self._values:
            self._values = new
            self._set(options=self._labels())
        self._set(index=_position(self._values, chosen))

    def _labels(self) -> tuple[str, ...]:
        return tuple(self._default if value is None else _word(self.name, value) for value in self._values)


class ModelField(Field):
    """The models of the table, and any other by its name: catalogues grow faster than tables."""

    def __init__(self, name: str, help_text: str, models: Sequence[Model]) -> None:
        standard = next((row.name for row in models if row.default), "")
        self._names = [None, *(row.name for row in models)]
        labels = [f"{DEFAULT}: {standard}" if standard else "choose a model", *self._names[1:], "another, by its name"]
        control = ipywidgets.Dropdown(options=labels, index=0, description=label_of(name))
        self._other = ipywidgets.Text(value="", placeholder="the model's name", tooltip="the model's name")
        self._other.layout.display = "none"
        super().__init__(name, help_text, control, self._other, trait="index")
        self._other.observe(self._heard, "value")

    @property
    def value(self) -> Any:
        index = self.control.index or 0
        if index < len(self._names):
            return self._names[index]
        if not self._other.value.strip():
            raise Unreadable("give the model's name, or choose one of the list")
        return self._other.value.strip()

    def write(self, value: Any) -> None:
        listed_at = _position(self._names, value)
        before, self._writing = self._writing, True
        try:
            self._other.value = str(value) if listed_at is None else ""
        finally:
            self._writing = before
        self._set(index=len(self._names) if listed_at is None else listed_at)
        self._show_other()

    def _heard(self, change: object) -> None:
        self._show_other()
        super()._heard(change)

    def _show_other(self) -> None:
        self._other.layout.display = None if self.control.index == len(self._names) else "none"

    def limits(self, row: Model | None) -> str:
        return f"{row.note}." if row is not None and row.note else ""


def listed(values: Collection[Any]) -> list[Any]:
    """The values of a table, each; none where they are too many to choose from."""
    if isinstance(values, Between):
        values = range(values.low, values.high + 1)
    return list(values) if len(values) <= _COUNTABLE else []


def _word(name: str, value: Any) -> str:
    """A value as a choice says it."""
    if isinstance(value, bool):
        return _FLAGS.get(name, {True: "yes", False: "no"})[value]
    if name == "duration":
        return "auto" if value == -1 else f"{value} s"
    return str(value)


def _position(values: Sequence[Any], wanted: Any) -> int | None:
    """Where a value stands. True is not 1; "5" is 5, as a request reads it."""
    for place, value in enumerate(values):
        if value is wanted or (isinstance(value, bool) == isinstance(wanted, bool) and value == wanted):
            return place
        if isinstance(wanted, str) and isinstance(value, int) and str(value) == wanted:
            return place
    return None
