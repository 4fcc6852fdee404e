"""The sheet of a form: all fields of one provider, which field for which parameter, and where each stands."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import ipywidgets

from vidgen_nb import providers
from vidgen_nb.asking import VOCABULARY
from vidgen_nb.display.form_choices import ChoiceField, ModelField, SliderField, listed
from vidgen_nb.display.form_fields import (
    DEFAULT,
    Field,
    JsonField,
    LinesField,
    NumberField,
    TextField,
    Unreadable,
    close,
    label_of,
)  # fmt: skip
from vidgen_nb.display.form_media import PickerField
from vidgen_nb.display.html import el
from vidgen_nb.errors import InvalidRequest, Problem
from vidgen_nb.media.redact import kept
from vidgen_nb.providers.contract import Provider, aliases, media_fields, model_row
from vidgen_nb.records import Medium, Viewed, Warned

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "What": ("model", "prompt", "negative_prompt"),
    "How it looks": (
        "duration", "aspect_ratio", "resolution", "size", "generate_audio", "style", "motion_mode", "camera_movement",
    ),
}  # fmt: skip
"""Where parameters stand; media, and those that begin with `reference_`, are references, all others advanced."""

_NEVER = re.compile(r"(^|_)(api_?key|key|token|secret|password)$")  # a form asks for no key, whatever a provider says
_FEW_NUMBERS = 6  # more numbers than these make a slider
_TAKE = "2, 3 … make another clip of the same request."
_EXTRA = "JSON that is merged into the request last."


def asks_for(spec: Provider) -> dict[str, "FieldInfo"]:
    """The parameters of a provider which a form has a field for."""
    return {name: info for name, info in spec.Request.model_fields.items() if not _NEVER.search(name)}


def named(spec: Provider, given: Mapping[str, Any], *, choosing: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values under our names; where one may choose the provider, apart those which only another one takes.

    Raises:
        InvalidRequest: A name that no field has, or two for the same.
    """
    problems: list[Problem] = []
    unfold = getattr(spec, "unfold", None)
    if unfold is not None:
        given, found = unfold(given)
        problems += found
    fields = {*asks_for(spec), "take", "extra"}
    table = {name: ours for name, ours in aliases(spec.Request).items() if ours in fields}
    table |= {"take": "take", "extra": "extra"}
    elsewhere = {name for other in providers.every().values() for name in asks_for(other)} if choosing else set()
    known: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in given.items():
        ours = table.get(name)
        if ours is None and name in elsewhere:
            others[name] = value
        elif ours is None:
            near = difflib.get_close_matches(name, table, n=1, cutoff=0.6)
            problems.append(Problem(name, f"no such parameter{f': did you mean {near[0]}?' if near else ''}"))
        elif ours in known:
            problems.append(Problem(ours, "given twice, under two names"))
        else:
            known[ours] = value
    if problems:
        hint = f"{spec.TITLE} takes {', '.join(asks_for(spec))}."
        raise InvalidRequest("The form cannot be filled in with this.", problems=problems, hint=hint)
    return known, others


