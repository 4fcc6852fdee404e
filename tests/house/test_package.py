"""The package as it is imported: quick, and with names that mean one thing."""

import subprocess
import sys

import pytest

HEAVY = {"httpx", "pydantic", "av", "PIL", "ipywidgets", "anywidget", "starlette", "uvicorn", "nest_asyncio"}
LIGHT = ["vidgen_nb", "vidgen_nb.errors", "vidgen_nb.records", "vidgen_nb.settings", "vidgen_nb.ledger"]

EVERY_NAME = """
import importlib, pkgutil, types
import vidgen_nb as vg

modules = [m.name for m in pkgutil.walk_packages(vg.__path__, "vidgen_nb.") if not m.name.endswith("__main__")]
for module in modules:
    importlib.import_module(module)

names = set(vg.__all__)
assert names, "nothing is public"
assert names <= set(dir(vg)), f"not in dir(): {sorted(names - set(dir(vg)))}"
shadowed = names & {module.split(".")[1] for module in modules}
assert not shadowed, f"public names which are submodules too: {sorted(shadowed)}"
for name in sorted(names):
    assert not isinstance(getattr(vg, name), types.ModuleType), f"{name} is a module"
"""


def run(code: str) -> str:
    """What the code prints in a Python of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", LIGHT)
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    """`import vidgen_nb` costs a notebook's first cell nothing, and its lower rooms stay usable without a screen."""
    loaded = set(run(f"import sys, {module}; print(*sys.modules)").split())
    assert loaded & HEAVY == set()


def test_public_names_are_no_submodules() -> None:
    """With every submodule imported, each public name is still what it was meant to be."""
    run(EVERY_NAME)
