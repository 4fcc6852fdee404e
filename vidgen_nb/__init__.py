"""Generate video from a notebook: never pay twice, never lose a clip.

    import vidgen_nb as vg

    clip = vg.generate("a paper boat in the rain", provider="relaydance", duration=5)
    clip

Every public name is imported on first use, so that `import vidgen_nb` costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `X as X` says that the name is public
    from vidgen_nb.answers import Catalogue as Catalogue
    from vidgen_nb.answers import History as History
    from vidgen_nb.answers import Plan as Plan
    from vidgen_nb.answers import Prices as Prices
    from vidgen_nb.answers import Providers as Providers
    from vidgen_nb.answers import Spend as Spend
    from vidgen_nb.errors import AuthError as AuthError
    from vidgen_nb.errors import BudgetExceeded as BudgetExceeded
    from vidgen_nb.errors import GenerationFailed as GenerationFailed
    from vidgen_nb.errors import GenerationStuck as GenerationStuck
    from vidgen_nb.errors import InsufficientBalance as InsufficientBalance
    from vidgen_nb.errors import InvalidRequest as InvalidRequest
    from vidgen_nb.errors import LedgerUnavailable as LedgerUnavailable
    from vidgen_nb.errors import MediaRefused as MediaRefused
    from vidgen_nb.errors import MissingKey as MissingKey
    from vidgen_nb.errors import ModelNotFound as ModelNotFound
    from vidgen_nb.errors import ModerationRejected as ModerationRejected
    from vidgen_nb.errors import NotSent as NotSent
    from vidgen_nb.errors import PaidRefused as PaidRefused
    from vidgen_nb.errors import PermissionDenied as PermissionDenied
    from vidgen_nb.errors import Problem as Problem
    from vidgen_nb.errors import ProviderRefused as ProviderRefused
    from vidgen_nb.errors import RateLimited as RateLimited
    from vidgen_nb.errors import SubmitUnknown as SubmitUnknown
    from vidgen_nb.errors import TaskNotFound as TaskNotFound
    from vidgen_nb.errors import UnknownProvider as UnknownProvider
    from vidgen_nb.errors import VidgenError as VidgenError
    from vidgen_nb.errors import WaitTimeout as WaitTimeout
    from vidgen_nb.generation import Generation as Generation
    from vidgen_nb.media.video import Video as Video
    from vidgen_nb.nested import allow_nested_loops as allow_nested_loops
    from vidgen_nb.records import Cost as Cost
    from vidgen_nb.records import Status as Status
    from vidgen_nb.records import Timing as Timing
    from vidgen_nb.studio import Studio as Studio
    from vidgen_nb.studio import setup as setup
    from vidgen_nb.sweep_run import SweepRun as SweepRun
    from vidgen_nb.sweeps import Sweep as Sweep

__version__ = "0.1.0"

_FROM: dict[str, tuple[str, ...]] = {
    "answers": ("Catalogue", "History", "Plan", "Prices", "Providers", "Spend"),
    "errors": (
        "AuthError", "BudgetExceeded", "GenerationFailed", "GenerationStuck", "InsufficientBalance", "InvalidRequest",
        "LedgerUnavailable", "MediaRefused", "MissingKey", "ModelNotFound", "ModerationRejected", "NotSent",
        "PaidRefused", "PermissionDenied", "Problem", "ProviderRefused", "RateLimited", "SubmitUnknown", "TaskNotFound",
        "UnknownProvider", "VidgenError", "WaitTimeout",
    ),
    "generation": ("Generation",),
    "media.video": ("Video",),
    "nested": ("allow_nested_loops",),
    "records": ("Cost", "Status", "Timing"),
    "studio": ("Studio", "setup"),
    "sweep_run": ("SweepRun",),
    "sweeps": ("Sweep",),
}  # fmt: skip
_METHODS = (
    "generate", "plan", "form", "history", "resume", "models", "list_providers", "register", "reindex",
    "sweep", "compare", "export_clips", "import_clips", "scan", "price", "spend",
)  # fmt: skip
_HOME_OF = {name: module for module, names in _FROM.items() for name in names}

__all__ = [*sorted(_HOME_OF), *_METHODS]  # noqa: PLE0604 (all of them strings)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        import importlib

        value = getattr(importlib.import_module(f"vidgen_nb.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    if name in _METHODS or (not name.startswith("_") and name in _provider_names()):
        from vidgen_nb.studio import default

        return getattr(default(), name)  # asked anew each time: setup() may have made another Studio
    raise AttributeError(f"module 'vidgen_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_provider_names(), "__version__"})


def _provider_names() -> tuple[str, ...]:
    from vidgen_nb.providers import names

    return names()
