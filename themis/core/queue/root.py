"""The folder of a queue: made by the first submit, looked at before it is used."""

import json
import os
import secrets
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from themis.core import durable_files
from themis.core.errors import NetworkFilesystemError, NewerQueueFormatError, QueueRootError
from themis.core.filesystems import network_filesystem
from themis.core.queue import layout

FORMAT = 1

_MAX_QUEUE_FILE_BYTES = 4_096
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_NETWORK_REASON = "the locks that prove a worker alive do not reach from one host to another"


@dataclass(frozen=True, slots=True)
class QueueRoot:
    """A queue's folder.

    Attributes:
        path: absolute.
        queue_id: a UUID that it was given when it was made.
    """

    path: Path
    queue_id: str

    def folder(self, name: str) -> str:
        """A folder of the queue, as text: names are made by the thousand."""
        return f"{self.path}/{name}"

    def hidden_name(self) -> str:
        """A fresh name in `tmp`."""
        return f"{self.path}/{layout.TMP}/.{secrets.token_hex(8)}"


def make_root(path: str | Path) -> QueueRoot:
    """The queue at `path`, which is made unless it is there, and can be written.

    Raises:
        NetworkFilesystemError: it lies, or would, on a network filesystem.
        NewerQueueFormatError: a newer Themis made it.
        QueueRootError: it cannot be a queue; the message says why.
    """
    root = Path(path).absolute()
    _refuse_network(root)
    try:
        durable_files.make_folder(root, private=True)
        for name in layout.FOLDERS:
            durable_files.make_folder(root / name, private=True)
        _probe(root)
        if not (root / layout.QUEUE_FILE).exists():
            _publish_queue_file(root)
    except OSError as error:
        raise _root_error(root, error) from error
    return _read_root(root)


def open_root(path: str | Path, *, write: bool = True) -> QueueRoot | None:
    """The queue at `path`, or None when nothing was submitted there yet.

    Args:
        path: its folder.
        write: whether it is opened to change it; then it is tried whether it can be.

    Raises:
        NetworkFilesystemError: it lies on a network filesystem.
        NewerQueueFormatError: a newer Themis made it.
        QueueRootError: it cannot be used; the message says why.
    """
    root = Path(path).absolute()
    try:
        if not root.exists():
            return None
        if not root.is_dir():
            raise QueueRootError(path=root, detail="is not a folder")
        if not (root / layout.QUEUE_FILE).exists():
            return None
        if write:
            _refuse_network(root)
            _probe(root)
    except OSError as error:
        raise _root_error(root, error) from error
    return _read_root(root)


def refuse_writable_by_others(root: QueueRoot) -> None:
    """Refuse a queue that other users can write to: they could run code as this user.

    Raises:
        QueueRootError: they can.
    """
    for folder in (root.path, *(root.path / name for name in layout.FOLDERS)):
        found = folder.stat()
        if found.st_mode & _OTHERS_MAY_WRITE:
            detail = f"other users can write to {folder}, and so run code as this worker; chmod go-w it"
            raise QueueRootError(path=root.path, detail=detail)
        if found.st_uid not in {os.geteuid(), 0}:
            detail = f"{folder} belongs to another user (uid {found.st_uid}), who could run code as this worker"
            raise QueueRootError(path=root.path, detail=detail)


def _refuse_network(root: Path) -> None:
    kind = network_filesystem(root)
    if kind is not None:
        raise NetworkFilesystemError(path=root, filesystem=kind, reason=_NETWORK_REASON)


def _probe(root: Path) -> None:
    """A job's file must be able to go from `tmp` to wherever it belongs by one rename."""
    for name in (*layout.JOB_FOLDERS, layout.REJECTED):
        durable_files.probe_rename(root / layout.TMP, root / name)


def _publish_queue_file(root: Path) -> None:
    document = {"format": FORMAT, "queue_id": str(uuid.uuid4())}
    hidden = root / layout.TMP / f".{secrets.token_hex(8)}"
    durable_files.publish_once(hidden, root / layout.QUEUE_FILE, json.dumps(document).encode() + b"\n")


def _read_root(root: Path) -> QueueRoot:
    path = root / layout.QUEUE_FILE
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_MAX_QUEUE_FILE_BYTES))
        found, queue_id = document["format"], document["queue_id"]
    except OSError as error:
        raise _root_error(root, error) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise QueueRootError(path=root, detail=f"its {layout.QUEUE_FILE} is not readable: {error}") from error
    if not isinstance(found, int) or not isinstance(queue_id, str):
        raise QueueRootError(path=root, detail=f"its {layout.QUEUE_FILE} is not that of a queue")
    if found > FORMAT:
        raise NewerQueueFormatError(path=root, found=found, known=FORMAT)
    return QueueRoot(path=root, queue_id=queue_id)


def _root_error(root: Path, error: OSError) -> QueueRootError:
    where = error.filename2 or error.filename
    reason = error.strerror or str(error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        detail = f"{where} is not a folder"
    else:
        detail = f"cannot be used as a queue: {reason}" + (f" ({where})" if where and Path(where) != root else "")
    return QueueRootError(path=root, detail=detail)
