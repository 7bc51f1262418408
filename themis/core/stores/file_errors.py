"""From what the system says is wrong with a store's file to our errors."""

import errno
import resource
from pathlib import Path

from themis.core.errors import StoreDescriptorsError, StoreError, StoreFullError, StoreIOError, StoreReadOnlyError

TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})
"""The process, or the system, has too many files open."""

_ERRNOS = {errno.ENOSPC: StoreFullError, errno.EDQUOT: StoreFullError, errno.EIO: StoreIOError}


def of_system(error: OSError, path: Path) -> StoreError:
    """Store error that a system error at `path` means."""
    if error.errno in TOO_MANY:
        return too_many_files(path)
    found = _ERRNOS.get(error.errno or 0, StoreReadOnlyError)
    return found(path=path, detail=error.strerror or str(error))


def too_many_files(path: Path) -> StoreDescriptorsError:
    """This process may open no more files."""
    return StoreDescriptorsError(path=path, limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0])
