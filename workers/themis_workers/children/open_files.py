"""Open files of a process that was just forked: closed, but for those that it needs."""

import os
import resource

_MOST_DESCRIPTORS = 1_048_576
_UNLIMITED = 65_536  # where the system says that there is no limit, none of this process has a larger number


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(first, limit if 0 <= limit <= _MOST_DESCRIPTORS else _UNLIMITED)


def close_all_but(descriptor: int) -> None:
    """Close every descriptor but the standard three and `descriptor`."""
    os.closerange(3, descriptor)
    close_from(descriptor + 1)
