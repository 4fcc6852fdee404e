"""Axes: from a template and lists of values to single requests, one for each combination. Pure, and nothing is sent."""

import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, get_args, get_origin

from vidgen_nb import providers
from vidgen_nb.errors import InvalidRequest, Problem
from vidgen_nb.media.inputs import take as take_medium
from vidgen_nb.providers.contract import Provider, aliases, media_fields
from vidgen_nb.records import Json, Medium

MOST = 1_000  # clips of one sweep: more is more likely a slip than a wish
_WORD = re.compile(r"\{\{(?P<literal>[^\W\d]\w*)\}\}|\{(?P<word>[^\W\d]\w*)\}")
_OWN = frozenset({"prompt", "provider", "take", "extra"})  # understood here, whatever the provider takes


@dataclass(frozen=True, slots=True)
class Axis:
    """What varies: its name, the values, and what each is called in a table or a grid."""

    name: str
    values: tuple[Any, ...] = field(repr=False)  # they may be media, and addresses that are signed
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Single:
    """One request of a sweep. `where` holds its place on each axis."""

    where: tuple[int, ...]
    provider: str
    parameters: Mapping[str, Any] = field(repr=False)  # as above
    take: int
    extra: Mapping[str, Json] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Spread:
    """Everything a sweep asks for. `fixed` holds what is the same for all, as it was given."""

    template: str
    axes: tuple[Axis, ...]
    fixed: Mapping[str, Any] = field(repr=False)
    singles: tuple[Single, ...]


def spread(
    template: object, given: Mapping[str, Any], *, takes: object, pick: Callable[[str | None], str], home: Path
) -> Spread:
    """Lists become axes, in the order in which they were given; words of the template are filled in.

    Args:
        template: The prompt with its `{words}`, or a list of such prompts, or None. `{{word}}` stays `{word}`.
        given: Values of words and of parameters, and `provider`, `take`, `extra`.
        takes: How many takes of each combination.
        pick: The provider's name for None.
        home: Where reference media of recipes lie.

    Raises:
        InvalidRequest: Every slip of the whole at once. What is wrong with single combinations shows in their rows.
    """
    values, problems = _named(template, given, takes)
    provider = values.get("provider")
    values["provider"] = pick(None) if provider is None else provider
    specs = [providers.find(str(name)) for name in _many(values["provider"])]
    templates = [text for text in _many(values.get("prompt")) if isinstance(text, str)]
    words = dict.fromkeys(found["word"] for text in templates for found in _WORD.finditer(text) if found["word"])
    problems += _slips(values, words, specs)
    axes = tuple(
        Axis(name, tuple(value[: MOST + 1]), tuple(label(name, item) for item in value[: MOST + 1]))
        for name, value in values.items()
        if _varies(name, value, words, specs)
    )
    problems += _bad_axes(axes)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        hint = 'vg.sweep("a {word}", word=["fox", "owl"], seed=[1, 2], …): a list is an axis, anything else is fixed.'
        raise InvalidRequest(f"{count} with the sweep. Nothing was sent.", problems=problems, hint=hint)
    named = {axis.name for axis in axes}
    fixed = {name: value for name, value in values.items() if name not in named}
    title = templates[0] if len(templates) == 1 else f"{len(templates)} prompts" if templates else ""
    return Spread(title, axes, fixed, tuple(_combined(axes, fixed, words, specs, home)))


def filled(template: str, words: Mapping[str, Any]) -> str:
    """The template with its words filled in."""
    return _WORD.sub(lambda found: str(words[found["word"]]) if found["word"] else f"{{{found['literal']}}}", template)


def parts(template: str) -> Iterator[tuple[str, bool]]:
    """The template in pieces, and whether each is a `{word}`: for a title in which they are marked."""
    end = 0
    for found in _WORD.finditer(template):
        yield template[end : found.start()], False
        yield found[0], bool(found["word"])
        end = found.end()
    yield template[end:], False


def label(name: str, value: Any) -> str:
    """What a value is called: short, and never the query of an address, which may be signed."""
    if value is None:
        return "default"
    if name == "take":
        return f"take {value}"
    if isinstance(value, list | tuple):
        return ", ".join(label(name, item) for item in value) or "none"
    if isinstance(value, str):
        return value.partition("?")[0].rsplit("/", 1)[-1] if re.match(r"\w+://", value) else value
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {label('', item)}" for key, item in value.items())
    if isinstance(value, int | float):
        return f"{value} s" if name == "duration" else str(value)
    return str(getattr(value, "id", "") or f"a {type(value).__name__}")


# ── what was given ────────────────────────────────────────────────────────────
def _named(template: object, given: Mapping[str, Any], takes: object) -> tuple[dict[str, Any], list[Problem]]:
    """All values under their names, the prompt first, and what is wrong with prompt and takes."""
    problems = []
    values = dict(given)
    if template is not None:
        if values.get("prompt") is not None:
            problems.append(Problem("prompt", "given twice, as the template and as prompt"))
        values = {"prompt": template, **{name: value for name, value in values.items() if name != "prompt"}}
    if any(not isinstance(text, str) for text in _many(values.get("prompt")) if text is not None):
        problems.append(Problem("prompt", "the template is a text, or a list of texts"))
    if isinstance(takes, bool) or not isinstance(takes, int) or takes < 1:
        problems.append(Problem("takes", f"{takes!r} is not a whole number from 1"))
    elif takes > 1 and "take" in values:
        problems.append(Problem("takes", "take says already which ones: keep one"))
    elif takes > 1:
        values["take"] = range(1, takes + 1)
    return values, problems


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _varies(name: str, value: Any, words: Mapping[str, Any], specs: Sequence[Provider]) -> bool:
    """Whether a value is an axis: a list, or a list of lists for a parameter which takes a list itself."""
    if not isinstance(value, list | tuple | range):
        return False
    if name in words or name in _OWN or not any(_takes_list(spec, name) for spec in specs):
        return True
    return any(isinstance(item, list | tuple) for item in value) and all(
        item is None or isinstance(item, list | tuple) for item in value
    )


