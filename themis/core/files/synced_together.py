"""Many durable files in less time than one by one: all are written, then all are synced, several at once.

A filesystem writes its journal for all files that are synced at the same time.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from themis.core.files import durable

_AT_ONCE = 4


def write(files: Sequence[tuple[Path | str, bytes]]) -> None:
    """Create new files (mode 0600), each with its data, and sync them; their names are not durable yet.

    Raises:
        OSError: one exists, or cannot be written; some of them may be left, also partial ones.
    """
    for path, data in files:
        with durable.written(path, data):
            pass
    for path, _ in files:
        durable.step("fsync", path)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(_sync, (path for path, _ in files)):
            pass  # raises the error of the first that has one


def _sync(path: Path | str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
