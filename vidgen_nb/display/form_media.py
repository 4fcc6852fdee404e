"""The picker of a form: reference media by URL, path or earlier clip, each with a small picture."""

import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ipywidgets
import traitlets
from PIL import Image

from vidgen_nb.display import words
from vidgen_nb.display.form_fields import Field, close, label_of
from vidgen_nb.display.html import Link, data_link, el, one_line
from vidgen_nb.display.live import hear_at_once
from vidgen_nb.errors import InvalidRequest
from vidgen_nb.media.inputs import Earlier, asked_form, keep, take
from vidgen_nb.media.redact import kept, without_secrets
from vidgen_nb.providers.contract import MediaField
from vidgen_nb.records import Medium, Viewed

_CLIP = re.compile(r"\s*((?:vg|sim)-[0-9a-f]{6,})\b")  # an id, as we write them; what follows is for the person
_WIDTH, _BYTES = 192, 8_000


@dataclass(frozen=True, slots=True)
class Pick:
    """One medium as it was given, and what it turned out to be; None where it cannot be used (the check says why)."""

    given: Any
    medium: Medium | None


class Proposing(ipywidgets.Combobox):  # type: ignore[misc]  # ships no types
    """The control of a picker: what is typed may be signed, and is not sent back to other views as it came."""

    value = traitlets.Unicode().tag(sync=True, echo_update=False)


class PickerField(Field):
    """Reference media of one kind. A text is taken when it is complete (Enter, or the next field), never as one types.

    Args:
        find: An earlier clip by its id.
        earlier: The clips to propose, newest first.
    """

    def __init__(
        self,
        name: str,
        help_text: str,
        mark: MediaField,
        *,
        home: Path,
        find: Callable[[str], Viewed | None],
        earlier: Sequence[Viewed] = (),
    ) -> None:
        self._mark, self._home, self._find = mark, home, find
        self._picks: list[Pick] = []
        control = Proposing(
            value="",
            description=label_of(name),
            placeholder="URL, path or earlier clip" if mark.kind != "audio" else "URL or path",
            options=() if mark.kind == "audio" else tuple(map(proposal, earlier)),
            continuous_update=False,
            ensure_option=False,
        )
        self._add = ipywidgets.Button(description="Add", tooltip=f"add to {label_of(name)}")
        super().__init__(name, help_text, control, self._add)
        self.row.add_class("vg-picker")
        self._box = ipywidgets.HBox([])
        self._box.add_class("vg-picks")
        self.row.children = (self.row.children[0], self._box, self.row.children[1])

    # ── the value ─────────────────────────────────────────────────────────────
    @property
    def value(self) -> Any:
        """What was given: a list where several are taken."""
        given = [pick.given for pick in self._picks]
        return (given if self._mark.many else given[0]) if given else None

    @property
    def sent(self) -> Any:
        """The same as it was read when it was given, so that a look at the form does not read files again."""
        ready = [pick.given if pick.medium is None else pick.medium for pick in self._picks]
        return (ready if self._mark.many else ready[0]) if ready else None

    @property
    def code(self) -> str:
        """The value as Python; data without a file are kept in the home, so that the code runs."""
        written = [_written(pick, self._home) for pick in self._picks]
        return f"[{', '.join(written)}]" if self._mark.many else written[0]

    def write(self, value: Any) -> None:
        several = self._mark.many and isinstance(value, list | tuple)
        self._put([] if value is None else list(value) if several else [value])

    def propose(self, earlier: Sequence[Viewed]) -> None:
        """Other clips to propose."""
        if self._mark.kind != "audio":
            self.control.options = tuple(map(proposal, earlier))

    def _put(self, given: Sequence[Any]) -> None:
        known = {id(pick.given): pick for pick in self._picks}  # what was there is not read again
        self._picks = [known.get(id(item)) or self._picked(item) for item in given]
        for tile in self._box.children:
            close(tile)
        self._box.children = tuple(self._tile(place, pick) for place, pick in enumerate(self._picks))

    def _picked(self, given: Any) -> Pick:
        named = _CLIP.match(given) if isinstance(given, str) else None
        clip = self._find(named[1]) if named and not Path(given).exists() else None
        given = given if clip is None else clip
        try:
            return Pick(given, take(given, self._mark.kind, home=self._home, parameter=self.name))
        except InvalidRequest:
            return Pick(given, None)

    def _heard(self, change: object) -> None:
        text = self.control.value.strip()
        if self._writing or not text:
            return
        given = [pick.given for pick in self._picks] if self._mark.many else []
        self._put([*given, text])
        self._set(value="")
        super()._heard(change)

    def _drop(self, place: int) -> None:
        self._put([pick.given for number, pick in enumerate(self._picks) if number != place])
        super()._heard(None)

    # ── how it looks ──────────────────────────────────────────────────────────
    def _tile(self, place: int, pick: Pick) -> Any:
        picture, name = thumbnail(pick.medium), _name(pick)
        inside = el("img", {"src": picture, "alt": ""}) if picture else el("span", None, _instead(pick))
        size = f" · {words.size(pick.medium.size)}" if pick.medium is not None and pick.medium.size else ""
        caption = el("div", {"class": "vg-clip1", "title": name}, f"{name}{size}")
        frame = el("div", {"class": "vg-thumb", "data-state": None if pick.medium else "failed"}, inside)
        remove = ipywidgets.Button(description="Remove", tooltip=f"remove {name}")
        remove.on_click(lambda _button: self._drop(place))
        hear_at_once(remove)
        tile = ipywidgets.VBox([ipywidgets.HTML(str(el("div", None, frame, caption))), remove])
        tile.add_class("vg-pick")
        return tile


