"""Folder of the media of prompts: each file is named by the hash of its content, and read by that name.

A dataset or a prompt that is read puts its media here, so that each machine that runs an experiment has them. Nothing
else refers to the folder: it may be deleted while no run is using it. The time of a file is that of its last use, give
or take an hour; by it those are found that nobody needs any more.
"""

import errno
import hashlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from themis.core.errors import MediaError

FOLDER_VARIABLE = "THEMIS_MEDIA_DIR"

MAX_BYTES = 20 * 1024 * 1024
"""Size of the largest file that is put into a prompt."""

PREFIX = "sha256:"
_USE_S = 3_600.0
_LEAST_UNUSED_S = 86_400.0
_MISPLACED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})
_REFERENCE = re.compile(rf"{PREFIX}[0-9a-f]{{64}}")


def is_reference(value: object) -> bool:
    """Whether a value is a text that names a file by its content: `sha256:` and 64 hex digits."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def media_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder: `$THEMIS_MEDIA_DIR`, else `themis/media` in `$XDG_CACHE_HOME`, else in `~/.cache`.

    Raises:
        MediaError: there is no home folder.
    """
    told, cache = environ.get(FOLDER_VARIABLE), environ.get("XDG_CACHE_HOME")
    try:
        if told:
            return Path(told).expanduser().absolute()
        base = Path(cache) if cache and Path(cache).is_absolute() else Path("~/.cache").expanduser()
    except RuntimeError as error:
        detail = f"no folder for them is known: {error}; set {FOLDER_VARIABLE}"
        raise MediaError(where="media of prompts", detail=detail) from None
    return base / "themis" / "media"


def keep(data: bytes) -> str:
    """Put a file into the folder, unless it is there, and return its reference.

    Raises:
        MediaError: it is too large, or the folder cannot be written to.
    """
    check_size(len(data))
    reference = PREFIX + hashlib.sha256(data).hexdigest()
    path = _path_of(reference)
    try:
        if path.is_file() and path.stat().st_size == len(data):
            _note_use(path)
            return reference
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, data)
    except OSError as error:
        if error.errno not in _MISPLACED:
            raise  # the machine's: a full disk, too many open files
        detail = f"cannot be written: {error.strerror}; {FOLDER_VARIABLE} names another folder"
        raise MediaError(where=str(path), detail=detail) from None
    return reference


def media_bytes(reference: str) -> bytes:
    """Return the content of a file that was put into the folder.

    Raises:
        MediaError: it is not there, or has been changed.
    """
    path = _path_of(reference)
    try:
        data = path.read_bytes()
    except OSError as error:
        detail = f"cannot be read ({error.strerror}); the dataset or the prompt that it belongs to puts it there"
        raise MediaError(where=str(path), detail=detail) from None
    if PREFIX + hashlib.sha256(data).hexdigest() != reference:
        with suppress(OSError):
            path.unlink()
        raise MediaError(where=str(path), detail="had another content than its name says, and was removed; start again")
    _note_use(path)
    return data


def unused_media(before_ns: int) -> Iterator[tuple[Path, int]]:
    """Yield the files that were last used before a time, in nanoseconds since 1970 UTC, each with its size in bytes.

    One that was used within the last day is not one of them, whatever the time: a run may be about to send it.

    Raises:
        MediaError: no folder is known.
    """
    before_s = min(before_ns / 1e9, time.time() - _LEAST_UNUSED_S)
    for path in media_folder().glob("[0-9a-f][0-9a-f]/*"):
        with suppress(OSError):
            facts = path.lstat()
            is_file = stat.S_ISREG(facts.st_mode)
            if (
                is_file
                and facts.st_mtime < before_s
                and (path.name.startswith(".") or is_reference(PREFIX + path.name))
            ):
                yield path, facts.st_size


def check_size(size: int) -> None:
    """Check the size of a file in bytes.

    Raises:
        MediaError: it is too large for a prompt.
    """
    if size > MAX_BYTES:
        detail = f"has {size:,} bytes, and a prompt takes at most {MAX_BYTES:,} of one file"
        raise MediaError(where="media", detail=detail)


def _note_use(path: Path) -> None:
    with suppress(OSError):  # a folder that cannot be written: nobody removes anything there either
        if time.time() - path.stat().st_mtime > _USE_S:
            os.utime(path)


def _path_of(reference: str) -> Path:
    if not is_reference(reference):
        raise MediaError(where="media", detail=f"{reference[:80]!r} is not sha256: and 64 hex digits")
    name = reference.removeprefix(PREFIX)
    return media_folder() / name[:2] / name


def _write(path: Path, data: bytes) -> None:
    """Write a file that another process may be writing too, so that nobody sees a part of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
