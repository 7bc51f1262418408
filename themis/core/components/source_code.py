"""Source code of a component, as far as it can be found, so that an edit is noticed.

It consists of files, named relative to the folder that they are imported from:

1. those that define its class and the base classes, and the one that it is loaded from (for a class that was typed into
   a notebook, the code of its methods counts instead);
2. the whole package that such a file is in: the outermost folder with an `__init__.py`, and everything below it;
3. the imports of these files and, in turn, their imports, wherever in a file the statement is.

Python's own modules do not count, and an installed package counts by its version: that of the distribution with its
import name, else its first file. A component that Themis ships counts with the modules beside it that it imports, but
not with the rest of Themis. No absolute path is part of it, so it is the same on every machine.
"""

import os
import stat
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import file_digest
from importlib.machinery import ModuleSpec

from themis.core.python.class_code import class_code
from themis.core.python.distributions import installed_version
from themis.core.python.import_statements import imported_modules
from themis.core.python.module_files import (
    OWN,
    SHIPPED,
    Module,
    dotted,
    file_of,
    files_of_package,
    folder_of,
    is_installed,
    loaded_module,
    place_of,
)
from themis.core.text.canonical import bytes_hash, content_hash

MAX_FILES = 1_000
"""Most files of one component that are read; those that it imports come first."""
CUT = "(the rest)"
"""Name of the part that stands for files beyond the limit; it never changes."""

_INSTALLED = " (installed)"
_SHOWN_DIGITS = 16
_KEPT_FILES = 8_192
_MAX_PARSED_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sources:
    """The source of a component.

    Attributes:
        digest: SHA-256, as 64 hex digits; that of the file itself where there is one only.
        parts: for each file, by name, the first 16 digits of its SHA-256, and for an installed package its version;
            the file that defines the component's class comes first.
    """

    digest: str
    parts: dict[str, str]


