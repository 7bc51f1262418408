"""Pausing: while the file `paused` exists, no job is claimed. It says who made it, when and why.

Any file of that name pauses a queue, also one made by hand: its content is for people.
"""

import getpass
import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from themis.core.files import durable, guarded
from themis.core.queue.folder import bell
from themis.core.queue.folder.root import QueueRoot
from themis.core.queue.model import layout

REASON_CHARACTERS = 500
_MAX_FILE_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause of a queue.

    Attributes:
        by: the person who paused it, as `user@host`; None when the file does not say.
        at_ns: time of the pause, in nanoseconds since 1970 UTC.
        reason: reason that was given; None without one.
    """

    by: str | None
    at_ns: int
    reason: str | None


def pause(root: QueueRoot, reason: str | None) -> Pause:
    """Stop claims; the file then names the last person who paused."""
    made = Pause(_who(), time.time_ns(), reason[:REASON_CHARACTERS] if reason else None)
    document = {"by": made.by, "pid": os.getpid(), "at_ns": made.at_ns, "reason": made.reason}
    data = json.dumps(document, indent=2).encode() + b"\n"
    durable.publish(root.hidden_name(), root.path / layout.PAUSED_FILE, data)
    bell.ring(root.path)
    return made


def resume(root: QueueRoot) -> bool:
    """Allow claims again; False when the queue was not paused."""
    path = root.path / layout.PAUSED_FILE
    was_paused = os.path.lexists(path)
    durable.unlink(path)
    bell.ring(root.path)
    return was_paused


def read(path: Path | str) -> Pause | None:
    """Return the pause of the queue whose file `paused` is at `path`; None when it is not paused."""
    try:
        made_ns = os.lstat(path).st_mtime_ns
    except FileNotFoundError:
        return None
    document = _document(path)
    by, reason, at_ns = document.get("by"), document.get("reason"), document.get("at_ns")
    # True is an int in Python, but not a time.
    if not isinstance(at_ns, int) or isinstance(at_ns, bool) or not 0 <= at_ns < layout.LATEST_NS:
        at_ns = made_ns
    return Pause(
        by=by[:REASON_CHARACTERS] if isinstance(by, str) else None,
        at_ns=at_ns,
        reason=reason[:REASON_CHARACTERS] if isinstance(reason, str) else None,
    )


def _document(path: Path | str) -> dict[str, Any]:
    """Return the readable content of the file."""
    try:
        document = json.loads(guarded.read(path, _MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
