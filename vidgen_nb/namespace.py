"""What `vg.relaydance` is: one provider's functions, with its own parameters as signature and documentation."""

import inspect
from collections.abc import Callable, Sequence
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from vidgen_nb import providers
from vidgen_nb.answers import Catalogue, Plan
from vidgen_nb.errors import frameless
from vidgen_nb.generation import Generation
from vidgen_nb.providers.contract import Provider, aliases
from vidgen_nb.records import Medium

if TYPE_CHECKING:
    from vidgen_nb.display.form import Form
    from vidgen_nb.studio import Studio
    from vidgen_nb.sweeps import Sweep


_COMMON = {
    "take": "2, 3, … make another clip of the same request.",
    "takes": "So many takes of each combination.",
    "extra": "JSON merged into the body last.",
    "check": "False turns limits into warnings.",
    "skip_invalid": "True lets run() make the valid clips; otherwise one invalid clip refuses them all.",
    "max_cost": 'The most that the clip may cost: {"CNY": 5}.',
    "allow_unknown_cost": "Go on under a budget though the price is not known.",
}
"""What every provider's function takes besides, as far as the Studio's own has it."""


class ProviderNamespace:
    """`vg.relaydance`: generate, plan and models of one provider, with its own parameters as signature and docs."""

    def __init__(self, studio: "Studio", name: str) -> None:
        self._studio = studio
        self._spec = providers.find(name)
        self.__doc__ = self._spec.__doc__

    @property
    def generate(self) -> Callable[..., Generation]:
        return self._bound(self._studio.generate)

    @property
    def plan(self) -> Callable[..., Plan]:
        return self._bound(self._studio.plan)

    @property
    def sweep(self) -> Callable[..., "Sweep"]:
        return self._bound(self._studio.sweep)

    @frameless
    def form(self, **values: Any) -> "Form":
        """A form made from this provider's parameters; `values` are filled in at first, as `generate` takes them."""
        return self._studio.form(self._spec.NAME, **values)

    def models(self, *, live: bool = False) -> Catalogue:
        """What each model takes, with source and date. live=True asks the provider which ones the key may use."""
        return self._studio.models(self._spec.NAME, live=live)

    def _bound(self, function: Callable[..., Any]) -> Callable[..., Any]:
        spec = self._spec

        @frameless
        def call(prompt: Any = None, **parameters: Any) -> Any:
            return function(prompt, provider=spec.NAME, **parameters)

        shared = inspect.signature(function).parameters
        first = next(iter(shared.values())).replace(name="prompt")  # sweep() calls it its template
        own = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_plain(field.annotation))
            for name, field in spec.Request.model_fields.items()
            if name != "prompt"
        ]
        common = [shared[name] for name in _COMMON if name in shared]
        call.__name__ = call.__qualname__ = function.__name__
        call.__signature__ = inspect.Signature([first, *own, *common])  # type: ignore[attr-defined]
        call.__doc__ = _documentation(spec, function.__name__, [each.name for each in common])
        return call

    def __repr__(self) -> str:
        return f"<vidgen_nb provider {self._spec.TITLE}>"


def _plain(annotation: Any) -> Any:
    """A type as a person reads it: without the checks that pydantic keeps in it; a medium is given in many forms."""
    if annotation is Medium:
        return Any
    if annotation == tuple[Medium, ...]:
        return list[Any]
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return Union[tuple(_plain(part) for part in get_args(annotation))]  # noqa: UP007 (made as it runs)
    return annotation


def _documentation(spec: Provider, what: str, common: Sequence[str]) -> str:
    """The docstring of a provider's own generate(), plan() or sweep(): its parameters, from its request model."""
    other_names: dict[str, list[str]] = {}
    for alias, name in aliases(spec.Request).items():
        if alias != name:
            other_names.setdefault(name, []).append(alias)
    axes = " A list is an axis." if what == "sweep" else ""
    head = (
        f"{what}() of {spec.TITLE}. Parameters that are not given are not sent.{axes}\n\n"
        "Images, videos and sounds are given as paths, URLs, bytes, PIL images, arrays or earlier clips.\n"
        f"What it returns and raises, help(vg.{what}) says.\n\nArgs:\n"
    )
    lines = [
        f"    {name}: {field.description or ''}"
        + (f" (also: {', '.join(other_names[name])})" if name in other_names else "")
        for name, field in spec.Request.model_fields.items()
    ]
    return head + "\n".join([*lines, *(f"    {name}: {_COMMON[name]}" for name in common)])
