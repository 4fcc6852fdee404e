"""What is kept by hand in the repository, kept."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

TOP = {"pyproject.toml", "vidgen_nb", "notebooks", "tests", "binder", "README.md", "LICENSE", "Makefile"}
UNTOLD = {"utils", "helpers", "common", "manager", "base"}  # names which do not say what is in them
NEVER_IN = {"build", "dist", "vidgen", "__pycache__"}

# Each in two pieces, so that this file may be read as well.
FORBIDDEN = {
    "the address of a package registry": r"pypi\."
    + r"org|python"
    + r"hosted\.org|registry\.npm"
    + r"js|repo\.ana"
    + r"conda",
    "an option that names an index": r"--(extra-)?index" + r"-url|--find" + r"-links",
    "a path of a developer's machine": r"(?<![\w.+/=-])/wo" + r"rk/|\.\./sha" + r"red",
}

COMES_WITH = {  # imported, and brought by a dependency whose public face it is part of
    "traitlets": "ipywidgets",
    "pydantic_core": "pydantic",
}
CALLED = {"nest-asyncio": "nest_asyncio", "pillow": "PIL", "ipython": "IPython"}  # distribution: what it is imported as


def in_git() -> list[str]:
    """Every file that is, or would be, committed; nothing in a copy without git."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return []
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def on_disk() -> Iterator[str]:
    """The same, as the folder shows it."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") for part in parts[:-1]) and parts[0] != ".ci"
        if path.is_file() and not hidden and not NEVER_IN & {*parts}:
            yield "/".join(parts)


FILES = in_git() or list(on_disk())
SOURCES = [name for name in FILES if name.startswith("vidgen_nb/") and name.endswith(".py")]
TESTS = [name for name in FILES if re.search(r"^tests/.*\btest_\w+\.py$", name)]


def test_top_level_holds_only_what_was_promised() -> None:
    """A stranger finds nothing at the top but the named places, .ci/run and dotfiles."""
    tops = {name.split("/")[0] for name in FILES}
    assert {top for top in tops if not top.startswith(".")} <= TOP
    assert {name for name in FILES if name.startswith(".ci/")} == {".ci/run"}


@pytest.mark.parametrize("name", FILES)
def test_files_name_no_registry_and_no_machine(name: str) -> None:
    """Where packages come from is the business of the machine, and where this was written is nobody's."""
    text = (ROOT / name).read_bytes().decode("utf-8", errors="ignore")
    assert {what: found[0] for what, pattern in FORBIDDEN.items() if (found := re.search(pattern, text))} == {}


def test_every_module_says_what_it_is() -> None:
    """No module and no folder has a name that could hold anything."""
    assert [name for name in FILES if UNTOLD & {*name.removesuffix(".py").split("/")}] == []


@pytest.mark.parametrize("name", TESTS)
def test_every_test_says_what_must_hold(name: str) -> None:
    """Each test function has a docstring."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f.name for f in functions if f.name.startswith("test_") and not ast.get_docstring(f)] == []


FOR_OTHERS = {"sniffio"}  # httpcore's own import, which it may miss and then pays for


def test_dependencies_are_what_is_imported() -> None:
    """The package imports what pyproject.toml names and nothing else; what it names, it imports."""
    named = {re.split(r"[<>=!~\[; ]", line)[0] for line in PROJECT["project"]["dependencies"]}
    allowed = {CALLED.get(name, name) for name in named}
    imported = {module for name in SOURCES for module in imports(ROOT / name)} - {"vidgen_nb", *sys.stdlib_module_names}
    assert {COMES_WITH.get(module, module) for module in imported} | FOR_OTHERS == allowed


def test_readme_names_only_targets_that_exist() -> None:
    """Each `make something` of the README is in the Makefile."""
    promised = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    assert promised
    assert promised <= set(phony[1].split())


def imports(file: Path) -> Iterator[str]:
    """The top-level modules a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]
