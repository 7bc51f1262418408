"""Journal: a job's history for people, one line a move. Best effort, never part of a commit, never synced."""

import contextlib
import functools
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from themis.core.files import guarded
from themis.core.text.canonical import compact_json
from themis.core.text.masking import masked

_HOST = socket.gethostname()
_MAX_READ_BYTES = 1_000_000


def note(folder: Path | str, key: str, move: str, **facts: Any) -> None:
    """Add a line to the journal of `key`; facts that are None are omitted."""
    line = {"at": moment(time.time_ns()), "move": move, "host": _HOST, "pid": os.getpid()} | facts
    try:
        data = compact_json(masked({name: value for name, value in line.items() if value is not None})).encode() + b"\n"
        descriptor = guarded.open_to_append(f"{folder}/{key}.jsonl")
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
    except (OSError, TypeError, ValueError):
        pass  # best effort: no job fails because of its history


def read(folder: Path | str, key: str) -> list[dict[str, Any]]:
    """Return the readable lines of a journal, oldest first."""
    try:
        data = guarded.read(f"{folder}/{key}.jsonl", _MAX_READ_BYTES)
    except OSError:
        return []
    lines = []
    for text in data.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            line = json.loads(text)
            if isinstance(line, dict):
                lines.append(line)
    return lines


def moment(time_ns: int) -> str:
    """Return a time as journals write it."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest_ns // 1_000_000:03d}Z"


@functools.lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