@dataclass(slots=True)
class _Search:
    """Files found, and those whose imports are still to be followed."""

    digests: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    tops: dict[str, str | None] = field(default_factory=dict)
    queue: deque[Module] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)
    cut: bool = False

    def begin(self, name: str) -> None:
        """Add a loaded module and its package."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or (top in OWN and not name.startswith(SHIPPED)):
            return
        module = loaded_module(name)
        if module is not None and module.scope is None and is_installed(module.file):
            self._note_installed(top, module.file)
        elif module is not None:
            self._add(module)

    def follow(self) -> None:
        """Follow the imports of all files found."""
        while self.queue:
            module = self.queue.popleft()
            found = _looked_at(module)
            if found is None:
                continue
            if len(self.digests) >= MAX_FILES:
                self.cut = True
                return
            self.digests[module.label] = found[0]
            for name in found[1]:
                self._import(name, module)

    def walk(self, packages: Iterable[Module]) -> None:
        """Add all files of the packages that these modules are in."""
        for module in packages:
            for file in files_of_package(module):
                self._add(Module(dotted(file, module.root), module.root, file))

    def end(self) -> Sources | None:
        """Finish the search: the source of the modules added, their packages and imports; None when there is none."""
        begun = [module for module in self.queue if module.scope is None]
        self.follow()
        self.walk(begun)
        self.follow()
        whole = self.digests | self.versions
        if not whole:
            return None
        digest = next(iter(self.digests.values())) if len(whole) == len(self.digests) == 1 else content_hash(whole)
        parts = {name: digest[:_SHOWN_DIGITS] for name, digest in self.digests.items()} | self.versions
        return Sources(digest, parts | ({CUT: f"more than {MAX_FILES} files"} if self.cut else {}))

    def _add(self, module: Module) -> None:
        if module.file not in self.seen:
            self.seen.add(module.file)
            self.queue.append(module)

    def _import(self, name: str, by: Module) -> None:
        top, *_ = parts = name.split(".")
        if by.scope is not None:
            if not name.startswith(f"{by.scope}."):
                return
            root: str | None = by.root
        elif top in sys.stdlib_module_names or top in OWN:
            return
        else:
            root = self._root(top)
        for length in range(1, len(parts) + 1) if root is not None else ():
            file = file_of(str(root), parts[:length])
            if file is not None and (by.scope is None or length > by.scope.count(".") + 1):
                self._add(Module(".".join(parts[:length]), str(root), file, by.scope))

    def _root(self, top: str) -> str | None:
        """Return the folder that a top-level module is imported from; None when there is none, or it is installed."""
        if top not in self.tops:
            place = place_of(top)
            if place is not None and is_installed(place):
                self._note_installed(top, place)
                place = None
            self.tops[top] = None if place is None else folder_of(place, top)
        return self.tops[top]

    def _note_installed(self, top: str, place: str) -> None:
        version = installed_version(top)
        if version is None and (found := _contents(place, "", _signature(place))) is not None:
            version = found[0][:_SHOWN_DIGITS]
        if version is not None:
            self.versions[f"{top}{_INSTALLED}"] = version


def installed_in(parts: Iterable[str]) -> list[str]:
    """Return the installed packages among the parts of a source: as they are imported, or names of distributions."""
    return [part.removesuffix(_INSTALLED) for part in parts if part.endswith(_INSTALLED)]


def sources_of(
    classes: Sequence[type], module: str | None = None, distribution: tuple[str, str] | None = None
) -> Sources | None:
    """Return the source of a component.

    Args:
        classes: its class first, then its base classes.
        module: the loaded module that it comes from, if any.
        distribution: name and version of the package that offers it as a plug-in, if one does.
    """
    names = [str(kind.__module__) for kind in classes] + ([] if module is None else [module])
    if distribution is None and all(name.startswith(SHIPPED) or name == "builtins" for name in names):
        return _sources_shipped(tuple(names))
    search = _Search()
    if distribution is not None:
        search.versions[f"{distribution[0]}{_INSTALLED}"] = distribution[1]
    for kind in classes:
        search.begin(str(kind.__module__))
        if kind.__module__ == "__main__" and not search.queue:
            search.digests[kind.__qualname__] = class_code(kind)
    search.begin(names[-1])
    return search.end()


@lru_cache(maxsize=64)
def _sources_shipped(names: tuple[str, ...]) -> Sources | None:
    """Return the source of a shipped component: read once, as nobody edits it while a process runs."""
    search = _Search()
    for name in names:
        search.begin(name)
    return search.end()


# --- contents, read once per process ---------------------------------------------------------------------------------

_first_seen: dict[str, tuple[ModuleSpec | None, str]] = {}
"""By file, its content when this process first read the module that it had loaded from it."""


def _looked_at(module: Module) -> tuple[str, tuple[str, ...]] | None:
    """Return a module's digest and the names it imports; None when it cannot be read."""
    found = _contents(module.file, module.package, _signature(module.file))
    loaded = sys.modules.get(module.name)
    if found is None or loaded is None:
        return found
    spec = getattr(loaded, "__spec__", None)
    known, first = _first_seen.setdefault(module.file, (spec, found[0]))
    if known is not spec:  # it was loaded again
        first = found[0]
        _first_seen[module.file] = spec, first
    # An edit since then is not what this process runs, and the file no longer holds what it ran.
    return found if first == found[0] else (content_hash([first, found[0]]), found[1])


def _signature(file: str) -> tuple[int, int, int] | None:
    """Return facts that change when a regular file is written to; None for anything else."""
    try:
        found = os.stat(file)  # noqa: PTH116  # a path is a text all along
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if stat.S_ISREG(found.st_mode) else None


@lru_cache(maxsize=_KEPT_FILES)
def _contents(file: str, package: str, signature: tuple[int, int, int] | None) -> tuple[str, tuple[str, ...]] | None:
    """Return the digest of the file with this `signature`, and its imports as a module of `package`."""
    if signature is None:
        return None
    try:
        with open(file, "rb") as opened:  # noqa: PTH123  # a path is a text all along
            data = opened.read(_MAX_PARSED_BYTES + 1)
            if len(data) <= _MAX_PARSED_BYTES:
                text = data.decode(errors="replace") if file.endswith(".py") else ""
                return bytes_hash(data), tuple(dict.fromkeys(imported_modules(text, package)))
            opened.seek(0)
            return file_digest(opened, "sha256").hexdigest(), ()
    except OSError:
        return None
