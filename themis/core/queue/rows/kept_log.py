"""End of an attempt's log, as a store keeps it: the whole log stays on the host that ran the attempt."""

import os
from pathlib import Path

from themis.core.files import guarded
from themis.core.stores.queues.port import LogRow

KEPT_BYTES = 65_536
"""Bytes of an attempt's output that are kept in the store."""


def kept_log(path: Path, attempt: int, host: str) -> LogRow | None:
    """Return the end of the log in a file; None when there is none."""
    try:
        with os.fdopen(guarded.open_to_read(path), "rb") as log:
            size = os.fstat(log.fileno()).st_size
            log.seek(max(size - KEPT_BYTES, 0))
            return LogRow(attempt, host, str(path), size, log.read(KEPT_BYTES))
    except OSError:
        return None
