"""Durable files: written under a hidden name, synced, renamed into place, and the folder synced.

No other module of Themis, but `synced_together`, renames, syncs or unlinks files that must not be lost. Each of these
steps, and each commit of a store, is announced to an observer first. Without an observer that costs a comparison; a
test uses one to number the steps, to record them, or to kill the process at one of them.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

Observer = Callable[..., None]
"""Called as `observer(kind, *arguments)` before a step is taken."""

PROBE_PREFIX = ".probe-"
"""Prefix of the files that only test whether files can be renamed; one that remains was left by a killed process."""

_FILE_MODE = 0o600
_PRIVATE_MODE = 0o700
_SHARED_MODE = 0o777  # less the umask

_observer: Observer | None = None


def set_observer(observer: Observer | None) -> Observer | None:
    """Announce every further step of this process to `observer`; returns the previous observer."""
    global _observer  # one switch per process, read at every step
    previous, _observer = _observer, observer
    return previous


def step(kind: str, *arguments: object) -> None:
    """Announce a step that is about to be taken."""
    if _observer is not None:
        _observer(kind, *arguments)


def write_synced(path: Path | str, data: bytes) -> None:
    """Create the new file `path` (mode 0600) with `data` and sync it; its name is not durable yet.

    Raises:
        OSError: it exists, or cannot be written; a partial file may be left.
    """
    with written(path, data) as descriptor:
        step("fsync", path)
        os.fsync(descriptor)


@contextlib.contextmanager
def written(path: Path | str, data: bytes) -> Iterator[int]:
    """Context with the descriptor of the new file `path` (mode 0600) with `data`, which is not synced yet."""
    step("write", path, data)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        yield descriptor
    finally:
        os.close(descriptor)


def rename(source: Path | str, target: Path | str) -> None:
    """Rename a file. `target` must be a name that only this caller uses, or one that may be replaced.

    Raises:
        FileNotFoundError: neither `source` nor `target` exists; when `target` exists, an earlier transmission of the
            same request has done the rename.
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
    """Create an empty file, unless it exists, as a hint that may be lost."""
    step("mark", path)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE))


def publish(hidden: Path | str, target: Path | str, data: bytes) -> None:
    """Write `data` to `target`, complete and durable; `hidden` is an unused name on the same filesystem.

    Raises:
        OSError: it could not be written; then nothing is left at `hidden`, and `target` is unchanged.
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
    """Write `data` to `target` unless it exists, complete and durable; False when another process was first."""
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
    """Create a folder and its parents durably; does nothing when it exists.

    Args:
        folder: the folder to create.
        private: whether only this user may enter it (mode 0700).

    Raises:
        OSError: it cannot be created, or is not a folder.
    """
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    step("mkdir", folder)
    folder.mkdir(mode=_PRIVATE_MODE if private else _SHARED_MODE, exist_ok=True)
    fsync_folder(folder.parent)


def make_private_file(path: Path) -> None:
    """Create an empty file with mode 0600 unless it exists.

    It is created under another name and linked, so that no descriptor of `path` itself is closed here: that would drop
    the locks that this process holds on it through SQLite.

    Raises:
        OSError: it cannot be created.
    """
    if path.exists():
        return
    publish_once(path.with_name(f".{path.name}.{secrets.token_hex(8)}"), path, b"")


def probe_rename(source_folder: Path, target_folder: Path) -> None:
    """Test whether files can be renamed from one folder to another; leaves nothing behind.

    Raises:
        OSError: they cannot: EXDEV when the folders are on different filesystems, EROFS, EACCES, ENOSPC …
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
