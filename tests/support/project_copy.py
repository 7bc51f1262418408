"""A copy of the project's files, to be changed: the real ones are never touched."""

import shutil
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_FOLDERS = (".ci", "deploy", "docs", "tests", "themis", "workers")
_LEFT = shutil.ignore_patterns("__pycache__", ".*_cache")


def copy_project(folder: Path) -> None:
    """Copy what belongs to the project into a folder that exists, each file as old as it is."""
    for path in PROJECT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy2(path, folder)
    for name in _FOLDERS:
        shutil.copytree(PROJECT / name, folder / name, ignore=_LEFT)
