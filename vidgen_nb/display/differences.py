"""What differs between the requests of several clips: rows for `vg.compare`, pure, from their records."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from vidgen_nb.display import words
from vidgen_nb.display.html import FIELD_LIMIT, shown
from vidgen_nb.media.redact import without_secrets
from vidgen_nb.records import Json, Record

Piece = tuple[str, bool]
"""A part of a prompt, and whether it is one that differs."""

_DEFAULT = "provider's default"
_NAMES = {"generate_audio": "audio"}
# One token: a character of a script written without spaces, a word, white space, or a mark of punctuation.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\s+|.")


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter: what each clip has, and which of them differ from the first."""

    name: str
    values: tuple[str, ...]
    differs: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """What a comparison says about requests. `prompts` is None where all are the same; `same` holds name and value."""

    prompts: tuple[tuple[Piece, ...], ...] | None
    rows: tuple[Row, ...]
    same: tuple[tuple[str, str], ...]


def differences(records: Sequence[Record], titles: Mapping[str, str]) -> Differences:
    """Compare requests with that of the first clip. `titles` are the providers' names as people know them."""
    rows: list[Row] = []
    same: list[tuple[str, str]] = []
    prompts = None
    for name, values in _parameters(records, titles):
        keys = [json.dumps(value, sort_keys=True, default=str) for value in values]
        if len(set(keys)) == 1:
            same.append((_label(name), _texts(name, values[:1])[0]))
        elif name == "prompt":
            prompts = marked_prompts(tuple(record.prompt for record in records))
        else:
            rows.append(Row(_label(name), _texts(name, values), tuple(key != keys[0] for key in keys)))
    return Differences(prompts, tuple(rows), tuple(same))


def _parameters(records: Sequence[Record], titles: Mapping[str, str]) -> Iterator[tuple[str, tuple[Json, ...]]]:
    """Every parameter that one of them was given, with the value of each; None where it was not given."""
    yield "prompt", tuple(record.prompt for record in records)
    yield "provider", tuple(titles.get(record.provider, record.provider) for record in records)
    yield "model", tuple(record.model or None for record in records)
    names = dict.fromkeys(name for record in records for name in record.asked)
    for name in names:
        if name not in {"prompt", "model"}:
            yield name, tuple(record.asked.get(name) for record in records)
    if any(record.extra for record in records):
        yield "extra", tuple(dict(record.extra) or None for record in records)
    if len({record.take for record in records}) > 1:
        yield "take", tuple(record.take for record in records)


def _label(name: str) -> str:
    return _NAMES.get(name, name.replace("_", " "))


# ── values in words ───────────────────────────────────────────────────────────
def _texts(name: str, values: Sequence[Json]) -> tuple[str, ...]:
    """The values as a person reads them; two media of one name get the beginning of their hashes."""
    plain = [_text(name, value, exact=False) for value in values]
    exact = [_text(name, value, exact=True) for value in values]
    return tuple(exact if len(set(plain)) < len(set(exact)) else plain)


def _text(name: str, value: Json, *, exact: bool) -> str:
    if value is None:
        return _DEFAULT
    if isinstance(value, bool):
        return "on" if value else "off"
    if name == "duration" and isinstance(value, int | float):
        return f"{value:g}{words.NB}s"
    if isinstance(value, list):
        return ", ".join(_text("", item, exact=exact) for item in value) or "none"
    if isinstance(value, Mapping) and isinstance(value.get("input"), str):
        called = str(value.get("name") or value["input"])
        return f"{called} ({value['input'][:8]})" if exact else called
    kept = without_secrets(value)  # an address may be signed
    return kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False, default=str)


# ── prompts, word by word ─────────────────────────────────────────────────────
@lru_cache(maxsize=64)  # a comparison is drawn anew with every step of its clips, and prompts stay
def marked_prompts(prompts: tuple[str, ...]) -> tuple[tuple[Piece, ...], ...]:
    """Each prompt in pieces: of the first what some other lacks, of the others what the first lacks."""
    tokens = [_TOKEN.findall(shown(prompt, FIELD_LIMIT)) for prompt in prompts]
    first = tokens[0]
    missing: set[int] = set()
    pieces: list[tuple[Piece, ...]] = []
    for other in tokens[1:]:
        here, there = _apart(first, other)
        missing |= here
        pieces.append(_joined(other, there))
    return (_joined(first, missing), *pieces)


def _apart(first: list[str], other: list[str]) -> tuple[set[int], set[int]]:
    """The numbers of the tokens which only one of the two has."""
    here, there = set(range(len(first))), set(range(len(other)))
    for block in SequenceMatcher(None, first, other).get_matching_blocks():
        here -= set(range(block.a, block.a + block.size))
        there -= set(range(block.b, block.b + block.size))
    return here, there


def _joined(tokens: list[str], wanted: set[int]) -> tuple[Piece, ...]:
    """Tokens as pieces. What stands between two marked words is marked with them, unless it is a word itself."""
    marks = [index in wanted and not token.isspace() for index, token in enumerate(tokens)]
    words_apart = any(mark and _is_word(token) for mark, token in zip(marks, tokens, strict=True))
    if words_apart:  # then their punctuation says nothing
        marks = [mark and _is_word(token) for mark, token in zip(marks, tokens, strict=True)]
    last = None
    for index, token in enumerate(tokens):
        if marks[index]:
            if last is not None and not any(_is_word(between) for between in tokens[last + 1 : index]):
                marks[last + 1 : index] = [True] * (index - last - 1)
            last = index
        elif _is_word(token):
            last = None
    pieces: list[Piece] = []
    for token, mark in zip(tokens, marks, strict=True):
        if pieces and pieces[-1][1] is mark:
            pieces[-1] = pieces[-1][0] + token, mark
        else:
            pieces.append((token, mark))
    return tuple(pieces)


def _is_word(token: str) -> bool:
    return any(letter.isalnum() for letter in token)
