"""Root of a queue: its folder, which the first submit makes, and which is checked before it is used."""

import errno
import json
import os
import secrets
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.errors import (
    NewerQueueFormatError,
    QueueElsewhereError,
    QueueFileError,
    QueueRootError,
    QueueUnwritableError,
)
from themis.core.files import durable, guarded
from themis.core.files.filesystems import network_filesystem
from themis.core.queue.folder import bell, location
from themis.core.queue.folder.cases_in_flight import NotesFolder
from themis.core.queue.folder.lease import LEASE_S, LONGEST_S, SHORTEST_S
from themis.core.queue.folder.location import QueueLocation, Whereabouts
from themis.core.queue.model import layout, outages

FORMAT = 1

_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_UNWRITABLE = outages.SCARCE_ERRNOS | outages.BROKEN_ERRNOS | {errno.EACCES, errno.EPERM, errno.EMFILE}
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class QueueRoot:
    """Folder of a queue.

    Attributes:
        path: absolute path.
        queue_id: UUID that was assigned when it was made.
        locks_folder: folder of its jobs' locks.
        shared: whether several hosts use it, whose locks do not reach each other, so that every claim takes a lease.
        lease_s: length of such a lease, in seconds; the same for all.
    """

    path: Path
    queue_id: str
    locks_folder: str
    shared: bool = False
    lease_s: float = LEASE_S

    @property
    def notes(self) -> NotesFolder:
        """Folder of what the processes of its jobs on this host note of the cases that they are on."""
        return NotesFolder.of_queue(self.path, self.queue_id, shared=self.shared)

    def folder(self, name: str) -> str:
        """Return the path of a folder of the queue, as a string: names are made by the thousand."""
        return f"{self.path}/{name}"

    def hidden_name(self) -> str:
        """Return a new hidden name in `tmp`."""
        return f"{self.path}/{layout.TMP}/.{secrets.token_hex(8)}"


def make_root(path: str | Path, *, shared: bool = False) -> QueueRoot:
    """Open the queue at `path`, and make it if it does not exist; checks that it can be written.

    Args:
        path: its folder.
        shared: treat it as shared by several hosts, whatever its filesystem is.

    Raises:
        NewerQueueFormatError: a newer Themis made it.
        QueueElsewhereError: it was moved or copied here, and has not been relocated.
        QueueRootError: it cannot be a queue; the message says why.
    """
    root = Path(path).absolute()
    shared = shared or network_filesystem(root) is not None
    try:
        durable.make_folder(root, private=True)
        for name in layout.FOLDERS:
            durable.make_folder(root / name, private=True)
        bell.hang(root)
        _probe(root)
        if not (root / layout.QUEUE_FILE).exists():
            _refuse_orphans(root)
            publish_queue_file(root, str(uuid.uuid4()), shared=shared, once=True)
    except OSError as error:
        raise _root_error(root, error) from error
    return _read_root(root, shared=shared, write=True)


def open_root(path: str | Path, *, write: bool = True, shared: bool = False) -> QueueRoot | None:
    """Open the queue at `path`; None when nothing was submitted there yet.

    Args:
        path: its folder.
        write: whether it will be changed; then it is checked that it can be written.
        shared: treat it as shared by several hosts, whatever its filesystem is.

    Raises:
        NewerQueueFormatError: a newer Themis made it.
        QueueElsewhereError: it is opened for writing, but was moved or copied here, and has not been relocated.
        QueueRootError: it cannot be used; the message says why.
    """
    root = Path(path).absolute()
    try:
        if not root.exists():
            return None
        if not root.is_dir():
            raise QueueRootError(path=root, detail="is not a folder")
        if not (root / layout.QUEUE_FILE).exists():
            _refuse_orphans(root)
            return None
        if write:
            _probe(root)
            bell.hang(root)
    except OSError as error:
        raise _root_error(root, error) from error
    return _read_root(root, shared=shared or network_filesystem(root) is not None, write=write)


def refuse_writable_by_others(root: QueueRoot) -> None:
    """Refuse a queue that other users can write to: they could run code as this user.

    Raises:
        QueueRootError: other users can write to it.
    """
    bell_folder = [layout.BELL] if (root.path / layout.BELL).exists() else []
    for folder in (root.path, *(root.path / name for name in (*layout.FOLDERS, *bell_folder))):
        found = folder.stat()
        if found.st_mode & _OTHERS_MAY_WRITE:
            detail = f"other users can write to {folder}, and so run code as this worker; chmod go-w it"
            raise QueueRootError(path=root.path, detail=detail)
        if found.st_uid not in {os.geteuid(), 0}:
            detail = f"{folder} belongs to another user (uid {found.st_uid}), who could run code as this worker"
            raise QueueRootError(path=root.path, detail=detail)


def _probe(root: Path) -> None:
    """Check that a job's file can be moved from `tmp` to each of its folders by one rename."""
    for name in (*layout.JOB_FOLDERS, layout.REJECTED):
        durable.probe_rename(root / layout.TMP, root / name)


def publish_queue_file(root: Path, queue_id: str, *, shared: bool, once: bool = False) -> None:
    """Write the queue's file; an existing one is replaced, unless `once` is set.

    Raises:
        QueueRootError: it cannot be written.
    """
    document = {"format": FORMAT, "queue_id": queue_id, "shared": shared, "lease_s": LEASE_S}
    publish = durable.publish_once if once else durable.publish
    try:
        text = json.dumps(location.tell(document, location.here(root)))
        publish(_hidden(root), root / layout.QUEUE_FILE, text.encode() + b"\n")
    except OSError as error:
        raise _root_error(root, error) from error


