"""Public names of a package that are imported on first use, so that using one does not wait for the rest."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """A package with names that its modules have too: such a name stands for the object, not the module.

    Python binds a module to its package when the module is first imported. Without this class, the result of
    `from package import name` would depend on earlier imports.
    """

    namesakes: frozenset[str]

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType) and name in self.namesakes:
            value = getattr(value, name)
        super().__setattr__(name, value)


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's `__getattr__` (PEP 562).

    Args:
        package: its `__name__`.
        homes: the module that each public name is imported from; a leading dot means a module of the package.
    """
    namesakes = frozenset(name for name, home in homes.items() if home == f".{name}")
    if namesakes:
        module = sys.modules[package]
        vars(module)["namesakes"] = namesakes
        module.__class__ = _Package

    def find(name: str) -> Any:
        if name not in homes:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        value = getattr(import_module(homes[name], package), name)
        setattr(sys.modules[package], name, value)  # so that it is searched for once
        return value

    return find
