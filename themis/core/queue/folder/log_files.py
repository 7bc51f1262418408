"""Logs of a job's attempts: `<attempt>.log`, and before it the part that was rotated away to `<attempt>.log.1`."""

import contextlib
import os
import re
from pathlib import Path

from themis.core.files import durable, guarded

_NAME = re.compile(r"(?P<attempt>[0-9]{1,9})\.log(?:\.(?P<part>[0-9]{1,3}))?")


def attempt_of(path: Path) -> int | None:
    """Return the attempt that a log belongs to; None when the file is not a log."""
    found = _NAME.fullmatch(path.name)
    return int(found["attempt"]) if found else None


def of_job(folder: Path) -> list[Path]:
    """Return the logs in a job's folder, in the order of writing; empty when there is no folder."""
    try:
        paths = [path for path in folder.iterdir() if attempt_of(path) is not None]
    except OSError:
        return []
    return sorted(paths, key=_order)


def append_line(path: Path, text: str) -> None:
    """Add a line to a log, which is made if it does not exist. Best effort: no job fails because of its log."""
    with contextlib.suppress(OSError):
        durable.make_folder(path.parent, private=True)
        with os.fdopen(guarded.open_to_append(path), "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{text}\n")


def _order(path: Path) -> tuple[int, int]:
    found = _NAME.fullmatch(path.name)
    # The higher a part's number, the older it is.
    return (int(found["attempt"]), -int(found["part"] or 0)) if found else (0, 0)
