"""What was asked: from a person's arguments to a checked request, its identity and its wire body. Nothing is sent here.

Identity is what was asked, never what is sent: wire bodies, defaults and obtained URLs change with time.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vidgen_nb.errors import InvalidRequest, Problem
from vidgen_nb.media.inputs import asked_form, identity_form, keep, take
from vidgen_nb.media.limits import check as check_media
from vidgen_nb.media.redact import kept, was_cut, without_secrets
from vidgen_nb.providers.contract import Model, Options, Provider, Request, aliases, media_fields, model_row, offers
from vidgen_nb.records import Call, Json, Medium, Warned

FORMAT = 1  # of identities: a new number makes every clip a new one, so it never changes without a need
VOCABULARY = (
    "prompt", "model", "duration", "aspect_ratio", "resolution", "seed", "negative_prompt", "generate_audio",
    "first_frame", "last_frame", "reference_images", "reference_videos", "reference_audios",
)  # fmt: skip
"""The common vocabulary: these names mean the same at every provider that takes them."""

MOST_TAKES = 1_000_000
_NO_TEXT = "holds half of a character (a lone surrogate), which no request can carry"
_CUT = "holds an address that was signed, or a medium, and neither is kept: give it whole, in clip.retake(…)"
_PLACEHOLDER = "…"  # stands for a missing prompt, so that the other problems are found in the same go


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request: what to write down, what to send, and what to tell a person first."""

    request: Request = field(repr=False)  # it may hold addresses that are signed
    model: str
    asked: Mapping[str, Json]
    extra: Mapping[str, Json]
    take: int
    identity: str
    call: Call
    warnings: tuple[Warned, ...]

    def kept(self, home: Path) -> None:
        """Keep reference media given as data in the home, so that the recipe can run again in another kernel."""
        for _, medium in _media_of(self.request):
            keep(medium, home)


def ask(
    provider: Provider,
    given: Mapping[str, Any],
    *,
    origin: str,
    home: Path,
    options: Options,
    extra: Mapping[str, Json] | None = None,
    take_number: int = 1,
    check: bool = True,
) -> Asked:
    """Check what a person gave and make a request of it. Raises InvalidRequest with every problem at once."""
    values, problems = _named(provider, given)
    values, more = _with_media(provider, values, home)
    problems += more
    request, more = _validated(provider, values)
    problems += more
    problems += _checked_extra(extra or {}, take_number)
    problems += [Problem(name, _NO_TEXT) for name, value in request.given.items() if not _encodable(value)]
    problems += [Problem(name, _CUT) for name, value in {**request.given, "extra": extra}.items() if was_cut(value)]
    broken = {problem.parameter for problem in problems}
    limits = [problem for problem in _limits(provider, request) if problem.parameter not in broken]
    if check:
        problems += limits
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        hint = f'vg.models("{provider.NAME}") lists what each model takes.'
        raise InvalidRequest(f"{count}. Nothing was sent.", problems=problems, hint=hint)

    warnings = [Warned(problem.parameter, problem.message) for problem in limits]
    warnings += getattr(provider, "advise", lambda request: [])(request)
    if request.given.get("model") and model_row(provider, request.given["model"]) is None:
        message = (
            f"{request.given['model']} is not in the table of {provider.TITLE}: only its general limits are checked"
        )
        warnings.append(Warned("model", message))
    body = dict(extra or {})
    call = provider.submit(request, options)
    return Asked(
        request=request,
        model=_model_of(provider, request),
        asked=kept({name: _json(value, asked_form) for name, value in request.given.items()}),
        extra=kept(body),
        take=take_number,
        identity=_identity(provider, origin, request, body, take_number),
        call=replace(call, json=_merged(call.json, body)) if body else call,
        warnings=tuple(dict.fromkeys(warnings)),
    )


