"""Location of a queue, and a check that the queue is still where its file says.

A queue's rows are in stores that its folder names by their paths. When a project is moved, its folder moves too and
those paths no longer exist; when it is copied, the copy names the stores of the original, and its workers would write
there. So `queue.json` records the location of the folder: its path and its identity in the system (device and inode),
as seen by a host.

The same folder may also be reached by another path: a link, a bind mount, a container's volume, a share. So a queue
that is found at another path is checked in this order.

1. The recorded path leads to this very folder: it is at home.
2. The recorded path leads to a queue of the same id. If a file written here appears there, it is the same folder on
   another mount; else this is a copy.
3. The recorded path leads to no such queue, and this is the recorded folder. Then it was moved, if this is the host
   that recorded it, or if no store can be found; else another host, or a container, sees it by a path of its own.
4. It is another folder: moved to another disk, or copied, which only a person can know. On a share, whose folders have
   another identity on each host, another host is accepted.
"""

import contextlib
import json
import os
import secrets
import socket
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from themis.core.files import durable, guarded
from themis.core.queue.model import layout

MAX_QUEUE_FILE_BYTES = 16_384


class Whereabouts(StrEnum):
    """Result of checking a queue's location."""

    HOME = "home"
    MOVED = "moved"
    COPIED = "copied"
    UNCLEAR = "moved or copied"


@dataclass(frozen=True, slots=True)
class QueueLocation:
    """Location of a queue's folder.

    Attributes:
        path: absolute path.
        device, inode: numbers of the folder in the system.
        host: name of the host that saw it there.
    """

    path: str
    device: int
    inode: int
    host: str

    @property
    def identity(self) -> tuple[int, int]:
        """Identity that distinguishes the folder from every other one on its host."""
        return self.device, self.inode


def here(root: Path) -> QueueLocation:
    """Return the current location of a folder.

    Raises:
        OSError: the folder does not exist.
    """
    found = root.stat()
    return QueueLocation(str(root), found.st_dev, found.st_ino, socket.gethostname())


def said(document: dict[str, Any]) -> QueueLocation | None:
    """Return the location recorded in a queue's file; None when there is none, as an earlier version made the file."""
    place = document.get("place")
    if not isinstance(place, dict):
        return None
    path, device, inode, host = (place.get(name) for name in ("path", "device", "inode", "host"))
    if not (isinstance(path, str) and path.startswith("/") and isinstance(host, str)):
        return None
    if isinstance(device, int) and isinstance(inode, int):
        return QueueLocation(path, device, inode, host)
    return None


def tell(document: dict[str, Any], place: QueueLocation) -> dict[str, Any]:
    """Return the content of a queue's file with another location, and all else unchanged."""
    return {**document, "place": asdict(place)}


def find(root: Path, queue_id: str, recorded: QueueLocation, *, shared: bool) -> Whereabouts:
    """Check the location of the queue at `root`, as the module describes; may write a file in `tmp`, which is removed.

    Raises:
        OSError: its folder cannot be used.
    """
    now = here(root)
    if now.path == recorded.path:
        return Whereabouts.HOME
    if queue_id_at(Path(recorded.path)) == queue_id:
        is_same = here(Path(recorded.path)).identity == now.identity or _is_seen_there(root, Path(recorded.path))
        return Whereabouts.HOME if is_same else Whereabouts.COPIED
    is_recorded_host = recorded.host == now.host
    if recorded.identity == now.identity:
        return Whereabouts.MOVED if is_recorded_host or _has_lost_its_stores(root) else Whereabouts.HOME
    return Whereabouts.HOME if shared and not is_recorded_host else Whereabouts.UNCLEAR


def explain(whereabouts: Whereabouts, recorded: QueueLocation) -> tuple[str, str]:
    """Describe the problem with a queue's location, and give advice."""
    doctor = "themis queue doctor --fix"
    match whereabouts:
        case Whereabouts.COPIED:
            problem = f"is a copy of the queue at {recorded.path}, whose jobs and results store it still names"
            return problem, f"{doctor} --copied makes it a separate queue"
        case Whereabouts.MOVED:
            problem = f"was moved here from {recorded.path}, and still names what was there"
            return problem, f"{doctor} --moved updates its paths"
        case _:
            problem = f"was moved or copied here from {recorded.path}, which is no longer visible"
            moved = f"{doctor} --moved, if it is now used only here"
            return problem, f"{moved}; {doctor} --copied, if the original is still used"


def queue_id_at(root: Path) -> str | None:
    """Return the id of the queue in a folder; None when there is no readable one."""
    try:
        found = json.loads(guarded.read(root / layout.QUEUE_FILE, MAX_QUEUE_FILE_BYTES))["queue_id"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def id_of_copy(queue_id: str, place: QueueLocation) -> str:
    """Return the id of a copied queue: the same each time, so that the command can be repeated after a crash."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{queue_id} {place.path} {place.device} {place.inode}"))


def rebase(old: str, new: str) -> Callable[[str], str]:
    """Return a function that maps a path from before a move of the queue's folder and its project to one after it.

    The common end of both paths is below the project's folder: `a/runs/queue` and `b/runs/queue` are in `a` and `b`. A
    path is unchanged when the old one exists and the new one does not.
    """
    before, after = (folder.parts for folder in projects(old, new))

    def moved(path: str) -> str:
        parts = Path(path).parts
        if not os.path.isabs(path) or parts[: len(before)] != before:  # noqa: PTH117  # text in, text out
            return path
        there = str(Path(*after, *parts[len(before) :]))
        return there if os.path.lexists(there) or not os.path.lexists(path) else path

    return moved


def projects(old: str, new: str) -> tuple[Path, Path]:
    """Return the folders that were moved or copied, given the old and the new folder of the queue."""
    before, after = Path(old), Path(new)
    while before.name == after.name and before.name:
        before, after = before.parent, after.parent
    return before, after


def _is_seen_there(root: Path, other: Path) -> bool:
    """Whether a file that is made in one folder appears in the other."""
    name = f"{layout.TMP}/.place-{secrets.token_hex(8)}"
    try:
        durable.mark(root / name)
        return os.path.lexists(other / name)
    finally:
        with contextlib.suppress(OSError):
            durable.unlink(root / name)


def _has_lost_its_stores(root: Path) -> bool:
    """Whether a queue names stores, and none of them can be found."""
    paths = []
    for file in (root / layout.STORES).glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            paths.append(Path(str(json.loads(guarded.read(file, MAX_QUEUE_FILE_BYTES))["path"])))
    paths = [path for path in paths if path.is_absolute()]  # a store that is not a file is not lost by a move
    return bool(paths) and not any(path.exists() for path in paths)
