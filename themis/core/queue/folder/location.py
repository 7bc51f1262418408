"""Location of a queue: where it is, and whether that is where its file says.

A queue's rows are in stores that its folder names by their paths. A project that is moved takes its folder along, and
all that it names is gone; one that is copied names the stores of the original, and its workers would write there. So
`queue.json` says where the folder lies: its path, and what the system calls it (device and inode), as seen by a host.

The same folder may well be reached by another path: through a link, a bind mount, a container's volume, a share. So a
queue that is found elsewhere is asked four questions, in this order.

1. Does the path that it says lead to this very folder? It is at home.
2. Does that path lead to a queue of the same id? What is written here is to be seen there if it is the same folder on
   another mount; else this is a copy.
3. The path leads to no such queue. Is this the folder that was recorded? Then it was moved, if this is the host that
   recorded it, or if no store can be found; else another host, or a container, sees it by a path of its own.
4. It is another folder: moved to another disk, or copied, and only a person can know. On a share, whose folders have
   another identity on each host, another host is believed.
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
    """Whether a queue lies where it says."""

    HOME = "home"
    MOVED = "moved"
    COPIED = "copied"
    UNCLEAR = "moved or copied"


@dataclass(frozen=True, slots=True)
class QueueLocation:
    """Location of a queue's folder.

    Attributes:
        path: absolute.
        device, inode: of the folder, as the system numbers them.
        host: that saw it there.
    """

    path: str
    device: int
    inode: int
    host: str

    @property
    def identity(self) -> tuple[int, int]:
        """Identity of the folder among all on that host."""
        return self.device, self.inode


def here(root: Path) -> QueueLocation:
    """The place of a folder.

    Raises:
        OSError: there is none.
    """
    found = root.stat()
    return QueueLocation(str(root), found.st_dev, found.st_ino, socket.gethostname())


def said(document: dict[str, Any]) -> QueueLocation | None:
    """The place that a queue's file tells; None when it tells none: an earlier version made it."""
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
    """Content of a queue file with this location, and everything else that it holds."""
    return {**document, "place": asdict(place)}


def find(root: Path, queue_id: str, recorded: QueueLocation, *, shared: bool) -> Whereabouts:
    """Whether the queue at `root` lies where it says; see the head of this file. It may write a hint into `tmp`.

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
    """Explanation of what is wrong with a queue's location, and what to do about it."""
    doctor = "themis queue doctor --fix"
    match whereabouts:
        case Whereabouts.COPIED:
            problem = f"is a copy of the queue at {recorded.path}, whose jobs and results store it still names"
            return problem, f"{doctor} --copied makes it a queue of its own"
        case Whereabouts.MOVED:
            problem = f"was moved here from {recorded.path}, and still names what was there"
            return problem, f"{doctor} --moved brings its paths up to date"
        case _:
            problem = f"was moved or copied here from {recorded.path}, which cannot be seen any more"
            moved = f"{doctor} --moved, if it continues here and nowhere else"
            return problem, f"{moved}; {doctor} --copied, if the original lives on"


def queue_id_at(root: Path) -> str | None:
    """The id of the queue in a folder; None when there is none that can be read."""
    try:
        found = json.loads(guarded.read(root / layout.QUEUE_FILE, MAX_QUEUE_FILE_BYTES))["queue_id"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def id_of_copy(queue_id: str, place: QueueLocation) -> str:
    """The id that a copied queue gets: the same again when it is given twice, as after a crash half-way."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{queue_id} {place.path} {place.device} {place.inode}"))


def rebase(old: str, new: str) -> Callable[[str], str]:
    """New path of something that moved together with a queue's folder from `old` to `new`.

    What both paths end in stayed as it is, below the project's folder: `a/runs/queue` and `b/runs/queue` are in `a` and
    `b`. A path is left as it is when there is something at the old one, and nothing at the new one.
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
    """The folders that were moved or copied when a queue's folder went from `old` to `new`."""
    before, after = Path(old), Path(new)
    while before.name == after.name and before.name:
        before, after = before.parent, after.parent
    return before, after


def _is_seen_there(root: Path, other: Path) -> bool:
    """Whether a file that is made in one folder is to be seen in the other."""
    name = f"{layout.TMP}/.place-{secrets.token_hex(8)}"
    try:
        durable.mark(root / name)
        return os.path.lexists(other / name)
    finally:
        with contextlib.suppress(OSError):
            durable.unlink(root / name)


def _has_lost_its_stores(root: Path) -> bool:
    """Whether there are stores that a queue names, and none of them is to be found."""
    paths = []
    for file in (root / layout.STORES).glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            paths.append(Path(str(json.loads(guarded.read(file, MAX_QUEUE_FILE_BYTES))["path"])))
    paths = [path for path in paths if path.is_absolute()]  # a store that is no file is not lost by a move
    return bool(paths) and not any(path.exists() for path in paths)