def proposal(clip: Viewed) -> str:
    """An earlier clip as the list of the picker names it: its id first, which is all that is read of it."""
    return f"{clip.record.id}  {one_line(clip.record.prompt, 48)}"


def thumbnail(medium: Medium | None) -> Link | None:
    """A small picture of an image that was given as data. A URL is not loaded: looking at a form asks nobody."""
    if medium is None or medium.read is None or medium.kind != "image":
        return None
    try:
        with Image.open(io.BytesIO(medium.read())) as picture:
            picture.draft("RGB", (_WIDTH * 2, _WIDTH * 2))
            picture.thumbnail((_WIDTH, _WIDTH))
            file = io.BytesIO()
            picture.convert("RGB").save(file, "JPEG", quality=70)
    except (OSError, ValueError, SyntaxError, InvalidRequest, Image.DecompressionBombError):  # it can still be sent
        return None
    return data_link("image/jpeg", file.getvalue())


def _name(pick: Pick) -> str:
    medium, given = pick.medium, pick.given
    if medium is not None and medium.clip:
        return f"{medium.clip} {medium.part.replace('_', ' ')}"
    if medium is not None and medium.url:
        address = urlsplit(medium.url)  # without its query and user: they may open it
        return one_line(f"{address.netloc.rpartition('@')[2]}{address.path}", 60)
    if medium is not None:
        return one_line(medium.name, 60)
    return one_line(
        str(without_secrets(os.fspath(given))) if isinstance(given, str | os.PathLike) else type(given).__name__, 60
    )


def _instead(pick: Pick) -> str:
    if pick.medium is None:
        return "cannot be used"
    return "URL" if pick.medium.url else pick.medium.kind


def _written(pick: Pick, home: Path) -> str:
    given = pick.given
    if isinstance(given, Earlier):
        return f"vg.resume({given.id!r})"
    if isinstance(given, Mapping):
        return repr(dict(given))
    if isinstance(given, str | os.PathLike):
        return repr(kept(os.fspath(given)))
    return repr(asked_form(keep(pick.medium, home))) if pick.medium is not None else repr(given)
