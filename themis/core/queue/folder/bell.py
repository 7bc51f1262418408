"""Bell of a queue: a file that is written when there is something new for the workers.

`bell/ring` contains one byte, which is written again each time; no file ever leaves its folder, and workers watch that.
The bell is a hint and may be lost: the rescan finds everything anyway, so that nothing here is an error.
"""

import logging
import os
import stat
from pathlib import Path

from themis.core.files import durable, guarded
from themis.core.queue.model import layout

logger = logging.getLogger("themis.core.queue")

_silent: set[str] = set()  # queues whose bell this process cannot ring, as it has logged


def ring(root: Path | str) -> None:
    """Wake the workers of the queue at `root`; best effort: a failure is logged once."""
    path = f"{root}/{layout.BELL}/{layout.RING}"
    try:
        durable.step("ring", path)
        guarded.touch(path)
    except OSError as error:
        if path not in _silent:
            _silent.add(path)
            logger.warning("%s cannot be written (%s): workers find new jobs by polling", path, error.strerror)
    else:
        _silent.discard(path)


def hang(root: Path | str) -> None:
    """Make the bell's folder, which a queue of an earlier version lacks; best effort."""
    folder = Path(root, layout.BELL)
    if not folder.is_dir():
        try:
            durable.make_folder(folder, private=True)
        except OSError as error:
            logger.info("%s cannot be made (%s): workers find new jobs by polling", folder, error.strerror)


def why_silent(root: Path | str) -> str | None:
    """Return the reason why this user cannot ring the bell; None when it works. The bell is not rung."""
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
        return f"cannot be examined: {error.strerror}"
    return None if os.access(path, os.W_OK) else f"holds a {layout.RING} that cannot be written"


def mend(root: Path | str) -> bool:
    """Replace a link or a pipe by a file, and make a missing folder; return whether the bell can be rung."""
    path = f"{root}/{layout.BELL}/{layout.RING}"
    try:
        mode = os.lstat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            durable.unlink(path)
    except OSError:
        pass  # it does not exist, or cannot be removed, which the check below finds
    hang(root)
    return why_silent(root) is None
