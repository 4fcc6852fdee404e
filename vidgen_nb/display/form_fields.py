"""The fields of a form which are typed in; those with choices are in form_choices.py, media in form_media.py.

A field holds what was given, or nothing: a parameter without a value is not sent. A value which a field does not offer
(a model made it illegal, a notebook set it) stays, and is said to be wrong.

What a control shows is saved with the notebook: of a signed address, or a medium as data, it shows what may be kept,
and the whole of it stays in the kernel.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
import traitlets

from vidgen_nb.display.html import Html, el, join
from vidgen_nb.media.redact import kept
from vidgen_nb.providers.contract import Model

DEFAULT = "default"  # the label of "not given"
_LABELS = {"generate_audio": "Audio", "fps": "FPS", "n": "Number of videos"}
_DICE = 2**31 - 1  # the largest seed which every provider takes that documents one


class Unreadable(ValueError):
    """What stands in a field is no value at all."""


def label_of(name: str) -> str:
    """`aspect_ratio` as a person reads it."""
    return _LABELS.get(name, name.replace("_", " ").capitalize())


class Field:
    """One parameter: label and control, and below them its help and what is wrong with it.

    `changed` is called when a person changed the value, never when `write` did.
    """

    def __init__(self, name: str, help_text: str, control: Any, *beside: Any, trait: str = "value") -> None:
        self.name, self.help, self.control = name, help_text, control
        self.changed: Callable[[], None] = lambda: None
        self.touched = False
        self._writing = False
        self._lacked = ""
        self._kept: tuple[object, Any] = (None, None)  # what was written, and the value it stands for
        self._notes = ipywidgets.HTML()
        self._notes.add_class("vg-notes")
        line = [ipywidgets.HBox([control, *beside])] if beside else [control]
        self.row = ipywidgets.VBox([*line, self._notes])
        for name_of_class in ("vg-field", f"vg-f-{name}"):
            self.row.add_class(name_of_class)
        control.observe(self._heard, trait)

    # ── the value ─────────────────────────────────────────────────────────────
    @property
    def value(self) -> Any:
        """What was given, None for nothing. Raises Unreadable where that cannot be said."""
        text = self.control.value
        return self._kept[1] if text == self._kept[0] else self.parsed(text)

    @property
    def sent(self) -> Any:
        """The value as a request takes it."""
        return self.value

    @property
    def code(self) -> str:
        """The value as Python, without what may not be kept: code is pasted into cells."""
        return repr(kept(self.value))

    def write(self, value: Any) -> None:
        """Put a value in, None for nothing."""
        self._show("" if value is None else self.spelled(value), value)

    def _show(self, text: str, value: Any) -> None:
        """Let the control say what may be kept of a text, which stands for the value."""
        self._kept = (_to_show(text), value)
        self._set(value=_to_show(text))

    def parsed(self, text: str) -> Any:
        return text or None

    def spelled(self, value: Any) -> str:
        return str(value)

    def _set(self, **traits: Any) -> None:
        """Change the control without hearing of it as of a person's doing."""
        before, self._writing = self._writing, True
        try:
            for name, value in traits.items():
                setattr(self.control, name, value)
        finally:
            self._writing = before

    def _heard(self, _change: object) -> None:
        if not self._writing:
            self.touched = True
            self._hide()
            self.changed()

    def _hide(self) -> None:
        """Take from the control what may not be kept. Not where each letter is heard: it would be cut while typed."""
        text = self.control.value
        if getattr(self.control, "continuous_update", True) or text == self._kept[0] or _to_show(text) == text:
            return
        try:
            self._show(text, self.parsed(text))
        except Unreadable:
            self._set(value=_to_show(text))

    # ── what is said about it ─────────────────────────────────────────────────
    def follow(self, row: Model | None) -> None:
        """Offer what this model takes; what was chosen stays."""
        self._lacked = f"{row.name} does not take it." if row is not None and self.name in row.lacks else ""
        mark(self.row, "vg-lacked", bool(self._lacked))

    def limits(self, row: Model | None) -> str:
        """What the model takes here, in words; "" where that is seen already."""
        return ""

    def tell(self, problems: Sequence[str], warnings: Sequence[str], row: Model | None) -> None:
        """Show help, problems and warnings, each on a line of its own."""
        mark(self.row, "vg-wrong", bool(problems))
        told = " ".join(part for part in (self.help, self._lacked or self.limits(row)) if part)
        lines = [_line("vg-help", told)] if told else []
        lines += [_line("vg-problem", text) for text in problems]
        lines += [_line("vg-warned", text) for text in warnings]
        self._notes.value = str(join(*lines))


