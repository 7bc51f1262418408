"""Faults of the name of a component: a module or an object that is not there, or a dot where a colon belongs."""

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

from themis.core.python.blamed_place import is_installed, is_ours
from themis.core.text.nearest import nearest_hint

_MOST_FOLDERS = 3
_MOST_FILES = 1_000


def missing_module(name: str) -> str:
    """Return the fault of a module that cannot be found, with the folders that were searched and a module like it."""
    folders = list(_own_folders())
    searched = ", ".join(folders[:_MOST_FOLDERS]) + (", …" if len(folders) > _MOST_FOLDERS else "")
    where = f"in {searched} or the installed packages" if searched else "among the installed packages"
    return f"ModuleNotFoundError: No module named {name!r} {where}{_like(name, folders)}"


def missing_object(found: object, name: str) -> str:
    """Return the fault of a module or a class that has no such name, with the names that it has."""
    if isinstance(found, ModuleType):
        # What it imports is not offered, unless it says so.
        listed = getattr(found, "__all__", None)
        own = [key for key, value in vars(found).items() if getattr(value, "__module__", None) == found.__name__]
        names = [key for key in (listed or own) if isinstance(key, str) and not key.startswith("_")]
        return f"module {found.__name__} has no {name!r}{nearest_hint(name, names)}"
    return f"{getattr(found, '__qualname__', type(found).__name__)} has no {name!r}"


def colon_hint(use: str) -> str:
    """Return a hint for `module.name` in place of `module:name`; nothing if there is no such module."""
    module, dot, name = use.rpartition(".")
    if not dot or not all(part.isidentifier() for part in use.split(".")):
        return ""
    try:
        is_there = importlib.util.find_spec(use.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return ""
    return f"; did you mean {module}:{name}? A colon stands between a module and a name in it" if is_there else ""


def _own_folders() -> Iterator[str]:
    """Yield the folders of the import path that are the user's own."""
    for path in dict.fromkeys(path or os.getcwd() for path in sys.path):  # noqa: PTH109
        inside = f"{path}{os.sep}"
        if Path(path).is_dir() and not is_installed(inside) and not is_ours(inside) and not _has_packages(path):
            yield path


def _has_packages(path: str) -> bool:
    return Path(path).name in {"site-packages", "dist-packages", "lib-dynload", "bin"}


def _like(name: str, folders: Iterable[str]) -> str:
    known = {module for folder in folders for module in _modules_in(folder)} - {name}
    hint = nearest_hint(name.partition(".")[0], known)
    return hint if "did you mean" in hint else ""


def _modules_in(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, _MOST_FILES):
                name = entry.name.removesuffix(".py")
                if name.isidentifier() and (name != entry.name or (Path(entry.path) / "__init__.py").is_file()):
                    yield name
    except OSError:
        return
