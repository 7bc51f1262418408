"""Check that the nodes of a cluster can see the queue."""

import json
from collections.abc import Collection
from pathlib import Path

from themis.core.errors import UnreachableQueueError
from themis.core.files.filesystems import network_filesystem
from themis.core.queue.model import layout


def check_reachable(folder: Path, engine: str, *, other_nodes: Collection[str]) -> None:
    """Refuse a queue in a folder that only this machine has on a disk.

    Args:
        folder: the queue's folder.
        engine: name of the engine, for the message.
        other_nodes: nodes that are not this machine; without any, a local folder will do.

    Raises:
        UnreachableQueueError: the nodes do not see it.
    """
    if other_nodes and network_filesystem(folder) is None and not _is_marked_shared(folder):
        raise UnreachableQueueError(path=folder, engine=engine)


def _is_marked_shared(folder: Path) -> bool:
    try:
        document = json.loads((folder / layout.QUEUE_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("shared") is True
