"""A provider that another package brings, by its entry points."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import vidgen_nb as vg
from vidgen_nb import providers
from vidgen_nb.simulator import dialects

POINTS = "[vidgen_nb.providers]\ndance2 = vidgen_dance2\n\n[vidgen_nb.dialects]\ndance2 = vidgen_dance2.dialect\n"
PROVIDER = (
    "from vidgen_nb.providers.relaydance import *\n"
    "from vidgen_nb.providers.relaydance import Request, submit, read_submit, poll, read_poll\n"
    "NAME, TITLE, KEY, BASE = 'dance2', 'Dance Two', 'DANCE2_API_KEY', 'DANCE2_BASE_URL'\n"
)
DIALECT = "from vidgen_nb.simulator.dialects.relaydance import *\nNAME = 'dance2'\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Such a package is installed while this process runs, and goes again; a test may say what is in it."""
    providers._installed.cache_clear()
    assert "dance2" not in providers.names()  # looked through, and kept, before it comes
    site = tmp_path / "site"
    (site / "vidgen_dance2").mkdir(parents=True)
    (site / "vidgen_dance2" / "__init__.py").write_text(getattr(request, "param", PROVIDER))
    (site / "vidgen_dance2" / "dialect.py").write_text(DIALECT)
    facts = site / "vidgen_dance2-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: vidgen-dance2\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield
    for name in ("vidgen_dance2", "vidgen_dance2.dialect"):
        sys.modules.pop(name, None)
    providers._installed.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_package_adds_a_provider() -> None:
    """Installed in a running kernel, it is found by its name, has its own functions, and the simulator plays it."""
    with vg.Studio(simulate=True) as studio:
        clip = studio.generate("a paper boat", provider="dance2", duration=5).wait(60)
        assert clip.facts.title == "Dance Two"
        assert "dance2" in [row.name for row in studio.list_providers()]
        assert studio.dance2.plan("a paper boat", duration=5).existing == clip


@pytest.mark.parametrize(
    ("installed", "why"),
    [("import a_library_that_is_gone", "ModuleNotFoundError: No module named"), ("NAME = 'dance2'", "it lacks TITLE,")],
    indirect=["installed"],
)
@pytest.mark.usefixtures("installed")
def test_a_package_that_is_broken_takes_nothing_from_the_others(why: str) -> None:
    """It is named where it is asked for, with what is wrong; the five are listed, offered and used as ever."""
    broken = pytest.warns(UserWarning, match="vidgen[-_]dance2")
    with vg.Studio(simulate=True) as studio:
        with pytest.raises(vg.UnknownProvider, match=f"'dance2' of the package vidgen-dance2 cannot be loaded: {why}"):
            studio.generate("a paper boat", provider="dance2", duration=5)
        with broken:
            assert [row.name for row in studio.list_providers()] == list(providers.BUILT_IN)
        with broken:
            form = studio.form()
            form.value = {"provider": "relaydance", "prompt": "a paper boat", "duration": 5}
        assert form.value["provider"] == "relaydance"
    with vg.Studio(options={"dance2": {"site": "cn"}}) as studio:
        assert studio.plan("a paper boat", provider="relaydance", duration=5).warnings


def test_a_dialect_that_lacks_something_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator plays the others, and says which it does not and why."""
    point = SimpleNamespace(name="dance2", value="vidgen_dance2.dialect", load=lambda: SimpleNamespace(NAME="dance2"))
    monkeypatch.setattr(dialects, "entry_points", lambda **group: [point])
    with pytest.warns(UserWarning, match=r"does not play 'dance2': vidgen_dance2.dialect lacks BASE, TASK_ID, ROUTES,"):
        assert {dialect.NAME for dialect in dialects.find()} == set(providers.BUILT_IN)


def test_packages_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking which packages bring providers reads a file of each one installed: once in a kernel, not for each clip."""
    looks = []
    monkeypatch.setattr(providers, "entry_points", lambda **group: looks.append(group) or [])
    providers._installed.cache_clear()
    with vg.Studio(simulate=True, options={"aisphere": {}}) as studio:
        for take in range(3):
            studio.plan("a paper boat", provider="relaydance", duration=5, take=take + 1)
            assert "relaydance" in providers.names()
    providers._installed.cache_clear()
    assert len(looks) == 1
