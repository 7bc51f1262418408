"""The package as a whole: cheap to import, and true to what it announces."""

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import themis

LOADED = "import sys; print('loaded:', *sys.modules, file=sys.stderr)"
IMPORT_THEMIS = f"import themis; {LOADED}"
SHOW_HELP = f"""
import sys
from themis.cli.main import main
sys.argv = ["themis", "--help"]
try:
    main()
finally:
    {LOADED}
"""


def modules_loaded_by(program: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.rpartition("loaded:")[2].split())


def test_importing_themis_imports_nothing_heavy() -> None:
    heavy = {"pydantic", "click", "yaml", "rich", "filelock", "asyncio", "sqlite3"}
    assert not heavy & modules_loaded_by(IMPORT_THEMIS)


def test_help_imports_nothing_that_only_a_command_needs() -> None:
    heavy = {"pydantic", "yaml", "rich", "filelock", "asyncio", "sqlite3"}
    assert not heavy & modules_loaded_by(SHOW_HELP)


PACKAGES = ("themis", "themis.core", "themis.core.monitor", "themis.core.queue", "themis.core.stores")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_announced_name_exists_and_no_other_is_made_up(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Experimnt'"):
        _ = module.Experimnt


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_know_every_announced_name(package: str) -> None:
    source = inspect.getsource(importlib.import_module(package))
    (block,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(importlib.import_module(package).__all__) - {"__version__"}


def test_every_announced_name_is_shown_to_people_who_look() -> None:
    assert set(themis.__all__) <= set(dir(themis))
