"""What a Studio is told: slips are said before anything is sent, and a closed one says that it is closed."""

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import vidgen_nb as vg


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"base_urls": {"relaydence": "http://127.0.0.1:9"}}, "relaydance"),
        ({"keys": {"relaydence": "sk-x"}}, "relaydance"),
        ({"options": {"aitoern": {"site": "intl"}}}, "aitoearn"),
        ({"options": {"aitoearn": {"sitte": "intl"}}}, "site"),
        ({"options": {"aisphere": {"queri_path": "/x"}}}, "query_path"),
    ],
)
def test_a_slip_in_a_name_is_said(told: dict[str, Any], said: str) -> None:
    """A name that nobody knows would send the request elsewhere: an error with the nearest one."""
    with pytest.raises(vg.InvalidRequest, match=said), vg.Studio(**told) as studio:
        studio.plan("a boat", provider="relaydance")


@pytest.mark.parametrize(
    "options", [{"aitoearn": "intl"}, {"aitoearn": {"site": ["cn"]}}, {"aitoearn": {"site": "xx"}}]
)
def test_a_bad_option_is_said(options: dict[str, Any]) -> None:
    """Never a TypeError out of the inside."""
    with pytest.raises(vg.InvalidRequest), vg.Studio(options=options) as studio:
        studio.plan("a boat", provider="aitoearn")


def test_a_site_that_was_chosen_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """options={"aitoearn": {"site": …}} is what the person said here."""
    monkeypatch.setenv("AITOEARN_BASE_URL", "https://aitoearn.cn")
    with vg.Studio(options={"aitoearn": {"site": "intl"}}) as studio:
        assert studio.plan("a boat", provider="aitoearn").url.startswith("https://aitoearn.ai/")


def test_an_openai_style_base_url_is_understood() -> None:
    """New API's paths begin with /v1, and people paste it."""
    with vg.Studio(base_urls={"newapi": "http://127.0.0.1:9/v1"}) as studio:
        plan = studio.plan("a boat", provider="newapi", model="kling-v1")
    assert plan.url == "http://127.0.0.1:9/v1/video/generations"


def test_a_closed_studio_says_so() -> None:
    """Nothing is sent, nothing runs, and the next step is named."""
    with vg.Studio(simulate=True) as studio:
        pass
    for use in (lambda: studio.generate("a boat", provider="relaydance"), studio.history, studio.resume):
        with pytest.raises(vg.VidgenError, match="closed"):
            use()
    assert not {"_runner", "_simulator", "_ledger"} & vars(studio).keys()


def test_tables_show_themselves_as_text_too() -> None:
    """IPython's own printer for lists does not come first: a terminal gets the table."""
    formatter: Any = InteractiveShell.instance().display_formatter
    with vg.Studio(simulate=True) as studio:
        for table in (studio.models("relaydance"), studio.list_providers(), studio.history()):
            data, _ = formatter.format(table)
            assert data["text/plain"] == str(table)
            assert "(name=" not in data["text/plain"]
            assert "<div" in data["text/html"]


def test_what_a_stranger_says_is_shown_not_obeyed() -> None:
    """ANSI and bidi marks in a provider's words."""
    error = vg.GenerationFailed("It failed.", said="\x1b[31mred\u202e")
    assert str(error).startswith(r"It failed. It said: \x1b[31mred\u202e")


def test_a_simulated_clip_costs_nothing_at_any_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """New API's simulator reports a quota as the real gateway does: it was never money."""
    monkeypatch.setenv("VIDGEN_SIMULATE_SPEED", "40")
    with vg.Studio(simulate=True) as studio:
        clip = studio.generate("a boat", provider="newapi", model="kling-v1", duration=5, aspect_ratio="16:9").wait(60)
        assert str(clip.cost) == "0, simulated"


def test_the_live_catalogue_says_what_the_provider_says() -> None:
    """AiToEarn tells limits; the others tell names, and the table says so; AiSphere documents none."""
    with vg.Studio(simulate=True) as studio:
        told = studio.models("aitoearn", live=True)
        assert all(row.source == "live catalogue" and row.takes["duration"] for row in told)
        assert "names" in studio.models("relaydance", live=True).note
        with pytest.raises(vg.InvalidRequest, match="documents no call"):
            studio.models("aisphere", live=True)
    with vg.Studio() as studio, pytest.raises(vg.MissingKey, match="RELAYDANCE_API_KEY"):
        studio.models("relaydance", live=True)
