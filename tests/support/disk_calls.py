"""What a process really asks of the disk, in order: seen at the system's own functions, whatever was announced.

An announcement says what is about to be done; only the call does it. SQLite's syncs are inside SQLite: of a commit it
is told how its connection is set just then, which decides whether it is synced.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from themis.core.files import durable
from themis.core.stores.sqlite.database import Database

Seen = Callable[..., None]
"""Called as `seen(call, *paths)` before a call is made."""

_FULL = 2


def path_of(descriptor: int) -> str:
    """What a descriptor is open on."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def is_synced(connection: sqlite3.Connection) -> bool:
    """Whether a connection syncs its next commit."""
    return int(connection.execute("PRAGMA synchronous").fetchone()[0]) >= _FULL


@contextmanager
def disk_calls(seen: Seen) -> Iterator[None]:
    """A block whose syncs, renames, links and removals are told to `seen`, and its commits as `commit`, synced or not.

    An fsync of a folder is told as `fsync_folder`, one of a file as `fsync`, each with the path that is open there.
    """
    real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ("fsync", "rename", "link", "unlink")}

    def fsync(descriptor: int) -> None:
        path = path_of(descriptor)
        seen("fsync_folder" if os.path.isdir(path) else "fsync", path)  # noqa: PTH112  # as text
        real["fsync"](descriptor)

    def told(name: str) -> Callable[..., Any]:
        def call(*paths: str | Path, **arguments: Any) -> Any:
            seen(name, *map(str, paths))
            return real[name](*paths, **arguments)

        return call

    with (
        patch.object(os, "fsync", fsync),
        patch.object(os, "rename", told("rename")),
        patch.object(os, "link", told("link")),
        patch.object(os, "unlink", told("unlink")),
        _commits(seen),
    ):
        yield


@contextmanager
def _commits(seen: Seen) -> Iterator[None]:
    """A block whose commits are told, with the level of syncing that their connections have."""
    begun: list[sqlite3.Connection] = []
    begin = Database._begin

    def note(database: Database, connection: sqlite3.Connection, *, synced: bool) -> None:
        begin(database, connection, synced=synced)
        begun.append(connection)

    def observe(kind: str, *facts: object) -> None:
        if before is not None:
            before(kind, *facts)
        if kind == "commit":
            seen("commit" if is_synced(begun[-1]) else "commit, not synced", str(facts[0]))

    with patch.object(Database, "_begin", note):
        before = durable.set_observer(None)
        durable.set_observer(observe)
        try:
            yield
        finally:
            durable.set_observer(before)