class Address(ipywidgets.Text):  # type: ignore[misc]  # ships no types
    """A line that may be a signed address: what is typed is not sent back to other views of it, as it came."""

    value = traitlets.Unicode().tag(sync=True, echo_update=False)


class Whole(ipywidgets.Textarea):  # type: ignore[misc]  # as above
    """Lines that may be signed addresses, or hold media: as above."""

    value = traitlets.Unicode().tag(sync=True, echo_update=False)


class TextField(Field):
    """Words. A prompt gets room."""

    def __init__(self, name: str, help_text: str, placeholder: str = "") -> None:
        kind, more = ipywidgets.Text, dict[str, Any]()
        if name.endswith("prompt"):
            kind, more = ipywidgets.Textarea, {"rows": {"prompt": 3}.get(name, 2)}
        elif name.endswith("url"):
            kind, more = Address, {"continuous_update": False}
        super().__init__(name, help_text, kind(value="", description=label_of(name), placeholder=placeholder, **more))


class NumberField(Field):
    """A number, typed in: empty means not given, which no spinner or slider can say. A seed has a dice."""

    def __init__(self, name: str, help_text: str, placeholder: str = "") -> None:
        control = ipywidgets.Text(value="", description=label_of(name), placeholder=placeholder)
        beside = [ipywidgets.Button(description="Dice", tooltip="another random seed")] if name == "seed" else []
        super().__init__(name, help_text, control, *beside)
        self.row.add_class("vg-short")
        for dice in beside:
            dice.on_click(self._throw)

    def parsed(self, text: str) -> Any:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text.strip() or None

    def _throw(self, _button: object) -> None:
        self.control.value = str(secrets.randbelow(_DICE) + 1)


class LinesField(Field):
    """A list of texts, one on each line. Where one alone is taken too, a single line is that one."""

    def __init__(self, name: str, help_text: str, *, single: bool = False) -> None:
        control = Whole(
            value="", description=label_of(name), placeholder="one on each line", rows=2, continuous_update=False
        )
        super().__init__(name, help_text, control)
        self._single = single

    def parsed(self, text: str) -> Any:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[0] if self._single and len(lines) == 1 else lines or None

    def spelled(self, value: Any) -> str:
        return "\n".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)


class JsonField(Field):
    """What has no simpler form: JSON."""

    def __init__(self, name: str, help_text: str) -> None:
        control = Whole(
            value="", description=label_of(name), placeholder='JSON, such as {"mode": "pro"}', rows=2,
            continuous_update=False,
        )  # fmt: skip
        super().__init__(name, help_text, control)

    def parsed(self, text: str) -> Any:
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"this is no JSON: {error}") from None

    def spelled(self, value: Any) -> str:
        try:
            return json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            return repr(value)


def _to_show(text: str) -> str:
    """What a control may show of a text: line by line, for an address ends with its line."""
    return "\n".join(kept(text.split("\n")))


_ANYWAY = re.compile(r"; check=False[^;)]*")  # a form sends nothing that is wrong
_SOURCE = re.compile(r" \((?:[^()]|\([^()]*\))*, checked (?:never|[\d-]+)\)$")


def _line(name: str, text: str) -> Html:
    """A note. Where a fact is from stands in the title: what matters while one types is what to change."""
    text = _ANYWAY.sub("", text)
    short = _SOURCE.sub("", text)
    role = "alert" if name == "vg-problem" else None
    return el("div", {"class": name, "role": role, "title": text if short != text else None}, el("span", None, short))


def close(widget: Any, keep: Sequence[Any] = ()) -> None:
    """Close a widget and all that is in it, so that nothing of it is left behind in the kernel and on the page."""
    if widget in keep:
        return
    for child in getattr(widget, "children", ()):
        close(child, keep)
    for part in (getattr(widget, "layout", None), getattr(widget, "style", None), widget):
        if part is not None:
            part.close()


def mark(widget: Any, name: str, wanted: bool) -> None:
    if wanted and name not in widget._dom_classes:
        widget.add_class(name)
    elif not wanted and name in widget._dom_classes:
        widget.remove_class(name)
