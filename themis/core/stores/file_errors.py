"""Translation of system errors on a store's file into our errors."""

import errno
import resource
from pathlib import Path

from themis.core.errors import StoreDescriptorsError, StoreError, StoreFullError, StoreIOError, StoreReadOnlyError

TOO_MANY = frozenset({errno.EMFILE, errno.ENFILE})
"""Error numbers for too many open files in the process or the system."""

_ERRNOS = {errno.ENOSPC: StoreFullError, errno.EDQUOT: StoreFullError, errno.EIO: StoreIOError}


def of_system(error: OSError, path: Path) -> StoreError:
    """Translate a system error on the store at `path`."""
    if error.errno in TOO_MANY:
        return too_many_files(path)
    found = _ERRNOS.get(error.errno or 0, StoreReadOnlyError)
    return found(path=path, detail=error.strerror or str(error))


def too_many_files(path: Path) -> StoreDescriptorsError:
    """Make the error of a process that may open no more files."""
    return StoreDescriptorsError(path=path, limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0])
