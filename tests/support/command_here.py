"""Command lines done in this process, which is ten times as quick as in processes of their own."""

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

from tests.support.project_copy import PROJECT
from themis.cli.main import main

OURS = tuple(f"{folder}{os.sep}" for folder in (PROJECT, sys.prefix, sys.base_prefix, Path(os.__file__).parent))

_others: set[str] = set()
"""Names of modules that are no user's."""


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


def done_here(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> Done:
    """Do what a command line says in a folder, as a process of its own would."""
    capsys.readouterr()
    with _as_in_a_process_of_its_own(folder):
        code = main(words)
    return Done(code, *capsys.readouterr())


@contextmanager
def _as_in_a_process_of_its_own(folder: Path) -> Iterator[None]:
    """No module of a user is imported yet or stays imported, and what else is set for the process is set back."""
    before = _modules_of_users()
    _forget(before)
    with pytest.MonkeyPatch.context() as patch, mock.patch.dict(os.environ):
        patch.chdir(folder)
        patch.setattr(sys, "path", [path for path in sys.path if path != str(folder)])
        patch.setattr("themis.core.stores.registry._registered", {})
        importlib.invalidate_caches()
        try:
            yield
        finally:
            _forget(_modules_of_users())
    sys.modules.update(before)


def _modules_of_users() -> dict[str, ModuleType]:
    """Those that come neither with Python nor with a distribution nor with this project, wherever they are."""
    # There are thousands, and a name that is known to be none of a user's stays so: only new ones are looked at.
    found = {name: sys.modules[name] for name in sys.modules.keys() - _others if not name.startswith("__")}
    files = {name: str(getattr(module, "__file__", None)) for name, module in found.items()}
    users = {name for name, file in files.items() if file.startswith(os.sep) and not file.startswith(OURS)}
    _others.update(found.keys() - users)
    return {name: found[name] for name in users}


def _forget(modules: Mapping[str, ModuleType]) -> None:
    for name in modules:
        del sys.modules[name]