class Sheet:
    """All fields of one provider.

    Args:
        who: The row which says or chooses the provider; None makes one that says it.
        find: An earlier clip by its id.
        earlier: The clips which pickers propose, newest first.
        changed: Called when a person changed anything.
    """

    def __init__(
        self,
        spec: Provider,
        *,
        home: Path,
        who: Any | None,
        find: Callable[[str], Viewed | None],
        earlier: Sequence[Viewed],
        changed: Callable[[], None],
    ) -> None:
        self.spec = spec
        marks = media_fields(spec.Request)
        self.fields: dict[str, Field] = {
            name: PickerField(name, info.description or "", marks[name], home=home, find=find, earlier=earlier)
            if name in marks
            else field_for(spec, name, info)
            for name, info in asks_for(spec).items()
        }
        self.fields["take"] = NumberField("take", _TAKE, "1")
        self.fields["extra"] = JsonField("extra", _EXTRA)
        for field in self.fields.values():
            field.changed = changed
        groups = self._grouped(marks)
        self._folded = groups.pop("Advanced")
        self.advanced = ipywidgets.Accordion(
            [ipywidgets.VBox([field.row for field in self._folded])], titles=("Advanced",), selected_index=None
        )
        rows = {title: [field.row for field in fields] for title, fields in groups.items() if fields}
        rows["What"] = [who or _who(spec.TITLE), *rows.get("What", [])]
        self.widgets = [*(_group(title, rows[title]) for title in groups if title in rows), _group("", [self.advanced])]

    def _grouped(self, marks: Iterable[str]) -> dict[str, list[Field]]:
        rest = dict(self.fields)
        groups = {title: [rest.pop(name) for name in names if name in rest] for title, names in _GROUPS.items()}
        order = {name: place for place, name in enumerate(VOCABULARY)}
        referring = [name for name in rest if name in marks or name.startswith("reference_")]
        referring.sort(key=lambda name: order.get(name, len(order)))
        groups["References"] = [rest.pop(name) for name in referring]
        groups["Advanced"] = list(rest.values())
        return groups

    def close(self, keep: Sequence[Any]) -> None:
        """Close every widget of it but those to keep."""
        for widget in self.widgets:
            close(widget, keep)

    # ── the values ────────────────────────────────────────────────────────────
    def read(self) -> dict[str, Any]:
        """What is filled in; `take` from 2 on. What cannot be read is left out: its problem stands beside it."""
        given = {name: value for name, field in self.fields.items() if (value := _value(field)) is not None}
        return {name: value for name, value in given.items() if (name, value) != ("take", 1)}

    def fill(self, values: Mapping[str, Any]) -> None:
        """Put these values in, and nothing else."""
        for name, field in self.fields.items():
            value = values.get(name)
            field.write(1 if name == "take" and value is None else value)
            field.touched = value is not None

    def sent(self) -> tuple[dict[str, Any], list[Problem]]:
        """The values as a request takes them, and what cannot be read."""
        given: dict[str, Any] = {}
        problems = []
        for name, field in self.fields.items():
            try:
                value = field.sent
            except Unreadable as error:
                problems.append(Problem(name, str(error)))
                continue
            if value is not None:
                given[name] = value
        return given, problems

    def call(self) -> str:
        """The call as Python, legal or not."""
        name = self.spec.NAME
        given = {parameter: self.fields[parameter].code for parameter in self.read()}
        lines = [given.pop("prompt")] if "prompt" in given else []
        lines += [] if name.isidentifier() else [f"provider={name!r}"]
        lines += [f"{parameter}={code}" for parameter, code in given.items()]
        function = f"vg.{name}.generate" if name.isidentifier() else "vg.generate"
        return "\n".join([f"{function}(", *(f"    {line}," for line in lines), ")"])

    # ── what is said ──────────────────────────────────────────────────────────
    def tell(self, model: str | None, problems: Sequence[Problem], warnings: Sequence[Warned]) -> None:
        """Offer what the model takes, and say beside each field what is wrong there, or worth knowing."""
        row = model_row(self.spec, model) or getattr(self.spec, "API_WIDE", None)
        for name, field in self.fields.items():
            field.follow(row)
            wrong = [said for parameter, said in problems if about(parameter) == name]
            warned = [warning.message for warning in warnings if about(warning.parameter) == name]
            if self.calm(name):
                warned, wrong = [*warned, *(said for said in wrong if said != "is needed")], []
            field.tell(wrong, warned, row)
        summary = " · ".join(_summary(name, value) for name, value in self._folded_values())
        title = f"Advanced   {summary}" if summary else "Advanced"
        if self.advanced.titles != (title,):
            self.advanced.titles = (title,)
        if {about(parameter) for parameter, _ in problems} & {field.name for field in self._folded}:
            self.advanced.selected_index = 0

    def calm(self, parameter: str) -> bool:
        """Whether a problem there is no blame: nobody touched the field so far."""
        field = self.fields.get(about(parameter))
        return field is not None and not field.touched

    def propose(self, earlier: Sequence[Viewed]) -> None:
        """Other clips for the pickers."""
        for field in self.fields.values():
            if isinstance(field, PickerField):
                field.propose(earlier)

    def _folded_values(self) -> list[tuple[str, Any]]:
        return [(field.name, value) for field in self._folded if (value := _value(field)) is not None]


