"""Doorbell of a queue: a file that is written to when there is something for workers to see.

`bell/ring` holds one byte, which is written again each time; nothing ever leaves its folder, and workers watch that. It
is a hint, and may be lost: what there is to see is found by the rescan all the same, so that nothing here is an error.
"""

import logging
import os
import stat
from pathlib import Path

from themis.core.files import durable, guarded
from themis.core.queue.model import layout

logger = logging.getLogger("themis.core.queue")

_silent: set[str] = set()  # the queues whose bell does not ring for this process, as it has said


def ring(root: Path | str) -> None:
    """Have the workers of the queue at `root` look; best effort: where that cannot be, it is said once."""
    path = f"{root}/{layout.BELL}/{layout.RING}"
    try:
        durable.step("ring", path)
        guarded.touch(path)
    except OSError as error:
        if path not in _silent:
            _silent.add(path)
            logger.warning("%s cannot be written (%s): workers find what is new by looking", path, error.strerror)
    else:
        _silent.discard(path)


def hang(root: Path | str) -> None:
    """Make the folder, which a queue of an earlier version lacks; best effort, as above."""
    folder = Path(root, layout.BELL)
    if not folder.is_dir():
        try:
            durable.make_folder(folder, private=True)
        except OSError as error:
            logger.info("%s cannot be made (%s): workers find what is new by looking", folder, error.strerror)


def why_silent(root: Path | str) -> str | None:
    """Reason why this user cannot ring the bell; None when they can. It is not rung."""
    folder = f"{root}/{layout.BELL}"
    path = f"{folder}/{layout.RING}"
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return "is not a folder"
        if not os.path.lexists(path):
            return None if os.access(folder, os.W_OK | os.X_OK) else "cannot be written"
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return f"holds a {layout.RING} that is not a file"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    return None if os.access(path, os.W_OK) else f"holds a {layout.RING} that cannot be written"


def mend(root: Path | str) -> bool:
    """Replace a link or a pipe by a file, and make a missing folder; whether the bell can be rung then."""
    path = f"{root}/{layout.BELL}/{layout.RING}"
    try:
        mode = os.lstat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            durable.unlink(path)
    except OSError:
        pass  # it does not exist, or cannot be removed, which is noticed below
    hang(root)
    return why_silent(root) is None