# ── names ─────────────────────────────────────────────────────────────────────
def _named(provider: Provider, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The parameters under our names; a parameter given as None is not given."""
    problems: list[Problem] = []
    given = {name: value for name, value in given.items() if value is not None}
    unfold = getattr(provider, "unfold", None)
    if unfold is not None:
        given, problems = unfold(given)
        problems = list(problems)
    table = aliases(provider.Request)
    values: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for name, value in given.items():
        ours = table.get(name)
        if ours is None:
            problems.append(Problem(name, _no_such(provider, name, table)))
        elif ours in values:
            problems.append(Problem(ours, f"given twice, as {spelled[ours]} and as {name}"))
        else:
            values[ours], spelled[ours] = value, name
    return values, problems


def _no_such(provider: Provider, name: str, table: Mapping[str, str]) -> str:
    if name in VOCABULARY:
        return f"{provider.TITLE} has no such parameter"
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.6)
    meant = (
        f": did you mean {near[0]}?" if near else f"; {provider.TITLE} takes {', '.join(provider.Request.model_fields)}"
    )
    return f"no such parameter{meant}"


# ── values ────────────────────────────────────────────────────────────────────
def _with_media(provider: Provider, values: dict[str, Any], home: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Reference media as Medium values, a single one in the place of a list made a list of one."""
    problems: list[Problem] = []
    taken = dict(values)
    for name, mark in media_fields(provider.Request).items():
        if name not in values:
            continue
        value = values[name]
        many = list(value) if mark.many and isinstance(value, list | tuple) else [value]
        media: list[Medium] = []
        for index, item in enumerate(many):
            label = f"{name}[{index}]" if mark.many and len(many) > 1 else name
            try:
                media.append(item if isinstance(item, Medium) else take(item, mark.kind, home=home, parameter=label))
            except InvalidRequest as error:
                problems += error.problems
        if len(media) == len(many):
            taken[name] = tuple(media) if mark.many else media[0]
        else:
            del taken[name]
    return taken, problems


def _validated(provider: Provider, values: dict[str, Any]) -> tuple[Request, list[Problem]]:
    """The request model, and what its types do not take. Bad values are left out, so that the rest is checked too."""
    problems: list[Problem] = []
    table = aliases(provider.Request)
    good = dict(values)
    for _ in range(len(values) + 2):
        try:
            return provider.Request.model_validate(good), problems
        except ValidationError as error:
            for found in error.errors():
                name = table.get(str(found["loc"][0]), str(found["loc"][0])) if found["loc"] else "request"
                if found["type"] == "missing":
                    problems.append(Problem(name, "is needed"))
                    good[name] = _PLACEHOLDER
                elif name in good:
                    problems.append(Problem(name, _in_words(found["type"], found["msg"], good.pop(name))))
    raise InvalidRequest("The request cannot be read. Nothing was sent.", problems=problems)


def _encodable(value: Any) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _in_words(kind: str, message: str, value: object) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    safe = repr(without_secrets(value))
    shown = safe if len(safe) <= 60 else f"{safe[:57]}…"
    if kind.startswith("int") or kind in {"finite_number", "float_parsing", "float_type"}:
        return f"{shown} is not a {'whole ' if kind.startswith('int') else ''}number"
    if kind == "string_type":
        return f"takes text, not {type(value).__name__}"
    return f"{shown}: {message[:1].lower()}{message[1:]}"


def _limits(provider: Provider, request: Request) -> Iterable[Problem]:
    """Every documented limit that the request breaks: of the model's row, of the media, and across parameters."""
    model, media = request.given.get("model"), getattr(provider, "MEDIA", {})
    row = model_row(provider, model)
    if row is None and model is None:
        some = ", ".join(known.name for known in provider.MODELS[:6])
        yield Problem("model", f"{provider.TITLE} needs one, such as {some}")
    row = row or getattr(provider, "API_WIDE", None)
    if row is not None:
        yield from offers(row, {name: value for name, value in request.given.items() if name != "model"})
        media = {**media, **row.media}
    for name, value in request.given.items():
        if name in media:
            yield from check_media(value, media[name], name)
    yield from _data(provider, request)
    yield from getattr(provider, "rules", lambda request: [])(request)


def _data(provider: Provider, request: Request) -> Iterable[Problem]:
    """Media given as data where the provider takes only addresses."""
    taken: frozenset[str] = getattr(provider, "TAKES_DATA", frozenset())
    upload = getattr(provider, "UPLOAD", "upload it somewhere and give its https:// URL")
    given = {name for name, medium in _media_of(request) if medium.is_data and medium.kind not in taken}
    if not getattr(provider, "TAKES_ASSETS", True):
        for name in sorted({name for name, medium in _media_of(request) if medium.url.lower().startswith("asset:")}):
            yield Problem(name, f"{provider.TITLE} documents no asset:// ids: {upload}; check=False sends it anyway")
    for name in sorted(given):
        yield Problem(name, f"{provider.TITLE} takes no data here: {upload}; check=False sends it as a data URI anyway")


def _checked_extra(extra: Mapping[str, Json], take_number: object) -> list[Problem]:
    problems = []
    try:
        json.dumps(extra, allow_nan=False, ensure_ascii=False).encode()
        fine = isinstance(extra, Mapping)
    except (TypeError, ValueError):
        fine = False
    if not fine:
        problems.append(Problem("extra", "takes a dict of JSON values, merged into the body last"))
    number = isinstance(take_number, int) and not isinstance(take_number, bool)
    if not number or not 1 <= take_number <= MOST_TAKES:  # type: ignore[operator]
        problems.append(Problem("take", f"takes a whole number from 1 to {MOST_TAKES:,}"))
    return problems


# ── identity and body ─────────────────────────────────────────────────────────
def _identity(provider: Provider, origin: str, request: Request, extra: Mapping[str, Json], take_number: int) -> str:
    asked = {name: _json(value, identity_form) for name, value in request.given.items()}
    named = {
        "format": FORMAT,
        "provider": provider.NAME,
        "origin": origin,
        "asked": asked,
        "extra": extra,
        "take": take_number,
    }
    text = json.dumps(named, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _json(value: Any, form: Any) -> Json:
    if isinstance(value, Medium):
        return form(value)
    if isinstance(value, list | tuple):
        return [_json(item, form) for item in value]
    if isinstance(value, Mapping):
        return {key: _json(item, form) for key, item in value.items()}
    return value.model_dump() if hasattr(value, "model_dump") else value


def _merged(body: Json, extra: Mapping[str, Json]) -> Json:
    """`extra` over the body: objects are merged, everything else is replaced."""
    merged = dict(body or {})
    for key, value in extra.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _media_of(request: Request) -> Iterable[tuple[str, Medium]]:
    for name, value in request.given.items():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Medium):
                yield name, item


def _model_of(provider: Provider, request: Request) -> str:
    row: Model | None = model_row(provider, None)
    return str(request.given.get("model") or (row.name if row else ""))