def _takes_list(spec: Provider, name: str) -> bool:
    """Whether a parameter is a list by its own: by the request's field, or as a part of the page's own nesting."""
    ours = aliases(spec.Request).get(name)
    if ours is not None:
        return _listed(spec.Request.model_fields[ours].annotation)
    unfold = getattr(spec, "unfold", None)
    return unfold is not None and _knows(spec, name) and not unfold({name: []})[1]


def _listed(annotation: Any) -> bool:
    inner = (annotation, get_origin(annotation))
    return any(kind in {list, tuple} for kind in inner) or any(
        _listed(part) for part in get_args(annotation) if isinstance(part, type) or get_args(part)
    )


def _knows(spec: Provider, name: str) -> bool:
    """Whether a provider takes a parameter of that name, be it only as its page nests it (`unfold`)."""
    if name in aliases(spec.Request):
        return True
    unfold = getattr(spec, "unfold", None)
    if unfold is None:
        return False
    flat, problems = unfold({name: [None]})
    return name not in flat or bool(problems)


# ── what is wrong with it ─────────────────────────────────────────────────────
def _slips(values: Mapping[str, Any], words: Mapping[str, Any], specs: Sequence[Provider]) -> Iterator[Problem]:
    for word in words:
        if word not in values:
            yield Problem(word, f"{{{word}}} of the template has no values: {word}=[…]")
    for name, value in values.items():
        takers = [spec.TITLE for spec in specs if _knows(spec, name)] if name not in _OWN else []
        if name in words:
            if takers or name in _OWN:
                whose = f"a parameter of {takers[0]}" if takers else "a parameter of sweep()"
                yield Problem(name, f"a word of the template and {whose}: call the word something else")
            for item in value[:MOST] if isinstance(value, list | tuple | range) else [value]:
                if isinstance(item, bool) or not isinstance(item, str | int | float):
                    yield Problem(name, f"{item!r} cannot be filled into the template: a word takes texts or numbers")
        elif name not in _OWN and not takers:
            yield Problem(name, _neither(name, words, specs))


def _neither(name: str, words: Mapping[str, Any], specs: Sequence[Provider]) -> str:
    known = [*words, *_OWN, *(parameter for spec in specs for parameter in aliases(spec.Request))]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    whose = " or ".join(spec.TITLE for spec in specs[:3])
    return f"neither a {{word}} of the template nor a parameter of {whose}" + (
        f": did you mean {near[0]}?" if near else ""
    )


def _bad_axes(axes: Sequence[Axis]) -> Iterator[Problem]:
    for axis in axes:
        if not axis.values:
            yield Problem(axis.name, "an empty list: no clip would be made")
        for index, value in enumerate(axis.values[:MOST]):
            if any(_same(value, other) for other in axis.values[:index]):
                yield Problem(axis.name, f"{axis.labels[index]} is there twice")
    count = math.prod(len(axis.values) for axis in axes)
    if count > MOST:
        yield Problem("axes", f"more than {MOST:,} combinations: a sweep has at most so many clips")


def _same(one: Any, other: Any) -> bool:
    """Equality of plain values; what arrays and pictures say to `==` is no answer."""
    plain = isinstance(one, str | int | float | list | tuple | PurePath) and type(one) is type(other)
    return one is other or (plain and bool(one == other))


# ── combining ─────────────────────────────────────────────────────────────────
def _combined(
    axes: Sequence[Axis], fixed: Mapping[str, Any], words: Mapping[str, Any], specs: Sequence[Provider], home: Path
) -> Iterator[Single]:
    """Every combination, the last axis fastest. Media are read and probed once, not once for each clip."""
    fixed = {name: _read(name, value, specs, home) for name, value in fixed.items()}
    read = [[_read(axis.name, value, specs, home) for value in axis.values] for axis in axes]
    for where in itertools.product(*(range(len(values)) for values in read)):
        chosen = {**fixed, **{axis.name: read[i][where[i]] for i, axis in enumerate(axes)}}
        provider, take, extra = chosen.pop("provider"), chosen.pop("take", 1), chosen.pop("extra", None)
        filling = {word: chosen.pop(word) for word in words}
        if isinstance(chosen.get("prompt"), str):
            chosen["prompt"] = filled(chosen["prompt"], filling)
        yield Single(where, provider, chosen, take, extra)


def _read(name: str, value: Any, specs: Sequence[Provider], home: Path) -> Any:
    """A reference medium as a Medium; what cannot be read stays as it is, and its rows will say why."""
    marks = [media_fields(spec.Request).get(aliases(spec.Request).get(name, "")) for spec in specs]
    kinds = {mark.kind for mark in marks if mark is not None}
    if value is None or len(kinds) != 1:
        return value
    (kind,) = kinds
    try:
        if isinstance(value, list | tuple):
            return [item if isinstance(item, Medium) else take_medium(item, kind, home=home) for item in value]
        return take_medium(value, kind, home=home)
    except InvalidRequest:
        return value
