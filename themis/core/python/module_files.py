"""Source files of modules, found without importing anything."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

MAX_FOLDERS = 1_000
"""Most folders of a package that are searched."""
OWN = ("themis", "themis_workers")
SHIPPED = ("themis.core.builtins", "themis.adapters", "themis.demo")
"""Package of the components that Themis ships."""
_INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Module:
    """A file that can be imported as `name` from the folder `root`; its imports are followed within `scope`, if any."""

    name: str
    root: str
    file: str
    scope: str | None = None

    @property
    def package(self) -> str:
        """Base of its relative imports."""
        return self.name if Path(self.file).stem == "__init__" else self.name.rpartition(".")[0]

    @property
    def label(self) -> str:
        """Its file's path relative to `root`, the same on every machine."""
        return Path(os.path.relpath(self.file, self.root)).as_posix()


def loaded_module(name: str) -> Module | None:
    """Return a module that this process has loaded, as it can be imported."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not isinstance(file, str) or not file:
        return None
    file = os.path.abspath(file)  # noqa: PTH100  # a path is compared as a text all along
    root = folder_of(file, name)
    if file_of(root, name.split(".")) != file:
        return Module(Path(file).stem, str(Path(file).parent), file)  # a script, or loaded in a special way
    return Module(name, root, file, next((place for place in SHIPPED if name.startswith(place)), None))


def folder_of(file: str, name: str) -> str:
    """Return the folder that a module called `name` is imported from, given its source file."""
    ups = name.count(".") + (Path(file).stem == "__init__")
    return str(Path(file).parents[ups]) if ups < len(Path(file).parents) else str(Path(file).parent)


def place_of(top: str) -> str | None:
    """Return the first file of a top-level module, or the folder of one without files; loaded or not."""
    spec: ModuleSpec | None = getattr(sys.modules.get(top), "__spec__", None)
    try:
        spec = spec or PathFinder.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    if spec.has_location and spec.origin:
        return os.path.abspath(spec.origin)  # noqa: PTH100  # see above
    return next((os.path.abspath(place) for place in spec.submodule_search_locations or ()), None)  # noqa: PTH100


def is_installed(place: str) -> bool:
    """Whether a file is in a folder of installed packages, rather than in a working folder."""
    return not _INSTALLED.isdisjoint(Path(place).parts)


def file_of(root: str, parts: list[str]) -> str | None:
    """Return the file of the module `parts` of the folder `root`."""
    base = os.path.join(root, *parts)  # noqa: PTH118  # three times as fast, and asked for each import
    for file in (os.path.join(base, "__init__.py"), f"{base}.py"):  # noqa: PTH118
        if os.path.isfile(file):  # noqa: PTH113
            return file
    return None


def dotted(file: str, root: str) -> str:
    """Return the module name of a file below the folder `root`."""
    parts = Path(file).relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files_of_package(module: Module) -> Iterator[str]:
    """Yield the Python files of the outermost package that a module is in, in order."""
    parts = module.name.split(".")
    folders = (os.path.join(module.root, *parts[:length]) for length in range(1, len(parts) + 1))  # noqa: PTH118
    first = next((folder for folder in folders if Path(folder, "__init__.py").is_file()), None)
    left = MAX_FOLDERS if first else 0
    for folder, folders_below, files in os.walk(first or ""):
        folders_below[:] = sorted(name for name in folders_below if not name.startswith((".", "__pycache__")))
        yield from (os.path.join(folder, name) for name in sorted(files) if name.endswith(".py"))  # noqa: PTH118
        left -= 1
        if left <= 0:
            return
