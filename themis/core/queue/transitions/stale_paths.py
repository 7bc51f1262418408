"""Stale paths in a job's manifest, of files that were moved: updated when the same job is submitted again."""

import os
from dataclasses import replace
from typing import Any

from themis.core.errors import ManifestError
from themis.core.queue.model import manifest_file


def refreshed(before: str, now: str) -> str | None:
    """Return a job's manifest with valid paths; None when they were valid, or when no better ones are known.

    Args:
        before: text of the manifest.
        now: text of the same job's manifest if it were submitted now.
    """
    try:
        old, new = (manifest_file.decode(text.encode(), "", key=None) for text in (before, now))
    except ManifestError:
        return None
    # All of them together: the folder that modules are imported from may still exist without them.
    is_stale = any(_is_gone(value) for value in old.payload.values())
    paths = {name: value for name, value in new.payload.items() if is_stale and _paths(value)}
    store = old.store if all(map(os.path.lexists, old.store.paths)) else new.store
    moved = replace(old, store=store, payload={**old.payload, **paths})
    return None if moved == old else manifest_file.encode(moved).decode("ascii")


def _is_gone(value: Any) -> bool:
    """Whether a value of a payload is a path, or a list of paths, that does not exist."""
    return any(not os.path.lexists(path) for path in _paths(value))


def _paths(value: Any) -> list[str]:
    """Return the absolute paths in a value of a payload."""
    found = value if isinstance(value, list) else [value]
    return [path for path in found if isinstance(path, str) and os.path.isabs(path)]  # noqa: PTH117  # text in
