"""The package as a whole: cheap to import, and true to what it announces."""

import subprocess
import sys

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


def test_every_announced_name_exists() -> None:
    assert [name for name in themis.__all__ if not hasattr(themis, name)] == []


def test_every_announced_name_is_shown_to_people_who_look() -> None:
    assert set(themis.__all__) <= set(dir(themis))
