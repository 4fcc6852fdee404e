"""The providers: one file each, found by name. Adding one is its file and a line here; other packages use the entry
point group `vidgen_nb.providers`, a notebook `vg.register`."""

import functools
import importlib
import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from vidgen_nb.errors import UnknownProvider

if TYPE_CHECKING:
    from vidgen_nb.providers.contract import Provider

BUILT_IN = ("aitoearn", "aioagi", "newapi", "aisphere", "relaydance")
_registered: dict[str, "Provider"] = {}


def names() -> tuple[str, ...]:
    """The names of all providers: the built-in ones, those of other packages, those registered in this process."""
    return tuple(dict.fromkeys([*BUILT_IN, *_installed(), *_registered]))


def every() -> dict[str, "Provider"]:
    """All providers by their names. One that another package brings, and that cannot be loaded, is warned of: it takes
    nothing from the others.
    """
    found = {}
    for name in names():
        try:
            found[name] = find(name)
        except UnknownProvider as broken:
            warnings.warn(str(broken), stacklevel=2)
    return found


def find(name: str) -> "Provider":
    """The provider of that name. Raises UnknownProvider, also for one of another package that cannot be loaded."""
    if name in _registered:
        return _registered[name]
    if name in BUILT_IN:
        return cast("Provider", importlib.import_module(f"vidgen_nb.providers.{name}"))
    if name not in _installed():
        _installed.cache_clear()  # a package may have been installed while this kernel ran
    if name in _installed():
        return _loaded(_installed()[name])
    raise UnknownProvider(f"There is no provider {name!r}. Nothing was sent.", hint=f"There are: {', '.join(names())}.")


def register(provider: "Provider") -> None:
    """Make a provider known in this process; one of the same name takes the place of the earlier one."""
    if missing := _missing(provider):
        raise UnknownProvider(
            f"This is not a provider yet: it lacks {', '.join(missing)}.",
            hint="vidgen_nb.providers.contract.Provider says what each of them is.",
        )
    _registered[provider.NAME] = provider


def _missing(provider: object) -> list[str]:
    return [name for name in _NEEDED if not hasattr(provider, name)]


def _loaded(point: EntryPoint) -> "Provider":
    """What another package brings, whatever goes wrong in it."""
    try:
        provider = point.load()
        why = f"it lacks {', '.join(missing)}" if (missing := _missing(provider)) else ""
    except ImportError as error:
        why = f"{type(error).__name__}: {error}"
    except Exception as error:  # whose words may hold a key: its settings, read as it is imported
        why = type(error).__name__
    if not why:
        return cast("Provider", provider)
    package = point.dist.name if point.dist is not None else point.module
    raise UnknownProvider(
        f"The provider {point.name!r} of the package {package} cannot be loaded: {why}. Nothing was sent.",
        hint=f"Update that package, or remove it: pip uninstall {package}.",
    )


@functools.cache
def _installed() -> dict[str, EntryPoint]:
    """What other packages bring. Asked once: it reads a file of every package in the environment."""
    return {point.name: point for point in entry_points(group="vidgen_nb.providers")}


_NEEDED = (
    "NAME", "TITLE", "BASE_URL", "KEY", "BASE", "AUTH", "MODELS", "STATES", "REFUSALS", "FAILED_BILLING",
    "Request", "submit", "read_submit", "poll", "read_poll",
)  # fmt: skip
