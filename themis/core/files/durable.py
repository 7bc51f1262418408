"""Files that outlive a crash: written hidden, synced, renamed into place, and the folder synced.

Nothing else in Themis renames, syncs or unlinks what must not be lost. Each of these steps, and each commit of a
store, first says so to an observer. Without one that costs a comparison; a test uses it to number the steps, to record
them, or to kill the process at one of them.
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

Observer = Callable[..., None]
"""Called as `observer(kind, *arguments)` before a step is taken."""

PROBE_PREFIX = ".probe-"
"""What the names of files begin with that only try whether they can be renamed; one that stays was left by a kill."""

_FILE_MODE = 0o600
_PRIVATE_MODE = 0o700
_SHARED_MODE = 0o777  # less the umask

_observer: Observer | None = None


def set_observer(observer: Observer | None) -> Observer | None:
    """Have every further step of this process announced to `observer`; returns the one before."""
    global _observer  # one switch a process, read at every step
    previous, _observer = _observer, observer
    return previous


def step(kind: str, *arguments: object) -> None:
    """Announce a step that is about to be taken."""
    if _observer is not None:
        _observer(kind, *arguments)


def write_synced(path: Path | str, data: bytes) -> None:
    """Make the new file `path` (mode 0600) of `data` and sync it; its name is not durable yet.

    Raises:
        OSError: it exists, or cannot be written; a part of it may be left.
    """
    step("write", path, data)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        step("fsync", path)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path | str, target: Path | str) -> None:
    """Rename a file. `target` must be a name that only this caller uses, or one that may be replaced.

    Raises:
        FileNotFoundError: there is no `source`, and no `target` either: when there is one, the rename was done by an
            earlier transmission of the same request.
    """
    step("rename", source, target)
    try:
        os.rename(source, target)  # noqa: PTH104  # a third of the cost of Path.rename
    except FileNotFoundError:
        if not os.path.lexists(target):
            raise


def fsync_folder(folder: Path | str) -> None:
    """Make the names in a folder durable."""
    step("fsync_folder", folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unlink(path: Path | str) -> None:
    """Remove a file, if it is there."""
    step("unlink", path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108


def mark(path: Path | str) -> None:
    """Make an empty file, unless it is there, as a hint that may be lost."""
    step("mark", path)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE))


def publish(hidden: Path | str, target: Path | str, data: bytes) -> None:
    """Put a file of `data` at `target`, whole and durable; `hidden` is a fresh name on the same filesystem.

    Raises:
        OSError: it could not be written; then nothing is left at `hidden`, and `target` is as it was.
    """
    try:
        write_synced(hidden, data)
        rename(hidden, target)
    except OSError:
        with contextlib.suppress(OSError):
            unlink(hidden)
        raise
    fsync_folder(os.path.dirname(target))  # noqa: PTH120


def publish_once(hidden: Path | str, target: Path | str, data: bytes) -> bool:
    """Put a file of `data` at `target` unless there is one; whole, durable, and False when another was first."""
    try:
        write_synced(hidden, data)
        step("link", hidden, target)
        try:
            os.link(hidden, target)
        except FileExistsError:
            return False
        fsync_folder(os.path.dirname(target))  # noqa: PTH120
        return True
    finally:
        with contextlib.suppress(OSError):
            unlink(hidden)


def make_folder(folder: Path, *, private: bool = False) -> None:
    """Make a folder, and those above it, durably; harmless when it is there.

    Args:
        folder: to be made.
        private: whether nobody else may enter it (mode 0700).

    Raises:
        OSError: it cannot be made, or is not a folder.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    step("mkdir", folder)
    folder.mkdir(mode=_PRIVATE_MODE if private else _SHARED_MODE, exist_ok=True)
    fsync_folder(folder.parent)


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600 unless there is one.

    It is made under another name and linked, so that no descriptor of `path` itself is closed here: that would drop
    the locks that this process holds on it through SQLite.

    Raises:
        OSError: it cannot be made.
    """
    if path.exists():
        return
    publish_once(path.with_name(f".{path.name}.{secrets.token_hex(8)}"), path, b"")


def probe_rename(source_folder: Path, target_folder: Path) -> None:
    """Try whether files can be renamed from one folder to another; leaves nothing behind.

    Raises:
        OSError: they cannot: EXDEV when the folders lie on different filesystems, EROFS, EACCES, ENOSPC …
    """
    step("probe", source_folder, target_folder)
    name = f"{PROBE_PREFIX}{secrets.token_hex(8)}"
    source, target = source_folder / name, target_folder / name
    source.touch(mode=_FILE_MODE, exist_ok=False)
    try:
        source.rename(target)
    except OSError:
        source.unlink(missing_ok=True)
        raise
    target.unlink(missing_ok=True)
