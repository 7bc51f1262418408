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

from themis.cli.main import main


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
    """Nothing of the folder is imported yet or stays imported, and what else is set for the process is set back."""
    before = _modules_below(folder)
    _forget(before)
    with pytest.MonkeyPatch.context() as patch, mock.patch.dict(os.environ):
        patch.chdir(folder)
        patch.setattr(sys, "path", [path for path in sys.path if path != str(folder)])
        patch.setattr("themis.core.stores.registry._registered", {})
        importlib.invalidate_caches()
        try:
            yield
        finally:
            _forget(_modules_below(folder))
    sys.modules.update(before)


def _modules_below(folder: Path) -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", None)).startswith(f"{folder}/")
    }


def _forget(modules: Mapping[str, ModuleType]) -> None:
    for name in modules:
        del sys.modules[name]
