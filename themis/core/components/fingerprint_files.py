"""Files that a component declares as part of itself, beside its code: their content is part of its identity."""

import contextlib
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from typing import Any, NoReturn

from themis.core.errors import ComponentError

ATTRIBUTE = "fingerprint_files"


def declared_files(live: Any, folders: Sequence[str], *, where: str, reference: str) -> dict[str, str]:
    """Return the SHA-256, as 64 hex digits, of each file that a component names in `fingerprint_files`, by that name.

    Args:
        live: the component.
        folders: searched for a relative path that is not beside the component's module.
        where: the place in the configuration, for messages.
        reference: the component's name there.

    Raises:
        ComponentError: the attribute is not a list of paths, or a file cannot be read; the message says why.
    """
    named = getattr(live, ATTRIBUTE, ())
    file = getattr(sys.modules.get(type(live).__module__), "__file__", None)
    beside = Path(file).absolute().parent if file else Path.cwd()
    search = _Search(tuple(dict.fromkeys([beside, *map(Path, folders)])), where, reference)
    if not isinstance(named, list | tuple):
        search.refuse(f"must be a list of paths, not {type(named).__name__}")
    return {str(name): search.digest(name) for name in named}


@dataclass(frozen=True, slots=True)
class _Search:
    folders: tuple[Path, ...]
    where: str
    reference: str

    def refuse(self, detail: str) -> NoReturn:
        raise ComponentError(where=self.where, reference=self.reference, detail=f"{ATTRIBUTE}: {detail}")

    def digest(self, name: Any) -> str:
        if not isinstance(name, str | os.PathLike) or "\0" in str(name):
            self.refuse(f"must be a list of paths, and {name!r} is not one")
        paths = list(dict.fromkeys(folder / name for folder in self.folders))  # an absolute path ignores the folder
        for path in paths:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return self._digest_of(path)
        return self.refuse(f"there is no file {' or '.join(map(str, paths))}")

    def _digest_of(self, path: Path) -> str:
        try:
            found = path.stat()
            if stat.S_ISREG(found.st_mode):  # opening a FIFO would wait for somebody to write to it
                return _content(path, found.st_mtime_ns, found.st_size, found.st_ino)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            self.refuse(f"{path} cannot be read: {error.strerror}")
        return self.refuse(f"{path} is not a regular file")


@lru_cache(maxsize=1_024)
def _content(path: Path, mtime_ns: int, size: int, inode: int) -> str:  # noqa: ARG001  # another file is another entry
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
