"""Public names of a package that are imported when they are first used: whoever uses one does not wait for the rest."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """What a package calls its `__getattr__` (PEP 562).

    Args:
        package: its `__name__`.
        homes: the module that each public name is imported from; one that begins with a dot is the package's own.
    """

    def find(name: str) -> Any:
        if name not in homes:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        value = getattr(import_module(homes[name], package), name)
        setattr(sys.modules[package], name, value)  # so that it is looked for once
        return value

    return find
