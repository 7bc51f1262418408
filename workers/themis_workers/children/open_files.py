"""Open files of a process that was just forked: closes all that it does not need."""

import os
import resource

_MOST_DESCRIPTORS = 1_048_576
_UNLIMITED = 65_536  # no descriptor of this process is larger, even where the system sets no limit


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(first, limit if 0 <= limit <= _MOST_DESCRIPTORS else _UNLIMITED)


def close_all_but(descriptor: int) -> None:
    """Close every descriptor but the standard three and `descriptor`."""
    os.closerange(3, descriptor)
    close_from(descriptor + 1)