def _refuse_orphans(root: Path) -> None:
    """Refuse a folder with jobs but without a queue file: with a new id, the jobs would be orphans."""
    for name in layout.JOB_FOLDERS:
        folder = root / name
        if folder.is_dir() and any(layout.parse(name, file) for file in os.listdir(folder)):  # noqa: PTH208  # names only
            raise QueueFileError(path=root, detail="is missing, though its folders contain jobs")


def write_queue_file(root: Path, document: dict[str, Any]) -> None:
    """Replace the content of a queue's file."""
    try:
        durable.publish(_hidden(root), root / layout.QUEUE_FILE, json.dumps(document).encode() + b"\n")
    except OSError as error:
        raise _root_error(root, error) from error


def whereabouts(root: Path) -> tuple[Whereabouts, QueueLocation | None]:
    """Check a queue's location and return the result and the recorded location; None when none was recorded.

    Raises:
        QueueRootError: there is no usable queue.
    """
    document = read_queue_file(root)
    recorded = location.said(document)
    if recorded is None:
        return Whereabouts.HOME, None
    shared = document.get("shared") is True or network_filesystem(root) is not None
    try:
        return location.find(root, document["queue_id"], recorded, shared=shared), recorded
    except OSError as error:
        raise _root_error(root, error) from error


def _refuse_elsewhere(root: Path, document: dict[str, Any], *, shared: bool) -> dict[str, Any]:
    """Check that a queue is at its recorded location, and return its document; a missing or old location is updated."""
    recorded = location.said(document)
    try:
        found = Whereabouts.HOME
        if recorded is not None:
            found = location.find(root, document["queue_id"], recorded, shared=shared)
        now = location.here(root)
    except OSError as error:
        raise _root_error(root, error) from error
    if recorded is not None and found is not Whereabouts.HOME:
        problem, advice = location.explain(found, recorded)
        raise QueueElsewhereError(path=root, problem=problem, advice=advice, whereabouts=found)
    # A disk may get another number when the machine starts; on a share each host sees another one.
    is_old = recorded is not None and recorded.path == now.path and recorded.identity != now.identity and not shared
    if recorded is None or is_old:
        document = location.tell(document, now)
        write_queue_file(root, document)
    return document


def _hidden(root: Path) -> Path:
    return root / layout.TMP / f".{secrets.token_hex(8)}"


def _read_root(root: Path, *, shared: bool, write: bool) -> QueueRoot:
    """Read the queue's file; mark a shared queue as shared if it is opened for writing and not yet marked."""
    document = read_queue_file(root)
    marked = document.get("shared") is True
    if write:
        document = _refuse_elsewhere(root, document, shared=shared or marked)
    if shared and write and not marked:
        # From now on everyone who opens the queue takes leases, also the host on whose own disk it is.
        write_queue_file(root, {"lease_s": LEASE_S, **document, "shared": True})
    return QueueRoot(
        path=root,
        queue_id=document["queue_id"],
        locks_folder=f"{root}/{layout.LOCKS}",
        shared=shared or marked,
        lease_s=_lease_s(root, document),
    )


def read_queue_file(root: Path) -> dict[str, Any]:
    """Read and check the content of a queue's file.

    Raises:
        NewerQueueFormatError: a newer Themis made it.
        QueueRootError: it cannot be read, or is not a queue's file.
    """
    path = root / layout.QUEUE_FILE
    try:
        document = json.loads(guarded.read(path, location.MAX_QUEUE_FILE_BYTES))
        found, queue_id = document["format"], document["queue_id"]
    except OSError as error:
        raise _root_error(root, error) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise QueueFileError(path=root, detail=f"is not readable ({error})") from error
    if not isinstance(found, int) or not isinstance(queue_id, str):
        raise QueueFileError(path=root, detail="is not a queue's file")
    if found > FORMAT:
        raise NewerQueueFormatError(path=root, found=found, known=FORMAT)
    return dict(document)


def _lease_s(root: Path, document: dict[str, Any]) -> float:
    found = document.get("lease_s", LEASE_S)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise QueueRootError(path=root, detail=f"lease_s in its {layout.QUEUE_FILE} is not a number of seconds")
    if not SHORTEST_S <= found <= LONGEST_S:
        bounds = f"{SHORTEST_S:g} to {LONGEST_S:g}"
        raise QueueRootError(path=root, detail=f"lease_s in its {layout.QUEUE_FILE} is not {bounds} seconds")
    return float(found)


def _root_error(root: Path, error: OSError) -> QueueRootError:
    where = error.filename2 or error.filename
    reason = error.strerror or str(error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        return QueueRootError(path=root, detail=f"{where} is not a folder")
    detail = reason + (f" ({where})" if where and Path(where) != root else "")
    if error.errno in _UNWRITABLE:
        mend = "free some disk space, or check the disk"
        if error.errno in _DENIED:
            mend = "make it writable for this user, or use a queue of your own"
        return QueueUnwritableError(path=root, detail=detail, mend=mend)
    return QueueRootError(path=root, detail=f"cannot be used as a queue: {detail}")