# ── which field for which parameter ───────────────────────────────────────────
def field_for(spec: Provider, name: str, info: "FieldInfo") -> Field:
    """The field of a parameter that is no reference medium."""
    help_text = info.description or ""
    default = _spelled_default(info)
    types = set(_types(info.annotation))
    offered = _offered(spec, name, info.annotation)
    if name == "model":
        return ModelField(name, help_text, spec.MODELS)
    if bool in types:
        return ChoiceField(name, help_text, (True, False), default)
    if offered and all(isinstance(value, int | float) for value in offered) and len(offered) > _FEW_NUMBERS:
        return SliderField(name, help_text, offered, default)
    if offered:
        return ChoiceField(name, help_text, offered, default)
    if types & {int, float}:
        return NumberField(name, help_text, default or DEFAULT)
    if Medium in types or tuple in types or list in types:
        return LinesField(name, help_text, single=Medium in types)
    if types <= {str}:
        return TextField(name, help_text, f"{DEFAULT}: {default}" if default else "")
    return JsonField(name, help_text)


def _offered(spec: Provider, name: str, annotation: Any) -> list[Any]:
    """Every value which any model takes, in an order that a person expects; none where they are not told."""
    rows = [*([spec.API_WIDE] if hasattr(spec, "API_WIDE") else []), *spec.MODELS]
    values = [value for row in rows for value in listed(row.takes.get(name, ()))]
    values += [value for part in _literals(annotation) for value in part]
    unique = list(dict.fromkeys(values))
    if all(isinstance(value, int | float) for value in unique):
        return sorted(unique)
    if all(re.fullmatch(r"\d+[pk]", str(value)) for value in unique):
        return sorted(unique, key=lambda value: int(value[:-1]) * (500 if value.endswith("k") else 1))
    return unique


def _types(annotation: Any) -> Iterable[Any]:
    """The plain types in an annotation, without None and the checks that pydantic keeps in it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _types(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for part in get_args(annotation):
            yield from _types(part)
    elif origin is Literal:
        yield from {type(value) for value in get_args(annotation)}
    elif annotation is not type(None):
        yield origin or annotation


def _literals(annotation: Any) -> Iterable[tuple[Any, ...]]:
    if get_origin(annotation) is Literal:
        yield get_args(annotation)
    elif get_origin(annotation) in {Annotated, Union, UnionType}:
        for part in get_args(annotation):
            yield from _literals(part)


def _spelled_default(info: "FieldInfo") -> str:
    """The provider's documented default, as a word."""
    if not info.examples:
        return ""
    first = info.examples[0]
    return {True: "yes", False: "no"}[first] if isinstance(first, bool) else str(first)


def about(parameter: str) -> str:
    """`reference_images[1]` is about reference_images."""
    return re.sub(r"\[.*|\..*", "", parameter)


def _value(field: Field) -> Any:
    try:
        return field.value
    except Unreadable:
        return None


def _summary(name: str, value: Any) -> str:
    return f"{label_of(name).lower()} {str(kept(value))[:24]}"


def _who(title: str) -> Any:
    """The provider, where it cannot be chosen."""
    label = el("span", {"class": "widget-label"}, "Provider")
    row = ipywidgets.HTML(str(el("div", {"class": "vg-who"}, label, el("span", None, title))))
    row.add_class("vg-field")
    return row


def _group(title: str, rows: Sequence[Any]) -> Any:
    html = el("div", {"class": "vg-title", "role": "heading", "aria-level": "3"}, title)
    box = ipywidgets.VBox([*([ipywidgets.HTML(str(html))] if title else []), *rows])
    box.add_class("vg-group")
    return box
