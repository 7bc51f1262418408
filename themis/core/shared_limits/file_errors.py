"""Errors of the files of limits, as people read them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from themis.core.errors import LimitFileError


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Context in which what is wrong with the file at `path` is raised as a LimitFileError."""
    try:
        yield
    except OSError as error:
        raise LimitFileError(path=error.filename or path, detail=error.strerror or str(error)) from None
    except ValueError as error:
        raise LimitFileError(path=path, detail=str(error)) from None
