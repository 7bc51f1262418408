"""A job's manifest that names what was moved since: brought up to date by a submission of the same job."""

import os
from dataclasses import replace
from typing import Any

from themis.core.errors import ManifestError
from themis.core.queue import manifest_file


def refreshed(before: str, now: str) -> str | None:
    """A job's manifest whose paths lead somewhere; None when they did, or when nothing better is known.

    Args:
        before: its text.
        now: that of the same job as it would be submitted now.
    """
    try:
        old, new = (manifest_file.decode(text.encode(), "", key=None) for text in (before, now))
    except ManifestError:
        return None
    gone = {name: new.payload[name] for name, value in old.payload.items() if name in new.payload and _is_gone(value)}
    store = old.store if os.path.lexists(old.store.path) else new.store
    moved = replace(old, store=store, payload={**old.payload, **gone})
    return None if moved == old else manifest_file.encode(moved).decode("ascii")


def _is_gone(value: Any) -> bool:
    """Whether a value of a payload is a path, or a list of paths, that does not exist."""
    paths = value if isinstance(value, list) else [value]
    return any(
        isinstance(path, str) and os.path.isabs(path) and not os.path.lexists(path)  # noqa: PTH117  # text in
        for path in paths
    )
