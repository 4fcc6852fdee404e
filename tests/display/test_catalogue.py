"""Tables of providers and models, and the view of a plan."""

from dataclasses import dataclass
from typing import Any

from vidgen_nb.display.catalogue import models_bundle, offered, plan_bundle, providers_bundle
from vidgen_nb.providers import relaydance
from vidgen_nb.providers.contract import Model
from vidgen_nb.records import SIMULATED_COST, UNKNOWN_COST, Cost, Status, Warned

from .stand_ins import CHINESE


@dataclass(frozen=True)
class Row:
    """A provider's row, as `vg.list_providers()` holds them."""

    name: str
    title: str
    key: str
    key_variable: str = "X_API_KEY"
    base_url: str = "https://x.example"
    base_url_variable: str = "X_BASE_URL"
    search: str = ""
    models: int = 3


PROVIDERS = [
    Row("aitoearn", "AiToEarn", "AITOEARN_API_KEY", search="its list of tasks"),
    Row("newapi", "New API", "", "NEWAPI_API_KEY", base_url="", base_url_variable="NEWAPI_BASE_URL"),
]


@dataclass(frozen=True)
class Existing:
    """The clip which exists already, as far as a plan shows it."""

    id: str = "vg-91d07ac3f2"
    status: Status = Status.SUCCEEDED


@dataclass(frozen=True)
class Planned:
    """A plan, as `vg.plan()` makes one."""

    method: str = "POST"
    url: str = "https://relaydance.com/v1/video/generations"
    body: Any = None
    warnings: tuple[Warned, ...] = ()
    identity: str = "5b0e91c4" * 8
    take: int = 1
    cost: Cost = UNKNOWN_COST
    existing: Any = None
    defaults: tuple[str, ...] = ()


def test_providers() -> None:
    """Where a key was found, what to set where it was not, and what cannot be searched."""
    bundle = providers_bundle(PROVIDERS)
    for view in bundle.values():
        for words in ("found in AITOEARN_API_KEY", "not found: set NEWAPI_API_KEY", "set NEWAPI_BASE_URL"):
            assert words in view
        assert "cannot be searched" in view
        assert "its list of tasks" in view
    assert len(bundle["text/plain"].splitlines()) == len(PROVIDERS)
    assert "rgba(199,119,0" in bundle["text/html"], "a missing key is amber"


def test_models_of_a_real_provider() -> None:
    """Every model of the table is there, with its limits, and its source as a link."""
    bundle = models_bundle("relaydance", relaydance.MODELS)
    for row in relaydance.MODELS:
        assert row.name in bundle["text/html"]
        assert row.name in bundle["text/plain"]
    assert "(default)" in bundle["text/plain"]
    assert "4–15\xa0s" in bundle["text/html"]
    assert 'href="https://github.com/' in bundle["text/html"]
    assert len(bundle["text/plain"].splitlines()) == 2 + len(relaydance.MODELS)


def test_limits_in_words() -> None:
    """Ranges, lists, what is not taken, and what nobody states."""
    row = Model("m", {"duration": range(4, 16), "resolution": ("480p", "720p"), "fps": (24,)}, frozenset({"seed"}))
    assert offered(row, "duration") == "4–15\xa0s"
    assert offered(row, "resolution") == "480p 720p"
    assert offered(row, "seed") == "not taken"
    assert offered(row, "aspect_ratio") == ""
    bundle = models_bundle("x", [row], "as it lists them now")
    assert "not checked" in bundle["text/html"]
    assert "fps 24, no seed" in bundle["text/plain"]
    assert bundle["text/plain"].startswith("x: as it lists them now, 1 model\n")


def test_plan() -> None:
    """Method and URL, the body as JSON, then Cost, Existing, Warning, Not sent, Identity."""
    plan = Planned(
        body={"prompt": CHINESE, "metadata": {"seed": 7, "images": ["data:image/png;base64," + "A" * 9_000]}},
        warnings=(Warned("prompt", "both prompts are sent as one text"),),
        defaults=("model", "seed"),
    )
    bundle = plan_bundle(plan)
    for view in bundle.values():
        assert "POST https://relaydance.com/v1/video/generations" in view
        assert CHINESE in view
        assert "9,022 characters" in view
        assert "AAAA" not in view, "a reference given as data is not shown"
        for words in (
            "cost unknown",
            "none: this would be a new charge",
            "sent as one text",
            "model, seed: provider",
            "take 1",
        ):
            assert words in view, words
    assert '  "metadata": {' in bundle["text/plain"], "indented"


def test_plan_of_a_clip_that_exists() -> None:
    """An existing clip costs nothing, and a simulated plan is called simulated, not free."""
    assert "vg-91d07ac3f2 succeeded: 0 new charges" in plan_bundle(Planned(existing=Existing()))["text/plain"]
    simulated = plan_bundle(Planned(cost=SIMULATED_COST))["text/plain"]
    assert "Cost: 0, simulated" in simulated
    assert "a new clip, simulated" in simulated
    assert "Cost: 1.40 CNY, by your price" in plan_bundle(Planned(cost=Cost(1.4, "CNY", "by your price")))["text/plain"]


def test_a_hostile_or_endless_body_stays_text() -> None:
    """A body is other people's text, and may be long."""
    html = plan_bundle(Planned(body={"x": ["<script>"] * 5_000, "y": "z" * 100_000}))["text/html"]
    assert "<script>" not in html
    assert len(html) < 40_000
