"""Logs of a job's attempts: `<attempt>.log`, and its older part `<attempt>.log.1` after a rotation."""

import contextlib
import os
import re
from pathlib import Path

from themis.core.files import durable, guarded

_NAME = re.compile(r"(?P<attempt>[0-9]{1,9})\.log(?:\.(?P<part>[0-9]{1,3}))?")


def attempt_of(path: Path) -> int | None:
    """The attempt that a log is of; None when it is no log."""
    found = _NAME.fullmatch(path.name)
    return int(found["attempt"]) if found else None


def of_job(folder: Path) -> list[Path]:
    """The logs in a job's folder, in the order in which they were written; none when there is no folder."""
    try:
        paths = [path for path in folder.iterdir() if attempt_of(path) is not None]
    except OSError:
        return []
    return sorted(paths, key=_order)


def append_line(path: Path, text: str) -> None:
    """Add a line to a log, which is made if it is not there. Best effort: no job fails for its log."""
    with contextlib.suppress(OSError):
        durable.make_folder(path.parent, private=True)
        with os.fdopen(guarded.open_to_append(path), "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{text}\n")


def _order(path: Path) -> tuple[int, int]:
    found = _NAME.fullmatch(path.name)
    # The higher a part's number, the older it is.
    return (int(found["attempt"]), -int(found["part"] or 0)) if found else (0, 0)
